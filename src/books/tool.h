/* What a person would call a program: for `python3 align.py` align.py, for `java -jar x.jar` x.jar, for busybox the applet. */
#ifndef BOOKS_TOOL_H
#define BOOKS_TOOL_H

#include "base/text.h"

struct tool_facts {
	const char *executable;		/* real path, NUL-terminated; "" if not known */
	const char *name;		/* comm */
	const char *arguments;		/* NUL-separated */
	size_t arguments_length;
};

/* Adds the name to `out`; never nothing. */
void tool_name(const struct tool_facts *facts, struct text *out);

#endif
