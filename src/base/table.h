/*
 * A hash table from u64 to a pointer that is not NULL: open addressing with linear probing, grown
 * by doubling, deleted by shifting back, so that a table which lives for months never fills up with
 * tombstones. It owns its slots, never the values. `struct table t = {0}` is an empty table.
 */
#ifndef BASE_TABLE_H
#define BASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct table_slot {
	uint64_t key;
	void *value;		/* NULL: the slot is free */
};

struct table {
	struct table_slot *slots;
	size_t capacity;	/* a power of two, or 0 */
	size_t count;
};

/* NULL when the key is absent. */
void *table_get(const struct table *table, uint64_t key);
/* Sets or replaces; 0, or -ENOMEM with the table as it was, or -EINVAL for a NULL value. */
int table_put(struct table *table, uint64_t key, void *value);
/* Returns the value that was there, or NULL. */
void *table_remove(struct table *table, uint64_t key);
size_t table_count(const struct table *table);
/* Calls visit once for every entry, in no order. It must not add to or remove from the table. */
void table_each(const struct table *table,
		void (*visit)(uint64_t key, void *value, void *argument), void *argument);
/* Frees the slots; free the values with table_each first. */
void table_free(struct table *table);

#endif
