/* The thin copy against the whole: numbers and what is kept are the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <bpf/btf.h>
#include <linux/btf.h>
#include <string.h>
#include <unistd.h>

#include "kernel/object.h"
#include "kernel/thin.h"

struct btf *__real_btf__load_vmlinux_btf(void);

static void compare_members(const struct btf *whole, const struct btf *thin, const struct btf_type *a,
			    const struct btf_type *b)
{
	const struct btf_member *left = btf_members(a), *right = btf_members(b);

	assert_int_equal(btf_vlen(a), btf_vlen(b));
	for (u32 i = 0; i < btf_vlen(a); i++) {
		assert_string_equal(btf__name_by_offset(whole, left[i].name_off), btf__name_by_offset(thin, right[i].name_off));
		assert_int_equal(left[i].type, right[i].type);
		assert_int_equal(left[i].offset, right[i].offset);
	}
}

static void test_what_is_named_is_there_under_its_number(void **state)
{
	static const char *const structs[] = { "task_struct", "signal_struct", "sock", "tcp_sock", "file", "dentry" };
	struct bpf_object *object;
	struct btf *whole, *thin;

	(void)state;
	if (access("/sys/kernel/btf/vmlinux", R_OK))
		skip();
	object = object_open();
	assert_non_null(object);
	bpf_program__set_autoload(bpf_object__find_program_by_name(object, "exec_btf"), true);
	thin = btf__load_vmlinux_btf();
	whole = __real_btf__load_vmlinux_btf();
	assert_non_null(thin);
	assert_non_null(whole);
	assert_true(btf__type_cnt(thin) <= btf__type_cnt(whole));
	for (size_t i = 0; i < sizeof(structs) / sizeof(structs[0]); i++) {
		s32 id = btf__find_by_name_kind(thin, structs[i], BTF_KIND_STRUCT);

		assert_true(id > 0);
		assert_int_equal(id, btf__find_by_name_kind(whole, structs[i], BTF_KIND_STRUCT));
		compare_members(whole, thin, btf__type_by_id(whole, id), btf__type_by_id(thin, id));
	}
	/* What a program is attached to that will be loaded. */
	assert_int_equal(btf__find_by_name_kind(thin, "btf_trace_sched_process_exec", BTF_KIND_TYPEDEF),
			 btf__find_by_name_kind(whole, "btf_trace_sched_process_exec", BTF_KIND_TYPEDEF));
	/* What programs call; where the kernel has none, neither has. */
	assert_int_equal(btf__find_by_name_kind(thin, "bpf_rdonly_cast", BTF_KIND_FUNC),
			 btf__find_by_name_kind(whole, "bpf_rdonly_cast", BTF_KIND_FUNC));
	assert_true(btf__find_by_name_kind(thin, "ext4_inode_info", BTF_KIND_STRUCT) < 0);
	btf__free(thin);
	btf__free(whole);
	object_close(object);
}

/* Without an object to serve it is the whole. */
static void test_nobody_to_serve(void **state)
{
	struct btf *btf;

	(void)state;
	if (access("/sys/kernel/btf/vmlinux", R_OK))
		skip();
	btf = btf__load_vmlinux_btf();
	assert_non_null(btf);
	assert_true(btf__find_by_name_kind(btf, "bpf_prog", BTF_KIND_STRUCT) > 0);
	btf__free(btf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_is_named_is_there_under_its_number),
		cmocka_unit_test(test_nobody_to_serve),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
