/*
 * Nearly all command lines hold no secret, so the first thing is to find that out cheaply: one pass
 * over the block with a table indexed by two neighbouring bytes (letters of either case alike).
 * It holds one rare pair of each trigger word; only where a pair is seen the word is compared. Only
 * a block with a trigger is taken apart by the rules.
 */

#include "mask.h"

#include <errno.h>
#include <regex.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "mask_rules.h"

#define PAIRS 1024
#define PATTERN_GROUPS 2

static const struct trigger {
	const char *word;
	unsigned int pair;	/* where its rare pair stands in it */
} triggers[] = {
	{"pass", 2}, {"pw", 0}, {"token", 1}, {"secret", 2}, {"key", 0}, {"cred", 0}, {"auth", 0},
	{"bearer", 1}, {"cookie", 1}, {"sig=", 1}, {"signature", 2}, {"://", 0}, {"eyj", 1}, {"jwt", 0},
	{"ghp_", 0}, {"gho_", 0}, {"ghu_", 0}, {"ghs_", 0}, {"ghr_", 0}, {"glpat", 1}, {"xox", 0},
	{"github_pat", 5}, {"sk-", 1}, {"sk_", 1}, {"rk_", 1}, {"aiza", 1}, {"hf_", 1}, {"npm_", 2},
	{"pypi-", 3}, {"dop_v1", 3}, {"hvs.", 2}, {"ya29", 1}, {"sg.", 1}, {"private", 3},
	{"mysql", 1}, {"mariadb", 5}, {"mongo", 3}, {"curl", 2}, {"login", 2}, {"7z", 0}, {"ldap", 1},
	{"zip", 0}, {"redis-cli", 2}, {"sqlcmd", 2}, {"bcp", 0}, {"ipmitool", 1}, {"mosquitto", 2},
	{"cqlsh", 0}, {"smbclient", 1}, {"rpcclient", 2}, {"lftp", 1}, {"http", 1}, {"xfreerdp", 1},
	{"snmp", 1}, {"useradd", 3}, {"usermod", 3}, {"openssl", 3},
	{"ncftp", 1}, {"winexe", 3}, {"unrar", 1}, {"-hp", 1}, {"twine", 0}, {"ssh-k", 2}, {"rdesk", 0}, {"yt-d", 2},
	{"wlfree", 1}, {"sqlpl", 2}, {"sqlld", 2}, {"expdp", 2}, {"impdp", 2}, {"rman", 1}, {"rabbit", 2},
	{"poetry", 3}, {"basic", 2}, {"identified", 4}, {"@tcp(", 0}, {"@unix(", 0}, {"thin:", 0},
	{"from-lit", 5}, {"otp", 0}, {"_pat=", 0}, {"-pat", 0}, {"psk", 1}, {"pswd", 1}, {"mnemonic", 0},
	{"isql", 1}, {"obscure", 1}, {"crackm", 4}, {"netex", 3}, {"nxc", 0},
};

#define TRIGGERS (sizeof(triggers) / sizeof(*triggers))

struct pattern {
	regex_t regex;
	bool group;
};

struct mask {
	uint8_t pairs[PAIRS];		/* index + 1 of the first trigger of a pair */
	uint8_t next[TRIGGERS];		/* index + 1 of the next trigger of the same pair */
	struct pattern *patterns;
	size_t pattern_count;
};

static unsigned int pair_of(char first, char second)
{
	return (unsigned int)(first & 31) << 5 | (second & 31);
}

struct mask *mask_new(void)
{
	struct mask *mask = xcalloc(1, sizeof(*mask));

	for (size_t i = 0; i < TRIGGERS; i++) {
		const char *pair = triggers[i].word + triggers[i].pair;
		uint8_t *head = &mask->pairs[pair_of(pair[0], pair[1])];
		mask->next[i] = *head;
		*head = (uint8_t)(i + 1);
	}
	return mask;
}

void mask_free(struct mask *mask)
{
	if (!mask)
		return;
	for (size_t i = 0; i < mask->pattern_count; i++)
		regfree(&mask->patterns[i].regex);
	free(mask->patterns);
	free(mask);
}

static int add_pattern(struct mask *mask, const char *line, const char *path, unsigned int number,
		       struct text *error)
{
	regex_t regex;
	int status = regcomp(&regex, line, REG_EXTENDED);

	if (status) {
		char reason[128];
		regerror(status, &regex, reason, sizeof(reason));
		text_add_format(error, "%s:%u: %s", path, number, reason);
		return -EINVAL;
	}
	if (!regexec(&regex, "", 0, NULL, 0)) {
		text_add_format(error, "%s:%u: the pattern matches nothing at all, so everything", path,
				number);
		regfree(&regex);
		return -EINVAL;
	}
	mask->patterns = xrealloc(mask->patterns, mask->pattern_count + 1, sizeof(*mask->patterns));
	mask->patterns[mask->pattern_count++] = (struct pattern){regex, regex.re_nsub > 0};
	return 0;
}

int mask_load(struct mask *mask, const char *path, struct text *error)
{
	FILE *file = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;
	unsigned int number = 0;
	int status = 0;

	if (!file) {
		status = -errno;
		text_add_format(error, "%s: %s", path, strerror(errno));
		return status;
	}
	while (!status) {
		errno = 0;
		ssize_t length = getline(&line, &size, file);
		if (length < 0) {
			if (ferror(file)) {
				status = errno ? -errno : -EIO;
				text_add_format(error, "%s: %s", path, strerror(-status));
			}
			break;
		}
		number++;
		while (length && (line[length - 1] == '\n' || line[length - 1] == '\r'))
			line[--length] = '\0';
		if (!length || line[0] == '#')
			continue;
		if (strlen(line) != (size_t)length) {
			text_add_format(error, "%s:%u: a NUL byte in a pattern", path, number);
			status = -EINVAL;
		} else {
			status = add_pattern(mask, line, path, number, error);
		}
	}
	free(line);
	fclose(file);
	return status;
}

static bool has_trigger(const struct mask *mask, const char *block, size_t length)
{
	unsigned int pair = 0;

	for (size_t at = 0; at < length; at++) {
		pair = (pair << 5 | (block[at] & 31)) & (PAIRS - 1);
		for (unsigned int i = mask->pairs[pair]; __builtin_expect(i, 0); i = mask->next[i - 1]) {
			const struct trigger *trigger = &triggers[i - 1];
			size_t start = at - 1 - trigger->pair, size = strlen(trigger->word);
			if (at >= 1 + trigger->pair && start + size <= length &&
			    !strncasecmp(block + start, trigger->word, size))
				return true;
		}
	}
	return false;
}

void mask_add(struct mask_spans *spans, size_t from, size_t to)
{
	if (from >= to)
		return;
	if (spans->count == MASK_SPANS) {
		struct mask_span *last = &spans->span[MASK_SPANS - 1];
		if (from < last->from)
			last->from = from;
		last->to = spans->length;
		return;
	}
	spans->span[spans->count++] = (struct mask_span){from, to};
}

static int by_start(const void *left, const void *right)
{
	const struct mask_span *a = left, *b = right;

	return a->from < b->from ? -1 : a->from > b->from;
}

/* Spans may overlap or touch; each stretch becomes one ***. */
static void emit(const char *text, size_t length, struct mask_spans *spans, struct text *out)
{
	size_t done = 0;

	qsort(spans->span, spans->count, sizeof(*spans->span), by_start);
	for (size_t i = 0; i < spans->count;) {
		size_t from = spans->span[i].from, to = spans->span[i].to;
		while (++i < spans->count && spans->span[i].from <= to)
			if (spans->span[i].to > to)
				to = spans->span[i].to;
		text_add_bytes(out, text + done, from - done);
		text_add(out, "***");
		done = to;
	}
	text_add_bytes(out, text + done, length - done);
}

/* Needs text[length] to be NUL. */
static void own_patterns(const struct mask *mask, const char *text, size_t length,
			 struct mask_spans *spans)
{
	for (size_t i = 0; i < mask->pattern_count; i++) {
		const struct pattern *pattern = &mask->patterns[i];
		regmatch_t match[PATTERN_GROUPS];
		size_t at = 0;

		while (at < length && !regexec(&pattern->regex, text + at, PATTERN_GROUPS, match,
					       at ? REG_NOTBOL : 0)) {
			int group = pattern->group && match[1].rm_so >= 0;
			mask_add(spans, at + (size_t)match[group].rm_so, at + (size_t)match[group].rm_eo);
			at += match[0].rm_eo > 0 ? (size_t)match[0].rm_eo : 1;
		}
	}
}

bool mask_arguments(const struct mask *mask, const char *block, size_t length, struct text *out)
{
	struct mask_words words = {0};
	struct text copy = {0};
	bool triggered = has_trigger(mask, block, length), changed = false;

	if (!triggered && !mask->pattern_count)
		return false;
	text_reset(out);
	for (size_t at = 0; at < length;) {
		const char *argument = block + at;
		const char *nul = memchr(argument, '\0', length - at);
		size_t size = nul ? (size_t)(nul - argument) : length - at;
		struct mask_spans spans;

		spans.count = 0;
		spans.length = size;
		if (triggered) {
			bool shell = words.shell;
			bool whole = words.pending == MASK_VALUE;
			mask_word(&words, argument, 0, size, &spans, 0);
			if (!(whole && spans.count))
				mask_text(argument, size, shell, &spans);
		}
		if (mask->pattern_count) {
			text_reset(&copy);
			text_add_bytes(&copy, argument, size);
			if (copy.failed)
				out->failed = true;
			else if (size)
				own_patterns(mask, copy.data, size, &spans);
		}
		changed |= spans.count > 0;
		emit(argument, size, &spans, out);
		if (nul)
			text_add_char(out, '\0');
		at += size + (nul ? 1 : 0);
	}
	text_free(&copy);
	if (out->failed) {
		text_reset(out);
		out->failed = true;
		return true;
	}
	return changed;
}
