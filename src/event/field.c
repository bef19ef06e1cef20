#include "event/field.h"

#include <string.h>

#include "base/ending.h"
#include "event/words.h"

static bool get_kind(const struct event *event, struct value *value)
{
	return value_text(value, kind_name(event->record->kind));
}

const struct field fields_of_all[] = {
	{ .name = "kind", .type = FIELD_STRING, .kinds = ~0U, .get = get_kind, .help = "what happened" },
	{ .name = "time", .type = FIELD_TIME, .kinds = ~0U, .offset = offsetof(struct record, time),
	  .width = sizeof(u64), .help = "when it happened" },
};
const size_t field_of_all_count = sizeof(fields_of_all) / sizeof(fields_of_all[0]);

bool field_is_of_all(const char *name)
{
	for (size_t i = 0; i < field_of_all_count; i++)
		if (!strcmp(fields_of_all[i].name, name))
			return true;
	return false;
}

static const char *name_at(const void *list, size_t i)
{
	return ((const struct field *)list)[i].name;
}

const struct field *field_find(const char *name)
{
	long found = ending_find(name, field_count, name_at, fields);

	return found >= 0 ? &fields[found] : NULL;
}

static u64 read_unsigned(const char *at, u16 width)
{
	switch (width) {
	case 1:
		return *(const u8 *)at;
	case 2:
		return *(const u16 *)at;
	case 4:
		return *(const u32 *)at;
	default:
		return *(const u64 *)at;
	}
}

static s64 read_signed(const char *at, u16 width)
{
	switch (width) {
	case 1:
		return *(const signed char *)at;
	case 2:
		return *(const s16 *)at;
	case 4:
		return *(const s32 *)at;
	default:
		return *(const s64 *)at;
	}
}

bool field_get(const struct field *field, const struct event *event, struct value *value)
{
	const char *at = (const char *)event->record + field->offset;

	if (!(field->kinds >> event->record->kind & 1))
		return false;
	if (!field->string && field->width && field->offset >= offsetof(struct record, start) &&
	    field->offset < sizeof(struct record) && !event_has_owner(event))
		return false;
	if (field->get)
		return field->get(event, value);
	if (field->string) {
		value->bytes = event->strings[field->string - 1];
		return value->bytes.length > 0;
	}
	if (field->type == FIELD_SIGNED)
		value->integer = read_signed(at, field->width);
	else
		value->number = read_unsigned(at, field->width);
	return true;
}
