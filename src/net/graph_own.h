/* What the parts of the graph share: graph.c (adding up), graph_layout.c (places), graph_svg.c, graph_text.c (DOT and JSON). */
#ifndef NET_GRAPH_OWN_H
#define NET_GRAPH_OWN_H

#include "net/graph.h"

void graph_svg(const struct graph *graph, struct text *out);
void graph_dot(const struct graph *graph, struct text *out);
void graph_json(const struct graph *graph, struct text *out);

bool graph_is_tool(const struct graph_node *node);
/* What it is called, and what stands below: nothing, if it has no detail. */
void graph_add_name(struct text *out, const struct graph_node *node);
void graph_add_detail(struct text *out, const struct graph_node *node);
/* "5432/postgresql", "udp 53/domain". */
void graph_add_service(struct text *out, const struct graph *graph, const struct graph_edge *edge);

/* --- where things are drawn --- */

struct layout_box {
	double width, height;		/* given */
	double x, y;			/* of its middle */
	u32 layer;
};

struct layout_point {
	double x, y;
};

/* One for each pair of boxes between which there is anything; a box's edge to itself has no points. */
struct layout_line {
	u32 from, to;			/* given */
	struct layout_point *points;	/* from the one to the other, at least two */
	u32 count;
};

struct layout {
	struct layout_box *boxes;
	u32 box_count;
	struct layout_line *lines;
	u32 line_count;
	double layer_gap;		/* given: between the widest boxes of two layers */
	double width, height;		/* of all */
};

/*
 * Layers from left to right, clients before their servers as far as there is no circle. Boxes and lines are given in an order that
 * does not depend on chance, and neither does the result.
 */
void layout_make(struct layout *layout);
void layout_free(struct layout *layout);

#endif
