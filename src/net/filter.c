/* All that is given must hold. */
#include "net/filter.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/flow_fields.h"

/* A range, or a name; no name begins with an address and a slash. */
static int make_workload(const char *text, struct cidr *range, bool *is_range)
{
	char address[64];
	struct cidr one;

	*is_range = text && !cidr_parse(text, range);
	if (!text || *is_range || !strchr(text, '/'))
		return 0;
	snprintf(address, sizeof(address), "%.*s", (int)strcspn(text, "/"), text);
	return cidr_parse(address, &one) ? 0 : -EINVAL;
}

int filter_make(struct filter *filter, struct names *names, const char **wrong)
{
	filter->names = names;
	*wrong = "from";
	if (make_workload(filter->from, &filter->from_range.range, &filter->from_range.is_range))
		return -EINVAL;
	*wrong = "to";
	if (make_workload(filter->to, &filter->to_range.range, &filter->to_range.is_range))
		return -EINVAL;
	*wrong = "peer";
	return filter->peer ? cidr_parse(filter->peer, &filter->peer_range) : 0;
}

static bool is_text(const struct shared_bytes *bytes, const char *text)
{
	return bytes && bytes->length == strlen(text) && !memcmp(bytes->data, text, bytes->length);
}

static bool is_pid(const struct party *party, const char *text)
{
	char *end;
	unsigned long pid = strtoul(text, &end, 10);

	return *text >= '0' && *text <= '9' && !*end && party->pid == pid;
}

static bool is_process(const struct flow_end *end, const char *text)
{
	return end->party && (is_text(end->party->tool, text) || is_pid(end->party, text));
}

/* By its name, its id, or twelve digits or more of that. */
static bool is_container(const struct flow_end *end, const char *text)
{
	const struct party *party = end->party;
	size_t length = strlen(text);

	if (!party || !party->container)
		return false;
	return is_text(party->container, text) ||
	       (length >= 12 && party->container_id && party->container_id->length >= length &&
		!memcmp(party->container_id->data, text, length));
}

static bool is_workload(const struct filter *filter, const struct flow_end *end, const char *text, bool is_range,
			const struct cidr *range)
{
	const char *host;

	if (is_range)
		return cidr_has(range, &end->at);
	if (is_process(end, text) || is_container(end, text))
		return true;
	host = filter->names ? names_host(filter->names, &end->at) : NULL;
	return host && !strcmp(host, text);
}

/* With a process or container given, the peer is the other end of theirs. */
static bool is_peer(const struct filter *filter, const struct flow *flow)
{
	bool client = cidr_has(&filter->peer_range, &flow->client.at), server = cidr_has(&filter->peer_range, &flow->server.at);
	const char *process = filter->process, *container = filter->container;

	if (!process && !container)
		return client || server || cidr_has(&filter->peer_range, &flow->dialled);
	if (server && (!process || is_process(&flow->client, process)) &&
	    (!container || is_container(&flow->client, container)))
		return true;
	return client && (!process || is_process(&flow->server, process)) &&
	       (!container || is_container(&flow->server, container));
}

static bool is_server(const struct filter *filter, const struct flow *flow)
{
	if (flow->path)
		return flow->path_length == strlen(filter->to) && !memcmp(flow->path, filter->to, flow->path_length);
	return is_workload(filter, &flow->server, filter->to, filter->to_range.is_range, &filter->to_range.range);
}

bool filter_wants(const struct filter *filter, const struct flow *flow)
{
	const struct flow_end *client = &flow->client, *server = &flow->server;

	if (filter->verdict >= 0 && (int)flow->verdict != filter->verdict)
		return false;
	if (filter->port && server->at.port != filter->port && flow->dialled.port != filter->port)
		return false;
	if (filter->process && !is_process(client, filter->process) && !is_process(server, filter->process))
		return false;
	if (filter->container && !is_container(client, filter->container) && !is_container(server, filter->container))
		return false;
	if (filter->from &&
	    !is_workload(filter, client, filter->from, filter->from_range.is_range, &filter->from_range.range))
		return false;
	if (filter->to && !is_server(filter, flow))
		return false;
	if (filter->peer && !is_peer(filter, flow))
		return false;
	return !filter->condition || flow_holds(filter->condition, flow, filter->names, filter->users);
}
