/*
 * Policies over the events that sensors tell of: which of them match. Nothing is done about it here; a policy acts only
 * through its own programs in the kernel.
 */
#ifndef POLICY_MATCHER_H
#define POLICY_MATCHER_H

#include "policy/short.h"

struct match {
	const struct policy *policy;
	const struct policy_hook *hook;
	const struct event *event;
	const struct policy_hook *held;	/* of an event of the kind `policy`: the hook as it is in the kernel; else NULL */
};

struct matcher;

/* Is what it hangs on told of by the sensors? */
bool policy_is_seen(const struct policy_hook *hook);

/* Of the policies those that hang on points; they must live as long as the matcher. */
struct matcher *matcher_new(const struct policies *policies);
void matcher_free(struct matcher *matcher);
/* KIND_BIT()s of the events that any of them looks at. */
u32 matcher_kinds(const struct matcher *matcher);

/*
 * What the kernel can decide of them: code for kernel_options, and the kinds that it decides of. What it lets through is still to be
 * asked of the matcher. `others`, if not NULL, are wanted besides: its condition, of its kinds. NULL: nothing. It belongs to the matcher.
 */
struct matcher_others {
	struct lang_tree *tree;
	const struct lang_node *condition;
	u32 kinds;
};
const struct bpf_insn *matcher_code(struct matcher *matcher, const struct matcher_others *others, u32 *kinds, size_t *length);

typedef void matcher_told(void *context, const struct match *match);
/* Tells of each policy that matches, once. */
void matcher_event(const struct matcher *matcher, const struct event *event, matcher_told *told, void *context);

/* The strictest that a policy asks for: "log", "kill", "deny". */
const char *match_action(const struct policy *policy);
/* What was to be done in this case, likewise. */
const char *match_asked(const struct match *match);
/* What it was about, for a person: a path, an address and port, a program. Any bytes may be in it. */
void match_object(const struct match *match, struct text *out);
/* "observed", "due", "denied", "killed" */
const char *match_result(const struct match *match);

#endif
