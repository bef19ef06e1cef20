/* sonde rm: lets go of recorded runs. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/duration.h"
#include "base/escape.h"
#include "base/message.h"
#include "base/wall.h"
#include "books/store.h"
#include "cmd/command.h"
#include "cmd/output.h"

struct rm_settings {
	uint64_t older;
	int64_t keep;
	bool all;
	const char *store;
};

struct rm_run {
	u64 id, ended, bytes;
	bool live, doomed;
	char *title;
};

struct rm {
	struct rm_run *runs;	/* the newest first */
	size_t count;
};

static bool take_note(void *context, const struct store_entry *entry)
{
	struct rm *rm = context;
	const struct run_bytes *command = entry->kind == RUN_COMMAND ? &entry->command : &entry->scope;
	const struct run_bytes *title = entry->name.length ? &entry->name : command;
	struct text text = { 0 };

	escape_terminal(&text, title->data, title->length);
	rm->runs = xrealloc(rm->runs, rm->count + 1, sizeof(*rm->runs));
	rm->runs[rm->count++] = (struct rm_run){
		.id = entry->id, .ended = entry->started_wall + entry->duration, .bytes = entry->bytes,
		.live = entry->state == RUN_RECORDING, .title = xstrdup(text_string(&text)),
	};
	text_free(&text);
	return true;
}

/* All words are understood before anything is removed. */
static bool doom_named(struct rm *rm, struct store *store, char **words)
{
	for (; *words; words++) {
		u64 id = store_find(store, *words);

		if (!id)
			return false;
		for (size_t i = 0; i < rm->count; i++)
			rm->runs[i].doomed |= rm->runs[i].id == id;
	}
	return true;
}

static void doom_by(struct rm *rm, const struct rm_settings *settings)
{
	struct wall wall = { 0 };
	u64 now;

	wall_refresh(&wall);
	now = wall_from_boot(&wall, wall_boot_now());
	for (size_t i = 0; i < rm->count; i++) {
		struct rm_run *run = &rm->runs[i];
		bool old = settings->older && run->ended < now && now - run->ended > settings->older;

		run->doomed = settings->all || old || (settings->keep && i >= (u64)settings->keep);
		if (run->doomed && run->live)
			message_note("run %llu is being recorded and stays", (unsigned long long)run->id);
		run->doomed &= !run->live;
	}
}

static int remove_doomed(const struct rm *rm, struct store *store)
{
	struct output output = { 0 };
	char size[SIZE_TEXT_SIZE];
	u64 count = 0, bytes = 0;
	bool failed = false;

	for (size_t i = 0; i < rm->count; i++) {
		const struct rm_run *run = &rm->runs[i];

		if (!run->doomed)
			continue;
		if (store_remove(store, run->id) < 0) {
			failed = true;
			continue;
		}
		text_add_format(&output.text, "removed run %llu, %s: %s\n", (unsigned long long)run->id,
				size_format(run->bytes, size), run->title);
		output_some(&output);
		count++;
		bytes += run->bytes;
	}
	if (count > 1)
		text_add_format(&output.text, "removed %llu runs, %s\n", (unsigned long long)count,
				size_format(bytes, size));
	else if (!count && !failed)
		text_add(&output.text, "nothing to remove\n");
	return output_end(&output) || failed;
}

static int remove_runs(const struct rm_settings *settings, char **words)
{
	struct store *store = store_open(settings->store, false);
	struct rm rm = { 0 };
	int status = 1;

	if (!store)
		return 1;
	if (!store_list(store, take_note, &rm)) {
		if (!*words)
			doom_by(&rm, settings);
		if (!*words || doom_named(&rm, store, words))
			status = remove_doomed(&rm, store);
	}
	for (size_t i = 0; i < rm.count; i++)
		free(rm.runs[i].title);
	free(rm.runs);
	store_close(store);
	return status;
}

static int run_rm(const struct command *command, int argc, char **argv)
{
	struct rm_settings settings;
	struct option_rest rest;
	int status, ways;

	if (!option_parse(command, argc, argv, &settings, &rest, &status))
		return status;
	ways = (rest.count > 0) + (settings.older > 0 || settings.keep > 0) + settings.all;
	if (!ways)
		return option_mistake(command, "which runs? name them, or give --older-than, --keep or --all");
	if (ways > 1)
		return option_mistake(command, "either runs by name, or --older-than and --keep, or --all");
	signal(SIGPIPE, SIG_IGN);
	return remove_runs(&settings, rest.words);
}

#define AT(member) offsetof(struct rm_settings, member)

static const struct option options[] = {
	{ .name = "older-than", .letter = 'o', .type = OPTION_DURATION, .offset = AT(older), .min = 1000000000,
	  .max = INT64_MAX, .argument = "DURATION", .help = "all that ended longer ago than this" },
	{ .name = "keep", .letter = 'k', .type = OPTION_INTEGER, .offset = AT(keep), .min = 1, .max = INT64_MAX,
	  .argument = "N", .help = "all but the newest N" },
	{ .name = "all", .letter = 'a', .type = OPTION_FLAG, .offset = AT(all), .help = "all of them" },
	{ .name = "store", .type = OPTION_STRING, .offset = AT(store), .argument = "FILE",
	  .help = "where runs are kept" },
	{ 0 }
};

static const struct positional positionals[] = {
	{ .name = "[RUN]...",
	  .help = "number or name of a run (the latest of that name), last, last~1 for the one before" },
	{ 0 }
};

static const struct example examples[] = {
	{ "sonde rm 17 nightly", "run 17, and the latest run called nightly" },
	{ "sonde rm --older-than 30d", "what ended more than thirty days ago" },
	{ "sonde rm --keep 10", "all but the newest ten" },
	{ 0 }
};

const struct command rm_command = {
	.name = "rm",
	.summary = "remove recorded runs",
	.usage = "[RUN]... [OPTION]...",
	.description = "Removes recorded runs and gives their room on disk back. What is being recorded stays. With "
		       "--older-than and --keep together, a run goes if either says so.\n\n"
		       "Nothing is removed if one of the runs is not there. A number goes before a name of the same "
		       "digits.",
	.examples = examples,
	.options = options,
	.positionals = positionals,
	.run = run_rm,
};
