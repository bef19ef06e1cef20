/*
 * What failed: the process that made the run fail, programs that crashed, and work that was tried again. An exit status other than 0
 * alone is no failure: grep says so that it found nothing. It is one when it made the run fail, or when the same command was run again after it.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/escape.h"
#include "base/table.h"
#include "findings/finding_scene.h"
#include "books/order.h"
#include "event/words.h"

#define SECOND_NS 1000000000ULL
#define CHAIN_MAX 16

static bool has_failed(const struct run_process *process)
{
	return !(process->flags & RUN_PROCESS_LIVING) && (process->code || process->signal);
}

static u64 life_of(const struct run *run, u32 process)
{
	u64 from = run->processes[process].start, to = order_end(run, &run->processes[process]);

	from = from < run->start ? run->start : from;
	return to > from ? to - from : 0;
}

static void say_end(struct text *out, const struct run_process *process)
{
	const char *signal = process->signal ? word_signal(process->signal) : NULL;

	if (signal)
		text_add_format(out, "was ended by %s", signal);
	else if (process->signal)
		text_add_format(out, "was ended by signal %u", process->signal);
	else
		text_add_format(out, "ended with status %d", process->code);
}

/* As a shell says it. */
static int status_of(const struct run_process *process)
{
	return process->signal ? 128 + process->signal : process->code;
}

static bool is_by_hand(int status)
{
	return status == 128 + SIGINT || status == 128 + SIGTERM || status == 128 + SIGHUP || status == 128 + SIGQUIT;
}

/* The failed child that this one's failure came from: it handed on the status, or it ended right after. */
static u32 cause_in(const struct run *run, u32 parent)
{
	const struct run_process *whole = &run->processes[parent];
	u32 cause = RUN_NONE;

	for (u32 i = parent + 1; i < run->process_count; i++) {
		const struct run_process *process = &run->processes[i];

		if (process->parent != parent || !has_failed(process) || process->end > whole->end || process->signal == SIGPIPE)
			continue;
		if (status_of(process) != status_of(whole) && whole->end - process->end > SECOND_NS)
			continue;
		if (cause == RUN_NONE || process->end >= run->processes[cause].end)
			cause = i;
	}
	return cause;
}

/* What a process could not start last; NULL: nothing. */
static const struct run_fact *missing_of(const struct run *run, u32 process)
{
	for (u32 i = run->fact_count; i-- > 0;)
		if (run->facts[i].kind == RUN_FACT_FAILED_EXEC && run->facts[i].process == process)
			return &run->facts[i];
	return NULL;
}

static void say_program(struct text *out, const struct run *run, const struct run_fact *fact)
{
	struct run_bytes path = run_text(run, fact->text);

	text_add_bytes(out, path.length ? path.data : "''", path.length ? path.length : 2);
}

static void say_missing(struct finding *finding, const struct run *run, const struct run_fact *fact)
{
	const char *error = word_errno(fact->number < 0 ? -fact->number : fact->number);

	text_add(&finding->evidence, "; it could not start ");
	say_program(&finding->evidence, run, fact);
	if (error)
		text_add_format(&finding->evidence, " (%s)", error);
}

/* As shells say it. */
#define NOT_EXECUTABLE 126
#define NOT_FOUND 127

static void say_failed(struct finding *finding, const struct run *run)
{
	const struct run_process *process = &run->processes[finding->process];
	const struct run_fact *missing = missing_of(run, finding->process);
	int status = status_of(process);

	text_add(&finding->title, "The run failed: ");
	if (missing && (status == NOT_FOUND || status == NOT_EXECUTABLE)) {
		say_program(&finding->title, run, missing);
		text_add(&finding->title, " could not be started");
	} else {
		say_tool(&finding->title, run, finding->tool);
		text_add_char(&finding->title, ' ');
		say_end(&finding->title, process);
	}
	text_add(&finding->advice, status == NOT_FOUND ? "A program was not found: install it, or put its directory on the PATH." :
				   status == NOT_EXECUTABLE ? "It was found and could not be executed: see its permissions, and whether it is "
							      "made for this machine." :
				   "Run that command by itself in its directory; what it printed on its standard error says why.");
	text_add_format(&finding->evidence, "pid %u ", process->pid);
	say_end(&finding->evidence, process);
	text_add(&finding->evidence, " after ");
	say_time(&finding->evidence, life_of(run, finding->process));
	text_add(&finding->evidence, ": ");
	say_command(&finding->evidence, run, finding->process);
	if (process->directory != RUN_NONE && process->directory != run->directory) {
		struct run_bytes directory = run_text(run, process->directory);

		text_add(&finding->evidence, ", in ");
		escape_shell(&finding->evidence, directory.data, directory.length);
	}
	if (missing)
		say_missing(finding, run, missing);
}

static void find_failed(const struct scene *scene, struct findings *findings, bool *told)
{
	const struct run *run = scene->run;
	u32 chain[CHAIN_MAX], count = 0, next = 0, cause;
	struct finding *finding;

	if (run->kind != RUN_COMMAND || run->exit_status <= 0 || is_by_hand(run->exit_status) || !has_failed(&run->processes[0]))
		return;
	while (next != RUN_NONE && count < CHAIN_MAX) {
		chain[count++] = next;
		next = cause_in(run, next);
	}
	cause = chain[count - 1];
	told[cause] = true;
	if (run->processes[cause].flags & RUN_PROCESS_OOM)
		return;
	finding = finding_add(scene, findings, "failed", FINDING_FAILURE, count > 1 ? FINDING_LIKELY : FINDING_CERTAIN, scene->wall);
	if (!finding)
		return;
	finding->process = cause;
	finding->tool = run->processes[cause].tool;
	finding->task = run->processes[cause].task;
	finding->from = run->processes[cause].start;
	finding->to = order_end(run, &run->processes[cause]);
	say_failed(finding, run);
	for (u32 i = count - 1; i-- > 0;) {
		text_add(&finding->evidence, i + 2 == count ? "; with it " : ", ");
		say_tool(&finding->evidence, run, run->processes[chain[i]].tool);
		text_add_format(&finding->evidence, " (%d)", status_of(&run->processes[chain[i]]));
	}
}

static bool is_crash(u32 signal)
{
	return signal == SIGSEGV || signal == SIGBUS || signal == SIGILL || signal == SIGFPE || signal == SIGABRT || signal == SIGSYS;
}

/* One word for each tool. */
static void find_crashed(const struct scene *scene, struct findings *findings, bool *told)
{
	const struct run *run = scene->run;
	u32 *count = xcalloc(run->tool_count + 1, sizeof(u32)), *first = xcalloc(run->tool_count + 1, sizeof(u32));
	double *lost = xcalloc(run->tool_count + 1, sizeof(double));
	struct finding *finding;

	for (u32 i = 0; i < run->process_count; i++) {
		u32 tool = run->processes[i].tool;

		if (!is_crash(run->processes[i].signal) || told[i] || tool >= run->tool_count)
			continue;
		told[i] = true;
		lost[tool] += life_of(run, i);
		if (!count[tool]++)
			first[tool] = i;
	}
	for (u32 i = 0; i < run->tool_count; i++) {
		if (!count[i])
			continue;
		finding = finding_add(scene, findings, "crashed", FINDING_FAILURE, FINDING_CERTAIN, lost[i]);
		finding->tool = i;
		finding->process = first[i];
		finding->task = run->processes[first[i]].task;
		finding->from = run->processes[first[i]].start;
		finding->to = order_end(run, &run->processes[first[i]]);
		say_tool(&finding->title, run, i);
		text_add(&finding->title, " crashed");
		text_add_format(&finding->evidence, "%u times, first pid %u, which ", count[i], run->processes[first[i]].pid);
		say_end(&finding->evidence, &run->processes[first[i]]);
		text_add(&finding->evidence, " after ");
		say_time(&finding->evidence, life_of(run, first[i]));
		text_add(&finding->evidence, ": ");
		say_command(&finding->evidence, run, first[i]);
		text_add(&finding->advice, "Do not trust what it wrote. Update it, or report it with a core (ulimit -c unlimited, coredumpctl).");
	}
	free(count);
	free(first);
	free(lost);
}

/* The same command: tool, directory, arguments; or the same task. */
struct attempts {
	u32 failed, last_failed;	/* last_failed: the latest that nobody has tried again yet, RUN_NONE */
	u32 first, tool;
	double lost;			/* of those that were tried again */
	double waiting;			/* of last_failed */
	bool succeeded;
};

static u64 hash_of(struct run_bytes bytes)
{
	u64 hash = 14695981039346656037ULL;

	for (size_t i = 0; i < bytes.length; i++)
		hash = (hash ^ (unsigned char)bytes.data[i]) * 1099511628211ULL;
	return hash;
}

/* Nextflow tries a task again in another directory, and its commands are all called alike; the task's name says which it is. */
static bool is_named_by_task(const struct run *run, u32 process)
{
	const struct run_task *task;
	struct run_bytes rule;

	if (run->processes[process].task >= run->task_count)
		return false;
	task = &run->tasks[run->processes[process].task];
	rule = run_text(run, task->rule);
	return task->process == process && (!strcmp(rule.data, "nextflow") || !strcmp(rule.data, "snakemake"));
}

static u64 key_of(const struct run *run, u32 process)
{
	u64 hash;

	if (is_named_by_task(run, process))
		return ~hash_of(run_text(run, run->tasks[run->processes[process].task].name));
	hash = hash_of(run_arguments(run, process));
	hash = (hash ^ run->processes[process].tool) * 1099511628211ULL;
	return (hash ^ run->processes[process].directory) * 1099511628211ULL;
}

static void note_attempt(struct attempts *attempts, const struct run *run, u32 process)
{
	attempts->lost += attempts->waiting;
	attempts->waiting = 0;
	attempts->succeeded = !has_failed(&run->processes[process]);
	if (attempts->succeeded)
		return;
	if (!attempts->failed++)
		attempts->first = process;
	attempts->last_failed = process;
	attempts->waiting = life_of(run, process);
}

/* Only tools that failed at all are looked at: most runs have few. */
static void gather_attempts(const struct run *run, struct table *table)
{
	bool *fails = xcalloc(run->tool_count + 1, sizeof(*fails));
	u32 *order = order_by_start(run);

	for (u32 i = 0; i < run->process_count; i++)
		if (run->processes[i].tool < run->tool_count && has_failed(&run->processes[i]))
			fails[run->processes[i].tool] = true;
	for (u32 i = 0; i < run->process_count; i++) {
		const struct run_process *process = &run->processes[order[i]];
		struct attempts *attempts;
		u64 key;

		if (process->tool >= run->tool_count || !fails[process->tool] || !process->exec)
			continue;
		key = key_of(run, order[i]);
		attempts = table_get(table, key);
		if (!attempts) {
			attempts = xcalloc(1, sizeof(*attempts));
			*attempts = (struct attempts){ .last_failed = RUN_NONE, .tool = process->tool };
			if (table_put(table, key, attempts)) {
				free(attempts);
				break;
			}
		}
		note_attempt(attempts, run, order[i]);
	}
	free(order);
	free(fails);
}

static void say_task(struct text *out, const struct run *run, u32 task)
{
	struct run_bytes name = run_text(run, run->tasks[task].name);

	text_add_bytes(out, name.data, name.length);
}

struct retried {
	const struct scene *scene;
	struct findings *findings;
	struct table *table;
};

/* A script that fails because of a command in it was retried no more than that command. */
static bool is_wrapper(const struct retried *retried, const struct attempts *attempts)
{
	const struct run *run = retried->scene->run;
	u32 cause = cause_in(run, attempts->first);
	const struct attempts *inner = cause != RUN_NONE ? table_get(retried->table, key_of(run, cause)) : NULL;

	return inner && inner != attempts && inner->failed >= attempts->failed && inner->lost >= 0.8 * attempts->lost;
}

static void tell_retried(u64 key, void *value, void *argument)
{
	const struct attempts *attempts = value;
	struct retried *retried = argument;
	const struct run *run = retried->scene->run;
	struct finding *finding;

	(void)key;
	if (attempts->failed < (is_named_by_task(run, attempts->first) ? 1 : limit.attempts) || attempts->lost < limit.share * retried->scene->wall ||
	    attempts->lost < limit.seconds * SECOND || is_wrapper(retried, attempts))
		return;
	finding = finding_add(retried->scene, retried->findings, "retried", FINDING_FAILURE, FINDING_CERTAIN, attempts->lost);
	finding->tool = attempts->tool;
	finding->process = attempts->first;
	finding->task = run->processes[attempts->first].task;
	finding->from = run->processes[attempts->first].start;
	finding->to = order_end(run, &run->processes[attempts->last_failed]);
	if (is_named_by_task(run, attempts->first))
		say_task(&finding->title, run, finding->task);
	else
		say_tool(&finding->title, run, attempts->tool);
	text_add_format(&finding->title, " failed %u time%s and was tried again", attempts->failed, attempts->failed > 1 ? "s" : "");
	say_time(&finding->evidence, attempts->lost);
	text_add(&finding->evidence, " in attempts that failed, the first ");
	say_end(&finding->evidence, &run->processes[attempts->first]);
	text_add(&finding->evidence, attempts->succeeded ? ", the last succeeded: " : ", none succeeded: ");
	say_command(&finding->evidence, run, attempts->first);
	text_add(&finding->advice, "Find why it fails before it is tried again: a retry hides the cause and pays for it each time. Retry only "
				   "what may pass by itself, as a server that is busy.");
}

static void find_retried(const struct scene *scene, struct findings *findings)
{
	struct table table = { 0 };
	struct retried retried = { scene, findings, &table };

	gather_attempts(scene->run, &table);
	table_each(&table, tell_retried, &retried);
	for (size_t i = 0; i < table.capacity; i++)
		free(table.slots[i].value);
	table_free(&table);
}

static void find_failure(const struct scene *scene, struct findings *findings)
{
	bool *told = xcalloc(scene->run->process_count + 1, sizeof(*told));

	find_failed(scene, findings, told);
	find_crashed(scene, findings, told);
	find_retried(scene, findings);
	free(told);
}

const struct finding_family finding_failure = { .name = "failure", .find = find_failure };
