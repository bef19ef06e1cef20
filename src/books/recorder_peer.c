/*
 * Whom a process talked to. A row is a process and an endpoint: the service it used, or the port on which it was one. Bytes
 * come with the end of a connection, which can be later than that of the process, or when the recording ends before the
 * connection does. Of one that is older than the recording only what went through it since is counted.
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "books/recorder_own.h"
#include "wire/net.h"

struct endpoint {
	u8 address[16];
	u16 family, port;
	u8 transport, direction;
};

static void find_endpoint(struct endpoint *endpoint, const struct connection_record *connection)
{
	memset(endpoint, 0, sizeof(*endpoint));
	memcpy(endpoint->address, connection->peer, connection->family == AF_INET ? 4 : 16);
	endpoint->family = connection->family;
	endpoint->direction = connection->direction;
	endpoint->transport = connection->transport;
	endpoint->port = connection->direction == NET_IN ? connection->local_port : connection->peer_port;
}

static struct run_peer *peer_of(struct recorder *recorder, const struct entry *entry,
				const struct connection_record *connection)
{
	char address[INET6_ADDRSTRLEN] = "";
	struct endpoint endpoint;
	struct recorder_row *row;
	bool fresh;
	u32 number;

	find_endpoint(&endpoint, connection);
	number = intern_number(&recorder->endpoints, &endpoint, sizeof(endpoint), &fresh);
	if (number == INTERN_NONE)
		return NULL;
	row = recorder_row(recorder, &recorder->peers, (u64)entry->index << 32 | number, &fresh);
	if (!row)
		return NULL;
	if (fresh) {
		inet_ntop(endpoint.family, endpoint.address, address, sizeof(address));
		row->peer = (struct run_peer){
			.process = entry->index,
			.address = recorder_text(recorder, address, strlen(address)),
			.port = endpoint.port,
			.transport = endpoint.transport,
			.direction = endpoint.direction,
			.first = connection->record.time,
		};
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
	u16 family, local_port, peer_port, padding;
};

static struct ends ends_of(const struct connection_record *connection)
{
	struct ends ends = {
		.network_namespace = connection->network_namespace,
		.family = connection->family,
		.local_port = connection->local_port,
		.peer_port = connection->peer_port,
	};

	memcpy(ends.local, connection->local, sizeof(ends.local));
	memcpy(ends.peer, connection->peer, sizeof(ends.peer));
	return ends;
}

static struct recorder_standing *standing_of(struct recorder *recorder, const struct connection_record *connection)
{
	struct ends ends = ends_of(connection);
	u32 number = intern_find(&recorder->sockets, &ends, sizeof(ends));

	return number < recorder->standing_capacity ? &recorder->standing[number] : NULL;
}

static struct recorder_standing *stand(struct recorder *recorder, const struct connection_record *connection)
{
	struct ends ends = ends_of(connection);
	size_t capacity = recorder->standing_capacity;
	bool fresh;
	u32 number = intern_number(&recorder->sockets, &ends, sizeof(ends), &fresh);

	if (number == INTERN_NONE)
		return NULL;
	if (number >= capacity) {
		struct recorder_standing *grown;

		capacity = capacity ? capacity * 2 : 64;
		grown = realloc(recorder->standing, capacity * sizeof(*grown));
		if (!grown)
			return NULL;
		recorder->standing = grown;
		recorder->standing_capacity = capacity;
	}
	if (fresh)
		recorder->standing[number] = (struct recorder_standing){ 0 };
	return &recorder->standing[number];
}

static void add_bytes(struct entry *entry, struct run_peer *peer, u64 sent, u64 received)
{
	peer->sent += sent;
	peer->received += received;
	entry->row.costs.sent += sent;
	entry->row.costs.received += received;
}

static void on_close(struct recorder *recorder, struct entry *entry, struct run_peer *peer,
		     const struct connection_record *connection)
{
	struct recorder_standing *standing = standing_of(recorder, connection);
	u64 sent = connection->sent, received = connection->received;

	add_failure(peer, connection->error);
	if (entry->connections)
		entry->connections--;
	if (!standing || standing->sent > sent || standing->received > received) {
		peer->retransmits += connection->retransmits;
		add_bytes(entry, peer, sent, received);
		return;
	}
	add_bytes(entry, peer, sent - standing->sent, received - standing->received);
	peer->connections += standing->earlier;
	/* its ends may be those of another connection next */
	*standing = (struct recorder_standing){ 0 };
}

/* Sockets that several processes share come several times; what is counted is what is new. */
void recorder_standing(struct recorder *recorder, const struct event *event, bool before)
{
	const struct connection_record *connection = (const void *)event->record;
	struct recorder_standing *standing = stand(recorder, connection);
	struct entry *entry = recorder_find(recorder, event->record->pid, event->record->start);
	struct run_peer *peer;

	if (!standing)
		return;
	if (before) {
		*standing = (struct recorder_standing){ connection->sent, connection->received, true };
		return;
	}
	if (!entry || (standing->sent == connection->sent && standing->received == connection->received))
		return;
	peer = peer_of(recorder, entry, connection);
	if (!peer)
		return;
	add_bytes(entry, peer, connection->sent - standing->sent, connection->received - standing->received);
	peer->connections += standing->earlier;
	*standing = (struct recorder_standing){ connection->sent, connection->received, false };
	entry->changed = true;
}

void recorder_connection(struct recorder *recorder, struct entry *entry, const struct event *event)
{
	const struct connection_record *connection = (const void *)event->record;
	struct run_peer *peer;

	if (connection->transport != NET_TCP && connection->transport != NET_UDP)
		return;
	peer = peer_of(recorder, entry, connection);
	if (!peer)
		return;
	if (event->record->kind == KIND_close)
		on_close(recorder, entry, peer, connection);
	else
		on_begin(entry, peer, connection);
	entry->changed = true;
}
