/*
 * What the kernel's connection tracking knows of translated addresses. It is asked by netlink, a question for one connection at a
 * time, in the network namespaces where a translation can be: the connection's own, the machine's, and others that were seen.
 * Nothing is asked, and no module loaded, on a machine that does not track connections.
 */
#ifndef NET_CONNTRACK_H
#define NET_CONNTRACK_H

#include "net/endpoint.h"

struct conntrack;

struct conntrack *conntrack_new(void);
void conntrack_free(struct conntrack *conntrack);

/* Before a round of questions: looks which namespaces have anything to say. */
void conntrack_begin(struct conntrack *conntrack);

struct conntrack_question {
	u32 network_namespace;	/* in which the socket is */
	u32 pid;		/* a process that may be in it; 0: none known */
	u8 transport;		/* NET_TCP, NET_UDP */
	struct endpoint from, to;	/* the socket's own address, and what it calls its peer */
};

/* True: it is translated. The other end's own address, and what that one calls this end. */
bool conntrack_ask(struct conntrack *conntrack, const struct conntrack_question *question, struct endpoint *other,
		   struct endpoint *self);

/* An entry: who asked whom, and who answers whom. */
struct conntrack_entry {
	struct endpoint original_from, original_to, reply_from, reply_to;
};

/* The answer to a question, as it came: 0, -ENOENT: there is no entry, -EBADMSG. */
int conntrack_parse(const void *bytes, size_t length, struct conntrack_entry *entry);

#endif
