/* Groups, orders, filters and trees of a frame put together by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "top/columns.h"
#include "top/frame.h"

static size_t memory;
static struct shared_pool pool = { .account = &memory };

static const char *no_name(void *context, u32 user)
{
	(void)context;
	return user ? NULL : "root";
}

static const char *command(void *context, const struct frame_row *row, size_t *length)
{
	static char text[32];

	(void)context;
	*length = snprintf(text, sizeof(text), "cmd-%u", row->pid);
	return text;
}

static void add(struct frame *frame, u32 pid, u32 parent, const char *tool, const char *task, u64 cpu)
{
	struct frame_row *row = &frame->rows[frame->count++];

	*row = (struct frame_row){
		.pid = pid, .parent_pid = parent, .start = pid, .parent_start = parent, .user = pid % 2,
		.tool = shared_intern(&pool, tool, strlen(tool)),
		.task = task ? shared_intern(&pool, task, strlen(task)) : NULL,
		.used = { .cpu = cpu, .sent = 1 }, .memory = 100 * pid, .threads = 1, .living = 1, .started = pid == 5,
	};
}

/* 1 make > (2 cc > 4 cc1), 3 sh > 5 cc; and 3 of cc that ended. */
static struct frame *make(void)
{
	struct frame *frame = calloc(1, sizeof(*frame));

	frame->interval = 1000;
	frame->pool = &pool;
	frame->rows = calloc(10, sizeof(*frame->rows));
	add(frame, 1, 0, "make", NULL, 10);
	add(frame, 2, 1, "cc", "a.o", 0);
	add(frame, 3, 1, "sh", "b.o", 5);
	add(frame, 4, 2, "cc1", "a.o", 400);
	add(frame, 5, 3, "cc", "b.o", 7);
	add(frame, 0, 0, "cc", "a.o", 90);
	frame->rows[5].living = 0;
	frame->rows[5].ended = 3;
	return frame;
}

/* Names in order, with depths, in one text. */
static const char *listed(enum frame_by by, enum frame_sort sort, bool reverse, bool tree, const char *filter)
{
	static char text[512];
	struct frame *frame = make();
	struct listing listing = { 0 };
	const struct listing_request request = {
		.by = by, .sort = sort, .reverse = reverse, .tree = tree, .filter = filter, .user_name = no_name, .command = command,
	};
	size_t length = 0;

	listing_make(&listing, frame, &request);
	text[0] = '\0';
	for (size_t i = 0; i < listing.count; i++)
		length += snprintf(text + length, sizeof(text) - length, "%s%.*s%.*s", i ? " " : "", (int)listing.lines[i].depth,
				   "....", (int)listing.lines[i].name_length, listing.lines[i].name);
	listing_free(&listing);
	frame_free(frame);
	return text;
}

static void test_orders(void **state)
{
	(void)state;
	assert_string_equal(listed(FRAME_BY_TOOL, FRAME_SORT_CPU, false, false, ""), "cc1 cc make sh");
	assert_string_equal(listed(FRAME_BY_TOOL, FRAME_SORT_CPU, true, false, ""), "sh make cc cc1");
	assert_string_equal(listed(FRAME_BY_TOOL, FRAME_SORT_NAME, false, false, ""), "cc cc1 make sh");
	assert_string_equal(listed(FRAME_BY_TOOL, FRAME_SORT_NAME, true, false, ""), "sh make cc1 cc");
	assert_string_equal(listed(FRAME_BY_TOOL, FRAME_SORT_PROCESSES, false, false, ""), "cc cc1 make sh");
	assert_string_equal(listed(FRAME_BY_TOOL, FRAME_SORT_STARTS, false, false, ""), "cc cc1 make sh");
	assert_string_equal(listed(FRAME_BY_TASK, FRAME_SORT_CPU, false, false, ""), "a.o b.o (in no task)");
	assert_string_equal(listed(FRAME_BY_USER, FRAME_SORT_CPU, false, false, ""), "root 1");
	assert_string_equal(listed(FRAME_BY_CONTAINER, FRAME_SORT_CPU, false, false, ""), "(in no container)");
	assert_string_equal(listed(FRAME_BY_PROCESS, FRAME_SORT_MEMORY, false, false, ""), "cc cc1 sh cc make cc");
}

static void test_filters(void **state)
{
	(void)state;
	assert_string_equal(listed(FRAME_BY_TOOL, FRAME_SORT_CPU, false, false, "CC"), "cc1 cc");
	assert_string_equal(listed(FRAME_BY_TOOL, FRAME_SORT_CPU, false, false, "nothing"), "");
	assert_string_equal(listed(FRAME_BY_PROCESS, FRAME_SORT_CPU, false, false, "cmd-3"), "sh");
}

static void test_trees(void **state)
{
	(void)state;
	assert_string_equal(listed(FRAME_BY_PROCESS, FRAME_SORT_CPU, false, true, ""), "cc make .sh ..cc .cc ..cc1");
	assert_string_equal(listed(FRAME_BY_PROCESS, FRAME_SORT_NAME, false, true, ""), "cc make .cc ..cc1 .sh ..cc");
	assert_string_equal(listed(FRAME_BY_PROCESS, FRAME_SORT_CPU, false, true, "cc1"), "make .cc ..cc1");
}

/* Parents that make no sense: itself, one that is younger, two that are each other's. */
static void test_trees_of_nonsense(void **state)
{
	struct frame *frame = make();
	struct listing listing = { 0 };
	const struct listing_request request = { .tree = true, .filter = "", .user_name = no_name, .command = command };

	(void)state;
	frame->rows[0].parent_pid = frame->rows[0].parent_start = 1;
	frame->rows[1].parent_pid = frame->rows[1].parent_start = 4;
	frame->rows[2].start = frame->rows[3].start = 3;
	frame->rows[2].parent_pid = 4, frame->rows[2].parent_start = 3;
	frame->rows[3].parent_pid = 3, frame->rows[3].parent_start = 3;
	listing_make(&listing, frame, &request);
	assert_int_equal(listing.count, frame->count);
	listing_free(&listing);
	frame_free(frame);
}

static void test_sums(void **state)
{
	struct frame *frame = make();
	struct listing listing = { 0 };
	const struct listing_request request = { .by = FRAME_BY_TOOL, .filter = "cc", .user_name = no_name, .command = command };

	(void)state;
	listing_make(&listing, frame, &request);
	assert_int_equal(listing.count, 2);
	assert_int_equal(listing.lines[1].sum.used.cpu, 97);
	assert_int_equal(listing.lines[1].sum.memory, 700);
	assert_int_equal(listing.lines[1].sum.living, 2);
	assert_int_equal(listing.lines[1].sum.started, 1);
	assert_int_equal(listing.lines[1].sum.ended, 3);
	assert_int_equal(line_value(&listing.lines[1], FRAME_SORT_NETWORK), 3);
	listing_free(&listing);
	frame_free(frame);
}

static const char *table(unsigned int width, bool tree)
{
	static struct text text;
	struct frame *frame = make();
	struct table_view view = { .frame = frame, .by = FRAME_BY_TOOL, .tree = tree, .style = { .width = width } };
	struct line line = { .name = "a-name-that-is-long", .name_length = 19, .depth = tree ? 60 : 0, .sum = frame->rows[3] };

	text_reset(&text);
	table_header(&text, &view);
	text_add_char(&text, '|');
	table_line(&text, &view, &line);
	frame_free(frame);
	return text_string(&text);
}

static void test_columns_go_where_there_is_no_room(void **state)
{
	(void)state;
	assert_string_equal(table(80, false),
			    "  CPU%  WAIT%   MEM READ/s WRITE/s NET/s PROCS START/s TOOL                     |"
			    "  40.0    0.0   400      0       0  977K     1     0.0 a-name-that-is-long");
	assert_string_equal(table(30, false), "  CPU%   MEM TOOL             |  40.0   400 a-name-that-is-l\xe2\x80\xa6");
	assert_string_equal(table(8, false), "TOOL    |a-name-\xe2\x80\xa6");
	assert_string_equal(table(50, true), "    PID   CPU% COMMAND                            |"
					     "      4   40.0                \\_ a-name-that-is-l\xe2\x80\xa6");
}

static int end_pool(void **state)
{
	(void)state;
	shared_pool_free(&pool);
	return memory ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_orders),
		cmocka_unit_test(test_filters),
		cmocka_unit_test(test_trees),
		cmocka_unit_test(test_trees_of_nonsense),
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_columns_go_where_there_is_no_room),
	};

	return cmocka_run_group_tests(tests, NULL, end_pool);
}
