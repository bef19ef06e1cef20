/* What the formats share: names and times, said the same way in all of them. */
#include "books/export.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/escape.h"
#include "base/wall.h"
#include "event/words.h"
#include "wire/net.h"

void export_begin(struct export *export, const struct run *run)
{
	*export = (struct export){ .run = run, .users = user_table_new(NULL) };
	findings_make(&export->findings, run);
	export->critical = critical_find(run, &export->critical_count);
	export->is_critical = xcalloc((size_t)run->process_count + 1, sizeof(bool));
	for (u32 i = 0; i < export->critical_count; i++)
		if (export->critical[i].process < run->process_count)
			export->is_critical[export->critical[i].process] = true;
}

void export_end(struct export *export)
{
	user_table_free(export->users);
	findings_free(&export->findings);
	free(export->critical);
	free(export->is_critical);
}

const char *export_user(const struct export *export, u32 uid)
{
	return user_name(export->users, uid, 0);
}

void export_wall(const struct export *export, struct text *out, u64 time)
{
	struct wall wall = { .offset = export->run->wall_offset };

	wall_format(&wall, out, time);
}

void export_command(const struct export *export, struct text *out, u32 process)
{
	const struct run *run = export->run;
	struct run_bytes arguments = run_arguments(run, process);
	const char *at = arguments.data, *end = at + arguments.length;

	if (!arguments.length) {
		struct run_bytes path = run_text(run, run->processes[process].executable);

		if (!path.length)
			path = run_text(run, run->tools[run->processes[process].tool].name);
		escape_shell(out, path.data, path.length);
		return;
	}
	while (at < end) {
		const char *zero = memchr(at, 0, end - at);
		const char *stop = zero ? zero : end;

		if (at != arguments.data)
			text_add_char(out, ' ');
		escape_shell(out, at, stop - at);
		at = stop + 1;
	}
}

void export_title(const struct export *export, struct text *out)
{
	const struct run *run = export->run;
	struct run_bytes words = run_text(run, run->kind == RUN_COMMAND ? run->command : run->scope);
	const char *at = words.data, *end = at + words.length;

	if (run->kind == RUN_SCOPE || !words.length) {
		escape_terminal(out, words.data, words.length);
		return;
	}
	while (at < end) {
		const char *zero = memchr(at, 0, end - at);
		const char *stop = zero ? zero : end;

		if (at != words.data)
			text_add_char(out, ' ');
		escape_shell(out, at, stop - at);
		at = stop + 1;
	}
}

bool export_failed(const struct run_process *process)
{
	return process->code || process->signal;
}

void export_outcome(struct text *out, const struct run_process *process)
{
	const char *signal = process->signal ? word_signal(process->signal) : NULL;

	if (process->flags & RUN_PROCESS_LIVING)
		return;
	if (signal)
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

const char *export_fact(enum run_fact_kind kind)
{
	static const char *const names[RUN_FACTS] = {
		[RUN_FACT_FAILED_EXEC] = "failed_exec", [RUN_FACT_SIGNAL] = "signal", [RUN_FACT_OOM] = "oom",
		[RUN_FACT_LOST] = "lost", [RUN_FACT_CLOCK_STEP] = "clock_step", [RUN_FACT_GAVE_UP] = "gave_up",
	};

	return kind < RUN_FACTS ? names[kind] : "unknown";
}

const char *export_activity(enum run_activity activity)
{
	static const char *const names[RUN_ACTIVITIES] = {
		[RUN_ACTIVITY_SLEEPING] = "sleeping", [RUN_ACTIVITY_DISK] = "disk", [RUN_ACTIVITY_WAITING] = "waiting",
		[RUN_ACTIVITY_RUNNING] = "running", [RUN_ACTIVITY_STOPPED] = "stopped", [RUN_ACTIVITY_GONE] = "gone",
	};

	return activity < RUN_ACTIVITIES ? names[activity] : "unknown";
}

const char *export_transport(unsigned int transport)
{
	return transport == NET_TCP ? "tcp" : transport == NET_UDP ? "udp" : transport == NET_UNIX ? "unix" : "unknown";
}

void export_jot_text(const struct export *export, struct jot *jot, const char *key, u32 text)
{
	struct run_bytes bytes = run_text(export->run, text);

	if (text != RUN_NONE)
		jot_bytes(jot, key, bytes.data, bytes.length);
}
