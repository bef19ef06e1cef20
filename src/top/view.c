/*
 * Every picture is made whole; the screen writes what differs from the one before. Rows are given up from the top on a terminal that is
 * low, columns on one that is narrow.
 */
#include "top/view.h"

#include <stdio.h>
#include <string.h>

#include "base/columns.h"
#include "base/duration.h"
#include "base/pane.h"
#include "top/host_lines.h"

#define KEYS "? help  q quit  b by  < > sort  r reverse  / filter  t tree  space freeze"

static const char *const help[] = {
	"b                group by the next of tool, task, container, user, process",
	"1 2 3 4 5        group by tool, task, container, user, process",
	"t                processes as a tree, and back",
	"< > or arrows    sort by the column beside",
	"c w m R W        sort by CPU, wait, memory, reads, writes",
	"n p s N          sort by network, processes, starts, name",
	"r                the least first",
	"/                show only what has a text in its name or command",
	"                 Enter keeps it, Esc drops it",
	"space, f         freeze, and go on",
	"up, down, PgUp, PgDn, Home, End   scroll",
	"?, h             this help, and back",
	"q                quit",
	"",
	"CPU% and WAIT% are of one processor: time on one, and time ready without one.",
	"READ/s and WRITE/s are bytes of disks, NET/s those of TCP, both ways.",
	"START/s are processes that began. 12x are 12 that ended in this interval:",
	"what they used is counted, however short they lived.",
	"S: Running, Waiting for a CPU, Disk, Sleeping, sTopped, Zombie, X ended.",
	NULL,
};

void view_begin(struct view *view, const char *filter)
{
	view->colour = screen_coloured();
	wall_refresh(&view->wall);
	if (filter)
		snprintf(view->pane.filter, sizeof(view->pane.filter), "%s", filter);
}

void view_list(struct view *view)
{
	const struct listing_request request = {
		.by = view->by,
		.sort = view->sort,
		.reverse = view->reverse,
		.tree = view->tree,
		.filter = view->pane.filter,
		.user_name = view->user_name,
		.command = view->command,
		.context = view->context,
	};

	listing_make(&view->listing, view->frame, &request);
}

static void count_processes(const struct frame *frame, u64 *living, u64 *started)
{
	*living = *started = 0;
	for (size_t i = 0; i < frame->count; i++) {
		*living += frame->rows[i].living;
		*started += frame->rows[i].started;
	}
}

void view_title(struct view *view, struct text *out)
{
	const struct frame *frame = view->frame;
	char every[DURATION_TEXT_SIZE];
	struct text time = { 0 };
	u64 living, started;

	count_processes(frame, &living, &started);
	/* 2026-01-31T23:59:59.123456789Z */
	wall_refresh(&view->wall);
	wall_format(&view->wall, &time, frame->time);
	text_add_format(out, "sonde top  by %s  %llu processes  %.1f starts/s",
			view->tree ? "process tree" : frame_by_names[view->by], (unsigned long long)living,
			started * 1e9 / frame->interval);
	if (frame->host.load != UINT32_MAX)
		text_add_format(out, "  load %u.%02u", frame->host.load / 100, frame->host.load % 100);
	text_add_format(out, "  %.8s  every %s", text_string(&time) + 11, duration_format(view->interval, every));
	text_free(&time);
}

/* Rows above the table: fewer where there are few. */
static unsigned int draw_head(struct view *view)
{
	unsigned int rows = screen_rows(), lines = rows >= 12 ? HOST_LINES : rows >= 8 ? 1 : 0, row = 0;
	struct text text = { 0 };

	if (rows < 4)
		return 0;
	if (view->pane.frozen)
		text_add(&text, "FROZEN  ");
	if (view->frame->lost)
		text_add_format(&text, "%llu EVENTS LOST  ", (unsigned long long)view->frame->lost);
	view_title(view, &text);
	pane_parts(row++, &text, view->frame->lost && view->colour ? "\033[1;31m" : "\033[1m");
	for (unsigned int i = 0; i < lines; i++) {
		text_reset(&text);
		host_line(&text, i, view->frame, view->host, screen_columns());
		if (text.length)
			pane_parts(row++, &text, "");
	}
	text_free(&text);
	return row;
}

static void draw_table(struct view *view, unsigned int from)
{
	unsigned int foot = screen_rows() < 3 ? 0 : 1, room = screen_rows() - from - foot;
	struct table_view table = {
		.frame = view->frame,
		.by = view->by,
		.sort = view->sort,
		.tree = view->tree,
		.style = { .width = screen_columns(), .colour = true },
		.user_name = view->user_name,
		.context = view->context,
	};

	if (room > 1) {
		table_header(screen_line(from++), &table);
		room--;
	}
	pane_settle(&view->pane, view->listing.count, room);
	for (unsigned int i = 0; i < room && view->pane.scroll + i < view->listing.count; i++)
		table_line(screen_line(from + i), &table, &view->listing.lines[view->pane.scroll + i]);
}

bool view_draw(struct view *view)
{
	if (view->pane.help)
		pane_help(help);
	else if (view->frame)
		draw_table(view, draw_head(view));
	pane_foot(&view->pane, KEYS);
	return screen_show();
}

/* --- keys --- */

static void group(struct view *view, enum frame_by by)
{
	view->by = by;
	view->tree = false;
	view->pane.scroll = 0;
	/* What only groups have is no order for processes. */
	if (by == FRAME_BY_PROCESS && (view->sort == FRAME_SORT_PROCESSES || view->sort == FRAME_SORT_STARTS))
		view->sort = FRAME_SORT_CPU;
}

static void sort(struct view *view, enum frame_sort by)
{
	view->sort = by;
	view->pane.scroll = 0;
}

static void sort_beside(struct view *view, int step)
{
	bool processes = view->tree || view->by == FRAME_BY_PROCESS;

	do
		view->sort = (view->sort + FRAME_SORTS + step) % FRAME_SORTS;
	while (processes && (view->sort == FRAME_SORT_PROCESSES || view->sort == FRAME_SORT_STARTS));
	view->pane.scroll = 0;
}

static void command(struct view *view, int key)
{
	static const char sorts[] = "cwmRWnpsN"; /* by enum frame_sort */
	const char *found = key < 128 ? strchr(sorts, key) : NULL;

	if (found) {
		sort(view, found - sorts);
	} else if (key >= '1' && key < '1' + FRAME_BYS) {
		group(view, key - '1');
	} else if (key == 'b') {
		group(view, view->tree ? FRAME_BY_TOOL : (view->by + 1) % FRAME_BYS);
	} else if (key == 't') {
		bool tree = !view->tree;

		group(view, tree ? FRAME_BY_PROCESS : view->by);
		view->tree = tree;
	} else if (key == '<' || key == '>' || key == SCREEN_KEY_LEFT || key == SCREEN_KEY_RIGHT) {
		sort_beside(view, key == '<' || key == SCREEN_KEY_LEFT ? -1 : 1);
	} else if (key == 'r') {
		view->reverse = !view->reverse;
	}
}

bool view_key(struct view *view, int key)
{
	enum pane_result result = pane_key(&view->pane, key);

	if (result == PANE_NOT_MINE)
		command(view, key);
	return result != PANE_QUIT;
}
