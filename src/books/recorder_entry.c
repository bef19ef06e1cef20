/*
 * The living, by pid and start. One entry a living process; at its end its row goes to the store and the entry is used again, unless a
 * connection of its is still closing: the kernel tells of that after the exit.
 */
#include "books/recorder_own.h"

#include <stdlib.h>
#include <string.h>

/* The dead whose connections are still closing, and the others that died lately. */
#define LINGERING_MOST 2048
#define RESTING_MOST 4096
/* The kernel's sums are taken down once a second. */
#define REST_NS 2500000000ULL

static void list_add(struct entries *list, struct entry *entry)
{
	entry->next = NULL;
	entry->previous = list->tail;
	*(list->tail ? &list->tail->next : &list->head) = entry;
	list->tail = entry;
	list->count++;
}

static void list_remove(struct entries *list, struct entry *entry)
{
	*(entry->previous ? &entry->previous->next : &list->head) = entry->next;
	*(entry->next ? &entry->next->previous : &list->tail) = entry->previous;
	list->count--;
}

static struct entries *list_of(struct recorder *recorder, const struct entry *entry)
{
	return !entry->dead ? &recorder->living : entry->resting ? &recorder->resting : &recorder->lingering;
}

struct entry *recorder_find(const struct recorder *recorder, u32 pid, u64 start)
{
	struct entry *entry = table_get(&recorder->by_pid, pid);

	while (entry && entry->start != start)
		entry = entry->older;
	return entry;
}

void recorder_forget(struct recorder *recorder, struct entry *entry)
{
	struct entry *newest = table_get(&recorder->by_pid, entry->row.pid), *above = newest;

	list_remove(list_of(recorder, entry), entry);
	if (newest == entry && !entry->older) {
		table_remove(&recorder->by_pid, entry->row.pid);
	} else if (newest == entry) {
		table_put(&recorder->by_pid, entry->row.pid, entry->older);
	} else {
		while (above->older != entry)
			above = above->older;
		above->older = entry->older;
	}
	recorder_image_drop(recorder, entry);
	free(entry->earlier);
	free(entry->busiest);
	entry->older = recorder->spare;
	recorder->spare = entry;
}

void recorder_bury(struct recorder *recorder, struct entry *entry)
{
	recorder_end_facts(recorder, entry);
	recorder_tell(recorder, entry);
	recorder_image_drop(recorder, entry);
	list_remove(&recorder->living, entry);
	entry->dead = true;
	entry->resting = !entry->connections;
	list_add(list_of(recorder, entry), entry);
	costs_add(&recorder->now.costs, &entry->row.costs);
	if (entry->row.code || entry->row.signal)
		recorder->now.failed++;
	if (recorder->resting.count > RESTING_MOST)
		recorder_forget(recorder, recorder->resting.head);
	if (recorder->lingering.count > LINGERING_MOST)
		recorder_forget(recorder, recorder->lingering.head);
}

void recorder_forget_rested(struct recorder *recorder, u64 now)
{
	while (recorder->resting.head && recorder->resting.head->row.end + REST_NS < now)
		recorder_forget(recorder, recorder->resting.head);
}

void recorder_lose(struct recorder *recorder, struct entry *entry, u64 time)
{
	entry->row.end = time > entry->row.start ? time : entry->row.start;
	entry->row.flags |= RUN_PROCESS_NO_LEDGER;
	recorder_bury(recorder, entry);
}

static struct entry *make(struct recorder *recorder)
{
	struct entry *entry = recorder->spare;

	if (!entry)
		return calloc(1, sizeof(*entry));
	recorder->spare = entry->older;
	memset(entry, 0, sizeof(*entry));
	return entry;
}

struct entry *recorder_add(struct recorder *recorder, u32 pid, u64 start, u32 parent_pid, u64 parent_start)
{
	struct entry *older = table_get(&recorder->by_pid, pid), *entry, *parent;
	bool root = recorder->root && pid == recorder->root && !recorder->count;

	if (older && !older->dead && older->start < start) {
		recorder_lose(recorder, older, start);
		older = table_get(&recorder->by_pid, pid);
	}
	entry = make(recorder);
	if (!entry || table_put(&recorder->by_pid, pid, entry)) {
		free(entry);
		recorder->facts.given_up++;
		return NULL;
	}
	parent = parent_pid ? recorder_find(recorder, parent_pid, parent_start) : NULL;
	entry->older = older;
	entry->start = start;
	entry->parent_pid = parent_pid;
	entry->parent_start = parent_start;
	entry->index = recorder->count++;
	entry->failed_path = entry->signal_sender = entry->born_tool = RUN_NONE;
	entry->changed = true;
	entry->row = (struct run_process){
		.start = root ? recorder->run->start : start,
		.pid = pid,
		.parent = parent && !root ? parent->index : RUN_NONE,
		.tool = RUN_NONE, .task = RUN_NONE, .container = RUN_NONE,
		.executable = RUN_NONE, .directory = RUN_NONE, .name = RUN_NONE,
		.threads = 1,
	};
	list_add(&recorder->living, entry);
	if (parent)
		recorder_inherit(entry, parent);
	if (start < recorder->run->start && !root)
		entry->row.flags |= RUN_PROCESS_EARLIER;
	recorder->now.processes++;
	return entry;
}

void recorder_tell(struct recorder *recorder, struct entry *entry)
{
	const struct recorder_image *before = recorder_image_before(entry);
	const struct shared_bytes *arguments = before ? before->arguments : entry->arguments;
	struct run_process row;

	if (entry->row.tool == RUN_NONE)
		recorder_fill_unknown(recorder, entry, "");
	row = entry->row;
	if (before) {
		row.tool = before->tool;
		row.executable = before->executable;
		row.directory = before->directory;
		row.name = before->name;
	}
	if (before ? before->arguments_cut : entry->arguments_cut)
		row.flags |= RUN_PROCESS_ARGUMENTS_CUT;
	/* once for each image; none are told where they would be another image's */
	if (!entry->image_changed && entry->told_busiest == !!before)
		store_process(recorder->writer, entry->index, &row, NULL, 0);
	else if (arguments)
		store_process(recorder->writer, entry->index, &row, arguments->data, arguments->length);
	else
		store_process(recorder->writer, entry->index, &row, before ? "" : NULL, 0);
	entry->told_busiest = before;
	entry->told = true;
	entry->changed = entry->image_changed = false;
}
