/* Names as in events, nested at the dots (docs/events.md); rates are per second, of the interval. */
#include "top/json.h"

#include <string.h>

#include "base/jot.h"

static double per_second(u64 count, u64 interval)
{
	return interval ? count * 1e9 / interval : 0;
}

static void begin(struct jot *jot, struct text *out, const struct json_view *view, const char *kind)
{
	struct text time = { 0 };

	*jot = (struct jot){ .out = out };
	wall_format(view->wall, &time, view->frame->time);
	jot_open(jot, NULL, '{');
	jot_string(jot, "kind", kind);
	jot_bytes(jot, "time", text_string(&time), time.length);
	jot_unsigned(jot, "interval_ns", view->frame->interval);
	text_free(&time);
}

static void end(struct jot *jot)
{
	jot_close(jot, '}');
	text_add_char(jot->out, '\n');
}

static void jot_known(struct jot *jot, const char *key, u64 value)
{
	if (value != UINT64_MAX)
		jot_unsigned(jot, key, value);
}

/* Left out where one of the two looks did not tell it. */
static void jot_change(struct jot *jot, const char *key, u64 now, u64 before, double whole)
{
	if (now != UINT64_MAX && before != UINT64_MAX && now >= before && whole > 0)
		jot_real(jot, key, (now - before) / whole, 3);
}

void json_host(struct text *out, const struct json_view *view, const struct run_host *facts)
{
	const struct run_host_sample *now = &view->frame->host, *before = &view->frame->host_before;
	double seconds = (now->time - before->time) / 1e9;
	double percent = seconds * 1e7; /* ns of a processor */
	struct jot jot;

	begin(&jot, out, view, "host");
	jot_open(&jot, "cpu", '{');
	jot_unsigned(&jot, "count", facts->cpus);
	jot_change(&jot, "percent", now->cpu_busy, before->cpu_busy, percent);
	jot_change(&jot, "iowait_percent", now->cpu_iowait, before->cpu_iowait, percent);
	jot_change(&jot, "steal_percent", now->cpu_steal, before->cpu_steal, percent);
	jot_close(&jot, '}');
	jot_open(&jot, "memory", '{');
	jot_unsigned(&jot, "total", facts->memory);
	jot_known(&jot, "used", now->memory_used);
	jot_known(&jot, "available", now->memory_available);
	jot_known(&jot, "swap_used", now->swap_used);
	jot_close(&jot, '}');
	jot_open(&jot, "disk", '{');
	jot_change(&jot, "read_per_second", now->disk_read, before->disk_read, seconds);
	jot_change(&jot, "write_per_second", now->disk_write, before->disk_write, seconds);
	jot_change(&jot, "busy_percent", now->disk_busy, before->disk_busy, percent);
	jot_close(&jot, '}');
	jot_open(&jot, "network", '{');
	jot_change(&jot, "received_per_second", now->network_received, before->network_received, seconds);
	jot_change(&jot, "sent_per_second", now->network_sent, before->network_sent, seconds);
	jot_close(&jot, '}');
	jot_open(&jot, "pressure", '{');
	jot_change(&jot, "cpu_percent", now->pressure_cpu, before->pressure_cpu, percent);
	jot_change(&jot, "memory_percent", now->pressure_memory, before->pressure_memory, percent);
	jot_change(&jot, "io_percent", now->pressure_io, before->pressure_io, percent);
	jot_close(&jot, '}');
	if (now->load != UINT32_MAX)
		jot_real(&jot, "load", now->load / 100.0, 2);
	jot_unsigned(&jot, "lost", view->frame->lost);
	end(&jot);
}

static void add_process(struct jot *jot, const struct json_view *view, const struct line *line)
{
	static const char *const states[SAMPLE_STATES] = { "sleeping", "disk", "waiting", "running", "stopped", "zombie" };
	const struct frame_row *sum = &line->sum;
	const char *user = view->user_name(view->context, sum->user);

	jot_open(jot, "process", '{');
	if (sum->pid) {
		jot_unsigned(jot, "pid", sum->pid);
		jot_unsigned(jot, "parent_pid", sum->parent_pid);
		jot_unsigned(jot, "start_ns", sum->start);
		jot_string(jot, "state", sum->state < SAMPLE_STATES ? states[sum->state] : "unknown");
	}
	if (line->command_length)
		jot_bytes(jot, "command_line", line->command, line->command_length);
	jot_open(jot, "user", '{');
	jot_unsigned(jot, "id", sum->user);
	if (user)
		jot_string(jot, "name", user);
	jot_close(jot, '}');
	jot_close(jot, '}');
	if (sum->task)
		jot_bytes(jot, "task", sum->task->data, sum->task->length);
	if (sum->container)
		jot_bytes(jot, "container", sum->container->data, sum->container->length);
}

void json_line(struct text *out, const struct json_view *view, const struct line *line)
{
	const struct frame_row *sum = &line->sum;
	const struct counters *used = &sum->used, *since = &sum->since;
	u64 interval = view->frame->interval;
	bool one = view->by == FRAME_BY_PROCESS && sum->pid;
	struct jot jot;

	begin(&jot, out, view, "row");
	jot_string(&jot, "by", frame_by_names[view->by]);
	jot_bytes(&jot, "name", line->name, line->name_length);
	if (view->by == FRAME_BY_PROCESS)
		add_process(&jot, view, line);
	jot_open(&jot, "cpu", '{');
	jot_real(&jot, "percent", interval ? 100.0 * used->cpu / interval : 0, 2);
	jot_real(&jot, "wait_percent", interval ? 100.0 * used->wait / interval : 0, 2);
	if (one) {
		jot_unsigned(&jot, "time_ns", since->cpu);
		jot_unsigned(&jot, "wait_ns", since->wait);
	}
	jot_close(&jot, '}');
	jot_open(&jot, "memory", '{');
	jot_unsigned(&jot, "resident", sum->memory);
	if (one)
		jot_unsigned(&jot, "peak", sum->peak);
	jot_close(&jot, '}');
	jot_open(&jot, "disk", '{');
	jot_real(&jot, "read_per_second", per_second(used->disk_read, interval), 1);
	jot_real(&jot, "write_per_second", per_second(used->disk_write, interval), 1);
	if (one) {
		jot_unsigned(&jot, "read", since->disk_read);
		jot_unsigned(&jot, "write", since->disk_write);
	}
	jot_close(&jot, '}');
	jot_open(&jot, "io", '{');
	jot_real(&jot, "read_per_second", per_second(used->read, interval), 1);
	jot_real(&jot, "write_per_second", per_second(used->write, interval), 1);
	if (one) {
		jot_unsigned(&jot, "read", since->read);
		jot_unsigned(&jot, "write", since->write);
	}
	jot_close(&jot, '}');
	jot_open(&jot, "network", '{');
	jot_real(&jot, "received_per_second", per_second(used->received, interval), 1);
	jot_real(&jot, "sent_per_second", per_second(used->sent, interval), 1);
	jot_close(&jot, '}');
	jot_unsigned(&jot, "threads", sum->threads);
	jot_unsigned(&jot, "processes", sum->living);
	jot_unsigned(&jot, "started", sum->started);
	jot_unsigned(&jot, "ended", sum->ended);
	end(&jot);
}
