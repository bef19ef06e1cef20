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
	MASK_CREDENTIAL,	/* the next word is a secret if it looks like one */
};

enum {
	MASK_ATTACHED = 1 << 0,	/* -pSECRET */
	MASK_NEXT = 1 << 1,	/* -p SECRET */
	MASK_PREFIX = 1 << 2,	/* also tools whose names begin so */
	MASK_LOGIN = 1 << 3,	/* only after the word login */
	MASK_ONCE = 1 << 4,	/* what follows is another command */
	MASK_INSIDE = 1 << 5,	/* its options stand in a text that is given to it, too */
	MASK_SLASH = 1 << 6,	/* /p:SECRET */
	MASK_ORACLE = 1 << 7,	/* USER/SECRET@DATABASE */
	MASK_BARE = 1 << 8,	/* NAME SECRET, without dashes, */
	MASK_SET = 1 << 9,	/* and only after the word set */
};

struct mask_tool {
	const char *name;
	const char *letters;	/* options that have the secret */
	int how;
	char separator;		/* USER separator SECRET */
	const char *behind;	/* the nth word behind this one, or behind the tool if it is empty, is the secret */
	unsigned int nth;
};

/* What earlier words of the same command say about the next. */
struct mask_words {
	enum mask_pending pending;
	char separator;
	const struct mask_tool *tool, *behind;
	unsigned int count;	/* words behind it */
	bool login, set;
	bool shell;		/* the word before was -c: a program follows */
};

const struct mask_tool *mask_tool_find(const char *word, size_t length);
/* The next row of the same tool, or NULL. */
const struct mask_tool *mask_tool_next(const struct mask_tool *tool);

/* Beyond the limit the rest of the argument is hidden. */
void mask_add(struct mask_spans *spans, size_t from, size_t to);

/* Options, and options of known tools; goes into shell texts. */
void mask_word(struct mask_words *words, const char *text, size_t from, size_t to,
	       struct mask_spans *spans, int depth);
/* Assignments, headers, JSON members, URLs, known tokens: anywhere in an argument. */
void mask_text(const char *text, size_t length, bool shell, struct mask_spans *spans);
/* Does this name announce a secret? Segments count: "token" does, "tokenizer" and "token-file" do not. */
bool mask_is_secret_name(const char *name, size_t length);
/* What stands behind "Basic" or "Bearer": is it one, and not an ordinary word? */
bool mask_is_credential(const char *text, size_t length);
bool mask_has_negation(const char *name, size_t length);
bool mask_is_switch(const char *value, size_t length);

#endif
