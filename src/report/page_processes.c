/*
 * A hundred thousand processes have to fit into a few megabytes. Times are microseconds since the process before,
 * memory is in KiB, a column that is the same for all is one number, and a command line is told by how much of it is
 * the same as that of the tool's process before. Command lines have a budget: when it runs short they are cut shorter.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "books/label.h"
#include "books/order.h"
#include "report/page_data.h"

#define COMMAND_BUDGET (9 << 19)	/* bytes of command lines in a page */
#define COMMAND_LONGEST 400
#define COMMAND_SHORTEST 40

struct rows {
	const struct run *run;
	const struct export *export;
	struct file *file;
	struct jot *jot;
	const u32 *order, *place;
};

typedef s64 (*row_value)(const struct rows *rows, u32 position);

static const struct run_process *at(const struct rows *rows, u32 position)
{
	return &rows->run->processes[rows->order[position]];
}

static s64 microseconds(const struct rows *rows, u64 time)
{
	s64 since = export_time(rows->export, time);

	return since / 1000;
}

static s64 get_start(const struct rows *rows, u32 position)
{
	return microseconds(rows, at(rows, position)->start) -
	       (position ? microseconds(rows, at(rows, position - 1)->start) : 0);
}

static s64 get_length(const struct rows *rows, u32 position)
{
	const struct run_process *process = at(rows, position);
	s64 length = microseconds(rows, order_end(rows->run, process)) - microseconds(rows, process->start);

	return length > 0 ? length : 0;
}

static s64 get_pid(const struct rows *rows, u32 position)
{
	return (s64)at(rows, position)->pid - (position ? at(rows, position - 1)->pid : 0);
}

/* How many places before, 0: it has none here. */
static s64 get_parent(const struct rows *rows, u32 position)
{
	u32 parent = at(rows, position)->parent;

	return parent == RUN_NONE ? 0 : (s64)position - rows->place[parent];
}

static s64 index_or_none(u32 index)
{
	return index == RUN_NONE ? -1 : (s64)index;
}

static s64 get_tool(const struct rows *rows, u32 position) { return at(rows, position)->tool; }
static s64 get_task(const struct rows *rows, u32 position) { return index_or_none(at(rows, position)->task); }
static s64 get_container(const struct rows *rows, u32 position) { return index_or_none(at(rows, position)->container); }
static s64 get_user(const struct rows *rows, u32 position) { return at(rows, position)->user; }
static s64 get_code(const struct rows *rows, u32 position) { return at(rows, position)->code; }
static s64 get_signal(const struct rows *rows, u32 position) { return at(rows, position)->signal; }
static s64 get_flags(const struct rows *rows, u32 position) { return at(rows, position)->flags; }
static s64 get_threads(const struct rows *rows, u32 position) { return at(rows, position)->threads; }

/* In microseconds, KiB, or as it is; larger than 0 stays larger than 0. */
static s64 shorten(u64 value, enum field_unit unit)
{
	u64 by = unit == UNIT_NANOSECONDS ? 1000 : unit == UNIT_BYTES ? 1024 : 1;

	return (value + by / 2) / by + (value && value < (by + 1) / 2);
}

static void add_column(struct rows *rows, const char *key, row_value get, const struct cost *cost)
{
	u32 count = rows->run->process_count;
	bool same = true;
	s64 first = 0;

	for (u32 i = 0; i < count && same; i++) {
		s64 value = cost ? shorten(cost_value(&at(rows, i)->costs, cost), cost->unit) : get(rows, i);

		same = !i || value == first;
		first = i ? first : value;
	}
	if (same) {
		jot_signed(rows->jot, key, first);
		return;
	}
	jot_open(rows->jot, key, '[');
	for (u32 i = 0; i < count; i++)
		jot_signed(rows->jot, NULL,
			   cost ? shorten(cost_value(&at(rows, i)->costs, cost), cost->unit) : get(rows, i));
	jot_close(rows->jot, ']');
	file_some(rows->file);
}

size_t page_cut(const char *bytes, size_t length, size_t most)
{
	if (length <= most)
		return length;
	while (most && ((unsigned char)bytes[most] & 0xc0) == 0x80)
		most--;
	return most;
}

/* Only ASCII is counted as common, so that a script counts the same characters. */
static size_t common_length(const struct text *a, const struct text *b)
{
	size_t i = 0;

	while (i < a->length && i < b->length && a->data[i] == b->data[i] && !(a->data[i] & 0x80))
		i++;
	return i;
}

static void add_commands(struct rows *rows)
{
	u32 count = rows->run->process_count;
	struct text *before = xcalloc((size_t)rows->run->tool_count + 1, sizeof(*before));
	u32 *common = xcalloc((size_t)count + 1, sizeof(*common));
	s64 left = COMMAND_BUDGET;

	jot_open(rows->jot, "rest", '[');
	for (u32 i = 0; i < count; i++) {
		struct text *last = &before[at(rows, i)->tool], now = { 0 };
		s64 most = left > 0 ? 4 * left / (count - i) : 0;
		size_t length;

		label_command(&now, rows->run, rows->order[i]);
		most = most > COMMAND_LONGEST ? COMMAND_LONGEST : most < COMMAND_SHORTEST ? COMMAND_SHORTEST : most;
		common[i] = common_length(last, &now);
		length = page_cut(text_string(&now), now.length, common[i] < (u32)most ? (size_t)most : common[i]);
		if (length < now.length) {
			now.length = length;
			text_add(&now, "\xe2\x80\xa6");
		}
		jot_bytes(rows->jot, NULL, text_string(&now) + common[i], now.length - common[i]);
		left -= now.length - common[i];
		text_free(last);
		*last = now;
		file_some(rows->file);
	}
	jot_close(rows->jot, ']');
	jot_open(rows->jot, "common", '[');
	for (u32 i = 0; i < count; i++)
		jot_unsigned(rows->jot, NULL, common[i]);
	jot_close(rows->jot, ']');
	for (u32 i = 0; i < rows->run->tool_count; i++)
		text_free(&before[i]);
	free(before);
	free(common);
}

/* Calls, faults and switches are in the sums only: they are as long as all the rest. */
static bool is_shown(const struct cost *cost)
{
	static const char *const names[] = {
		"cpu", "cpu_system", "cpu_wait", "disk_wait", "memory", "disk_read",
		"disk_write", "read", "write", "sent", "received",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(cost->name, names[i]))
			return true;
	return false;
}

void page_processes(struct file *file, struct jot *jot, const struct export *export, const u32 *order, const u32 *place)
{
	static const struct { const char *key; row_value get; } columns[] = {
		{ "start", get_start }, { "length", get_length }, { "pid", get_pid },
		{ "parent", get_parent }, { "tool", get_tool }, { "task", get_task },
		{ "container", get_container }, { "user", get_user }, { "code", get_code },
		{ "signal", get_signal }, { "flags", get_flags }, { "threads", get_threads },
	};
	struct rows rows = { export->run, export, file, jot, order, place };

	jot_open(jot, "processes", '{');
	jot_unsigned(jot, "count", export->run->process_count);
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		add_column(&rows, columns[i].key, columns[i].get, NULL);
	jot_open(jot, "costs", '{');
	for (size_t i = 0; i < cost_count; i++)
		if (is_shown(&cost_list[i]))
			add_column(&rows, cost_list[i].name, NULL, &cost_list[i]);
	jot_close(jot, '}');
	add_commands(&rows);
	jot_close(jot, '}');
}
