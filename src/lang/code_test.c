/* What the assembler makes, held against what the kernel's headers say it must be; and how it reads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "base/text.h"
#include "lang/code.h"

static void prints(void **state)
{
	static const char expected[] = "   0: r1 = 5\n"
				       "   1: w2 = -1\n"
				       "   2: r3 = 0x123456789 ll\n"
				       "   4: r4 = -1\n"
				       "   5: r6 = r1\n"
				       "   6: w6 = w1\n"
				       "   7: r6 += r2\n"
				       "   8: r6 s>>= 3\n"
				       "   9: r6 = -r6\n"
				       "  10: r0 = *(u16 *)(r6 + 12)\n"
				       "  11: *(u64 *)(r10 - 8) = r0\n"
				       "  12: *(u8 *)(r10 - 9) = 7\n"
				       "  13: lock *(u64 *)(r6 + 0) += r0\n"
				       "  14: r0 = be32 r0\n"
				       "  15: r1 = map 17\n"
				       "  17: r1 = map 18 value + 64\n"
				       "  19: call helper#1\n"
				       "  20: if r0 == 0 goto 24\n"
				       "  21: if r0 s< r6 goto 0\n"
				       "  22: call 24\n"
				       "  23: goto 24\n"
				       "  24: exit\n";
	struct code *code = code_new();
	int begin = code_label(code), end = code_label(code);
	const struct bpf_insn *instructions;
	struct text text = { 0 };
	const char *why;
	size_t count;

	(void)state;
	code_place(code, begin);
	code_move_number(code, BPF_REG_1, 5);
	code_move_number(code, BPF_REG_2, 0xffffffff);
	code_move_number(code, BPF_REG_3, 0x123456789);
	code_move_number(code, BPF_REG_4, -1);
	code_move(code, BPF_REG_6, BPF_REG_1);
	code_move_word(code, BPF_REG_6, BPF_REG_1);
	code_do(code, BPF_ADD, BPF_REG_6, BPF_REG_2);
	code_do_number(code, BPF_ARSH, BPF_REG_6, 3);
	code_do_number(code, BPF_NEG, BPF_REG_6, 0);
	code_load(code, BPF_H, BPF_REG_0, BPF_REG_6, 12);
	code_store(code, BPF_DW, BPF_REG_10, -8, BPF_REG_0);
	code_store_number(code, BPF_B, BPF_REG_10, -9, 7);
	code_add_atomic(code, BPF_DW, BPF_REG_6, 0, BPF_REG_0);
	code_swap(code, BPF_REG_0, 32);
	code_map(code, BPF_REG_1, 17);
	code_map_value(code, BPF_REG_1, 18, 64);
	code_call(code, BPF_FUNC_map_lookup_elem);
	code_jump_if_number(code, BPF_JEQ, BPF_REG_0, 0, end);
	code_jump_if(code, BPF_JSLT, BPF_REG_0, BPF_REG_6, begin);
	code_call_label(code, end);
	code_jump(code, end);
	code_place(code, end);
	code_exit(code);
	instructions = code_finish(code, &count, &why);
	assert_non_null(instructions);
	assert_int_equal(count, 25);
	assert_int_equal(code_count(code), 25);
	code_print(instructions, count, &text);
	assert_string_equal(text_string(&text), expected);
	text_free(&text);
	code_free(code);
}

/* The numbers of an instruction, as uapi/linux/bpf.h and the instruction set's document have them. */
static void encodes(void **state)
{
	struct code *code = code_new();
	const struct bpf_insn *instructions;
	const char *why;
	size_t count;
	int label = code_label(code);

	(void)state;
	code_move_number(code, BPF_REG_7, 0xfedcba9876543210);
	code_jump_if_number(code, BPF_JNE, BPF_REG_7, -2, label);
	code_map(code, BPF_REG_1, 9);
	code_load(code, BPF_B, BPF_REG_3, BPF_REG_2, -4);
	code_place(code, label);
	code_call_label(code, label);
	instructions = code_finish(code, &count, &why);
	assert_int_equal(instructions[0].code, 0x18);
	assert_int_equal(instructions[0].dst_reg, 7);
	assert_int_equal((u32)instructions[0].imm, 0x76543210);
	assert_int_equal(instructions[1].code, 0);
	assert_int_equal((u32)instructions[1].imm, 0xfedcba98);
	assert_int_equal(instructions[2].code, 0x55);
	assert_int_equal(instructions[2].off, 3);
	assert_int_equal(instructions[2].imm, -2);
	assert_int_equal(instructions[3].src_reg, BPF_PSEUDO_MAP_FD);
	assert_int_equal(instructions[3].imm, 9);
	assert_int_equal(instructions[5].code, 0x71);
	assert_int_equal(instructions[5].off, -4);
	assert_int_equal(instructions[6].code, 0x85);
	assert_int_equal(instructions[6].src_reg, BPF_PSEUDO_CALL);
	assert_int_equal(instructions[6].imm, -1);
	code_free(code);
}

/* Nothing leads to what stands between a jump and the next label that is wanted. */
static void leaves_out(void **state)
{
	struct code *code = code_new();
	int end = code_label(code), nobody = code_label(code);
	const struct bpf_insn *instructions;
	struct text text = { 0 };
	const char *why;
	size_t count;

	(void)state;
	code_move_number(code, BPF_REG_0, 1);
	code_jump(code, end);
	code_move_number(code, BPF_REG_0, 2);
	code_jump(code, nobody);
	code_place(code, nobody);
	code_map(code, BPF_REG_1, 3);
	code_place(code, end);
	code_exit(code);
	code_move_number(code, BPF_REG_0, 4);
	instructions = code_finish(code, &count, &why);
	code_print(instructions, count, &text);
	assert_string_equal(text_string(&text), "   0: r0 = 1\n   1: goto 2\n   2: exit\n");
	text_free(&text);
	code_free(code);
}

static void jumps_first(void **state)
{
	static const char expected[] = "   0: if r1 != 5 goto 2\n"
				       "   1: goto 7\n"
				       "   2: if r1 s<= r2 goto 4\n"
				       "   3: goto 7\n"
				       "   4: if r1 & 8 goto 7\n"
				       "   5: r0 = 1\n"
				       "   6: exit\n"
				       "   7: r0 = 0\n"
				       "   8: exit\n";
	struct code *code = code_new();
	const struct bpf_insn *instructions;
	struct text text = { 0 };
	int no = code_label(code);
	const char *why;
	size_t count;

	(void)state;
	code_jump_first(code);
	code_jump_if_number(code, BPF_JEQ, BPF_REG_1, 5, no);
	code_jump_if(code, BPF_JSGT, BPF_REG_1, BPF_REG_2, no);
	code_jump_if_number(code, BPF_JSET, BPF_REG_1, 8, no);
	code_move_number(code, BPF_REG_0, 1);
	code_exit(code);
	code_jump_if_number(code, BPF_JEQ, BPF_REG_1, 5, no); /* nothing leads here */
	code_place(code, no);
	code_move_number(code, BPF_REG_0, 0);
	code_exit(code);
	instructions = code_finish(code, &count, &why);
	assert_non_null(instructions);
	code_print(instructions, count, &text);
	assert_string_equal(text_string(&text), expected);
	text_free(&text);
	code_free(code);
}

static void refuses(void **state)
{
	struct code *code = code_new();
	const char *why = NULL;
	int label = code_label(code);
	size_t count;

	(void)state;
	code_jump(code, label);
	errno = 0;
	assert_null(code_finish(code, &count, &why));
	assert_int_equal(errno, EINVAL);
	assert_non_null(why);
	code_free(code);
	code = code_new();
	label = code_label(code);
	code_jump_if_number(code, BPF_JEQ, BPF_REG_1, 0, label);
	for (int i = 0; i < 32767; i++)
		code_move_number(code, BPF_REG_0, 0);
	code_place(code, label);
	assert_non_null(code_finish(code, &count, &why));
	code_move_number(code, BPF_REG_0, 0);
	code_place(code, label);
	assert_null(code_finish(code, &count, &why));
	assert_int_equal(errno, E2BIG);
	code_free(code);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(prints),
		cmocka_unit_test(encodes),
		cmocka_unit_test(leaves_out),
		cmocka_unit_test(jumps_first),
		cmocka_unit_test(refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
