/* Words of the language: what stands at a place in the text, with literals already read. */
#ifndef LANG_LEX_H
#define LANG_LEX_H

#include <stdbool.h>

#include "base/text.h"
#include "lang/parse.h"

enum token_kind {
	TOKEN_END,
	TOKEN_NAME,		/* of a field; keywords are names, too */
	TOKEN_NUMBER,
	TOKEN_STRING,
	TOKEN_ADDRESS,
	TOKEN_SIGN,		/* an operator, a bracket, a comma */
	TOKEN_BAD,		/* the error is said */
};

struct token {
	enum token_kind kind;
	u32 at, length;
	u64 number;
	u8 unit;		/* enum field_unit */
	struct lang_address address;
};

struct lexer {
	const char *text;
	u32 length;
	struct token token;	/* the current one */
	struct text string;	/* of a TOKEN_STRING */
	struct lang_error *error;
};

void lex_begin(struct lexer *lexer, const char *text, u32 length, struct lang_error *error);
void lex_end(struct lexer *lexer);
/* Goes on to the next one; the same again at the end and after a mistake. */
void lex_next(struct lexer *lexer);
bool lex_is(const struct lexer *lexer, const char *word);	/* a sign or a keyword */

/* The text of an address or a block, IPv4 or IPv6. False: it is none. */
bool lex_address(const char *text, size_t length, struct lang_address *address);

#endif
