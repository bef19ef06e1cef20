#include "policy/stand.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/message.h"
#include "base/wall.h"
#include "policy/point.h"

#define ABOVE "/sys/fs/bpf/sonde"
#define DIRECTORY ABOVE "/policies"

struct stand {
	const struct life_set *set;
	struct engine_options options;
	struct engine_policy *list;	/* those that are held */
	size_t *places;			/* of each in the set */
	size_t count;
	struct engine *engine;		/* NULL: there is nothing to hold */
	s64 generation;			/* life_generation when they were put into the kernel */
};

/* Do sensors see all of its points? */
static bool is_seen(const struct policy *policy)
{
	for (u32 i = 0; i < policy->hook_count; i++)
		if (policy->hooks[i].attach != ATTACH_POINT || !policy_point_find(policy->hooks[i].target)->kinds)
			return false;
	return true;
}

static bool is_enforced(const struct stand *stand, size_t place)
{
	return stand->options.keep && stand->set->modes[place] == LIFE_ENFORCE;
}

static void say_left_out(const struct stand *stand, size_t place, const struct policy_error *error)
{
	const struct policy *policy = stand->set->policies.list[place];
	bool enforce = is_enforced(stand, place);

	if (enforce || !is_seen(policy))
		message_error("%s is not %s: %s%s%s", policy->name, enforce ? "enforced" : "observed", error->text,
			      *error->mend ? "; " : "", error->mend);
	else
		message_note("%s is observed only while `sonde policy watch` runs: %s", policy->name, error->text);
}

static void add(struct stand *stand, size_t place)
{
	const struct policy *policy = stand->set->policies.list[place];
	struct policy_error error;
	const struct policy *lowered = policy_lower(policy, &error);

	if (lowered) {
		stand->places[stand->count] = place;
		stand->list[stand->count++] = (struct engine_policy){ lowered, stand->set->ids[place], is_enforced(stand, place) };
	} else if (is_enforced(stand, place) || !is_seen(policy)) {
		say_left_out(stand, place, &error);
	}
}

/* The kernel refuses some: the others need not go with them. */
static void leave_out(struct stand *stand, const struct policy_error *errors)
{
	size_t kept = 0;

	for (size_t i = 0; i < stand->count; i++) {
		if (*errors[i].text) {
			say_left_out(stand, stand->places[i], &errors[i]);
			continue;
		}
		stand->list[kept] = stand->list[i];
		stand->places[kept++] = stand->places[i];
	}
	stand->count = kept;
}

static bool is_held(const struct stand *stand, const char *name)
{
	for (size_t i = 0; i < stand->count; i++)
		if (!strcmp(stand->list[i].policy->name, name))
			return true;
	return false;
}

static bool are_held(const struct stand *stand, const char *const *names)
{
	for (; names && *names; names++)
		if (!is_held(stand, *names))
			return false;
	return true;
}

static int load(struct stand *stand, const char *const *wanted)
{
	struct policy_error *errors = xcalloc(stand->count + 1, sizeof(*errors));

	while (stand->count && !stand->engine && are_held(stand, wanted)) {
		stand->engine = engine_open(stand->list, stand->count, &stand->options, errors);
		if (!stand->engine)
			leave_out(stand, errors);
	}
	free(errors);
	return are_held(stand, wanted) ? 0 : -EOPNOTSUPP;
}

static int attach(struct stand *stand)
{
	struct policy_error error = { 0 };
	int failed;

	if (!stand->engine)
		return stand->options.keep ? stand_clear() : 0;
	failed = engine_attach(stand->engine, &error);
	if (failed) {
		message_error("policies: %s", error.text);
		return failed;
	}
	if (!stand->options.keep)
		return 0;
	failed = engine_pin(stand->engine, DIRECTORY);
	if (failed)
		message_error("%s: %s; mount a bpf file system there: mount -t bpf bpf /sys/fs/bpf", DIRECTORY, strerror(-failed));
	return failed;
}

/* What the old programs counted has been added by now; the new ones count from 0, and time runs from here. */
static int restart(struct stand *stand, struct life *life)
{
	u64 now = wall_boot_now();
	int error = life_renew(life);

	for (size_t i = 0; i < stand->count && !error; i++) {
		error = life_restart(life, stand->list[i].number);
		if (!error)
			error = life_watched(life, stand->list[i].number, now, now);
	}
	stand->generation = life_generation(life);
	return error;
}

/* What was counted is kept also if the others cannot take their place. */
static int replace(struct stand *stand, struct life *life)
{
	int error = life_begin(life), ended;

	if (error)
		return error;
	error = stand_count(life);
	if (!error)
		error = attach(stand);
	if (!error)
		error = restart(stand, life);
	ended = life_commit(life);
	if (ended)
		life_undo(life);
	return error ? error : ended;
}

struct stand *stand_open(struct life *life, const struct life_set *set, const struct features *features,
			 struct bpf_object *shared, const char *const *wanted, bool allow_late)
{
	struct stand *stand = xcalloc(1, sizeof(*stand));
	size_t count = set->policies.count;

	stand->set = set;
	stand->options = (struct engine_options){ .features = features, .shared = shared, .allow_late = allow_late, .keep = life };
	stand->list = xcalloc(count + 1, sizeof(*stand->list));
	stand->places = xcalloc(count + 1, sizeof(*stand->places));
	for (size_t i = 0; i < count; i++)
		if (life || !is_seen(set->policies.list[i]))
			add(stand, i);
	/* loading takes long: what stood before counts until it is done */
	if (!load(stand, wanted) && !(life ? replace(stand, life) : attach(stand)))
		return stand;
	stand_close(stand);
	return NULL;
}

void stand_close(struct stand *stand)
{
	if (!stand)
		return;
	engine_close(stand->engine);
	free(stand->list);
	free(stand->places);
	free(stand);
}

size_t stand_enforced(const struct stand *stand)
{
	size_t enforced = 0;

	for (size_t i = 0; i < stand->count; i++)
		enforced += stand->list[i].enforce;
	return enforced;
}

const struct policy *stand_held(const struct stand *stand, const struct policy *policy)
{
	for (size_t i = 0; i < stand->count; i++)
		if (stand->set->policies.list[stand->places[i]] == policy)
			return stand->list[i].policy;
	return NULL;
}

const struct policy *stand_find(const struct stand *stand, u32 number, const struct policy **original)
{
	for (size_t i = 0; i < stand->count; i++)
		if (stand->list[i].number == number) {
			*original = stand->set->policies.list[stand->places[i]];
			return stand->list[i].policy;
		}
	return NULL;
}

bool stand_is_replaced(const struct stand *stand, struct life *life)
{
	return life_generation(life) != stand->generation;
}

int stand_deliver(struct stand *stand, const void *bytes, size_t size, lanes_deliver *deliver, void *context)
{
	return stand->engine ? engine_deliver(stand->engine, bytes, size, deliver, context) : deliver(context, bytes, size);
}

bool stand_exists(void)
{
	return !access(DIRECTORY, F_OK);
}

int stand_clear(void)
{
	int error = engine_unpin(DIRECTORY);

	rmdir(ABOVE);	/* there may be other things of ours in it */

	if (error == -ENOENT)
		return 0;
	if (error)
		message_error("%s: %s; remove it by hand: what is pinned there ends then", DIRECTORY, strerror(-error));
	return error;
}

/* Sums by policy; hooks and selectors are not told apart in life. */
struct counting {
	struct engine_count *sums;
	size_t count;
};

static void sum_up(void *context, const struct engine_count *count)
{
	struct counting *counting = context;
	struct engine_count *sum = NULL;

	for (size_t i = 0; i < counting->count && !sum; i++)
		if (counting->sums[i].policy == count->policy)
			sum = &counting->sums[i];
	if (!sum) {
		counting->sums = xrealloc(counting->sums, counting->count + 1, sizeof(*sum));
		sum = &counting->sums[counting->count++];
		*sum = (struct engine_count){ .policy = count->policy };
	}
	sum->matched += count->matched;
	sum->taken += count->taken;
	if (count->first && (!sum->first || count->first < sum->first))
		sum->first = count->first;
	if (count->last > sum->last)
		sum->last = count->last;
}

/* Another agent knows more of what is matched than how often it was. */
static int write_counts(struct life *life, const struct counting *counting, bool agent)
{
	struct wall wall = { 0 };
	int error = life_begin(life);

	if (error)
		return error;
	wall_refresh(&wall);
	for (size_t i = 0; i < counting->count && !error; i++) {
		const struct engine_count *sum = &counting->sums[i];

		error = life_counted(life, sum->policy, agent ? 0 : sum->matched, sum->taken, wall_from_boot(&wall, sum->first),
				     wall_from_boot(&wall, sum->last));
		if (!error && !agent)
			error = life_watched(life, sum->policy, 0, wall_boot_now());
	}
	if (!error)
		error = life_commit(life);
	if (error)
		life_undo(life);
	return error;
}

int stand_count(struct life *life)
{
	struct counting counting = { 0 };
	int taken, error;

	if (!stand_exists())
		return 0;
	taken = life_take(life);
	error = engine_pinned_counts(DIRECTORY, sum_up, &counting);
	if (error)
		message_error("%s: %s", DIRECTORY, strerror(-error));
	else
		error = write_counts(life, &counting, taken == -EBUSY);
	free(counting.sums);
	if (!taken)
		life_leave(life);
	return error;
}
