/* What connection records say. */
#include <string.h>
#include <sys/socket.h>

#include "event/getters.h"
#include "event/words.h"
#include "wire/sizes.h"

#define NET(event) ((const struct connection_record *)(event)->record)

static bool is_ip(const struct event *event)
{
	return NET(event)->transport != NET_UNIX;
}

bool get_network_transport(const struct event *event, struct value *value)
{
	if (event->record->kind == KIND_drop)
		return drop_transport(event, value);
	return value_text(value, word_transport(NET(event)->transport));
}

const struct word words_family[] = {
	{ "ipv4", AF_INET, 0 }, { "ipv6", AF_INET6, 0 }, { "unix", AF_UNIX, 0 }, { NULL, 0, 0 },
};

bool get_network_type(const struct event *event, struct value *value)
{
	if (event->record->kind == KIND_drop)
		return drop_type(event, value);
	return value_text(value, word_of(words_family, NET(event)->family));
}

bool get_socket_namespace(const struct event *event, struct value *value)
{
	u32 number = event->record->kind == KIND_drop ? ((const struct drop_record *)event->record)->key.network_namespace :
							NET(event)->network_namespace;

	return number && value_number(value, number);
}

static bool address(const struct event *event, struct value *value, const u8 *bytes)
{
	return is_ip(event) && value_address(value, NET(event)->family, bytes);
}

/* Before the kernel has bound a socket, which is when some rungs see it, its address and port are zeros. */
static bool is_bound(const struct event *event)
{
	static const u8 any[sizeof(NET(event)->local)];

	return NET(event)->local_port || memcmp(NET(event)->local, any, sizeof(any));
}

bool get_local_address(const struct event *event, struct value *value)
{
	return is_bound(event) && address(event, value, NET(event)->local);
}

/* A flow of datagrams can be without: then the addresses are zeros. */
static bool has_peer(const struct event *event)
{
	static const u8 any[sizeof(NET(event)->peer)];

	return event->record->kind != KIND_listen &&
	       (event->record->kind != KIND_flow || memcmp(NET(event)->peer, any, sizeof(any)));
}

bool get_peer_address(const struct event *event, struct value *value)
{
	return has_peer(event) && address(event, value, NET(event)->peer);
}

bool get_local_port(const struct event *event, struct value *value)
{
	return is_ip(event) && NET(event)->local_port && value_number(value, NET(event)->local_port);
}

bool get_peer_port(const struct event *event, struct value *value)
{
	return is_ip(event) && has_peer(event) && NET(event)->transport != NET_ICMP && value_number(value, NET(event)->peer_port);
}

const struct word words_direction[] = { { "out", NET_OUT, 0 }, { "in", NET_IN, 0 }, { NULL, 0, 0 } };

bool get_network_direction(const struct event *event, struct value *value)
{
	return value_text(value, word_of(words_direction, NET(event)->direction));
}

/* The kernel numbers a socket when someone first asks for its number. */
bool get_network_cookie(const struct event *event, struct value *value)
{
	return NET(event)->cookie && value_number(value, NET(event)->cookie);
}

bool get_network_latency(const struct event *event, struct value *value)
{
	return NET(event)->latency_ns && value_number(value, NET(event)->latency_ns);
}

bool get_network_reason(const struct event *event, struct value *value)
{
	return value_text(value, word_attempt(event_error(event)));
}

bool get_network_duration(const struct event *event, struct value *value)
{
	return NET(event)->duration_ns && value_number(value, NET(event)->duration_ns);
}

const struct word words_closed_by[] = {
	{ "local", NET_CLOSED_LOCAL, 0 },   { "peer", NET_CLOSED_PEER, 0 },	  { "reset", NET_CLOSED_RESET, 0 },
	{ "abort", NET_CLOSED_ABORT, 0 },   { "timeout", NET_CLOSED_TIMEOUT, 0 }, { NULL, 0, 0 },
};

bool get_closed_by(const struct event *event, struct value *value)
{
	return value_text(value, word_of(words_closed_by, NET(event)->closed_by));
}
