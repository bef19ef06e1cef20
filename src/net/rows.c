/* Rows are rendered once; while there are too many, those at the end of the order are cut off now and then. */
#define _GNU_SOURCE
#include "net/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define RECENT 512
#define RECENT_NS 5000000000ULL

const char *const rows_sort_names[] = { "rate", "bytes", "rtt", "retransmits", "age", "drops", NULL };

struct recent_row {
	struct row row;
	struct text texts;
	u64 ended;			/* 0: none */
};

static u64 value_of(const struct rows *rows, const struct row *row)
{
	u64 value = row->values[rows->sort];

	return rows->reverse ? ~value : value;
}

static int compare(const void *left, const void *right, void *context)
{
	const struct rows *rows = context;
	const struct row *one = left, *other = right;
	u64 first = value_of(rows, one), second = value_of(rows, other);

	if (first != second)
		return first < second ? 1 : -1;
	if (one->values[ROWS_BY_BYTES] != other->values[ROWS_BY_BYTES])
		return one->values[ROWS_BY_BYTES] < other->values[ROWS_BY_BYTES] ? 1 : -1;
	/* The same order in each picture. */
	if (one->who_length != other->who_length)
		return one->who_length < other->who_length ? -1 : 1;
	return memcmp(rows->texts.data + one->who, rows->texts.data + other->who, one->who_length);
}

static void sort(struct rows *rows)
{
	if (rows->count)
		qsort_r(rows->rows, rows->count, sizeof(*rows->rows), compare, rows);
}

static void keep_the_first(struct rows *rows)
{
	sort(rows);
	if (rows->count <= ROWS_MOST)
		return;
	rows->count = ROWS_MOST;
	rows->least = value_of(rows, &rows->rows[ROWS_MOST - 1]);
}

void rows_begin(struct rows *rows)
{
	if (!rows->recent)
		rows->recent = xcalloc(RECENT, sizeof(*rows->recent));
	rows->count = 0;
	rows->all = 0;
	rows->least = 0;
	memset(rows->of_verdict, 0, sizeof(rows->of_verdict));
	text_reset(&rows->texts);
}

static void set_values(struct row *row, const struct flow *flow)
{
	char number[8];

	memset(row, 0, sizeof(*row));
	row->to_server = flow->recent_to_server;
	if (flow->kind == FLOW_DROP && flow->packets)
		row->to_server = flow->bytes / flow->packets * flow->recent_packets;
	row->to_client = flow->recent_to_client;
	row->retransmits = flow->recent_retransmits;
	row->no_retransmits = !flow_knows_segments(flow);
	row->age = flow->begun && flow->last > flow->begun ? flow->last - flow->begun : flow->duration;
	row->verdict = flow->verdict;
	row->open = flow->open;
	row->values[ROWS_BY_RATE] = row->to_server + row->to_client;
	row->values[ROWS_BY_BYTES] = flow->kind == FLOW_DROP ? flow->bytes : flow->to_server + flow->to_client;
	row->values[ROWS_BY_RTT] = flow->rtt_us;
	row->values[ROWS_BY_RETRANSMITS] = flow->recent_retransmits ? (u64)flow->recent_retransmits << 32 : flow->retransmits;
	row->values[ROWS_BY_AGE] = flow->begun;
	row->values[ROWS_BY_DROPS] = flow->verdict == FLOW_DROPPED ? flow->recent_packets << 8 | 2 : flow->verdict != FLOW_FORWARDED;
	snprintf(row->transport, sizeof(row->transport), "%s",
		 flow->transport ? flow_transport_name(flow->transport, number) : "-");
}

/*
 * Behind what is in `out` already. Where a client is known by its process, the port it was given comes last: it is what is least
 * missed where there is no room.
 */
static void render(struct row *row, struct text *out, const struct show *show, const struct flow *flow)
{
	const struct party *party = flow->client.party;
	bool known = party && party->tool;

	row->who = out->length;
	if (known) {
		show_who(out, show, &flow->client);
		text_add_format(out, " [%u]", party->pid);
	} else {
		show_end(out, show, &flow->client, flow->transport, false);
	}
	text_add(out, flow->backwards ? " <- " : " -> ");
	show_server(out, show, flow);
	if (known && flow->client.at.family) {
		text_add(out, "  from ");
		endpoint_add(out, &flow->client.at);
	}
	row->who_length = out->length - row->who;
	row->outcome = out->length;
	show_outcome(out, flow);
	row->outcome_length = out->length - row->outcome;
}

static bool has_text(const struct rows *rows, const struct row *row, const struct text *texts)
{
	size_t length = row->who_length + row->outcome_length;

	if (!rows->text || !rows->text[0] || texts->failed)
		return true;
	/* What was rendered stands in one piece, and a zero behind it. */
	return length >= strlen(rows->text) && strcasestr(texts->data + row->who, rows->text);
}

static void put(struct rows *rows, const struct row *row)
{
	if (rows->count == rows->capacity) {
		size_t capacity = rows->capacity ? rows->capacity * 2 : 128;
		struct row *grown = realloc(rows->rows, capacity * sizeof(*grown));

		if (!grown)
			return;
		rows->rows = grown;
		rows->capacity = capacity;
	}
	rows->rows[rows->count++] = *row;
	if (rows->count >= 2 * ROWS_MOST)
		keep_the_first(rows);
}

void rows_add(struct rows *rows, const struct flow *flow)
{
	struct row row;

	if (!filter_wants(rows->filter, flow))
		return;
	set_values(&row, flow);
	rows->all++;
	rows->of_verdict[row.verdict]++;
	if (value_of(rows, &row) < rows->least)
		return;
	render(&row, &rows->texts, rows->show, flow);
	if (has_text(rows, &row, &rows->texts))
		put(rows, &row);
}

void rows_ended(struct rows *rows, const struct flow *flow)
{
	struct recent_row *recent;

	if (!rows->recent)
		rows_begin(rows);
	/* Drops have rows of their own. */
	if (flow->kind == FLOW_DROP || !filter_wants(rows->filter, flow))
		return;
	recent = &rows->recent[rows->recent_at++ % RECENT];
	text_reset(&recent->texts);
	set_values(&recent->row, flow);
	render(&recent->row, &recent->texts, rows->show, flow);
	recent->ended = flow->last;
}

static void add_recent(struct rows *rows, struct recent_row *recent)
{
	struct row row = recent->row;

	rows->all++;
	rows->of_verdict[row.verdict]++;
	row.who = rows->texts.length;
	row.outcome = row.who + row.who_length;
	text_add_bytes(&rows->texts, text_string(&recent->texts), recent->texts.length);
	if (has_text(rows, &row, &rows->texts))
		put(rows, &row);
	/* What went over it at its end was recent once. */
	recent->row.to_server = recent->row.to_client = recent->row.retransmits = recent->row.values[ROWS_BY_RATE] = 0;
}

void rows_finish(struct rows *rows, u64 now)
{
	for (size_t i = 0; i < RECENT; i++)
		if (rows->recent[i].ended && rows->recent[i].ended + RECENT_NS > now)
			add_recent(rows, &rows->recent[i]);
	keep_the_first(rows);
}

void rows_free(struct rows *rows)
{
	for (size_t i = 0; rows->recent && i < RECENT; i++)
		text_free(&rows->recent[i].texts);
	free(rows->recent);
	free(rows->rows);
	text_free(&rows->texts);
	text_free(&rows->line);
}
