/* sonde flows: who talks to whom, and what came of it. */
#include <unistd.h>

#include "cmd/command.h"
#include "cmd/flows_run.h"
#include "net/graph.h"

struct flows_settings {
	struct scope_settings scope;
	bool json, names, reverse, unix_sockets, all_drops;
	int verdict, graph, sort;
	const char *process, *container, *peer, *from, *to, *store;
	int64_t port;
	uint64_t duration, interval, since;
	struct event_filter_settings filter;
};

static enum flows_way way_of(const struct flows_settings *settings)
{
	if (settings->graph >= 0)
		return FLOWS_GRAPH;
	if (settings->json)
		return FLOWS_JSON;
	return isatty(STDOUT_FILENO) ? FLOWS_TABLES : FLOWS_LINES;
}

static int check(const struct command *command, const struct flows_settings *settings, const struct option_rest *rest)
{
	if (rest->count || rest->after)
		return option_mistake(command, "it takes no %s", rest->count ? rest->words[0] : "command");
	if (settings->graph >= 0 && settings->json)
		return option_mistake(command, "--graph json is the graph as JSON: leave --json away");
	if (settings->graph >= 0 && settings->interval)
		return option_mistake(command, "--graph is made once, at the end: leave --interval away");
	if (settings->store && !settings->since)
		return option_mistake(command, "--store is where --since reads: what is seen now is not kept (`sonde record` does)");
	if (settings->since && (settings->scope.pid || settings->scope.cgroup || settings->scope.user || settings->interval ||
				settings->duration))
		return option_mistake(command, "--since shows what was recorded: --process, --container and the like go with it, "
					       "--pid, --uid, --cgroup, --for and --interval do not");
	return 0;
}

static int run(const struct command *command, const struct flows_settings *settings)
{
	struct graph graph = { 0 };
	struct flows_request request = {
		.command = command,
		.name = "flows",
		.scope = settings->scope,
		.filter = { .verdict = settings->verdict, .process = settings->process, .container = settings->container,
			    .peer = settings->peer, .from = settings->from, .to = settings->to, .port = settings->port },
		.expression = settings->filter,
		.way = way_of(settings),
		.sort = settings->sort >= 0 ? settings->sort : ROWS_BY_RATE,
		.reverse = settings->reverse,
		.ask_servers = settings->names,
		.store = settings->store,
		.since = settings->since,
		.unix_sockets = settings->unix_sockets,
		.all_drops = settings->all_drops,
		.interval = settings->interval,
		.duration = settings->duration,
		.graph = settings->graph >= 0 ? &graph : NULL,
		.format = settings->graph,
	};
	int status;

	/* What was recorded is no live table. */
	if (settings->since && request.way == FLOWS_TABLES)
		request.way = FLOWS_LINES;
	if (request.way == FLOWS_TABLES && !request.interval)
		request.interval = 1000000000;
	status = flows_run(&request);
	graph_free(&graph);
	return status;
}

static int run_flows(const struct command *command, int argc, char **argv)
{
	struct flows_settings settings;
	struct option_rest rest;
	int status;

	if (!option_parse(command, argc, argv, &settings, &rest, &status))
		return status;
	status = check(command, &settings, &rest);
	if (!status)
		status = run(command, &settings);
	option_free(command, &settings);
	return status;
}

#define AT(member) offsetof(struct flows_settings, member)

static const struct option options[] = {
	EVENT_FILTER_OPTIONS(struct flows_settings, filter,
			     "only flows for which this is true, of what they have as JSON: 'server.port == 443 and bytes.to_client > 1MB'"),
	{ .name = "verdict", .type = OPTION_CHOICE, .offset = AT(verdict), .argument = "VERDICT", .choices = flow_verdict_names,
	  .help = "only what was forwarded, dropped (packets, by the kernel), denied (by a policy), failed, or waits for an answer (pending)" },
	{ .name = "process", .letter = 'p', .type = OPTION_STRING, .offset = AT(process), .argument = "NAME|PID",
	  .help = "only flows with this process at either end; the name is the tool's, as top and report have it" },
	{ .name = "container", .type = OPTION_STRING, .offset = AT(container), .argument = "ID|NAME",
	  .help = "only flows with this container at either end" },
	{ .name = "port", .type = OPTION_INTEGER, .offset = AT(port), .min = 1, .max = 65535, .argument = "N",
	  .help = "only services on this port" },
	{ .name = "peer", .type = OPTION_STRING, .offset = AT(peer), .argument = "CIDR",
	  .help = "only with this address or range at an end; with --process or --container, at the other end" },
	{ .name = "from", .type = OPTION_STRING, .offset = AT(from), .argument = "WORKLOAD",
	  .help = "only from this client: a tool, process id, container, host's name, address or range" },
	{ .name = "to", .type = OPTION_STRING, .offset = AT(to), .argument = "WORKLOAD", .help = "only to this server, likewise" },
	{ .name = "pid", .type = OPTION_INTEGER, .offset = AT(scope.pid), .min = 1, .max = 4194304, .argument = "N",
	  .help = "watch only this process and its descendants; who the others are is then not known" },
	{ .name = "cgroup", .type = OPTION_STRING, .offset = AT(scope.cgroup), .argument = "PATH",
	  .help = "watch only this control group and those below it, likewise" },
	{ .name = "uid", .type = OPTION_STRING, .offset = AT(scope.user), .argument = "USER",
	  .help = "watch only processes of this user (name or number), likewise" },
	{ .name = "unix", .letter = 'u', .type = OPTION_FLAG, .offset = AT(unix_sockets),
	  .help = "also show who connects to which Unix socket" },
	{ .name = "all-drops", .type = OPTION_FLAG, .offset = AT(all_drops),
	  .help = "also packets that the kernel frees in normal work, as those that a closed socket had not read" },
	{ .name = "names", .letter = 'n', .type = OPTION_FLAG, .offset = AT(names),
	  .help = "ask the name server for names of hosts" },
	{ .name = "graph", .letter = 'g', .type = OPTION_CHOICE, .offset = AT(graph), .argument = "FORMAT",
	  .choices = graph_format_names, .help = "at the end write the map of services: svg, dot or json" },
	{ .name = "since", .type = OPTION_DURATION, .offset = AT(since), .min = 1, .max = INT64_MAX, .argument = "DURATION",
	  .help = "instead of watching, show what recordings since then saw" },
	{ .name = "store", .type = OPTION_STRING, .offset = AT(store), .argument = "FILE",
	  .help = "with --since: where runs are kept" },
	{ .name = "sort", .letter = 's', .type = OPTION_CHOICE, .offset = AT(sort), .argument = "COLUMN",
	  .choices = rows_sort_names, .help = "on a screen, the most first: rate (default), bytes, rtt, retransmits, age, drops" },
	{ .name = "reverse", .letter = 'r', .type = OPTION_FLAG, .offset = AT(reverse), .help = "on a screen, the least first" },
	{ .name = "interval", .letter = 'i', .type = OPTION_DURATION, .offset = AT(interval), .min = 50000000,
	  .max = 3600000000000, .argument = "DURATION",
	  .help = "with --json also tell of open connections this often; on a screen, time between two looks (1s)" },
	{ .name = "for", .type = OPTION_DURATION, .offset = AT(duration), .min = 1, .max = INT64_MAX, .argument = "DURATION",
	  .help = "end after this long: 10s, 5m, 1h30m" },
	{ .name = "json", .letter = 'j', .type = OPTION_FLAG, .offset = AT(json),
	  .help = "one JSON object for each as it ends, the last line a summary" },
	{ 0 }
};

static const struct example examples[] = {
	{ "sonde flows", "what goes on now, on the whole screen; ? shows the keys" },
	{ "sonde flows --verdict dropped", "packets the kernel drops: why, where, between whom" },
	{ "sonde flows --from web --to postgres --json", "connections between two workloads, for a script" },
	{ "sonde flows -f 'server.address not in 10.0.0.0/8 and retransmits > 10'", "what goes badly to the world outside" },
	{ "sonde flows --graph svg --for 1m > services.svg", "a map of who uses which service of whom" },
	{ "sonde flows --since 1h --port 5432", "who used the database in the last hour, from recordings" },
	{ "sonde flows --process curl --peer 10.0.0.0/8 | cat", "a line for each connection as it ends" },
	{ 0 }
};

const struct command flows_command = {
	.name = "flows",
	.summary = "show who talks to whom, and what was refused or dropped",
	.usage = "[OPTION]...",
	.description = "Shows connections, datagrams and dropped packets, with the process, container and user at each end that is on "
		       "this machine. A connection whose two ends are both here is one, also across network namespaces and through "
		       "address translation.\n\n"
		       "On a terminal it is a live table; else a line for each connection as it ends, with what went over it, and "
		       "at the end one for each that is open.",
	.examples = examples,
	.options = options,
	.run = run_flows,
};
