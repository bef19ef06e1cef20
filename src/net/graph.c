/* Adding up. Nodes and edges are found by hashes of what they are; there is a limit to both. */
#include "net/graph.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "net/graph_own.h"

#define NODES_MOST 4096
#define EDGES_MOST 16384
/* More hosts than these make a picture nobody can read. */
#define HOSTS_SHOWN 24

const char *const graph_format_names[] = { "svg", "dot", "json", NULL };

void graph_use(struct graph *graph, struct names *names)
{
	graph->names = names;
}

void graph_free(struct graph *graph)
{
	for (u32 i = 0; i < graph->node_count; i++) {
		free(graph->nodes[i].name);
		free(graph->nodes[i].detail);
	}
	free(graph->nodes);
	free(graph->edges);
	table_free(&graph->node_by_name);
	table_free(&graph->edge_by_ends);
	text_free(&graph->key);
	memset(graph, 0, sizeof(*graph));
}

static u64 hash_bytes(const void *bytes, size_t length)
{
	const u8 *at = bytes;
	u64 hash = 0xcbf29ce484222325ULL;

	while (length--)
		hash = (hash ^ *at++) * 0x100000001b3ULL;
	return hash;
}

static bool is_node(const struct graph_node *node, enum graph_kind kind, const char *name, size_t length, const char *detail)
{
	return node->kind == kind && strlen(node->name) == length && !memcmp(node->name, name, length) &&
	       !strcmp(node->detail ? node->detail : "", detail ? detail : "");
}

static u32 add_node(struct graph *graph, u64 key, enum graph_kind kind, const char *name, size_t length, const char *detail)
{
	if (graph->node_count == graph->node_capacity) {
		graph->node_capacity = graph->node_capacity ? graph->node_capacity * 2 : 64;
		graph->nodes = xrealloc(graph->nodes, graph->node_capacity, sizeof(*graph->nodes));
	}
	graph->nodes[graph->node_count] = (struct graph_node){
		.name = xstrndup(name, length), .detail = detail ? xstrdup(detail) : NULL, .kind = kind };
	table_put(&graph->node_by_name, key, (void *)(uintptr_t)(graph->node_count + 1));
	return graph->node_count++;
}

/* The rest of those for which there is no room is one node. */
u32 graph_node(struct graph *graph, enum graph_kind kind, const char *name, size_t length, const char *detail)
{
	u64 key;
	size_t found;

	text_reset(&graph->key);
	text_add_char(&graph->key, 'a' + kind);
	text_add_bytes(&graph->key, name, length);
	text_add_char(&graph->key, '\0');
	text_add(&graph->key, detail ? detail : "");
	key = hash_bytes(graph->key.data, graph->key.length);
	/* Two of one hash have places one after the other. */
	while ((found = (uintptr_t)table_get(&graph->node_by_name, key))) {
		if (is_node(&graph->nodes[found - 1], kind, name, length, detail))
			return found - 1;
		key++;
	}
	if (graph->node_count >= NODES_MOST && kind != GRAPH_HOSTS)
		return graph_node(graph, GRAPH_HOSTS, "others", 6, NULL);
	return add_node(graph, key, kind, name, length, detail);
}

struct graph_edge *graph_edge(struct graph *graph, u32 client, u32 server, u32 port, u8 transport)
{
	u64 key = ((u64)client * NODES_MOST * 2 + server) << 32 | port << 8 | transport;
	size_t found = (uintptr_t)table_get(&graph->edge_by_ends, key);

	if (found)
		return &graph->edges[found - 1];
	if (graph->edge_count >= EDGES_MOST && port) {
		graph->folded++;
		return graph_edge(graph, client, server, 0, transport);
	}
	if (graph->edge_count == graph->edge_capacity) {
		graph->edge_capacity = graph->edge_capacity ? graph->edge_capacity * 2 : 64;
		graph->edges = xrealloc(graph->edges, graph->edge_capacity, sizeof(*graph->edges));
	}
	graph->edges[graph->edge_count] =
		(struct graph_edge){ .client = client, .server = server, .port = port, .transport = transport };
	table_put(&graph->edge_by_ends, key, (void *)(uintptr_t)(graph->edge_count + 1));
	return &graph->edges[graph->edge_count++];
}

static u32 node_of_tool(struct graph *graph, const struct party *party, u32 network_namespace)
{
	const char *name = party->tool->data, *network;
	size_t length = party->tool->length;
	char number[12];

	if (party->container)
		return graph_node(graph, GRAPH_TOOL, name, length, party->container->data);
	if (!graph->names || !names_is_elsewhere(graph->names, network_namespace))
		return graph_node(graph, GRAPH_TOOL, name, length, NULL);
	network = names_network(graph->names, network_namespace);
	snprintf(number, sizeof(number), "%u", network_namespace);
	return graph_node(graph, GRAPH_TOOL_ELSEWHERE, name, length, network ? network : number);
}

static u32 node_of(struct graph *graph, const struct flow_end *end)
{
	const struct party *party = end->party;
	struct text address = { 0 };
	const char *name;
	u32 node;

	if (party && party->tool)
		return node_of_tool(graph, party, end->network_namespace);
	if (end->here)
		return graph_node(graph, GRAPH_TOOL, "unknown", 7, NULL);
	endpoint_add_address(&address, &end->at);
	name = graph->names ? names_host(graph->names, &end->at) : NULL;
	if (name)
		node = graph_node(graph, GRAPH_HOST, name, strlen(name), text_string(&address));
	else
		node = graph_node(graph, GRAPH_HOST, text_string(&address), address.length, NULL);
	text_free(&address);
	return node;
}

void graph_add(struct graph *graph, const struct flow *flow)
{
	struct graph_edge *edge;
	u64 connections = flow->connections ? flow->connections : 1;
	u32 client, server;

	/* Who announces something to all talks to nobody. */
	if (!flow->path && (!flow->client.at.family || !flow->server.at.family || endpoint_is_many(&flow->server.at)))
		return;
	client = node_of(graph, &flow->client);
	server = flow->path ? graph_node(graph, GRAPH_SOCKET, flow->path, strnlen(flow->path, flow->path_length), NULL) :
			      node_of(graph, &flow->server);
	edge = graph_edge(graph, client, server, flow->server.at.port, flow->transport);
	if (flow->kind == FLOW_DROP)
		edge->dropped += flow->packets;
	else if (flow->verdict == FLOW_FAILED || flow->verdict == FLOW_PENDING)
		edge->failed += connections;
	else if (flow->verdict == FLOW_DENIED)
		edge->denied += connections;
	else
		edge->connections += connections;
	edge->to_server += flow->to_server;
	edge->to_client += flow->to_client;
	edge->retransmits += flow->retransmits;
}

/* --- before it is shown --- */

bool graph_is_tool(const struct graph_node *node)
{
	return node->kind == GRAPH_TOOL || node->kind == GRAPH_TOOL_ELSEWHERE;
}

void graph_add_name(struct text *out, const struct graph_node *node)
{
	if (node->kind == GRAPH_HOSTS && node->hosts)
		text_add_format(out, "%u ", node->hosts);
	text_add(out, node->name);
}

void graph_add_detail(struct text *out, const struct graph_node *node)
{
	if (node->kind == GRAPH_TOOL_ELSEWHERE)
		text_add(out, "netns ");
	if (node->detail)
		text_add(out, node->detail);
}

static int compare_names(const struct graph_node *one, const struct graph_node *other)
{
	int order = (int)one->kind - (int)other->kind;

	order = order ? order : strcmp(one->name, other->name);
	return order ? order : strcmp(one->detail ? one->detail : "", other->detail ? other->detail : "");
}

struct placed {
	struct graph_node node;
	u32 index;
};

static int by_name(const void *left, const void *right)
{
	return compare_names(&((const struct placed *)left)->node, &((const struct placed *)right)->node);
}

static int by_weight(const void *left, const void *right)
{
	const struct placed *one = left, *other = right;

	if (one->node.weight != other->node.weight)
		return one->node.weight < other->node.weight ? 1 : -1;
	return by_name(left, right);
}

static int by_ends(const void *left, const void *right)
{
	const struct graph_edge *one = left, *other = right;

	if (one->client != other->client)
		return one->client < other->client ? -1 : 1;
	if (one->server != other->server)
		return one->server < other->server ? -1 : 1;
	if (one->transport != other->transport)
		return one->transport < other->transport ? -1 : 1;
	return (int)one->port - (int)other->port;
}

static void weigh(struct graph *graph)
{
	for (u32 i = 0; i < graph->node_count; i++)
		graph->nodes[i].weight = 0;
	for (u32 i = 0; i < graph->edge_count; i++) {
		const struct graph_edge *edge = &graph->edges[i];
		u64 weight = edge->to_server + edge->to_client + 1024 * (edge->connections + edge->failed + edge->denied) +
			     edge->dropped;

		graph->nodes[edge->client].weight += weight;
		graph->nodes[edge->server].weight += weight;
	}
}

/* Edges between nodes as they are numbered anew; those that became the same are added up. */
static void renumber(struct graph *graph, const u32 *now)
{
	u32 kept = 0;

	for (u32 i = 0; i < graph->edge_count; i++) {
		graph->edges[i].client = now[graph->edges[i].client];
		graph->edges[i].server = now[graph->edges[i].server];
	}
	if (graph->edge_count)
		qsort(graph->edges, graph->edge_count, sizeof(*graph->edges), by_ends);
	for (u32 i = 0; i < graph->edge_count; i++) {
		struct graph_edge *edge = &graph->edges[i], *last = kept ? &graph->edges[kept - 1] : NULL;

		if (!last || by_ends(last, edge)) {
			graph->edges[kept++] = *edge;
			continue;
		}
		last->connections += edge->connections;
		last->to_server += edge->to_server;
		last->to_client += edge->to_client;
		last->failed += edge->failed;
		last->denied += edge->denied;
		last->dropped += edge->dropped;
		last->retransmits += edge->retransmits;
	}
	graph->edge_count = kept;
}

/* The least of the hosts become one, each remembered by its number. */
static u32 fold(const struct graph *graph, struct placed *placed)
{
	u32 hosts = 0, kept = 0, others = ~0U;

	qsort(placed, graph->node_count, sizeof(*placed), by_weight);
	for (u32 i = 0; i < graph->node_count; i++) {
		bool host = placed[i].node.kind == GRAPH_HOST;

		if (host && hosts++ >= HOSTS_SHOWN) {
			if (others == ~0U) {
				others = kept;
				placed[kept] = (struct placed){ .node = { .name = xstrdup("other hosts"), .kind = GRAPH_HOSTS },
								.index = ~0U };
				kept++;
			}
			/* What stood there is in the list of nodes still. */
			placed[others].node.hosts++;
			continue;
		}
		placed[kept++] = placed[i];
	}
	return kept;
}

static void settle(struct graph *graph)
{
	struct placed *placed = xcalloc(graph->node_count + 1, sizeof(*placed));
	u32 *now = xcalloc(graph->node_count + 1, sizeof(*now)), kept, others = ~0U;

	for (u32 i = 0; i < graph->node_count; i++)
		placed[i] = (struct placed){ graph->nodes[i], i };
	kept = fold(graph, placed);
	qsort(placed, kept, sizeof(*placed), by_name);
	memset(now, 0xff, graph->node_count * sizeof(*now));
	for (u32 i = 0; i < kept; i++) {
		if (placed[i].index == ~0U)
			others = i;
		else
			now[placed[i].index] = i;
	}
	for (u32 i = 0; i < graph->node_count; i++)
		if (now[i] == ~0U) {
			now[i] = others;
			free(graph->nodes[i].name);
			free(graph->nodes[i].detail);
		}
	renumber(graph, now);
	for (u32 i = 0; i < kept; i++)
		graph->nodes[i] = placed[i].node;
	graph->node_count = kept;
	free(placed);
	free(now);
}

void graph_write(struct graph *graph, struct text *out, enum graph_format format)
{
	weigh(graph);
	if (graph->node_count)
		settle(graph);
	switch (format) {
	case GRAPH_SVG:
		graph_svg(graph, out);
		break;
	case GRAPH_DOT:
		graph_dot(graph, out);
		break;
	default:
		graph_json(graph, out);
	}
}
