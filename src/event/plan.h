/*
 * Which fields a sink shows for each kind of event, decided once. JSON and text are two ways to walk the same plan.
 */
#ifndef EVENT_PLAN_H
#define EVENT_PLAN_H

#include "base/text.h"
#include "base/wall.h"
#include "event/cells.h"
#include "event/field.h"

/* What stands in JSON between two fields, kept because the same two follow each other in nearly every event. */
struct plan_joint {
	const char *before;		/* name of the field in front; NULL: nothing kept yet */
	struct text text;
};

struct plan {
	struct wall wall;
	struct cells cells;		/* of the line that is being made */
	const struct field **rows[KIND_MAX];	/* NULL-terminated, in the order of the table, which makes the objects of JSON */
	const struct field **columns[KIND_MAX];	/* the same for text: chosen ones in the order in which they were named */
	struct plan_joint *joints[KIND_MAX];	/* one in front of each row */
	bool chosen;				/* by name: text shows just these */
};

/* What each kind shows by itself; or just these fields, of which each kind has its own. */
void plan_make(struct plan *plan);
void plan_make_of(struct plan *plan, const struct field *const *chosen, size_t count);
void plan_free(struct plan *plan);

/* One JSON object and a newline. */
void json_event(struct plan *plan, struct text *out, const struct event *event);

/* One line for a person; `width` columns, 0: no limit; colour by kind if wanted. */
struct text_style {
	unsigned int width;
	bool colour;
};
void text_event(struct plan *plan, struct text *out, const struct event *event, const struct text_style *style);
/* A value as text shows it. */
void text_value(struct plan *plan, struct text *out, const struct field *field, const struct value *value);

#endif
