/*
 * Whom a process talked to. A row is a process and an endpoint: the service it used, or the port on which it was one. Bytes
 * come with the end of a connection, which can be later than that of the process, or when the recording ends before the
 * connection does. Of one that is older than the recording only what went through it since is counted. Datagrams come as sums, at most a
 * second later.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "books/recorder_own.h"
#include "wire/net.h"

/* Open connections that are looked at; what goes through more is known when they end. */
#define STANDING_MOST 65536
/* Datagrams of which it is remembered who is the client. */
#define DIRECTIONS_MOST 65536

struct endpoint {
	u8 address[16];
	u32 network_namespace;
	u16 family, port;
	u8 transport, direction;
};

static void find_endpoint(struct endpoint *endpoint, const struct connection_record *connection, u8 direction)
{
	memset(endpoint, 0, sizeof(*endpoint));
	memcpy(endpoint->address, connection->peer, connection->family == AF_INET ? 4 : 16);
	endpoint->family = connection->family;
	endpoint->network_namespace = connection->network_namespace;
	endpoint->direction = direction;
	endpoint->transport = connection->transport;
	endpoint->port = direction == NET_IN ? connection->local_port : connection->peer_port;
}

/* A connect that failed may have come before it had an address of its own. */
static bool is_bound(const struct connection_record *connection)
{
	static const u8 any[sizeof(connection->local)];

	return connection->local_port || memcmp(connection->local, any, sizeof(any));
}

static struct run_peer *peer_of(struct recorder *recorder, const struct entry *entry,
				const struct connection_record *connection, u8 direction)
{
	char address[INET6_ADDRSTRLEN] = "", local[INET6_ADDRSTRLEN] = "";
	struct endpoint endpoint;
	struct recorder_row *row;
	bool fresh;
	u32 number;

	find_endpoint(&endpoint, connection, direction);
	number = intern_number(&recorder->endpoints, &endpoint, sizeof(endpoint), &fresh);
	if (number == INTERN_NONE)
		return NULL;
	row = recorder_row(recorder, &recorder->peers, (u64)entry->index << 32 | number, &fresh);
	if (!row)
		return NULL;
	if (fresh) {
		if (memcmp(endpoint.address, (u8[sizeof(endpoint.address)]){ 0 }, sizeof(endpoint.address)))
			inet_ntop(endpoint.family, endpoint.address, address, sizeof(address));
		row->peer = (struct run_peer){
			.process = entry->index,
			.address = recorder_text_of(recorder, address),
			.local = RUN_NONE,
			.network_namespace = endpoint.network_namespace,
			.port = endpoint.port,
			.transport = endpoint.transport,
			.direction = endpoint.direction,
			.first = connection->record.time - (connection->record.kind == KIND_flow ? connection->duration_ns : 0),
		};
	}
	if (row->peer.local == RUN_NONE && is_bound(connection)) {
		inet_ntop(endpoint.family, connection->local, local, sizeof(local));
		row->peer.local = recorder_text_of(recorder, local);
	}
	row->peer.last = connection->record.time;
	return &row->peer;
}

void recorder_tell_peer(struct recorder *recorder, struct recorder_row *row)
{
	store_peer(recorder->writer, row->index, &row->peer);
}

static void add_failure(struct run_peer *peer, s32 error)
{
	if (error >= 0)
		return;
	peer->failures++;
	peer->error = -error;
}

static void on_begin(struct entry *entry, struct run_peer *peer, const struct connection_record *connection)
{
	add_failure(peer, connection->error);
	if (connection->error < 0)
		return;
	peer->connections++;
	if (connection->latency_ns > peer->latency)
		peer->latency = connection->latency_ns;
	if (connection->transport != NET_TCP)
		return;
	entry->row.costs.connections++;
	entry->connections++;
}

/* Its two ends are what tells a connection from all others that stand. */
struct ends {
	u8 local[16], peer[16];
	u32 network_namespace;
	u16 family, local_port, peer_port, transport;
};

static u64 key_of(const struct recorder *recorder, const struct connection_record *connection)
{
	struct ends ends = {
		.network_namespace = connection->network_namespace,
		.family = connection->family,
		.local_port = connection->local_port,
		.peer_port = connection->peer_port,
		.transport = connection->transport,
	};

	memcpy(ends.local, connection->local, sizeof(ends.local));
	memcpy(ends.peer, connection->peer, sizeof(ends.peer));
	return intern_hash(&recorder->endpoints, &ends, sizeof(ends));
}

/* Adds what is new since the last look. One that went back is another connection between the same ends. */
static void add_progress(struct recorder *recorder, struct entry *entry, struct run_peer *peer,
			 struct recorder_standing *last, const struct connection_record *now)
{
	struct costs more = { 0 };

	if (last->sent > now->sent || last->received > now->received || last->retransmits > now->retransmits)
		*last = (struct recorder_standing){ 0 };
	peer->connections += last->earlier;
	more.sent = now->sent - last->sent;
	more.received = now->received - last->received;
	peer->sent += more.sent;
	peer->received += more.received;
	peer->retransmits += now->retransmits - last->retransmits;
	costs_add(&entry->row.costs, &more);
	/* the dead are in the total already */
	if (entry->dead)
		costs_add(&recorder->now.costs, &more);
	*last = (struct recorder_standing){ now->sent, now->received, now->retransmits, false };
}

static void on_close(struct recorder *recorder, struct entry *entry, struct run_peer *peer,
		     const struct connection_record *connection)
{
	struct recorder_standing *last = table_remove(&recorder->standing, key_of(recorder, connection)), none = { 0 };

	/* it was established: cut off by the other end, or given up, is not what is called a failure */
	if (connection->error < 0) {
		peer->broken++;
		if (!peer->failures)
			peer->error = -connection->error;
	}
	if (entry->connections)
		entry->connections--;
	add_progress(recorder, entry, peer, last ? last : &none, connection);
	free(last);
}

static struct recorder_standing *stand(struct recorder *recorder, const struct connection_record *connection)
{
	u64 key = key_of(recorder, connection);
	struct recorder_standing *last = table_get(&recorder->standing, key);

	if (last || table_count(&recorder->standing) >= STANDING_MOST)
		return last;
	last = calloc(1, sizeof(*last));
	if (last && table_put(&recorder->standing, key, last)) {
		free(last);
		last = NULL;
	}
	return last;
}

void recorder_standing(struct recorder *recorder, const struct connection_record *connection, bool before)
{
	struct entry *entry = recorder_find(recorder, connection->record.pid, connection->record.start);
	struct recorder_standing *last;
	struct run_peer *peer;

	if (!before && !entry)
		return;
	last = stand(recorder, connection);
	if (!last)
		return;
	if (before) {
		*last = (struct recorder_standing){ connection->sent, connection->received, connection->retransmits, true };
		return;
	}
	peer = peer_of(recorder, entry, connection, connection->direction);
	if (!peer)
		return;
	add_progress(recorder, entry, peer, last, connection);
	if (entry->dead)
		recorder_tell(recorder, entry);
	entry->changed = true;
}

void recorder_connection(struct recorder *recorder, struct entry *entry, const struct event *event)
{
	const struct connection_record *connection = (const void *)event->record;
	struct run_peer *peer;

	if (connection->transport != NET_TCP && connection->transport != NET_UDP)
		return;
	peer = peer_of(recorder, entry, connection, connection->direction);
	if (!peer)
		return;
	if (event->record->kind == KIND_close)
		on_close(recorder, entry, peer, connection);
	else
		on_begin(entry, peer, connection);
	entry->changed = true;
}

/*
 * A client is whose port is one of those that are given out. If that is so of both ends, or of none, it is who was seen to send first, and
 * what was decided once stays so.
 */
static u8 direction_of(struct recorder *recorder, const struct connection_record *datagrams)
{
	bool own = datagrams->local_port >= NET_EPHEMERAL, peers = datagrams->peer_port >= NET_EPHEMERAL;
	u8 first = datagrams->sent || !datagrams->received ? NET_OUT : NET_IN;
	uintptr_t known;
	u64 key;

	if (datagrams->transport == NET_ICMP)
		return NET_OUT;
	if (own != peers)
		return own ? NET_OUT : NET_IN;
	key = key_of(recorder, datagrams);
	known = (uintptr_t)table_get(&recorder->directions, key);
	if (known)
		return known;
	/* nothing tells that datagrams are over */
	if (table_count(&recorder->directions) >= DIRECTIONS_MOST)
		table_free(&recorder->directions);
	table_put(&recorder->directions, key, (void *)(uintptr_t)first);
	return first;
}

void recorder_datagrams(struct recorder *recorder, const struct event *event)
{
	const struct connection_record *datagrams = (const void *)event->record;
	struct entry *entry = recorder_find(recorder, datagrams->record.pid, datagrams->record.start);
	struct run_peer *peer = entry ? peer_of(recorder, entry, datagrams, direction_of(recorder, datagrams)) : NULL;

	if (!peer)
		return;
	peer->sent += datagrams->sent;
	peer->received += datagrams->received;
	peer->packets_sent += datagrams->segments_sent;
	peer->packets_received += datagrams->segments_received;
}
