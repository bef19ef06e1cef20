/*
 * Writes a made-up run (synthetic.h) of about so many processes into a store, as a recording would: for tests and for
 * measuring what reads runs. synthetic STORE PROCESSES; prints the id of the run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "books/store.h"
#include "tests/synthetic.h"

/*
 * A recording takes as long as what it records; here all is there at once, so what the writer holds is bounded by
 * waiting for it.
 */
#define ROWS_AT_ONCE 4096

struct teller {
	struct store *store;
	struct store_writer *writer;
	u64 rows, written;		/* written: bytes, by the store's own account */
};

static bool see_written(void *context, const struct store_entry *entry)
{
	*(u64 *)context = entry->bytes;
	return false;
}

static void told(struct teller *teller)
{
	u64 written = teller->written;

	if (++teller->rows % ROWS_AT_ONCE)
		return;
	store_flush(teller->writer);
	while (written == teller->written && !store_given_up(teller->writer, NULL)) {
		usleep(1000);
		if (store_list(teller->store, see_written, &written))
			exit(1);
	}
	teller->written = written;
}

static void tell_names(struct teller *teller, const struct run *run)
{
	for (u32 i = 0; run_text(run, i).length; i++, told(teller))
		store_text(teller->writer, i, run_text(run, i).data, run_text(run, i).length);
	for (u32 i = 0; i < run->tool_count; i++, told(teller))
		store_tool(teller->writer, i, &run->tools[i]);
	for (u32 i = 0; i < run->task_count; i++, told(teller))
		store_task(teller->writer, i, &run->tasks[i]);
}

static void tell_rows(struct teller *teller, const struct run *run)
{
	for (u32 i = 0; i < run->process_count; i++, told(teller)) {
		struct run_bytes arguments = run_arguments(run, i);

		store_process(teller->writer, i, &run->processes[i], arguments.data, arguments.length);
	}
	for (u32 i = 0; i < run->sample_count; i++, told(teller))
		store_sample(teller->writer, &run->samples[i]);
	for (u32 i = 0; i < run->host_sample_count; i++, told(teller))
		store_host_sample(teller->writer, &run->host_samples[i]);
	for (u32 i = 0; i < run->fact_count; i++, told(teller))
		store_fact(teller->writer, &run->facts[i]);
	for (u32 i = 0; i < run->peer_count; i++, told(teller))
		store_peer(teller->writer, i, &run->peers[i]);
	for (u32 i = 0; i < run->drop_count; i++, told(teller))
		store_drop(teller->writer, i, &run->drops[i]);
	for (u32 i = 0; i < run->file_count; i++, told(teller))
		store_file(teller->writer, i, &run->files[i]);
}

int main(int argc, char **argv)
{
	long count = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
	struct teller teller = { 0 };
	const char *why = NULL;
	struct run *run;
	u64 given_up;

	if (count <= 0) {
		fprintf(stderr, "usage: synthetic STORE PROCESSES\n");
		return 2;
	}
	teller.store = store_open(argv[1], true);
	if (!teller.store)
		return 1;
	run = synthetic_run(count);
	teller.writer = store_begin(teller.store, run);
	if (!teller.writer)
		return 1;
	tell_names(&teller, run);
	tell_rows(&teller, run);
	given_up = store_given_up(teller.writer, &why);
	if (given_up)
		fprintf(stderr, "synthetic: %llu rows were not written: %s\n", (unsigned long long)given_up, why);
	if (store_end(teller.writer, run))
		given_up++;
	printf("%llu\n", (unsigned long long)run->id);
	store_close(teller.store);
	run_free(run);
	return given_up ? 1 : 0;
}
