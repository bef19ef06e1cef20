/* A recorded run for unit tests: every field of every row is something, and each differs from the others. */
#ifndef TESTS_BOOKS_H
#define TESTS_BOOKS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "books/run.h"
#include "books/store.h"

/* Fills a row with numbers that are all different, and small enough for any member. */
static inline void books_fill(void *row, size_t size, u32 seed)
{
	unsigned char *bytes = row;

	for (size_t i = 0; i < size; i++)
		bytes[i] = i % 8 < 5 ? 1 + (seed * 31 + i * 7) % 120 : 0;
}

static inline u32 books_text(struct run *run, const char *format, u32 number)
{
	char name[64];

	return run_text_add(run, name, snprintf(name, sizeof(name), format, number));
}

static inline void books_add_process(struct run *run, u32 i)
{
	struct run_process *process = run_process_add(run);
	char list[100];
	int length = snprintf(list, sizeof(list), "tool%u%c--in=file_%u%c-v", i % 7, 0, i, 0);

	books_fill(&process->costs, sizeof(process->costs), i);
	process->start = run->start + 1000000ULL * i;
	process->end = process->start + 12345678 + i;
	process->exec = i % 5 ? process->start + 500 + i : 0;
	process->pid = 1000 + i;
	process->parent = i ? i / 2 : RUN_NONE;
	process->tool = i % run->tool_count;
	process->task = i % 3 ? i % run->task_count : RUN_NONE;
	process->container = i % 4 ? RUN_NONE : i % run->container_count;
	process->user = i % 2 ? 1000 : 4294967294;
	memset(process->padding, 0, sizeof(process->padding));
	process->name = i % 5 ? books_text(run, "name%u", i % 7) : RUN_NONE;
	process->executable = i % 6 ? books_text(run, "/usr/bin/tool%u", i % 7) : RUN_NONE;
	process->directory = books_text(run, "/work/%u", i % 11);
	process->group = 900 + i;
	process->threads = 1 + i % 9;
	process->code = i % 8 ? 0 : (s32)i;
	process->signal = i % 16 ? 0 : 9;
	process->flags = i % 128 & ~RUN_PROCESS_LIVING;
	if (i % 10)
		run_arguments_set(run, i, list, length + 1);
}

/* Texts go in in the order in which a loaded run has them, so that indices are the same. */
static inline struct run *books_make(u32 processes)
{
	struct run *run = run_new();

	books_fill(&run->overhead, sizeof(run->overhead), 99);
	run->name = books_text(run, "na\nme '\xff\" <%u>", 1);
	run->command = run_text_add(run, "make\0-j 2\0", 10);
	run->scope = books_text(run, "container web %u", 1);
	run->directory = books_text(run, "/home/me/%u", 1);
	run->host.name = books_text(run, "host%u", 1);
	run->host.kernel = books_text(run, "6.1.%u", 1);
	run->host.model = books_text(run, "CPU %u", 1);
	run->user = 1001;
	run->kind = RUN_SCOPE;
	run->state = RUN_FINISHED;
	run->exit_status = 3;
	run->start = 123456789012345;
	run->end = run->start + 98765432101;
	run->wall_offset = 1700000000000000000;
	run->interval = 1000000000;
	run->produced = 77;
	run->lost = 5;
	run->host.cpus = 16;
	run->host.cpus_allowed = 4;
	run->host.memory = 64ULL << 30;
	run->host.swap = 1ULL << 30;
	run->host.memory_limit = 8ULL << 30;
	for (u32 i = 0; i < 7; i++)
		*run_tool_add(run) = (struct run_tool){
			.name = books_text(run, "tool%u", i),
			.executable = i ? books_text(run, "/usr/bin/tool%u", i) : RUN_NONE,
		};
	for (u32 i = 0; i < 3; i++)
		*run_container_add(run) = (struct run_container){
			.id = books_text(run, "c0ffee%u", i), .name = i ? RUN_NONE : books_text(run, "web%u", i),
			.image = books_text(run, "image%u", i), .runtime = books_text(run, "docker%u", 1),
		};
	for (u32 i = 0; i < 5 && processes; i++) {
		u32 name = books_text(run, "align (sample_%u)", i), group = books_text(run, "align%u", 1),
		    rule = books_text(run, "make%u", 1);

		*run_task_add(run) = (struct run_task){
			.name = name, .group = group, .rule = rule, .parent = i ? i - 1 : RUN_NONE,
			.process = i % processes, .directory = i % 2 ? RUN_NONE : books_text(run, "/task/%u", i),
			.cpus = i, .memory = i * 1000ULL,
		};
	}
	for (u32 i = 0; i < processes; i++)
		books_add_process(run, i);
	for (u32 i = 0; i < processes; i++) {
		struct run_sample *sample = run_sample_add(run);
		struct run_peer *peer;
		struct run_drop *drop;
		struct run_fact *fact;

		books_fill(sample, sizeof(*sample), i);
		sample->time = run->start + 1000000000ULL * (i / 3 + 1);
		sample->process = i;
		sample->threads = i % 1000;
		sample->state = i % RUN_ACTIVITIES;
		sample->padding = 0;
		if (i % 3)
			continue;
		books_fill(run_host_sample_add(run), sizeof(struct run_host_sample), i);
		run->host_samples[i / 3].time = sample->time;
		run->host_samples[i / 3].pressure_io = ~0ULL;
		fact = run_fact_add(run);
		*fact = (struct run_fact){
			.time = run->start + 5000ULL * i, .number = -1000 + (s64)i, .kind = i / 3 % RUN_FACTS,
			.process = i, .other = i % 2 ? RUN_NONE : i / 2,
			.text = i % 4 ? books_text(run, "fact %u", i) : RUN_NONE,
		};
		peer = run_peer_add(run);
		books_fill(peer, sizeof(*peer), i);
		peer->process = i;
		peer->address = books_text(run, "10.0.0.%u", i);
		peer->local = i % 4 ? books_text(run, "10.0.1.%u", i) : RUN_NONE;
		peer->error = i;
		memset(peer->padding, 0, sizeof(peer->padding));
		peer->first = run->start + 7000ULL * i;
		peer->last = peer->first + 100 + i;
		drop = run_drop_add(run);
		books_fill(drop, sizeof(*drop), i);
		memset(drop->padding, 0, sizeof(drop->padding));
		drop->process = i % 2 ? i : RUN_NONE;
		drop->reason = books_text(run, "REASON_%u", i);
		drop->function = books_text(run, "function_%u", i);
		drop->interface = drop->source = RUN_NONE;
		drop->destination = books_text(run, "10.0.2.%u", i);
		drop->first = run->start + 5000ULL * i;
		drop->last = drop->first + 70 + i;
		books_fill(run_file_add(run), sizeof(struct run_file), i);
		run->files[i / 3].tool = i % 7;
		run->files[i / 3].path = books_text(run, "/data/file\n%u", i);
	}
	return run;
}

/* Tells all of a run as a recorder would. Texts are told as far as they are there. */
static inline void books_tell(struct store_writer *writer, const struct run *run)
{
	for (u32 i = 0; i == 0 || run_text(run, i).length; i++)
		store_text(writer, i, run_text(run, i).data, run_text(run, i).length);
	for (u32 i = 0; i < run->tool_count; i++)
		store_tool(writer, i, &run->tools[i]);
	for (u32 i = 0; i < run->container_count; i++)
		store_container(writer, i, &run->containers[i]);
	for (u32 i = 0; i < run->task_count; i++)
		store_task(writer, i, &run->tasks[i]);
	for (u32 i = 0; i < run->process_count; i++) {
		struct run_bytes arguments = run_arguments(run, i);

		store_process(writer, i, &run->processes[i], arguments.length ? arguments.data : NULL,
			      arguments.length);
	}
	for (u32 i = 0; i < run->sample_count; i++)
		store_sample(writer, &run->samples[i]);
	for (u32 i = 0; i < run->host_sample_count; i++)
		store_host_sample(writer, &run->host_samples[i]);
	for (u32 i = 0; i < run->fact_count; i++)
		store_fact(writer, &run->facts[i]);
	for (u32 i = 0; i < run->drop_count; i++)
		store_drop(writer, i, &run->drops[i]);
	for (u32 i = 0; i < run->peer_count; i++)
		store_peer(writer, i, &run->peers[i]);
	for (u32 i = 0; i < run->file_count; i++)
		store_file(writer, i, &run->files[i]);
	store_flush(writer);
}

static inline bool books_points(u32 index, u32 count, bool needed)
{
	return index < count || (!needed && index == RUN_NONE);
}

/* What run.h promises of a loaded run and does not hold; NULL: all of it does. Every text and argument is looked at. */
static inline const char *books_wrong(const struct run *run)
{
	for (u32 i = 0; i < run->process_count; i++) {
		const struct run_process *process = &run->processes[i];

		if (process->parent != RUN_NONE && process->parent >= i)
			return "a process stands before its parent";
		if (!books_points(process->tool, run->tool_count, true) ||
		    !books_points(process->task, run->task_count, false) ||
		    !books_points(process->container, run->container_count, false))
			return "a process points outside";
		if (process->end < process->start || (process->exec && process->exec < process->start))
			return "a process ended before it began";
		run_arguments(run, i);
		run_text(run, process->executable);
		run_text(run, process->directory);
		run_text(run, process->name);
	}
	for (u32 i = 0; i < run->task_count; i++) {
		u32 steps = 0;

		if (!books_points(run->tasks[i].process, run->process_count, false))
			return "a task points outside";
		for (u32 at = run->tasks[i].parent; at != RUN_NONE; at = run->tasks[at].parent)
			if (at >= run->task_count || ++steps > run->task_count)
				return "a task is a part of itself";
	}
	for (u32 i = 0; i < run->sample_count; i++)
		if (!books_points(run->samples[i].process, run->process_count, true) ||
		    run->samples[i].state >= RUN_ACTIVITIES || (i && run->samples[i].time < run->samples[i - 1].time))
			return "a sample is of nobody, of no state, or not in its place";
	for (u32 i = 0; i < run->fact_count; i++)
		if (!books_points(run->facts[i].process, run->process_count, false) ||
		    !books_points(run->facts[i].other, run->process_count, false) || run->facts[i].kind >= RUN_FACTS ||
		    (i && run->facts[i].time < run->facts[i - 1].time))
			return "a fact points outside, is of no kind, or not in its place";
	for (u32 i = 0; i < run->peer_count; i++)
		if (!books_points(run->peers[i].process, run->process_count, true))
			return "a peer points outside";
	for (u32 i = 0; i < run->file_count; i++)
		if (!books_points(run->files[i].tool, run->tool_count, true))
			return "a file points outside";
	for (u32 i = 1; i < run->host_sample_count; i++)
		if (run->host_samples[i].time < run->host_samples[i - 1].time)
			return "a sample of the host is not in its place";
	return run->end < run->start || run->kind > RUN_SCOPE || run->state > RUN_INTERRUPTED ? "the run's own row" : NULL;
}

/* A directory for one test, and a store in it that is not there yet. */
static char books_directory[64], books_path[96];

static inline int books_setup(void **state)
{
	(void)state;
	strcpy(books_directory, "/tmp/sonde-books-XXXXXX");
	if (!mkdtemp(books_directory))
		return -1;
	snprintf(books_path, sizeof(books_path), "%s/below", books_directory);
	if (mkdir(books_path, 0700) < 0)
		return -1;
	strcat(books_path, "/store.db");
	return 0;
}

static inline int books_teardown(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", books_directory);
	return system(command);
}

/* What is said on stderr between the two. */
static int books_stderr = -1;

static inline void books_listen(void)
{
	FILE *file = tmpfile();

	books_stderr = dup(STDERR_FILENO);
	dup2(fileno(file), STDERR_FILENO);
	fclose(file);
}

static inline const char *books_heard(void)
{
	static char heard[4096];
	ssize_t length = pread(STDERR_FILENO, heard, sizeof(heard) - 1, 0);

	heard[length > 0 ? length : 0] = '\0';
	dup2(books_stderr, STDERR_FILENO);
	close(books_stderr);
	return heard;
}

#endif
