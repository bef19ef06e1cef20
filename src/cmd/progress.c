#include "cmd/progress.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/duration.h"
#include "base/text.h"

#define ERASE "\r\033[K"

static void write_line(const struct text *line)
{
	/* a terminal that takes nothing now gets the next one */
	if (write(STDERR_FILENO, text_string(line), line->length) < 0)
		return;
}

void progress_begin(struct progress *progress, bool wanted)
{
	progress->shown = wanted && isatty(STDERR_FILENO);
}

/* A line that fits the terminal as it is now; one that wraps could not be taken back. */
void progress_show(struct progress *progress, struct recorder_now now, u64 duration)
{
	char took[DURATION_TEXT_SIZE], memory[SIZE_TEXT_SIZE], line[256];
	struct winsize size = { .ws_col = 80 };
	struct text out = { 0 };
	double cpus = 0;
	int length;

	if (!progress->shown)
		return;
	ioctl(STDERR_FILENO, TIOCGWINSZ, &size);
	if (duration > progress->duration && now.costs.cpu > progress->cpu)
		cpus = (double)(now.costs.cpu - progress->cpu) / (duration - progress->duration);
	progress->cpu = now.costs.cpu;
	progress->duration = duration;
	length = snprintf(line, sizeof(line), "sonde: %s  %llu process%s, %llu alive  %.1f CPUs  %s%s",
			  duration_format(duration, took), (unsigned long long)now.processes,
			  now.processes == 1 ? "" : "es", (unsigned long long)now.living, cpus, size_format(now.memory, memory),
			  now.lost ? "  events lost" : "");
	if (now.failed && length < (int)sizeof(line))
		length += snprintf(line + length, sizeof(line) - length, "  %llu failed", (unsigned long long)now.failed);
	if (size.ws_col && length >= size.ws_col)
		length = size.ws_col - 1;
	text_add(&out, ERASE);
	text_add_bytes(&out, line, length);
	write_line(&out);
	text_free(&out);
	progress->drawn = true;
}

void progress_end(struct progress *progress)
{
	struct text out = { 0 };

	if (!progress->drawn)
		return;
	text_add(&out, ERASE);
	write_line(&out);
	text_free(&out);
	progress->drawn = false;
}
