/* The columns of a row, numbers first and who to whom last. */
#include <stdio.h>
#include <string.h>

#include "base/columns.h"
#include "base/duration.h"
#include "net/rows.h"

#define WHO_LEAST 24

static void add_rate(struct text *out, const struct rows *rows, u64 bytes)
{
	columns_amount(out, rows->show->interval ? bytes * 1e9 / rows->show->interval : 0);
}

static void add_to_server(struct text *out, const struct rows *rows, const struct row *row)
{
	add_rate(out, rows, row->to_server);
}

static void add_to_client(struct text *out, const struct rows *rows, const struct row *row)
{
	add_rate(out, rows, row->to_client);
}

static void add_total(struct text *out, const struct rows *rows, const struct row *row)
{
	(void)rows;
	columns_amount(out, row->values[ROWS_BY_BYTES]);
}

/* "85us", "1.2ms", "3s", "2h": five columns at most. */
static void add_short(struct text *out, u64 ns)
{
	static const struct {
		double from;
		const char *unit;
	} units[] = { { 86400e9, "d" }, { 3600e9, "h" }, { 60e9, "m" }, { 1e9, "s" }, { 1e6, "ms" }, { 1e3, "us" } };

	if (!ns) {
		text_add_char(out, '-');
		return;
	}
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (ns < units[i].from)
			continue;
		text_add_format(out, ns < 10 * units[i].from && i >= 3 ? "%.1f%s" : "%.0f%s", ns / units[i].from, units[i].unit);
		return;
	}
	text_add_format(out, "%lluns", (unsigned long long)ns);
}

static void add_rtt(struct text *out, const struct rows *rows, const struct row *row)
{
	(void)rows;
	add_short(out, row->values[ROWS_BY_RTT] * 1000);
}

static void add_retransmits(struct text *out, const struct rows *rows, const struct row *row)
{
	if (row->no_retransmits)
		text_add_char(out, '-');
	else
		add_rate(out, rows, row->retransmits);
}

static void add_age(struct text *out, const struct rows *rows, const struct row *row)
{
	(void)rows;
	add_short(out, row->age);
}

static void add_transport(struct text *out, const struct rows *rows, const struct row *row)
{
	(void)rows;
	text_add(out, row->transport);
}

static void add_outcome(struct text *out, const struct rows *rows, const struct row *row)
{
	text_add_bytes(out, rows->texts.data + row->outcome, row->outcome_length);
}

/* Of the same columns: where they stand, and what fills them. */
static const struct column_place places[] = {
	{ "PROTO", -1, 5, 6, true },
	{ "STATE", ROWS_BY_DROPS, 16, 1, true },
	{ "TO/s", ROWS_BY_RATE, 6, 2, false },
	{ "BACK/s", ROWS_BY_RATE, 6, 2, false },
	{ "TOTAL", ROWS_BY_BYTES, 6, 4, false },
	{ "RTT", ROWS_BY_RTT, 6, 5, false },
	{ "RETR/s", ROWS_BY_RETRANSMITS, 6, 7, false },
	{ "AGE", ROWS_BY_AGE, 5, 8, false },
};

#define COLUMNS (sizeof(places) / sizeof(places[0]))

static void (*const fill[])(struct text *out, const struct rows *rows, const struct row *row) = {
	add_transport, add_outcome, add_to_server, add_to_client, add_total, add_rtt, add_retransmits, add_age,
};
_Static_assert(sizeof(fill) / sizeof(fill[0]) == COLUMNS, "nothing fills a column");

void rows_header(struct text *out, const struct rows *rows, unsigned int width, bool colour)
{
	size_t left, have;
	u32 chosen = columns_fit(places, COLUMNS, (1U << COLUMNS) - 1, width, WHO_LEAST, &left);

	text_add(out, colour ? "\033[7m" : "");
	columns_header(out, places, COLUMNS, chosen, rows->sort, colour);
	have = columns_cut(out, "WHO -> WHOM", 11, left);
	if (width)
		columns_pad(out, left - have);
	text_add(out, colour ? "\033[0m" : "");
}

static const char *style_of(const struct row *row)
{
	if (row->verdict == FLOW_DROPPED || row->verdict == FLOW_DENIED)
		return "\033[31m";
	if (row->verdict == FLOW_FAILED)
		return "\033[33m";
	return row->open ? "" : "\033[2m";
}

void rows_line(struct text *out, const struct rows *rows, const struct row *row, unsigned int width, bool colour)
{
	size_t left;
	u32 chosen = columns_fit(places, COLUMNS, (1U << COLUMNS) - 1, width, WHO_LEAST, &left);
	const char *style = colour ? style_of(row) : "";

	text_add(out, style);
	for (size_t i = 0; i < COLUMNS; i++) {
		size_t start = out->length;

		if (!(chosen >> i & 1))
			continue;
		fill[i](out, rows, row);
		columns_align(out, start, &places[i]);
		text_add_char(out, ' ');
	}
	if (width)
		columns_cut(out, rows->texts.data + row->who, row->who_length, left);
	else
		text_add_bytes(out, rows->texts.data + row->who, row->who_length);
	text_add(out, *style ? "\033[0m" : "");
}
