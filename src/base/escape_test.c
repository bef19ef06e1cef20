/*
 * Golden pairs, then what must hold for any bytes: the JSON is valid, a terminal is safe, and a
 * shell gives the same bytes back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"

struct golden {
	const char *in;
	size_t length;
	const char *terminal, *json, *shell;
};

#define IN(string) string, sizeof(string) - 1

static const struct golden goldens[] = {
	{IN(""), "", "", "''"},
	{IN("/usr/bin/env"), "/usr/bin/env", "/usr/bin/env", "/usr/bin/env"},
	{IN("a b"), "a b", "a b", "'a b'"},
	{IN("it's"), "it's", "it's", "'it'\\''s'"},
	{IN("=ls"), "=ls", "=ls", "'=ls'"},
	{IN("$(x)~*"), "$(x)~*", "$(x)~*", "'$(x)~*'"},
	{IN("say \"hi\""), "say \"hi\"", "say \\\"hi\\\"", "'say \"hi\"'"},
	{IN("a\\b"), "a\\b", "a\\\\b", "'a\\b'"},
	{IN("a\nb\tc\r"), "a\\nb\\tc\\r", "a\\nb\\tc\\r", "$'a\\nb\\tc\\r'"},
	{IN("\x1b[31m"), "\\x1b[31m", "\\u001b[31m", "$'\\x1b[31m'"},
	{IN("\0"), "\\x00", "\\u0000", "$'\\x00'"},
	{IN("\x7f"), "\\x7f", "\\u007f", "$'\\x7f'"},
	{IN("h\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), "h\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80",
	 "h\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "'h\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80'"},
	/* C1 as UTF-8 and as a raw byte. */
	{IN("\xc2\x9b"), "\\u009b", "\\u009b", "$'\\xc2\\x9b'"},
	{IN("\x9b"), "\\x9b", "\xef\xbf\xbd", "$'\\x9b'"},
	/* Bidirectional override; line separator. */
	{IN("\xe2\x80\xae"), "\\u202e", "\\u202e", "$'\\xe2\\x80\\xae'"},
	{IN("\xe2\x80\xa8"), "\\u2028", "\\u2028", "$'\\xe2\\x80\\xa8'"},
	/* Overlong slash, surrogate, beyond U+10FFFF, cut short. */
	{IN("\xc0\xaf"), "\\xc0\\xaf", "\xef\xbf\xbd\xef\xbf\xbd", "$'\\xc0\\xaf'"},
	{IN("\xe0\x80\xaf"), "\\xe0\\x80\\xaf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
	 "$'\\xe0\\x80\\xaf'"},
	{IN("\xed\xa0\x80"), "\\xed\\xa0\\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
	 "$'\\xed\\xa0\\x80'"},
	{IN("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80",
	 "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", "$'\\xf4\\x90\\x80\\x80'"},
	{IN("\xe2\x82"), "\\xe2\\x82", "\xef\xbf\xbd\xef\xbf\xbd", "$'\\xe2\\x82'"},
	{IN("\xe2\x82z"), "\\xe2\\x82z", "\xef\xbf\xbd\xef\xbf\xbdz", "$'\\xe2\\x82z'"},
	{IN("\xf4\x8f\xbf\xbf"), "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf", "'\xf4\x8f\xbf\xbf'"},
};

static void goldens_hold(void **state)
{
	struct text text = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(goldens) / sizeof(goldens[0]); i++) {
		const struct golden *golden = &goldens[i];

		text_reset(&text);
		escape_terminal(&text, golden->in, golden->length);
		assert_string_equal(text_string(&text), golden->terminal);
		text_reset(&text);
		escape_json(&text, golden->in, golden->length);
		assert_string_equal(text_string(&text), golden->json);
		text_reset(&text);
		escape_shell(&text, golden->in, golden->length);
		assert_string_equal(text_string(&text), golden->shell);
	}
	text_free(&text);
}

/* The clean run is found eight at a time: put each byte at each place of a long clean string. */
static void every_byte_at_every_place(void **state)
{
	struct text moved = {0}, alone = {0};

	(void)state;
	for (int byte = 0; byte < 256; byte++) {
		unsigned char single = byte;

		text_reset(&alone);
		escape_json(&alone, &single, 1);
		for (size_t place = 0; place < 24; place++) {
			unsigned char bytes[24];
			char expected[64];

			memset(bytes, 'x', sizeof(bytes));
			bytes[place] = byte;
			text_reset(&moved);
			escape_json(&moved, bytes, sizeof(bytes));
			snprintf(expected, sizeof(expected), "%.*s%s%.*s", (int)place,
				 "xxxxxxxxxxxxxxxxxxxxxxxx", byte ? alone.data : "\\u0000",
				 (int)(23 - place), "xxxxxxxxxxxxxxxxxxxxxxxx");
			assert_string_equal(moved.data, expected);
		}
	}
	text_free(&moved);
	text_free(&alone);
}

/* Bytes that are likely to form half characters. */
static size_t random_bytes(unsigned char *bytes, size_t most)
{
	static const unsigned char edges[] = "\xc2\x80\xbf\xe2\xed\xf0\xf4\x8f\x90\xa0\x9b\xef\xc0"
					     "\xff\"\\'\n\x1b a";
	size_t length = random() % most;

	for (size_t i = 0; i < length; i++)
		bytes[i] = random() % 3 ? edges[random() % (sizeof(edges) - 1)] : random() % 256;
	return length;
}

static void check_json(const struct text *text)
{
	const char *at = text_string(text);

	/* An independent validity check: mbstowcs would depend on the locale. */
	for (size_t i = 0; i < text->length; i++) {
		unsigned char byte = at[i];
		size_t more = byte < 0x80 ? 0 : byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;

		assert_true(byte >= 0x20 && byte != '"' && byte != 0x7f);
		assert_true(byte < 0x80 || (byte >= 0xc2 && byte <= 0xf4));
		if (byte == '\\') {
			assert_non_null(strchr("\"\\nrtu", at[++i]));
			for (int digit = 0; at[i] == 'u' && digit < 4; digit++)
				assert_non_null(strchr("0123456789abcdef", at[i + 1 + digit]));
			continue;
		}
		for (; more; more--)
			assert_int_equal(at[++i] & 0xc0, 0x80);
	}
}

static void random_bytes_stay_safe(void **state)
{
	struct text text = {0};
	unsigned char bytes[64];

	(void)state;
	srandom(2);
	for (int round = 0; round < 20000; round++) {
		/* An exact copy on the heap lets the sanitizer see a read beyond it. */
		size_t length = random_bytes(bytes, sizeof(bytes));
		unsigned char *exact = malloc(length ? length : 1);

		memcpy(exact, bytes, length);
		text_reset(&text);
		escape_json(&text, exact, length);
		check_json(&text);
		text_reset(&text);
		escape_terminal(&text, exact, length);
		for (size_t i = 0; i < text.length; i++)
			assert_true((unsigned char)text.data[i] >= 0x20 && text.data[i] != 0x7f);
		free(exact);
	}
	text_free(&text);
}

static void shell_reads_the_same_bytes_back(void **state)
{
	struct text script = {0}, expected = {0};
	char output[65536];
	char name[] = "/tmp/escape_test.XXXXXX";
	FILE *file, *shell;
	size_t length;

	(void)state;
	if (system("command -v bash >/dev/null"))
		skip();
	srandom(3);
	for (int word = 0; word < 400; word++) {
		unsigned char bytes[24];

		length = random_bytes(bytes, sizeof(bytes));
		/* An argument cannot hold NUL. */
		for (size_t i = 0; i < length; i++)
			bytes[i] = bytes[i] ? bytes[i] : '!';
		text_add(&script, "printf '%s|' ");
		escape_shell(&script, bytes, length);
		text_add_char(&script, '\n');
		text_add_bytes(&expected, bytes, length);
		text_add_char(&expected, '|');
	}
	file = fdopen(mkstemp(name), "w");
	assert_non_null(file);
	assert_int_equal(fwrite(script.data, 1, script.length, file), script.length);
	fclose(file);
	text_reset(&script);
	text_add_format(&script, "LC_ALL=C bash %s", name);
	shell = popen(script.data, "r");
	assert_non_null(shell);
	length = fread(output, 1, sizeof(output), shell);
	assert_int_equal(pclose(shell), 0);
	unlink(name);
	assert_int_equal(length, expected.length);
	assert_memory_equal(output, expected.data, length);
	text_free(&script);
	text_free(&expected);
}

static void text_is_told_from_other_bytes(void **state)
{
	(void)state;
	assert_true(escape_is_text("", 0));
	assert_true(escape_is_text("plain", 5));
	assert_true(escape_is_text("tab\t\n\\\"\x7f", 8));
	assert_true(escape_is_text("gr\xc3\xb6\xc3\x9f" "e, eight or more", 21));
	assert_false(escape_is_text("a\0b", 3));
	assert_false(escape_is_text("\xff", 1));
	assert_false(escape_is_text("cut \xc3", 5));
	assert_false(escape_is_text("overlong \xc0\xaf", 11));
}

static void markup_is_text(void **state)
{
	struct text out = { 0 };

	(void)state;
	escape_markup(&out, "a<b>\"c\" & \xff\n'", 13);
	assert_string_equal(text_string(&out), "a&lt;b&gt;&quot;c&quot; &amp; \xff\n'");
	text_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(markup_is_text),
		cmocka_unit_test(goldens_hold),
		cmocka_unit_test(every_byte_at_every_place),
		cmocka_unit_test(random_bytes_stay_safe),
		cmocka_unit_test(shell_reads_the_same_bytes_back),
		cmocka_unit_test(text_is_told_from_other_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
