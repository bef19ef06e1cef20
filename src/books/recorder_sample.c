/* What the living cost so far, and who was there before the recording: those the first samples tell of. */
#include "books/recorder_own.h"

#include <stdlib.h>

#include "books/ledger.h"

/*
 * Only what changed is told, so a process that was waiting for a disk when last seen did so until one pass ago, and whatever it does
 * now it does since.
 */
static u64 disk_time(const struct recorder *recorder, const struct entry *entry, const struct sample_record *sample)
{
	u64 since = entry->sampled > entry->row.start ? entry->sampled : entry->row.start;
	u64 gap = sample->time > since ? sample->time - since : 0;
	u64 last = gap < recorder->interval ? gap : recorder->interval, time = 0;

	if (sample->state == SAMPLE_DISK)
		time += last;
	if (entry->state == SAMPLE_DISK)
		time += gap - last;
	return time;
}

static struct entry *entry_of_sample(struct recorder *recorder, const struct sample_record *sample)
{
	struct entry *entry = recorder_find(recorder, sample->pid, sample->start);
	struct process *process;

	if (entry || (recorder->ended && sample->start > recorder->ended))
		return entry;
	if (sample->start >= recorder->run->start && sample->start + EVENT_PATIENCE > sample->time)
		return NULL;
	process = process_find(recorder->identity->processes, sample->pid, sample->start);
	entry = recorder_add(recorder, sample->pid, sample->start, process ? process->parent_pid : 0,
		    process ? process->parent_start : 0);
	if (!entry)
		return NULL;
	if (process) {
		struct record record = { .pid = sample->pid, .start = sample->start, .time = sample->time };
		struct event event = { .record = &record, .process = process, .identity = recorder->identity };

		entry->row.user = process->credentials.user;
		entry->row.group = process->credentials.group_leader;
		recorder_image(recorder, entry, &event);
		entry->image_changed = true;
	}
	return entry;
}

/* What it has cost so far is not the run's. */
static void begin_with(struct entry *entry, const struct sample_record *sample)
{
	entry->earlier = calloc(1, sizeof(*entry->earlier));
	if (entry->earlier)
		ledger_of_sample(entry->earlier, sample, NULL);
	if (entry->earlier && entry->image_cpu < entry->earlier->cpu)
		entry->image_cpu = entry->earlier->cpu;
}

void recorder_held(struct recorder *recorder, const struct sample_record *sample)
{
	struct entry *entry = recorder_find(recorder, sample->pid, sample->start);

	if (!entry && sample->pid == recorder->root)
		entry = recorder_add(recorder, sample->pid, sample->start, 0, 0);
	if (entry && !entry->earlier)
		begin_with(entry, sample);
}

static void store_sample_of(struct recorder *recorder, const struct entry *entry, const struct sample_record *sample)
{
	static const u8 activities[SAMPLE_STATES] = {
		[SAMPLE_SLEEPING] = RUN_ACTIVITY_SLEEPING, [SAMPLE_DISK] = RUN_ACTIVITY_DISK,
		[SAMPLE_WAITING] = RUN_ACTIVITY_WAITING, [SAMPLE_RUNNING] = RUN_ACTIVITY_RUNNING,
		[SAMPLE_STOPPED] = RUN_ACTIVITY_STOPPED, [SAMPLE_GONE] = RUN_ACTIVITY_GONE,
	};
	const struct costs *costs = &entry->row.costs;

	store_sample(recorder->writer, &(struct run_sample){
		.time = sample->time,
		.cpu = costs->cpu,
		.cpu_wait = costs->cpu_wait,
		.disk_read = costs->disk_read,
		.disk_write = costs->disk_write,
		.read = costs->read,
		.write = costs->write,
		.memory = sample->resident,
		.process = entry->index,
		.threads = sample->threads,
		.state = sample->state < SAMPLE_STATES ? activities[sample->state] : RUN_ACTIVITY_SLEEPING,
	});
}

void recorder_sample(struct recorder *recorder, const struct sample_record *sample)
{
	struct entry *entry = entry_of_sample(recorder, sample);

	if (!entry || entry->dead)
		return;
	if (entry->row.flags & RUN_PROCESS_EARLIER && !entry->sampled)
		begin_with(entry, sample);
	entry->row.costs.disk_wait += disk_time(recorder, entry, sample);
	ledger_of_sample(&entry->row.costs, sample, entry->earlier);
	if (sample->threads > entry->row.threads)
		entry->row.threads = sample->threads;
	if (sample->threads > 1)
		entry->row.flags |= RUN_PROCESS_THREADED;
	entry->state = sample->state;
	entry->sampled = sample->time;
	entry->resident = sample->resident;
	entry->changed = true;
	store_sample_of(recorder, entry, sample);
}
