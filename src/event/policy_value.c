#include "event/policy_value.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/escape.h"
#include "event/words.h"
#include "wire/policy_config.h"

enum shape { SHAPE_NUMBER, SHAPE_TEXT, SHAPE_PATH, SHAPE_SOCKET, SHAPE_CREDENTIALS, SHAPE_OBJECT };

/* The list of types is the policies' (wire/policy_types.def). */
static const struct {
	const char *name;
	enum shape shape;
} types[] = {
	[READ_none] = { "none", SHAPE_NUMBER },
#define TYPE(name, spelled, shape, help) [READ_##name] = { spelled, SHAPE_##shape },
#include "wire/policy_types.def"
#undef TYPE
};

static bool is_signed(u8 type)
{
	return type >= READ_int8 && type <= READ_int64;
}

static void show_capabilities(struct jot *jot, const char *key, u64 set)
{
	jot_open(jot, key, '[');
	for (int i = 0; i < 64; i++)
		if (set >> i & 1 && word_capability(i))
			jot_string(jot, NULL, word_capability(i));
	jot_close(jot, ']');
}

static void show_number(const struct policy_value *value, u8 type, struct jot *jot, struct text *plain)
{
	if (type == READ_syscall64) {
		jot_unsigned(jot, "value", value->number & 0x7fffffff);
		jot_string(jot, "abi", value->number >> 31 & 1 ? "i386" : "x64");
		text_add_u64(plain, value->number & 0x7fffffff);
	} else if (type == READ_kernel_cap_t || type == READ_cap_inheritable || type == READ_cap_permitted ||
		   type == READ_cap_effective) {
		show_capabilities(jot, "capabilities", value->number);
		text_add_format(plain, "0x%llx", (unsigned long long)value->number);
	} else if (is_signed(type)) {
		jot_signed(jot, "value", value->number);
		text_add_i64(plain, value->number);
	} else {
		jot_unsigned(jot, "value", value->number);
		text_add_u64(plain, value->number);
	}
	if (type == READ_capability && word_capability(value->number))
		jot_string(jot, "name", word_capability(value->number));
}

static void show_path(const struct policy_value *value, const struct bytes *path, struct jot *jot, struct text *plain)
{
	char mode[16];

	jot_bytes(jot, "path", path->data, path->length);
	if (path->full > path->length)
		jot_bool(jot, "cut", true);
	if (value->file.inode) {
		snprintf(mode, sizeof(mode), "0%o", value->file.mode);
		jot_string(jot, "mode", mode);
		jot_unsigned(jot, "inode", value->file.inode);
		jot_unsigned(jot, "device", value->file.device);
	}
	if (value->file.flags)
		jot_unsigned(jot, "flags", value->file.flags);
	escape_shell(plain, path->data, path->length);
}

static const char *family_word(u16 family)
{
	return family == AF_INET ? "ipv4" : family == AF_INET6 ? "ipv6" : family == AF_UNIX ? "unix" :
	       family == AF_NETLINK ? "netlink" : NULL;
}

static const char *protocol_word(u16 protocol)
{
	return protocol == IPPROTO_TCP ? "tcp" : protocol == IPPROTO_UDP ? "udp" : protocol == IPPROTO_ICMP ? "icmp" : NULL;
}

static const char *socket_word(u16 type)
{
	return type == SOCK_STREAM ? "stream" : type == SOCK_DGRAM ? "datagram" : type == SOCK_RAW ? "raw" : NULL;
}

static const char *state_word(u8 state)
{
	static const char *const words[] = { NULL, "established", "syn_sent", "syn_recv", "fin_wait1", "fin_wait2", "time_wait",
					     "close", "close_wait", "last_ack", "listen", "closing", "new_syn_recv" };

	return state < sizeof(words) / sizeof(words[0]) ? words[state] : NULL;
}

/* A name, or the number where there is none. */
static void show_word(struct jot *jot, const char *key, const char *word, u64 number)
{
	if (word)
		jot_string(jot, key, word);
	else
		jot_unsigned(jot, key, number);
}

/* `key` NULL: it is all there is, and stands by itself. */
static void show_end(struct jot *jot, const char *key, u16 family, const u8 *bytes, u16 port, struct text *plain)
{
	char address[INET6_ADDRSTRLEN];

	if (!inet_ntop(family, bytes, address, sizeof(address)))
		return;
	if (key)
		jot_open(jot, key, '{');
	jot_string(jot, "address", address);
	jot_unsigned(jot, "port", port);
	if (key)
		jot_close(jot, '}');
	text_add_format(plain, family == AF_INET6 ? "[%s]:%u" : "%s:%u", address, port);
}

static void show_socket(const struct policy_value *value, u8 type, struct jot *jot, struct text *plain)
{
	u16 family = value->socket.family;
	bool is_ip = family == AF_INET || family == AF_INET6;

	show_word(jot, "family", family_word(family), family);
	if (type == READ_sockaddr) {
		if (is_ip)
			show_end(jot, NULL, family, value->socket.local, value->socket.local_port, plain);
		else
			text_add(plain, family_word(family) ? family_word(family) : "-");
		return;
	}
	show_word(jot, "transport", protocol_word(value->socket.protocol), value->socket.protocol);
	if (type != READ_skb) {
		show_word(jot, "socket_type", socket_word(value->socket.type), value->socket.type);
		show_word(jot, "state", state_word(value->socket.state), value->socket.state);
	} else {
		jot_unsigned(jot, "length", value->socket.length);
		jot_unsigned(jot, "hash", value->socket.hash);
	}
	jot_unsigned(jot, "mark", value->socket.mark);
	jot_unsigned(jot, "priority", value->socket.priority);
	if (!is_ip) {
		text_add(plain, family_word(family) ? family_word(family) : "-");
		return;
	}
	show_end(jot, "local", family, value->socket.local, value->socket.local_port, plain);
	text_add(plain, " -> ");
	show_end(jot, "peer", family, value->socket.peer, value->socket.peer_port, plain);
}

static void show_credentials(const struct policy_value *value, struct jot *jot, struct text *plain)
{
	jot_unsigned(jot, "uid", value->credentials.uid);
	jot_unsigned(jot, "gid", value->credentials.gid);
	jot_unsigned(jot, "euid", value->credentials.euid);
	jot_unsigned(jot, "egid", value->credentials.egid);
	jot_unsigned(jot, "suid", value->credentials.suid);
	jot_unsigned(jot, "sgid", value->credentials.sgid);
	jot_unsigned(jot, "fsuid", value->credentials.fsuid);
	jot_unsigned(jot, "fsgid", value->credentials.fsgid);
	jot_unsigned(jot, "securebits", value->credentials.securebits);
	jot_unsigned(jot, "user_namespace", value->credentials.user_namespace);
	show_capabilities(jot, "permitted", value->credentials.permitted);
	show_capabilities(jot, "effective", value->credentials.effective);
	show_capabilities(jot, "inheritable", value->credentials.inheritable);
	text_add_format(plain, "uid %u euid %u", value->credentials.uid, value->credentials.euid);
}

static void show_object(const struct policy_value *value, u8 type, const struct bytes *name, struct jot *jot,
			struct text *plain)
{
	static const struct {
		u8 type;
		const char *keys[4];
	} objects[] = {
		{ READ_bpf_attr, { "program_type", "instructions" } },
		{ READ_bpf_prog, { "program_type", "instructions" } },
		{ READ_bpf_map, { "map_type", "key_size", "value_size", "max_entries" } },
		{ READ_perf_event, { "event_type", "config", "probe_offset" } },
		{ READ_module, { "taints", "signature_ok" } },
		{ READ_load_info, { "taints", "signature_ok" } },
		{ READ_user_namespace, { "level", "uid", "gid", "inode" } },
	};

	if (name->length) {
		jot_bytes(jot, "name", name->data, name->length);
		escape_shell(plain, name->data, name->length);
	}
	for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
		for (size_t j = 0; objects[i].type == type && j < 4 && objects[i].keys[j]; j++) {
			jot_unsigned(jot, objects[i].keys[j], value->object.numbers[j]);
			text_add_format(plain, "%s%s %llu", plain->length ? " " : "", objects[i].keys[j],
					(unsigned long long)value->object.numbers[j]);
		}
	}
}

/* The numbers of an array; false: it has none. */
static bool show_array(const struct policy_value *value, const struct bytes *string, struct jot *jot, struct text *plain)
{
	u32 width = value->number & ~POLICY_SIGNED;

	if (width != 1 && width != 2 && width != 4 && width != 8)
		return false;
	jot_open(jot, "value", '[');
	for (size_t at = 0; at + width <= string->length; at += width) {
		u64 number = 0;
		s64 with_sign;

		memcpy(&number, string->data + at, width);
		with_sign = (s64)(number << (64 - 8 * width)) >> (64 - 8 * width);
		text_add_char(plain, at ? ',' : '[');
		if (value->number & POLICY_SIGNED) {
			jot_signed(jot, NULL, with_sign);
			text_add_format(plain, "%lld", (long long)with_sign);
		} else {
			jot_unsigned(jot, NULL, number);
			text_add_format(plain, "%llu", (unsigned long long)number);
		}
	}
	jot_close(jot, ']');
	text_add_char(plain, ']');
	return true;
}

void policy_value_show(const struct event *event, u32 which, u8 type, const char *label, struct jot *jot, struct text *plain)
{
	const struct policy_record *record = (const void *)event->record;
	const struct policy_value *value = &record->value[which];
	const struct bytes *string = &event->strings[POLICY_STRING_VALUE + which];

	if (type >= sizeof(types) / sizeof(types[0]) || type == READ_nop)
		return;
	if (plain->length)
		text_add(plain, "  ");
	jot_open(jot, NULL, '{');
	jot_string(jot, "type", types[type].name);
	if (label && *label)
		jot_string(jot, "label", label);
	if (!(record->present >> which & 1)) {
		jot_string(jot, "error", "unreadable");
		text_add_char(plain, '-');
		jot_close(jot, '}');
		return;
	}
	switch (types[type].shape) {
	case SHAPE_NUMBER:
		show_number(value, type, jot, plain);
		break;
	case SHAPE_TEXT:
		if (type == READ_const_buf && show_array(value, string, jot, plain))
			break;
		jot_bytes(jot, "value", string->data, string->length);
		if (string->full > string->length)
			jot_unsigned(jot, "length", string->full);
		escape_shell(plain, string->data, string->length);
		break;
	case SHAPE_PATH:
		show_path(value, string, jot, plain);
		break;
	case SHAPE_SOCKET:
		show_socket(value, type, jot, plain);
		break;
	case SHAPE_CREDENTIALS:
		show_credentials(value, jot, plain);
		break;
	case SHAPE_OBJECT:
		show_object(value, type, string, jot, plain);
		break;
	}
	jot_close(jot, '}');
}
