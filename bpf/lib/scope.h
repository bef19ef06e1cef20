/*
 * Who is watched. Decided before anything else is read. Returns the verdict and, because most records need it next, the
 * cgroup key.
 */
#ifndef SONDE_BPF_SCOPE_H
#define SONDE_BPF_SCOPE_H

#include "task.h"

static __always_inline bool scope_has_process(u32 tgid)
{
	if (tgid == settings.self)
		return false;
	return settings.scope != SCOPE_TREE || bpf_map_lookup_elem(&watched, &tgid);
}

static __always_inline bool scope_has_user(struct task_struct *task)
{
	const struct cred *cred;

	if (settings.scope != SCOPE_USER)
		return true;
	cred = BPF_CORE_READ(task, cred);
	return BPF_CORE_READ(cred, uid.val) == settings.scope_uid ||
	       BPF_CORE_READ(cred, euid.val) == settings.scope_uid;
}

static __always_inline bool scope_has_cgroup(u32 verdict)
{
	return settings.scope != SCOPE_CGROUP || (verdict & CGROUP_IN_SCOPE);
}

/* Does the scope admit what `task` (of process `tgid`) does? */
static __always_inline bool scope_admits(struct task_struct *task, u32 tgid, u64 *key, u32 slot)
{
	struct cgroup_place place;
	u32 verdict;

	if (!scope_has_process(tgid) || !scope_has_user(task))
		return false;
	cgroup_of(&place, task);
	verdict = cgroup_verdict(&place, slot);
	*key = place.key;
	return scope_has_cgroup(verdict);
}

static __always_inline bool scope_admits_current(u64 *key, u32 slot)
{
	return scope_admits((void *)bpf_get_current_task(), bpf_get_current_pid_tgid() >> 32, key, slot);
}

#endif
