/*
 * Rules find tasks: which processes are one unit of work of whoever orchestrates them. The built-in ones are data like a user's
 * own (src/rules/rules.yaml, docs/rules.md); a user's come first, and those of a name replace the built-in ones of that name.
 */
#ifndef RULES_RULES_H
#define RULES_RULES_H

#include "base/text.h"
#include "wire/record.h"

#define RULES_MOST 1024		/* all together: no more names than that */

struct rules;

/* What is known of a process when it started an image. Texts are NUL-terminated, "" if not known. */
struct rule_facts {
	const char *tool, *executable, *directory;
	const char *arguments;		/* NUL-separated */
	size_t arguments_length;
	const char *cgroup;		/* path */
	const char *container_name, *container_id, *container_image;
	const char *slurm_job, *slurm_step;
	u32 pid, group, session, user;
	u32 parent_pid;
	u64 start;			/* of the process, beside its pid */
	/* of its parent's image, "" if there is none */
	const char *parent_tool, *parent_arguments;
	size_t parent_arguments_length;
	/* the rules of the tasks its parent is in, innermost first, a space between: "snakemake slurm"; "" if in none */
	const char *inside;
};

/* Points into the rules' own memory, good until the next rules_match. */
struct rule_task {
	const char *rule;	/* "nextflow" */
	const char *key;	/* what makes it the same task: two processes with one rule and key are in one task */
	const char *name;	/* "align (sample_3)" */
	const char *group;	/* "align" */
	const char *directory;	/* NULL: none */
	u64 cpus, memory;	/* what it was given; 0: not known */
};

/* The built-in rules and those of a file, if given. NULL: `error` has "FILE:LINE:COLUMN: what, why, what to do". */
struct rules *rules_new(const char *path, struct text *error);
void rules_free(struct rules *rules);

/*
 * Does a process begin a task, or belong to one by itself (a Slurm step by its control group)? One that does not is in its
 * parent's. A match with a task that the parent is in already, as the innermost or further out, changes nothing either: the process
 * stays with its parent, so that a recipe of make inside a container is not lost to the container.
 */
bool rules_match(struct rules *rules, const struct rule_facts *facts, struct rule_task *task);

/* May a rule have to look something up, in /proc or in a file, about a process of this tool or a child of one? It may be gone soon. */
bool rules_await(struct rules *rules, const char *tool);

/* The rules in the order in which they are asked. */
struct rules_entry {
	const char *name;
	size_t line;	/* in their file */
	bool own;	/* of the file, not built in */
};

bool rules_entry(const struct rules *rules, size_t index, struct rules_entry *entry);
/* The built-in rules, as the YAML a user would write. */
const char *rules_builtin(void);

#endif
