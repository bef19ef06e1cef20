/*
 * The course of a run: events become births, images and ends of entries (recorder_entry.c), rows of them and what else is to be told go to
 * the store.
 *
 * Rows are numbered in the order of births. A process whose fork or exit got lost is found out later, by what it or the
 * next bearer of its pid does, and is marked.
 */
#include "books/recorder_own.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "books/ledger.h"
#include "wire/sizes.h"

/* Each generation of what is interned; a text costs up to 43 bytes in it. */
#define TEXTS_MOST 65536
#define TASKS_MOST 32768
#define CONTAINERS_MOST 2048
/* Rows that are added up before they go. */
#define PEERS_MOST 8192
#define DROPS_MOST 4096
#define FILES_MOST 16384
/* Of these, what was before the run leaves nothing behind that is the run's. */
#define FACT_KINDS (KIND_BIT(signal) | KIND_BIT(oom) | KIND_BIT(open) | KIND_BIT(change))

struct recorder *recorder_new(struct run *run, struct store_writer *writer, struct rules *rules, struct identity *identity,
			      u32 root)
{
	struct recorder *recorder = xcalloc(1, sizeof(*recorder));

	*recorder = (struct recorder){
		.run = run, .writer = writer, .rules = rules, .identity = identity, .root = root, .interval = run->interval,
		.peers = { .most = PEERS_MOST, .tell = recorder_tell_peer },
		.drops = { .most = DROPS_MOST, .tell = recorder_tell_drop },
		.files = { .most = FILES_MOST, .tell = recorder_tell_file },
	};
	intern_init(&recorder->texts, TEXTS_MOST);
	intern_init(&recorder->tools, TEXTS_MOST);
	intern_init(&recorder->tasks, TASKS_MOST);
	intern_init(&recorder->containers, CONTAINERS_MOST);
	intern_init(&recorder->endpoints, TEXTS_MOST);
	return recorder;
}

static void free_list(struct recorder *recorder, struct entries *list)
{
	for (struct entry *entry = list->head, *next; entry; entry = next) {
		next = entry->next;
		recorder_image_drop(recorder, entry);
		free(entry->busiest);
		free(entry->earlier);
		free(entry);
	}
}

static void free_value(uint64_t key, void *value, void *argument)
{
	(void)key;
	(void)argument;
	free(value);
}

void recorder_free(struct recorder *recorder)
{
	if (!recorder)
		return;
	free_list(recorder, &recorder->living);
	free_list(recorder, &recorder->lingering);
	free_list(recorder, &recorder->resting);
	for (struct entry *entry = recorder->spare, *next; entry; entry = next) {
		next = entry->older;
		free(entry);
	}
	recorder_images_free(recorder);
	recorder_rows_free(&recorder->peers);
	recorder_rows_free(&recorder->drops);
	recorder_rows_free(&recorder->files);
	intern_free(&recorder->texts);
	intern_free(&recorder->tools);
	intern_free(&recorder->tasks);
	intern_free(&recorder->containers);
	intern_free(&recorder->endpoints);
	table_each(&recorder->standing, free_value, NULL);
	table_free(&recorder->standing);
	table_free(&recorder->directions);
	table_free(&recorder->by_pid);
	text_free(&recorder->key);
	text_free(&recorder->name);
	text_free(&recorder->inside);
	free(recorder);
}

u32 recorder_text(struct recorder *recorder, const void *bytes, size_t length)
{
	bool fresh;
	u32 number = intern_number(&recorder->texts, bytes, length, &fresh);

	if (fresh)
		store_text(recorder->writer, number, bytes, length);
	return number;
}

u32 recorder_text_of(struct recorder *recorder, const char *text)
{
	return text && *text ? recorder_text(recorder, text, strlen(text)) : RUN_NONE;
}

static void on_fork(struct recorder *recorder, const struct event *event)
{
	const struct fork_record *fork = (const void *)event->record;
	struct entry *entry;

	if (recorder->ended && fork->record.start > recorder->ended)
		return;
	/* In a command's tree every parent is a member; one that is not known had its own fork lost. */
	if (recorder->root && !recorder_find(recorder, fork->parent_pid, fork->parent_start))
		recorder_add(recorder, fork->parent_pid, fork->parent_start, 0, 0);
	if (recorder_find(recorder, fork->record.pid, fork->record.start))
		return;
	entry = recorder_add(recorder, fork->record.pid, fork->record.start, fork->parent_pid, fork->parent_start);
	if (!entry)
		return;
	entry->row.user = fork->record.uid;
	if (entry->row.tool == RUN_NONE && event->process)
		recorder_image(recorder, entry, event);
}

static void on_exec(struct recorder *recorder, const struct event *event)
{
	const struct exec_record *exec = (const void *)event->record;
	struct entry *entry = recorder_find(recorder, exec->record.pid, exec->record.start);

	if (!entry && !(recorder->ended && exec->record.start > recorder->ended))
		entry = recorder_add(recorder, exec->record.pid, exec->record.start, exec->parent_pid, exec->parent_start);
	if (!entry || (recorder->ended && exec->record.time > recorder->ended))
		return;
	if (exec->error) {
		recorder_exec_failed(recorder, entry, event);
		return;
	}
	entry->failed_path = RUN_NONE;
	recorder_image_ends(recorder, entry, exec->runtime_ns);
	entry->row.exec = exec->record.time;
	entry->row.group = exec->group;
	entry->row.user = exec->record.uid;
	entry->changed = entry->image_changed = true;
	recorder_image(recorder, entry, event);
}

static u16 exit_flags(const struct entry *entry, const struct exit_record *exit)
{
	u16 flags = 0;

	if (exit->flags & EXIT_CORE_DUMPED)
		flags |= RUN_PROCESS_CORE;
	if (exit->flags & EXIT_OOM_KILLED || entry->oom)
		flags |= RUN_PROCESS_OOM;
	if (exit->threads > 1)
		flags |= RUN_PROCESS_THREADED;
	if (entry->parent_pid && (exit->parent_pid != entry->parent_pid || exit->parent_start != entry->parent_start))
		flags |= RUN_PROCESS_LEFT;
	return flags;
}

/* It ended while the recording was being set up, and nothing of it is the run's; a row that was told already stays. */
static bool is_over_before(struct recorder *recorder, struct entry *entry, u64 end)
{
	if (end >= recorder->run->start || (entry && entry->told))
		return false;
	if (entry && !entry->dead) {
		recorder_forget(recorder, entry);
		recorder->now.processes--;
	}
	return true;
}

static void on_end(struct recorder *recorder, const struct event *event)
{
	const struct exit_record *exit = (const void *)event->record;
	struct entry *entry = recorder_find(recorder, exit->record.pid, exit->record.start);
	bool root;

	if (is_over_before(recorder, entry, exit->record.time))
		return;
	if (!entry && !(recorder->ended && exit->record.start > recorder->ended)) {
		entry = recorder_add(recorder, exit->record.pid, exit->record.start, exit->parent_pid, exit->parent_start);
		if (entry)
			entry->row.user = exit->record.uid;
	}
	if (!entry || entry->dead)
		return;
	if (entry->row.tool == RUN_NONE)
		recorder_fill_unknown(recorder, entry, exit->name);
	root = recorder->root && !entry->index;
	/* Of one from before that was never sampled nobody knows what of its costs is the run's. */
	if (entry->row.flags & RUN_PROCESS_EARLIER && !entry->earlier)
		entry->row.flags |= RUN_PROCESS_NO_LEDGER;
	else
		ledger_of_exit(&entry->row.costs, exit, entry->earlier);
	/* it may have become another since it was created or began its program */
	entry->row.user = exit->record.uid;
	entry->row.threads = exit->threads ? exit->threads : entry->row.threads;
	entry->row.flags |= exit_flags(entry, exit);
	entry->row.end = exit->record.time;
	if (root) {
		recorder->ended = exit->record.time;
		entry->row.flags &= ~RUN_PROCESS_LEFT;
	}
	if (recorder->ended && exit->record.time > recorder->ended) {
		/* it lived when the run ended; what it cost is known the better for it */
		entry->row.flags |= RUN_PROCESS_LIVING;
		entry->row.end = recorder->ended;
		recorder->now.remaining += recorder->root != 0;
	} else {
		entry->row.code = exit->code;
		entry->row.signal = exit->signal;
	}
	recorder_bury(recorder, entry);
}

static void on_connection(struct recorder *recorder, const struct event *event)
{
	struct entry *entry = recorder_find(recorder, event->record->pid, event->record->start);

	if (!entry)
		return;
	recorder_connection(recorder, entry, event);
	if (entry->dead) {
		recorder_tell(recorder, entry);
		if (!entry->connections)
			recorder_forget(recorder, entry);
	}
}

static void on_cgroup(struct recorder *recorder, const struct event *event)
{
	struct cgroup *cgroup = identity_cgroup(event);

	if (cgroup)
		recorder_group(recorder, cgroup);
}

bool recorder_hurries(const struct recorder *recorder)
{
	return recorder->hurries;
}

void recorder_event(struct recorder *recorder, const struct event *event)
{
	struct entry *entry;

	if (event->record->time < recorder->run->start && FACT_KINDS >> event->record->kind & 1)
		return;
	switch (event->record->kind) {
	case KIND_cgroup:
		on_cgroup(recorder, event);
		break;
	case KIND_fork:
		on_fork(recorder, event);
		break;
	case KIND_exec:
		on_exec(recorder, event);
		break;
	case KIND_exit:
		on_end(recorder, event);
		break;
	case KIND_signal:
		recorder_signal(recorder, event);
		break;
	case KIND_oom:
		recorder_oom(recorder, event);
		break;
	case KIND_lost:
		recorder_lost(recorder, event);
		break;
	case KIND_connect:
	case KIND_accept:
	case KIND_close:
		on_connection(recorder, event);
		break;
	case KIND_flow:
		recorder_datagrams(recorder, event);
		break;
	case KIND_drop:
		recorder_drop(recorder, event);
		break;
	case KIND_open:
	case KIND_change:
		entry = recorder_find(recorder, event->record->pid, event->record->start);
		if (entry)
			recorder_file(recorder, entry, event);
		break;
	}
}

void recorder_host(struct recorder *recorder, const struct run_host_sample *sample)
{
	store_host_sample(recorder->writer, sample);
}

/* --- the course of the run --- */

/* Those whose exit was among what got lost are not there any more, or have been corpses for a while. */
static void find_lost(struct recorder *recorder, u64 now)
{
	for (struct entry *entry = recorder->living.head, *next; entry; entry = next) {
		next = entry->next;
		if ((kill(entry->row.pid, 0) && errno == ESRCH) ||
		    (entry->state == SAMPLE_GONE && entry->sampled + EVENT_PATIENCE < now))
			recorder_lose(recorder, entry, entry->sampled ? entry->sampled : now);
	}
}

static void tell_living(struct recorder *recorder, struct entry *entry, u64 now)
{
	entry->row.flags |= RUN_PROCESS_LIVING;
	entry->row.end = now;
	recorder_tell(recorder, entry);
	entry->row.flags &= ~RUN_PROCESS_LIVING;
}

void recorder_flush(struct recorder *recorder, u64 now)
{
	if (recorder->facts.exits_lost)
		find_lost(recorder, now);
	recorder->facts.exits_lost = false;
	for (struct entry *entry = recorder->living.head; entry; entry = entry->next)
		if (entry->changed)
			tell_living(recorder, entry, now);
	recorder_look(recorder, now);
	recorder_forget_rested(recorder, now);
	recorder_rows_flush(recorder, &recorder->peers);
	recorder_rows_flush(recorder, &recorder->drops);
	recorder_rows_flush(recorder, &recorder->files);
	recorder_facts_flush(recorder, now, false);
	store_flush(recorder->writer);
}

void recorder_stop(struct recorder *recorder, u64 now)
{
	if (!recorder->ended)
		recorder->ended = now;
}

void recorder_close(struct recorder *recorder, u64 now)
{
	u64 ended;

	recorder_stop(recorder, now);
	ended = recorder->ended;
	find_lost(recorder, ended);
	/* the last look, whatever the pause */
	recorder_look(recorder, UINT64_MAX);
	for (struct entry *entry = recorder->living.head; entry; entry = entry->next) {
		struct entry *parent = recorder_find(recorder, entry->parent_pid, entry->parent_start);

		if (entry->row.parent != RUN_NONE && (!parent || parent->dead))
			entry->row.flags |= RUN_PROCESS_LEFT;
		tell_living(recorder, entry, ended);
	}
	recorder->run->end = ended;
	recorder->run->seen = recorder->now.processes;
	if (recorder->root)
		recorder->now.remaining += recorder->living.count;
	recorder_rows_flush(recorder, &recorder->peers);
	recorder_rows_flush(recorder, &recorder->drops);
	recorder_rows_flush(recorder, &recorder->files);
	recorder_facts_flush(recorder, ended, true);
	store_flush(recorder->writer);
}

struct recorder_now recorder_now(const struct recorder *recorder)
{
	struct recorder_now now = recorder->now;

	for (struct entry *entry = recorder->living.head; entry; entry = entry->next) {
		costs_add(&now.costs, &entry->row.costs);
		now.memory += entry->resident;
	}
	now.living = recorder->living.count;
	return now;
}
