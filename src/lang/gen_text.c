/*
 * Texts. A few are compared eight bytes at a time with what is in the code; long lists are looked up, by a hash or in a
 * trie of prefixes; all that may be anywhere within a text is walked through an automaton.
 */
#include "lang/gen_inside.h"

#define CHAIN_MAX 4
#define PREFIXES_MAX 6
/* Comparisons read up to so many bytes behind a text. */
#define SLACK 32
/* A walk is some ten thousand steps to the verifier and leaves it hundreds of branches to come back to. */
#define SEARCHES_MAX 8
#define STRIDE 16

/* What is longer is taken to be missing. */
u32 gen_longest_text(const struct gen *gen, u32 string)
{
	u32 behind = gen->layout->fixed + sizeof(struct record_string) + SLACK;

	if (string || gen->layout->room >= behind + STRING_MAX)
		return STRING_MAX;
	return gen->layout->room > behind ? gen->layout->room - behind : 0;
}

void gen_text_view(struct gen *gen, const struct lang_symbol *symbol, int missing)
{
	u32 header = sizeof(struct record_string), fixed = gen->layout->fixed, longest = gen_longest_text(gen, symbol->string);
	s64 limit = (s64)gen->layout->room - header - STRING_MAX - SLACK;
	struct code *code = gen->code;

	if (symbol->place != PLACE_STRING && symbol->place != PLACE_STRINGS) {
		gen_refuse(gen, "a field is not known where the event arises");
		return;
	}
	if (symbol->string >= gen->layout->strings || !longest || (symbol->string && limit < fixed + header)) {
		gen_refuse(gen, "a text lies outside what the kernel's side sees");
		return;
	}
	code_load(code, BPF_W, LENGTH, RECORD, fixed);
	if (!symbol->string) {
		code_move(code, BYTES, RECORD);
		code_do_number(code, BPF_ADD, BYTES, fixed + header);
	} else {
		code_move_number(code, BYTES, fixed + header);
		for (u32 i = 0; i < symbol->string; i++) {
			code_do_number(code, BPF_ADD, LENGTH, 7);
			code_do_number(code, BPF_AND, LENGTH, -8);
			code_do(code, BPF_ADD, BYTES, LENGTH);
			code_jump_if_number(code, BPF_JGT, BYTES, limit, missing);
			code_move(code, BPF_REG_1, RECORD);
			code_do(code, BPF_ADD, BPF_REG_1, BYTES);
			code_load(code, BPF_W, LENGTH, BPF_REG_1, 0);
			code_do_number(code, BPF_ADD, BYTES, header);
		}
		code_do(code, BPF_ADD, BYTES, RECORD);
	}
	code_jump_if_number(code, BPF_JEQ, LENGTH, 0, missing);
	code_jump_if_number(code, BPF_JGT, LENGTH, longest, missing);
}

/* The bytes at register `at` are those of `text`, else to `no`. */
static void same_bytes(struct gen *gen, int at, struct bytes text, int no)
{
	struct code *code = gen->code;

	for (u32 i = 0; i < text.length; i += 8) {
		u32 count = text.length - i < 8 ? text.length - i : 8;
		u64 word = 0;

		memcpy((char *)&word + 8 - count, text.data + i, count);
		code_load(code, BPF_DW, BPF_REG_1, at, i);
		if (count < 8)
			code_do_number(code, BPF_LSH, BPF_REG_1, 64 - 8 * count);
		code_move_number(code, BPF_REG_2, word);
		code_jump_if(code, BPF_JNE, BPF_REG_1, BPF_REG_2, no);
	}
}

static void same_text(struct gen *gen, enum automaton_match match, struct bytes text, int no)
{
	struct code *code = gen->code;
	int at = BYTES;

	if (text.length > STRING_MAX - SLACK) {
		gen_refuse(gen, "a text of more than 4,064 bytes is too long to compare with");
		return;
	}
	code_jump_if_number(code, match == MATCH_EQUAL ? BPF_JNE : BPF_JLT, LENGTH, text.length, no);
	if (match == MATCH_ENDS) {
		at = BPF_REG_3;
		code_move(code, at, LENGTH);
		code_do_number(code, BPF_SUB, at, text.length);
		code_do(code, BPF_ADD, at, BYTES);
	}
	same_bytes(gen, at, text, no);
}

static u32 count_of(const struct lang_node *right)
{
	return right->op == OP_LIST ? right->count : 1;
}

static const struct lang_node *item_of(const struct lang_node *right, u32 i)
{
	return right->op == OP_LIST ? right->items[i] : right;
}

static void chain(struct gen *gen, enum automaton_match match, const struct lang_node *right, int no)
{
	struct code *code = gen->code;
	int yes = code_label(code);

	for (u32 i = 0; i < count_of(right); i++) {
		int next = code_label(code);

		same_text(gen, match, item_of(right, i)->string, next);
		code_jump(code, yes);
		code_place(code, next);
	}
	code_jump(code, no);
	code_place(code, yes);
}

/* One byte of the text. r2: the tables, r3: the text from here, r4: the state's row. */
static void walk_byte(struct gen *gen, u32 mask, int i)
{
	struct code *code = gen->code;

	code_load(code, BPF_B, BPF_REG_1, BPF_REG_3, i);
	code_do(code, BPF_ADD, BPF_REG_1, BPF_REG_2);
	code_load(code, BPF_B, BPF_REG_1, BPF_REG_1, 0);
	code_do_number(code, BPF_LSH, BPF_REG_1, 2);
	code_do(code, BPF_ADD, BPF_REG_4, BPF_REG_1);
	code_do_number(code, BPF_AND, BPF_REG_4, mask);
	code_do(code, BPF_ADD, BPF_REG_4, BPF_REG_2);
	code_load(code, BPF_W, BPF_REG_4, BPF_REG_4, 0);
}

/*
 * The last bytes are found anew from what is in the record: then all ends of the loop look the same to the verifier, and it
 * need not follow each.
 */
static void walk(struct gen *gen, const struct automaton_place *place, bool words, int no)
{
	struct code *code = gen->code;
	int loop = code_label(code), tail = code_label(code), end = code_label(code);

	code_map_value(code, BPF_REG_2, MAP_TABLES, place->classes);
	code_move_number(code, BPF_REG_4, place->start);
	code_move(code, BPF_REG_3, BYTES);
	code_move(code, BPF_REG_5, LENGTH);
	code_place(code, loop);
	code_jump_if_number(code, BPF_JLT, BPF_REG_5, STRIDE, tail);
	for (int i = 0; i < STRIDE; i++)
		walk_byte(gen, place->mask, i);
	if (!words)
		code_jump_if_number(code, BPF_JEQ, BPF_REG_4, place->dead, no);
	code_do_number(code, BPF_ADD, BPF_REG_3, STRIDE);
	code_do_number(code, BPF_SUB, BPF_REG_5, STRIDE);
	code_jump(code, loop);
	code_place(code, tail);
	code_move(code, BPF_REG_3, LENGTH);
	code_do_number(code, BPF_AND, BPF_REG_3, -STRIDE);
	code_do(code, BPF_ADD, BPF_REG_3, BYTES);
	code_move(code, BPF_REG_5, LENGTH);
	code_do_number(code, BPF_AND, BPF_REG_5, STRIDE - 1);
	for (int i = 0; i < STRIDE - 1; i++) {
		code_jump_if_number(code, BPF_JEQ, BPF_REG_5, i, end);
		walk_byte(gen, place->mask, i);
	}
	code_place(code, end);
	code_do_number(code, BPF_AND, BPF_REG_4, place->mask);
	code_do(code, BPF_ADD, BPF_REG_4, BPF_REG_2);
	code_load(code, BPF_W, BPF_REG_0, BPF_REG_4, place->end);
	code_jump_if_number(code, BPF_JEQ, BPF_REG_0, 0, no);
}

static void search(struct gen *gen, enum automaton_match match, const struct lang_node *node, int no)
{
	bool words = node->left->type == LANG_STRINGS;
	struct automaton *automaton = automaton_new(words);
	const struct lang_node *right = node->right;
	struct automaton_place place;
	int error = 0;

	for (u32 i = 0; i < count_of(right) && !error; i++)
		error = automaton_add(automaton, match, item_of(right, i)->string.data,
				      item_of(right, i)->string.length);
	if (error)
		gen_refuse(gen, "a pattern has a `[` without its `]`");
	else if (++gen->searches > SEARCHES_MAX)
		gen_refuse(gen, "more than 8 searches in texts (like, contains, lists of endings) are too much for one program");
	else if (automaton_build(automaton, &gen->tables, &place))
		gen_refuse(gen, "the patterns together become too large");
	else
		walk(gen, &place, words, no);
	automaton_free(automaton);
}

/* A glob that is only a text, or one with a `**` before or behind. */
static bool is_simple(struct bytes glob, enum automaton_match *match, struct bytes *text)
{
	bool before = glob.length > 2 && !memcmp(glob.data, "**", 2);
	bool behind = !before && glob.length > 2 && !memcmp(glob.data + glob.length - 2, "**", 2);

	*text = glob;
	text->data += before ? 2 : 0;
	text->length -= before || behind ? 2 : 0;
	*match = before ? MATCH_ENDS : behind ? MATCH_STARTS : MATCH_EQUAL;
	for (size_t i = 0; i < text->length; i++)
		if (strchr("*?[\\", text->data[i]))
			return false;
	return true;
}

/* true: and so it was done */
static bool compare_simple_glob(struct gen *gen, const struct lang_node *right, int no)
{
	enum automaton_match match;
	struct bytes text;

	if (right->op == OP_LIST || !is_simple(right->string, &match, &text))
		return false;
	same_text(gen, match, text, no);
	return true;
}

static void find_equal(struct gen *gen, const struct lang_node *right, int no)
{
	u32 set;

	if (count_of(right) <= CHAIN_MAX) {
		chain(gen, MATCH_EQUAL, right, no);
		return;
	}
	set = gen_set_new(gen);
	for (u32 i = 0; i < right->count; i++)
		gen_set_add_text(gen, set, right->items[i]->string, 1);
	gen_lookup_text(gen, set, no);
}

static void find_prefix(struct gen *gen, const struct lang_symbol *symbol, const struct lang_node *right, int no)
{
	u32 trie;

	if (count_of(right) <= PREFIXES_MAX) {
		chain(gen, MATCH_STARTS, right, no);
		return;
	}
	trie = gen_trie_new(gen);
	for (u32 i = 0; i < right->count; i++)
		if (!gen_trie_add(gen, trie, right->items[i]->string, 1))
			gen_refuse(gen, "a beginning of more than 256 bytes is too long for a list");
	gen_lookup_prefix(gen, trie, symbol->string, no);
}

static enum automaton_match match_of(enum lang_op op)
{
	switch (op) {
	case OP_STARTS:
		return MATCH_STARTS;
	case OP_ENDS:
		return MATCH_ENDS;
	case OP_CONTAINS:
		return MATCH_CONTAINS;
	case OP_LIKE:
		return MATCH_LIKE;
	default:
		return MATCH_EQUAL;
	}
}

static bool can_compare(const struct lang_node *node)
{
	const struct lang_node *right = node->right;

	if (node->left->op != OP_FIELD || !right || (right->op != OP_STRING && right->op != OP_LIST))
		return false;
	switch (node->op) {
	case OP_EQUAL:
	case OP_IN:
	case OP_STARTS:
	case OP_ENDS:
	case OP_CONTAINS:
	case OP_LIKE:
		return true;
	case OP_UNEQUAL:
		return node->left->type == LANG_STRING && right->op == OP_STRING;
	default:
		return false;
	}
}

void gen_compare_texts(struct gen *gen, const struct lang_node *node, int no)
{
	enum automaton_match match = match_of(node->op);
	const struct lang_node *right = node->right;
	int other;

	if (!can_compare(node)) {
		gen_refuse(gen, "the kernel's side compares texts only with given ones");
		return;
	}
	gen_text_view(gen, node->left->symbol, no);
	if (gen->why)
		return;
	if (node->op == OP_UNEQUAL) {
		other = code_label(gen->code);
		same_text(gen, MATCH_EQUAL, right->string, other);
		code_jump(gen->code, no);
		code_place(gen->code, other);
	} else if (node->left->type == LANG_STRINGS) {
		search(gen, match, node, no);
	} else if (match == MATCH_EQUAL) {
		find_equal(gen, right, no);
	} else if (match == MATCH_STARTS) {
		find_prefix(gen, node->left->symbol, right, no);
	} else if (match == MATCH_ENDS && count_of(right) <= PREFIXES_MAX) {
		chain(gen, MATCH_ENDS, right, no);
	} else if (match != MATCH_LIKE || !compare_simple_glob(gen, right, no)) {
		search(gen, match, node, no);
	}
}
