/* Between the parts of masking: rules mark spans of one argument, and nothing else is ever changed. */
#ifndef PROC_MASK_RULES_H
#define PROC_MASK_RULES_H

#include <stdbool.h>
#include <stddef.h>

#define MASK_SPANS 64

struct mask_span {
	size_t from, to;
};

struct mask_spans {
	struct mask_span span[MASK_SPANS];
	size_t count;
	size_t length;		/* of the argument */
};

enum mask_pending {
	MASK_NOTHING,
	MASK_VALUE,		/* the next word is a secret */
	MASK_USER_SECRET,	/* the next word is USER, a separator, SECRET */
};

struct mask_tool;

/* What earlier words of the same command say about the next. */
struct mask_words {
	enum mask_pending pending;
	char separator;
	const struct mask_tool *tool;
	bool login;
	bool shell;		/* the word before was -c: a program follows */
};

/* Beyond the limit the rest of the argument is hidden. */
void mask_add(struct mask_spans *spans, size_t from, size_t to);

/* Options, and options of known tools; goes into shell texts. */
void mask_word(struct mask_words *words, const char *text, size_t from, size_t to,
	       struct mask_spans *spans, int depth);
/* Assignments, headers, JSON members, URLs, known tokens: anywhere in an argument. */
void mask_text(const char *text, size_t length, bool shell, struct mask_spans *spans);
/* Does this name announce a secret? Segments count: "token" does, "tokenizer" and "token-file" do not. */
bool mask_is_secret_name(const char *name, size_t length);
bool mask_has_negation(const char *name, size_t length);
bool mask_is_switch(const char *value, size_t length);

#endif
