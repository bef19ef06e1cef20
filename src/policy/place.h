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
	/* As the kernel calls it: __x64_sys_openat, file_open (LSM), a tracepoint; of RUNG_CALL the system call: openat. */
	char target[96];
	u32 parameters;			/* how many a function or a raw tracepoint has; the result lies behind them */
	u8 readable;			/* bit per parameter, from the first: a program at this rung may load it */
	bool prevents;			/* deny works here */
	bool late;			/* what it sees has been done already */
	const char *lost;		/* what is not seen by it, for a person; NULL: nothing known */
	char why[192];			/* RUNG_NONE: why */
};

/*
 * A kernel that policies are for: its types, functions, tracepoints and rungs are looked up here. `types`: a BTF file of
 * another kernel, of which nothing else is known then; NULL: the running one. NULL: *error says why (no line).
 */
struct policy_kernel;
struct policy_kernel *policy_kernel_open(const char *types, const struct features *features, struct policy_error *error);
void policy_kernel_close(struct policy_kernel *kernel);

/*
 * Looks up what arguments are on that kernel: types, members, offsets. Where they differ, a note is added. 0, or -EINVAL with
 * *error. To be called once before the policy is run.
 */
int policy_resolve(struct policy *policy, struct policy_kernel *kernel, struct policy_error *error);

/*
 * Chooses for one target of a hook (hook->target, or one of its `targets`). `deny`: a selector wants to deny, so a rung that
 * prevents is worth more. 0, or -ENOENT with place->why.
 */
int policy_place(const struct policy_hook *hook, const char *target, bool deny, struct policy_kernel *kernel,
		 struct policy_place *place);
/* Are there programs that carry out there what was noted for an enforcer? */
static inline bool place_carries_out(const struct policy_place *place)
{
	return place->rung != RUNG_CGROUP && place->rung != RUNG_STAND_IN;
}
/* "lsm", "fentry", "kprobe", ... */
const char *policy_rung_name(enum policy_rung rung);

#endif
