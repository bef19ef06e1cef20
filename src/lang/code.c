#include "lang/code.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

#define UNPLACED -1

struct label {
	s32 at;				/* instruction it stands before */
	bool wanted;			/* something goes there */
};

/* An instruction whose jump or call waits for a label's place. */
struct reference {
	u32 at;
	u32 label;
};

struct code {
	struct bpf_insn *instructions;
	size_t count, room;
	struct label *labels;
	size_t label_count, label_room;
	struct reference *references;
	size_t reference_count, reference_room;
	bool unreachable;		/* nothing leads to what would come next */
	bool jumps_first;
};

struct code *code_new(void)
{
	return xcalloc(1, sizeof(struct code));
}

void code_free(struct code *code)
{
	if (!code)
		return;
	free(code->instructions);
	free(code->labels);
	free(code->references);
	free(code);
}

/* Room for one more. */
static void *grow(void *items, size_t count, size_t *room, size_t size)
{
	if (count < *room)
		return items;
	*room = *room ? 2 * *room : 64;
	return xrealloc(items, *room, size);
}

int code_label(struct code *code)
{
	code->labels = grow(code->labels, code->label_count, &code->label_room, sizeof(*code->labels));
	code->labels[code->label_count] = (struct label){ .at = UNPLACED };
	return code->label_count++;
}

void code_place(struct code *code, int label)
{
	code->labels[label].at = code->count;
	if (code->labels[label].wanted)
		code->unreachable = false;
}

void code_add(struct code *code, struct bpf_insn instruction)
{
	code->instructions = grow(code->instructions, code->count, &code->room, sizeof(*code->instructions));
	code->instructions[code->count++] = instruction;
}

static void add(struct code *code, int operation, int to, int from, int offset, s32 number)
{
	if (!code->unreachable)
		code_add(code, (struct bpf_insn){ .code = operation, .dst_reg = to, .src_reg = from, .off = offset, .imm = number });
}

/* The instruction about to be added refers to `label`. */
static void refer(struct code *code, int label)
{
	if (code->unreachable)
		return;
	code->labels[label].wanted = true;
	code->references = grow(code->references, code->reference_count, &code->reference_room,
				sizeof(*code->references));
	code->references[code->reference_count++] = (struct reference){ .at = code->count, .label = label };
}

void code_move(struct code *code, int to, int from)
{
	add(code, BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0);
}

void code_move_word(struct code *code, int to, int from)
{
	add(code, BPF_ALU | BPF_MOV | BPF_X, to, from, 0, 0);
}

static void add_wide(struct code *code, int to, int what, u32 low, u32 high)
{
	add(code, BPF_LD | BPF_DW | BPF_IMM, to, what, 0, low);
	add(code, 0, 0, 0, 0, high);
}

void code_move_number(struct code *code, int to, u64 number)
{
	if ((s64)number == (s32)number)
		add(code, BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, number);
	else if (number == (u32)number)
		add(code, BPF_ALU | BPF_MOV | BPF_K, to, 0, 0, number);
	else
		add_wide(code, to, 0, number, number >> 32);
}

void code_do(struct code *code, int operation, int to, int from)
{
	add(code, BPF_ALU64 | operation | BPF_X, to, from, 0, 0);
}

void code_do_number(struct code *code, int operation, int to, s32 number)
{
	add(code, BPF_ALU64 | operation | BPF_K, to, 0, 0, number);
}

void code_load(struct code *code, int size, int to, int from, int offset)
{
	add(code, BPF_LDX | BPF_MEM | size, to, from, offset, 0);
}

void code_store(struct code *code, int size, int to, int offset, int from)
{
	add(code, BPF_STX | BPF_MEM | size, to, from, offset, 0);
}

void code_store_number(struct code *code, int size, int to, int offset, s32 number)
{
	add(code, BPF_ST | BPF_MEM | size, to, 0, offset, number);
}

void code_add_atomic(struct code *code, int size, int to, int offset, int from)
{
	add(code, BPF_STX | BPF_XADD | size, to, from, offset, 0);
}

void code_swap(struct code *code, int to, int bits)
{
	add(code, BPF_ALU | BPF_END | BPF_TO_BE, to, 0, 0, bits);
}

void code_jump(struct code *code, int label)
{
	refer(code, label);
	add(code, BPF_JMP | BPF_JA, 0, 0, 0, 0);
	code->unreachable = true;
}

void code_jump_first(struct code *code)
{
	code->jumps_first = true;
}

/* The comparison that is true when this one is not. 0: there is none. */
static int opposite(int comparison)
{
	static const u8 pairs[][2] = { { BPF_JEQ, BPF_JNE }, { BPF_JGT, BPF_JLE }, { BPF_JGE, BPF_JLT }, { BPF_JSGT, BPF_JSLE },
				       { BPF_JSGE, BPF_JSLT } };

	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++)
		for (size_t side = 0; side < 2; side++)
			if (pairs[i][side] == comparison)
				return pairs[i][!side];
	return 0;
}

static void jump_if(struct code *code, int comparison, int source, int left, int right, s32 number, int label)
{
	int other = code->jumps_first ? opposite(comparison) : 0, on = other ? code_label(code) : label;

	refer(code, on);
	add(code, BPF_JMP | source | (other ? other : comparison), left, right, 0, number);
	if (other) {
		code_jump(code, label);
		code_place(code, on);
	}
}

void code_jump_if(struct code *code, int comparison, int left, int right, int label)
{
	jump_if(code, comparison, BPF_X, left, right, 0, label);
}

void code_jump_if_number(struct code *code, int comparison, int left, s32 number, int label)
{
	jump_if(code, comparison, BPF_K, left, 0, number, label);
}

void code_call(struct code *code, int helper)
{
	add(code, BPF_JMP | BPF_CALL, 0, 0, 0, helper);
}

void code_call_label(struct code *code, int label)
{
	refer(code, label);
	add(code, BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 0);
}

void code_map(struct code *code, int to, int map_fd)
{
	add_wide(code, to, BPF_PSEUDO_MAP_FD, map_fd, 0);
}

void code_map_value(struct code *code, int to, int map_fd, u32 offset)
{
	add_wide(code, to, BPF_PSEUDO_MAP_VALUE, map_fd, offset);
}

void code_exit(struct code *code)
{
	add(code, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
	code->unreachable = true;
}

const struct bpf_insn *code_finish(struct code *code, size_t *count, const char **why)
{
	for (size_t i = 0; i < code->reference_count; i++) {
		const struct reference *reference = &code->references[i];
		struct bpf_insn *instruction = &code->instructions[reference->at];
		s64 distance = (s64)code->labels[reference->label].at - reference->at - 1;

		if (code->labels[reference->label].at == UNPLACED) {
			*why = "a jump has no place to go to";
			errno = EINVAL;
			return NULL;
		}
		if (instruction->src_reg == BPF_PSEUDO_CALL && BPF_OP(instruction->code) == BPF_CALL) {
			instruction->imm = distance;
			continue;
		}
		if (distance != (s16)distance) {
			*why = "it becomes too long for one program";
			errno = E2BIG;
			return NULL;
		}
		instruction->off = distance;
	}
	*count = code->count;
	return code->instructions;
}

size_t code_count(const struct code *code)
{
	return code->count;
}
