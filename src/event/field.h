/*
 * The field table: the one list of what an event can say. JSON keys, text columns, filters and `sonde fields` are
 * generated from it. A row whose value lies in the record needs no code; others name a function.
 */
#ifndef EVENT_FIELD_H
#define EVENT_FIELD_H

#include "event/event.h"

enum field_type {
	FIELD_UNSIGNED,		/* width 1, 2, 4, 8 */
	FIELD_SIGNED,
	FIELD_BOOL,
	FIELD_STRING,
	FIELD_WORDS,		/* NUL-terminated strings one after the other: a JSON array */
	FIELD_TIME,		/* CLOCK_BOOTTIME ns: RFC 3339 */
	FIELD_NUMBERS,		/* of 64 bits, one after the other: for conditions alone */
	FIELD_ADDRESS,		/* of the Internet, IPv4 or IPv6: a string */
	FIELD_JSON,		/* made by its getter: bytes as JSON, plain for people */
};

/* How a text column shows it; JSON has the plain number. */
enum field_unit {
	UNIT_NONE,
	UNIT_NANOSECONDS,
	UNIT_MICROSECONDS,
	UNIT_BYTES,
	UNIT_OCTAL,
};

struct value {
	union {
		u64 number;
		s64 integer;
		struct bytes bytes;
		struct {
			u8 address[16];		/* IPv4 in the first four */
			u16 family;
		};
	};
	struct bytes plain;	/* of FIELD_JSON */
	char scratch[256];	/* where a getter may put the bytes it makes */
};

/* Columns without a width of their own, at the end of a line. */
#define COLUMN_REST 1
#define COLUMN_IF_FAILED 2	/* only of an event that failed */

struct field {
	const char *name;
	enum field_type type;
	enum field_unit unit;
	u32 kinds;		/* KIND_BIT()s that can have it */
	u32 shown;		/* of those, the ones that show it without being asked */
	u16 offset, width;	/* in the record; width 0: see get or string */
	s16 string;		/* 1 + index of the record's string, 0: none; an empty one is absent */
	/* NULL: from offset or string. False: absent from this event. */
	bool (*get)(const struct event *event, struct value *value);
	u16 column;		/* width of its text column, 0: not shown unless asked for */
	u16 rank;		/* where there is no room for all columns: see event/cells.h */
	const char *help;
};

extern const struct field fields[];
extern const size_t field_count;

/* Written for every event, chosen or not, before all others. */
extern const struct field fields_of_all[];
extern const size_t field_of_all_count;

/* Only for conditions (src/lang): of any ancestor. */
extern const struct field fields_of_ancestors[];
extern const size_t field_of_ancestors_count;
bool field_is_of_all(const char *name);

const struct field *field_find(const char *name);	/* see base/ending.h */
bool field_get(const struct field *field, const struct event *event, struct value *value);

#endif
