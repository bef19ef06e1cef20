/*
 * Compiles conditions of the tree to eBPF over one record: the part the kernel can decide. The code becomes the body of
 * the function `decide` in bpf/lib/decide.h (kernel/splice.h puts it there as a program is loaded):
 *
 *	u32 decide(const u8 *record, u64 size)	0: no case holds, else the number of the first case that does, from 1
 *
 * The record lies in memory of at least layout.room bytes. Maps that the code needs are made here and live as long as
 * the gen does; the programs that were loaded keep them alive by themselves.
 */
#ifndef LANG_GEN_H
#define LANG_GEN_H

#include "lang/code.h"
#include "lang/tree.h"

struct gen_layout {
	u32 room;	/* bytes that may be looked at */
	u16 fixed;	/* where the record's strings begin */
	u16 strings;	/* how many it has */
};

struct gen;

struct gen *gen_new(void);
void gen_free(struct gen *gen);

/*
 * A case holds when the record is of one of `kinds` (0: not asked) and the condition is true; NULL is true. Cases of one
 * gen are asked in the order they were added, but many alike (the same field against other strings, numbers or
 * addresses) are looked up together. 0, or -errno and in *why what cannot be compiled and what to do.
 */
int gen_add_case(struct gen *gen, u32 kinds, const struct gen_layout *layout, const struct lang_node *condition,
		 const char **why);

/* The finished code; it belongs to the gen. */
const struct bpf_insn *gen_finish(struct gen *gen, size_t *count, const char **why);

#endif
