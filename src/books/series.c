/*
 * An amount spread over a stretch touches many steps, but all steps between the first and the last get the same: those
 * are kept as a slope that begins and ends, and summed up once. So a stretch costs the same whether it is short or as
 * long as the run.
 */
#include "books/series.h"

#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"

#define SHORTEST_STEP 1000000ULL	/* ns */

/* The columns of a step, as an array, so that one function serves all. */
enum column { CPU, CPU_WAIT, MEMORY, DISK_READ, DISK_WRITE, RECEIVED, SENT, PROCESSES, COLUMNS };
_Static_assert(sizeof(struct series_step) == COLUMNS * sizeof(double), "a column for each member of a step");

struct spread {
	struct series *series;
	struct series_step *slope;	/* count + 1: what begins at a step, or ends with a negative one */
	u64 end;
};

static struct spread spread_new(const struct run *run, u32 most)
{
	struct series *series = xcalloc(1, sizeof(*series));
	u64 length = run->end > run->start ? run->end - run->start : 1;

	series->from = run->start;
	series->step = (length + most - 1) / most;
	if (series->step < SHORTEST_STEP)
		series->step = SHORTEST_STEP;
	series->count = (length + series->step - 1) / series->step;
	series->steps = xcalloc(series->count, sizeof(*series->steps));
	return (struct spread){ series, xcalloc(series->count + 1, sizeof(struct series_step)), run->start + length };
}

static void add(struct series_step *steps, u32 at, enum column column, double amount)
{
	((double *)&steps[at])[column] += amount;
}

/* What happened outside of the run's time is moved to its edge: totals stay. */
static void spread_amount(struct spread *spread, enum column column, u64 from, u64 to, double amount)
{
	struct series *series = spread->series;
	u64 first, last;
	double each;

	if (!amount)
		return;
	if (from < series->from)
		from = series->from;
	if (from > spread->end - 1)
		from = spread->end - 1;
	if (to > spread->end)
		to = spread->end;
	if (to <= from)
		to = from + 1;
	first = (from - series->from) / series->step;
	last = (to - 1 - series->from) / series->step;
	if (first == last) {
		add(series->steps, first, column, amount);
		return;
	}
	each = amount / (to - from);
	add(series->steps, first, column, each * (series->from + (first + 1) * series->step - from));
	add(series->steps, last, column, each * (to - series->from - last * series->step));
	add(spread->slope, first + 1, column, each * series->step);
	add(spread->slope, last, column, -each * series->step);
}

/* A level that held for a stretch. Outside of the run it does not count. */
static void spread_level(struct spread *spread, enum column column, u64 from, u64 to, double level)
{
	if (from < spread->series->from)
		from = spread->series->from;
	if (to > spread->end)
		to = spread->end;
	if (to > from)
		spread_amount(spread, column, from, to, level * (to - from));
}

/* Sums the slopes up and turns amounts into rates. */
static struct series *spread_finish(struct spread *spread)
{
	struct series *series = spread->series;
	double level[COLUMNS] = { 0 };

	for (u32 i = 0; i < series->count; i++) {
		double *step = (double *)&series->steps[i];
		u64 begin = series->from + i * series->step;
		u64 length = spread->end - begin < series->step ? spread->end - begin : series->step;

		for (int column = 0; column < COLUMNS; column++) {
			bool per_second = column >= DISK_READ && column <= SENT;

			level[column] += ((double *)&spread->slope[i])[column];
			step[column] += level[column];
			step[column] *= (per_second ? 1e9 : 1) / length;
			if (step[column] < 1e-6)
				step[column] = 0;	/* what rounding left */
		}
	}
	free(spread->slope);
	return series;
}

/* Moves what is beyond `most` from one step to the next of `count`, in steps of `way`; returns what found no room. */
static double level_off(struct series *series, u64 end, double most, u32 at, int way)
{
	double beyond = 0;

	for (u32 i = 0; i < series->count; i++, at += way) {
		u64 begin = series->from + at * series->step;
		u64 length = end - begin < series->step ? end - begin : series->step;
		double amount = series->steps[at].cpu * length + beyond;

		beyond = amount > most * length ? amount - most * length : 0;
		series->steps[at].cpu = (amount - beyond) / length;
	}
	return beyond;
}

/*
 * What was spread evenly can meet in a step with more than there are CPUs. It cannot have run then, but a moment later, or at the end of the
 * run a moment before.
 */
static void keep_to_cpus(struct series *series, u64 end, double cpus)
{
	u32 last = series->count - 1;
	double beyond = level_off(series, end, cpus, 0, 1);

	if (beyond > 0) {
		series->steps[last].cpu += beyond / (end - series->from - last * series->step);
		beyond = level_off(series, end, cpus, last, -1);
		series->steps[0].cpu += beyond / (last ? series->step : end - series->from);
	}
}

void series_free(struct series *series)
{
	if (series)
		free(series->steps);
	free(series);
}

struct series_samples series_samples(const struct run *run)
{
	struct series_samples by = {
		.first = xcalloc((size_t)run->process_count + 2, sizeof(u32)),
		.items = xcalloc((size_t)run->sample_count + 1, sizeof(u32)),
	};
	u32 *next = by.first + 1;	/* shifted by one, so that filling in leaves the beginnings behind */

	for (u32 i = 0; i < run->sample_count; i++)
		if (run->samples[i].process < run->process_count)
			next[run->samples[i].process + 1]++;
	for (u32 i = 0; i < run->process_count; i++)
		next[i + 1] += next[i];
	for (u32 i = 0; i < run->sample_count; i++)
		if (run->samples[i].process < run->process_count)
			by.items[next[run->samples[i].process]++] = i;
	return by;
}

/*
 * What a counter gained since the reading before; it can seem to fall when the ledger and the sampler disagree by a
 * tick.
 */
static double gained(u64 before, u64 now)
{
	return now > before ? (double)(now - before) : 0;
}

static void spread_process(struct spread *spread, const struct run *run, const struct run_process *process,
			   const u32 *items, u32 count)
{
	bool earlier = process->flags & RUN_PROCESS_EARLIER;
	struct run_sample before = { .time = process->start };
	/* of the whole life, as the samples count it */
	u64 cpu = process->costs.cpu, wait = process->costs.cpu_wait;
	u64 read = process->costs.disk_read, written = process->costs.disk_write;

	for (u32 i = 0; i < count; i++) {
		const struct run_sample *sample = &run->samples[items[i]];

		if (!i && earlier) {
			/* its costs begin with the recording, its counters began long before */
			before = *sample;
			before.time = run->start;
			cpu += sample->cpu;
			wait += sample->cpu_wait;
			read += sample->disk_read;
			written += sample->disk_write;
		}
		spread_amount(spread, CPU, before.time, sample->time, gained(before.cpu, sample->cpu));
		spread_amount(spread, CPU_WAIT, before.time, sample->time, gained(before.cpu_wait, sample->cpu_wait));
		spread_amount(spread, DISK_READ, before.time, sample->time,
			      gained(before.disk_read, sample->disk_read));
		spread_amount(spread, DISK_WRITE, before.time, sample->time,
			      gained(before.disk_write, sample->disk_write));
		spread_level(spread, MEMORY, before.time, sample->time, i ? before.memory : sample->memory);
		before = *sample;
	}
	spread_amount(spread, CPU, before.time, process->end, gained(before.cpu, cpu));
	spread_amount(spread, CPU_WAIT, before.time, process->end, gained(before.cpu_wait, wait));
	spread_amount(spread, DISK_READ, before.time, process->end, gained(before.disk_read, read));
	spread_amount(spread, DISK_WRITE, before.time, process->end, gained(before.disk_write, written));
	spread_level(spread, MEMORY, before.time, process->end, count ? before.memory : process->costs.memory);
	spread_level(spread, PROCESSES, process->start, process->end, 1);
}

/* Bytes are known by connection; what no connection explains is spread over the life of the process. */
static void spread_network(struct spread *spread, const struct run *run)
{
	u64 *known = xcalloc((size_t)run->process_count * 2 + 1, sizeof(u64));

	for (u32 i = 0; i < run->peer_count; i++) {
		const struct run_peer *peer = &run->peers[i];

		if (peer->process >= run->process_count)
			continue;
		known[peer->process * 2] += peer->sent;
		known[peer->process * 2 + 1] += peer->received;
		spread_amount(spread, SENT, peer->first, peer->last, peer->sent);
		spread_amount(spread, RECEIVED, peer->first, peer->last, peer->received);
	}
	for (u32 i = 0; i < run->process_count; i++) {
		const struct run_process *process = &run->processes[i];

		spread_amount(spread, SENT, process->start, process->end, gained(known[i * 2], process->costs.sent));
		spread_amount(spread, RECEIVED, process->start, process->end,
			      gained(known[i * 2 + 1], process->costs.received));
	}
	free(known);
}

struct series *series_of_run(const struct run *run, u32 most)
{
	struct spread spread = spread_new(run, most);
	struct series_samples samples = series_samples(run);
	struct series *series;

	for (u32 i = 0; i < run->process_count; i++)
		spread_process(&spread, run, &run->processes[i], samples.items + samples.first[i],
			       samples.first[i + 1] - samples.first[i]);
	spread_network(&spread, run);
	free(samples.first);
	free(samples.items);
	series = spread_finish(&spread);
	if (run->host.cpus)
		keep_to_cpus(series, spread.end, run->host.cpus);
	return series;
}

/* Where in a reading a column lies; the same place in all. */
static const struct { enum column column; size_t offset; } host_columns[] = {
	{ CPU, offsetof(struct run_host_sample, cpu_busy) },
	{ CPU_WAIT, offsetof(struct run_host_sample, cpu_iowait) },
	{ MEMORY, offsetof(struct run_host_sample, memory_used) },
	{ DISK_READ, offsetof(struct run_host_sample, disk_read) },
	{ DISK_WRITE, offsetof(struct run_host_sample, disk_write) },
	{ RECEIVED, offsetof(struct run_host_sample, network_received) },
	{ SENT, offsetof(struct run_host_sample, network_sent) },
};

static u64 host_value(const struct run_host_sample *sample, size_t index)
{
	return *(const u64 *)((const char *)sample + host_columns[index].offset);
}

/* Of what was counted between two readings, the part that lies within the run. */
static void spread_within(struct spread *spread, enum column column, u64 from, u64 to, double amount)
{
	u64 first = from > spread->series->from ? from : spread->series->from,
	    last = to < spread->end ? to : spread->end;

	if (last > first)
		spread_amount(spread, column, first, last, amount * (last - first) / (to - from));
}

static void spread_host(struct spread *spread, const struct run_host_sample *a, const struct run_host_sample *b)
{
	for (size_t i = 0; i < sizeof(host_columns) / sizeof(host_columns[0]); i++) {
		if (host_value(a, i) == ~0ULL || host_value(b, i) == ~0ULL)
			continue;
		if (host_columns[i].column == MEMORY)
			spread_level(spread, MEMORY, a->time, b->time, host_value(b, i));
		else
			spread_within(spread, host_columns[i].column, a->time, b->time,
				      gained(host_value(a, i), host_value(b, i)));
	}
}

/* Steps before the first reading and behind the last are not known, nor is what this machine does not count. */
static void forget_unread(struct series *series, const struct run *run)
{
	u32 count = run->host_sample_count;

	for (u32 i = 0; i < series->count; i++) {
		u64 begin = series->from + i * series->step;
		bool read = count >= 2 && begin + series->step > run->host_samples[0].time &&
			    begin < run->host_samples[count - 1].time;

		for (int column = 0; column < COLUMNS; column++)
			if (!read || column == PROCESSES)
				((double *)&series->steps[i])[column] = NAN;
		for (size_t c = 0; read && c < sizeof(host_columns) / sizeof(host_columns[0]); c++)
			if (host_value(&run->host_samples[0], c) == ~0ULL)
				((double *)&series->steps[i])[host_columns[c].column] = NAN;
	}
}

struct series *series_of_host(const struct run *run, u32 most)
{
	struct spread spread = spread_new(run, most);
	struct series *series;

	for (u32 i = 1; i < run->host_sample_count; i++)
		spread_host(&spread, &run->host_samples[i - 1], &run->host_samples[i]);
	series = spread_finish(&spread);
	forget_unread(series, run);
	return series;
}
