/* The sensor of dropped packets: which reasons are no news, and the sums that its program folds. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "kernel/drop.h"
#include "kernel/grace.h"
#include "kernel/sensor.h"
#include "kernel/symbols.h"
#include "kernel/types.h"
#include "wire/drop.h"
#include "wire/settings.h"

#define FLOWS 8192		/* at once, between two looks */
#define REASONS (64 * DROP_WORDS)

/*
 * Packets are freed like this in normal work: a socket closes with data unread, data arrives twice, a queue is merged or
 * purged. Names as in the kernel, less their prefix.
 */
static const char *const benign[] = {
	"NOT_DROPPED_YET", "CONSUMED",	  "SOCKET_CLOSE", "UNIX_DISCONNECT", "UNIX_SKIP_OOB", "TCP_OLD_DATA",
	"TCP_OFOMERGE",	   "TCP_OLD_ACK", "TCP_CLOSE",	  "QUEUE_PURGE",     "OTHERHOST",     "DUP_FRAG",
	"TCP_RESET",	   "TCP_FASTOPEN",
};

/* Before there were reasons (5.17), functions that free what was not dropped. */
static const char *const benign_functions[] = {
	"skb_queue_purge", "__skb_queue_purge",	     "skb_queue_purge_reason", "sk_stream_kill_queues", "inet_sock_destruct",
	"tcp_write_queue_purge", "tcp_ack", "tcp_rcv_established", "tcp_rcv_state_process", "tcp_data_queue", "packet_rcv",
	"unix_release_sock", "netlink_broadcast", "icmp_rcv", "icmpv6_rcv", "skb_release_data",
};

/*
 * Functions that give no reason for what is part of normal work, either: the last segments of a connection, which its socket in
 * TIME_WAIT has dealt with, and multicast that came by for others.
 */
static const char *const normal_functions[] = { "tcp_v4_rcv", "tcp_v6_rcv", "ip6_mc_input" };

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

	if (!read)
		types_enum("skb_drop_reason", names, REASONS);
	read = true;
	return reason < REASONS ? without_prefix(names[reason]) : NULL;
}

static int prepare(struct bpf_object *object)
{
	bool wanted = bpf_program__autoload(bpf_object__find_program_by_name(object, "drop_raw"));
	struct bpf_map *rodata = bpf_object__find_map_by_name(object, "sonde.rodata");
	size_t size;
	struct settings *settings = (struct settings *)bpf_map__initial_value(rodata, &size);

	bpf_map__set_max_entries(bpf_object__find_map_by_name(object, "drops"), wanted ? FLOWS : 1);
	for (u32 reason = 0; wanted && reason < REASONS; reason++) {
		const char *name = drop_reason(reason);

		if (name && is_one_of(name, benign, sizeof(benign) / sizeof(benign[0])))
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
	if (is_first_words(key, reason))
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

static int tell(const struct drop_key *key, const struct drop_sum *sum, lanes_deliver *deliver, void *context)
{
	struct drop_event event = { .record = {
		.record = { .kind = KIND_drop, .time = sum->last, .start = sum->start, .pid = sum->pid, .tid = sum->tid,
			    .uid = sum->uid, .gid = sum->gid, .cgroup = sum->cgroup,
			    .flags = sum->pid ? 0 : RECORD_OWNER_UNKNOWN },
		.key = *key, .count = sum->count, .bytes = sum->bytes, .first = sum->first,
	} };
	const char *name = symbols_name(key->location);
	size_t length = strlen(name);

	if (is_normal(key, name))
		return 0;
	memcpy(event.record.interface, sum->interface, sizeof(sum->interface));
	event.function.length = event.function.full = length;
	memcpy(event.name, name, length);
	event.record.record.size = sizeof(event.record) + sizeof(event.function) + ((length + 7) & ~7UL);
	deliver(context, &event, event.record.record.size);
	return 1;
}

struct walk {
	struct drop_key *keys;
	u64 *locations;
	size_t count;
};

/* All keys of an epoch, taken down before any is deleted: deleting would confuse the walk. */
static void list_keys(int fd, u32 epoch, struct walk *walk)
{
	struct drop_key key, *previous = NULL;

	while (walk->count < FLOWS && !bpf_map_get_next_key(fd, previous, &key)) {
		if (key.epoch == epoch) {
			walk->keys[walk->count] = key;
			walk->locations[walk->count++] = key.location;
		}
		previous = &key;
	}
}

/* As histograms are read (hist_maps.c): the epoch is turned, whoever writes the old one is waited for. */
static long fold(struct bpf_object *object, lanes_deliver *deliver, void *context)
{
	int fd = bpf_object__find_map_fd_by_name(object, "drops");
	int epochs = bpf_object__find_map_fd_by_name(object, "drop_epoch");
	u32 zero = 0, old, next;
	struct walk walk = { 0 };
	struct drop_sum sum;
	long told = 0;

	if (bpf_map_get_next_key(fd, NULL, &(struct drop_key){ 0 }))
		return 0;
	if (bpf_map_lookup_elem(epochs, &zero, &old))
		return -errno;
	next = !old;
	walk.keys = calloc(FLOWS, sizeof(*walk.keys));
	walk.locations = calloc(FLOWS, sizeof(*walk.locations));
	if (!walk.keys || !walk.locations || bpf_map_update_elem(epochs, &zero, &next, BPF_ANY)) {
		told = -ENOMEM;
		goto out;
	}
	grace_wait();
	list_keys(fd, old, &walk);
	symbols_find(walk.locations, walk.count);
	for (size_t i = 0; i < walk.count; i++) {
		if (!bpf_map_lookup_elem(fd, &walk.keys[i], &sum))
			told += tell(&walk.keys[i], &sum, deliver, context);
		bpf_map_delete_elem(fd, &walk.keys[i]);
	}
out:
	free(walk.keys);
	free(walk.locations);
	return told;
}

static const struct rung drop_rungs[] = {
	{ .name = "raw", .programs = { "drop_raw" },
	  .blind = "before 5.17: the reason, so the function stands for it; packets that a network card drops by itself; "
		   "requests for a connection that find the listener's backlog full" },
	{ 0 }
};

static const struct point points[] = {
	{ .name = "packet drop", .help = "the kernel drops a packet", .rungs = drop_rungs, .kinds = KIND_BIT(drop) },
	{ 0 }
};

const struct sensor drop_sensor = { .name = "drop", .points = points, .prepare = prepare, .fold = fold };
