/*
 * Hooks and arguments against the running kernel's types. Offsets are held against the compiler's, of structs that user space
 * has too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/tcp.h>

#include "policy/describe.h"

#define HEAD "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: test}\nspec:\n"

static struct policy_kernel *kernel;

static struct policy *parse(const char *yaml)
{
	struct policy_error error = { 0 };
	struct policy *policy = policy_parse(yaml, strlen(yaml), "test", &error);

	if (!policy)
		fail_msg("%u:%u: %s; %s\n%s", error.line, error.column, error.text, error.mend, yaml);
	return policy;
}

static struct policy *resolve(const char *yaml)
{
	struct policy_error error = { 0 };
	struct policy *policy = parse(yaml);

	if (policy_resolve(policy, kernel, &error))
		fail_msg("%u:%u: %s; %s\n%s", error.line, error.column, error.text, error.mend, yaml);
	return policy;
}

/* One argument of tcp_connect, taken for another struct. */
static struct policy *resolve_in(const char *type, const char *path)
{
	struct text yaml = { 0 };
	struct policy *policy;

	text_add_format(&yaml, HEAD "  kprobes:\n  - call: tcp_connect\n    args: [{index: 0, type: auto, btfType: %s, resolve: '%s'}]\n", type, path);
	policy = resolve(text_string(&yaml));
	text_free(&yaml);
	return policy;
}

static void assert_member(const char *type, const char *path, u32 offset, u32 size, enum policy_type as)
{
	struct policy *policy = resolve_in(type, path);
	const struct policy_argument *argument = &policy->hooks[0].arguments[0];

	assert_int_equal(argument->member_count, 1);
	assert_int_equal(argument->members[0].offset, offset);
	assert_int_equal(argument->members[0].size, size);
	assert_int_equal(argument->members[0].bits, 0);
	assert_int_equal(argument->type, as);
	policy_free(policy);
}

static void members_lie_where_the_compiler_has_them(void **state)
{
	(void)state;
	assert_member("iphdr", "ttl", offsetof(struct iphdr, ttl), 1, TYPE_uint8);
	assert_member("iphdr", "saddr", offsetof(struct iphdr, saddr), 4, TYPE_uint32);
	assert_member("tcphdr", "ack_seq", offsetof(struct tcphdr, ack_seq), 4, TYPE_uint32);
	assert_member("sockaddr_in6", "sin6_scope_id", offsetof(struct sockaddr_in6, sin6_scope_id), 4, TYPE_uint32);
	assert_member("sockaddr_in6", "sin6_addr.in6_u.u6_addr32[2]", offsetof(struct sockaddr_in6, sin6_addr) + 8, 4, TYPE_uint32);
	assert_member("tcp_info", "tcpi_rtt", offsetof(struct tcp_info, tcpi_rtt), 4, TYPE_uint32);
}

/* Which bit a bit field is, tried. */
static void bit_fields_are_found(void **state)
{
	struct policy *policy = resolve_in("tcphdr", "syn");
	const struct policy_member *member = policy->hooks[0].arguments[0].members;
	union {
		struct tcphdr header;
		u8 bytes[sizeof(struct tcphdr)];
	} both = { 0 };
	u64 number = 0;

	(void)state;
	both.header.syn = 1;
	memcpy(&number, both.bytes + member->offset, member->size);
	assert_int_equal(member->bits, 1);
	assert_int_equal(number, 1ULL << member->shift);
	policy_free(policy);
}

static void pointers_are_followed(void **state)
{
	struct policy *policy = resolve(HEAD "  kprobes:\n  - call: security_file_open\n    args: [{index: 0, type: string, resolve: 'f_inode.i_sb.s_id'}]\n"
					     "    data: [{source: current_task, resolve: 'mm.owner.real_parent.comm', type: string},\n"
					     "           {source: current_task, resolve: 'cred.uid', type: uint32}, {source: pt_regs, resolve: di, type: uint64}]\n");
	const struct policy_argument *name = &policy->hooks[0].arguments[0], *data = policy->hooks[0].data;

	(void)state;
	assert_int_equal(name->member_count, 3);
	assert_true(name->members[0].pointer && name->members[1].pointer && !name->members[2].pointer);
	assert_int_equal(name->members[2].size, 0);
	assert_int_equal(data[0].member_count, 4);
	assert_int_equal(data[0].type, TYPE_string);
	assert_int_equal(data[1].member_count, 2);
	assert_int_equal(data[1].members[1].size, 4);
	assert_int_equal(data[1].type, TYPE_uint32);
	assert_int_equal(data[2].index, 14);
	policy_free(policy);
}

static void fields_of_tracepoints_are_found(void **state)
{
	struct policy *policy = resolve(HEAD "  tracepoints:\n  - subsystem: raw_syscalls\n    event: sys_enter\n"
					     "    args: [{index: 4, type: syscall64}, {index: 5, type: auto}]\n"
					     "  - {subsystem: sched, event: sched_process_exec, raw: true, args: [{index: 2, type: auto}]}\n");

	(void)state;
	if (policy->notes)
		skip();	/* no tracefs here */
	/* The four common fields have eight bytes; ids of calls are a long. */
	assert_int_equal(policy->hooks[0].arguments[0].members[0].offset, 8);
	assert_int_equal(policy->hooks[0].arguments[0].members[0].size, 8);
	assert_int_equal(policy->hooks[0].arguments[1].type, TYPE_const_buf);
	assert_int_equal(policy->hooks[0].arguments[1].length, 48);
	assert_int_equal(policy->hooks[0].arguments[1].element, 8);
	assert_int_equal(policy->hooks[1].arguments[0].type, TYPE_linux_binprm);
	policy_free(policy);
}

static void arrays_have_their_length(void **state)
{
	struct policy *policy = resolve(HEAD "  kprobes:\n  - {call: tcp_connect, args: [{index: 0, type: const_buf, "
					     "resolve: __sk_common.skc_v6_daddr.in6_u.u6_addr16}]}\n");

	(void)state;
	assert_int_equal(policy->hooks[0].arguments[0].type, TYPE_const_buf);
	assert_int_equal(policy->hooks[0].arguments[0].length, 16);
	assert_int_equal(policy->hooks[0].arguments[0].element, 2);
	policy_free(policy);
}

static void assert_wrong(const char *yaml, const char *text, const char *mend)
{
	struct policy_error error = { 0 };
	struct policy *policy = parse(yaml);
	int status = policy_resolve(policy, kernel, &error);

	if (!status || !strstr(error.text, text) || !strstr(error.mend, mend) || !error.line)
		fail_msg("expected %s; %s\nsaid %d %u: %s; %s", text, mend, status, error.line, error.text, error.mend);
	policy_free(policy);
}

static void what_the_kernel_does_not_have_is_told(void **state)
{
	(void)state;
#define ARGUMENT(text) HEAD "  kprobes: [{call: tcp_connect, args: [{" text "}]}]\n"
	assert_wrong(ARGUMENT("index: 1, type: int"), "tcp_connect has 1 parameters, and there is no index 1", "index: 0 to 0");
	assert_wrong(ARGUMENT("index: 0, type: int, resolve: sk_rcvbuff"), "struct sock has no member sk_rcvbuff", "did you mean sk_rcvbuf?");
	assert_wrong(ARGUMENT("index: 0, type: int, resolve: __sk_common.skc_family.x"), "has no member x", "");
	assert_wrong(ARGUMENT("index: 0, type: int, resolve: x, btfType: no_such_struct"), "no struct no_such_struct", "");
	assert_wrong(ARGUMENT("index: 0, type: int, resolve: sk_socket.file.f_path"), "ends at struct path, which is not int32", "");
	assert_wrong(HEAD "  kprobes: [{call: sys_openat, args: [{index: 6, type: int}]}]\n", "6 parameters", "index: 0 to 5");
	assert_wrong(HEAD "  kprobes: [{call: sys_write, args: [{index: 1, type: char_buf, sizeArgIndex: 9}]}]\n",
		     "6 parameters, and sizeArgIndex is 9", "sizeArgIndex: 1 to 6");
	assert_wrong(ARGUMENT("index: 0, type: char_buf, sizeArgIndex: 3"), "1 parameters, and sizeArgIndex is 3", "sizeArgIndex: 1 to 1");
	assert_wrong(HEAD "  kprobes: [{call: f, data: [{source: pt_regs, resolve: xx, type: int}]}]\n", "no register xx", "ax");
	assert_wrong(HEAD "  uprobes: [{path: /nothing/here, symbols: [a]}]\n", "no file /nothing/here", "path:");
	assert_wrong(HEAD "  uprobes: [{path: /etc/passwd, symbols: [a]}]\n", "is no program", "");
	assert_wrong(HEAD "  uprobes: [{path: /proc/self/exe, symbols: [maim]}]\n", "has no function maim", "did you mean main?");
}

static void differing_types_are_noted(void **state)
{
	struct policy *policy = resolve(HEAD "  kprobes: [{call: tcp_connect, args: [{index: 0, type: file}]}]\n");

	(void)state;
	assert_non_null(policy->notes);
	assert_non_null(strstr(policy->notes->text, "parameter 0 of tcp_connect is struct sock *, and is read as file"));
	policy_free(policy);
}

static enum policy_rung rung_of(const char *yaml, struct policy_place *place)
{
	struct policy *policy = resolve(yaml);

	policy_place(&policy->hooks[0], policy->hooks[0].target, false, kernel, place);
	policy_free(policy);
	return place->rung;
}

static void missing_names_have_neighbours(void **state)
{
	struct policy_place place;

	(void)state;
	assert_int_equal(rung_of(HEAD "  kprobes: [{call: tcp_conect}]\n", &place), RUNG_NONE);
	assert_non_null(strstr(place.why, "there is no function tcp_conect in this kernel, did you mean"));
	assert_non_null(strstr(place.why, "tcp_connect"));
	assert_int_equal(rung_of(HEAD "  kprobes: [{call: tcp_conect, ignore: {callNotFound: true}}]\n", &place), RUNG_NONE);
	assert_non_null(strstr(place.why, "is left out"));
	assert_int_equal(rung_of(HEAD "  lsmhooks: [{hook: file_opn}]\n", &place), RUNG_NONE);
	assert_int_equal(rung_of(HEAD "  tracepoints: [{subsystem: sched, event: sched_proces_exec, raw: true}]\n", &place), RUNG_NONE);
	assert_non_null(strstr(place.why, "did you mean sched_process_exec"));
}

/* Every row of stand_in.def names a function that this kernel has, or a tracepoint that shows it. */
static void a_kernel_without_rungs_has_stand_ins(void **state)
{
	struct features bare = { .btf = true };
	struct policy_kernel *other;
	struct policy_error error;
	struct policy_place place;
	struct policy *policy = resolve(HEAD "  kprobes: [{call: tcp_connect}, {call: security_file_open}, {call: cap_capable}]\n");

	(void)state;
	other = policy_kernel_open("/sys/kernel/btf/vmlinux", &bare, &error);
	assert_non_null(other);
	for (u32 i = 0; i < policy->hook_count; i++) {
		assert_int_equal(policy_place(&policy->hooks[i], policy->hooks[i].target, false, other, &place), 0);
		assert_int_not_equal(place.rung, RUNG_NONE);
		assert_true(place.rung != RUNG_STAND_IN || place.target[0]);
	}
	policy_kernel_close(other);
	policy_free(policy);
}

static void patterns_become_functions(void **state)
{
	struct policy *policy = resolve(HEAD "  lists: [{name: a, type: generated_ftrace, pattern: '^tcp_v[46]_connect$'}]\n  kprobes: [{call: 'list:a'}]\n");
	u32 count = 0;

	(void)state;
	while (policy->hooks[0].targets[count])
		count++;
	assert_in_range(count, 1, 2);
	policy_free(policy);
	assert_wrong(HEAD "  lists: [{name: a, type: generated_ftrace, pattern: '^no_such$'}]\n  kprobes: [{call: 'list:a'}]\n", "0 functions fit", "wider");
	assert_wrong(HEAD "  lists: [{name: a, type: generated_ftrace, pattern: 'a'}]\n  kprobes: [{call: 'list:a'}]\n", "more than 1000", "narrower");
}

static int open_kernel(void **state)
{
	static struct features features;
	struct policy_error error;

	(void)state;
	features_find(&features);
	kernel = policy_kernel_open(NULL, &features, &error);
	return 0;
}

static int close_kernel(void **state)
{
	(void)state;
	policy_kernel_close(kernel);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_lie_where_the_compiler_has_them),
		cmocka_unit_test(bit_fields_are_found),
		cmocka_unit_test(pointers_are_followed),
		cmocka_unit_test(fields_of_tracepoints_are_found),
		cmocka_unit_test(arrays_have_their_length),
		cmocka_unit_test(what_the_kernel_does_not_have_is_told),
		cmocka_unit_test(differing_types_are_noted),
		cmocka_unit_test(missing_names_have_neighbours),
		cmocka_unit_test(a_kernel_without_rungs_has_stand_ins),
		cmocka_unit_test(patterns_become_functions),
	};

	if (access("/sys/kernel/btf/vmlinux", R_OK)) {
		print_message("skipped: this kernel does not describe its types\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, open_kernel, close_kernel);
}
