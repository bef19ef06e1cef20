/*
 * Memory over time from what is known of it: samples say what a process had now and then, the ledger what it had at most, not when. The
 * most is laid into the gap behind its largest sample, since memory mostly grows until it is given back; of a process without samples it
 * holds all its life.
 *
 * Two things make such sums too large. The kernel's peak outlives an exec, so a small tool started by a large process seems to
 * have been as large as that was when it forked; it is not believed where no sample shows it. And pages that processes share count in each. What
 * the machine as a whole had in use at that time is then the smaller number, and true.
 */
#include "findings/size_memory.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "books/order.h"

#define SMALL (32ULL << 20)
/* What the kernel maps of a file at one page fault. */
#define AT_A_FAULT (64ULL << 10)

struct memory_change {
	u64 time;
	s64 change;		/* of what they had */
	s64 sampled;		/* of that, what samples showed */
};

struct memory_levels {
	const struct run *run;
	u32 *first, *rows;	/* samples of each process */
	struct memory_change *events;
	size_t count, capacity;
};

struct memory_levels *memory_levels_new(const struct run *run)
{
	struct memory_levels *levels = xcalloc(1, sizeof(*levels));

	levels->run = run;
	levels->first = xcalloc((size_t)run->process_count + 2, sizeof(u32));
	levels->rows = xmalloc(((size_t)run->sample_count + 1) * sizeof(u32));
	/* counted one place further on, so that filling in moves each start to where it belongs */
	for (u32 i = 0; i < run->sample_count; i++)
		if (run->samples[i].process < run->process_count)
			levels->first[run->samples[i].process + 2]++;
	for (u32 i = 2; i < run->process_count + 2; i++)
		levels->first[i] += levels->first[i - 1];
	for (u32 i = 0; i < run->sample_count; i++)
		if (run->samples[i].process < run->process_count)
			levels->rows[levels->first[run->samples[i].process + 1]++] = i;
	return levels;
}

void memory_levels_free(struct memory_levels *levels)
{
	if (!levels)
		return;
	free(levels->first);
	free(levels->rows);
	free(levels->events);
	free(levels);
}

static void add_event(struct memory_levels *levels, u64 time, s64 change, s64 sampled)
{
	if (!change && !sampled)
		return;
	if (levels->count == levels->capacity) {
		levels->capacity = levels->capacity ? 2 * levels->capacity : 256;
		levels->events = xrealloc(levels->events, levels->capacity, sizeof(*levels->events));
	}
	levels->events[levels->count++] = (struct memory_change){ time, change, sampled };
}

/* Is the peak what its parent had when it forked? Then it is no more than that, and too few page faults brought it. */
static bool is_inherited(const struct run *run, const struct run_process *process)
{
	u64 peak = process->costs.memory, faults = process->costs.minor_faults + process->costs.major_faults;

	return process->exec && process->parent < run->process_count && peak >= SMALL &&
	       peak <= run->processes[process->parent].costs.memory && faults * AT_A_FAULT < peak;
}

static void add_process(struct memory_levels *levels, u32 index)
{
	const struct run *run = levels->run;
	const struct run_process *process = &run->processes[index];
	const u32 *row = levels->rows + levels->first[index], *end = levels->rows + levels->first[index + 1], *largest = NULL;
	u64 from = process->start < run->start ? run->start : process->start, to = order_end(run, process);
	u64 peak = process->costs.memory, had = 0, seen = 0;

	if (to <= from)
		return;
	for (const u32 *at = row; at < end; at++)
		if (!largest || run->samples[*at].memory >= run->samples[*largest].memory)
			largest = at;
	if (is_inherited(run, process) || (largest && peak < run->samples[*largest].memory))
		peak = largest ? run->samples[*largest].memory : 0;
	if (row == end) {
		add_event(levels, from, peak, 0);
		add_event(levels, to, -(s64)peak, 0);
		return;
	}
	for (; row < end; row++) {
		const struct run_sample *sample = &run->samples[*row];
		u64 has = row == largest ? peak : sample->memory, time = sample->time < from ? from : sample->time;

		if (time >= to)
			break;
		add_event(levels, seen || had ? time : from, (s64)has - (s64)had, (s64)sample->memory - (s64)seen);
		had = has;
		seen = sample->memory;
	}
	add_event(levels, to, -(s64)had, -(s64)seen);
}

/* What is given back at an instant is so before something else is taken. */
static int by_time(const void *a, const void *b)
{
	const struct memory_change *first = a, *second = b;

	if (first->time != second->time)
		return first->time < second->time ? -1 : 1;
	return first->change < second->change ? -1 : first->change > second->change;
}

/* The most the whole machine had in use just before and after a time; 0: not known. */
static u64 machine_had(const struct run *run, u64 time)
{
	const struct run_host_sample *samples = run->host_samples;
	u32 low = 0, high = run->host_sample_count;

	while (low < high) {
		u32 middle = low + (high - low) / 2;

		if (samples[middle].time <= time)
			low = middle + 1;
		else
			high = middle;
	}
	if (!low || low == run->host_sample_count || samples[low].memory_used == ~0ULL || samples[low - 1].memory_used == ~0ULL)
		return 0;
	return samples[low].memory_used > samples[low - 1].memory_used ? samples[low].memory_used : samples[low - 1].memory_used;
}

struct memory_peak memory_peak(struct memory_levels *levels, const u32 *members, u32 count)
{
	const struct run *run = levels->run;
	struct memory_peak peak = { 0 };
	s64 now = 0, sampled = 0, sampled_then = 0, machine;
	u64 largest = 0;

	levels->count = 0;
	count = members ? count : run->process_count;
	for (u32 i = 0; i < count; i++) {
		u32 process = members ? members[i] : i;

		add_process(levels, process);
		if (run->processes[process].costs.memory > largest && !is_inherited(run, &run->processes[process]))
			largest = run->processes[process].costs.memory;
	}
	if (levels->count)
		qsort(levels->events, levels->count, sizeof(*levels->events), by_time);
	for (size_t i = 0; i < levels->count; i++) {
		now += levels->events[i].change;
		sampled += levels->events[i].sampled;
		if (now > (s64)peak.bytes) {
			peak = (struct memory_peak){ now, levels->events[i].time };
			sampled_then = sampled;
		}
	}
	machine = sampled_then ? machine_had(run, peak.time) : 0;
	if (machine && sampled_then > machine)
		peak.bytes -= sampled_then - machine;
	if (peak.bytes < largest)
		peak.bytes = largest;
	return peak;
}
