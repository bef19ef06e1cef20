/*
 * Policies in the kernel. Hooks of all policies that are attached to the same place and read the same things share one
 * program, in which the strictest action is asked first; what else of them matches is found out from the event, here in
 * user space. Matches come as events of the kind `policy` in the lane life, with counts beside them that go on when nobody reads.
 *
 * Everything hangs on file descriptors of the process unless it is pinned.
 */
#ifndef POLICY_ENGINE_H
#define POLICY_ENGINE_H

#include <bpf/libbpf.h>

#include "kernel/features.h"
#include "kernel/lanes.h"
#include "policy/place.h"
#include "policy/policy.h"

struct engine;

/* One policy as it is to be run. `number` is the caller's, stands in its events, and should be its own for good. */
struct engine_policy {
	const struct policy *policy;
	u32 number;
	bool enforce;			/* else actions are only due */
};

struct engine_options {
	const struct features *features;
	struct bpf_object *shared;	/* kernel_object(): its lanes, books and scratch memory are used */
	bool allow_late;		/* enforce even where it is seen after it was done */
	bool keep;			/* to be pinned: it may outlive this process, so this process is not left out of it */
};

/*
 * Loads all or nothing; nothing is attached yet. NULL: `errors`, one for each policy, have a text for those at fault, at least one;
 * without them there may be others. Policies must live as long as the engine.
 */
struct engine *engine_open(const struct engine_policy *policies, size_t count, const struct engine_options *options,
			   struct policy_error *errors);
/* 0 or -errno, with *error. After a failure nothing is attached. */
int engine_attach(struct engine *engine, struct policy_error *error);
/* No more events come; the counts stay. Not of what is pinned. */
void engine_detach(struct engine *engine);
/* Closes what this process holds; what is pinned stays. */
void engine_close(struct engine *engine);

/*
 * Keeps links and counts in `directory` (of a bpf file system; it is made, mode 0700). What stands there already is replaced
 * without a gap: the new programs are at work before the old ones go. 0 or -errno.
 */
int engine_pin(struct engine *engine, const char *directory);
/* Ends what is pinned there and removes the directory; also without an engine. 0 or -errno; -ENOENT: nothing is. */
int engine_unpin(const char *directory);

/* What a selector has matched since it was loaded; of what is pinned also without an agent. */
struct engine_count {
	u32 policy;
	u16 hook, selector;		/* selector from 1, as in the event */
	u64 matched, told, taken;	/* taken: the action was carried out */
	u64 first, last;		/* CLOCK_BOOTTIME ns */
};

typedef void engine_counted(void *context, const struct engine_count *count);
int engine_counts(struct engine *engine, engine_counted *counted, void *context);
int engine_pinned_counts(const char *directory, engine_counted *counted, void *context);

/*
 * For whoever reads the lanes: delivers an event of the kind `policy`, and one more for each other policy that shares its
 * program and matches too. All other records pass as they are.
 */
int engine_deliver(struct engine *engine, const void *bytes, size_t size, lanes_deliver *deliver, void *context);

/* Programs and the names of what they hang on, for `list`. */
struct engine_attached {
	const char *policy;		/* of several: the first */
	u16 hook;
	const struct policy_place *place;
	u32 shared;			/* how many hooks share it */
};
size_t engine_attached(const struct engine *engine, struct engine_attached *list, size_t most);

#endif
