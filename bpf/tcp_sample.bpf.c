// SPDX-License-Identifier: GPL-2.0
/*
 * What went over the connections that are open, for those that want to know before they end: a walk over the map of
 * connections, which knows their owners and all network namespaces. Each is told of once, also an attempt that waits for an
 * answer, and again when something went over it, or would have.
 */
#include "lib/net.h"

/* What it has stalled for is written down when that ends; until then the clock has to be asked. */
static __always_inline u64 stalling(struct tcp_sock *tcp)
{
	u32 since;

	if (BPF_CORE_READ_BITFIELD_PROBED(tcp, chrono_type) != TCP_CHRONO_RWND_LIMITED)
		return 0;
	since = (u32)bpf_jiffies64() - BPF_CORE_READ(tcp, chrono_start);
	return (u64)since * settings.tick_ns;
}

SEC("iter/bpf_map_elem")
int sample_connections(struct bpf_iter__bpf_map_elem *ctx)
{
	struct connection *connection = ctx->value;
	struct connection_record record;
	u32 changes;
	struct tcp_sock *tcp;
	struct sock *sock;
	u32 state;

	if (!connection || !connection->sock)
		return 0;
	if (!connection->claims)
		connections_are_there();
	sock = (void *)connection->sock;
	tcp = net_inet(sock);
	state = BPF_CORE_READ(sock, __sk_common.skc_state);
	if (state == TCP_CLOSE || state == TCP_LISTEN)
		return 0;
	net_begin(&record, KIND_close, &connection->owner, tcp, NET_TCP, false);
	net_ledger(&record, sock, tcp, false);
	record.stalled_ns += stalling(tcp);
	changes = 1 + record.sent + record.received + record.retransmits + record.stalled_ns;
	if (changes == connection->sampled)
		return 0;
	net_addresses(&record, sock, tcp, false);
	if (state != TCP_SYN_SENT)
		net_sequences(&record, tcp, false);
	record.record.flags = RECORD_EXISTING | (connection->sure ? 0 : RECORD_OWNER_UNKNOWN);
	record.direction = connection->direction;
	record.state = state;
	record.zero_window = !BPF_CORE_READ(tcp, snd_wnd);
	record.duration_ns = connection->since ? record.record.time - connection->since : 0;
	if (!bpf_seq_write(ctx->meta->seq, &record, sizeof(record)))
		connection->sampled = changes;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
