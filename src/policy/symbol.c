/* Places are offsets into the record, so a name here and the kernel's programs cannot disagree. */
#include "policy/symbol.h"

#include <stdio.h>
#include <string.h>

#define AT(member) (u16) offsetof(struct policy_record, member)
#define WIDTH(member) (u16)sizeof(((struct policy_record *)NULL)->member)
#define NUMBER(spelled, member)                                                                                        \
	{ .name = spelled, .type = LANG_NUMBER, .kinds = ~0u, .place = PLACE_NUMBER, .offset = AT(member), .width = WIDTH(member) }
#define TEXT(spelled, shape, where)                                                                                    \
	{ .name = spelled, .type = LANG_##shape, .kinds = ~0u, .place = PLACE_##shape, .string = where }
#define NAMESPACE(spelled, which) NUMBER("process.namespaces." spelled, namespaces[which])
#define ANCESTOR(level) NUMBER("ancestor" #level ".pid", ancestors[level - 1])
#define OWN_ANCESTOR(level) NUMBER("ancestor" #level ".own_pid", ancestor_namespace_pids[level - 1])

enum {
	AT_PROGRAM, AT_PARENT, AT_ANCESTORS, AT_PID, AT_OWN_PID, AT_CHANGED_NAMESPACES, AT_SETS,
	AT_CHANGED_SETS = AT_SETS + POLICY_SETS,
	AT_NAMESPACES = AT_CHANGED_SETS + POLICY_SETS,
	AT_ANCESTOR_PIDS = AT_NAMESPACES + POLICY_NAMESPACES,
	AT_ANCESTOR_OWN_PIDS = AT_ANCESTOR_PIDS + POLICY_ANCESTORS,
	AT_END = AT_ANCESTOR_OWN_PIDS + POLICY_ANCESTORS,
};

static const struct lang_symbol symbols[] = {
	TEXT("process.executable.path", STRING, POLICY_STRING_PROGRAM),
	TEXT("parent.executable.path", STRING, POLICY_STRING_PARENT),
	TEXT("ancestor.executable.path", STRINGS, POLICY_STRING_ANCESTORS),
	NUMBER("process.pid", record.pid),
	NUMBER("process.own_pid", namespace_pid),
	NUMBER("process.namespaces.changed", changed_namespaces),
	NUMBER("process.capabilities.effective", capabilities[0]),
	NUMBER("process.capabilities.permitted", capabilities[1]),
	NUMBER("process.capabilities.inheritable", capabilities[2]),
	NUMBER("process.capabilities.effective.changed", changed_capabilities[0]),
	NUMBER("process.capabilities.permitted.changed", changed_capabilities[1]),
	NUMBER("process.capabilities.inheritable.changed", changed_capabilities[2]),
	NAMESPACE("uts", POLICY_UTS),
	NAMESPACE("ipc", POLICY_IPC),
	NAMESPACE("mnt", POLICY_MNT),
	NAMESPACE("pid", POLICY_PID),
	NAMESPACE("pid_for_children", POLICY_PID_FOR_CHILDREN),
	NAMESPACE("net", POLICY_NET),
	NAMESPACE("time", POLICY_TIME),
	NAMESPACE("time_for_children", POLICY_TIME_FOR_CHILDREN),
	NAMESPACE("cgroup", POLICY_CGROUP),
	NAMESPACE("user", POLICY_USER),
	ANCESTOR(1), ANCESTOR(2), ANCESTOR(3), ANCESTOR(4), ANCESTOR(5), ANCESTOR(6), ANCESTOR(7), ANCESTOR(8),
	OWN_ANCESTOR(1), OWN_ANCESTOR(2), OWN_ANCESTOR(3), OWN_ANCESTOR(4), OWN_ANCESTOR(5), OWN_ANCESTOR(6), OWN_ANCESTOR(7),
	OWN_ANCESTOR(8),
	{ .name = NULL },
};
_Static_assert(sizeof(symbols) / sizeof(*symbols) == AT_END + 1, "a symbol is missing");

const struct lang_symbol *policy_symbol_program(void)
{
	return &symbols[AT_PROGRAM];
}

const struct lang_symbol *policy_symbol_parent(void)
{
	return &symbols[AT_PARENT];
}

const struct lang_symbol *policy_symbol_ancestors(void)
{
	return &symbols[AT_ANCESTORS];
}

const struct lang_symbol *policy_symbol_pid(void)
{
	return &symbols[AT_PID];
}

const struct lang_symbol *policy_symbol_own_pid(void)
{
	return &symbols[AT_OWN_PID];
}

const struct lang_symbol *policy_symbol_ancestor_pid(unsigned int level, bool own)
{
	return &symbols[(own ? AT_ANCESTOR_OWN_PIDS : AT_ANCESTOR_PIDS) + level];
}

const struct lang_symbol *policy_symbol_capabilities(enum policy_set set, bool changed)
{
	return &symbols[(changed ? AT_CHANGED_SETS : AT_SETS) + set];
}

const struct lang_symbol *policy_symbol_namespace(enum policy_namespace which)
{
	return &symbols[AT_NAMESPACES + which];
}

const struct lang_symbol *policy_symbol_changed_namespaces(void)
{
	return &symbols[AT_CHANGED_NAMESPACES];
}

static const struct {
	const char *name;
	enum policy_shape shape;
} types[] = {
	[TYPE_NONE] = { "none", SHAPE_NUMBER },
#define TYPE(name, spelled, shape, help) [TYPE_##name] = { spelled, SHAPE_##shape },
#include "wire/policy_types.def"
#undef TYPE
};

enum policy_shape policy_type_shape(enum policy_type type)
{
	return types[type].shape;
}

const char *policy_type_name(enum policy_type type)
{
	return types[type].name;
}

unsigned int policy_type_bits(enum policy_type type, bool *is_signed)
{
	*is_signed = type <= TYPE_int64;
	switch (type) {
	case TYPE_int8:
	case TYPE_uint8:
		return 8;
	case TYPE_int16:
	case TYPE_uint16:
		return 16;
	case TYPE_int32:
	case TYPE_uint32:
	case TYPE_capability:
	case TYPE_bpf_cmd:
		return 32;
	case TYPE_auto:
	case TYPE_int64:
	case TYPE_uint64:
	case TYPE_kernel_cap_t:
	case TYPE_cap_inheritable:
	case TYPE_cap_permitted:
	case TYPE_cap_effective:
	case TYPE_syscall64:
		return 64;
	default:
		return 0;
	}
}

static const struct {
	const char *suffix;
	enum lang_type type;
	enum lang_place place;
	u16 offset, width;
} parts[] = {
#define PART(which, spelled, member)                                                                                   \
	[which] = { spelled, LANG_NUMBER, PLACE_NUMBER, offsetof(struct policy_value, member),                         \
		    sizeof(((struct policy_value *)NULL)->member) }
	PART(PART_NUMBER, "", number),
	[PART_TEXT] = { "", LANG_STRING, PLACE_STRING, 0, 0 },
	PART(PART_MODE, ".mode", file.mode),
	PART(PART_INODE, ".inode", file.inode),
	PART(PART_FAMILY, ".family", socket.family),
	PART(PART_SOCKET_TYPE, ".type", socket.type),
	PART(PART_PROTOCOL, ".protocol", socket.protocol),
	PART(PART_STATE, ".state", socket.state),
	PART(PART_LOCAL_PORT, ".local.port", socket.local_port),
	PART(PART_PEER_PORT, ".peer.port", socket.peer_port),
	PART(PART_MARK, ".mark", socket.mark),
	PART(PART_PRIORITY, ".priority", socket.priority),
	PART(PART_LENGTH, ".length", socket.length),
	[PART_LOCAL] = { ".local.address", LANG_ADDRESS, PLACE_ADDRESS, offsetof(struct policy_value, socket.local), 16 },
	[PART_PEER] = { ".peer.address", LANG_ADDRESS, PLACE_ADDRESS, offsetof(struct policy_value, socket.peer), 16 },
};

const struct lang_symbol *policy_symbol_value(struct lang_tree *tree, const char *name, unsigned int value, enum policy_type type,
					      enum policy_part part)
{
	u16 start = offsetof(struct policy_record, value) + value * sizeof(struct policy_value);
	struct lang_symbol *symbol = lang_tree_get(tree, sizeof(*symbol));
	/* of a sockaddr there is one address, which stands where a socket has its own */
	const char *suffix = type != TYPE_sockaddr ? parts[part].suffix : part == PART_LOCAL ? ".address" :
			     part == PART_LOCAL_PORT ? ".port" : parts[part].suffix;
	size_t size = strlen(name) + strlen(suffix) + 1;
	char *whole = lang_tree_get(tree, size);
	bool is_signed;

	snprintf(whole, size, "%s%s", name, suffix);
	*symbol = (struct lang_symbol){ .name = whole, .type = parts[part].type, .kinds = ~0u, .place = parts[part].place };
	if (part == PART_TEXT) {
		symbol->string = POLICY_STRING_VALUE + value;
		return symbol;
	}
	symbol->is_signed = part == PART_NUMBER && policy_type_bits(type, &is_signed) && is_signed;
	symbol->offset = start + parts[part].offset;
	symbol->width = parts[part].width;
	if (symbol->place == PLACE_ADDRESS) {
		symbol->present = start + offsetof(struct policy_value, socket.family);
	} else {
		symbol->present = AT(present) + value / 8;
		symbol->present_mask = 1u << value % 8;
	}
	return symbol;
}
