#include "event/plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

int plan_make(struct plan *plan, char *const *names, size_t count, const char **bad, const char **why)
{
	bool *wanted = xcalloc(field_count, sizeof(*wanted));

	memset(plan, 0, sizeof(*plan));
	wall_refresh(&plan->wall);
	plan->chosen = count > 0;
	for (size_t i = 0; i < count; i++) {
		const struct field *field;

		if (field_is_of_all(names[i]))
			continue;
		field = field_find(names[i], why);
		if (!field) {
			*bad = names[i];
			free(wanted);
			return -EINVAL;
		}
		wanted[field - fields] = true;
	}
	for (u32 kind = 0; kind < KIND_MAX; kind++) {
		size_t at = 0;

		if (!kind_name(kind))
			continue;
		plan->rows[kind] = xcalloc(field_count + 1, sizeof(*plan->rows[kind]));
		for (size_t i = 0; i < field_count; i++)
			if (plan->chosen ? wanted[i] && fields[i].kinds >> kind & 1 : fields[i].shown >> kind & 1)
				plan->rows[kind][at++] = &fields[i];
		plan->joints[kind] = xcalloc(at + 1, sizeof(*plan->joints[kind]));
	}
	free(wanted);
	return 0;
}

void plan_free(struct plan *plan)
{
	for (u32 kind = 0; kind < KIND_MAX; kind++) {
		if (!plan->rows[kind])
			continue;
		for (size_t i = 0; plan->rows[kind][i]; i++)
			text_free(&plan->joints[kind][i].text);
		free(plan->joints[kind]);
		free(plan->rows[kind]);
	}
}
