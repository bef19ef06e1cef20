#include "kernel/calls.h"

#include <errno.h>
#include <stdio.h>

/* Calls from this number on are younger than the oldest kernel sonde runs on, and may be missing. */
#define YOUNG_CALL 439
#define CALLS_MAX 64

int calls_attach_returns(struct bpf_program *program, const struct call *calls, struct bpf_link **links, int room,
			 const char **why)
{
	int count = 0;

	for (; calls->name; calls++) {
		struct bpf_link *link = NULL;
		char name[64];
		int error = ENOSPC;

		snprintf(name, sizeof(name), "__x64_sys_%s", calls->name);
		if (count < room) {
			link = bpf_program__attach_kprobe(program, true, name);
			error = errno;
		}
		if (link) {
			links[count++] = link;
		} else if (calls->number < YOUNG_CALL) {
			*why = calls->name;
			while (count)
				bpf_link__destroy(links[--count]);
			return -error;
		}
	}
	return count;
}

static struct bpf_link *attach_functions(struct bpf_program *program, const struct call *calls, bool young)
{
	char names[CALLS_MAX][64];
	const char *functions[CALLS_MAX];
	LIBBPF_OPTS(bpf_kprobe_multi_opts, options, .retprobe = true, .syms = functions);

	for (; calls->name && options.cnt < CALLS_MAX; calls++) {
		if (calls->number >= YOUNG_CALL && !young)
			continue;
		snprintf(names[options.cnt], sizeof(names[0]), "__x64_sys_%s", calls->name);
		functions[options.cnt] = names[options.cnt];
		options.cnt++;
	}
	return bpf_program__attach_kprobe_multi_opts(program, NULL, &options);
}

struct bpf_link *calls_attach_together(struct bpf_program *program, const struct call *calls)
{
	struct bpf_link *link = attach_functions(program, calls, true);

	return link ? link : attach_functions(program, calls, false);
}
