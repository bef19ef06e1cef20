/* Operators of matchArgs as conditions. NULL after a mistake. */
#define _GNU_SOURCE

#include <ctype.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "policy/tracing_match.h"

#define TEXT_MOST 4096
#define RANGES_MOST 256

static const struct lang_symbol *symbol_of(struct match *match, enum policy_part part)
{
	return tracing_symbol(match->tracing, match->of, match->at, part);
}

static bool is_not(const struct match *match, const char **name)
{
	bool negated = !strncmp(match->operator, "Not", 3);

	*name = match->operator+(negated ? 3 : 0);
	return negated;
}

/* `exists(it) and not (...)`: what could not be read does not match. */
static struct lang_node *negated(struct match *match, const struct lang_symbol *symbol, struct lang_node *node)
{
	struct tracing *tracing = match->tracing;
	struct lang_node *exists = lang_node(tracing->tree, OP_EXISTS, lang_field(tracing->tree, symbol), NULL);

	return tracing_both(tracing, exists, tracing_not(tracing, node));
}

static struct lang_node *compare(struct match *match, const struct lang_symbol *symbol, enum lang_op op, u64 number)
{
	return lang_node(match->tracing->tree, op, lang_field(match->tracing->tree, symbol),
			 tracing_literal(match->tracing, symbol, number));
}

/* The numbers of a list of system calls. */
static const struct tracing_list *find_calls(struct match *match, const yaml_node_t *node, const char *name)
{
	struct tracing *tracing = match->tracing;
	const struct tracing_list *list = tracing_find_list(tracing, node, name);

	if (!list || (list->calls && match->type == TYPE_syscall64))
		return list;
	wrong(tracing, node, "%s is %s, and the list %s has %s", match->name, policy_type_name(match->type), list->name,
	      list->calls ? "system calls" : "functions");
	mend(tracing, list->calls ? "type: syscall64 for the argument" : "type: syscalls for the list");
	return NULL;
}

struct numbers {
	u64 *items;
	u32 count;
	struct lang_node *ranges;
	u32 range_count;
};

static int add_number(struct match *match, const struct lang_symbol *symbol, const yaml_node_t *node, const char *text,
		      bool ranges_only, struct numbers *numbers)
{
	struct tracing *tracing = match->tracing;
	u64 least, most;

	if (match_range(match, node, text, ranges_only, &least, &most))
		return -1;
	if (least == most) {
		numbers->items[numbers->count++] = least;
		return 0;
	}
	if (numbers->range_count++ == RANGES_MOST) {
		wrong(tracing, node, "there are more than %d ranges", RANGES_MOST);
		return mend(tracing, "several selectors can have more");
	}
	numbers->ranges = tracing_either(tracing, numbers->ranges,
					 tracing_both(tracing, compare(match, symbol, OP_GREATER_EQUAL, least),
						      compare(match, symbol, OP_LESS_EQUAL, most)));
	return 0;
}

/* FIELD in the numbers, ranges and lists of the values. */
static struct lang_node *among(struct match *match, const struct lang_symbol *symbol, bool ranges_only, bool lists)
{
	struct tracing *tracing = match->tracing;
	struct numbers numbers = { 0 };
	u32 room = match->count;

	for (u32 i = 0; lists && i < tracing->list_count; i++)
		room += tracing->lists[i].count;
	numbers.items = tracing_get(tracing, room * sizeof(*numbers.items));
	for (u32 i = 0; i < match->count; i++) {
		const yaml_node_t *node;
		const char *text = match_text(match, i, &node);
		const struct tracing_list *list;

		if (!text)
			return NULL;
		if (!lists || strncmp(text, "list:", 5)) {
			if (add_number(match, symbol, node, text, ranges_only, &numbers))
				return NULL;
			continue;
		}
		list = find_calls(match, node, text + 5);
		if (!list)
			return NULL;
		if (numbers.count + list->count + match->count - i > room) {
			wrong(tracing, node, "the list stands here twice");
			return NULL;
		}
		for (u32 j = 0; j < list->count; j++)
			numbers.items[numbers.count++] = tracing_call_number(list->values[j]);
	}
	return tracing_either(tracing, numbers.count ? tracing_among(tracing, symbol, numbers.items, numbers.count) : NULL,
			      numbers.ranges);
}

/* Larger than any of the values is larger than the least of them. */
static struct lang_node *ordered(struct match *match, const struct lang_symbol *symbol, enum lang_op op)
{
	u64 bound = 0, number;

	for (u32 i = 0; i < match->count; i++) {
		const yaml_node_t *node;
		const char *text = match_text(match, i, &node);
		bool less;

		if (!text || match_number(match, node, text, &number))
			return NULL;
		less = symbol->is_signed ? (s64)number < (s64)bound : number < bound;
		if (!i || less == (op == OP_GREATER))
			bound = number;
	}
	return compare(match, symbol, op, bound);
}

static struct lang_node *mask(struct match *match, const struct lang_symbol *symbol)
{
	u64 bits = 0, number;

	match->is_mask = true;
	for (u32 i = 0; i < match->count; i++) {
		const yaml_node_t *node;
		const char *text = match_text(match, i, &node);

		if (!text || match_number(match, node, text, &number))
			return NULL;
		if (!number) {
			wrong(match->tracing, node, "no bit is set in %s, so it matches nothing", text);
			mend(match->tracing, "a mask has bits that are looked for: 0x2");
			return NULL;
		}
		bits |= number;
	}
	return tracing_any_bit(match->tracing, symbol, bits);
}

struct lang_node *match_numbers(struct match *match)
{
	const struct lang_symbol *symbol = symbol_of(match, PART_NUMBER);
	const char *name;
	bool not = is_not(match, &name);
	struct lang_node *condition;

	if (!strcmp(name, "GT") || !strcmp(name, "GreaterThan"))
		return ordered(match, symbol, OP_GREATER);
	if (!strcmp(name, "LT") || !strcmp(name, "LessThan"))
		return ordered(match, symbol, OP_LESS);
	if (!strcmp(name, "Mask"))
		return mask(match, symbol);
	condition = among(match, symbol, !strcmp(name, "InRange"), !strcmp(name, "InMap"));
	return condition && not ? negated(match, symbol, condition) : condition;
}

/* A glob that is the text in either case: [hH][iI]. */
static struct lang_node *any_case(struct tracing *tracing, const char *text, size_t length)
{
	char *glob = tracing_get(tracing, length * 4 + 5), *out = glob;

	*out++ = '*';
	*out++ = '*';
	for (size_t i = 0; i < length; i++) {
		unsigned char byte = text[i];
		bool special = byte && strchr("*?[]\\", byte);

		if (!isalpha(byte) && !special) {
			*out++ = byte;
			continue;
		}
		*out++ = '[';
		*out++ = isalpha(byte) ? tolower(byte) : byte;
		if (isalpha(byte))
			*out++ = toupper(byte);
		*out++ = ']';
	}
	*out++ = '*';
	*out++ = '*';
	return lang_string(tracing->tree, glob, out - glob);
}

/* Zero bytes at the end of a text are those of C; within bytes they are what is looked for. */
static const char *string_at(struct match *match, u32 at, size_t *length)
{
	const yaml_node_t *node = document_at(&match->tracing->document, match->items[at]);
	bool bytes = match->type == TYPE_char_buf || match->type == TYPE_char_iovec || match->type == TYPE_iov_iter ||
		     match->type == TYPE_const_buf;
	const char *text;

	if (node->type == YAML_SCALAR_NODE) {
		text = (const char *)node->data.scalar.value;
		*length = node->data.scalar.length;
		while (!bytes && *length && !text[*length - 1])
			--*length;
		if (*length && (bytes || !memchr(text, 0, *length)))
			return tracing_copy(match->tracing, text, *length);
	}
	return match_text(match, at, &node);
}

struct lang_node *match_strings(struct match *match)
{
	static const struct {
		const char *name;
		enum lang_op op;
	} ops[] = {
		{ "Equal", OP_IN }, { "Prefix", OP_STARTS }, { "Postfix", OP_ENDS }, { "SubString", OP_CONTAINS },
		{ "SubStringIgnCase", OP_LIKE }, { "SubStringIgnoreCase", OP_LIKE },
	};
	struct tracing *tracing = match->tracing;
	const struct lang_symbol *symbol = symbol_of(match, PART_TEXT);
	struct lang_node *list = lang_list(tracing->tree, LANG_STRING), *condition;
	const char *name;
	bool not = is_not(match, &name);
	enum lang_op op = OP_IN;

	for (size_t i = 0; i < sizeof(ops) / sizeof(*ops); i++)
		if (!strcmp(ops[i].name, name))
			op = ops[i].op;
	for (u32 i = 0; i < match->count; i++) {
		size_t length = 0;
		const char *text = string_at(match, i, &length);

		if (!text)
			return NULL;
		if (length > TEXT_MOST) {
			wrong(tracing, document_at(&tracing->document, match->items[i]), "a value has %zu bytes", length);
			mend(tracing, "%d are the most there can be", TEXT_MOST);
			return NULL;
		}
		lang_list_add(tracing->tree, list, op == OP_LIKE ? any_case(tracing, text, length) : lang_string(tracing->tree, text, length));
	}
	condition = lang_node(tracing->tree, op, lang_field(tracing->tree, symbol), list);
	return not ? negated(match, symbol, condition) : condition;
}

struct lang_node *match_file_type(struct match *match)
{
	static const struct {
		const char *name;
		u64 mode;
	} types[] = {
		{ "sock", S_IFSOCK }, { "socket", S_IFSOCK }, { "lnk", S_IFLNK }, { "link", S_IFLNK }, { "reg", S_IFREG },
		{ "regular", S_IFREG }, { "blk", S_IFBLK }, { "block", S_IFBLK }, { "dir", S_IFDIR }, { "chr", S_IFCHR },
		{ "char", S_IFCHR }, { "fifo", S_IFIFO }, { "pipe", S_IFIFO },
	};
	const char *words[sizeof(types) / sizeof(*types) + 1] = { 0 };
	struct tracing *tracing = match->tracing;
	const struct lang_symbol *symbol = symbol_of(match, PART_MODE);
	struct lang_node *bits, *list = lang_list(tracing->tree, LANG_NUMBER), *condition;
	const char *name;
	bool not = is_not(match, &name);

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		words[i] = types[i].name;
	for (u32 i = 0; i < match->count; i++) {
		int type = tracing_word(tracing, document_at(&tracing->document, match->items[i]), "type of file", words);

		if (type < 0)
			return NULL;
		lang_list_add(tracing->tree, list, lang_number(tracing->tree, types[type].mode));
	}
	bits = lang_node(tracing->tree, OP_BIT_AND, lang_field(tracing->tree, symbol), lang_number(tracing->tree, S_IFMT));
	condition = lang_node(tracing->tree, OP_IN, bits, list);
	return not ? negated(match, symbol, condition) : condition;
}

static struct lang_node *addresses(struct match *match, const char *name, bool not)
{
	const struct lang_symbol *symbol = symbol_of(match, name[0] == 'S' ? PART_LOCAL : PART_PEER);
	struct lang_node *list, *condition;

	if (match_addresses(match, &list))
		return NULL;
	condition = lang_node(match->tracing->tree, OP_IN, lang_field(match->tracing->tree, symbol), list);
	return not ? negated(match, symbol, condition) : condition;
}

/* Ports are of IP: what has none does not match, however it is asked. */
static struct lang_node *ports(struct match *match, const char *name, bool not)
{
	static const u64 families[] = { AF_INET, AF_INET6 };
	const struct lang_symbol *symbol = symbol_of(match, name[0] == 'S' ? PART_LOCAL_PORT : PART_PEER_PORT);
	bool privileged = strlen(name) > strlen("SPort");
	struct lang_node *condition;

	match->type = TYPE_uint16;
	condition = privileged ? compare(match, symbol, OP_LESS, 1024) : among(match, symbol, false, false);
	if (!condition || (!privileged && !not))
		return condition;
	return tracing_both(match->tracing, tracing_among(match->tracing, symbol_of(match, PART_FAMILY), families, 2),
			    not ? tracing_not(match->tracing, condition) : condition);
}

static struct lang_node *words(struct match *match, enum policy_part part, bool (*parse)(const char *, u64 *),
			       const char *const *known, const char *what)
{
	struct tracing *tracing = match->tracing;
	u64 *numbers = tracing_get(tracing, match->count * sizeof(*numbers));

	for (u32 i = 0; i < match->count; i++) {
		const yaml_node_t *node;
		const char *text = match_text(match, i, &node);

		if (!text)
			return NULL;
		if (parse(text, &numbers[i]))
			continue;
		wrong(tracing, node, "there is no %s \"%s\"", what, text);
		document_mend_word(&tracing->document, text, known);
		mend(tracing, "%s and others, or its number", known[part == PART_FAMILY ? 3 : part == PART_STATE ? 0 : 4]);
		return NULL;
	}
	return tracing_among(tracing, symbol_of(match, part), numbers, match->count);
}

/* One that is read is of AF_UNIX: of an address of another family there is no path. */
static struct lang_node *unix_family(struct match *match)
{
	struct tracing *tracing = match->tracing;
	struct lang_node *read = lang_node(tracing->tree, OP_EXISTS, lang_field(tracing->tree, symbol_of(match, PART_TEXT)), NULL);

	for (u32 i = 0; i < match->count; i++) {
		const yaml_node_t *node;
		const char *text = match_text(match, i, &node);
		u64 family;

		if (!text)
			return NULL;
		if (!tracing_family(text, &family)) {
			wrong(tracing, node, "there is no family \"%s\"", text);
			mend(tracing, "AF_UNIX, or 1");
			return NULL;
		}
		if (family == AF_UNIX)
			return read;
	}
	note(tracing, match->node, "it never matches: of a sockaddr_un only AF_UNIX is read; type: sockaddr has the other families");
	return tracing_both(tracing, read, tracing_not(tracing, read));
}

/* A sockaddr has one address; a packet has no state; a path has a family only. */
static bool has_part(struct match *match, const char *name)
{
	enum policy_type type = match->type;

	if (type == TYPE_sockaddr)
		return name[0] == 'S' ? strcmp(name, "State") != 0 : !strcmp(name, "Family");
	return type != TYPE_skb || strcmp(name, "State");
}

struct lang_node *match_sockets(struct match *match)
{
	struct tracing *tracing = match->tracing;
	const char *name;
	bool not = is_not(match, &name);

	if (match->type == TYPE_sockaddr_un && !strcmp(name, "Family"))
		return unix_family(match);
	if (match->type == TYPE_sockaddr_un) {
		wrong(tracing, match->node, "a sockaddr_un has a path and a family only");
		mend(tracing, "Equal, Prefix and others; Family");
		return NULL;
	}
	if (!has_part(match, name)) {
		wrong(tracing, match->node, "%s has no %s: it is %s", match->name, name, policy_type_name(match->type));
		mend(tracing, match->type == TYPE_sockaddr ? "of a sockaddr there are SAddr, SPort, SPortPriv and Family" :
							      "a packet has no state, its socket has: type: sock");
		return NULL;
	}
	if (strstr(name, "Addr"))
		return addresses(match, name, not);
	if (strcasestr(name, "port"))
		return ports(match, name, not);
	if (!strcmp(name, "Family"))
		return words(match, PART_FAMILY, tracing_family, tracing_families, "family");
	if (!strcmp(name, "State"))
		return words(match, PART_STATE, tracing_state, tracing_states, "state");
	return words(match, PART_PROTOCOL, tracing_protocol, tracing_protocols, "protocol");
}
