/*
 * The graph as a picture that needs nothing else: colours follow what the reader prefers, light or dark, and what a pointer rests on
 * says more. Names come from anywhere and are escaped.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/columns.h"
#include "base/duration.h"
#include "base/escape.h"
#include "net/graph_own.h"

#define COLUMN_WIDTH 7.3	/* of a letter of 12 pixels, with some to spare */
#define NAME_COLUMNS 30
#define LABEL_COLUMNS 26
#define LABEL_HEIGHT 13
#define SERVICES_NAMED 3

static const char style[] =
	"<style>"
	"svg{background:#fff;color-scheme:light dark;font:12px system-ui,sans-serif}"
	"text{fill:#1d2530}.d{fill:#5b6775}.box{fill:#eef4fb;stroke:#4a7ab5}.host .box{fill:#f4f2ec;stroke:#9a8f78;"
	"stroke-dasharray:4 3}.line{fill:none;stroke:#7b8794}.bad .line{stroke:#c23b3b}.bad text{fill:#a32626}"
	".head{fill:#7b8794}.badhead{fill:#c23b3b}.back{fill:#fff;opacity:.85}"
	"@media(prefers-color-scheme:dark){svg{background:#14181d}text{fill:#e3e8ee}.d{fill:#9aa7b5}"
	".box{fill:#1d2b3c;stroke:#6ea3e0}.host .box{fill:#2a2721;stroke:#b5a888}.line{stroke:#8a96a3}"
	".bad .line{stroke:#ef6b6b}.bad text{fill:#ff9a9a}.head{fill:#8a96a3}.badhead{fill:#ef6b6b}.back{fill:#14181d}}"
	"</style>\n";

/* All edges between the same two nodes are one line. */
struct bundle {
	const struct graph_edge *first;
	u32 count;
};

struct drawing {
	const struct graph *graph;
	struct layout layout;
	struct bundle *bundles;
};

static void add_xml(struct text *out, const char *bytes, size_t length)
{
	struct text safe = { 0 };

	escape_terminal(&safe, bytes, length);
	escape_markup(out, text_string(&safe), safe.length);
	text_free(&safe);
}

/* As much as there is room for. */
static void add_cut(struct text *out, const char *bytes, size_t most)
{
	struct text safe = { 0 }, cut = { 0 };

	escape_terminal(&safe, bytes, strlen(bytes));
	columns_cut(&cut, text_string(&safe), safe.length, most);
	add_xml(out, text_string(&cut), cut.length);
	text_free(&safe);
	text_free(&cut);
}

static double width_of(const char *bytes, size_t most)
{
	struct text safe = { 0 };
	size_t columns;

	escape_terminal(&safe, bytes, strlen(bytes));
	columns = columns_of(text_string(&safe), safe.length);
	text_free(&safe);
	return (columns < most ? columns : most) * COLUMN_WIDTH;
}

static void name_node(struct text *out, const struct graph_node *node)
{
	if (node->kind == GRAPH_HOSTS && node->hosts)
		text_add_format(out, "%u ", node->hosts);
	text_add(out, node->name);
}

/* --- what is to be placed --- */

static void prepare(struct drawing *drawing)
{
	const struct graph *graph = drawing->graph;
	struct layout *layout = &drawing->layout;

	layout->boxes = xcalloc(graph->node_count + 1, sizeof(*layout->boxes));
	layout->box_count = graph->node_count;
	layout->lines = xcalloc(graph->edge_count + 1, sizeof(*layout->lines));
	drawing->bundles = xcalloc(graph->edge_count + 1, sizeof(*drawing->bundles));
	layout->layer_gap = LABEL_COLUMNS * COLUMN_WIDTH;
	for (u32 i = 0; i < graph->node_count; i++) {
		const struct graph_node *node = &graph->nodes[i];
		struct text name = { 0 };
		double width, detail = node->detail ? width_of(node->detail, NAME_COLUMNS) : 0;

		name_node(&name, node);
		width = width_of(text_string(&name), NAME_COLUMNS);
		layout->boxes[i].width = (width > detail ? width : detail) + 24;
		layout->boxes[i].height = node->detail ? 40 : 28;
		text_free(&name);
	}
	/* Sorted by their ends. */
	for (u32 i = 0; i < graph->edge_count; i++) {
		const struct graph_edge *edge = &graph->edges[i];
		struct bundle *last = layout->line_count ? &drawing->bundles[layout->line_count - 1] : NULL;

		if (last && last->first->client == edge->client && last->first->server == edge->server) {
			last->count++;
			continue;
		}
		drawing->bundles[layout->line_count] = (struct bundle){ edge, 1 };
		layout->lines[layout->line_count++] = (struct layout_line){ .from = edge->client, .to = edge->server };
	}
}

/* --- drawing --- */

static bool is_bad(const struct bundle *bundle)
{
	for (u32 i = 0; i < bundle->count; i++)
		if (bundle->first[i].failed + bundle->first[i].denied + bundle->first[i].dropped)
			return true;
	return false;
}

static void add_number(struct text *out, u64 number, const char *what)
{
	if (number)
		text_add_format(out, "%s%llu %s", out->length ? ", " : "", (unsigned long long)number, what);
}

static void say_sums(struct text *out, const struct bundle *bundle)
{
	u64 connections = 0, failed = 0, denied = 0, dropped = 0, bytes = 0;
	char size[SIZE_TEXT_SIZE];

	for (u32 i = 0; i < bundle->count; i++) {
		connections += bundle->first[i].connections;
		failed += bundle->first[i].failed;
		denied += bundle->first[i].denied;
		dropped += bundle->first[i].dropped;
		bytes += bundle->first[i].to_server + bundle->first[i].to_client;
	}
	if (connections)
		text_add_format(out, "%llu × %s", (unsigned long long)connections, size_format(bytes, size));
	add_number(out, failed, "failed");
	add_number(out, denied, "denied");
	add_number(out, dropped, "dropped");
}

static void say_services(struct text *out, const struct graph *graph, const struct bundle *bundle)
{
	for (u32 i = 0; i < bundle->count && i < SERVICES_NAMED; i++) {
		text_add(out, i ? ", " : "");
		graph_add_service(out, graph, &bundle->first[i]);
	}
	if (bundle->count > SERVICES_NAMED)
		text_add_format(out, ", %u more", bundle->count - SERVICES_NAMED);
}

/* What a pointer that rests on a line is told: each service by itself. */
static void add_title(struct text *out, const struct graph *graph, const struct bundle *bundle)
{
	struct text title = { 0 };
	char one[SIZE_TEXT_SIZE], other[SIZE_TEXT_SIZE];

	name_node(&title, &graph->nodes[bundle->first->client]);
	text_add(&title, " to ");
	name_node(&title, &graph->nodes[bundle->first->server]);
	text_add(out, "<title>");
	add_xml(out, text_string(&title), title.length);
	for (u32 i = 0; i < bundle->count && i < 40; i++) {
		const struct graph_edge *edge = &bundle->first[i];

		text_reset(&title);
		graph_add_service(&title, graph, edge);
		text_add_format(&title, ": %llu made, %s there, %s back, %llu failed, %llu denied, %llu packets dropped",
				(unsigned long long)edge->connections, size_format(edge->to_server, one),
				size_format(edge->to_client, other), (unsigned long long)edge->failed,
				(unsigned long long)edge->denied, (unsigned long long)edge->dropped);
		text_add_char(out, '\n');
		add_xml(out, text_string(&title), title.length);
	}
	text_add(out, "</title>");
	text_free(&title);
}

static void add_label(struct text *out, double x, double y, const struct graph *graph, const struct bundle *bundle)
{
	struct text services = { 0 }, sums = { 0 };
	double width, other;

	say_services(&services, graph, bundle);
	say_sums(&sums, bundle);
	width = width_of(text_string(&services), LABEL_COLUMNS);
	other = width_of(text_string(&sums), LABEL_COLUMNS);
	width = (other > width ? other : width) * 0.86 + 6;
	text_add_format(out, "<rect class=\"back\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" rx=\"3\"/>", x - width / 2,
			y - LABEL_HEIGHT, width, 2 * LABEL_HEIGHT);
	text_add_format(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" font-size=\"10\">", x, y - 3);
	add_cut(out, text_string(&services), LABEL_COLUMNS);
	text_add_format(out, "</text><text class=\"d\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" font-size=\"10\">", x, y + 9);
	add_cut(out, text_string(&sums), LABEL_COLUMNS);
	text_add(out, "</text>");
	text_free(&services);
	text_free(&sums);
}

/* From point to point, leaving and arriving level. */
static void add_path(struct text *out, const struct layout_line *line)
{
	text_add_format(out, "M%.1f %.1f", line->points[0].x, line->points[0].y);
	for (u32 i = 1; i < line->count; i++) {
		const struct layout_point *from = &line->points[i - 1], *to = &line->points[i];
		double middle = (from->x + to->x) / 2;

		text_add_format(out, "C%.1f %.1f %.1f %.1f %.1f %.1f", middle, from->y, middle, to->y, to->x, to->y);
	}
}

static void add_loop(struct text *out, const struct layout_box *box, double *x, double *y)
{
	double right = box->x + box->width / 2, top = box->y - box->height / 2;

	text_add_format(out, "M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f", right - 14, top, right, top - 24, right + 34, box->y - 10,
			right, box->y);
	*x = right + 20;
	*y = top - 6;
}

static void add_line(struct text *out, const struct drawing *drawing, u32 index)
{
	const struct bundle *bundle = &drawing->bundles[index];
	const struct layout_line *line = &drawing->layout.lines[index];
	bool bad = is_bad(bundle);
	double x, y;

	text_add(out, bad ? "<g class=\"bad\">" : "<g>");
	add_title(out, drawing->graph, bundle);
	text_add(out, "<path class=\"line\" d=\"");
	if (line->count) {
		/* On the last piece and nearer to its end, where lines that began together are apart. */
		const struct layout_point *from = &line->points[line->count - 2], *to = &line->points[line->count - 1];

		add_path(out, line);
		x = from->x + (to->x - from->x) * 0.6;
		y = from->y + (to->y - from->y) * 0.7;
	} else {
		add_loop(out, &drawing->layout.boxes[line->from], &x, &y);
	}
	text_add_format(out, "\" marker-end=\"url(#%s)\"/>", bad ? "b" : "a");
	add_label(out, x, y, drawing->graph, bundle);
	text_add(out, "</g>\n");
}

static void add_box(struct text *out, const struct graph_node *node, const struct layout_box *box)
{
	struct text name = { 0 };

	name_node(&name, node);
	text_add(out, node->kind == GRAPH_TOOL ? "<g><title>" : "<g class=\"host\"><title>");
	add_xml(out, text_string(&name), name.length);
	if (node->detail) {
		text_add(out, node->kind == GRAPH_TOOL ? " in " : " is ");
		add_xml(out, node->detail, strlen(node->detail));
	}
	text_add_format(out, "</title><rect class=\"box\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"6\"/>",
			box->x - box->width / 2, box->y - box->height / 2, box->width, box->height);
	text_add_format(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">", box->x, box->y + (node->detail ? -2 : 4));
	add_cut(out, text_string(&name), NAME_COLUMNS);
	text_add(out, "</text>");
	if (node->detail) {
		text_add_format(out, "<text class=\"d\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" font-size=\"10\">", box->x,
				box->y + 13);
		add_cut(out, node->detail, NAME_COLUMNS);
		text_add(out, "</text>");
	}
	text_add(out, "</g>\n");
	text_free(&name);
}

static void add_head(struct text *out, const char *id, const char *class)
{
	text_add_format(out, "<marker id=\"%s\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" "
			     "orient=\"auto\"><path class=\"%s\" d=\"M0 0L8 4L0 8z\"/></marker>", id, class);
}

void graph_svg(const struct graph *graph, struct text *out)
{
	struct drawing drawing = { .graph = graph };
	/* Labels and loops may stand out of the last layer. */
	double width, height;

	prepare(&drawing);
	layout_make(&drawing.layout);
	width = drawing.layout.width + 60;
	height = drawing.layout.height > 60 ? drawing.layout.height : 60;
	text_add_format(out, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" height=\"%.0f\">\n",
			width, height, width, height);
	text_add(out, "<title>Services</title>");
	text_add(out, style);
	text_add(out, "<defs>");
	add_head(out, "a", "head");
	add_head(out, "b", "badhead");
	text_add(out, "</defs>\n");
	if (!graph->node_count)
		text_add(out, "<text x=\"20\" y=\"34\">Nothing was seen.</text>\n");
	for (u32 i = 0; i < drawing.layout.line_count; i++)
		add_line(out, &drawing, i);
	for (u32 i = 0; i < graph->node_count; i++)
		add_box(out, &graph->nodes[i], &drawing.layout.boxes[i]);
	text_add(out, "</svg>\n");
	layout_free(&drawing.layout);
	free(drawing.bundles);
}
