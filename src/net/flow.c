/* Words for what flows say. */
#include "net/flow.h"

#include <stdio.h>
#include <string.h>

#include "event/words.h"

const char *const flow_kind_names[] = { "connection", "flow", "drop", NULL };
const char *const flow_verdict_names[] = { "forwarded", "dropped", "denied", "failed", "pending", NULL };
const char *const flow_state_names[] = { "open", "closed", "failed", "connecting", NULL };
const char *const flow_close_names[] = {
	[FLOW_CLOSED_BY_CLIENT - 1] = "client",
	[FLOW_CLOSED_BY_SERVER - 1] = "server",
	[FLOW_RESET_BY_CLIENT - 1] = "reset by client",
	[FLOW_RESET_BY_SERVER - 1] = "reset by server",
	[FLOW_TIMED_OUT - 1] = "timeout",
	[FLOW_TIMED_OUT] = NULL,
};

bool flow_is_receivers(const char *reason, const char *function)
{
	return (function && (strstr(function, "rcv") || strstr(function, "recv") || !strcmp(function, "tcp_conn_request"))) ||
	       (reason && (strstr(reason, "RCVBUF") || strstr(reason, "SOCKET_FILTER") || strstr(reason, "SOCKET_BACKLOG") ||
			   strstr(reason, "LISTEN_OVERFLOW")));
}

bool flow_knows_segments(const struct flow *flow)
{
	return flow->kind == FLOW_CONNECTION && (flow->verdict == FLOW_FORWARDED || flow->verdict == FLOW_PENDING) && !flow->path;
}

const char *flow_close_name(enum flow_close close)
{
	return close == FLOW_CLOSE_UNKNOWN ? NULL : flow_close_names[close - 1];
}

const char *flow_state_name(const struct flow *flow)
{
	if (flow->kind == FLOW_DROP)
		return NULL;
	if (flow->verdict == FLOW_PENDING)
		return flow_state_names[3];
	return flow_state_names[flow->open && !flow->path ? 0 : flow->verdict == FLOW_FORWARDED ? 1 : 2];
}

const char *flow_transport_name(u8 transport, char buffer[static 8])
{
	const char *word = transport == FLOW_UNIX ? "unix" : word_protocol(transport);

	if (word)
		return word;
	snprintf(buffer, 8, "%u", transport);
	return buffer;
}
