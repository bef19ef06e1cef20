/*
 * What a fact is compared with: a word as it stands, a glob (* any bytes, ? one byte), or after "~" a POSIX extended regular
 * expression whose groups are kept.
 */
#ifndef RULES_RULES_PATTERN_H
#define RULES_RULES_PATTERN_H

#include <regex.h>

#include "base/text.h"

#define PATTERN_GROUPS_MOST 9
#define PATTERN_SUBJECT_MOST 4096	/* bytes an expression looks at */

struct rule_value {
	const char *at;
	size_t length;
};

struct rule_pattern {
	enum { PATTERN_LITERAL, PATTERN_GLOB, PATTERN_EXPRESSION } type;
	char *text;
	size_t length;
	regex_t expression;
};

/* 0, or -1 with what is wrong in `error`. Freed with rule_pattern_free either way. */
int rule_pattern_read(struct rule_pattern *pattern, const char *text, struct text *error);
void rule_pattern_free(struct rule_pattern *pattern);
/* How many groups it has. */
size_t rule_pattern_groups(const struct rule_pattern *pattern);
/* `groups` has room for rule_pattern_groups(); it is written if the value fits. An empty value never does. */
bool rule_pattern_fits(const struct rule_pattern *pattern, struct rule_value value, struct rule_value *groups);

#endif
