// SPDX-License-Identifier: GPL-2.0
/*
 * Connections and listeners that were there before sonde, found through the files of all processes: that gives their
 * owners and covers every network namespace, where the kernel's own iterator over sockets does neither. Of several
 * processes that share a socket the first has it, as a rule the oldest. Nothing is written out: it fills the maps.
 */
#include "lib/net.h"

#define S_IFMT 0170000
#define S_IFSOCK 0140000

/*
 * Of all who hold it the one who began first: a child inherits what its parent has open, and may be about to let go of it. Who was
 * seen to act on it since stays.
 */
static __always_inline bool is_known(const struct connection *known, const struct owner *owner)
{
	return known && (known->since || known->owner.start <= owner->start);
}

static __always_inline void note_listener(u64 key, const struct owner *owner)
{
	struct owner *known = bpf_map_lookup_elem(&listeners, &key);

	if (!known || known->start > owner->start)
		listener_note(key, owner, BPF_ANY);
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
		note_listener(listener_key(sock, net_inet(sock), false), &connection.owner);
		return 0;
	}
	if (state == TCP_SYN_SENT)
		connection.direction = NET_OUT;
	else if (listener_find(sock, net_inet(sock), false))
		connection.direction = NET_IN;
	if (!is_known(connection_find((u64)sock), &connection.owner))
		connection_note((u64)sock, &connection, BPF_ANY);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
