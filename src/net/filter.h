/* Which flows are wanted. */
#ifndef NET_FILTER_H
#define NET_FILTER_H

#include "lang/tree.h"
#include "net/flow.h"
#include "net/names.h"
#include "proc/user.h"

struct filter {
	int verdict;			/* enum flow_verdict; -1: any */
	const char *process;		/* name or pid, of either end; NULL: any; so below */
	const char *container;		/* name or id, of either end */
	const char *from, *to;		/* a workload: tool, container, pid, host's name, address or range; the client, the server */
	const char *peer;		/* address or range of an end that the others do not speak of; see filter_wants */
	u32 port;			/* of the server; 0: any */
	const struct lang_node *condition;	/* over the fields of flows (flow_fields.h); NULL: none */
	struct user_table *users;	/* names for conditions; NULL: none */

	/* set by filter_make */
	struct cidr peer_range;
	struct {
		struct cidr range;
		bool is_range;
	} from_range, to_range;
	struct names *names;
};

/* 0, or -EINVAL: `wrong` is the option whose value is none. */
int filter_make(struct filter *filter, struct names *names, const char **wrong);
bool filter_wants(const struct filter *filter, const struct flow *flow);

#endif
