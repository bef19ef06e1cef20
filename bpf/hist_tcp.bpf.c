// SPDX-License-Identifier: GPL-2.0
/*
 * How well TCP connections go: their round trip time as segments arrive, and for how long nothing had been
 * acknowledged when a segment is sent again. Both happen in soft interrupts; whose the connection is was noted as its
 * state changed (tcp.bpf.c).
 */
#include "lib/histogram.h"
#include "lib/net.h"

static __always_inline void describe(struct histogram_who *who, struct sock *sock, const struct connection *connection)
{
	__builtin_memset(who, 0, sizeof(*who));
	if (settings.histogram_by == HISTOGRAM_BY_PEER)
		histogram_peer(&who->key, sock);
	if (!connection)
		return;
	/* of those who come in, each has a port of its own */
	if (settings.histogram_by == HISTOGRAM_BY_PEER && connection->direction == NET_IN)
		who->key.number &= ~0xffffU;
	switch (settings.histogram_by) {
	case HISTOGRAM_BY_PROCESS:
		who->key.number = connection->owner.pid;
		who->key.words[0] = connection->owner.start;
		break;
	case HISTOGRAM_BY_CONTAINER:
		who->key.words[0] = connection->owner.cgroup;
		break;
	case HISTOGRAM_BY_USER:
		who->key.number = connection->owner.uid;
		break;
	}
}

/* What has no known owner is counted without a key, unless owners do not matter. */
static __always_inline void count(struct sock *sock, const struct connection *connection, u64 ns)
{
	struct histogram_subject subject;
	struct histogram_who who;

	histogram_subject_begin(&subject);
	histogram_subject_peer(&subject, sock);
	if (histogram_filters() && connection) {
		subject.pid = connection->owner.pid;
		subject.uid = connection->owner.uid;
		subject.gid = connection->owner.gid;
		subject.present |= SUBJECT_PROCESS;
	}
	if (!histogram_wants(&subject, ns))
		return;
	describe(&who, sock, connection);
	if (connection || settings.histogram_by == HISTOGRAM_BY_PEER)
		histogram_add(&who, ns);
	else
		histogram_add(NULL, ns);
}

/* Fires for each segment that an established connection receives, after the time was taken. */
SEC("tp_btf/tcp_probe")
int rtt_probe(u64 *ctx)
{
	struct sock *sock = (void *)ctx[0];
	struct connection *connection = connection_find((u64)sock);
	u32 rtt = BPF_CORE_READ((struct tcp_sock *)sock, srtt_us) >> 3;

	if (!rtt || (!connection && settings.scope != SCOPE_ALL))
		return 0;
	count(sock, connection, rtt * 1000ULL);
	return 0;
}

/*
 * Since something was last acknowledged, or since there was something to send, whichever is later; of a connection
 * that has yet to stand, since it was asked for. The second is known to a tick.
 */
static __always_inline u64 waited(struct sock *sock, struct tcp_sock *tcp, const struct connection *connection)
{
	u64 acknowledged = bpf_ktime_get_ns() - BPF_CORE_READ(tcp, delivered_mstamp) * 1000;
	u64 busy = (u64)((u32)bpf_jiffies64() - BPF_CORE_READ(tcp, chrono_start)) * settings.tick_ns;

	if (BPF_CORE_READ(sock, __sk_common.skc_state) == TCP_SYN_SENT)
		return connection && connection->since ? bpf_ktime_get_boot_ns() - connection->since : 0;
	return busy < acknowledged ? busy : acknowledged;
}

SEC("tp_btf/tcp_retransmit_skb")
int retransmit_again(u64 *ctx)
{
	struct sock *sock = (void *)ctx[0];
	struct connection *connection = connection_find((u64)sock);

	if (!connection && settings.scope != SCOPE_ALL)
		return 0;
	count(sock, connection, waited(sock, net_inet(sock), connection));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
