/* What life holds. */
#include <errno.h>
#include <stdio.h>

#include "base/message.h"
#include "base/nearest.h"
#include "policy/life_inside.h"

#define COLUMNS                                                                                                         \
	"SELECT p.id, p.name, s.file, s.text, p.mode, p.since, p.observed, coalesce(sum(m.count), 0), "                 \
	"coalesce(sum(m.count - m.acknowledged), 0), coalesce(min(m.first), 0), coalesce(max(m.last), 0), p.taken "             \
	"FROM policy p JOIN source s ON s.id = p.source LEFT JOIN match m ON m.policy = p.id "

static const char *text_of(sqlite3_stmt *statement, int column)
{
	const char *text = (const char *)sqlite3_column_text(statement, column);

	return text ? text : "";
}

static void read_entry(sqlite3_stmt *statement, struct life_entry *entry)
{
	*entry = (struct life_entry){
		.id = sqlite3_column_int64(statement, 0), .name = text_of(statement, 1), .file = text_of(statement, 2),
		.source = sqlite3_column_blob(statement, 3), .source_length = sqlite3_column_bytes(statement, 3),
		.mode = sqlite3_column_int(statement, 4) == LIFE_ENFORCE ? LIFE_ENFORCE : LIFE_OBSERVE,
		.since = sqlite3_column_int64(statement, 5), .observed = sqlite3_column_int64(statement, 6),
		.matched = sqlite3_column_int64(statement, 7), .unacknowledged = sqlite3_column_int64(statement, 8),
		.first = sqlite3_column_int64(statement, 9), .last = sqlite3_column_int64(statement, 10),
		.taken = sqlite3_column_int64(statement, 11),
	};
}

/* After the last row: was it the end? */
static int ended(struct life *life, sqlite3_stmt *statement, int code)
{
	int error = code == SQLITE_DONE || code == SQLITE_ROW ? 0 : life_say(life, "reading");

	sqlite3_finalize(statement);
	return error;
}

int life_list(struct life *life, life_listed *told, void *context)
{
	sqlite3_stmt *statement = life_prepare(life, COLUMNS "GROUP BY p.id ORDER BY p.name");
	struct life_entry entry;
	int code;

	if (!statement)
		return -EIO;
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		read_entry(statement, &entry);
		if (!told(context, &entry))
			break;
	}
	return ended(life, statement, code);
}

struct nearest {
	const char *typed;
	char name[128];
	unsigned int least;
};

static bool look_near(void *context, const struct life_entry *entry)
{
	struct nearest *nearest = context;
	unsigned int distance = nearest_distance(nearest->typed, entry->name);

	if (distance < nearest->least) {
		nearest->least = distance;
		snprintf(nearest->name, sizeof(nearest->name), "%s", entry->name);
	}
	return true;
}

int life_find(struct life *life, const char *name, struct life_entry *entry)
{
	struct nearest nearest = { .typed = name, .least = NEAREST_TOO_FAR };
	int code;

	sqlite3_finalize(life->found);
	life->found = life_prepare(life, COLUMNS "WHERE p.name = ? GROUP BY p.id");
	if (!life->found)
		return -EIO;
	sqlite3_bind_text(life->found, 1, name, -1, SQLITE_TRANSIENT);
	code = sqlite3_step(life->found);
	if (code == SQLITE_ROW) {
		read_entry(life->found, entry);
		return 0;
	}
	if (code != SQLITE_DONE)
		return life_say(life, "reading");
	life_list(life, look_near, &nearest);
	if (*nearest.name)
		message_error("there is no policy %s, did you mean %s?", name, nearest.name);
	else
		message_error("there is no policy %s; `sonde policy list` shows all", name);
	return -ENOENT;
}

static struct bytes blob_of(sqlite3_stmt *statement, int column)
{
	const void *data = sqlite3_column_blob(statement, column);
	u32 length = sqlite3_column_bytes(statement, column);

	return (struct bytes){ data ? data : "", data ? length : 0, data ? length : 0 };
}

int life_matches(struct life *life, s64 id, life_matched *told, void *context)
{
	sqlite3_stmt *statement = life_prepare(life, "SELECT tool, user, object, count, acknowledged, first, last FROM match "
						     "WHERE policy = ? ORDER BY count DESC, last DESC, tool, object");
	int code;

	if (!statement)
		return -EIO;
	sqlite3_bind_int64(statement, 1, id);
	while ((code = sqlite3_step(statement)) == SQLITE_ROW)
		told(context, &(struct life_match){
			.tool = blob_of(statement, 0), .user = sqlite3_column_int64(statement, 1), .object = blob_of(statement, 2),
			.count = sqlite3_column_int64(statement, 3), .acknowledged = sqlite3_column_int64(statement, 4),
			.first = sqlite3_column_int64(statement, 5), .last = sqlite3_column_int64(statement, 6),
		});
	return ended(life, statement, code);
}

int life_log(struct life *life, const char *policy, life_done *told, void *context)
{
	sqlite3_stmt *statement = life_prepare(life, "SELECT time, user, policy, what FROM log WHERE ?1 IS NULL OR policy = ?1 "
						     "ORDER BY time, rowid");
	int code;

	if (!statement)
		return -EIO;
	if (policy)
		sqlite3_bind_text(statement, 1, policy, -1, SQLITE_STATIC);
	while ((code = sqlite3_step(statement)) == SQLITE_ROW)
		told(context, &(struct life_deed){
			.time = sqlite3_column_int64(statement, 0), .user = sqlite3_column_int64(statement, 1),
			.policy = text_of(statement, 2), .what = text_of(statement, 3),
		});
	return ended(life, statement, code);
}
