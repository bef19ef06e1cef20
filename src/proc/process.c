/*
 * One chained hash by pid serves both look-ups: the newest bearer of a pid stands first in its chain.
 * Each process is in one list by its condition, oldest first: the living; the dead within their
 * grace; dead ancestors; dead ancestors whose arguments are given up already. Going over budget is
 * then a matter of taking heads off lists, and every step is counted. Nothing here aborts: without
 * memory a process is not kept, and that is counted too.
 */

#include "process.h"

#include <stdlib.h>
#include <string.h>

enum { LIVING, RECENT, ANCESTORS, BARE, LISTS };

/* Under pressure the dead are kept this long only: the other lane is seldom later. */
#define SHORT_GRACE 200000000ull
#define LIVING_TRIES 64

struct list {
	struct process *head, *tail;
};

struct process_table {
	struct process **buckets;
	size_t bucket_count, count;
	struct list lists[LISTS];
	struct shared_pool pool;
	size_t used, budget;
	uint64_t now, grace;
	struct process_forgotten forgotten;
};

static size_t footprint(void)
{
	return (sizeof(struct process) + 8 + 15) & ~(size_t)15;
}

static size_t bucket_of(const struct process_table *table, uint32_t pid)
{
	return (pid * 2654435761u >> 7) & (table->bucket_count - 1);
}

static void list_add(struct process_table *table, struct process *process, int which)
{
	struct list *list = &table->lists[which];

	process->list = (uint8_t)which;
	process->next = NULL;
	process->previous = list->tail;
	*(list->tail ? &list->tail->next : &list->head) = process;
	list->tail = process;
}

static void list_remove(struct process_table *table, struct process *process)
{
	struct list *list = &table->lists[process->list];

	*(process->previous ? &process->previous->next : &list->head) = process->next;
	*(process->next ? &process->next->previous : &list->tail) = process->previous;
}

static void list_move(struct process_table *table, struct process *process, int which)
{
	list_remove(table, process);
	list_add(table, process, which);
}

static void grow(struct process_table *table)
{
	size_t count = table->bucket_count ? table->bucket_count * 2 : 256;
	size_t old_count = table->bucket_count;
	struct process **old = table->buckets, **buckets = calloc(count, sizeof(*buckets));

	if (!buckets)
		return;
	table->buckets = buckets;
	table->bucket_count = count;
	for (size_t i = 0; i < old_count; i++) {
		/* chains are rebuilt from their ends, so that the newest bearer of a pid stays first */
		struct process *reversed = NULL, *next;
		for (struct process *process = old[i]; process; process = next) {
			next = process->same_bucket;
			process->same_bucket = reversed;
			reversed = process;
		}
		for (struct process *process = reversed; process; process = next) {
			struct process **bucket = &buckets[bucket_of(table, process->pid)];
			next = process->same_bucket;
			process->same_bucket = *bucket;
			*bucket = process;
		}
	}
	table->used += (count - old_count) * sizeof(*buckets);
	free(old);
}

static void unlink_from_parent(struct process *process)
{
	if (!process->parent)
		return;
	*process->sibling_link = process->sibling;
	if (process->sibling)
		process->sibling->sibling_link = process->sibling_link;
	process->parent->child_count--;
	process->parent = NULL;
}

static void link_to_parent(struct process *process, struct process *parent)
{
	process->parent = parent;
	process->sibling = parent->children;
	process->sibling_link = &parent->children;
	if (parent->children)
		parent->children->sibling_link = &process->sibling;
	parent->children = process;
	parent->child_count++;
}

static void drop_arguments(struct process_table *table, struct process *process)
{
	if (!process->arguments)
		return;
	shared_drop(&table->pool, process->arguments);
	process->arguments = NULL;
	process->flags |= PROCESS_ARGUMENTS_CUT;
	table->forgotten.arguments++;
}

/* Takes it out of everything. Its children move up to its parent. */
static void destroy(struct process_table *table, struct process *process)
{
	struct process *parent = process->parent;

	while (process->children) {
		struct process *child = process->children;
		unlink_from_parent(child);
		if (parent)
			link_to_parent(child, parent);
	}
	unlink_from_parent(process);
	struct process **link = &table->buckets[bucket_of(table, process->pid)];
	while (*link != process)
		link = &(*link)->same_bucket;
	*link = process->same_bucket;
	list_remove(table, process);
	shared_drop(&table->pool, process->executable);
	shared_drop(&table->pool, process->working_directory);
	shared_drop(&table->pool, process->arguments);
	free(process);
	table->used -= footprint();
	table->count--;
}

/* A dead one without descendants goes, and with it every ancestor that stood for it only. */
static void release(struct process_table *table, struct process *process)
{
	while (process && !process->children &&
	       (process->list == ANCESTORS || process->list == BARE)) {
		struct process *parent = process->parent;
		destroy(table, process);
		process = parent;
	}
}

static void retire(struct process_table *table, struct process *process)
{
	list_move(table, process, process->arguments ? ANCESTORS : BARE);
	release(table, process);
}

void process_table_drop(struct process_table *table, struct shared_bytes *arguments)
{
	shared_drop(&table->pool, arguments);
}

void process_table_keep(struct process_table *table, uint64_t longer)
{
	table->grace = PROCESS_GRACE + longer;
}

void process_table_advance(struct process_table *table, uint64_t now)
{
	struct process *oldest;

	if (now > table->now)
		table->now = now;
	while ((oldest = table->lists[RECENT].head) &&
	       oldest->exit_time + table->grace <= table->now)
		retire(table, oldest);
}

/* Something of the living: arguments of the oldest first, then those without children. */
static bool reclaim_living(struct process_table *table, const struct process *keep)
{
	for (int tries = 0; tries < LIVING_TRIES; tries++) {
		struct process *process = table->lists[LIVING].head;
		if (!process)
			return false;
		list_move(table, process, LIVING);
		if (process == keep)
			continue;
		if (process->arguments && process->arguments->references == 1) {
			drop_arguments(table, process);
			return true;
		}
		if (process->children && tries < LIVING_TRIES - 1)
			continue;
		struct process *parent = process->parent;
		destroy(table, process);
		release(table, parent);
		table->forgotten.living++;
		return true;
	}
	return false;
}

static bool reclaim(struct process_table *table, const struct process *keep)
{
	struct process *process = table->lists[RECENT].head;

	if (process && process != keep && process->exit_time + SHORT_GRACE <= table->now) {
		table->forgotten.early += !process->children;
		retire(table, process);
		return true;
	}
	process = table->lists[ANCESTORS].head;
	if (process && process != keep) {
		drop_arguments(table, process);
		list_move(table, process, BARE);
		return true;
	}
	process = table->lists[BARE].head;
	if (process && process != keep) {
		struct process *parent = process->parent;
		destroy(table, process);
		release(table, parent);
		table->forgotten.ancestors++;
		return true;
	}
	process = table->lists[RECENT].head;
	if (process && process != keep) {
		table->forgotten.early += !process->children;
		retire(table, process);
		return true;
	}
	return reclaim_living(table, keep);
}

static void keep_budget(struct process_table *table, const struct process *keep)
{
	while (table->used > table->budget && reclaim(table, keep))
		;
}

struct process_table *process_table_new(size_t budget)
{
	struct process_table *table = calloc(1, sizeof(*table));

	if (!table)
		return NULL;
	table->budget = budget ? budget : PROCESS_BUDGET;
	table->grace = PROCESS_GRACE;
	table->pool.account = &table->used;
	return table;
}

void process_table_free(struct process_table *table)
{
	if (!table)
		return;
	for (int i = 0; i < LISTS; i++)
		while (table->lists[i].head)
			destroy(table, table->lists[i].head);
	shared_pool_free(&table->pool);
	free(table->buckets);
	free(table);
}

struct process *process_find(struct process_table *table, uint32_t pid, uint64_t start)
{
	if (!table->bucket_count)
		return NULL;
	struct process *process = table->buckets[bucket_of(table, pid)];
	while (process && (process->pid != pid || process->start != start))
		process = process->same_bucket;
	return process;
}

struct process *process_find_pid(struct process_table *table, uint32_t pid)
{
	if (!table->bucket_count)
		return NULL;
	struct process *process = table->buckets[bucket_of(table, pid)];
	while (process && (process->pid != pid || process->exit_time))
		process = process->same_bucket;
	return process;
}

struct process *process_parent(struct process_table *table, struct process *process)
{
	if (process->parent)
		return process->parent;
	/* The parent may have become known after its child: those that ran before come in any order. */
	if (!process->parent_pid)
		return NULL;
	struct process *parent = process_find(table, process->parent_pid, process->parent_start);
	/* a parent is older; a record that says otherwise must not make a circle */
	if (!parent || parent == process || parent->start > process->start)
		return NULL;
	for (struct process *above = parent; above; above = above->parent)
		if (above == process)
			return NULL;
	link_to_parent(process, parent);
	return parent;
}

static void mark_dead(struct process_table *table, struct process *process, uint64_t time)
{
	if (process->exit_time)
		return;
	if (time < process->start)
		time = process->start;
	process->exit_time = time ? time : 1;
	list_move(table, process, RECENT);
}

static struct process *add(struct process_table *table, uint32_t pid, uint64_t start,
			   uint32_t parent_pid, uint64_t parent_start)
{
	if (table->count >= table->bucket_count)
		grow(table);
	struct process *process = table->bucket_count ? calloc(1, sizeof(*process)) : NULL;
	if (!process) {
		table->forgotten.failed++;
		return NULL;
	}
	struct process *other = process_find_pid(table, pid);
	process->pid = pid;
	process->start = start;
	process->parent_pid = parent_pid;
	process->parent_start = parent_start;
	process->credentials.login = PROCESS_ID_UNSET;
	struct process **bucket = &table->buckets[bucket_of(table, pid)];
	process->same_bucket = *bucket;
	*bucket = process;
	list_add(table, process, LIVING);
	table->used += footprint();
	table->count++;
	process_parent(table, process);
	/* The older bearer of the pid must be dead, whatever became of its exit. */
	if (other && other->start < start)
		mark_dead(table, other, start);
	else if (other)
		mark_dead(table, process, other->start);
	return process;
}

static void set_name(struct process *process, const char *name)
{
	size_t length = strnlen(name, sizeof(process->name) - 1);

	memcpy(process->name, name, length);
	process->name[length] = '\0';
}

struct process *process_fork(struct process_table *table, const struct process_birth *birth)
{
	struct process *process = process_find(table, birth->pid, birth->start);

	if (!process) {
		process = add(table, birth->pid, birth->start, birth->parent_pid, birth->parent_start);
		if (!process)
			return NULL;
		struct process *parent = process->parent;
		if (parent) {
			process->credentials = parent->credentials;
			process->executable = shared_hold(parent->executable);
			process->working_directory = shared_hold(parent->working_directory);
			process->arguments = shared_hold(parent->arguments);
			process->arguments_length = parent->arguments_length;
			process->flags = parent->flags & ~(uint32_t)PROCESS_EXECUTED;
			set_name(process, parent->name);
		}
	}
	if (birth->credentials)
		process->credentials = *birth->credentials;
	if (birth->name)
		set_name(process, birth->name);
	if (birth->start > table->now)
		table->now = birth->start;
	keep_budget(table, process);
	return process;
}

static void replace(struct process_table *table, struct shared_bytes **slot,
		    struct shared_bytes *bytes, bool wanted)
{
	shared_drop(&table->pool, *slot);
	*slot = bytes;
	if (wanted && !bytes)
		table->forgotten.failed++;
}

struct process *process_exec(struct process_table *table, const struct process_image *image)
{
	struct process *process = process_find(table, image->pid, image->start);

	if (!process)
		process = add(table, image->pid, image->start, image->parent_pid, image->parent_start);
	if (!process)
		return NULL;
	if (image->credentials)
		process->credentials = *image->credentials;
	if (image->name)
		set_name(process, image->name);
	process->exec_time = image->time;
	process->flags = image->flags | PROCESS_EXECUTED;
	process->arguments_length = image->arguments_length ? image->arguments_length
							    : image->arguments_stored;
	/* What may not be kept now would only push others out. */
	size_t stored = image->arguments_stored;
	bool fits = stored <= table->budget / 8;
	replace(table, &process->executable, !image->executable ? NULL :
		shared_intern(&table->pool, image->executable, image->executable_length),
		image->executable);
	replace(table, &process->working_directory, !image->working_directory ? NULL :
		shared_intern(&table->pool, image->working_directory, image->working_directory_length),
		image->working_directory);
	replace(table, &process->arguments, !image->arguments || !fits ? NULL :
		shared_new(&table->pool, image->arguments, stored), image->arguments && fits);
	if (image->arguments && !fits) {
		process->flags |= PROCESS_ARGUMENTS_CUT;
		table->forgotten.arguments++;
	}
	if (image->time > table->now)
		table->now = image->time;
	keep_budget(table, process);
	return process;
}

struct process *process_exit(struct process_table *table, uint32_t pid, uint64_t start,
			     uint64_t time)
{
	process_table_advance(table, time);
	struct process *process = process_find(table, pid, start);
	if (process)
		mark_dead(table, process, time);
	return process;
}

size_t process_table_count(const struct process_table *table)
{
	return table->count;
}

size_t process_table_memory(const struct process_table *table)
{
	return table->used;
}

struct process_forgotten process_table_forgotten(const struct process_table *table)
{
	return table->forgotten;
}
