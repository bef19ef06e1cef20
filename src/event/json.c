/*
 * An event as one JSON object, nested at the dots of the fields' names. Rows of one object stand together in the table,
 * so it is enough to compare each name with the one before: close what ended, open what began.
 */
#include <arpa/inet.h>
#include <string.h>

#include "base/escape.h"
#include "event/plan.h"

static void add_words(struct text *out, const struct bytes *bytes)
{
	const char *at = bytes->data, *end = at + bytes->length;

	text_add_char(out, '[');
	while (at < end) {
		const char *zero = memchr(at, 0, end - at);
		size_t length = (zero ? zero : end) - at;

		if (at != bytes->data)
			text_add_char(out, ',');
		escape_json_quoted(out, at, length);
		at += length + 1;
	}
	text_add_char(out, ']');
}

static void add_value(struct plan *plan, struct text *out, const struct field *field, const struct value *value)
{
	char address[INET6_ADDRSTRLEN];

	switch (field->type) {
	case FIELD_UNSIGNED:
		text_add_u64(out, value->number);
		break;
	case FIELD_SIGNED:
		text_add_i64(out, value->integer);
		break;
	case FIELD_BOOL:
		text_add(out, value->number ? "true" : "false");
		break;
	case FIELD_STRING:
		escape_json_quoted(out, value->bytes.data, value->bytes.length);
		break;
	case FIELD_JSON:
		text_add_bytes(out, value->bytes.data, value->bytes.length);
		break;
	case FIELD_WORDS:
		add_words(out, &value->bytes);
		break;
	case FIELD_NUMBERS:
		break;
	case FIELD_ADDRESS:
		text_add_char(out, '"');
		text_add(out, inet_ntop(value->family, value->address, address, sizeof(address)));
		text_add_char(out, '"');
		break;
	case FIELD_TIME:
		text_add_char(out, '"');
		wall_format(&plan->wall, out, value->number);
		text_add_char(out, '"');
		break;
	}
}

/*
 * Leaves the objects that `before` was in and `name` is not, enters those that are new, and writes the last part of the
 * name as a key. Objects that are open are those of the dots in `before`.
 */
static void move_to(struct text *out, const char *before, const char *name)
{
	size_t common = 0, i = 0;

	while (before[i] && before[i] == name[i]) {
		if (name[i] == '.')
			common = i + 1;
		i++;
	}
	for (const char *at = before + common; *at; at++)
		if (*at == '.')
			text_add_char(out, '}');
	text_add_char(out, ',');
	name += common;
	for (const char *dot; (dot = strchr(name, '.')); name = dot + 1) {
		text_add_char(out, '"');
		text_add_bytes(out, name, dot - name);
		text_add_bytes(out, "\":{", 3);
	}
	text_add_char(out, '"');
	text_add(out, name);
	text_add_bytes(out, "\":", 2);
}

static void add_joint(struct plan_joint *joint, struct text *out, const char *before, const char *name)
{
	if (joint->before != before) {
		text_reset(&joint->text);
		move_to(&joint->text, before, name);
		joint->before = before;
	}
	text_add_bytes(out, joint->text.data, joint->text.length);
}

void json_event(struct plan *plan, struct text *out, const struct event *event)
{
	const struct field **rows = plan->rows[event->record->kind];
	struct plan_joint *joints = plan->joints[event->record->kind];
	const char *before = "time";
	struct value value;

	text_add(out, "{\"kind\":\"");
	text_add(out, kind_name(event->record->kind));
	text_add(out, "\",\"time\":\"");
	wall_format(&plan->wall, out, event->record->time);
	text_add_char(out, '"');
	for (size_t i = 0; rows[i]; i++) {
		if (!field_get(rows[i], event, &value))
			continue;
		add_joint(&joints[i], out, before, rows[i]->name);
		add_value(plan, out, rows[i], &value);
		before = rows[i]->name;
	}
	for (; *before; before++)
		if (*before == '.')
			text_add_char(out, '}');
	text_add_bytes(out, "}\n", 2);
}
