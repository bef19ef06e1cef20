/*
 * What comes in. Each record is about one socket, so the table is of ends (struct half); two ends that see each other are joined. An end is
 * found by its namespace and both addresses. Of a connection that ended nothing is told before the other end has ended too, or
 * until it is clear that there is none here: a whole look at what stands (flows_turn) went by without it.
 */
#include "net/flows_own.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "net/conntrack.h"
#include "wire/sizes.h"

/* Datagrams have no end; so long without one is one. */
#define REST_NS 30000000000ULL
/* How far two records of when the same connection was established can be apart, at one end. */
#define SAME_NS 2000000ULL
/* What one end sent the other may read, and tell of, some turns later. */
#define LOOKING_TURNS 4

struct flows *flows_new(const struct flows_options *options)
{
	struct flows *flows = calloc(1, sizeof(*flows));

	if (!flows)
		return NULL;
	flows->options = *options;
	if (!flows->options.most)
		flows->options.most = FLOWS_ENDS;
	flows->waiting_end = &flows->waiting;
	/* Addresses are chosen by others; where they go in the table is not. */
	if (getrandom(&flows->seed, sizeof(flows->seed), GRND_NONBLOCK) != sizeof(flows->seed))
		flows->seed = (uintptr_t)flows;
	parties_init(&flows->parties, options->identity);
	return flows;
}

void flows_free(struct flows *flows)
{
	if (!flows)
		return;
	while (flows->newest)
		flows_drop_half(flows, flows->newest);
	flows_free_drops(flows);
	table_free(&flows->pairs);
	parties_free(&flows->parties);
	free(flows);
}

static u64 mix(u64 hash, u64 value)
{
	hash = (hash ^ value) * 0x9e3779b97f4a7c15ULL;
	return hash ^ hash >> 29;
}

static u64 hash_endpoint(u64 hash, const struct endpoint *endpoint)
{
	u64 words[2];

	memcpy(words, endpoint->address, sizeof(words));
	return mix(mix(mix(hash, words[0]), words[1]), (u64)endpoint->family << 16 | endpoint->port);
}

/* The same from both ends. */
u64 flows_pair(const struct flows *flows, const struct endpoint *one, const struct endpoint *other, u8 transport)
{
	return mix(hash_endpoint(flows->seed, one) + hash_endpoint(flows->seed, other), transport);
}

/* --- the table --- */

static u64 pair_of(const struct flows *flows, const struct half *half)
{
	return flows_pair(flows, &half->local, &half->peer, half->transport);
}

static void unlink_use(struct flows *flows, struct half *half)
{
	*(half->newer ? &half->newer->older : &flows->newest) = half->older;
	*(half->older ? &half->older->newer : &flows->oldest) = half->newer;
}

static void link_use(struct flows *flows, struct half *half)
{
	half->newer = NULL;
	half->older = flows->newest;
	*(flows->newest ? &flows->newest->newer : &flows->oldest) = half;
	flows->newest = half;
}

static void use(struct flows *flows, struct half *half, u64 time)
{
	if (time > half->last)
		half->last = time;
	if (flows->newest == half)
		return;
	unlink_use(flows, half);
	link_use(flows, half);
}

static void wait_for_other(struct flows *flows, struct half *half)
{
	half->waiting_next = NULL;
	half->waiting_link = flows->waiting_end;
	*flows->waiting_end = half;
	flows->waiting_end = &half->waiting_next;
}

static void wait_no_more(struct flows *flows, struct half *half)
{
	if (!half->waiting_link)
		return;
	*half->waiting_link = half->waiting_next;
	*(half->waiting_next ? &half->waiting_next->waiting_link : &flows->waiting_end) = half->waiting_link;
	half->waiting_link = NULL;
}

void flows_drop_half(struct flows *flows, struct half *half)
{
	u64 pair = pair_of(flows, half);
	struct half *first = table_get(&flows->pairs, pair), **at = &first;

	while (*at && *at != half)
		at = &(*at)->same;
	if (*at)
		*at = half->same;
	if (first)
		table_put(&flows->pairs, pair, first);
	else
		table_remove(&flows->pairs, pair);
	flows_lone(flows, half, false);
	wait_no_more(flows, half);
	if (half->other)
		half->other->other = NULL;
	unlink_use(flows, half);
	party_drop(&flows->parties, half->party);
	free(half);
	flows->count--;
}

/* One that ended is told of now rather than later; its other end need not be known to have closed. */
static void make_room(struct flows *flows)
{
	struct half *half = flows->oldest;

	if (!half)
		return;
	if (!half->ended || (half->other && !half->other->ended))
		flows->forgotten++;
	if (half->ended)
		flows_tell(flows, half);
	else
		flows_drop_half(flows, half);
}

static struct half *find(const struct flows *flows, const struct half *like)
{
	struct half *half = table_get(&flows->pairs, pair_of(flows, like));

	while (half && (half->ended || half->network_namespace != like->network_namespace ||
			half->transport != like->transport || !endpoint_same(&half->local, &like->local) ||
			!endpoint_same(&half->peer, &like->peer)))
		half = half->same;
	return half;
}

static struct half *add(struct flows *flows, const struct half *like)
{
	u64 pair = pair_of(flows, like);
	struct half *half;

	if (flows->count >= flows->options.most)
		make_room(flows);
	half = malloc(sizeof(*half));
	if (!half)
		return NULL;
	*half = *like;
	half->same = table_get(&flows->pairs, pair);
	if (table_put(&flows->pairs, pair, half)) {
		free(half);
		return NULL;
	}
	link_use(flows, half);
	flows->count++;
	return half;
}

/* Told of at once if nothing can be added. */
static void end(struct flows *flows, struct half *half)
{
	half->ended = true;
	half->last_turn = flows->turns;
	if (!half->established || (half->other && half->other->ended))
		flows_tell(flows, half);
	else
		wait_for_other(flows, half);
}

/* --- records --- */

static void describe(struct half *half, const struct connection_record *record)
{
	memset(half, 0, sizeof(*half));
	endpoint_set(&half->local, record->family, record->local, record->local_port);
	endpoint_set(&half->peer, record->family, record->peer, record->peer_port);
	half->network_namespace = record->network_namespace;
	half->transport = record->transport;
	half->direction = record->direction;
	half->last = record->record.time;
}

static void learn_sequences(struct half *half, const struct connection_record *record)
{
	if (!(record->sequence_out | record->sequence_in))
		return;
	half->sequence_out = record->sequence_out;
	half->sequence_in = record->sequence_in;
}

/* Of several that had to do with a socket, the first that is sure stays: who merely closes it for another comes later. */
static void learn_owner(struct flows *flows, struct half *half, const struct record *record)
{
	bool sure = record->pid && !(record->flags & RECORD_OWNER_UNKNOWN);
	struct party *party;

	if (half->party && (half->sure || !sure))
		return;
	party = party_of(&flows->parties, record);
	if (!party)
		return;
	party_drop(&flows->parties, half->party);
	half->party = party;
	half->sure = sure;
}

/* When it was established, where the record tells. */
static u64 established(const struct connection_record *record)
{
	return record->duration_ns && record->duration_ns <= record->record.time ? record->record.time - record->duration_ns : 0;
}

static void learn_ledger(struct half *half, const struct connection_record *record)
{
	half->now = (struct counts){ record->sent, record->received, record->segments_sent, record->segments_received,
				     record->retransmits };
	half->stalled = record->stalled_ns;
	half->rtt_us = record->rtt_us ? record->rtt_us : half->rtt_us;
	half->established = true;
	if (!half->since)
		half->since = established(record);
	if (!half->direction)
		half->direction = record->direction;
}

/* A socket that has the addresses of another: the end of that one was missed. */
static bool is_other(const struct half *known, u64 since)
{
	return known->since && since > known->since + SAME_NS;
}

static struct half *find_or_add(struct flows *flows, const struct connection_record *record, u64 since)
{
	struct half like, *half;

	describe(&like, record);
	half = find(flows, &like);
	if (half && is_other(half, since)) {
		end(flows, half);
		half = NULL;
	}
	if (!half)
		half = add(flows, &like);
	else
		use(flows, half, like.last);
	if (!half)
		return NULL;
	learn_owner(flows, half, &record->record);
	learn_sequences(half, record);
	return half;
}

static void join(struct flows *flows, struct half *half)
{
	if (!half->other)
		flows_join(flows, half);
}

/* An attempt: one that is known already, if it was looked at while it waited for an answer. */
static struct half *find_or_add_attempt(struct flows *flows, const struct connection_record *record)
{
	struct half like, *half;

	describe(&like, record);
	half = find(flows, &like);
	if (half && half->established)
		half = NULL;
	if (half)
		use(flows, half, like.last);
	else
		half = add(flows, &like);
	if (half)
		learn_owner(flows, half, &record->record);
	return half;
}

static void on_failed(struct flows *flows, const struct connection_record *record)
{
	struct half *half = find_or_add_attempt(flows, record);

	if (!half)
		return;
	half->begun = record->record.time - record->latency_ns;
	half->error = -record->error;
	end(flows, half);
}

static void on_attempt(struct flows *flows, const struct connection_record *record)
{
	struct half like, *half;

	/* a socket that has the addresses of another: the end of that one was missed */
	describe(&like, record);
	half = find(flows, &like);
	if (half && half->established)
		end(flows, half);
	half = find_or_add_attempt(flows, record);
	if (!half)
		return;
	if (record->duration_ns)
		half->begun = record->record.time - record->duration_ns;
	half->now.packets_sent = record->segments_sent;
	half->now.retransmits = record->retransmits;
}

static void on_begin(struct flows *flows, const struct event *event)
{
	const struct connection_record *record = (const void *)event->record;
	u64 time = record->record.time;
	bool out = record->record.kind == KIND_connect;
	struct half *half;

	if (record->transport == NET_UNIX) {
		if (flows->options.unix_sockets)
			flows_tell_unix(flows, record, &event->strings[0]);
		return;
	}
	if (record->error < 0) {
		on_failed(flows, record);
		return;
	}
	/* Datagrams are told of as they flow. */
	if (record->transport != NET_TCP)
		return;
	half = find_or_add(flows, record, out ? time : established(record));
	if (!half)
		return;
	half->established = true;
	half->direction = record->direction;
	half->latency = record->latency_ns;
	/* It is accepted some time after it was established. */
	half->begun = out ? time - record->latency_ns : half->since ? half->since : time;
	if (out && !half->since)
		half->since = time;
	join(flows, half);
}

static void on_close(struct flows *flows, const struct connection_record *record)
{
	struct half *half = find_or_add(flows, record, established(record));

	if (!half)
		return;
	learn_ledger(half, record);
	half->closed_by = record->closed_by;
	half->error = record->error < 0 ? -record->error : 0;
	join(flows, half);
	end(flows, half);
}

void flows_standing(struct flows *flows, const struct connection_record *record)
{
	struct half *half;

	if (record->transport != NET_TCP)
		return;
	if (record->state == NET_SYN_SENT) {
		on_attempt(flows, record);
		return;
	}
	half = find_or_add(flows, record, established(record));
	if (!half)
		return;
	learn_ledger(half, record);
	join(flows, half);
}

static void on_datagrams(struct flows *flows, const struct connection_record *record)
{
	struct half *half = find_or_add(flows, record, 0);

	if (!half)
		return;
	half->established = true;
	if (!half->begun && !record->sent != !record->received)
		half->leaning = record->sent ? NET_OUT : NET_IN;
	if (!half->begun)
		half->begun = half->since = record->record.time - record->duration_ns;
	half->now.sent += record->sent;
	half->now.received += record->received;
	half->now.packets_sent += record->segments_sent;
	half->now.packets_received += record->segments_received;
	if (half->other)
		return;
	if (!half->looking)
		half->looking = LOOKING_TURNS;
	if (!half->lone_link)
		flows_lone(flows, half, true);
}

void flows_event(struct flows *flows, const struct event *event)
{
	const struct connection_record *record = (const void *)event->record;

	if (event->record->time > flows->now)
		flows->now = event->record->time;
	switch (event->record->kind) {
	case KIND_connect:
	case KIND_accept:
		on_begin(flows, event);
		break;
	case KIND_close:
		on_close(flows, record);
		break;
	case KIND_flow:
		on_datagrams(flows, record);
		break;
	case KIND_live:
		flows_standing(flows, record);
		break;
	case KIND_drop:
		flows_dropped(flows, event);
		break;
	}
}

/* --- time --- */

static bool rests(const struct half *half, u64 now)
{
	return half->transport != NET_TCP && half->last + REST_NS < now;
}

static void rest_datagrams(struct flows *flows, u64 now)
{
	struct half *half = flows->oldest, *next;

	if (now < flows->rested + REST_NS / 8)
		return;
	flows->rested = now;
	for (; half && half->last + REST_NS < now; half = next) {
		next = half->newer;
		if (!rests(half, now))
			continue;
		/* one without an address of its own is found by its other end, and does not find that */
		join(flows, half);
		if (half->other && !rests(half->other, now))
			continue;
		/* Telling lets go of both ends. */
		if (next && next == half->other)
			next = next->newer;
		flows_tell(flows, half);
	}
}

/* Those that are joined and whose other end is open go on waiting. */
static bool is_due(const struct flows *flows, const struct half *half)
{
	return half->other ? half->other->ended : flows->turns > half->last_turn + 1;
}

static void tell_waiting(struct flows *flows, bool all)
{
	struct half *half = flows->waiting, *next;

	for (; half; half = next) {
		next = half->waiting_next;
		if (!all && !is_due(flows, half))
			continue;
		if (next && next == half->other)
			next = next->waiting_next;
		flows_tell(flows, half);
	}
}

void flows_turn(struct flows *flows, u64 now)
{
	flows->turns++;
	flows_join_datagrams(flows);
	flows_ask(flows);
	tell_waiting(flows, false);
	rest_datagrams(flows, now);
}

void flows_end(struct flows *flows)
{
	flows->turns++;
	flows_join_datagrams(flows);
	flows_ask(flows);
	tell_waiting(flows, true);
	for (struct half *half = flows->newest; half; half = half->older)
		if (half->transport == NET_UDP)
			join(flows, half);
	while (flows->oldest)
		flows_tell(flows, flows->oldest);
}

void flows_each(struct flows *flows, void (*visit)(void *context, const struct flow *flow), void *context)
{
	struct flow flow;

	for (struct half *half = flows->newest; half; half = half->older) {
		if ((half->ended && (!half->other || half->other->ended)) || !flows_is_shown(half))
			continue;
		flows_make(&flow, half);
		visit(context, &flow);
	}
	flows_each_drop(flows, visit, context);
}

void flows_mark(struct flows *flows)
{
	for (struct half *half = flows->newest; half; half = half->older) {
		half->recent = flows_recent(half);
		half->mark = (struct amounts){ half->now.sent, half->now.received, half->now.retransmits };
	}
	flows_mark_drops(flows);
}

struct flows_count flows_count(const struct flows *flows)
{
	return (struct flows_count){
		.ends = flows->count,
		.forgotten = flows->forgotten,
		.drops_forgotten = flows->drops_forgotten,
		.memory = flows->count * sizeof(struct half) + flows->pairs.capacity * sizeof(struct table_slot) +
			  flows->parties.memory + flows->parties.by_process.capacity * sizeof(struct table_slot),
	};
}
