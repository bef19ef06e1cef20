/*
 * Globs are matched without recursion: a star that fails is tried one byte further, and only the last star is ever tried again, so
 * the worst case is pattern times value. Expressions are the C library's; back references, which can take it for ever, are refused.
 */
#include "rules/rules_pattern.h"

#include <stdlib.h>

#include "base/alloc.h"

#define REPEATS_MOST 4096

static bool has_back_reference(const char *text)
{
	for (; *text; text++)
		if (text[0] == '\\' && text[1]) {
			if (text[1] >= '1' && text[1] <= '9')
				return true;
			text++;
		}
	return false;
}

/* The product of all {n} and {n,m}: what they would be written out. */
static bool repeats_too_often(const char *text)
{
	unsigned long product = 1;

	for (; (text = strchr(text, '{')); text++) {
		const char *comma = text + 1 + strspn(text + 1, "0123456789");
		unsigned long times = strtoul(text + 1, NULL, 10), most = *comma == ',' ? strtoul(comma + 1, NULL, 10) : 0;

		times = most > times ? most : times;
		if (times > REPEATS_MOST || (times && (product *= times) > REPEATS_MOST))
			return true;
	}
	return false;
}

static int read_expression(struct rule_pattern *pattern, struct text *error)
{
	const char *text = pattern->text;
	char reason[160];
	int status;

	if (!*text) {
		text_add(error, "there is no expression after ~");
		return -1;
	}
	if (has_back_reference(text)) {
		text_add(error, "back references (\\1) are not allowed in an expression: they can take for ever");
		return -1;
	}
	if (repeats_too_often(text)) {
		text_add_format(error, "the repetitions {n} in the expression come to more than %d when multiplied", REPEATS_MOST);
		return -1;
	}
	status = regcomp(&pattern->expression, text, REG_EXTENDED);
	if (status) {
		regerror(status, &pattern->expression, reason, sizeof(reason));
		text_add_format(error, "\"%s\" is no regular expression: %s", text, reason);
		return -1;
	}
	pattern->type = PATTERN_EXPRESSION;
	if (pattern->expression.re_nsub > PATTERN_GROUPS_MOST) {
		text_add_format(error, "the expression has %zu groups; at most %d are kept", pattern->expression.re_nsub,
				PATTERN_GROUPS_MOST);
		return -1;
	}
	return 0;
}

int rule_pattern_read(struct rule_pattern *pattern, const char *text, struct text *error)
{
	*pattern = (struct rule_pattern){ .type = PATTERN_LITERAL };
	if (!*text) {
		text_add(error, "an empty pattern fits nothing");
		return -1;
	}
	pattern->text = xstrdup(text[0] == '~' ? text + 1 + strspn(text + 1, " ") : text);
	pattern->length = strlen(pattern->text);
	if (text[0] == '~')
		return read_expression(pattern, error);
	if (strpbrk(text, "*?"))
		pattern->type = PATTERN_GLOB;
	return 0;
}

void rule_pattern_free(struct rule_pattern *pattern)
{
	if (pattern->type == PATTERN_EXPRESSION)
		regfree(&pattern->expression);
	free(pattern->text);
	*pattern = (struct rule_pattern){ 0 };
}

size_t rule_pattern_groups(const struct rule_pattern *pattern)
{
	return pattern->type == PATTERN_EXPRESSION ? pattern->expression.re_nsub : 0;
}

static bool glob_fits(const char *glob, const char *glob_end, struct rule_value value)
{
	const char *at = value.at, *end = at + value.length, *star = NULL, *tried = NULL;

	while (at < end) {
		if (glob < glob_end && *glob == '*') {
			star = ++glob;
			tried = at;
		} else if (glob < glob_end && (*glob == '?' || *glob == *at)) {
			glob++;
			at++;
		} else if (star) {
			glob = star;
			at = ++tried;
		} else {
			return false;
		}
	}
	while (glob < glob_end && *glob == '*')
		glob++;
	return glob == glob_end;
}

static bool expression_fits(const struct rule_pattern *pattern, struct rule_value value, struct rule_value *groups)
{
	regmatch_t matches[PATTERN_GROUPS_MOST + 1];
	char subject[PATTERN_SUBJECT_MOST + 1];	/* with a NUL behind it, which a value need not have */

	if (value.length > PATTERN_SUBJECT_MOST)
		value.length = PATTERN_SUBJECT_MOST;
	memcpy(subject, value.at, value.length);
	subject[value.length] = '\0';
	if (regexec(&pattern->expression, subject, PATTERN_GROUPS_MOST + 1, matches, 0))
		return false;
	for (size_t i = 1; i <= pattern->expression.re_nsub; i++)
		groups[i - 1] = matches[i].rm_so < 0 ? (struct rule_value){ "", 0 } :
			(struct rule_value){ value.at + matches[i].rm_so, matches[i].rm_eo - matches[i].rm_so };
	return true;
}

bool rule_pattern_fits(const struct rule_pattern *pattern, struct rule_value value, struct rule_value *groups)
{
	if (!value.length)
		return false;
	if (pattern->type == PATTERN_LITERAL)
		return value.length == pattern->length && !memcmp(value.at, pattern->text, value.length);
	if (pattern->type == PATTERN_GLOB)
		return glob_fits(pattern->text, pattern->text + pattern->length, value);
	return expression_fits(pattern, value, groups);
}
