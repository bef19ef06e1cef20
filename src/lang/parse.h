/*
 * Expressions as people write them, made into a typed tree (tree.h) over names that the caller knows. docs/language.md is
 * the language's manual.
 */
#ifndef LANG_PARSE_H
#define LANG_PARSE_H

#include "base/text.h"
#include "lang/tree.h"

struct lang_names {
	const struct lang_symbol *symbols;
	size_t count;
	u32 kinds;		/* only what these events have can be meant; ~0: all */
	const char *where;	/* what lists them: "`sonde fields` lists all" */
	const char *about;	/* what they are of, where that are no events: a symbol without kinds is not known of it; NULL: events */
};

/* The names of fields (event/field.h), for expressions over events of these kinds. */
struct lang_names lang_names_of_events(u32 kinds);

/* The same without those that are for conditions alone. */
struct lang_names lang_names_to_show(u32 kinds);
/* What a name, or an ending that only one has, stands for. NULL: `wrong` says why for nothing. */
const struct lang_symbol *lang_find(const struct lang_names *names, const char *name, char *wrong, size_t room);

/*
 * Fields that every event has of its process, for conditions on processes by themselves: they are asked about a made-up event of the
 * kind fork.
 */
struct lang_names lang_names_of_processes(void);

struct lang_error {
	u32 at, length;		/* bytes of the text that are wrong */
	char what[320];		/* may quote what was written: escape it */
};

/* A condition. NULL: the error is filled in. */
struct lang_node *lang_parse(struct lang_tree *tree, const char *text, size_t length, const struct lang_names *names,
			     struct lang_error *error);
/* A number, bool, string or address by itself, as the planner has them of its own definitions. */
struct lang_node *lang_parse_value(struct lang_tree *tree, const char *text, size_t length,
				   const struct lang_names *names, struct lang_error *error);

/* Two lines for a terminal: the text, or the part of it that matters, and a mark under what is wrong. */
void lang_error_show(const struct lang_error *error, const char *text, size_t length, struct text *out);
/* Counted from 1, in characters as they are shown. */
u32 lang_error_column(const struct lang_error *error, const char *text);

/* The tree as an expression again. */
void lang_print(const struct lang_node *node, struct text *out);

#endif
