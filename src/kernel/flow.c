/* The sensor of datagrams: the sums that its programs fold. */
#include <string.h>
#include <sys/socket.h>

#include "kernel/folding.h"
#include "kernel/root_cgroup.h"
#include "kernel/sensor.h"
#include "wire/flow.h"

#define FLOWS 16384		/* at once, between two looks */
#define READINGS 4096		/* threads that read at the same time */

static bool is_mapped(const u8 *address)
{
	static const u8 prefix[12] = { [10] = 0xff, [11] = 0xff };

	return !memcmp(address, prefix, sizeof(prefix));
}

/* As records have them: what is known of one end decides for both. */
static void set_addresses(struct connection_record *record, const struct flow_key *key, const struct flow_sum *sum)
{
	const u8 *local = (const u8 *)sum->local, *peer = (const u8 *)key->peer;

	if (is_mapped(local) || is_mapped(peer)) {
		record->family = AF_INET;
		memcpy(record->local, local + 12, 4);
		memcpy(record->peer, peer + 12, 4);
	} else {
		record->family = AF_INET6;
		memcpy(record->local, local, sizeof(record->local));
		memcpy(record->peer, peer, sizeof(record->peer));
	}
	record->local_port = key->transport == NET_UDP ? sum->local_port : 0;
	record->peer_port = key->peer_port;
}

static void tell(const struct flow_key *key, const struct flow_sum *sum, lanes_deliver *deliver, void *context)
{
	struct connection_record record = {
		.record = { .kind = KIND_flow, .size = sizeof(record), .time = sum->last, .start = sum->start, .pid = key->pid,
			    .tid = sum->tid, .uid = sum->uid, .gid = sum->gid, .cgroup = sum->cgroup },
		.transport = key->transport,
		.network_namespace = sum->network_namespace,
		.duration_ns = sum->last - sum->first,
		.sent = sum->sent,
		.received = sum->received,
		.segments_sent = sum->packets_sent,
		.segments_received = sum->packets_received,
		.cookie = sum->cookie,
	};

	set_addresses(&record, key, sum);
	deliver(context, &record, sizeof(record));
}

static long fold(struct bpf_object *object, lanes_deliver *deliver, void *context)
{
	struct folding folding = { .map = "flows", .epoch = "flow_epoch", .key_size = sizeof(struct flow_key),
				   .epoch_at = offsetof(struct flow_key, epoch), .room = FLOWS };
	long told = folding_turn(&folding, object);
	struct flow_sum sum;

	for (size_t i = 0; i < folding.count; i++)
		if (folding_take(&folding, i, &sum)) {
			tell(folding_key(&folding, i), &sum, deliver, context);
			told++;
		}
	folding_free(&folding);
	return told;
}

static const struct rung sent_rungs[] = {
	{ .name = "cgroup", .programs = { "flow_sent" }, .attach = root_cgroup_attach,
	  .blind = "what is sent past IP, through packet sockets, and what the kernel itself sends" },
	{ 0 }
};

static const struct rung received_rungs[] = {
	{ .name = "length", .programs = { "flow_received", "flow_from4", "flow_from6" }, .attach = root_cgroup_attach,
	  .blind = "the sender, where a socket that has no peer is read without asking for the address; the number of "
		   "datagrams that are read as one (UDP_GRO)" },
	{ 0 }
};

static const struct point points[] = {
	{ .name = "datagram sent", .help = "a UDP or ICMP datagram is sent", .rungs = sent_rungs, .kinds = KIND_BIT(flow) },
	{ .name = "datagram received", .help = "a UDP or ICMP datagram is read", .rungs = received_rungs,
	  .kinds = KIND_BIT(flow) },
	{ 0 }
};

static int prepare(struct bpf_object *object)
{
	bool wanted = bpf_program__autoload(bpf_object__find_program_by_name(object, "flow_sent"));

	bpf_map__set_max_entries(bpf_object__find_map_by_name(object, "flows"), wanted ? FLOWS : 1);
	return bpf_map__set_max_entries(bpf_object__find_map_by_name(object, "flow_readings"), wanted ? READINGS : 1);
}

const struct sensor flow_sensor = { .name = "flow", .points = points, .prepare = prepare, .fold = fold };
