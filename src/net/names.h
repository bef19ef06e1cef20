/*
 * Names for addresses and ports: containers' own, /etc/hosts, /etc/services, and where it is asked for what name servers say. Only a name
 * server is ever waited for, and nobody waits: a name is there the next time it is asked for.
 */
#ifndef NET_NAMES_H
#define NET_NAMES_H

#include <netinet/in.h>

#include "net/flow.h"

struct names;

struct names_options {
	const char *hosts, *services, *resolver;	/* files; NULL: those of this machine */
	bool ask_servers;
};

struct names *names_new(const struct names_options *options);
void names_free(struct names *names);

/* Containers have addresses of their own: learned from the ends that are in one. */
void names_learn(struct names *names, const struct flow *flow);
/* The host, NULL: no name. Good until the next call. */
const char *names_host(struct names *names, const struct endpoint *endpoint);
/* The network namespace, if it is not sonde's own and has a name; else NULL. Good until the next call. */
const char *names_network(struct names *names, u32 network_namespace);
/* Is it one, and another than sonde's own? */
bool names_is_elsewhere(const struct names *names, u32 network_namespace);
/* "postgresql" for 5432 of TCP; NULL: no name. */
const char *names_service(const struct names *names, u32 port, u8 transport);
/* Takes what name servers answered, and gives up those that do not. */
void names_turn(struct names *names, u64 now);

/* A line of /etc/hosts: the first name, as it stands; what is none is skipped. 0 or -EINVAL. Cuts the line up. */
int names_parse_host(char *line, struct endpoint *endpoint, const char **name);
/* A line of /etc/services likewise. */
int names_parse_service(char *line, const char **name, u32 *port, u8 *transport);

#endif
