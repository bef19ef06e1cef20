/*
 * The table of prices: lines `provider,region,name,cpus,memory_gib,price_hour,currency`, comments with #, among them `# source: ...` and
 * `# date: ...`. The built-in one is a file of the source tree; a user's replaces it whole, in any currency, but one.
 */
#define _GNU_SOURCE
#include "findings/size.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/embed.h"
#include "base/escape.h"

EMBED(prices_builtin, "src/findings/prices.csv");

#define FILE_MOST (16u << 20)
#define GIB (1024.0 * 1024 * 1024)
/* What the system of a machine keeps for itself, and what firmware and kernel take of memory before anyone counts it. */
#define SYSTEM_SHARE 0.05
#define SYSTEM_BYTES (256.0 * 1024 * 1024)

static const char columns[] = "provider,region,name,cpus,memory_gib,price_hour,currency";

enum { COLUMNS = 7 };

struct reader {
	const char *path;
	struct text *error;
	unsigned int line;
};

/* Always false. */
static bool refuse(struct reader *reader, size_t column, const char *what)
{
	escape_terminal(reader->error, reader->path, strlen(reader->path));
	text_add_format(reader->error, ":%u:%zu: %s", reader->line, column + 1, what);
	return false;
}

static size_t trim(const char **at, size_t length)
{
	while (length && isspace((unsigned char)**at)) {
		(*at)++;
		length--;
	}
	while (length && isspace((unsigned char)(*at)[length - 1]))
		length--;
	return length;
}

static bool take_text(char *to, size_t size, const char *from, size_t length)
{
	length = trim(&from, length);
	if (!length || length >= size || memchr(from, 0, length))
		return false;
	memcpy(to, from, length);
	to[length] = '\0';
	return true;
}

static bool take_number(double *number, const char *from, size_t length)
{
	char copy[32], *end;

	if (!take_text(copy, sizeof(copy), from, length) || !isdigit((unsigned char)copy[0]))
		return false;
	*number = strtod(copy, &end);
	return !*end && isfinite(*number) && *number > 0 && *number < 1e9;
}

static bool take_column(struct size_offer *offer, int column, const char *from, size_t length)
{
	double gib;

	switch (column) {
	case 0:
		return take_text(offer->provider, sizeof(offer->provider), from, length);
	case 1:
		return take_text(offer->region, sizeof(offer->region), from, length);
	case 2:
		return take_text(offer->name, sizeof(offer->name), from, length);
	case 3:
		return take_number(&offer->cpus, from, length);
	case 4:
		if (!take_number(&gib, from, length))
			return false;
		offer->memory = gib * GIB;
		return true;
	case 5:
		return take_number(&offer->price, from, length);
	default:
		return take_text(offer->currency, sizeof(offer->currency), from, length);
	}
}

static bool take_offer(struct reader *reader, struct size_offer *offer, const char *line, size_t length)
{
	static const char *const wrong[COLUMNS] = {
		"the provider is missing or too long", "the region is missing or too long", "the name is missing or too long",
		"the number of CPUs is not a number above 0", "the memory is not a number of GiB above 0",
		"the price is not a number above 0", "the currency is missing or too long",
	};
	const char *at = line, *end = line + length;

	for (int i = 0; i < COLUMNS; i++) {
		const char *comma = memchr(at, ',', end - at), *stop = comma ? comma : end;

		if (!comma && i < COLUMNS - 1)
			return refuse(reader, end - line, "columns are missing: a line is provider,region,name,cpus,memory_gib,"
							  "price_hour,currency");
		if (comma && i == COLUMNS - 1)
			return refuse(reader, comma - line, "there are more than seven columns");
		if (!take_column(offer, i, at, stop - at))
			return refuse(reader, at - line, wrong[i]);
		at = stop + 1;
	}
	return true;
}

static void take_comment(struct size_prices *prices, const char *line, size_t length)
{
	static const char source[] = "source:", date[] = "date:";

	line++;
	length = trim(&line, length - 1);
	if (length > sizeof(source) && !strncasecmp(line, source, sizeof(source) - 1))
		take_text(prices->source, sizeof(prices->source), line + sizeof(source) - 1, length - sizeof(source) + 1);
	else if (length > sizeof(date) && !strncasecmp(line, date, sizeof(date) - 1))
		take_text(prices->date, sizeof(prices->date), line + sizeof(date) - 1, length - sizeof(date) + 1);
}

static bool read_lines(struct reader *reader, struct size_prices *prices, const char *text, size_t size)
{
	const char *end = text + size;
	u32 room = 0;

	for (const char *at = text, *next; at < end; at = next) {
		const char *newline = memchr(at, '\n', end - at), *line = at;
		size_t length = trim(&line, (newline ? newline : end) - at);

		next = newline ? newline + 1 : end;
		reader->line++;
		if (!length || (length == sizeof(columns) - 1 && !memcmp(line, columns, length)))
			continue;
		if (*line == '#') {
			take_comment(prices, line, length);
			continue;
		}
		if (prices->count == room) {
			room = room ? 2 * room : 64;
			prices->offers = xrealloc(prices->offers, room, sizeof(*prices->offers));
		}
		if (!take_offer(reader, &prices->offers[prices->count], line, length))
			return false;
		if (strcmp(prices->offers[prices->count].currency, prices->offers[0].currency))
			return refuse(reader, (const char *)memrchr(line, ',', length) + 1 - line, "another currency than in the lines "
				      "before; a table has one, so that its prices can be compared");
		prices->count++;
	}
	return prices->count || refuse(reader, 0, "there is no price in it");
}

static bool read_file(const char *path, struct text *content, struct text *error)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), failed = fd < 0 ? errno : 0;
	char buffer[65536];
	ssize_t got = 1;

	while (!failed && got > 0 && content->length <= FILE_MOST) {
		got = read(fd, buffer, sizeof(buffer));
		if (got < 0 && errno == EINTR)
			got = 1;
		else if (got < 0)
			failed = errno;
		else
			text_add_bytes(content, buffer, got);
	}
	if (fd >= 0)
		close(fd);
	if (content->failed)
		failed = ENOMEM;
	if (!failed && content->length > FILE_MOST)
		failed = EFBIG;
	if (failed) {
		escape_terminal(error, path, strlen(path));
		text_add_format(error, ": cannot read prices: %s", strerror(failed));
	}
	return !failed;
}

struct size_prices *size_prices_read(const char *path, struct text *error)
{
	struct size_prices *prices = xcalloc(1, sizeof(*prices));
	struct reader reader = { .path = path ? path : "prices.csv", .error = error };
	struct text content = { 0 };
	bool good;

	if (path)
		good = read_file(path, &content, error) && read_lines(&reader, prices, text_string(&content), content.length);
	else
		good = read_lines(&reader, prices, prices_builtin, prices_builtin_end - prices_builtin);
	text_free(&content);
	if (good)
		return prices;
	size_prices_free(prices);
	return NULL;
}

void size_prices_free(struct size_prices *prices)
{
	if (!prices)
		return;
	free(prices->offers);
	free(prices);
}

static bool fits(const struct size_offer *offer, const struct size_need *need)
{
	return offer->cpus >= need->cpus && offer->memory * (1 - SYSTEM_SHARE) - SYSTEM_BYTES >= need->memory;
}

/* Cheaper first; of equal price the one with more. */
static bool is_better(const struct size_offer *offer, const struct size_offer *than)
{
	if (offer->price != than->price)
		return offer->price < than->price;
	return offer->cpus != than->cpus ? offer->cpus > than->cpus : offer->memory > than->memory;
}

static bool is_cheapest_of_provider(const struct size_prices *prices, const struct size_need *need, const struct size_offer *offer)
{
	for (u32 i = 0; i < prices->count; i++) {
		const struct size_offer *other = &prices->offers[i];

		if (other == offer || strcmp(other->provider, offer->provider) || !fits(other, need))
			continue;
		if (is_better(other, offer) || (!is_better(offer, other) && other < offer))
			return false;
	}
	return true;
}

u32 size_fitting(const struct size_prices *prices, const struct size_need *need, const struct size_offer **offers, u32 most)
{
	u32 count = 0;

	for (u32 i = 0; i < prices->count && !need->short_of_memory; i++) {
		const struct size_offer *offer = &prices->offers[i];
		u32 at = count;

		if (!fits(offer, need) || !is_cheapest_of_provider(prices, need, offer))
			continue;
		while (at > 0 && is_better(offer, offers[at - 1]))
			at--;
		if (at >= most)
			continue;
		count = count < most ? count + 1 : most;
		memmove(offers + at + 1, offers + at, (count - at - 1) * sizeof(*offers));
		offers[at] = offer;
	}
	return count;
}

const struct size_offer *size_of_host(const struct size_prices *prices, const struct run *run)
{
	const struct size_offer *nearest = NULL;
	double best = log(2);

	if (!run->host.cpus || !run->host.memory)
		return NULL;
	for (u32 i = 0; i < prices->count; i++) {
		const struct size_offer *offer = &prices->offers[i];
		double apart = fabs(log(offer->memory / run->host.memory)) + 4 * fabs(log(offer->cpus / run->host.cpus));

		if (apart < best || (nearest && apart == best && is_better(offer, nearest))) {
			nearest = offer;
			best = apart;
		}
	}
	return nearest;
}
