/* A column is a row of the table below. Where there is not room for all, the least important go, until the name has some. */
#include "top/columns.h"

#include <string.h>

#include "base/columns.h"
#include "base/escape.h"

#define NAME_LEAST 16
#define TREE_LEAST 30		/* also for what it is indented by */
#define IN_GROUPS 1
#define IN_PROCESSES 2
#define IN_BOTH 3

static void add_percent(struct text *out, u64 part, u64 whole)
{
	double percent = whole ? 100.0 * part / whole : 0;

	text_add_format(out, percent < 999.95 ? "%.1f" : "%.0f", percent);
}

void add_rate(struct text *out, u64 bytes, u64 interval)
{
	columns_amount(out, interval ? (double)bytes * 1e9 / interval : 0);
}

static void add_cpu(struct text *out, const struct table_view *view, const struct line *line)
{
	add_percent(out, line->sum.used.cpu, view->frame->interval);
}

static void add_wait(struct text *out, const struct table_view *view, const struct line *line)
{
	add_percent(out, line->sum.used.wait, view->frame->interval);
}

static void add_memory(struct text *out, const struct table_view *view, const struct line *line)
{
	(void)view;
	columns_amount(out, line->sum.memory);
}

static void add_read(struct text *out, const struct table_view *view, const struct line *line)
{
	add_rate(out, line->sum.used.disk_read, view->frame->interval);
}

static void add_write(struct text *out, const struct table_view *view, const struct line *line)
{
	add_rate(out, line->sum.used.disk_write, view->frame->interval);
}

static void add_network(struct text *out, const struct table_view *view, const struct line *line)
{
	add_rate(out, line->sum.used.received + line->sum.used.sent, view->frame->interval);
}

static void add_processes(struct text *out, const struct table_view *view, const struct line *line)
{
	(void)view;
	text_add_u64(out, line->sum.living);
}

static void add_starts(struct text *out, const struct table_view *view, const struct line *line)
{
	double rate = line->sum.started * 1e9 / view->frame->interval;

	text_add_format(out, rate < 99.95 ? "%.1f" : "%.0f", rate);
}

/* Several that ended have a number instead. */
static void add_pid(struct text *out, const struct table_view *view, const struct line *line)
{
	(void)view;
	if (line->sum.pid)
		text_add_u64(out, line->sum.pid);
	else
		text_add_format(out, "%ux", line->sum.ended);
}

static void add_user(struct text *out, const struct table_view *view, const struct line *line)
{
	const char *name = view->user_name ? view->user_name(view->context, line->sum.user) : NULL;

	if (name)
		escape_terminal(out, name, strlen(name));
	else
		text_add_u64(out, line->sum.user);
}

static void add_state(struct text *out, const struct table_view *view, const struct line *line)
{
	(void)view;
	text_add_char(out, !line->sum.pid ? 'X' : line->sum.state < SAMPLE_STATES ? "SDWRTZ"[line->sum.state] : '?');
}

static void add_threads(struct text *out, const struct table_view *view, const struct line *line)
{
	(void)view;
	text_add_u64(out, line->sum.threads);
}

/* Of the same columns: where they stand, in which tables, and what fills them. */
static const struct column_place places[] = {
	{ "PID", -1, 7, 2, false },
	{ "USER", -1, 8, 6, true },
	{ "S", -1, 1, 5, false },
	{ "THR", -1, 4, 9, false },
	{ "CPU%", FRAME_SORT_CPU, 6, 1, false },
	{ "WAIT%", FRAME_SORT_WAIT, 6, 4, false },
	{ "MEM", FRAME_SORT_MEMORY, 5, 3, false },
	{ "READ/s", FRAME_SORT_READ, 6, 7, false },
	{ "WRITE/s", FRAME_SORT_WRITE, 7, 7, false },
	{ "NET/s", FRAME_SORT_NETWORK, 5, 8, false },
	{ "PROCS", FRAME_SORT_PROCESSES, 5, 5, false },
	{ "START/s", FRAME_SORT_STARTS, 7, 6, false },
};

#define COLUMNS (sizeof(places) / sizeof(places[0]))

static const struct column {
	unsigned int where;
	void (*add)(struct text *out, const struct table_view *view, const struct line *line);
} columns[] = {
	{ IN_PROCESSES, add_pid },
	{ IN_PROCESSES, add_user },
	{ IN_PROCESSES, add_state },
	{ IN_PROCESSES, add_threads },
	{ IN_BOTH, add_cpu },
	{ IN_BOTH, add_wait },
	{ IN_BOTH, add_memory },
	{ IN_BOTH, add_read },
	{ IN_BOTH, add_write },
	{ IN_BOTH, add_network },
	{ IN_GROUPS, add_processes },
	{ IN_GROUPS, add_starts },
};
_Static_assert(sizeof(columns) / sizeof(columns[0]) == COLUMNS, "nothing fills a column");

static bool is_processes(const struct table_view *view)
{
	return view->tree || view->by == FRAME_BY_PROCESS;
}

/* Which columns there is room for, a bit each; *left: what the name gets, ~0 without a limit. */
static u32 fit(const struct table_view *view, size_t *left)
{
	unsigned int where = is_processes(view) ? IN_PROCESSES : IN_GROUPS;
	u32 wanted = 0;

	for (size_t i = 0; i < COLUMNS; i++)
		wanted |= columns[i].where & where ? 1U << i : 0;
	return columns_fit(places, COLUMNS, wanted, view->style.width, view->tree ? TREE_LEAST : NAME_LEAST, left);
}

static const char *name_title(const struct table_view *view)
{
	static const char *const titles[] = { "TOOL", "TASK", "CONTAINER", "USER", "COMMAND" };

	return titles[is_processes(view) ? FRAME_BY_PROCESS : view->by];
}

static void add_name_title(struct text *out, const struct table_view *view, size_t left)
{
	const char *title = name_title(view);
	bool marked = view->style.colour && view->sort == FRAME_SORT_NAME;
	size_t have;

	text_add(out, marked ? "\033[27;1m" : "");
	have = columns_cut(out, title, strlen(title), left);
	text_add(out, marked ? "\033[22;7m" : "");
	if (view->style.width)
		columns_pad(out, left - have);
}

void table_header(struct text *out, const struct table_view *view)
{
	size_t left;
	u32 chosen = fit(view, &left);

	text_add(out, view->style.colour ? "\033[7m" : "");
	columns_header(out, places, COLUMNS, chosen, view->sort, view->style.colour);
	add_name_title(out, view, left);
	text_add(out, view->style.colour ? "\033[0m" : "");
}

static void add_name(struct text *out, const struct table_view *view, const struct line *line, size_t left)
{
	struct text name = { 0 };
	size_t indent = 2 * (size_t)line->depth;

	/* However deep it is, half is for the name. */
	if (view->style.width && indent > left / 2)
		indent = left / 2;
	if (indent >= 2) {
		columns_pad(&name, indent - 2);
		text_add(&name, "\\_ ");
	}
	escape_terminal(&name, line->name, line->name_length);
	if (line->command_length) {
		text_add(&name, "  ");
		escape_terminal(&name, line->command, line->command_length);
	}
	if (view->style.width)
		columns_cut(out, text_string(&name), name.length, left);
	else
		text_add_bytes(out, text_string(&name), name.length);
	text_free(&name);
}

void table_line(struct text *out, const struct table_view *view, const struct line *line)
{
	size_t left;
	u32 chosen = fit(view, &left);
	bool dim = view->style.colour && is_processes(view) && !line->sum.pid;

	text_add(out, dim ? "\033[2m" : "");
	for (size_t i = 0; i < COLUMNS; i++) {
		size_t start = out->length;

		if (!(chosen >> i & 1))
			continue;
		columns[i].add(out, view, line);
		columns_align(out, start, &places[i]);
		text_add_char(out, ' ');
	}
	add_name(out, view, line, left);
	text_add(out, dim ? "\033[0m" : "");
}
