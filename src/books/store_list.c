/* Runs as a whole: which there are, which one is meant, and letting go of them. */
#include "books/store_inside.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/message.h"
#include "base/nearest.h"
#include "base/wall.h"

/* --- which one --- */

/* The id that a statement with one text or number gives; 0: none. */
static u64 find_one(struct store *store, const char *sql, s64 number, const char *name)
{
	sqlite3_stmt *statement = store_prepare(store, sql);
	u64 id = 0;

	if (!statement)
		return 0;
	if (name)
		store_bind_bytes(statement, 1, name, strlen(name));
	else
		sqlite3_bind_int64(statement, 1, number);
	if (sqlite3_step(statement) == SQLITE_ROW)
		id = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return id;
}

static bool is_number(const char *word, s64 *number)
{
	char *end;

	errno = 0;
	*number = strtoll(word, &end, 10);
	return *word >= '0' && *word <= '9' && !*end && !errno;
}

/* "last" and "last~2" */
static bool is_last(const char *which, s64 *before)
{
	*before = 0;
	if (strncmp(which, "last", 4))
		return false;
	return !which[4] || (which[4] == '~' && is_number(which + 5, before));
}

static void say_unknown(struct store *store, const char *which)
{
	sqlite3_stmt *statement =
		store_prepare(store, "SELECT DISTINCT name FROM runs WHERE name IS NOT NULL ORDER BY id DESC");
	/* Of a word of two letters every other is near. */
	unsigned int least = strlen(which) > 2 ? NEAREST_TOO_FAR : 0;
	char *nearest = NULL;

	while (statement && sqlite3_step(statement) == SQLITE_ROW) {
		const char *name = (const char *)sqlite3_column_text(statement, 0);
		unsigned int distance = name ? nearest_distance(which, name) : NEAREST_TOO_FAR;

		if (distance < least) {
			least = distance;
			free(nearest);
			nearest = xstrdup(name);
		}
	}
	sqlite3_finalize(statement);
	if (nearest)
		message_error("no run %s, did you mean %s? (`sonde runs` lists all)", which, nearest);
	else
		message_error("no run %s: neither an id nor a name (`sonde runs` lists all)", which);
	free(nearest);
}

u64 store_find(struct store *store, const char *which)
{
	s64 number, count;
	u64 id = 0;

	if (!which || is_last(which, &number)) {
		id = find_one(store, "SELECT id FROM runs ORDER BY id DESC LIMIT 1 OFFSET ?", which ? number : 0, NULL);
		if (id || !store_ask(store->db, "SELECT count(*) FROM runs", &count))
			return id;
		if (count)
			message_error("no run %s: there %s only %lld (`sonde runs` lists all)", which,
				      count == 1 ? "is" : "are", (long long)count);
		else
			message_error("no run is in the store %s; `sonde run -- CMD` records", store->path);
		return 0;
	}
	if (is_number(which, &number))
		id = find_one(store, "SELECT id FROM runs WHERE id = ?", number, NULL);
	if (!id)
		id = find_one(store, "SELECT id FROM runs WHERE name = ? ORDER BY id DESC LIMIT 1", 0, which);
	if (!id)
		say_unknown(store, which);
	return id;
}

bool store_has_name(struct store *store, const char *name)
{
	return find_one(store, "SELECT id FROM runs WHERE name = ? LIMIT 1", 0, name);
}

/* --- the list --- */

static struct run_bytes column_bytes(sqlite3_stmt *statement, int column)
{
	const char *data = sqlite3_column_blob(statement, column);

	return (struct run_bytes){ data ? data : "", data ? sqlite3_column_bytes(statement, column) : 0 };
}

static bool is_null(sqlite3_stmt *statement, int column)
{
	return sqlite3_column_type(statement, column) == SQLITE_NULL;
}

int store_list(struct store *store, bool (*told)(void *context, const struct store_entry *entry), void *context)
{
	sqlite3_stmt *statement = store_prepare(
		store,
		"SELECT id, name, command, scope, kind, state, exit_status, started, duration, user, bytes, arguments, "
		"coalesce(processes, (SELECT count(*) FROM processes WHERE run = id)), "
		"coalesce(runs.cpu, (SELECT total(cpu) FROM processes WHERE run = id)) FROM runs ORDER BY id DESC");
	int code = SQLITE_DONE, error = 0;

	if (!statement)
		return -EUCLEAN;
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		struct store_entry entry = {
			.id = sqlite3_column_int64(statement, 0),
			.name = column_bytes(statement, 1),
			.command = column_bytes(statement, 2),
			.scope = column_bytes(statement, 3),
			.kind = sqlite3_column_int64(statement, 4) == RUN_SCOPE ? RUN_SCOPE : RUN_COMMAND,
			.exit_status = is_null(statement, 6) ? -1 : sqlite3_column_int(statement, 6),
			.started_wall = sqlite3_column_int64(statement, 7),
			.duration = sqlite3_column_int64(statement, 8),
			.user = sqlite3_column_int64(statement, 9),
			.bytes = sqlite3_column_int64(statement, 10),
			.arguments = column_bytes(statement, 11),
			.processes = sqlite3_column_int64(statement, 12),
			.cpu = sqlite3_column_int64(statement, 13),
		};

		entry.state = store_state(store, entry.id, sqlite3_column_int64(statement, 5));
		if (!told(context, &entry))
			break;
	}
	if (code != SQLITE_DONE && code != SQLITE_ROW)
		error = store_say(store->db, store->path, "listing runs");
	sqlite3_finalize(statement);
	return error;
}

/* --- letting go --- */

int store_remove(struct store *store, u64 id)
{
	struct text sql = { 0 };
	int error;

	if (store_is_live(store, id)) {
		message_error("run %llu is being recorded: stop that first", (unsigned long long)id);
		return -EBUSY;
	}
	text_add(&sql, "BEGIN IMMEDIATE;\n");
	for (enum store_table table = 0; table < STORE_TABLES; table++)
		text_add_format(&sql, "DELETE FROM %s WHERE %s = %llu;\n", store_layouts[table].name,
				table == STORE_RUNS ? "id" : "run", (unsigned long long)id);
	text_add(&sql, "COMMIT");
	error = store_run_sql(store, text_string(&sql));
	if (error)
		sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
	else
		store->removed = true;
	text_free(&sql);
	return error;
}

/* Of pages that hold something. */
static bool used_bytes(struct store *store, u64 *bytes)
{
	s64 pages, unused, size;

	if (!store_ask(store->db, "PRAGMA page_count", &pages) ||
	    !store_ask(store->db, "PRAGMA freelist_count", &unused) || !store_ask(store->db, "PRAGMA page_size", &size))
		return false;
	*bytes = (u64)(pages - unused) * size;
	return true;
}

struct candidate {
	u64 id, ended;
};

static int candidates(struct store *store, struct candidate **list, u32 *count)
{
	sqlite3_stmt *statement = store_prepare(store, "SELECT id, started + duration FROM runs ORDER BY id");

	if (!statement)
		return -EUCLEAN;
	while (sqlite3_step(statement) == SQLITE_ROW) {
		*list = xrealloc(*list, *count + 1, sizeof(**list));
		(*list)[(*count)++] =
			(struct candidate){ sqlite3_column_int64(statement, 0), sqlite3_column_int64(statement, 1) };
	}
	sqlite3_finalize(statement);
	return 0;
}

int store_retain(struct store *store, const struct store_limits *limits)
{
	struct candidate *list = NULL;
	struct wall wall = { 0 };
	u32 count = 0;
	u64 now, bytes;
	int removed = 0, error;

	wall_refresh(&wall);
	now = wall_from_boot(&wall, wall_boot_now());
	error = candidates(store, &list, &count);
	/* the newest stays, however old or large */
	for (u32 i = 0; i + 1 < count && !error; i++) {
		bool old = limits->age && list[i].ended < now && now - list[i].ended > limits->age;

		if (!old && limits->bytes && used_bytes(store, &bytes))
			old = bytes > limits->bytes;
		if (!old || store_is_live(store, list[i].id))
			continue;
		error = store_remove(store, list[i].id);
		removed += !error;
	}
	free(list);
	return error ? error : removed;
}
