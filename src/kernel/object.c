/*
 * The one file that sees the generated skeleton. libbpf's messages are kept instead of printed: the line that matters
 * is quoted where a person is told why a rung was refused.
 */
#include "kernel/object.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sonde.skel.h"

static char said[160], refused[64];

/* The verifier's last words, in ours where they mean that the kernel is too old. */
static void say_reason(const char *words)
{
	const char *helper = strstr(words, "unknown func");

	if (!helper)
		helper = strstr(words, "invalid func unknown#");
	if (helper)
		snprintf(said, sizeof(said), "this kernel lacks a helper function (%.80s)", helper);
	else
		snprintf(said, sizeof(said), "%.150s", words);
}

/* libbpf says first what failed and then, in a log of the verifier, why. The last line of a log is the reason. */
static int keep_message(enum libbpf_print_level level, const char *format, va_list arguments)
{
	static char text[16384];
	char *end, *line;

	if (level != LIBBPF_WARN)
		return 0;
	vsnprintf(text, sizeof(text), format, arguments);
	if (!refused[0] &&
	    (strstr(text, "failed to load") || strstr(text, "load failed") || strstr(text, "failed to find kernel BTF")))
		sscanf(text, "%*[^']'%63[^']'", refused);
	end = strstr(text, "\nprocessed ");
	if (end) {
		*end = '\0';
		line = strrchr(text, '\n');
		say_reason(line ? line + 1 : text);
	} else if (!said[0]) {
		line = strstr(text, "BPF program load failed: ");
		if (line)
			snprintf(said, sizeof(said), "the kernel refuses such a program: %.100s",
				 line + strlen("BPF program load failed: "));
		else
			snprintf(said, sizeof(said), "%.150s", strncmp(text, "libbpf: ", 8) ? text : text + 8);
		said[strcspn(said, "\n")] = '\0';
	}
	return 0;
}

const char *object_said(void)
{
	return said;
}

void object_said_clear(void)
{
	said[0] = '\0';
	refused[0] = '\0';
}

const char *object_refused(void)
{
	return refused;
}

struct bpf_object *object_open(struct settings **settings)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "sonde");
	struct bpf_object *object;
	struct bpf_program *program;
	struct bpf_map *rodata;
	const void *elf;
	size_t size;

	libbpf_set_print(keep_message);
	elf = sonde__elf_bytes(&size);
	object = bpf_object__open_mem(elf, size, &options);
	if (!object)
		return NULL;
	bpf_object__for_each_program(program, object)
		bpf_program__set_autoload(program, false);
	/* .rodata holds the settings and nothing else: asserted by their sizes. */
	rodata = bpf_object__find_map_by_name(object, "sonde.rodata");
	*settings = rodata ? (struct settings *)bpf_map__initial_value(rodata, &size) : NULL;
	if (!*settings || size != sizeof(**settings)) {
		bpf_object__close(object);
		errno = EINVAL;
		return NULL;
	}
	return object;
}

void object_close(struct bpf_object *object)
{
	bpf_object__close(object);
}
