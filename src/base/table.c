/*
 * Keys are pids, inodes and folded identities, which differ in few bits: each goes through a full
 * mixer before it becomes a position. At most three quarters of the slots are used.
 */
#include "base/table.h"

#include <errno.h>
#include <stdlib.h>

static const size_t table_first_capacity = 16;

static size_t table_home(const struct table *table, uint64_t key)
{
	key ^= key >> 33;
	key *= 0xff51afd7ed558ccdULL;
	key ^= key >> 33;
	key *= 0xc4ceb9fe1a85ec53ULL;
	key ^= key >> 33;
	return key & (table->capacity - 1);
}

/* The slot that holds the key, or else the free one where it would go. */
static size_t table_find(const struct table *table, uint64_t key)
{
	size_t at = table_home(table, key);

	while (table->slots[at].value && table->slots[at].key != key)
		at = (at + 1) & (table->capacity - 1);
	return at;
}

static int table_enlarge(struct table *table)
{
	struct table larger = {.count = table->count};

	larger.capacity = table->capacity ? table->capacity * 2 : table_first_capacity;
	larger.slots = calloc(larger.capacity, sizeof(*larger.slots));
	if (!larger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < table->capacity; i++)
		if (table->slots[i].value)
			larger.slots[table_find(&larger, table->slots[i].key)] = table->slots[i];
	free(table->slots);
	*table = larger;
	return 0;
}

void *table_get(const struct table *table, uint64_t key)
{
	return table->count ? table->slots[table_find(table, key)].value : NULL;
}

int table_put(struct table *table, uint64_t key, void *value)
{
	size_t at;
	int error;

	if (!value)
		return -EINVAL;
	if (table->capacity) {
		at = table_find(table, key);
		if (table->slots[at].value) {
			table->slots[at].value = value;
			return 0;
		}
	}
	if (table->count >= table->capacity / 4 * 3) {
		error = table_enlarge(table);
		if (error)
			return error;
	}
	table->slots[table_find(table, key)] = (struct table_slot){key, value};
	table->count++;
	return 0;
}

/*
 * Fills the hole with a later entry of the same run whose home is not beyond the hole, and goes on
 * with the hole that leaves, so that every key stays reachable from its home.
 */
static void table_close_hole(struct table *table, size_t hole)
{
	size_t mask = table->capacity - 1;
	size_t next = hole;

	for (;;) {
		size_t home;

		next = (next + 1) & mask;
		if (!table->slots[next].value)
			break;
		home = table_home(table, table->slots[next].key);
		if (((next - home) & mask) < ((next - hole) & mask))
			continue;
		table->slots[hole] = table->slots[next];
		hole = next;
	}
	table->slots[hole].value = NULL;
	table->count--;
}

void *table_remove(struct table *table, uint64_t key)
{
	void *value;
	size_t at;

	if (!table->count)
		return NULL;
	at = table_find(table, key);
	value = table->slots[at].value;
	if (value)
		table_close_hole(table, at);
	return value;
}

size_t table_count(const struct table *table)
{
	return table->count;
}

void table_each(const struct table *table,
		void (*visit)(uint64_t key, void *value, void *argument), void *argument)
{
	for (size_t i = 0; i < table->capacity; i++)
		if (table->slots[i].value)
			visit(table->slots[i].key, table->slots[i].value, argument);
}

void table_free(struct table *table)
{
	free(table->slots);
	*table = (struct table){0};
}
