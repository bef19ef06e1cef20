/* Differences of what the machine counts, over the interval between two looks at it. */
#include "top/host_lines.h"

#include "base/columns.h"
#include "top/columns.h"

#define BAR_MOST 20

static bool is_known(u64 now, u64 before)
{
	return now != UINT64_MAX && before != UINT64_MAX && now >= before;
}

static void add_bar(struct text *out, double share, unsigned int width)
{
	unsigned int size = width / 8 < BAR_MOST ? width / 8 : BAR_MOST, full = share * size + 0.5;

	if (size < 4)
		return;
	text_add_char(out, '[');
	for (unsigned int i = 0; i < size; i++)
		text_add_char(out, i < full ? '#' : ' ');
	text_add(out, "] ");
}

static void add_share(struct text *out, const char *name, u64 now, u64 before, double whole)
{
	if (is_known(now, before) && whole > 0)
		text_add_format(out, " %s %.0f%%", name, 100.0 * (now - before) / whole);
}

static void add_processors(struct text *out, const struct frame *frame, const struct run_host *facts, unsigned int width)
{
	const struct run_host_sample *now = &frame->host, *before = &frame->host_before;
	double time = now->time - before->time, whole = time * (facts->cpus ? facts->cpus : 1);
	double share = is_known(now->cpu_busy, before->cpu_busy) && whole > 0 ? (now->cpu_busy - before->cpu_busy) / whole : 0;

	share = share > 1 ? 1 : share;
	text_add(out, "CPU  ");
	add_bar(out, share, width);
	text_add_format(out, "%3.0f%% of %u", 100 * share, facts->cpus);
	add_share(out, " stolen", now->cpu_steal, before->cpu_steal, whole);
	if (is_known(now->pressure_cpu, before->pressure_cpu)) {
		text_add(out, "   pressure:");
		add_share(out, "cpu", now->pressure_cpu, before->pressure_cpu, time);
		add_share(out, "memory", now->pressure_memory, before->pressure_memory, time);
		add_share(out, "disk", now->pressure_io, before->pressure_io, time);
	}
}

static void add_memories(struct text *out, const struct frame *frame, const struct run_host *facts, unsigned int width)
{
	const struct run_host_sample *now = &frame->host;

	if (now->memory_used == UINT64_MAX || !facts->memory)
		return;
	text_add(out, "Mem  ");
	add_bar(out, (double)now->memory_used / facts->memory, width);
	columns_amount(out, now->memory_used);
	text_add(out, " of ");
	columns_amount(out, facts->memory);
	if (facts->swap && now->swap_used != UINT64_MAX) {
		text_add(out, "   swap ");
		columns_amount(out, now->swap_used);
		text_add(out, " of ");
		columns_amount(out, facts->swap);
	}
}

static void add_flow(struct text *out, const char *name, u64 now, u64 before, u64 interval)
{
	text_add_format(out, "  %s ", name);
	add_rate(out, is_known(now, before) ? now - before : 0, interval);
	text_add(out, "/s");
}

static void add_flows(struct text *out, const struct frame *frame)
{
	const struct run_host_sample *now = &frame->host, *before = &frame->host_before;
	u64 interval = now->time - before->time;

	if (is_known(now->disk_read, before->disk_read)) {
		text_add(out, "Disk");
		add_flow(out, "read", now->disk_read, before->disk_read, interval);
		add_flow(out, "write", now->disk_write, before->disk_write, interval);
		add_share(out, " busy", now->disk_busy, before->disk_busy, interval);
	}
	if (is_known(now->network_received, before->network_received)) {
		text_add(out, out->length ? "   Net" : "Net");
		add_flow(out, "received", now->network_received, before->network_received, interval);
		add_flow(out, "sent", now->network_sent, before->network_sent, interval);
	}
}

void host_line(struct text *out, unsigned int number, const struct frame *frame, const struct run_host *facts,
	       unsigned int width)
{
	if (number == 0)
		add_processors(out, frame, facts, width);
	else if (number == 1)
		add_memories(out, frame, facts, width);
	else
		add_flows(out, frame);
}
