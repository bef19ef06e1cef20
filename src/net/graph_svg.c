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
#define LOOP 22		/* how far a line to itself stands out of its box */
#define EDGE 10
#define NARROWEST 200
#define SWEEPS 3
#define SERVICES_NAMED 3
#define LABELS_MOST 1000	/* beyond this nobody can read them, wherever they are */

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

/* What stands at a line; x and y are its middle. */
struct label {
	double x, y, width;
};

struct drawing {
	const struct graph *graph;
	struct layout layout;
	struct bundle *bundles;		/* by line, so the next */
	struct label *labels;
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

/* --- what is to be placed --- */

static void prepare(struct drawing *drawing)
{
	const struct graph *graph = drawing->graph;
	struct layout *layout = &drawing->layout;

	layout->boxes = xcalloc(graph->node_count + 1, sizeof(*layout->boxes));
	layout->box_count = graph->node_count;
	layout->lines = xcalloc(graph->edge_count + 1, sizeof(*layout->lines));
	drawing->bundles = xcalloc(graph->edge_count + 1, sizeof(*drawing->bundles));
	drawing->labels = xcalloc(graph->edge_count + 1, sizeof(*drawing->labels));
	layout->layer_gap = LABEL_COLUMNS * COLUMN_WIDTH;
	for (u32 i = 0; i < graph->node_count; i++) {
		const struct graph_node *node = &graph->nodes[i];
		struct text name = { 0 };
		double width, detail;

		graph_add_name(&name, node);
		width = width_of(text_string(&name), NAME_COLUMNS);
		text_reset(&name);
		graph_add_detail(&name, node);
		detail = width_of(text_string(&name), NAME_COLUMNS);
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

	graph_add_name(&title, &graph->nodes[bundle->first->client]);
	text_add(&title, " to ");
	graph_add_name(&title, &graph->nodes[bundle->first->server]);
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

static double label_width(const struct graph *graph, const struct bundle *bundle)
{
	struct text services = { 0 }, sums = { 0 };
	double width, other;

	say_services(&services, graph, bundle);
	say_sums(&sums, bundle);
	width = width_of(text_string(&services), LABEL_COLUMNS);
	other = width_of(text_string(&sums), LABEL_COLUMNS);
	text_free(&services);
	text_free(&sums);
	return (other > width ? other : width) * 0.86 + 6;
}

static void add_label(struct text *out, const struct graph *graph, const struct bundle *bundle, const struct label *label)
{
	struct text line = { 0 };

	text_add_format(out, "<rect class=\"back\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" rx=\"3\"/>",
			label->x - label->width / 2, label->y - LABEL_HEIGHT, label->width, 2 * LABEL_HEIGHT);
	text_add_format(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" font-size=\"10\">", label->x, label->y - 3);
	say_services(&line, graph, bundle);
	add_cut(out, text_string(&line), LABEL_COLUMNS);
	text_add_format(out, "</text><text class=\"d\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" font-size=\"10\">",
			label->x, label->y + 9);
	text_reset(&line);
	say_sums(&line, bundle);
	add_cut(out, text_string(&line), LABEL_COLUMNS);
	text_add(out, "</text>");
	text_free(&line);
}

/* --- where labels stand --- */

static double common(double middle, double size, double other_middle, double other_size)
{
	double from = middle - size / 2, to = middle + size / 2;

	from = from > other_middle - other_size / 2 ? from : other_middle - other_size / 2;
	to = to < other_middle + other_size / 2 ? to : other_middle + other_size / 2;
	return to > from ? to - from : 0;
}

/* How much line `index` would hide with its label of boxes and of labels that have their places. */
static double hidden(const struct drawing *drawing, u32 index, const struct label *label)
{
	double sum = 0;

	for (u32 i = 0; i < drawing->layout.line_count; i++) {
		const struct label *other = &drawing->labels[i];

		if (i == index || !other->width)
			continue;
		sum += common(label->x, label->width, other->x, other->width) *
		       common(label->y, 2 * LABEL_HEIGHT, other->y, 2 * LABEL_HEIGHT);
	}
	for (u32 i = 0; i < drawing->layout.box_count; i++) {
		const struct layout_box *box = &drawing->layout.boxes[i];

		sum += common(label->x, label->width, box->x, box->width) * common(label->y, 2 * LABEL_HEIGHT, box->y, box->height);
	}
	return sum;
}

/* On the line, in one of the gaps between layers; a few places are tried, the best one first. Of a loop: beside it. */
static bool candidate(const struct drawing *drawing, u32 index, u32 number, struct label *label)
{
	static const double parts[] = { 0.5, 0.55, 0.45, 0.6, 0.4, 0.65, 0.35, 0.7, 0.3, 0.75, 0.25, 0.8, 0.2 };
	const u32 count = sizeof(parts) / sizeof(parts[0]);
	const struct layout_line *line = &drawing->layout.lines[index];
	const struct layout_box *box = &drawing->layout.boxes[line->from];
	const struct layout_point *from;
	double part, x;

	if (!line->count) {
		label->x = box->x + box->width / 2 + LOOP + label->width / 2;
		label->y = box->y + (number ? 1 : -1) * (box->height / 2 + LABEL_HEIGHT / 2.0);
		return number < 2;
	}
	if (number / count * 2 + 2 > line->count)
		return false;
	from = &line->points[line->count - 2 - number / count * 2];
	part = parts[number % count];
	x = (from[0].x + from[1].x) / 2;
	label->x = (1 - part) * (1 - part) * (1 - part) * from[0].x + 3 * (1 - part) * part * x + part * part * part * from[1].x;
	label->y = from[0].y + (from[1].y - from[0].y) * part * part * (3 - 2 * part);
	return true;
}

static void place_label(struct drawing *drawing, u32 index, bool looks)
{
	struct label at = { .width = label_width(drawing->graph, &drawing->bundles[index]) };
	double least = -1;

	for (u32 number = 0; least && candidate(drawing, index, number, &at); number++) {
		double hides = looks ? hidden(drawing, index, &at) : 0;

		if (least < 0 || hides < least) {
			drawing->labels[index] = at;
			least = hides;
		}
	}
}

/* More than once: the first do not know yet where the others will be. */
static void place_labels(struct drawing *drawing)
{
	bool looks = drawing->layout.line_count <= LABELS_MOST;

	for (u32 sweep = 0; sweep < (looks ? SWEEPS : 1); sweep++)
		for (u32 i = 0; i < drawing->layout.line_count; i++)
			place_label(drawing, i, looks);
}

/* --- lines --- */

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

static void add_loop(struct text *out, const struct layout_box *box)
{
	double right = box->x + box->width / 2, top = box->y - box->height / 2;

	text_add_format(out, "M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f", right - 14, top, right, top - 24, right + 34, box->y - 10,
			right, box->y);
}

static void add_line(struct text *out, const struct drawing *drawing, u32 index)
{
	const struct bundle *bundle = &drawing->bundles[index];
	const struct layout_line *line = &drawing->layout.lines[index];
	bool bad = is_bad(bundle);

	text_add(out, bad ? "<g class=\"bad\">" : "<g>");
	add_title(out, drawing->graph, bundle);
	text_add(out, "<path class=\"line\" d=\"");
	if (line->count)
		add_path(out, line);
	else
		add_loop(out, &drawing->layout.boxes[line->from]);
	text_add_format(out, "\" marker-end=\"url(#%s)\"/></g>\n", bad ? "b" : "a");
}

/* Over all lines. */
static void add_lines_label(struct text *out, const struct drawing *drawing, u32 index)
{
	const struct bundle *bundle = &drawing->bundles[index];

	text_add(out, is_bad(bundle) ? "<g class=\"bad\">" : "<g>");
	add_title(out, drawing->graph, bundle);
	add_label(out, drawing->graph, bundle, &drawing->labels[index]);
	text_add(out, "</g>\n");
}

static void add_box(struct text *out, const struct graph_node *node, const struct layout_box *box)
{
	struct text name = { 0 }, detail = { 0 };

	graph_add_name(&name, node);
	text_add(out, graph_is_tool(node) ? "<g><title>" : "<g class=\"host\"><title>");
	add_xml(out, text_string(&name), name.length);
	if (node->detail) {
		text_add(out, graph_is_tool(node) ? " in " : " is ");
		graph_add_detail(&detail, node);
		add_xml(out, text_string(&detail), detail.length);
	}
	text_add_format(out, "</title><rect class=\"box\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" rx=\"6\"/>",
			box->x - box->width / 2, box->y - box->height / 2, box->width, box->height);
	text_add_format(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">", box->x, box->y + (node->detail ? -2 : 4));
	add_cut(out, text_string(&name), NAME_COLUMNS);
	text_add(out, "</text>");
	if (node->detail) {
		text_add_format(out, "<text class=\"d\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\" font-size=\"10\">", box->x,
				box->y + 13);
		add_cut(out, text_string(&detail), NAME_COLUMNS);
		text_add(out, "</text>");
	}
	text_add(out, "</g>\n");
	text_free(&name);
	text_free(&detail);
}

static void add_head(struct text *out, const char *id, const char *class)
{
	text_add_format(out, "<marker id=\"%s\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" "
			     "orient=\"auto\"><path class=\"%s\" d=\"M0 0L8 4L0 8z\"/></marker>", id, class);
}

void graph_svg(const struct graph *graph, struct text *out)
{
	struct drawing drawing = { .graph = graph };
	double width, height;

	prepare(&drawing);
	layout_make(&drawing.layout);
	place_labels(&drawing);
	width = drawing.layout.width > NARROWEST ? drawing.layout.width : NARROWEST;
	/* Those of loops may stand out of the last layer. */
	for (u32 i = 0; i < drawing.layout.line_count; i++)
		if (drawing.labels[i].x + drawing.labels[i].width / 2 + EDGE > width)
			width = drawing.labels[i].x + drawing.labels[i].width / 2 + EDGE;
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
	for (u32 i = 0; i < drawing.layout.line_count; i++)
		add_lines_label(out, &drawing, i);
	text_add(out, "</svg>\n");
	layout_free(&drawing.layout);
	free(drawing.bundles);
	free(drawing.labels);
}
