/* Random expressions that fit together, and random records for them: for fuzzers and for tests of both ends of the language. */
#ifndef TESTS_LANGUAGE_H
#define TESTS_LANGUAGE_H

#include <sys/stat.h>

#include "lang/parse.h"
#include "tests/fuzz.h"
#include "tests/records.h"

static const char *const language_strings[] = {
	"/etc/passwd", "/etc", "/tmp/a b", "a", "", "/", "O_CREAT", "tcp", "established", "open", "file", "SIGKILL", "ENOENT", "create",
	"/usr/lib/x86_64-linux-gnu/libc.so.6", "/etc/./passwd", "/tmp/../etc", "/etc//a/", "/etc/.a", "..",
	"\n\t\"\\\xff", "out",
};
static const char *const language_globs[] = {
	"/etc/*", "/**", "*", "?", "/etc/p*d", "[a-z]*", "**/l*.so.?", "O_[CT]*", "[!a]", "SIG*", "[", "\\*", "/*/*", "**a**b**",
};
static const char *const language_addresses[] = {
	"10.0.0.0/8", "127.0.0.1", "::1", "fe80::/10", "0.0.0.0/0", "::/0", "10.1.2.3", "2001:db8::/33", "192.168.1.128/25",
};
static const char *const language_numbers[] = {
	"0", "1", "2", "3", "80", "443", "4242", "0777", "0x8000", "18446744073709551615", "-1", "4294967295", "9223372036854775808",
};

struct language {
	struct fuzz *fuzz;
	const struct lang_names *names;
	struct text *out;
	u32 depth;
};

static inline const char *language_pick(struct fuzz *fuzz, const char *const *from, size_t count)
{
	return from[fuzz_below(fuzz, count)];
}

#define LANGUAGE_PICK(fuzz, from) language_pick(fuzz, from, FUZZ_COUNT(from))

static inline void language_quote(struct text *out, const char *string)
{
	text_add_char(out, '"');
	for (; *string; string++)
		text_add_format(out, "\\x%02x", (unsigned char)*string);
	text_add_char(out, '"');
}

/* A symbol of this type that may be meant here; the first one if there is none. */
static inline const struct lang_symbol *language_symbol(struct language *language, enum lang_type type)
{
	for (int tries = 0; tries < 400; tries++) {
		const struct lang_symbol *symbol = &language->names->symbols[fuzz_below(language->fuzz, language->names->count)];

		if (symbol->type == type && symbol->kinds & language->names->kinds)
			return symbol;
	}
	return NULL;
}

static inline void language_literal(struct language *language, const struct lang_symbol *symbol, bool glob)
{
	struct fuzz *fuzz = language->fuzz;
	size_t words = 0;

	for (const struct word *word = symbol->words; word && word->text; word++)
		words++;
	if (words && !glob && (symbol->all_words || fuzz_below(fuzz, 2)))
		text_add(language->out, symbol->words[fuzz_below(fuzz, words)].text);
	else if (symbol->type == LANG_ADDRESS)
		text_add(language->out, LANGUAGE_PICK(fuzz, language_addresses));
	else if (symbol->type == LANG_STRING || symbol->type == LANG_STRINGS)
		language_quote(language->out, glob ? LANGUAGE_PICK(fuzz, language_globs) : LANGUAGE_PICK(fuzz, language_strings));
	else
		text_add(language->out, LANGUAGE_PICK(fuzz, language_numbers));
}

static inline void language_number(struct language *language)
{
	static const char *const signs[] = { "+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>" };
	const struct lang_symbol *symbol = language_symbol(language, LANG_NUMBER);
	struct fuzz *fuzz = language->fuzz;

	if (language->depth < 6 && !fuzz_below(fuzz, 4)) {
		language->depth++;
		text_add(language->out, fuzz_below(fuzz, 6) ? "(" : fuzz_below(fuzz, 2) ? "-(" : "~(");
		language_number(language);
		text_add_format(language->out, " %s ", LANGUAGE_PICK(fuzz, signs));
		language_number(language);
		text_add_char(language->out, ')');
		language->depth--;
	} else if (symbol && fuzz_below(fuzz, 3)) {
		text_add(language->out, symbol->name);
	} else {
		text_add(language->out, LANGUAGE_PICK(fuzz, language_numbers));
	}
}

static inline void language_list(struct language *language, const struct lang_symbol *symbol, bool glob)
{
	text_add_char(language->out, '[');
	for (size_t i = fuzz_below(language->fuzz, 4) + 1; i; i--) {
		language_literal(language, symbol, glob);
		text_add(language->out, i > 1 ? ", " : "");
	}
	text_add_char(language->out, ']');
}

static inline void language_comparison(struct language *language)
{
	static const char *const orders[] = { "==", "!=", "<", "<=", ">", ">=" };
	static const char *const patterns[] = { "startswith", "endswith", "contains", "like" };
	static const enum lang_type types[] = { LANG_STRING, LANG_STRING, LANG_STRING, LANG_STRINGS, LANG_ADDRESS, LANG_BOOL };
	struct fuzz *fuzz = language->fuzz;
	const struct lang_symbol *symbol = language_symbol(language, types[fuzz_below(fuzz, FUZZ_COUNT(types))]);
	u64 shape = fuzz_below(fuzz, 8);

	if (!symbol || shape < 3) {
		language_number(language);
		text_add_format(language->out, " %s ", LANGUAGE_PICK(fuzz, orders));
		language_number(language);
		return;
	}
	if (shape == 3) {
		text_add_format(language->out, "exists(%s)", symbol->name);
		return;
	}
	text_add(language->out, symbol->name);
	if (symbol->type == LANG_BOOL) {
		text_add(language->out, shape == 4 ? "" : shape == 5 ? " == true" : " != true");
	} else if (shape == 4) {
		text_add(language->out, fuzz_below(fuzz, 3) ? " in " : " not in ");
		language_list(language, symbol, false);
	} else if (shape == 5 || symbol->type == LANG_ADDRESS) {
		text_add(language->out, fuzz_below(fuzz, 3) ? " == " : " != ");
		language_literal(language, symbol, false);
	} else {
		const char *pattern = LANGUAGE_PICK(fuzz, patterns);
		bool glob = *pattern == 'l';

		text_add_format(language->out, "%s %s ", fuzz_below(fuzz, 4) ? "" : " not", pattern);
		if (fuzz_below(fuzz, 3))
			language_quote(language->out, glob ? LANGUAGE_PICK(fuzz, language_globs) :
							     LANGUAGE_PICK(fuzz, language_strings));
		else
			language_list(language, &(struct lang_symbol){ .type = LANG_STRING }, glob);
	}
}

/* Adds a condition. Nearly all of them fit; a rare one is refused for its types or units. */
static inline void language_condition(struct language *language)
{
	struct fuzz *fuzz = language->fuzz;

	if (language->depth >= 5 || fuzz_below(fuzz, 2)) {
		language_comparison(language);
		return;
	}
	language->depth++;
	text_add(language->out, fuzz_below(fuzz, 3) ? "(" : "not (");
	language_condition(language);
	if (fuzz_below(fuzz, 4)) {
		text_add(language->out, fuzz_below(fuzz, 2) ? " and " : " or ");
		language_condition(language);
	}
	text_add_char(language->out, ')');
	language->depth--;
}

/* As programs write them: long rows of comparisons, and long lists. */
static inline void language_long(struct language *language)
{
	static const char *const joints[] = { " or ", " and ", " and not " };
	const char *joint = LANGUAGE_PICK(language->fuzz, joints);
	const struct lang_symbol *text = language_symbol(language, LANG_STRING);
	struct fuzz *fuzz = language->fuzz;

	for (size_t i = fuzz_below(fuzz, 60); i; i--) {
		language_comparison(language);
		text_add(language->out, joint);
	}
	if (!text || text->words || fuzz_below(fuzz, 2)) {
		language_comparison(language);
		return;
	}
	text_add_format(language->out, "%s %s [", text->name, fuzz_below(fuzz, 2) ? "in" : fuzz_below(fuzz, 2) ? "startswith" : "like");
	for (size_t i = fuzz_below(fuzz, 300); i; i--)
		text_add_format(language->out, "\"/%x/%x\", ", (u32)fuzz_below(fuzz, 8), (u32)fuzz_number(fuzz));
	text_add(language->out, "\"/etc/passwd\"]");
}

/* Mostly values that expressions ask for, so that comparisons are true now and then. */
static inline void language_record(struct fuzz *fuzz, struct record_buffer *buffer, u16 kind)
{
	static const u32 numbers[] = { 0, 1, 2, 3, 80, 443, 4242, 0x1ff, 0x8000 | 0644, -1, -2, -13, S_IFDIR | 0755, 4096 };
	u16 size = record_shapes[kind].size;

	record_begin(buffer, kind);
	for (u32 at = sizeof(struct record); at < size; at += 4) {
		u32 number = fuzz_below(fuzz, 2) ? numbers[fuzz_below(fuzz, FUZZ_COUNT(numbers))] : fuzz_number(fuzz);

		if (!fuzz_below(fuzz, 3))
			number = 0;
		memcpy(buffer->bytes + at, &number, 4);
	}
	if (kind >= KIND_connect && kind <= KIND_reset) {
		struct connection_record *connection = (struct connection_record *)buffer->bytes;
		static const u16 families[] = { 2, 10, 1, 0 };
		static const u8 peers[][4] = { { 10, 1, 2, 3 }, { 127, 0, 0, 1 }, { 192, 168, 1, 200 }, { 0xfe, 0x80, 0, 0 } };

		connection->family = families[fuzz_below(fuzz, 4)];
		connection->transport = connection->family == 1 ? NET_UNIX : 1 + fuzz_below(fuzz, 4);
		memcpy(connection->peer, peers[fuzz_below(fuzz, 4)], 4);
		connection->direction = fuzz_below(fuzz, 4);
	}
	buffer->record.flags = fuzz_below(fuzz, 4) ? 0 : RECORD_OWNER_UNKNOWN;
	buffer->record.pid = fuzz_below(fuzz, 3) ? 4242 : 0;
	buffer->record.uid = fuzz_below(fuzz, 3);
	for (int i = 0; i < record_shapes[kind].strings; i++) {
		const char *string = LANGUAGE_PICK(fuzz, language_strings);

		record_string(buffer, string, strlen(string), strlen(string) + (fuzz_below(fuzz, 8) ? 0 : 100));
	}
}

#endif
