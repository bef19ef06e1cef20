/*
 * Events come in order, many to a second, so the calendar is worked out once a second and only the
 * nine digits of the fraction are written per event.
 */
#include "base/wall.h"

#include <stdio.h>
#include <time.h>

#define SECOND 1000000000LL

/* What reading two clocks one after the other can resolve on a busy machine. */
static const int64_t wall_tolerance = 20000;

static int64_t wall_read(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return now.tv_sec * SECOND + now.tv_nsec;
}

uint64_t wall_tick(void)
{
	struct timespec tick;

	/* what the coarse clocks go by */
	clock_getres(CLOCK_MONOTONIC_COARSE, &tick);
	return tick.tv_nsec;
}

uint64_t wall_boot_now(void)
{
	return wall_read(CLOCK_BOOTTIME);
}

bool wall_is_due(uint64_t *due, uint64_t now, uint64_t interval)
{
	if (now < *due)
		return false;
	*due += (now - *due) / interval * interval + interval;
	return true;
}

int64_t wall_refresh(struct wall *wall)
{
	int64_t offset = 0, narrowest = INT64_MAX, moved;

	/* A preemption between the readings widens the bracket; of a few tries take the best. */
	for (int try = 0; try < 4; try++) {
		int64_t before = wall_read(CLOCK_BOOTTIME);
		int64_t real = wall_read(CLOCK_REALTIME);
		int64_t after = wall_read(CLOCK_BOOTTIME);

		if (after - before < narrowest) {
			narrowest = after - before;
			offset = real - before - (after - before) / 2;
		}
	}
	moved = offset - wall->offset;
	if (moved > -wall_tolerance && moved < wall_tolerance)
		return 0;
	wall->offset = offset;
	return moved;
}

int64_t wall_from_boot(const struct wall *wall, uint64_t boot)
{
	return (int64_t)((uint64_t)wall->offset + boot);
}

static void wall_fill(struct wall_second *cached, int64_t second)
{
	time_t when = second;
	struct tm utc;

	cached->second = second;
	cached->length = 0;
	/* RFC 3339 ends at the year 9999; so does what fits the prefix. */
	if (gmtime_r(&when, &utc))
		cached->length = strftime(cached->prefix, sizeof(cached->prefix), "%Y-%m-%dT%H:%M:%S.", &utc);
}

static const struct wall_second *wall_find(struct wall *wall, int64_t second)
{
	struct wall_second *cached = &wall->seconds[wall->latest];

	if (cached->second != second || !cached->length) {
		wall->latest = !wall->latest;
		cached = &wall->seconds[wall->latest];
		if (cached->second != second || !cached->length)
			wall_fill(cached, second);
	}
	return cached;
}

void wall_format(struct wall *wall, struct text *text, uint64_t boot)
{
	int64_t when = wall_from_boot(wall, boot);
	int64_t second = when / SECOND, fraction = when % SECOND;
	const struct wall_second *cached;

	if (fraction < 0) {
		fraction += SECOND;
		second--;
	}
	cached = wall_find(wall, second);
	text_add_bytes(text, cached->prefix, cached->length);
	text_add_padded(text, fraction, 9);
	text_add_char(text, 'Z');
}
