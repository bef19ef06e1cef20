/*
 * The map of services: who uses which service of whom. Nodes are programs of this machine, in their containers, and hosts elsewhere; an edge
 * is a service, known by the server's port, and all that went over it. The ports of clients make no difference.
 *
 * What is drawn does not depend on the order in which flows came.
 */
#ifndef NET_GRAPH_H
#define NET_GRAPH_H

#include "net/flow.h"
#include "net/names.h"

enum graph_format {
	GRAPH_SVG,
	GRAPH_DOT,
	GRAPH_JSON,
	GRAPH_FORMATS,
};

extern const char *const graph_format_names[];	/* ends with NULL */

enum graph_kind {
	GRAPH_TOOL,		/* a program of this machine */
	GRAPH_TOOL_ELSEWHERE,	/* likewise, in a network namespace of its own; not in a container */
	GRAPH_SOCKET,		/* a Unix socket: who serves it is not known */
	GRAPH_HOST,		/* another machine */
	GRAPH_HOSTS,		/* several of them, of which there were too many */
};

struct graph_node {
	char *name;		/* tool, or the host's name or address */
	char *detail;		/* container, network namespace, or the address of a host with a name; NULL: none */
	enum graph_kind kind;
	u64 weight;		/* connections and bytes, for what stays when there are too many */
	u32 hosts;		/* of GRAPH_HOSTS: how many */
};

struct graph_edge {
	u32 client, server;	/* nodes */
	u16 port;		/* 0: none, or several */
	u8 transport;		/* IPPROTO_* */
	u64 connections;	/* that were made, datagram flows too */
	u64 to_server, to_client;	/* bytes */
	u64 failed, denied;	/* attempts; those that were never answered are with the failed */
	u64 dropped;		/* packets */
	u64 retransmits;
};

struct graph {
	struct graph_node *nodes;
	struct graph_edge *edges;
	u32 node_count, node_capacity, edge_count, edge_capacity;
	struct table node_by_name, edge_by_ends;
	struct names *names;	/* not owned */
	struct text key;	/* while one is put together */
	u64 folded;		/* edges for which there was no room: added to one without a port */
};

void graph_use(struct graph *graph, struct names *names);
void graph_free(struct graph *graph);
void graph_add(struct graph *graph, const struct flow *flow);
/* For flows that come from elsewhere than a watch. */
u32 graph_node(struct graph *graph, enum graph_kind kind, const char *name, size_t length, const char *detail);
struct graph_edge *graph_edge(struct graph *graph, u32 client, u32 server, u32 port, u8 transport);

/* Sorts, folds hosts of which there are too many, and writes. */
void graph_write(struct graph *graph, struct text *out, enum graph_format format);

#endif
