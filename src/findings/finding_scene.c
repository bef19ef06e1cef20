/*
 * What a process waited for. The kernel tells how long a process was neither on a CPU nor ready for one; for what it slept is known
 * exactly for disks where programs can be put on kernel functions, else from samples. Where a run is too short for samples, bytes and switches
 * say it: a process that goes to sleep about as often as it reads, and whose bytes came from disks, slept for the disk.
 */
#include "findings/finding_scene.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "books/order.h"
#include "books/spend.h"
#include "wire/net.h"

const struct finding_limits limit = {
#define LIMIT(name, value, unit, reason) .name = value,
#include "findings/finding_limits.def"
#undef LIMIT
};

static double life_of(const struct run *run, const struct run_process *process)
{
	u64 from = process->start < run->start ? run->start : process->start, to = order_end(run, process);

	return to > from ? to - from : 0;
}

/* Were waits for disks counted, not sampled? Then some process too short for a sample has them. */
static bool disk_is_counted(const struct run *run)
{
	bool *sampled = xcalloc(run->process_count + 1, sizeof(*sampled)), counted = false;

	for (u32 i = 0; i < run->sample_count; i++)
		if (run->samples[i].process < run->process_count)
			sampled[run->samples[i].process] = true;
	for (u32 i = 0; i < run->process_count && !counted; i++)
		counted = run->processes[i].costs.syncs || (run->processes[i].costs.disk_wait && !sampled[i]);
	free(sampled);
	return counted;
}

static bool seems_to_read(const struct costs *costs)
{
	double waits = costs->voluntary_switches;

	return costs->disk_read >= limit.read_bytes &&
	       (costs->disk_read * 2 >= costs->read || costs->major_faults * 2 >= waits);
}

/* Each of its waits comes with a write rather than a read: so it is no end of a pipe. */
static bool seems_to_write(const struct costs *costs)
{
	double waits = costs->voluntary_switches;

	return costs->disk_write >= limit.write_bytes && costs->disk_write * 2 >= costs->write &&
	       waits * 2 >= costs->write_calls && costs->read_calls * 2 <= waits;
}

static void judge_disk(struct stay *stay, const struct costs *costs, bool known)
{
	double disk = costs->disk_wait, sync = costs->sync_wait;
	bool often = costs->voluntary_switches >= limit.disk_switches * stay->blocked / SECOND;

	if (!known && often && disk < stay->blocked / 2 && (seems_to_read(costs) || seems_to_write(costs))) {
		disk = stay->blocked;
		stay->guessed = true;
	}
	disk = disk < stay->blocked ? disk : stay->blocked;
	sync = sync < disk ? sync : disk;
	if (costs->disk_write > costs->disk_read)
		sync = disk;
	/* some programs wait so for things that are no disks: it must have had to do with one */
	if (costs->disk_read < limit.read_bytes && costs->disk_write < limit.write_bytes)
		return;
	stay->write = sync;
	stay->read = disk - sync;
}

/* Who serves waits for clients, which is its purpose; so do daemons that were there before and go on. */
static bool is_client(const struct run *run, const struct run_peer *peer)
{
	u16 flags = run->processes[peer->process].flags;

	return peer->direction != NET_IN && peer->last > peer->first &&
	       (run->kind == RUN_COMMAND || !(flags & (RUN_PROCESS_EARLIER | RUN_PROCESS_LIVING)));
}

/* Of its life, the part in which it had a connection over which bytes came or went. */
static void judge_network(struct stay *stays, const struct run *run)
{
	double *talked = xcalloc(run->process_count + 1, sizeof(*talked)), *bytes = xcalloc(run->process_count + 1, sizeof(*bytes));

	for (u32 i = 0; i < run->peer_count; i++) {
		const struct run_peer *peer = &run->peers[i];

		if (peer->process >= run->process_count || !is_client(run, peer))
			continue;
		talked[peer->process] += peer->last - peer->first;
		bytes[peer->process] += peer->sent + peer->received;
	}
	for (u32 i = 0; i < run->process_count; i++) {
		const struct run_process *process = &run->processes[i];
		double rest = stays[i].blocked - stays[i].read - stays[i].write, life = life_of(run, process);

		/* What it read from disks may be no more than its own program; these bytes came while it waited. */
		if (stays[i].guessed && talked[i] * 2 >= life)
			rest = stays[i].blocked;
		if (!talked[i] || process->costs.voluntary_switches < limit.switches * rest / SECOND ||
		    bytes[i] < limit.network_bytes || bytes[i] < limit.network_rate * rest / SECOND)
			continue;
		if (stays[i].guessed && talked[i] * 2 >= life) {
			stays[i].read = stays[i].write = 0;
			stays[i].guessed = false;
		}
		stays[i].network = rest * (talked[i] < life ? talked[i] / life : 1);
	}
	free(talked);
	free(bytes);
}

static void add_usage(struct scene *scene, struct spend *spend, u32 index)
{
	const struct stay *stay = &scene->stays[index];
	const struct spend_bracket *brackets;
	double disk = stay->read + stay->write, free_time = 0;
	u32 count;

	brackets = spend_brackets(spend, index, &count);
	for (u32 i = 0; i < count; i++) {
		double rest = brackets[i].to - brackets[i].from - brackets[i].cpu - brackets[i].cpu_wait;

		free_time += rest > 0 ? rest : 0;
	}
	for (u32 i = 0; i < count; i++) {
		double rest = brackets[i].to - brackets[i].from - brackets[i].cpu - brackets[i].cpu_wait;
		double part = rest > 0 ? rest / free_time : 0;
		struct usage_bin spent = {
			.cpu = brackets[i].cpu,
			.demand = spend_demand(&scene->run->processes[index], &brackets[i]),
			.disk = stay->guessed ? disk * part : brackets[i].disk,
			.network = stay->network * part,
		};

		usage_add(scene->usage, brackets[i].from, brackets[i].to, &spent);
	}
}

static void walk_path(struct scene *scene)
{
	for (u32 i = 0; i < scene->path_count; i++) {
		const struct critical_link *link = &scene->path[i];
		double length = link->to - link->from, busy = (double)link->cpu + link->cpu_wait;

		if (link->process >= scene->run->process_count)
			continue;
		scene->stays[link->process].on_path += length;
		scene->stays[link->process].path_blocked += length > busy ? length - busy : 0;
	}
}

/*
 * Time in which the run asked for no more CPUs than there are, and yet waited for one: others had them. What the run's own threads made each
 * other wait is not in it.
 */
static double contended(const struct scene *scene)
{
	const struct usage *usage = scene->usage;
	double lost = 0;

	for (u32 i = 0; i < usage->count; i++) {
		const struct usage_bin *bin = &usage->bins[i];
		double waiting = bin->demand - bin->cpu;

		if (bin->demand <= 0 || bin->demand >= limit.crowded * scene->cpus)
			continue;
		if (bin->demand > scene->cpus)
			waiting -= bin->demand - scene->cpus;
		if (waiting > 0)
			lost += waiting / bin->demand * (bin->demand < 1 ? bin->demand : 1) * usage_bin_length(usage, i);
	}
	return lost;
}

static bool is_tiny(const struct run *run, u32 process)
{
	const struct run_process *p = &run->processes[process];

	return p->parent != RUN_NONE && !(p->flags & (RUN_PROCESS_LIVING | RUN_PROCESS_EARLIER)) &&
	       order_end(run, p) - p->start < limit.tiny * SECOND;
}

static void find_tiny(struct scene *scene)
{
	u32 count = 0;

	for (u32 i = 0; i < scene->run->process_count; i++)
		count += is_tiny(scene->run, i);
	if (count < limit.tiny_count)
		return;
	scene->tiny_count = count;
	for (u32 i = 0; i < scene->run->process_count; i++)
		scene->tiny[i] = is_tiny(scene->run, i);
}

/* Does it matter for who was there and what it did? Files and signals do not. */
static bool is_of_processes(const struct run *run, const struct run_fact *fact)
{
	static const char *const kinds[] = { "fork: ", "exec: ", "exit: ", "connect: ", "accept: ", "live: ", "flow: ", "close: " };
	const char *text = run_text(run, fact->text).data;

	if (fact->kind == RUN_FACT_GAVE_UP)
		return !strstr(text, RUN_BEYOND);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strncmp(text, kinds[i], strlen(kinds[i])))
			return true;
	return false;
}

/*
 * A loss is told when an event of its kind comes through again, which may be long after: since when something is missing is not known, only
 * when it was told. Of rows that were given up not even that is known: their fact has the time of the run's end.
 */
static u64 whole_from(const struct run *run)
{
	u64 from = run->start;

	for (u32 i = 0; i < run->fact_count; i++) {
		const struct run_fact *fact = &run->facts[i];

		if ((fact->kind != RUN_FACT_LOST && fact->kind != RUN_FACT_GAVE_UP) || !is_of_processes(run, fact))
			continue;
		from = fact->kind == RUN_FACT_GAVE_UP ? run->end : fact->time > from ? fact->time : from;
	}
	for (u32 i = 0; i < run->process_count; i++) {
		const struct run_process *process = &run->processes[i];

		/* what it did since it was last seen, and when it ended, nobody knows */
		if ((process->flags & (RUN_PROCESS_NO_LEDGER | RUN_PROCESS_LIVING)) == RUN_PROCESS_NO_LEDGER)
			from = order_end(run, process) > from ? order_end(run, process) : from;
	}
	return from;
}

void scene_make(struct scene *scene, const struct run *run)
{
	struct spend *spend = spend_new(run);
	bool counted = disk_is_counted(run);

	*scene = (struct scene){
		.run = run,
		.wall = run->end > run->start ? run->end - run->start : 0,
		.cpus = run->host.cpus_allowed ? run->host.cpus_allowed : run->host.cpus,
		.stays = xcalloc(run->process_count + 1, sizeof(struct stay)),
		.tiny = xcalloc(run->process_count + 1, sizeof(bool)),
		.usage = usage_new(run->start, run->end),
		.whole_from = whole_from(run),
	};
	for (u32 i = 0; i < run->process_count; i++) {
		const struct run_process *process = &run->processes[i];
		double blocked = life_of(run, process) - process->costs.cpu - process->costs.cpu_wait;

		scene->stays[i].blocked = blocked > 0 ? blocked : 0;
		/* enough samples of it asleep know better than bytes */
		judge_disk(&scene->stays[i], &process->costs,
			   counted || (run->interval && blocked > limit.samples * run->interval));
	}
	judge_network(scene->stays, run);
	for (u32 i = 0; i < run->process_count; i++)
		add_usage(scene, spend, i);
	usage_finish(scene->usage);
	scene->contended = contended(scene);
	spend_free(spend);
	if (run->kind == RUN_COMMAND)
		scene->path = critical_find(run, &scene->path_count);
	walk_path(scene);
	find_tiny(scene);
	size_of_run(run, &scene->need);
}

void scene_free(struct scene *scene)
{
	free(scene->stays);
	free(scene->tiny);
	free(scene->path);
	usage_free(scene->usage);
}
