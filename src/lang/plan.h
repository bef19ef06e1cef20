/*
 * Divides a condition on events: what the kernel can decide on the record alone, before it enters a ring, and what is left.
 * The kernel's part never rejects what the whole would accept; user space asks the whole of what came through, so it
 * does not matter how much the kernel took over.
 */
#ifndef LANG_PLAN_H
#define LANG_PLAN_H

#include "base/text.h"
#include "lang/gen.h"

struct lang_part {
	const struct lang_node *kernel;		/* over members of the record, for gen.h; NULL: all pass */
	bool nothing_passes;
	const struct lang_node *kernel_said;	/* the same over fields, to be shown */
	const struct lang_node *rest;		/* what only user space can decide; NULL: nothing */
	const char *why;			/* the kernel could decide more, if it were not too much; NULL: it decides all it can */
};

/* Kinds whose sensors ask the generated code. Forks, execs and exits always arrive: from them it is known who did the rest. */
#define LANG_FILTERED                                                                                                   \
	(KIND_BIT(open) | KIND_BIT(change) | KIND_BIT(connect) | KIND_BIT(accept) | KIND_BIT(listen) | KIND_BIT(close) | \
	 KIND_BIT(retransmit) | KIND_BIT(reset) | KIND_BIT(signal) | KIND_BIT(oom))

/* How much of such a record the generated code may look at. */
struct gen_layout lang_layout(u32 kind);

/* For events of one kind. The parts live in the tree. */
struct lang_part lang_plan(struct lang_tree *tree, const struct lang_node *condition, u32 kind);

/* The kinds of events whose field's value the kernel's side knows. */
u32 lang_known_in_kernel(const struct field *field);

#endif
