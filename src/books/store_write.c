/*
 * Rows are copied into a batch by whoever records, and batches are handed to a thread, which writes all it has in one
 * transaction. What cannot be written is kept and tried again; beyond a budget it is given up: samples first, then what
 * happened, names last, because later rows refer to them. Room for the end of the run is held from its beginning: a disk that stays
 * full leaves a run that ended and says how much of it is missing.
 */
#include "books/store_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/message.h"
#include "base/thread.h"
#include "base/wall.h"
#include "books/label.h"
#include "books/pack.h"

enum {
	BUDGET = 16 * 1024 * 1024,
	SPARE_MOST = 512 * 1024,	/* a part larger than this is not kept for the next batch */
	RETRY_SECONDS = 1,
	LAST_TRIES = 3,
	CLOSING_TRIES = 2,
};

enum part {
	PART_NAMES,
	PART_ROWS,
	PART_SAMPLES,
	PARTS,
};

/* In front of each row. */
struct entry {
	u32 table, index, length;
};

struct batch {
	struct batch *next;
	struct text parts[PARTS];	/* entries */
	u32 rows[PARTS];
	u64 time;			/* when it was handed over */
};

struct store_writer {
	/* the caller's */
	struct batch *filling;
	struct pack pack;
	struct text packed;
	size_t dictionary_told;
	u32 facts, texts;		/* how many there are */
	/* both sides', under the lock */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct batch *waiting;		/* oldest first */
	struct batch *spare;
	size_t waiting_bytes;
	u64 given_up;
	const char *why;
	const struct run *ended;
	/* the thread's */
	pthread_t thread;
	sqlite3 *db;
	sqlite3_stmt *inserts[STORE_TABLES], *progress;
	char *path;
	u64 id, bytes;
	struct run base;		/* only its start */
	int lock_fd, reserve_fd;
};

/* --- the caller's side --- */

static void give_up(struct store_writer *writer, u64 rows, const char *why)
{
	pthread_mutex_lock(&writer->lock);
	writer->given_up += rows;
	writer->why = why;
	pthread_mutex_unlock(&writer->lock);
}

static void add_entry(struct store_writer *writer, enum part part, enum store_table table, u32 index, const void *row,
		      size_t length)
{
	struct entry entry = { table, index, length };
	struct text *buffer = &writer->filling->parts[part];

	if (buffer->length + length > BUDGET || !text_reserve(buffer, sizeof(entry) + length)) {
		buffer->failed = false;
		give_up(writer, 1, "out of memory");
		return;
	}
	text_add_bytes(buffer, &entry, sizeof(entry));
	text_add_bytes(buffer, row, length);
	writer->filling->rows[part]++;
}

void store_text(struct store_writer *writer, u32 index, const void *bytes, size_t length)
{
	add_entry(writer, PART_NAMES, STORE_TEXTS, index, bytes, length);
	if (index >= writer->texts)
		writer->texts = index + 1;
}

void store_process(struct store_writer *writer, u32 index, const struct run_process *process, const void *arguments,
		   size_t length)
{
	struct text *dictionary = &writer->pack.dictionary;

	add_entry(writer, PART_ROWS, STORE_PROCESSES, index, process, sizeof(*process));
	if (!arguments)
		return;
	text_reset(&writer->packed);
	pack_add(&writer->pack, arguments, length, &writer->packed);
	if (dictionary->length > writer->dictionary_told) {
		add_entry(writer, PART_NAMES, STORE_DICTIONARY, writer->dictionary_told,
			  dictionary->data + writer->dictionary_told, dictionary->length - writer->dictionary_told);
		writer->dictionary_told = dictionary->length;
	}
	add_entry(writer, PART_ROWS, STORE_ARGUMENTS, index, text_string(&writer->packed), writer->packed.length);
}

void store_tool(struct store_writer *writer, u32 index, const struct run_tool *tool)
{
	add_entry(writer, PART_NAMES, STORE_TOOLS, index, tool, sizeof(*tool));
}

void store_task(struct store_writer *writer, u32 index, const struct run_task *task)
{
	add_entry(writer, PART_NAMES, STORE_TASKS, index, task, sizeof(*task));
}

void store_container(struct store_writer *writer, u32 index, const struct run_container *container)
{
	add_entry(writer, PART_NAMES, STORE_CONTAINERS, index, container, sizeof(*container));
}

void store_sample(struct store_writer *writer, const struct run_sample *sample)
{
	add_entry(writer, PART_SAMPLES, STORE_SAMPLES, 0, sample, sizeof(*sample));
}

void store_host_sample(struct store_writer *writer, const struct run_host_sample *sample)
{
	add_entry(writer, PART_SAMPLES, STORE_HOST_SAMPLES, 0, sample, sizeof(*sample));
}

void store_fact(struct store_writer *writer, const struct run_fact *fact)
{
	add_entry(writer, PART_ROWS, STORE_FACTS, writer->facts++, fact, sizeof(*fact));
}

void store_peer(struct store_writer *writer, u32 index, const struct run_peer *peer)
{
	add_entry(writer, PART_ROWS, STORE_PEERS, index, peer, sizeof(*peer));
}

void store_drop(struct store_writer *writer, u32 index, const struct run_drop *drop)
{
	add_entry(writer, PART_ROWS, STORE_DROPS, index, drop, sizeof(*drop));
}

void store_file(struct store_writer *writer, u32 index, const struct run_file *file)
{
	add_entry(writer, PART_ROWS, STORE_FILES, index, file, sizeof(*file));
}

/* --- batches --- */

static bool batch_is_empty(const struct batch *batch)
{
	return !batch->rows[PART_NAMES] && !batch->rows[PART_ROWS] && !batch->rows[PART_SAMPLES];
}

/* What it takes in memory, which can be twice what is in it. */
static size_t batch_bytes(const struct batch *batch)
{
	return batch->parts[PART_NAMES].capacity + batch->parts[PART_ROWS].capacity +
	       batch->parts[PART_SAMPLES].capacity;
}

static void batch_free(struct batch *batch)
{
	for (int part = 0; batch && part < PARTS; part++)
		text_free(&batch->parts[part]);
	free(batch);
}

static void batch_empty(struct batch *batch)
{
	for (int part = 0; part < PARTS; part++) {
		if (batch->parts[part].capacity > SPARE_MOST)
			text_free(&batch->parts[part]);
		text_reset(&batch->parts[part]);
		batch->rows[part] = 0;
	}
}

/* Gives up the newest of what waits until it fits the budget again. The lock is held. */
static void trim(struct store_writer *writer)
{
	for (int part = PART_SAMPLES; part >= 0; part--) {
		while (writer->waiting_bytes > BUDGET) {
			struct batch *newest = NULL;

			for (struct batch *batch = writer->waiting; batch; batch = batch->next)
				if (batch->rows[part])
					newest = batch;
			if (!newest)
				break;
			if (!writer->why)
				writer->why = "the disk is too slow";
			writer->waiting_bytes -= newest->parts[part].capacity;
			writer->given_up += newest->rows[part];
			text_free(&newest->parts[part]);
			newest->rows[part] = 0;
		}
	}
}

void store_flush(struct store_writer *writer)
{
	struct batch *batch = writer->filling, **last;

	if (batch_is_empty(batch))
		return;
	batch->time = wall_boot_now();
	pthread_mutex_lock(&writer->lock);
	for (last = &writer->waiting; *last; last = &(*last)->next)
		;
	*last = batch;
	writer->waiting_bytes += batch_bytes(batch);
	trim(writer);
	writer->filling = writer->spare;
	writer->spare = NULL;
	pthread_cond_signal(&writer->wake);
	pthread_mutex_unlock(&writer->lock);
	if (!writer->filling)
		writer->filling = xcalloc(1, sizeof(*writer->filling));
}

u64 store_given_up(struct store_writer *writer, const char **why)
{
	u64 given_up;

	pthread_mutex_lock(&writer->lock);
	given_up = writer->given_up;
	if (why)
		*why = writer->why;
	pthread_mutex_unlock(&writer->lock);
	return given_up;
}

/* --- the thread's side --- */

static bool step(sqlite3_stmt *statement)
{
	int code = sqlite3_step(statement);

	sqlite3_reset(statement);
	return code == SQLITE_DONE || code == SQLITE_ROW;
}

static bool write_entry(struct store_writer *writer, const struct entry *entry, const char *bytes)
{
	const struct store_layout *layout = &store_layouts[entry->table];
	sqlite3_stmt *insert = writer->inserts[entry->table];
	union {
		struct run_process process;
		struct run_host_sample host_sample;
		struct run_peer peer;
		struct run_drop drop;
	} row;
	int parameter = 1;

	writer->bytes += store_bind_number(insert, parameter++, writer->id);
	if (layout->index)
		writer->bytes += store_bind_number(insert, parameter++, entry->index);
	if (entry->table == STORE_TEXTS) {
		writer->bytes += store_bind_bytes(insert, parameter, bytes, entry->length);
	} else if (layout->bytes) {
		writer->bytes += store_bind_blob(insert, parameter, bytes, entry->length);
	} else {
		/* Behind entries of any length a row need not be aligned. */
		memcpy(&row, bytes, entry->length);
		writer->bytes += store_row_bind(insert, parameter, entry->table, &writer->base, &row);
	}
	return step(insert);
}

static bool write_part(struct store_writer *writer, const struct text *part)
{
	struct entry entry;

	for (size_t at = 0; at < part->length; at += entry.length) {
		memcpy(&entry, part->data + at, sizeof(entry));
		at += sizeof(entry);
		if (!write_entry(writer, &entry, part->data + at))
			return false;
	}
	return true;
}

/* The run's own row. Its id is given by the database the first time. */
static bool write_run(struct store_writer *writer, const struct run *run, enum run_state state)
{
	sqlite3_stmt *insert = writer->inserts[STORE_RUNS], *sum = NULL;
	struct text command = { 0 };
	bool written;

	if (sqlite3_prepare_v2(writer->db, "SELECT count(*), total(cpu) FROM processes WHERE run = ?", -1, &sum,
			       NULL) != SQLITE_OK)
		return false;
	sqlite3_clear_bindings(insert);
	if (writer->id)
		sqlite3_bind_int64(insert, 1, writer->id);
	sqlite3_bind_int64(insert, 2 + STORE_RUN_STATE, state);
	sqlite3_bind_int64(insert, 2 + STORE_RUN_STARTED, run_wall(run, run->start));
	if (run->command != RUN_NONE) {
		label_title(&command, run);
		store_bind_bytes(insert, 2 + STORE_RUN_COMMAND, text_string(&command), command.length);
	}
	if (state == RUN_FINISHED) {
		sqlite3_bind_int64(sum, 1, writer->id);
		if (sqlite3_step(sum) == SQLITE_ROW) {
			sqlite3_bind_int64(insert, 2 + STORE_RUN_PROCESSES, sqlite3_column_int64(sum, 0));
			sqlite3_bind_int64(insert, 2 + STORE_RUN_CPU, sqlite3_column_int64(sum, 1));
		}
	}
	sqlite3_bind_int64(insert, 2 + STORE_RUN_BYTES, writer->bytes);
	store_row_bind(insert, 2 + STORE_RUN_EXTRAS, STORE_RUNS, run, run);
	written = step(insert);
	sqlite3_finalize(sum);
	text_free(&command);
	return written;
}

static bool write_missing(struct store_writer *writer, const struct run *run, u32 number, const char *what, const char *why, u64 rows)
{
	struct run_fact fact = {
		.time = run->end, .kind = RUN_FACT_GAVE_UP, .number = rows, .process = RUN_NONE, .other = RUN_NONE,
		.text = writer->texts + number,
	};
	struct text text = { 0 };
	bool written;

	text_add_format(&text, "%s%s", what, why);
	written = write_entry(writer, &(struct entry){ STORE_TEXTS, fact.text, text.length }, text_string(&text)) &&
		  write_entry(writer, &(struct entry){ STORE_FACTS, writer->facts + number, sizeof(fact) }, (const char *)&fact);
	text_free(&text);
	return written;
}

/* What was given up is a fact of the run: how many processes, as far as it is known how many there were, and other rows. */
static bool write_given_up(struct store_writer *writer, const struct run *run)
{
	const char *why;
	u64 rows = store_given_up(writer, &why), missing = 0;
	sqlite3_stmt *count = NULL;

	if (!rows)
		return true;
	if (sqlite3_prepare_v2(writer->db, "SELECT count(*) FROM processes WHERE run = ?", -1, &count, NULL) != SQLITE_OK)
		return false;
	sqlite3_bind_int64(count, 1, writer->id);
	if (sqlite3_step(count) == SQLITE_ROW && (u64)sqlite3_column_int64(count, 0) < run->seen)
		missing = run->seen - sqlite3_column_int64(count, 0);
	sqlite3_finalize(count);
	if (missing > rows)
		missing = rows;
	return (!missing || write_missing(writer, run, 0, "processes: ", why, missing)) &&
	       (missing == rows || write_missing(writer, run, 1, missing ? "other rows: " : "", why, rows - missing));
}

/* All batches in one transaction, and the run's end if it has one. */
static bool write_all(struct store_writer *writer, const struct batch *batches, const struct run *ended)
{
	u64 before = writer->bytes, last = 0;
	int error;
	bool written = sqlite3_exec(writer->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK;

	for (int part = 0; part < PARTS; part++)
		for (const struct batch *batch = batches; batch && written; batch = batch->next) {
			written = write_part(writer, &batch->parts[part]);
			last = batch->time;
		}
	if (written && ended) {
		written = write_given_up(writer, ended) && write_run(writer, ended, RUN_FINISHED);
	} else if (written) {
		sqlite3_bind_int64(writer->progress, 1, last - writer->base.start);
		sqlite3_bind_int64(writer->progress, 2, writer->bytes);
		sqlite3_bind_int64(writer->progress, 3, writer->base.start);
		sqlite3_bind_int64(writer->progress, 4, writer->id);
		written = step(writer->progress);
	}
	if (written && sqlite3_exec(writer->db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK)
		return true;
	pthread_mutex_lock(&writer->lock);
	writer->why = store_trouble(writer->db, &error);
	pthread_mutex_unlock(&writer->lock);
	writer->bytes = before;
	sqlite3_exec(writer->db, "ROLLBACK", NULL, NULL, NULL);
	/* What the log has that the database can take makes room in the log. */
	if (error == ENOSPC || error == EDQUOT || error == EFBIG)
		sqlite3_wal_checkpoint_v2(writer->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	return false;
}

/*
 * What was written goes, the last of it to be filled again; what was not waits before all that came since. The lock is
 * held.
 */
static void put_back(struct store_writer *writer, struct batch *batches, bool written)
{
	struct batch *batch = batches;

	while (batch && written) {
		struct batch *next = batch->next;

		writer->waiting_bytes -= batch_bytes(batch);
		batch_empty(batch);
		batch->next = NULL;
		batch_free(writer->spare);
		writer->spare = batch;
		batch = next;
	}
	if (written) {
		if (!writer->given_up)
			writer->why = NULL;
		return;
	}
	for (; batch && batch->next; batch = batch->next)
		;
	if (batch) {
		batch->next = writer->waiting;
		writer->waiting = batches;
	}
	trim(writer);
}

static void wait_to_retry(struct store_writer *writer)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += RETRY_SECONDS;
	/* Batches that come meanwhile wake it, and would fail like the last. */
	while (pthread_cond_timedwait(&writer->wake, &writer->lock, &until) != ETIMEDOUT)
		;
}

/* Nothing more is waited for: all that waits is given up. The lock is held. */
static void give_up_rest(struct store_writer *writer)
{
	while (writer->waiting) {
		struct batch *next = writer->waiting->next;

		for (int part = 0; part < PARTS; part++)
			writer->given_up += writer->waiting->rows[part];
		batch_free(writer->waiting);
		writer->waiting = next;
	}
}

/* The end alone, in the room that was held for it. */
static bool write_closing(struct store_writer *writer)
{
	bool written = false;

	if (writer->reserve_fd >= 0)
		close(writer->reserve_fd);
	writer->reserve_fd = -1;
	for (int tries = 0; tries < CLOSING_TRIES && !written; tries++)
		written = write_all(writer, NULL, writer->ended);
	return written;
}

/* Takes what waits; the oldest batch alone where all of it found no room. The lock is held. */
static struct batch *take_batches(struct store_writer *writer, bool alone)
{
	struct batch *batches = writer->waiting;

	writer->waiting = alone && batches ? batches->next : NULL;
	if (writer->waiting)
		batches->next = NULL;
	return batches;
}

/* Returns whether the end was written. */
static bool write_until_ended(struct store_writer *writer)
{
	bool written = true, alone = false;

	pthread_mutex_lock(&writer->lock);
	for (int tries = 0; tries < LAST_TRIES;) {
		struct batch *batches;
		const struct run *ended;

		while (!writer->waiting && !writer->ended)
			pthread_cond_wait(&writer->wake, &writer->lock);
		batches = take_batches(writer, alone);
		ended = writer->waiting ? NULL : writer->ended;
		alone = writer->waiting;
		pthread_mutex_unlock(&writer->lock);
		written = write_all(writer, batches, ended);
		pthread_mutex_lock(&writer->lock);
		put_back(writer, batches, written);
		if (written && ended)
			break;
		alone |= !written;
		tries += writer->ended && !written;
		if (!written && tries < LAST_TRIES)
			wait_to_retry(writer);
	}
	if (!written)
		give_up_rest(writer);
	pthread_mutex_unlock(&writer->lock);
	return written || write_closing(writer);
}

static void *writer_main(void *argument)
{
	return write_until_ended(argument) ? argument : NULL;
}

/* --- begin and end --- */

static void writer_free(struct store_writer *writer)
{
	while (writer->waiting) {
		struct batch *next = writer->waiting->next;

		batch_free(writer->waiting);
		writer->waiting = next;
	}
	batch_free(writer->filling);
	batch_free(writer->spare);
	for (int table = 0; table < STORE_TABLES; table++)
		sqlite3_finalize(writer->inserts[table]);
	sqlite3_finalize(writer->progress);
	sqlite3_close(writer->db);
	pack_free(&writer->pack);
	text_free(&writer->packed);
	pthread_cond_destroy(&writer->wake);
	pthread_mutex_destroy(&writer->lock);
	if (writer->lock_fd >= 0)
		close(writer->lock_fd);
	if (writer->reserve_fd >= 0)
		close(writer->reserve_fd);
	free(writer->path);
	free(writer);
}

static bool prepare(struct store_writer *writer)
{
	struct text sql = { 0 };
	/* When it really began may have been told since (store_started). */
	bool prepared = sqlite3_prepare_v2(writer->db, "UPDATE runs SET duration = ?, bytes = ?, boot_start = ?3, "
					   "started = ?3 + wall_offset WHERE id = ?", -1, &writer->progress,
					   NULL) == SQLITE_OK;

	for (enum store_table table = 0; table < STORE_TABLES && prepared; table++) {
		text_reset(&sql);
		store_schema_insert(&sql, table);
		prepared = sqlite3_prepare_v2(writer->db, text_string(&sql), -1, &writer->inserts[table], NULL) ==
			   SQLITE_OK;
	}
	text_free(&sql);
	return prepared;
}

/* The lock is taken before others can see the run: a run that is there and not locked has no recorder. */
static int insert_run(struct store_writer *writer, struct run *run)
{
	if (sqlite3_exec(writer->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK ||
	    !write_run(writer, run, RUN_RECORDING))
		return store_say(writer->db, writer->path, "beginning a run");
	writer->id = sqlite3_last_insert_rowid(writer->db);
	writer->lock_fd = store_lock(writer->path, writer->id);
	if (writer->lock_fd < 0) {
		message_error("store %s: locking the file `-live` beside it: %s", writer->path,
			      strerror(-writer->lock_fd));
		return writer->lock_fd;
	}
	if (sqlite3_exec(writer->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
		return store_say(writer->db, writer->path, "beginning a run");
	run->id = writer->id;
	return 0;
}

static int start_thread(struct store_writer *writer)
{
	int error = thread_start(&writer->thread, writer_main, writer);

	if (error)
		message_error("store %s: starting a thread to write it: %s", writer->path, strerror(error));
	return error;
}

struct store_writer *store_begin(struct store *store, struct run *run)
{
	struct store_writer *writer = xcalloc(1, sizeof(*writer));
	pthread_condattr_t clock;

	pthread_mutex_init(&writer->lock, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&writer->wake, &clock);
	pthread_condattr_destroy(&clock);
	writer->lock_fd = writer->reserve_fd = -1;
	writer->path = xstrdup(store->path);
	writer->filling = xcalloc(1, sizeof(*writer->filling));
	writer->base.start = run->start;
	writer->db = store_connect(store->path, SQLITE_OPEN_READWRITE);
	if (!writer->db)
		goto failed;
	if (!prepare(writer)) {
		store_say(writer->db, store->path, "beginning a run");
		goto failed;
	}
	if (insert_run(writer, run) < 0)
		goto failed;
	writer->reserve_fd = store_reserve(store->path);
	if (start_thread(writer))
		goto failed;
	return writer;
failed:
	writer_free(writer);
	return NULL;
}

/* The thread looks at it only when there are rows. */
void store_started(struct store_writer *writer, struct run *run, u64 start)
{
	pthread_mutex_lock(&writer->lock);
	run->start = writer->base.start = start;
	pthread_mutex_unlock(&writer->lock);
}

int store_end(struct store_writer *writer, const struct run *run)
{
	const char *why;
	void *written;
	u64 rows;

	store_flush(writer);
	pthread_mutex_lock(&writer->lock);
	writer->ended = run;
	pthread_cond_signal(&writer->wake);
	pthread_mutex_unlock(&writer->lock);
	pthread_join(writer->thread, &written);
	rows = store_given_up(writer, &why);
	if (!written)
		message_error("store %s: the end of run %llu could not be written: %s; what was written before is kept, as an interrupted "
			      "run; %llu rows are not stored", writer->path, (unsigned long long)writer->id, why,
			      (unsigned long long)rows);
	else if (rows)
		message_warn("%llu rows of run %llu could not be stored in %s: %s; the report says what is missing",
			     (unsigned long long)rows, (unsigned long long)writer->id, writer->path, why);
	writer_free(writer);
	return !written || rows ? -EIO : 0;
}
