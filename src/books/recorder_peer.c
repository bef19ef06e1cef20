/*
 * Whom a process talked to. A row is a process and an endpoint: the service it used, or the port on which it was one. Bytes
 * come with the end of a connection, which can be later than that of the process.
 */
#include <arpa/inet.h>
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

/* What went through a connection that is older than the recording is not known apart from what went before. */
static void on_close(struct entry *entry, struct run_peer *peer, const struct connection_record *connection)
{
	add_failure(peer, connection->error);
	if (entry->connections)
		entry->connections--;
	if (!connection->duration_ns && entry->row.flags & RUN_PROCESS_EARLIER)
		return;
	peer->sent += connection->sent;
	peer->received += connection->received;
	peer->retransmits += connection->retransmits;
	entry->row.costs.sent += connection->sent;
	entry->row.costs.received += connection->received;
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
		on_close(entry, peer, connection);
	else
		on_begin(entry, peer, connection);
	entry->changed = true;
}
