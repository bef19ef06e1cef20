/*
 * Runs policies beside a command, for tests: policies [--enforce] [--allow-late] [--lower] [--pin DIRECTORY] FILE... -- COMMAND...
 * With --lower files are of the short form.
 * Events as JSON lines; then for each selector a line of what was counted; the command's own output stays its own. Ends
 * with the command's status, 128 + the signal that ended it, or 1 with a message where the policies cannot be run.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/jot.h"
#include "event/plan.h"
#include "event/words.h"
#include "kernel/kernel.h"
#include "policy/engine.h"
#include "policy/load.h"
#include "policy/point.h"
#include "proc/identity.h"

#define FILES_MOST 16

static struct identity *identity;
static struct engine *engine;
static struct plan plan;
static struct text out;

static void write_out(void)
{
	fputs(text_string(&out), stdout);
	fflush(stdout);
	text_reset(&out);
}

static int tell(void *context, const void *bytes, size_t size)
{
	struct event event;

	(void)context;
	if (event_decode(&event, bytes, size)) {
		puts("{\"kind\":\"unreadable\"}");
		return 0;
	}
	identity_complete(identity, &event);
	if (event.record->kind == KIND_policy || event.record->kind == KIND_lost)
		json_event(&plan, &out, &event);
	write_out();
	return 0;
}

static int deliver(void *context, const void *bytes, size_t size)
{
	return engine_deliver(engine, bytes, size, tell, context);
}

static void counted(void *context, const struct engine_count *count)
{
	struct jot jot = { .out = &out };

	(void)context;
	jot_open(&jot, NULL, '{');
	jot_string(&jot, "kind", "count");
	jot_unsigned(&jot, "policy", count->policy);
	jot_unsigned(&jot, "hook", count->hook);
	jot_unsigned(&jot, "selector", count->selector);
	jot_unsigned(&jot, "matched", count->matched);
	jot_unsigned(&jot, "told", count->told);
	jot_unsigned(&jot, "taken", count->taken);
	jot_close(&jot, '}');
	text_add_char(&out, '\n');
	write_out();
}

static void say_books(struct kernel *kernel)
{
	struct record_counts books;
	struct jot jot = { .out = &out };

	if (kernel_counts(kernel, &books))
		return;
	jot_open(&jot, NULL, '{');
	jot_string(&jot, "kind", "books");
	jot_unsigned(&jot, "produced", books.produced[KIND_policy]);
	for (u32 cause = 0; cause < LOSS_CAUSES; cause++)
		if (books.lost[KIND_policy][cause])
			jot_unsigned(&jot, word_loss(cause), books.lost[KIND_policy][cause]);
	jot_close(&jot, '}');
	text_add_char(&out, '\n');
	write_out();
}

static void say_places(void)
{
	struct engine_attached list[64];
	size_t count = engine_attached(engine, list, 64);

	for (size_t i = 0; i < count; i++)
		fprintf(stderr, "rung %s %u %s %s\n", list[i].policy, list[i].hook, policy_rung_name(list[i].place->rung),
			list[i].place->target);
}

static int complain(const char *file, const struct policy_error *error)
{
	fprintf(stderr, "%s:%u:%u: %s; %s\n", file, error->line, error->column, error->text, error->mend);
	return 1;
}

/* The first policy of the file, as the kernel would hold it. */
static struct policy *read_short(const char *file, struct policy_error *error)
{
	static struct policies read;

	if (policies_load(&read, file, NULL))
		return NULL;
	return policy_lower(read.list[read.count - 1], error);
}

/* The command's status; events go out while it runs, and those that are still in the lanes after it. */
static int watch(struct kernel *kernel, char **command)
{
	pid_t child = fork();
	int status = 0;
	pid_t ended = 0;

	if (!child) {
		execvp(command[0], command);
		_exit(127);
	}
	while (!ended) {
		lanes_wait(kernel_lanes(kernel), 50);
		lanes_drain(kernel_lanes(kernel), deliver, NULL, 1000000);
		ended = waitpid(child, &status, WNOHANG);
	}
	engine_detach(engine);
	kernel_detach(kernel);
	while (lanes_drain(kernel_lanes(kernel), deliver, NULL, 1000000) > 0)
		;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
	const struct kernel_options wanted = { .kinds = KIND_BIT(fork) | KIND_BIT(exec) | KIND_BIT(exit) };
	struct engine_policy policies[FILES_MOST] = { 0 };
	struct engine_options options = { 0 };
	struct policy_error error = { 0 }, errors[FILES_MOST];
	const char *pin = NULL;
	struct features features;
	struct kernel *kernel;
	size_t count = 0;
	bool enforce = false, lower = false;
	int at = 1, status;

	for (; at < argc && strcmp(argv[at], "--"); at++) {
		if (!strcmp(argv[at], "--enforce")) {
			enforce = true;
		} else if (!strcmp(argv[at], "--allow-late")) {
			options.allow_late = true;
		} else if (!strcmp(argv[at], "--lower")) {
			lower = true;
		} else if (!strcmp(argv[at], "--pin") && at + 1 < argc) {
			pin = argv[++at];
		} else if (count < FILES_MOST) {
			policies[count].policy = lower ? read_short(argv[at], &error) : policy_read(argv[at], &error);
			if (!policies[count].policy)
				return complain(argv[at], &error);
			policies[count].number = count + 1;
			policies[count++].enforce = enforce;
		}
	}
	if (at + 1 >= argc)
		return 2;
	features_find(&features);
	identity = identity_new(false, NULL);
	plan_make(&plan);
	kernel = kernel_open(&wanted, &features);
	if (!kernel)
		return 1;
	options.features = &features;
	options.shared = kernel_object(kernel);
	options.keep = pin != NULL;
	engine = engine_open(policies, count, &options, errors);
	for (size_t i = 0; i < count && !engine; i++)
		if (*errors[i].text)
			return complain(policies[i].policy->file, &errors[i]);
	if (engine_attach(engine, &error))
		return complain(policies->policy->file, &error);
	if (pin && (status = engine_pin(engine, pin))) {
		fprintf(stderr, "cannot pin in %s: %s\n", pin, strerror(-status));
		return 1;
	}
	say_places();
	status = watch(kernel, argv + at + 1);
	engine_counts(engine, counted, NULL);
	say_books(kernel);
	engine_close(engine);
	kernel_close(kernel);
	return status;
}
