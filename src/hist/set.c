#include "hist/set.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"

void hist_set_init(struct hist_set *set, size_t most)
{
	memset(set, 0, sizeof(*set));
	set->most = most;
}

static u64 hash_bytes(u64 hash, const void *bytes, size_t size)
{
	const unsigned char *byte = bytes;

	for (size_t i = 0; i < size; i++)
		hash = (hash ^ byte[i]) * 0x100000001b3ULL;
	return hash;
}

static bool same(const struct hist_entry *entry, const struct histogram_key *key, const char *label, bool by_label)
{
	return by_label ? !strcmp(entry->label, label) : !memcmp(&entry->key, key, sizeof(*key));
}

/* The entry, made if it is new; NULL when the budget is spent. */
static struct hist_entry *find(struct hist_set *set, const struct histogram_key *key, const char *label, bool by_label)
{
	u64 hash = by_label ? hash_bytes(0xcbf29ce484222325ULL, label, strlen(label)) :
			      hash_bytes(0xcbf29ce484222325ULL, key, sizeof(*key));
	struct hist_entry *entry;

	for (; (entry = table_get(&set->index, hash)); hash++)
		if (same(entry, key, label, by_label))
			return entry;
	if (set->count >= set->most)
		return NULL;
	entry = xcalloc(1, sizeof(*entry));
	entry->key = *key;
	strncpy(entry->label, label, sizeof(entry->label) - 1);
	if (table_put(&set->index, hash, entry)) {
		free(entry);
		return NULL;
	}
	if (set->count == set->capacity) {
		set->capacity = set->capacity ? 2 * set->capacity : 64;
		set->entries = xrealloc(set->entries, set->capacity, sizeof(struct hist_entry *));
	}
	set->entries[set->count++] = entry;
	return entry;
}

void hist_set_add(struct hist_set *set, const struct histogram_key *key, const char *label, bool by_label,
		  const struct histogram *histogram)
{
	struct hist_entry *entry = key ? find(set, key, label, by_label) : NULL;

	if (entry) {
		histogram_merge(&entry->histogram, histogram);
		entry->count += histogram_count(histogram);
	} else {
		histogram_merge(&set->other, histogram);
		set->other_count += histogram_count(histogram);
	}
}

static int compare(const void *left, const void *right)
{
	const struct hist_entry *a = *(struct hist_entry *const *)left, *b = *(struct hist_entry *const *)right;

	if (a->histogram.sum != b->histogram.sum)
		return a->histogram.sum < b->histogram.sum ? 1 : -1;
	return strcmp(a->label, b->label);
}

void hist_set_sort(struct hist_set *set)
{
	if (set->count)
		qsort(set->entries, set->count, sizeof(struct hist_entry *), compare);
}

u64 hist_set_count(const struct hist_set *set)
{
	u64 count = set->other_count;

	for (size_t i = 0; i < set->count; i++)
		count += set->entries[i]->count;
	return count;
}

void hist_set_reset(struct hist_set *set)
{
	size_t most = set->most;

	hist_set_free(set);
	hist_set_init(set, most);
}

void hist_set_free(struct hist_set *set)
{
	for (size_t i = 0; i < set->count; i++)
		free(set->entries[i]);
	free(set->entries);
	table_free(&set->index);
}
