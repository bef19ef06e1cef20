/*
 * The object lies in the binary as gzip made it, a sixth of its size, and is there whole only while libbpf takes it
 * apart. libbpf's messages are kept instead of printed: the line that matters is quoted where a person is told why a
 * rung was refused.
 */
#include "kernel/object.h"

#include <errno.h>
#include <stdarg.h>
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/embed.h"
#include "kernel/thin.h"

EMBED(object_packed, "build/bpf/sonde.o.gz");

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

/* NULL with errno; the caller frees. */
static void *unpack(size_t *size)
{
	enum { GZIP = 16 };	/* zlib: with gzip's header */
	size_t length = object_packed_end - object_packed;
	z_stream stream = { .next_in = (unsigned char *)object_packed, .avail_in = length };
	uint32_t whole;
	void *elf;

	/* The last four bytes say how long it was. */
	memcpy(&whole, object_packed + length - sizeof(whole), sizeof(whole));
	*size = le32toh(whole);
	elf = malloc(*size);
	if (!elf || inflateInit2(&stream, MAX_WBITS + GZIP) != Z_OK) {
		free(elf);
		errno = ENOMEM;
		return NULL;
	}
	stream.next_out = elf;
	stream.avail_out = *size;
	if (inflate(&stream, Z_FINISH) != Z_STREAM_END) {
		free(elf);
		elf = NULL;
		errno = EILSEQ;
	}
	inflateEnd(&stream);
	return elf;
}

struct bpf_object *object_open(struct settings **settings)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = "sonde");
	struct bpf_object *object;
	struct bpf_program *program;
	struct bpf_map *rodata;
	void *elf;
	size_t size;
	int error;

	libbpf_set_print(keep_message);
	elf = unpack(&size);
	if (!elf)
		return NULL;
	object = bpf_object__open_mem(elf, size, &options);
	error = errno;
	free(elf);
	errno = error;
	if (!object)
		return NULL;
	thin_for(object);
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
	thin_for(NULL);
	bpf_object__close(object);
}
