/*
 * The summary is a report of the run as it was stored, made by a process of its own: its memory is not that of the recording, and
 * nothing that happens to it can spoil the command's exit status.
 */
#include "cmd/summary.h"

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/jot.h"
#include "base/message.h"
#include "report/report.h"
#include "cmd/terminal.h"

static void write_all(const struct text *text)
{
	size_t done = 0;

	while (done < text->length) {
		ssize_t written = write(STDERR_FILENO, text->data + done, text->length - done);

		if (written < 0 && errno == EINTR)
			continue;
		if (written <= 0)
			return;
		done += written;
	}
}

static int report(const char *path, u64 id)
{
	const struct report_style style = terminal_style(STDERR_FILENO);
	struct store *store = store_open(path, false);
	struct findings findings;
	struct text out = { 0 };
	struct run *run;
	char which[24];

	snprintf(which, sizeof(which), "%llu", (unsigned long long)id);
	run = store ? store_load(store, which, STORE_WITH_ARGUMENTS | STORE_WITH_SAMPLES) : NULL;
	if (!run)
		return 1;
	findings_make(&findings, run);
	report_summary(&out, run, &findings, &style);
	write_all(&out);
	return 0;
}

void summary_say(const char *store, u64 run)
{
	pid_t pid = fork();
	int status;

	if (!pid)
		_exit(report(store, run));
	if (pid < 0 || waitpid(pid, &status, 0) != pid || (status && WIFSIGNALED(status)))
		message_warn("no summary of run %llu could be made; it is stored in %s", (unsigned long long)run, store);
}

void summary_json(struct text *out, const char *store, const struct run *run, const struct recorder_now *now)
{
	struct jot jot = { .out = out };

	jot_open(&jot, NULL, '{');
	jot_string(&jot, "kind", "summary");
	jot_unsigned(&jot, "run", run->id);
	jot_string(&jot, "store", store);
	jot_unsigned(&jot, "duration_ns", run->end - run->start);
	jot_unsigned(&jot, "processes", now->processes);
	jot_unsigned(&jot, "failed", now->failed);
	jot_unsigned(&jot, "living", now->living);
	if (run->kind == RUN_COMMAND)
		jot_signed(&jot, "exit_status", run->exit_status);
	costs_jot(&now->costs, &jot);
	jot_open(&jot, "events", '{');
	jot_unsigned(&jot, "produced", run->produced);
	jot_unsigned(&jot, "lost", run->lost);
	jot_close(&jot, '}');
	jot_close(&jot, '}');
	text_add_char(out, '\n');
}
