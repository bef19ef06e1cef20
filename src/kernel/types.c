/*
 * libbpf builds an index of all hundred thousand types, which takes longer and more memory than the whole of sonde
 * afterwards. To learn whether a dozen names exist, one pass over the raw file is enough.
 */
#include "kernel/types.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/btf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* How many bytes follow a type's head. */
static size_t tail_size(const struct btf_type *type)
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

static int scan(const char *data, size_t size, struct type_query *queries, size_t count)
{
	const struct btf_header *header = (const void *)data;
	const char *at, *end, *strings;
	u32 id = 1;

	if (size < sizeof(*header) || header->magic != BTF_MAGIC || header->hdr_len > size ||
	    (size_t)header->hdr_len + header->type_off + header->type_len > size ||
	    (size_t)header->hdr_len + header->str_off + header->str_len > size || !header->str_len)
		return -EBADMSG;
	at = data + header->hdr_len + header->type_off;
	end = at + header->type_len;
	strings = data + header->hdr_len + header->str_off;
	if (strings[header->str_len - 1])
		return -EBADMSG;
	for (; at + sizeof(struct btf_type) <= end; id++) {
		const struct btf_type *type = (const void *)at;
		u32 kind = BTF_INFO_KIND(type->info);

		if ((kind == BTF_KIND_FUNC || kind == BTF_KIND_TYPEDEF || kind == BTF_KIND_STRUCT) &&
		    type->name_off < header->str_len)
			look_up(queries, count, strings + type->name_off, kind, id);
		at += sizeof(*type) + tail_size(type);
	}
	return 0;
}

int types_find(struct type_query *queries, size_t count)
{
	int fd = open("/sys/kernel/btf/vmlinux", O_RDONLY | O_CLOEXEC);
	struct stat status;
	char *data = NULL;
	size_t have = 0;
	ssize_t got;
	int error;

	if (fd < 0)
		return -errno;
	error = fstat(fd, &status) ? -errno : 0;
	if (!error && !(data = malloc(status.st_size)))
		error = -ENOMEM;
	while (!error && have < (size_t)status.st_size) {
		got = read(fd, data + have, status.st_size - have);
		if (got <= 0)
			error = got < 0 ? -errno : -EBADMSG;
		else
			have += got;
	}
	close(fd);
	if (!error)
		error = scan(data, have, queries, count);
	free(data);
	return error;
}
