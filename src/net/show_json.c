/* A flow as a JSON object. Names are those of `sonde trace`, once for each end. */
#include <netinet/in.h>
#include <string.h>

#include "base/jot.h"
#include "event/words.h"
#include "net/show.h"

static void add_process(struct jot *jot, const struct show *show, const struct party *party)
{
	const char *user = show->users ? user_name(show->users, party->user, party->start) : NULL;

	jot_open(jot, "process", '{');
	jot_unsigned(jot, "pid", party->pid);
	if (party->tool)
		jot_bytes(jot, "name", party->tool->data, party->tool->length);
	jot_close(jot, '}');
	jot_open(jot, "user", '{');
	jot_unsigned(jot, "id", party->user);
	if (user)
		jot_string(jot, "name", user);
	jot_close(jot, '}');
	if (!party->container)
		return;
	jot_open(jot, "container", '{');
	jot_bytes(jot, "name", party->container->data, party->container->length);
	if (party->container_id && party->container_id->length)
		jot_bytes(jot, "id", party->container_id->data, party->container_id->length);
	jot_close(jot, '}');
}

static void add_endpoint(struct jot *jot, const struct endpoint *endpoint)
{
	struct text address = { 0 };

	if (!endpoint->family)
		return;
	endpoint_add_address(&address, endpoint);
	jot_bytes(jot, "address", address.data, address.length);
	if (endpoint->port)
		jot_unsigned(jot, "port", endpoint->port);
	text_free(&address);
}

static void add_other_endpoint(struct jot *jot, const char *key, const struct endpoint *endpoint)
{
	if (!endpoint->family)
		return;
	jot_open(jot, key, '{');
	add_endpoint(jot, endpoint);
	jot_close(jot, '}');
}

static void add_nonzero(struct jot *jot, const char *key, u64 value)
{
	if (value)
		jot_unsigned(jot, key, value);
}

static void add_network(struct jot *jot, const struct show *show, u32 network_namespace)
{
	const char *name = names_network(show->names, network_namespace);

	add_nonzero(jot, "network_namespace", network_namespace);
	if (name)
		jot_string(jot, "network_namespace_name", name);
}

static void add_end(struct jot *jot, const struct show *show, const char *key, const struct flow_end *end,
		    const struct flow *flow)
{
	const char *name = names_host(show->names, &end->at);
	bool datagrams = flow->kind == FLOW_DATAGRAMS, segments = flow_knows_segments(flow);

	jot_open(jot, key, '{');
	add_endpoint(jot, &end->at);
	if (name)
		jot_string(jot, "name", name);
	add_network(jot, show, end->network_namespace);
	if (end->party)
		add_process(jot, show, end->party);
	if (end->counted && end->at.family) {
		jot_unsigned(jot, "sent", end->sent);
		jot_unsigned(jot, "received", end->received);
		/* recordings keep no segments */
		if (datagrams || (segments && !flow->connections)) {
			jot_unsigned(jot, datagrams ? "packets_sent" : "segments_sent", end->packets_sent);
			jot_unsigned(jot, datagrams ? "packets_received" : "segments_received", end->packets_received);
		}
		if (segments)
			jot_unsigned(jot, "retransmits", end->retransmits);
		add_nonzero(jot, "rtt_us", end->rtt_us);
	}
	jot_close(jot, '}');
}

static void add_time(struct jot *jot, struct show *show, const char *key, u64 time)
{
	struct text text = { 0 };

	wall_format(&show->wall, &text, time);
	jot_bytes(jot, key, text.data, text.length);
	text_free(&text);
}

static void add_drop(struct jot *jot, const struct show *show, const struct flow *flow)
{
	jot_open(jot, "drop", '{');
	add_network(jot, show, flow->network_namespace);
	if (flow->reason)
		jot_string(jot, "reason", flow->reason);
	if (flow->function)
		jot_string(jot, "function", flow->function);
	if (flow->interface[0])
		jot_string(jot, "interface", flow->interface);
	jot_string(jot, "towards", flow->backwards ? "client" : "server");
	jot_unsigned(jot, "packets", flow->packets);
	jot_unsigned(jot, "bytes", flow->bytes);
	jot_close(jot, '}');
}

static u64 per_second(u64 amount, u64 interval)
{
	return interval ? (double)amount * 1e9 / interval + 0.5 : 0;
}

static void add_amounts(struct jot *jot, const struct show *show, const struct flow *flow, bool now)
{
	jot_open(jot, "bytes", '{');
	jot_unsigned(jot, "to_server", flow->to_server);
	jot_unsigned(jot, "to_client", flow->to_client);
	jot_close(jot, '}');
	if (flow_knows_segments(flow))
		jot_unsigned(jot, "retransmits", flow->retransmits);
	add_nonzero(jot, "stalled_ns", flow->stalled);
	add_nonzero(jot, "rtt_us", flow->rtt_us);
	add_nonzero(jot, "latency_ns", flow->latency);
	if (!now)
		return;
	jot_open(jot, "rate", '{');
	jot_unsigned(jot, "to_server", per_second(flow->recent_to_server, show->interval));
	jot_unsigned(jot, "to_client", per_second(flow->recent_to_client, show->interval));
	if (flow_knows_segments(flow))
		jot_unsigned(jot, "retransmits", per_second(flow->recent_retransmits, show->interval));
	jot_close(jot, '}');
}

static void add_error(struct jot *jot, const struct flow *flow)
{
	const char *word = word_errno(flow->error), *reason = word_attempt(flow->error);

	if (!flow->error)
		return;
	jot_open(jot, "error", '{');
	if (word)
		jot_string(jot, "type", word);
	if (reason)
		jot_string(jot, "reason", reason);
	jot_close(jot, '}');
}

void show_json(struct text *out, struct show *show, const struct flow *flow, bool now)
{
	const char *service = names_service(show->names, flow->server.at.port, flow->transport);
	const char *close = flow_close_name(flow->close), *state = flow_state_name(flow);
	struct jot jot = { .out = out };
	char number[8];

	jot_open(&jot, NULL, '{');
	jot_string(&jot, "kind", flow_kind_names[flow->kind]);
	add_time(&jot, show, "time", flow->last);
	jot_string(&jot, "verdict", flow_verdict_names[flow->verdict]);
	if (state)
		jot_string(&jot, "state", state);
	if (flow->connections)
		jot_unsigned(&jot, "connections", flow->connections);
	if (flow->begun)
		add_time(&jot, show, "begun", flow->begun);
	if (flow->kind != FLOW_DROP || flow->transport)
		jot_string(&jot, "transport", flow_transport_name(flow->transport, number));
	if (service)
		jot_string(&jot, "service", service);
	add_end(&jot, show, "client", &flow->client, flow);
	if (flow->path) {
		jot_open(&jot, "server", '{');
		jot_bytes(&jot, "path", flow->path, flow->path_length);
		jot_close(&jot, '}');
	} else {
		add_end(&jot, show, "server", &flow->server, flow);
	}
	add_other_endpoint(&jot, "dialled", &flow->dialled);
	add_other_endpoint(&jot, "appeared", &flow->appeared);
	add_nonzero(&jot, "duration_ns", flow->duration);
	if (flow->kind == FLOW_DROP)
		add_drop(&jot, show, flow);
	else if (!flow->path)
		add_amounts(&jot, show, flow, now);
	if (close)
		jot_string(&jot, "closed_by", close);
	add_error(&jot, flow);
	jot_close(&jot, '}');
	text_add_char(out, '\n');
}
