/*
 * Compiles conditions of the tree to eBPF over one record: the part the kernel can decide. The code is the body of a function
 *
 *	u32 decide(const u8 *record, u64 size, u32 kind)	0: no case holds, else the number of the first case that does, from 1
 *
 * which kernel/splice.h puts in the place of the one in bpf/lib/decide.h as a program is loaded, and which may as well be
 * called in a program that is made whole (code_call_label). It needs no more than GEN_STACK bytes of stack. The record lies in
 * memory of at least layout.room bytes, which may be written to (and is as before when the function returns), or on
 * the stack, if no condition asks for its strings.
 *
 * Maps that the code needs are made here and live as long as the gen does; the programs that were loaded keep them alive
 * by themselves.
 */
#ifndef LANG_GEN_H
#define LANG_GEN_H

#include "lang/code.h"
#include "lang/tree.h"

#define GEN_STACK 96

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
 * addresses) are looked up together. The condition must live until gen_finish. 0, or -errno and in *why what cannot be
 * compiled; then the gen is as before.
 */
int gen_add_case(struct gen *gen, u32 kinds, const struct gen_layout *layout, const struct lang_node *condition,
		 const char **why);

/* The finished code; it belongs to the gen. NULL with errno: the maps could not be made, or it is too much for one program. */
const struct bpf_insn *gen_finish(struct gen *gen, size_t *count, const char **why);

/*
 * Code that asks all cases and adds up those that hold, but for one that was found already: the body of a function
 *
 *	u32 decide_others(const u8 *record, u64 size, u32 found)
 *
 * Else as gen_finish. The kinds of records that cases ask for are not heeded.
 */
const struct bpf_insn *gen_finish_others(struct gen *gen, size_t *count, const char **why);

/* By case, from the first: of an array map with one value for all of them. */
struct gen_tally {
	u64 matched, first, last;	/* times are those of records */
};
int gen_tallies(const struct gen *gen);		/* -1: there are none */

/* The same without maps, for --explain: their numbers are made up. */
const struct bpf_insn *gen_preview(struct gen *gen, size_t *count, const char **why);

#endif
