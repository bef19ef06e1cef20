/* Files made of what policies are made of: taken or refused with a place, never worse. */
#include <string.h>

#include "policy/load.h"
#include "policy/point.h"
#include "tests/fuzz.h"

static const char *const pieces[] = {
	"name: a\n", "name: b\n", "- name: c\n  ", "- {name: d, when: open}\n", "when: open\n", "when: [write, connect]\n", "when: exec\n",
	"if: ", "if: |\n  ", "if: >\n  ", "path", "user.id", "peer.address", " == ", " in ", "\"/etc\"", "10.0.0.0/8", "[1, 2]", "\n  and ",
	" or ", "not ", "(", ")", "\n", "then: deny\n", "then: [log, kill]\n", "severity: high\n", "tags: [x]\n", "message: m\n",
	"apiVersion: cilium.io/v1alpha1\n", "kind: TracingPolicy\n", "metadata: {name: x}\n", "spec:\n  kprobes:\n  - call: fd_install\n",
	"name: p\nwhen: [change, chown]\nif: ", "name: p\nwhen: signal\nif: ", "name: p\nwhen: [create, accept]\nthen: deny\nif: ",
	"file.change", "\"unlink\"", "[\"chmod\", \"exchange\"]", "file.new_path", "file.user.id", "file.mode", "signal.name", "\"SIGKILL\"",
	"[\"SIGHUP\", \"SIGUSR2\"]", "exists(file.mode)", "exists(file.new_path)", " != ", " & 0o6000", " + 1", "true", "local.port",
	"'", "\"", "\\", "&x ", "*x", "---\n", "{", "}", "[", "]", ",", ": ", "  ", "#", "\xc3\xa4",
};

int main(int argc, char **argv)
{
	struct fuzz fuzz = fuzz_begin(argc, argv);
	static char text[4096];

	while (fuzz_goes_on(&fuzz)) {
		size_t length = fuzz_text(&fuzz, text, sizeof(text), pieces, FUZZ_COUNT(pieces));
		struct policies policies = { 0 };
		struct policy_error error = { 0 };

		if (policies_parse(&policies, text, length, "fuzz", &error)) {
			fuzz_check(*error.text, "refused without a reason");
			fuzz_check(!policies.count, "refused and kept");
		}
		for (size_t i = 0; i < policies.count; i++)
			if (policies.list[i]->is_short && !policy_lower(policies.list[i], &error))
				fuzz_check(*error.text, "not lowered without a reason");
		policies_free(&policies);
	}
	return 0;
}
