/* Values of matchArgs: numbers by the type they are compared with, ranges, networks, texts, and ${NAME} from the environment. */
#define _GNU_SOURCE

#include <arpa/inet.h>
#include <stdlib.h>

#include "policy/tracing_match.h"

int tracing_wrong_capability(struct tracing *tracing, const yaml_node_t *node, const char *text)
{
	static const char *names[64];
	size_t count = 0;

	while (count < 63 && word_capability(count)) {
		names[count] = word_capability(count);
		count++;
	}
	wrong(tracing, node, "there is no capability \"%s\"", text);
	document_mend_word(&tracing->document, text, names);
	return mend(tracing, "CAP_CHOWN and others: see capabilities(7)");
}

/* A signed type takes what fits its bits either way: 0xffffff9c is -100. */
static bool fits(const struct match *match, u64 number, bool negative)
{
	bool is_signed;
	unsigned int bits = policy_type_bits(match->type, &is_signed);
	u64 half = bits == 64 ? 0 : 1ULL << (bits - 1);

	if (negative && !is_signed)
		return false;
	if (bits == 64)
		return true;
	return negative ? -number <= half : number < half * 2;
}

static u64 extend(const struct match *match, u64 number)
{
	bool is_signed;
	unsigned int bits = policy_type_bits(match->type, &is_signed);

	return is_signed && bits < 64 ? (u64)((s64)(number << (64 - bits)) >> (64 - bits)) : number;
}

static bool is_set(enum policy_type type)
{
	return type == TYPE_kernel_cap_t || type == TYPE_cap_inheritable || type == TYPE_cap_permitted || type == TYPE_cap_effective;
}

/* "CAP_CHOWN,CAP_KILL": a set of them, or of a single capability its number. */
static int read_capabilities(struct match *match, const yaml_node_t *node, const char *text, u64 *number)
{
	struct tracing *tracing = match->tracing;
	char *words = strcpy(tracing_get(tracing, strlen(text) + 1), text), *word, *rest = words;
	u64 one;

	*number = 0;
	while ((word = strsep(&rest, ","))) {
		word += strspn(word, " ");
		word[strcspn(word, " ")] = '\0';
		if (!tracing_capability(word, &one))
			return tracing_wrong_capability(tracing, node, word);
		*number = is_set(match->type) || match->is_mask ? *number | 1ULL << one : one;
	}
	return 0;
}

int match_number(struct match *match, const yaml_node_t *node, const char *text, u64 *number)
{
	struct tracing *tracing = match->tracing;
	bool negative, is_signed;

	if ((match->type == TYPE_capability || is_set(match->type)) && (*text < '0' || *text > '9'))
		return read_capabilities(match, node, text, number);
	if (!tracing_parse_number(text, number, &negative)) {
		wrong(tracing, node, "\"%s\" is no number, and %s is %s", text, match->name, policy_type_name(match->type));
		return mend(tracing, "12, 0xc, 014 or -1");
	}
	if (!fits(match, *number, negative)) {
		wrong(tracing, node, "%s can never be %s: its type is %s, of %u bits", match->name, text, policy_type_name(match->type),
		      policy_type_bits(match->type, &is_signed));
		return mend(tracing, negative ? "a signed type, such as int, has such values" : "a larger type has such values");
	}
	*number = extend(match, *number);
	return 0;
}

/* "LEAST:MOST"; a single number is both. */
int match_range(struct match *match, const yaml_node_t *node, const char *text, bool needs_two, u64 *least, u64 *most)
{
	struct tracing *tracing = match->tracing;
	const char *colon = strchr(text, ':');
	bool is_signed;

	if (!colon && needs_two) {
		wrong(tracing, node, "\"%s\" is no range", text);
		return mend(tracing, "LEAST:MOST, both are in it: 1:1024");
	}
	if (!colon) {
		if (match_number(match, node, text, least))
			return -1;
		*most = *least;
		return 0;
	}
	if (match_number(match, node, tracing_copy(tracing, text, colon - text), least) || match_number(match, node, colon + 1, most))
		return -1;
	policy_type_bits(match->type, &is_signed);
	if (is_signed ? (s64)*least > (s64)*most : *least > *most) {
		wrong(tracing, node, "the range %s is empty", text);
		return mend(tracing, "the smaller number comes first");
	}
	return 0;
}

static bool parse_address(const char *text, struct lang_address *address)
{
	const char *slash = strchr(text, '/');
	char host[INET6_ADDRSTRLEN + 1];
	size_t length = slash ? (size_t)(slash - text) : strlen(text);
	unsigned int most;

	if (length >= sizeof(host))
		return false;
	memcpy(host, text, length);
	host[length] = '\0';
	memset(address, 0, sizeof(*address));
	address->family = strchr(host, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(address->family, host, address->bytes) != 1)
		return false;
	most = address->family == AF_INET ? 32 : 128;
	address->bits = most;
	if (slash) {
		size_t digits = strspn(slash + 1, "0123456789");

		if (!digits || digits > 3 || slash[1 + digits] || strtoul(slash + 1, NULL, 10) > most)
			return false;
		address->bits = strtoul(slash + 1, NULL, 10);
	}
	/* What the mask takes away must not matter to who compares. */
	for (unsigned int bit = address->bits; bit < most; bit++)
		address->bytes[bit / 8] &= ~(0x80 >> bit % 8);
	return true;
}

static int add_address(struct match *match, const yaml_node_t *node, const char *text, struct lang_node *list)
{
	struct tracing *tracing = match->tracing;
	struct lang_node *literal = lang_number(tracing->tree, 0);

	literal->op = OP_ADDRESS;
	literal->type = LANG_ADDRESS;
	if (!parse_address(text, &literal->address)) {
		wrong(tracing, node, "\"%s\" is no address of a network", text);
		return mend(tracing, "10.0.0.1, 10.0.0.0/8, fe80::/10");
	}
	lang_list_add(tracing->tree, list, literal);
	return 0;
}

/*
 * ${NAME}, as files are handed out that want it filled in: its value in the environment, of several addresses with commas or
 * spaces between them. Without one the policy can be looked at and not run.
 */
static int add_placeholder(struct match *match, const yaml_node_t *node, const char *text, struct lang_node *list)
{
	struct tracing *tracing = match->tracing;
	const char *name = tracing_copy(tracing, text + 2, strlen(text) - 3), *value = getenv(name);
	char *words, *word;

	if (!value || !*value) {
		if (!tracing->policy->incomplete)
			tracing->policy->incomplete = tracing_copy(tracing, text, strlen(text));
		note(tracing, node, "%s has no value: give it one in the environment (%s=10.0.0.0/8), or write it here; "
		     "as it is, the policy can be checked and not run", text, name);
		return 0;
	}
	words = strcpy(tracing_get(tracing, strlen(value) + 1), value);
	while ((word = strsep(&words, ", ")))
		if (*word && add_address(match, node, word, list))
			return -1;
	return 0;
}

int match_addresses(struct match *match, struct lang_node **list)
{
	*list = lang_list(match->tracing->tree, LANG_ADDRESS);
	for (u32 i = 0; i < match->count; i++) {
		const yaml_node_t *node;
		const char *text = match_text(match, i, &node);

		if (!text)
			return -1;
		if (!strncmp(text, "${", 2) && text[strlen(text) - 1] == '}' ? add_placeholder(match, node, text, *list) :
									      add_address(match, node, text, *list))
			return -1;
	}
	return 0;
}

const char *match_text(struct match *match, u32 at, const yaml_node_t **node)
{
	*node = document_at(&match->tracing->document, match->items[at]);
	return tracing_text(match->tracing, *node, "a value");
}
