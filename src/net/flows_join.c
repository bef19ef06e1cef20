/*
 * Which two ends belong together. Without translation each has the other's addresses, swapped: in the same network namespace, or in two
 * that a wire joins (veth, a bridge). Two pairs of namespaces can have the same addresses, at the same moment even: TCP's sequence
 * numbers tell them apart. Where those are not known, of several that fit the one is taken that was established nearest in time.
 * Behind a translation the addresses differ, and conntrack is asked, not for each connection but only while there are lonely ends of
 * both sorts, and a number of them at a turn. A socket for datagrams may have no address of its own.
 */
#include <stdlib.h>
#include <sys/socket.h>

#include "net/conntrack.h"
#include "net/flows_own.h"
#include "wire/net.h"

/* Both ends see the handshake end within microseconds; a busy machine or a lost packet makes it more. */
#define APART_NS 5000000000ULL
/* Questions at a turn, and for one connection. */
#define ASKED_MOST 256
#define ASKED_OFTEN 3

static u32 sort_of(const struct half *half)
{
	return flows_is_client(half) ? 0 : 1;
}

void flows_lone(struct flows *flows, struct half *half, bool lone)
{
	struct half **first = &flows->lone[sort_of(half)];

	if (half->lone_link) {
		*half->lone_link = half->lone_next;
		if (half->lone_next)
			half->lone_next->lone_link = half->lone_link;
		half->lone_link = NULL;
	}
	if (!lone)
		return;
	half->lone_next = *first;
	half->lone_link = first;
	if (*first)
		(*first)->lone_link = &half->lone_next;
	*first = half;
}

static u64 apart(const struct half *one, const struct half *other)
{
	if (!one->since || !other->since)
		return 0;
	return one->since > other->since ? one->since - other->since : other->since - one->since;
}

static bool begins_alike(u32 one, u32 other)
{
	return one - other + 2 <= 4;
}

/* Do the sequence numbers that TCP counts by say that these are not of one connection? */
static bool are_strangers(const struct half *one, const struct half *other)
{
	if (!(one->sequence_out | one->sequence_in) || !(other->sequence_out | other->sequence_in))
		return false;
	return !begins_alike(one->sequence_out, other->sequence_in) || !begins_alike(one->sequence_in, other->sequence_out);
}

static bool fits(const struct half *half, const struct half *other, const struct endpoint *local, const struct endpoint *peer)
{
	if (other == half || other->other || other->transport != half->transport || !other->established)
		return false;
	if (!endpoint_same(&other->local, local) || !endpoint_same(&other->peer, peer))
		return false;
	if (half->direction && half->direction == other->direction && half->transport == NET_TCP)
		return false;
	/* Loopback leads nowhere else. */
	if (other->network_namespace != half->network_namespace && (endpoint_is_loopback(local) || endpoint_is_loopback(peer)))
		return false;
	return apart(half, other) < APART_NS && !are_strangers(half, other);
}

/* The one with these addresses of its own; the nearest in place, then in time. */
static struct half *find_other(const struct flows *flows, const struct half *half, const struct endpoint *local,
			       const struct endpoint *peer)
{
	struct half *other = table_get(&flows->pairs, flows_pair(flows, local, peer, half->transport)), *best = NULL;
	u64 least = ~0ULL;

	for (; other; other = other->same) {
		u64 distance;

		if (!fits(half, other, local, peer))
			continue;
		distance = apart(half, other) + (other->network_namespace == half->network_namespace ? 0 : APART_NS) +
			   (other->ended ? APART_NS * 2 : 0);
		if (distance >= least)
			continue;
		least = distance;
		best = other;
	}
	return best;
}

static void join(struct flows *flows, struct half *half, struct half *other)
{
	half->other = other;
	other->other = half;
	flows_lone(flows, half, false);
	flows_lone(flows, other, false);
	if (!half->direction && other->direction)
		half->direction = other->direction == NET_OUT ? NET_IN : NET_OUT;
	if (!other->direction && half->direction)
		other->direction = half->direction == NET_OUT ? NET_IN : NET_OUT;
}

/* A socket for datagrams that is bound to no address: at which it was called, only its peers know. */
static struct half *find_unbound(const struct flows *flows, const struct half *half)
{
	static const u16 families[] = { AF_INET, AF_INET6 };
	struct half *other = NULL;

	for (size_t i = 0; i < 2 && !other && half->transport == NET_UDP; i++) {
		const struct endpoint any = { .family = families[i], .port = half->peer.port };

		other = find_other(flows, half, &any, &half->local);
	}
	return other;
}

void flows_join(struct flows *flows, struct half *half)
{
	struct half *other = find_other(flows, half, &half->peer, &half->local);

	if (!other)
		other = find_unbound(flows, half);
	if (other)
		join(flows, half, other);
	else if (!half->lone_link)
		flows_lone(flows, half, true);
}

static void ask(struct flows *flows, struct half *half)
{
	const struct conntrack_question question = {
		.network_namespace = half->network_namespace,
		.pid = half->party ? half->party->pid : 0,
		.transport = half->transport,
		.from = half->local,
		.to = half->peer,
	};
	struct half *other;

	half->asked++;
	if (!half->translated && !conntrack_ask(flows->options.conntrack, &question, &half->away[0], &half->away[1]))
		return;
	half->translated = true;
	other = find_other(flows, half, &half->away[0], &half->away[1]);
	if (other)
		join(flows, half, other);
}

/* The sort of which there are fewer; nothing can be joined while there are none of the other. */
void flows_ask(struct flows *flows)
{
	struct half *few = flows->lone[0], *many = flows->lone[1], *half, *next;
	u32 asked = 0;

	if (!flows->options.conntrack || !few || !many)
		return;
	for (; few && many; few = few->lone_next, many = many->lone_next)
		;
	half = flows->lone[few ? 1 : 0];
	conntrack_begin(flows->options.conntrack);
	for (; half && asked < ASKED_MOST; half = next) {
		next = half->lone_next;
		if (half->asked >= ASKED_OFTEN)
			continue;
		asked++;
		ask(flows, half);
	}
}
