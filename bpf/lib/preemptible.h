/*
 * Scope for hooks at which the task can be preempted. A slot of scratch memory is taken only to tell of a control group
 * that was not seen before.
 */
#ifndef SONDE_BPF_PREEMPTIBLE_H
#define SONDE_BPF_PREEMPTIBLE_H

#include "scope.h"
#include "scratch.h"

static __always_inline bool scope_admits_preemptible(struct task_struct *task, u32 tgid, u64 *key)
{
	struct cgroup_place place;
	u32 *known, slot, verdict = 0;

	if (!scope_has_process(tgid) || !scope_has_user(task))
		return false;
	cgroup_of(&place, task);
	*key = place.key;
	known = bpf_map_lookup_elem(&cgroups, &place.key);
	if (known) {
		verdict = *known;
	} else {
		slot = scratch_take();
		if (slot)
			verdict = cgroup_verdict(&place, slot);
		scratch_release(slot);
	}
	return settings.scope != SCOPE_CGROUP || (verdict & CGROUP_IN_SCOPE);
}

#endif
