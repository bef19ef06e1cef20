/*
 * A run as it stands in the store, turned into what run.h promises. Rows are read as they come, under the numbers they
 * have there; then every reference is looked up, so that none can point outside whatever the file says.
 */
#include "books/store_inside.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "books/pack.h"

/* Which row has which number in the store. Rows come by their numbers, mostly without gaps. */
struct map {
	struct pair {
		u32 stored, loaded;
	} *pairs;
	u32 count, capacity;
};

struct loader {
	struct store *store;
	struct run *run;
	struct map maps[STORE_TABLES];
};

static void map_add(struct map *map, u32 stored, u32 loaded)
{
	if (map->count == map->capacity) {
		map->capacity = map->capacity ? map->capacity * 2 : 256;
		map->pairs = xrealloc(map->pairs, map->capacity, sizeof(*map->pairs));
	}
	map->pairs[map->count++] = (struct pair){ stored, loaded };
}

static u32 map_find(const struct map *map, u32 stored)
{
	u32 low = 0, high = map->count;

	if (stored < map->count && map->pairs[stored].stored == stored)
		return map->pairs[stored].loaded;
	while (low < high) {
		u32 middle = low + (high - low) / 2;

		if (map->pairs[middle].stored < stored)
			low = middle + 1;
		else
			high = middle;
	}
	return low < map->count && map->pairs[low].stored == stored ? map->pairs[low].loaded : RUN_NONE;
}

/* Reads one row and returns its index in the run, RUN_NONE for one that has none. */
typedef u32 row_reader(struct loader *loader, sqlite3_stmt *statement, enum store_table table, u32 number);

static int read_rows(struct loader *loader, enum store_table table, row_reader *read)
{
	bool numbered = store_layouts[table].index;
	struct text sql = { 0 };
	sqlite3_stmt *statement;
	int code, error = 0;

	store_schema_select(&sql, table);
	statement = store_prepare(loader->store, text_string(&sql));
	text_free(&sql);
	if (!statement)
		return -EUCLEAN;
	sqlite3_bind_int64(statement, 1, loader->run->id);
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		s64 number = numbered ? sqlite3_column_int64(statement, 1) : 0;
		u32 index;

		if (number < 0 || number >= RUN_NONE)
			continue;
		index = read(loader, statement, table, number);
		if (numbered && index != RUN_NONE)
			map_add(&loader->maps[table], number, index);
	}
	if (code != SQLITE_DONE)
		error = store_say(loader->store->db, loader->store->path, "reading a run");
	sqlite3_finalize(statement);
	return error;
}

static u32 read_text(struct loader *loader, sqlite3_stmt *statement, enum store_table table, u32 number)
{
	(void)table;
	(void)number;
	return run_text_add(loader->run, sqlite3_column_blob(statement, 2), sqlite3_column_bytes(statement, 2));
}

static u32 read_dictionary(struct loader *loader, sqlite3_stmt *statement, enum store_table table, u32 offset)
{
	struct text *dictionary = &run_pack(loader->run)->dictionary;
	size_t length = sqlite3_column_bytes(statement, 2);

	/* After a part that is missing others would not stand where they did. */
	(void)table;
	if (offset == dictionary->length && length <= PACK_DICTIONARY_MOST)
		text_add_bytes(dictionary, sqlite3_column_blob(statement, 2), length);
	return RUN_NONE;
}

static u32 read_arguments(struct loader *loader, sqlite3_stmt *statement, enum store_table table, u32 number)
{
	u32 process = map_find(&loader->maps[STORE_PROCESSES], number);

	(void)table;
	if (process != RUN_NONE)
		run_arguments_set_packed(loader->run, process, sqlite3_column_blob(statement, 2),
					 sqlite3_column_bytes(statement, 2));
	return RUN_NONE;
}

static u32 read_row(struct loader *loader, sqlite3_stmt *statement, enum store_table table, u32 number)
{
	struct run *run = loader->run;
	u32 index = RUN_NONE;
	void *row = NULL;

	(void)number;
	switch (table) {
	case STORE_TOOLS:
		index = run->tool_count;
		row = run_tool_add(run);
		break;
	case STORE_CONTAINERS:
		index = run->container_count;
		row = run_container_add(run);
		break;
	case STORE_TASKS:
		index = run->task_count;
		row = run_task_add(run);
		break;
	case STORE_PROCESSES:
		index = run->process_count;
		row = run_process_add(run);
		break;
	case STORE_SAMPLES:
		index = run->sample_count;
		row = run_sample_add(run);
		break;
	case STORE_HOST_SAMPLES:
		index = run->host_sample_count;
		row = run_host_sample_add(run);
		break;
	case STORE_FACTS:
		index = run->fact_count;
		row = run_fact_add(run);
		break;
	case STORE_PEERS:
		index = run->peer_count;
		row = run_peer_add(run);
		break;
	case STORE_DROPS:
		index = run->drop_count;
		row = run_drop_add(run);
		break;
	case STORE_FILES:
		index = run->file_count;
		row = run_file_add(run);
		break;
	default:
		return RUN_NONE;
	}
	store_row_read(statement, store_layouts[table].index ? 2 : 1, table, run, row);
	return index;
}

/* --- references --- */

static void look_up(const struct loader *loader, enum store_table table, void *rows, u32 count, size_t size)
{
	const struct store_layout *layout = &store_layouts[table];

	for (size_t i = 0; i < layout->column_count; i++) {
		const struct store_column *column = &layout->columns[i];
		char *at = (char *)rows + column->offset;

		if (column->kind != STORE_REFERENCE)
			continue;
		for (u32 row = 0; row < count; row++, at += size)
			*(u32 *)at = map_find(&loader->maps[column->table], *(u32 *)at);
	}
}

/*
 * Where each row goes so that parents stand first; who is its own ancestor loses its parent. NULL: they do already. The
 * parent is a u32 in each row.
 */
static u32 *order_rows(void *first_parent, u32 count, size_t size)
{
	enum { NOT_YET = RUN_NONE, ON_THE_WAY = RUN_NONE - 1 };
	u32 next = 0, depth;
	u32 *place, *way;
	bool ordered = true;

#define PARENT(row) (*(u32 *)((char *)first_parent + (size_t)(row) * size))
	for (u32 i = 0; i < count && ordered; i++)
		ordered = PARENT(i) == RUN_NONE || PARENT(i) < i;
	if (ordered)
		return NULL;
	place = xmalloc(count * sizeof(*place));
	way = xmalloc(count * sizeof(*way));
	memset(place, 0xff, count * sizeof(*place));
	for (u32 i = 0; i < count; i++) {
		depth = 0;
		for (u32 at = i; at != RUN_NONE && place[at] == NOT_YET; at = PARENT(at)) {
			place[at] = ON_THE_WAY;
			way[depth++] = at;
			if (PARENT(at) != RUN_NONE && place[PARENT(at)] == ON_THE_WAY)
				PARENT(at) = RUN_NONE;
		}
		while (depth)
			place[way[--depth]] = next++;
	}
#undef PARENT
	free(way);
	return place;
}

static void sort_processes(struct loader *loader)
{
	struct run *run = loader->run;
	struct map *map = &loader->maps[STORE_PROCESSES];
	struct run_process *sorted;
	u32 *place;

	if (!run->process_count)
		return;
	place = order_rows(&run->processes[0].parent, run->process_count, sizeof(*run->processes));
	if (!place)
		return;
	sorted = xmalloc(run->process_count * sizeof(*sorted));
	for (u32 i = 0; i < run->process_count; i++) {
		sorted[place[i]] = run->processes[i];
		if (run->processes[i].parent != RUN_NONE)
			sorted[place[i]].parent = place[run->processes[i].parent];
	}
	memcpy(run->processes, sorted, run->process_count * sizeof(*sorted));
	for (u32 i = 0; i < map->count; i++)
		map->pairs[i].loaded = place[map->pairs[i].loaded];
	free(sorted);
	free(place);
}

/* For rows whose tool was lost. */
static u32 unknown_tool(struct run *run)
{
	struct run_tool *tool = run_tool_add(run);

	tool->name = run_text_add(run, "unknown", 7);
	tool->executable = RUN_NONE;
	return run->tool_count - 1;
}

static void mend_tools(struct run *run)
{
	u32 unknown = RUN_NONE;

	for (u32 i = 0; i < run->process_count; i++)
		if (run->processes[i].tool == RUN_NONE)
			run->processes[i].tool = unknown == RUN_NONE ? unknown = unknown_tool(run) : unknown;
	for (u32 i = 0; i < run->file_count; i++)
		if (run->files[i].tool == RUN_NONE)
			run->files[i].tool = unknown == RUN_NONE ? unknown = unknown_tool(run) : unknown;
}

static void mend_times(struct run *run)
{
	if (run->end < run->start)
		run->end = run->start;
	for (u32 i = 0; i < run->process_count; i++) {
		struct run_process *process = &run->processes[i];

		if (!process->end) {
			/* The recorder did not live to see its end. */
			process->end = run->end;
			process->flags |= RUN_PROCESS_LIVING;
		}
		if (process->end < process->start)
			process->end = process->start;
		if (process->exec && process->exec < process->start)
			process->exec = process->start;
	}
	for (u32 i = 0; i < run->peer_count; i++)
		if (run->peers[i].last < run->peers[i].first)
			run->peers[i].last = run->peers[i].first;
	for (u32 i = 0; i < run->drop_count; i++)
		if (run->drops[i].last < run->drops[i].first)
			run->drops[i].last = run->drops[i].first;
}

static int compare_times(const void *a, const void *b)
{
	u64 one = *(const u64 *)a, other = *(const u64 *)b;

	return one < other ? -1 : one > other;
}

/* A damaged tree does not keep the order of its keys. Rows begin with their time. */
static void sort_by_time(void *rows, u32 count, size_t size)
{
	for (u32 i = 1; i < count; i++)
		if (compare_times((char *)rows + (i - 1) * size, (char *)rows + i * size) > 0) {
			qsort(rows, count, size, compare_times);
			return;
		}
}

_Static_assert(!offsetof(struct run_sample, time) && !offsetof(struct run_host_sample, time) &&
		       !offsetof(struct run_fact, time), "rows are sorted by their first member");

/* Without whom it was, a sample or a peer says nothing; a fact of a kind that is not known neither. */
static void drop_orphans(struct run *run)
{
	u32 kept = 0;

	for (u32 i = 0; i < run->sample_count; i++)
		if (run->samples[i].process != RUN_NONE)
			run->samples[kept++] = run->samples[i];
	run->sample_count = kept;
	kept = 0;
	for (u32 i = 0; i < run->peer_count; i++)
		if (run->peers[i].process != RUN_NONE)
			run->peers[kept++] = run->peers[i];
	run->peer_count = kept;
	kept = 0;
	for (u32 i = 0; i < run->fact_count; i++)
		if (run->facts[i].kind < RUN_FACTS)
			run->facts[kept++] = run->facts[i];
	run->fact_count = kept;
}

static void connect_rows(struct loader *loader)
{
	struct run *run = loader->run;

	look_up(loader, STORE_PROCESSES, run->processes, run->process_count, sizeof(*run->processes));
	sort_processes(loader);
	look_up(loader, STORE_TOOLS, run->tools, run->tool_count, sizeof(*run->tools));
	look_up(loader, STORE_CONTAINERS, run->containers, run->container_count, sizeof(*run->containers));
	look_up(loader, STORE_TASKS, run->tasks, run->task_count, sizeof(*run->tasks));
	look_up(loader, STORE_SAMPLES, run->samples, run->sample_count, sizeof(*run->samples));
	look_up(loader, STORE_FACTS, run->facts, run->fact_count, sizeof(*run->facts));
	look_up(loader, STORE_PEERS, run->peers, run->peer_count, sizeof(*run->peers));
	look_up(loader, STORE_DROPS, run->drops, run->drop_count, sizeof(*run->drops));
	look_up(loader, STORE_FILES, run->files, run->file_count, sizeof(*run->files));
	mend_tools(run);
	mend_times(run);
	/* Tasks may stand in any order, but none is a part of itself. */
	if (run->task_count)
		free(order_rows(&run->tasks[0].parent, run->task_count, sizeof(*run->tasks)));
	drop_orphans(run);
	sort_by_time(run->samples, run->sample_count, sizeof(*run->samples));
	sort_by_time(run->host_samples, run->host_sample_count, sizeof(*run->host_samples));
	sort_by_time(run->facts, run->fact_count, sizeof(*run->facts));
}

/* --- all of it --- */

static u32 read_run(struct loader *loader, sqlite3_stmt *statement, enum store_table table, u32 number)
{
	struct run *run = loader->run;

	(void)number;
	run->state = store_state(loader->store, run->id, sqlite3_column_int64(statement, 1 + STORE_RUN_STATE));
	store_row_read(statement, 1 + STORE_RUN_EXTRAS, table, run, run);
	return RUN_NONE;
}

static int read_all(struct loader *loader, unsigned int with)
{
	static const struct {
		enum store_table table;
		unsigned int with;
	} tables[] = {
		{ STORE_TOOLS, 0 }, { STORE_CONTAINERS, 0 }, { STORE_TASKS, 0 }, { STORE_PROCESSES, 0 },
		{ STORE_SAMPLES, STORE_WITH_SAMPLES }, { STORE_HOST_SAMPLES, STORE_WITH_SAMPLES }, { STORE_FACTS, 0 },
		{ STORE_PEERS, 0 }, { STORE_DROPS, 0 }, { STORE_FILES, STORE_WITH_FILES },
	};
	int error = read_rows(loader, STORE_RUNS, read_run);

	if (!error)
		error = read_rows(loader, STORE_TEXTS, read_text);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]) && !error; i++)
		if ((tables[i].with & with) == tables[i].with)
			error = read_rows(loader, tables[i].table, read_row);
	if (error)
		return error;
	connect_rows(loader);
	if (with & STORE_WITH_ARGUMENTS)
		error = read_rows(loader, STORE_DICTIONARY, read_dictionary);
	if (with & STORE_WITH_ARGUMENTS && !error)
		error = read_rows(loader, STORE_ARGUMENTS, read_arguments);
	return error;
}

struct run *store_load(struct store *store, const char *which, unsigned int with)
{
	struct loader loader = { .store = store, .run = run_new() };
	int error = -ENOENT;

	loader.run->id = store_find(store, which);
	if (loader.run->id) {
		/* One state of all tables, while another process writes. */
		sqlite3_exec(store->db, "BEGIN", NULL, NULL, NULL);
		error = read_all(&loader, with);
		sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL);
	}
	for (int table = 0; table < STORE_TABLES; table++)
		free(loader.maps[table].pairs);
	if (!error)
		return loader.run;
	run_free(loader.run);
	return NULL;
}
