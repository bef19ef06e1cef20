/* The program that the kernel skips most, loaded and attached for a second time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <bpf/bpf.h>
#include <errno.h>
#include <unistd.h>

#include "kernel/again.h"
#include "kernel/object.h"

static const char *const programs[] = { "tcp_btf", "tcp_raw" };

/* NULL: this kernel does not take it. */
static struct bpf_object *load(const char *name)
{
	struct bpf_object *object = object_open();

	assert_non_null(object);
	bpf_program__set_autoload(bpf_object__find_program_by_name(object, name), true);
	again_begin(name);
	if (bpf_object__load(object)) {
		object_close(object);
		object = NULL;
	}
	again_end();
	return object;
}

static void test_it_is_attached_twice(void **state)
{
	size_t loaded = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		struct bpf_object *object = load(programs[i]);
		struct bpf_link *first;
		int second;

		if (!object)
			continue;
		loaded++;
		first = bpf_program__attach(bpf_object__find_program_by_name(object, programs[i]));
		second = again_attach(object, programs[i]);
		assert_non_null(first);
		assert_true(second > 0);
		close(second);
		bpf_link__destroy(first);
		object_close(object);
	}
	again_forget();
	if (!loaded)
		skip();
}

static void test_only_what_was_kept(void **state)
{
	struct bpf_object *object = object_open();

	(void)state;
	assert_non_null(object);
	again_forget();
	assert_int_equal(again_attach(object, "tcp_btf"), -ENOENT);
	object_close(object);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_it_is_attached_twice),
		cmocka_unit_test(test_only_what_was_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
