/* The head of a report: which run it is, what it cost in all, and what the figures do not cover. */
#include "report/report_part.h"

#include "base/columns.h"
#include "base/duration.h"
#include "base/escape.h"
#include "books/label.h"
#include "findings/size_memory.h"

static void add_duration(struct text *out, u64 ns)
{
	char buffer[DURATION_TEXT_SIZE];

	text_add(out, duration_format(ns, buffer));
}

static void add_size(struct text *out, u64 bytes)
{
	char buffer[SIZE_TEXT_SIZE];

	text_add(out, size_format(bytes, buffer));
}

static u64 wall_of(const struct run *run)
{
	return run->end > run->start ? run->end - run->start : 0;
}

static void add_state(struct report *report)
{
	const struct run *run = report->run;
	struct text *out = report->out;
	bool bad = run->state == RUN_INTERRUPTED || (run->state == RUN_FINISHED && run->exit_status > 0);

	if (run->state == RUN_FINISHED && run->exit_status < 0)
		return;
	text_add(out, bad && report->style.colour ? "\033[31m" : "");
	if (run->state == RUN_RECORDING)
		text_add(out, "still being recorded; this is what has been written so far");
	else if (run->state == RUN_INTERRUPTED)
		text_add(out, "interrupted: its recorder died or could not write its end; this is what had been written");
	else if (run->exit_status)
		text_add_format(out, "failed with status %d", run->exit_status);
	else
		text_add(out, "succeeded");
	text_add(out, bad && report->style.colour ? "\033[0m\n" : "\n");
}

static void add_host(struct report *report)
{
	const struct run_host *host = &report->run->host;
	struct text *out = report->out;

	if (host->name != RUN_NONE) {
		text_add(out, "on ");
		label_text(out, report->run, host->name, "?");
		text_add(out, ", ");
	}
	if (host->cpus_allowed && host->cpus_allowed < host->cpus)
		text_add_format(out, "%u of %u CPUs", host->cpus_allowed, host->cpus);
	else
		text_add_format(out, "%u CPU%s", host->cpus, host->cpus == 1 ? "" : "s");
	if (host->memory) {
		text_add(out, ", ");
		add_size(out, host->memory);
	}
	if (host->memory_limit && host->memory_limit < host->memory) {
		text_add(out, " of which it may use ");
		add_size(out, host->memory_limit);
	}
	if (host->kernel != RUN_NONE) {
		text_add(out, ", Linux ");
		label_text(out, report->run, host->kernel, "?");
	}
	text_add_char(out, '\n');
}

/* A command can be as long as a book; on a terminal two lines of it say enough. */
static void add_title(struct report *report)
{
	struct text title = { 0 };

	label_title(&title, report->run);
	if (report->style.width)
		columns_cut(report->out, text_string(&title), title.length, 2 * report->style.width);
	else
		text_add_bytes(report->out, title.data, title.length);
	text_free(&title);
}

static void add_identity(struct report *report)
{
	const struct run *run = report->run;
	struct text *out = report->out;

	if (report->style.colour)
		text_add(out, "\033[1m");
	text_add_format(out, "run %llu", (unsigned long long)run->id);
	if (run->name != RUN_NONE) {
		text_add(out, " (");
		label_text(out, run, run->name, "?");
		text_add_char(out, ')');
	}
	text_add(out, ": ");
	add_title(report);
	text_add(out, report->style.colour ? "\033[0m\n" : "\n");
	label_wall(out, run, run->start);
	text_add(out, " UTC, by ");
	label_row(out, run, SUM_USER, run->user, report->users);
	if (run->directory != RUN_NONE) {
		text_add(out, ", in ");
		label_text(out, run, run->directory, "?");
	}
	text_add_char(out, '\n');
	if (run->filter != RUN_NONE) {
		text_add(out, "of files only those for which ");
		label_text(out, run, run->filter, "?");
		text_add_char(out, '\n');
	}
	add_host(report);
	add_state(report);
}

static void begin(struct report *report, const char *what)
{
	text_add_format(report->out, "  %-10s", what);
}

static void add_cpu(struct report *report)
{
	const struct costs *costs = &report->total.costs;
	u64 wall = wall_of(report->run);
	struct text *out = report->out;

	begin(report, "CPU");
	add_duration(out, costs->cpu);
	if (wall)
		text_add_format(out, ": %.2f cores on average", (double)costs->cpu / wall);
	if (costs->cpu)
		text_add_format(out, ", %.0f %% of it in the kernel", 100.0 * costs->cpu_system / costs->cpu);
	text_add_char(out, '\n');
	if (!costs->cpu_wait && !costs->disk_wait)
		return;
	begin(report, "waits");
	add_duration(out, costs->cpu_wait);
	text_add(out, " for a CPU");
	if (costs->disk_wait) {
		text_add(out, ", ");
		add_duration(out, costs->disk_wait);
		text_add(out, " for disks");
	}
	if (costs->sync_wait) {
		text_add(out, " (");
		add_duration(out, costs->sync_wait);
		text_add(out, " of it in fsync)");
	}
	text_add(out, " (all processes together)\n");
}

static void add_memory(struct report *report)
{
	const struct run *run = report->run;
	u64 most = report->total.costs.memory, together = report->total.sampled_memory;
	struct memory_levels *levels;
	struct memory_peak peak;
	u32 largest = 0;

	if (!most && !together)
		return;
	levels = memory_levels_new(run);
	peak = memory_peak(levels, NULL, 0);
	memory_levels_free(levels);
	together = peak.bytes > together ? peak.bytes : together;
	for (u32 i = 1; i < run->process_count; i++)
		if (run->processes[i].costs.memory > run->processes[largest].costs.memory)
			largest = i;
	begin(report, "memory");
	if (together > most) {
		add_size(report->out, together);
		text_add(report->out, " at most at once, ");
	}
	add_size(report->out, most);
	text_add(report->out, " in the largest process");
	if (largest < run->process_count) {
		text_add(report->out, ", ");
		label_row(report->out, run, SUM_TOOL, run->processes[largest].tool, NULL);
	}
	text_add_char(report->out, '\n');
}

static void add_io(struct report *report)
{
	const struct costs *costs = &report->total.costs;
	struct text *out = report->out;

	if (costs->disk_read || costs->disk_write) {
		begin(report, "disk");
		add_size(out, costs->disk_read);
		text_add(out, " read, ");
		add_size(out, costs->disk_write);
		text_add(out, " written\n");
	}
	if (costs->sent || costs->received || costs->connections) {
		begin(report, "network");
		add_size(out, costs->sent);
		text_add(out, " sent, ");
		add_size(out, costs->received);
		text_add_format(out, " received, %llu TCP connection%s\n", (unsigned long long)costs->connections,
				costs->connections == 1 ? "" : "s");
	}
}

static void add_processes(struct report *report)
{
	struct sum_names names = sum_names(report->run);
	struct text *out = report->out;

	begin(report, "processes");
	text_add_format(out, "%u of %u tool%s", report->total.processes, names.tools, names.tools == 1 ? "" : "s");
	if (names.tasks)
		text_add_format(out, ", in %u task%s", names.tasks, names.tasks == 1 ? "" : "s");
	if (names.containers)
		text_add_format(out, ", in %u container%s", names.containers, names.containers == 1 ? "" : "s");
	if (report->total.failures)
		text_add_format(out, report->style.colour ? "; \033[31m%u failed\033[0m" : "; %u failed",
				report->total.failures);
	text_add_char(out, '\n');
}

void report_head(struct report *report)
{
	add_identity(report);
	text_add_char(report->out, '\n');
	begin(report, "wall");
	add_duration(report->out, wall_of(report->run));
	text_add_char(report->out, '\n');
	add_cpu(report);
	add_memory(report);
	add_io(report);
	add_processes(report);
	report_coverage_text(report);
}

struct report_coverage report_coverage(const struct run *run)
{
	struct report_coverage coverage = { .lost = run->lost };
	u64 told = 0;

	for (u32 i = 0; i < run->process_count; i++) {
		u16 flags = run->processes[i].flags;

		coverage.living += !!(flags & RUN_PROCESS_LIVING);
		coverage.earlier += !!(flags & RUN_PROCESS_EARLIER);
		coverage.left += !!(flags & RUN_PROCESS_LEFT);
		coverage.no_ledger += flags & RUN_PROCESS_NO_LEDGER && !(flags & RUN_PROCESS_LIVING);
	}
	for (u32 i = 0; i < run->fact_count; i++) {
		if (run->facts[i].kind == RUN_FACT_LOST)
			told += run->facts[i].number;
		else if (run->facts[i].kind == RUN_FACT_GAVE_UP)
			coverage.gave_up += run->facts[i].number;
		else if (run->facts[i].kind == RUN_FACT_CLOCK_STEP)
			coverage.clock_step += run->facts[i].number;
	}
	/* of an interrupted run only what was told on the way is known */
	if (told > coverage.lost)
		coverage.lost = told;
	return coverage;
}

/* "exec: ring_full 12, exit: ring_full 3"; facts of one text are added up. */
static void add_losses(struct report *report, enum run_fact_kind kind)
{
	const struct run *run = report->run;
	bool first = true;

	for (u32 i = 0; i < run->fact_count; i++) {
		const struct run_fact *fact = &run->facts[i];
		bool told = false;
		s64 sum = 0;

		if (fact->kind != kind)
			continue;
		for (u32 j = 0; j < i && !told; j++)
			told = run->facts[j].kind == kind && run->facts[j].text == fact->text;
		for (u32 j = i; j < run->fact_count && !told; j++)
			if (run->facts[j].kind == kind && run->facts[j].text == fact->text)
				sum += run->facts[j].number;
		if (told)
			continue;
		text_add(report->out, first ? " (" : ", ");
		label_text(report->out, run, fact->text, "?");
		text_add_format(report->out, " %lld", (long long)sum);
		first = false;
	}
	if (!first)
		text_add_char(report->out, ')');
}

static void note(struct report *report, u64 count, const char *one, const char *many)
{
	if (count == 1)
		text_add_format(report->out, "  note: %s\n", one);
	else if (count) {
		text_add_format(report->out, "  note: %llu ", (unsigned long long)count);
		text_add_format(report->out, "%s\n", many);
	}
}

void report_coverage_text(struct report *report)
{
	const struct report_coverage coverage = report_coverage(report->run);
	struct text *out = report->out;

	if (coverage.lost) {
		text_add(out, report->style.colour ? "  \033[31mnote:\033[0m " : "  note: ");
		text_add_format(out, "%llu ", (unsigned long long)coverage.lost);
		if (run_is_counted(report->run))
			text_add_format(out, "of %llu ", (unsigned long long)report->run->produced);
		text_add(out, "events were lost");
		add_losses(report, RUN_FACT_LOST);
		text_add(out, "; the totals cover what arrived\n");
	}
	if (!coverage.lost && report->run->state == RUN_INTERRUPTED && !run_is_counted(report->run))
		text_add(out, "  note: whether events were lost is not known\n");
	if (coverage.gave_up) {
		text_add_format(out, "  note: %llu rows could not be written", (unsigned long long)coverage.gave_up);
		add_losses(report, RUN_FACT_GAVE_UP);
		text_add_char(out, '\n');
	}
	note(report, coverage.no_ledger, "the end of 1 process was not seen; its costs are those last sampled",
	     "processes whose end was not seen; their costs are those last sampled");
	note(report, coverage.living, "1 process still lived at the end; its costs are those last sampled",
	     "processes still lived at the end; their costs are those last sampled");
	note(report, coverage.earlier, "1 process was there before the recording; its costs are those since",
	     "processes were there before the recording; their costs are those since");
	if (coverage.clock_step) {
		text_add(out, "  note: the clock was set ");
		add_duration(out, coverage.clock_step < 0 ? -coverage.clock_step : coverage.clock_step);
		text_add_format(out, " %s meanwhile; times of day are by the clock at the start\n",
				coverage.clock_step < 0 ? "back" : "forward");
	}
}
