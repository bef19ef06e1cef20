/* How a rule lies in memory, between reading it (rules_load.c) and matching with it (rules.c). */
#ifndef RULES_RULES_PRIVATE_H
#define RULES_RULES_PRIVATE_H

#include "rules/rules_lookup.h"
#include "rules/rules_template.h"

#define RULES_IN_FILE_MOST 1000
#define RULES_FILE_MOST (1u << 20)	/* bytes */

/* Holds if one of the patterns fits. */
struct rule_condition {
	struct fact fact;
	struct rule_pattern *patterns;
	size_t pattern_count;
	size_t first_group;	/* where its expressions' groups go */
	unsigned int cost;	/* cheap ones are asked first */
};

struct rule_conditions {
	struct rule_condition *items;
	size_t count;
};

enum rule_part { RULE_KEY, RULE_NAME, RULE_GROUP, RULE_DIRECTORY, RULE_CPUS, RULE_MEMORY, RULE_PARTS };

enum rule_lookup { LOOKUP_NONE, LOOKUP_LINE, LOOKUP_TITLE, LOOKUP_SNAKEMAKE };

struct rule {
	char *name;
	bool own;			/* a user's, not built in */
	bool off;			/* only there to switch the built-in one off */
	size_t line;
	struct rule_conditions when, unless;
	u64 tools, parent_tools;	/* bits of hashes, one of which must be the tool's; 0: any */
	enum rule_lookup lookup;
	bool required;			/* it is no match if the lookup finds nothing */
	struct rule_template file;
	struct rule_pattern line_pattern;
	size_t line_group;
	size_t group_count;
	struct rule_template parts[RULE_PARTS];
	bool has[RULE_PARTS];
};

struct rule_list {
	struct rule *items;
	size_t count;
};

struct rules {
	struct rule_list list;
	struct fact_match match;
	struct lookup lookup;
	struct text out, path;
};

/* Adds the rules of a text to the list. 0, or -1 with "FILE:LINE:COLUMN: ..." in `error`. */
int rules_load(struct rule_list *list, const char *file, const char *text, size_t length, bool own, struct text *error);
void rule_free(struct rule *rule);

static inline u64 rule_tool_bit(const char *tool, size_t length)
{
	u32 hash = 2166136261u;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ (unsigned char)tool[i]) * 16777619u;
	return 1ULL << (hash >> 26);
}

#endif
