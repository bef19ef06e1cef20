/*
 * Packets that the kernel dropped. The port of a client beside that of a service is left out, so that a row is a reason, a place, two hosts
 * and a service, and beyond so many rows the hosts are, too: who scans a network does not fill the store.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "books/recorder_own.h"
#include "kernel/drop.h"
#include "wire/drop.h"

/* Rows of a run that tell of hosts. */
#define ROWS_MOST 20000

static void leave_out(struct drop_key *key, bool hosts)
{
	bool ports = key->protocol == IPPROTO_TCP || key->protocol == IPPROTO_UDP || key->protocol == IPPROTO_SCTP;

	key->epoch = 0;
	if (hosts) {
		memset(key->source, 0, sizeof(key->source));
		memset(key->destination, 0, sizeof(key->destination));
		key->family = key->source_port = key->destination_port = 0;
	} else if (!ports) {
		key->source_port = key->destination_port = 0;
	} else if (key->destination_port < NET_EPHEMERAL) {
		key->source_port = key->source_port < NET_EPHEMERAL ? key->source_port : 0;
	} else if (key->source_port < NET_EPHEMERAL) {
		key->destination_port = 0;
	}
}

static u32 address(struct recorder *recorder, const struct drop_key *key, const u8 *bytes)
{
	char text[INET6_ADDRSTRLEN];

	if (!key->family || !inet_ntop(key->family, bytes, text, sizeof(text)))
		return RUN_NONE;
	return recorder_text_of(recorder, text);
}

static void fill(struct recorder *recorder, struct run_drop *drop, const struct drop_record *record, const struct drop_key *key,
		 const struct bytes *function)
{
	const char *reason = drop_reason(key->reason);

	*drop = (struct run_drop){
		.process = drop->process,
		.reason = reason ? recorder_text_of(recorder, reason) : RUN_NONE,
		.function = function->length ? recorder_text(recorder, function->data, function->length) : RUN_NONE,
		.interface = record->interface[0] ?
				     recorder_text(recorder, record->interface, strnlen(record->interface, sizeof(record->interface))) :
				     RUN_NONE,
		.source = address(recorder, key, key->source),
		.destination = address(recorder, key, key->destination),
		.network_namespace = key->network_namespace,
		.source_port = key->source_port,
		.destination_port = key->destination_port,
		.protocol = key->protocol,
		.first = record->first,
	};
}

void recorder_drop(struct recorder *recorder, const struct event *event)
{
	const struct drop_record *record = (const void *)event->record;
	struct entry *entry = record->record.pid ? recorder_find(recorder, record->record.pid, record->record.start) : NULL;
	struct {
		struct drop_key key;
		u64 process;
	} of = { record->key, entry ? entry->index : RUN_NONE };
	struct recorder_row *row;
	bool fresh;

	leave_out(&of.key, recorder->drops.count >= ROWS_MOST);
	row = recorder_row(recorder, &recorder->drops, intern_hash(&recorder->endpoints, &of, sizeof(of)), &fresh);
	if (!row)
		return;
	if (fresh) {
		row->drop.process = of.process;
		fill(recorder, &row->drop, record, &of.key, &event->strings[DROP_FUNCTION]);
	}
	row->drop.packets += record->count;
	row->drop.bytes += record->bytes;
	if (record->record.time > row->drop.last)
		row->drop.last = record->record.time;
}

void recorder_tell_drop(struct recorder *recorder, struct recorder_row *row)
{
	store_drop(recorder->writer, row->index, &row->drop);
}
