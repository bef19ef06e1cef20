/*
 * The programs of the policies that stand: one set for all, pinned, so that it holds without an agent. It is only ever replaced as a
 * whole, the new one at work before the old one goes. What the kernel cannot decide is left to an agent.
 */
#ifndef POLICY_STAND_H
#define POLICY_STAND_H

#include "policy/engine.h"
#include "policy/life_set.h"

struct stand;

/*
 * Puts the set in the place of what stands in the kernel; an empty one ends that. Policies that cannot be held there are left out; of an
 * enforced one that is said. `wanted`, if not NULL: names, NULL-terminated, that must be held, or nothing changes. `shared`: as in
 * engine_options. NULL: said, and what stood before stands.
 * Without a life nothing is pinned, and only those are held that nothing else sees. With one nobody else changes what stands meanwhile.
 */
struct stand *stand_open(struct life *life, const struct life_set *set, const struct features *features,
			 struct bpf_object *shared, const char *const *wanted, bool allow_late);
/* What is in the kernel stays. */
void stand_close(struct stand *stand);
/* How many are held that are enforced. */
size_t stand_enforced(const struct stand *stand);
/* Is it held by the kernel, and as what? NULL: it is not. */
const struct policy *stand_held(const struct stand *stand, const struct policy *policy);
/* The policy that an event of the kind `policy` is of, as it is held; NULL: none. */
const struct policy *stand_find(const struct stand *stand, u32 number, const struct policy **original);
int stand_deliver(struct stand *stand, const void *bytes, size_t size, lanes_deliver *deliver, void *context);

/* Has somebody else put other programs in their place? Of what is held with a life. */
bool stand_is_replaced(const struct stand *stand, struct life *life);

/* Adds what the programs counted while nobody watched to life, and what they stopped. 0 or -errno, said. */
int stand_count(struct life *life);
/* Is anything in the kernel? */
bool stand_exists(void);
/* Ends all that is in the kernel, whatever life says. 0 or -errno, said. */
int stand_clear(void);

#endif
