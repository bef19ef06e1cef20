/*
 * The samples of a process and its ledger are cut into brackets: between two samples it spent so much, evenly as far as
 * anyone knows. A process that did nothing has no new sample, so when two samples are far apart, what lies between them
 * was spent in the last round and the time before was quiet. A process without a sample is one bracket.
 */
#include "books/spend.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "books/order.h"

/* Rows of a table that belong to a process, for all processes. */
struct rows_of {
	u32 *first;		/* per process, and one more */
	u32 *rows;
};

struct spend {
	const struct run *run;
	struct rows_of samples, peers;
	struct spend_bracket *brackets;	/* of `process` */
	u32 process, count, capacity;
	struct { u64 from, to; } *talks;	/* times in which it had a connection, apart and in order */
	u32 talk_count, talk_capacity;
};

static u32 sample_process(const struct run *run, u32 row)
{
	return run->samples[row].process;
}

static u32 peer_process(const struct run *run, u32 row)
{
	return run->peers[row].process;
}

static struct rows_of rows_make(const struct run *run, u32 count, u32 (*process_of)(const struct run *run, u32 row))
{
	struct rows_of rows = {
		.first = xcalloc((size_t)run->process_count + 2, sizeof(u32)),
		.rows = xmalloc(((size_t)count + 1) * sizeof(u32)),
	};

	/* counted one place further on, so that filling in moves each start to where it belongs */
	for (u32 i = 0; i < count; i++)
		if (process_of(run, i) < run->process_count)
			rows.first[process_of(run, i) + 2]++;
	for (u32 i = 2; i < run->process_count + 2; i++)
		rows.first[i] += rows.first[i - 1];
	for (u32 i = 0; i < count; i++)
		if (process_of(run, i) < run->process_count)
			rows.rows[rows.first[process_of(run, i) + 1]++] = i;
	return rows;
}

struct spend *spend_new(const struct run *run)
{
	struct spend *spend = xcalloc(1, sizeof(*spend));

	spend->run = run;
	spend->process = RUN_NONE;
	spend->samples = rows_make(run, run->sample_count, sample_process);
	spend->peers = rows_make(run, run->peer_count, peer_process);
	return spend;
}

void spend_free(struct spend *spend)
{
	if (!spend)
		return;
	free(spend->samples.first);
	free(spend->samples.rows);
	free(spend->peers.first);
	free(spend->peers.rows);
	free(spend->brackets);
	free(spend->talks);
	free(spend);
}

static u64 least(u64 a, u64 b)
{
	return a < b ? a : b;
}

static u64 overlap(u64 from, u64 to, u64 other_from, u64 other_to)
{
	u64 first = from > other_from ? from : other_from, last = least(to, other_to);

	return last > first ? last - first : 0;
}

static void bracket_add(struct spend *spend, u64 from, u64 to, double cpu, double cpu_wait, bool disk)
{
	double rest = (double)(to - from) - cpu - cpu_wait;

	if (spend->count == spend->capacity) {
		spend->capacity = spend->capacity ? 2 * spend->capacity : 64;
		spend->brackets = xrealloc(spend->brackets, spend->capacity, sizeof(*spend->brackets));
	}
	spend->brackets[spend->count++] = (struct spend_bracket){
		.from = from, .to = to, .cpu = cpu, .cpu_wait = cpu_wait, .disk = disk && rest > 0 ? rest : 0,
	};
}

/* What was seen of waiting for disks becomes what the ledger says of it; if nothing was seen, it may be anywhere. */
static void fit_disk(struct spend *spend, u64 total)
{
	double seen = 0;

	for (u32 i = 0; i < spend->count; i++)
		seen += spend->brackets[i].disk;
	for (u32 i = 0; i < spend->count && !seen; i++) {
		struct spend_bracket *bracket = &spend->brackets[i];
		double rest = (double)(bracket->to - bracket->from) - bracket->cpu - bracket->cpu_wait;

		bracket->disk = rest > 0 ? rest : 0;
	}
	for (u32 i = 0; i < spend->count && !seen; i++)
		seen += spend->brackets[i].disk;
	for (u32 i = 0; i < spend->count && seen; i++)
		spend->brackets[i].disk *= (double)total / seen;
}

static u64 since(u64 now, u64 before)
{
	return now > before ? now - before : 0;
}

/*
 * When samples were taken before that time: each round left a sample of the machine. On a busy machine that can be more
 * than an interval ago.
 */
static u64 round_before(const struct run *run, u64 time)
{
	u64 latest = time > run->interval ? time - run->interval : 0, same = time - run->interval / 4;
	u32 low = 0, high = run->host_sample_count;

	while (low < high) {
		u32 middle = low + (high - low) / 2;

		if (run->host_samples[middle].time <= same)
			low = middle + 1;
		else
			high = middle;
	}
	return low && run->host_samples[low - 1].time < latest ? run->host_samples[low - 1].time : latest;
}

/* Cuts the life of a process into brackets, unless that was the last one done. */
static void look_at(struct spend *spend, u32 index)
{
	const struct run *run = spend->run;
	const struct run_process *process = &run->processes[index];
	const u32 *row = spend->samples.rows + spend->samples.first[index];
	const u32 *end = spend->samples.rows + spend->samples.first[index + 1];
	u64 at = order_start(run, process), to = order_end(run, process), cpu = 0, cpu_wait = 0, cpu_end, wait_end;
	bool disk = false, sampled = false;

	if (spend->process == index)
		return;
	spend->process = index;
	spend->count = 0;
	/* counters began with the process, the ledger of one that was there before begins with the run */
	if (process->flags & RUN_PROCESS_EARLIER && row < end) {
		cpu = run->samples[*row].cpu;
		cpu_wait = run->samples[*row].cpu_wait;
	}
	cpu_end = cpu + process->costs.cpu;
	wait_end = cpu_wait + process->costs.cpu_wait;
	for (; row < end; row++) {
		const struct run_sample *sample = &run->samples[*row];

		if (sample->time <= at || sample->time >= to)
			continue;
		if (sampled && run->interval && round_before(run, sample->time) > at + run->interval / 2) {
			u64 quiet = round_before(run, sample->time);

			bracket_add(spend, at, quiet, 0, 0, disk);
			at = quiet;
		}
		disk = sample->state == RUN_ACTIVITY_DISK;
		bracket_add(spend, at, sample->time, since(sample->cpu, cpu), since(sample->cpu_wait, cpu_wait), disk);
		cpu = sample->cpu;
		cpu_wait = sample->cpu_wait;
		at = sample->time;
		sampled = true;
	}
	if (sampled && run->interval && to - at > run->interval && round_before(run, to) > at) {
		u64 quiet = round_before(run, to);

		bracket_add(spend, at, quiet, 0, 0, disk);
		at = quiet;
	}
	if (to > at)
		bracket_add(spend, at, to, since(cpu_end, cpu), since(wait_end, cpu_wait), disk);
	fit_disk(spend, process->costs.disk_wait);
}

const struct spend_bracket *spend_brackets(struct spend *spend, u32 process, u32 *count)
{
	look_at(spend, process);
	*count = spend->count;
	return spend->brackets;
}

double spend_demand(const struct run_process *process, const struct spend_bracket *bracket)
{
	double most = (double)(bracket->to - bracket->from) * (process->threads ? process->threads : 1);
	double demand = bracket->cpu + bracket->cpu_wait;

	return demand < most ? demand : most;
}

bool spend_is_sampled(const struct spend *spend, u32 process, u64 from, u64 to)
{
	return spend->run->interval && to - from >= 2 * spend->run->interval &&
	       spend->samples.first[process + 1] > spend->samples.first[process];
}

/* CPU time and waiting for it of a process until an instant, as its counters have it. */
static double counted_until(const struct spend *spend, u32 index, u64 time)
{
	const struct run *run = spend->run;
	const struct run_process *process = &run->processes[index];
	const u32 *rows = spend->samples.rows + spend->samples.first[index];
	u32 count = spend->samples.first[index + 1] - spend->samples.first[index], low = 0, high = count;
	u64 from, to = order_end(run, process);
	double before = 0, after = process->costs.cpu + process->costs.cpu_wait, base = 0;

	if (process->flags & RUN_PROCESS_EARLIER && count)
		base = run->samples[rows[0]].cpu + run->samples[rows[0]].cpu_wait;
	while (low < high) {
		u32 middle = low + (high - low) / 2;

		if (run->samples[rows[middle]].time < time)
			low = middle + 1;
		else
			high = middle;
	}
	from = low ? run->samples[rows[low - 1]].time : order_start(run, process);
	before = low ? run->samples[rows[low - 1]].cpu + run->samples[rows[low - 1]].cpu_wait : base;
	after = base + after;
	if (low < count) {
		to = run->samples[rows[low]].time;
		after = run->samples[rows[low]].cpu + run->samples[rows[low]].cpu_wait;
	}
	/* quiet until the round before the next row */
	if (low && run->interval && round_before(run, to) > from)
		from = round_before(run, to);
	if (time <= from || after < before)
		return before;
	return time >= to ? after : before + (after - before) * (time - from) / (to - from);
}

u64 spend_busy(const struct spend *spend, u32 process, u64 from, u64 to)
{
	double busy = counted_until(spend, process, to) - counted_until(spend, process, from);

	return busy < 0 ? 0 : busy < to - from ? busy : to - from;
}

static int by_from(const void *a, const void *b)
{
	u64 first = *(const u64 *)a, second = *(const u64 *)b;

	return first < second ? -1 : first > second;
}

static void find_talks(struct spend *spend, u32 process)
{
	u32 first = spend->peers.first[process], last = spend->peers.first[process + 1], kept = 0;

	if (last - first > spend->talk_capacity) {
		spend->talk_capacity = last - first;
		spend->talks = xrealloc(spend->talks, spend->talk_capacity, sizeof(*spend->talks));
	}
	for (u32 i = first; i < last; i++) {
		const struct run_peer *peer = &spend->run->peers[spend->peers.rows[i]];

		spend->talks[i - first].from = peer->first;
		spend->talks[i - first].to = peer->last;
	}
	if (last > first)
		qsort(spend->talks, last - first, sizeof(*spend->talks), by_from);
	for (u32 i = 0; i < last - first; i++) {
		if (kept && spend->talks[i].from <= spend->talks[kept - 1].to) {
			if (spend->talks[i].to > spend->talks[kept - 1].to)
				spend->talks[kept - 1].to = spend->talks[i].to;
		} else {
			spend->talks[kept++] = spend->talks[i];
		}
	}
	spend->talk_count = kept;
}

/* Rounds what a link was spent on so that it adds up to its length: what more threads did at once is scaled to it. */
static void settle(struct critical_link *link, double cpu, double cpu_wait, double disk, u64 talked)
{
	u64 length = link->to - link->from, left = length;
	double sum = cpu + cpu_wait + disk, scale = sum > length ? length / sum : 1;

	link->cpu = least(cpu * scale, left);
	left -= link->cpu;
	link->cpu_wait = least(cpu_wait * scale, left);
	left -= link->cpu_wait;
	link->disk = least(disk * scale, left);
	left -= link->disk;
	link->network = least(talked, left);
	link->other = left - link->network;
}

/* `next` chains the links of one process, in the order of time. */
static void spend_chain(struct spend *spend, struct critical_link *links, const u32 *next, u32 head)
{
	u32 at = 0, talk = 0;

	look_at(spend, links[head].process);
	find_talks(spend, links[head].process);
	for (u32 i = 0; i < spend->count; i++)
		spend->brackets[i].links = 0;
	for (u32 i = head; i != RUN_NONE; i = next[i]) {
		while (at < spend->count && spend->brackets[at].to <= links[i].from)
			at++;
		for (u32 j = at; j < spend->count && spend->brackets[j].from < links[i].to; j++)
			spend->brackets[j].links +=
				overlap(links[i].from, links[i].to, spend->brackets[j].from, spend->brackets[j].to);
	}
	at = 0;
	for (u32 i = head; i != RUN_NONE; i = next[i]) {
		double cpu = 0, cpu_wait = 0, disk = 0;
		u64 talked = 0;

		while (at < spend->count && spend->brackets[at].to <= links[i].from)
			at++;
		for (u32 j = at; j < spend->count && spend->brackets[j].from < links[i].to; j++) {
			const struct spend_bracket *bracket = &spend->brackets[j];
			double part = overlap(links[i].from, links[i].to, bracket->from, bracket->to) /
				      (double)bracket->links;

			cpu += bracket->cpu * part;
			cpu_wait += bracket->cpu_wait * part;
			disk += bracket->disk * part;
		}
		while (talk < spend->talk_count && spend->talks[talk].to <= links[i].from)
			talk++;
		for (u32 j = talk; j < spend->talk_count && spend->talks[j].from < links[i].to; j++)
			talked += overlap(links[i].from, links[i].to, spend->talks[j].from, spend->talks[j].to);
		settle(&links[i], cpu, cpu_wait, disk, talked);
	}
}

void spend_links(struct spend *spend, struct critical_link *links, u32 count)
{
	u32 *next = xmalloc(((size_t)count + 1) * sizeof(*next));
	u32 *head = xmalloc(((size_t)spend->run->process_count + 1) * sizeof(*head));

	memset(head, 0xff, ((size_t)spend->run->process_count + 1) * sizeof(*head));
	for (u32 i = count; i-- > 0;) {
		if (links[i].process == RUN_NONE) {
			settle(&links[i], 0, 0, 0, 0);
			continue;
		}
		next[i] = head[links[i].process];
		head[links[i].process] = i;
	}
	for (u32 i = 0; i < count; i++)
		if (links[i].process != RUN_NONE && head[links[i].process] == i)
			spend_chain(spend, links, next, i);
	free(next);
	free(head);
}
