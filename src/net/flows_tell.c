/* What goes out: two ends as one flow, seen from the one that began it. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "net/flows_own.h"
#include "wire/net.h"

static u8 transport_of(const struct half *half)
{
	switch (half->transport) {
	case NET_TCP:
		return IPPROTO_TCP;
	case NET_UDP:
		return IPPROTO_UDP;
	case NET_ICMP:
		return half->local.family == AF_INET6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	}
	return 0;
}

/* Where nothing tells who began: who has a port of those that are given out, who sent first, who has the higher port. */
static bool looks_like_client(const struct half *half)
{
	u16 local = half->local.port, peer = half->peer.port;

	if ((local >= NET_EPHEMERAL) != (peer >= NET_EPHEMERAL))
		return local >= NET_EPHEMERAL;
	if (half->leaning)
		return half->leaning == NET_OUT;
	if (half->other && half->other->leaning)
		return half->other->leaning == NET_IN;
	return local >= peer;
}

bool flows_is_client(const struct half *half)
{
	if (half->direction)
		return half->direction == NET_OUT;
	return looks_like_client(half);
}

/* Of two ends that are here both, the client's stands for both. */
bool flows_is_shown(const struct half *half)
{
	bool client = flows_is_client(half);

	if (!half->other)
		return true;
	return client == flows_is_client(half->other) ? half < half->other : client;
}

static void make_end(struct flow_end *end, const struct half *half)
{
	*end = (struct flow_end){
		.at = half->local,
		.network_namespace = half->network_namespace,
		.here = true,
		.counted = true,
		.party = half->party,
		.sent = half->now.sent,
		.received = half->now.received,
		.packets_sent = half->now.packets_sent,
		.packets_received = half->now.packets_received,
		.retransmits = half->now.retransmits,
		.rtt_us = half->rtt_us,
	};
}

/* At the client it is its own doing, at the server the client's is the peer's. */
static enum flow_close who_closed(const struct half *half, bool client)
{
	switch (half->closed_by) {
	case NET_CLOSED_LOCAL:
		return client ? FLOW_CLOSED_BY_CLIENT : FLOW_CLOSED_BY_SERVER;
	case NET_CLOSED_PEER:
		return client ? FLOW_CLOSED_BY_SERVER : FLOW_CLOSED_BY_CLIENT;
	case NET_CLOSED_ABORT:
		return client ? FLOW_RESET_BY_CLIENT : FLOW_RESET_BY_SERVER;
	case NET_CLOSED_RESET:
		return client ? FLOW_RESET_BY_SERVER : FLOW_RESET_BY_CLIENT;
	case NET_CLOSED_TIMEOUT:
		return FLOW_TIMED_OUT;
	}
	return FLOW_CLOSE_UNKNOWN;
}

/* A reset is the cause even if one end had said that it was done. */
static enum flow_close closed_by(const struct half *client, const struct half *server)
{
	enum flow_close one = client ? who_closed(client, true) : FLOW_CLOSE_UNKNOWN;
	enum flow_close other = server ? who_closed(server, false) : FLOW_CLOSE_UNKNOWN;

	if (!one || !other)
		return one ? one : other;
	return other > one ? other : one;
}

static u64 larger(u64 one, u64 other)
{
	return one > other ? one : other;
}

static u64 above(u64 now, u64 before)
{
	return now > before ? now - before : 0;
}

struct amounts flows_recent(const struct half *half)
{
	return (struct amounts){
		.sent = above(half->now.sent, half->mark.sent),
		.received = above(half->now.received, half->mark.received),
		.retransmits = above(half->now.retransmits, half->mark.retransmits),
	};
}

static struct amounts recent_of(const struct half *half, bool open)
{
	if (!half)
		return (struct amounts){ 0 };
	return open ? half->recent : flows_recent(half);
}

/* What the client sent; while it is open the two ends were looked at at different moments. */
static void count(struct flow *flow, const struct half *client, const struct half *server)
{
	struct amounts one = recent_of(client, flow->open), other = recent_of(server, flow->open);

	flow->to_server = larger(flow->client.sent, flow->server.received);
	flow->to_client = larger(flow->client.received, flow->server.sent);
	flow->recent_to_server = larger(one.sent, other.received);
	flow->recent_to_client = larger(one.received, other.sent);
	flow->retransmits = flow->client.retransmits + flow->server.retransmits;
	flow->recent_retransmits = one.retransmits + other.retransmits;
	flow->packets = larger(flow->client.packets_sent, flow->server.packets_received) +
			larger(flow->client.packets_received, flow->server.packets_sent);
}

static void add_times(struct flow *flow, const struct half *half)
{
	u64 end = half->last;

	if (half->begun && (!flow->begun || half->begun < flow->begun))
		flow->begun = half->begun;
	if (!half->begun && half->since && !flow->begun)
		flow->begun = half->since;
	flow->last = larger(flow->last, end);
	if (half->since)
		flow->duration = larger(flow->duration, above(end, half->since));
	flow->latency = larger(flow->latency, half->latency);
	flow->stalled += half->stalled;
	if (!flow->rtt_us || half->direction == NET_OUT)
		flow->rtt_us = half->rtt_us ? half->rtt_us : flow->rtt_us;
	if (half->error && !flow->error)
		flow->error = half->error;
}

/* Where one end is elsewhere, what this end calls it; where a translation is between them, what each called the other. */
static void add_addresses(struct flow *flow, const struct half *client, const struct half *server)
{
	const struct half *known = client ? client : server;

	if (!client)
		flow->client.at = known->translated ? known->away[0] : known->peer;
	else if (server && !endpoint_same(&server->peer, &client->local))
		flow->appeared = server->peer;
	/* datagrams came to it at any address of its */
	if (client && server && endpoint_is_any(&server->local))
		flow->server.at = client->peer;
	if (!server)
		flow->server.at = known->translated ? known->away[0] : known->peer;
	if (client && !endpoint_same(&client->peer, &flow->server.at))
		flow->dialled = client->peer;
	if (!client && known->translated && !endpoint_same(&known->peer, &known->away[0]))
		flow->appeared = known->peer;
}

static enum flow_verdict judge(s32 error)
{
	return !error ? FLOW_FORWARDED : error == EPERM || error == EACCES ? FLOW_DENIED : FLOW_FAILED;
}

void flows_make(struct flow *flow, const struct half *half)
{
	const struct half *client = flows_is_client(half) ? half : half->other;
	const struct half *server = client == half ? half->other : half;
	bool to_itself = client && !server && endpoint_same(&client->local, &client->peer);

	memset(flow, 0, sizeof(*flow));
	flow->kind = half->transport == NET_TCP || !half->established ? FLOW_CONNECTION : FLOW_DATAGRAMS;
	flow->transport = transport_of(half);
	flow->verdict = half->established ? FLOW_FORWARDED : half->error ? judge(half->error) : FLOW_PENDING;
	flow->open = !half->ended || (half->other && !half->other->ended);
	if (client) {
		make_end(&flow->client, client);
		add_times(flow, client);
	}
	if (server) {
		make_end(&flow->server, server);
		add_times(flow, server);
	}
	if (to_itself)
		make_end(&flow->server, client);
	add_addresses(flow, client, to_itself ? client : server);
	count(flow, client, server);
	flow->close = flow->open ? FLOW_CLOSE_UNKNOWN : closed_by(client, server);
}

void flows_tell(struct flows *flows, struct half *half)
{
	struct half *other = half->other;
	struct flow flow;

	flows_make(&flow, half);
	flows->options.told(flows->options.context, &flow);
	flows_note_past(flows, half);
	flows_drop_half(flows, half);
	if (!other)
		return;
	flows_note_past(flows, other);
	flows_drop_half(flows, other);
}

void flows_tell_unix(struct flows *flows, const struct connection_record *record, const struct bytes *path)
{
	struct party *party = party_of(&flows->parties, &record->record);
	struct flow flow = {
		.kind = FLOW_CONNECTION,
		.transport = FLOW_UNIX,
		.begun = record->record.time,
		.last = record->record.time,
		.error = record->error < 0 ? -record->error : 0,
		.client = { .network_namespace = record->network_namespace, .here = true, .party = party },
		.path = path->length ? path->data : "",
		.path_length = path->length,
	};

	flow.verdict = judge(flow.error);
	flow.open = flow.verdict == FLOW_FORWARDED;
	flows->options.told(flows->options.context, &flow);
	party_drop(&flows->parties, party);
}
