/* Puts a report together. Everything is computed where it is shown, so that what was not asked for costs nothing. */
#include "report/report.h"

#include <stdlib.h>

#include "base/columns.h"
#include "base/duration.h"
#include "base/escape.h"
#include "report/report_part.h"

#define MUCH 65536
#define TABLE_ROWS 30
#define SUMMARY_ROWS 8
#define NETWORK_ROWS 6

void report_title(struct report *report, const char *title)
{
	text_add_format(report->out, report->style.colour ? "\n\033[1m%s\033[0m\n" : "\n%s\n", title);
	report_some(report);
}

void report_some(struct report *report)
{
	if (report->sink->some && report->out->length >= MUCH)
		report->sink->some(report->sink->context);
}

u32 report_limit(const struct report *report, u32 usual)
{
	if (report->request->all)
		return 0;
	return report->request->limit ? report->request->limit : usual;
}

void report_more(struct report *report, u32 more)
{
	if (more)
		text_add_format(report->out, "  %u more (--all shows them)\n", more);
}

void report_duration(struct report *report, u64 ns)
{
	char buffer[DURATION_TEXT_SIZE];

	text_add(report->out, duration_format(ns, buffer));
}

void report_begin(struct report *report, const struct report_sink *sink, const struct run *run,
		  const struct report_request *request)
{
	struct sum_row *total;
	u32 count;

	*report = (struct report){
		.run = run, .request = request, .sink = sink, .out = sink->out, .users = user_table_new(NULL),
	};
	total = sum_make(run, SUM_TOTAL, &count);
	report->total = *total;
	free(total);
}

void report_end(struct report *report)
{
	user_table_free(report->users);
}

void report_wrapped(struct report *report, const struct text *words, unsigned int indent)
{
	size_t column = 0, width = report->style.width;
	struct text escaped = { 0 };
	const char *at, *end;

	escape_terminal(&escaped, words->data, words->length);
	at = text_string(&escaped);
	end = at + escaped.length;
	while (at < end) {
		const char *space = memchr(at, ' ', end - at), *stop = space ? space : end;
		size_t length = columns_of(at, stop - at);

		if (column && width && column + 1 + length > width) {
			text_add_char(report->out, '\n');
			column = 0;
		}
		columns_pad(report->out, column ? 1 : indent);
		text_add_bytes(report->out, at, stop - at);
		column += length + (column ? 1 : indent);
		at = stop + 1;
	}
	if (column)
		text_add_char(report->out, '\n');
	text_free(&escaped);
}

void report_findings(struct report *report)
{
	const struct findings *findings = report->findings;

	if (!findings || !findings->count)
		return;
	report_title(report, "Findings");
	for (u32 i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->items[i];

		text_add_format(report->out, report->style.colour ? "  \033[1m%u. " : "  %u. ", i + 1);
		escape_terminal(report->out, finding->title.data, finding->title.length);
		text_add(report->out, report->style.colour ? "\033[0m (" : " (");
		text_add(report->out, finding_sureness_name(finding->sureness));
		if (finding->lost) {
			text_add(report->out, "; about ");
			report_duration(report, finding->lost);
		}
		text_add(report->out, ")\n");
		report_wrapped(report, &finding->evidence, 5);
		report_wrapped(report, &finding->advice, 5);
	}
}

/* A command's path is the run's; what a machine did while it was watched was not one thing that had to end. */
static bool has_path(const struct run *run)
{
	return run->kind == RUN_COMMAND && run->process_count > 1;
}

static void default_sections(struct report *report, u32 rows)
{
	report_head(report);
	report_findings(report);
	report_table(report, SUM_TOOL, rows);
	if (report->run->task_count)
		report_table(report, SUM_GROUP, rows);
	if (has_path(report->run))
		report_critical(report, false);
	report_network(report, NETWORK_ROWS);
	report_failures(report, false);
	report_size(report);
}

void report_summary(struct text *out, const struct run *run, const struct findings *findings,
		    const struct report_style *style)
{
	const struct report_sink sink = { .out = out };
	const struct report_request request = { .sort = -1 };
	struct report report;

	report_begin(&report, &sink, run, &request);
	report.findings = findings;
	report.style = *style;
	default_sections(&report, SUMMARY_ROWS);
	text_add_format(out, "\n`sonde report %llu` says more: --by task, --tree, --critical, --html FILE\n",
			(unsigned long long)run->id);
	report_end(&report);
}

void report_text(const struct report_sink *sink, const struct run *run, const struct findings *findings,
		 const struct size_prices *prices, const struct report_request *request,
		 const struct report_style *style)
{
	bool chosen = request->by_given || request->tree || request->critical || request->files || request->peers ||
		      request->failures;
	struct report report;

	report_begin(&report, sink, run, request);
	report.findings = findings;
	report.prices = prices;
	report.style = *style;
	if (!chosen) {
		default_sections(&report, TABLE_ROWS);
	} else {
		report_head(&report);
		if (request->by_given)
			report_table(&report, request->by, TABLE_ROWS);
		if (request->tree)
			report_tree(&report);
		if (request->critical)
			report_critical(&report, true);
		if (request->failures)
			report_failures(&report, true);
		if (request->files)
			report_files(&report);
		if (request->peers)
			report_peers(&report);
	}
	report_end(&report);
}
