/* `-f EXPR` of commands that show live events: what does not fit is left out, in the kernel as far as it can tell. */
#ifndef CMD_EVENT_FILTER_H
#define CMD_EVENT_FILTER_H

#include "base/option.h"
#include "event/event.h"
#include "lang/parse.h"
#include "lang/plan.h"

struct event_filter_settings {
	const char *expression;
	bool explain;
};

#define EVENT_FILTER_OPTIONS(settings, member, what)                                                                          \
	{ .name = "filter", .letter = 'f', .type = OPTION_STRING,                                                       \
	  .offset = offsetof(settings, member.expression), .argument = "EXPR", .help = what },                          \
	{ .name = "explain", .type = OPTION_FLAG, .offset = offsetof(settings, member.explain),                         \
	  .help = "show which part of the filter the kernel decides, and end" }

struct event_filter {
	struct lang_tree *tree;
	struct lang_node *condition;	/* NULL: all events pass */
	struct gen *gen;
	const struct bpf_insn *code;	/* what the kernel decides of `kinds` by */
	size_t length;
	u32 kinds;
};

/* Says what is wrong with the expression; 0, or an exit status. */
int event_filter_open(struct event_filter *filter, const struct command *command, const struct event_filter_settings *settings,
		      const struct lang_names *names);
bool event_filter_passes(const struct event_filter *filter, const struct event *event);
/* Makes the kernel's part. Without one all is decided in user space. */
void event_filter_compile(struct event_filter *filter, u32 kinds);
/* Prints what is decided where, and by what instructions. Returns an exit status. */
int event_filter_explain(struct event_filter *filter, u32 kinds);
/* The same where user space decides all; `why` the kernel does not. */
int event_filter_explain_user(const struct event_filter *filter, const char *what, const char *why);
/* The same where the kernel decides all, by the filter's one case. */
int event_filter_explain_kernel(struct event_filter *filter, const char *what);
void event_filter_close(struct event_filter *filter);

#endif
