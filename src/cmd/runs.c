/* sonde runs: what was recorded. docs/store.md takes its tables from here. */
#include <signal.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/jot.h"
#include "base/message.h"
#include "base/wall.h"
#include "books/grid.h"
#include "books/label.h"
#include "books/store.h"
#include "books/store_schema.h"
#include "cmd/command.h"
#include "cmd/output.h"

enum { USUAL = 30 };	/* rows of a table */

struct runs_settings {
	bool json, all, schema;
	int64_t limit;
	const char *store;
};

struct runs {
	struct output output;
	struct grid grid;
	u64 limit, told, more;
	bool json;
};

static const char *const states[] = {
	[RUN_RECORDING] = "recording", [RUN_FINISHED] = "finished", [RUN_INTERRUPTED] = "interrupted"
};

/* Under the same names as in `sonde report --json`. */
static void add_json(struct text *out, const struct store_entry *entry)
{
	struct jot jot = { .out = out };
	struct wall wall = { .offset = entry->started_wall };
	struct text start = { 0 };

	jot_open(&jot, NULL, '{');
	jot_unsigned(&jot, "id", entry->id);
	if (entry->name.length)
		jot_bytes(&jot, "name", entry->name.data, entry->name.length);
	jot_string(&jot, "kind", entry->kind == RUN_SCOPE ? "scope" : "command");
	jot_string(&jot, "state", states[entry->state]);
	if (entry->arguments.length)
		jot_words(&jot, "command_args", entry->arguments.data, entry->arguments.length);
	if (entry->scope.length)
		jot_bytes(&jot, "scope", entry->scope.data, entry->scope.length);
	jot_unsigned(&jot, "user", entry->user);
	wall_format(&wall, &start, 0);
	jot_bytes(&jot, "start", start.data, start.length);
	jot_unsigned(&jot, "wall_ns", entry->duration);
	if (entry->exit_status >= 0)
		jot_signed(&jot, "exit_status", entry->exit_status);
	jot_unsigned(&jot, "processes", entry->processes);
	jot_open(&jot, "cpu", '{');
	jot_unsigned(&jot, "time_ns", entry->cpu);
	jot_close(&jot, '}');
	jot_unsigned(&jot, "store_bytes", entry->bytes);
	jot_close(&jot, '}');
	text_add_char(out, '\n');
	text_free(&start);
}

static const struct grid_column columns[] = {
	{ .head = "RUN" },
	{ .head = "STARTED (UTC)", .left = true, .drop = 3 },
	{ .head = "WALL" },
	{ .head = "STATUS", .left = true },
	{ .head = "PROCESSES", .drop = 4 },
	{ .head = "CPU", .drop = 5 },
	{ .head = "STORED", .drop = 6 },
	{ .head = "NAME", .left = true },
	{ .head = "WHAT", .left = true, .rest = 20 },
};

static void add_row(struct grid *grid, const struct store_entry *entry)
{
	text_add_u64(&grid->text, entry->id);
	grid_end_cell(grid);
	label_wall(&grid->text, &(struct run){ .wall_offset = entry->started_wall }, 0);
	grid_end_cell(grid);
	grid_duration(grid, entry->duration);
	if (entry->state != RUN_FINISHED)
		text_add(&grid->text, states[entry->state]);
	else if (entry->exit_status > 0)
		text_add_format(&grid->text, "exit %d", entry->exit_status);
	else
		text_add(&grid->text, "ok");
	grid_end_cell(grid);
	grid_number(grid, entry->processes);
	grid_duration(grid, entry->cpu);
	grid_size(grid, entry->bytes);
	escape_terminal(&grid->text, entry->name.data, entry->name.length);
	grid_end_cell(grid);
	if (entry->kind == RUN_COMMAND)
		escape_terminal(&grid->text, entry->command.data, entry->command.length);
	else
		escape_terminal(&grid->text, entry->scope.data, entry->scope.length);
	grid_end_cell(grid);
}

static bool tell(void *context, const struct store_entry *entry)
{
	struct runs *runs = context;

	if (runs->limit && runs->told == runs->limit) {
		runs->more++;
		return !runs->json;
	}
	runs->told++;
	if (!runs->json)
		add_row(&runs->grid, entry);
	else
		add_json(&runs->output.text, entry);
	return output_some(&runs->output);
}

static int list(const struct runs_settings *settings)
{
	struct runs runs = { .json = settings->json, .limit = settings->limit };
	struct store *store = store_open(settings->store, false);
	int error, status;

	if (!store)
		return 1;
	if (!runs.limit && !settings->all && !settings->json)
		runs.limit = USUAL;
	grid_begin(&runs.grid, columns, sizeof(columns) / sizeof(columns[0]));
	error = store_list(store, tell, &runs);
	if (!runs.told && !error)
		message_note("no run is in the store %s; `sonde run -- CMD` records", store_path(store));
	else if (!runs.json)
		grid_print(&runs.grid, &runs.output.text, output_width(STDOUT_FILENO), "");
	if (!runs.json && runs.more)
		text_add_format(&runs.output.text, "%llu more (--all shows them)\n", (unsigned long long)runs.more);
	grid_free(&runs.grid);
	store_close(store);
	status = output_end(&runs.output);
	return error ? 1 : status;
}

static int document(void)
{
	struct output output = { 0 };

	store_schema_document(&output.text);
	return output_end(&output);
}

static int run_runs(const struct command *command, int argc, char **argv)
{
	struct runs_settings settings;
	struct option_rest rest;
	int status;

	if (!option_parse(command, argc, argv, &settings, &rest, &status))
		return status;
	if (rest.count)
		return option_mistake(command, "it takes no run; `sonde report RUN` shows one");
	signal(SIGPIPE, SIG_IGN);
	return settings.schema ? document() : list(&settings);
}

#define AT(member) offsetof(struct runs_settings, member)

static const struct option options[] = {
	{ .name = "limit", .letter = 'n', .type = OPTION_INTEGER, .offset = AT(limit), .min = 1, .max = INT64_MAX,
	  .argument = "N", .help = "the newest N; if not given, 30, and all with --json" },
	{ .name = "all", .letter = 'a', .type = OPTION_FLAG, .offset = AT(all), .help = "all of them" },
	{ .name = "json", .letter = 'j', .type = OPTION_FLAG, .offset = AT(json),
	  .help = "one JSON object a line, the newest first" },
	{ .name = "store", .type = OPTION_STRING, .offset = AT(store), .argument = "FILE",
	  .help = "where runs are kept" },
	{ .name = "schema", .type = OPTION_FLAG, .offset = AT(schema) },
	{ 0 }
};

static const struct example examples[] = {
	{ "sonde runs", "what was recorded, the newest first" },
	{ "sonde runs --json | jq 'select(.exit_status != 0) | .id'", "runs that failed" },
	{ 0 }
};

const struct command runs_command = {
	.name = "runs",
	.summary = "list recorded runs",
	.usage = "[OPTION]...",
	.description = "Lists the recorded runs, the newest first: when each began, how long it took, how it ended, "
		       "how many processes it had, their CPU time, and what it takes in the store. One that is being "
		       "recorded is shown as it is so far; one whose recorder died is interrupted, and what there is "
		       "of it ends a second or so before.\n\n"
		       "Other commands take a run as its number, its name (the latest of that name), last, or last~1 "
		       "for the one before. A number goes before a name of the same digits.\n\n"
		       "The store is a SQLite file (docs/store.md describes its tables): --store FILE, $SONDE_STORE, "
		       "/var/lib/sonde/store.db for root, or ~/.local/state/sonde/store.db.",
	.examples = examples,
	.options = options,
	.run = run_runs,
};
