#include "policy/life_set.h"

#include <stdlib.h>

#include "base/alloc.h"

/* A file's text and all that is in it. */
struct life_source {
	char *text;
	size_t length;
	struct policies policies;
};

static struct policies *read_source(struct life_set *set, const struct life_entry *entry)
{
	struct policy_error error = { 0 };
	struct life_source *source;

	for (size_t i = 0; i < set->source_count; i++) {
		source = &set->sources[i];
		if (source->length == entry->source_length && !memcmp(source->text, entry->source, source->length))
			return &source->policies;
	}
	set->sources = xrealloc(set->sources, set->source_count + 1, sizeof(*set->sources));
	source = &set->sources[set->source_count++];
	*source = (struct life_source){ .text = xmalloc(entry->source_length + 1), .length = entry->source_length };
	memcpy(source->text, entry->source, source->length);
	if (policies_parse(&source->policies, source->text, source->length, entry->file, &error))
		policy_error_say(&error, entry->file);
	return &source->policies;
}

static void add(struct life_set *set, struct policy *policy, s64 id, enum life_mode mode)
{
	struct policies *all = &set->policies;

	if (!(all->count & (all->count - 1))) {
		size_t room = all->count ? 2 * all->count : 1;

		all->list = xrealloc(all->list, room, sizeof(*all->list));
		set->ids = xrealloc(set->ids, room, sizeof(*set->ids));
		set->modes = xrealloc(set->modes, room, sizeof(*set->modes));
	}
	all->list[all->count] = policy;
	set->ids[all->count] = id;
	set->modes[all->count] = mode;
	table_put(&set->places, (uintptr_t)policy, (void *)(uintptr_t)++all->count);
}

static bool add_entry(void *context, const struct life_entry *entry)
{
	struct life_set *set = context;
	struct policy *policy = policies_find(read_source(set, entry), entry->name);

	if (policy)
		add(set, policy, entry->id, entry->mode);
	return true;
}

void life_set_of(struct life_set *set, const struct policies *policies)
{
	*set = (struct life_set){ 0 };
	for (size_t i = 0; i < policies->count; i++)
		add(set, policies->list[i], i + 1, LIFE_OBSERVE);
}

int life_set_load(struct life_set *set, struct life *life)
{
	*set = (struct life_set){ 0 };
	return life_list(life, add_entry, set);
}

static bool is_named(const struct policy *policy, const char *const *names)
{
	for (; *names; names++)
		if (!strcmp(policy->name, *names))
			return true;
	return false;
}

void life_set_drop(struct life_set *set, const char *const *names)
{
	struct life_set old = *set;

	set->policies = (struct policies){ 0 };
	set->places = (struct table){ 0 };
	set->ids = NULL;
	set->modes = NULL;
	for (size_t i = 0; i < old.policies.count; i++)
		if (!is_named(old.policies.list[i], names))
			add(set, old.policies.list[i], old.ids[i], old.modes[i]);
	free(old.policies.list);
	free(old.ids);
	free(old.modes);
	table_free(&old.places);
}

s64 life_set_id(const struct life_set *set, const struct policy *policy)
{
	size_t place = (uintptr_t)table_get(&set->places, (uintptr_t)policy);

	return place ? set->ids[place - 1] : 0;
}

void life_set_free(struct life_set *set)
{
	for (size_t i = 0; i < set->source_count; i++) {
		policies_free(&set->sources[i].policies);
		free(set->sources[i].text);
	}
	free(set->sources);
	free(set->policies.list);
	free(set->ids);
	free(set->modes);
	table_free(&set->places);
}
