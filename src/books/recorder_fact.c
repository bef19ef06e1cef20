/*
 * What else is to be known of a run: execs that failed, signals, kills for want of memory, losses. Their number is bounded: a
 * shell's search along PATH is no failure, the same signal between the same two is told once, and beyond a limit facts are
 * counted only.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "books/recorder_own.h"
#include "event/words.h"
#include "wire/sizes.h"

#define FACTS_MOST 10000	/* of a kind */
#define LOST_PAUSE 10000000000ULL
#define CODE_TIMER -2

static void tell(struct recorder *recorder, const struct run_fact *fact)
{
	if (recorder->facts.told[fact->kind] >= FACTS_MOST) {
		recorder->facts.left_out[fact->kind]++;
		return;
	}
	recorder->facts.told[fact->kind]++;
	store_fact(recorder->writer, fact);
}

/* Told at the end of the process, or when it fails another time: it may yet find what it looks for. */
static void tell_failed_exec(struct recorder *recorder, struct entry *entry)
{
	if (entry->failed_path == RUN_NONE)
		return;
	tell(recorder, &(struct run_fact){
		.kind = RUN_FACT_FAILED_EXEC,
		.time = entry->failed_time,
		.number = entry->failed_error,
		.process = entry->index,
		.other = RUN_NONE,
		.text = entry->failed_path,
	});
	entry->failed_path = RUN_NONE;
}

static void note_failed_exec(struct recorder *recorder, struct entry *entry, const char *path, size_t length, s32 error,
			     u64 time)
{
	entry->failed_path = recorder_text(recorder, path, length);
	entry->failed_error = error;
	entry->failed_time = time;
}

void recorder_exec_failed(struct recorder *recorder, struct entry *entry, const struct event *event)
{
	const struct exec_record *exec = (const void *)event->record;
	const struct bytes *asked = &event->strings[EXEC_ASKED];
	s32 error = exec->error < 0 ? -exec->error : exec->error;

	/* Of a search the last miss stands for all; anything else is a failure of its own. */
	if (entry->failed_error != ENOENT)
		tell_failed_exec(recorder, entry);
	note_failed_exec(recorder, entry, asked->data, asked->length, error, exec->record.time);
}

void recorder_refused(struct recorder *recorder, const char *path, s32 error)
{
	struct entry *root = recorder->living.head;

	if (recorder->facts.told[RUN_FACT_FAILED_EXEC])
		return;
	tell(recorder, &(struct run_fact){
		.kind = RUN_FACT_FAILED_EXEC,
		.time = recorder->ended ? recorder->ended : recorder->run->start,
		.number = error,
		.process = root || recorder->count ? 0 : RUN_NONE,
		.other = RUN_NONE,
		.text = recorder_text(recorder, path, strlen(path)),
	});
}

void recorder_matched(struct recorder *recorder, const struct event *event, const char *what, size_t length)
{
	struct entry *entry = recorder_find(recorder, event->record->pid, event->record->start);

	tell(recorder, &(struct run_fact){
		.kind = RUN_FACT_POLICY,
		.time = event->record->time,
		.process = entry ? entry->index : RUN_NONE,
		.other = RUN_NONE,
		.text = recorder_text(recorder, what, length),
	});
}

static void tell_signal(struct recorder *recorder, struct entry *target, u64 time)
{
	tell(recorder, &(struct run_fact){
		.kind = RUN_FACT_SIGNAL,
		.time = time,
		.number = target->signal,
		.process = target->signal_sender,
		.other = target->index,
		.text = RUN_NONE,
	});
	target->signal_told = true;
}

static bool is_of_person(const struct signal_record *signal)
{
	return signal->code <= 0 && signal->code != CODE_TIMER;
}

/* Between processes, and what kills. */
void recorder_signal(struct recorder *recorder, const struct event *event)
{
	const struct signal_record *signal = (const void *)event->record;
	struct entry *target = recorder_find(recorder, signal->target_pid, signal->target_start);
	struct entry *sender = NULL;
	u32 number = signal->number, from;

	if (signal->result != SIGNAL_DELIVERED && signal->result != SIGNAL_INFO_LOST)
		return;
	if (number < 64 && RECORDER_IDLE_SIGNALS >> number & 1)
		return;
	if (event_has_owner(event) && is_of_person(signal))
		sender = recorder_find(recorder, signal->record.pid, signal->record.start);
	from = sender ? sender->index : RUN_NONE;
	if (!target || target->dead) {
		if (sender)
			tell(recorder, &(struct run_fact){ .kind = RUN_FACT_SIGNAL, .time = signal->record.time,
							   .number = number, .process = from, .other = RUN_NONE,
							   .text = RUN_NONE });
		return;
	}
	if (target->signal == number && target->signal_sender == from)
		return;
	target->signal = number;
	target->signal_sender = from;
	target->signal_told = false;
	if (is_of_person(signal) && sender != target)
		tell_signal(recorder, target, signal->record.time);
}

void recorder_end_facts(struct recorder *recorder, struct entry *entry)
{
	tell_failed_exec(recorder, entry);
	if (!entry->row.signal)
		return;
	if (entry->signal != entry->row.signal) {
		entry->signal = entry->row.signal;
		entry->signal_sender = RUN_NONE;
		entry->signal_told = false;
	}
	if (!entry->signal_told)
		tell_signal(recorder, entry, entry->row.end);
}

void recorder_oom(struct recorder *recorder, const struct event *event)
{
	const struct oom_record *oom = (const void *)event->record;
	struct entry *victim = recorder_find(recorder, oom->victim_pid, oom->victim_start);
	struct cgroup *cgroup = oom->cgroup ? cgroup_find(event->identity->cgroups, oom->cgroup) : NULL;
	u32 whose = RUN_NONE;

	if (!victim)
		return;
	victim->oom = true;
	if (oom->limit == OOM_LIMIT_MACHINE)
		whose = recorder_text_of(recorder, "the machine");
	else if (cgroup)
		whose = recorder_text(recorder, cgroup->path, cgroup->path_length);
	tell(recorder, &(struct run_fact){
		.kind = RUN_FACT_OOM,
		.time = oom->record.time,
		.number = oom->victim_memory,
		.process = victim->index,
		.other = RUN_NONE,
		.text = whose,
	});
}

void recorder_lost(struct recorder *recorder, const struct event *event)
{
	const struct lost_record *lost = (const void *)event->record;

	/* The name of a control group that finds no room is told again with the next event there: nothing is missing. */
	if (lost->kind >= KIND_MAX || lost->cause >= LOSS_CAUSES || !kind_is_public(lost->kind))
		return;
	recorder->facts.lost[lost->kind][lost->cause] += lost->count;
	recorder->now.lost += lost->count;
	if (lost->kind == KIND_exit)
		recorder->facts.exits_lost = true;
}

void recorder_clock(struct recorder *recorder, u64 now, s64 step)
{
	tell(recorder, &(struct run_fact){
		.kind = RUN_FACT_CLOCK_STEP,
		.time = now,
		.number = step,
		.process = RUN_NONE,
		.other = RUN_NONE,
		.text = RUN_NONE,
	});
}

static void tell_count(struct recorder *recorder, u32 kind, u64 now, u64 count, const char *text)
{
	store_fact(recorder->writer, &(struct run_fact){
		.kind = kind,
		.time = now,
		.number = count,
		.process = RUN_NONE,
		.other = RUN_NONE,
		.text = recorder_text(recorder, text, strlen(text)),
	});
}

static void tell_losses(struct recorder *recorder, u64 now)
{
	struct recorder_facts *facts = &recorder->facts;

	for (u32 kind = 0; kind < KIND_MAX; kind++) {
		for (u32 cause = 0; cause < LOSS_CAUSES; cause++) {
			u64 count = facts->lost[kind][cause];

			if (!count)
				continue;
			text_reset(&recorder->key);
			text_add_format(&recorder->key, "%s: %s", kind_name(kind), word_loss(cause));
			tell_count(recorder, RUN_FACT_LOST, now, count, text_string(&recorder->key));
			facts->lost[kind][cause] = 0;
		}
	}
	facts->lost_time = now;
}

void recorder_facts_flush(struct recorder *recorder, u64 now, bool last)
{
	static const char *const kinds[RUN_FACTS] = {
		[RUN_FACT_FAILED_EXEC] = "failed execs", [RUN_FACT_SIGNAL] = "signals", [RUN_FACT_OOM] = "kills for want of memory",
		[RUN_FACT_CLOCK_STEP] = "steps of the clock",
		[RUN_FACT_POLICY] = "matches of policies",
	};
	struct recorder_facts *facts = &recorder->facts;

	if (last || now - facts->lost_time > LOST_PAUSE)
		tell_losses(recorder, now);
	if (!last)
		return;
	if (facts->given_up)
		tell_count(recorder, RUN_FACT_GAVE_UP, now, facts->given_up, "processes, peers or files: no memory");
	for (u32 kind = 0; kind < RUN_FACTS; kind++) {
		if (!facts->left_out[kind])
			continue;
		text_reset(&recorder->key);
		text_add_format(&recorder->key, "%s" RUN_BEYOND "%d", kinds[kind], FACTS_MOST);
		tell_count(recorder, RUN_FACT_GAVE_UP, now, facts->left_out[kind], text_string(&recorder->key));
	}
}
