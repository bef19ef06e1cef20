/*
 * What a person would call a program: for `python3 align.py` align.py, for `java -jar x.jar` x.jar, for busybox the applet, for
 * code given on the command line the interpreter and its option (`perl -e`); else the name it was started by (`awk`, not mawk).
 */
#ifndef PROC_TOOL_H
#define PROC_TOOL_H

#include "base/text.h"

#define TOOL_NAME_MOST 64	/* bytes; what is longer ends with "…" */

struct tool_facts {
	const char *executable;		/* real path, NUL-terminated; "" if not known */
	const char *name;		/* comm */
	const char *arguments;		/* NUL-separated */
	size_t arguments_length;
};

struct process;
/* As long as the process is kept. */
struct tool_facts tool_facts_of(const struct process *process);

/* Adds the name to `out`; never nothing. Any bytes can be in it, a NUL or a slash cannot. Allocates only to grow `out`. */
void tool_name(const struct tool_facts *facts, struct text *out);

#endif
