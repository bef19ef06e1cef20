/*
 * Shared by the parts of the generator. Registers: r6 is the record, r7 and r8 are a string's bytes and their number, r9 the
 * number of the best case that a lookup found, or of the one that is left out. All else is for the moment. Stack: keys of lookups at its beginning, then
 * numbers that wait.
 */
#ifndef LANG_GEN_INSIDE_H
#define LANG_GEN_INSIDE_H

#include "base/text.h"
#include "lang/automaton.h"
#include "lang/gen.h"

#define RECORD BPF_REG_6
#define BYTES BPF_REG_7
#define LENGTH BPF_REG_8
#define BEST BPF_REG_9
#define FOUND BPF_REG_9
#define FRAME BPF_REG_10

#define KEY_AT -24		/* the largest key has 24 bytes */
#define KEY_IN(type, member) (KEY_AT + (int)offsetof(type, member))
#define SLOT_AT(depth) (KEY_AT - 8 - 8 * (depth))
#define SLOTS_MAX ((GEN_STACK + KEY_AT) / 8 - 1)
#define INDEX_AT SLOT_AT(SLOTS_MAX)	/* what a lookup of cases found */

#define NO_CASE 0x3fffffff

#define STRING_MAX 4096

/* What is in a set (gen_sets.c): a number, or a text by its hash. */
struct set_key {
	u64 what;
	u32 length;
	u32 set;
};

/* An address, by the longest block it is in. */
struct block_key {
	u32 bits;		/* that count, of what follows */
	u32 set;		/* and the family in the lower byte */
	u8 bytes[16];
};

struct member {
	struct set_key key;
	u32 value;
};

struct block {
	struct block_key key;
	u32 value;
};

enum gen_map {
	MAP_SETS,
	MAP_BLOCKS,
	MAP_TABLES,
	MAP_TALLIES,
	MAP_TRIES,		/* and more: one for each */
};

struct prefix {
	const char *bytes;
	u32 length;
	u32 value;
};

struct trie {
	struct prefix *prefixes;
	u32 count, room;
	u32 longest;
};

struct gen_case {
	u32 number;
	u32 kinds;
	struct gen_layout layout;
	const struct lang_node *condition;
};

struct gen {
	struct gen_case *cases;
	u32 count, room;
	u32 numbers;

	/* while compiling */
	struct code *code;
	const struct gen_layout *layout;
	const char *why;
	bool tallies;		/* all cases are asked, and counted */
	u32 searches, hashes;	/* walks over a text so far in this kind's code */
	u64 seed;
	u32 sets;		/* given out */
	struct member *members;
	u32 member_count, member_room;
	struct block *blocks;
	u32 block_count, block_room;
	struct text tables;	/* of automata */
	struct trie *tries;
	u32 trie_count;

	/* done */
	struct bpf_insn *instructions;
	int *fds;
	u32 fd_count;
};

/* The reason why it cannot be compiled; the first counts. */
static inline void gen_refuse(struct gen *gen, const char *why)
{
	if (!gen->why)
		gen->why = why;
}

/* Room for one more, of those that are doubled. */
void *gen_grow(void *items, u32 count, u32 *room, size_t size);

/* Goes to `label` if the condition's truth is `sense`, else on. */
void gen_branch(struct gen *gen, const struct lang_node *node, bool sense, int label);

/* gen_number.c: these go on if it is true, else to `no`. */
void gen_compare_numbers(struct gen *gen, const struct lang_node *node, int no);
void gen_compare_addresses(struct gen *gen, const struct lang_node *node, int no);
void gen_number_field(struct gen *gen, const struct lang_symbol *symbol, int missing);	/* into r0 */
void gen_address_present(struct gen *gen, const struct lang_symbol *symbol, int missing);	/* r0: the family */

/* gen_text.c */
u32 gen_longest_text(const struct gen *gen, u32 string);
void gen_text_view(struct gen *gen, const struct lang_symbol *symbol, int missing);	/* BYTES, LENGTH */
void gen_compare_texts(struct gen *gen, const struct lang_node *node, int no);

/* gen_sets.c. Lookups leave the value that was put in r0, or go to `no`. */
u32 gen_set_new(struct gen *gen);
void gen_set_add_number(struct gen *gen, u32 set, u64 number, u32 value);
void gen_set_add_text(struct gen *gen, u32 set, struct bytes text, u32 value);
void gen_set_add_block(struct gen *gen, u32 set, const struct lang_address *block, u32 value);
void gen_lookup_number(struct gen *gen, u32 set, int no);	/* of r0 */
void gen_lookup_text(struct gen *gen, u32 set, int no);		/* of BYTES, LENGTH */
void gen_lookup_address(struct gen *gen, u32 set, const struct lang_symbol *symbol, int no);	/* its family is in r0 */
u32 gen_trie_new(struct gen *gen);
bool gen_trie_add(struct gen *gen, u32 trie, struct bytes prefix, u32 value);	/* false: too long */
void gen_lookup_prefix(struct gen *gen, u32 trie, u32 string, int no);	/* of BYTES, LENGTH: the record's string number so */
int gen_make_maps(struct gen *gen);
void gen_forget(struct gen *gen);

/* gen_index.c: cases that are looked up together; those that remain stay in `cases`, in order. BEST is set. */
u32 gen_indexes(struct gen *gen, const struct gen_case **cases, u32 count);

#endif
