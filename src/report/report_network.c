/*
 * Whom a run talked to. The short table is by tool and service: clients of a server are counted, not listed, and so are the processes of a
 * tool. The long one has each process and peer. Behind both stand the packets that the kernel dropped.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "books/grid.h"
#include "books/label.h"
#include "report/report_part.h"
#include "event/words.h"
#include "wire/net.h"

#define ROWS_SHOWN 30

static const struct grid_column columns[] = {
	{ .head = "", .left = true },
	{ .head = "pid", .drop = 4 },
	{ .head = "peer", .left = true, .rest = 24 },
	{ .head = "count", .drop = 2 },
	{ .head = "failed", .left = true, .drop = 1 },
	{ .head = "sent", .drop = 1 },
	{ .head = "received", .drop = 1 },
	{ .head = "packets", .drop = 3 },
	{ .head = "sent again", .drop = 5 },
	{ .head = "handshake", .drop = 3 },
};

/* A peer, or several that are one row. */
struct row {
	struct run_peer sum;
	u32 tool;
	u32 hosts;		/* of a server: whose clients there were */
	u32 index;
};

static void add_address(struct grid *grid, const struct run *run, const struct row *row)
{
	struct run_bytes address = run_text(run, row->sum.address);
	bool brackets = memchr(address.data, ':', address.length);

	if (row->hosts > 1) {
		text_add_format(&grid->text, "%u hosts", row->hosts);
		return;
	}
	text_add(&grid->text, brackets ? "[" : "");
	label_text(&grid->text, run, row->sum.address, "?");
	text_add(&grid->text, brackets ? "]" : "");
}

static void add_row(struct grid *grid, const struct run *run, const struct row *row, bool each)
{
	const struct run_peer *peer = &row->sum;
	const char *word = word_errno(peer->error);

	if (row->tool < run->tool_count)
		label_row(&grid->text, run, SUM_TOOL, row->tool, NULL);
	grid_end_cell(grid);
	grid_number(grid, each && peer->process < run->process_count ? run->processes[peer->process].pid : 0);
	text_add(&grid->text, peer->direction == NET_IN ? "from " : "to ");
	add_address(grid, run, row);
	if (peer->port)
		text_add_format(&grid->text, peer->direction == NET_IN ? " on port %u" : ":%u", peer->port);
	if (peer->transport != NET_TCP)
		text_add_format(&grid->text, " %s", word_transport(peer->transport));
	grid_end_cell(grid);
	grid_number(grid, peer->connections);
	if (peer->failures)
		text_add_format(&grid->text, "%u %s", peer->failures, word ? word : "");
	if (peer->broken)
		text_add_format(&grid->text, "%s%u broken%s%s", peer->failures ? ", " : "", peer->broken,
				!peer->failures && word ? " " : "", !peer->failures && word ? word : "");
	grid_end_cell(grid);
	grid_size(grid, peer->sent);
	grid_size(grid, peer->received);
	grid_number(grid, peer->packets_sent + peer->packets_received);
	grid_number(grid, peer->retransmits);
	grid_duration(grid, peer->latency);
}

static u64 bytes_of(const struct row *row)
{
	return row->sum.sent + row->sum.received;
}

/* What failed and moved nothing comes before what did neither. */
static int by_bytes(const void *a, const void *b)
{
	const struct row *first = a, *second = b;

	if (bytes_of(first) != bytes_of(second))
		return bytes_of(first) < bytes_of(second) ? 1 : -1;
	if (first->sum.failures != second->sum.failures)
		return first->sum.failures < second->sum.failures ? 1 : -1;
	return first->index < second->index ? -1 : first->index > second->index;
}

static int compare(u64 one, u64 other)
{
	return one < other ? -1 : one > other;
}

/* By service: a server's clients are together, and then each host by itself. */
static int by_service(const void *a, const void *b)
{
	const struct row *first = a, *second = b;
	const struct run_peer *one = &first->sum, *other = &second->sum;
	int order = compare(first->tool, second->tool);

	order = order ? order : compare(one->direction, other->direction);
	order = order ? order : compare(one->port, other->port);
	order = order ? order : compare(one->transport, other->transport);
	order = order ? order : compare(one->address, other->address);
	return order ? order : compare(first->index, second->index);
}

static bool is_same(const struct row *one, const struct row *other)
{
	return one->tool == other->tool && one->sum.direction == other->sum.direction && one->sum.port == other->sum.port &&
	       one->sum.transport == other->sum.transport &&
	       (one->sum.direction == NET_IN || one->sum.address == other->sum.address);
}

static void add_up(struct row *sum, const struct row *row, bool new_host)
{
	sum->hosts += new_host;
	sum->sum.connections += row->sum.connections;
	sum->sum.failures += row->sum.failures;
	sum->sum.broken += row->sum.broken;
	sum->sum.sent += row->sum.sent;
	sum->sum.received += row->sum.received;
	sum->sum.packets_sent += row->sum.packets_sent;
	sum->sum.packets_received += row->sum.packets_received;
	sum->sum.retransmits += row->sum.retransmits;
	if (row->sum.error && (row->sum.failures || !sum->sum.failures))
		sum->sum.error = row->sum.error;
	if (row->sum.latency > sum->sum.latency)
		sum->sum.latency = row->sum.latency;
}

static u32 merge(struct row *rows, u32 count)
{
	u32 kept = 0, address = RUN_NONE;

	qsort(rows, count, sizeof(*rows), by_service);
	for (u32 i = 0; i < count; i++) {
		struct row *last = kept ? &rows[kept - 1] : NULL;
		bool new_host = rows[i].sum.address != address;

		address = rows[i].sum.address;
		if (last && is_same(last, &rows[i]))
			add_up(last, &rows[i], new_host);
		else
			rows[kept++] = rows[i];
	}
	return kept;
}

static struct row *read_rows(const struct run *run)
{
	struct row *rows = xcalloc((size_t)run->peer_count + 1, sizeof(*rows));

	for (u32 i = 0; i < run->peer_count; i++) {
		const struct run_peer *peer = &run->peers[i];

		rows[i] = (struct row){ .sum = *peer, .hosts = 1, .index = i, .tool = RUN_NONE };
		if (peer->process < run->process_count)
			rows[i].tool = run->processes[peer->process].tool;
	}
	return rows;
}

static void print(struct report *report, const char *title, struct row *rows, u32 count, u32 limit, bool each)
{
	u32 shown = limit && limit < count ? limit : count;
	struct grid grid;

	qsort(rows, count, sizeof(*rows), by_bytes);
	grid_begin(&grid, columns, sizeof(columns) / sizeof(columns[0]));
	for (u32 i = 0; i < shown; i++)
		add_row(&grid, report->run, &rows[i], each);
	report_title(report, title);
	if (shown)
		grid_print(&grid, report->out, report->style.width, "  ");
	else
		text_add(report->out, "  none\n");
	if (each)
		report_more(report, count - shown);
	else if (shown < count)
		text_add_format(report->out, "  %u more (--peers shows each)\n", count - shown);
	grid_free(&grid);
}

/* --- drops --- */

static const struct grid_column drop_columns[] = {
	{ .head = "why", .left = true },
	{ .head = "packets" },
	{ .head = "size", .drop = 2 },
	{ .head = "from", .left = true, .rest = 16 },
	{ .head = "to", .left = true, .rest = 16 },
	{ .head = "whose", .left = true, .drop = 1 },
	{ .head = "at", .left = true, .drop = 3 },
};

static void add_end(struct grid *grid, const struct run *run, u32 address, u16 port, const char *protocol)
{
	struct run_bytes bytes = run_text(run, address);
	bool brackets = port && memchr(bytes.data, ':', bytes.length);

	text_add(&grid->text, brackets ? "[" : "");
	label_text(&grid->text, run, address, "");
	text_add(&grid->text, brackets ? "]" : "");
	if (port)
		text_add_format(&grid->text, ":%u", port);
	if (protocol)
		text_add_format(&grid->text, " %s", protocol);
	grid_end_cell(grid);
}

static void add_drop(struct grid *grid, const struct run *run, const struct run_drop *drop)
{
	label_text(&grid->text, run, drop->reason != RUN_NONE ? drop->reason : drop->function, "?");
	grid_end_cell(grid);
	grid_number(grid, drop->packets);
	grid_size(grid, drop->bytes);
	add_end(grid, run, drop->source, drop->source_port, NULL);
	add_end(grid, run, drop->destination, drop->destination_port, word_protocol(drop->protocol));
	if (drop->process < run->process_count && run->processes[drop->process].tool < run->tool_count)
		label_row(&grid->text, run, SUM_TOOL, run->processes[drop->process].tool, NULL);
	grid_end_cell(grid);
	label_text(&grid->text, run, drop->interface, "");
	grid_end_cell(grid);
}

static int by_packets(const void *a, const void *b)
{
	const struct run_drop *first = *(const struct run_drop *const *)a, *second = *(const struct run_drop *const *)b;

	if (first->packets != second->packets)
		return first->packets < second->packets ? 1 : -1;
	return first < second ? -1 : first > second;
}

const struct run_drop **report_drops(const struct run *run)
{
	const struct run_drop **order = xcalloc((size_t)run->drop_count + 1, sizeof(*order));

	for (u32 i = 0; i < run->drop_count; i++)
		order[i] = &run->drops[i];
	qsort(order, run->drop_count, sizeof(*order), by_packets);
	return order;
}

/* `limit` 0: all. */
static void print_drops(struct report *report, u32 limit, bool each)
{
	const struct run *run = report->run;
	u32 shown = limit && limit < run->drop_count ? limit : run->drop_count;
	const struct run_drop **order = report_drops(run);
	struct grid grid;

	grid_begin(&grid, drop_columns, sizeof(drop_columns) / sizeof(drop_columns[0]));
	for (u32 i = 0; i < shown; i++)
		add_drop(&grid, run, order[i]);
	if (shown) {
		report_title(report, "Packets dropped by the kernel");
		grid_print(&grid, report->out, report->style.width, "  ");
		if (each)
			report_more(report, run->drop_count - shown);
		else if (shown < run->drop_count)
			text_add_format(report->out, "  %u more (--peers shows each)\n", run->drop_count - shown);
	}
	grid_free(&grid);
	free(order);
}

void report_peers(struct report *report)
{
	struct row *rows = read_rows(report->run);

	print(report, "Peers", rows, report->run->peer_count, report_limit(report, ROWS_SHOWN), true);
	print_drops(report, report_limit(report, ROWS_SHOWN), true);
	free(rows);
}

void report_network(struct report *report, u32 usual)
{
	struct row *rows = read_rows(report->run);
	u32 count = merge(rows, report->run->peer_count);

	if (count)
		print(report, "Network (by tool and peer)", rows, count, usual, false);
	print_drops(report, usual, false);
	free(rows);
}
