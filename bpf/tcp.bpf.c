// SPDX-License-Identifier: GPL-2.0
/*
 * TCP from one hook: the state of a socket changed. It fires a handful of times in the life of a connection and never
 * for a packet. Most changes happen when a packet arrives, in whatever process is running, so the owner is noted by the
 * socket's address where the change is a process's own doing. It is so where somebody holds the socket's lock: packets
 * that arrive meanwhile wait for it.
 *
 * The ledger is tcp_sock's own, read as the connection dies. That includes connections that go to TIME_WAIT: a small
 * stand-in takes over, and the socket itself closes.
 */
#include "lib/direct.h"
#include "lib/net.h"

struct connection_places_map connection_places SEC(".maps");
struct connections_map connections SEC(".maps");
struct connections_there_map connections_there SEC(".maps");
struct listeners_map listeners SEC(".maps");

#define EPIPE 32
#define ECONNABORTED 103
#define ECONNRESET 104
#define ECANCELED 125
#define PF_KTHREAD 0x00200000

/*
 * Where the current process is described; only programs that act in its name use it, and those do not nest. The second is
 * nobody's, for ever blank.
 */
struct current {
	struct connection connection;
	u64 cgroup;		/* the last control group that was known and in scope: it need not be looked up again */
};

#define NOBODY 1
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, u32);
	__type(value, struct current);
} current_owner SEC(".maps");

static __always_inline u32 describe_current(struct task_struct *task, const bool direct)
{
	u32 zero = 0;
	struct current *current = bpf_map_lookup_elem(&current_owner, &zero);
	struct cgroup_place place;

	if (!current || !scope_has_process(bpf_get_current_pid_tgid() >> 32) || !scope_has_user(task))
		return 0;
	cgroup_read(&place, task, direct);
	if (place.key != current->cgroup) {
		if (!scope_has_cgroup(cgroup_verdict(&place, SLOT_ATOMIC)))
			return 0;
		current->cgroup = bpf_map_lookup_elem(&cgroups, &place.key) ? place.key : 0;
	}
	owner_is(&current->connection.owner, task, place.key, direct);
	return 1;
}

/*
 * 1 if the scope admits it. Functions of their own so that the verifier looks at them once. An argument that is not used the
 * compiler does not pass, and 5.10 looks at what lies there instead: hence barrier_var.
 */
__noinline u32 tcp_current(u32 unused)
{
	barrier_var(unused);
	return describe_current((void *)bpf_get_current_task(), false);
}

/* To follow a pointer from a task that it trusts, the verifier looks through all types of the kernel, each time. */
__noinline u32 tcp_current_direct(u32 unused)
{
	barrier_var(unused);
	return describe_current(settings.casts ? DIRECT(struct task_struct, bpf_get_current_task()) :
						 bpf_get_current_task_btf(), true);
}

/* A connection of the current process's; NULL: out of scope. */
static __always_inline struct connection *connection_of_current(u64 since, u8 direction, const bool direct)
{
	struct current *current;
	u32 zero = 0;

	if (direct ? !tcp_current_direct(0) : !tcp_current(0))
		return NULL;
	current = bpf_map_lookup_elem(&current_owner, &zero);
	if (!current)
		return NULL;
	current->connection.since = since;
	current->connection.direction = direction;
	current->connection.sure = 1;
	return &current->connection;
}

/* connect() was called: remember who and when. The event comes with the result. */
static __always_inline void on_connecting(struct sock *sock, const bool direct)
{
	struct connection *connection;

	if (!net_wants(KIND_connect) && !net_follows())
		return;
	connection = connection_of_current(bpf_ktime_get_boot_ns(), NET_OUT, direct);
	if (connection)
		connection_note((u64)sock, connection, BPF_ANY);
}

struct connect_with_path {
	struct connection_record record;
	struct record_string path;
};

/* Returns when it was. */
static __always_inline u64 tell_connect(struct sock *sock, struct tcp_sock *tcp, struct connection *connection, s32 error,
					u32 after, const bool direct)
{
	u32 slot = 0;
	struct connect_with_path *told = draft_begin(bulk, KIND_connect, struct connect_with_path, &slot);
	u64 now;

	if (!told)
		return bpf_ktime_get_boot_ns();
	net_begin(&told->record, KIND_connect, &connection->owner, tcp, NET_TCP, direct);
	net_addresses(&told->record, sock, tcp, direct);
	if (after == TCP_ESTABLISHED)
		net_sequences(&told->record, tcp, direct);
	told->record.record.size = sizeof(*told);
	told->record.direction = NET_OUT;
	told->record.error = error;
	now = told->record.record.time;
	told->record.latency_ns = connection->since ? now - connection->since : 0;
	told->path.length = told->path.full = 0;
	draft_end(bulk, KIND_connect, told, slot);
	return now;
}

/* Why an attempt failed, negative; 0: it is the call itself that failed and knows, see tcp_failed.bpf.c. */
static __always_inline s32 failure_of(struct sock *sock)
{
	s32 error = BPF_CORE_READ(sock, sk_err);

	if (error)
		return -error;
	if (!BPF_CORE_READ(sock, sk_lock.owned))
		error = BPF_CORE_READ(sock, sk_err_soft);
	else if (BPF_CORE_READ(sock, sk_socket, state) == SS_UNCONNECTED)
		return 0;
	return error ? -error : -ECANCELED; /* the program gave up */
}

static __always_inline bool accept_by_state(void)
{
	return net_wants(KIND_accept) && settings.accept_by_state;
}

/* An attempt has come to its end. */
static __always_inline void on_outcome(struct sock *sock, struct tcp_sock *tcp, u32 after, const bool direct)
{
	struct connection *connection = connection_find((u64)sock);
	struct connection meeting = { .direction = NET_OUT };
	bool meets = after == TCP_SYN_RECV && accept_by_state();
	s32 error = 0;
	u64 now = 0;

	/* Both ends call, or a socket calls itself: it comes to be established as if it had come in. */
	if (!connection && meets && !net_follows())
		connection_note((u64)sock, &meeting, BPF_NOEXIST);
	if (!connection)
		return;
	if (after == TCP_CLOSE)
		error = failure_of(sock);
	if (net_wants(KIND_connect) && (error || after != TCP_CLOSE))
		now = tell_connect(sock, tcp, connection, error, after, direct);
	if (after == TCP_CLOSE || !(net_follows() || meets)) {
		connection_forget((u64)sock);
		return;
	}
	connection->since = now ? now : bpf_ktime_get_boot_ns();
	connection->sampled = 0;
}

/*
 * A handshake from outside is complete. Nobody has accepted yet, so for now it is the listener's. Known it is if this side
 * called, too, or if it was accepted with the data of its first segment.
 */
static __always_inline void on_incoming(struct sock *sock, struct tcp_sock *tcp, const bool direct)
{
	struct connection connection = { .direction = NET_IN };
	bool tells = accept_by_state();
	struct connection *known;
	struct owner *owner;

	if (!net_follows() && !tells)
		return;
	known = connection_find((u64)sock);
	if (known) {
		if (!net_follows())
			connection_forget((u64)sock);
		else if (!known->since)
			known->since = bpf_ktime_get_boot_ns();
		return;
	}
	owner = listener_find(sock, tcp, direct);
	if (!owner && settings.scope != SCOPE_ALL)
		return;
	/* A copy, all zero from NULL: from here on there is one case to verify. */
	bpf_probe_read_kernel(&connection.owner, sizeof(connection.owner), owner);
	connection.since = bpf_ktime_get_boot_ns();
	if (net_follows())
		connection_note((u64)sock, &connection, BPF_NOEXIST);
	if (tells)
		net_tell_accept(sock, tcp, &connection.owner, RECORD_OWNER_UNKNOWN, direct);
}

static __always_inline void on_listen(struct sock *sock, struct tcp_sock *tcp, const bool direct)
{
	struct connection *connection = connection_of_current(0, NET_IN, direct);
	struct connection_record *record;
	u32 slot = 0;

	if (!connection)
		return;
	listener_note(listener_key(sock, tcp, direct), &connection->owner, BPF_ANY);
	if (!net_wants(KIND_listen))
		return;
	record = draft_begin(bulk, KIND_listen, struct connection_record, &slot);
	if (!record)
		return;
	net_begin(record, KIND_listen, &connection->owner, tcp, NET_TCP, direct);
	net_addresses(record, sock, tcp, direct);
	record->backlog = get(direct, sock, sk_max_ack_backlog);
	draft_end(bulk, KIND_listen, record, slot);
}

/* Of several that share a port only the last is known; another's end is no reason to forget it. */
static __always_inline void on_listen_end(struct sock *sock, struct tcp_sock *tcp, const bool direct)
{
	u64 key = listener_key(sock, tcp, direct);
	struct owner *owner;

	owner = bpf_map_lookup_elem(&listeners, &key);
	if (owner && owner->pid == bpf_get_current_pid_tgid() >> 32)
		bpf_map_delete_elem(&listeners, &key);
}

/* Whose it is now that a process shuts it down or closes it: that one's, unless one is known for sure. */
static __always_inline struct connection *connection_acting(struct sock *sock, struct connection *known,
							    const bool direct)
{
	struct task_struct *task = (void *)bpf_get_current_task();
	struct connection *acting;

	if (known && (known->sure || known->owner.pid == bpf_get_current_pid_tgid() >> 32))
		return known;
	if (!get(direct, sock, sk_lock.owned) || BPF_CORE_READ(task, flags) & PF_KTHREAD)
		return known;
	acting = connection_of_current(known ? known->since : 0, known ? known->direction : 0, direct);
	return acting ?: known;
}

static __always_inline void on_act(struct sock *sock, const bool direct)
{
	struct connection *known, *acting;

	/* Where accept() is seen itself, every owner is sure but one from outside the scope. */
	if (!net_follows() || (settings.scope == SCOPE_ALL && !settings.accept_by_state))
		return;
	known = connection_find((u64)sock);
	acting = connection_acting(sock, known, direct);
	if (acting && acting != known)
		connection_note((u64)sock, acting, BPF_ANY);
}

/* The state it leaves tells whose FIN came first; without one it is what the socket died of. */
static __always_inline u8 closed_by(u32 before, s32 error)
{
	switch (before) {
	case TCP_FIN_WAIT1:
	case TCP_FIN_WAIT2:
	case TCP_CLOSING:
		return NET_CLOSED_LOCAL;
	case TCP_CLOSE_WAIT:
	case TCP_LAST_ACK:
		return NET_CLOSED_PEER;
	}
	if (!error || error == ECONNABORTED)
		return NET_CLOSED_ABORT;
	return error == ECONNRESET || error == EPIPE ? NET_CLOSED_RESET : NET_CLOSED_TIMEOUT;
}

static __always_inline void tell_close(struct sock *sock, struct tcp_sock *tcp, struct connection *connection, u32 before,
				       const bool direct)
{
	u32 slot = 0;
	struct connection_record *record = draft_begin(bulk, KIND_close, struct connection_record, &slot);
	s32 error;

	if (!record)
		return;
	error = get(direct, sock, sk_err);
	net_begin(record, KIND_close, &connection->owner, tcp, NET_TCP, direct);
	net_addresses(record, sock, tcp, direct);
	net_sequences(record, tcp, direct);
	record->record.flags = connection->sure ? 0 : RECORD_OWNER_UNKNOWN;
	record->direction = connection->direction;
	record->duration_ns = connection->since ? record->record.time - connection->since : 0;
	record->error = -error;
	record->closed_by = closed_by(before, error);
	net_ledger(record, sock, tcp, direct);
	draft_end(bulk, KIND_close, record, slot);
}

static __always_inline void on_close(struct sock *sock, struct tcp_sock *tcp, u32 before, const bool direct)
{
	struct connection *known, *chosen;
	u32 nobody = NOBODY;

	known = connection_find((u64)sock);
	if (!net_follows() || (before == TCP_SYN_RECV && !known)) {
		if (known)
			connection_forget((u64)sock);
		return;
	}
	chosen = connection_acting(sock, known, direct);
	if (!chosen && settings.scope == SCOPE_ALL)
		chosen = bpf_map_lookup_elem(&current_owner, &nobody);
	if (!chosen)
		return;
	if (net_wants(KIND_close))
		tell_close(sock, tcp, chosen, before, direct);
	if (known)
		connection_forget((u64)sock);
}

/* The states alone tell whether anybody needs this change. */
static __always_inline bool is_needed(u32 before, u32 after)
{
	const u32 needed = 1U << TCP_SYN_SENT | 1U << TCP_LISTEN | 1U << TCP_FIN_WAIT1 | 1U << TCP_LAST_ACK |
			   1U << TCP_CLOSE | 1U << TCP_ESTABLISHED;

	return before != after && (before == TCP_SYN_SENT || before == TCP_SYN_RECV || 1U << (after & 31) & needed);
}

static __always_inline int on_state(struct sock *sock, struct tcp_sock *tcp, u32 before, u32 after, const bool direct)
{
	if (before == TCP_SYN_SENT)
		on_outcome(sock, tcp, after, direct);
	else if (after == TCP_SYN_SENT)
		on_connecting(sock, direct);
	else if (after == TCP_LISTEN)
		on_listen(sock, tcp, direct);
	else if (before == TCP_SYN_RECV && after != TCP_CLOSE)
		on_incoming(sock, tcp, direct);
	else if (after == TCP_CLOSE && before == TCP_LISTEN)
		on_listen_end(sock, tcp, direct);
	else if (after == TCP_CLOSE)
		on_close(sock, tcp, before, direct);
	if (1U << (after & 31) & (1U << TCP_FIN_WAIT1 | 1U << TCP_LAST_ACK))
		on_act(sock, direct);
	return 0;
}

/*
 * Packets also come while a process is in the middle of its own change: an interrupt is enough, and the kernel (since 6.1)
 * skips a program that is running on that CPU already. Once that has happened the program is attached again (rung.again). The
 * first then leaves word of what it has seen to; the second, which runs after it, takes the word away, or finds none and does
 * the work. A process and the interrupt leave words apart. The process begins by taking away what the interrupt has left: its
 * second may have been skipped, too, where the process was in the second itself.
 */
struct seen_to {
	struct {
		u64 sock;
		u32 after;
		u32 padding;
	} by[2];		/* a packet, a process: who holds the socket's lock */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct seen_to);
} tcp_seen_to SEC(".maps");

/* 1: there is a second. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u32);
} tcp_twice SEC(".maps");

static __always_inline bool is_second(void)
{
	u64 which;

	asm volatile("%0 = %1" : "=r"(which) : "i"(PROGRAM_FIRST));
	return which == PROGRAM_AGAIN;
}

static __always_inline void leave_word(struct sock *sock, u32 after, const bool direct)
{
	u32 zero = 0;
	volatile struct seen_to *seen = bpf_map_lookup_elem(&tcp_seen_to, &zero);

	if (!seen)
		return;
	seen->by[0].sock = 0;
	if (get(direct, sock, sk_lock.owned)) {
		seen->by[1].after = after;
		seen->by[1].sock = (u64)sock;
	} else {
		seen->by[0].after = after;
		seen->by[0].sock = (u64)sock;
	}
}

static __always_inline bool take_word(struct sock *sock, u32 after, const bool direct)
{
	u32 zero = 0;
	volatile struct seen_to *seen = bpf_map_lookup_elem(&tcp_seen_to, &zero);

	if (!seen)
		return true;
	if (get(direct, sock, sk_lock.owned)) {
		if (seen->by[1].sock != (u64)sock || seen->by[1].after != after)
			return false;
		seen->by[1].sock = 0;
	} else {
		if (seen->by[0].sock != (u64)sock || seen->by[0].after != after)
			return false;
		seen->by[0].sock = 0;
	}
	return true;
}

static __always_inline bool was_seen_to(struct sock *sock, u32 after, const bool direct)
{
	u32 zero = 0, *twice;

	if (is_second())
		return take_word(sock, after, direct);
	twice = bpf_map_lookup_elem(&tcp_twice, &zero);
	if (twice && *twice)
		leave_word(sock, after, direct);
	return false;
}

/* Loads without calls; from 5.11 on, for want of the two helpers before. */
SEC("tp_btf/inet_sock_set_state")
int tcp_btf(u64 *ctx)
{
	struct sock *sock = (void *)ctx[0];
	struct tcp_sock *tcp;

	if (!is_needed(ctx[1], ctx[2]) || sock->sk_protocol != IPPROTO_TCP || was_seen_to(sock, ctx[2], true))
		return 0;
	tcp = settings.casts ? DIRECT(struct tcp_sock, sock) : bpf_skc_to_tcp_sock(sock);
	return tcp ? on_state(sock, tcp, ctx[1], ctx[2], true) : 0;
}

SEC("raw_tp/inet_sock_set_state")
int tcp_raw(struct bpf_raw_tracepoint_args *ctx)
{
	struct sock *sock = (void *)ctx->args[0];

	if (!is_needed(ctx->args[1], ctx->args[2]) || BPF_CORE_READ(sock, sk_protocol) != IPPROTO_TCP ||
	    was_seen_to(sock, ctx->args[2], false))
		return 0;
	return on_state(sock, (void *)sock, ctx->args[1], ctx->args[2], false);
}

char LICENSE[] SEC("license") = "GPL";
