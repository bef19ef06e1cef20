/*
 * The sensor of exits. Those of processes with much memory are put aside in the kernel until that is given back
 * (bpf/exit.bpf.c).
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <signal.h>

#include "kernel/sensor.h"
#include "wire/process.h"

#define BEFORE_MEMORY "since 6.16: the time that giving back a process's memory takes"

/* The tracepoint moved as it got its second argument. Who tells what was put aside is attached before who puts aside. */
static const struct rung rungs[] = {
	{ .name = "notice", .programs = { "exit_free_btf", "exit_notice_btf", "exit_early_btf" },
	  .arguments = 2, .lacks = "this kernel tells of an exit when memory is given back, so nothing else is needed",
	  .blind = "the time that giving back a process's memory takes, if its parent ignores SIGCHLD or it is traced" },
	{ .name = "btf", .programs = { "exit_btf" }, .blind = BEFORE_MEMORY },
	{ .name = "raw", .programs = { "exit_raw" }, .blind = BEFORE_MEMORY },
	{ 0 }
};

static const struct point points[] = {
	{ .name = "process exit", .help = "a process ends, with its ledger", .core = true, .rungs = rungs,
	  .kinds = KIND_BIT(exit) },
	{ 0 }
};

/* Processes with much memory that end at one time; each CPU is at one of them. */
#define ENDINGS_MAX 1024

static int prepare(struct bpf_object *object)
{
	struct bpf_map *endings = bpf_object__find_map_by_name(object, "endings");

	if (!endings)
		return -ENOENT;
	if (!bpf_program__autoload(bpf_object__find_program_by_name(object, rungs[0].programs[0])))
		return 0;
	return bpf_map__set_max_entries(endings, ENDINGS_MAX);
}

/*
 * The kernel tells of them, in the end as it frees them. That can be a moment after the programs are off: what is gone by then is
 * told here. To take it away succeeds once, so nobody tells it twice. That it stays counted there costs a look each exit.
 */
static long fold(struct bpf_object *object, lanes_deliver *deliver, void *context)
{
	int fd = bpf_object__find_map_fd_by_name(object, "endings");
	struct process_key key, next;
	struct ending ending;
	bool more = !bpf_map_get_next_key(fd, NULL, &next);
	long told = 0;

	for (int i = 0; more && i < ENDINGS_MAX; i++) {
		key = next;
		more = !bpf_map_get_next_key(fd, &key, &next);
		if (!kill(key.pid, 0) || errno != ESRCH || bpf_map_lookup_and_delete_elem(fd, &key, &ending))
			continue;
		deliver(context, &ending.sum, sizeof(ending.sum));
		told++;
	}
	return told;
}

const struct sensor exit_sensor = { .name = "exit", .points = points, .prepare = prepare, .fold = fold };
