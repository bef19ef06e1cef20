/* What is known of each address is kept, within a limit; beyond it all is learned again. */
#include "net/names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/table.h"
#include "net/networks.h"
#include "net/resolver.h"

#define ADDRESSES_MOST 16384
#define LINE_MOST 1024

struct host {
	struct endpoint endpoint;	/* without a port */
	struct host *same;		/* of the same hash */
	char *file;			/* from /etc/hosts; NULL: not in it; so below */
	char *container;
	char *server;			/* "": asked, and there is none */
	bool ambiguous;			/* two containers have it */
	bool asked;
};

struct names {
	struct names_options options;
	struct table hosts;		/* hash of the address -> struct host */
	size_t count;
	struct table services;		/* port | transport << 16 -> name */
	struct resolver *resolver;
	struct timespec hosts_changed;
	struct table networks;		/* inode of a network namespace -> name */
	u32 network_namespace;		/* the machine's */
	bool networks_looked;		/* since the last turn */
	u64 looked;
};

/* --- files --- */

static char *word(char **at)
{
	char *start = *at + strspn(*at, " \t\r\n"), *end = start + strcspn(start, " \t\r\n");

	*at = *end ? end + 1 : end;
	*end = '\0';
	return *start ? start : NULL;
}

int names_parse_host(char *line, struct endpoint *endpoint, const char **name)
{
	char *address;
	struct cidr one;

	line[strcspn(line, "#")] = '\0';
	address = word(&line);
	*name = address ? word(&line) : NULL;
	if (!*name || strchr(address, '/') || cidr_parse(address, &one))
		return -EINVAL;
	*endpoint = one.base;
	return 0;
}

int names_parse_service(char *line, const char **name, u32 *port, u8 *transport)
{
	char *number, *end;
	unsigned long value;

	line[strcspn(line, "#")] = '\0';
	*name = word(&line);
	number = *name ? word(&line) : NULL;
	if (!number || number[0] < '0' || number[0] > '9')
		return -EINVAL;
	value = strtoul(number, &end, 10);
	if (!value || value > 65535 || *end != '/')
		return -EINVAL;
	*port = value;
	*transport = !strcmp(end + 1, "tcp") ? IPPROTO_TCP : !strcmp(end + 1, "udp") ? IPPROTO_UDP : 0;
	return *transport ? 0 : -EINVAL;
}

static u64 hash_of(const struct endpoint *endpoint)
{
	u64 words[2];

	memcpy(words, endpoint->address, sizeof(words));
	return (words[0] * 0x9e3779b97f4a7c15ULL ^ words[1]) * 0xc2b2ae3d27d4eb4fULL ^ endpoint->family;
}

static struct host *find(const struct names *names, const struct endpoint *endpoint)
{
	struct host *host = table_get(&names->hosts, hash_of(endpoint));

	while (host && !endpoint_same_address(&host->endpoint, endpoint))
		host = host->same;
	return host;
}

static void free_hosts(u64 key, void *value, void *argument)
{
	(void)key;
	(void)argument;
	for (struct host *host = value, *same; host; host = same) {
		same = host->same;
		free(host->file);
		free(host->container);
		free(host->server);
		free(host);
	}
}

static void forget_all(struct names *names)
{
	table_each(&names->hosts, free_hosts, NULL);
	table_free(&names->hosts);
	names->count = 0;
}

static struct host *find_or_add(struct names *names, const struct endpoint *endpoint)
{
	struct host *host = find(names, endpoint);

	if (host)
		return host;
	host = calloc(1, sizeof(*host));
	if (!host)
		return NULL;
	endpoint_set(&host->endpoint, endpoint->family, endpoint->address, 0);
	host->same = table_get(&names->hosts, hash_of(endpoint));
	if (table_put(&names->hosts, hash_of(endpoint), host)) {
		free(host);
		return NULL;
	}
	names->count++;
	return host;
}

/* The first line that has an address counts, as for everybody who reads the file. */
static void read_hosts(struct names *names, FILE *file)
{
	char line[LINE_MOST];

	while (fgets(line, sizeof(line), file) && names->count < ADDRESSES_MOST) {
		struct endpoint endpoint;
		struct host *host;
		const char *name;

		if (names_parse_host(line, &endpoint, &name))
			continue;
		host = find_or_add(names, &endpoint);
		if (host && !host->file)
			host->file = strdup(name);
	}
}

static void read_services(struct names *names, FILE *file)
{
	char line[LINE_MOST];

	while (fgets(line, sizeof(line), file)) {
		const char *name;
		u8 transport;
		u32 port;

		if (names_parse_service(line, &name, &port, &transport) || names_service(names, port, transport))
			continue;
		table_put(&names->services, port | (u32)transport << 16, xstrdup(name));
	}
}

static void read_file(struct names *names, const char *path, void (*take)(struct names *names, FILE *file))
{
	FILE *file = fopen(path, "re");

	if (!file)
		return;
	take(names, file);
	fclose(file);
}

static const char *hosts_path(const struct names *names)
{
	return names->options.hosts ? names->options.hosts : "/etc/hosts";
}

/* Somebody may write to it while sonde runs: containers' managers do. */
static void look_at_hosts(struct names *names)
{
	struct stat status;

	if (stat(hosts_path(names), &status) || !memcmp(&status.st_mtim, &names->hosts_changed, sizeof(status.st_mtim)))
		return;
	names->hosts_changed = status.st_mtim;
	forget_all(names);
	read_file(names, hosts_path(names), read_hosts);
}

struct names *names_new(const struct names_options *options)
{
	struct names *names = xcalloc(1, sizeof(*names));
	struct stat status;

	names->options = *options;
	names->network_namespace = stat("/proc/self/ns/net", &status) ? 0 : status.st_ino;
	look_at_hosts(names);
	read_file(names, options->services ? options->services : "/etc/services", read_services);
	if (options->ask_servers)
		names->resolver = resolver_new(options->resolver);
	return names;
}

static void free_name(u64 key, void *value, void *argument)
{
	(void)key;
	(void)argument;
	free(value);
}

static void learn_network(void *context, u32 inode, const char *path, const char *name)
{
	struct names *names = context;

	(void)path;
	free(table_remove(&names->networks, inode));
	table_put(&names->networks, inode, xstrdup(name));
}

static void forget_networks(struct names *names)
{
	table_each(&names->networks, free_name, NULL);
	table_free(&names->networks);
}

void names_free(struct names *names)
{
	if (!names)
		return;
	forget_all(names);
	table_each(&names->services, free_name, NULL);
	table_free(&names->services);
	forget_networks(names);
	resolver_free(names->resolver);
	free(names);
}

/* --- use --- */

static void learn_end(struct names *names, const struct flow_end *end)
{
	const struct shared_bytes *container = end->party ? end->party->container : NULL;
	struct host *host;

	/* In the machine's own namespace the address is the machine's. */
	if (!container || !end->here || end->network_namespace == names->network_namespace ||
	    endpoint_is_loopback(&end->at) || endpoint_is_any(&end->at))
		return;
	if (names->count >= ADDRESSES_MOST)
		return;
	host = find_or_add(names, &end->at);
	if (!host)
		return;
	if (!host->container)
		host->container = strdup(container->data);
	else if (strcmp(host->container, container->data))
		host->ambiguous = true;
}

void names_learn(struct names *names, const struct flow *flow)
{
	learn_end(names, &flow->client);
	learn_end(names, &flow->server);
}

static const char *name_of(const struct host *host)
{
	if (host->container && !host->ambiguous)
		return host->container;
	return host->file ? host->file : host->server && host->server[0] ? host->server : NULL;
}

const char *names_host(struct names *names, const struct endpoint *endpoint)
{
	struct host *host = endpoint->family ? find(names, endpoint) : NULL;
	const char *name = host ? name_of(host) : NULL;

	if (name || !names->resolver || !endpoint->family || endpoint_is_loopback(endpoint) || endpoint_is_any(endpoint))
		return name;
	if (!host && names->count < ADDRESSES_MOST)
		host = find_or_add(names, endpoint);
	if (host && !host->asked)
		host->asked = resolver_ask(names->resolver, &host->endpoint);
	return NULL;
}

bool names_is_elsewhere(const struct names *names, u32 network_namespace)
{
	return network_namespace && network_namespace != names->network_namespace;
}

const char *names_network(struct names *names, u32 network_namespace)
{
	const char *name;

	if (!names_is_elsewhere(names, network_namespace))
		return NULL;
	name = table_get(&names->networks, network_namespace);
	if (name || names->networks_looked)
		return name;
	networks_each(learn_network, names);
	names->networks_looked = true;
	return table_get(&names->networks, network_namespace);
}

const char *names_service(const struct names *names, u32 port, u8 transport)
{
	return table_get(&names->services, port | (u32)transport << 16);
}

void names_turn(struct names *names, u64 now)
{
	char name[RESOLVER_NAME];
	struct endpoint endpoint;

	names->networks_looked = false;
	if (now >= names->looked + 5000000000ULL) {
		look_at_hosts(names);
		/* The number of one that is gone is given out again. */
		forget_networks(names);
		if (names->count >= ADDRESSES_MOST) {
			forget_all(names);
			names->hosts_changed = (struct timespec){ 0 };
			look_at_hosts(names);
		}
		names->looked = now;
	}
	while (names->resolver && resolver_answer(names->resolver, now, &endpoint, name)) {
		struct host *host = find(names, &endpoint);

		if (!host || host->server)
			continue;
		host->server = strdup(name);
	}
}
