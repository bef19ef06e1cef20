/*
 * Counting a latency where it ends. Nothing travels to user space: a program adds one to a bucket of its CPU. The
 * number of keys is bounded; what finds no room for its key is counted under none, which user space shows as "other".
 */
#ifndef SONDE_BPF_HISTOGRAM_H
#define SONDE_BPF_HISTOGRAM_H

#include "decide.h"
#include "scope.h"
#include "../../wire/hist.h"

/* Sizes are set by user space before loading. */
struct histograms_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_HASH);
	__uint(max_entries, 1);
	__type(key, struct histogram_key);
	__type(value, struct histogram);
};

/* By epoch: what has no key. */
struct histogram_totals_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, u32);
	__type(value, struct histogram);
};

struct histogram_epoch_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u32);
};

/* Zero for ever: what a new histogram is made from. */
struct histogram_blank_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct histogram);
};

struct histogram_books_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct histogram_books);
};

/* For whom something is counted. */
struct histogram_who {
	struct histogram_key key;
	char name[16];
};

/* Begun in one context, to end in another: by the address of the kernel's object (a socket, a request). */
struct histogram_begun {
	u64 time;
	struct histogram_who who;
	struct histogram_subject subject;	/* only with a filter: else the map's values end before it */
};

_Static_assert(__builtin_offsetof(struct histogram_begun, subject) == 48, "kernel/hist.c has another size for it");

/* Where filters are decided: generated code needs memory of a map. */
struct histogram_subjects {
	u64 depth;
	u8 rooms[SUBJECTS][SUBJECT_ROOM];
};

struct histogram_subjects_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct histogram_subjects);
};

struct histogram_begun_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, u64);
	__type(value, struct histogram_begun);
};

extern struct histograms_map histograms SEC(".maps");
extern struct histogram_totals_map histogram_totals SEC(".maps");
extern struct histogram_epoch_map histogram_epoch SEC(".maps");
extern struct histogram_blank_map histogram_blank SEC(".maps");
extern struct histogram_books_map histogram_books SEC(".maps");
extern struct histogram_begun_map histogram_begun SEC(".maps");
extern struct histogram_subjects_map histogram_subjects SEC(".maps");

#define histogram_note(what)                                                                            \
	do {                                                                                            \
		u32 zero_ = 0;                                                                          \
		struct histogram_books *books_ = bpf_map_lookup_elem(&histogram_books, &zero_);         \
		if (books_)                                                                             \
			__sync_fetch_and_add(&books_->what, 1);                                         \
	} while (0)

/* Is what `task` does to be counted? Containers need the control group, told once, whatever the scope. */
static __always_inline bool histogram_admits(struct task_struct *task, u32 tgid, u64 *cgroup)
{
	if (settings.scope == SCOPE_ALL && settings.histogram_by != HISTOGRAM_BY_CONTAINER)
		return tgid != settings.self;
	return scope_admits(task, tgid, cgroup, SLOT_ATOMIC);
}

/* The keys that every measure may have. `task` need not be the current one. */
static __always_inline void histogram_who_of(struct histogram_who *who, struct task_struct *task, u32 tgid,
					     u64 cgroup)
{
	__builtin_memset(who, 0, sizeof(*who));
	switch (settings.histogram_by) {
	case HISTOGRAM_BY_PROCESS:
		who->key.number = tgid;
		who->key.words[0] = task_start(task);
		BPF_CORE_READ_INTO(&who->name, task, group_leader, comm);
		break;
	case HISTOGRAM_BY_COMM:
		bpf_probe_read_kernel_str(who->key.bytes, sizeof(who->key.bytes), task->comm);
		break;
	case HISTOGRAM_BY_CONTAINER:
		who->key.words[0] = cgroup;
		break;
	case HISTOGRAM_BY_USER:
		who->key.number = BPF_CORE_READ(task, cred, euid.val);
		break;
	case HISTOGRAM_BY_CPU:
		who->key.number = bpf_get_smp_processor_id();
		break;
	}
}

/* Without a filter the verifier takes away all that is done for one. */
static __always_inline bool histogram_filters(void)
{
	return settings.filtered != 0;
}

static __always_inline void histogram_subject_begin(struct histogram_subject *subject)
{
	if (histogram_filters())
		__builtin_memset(subject, 0, sizeof(*subject));
}

/* `task` need not be the current one. */
static __always_inline void histogram_subject_of(struct histogram_subject *subject, struct task_struct *task, u32 tgid)
{
	const struct cred *cred;
	struct task_struct *leader;
	long length;

	histogram_subject_begin(subject);
	if (!histogram_filters())
		return;
	cred = BPF_CORE_READ(task, cred);
	leader = BPF_CORE_READ(task, group_leader);
	subject->pid = tgid;
	subject->tid = BPF_CORE_READ(task, pid);
	subject->uid = BPF_CORE_READ(cred, euid.val);
	subject->gid = BPF_CORE_READ(cred, egid.val);
	subject->cpu = bpf_get_smp_processor_id();
	subject->present = SUBJECT_PROCESS | SUBJECT_THREAD;
	length = bpf_probe_read_kernel_str(subject->name_bytes, sizeof(subject->name_bytes), leader->comm);
	subject->name.length = subject->name.full = length > 1 ? length - 1 : 0;
}

/* Does the filter let it pass? The record is decided on in memory of its own, because another may come in the middle. */
static __always_inline bool histogram_wants(struct histogram_subject *subject, u64 ns)
{
	struct histogram_subjects *subjects;
	u32 zero = 0, verdict = 0, kind = 0;
	u64 depth, size = sizeof(*subject);

	if (!histogram_filters())
		return true;
	subjects = bpf_map_lookup_elem(&histogram_subjects, &zero);
	if (!subjects)
		return false;
	depth = subjects->depth++;
	barrier_var(depth);
	if (depth < SUBJECTS) {
		subject->duration_ns = ns;
		__builtin_memcpy(subjects->rooms[depth], subject, sizeof(*subject));
		barrier_var(kind);
		barrier_var(size);
		verdict = decide(subjects->rooms[depth], size, kind);
	} else {
		histogram_note(unbegun);
	}
	subjects->depth--;
	if (depth < SUBJECTS && !verdict)
		histogram_note(filtered);
	return verdict != 0;
}

#define FAMILY_IPV4 2
#define FAMILY_IPV6 10

static __always_inline void histogram_subject_peer(struct histogram_subject *subject, struct sock *sock)
{
	u16 family;

	if (!histogram_filters())
		return;
	family = BPF_CORE_READ(sock, __sk_common.skc_family);
	subject->present |= SUBJECT_PEER;
	subject->peer_port = __builtin_bswap16(BPF_CORE_READ(sock, __sk_common.skc_dport));
	subject->family = family;
	if (family != FAMILY_IPV6) {
		*(u32 *)subject->peer = BPF_CORE_READ(sock, __sk_common.skc_daddr);
		return;
	}
	BPF_CORE_READ_INTO(&subject->peer, sock, __sk_common.skc_v6_daddr);
	if (*(u64 *)subject->peer || ((u32 *)subject->peer)[2] != 0xffff0000)
		return;
	/* an IPv4 peer of an IPv6 socket */
	subject->family = FAMILY_IPV4;
	((u32 *)subject->peer)[0] = ((u32 *)subject->peer)[3];
	((u32 *)subject->peer)[2] = ((u32 *)subject->peer)[3] = 0;
}

static __always_inline void histogram_peer(struct histogram_key *key, struct sock *sock)
{
	u16 family = BPF_CORE_READ(sock, __sk_common.skc_family);

	key->number = (u32)family << 16 | __builtin_bswap16(BPF_CORE_READ(sock, __sk_common.skc_dport));
	if (family == FAMILY_IPV6)
		BPF_CORE_READ_INTO(&key->bytes, sock, __sk_common.skc_v6_daddr);
	else
		key->words[0] = BPF_CORE_READ(sock, __sk_common.skc_daddr);
}

static __always_inline struct histogram *histogram_of(struct histogram_who *who)
{
	struct histogram *histogram = bpf_map_lookup_elem(&histograms, &who->key);
	struct histogram *blank;
	u32 zero = 0;

	if (histogram)
		return histogram;
	blank = bpf_map_lookup_elem(&histogram_blank, &zero);
	if (!blank)
		return NULL;
	bpf_map_update_elem(&histograms, &who->key, blank, BPF_NOEXIST);
	histogram = bpf_map_lookup_elem(&histograms, &who->key);
	if (histogram)
		__builtin_memcpy(histogram->name, who->name, sizeof(histogram->name));
	else
		histogram_note(overflowed);
	return histogram;
}

/* Interrupts may come between on the same CPU, hence the atomic sums. NULL: for nobody that is known. */
static __always_inline void histogram_add(struct histogram_who *who, u64 ns)
{
	struct histogram *histogram = NULL;
	u32 zero = 0, bucket, epoch;
	u32 *now = bpf_map_lookup_elem(&histogram_epoch, &zero);

	if (!now || *now == HISTOGRAM_ENDED)
		return;
	epoch = *now & 1;
	if (settings.histogram_by && who) {
		who->key.epoch = epoch;
		histogram = histogram_of(who);
	}
	if (!histogram)
		histogram = bpf_map_lookup_elem(&histogram_totals, &epoch);
	if (!histogram)
		return;
	bucket = histogram_bucket(ns);
	barrier_var(bucket);
	if (bucket >= HISTOGRAM_BUCKETS)
		return;
	__sync_fetch_and_add(&histogram->buckets[bucket], 1);
	__sync_fetch_and_add(&histogram->sum, ns);
	if (ns > histogram->max)
		histogram->max = ns;
}

static __always_inline void histogram_begin(u64 object, struct histogram_begun *begun)
{
	begun->time = bpf_ktime_get_ns();
	if (bpf_map_update_elem(&histogram_begun, &object, begun, BPF_ANY))
		histogram_note(unbegun);
}

#endif
