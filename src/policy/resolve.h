/* Arguments against a kernel's types. */
#ifndef POLICY_RESOLVE_H
#define POLICY_RESOLVE_H

#include "policy/place_kernel.h"
#include "policy/symbol.h"
#include "wire/policy_config.h"

/* What a type of BTF is as an argument's type. */
struct resolved {
	enum policy_type type;		/* TYPE_NONE: nothing that could be shown */
	u8 size;			/* of a number */
	u32 length, element;		/* of an array: bytes, and of each of its numbers, with POLICY_SIGNED; 0: of no numbers */
	bool pointer;			/* the value is behind a pointer to it */
	char name[96];			/* as C has it, for messages */
};

struct resolving {
	struct policy *policy;
	const struct policy_hook *hook;
	struct policy_kernel *kernel;
	struct policy_error *error;
};

/* -1, with the error. */
int resolve_fail(struct resolving *resolving, u32 line, u32 column, const char *mend, const char *format, ...)
	__attribute__((format(printf, 5, 6)));

/* What a type is; typedefs and const apart. */
void resolve_type(const struct btf *btf, u32 id, struct resolved *resolved);
/* Follows argument->resolve from a type: fills in members and size, and what it ends at. */
int resolve_path(struct resolving *resolving, struct policy_argument *argument, u32 start, struct resolved *end);
/* Does a value declared so read a thing of that type? Numbers of other widths do. */
bool resolve_fits(enum policy_type declared, const struct resolved *found);
/* A number with the width that the kernel has and the sign that the file says. */
enum policy_type resolve_number(enum policy_type declared, const struct resolved *found);
int resolve_format(struct resolving *resolving, const struct policy_hook *hook);
/* Is there the program of a uprobe, and what is named in it? */
int resolve_program(struct resolving *resolving, struct policy_hook *hook);

#endif
