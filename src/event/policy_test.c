/* What a policy's match says as JSON: each shape of value, names that others chose, and what could not be read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <sys/socket.h>

#include "base/text.h"
#include "event/plan.h"
#include "event/policy.h"

static const char *const tags[] = { "one", "t\"wo", NULL };
static const char *const calls[] = { "dup", "dup2", NULL };
static const s64 numbers[] = { 32, 33 };

static const struct policy_hook_names hooks[] = {
	{ .target = "file_open", .message = "so\nit is", .tags = tags, .types = { READ_file, READ_int32, READ_string, READ_int32 },
	  .labels = { "which", NULL }, .arguments = 2, .data = 1 },
	{ .target = "list", .targets = calls, .numbers = numbers, .types = { READ_sock, READ_syscall64, READ_kernel_cap_t, READ_bpf_map },
	  .arguments = 4 },
};

static const struct policy_names names = { .number = 9, .name = "pol", .severity = "high", .hooks = hooks, .hook_count = 2 };

/* A record with three strings of values; all others are empty. */
struct made {
	struct policy_record record;
	u8 strings[1024];
};

static void make(struct made *made, const char *const *values, size_t count)
{
	u8 *at = made->strings;

	for (u32 i = 0; i < POLICY_STRINGS; i++) {
		const char *text = i >= POLICY_STRING_VALUE && i - POLICY_STRING_VALUE < count ? values[i - POLICY_STRING_VALUE] : "";
		struct record_string string = { .length = strlen(text), .full = strlen(text) };

		memcpy(at, &string, sizeof(string));
		memcpy(at + sizeof(string), text, string.length);
		at += sizeof(string) + ((string.length + 7) & ~7U);
	}
	made->record.record.kind = KIND_policy;
	made->record.record.size = at - (u8 *)made;
	made->record.policy = 9;
	made->record.values = POLICY_VALUES;
	made->record.present = 0xff;
}

static const char *show(struct made *made, struct text *out)
{
	struct plan plan = { 0 };
	struct event event;

	plan_make(&plan);
	assert_int_equal(event_decode(&event, made, made->record.record.size), 0);
	json_event(&plan, out, &event);
	plan_free(&plan);
	return strstr(text_string(out), "\"policy\":");
}

static void test_values(void **state)
{
	const char *const strings[] = { "/etc/\"x\n", "", "</script>\x01" };
	struct made made = { 0 };
	struct text out = { 0 };

	(void)state;
	make(&made, strings, 3);
	made.record.action = 3;
	made.record.selector = 2;
	made.record.at_return = 1;
	made.record.value[0].file.inode = 77;
	made.record.value[0].file.mode = 0100644;
	made.record.value[1].number = -5;
	made.record.present = 7;
	assert_string_equal(show(&made, &out),
			    "\"policy\":{\"name\":\"pol\",\"action\":\"deny\",\"result\":\"due\",\"severity\":\"high\","
			    "\"message\":\"so\\nit is\",\"tags\":[\"one\",\"t\\\"wo\"],\"hook\":\"file_open\",\"selector\":2,"
			    "\"arguments\":[{\"type\":\"file\",\"label\":\"which\",\"path\":\"/etc/\\\"x\\n\",\"mode\":\"0100644\","
			    "\"inode\":77,\"device\":0},{\"type\":\"int32\",\"value\":-5}],"
			    "\"data\":[{\"type\":\"string\",\"value\":\"</script>\\u0001\"}],"
			    "\"returned\":[{\"type\":\"int32\",\"error\":\"unreadable\"}]}}\n");
	text_free(&out);
}

static void test_shapes(void **state)
{
	const char *const strings[] = { "", "", "", "name" };
	struct made made = { 0 };
	struct text out = { 0 };

	(void)state;
	make(&made, strings, 4);
	made.record.hook = 1;
	made.record.address = 33;
	made.record.action = 2;
	made.record.taken = 1;
	made.record.value[0].socket.family = AF_INET;
	made.record.value[0].socket.protocol = 6;
	made.record.value[0].socket.type = SOCK_STREAM;
	made.record.value[0].socket.state = 2;
	made.record.value[0].socket.peer_port = 443;
	inet_pton(AF_INET, "192.0.2.1", made.record.value[0].socket.peer);
	made.record.value[1].number = 5 | 1U << 31;
	made.record.value[2].number = 1 << 12 | 1;
	made.record.value[3].object.numbers[3] = 8;
	assert_string_equal(show(&made, &out),
			    "\"policy\":{\"name\":\"pol\",\"action\":\"kill\",\"result\":\"killed\",\"severity\":\"high\","
			    "\"hook\":\"dup2\",\"selector\":0,\"arguments\":[{\"type\":\"sock\",\"family\":\"ipv4\",\"transport\":\"tcp\","
			    "\"socket_type\":\"stream\",\"state\":\"syn_sent\",\"mark\":0,\"priority\":0,"
			    "\"local\":{\"address\":\"0.0.0.0\",\"port\":0},\"peer\":{\"address\":\"192.0.2.1\",\"port\":443}},"
			    "{\"type\":\"syscall64\",\"value\":5,\"abi\":\"i386\"},"
			    "{\"type\":\"kernel_cap_t\",\"capabilities\":[\"CAP_CHOWN\",\"CAP_NET_ADMIN\"]},"
			    "{\"type\":\"bpf_map\",\"name\":\"name\",\"map_type\":0,\"key_size\":0,\"value_size\":0,\"max_entries\":8}]}}\n");
	text_free(&out);
}

/* Records of policies that nobody loaded here have numbers, and no values whose types are not known. */
static void test_of_strangers(void **state)
{
	struct made made = { 0 };
	struct text out = { 0 };

	(void)state;
	make(&made, NULL, 0);
	made.record.policy = 10;
	made.record.action = 200;
	assert_string_equal(show(&made, &out), "\"policy\":{\"name\":\"10\",\"selector\":0}}\n");
	text_reset(&out);
	made.record.policy = 9;
	made.record.hook = 2;
	made.record.action = 0;
	assert_string_equal(show(&made, &out), "\"policy\":{\"name\":\"pol\",\"action\":\"log\",\"result\":\"observed\","
					       "\"severity\":\"high\",\"selector\":0}}\n");
	text_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_shapes),
		cmocka_unit_test(test_of_strangers),
	};

	policy_names_add(&names);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
