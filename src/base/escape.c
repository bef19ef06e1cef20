/*
 * Nearly all bytes need nothing. Each escaper therefore finds the longest clean run, eight bytes at
 * a time where it can, copies it at once, and deals with what stopped it. What a terminal could act
 * on (C1 controls, bidirectional overrides) is escaped in JSON too: the value stays the same, and
 * a log that someone prints cannot bite.
 */
#include "base/escape.h"

static const char escape_digits[] = "0123456789abcdef";

#define ONES 0x0101010101010101ULL
#define HIGHS 0x8080808080808080ULL

/* Nonzero when one of the eight bytes is below 0x20, above 0x7e, a quote or a backslash. */
static inline uint64_t escape_suspect(uint64_t word)
{
	uint64_t quote = word ^ (ONES * '"'), backslash = word ^ (ONES * '\\');
	uint64_t delete = word ^ (ONES * 0x7f);

	return (word | (word - ONES * 0x20) | (quote - ONES) | (backslash - ONES) |
		(delete - ONES)) & HIGHS;
}

static inline bool escape_is_clean(unsigned char byte)
{
	return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

/* How many bytes from the start are ASCII that every escaper but the shell's copies as it is. */
static inline size_t escape_clean_run(const unsigned char *bytes, size_t count)
{
	size_t at = 0;
	uint64_t word;

	for (; count - at >= sizeof(word); at += sizeof(word)) {
		memcpy(&word, bytes + at, sizeof(word));
		if (escape_suspect(word))
			break;
	}
	while (at < count && escape_is_clean(bytes[at]))
		at++;
	return at;
}

/*
 * Decodes one character of valid UTF-8: its length, or 0 for a byte that begins none (overlong
 * forms, surrogates and what lies beyond U+10FFFF are not valid).
 */
static size_t escape_decode(const unsigned char *bytes, size_t count, uint32_t *point)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t length;

	if (bytes[0] < 0x80) {
		*point = bytes[0];
		return 1;
	}
	if (bytes[0] < 0xc2 || bytes[0] > 0xf4)
		return 0;
	length = bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : 4;
	if (count < length)
		return 0;
	*point = bytes[0] & (0x7f >> length);
	for (size_t i = 1; i < length; i++) {
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
		*point = *point << 6 | (bytes[i] & 0x3f);
	}
	if (*point < least[length] || *point > 0x10ffff || (*point >= 0xd800 && *point <= 0xdfff))
		return 0;
	return length;
}

bool escape_is_text(const void *start, size_t count)
{
	const unsigned char *bytes = start;

	while (count) {
		size_t length = escape_clean_run(bytes, count);
		uint32_t point = 1;

		bytes += length;
		count -= length;
		length = count ? escape_decode(bytes, count, &point) : 0;
		if (count && (!length || !point))
			return false;
		bytes += length;
		count -= length;
	}
	return true;
}

/* Characters that make a terminal act, or make text read as something else than it is. */
static bool escape_is_hostile(uint32_t point)
{
	return point < 0x20 || (point >= 0x7f && point < 0xa0) ||
	       point == 0x061c || point == 0x200e || point == 0x200f ||
	       (point >= 0x2028 && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
}

static void escape_add_x(struct text *text, unsigned char byte)
{
	char escaped[4] = {'\\', 'x', escape_digits[byte >> 4], escape_digits[byte & 15]};

	text_add_bytes(text, escaped, sizeof(escaped));
}

/* Every hostile character lies in the first plane, so four digits do. */
static void escape_add_u(struct text *text, uint32_t point)
{
	char escaped[6] = {'\\', 'u', escape_digits[point >> 12 & 15],
			   escape_digits[point >> 8 & 15], escape_digits[point >> 4 & 15],
			   escape_digits[point & 15]};

	text_add_bytes(text, escaped, sizeof(escaped));
}

/* The letter that C, JSON and shells share for a control byte, or 0. */
static char escape_letter(uint32_t point)
{
	return point == '\n' ? 'n' : point == '\r' ? 'r' : point == '\t' ? 't' : 0;
}

static void escape_add_letter(struct text *text, char letter)
{
	char escaped[2] = {'\\', letter};

	text_add_bytes(text, escaped, sizeof(escaped));
}

void escape_json(struct text *text, const void *start, size_t count)
{
	const unsigned char *bytes = start;

	while (count) {
		size_t length = escape_clean_run(bytes, count);
		uint32_t point;

		text_add_bytes(text, bytes, length);
		bytes += length;
		count -= length;
		if (!count)
			break;
		length = escape_decode(bytes, count, &point);
		if (!length) {
			text_add(text, "\xef\xbf\xbd");
			length = 1;
		} else if (point == '"' || point == '\\') {
			escape_add_letter(text, point);
		} else if (escape_letter(point)) {
			escape_add_letter(text, escape_letter(point));
		} else if (escape_is_hostile(point)) {
			escape_add_u(text, point);
		} else {
			text_add_bytes(text, bytes, length);
		}
		bytes += length;
		count -= length;
	}
}

void escape_terminal(struct text *text, const void *start, size_t count)
{
	const unsigned char *bytes = start;

	while (count) {
		size_t length = escape_clean_run(bytes, count);
		uint32_t point;

		text_add_bytes(text, bytes, length);
		bytes += length;
		count -= length;
		if (!count)
			break;
		length = escape_decode(bytes, count, &point);
		if (!length) {
			escape_add_x(text, bytes[0]);
			length = 1;
		} else if (escape_letter(point)) {
			escape_add_letter(text, escape_letter(point));
		} else if (!escape_is_hostile(point)) {
			text_add_bytes(text, bytes, length);
		} else if (length == 1) {
			escape_add_x(text, point);
		} else {
			escape_add_u(text, point);
		}
		bytes += length;
		count -= length;
	}
}

static bool escape_is_bare(unsigned char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
	       (byte >= '0' && byte <= '9') || (byte && strchr("_-./:,@%+=", byte));
}

enum escape_quoting { QUOTING_NONE, QUOTING_SINGLE, QUOTING_DOLLAR };

static enum escape_quoting escape_choose_quoting(const unsigned char *bytes, size_t count)
{
	/* zsh expands a word that begins with '='. */
	enum escape_quoting quoting = !count || bytes[0] == '=' ? QUOTING_SINGLE : QUOTING_NONE;

	while (count) {
		uint32_t point;
		size_t length = escape_decode(bytes, count, &point);

		if (!length || escape_is_hostile(point))
			return QUOTING_DOLLAR;
		if (length > 1 || !escape_is_bare(bytes[0]))
			quoting = QUOTING_SINGLE;
		bytes += length;
		count -= length;
	}
	return quoting;
}

static void escape_add_dollar(struct text *text, const unsigned char *bytes, size_t count)
{
	text_add(text, "$'");
	while (count) {
		uint32_t point;
		size_t length = escape_decode(bytes, count, &point);

		if (!length || (length > 1 && escape_is_hostile(point))) {
			/* Byte by byte: \u would depend on the locale of the shell. */
			length = length ? length : 1;
			for (size_t i = 0; i < length; i++)
				escape_add_x(text, bytes[i]);
		} else if (point == '\'' || point == '\\') {
			escape_add_letter(text, point);
		} else if (escape_letter(point)) {
			escape_add_letter(text, escape_letter(point));
		} else if (escape_is_hostile(point)) {
			escape_add_x(text, point);
		} else {
			text_add_bytes(text, bytes, length);
		}
		bytes += length;
		count -= length;
	}
	text_add_char(text, '\'');
}

void escape_shell(struct text *text, const void *start, size_t count)
{
	const unsigned char *bytes = start;

	switch (escape_choose_quoting(bytes, count)) {
	case QUOTING_NONE:
		text_add_bytes(text, bytes, count);
		return;
	case QUOTING_DOLLAR:
		escape_add_dollar(text, bytes, count);
		return;
	case QUOTING_SINGLE:
		break;
	}
	text_add_char(text, '\'');
	for (size_t i = 0; i < count; i++) {
		if (bytes[i] == '\'')
			text_add(text, "'\\''");
		else
			text_add_char(text, bytes[i]);
	}
	text_add_char(text, '\'');
}

void escape_markup(struct text *out, const void *bytes, size_t count)
{
	const char *from = bytes;

	for (size_t i = 0; i < count; i++) {
		switch (from[i]) {
		case '<':
			text_add(out, "&lt;");
			break;
		case '>':
			text_add(out, "&gt;");
			break;
		case '&':
			text_add(out, "&amp;");
			break;
		case '"':
			text_add(out, "&quot;");
			break;
		default:
			text_add_char(out, from[i]);
		}
	}
}
