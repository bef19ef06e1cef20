#include "lang/lex.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/duration.h"

/* The longest first. Some are not of this language: a name for what was meant is better than "unexpected". */
static const char *const signs[] = {
	"<<", ">>", "<=", ">=", "==", "!=", "=~", "!~", "&&", "||", "<", ">", "=", "!", "(", ")", "[", "]", ",",
	"+", "-", "*", "/", "%", "&", "|", "^", "~",
};

static bool is_name(char byte)
{
	return isalnum((unsigned char)byte) || byte == '_';
}

__attribute__((format(printf, 4, 5)))
static void bad(struct lexer *lexer, u32 at, u32 length, const char *format, ...)
{
	va_list arguments;

	lexer->token = (struct token){ .kind = TOKEN_BAD, .at = at, .length = length };
	lexer->error->at = at;
	lexer->error->length = length;
	va_start(arguments, format);
	vsnprintf(lexer->error->what, sizeof(lexer->error->what), format, arguments);
	va_end(arguments);
}

/* IPv4 in IPv6 is IPv4, as in events. */
static void unmap(struct lang_address *address)
{
	static const u8 mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (address->family != AF_INET6 || address->bits < 96 || memcmp(address->bytes, mapped, sizeof(mapped)))
		return;
	memmove(address->bytes, address->bytes + 12, 4);
	memset(address->bytes + 4, 0, 12);
	address->family = AF_INET;
	address->bits -= 96;
}

bool lex_address(const char *text, size_t length, struct lang_address *address)
{
	char buffer[INET6_ADDRSTRLEN];
	const char *slash = memchr(text, '/', length);
	size_t plain = slash ? (size_t)(slash - text) : length;
	unsigned int bits = 0;

	memset(address, 0, sizeof(*address));
	if (plain >= sizeof(buffer) || memchr(text, 0, plain))
		return false;
	memcpy(buffer, text, plain);
	buffer[plain] = '\0';
	address->family = memchr(buffer, ':', plain) ? AF_INET6 : AF_INET;
	if (inet_pton(address->family, buffer, address->bytes) != 1)
		return false;
	address->bits = address->family == AF_INET ? 32 : 128;
	if (slash) {
		if (plain + 1 == length || length - plain > 4)
			return false;
		for (size_t i = plain + 1; i < length; i++) {
			if (!isdigit((unsigned char)text[i]))
				return false;
			bits = bits * 10 + (text[i] - '0');
		}
		if (bits > address->bits)
			return false;
		address->bits = bits;
	}
	unmap(address);
	/* what is behind the block's bits does not matter and is not kept */
	for (u32 i = 0; i < 16; i++)
		if (i * 8 >= address->bits)
			address->bytes[i] = 0;
		else if (address->bits - i * 8 < 8)
			address->bytes[i] &= 0xff00 >> (address->bits - i * 8);
	return true;
}

/* How much of the text looks like an address and could be nothing else; 0: none of it. */
static u32 address_length(const char *at, const char *end)
{
	const char *start = at;
	u32 colons = 0, dots = 0;

	while (at < end && (isxdigit((unsigned char)*at) || *at == ':' || *at == '.')) {
		colons += *at == ':';
		dots += *at == '.';
		at++;
	}
	if (colons < 2 && (dots != 3 || !isdigit((unsigned char)*start) || (at < end && is_name(*at))))
		return 0;
	if (at < end && *at == '/')
		for (at++; at < end && isdigit((unsigned char)*at); at++)
			;
	return at - start;
}

static bool plain_number(const char *text, u32 length, unsigned int base, u64 *number)
{
	*number = 0;
	for (u32 i = 0; i < length; i++) {
		unsigned int digit = isdigit((unsigned char)text[i]) ? text[i] - '0' : tolower((unsigned char)text[i]) - 'a' + 10;

		if (digit >= base || __builtin_mul_overflow(*number, (u64)base, number) ||
		    __builtin_add_overflow(*number, (u64)digit, number))
			return false;
	}
	return length > 0;
}

static void lex_number(struct lexer *lexer, u32 at)
{
	const char *text = lexer->text + at;
	u32 length = 0, room = lexer->length - at;
	struct token *token = &lexer->token;
	char copy[64];

	while (length < room && (is_name(text[length]) || (text[length] & 0x80) ||
				 (text[length] == '.' && length + 1 < room && isdigit((unsigned char)text[length + 1]))))
		length++;
	*token = (struct token){ .kind = TOKEN_NUMBER, .at = at, .length = length };
	snprintf(copy, sizeof(copy), "%.*s", (int)length, text);
	if (length >= sizeof(copy)) {
		bad(lexer, at, length, "this number is too long");
	} else if (strspn(copy, "0123456789") == length && (copy[0] != '0' || length == 1)) {
		if (!plain_number(copy, length, 10, &token->number))
			bad(lexer, at, length, "this number is too large: at most 18446744073709551615");
	} else if (copy[0] == '0' && strchr("xXoObB", copy[1]) && copy[1] && isxdigit((unsigned char)copy[2])) {
		unsigned int base = tolower(copy[1]) == 'x' ? 16 : tolower(copy[1]) == 'o' ? 8 : 2;

		if (!plain_number(copy + 2, length - 2, base, &token->number))
			bad(lexer, at, length, "this is no number of base %u with at most 64 bits", base);
	} else if (copy[0] == '0' && strspn(copy, "0123456789") == length) {
		if (!plain_number(copy + 1, length - 1, 8, &token->number))
			bad(lexer, at, length, "a number that begins with 0 is octal: digits are 0 to 7");
	} else if (!duration_parse(copy, &token->number)) {
		token->unit = UNIT_NANOSECONDS;
	} else if (!isdigit((unsigned char)copy[length - 1]) && !size_parse(copy, &token->number)) {
		token->unit = UNIT_BYTES;
	} else if (strspn(copy, "0123456789.") == length && strchr(copy, '.') != strrchr(copy, '.')) {
		bad(lexer, at, length, "this is no address: write 10.1.2.3, 10.0.0.0/8, fe80::1 or fe80::/10");
	} else {
		bad(lexer, at, length, "this is no number: write 10, 0x1f, 0644, 10ms, 1h30m, 4KiB or 1MB");
	}
}

static int hex_digit(char byte)
{
	return isdigit((unsigned char)byte) ? byte - '0' : isxdigit((unsigned char)byte) ? tolower(byte) - 'a' + 10 : -1;
}

/* What follows a backslash; how many bytes of it were taken, 0: it means nothing. */
static u32 escape(struct lexer *lexer, const char *at, const char *end)
{
	static const char letters[] = "n\nt\tr\re\033\\\\\"\"''";

	for (const char *letter = letters; at < end && *letter; letter += 2)
		if (*at == *letter) {
			text_add_char(&lexer->string, letter[1]);
			return 1;
		}
	if (end - at < 3 || *at != 'x' || hex_digit(at[1]) < 0 || hex_digit(at[2]) < 0)
		return 0;
	text_add_char(&lexer->string, hex_digit(at[1]) * 16 + hex_digit(at[2]));
	return 3;
}

static void lex_string(struct lexer *lexer, u32 start)
{
	const char *text = lexer->text, *at = text + start + 1, *end = text + lexer->length;
	char quote = text[start];

	text_reset(&lexer->string);
	while (at < end && *at != quote) {
		if (*at == '\\') {
			u32 taken = escape(lexer, at + 1, end);

			if (!taken) {
				bad(lexer, at - text, at + 1 < end ? 2 : 1,
				    "there is no such escape: \\n \\t \\r \\e \\xHH \\\" \\' are, and \\\\ is a backslash");
				return;
			}
			at += 1 + taken;
			continue;
		}
		text_add_char(&lexer->string, *at++);
	}
	if (at == end)
		bad(lexer, start, end - text - start, "this string has no end: %c is missing", quote);
	else
		lexer->token = (struct token){ .kind = TOKEN_STRING, .at = start, .length = at + 1 - text - start };
}

static void lex_name(struct lexer *lexer, u32 at)
{
	const char *text = lexer->text;
	u32 end = at;

	while (end < lexer->length && (is_name(text[end]) || (text[end] == '.' && end + 1 < lexer->length && is_name(text[end + 1]))))
		end++;
	lexer->token = (struct token){ .kind = TOKEN_NAME, .at = at, .length = end - at };
}

static void lex_sign(struct lexer *lexer, u32 at)
{
	u32 length;

	for (size_t i = 0; i < sizeof(signs) / sizeof(*signs); i++) {
		length = strlen(signs[i]);
		if (length <= lexer->length - at && !memcmp(signs[i], lexer->text + at, length)) {
			lexer->token = (struct token){ .kind = TOKEN_SIGN, .at = at, .length = length };
			return;
		}
	}
	for (length = 1; at + length < lexer->length && (lexer->text[at + length] & 0xc0) == 0x80; length++)
		;
	bad(lexer, at, length, length == 3 && !memcmp(lexer->text + at, "\xe2\x80", 2) ?
				       "this character means nothing here: quotes are \" or '" :
				       "this character means nothing here");
}

void lex_next(struct lexer *lexer)
{
	u32 at = lexer->token.at + lexer->token.length, length;
	const char *text = lexer->text;

	if (lexer->token.kind == TOKEN_BAD)
		return;
	while (at < lexer->length && strchr(" \t\r\n", text[at]) && text[at])
		at++;
	if (at == lexer->length) {
		lexer->token = (struct token){ .kind = TOKEN_END, .at = at };
		return;
	}
	length = address_length(text + at, text + lexer->length);
	if (length) {
		lexer->token = (struct token){ .kind = TOKEN_ADDRESS, .at = at, .length = length };
		if (!lex_address(text + at, length, &lexer->token.address))
			bad(lexer, at, length, "this is no address: write 10.1.2.3, 10.0.0.0/8, fe80::1 or fe80::/10");
	} else if (isdigit((unsigned char)text[at])) {
		lex_number(lexer, at);
	} else if (is_name(text[at])) {
		lex_name(lexer, at);
	} else if (text[at] == '"' || text[at] == '\'') {
		lex_string(lexer, at);
	} else {
		lex_sign(lexer, at);
	}
}

void lex_begin(struct lexer *lexer, const char *text, u32 length, struct lang_error *error)
{
	*lexer = (struct lexer){ .text = text, .length = length, .error = error };
	lex_next(lexer);
}

void lex_end(struct lexer *lexer)
{
	text_free(&lexer->string);
}

bool lex_is(const struct lexer *lexer, const char *word)
{
	const struct token *token = &lexer->token;

	return (token->kind == TOKEN_SIGN || token->kind == TOKEN_NAME) && token->length == strlen(word) &&
	       !memcmp(lexer->text + token->at, word, token->length);
}
