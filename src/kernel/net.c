/* The sensors of the network. */
#include "kernel/root_cgroup.h"
#include "kernel/sensor.h"
#include "wire/hist.h"
#include "wire/net.h"
#include "wire/settings.h"

#define CGROUP_UNIX_CONNECT 49	/* enum bpf_attach_type; newer than the headers of Debian 12 */

/* Ends of connections at once whose owners and ages are known; more where the kernel can allocate for them (kernel.c). */
#define CONNECTIONS 65536
#define LISTENERS 8192

/* What a connection suffers has an owner because the connection is followed. */
#define FOLLOWED (KIND_BIT(close) | KIND_BIT(retransmit) | KIND_BIT(reset) | KIND_BIT(drop) | KIND_BIT(live) | \
		  MEASURE_BIT(MEASURE_RTT) | MEASURE_BIT(MEASURE_RETRANSMIT))
#define TCP_KINDS (KIND_BIT(connect) | KIND_BIT(accept) | KIND_BIT(listen) | FOLLOWED)

static const struct rung tcp_rungs[] = {
	{ .name = "btf", .programs = { "tcp_btf" }, .again = "tcp_twice" },
	{ .name = "raw", .programs = { "tcp_raw" }, .again = "tcp_twice" },
	{ 0 }
};

static const struct rung accept_rungs[] = {
	{ .name = "fexit", .programs = { "accept_fexit" } },
	{ .name = "kprobe", .programs = { "accept_kprobe" } },
	/* Nothing to attach: "tcp state" does it, see net_prepare. */
	{ .name = "state",
	  .blind = "which of several processes that share a listener accepts: the one that began to listen is named, "
		   "until the one that accepted closes" },
	{ 0 }
};

static const struct rung failed_rungs[] = {
	{ .name = "fexit", .programs = { "tcp_failed4_fexit", "tcp_failed6_fexit" } },
	{ .name = "kprobe", .programs = { "tcp_enter4_kprobe", "tcp_enter6_kprobe", "tcp_failed4_kprobe",
					  "tcp_failed6_kprobe" } },
	{ 0 }
};

static const struct rung udp_rungs[] = {
	{ .name = "fexit", .programs = { "udp4_fexit", "udp6_fexit" } },
	{ .name = "kprobe", .programs = { "udp_enter4_kprobe", "udp_enter6_kprobe", "udp4_kprobe", "udp6_kprobe" } },
	{ .name = "cgroup", .programs = { "udp4_cgroup", "udp6_cgroup" }, .attach = root_cgroup_attach,
	  .blind = "whether the connect succeeded" },
	{ 0 }
};

static const struct rung unix_rungs[] = {
	{ .name = "fexit", .programs = { "unix_stream_fexit", "unix_datagram_fexit" } },
	{ .name = "kprobe", .programs = { "unix_enter_stream_kprobe", "unix_enter_datagram_kprobe",
					  "unix_stream_kprobe", "unix_datagram_kprobe" } },
	{ .name = "cgroup", .needs = "bpf_sock_addr_set_sun_path", .programs = { "unix_cgroup" }, .attach = root_cgroup_attach,
	  .lacks = "this kernel asks no program about Unix connects", .blind = "whether the connect succeeded" },
	{ 0 }
};

static const struct rung denied_rungs[] = {
	{ .name = "cgroup", .programs = { "denied_connect4", "denied_connect6", "denied_sendmsg4", "denied_sendmsg6" },
	  .attach = root_cgroup_attach, .needs = "bpf_get_retval", .lacks = "this kernel lets no program ask what others said (from 5.18 on)",
	  .blind = "what is refused by programs that were attached to the root control group later, or by security modules" },
	{ 0 }
};

static bool is_loaded(struct bpf_object *object, const char *program)
{
	return bpf_program__autoload(bpf_object__find_program_by_name(object, program));
}

/* Memory only for what is watched; and libbpf may be older than a hook and then does not know its section's name. */
static int net_prepare(struct bpf_object *object)
{
	struct bpf_program *program = bpf_object__find_program_by_name(object, "unix_cgroup");
	struct bpf_map *rodata = bpf_object__find_map_by_name(object, "sonde.rodata");
	bool wanted = is_loaded(object, "tcp_btf") || is_loaded(object, "tcp_raw");
	size_t size;
	struct settings *settings = (struct settings *)bpf_map__initial_value(rodata, &size);

	bpf_program__set_type(program, BPF_PROG_TYPE_CGROUP_SOCK_ADDR);
	bpf_program__set_expected_attach_type(program, CGROUP_UNIX_CONNECT);
	bpf_map__set_max_entries(bpf_object__find_map_by_name(object, "connections"), wanted ? CONNECTIONS : 1);
	bpf_map__set_max_entries(bpf_object__find_map_by_name(object, "connection_places"),
				 wanted ? 1 << CONNECTION_PLACE_BITS : 1);
	bpf_map__set_max_entries(bpf_object__find_map_by_name(object, "listeners"), wanted ? LISTENERS : 1);
	settings->accept_by_state = !is_loaded(object, "accept_fexit") && !is_loaded(object, "accept_kprobe");
	return 0;
}

static const struct point points[] = {
	{ .name = "tcp state", .help = "a TCP connection begins, listens or ends", .rungs = tcp_rungs, .kinds = TCP_KINDS },
	{ .name = "tcp accept", .help = "a TCP connection is accepted", .rungs = accept_rungs,
	  .kinds = KIND_BIT(accept) | FOLLOWED },
	{ .name = "tcp connect failure", .help = "a TCP connect fails before a packet is sent: no route, no port",
	  .rungs = failed_rungs, .kinds = KIND_BIT(connect) },
	{ .name = "udp connect", .help = "a UDP socket is connected", .rungs = udp_rungs, .kinds = KIND_BIT(connect) },
	{ .name = "connect denied", .help = "a control group's program refuses a connect, or a datagram to an address",
	  .rungs = denied_rungs, .kinds = KIND_BIT(connect) },
	{ .name = "unix connect", .help = "a Unix socket is connected", .rungs = unix_rungs, .kinds = KIND_BIT(connect) },
	{ 0 }
};

static const char *const existing[] = { "existing_sockets", NULL };

const struct sensor net_sensor = { .name = "network", .points = points, .existing = existing, .prepare = net_prepare };
