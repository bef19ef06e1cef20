/* The graph for programs: DOT, as graphviz reads it, and JSON. */
#include <netinet/in.h>
#include <string.h>

#include "base/duration.h"
#include "base/escape.h"
#include "base/jot.h"
#include "net/graph_own.h"

void graph_add_service(struct text *out, const struct graph *graph, const struct graph_edge *edge)
{
	const char *name = edge->port && graph->names ? names_service(graph->names, edge->port, edge->transport) : NULL;
	char number[8];

	if (edge->transport != IPPROTO_TCP || !edge->port)
		text_add_format(out, "%s%s", flow_transport_name(edge->transport, number), edge->port ? " " : "");
	if (edge->port)
		text_add_format(out, "%u", edge->port);
	if (name) {
		text_add_char(out, '/');
		escape_terminal(out, name, strlen(name));
	}
}

/* The inside of a quoted string. */
static void add_quoted(struct text *out, const char *bytes)
{
	struct text safe = { 0 };

	escape_terminal(&safe, bytes, strlen(bytes));
	for (size_t i = 0; i < safe.length; i++) {
		if (safe.data[i] == '"' || safe.data[i] == '\\')
			text_add_char(out, '\\');
		text_add_char(out, safe.data[i]);
	}
	text_free(&safe);
}

static void add_edge_label(struct text *out, const struct graph *graph, const struct graph_edge *edge)
{
	char size[SIZE_TEXT_SIZE];
	struct text service = { 0 };

	graph_add_service(&service, graph, edge);
	add_quoted(out, text_string(&service));
	text_free(&service);
	if (edge->connections)
		text_add_format(out, "\\n%llu × %s", (unsigned long long)edge->connections,
				size_format(edge->to_server + edge->to_client, size));
	if (edge->failed)
		text_add_format(out, "\\n%llu failed", (unsigned long long)edge->failed);
	if (edge->denied)
		text_add_format(out, "\\n%llu denied", (unsigned long long)edge->denied);
	if (edge->dropped)
		text_add_format(out, "\\n%llu dropped", (unsigned long long)edge->dropped);
}

void graph_dot(const struct graph *graph, struct text *out)
{
	struct text label = { 0 };

	text_add(out, "digraph flows {\n\trankdir=LR;\n\tnode [shape=box, style=rounded, fontname=\"sans-serif\"];\n"
		      "\tedge [fontname=\"sans-serif\", fontsize=10];\n");
	for (u32 i = 0; i < graph->node_count; i++) {
		const struct graph_node *node = &graph->nodes[i];

		text_add_format(out, "\tn%u [label=\"", i);
		text_reset(&label);
		graph_add_name(&label, node);
		add_quoted(out, text_string(&label));
		if (node->detail) {
			text_add(out, "\\n");
			text_reset(&label);
			graph_add_detail(&label, node);
			add_quoted(out, text_string(&label));
		}
		text_add(out, graph_is_tool(node) ? "\"];\n" : "\", style=\"rounded,dashed\"];\n");
	}
	for (u32 i = 0; i < graph->edge_count; i++) {
		const struct graph_edge *edge = &graph->edges[i];

		text_add_format(out, "\tn%u -> n%u [label=\"", edge->client, edge->server);
		add_edge_label(out, graph, edge);
		text_add(out, edge->failed + edge->denied + edge->dropped ? "\", color=red];\n" : "\"];\n");
	}
	text_add(out, "}\n");
	text_free(&label);
}

static const char *const kinds[] = {
	[GRAPH_TOOL] = "tool", [GRAPH_TOOL_ELSEWHERE] = "tool", [GRAPH_SOCKET] = "socket", [GRAPH_HOST] = "host",
	[GRAPH_HOSTS] = "hosts",
};

/* What the detail is. */
static const char *const details[] = {
	[GRAPH_TOOL] = "container", [GRAPH_TOOL_ELSEWHERE] = "network_namespace", [GRAPH_SOCKET] = "address",
	[GRAPH_HOST] = "address", [GRAPH_HOSTS] = "address",
};

static void add_node(struct jot *jot, const struct graph_node *node, u32 id)
{
	jot_open(jot, NULL, '{');
	jot_unsigned(jot, "id", id);
	jot_string(jot, "kind", kinds[node->kind]);
	jot_string(jot, "name", node->name);
	if (node->detail)
		jot_string(jot, details[node->kind], node->detail);
	if (node->hosts)
		jot_unsigned(jot, "hosts", node->hosts);
	jot_close(jot, '}');
}

static void add_edge(struct jot *jot, const struct graph *graph, const struct graph_edge *edge)
{
	const char *service = graph->names ? names_service(graph->names, edge->port, edge->transport) : NULL;
	char number[8];

	jot_open(jot, NULL, '{');
	jot_unsigned(jot, "client", edge->client);
	jot_unsigned(jot, "server", edge->server);
	jot_string(jot, "transport", flow_transport_name(edge->transport, number));
	if (edge->port)
		jot_unsigned(jot, "port", edge->port);
	if (service)
		jot_string(jot, "service", service);
	jot_unsigned(jot, "connections", edge->connections);
	jot_open(jot, "bytes", '{');
	jot_unsigned(jot, "to_server", edge->to_server);
	jot_unsigned(jot, "to_client", edge->to_client);
	jot_close(jot, '}');
	jot_open(jot, "errors", '{');
	jot_unsigned(jot, "failed", edge->failed);
	jot_unsigned(jot, "denied", edge->denied);
	jot_unsigned(jot, "dropped_packets", edge->dropped);
	jot_unsigned(jot, "retransmits", edge->retransmits);
	jot_close(jot, '}');
	jot_close(jot, '}');
}

void graph_json(const struct graph *graph, struct text *out)
{
	struct jot jot = { .out = out };

	jot_open(&jot, NULL, '{');
	jot_open(&jot, "nodes", '[');
	for (u32 i = 0; i < graph->node_count; i++)
		add_node(&jot, &graph->nodes[i], i);
	jot_close(&jot, ']');
	jot_open(&jot, "edges", '[');
	for (u32 i = 0; i < graph->edge_count; i++)
		add_edge(&jot, graph, &graph->edges[i]);
	jot_close(&jot, ']');
	jot_close(&jot, '}');
	text_add_char(out, '\n');
}
