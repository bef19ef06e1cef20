/* One place decides how a row is called, so that a table, a tree and a comparison call it the same. */
#include "books/label.h"

#include <time.h>

#include "base/escape.h"
#include "event/words.h"

static void add_words(struct text *out, struct run_bytes words)
{
	const char *at = words.data, *end = at + words.length;

	while (at < end) {
		const char *zero = memchr(at, 0, end - at);
		size_t length = (zero ? zero : end) - at;

		if (at != words.data)
			text_add_char(out, ' ');
		escape_shell(out, at, length);
		at += length + 1;
	}
}

void label_text(struct text *out, const struct run *run, u32 text, const char *none)
{
	struct run_bytes bytes = run_text(run, text);

	if (bytes.length)
		escape_terminal(out, bytes.data, bytes.length);
	else
		text_add(out, none);
}

void label_title(struct text *out, const struct run *run)
{
	if (run->command != RUN_NONE)
		add_words(out, run_text(run, run->command));
	else
		label_text(out, run, run->scope, "the whole machine");
}

void label_command(struct text *out, const struct run *run, u32 process)
{
	const struct run_process *p = &run->processes[process];
	struct run_bytes arguments = run_arguments(run, process);

	if (arguments.length) {
		add_words(out, arguments);
	} else if (!p->exec && p->parent != RUN_NONE) {
		/* it runs what its parent ran when it was forked */
		label_row(out, run, SUM_TOOL, p->tool, NULL);
		text_add(out, " (forked)");
	} else if (p->executable != RUN_NONE) {
		label_text(out, run, p->executable, "");
	} else {
		label_row(out, run, SUM_TOOL, p->tool, NULL);
	}
}

void label_outcome(struct text *out, const struct run_process *process)
{
	const char *signal = process->signal ? word_signal(process->signal) : NULL;

	if (process->flags & RUN_PROCESS_LIVING)
		text_add(out, "living");
	else if (process->flags & RUN_PROCESS_NO_LEDGER)
		text_add(out, "end not seen");
	else if (signal)
		text_add(out, signal);
	else if (process->signal)
		text_add_format(out, "signal %u", process->signal);
	else if (process->code)
		text_add_format(out, "exit %d", process->code);
	if (process->flags & RUN_PROCESS_OOM)
		text_add(out, " (out of memory)");
	else if (process->flags & RUN_PROCESS_CORE)
		text_add(out, " (core dumped)");
}

static void add_container(struct text *out, const struct run *run, const struct run_container *container)
{
	struct run_bytes id = run_text(run, container->id);

	if (container->name != RUN_NONE)
		label_text(out, run, container->name, "?");
	else
		escape_terminal(out, id.data, id.length > 12 ? 12 : id.length);
}

void label_row(struct text *out, const struct run *run, enum sum_by by, u32 index, struct user_table *users)
{
	const char *name;

	switch (by) {
	case SUM_TOOL:
		if (index < run->tool_count)
			label_text(out, run, run->tools[index].name, "?");
		else
			text_add(out, "?");
		break;
	case SUM_TASK:
		if (index < run->task_count)
			label_text(out, run, run->tasks[index].name, "?");
		else
			text_add(out, "(no task)");
		break;
	case SUM_GROUP:
		if (index < run->task_count)
			label_text(out, run, run->tasks[index].group, "?");
		else
			text_add(out, "(no task)");
		break;
	case SUM_PROCESS:
		if (index < run->process_count)
			label_command(out, run, index);
		break;
	case SUM_CONTAINER:
		if (index < run->container_count)
			add_container(out, run, &run->containers[index]);
		else
			text_add(out, "(no container)");
		break;
	case SUM_USER:
		name = users ? user_name(users, index, 0) : NULL;
		if (name)
			escape_terminal(out, name, strlen(name));
		else
			text_add_u64(out, index);
		break;
	case SUM_TOTAL:
		text_add(out, "total");
		break;
	}
}

void label_wall(struct text *out, const struct run *run, u64 time)
{
	s64 ns = run_wall(run, time);
	time_t seconds = ns / 1000000000 - (ns % 1000000000 < 0);
	char buffer[64];
	struct tm broken;

	if (gmtime_r(&seconds, &broken) && strftime(buffer, sizeof(buffer), "%Y-%m-%d %H:%M:%S", &broken))
		text_add(out, buffer);
}
