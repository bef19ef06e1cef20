/* The sensor of dropped packets: which reasons are no news, and the sums that its program folds. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/alloc.h"
#include "kernel/drop.h"
#include "kernel/grace.h"
#include "kernel/pass.h"
#include "kernel/root_cgroup.h"
#include "kernel/sensor.h"
#include "kernel/symbols.h"
#include "kernel/types.h"
#include "wire/drop.h"
#include "wire/settings.h"

#define FLOWS 8192		/* at once, between two looks */
#define SOCKETS 1024		/* whose owners are asked for at once */
#define REASONS (64 * DROP_WORDS)

/* Said of packets that were not dropped. Names as in the kernel, less their prefix. */
static const char *const not_dropped[] = { "NOT_DROPPED_YET", "CONSUMED" };

/*
 * Packets are freed like this in normal work: a socket closes with data unread, data arrives twice, a queue is merged or
 * purged. docs/flows.md names them.
 */
static const char *const benign[] = {
	"SOCKET_CLOSE", "UNIX_DISCONNECT", "UNIX_SKIP_OOB", "TCP_OLD_DATA", "TCP_OFOMERGE", "TCP_OLD_ACK", "TCP_CLOSE",
	"QUEUE_PURGE",	"OTHERHOST",	   "DUP_FRAG",	    "TCP_RESET",    "TCP_FASTOPEN",
};

/* Before there were reasons (5.17), functions that free what was not dropped. */
static const char *const benign_functions[] = {
	"skb_queue_purge", "__skb_queue_purge",	     "skb_queue_purge_reason", "sk_stream_kill_queues", "inet_sock_destruct",
	"tcp_write_queue_purge", "tcp_ack", "tcp_rcv_established", "tcp_rcv_state_process", "tcp_data_queue", "packet_rcv",
	"unix_release_sock", "netlink_broadcast", "icmp_rcv", "icmpv6_rcv", "skb_release_data", "udp_destruct_sock",
};

/*
 * Functions that give no reason for what is part of normal work, either: the last segments of a connection, which its socket in
 * TIME_WAIT has dealt with, multicast that came by for others, and what a socket still has when it is closed: before 6.7 all
 * queues that are purged, and of a UDP socket those datagrams that its reader had taken over.
 */
static const char *const normal_functions[] = {
	"tcp_v4_rcv", "tcp_v6_rcv", "ip6_mc_input", "udp_destruct_common", "udp_destruct_sock", "udpv6_destruct_sock",
	"inet_sock_destruct", "skb_queue_purge", "__skb_queue_purge",
};

static bool is_one_of(const char *name, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(name, list[i]))
			return true;
	return false;
}

static const char *without_prefix(const char *name)
{
	static const char *const prefixes[] = { "SKB_DROP_REASON_", "SKB_" };

	for (size_t i = 0; name && i < 2; i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return name + strlen(prefixes[i]);
	return name;
}

/* The kernel's types are read once, when the first name is wanted. */
const char *drop_reason(u32 reason)
{
	static char *names[REASONS];
	static bool read;

	if (reason == DROP_LISTEN_OVERFLOW)
		return "TCP_LISTEN_OVERFLOW";
	if (!read)
		types_enum("skb_drop_reason", names, REASONS);
	read = true;
	return reason < REASONS ? without_prefix(names[reason]) : NULL;
}

static bool is_loaded(struct bpf_object *object, const char *program)
{
	return bpf_program__autoload(bpf_object__find_program_by_name(object, program));
}

static bool all_drops;

static bool is_left_out(const char *reason)
{
	return is_one_of(reason, not_dropped, sizeof(not_dropped) / sizeof(*not_dropped)) ||
	       (!all_drops && is_one_of(reason, benign, sizeof(benign) / sizeof(*benign)));
}

static int prepare(struct bpf_object *object)
{
	bool wanted = is_loaded(object, "drop_raw") || is_loaded(object, "drop_socket");
	struct bpf_map *rodata = bpf_object__find_map_by_name(object, "sonde.rodata");
	size_t size;
	struct settings *settings = (struct settings *)bpf_map__initial_value(rodata, &size);

	all_drops = settings->all_drops;
	bpf_map__set_max_entries(bpf_object__find_map_by_name(object, "drops"), wanted ? FLOWS : 1);
	bpf_map__set_max_entries(bpf_object__find_map_by_name(object, "drop_sockets"), wanted ? SOCKETS : 1);
	bpf_map__set_max_entries(bpf_object__find_map_by_name(object, "drop_refused"),
				 is_loaded(object, "drop_request_consumed") ? SOCKETS : 1);
	for (u32 reason = 0; wanted && reason < REASONS; reason++) {
		const char *name = drop_reason(reason);

		if (name && is_left_out(name))
			settings->benign_drops[reason / 64] |= 1ULL << (reason % 64);
	}
	return 0;
}

static bool is_multicast(const struct drop_key *key)
{
	return key->family == AF_INET6 ? key->destination[0] == 0xff : key->family && key->destination[0] >> 4 == 14;
}

/* What a host says to its neighbours of itself before it has an address to say it from. */
static bool is_first_words(const struct drop_key *key, const char *reason)
{
	static const u8 none[sizeof(key->source)];

	return is_multicast(key) && !memcmp(key->source, none, sizeof(none)) && strcmp(reason, "NETFILTER_DROP");
}

static bool is_normal(const struct drop_key *key, const char *function)
{
	const char *reason = drop_reason(key->reason);

	if (key->reason == DROP_NO_REASON || !reason)
		return is_one_of(function, benign_functions, sizeof(benign_functions) / sizeof(benign_functions[0]));
	/* An answer to a ping that was sent by a raw socket, which has had it already. */
	if (is_first_words(key, reason) || (!strcmp(reason, "NO_SOCKET") && !strcmp(function, "ping_rcv")))
		return true;
	if (strcmp(reason, "NOT_SPECIFIED"))
		return false;
	return is_one_of(function, normal_functions, sizeof(normal_functions) / sizeof(normal_functions[0])) ||
	       (is_multicast(key) && !strcmp(function, "ip_rcv_finish_core"));
}

struct drop_event {
	struct drop_record record;
	struct record_string function;
	char name[64];
};

/* A sum and what it is of. */
struct folded {
	struct drop_key key;
	struct drop_sum sum;
};

static int tell(const struct folded *folded, lanes_deliver *deliver, void *context)
{
	const struct drop_key *key = &folded->key;
	const struct drop_sum *sum = &folded->sum;
	struct drop_event event = { .record = {
		.record = { .kind = KIND_drop, .time = sum->last, .start = sum->start, .pid = sum->pid, .tid = sum->tid,
			    .uid = sum->uid, .gid = sum->gid, .cgroup = sum->cgroup,
			    .flags = sum->pid ? 0 : RECORD_OWNER_UNKNOWN },
		.key = *key, .count = sum->count, .bytes = sum->bytes, .first = sum->first, .side = sum->side,
	} };
	const char *name = key->reason == DROP_LISTEN_OVERFLOW ? "tcp_conn_request" : symbols_name(key->location);
	size_t length = strlen(name);

	if (!all_drops && is_normal(key, name))
		return 0;
	memcpy(event.record.interface, sum->interface, sizeof(sum->interface));
	event.function.length = event.function.full = length;
	memcpy(event.name, name, length);
	event.record.record.size = sizeof(event.record) + sizeof(event.function) + ((length + 7) & ~7UL);
	deliver(context, &event, event.record.record.size);
	return 1;
}

/* All keys of an epoch, taken down before any is deleted: deleting would confuse the walk. */
static size_t list_keys(int fd, u32 epoch, struct folded *list)
{
	struct drop_key key, *previous = NULL;
	size_t count = 0;

	while (count < FLOWS && !bpf_map_get_next_key(fd, previous, &key)) {
		if (key.epoch == epoch)
			list[count++].key = key;
		previous = &key;
	}
	return count;
}

static void take_sums(int fd, struct folded *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		bpf_map_lookup_elem(fd, &list[i].key, &list[i].sum);
		bpf_map_delete_elem(fd, &list[i].key);
	}
}

static void find_functions(const struct folded *list, size_t count)
{
	u64 *locations = xcalloc(count, sizeof(*locations));
	size_t known = 0;

	for (size_t i = 0; i < count; i++)
		if (list[i].key.location)
			locations[known++] = list[i].key.location;
	symbols_find(locations, known);
	free(locations);
}

static void nothing_is_written(void *context, const void *record)
{
	(void)context;
	(void)record;
}

/* Sockets are handed to a program that walks over the files of all processes and writes down whose they are. */
static void find_owners(struct bpf_object *object, struct folded *list, size_t count)
{
	struct bpf_program *program = bpf_object__find_program_by_name(object, "drop_owners");
	int fd = bpf_object__find_map_fd_by_name(object, "drop_sockets");
	struct bpf_link *link = NULL;
	struct drop_owner owner = { 0 };
	size_t asked = 0;

	for (size_t i = 0; i < count; i++)
		if (list[i].sum.sock && !bpf_map_update_elem(fd, &list[i].sum.sock, &owner, BPF_ANY))
			asked++;
	if (asked && bpf_program__fd(program) >= 0)
		link = bpf_program__attach_iter(program, NULL);
	if (link)
		pass_run(link, 1, nothing_is_written, NULL);
	bpf_link__destroy(link);
	for (size_t i = 0; asked && i < count; i++) {
		struct drop_sum *sum = &list[i].sum;

		if (!sum->sock || bpf_map_lookup_elem(fd, &sum->sock, &owner))
			continue;
		sum->start = owner.start;
		sum->cgroup = owner.cgroup;
		sum->pid = owner.pid;
		sum->tid = owner.tid;
		sum->uid = owner.uid;
		sum->gid = owner.gid;
	}
	for (size_t i = 0; asked && i < count; i++)
		if (list[i].sum.sock)
			bpf_map_delete_elem(fd, &list[i].sum.sock);
}

/* What is nobody's is out of scope. How many are left. */
static size_t keep_owned(struct folded *list, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++)
		if (list[i].sum.pid)
			list[kept++] = list[i];
	return kept;
}

static const struct settings *settings_of(struct bpf_object *object)
{
	size_t size;

	return bpf_map__initial_value(bpf_object__find_map_by_name(object, "sonde.rodata"), &size);
}

/* As histograms are read (hist_maps.c): the epoch is turned, whoever writes the old one is waited for. */
static long fold(struct bpf_object *object, lanes_deliver *deliver, void *context)
{
	int fd = bpf_object__find_map_fd_by_name(object, "drops");
	int epochs = bpf_object__find_map_fd_by_name(object, "drop_epoch");
	bool all = settings_of(object)->scope == SCOPE_ALL;
	u32 zero = 0, old, next;
	struct folded *list;
	size_t count;
	long told = 0;

	if (bpf_map_get_next_key(fd, NULL, &(struct drop_key){ 0 }))
		return 0;
	if (bpf_map_lookup_elem(epochs, &zero, &old))
		return -errno;
	next = !old;
	if (bpf_map_update_elem(epochs, &zero, &next, BPF_ANY))
		return -errno;
	grace_wait();
	list = xcalloc(FLOWS, sizeof(*list));
	count = list_keys(fd, old, list);
	take_sums(fd, list, count);
	find_owners(object, list, count);
	if (!all)
		count = keep_owned(list, count);
	find_functions(list, count);
	for (size_t i = 0; i < count; i++)
		told += tell(&list[i], deliver, context);
	free(list);
	return told;
}

#define BLIND "packets that a network card drops by itself"

static const struct rung drop_rungs[] = {
	{ .name = "socket", .programs = { "drop_socket" }, .needs = "sk_skb_reason_drop",
	  .lacks = "this kernel does not say which socket should have had it", .blind = BLIND },
	{ .name = "raw", .programs = { "drop_raw" }, .optional = { "drop_full" },
	  .blind = "before 5.17: the reason, so the function stands for it; " BLIND },
	{ 0 }
};

static const struct rung owner_rungs[] = {
	{ .name = "iterator", .programs = { "drop_owners" }, .cost = COST_PASS, .attach_many = pass_attach_later,
	  .blind = "processes that have ended by then, within about a second" },
	{ 0 }
};

#define REQUEST_BLIND "before 6.15: why the last packet of a handshake is dropped, if the backlog has filled since the first"

static const struct rung request_rungs[] = {
	{ .name = "fentry", .programs = { "drop_request_fentry" }, .blind = REQUEST_BLIND },
	{ .name = "kprobe", .programs = { "drop_request_kprobe" }, .blind = REQUEST_BLIND },
	{ .name = "consumed", .programs = { "drop_request_consumed" },
	  .blind = "of listeners that share a port, two requests refused at the same time; " REQUEST_BLIND },
	{ .name = "cgroup", .programs = { "drop_request_cgroup" }, .attach = root_cgroup_attach, .cost = COST_PACKETS,
	  .blind = REQUEST_BLIND },
	{ 0 }
};

static const struct point points[] = {
	{ .name = "packet drop", .help = "the kernel drops a packet", .rungs = drop_rungs, .kinds = KIND_BIT(drop) },
	{ .name = "drop owner", .help = "whose the socket of a dropped datagram is", .rungs = owner_rungs,
	  .kinds = KIND_BIT(drop) },
	{ .name = "listen overflow", .help = "a request for a connection finds the listener's backlog full",
	  .rungs = request_rungs, .kinds = KIND_BIT(drop) },
	{ 0 }
};

const struct sensor drop_sensor = { .name = "drop", .points = points, .prepare = prepare, .fold = fold };
