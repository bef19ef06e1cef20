/*
 * Layered drawing as Sugiyama has it: circles are cut, each box gets a layer behind those that lead to it, a line that passes a layer gets
 * a place in it, places in a layer are ordered so that few lines cross, and moved towards what they are connected to.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "net/graph_own.h"

#define SWEEPS 12
#define BOX_GAP 26
#define MARGIN 20

/* A box, or where a line passes a layer. */
struct place {
	u32 box;		/* ~0: none */
	u32 layer, order;
	double y, height, wanted;
};

/* Between neighbouring layers. */
struct link {
	u32 from, to;		/* places; from is on the left */
};

struct work {
	struct layout *layout;
	struct place *places;
	struct link *links;
	u32 place_count, place_capacity, link_count, link_capacity;
	u32 layer_count;
	u32 **layers;		/* places in order */
	u32 *layer_sizes;
	bool *reversed;		/* by line */
	u32 *first_link, *passed;	/* by line: its links stand one after the other, and how many */
};

/* --- layers --- */

/* Deep first; a line that leads back to where the walk is now closes a circle. */
static void cut_circles(struct work *work)
{
	struct layout *layout = work->layout;
	u8 *state = xcalloc(layout->box_count + 1, 1);	/* 1: on the way, 2: done */
	u32 *stack = xcalloc(layout->box_count + 1, sizeof(*stack)), *at = xcalloc(layout->box_count + 1, sizeof(*at));
	bool *entered = xcalloc(layout->box_count + 1, sizeof(*entered));

	for (u32 i = 0; i < layout->line_count; i++)
		if (layout->lines[i].from != layout->lines[i].to)
			entered[layout->lines[i].to] = true;
	/* First from those nobody leads to. */
	for (u32 round = 0; round < 2; round++)
		for (u32 start = 0; start < layout->box_count; start++) {
			u32 depth = 0;

			if (state[start] || (!round && entered[start]))
				continue;
			stack[depth++] = start;
			state[start] = 1;
			while (depth) {
				u32 box = stack[depth - 1], line = at[box]++;

				if (line == layout->line_count) {
					state[box] = 2;
					depth--;
				} else if (layout->lines[line].from == box && layout->lines[line].to != box) {
					u32 next = layout->lines[line].to;

					work->reversed[line] = state[next] == 1;
					if (!state[next]) {
						state[next] = 1;
						stack[depth++] = next;
					}
				}
			}
		}
	free(state);
	free(stack);
	free(at);
	free(entered);
}

static u32 left_of(const struct work *work, u32 line)
{
	return work->reversed[line] ? work->layout->lines[line].to : work->layout->lines[line].from;
}

static u32 right_of(const struct work *work, u32 line)
{
	return work->reversed[line] ? work->layout->lines[line].from : work->layout->lines[line].to;
}

static void find_layers(struct work *work)
{
	struct layout *layout = work->layout;
	bool moved = true;

	for (u32 i = 0; i < layout->box_count; i++)
		layout->boxes[i].layer = 0;
	/* Without circles it comes to rest after as many rounds as there are layers. */
	for (u32 round = 0; moved && round <= layout->box_count; round++) {
		moved = false;
		for (u32 i = 0; i < layout->line_count; i++) {
			struct layout_box *from = &layout->boxes[left_of(work, i)], *to = &layout->boxes[right_of(work, i)];

			if (from != to && to->layer <= from->layer) {
				to->layer = from->layer + 1;
				moved = true;
			}
		}
	}
	/* Who only leads somewhere stands before the nearest of those. */
	for (u32 box = 0; box < layout->box_count; box++) {
		u32 nearest = ~0U;
		bool entered = false;

		for (u32 i = 0; i < layout->line_count; i++) {
			if (left_of(work, i) == right_of(work, i))
				continue;
			entered |= right_of(work, i) == box;
			if (left_of(work, i) == box && layout->boxes[right_of(work, i)].layer < nearest)
				nearest = layout->boxes[right_of(work, i)].layer;
		}
		if (!entered && nearest != ~0U)
			layout->boxes[box].layer = nearest - 1;
	}
	for (u32 i = 0; i < layout->box_count; i++)
		if (layout->boxes[i].layer >= work->layer_count)
			work->layer_count = layout->boxes[i].layer + 1;
}

static u32 add_place(struct work *work, u32 box, u32 layer, double height)
{
	if (work->place_count == work->place_capacity) {
		work->place_capacity = work->place_capacity ? 2 * work->place_capacity : 64;
		work->places = xrealloc(work->places, work->place_capacity, sizeof(*work->places));
	}
	work->places[work->place_count] = (struct place){ .box = box, .layer = layer, .height = height };
	return work->place_count++;
}

static void add_link(struct work *work, u32 from, u32 to)
{
	if (work->link_count == work->link_capacity) {
		work->link_capacity = work->link_capacity ? 2 * work->link_capacity : 64;
		work->links = xrealloc(work->links, work->link_capacity, sizeof(*work->links));
	}
	work->links[work->link_count++] = (struct link){ from, to };
}

/* Places of boxes have the numbers of the boxes. */
static void add_places(struct work *work)
{
	struct layout *layout = work->layout;

	for (u32 i = 0; i < layout->box_count; i++)
		add_place(work, i, layout->boxes[i].layer, layout->boxes[i].height);
	for (u32 i = 0; i < layout->line_count; i++) {
		u32 from = left_of(work, i), to = right_of(work, i), last = from;

		work->first_link[i] = work->link_count;
		if (from == to)
			continue;
		for (u32 layer = layout->boxes[from].layer + 1; layer < layout->boxes[to].layer; layer++) {
			u32 place = add_place(work, ~0U, layer, 16);

			add_link(work, last, place);
			last = place;
		}
		add_link(work, last, to);
		work->passed[i] = work->link_count - work->first_link[i];
	}
}

static void fill_layers(struct work *work)
{
	work->layers = xcalloc(work->layer_count + 1, sizeof(*work->layers));
	work->layer_sizes = xcalloc(work->layer_count + 1, sizeof(*work->layer_sizes));
	for (u32 i = 0; i < work->layer_count; i++)
		work->layers[i] = xcalloc(work->place_count + 1, sizeof(**work->layers));
	for (u32 i = 0; i < work->place_count; i++) {
		struct place *place = &work->places[i];

		place->order = work->layer_sizes[place->layer]++;
		work->layers[place->layer][place->order] = i;
	}
}

/* --- order --- */

static const struct place *sorted_places;	/* qsort has no argument for its comparison */

static int by_wanted(const void *left, const void *right)
{
	const struct place *one = &sorted_places[*(const u32 *)left], *other = &sorted_places[*(const u32 *)right];

	if (one->wanted != other->wanted)
		return one->wanted < other->wanted ? -1 : 1;
	return one->order < other->order ? -1 : one->order > other->order;
}

/* The mean of what it is linked to in the layer before or behind; its own place if there is nothing. */
static void want(struct work *work, u32 layer, bool from_left, bool by_y)
{
	double *sum = xcalloc(work->place_count + 1, sizeof(*sum));
	u32 *count = xcalloc(work->place_count + 1, sizeof(*count));

	for (u32 i = 0; i < work->link_count; i++) {
		u32 here = from_left ? work->links[i].to : work->links[i].from;
		u32 there = from_left ? work->links[i].from : work->links[i].to;

		if (work->places[here].layer != layer)
			continue;
		sum[here] += by_y ? work->places[there].y : work->places[there].order;
		count[here]++;
	}
	for (u32 i = 0; i < work->layer_sizes[layer]; i++) {
		u32 index = work->layers[layer][i];
		struct place *place = &work->places[index];

		place->wanted = count[index] ? sum[index] / count[index] : by_y ? place->y : place->order;
	}
	free(sum);
	free(count);
}

static void order_layer(struct work *work, u32 layer, bool from_left)
{
	want(work, layer, from_left, false);
	sorted_places = work->places;
	qsort(work->layers[layer], work->layer_sizes[layer], sizeof(**work->layers), by_wanted);
	for (u32 i = 0; i < work->layer_sizes[layer]; i++)
		work->places[work->layers[layer][i]].order = i;
}

static void order(struct work *work)
{
	for (u32 sweep = 0; sweep < SWEEPS; sweep++) {
		if (sweep % 2)
			for (u32 layer = work->layer_count - 1; layer-- > 0;)
				order_layer(work, layer, false);
		else
			for (u32 layer = 1; layer < work->layer_count; layer++)
				order_layer(work, layer, true);
	}
}

/* --- coordinates --- */

static void stack(struct work *work, u32 layer)
{
	double y = 0;

	for (u32 i = 0; i < work->layer_sizes[layer]; i++) {
		struct place *place = &work->places[work->layers[layer][i]];

		place->y = y + place->height / 2;
		y += place->height + BOX_GAP;
	}
}

/* As near to where each wants to be as those before it allow, and then all of them back by half of what that pushed them. */
static void pull(struct work *work, u32 layer)
{
	double least = -1e9, pushed = 0;

	for (u32 i = 0; i < work->layer_sizes[layer]; i++) {
		struct place *place = &work->places[work->layers[layer][i]];

		place->y = place->wanted > least + place->height / 2 ? place->wanted : least + place->height / 2;
		least = place->y + place->height / 2 + BOX_GAP;
		pushed += place->y - place->wanted;
	}
	for (u32 i = 0; i < work->layer_sizes[layer]; i++)
		work->places[work->layers[layer][i]].y -= pushed / work->layer_sizes[layer];
}

static int by_top(const void *left, const void *right)
{
	const struct place *one = &sorted_places[*(const u32 *)left], *other = &sorted_places[*(const u32 *)right];
	double difference = one->y - one->height / 2 - (other->y - other->height / 2);

	return difference < 0 ? -1 : difference > 0;
}

/* What nothing leads to and fro may have been pushed far apart: bands in which nothing stands are taken out. */
static void close_bands(struct work *work)
{
	u32 *all = xcalloc(work->place_count + 1, sizeof(*all));
	double bottom = 0, up = 0;

	for (u32 i = 0; i < work->place_count; i++)
		all[i] = i;
	sorted_places = work->places;
	qsort(all, work->place_count, sizeof(*all), by_top);
	for (u32 i = 0; i < work->place_count; i++) {
		struct place *place = &work->places[all[i]];
		double top = place->y - place->height / 2;

		if (i && top - up - bottom > BOX_GAP)
			up = top - bottom - BOX_GAP;
		place->y -= up;
		if (!i || place->y + place->height / 2 > bottom)
			bottom = place->y + place->height / 2;
	}
	free(all);
}

static void find_y(struct work *work)
{
	double top = 1e9, bottom = 0;

	for (u32 layer = 0; layer < work->layer_count; layer++)
		stack(work, layer);
	for (u32 sweep = 0; sweep < SWEEPS; sweep++)
		for (u32 i = 0; i < work->layer_count; i++) {
			u32 layer = sweep % 2 ? work->layer_count - 1 - i : i;

			want(work, layer, !(sweep % 2), true);
			pull(work, layer);
		}
	close_bands(work);
	for (u32 i = 0; i < work->place_count; i++)
		if (work->places[i].y - work->places[i].height / 2 < top)
			top = work->places[i].y - work->places[i].height / 2;
	for (u32 i = 0; i < work->place_count; i++) {
		work->places[i].y += MARGIN - top;
		if (work->places[i].y + work->places[i].height / 2 > bottom)
			bottom = work->places[i].y + work->places[i].height / 2;
	}
	work->layout->height = bottom + MARGIN;
}

/* The middle of each layer, and how wide it is. */
static void find_x(struct work *work, double *middles, double *widths)
{
	struct layout *layout = work->layout;
	double x = MARGIN;

	for (u32 i = 0; i < layout->box_count; i++)
		if (layout->boxes[i].width > widths[layout->boxes[i].layer])
			widths[layout->boxes[i].layer] = layout->boxes[i].width;
	for (u32 layer = 0; layer < work->layer_count; layer++) {
		middles[layer] = x + widths[layer] / 2;
		x += widths[layer] + layout->layer_gap;
	}
	layout->width = work->layer_count ? x - layout->layer_gap + MARGIN : 2 * MARGIN;
	for (u32 i = 0; i < layout->box_count; i++) {
		layout->boxes[i].x = middles[layout->boxes[i].layer];
		layout->boxes[i].y = work->places[i].y;
	}
}

static void reverse(struct layout_line *line)
{
	for (u32 i = 0; i < line->count / 2; i++) {
		struct layout_point point = line->points[i];

		line->points[i] = line->points[line->count - 1 - i];
		line->points[line->count - 1 - i] = point;
	}
}

/* From the right side of the left box to the left side of the right one, through the layers between. */
static void draw_line(struct work *work, u32 index, const double *middles, const double *widths)
{
	struct layout_line *line = &work->layout->lines[index];
	const struct layout_box *left = &work->layout->boxes[left_of(work, index)];
	const struct layout_box *right = &work->layout->boxes[right_of(work, index)];

	if (!work->passed[index])
		return;
	line->points = xcalloc(2 * work->passed[index] + 2, sizeof(*line->points));
	line->points[line->count++] = (struct layout_point){ left->x + left->width / 2, left->y };
	for (u32 i = 0; i + 1 < work->passed[index]; i++) {
		const struct place *place = &work->places[work->links[work->first_link[index] + i].to];
		double half = widths[place->layer] / 2;

		line->points[line->count++] = (struct layout_point){ middles[place->layer] - half, place->y };
		line->points[line->count++] = (struct layout_point){ middles[place->layer] + half, place->y };
	}
	line->points[line->count++] = (struct layout_point){ right->x - right->width / 2, right->y };
	if (work->reversed[index])
		reverse(line);
}

void layout_make(struct layout *layout)
{
	struct work work = {
		.layout = layout,
		.reversed = xcalloc(layout->line_count + 1, sizeof(*work.reversed)),
		.first_link = xcalloc(layout->line_count + 1, sizeof(*work.first_link)),
		.passed = xcalloc(layout->line_count + 1, sizeof(*work.passed)),
	};
	double *middles, *widths;

	cut_circles(&work);
	find_layers(&work);
	add_places(&work);
	fill_layers(&work);
	if (work.layer_count > 1)
		order(&work);
	middles = xcalloc(work.layer_count + 1, sizeof(*middles));
	widths = xcalloc(work.layer_count + 1, sizeof(*widths));
	find_y(&work);
	find_x(&work, middles, widths);
	for (u32 i = 0; i < layout->line_count; i++)
		draw_line(&work, i, middles, widths);
	for (u32 i = 0; i < work.layer_count; i++)
		free(work.layers[i]);
	free(work.layers);
	free(work.layer_sizes);
	free(work.places);
	free(work.links);
	free(work.reversed);
	free(work.first_link);
	free(work.passed);
	free(middles);
	free(widths);
}

void layout_free(struct layout *layout)
{
	for (u32 i = 0; i < layout->line_count; i++)
		free(layout->lines[i].points);
	free(layout->lines);
	free(layout->boxes);
}
