/*
 * An event as a line for a person: time, kind, the fields that have a column, the last of them (a command line,
 * a path, an address) as wide as it is. Everything that others chose is escaped.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <string.h>

#include "base/duration.h"
#include "base/escape.h"
#include "event/getters.h"
#include "event/plan.h"

static const char *colour_of(u32 kind)
{
	switch (kind) {
	case KIND_exec:
		return "\033[32m";
	case KIND_exit:
		return "\033[34m";
	case KIND_lost:
		return "\033[1;31m";
	default:
		return "\033[36m";
	}
}

static void add_words(struct text *out, const struct bytes *bytes, const char *between)
{
	const char *at = bytes->data, *end = at + bytes->length;

	while (at < end) {
		const char *zero = memchr(at, 0, end - at);
		size_t length = (zero ? zero : end) - at;

		if (at != bytes->data)
			text_add(out, between);
		escape_shell(out, at, length);
		at += length + 1;
	}
}

void text_value(struct plan *plan, struct text *out, const struct field *field, const struct value *value)
{
	char buffer[INET6_ADDRSTRLEN > DURATION_TEXT_SIZE ? INET6_ADDRSTRLEN : DURATION_TEXT_SIZE];

	switch (field->type) {
	case FIELD_UNSIGNED:
		if (field->unit == UNIT_NANOSECONDS)
			text_add(out, duration_format(value->number, buffer));
		else if (field->unit == UNIT_MICROSECONDS)
			text_add(out, duration_format(value->number * 1000, buffer));
		else if (field->unit == UNIT_BYTES)
			text_add(out, size_format(value->number, buffer));
		else if (field->unit == UNIT_OCTAL)
			text_add_format(out, "0%llo", (unsigned long long)value->number);
		else
			text_add_u64(out, value->number);
		break;
	case FIELD_SIGNED:
		text_add_i64(out, value->integer);
		break;
	case FIELD_BOOL:
		text_add(out, value->number ? "yes" : "no");
		break;
	case FIELD_STRING:
		escape_terminal(out, value->bytes.data, value->bytes.length);
		break;
	case FIELD_JSON:
		text_add_bytes(out, value->plain.data, value->plain.length);
		break;
	case FIELD_WORDS:
		add_words(out, &value->bytes, !strcmp(field->name, "process.ancestors") ? " > " : " ");
		break;
	case FIELD_NUMBERS:
		break;
	case FIELD_ADDRESS:
		text_add(out, inet_ntop(value->family, value->address, buffer, sizeof(buffer)));
		break;
	case FIELD_TIME:
		wall_format(&plan->wall, out, value->number);
		break;
	}
}

static void add_time(struct plan *plan, struct text *out, u64 time)
{
	size_t start = out->length;

	/* 2026-01-31T23:59:59.123456789Z -> 23:59:59.123456 */
	wall_format(&plan->wall, out, time);
	memmove(out->data + start, out->data + start + 11, 15);
	out->length = start + 15;
	out->data[out->length] = '\0';
	text_add_char(out, ' ');
}

static bool is_column(const struct plan *plan, const struct field *row, const struct event *event)
{
	if (plan->chosen)
		return true;
	/* the lines of a policy's matches have room for what the policy says; JSON has the rest */
	if (event->record->kind == KIND_policy && row->column == COLUMN_REST && strncmp(row->name, "policy.", 7))
		return false;
	return row->column == COLUMN_IF_FAILED ? event_error(event) != 0 : row->column != 0;
}

/* What listens has no other address than its own. */
static unsigned int rank_of(const struct plan *plan, const struct field *row, u32 kind)
{
	return plan->chosen || kind == KIND_listen ? 0 : row->rank;
}

static void add_cell(struct plan *plan, const struct field *row, const struct event *event)
{
	bool elastic = row->column && row->column <= COLUMN_IF_FAILED;
	struct value value;

	if (field_get(row, event, &value))
		text_value(plan, &plan->cells.text, row, &value);
	else if (!plan->chosen && elastic)
		return;
	else
		text_add_char(&plan->cells.text, '-');
	cells_add(&plan->cells, elastic ? 0 : row->column, rank_of(plan, row, event->record->kind), elastic);
}

void text_event(struct plan *plan, struct text *out, const struct event *event, const struct text_style *style)
{
	u32 kind = event->record->kind;
	size_t start = out->length, used;

	if (!text_reserve(out, 64))
		return;
	add_time(plan, out, event->record->time);
	used = out->length - start;
	if (style->colour)
		text_add(out, colour_of(kind));
	text_add_format(out, "%-7s ", kind_name(kind));
	used += strlen(kind_name(kind)) < 7 ? 8 : strlen(kind_name(kind)) + 1;
	if (style->colour)
		text_add(out, "\033[0m");
	for (const struct field **row = plan->columns[kind]; *row; row++)
		if (is_column(plan, *row, event))
			add_cell(plan, *row, event);
	cells_put(&plan->cells, out, !style->width ? 0 : style->width > used ? style->width - used : 1);
	text_add_char(out, '\n');
}
