/*
 * Opening the store, and all that can be wrong with it. A store is made and brought up to date under a lock, so that
 * any number of sondes may start at once.
 */
#define _GNU_SOURCE
#include "books/store_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/message.h"

enum {
	PATIENCE_MS = 5000,		/* for another's transaction */
	LONGEST = 16 * 1024 * 1024,	/* of a text or a row, bytes */
	RESERVE = 64 * 1024,		/* the end of a run touches about ten pages */
};

#define ELSEWHERE "set SONDE_STORE=FILE to use another"

static char *join(const char *a, const char *b)
{
	struct text text = { 0 };
	char *joined;

	text_add(&text, a);
	text_add(&text, b);
	joined = xstrdup(text_string(&text));
	text_free(&text);
	return joined;
}

static char *default_path(void)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

	if (!geteuid())
		return xstrdup("/var/lib/sonde/store.db");
	if (state && *state == '/')
		return join(state, "/sonde/store.db");
	if (home && *home == '/')
		return join(home, "/.local/state/sonde/store.db");
	message_error("where is the store? neither HOME nor XDG_STATE_HOME is set: set SONDE_STORE=FILE");
	return NULL;
}

/* --- what is wrong --- */

/* SQLite forgets it where it rolls back, and for its index. A write that fails below a limit on files ran into that. */
static int system_error(sqlite3 *db, int code)
{
	int error = db ? sqlite3_system_errno(db) : 0;
	struct rlimit limit;

	if (!error && (code == SQLITE_IOERR_WRITE || code == SQLITE_IOERR_SHMSIZE) && !getrlimit(RLIMIT_FSIZE, &limit) &&
	    limit.rlim_cur != RLIM_INFINITY)
		return EFBIG;
	return error;
}

const char *store_trouble(sqlite3 *db, int *error)
{
	int code = db ? sqlite3_extended_errcode(db) : SQLITE_NOMEM, system = system_error(db, code);

	switch (code & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		*error = EBUSY;
		return "another program keeps it locked";
	case SQLITE_FULL:
		*error = ENOSPC;
		return "the disk is full";
	case SQLITE_NOMEM:
		*error = ENOMEM;
		return "out of memory";
	case SQLITE_READONLY:
	case SQLITE_PERM:
		*error = EROFS;
		return "it cannot be written";
	case SQLITE_NOTADB:
		*error = EUCLEAN;
		return "it is no database, or damaged";
	case SQLITE_CORRUPT:
	case SQLITE_ERROR:
	case SQLITE_TOOBIG:
		*error = EUCLEAN;
		return "it is damaged";
	}
	*error = system ? system : EIO;
	if (*error == ENOSPC || *error == EDQUOT)
		return "the disk is full";
	if (*error == EFBIG)
		return "it may grow no further (ulimit -f)";
	return (code & 0xff) == SQLITE_CANTOPEN ? "it cannot be opened" : "it cannot be read or written";
}

static const char *remedy(int error)
{
	switch (error) {
	case EBUSY:
		return "close it there (`fuser` on the file shows which) and try again";
	case ENOSPC:
	case EDQUOT:
		return "free some space there (removing runs takes some, too), or " ELSEWHERE;
	case ENOENT:
		return "make the directory first, or " ELSEWHERE;
	case EFBIG:
		return "raise the limit on the size of files, `ulimit -f unlimited`";
	case EROFS:
	case EACCES:
	case EPERM:
		return "become its owner (sudo), change its mode, or " ELSEWHERE;
	case EUCLEAN:
		return "`sqlite3 FILE .recover` may rescue what is readable; move it away to begin a new one, "
		       "or " ELSEWHERE;
	}
	return ELSEWHERE;
}

int store_say(sqlite3 *db, const char *path, const char *doing)
{
	const char *trouble, *detail = db ? sqlite3_errmsg(db) : "";
	int error;

	trouble = store_trouble(db, &error);
	message_error("store %s: %s: %s (%s); %s", path, doing, trouble,
		      error == EIO || error == EUCLEAN || error == EBUSY ? detail : strerror(error), remedy(error));
	return -error;
}

static int say_errno(const char *path, const char *doing, int error)
{
	message_error("store %s: %s: %s; %s", path, doing, strerror(error), remedy(error));
	return -error;
}

/* --- SQL --- */

sqlite3_stmt *store_prepare(struct store *store, const char *sql)
{
	sqlite3_stmt *statement = NULL;

	if (sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL) == SQLITE_OK)
		return statement;
	store_say(store->db, store->path, "reading");
	return NULL;
}

int store_run_sql(struct store *store, const char *sql)
{
	if (sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	return store_say(store->db, store->path, "writing");
}

bool store_ask(sqlite3 *db, const char *sql, s64 *number)
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

	if (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW)
		*number = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return code == SQLITE_ROW;
}

sqlite3 *store_connect(const char *path, int flags)
{
	sqlite3 *db = NULL;

	if (sqlite3_open_v2(path, &db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL) != SQLITE_OK) {
		store_say(db, path, "opening");
		sqlite3_close(db);
		return NULL;
	}
	sqlite3_busy_timeout(db, PATIENCE_MS);
	/* The file may be anyone's: nothing in it is run, and nothing in it is taken to be well formed. */
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	sqlite3_limit(db, SQLITE_LIMIT_LENGTH, LONGEST);
	/* With one fsync a second, a power failure takes no more than a kill does. */
	sqlite3_exec(db, "PRAGMA cell_size_check = 1; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 4194304",
		     NULL, NULL, NULL);
	return db;
}

/* --- who records --- */

static int live_open(const char *path, int flags)
{
	char *live = join(path, "-live");
	int fd = open(live, flags | O_CLOEXEC, 0600);

	if (fd < 0)
		fd = -errno;
	free(live);
	return fd;
}

int store_lock(const char *path, u64 id)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = id, .l_len = 1 };
	int fd = live_open(path, O_RDWR | O_CREAT), error;

	if (fd < 0)
		return fd;
	while (fcntl(fd, F_OFD_SETLKW, &lock) < 0) {
		if (errno == EINTR)
			continue;
		error = errno;
		close(fd);
		return -error;
	}
	return fd;
}

int store_reserve(const char *path)
{
	char *name = join(path, "-XXXXXX");
	int fd = mkostemp(name, O_CLOEXEC);

	if (fd >= 0)
		unlink(name);
	if (fd >= 0 && posix_fallocate(fd, 0, RESERVE)) {
		close(fd);
		fd = -1;
	}
	free(name);
	return fd;
}

bool store_is_live(const struct store *store, u64 id)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = id, .l_len = 1 };

	if (store->live == -ENOENT)
		return false;
	/* Of one that cannot be asked about it is not said that it died. */
	return store->live < 0 || fcntl(store->live, F_OFD_GETLK, &lock) < 0 || lock.l_type != F_UNLCK;
}

enum run_state store_state(const struct store *store, u64 id, s64 stored)
{
	if (stored == RUN_FINISHED || stored == RUN_INTERRUPTED)
		return stored;
	return store_is_live(store, id) ? RUN_RECORDING : RUN_INTERRUPTED;
}

/* --- opening --- */

static int make_directories(const char *path)
{
	char *copy = xstrdup(path);
	int error = 0;

	for (char *at = copy + 1; *at && !error; at++) {
		if (*at != '/')
			continue;
		*at = '\0';
		if (mkdir(copy, 0700) < 0 && errno != EEXIST)
			error = say_errno(copy, "making this directory for it", errno);
		*at = '/';
	}
	free(copy);
	return error;
}

/*
 * Made here and not by SQLite, for its mode; what SQLite puts beside it gets the same. Directories are made for the default alone: one
 * in a path that somebody typed is more likely a mistake.
 */
static int make_file(const char *path, bool given)
{
	int fd;

	if (!access(path, F_OK))
		return 0;
	if (!given && make_directories(path) < 0)
		return -1;
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 && errno != EEXIST)
		return say_errno(path, "making it", errno);
	if (fd >= 0)
		close(fd);
	return 0;
}

/* In a directory that cannot be written, as on a read-only disk, SQLite needs to be told that nobody writes. */
static sqlite3 *connect_immutable(const char *path)
{
	char *log = join(path, "-wal");
	struct text uri = { 0 };
	struct stat status;
	sqlite3 *db = NULL;

	if (stat(log, &status) < 0 || !status.st_size) {
		text_add(&uri, "file:");
		for (; *path; path++)
			text_add_format(&uri, strchr("?#%", *path) ? "%%%02x" : "%c", *path);
		text_add(&uri, "?immutable=1");
		db = store_connect(text_string(&uri), SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
		text_free(&uri);
	}
	free(log);
	return db;
}

static int create_tables(struct store *store)
{
	struct text sql = { 0 };
	int error;

	/* Pages that removed runs leave can be given back only if that is decided before the first table. */
	error = store_run_sql(store, "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL");
	text_add(&sql, "BEGIN IMMEDIATE;\n");
	store_schema_create(&sql);
	text_add_format(&sql, "PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT", STORE_APPLICATION,
			STORE_VERSION);
	if (!error)
		error = store_run_sql(store, text_string(&sql));
	text_free(&sql);
	return error;
}

/* Of several that open it at once the first has done it when the others may. */
static int update_tables(struct store *store)
{
	int error = store_run_sql(store, "BEGIN IMMEDIATE");
	struct text sql = { 0 };
	s64 version;

	if (error)
		return error;
	if (store_ask(store->db, "PRAGMA user_version", &version) && version < STORE_VERSION) {
		store_schema_add_layout(&sql, version / 1000);
		store_schema_add_costs(&sql, version % 1000);
		text_add_format(&sql, "PRAGMA user_version = %d; ", STORE_VERSION);
	}
	text_add(&sql, "COMMIT");
	error = store_run_sql(store, text_string(&sql));
	if (error)
		sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
	text_free(&sql);
	return error;
}

static bool read_version(struct store *store, s64 *application, s64 *version, s64 *tables)
{
	return store_ask(store->db, "PRAGMA application_id", application) &&
	       store_ask(store->db, "PRAGMA user_version", version) &&
	       store_ask(store->db, "SELECT count(*) FROM sqlite_master", tables);
}

/* 0: it is a store of this version. */
static int check(struct store *store, bool write)
{
	s64 application = 0, version = 0, tables = 0;

	if (!read_version(store, &application, &version, &tables))
		return store_say(store->db, store->path, "opening");
	if (!application && !version && !tables) {
		if (write)
			return create_tables(store);
		message_error("store %s is empty: nothing has been recorded; `sonde run -- CMD` records", store->path);
		return -ENOENT;
	}
	if (application != STORE_APPLICATION) {
		message_error("%s is a database, but no store of sonde; " ELSEWHERE, store->path);
		return -EINVAL;
	}
	if (version > STORE_VERSION) {
		message_error("store %s was written by a newer sonde (version %lld of the store, this one knows %d): "
			      "update sonde, or " ELSEWHERE,
			      store->path, (long long)version, STORE_VERSION);
		return -EPROTO;
	}
	return version < STORE_VERSION ? update_tables(store) : 0;
}

/* Runs whose recorder died are marked, and what a list shows of them is added up. */
static int settle(struct store *store)
{
	sqlite3_stmt *statement = store_prepare(store, "SELECT id FROM runs WHERE state = 0");
	struct text sql = { 0 };
	int error = 0;

	while (statement && sqlite3_step(statement) == SQLITE_ROW) {
		u64 id = sqlite3_column_int64(statement, 0);

		if (!store_is_live(store, id))
			text_add_format(
				&sql,
				"UPDATE runs SET state = %d, (processes, cpu) = (SELECT count(*), total(cpu) FROM "
				"processes WHERE run = %llu) WHERE id = %llu;\n",
				RUN_INTERRUPTED, (unsigned long long)id, (unsigned long long)id);
	}
	sqlite3_finalize(statement);
	if (sql.length)
		error = store_run_sql(store, text_string(&sql));
	text_free(&sql);
	return statement ? error : -EIO;
}

static int open_for_writing(struct store *store, bool given)
{
	int lock, error;

	if (make_file(store->path, given) < 0)
		return -1;
	store->db = store_connect(store->path, SQLITE_OPEN_READWRITE);
	if (!store->db)
		return -1;
	if (sqlite3_db_readonly(store->db, "main") == 1)
		return say_errno(store->path, "opening it for writing", access(store->path, W_OK) < 0 ? errno : EROFS);
	lock = store_lock(store->path, 0);
	if (lock < 0)
		return say_errno(store->path, "opening the file `-live` beside it", -lock);
	store->live = live_open(store->path, O_RDONLY);
	error = check(store, true);
	if (!error)
		error = settle(store);
	close(lock);
	return error;
}

static int open_for_reading(struct store *store)
{
	s64 application, version, tables;

	if (access(store->path, F_OK) < 0) {
		if (errno != ENOENT && errno != ENOTDIR)
			return say_errno(store->path, "opening", errno);
		message_error("nothing has been recorded yet (%s does not exist); `sonde run -- CMD` records%s",
			      store->path, geteuid() ? "; what root recorded is in root's own store: use sudo" : "");
		return -ENOENT;
	}
	if (access(store->path, R_OK) < 0)
		return say_errno(store->path, "opening", errno);
	store->live = live_open(store->path, O_RDONLY);
	store->db = store_connect(store->path, SQLITE_OPEN_READWRITE);
	if (!store->db)
		return -1;
	if (!read_version(store, &application, &version, &tables)) {
		int code = sqlite3_errcode(store->db) & 0xff;
		sqlite3 *immutable =
			code == SQLITE_CANTOPEN || code == SQLITE_READONLY ? connect_immutable(store->path) : NULL;

		if (!immutable)
			return store_say(store->db, store->path, "opening");
		sqlite3_close(store->db);
		store->db = immutable;
	}
	return check(store, false);
}

struct store *store_open(const char *path, bool write)
{
	struct store *store = xcalloc(1, sizeof(*store));
	const char *given = path ? path : getenv("SONDE_STORE");

	if (given && !*given && !path)
		given = NULL;
	store->live = -ENOENT;
	store->path = given ? xstrdup(given) : default_path();
	if (store->path && !(write ? open_for_writing(store, given) : open_for_reading(store)))
		return store;
	store_close(store);
	return NULL;
}

void store_close(struct store *store)
{
	if (!store)
		return;
	if (store->removed)
		sqlite3_exec(store->db, "PRAGMA incremental_vacuum; PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
	if (store->live >= 0)
		close(store->live);
	sqlite3_close(store->db);
	free(store->path);
	free(store);
}

const char *store_path(const struct store *store)
{
	return store->path;
}
