/* Opening and changing. Every change is one transaction, so a kill leaves the state before it or after it. */
#define _GNU_SOURCE
#include "policy/life.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/message.h"
#include "lang/parse.h"
#include "policy/life_inside.h"

#define SCHEMA 1
#define PATIENCE_MS 5000
#define LONGEST (64 * 1024 * 1024)

static const char schema[] =
	"CREATE TABLE source(id INTEGER PRIMARY KEY, file TEXT NOT NULL, text BLOB NOT NULL);"
	"CREATE TABLE policy(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, source INTEGER NOT NULL, "
	"meaning BLOB NOT NULL, mode INTEGER NOT NULL, since INTEGER NOT NULL, observed INTEGER NOT NULL DEFAULT 0, "
	"until INTEGER NOT NULL DEFAULT 0, boot TEXT NOT NULL DEFAULT '', counted INTEGER NOT NULL DEFAULT 0, "
	"counted_taken INTEGER NOT NULL DEFAULT 0, taken INTEGER NOT NULL DEFAULT 0);"
	"CREATE TABLE match(policy INTEGER NOT NULL, tool BLOB NOT NULL, user INTEGER NOT NULL, object BLOB NOT NULL, "
	"count INTEGER NOT NULL, acknowledged INTEGER NOT NULL DEFAULT 0, first INTEGER NOT NULL, last INTEGER NOT NULL, "
	"PRIMARY KEY(policy, tool, user, object)) WITHOUT ROWID;"
	"CREATE TABLE log(time INTEGER NOT NULL, user INTEGER NOT NULL, policy TEXT NOT NULL, what TEXT NOT NULL);"
	"PRAGMA user_version = 1;";

static bool make_path(struct text *path)
{
	const char *given = getenv("SONDE_STORE"), *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	const char *slash = given ? strrchr(given, '/') : NULL;

	if (given && *given)
		text_add_format(path, "%.*spolicies.db", slash ? (int)(slash + 1 - given) : 0, given);
	else if (!geteuid())
		text_add(path, "/var/lib/sonde/policies.db");
	else if (state && *state == '/')
		text_add_format(path, "%s/sonde/policies.db", state);
	else if (home && *home == '/')
		text_add_format(path, "%s/.local/state/sonde/policies.db", home);
	else
		message_error("where is the state of policies? neither HOME nor XDG_STATE_HOME is set: set SONDE_STORE=FILE");
	return path->length;
}

static void make_directories(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
}

int life_say(struct life *life, const char *doing)
{
	int code = life->db ? sqlite3_errcode(life->db) & 0xff : SQLITE_NOMEM;
	const char *path = text_string(&life->path), *why = life->db ? sqlite3_errmsg(life->db) : "out of memory";

	switch (code) {
	case SQLITE_FULL:
		message_error("%s: %s: the disk is full; free some space", path, doing);
		return -ENOSPC;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		message_error("%s: %s: another program keeps it locked; try again when it is done", path, doing);
		return -EBUSY;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
	case SQLITE_CANTOPEN:
		message_error("%s: %s: %s; only root, or who owns this file, may change policies", path, doing, why);
		return -EACCES;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		message_error("%s: %s: %s; move it away to begin anew: what is enforced stays until `sonde policy remove`",
			      path, doing, why);
		return -EUCLEAN;
	}
	message_error("%s: %s: %s", path, doing, why);
	return -EIO;
}

int life_run(struct life *life, const char *sql)
{
	return sqlite3_exec(life->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : life_say(life, "writing");
}

sqlite3_stmt *life_prepare(struct life *life, const char *sql)
{
	sqlite3_stmt *statement = NULL;

	if (sqlite3_prepare_v2(life->db, sql, -1, &statement, NULL) == SQLITE_OK)
		return statement;
	life_say(life, "reading");
	return NULL;
}

int life_step(struct life *life, sqlite3_stmt *statement)
{
	int status = statement && sqlite3_step(statement) == SQLITE_DONE ? 0 : -EIO;

	if (statement && status)
		status = life_say(life, "writing");
	sqlite3_finalize(statement);
	return status;
}

static int version_of(struct life *life)
{
	sqlite3_stmt *statement = life_prepare(life, "PRAGMA user_version");
	int version = statement && sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int(statement, 0) : -1;

	if (statement && version < 0)
		life_say(life, "reading");
	sqlite3_finalize(statement);
	return version;
}

/* Under a lock, so that any number may begin at once. */
static int make_tables(struct life *life)
{
	int error = life_run(life, "BEGIN IMMEDIATE");

	if (error)
		return error;
	if (!version_of(life))
		error = life_run(life, schema);
	if (!error)
		error = life_run(life, "COMMIT");
	if (error)
		sqlite3_exec(life->db, "ROLLBACK", NULL, NULL, NULL);
	return error;
}

static int check_version(struct life *life, bool write)
{
	int version = version_of(life);

	if (version > SCHEMA) {
		message_error("%s was written by a newer sonde; use that one", text_string(&life->path));
		return -EPROTO;
	}
	if (version < 0)
		return -EIO;
	return version || !write ? 0 : make_tables(life);
}

/* What is enforced is written there: whoever may write it may kill with it. */
static bool is_trusted(const struct life *life)
{
	const char *path = text_string(&life->path);
	struct stat status;

	if (stat(path, &status))
		return true;
	if (status.st_uid && status.st_uid != geteuid())
		message_error("%s belongs to another user, who could change what is enforced; chown root it, or move it away", path);
	else if (status.st_mode & (S_IWGRP | S_IWOTH))
		message_error("%s may be written by others, who could change what is enforced; chmod go-w it", path);
	else
		return true;
	return false;
}

struct life *life_open(bool write, bool *none)
{
	struct life *life = calloc(1, sizeof(*life));
	int flags = (write ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOMUTEX;
	mode_t mask;
	int code;

	if (!life || !make_path(&life->path))
		goto failed;
	/* one in a path that somebody typed is more likely a mistake */
	if (write && !getenv("SONDE_STORE"))
		make_directories(life->path.data);
	if (!write && access(text_string(&life->path), F_OK) && errno == ENOENT) {
		*none = true;
		goto failed;
	}
	if (write && !is_trusted(life))
		goto failed;
	mask = umask(077);
	code = sqlite3_open_v2(text_string(&life->path), &life->db, flags, NULL);
	if (code == SQLITE_OK && write)
		code = sqlite3_exec(life->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
	umask(mask);
	if (code != SQLITE_OK) {
		life_say(life, "opening");
		goto failed;
	}
	sqlite3_busy_timeout(life->db, PATIENCE_MS);
	sqlite3_db_config(life->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(life->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_limit(life->db, SQLITE_LIMIT_LENGTH, LONGEST);
	if (!check_version(life, write))
		return life;
failed:
	life_close(life);
	return NULL;
}

void life_close(struct life *life)
{
	if (!life)
		return;
	sqlite3_finalize(life->add);
	sqlite3_finalize(life->found);
	sqlite3_close(life->db);
	if (life->taken)
		close(life->place);
	text_free(&life->path);
	free(life);
}

bool life_may_write(const struct life *life)
{
	return !access(text_string(&life->path), W_OK);
}

s64 life_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static u32 who(void)
{
	const char *given = getenv("SUDO_UID");

	return given && *given && !geteuid() ? (u32)strtoul(given, NULL, 10) : getuid();
}

static int note(struct life *life, const char *name, const char *what)
{
	sqlite3_stmt *statement = life_prepare(life, "INSERT INTO log VALUES(?, ?, ?, ?)");

	if (!statement)
		return -EIO;
	sqlite3_bind_int64(statement, 1, life_now());
	sqlite3_bind_int64(statement, 2, who());
	sqlite3_bind_text(statement, 3, name, -1, SQLITE_STATIC);
	sqlite3_bind_text(statement, 4, what, -1, SQLITE_STATIC);
	return life_step(life, statement);
}

/* What a policy means: what must change for its observation to begin anew. Comments and messages are not part of it. */
static void add_meaning(const struct policy *policy, const struct text *source, struct text *out)
{
	if (!policy->is_short) {
		text_add_bytes(out, text_string(source), source->length);
		return;
	}
	for (u32 i = 0; i < policy->hook_count; i++) {
		const struct policy_selector *selector = policy->hooks[i].selectors;

		text_add_format(out, "%s %u ", policy->hooks[i].target, selector->steps->action);
		if (selector->condition)
			lang_print(selector->condition, out);
		text_add_char(out, '\n');
	}
}

static bool is_same(const void *blob, size_t length, const struct text *text)
{
	return length == text->length && (!length || !memcmp(blob, text->data, length));
}

static int forget_matches(struct life *life, s64 id)
{
	sqlite3_stmt *statement = life_prepare(life, "DELETE FROM match WHERE policy = ?");

	sqlite3_bind_int64(statement, 1, id);
	return life_step(life, statement);
}

static int forget_policy(struct life *life, s64 id)
{
	sqlite3_stmt *statement = life_prepare(life, "DELETE FROM policy WHERE id = ?");
	int error;

	sqlite3_bind_int64(statement, 1, id);
	error = life_step(life, statement);
	return error ? error : forget_matches(life, id);
}

static int insert(struct life *life, const struct policy *policy, s64 source, const struct text *meaning, enum life_mode mode,
		  const char *what)
{
	sqlite3_stmt *statement = life_prepare(life, "INSERT INTO policy(name, source, meaning, since, mode) VALUES(?, ?, ?, ?, ?)");
	int error;

	sqlite3_bind_text(statement, 1, policy->name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 2, source);
	sqlite3_bind_blob(statement, 3, text_string(meaning), meaning->length, SQLITE_STATIC);
	sqlite3_bind_int64(statement, 4, life_now());
	sqlite3_bind_int(statement, 5, mode);
	error = life_step(life, statement);
	return error ? error : note(life, policy->name, what);
}

/* What means something else gets a new id: what the kernel still counts for the old one is not its own. */
static int renew(struct life *life, s64 id, const struct policy *policy, s64 source, const struct text *meaning, bool same,
		 enum life_mode mode)
{
	sqlite3_stmt *statement;
	int error;

	if (!same) {
		error = forget_policy(life, id);
		return error ? error : insert(life, policy, source, meaning, mode, mode == LIFE_ENFORCE ?
					      "enforce by force: it changed, and takes the place of what stood" :
					      "observe: it changed, so its observation begins anew");
	}
	statement = life_prepare(life, "UPDATE policy SET source = ?2, mode = ?3 WHERE id = ?1");
	sqlite3_bind_int64(statement, 1, id);
	sqlite3_bind_int64(statement, 2, source);
	sqlite3_bind_int(statement, 3, mode);
	error = life_step(life, statement);
	return error || mode == LIFE_OBSERVE ? error : note(life, policy->name, "enforce by force");
}

static int put(struct life *life, const struct policy *policy, s64 source, const struct text *text, enum life_mode mode)
{
	sqlite3_stmt *statement = life_prepare(life, "SELECT id, mode, meaning FROM policy WHERE name = ?");
	struct text meaning = { 0 };
	bool found, same = false, enforced = false;
	s64 id = 0;
	int error;

	if (!statement)
		return -EIO;
	add_meaning(policy, text, &meaning);
	sqlite3_bind_text(statement, 1, policy->name, -1, SQLITE_STATIC);
	found = sqlite3_step(statement) == SQLITE_ROW;
	if (found) {
		id = sqlite3_column_int64(statement, 0);
		enforced = sqlite3_column_int(statement, 1) == LIFE_ENFORCE;
		same = is_same(sqlite3_column_blob(statement, 2), sqlite3_column_bytes(statement, 2), &meaning);
	}
	sqlite3_finalize(statement);
	if (enforced && mode == LIFE_OBSERVE) {
		message_error("%s is enforced; `sonde policy remove %s` ends that first, `sonde policy enforce --force FILE` replaces it",
			      policy->name, policy->name);
		error = -EBUSY;
	} else if (found) {
		error = renew(life, id, policy, source, &meaning, same, mode);
	} else {
		error = insert(life, policy, source, &meaning, mode, mode == LIFE_ENFORCE ? "enforce by force: it was not observed" :
			       "observe");
	}
	text_free(&meaning);
	return error;
}

static int add_source(struct life *life, const struct text *source, const char *file, s64 *id)
{
	sqlite3_stmt *statement = life_prepare(life, "INSERT INTO source(file, text) VALUES(?, ?)");
	char *whole = realpath(file, NULL);
	int error;

	sqlite3_bind_text(statement, 1, whole ? whole : file, -1, SQLITE_TRANSIENT);
	sqlite3_bind_blob(statement, 2, text_string(source), source->length, SQLITE_STATIC);
	error = life_step(life, statement);
	*id = sqlite3_last_insert_rowid(life->db);
	free(whole);
	return error;
}

static int drop_sources(struct life *life)
{
	return life_run(life, "DELETE FROM source WHERE id NOT IN (SELECT source FROM policy)");
}

int life_begin(struct life *life)
{
	int error = life->depth ? 0 : life_run(life, "BEGIN IMMEDIATE");

	if (!error && !life->depth++)
		life->spoiled = false;
	return error;
}

int life_commit(struct life *life)
{
	int error = 0;

	if (life->spoiled)
		error = -EIO;
	else if (life->depth == 1)
		error = life_run(life, "COMMIT");
	if (!error)
		life->depth--;
	return error;
}

void life_undo(struct life *life)
{
	life->spoiled = true;
	if (!--life->depth)
		sqlite3_exec(life->db, "ROLLBACK", NULL, NULL, NULL);
}

/* Ends what life_begin began: all of it, or none after an error. */
static int finish(struct life *life, int error)
{
	if (!error)
		error = life_commit(life);
	if (error)
		life_undo(life);
	return error;
}

static int put_all(struct life *life, const struct policies *policies, const struct text *source, const char *file,
		   enum life_mode mode)
{
	int error = life_begin(life);
	s64 id;

	if (error)
		return error;
	error = add_source(life, source, file, &id);
	for (size_t i = 0; i < policies->count && !error; i++)
		error = put(life, policies->list[i], id, source, mode);
	return finish(life, error ? error : drop_sources(life));
}

int life_observe(struct life *life, const struct policies *policies, const struct text *source, const char *file)
{
	return put_all(life, policies, source, file, LIFE_OBSERVE);
}

int life_force(struct life *life, const struct policies *policies, const struct text *source, const char *file)
{
	return put_all(life, policies, source, file, LIFE_ENFORCE);
}

int life_set_mode(struct life *life, const struct life_entry *entry, enum life_mode mode, const char *what)
{
	sqlite3_stmt *statement;
	int error = life_begin(life);

	if (error)
		return error;
	statement = life_prepare(life, "UPDATE policy SET mode = ? WHERE id = ?");
	sqlite3_bind_int(statement, 1, mode);
	sqlite3_bind_int64(statement, 2, entry->id);
	error = life_step(life, statement);
	return finish(life, error ? error : note(life, entry->name, what));
}

int life_acknowledge(struct life *life, const struct life_entry *entry)
{
	sqlite3_stmt *statement;
	int error = life_begin(life);

	if (error)
		return error;
	statement = life_prepare(life, "UPDATE match SET acknowledged = count WHERE policy = ?");
	sqlite3_bind_int64(statement, 1, entry->id);
	error = life_step(life, statement);
	return finish(life, error ? error : note(life, entry->name, "acknowledge what it matched"));
}

int life_remove(struct life *life, const struct life_entry *entry)
{
	int error = life_begin(life);

	if (error)
		return error;
	error = forget_policy(life, entry->id);
	if (!error)
		error = drop_sources(life);
	return finish(life, error ? error : note(life, entry->name, "remove"));
}
