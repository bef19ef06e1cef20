// SPDX-License-Identifier: GPL-2.0
/*
 * Processes killed for want of memory, at the tracepoint that marks each victim. Whose limit it was is an argument of
 * out_of_memory, which comes before; where no program can be attached to that, the marks tell that the kernel leaves on
 * the control groups for which it searches a victim.
 */
#include "lib/memory.h"
#include "lib/scope.h"
#include "lib/regs.h"
#include "../wire/oom.h"

#define MEMCG_LEVELS 32
#define PID_LEVELS 5		/* of 64 each */

/* The search for a victim that is on; the kernel does one at a time. */
struct oom_search {
	u64 memcg;		/* 0: the machine's memory */
	u64 thread;		/* who searches */
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct oom_search);
} oom_searches SEC(".maps");

static __always_inline int on_search(struct oom_control *control)
{
	struct oom_search search = {
		.memcg = (u64)BPF_CORE_READ(control, memcg),
		.thread = bpf_get_current_pid_tgid(),
	};
	u32 zero = 0;

	bpf_map_update_elem(&oom_searches, &zero, &search, BPF_ANY);
	return 0;
}

SEC("fentry/out_of_memory")
int oom_search_fentry(u64 *ctx)
{
	return on_search((void *)ctx[0]);
}

SEC("kprobe/out_of_memory")
int oom_search_kprobe(struct user_registers *ctx)
{
	return on_search((void *)ctx->di);
}

/* Before 6.8 the tracepoint has a number only. It is looked up as the kernel does, in the tree of the first namespace. */
static __always_inline struct task_struct *task_of(u32 tid, struct task_struct *current)
{
	struct pid_namespace *namespace = BPF_CORE_READ(current, thread_pid, numbers[0].ns);
	u64 entry = (u64)BPF_CORE_READ(namespace, idr.idr_rt.xa_head);
	struct hlist_node *node = NULL;

	for (int i = 0; i < PID_LEVELS && (entry & 3) == 2; i++) {
		struct xa_node *inner = (void *)(entry - 2);
		u32 index = tid >> (BPF_CORE_READ(inner, shift) & 31) & 63;

		if (bpf_probe_read_kernel(&entry, sizeof(entry), (void *)inner +
			bpf_core_field_offset(struct xa_node, slots) + index * sizeof(entry)))
			return NULL;
	}
	if (!entry || entry & 3)
		return NULL;
	bpf_probe_read_kernel(&node, sizeof(node), (void *)entry + bpf_core_field_offset(struct pid, tasks));
	return node ? (void *)node - bpf_core_field_offset(struct task_struct, pid_links) : NULL;
}

static __always_inline struct mem_cgroup *memcg_of(struct task_struct *task)
{
	struct css_set *set = BPF_CORE_READ(task, cgroups);
	struct mem_cgroup *memcg = NULL;

	if (bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id))
		bpf_probe_read_kernel(&memcg, sizeof(memcg),
				      (void *)set + bpf_core_field_offset(struct css_set, subsys) +
					      bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id) * sizeof(memcg));
	return memcg;
}

/* Whether the kernel marked it; a limit that was lowered leaves no mark, but usage above it. */
static __always_inline bool is_marked(struct mem_cgroup *memcg)
{
	if (bpf_core_field_exists(memcg->oom_lock) && BPF_CORE_READ(memcg, oom_lock))
		return true;
	return BPF_CORE_READ(memcg, memory.usage.counter) > (s64)BPF_CORE_READ(memcg, memory.max);
}

/*
 * The topmost group with a mark is the one that hit its limit: it marks what is below along with it. A function of its own,
 * and of plain numbers, so that the verifier looks at it once: inlined it is most of the time that loading takes.
 */
__noinline u64 oom_marked(u64 lowest)
{
	u64 memcg = lowest, found = 0;

	for (int i = 0; i < MEMCG_LEVELS && memcg; i++) {
		if (is_marked((void *)memcg))
			found = memcg;
		memcg = (u64)BPF_CORE_READ((struct mem_cgroup *)memcg, css.parent);
	}
	return found;
}

static __always_inline u32 limit_of(struct task_struct *victim, struct mem_cgroup **memcg)
{
	struct oom_search *search;
	struct mem_cgroup *any = NULL;
	u32 zero = 0;

	*memcg = NULL;
	search = bpf_map_lookup_elem(&oom_searches, &zero);
	if (search && search->thread == bpf_get_current_pid_tgid()) {
		*memcg = (void *)search->memcg;
		return search->memcg ? OOM_LIMIT_CGROUP : OOM_LIMIT_MACHINE;
	}
	if (victim)
		*memcg = (void *)oom_marked((u64)memcg_of(victim));
	if (*memcg)
		return OOM_LIMIT_CGROUP;
	return victim && bpf_core_field_exists(any->oom_lock) ? OOM_LIMIT_MACHINE : OOM_LIMIT_UNKNOWN;
}

/* Tells the group's name if this is the first time. */
static __always_inline u64 key_of(struct mem_cgroup *memcg)
{
	struct cgroup *cgroup = BPF_CORE_READ(memcg, css.cgroup);
	struct cgroup_place place = { .cgroup = cgroup };

#pragma unroll
	for (int i = 0; i < CGROUP_CONTROLLERS; i++)
		if (settings.controllers[i] == (s32)bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id))
			place.hierarchy = i + 1;
	place.key = cgroup_key(BPF_CORE_READ(cgroup, kn, id), place.hierarchy);
	cgroup_verdict(&place, SLOT_ATOMIC);
	return place.key;
}

/* The task since 6.8 (72ba14deb40a), before that the thread's number: no address is as low. */
SEC("raw_tp/mark_victim")
int oom_raw(struct bpf_raw_tracepoint_args *ctx)
{
	struct task_struct *task = (void *)bpf_get_current_task(), *victim;
	u32 asking = bpf_get_current_pid_tgid() >> 32, victim_pid;
	u64 value = ctx->args[0], cgroup = 0, victim_cgroup;
	struct mem_cgroup *memcg;
	struct oom_record *record;
	bool admitted;
	u32 limit;

	victim = value >> 32 ? (void *)value : task_of(value, task);
	victim_pid = victim ? BPF_CORE_READ(victim, tgid) : value;
	admitted = scope_admits(task, asking, &cgroup, SLOT_ATOMIC);
	if (!admitted && (!victim || !scope_admits(victim, victim_pid, &victim_cgroup, SLOT_ATOMIC)))
		return 0;
	limit = limit_of(victim, &memcg);
	value = memcg ? key_of(memcg) : 0;
	record = emit_reserve(life, KIND_oom, struct oom_record);
	if (!record)
		return 0;
	__builtin_memset(record, 0, sizeof(*record));
	task_describe(&record->record, KIND_oom, sizeof(*record), task, cgroup);
	record->victim_pid = victim_pid;
	record->limit = limit;
	record->cgroup = value;
	if (victim) {
		record->victim_start = task_start(victim);
		record->victim_memory = memory_pages(BPF_CORE_READ(victim, mm)) * settings.page_size;
		bpf_probe_read_kernel(record->victim_name, sizeof(record->victim_name),
				      BPF_CORE_READ(victim, group_leader)->comm);
	}
	emit_submit(life, record);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
