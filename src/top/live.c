/*
 * A process is found by its pid; of two that had the same one, the older has ended, heard of or not. Those that end are added up at once, by
 * what they have in common.
 */
#include "top/live.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/wall.h"
#include "lang/eval.h"
#include "top/live_own.h"
#include "wire/sizes.h"

/* Connections whose bytes are remembered, so that only what is new is counted. */
#define CONNECTIONS_MOST 65536

struct open_connection {
	u64 received, sent;
};

struct live *live_new(struct identity *identity, struct rules *rules, const struct lang_node *condition)
{
	struct live *live = xcalloc(1, sizeof(*live));

	live->identity = identity;
	live->rules = rules;
	live->condition = condition;
	live->texts.account = &live->memory;
	live->since = live->turned = wall_boot_now();
	return live;
}

struct living *live_find(const struct live *live, u32 pid, u64 start)
{
	struct living *living = table_get(&live->by_pid, pid);

	return living && living->start == start ? living : NULL;
}

static void forget(struct live *live, struct living *living)
{
	if (table_get(&live->by_pid, living->pid) == living)
		table_remove(&live->by_pid, living->pid);
	*(living->previous ? &living->previous->next : &live->first) = living->next;
	if (living->next)
		living->next->previous = living->previous;
	live_unplace(live, living);
	free(living);
	live->count--;
}

static void free_value(u64 key, void *value, void *argument)
{
	(void)key;
	(void)argument;
	free(value);
}

void live_free(struct live *live)
{
	if (!live)
		return;
	while (live->first)
		forget(live, live->first);
	for (size_t i = 0; i < live->ended_count; i++) {
		shared_drop(&live->texts, live->ended[i].tool);
		shared_drop(&live->texts, live->ended[i].task);
		shared_drop(&live->texts, live->ended[i].container);
	}
	free(live->ended);
	table_each(&live->connections, free_value, NULL);
	table_free(&live->connections);
	table_free(&live->ended_by_sort);
	table_free(&live->by_pid);
	shared_pool_free(&live->texts);
	text_free(&live->key);
	text_free(&live->name);
	text_free(&live->inside);
	free(live);
}

/* As it is now: a process may become another by exec, and everything it used until the next look counts with what it is then. */
static bool is_wanted(const struct live *live, const struct living *living)
{
	struct fork_record record = { .record = { .kind = KIND_fork, .size = sizeof(record), .pid = living->pid, .tid = living->pid,
						  .start = living->start, .uid = living->user, .time = live->turned } };
	struct event event = { .record = &record.record, .identity = live->identity };

	if (!live->condition)
		return true;
	event.process = process_find(live->identity->processes, living->pid, living->start);
	if (event.process) {
		record.record.uid = event.process->credentials.user;
		record.record.gid = event.process->credentials.group;
		record.record.cgroup = event.process->credentials.cgroup;
	}
	return lang_eval(live->condition, &event);
}

/* --- those that end --- */

static u64 mix(u64 hash, u64 value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15ULL;
	return hash ^ hash >> 29;
}

/* The row of those that ended and are of the same sort; NULL without memory. */
static struct frame_row *row_of_ended(struct live *live, const struct living *living)
{
	struct shared_bytes *task = living->task ? living->task->name : NULL;
	u64 key = mix(mix(mix(mix(1, (uintptr_t)living->tool), (uintptr_t)task), (uintptr_t)living->container), living->user);
	size_t index = (uintptr_t)table_get(&live->ended_by_sort, key);
	struct frame_row *row;

	if (index)
		return &live->ended[index - 1];
	if (live->ended_count == live->ended_capacity) {
		size_t capacity = live->ended_capacity ? live->ended_capacity * 2 : 64;

		row = realloc(live->ended, capacity * sizeof(*row));
		if (!row)
			return NULL;
		live->ended = row;
		live->ended_capacity = capacity;
	}
	if (table_put(&live->ended_by_sort, key, (void *)(uintptr_t)(live->ended_count + 1)))
		return NULL;
	row = &live->ended[live->ended_count++];
	*row = (struct frame_row){
		.user = living->user,
		.tool = shared_hold(living->tool),
		.task = shared_hold(task),
		.container = shared_hold(living->container),
		.state = SAMPLE_GONE,
	};
	return row;
}

static u64 above(u64 now, u64 before)
{
	return now > before ? now - before : 0;
}

static void add_used(struct counters *sum, const struct counters *now, const struct counters *before)
{
	sum->cpu += above(now->cpu, before->cpu);
	sum->wait += above(now->wait, before->wait);
	sum->disk_read += above(now->disk_read, before->disk_read);
	sum->disk_write += above(now->disk_write, before->disk_write);
	sum->read += above(now->read, before->read);
	sum->write += above(now->write, before->write);
	sum->received += above(now->received, before->received);
	sum->sent += above(now->sent, before->sent);
}

static void end(struct live *live, struct living *living)
{
	struct frame_row *row = is_wanted(live, living) ? row_of_ended(live, living) : NULL;

	if (row) {
		if (living->based)
			add_used(&row->used, &living->now, &living->before);
		if (row->peak < living->peak)
			row->peak = living->peak;
		row->started += living->started;
		row->ended++;
	}
	forget(live, living);
}

/* --- those that live --- */

static struct living *add(struct live *live, u32 pid, u64 start, u32 parent_pid, u64 parent_start)
{
	struct living *before = table_get(&live->by_pid, pid), *living;

	/* Its end was not heard of; two processes cannot have one pid. */
	if (before)
		end(live, before);
	living = calloc(1, sizeof(*living));
	if (!living || table_put(&live->by_pid, pid, living)) {
		free(living);
		return NULL;
	}
	*living = (struct living){ .pid = pid, .start = start, .parent_pid = parent_pid, .parent_start = parent_start };
	living->next = live->first;
	if (live->first)
		live->first->previous = living;
	live->first = living;
	live->count++;
	/* One that was there before has used what it has used: only what it adds counts. */
	living->based = living->started = start >= live->since;
	return living;
}

static void place_new(struct live *live, struct living *living, struct process *process)
{
	struct living *parent = live_find(live, process->parent_pid, process->parent_start);

	if (parent)
		live_inherit(living, parent);
	live_place(live, living, process);
}

/* One that no fork announced: it was there before, or its sample came ahead of its fork. */
static struct living *discover(struct live *live, u32 pid, u64 start)
{
	struct process *process = process_find(live->identity->processes, pid, start);
	struct living *living = add(live, pid, start, process ? process->parent_pid : 0, process ? process->parent_start : 0);

	if (living && process)
		place_new(live, living, process);
	return living;
}

static void learn_fork(struct live *live, const struct fork_record *record)
{
	struct living *living = live_find(live, record->record.pid, record->record.start), *parent;

	if (living && living->tool)
		return;
	parent = live_find(live, record->parent_pid, record->parent_start);
	if (!parent) {
		if (!living)
			discover(live, record->record.pid, record->record.start);
		return;
	}
	if (!living)
		living = add(live, record->record.pid, record->record.start, record->parent_pid, record->parent_start);
	if (!living)
		return;
	living->parent_pid = record->parent_pid;
	living->parent_start = record->parent_start;
	live_inherit(living, parent);
	living->user = record->record.uid;
}

static void learn_exec(struct live *live, const struct event *event)
{
	const struct exec_record *record = (const void *)event->record;
	struct living *living;

	if (record->error || !event->process)
		return;
	living = live_find(live, record->record.pid, record->record.start);
	if (living)
		live_place(live, living, event->process);
	else
		discover(live, record->record.pid, record->record.start);
}

static void learn_exit(struct live *live, const struct exit_record *record)
{
	struct living *living = live_find(live, record->record.pid, record->record.start);

	if (!living)
		return;
	living->now.cpu = record->runtime_ns;
	living->now.wait = record->wait_ns;
	living->now.disk_read = record->read_bytes;
	living->now.disk_write = record->write_bytes;
	living->now.read = record->read_chars;
	living->now.write = record->write_chars;
	living->peak = record->peak_memory;
	end(live, living);
}

/* --- connections --- */

static u64 connection_key(const struct connection_record *record)
{
	u64 words[4], key = record->network_namespace;

	memcpy(words, record->local, 16);
	memcpy(words + 2, record->peer, 16);
	for (int i = 0; i < 4; i++)
		key = mix(key, words[i]);
	return mix(key, (u64)record->local_port << 32 | (u64)record->peer_port << 8 | record->transport);
}

/* Its process can have ended before: the kernel closes what is left open after it has told of the exit. */
static void add_bytes(struct live *live, const struct connection_record *record, u64 received, u64 sent)
{
	struct living *living = live_find(live, record->record.pid, record->record.start);
	struct living gone = { .pid = record->record.pid, .start = record->record.start };
	struct process *process;
	struct frame_row *row;

	if (living) {
		living->now.received += received;
		living->now.sent += sent;
		return;
	}
	process = process_find(live->identity->processes, record->record.pid, record->record.start);
	if (!process || !(received | sent))
		return;
	place_new(live, &gone, process);
	row = is_wanted(live, &gone) ? row_of_ended(live, &gone) : NULL;
	if (row) {
		row->used.received += received;
		row->used.sent += sent;
	}
	live_unplace(live, &gone);
}

/*
 * What went over it since it was last told of is its process's. Of one that is told of for the first time that is all, if it was
 * opened since the last interval ended; if it is older, it is not known.
 */
static void count_connection(struct live *live, const struct connection_record *record, bool closed)
{
	u64 key = connection_key(record);
	struct open_connection *known = table_get(&live->connections, key);
	bool fresh = !known && record->duration_ns && record->record.time - record->duration_ns >= live->turned;

	if (known || fresh)
		add_bytes(live, record, above(record->received, known ? known->received : 0),
			  above(record->sent, known ? known->sent : 0));
	if (closed) {
		free(table_remove(&live->connections, key));
		return;
	}
	if (!known && table_count(&live->connections) < CONNECTIONS_MOST) {
		known = calloc(1, sizeof(*known));
		if (known && table_put(&live->connections, key, known)) {
			free(known);
			known = NULL;
		}
	}
	if (known)
		*known = (struct open_connection){ .received = record->received, .sent = record->sent };
}

void live_connection(struct live *live, const struct connection_record *connection)
{
	count_connection(live, connection, false);
}

static void learn_loss(struct live *live, const struct lost_record *record)
{
	live->lost += record->count;
	live->exits_lost |= record->kind == KIND_exit;
}

void live_event(struct live *live, const struct event *event)
{
	switch (event->record->kind) {
	case KIND_fork:
		learn_fork(live, (const void *)event->record);
		break;
	case KIND_exec:
		learn_exec(live, event);
		break;
	case KIND_exit:
		learn_exit(live, (const void *)event->record);
		break;
	case KIND_close:
		count_connection(live, (const void *)event->record, true);
		break;
	case KIND_lost:
		learn_loss(live, (const void *)event->record);
		break;
	}
}

void live_sample(struct live *live, const struct sample_record *sample)
{
	struct living *living = live_find(live, sample->pid, sample->start);

	/* A zombie may have been told of by its exit already. */
	if (!living && sample->state != SAMPLE_GONE)
		living = discover(live, sample->pid, sample->start);
	if (!living)
		return;
	living->now.cpu = sample->runtime_ns;
	living->now.wait = sample->wait_ns;
	living->now.disk_read = sample->read_bytes;
	living->now.disk_write = sample->write_bytes;
	living->now.read = sample->read_chars;
	living->now.write = sample->write_chars;
	living->memory = sample->resident;
	living->peak = sample->peak;
	living->threads = sample->threads;
	living->state = sample->state;
	if (!living->based)
		living->before = living->now;
	living->based = true;
}

/* --- frames --- */

static void fill_row(struct frame_row *row, struct living *living)
{
	*row = (struct frame_row){
		.pid = living->pid,
		.parent_pid = living->parent_pid,
		.start = living->start,
		.parent_start = living->parent_start,
		.user = living->user,
		.tool = shared_hold(living->tool),
		.task = shared_hold(living->task ? living->task->name : NULL),
		.container = shared_hold(living->container),
		.since = living->now,
		.memory = living->memory,
		.peak = living->peak,
		.threads = living->threads,
		.living = 1,
		.started = living->started,
		.state = living->state,
	};
	if (living->based)
		add_used(&row->used, &living->now, &living->before);
}

/* After exits were lost: who is not there any more has ended. */
static void look_for_the_dead(struct live *live)
{
	for (struct living *living = live->first, *next; living; living = next) {
		next = living->next;
		if (kill(living->pid, 0) && errno == ESRCH)
			end(live, living);
	}
	live->exits_lost = false;
}

struct frame *live_turn(struct live *live, u64 now)
{
	struct frame *frame = xcalloc(1, sizeof(*frame));
	size_t ended;

	if (live->exits_lost)
		look_for_the_dead(live);
	ended = live->ended_count;
	frame->pool = &live->texts;
	frame->time = now;
	frame->interval = now > live->turned ? now - live->turned : 1;
	frame->lost = live->lost;
	frame->rows = xcalloc(ended + live->count + 1, sizeof(*frame->rows));
	if (ended)
		memcpy(frame->rows, live->ended, ended * sizeof(*frame->rows));
	frame->count = ended;
	for (struct living *living = live->first; living; living = living->next) {
		if (is_wanted(live, living))
			fill_row(&frame->rows[frame->count++], living);
		living->before = living->now;
		living->started = false;
	}
	live->ended_count = 0;
	table_free(&live->ended_by_sort);
	live->turned = now;
	return frame;
}

void frame_free(struct frame *frame)
{
	if (!frame)
		return;
	for (size_t i = 0; i < frame->count; i++) {
		shared_drop(frame->pool, frame->rows[i].tool);
		shared_drop(frame->pool, frame->rows[i].task);
		shared_drop(frame->pool, frame->rows[i].container);
	}
	free(frame->rows);
	free(frame);
}
