/* Instructions as the kernel's own verifier writes them, but with the target of a jump instead of its distance. */
#include "lang/code.h"

#include "base/text.h"

static const char *const sizes[] = { [BPF_W >> 3] = "u32", [BPF_H >> 3] = "u16", [BPF_B >> 3] = "u8", [BPF_DW >> 3] = "u64" };

static const char *operator_of(u8 code)
{
	static const char *const arithmetic[16] = {
		[BPF_ADD >> 4] = "+=", [BPF_SUB >> 4] = "-=", [BPF_MUL >> 4] = "*=", [BPF_DIV >> 4] = "/=",
		[BPF_OR >> 4] = "|=", [BPF_AND >> 4] = "&=", [BPF_LSH >> 4] = "<<=", [BPF_RSH >> 4] = ">>=",
		[BPF_MOD >> 4] = "%=", [BPF_XOR >> 4] = "^=", [BPF_MOV >> 4] = "=", [BPF_ARSH >> 4] = "s>>=",
	};
	static const char *const comparisons[16] = {
		[BPF_JEQ >> 4] = "==", [BPF_JGT >> 4] = ">", [BPF_JGE >> 4] = ">=", [BPF_JSET >> 4] = "&",
		[BPF_JNE >> 4] = "!=", [BPF_JSGT >> 4] = "s>", [BPF_JSGE >> 4] = "s>=", [BPF_JLT >> 4] = "<",
		[BPF_JLE >> 4] = "<=", [BPF_JSLT >> 4] = "s<", [BPF_JSLE >> 4] = "s<=",
	};
	bool jumps = BPF_CLASS(code) == BPF_JMP || BPF_CLASS(code) == BPF_JMP32;
	const char *name = (jumps ? comparisons : arithmetic)[code >> 4];

	return name ? name : "?";
}

/* Registers of 32 bits are called w. */
static char letter(u8 code)
{
	return BPF_CLASS(code) == BPF_ALU || BPF_CLASS(code) == BPF_JMP32 ? 'w' : 'r';
}

static void print_operands(const struct bpf_insn *instruction, struct text *text)
{
	u8 code = instruction->code;

	text_add_format(text, "%c%d %s ", letter(code), instruction->dst_reg, operator_of(code));
	if (BPF_SRC(code) == BPF_X)
		text_add_format(text, "%c%d", letter(code), instruction->src_reg);
	else
		text_add_format(text, "%d", instruction->imm);
}

static void print_arithmetic(const struct bpf_insn *instruction, struct text *text)
{
	u8 code = instruction->code;

	if (BPF_OP(code) == BPF_NEG)
		text_add_format(text, "%c%d = -%c%d", letter(code), instruction->dst_reg, letter(code),
				instruction->dst_reg);
	else if (BPF_OP(code) == BPF_END)
		text_add_format(text, "r%d = %s%d r%d", instruction->dst_reg, BPF_SRC(code) == BPF_TO_BE ? "be" : "le",
				instruction->imm, instruction->dst_reg);
	else
		print_operands(instruction, text);
}

static void print_jump(const struct bpf_insn *instruction, size_t at, struct text *text)
{
	s64 target = (s64)at + 1 + instruction->off;

	switch (BPF_OP(instruction->code)) {
	case BPF_EXIT:
		text_add(text, "exit");
		break;
	case BPF_CALL:
		if (instruction->src_reg == BPF_PSEUDO_CALL)
			text_add_format(text, "call %lld", (long long)at + 1 + instruction->imm);
		else
			text_add_format(text, "call helper#%d", instruction->imm);
		break;
	case BPF_JA:
		text_add_format(text, "goto %lld", (long long)target);
		break;
	default:
		text_add(text, "if ");
		print_operands(instruction, text);
		text_add_format(text, " goto %lld", (long long)target);
	}
}

static void print_wide(const struct bpf_insn *instruction, struct text *text)
{
	u32 low = instruction[0].imm, high = instruction[1].imm;

	text_add_format(text, "r%d = ", instruction->dst_reg);
	if (instruction->src_reg == BPF_PSEUDO_MAP_FD)
		text_add_format(text, "map %u", low);
	else if (instruction->src_reg == BPF_PSEUDO_MAP_VALUE)
		text_add_format(text, "map %u value + %u", low, high);
	else
		text_add_format(text, "0x%llx ll", (unsigned long long)high << 32 | low);
}

static void print_place(const struct bpf_insn *instruction, int base, struct text *text)
{
	text_add_format(text, "*(%s *)(r%d %c %d)", sizes[BPF_SIZE(instruction->code) >> 3], base,
			instruction->off < 0 ? '-' : '+', instruction->off < 0 ? -instruction->off : instruction->off);
}

static void print_one(const struct bpf_insn *instruction, size_t at, struct text *text)
{
	switch (BPF_CLASS(instruction->code)) {
	case BPF_ALU:
	case BPF_ALU64:
		print_arithmetic(instruction, text);
		break;
	case BPF_JMP:
	case BPF_JMP32:
		print_jump(instruction, at, text);
		break;
	case BPF_LD:
		print_wide(instruction, text);
		break;
	case BPF_LDX:
		text_add_format(text, "r%d = ", instruction->dst_reg);
		print_place(instruction, instruction->src_reg, text);
		break;
	case BPF_ST:
		print_place(instruction, instruction->dst_reg, text);
		text_add_format(text, " = %d", instruction->imm);
		break;
	case BPF_STX:
		if (BPF_MODE(instruction->code) != BPF_MEM)
			text_add(text, "lock ");
		print_place(instruction, instruction->dst_reg, text);
		text_add_format(text, " %s r%d", BPF_MODE(instruction->code) == BPF_MEM ? "=" : "+=", instruction->src_reg);
		break;
	}
}

void code_print(const struct bpf_insn *instructions, size_t count, struct text *text)
{
	for (size_t i = 0; i < count; i++) {
		bool wide = instructions[i].code == (BPF_LD | BPF_DW | BPF_IMM);

		if (wide && i + 1 == count)
			break;
		text_add_format(text, "%4zu: ", i);
		print_one(&instructions[i], i, text);
		text_add_char(text, '\n');
		i += wide;
	}
}
