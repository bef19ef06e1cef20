/*
 * What is looked up: numbers and texts in one hash map for all sets, blocks of addresses in one trie, beginnings of texts in a
 * trie for each list, because its key is the record's own text where it lies.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "lang/gen_inside.h"

#define PREFIX_MAX 256		/* what a trie of the kernel's takes */
#define TRIES_MAX 32		/* a program may use 64 maps */
#define HASH_FACTOR 0x9e3779b97f4a7c15
#define HASH_SHIFT 29
#define HASH_WORDS 4		/* in one turn of the loop */
#define HASHES_MAX 16		/* each is some thousand steps to the verifier */

void *gen_grow(void *items, u32 count, u32 *room, size_t size)
{
	if (count < *room)
		return items;
	*room = *room ? 2 * *room : 16;
	return xrealloc(items, *room, size);
}

u32 gen_set_new(struct gen *gen)
{
	return gen->sets++;
}

static void add_member(struct gen *gen, struct set_key key, u32 value)
{
	gen->members = gen_grow(gen->members, gen->member_count, &gen->member_room, sizeof(*gen->members));
	gen->members[gen->member_count++] = (struct member){ .key = key, .value = value };
}

void gen_set_add_number(struct gen *gen, u32 set, u64 number, u32 value)
{
	add_member(gen, (struct set_key){ .what = number, .set = set }, value);
}

/*
 * Of the same bytes the code below makes the same number. It begins with a random one, so nobody can make a text up that is
 * taken for another.
 */
static u64 hash_of(struct bytes text, u64 hash)
{
	for (u32 i = 0; i < text.length; i += 8) {
		u32 count = text.length - i < 8 ? text.length - i : 8;
		u64 word = 0;

		memcpy((char *)&word + 8 - count, text.data + i, count);
		hash = (hash ^ word) * HASH_FACTOR;
		hash ^= hash >> HASH_SHIFT;
	}
	return hash;
}

void gen_set_add_text(struct gen *gen, u32 set, struct bytes text, u32 value)
{
	add_member(gen, (struct set_key){ .what = hash_of(text, gen->seed), .length = text.length, .set = set }, value);
}

void gen_set_add_block(struct gen *gen, u32 set, const struct lang_address *block, u32 value)
{
	struct block_key key = { .bits = 32 + block->bits, .set = set << 8 | block->family };

	memcpy(key.bytes, block->bytes, sizeof(key.bytes));
	gen->blocks = gen_grow(gen->blocks, gen->block_count, &gen->block_room, sizeof(*gen->blocks));
	gen->blocks[gen->block_count++] = (struct block){ .key = key, .value = value };
}

/* The key lies on the stack. */
static void look_up(struct gen *gen, int map, int no)
{
	struct code *code = gen->code;

	code_map(code, BPF_REG_1, map);
	code_move(code, BPF_REG_2, FRAME);
	code_do_number(code, BPF_ADD, BPF_REG_2, KEY_AT);
	code_call(code, BPF_FUNC_map_lookup_elem);
	code_jump_if_number(code, BPF_JEQ, BPF_REG_0, 0, no);
	code_load(code, BPF_W, BPF_REG_0, BPF_REG_0, 0);
}

void gen_lookup_number(struct gen *gen, u32 set, int no)
{
	struct code *code = gen->code;

	code_store(code, BPF_DW, FRAME, KEY_AT, BPF_REG_0);
	code_store_number(code, BPF_W, FRAME, KEY_IN(struct set_key, length), 0);
	code_store_number(code, BPF_W, FRAME, KEY_IN(struct set_key, set), set);
	look_up(gen, MAP_SETS, no);
}

/* r0: the hash so far, r4: the factor; the word is in r1. */
static void hash_word(struct code *code)
{
	code_do(code, BPF_XOR, BPF_REG_0, BPF_REG_1);
	code_do(code, BPF_MUL, BPF_REG_0, BPF_REG_4);
	code_move(code, BPF_REG_1, BPF_REG_0);
	code_do_number(code, BPF_RSH, BPF_REG_1, HASH_SHIFT);
	code_do(code, BPF_XOR, BPF_REG_0, BPF_REG_1);
}

/* The words behind the last full turn are found anew from the record: so to the verifier all ends of the loop are one. */
static void hash_text(struct gen *gen)
{
	struct code *code = gen->code;
	int loop = code_label(code), tail = code_label(code), rest = code_label(code), end = code_label(code);
	s32 turn = 8 * HASH_WORDS;

	code_move_number(code, BPF_REG_0, gen->seed);
	code_move_number(code, BPF_REG_4, HASH_FACTOR);
	code_move(code, BPF_REG_3, BYTES);
	code_move(code, BPF_REG_5, LENGTH);
	code_place(code, loop);
	code_jump_if_number(code, BPF_JLT, BPF_REG_5, turn, tail);
	for (int i = 0; i < HASH_WORDS; i++) {
		code_load(code, BPF_DW, BPF_REG_1, BPF_REG_3, 8 * i);
		hash_word(code);
	}
	code_do_number(code, BPF_ADD, BPF_REG_3, turn);
	code_do_number(code, BPF_SUB, BPF_REG_5, turn);
	code_jump(code, loop);
	code_place(code, tail);
	code_move(code, BPF_REG_3, LENGTH);
	code_do_number(code, BPF_AND, BPF_REG_3, -turn);
	code_do(code, BPF_ADD, BPF_REG_3, BYTES);
	code_move(code, BPF_REG_5, LENGTH);
	code_do_number(code, BPF_AND, BPF_REG_5, turn - 1);
	for (int i = 0; i < HASH_WORDS - 1; i++) {
		code_jump_if_number(code, BPF_JLT, BPF_REG_5, 8, rest);
		code_load(code, BPF_DW, BPF_REG_1, BPF_REG_3, 0);
		hash_word(code);
		code_do_number(code, BPF_ADD, BPF_REG_3, 8);
		code_do_number(code, BPF_SUB, BPF_REG_5, 8);
	}
	code_place(code, rest);
	code_jump_if_number(code, BPF_JEQ, BPF_REG_5, 0, end);
	code_load(code, BPF_DW, BPF_REG_1, BPF_REG_3, 0);
	code_move_number(code, BPF_REG_2, 8);
	code_do(code, BPF_SUB, BPF_REG_2, BPF_REG_5);
	code_do_number(code, BPF_LSH, BPF_REG_2, 3);
	code_do(code, BPF_LSH, BPF_REG_1, BPF_REG_2);
	hash_word(code);
	code_place(code, end);
}

void gen_lookup_text(struct gen *gen, u32 set, int no)
{
	struct code *code = gen->code;

	if (++gen->hashes > HASHES_MAX)
		gen_refuse(gen, "more than 16 long lists of texts are too much for one program");
	hash_text(gen);
	code_store(code, BPF_DW, FRAME, KEY_AT, BPF_REG_0);
	code_store(code, BPF_W, FRAME, KEY_IN(struct set_key, length), LENGTH);
	code_store_number(code, BPF_W, FRAME, KEY_IN(struct set_key, set), set);
	look_up(gen, MAP_SETS, no);
}

void gen_lookup_address(struct gen *gen, u32 set, const struct lang_symbol *symbol, int no)
{
	struct code *code = gen->code;

	code_do_number(code, BPF_OR, BPF_REG_0, set << 8);
	code_store_number(code, BPF_W, FRAME, KEY_AT, 32 + 128);
	code_store(code, BPF_W, FRAME, KEY_IN(struct block_key, set), BPF_REG_0);
	for (int i = 0; i < 16; i += 4) {
		code_load(code, BPF_W, BPF_REG_1, RECORD, symbol->offset + i);
		code_store(code, BPF_W, FRAME, KEY_IN(struct block_key, bytes) + i, BPF_REG_1);
	}
	look_up(gen, MAP_BLOCKS, no);
}

u32 gen_trie_new(struct gen *gen)
{
	if (gen->trie_count == TRIES_MAX)
		gen_refuse(gen, "more than 32 long lists of beginnings are too many for one program");
	gen->tries = xrealloc(gen->tries, gen->trie_count + 1, sizeof(*gen->tries));
	gen->tries[gen->trie_count] = (struct trie){ .longest = 1 };
	return gen->trie_count++;
}

bool gen_trie_add(struct gen *gen, u32 number, struct bytes prefix, u32 value)
{
	struct trie *trie = &gen->tries[number];

	if (prefix.length > PREFIX_MAX)
		return false;
	trie->prefixes = gen_grow(trie->prefixes, trie->count, &trie->room, sizeof(*trie->prefixes));
	trie->prefixes[trie->count++] = (struct prefix){ prefix.data, prefix.length, value };
	if (prefix.length > trie->longest)
		trie->longest = prefix.length;
	return true;
}

/* A key is the number of bits that count and then they: in the record there stands a number before the text that is lent. */
void gen_lookup_prefix(struct gen *gen, u32 number, u32 string, int no)
{
	int fits = code_label(gen->code), lent = -(int)(sizeof(struct record_string) - offsetof(struct record_string, full));
	u32 longest = gen->tries[number].longest;
	struct code *code = gen->code;

	if (longest > gen_longest_text(gen, string)) {
		gen_refuse(gen, "a beginning is longer than the text can be");
		return;
	}

	code_load(code, BPF_W, BPF_REG_1, BYTES, lent);
	code_store(code, BPF_DW, FRAME, KEY_AT, BPF_REG_1);
	code_move(code, BPF_REG_1, LENGTH);
	code_jump_if_number(code, BPF_JLE, BPF_REG_1, longest, fits);
	code_move_number(code, BPF_REG_1, longest);
	code_place(code, fits);
	code_do_number(code, BPF_LSH, BPF_REG_1, 3);
	code_store(code, BPF_W, BYTES, lent, BPF_REG_1);
	code_map(code, BPF_REG_1, MAP_TRIES + number);
	code_move(code, BPF_REG_2, BYTES);
	code_do_number(code, BPF_ADD, BPF_REG_2, lent);
	code_call(code, BPF_FUNC_map_lookup_elem);
	code_load(code, BPF_DW, BPF_REG_1, FRAME, KEY_AT);
	code_store(code, BPF_W, BYTES, lent, BPF_REG_1);
	code_jump_if_number(code, BPF_JEQ, BPF_REG_0, 0, no);
	code_load(code, BPF_W, BPF_REG_0, BPF_REG_0, 0);
}

/* 0 or -errno */
static int make(struct gen *gen, int map, enum bpf_map_type type, const char *name, u32 key, u32 value, u32 entries)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = type == BPF_MAP_TYPE_LPM_TRIE ? BPF_F_NO_PREALLOC : 0);

	gen->fds[map] = bpf_map_create(type, name, key, value, entries, &options);
	return gen->fds[map] < 0 ? -errno : 0;
}

static int fill_sets(struct gen *gen)
{
	int error = make(gen, MAP_SETS, BPF_MAP_TYPE_HASH, "sonde_sets", sizeof(struct set_key), sizeof(u32),
			 gen->member_count);

	for (u32 i = 0; i < gen->member_count && !error; i++)
		error = bpf_map_update_elem(gen->fds[MAP_SETS], &gen->members[i].key, &gen->members[i].value, 0);
	return error;
}

static int fill_blocks(struct gen *gen)
{
	int error = make(gen, MAP_BLOCKS, BPF_MAP_TYPE_LPM_TRIE, "sonde_blocks", sizeof(struct block_key), sizeof(u32),
			 gen->block_count);

	for (u32 i = 0; i < gen->block_count && !error; i++)
		error = bpf_map_update_elem(gen->fds[MAP_BLOCKS], &gen->blocks[i].key, &gen->blocks[i].value, 0);
	return error;
}

static int fill_tables(struct gen *gen)
{
	u32 zero = 0;
	int error = make(gen, MAP_TABLES, BPF_MAP_TYPE_ARRAY, "sonde_tables", sizeof(u32), gen->tables.length, 1);

	return error ? error : bpf_map_update_elem(gen->fds[MAP_TABLES], &zero, gen->tables.data, 0);
}

static int fill_trie(struct gen *gen, u32 number)
{
	const struct trie *trie = &gen->tries[number];
	struct { u32 bits; char bytes[PREFIX_MAX]; } key = { 0 };
	int error = make(gen, MAP_TRIES + number, BPF_MAP_TYPE_LPM_TRIE, "sonde_prefixes",
			 sizeof(key.bits) + trie->longest, sizeof(u32), trie->count);

	for (u32 i = 0; i < trie->count && !error; i++) {
		key.bits = 8 * trie->prefixes[i].length;
		memcpy(key.bytes, trie->prefixes[i].bytes, trie->prefixes[i].length);
		error = bpf_map_update_elem(gen->fds[MAP_TRIES + number], &key, &trie->prefixes[i].value, 0);
	}
	return error;
}

int gen_make_maps(struct gen *gen)
{
	int error = 0;

	gen->fd_count = MAP_TRIES + gen->trie_count;
	gen->fds = xmalloc(gen->fd_count * sizeof(*gen->fds));
	for (u32 i = 0; i < gen->fd_count; i++)
		gen->fds[i] = -1;
	if (gen->member_count)
		error = fill_sets(gen);
	if (gen->block_count && !error)
		error = fill_blocks(gen);
	if (gen->tables.length && !error)
		error = fill_tables(gen);
	for (u32 i = 0; i < gen->trie_count && !error; i++)
		error = fill_trie(gen, i);
	if (gen->tallies && !error)
		error = make(gen, MAP_TALLIES, BPF_MAP_TYPE_ARRAY, "sonde_others", sizeof(u32),
			     gen->count * sizeof(struct gen_tally), 1);
	return error;
}

/* What compiling left behind. */
void gen_forget(struct gen *gen)
{
	for (u32 i = 0; i < gen->trie_count; i++)
		free(gen->tries[i].prefixes);
	free(gen->tries);
	free(gen->members);
	free(gen->blocks);
	text_free(&gen->tables);
	code_free(gen->code);
	gen->code = NULL;
	gen->tries = NULL;
	gen->members = NULL;
	gen->blocks = NULL;
	gen->tables = (struct text){ 0 };
	gen->trie_count = gen->member_count = gen->member_room = gen->block_count = gen->block_room = gen->sets = 0;
	gen->why = NULL;
}
