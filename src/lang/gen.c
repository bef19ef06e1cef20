/*
 * The frame of what is generated: by kind, first the lookups of cases that are alike, then the other cases in order. And,
 * or, not are jumps: a side that need not be looked at is not.
 */
#include "lang/gen.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/alloc.h"
#include "lang/gen_inside.h"

struct gen *gen_new(void)
{
	struct gen *gen = xcalloc(1, sizeof(*gen));

	if (getrandom(&gen->seed, sizeof(gen->seed), 0) != sizeof(gen->seed))
		gen->seed = 0;
	return gen;
}

void gen_free(struct gen *gen)
{
	if (!gen)
		return;
	gen_forget(gen);
	for (u32 i = 0; i < gen->fd_count; i++)
		if (gen->fds[i] >= 0)
			close(gen->fds[i]);
	free(gen->fds);
	free(gen->instructions);
	free(gen->cases);
	free(gen);
}

static void branch_exists(struct gen *gen, const struct lang_symbol *symbol, int no)
{
	switch (symbol->place) {
	case PLACE_NUMBER:
		gen_number_field(gen, symbol, no);
		break;
	case PLACE_ADDRESS:
		gen_address_present(gen, symbol, no);
		break;
	default:
		gen_text_view(gen, symbol, no);
	}
}

/* Goes on if it is true, else to `no`. */
static void decide(struct gen *gen, const struct lang_node *node, int no)
{
	if (node->op == OP_FIELD && node->type == LANG_BOOL) {
		gen_number_field(gen, node->symbol, no);
		code_jump_if_number(gen->code, BPF_JEQ, BPF_REG_0, 0, no);
		return;
	}
	if (node->op == OP_NUMBER) {
		if (!node->number)
			code_jump(gen->code, no);
		return;
	}
	if (!node->left || (node->op == OP_EXISTS && node->left->op != OP_FIELD)) {
		gen_refuse(gen, "the kernel's side cannot decide this");
		return;
	}
	if (node->op == OP_EXISTS) {
		branch_exists(gen, node->left->symbol, no);
		return;
	}
	switch (node->left->type) {
	case LANG_BOOL:
	case LANG_NUMBER:
		gen_compare_numbers(gen, node, no);
		break;
	case LANG_ADDRESS:
		gen_compare_addresses(gen, node, no);
		break;
	case LANG_STRING:
	case LANG_STRINGS:
		gen_compare_texts(gen, node, no);
		break;
	default:
		gen_refuse(gen, "a field is not known where the event arises");
	}
}

void gen_branch(struct gen *gen, const struct lang_node *node, bool sense, int label)
{
	int over;

	switch (node->op) {
	case OP_NOT:
		gen_branch(gen, node->left, !sense, label);
		return;
	case OP_AND:
	case OP_OR:
		if ((node->op == OP_AND) != sense) {
			gen_branch(gen, node->left, sense, label);
			gen_branch(gen, node->right, sense, label);
			return;
		}
		over = code_label(gen->code);
		gen_branch(gen, node->left, !sense, over);
		gen_branch(gen, node->right, sense, label);
		code_place(gen->code, over);
		return;
	default:
		if (!sense) {
			decide(gen, node, label);
			return;
		}
		over = code_label(gen->code);
		decide(gen, node, over);
		code_jump(gen->code, label);
		code_place(gen->code, over);
	}
}

/* The cases that are asked of records of this kind; 0: whatever kind. */
static u32 list_cases(const struct gen *gen, u32 kind, const struct gen_case **cases)
{
	u32 count = 0;

	for (u32 i = 0; i < gen->count; i++)
		if (!gen->cases[i].kinds || !kind || gen->cases[i].kinds >> kind & 1)
			cases[count++] = &gen->cases[i];
	return count;
}

static void compile_kind(struct gen *gen, const struct gen_case **cases, u32 count)
{
	struct code *code = gen->code;
	int found = code_label(code);
	u32 left;

	gen->searches = gen->hashes = 0;
	code_move_number(code, BEST, NO_CASE);
	left = gen_indexes(gen, cases, count);
	for (u32 i = 0; i < left; i++) {
		int next = code_label(code);

		gen->layout = &cases[i]->layout;
		if (left < count)
			code_jump_if_number(code, BPF_JLT, BEST, cases[i]->number, found);
		if (cases[i]->condition)
			gen_branch(gen, cases[i]->condition, false, next);
		code_move_number(code, BPF_REG_0, cases[i]->number);
		code_exit(code);
		code_place(code, next);
	}
	code_place(code, found);
	code_move(code, BPF_REG_0, BEST);
	if (left == count) {
		code_move_number(code, BPF_REG_0, 0);
	} else {
		int some = code_label(code);

		code_jump_if_number(code, BPF_JNE, BPF_REG_0, NO_CASE, some);
		code_move_number(code, BPF_REG_0, 0);
		code_place(code, some);
	}
	code_exit(code);
}

static void count_case(struct gen *gen, u32 number)
{
	struct code *code = gen->code;
	int counted = code_label(code);

	code_map_value(code, BPF_REG_1, MAP_TALLIES, (number - 1) * sizeof(struct gen_tally));
	code_move_number(code, BPF_REG_2, 1);
	code_add_atomic(code, BPF_DW, BPF_REG_1, offsetof(struct gen_tally, matched), BPF_REG_2);
	code_load(code, BPF_DW, BPF_REG_2, RECORD, offsetof(struct record, time));
	code_store(code, BPF_DW, BPF_REG_1, offsetof(struct gen_tally, last), BPF_REG_2);
	code_load(code, BPF_DW, BPF_REG_0, BPF_REG_1, offsetof(struct gen_tally, first));
	code_jump_if_number(code, BPF_JNE, BPF_REG_0, 0, counted);
	code_store(code, BPF_DW, BPF_REG_1, offsetof(struct gen_tally, first), BPF_REG_2);
	code_place(code, counted);
}

static void compile_others(struct gen *gen)
{
	struct code *code = gen->code;

	code_move(code, FOUND, BPF_REG_3);
	code_jump_first(code);
	for (u32 i = 0; i < gen->count; i++) {
		int next = code_label(code);

		gen->layout = &gen->cases[i].layout;
		if (gen->cases[i].condition)
			gen_branch(gen, gen->cases[i].condition, false, next);
		/* last, or the verifier would go through what follows once for each number */
		code_jump_if_number(code, BPF_JEQ, FOUND, gen->cases[i].number, next);
		count_case(gen, gen->cases[i].number);
		code_place(code, next);
	}
}

static void compile(struct gen *gen)
{
	const struct gen_case **cases = xcalloc(gen->count + 1, sizeof(*cases));
	struct code *code = gen->code = code_new();
	u32 kinds = 0;

	for (u32 i = 0; i < gen->count; i++)
		kinds |= gen->cases[i].kinds;
	code_move(code, RECORD, BPF_REG_1);
	if (gen->tallies)
		compile_others(gen);
	for (u32 kind = 1; kind < KIND_MAX && !gen->why && !gen->tallies; kind++) {
		int other = code_label(code);

		if (!(kinds >> kind & 1))
			continue;
		code_jump_if_number(code, BPF_JNE, BPF_REG_3, kind, other);
		compile_kind(gen, cases, list_cases(gen, kind, cases));
		code_place(code, other);
	}
	if (!kinds && !gen->tallies)
		compile_kind(gen, cases, list_cases(gen, 0, cases));
	code_move_number(code, BPF_REG_0, 0);
	code_exit(code);
	free(cases);
}

int gen_add_case(struct gen *gen, u32 kinds, const struct gen_layout *layout, const struct lang_node *condition,
		 const char **why)
{
	struct gen_case one = { .number = gen->numbers + 1, .kinds = kinds, .layout = *layout, .condition = condition };
	struct gen alone = { .cases = &one, .count = 1 };

	compile(&alone);
	*why = alone.why;
	gen_forget(&alone);
	if (*why)
		return -EOPNOTSUPP;
	gen->cases = gen_grow(gen->cases, gen->count, &gen->room, sizeof(*gen->cases));
	gen->cases[gen->count++] = one;
	gen->numbers++;
	return 0;
}

/* The code, with the numbers of enum gen_map for maps. */
static const struct bpf_insn *finish(struct gen *gen, size_t *count, const char **why)
{
	const struct bpf_insn *instructions;

	free(gen->instructions);
	gen->instructions = NULL;
	compile(gen);
	if (gen->why) {
		*why = gen->why;
		errno = E2BIG;
		return NULL;
	}
	instructions = code_finish(gen->code, count, why);
	if (!instructions)
		return NULL;
	gen->instructions = xmalloc(*count * sizeof(*instructions));
	memcpy(gen->instructions, instructions, *count * sizeof(*instructions));
	return gen->instructions;
}

static void name_maps(struct gen *gen, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct bpf_insn *instruction = &gen->instructions[i];

		if (instruction->code != (BPF_LD | BPF_DW | BPF_IMM))
			continue;
		if (instruction->src_reg == BPF_PSEUDO_MAP_FD || instruction->src_reg == BPF_PSEUDO_MAP_VALUE)
			instruction->imm = gen->fds[instruction->imm];
		i++;
	}
}

const struct bpf_insn *gen_finish(struct gen *gen, size_t *count, const char **why)
{
	const struct bpf_insn *instructions = finish(gen, count, why);
	int error = 0;

	if (instructions) {
		error = gen_make_maps(gen);
		if (error)
			*why = "the kernel refuses the maps for lists and patterns";
		else
			name_maps(gen, *count);
	}
	gen_forget(gen);
	if (!instructions || error) {
		errno = error ? -error : errno;
		return NULL;
	}
	return instructions;
}

const struct bpf_insn *gen_finish_others(struct gen *gen, size_t *count, const char **why)
{
	gen->tallies = true;
	return gen_finish(gen, count, why);
}

int gen_tallies(const struct gen *gen)
{
	return gen && gen->tallies && gen->fd_count ? gen->fds[MAP_TALLIES] : -1;
}

const struct bpf_insn *gen_preview(struct gen *gen, size_t *count, const char **why)
{
	const struct bpf_insn *instructions = finish(gen, count, why);

	gen_forget(gen);
	return instructions;
}
