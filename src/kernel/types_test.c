/* Numbers of types against libbpf's own reading of the same file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <bpf/btf.h>
#include <linux/btf.h>
#include <unistd.h>

#include "kernel/types.h"

static void test_numbers_are_those_of_libbpf(void **state)
{
	struct type_query queries[] = {
		{ .name = "task_struct", .kind = BTF_KIND_STRUCT },
		{ .name = "do_exit", .kind = BTF_KIND_FUNC },
		{ .name = "u32", .kind = BTF_KIND_TYPEDEF },
		{ .name = "btf_trace_sched_process_exec", .kind = BTF_KIND_TYPEDEF },
		{ .name = "task_struct", .kind = BTF_KIND_FUNC },
		{ .name = "there_is_no_such_type", .kind = BTF_KIND_STRUCT },
	};
	size_t count = sizeof(queries) / sizeof(*queries);
	struct btf *btf;

	(void)state;
	if (access("/sys/kernel/btf/vmlinux", R_OK))
		skip();
	btf = btf__load_vmlinux_btf();
	assert_non_null(btf);
	assert_int_equal(types_find(queries, count), 0);
	for (size_t i = 0; i < count; i++) {
		s32 id = btf__find_by_name_kind(btf, queries[i].name, queries[i].kind);

		/* Several functions may have one name; any of them will do. */
		if (queries[i].kind == BTF_KIND_FUNC && id > 0)
			assert_true(queries[i].id > 0);
		else
			assert_int_equal(queries[i].id, id > 0 ? id : 0);
	}
	assert_true(queries[0].id > 0);
	btf__free(btf);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_numbers_are_those_of_libbpf) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
