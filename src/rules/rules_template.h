/*
 * Text with facts in it: "{option -o|tool}" takes the first that is known; "{job.rule}[ ({job.wildcards})]" leaves out what stands in
 * brackets when a fact in them is not known. A brace or bracket itself is written twice.
 */
#ifndef RULES_RULES_TEMPLATE_H
#define RULES_RULES_TEMPLATE_H

#include "rules/rules_fact.h"

struct template_part {
	enum { PART_LITERAL, PART_FACTS, PART_OPEN, PART_CLOSE } type;
	char *literal;
	struct fact *facts;	/* the first that is known */
	size_t fact_count;
};

struct rule_template {
	struct template_part *parts;
	size_t part_count;
};

/* 0, or -1 with what is wrong in `error`. Freed with rule_template_free either way. */
int rule_template_read(struct rule_template *template, const char *text, struct text *error);
void rule_template_free(struct rule_template *template);
void rule_template_add(const struct rule_template *template, struct fact_match *match, struct text *out);

#endif
