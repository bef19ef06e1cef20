/*
 * Fields of a tracepoint: from its format file in tracefs, or, of another kernel, from the struct that its types have for it. A
 * program at a tracepoint is given the fields as they lie there.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/tracefs.h"
#include "policy/resolve.h"

#define FIELDS_MOST 64

struct format_field {
	u32 offset, size, element;	/* of an array: bytes of each of its numbers, with POLICY_SIGNED; 0: not known */
	bool is_signed, is_array, is_location, is_pointer;
	char type[96];
};

/* An argument of a system call has eight bytes there, whatever its type, and above it is nothing that counts. */
static void narrow(struct format_field *field)
{
	static const struct {
		const char *type;
		u32 size;
		bool is_signed;
	} types[] = {
		{ "int ", 4, true }, { "pid_t ", 4, true }, { "clockid_t ", 4, true }, { "key_serial_t ", 4, true }, { "__s32 ", 4, true },
		{ "unsigned int ", 4, false }, { "uid_t ", 4, false }, { "gid_t ", 4, false }, { "u32 ", 4, false },
		{ "__u32 ", 4, false }, { "umode_t ", 2, false },
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (field->size == 8 && !field->is_array && !field->is_pointer && !strncmp(field->type, types[i].type, strlen(types[i].type))) {
			field->size = types[i].size;
			field->is_signed = types[i].is_signed;
		}
}

/* Its type ends with how many there are: unsigned long args[6]. */
static u32 element_of(const struct format_field *field, bool is_signed)
{
	unsigned long count = strtoul(strchr(field->type, '[') + 1, NULL, 10);

	return count && !(field->size % count) ? field->size / count | (is_signed ? POLICY_SIGNED : 0) : 0;
}

/* "	field:const char * filename;	offset:24;	size:8;	signed:0;" */
static bool parse_field(const char *line, struct format_field *field)
{
	unsigned int is_signed = 0;
	const char *end, *at = strstr(line, "field:");

	if (!at)
		return false;
	at += strlen("field:");
	end = strchr(at, ';');
	if (!end || sscanf(end, "; offset:%u; size:%u; signed:%u", &field->offset, &field->size, &is_signed) < 2)
		return false;
	snprintf(field->type, sizeof(field->type), "%.*s", (int)(end - at), at);
	field->is_signed = is_signed;
	field->is_array = strchr(field->type, '[');
	if (field->is_array)
		field->element = element_of(field, is_signed);
	field->is_location = strstr(field->type, "__data_loc");
	field->is_pointer = strchr(field->type, '*');
	narrow(field);
	return true;
}

/* -ENOENT, or another -errno: not to be read. */
static int read_format(const struct policy_hook *hook, struct format_field fields[FIELDS_MOST])
{
	char path[256], buffer[16384];
	int root = tracefs_open(), fd, count = 0;
	ssize_t length = 0, got = 1;

	if (root < 0)
		return root;
	snprintf(path, sizeof(path), "events/%.100s/%.100s/format", hook->subsystem, hook->target);
	fd = openat(root, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	for (; got > 0 && length < (ssize_t)sizeof(buffer) - 1; length += got > 0 ? got : 0)
		got = read(fd, buffer + length, sizeof(buffer) - 1 - length);
	close(fd);
	buffer[length] = '\0';
	for (char *line = strtok(buffer, "\n"); line && count < FIELDS_MOST; line = strtok(NULL, "\n"))
		count += parse_field(line, &fields[count]);
	return count;
}

/* A struct trace_event_raw_EVENT has the common fields as one member; they are four. */
static int read_struct(const struct policy_kernel *kernel, const struct policy_hook *hook, struct format_field fields[FIELDS_MOST])
{
	const struct btf_type *type;
	struct resolved resolved;
	char name[160];
	int id, count = 4;

	snprintf(name, sizeof(name), "trace_event_raw_%.100s", hook->target);
	id = btf__find_by_name_kind(kernel->btf, name, BTF_KIND_STRUCT);
	if (id <= 0)
		return -ENOENT;
	type = btf__type_by_id(kernel->btf, id);
	for (u32 i = 1; i < btf_vlen(type) && count < FIELDS_MOST; i++, count++) {
		const char *member = btf__name_by_offset(kernel->btf, btf_members(type)[i].name_off);

		resolve_type(kernel->btf, btf_members(type)[i].type, &resolved);
		fields[count] = (struct format_field){
			.offset = btf_member_bit_offset(type, i) / 8, .size = resolved.length ? resolved.length : resolved.size ? resolved.size : 8,
			.element = resolved.element,
			.is_signed = resolved.type >= TYPE_int8 && resolved.type <= TYPE_int64,
			.is_array = resolved.type == TYPE_const_buf || (resolved.type == TYPE_string && !resolved.pointer),
			.is_location = !strncmp(member, "__data_loc", 10), .is_pointer = resolved.pointer,
		};
		snprintf(fields[count].type, sizeof(fields[count].type), "%s", resolved.name);
	}
	return count;
}

static enum policy_type field_type(const struct format_field *field)
{
	struct resolved as = { .size = field->size };

	if (field->is_location || (field->is_pointer && strstr(field->type, "char")))
		return field->is_location ? TYPE_data_loc : TYPE_string;
	if (field->is_array)
		return strstr(field->type, "char") ? TYPE_string : TYPE_const_buf;
	return resolve_number(field->is_signed ? TYPE_int64 : TYPE_uint64, &as);
}

static int resolve_field(struct resolving *resolving, struct policy_argument *argument, const struct format_field *field)
{
	struct policy_member *member = lang_tree_get(resolving->policy->tree, 2 * sizeof(*member));
	enum policy_type type = field_type(field);
	bool text = type == TYPE_data_loc || type == TYPE_string, plain = !text && type != TYPE_const_buf;

	if (argument->resolve)
		return resolve_fail(resolving, argument->line, argument->column, "raw: true, where parameters have types",
				    "fields of a tracepoint cannot be resolved");
	if (argument->assumed && (policy_type_shape(argument->type) == SHAPE_TEXT) != (policy_type_shape(type) == SHAPE_TEXT))
		return resolve_fail(resolving, argument->line, argument->column, "compare it as what it is", "field %d of %s is \"%s\"",
				    argument->index, resolving->hook->target, field->type);
	if (type == TYPE_const_buf && argument->type != TYPE_auto && policy_type_shape(argument->type) == SHAPE_NUMBER)
		return resolve_fail(resolving, argument->line, argument->column, "type: auto gives all of its numbers",
				    "field %d of %s is \"%s\", no %s", argument->index, resolving->hook->target, field->type,
				    policy_type_name(argument->type));
	if (policy_type_shape(argument->type) == SHAPE_PATH)
		return resolve_fail(resolving, argument->line, argument->column, "raw: true, where parameters are the kernel's own",
				    "field %d of %s is \"%s\", no %s", argument->index, resolving->hook->target, field->type,
				    policy_type_name(argument->type));
	if (argument->type == TYPE_auto || argument->assumed || (argument->type == TYPE_string && type == TYPE_data_loc))
		argument->type = type;
	else if (argument->type >= TYPE_int8 && argument->type <= TYPE_uint64 && plain)
		argument->type = resolve_number(argument->type, &(struct resolved){ .size = field->size });
	*member = (struct policy_member){ .offset = field->offset, .size = plain || type == TYPE_data_loc ? field->size : 0 };
	argument->members = member;
	argument->member_count = 1;
	argument->length = type == TYPE_const_buf ? field->size : 0;
	argument->element = field->element;
	/* A text elsewhere: the field is its address. Objects of the kernel's are behind an address too. */
	if (field->is_pointer || (plain && field->size == 8 && policy_type_shape(argument->type) != SHAPE_NUMBER)) {
		member[0].pointer = true;
		member[1] = (struct policy_member){ 0 };
		argument->member_count = policy_type_shape(argument->type) == SHAPE_NUMBER ? 1 : 2;
		member[0].pointer = argument->member_count == 2;
	}
	return 0;
}

int resolve_format(struct resolving *resolving, const struct policy_hook *hook)
{
	struct format_field fields[FIELDS_MOST] = { 0 };
	int count = resolving->kernel->here ? read_format(hook, fields) : read_struct(resolving->kernel, hook, fields);

	/* Whether there is such a tracepoint at all is told by policy_place. */
	if (count < 0) {
		policy_note(resolving->policy, hook->line, hook->column, "fields of %s/%s are not known here, and were not checked",
			    hook->subsystem, hook->target);
		return 0;
	}
	for (u32 i = 0; i < hook->argument_count; i++) {
		const struct policy_argument *argument = &hook->arguments[i];
		bool is_index = argument->index >= count;

		if (is_index || argument->size_index > count)
			return resolve_fail(resolving, argument->line, argument->column,
					    "the first four are common to all tracepoints, and are counted", "%s has %d fields, and %s %d",
					    hook->target, count, is_index ? "there is no index" : "sizeArgIndex is",
					    is_index ? argument->index : argument->size_index);
		if (resolve_field(resolving, &hook->arguments[i], &fields[hook->arguments[i].index]))
			return -1;
	}
	return 0;
}
