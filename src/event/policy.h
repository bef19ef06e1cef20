/*
 * What the numbers in a policy's record stand for: names, and what its arguments are. Whoever loads policies says so here,
 * once for each; records of others show numbers.
 */
#ifndef EVENT_POLICY_H
#define EVENT_POLICY_H

#include "wire/policy_config.h"

struct policy_hook_names {
	const char *target;
	const char *point;		/* of the short form; NULL: it has none */
	const char *message;		/* NULL: none */
	const char *const *tags;	/* NULL-terminated, or NULL */
	const char *const *targets;	/* of a hook on many, NULL-terminated; NULL: `target` alone */
	const s64 *numbers;		/* of system calls among them; NULL: they are none */
	const char *labels[POLICY_VALUES];
	u8 types[POLICY_VALUES];	/* enum policy_read */
	u8 arguments, data;		/* how many; a value behind them is the result */
};

struct policy_names {
	u32 number;
	const char *name, *severity;	/* severity NULL: not said */
	const struct policy_hook_names *hooks;
	u32 hook_count;
};

/* They are kept by reference. */
void policy_names_add(const struct policy_names *names);
void policy_names_remove(u32 number);

#endif
