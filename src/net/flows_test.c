/* Ends that become connections, from records put together by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>

#include "net/filter.h"
#include "net/flows.h"
#include "tests/records.h"
#include "wire/drop.h"

#define SECOND 1000000000ULL

static struct identity *identity;
static struct flows *flows;
static struct flow told[64];
static size_t told_count, open_count;
static struct record_buffer buffer;
static u64 now;

static void take(void *context, const struct flow *flow)
{
	(void)context;
	assert_true(told_count < 64);
	told[told_count++] = *flow;
}

static void begin_with(size_t most)
{
	told_count = 0;
	now = 10 * SECOND;
	identity = identity_new(false, NULL);
	flows = flows_new(&(struct flows_options){ .identity = identity, .most = most, .told = take });
}

static int begin(void **state)
{
	(void)state;
	begin_with(0);
	return flows && identity ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	flows_free(flows);
	identity_free(identity);
	return 0;
}

static void set_address(u8 *bytes, u16 *port, const char *text)
{
	char address[64];
	char *colon;

	snprintf(address, sizeof(address), "%s", text);
	colon = strrchr(address, ':');
	*port = atoi(colon + 1);
	*colon = '\0';
	assert_int_equal(inet_pton(AF_INET, address, bytes), 1);
}

/* "10.0.0.1:40000" in a namespace; the record is then in the buffer. */
static struct connection_record *record(u16 kind, u32 pid, u32 space, const char *local, const char *peer, u8 direction)
{
	struct connection_record *connection = (void *)&buffer;

	record_begin(&buffer, kind);
	connection->record.pid = connection->record.tid = pid;
	connection->record.start = pid;
	connection->record.cgroup = 0;
	connection->record.time = now += 1000;
	connection->transport = NET_TCP;
	connection->family = AF_INET;
	connection->network_namespace = space;
	connection->direction = direction;
	set_address(connection->local, &connection->local_port, local);
	set_address(connection->peer, &connection->peer_port, peer);
	if (kind == KIND_connect)
		record_string(&buffer, "", 0, 0);
	return connection;
}

static void tell(void)
{
	struct event event;

	assert_int_equal(event_decode(&event, buffer.bytes, buffer.record.size), 0);
	identity_complete(identity, &event);
	flows_event(flows, &event);
}

static void connect_from(u32 pid, u32 space, const char *local, const char *peer)
{
	record(KIND_connect, pid, space, local, peer, NET_OUT)->latency_ns = 500;
	tell();
}

static void accept_at(u32 pid, u32 space, const char *local, const char *peer)
{
	record(KIND_accept, pid, space, local, peer, NET_IN);
	tell();
}

static void close_end(u32 pid, u32 space, const char *local, const char *peer, u8 direction, u64 sent, u64 received, u8 by)
{
	struct connection_record *connection = record(KIND_close, pid, space, local, peer, direction);

	connection->sent = sent;
	connection->received = received;
	connection->closed_by = by;
	connection->rtt_us = 7;
	tell();
}

static void turn(u32 count)
{
	while (count--)
		flows_turn(flows, now += SECOND);
}

static void count_open(void *context, const struct flow *flow)
{
	(void)context;
	(void)flow;
	open_count++;
}

static size_t open_flows(void)
{
	open_count = 0;
	flows_each(flows, count_open, NULL);
	return open_count;
}

static void assert_address(const struct endpoint *endpoint, const char *text)
{
	struct text out = { 0 };

	endpoint_add(&out, endpoint);
	assert_string_equal(text_string(&out), text);
	text_free(&out);
}

#define A "10.0.0.1:40000"
#define B "10.0.0.2:80"

static void test_both_ends_are_one(void **state)
{
	(void)state;
	connect_from(1, 7, A, B);
	accept_at(2, 7, B, A);
	assert_int_equal(open_flows(), 1);
	close_end(1, 7, A, B, NET_OUT, 100, 2000, NET_CLOSED_LOCAL);
	assert_int_equal(told_count, 0);
	assert_int_equal(open_flows(), 1);
	close_end(2, 7, B, A, NET_IN, 2000, 100, NET_CLOSED_PEER);
	assert_int_equal(told_count, 1);
	assert_int_equal(open_flows(), 0);
	assert_int_equal(flows_count(flows).ends, 0);
	assert_true(told[0].client.here && told[0].server.here);
	assert_false(told[0].open);
	assert_int_equal(told[0].to_server, 100);
	assert_int_equal(told[0].to_client, 2000);
	assert_int_equal(told[0].latency, 500);
	assert_int_equal(told[0].close, FLOW_CLOSED_BY_CLIENT);
	assert_int_equal(told[0].verdict, FLOW_FORWARDED);
	assert_address(&told[0].client.at, A);
	assert_address(&told[0].server.at, B);
	assert_int_equal(told[0].dialled.family, 0);
	assert_int_equal(told[0].appeared.family, 0);
}

static void test_across_namespaces(void **state)
{
	(void)state;
	connect_from(1, 7, A, B);
	accept_at(2, 8, B, A);
	close_end(1, 7, A, B, NET_OUT, 1, 2, NET_CLOSED_PEER);
	close_end(2, 8, B, A, NET_IN, 2, 1, NET_CLOSED_LOCAL);
	assert_int_equal(told_count, 1);
	assert_int_equal(told[0].client.network_namespace, 7);
	assert_int_equal(told[0].server.network_namespace, 8);
	assert_int_equal(told[0].close, FLOW_CLOSED_BY_SERVER);
}

static void test_loopback_stays_inside(void **state)
{
	(void)state;
	connect_from(1, 7, "127.0.0.1:40000", "127.0.0.1:80");
	accept_at(2, 8, "127.0.0.1:80", "127.0.0.1:40000");
	assert_int_equal(open_flows(), 2);
}

/* The same addresses in two pairs of namespaces, at the same time. */
static void test_the_same_addresses_twice(void **state)
{
	struct connection_record *connection;

	(void)state;
	connect_from(1, 7, A, B);
	connect_from(3, 17, A, B);
	now += SECOND;
	connection = record(KIND_close, 2, 8, B, A, NET_IN);
	connection->duration_ns = SECOND + 4000;	/* established just before the first connect was told of */
	tell();
	connection = record(KIND_close, 4, 18, B, A, NET_IN);
	connection->duration_ns = SECOND + 2000;
	connection->sent = 5;
	tell();
	close_end(3, 17, A, B, NET_OUT, 0, 5, NET_CLOSED_LOCAL);
	close_end(1, 7, A, B, NET_OUT, 0, 0, NET_CLOSED_LOCAL);
	assert_int_equal(told_count, 2);
	assert_int_equal(told[0].client.network_namespace, 17);
	assert_int_equal(told[0].server.network_namespace, 18);
	assert_int_equal(told[1].client.network_namespace, 7);
	assert_int_equal(told[1].server.network_namespace, 8);
}

static void tell_sequences(struct connection_record *connection, u32 out, u32 in)
{
	connection->sequence_out = out;
	connection->sequence_in = in;
	tell();
}

/* The same ports too; of both connections, what begins first at one end begins last at the other. */
static void test_sequences_tell_apart(void **state)
{
	(void)state;
	tell_sequences(record(KIND_connect, 1, 7, A, B, NET_OUT), 0xffffffff, 500);
	tell_sequences(record(KIND_connect, 3, 17, A, B, NET_OUT), 1000, 9000);
	tell_sequences(record(KIND_accept, 2, 8, B, A, NET_IN), 500, 1);
	tell_sequences(record(KIND_accept, 4, 18, B, A, NET_IN), 9001, 1001);
	close_end(1, 7, A, B, NET_OUT, 0, 0, NET_CLOSED_LOCAL);
	close_end(2, 8, B, A, NET_IN, 0, 0, NET_CLOSED_PEER);
	close_end(3, 17, A, B, NET_OUT, 0, 0, NET_CLOSED_LOCAL);
	close_end(4, 18, B, A, NET_IN, 0, 0, NET_CLOSED_PEER);
	assert_int_equal(told_count, 2);
	assert_int_equal(told[0].client.network_namespace, 7);
	assert_int_equal(told[0].server.network_namespace, 8);
	assert_int_equal(told[1].client.network_namespace, 17);
	assert_int_equal(told[1].server.network_namespace, 18);
}

/* Who answers in the server's place until the client is known to be there chose another number than the server then does. */
static void test_one_direction_was_changed(void **state)
{
	(void)state;
	tell_sequences(record(KIND_connect, 1, 7, A, B, NET_OUT), 1000, 500);
	tell_sequences(record(KIND_accept, 2, 8, B, A, NET_IN), 777, 1001);
	assert_int_equal(open_flows(), 1);
}

/* Both ends connected; what they count by is known when they end. */
static void test_both_called_the_other(void **state)
{
	(void)state;
	connect_from(1, 7, A, B);
	connect_from(2, 7, B, A);
	tell_sequences(record(KIND_close, 1, 7, A, B, NET_OUT), 1000, 500);
	assert_int_equal(told_count, 0);
	tell_sequences(record(KIND_close, 2, 7, B, A, NET_OUT), 500, 1001);
	assert_int_equal(told_count, 1);
	assert_true(told[0].client.party && told[0].server.party);
	assert_int_not_equal(told[0].client.party->pid, told[0].server.party->pid);
}

static void test_called_itself(void **state)
{
	(void)state;
	connect_from(1, 7, A, A);
	close_end(1, 7, A, A, NET_OUT, 5, 5, NET_CLOSED_LOCAL);
	turn(2);
	assert_int_equal(told_count, 1);
	assert_int_equal(told[0].server.party->pid, 1);
	assert_int_equal(told[0].server.network_namespace, 7);
	assert_int_equal(told[0].to_server, 5);
}

static void tell_datagrams(u32 pid, u32 space, const char *local, const char *peer, u64 sent, u64 received)
{
	struct connection_record *flow = record(KIND_flow, pid, space, local, peer, 0);

	flow->transport = NET_UDP;
	flow->sent = sent;
	flow->received = received;
	tell();
}

/* The same addresses in two pairs of namespaces, and the server of the other pair was first to be seen. */
static void test_datagrams_of_the_same_addresses(void **state)
{
	(void)state;
	tell_datagrams(1, 7, A, B, 240, 240);
	tell_datagrams(4, 18, B, A, 480, 480);
	tell_datagrams(2, 8, B, A, 240, 240);
	tell_datagrams(3, 17, A, B, 480, 480);
	turn(1);
	assert_int_equal(open_flows(), 2);
	flows_end(flows);
	assert_int_equal(told_count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(told[i].server.network_namespace, told[i].client.network_namespace + 1);
		assert_int_equal(told[i].to_client, told[i].client.network_namespace == 7 ? 240 : 480);
	}
}

static void test_the_other_end_is_elsewhere(void **state)
{
	(void)state;
	connect_from(1, 7, A, B);
	close_end(1, 7, A, B, NET_OUT, 1, 2, NET_CLOSED_RESET);
	turn(1);
	assert_int_equal(told_count, 0);
	turn(1);
	assert_int_equal(told_count, 1);
	assert_false(told[0].server.here);
	assert_address(&told[0].server.at, B);
	assert_int_equal(told[0].close, FLOW_RESET_BY_SERVER);
}

static void test_accepted_after_the_client_left(void **state)
{
	struct connection_record *live;

	(void)state;
	connect_from(1, 7, A, B);
	close_end(1, 7, A, B, NET_OUT, 10, 0, NET_CLOSED_LOCAL);
	live = record(KIND_live, 2, 7, B, A, NET_IN);
	live->received = 10;
	live->record.flags = RECORD_OWNER_UNKNOWN;
	tell();
	turn(5);
	assert_int_equal(told_count, 0);
	accept_at(3, 7, B, A);
	close_end(3, 7, B, A, NET_IN, 0, 10, NET_CLOSED_PEER);
	assert_int_equal(told_count, 1);
	assert_int_equal(told[0].to_server, 10);
}

static void drop(u32 space, const char *source, const char *destination)
{
	struct drop_record *drop = (void *)&buffer;

	record_begin(&buffer, KIND_drop);
	drop->record.pid = drop->record.tid = 0;
	drop->record.flags = RECORD_OWNER_UNKNOWN;
	drop->record.time = drop->first = now += 1000;
	drop->key.reason = DROP_NO_REASON;
	drop->key.network_namespace = space;
	drop->key.family = AF_INET;
	drop->key.protocol = IPPROTO_TCP;
	set_address(drop->key.source, &drop->key.source_port, source);
	set_address(drop->key.destination, &drop->key.destination_port, destination);
	drop->count = 1;
	record_string(&buffer, "tcp_v4_rcv", 10, 10);
	tell();
}

/* Nobody knows the connection: whose socket it was its port tells, wherever the packet was dropped. */
static void test_owner_of_a_drop(void **state)
{
	struct drop_record *drop_record = (void *)&buffer;

	(void)state;
	for (u32 side = DROP_SENDER; side <= DROP_RECEIVER; side++) {
		drop(7, A, B);
		drop_record->record.pid = drop_record->record.tid = 5;
		drop_record->record.flags = 0;
		drop_record->side = side;
		tell();
		assert_int_equal(told[told_count - 1].client.party != NULL, side == DROP_SENDER);
		assert_int_equal(told[told_count - 1].server.party != NULL, side == DROP_RECEIVER);
	}
}

/* What finds a backlog full is dropped by the listener. */
static void test_dropped_by_the_listener(void **state)
{
	struct drop_record *drop = (void *)&buffer;

	(void)state;
	record_begin(&buffer, KIND_drop);
	drop->record.pid = drop->record.tid = 5;
	drop->record.start = 5;
	drop->record.cgroup = 0;
	drop->record.time = drop->first = now += 1000;
	drop->key.reason = DROP_LISTEN_OVERFLOW;
	drop->key.network_namespace = 7;
	drop->key.family = AF_INET;
	drop->key.protocol = IPPROTO_TCP;
	set_address(drop->key.source, &drop->key.source_port, "10.0.0.1:50000");
	set_address(drop->key.destination, &drop->key.destination_port, "10.0.0.2:7000");
	drop->count = 1;
	record_string(&buffer, "tcp_conn_request", 16, 16);
	tell();
	assert_int_equal(told_count, 1);
	assert_address(&told[0].client.at, "10.0.0.1:50000");
	assert_address(&told[0].server.at, "10.0.0.2:7000");
	assert_false(told[0].client.here || told[0].client.party || told[0].client.network_namespace);
	assert_true(told[0].server.here && told[0].server.party);
	assert_int_equal(told[0].server.network_namespace, 7);
}

/* What is dropped after a connection belongs to those who had it. */
static void test_dropped_afterwards(void **state)
{
	const char *const client = "10.0.0.1:50000", *const server = "10.0.0.2:45000";

	(void)state;
	connect_from(1, 7, client, server);
	accept_at(2, 7, server, client);
	close_end(1, 7, client, server, NET_OUT, 1, 2, NET_CLOSED_LOCAL);
	close_end(2, 7, server, client, NET_IN, 2, 1, NET_CLOSED_PEER);
	assert_int_equal(told_count, 1);
	drop(7, server, client);
	drop(7, client, server);
	assert_int_equal(told_count, 3);
	for (size_t i = 1; i < 3; i++) {
		assert_int_equal(told[i].kind, FLOW_DROP);
		assert_int_equal(told[i].backwards, i == 1);
		assert_address(&told[i].client.at, client);
		assert_address(&told[i].server.at, server);
		assert_true(told[i].client.here && told[i].server.here);
	}
	/* another one, and long after */
	drop(7, "10.0.0.1:50001", server);
	assert_false(told[3].client.here || told[3].server.here);
	now += 120 * SECOND;
	drop(7, client, server);
	assert_false(told[4].client.here || told[4].server.here);
}

static void test_failures(void **state)
{
	static const struct {
		int error;
		enum flow_verdict verdict;
	} cases[] = { { ECONNREFUSED, FLOW_FAILED }, { ETIMEDOUT, FLOW_FAILED }, { EPERM, FLOW_DENIED },
		      { EHOSTUNREACH, FLOW_FAILED } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		record(KIND_connect, 1, 7, "0.0.0.0:0", B, NET_OUT)->error = -cases[i].error;
		tell();
		assert_int_equal(told_count, i + 1);
		assert_int_equal(told[i].verdict, cases[i].verdict);
		assert_int_equal(told[i].error, cases[i].error);
		assert_false(told[i].open);
	}
	assert_int_equal(flows_count(flows).ends, 0);
}

/* A close that never came: the same addresses again are another connection. */
static void look_at_attempt(u32 retransmits, u64 waited)
{
	struct connection_record *attempt = record(KIND_live, 1, 7, A, B, NET_OUT);

	attempt->state = NET_SYN_SENT;
	attempt->retransmits = retransmits;
	attempt->duration_ns = waited;
	tell();
}

/* Known while nobody answers, and told of once: when it succeeds, fails, or the watch ends. */
static void test_attempts(void **state)
{
	(void)state;
	look_at_attempt(0, 500);
	look_at_attempt(2, 1500);
	assert_int_equal(open_flows(), 1);
	record(KIND_connect, 1, 7, A, B, NET_OUT)->error = -ETIMEDOUT;
	tell();
	assert_int_equal(told_count, 1);
	assert_int_equal(told[0].verdict, FLOW_FAILED);
	assert_int_equal(open_flows(), 0);

	look_at_attempt(1, 500);
	connect_from(1, 7, A, B);
	close_end(1, 7, A, B, NET_OUT, 3, 4, NET_CLOSED_LOCAL);
	turn(2);
	assert_int_equal(told_count, 2);
	assert_int_equal(told[1].verdict, FLOW_FORWARDED);
	assert_int_equal(told[1].to_server, 3);
	assert_int_equal(told[1].retransmits, 0);

	look_at_attempt(1, 5 * SECOND);
	flows_end(flows);
	assert_int_equal(told_count, 3);
	assert_int_equal(told[2].verdict, FLOW_PENDING);
	assert_string_equal(flow_state_name(&told[2]), "connecting");
	assert_int_equal(told[2].retransmits, 1);
	assert_int_equal(told[2].last - told[2].begun, 5 * SECOND);
	assert_int_equal(told[2].duration, 0);
}

static void test_addresses_used_again(void **state)
{
	(void)state;
	connect_from(1, 7, A, B);
	now += SECOND;
	connect_from(1, 7, A, B);
	turn(3);
	assert_int_equal(told_count, 1);
	assert_int_equal(open_flows(), 1);
}

static void test_end_of_the_watch(void **state)
{
	(void)state;
	connect_from(1, 7, A, B);
	accept_at(2, 7, B, A);
	connect_from(1, 7, "10.0.0.1:40001", "10.9.9.9:443");
	close_end(1, 7, "10.0.0.1:40001", "10.9.9.9:443", NET_OUT, 0, 0, NET_CLOSED_LOCAL);
	flows_end(flows);
	assert_int_equal(told_count, 2);
	assert_false(told[0].open);
	assert_true(told[1].open);
	assert_int_equal(flows_count(flows).ends, 0);
}

static void test_datagrams(void **state)
{
	struct connection_record *flow;

	(void)state;
	for (int i = 0; i < 3; i++) {
		flow = record(KIND_flow, 1, 7, "10.0.0.1:50000", "10.0.0.2:50001", 0);
		flow->transport = NET_UDP;
		flow->sent = 100;
		flow->segments_sent = 1;
		tell();
	}
	flow = record(KIND_flow, 2, 7, "10.0.0.2:50001", "10.0.0.1:50000", 0);
	flow->transport = NET_UDP;
	flow->received = 200;
	flow->segments_received = 2;
	tell();
	turn(1);
	assert_int_equal(open_flows(), 1);
	turn(28);
	assert_int_equal(told_count, 0);
	turn(10);
	assert_int_equal(told_count, 1);
	assert_int_equal(told[0].kind, FLOW_DATAGRAMS);
	/* The port is lower, but it sent. */
	assert_address(&told[0].client.at, "10.0.0.1:50000");
	assert_int_equal(told[0].to_server, 300);
	assert_int_equal(told[0].client.packets_sent, 3);
	assert_int_equal(told[0].server.packets_received, 2);
}

static void test_rates(void **state)
{
	struct connection_record *live;

	(void)state;
	connect_from(1, 7, A, B);
	for (u64 sent = 100; sent <= 300; sent += 200) {
		live = record(KIND_live, 1, 7, A, B, NET_OUT);
		live->sent = sent;
		tell();
		flows_mark(flows);
	}
	flows_end(flows);
	assert_int_equal(told[0].recent_to_server, 200);
	assert_int_equal(told[0].to_server, 300);
}

static void test_memory_is_bounded(void **state)
{
	char local[32];

	(void)state;
	flows_free(flows);
	identity_free(identity);
	begin_with(10);
	for (int i = 0; i < 50; i++) {
		snprintf(local, sizeof(local), "10.0.0.1:%d", 40000 + i);
		connect_from(1, 7, local, B);
	}
	assert_int_equal(flows_count(flows).ends, 10);
	assert_int_equal(flows_count(flows).forgotten, 40);
	/* Its end tells all there is to tell. */
	close_end(1, 7, "10.0.0.1:40000", B, NET_OUT, 11, 22, NET_CLOSED_LOCAL);
	turn(2);
	assert_int_equal(told_count, 1);
	assert_int_equal(told[0].to_server, 11);
}

static void test_filters(void **state)
{
	struct filter any = { .verdict = -1 }, filter;
	const char *wrong;
	struct party web = { .pid = 42 };
	struct shared_bytes *name = calloc(1, sizeof(*name) + 8);
	struct flow flow = { .verdict = FLOW_FORWARDED };

	(void)state;
	name->length = 3;
	strcpy(name->data, "web");
	web.tool = name;
	set_address(flow.client.at.address, &flow.client.at.port, A);
	set_address(flow.server.at.address, &flow.server.at.port, B);
	flow.client.at.family = flow.server.at.family = AF_INET;
	flow.client.party = &web;
	assert_true(filter_wants(&any, &flow));

#define WANTS(expected, ...)                                                                                       \
	do {                                                                                                       \
		filter = (struct filter){ .verdict = -1, __VA_ARGS__ };                                            \
		assert_int_equal(filter_make(&filter, NULL, &wrong), 0);                                           \
		assert_int_equal(filter_wants(&filter, &flow), expected);                                          \
	} while (0)
	WANTS(true, .process = "web");
	WANTS(true, .process = "42");
	WANTS(false, .process = "4");
	WANTS(false, .process = "we");
	WANTS(true, .from = "web");
	WANTS(false, .to = "web");
	WANTS(true, .to = "10.0.0.0/24");
	WANTS(true, .to = "10.0.0.2");
	WANTS(false, .to = "10.0.0.1");
	WANTS(true, .port = 80);
	WANTS(false, .port = 40000);
	WANTS(true, .peer = "10.0.0.1");
	WANTS(false, .peer = "10.0.0.1", .process = "web");
	WANTS(true, .peer = "10.0.0.2", .process = "web");
	WANTS(false, .container = "web");
	filter = (struct filter){ .verdict = FLOW_DROPPED };
	assert_false(filter_wants(&filter, &flow));
	filter = (struct filter){ .verdict = -1, .peer = "everybody" };
	assert_true(filter_make(&filter, NULL, &wrong) < 0);
	assert_string_equal(wrong, "peer");
	free(name);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(test_both_ends_are_one),
		TEST(test_across_namespaces),
		TEST(test_loopback_stays_inside),
		TEST(test_the_same_addresses_twice),
		TEST(test_sequences_tell_apart),
		TEST(test_one_direction_was_changed),
		TEST(test_both_called_the_other),
		TEST(test_called_itself),
		TEST(test_datagrams_of_the_same_addresses),
		TEST(test_the_other_end_is_elsewhere),
		TEST(test_accepted_after_the_client_left),
		TEST(test_owner_of_a_drop),
		TEST(test_dropped_by_the_listener),
		TEST(test_dropped_afterwards),
		TEST(test_failures),
		TEST(test_attempts),
		TEST(test_addresses_used_again),
		TEST(test_end_of_the_watch),
		TEST(test_datagrams),
		TEST(test_rates),
		TEST(test_memory_is_bounded),
		TEST(test_filters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
