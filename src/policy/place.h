/*
 * Where a hook of a policy is attached on this kernel: the best rung that works, chosen before anything is loaded. What is
 * lost by it stands beside it, for `policy check`.
 */
#ifndef POLICY_PLACE_H
#define POLICY_PLACE_H

#include "kernel/features.h"
#include "policy/policy.h"

enum policy_rung {
	RUNG_NONE,		/* not here; `why` says why */
	RUNG_LSM,
	RUNG_FENTRY,		/* fexit, where the result is asked for; fmod_ret to deny */
	RUNG_KPROBE,		/* and kretprobe */
	RUNG_CALL,		/* raw tracepoints sys_enter or sys_exit */
	RUNG_FORMAT,		/* a tracepoint's own fields */
	RUNG_RAW,		/* a raw tracepoint's parameters */
	RUNG_UPROBE,
	RUNG_CGROUP,		/* connect4, connect6, sendmsg4, sendmsg6 */
	RUNG_STAND_IN,		/* another point that sees the same (stand_in.def) */
};

/* STAND_IN(name, function, rung, target, prevents, lost) */
enum policy_stand_in {
	STAND_IN_NONE,
#define STAND_IN(name, function, rung, target, prevents, lost) STAND_IN_##name,
#include "policy/stand_in.def"
#undef STAND_IN
};

struct policy_place {
	enum policy_rung rung;
	enum policy_stand_in stand_in;	/* of RUNG_STAND_IN and RUNG_CGROUP */
	char target[96];		/* as the kernel calls it: __x64_sys_openat, bpf_lsm_file_open, sys_exit */
	bool prevents;			/* deny works here */
	bool late;			/* what it sees has been done already */
	const char *lost;		/* what is not seen by it, for a person; NULL: nothing known */
	char why[192];			/* RUNG_NONE: why */
};

/*
 * Chooses for one target of a hook (hook->target, or one of its `targets`). `deny`: a selector wants to deny, so a rung that
 * prevents is worth more. 0, or -ENOENT with place->why.
 */
int policy_place(const struct policy_hook *hook, const char *target, bool deny, const struct features *features,
		 struct policy_place *place);
/* "lsm", "fentry", "kprobe", ... */
const char *policy_rung_name(enum policy_rung rung);

#endif
