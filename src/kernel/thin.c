/*
 * libbpf reads all types of the kernel twice over (11 MiB at its peak, more than the rest of sonde together) and compares each
 * of our type names with each of theirs. Here it gets a copy in which every type keeps its number, because numbers are
 * what programs are attached by, but only those whose names our object mentions, and what lies in them by value, keep
 * names and members. All others are empty declarations. The linker puts these two functions in the place of libbpf's
 * (--wrap in the Makefile).
 */
#include "kernel/thin.h"

#include <bpf/btf.h>
#include <errno.h>
#include <linux/btf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/table.h"
#include "kernel/types.h"

#define ENUM64 19
#define TYPE_TAG 18

enum kept {
	NOTHING,
	HOLLOW,				/* a structure without members */
	WHOLE,
};

struct thin {
	struct types types;
	u32 count;			/* of types, and one for number 0 */
	u32 *at;			/* where each begins, from the first */
	u8 *kept;			/* enum kept */
	struct table wanted;		/* by hash of a name */
	char *out, *strings;
	size_t types_length, strings_length, strings_size;
};

static const struct bpf_object *loaded;
static char loaded_target[128];

void thin_for(const struct bpf_object *object, const char *target)
{
	loaded = object;
	snprintf(loaded_target, sizeof(loaded_target), "%s", target ? target : "");
}

static u64 hash(const char *name, size_t length)
{
	u64 sum = 0xcbf29ce484222325;

	for (size_t i = 0; i < length; i++)
		sum = (sum ^ (u8)name[i]) * 0x100000001b3;
	return sum;
}

/* A type of ours that exists for one kernel's sake is called name___what. */
static int want(struct thin *thin, const char *name)
{
	const char *flavor = strstr(name, "___");
	size_t length = flavor && flavor > name ? (size_t)(flavor - name) : strlen(name);

	return length ? table_put(&thin->wanted, hash(name, length), thin) : 0;
}

/* What a program is attached to is a type, too; called as the kernel builds the name. */
static int want_target(struct thin *thin, const char *section)
{
	static const char *const prefixes[][2] = {
		{ "tp_btf/", "btf_trace_" }, { "lsm/", "bpf_lsm_" }, { "iter/", "bpf_iter_" },
		{ "fentry/", "" }, { "fexit/", "" },
	};
	char name[128];

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		size_t length = strlen(prefixes[i][0]);

		if (strncmp(section, prefixes[i][0], length))
			continue;
		snprintf(name, sizeof(name), "%s%s", prefixes[i][1], section + length);
		return table_put(&thin->wanted, hash(name, strlen(name)), thin);
	}
	return 0;
}

/* The kernel may have one of the same name, but that is another. What it lets programs call begins with bpf_. */
static bool is_own_function(const struct btf_type *type, const char *name)
{
	return BTF_INFO_KIND(type->info) == BTF_KIND_FUNC && strncmp(name, "bpf_", 4);
}

static int list_wanted(struct thin *thin)
{
	struct btf *ours = bpf_object__btf(loaded);
	struct bpf_program *program;
	int error = 0;

	for (u32 id = 1; ours && !error && id < btf__type_cnt(ours); id++) {
		const struct btf_type *type = btf__type_by_id(ours, id);
		const char *name = btf__name_by_offset(ours, type->name_off);

		if (!is_own_function(type, name))
			error = want(thin, name);
	}
	bpf_object__for_each_program(program, loaded)
		if (bpf_program__autoload(program))
			error = error ? error : want_target(thin, bpf_program__section_name(program));
	return error ? error : want(thin, loaded_target);
}

static const struct btf_type *type_of(const struct thin *thin, u32 id)
{
	return (const void *)(thin->types.data + thin->at[id]);
}

/* Where everything begins. */
static int find_types(struct thin *thin)
{
	struct types walk = thin->types;
	const struct btf_type *type;
	u32 capacity = (walk.end - walk.at) / sizeof(*type) + 2;
	const char *name;

	thin->at = malloc(capacity * sizeof(*thin->at));
	thin->kept = calloc(capacity, 1);
	if (!thin->at || !thin->kept)
		return -ENOMEM;
	thin->count = 1;
	while ((type = types_next(&walk, &name)))
		thin->at[thin->count++] = (const char *)type - walk.data;
	return 0;
}

static bool is_reference(u32 kind)
{
	return kind == BTF_KIND_TYPEDEF || kind == BTF_KIND_CONST || kind == BTF_KIND_VOLATILE ||
	       kind == BTF_KIND_RESTRICT || kind == TYPE_TAG;
}

static void keep(struct thin *thin, u32 id);

static u32 kind_of(const struct thin *thin, u32 id)
{
	return BTF_INFO_KIND(type_of(thin, id)->info);
}

/*
 * Functions that we call, and those that tracepoints give to programs, are compared with ours down to what their arguments
 * point to; of structures only that they are some.
 */
static void keep_signature(struct thin *thin, const struct btf_type *prototype)
{
	const struct btf_param *parameters = (const void *)(prototype + 1);

	for (u32 i = 0; i <= BTF_INFO_VLEN(prototype->info); i++) {
		u32 id = i ? parameters[i - 1].type : prototype->type;

		while (id && id < thin->count && (kind_of(thin, id) == BTF_KIND_PTR || is_reference(kind_of(thin, id)))) {
			thin->kept[id] = WHOLE;
			id = type_of(thin, id)->type;
		}
		if (!id || id >= thin->count)
			continue;
		if (kind_of(thin, id) != BTF_KIND_STRUCT && kind_of(thin, id) != BTF_KIND_UNION)
			keep(thin, id);
		else if (thin->kept[id] == NOTHING)
			thin->kept[id] = HOLLOW;
	}
}

/*
 * A type, and what lies in it by value. Behind a pointer nobody looks by number. A signature may have kept another name of a structure
 * without its members, so such names are followed each time.
 */
static void keep(struct thin *thin, u32 id)
{
	const struct btf_type *type;
	const struct btf_member *members;
	u32 kind;

	for (;;) {
		if (!id || id >= thin->count || (thin->kept[id] == WHOLE && !is_reference(kind_of(thin, id))))
			return;
		thin->kept[id] = WHOLE;
		type = type_of(thin, id);
		kind = kind_of(thin, id);
		if (kind == BTF_KIND_ARRAY) {
			keep(thin, ((const struct btf_array *)(type + 1))->index_type);
			id = ((const struct btf_array *)(type + 1))->type;
		} else if (is_reference(kind) || kind == BTF_KIND_FUNC ||
			   (kind == BTF_KIND_PTR && type->type && kind_of(thin, type->type) == BTF_KIND_FUNC_PROTO)) {
			id = type->type;
		} else {
			break;
		}
	}
	if (kind == BTF_KIND_FUNC_PROTO)
		keep_signature(thin, type);
	if (kind != BTF_KIND_STRUCT && kind != BTF_KIND_UNION)
		return;
	members = (const void *)(type + 1);
	for (u32 i = 0; i < BTF_INFO_VLEN(type->info); i++)
		keep(thin, members[i].type);
}

/* What follows the last that is kept is left out: functions, by far the most, come last, and libbpf looks at all again and again. */
static void choose_types(struct thin *thin)
{
	struct types walk = thin->types;
	const struct btf_type *type;
	const char *name;

	for (u32 id = 1; (type = types_next(&walk, &name)); id++) {
		u32 kind = BTF_INFO_KIND(type->info);

		if (*name && kind != BTF_KIND_VAR && kind != BTF_KIND_DATASEC &&
		    table_get(&thin->wanted, hash(name, strlen(name))))
			keep(thin, id);
	}
	while (thin->count > 1 && thin->kept[thin->count - 1] == NOTHING)
		thin->count--;
}

/* The new place of a string; 0, the empty one, if there is no room. */
static u32 move_string(struct thin *thin, u32 at)
{
	const char *string = thin->types.strings + at;
	size_t length;
	u32 place = thin->strings_length;

	if (!at || at >= thin->types.strings_length)
		return 0;
	length = strlen(string) + 1;
	if (thin->strings_length + length > thin->strings_size) {
		size_t size = 2 * thin->strings_size + length;
		char *more = realloc(thin->strings, size);

		if (!more)
			return 0;
		thin->strings = more;
		thin->strings_size = size;
	}
	memcpy(thin->strings + place, string, length);
	thin->strings_length += length;
	return place;
}

/* Members, and the values of an enumeration, begin with their name. */
static void move_names(struct thin *thin, struct btf_type *type)
{
	u32 kind = BTF_INFO_KIND(type->info), step = 0;
	char *at = (char *)(type + 1);

	type->name_off = move_string(thin, type->name_off);
	if (kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION || kind == ENUM64)
		step = 12;
	else if (kind == BTF_KIND_ENUM || kind == BTF_KIND_FUNC_PROTO)
		step = 8;
	for (u32 i = 0; step && i < BTF_INFO_VLEN(type->info); i++, at += step)
		*(u32 *)at = move_string(thin, *(u32 *)at);
}

static void copy_types(struct thin *thin, char *out)
{
	char *begin = out;

	for (u32 id = 1; id < thin->count; id++) {
		const struct btf_type *type = type_of(thin, id);
		struct btf_type *copy = (void *)out;

		if (thin->kept[id] == WHOLE) {
			memcpy(copy, type, sizeof(*type) + types_tail(type));
			move_names(thin, copy);
			out += sizeof(*type) + types_tail(type);
		} else {
			*copy = (struct btf_type){
				.info = (thin->kept[id] == HOLLOW ? kind_of(thin, id) : BTF_KIND_FWD) << 24,
			};
			out += sizeof(*copy);
		}
	}
	thin->types_length = out - begin;
}

static size_t size_types(const struct thin *thin)
{
	size_t size = 0;

	for (u32 id = 1; id < thin->count; id++)
		size += sizeof(struct btf_type) + (thin->kept[id] == WHOLE ? types_tail(type_of(thin, id)) : 0);
	return size;
}

/* The whole file of it; the types that it was made from are given back first. */
static struct btf *make(struct thin *thin)
{
	struct btf_header header = { .magic = BTF_MAGIC, .version = BTF_VERSION, .hdr_len = sizeof(header) };
	struct btf *btf = NULL;
	char *whole;

	thin->strings_size = 1 << 18;
	thin->strings = calloc(1, thin->strings_size);
	thin->strings_length = 1;
	thin->out = malloc(sizeof(header) + size_types(thin));
	if (!thin->strings || !thin->out)
		return NULL;
	copy_types(thin, thin->out + sizeof(header));
	types_close(&thin->types);
	header.type_len = header.str_off = thin->types_length;
	header.str_len = thin->strings_length;
	memcpy(thin->out, &header, sizeof(header));
	whole = realloc(thin->out, sizeof(header) + thin->types_length + thin->strings_length);
	if (!whole)
		return NULL;
	thin->out = whole;
	memcpy(whole + sizeof(header) + thin->types_length, thin->strings, thin->strings_length);
	btf = btf__new(whole, sizeof(header) + thin->types_length + thin->strings_length);
	return btf;
}

struct btf *__real_btf__load_vmlinux_btf(void);
struct btf *__wrap_btf__load_vmlinux_btf(void);
int __wrap_bpf_btf_get_next_id(__u32 id, __u32 *next);

struct btf *__wrap_btf__load_vmlinux_btf(void)
{
	struct thin thin = { 0 };
	struct btf *btf = NULL;

	if (loaded && !types_open(&thin.types) && !list_wanted(&thin) && !find_types(&thin)) {
		choose_types(&thin);
		btf = make(&thin);
	}
	types_close(&thin.types);
	table_free(&thin.wanted);
	free(thin.at);
	free(thin.kept);
	free(thin.out);
	free(thin.strings);
	/* Whatever went wrong, the long way may work, or knows how to say it. */
	return btf ? btf : __real_btf__load_vmlinux_btf();
}

/*
 * The types of modules build on those of the kernel, whole. No program of ours reads a module's, so there are none;
 * libbpf would look through all of them for each type that this kernel does not have.
 */
int __wrap_bpf_btf_get_next_id(__u32 id, __u32 *next)
{
	(void)id;
	(void)next;
	errno = ENOENT;
	return -ENOENT;
}
