/* What a tree says of an event, in user space. gen.h compiles the same for the kernel; tests hold both side by side. */
#ifndef LANG_EVAL_H
#define LANG_EVAL_H

#include "lang/tree.h"

/* Values of symbols that have a field come from the event, those of others from its record. */
bool lang_eval(const struct lang_node *condition, const struct event *event);

/* A record alone, by its symbols' places: `size` bytes, its strings from `fixed` on. What lies outside of it is missing. */
bool lang_eval_record(const struct lang_node *condition, const void *record, size_t size, size_t fixed);

/* An operation on numbers; `b` is 0 if it has one operand. False: there is no result. */
bool lang_calculate(enum lang_op op, bool is_signed, u64 a, u64 b, u64 *result);
/* One comparison of a string with a literal: OP_EQUAL, OP_LIKE, OP_STARTS, OP_ENDS, OP_CONTAINS. */
bool lang_matches(enum lang_op op, const struct bytes *string, const struct bytes *literal);

/* Has each `[` its `]`? */
bool lang_is_pattern(const struct bytes *pattern);

#endif
