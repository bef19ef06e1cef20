/*
 * Which control group a task is in, as a key that fits a record; its name is told once (cgroup.bpf.c). On v2 that is
 * the default hierarchy. Where v1 controllers are mounted (v1, hybrid), a container may be named in one of those
 * only, so the first of settings.controllers that has the task below its root wins. A task may be in a group of v2 besides;
 * then the key stands for the pair, and both names are told.
 */
#ifndef SONDE_BPF_CGROUP_H
#define SONDE_BPF_CGROUP_H

#include "get.h"
#include "maps.h"
#include "settings.h"

/* kernfs ids are unique within a hierarchy; the top byte tells hierarchies apart. */
static __always_inline u64 cgroup_key(u64 id, u32 hierarchy)
{
	return (id & 0x00ffffffffffffffULL) | (u64)hierarchy << 56;
}

struct cgroup_place {
	struct cgroup *cgroup;
	struct cgroup *second;		/* in v2, where `cgroup` is in a v1 hierarchy; or NULL */
	u64 key;
	u32 hierarchy;
};

static __always_inline void cgroup_read(struct cgroup_place *place, struct task_struct *task, const bool direct)
{
	struct css_set *set = get(direct, task, cgroups);
	struct cgroup *cgroup = get(direct, set, dfl_cgrp), *second = NULL;

	place->hierarchy = 0;
	place->second = NULL;
#pragma unroll
	for (int i = 0; i < CGROUP_CONTROLLERS; i++) {
		s32 index = settings.controllers[i];
		struct cgroup_subsys_state *state, **at;

		if (index < 0)
			break;
		at = (void *)set + bpf_core_field_offset(struct css_set, subsys) + index * sizeof(state);
		if (direct)
			state = *at;
		else
			bpf_probe_read_kernel(&state, sizeof(state), at);
		if (state && get(direct, state, parent)) {
			if (get(direct, cgroup, level))
				second = cgroup;
			cgroup = get(direct, state, cgroup);
			place->hierarchy = i + 1;
			break;
		}
	}
	place->cgroup = cgroup;
	place->key = cgroup_key(get2(direct, cgroup, kn, id), place->hierarchy);
	place->second = second;
	if (second)
		place->key ^= get2(direct, second, kn, id) << 28;
}

static __always_inline void cgroup_of(struct cgroup_place *place, struct task_struct *task)
{
	cgroup_read(place, task, false);
}

/* See cgroup.bpf.c. */
extern u32 cgroup_announce(u64 cgroup, u64 second, u64 key, u32 hierarchy_and_slot);

/* CGROUP_* of the task's control group; tells its name if this is the first time. */
static __always_inline u32 cgroup_verdict(struct cgroup_place *place, u32 slot)
{
	u32 *known = bpf_map_lookup_elem(&cgroups, &place->key);
	u64 groups[2];

	if (known)
		return *known;
	/* As plain numbers: a function of its own takes no pointer whose type the verifier knows. */
	bpf_probe_read_kernel(&groups[0], sizeof(groups[0]), &place->cgroup);
	bpf_probe_read_kernel(&groups[1], sizeof(groups[1]), &place->second);
	return cgroup_announce(groups[0], groups[1], place->key, place->hierarchy << 8 | slot);
}

#endif
