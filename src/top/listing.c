/*
 * From a frame to lines: grouped, filtered, in order. Texts of a frame are interned, so groups are told apart by where their text lies.
 * A tree is the sorted lines again, each below its parent.
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/table.h"
#include "top/frame.h"

#define NOTHING UINT32_MAX

const char *const frame_by_names[] = { "tool", "task", "container", "user", "process", NULL };
const char *const frame_sort_names[] = { "cpu", "wait", "memory", "read", "write", "network", "processes", "starts", "name",
					 NULL };

u64 line_value(const struct line *line, enum frame_sort sort)
{
	const struct frame_row *sum = &line->sum;

	switch (sort) {
	case FRAME_SORT_CPU:
		return sum->used.cpu;
	case FRAME_SORT_WAIT:
		return sum->used.wait;
	case FRAME_SORT_MEMORY:
		return sum->memory;
	case FRAME_SORT_READ:
		return sum->used.disk_read;
	case FRAME_SORT_WRITE:
		return sum->used.disk_write;
	case FRAME_SORT_NETWORK:
		return sum->used.received + sum->used.sent;
	case FRAME_SORT_PROCESSES:
		return sum->living;
	case FRAME_SORT_STARTS:
		return sum->started;
	default:
		return 0;
	}
}

/* --- grouping --- */

static void add_counters(struct counters *sum, const struct counters *more)
{
	sum->cpu += more->cpu;
	sum->wait += more->wait;
	sum->disk_read += more->disk_read;
	sum->disk_write += more->disk_write;
	sum->read += more->read;
	sum->write += more->write;
	sum->received += more->received;
	sum->sent += more->sent;
}

static void add_row(struct frame_row *sum, const struct frame_row *row)
{
	add_counters(&sum->used, &row->used);
	sum->memory += row->memory;
	sum->peak = sum->peak > row->peak ? sum->peak : row->peak;
	sum->threads += row->threads;
	sum->living += row->living;
	sum->started += row->started;
	sum->ended += row->ended;
	sum->pid = 0;
}

static struct line *add_line(struct listing *listing, const struct frame_row *row)
{
	struct line *line;

	if (listing->count == listing->capacity) {
		listing->capacity = listing->capacity ? listing->capacity * 2 : 128;
		listing->lines = xrealloc(listing->lines, listing->capacity, sizeof(*listing->lines));
	}
	line = &listing->lines[listing->count++];
	*line = (struct line){ .sum = *row };
	return line;
}

static u64 group_key(const struct frame_row *row, enum frame_by by)
{
	switch (by) {
	case FRAME_BY_TOOL:
		return (uintptr_t)row->tool;
	case FRAME_BY_TASK:
		return (uintptr_t)row->task;
	case FRAME_BY_CONTAINER:
		return (uintptr_t)row->container;
	default:
		return row->user;
	}
}

/* Texts go one behind the other; a line keeps where, for they move as they grow. */
static const char *keep(struct listing *listing, const char *bytes, size_t length)
{
	size_t at = listing->names.length;

	text_add_bytes(&listing->names, bytes, length);
	return (const char *)at;
}

static void name_line(struct listing *listing, struct line *line, const char *name, size_t length)
{
	line->name = keep(listing, name, length);
	line->name_length = length;
}

static void name_text(struct listing *listing, struct line *line, const struct shared_bytes *text, const char *without)
{
	name_line(listing, line, text ? text->data : without, text ? text->length : strlen(without));
}

static void name_group(struct listing *listing, struct line *line, const struct listing_request *request)
{
	const char *name;
	char number[16];

	switch (request->by) {
	case FRAME_BY_TOOL:
		name_text(listing, line, line->sum.tool, "?");
		break;
	case FRAME_BY_TASK:
		name_text(listing, line, line->sum.task, "(in no task)");
		break;
	case FRAME_BY_CONTAINER:
		name_text(listing, line, line->sum.container, "(in no container)");
		break;
	default:
		name = request->user_name(request->context, line->sum.user);
		snprintf(number, sizeof(number), "%u", line->sum.user);
		name = name ? name : number;
		name_line(listing, line, name, strlen(name));
	}
}

static void make_groups(struct listing *listing, const struct frame *frame, const struct listing_request *request)
{
	struct table groups = { 0 };

	for (size_t i = 0; i < frame->count; i++) {
		const struct frame_row *row = &frame->rows[i];
		u64 key = group_key(row, request->by);
		size_t at = (uintptr_t)table_get(&groups, key);

		if (at) {
			add_row(&listing->lines[at - 1].sum, row);
			continue;
		}
		name_group(listing, add_line(listing, row), request);
		listing->lines[listing->count - 1].sum.pid = 0;
		if (table_put(&groups, key, (void *)(uintptr_t)listing->count))
			break;
	}
	table_free(&groups);
}

static void make_processes(struct listing *listing, const struct frame *frame, const struct listing_request *request)
{
	for (size_t i = 0; i < frame->count; i++) {
		const struct frame_row *row = &frame->rows[i];
		struct line *line = add_line(listing, row);
		size_t length = 0;
		const char *command = row->pid ? request->command(request->context, row, &length) : NULL;

		name_text(listing, line, row->tool, "?");
		line->command_length = length;
		line->command = keep(listing, command ? command : "", length);
	}
}

/* --- choosing --- */

static bool has_text(const char *bytes, size_t length, const char *wanted)
{
	size_t size = strlen(wanted);

	for (size_t at = 0; at + size <= length; at++)
		if (!strncasecmp(bytes + at, wanted, size))
			return true;
	return false;
}

static bool is_wanted(const struct line *line, const struct listing_request *request)
{
	return !request->filter || !*request->filter || has_text(line->name, line->name_length, request->filter) ||
	       has_text(line->command, line->command_length, request->filter);
}

static void keep_wanted(struct listing *listing, const struct listing_request *request)
{
	size_t kept = 0;

	for (size_t i = 0; i < listing->count; i++)
		if (is_wanted(&listing->lines[i], request))
			listing->lines[kept++] = listing->lines[i];
	listing->count = kept;
}

/* --- order --- */

static int compare_names(const struct line *one, const struct line *other)
{
	size_t least = one->name_length < other->name_length ? one->name_length : other->name_length;
	int order = strncasecmp(one->name, other->name, least);

	return order ? order : (one->name_length > other->name_length) - (one->name_length < other->name_length);
}

static int compare(const void *left, const void *right, void *context)
{
	const struct listing_request *request = context;
	const struct line *one = left, *other = right;
	u64 a = line_value(one, request->sort), b = line_value(other, request->sort);
	int order = request->sort == FRAME_SORT_NAME ? compare_names(one, other) : (a < b) - (a > b);

	if (request->reverse)
		order = -order;
	if (!order)
		order = (one->sum.used.cpu < other->sum.used.cpu) - (one->sum.used.cpu > other->sum.used.cpu);
	if (!order)
		order = compare_names(one, other);
	return order ? order : (one->sum.pid > other->sum.pid) - (one->sum.pid < other->sum.pid);
}

/* --- trees --- */

struct node {
	u32 parent, child, last, next;	/* lines */
	bool kept;
};

static u32 parent_of(const struct listing *listing, const struct table *by_pid, const struct line *line)
{
	size_t at = line->sum.pid ? (uintptr_t)table_get(by_pid, line->sum.parent_pid) : 0;
	const struct line *parent = at ? &listing->lines[at - 1] : NULL;

	/* A parent is older; that keeps whatever the numbers say from going in circles. */
	if (!parent || parent == line || parent->sum.start != line->sum.parent_start || parent->sum.start > line->sum.start ||
	    (parent->sum.start == line->sum.start && parent->sum.pid >= line->sum.pid))
		return NOTHING;
	return at - 1;
}

static void link_nodes(const struct listing *listing, struct node *nodes, const struct listing_request *request)
{
	struct table by_pid = { 0 };

	for (size_t i = 0; i < listing->count; i++)
		if (listing->lines[i].sum.pid)
			table_put(&by_pid, listing->lines[i].sum.pid, (void *)(uintptr_t)(i + 1));
	for (size_t i = 0; i < listing->count; i++)
		nodes[i] = (struct node){ parent_of(listing, &by_pid, &listing->lines[i]), NOTHING, NOTHING, NOTHING, false };
	for (size_t i = 0; i < listing->count; i++) {
		u32 parent = nodes[i].parent;

		if (parent != NOTHING) {
			*(nodes[parent].child == NOTHING ? &nodes[parent].child : &nodes[nodes[parent].last].next) = i;
			nodes[parent].last = i;
		}
		/* What is wanted brings its ancestors. */
		if (is_wanted(&listing->lines[i], request))
			for (u32 at = i; at != NOTHING && !nodes[at].kept; at = nodes[at].parent)
				nodes[at].kept = true;
	}
	table_free(&by_pid);
}

static void make_tree(struct listing *listing, const struct listing_request *request)
{
	struct node *nodes = xcalloc(listing->count + 1, sizeof(*nodes));
	struct line *lines = xcalloc(listing->count + 1, sizeof(*lines));
	size_t count = 0;

	link_nodes(listing, nodes, request);
	for (size_t root = 0; root < listing->count; root++) {
		u32 at = root, depth = 0;

		if (nodes[root].parent != NOTHING)
			continue;
		for (;;) {
			if (nodes[at].kept) {
				lines[count] = listing->lines[at];
				lines[count++].depth = depth;
			}
			if (nodes[at].child != NOTHING) {
				at = nodes[at].child;
				depth++;
				continue;
			}
			while (at != root && nodes[at].next == NOTHING) {
				at = nodes[at].parent;
				depth--;
			}
			if (at == root)
				break;
			at = nodes[at].next;
		}
	}
	free(nodes);
	free(listing->lines);
	listing->lines = lines;
	listing->capacity = listing->count + 1;
	listing->count = count;
}

void listing_make(struct listing *listing, const struct frame *frame, const struct listing_request *request)
{
	listing->count = 0;
	text_reset(&listing->names);
	if (!frame)
		return;
	if (request->tree || request->by == FRAME_BY_PROCESS)
		make_processes(listing, frame, request);
	else
		make_groups(listing, frame, request);
	for (size_t i = 0; i < listing->count; i++) {
		listing->lines[i].name = text_string(&listing->names) + (size_t)listing->lines[i].name;
		listing->lines[i].command = text_string(&listing->names) + (size_t)listing->lines[i].command;
	}
	if (!request->tree)
		keep_wanted(listing, request);
	qsort_r(listing->lines, listing->count, sizeof(*listing->lines), compare, (void *)request);
	if (request->tree)
		make_tree(listing, request);
}

void listing_free(struct listing *listing)
{
	free(listing->lines);
	text_free(&listing->names);
	*listing = (struct listing){ 0 };
}
