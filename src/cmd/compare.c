/* sonde compare: what changed between runs of the same thing. */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/message.h"
#include "report/compare_rule.h"
#include "books/store.h"
#include "cmd/command.h"
#include "cmd/output.h"
#include "cmd/terminal.h"

#define TROUBLE 2	/* as diff and cmp have it: 1 is an answer */

struct compare_settings {
	bool tasks, all, json;
	int64_t limit;
	const char *fail_if, *store;
};

/* One run as it was named, and the side it is on. */
struct named {
	char *name;
	u32 side;
	u64 id;		/* once it is loaded */
};

struct named_runs {
	struct named *items;
	u32 count, sides;
};

/* The word vs may stand between two sides. */
static bool is_side(char **words, int count, int i)
{
	return strcmp(words[i], "vs") || !i || i + 1 == count;
}

static int count_sides(char **words, int count)
{
	int sides = 0;

	for (int i = 0; i < count; i++)
		sides += is_side(words, count, i);
	return sides;
}

/* "A1,A2 vs B1,B2": a run whose own name has commas goes before several with short ones. False: an empty name. */
static bool name_runs(struct named_runs *runs, struct store *store, char **words, int count)
{
	for (int i = 0; i < count; i++) {
		bool whole = strchr(words[i], ',') && store_has_name(store, words[i]);

		if (!is_side(words, count, i))
			continue;
		for (const char *at = words[i];; at++) {
			size_t length = whole ? strlen(at) : strcspn(at, ",");

			if (!length)
				return false;
			runs->items = xrealloc(runs->items, runs->count + 1, sizeof(*runs->items));
			runs->items[runs->count++] = (struct named){ .name = xstrndup(at, length), .side = runs->sides };
			at += length;
			if (!*at)
				break;
		}
		runs->sides++;
	}
	return true;
}

static void free_names(struct named_runs *runs)
{
	for (u32 i = 0; i < runs->count; i++)
		free(runs->items[i].name);
	free(runs->items);
}

/* Runs of one side tell how much they differ by themselves: one that stands there twice would say that they do not. */
static bool stands_there(const struct named_runs *runs, u32 at)
{
	for (u32 i = 0; i < at; i++)
		if (runs->items[i].id == runs->items[at].id && runs->items[i].side == runs->items[at].side)
			return true;
	return false;
}

static bool load_all(struct compare *compare, struct store *store, const struct named_runs *runs)
{
	for (u32 i = 0; i < runs->count; i++) {
		struct run *run = store_load(store, runs->items[i].name, 0);

		if (!run)
			return false;
		runs->items[i].id = run->id;
		compare_add(compare, runs->items[i].side, run);
		run_free(run);
		if (stands_there(runs, i)) {
			message_error("run %llu stands twice on one side", (unsigned long long)runs->items[i].id);
			return false;
		}
	}
	return true;
}

static void print(const struct compare_settings *settings, const struct compare *compare,
		  const struct compare_rule *rule, bool failed, const struct text *which, struct output *output)
{
	const struct report_style style = terminal_style(STDOUT_FILENO);
	u32 limit = settings->limit < UINT32_MAX ? settings->limit : UINT32_MAX;
	struct jot jot = { .out = &output->text };

	if (!settings->json) {
		compare_text(&output->text, compare, settings->all ? 0 : limit, &style);
		return;
	}
	jot_open(&jot, NULL, '{');
	jot_string(&jot, "kind", "compare");
	compare_jot(&jot, compare);
	if (rule) {
		jot_open(&jot, "fail_if", '{');
		jot_string(&jot, "rule", settings->fail_if);
		jot_bool(&jot, "holds", failed);
		jot_bytes(&jot, "why", text_string(which), which->length);
		jot_close(&jot, '}');
	}
	jot_close(&jot, '}');
	text_add_char(&output->text, '\n');
}

static int judge(const struct compare_settings *settings, const struct compare *compare,
		 const struct compare_rule *rule)
{
	struct output output = { 0 };
	struct text which = { 0 };
	bool failed = false;
	int status;

	if (rule && !compare_rule_check(rule, compare, &which)) {
		message_error("compare: --fail-if: %s", text_string(&which));
		text_free(&which);
		return TROUBLE;
	}
	for (u32 side = 1; side < compare->side_count && rule; side++)
		failed |= compare_rule_holds(rule, compare, side, &which);
	print(settings, compare, rule, failed, &which, &output);
	status = output_end(&output) ? TROUBLE : failed;
	if (failed)
		message_error("compare: %s", text_string(&which));
	text_free(&which);
	return status;
}

static int compare(const struct command *command, const struct compare_settings *settings, const struct option_rest *rest,
		   const struct compare_rule *rule)
{
	struct store *store = store_open(settings->store, false);
	struct named_runs runs = { 0 };
	struct compare *compare;
	int status = TROUBLE;

	if (!store)
		return TROUBLE;
	if (!name_runs(&runs, store, rest->words, rest->count)) {
		status = option_mistake(command, "a name of a run is empty; runs of one side are parted by one comma: "
					 "12,13,14");
		goto out;
	}
	compare = compare_new(runs.count, settings->tasks || (rule && compare_rule_wants_tasks(rule)));
	if (load_all(compare, store, &runs))
		status = judge(settings, compare, rule);
	compare_free(compare);
out:
	free_names(&runs);
	store_close(store);
	return status;
}

static int run_compare(const struct command *command, int argc, char **argv)
{
	struct compare_settings settings;
	struct compare_rule *rule = NULL;
	struct text error = { 0 };
	struct option_rest rest;
	int status;

	if (!option_parse(command, argc, argv, &settings, &rest, &status))
		return status;
	signal(SIGPIPE, SIG_IGN);
	if (count_sides(rest.words, rest.count) < 2) {
		status = option_mistake(command, "two runs are needed: sonde compare last~1 last");
		goto out;
	}
	if (settings.fail_if)
		rule = compare_rule_parse(settings.fail_if, &error);
	if (settings.fail_if && !rule)
		status = option_mistake(command, "--fail-if '%s': %s", settings.fail_if, text_string(&error));
	else
		status = compare(command, &settings, &rest, rule);
out:
	compare_rule_free(rule);
	text_free(&error);
	return status;
}

#define AT(member) offsetof(struct compare_settings, member)

static const struct option options[] = {
	{ .name = "fail-if", .letter = 'f', .type = OPTION_STRING, .offset = AT(fail_if), .argument = "RULE",
	  .help = "exit with status 1 if this holds: wall > 1.1x, memory > +100M, tool:sort.cpu > 10%, failures > 0; "
		  "joined by and, or" },
	{ .name = "tasks", .type = OPTION_FLAG, .offset = AT(tasks),
	  .help = "tasks one by one too, not only by group" },
	{ .name = "limit", .letter = 'n', .type = OPTION_INTEGER, .offset = AT(limit),
	  .min = 1, .max = INT64_MAX, .argument = "N",
	  .initial = "30", .help = "rows of a table" },
	{ .name = "all", .letter = 'a', .type = OPTION_FLAG, .offset = AT(all), .help = "all rows" },
	{ .name = "json", .letter = 'j', .type = OPTION_FLAG, .offset = AT(json),
	  .help = "one JSON object on one line" },
	{ .name = "store", .type = OPTION_STRING, .offset = AT(store), .argument = "FILE",
	  .help = "where runs are kept" },
	{ 0 }
};

static const struct positional positionals[] = {
	{ .name = "SIDE...",
	  .help = "runs of one side, parted by commas; the word vs between sides may stand there or not" },
	{ 0 }
};

static const struct example examples[] = {
	{ "sonde compare last~1 last", "what changed since the run before" },
	{ "sonde compare 12,13,14 vs 17,18,19", "three runs of each side, so that noise is known" },
	{ "sonde compare baseline last --fail-if 'wall > 1.1x or failures > 0'",
	  "for CI: status 1 if it got slower or anything failed" },
	{ 0 }
};

const struct command compare_command = {
	.name = "compare",
	.summary = "show what changed between runs of the same thing",
	.usage = "A B [C]... [OPTION]...",
	.description = "Compares runs by tool and by task: what got slower, faster, bigger, new, gone; what matters "
		       "most comes first. More than two sides are each compared with the first.\n\n"
		       "With three runs or more of each side the noise is known, and what lies within it is not told. "
		       "With fewer only differences of 10 % are.\n\n"
		       "The exit status is 0, or 1 if --fail-if holds, or 2 if there was no comparison.",
	.examples = examples,
	.options = options,
	.positionals = positionals,
	.run = run_compare,
};
