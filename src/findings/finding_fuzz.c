/* Fuzzes findings and sizes: whatever a run says of itself, clocks and counters that contradict each other too, what comes of it is within it. */
#include <stdlib.h>

#include "findings/finding.h"
#include "findings/size.h"
#include "tests/fuzz.h"

#define LENGTH 5000000000ULL

/* Mostly something plausible, now and then anything. */
static u64 number(struct fuzz *fuzz, u64 most)
{
	u64 any = fuzz_number(fuzz);

	return any % 50 ? fuzz_below(fuzz, most) : any % 3 ? 0 : fuzz_number(fuzz);
}

static u32 index_of(struct fuzz *fuzz, u32 count)
{
	return count && fuzz_below(fuzz, 4) ? fuzz_below(fuzz, count) : RUN_NONE;
}

static void add_process(struct fuzz *fuzz, struct run *run)
{
	u32 parent = index_of(fuzz, run->process_count);
	struct run_process *process = run_process_add(run);
	u64 *costs = (u64 *)&process->costs;

	*process = (struct run_process){
		.start = run->start + number(fuzz, LENGTH), .parent = parent, .tool = fuzz_below(fuzz, 4), .executable = RUN_NONE,
		.task = index_of(fuzz, run->task_count), .container = RUN_NONE, .directory = RUN_NONE,
		.threads = fuzz_below(fuzz, 3), .code = fuzz_below(fuzz, 3), .signal = fuzz_below(fuzz, 8) ? 0 : fuzz_below(fuzz, 32),
		.flags = fuzz_below(fuzz, 4) ? 0 : fuzz_below(fuzz, 128),
	};
	process->end = process->start + number(fuzz, LENGTH);
	process->exec = fuzz_below(fuzz, 2) ? process->start : 0;
	for (size_t i = 0; i < cost_count; i++)
		costs[i] = fuzz_below(fuzz, 2) ? number(fuzz, LENGTH) : 0;
}

static struct run *make(struct fuzz *fuzz)
{
	struct run *run = run_new();

	run->kind = fuzz_below(fuzz, 2);
	run->state = fuzz_below(fuzz, 3);
	run->start = LENGTH * 100;
	run->end = run->start + number(fuzz, LENGTH);
	run->interval = fuzz_below(fuzz, 4) ? 1000000000 : 0;
	run->exit_status = fuzz_below(fuzz, 3);
	run->host = (struct run_host){
		.cpus = fuzz_below(fuzz, 5), .cpus_allowed = fuzz_below(fuzz, 3), .memory = number(fuzz, 1ULL << 34),
		.memory_limit = fuzz_below(fuzz, 2) ? number(fuzz, LENGTH) : 0,
	};
	for (int i = 0; i < 4; i++)
		*run_tool_add(run) = (struct run_tool){ .name = run_text_add(run, &"abcd"[i], 1), .executable = RUN_NONE };
	for (u32 i = fuzz_below(fuzz, 4); i > 0; i--) {
		u32 parent = index_of(fuzz, run->task_count);

		*run_task_add(run) = (struct run_task){
			.name = RUN_NONE, .group = fuzz_below(fuzz, 4) ? fuzz_below(fuzz, 4) : RUN_NONE, .rule = RUN_NONE, .parent = parent,
			.directory = RUN_NONE, .cpus = fuzz_below(fuzz, 16), .memory = number(fuzz, LENGTH),
		};
	}
	for (u32 i = fuzz_below(fuzz, 40); i > 0; i--)
		add_process(fuzz, run);
	for (u64 i = 0, count = fuzz_below(fuzz, 6), time = run->start; i < count; i++) {
		time += fuzz_below(fuzz, 2 * LENGTH / 5);
		*run_host_sample_add(run) = (struct run_host_sample){
			.time = time, .cpu_busy = number(fuzz, LENGTH), .memory_used = number(fuzz, LENGTH), .swap_used = number(fuzz, LENGTH),
		};
		for (u32 process = 0; process < run->process_count; process++)
			if (fuzz_below(fuzz, 2))
				*run_sample_add(run) = (struct run_sample){
					.time = time, .process = process, .cpu = number(fuzz, LENGTH), .cpu_wait = number(fuzz, LENGTH),
					.memory = number(fuzz, LENGTH), .state = fuzz_below(fuzz, RUN_ACTIVITIES),
				};
	}
	for (u32 i = fuzz_below(fuzz, 4); i > 0; i--)
		*run_peer_add(run) = (struct run_peer){
			.process = index_of(fuzz, run->process_count), .address = RUN_NONE, .direction = fuzz_below(fuzz, 3),
			.sent = number(fuzz, LENGTH), .first = run->start + number(fuzz, LENGTH), .last = run->start + number(fuzz, LENGTH),
		};
	for (u32 i = fuzz_below(fuzz, 4); i > 0; i--)
		*run_fact_add(run) = (struct run_fact){
			.time = run->start, .kind = fuzz_below(fuzz, RUN_FACTS), .process = index_of(fuzz, run->process_count),
			.other = RUN_NONE, .text = RUN_NONE, .number = fuzz_number(fuzz),
		};
	return run;
}

int main(int argc, char **argv)
{
	struct fuzz fuzz = fuzz_begin(argc, argv);

	while (fuzz_goes_on(&fuzz)) {
		struct run *run = make(&fuzz);
		struct findings findings;
		struct size_need need;
		u32 count;

		findings_make(&findings, run);
		for (u32 i = 0; i < findings.count; i++) {
			const struct finding *finding = &findings.items[i];

			fuzz_check(finding->lost <= run->end - run->start, "more time was lost than there was");
			fuzz_check(finding->from >= run->start && finding->to <= run->end, "it was before or after the run");
			fuzz_check(finding->title.length && finding->evidence.length && finding->advice.length, "a finding says nothing");
			fuzz_check(finding->tool == RUN_NONE || finding->tool < run->tool_count, "there is no such tool");
			fuzz_check(finding->process == RUN_NONE || finding->process < run->process_count, "there is no such process");
			fuzz_check(finding->task == RUN_NONE || finding->task < run->task_count, "there is no such task");
		}
		findings_free(&findings);
		size_of_run(run, &need);
		fuzz_check(need.cpus >= 1 && (need.short_of_memory || need.memory >= need.peak_memory), "less is needed than was had");
		free(size_of_tasks(run, &count));
		run_free(run);
	}
	return 0;
}
