/* sonde report: what a recorded run was, what it cost and where its time went. */
#include <signal.h>
#include <unistd.h>

#include "base/message.h"
#include "report/page.h"
#include "report/report.h"
#include "books/store.h"
#include "cmd/command.h"
#include "cmd/output.h"
#include "cmd/terminal.h"

struct report_settings {
	int by, sort;
	bool tree, critical, files, peers, failures, all, json;
	int64_t limit;
	const char *store, *prices, *html;
};

static void hand_on(void *context)
{
	output_flush(context);
}

static int show(const struct report_settings *settings, const struct run *run, const struct findings *findings,
		const struct size_prices *prices)
{
	const struct report_style style = terminal_style(STDOUT_FILENO);
	const struct report_request request = {
		.by = settings->by < 0 ? SUM_TOOL : settings->by, .by_given = settings->by >= 0, .tree = settings->tree,
		.critical = settings->critical, .files = settings->files, .peers = settings->peers,
		.failures = settings->failures, .sort = settings->sort, .all = settings->all,
		.limit = settings->limit < UINT32_MAX ? settings->limit : UINT32_MAX,
	};
	struct output output = { 0 };
	const struct report_sink sink = { .out = &output.text, .some = hand_on, .context = &output };

	if (settings->html)
		return page_write(run, findings, prices, settings->html) ? 1 : 0;
	if (settings->json)
		report_json(&sink, run, findings, prices, &request);
	else
		report_text(&sink, run, findings, prices, &request, &style);
	return output_end(&output);
}

static int report(const struct report_settings *settings, const char *which)
{
	unsigned int with = STORE_WITH_ARGUMENTS | STORE_WITH_SAMPLES;
	struct size_prices *prices;
	struct text error = { 0 };
	struct findings findings;
	struct store *store = NULL;
	struct run *run = NULL;
	int status = 1;

	if (settings->files || settings->html)
		with |= STORE_WITH_FILES;
	prices = size_prices_read(settings->prices, &error);
	if (!prices)
		message_error("%s", text_string(&error));
	else
		store = store_open(settings->store, false);
	if (store)
		run = store_load(store, which, with);
	store_close(store);
	if (run) {
		findings_make(&findings, run);
		status = show(settings, run, &findings, prices);
		findings_free(&findings);
	}
	run_free(run);
	size_prices_free(prices);
	text_free(&error);
	return status;
}

static int run_report(const struct command *command, int argc, char **argv)
{
	struct report_settings settings;
	struct option_rest rest;
	int status;

	if (!option_parse(command, argc, argv, &settings, &rest, &status))
		return status;
	if (rest.count > 1)
		return option_mistake(command, "one run at a time; `sonde compare` takes several");
	if (settings.html && settings.json)
		return option_mistake(command, "--html writes a page and nothing else: leave --json away");
	signal(SIGPIPE, SIG_IGN);
	return report(&settings, rest.count ? rest.words[0] : NULL);
}

/* In the order of enum sum_by. */
static const char *const by_names[] = { "tool", "task", "process", "container", "user", "group", NULL };

#define AT(member) offsetof(struct report_settings, member)

static const struct option options[] = {
	{ .name = "by", .letter = 'b', .type = OPTION_CHOICE, .offset = AT(by), .argument = "WHAT", .choices = by_names,
	  .help = "a table of these" },
	{ .name = "tree", .letter = 't', .type = OPTION_FLAG, .offset = AT(tree),
	  .help = "who started whom, and what it cost together" },
	{ .name = "critical", .letter = 'c', .type = OPTION_FLAG, .offset = AT(critical),
	  .help = "what the run was waiting for, link by link" },
	{ .name = "failures", .type = OPTION_FLAG, .offset = AT(failures),
	  .help = "each process that failed, failed execs, signals, kills for want of memory" },
	{ .name = "files", .type = OPTION_FLAG, .offset = AT(files), .help = "files by tool, if they were recorded" },
	{ .name = "peers", .type = OPTION_FLAG, .offset = AT(peers), .help = "whom it talked to" },
	{ .name = "sort", .letter = 's', .type = OPTION_CHOICE, .offset = AT(sort), .argument = "COST",
	  .choices = report_sorts,
	  .help = "what comes first, cpu if not given" },
	{ .name = "limit", .letter = 'n', .type = OPTION_INTEGER, .offset = AT(limit),
	  .min = 1, .max = INT64_MAX, .argument = "N",
	  .help = "rows of a table; if not given, 30, and all with --json" },
	{ .name = "all", .letter = 'a', .type = OPTION_FLAG, .offset = AT(all),
	  .help = "all rows; a tree with each process" },
	{ .name = "json", .letter = 'j', .type = OPTION_FLAG, .offset = AT(json),
	  .help = "one JSON object on one line" },
	{ .name = "html", .type = OPTION_STRING, .offset = AT(html), .argument = "FILE",
	  .help = "write the run as one page for a browser, and nothing else" },
	{ .name = "prices", .type = OPTION_STRING, .offset = AT(prices), .argument = "FILE",
	  .help = "prices of machines to choose from, instead of the built-in table" },
	{ .name = "store", .type = OPTION_STRING, .offset = AT(store), .argument = "FILE",
	  .help = "where runs are kept" },
	{ 0 }
};

static const struct positional positionals[] = {
	{ .name = "[RUN]", .help = "number or name of the run, last, last~1 for the one before (default last)" },
	{ 0 }
};

static const struct example examples[] = {
	{ "sonde report", "the last run: totals, tools, critical path, failures" },
	{ "sonde report nightly --by task --sort memory",
	  "the tasks of the latest run of that name, the largest first" },
	{ "sonde report 17 --tree --all", "every process of run 17 below the one that started it" },
	{ "sonde report --html run.html", "the last run as a page: timeline, charts, tables, findings" },
	{ "sonde report --json --critical | jq '.critical[] | select(.disk_ns > 1e9)'",
	  "where the last run waited for disks" },
	{ 0 }
};

const struct command report_command = {
	.name = "report",
	.summary = "show what a recorded run was and what it cost",
	.usage = "[RUN] [OPTION]...",
	.description = "Shows a run that was recorded: what it cost in all, which tools took it, what the run was "
		       "waiting for (the critical path), what failed, and what the figures do not cover.\n\n"
		       "Memory is that of the largest process, or of all together at the moment it was seen highest, "
		       "whichever is more. Wall is the time in which at least one process of the row was there.",
	.examples = examples,
	.options = options,
	.positionals = positionals,
	.run = run_report,
};
