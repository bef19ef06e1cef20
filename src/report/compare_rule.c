/* One pass from left to right; a rule is a list of terms, each with whether a new alternative begins with it. */
#include "report/compare_rule.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/duration.h"
#include "base/escape.h"
#include "base/nearest.h"

enum operator { OP_GREATER, OP_AT_LEAST, OP_LESS, OP_AT_MOST, OP_EQUAL, OP_OTHER };

enum form {
	FORM_RATIO,
	FORM_PERCENT,
	FORM_DIFFERENCE,
	FORM_VALUE,
};

struct term {
	bool alternative;	/* "or" stands before it */
	enum compare_kind kind;
	char *name;
	enum compare_metric metric;
	enum operator operator;
	enum form form;
	double number;
	u32 column, length;	/* where it stands */
};

struct compare_rule {
	char *expression;
	struct term *terms;
	u32 count;
};

struct parser {
	const char *start, *at;
	struct text *error;
};

static bool wrong(struct parser *parser, const char *at, const char *format, ...) __attribute__((format(printf, 3, 4)));

static bool wrong(struct parser *parser, const char *at, const char *format, ...)
{
	va_list arguments;

	text_add_format(parser->error, "column %td: ", at - parser->start + 1);
	va_start(arguments, format);
	text_add_arguments(parser->error, format, arguments);
	va_end(arguments);
	return false;
}

static void skip_spaces(struct parser *parser)
{
	while (isspace((unsigned char)*parser->at))
		parser->at++;
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_name(char c)
{
	return is_word(c) || c == '.' || c == '+' || c == '-';
}

/* "and", "or": a word of its own. */
static bool take_word(struct parser *parser, const char *word)
{
	size_t length = strlen(word);

	skip_spaces(parser);
	if (strncmp(parser->at, word, length) || is_name(parser->at[length]) || parser->at[length] == ':')
		return false;
	parser->at += length;
	return true;
}

static bool metric_wrong(struct parser *parser, const char *at, size_t length)
{
	const char *names[COMPARE_METRICS + 1];
	char *word = xstrndup(at, length);
	const char *nearest;

	for (int i = 0; i < COMPARE_METRICS; i++)
		names[i] = compare_metric_name(i);
	names[COMPARE_METRICS] = NULL;
	nearest = nearest_word(word, names);
	if (!length)
		wrong(parser, at, "what is compared? one of wall, cpu, memory, ... is missing");
	else if (nearest)
		wrong(parser, at, "no figure is called %s, did you mean %s?", word, nearest);
	else
		wrong(parser, at,
		      "no figure is called %s; there are wall, cpu, memory, disk_read, processes, failures, ...", word);
	free(word);
	return false;
}

static bool take_metric(struct parser *parser, struct term *term, const char *from, const char *to)
{
	int metric = compare_metric_find(from, to - from);

	if (metric < 0)
		return metric_wrong(parser, from, to - from);
	term->metric = metric;
	return true;
}

/* After "tool:": a name, quoted or not, and behind its last dot the metric. */
static bool take_named(struct parser *parser, struct term *term)
{
	const char *from = parser->at, *dot = NULL, *to;

	if (*from == '\'' || *from == '"') {
		to = strchr(from + 1, *from);
		if (!to)
			return wrong(parser, from, "the quote does not end");
		if (to[1] != '.')
			return wrong(parser, to + 1, "the figure is missing: .wall, .cpu, ...");
		term->name = xstrndup(from + 1, to - from - 1);
		from = to + 2;
		for (to = from; is_word(*to); to++)
			;
		parser->at = to;
		return take_metric(parser, term, from, to);
	}
	for (to = from; is_name(*to); to++)
		if (*to == '.')
			dot = to;
	if (!dot || dot == from)
		return wrong(parser, dot == from ? from : to,
			     dot == from ? "the name is missing" : "the figure is missing: .wall, .cpu, ...");
	term->name = xstrndup(from, dot - from);
	parser->at = to;
	return take_metric(parser, term, dot + 1, to);
}

static bool take_subject(struct parser *parser, struct term *term)
{
	static const struct {
		const char *prefix;
		enum compare_kind kind;
	} prefixes[] = { { "tool:", COMPARE_TOOL }, { "group:", COMPARE_GROUP }, { "task:", COMPARE_TASK } };
	const char *from;

	skip_spaces(parser);
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		size_t length = strlen(prefixes[i].prefix);

		if (strncmp(parser->at, prefixes[i].prefix, length))
			continue;
		parser->at += length;
		term->kind = prefixes[i].kind;
		return take_named(parser, term);
	}
	from = parser->at;
	while (is_word(*parser->at))
		parser->at++;
	return take_metric(parser, term, from, parser->at);
}

static bool take_operator(struct parser *parser, struct term *term)
{
	static const struct {
		const char *sign;
		enum operator operator;
	} operators[] = {
		{ ">=", OP_AT_LEAST }, { "<=", OP_AT_MOST }, { "==", OP_EQUAL },
		{ "!=", OP_OTHER },    { ">", OP_GREATER },  { "<", OP_LESS },
	};

	skip_spaces(parser);
	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
		size_t length = strlen(operators[i].sign);

		if (strncmp(parser->at, operators[i].sign, length))
			continue;
		parser->at += length;
		term->operator = operators[i].operator;
		return true;
	}
	return wrong(parser, parser->at, "one of > >= < <= == != is missing");
}

/* "90s", "2GiB", "5" by the unit of the metric. */
static bool take_amount(struct parser *parser, struct term *term, const char *from, const char *amount)
{
	enum field_unit unit = compare_metric_unit(term->metric);
	const char *name = compare_metric_name(term->metric);
	uint64_t number = 0;
	char *end;
	int error = 0;

	if (unit == UNIT_NANOSECONDS)
		error = duration_parse(amount, &number);
	else if (unit == UNIT_BYTES)
		error = size_parse(amount, &number);
	else {
		errno = 0;
		term->number = strtod(amount, &end);
		error = *end || end == amount || errno;
	}
	if (unit != UNIT_NONE)
		term->number = number;
	if (!error)
		return true;
	if (unit == UNIT_NANOSECONDS)
		return wrong(parser, from, "%s is a time: 90s, 1.1x, 10%% or +5s, not %s", name, amount);
	if (unit == UNIT_BYTES)
		return wrong(parser, from, "%s is a size: 2GiB, 1.1x, 10%% or +100M, not %s", name, amount);
	return wrong(parser, from, "%s is a count: 5, 1.1x, 10%% or +3, not %s", name, amount);
}

static bool take_value(struct parser *parser, struct term *term)
{
	const char *from, *to;
	double sign = 1;
	char *amount, *end;
	bool good;

	skip_spaces(parser);
	from = to = parser->at;
	term->form = *from == '+' || *from == '-' ? FORM_DIFFERENCE : FORM_VALUE;
	if (term->form == FORM_DIFFERENCE) {
		sign = *from == '-' ? -1 : 1;
		to++;
	}
	if (!isdigit((unsigned char)*to) && *to != '.')
		return wrong(parser, to, "a number is missing: 1.1x, 10%%, 90s, ...");
	parser->at = to;
	while (is_word(*to) || *to == '.' || *to == '%')
		to++;
	amount = xstrndup(parser->at, to - parser->at);
	term->number = strtod(amount, &end);
	good = true;
	if (end > amount && (!strcmp(end, "x") || !strcmp(end, "%"))) {
		if (*end == 'x' && term->form == FORM_DIFFERENCE)
			good = wrong(parser, from, "how many times has no sign: 1.1x");
		term->form = *end == 'x' ? FORM_RATIO : FORM_PERCENT;
		if (!isfinite(term->number))
			good = wrong(parser, from, "%s is too large", amount);
	} else {
		good = take_amount(parser, term, from, amount);
	}
	term->number *= sign;
	free(amount);
	parser->at = to;
	return good;
}

static bool take_term(struct parser *parser, struct compare_rule *rule, bool alternative)
{
	struct term *term;

	rule->terms = xrealloc(rule->terms, rule->count + 1, sizeof(*rule->terms));
	term = &rule->terms[rule->count++];
	*term = (struct term){ .alternative = alternative };
	skip_spaces(parser);
	term->column = parser->at - parser->start;
	if (!take_subject(parser, term) || !take_operator(parser, term) || !take_value(parser, term))
		return false;
	term->length = parser->at - parser->start - term->column;
	return true;
}

static bool take_rule(struct parser *parser, struct compare_rule *rule)
{
	bool alternative = true;

	for (;;) {
		if (!take_term(parser, rule, alternative))
			return false;
		skip_spaces(parser);
		if (!*parser->at)
			return true;
		if (*parser->at == ',')
			parser->at++, alternative = true;
		else if (take_word(parser, "or"))
			alternative = true;
		else if (take_word(parser, "and"))
			alternative = false;
		else
			return wrong(parser, parser->at, "`and`, `or` or a comma is missing");
	}
}

struct compare_rule *compare_rule_parse(const char *expression, struct text *error)
{
	struct compare_rule *rule = xcalloc(1, sizeof(*rule));
	struct parser parser = { .error = error };

	rule->expression = xstrdup(expression);
	parser.start = parser.at = rule->expression;
	if (take_rule(&parser, rule))
		return rule;
	compare_rule_free(rule);
	return NULL;
}

void compare_rule_free(struct compare_rule *rule)
{
	if (!rule)
		return;
	for (u32 i = 0; i < rule->count; i++)
		free(rule->terms[i].name);
	free(rule->terms);
	free(rule->expression);
	free(rule);
}

bool compare_rule_wants_tasks(const struct compare_rule *rule)
{
	for (u32 i = 0; i < rule->count; i++)
		if (rule->terms[i].kind == COMPARE_TASK)
			return true;
	return false;
}

static const struct compare_row *row_of(const struct compare *compare, const struct term *term)
{
	const char *name = term->name ? term->name : "";

	return compare_find(compare, term->kind, name, strlen(name));
}

bool compare_rule_check(const struct compare_rule *rule, const struct compare *compare, struct text *error)
{
	static const char *const kinds[] = {
		[COMPARE_TOTAL] = "run",
		[COMPARE_TOOL] = "tool",
		[COMPARE_GROUP] = "group of tasks",
		[COMPARE_TASK] = "task",
	};

	for (u32 i = 0; i < rule->count; i++) {
		const struct term *term = &rule->terms[i];

		if (row_of(compare, term))
			continue;
		text_add_format(error, "column %u: no %s in any of the runs is called ", term->column + 1,
				kinds[term->kind]);
		escape_terminal(error, term->name, strlen(term->name));
		return false;
	}
	return true;
}

static bool holds(const struct term *term, const struct compare_change *change)
{
	double value = change->after.median;

	if (term->form == FORM_RATIO)
		value = change->ratio;
	else if (term->form == FORM_PERCENT)
		value = (change->ratio - 1) * 100;
	else if (term->form == FORM_DIFFERENCE)
		value -= change->before.median;
	switch (term->operator) {
	case OP_GREATER:
		return value > term->number;
	case OP_AT_LEAST:
		return value >= term->number;
	case OP_LESS:
		return value < term->number;
	case OP_AT_MOST:
		return value <= term->number;
	case OP_EQUAL:
		return value == term->number;
	default:
		return value != term->number;
	}
}

static void say(const struct compare_rule *rule, const struct term *term, const struct compare_change *change, u32 side,
		struct text *which)
{
	text_add(which, which->length ? "; " : "");
	escape_terminal(which, rule->expression + term->column, term->length);
	text_add(which, ": ");
	compare_label(which, side);
	text_add(which, " has ");
	compare_value(which, term->metric, change->after.median);
	text_add(which, ", A had ");
	compare_value(which, term->metric, change->before.median);
	if (isfinite(change->ratio) && change->ratio > 0 && change->ratio != 1) {
		text_add(which, " (");
		compare_times(which, change->ratio);
		text_add(which, ")");
	}
	if (change->verdict == COMPARE_NOISE)
		text_add(which, ", which may be chance");
}

bool compare_rule_holds(const struct compare_rule *rule, const struct compare *compare, u32 side, struct text *which)
{
	bool any = false;

	for (u32 first = 0, next; first < rule->count; first = next) {
		bool all = true;

		for (next = first; next < rule->count && (next == first || !rule->terms[next].alternative); next++) {
			const struct term *term = &rule->terms[next];
			struct compare_change change =
				compare_change(compare, row_of(compare, term), side, term->metric);

			all = all && holds(term, &change);
		}
		for (u32 i = first; i < next && all; i++) {
			struct compare_change change =
				compare_change(compare, row_of(compare, &rule->terms[i]), side, rule->terms[i].metric);

			say(rule, &rule->terms[i], &change, side, which);
		}
		any = any || all;
	}
	return any;
}
