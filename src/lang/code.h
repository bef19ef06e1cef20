/*
 * An assembler for eBPF: instructions, labels, references to maps, calls of functions. Errors (no memory, a jump too far, a
 * label without a place) are kept and told of once, by code_finish. Register numbers are libbpf's BPF_REG_0 to BPF_REG_10;
 * sizes are BPF_B, BPF_H, BPF_W, BPF_DW; operations BPF_ADD, ... and BPF_JEQ, ... of <linux/bpf.h>.
 *
 * The verifier refuses code that nothing leads to, so such is left out: what follows an exit or a jump, up to a label that
 * something before goes to. A function stands behind its first call.
 *
 * Only what the verifier of 5.10 knows: no jump further than 32,767 instructions, no signed division, no sign-extending
 * load.
 */
#ifndef LANG_CODE_H
#define LANG_CODE_H

#include <linux/bpf.h>
#include <stdbool.h>
#include <stddef.h>

#include "wire/record.h"

struct code;

struct code *code_new(void);
void code_free(struct code *code);

int code_label(struct code *code);		/* a new one, not yet placed */
void code_place(struct code *code, int label);	/* it is here */

void code_move(struct code *code, int to, int from);
void code_move_word(struct code *code, int to, int from);	/* the lower 32 bits, the upper become zero */
void code_move_number(struct code *code, int to, u64 number);	/* one or two instructions */
void code_do(struct code *code, int operation, int to, int from);	/* 64 bits */
void code_do_number(struct code *code, int operation, int to, s32 number);	/* sign-extended */
void code_load(struct code *code, int size, int to, int from, int offset);	/* the rest becomes zero */
void code_store(struct code *code, int size, int to, int offset, int from);
void code_store_number(struct code *code, int size, int to, int offset, s32 number);
void code_add_atomic(struct code *code, int size, int to, int offset, int from);	/* BPF_W, BPF_DW */
void code_swap(struct code *code, int to, int bits);	/* to big endian: 16, 32, 64 */
void code_jump(struct code *code, int label);
/*
 * From now on what follows a conditional jump is where it leads. The verifier follows that way first, and keeps the other for later, of
 * which there may be 8,192: of a long row of conditions that all must be looked at, each then keeps it one, not one for each of its jumps.
 */
void code_jump_first(struct code *code);
void code_jump_if(struct code *code, int comparison, int left, int right, int label);
void code_jump_if_number(struct code *code, int comparison, int left, s32 number, int label);
void code_call(struct code *code, int helper);	/* BPF_FUNC_* */
void code_call_label(struct code *code, int label);	/* a function of the same code, which begins there */
void code_map(struct code *code, int to, int map_fd);
void code_map_value(struct code *code, int to, int map_fd, u32 offset);
void code_exit(struct code *code);

/* What the above do not have. */
void code_add(struct code *code, struct bpf_insn instruction);

/* Resolves labels. The instructions belong to the code. NULL: errno, and why in a static text. */
const struct bpf_insn *code_finish(struct code *code, size_t *count, const char **why);
size_t code_count(const struct code *code);

/* A line an instruction, for --explain. */
struct text;
void code_print(const struct bpf_insn *instructions, size_t count, struct text *text);

#endif
