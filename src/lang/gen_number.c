/* Numbers and addresses: fields, arithmetic, comparisons. The value is in r0, what it is compared with in r1. */
#include <endian.h>
#include <sys/socket.h>

#include "lang/gen_inside.h"

#define CHAIN_MAX 8		/* more than so many values are looked up */

/* What is in the record at a fixed place. */
static void load(struct gen *gen, int size, int to, u32 offset, u32 width)
{
	if (offset + width > gen->layout->room)
		gen_refuse(gen, "a field lies outside what the kernel's side sees");
	code_load(gen->code, size, to, RECORD, offset);
}

static int size_of(u32 width)
{
	switch (width) {
	case 1:
		return BPF_B;
	case 2:
		return BPF_H;
	case 4:
		return BPF_W;
	default:
		return BPF_DW;
	}
}

void gen_number_field(struct gen *gen, const struct lang_symbol *symbol, int missing)
{
	struct code *code = gen->code;
	u32 unused = 64 - 8 * symbol->width;

	if (symbol->place != PLACE_NUMBER) {
		gen_refuse(gen, "a field is not known where the event arises");
		return;
	}
	if (symbol->present) {
		load(gen, BPF_B, BPF_REG_0, symbol->present, 1);
		code_do_number(code, BPF_AND, BPF_REG_0, symbol->present_mask);
		code_jump_if_number(code, BPF_JNE, BPF_REG_0, symbol->present_mask, missing);
	}
	load(gen, size_of(symbol->width), BPF_REG_0, symbol->offset, symbol->width);
	if (symbol->is_signed && unused) {
		code_do_number(code, BPF_LSH, BPF_REG_0, unused);
		code_do_number(code, BPF_ARSH, BPF_REG_0, unused);
	}
}

static void negate_if_negative(struct code *code, int what, int sign)
{
	int positive = code_label(code);

	code_jump_if_number(code, BPF_JSGE, sign, 0, positive);
	code_do_number(code, BPF_NEG, what, 0);
	code_place(code, positive);
}

/* r0 by r1, towards zero. Only newer kernels have an instruction for it. */
static void divide(struct gen *gen, enum lang_op op, bool is_signed, int missing)
{
	struct code *code = gen->code;
	int operation = op == OP_DIVIDE ? BPF_DIV : BPF_MOD;

	code_jump_if_number(code, BPF_JEQ, BPF_REG_1, 0, missing);
	if (!is_signed) {
		code_do(code, operation, BPF_REG_0, BPF_REG_1);
		return;
	}
	code_move(code, BPF_REG_2, BPF_REG_0);
	if (op == OP_DIVIDE)
		code_do(code, BPF_XOR, BPF_REG_2, BPF_REG_1);
	negate_if_negative(code, BPF_REG_0, BPF_REG_0);
	negate_if_negative(code, BPF_REG_1, BPF_REG_1);
	code_do(code, operation, BPF_REG_0, BPF_REG_1);
	negate_if_negative(code, BPF_REG_0, BPF_REG_2);
}

static void operate(struct gen *gen, const struct lang_node *node, int missing)
{
	static const u8 operations[] = {
		[OP_ADD] = BPF_ADD, [OP_SUBTRACT] = BPF_SUB, [OP_MULTIPLY] = BPF_MUL, [OP_BIT_AND] = BPF_AND,
		[OP_BIT_OR] = BPF_OR, [OP_BIT_XOR] = BPF_XOR, [OP_SHIFT_LEFT] = BPF_LSH,
	};

	switch (node->op) {
	case OP_DIVIDE:
	case OP_MODULO:
		divide(gen, node->op, node->is_signed, missing);
		break;
	case OP_SHIFT_RIGHT:
	case OP_SHIFT_LEFT:
		code_do_number(gen->code, BPF_AND, BPF_REG_1, 63);
		code_do(gen->code, node->op == OP_SHIFT_LEFT ? BPF_LSH : node->is_signed ? BPF_ARSH : BPF_RSH,
			BPF_REG_0, BPF_REG_1);
		break;
	default:
		code_do(gen->code, operations[node->op], BPF_REG_0, BPF_REG_1);
	}
}

/* Into r0, and of two sides the right one into r1; `depth` slots of the stack are taken. */
static void number(struct gen *gen, const struct lang_node *node, u32 depth, int missing);

static void both(struct gen *gen, const struct lang_node *node, u32 depth, int missing)
{
	struct code *code = gen->code;

	number(gen, node->left, depth, missing);
	if (node->right->op == OP_NUMBER) {
		code_move_number(code, BPF_REG_1, node->right->number);
		return;
	}
	if (depth == SLOTS_MAX) {
		gen_refuse(gen, "a calculation is nested too deeply");
		return;
	}
	code_store(code, BPF_DW, FRAME, SLOT_AT(depth), BPF_REG_0);
	number(gen, node->right, depth + 1, missing);
	code_move(code, BPF_REG_1, BPF_REG_0);
	code_load(code, BPF_DW, BPF_REG_0, FRAME, SLOT_AT(depth));
}

static void number(struct gen *gen, const struct lang_node *node, u32 depth, int missing)
{
	struct code *code = gen->code;

	switch (node->op) {
	case OP_NUMBER:
		code_move_number(code, BPF_REG_0, node->number);
		break;
	case OP_FIELD:
		gen_number_field(gen, node->symbol, missing);
		break;
	case OP_NEGATE:
		number(gen, node->left, depth, missing);
		code_do_number(code, BPF_NEG, BPF_REG_0, 0);
		break;
	case OP_BIT_NOT:
		number(gen, node->left, depth, missing);
		code_do_number(code, BPF_XOR, BPF_REG_0, -1);
		break;
	case OP_ADD:
	case OP_SUBTRACT:
	case OP_MULTIPLY:
	case OP_DIVIDE:
	case OP_MODULO:
	case OP_BIT_AND:
	case OP_BIT_OR:
	case OP_BIT_XOR:
	case OP_SHIFT_LEFT:
	case OP_SHIFT_RIGHT:
		both(gen, node, depth, missing);
		operate(gen, node, missing);
		break;
	default:
		gen_refuse(gen, "the kernel's side cannot calculate this");
	}
}

/* The jump that is taken when the comparison does not hold. */
static int opposite(enum lang_op op, bool is_signed)
{
	switch (op) {
	case OP_EQUAL:
		return BPF_JNE;
	case OP_UNEQUAL:
		return BPF_JEQ;
	case OP_LESS:
		return is_signed ? BPF_JSGE : BPF_JGE;
	case OP_LESS_EQUAL:
		return is_signed ? BPF_JSGT : BPF_JGT;
	case OP_GREATER:
		return is_signed ? BPF_JSLE : BPF_JLE;
	default:
		return is_signed ? BPF_JSLT : BPF_JLT;
	}
}

static void find_in_list(struct gen *gen, const struct lang_node *list, int no)
{
	struct code *code = gen->code;
	int yes = code_label(code);
	u32 set;

	if (list->count > CHAIN_MAX) {
		set = gen_set_new(gen);
		for (u32 i = 0; i < list->count; i++)
			gen_set_add_number(gen, set, list->items[i]->number, 1);
		gen_lookup_number(gen, set, no);
		return;
	}
	for (u32 i = 0; i < list->count; i++) {
		code_move_number(code, BPF_REG_1, list->items[i]->number);
		code_jump_if(code, BPF_JEQ, BPF_REG_0, BPF_REG_1, yes);
	}
	code_jump(code, no);
	code_place(code, yes);
}

void gen_compare_numbers(struct gen *gen, const struct lang_node *node, int no)
{
	if (node->op == OP_IN) {
		number(gen, node->left, 0, no);
		find_in_list(gen, node->right, no);
		return;
	}
	if (node->op < OP_EQUAL || node->op > OP_GREATER_EQUAL) {
		gen_refuse(gen, "the kernel's side cannot compare numbers so");
		return;
	}
	both(gen, node, 0, no);
	code_jump_if(gen->code, opposite(node->op, node->is_signed), BPF_REG_0, BPF_REG_1, no);
}

void gen_address_present(struct gen *gen, const struct lang_symbol *symbol, int missing)
{
	struct code *code = gen->code;
	int known = code_label(code);

	if (symbol->place != PLACE_ADDRESS) {
		gen_refuse(gen, "a field is not known where the event arises");
		return;
	}
	load(gen, BPF_H, BPF_REG_0, symbol->present, 2);
	code_jump_if_number(code, BPF_JEQ, BPF_REG_0, AF_INET, known);
	code_jump_if_number(code, BPF_JNE, BPF_REG_0, AF_INET6, missing);
	code_place(code, known);
}

/* The family is in r0. Goes on if the address is in the block, else to `no`. */
static void in_block(struct gen *gen, const struct lang_symbol *symbol, const struct lang_address *block, int no)
{
	struct code *code = gen->code;
	u32 words[4];

	memcpy(words, block->bytes, sizeof(words));
	code_jump_if_number(code, BPF_JNE, BPF_REG_0, block->family, no);
	for (u32 i = 0; i < 4 && 32 * i < block->bits; i++) {
		u32 bits = block->bits - 32 * i, mask = ~0U;

		if (bits < 32)
			mask = htobe32(~(~0U >> bits));
		load(gen, BPF_W, BPF_REG_1, symbol->offset + 4 * i, 4);
		if (bits < 32) {
			code_move_number(code, BPF_REG_2, mask);
			code_do(code, BPF_AND, BPF_REG_1, BPF_REG_2);
		}
		code_move_number(code, BPF_REG_2, words[i] & mask);
		code_jump_if(code, BPF_JNE, BPF_REG_1, BPF_REG_2, no);
	}
}

static void in_blocks(struct gen *gen, const struct lang_symbol *symbol, const struct lang_node *list, int no)
{
	struct code *code = gen->code;
	int yes = code_label(code);
	u32 set;

	if (list->count > CHAIN_MAX) {
		set = gen_set_new(gen);
		for (u32 i = 0; i < list->count; i++)
			gen_set_add_block(gen, set, &list->items[i]->address, 1);
		gen_lookup_address(gen, set, symbol, no);
		return;
	}
	for (u32 i = 0; i < list->count; i++) {
		int next = code_label(code);

		in_block(gen, symbol, &list->items[i]->address, next);
		code_jump(code, yes);
		code_place(code, next);
	}
	code_jump(code, no);
	code_place(code, yes);
}

void gen_compare_addresses(struct gen *gen, const struct lang_node *node, int no)
{
	const struct lang_node *right = node->right;
	int other;

	if (node->left->op != OP_FIELD || (right->op != OP_ADDRESS && right->op != OP_LIST) ||
	    (node->op != OP_EQUAL && node->op != OP_UNEQUAL && node->op != OP_IN)) {
		gen_refuse(gen, "the kernel's side compares addresses only with given ones");
		return;
	}
	gen_address_present(gen, node->left->symbol, no);
	if (right->op == OP_LIST) {
		in_blocks(gen, node->left->symbol, right, no);
	} else if (node->op == OP_UNEQUAL) {
		other = code_label(gen->code);
		in_block(gen, node->left->symbol, &right->address, other);
		code_jump(gen->code, no);
		code_place(gen->code, other);
	} else {
		in_block(gen, node->left->symbol, &right->address, no);
	}
}
