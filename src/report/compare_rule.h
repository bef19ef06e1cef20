/*
 * What a comparison must not show, as --fail-if says it:
 *
 *	rule	any {("or" | ",") any}		any	term {"and" term}
 *	term	[("tool" | "group" | "task") ":" NAME "."] METRIC OP VALUE
 *	OP	> >= < <= == !=
 *	VALUE	1.1x, of before; 10%, more than before; +2s, the difference; 90s or 2GiB or 5, what is now
 *
 * A NAME with other characters than letters, digits and ._+- stands in quotes. Figures are medians of the runs of a
 * side.
 */
#ifndef REPORT_COMPARE_RULE_H
#define REPORT_COMPARE_RULE_H

#include "report/compare.h"

struct compare_rule;

/* NULL: `error` says what is wrong, and at which column. */
struct compare_rule *compare_rule_parse(const char *expression, struct text *error);
void compare_rule_free(struct compare_rule *rule);
/* False: it speaks of a tool, group or task that is in none of the runs; `error` says which. */
bool compare_rule_check(const struct compare_rule *rule, const struct compare *compare, struct text *error);
/* Does it hold for a side against the first? `which` says what made it so, in words. */
bool compare_rule_holds(const struct compare_rule *rule, const struct compare *compare, u32 side, struct text *which);
/* Does it ask for single tasks? */
bool compare_rule_wants_tasks(const struct compare_rule *rule);

#endif
