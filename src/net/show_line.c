/* A flow as a line: when, who to whom, what became of it, what went over it. */
#include <netinet/in.h>
#include <string.h>

#include "base/duration.h"
#include "base/escape.h"
#include "event/words.h"
#include "net/show.h"

void show_who(struct text *out, const struct show *show, const struct flow_end *end)
{
	const struct party *party = end->party;
	const char *network = party ? names_network(show->names, end->network_namespace) : NULL, *host;

	if (party && party->tool) {
		escape_terminal(out, party->tool->data, party->tool->length);
		if (party->container) {
			text_add(out, " (");
			escape_terminal(out, party->container->data, party->container->length);
			text_add_char(out, ')');
		} else if (network) {
			text_add(out, " (netns ");
			escape_terminal(out, network, strlen(network));
			text_add_char(out, ')');
		}
		return;
	}
	if (party) {
		text_add_format(out, "pid %u", party->pid);
		return;
	}
	host = names_host(show->names, &end->at);
	if (host)
		escape_terminal(out, host, strlen(host));
	else
		endpoint_add_address(out, &end->at);
}

void show_end(struct text *out, const struct show *show, const struct flow_end *end, u8 transport, bool service)
{
	const char *name = service ? names_service(show->names, end->at.port, transport) : NULL;
	bool named = end->party || names_host(show->names, &end->at);

	if (named || !end->at.family)
		show_who(out, show, end);
	if (end->party && end->party->tool)
		text_add_format(out, " [%u]", end->party->pid);
	if (!end->at.family)
		return;
	if (named)
		text_add_char(out, ' ');
	endpoint_add(out, &end->at);
	if (name) {
		text_add_char(out, '/');
		escape_terminal(out, name, strlen(name));
	}
}

void show_server(struct text *out, const struct show *show, const struct flow *flow)
{
	if (flow->path)
		escape_terminal(out, flow->path, flow->path_length);
	else
		show_end(out, show, &flow->server, flow->transport, true);
}

void show_outcome(struct text *out, const struct flow *flow)
{
	const char *reason = word_attempt(flow->error), *close = flow_close_name(flow->close);

	if (flow->kind == FLOW_DROP) {
		text_add(out, flow->reason ? flow->reason : flow->function ? flow->function : "dropped");
		return;
	}
	if (flow->connections)
		text_add_format(out, flow->verdict == FLOW_FORWARDED ? "%llu made" : "%llu ", (unsigned long long)flow->connections);
	if (flow->verdict == FLOW_PENDING) {
		text_add(out, "no answer yet");
		return;
	}
	if (flow->verdict != FLOW_FORWARDED) {
		text_add(out, reason ? reason : "failed");
		return;
	}
	if (flow->connections)
		return;
	if (flow->path)
		text_add(out, "connected");
	else if (flow->open)
		text_add(out, "open");
	else if (flow->kind == FLOW_DATAGRAMS)
		text_add(out, "at rest");
	else if (flow->close == FLOW_TIMED_OUT)
		text_add(out, "timed out");
	else if (flow->close == FLOW_RESET_BY_CLIENT || flow->close == FLOW_RESET_BY_SERVER)
		text_add(out, close);
	else
		text_add_format(out, "closed by %s", close ? close : "?");
}

static void add_size(struct text *out, const char *arrow, u64 bytes)
{
	char size[SIZE_TEXT_SIZE];

	text_add_format(out, "  %s%s", arrow, size_format(bytes, size));
}

static void add_amounts(struct text *out, const struct flow *flow)
{
	char duration[DURATION_TEXT_SIZE];

	add_size(out, "→", flow->to_server);
	add_size(out, "←", flow->to_client);
	if (flow->duration)
		text_add_format(out, "  in %s", duration_format(flow->duration, duration));
	if (flow->rtt_us)
		text_add_format(out, "  rtt %s", duration_format(flow->rtt_us * 1000ULL, duration));
	if (flow->retransmits)
		text_add_format(out, "  %u sent again", flow->retransmits);
}

static void add_drop(struct text *out, const struct show *show, const struct flow *flow)
{
	const char *network = names_network(show->names, flow->network_namespace);

	text_add_format(out, "  %llu packet%s", (unsigned long long)flow->packets, flow->packets == 1 ? "" : "s");
	add_size(out, "", flow->bytes);
	if (flow->function && flow->reason)
		text_add_format(out, "  in %s", flow->function);
	if (flow->interface[0]) {
		text_add(out, "  on ");
		escape_terminal(out, flow->interface, strlen(flow->interface));
	}
	if (network) {
		text_add(out, "  in netns ");
		escape_terminal(out, network, strlen(network));
	}
}

static const char *colour_of(const struct flow *flow)
{
	switch (flow->verdict) {
	case FLOW_DROPPED:
	case FLOW_DENIED:
		return "\033[31m";
	case FLOW_FAILED:
		return "\033[33m";
	default:
		return "";
	}
}

void show_line(struct text *out, struct show *show, const struct flow *flow)
{
	struct text time = { 0 };
	char number[8];

	/* 2026-01-31T23:59:59.123456789Z */
	wall_format(&show->wall, &time, flow->last);
	text_add_format(out, "%.12s ", text_string(&time) + 11);
	text_free(&time);
	text_add_format(out, "%s%-9s%s %-4s ", show->colour ? colour_of(flow) : "", flow_verdict_names[flow->verdict],
			show->colour ? "\033[0m" : "", flow->transport ? flow_transport_name(flow->transport, number) : "-");
	show_end(out, show, &flow->client, flow->transport, false);
	text_add(out, flow->backwards ? " <- " : " -> ");
	show_server(out, show, flow);
	if (flow->dialled.family) {
		text_add(out, " as ");
		endpoint_add(out, &flow->dialled);
	}
	text_add(out, "  ");
	show_outcome(out, flow);
	if (flow->kind == FLOW_DROP)
		add_drop(out, show, flow);
	else if (flow->verdict == FLOW_PENDING && flow->retransmits)
		text_add_format(out, "  asked again %u time%s", flow->retransmits, flow->retransmits == 1 ? "" : "s");
	else if (flow->verdict == FLOW_FORWARDED && !flow->path)
		add_amounts(out, flow);
	text_add_char(out, '\n');
}
