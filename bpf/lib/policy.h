/*
 * What the parts of a policy's program share: the call it looks at, and the record that is put together of it. Both lie in
 * scratch memory of their own, because a function that the verifier looks at alone takes no pointers.
 */
#ifndef SONDE_BPF_POLICY_H
#define SONDE_BPF_POLICY_H

#include "path.h"
#include "scratch.h"
#include "task.h"
#include "../../wire/policy_config.h"

/* Behind the limit are only the heads of strings that found no room. */
#define POLICY_AREA POLICY_ROOM
#define POLICY_LIMIT (POLICY_AREA - PATH_SIZE - 16 - 16 * POLICY_STRINGS)

struct policy_scratch {
	u64 parameter[8];
	s64 result;
	u64 context;		/* where the fields of a tracepoint begin */
	u64 asked;		/* an address as the caller gave it, where there is nothing better */
	struct {
		u64 name;
		s64 directory;
	} given[2];		/* names as the caller gave them, where there is nothing better; see GIVEN */
	u64 function;		/* where it was called */
	u64 number;		/* of the case that holds */
	u64 at;			/* where the next string goes */
	u64 capture;		/* bit per value: read it */
	u64 registers[21];
	u8 bytes[POLICY_AREA];
};

/* In the place of a path or of an entry of a directory: the name that was given. Nothing lies at such an address. */
#define GIVEN(which) ((which) + 1)
#define GIVENS 2

struct policy_scratch_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, SLOTS);
	__type(key, u32);
	__type(value, struct policy_scratch);
};

struct policy_verdict_map {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);		/* set by user space, like the next */
	__type(key, u32);
	__type(value, struct policy_verdict);
};

struct policy_tally_map {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct policy_tally);
};

struct policy_rate_key {
	u64 who;
	u64 what;		/* the case and what it matched */
};

struct policy_rate {
	u64 since, count;
};

struct policy_rate_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
	__type(key, struct policy_rate_key);
	__type(value, struct policy_rate);
};

/* By thread: what the enforcer is to do to its next call. */
struct policy_note_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, u32);
	__type(value, struct policy_errand);
};

struct policy_owner {
	u32 pid;
	char name[16];
};

/* By the address of a socket: the process that it is tracked for. */
struct policy_sockets_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
	__type(key, u64);
	__type(value, struct policy_owner);
};

/* By thread, from a function's beginning to its end, where only kprobes see them. */
struct policy_entry {
	u64 parameter[POLICY_PARAMETERS];
};

struct policy_entries_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, u64);
	__type(value, struct policy_entry);
};

/* By process: what it had as its program was started, or as it was first seen. */
struct policy_snapshot {
	u64 start;
	u64 capabilities[3];
	u32 namespaces[POLICY_NAMESPACES];
};

struct policy_snapshots_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, u32);
	__type(value, struct policy_snapshot);
};

extern struct policy_snapshots_map policy_snapshots SEC(".maps");
extern struct policy_scratch_map policy_scratches SEC(".maps");
extern struct policy_sockets_map policy_sockets SEC(".maps");
extern struct policy_note_map policy_notes SEC(".maps");
extern const volatile struct policy_config policy;

static __always_inline struct policy_scratch *policy_scratch(u32 slot)
{
	return bpf_map_lookup_elem(&policy_scratches, &slot);
}

/* Memory of the kernel's or of the current process, whichever the address says. */
static __always_inline long policy_copy(void *to, u32 size, u64 from)
{
	return (s64)from < 0 ? bpf_probe_read_kernel(to, size, (void *)from) : bpf_probe_read_user(to, size, (void *)from);
}

/* See policy_values.bpf.c: 1 if it could be read. */
extern u32 policy_add_empty(u32 slot);
extern u32 policy_add_ancestors(u32 slot);
extern u32 policy_add_path(u32 slot, u64 dentry, u64 mount);
extern u32 policy_read_text(u32 slot, u64 from);
extern u32 policy_read_bytes(u32 slot, u64 from, u64 length);
extern u32 policy_read_vector(u32 slot, u64 iovec, u64 count);
extern u32 policy_read_iter(u32 slot, u64 iter);
extern u32 policy_read_file(u32 slot, u32 which, u64 file);
extern u32 policy_read_given(u32 slot, u32 which);
extern u32 policy_read_dentry(u32 slot, u32 which, u64 dentry, u64 mount);
extern u32 policy_read_sock(u32 slot, u32 which, u64 sock);
extern u32 policy_read_skb(u32 slot, u32 which, u64 skb);
extern u32 policy_read_address(u32 slot, u32 which, u64 address);
extern u32 policy_read_unix(u32 slot, u64 address, u64 size);
extern u32 policy_read_cred(u32 slot, u32 which, u64 cred);
extern u32 policy_read_object(u32 slot, u32 which, u64 object, u32 type);

/* See policy_collect.bpf.c. */
extern u32 policy_collect(u32 slot, u32 needs);
extern u32 policy_describe(u32 slot, u32 needs);
extern u32 policy_keep(u32 slot);

#endif
