/*
 * A netlink socket belongs to the network namespace it was made in, for as long as it lives. So the namespace is entered once, for the moment
 * of making one, and left again.
 */
#define _GNU_SOURCE
#include "net/conntrack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/wall.h"
#include "net/networks.h"
#include "wire/net.h"

#define SPACES_MOST 256
/* Of namespaces that are neither the connection's nor the machine's. */
#define OTHERS_MOST 16
#define LOOK_NS 5000000000ULL
#define PATIENCE_US 50000

struct space {
	u32 inode;
	int socket;		/* -1: cannot be had */
	bool tracks;		/* has entries, as of this round */
};

struct conntrack {
	struct space spaces[SPACES_MOST];	/* the first is the machine's, in which sonde runs */
	size_t count;
	int home;		/* its namespace */
	u64 looked;		/* when named namespaces were looked for */
	u32 sequence;
};

/* --- messages --- */

struct message {
	struct nlmsghdr header;
	struct nfgenmsg generic;
	u8 attributes[256];
};

static struct nlattr *add(struct message *message, u16 type, const void *data, u16 length)
{
	struct nlattr *attribute = (void *)((u8 *)message + message->header.nlmsg_len);

	*attribute = (struct nlattr){ .nla_len = NLA_HDRLEN + length, .nla_type = type };
	if (length)
		memcpy(attribute + 1, data, length);
	message->header.nlmsg_len += NLA_ALIGN(attribute->nla_len);
	return attribute;
}

static void close_nest(struct message *message, struct nlattr *nest)
{
	nest->nla_type |= NLA_F_NESTED;
	nest->nla_len = (u8 *)message + message->header.nlmsg_len - (u8 *)nest;
}

static void add_tuple(struct message *message, const struct conntrack_question *question)
{
	u16 from = htons(question->from.port), to = htons(question->to.port);
	bool v4 = question->from.family == AF_INET;
	u8 protocol = question->transport == NET_TCP ? IPPROTO_TCP : IPPROTO_UDP;
	struct nlattr *tuple = add(message, CTA_TUPLE_ORIG, NULL, 0), *part = add(message, CTA_TUPLE_IP, NULL, 0);

	add(message, v4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC, question->from.address, v4 ? 4 : 16);
	add(message, v4 ? CTA_IP_V4_DST : CTA_IP_V6_DST, question->to.address, v4 ? 4 : 16);
	close_nest(message, part);
	part = add(message, CTA_TUPLE_PROTO, NULL, 0);
	add(message, CTA_PROTO_NUM, &protocol, 1);
	add(message, CTA_PROTO_SRC_PORT, &from, 2);
	add(message, CTA_PROTO_DST_PORT, &to, 2);
	close_nest(message, part);
	close_nest(message, tuple);
}

struct attributes {
	const u8 *at, *end;
};

/* The next attribute's type, and what is in it; 0: no more. */
static u16 next(struct attributes *left, struct attributes *inside)
{
	struct nlattr attribute;

	if (left->end - left->at < (long)sizeof(attribute))
		return 0;
	memcpy(&attribute, left->at, sizeof(attribute));
	if (attribute.nla_len < sizeof(attribute) || attribute.nla_len > left->end - left->at)
		return 0;
	inside->at = left->at + sizeof(attribute);
	inside->end = left->at + attribute.nla_len;
	left->at += NLA_ALIGN(attribute.nla_len) < left->end - left->at ? NLA_ALIGN(attribute.nla_len) : left->end - left->at;
	return attribute.nla_type & NLA_TYPE_MASK;
}

static void take_address(struct endpoint *endpoint, u32 family, struct attributes value)
{
	if (value.end - value.at == (family == AF_INET ? 4 : 16))
		endpoint_set(endpoint, family, value.at, endpoint->port);
}

static void take_port(struct endpoint *endpoint, struct attributes value)
{
	if (value.end - value.at == 2)
		endpoint->port = value.at[0] << 8 | value.at[1];
}

static void take_tuple(struct endpoint *from, struct endpoint *to, struct attributes tuple)
{
	struct attributes part, value;
	u16 type;

	while ((type = next(&tuple, &part))) {
		u16 inner;

		while ((inner = next(&part, &value))) {
			if (type == CTA_TUPLE_IP && (inner == CTA_IP_V4_SRC || inner == CTA_IP_V6_SRC))
				take_address(from, inner == CTA_IP_V4_SRC ? AF_INET : AF_INET6, value);
			else if (type == CTA_TUPLE_IP && (inner == CTA_IP_V4_DST || inner == CTA_IP_V6_DST))
				take_address(to, inner == CTA_IP_V4_DST ? AF_INET : AF_INET6, value);
			else if (type == CTA_TUPLE_PROTO && inner == CTA_PROTO_SRC_PORT)
				take_port(from, value);
			else if (type == CTA_TUPLE_PROTO && inner == CTA_PROTO_DST_PORT)
				take_port(to, value);
		}
	}
}

int conntrack_parse(const void *bytes, size_t length, struct conntrack_entry *entry)
{
	struct attributes left, inside;
	struct nlmsghdr header;
	u16 type;

	memset(entry, 0, sizeof(*entry));
	if (length < sizeof(header))
		return -EBADMSG;
	memcpy(&header, bytes, sizeof(header));
	if (header.nlmsg_type == NLMSG_ERROR)
		return -ENOENT;
	if (header.nlmsg_len > length || header.nlmsg_len < sizeof(header) + sizeof(struct nfgenmsg) ||
	    header.nlmsg_type != (NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW))
		return -EBADMSG;
	left.at = (const u8 *)bytes + sizeof(header) + sizeof(struct nfgenmsg);
	left.end = (const u8 *)bytes + header.nlmsg_len;
	while ((type = next(&left, &inside))) {
		if (type == CTA_TUPLE_ORIG)
			take_tuple(&entry->original_from, &entry->original_to, inside);
		else if (type == CTA_TUPLE_REPLY)
			take_tuple(&entry->reply_from, &entry->reply_to, inside);
	}
	if (!entry->original_from.family || !entry->original_to.family || !entry->reply_from.family || !entry->reply_to.family)
		return -EBADMSG;
	return 0;
}

/* The answer's length, or -errno. An older answer that came late is skipped. */
static ssize_t exchange(struct conntrack *conntrack, const struct space *space, struct message *message, void *answer,
			size_t room)
{
	struct nlmsghdr header;
	ssize_t got;

	message->header.nlmsg_seq = ++conntrack->sequence;
	if (send(space->socket, message, message->header.nlmsg_len, 0) < 0)
		return -errno;
	do {
		got = recv(space->socket, answer, room, 0);
		if (got < 0)
			return -errno;
		if (got < (ssize_t)sizeof(header))
			return -EBADMSG;
		memcpy(&header, answer, sizeof(header));
	} while (header.nlmsg_seq != conntrack->sequence);
	return got;
}

static void begin(struct message *message, u16 type, u32 family)
{
	memset(message, 0, sizeof(*message));
	message->header.nlmsg_len = sizeof(message->header) + sizeof(message->generic);
	message->header.nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | type;
	message->header.nlmsg_flags = NLM_F_REQUEST;
	message->generic.nfgen_family = family;
}

static bool has_entries(struct conntrack *conntrack, const struct space *space)
{
	u8 answer[1024];
	struct message message;
	struct attributes left = { answer, answer }, inside;
	ssize_t length;
	u16 type;

	begin(&message, IPCTNL_MSG_CT_GET_STATS, AF_UNSPEC);
	length = exchange(conntrack, space, &message, answer, sizeof(answer));
	if (length < (ssize_t)(sizeof(message.header) + sizeof(message.generic)))
		return false;
	left.at += sizeof(message.header) + sizeof(message.generic);
	left.end += length;
	while ((type = next(&left, &inside)))
		if (type == CTA_STATS_GLOBAL_ENTRIES && inside.end - inside.at == 4)
			return inside.at[0] | inside.at[1] | inside.at[2] | inside.at[3];
	return false;
}

/* --- namespaces --- */

static int make_socket(void)
{
	const struct timeval patience = { .tv_usec = PATIENCE_US };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);

	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

static int socket_in(struct conntrack *conntrack, const char *path)
{
	int there = open(path, O_RDONLY | O_CLOEXEC), fd = -1;

	if (there < 0)
		return -1;
	if (conntrack->home >= 0 && !setns(there, CLONE_NEWNET)) {
		fd = make_socket();
		/* It should never fail. All that depends on where sonde is are sockets like these: no more of them. */
		if (setns(conntrack->home, CLONE_NEWNET)) {
			close(conntrack->home);
			conntrack->home = -1;
		}
	}
	close(there);
	return fd;
}

static struct space *find(struct conntrack *conntrack, u32 inode)
{
	for (size_t i = 0; i < conntrack->count; i++)
		if (conntrack->spaces[i].inode == inode)
			return &conntrack->spaces[i];
	return NULL;
}

/* Also one that cannot be entered, so that it is not tried again and again. */
static struct space *learn(struct conntrack *conntrack, u32 inode, const char *path)
{
	struct space *space = find(conntrack, inode);

	if (space || !inode || conntrack->count == SPACES_MOST)
		return space;
	space = &conntrack->spaces[conntrack->count++];
	*space = (struct space){ .inode = inode, .socket = socket_in(conntrack, path) };
	space->tracks = space->socket >= 0 && has_entries(conntrack, space);
	return space;
}

/* A router in a namespace of its own need not have any process. */
static void learn_named(void *context, u32 inode, const char *path, const char *name)
{
	(void)name;
	learn(context, inode, path);
}

/* A socket keeps its namespace alive, so what nobody else has any more is let go. */
static void forget_all(struct conntrack *conntrack)
{
	while (conntrack->count > 1) {
		struct space *space = &conntrack->spaces[--conntrack->count];

		if (space->socket >= 0)
			close(space->socket);
	}
}

struct conntrack *conntrack_new(void)
{
	struct conntrack *conntrack = xcalloc(1, sizeof(*conntrack));

	conntrack->home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	return conntrack;
}

void conntrack_free(struct conntrack *conntrack)
{
	if (!conntrack)
		return;
	forget_all(conntrack);
	if (conntrack->count && conntrack->spaces[0].socket >= 0)
		close(conntrack->spaces[0].socket);
	if (conntrack->home >= 0)
		close(conntrack->home);
	free(conntrack);
}

void conntrack_begin(struct conntrack *conntrack)
{
	u64 now = wall_boot_now();

	if (conntrack->home < 0 || access("/proc/sys/net/netfilter/nf_conntrack_max", F_OK))
		return;
	if (!conntrack->count)
		conntrack->spaces[conntrack->count++] =
			(struct space){ .inode = networks_inode("/proc/self/ns/net"), .socket = make_socket() };
	if (now - conntrack->looked >= LOOK_NS) {
		forget_all(conntrack);
		networks_each(learn_named, conntrack);
		conntrack->looked = now;
	}
	for (size_t i = 0; i < conntrack->count; i++)
		conntrack->spaces[i].tracks = conntrack->spaces[i].socket >= 0 &&
					      has_entries(conntrack, &conntrack->spaces[i]);
}

/* --- questions --- */

/* Seen from whoever asks: the one who began has the original addresses, the other one the reply's. */
static bool translate(const struct conntrack_entry *entry, const struct conntrack_question *question, struct endpoint *other,
		      struct endpoint *self)
{
	bool began = endpoint_same(&entry->original_from, &question->from);

	*other = began ? entry->reply_from : entry->original_from;
	*self = began ? entry->reply_to : entry->original_to;
	return !endpoint_same(other, &question->to) || !endpoint_same(self, &question->from);
}

static bool ask(struct conntrack *conntrack, const struct space *space, const struct conntrack_question *question,
		struct endpoint *other, struct endpoint *self)
{
	struct conntrack_entry entry;
	struct message message;
	u8 answer[4096];
	ssize_t length;

	begin(&message, IPCTNL_MSG_CT_GET, question->from.family);
	add_tuple(&message, question);
	length = exchange(conntrack, space, &message, answer, sizeof(answer));
	return length > 0 && !conntrack_parse(answer, length, &entry) && translate(&entry, question, other, self);
}

bool conntrack_ask(struct conntrack *conntrack, const struct conntrack_question *question, struct endpoint *other,
		   struct endpoint *self)
{
	struct space *own;
	u32 others = 0;
	char path[64];

	if (!conntrack->count || (question->transport != NET_TCP && question->transport != NET_UDP))
		return false;
	own = find(conntrack, question->network_namespace);
	snprintf(path, sizeof(path), "/proc/%u/ns/net", question->pid);
	if (!own && question->pid && networks_inode(path) == question->network_namespace)
		own = learn(conntrack, question->network_namespace, path);
	if (own && own->tracks && ask(conntrack, own, question, other, self))
		return true;
	for (size_t i = 0; i < conntrack->count && others < OTHERS_MOST; i++) {
		if (&conntrack->spaces[i] == own || !conntrack->spaces[i].tracks)
			continue;
		others++;
		if (ask(conntrack, &conntrack->spaces[i], question, other, self))
			return true;
	}
	return false;
}
