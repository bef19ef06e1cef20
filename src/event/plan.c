#include "event/plan.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

static const struct field **new_rows(void)
{
	return xcalloc(field_count + 1, sizeof(const struct field *));
}

static bool among(const struct field *field, const struct field *const *rows)
{
	while (*rows && *rows != field)
		rows++;
	return *rows;
}

void plan_make(struct plan *plan)
{
	memset(plan, 0, sizeof(*plan));
	wall_refresh(&plan->wall);
	for (u32 kind = 0; kind < KIND_MAX; kind++) {
		size_t at = 0;

		if (!kind_name(kind))
			continue;
		plan->rows[kind] = new_rows();
		for (size_t i = 0; i < field_count; i++)
			if (fields[i].shown >> kind & 1)
				plan->rows[kind][at++] = &fields[i];
		plan->columns[kind] = plan->rows[kind];
		plan->joints[kind] = xcalloc(at + 1, sizeof(*plan->joints[kind]));
	}
}

void plan_make_of(struct plan *plan, const struct field *const *chosen, size_t count)
{
	memset(plan, 0, sizeof(*plan));
	wall_refresh(&plan->wall);
	plan->chosen = true;
	for (u32 kind = 0; kind < KIND_MAX; kind++) {
		size_t at = 0;

		if (!kind_name(kind))
			continue;
		plan->columns[kind] = new_rows();
		for (size_t i = 0; i < count; i++)
			if (chosen[i]->kinds >> kind & 1 && !among(chosen[i], plan->columns[kind]))
				plan->columns[kind][at++] = chosen[i];
		plan->joints[kind] = xcalloc(at + 1, sizeof(*plan->joints[kind]));
		plan->rows[kind] = new_rows();
		at = 0;
		for (size_t i = 0; i < field_count; i++)
			if (among(&fields[i], plan->columns[kind]))
				plan->rows[kind][at++] = &fields[i];
	}
}

void plan_free(struct plan *plan)
{
	text_free(&plan->cells.text);
	text_free(&plan->cells.line);
	for (u32 kind = 0; kind < KIND_MAX; kind++) {
		if (!plan->rows[kind])
			continue;
		for (size_t i = 0; plan->rows[kind][i]; i++)
			text_free(&plan->joints[kind][i].text);
		free(plan->joints[kind]);
		if (plan->columns[kind] != plan->rows[kind])
			free(plan->columns[kind]);
		free(plan->rows[kind]);
	}
}
