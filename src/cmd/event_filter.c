#include "cmd/event_filter.h"

#include <stdio.h>
#include <string.h>

#include "base/message.h"
#include "cmd/output.h"
#include "lang/eval.h"

int event_filter_open(struct event_filter *filter, const struct command *command, const struct event_filter_settings *settings,
		      const struct lang_names *names)
{
	struct lang_error error;
	struct text shown = { 0 };
	size_t length;

	if (!settings->expression)
		return settings->explain ? option_mistake(command, "--explain explains a filter: -f EXPR") : 0;
	length = strlen(settings->expression);
	filter->tree = lang_tree_new();
	filter->condition = lang_parse(filter->tree, settings->expression, length, names, &error);
	if (filter->condition)
		return 0;
	lang_error_show(&error, settings->expression, length, &shown);
	option_mistake(command, "-f, column %u: %s", lang_error_column(&error, settings->expression), error.what);
	fputs(text_string(&shown), stderr);
	text_free(&shown);
	return OPTION_EXIT_USAGE;
}

bool event_filter_passes(const struct event_filter *filter, const struct event *event)
{
	return !filter->condition || lang_eval(filter->condition, event);
}

/* Adds what is decided of each kind; of one that nothing can pass there is no case. */
static void add_cases(struct event_filter *filter, u32 kinds)
{
	filter->gen = gen_new();
	filter->kinds = 0;
	for (u32 kind = 0; kind < KIND_MAX; kind++) {
		struct gen_layout layout;
		struct lang_part part;
		const char *why;

		if (!(kinds >> kind & 1))
			continue;
		part = lang_plan(filter->tree, filter->condition, kind);
		layout = lang_layout(kind);
		if (part.nothing_passes || (part.kernel && !gen_add_case(filter->gen, 1U << kind, &layout, part.kernel, &why)))
			filter->kinds |= 1U << kind;
	}
}

void event_filter_compile(struct event_filter *filter, u32 kinds)
{
	const char *why = NULL;

	if (!filter->condition)
		return;
	add_cases(filter, kinds);
	filter->code = filter->kinds ? gen_finish(filter->gen, &filter->length, &why) : NULL;
	if (filter->code)
		return;
	if (filter->kinds)
		message_note("the kernel takes no part in this filter: %s; all events are read, and filtered then", why);
	filter->kinds = 0;
}

static void explain_kind(const struct event_filter *filter, u32 kind, struct text *out)
{
	struct lang_part part = lang_plan(filter->tree, filter->condition, kind);

	text_add_format(out, "%s\n  kernel      ", kind_name(kind));
	if (part.nothing_passes)
		text_add(out, "nothing passes");
	else if (part.kernel)
		lang_print(part.kernel_said, out);
	else if (LANG_FILTERED >> kind & 1)
		text_add(out, "all pass");
	else
		text_add(out, "all pass: who did the rest is known from them");
	text_add(out, "\n  user space  ");
	if (part.rest)
		lang_print(part.rest, out);
	else
		text_add(out, part.nothing_passes ? "nothing arrives" : "nothing is left to decide");
	text_add_char(out, '\n');
	if (part.why)
		text_add_format(out, "  because     %s\n", part.why);
}

static void add_code(struct event_filter *filter, struct text *out)
{
	const char *why = NULL;
	size_t count;
	const struct bpf_insn *code = gen_preview(filter->gen, &count, &why);

	if (!code) {
		text_add_format(out, "\nthe kernel takes no part in it after all: %s\n", why);
		return;
	}
	text_add_format(out, "\n%zu instructions\n", count);
	code_print(code, count, out);
}

int event_filter_explain(struct event_filter *filter, u32 kinds)
{
	struct output output = { 0 };

	for (u32 kind = 0; kind < KIND_MAX; kind++)
		if (kinds >> kind & 1)
			explain_kind(filter, kind, &output.text);
	add_cases(filter, kinds);
	if (filter->kinds)
		add_code(filter, &output.text);
	return output_end(&output);
}

int event_filter_explain_kernel(struct event_filter *filter, const char *what)
{
	struct output output = { 0 };

	text_add_format(&output.text, "%s\n  kernel      ", what);
	lang_print(filter->condition, &output.text);
	text_add(&output.text, "\n  user space  nothing is left to decide\n");
	add_code(filter, &output.text);
	return output_end(&output);
}

int event_filter_explain_user(const struct event_filter *filter, const char *what, const char *why)
{
	struct output output = { 0 };

	text_add_format(&output.text, "%s\n  kernel      all pass: %s\n  user space  ", what, why);
	lang_print(filter->condition, &output.text);
	text_add_char(&output.text, '\n');
	return output_end(&output);
}

void event_filter_close(struct event_filter *filter)
{
	gen_free(filter->gen);
	lang_tree_free(filter->tree);
}
