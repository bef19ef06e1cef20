/* Cgroup paths, which anyone with a cgroup of their own may choose, and the JSON that runtimes leave. */
#include <string.h>

#include "proc/container.h"
#include "proc/json_scan.h"
#include "tests/fuzz.h"

#define TERMINATED(array) memchr(array, 0, sizeof(array))

static void try_path(const char *path, size_t length)
{
	struct container_identity identity;

	container_from_cgroup(path, length, &identity);
	fuzz_check(container_state_name(identity.state), "a state without a name");
	fuzz_check(TERMINATED(identity.id) && TERMINATED(identity.pod_uid) && TERMINATED(identity.unit) &&
		   TERMINATED(identity.slice) && TERMINATED(identity.slurm_job) && TERMINATED(identity.slurm_step),
		   "a text without an end");
	if (identity.state == CONTAINER_INSIDE && !identity.id[0] && !identity.pod_uid[0])
		fprintf(stderr, "%.*s\n", (int)length, path);
	fuzz_check(identity.state != CONTAINER_INSIDE || identity.id[0] || identity.pod_uid[0],
		   "inside a container without an id");
}

static void try_json(const char *text, size_t length)
{
	struct json object = { text, text + length }, value, element;
	char out[16];
	int elements = 0;

	if (json_member(object, "Name", &value)) {
		fuzz_check(json_string(value, out, sizeof(out)) < sizeof(out) && TERMINATED(out), "a string beyond its room");
		if (json_first(value, &element))
			while (elements++ < 1000 && json_next(&element))
				;
		fuzz_check(elements < 1000, "an array without an end");
	}
}

int main(int argc, char **argv)
{
	static const char *const paths[] = {
		"/", "docker", "-", ".scope", ".slice", ".service", "kubepods", "burstable", "pod", "cri-containerd-", "crio-", ":",
		"libpod-", "lxc.payload.", "system", "user", "machine", "slurm", "uid_0", "job_7", "step_batch", "\\x2d", "session-1",
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "12345678-1234-1234-1234-123456789abc", "..",
	};
	static const char *const json[] = {
		"{", "}", "[", "]", ":", ",", "\"", "\"Name\"", "\"Name\":", "\\u0041", "\\ud83d\\ude00", "\\ud800", "\\", "true", "1e5",
		"null", " ", "\"a\"", "\"Name\":[\"a\",", "\"Name\":\"",
	};
	struct fuzz fuzz = fuzz_begin(argc, argv);
	static char buffer[2048];

	while (fuzz_goes_on(&fuzz)) {
		bool is_path = fuzz_below(&fuzz, 2);
		size_t length = is_path ? fuzz_text(&fuzz, buffer, sizeof(buffer), paths, FUZZ_COUNT(paths)) :
					  fuzz_text(&fuzz, buffer, sizeof(buffer), json, FUZZ_COUNT(json));
		char *exact = malloc(length ? length : 1);

		memcpy(exact, buffer, length);
		/* No name in a file system holds a zero. */
		for (size_t at = 0; is_path && at < length; at++)
			exact[at] = exact[at] ? exact[at] : '0';
		if (is_path)
			try_path(exact, length);
		else
			try_json(exact, length);
		free(exact);
	}
	return 0;
}
