/*
 * Random conditions over random records, decided by generated code in the kernel and by a plain evaluator that is written to
 * be obvious, not fast: both must agree, and the kernel must take whatever we do not refuse. Needs the right to load
 * programs.
 *
 *	generated [CONDITIONS [SEED]]		exit 0: all agree; 1: they do not, or nothing ever held; 77: this machine does not let us
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "lang/gen.h"
#include "lang/trial.h"

#define ROOM 20480
#define STRINGS 3
#define RECORDS 40
#define CASES 64

struct sample {
	struct record record;
	u64 wide;
	s64 signed_wide;
	u32 word;
	s32 signed_word;
	u16 half;
	s16 signed_half;
	u8 byte, flag;
	u8 present;
	u8 padding;
	u8 address[16];
	u16 family;
	u8 padding2[6];
};

#define NUMBER(name_, member, is_signed_) \
	{ .name = name_, .type = LANG_NUMBER, .is_signed = is_signed_, .kinds = ~0U, .place = PLACE_NUMBER, \
	  .offset = offsetof(struct sample, member), .width = sizeof(((struct sample *)0)->member) }
static const struct lang_symbol symbols[] = {
	NUMBER("wide", wide, false), NUMBER("signed_wide", signed_wide, true), NUMBER("word", word, false),
	NUMBER("signed_word", signed_word, true), NUMBER("half", half, false), NUMBER("signed_half", signed_half, true),
	NUMBER("byte", byte, false),
	{ .name = "maybe", .type = LANG_NUMBER, .kinds = ~0U, .place = PLACE_NUMBER, .offset = offsetof(struct sample, word),
	  .width = 4, .present = offsetof(struct sample, present), .present_mask = 2 },
	{ .name = "flag", .type = LANG_BOOL, .kinds = ~0U, .place = PLACE_NUMBER, .offset = offsetof(struct sample, flag),
	  .width = 1 },
	{ .name = "address", .type = LANG_ADDRESS, .kinds = ~0U, .place = PLACE_ADDRESS,
	  .offset = offsetof(struct sample, address), .width = 16, .present = offsetof(struct sample, family) },
	{ .name = "path", .type = LANG_STRING, .kinds = ~0U, .place = PLACE_STRING, .string = 0 },
	{ .name = "name", .type = LANG_STRING, .kinds = ~0U, .place = PLACE_STRING, .string = 1 },
	{ .name = "words", .type = LANG_STRINGS, .kinds = ~0U, .place = PLACE_STRINGS, .string = 2 },
};
#define NUMBERS 8
#define FLAG (&symbols[8])
#define ADDRESS (&symbols[9])
#define TEXT(i) (&symbols[10 + (i)])
#define WORDS (&symbols[12])

static u64 state;

static u64 draw(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state * 0x2545f4914f6cdd1d;
}

static u32 below(u32 limit)
{
	return (draw() >> 32) % limit;
}

static u64 draw_number(void)
{
	static const u64 edges[] = { 0, 1, 2, 7, 8, 127, 128, 255, 256, 32767, 65535, 65536, 0x7fffffff, 0x80000000,
				     0xffffffff, 0x100000000, 0x7fffffffffffffff, 0x8000000000000000, ~0ULL, ~0ULL - 1 };

	return below(3) ? edges[below(sizeof(edges) / sizeof(*edges))] : draw() >> below(64);
}

/* --- what conditions mean --- */

static struct bytes text_of(const u8 *record, u32 string)
{
	u64 at = sizeof(struct sample);
	struct record_string head;

	for (;; string--) {
		memcpy(&head, record + at, sizeof(head));
		if (!string)
			return (struct bytes){ (const char *)record + at + sizeof(head), head.length, head.full };
		at += sizeof(head) + (head.length + 7) / 8 * 8;
	}
}

static bool in_set(const char **at, const char *end, char byte)
{
	bool inverted = **at == '!' || **at == '^', found = false;
	const char *first = *at += inverted;

	for (; *at < end && (**at != ']' || *at == first); (*at)++) {
		u8 from = **at, to = from;

		if (*at + 2 < end && (*at)[1] == '-' && (*at)[2] != ']') {
			to = (*at)[2];
			*at += 2;
		}
		found |= from <= (u8)byte && (u8)byte <= to;
	}
	(*at)++;
	return found != inverted && byte != '/';
}

static bool like(const char *glob, const char *glob_end, const char *at, const char *end)
{
	while (glob < glob_end) {
		if (*glob == '*') {
			bool deep = glob + 1 < glob_end && glob[1] == '*';

			for (;; at++) {
				if (like(glob + 1 + deep, glob_end, at, end))
					return true;
				if (at == end || (!deep && *at == '/'))
					return false;
			}
		}
		if (at == end)
			return false;
		if (*glob == '?') {
			if (*at == '/')
				return false;
			glob++;
		} else if (*glob == '[') {
			glob++;
			if (!in_set(&glob, glob_end, *at))
				return false;
		} else {
			glob += *glob == '\\' && glob + 1 < glob_end;
			if (*glob++ != *at)
				return false;
		}
		at++;
	}
	return at == end;
}

static bool text_is(enum lang_op op, struct bytes text, struct bytes wanted)
{
	switch (op) {
	case OP_STARTS:
		return text.length >= wanted.length && !memcmp(text.data, wanted.data, wanted.length);
	case OP_ENDS:
		return text.length >= wanted.length &&
		       !memcmp(text.data + text.length - wanted.length, wanted.data, wanted.length);
	case OP_CONTAINS:
		return memmem(text.data, text.length, wanted.data, wanted.length);
	case OP_LIKE:
		return like(wanted.data, wanted.data + wanted.length, text.data, text.data + text.length);
	default:
		return text.length == wanted.length && !memcmp(text.data, wanted.data, wanted.length);
	}
}

static bool text_is_any(enum lang_op op, struct bytes text, const struct lang_node *right)
{
	if (right->op != OP_LIST)
		return text_is(op, text, right->string);
	for (u32 i = 0; i < right->count; i++)
		if (text_is(op, text, right->items[i]->string))
			return true;
	return false;
}

static bool words_are(enum lang_op op, struct bytes words, const struct lang_node *right)
{
	while (words.length) {
		const char *end = memchr(words.data, 0, words.length);
		struct bytes word = { words.data, end ? end - words.data : words.length, 0 };

		if (text_is_any(op, word, right))
			return true;
		words.data += word.length + !!end;
		words.length -= word.length + !!end;
	}
	return false;
}

static bool address_is(const u8 *record, const struct lang_address *block)
{
	u16 family;

	memcpy(&family, record + ADDRESS->present, 2);
	if (family != block->family)
		return false;
	for (u32 bit = 0; bit < block->bits; bit++)
		if ((record[ADDRESS->offset + bit / 8] ^ block->bytes[bit / 8]) >> (7 - bit % 8) & 1)
			return false;
	return true;
}

static bool address_decides(const struct lang_node *node, const u8 *record)
{
	u16 family;

	memcpy(&family, record + ADDRESS->present, 2);
	if (family != AF_INET && family != AF_INET6)
		return false;
	if (node->op == OP_EXISTS)
		return true;
	if (node->right->op != OP_LIST)
		return address_is(record, &node->right->address) != (node->op == OP_UNEQUAL);
	for (u32 i = 0; i < node->right->count; i++)
		if (address_is(record, &node->right->items[i]->address))
			return true;
	return false;
}

static bool read_number(const struct lang_symbol *symbol, const u8 *record, u64 *number)
{
	u32 unused = 64 - 8 * symbol->width;

	*number = 0;
	memcpy(number, record + symbol->offset, symbol->width);
	if (symbol->is_signed)
		*number = (s64)(*number << unused) >> unused;
	return !symbol->present || record[symbol->present] & symbol->present_mask;
}

static bool divide(const struct lang_node *node, u64 left, u64 right, u64 *number)
{
	if (!right)
		return false;
	if (node->is_signed && right == ~0ULL)
		*number = node->op == OP_DIVIDE ? -left : 0;
	else if (node->is_signed)
		*number = node->op == OP_DIVIDE ? (s64)left / (s64)right : (s64)left % (s64)right;
	else
		*number = node->op == OP_DIVIDE ? left / right : left % right;
	return true;
}

/* False: missing. */
static bool calculate(const struct lang_node *node, const u8 *record, u64 *number)
{
	u64 left, right = 0;

	if (node->op == OP_NUMBER) {
		*number = node->number;
		return true;
	}
	if (node->op == OP_FIELD)
		return read_number(node->symbol, record, number);
	if (!calculate(node->left, record, &left) || (node->right && !calculate(node->right, record, &right)))
		return false;
	switch (node->op) {
	case OP_ADD:
		*number = left + right;
		return true;
	case OP_SUBTRACT:
		*number = left - right;
		return true;
	case OP_MULTIPLY:
		*number = left * right;
		return true;
	case OP_NEGATE:
		*number = -left;
		return true;
	case OP_BIT_AND:
		*number = left & right;
		return true;
	case OP_BIT_OR:
		*number = left | right;
		return true;
	case OP_BIT_XOR:
		*number = left ^ right;
		return true;
	case OP_BIT_NOT:
		*number = ~left;
		return true;
	case OP_SHIFT_LEFT:
		*number = left << (right & 63);
		return true;
	case OP_SHIFT_RIGHT:
		*number = node->is_signed ? (u64)((s64)left >> (right & 63)) : left >> (right & 63);
		return true;
	default:
		return divide(node, left, right, number);
	}
}

static bool number_decides(const struct lang_node *node, const u8 *record)
{
	u64 left, right;

	if (!calculate(node->left, record, &left))
		return false;
	if (node->op == OP_EXISTS)
		return true;
	if (node->op == OP_IN) {
		for (u32 i = 0; i < node->right->count; i++)
			if (node->right->items[i]->number == left)
				return true;
		return false;
	}
	if (!calculate(node->right, record, &right))
		return false;
	if (node->op == OP_EQUAL || node->op == OP_UNEQUAL)
		return (left == right) == (node->op == OP_EQUAL);
	if (node->is_signed) {
		left ^= 1ULL << 63;
		right ^= 1ULL << 63;
	}
	switch (node->op) {
	case OP_LESS:
		return left < right;
	case OP_LESS_EQUAL:
		return left <= right;
	case OP_GREATER:
		return left > right;
	default:
		return left >= right;
	}
}

static bool decide(const struct lang_node *node, const u8 *record)
{
	struct bytes text;

	switch (node->op) {
	case OP_NOT:
		return !decide(node->left, record);
	case OP_AND:
		return decide(node->left, record) && decide(node->right, record);
	case OP_OR:
		return decide(node->left, record) || decide(node->right, record);
	case OP_FIELD:
		return record[node->symbol->offset];
	default:
		break;
	}
	switch (node->left->type) {
	case LANG_BOOL:
	case LANG_NUMBER:
		return number_decides(node, record);
	case LANG_ADDRESS:
		return address_decides(node, record);
	default:
		text = text_of(record, node->left->symbol->string);
		if (!text.length || node->op == OP_EXISTS)
			return text.length;
		if (node->left->type == LANG_STRINGS)
			return words_are(node->op, text, node->right);
		return text_is_any(node->op, text, node->right) != (node->op == OP_UNEQUAL);
	}
}

/* --- random ones --- */

/* From few letters, so that things happen to be equal. */
static u32 draw_text(char *text, u32 limit, const char *letters)
{
	u32 length = below(8) ? below(12) : below(limit + 1), count = strlen(letters);

	length = length > limit ? limit : length;
	for (u32 i = 0; i < length; i++)
		text[i] = letters[below(count)];
	return length;
}

static u32 draw_glob(char *glob)
{
	static const char *const parts[] = { "*", "**", "?", "[ab]", "[!a]", "[b-e]", "a", "b", "/", "/a", "\\*", "c/", "ab" };
	u32 count = below(7);

	*glob = 0;
	for (u32 i = 0; i < count; i++)
		strcat(glob, parts[below(sizeof(parts) / sizeof(*parts))]);
	return strlen(glob);
}

static struct lang_node *draw_address(struct lang_tree *tree)
{
	struct lang_node *node = lang_number(tree, 0);
	bool six = below(2);

	node->op = OP_ADDRESS;
	node->type = LANG_ADDRESS;
	memset(&node->address, 0, sizeof(node->address));
	node->address.family = six ? AF_INET6 : AF_INET;
	node->address.bits = below(3) ? (six ? 128 : 32) : below(six ? 129 : 33);
	for (u32 i = 0; i < (six ? 16 : 4); i++)
		node->address.bytes[i] = below(8) ? 10 : below(256);
	return node;
}

static struct lang_node *draw_literal(struct lang_tree *tree, enum lang_op op, enum lang_type type)
{
	char text[128];

	if (type == LANG_NUMBER)
		return lang_number(tree, draw_number());
	if (type == LANG_ADDRESS)
		return draw_address(tree);
	return lang_string(tree, text, op == OP_LIKE ? draw_glob(text) : draw_text(text, 100, "aab/bc*"));
}

static struct lang_node *draw_list(struct lang_tree *tree, enum lang_op op, enum lang_type type)
{
	struct lang_node *list = lang_list(tree, type);
	u32 count = 1 + below(below(4) ? 6 : 40);

	for (u32 i = 0; i < count; i++)
		lang_list_add(tree, list, draw_literal(tree, op, type));
	return list;
}

static struct lang_node *draw_calculation(struct lang_tree *tree, u32 depth)
{
	u32 op = OP_ADD + below(OP_BIT_NOT - OP_ADD + 1);
	struct lang_node *left;

	if (!depth || below(2))
		return below(3) ? lang_field(tree, &symbols[below(NUMBERS)]) : lang_number(tree, draw_number());
	left = draw_calculation(tree, depth - 1);
	return lang_node(tree, op, left, op == OP_NEGATE || op == OP_BIT_NOT ? NULL : draw_calculation(tree, depth - 1));
}

static struct lang_node *draw_comparison(struct lang_tree *tree)
{
	static const enum lang_op of_texts[] = { OP_EQUAL, OP_UNEQUAL, OP_IN, OP_LIKE, OP_STARTS, OP_ENDS, OP_CONTAINS };
	static const enum lang_op of_addresses[] = { OP_EQUAL, OP_UNEQUAL, OP_IN };
	struct lang_node *field;
	enum lang_op op;

	switch (below(8)) {
	case 0:
		return lang_field(tree, FLAG);
	case 1:
		return lang_node(tree, OP_EXISTS, lang_field(tree, &symbols[below(sizeof(symbols) / sizeof(*symbols))]), NULL);
	case 2:
		op = of_addresses[below(3)];
		field = lang_field(tree, ADDRESS);
		return lang_node(tree, op, field, op == OP_IN && below(2) ? draw_list(tree, op, LANG_ADDRESS) :
						  draw_literal(tree, op, LANG_ADDRESS));
	case 3:
	case 4:
		if (below(4))
			return lang_node(tree, OP_EQUAL + below(6), draw_calculation(tree, 3), draw_calculation(tree, 2));
		return lang_node(tree, OP_IN, draw_calculation(tree, 1), draw_list(tree, OP_IN, LANG_NUMBER));
	default:
		field = lang_field(tree, TEXT(below(3)));
		op = of_texts[below(7)];
		if (field->symbol == WORDS && op == OP_UNEQUAL)
			op = OP_EQUAL;
		return lang_node(tree, op, field, op == OP_IN || (op >= OP_LIKE && below(2)) ?
						  draw_list(tree, op, LANG_STRING) : draw_literal(tree, op, LANG_STRING));
	}
}

static struct lang_node *draw_condition(struct lang_tree *tree, u32 depth)
{
	struct lang_node *left;

	if (!depth || !below(3))
		return draw_comparison(tree);
	left = draw_condition(tree, depth - 1);
	if (!below(4))
		return lang_node(tree, OP_NOT, left, NULL);
	return lang_node(tree, below(2) ? OP_AND : OP_OR, left, draw_condition(tree, depth - 1));
}

/* Of a row of conditions that ask the same field. */
static struct lang_node *draw_alike(struct lang_tree *tree, u32 which)
{
	static const enum lang_op of_texts[] = { OP_EQUAL, OP_STARTS };
	const struct lang_symbol *symbol = which < 2 ? TEXT(0) : which < 4 ? TEXT(1) : which < 6 ? ADDRESS : &symbols[which % NUMBERS];
	enum lang_op op = symbol->type == LANG_STRING ? of_texts[which % 2] : OP_EQUAL;
	struct lang_node *node;

	op = op == OP_EQUAL && !below(3) ? OP_IN : op;
	node = lang_node(tree, op, lang_field(tree, symbol), op == OP_IN ? draw_list(tree, op, symbol->type) :
							     draw_literal(tree, op, symbol->type));
	for (u32 more = below(3) ? 0 : 1 + below(2); more; more--)
		node = below(2) ? lang_node(tree, OP_AND, node, draw_comparison(tree)) :
				  lang_node(tree, OP_AND, draw_comparison(tree), node);
	return node;
}

static void draw_record(u8 *record)
{
	struct sample *sample = (void *)record;
	u64 at = sizeof(*sample), number = draw_number();
	static const u16 families[] = { AF_INET, AF_INET6, AF_UNIX, 0 };

	memset(record, 0xa5, ROOM);
	sample->wide = draw_number();
	sample->signed_wide = draw_number();
	sample->word = draw_number();
	sample->signed_word = draw_number();
	sample->half = draw_number();
	sample->signed_half = number;
	sample->byte = draw_number();
	sample->flag = below(2);
	sample->present = below(4);
	sample->family = families[below(4)];
	for (u32 i = 0; i < 16; i++)
		sample->address[i] = below(8) ? 10 : below(256);
	for (u32 i = 0; i < STRINGS; i++) {
		struct record_string *string = (void *)(record + at);

		string->length = draw_text((char *)(string + 1), 4096, i == 2 ? "aab/bc" : "aab/bc*");
		string->full = draw();
		for (u32 j = 0; i == 2 && j < string->length; j++)
			if (!below(4))
				((char *)(string + 1))[j] = 0;
		at += sizeof(*string) + (string->length + 7) / 8 * 8;
	}
	sample->record.size = at;
}

/* --- one gen: some cases, and records --- */

static u32 refused, too_large, verified, agreed, held;

static u32 expect(struct lang_node **conditions, u32 count, const u8 *record)
{
	for (u32 i = 0; i < count; i++)
		if (decide(conditions[i], record))
			return i + 1;
	return 0;
}

static int compare(struct trial *trial, struct lang_node **conditions, u32 count)
{
	static u8 record[ROOM], before[ROOM];

	for (int i = 0; i < RECORDS; i++) {
		s64 got;
		u32 wanted;

		draw_record(record);
		memcpy(before, record, ROOM);
		wanted = expect(conditions, count, record);
		got = trial_run(trial, record);
		if (got != wanted || memcmp(record, before, ROOM)) {
			printf("record %d: the kernel says %lld, it should be %u%s\n", i, (long long)got, wanted,
			       memcmp(record, before, ROOM) ? "; it changed the record" : "");
			return -1;
		}
		held += wanted != 0;
		agreed++;
	}
	return 0;
}

static const struct gen_layout layout = { .room = ROOM, .fixed = sizeof(struct sample), .strings = STRINGS };

/* Each record once, by all conditions: what they were counted for, and when, but for the one that is left out. */
static int compare_others(struct trial *trial, const struct gen *gen, struct lang_node **conditions, u32 count, u32 found)
{
	static u8 record[ROOM], before[ROOM];
	struct gen_tally wanted[CASES] = { 0 }, got[CASES];
	u32 zero = 0;

	for (int i = 0; i < RECORDS; i++) {
		struct record *head = (void *)record;

		draw_record(record);
		head->time = 1000 + i;
		memcpy(before, record, ROOM);
		for (u32 j = 0; j < count; j++) {
			if (j + 1 == found || !decide(conditions[j], record))
				continue;
			wanted[j].first = wanted[j].matched++ ? wanted[j].first : head->time;
			wanted[j].last = head->time;
		}
		if (trial_run(trial, record) < 0 || memcmp(record, before, ROOM))
			return -1;
	}
	if (bpf_map_lookup_elem(gen_tallies(gen), &zero, got) || memcmp(got, wanted, count * sizeof(*got))) {
		printf("what is counted of %u cases but %u is wrong\n", count, found);
		return -1;
	}
	return 0;
}

static int try_others(struct lang_node **conditions, u32 count)
{
	struct gen *gen = gen_new();
	u32 found = below(count + 1);
	const struct bpf_insn *body;
	struct trial trial;
	const char *why;
	size_t length;
	int error = 0;

	for (u32 i = 0; i < count && !error; i++)
		error = gen_add_case(gen, 0, &layout, conditions[i], &why);
	body = error ? NULL : gen_finish_others(gen, &length, &why);
	if (!body) {
		refused++;
	} else {
		error = trial_open(&trial, body, length, ROOM, found);
		if (error == -E2BIG) {
			too_large++;
			error = 0;
		} else if (error) {
			printf("the kernel refuses what counts others: %s: %s\n", strerror(-error), trial.log);
		} else {
			error = compare_others(&trial, gen, conditions, count, found);
			trial_close(&trial);
		}
	}
	gen_free(gen);
	return error;
}

static int try_one(void)
{
	u32 many = below(4) ? 1 : 1 + below(12), count = 0, which = below(16);
	bool alike = !below(4);
	struct lang_tree *tree = lang_tree_new();
	struct lang_node *conditions[CASES];
	struct gen *gen = gen_new();
	const struct bpf_insn *body;
	struct trial trial;
	const char *why;
	size_t length;
	int error = 0;

	if (alike)
		many = 1 + below(60);
	for (u32 i = 0; i < many; i++) {
		conditions[count] = alike && below(12) ? draw_alike(tree, below(4) ? which : below(16)) :
							 draw_condition(tree, many > 4 ? 1 : 4);
		if (gen_add_case(gen, 0, &layout, conditions[count], &why))
			refused++;
		else
			count++;
	}
	body = gen_finish(gen, &length, &why);
	if (!body) {
		refused++;
	} else {
		error = trial_open(&trial, body, length, ROOM, 0);
		if (error == -E2BIG) {
			too_large++;
			error = 0;
		} else if (error) {
			printf("the kernel refuses what was generated: %s: %s\n", strerror(-error), trial.log);
		} else {
			verified = trial_verified(&trial) > verified ? trial_verified(&trial) : verified;
			error = compare(&trial, conditions, count);
			trial_close(&trial);
		}
	}
	gen_free(gen);
	if (!error && count)
		error = try_others(conditions, count);
	lang_tree_free(tree);
	return error;
}

int main(int argc, char **argv)
{
	static const struct bpf_insn nothing[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K }, { .code = BPF_JMP | BPF_EXIT } };
	u64 rounds = argc > 1 ? strtoull(argv[1], NULL, 0) : 300;
	struct trial trial;

	state = argc > 2 ? strtoull(argv[2], NULL, 0) : (u64)time(NULL) * 1000003;
	state |= 1;
	if (trial_open(&trial, nothing, 2, 64, 0)) {
		printf("no programs can be loaded here: %s\n", trial.log);
		return 77;
	}
	trial_close(&trial);
	for (u64 i = 0; i < rounds; i++) {
		u64 seed = state;

		if (try_one()) {
			printf("condition %llu; again with: generated 1 %#llx\n", (unsigned long long)i, (unsigned long long)seed);
			return 1;
		}
	}
	printf("%llu conditions: %u refused, %u too large for the kernel; %u records decided alike, %u of them held; at most %u instructions verified\n",
	       (unsigned long long)rounds, refused, too_large, agreed, held, verified);
	return held ? 0 : 1;
}
