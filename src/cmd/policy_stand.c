/* sonde policy observe, enforce, load, remove: what changes the programs in the kernel. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/duration.h"
#include "base/message.h"
#include "cmd/policy.h"
#include "policy/point.h"
#include "policy/stand.h"

#define DAY_NS (24 * 3600 * 1000000000ULL)

/*
 * Puts what stands by now into the kernel. `but`: without these; `wanted`: nothing changes unless these are held. Both are
 * NULL-terminated names, or NULL. `enforced`, if not NULL: how many are by then. 0 or an exit status, said.
 */
static int renew(struct life *life, const char *const *but, const char *const *wanted, bool allow_late, size_t *enforced)
{
	struct kernel_options options = { .kinds = KIND_BIT(policy) };
	struct features features;
	struct life_set set = { 0 };
	struct kernel *kernel = NULL;
	struct stand *stand = NULL;
	const char *obstacle;
	int status = 1;

	if (life_set_load(&set, life))
		goto out;
	if (but)
		life_set_drop(&set, but);
	if (!set.policies.count) {
		status = stand_count(life) || stand_clear() || life_renew(life);
		goto out;
	}
	features_find(&features);
	obstacle = features_obstacle(&features);
	if (obstacle)
		message_error("%s", obstacle);
	else
		kernel = kernel_open(&options, &features);
	if (kernel)
		stand = stand_open(life, &set, &features, kernel_object(kernel), wanted, allow_late);
	status = !stand;
	if (stand && enforced)
		*enforced = stand_enforced(stand);
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
	struct features features;
	const char *obstacle;
	struct life *life;
	int status;

	(void)settings;
	features_find(&features);
	obstacle = features_obstacle(&features);
	if (obstacle) {
		message_error("%s", obstacle);
		return 1;
	}
	life = life_open(true, NULL);
	status = life ? 0 : 1;
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
		status = renew(life, NULL, NULL, true, NULL);
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

/* What is enforced and cannot be any more is a failure, though the others are loaded. */
int policy_restore(const struct policy_settings *settings)
{
	struct loaded loaded = { 0 };
	size_t enforced = 0;
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
	status = !life || life_list(life, count_mode, &loaded) || renew(life, NULL, NULL, true, &enforced);
	if (!status)
		message_note("%zu enforced, %zu observed", enforced, loaded.observed);
	if (!status && enforced < loaded.enforced) {
		message_error("%zu of %zu policies that are to be enforced are not: mend and enforce them anew, or remove them",
			      loaded.enforced - enforced, loaded.enforced);
		status = 1;
	}
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
	const char *const wanted[] = { name, NULL };
	struct life_entry entry;
	char what[160];
	bool forced = false;
	int status;

	if (stand_count(life) || life_find(life, name, &entry))
		return 1;
	if (entry.mode == LIFE_ENFORCE) {
		message_note("%s is enforced already", name);
		return renew(life, NULL, wanted, settings->allow_late, NULL);
	}
	if (!has_earned(settings, &entry)) {
		if (!settings->force)
			return 1;
		forced = true;
	}
	snprintf(what, sizeof(what), "enforce%s: observed for %llu s, %llu matched, %llu of them not acknowledged%s",
		 forced ? " by force" : "", (unsigned long long)(entry.observed / 1000000000), (unsigned long long)entry.matched,
		 (unsigned long long)(settings->acknowledge ? 0 : entry.unacknowledged), settings->allow_late ? "; also late" : "");
	if (life_begin(life))
		return 1;
	status = (settings->acknowledge && life_acknowledge(life, &entry)) || life_set_mode(life, &entry, LIFE_ENFORCE, what) ||
		 renew(life, NULL, wanted, settings->allow_late, NULL) || life_commit(life);
	if (status)
		life_undo(life);
	else
		message_note("%s is enforced", name);
	return status;
}

/* Whatever was observed: what the file holds takes the place of what stands by those names, at once and without a gap. */
static int enforce_file(const struct policy_settings *settings, const char *file)
{
	struct policies policies = { 0 };
	struct text source = { 0 };
	struct life *life = NULL;
	const char **names = NULL;
	int status = 1;

	if (!settings->force) {
		message_error("%s was not observed: `sonde policy observe` it first and enforce its policies by name, or --force", file);
		return 1;
	}
	if (policies_load(&policies, file, &source) || !(life = life_open(true, NULL)) || life_begin(life))
		goto out;
	names = xcalloc(policies.count + 1, sizeof(*names));
	for (size_t i = 0; i < policies.count; i++)
		names[i] = policies.list[i]->name;
	status = life_force(life, &policies, &source, file) || renew(life, NULL, names, settings->allow_late, NULL) || life_commit(life);
	if (status)
		life_undo(life);
	for (size_t i = 0; i < policies.count && !status; i++)
		message_note("%s is enforced", names[i]);
out:
	free(names);
	life_close(life);
	policies_free(&policies);
	text_free(&source);
	return status;
}

static bool is_file(const char *word)
{
	const char *dot = strrchr(word, '.');

	return strchr(word, '/') || (dot && (!strcmp(dot, ".yaml") || !strcmp(dot, ".yml")));
}

int policy_enforce(const struct policy_settings *settings, const char *word)
{
	struct policy_settings shown = *settings;
	struct life *life;
	int status;

	if (is_file(word))
		return enforce_file(settings, word);
	shown.acknowledge = false;
	status = policy_report(&shown, word);
	life = status ? NULL : life_open(true, NULL);
	if (life)
		status = enforce(life, settings, word);
	else
		status = 1;
	life_close(life);
	return status;
}

struct naming {
	const char **names;
	size_t count;
};

static bool add_name(void *context, const struct life_entry *entry)
{
	struct naming *naming = context;
	struct text name = { 0 };

	text_add(&name, entry->name);
	naming->names = xrealloc(naming->names, naming->count + 2, sizeof(*naming->names));
	naming->names[naming->count++] = text_string(&name);
	naming->names[naming->count] = NULL;
	return true;
}

/* The kernel first: what is not known any more must not act any more. */
static int remove_named(struct life *life, char *const *names)
{
	struct life_entry entry;
	int status = 0;

	for (char *const *name = names; *name; name++)
		if (life_find(life, *name, &entry))
			return 1;
	if (stand_exists() && renew(life, (const char *const *)names, NULL, true, NULL)) {
		message_warn("the others could not be put into the kernel again without %s: none acts until `sonde policy load`",
			     names[1] ? "these" : "it");
		if (stand_clear())
			return 1;
	}
	for (char *const *name = names; *name && !status; name++) {
		status = life_find(life, *name, &entry) || life_remove(life, &entry);
		if (!status)
			message_note("%s is removed", *name);
	}
	return status ? 1 : 0;
}

static int remove_all(struct life *life)
{
	struct naming naming = { 0 };
	int status = life_list(life, add_name, &naming) ? 1 : 0;

	if (!status && naming.count)
		status = remove_named(life, (char *const *)naming.names);
	else if (!status)
		status = stand_clear() ? 1 : 0;
	for (size_t i = 0; i < naming.count; i++)
		free((char *)naming.names[i]);
	free(naming.names);
	return status;
}

/* Without names: all. */
int policy_remove(const struct policy_settings *settings, char *const *names)
{
	bool none = false;
	struct life *life = life_open(false, &none);
	int status;

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
	status = *names ? remove_named(life, names) : remove_all(life);
	life_close(life);
	return status;
}
