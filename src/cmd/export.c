/* sonde export: a recorded run in the formats that others read. */
#include <stdio.h>

#include "base/message.h"
#include "books/store.h"
#include "cmd/command.h"
#include "cmd/stop.h"
#include "report/export.h"

enum format { FORMAT_PERFETTO, FORMAT_JSON, FORMAT_CSV, FORMAT_OTLP };

struct export_settings {
	int format;
	const char *output, *prices, *store;
};

static int write_format(const struct export *export, const struct export_settings *settings)
{
	switch ((enum format)settings->format) {
	case FORMAT_PERFETTO:
		return export_perfetto(export, settings->output);
	case FORMAT_JSON:
		return export_json(export, settings->output);
	case FORMAT_CSV:
		return export_csv(export, settings->output);
	case FORMAT_OTLP:
		return export_otlp(export, settings->output);
	}
	return -1;
}

static int export_run(const struct export_settings *settings, const char *which)
{
	struct store *store = NULL;
	struct text error = { 0 };
	struct size_prices *prices = size_prices_read(settings->prices, &error);
	struct findings findings;
	struct export export;
	struct run *run = NULL;
	int status = 1;

	if (prices)
		store = store_open(settings->store, false);
	else
		message_error("%s", text_string(&error));
	if (store)
		run = store_load(store, which, STORE_WITH_ARGUMENTS | STORE_WITH_SAMPLES | STORE_WITH_FILES);
	store_close(store);
	if (run) {
		findings_make(&findings, run);
		export_begin(&export, run, &findings, prices);
		status = write_format(&export, settings) ? 1 : 0;
		export_end(&export);
		findings_free(&findings);
	}
	run_free(run);
	size_prices_free(prices);
	text_free(&error);
	return status;
}

static int run_export(const struct command *command, int argc, char **argv)
{
	struct export_settings settings = { 0 };
	struct option_rest rest;
	int status;

	if (!option_parse(command, argc, argv, &settings, &rest, &status))
		return status;
	if (settings.format < 0)
		return option_mistake(command, "which format? --format perfetto, json, csv or otlp");
	if (settings.format == FORMAT_CSV && !settings.output)
		return option_mistake(command, "csv is several tables: name a directory for them with -o");
	stop_prepare(0);
	return export_run(&settings, rest.count ? rest.words[0] : NULL);
}

static const char *const formats[] = { "perfetto", "json", "csv", "otlp", NULL };

static const struct option options[] = {
	{ .name = "format", .letter = 'f', .type = OPTION_CHOICE, .offset = offsetof(struct export_settings, format),
	  .argument = "FORMAT", .choices = formats, .help = "what to write" },
	{ .name = "output", .letter = 'o', .type = OPTION_STRING, .offset = offsetof(struct export_settings, output),
	  .argument = "PATH", .help = "the file to write, or the directory for csv (else standard output)" },
	{ .name = "prices", .type = OPTION_STRING, .offset = offsetof(struct export_settings, prices), .argument = "FILE",
	  .help = "json: prices of machines to choose from, instead of the built-in table" },
	{ .name = "store", .type = OPTION_STRING, .offset = offsetof(struct export_settings, store), .argument = "FILE",
	  .help = "where runs are kept" },
	{ 0 }
};

static const struct positional positionals[] = {
	{ .name = "[RUN]", .help = "an id, a name, last (the default) or last~1" },
	{ 0 }
};

static const struct example examples[] = {
	{ "sonde export --format perfetto -o run.json", "the last run, for ui.perfetto.dev" },
	{ "sonde export 17 --format csv -o tables", "run 17 as CSV tables in the directory tables" },
	{ "sonde export nightly --format json | jq '.totals'", "everything about the run nightly, for a script" },
	{ "sonde export --format otlp -o trace.jsonl", "a trace for an OpenTelemetry collector" },
	{ 0 }
};

const struct command export_command = {
	.name = "export",
	.summary = "write a recorded run in a format that others read",
	.usage = "[RUN] --format FORMAT [OPTION]...",
	.description =
		"Writes a run as a trace for ui.perfetto.dev, as one JSON object with everything in it, as CSV tables, or as "
		"OpenTelemetry spans (OTLP/JSON: a run is a trace, a process is a span).\n\n"
		"A file is put in place when it is whole; one that was there stays until then.",
	.examples = examples,
	.options = options,
	.positionals = positionals,
	.run = run_export,
};
