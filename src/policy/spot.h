/*
 * A spot is one place in the kernel where policies hang: its program, the hooks that share it, and a case for each of their
 * selectors. Internal to the engine.
 */
#ifndef POLICY_SPOT_H
#define POLICY_SPOT_H

#include "policy/engine.h"
#include "wire/policy_config.h"

#define SPOT_LINKS 64
#define POLICY_SHARED 4096	/* hooks in one program */
#define ENGINE_SHARED 5

struct spot_case {
	u32 policy;			/* index in engine->policies */
	u16 hook, selector;
	u8 strength;			/* the strictest is asked first */
	u32 size;			/* in instructions; only known while it is found out what finds room */
	struct lang_node *condition;
	u64 others;			/* matches that user space found, and told of, beside the one the kernel told of */
};

struct spot {
	struct policy_place place;
	const char *target;		/* as the policy calls it */
	const struct policy_hook *hook;	/* whose values are read: of several alike, the first */
	bool at_return;
	u8 direct;			/* POLICY_DIRECT_* */
	bool changes;			/* asks what a process changed since its program was started */
	bool shared;			/* by hooks of several policies */
	bool denies;			/* its program's answer is heeded */
	bool enforcer;			/* carries out what others noted */
	bool only_first;		/* no room in the program to count what matches beside the first case */
	struct gen *gen, *others;	/* what says which case matches, and what counts the others */
	u16 function;			/* which of the hook's targets, from 1, or POLICY_AT_SENDS; 0: not one alone */
	u32 number;			/* within the engine; names what is pinned */
	struct spot_case *cases;
	u32 case_count;
	const char *const *calls;	/* of several system calls in one program */
	struct bpf_object *object;
	struct bpf_link *links[SPOT_LINKS];
	size_t link_count;
};

struct engine {
	const struct engine_options *options;
	struct policy_kernel *kernel;
	const struct engine_policy *policies;
	size_t policy_count;
	struct policy_error *errors;			/* of each policy, while they are loaded */
	struct spot *spots;
	size_t spot_count;
	const char *shared_names[ENGINE_SHARED];	/* maps of the first spot that serve all */
	int shared_fds[ENGINE_SHARED];
	size_t shared_count;
	struct policy_names *names;			/* of each policy, for its events */
};

/* What a record says was done. */
static inline u8 policy_action_told(const struct policy_step *step)
{
	return step->action == ACTION_SIGNAL && step->number != 9 ? POLICY_OTHER_SIGNAL : step->action;
}

/* The value number `i` of a hook: arguments, then data, then the result; NULL: no more. */
const struct policy_argument *spot_value(const struct policy_hook *hook, u32 i);
/* What the spot's program is told. */
void spot_configure(const struct spot *spot, struct policy_config *config);
/* Does its program say what matches beside the first case? */
static inline bool spot_counts_others(const struct spot *spot)
{
	return spot->shared && spot->case_count > 1 && !spot->only_first;
}

/* Of the programs of control groups only those that see datagrams, of a policy that denies nothing yet. */
static inline bool spot_only_sends(const struct spot *spot)
{
	return spot->place.rung == RUNG_CGROUP && !spot->denies;
}

/* 0, or -errno with engine->errors of those at fault. */
int spot_load(struct engine *engine, struct spot *spot);
/* 0, or -errno with *error; spot_forget either way. */
int spot_try(struct engine *engine, struct spot *spot, struct policy_error *error);
void spot_forget(struct spot *spot);
/* A spot could not be loaded: sets engine->errors of those that must go for the others to be. */
void spot_blame(struct engine *engine, const struct spot *spot, struct policy_error *error);
void spot_say_uncompiled(struct policy_error *error, const char *why);
extern const struct gen_layout spot_layout;
int spot_attach(struct engine *engine, struct spot *spot, struct policy_error *error);
void spot_detach(struct spot *spot);
void spot_close(struct spot *spot);
/* Makes names known for events, and forgets them. */
void names_add(struct engine *engine);
void names_remove(struct engine *engine);
/* The name of its program. NULL: this rung has none. */
const char *spot_program(const struct spot *spot);
/* Of the one at the function's other end. NULL: there is none. */
const char *spot_other_program(const struct spot *spot);
/* Of RUNG_CGROUP: all of them, NULL-terminated. */
const char *const *spot_group_programs(const struct spot *spot);

#endif
