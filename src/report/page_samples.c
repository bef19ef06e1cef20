/*
 * Samples, so that the page can draw what a part of the run used. They stand by process, each number as the difference
 * to the sample before it; when there are very many, every second or third of a process is left out, the last never.
 */
#include <stdlib.h>

#include "base/alloc.h"
#include "report/page_data.h"
#include "books/series.h"

#define MOST_SAMPLES 150000

struct chosen {
	const struct run_sample *sample;
	const struct run_sample *before;	/* of the same process, NULL: its first */
	u32 place;				/* of its process */
};

static u32 choose(const struct run *run, const u32 *order, struct chosen *chosen)
{
	struct series_samples by = series_samples(run);
	u32 every = run->sample_count / MOST_SAMPLES + 1, count = 0;

	for (u32 place = 0; place < run->process_count; place++) {
		const struct run_sample *before = NULL;
		u32 first = by.first[order[place]], end = by.first[order[place] + 1];

		for (u32 i = first; i < end; i++) {
			if ((i - first) % every && i + 1 < end)
				continue;
			chosen[count++] = (struct chosen){ &run->samples[by.items[i]], before, place };
			before = &run->samples[by.items[i]];
		}
	}
	free(by.first);
	free(by.items);
	return count;
}

static s64 difference(const struct chosen *chosen, size_t offset, u64 unit)
{
	u64 now = *(const u64 *)((const char *)chosen->sample + offset);
	u64 before = chosen->before ? *(const u64 *)((const char *)chosen->before + offset) : 0;

	return (s64)(now / unit) - (s64)(before / unit);
}

void page_samples(struct file *file, struct jot *jot, const struct export *export, const u32 *order)
{
	static const struct { const char *key; size_t offset; u64 unit; } columns[] = {
		{ "cpu", offsetof(struct run_sample, cpu), 1000 },
		{ "wait", offsetof(struct run_sample, cpu_wait), 1000 },
		{ "memory", offsetof(struct run_sample, memory), 1024 },
		{ "read", offsetof(struct run_sample, disk_read), 1024 },
		{ "write", offsetof(struct run_sample, disk_write), 1024 },
	};
	const struct run *run = export->run;
	struct chosen *chosen = xcalloc((size_t)run->sample_count + 1, sizeof(*chosen));
	u32 count = choose(run, order, chosen);

	jot_open(jot, "samples", '{');
	jot_open(jot, "process", '[');
	for (u32 i = 0; i < count; i++)
		jot_unsigned(jot, NULL, chosen[i].place - (i ? chosen[i - 1].place : 0));
	jot_close(jot, ']');
	jot_open(jot, "time", '[');
	for (u32 i = 0; i < count; i++)
		jot_signed(jot, NULL, export_time(export, chosen[i].sample->time) / 1000 -
				      (chosen[i].before ? export_time(export, chosen[i].before->time) / 1000 : 0));
	jot_close(jot, ']');
	for (size_t c = 0; c < sizeof(columns) / sizeof(columns[0]); c++) {
		jot_open(jot, columns[c].key, '[');
		for (u32 i = 0; i < count; i++)
			jot_signed(jot, NULL, difference(&chosen[i], columns[c].offset, columns[c].unit));
		jot_close(jot, ']');
		file_some(file);
	}
	jot_close(jot, '}');
	free(chosen);
}
