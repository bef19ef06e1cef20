#include "hist/print.h"

#include <string.h>

#include "base/duration.h"
#include "base/escape.h"
#include "hist/key.h"

#define BAR 40

static const struct {
	const char *name;
	double part;
} percentiles[] = { { "p50", 0.5 }, { "p90", 0.9 }, { "p99", 0.99 }, { "p999", 0.999 } };

#define PERCENTILES (sizeof(percentiles) / sizeof(percentiles[0]))

static void print_duration(struct text *out, const char *name, u64 ns)
{
	char buffer[DURATION_TEXT_SIZE];

	text_add_format(out, "  %s %s", name, duration_format(ns, buffer));
}

static void print_figures(struct text *out, const struct histogram *histogram, u64 count)
{
	text_add_format(out, "count %llu", (unsigned long long)count);
	print_duration(out, "mean", histogram_mean(histogram));
	for (size_t i = 0; i < PERCENTILES; i++)
		print_duration(out, percentiles[i].name, histogram_percentile(histogram, percentiles[i].part));
	print_duration(out, "max", histogram->max);
	text_add_char(out, '\n');
}

static void print_row(struct text *out, const struct histogram *histogram, unsigned int row, u64 most)
{
	char from[DURATION_TEXT_SIZE], to[DURATION_TEXT_SIZE];
	u64 count = histogram_row_count(histogram, row);
	u64 length = most ? (count * BAR + most - 1) / most : 0;

	duration_format(histogram_row_from(row), from);
	if (row + 1 < HISTOGRAM_ROWS)
		duration_format(histogram_row_from(row + 1), to);
	text_add_format(out, "%14s .. %-12s %12llu |", from, row + 1 < HISTOGRAM_ROWS ? to : "",
			(unsigned long long)count);
	for (u64 i = 0; i < BAR; i++)
		text_add_char(out, i < length ? '@' : ' ');
	text_add(out, "|\n");
}

/* From the first row that holds something to the last. */
static void print_rows(struct text *out, const struct histogram *histogram)
{
	unsigned int first = HISTOGRAM_ROWS, last = 0;
	u64 most = 0;

	for (unsigned int row = 0; row < HISTOGRAM_ROWS; row++) {
		u64 count = histogram_row_count(histogram, row);

		if (!count)
			continue;
		if (first == HISTOGRAM_ROWS)
			first = row;
		last = row;
		most = count > most ? count : most;
	}
	for (unsigned int row = first; row <= last; row++)
		print_row(out, histogram, row, most);
	text_add_char(out, '\n');
}

static void print_head(const struct hist_print *print, struct text *out, u64 count, const struct hist_span *span)
{
	char from[DURATION_TEXT_SIZE], to[DURATION_TEXT_SIZE];

	text_add_format(out, "%s%s%s", print->measure->name, print->syscall ? " " : "",
			print->syscall ? print->syscall : "");
	if (print->by)
		text_add_format(out, " by %s", histogram_by_name(print->by));
	text_add_format(out, ", %s to %s: %s, %llu times\n\n", duration_format(span->from - span->start, from),
			duration_format(span->to - span->start, to), print->measure->what,
			(unsigned long long)count);
}

static void print_one(struct text *out, const char *label, const struct histogram *histogram, u64 count)
{
	escape_terminal(out, label, strlen(label));
	text_add(out, *label ? "  " : "");
	print_figures(out, histogram, count);
	print_rows(out, histogram);
}

void hist_print_text(const struct hist_print *print, struct text *out, const struct hist_set *set,
		     const struct hist_span *span)
{
	size_t shown = print->top && print->top < set->count ? print->top : set->count;
	u64 hidden = 0;

	print_head(print, out, hist_set_count(set), span);
	for (size_t i = 0; i < shown; i++)
		print_one(out, set->entries[i]->label, &set->entries[i]->histogram, set->entries[i]->count);
	for (size_t i = shown; i < set->count; i++)
		hidden += set->entries[i]->count;
	if (hidden)
		text_add_format(out, "%zu more with %llu together (--top 0 shows all)\n\n", set->count - shown,
				(unsigned long long)hidden);
	if (set->other_count)
		print_one(out, print->by ? "other" : "", &set->other, set->other_count);
}

static void json_histogram(struct text *out, const struct histogram *histogram, u64 count)
{
	bool first = true;

	text_add_format(out, ",\"count\":%llu,\"sum_ns\":%llu,\"mean_ns\":%llu,\"max_ns\":%llu",
			(unsigned long long)count, (unsigned long long)histogram->sum,
			(unsigned long long)histogram_mean(histogram), (unsigned long long)histogram->max);
	for (size_t i = 0; i < PERCENTILES; i++)
		text_add_format(out, ",\"%s_ns\":%llu", percentiles[i].name,
				(unsigned long long)histogram_percentile(histogram, percentiles[i].part));
	text_add(out, ",\"buckets\":[");
	for (u32 i = 0; i < HISTOGRAM_BUCKETS; i++) {
		u64 from = histogram_bucket_from(i), to = histogram_bucket_from(i + 1);

		if (!histogram->buckets[i])
			continue;
		/* the last bucket ends after the largest value there was */
		if (i == HISTOGRAM_BUCKETS - 1 && histogram->max >= to)
			to = histogram->max + 1;
		text_add_format(out, "%s{\"from_ns\":%llu,\"to_ns\":%llu,\"count\":%llu}", first ? "" : ",",
				(unsigned long long)from, (unsigned long long)to,
				(unsigned long long)histogram->buckets[i]);
		first = false;
	}
	text_add(out, "]}\n");
}

static void json_head(struct hist_print *print, struct text *out, const struct hist_span *span)
{
	text_add(out, "{\"kind\":\"histogram\",\"time\":\"");
	wall_format(&print->wall, out, span->to);
	text_add_format(out, "\",\"interval_ns\":%llu,\"measure\":\"%s\"", (unsigned long long)(span->to - span->from),
			print->measure->name);
	if (print->syscall) {
		text_add(out, ",\"syscall\":");
		escape_json_quoted(out, print->syscall, strlen(print->syscall));
	}
	if (print->by)
		text_add_format(out, ",\"by\":\"%s\"", histogram_by_name(print->by));
}

u64 hist_print_json(struct hist_print *print, struct text *out, const struct hist_set *set,
		    const struct hist_span *span)
{
	u64 lines = set->count;

	wall_refresh(&print->wall);
	for (size_t i = 0; i < set->count; i++) {
		const struct hist_entry *entry = set->entries[i];

		json_head(print, out, span);
		text_add(out, ",\"key\":");
		escape_json_quoted(out, entry->label, strlen(entry->label));
		hist_key_json(out, print->by, entry, print->identity, &print->wall);
		json_histogram(out, &entry->histogram, entry->count);
	}
	/* without a key there is always a line, so that an interval in which nothing happened is seen */
	if (set->other_count || !print->by) {
		json_head(print, out, span);
		if (print->by)
			text_add(out, ",\"other\":true");
		json_histogram(out, &set->other, set->other_count);
		lines++;
	}
	return lines;
}
