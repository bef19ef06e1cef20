/*
 * What announces a secret wherever it stands: NAME=, NAME: (headers, JSON, YAML), user:secret@ in a
 * URL, and the shapes of well-known tokens. One pass, left to right; a name is looked for backwards
 * from its = or :, so that only these two bytes and starts of words cost anything.
 */

#define _GNU_SOURCE

#include "mask_rules.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Longer than any user and secret in a URL; keeps hostile text from being read again and again. */
#define AUTHORITY 2048

struct scan {
	const char *text;
	size_t length;
	bool shell;		/* words end at spaces, also after an assignment that comes first */
	struct mask_spans *spans;
};

static bool name_byte(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.';
}

static bool token_byte(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.';
}

static bool same(const char *text, size_t length, const char *word)
{
	return length == strlen(word) && !strncasecmp(text, word, length);
}

static bool space(char c)
{
	return isspace((unsigned char)c);
}

/* Where a quoted string that opens at `open` ends; the end of the text when it never does. */
static size_t closing_quote(const struct scan *scan, size_t open)
{
	size_t at = open + 1;

	while (at < scan->length && scan->text[at] != scan->text[open])
		at += scan->text[at] == '\\' && at + 1 < scan->length ? 2 : 1;
	return at < scan->length ? at : scan->length;
}

/* [&;]NAME= : the value before has ended, another begins. */
static bool another_begins(const struct scan *scan, size_t at)
{
	size_t name = at + 1;

	while (name < scan->length && (name_byte(scan->text[name]) || scan->text[name] == ' '))
		name++;
	return name > at + 1 && name < scan->length && scan->text[name] == '=';
}

static bool in_query(const struct scan *scan, size_t name)
{
	return name && (scan->text[name - 1] == '?' || scan->text[name - 1] == '&');
}

/* Parameters of signed URLs: too short or too common to be secret names elsewhere. */
static bool is_query_secret(const char *name, size_t length)
{
	static const char *const names[] = {"sig", "signature", "key", "auth", "x-amz-signature",
					    "x-goog-signature", "x-amz-credential", "code", "sv_sig"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (same(name, length, names[i]))
			return true;
	return false;
}

static size_t name_start(const struct scan *scan, size_t end)
{
	size_t at = end;

	while (at && name_byte(scan->text[at - 1]))
		at--;
	while (at < end && scan->text[at] == '-')
		at++;
	return at;
}

/* kubectl's way to make a secret: --from-literal=NAME=SECRET, whatever the name. */
static bool is_literal(const struct scan *scan, size_t name)
{
	static const char option[] = "from-literal=";
	size_t length = sizeof(option) - 1;

	return name >= length && !memcmp(scan->text + name - length, option, length);
}

static void assignment(const struct scan *scan, size_t equals)
{
	size_t close = equals, value = equals + 1;
	const char *text = scan->text;

	/* NAME = VALUE, as files of settings have it */
	while (close && text[close - 1] == ' ')
		close--;
	while (close < equals && value < scan->length && text[value] == ' ')
		value++;
	size_t name = name_start(scan, close), end = value;
	bool query = in_query(scan, name);

	equals = close;
	if (value >= scan->length || text[value] == '=' ||
	    !(mask_is_secret_name(text + name, equals - name) || is_literal(scan, name) ||
	      (query && is_query_secret(text + name, equals - name))))
		return;
	/* the directory of a shell, not a password */
	if (text[value] == '/' && (same(text + name, equals - name, "pwd") ||
				   same(text + name, equals - name, "oldpwd")))
		return;
	if ((text[value] == '"' || text[value] == '\'') && !query) {
		end = closing_quote(scan, value);
		mask_add(scan->spans, value + 1, end);
		return;
	}
	bool first = !name && !scan->shell && value == equals + 1;
	while (end < scan->length) {
		char c = text[end];
		if ((c == '&' || c == ';') && another_begins(scan, end))
			break;
		if (query && (c == '&' || c == '#'))
			break;
		if (!first && (space(c) || c == '"' || c == '\'' || c == '`'))
			break;
		if (scan->shell && (c == ';' || c == '&' || c == '|' || c == ')'))
			break;
		if (scan->shell && c == '\\' && end + 1 < scan->length)
			end++;
		end++;
	}
	if (end > scan->length)
		end = scan->length;
	if (!mask_is_switch(text + value, end - value))
		mask_add(scan->spans, value, end);
}

static bool is_authorization(const char *name, size_t length)
{
	return same(name, length, "authorization") || same(name, length, "proxy-authorization");
}

static bool is_cookie(const char *name, size_t length)
{
	return same(name, length, "cookie") || same(name, length, "set-cookie");
}

/* To the end of the line, or to the quote around the header when a shell text holds it. */
static size_t header_end(const struct scan *scan, size_t name, size_t at)
{
	char quote = name && (scan->text[name - 1] == '"' || scan->text[name - 1] == '\'')
			     ? scan->text[name - 1] : '\0';

	while (at < scan->length && scan->text[at] != '\n' && scan->text[at] != '\r' &&
	       !(quote && scan->text[at] == quote))
		at++;
	return at;
}

static void header(const struct scan *scan, size_t name, size_t value, bool scheme)
{
	size_t end = header_end(scan, name, value), word = value;

	/* the scheme is worth showing: Bearer, Basic, Digest */
	while (word < end && isalpha((unsigned char)scan->text[word]))
		word++;
	if (scheme && word > value && word < end && scan->text[word] == ' ') {
		while (word < end && scan->text[word] == ' ')
			word++;
		value = word;
	}
	mask_add(scan->spans, value, end);
}

static void member(const struct scan *scan, size_t colon)
{
	const char *text = scan->text;
	size_t name_end = colon, value = colon + 1;

	while (name_end && text[name_end - 1] == ' ')
		name_end--;
	/* "name": and, inside another string, \"name\": */
	if (name_end && (text[name_end - 1] == '"' || text[name_end - 1] == '\'')) {
		name_end--;
		if (name_end && text[name_end - 1] == '\\')
			name_end--;
	}
	size_t name = name_start(scan, name_end);
	bool authorization = is_authorization(text + name, name_end - name);
	bool cookie = is_cookie(text + name, name_end - name);
	if (!authorization && !cookie && !mask_is_secret_name(text + name, name_end - name))
		return;
	while (value < scan->length && text[value] == ' ')
		value++;
	if (value >= scan->length || text[value] == '/' || text[value] == ':')
		return;
	bool escaped = text[value] == '\\' && value + 1 < scan->length && text[value + 1] == '"';
	if (escaped) {
		const char *close = memmem(text + value + 2, scan->length - value - 2, "\\\"", 2);
		mask_add(scan->spans, value + 2, close ? (size_t)(close - text) : scan->length);
		return;
	}
	if ((text[value] == '"' || text[value] == '\'') && name_end != colon) {
		mask_add(scan->spans, value + 1, closing_quote(scan, value));
		return;
	}
	if (authorization || cookie || !name || text[name - 1] == '"' || text[name - 1] == '\'') {
		if (name_end == colon && (authorization || cookie || !scan->shell || name)) {
			header(scan, name, value, authorization);
			return;
		}
	}
	size_t end = value;
	while (end < scan->length && !space(text[end]) && !strchr(",}&;\"'", text[end]))
		end++;
	mask_add(scan->spans, value, end);
}

/* Long, with letters and digits: no name that a person gave. */
static bool looks_drawn(const char *text, size_t length)
{
	bool digit = false, letter = false;

	for (size_t i = 0; i < length; i++) {
		digit = digit || isdigit((unsigned char)text[i]);
		letter = letter || isalpha((unsigned char)text[i]);
	}
	return length >= 20 && digit && letter;
}

/* Addresses that are secrets themselves: whoever knows one may post there. */
static void webhook(const struct scan *scan, size_t start, size_t end)
{
	static const char *const places[] = {"hooks.slack.com/services/", "api.telegram.org/bot", "/api/webhooks/",
					     "webhook.office.com/"};

	size_t limit = scan->length - start < AUTHORITY ? scan->length : start + AUTHORITY;

	while (end < limit && !space(scan->text[end]) && !strchr("\"'`<>:", scan->text[end]))
		end++;
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		const char *place = memmem(scan->text + start, end - start, places[i], strlen(places[i]));
		if (!place)
			continue;
		while (end < scan->length && !space(scan->text[end]) && !strchr("\"'`<>", scan->text[end]))
			end++;
		mask_add(scan->spans, (size_t)(place - scan->text) + strlen(places[i]), end);
		return;
	}
}

/*
 * A user of http or https without a password is mostly a token, and of no use to a reader where it is a name. With ssh, git, svn+ssh and
 * others it is an account of the host.
 */
static bool user_is_secret(const struct scan *scan, size_t colon)
{
	return (colon >= 4 && !strncasecmp(scan->text + colon - 4, "http", 4)) ||
	       (colon >= 5 && !strncasecmp(scan->text + colon - 5, "https", 5));
}

/* scheme://user:secret@host. A secret may hold a slash; a port is only digits. */
static void url(const struct scan *scan, size_t colon)
{
	const char *text = scan->text;
	size_t start = colon + 3, end = start, secret = 0, at = 0, slash = 0;

	size_t limit = scan->length - start < AUTHORITY ? scan->length : start + AUTHORITY;

	for (; end < limit && !space(text[end]) && !strchr("\"'`<>", text[end]); end++) {
		if (!slash && (text[end] == '/' || text[end] == '?' || text[end] == '#'))
			slash = end;
		if (text[end] == ':' && !secret && !slash)
			secret = end + 1;
		if (text[end] == '@' && (!slash || secret))
			at = end;
		/* beyond the authority an @ belongs to it only if what is before is no port */
		if (slash && secret && end == slash) {
			bool port = true;
			for (size_t i = secret; i < slash; i++)
				port = port && isdigit((unsigned char)text[i]);
			if (at || port)
				break;
		}
	}
	/* a token may stand in the user's place, alone or with a word that says so */
	if (at > start && (secret && secret < at ? same(text + secret, at - secret, "x-oauth-basic") :
			   user_is_secret(scan, colon) || looks_drawn(text + start, at - start)))
		mask_add(scan->spans, start, secret && secret == at ? at - 1 : at);
	if (secret && at >= secret)
		mask_add(scan->spans, secret, at);
	webhook(scan, start, end);
}

static const struct {
	const char *prefix;
	size_t least;		/* bytes that must follow */
} tokens[] = {
	{"ghp_", 16}, {"gho_", 16}, {"ghu_", 16}, {"ghs_", 16}, {"ghr_", 16}, {"github_pat_", 16},
	{"glpat-", 16}, {"xoxb-", 10}, {"xoxp-", 10}, {"xoxa-", 10}, {"xoxr-", 10}, {"xoxs-", 10},
	{"sk-", 20}, {"sk_live_", 10}, {"sk_test_", 10}, {"rk_live_", 10}, {"AIza", 30}, {"hf_", 20},
	{"npm_", 30}, {"pypi-", 30}, {"dop_v1_", 30}, {"hvs.", 20}, {"ya29.", 20}, {"SG.", 30},
};

/* The shapes that services gave their tokens so that they can be found. AKIA… names a key, only. */
static void known_token(const struct scan *scan, size_t at)
{
	const char *text = scan->text;
	size_t end = at;
	unsigned int dots = 0, digits = 0;

	if (!strchr("gxsrAhnpdySe", text[at]))
		return;
	for (; end < scan->length && token_byte(text[end]); end++) {
		dots += text[end] == '.';
		digits += isdigit((unsigned char)text[end]) != 0;
	}
	if (end - at >= 20 && dots >= 1 && !memcmp(text + at, "eyJ", 3)) {
		mask_add(scan->spans, at, end);
		return;
	}
	for (size_t i = 0; i < sizeof(tokens) / sizeof(*tokens); i++) {
		size_t prefix = strlen(tokens[i].prefix);
		if (end - at >= prefix + tokens[i].least && digits &&
		    !memcmp(text + at, tokens[i].prefix, prefix)) {
			mask_add(scan->spans, at, end);
			return;
		}
	}
}

static void bearer(const struct scan *scan, size_t at)
{
	const char *text = scan->text;
	bool basic = scan->length - at >= 14 && !strncasecmp(text + at, "basic ", 6);
	size_t value = at + (basic ? 6 : 7), end = value;

	if (!basic && (scan->length - at < 15 || strncasecmp(text + at, "bearer ", 7)))
		return;
	while (end < scan->length && (token_byte(text[end]) || strchr("~+/=", text[end])) && text[end])
		end++;
	if (basic ? mask_is_credential(text + value, end - value) : end - value >= 8)
		mask_add(scan->spans, value, end);
}

/* IDENTIFIED BY 'SECRET', PASSWORD 'SECRET' */
static void sql(const struct scan *scan, size_t quote)
{
	const char *text = scan->text;
	size_t end = quote, word;

	while (end && text[end - 1] == ' ')
		end--;
	for (word = end; word && isalpha((unsigned char)text[word - 1]);)
		word--;
	if (end == quote || !(same(text + word, end - word, "password") ||
			      (same(text + word, end - word, "by") && word >= 11 &&
			       !strncasecmp(text + word - 11, "identified ", 11))))
		return;
	mask_add(scan->spans, quote + 1, closing_quote(scan, quote));
}

/* USER:SECRET@tcp(HOST), as Go's drivers of databases have it. */
static void dsn(const struct scan *scan, size_t at)
{
	const char *text = scan->text;
	size_t left = scan->length - at, start = at, secret = 0;

	if (!(left > 5 && !memcmp(text + at, "@tcp(", 5)) && !(left > 6 && !memcmp(text + at, "@unix(", 6)))
		return;
	for (; start && at - start < AUTHORITY && !space(text[start - 1]) && !strchr("\"'=", text[start - 1]); start--)
		if (text[start - 1] == ':')
			secret = start;
	if (secret)
		mask_add(scan->spans, secret, at);
}

/* jdbc:oracle:thin:USER/SECRET@HOST */
static void thin(const struct scan *scan, size_t colon)
{
	const char *text = scan->text, *slash, *at;

	if (colon < 4 || memcmp(text + colon - 4, "thin", 4))
		return;
	slash = memchr(text + colon, '/', scan->length - colon);
	at = slash ? memchr(slash, '@', scan->length - (size_t)(slash - text)) : NULL;
	if (at && !memchr(text + colon, '@', (size_t)(slash - text) - colon))
		mask_add(scan->spans, (size_t)(slash + 1 - text), (size_t)(at - text));
}

static void private_key(const struct scan *scan, size_t at)
{
	const char *text = scan->text + at;
	size_t left = scan->length - at;
	const char *label = left > 11 && !memcmp(text, "-----BEGIN ", 11)
				    ? memmem(text, left < 80 ? left : 80, "PRIVATE KEY-----", 16) : NULL;

	if (!label)
		return;
	const char *end = memmem(label + 16, left - (size_t)(label + 16 - text), "-----END", 8);
	mask_add(scan->spans, (size_t)(label + 16 - scan->text),
		 end ? (size_t)(end - scan->text) : scan->length);
}

void mask_text(const char *text, size_t length, bool shell, struct mask_spans *spans)
{
	struct scan scan = {text, length, shell, spans};
	bool inside = false;

	for (size_t at = 0; at < length; at++) {
		char c = text[at];
		bool word = token_byte(c);
		size_t found = spans->count;

		if (c == '=')
			assignment(&scan, at);
		else if (c == ':' && length - at > 3 && text[at + 1] == '/' && text[at + 2] == '/')
			url(&scan, at);
		else if (c == ':') {
			thin(&scan, at);
			member(&scan, at);
		} else if (c == '@')
			dsn(&scan, at);
		else if (c == '\'')
			sql(&scan, at);
		else if (c == '-')
			private_key(&scan, at);
		if (word && !inside) {
			known_token(&scan, at);
			if (c == 'B' || c == 'b')
				bearer(&scan, at);
		}
		inside = word;
		/* What is hidden already is not read again: this keeps the pass linear. */
		if (spans->count == MASK_SPANS)
			return;
		if (spans->count > found && spans->span[spans->count - 1].to > at + 1) {
			at = spans->span[spans->count - 1].to - 1;
			inside = false;
		}
	}
}
