/* The sensor of datagrams: the sums that its programs fold. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/wall.h"
#include "kernel/grace.h"
#include "kernel/root_cgroup.h"
#include "kernel/sensor.h"
#include "wire/flow.h"

#define READINGS 4096		/* threads that read at the same time */

_Static_assert(FLOW_SLOTS * sizeof(struct flow_slot) % 65536 == 0, "a half begins with a page, however large pages are");

static bool is_mapped(const u8 *address)
{
	static const u8 prefix[12] = { [10] = 0xff, [11] = 0xff };

	return !memcmp(address, prefix, sizeof(prefix));
}

/* As records have them: what is known of one end decides for both. */
static void set_addresses(struct connection_record *record, const struct flow_slot *slot)
{
	const u8 *local = (const u8 *)slot->local, *peer = (const u8 *)slot->key.peer;

	if (is_mapped(local) || is_mapped(peer)) {
		record->family = AF_INET;
		memcpy(record->local, local + 12, 4);
		memcpy(record->peer, peer + 12, 4);
	} else {
		record->family = AF_INET6;
		memcpy(record->local, local, sizeof(record->local));
		memcpy(record->peer, peer, sizeof(record->peer));
	}
	record->local_port = slot->local_port;
	record->peer_port = slot->key.peer_port;
}

static void tell(const struct flow_slot *slot, u64 tick, lanes_deliver *deliver, void *context)
{
	u64 duration = (slot->last_tick - slot->first_tick) * tick;
	struct connection_record record = {
		.record = { .kind = KIND_flow, .size = sizeof(record), .time = slot->first + duration, .start = slot->start,
			    .pid = slot->key.pid, .tid = slot->tid, .uid = slot->uid, .gid = slot->gid,
			    .cgroup = slot->cgroup },
		.transport = slot->key.transport,
		.network_namespace = slot->network_namespace,
		.duration_ns = duration,
		.sent = slot->sent,
		.received = slot->received,
		.segments_sent = slot->packets_sent,
		.segments_received = slot->packets_received,
		.cookie = slot->cookie,
	};

	set_addresses(&record, slot);
	deliver(context, &record, sizeof(record));
}

static void *map_memory(struct bpf_object *object, const char *name, size_t from, size_t size)
{
	int fd = bpf_object__find_map_fd_by_name(object, name);

	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, from);
}

/* What one half of the slots holds; nobody writes there any more. Only what was used is mapped: all of it is made present at once. */
static long take_half(struct bpf_object *object, u32 half, u64 used, lanes_deliver *deliver, void *context)
{
	const size_t count = used < FLOW_SLOTS ? used : FLOW_SLOTS, size = count * sizeof(struct flow_slot);
	struct flow_slot *slots = map_memory(object, "flow_slots", half * FLOW_SLOTS * sizeof(struct flow_slot), size);
	u64 tick = wall_tick();
	long told = 0;

	if (slots == MAP_FAILED)
		return -errno;
	for (size_t i = 0; i < count; i++) {
		if (slots[i].first) {
			tell(&slots[i], tick, deliver, context);
			told++;
		}
	}
	memset(slots, 0, size);
	munmap(slots, size);
	return told;
}

static long fold(struct bpf_object *object, lanes_deliver *deliver, void *context)
{
	const size_t size = sysconf(_SC_PAGESIZE);
	struct flow_books *books = map_memory(object, "flow_books", 0, size);
	long told = 0;
	u32 old;

	if (books == MAP_FAILED)
		return -errno;
	old = books->turn & 1;
	if (books->used[old]) {
		__atomic_store_n(&books->turn, books->turn + 1, __ATOMIC_SEQ_CST);
		grace_wait();
		told = take_half(object, old, books->used[old], deliver, context);
		/* what could not be taken is taken after the next turn but one */
		if (told >= 0)
			books->used[old] = 0;
	}
	munmap(books, size);
	return told;
}

#define SENT_BLIND "what is sent past IP, through packet sockets; IPv6 with extension headers; what the kernel itself sends"

static const struct rung sent_rungs[] = {
	{ .name = "cgroup", .programs = { "flow_sent" }, .attach = root_cgroup_attach, .cost = COST_PACKETS,
	  .blind = SENT_BLIND },
	{ .name = "cgroup-read", .programs = { "flow_sent_read" }, .attach = root_cgroup_attach, .cost = COST_PACKETS,
	  .blind = SENT_BLIND },
	{ 0 }
};

#define PEEK_BLIND "that a program only looked (MSG_PEEK) at an ICMP message, which counts as read"

static const struct rung received_rungs[] = {
	{ .name = "fentry", .programs = { "flow_consumed_fentry", "flow_received_icmp" }, .blind = PEEK_BLIND },
	{ .name = "kprobe", .programs = { "flow_consumed_kprobe", "flow_received_icmp" }, .blind = PEEK_BLIND },
	{ .name = "length", .programs = { "flow_received", "flow_from4", "flow_from6", "flow_from_icmp" },
	  .attach = root_cgroup_attach,
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

static bool is_loaded(struct bpf_object *object, const char *program)
{
	return bpf_program__autoload(bpf_object__find_program_by_name(object, program));
}

static int prepare(struct bpf_object *object)
{
	bool wanted = is_loaded(object, "flow_sent") || is_loaded(object, "flow_sent_read");

	bpf_map__set_max_entries(bpf_object__find_map_by_name(object, "flow_slots"), wanted ? 2 * FLOW_SLOTS : 1);
	bpf_map__set_max_entries(bpf_object__find_map_by_name(object, "flow_places"), wanted ? FLOW_PLACES : 1);
	bpf_map__set_max_entries(bpf_object__find_map_by_name(object, "flow_known"), wanted ? FLOW_SLOTS : 1);
	return bpf_map__set_max_entries(bpf_object__find_map_by_name(object, "flow_readings"), wanted ? READINGS : 1);
}

const struct sensor flow_sensor = { .name = "flow", .points = points, .prepare = prepare, .fold = fold };
