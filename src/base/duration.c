/*
 * Both parsers read "number unit" pairs against a table of units, in integers throughout, so that
 * 0.1s is exactly 100 ms whatever a double makes of 0.1.
 */
#include "base/duration.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

struct unit {
	const char *name;
	uint64_t scale;
};

#define SECOND 1000000000ULL

/* Largest first; a parser may only go down the list. */
static const struct unit duration_units[] = {
	{"d", 86400 * SECOND}, {"h", 3600 * SECOND}, {"min", 60 * SECOND}, {"m", 60 * SECOND},
	{"s", SECOND}, {"ms", 1000000}, {"us", 1000}, {"\xc2\xb5s", 1000}, {"ns", 1}, {NULL, 0},
};

static const struct unit size_units[] = {
	{"TiB", 1ULL << 40}, {"T", 1ULL << 40}, {"TB", 1000000000000}, {"GiB", 1ULL << 30}, {"G", 1ULL << 30},
	{"GB", 1000000000}, {"MiB", 1ULL << 20}, {"M", 1ULL << 20}, {"MB", 1000000}, {"KiB", 1ULL << 10},
	{"K", 1ULL << 10}, {"k", 1ULL << 10}, {"KB", 1000}, {"kB", 1000}, {"B", 1}, {NULL, 0},
};

static const char *unit_skip_spaces(const char *at)
{
	while (*at == ' ')
		at++;
	return at;
}

/* Finds the end of "12" or "12.5"; NULL when there is no such number. */
static const char *unit_number_end(const char *at)
{
	const char *start = at;

	while (isdigit((unsigned char)*at))
		at++;
	if (at == start)
		return NULL;
	if (*at == '.') {
		start = ++at;
		while (isdigit((unsigned char)*at))
			at++;
		if (at == start)
			return NULL;
	}
	return at;
}

/* number times scale, rounded down; digits that no unit could show are not read. */
static int unit_scale(const char *number, const char *end, uint64_t scale, uint64_t *result)
{
	const uint64_t finest = 100000000000000000ULL;
	uint64_t whole = 0, fraction = 0, divisor = 1;

	for (; number < end && *number != '.'; number++)
		if (__builtin_mul_overflow(whole, 10, &whole) ||
		    __builtin_add_overflow(whole, (uint64_t)(*number - '0'), &whole))
			return -ERANGE;
	if (__builtin_mul_overflow(whole, scale, &whole))
		return -ERANGE;
	if (number < end)
		number++;
	for (; number < end && divisor < finest; number++) {
		fraction = fraction * 10 + (*number - '0');
		divisor *= 10;
	}
	fraction = (unsigned __int128)fraction * scale / divisor;
	return __builtin_add_overflow(whole, fraction, result) ? -ERANGE : 0;
}

static const struct unit *unit_find(const struct unit *units, const char *name, size_t length)
{
	for (; units->name; units++)
		if (strlen(units->name) == length && !memcmp(units->name, name, length))
			return units;
	return NULL;
}

/*
 * Reads pairs of number and unit, each unit smaller than the one before. A lone number is taken at
 * the scale `bare`, or only when it is zero if that is 0.
 */
static int unit_parse(const struct unit *units, const char *at, uint64_t bare, uint64_t *result)
{
	uint64_t total = 0, previous = UINT64_MAX;
	bool out_of_range = false;

	at = unit_skip_spaces(at);
	do {
		const char *number = at, *end = unit_number_end(at), *name;
		const struct unit *unit;
		uint64_t scale, part;

		if (!end)
			return -EINVAL;
		name = unit_skip_spaces(end);
		at = name + strcspn(name, " .0123456789");
		unit = unit_find(units, name, at - name);
		at = unit_skip_spaces(at);
		if (!unit && (name != at || previous != UINT64_MAX))
			return -EINVAL;
		scale = unit ? unit->scale : bare;
		if (scale >= previous)
			return -EINVAL;
		if (!unit && !bare && strspn(number, "0.") != (size_t)(end - number))
			return -EINVAL;
		previous = scale;
		/* Go on after an overflow: a later mistake in the syntax is the better answer. */
		if (unit_scale(number, end, scale, &part) ||
		    __builtin_add_overflow(total, part, &total) || total > INT64_MAX) {
			out_of_range = true;
			total = 0;
		}
	} while (*at);
	if (out_of_range)
		return -ERANGE;
	*result = total;
	return 0;
}

int duration_parse(const char *string, uint64_t *nanoseconds)
{
	return unit_parse(duration_units, string, 0, nanoseconds);
}

int size_parse(const char *string, uint64_t *bytes)
{
	return unit_parse(size_units, string, 1, bytes);
}

/* value / scale to the nearest, without an overflow. */
static uint64_t unit_round(uint64_t value, uint64_t scale)
{
	return value / scale + (value % scale >= scale - value % scale);
}

/* Three digits to the nearest, without trailing zeros. `units` end where the scale is 1. */
static void unit_format(char *buffer, size_t size, uint64_t value, const struct unit *units)
{
	const struct unit *unit = units;
	uint64_t whole, hundredths = 0;

	while (unit->scale > 1 && value < unit->scale)
		unit++;
	whole = unit_round(value, unit->scale);
	if (value < 100 * unit->scale) {
		uint64_t step = value < 10 * unit->scale ? 100 : 10;

		hundredths = ((unsigned __int128)value * step * 2 + unit->scale) / (2 * unit->scale) * (100 / step);
		whole = hundredths / 100;
		hundredths %= 100;
	}
	/* what comes to a larger unit is shown in it: "1 s", not "1000 ms" */
	if (unit > units && whole * unit->scale >= unit[-1].scale) {
		unit--;
		whole = 1;
		hundredths = 0;
	}
	if (!hundredths)
		snprintf(buffer, size, "%" PRIu64 " %s", whole, unit->name);
	else if (hundredths % 10 == 0)
		snprintf(buffer, size, "%" PRIu64 ".%" PRIu64 " %s", whole, hundredths / 10,
			 unit->name);
	else
		snprintf(buffer, size, "%" PRIu64 ".%02" PRIu64 " %s", whole, hundredths,
			 unit->name);
}

/* From a minute on, two units read better than a fraction. */
static void pair_format(char *buffer, size_t size, uint64_t nanoseconds)
{
	static const struct unit units[] = {
		{"d", 86400 * SECOND}, {"h", 3600 * SECOND}, {"min", 60 * SECOND}, {"s", SECOND},
	};
	size_t i = 0;
	uint32_t count, most;	/* of the smaller unit: of 584 years in hours */

	while (i < 2 && nanoseconds < units[i].scale)
		i++;
	count = unit_round(nanoseconds, units[i + 1].scale);
	if (i && count >= units[i - 1].scale / units[i + 1].scale) {
		i--;
		count = unit_round(nanoseconds, units[i + 1].scale);
	}
	most = units[i].scale / units[i + 1].scale;
	if (count % most)
		snprintf(buffer, size, "%" PRIu32 " %s %" PRIu32 " %s", count / most, units[i].name, count % most,
			 units[i + 1].name);
	else
		snprintf(buffer, size, "%" PRIu32 " %s", count / most, units[i].name);
}

char *duration_format(uint64_t nanoseconds, char buffer[static DURATION_TEXT_SIZE])
{
	static const struct unit units[] = {
		{"min", 60 * SECOND}, {"s", SECOND}, {"ms", 1000000}, {"us", 1000}, {"ns", 1},
	};

	if (!nanoseconds)
		strcpy(buffer, "0 s");
	else if (nanoseconds < units[0].scale)
		unit_format(buffer, DURATION_TEXT_SIZE, nanoseconds, units);
	else
		pair_format(buffer, DURATION_TEXT_SIZE, nanoseconds);
	return buffer;
}

char *size_format(uint64_t bytes, char buffer[static SIZE_TEXT_SIZE])
{
	static const struct unit units[] = {
		{"TiB", 1ULL << 40}, {"GiB", 1ULL << 30}, {"MiB", 1ULL << 20}, {"KiB", 1ULL << 10},
		{"B", 1},
	};

	unit_format(buffer, SIZE_TEXT_SIZE, bytes, units);
	return buffer;
}
