/* The map of services: what becomes of flows, that chance changes nothing, that names are escaped, and where things are drawn. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <netinet/in.h>

#include "net/graph_own.h"
#include "tests/json_valid.h"

static void add_edge(struct graph *graph, const char *client, const char *server, u32 port)
{
	u32 from = graph_node(graph, GRAPH_TOOL, client, strlen(client), NULL);
	u32 to = graph_node(graph, GRAPH_TOOL, server, strlen(server), NULL);

	graph_edge(graph, from, to, port, IPPROTO_TCP)->connections++;
}

static const char *const edges[][2] = {
	{ "nginx", "app" }, { "app", "postgres" }, { "app", "redis" }, { "nginx", "redis" }, { "wrk", "nginx" },
	{ "postgres", "app" }, { "cron", "postgres" }, { "app", "app" },
};

#define EDGES (sizeof(edges) / sizeof(edges[0]))

static void draw(struct text *out, bool backwards, enum graph_format format)
{
	struct graph graph = { 0 };

	for (size_t i = 0; i < EDGES; i++) {
		size_t at = backwards ? EDGES - 1 - i : i;

		add_edge(&graph, edges[at][0], edges[at][1], 1000 + at);
	}
	graph_write(&graph, out, format);
	graph_free(&graph);
}

static void test_the_order_makes_no_difference(void **state)
{
	(void)state;
	for (int format = 0; format < GRAPH_FORMATS; format++) {
		struct text one = { 0 }, other = { 0 };

		draw(&one, false, format);
		draw(&other, true, format);
		assert_string_equal(text_string(&one), text_string(&other));
		text_free(&one);
		text_free(&other);
	}
}

static void test_flows_are_added_up(void **state)
{
	struct graph graph = { 0 };
	struct text out = { 0 };
	struct flow flow = { .transport = IPPROTO_TCP, .to_server = 10, .to_client = 20 };
	struct cidr client, server;

	(void)state;
	cidr_parse("10.0.0.1", &client);
	cidr_parse("10.0.0.2", &server);
	flow.client.at = client.base;
	flow.server.at = server.base;
	flow.server.at.port = 80;
	for (u32 port = 40000; port < 40010; port++) {
		flow.client.at.port = port;
		flow.verdict = port == 40009 ? FLOW_FAILED : FLOW_FORWARDED;
		graph_add(&graph, &flow);
	}
	flow.kind = FLOW_DROP;
	flow.verdict = FLOW_DROPPED;
	flow.packets = 7;
	flow.to_server = flow.to_client = 0;
	graph_add(&graph, &flow);
	/* To everybody is to nobody. */
	cidr_parse("224.0.0.251", &server);
	flow.server.at = server.base;
	graph_add(&graph, &flow);
	assert_int_equal(graph.node_count, 2);
	assert_int_equal(graph.edge_count, 1);
	graph_write(&graph, &out, GRAPH_JSON);
	assert_non_null(strstr(text_string(&out), "\"port\":80,\"connections\":9,\"bytes\":{\"to_server\":100,\"to_client\":200},"
						  "\"errors\":{\"failed\":1,\"denied\":0,\"dropped_packets\":7"));
	text_free(&out);
	graph_free(&graph);
}

/* A program in another network namespace is another one. */
static void test_namespaces(void **state)
{
	struct names *names = names_new(&(struct names_options){ .hosts = "/dev/null", .services = "/dev/null" });
	struct shared_bytes *tool = calloc(1, sizeof(*tool) + 6);
	const struct party party = { .pid = 7, .tool = tool };
	struct graph graph = { 0 };
	struct text out = { 0 };
	struct flow flow = { .transport = IPPROTO_TCP, .client.party = &party, .server.party = &party };

	(void)state;
	memcpy((char *)tool->data, "nginx", 5);
	tool->length = 5;
	graph_use(&graph, names);
	flow.client.at.family = flow.server.at.family = AF_INET;
	flow.server.at.port = 80;
	flow.server.network_namespace = 1;
	graph_add(&graph, &flow);
	graph_write(&graph, &out, GRAPH_JSON);
	assert_non_null(strstr(text_string(&out), "{\"nodes\":[{\"id\":0,\"kind\":\"tool\",\"name\":\"nginx\"},"
						  "{\"id\":1,\"kind\":\"tool\",\"name\":\"nginx\",\"network_namespace\":\"1\"}]"));
	text_reset(&out);
	graph_write(&graph, &out, GRAPH_DOT);
	assert_non_null(strstr(text_string(&out), "n1 [label=\"nginx\\nnetns 1\"];"));
	text_free(&out);
	graph_free(&graph);
	names_free(names);
	free(tool);
}

static void test_too_many_hosts_become_one(void **state)
{
	struct graph graph = { 0 };
	struct text out = { 0 };
	u32 server = graph_node(&graph, GRAPH_TOOL, "nginx", 5, NULL);
	char name[16];

	(void)state;
	for (u32 i = 0; i < 100; i++) {
		u32 host;

		snprintf(name, sizeof(name), "10.0.0.%u", i);
		host = graph_node(&graph, GRAPH_HOST, name, strlen(name), NULL);
		graph_edge(&graph, host, server, 80, IPPROTO_TCP)->connections = 1 + i % 50;
	}
	graph_write(&graph, &out, GRAPH_JSON);
	assert_int_equal(graph.node_count, 26);
	assert_non_null(strstr(text_string(&out), "\"name\":\"other hosts\",\"hosts\":76"));
	text_free(&out);
	graph_free(&graph);
}

static void test_hostile_names(void **state)
{
	static const char name[] = "a\"><script>alert(1)</script>&\n\x1b[31m\\\xff'";
	struct graph graph = { 0 };
	struct text out = { 0 };

	(void)state;
	add_edge(&graph, name, "b", 80);
	graph_write(&graph, &out, GRAPH_SVG);
	assert_null(strstr(text_string(&out), "<script"));
	assert_null(strchr(text_string(&out), 0x1b));
	assert_null(strchr(text_string(&out), 0xff));
	assert_non_null(strstr(text_string(&out), "&lt;script&gt;"));
	text_reset(&out);
	graph_write(&graph, &out, GRAPH_DOT);
	assert_non_null(strstr(text_string(&out), "[label=\"a\\\"><script>alert(1)</script>&\\\\n\\\\x1b[31m\\\\\\\\xff'\"]"));
	text_reset(&out);
	graph_write(&graph, &out, GRAPH_JSON);
	assert_null(json_line_wrong(text_string(&out), out.length));
	text_free(&out);
	graph_free(&graph);
}

static void test_nothing(void **state)
{
	struct graph graph = { 0 };
	struct text out = { 0 };

	(void)state;
	graph_write(&graph, &out, GRAPH_SVG);
	assert_non_null(strstr(text_string(&out), "Nothing was seen"));
	text_free(&out);
	graph_free(&graph);
}

/* --- places --- */

static void lay(struct layout *layout, const u32 (*lines)[2], u32 count, u32 boxes)
{
	memset(layout, 0, sizeof(*layout));
	layout->boxes = calloc(boxes, sizeof(*layout->boxes));
	layout->lines = calloc(count + 1, sizeof(*layout->lines));
	layout->box_count = boxes;
	layout->line_count = count;
	layout->layer_gap = 100;
	for (u32 i = 0; i < boxes; i++) {
		layout->boxes[i].width = 80;
		layout->boxes[i].height = 30;
	}
	for (u32 i = 0; i < count; i++)
		layout->lines[i] = (struct layout_line){ .from = lines[i][0], .to = lines[i][1] };
	layout_make(layout);
}

static void assert_apart(const struct layout *layout)
{
	for (u32 i = 0; i < layout->box_count; i++) {
		const struct layout_box *one = &layout->boxes[i];

		assert_true(one->x - one->width / 2 >= 0 && one->x + one->width / 2 <= layout->width);
		assert_true(one->y - one->height / 2 >= 0 && one->y + one->height / 2 <= layout->height);
		for (u32 j = 0; j < i; j++) {
			double x = one->x - layout->boxes[j].x, y = one->y - layout->boxes[j].y;

			assert_true(x >= 80 || x <= -80 || y >= 30 || y <= -30);
		}
	}
}

static void test_layers(void **state)
{
	static const u32 lines[][2] = { { 0, 1 }, { 1, 2 }, { 0, 2 }, { 3, 2 } };
	struct layout layout;

	(void)state;
	lay(&layout, lines, 4, 4);
	assert_apart(&layout);
	assert_int_equal(layout.boxes[0].layer, 0);
	assert_int_equal(layout.boxes[1].layer, 1);
	assert_int_equal(layout.boxes[2].layer, 2);
	/* Beside what it leads to, not at the far left. */
	assert_int_equal(layout.boxes[3].layer, 1);
	/* One that passes a layer has a place there. */
	assert_int_equal(layout.lines[0].count, 2);
	assert_int_equal(layout.lines[2].count, 4);
	layout_free(&layout);
}

static void test_circles(void **state)
{
	static const u32 lines[][2] = { { 0, 1 }, { 1, 2 }, { 2, 0 }, { 1, 1 } };
	struct layout layout;

	(void)state;
	lay(&layout, lines, 4, 3);
	assert_apart(&layout);
	/* Back from the right to the left. */
	assert_true(layout.lines[2].points[0].x > layout.lines[2].points[layout.lines[2].count - 1].x);
	assert_int_equal(layout.lines[3].count, 0);
	layout_free(&layout);
}

/* What has nothing to do with each other stands beside each other, and not far away. */
static void test_no_empty_bands(void **state)
{
	static const u32 lines[][2] = { { 0, 2 }, { 8, 3 }, { 4, 9 }, { 8, 2 }, { 8, 3 }, { 8, 0 }, { 9, 3 }, { 1, 6 } };
	struct layout layout;

	(void)state;
	lay(&layout, lines, 8, 10);
	assert_apart(&layout);
	assert_true(layout.height <= 10 * 60);
	layout_free(&layout);
}

/* Numbers behind ` x="` and so on of the next label. */
static const char *next_label(const char *svg, double *x, double *y, double *width)
{
	const char *at = strstr(svg, "class=\"back\"");

	if (!at || sscanf(at, "class=\"back\" x=\"%lf\" y=\"%lf\" width=\"%lf\"", x, y, width) != 3)
		return NULL;
	return at + 1;
}

static void test_labels_do_not_hide_each_other(void **state)
{
	static const char *const edges[][2] = { { "curl", "a" }, { "curl", "b" }, { "curl", "nginx" }, { "wrk", "nginx" },
						{ "nginx", "nginx" }, { "nginx", "php" } };
	double x[8], y[8], width[8], whole;
	struct graph graph = { 0 };
	struct text out = { 0 };
	const char *at;
	u32 count = 0;

	(void)state;
	for (u32 i = 0; i < sizeof(edges) / sizeof(edges[0]); i++)
		add_edge(&graph, edges[i][0], edges[i][1], 1000 + i);
	graph_write(&graph, &out, GRAPH_SVG);
	assert_int_equal(sscanf(strstr(text_string(&out), "viewBox"), "viewBox=\"0 0 %lf", &whole), 1);
	for (at = text_string(&out); count < 8 && (at = next_label(at, &x[count], &y[count], &width[count])); count++) {
		assert_true(x[count] >= 0 && x[count] + width[count] <= whole);
		for (u32 i = 0; i < count; i++)
			assert_true(x[count] >= x[i] + width[i] || x[i] >= x[count] + width[count] || y[count] >= y[i] + 26 ||
				    y[i] >= y[count] + 26);
	}
	assert_int_equal(count, 6);
	text_free(&out);
	graph_free(&graph);
}

static void test_any_graph(void **state)
{
	u64 seed = 1;

	(void)state;
	for (int round = 0; round < 60; round++) {
		u32 boxes = 1 + round % 20, count = round % 40, lines[40][2];
		struct layout layout;

		for (u32 i = 0; i < count; i++)
			for (u32 end = 0; end < 2; end++) {
				seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
				lines[i][end] = (seed >> 33) % boxes;
			}
		lay(&layout, (const u32 (*)[2])lines, count, boxes);
		assert_apart(&layout);
		layout_free(&layout);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_order_makes_no_difference),
		cmocka_unit_test(test_flows_are_added_up),
		cmocka_unit_test(test_namespaces),
		cmocka_unit_test(test_too_many_hosts_become_one),
		cmocka_unit_test(test_hostile_names),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_layers),
		cmocka_unit_test(test_circles),
		cmocka_unit_test(test_no_empty_bands),
		cmocka_unit_test(test_labels_do_not_hide_each_other),
		cmocka_unit_test(test_any_graph),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
