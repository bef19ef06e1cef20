/*
 * A hash table for finding and a list, used last at its tail, for forgetting. Names cost file reads
 * on the event path, so they are looked up once, and when they are not there yet, at growing pauses
 * and not for ever: for some seconds.
 */

#include "cgroup.h"

#include <stdlib.h>
#include <string.h>

#include "base/table.h"

/*
 * A runtime writes its files some 20 ms after the first process of the container is there and just before its program
 * begins. When that is short they are gone 10 ms later.
 */
#define LOOKS 17
#define SHORT_PAUSES 8
#define SHORT_PAUSE 5000000ull	/* then each is twice as long */
#define BEGINNINGS 4

struct cgroup_table {
	struct table by_key;
	struct cgroup *head, *tail;
	size_t most;
	char *root;
};

struct cgroup_table *cgroup_table_new(const char *root, size_t most)
{
	struct cgroup_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->most = most ? most : CGROUP_MOST;
	table->root = strdup(root ? root : "");
	if (!table->root) {
		free(table);
		return NULL;
	}
	return table;
}

static void unlink_cgroup(struct cgroup_table *table, struct cgroup *cgroup)
{
	*(cgroup->previous ? &cgroup->previous->next : &table->head) = cgroup->next;
	*(cgroup->next ? &cgroup->next->previous : &table->tail) = cgroup->previous;
}

static void link_last(struct cgroup_table *table, struct cgroup *cgroup)
{
	cgroup->next = NULL;
	cgroup->previous = table->tail;
	*(table->tail ? &table->tail->next : &table->head) = cgroup;
	table->tail = cgroup;
}

static void forget(struct cgroup_table *table, struct cgroup *cgroup)
{
	table_remove(&table->by_key, cgroup->key);
	unlink_cgroup(table, cgroup);
	free(cgroup->path);
	free(cgroup->names);
	free(cgroup);
}

void cgroup_table_free(struct cgroup_table *table)
{
	if (!table)
		return;
	while (table->head)
		forget(table, table->head);
	table_free(&table->by_key);
	free(table->root);
	free(table);
}

struct cgroup *cgroup_find(struct cgroup_table *table, uint64_t key)
{
	struct cgroup *cgroup = table_get(&table->by_key, key);

	if (cgroup && cgroup != table->tail) {
		unlink_cgroup(table, cgroup);
		link_last(table, cgroup);
	}
	return cgroup;
}

static struct cgroup *add(struct cgroup_table *table, uint64_t key)
{
	struct cgroup *cgroup = calloc(1, sizeof(*cgroup));

	if (!cgroup)
		return NULL;
	cgroup->key = key;
	if (table_put(&table->by_key, key, cgroup)) {
		free(cgroup);
		return NULL;
	}
	link_last(table, cgroup);
	while (table_count(&table->by_key) > table->most && table->head != cgroup)
		forget(table, table->head);
	return cgroup;
}

struct cgroup *cgroup_learn(struct cgroup_table *table, uint64_t key, const char *path,
			    size_t length)
{
	struct cgroup *cgroup = cgroup_find(table, key);

	if (cgroup && cgroup->path_length == length && !memcmp(cgroup->path, path, length))
		return cgroup;
	char *copy = malloc(length + 1);
	if (!copy)
		return NULL;
	if (length)
		memcpy(copy, path, length);
	copy[length] = '\0';
	if (!cgroup)
		cgroup = add(table, key);
	if (!cgroup) {
		free(copy);
		return NULL;
	}
	free(cgroup->path);
	free(cgroup->names);
	cgroup->path = copy;
	cgroup->path_length = length;
	cgroup->names = NULL;
	cgroup->looks = cgroup->begun = 0;
	cgroup->next_look = 0;
	container_from_cgroup(copy, length, &cgroup->identity);
	return cgroup;
}

const struct container_names *cgroup_names(struct cgroup_table *table, struct cgroup *cgroup,
					   uint64_t now)
{
	struct container_names names;

	if (cgroup->names || cgroup->identity.state == CONTAINER_NONE || cgroup->looks >= LOOKS ||
	    now < cgroup->next_look)
		return cgroup->names;
	cgroup->next_look = now + (SHORT_PAUSE << (cgroup->looks > SHORT_PAUSES ? cgroup->looks - SHORT_PAUSES : 0));
	cgroup->looks++;
	if (!container_names_read(table->root, &cgroup->identity, &names))
		return NULL;
	cgroup->names = malloc(sizeof(names));
	if (cgroup->names)
		*cgroup->names = names;
	return cgroup->names;
}

enum container_state cgroup_state(struct cgroup_table *table, struct cgroup *cgroup, uint64_t now)
{
	if (cgroup->identity.state == CONTAINER_UNKNOWN)
		cgroup_names(table, cgroup, now);
	return cgroup->identity.state;
}

void cgroup_begins(struct cgroup_table *table, struct cgroup *cgroup, uint64_t now)
{
	if (cgroup->identity.state != CONTAINER_UNKNOWN || cgroup->begun >= BEGINNINGS)
		return;
	cgroup->begun++;
	cgroup->next_look = 0;
	if (cgroup->looks >= LOOKS)
		cgroup->looks = LOOKS - 1;
	cgroup_names(table, cgroup, now);
}

uint64_t cgroup_next_look(const struct cgroup *cgroup)
{
	return cgroup->identity.state == CONTAINER_UNKNOWN && cgroup->looks < LOOKS ? cgroup->next_look : 0;
}

bool cgroup_is_container(struct cgroup_table *table, struct cgroup *cgroup, const char *text,
			 uint64_t now)
{
	const struct container_names *names = cgroup_names(table, cgroup, now);
	size_t length = strlen(text);

	if (cgroup->identity.state != CONTAINER_INSIDE || !length)
		return false;
	if (!strcmp(cgroup->identity.id, text) || (names && !strcmp(names->name, text)))
		return true;
	return length >= 12 && strlen(cgroup->identity.id) == 64 &&
	       !strncmp(cgroup->identity.id, text, length);
}

size_t cgroup_table_count(const struct cgroup_table *table)
{
	return table_count(&table->by_key);
}
