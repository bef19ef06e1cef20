/* A recording made of records that a test writes, and what a store then has of it. */
#ifndef TESTS_RECORDED_H
#define TESTS_RECORDED_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "books/recorder.h"
#include "proc/identity.h"
#include "tests/records.h"

#define BEGIN 1000000000000ULL
#define SECOND 1000000000ULL
/* Nobody has such a pid, so that who is looked for is not there. */
#define PID 5000000

static char directory[64] = "/tmp/sonde-recorder-XXXXXX", path[96];
static struct record_buffer buffer;

static struct {
	struct store *store;
	struct store_writer *writer;
	struct rules *rules;
	struct identity *identity;
	struct recorder *recorder;
	struct run *run;
	u64 now, cgroup;
} scene;

static inline int make_directory(void **state)
{
	(void)state;
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/store.db", directory);
	return 0;
}

static inline int remove_directory(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", directory);
	return system(command);
}

/* A recording of the command PID; with root 0, of the machine. */
static inline void begin(u32 root)
{
	struct text error = { 0 };

	scene.now = BEGIN;
	scene.run = run_new();
	scene.run->name = scene.run->command = scene.run->scope = scene.run->directory = RUN_NONE;
	scene.run->kind = root ? RUN_COMMAND : RUN_SCOPE;
	scene.run->start = BEGIN;
	scene.run->interval = SECOND;
	scene.store = store_open(path, true);
	scene.rules = rules_new(NULL, &error);
	scene.identity = identity_new(true, NULL);
	assert_true(scene.store && scene.rules && scene.identity);
	scene.writer = store_begin(scene.store, scene.run);
	assert_non_null(scene.writer);
	scene.recorder = recorder_new(scene.run, scene.writer, scene.rules, scene.identity, root);
	text_free(&error);
}

/* Ends it and loads what was stored; the caller frees. */
static inline struct run *end(void)
{
	struct run *stored;

	recorder_close(scene.recorder, scene.now + 1);
	scene.run->state = RUN_FINISHED;
	assert_int_equal(store_end(scene.writer, scene.run), 0);
	recorder_free(scene.recorder);
	stored = store_load(scene.store, "last", STORE_WITH_ARGUMENTS | STORE_WITH_SAMPLES | STORE_WITH_FILES);
	store_close(scene.store);
	rules_free(scene.rules);
	identity_free(scene.identity);
	run_free(scene.run);
	assert_non_null(stored);
	return stored;
}

static inline void *make(u16 kind, u32 pid, u64 start)
{
	record_begin(&buffer, kind);
	buffer.record.pid = buffer.record.tid = pid;
	buffer.record.start = start;
	buffer.record.time = scene.now += 100;
	buffer.record.cgroup = scene.cgroup;
	return buffer.bytes;
}

static inline void tell(void)
{
	struct event event;

	assert_int_equal(event_decode(&event, buffer.bytes, buffer.record.size), 0);
	identity_complete(scene.identity, &event);
	recorder_event(scene.recorder, &event);
}

static inline void fork_of(u32 pid, u64 start, u32 parent, u64 parent_start)
{
	struct fork_record *fork = make(KIND_fork, pid, start);

	fork->parent_pid = parent;
	fork->parent_start = parent_start;
	strcpy(fork->name, "sh");
	tell();
}

static inline void exec_after(u32 pid, u64 start, u64 runtime, const char *program, s32 error)
{
	struct exec_record *exec = make(KIND_exec, pid, start);
	char arguments[256];
	size_t length = snprintf(arguments, sizeof(arguments), "%s", program) + 1;

	exec->error = error;
	exec->runtime_ns = runtime;
	record_string(&buffer, program, error ? 0 : strlen(program), error ? 0 : strlen(program));
	record_string(&buffer, program, strlen(program), strlen(program));
	record_string(&buffer, "/tmp", 4, 4);
	record_string(&buffer, "", 0, 0);
	record_string(&buffer, basename(program), strlen(basename(program)), strlen(basename(program)));
	record_string(&buffer, arguments, error ? 0 : length, error ? 0 : length);
	tell();
}

#define exec_of(pid, start, program, error) exec_after(pid, start, 0, program, error)

static inline struct exit_record *exit_make(u32 pid, u64 start, u32 parent, u64 parent_start, u64 cpu)
{
	struct exit_record *exit = make(KIND_exit, pid, start);

	exit->parent_pid = parent;
	exit->parent_start = parent_start;
	exit->runtime_ns = cpu;
	exit->user_ns = 3;
	exit->system_ns = 1;
	exit->threads = 1;
	strcpy(exit->name, "left");
	return exit;
}

static inline void exit_of(u32 pid, u64 start, u32 parent, u64 parent_start, u64 cpu)
{
	exit_make(pid, start, parent, parent_start, cpu);
	tell();
}

static inline const char *tool_of(const struct run *run, u32 process)
{
	return run_text(run, run->tools[run->processes[process].tool].name).data;
}

#endif
