// SPDX-License-Identifier: GPL-2.0
/*
 * Connections and listeners that were there before sonde, found through the files of all processes: that gives their
 * owners and covers every network namespace, where the kernel's own iterator over sockets does neither. Of several
 * processes that share a socket the first has it, as a rule the oldest. It fills the maps, and writes out what went through each connection
 * so far: at the beginning of a recording and at its end.
 */
#include "lib/net.h"

#define S_IFMT 0170000
#define S_IFSOCK 0140000

static __always_inline void tell_standing(struct bpf_iter__task_file *ctx, struct sock *sock)
{
	struct connection_record record;
	u64 key = (u64)sock;
	struct connection *connection = bpf_map_lookup_elem(&connections, &key);

	if (!connection)
		return;
	net_begin(&record, KIND_close, &connection->owner, sock, NET_TCP, false);
	net_addresses(&record, sock, net_inet(sock), false);
	record.record.flags = RECORD_EXISTING;
	record.direction = connection->direction;
	record.duration_ns = connection->since ? record.record.time - connection->since : 0;
	net_ledger(&record, sock, (void *)sock, false);
	bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
}

SEC("iter/task_file")
int existing_sockets(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct connection connection = { .sure = 1 };
	struct socket *socket;
	struct sock *sock;
	u64 cgroup;
	u32 state;

	if (!task || !file || (BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return 0;
	socket = BPF_CORE_READ(file, private_data);
	sock = BPF_CORE_READ(socket, sk);
	if (!sock || BPF_CORE_READ(sock, sk_protocol) != IPPROTO_TCP)
		return 0;
	state = BPF_CORE_READ(sock, __sk_common.skc_family);
	if (state != AF_INET && state != AF_INET6)
		return 0;
	state = BPF_CORE_READ(sock, __sk_common.skc_state);
	if (state == TCP_CLOSE || !scope_admits_preemptible(task, BPF_CORE_READ(task, tgid), &cgroup))
		return 0;
	owner_is(&connection.owner, task, cgroup, false);
	if (state == TCP_LISTEN) {
		listener_note(listener_key(sock, net_inet(sock), false), &connection.owner, BPF_NOEXIST);
		return 0;
	}
	if (state == TCP_SYN_SENT)
		connection.direction = NET_OUT;
	else if (listener_find(sock, net_inet(sock), false))
		connection.direction = NET_IN;
	connection_note(sock, &connection, BPF_NOEXIST);
	if (state != TCP_SYN_SENT && net_wants(KIND_close))
		tell_standing(ctx, sock);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
