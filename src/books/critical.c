/*
 * The path is walked backwards from the end of the run. It is in a process until the latest end, before now, of one
 * that this process waited for: a child, or the one before it in a pipeline. Then it is in that one. When it comes to
 * the start of a process it goes on in the parent, which had its reason to start it just then: in a shell the command
 * before, in make the recipe that made room.
 *
 * Whether a process waited for a child is not told by anyone. It did not if it was busy itself meanwhile. The samples
 * show that of long children; short ones are believed as long as all of them together fit into the time the process
 * left unused.
 *
 * Each process is entered once and each child looked at once, so the walk takes as many steps as there are processes.
 */
#include "books/critical.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "books/order.h"
#include "books/spend.h"

#define MS 1000000ULL
/*
 * The members of a pipeline are started together, by a shell that does nothing else; looked for among that many rows.
 */
#define PIPELINE_START (100 * MS)
#define PIPELINE_NEAR 32
#define PIPELINE_DEPTH 8
/* A member that has had the end of its input ends this soon, but for what it still has to do. */
#define PIPELINE_END (20 * MS)
/* So soon after its command a run of a command ends. */
#define COMMAND_END (200 * MS)

enum {
	ENTERED = 1,		/* the path was there */
	ALONE = 2,		/* not in a pipeline */
};

struct walk {
	const struct run *run;
	struct spend *spend;
	u32 *order, left;		/* all processes by their end; those before `left` may still be on the path */
	u32 *children;			/* those of one parent together, by their end */
	u32 *first, *last;		/* of each process in children; last moves down */
	u64 *unused;			/* of each: time in which it may have waited */
	u64 *children_time;		/* of each: how long its children were there, added up */
	unsigned char *state;
	struct critical_link *links;	/* backwards */
	u32 count, capacity;
};

static u64 start_of(const struct walk *walk, u32 process)
{
	return order_start(walk->run, &walk->run->processes[process]);
}

static u64 end_of(const struct walk *walk, u32 process)
{
	return order_end(walk->run, &walk->run->processes[process]);
}

static u32 parent_of(const struct run *run, u32 process)
{
	u32 parent = run->processes[process].parent;

	return parent < process ? parent : RUN_NONE;
}

static bool lives(const struct walk *walk, u32 process)
{
	return walk->run->processes[process].flags & RUN_PROCESS_LIVING;
}

static u64 minus(u64 a, u64 b)
{
	return a > b ? a - b : 0;
}

static u64 own_time(const struct run_process *process)
{
	return process->costs.cpu + process->costs.cpu_wait + process->costs.disk_wait;
}

static void walk_begin(struct walk *walk, const struct run *run)
{
	size_t count = run->process_count;

	*walk = (struct walk){
		.run = run,
		.spend = spend_new(run),
		.order = order_by_end(run),
		.left = run->process_count,
		.children = xmalloc((count + 1) * sizeof(u32)),
		.first = xcalloc(count + 2, sizeof(u32)),
		.last = xmalloc((count + 1) * sizeof(u32)),
		.unused = xmalloc((count + 1) * sizeof(u64)),
		.children_time = xcalloc(count + 1, sizeof(u64)),
		.state = xcalloc(count + 1, 1),
	};
	for (u32 i = 0; i < count; i++)
		if (parent_of(run, i) != RUN_NONE)
			walk->first[parent_of(run, i) + 1]++;
	for (u32 i = 0; i < count; i++) {
		walk->first[i + 1] += walk->first[i];
		walk->last[i] = walk->first[i];
		walk->unused[i] = minus(minus(end_of(walk, i), start_of(walk, i)), own_time(&run->processes[i]));
	}
	for (u32 i = 0; i < count; i++) {
		u32 parent = parent_of(run, walk->order[i]);

		if (parent == RUN_NONE)
			continue;
		walk->children[walk->last[parent]++] = walk->order[i];
		walk->children_time[parent] += minus(end_of(walk, walk->order[i]), start_of(walk, walk->order[i]));
	}
}

static void walk_end(struct walk *walk)
{
	spend_free(walk->spend);
	free(walk->order);
	free(walk->children);
	free(walk->first);
	free(walk->last);
	free(walk->unused);
	free(walk->children_time);
	free(walk->state);
}

static void add_link(struct walk *walk, u32 process, u64 from, u64 to)
{
	struct critical_link *before = walk->count ? &walk->links[walk->count - 1] : NULL;

	if (from >= to)
		return;
	if (before && before->process == process) {
		before->from = from;
		return;
	}
	if (walk->count == walk->capacity) {
		walk->capacity = walk->capacity ? 2 * walk->capacity : 64;
		walk->links = xrealloc(walk->links, walk->capacity, sizeof(*walk->links));
	}
	walk->links[walk->count++] = (struct critical_link){ .process = process, .from = from, .to = to };
}

static bool waited_for_child(struct walk *walk, u32 process, u32 child)
{
	u64 from = start_of(walk, child), to = end_of(walk, child);

	if (spend_is_sampled(walk->spend, process, from, to)) {
		if (spend_busy(walk->spend, process, from, to) >= (to - from) / 2)
			return false;
	} else if (walk->unused[process] < (to - from) / 2) {
		return false;
	}
	walk->unused[process] = minus(walk->unused[process], to - from);
	return true;
}

/* The child that ended last until `now`, among those this process waited for. */
static u32 last_child(struct walk *walk, u32 process, u64 now)
{
	for (; walk->last[process] > walk->first[process]; walk->last[process]--) {
		u32 child = walk->children[walk->last[process] - 1];

		if (end_of(walk, child) > now || walk->state[child] & ENTERED ||
		    (lives(walk, child) && !lives(walk, process)))
			continue;
		if (end_of(walk, child) < start_of(walk, process))
			return RUN_NONE;
		if (waited_for_child(walk, process, child))
			return child;
	}
	return RUN_NONE;
}

/* Is one of them beside the other, or beside the subshell that it is in: a | (b; c)? */
static bool is_beside(const struct run *run, u32 a, u32 b)
{
	u32 parent = parent_of(run, a);

	for (u32 depth = 0; a != b && parent != RUN_NONE && depth < PIPELINE_DEPTH; depth++) {
		if (parent == parent_of(run, b))
			return true;
		/* a shell that became another program is no part of the pipeline's own text */
		if (run->processes[parent].exec)
			return false;
		a = parent;
		parent = parent_of(run, a);
	}
	return false;
}

static bool in_one_pipeline(const struct walk *walk, u32 a, u32 b)
{
	const struct run_process *one = &walk->run->processes[a], *other = &walk->run->processes[b];
	u64 apart = one->start > other->start ? one->start - other->start : other->start - one->start;

	return one->group == other->group && apart < PIPELINE_START && !(other->flags & RUN_PROCESS_LIVING) &&
	       is_beside(walk->run, a, b);
}

/*
 * Did a process wait for the end of another member of its pipeline? Then neither it nor its children did much before
 * that end, and all they did until now was work that this end had left to them.
 */
static bool waited_for_member(struct walk *walk, u32 process, u32 member, u64 now)
{
	const struct run_process *p = &walk->run->processes[process];
	u64 start = start_of(walk, process), end = end_of(walk, member), before = end - start, after = now - end;
	u64 own = own_time(p) + walk->children_time[process], idle_after;

	if (spend_is_sampled(walk->spend, process, start, end)) {
		if (spend_busy(walk->spend, process, start, end) + minus(walk->children_time[process], after) >=
		    before / 2)
			return false;
	} else if (minus(own, after) >= before / 2) {
		return false;
	}
	idle_after = minus(after, own);
	return idle_after <= PIPELINE_END || idle_after <= after / 10;
}

/* The member of the same pipeline that ended last until `now`, if this one waited for it. */
static u32 last_member(struct walk *walk, u32 process, u64 now)
{
	u32 from = process > PIPELINE_NEAR ? process - PIPELINE_NEAR : 0, best = RUN_NONE;
	bool alone = true;

	if (walk->state[process] & ALONE || parent_of(walk->run, process) == RUN_NONE)
		return RUN_NONE;
	for (u32 i = from; i < walk->run->process_count && i <= process + PIPELINE_NEAR; i++) {
		if (!in_one_pipeline(walk, process, i))
			continue;
		alone = false;
		if (end_of(walk, i) <= now && end_of(walk, i) > start_of(walk, process) &&
		    !(walk->state[i] & ENTERED) && (best == RUN_NONE || end_of(walk, i) > end_of(walk, best)))
			best = i;
	}
	if (alone)
		walk->state[process] |= ALONE;
	return best != RUN_NONE && waited_for_member(walk, process, best, now) ? best : RUN_NONE;
}

static u32 waited_for(struct walk *walk, u32 process, u64 now)
{
	u32 child = last_child(walk, process, now), member = last_member(walk, process, now);

	if (child == RUN_NONE || (member != RUN_NONE && end_of(walk, member) > end_of(walk, child)))
		return member;
	return child;
}

/*
 * Where no parent is known: whoever ended last. What lives on was not waited for, unless the recording just broke off.
 */
static u32 last_of_all(struct walk *walk, u64 now)
{
	for (; walk->left; walk->left--) {
		u32 process = walk->order[walk->left - 1];

		if (end_of(walk, process) <= now && !(walk->state[process] & ENTERED) &&
		    (!lives(walk, process) || walk->run->state != RUN_FINISHED))
			return process;
	}
	return RUN_NONE;
}

static u32 last_of_run(struct walk *walk)
{
	const struct run *run = walk->run;

	if (run->kind == RUN_COMMAND && run->process_count &&
	    (run->state != RUN_FINISHED || run->end - end_of(walk, 0) <= COMMAND_END))
		return 0;
	return last_of_all(walk, run->end);
}

static void walk_back(struct walk *walk)
{
	u64 now = walk->run->end, start = walk->run->start;
	u32 process = RUN_NONE, next = last_of_run(walk);

	while (now > start) {
		u64 until = start;

		if (next != RUN_NONE)
			until = end_of(walk, next);
		else if (process != RUN_NONE)
			until = start_of(walk, process);
		until = until < start ? start : until > now ? now : until;
		add_link(walk, process, until, now);
		now = until;
		if (next != RUN_NONE)
			process = next;
		else if (process == RUN_NONE)
			break;
		else
			process = parent_of(walk->run, process);
		if (process != RUN_NONE) {
			walk->state[process] |= ENTERED;
			next = waited_for(walk, process, now);
		} else {
			next = last_of_all(walk, now);
		}
	}
}

struct critical_link *critical_find(const struct run *run, u32 *count)
{
	struct walk walk;

	walk_begin(&walk, run);
	walk_back(&walk);
	for (u32 i = 0; i < walk.count / 2; i++) {
		struct critical_link link = walk.links[i];

		walk.links[i] = walk.links[walk.count - 1 - i];
		walk.links[walk.count - 1 - i] = link;
	}
	spend_links(walk.spend, walk.links, walk.count);
	*count = walk.count;
	walk_end(&walk);
	return walk.links;
}
