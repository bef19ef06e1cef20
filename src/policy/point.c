#include "policy/point.h"

#include <stddef.h>
#include <string.h>

#define POINT(name, kinds, narrow, help) { name, kinds, narrow, help },
const struct policy_point policy_points[] = {
#include "policy/points.def"
	{ 0 }
};
#undef POINT

#define POINT(name, kinds, narrow, help) name,
const char *const policy_point_names[] = {
#include "policy/points.def"
	NULL
};
#undef POINT

const struct policy_point *policy_point_find(const char *name)
{
	for (const struct policy_point *point = policy_points; point->name; point++)
		if (!strcmp(point->name, name))
			return point;
	return NULL;
}
