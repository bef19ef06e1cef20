/* Files made of what the reader of policies looks for. What it takes is resolved and placed on this kernel, and described. */
#include <string.h>

#include "policy/describe.h"
#include "tests/fuzz.h"

static const char *const pieces[] = {
	"apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: a}\nspec:\n", "  kprobes:\n", "  - call: tcp_connect\n",
	"  - call: sys_openat\n", "  tracepoints:\n", "  - {subsystem: sched, event: sched_process_exec, raw: true, ", "  lsmhooks: [{hook: file_open, ",
	"  uprobes: [{path: /bin/sh, symbols: [a], ", "    args: [{index: ", "0, ", "1, ", "type: ", "int", "file", "sock", "string", "auto",
	"char_buf, sizeArgIndex: 3", ", resolve: 'f_path.dentry'", "}]\n", "    selectors:\n", "    - matchArgs: [{index: 0, operator: ",
	"Equal, ", "Prefix, ", "DAddr, ", "InRange, ", "Mask, ", "CelExpr, ", "values: [", "1, ", "'1:5', ", "/etc, ", "10.0.0.0/8, ",
	"'arg0 == 1 && !(arg1 < and(3, 2))'", "CAP_CHOWN, ", "]}]\n", "      matchActions: [{action: ", "Sigkill", "Override, argError: -1",
	"Post, rateLimit: 1m", "}]\n", "    return: true\n    returnArg: {index: 0, type: int}\n", "  lists: [{name: a, type: syscalls, values: [sys_dup]}]\n",
	"'list:a'", "    - matchBinaries: [{operator: In, values: [/bin/sh], followChildren: true}]\n", "    - macros: [a]\n",
	"  selectorsMacros: {a: {matchPIDs: [{operator: In, values: [1]}]}}\n", "&x ", "*x", "'", "\"", "{", "}", "[", "]", "---\n",
};

/* A file that is good but for a word or two. */
static size_t sound_file(struct fuzz *fuzz, char *out, size_t room)
{
	static const char *const hooks[] = { "kprobes: [{call: tcp_connect", "kprobes: [{call: security_file_permission, return: true, returnArg: {index: 0, type: int}",
					     "kprobes: [{call: sys_write", "tracepoints: [{subsystem: raw_syscalls, event: sys_enter",
					     "tracepoints: [{subsystem: sched, event: sched_process_exec, raw: true", "lsmhooks: [{hook: file_open",
					     "fentries: [{call: tcp_clos", "kprobes: [{call: 'list:a'" };
	static const char *const types[] = { "int", "uint64", "file", "string", "sock", "syscall64", "auto", "skb", "capability", "kernel_cap_t", "cred",
					     "int, resolve: '__sk_common.skc_family'", "auto, resolve: f_path.dentry.d_name.name" };
	static const char *const matches[] = { "Equal, values: [1, -2]", "NotEqual, values: [a]", "Prefix, values: [/etc/]", "NotPostfix, values: ['']",
					       "SubStringIgnCase, values: ['a[*]?']", "Mask, values: [0x10]", "InRange, values: ['1:9']",
					       "InMap, values: ['list:a', 5]", "DAddr, values: ['fe80::/10', 1.2.3.4]", "NotSPort, values: ['1:5']",
					       "Family, values: [AF_INET]", "FileType, values: [reg]", "CelExpr, values: ['arg0 - 1 > int32(-3)']",
					       "CelExpr, values: ['(((']", "DPortPriv", "GT, values: ['${PATH}']" };
	static const char *const actions[] = { "Post, rateLimit: 5", "Sigkill", "Override, argError: -1", "NotifyEnforcer, argSig: 9", "TrackSock",
					       "Post, kernelStackTrace: true" };

	return snprintf(out, room, "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: fuzz}\nspec:\n"
			"  lists: [{name: a, type: syscalls, values: [sys_dup, sys_open]}]\n  enforcers: [{calls: ['list:a']}]\n"
			"  %s, args: [{index: %u, type: %s}, {index: 1, type: %s}], selectors: [{matchArgs: [{index: %u, operator: %s}],\n"
			"   matchActions: [{action: %s}]}]}]\n", hooks[fuzz_below(fuzz, FUZZ_COUNT(hooks))], (unsigned int)fuzz_below(fuzz, 6),
			types[fuzz_below(fuzz, FUZZ_COUNT(types))], types[fuzz_below(fuzz, FUZZ_COUNT(types))], (unsigned int)fuzz_below(fuzz, 3),
			matches[fuzz_below(fuzz, FUZZ_COUNT(matches))], actions[fuzz_below(fuzz, FUZZ_COUNT(actions))]);
}

static void check(struct fuzz *fuzz, struct policy_kernel *kernel)
{
	static char yaml[4096];
	struct policy_error error = { 0 };
	struct text out = { 0 };
	struct jot jot = { .out = &out };
	size_t length = fuzz_below(fuzz, 3) ? sound_file(fuzz, yaml, sizeof(yaml)) :
					      fuzz_text(fuzz, yaml, sizeof(yaml), pieces, FUZZ_COUNT(pieces));
	struct policy *policy = policy_parse(yaml, length, "fuzz", &error);

	if (!policy) {
		fuzz_check(error.line && error.column && error.text[0], "a mistake without its place");
		return;
	}
	if (policy_resolve(policy, kernel, &error)) {
		fuzz_check(error.text[0], "a mistake without a reason");
	} else {
		policy_describe(policy, kernel, &out);
		jot_open(&jot, NULL, '{');
		policy_describe_json(policy, kernel, &jot);
		jot_close(&jot, '}');
	}
	text_free(&out);
	policy_free(policy);
}

int main(int argc, char **argv)
{
	struct fuzz fuzz = fuzz_begin(argc, argv);
	struct policy_error error = { 0 };
	struct features features;
	struct policy_kernel *kernel;

	features_find(&features);
	features.privileged = false;	/* thousands of trial programs would take longer than all the rest */
	kernel = policy_kernel_open(NULL, &features, &error);
	fuzz_check(kernel, error.text);
	while (fuzz_goes_on(&fuzz))
		check(&fuzz, kernel);
	policy_kernel_close(kernel);
	return 0;
}
