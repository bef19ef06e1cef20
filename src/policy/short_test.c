/* The short form: what it makes of a file, and where it says that a mistake is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "lang/parse.h"
#include "policy/load.h"
#include "policy/matcher.h"
#include "policy/point.h"

static int parse(struct policies *policies, const char *text, struct policy_error *error)
{
	*policies = (struct policies){ 0 };
	return policies_parse(policies, text, strlen(text), "f", error);
}

static void test_all_keys(void **state)
{
	struct policy_error error;
	struct policies policies;
	const struct policy *policy;

	(void)state;
	assert_int_equal(parse(&policies, "- name: one\n  when: [open, connect]\n  if: user.id == 7\n  then: [log, kill]\n"
					  "  message: look\n  severity: high\n  tags: [a, b]\n- {name: two, when: exit}\n", &error), 0);
	assert_int_equal(policies.count, 2);
	policy = policies_find(&policies, "one");
	assert_true(policy->is_short);
	assert_int_equal(policy->hook_count, 2);
	assert_string_equal(policy->hooks[0].target, "open");
	assert_string_equal(policy->hooks[1].target, "connect");
	assert_int_equal(policy->hooks[1].line, 2);
	assert_int_equal(policy->hooks[1].column, 16);
	assert_int_equal(policy->hooks[0].attach, ATTACH_POINT);
	assert_non_null(policy->hooks[0].asked);
	assert_int_equal(policy->hooks[0].selectors[0].steps[0].action, ACTION_SIGNAL);
	assert_int_equal(policy->hooks[0].selectors[0].steps[0].number, 9);
	assert_string_equal(policy->hooks[0].message, "look");
	assert_string_equal(policy->hooks[0].tags[1], "b");
	assert_null(policy->hooks[0].tags[2]);
	assert_string_equal(policy->severity, "high");
	policy = policies_find(&policies, "two");
	assert_null(policy->hooks[0].selectors[0].condition);
	assert_string_equal(match_action(policy), "log");
	policies_free(&policies);
}

static const struct {
	const char *text;
	unsigned int line, column;
	const char *what;
} mistakes[] = {
	{ "", 1, 1, "no policy" },
	{ "[]", 1, 1, "no policy" },
	{ "name: x", 1, 1, "no when" },
	{ "when: open", 1, 1, "no name" },
	{ "name: x y\nwhen: open", 1, 7, "no name for a policy" },
	{ "name: x\nwhen: opn", 2, 7, "no point" },
	{ "name: x\nwhen: [open, open]", 2, 14, "twice" },
	{ "name: x\nwhen: []", 2, 7, "nothing" },
	{ "name: x\nwhn: open", 2, 1, "no \"whn\"" },
	{ "name: x\nname: y\nwhen: open", 2, 1, "twice" },
	{ "name: x\nwhen: open\nthen: [kill, deny]", 3, 14, "once" },
	{ "name: x\nwhen: open\nthen: dny", 3, 7, "no action" },
	{ "name: x\nwhen: open\nseverity: bad", 3, 11, "no severity" },
	{ "name: x\nwhen: open\ntags: {a: b}", 3, 7, "must be" },
	{ "- {name: x, when: open}\n- {name: x, when: exec}", 2, 3, "two policies" },
	/* within the expression, however it is written */
	{ "name: x\nwhen: open\nif: user.id == 1 and foo", 3, 22, "no field foo" },
	{ "name: x\nwhen: open\nif: 'path == \"a\" and foo'", 3, 22, "no field foo" },
	{ "name: x\nwhen: open\nif: \"path == \\\"a\\\" and foo\"", 3, 24, "no field foo" },
	{ "name: x\nwhen: open\nif: |\n  path == \"a\"\n    and foo\n", 5, 9, "no field foo" },
	{ "name: x\nwhen: open\nif: >-\n  path == \"ä\"\n\n  and foo\n", 6, 7, "no field foo" },
	{ "name: x\nwhen: open\nif: path == \"a\"\n    and foo\n", 4, 9, "no field foo" },
	{ "name: x\nwhen: open\nif: user.id ==\n", 3, 15, "expected" },
	{ "name: x\nwhen: connect\nif: file.path == \"a\"", 3, 5, "" },
};

static void test_mistakes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
		struct policy_error error = { 0 };
		struct policies policies;

		if (!parse(&policies, mistakes[i].text, &error))
			fail_msg("taken: %s", mistakes[i].text);
		if (error.line != mistakes[i].line || error.column != mistakes[i].column || !strstr(error.text, mistakes[i].what))
			fail_msg("%s\n%u:%u: %s", mistakes[i].text, error.line, error.column, error.text);
		assert_int_equal(policies.count, 0);
		policies_free(&policies);
	}
}

/* What the kernel is asked of a policy, and what it cannot be asked. */
static void test_lowering(void **state)
{
	static const struct {
		const char *text, *target;	/* NULL: only user space */
	} cases[] = {
		{ "{name: x, when: open, if: 'path startswith \"/etc\" and user.id == 1'}", "security_file_open" },
		{ "{name: x, when: write}", "security_file_open" },
		{ "{name: x, when: exec, if: 'executable.path == \"/bin/a\"'}", "security_bprm_check" },
		{ "{name: x, when: connect, if: 'peer.address in 10.0.0.0/8 and peer.port == 1'}", "security_socket_connect" },
		{ "{name: x, when: module, if: 'path == \"/a.ko\"'}", "security_kernel_read_file" },
		{ "{name: x, when: ptrace}", "ptrace" },
		{ "{name: x, when: remove, if: 'path startswith \"/a\"'}", "security_path_unlink" },
		{ "{name: x, when: rename, if: 'file.new_path == \"/a\"'}", "security_path_rename" },
		{ "{name: x, when: create, then: deny}", "security_file_open" },
		{ "{name: x, when: accept, if: 'local.port == 1 and peer.address in 10.0.0.0/8'}", "security_sock_graft" },
		{ "{name: x, when: ptrace, then: deny}", "security_ptrace_access_check" },
		{ "{name: x, when: signal, if: 'signal.target.pid == 1'}", "signal_generate" },
		{ "{name: x, when: signal, then: deny}", "security_task_kill" },
		{ "{name: x, when: fork, if: 'executable.path == \"/a\"'}", "security_task_alloc" },
		{ "{name: x, when: fork, if: 'pid == 1'}", NULL },
		{ "{name: x, when: accept, then: deny}", NULL },
		{ "{name: x, when: exit}", NULL },
		{ "{name: x, when: open, if: 'container.id == \"a\"'}", NULL },
		{ "{name: x, when: [open, connect], if: 'container.id == \"a\" or peer.port == 80'}", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct policy_error error = { 0 };
		struct policies policies;
		const struct policy *lowered;

		if (parse(&policies, cases[i].text, &error))
			fail_msg("%s: %u:%u: %s", cases[i].text, error.line, error.column, error.text);
		lowered = policy_lower(policies.list[0], &error);
		if (!lowered != !cases[i].target)
			fail_msg("%s: %s", cases[i].text, error.text);
		if (lowered)
			assert_string_equal(lowered->hooks[0].target, cases[i].target);
		else
			assert_true(*error.text && *error.mend);
		policies_free(&policies);
	}
}

/* What is known of a place beforehand is decided as it is lowered, and where nothing can match nothing hangs. */
static void test_known_beforehand(void **state)
{
	static const struct {
		const char *text;
		const char *targets[4], *conditions[4];		/* conditions: "" for none */
	} cases[] = {
		{ "{name: x, when: change, if: 'file.change == \"chmod\"'}", { "security_path_chmod" }, { "" } },
		{ "{name: x, when: change, if: 'file.change in [\"rmdir\", \"unlink\"] and user.id == 1'}",
		  { "security_path_unlink", "security_path_rmdir" }, { "process.user.id == 1", "process.user.id == 1" } },
		{ "{name: x, when: [remove, chmod], if: 'not (file.change != \"rmdir\" or user.id == 1)'}",
		  { "security_path_rmdir" }, { "not (process.user.id == 1)" } },
		{ "{name: x, when: remove, if: 'file.change == \"unlink\" or user.id == 1'}",
		  { "security_path_unlink", "security_path_rmdir" }, { "", "process.user.id == 1" } },
		{ "{name: x, when: remove, if: 'file.change == \"chmod\"'}", { NULL }, { NULL } },
		{ "{name: x, when: [remove, chown], if: 'file.user.id + 1 == 2 or not exists(file.new_path) and user.id == 3'}",
		  { "security_path_unlink", "security_path_rmdir", "security_path_chown" },
		  { "process.user.id == 3", "process.user.id == 3", "(file.user.id + 1) == 2 or process.user.id == 3" } },
		{ "{name: x, when: [open, connect], if: 'peer.port == 80', then: deny}", { "security_socket_connect" },
		  { "network.peer.port == 80" } },
		{ "{name: x, when: [listen, exec], if: 'backlog + 1 > 2 or not exists(backlog) and user.id == 3'}",
		  { "security_socket_listen", "security_bprm_check" },
		  { "(network.backlog + 1) > 2 or ((not exists(network.backlog)) and process.user.id == 3)", "process.user.id == 3" } },
		{ "{name: x, when: signal, if: 'signal.name in [\"SIGHUP\", \"SIGKILL\"]'}", { "signal_generate" },
		  { "signal.number in [1, 9]" } },
		{ "{name: x, when: [connect, open], if: 'file.path not in [\"/x\"]', then: kill}", { "security_file_open" },
		  { "exists(file.path) and (not (file.path in [\"/x\"]))" } },
		{ "{name: x, when: [connect, open], if: 'file.path not like \"/x/*\" or user.id not in [1]', then: kill}",
		  { "security_socket_connect", "security_file_open" },
		  { "not (process.user.id in [1])",
		    "(exists(file.path) and (not (file.path like \"/x/*\"))) or (not (process.user.id in [1]))" } },
		{ "{name: x, when: signal, if: 'signal.name not in [\"SIGHUP\", \"SIGKILL\"]'}", { "signal_generate" },
		  { "exists(signal.number) and (not (signal.number in [1, 9]))" } },
		{ "{name: x, when: remove, if: 'file.change not in [\"unlink\"]'}", { "security_path_rmdir" }, { "" } },
		{ "{name: x, when: remove, if: 'file.new_path not like \"/x/*\"'}", { NULL }, { NULL } },
		{ "{name: x, when: chmod, if: 'file.mode not in [0644]'}", { "security_path_chmod" },
		  { "exists(file.mode) and (not ((file.mode & 4095) in [0644]))" } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct policy_error error = { 0 };
		struct policies policies;
		const struct policy *lowered = NULL;

		if (!parse(&policies, cases[i].text, &error))
			lowered = policy_lower(policies.list[0], &error);
		if (!lowered)
			fail_msg("%s: %s", cases[i].text, error.text);
		for (u32 j = 0; j < lowered->hook_count; j++) {
			const struct lang_node *condition = lowered->hooks[j].selectors->condition;
			struct text printed = { 0 };

			assert_string_equal(lowered->hooks[j].target, cases[i].targets[j]);
			if (condition)
				lang_print(condition, &printed);
			assert_string_equal(text_string(&printed), cases[i].conditions[j]);
			assert_true(lowered->hooks[j].from >= policies.list[0]->hooks);
			text_free(&printed);
		}
		assert_null(cases[i].targets[lowered->hook_count]);
		policies_free(&policies);
	}
}

/* Every point by itself: what narrows it is an expression over its events. */
static void test_points(void **state)
{
	(void)state;
	for (const struct policy_point *point = policy_points; point->name; point++) {
		struct policy_error error = { 0 };
		struct policies policies;
		char text[64];

		snprintf(text, sizeof(text), "{name: x, when: %s}", point->name);
		if (parse(&policies, text, &error))
			fail_msg("%s: %s", point->name, error.text);
		policies_free(&policies);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_keys),
		cmocka_unit_test(test_mistakes),
		cmocka_unit_test(test_lowering),
		cmocka_unit_test(test_known_beforehand),
		cmocka_unit_test(test_points),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
