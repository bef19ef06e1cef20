/* Rows are made once an interval, and again when a key changes which they are or their order. */
#include "net/view.h"

#include <string.h>

#include "base/duration.h"

#define KEYS "? help  q quit  v verdict  < > sort  r reverse  / filter  space freeze"

static const char *const help[] = {
	"v                show all, or only what was forwarded, dropped, denied, failed",
	"< > or arrows    sort by the column beside",
	"b t R n a d      sort by rate, total, RTT, retransmits, age, drops",
	"r                the least first",
	"/                show only what has a text in it",
	"                 Enter keeps it, Esc drops it",
	"space, f         freeze, and go on",
	"up, down, PgUp, PgDn, Home, End   scroll",
	"?, h             this help, and back",
	"q                quit",
	"",
	"Each connection is one row, also when both its ends are on this machine.",
	"TO/s is what goes to the server, BACK/s what comes from it; RETR/s are segments",
	"sent again. What ended, failed or was dropped stays for some seconds.",
	"[42] is a process, (web) a container; a name behind a port is what",
	"the port is usually used for.",
	NULL,
};

void flow_view_begin(struct flow_view *view)
{
	view->colour = screen_coloured();
	view->rows.filter = &view->filter;
	view->rows.text = view->pane.filter;
	rows_begin(&view->rows);
}

void flow_view_title(struct flow_view *view, struct text *out)
{
	const struct rows *rows = &view->rows;
	char every[DURATION_TEXT_SIZE];
	struct text time = { 0 };

	wall_refresh(&rows->show->wall);
	wall_format(&rows->show->wall, &time, view->time);
	text_add_format(out, "sonde %s  %llu flows", view->name, (unsigned long long)rows->all);
	for (int verdict = FLOW_DROPPED; verdict < FLOW_VERDICTS; verdict++)
		if (rows->of_verdict[verdict])
			text_add_format(out, "  %llu %s", (unsigned long long)rows->of_verdict[verdict],
					flow_verdict_names[verdict]);
	if (view->filter.verdict >= 0)
		text_add_format(out, "  only %s", flow_verdict_names[view->filter.verdict]);
	if (rows->all > rows->count && rows->count >= ROWS_MOST)
		text_add_format(out, "  the first %zu", rows->count);
	if (view->forgotten)
		text_add_format(out, "  %llu ends not kept", (unsigned long long)view->forgotten);
	text_add_format(out, "  %.8s  every %s", text_string(&time) + 11, duration_format(view->interval, every));
	text_free(&time);
}

static unsigned int draw_head(struct flow_view *view)
{
	struct text text = { 0 };

	if (screen_rows() < 4)
		return 0;
	if (view->pane.frozen)
		text_add(&text, "FROZEN  ");
	if (view->lost)
		text_add_format(&text, "%llu EVENTS LOST  ", (unsigned long long)view->lost);
	flow_view_title(view, &text);
	pane_parts(0, &text, view->lost && view->colour ? "\033[1;31m" : "\033[1m");
	text_free(&text);
	return 1;
}

static void draw_rows(struct flow_view *view, unsigned int from)
{
	unsigned int foot = screen_rows() < 3 ? 0 : 1, room = screen_rows() - from - foot, width = screen_columns();
	const struct rows *rows = &view->rows;

	if (room > 1) {
		rows_header(screen_line(from++), rows, width, true);
		room--;
	}
	pane_settle(&view->pane, rows->count, room);
	for (unsigned int i = 0; i < room && view->pane.scroll + i < rows->count; i++)
		rows_line(screen_line(from + i), rows, &rows->rows[view->pane.scroll + i], width, view->colour);
}

bool flow_view_draw(struct flow_view *view)
{
	if (view->pane.help)
		pane_help(help);
	else if (view->time)
		draw_rows(view, draw_head(view));
	pane_foot(&view->pane, KEYS);
	return screen_show();
}

static void sort(struct flow_view *view, int by)
{
	view->rows.sort = (by + ROWS_SORTS) % ROWS_SORTS;
	view->pane.scroll = 0;
}

static bool command(struct flow_view *view, int key)
{
	static const char sorts[] = "btRnad"; /* by enum rows_sort */
	const char *found = key > 0 && key < 128 ? strchr(sorts, key) : NULL;

	if (found)
		sort(view, found - sorts);
	else if (key == '<' || key == SCREEN_KEY_LEFT)
		sort(view, (int)view->rows.sort - 1);
	else if (key == '>' || key == SCREEN_KEY_RIGHT)
		sort(view, (int)view->rows.sort + 1);
	else if (key == 'r')
		view->rows.reverse = !view->rows.reverse;
	else if (key == 'v')
		view->filter.verdict = view->filter.verdict + 1 < FLOW_VERDICTS ? view->filter.verdict + 1 : -1;
	else
		return false;
	return true;
}

bool flow_view_key(struct flow_view *view, int key, bool *changed)
{
	enum pane_result result = pane_key(&view->pane, key);

	*changed |= result == PANE_NOT_MINE ? command(view, key) : true;
	return result != PANE_QUIT;
}
