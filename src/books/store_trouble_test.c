/* Bad days of a store: recorders that die, disks that fill up, files that are not what they should be. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/text.h"
#include "books/store_inside.h"
#include "tests/books.h"

#define ALL (STORE_WITH_ARGUMENTS | STORE_WITH_SAMPLES | STORE_WITH_FILES)

enum { PATIENCE = 20000 };	/* ms */

static void record(u32 processes)
{
	struct store *store = store_open(books_path, true);
	struct run *run = books_make(processes);
	struct store_writer *writer;

	assert_non_null(store);
	writer = store_begin(store, run);
	books_tell(writer, run);
	assert_int_equal(store_end(writer, run), 0);
	run_free(run);
	store_close(store);
}

/* What opening or loading says when it fails, "" when it does not. */
static const char *complaint(bool write)
{
	struct store *store;
	struct run *run;
	const char *wrong, *heard;

	books_listen();
	store = store_open(books_path, write);
	run = store ? store_load(store, NULL, ALL) : NULL;
	wrong = run ? books_wrong(run) : NULL;
	run_free(run);
	store_close(store);
	heard = books_heard();
	return wrong ? wrong : heard;
}

static void assert_says(const char *said, const char *part)
{
	if (!strstr(said, part))
		fail_msg("said \"%s\", expected \"%s\"", said, part);
	/* One line, and it says what to do. */
	if (*part)
		assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
}

static void change(const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(books_path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* --- who records --- */

/* Records in a process of its own, tells when `rows` are on disk, and waits to be killed. */
static pid_t recorder(struct run *run, int tell)
{
	pid_t pid = fork();
	struct store_writer *writer;
	struct store *store;

	if (pid)
		return pid;
	store = store_open(books_path, true);
	writer = store_begin(store, run);
	books_tell(writer, run);
	for (s64 rows = 0; rows < (s64)run->process_count; usleep(1000))
		if (!store_ask(store->db, "SELECT count(*) FROM processes", &rows))
			break;
	/* Gathered and not handed over: this is what a kill takes. */
	store_process(writer, run->process_count, &run->processes[0], NULL, 0);
	if (write(tell, "x", 1) == 1)
		pause();
	_exit(1);
}

static void a_killed_recorder_leaves_an_interrupted_run(void **state)
{
	struct run *run = books_make(300), *got;
	struct store *store;
	char byte;
	int tell[2];
	pid_t pid;

	(void)state;
	run->start = 1;
	run->processes[7].end = 0;
	assert_int_equal(pipe(tell), 0);
	pid = recorder(run, tell[1]);
	assert_int_equal(read(tell[0], &byte, 1), 1);
	store = store_open(books_path, false);
	got = store_load(store, NULL, ALL);
	assert_int_equal(got->state, RUN_RECORDING);
	run_free(got);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);

	got = store_load(store, NULL, ALL);
	assert_int_equal(got->state, RUN_INTERRUPTED);
	assert_int_equal(got->process_count, 300);
	assert_true(got->end > got->start);
	assert_true(got->processes[7].end >= got->processes[7].start);
	assert_int_equal(got->processes[7].flags & RUN_PROCESS_LIVING, RUN_PROCESS_LIVING);
	assert_memory_equal(&got->processes[8], &run->processes[8], sizeof(got->processes[8]));
	run_free(got);
	store_close(store);

	/* Whoever writes next says so in the file. */
	store = store_open(books_path, true);
	assert_int_equal(store_find(store, "last"), 1);
	assert_true(store_ask(store->db, "SELECT id FROM runs WHERE state = 2 AND processes = 300 AND cpu > 0",
			      &(s64){ 0 }));
	store_close(store);
	run_free(run);
	close(tell[0]);
	close(tell[1]);
}

static void several_record_at_once(void **state)
{
	enum { RECORDERS = 4 };
	struct run *run = books_make(200), *got;
	struct store *store;
	pid_t pids[RECORDERS];
	int status;
	s64 count;

	(void)state;
	/* They also find no store, all at the same time. */
	for (int i = 0; i < RECORDERS; i++) {
		pids[i] = fork();
		if (pids[i])
			continue;
		record(200);
		_exit(0);
	}
	for (int i = 0; i < RECORDERS; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	store = store_open(books_path, false);
	assert_true(store_ask(store->db, "SELECT count(*) FROM runs", &count));
	assert_int_equal(count, RECORDERS);
	for (int i = 0; i < RECORDERS; i++) {
		got = store_load(store, (const char *[]){ "1", "2", "3", "4" }[i], ALL);
		assert_int_equal(got->state, RUN_FINISHED);
		assert_int_equal(got->process_count, 200);
		assert_memory_equal(got->processes, run->processes, 200 * sizeof(*run->processes));
		run_free(got);
	}
	run_free(run);
	store_close(store);
}

static void a_lock_of_another_only_delays(void **state)
{
	struct store *store = store_open(books_path, true);
	struct run *run = books_make(50), *got;
	struct store_writer *writer = store_begin(store, run);
	sqlite3 *other;

	(void)state;
	assert_int_equal(sqlite3_open(books_path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	books_tell(writer, run);
	usleep(300000);
	assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	assert_int_equal(store_end(writer, run), 0);
	got = store_load(store, NULL, ALL);
	assert_int_equal(got->process_count, 50);
	run_free(got);
	run_free(run);
	store_close(store);
}

/* --- the disk --- */

/* A small disk below the store; false where this process may not mount. */
static bool mount_small(const char *options)
{
	char below[128];

	snprintf(below, sizeof(below), "%s/below", books_directory);
	return !geteuid() && !unshare(CLONE_NEWNS) &&
	       !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) && !mount("tmpfs", below, "tmpfs", 0, options);
}

static void unmount_small(void)
{
	char below[128];

	snprintf(below, sizeof(below), "%s/below", books_directory);
	umount2(below, MNT_DETACH);
}

/* Takes all room that is left, or gives it back. */
static void fill_disk(bool fill)
{
	static const char zeroes[65536];
	char name[128];
	int fd;

	snprintf(name, sizeof(name), "%s/below/filler", books_directory);
	if (!fill) {
		unlink(name);
		return;
	}
	fd = open(name, O_WRONLY | O_CREAT, 0600);
	for (size_t size = sizeof(zeroes); size; size = size > 512 ? size / 2 : 0)
		while (write(fd, zeroes, size) == (ssize_t)size)
			;
	close(fd);
}

static void wait_for_trouble(struct store_writer *writer, const char *trouble)
{
	const char *why = NULL;

	for (int i = 0; i < PATIENCE; i++, usleep(1000)) {
		store_given_up(writer, &why);
		if (!strcmp(why ? why : "", trouble))
			return;
	}
	fail_msg("still \"%s\", not \"%s\"", why ? why : "", trouble);
}

static void a_full_disk_only_delays(void **state)
{
	struct run *run = books_make(2000), *got;
	struct store_writer *writer;
	struct store *store;

	(void)state;
	if (!mount_small("size=4m")) {
		run_free(run);
		skip();
	}
	store = store_open(books_path, true);
	writer = store_begin(store, run);
	fill_disk(true);
	books_tell(writer, run);
	wait_for_trouble(writer, "the disk is full");
	assert_int_equal(store_given_up(writer, NULL), 0);
	fill_disk(false);
	wait_for_trouble(writer, "");
	assert_int_equal(store_end(writer, run), 0);
	got = store_load(store, NULL, ALL);
	assert_int_equal(got->process_count, 2000);
	assert_memory_equal(got->processes, run->processes, 2000 * sizeof(*run->processes));
	assert_int_equal(got->sample_count, run->sample_count);
	run_free(got);
	run_free(run);
	store_close(store);
	unmount_small();
}

static void beyond_the_budget_samples_go_first(void **state)
{
	enum { BATCHES = 20, SAMPLES = 15000 };
	struct run *run = books_make(2000), *got;
	struct store_writer *writer;
	struct store *store;
	u64 given_up;
	int told = 0;

	(void)state;
	if (!mount_small("size=64m")) {
		run_free(run);
		skip();
	}
	store = store_open(books_path, true);
	writer = store_begin(store, run);
	fill_disk(true);
	for (int batch = 0; batch < BATCHES; batch++) {
		struct run_sample sample = { .time = run->start + batch, .process = 0 };

		for (u32 i = 0; i < SAMPLES; i++, sample.time += BATCHES)
			store_sample(writer, &sample);
		store_flush(writer);
	}
	books_tell(writer, run);
	wait_for_trouble(writer, "the disk is full");
	given_up = store_given_up(writer, NULL);
	assert_true(given_up > SAMPLES);
	assert_true(given_up < BATCHES * SAMPLES);
	fill_disk(false);
	books_listen();
	assert_int_equal(store_end(writer, run), -EIO);
	assert_says(books_heard(), "rows of run 1 could not be stored");
	got = store_load(store, NULL, ALL);
	assert_int_equal(got->process_count, 2000);
	assert_int_equal(run_arguments(got, 1999).length, run_arguments(run, 1999).length);
	assert_true(got->sample_count < BATCHES * SAMPLES);
	assert_int_equal(got->fact_count, run->fact_count + 1);
	for (u32 i = 0; i < got->fact_count; i++) {
		const struct run_fact *fact = &got->facts[i];

		told += fact->kind == RUN_FACT_GAVE_UP && fact->number == (s64)given_up &&
			!strcmp(run_text(got, fact->text).data, "the disk is full");
	}
	assert_int_equal(told, 1);
	run_free(got);
	run_free(run);
	store_close(store);
	unmount_small();
}

static void a_disk_that_stays_full_has_room_for_the_end(void **state)
{
	struct run *run = books_make(2000), *got;
	struct store_writer *writer;
	struct store *store;

	(void)state;
	if (!mount_small("size=2m")) {
		run_free(run);
		skip();
	}
	run->seen = 2000;
	store = store_open(books_path, true);
	writer = store_begin(store, run);
	fill_disk(true);
	books_tell(writer, run);
	books_listen();
	assert_int_equal(store_end(writer, run), -EIO);
	assert_says(books_heard(), "could not be stored in");
	got = store_load(store, NULL, ALL);
	assert_int_equal(got->state, RUN_FINISHED);
	assert_int_equal(got->exit_status, run->exit_status);
	assert_int_equal(got->process_count, 0);
	assert_int_equal(got->fact_count, 2);
	assert_int_equal(got->facts[0].kind, RUN_FACT_GAVE_UP);
	assert_int_equal(got->facts[0].number, 2000);
	assert_string_equal(run_text(got, got->facts[0].text).data, "processes: the disk is full");
	assert_int_equal(got->facts[1].kind, RUN_FACT_GAVE_UP);
	assert_true(got->facts[1].number > 2000);
	assert_string_equal(run_text(got, got->facts[1].text).data, "other rows: the disk is full");
	run_free(got);
	run_free(run);
	store_close(store);
	unmount_small();
}

static void only_the_default_directory_is_made(void **state)
{
	char where[160];

	(void)state;
	snprintf(where, sizeof(where), "%s/typo/store.db", books_directory);
	for (int env = 0; env < 2; env++) {
		books_listen();
		setenv("SONDE_STORE", where, 1);
		assert_null(store_open(env ? NULL : where, true));
		unsetenv("SONDE_STORE");
		assert_says(books_heard(), "make the directory first, or set SONDE_STORE=FILE");
	}
	*strrchr(where, '/') = '\0';
	assert_int_equal(access(where, F_OK), -1);
}

/* --- the file --- */

static void put(const char *bytes, size_t length)
{
	FILE *file = fopen(books_path, "w");

	assert_int_equal(fwrite(bytes, 1, length, file), length);
	fclose(file);
}

static void what_is_no_store_is_refused(void **state)
{
	static char garbage[9000];

	(void)state;
	assert_says(complaint(false), "nothing has been recorded yet");
	put("", 0);
	assert_says(complaint(false), "is empty: nothing has been recorded");
	memset(garbage, 'g', sizeof(garbage));
	put(garbage, sizeof(garbage));
	assert_says(complaint(false), "it is no database, or damaged");
	assert_says(complaint(true), "SONDE_STORE=FILE");
	unlink(books_path);
	change("CREATE TABLE others (x)");
	assert_says(complaint(false), "no store of sonde");
	assert_says(complaint(true), "no store of sonde");
	unlink(books_path);
	mkdir(books_path, 0700);
	assert_says(complaint(false), "it cannot be opened");
	assert_says(complaint(true), "it cannot be opened");
}

static void a_newer_one_is_refused_and_an_older_one_brought_up(void **state)
{
	char sql[700];
	const char *last = cost_list[cost_count - 1].name;

	(void)state;
	record(20);
	snprintf(sql, sizeof(sql), "PRAGMA user_version = %d", STORE_VERSION + 1);
	change(sql);
	assert_says(complaint(false), "written by a newer sonde");
	assert_says(complaint(true), "update sonde");
	/* As it was before the last cost was thought of. */
	snprintf(sql, sizeof(sql),
		 "PRAGMA user_version = %d; DROP VIEW named_processes; ALTER TABLE processes DROP COLUMN %s; "
		 "ALTER TABLE runs DROP COLUMN sonde_%s; ALTER TABLE peers DROP COLUMN local; "
		 "ALTER TABLE peers DROP COLUMN network_namespace; ALTER TABLE peers DROP COLUMN packets_sent; "
		 "ALTER TABLE peers DROP COLUMN packets_received; DROP TABLE drops; ALTER TABLE runs DROP COLUMN filter; "
		 "ALTER TABLE processes DROP COLUMN name; ALTER TABLE peers DROP COLUMN broken",
		 1000 + (int)cost_count - 1, last, last);
	change(sql);
	assert_string_equal(complaint(false), "");
	record(20);
	assert_string_equal(complaint(true), "");
	change("SELECT * FROM named_processes");
}

static void a_damaged_one_is_told_or_read_but_never_believed(void **state)
{
	enum { ROUNDS = 150 };
	static char whole[1 << 20], damaged[1 << 20];
	const char *said;
	int complaints = 0;
	size_t length;
	FILE *file;

	(void)state;
	record(300);
	file = fopen(books_path, "r");
	length = fread(whole, 1, sizeof(whole), file);
	fclose(file);
	srandom(1);
	for (int round = 0; round < ROUNDS; round++) {
		size_t kept = round % 5 ? length : random() % length;

		memcpy(damaged, whole, length);
		for (int flips = random() % 60; flips; flips--)
			damaged[random() % length] ^= 1 << random() % 8;
		put(damaged, kept);
		said = complaint(round % 2);
		complaints += said[0] != '\0';
		if (said[0])
			assert_says(said, "sonde: ");
	}
	assert_true(complaints > 0);
}

static void a_table_that_is_a_view_is_not_run(void **state)
{
	(void)state;
	record(20);
	/* Without an end. */
	change("DROP TABLE facts; CREATE VIEW facts AS WITH RECURSIVE more (run, time, fact) AS (SELECT 1, 1, 1 "
	       "UNION ALL SELECT run, time, fact + 1 FROM more) "
	       "SELECT *, 1 AS kind, 1 AS number, 1 AS process, 1 AS other, 1 AS text FROM more");
	assert_says(complaint(false), "reading: it is damaged");
}

static void numbers_that_point_nowhere_are_not_followed(void **state)
{
	struct store *store;
	struct run *run;

	(void)state;
	record(60);
	change("UPDATE processes SET parent = 4000000000 WHERE process % 3 = 0;"
	       "UPDATE processes SET parent = process + 1 WHERE process % 7 = 1;"
	       "UPDATE processes SET tool = -5, task = 1 << 40, container = 'x', executable = 1e300 "
	       "WHERE process % 4 = 0;"
	       "UPDATE processes SET duration = -99, exec_after = -77, start = NULL WHERE process % 5 = 0;"
	       "UPDATE tools SET name = 99999; UPDATE tasks SET parent = 1 - task, process = 777 WHERE task < 2;"
	       "UPDATE samples SET state = 77, threads = x'00'; UPDATE facts SET kind = 99 WHERE fact = 1;"
	       "UPDATE peers SET process = 1000; UPDATE files SET tool = 1000, path = -1; "
	       "UPDATE runs SET duration = -5, kind = 9;"
	       "UPDATE arguments SET packed = randomblob(9); "
	       "INSERT INTO processes (run, process) VALUES (1, 1 << 33), (1, -1)");
	store = store_open(books_path, true);
	run = store_load(store, NULL, ALL);
	assert_non_null(run);
	assert_int_equal(run->process_count, 60);
	assert_null(books_wrong(run));
	assert_int_equal(run->peer_count, 0);
	assert_int_equal(run->end, run->start);
	run_free(run);
	store_close(store);
}

static void without_leave_to_write_it_can_still_be_read(void **state)
{
	char below[128];
	int status;
	pid_t pid;

	(void)state;
	if (geteuid())
		skip();
	record(20);
	snprintf(below, sizeof(below), "%s/below", books_directory);
	assert_int_equal(chmod(books_directory, 0755) | chmod(below, 0755) | chmod(books_path, 0644), 0);
	pid = fork();
	if (!pid) {
		bool good = !setuid(65534) && !*complaint(false) &&
			    strstr(complaint(true), "Permission denied; become its owner");

		chmod(below, 0700);
		_exit(!good);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, books_setup, books_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_killed_recorder_leaves_an_interrupted_run),
		TEST(several_record_at_once),
		TEST(a_lock_of_another_only_delays),
		TEST(a_full_disk_only_delays),
		TEST(beyond_the_budget_samples_go_first),
		TEST(a_disk_that_stays_full_has_room_for_the_end),
		TEST(only_the_default_directory_is_made),
		TEST(what_is_no_store_is_refused),
		TEST(a_newer_one_is_refused_and_an_older_one_brought_up),
		TEST(a_damaged_one_is_told_or_read_but_never_believed),
		TEST(a_table_that_is_a_view_is_not_run),
		TEST(numbers_that_point_nowhere_are_not_followed),
		TEST(without_leave_to_write_it_can_still_be_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
