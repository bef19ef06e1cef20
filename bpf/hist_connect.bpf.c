// SPDX-License-Identifier: GPL-2.0
/*
 * How long TCP connections took to stand: from the first SYN to the answer. The answer arrives in a soft interrupt, so
 * whose connection it is gets decided when it begins, in the process that connects.
 */
#include "lib/histogram.h"

#define PROTOCOL_TCP 6
#define STATE_ESTABLISHED 1
#define STATE_SYN_SENT 2

static __always_inline void connect_begin(struct sock *sock)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	u32 tgid = bpf_get_current_pid_tgid() >> 32;
	struct histogram_begun begun;
	u64 cgroup = 0;

	if (BPF_CORE_READ(sock, sk_protocol) != PROTOCOL_TCP || !histogram_admits(task, tgid, &cgroup))
		return;
	histogram_who_of(&begun.who, task, tgid, cgroup);
	histogram_subject_of(&begun.subject, task, tgid);
	histogram_subject_peer(&begun.subject, sock);
	if (settings.histogram_by == HISTOGRAM_BY_PEER)
		histogram_peer(&begun.who.key, sock);
	histogram_begin((u64)sock, &begun);
}

static __always_inline void connect_end(struct sock *sock, bool established)
{
	u64 object = (u64)sock;
	struct histogram_begun *begun = bpf_map_lookup_elem(&histogram_begun, &object);
	u64 took;

	if (!begun)
		return;
	took = bpf_ktime_get_ns() - begun->time;
	if (histogram_wants(&begun->subject, took)) {
		if (established)
			histogram_add(&begun->who, took);
		else
			histogram_note(failed);
	}
	bpf_map_delete_elem(&histogram_begun, &object);
}

SEC("tp_btf/inet_sock_set_state")
int connect_state(u64 *ctx)
{
	struct sock *sock = (void *)ctx[0];

	if ((int)ctx[2] == STATE_SYN_SENT)
		connect_begin(sock);
	else if ((int)ctx[1] == STATE_SYN_SENT)
		connect_end(sock, (int)ctx[2] == STATE_ESTABLISHED);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
