/* `-f EXPR` of commands that show live events: what does not fit is left out, in the kernel as far as it can tell. */
#ifndef CMD_FILTER_H
#define CMD_FILTER_H

#include "base/option.h"
#include "event/event.h"
#include "lang/tree.h"

struct filter_settings {
	const char *expression;
	bool explain;
};

#define FILTER_OPTIONS(settings, member)                                                                                \
	{ .name = "filter", .letter = 'f', .type = OPTION_STRING,                                                       \
	  .offset = offsetof(settings, member.expression), .argument = "EXPR",                                          \
	  .help = "only events for which this is true: file.path startswith \"/etc\" (see `sonde fields`)" },             \
	{ .name = "explain", .type = OPTION_FLAG, .offset = offsetof(settings, member.explain),                         \
	  .help = "show which part of the filter the kernel decides, and end" }

struct filter {
	struct lang_tree *tree;
	struct lang_node *condition;	/* NULL: all events pass */
};

/* Says what is wrong with the expression; 0, or an exit status. */
int filter_open(struct filter *filter, const struct command *command, const struct filter_settings *settings, u32 kinds);
bool filter_passes(const struct filter *filter, const struct event *event);
/* Prints what is decided where. Returns an exit status. */
int filter_explain(const struct filter *filter, u32 kinds);
void filter_close(struct filter *filter);

#endif
