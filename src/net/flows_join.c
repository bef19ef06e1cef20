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

static bool has_sequences(const struct half *half)
{
	return half->sequence_out | half->sequence_in;
}

/* Who answers for a server against floods (SYNPROXY) changes the numbers of one direction. */
static bool are_partners(const struct half *one, const struct half *other)
{
	return has_sequences(one) && has_sequences(other) && (begins_alike(one->sequence_out, other->sequence_in) ||
							       begins_alike(one->sequence_in, other->sequence_out));
}

/* Do the numbers that TCP counts by say that these are not of one connection? */
static bool are_strangers(const struct half *one, const struct half *other)
{
	return has_sequences(one) && has_sequences(other) && !are_partners(one, other);
}

/* Both connected: each called the other at the same moment, and only the numbers can tell that. */
static bool both_began(const struct half *one, const struct half *other)
{
	return one->direction && one->direction == other->direction && one->transport == NET_TCP;
}

static bool fits(const struct half *half, const struct half *other, const struct endpoint *local, const struct endpoint *peer)
{
	if (other == half || other->other || other->transport != half->transport || !other->established)
		return false;
	if (!endpoint_same(&other->local, local) || !endpoint_same(&other->peer, peer))
		return false;
	if (both_began(half, other) && !are_partners(half, other))
		return false;
	/* Loopback leads nowhere else. */
	if (other->network_namespace != half->network_namespace && (endpoint_is_loopback(local) || endpoint_is_loopback(peer)))
		return false;
	return apart(half, other) < APART_NS && !are_strangers(half, other);
}

static bool counted_alike(const struct half *half, const struct half *other)
{
	return half->now.sent == other->now.received && half->now.received == other->now.sent;
}

/* In place first. Datagrams have no numbers: what one counted as sent the other should have received. */
static u64 distance(const struct half *half, const struct half *other)
{
	return apart(half, other) + (other->network_namespace == half->network_namespace ? 0 : APART_NS * 2) +
	       (half->transport == NET_TCP || counted_alike(half, other) ? 0 : APART_NS) + (other->ended ? APART_NS * 4 : 0);
}

/* The nearest with these addresses of its own. */
static struct half *find_other(const struct flows *flows, const struct half *half, const struct endpoint *local,
			       const struct endpoint *peer)
{
	struct half *other = table_get(&flows->pairs, flows_pair(flows, local, peer, half->transport)), *best = NULL;
	u64 least = ~0ULL;

	for (; other; other = other->same) {
		u64 far;

		if (!fits(half, other, local, peer))
			continue;
		far = distance(half, other);
		if (far >= least)
			continue;
		least = far;
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

/*
 * There is one such end in a network namespace. In others there may be several: who counted the same is it, or after some turns
 * the nearest.
 */
static void look_for_other(struct flows *flows, struct half *half)
{
	struct half *other = find_other(flows, half, &half->peer, &half->local);

	half->looking--;
	if (!half->looking || (other && (other->network_namespace == half->network_namespace || counted_alike(half, other))))
		flows_join(flows, half);
}

/* Who finds none is found by its other end. */
void flows_join_datagrams(struct flows *flows)
{
	struct half *half, *next;

	for (u32 i = 0; i < LONE_SORTS; i++)
		for (half = flows->lone[i]; half; half = next) {
			next = half->lone_next;
			if (!half->looking)
				continue;
			look_for_other(flows, half);
			if (next && next == half->other)
				next = next->lone_next;
		}
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
