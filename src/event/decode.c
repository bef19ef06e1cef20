/*
 * The one place that touches bytes as they came. It checks every length; nothing after it doubts the data. The checks
 * hold for any input at all, because iterators and, later, files are read through it too.
 */
#include <errno.h>
#include <string.h>

#include "event/event.h"
#include "wire/sizes.h"

static const struct {
	const char *name, *help;
	u16 size;		/* of the fixed part */
	u16 strings;
} kinds[KIND_MAX] = {
#define KIND(name_, value, lane, strings_, help_)                                                                      \
	[value] = { .name = #name_, .help = help_, .size = sizeof(struct name_##_record), .strings = strings_ },
#include "wire/events.def"
#undef KIND
};

int event_decode(struct event *event, const void *bytes, size_t size)
{
	const struct record *record = bytes;
	const char *at = bytes;
	size_t left;

	if (size < sizeof(*record) || record->kind >= KIND_MAX || !kinds[record->kind].name)
		return -EBADMSG;
	if (record->size < kinds[record->kind].size || record->size > size)
		return -EBADMSG;
	event->record = record;
	event->process = NULL;
	event->identity = NULL;
	memset(event->strings, 0, sizeof(event->strings));
	at += kinds[record->kind].size;
	left = record->size - kinds[record->kind].size;
	if (record->flags & RECORD_EXISTING && !left)
		return 0;
	for (int i = 0; i < kinds[record->kind].strings; i++) {
		struct record_string string;
		size_t padded;

		if (left < sizeof(string))
			return -EBADMSG;
		memcpy(&string, at, sizeof(string));
		padded = sizeof(string) + (((size_t)string.length + 7) & ~7UL);
		if (padded > left)
			return -EBADMSG;
		event->strings[i] = (struct bytes){ .data = at + sizeof(string), .length = string.length,
						    .full = string.full };
		at += padded;
		left -= padded;
	}
	return 0;
}

struct event_shape event_shape(u32 kind)
{
	return (struct event_shape){ kinds[kind].size, kinds[kind].strings };
}

const char *kind_name(u32 kind)
{
	return kind < KIND_MAX ? kinds[kind].name : NULL;
}

const char *kind_help(u32 kind)
{
	return kind < KIND_MAX ? kinds[kind].help : NULL;
}

int kind_find(const char *name)
{
	for (int kind = 0; kind < KIND_MAX; kind++)
		if (kinds[kind].name && !strcmp(kinds[kind].name, name))
			return kind;
	return -1;
}

bool kind_is_public(u32 kind)
{
	return kind < KIND_MAX && kinds[kind].name && kind != KIND_cgroup && kind != KIND_lost;
}
