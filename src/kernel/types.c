/*
 * libbpf builds an index of all hundred thousand types, which takes longer and more memory than the whole of sonde
 * afterwards. To learn whether a dozen names exist, one pass over the raw file is enough.
 */
#include "kernel/types.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/btf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

size_t types_tail(const struct btf_type *type)
{
	u32 count = BTF_INFO_VLEN(type->info);

	switch (BTF_INFO_KIND(type->info)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case 17: /* DECL_TAG */
		return 4;
	case BTF_KIND_ARRAY:
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
	case BTF_KIND_DATASEC:
	case 19: /* ENUM64 */
		return 12 * (BTF_INFO_KIND(type->info) == BTF_KIND_ARRAY ? 1 : count);
	case BTF_KIND_ENUM:
	case BTF_KIND_FUNC_PROTO:
		return 8 * count;
	default:
		return 0;
	}
}

static void look_up(struct type_query *queries, size_t count, const char *name, u32 kind, u32 id)
{
	for (size_t i = 0; i < count; i++)
		if (queries[i].kind == kind && !queries[i].id && queries[i].name[0] == name[0] &&
		    !strcmp(queries[i].name, name))
			queries[i].id = id;
}

static int read_all(struct types *types, int fd)
{
	size_t have = 0;
	ssize_t got;

	types->data = malloc(types->size);
	if (!types->data)
		return -ENOMEM;
	while (have < types->size) {
		got = read(fd, types->data + have, types->size - have);
		if (got <= 0)
			return got < 0 ? -errno : -EBADMSG;
		have += got;
	}
	return 0;
}

/* Newer kernels let it be mapped, which spares a copy of megabytes. */
static int get_whole(struct types *types)
{
	int fd = open("/sys/kernel/btf/vmlinux", O_RDONLY | O_CLOEXEC), error;
	struct stat status;
	void *memory;

	if (fd < 0)
		return -errno;
	error = fstat(fd, &status) ? -errno : 0;
	types->size = error ? 0 : status.st_size;
	memory = types->size ? mmap(NULL, types->size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
	types->mapped = memory != MAP_FAILED;
	if (types->mapped)
		types->data = memory;
	else if (!error)
		error = read_all(types, fd);
	close(fd);
	return error;
}

int types_open(struct types *types)
{
	const struct btf_header *header;
	int error = get_whole(types);
	size_t size = types->size;

	if (error)
		return error;
	header = (const void *)types->data;
	if (size < sizeof(*header) || header->magic != BTF_MAGIC || header->hdr_len > size ||
	    (size_t)header->hdr_len + header->type_off + header->type_len > size ||
	    (size_t)header->hdr_len + header->str_off + header->str_len > size || !header->str_len)
		return -EBADMSG;
	types->at = types->data + header->hdr_len + header->type_off;
	types->end = types->at + header->type_len;
	types->strings = types->data + header->hdr_len + header->str_off;
	types->strings_length = header->str_len;
	return types->strings[header->str_len - 1] ? -EBADMSG : 0;
}

void types_close(struct types *types)
{
	if (types->mapped)
		munmap(types->data, types->size);
	else
		free(types->data);
	*types = (struct types){ 0 };
}

const struct btf_type *types_next(struct types *types, const char **name)
{
	const struct btf_type *type = (const void *)types->at;

	if (types->at + sizeof(*type) > types->end || types->at + sizeof(*type) + types_tail(type) > types->end)
		return NULL;
	types->at += sizeof(*type) + types_tail(type);
	*name = type->name_off < types->strings_length ? types->strings + type->name_off : "";
	return type;
}

int types_find(struct type_query *queries, size_t count)
{
	struct types types = { 0 };
	int error = types_open(&types);
	const struct btf_type *type;
	const char *name;

	for (u32 id = 1; !error && (type = types_next(&types, &name)); id++) {
		u32 kind = BTF_INFO_KIND(type->info);

		if (kind == BTF_KIND_FUNC || kind == BTF_KIND_TYPEDEF || kind == BTF_KIND_STRUCT)
			look_up(queries, count, name, kind, id);
	}
	types_close(&types);
	return error;
}

static void collect(const struct types *types, const struct btf_type *type, char **names, u32 most)
{
	const struct btf_enum *values = (const void *)(type + 1);

	for (u32 i = 0; i < BTF_INFO_VLEN(type->info); i++)
		if ((u32)values[i].val < most && !names[values[i].val] && values[i].name_off < types->strings_length)
			names[values[i].val] = strdup(types->strings + values[i].name_off);
}

int types_enum(const char *wanted, char **names, u32 most)
{
	struct types types = { 0 };
	int error = types_open(&types);
	const struct btf_type *type = NULL;
	bool found = false;
	const char *name;

	while (!error && !found && (type = types_next(&types, &name)))
		found = BTF_INFO_KIND(type->info) == BTF_KIND_ENUM && !strcmp(name, wanted);
	if (found)
		collect(&types, type, names, most);
	types_close(&types);
	return error ? error : found ? 0 : -ENOENT;
}
