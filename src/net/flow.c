/* Words for what flows say. */
#include "net/flow.h"

#include <stdio.h>
#include <string.h>

#include "event/words.h"

const char *const flow_kind_names[] = { "connection", "flow", "drop", NULL };
const char *const flow_verdict_names[] = { "forwarded", "dropped", "denied", "failed", NULL };

bool flow_is_receivers(const char *reason, const char *function)
{
	return (function && (strstr(function, "rcv") || strstr(function, "recv"))) ||
	       (reason && (strstr(reason, "RCVBUF") || strstr(reason, "SOCKET_FILTER") || strstr(reason, "SOCKET_BACKLOG")));
}

const char *flow_close_name(enum flow_close close)
{
	static const char *const names[] = {
		[FLOW_CLOSED_BY_CLIENT] = "client",
		[FLOW_CLOSED_BY_SERVER] = "server",
		[FLOW_RESET_BY_CLIENT] = "reset by client",
		[FLOW_RESET_BY_SERVER] = "reset by server",
		[FLOW_TIMED_OUT] = "timeout",
	};

	return names[close];
}

const char *flow_transport_name(u8 transport, char buffer[static 8])
{
	const char *word = transport == FLOW_UNIX ? "unix" : word_protocol(transport);

	if (word)
		return word;
	snprintf(buffer, 8, "%u", transport);
	return buffer;
}
