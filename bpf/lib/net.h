/* Whose a connection is, and what is read of a socket. Shared by the sensors of the network. */
#ifndef SONDE_BPF_NET_H
#define SONDE_BPF_NET_H

#include "connection.h"
#include "draft.h"
#include "mapped.h"
#include "preemptible.h"
#include "../../wire/hist.h"
#include "../../wire/net.h"

#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define IPPROTO_TCP 6
#define IPPROTO_UDP 17

enum tcp_state {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT,
	TCP_SYN_RECV,
	TCP_FIN_WAIT1,
	TCP_FIN_WAIT2,
	TCP_TIME_WAIT,
	TCP_CLOSE,
	TCP_CLOSE_WAIT,
	TCP_LAST_ACK,
	TCP_LISTEN,
	TCP_CLOSING,
	TCP_NEW_SYN_RECV,
};

#define TCP_CHRONO_RWND_LIMITED 2	/* enum tcp_chrono */

/*
 * By what a listener is bound to, network namespace, address and port mixed into one number, because an incoming connection
 * does not say which socket let it in.
 */
struct listeners_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1);
	__type(key, u64);
	__type(value, struct owner);
};

extern struct listeners_map listeners SEC(".maps");

/* `direct` as in get.h, here and below. */
static __always_inline void owner_is(struct owner *owner, struct task_struct *task, u64 cgroup, const bool direct)
{
	const struct cred *cred = get(direct, task, cred);

	owner->start = get2(direct, task, group_leader, start_boottime);
	owner->cgroup = cgroup;
	owner->pid = get(direct, task, tgid);
	owner->tid = get(direct, task, pid);
	owner->uid = get(direct, cred, euid.val);
	owner->gid = get(direct, cred, egid.val);
}

/* The current process, if the scope admits it; for hooks at which it can be preempted. */
static __always_inline bool owner_is_current(struct owner *owner)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	u64 cgroup;

	if (!scope_admits_preemptible(task, BPF_CORE_READ(task, tgid), &cgroup))
		return false;
	owner_is(owner, task, cgroup, false);
	return true;
}

/* Any internet socket; only its beginning is looked at. */
static __always_inline struct tcp_sock *net_inet(struct sock *sock)
{
	return (void *)sock;
}

/* An IPv4 address within an IPv6 socket is shown as what it is on the wire. */
static __always_inline void net_addresses(struct connection_record *record, struct sock *sock, struct tcp_sock *inet,
					  const bool direct)
{
	u64 pair;

	record->family = AF_INET;
	if (get(direct, sock, __sk_common.skc_family) == AF_INET6) {
		BPF_CORE_READ_INTO(&record->local, sock, __sk_common.skc_v6_rcv_saddr);
		BPF_CORE_READ_INTO(&record->peer, sock, __sk_common.skc_v6_daddr);
		if (!v4_mapped(record->peer) && !v4_mapped(record->local)) {
			record->family = AF_INET6;
		} else {
			__builtin_memset(record->local, 0, sizeof(record->local));
			__builtin_memset(record->peer, 0, sizeof(record->peer));
		}
	}
	if (record->family == AF_INET) {
		pair = get(direct, sock, __sk_common.skc_addrpair);
		*(u32 *)record->peer = pair;
		*(u32 *)record->local = pair >> 32;
	}
	/* skc_num is gone by the time a socket is closed */
	record->local_port = __builtin_bswap16(get(direct, inet, inet_conn.icsk_inet.inet_sport));
	record->peer_port = __builtin_bswap16(get(direct, sock, __sk_common.skc_dport));
}

/* All but the addresses. */
static __always_inline void net_begin(struct connection_record *record, u32 kind, const struct owner *owner,
				      struct tcp_sock *inet, u32 transport, const bool direct)
{
	struct sock *sock = &inet->inet_conn.icsk_inet.sk;

	__builtin_memset(record, 0, sizeof(*record));
	record->record.kind = kind;
	record->record.size = sizeof(*record);
	record->record.time = bpf_ktime_get_boot_ns();
	record->record.start = owner->start;
	record->record.pid = owner->pid;
	record->record.tid = owner->tid;
	record->record.uid = owner->uid;
	record->record.gid = owner->gid;
	record->record.cgroup = owner->cgroup;
	record->transport = transport;
	record->network_namespace = get2(direct, sock, __sk_common.skc_net.net, ns.inum);
	record->cookie = get(direct, sock, __sk_common.skc_cookie.counter);
}

/*
 * Payload as the programs at both ends count it. What was sent again is taken off what was sent. What was received includes
 * the peer's FIN, which the kernel counts as a byte; SOCK_DONE tells that it came. (bytes_acked, which ss shows, also
 * counts the SYN of the end that connected and its own FIN.)
 */
static __always_inline void net_ledger(struct connection_record *record, struct sock *sock, struct tcp_sock *tcp,
					const bool direct)
{
	u64 received = get(direct, tcp, bytes_received);
	u64 finished = get(direct, sock, __sk_common.skc_flags) >> bpf_core_enum_value(enum sock_flags, SOCK_DONE) & 1;

	record->received = received >= finished ? received - finished : 0;
	record->sent = get(direct, tcp, bytes_sent) - get(direct, tcp, bytes_retrans);
	record->segments_sent = get(direct, tcp, segs_out);
	record->segments_received = get(direct, tcp, segs_in);
	record->retransmits = get(direct, tcp, total_retrans);
	record->rtt_us = get(direct, tcp, srtt_us) >> 3;
	record->stalled_ns = (u64)get(direct, tcp, chrono_stat[TCP_CHRONO_RWND_LIMITED - 1]) * settings.tick_ns;
}

static __always_inline bool net_wants(u32 kind)
{
	return settings.kinds >> kind & 1;
}

/*
 * What tells a connection from all others with its addresses; the kernel counts a SYN at one end and not at the other. Whoever joins
 * ends asks for those that stand, too.
 */
static __always_inline void net_sequences(struct connection_record *record, struct tcp_sock *tcp, const bool direct)
{
	if (!net_wants(KIND_live))
		return;
	record->sequence_out = get(direct, tcp, snd_una) - (u32)get(direct, tcp, bytes_acked);
	record->sequence_in = get(direct, tcp, rcv_nxt) - (u32)get(direct, tcp, bytes_received);
}

/* Are connections followed from beginning to end, so that what happens to one in between has an owner? */
static __always_inline bool net_follows(void)
{
	return settings.kinds & (KIND_BIT(close) | KIND_BIT(retransmit) | KIND_BIT(reset) |
				 KIND_BIT(drop) | KIND_BIT(live) |
				 MEASURE_BIT(MEASURE_RTT) | MEASURE_BIT(MEASURE_RETRANSMIT));
}

/* Of a listener that is bound to any address. */
static __always_inline u64 listener_any(struct sock *sock, struct tcp_sock *inet, const bool direct)
{
	u64 net;

	bpf_probe_read_kernel(&net, sizeof(net), &sock->__sk_common.skc_net.net);
	return net << 16 | get(direct, inet, inet_conn.icsk_inet.inet_sport);
}

/* What a bound address adds; 0 for any. */
static __always_inline u64 listener_address(struct sock *sock, const bool direct)
{
	u64 address[2];

	if (get(direct, sock, __sk_common.skc_family) != AF_INET6)
		return get(direct, sock, __sk_common.skc_rcv_saddr) * 0x9e3779b97f4a7c15ULL;
	BPF_CORE_READ_INTO((struct in6_addr *)address, sock, __sk_common.skc_v6_rcv_saddr);
	return address[0] * 0x9e3779b97f4a7c15ULL + address[1] * 0xc2b2ae3d27d4eb4fULL;
}

static __always_inline u64 listener_key(struct sock *sock, struct tcp_sock *inet, const bool direct)
{
	return listener_any(sock, inet, direct) + listener_address(sock, direct);
}

static __always_inline void listener_note(u64 key, const struct owner *owner, u64 how)
{
	long error = bpf_map_update_elem(&listeners, &key, owner, how);

	if (error && error != -EEXIST)
		emit_failed(FAILURE_LISTENER);
}

/* The owner of the socket that listens where one came in: bound to its address, or to any. */
static __always_inline struct owner *listener_find(struct sock *sock, struct tcp_sock *inet, const bool direct)
{
	u64 any = listener_any(sock, inet, direct);
	u64 key = any + listener_address(sock, direct);
	struct owner *owner = bpf_map_lookup_elem(&listeners, &key);

	return owner ? owner : bpf_map_lookup_elem(&listeners, &any);
}

static __always_inline void net_tell_accept(struct sock *sock, struct tcp_sock *inet, const struct owner *owner,
					    u32 flags, const bool direct)
{
	struct connection_record *record;
	u32 slot = 0;

	if (!net_wants(KIND_accept))
		return;
	record = draft_begin(bulk, KIND_accept, struct connection_record, &slot);
	if (!record)
		return;
	net_begin(record, KIND_accept, owner, inet, NET_TCP, direct);
	net_addresses(record, sock, inet, direct);
	net_sequences(record, inet, direct);
	record->record.flags = flags;
	record->direction = NET_IN;
	draft_end(bulk, KIND_accept, record, slot);
}

#endif
