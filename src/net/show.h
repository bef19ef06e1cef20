/* Flows as people and programs read them. */
#ifndef NET_SHOW_H
#define NET_SHOW_H

#include "base/wall.h"
#include "net/flow.h"
#include "net/names.h"

struct show {
	struct wall wall;
	struct names *names;
	struct user_table *users;	/* NULL: numbers */
	u32 network_namespace;		/* the machine's: it goes without saying */
	bool colour;
	u64 interval;			/* ns since the last mark, for rates */
};

/* One object and a newline. `now`: it goes on, and has rates. */
void show_json(struct text *out, struct show *show, const struct flow *flow, bool now);
/* One line that stands for itself. */
void show_line(struct text *out, struct show *show, const struct flow *flow);

/* "nginx (web)" or the host's name or address, escaped for a terminal. */
void show_who(struct text *out, const struct show *show, const struct flow_end *end);
/* "nginx (web) :80", with the address where that is not all that is known. */
void show_end(struct text *out, const struct show *show, const struct flow_end *end, u8 transport, bool service);
/* The same of a server, or the path of a Unix socket. */
void show_server(struct text *out, const struct show *show, const struct flow *flow);
/* What became of it, in few words: "closed by server", "refused", "NETFILTER_DROP". */
void show_outcome(struct text *out, const struct flow *flow);

#endif
