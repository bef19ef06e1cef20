/* From events to what a store gives back: who is whose child, what is added up, and what is said of what got lost. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/recorded.h"
#include "wire/drop.h"

static void tree(void **state)
{
	struct run *run;

	(void)state;
	begin(PID);
	exec_of(PID, BEGIN - 5, "/bin/sh", 0);
	fork_of(PID + 1, BEGIN + 10, PID, BEGIN - 5);
	fork_of(PID + 2, BEGIN + 20, PID + 1, BEGIN + 10);
	exec_of(PID + 2, BEGIN + 20, "/usr/bin/sort", 0);
	exit_of(PID + 1, BEGIN + 10, PID, BEGIN - 5, 1001);
	exit_of(PID + 2, BEGIN + 20, 1, 1, 2002);
	exit_of(PID, BEGIN - 5, PID - 1, 7, 3003);
	run = end();
	assert_int_equal(run->process_count, 3);
	assert_int_equal(run->processes[0].parent, RUN_NONE);
	/* the command was held until the recording began */
	assert_int_equal(run->processes[0].start, BEGIN);
	assert_int_equal(run->processes[0].flags, 0);
	assert_int_equal(run->end, run->processes[0].end);
	assert_int_equal(run->processes[1].parent, 0);
	assert_int_equal(run->processes[1].exec, 0);
	assert_string_equal(tool_of(run, 1), "sh");
	assert_int_equal(run->processes[1].costs.cpu, 1001);
	assert_int_equal(run->processes[1].costs.cpu_user + run->processes[1].costs.cpu_system, 1001);
	assert_int_equal(run->processes[2].parent, 1);
	assert_string_equal(tool_of(run, 2), "sort");
	assert_int_equal(run->processes[2].flags, RUN_PROCESS_LEFT);
	assert_string_equal(run_arguments(run, 2).data, "/usr/bin/sort");
	run_free(run);
}

/* Called by the image that did the work: CPU of bash, make and sleep in ms, and which of them. A wrapper that begins is no work. */
static void many_images(void **state)
{
	static const u64 cases[][4] = { { 700, 1, 1, 0 }, { 5, 700, 1, 1 }, { 200, 1, 201, 2 }, { 90, 1, 1, 2 } };
	static const char *const tools[] = { "/bin/bash", "/bin/make", "/bin/sleep" };
	struct run *run;
	u64 used;

	(void)state;
	begin(0);
	for (u32 i = 0; i < 4; i++) {
		used = 0;
		fork_of(PID + i, BEGIN + 10, PID - 1, 7);
		for (u32 j = 0; j < 3; used += cases[i][j++] * 1000000)
			exec_after(PID + i, BEGIN + 10, used, tools[j], 0);
		exit_of(PID + i, BEGIN + 10, PID - 1, 7, used);
	}
	run = end();
	for (u32 i = 0; i < 4; i++)
		assert_string_equal(run_arguments(run, i).data, tools[cases[i][3]]);
	run_free(run);
}

static void what_outlives_the_command(void **state)
{
	struct run *run;

	(void)state;
	begin(PID);
	exec_of(PID, BEGIN - 5, "/bin/sh", 0);
	fork_of(PID + 1, BEGIN + 10, PID, BEGIN - 5);
	fork_of(PID + 2, BEGIN + 11, PID, BEGIN - 5);
	exit_of(PID, BEGIN - 5, PID - 1, 7, 10);
	exit_of(PID + 1, BEGIN + 10, 1, 1, 77);
	fork_of(PID + 3, scene.now, PID + 2, BEGIN + 11);
	assert_int_equal(recorder_now(scene.recorder).remaining, 1);
	run = end();
	assert_int_equal(run->process_count, 3);
	assert_int_equal(run->processes[1].flags, RUN_PROCESS_LEFT | RUN_PROCESS_LIVING);
	assert_int_equal(run->processes[1].costs.cpu, 77);
	assert_int_equal(run->processes[1].end, run->end);
	/* nobody has its pid, so its exit was lost */
	assert_int_equal(run->processes[2].flags & RUN_PROCESS_NO_LEDGER, RUN_PROCESS_NO_LEDGER);
	run_free(run);
}

static void losses(void **state)
{
	struct lost_record *lost;
	struct run *run;

	(void)state;
	begin(PID);
	exec_of(PID, BEGIN - 5, "/bin/sh", 0);
	/* its exit is lost, and its pid used again */
	fork_of(PID + 1, BEGIN + 10, PID, BEGIN - 5);
	fork_of(PID + 1, BEGIN + 50, PID, BEGIN - 5);
	exit_of(PID + 1, BEGIN + 50, PID, BEGIN - 5, 5);
	/* fork and exec are lost */
	exit_of(PID + 2, BEGIN + 60, PID, BEGIN - 5, 6);
	/* the fork of a parent is lost */
	fork_of(PID + 4, BEGIN + 80, PID + 3, BEGIN + 70);
	lost = make(KIND_lost, 0, 0);
	*lost = (struct lost_record){ .record = lost->record, .kind = KIND_exit, .cause = LOSS_RING_FULL, .count = 3 };
	tell();
	recorder_flush(scene.recorder, scene.now);
	assert_int_equal(recorder_now(scene.recorder).living, 0);
	run = end();
	assert_int_equal(run->process_count, 6);
	assert_int_equal(run->processes[1].flags, RUN_PROCESS_NO_LEDGER);
	assert_int_equal(run->processes[1].end, BEGIN + 50);
	assert_int_equal(run->processes[2].flags, 0);
	assert_int_equal(run->processes[3].parent, 0);
	assert_int_equal(run->processes[5].parent, 4);
	assert_int_equal(run->fact_count, 1);
	assert_int_equal(run->facts[0].kind, RUN_FACT_LOST);
	assert_int_equal(run->facts[0].number, 3);
	assert_string_equal(run_text(run, run->facts[0].text).data, "exit: ring_full");
	run_free(run);
}

static void failed_execs(void **state)
{
	struct run *run;

	(void)state;
	begin(PID);
	/* a search that ends well is no failure */
	exec_of(PID, BEGIN - 5, "/usr/local/bin/true", -ENOENT);
	exec_of(PID, BEGIN - 5, "/usr/bin/true", -ENOENT);
	exec_of(PID, BEGIN - 5, "/bin/true", 0);
	/* one that does not is one */
	fork_of(PID + 1, BEGIN + 10, PID, BEGIN - 5);
	exec_of(PID + 1, BEGIN + 10, "/usr/bin/nothing", -ENOENT);
	exec_of(PID + 1, BEGIN + 10, "/bin/nothing", -ENOENT);
	exit_of(PID + 1, BEGIN + 10, PID, BEGIN - 5, 1);
	exit_of(PID, BEGIN - 5, PID - 1, 7, 10);
	run = end();
	assert_int_equal(run->fact_count, 1);
	assert_int_equal(run->facts[0].kind, RUN_FACT_FAILED_EXEC);
	assert_int_equal(run->facts[0].number, ENOENT);
	assert_int_equal(run->facts[0].process, 1);
	assert_string_equal(run_text(run, run->facts[0].text).data, "/bin/nothing");
	run_free(run);
}

static void signal_of(u32 pid, u64 start, u32 target, u64 target_start, u32 number, s32 code)
{
	struct signal_record *signal = make(KIND_signal, pid, start);

	signal->target_pid = target;
	signal->target_start = target_start;
	signal->number = number;
	signal->code = code;
	tell();
}

static void signals(void **state)
{
	struct exit_record *exit;
	struct run *run;

	(void)state;
	begin(PID);
	exec_of(PID, BEGIN - 5, "/bin/sh", 0);
	for (u32 i = 1; i <= 3; i++)
		fork_of(PID + i, BEGIN + i, PID, BEGIN - 5);
	/* told once, however often it is sent */
	for (int i = 0; i < 5; i++)
		signal_of(PID, BEGIN - 5, PID + 1, BEGIN + 1, SIGUSR1, 0);
	/* from the kernel, and deadly */
	signal_of(PID + 2, BEGIN + 2, PID + 2, BEGIN + 2, SIGSEGV, 1);
	exit = exit_make(PID + 2, BEGIN + 2, PID, BEGIN - 5, 1);
	exit->signal = SIGSEGV;
	tell();
	signal_of(PID + 2, BEGIN + 2, PID, BEGIN - 5, SIGCHLD, 1);
	/* nobody saw it being sent */
	exit = exit_make(PID + 3, BEGIN + 3, PID, BEGIN - 5, 1);
	exit->signal = SIGKILL;
	tell();
	assert_int_equal(recorder_now(scene.recorder).failed, 2);
	run = end();
	assert_int_equal(run->fact_count, 3);
	assert_int_equal(run->facts[0].number, SIGUSR1);
	assert_int_equal(run->facts[0].process, 0);
	assert_int_equal(run->facts[0].other, 1);
	assert_int_equal(run->facts[1].number, SIGSEGV);
	assert_int_equal(run->facts[1].process, RUN_NONE);
	assert_int_equal(run->facts[2].number, SIGKILL);
	assert_int_equal(run->facts[2].other, 3);
	run_free(run);
}

static void connection_of(u16 kind, u32 pid, u64 start, u16 port, u64 sent)
{
	struct connection_record *connection = make(kind, pid, start);

	inet_pton(AF_INET, "10.1.2.3", connection->peer);
	connection->family = AF_INET;
	connection->transport = NET_TCP;
	connection->direction = NET_OUT;
	connection->peer_port = port;
	connection->sent = sent;
	connection->duration_ns = 1;
	if (kind == KIND_connect)
		record_string(&buffer, "", 0, 0);
	tell();
}

static void connections(void **state)
{
	struct run *run;

	(void)state;
	begin(PID);
	exec_of(PID, BEGIN - 5, "/bin/sh", 0);
	fork_of(PID + 1, BEGIN + 1, PID, BEGIN - 5);
	connection_of(KIND_connect, PID + 1, BEGIN + 1, 443, 0);
	connection_of(KIND_connect, PID + 1, BEGIN + 1, 443, 0);
	connection_of(KIND_connect, PID + 1, BEGIN + 1, 80, 0);
	connection_of(KIND_close, PID + 1, BEGIN + 1, 443, 1000);
	exit_of(PID + 1, BEGIN + 1, PID, BEGIN - 5, 1);
	/* the kernel closes what a process leaves open after it is gone */
	connection_of(KIND_close, PID + 1, BEGIN + 1, 443, 234);
	connection_of(KIND_close, PID + 1, BEGIN + 1, 80, 5);
	exit_of(PID, BEGIN - 5, PID - 1, 7, 10);
	run = end();
	assert_int_equal(run->processes[1].costs.connections, 3);
	assert_int_equal(run->processes[1].costs.sent, 1239);
	assert_int_equal(run->peer_count, 2);
	assert_int_equal(run->peers[0].connections, 2);
	assert_int_equal(run->peers[0].sent, 1234);
	assert_int_equal(run->peers[0].port, 443);
	assert_string_equal(run_text(run, run->peers[0].address).data, "10.1.2.3");
	assert_int_equal(run->peers[1].sent, 5);
	run_free(run);
}

static void datagrams_of(u32 pid, u64 start, u16 local_port, u16 peer_port, u64 sent, u64 received)
{
	struct connection_record *flow = make(KIND_flow, pid, start);

	inet_pton(AF_INET, "10.1.2.3", flow->peer);
	inet_pton(AF_INET, "10.1.2.4", flow->local);
	flow->family = AF_INET;
	flow->transport = NET_UDP;
	flow->local_port = local_port;
	flow->peer_port = peer_port;
	flow->sent = sent;
	flow->received = received;
	flow->segments_sent = sent > 0;
	flow->segments_received = received > 0;
	tell();
}

static void datagrams(void **state)
{
	struct run *run;

	(void)state;
	begin(PID);
	exec_of(PID, BEGIN - 5, "/bin/sh", 0);
	fork_of(PID + 1, BEGIN + 1, PID, BEGIN - 5);
	datagrams_of(PID, BEGIN - 5, 40000, 53, 30, 90);
	datagrams_of(PID, BEGIN - 5, 40001, 53, 30, 90);
	datagrams_of(PID, BEGIN - 5, 5353, 40002, 0, 7);
	/* the ports say nothing: who is heard of first has sent first, and that stays so */
	datagrams_of(PID, BEGIN - 5, 50000, 50001, 0, 5);
	datagrams_of(PID, BEGIN - 5, 50000, 50001, 6, 0);
	/* sums come after the end of who sent */
	exit_of(PID + 1, BEGIN + 1, PID, BEGIN - 5, 1);
	datagrams_of(PID + 1, BEGIN + 1, 40003, 514, 11, 0);
	exit_of(PID, BEGIN - 5, PID - 1, 7, 10);
	run = end();
	assert_int_equal(run->peer_count, 4);
	assert_int_equal(run->peers[0].sent, 60);
	assert_int_equal(run->peers[0].received, 180);
	assert_int_equal(run->peers[0].packets_sent, 2);
	assert_int_equal(run->peers[0].connections, 0);
	assert_string_equal(run_text(run, run->peers[0].local).data, "10.1.2.4");
	assert_int_equal(run->peers[1].direction, NET_IN);
	assert_int_equal(run->peers[1].port, 5353);
	assert_int_equal(run->peers[2].direction, NET_IN);
	assert_int_equal(run->peers[2].sent, 6);
	assert_int_equal(run->peers[2].received, 5);
	assert_int_equal(run->peers[3].process, 1);
	assert_int_equal(run->peers[3].sent, 11);
	assert_int_equal(run->processes[0].costs.sent, 0);
	run_free(run);
}

static void drop_of(u32 pid, u64 start, u16 from, u16 to, u64 count)
{
	struct drop_record *drop = make(KIND_drop, pid, start);

	drop->key.reason = DROP_LISTEN_OVERFLOW;
	drop->key.family = AF_INET;
	drop->key.protocol = IPPROTO_TCP;
	inet_pton(AF_INET, "10.1.2.3", drop->key.source);
	inet_pton(AF_INET, "10.1.2.4", drop->key.destination);
	drop->key.source_port = from;
	drop->key.destination_port = to;
	drop->count = count;
	drop->bytes = count * 60;
	strcpy(drop->interface, "eth0");
	record_string(&buffer, "tcp_conn_request", 16, 16);
	tell();
}

static void dropped_packets(void **state)
{
	struct run *run;

	(void)state;
	begin(PID);
	exec_of(PID, BEGIN - 5, "/bin/sh", 0);
	drop_of(PID, BEGIN - 5, 40000, 80, 3);
	drop_of(PID, BEGIN - 5, 40001, 80, 4);
	drop_of(0, 0, 80, 40001, 5);
	exit_of(PID, BEGIN - 5, PID - 1, 7, 10);
	run = end();
	assert_int_equal(run->drop_count, 2);
	assert_int_equal(run->drops[0].process, 0);
	assert_int_equal(run->drops[0].packets, 7);
	assert_int_equal(run->drops[0].bytes, 420);
	assert_int_equal(run->drops[0].source_port, 0);
	assert_int_equal(run->drops[0].destination_port, 80);
	assert_string_equal(run_text(run, run->drops[0].reason).data, "TCP_LISTEN_OVERFLOW");
	assert_string_equal(run_text(run, run->drops[0].function).data, "tcp_conn_request");
	assert_string_equal(run_text(run, run->drops[0].interface).data, "eth0");
	assert_string_equal(run_text(run, run->drops[0].source).data, "10.1.2.3");
	assert_int_equal(run->drops[1].process, RUN_NONE);
	assert_int_equal(run->drops[1].source_port, 80);
	assert_int_equal(run->drops[1].packets, 5);
	run_free(run);
}

static void standing_of(u32 pid, u64 start, u64 sent, bool before)
{
	struct connection_record *connection = make(KIND_close, pid, start);

	connection->family = AF_INET;
	connection->transport = NET_TCP;
	connection->direction = NET_OUT;
	connection->peer_port = 443;
	connection->sent = sent;
	recorder_standing(scene.recorder, connection, before);
}

static void sample_of(u32 pid, u64 start, u64 time, u64 cpu, u8 sample_state)
{
	recorder_sample(scene.recorder, &(struct sample_record){
		.time = time, .start = start, .pid = pid, .runtime_ns = cpu, .read_chars = cpu / 2, .state = sample_state,
		.threads = 1, .resident = 4096, .peak = 8192,
	});
}

static void who_was_there_before(void **state)
{
	struct exit_record *exit;
	struct run *run;

	(void)state;
	begin(0);
	sample_of(PID, 1000, BEGIN + 1, 50 * SECOND, SAMPLE_SLEEPING);
	sample_of(PID + 1, 2000, BEGIN + 1, 60 * SECOND, SAMPLE_DISK);
	/* told again only when it changed: it was waiting all the time */
	sample_of(PID + 1, 2000, BEGIN + 4 * SECOND, 61 * SECOND, SAMPLE_SLEEPING);
	exit = exit_make(PID, 1000, 1, 1, 50 * SECOND + 7);
	exit->read_chars = 25 * SECOND + 3;
	tell();
	scene.now = BEGIN + 5 * SECOND;
	/* gone before anybody could look */
	exit_of(PID + 2, 3000, 1, 1, 70 * SECOND);
	/* all else of it was lost; the next one is not the run's */
	recorder_stop(scene.recorder, BEGIN + 5 * SECOND);
	sample_of(PID + 3, BEGIN + SECOND, BEGIN + 5 * SECOND, 7, SAMPLE_SLEEPING);
	sample_of(PID + 4, BEGIN + 6 * SECOND, BEGIN + 9 * SECOND, 8, SAMPLE_SLEEPING);
	run = end();
	assert_int_equal(run->process_count, 4);
	assert_int_equal(run->processes[3].costs.cpu, 7);
	assert_int_equal(run->processes[2].costs.cpu, 0);
	assert_int_equal(run->processes[2].flags & RUN_PROCESS_NO_LEDGER, RUN_PROCESS_NO_LEDGER);
	assert_int_equal(run->processes[0].flags & RUN_PROCESS_EARLIER, RUN_PROCESS_EARLIER);
	assert_int_equal(run->processes[0].costs.cpu, 7);
	assert_int_equal(run->processes[0].costs.cpu_user + run->processes[0].costs.cpu_system, 7);
	assert_int_equal(run->processes[0].costs.read, 3);
	assert_int_equal(run->processes[1].costs.cpu, SECOND);
	assert_true(run->processes[1].costs.disk_wait >= 2 * SECOND && run->processes[1].costs.disk_wait <= 4 * SECOND);
	assert_int_equal(run->sample_count, 4);
	assert_int_equal(run->samples[0].cpu, 0);
	run_free(run);
}

/* While a recording is set up, processes come and go whose events are seen already. */
static void who_ended_before(void **state)
{
	struct run *run;

	(void)state;
	begin(0);
	scene.now = BEGIN - SECOND;
	fork_of(PID, BEGIN - SECOND, 1, 1);
	exec_of(PID, BEGIN - SECOND, "/bin/true", 0);
	fork_of(PID + 1, BEGIN - SECOND, PID, BEGIN - SECOND);
	exit_of(PID, BEGIN - SECOND, 1, 1, 7);
	/* its fork was before anything was seen */
	exit_of(PID + 2, 1000, 1, 1, 7);
	assert_int_equal(recorder_now(scene.recorder).processes, 1);
	scene.now = BEGIN;
	sample_of(PID + 1, BEGIN - SECOND, BEGIN + 1, 5, SAMPLE_SLEEPING);
	exit_of(PID + 1, BEGIN - SECOND, 1, 1, 9);
	run = end();
	assert_int_equal(run->process_count, 1);
	assert_int_equal(run->processes[0].pid, PID + 1);
	assert_int_equal(run->processes[0].parent, RUN_NONE);
	assert_int_equal(run->processes[0].costs.cpu, 4);
	assert_int_equal(run->processes[0].flags & RUN_PROCESS_NO_LEDGER, 0);
	run_free(run);
}

/* What the command did before it was let go, it did for sonde. */
static void what_was_before_the_command(void **state)
{
	struct exit_record *exit;
	struct run *run;

	(void)state;
	begin(PID);
	recorder_held(scene.recorder, &(struct sample_record){
		.time = BEGIN + 1, .start = 1000, .pid = PID, .runtime_ns = 700, .wait_ns = 50 * SECOND, .threads = 1, .peak = 4096,
	});
	exec_of(PID, 1000, "/bin/true", 0);
	exit = exit_make(PID, 1000, 1, 1, 900);
	exit->wait_ns = 50 * SECOND + 3;
	tell();
	run = end();
	assert_int_equal(run->process_count, 1);
	assert_int_equal(run->sample_count, 0);
	assert_int_equal(run->processes[0].start, BEGIN);
	assert_int_equal(run->processes[0].flags, 0);
	assert_int_equal(run->processes[0].costs.cpu, 200);
	assert_int_equal(run->processes[0].costs.cpu_wait, 3);
	run_free(run);
}

static void connections_from_before(void **state)
{
	struct run *run;

	(void)state;
	begin(0);
	standing_of(PID, 1000, 700, true);
	sample_of(PID, 1000, BEGIN + 1, 5, SAMPLE_SLEEPING);
	standing_of(PID, 1000, 1000, false);
	/* shared by another process, or looked at again */
	standing_of(PID, 1000, 1000, false);
	standing_of(PID, 1000, 1004, false);
	run = end();
	assert_int_equal(run->processes[0].costs.sent, 304);
	assert_int_equal(run->processes[0].costs.connections, 0);
	assert_int_equal(run->peer_count, 1);
	assert_int_equal(run->peers[0].sent, 304);
	assert_int_equal(run->peers[0].connections, 1);
	run_free(run);
}

/* Datagrams between ports that do not say who is the client are remembered, and never over. */
static void datagrams_leave_room_for_connections(void **state)
{
	struct run *run;

	(void)state;
	begin(PID);
	exec_of(PID, BEGIN - 5, "/bin/sh", 0);
	for (u32 i = 0; i < 70000; i++)
		datagrams_of(PID, BEGIN - 5, 40000 + i % 4, 33000 + i / 4, 0, 1);
	standing_of(PID, BEGIN - 5, 100, false);
	exit_of(PID, BEGIN - 5, PID - 1, 7, 10);
	run = end();
	assert_int_equal(run->peer_count, 5);
	assert_int_equal(run->peers[0].packets_received, 17500);
	assert_int_equal(run->peers[4].sent, 100);
	run_free(run);
}

/* Shapes of a long run: many short lives leave nothing behind but their rows. */
static void many(void **state)
{
	struct run *run;
	u64 cpu = 0;

	(void)state;
	begin(PID);
	exec_of(PID, BEGIN - 5, "/bin/sh", 0);
	for (u32 i = 0; i < 20000; i++) {
		u32 pid = PID + 1 + i % 300;
		u64 start = BEGIN + 10 + i;

		fork_of(pid, start, PID, BEGIN - 5);
		exec_of(pid, start, i % 2 ? "/bin/odd" : "/bin/even", 0);
		exit_of(pid, start, PID, BEGIN - 5, i);
		cpu += i;
		if (i % 1000 == 0)
			recorder_flush(scene.recorder, scene.now);
	}
	exit_of(PID, BEGIN - 5, PID - 1, 7, 0);
	assert_int_equal(recorder_now(scene.recorder).costs.cpu, cpu);
	run = end();
	assert_int_equal(run->process_count, 20001);
	assert_int_equal(run->tool_count, 3);
	for (u32 i = 1; i < run->process_count; i++)
		cpu -= run->processes[i].costs.cpu;
	assert_int_equal(cpu, 0);
	run_free(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tree),
		cmocka_unit_test(many_images),
		cmocka_unit_test(what_outlives_the_command),
		cmocka_unit_test(losses),
		cmocka_unit_test(failed_execs),
		cmocka_unit_test(signals),
		cmocka_unit_test(connections),
		cmocka_unit_test(datagrams),
		cmocka_unit_test(dropped_packets),
		cmocka_unit_test(who_was_there_before),
		cmocka_unit_test(who_ended_before),
		cmocka_unit_test(what_was_before_the_command),
		cmocka_unit_test(connections_from_before),
		cmocka_unit_test(datagrams_leave_room_for_connections),
		cmocka_unit_test(many),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
