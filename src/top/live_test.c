/* Who lives and what was used, from records put together by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/wall.h"
#include "tests/records.h"
#include "top/live.h"

static struct identity *identity;
static struct rules *rules;
static struct live *live;
static u64 since;		/* what starts later is new */
static struct record_buffer buffer;

static int begin(void **state)
{
	struct text error = { 0 };

	(void)state;
	identity = identity_new(false, NULL);
	rules = rules_new(NULL, &error);
	live = live_new(identity, rules, NULL);
	since = wall_boot_now() + 1;
	return identity && rules ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	live_free(live);
	rules_free(rules);
	identity_free(identity);
	return 0;
}

static void tell(void)
{
	struct event event;

	assert_int_equal(event_decode(&event, buffer.bytes, buffer.record.size), 0);
	identity_complete(identity, &event);
	live_event(live, &event);
}

static void begin_record(u16 kind, u32 pid, u64 start)
{
	record_begin(&buffer, kind);
	buffer.record.pid = buffer.record.tid = pid;
	buffer.record.start = start;
	buffer.record.cgroup = 0;
	buffer.record.time = start + 1000;
}

static void tell_fork(u32 pid, u64 start, u32 parent, u64 parent_start)
{
	struct fork_record *fork = (void *)&buffer;

	begin_record(KIND_fork, pid, start);
	fork->parent_pid = parent;
	fork->parent_start = parent_start;
	tell();
}

static void add_string(const char *text)
{
	record_string(&buffer, text, strlen(text), strlen(text));
}

static void tell_exec(u32 pid, u64 start, const char *path)
{
	begin_record(KIND_exec, pid, start);
	add_string(path);
	add_string(path);
	add_string("/");
	add_string("");
	add_string(strrchr(path, '/') + 1);
	record_string(&buffer, path, strlen(path) + 1, strlen(path) + 1);
	tell();
}

static void tell_exit(u32 pid, u64 start, u64 cpu)
{
	struct exit_record *exit = (void *)&buffer;

	begin_record(KIND_exit, pid, start);
	exit->runtime_ns = cpu;
	exit->write_bytes = cpu / 2;
	tell();
}

static void sample(u32 pid, u64 start, u64 cpu, u8 state)
{
	live_sample(live, &(struct sample_record){ .pid = pid, .start = start, .runtime_ns = cpu, .write_bytes = cpu / 2,
						   .resident = 4096, .threads = 1, .state = state });
}

/* The row of a tool; its numbers stay good when the frame is gone. */
static struct frame_row row_of(struct frame *frame, const char *tool, size_t *count)
{
	struct frame_row found = { 0 };

	*count = 0;
	for (size_t i = 0; i < frame->count; i++)
		if (frame->rows[i].tool && !strcmp(frame->rows[i].tool->data, tool)) {
			found = frame->rows[i];
			(*count)++;
		}
	return found;
}

static struct frame_row turn(const char *tool)
{
	struct frame *frame = live_turn(live, wall_boot_now());
	size_t count;
	struct frame_row row = row_of(frame, tool, &count);

	assert_true(count <= 1);
	frame_free(frame);
	return row;
}

static void test_one_that_lives(void **state)
{
	struct frame_row row;

	(void)state;
	tell_fork(10, since, 1, 1);
	tell_exec(10, since, "/usr/bin/tool");
	sample(10, since, 500, SAMPLE_RUNNING);
	row = turn("tool");
	assert_int_equal(row.used.cpu, 500);
	assert_int_equal(row.used.disk_write, 250);
	assert_int_equal(row.started, 1);
	assert_int_equal(row.living, 1);
	assert_int_equal(row.state, SAMPLE_RUNNING);
	row = turn("tool");
	assert_int_equal(row.used.cpu, 0);
	assert_int_equal(row.started, 0);
	sample(10, since, 700, SAMPLE_SLEEPING);
	tell_exit(10, since, 900);
	row = turn("tool");
	assert_int_equal(row.used.cpu, 400);
	assert_int_equal(row.pid, 0);
	assert_int_equal(row.ended, 1);
	assert_int_equal(row.living, 0);
	assert_int_equal(turn("tool").ended, 0);
}

/* What it used before is not what it uses now. */
static void test_one_from_before(void **state)
{
	(void)state;
	tell_exec(11, 5, "/usr/bin/early");
	sample(11, 5, 1000000, SAMPLE_SLEEPING);
	assert_int_equal(turn("early").used.cpu, 0);
	sample(11, 5, 1000300, SAMPLE_SLEEPING);
	assert_int_equal(turn("early").used.cpu, 300);
	/* A sum that seems to step back is no use. */
	sample(11, 5, 1000200, SAMPLE_SLEEPING);
	assert_int_equal(turn("early").used.cpu, 0);
}

static void test_many_that_end_at_once_are_one_row(void **state)
{
	struct frame_row row;

	(void)state;
	for (u32 i = 0; i < 1000; i++) {
		tell_fork(100 + i, since + i, 1, 1);
		tell_exec(100 + i, since + i, "/usr/bin/short");
		tell_exit(100 + i, since + i, 7);
	}
	row = turn("short");
	assert_int_equal(row.used.cpu, 7000);
	assert_int_equal(row.started, 1000);
	assert_int_equal(row.ended, 1000);
}

/* A fork has its parent's tool until it starts its own. */
static void test_children_inherit(void **state)
{
	struct frame *frame;
	size_t count;

	(void)state;
	tell_fork(20, since, 1, 1);
	tell_exec(20, since, "/bin/parent");
	tell_fork(21, since + 1, 20, since);
	frame = live_turn(live, wall_boot_now());
	row_of(frame, "parent", &count);
	assert_int_equal(count, 2);
	frame_free(frame);
	tell_exec(21, since + 1, "/bin/child");
	assert_int_equal(turn("child").living, 1);
}

/* A pid is used again before the first one's end was heard of; a zombie's sample comes behind its exit. */
static void test_ends_that_are_not_heard_of(void **state)
{
	struct frame_row row;

	(void)state;
	tell_fork(30, since, 1, 1);
	tell_exec(30, since, "/bin/first");
	sample(30, since, 40, SAMPLE_RUNNING);
	tell_fork(30, since + 9, 1, 1);
	tell_exec(30, since + 9, "/bin/second");
	row = turn("first");
	assert_int_equal(row.ended, 1);
	assert_int_equal(row.used.cpu, 40);
	assert_int_equal(turn("second").living, 1);
	tell_exit(30, since + 9, 50);
	assert_int_equal(turn("second").ended, 1);
	sample(30, since + 9, 50, SAMPLE_GONE);
	assert_int_equal(turn("second").living, 0);
}

static struct connection_record connection(u64 age, u64 received)
{
	struct connection_record record = { 0 };

	record.record.pid = 40;
	record.record.start = since;
	record.record.time = wall_boot_now();
	record.duration_ns = age;
	record.received = received;
	record.local_port = 1;
	return record;
}

static void test_connections(void **state)
{
	struct connection_record record = connection(1ULL << 60, 1000);
	struct close_record *closed = (void *)&buffer;

	(void)state;
	tell_fork(40, since, 1, 1);
	tell_exec(40, since, "/bin/net");
	record.duration_ns = record.record.time; /* since the machine came up */
	live_connection(live, &record);
	assert_int_equal(turn("net").used.received, 0);
	record.received = 1500;
	live_connection(live, &record);
	assert_int_equal(turn("net").used.received, 500);
	/* Its process ends, and then it is closed. */
	tell_exit(40, since, 1);
	begin_record(KIND_close, 40, since);
	closed->local_port = 1;
	closed->received = 1600;
	tell();
	assert_int_equal(turn("net").used.received, 100);
	/* One that was opened and closed between two looks. */
	tell_fork(41, since, 1, 1);
	tell_exec(41, since, "/bin/quick");
	begin_record(KIND_close, 41, since);
	closed->local_port = 2;
	closed->received = 77;
	closed->record.time = wall_boot_now();
	closed->duration_ns = 1;
	tell();
	assert_int_equal(turn("quick").used.received, 77);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_one_that_lives),
		CASE(test_one_from_before),
		CASE(test_many_that_end_at_once_are_one_row),
		CASE(test_children_inherit),
		CASE(test_ends_that_are_not_heard_of),
		CASE(test_connections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
