/* What the parser's parts share: grammar (parse.c), operands that must fit each other (fit.c), names (names.c). */
#ifndef LANG_PARSER_H
#define LANG_PARSER_H

#include "lang/lex.h"

/* A word that is no field: a constant, if what stands on the other side of the operator knows it. Only while parsing. */
#define OP_WORD ((enum lang_op)1000)

struct parser {
	struct lexer lexer;
	struct lang_tree *tree;
	const struct lang_names *names;
	struct lang_error *error;
	bool failed;
	u32 depth, operators;
};

/* Says what is wrong with these bytes, unless something was wrong before. Returns NULL. */
struct lang_node *parser_fail(struct parser *parser, u32 at, u32 length, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
struct lang_node *parser_fail_at(struct parser *parser, const struct lang_node *node, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* names.c: a name where an operand stands: a field, or an OP_WORD. */
struct lang_node *parser_name(struct parser *parser, u32 at, u32 length);
/* Says that a word is no field, and what could have been meant. */
struct lang_node *parser_unknown(struct parser *parser, const struct lang_node *word);
/* A field of this type that could also have been meant where this one, by a short name, does not fit. NULL: there is none. */
const char *parser_other_name(const struct parser *parser, const struct lang_node *field, enum lang_type type);

/* fit.c: operands to an operator; literals are converted to what stands on the other side. NULL: it was said why not. */
struct lang_node *fit_comparison(struct parser *parser, enum lang_op op, const struct token *sign, struct lang_node *left,
				 struct lang_node *right);
/* `not in`, `not like`: false too where the comparison is false because something is missing. `not (a in b)` is then true. */
struct lang_node *fit_opposite(struct parser *parser, struct lang_node *comparison);
struct lang_node *fit_arithmetic(struct parser *parser, enum lang_op op, const struct token *sign, struct lang_node *left,
				 struct lang_node *right);
/* A condition. */
struct lang_node *fit_truth(struct parser *parser, struct lang_node *node);

#endif
