#include "cmd/filter.h"

#include <stdio.h>
#include <string.h>

#include "cmd/output.h"
#include "lang/eval.h"
#include "lang/parse.h"
#include "lang/plan.h"

int filter_open(struct filter *filter, const struct command *command, const struct filter_settings *settings, u32 kinds)
{
	struct lang_names names = lang_names_of_events(kinds);
	struct lang_error error;
	struct text shown = { 0 };
	size_t length;

	if (!settings->expression)
		return settings->explain ? option_mistake(command, "--explain explains a filter: -f EXPR") : 0;
	length = strlen(settings->expression);
	filter->tree = lang_tree_new();
	filter->condition = lang_parse(filter->tree, settings->expression, length, &names, &error);
	if (filter->condition)
		return 0;
	lang_error_show(&error, settings->expression, length, &shown);
	option_mistake(command, "-f, column %u: %s", lang_error_column(&error, settings->expression), error.what);
	fputs(text_string(&shown), stderr);
	text_free(&shown);
	return OPTION_EXIT_USAGE;
}

bool filter_passes(const struct filter *filter, const struct event *event)
{
	return !filter->condition || lang_eval(filter->condition, event);
}

static void explain_kind(const struct filter *filter, u32 kind, struct text *out)
{
	struct lang_part part = lang_plan(filter->tree, filter->condition, kind);

	text_add_format(out, "%s\n  kernel      ", kind_name(kind));
	if (part.nothing_passes)
		text_add(out, "nothing passes");
	else if (part.kernel)
		lang_print(part.kernel_said, out);
	else
		text_add(out, "all pass");
	text_add(out, "\n  user space  ");
	if (part.rest)
		lang_print(part.rest, out);
	else
		text_add(out, part.nothing_passes ? "nothing arrives" : "nothing is left to decide");
	text_add_char(out, '\n');
}

int filter_explain(const struct filter *filter, u32 kinds)
{
	struct output output = { 0 };

	for (u32 kind = 0; kind < KIND_MAX; kind++)
		if (kinds >> kind & 1)
			explain_kind(filter, kind, &output.text);
	return output_end(&output);
}

void filter_close(struct filter *filter)
{
	lang_tree_free(filter->tree);
}
