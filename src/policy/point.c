#include "policy/point.h"

#include <stddef.h>
#include <string.h>

const struct policy_point policy_points[] = {
#define POINT(name, kinds, fields, narrow, help) { name, kinds, fields, narrow, help },
#include "policy/points.def"
	{ 0 }
};

const char *const policy_point_names[] = {
#define POINT(name, kinds, fields, narrow, help) name,
#include "policy/points.def"
	NULL
};

const struct policy_point *policy_point_find(const char *name)
{
	for (const struct policy_point *point = policy_points; point->name; point++)
		if (!strcmp(point->name, name))
			return point;
	return NULL;
}
