/* What is matched, and for how long someone looked: what an agent writes once a second. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "policy/life_inside.h"

#define MATCHES_MOST 10000	/* rows of a policy; what comes beyond is added up in one */

int life_take(struct life *life)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
	struct text path = { 0 };
	int fd, error;

	if (life->taken) {
		life->taken++;
		return 0;
	}
	text_add_format(&path, "%s-agent", text_string(&life->path));
	fd = open(text_string(&path), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	error = fd < 0 ? -errno : 0;
	text_free(&path);
	if (error)
		return error;
	if (fcntl(fd, F_OFD_SETLK, &lock)) {
		close(fd);
		return -EBUSY;
	}
	life->place = fd;
	life->taken = 1;
	return 0;
}

void life_leave(struct life *life)
{
	if (!--life->taken)
		close(life->place);
}

/* In the header of the file, where SQLite leaves 32 bits to whom it belongs. */
int life_renew(struct life *life)
{
	char sql[64];
	s64 generation = life_generation(life);

	if (generation < 0)
		return -EIO;
	snprintf(sql, sizeof(sql), "PRAGMA application_id = %lld", (long long)(generation + 1) & 0x7fffffff);
	return life_run(life, sql);
}

s64 life_generation(struct life *life)
{
	sqlite3_stmt *statement = life_prepare(life, "PRAGMA application_id");
	s64 generation = statement && sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : -1;

	sqlite3_finalize(statement);
	return generation;
}

static bool boot_id(char *out, size_t size)
{
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
	bool read = file && fgets(out, size, file);

	if (file)
		fclose(file);
	return read;
}

int life_watched(struct life *life, s64 id, u64 from, u64 to)
{
	sqlite3_stmt *statement = life_prepare(life,
		"UPDATE policy SET observed = observed + max(0, ?3 - CASE WHEN boot = ?4 AND until > 0 THEN max(until, ?2) WHEN ?2 > 0 THEN ?2 ELSE ?3 END), "
		"until = CASE WHEN boot = ?4 THEN max(until, ?3) ELSE ?3 END, boot = ?4 WHERE id = ?1");
	char boot[64] = "";

	if (!boot_id(boot, sizeof(boot)))
		boot[0] = '\0';
	sqlite3_bind_int64(statement, 1, id);
	sqlite3_bind_int64(statement, 2, from);
	sqlite3_bind_int64(statement, 3, to);
	sqlite3_bind_text(statement, 4, boot, -1, SQLITE_STATIC);
	return life_step(life, statement);
}

static bool has_room(struct life *life, s64 id)
{
	sqlite3_stmt *statement = life_prepare(life, "SELECT count(*) FROM match WHERE policy = ?");
	s64 count = 0;

	sqlite3_bind_int64(statement, 1, id);
	if (statement && sqlite3_step(statement) == SQLITE_ROW)
		count = sqlite3_column_int64(statement, 0);
	sqlite3_finalize(statement);
	return count < MATCHES_MOST;
}

int life_add(struct life *life, s64 id, const struct life_match *match)
{
	struct bytes tool = match->tool, object = match->object;
	int error = 0;

	if (!life->add)
		life->add = life_prepare(life,
			"INSERT INTO match(policy, tool, user, object, count, first, last) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 "
			"WHERE EXISTS(SELECT 1 FROM policy WHERE id = ?1) "	/* it may have been removed meanwhile */
			"ON CONFLICT DO UPDATE SET count = count + ?5, first = min(first, ?6), last = max(last, ?7)");
	if (!life->add)
		return -EIO;
	if (!has_room(life, id)) {
		tool = (struct bytes){ "", 0, 0 };
		object = (struct bytes){ LIFE_OTHERS, sizeof(LIFE_OTHERS) - 1, 0 };
	}
	sqlite3_bind_int64(life->add, 1, id);
	sqlite3_bind_blob(life->add, 2, tool.length ? tool.data : "", tool.length, SQLITE_STATIC);
	sqlite3_bind_int64(life->add, 3, match->user);
	sqlite3_bind_blob(life->add, 4, object.length ? object.data : "", object.length, SQLITE_STATIC);
	sqlite3_bind_int64(life->add, 5, match->count);
	sqlite3_bind_int64(life->add, 6, match->first);
	sqlite3_bind_int64(life->add, 7, match->last);
	if (sqlite3_step(life->add) != SQLITE_DONE)
		error = life_say(life, "writing");
	sqlite3_reset(life->add);
	return error;
}

/* What nobody was there to see has no tool and no object. */
int life_counted(struct life *life, s64 id, u64 matched, u64 taken, s64 first, s64 last)
{
	sqlite3_stmt *statement = life_prepare(life, "SELECT counted FROM policy WHERE id = ?");
	bool known = false;
	u64 counted = 0;
	int error = 0;

	sqlite3_bind_int64(statement, 1, id);
	if (statement && sqlite3_step(statement) == SQLITE_ROW) {
		counted = sqlite3_column_int64(statement, 0);
		known = true;
	}
	sqlite3_finalize(statement);
	if (!known)
		return 0;
	if (matched > counted)
		error = life_add(life, id, &(struct life_match){
			.tool = { "", 0, 0 }, .object = { LIFE_UNSEEN, sizeof(LIFE_UNSEEN) - 1, 0 }, .user = LIFE_NOBODY,
			.count = matched - counted, .first = first, .last = last,
		});
	if (error)
		return error;
	statement = life_prepare(life, "UPDATE policy SET counted = max(counted, ?2), taken = taken + max(0, ?3 - counted_taken), "
				       "counted_taken = max(counted_taken, ?3) WHERE id = ?1");
	sqlite3_bind_int64(statement, 1, id);
	sqlite3_bind_int64(statement, 2, matched);
	sqlite3_bind_int64(statement, 3, taken);
	return life_step(life, statement);
}

int life_told(struct life *life, s64 id, u64 matched)
{
	sqlite3_stmt *statement = life_prepare(life, "UPDATE policy SET counted = counted + ?2 WHERE id = ?1");

	sqlite3_bind_int64(statement, 1, id);
	sqlite3_bind_int64(statement, 2, matched);
	return life_step(life, statement);
}

int life_restart(struct life *life, s64 id)
{
	sqlite3_stmt *statement = life_prepare(life, "UPDATE policy SET counted = 0, counted_taken = 0 WHERE id = ?1");

	sqlite3_bind_int64(statement, 1, id);
	return life_step(life, statement);
}
