/* sonde policy observe, enforce, load, remove: what changes the programs in the kernel. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "base/duration.h"
#include "base/message.h"
#include "cmd/policy.h"
#include "policy/point.h"
#include "policy/stand.h"

#define DAY_NS (24 * 3600 * 1000000000ULL)

/* Puts what stands by now into the kernel. `but`: without this one. 0 or an exit status, said. */
static int renew(struct life *life, const char *but, const char *wanted, bool allow_late)
{
	struct kernel_options options = { .kinds = KIND_BIT(policy) };
	struct features features;
	struct life_set set = { 0 };
	struct kernel *kernel = NULL;
	struct stand *stand = NULL;
	const struct policy *policy;
	const char *obstacle;
	int status = 1;

	if (life_set_load(&set, life))
		goto out;
	if (but)
		life_set_drop(&set, but);
	if (!set.policies.count) {
		status = stand_count(life) || stand_clear();
		goto out;
	}
	features_find(&features);
	obstacle = features_obstacle(&features);
	if (obstacle)
		message_error("%s", obstacle);
	else
		kernel = kernel_open(&options, &features);
	if (kernel)
		stand = stand_open(life, &set, &features, kernel_object(kernel), allow_late);
	policy = wanted ? policies_find(&set.policies, wanted) : NULL;
	if (stand)
		status = policy && !stand_held(stand, policy);
	stand_close(stand);
	if (kernel)
		kernel_close(kernel);
out:
	life_set_free(&set);
	return status;
}

static void say_observed(const struct policy *policy)
{
	struct policy_error error;

	if (policy_lower(policy, &error))
		message_note("%s is observed: it tells what it matches and does nothing", policy->name);
	else
		message_note("%s is observed while `sonde policy watch` runs: %s", policy->name, error.text);
}

int policy_observe(const struct policy_settings *settings, char *const *files)
{
	struct life *life = life_open(true, NULL);
	int status = life ? 0 : 1;

	(void)settings;
	for (; *files && !status; files++) {
		struct policies policies = { 0 };
		struct text source = { 0 };

		status = policies_load(&policies, *files, &source) || life_observe(life, &policies, &source, *files);
		for (size_t i = 0; i < policies.count && !status; i++)
			say_observed(policies.list[i]);
		policies_free(&policies);
		text_free(&source);
	}
	if (!status)
		status = renew(life, NULL, NULL, true);
	life_close(life);
	return status;
}

struct loaded {
	size_t enforced, observed;
};

static bool count_mode(void *context, const struct life_entry *entry)
{
	struct loaded *loaded = context;

	loaded->enforced += entry->mode == LIFE_ENFORCE;
	loaded->observed += entry->mode == LIFE_OBSERVE;
	return true;
}

int policy_restore(const struct policy_settings *settings)
{
	struct loaded loaded = { 0 };
	bool none = false;
	struct life *life = life_open(false, &none);
	int status;

	(void)settings;
	life_close(life);
	if (none)
		message_note("no policy stands: there is nothing to load");
	if (none || !life)
		return none ? 0 : 1;
	life = life_open(true, NULL);
	status = !life || life_list(life, count_mode, &loaded) || renew(life, NULL, NULL, true);
	if (!status)
		message_note("%zu enforced, %zu observed", loaded.enforced, loaded.observed);
	life_close(life);
	return status;
}

/* Has it earned to be enforced? Says what is missing. */
static bool has_earned(const struct policy_settings *settings, const struct life_entry *entry)
{
	char observed[DURATION_TEXT_SIZE], wanted[DURATION_TEXT_SIZE];
	u64 least = settings->observed_for ? settings->observed_for : DAY_NS;
	bool earned = true;

	if (entry->observed < least) {
		duration_format(entry->observed, observed);
		if (settings->force)
			message_warn("%s was observed for %s only", entry->name, observed);
		else
			message_error("%s was observed for %s only; wait for %s, say --observed-for if less is enough, or --force",
				      entry->name, observed, duration_format(least, wanted));
		earned = false;
	}
	if (entry->unacknowledged && !settings->acknowledge) {
		unsigned long long count = entry->unacknowledged;
		const char *many = count == 1 ? " was" : "es were";

		if (settings->force)
			message_warn("%llu match%s not acknowledged", count, many);
		else
			message_error("%llu match%s not acknowledged; --acknowledge if all of them should be stopped, or mend it", count, many);
		earned = false;
	}
	return earned;
}

static int enforce(struct life *life, const struct policy_settings *settings, const char *name)
{
	struct life_entry entry;
	char what[160];
	bool forced = false;

	if (stand_count(life) || life_find(life, name, &entry))
		return 1;
	if (entry.mode == LIFE_ENFORCE) {
		message_note("%s is enforced already", name);
		return renew(life, NULL, name, settings->allow_late);
	}
	if (!has_earned(settings, &entry)) {
		if (!settings->force)
			return 1;
		forced = true;
	}
	snprintf(what, sizeof(what), "enforce%s: observed for %llu s, %llu matched, %llu of them not acknowledged%s",
		 forced ? " by force" : "", (unsigned long long)(entry.observed / 1000000000), (unsigned long long)entry.matched,
		 (unsigned long long)(settings->acknowledge ? 0 : entry.unacknowledged), settings->allow_late ? "; also late" : "");
	if ((settings->acknowledge && life_acknowledge(life, &entry)) || life_set_mode(life, &entry, LIFE_ENFORCE, what))
		return 1;
	if (!renew(life, NULL, name, settings->allow_late)) {
		message_note("%s is enforced", name);
		return 0;
	}
	if (!life_find(life, name, &entry) && !life_set_mode(life, &entry, LIFE_OBSERVE, "observe: it could not be enforced"))
		renew(life, NULL, NULL, true);
	return 1;
}

int policy_enforce(const struct policy_settings *settings, const char *name)
{
	struct policy_settings shown = *settings;
	struct life *life;
	int status;

	shown.acknowledge = false;
	status = policy_report(&shown, name);
	life = status ? NULL : life_open(true, NULL);
	if (life)
		status = enforce(life, settings, name);
	else
		status = 1;
	life_close(life);
	return status;
}

/* The kernel first: what is not known any more must not act any more. */
int policy_remove(const struct policy_settings *settings, const char *name)
{
	bool none = false;
	struct life *life = life_open(false, &none);
	struct life_entry entry;
	int status = 1;

	(void)settings;
	if (!none && !life)
		return 1;
	if (none && !stand_exists())
		message_error("no policy stands");
	life_close(life);
	if (none && stand_exists()) {
		message_warn("there are programs in the kernel that nothing is known of; they end now");
		return stand_clear() ? 1 : 0;
	}
	if (none || !(life = life_open(true, NULL)))
		return 1;
	if (life_find(life, name, &entry))
		goto out;
	if (stand_exists() && renew(life, name, NULL, true)) {
		message_warn("the others could not be put into the kernel again without it: none acts until `sonde policy load`");
		if (stand_clear())
			goto out;
	}
	if (!life_remove(life, &entry)) {
		message_note("%s is removed", name);
		status = 0;
	}
out:
	life_close(life);
	return status;
}
