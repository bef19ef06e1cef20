#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "books/replay.h"
#include "event/event.h"
#include "tests/books.h"
#include "wire/net.h"
#include "wire/process.h"

static u64 counts[KIND_MAX], latest;

static int count(void *context, const void *bytes, size_t size, u64 many, u64 last)
{
	struct event event;

	assert_ptr_equal(context, counts);
	assert_int_equal(event_decode(&event, bytes, size), 0);
	assert_true(event.record->time >= latest);
	assert_true(last >= event.record->time);
	latest = event.record->time;
	counts[event.record->kind] += many;
	return 0;
}

/* Every row is told, in the order of time, as records that decode; with how many it stands for, but for what was before. */
static void rows_become_events(void **state)
{
	struct run *run = books_make(500);
	u64 execs = 0, exits = 0, opens = 0, peers = 0;

	(void)state;
	run->processes[1].flags |= RUN_PROCESS_EARLIER;
	run->processes[1].start = run->processes[1].exec = run->start - 5;
	for (u32 i = 0; i < run->process_count; i++) {
		execs += run->processes[i].executable != RUN_NONE;
		exits += !(run->processes[i].flags & RUN_PROCESS_LIVING);
	}
	for (u32 i = 0; i < run->file_count; i++)
		opens += (u64)run->files[i].reads + run->files[i].writes;
	for (u32 i = 0; i < run->peer_count; i++) {
		const struct run_peer *peer = &run->peers[i];

		peers += (u64)peer->connections + peer->failures;
		peers += !peer->connections && !peer->failures && peer->transport != NET_TCP;
	}
	memset(counts, 0, sizeof(counts));
	latest = 0;
	assert_int_equal(replay(run, count, counts), 0);
	assert_int_equal(counts[KIND_fork], run->process_count - 1);
	assert_int_equal(counts[KIND_exec], execs - 1);
	assert_int_equal(counts[KIND_exit], exits);
	assert_int_equal(counts[KIND_open], opens);
	assert_int_equal(counts[KIND_connect] + counts[KIND_accept], peers);
	run_free(run);
}

static int stop(void *context, const void *bytes, size_t size, u64 many, u64 last)
{
	(void)bytes, (void)size, (void)many, (void)last;
	return ++*(int *)context < 3 ? 0 : -7;
}

static void it_ends_when_told(void **state)
{
	struct run *run = books_make(10);
	int told = 0;

	(void)state;
	assert_int_equal(replay(run, stop, &told), -7);
	assert_int_equal(told, 3);
	run_free(run);
}

static int look(void *context, const void *bytes, size_t size, u64 many, u64 last)
{
	const struct record *record = bytes;

	(void)size, (void)many, (void)last;
	if (record->kind == KIND_fork)
		assert_string_equal(((const struct fork_record *)bytes)->name, "a name of more ");
	if (record->kind == KIND_exit)
		assert_string_equal(((const struct exit_record *)bytes)->name, "a name of more ");
	++*(int *)context;
	return 0;
}

/* A link's or a script's is not its path's; and what is not kept is not made up. */
static void names_are_the_kernels(void **state)
{
	struct run *run = books_make(10);
	u32 name = run_text_add(run, "a name of more than fifteen", 27);
	int told = 0;

	(void)state;
	for (u32 i = 0; i < run->process_count; i++)
		run->processes[i].name = RUN_NONE;
	assert_false(replay_keeps(run, "process.name", KIND_BIT(exec)));
	assert_false(replay_keeps(run, "ancestor.name", KIND_BIT(exec)));
	assert_true(replay_keeps(run, "process.executable.path", KIND_BIT(exec)));
	for (u32 i = 0; i < run->process_count; i++)
		run->processes[i].name = name;
	assert_true(replay_keeps(run, "process.name", KIND_BIT(exec) | KIND_BIT(exit)));
	assert_int_equal(replay(run, look, &told), 0);
	assert_true(told > 10);
	run_free(run);
}

static void members_are_kept_by_kind(void **state)
{
	struct run *run = books_make(10);
	const u32 both = KIND_BIT(connect) | KIND_BIT(accept);

	(void)state;
	assert_true(replay_keeps(run, "network.peer.address", both));
	assert_true(replay_keeps(run, "network.peer.port", KIND_BIT(connect)));
	assert_false(replay_keeps(run, "network.peer.port", KIND_BIT(accept)));
	assert_false(replay_keeps(run, "network.peer.port", both));
	assert_true(replay_keeps(run, "network.local.port", KIND_BIT(accept)));
	assert_false(replay_keeps(run, "network.local.port", KIND_BIT(connect)));
	assert_false(replay_keeps(run, "network.path", KIND_BIT(connect)));
	assert_false(replay_keeps(run, "file.flags", KIND_BIT(open)));
	assert_false(replay_keeps(run, "no.such.field", KIND_BIT(open)));
	run_free(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_become_events),
		cmocka_unit_test(it_ends_when_told),
		cmocka_unit_test(names_are_the_kernels),
		cmocka_unit_test(members_are_kept_by_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
