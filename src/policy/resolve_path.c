/* From a type through members to a value: mm.owner.comm. Pointers on the way are followed, anonymous structs looked through. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "policy/resolve.h"

#define STEPS_MOST 12
#define DEPTH_MOST 8

static const struct btf_type *skip(const struct btf *btf, u32 *id)
{
	const struct btf_type *type = btf__type_by_id(btf, *id);

	while (*id && (btf_is_mod(type) || btf_is_typedef(type))) {
		*id = type->type;
		type = btf__type_by_id(btf, *id);
	}
	return type;
}

static const char *name_of(const struct btf *btf, const struct btf_type *type)
{
	return btf__name_by_offset(btf, type->name_off);
}

/* Types that are known by their struct. */
static const struct {
	const char *name;
	enum policy_type type;
} structs[] = {
	{ "file", TYPE_file }, { "path", TYPE_path }, { "dentry", TYPE_dentry }, { "linux_binprm", TYPE_linux_binprm },
	{ "kiocb", TYPE_kiocb }, { "iov_iter", TYPE_iov_iter }, { "sock", TYPE_sock }, { "socket", TYPE_socket },
	{ "sk_buff", TYPE_skb }, { "sockaddr", TYPE_sockaddr }, { "sockaddr_un", TYPE_sockaddr_un }, { "cred", TYPE_cred },
	{ "user_namespace", TYPE_user_namespace }, { "bpf_attr", TYPE_bpf_attr }, { "bpf_prog", TYPE_bpf_prog },
	{ "bpf_map", TYPE_bpf_map }, { "perf_event", TYPE_perf_event }, { "module", TYPE_module }, { "load_info", TYPE_load_info },
	{ "filename", TYPE_filename }, { "net_device", TYPE_net_device },
};

static enum policy_type number_type(u32 size, bool is_signed)
{
	switch (size) {
	case 1:
		return is_signed ? TYPE_int8 : TYPE_uint8;
	case 2:
		return is_signed ? TYPE_int16 : TYPE_uint16;
	case 4:
		return is_signed ? TYPE_int32 : TYPE_uint32;
	case 8:
		return is_signed ? TYPE_int64 : TYPE_uint64;
	default:
		return TYPE_NONE;
	}
}

static void resolve_struct(const struct btf *btf, const struct btf_type *type, struct resolved *resolved)
{
	const char *name = name_of(btf, type);

	snprintf(resolved->name, sizeof(resolved->name), "%s %s%s", btf_is_union(type) ? "union" : "struct", *name ? name : "{...}",
		 resolved->pointer ? " *" : "");
	for (size_t i = 0; i < sizeof(structs) / sizeof(*structs); i++)
		if (!strcmp(structs[i].name, name))
			resolved->type = structs[i].type;
}

void resolve_type(const struct btf *btf, u32 id, struct resolved *resolved)
{
	const struct btf_type *type = btf__type_by_id(btf, id);

	*resolved = (struct resolved){ 0 };
	while (id && (btf_is_mod(type) || btf_is_typedef(type) || (btf_is_ptr(type) && !resolved->pointer))) {
		if (btf_is_typedef(type) && !strcmp(name_of(btf, type), "kernel_cap_t")) {
			resolved->type = TYPE_kernel_cap_t;
			snprintf(resolved->name, sizeof(resolved->name), "kernel_cap_t%s", resolved->pointer ? " *" : "");
			return;
		}
		resolved->pointer |= btf_is_ptr(type);
		id = type->type;
		type = btf__type_by_id(btf, id);
	}
	if (!id || btf_is_ptr(type) || btf_is_func_proto(type)) {
		snprintf(resolved->name, sizeof(resolved->name), !id ? (resolved->pointer ? "void *" : "void") : "pointer");
		resolved->type = id || resolved->pointer ? TYPE_uint64 : TYPE_NONE;
		resolved->size = 8;
	} else if (btf_is_composite(type)) {
		resolve_struct(btf, type, resolved);
	} else if (btf_is_array(type)) {
		struct resolved item;
		s64 size;

		resolve_type(btf, btf_array(type)->type, &item);
		snprintf(resolved->name, sizeof(resolved->name), "%.80s [%u]", item.name, btf_array(type)->nelems);
		resolved->type = item.size == 1 ? TYPE_string : TYPE_const_buf;
		size = btf__resolve_size(btf, id);
		resolved->length = size > 0 ? size : 0;
		resolved->element = item.type == TYPE_const_buf ? item.element : item.size;
		if (item.type >= TYPE_int8 && item.type <= TYPE_int64)
			resolved->element |= POLICY_SIGNED;
	} else if (btf_is_int(type) || btf_is_any_enum(type)) {
		bool is_signed = btf_is_int(type) ? btf_int_encoding(type) & BTF_INT_SIGNED : true;
		const char *name = name_of(btf, type);

		snprintf(resolved->name, sizeof(resolved->name), "%s%s%s", btf_is_int(type) ? "" : "enum ", name,
			 resolved->pointer ? " *" : "");
		resolved->size = type->size;
		resolved->type = number_type(type->size, is_signed);
		if (resolved->pointer) {
			resolved->type = type->size == 1 ? TYPE_string : TYPE_uint64;
			resolved->size = 8;
		}
	}
}

struct walk {
	struct resolving *resolving;
	struct policy_argument *argument;
	struct policy_member *steps;
	u32 count, offset;		/* offset: not yet in a step */
	u32 type;
	u8 bits;
	u32 bit;			/* from the offset */
};

/* The pointer that lies there is the next address. */
static int follow(struct walk *walk)
{
	if (walk->count >= STEPS_MOST - 1)
		return -1;
	walk->steps[walk->count++] = (struct policy_member){ .offset = walk->offset, .pointer = true, .size = 8 };
	walk->offset = 0;
	return 0;
}

static const struct btf_member *find_member(const struct btf *btf, u32 id, const char *name, u32 *bits, unsigned int depth,
					    const struct btf_type **owner)
{
	const struct btf_type *type = skip(btf, &id);
	const struct btf_member *members;

	if (!btf_is_composite(type) || depth > DEPTH_MOST)
		return NULL;
	members = btf_members(type);
	for (u32 i = 0; i < btf_vlen(type); i++) {
		const char *candidate = btf__name_by_offset(btf, members[i].name_off);
		const struct btf_member *inner;
		u32 inside = 0;

		if (!strcmp(candidate, name)) {
			*bits += btf_member_bit_offset(type, i);
			*owner = type;
			return &members[i];
		}
		inner = *candidate ? NULL : find_member(btf, members[i].type, name, &inside, depth + 1, owner);
		if (inner) {
			*bits += btf_member_bit_offset(type, i) + inside;
			return inner;
		}
	}
	return NULL;
}

static void nearest_member(const struct btf *btf, u32 id, const char *name, const char **nearest, unsigned int *least,
			   unsigned int depth)
{
	const struct btf_type *type = skip(btf, &id);

	for (u32 i = 0; btf_is_composite(type) && depth < DEPTH_MOST && i < btf_vlen(type); i++) {
		const char *candidate = btf__name_by_offset(btf, btf_members(type)[i].name_off);
		unsigned int distance = *candidate ? nearest_distance(name, candidate) : NEAREST_TOO_FAR;

		if (!*candidate)
			nearest_member(btf, btf_members(type)[i].type, name, nearest, least, depth + 1);
		if (distance < *least) {
			*least = distance;
			*nearest = candidate;
		}
	}
}

static int fail_at(struct walk *walk, const char *mend, const char *format, const char *first, const char *second)
{
	char text[256];

	snprintf(text, sizeof(text), format, first, second);
	return resolve_fail(walk->resolving, walk->argument->line, walk->argument->column, mend, "resolve %s: %s",
			    walk->argument->resolve, text);
}

static int step(struct walk *walk, const char *name)
{
	const struct btf *btf = walk->resolving->kernel->btf;
	const struct btf_type *type = skip(btf, &walk->type), *owner = NULL;
	const struct btf_member *member;
	const char *nearest = NULL;
	unsigned int least = NEAREST_TOO_FAR;
	char mend[128] = "";
	struct resolved here;
	u32 bits = 0;

	if (btf_is_ptr(type)) {
		if (follow(walk))
			return fail_at(walk, "", "there are too many pointers on the way%s%s", "", "");
		walk->type = type->type;
	}
	resolve_type(btf, walk->type, &here);
	member = find_member(btf, walk->type, name, &bits, 0, &owner);
	if (!member) {
		nearest_member(btf, walk->type, name, &nearest, &least, 0);
		if (nearest)
			snprintf(mend, sizeof(mend), "did you mean %s?", nearest);
		return fail_at(walk, mend, "%s has no member %s", *here.name ? here.name : "this", name);
	}
	walk->bits = btf_kflag(owner) ? BTF_MEMBER_BITFIELD_SIZE(member->offset) : 0;
	walk->bit = bits;
	if (!walk->bits)
		walk->offset += bits / 8;
	walk->type = member->type;
	return 0;
}

static int item(struct walk *walk, unsigned long number)
{
	const struct btf *btf = walk->resolving->kernel->btf;
	const struct btf_type *type = skip(btf, &walk->type);
	u32 inner;
	s64 size;

	if (btf_is_array(type)) {
		if (btf_array(type)->nelems && number >= btf_array(type)->nelems)
			return fail_at(walk, "items are counted from 0", "the array is shorter%s%s", "", "");
		inner = btf_array(type)->type;
	} else if (btf_is_ptr(type)) {
		if (follow(walk))
			return fail_at(walk, "", "there are too many pointers on the way%s%s", "", "");
		inner = type->type;
	} else {
		return fail_at(walk, "leave the [n] out", "there is no array%s%s", "", "");
	}
	size = btf__resolve_size(btf, inner);
	if (size < 0)
		return fail_at(walk, "", "how large an item is is not known%s%s", "", "");
	walk->offset += number * size;
	walk->type = inner;
	return 0;
}

/* A struct around one number, such as kuid_t, is the number. */
static void unwrap(struct walk *walk)
{
	const struct btf *btf = walk->resolving->kernel->btf;
	u32 id = walk->type;
	const struct btf_type *type = skip(btf, &id);
	struct resolved inner;

	if (!btf_is_struct(type) || btf_vlen(type) != 1 || walk->bits)
		return;
	resolve_type(btf, btf_members(type)->type, &inner);
	if (inner.size && !inner.pointer && btf_members(type)->offset == 0)
		walk->type = btf_members(type)->type;
}

static int finish(struct walk *walk, struct resolved *end)
{
	struct policy_member last = { 0 };

	resolve_type(walk->resolving->kernel->btf, walk->type, end);
	if (end->type != TYPE_kernel_cap_t)
		unwrap(walk);
	resolve_type(walk->resolving->kernel->btf, walk->type, end);
	/* Behind a pointer to a text or a struct is the value; any other pointer is a number. */
	if (end->pointer && end->type != TYPE_uint64 && end->type != TYPE_NONE) {
		if (follow(walk))
			return fail_at(walk, "", "there are too many pointers on the way%s%s", "", "");
		end->size = 0;
	} else if (end->pointer) {
		end->type = TYPE_uint64;
		end->size = 8;
	}
	if (walk->bits) {
		/* The smallest aligned number that holds all of it. */
		u32 first = walk->bit, width = 8;

		while (width < 64 && first / width != (first + walk->bits - 1) / width)
			width *= 2;
		last.offset = walk->offset + first / width * width / 8;
		last.size = width / 8;
		last.shift = first % width;
		last.bits = walk->bits;
		end->size = last.size;
		end->type = TYPE_uint32;
		if (walk->bits > 32)
			end->type = TYPE_uint64;
	} else {
		last.offset = walk->offset;
		last.size = end->size;
	}
	walk->steps[walk->count++] = last;
	walk->argument->members = walk->steps;
	walk->argument->member_count = walk->count;
	return 0;
}

int resolve_path(struct resolving *resolving, struct policy_argument *argument, u32 start, struct resolved *end)
{
	struct walk walk = { .resolving = resolving, .argument = argument, .type = start };
	const struct btf_type *type = skip(resolving->kernel->btf, &walk.type);
	char name[128];

	walk.steps = lang_tree_get(resolving->policy->tree, STEPS_MOST * sizeof(*walk.steps));
	/* The parameter itself is the first address. */
	if (btf_is_ptr(type))
		walk.type = type->type;
	for (const char *at = argument->resolve; *at;) {
		size_t length = strcspn(at, ".[");

		if (length >= sizeof(name))
			return fail_at(&walk, "", "there is no such member%s%s", "", "");
		memcpy(name, at, length);
		name[length] = '\0';
		at += length;
		if (length && step(&walk, name))
			return -1;
		while (*at == '[') {
			if (item(&walk, strtoul(at + 1, NULL, 10)))
				return -1;
			at = strchr(at, ']') + 1;
		}
		at += *at == '.';
	}
	return finish(&walk, end);
}
