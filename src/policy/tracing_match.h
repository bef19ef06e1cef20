/* One element of matchArgs, matchData or matchReturnArgs while it is read. */
#ifndef POLICY_TRACING_MATCH_H
#define POLICY_TRACING_MATCH_H

#include "event/words.h"
#include "policy/tracing.h"

struct match {
	struct tracing *tracing;
	const yaml_node_t *node;
	enum tracing_values of;
	u32 at;				/* which argument or datum */
	struct policy_argument *argument;
	enum policy_type type;
	const char *name;		/* "arg0" */
	const char *operator;
	const yaml_node_item_t *items;	/* values */
	u32 count;
	bool is_mask;			/* names of capabilities are bits */
};

/* The text of a value; NULL after a mistake. */
const char *match_text(struct match *match, u32 at, const yaml_node_t **node);
int match_number(struct match *match, const yaml_node_t *node, const char *text, u64 *number);
int match_range(struct match *match, const yaml_node_t *node, const char *text, bool needs_two, u64 *least, u64 *most);
int match_addresses(struct match *match, struct lang_node **list);

/* Conditions by what the operator compares (tracing_compare.c). */
struct lang_node *match_numbers(struct match *match);
struct lang_node *match_strings(struct match *match);
struct lang_node *match_sockets(struct match *match);
struct lang_node *match_file_type(struct match *match);

#endif
