#include "books/run_jot.h"

#include "base/wall.h"
#include "event/words.h"
#include "wire/net.h"

void run_jot_text(const struct run *run, struct jot *jot, const char *key, u32 text)
{
	struct run_bytes bytes = run_text(run, text);

	if (text != RUN_NONE)
		jot_bytes(jot, key, bytes.data, bytes.length);
}

void run_jot_time(const struct run *run, struct jot *jot, const char *key, u64 time)
{
	jot_signed(jot, key, (s64)(time - run->start));
}

void run_jot_wall(const struct run *run, struct jot *jot, const char *key, u64 time)
{
	struct wall wall = { .offset = run->wall_offset };
	struct text text = { 0 };

	wall_format(&wall, &text, time);
	jot_bytes(jot, key, text.data, text.length);
	text_free(&text);
}

void run_jot_head(const struct run *run, struct jot *jot)
{
	static const char *const kinds[] = { [RUN_COMMAND] = "command", [RUN_SCOPE] = "scope" };
	static const char *const states[] = {
		[RUN_RECORDING] = "recording", [RUN_FINISHED] = "finished", [RUN_INTERRUPTED] = "interrupted",
	};
	struct run_bytes command = run_text(run, run->command);

	jot_unsigned(jot, "id", run->id);
	run_jot_text(run, jot, "name", run->name);
	jot_string(jot, "kind", kinds[run->kind]);
	jot_string(jot, "state", states[run->state]);
	if (run->command != RUN_NONE)
		jot_words(jot, "command_args", command.data, command.length);
	run_jot_text(run, jot, "scope", run->scope);
	run_jot_text(run, jot, "working_directory", run->directory);
	run_jot_text(run, jot, "filter", run->filter);
	jot_unsigned(jot, "user", run->user);
	run_jot_wall(run, jot, "start", run->start);
	run_jot_wall(run, jot, "end", run->end);
	jot_unsigned(jot, "wall_ns", run->end > run->start ? run->end - run->start : 0);
	if (run->exit_status >= 0)
		jot_signed(jot, "exit_status", run->exit_status);
	jot_unsigned(jot, "interval_ns", run->interval);
	if (!run_is_counted(run))
		return;
	jot_open(jot, "overhead", '{');
	costs_jot(&run->overhead, jot);
	jot_close(jot, '}');
}

void run_jot_host(const struct run *run, struct jot *jot)
{
	const struct run_host *host = &run->host;

	run_jot_text(run, jot, "name", host->name);
	run_jot_text(run, jot, "kernel", host->kernel);
	run_jot_text(run, jot, "cpu_model", host->model);
	jot_nonzero(jot, "cpus", host->cpus);
	jot_nonzero(jot, "cpus_allowed", host->cpus_allowed);
	jot_nonzero(jot, "memory", host->memory);
	jot_nonzero(jot, "swap", host->swap);
	jot_nonzero(jot, "memory_limit", host->memory_limit);
}

void run_jot_sum(const struct run *run, struct jot *jot, const struct sum_row *row)
{
	static const struct sum_row nothing;

	if (!row)
		row = &nothing;
	jot_unsigned(jot, "processes", row->processes);
	jot_unsigned(jot, "failures", row->failures);
	if (row->processes) {
		run_jot_time(run, jot, "first_ns", row->first);
		run_jot_time(run, jot, "last_ns", row->last);
	}
	jot_unsigned(jot, "lifetime_ns", row->lifetime);
	jot_unsigned(jot, "covered_ns", row->covered);
	jot_nonzero(jot, "sampled_memory", row->sampled_memory);
	costs_jot(&row->costs, jot);
}

void run_jot_task(const struct run *run, struct jot *jot, const struct run_task *task)
{
	run_jot_text(run, jot, "name", task->name);
	run_jot_text(run, jot, "group", task->group);
	run_jot_text(run, jot, "rule", task->rule);
	run_jot_text(run, jot, "working_directory", task->directory);
	jot_nonzero(jot, "cpus", task->cpus);
	jot_nonzero(jot, "memory_given", task->memory);
}

void run_jot_container(const struct run *run, struct jot *jot, const struct run_container *container)
{
	run_jot_text(run, jot, "id", container->id);
	run_jot_text(run, jot, "name", container->name);
	run_jot_text(run, jot, "image", container->image);
	run_jot_text(run, jot, "runtime", container->runtime);
}

void run_jot_spent(struct jot *jot, const struct critical_link *link)
{
	jot_unsigned(jot, "cpu_ns", link->cpu);
	jot_unsigned(jot, "cpu_wait_ns", link->cpu_wait);
	jot_unsigned(jot, "disk_ns", link->disk);
	jot_unsigned(jot, "network_ns", link->network);
	jot_unsigned(jot, "other_ns", link->other);
}

void run_jot_link(const struct run *run, struct jot *jot, const struct critical_link *link)
{
	run_jot_time(run, jot, "from_ns", link->from);
	run_jot_time(run, jot, "to_ns", link->to);
	run_jot_spent(jot, link);
}

void run_jot_file(const struct run *run, struct jot *jot, const struct run_file *file)
{
	run_jot_text(run, jot, "path", file->path);
	jot_unsigned(jot, "reads", file->reads);
	jot_unsigned(jot, "writes", file->writes);
	jot_unsigned(jot, "creates", file->creates);
	jot_unsigned(jot, "removes", file->removes);
	jot_unsigned(jot, "failures", file->failures);
	jot_unsigned(jot, "processes", file->processes);
	jot_nonzero(jot, "size", file->size);
}

void run_jot_peer(const struct run *run, struct jot *jot, const struct run_peer *peer)
{
	const char *error = peer->failures || peer->broken ? word_errno(peer->error) : NULL;

	run_jot_text(run, jot, "address", peer->address);
	jot_unsigned(jot, "port", peer->port);
	jot_string(jot, "transport", word_transport(peer->transport));
	jot_string(jot, "direction", peer->direction == NET_IN ? "in" : "out");
	jot_unsigned(jot, "connections", peer->connections);
	jot_unsigned(jot, "failures", peer->failures);
	jot_nonzero(jot, "broken", peer->broken);
	if (error)
		jot_string(jot, "error", error);
	jot_unsigned(jot, "sent", peer->sent);
	jot_unsigned(jot, "received", peer->received);
	jot_unsigned(jot, "retransmits", peer->retransmits);
	jot_nonzero(jot, "packets_sent", peer->packets_sent);
	jot_nonzero(jot, "packets_received", peer->packets_received);
	jot_nonzero(jot, "latency_ns", peer->latency);
	run_jot_time(run, jot, "first_ns", peer->first);
	run_jot_time(run, jot, "last_ns", peer->last);
}

void run_jot_drop(const struct run *run, struct jot *jot, const struct run_drop *drop)
{
	run_jot_text(run, jot, "reason", drop->reason);
	run_jot_text(run, jot, "function", drop->function);
	run_jot_text(run, jot, "interface", drop->interface);
	jot_nonzero(jot, "network_namespace", drop->network_namespace);
	jot_nonzero(jot, "protocol", drop->protocol);
	run_jot_text(run, jot, "source", drop->source);
	jot_nonzero(jot, "source_port", drop->source_port);
	run_jot_text(run, jot, "destination", drop->destination);
	jot_nonzero(jot, "destination_port", drop->destination_port);
	jot_unsigned(jot, "packets", drop->packets);
	jot_unsigned(jot, "bytes", drop->bytes);
	run_jot_time(run, jot, "first_ns", drop->first);
	run_jot_time(run, jot, "last_ns", drop->last);
}
