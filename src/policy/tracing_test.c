/* TracingPolicy files: what they become, and what is said of mistakes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/text.h"
#include "lang/parse.h"
#include "policy/policy.h"

#define HEAD "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: test}\nspec:\n"

static struct policy *parse(const char *yaml)
{
	struct policy_error error = { 0 };
	struct policy *policy = policy_parse(yaml, strlen(yaml), "test", &error);

	if (!policy)
		fail_msg("%u:%u: %s; %s\n%s", error.line, error.column, error.text, error.mend, yaml);
	return policy;
}

static void assert_condition(const struct lang_node *condition, const char *expected)
{
	struct text printed = { 0 };

	if (condition)
		lang_print(condition, &printed);
	assert_string_equal(text_string(&printed), expected);
	text_free(&printed);
}

/* A selector of a hook that reads one argument of a type, and the condition that it is. */
static void assert_match(const char *type, const char *match, const char *expected)
{
	struct text yaml = { 0 };
	struct policy *policy;

	text_add_format(&yaml, HEAD "  kprobes:\n  - call: f\n    args: [{index: 2, type: %s, sizeArgIndex: 2}]\n"
			"    selectors: [{matchArgs: [{index: 2, %s}]}]\n", type, match);
	policy = parse(text_string(&yaml));
	assert_condition(policy->hooks[0].selectors[0].condition, expected);
	policy_free(policy);
	text_free(&yaml);
}

static void numbers_compare(void **state)
{
	(void)state;
	assert_match("int", "operator: Equal, values: [4]", "arg0 == 4");
	assert_match("int", "operator: Equal, values: [-1, 0x10, 010]", "arg0 in [-1, 16, 8]");
	assert_match("int", "operator: Equal, values: [0xffffffff]", "arg0 == -1");
	assert_match("uint32", "operator: NotEqual, values: [0xffffffff]", "exists(arg0) and (not (arg0 == 4294967295))");
	assert_match("int8", "operator: GT, values: [-2]", "arg0 > -2");
	assert_match("int16", "operator: GreaterThan, values: [1, 2]", "arg0 > 1");
	assert_match("uint64", "operator: LT, values: [10]", "arg0 < 10");
	assert_match("size_t", "operator: LessThan, values: [0x100000000]", "arg0 < 4294967296");
	assert_match("int", "operator: Mask, values: [1, 2, 64]", "(arg0 & 67) != 0");
	assert_match("int", "operator: InRange, values: ['1:5']", "arg0 >= 1 and arg0 <= 5");
	assert_match("int", "operator: InRange, values: ['-5:-1', '7:7']", "arg0 == 7 or (arg0 >= -5 and arg0 <= -1)");
	assert_match("long", "operator: NotInRange, values: ['1:5']", "exists(arg0) and (not (arg0 >= 1 and arg0 <= 5))");
	assert_match("ulong", "operator: InMap, values: [1, '3:4']", "arg0 == 1 or (arg0 >= 3 and arg0 <= 4)");
	assert_match("sint32", "operator: NotInMap, values: [1, 2]", "exists(arg0) and (not (arg0 in [1, 2]))");
	assert_match("capability", "operator: Equal, values: [CAP_NET_RAW, 21]", "arg0 in [13, 21]");
	assert_match("kernel_cap_t", "operator: Equal, values: ['CAP_CHOWN,CAP_KILL']", "arg0 == 33");
	assert_match("cap_effective", "operator: Mask, values: [CAP_CHOWN, CAP_KILL]", "(arg0 & 33) != 0");
}

static void texts_compare(void **state)
{
	(void)state;
	assert_match("string", "operator: Equal, values: [a, \"b c\"]", "arg0 in [\"a\", \"b c\"]");
	assert_match("file", "operator: NotEqual, values: [/etc/shadow]", "exists(arg0) and (not (arg0 in [\"/etc/shadow\"]))");
	assert_match("path", "operator: Prefix, values: [/etc/, /boot/]", "arg0 startswith [\"/etc/\", \"/boot/\"]");
	assert_match("filename", "operator: NotPrefix, values: [/tmp]", "exists(arg0) and (not (arg0 startswith [\"/tmp\"]))");
	assert_match("kiocb", "operator: Postfix, values: [.log]", "arg0 endswith [\".log\"]");
	assert_match("char_buf", "operator: NotPostfix, values: [x]", "exists(arg0) and (not (arg0 endswith [\"x\"]))");
	assert_match("linux_binprm", "operator: SubString, values: [tmp]", "arg0 contains [\"tmp\"]");
	assert_match("string", "operator: SubStringIgnCase, values: ['a*1']", "arg0 like [\"**[aA][*]1**\"]");
	assert_match("string", "operator: Equal, values: [\"a\\0\", \"b\\0\\0\"]", "arg0 in [\"a\", \"b\"]");
	assert_match("char_buf", "operator: Equal, values: [\"a\\0b\\0\"]", "arg0 in [\"a\\x00b\\x00\"]");
	assert_match("string", "operator: SubStringIgnoreCase, values: [b]", "arg0 like [\"**[bB]**\"]");
	assert_match("file", "operator: FileType, values: [reg, fifo]", "(arg0.mode & 61440) in [32768, 4096]");
	assert_match("dentry", "operator: NotFileType, values: [dir]", "exists(arg0.mode) and (not ((arg0.mode & 61440) in [16384]))");
}

static void sockets_compare(void **state)
{
	(void)state;
	setenv("SONDE_TEST_NETS", "10.1.0.0/16,fd00::/8", 1);
	assert_match("sock", "operator: DAddr, values: [127.0.0.1, 10.1.2.3/8, '::1']",
		     "arg0.peer.address in [127.0.0.1, 10.0.0.0/8, ::1]");
	assert_match("sock", "operator: NotDAddr, values: ['${SONDE_TEST_NETS}']",
		     "exists(arg0.peer.address) and (not (arg0.peer.address in [10.1.0.0/16, fd00::/8]))");
	assert_match("skb", "operator: SAddr, values: [1.2.3.4]", "arg0.local.address in [1.2.3.4]");
	assert_match("sockaddr", "operator: NotSAddr, values: [1.2.3.4]",
		     "exists(arg0.address) and (not (arg0.address in [1.2.3.4]))");
	assert_match("socket", "operator: DPort, values: [80, '8000:8080']",
		     "arg0.peer.port == 80 or (arg0.peer.port >= 8000 and arg0.peer.port <= 8080)");
	assert_match("sock", "operator: NotSPort, values: [22]", "arg0.family in [2, 10] and (not (arg0.local.port == 22))");
	assert_match("sock", "operator: SPortPriv", "arg0.family in [2, 10] and arg0.local.port < 1024");
	assert_match("sock", "operator: NotDPortPriv, values: []", "arg0.family in [2, 10] and (not (arg0.peer.port < 1024))");
	assert_match("sock", "operator: NotSportPriv", "arg0.family in [2, 10] and (not (arg0.local.port < 1024))");
	assert_match("sock", "operator: Protocol, values: [IPPROTO_TCP, 17]", "arg0.protocol in [6, 17]");
	assert_match("sockaddr", "operator: Family, values: [AF_INET, af_inet6]", "arg0.family in [2, 10]");
	assert_match("sockaddr_un", "operator: Family, values: [AF_INET, AF_UNIX]", "exists(arg0)");
	assert_match("sockaddr_un", "operator: Family, values: [AF_INET]", "exists(arg0) and (not exists(arg0))");
	assert_match("sock", "operator: State, values: [TCP_SYN_RECV]", "arg0.state == 3");
}

/* A selector without arguments. */
static void assert_filter(const char *filter, const char *expected)
{
	struct text yaml = { 0 };
	struct policy *policy;

	text_add_format(&yaml, HEAD "  kprobes: [{call: f, selectors: [{%s}]}]\n", filter);
	policy = parse(text_string(&yaml));
	assert_condition(policy->hooks[0].selectors[0].condition, expected);
	policy_free(policy);
	text_free(&yaml);
}

static void filters_ask_who_acts(void **state)
{
	(void)state;
	assert_filter("matchBinaries: [{operator: In, values: [/bin/a, /bin/b]}]", "process.executable.path in [\"/bin/a\", \"/bin/b\"]");
	assert_filter("matchBinaries: [{operator: NotPrefix, values: [/usr/]}]", "not (process.executable.path startswith [\"/usr/\"])");
	assert_filter("matchBinaries: [{operator: NotIn, values: [/bin/a], followChildren: true}]",
		      "not (process.executable.path in [\"/bin/a\"] or ancestor.executable.path in [\"/bin/a\"])");
	assert_filter("matchParentBinaries: [{operator: Postfix, values: [sh]}]", "parent.executable.path endswith [\"sh\"]");
	assert_filter("matchPIDs: [{operator: In, values: [1, 2]}, {operator: NotIn, isNamespacePID: true, values: [7]}]",
		      "process.pid in [1, 2] and (not (process.own_pid == 7))");
	assert_filter("matchNamespaces: [{namespace: Net, operator: In, values: ['4026531840']}]", "process.namespaces.net == 4026531840");
	assert_filter("matchNamespaceChanges: [{operator: In, values: [Mnt, Uts]}]", "(process.namespaces.changed & 5) != 0");
	assert_filter("matchNamespaceChanges: [{operator: NotIn, values: [Mnt]}]", "(process.namespaces.changed & 1019) != 0");
	assert_filter("matchCapabilities: [{operator: In, values: [CAP_CHOWN, CAP_SYS_ADMIN]}]",
		      "(process.capabilities.effective & 2097153) != 0");
	assert_filter("matchCapabilities: [{type: Permitted, operator: NotIn, values: [CAP_CHOWN]}]",
		      "not ((process.capabilities.permitted & 1) != 0)");
	assert_filter("matchCapabilityChanges: [{operator: In, values: [CAP_CHOWN]}]",
		      "(process.capabilities.effective.changed & 1) != 0");
}

static void forks_are_followed(void **state)
{
	struct policy *policy = parse(HEAD "  kprobes: [{call: f, selectors: [{matchPIDs: [{operator: In, followForks: true, values: [9]}]}]}]");
	struct text printed = { 0 };

	(void)state;
	lang_print(policy->hooks[0].selectors[0].condition, &printed);
	assert_non_null(strstr(text_string(&printed), "process.pid == 9 or ancestor1.pid == 9"));
	assert_non_null(strstr(text_string(&printed), "ancestor8.pid == 9"));
	text_free(&printed);
	policy_free(policy);
}

static void assert_cel(const char *expression, const char *expected)
{
	struct text yaml = { 0 };
	struct policy *policy;

	text_add_format(&yaml, HEAD "  kprobes:\n  - call: f\n    args: [{index: 0, type: int}, {index: 1, type: uint32}, {index: 2, type: uint64}]\n"
			"    selectors: [{matchArgs: [{operator: CelExpr, values: ['%s']}]}]\n", expression);
	policy = parse(text_string(&yaml));
	assert_condition(policy->hooks[0].selectors[0].condition, expected);
	policy_free(policy);
	text_free(&yaml);
}

static void cel_is_compiled(void **state)
{
	(void)state;
	assert_cel("arg0 == 1", "arg0 == 1");
	assert_cel("arg0 == -1 && arg1 > 2u || !(arg2 <= 3)", "(arg0 == -1 and arg1 > 2) or (not (arg2 <= 3))");
	assert_cel("and(arg2, 4) != 0", "(arg2 & 4) != 0");
	assert_cel("uint32(arg0) == arg1", "(arg0 & 4294967295) == arg1");
	assert_cel("arg1 + 1 < arg1", "((arg1 + 1) & 4294967295) < arg1");
}

static void a_policy_is_read_whole(void **state)
{
	struct policy *policy = parse(
		HEAD "  options: [{name: policy-mode, value: monitor}]\n"
		     "  selectorsMacros: {shells: {matchBinaries: [{operator: In, values: [/bin/sh]}]}}\n"
		     "  kprobes:\n"
		     "  - call: security_file_open\n    message: opened\n    tags: [one, two]\n    return: true\n"
		     "    args: [{index: 0, type: file, label: what}]\n    data: [{source: current_task, resolve: 'mm.owner.comm', type: string}]\n"
		     "    returnArg: {index: 0, type: int}\n    ignore: {callNotFound: true}\n"
		     "    selectors:\n"
		     "    - {label: first, macros: [shells], matchData: [{index: 0, operator: Equal, values: [init]}],\n"
		     "       matchReturnArgs: [{index: 0, operator: LT, values: [0]}],\n"
		     "       matchActions: [{action: Post, rateLimit: 2m, rateLimitScope: process, kernelStackTrace: true}, {action: Signal, argSig: 15}],\n"
		     "       matchReturnActions: [{action: NoPost}]}\n"
		     "    - matchActions: [{action: Override, argError: -13}]\n"
		     "  - {call: sys_openat}\n  - {call: __x64_sys_close, syscall: true}\n  - {call: __x64_sys_dup, syscall: false}\n");
	const struct policy_hook *hook = &policy->hooks[0];
	const struct policy_selector *selector = &hook->selectors[0];

	(void)state;
	assert_string_equal(policy->name, "test");
	assert_true(policy->monitor);
	assert_non_null(strstr(policy->notes->text, "cannot be enforced"));
	assert_int_equal(policy->hook_count, 4);
	assert_string_equal(hook->target, "security_file_open");
	assert_int_equal(hook->attach, ATTACH_FUNCTION);
	assert_string_equal(hook->message, "opened");
	assert_string_equal(hook->tags[1], "two");
	assert_null(hook->tags[2]);
	assert_true(hook->returns && hook->may_lack);
	assert_int_equal(hook->result.type, TYPE_int32);
	assert_int_equal(hook->result.source, FROM_RETURN);
	assert_string_equal(hook->arguments[0].label, "what");
	assert_int_equal(hook->data[0].source, FROM_TASK);
	assert_int_equal(hook->line, 8);
	assert_condition(selector->condition, "process.executable.path in [\"/bin/sh\"] and data0 in [\"init\"]");
	assert_condition(selector->return_condition, "result < 0");
	assert_string_equal(selector->label, "first");
	assert_int_equal(selector->step_count, 2);
	assert_int_equal(selector->steps[0].rate_ns, 120000000000ULL);
	assert_int_equal(selector->steps[0].rate_scope, RATE_PROCESS);
	assert_true(selector->steps[0].kernel_stack && !selector->steps[0].user_stack);
	assert_int_equal(selector->steps[1].number, 15);
	assert_int_equal(selector->return_steps[0].action, ACTION_SILENT);
	assert_int_equal(hook->selectors[1].steps[0].action, ACTION_DENY);
	assert_int_equal(hook->selectors[1].steps[0].number, 13);
	assert_null(hook->selectors[1].condition);
	assert_int_equal(policy->hooks[1].attach, ATTACH_SYSCALL);
	assert_string_equal(policy->hooks[1].target, "openat");
	assert_string_equal(policy->hooks[2].target, "close");
	assert_int_equal(policy->hooks[3].attach, ATTACH_FUNCTION);
	policy_free(policy);
}

static void other_sections_are_read(void **state)
{
	struct policy *policy = parse(HEAD "  lists: [{name: calls, type: syscalls, values: [sys_dup, __ia32_sys_dup]}]\n"
					   "  enforcers: [{calls: ['list:calls']}]\n"
					   "  tracepoints:\n  - subsystem: raw_syscalls\n    event: sys_enter\n    args: [{index: 4, type: syscall64}]\n"
					   "    selectors: [{matchArgs: [{index: 0, operator: InMap, values: ['list:calls']}],\n"
					   "      matchActions: [{action: NotifyEnforcer, argError: -1, argSig: 9}]}]\n"
					   "  - {subsystem: sched, event: sched_process_exec, raw: true, args: [{index: 2, type: linux_binprm}]}\n");

	(void)state;
	assert_condition(policy->hooks[0].selectors[0].condition, "arg0 in [32, 2147483689]");
	assert_string_equal(policy->enforcer->targets[1], "i386/dup");
	assert_int_equal(policy->hooks[0].selectors[0].steps[0].second, 9);
	assert_int_equal(policy->hooks[1].attach, ATTACH_RAW_TRACEPOINT);
	policy_free(policy);
	policy = parse(HEAD "  uprobes:\n  - {path: /bin/x, offsets: ['0x10', 32], refCtrOffsets: [1, 2]}\n  - {path: /bin/x, addrs: [0x400000]}\n");
	assert_string_equal(policy->hooks[0].symbols[1], "0x20");
	assert_int_equal(policy->hooks[0].counters[1], 2);
	assert_string_equal(policy->hooks[1].symbols[0], "@0x400000");
	policy_free(policy);
	policy = parse(HEAD "  lsmhooks: [{hook: file_open, args: [{index: 0, type: file}]}]\n");
	assert_int_equal(policy->hooks[0].attach, ATTACH_LSM);
	policy_free(policy);
	policy = parse(HEAD "  podSelector: {}\n  kprobes: [{call: f}]\n");
	assert_int_equal(policy->hooks[0].selector_count, 1);
	assert_non_null(policy->hooks[0].selectors[0].condition);
	policy_free(policy);
}

static void mistakes_are_told(void **state)
{
	static const struct {
		const char *yaml;
		u32 line, column;
		const char *text, *mend;
	} mistakes[] = {
#define SPEC(text) HEAD text
#define KPROBE(text) HEAD "  kprobes:\n  - call: f\n" text
#define MATCH(type, text) KPROBE("    args: [{index: 0, type: " type "}]\n    selectors: [{matchArgs: [{" text "}]}]\n")
#define ACTION(text) KPROBE("    selectors: [{matchActions: [{" text "}]}]\n")
		{ "{}", 1, 1, "this is no TracingPolicy", "apiVersion" },
		{ "spec: {}", 1, 1, "has no apiVersion", "cilium.io/v1alpha1" },
		{ "apiVersion: cilium.io/v1\nkind: TracingPolicy\nmetadata: {name: a}\nspec: {}", 1, 13, "no apiVersion", "did you mean cilium.io/v1alpha1?" },
		{ "apiVersion: cilium.io/v1alpha1\nkind: TracingPolice\nmetadata: {name: a}\nspec: {}", 2, 7, "no kind", "did you mean TracingPolicy?" },
		{ "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: A}\nspec: {}", 3, 18, "\"A\" is no name", "small letters" },
		{ SPEC("  kprobe: []"), 5, 3, "no \"kprobe\" in spec", "did you mean kprobes?" },
		{ SPEC("  options: []\n  options: []"), 6, 3, "options stands here twice", "" },
		{ SPEC("  options: [{name: policy-mod, value: enforce}]"), 5, 20, "no option \"policy-mod\"", "did you mean policy-mode?" },
		{ SPEC("  options: []"), 5, 3, "the policy has no hooks", "kprobes, fentries" },
		{ SPEC("  kprobes: [{call: f}]\n  uprobes: [{path: /x, symbols: [a]}]"), 6, 12, "one section", "two policies" },
		{ SPEC("  loader: true\n  kprobes: [{call: f}]"), 5, 11, "loader", "sonde trace exec" },
		{ SPEC("  usdts: [{path: /x, provider: a, name: b}]"), 5, 11, "USDT", "uprobe" },
		{ SPEC("  podSelector: {matchLabels: {app: a}}\n  kprobes: [{call: f}]"), 5, 16, "labels of Kubernetes", "{} for all" },
		{ KPROBE("    arg: []"), 7, 5, "no \"arg\" in a kprobe", "did you mean args?" },
		{ KPROBE("    raw: true"), 7, 5, "no \"raw\" in a kprobe", "" },
		{ KPROBE("    return: true"), 7, 13, "needs returnArg", "returnArg:" },
		{ KPROBE("    message: x"), 7, 14, "one character", "2 to 256" },
		{ KPROBE("    syscall: true"), 6, 11, "f is not named like a system call", "syscall: false" },
		{ SPEC("  kprobes: [{call: sys_opennat}]"), 5, 20, "no system call sys_opennat", "did you mean sys_openat?" },
		{ SPEC("  kprobes: [{call: 'list:a'}]"), 5, 20, "no list a", "spec.lists" },
		{ KPROBE("    args: [{index: 0}]"), 7, 12, "has no type", "type: int" },
		{ KPROBE("    args: [{type: int}]"), 7, 12, "has no index", "index: 0" },
		{ KPROBE("    args: [{index: 0, type: strin}]"), 7, 29, "no type \"strin\"", "did you mean string?" },
		{ KPROBE("    args: [{index: 0, type: syscall64}]"), 7, 29, "raw_syscalls", "" },
		{ KPROBE("    args: [{index: 0, type: char_buf}]"), 7, 12, "how long", "sizeArgIndex" },
		{ KPROBE("    args: [{index: 0, type: int, resolve: 'a..b'}]"), 7, 43, "no way through members", "mm.owner.comm" },
		{ KPROBE("    args: [{index: 0, type: int, source: current_task, resolve: a}]"), 7, 42, "no source", "data" },
		{ KPROBE("    data: [{type: int}]"), 7, 12, "data needs a source", "current_task" },
		{ MATCH("int", "index: 1, operator: Equal, values: [1]"), 8, 38, "no value with the index 1", "{index: 1" },
		{ MATCH("int", "index: 0, operator: Equals, values: [1]"), 8, 51, "no operator \"Equals\"", "did you mean Equal?" },
		{ MATCH("int", "index: 0, operator: Prefix, values: [a]"), 8, 51, "Prefix does not go with arg0, which is int32", "Equal, NotEqual, GT" },
		{ MATCH("file", "index: 0, operator: GT, values: [1]"), 8, 51, "GT does not go with arg0, which is file", "FileType" },
		{ MATCH("cred", "index: 0, operator: Equal, values: [1]"), 8, 51, "which is cred", "cred.uid.val" },
		{ MATCH("int", "index: 0, operator: Equal, values: [x]"), 8, 67, "\"x\" is no number", "0xc" },
		{ MATCH("uint32", "index: 0, operator: Equal, values: [-1]"), 8, 67, "can never be -1", "a signed type" },
		{ MATCH("int8", "index: 0, operator: Equal, values: [300]"), 8, 67, "of 8 bits", "a larger type" },
		{ MATCH("int", "index: 0, operator: Mask, values: [0]"), 8, 66, "matches nothing", "0x2" },
		{ MATCH("int", "index: 0, operator: InRange, values: ['5:1']"), 8, 69, "is empty", "smaller number comes first" },
		{ MATCH("int", "index: 0, operator: InRange, values: [5]"), 8, 69, "is no range", "LEAST:MOST" },
		{ MATCH("capability", "index: 0, operator: Equal, values: [CAP_SYS_ADMON]"), 8, 67, "no capability", "did you mean CAP_SYS_ADMIN?" },
		{ MATCH("sock", "index: 0, operator: DAddr, values: [10.0.0.0/33]"), 8, 67, "is no address", "10.0.0.0/8" },
		{ MATCH("sock", "index: 0, operator: Family, values: [AF_INIT]"), 8, 68, "no family \"AF_INIT\"", "did you mean AF_INET?" },
		{ MATCH("sock", "index: 0, operator: State, values: [TCP_CLOSED]"), 8, 67, "no state \"TCP_CLOSED\"", "did you mean TCP_CLOSE?" },
		{ MATCH("skb", "index: 0, operator: State, values: [TCP_CLOSE]"), 8, 30, "has no State", "type: sock" },
		{ MATCH("sockaddr", "index: 0, operator: DAddr, values: [1.1.1.1]"), 8, 30, "has no DAddr", "SAddr" },
		{ MATCH("sock", "index: 0, operator: SPortPriv, values: [1]"), 8, 70, "has no values", "leave" },
		{ MATCH("sock", "index: 0, operator: SPort, values: [70000]"), 8, 67, "can never be 70000", "" },
		{ MATCH("file", "index: 0, operator: FileType, values: [file]"), 8, 70, "no type of file \"file\"", "fifo" },
		{ MATCH("int", "operator: CelExpr, values: ['arg0 = 1']"), 8, 59, "should end here, at \"= 1\"", "" },
		{ MATCH("int", "operator: CelExpr, values: ['arg0 + 1']"), 8, 59, "is a number", "compare" },
		{ MATCH("int", "operator: CelExpr, values: ['arg1 == 1']"), 8, 59, "no such argument", "arg0" },
		{ MATCH("int", "operator: CelExpr, values: ['sum(arg0) == 1']"), 8, 59, "no such function", "int32" },
		{ KPROBE("    selectors: [{matchPIDs: [{operator: In, values: [a]}]}]"), 7, 54, "a process id is not a number", "0 to" },
		{ KPROBE("    selectors: [{matchBinaries: [{operator: In, values: [cat]}]}]"), 7, 58, "no absolute path", "Postfix" },
		{ KPROBE("    selectors: [{matchNamespaces: [{namespace: Pids, operator: In, values: [1]}]}]"), 7, 48, "no namespace \"Pids\"", "did you mean Pid?" },
		{ KPROBE("    selectors: [{matchReturnArgs: [{index: 0, operator: Equal, values: [1]}]}]"), 7, 35, "the hook does not read", "return: true" },
		{ KPROBE("    selectors: [{macros: [a]}]"), 7, 27, "no macro a", "selectorsMacros" },
		{ ACTION("action: Sigkil"), 7, 42, "no action \"Sigkil\"", "did you mean Sigkill?" },
		{ ACTION("action: Override, argError: -1"), 7, 42, "f cannot be overridden", "security_" },
		{ ACTION("action: Signal"), 7, 33, "does not say which", "argSig" },
		{ ACTION("action: Signal, argSig: 99"), 7, 58, "argSig", "1 to" },
		{ ACTION("action: Sigkill, argSig: 9"), 7, 59, "Sigkill has no argSig", "leave" },
		{ ACTION("action: Post, rateLimit: 1d"), 7, 59, "is no time", "1m" },
		{ ACTION("action: GetUrl, argUrl: 'http://a'"), 7, 42, "asks nobody", "Post" },
		{ ACTION("action: FollowFD, argFd: 0, argName: 1"), 7, 42, "is gone", "security_file_permission" },
		{ ACTION("action: TrackSock, argSock: 0"), 7, 62, "is no socket", "type: sock" },
		{ ACTION("action: NotifyEnforcer, argError: -1"), 5, 3, "nobody carries out", "enforcers" },
		{ SPEC("  fentries: [{call: f, selectors: [{matchActions: [{action: Sigkill}]}]}]"), 5, 61, "cannot be in a fentry", "kprobes" },
		{ SPEC("  lsmhooks: [{hook: security_file_open}]"), 5, 21, "without security_", "did you mean file_open?" },
		{ SPEC("  uprobes: [{path: bash, symbols: [a]}]"), 5, 20, "not absolute", "/" },
		{ SPEC("  uprobes: [{path: /bin/bash}]"), 5, 13, "one of symbols, offsets and addrs", "symbols:" },
		{ SPEC("  uprobes: [{path: /bin/bash, symbols: [a], refCtrOffsets: [1, 2]}]"), 5, 60, "2 refCtrOffsets and 1 symbols", "" },
		{ SPEC("  tracepoints: [{subsystem: a, event: '../b'}]"), 5, 39, "no name of a tracepoint", "" },
		{ SPEC("  lists: [{name: a, type: syscalls, values: [dup]}]\n  kprobes: [{call: f}]"), 5, 46, "not named like a system call", "sys_NAME" },
		{ SPEC("  lists: [{name: a, type: generated_ftrace, pattern: '('}]\n  kprobes: [{call: f}]"), 5, 54, "no regular expression", "" },
		{ SPEC("  enforcers: [{calls: [f]}]\n  kprobes: [{call: f}]"), 5, 24, "nothing can be denied in f", "sys_NAME" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
		struct policy_error error = { 0 };
		struct policy *policy = policy_parse(mistakes[i].yaml, strlen(mistakes[i].yaml), "test", &error);

		if (policy || error.line != mistakes[i].line || error.column != mistakes[i].column ||
		    !strstr(error.text, mistakes[i].text) || !strstr(error.mend, mistakes[i].mend))
			fail_msg("expected %u:%u: %s; %s\nsaid     %u:%u: %s; %s\n%s", mistakes[i].line, mistakes[i].column, mistakes[i].text,
				 mistakes[i].mend, error.line, error.column, error.text, error.mend, mistakes[i].yaml);
	}
}

static void what_has_no_effect_is_noted(void **state)
{
	struct policy *policy = parse("apiVersion: cilium.io/v1alpha1\nkind: TracingPolicyNamespaced\nmetadata: {name: a, namespace: b}\n"
				      "spec:\n  nodeSelector: {matchLabels: {a: b}}\n  options: [{name: disable-kprobe-multi, value: '1'}]\n"
				      "  kprobes:\n  - call: f\n    args: [{index: 0, type: sock}]\n    selectors:\n"
				      "    - matchArgs: [{index: 0, operator: NotDAddr, values: ['${SONDE_TEST_NOTHING}']}]\n"
				      "      matchActions: [{action: Post, imaHash: true}]\n");
	static const char *const expected[] = { "Kubernetes", "Kubernetes", "no effect", "nodeSelector", "has no value", "imaHash", NULL };
	size_t i = 0;

	(void)state;
	for (const struct policy_note *note = policy->notes; note; note = note->next, i++) {
		assert_non_null(expected[i]);
		assert_non_null(strstr(note->text, expected[i]));
		assert_true(note->line && note->column);
	}
	assert_null(expected[i]);
	assert_string_equal(policy->incomplete, "${SONDE_TEST_NOTHING}");
	policy_free(policy);
}

static void errors_that_are_none_deny_all_the_same(void **state)
{
	struct policy *policy = parse(HEAD "  kprobes:\n  - call: security_file_open\n    selectors:\n"
				      "    - matchActions: [{action: Override, argError: 1}, {action: Override, argError: -5000}]\n"
				      "    - matchActions: [{action: Override, argError: 0}, {action: Override, argError: -13}]\n"
				      "    - matchActions: [{action: Sigkill, argError: -1}]\n");
	const struct policy_selector *selectors = policy->hooks[0].selectors;

	(void)state;
	assert_int_equal(selectors[0].steps[0].number, 1);
	assert_int_equal(selectors[0].steps[1].number, 1);
	assert_int_equal(selectors[1].steps[0].number, 0);
	assert_int_equal(selectors[1].steps[1].number, 13);
	assert_int_equal(selectors[2].steps[0].action, ACTION_SIGNAL);
	assert_non_null(strstr(policy->notes->text, "1 is no error"));
	assert_non_null(strstr(policy->notes->next->text, "-5000 is no error"));
	assert_non_null(strstr(policy->notes->next->next->text, "no effect with Sigkill"));
	assert_null(policy->notes->next->next->next);
	policy_free(policy);
}

/* Aliases in aliases would be read for ever. */
static void aliases_do_not_multiply(void **state)
{
	struct text yaml = { 0 };
	struct policy_error error = { 0 };

	(void)state;
	text_add(&yaml, HEAD "  kprobes:\n  - call: f\n    args: [{index: 0, type: int}]\n    selectors:\n"
			"    - &s {matchArgs: [{index: 0, operator: Equal, values: [0");
	for (int i = 0; i < 2000; i++)
		text_add(&yaml, ", 1");
	text_add(&yaml, "]}]}\n");
	for (int i = 0; i < 2000; i++)
		text_add(&yaml, "    - *s\n");
	assert_null(policy_parse(text_string(&yaml), yaml.length, "test", &error));
	assert_non_null(strstr(error.text, "too much"));
	text_free(&yaml);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_compare),
		cmocka_unit_test(texts_compare),
		cmocka_unit_test(sockets_compare),
		cmocka_unit_test(filters_ask_who_acts),
		cmocka_unit_test(forks_are_followed),
		cmocka_unit_test(cel_is_compiled),
		cmocka_unit_test(a_policy_is_read_whole),
		cmocka_unit_test(other_sections_are_read),
		cmocka_unit_test(mistakes_are_told),
		cmocka_unit_test(what_has_no_effect_is_noted),
		cmocka_unit_test(errors_that_are_none_deny_all_the_same),
		cmocka_unit_test(aliases_do_not_multiply),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
