/* Facts by the names rules use for them: "tool", "arguments.2", "option -o", "parent.option --jobs", "base directory", "'a word'". */
#ifndef RULES_RULES_FACT_H
#define RULES_RULES_FACT_H

#include "rules/rules.h"
#include "rules/rules_pattern.h"

#define FACT_GROUPS_MOST 18	/* of all expressions of one rule */

enum fact_id {
	FACT_TOOL, FACT_EXECUTABLE, FACT_DIRECTORY, FACT_ARGUMENTS, FACT_CGROUP, FACT_CONTAINER_NAME, FACT_CONTAINER_ID,
	FACT_CONTAINER_IMAGE, FACT_COMMAND, FACT_OUTPUT, FACT_SLURM_JOB, FACT_SLURM_STEP, FACT_USER, FACT_INSIDE, FACT_PARENT_TOOL, FACT_PARENT_ARGUMENTS,
	FACT_PID, FACT_GROUP, FACT_SESSION, FACT_PARENT_PID, FACT_PROCESS,
	/* what a lookup in a log of Snakemake found */
	FACT_JOB_RULE, FACT_JOB_WILDCARDS, FACT_JOB_CPUS, FACT_JOB_MEMORY,
	/* with a number or a word behind */
	FACT_ARGUMENT, FACT_PARENT_ARGUMENT, FACT_OPTION, FACT_PARENT_OPTION, FACT_CAPTURE, FACT_WORD,
	FACTS,
};

struct fact {
	enum fact_id id;
	bool base;		/* only what follows the last slash */
	unsigned int number;	/* of an argument, or of a group of an expression, from 0 */
	char *option;		/* or the word itself */
};

/* What one rules_match knows; kept between calls for its memory. */
struct fact_match {
	const struct rule_facts *facts;
	struct text joined, parent_joined;	/* arguments with spaces between, as far as expressions look */
	bool is_joined, is_parent_joined, is_commanded;
	struct rule_value command;
	struct rule_value groups[FACT_GROUPS_MOST];
	struct rule_value job[FACT_JOB_MEMORY - FACT_JOB_RULE + 1];
	char numbers[FACT_PROCESS + 1][48];
};

/* 0, or -1 with what is wrong in `error`. `in_template`: captures and words are good too. Freed with fact_free either way. */
int fact_read(struct fact *fact, const char *text, bool in_template, struct text *error);
void fact_free(struct fact *fact);
void fact_match_begin(struct fact_match *match, const struct rule_facts *facts);
void fact_match_free(struct fact_match *match);
/* Empty if not known. Good until the next fact_match_begin. */
struct rule_value fact_value(const struct fact *fact, struct fact_match *match);

static inline bool fact_is_of_job(const struct fact *fact)
{
	return fact->id >= FACT_JOB_RULE && fact->id <= FACT_JOB_MEMORY;
}

#endif
