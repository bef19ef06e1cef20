/*
 * An object lies in the binary as gzip made it, a sixth of its size, and is there whole only while libbpf takes it
 * apart. libbpf's messages are kept instead of printed: the line that matters is quoted where a person is told why a
 * rung was refused.
 */
#include "kernel/object.h"

#include <bpf/btf.h>
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
EMBED(policy_packed, "build/bpf/policy.o.gz");

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

	/* The programs have no source lines (bpf/lineless.c), which is no reason for anything. */
	if (level != LIBBPF_WARN || strstr(format, ".BTF.ext"))
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
static void *unpack(const char *packed, const char *end, size_t *size)
{
	enum { GZIP = 16 };	/* zlib: with gzip's header */
	size_t length = end - packed;
	z_stream stream = { .next_in = (unsigned char *)packed, .avail_in = length };
	uint32_t whole;
	void *elf;

	/* The last four bytes say how long it was. */
	memcpy(&whole, packed + length - sizeof(whole), sizeof(whole));
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

/* No program is chosen yet. */
static struct bpf_object *open_packed(const char *name, const char *packed, const char *end, const char *target)
{
	LIBBPF_OPTS(bpf_object_open_opts, options, .object_name = name);
	struct bpf_object *object;
	struct bpf_program *program;
	void *elf;
	size_t size;
	int error;

	libbpf_set_print(keep_message);
	elf = unpack(packed, end, &size);
	if (!elf)
		return NULL;
	object = bpf_object__open_mem(elf, size, &options);
	error = errno;
	free(elf);
	errno = error;
	if (!object)
		return NULL;
	thin_for(object, target);
	bpf_object__for_each_program(program, object)
		bpf_program__set_autoload(program, false);
	return object;
}

/* Where a variable will be read from at load, if it is as long as it should be. */
static void *find_constant(struct bpf_object *object, const char *map_name, const char *name, size_t expected)
{
	struct bpf_map *map = bpf_object__find_map_by_name(object, map_name);
	const struct btf *btf = bpf_object__btf(object);
	const struct btf_var_secinfo *variables;
	const struct btf_type *section;
	char *at;
	size_t size;
	int id;

	at = map ? (char *)bpf_map__initial_value(map, &size) : NULL;
	id = btf ? btf__find_by_name_kind(btf, ".rodata", BTF_KIND_DATASEC) : -ENOENT;
	if (!at || id < 0)
		return NULL;
	section = btf__type_by_id(btf, id);
	variables = btf_var_secinfos(section);
	for (u32 i = 0; i < btf_vlen(section); i++) {
		const struct btf_type *variable = btf__type_by_id(btf, variables[i].type);

		if (!strcmp(btf__name_by_offset(btf, variable->name_off), name) && variables[i].size == expected &&
		    variables[i].offset + expected <= size)
			return at + variables[i].offset;
	}
	return NULL;
}

struct settings *object_settings(struct bpf_object *object)
{
	return find_constant(object, "sonde.rodata", "settings", sizeof(struct settings));
}

struct bpf_object *object_open(void)
{
	struct bpf_object *object = open_packed("sonde", object_packed, object_packed_end, NULL);

	if (!object)
		return NULL;
	if (object_settings(object))
		return object;
	bpf_object__close(object);
	errno = EINVAL;
	return NULL;
}

struct bpf_object *object_open_policy(const char *target, struct settings **settings, struct policy_config **config)
{
	struct bpf_object *object = open_packed("policy", policy_packed, policy_packed_end, target);

	if (!object)
		return NULL;
	*settings = find_constant(object, "policy.rodata", "settings", sizeof(**settings));
	*config = find_constant(object, "policy.rodata", "policy", sizeof(**config));
	if (*settings && *config)
		return object;
	bpf_object__close(object);
	errno = EINVAL;
	return NULL;
}

void object_close(struct bpf_object *object)
{
	thin_for(NULL, NULL);
	bpf_object__close(object);
}
