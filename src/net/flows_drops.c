/*
 * Dropped packets. Each record, which is the sum of a second or so, is told of as it comes; for those who look at what happens now
 * they are added up by what is the same about them, but for the port of the client.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/drop.h"
#include "net/flows_own.h"
#include "wire/drop.h"

/* Not of interest any more. */
#define PAST_NS 15000000000ULL
/* So long after its end a packet of a connection may still be on its way, or sent again. */
#define PAST_END_NS 60000000000ULL

static u8 transport_of(u8 protocol)
{
	return protocol == IPPROTO_TCP ? NET_TCP : protocol == IPPROTO_UDP ? NET_UDP : 0;
}

/* An end that has these addresses, here or in another place; in the namespace of the drop if there is one. */
static const struct half *find(const struct flows *flows, const struct drop_key *key, const struct endpoint *local,
			       const struct endpoint *peer)
{
	u8 transport = transport_of(key->protocol);
	const struct half *half = transport ? table_get(&flows->pairs, flows_pair(flows, local, peer, transport)) : NULL;
	const struct half *found = NULL;

	for (; half; half = half->same) {
		if (half->transport != transport || !endpoint_same(&half->local, local) || !endpoint_same(&half->peer, peer))
			continue;
		if (half->network_namespace == key->network_namespace)
			return half;
		found = half;
	}
	return found;
}

/* Of the two ends of a pair it is one, in whatever network namespace. */
static u64 key_of_past(const struct flows *flows, const struct endpoint *local, const struct endpoint *peer, u8 transport)
{
	return flows_pair(flows, local, peer, transport) + (memcmp(local, peer, sizeof(*local)) > 0);
}

void flows_note_past(struct flows *flows, const struct half *half)
{
	struct past_end *past = &flows->past[flows->past_count++ % PAST_ENDS];

	if (table_get(&flows->past_by_key, past->key) == past)
		table_remove(&flows->past_by_key, past->key);
	party_drop(&flows->parties, past->party);
	*past = (struct past_end){
		half->local, half->peer, key_of_past(flows, &half->local, &half->peer, half->transport), half->last,
		half->network_namespace, flows_is_client(half), party_hold(half->party),
	};
	table_put(&flows->past_by_key, past->key, past);
}

static const struct past_end *find_past(const struct flows *flows, const struct drop_record *drop, const struct endpoint *local,
					const struct endpoint *peer)
{
	u8 transport = transport_of(drop->key.protocol);
	const struct past_end *past = NULL;

	if (transport)
		past = table_get(&flows->past_by_key, key_of_past(flows, local, peer, transport));
	return past && drop->first < past->last + PAST_END_NS ? past : NULL;
}

enum side { SIDE_UNKNOWN, SIDE_CLIENT, SIDE_SERVER };

/* Who has this end of the connection, or had it; which side of it that is. */
static enum side fill_end(const struct flows *flows, struct flow_end *end, const struct drop_record *drop, const struct endpoint *at,
			  const struct endpoint *peer)
{
	const struct half *half = find(flows, &drop->key, at, peer);
	const struct past_end *past = half ? NULL : find_past(flows, drop, at, peer);

	end->at = *at;
	if (!half && !past)
		return SIDE_UNKNOWN;
	end->here = true;
	end->party = half ? half->party : past->party;
	end->network_namespace = half ? half->network_namespace : past->network_namespace;
	return (half ? flows_is_client(half) : past->client) ? SIDE_CLIENT : SIDE_SERVER;
}

/*
 * Where nobody is known to have the connection, the owner of the packet's socket is at one of its ends: which one, its port tells, or
 * its place.
 */
static void add_owner(struct flow *flow, const struct drop_record *record, struct party *party)
{
	bool receiver = record->side ? record->side == DROP_RECEIVER : flow_is_receivers(flow->reason, flow->function);
	struct flow_end *end = receiver ? &flow->server : &flow->client;

	if (end->party || !party)
		return;
	end->here = true;
	end->party = party;
	/* a packet that leaves for another namespace leaves its socket behind */
	end->network_namespace = flow->network_namespace;
}

/* Where nobody here has the connection, a service has the lower port, and the client one of those that are given out. */
static bool from_server(enum side source, enum side destination, const struct flow *flow)
{
	if (source != SIDE_UNKNOWN)
		return source == SIDE_SERVER;
	if (destination != SIDE_UNKNOWN)
		return destination == SIDE_CLIENT;
	return flow->client.at.port && flow->client.at.port < NET_EPHEMERAL && flow->server.at.port >= NET_EPHEMERAL;
}

static void swap_ends(struct flow *flow)
{
	struct flow_end client = flow->server;

	flow->server = flow->client;
	flow->client = client;
	flow->backwards = true;
}

static void make(struct flows *flows, struct flow *flow, const struct drop_record *record, const char *function,
		 struct party *party)
{
	const struct drop_key *key = &record->key;
	bool ports = transport_of(key->protocol) || key->protocol == IPPROTO_SCTP;
	struct endpoint source, destination;
	enum side from, to;

	memset(flow, 0, sizeof(*flow));
	endpoint_set(&source, key->family, key->source, ports ? key->source_port : 0);
	endpoint_set(&destination, key->family, key->destination, ports ? key->destination_port : 0);
	flow->kind = FLOW_DROP;
	flow->verdict = FLOW_DROPPED;
	flow->transport = key->protocol;
	from = fill_end(flows, &flow->client, record, &source, &destination);
	to = fill_end(flows, &flow->server, record, &destination, &source);
	flow->reason = drop_reason(key->reason);
	flow->function = *function ? function : NULL;
	flow->network_namespace = key->network_namespace;
	add_owner(flow, record, party);
	if (from_server(from, to, flow))
		swap_ends(flow);
	snprintf(flow->interface, sizeof(flow->interface), "%.16s", record->interface);
	flow->begun = record->first;
	flow->last = record->record.time;
	flow->duration = flow->last > flow->begun ? flow->last - flow->begun : 0;
	flow->packets = flow->recent_packets = record->count;
	flow->bytes = record->bytes;
}

static u64 key_of(const struct flows *flows, const struct drop_key *drop)
{
	struct endpoint source, destination;

	endpoint_set(&source, drop->family, drop->source, 0);
	endpoint_set(&destination, drop->family, drop->destination, drop->destination_port);
	return flows_pair(flows, &source, &destination, drop->protocol) ^
	       (drop->location * 31 + ((u64)drop->reason << 32 | drop->network_namespace)) * 0x9e3779b97f4a7c15ULL;
}

static void unlink_sort(struct flows *flows, struct sort_of_drop *sort)
{
	*(sort->newer ? &sort->newer->older : &flows->newest_drop) = sort->older;
	*(sort->older ? &sort->older->newer : &flows->oldest_drop) = sort->newer;
}

static void forget(struct flows *flows, struct sort_of_drop *sort)
{
	unlink_sort(flows, sort);
	table_remove(&flows->drops, sort->key);
	party_drop(&flows->parties, (struct party *)sort->flow.client.party);
	party_drop(&flows->parties, (struct party *)sort->flow.server.party);
	free(sort);
}

static struct sort_of_drop *sort_of(struct flows *flows, u64 key)
{
	struct sort_of_drop *sort = table_get(&flows->drops, key);

	if (sort) {
		unlink_sort(flows, sort);
	} else {
		if (table_count(&flows->drops) >= DROP_SORTS) {
			forget(flows, flows->oldest_drop);
			flows->drops_forgotten++;
		}
		sort = calloc(1, sizeof(*sort));
		if (!sort || table_put(&flows->drops, key, sort)) {
			free(sort);
			return NULL;
		}
		sort->key = key;
	}
	sort->newer = NULL;
	sort->older = flows->newest_drop;
	*(flows->newest_drop ? &flows->newest_drop->newer : &flows->oldest_drop) = sort;
	flows->newest_drop = sort;
	return sort;
}

static void keep(struct flows *flows, const struct drop_key *key, const struct flow *flow)
{
	struct sort_of_drop *sort = sort_of(flows, key_of(flows, key));
	struct party *client, *server;

	if (!sort)
		return;
	client = party_hold((struct party *)flow->client.party);
	server = party_hold((struct party *)flow->server.party);
	party_drop(&flows->parties, (struct party *)sort->flow.client.party);
	party_drop(&flows->parties, (struct party *)sort->flow.server.party);
	sort->packets += flow->packets;
	sort->bytes += flow->bytes;
	sort->flow = *flow;
	sort->flow.client.party = client;
	sort->flow.server.party = server;
	snprintf(sort->function, sizeof(sort->function), "%s", flow->function ? flow->function : "");
}

void flows_dropped(struct flows *flows, const struct event *event)
{
	const struct drop_record *record = (const void *)event->record;
	const struct bytes *name = &event->strings[DROP_FUNCTION];
	struct party *party = party_of(&flows->parties, &record->record);
	char function[64];
	struct flow flow;

	snprintf(function, sizeof(function), "%.*s", (int)name->length, name->data ? name->data : "");
	make(flows, &flow, record, function, party);
	flows->options.told(flows->options.context, &flow);
	keep(flows, &record->key, &flow);
	party_drop(&flows->parties, party);
}

void flows_each_drop(struct flows *flows, void (*visit)(void *context, const struct flow *flow), void *context)
{
	for (struct sort_of_drop *sort = flows->newest_drop; sort; sort = sort->older) {
		struct flow flow = sort->flow;

		if (flow.last + PAST_NS < flows->now)
			break;
		flow.function = sort->function[0] ? sort->function : NULL;
		flow.packets = sort->packets;
		flow.bytes = sort->bytes;
		flow.recent_packets = sort->recent;
		visit(context, &flow);
	}
}

void flows_mark_drops(struct flows *flows)
{
	for (struct sort_of_drop *sort = flows->newest_drop; sort; sort = sort->older) {
		sort->recent = sort->packets - sort->mark;
		sort->mark = sort->packets;
	}
}

void flows_free_drops(struct flows *flows)
{
	while (flows->newest_drop)
		forget(flows, flows->newest_drop);
	table_free(&flows->drops);
	for (u32 i = 0; i < PAST_ENDS; i++)
		party_drop(&flows->parties, flows->past[i].party);
	table_free(&flows->past_by_key);
}
