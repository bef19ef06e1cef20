/* TracingPolicy files: from YAML to struct policy. What is shared by the parts of the reader (tracing_*.c). */
#ifndef POLICY_TRACING_H
#define POLICY_TRACING_H

#include "base/document.h"
#include "policy/policy.h"
#include "policy/symbol.h"

/* Of spec.lists: names of functions or system calls. */
struct tracing_list {
	const char *name;
	bool calls;			/* system calls */
	const char *pattern;		/* of functions, looked up in the kernel (policy_hook.pattern) */
	const char *const *values;	/* NULL-terminated */
	u32 count;
};

/* Which section a hook is of: what is allowed in it differs. */
enum tracing_section { IN_KPROBES, IN_FENTRIES, IN_TRACEPOINTS, IN_LSMHOOKS, IN_UPROBES, IN_USDTS, TRACING_SECTIONS };

struct tracing {
	struct document document;
	struct policy *policy;
	struct lang_tree *tree;
	struct tracing_list *lists;
	u32 list_count;
	const yaml_node_t *macros;	/* spec.selectorsMacros */
	struct lang_node *workload;	/* what podSelector, containerSelector and hostSelector of the spec ask */
	u32 visited;			/* items looked at: aliases could multiply them */
	enum tracing_section section;
	struct policy_hook *hook;	/* being read */
};

/* Fills in the policy. 0, or -1 with the mistake in the document. */
int tracing_read(struct tracing *tracing);
bool tracing_is(struct document *document);	/* it has apiVersion or kind */

/* --- small things of use to all parts --- */

#define wrong(tracing, node, ...) document_wrong(&(tracing)->document, node, __VA_ARGS__)
#define mend(tracing, ...) document_mend(&(tracing)->document, __VA_ARGS__)
#define note(tracing, node, ...)                                                                                       \
	policy_note((tracing)->policy, (node)->start_mark.line + 1, (node)->start_mark.column + 1, __VA_ARGS__)

/* The items of a list; NULL after a mistake. An empty list has none and is not NULL. */
const yaml_node_item_t *tracing_items(struct tracing *tracing, const yaml_node_t *node, const char *what, const char *like,
				      u32 *count);
int tracing_mapping(struct tracing *tracing, const yaml_node_t *node, const char *what, const char *like,
		    const char *const *keys, const yaml_node_t **found);
const char *tracing_text(struct tracing *tracing, const yaml_node_t *node, const char *what);	/* copied; not empty */
/* One of some words; -1 after a mistake. */
int tracing_word(struct tracing *tracing, const yaml_node_t *node, const char *what, const char *const *words);
int tracing_number(struct tracing *tracing, const yaml_node_t *node, const char *what, s64 least, s64 most, s64 *number);
void *tracing_get(struct tracing *tracing, size_t size);
const char *tracing_copy(struct tracing *tracing, const char *text, size_t length);

/* --- names (tracing_name.c) --- */

/* Whole number with sign: decimal, 0x or 0 octal. False: it is none, or needs more than 64 bits. */
bool tracing_parse_number(const char *text, u64 *number, bool *negative);
extern const char *const tracing_families[], *const tracing_protocols[], *const tracing_states[];	/* NULL-terminated */
bool tracing_family(const char *text, u64 *number);	/* "AF_INET", "2" */
bool tracing_protocol(const char *text, u64 *number);
bool tracing_state(const char *text, u64 *number);
bool tracing_capability(const char *text, u64 *number);	/* "CAP_CHOWN": its number */
int tracing_wrong_capability(struct tracing *tracing, const yaml_node_t *node, const char *text);	/* -1 */
extern const char *const tracing_namespaces[];		/* by enum policy_namespace, NULL-terminated */
/* The number of a system call as programs make it here, bit 31 set for "i386/NAME"; -1: there is none. */
s64 tracing_call_number(const char *name);
/* "sys_openat", "__x64_sys_openat", "x64/sys_openat" -> "openat"; "__ia32_sys_open" -> "i386/open". NULL: not like one. */
const char *tracing_call_name(struct tracing *tracing, const char *text);
/* The nearest system call, "sys_" before it. */
const char *tracing_nearest_call(const char *name);
const char *const *tracing_all_calls(u32 *count);

/* --- parts --- */

int tracing_read_hook(struct tracing *tracing, const yaml_node_t *node);	/* into tracing->hook */
int tracing_read_usdt(struct tracing *tracing, const yaml_node_t *node);

int tracing_read_lists(struct tracing *tracing, const yaml_node_t *node);
const struct tracing_list *tracing_find_list(struct tracing *tracing, const yaml_node_t *node, const char *name);

int tracing_read_argument(struct tracing *tracing, const yaml_node_t *node, struct policy_argument *argument, bool is_data);
int tracing_read_arguments(struct tracing *tracing, const yaml_node_t *node, const char *what, bool is_data);

int tracing_read_selectors(struct tracing *tracing, const yaml_node_t *node);	/* NULL: none are written */
/* podSelector, containerSelector, hostSelector: a condition, NULL: everything. */
int tracing_read_workload(struct tracing *tracing, const yaml_node_t *const *found, struct lang_node **condition);
/* Conditions on who acts: matchBinaries and others; `which` is the index in tracing_filters. */
int tracing_read_filter(struct tracing *tracing, const yaml_node_t *node, int which, struct lang_node **condition);
/* matchArgs, matchData, matchReturnArgs. */
enum tracing_values { OF_ARGUMENTS, OF_DATA, OF_RESULT };
int tracing_read_match(struct tracing *tracing, const yaml_node_t *node, enum tracing_values of, struct lang_node **condition);
int tracing_read_actions(struct tracing *tracing, const yaml_node_t *node, bool at_return, struct policy_step **steps, u32 *count);
int tracing_read_cel(struct tracing *tracing, const yaml_node_t *node, struct lang_node **condition);	/* CelExpr */

/* AND, OR of two; NULL is what does not matter. */
struct lang_node *tracing_both(struct tracing *tracing, struct lang_node *left, struct lang_node *right);
struct lang_node *tracing_either(struct tracing *tracing, struct lang_node *left, struct lang_node *right);
struct lang_node *tracing_not(struct tracing *tracing, struct lang_node *node);
/* A number beside a field: with a minus if it is below zero there. */
struct lang_node *tracing_literal(struct tracing *tracing, const struct lang_symbol *symbol, u64 number);
/* FIELD in (NUMBERS); one number: FIELD == NUMBER */
struct lang_node *tracing_among(struct tracing *tracing, const struct lang_symbol *symbol, const u64 *numbers, u32 count);
/* (FIELD & MASK) != 0 */
struct lang_node *tracing_any_bit(struct tracing *tracing, const struct lang_symbol *symbol, u64 mask);

/* The index in the record of argument, data or result number `at` of the hook. */
unsigned int tracing_value_index(const struct policy_hook *hook, enum tracing_values of, u32 at);
const struct lang_symbol *tracing_symbol(struct tracing *tracing, enum tracing_values of, u32 at, enum policy_part part);

#endif
