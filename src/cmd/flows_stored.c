/*
 * A recording keeps one row for a process and a peer, with sums. What both ends have is shown once, as the client's: of the rows of a server
 * only those are shown for whose clients there is no row, because they are elsewhere. Dropped packets are rows by themselves.
 */
#include "cmd/flows_stored.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/message.h"
#include "books/store.h"
#include "cmd/output.h"
#include "cmd/terminal.h"
#include "net/graph.h"
#include "wire/net.h"

struct stored {
	struct flows_request *request;
	struct store *store;
	struct names *names;
	struct user_table *users;
	struct show show;
	struct output output;
	struct shared_pool texts;
	size_t memory;
	s64 from;			/* ns since 1970 */
	u64 *runs;			/* ids, the oldest last */
	size_t run_count;
	u64 told, filtered;
	bool failed;
};

/* What is looked at of a row. */
struct stored_row {
	const struct run_peer *peer;
	struct endpoint local, remote;
	u64 key;			/* the same for the two ends of what they share */
	bool covered;			/* a server's: shown with its clients */
};

static void parse_address(const struct run *run, u32 text, u32 port, struct endpoint *endpoint)
{
	struct run_bytes bytes = run_text(run, text);
	struct cidr one;

	memset(endpoint, 0, sizeof(*endpoint));
	if (bytes.length && !strchr(bytes.data, '/') && !cidr_parse(bytes.data, &one))
		*endpoint = one.base;
	endpoint->port = port;
}

/* An address of loopback is another in each namespace. */
static u64 key_of(const struct stored_row *row, bool client)
{
	const struct endpoint *from = client ? &row->local : &row->remote, *to = client ? &row->remote : &row->local;
	u64 words[4], key = (u64)row->peer->port << 8 | row->peer->transport;

	memcpy(words, from->address, 16);
	memcpy(words + 2, to->address, 16);
	if (endpoint_is_loopback(to))
		key ^= (u64)row->peer->network_namespace << 32;
	for (int i = 0; i < 4; i++) {
		key = (key ^ words[i]) * 0x9e3779b97f4a7c15ULL;
		key ^= key >> 29;
	}
	return key;
}

static struct shared_bytes *text_of(struct stored *stored, const struct run *run, u32 text)
{
	struct run_bytes bytes = run_text(run, text);

	return text == RUN_NONE || !bytes.length ? NULL : shared_intern(&stored->texts, bytes.data, bytes.length);
}

static void fill_party(struct stored *stored, struct party *party, const struct run *run, u32 index)
{
	const struct run_process *process = &run->processes[index];
	const struct run_container *container = process->container < run->container_count ?
							&run->containers[process->container] : NULL;

	*party = (struct party){ .pid = process->pid, .start = process->start, .user = process->user };
	if (process->tool < run->tool_count)
		party->tool = text_of(stored, run, run->tools[process->tool].name);
	if (!container)
		return;
	party->container_id = text_of(stored, run, container->id);
	party->container = text_of(stored, run, container->name);
	if (!party->container)
		party->container = shared_hold(party->container_id);
}

static void empty_party(struct stored *stored, struct party *party)
{
	shared_drop(&stored->texts, party->tool);
	shared_drop(&stored->texts, party->container);
	shared_drop(&stored->texts, party->container_id);
}

static void tell(struct stored *stored, const struct flow *flow)
{
	names_learn(stored->names, flow);
	if (!filter_wants(&stored->request->filter, flow)) {
		stored->filtered++;
		return;
	}
	stored->told++;
	if (stored->request->graph)
		graph_add(stored->request->graph, flow);
	else if (stored->request->way == FLOWS_JSON)
		show_json(&stored->output.text, &stored->show, flow, false);
	else
		show_line(&stored->output.text, &stored->show, flow);
	output_some(&stored->output);
}

static u8 protocol_of(u8 transport)
{
	return transport == NET_UDP ? IPPROTO_UDP : transport == NET_ICMP ? IPPROTO_ICMP : IPPROTO_TCP;
}

/* Bytes went there and back, or a connection was made: then there is a flow, whatever failed besides. */
static u64 use_of(const struct run_peer *peer)
{
	return peer->connections + peer->sent + peer->received + peer->packets_sent + peer->packets_received;
}

/* Those that were made, and those that were not, are two flows. */
static void tell_row(struct stored *stored, const struct run *run, const struct stored_row *row, const struct stored_row *other)
{
	const struct run_peer *peer = row->peer;
	bool client = peer->direction != NET_IN;
	struct party own, theirs;
	struct flow_end self = { .at = row->local, .network_namespace = peer->network_namespace, .here = true,
				 .counted = true, .party = &own, .sent = peer->sent, .received = peer->received, .retransmits = peer->retransmits,
				 .packets_sent = peer->packets_sent, .packets_received = peer->packets_received };
	struct flow_end distant = { .at = row->remote };
	struct flow flow = {
		.kind = peer->transport == NET_TCP ? FLOW_CONNECTION : FLOW_DATAGRAMS,
		.transport = protocol_of(peer->transport),
		.begun = peer->first, .last = peer->last, .duration = peer->last - peer->first, .latency = peer->latency,
		.to_server = client ? peer->sent : peer->received, .to_client = client ? peer->received : peer->sent,
		.retransmits = peer->retransmits, .connections = peer->connections,
	};

	fill_party(stored, &own, run, peer->process);
	if (other) {
		fill_party(stored, &theirs, run, other->peer->process);
		distant.here = true;
		distant.party = &theirs;
		distant.network_namespace = other->peer->network_namespace;
	}
	flow.client = client ? self : distant;
	flow.server = client ? distant : self;
	if (use_of(peer))
		tell(stored, &flow);
	if (peer->failures) {
		flow.connections = peer->failures;
		flow.error = peer->error;
		flow.verdict = peer->error == EPERM || peer->error == EACCES ? FLOW_DENIED : FLOW_FAILED;
		flow.to_server = flow.to_client = flow.retransmits = flow.latency = 0;
		flow.client.sent = flow.client.received = flow.server.sent = flow.server.received = 0;
		tell(stored, &flow);
	}
	empty_party(stored, &own);
	if (other)
		empty_party(stored, &theirs);
}

static struct stored_row *read_rows(const struct stored *stored, const struct run *run, u32 *count)
{
	struct stored_row *rows = xcalloc(run->peer_count + 1, sizeof(*rows));

	*count = 0;
	for (u32 i = 0; i < run->peer_count; i++) {
		const struct run_peer *peer = &run->peers[i];
		struct stored_row *row = &rows[*count];
		bool client = peer->direction != NET_IN;

		if (peer->transport == NET_UNIX || run_wall(run, peer->last) < stored->from)
			continue;
		row->peer = peer;
		parse_address(run, peer->local, client ? 0 : peer->port, &row->local);
		parse_address(run, peer->address, client ? peer->port : 0, &row->remote);
		row->key = key_of(row, client);
		(*count)++;
	}
	return rows;
}

static const char *word(const struct run *run, u32 text)
{
	return text == RUN_NONE ? NULL : run_text(run, text).data;
}

/* Of the port of a service and a client's the recorder keeps the first: that end is the server. */
static void tell_drop(struct stored *stored, const struct run *run, const struct run_drop *drop)
{
	struct flow_end source = { 0 }, destination = { 0 }, *here;
	struct flow flow = {
		.kind = FLOW_DROP, .verdict = FLOW_DROPPED, .transport = drop->protocol,
		.backwards = drop->source_port && !drop->destination_port,
		.network_namespace = drop->network_namespace,
		.reason = word(run, drop->reason), .function = word(run, drop->function),
		.begun = drop->first, .last = drop->last, .duration = drop->last - drop->first,
		.packets = drop->packets, .bytes = drop->bytes,
	};
	struct party party;

	parse_address(run, drop->source, drop->source_port, &source.at);
	parse_address(run, drop->destination, drop->destination_port, &destination.at);
	here = flow_is_receivers(flow.reason, flow.function) ? &destination : &source;
	if (drop->process < run->process_count) {
		fill_party(stored, &party, run, drop->process);
		here->here = true;
		here->party = &party;
		here->network_namespace = drop->network_namespace;
	}
	flow.client = flow.backwards ? destination : source;
	flow.server = flow.backwards ? source : destination;
	snprintf(flow.interface, sizeof(flow.interface), "%s", drop->interface == RUN_NONE ? "" : word(run, drop->interface));
	tell(stored, &flow);
	if (here->here)
		empty_party(stored, &party);
}

static void tell_run(struct stored *stored, const struct run *run)
{
	struct table servers = { 0 };
	u32 count;
	struct stored_row *rows = read_rows(stored, run, &count);

	/* Of several servers that share a port the busiest stands for all. */
	for (u32 i = 0; i < count; i++) {
		struct stored_row *known = table_get(&servers, rows[i].key);

		if (rows[i].peer->direction == NET_IN && rows[i].local.family &&
		    (!known || use_of(known->peer) < use_of(rows[i].peer)))
			table_put(&servers, rows[i].key, &rows[i]);
	}
	stored->show.wall = (struct wall){ .offset = run->wall_offset };
	for (u32 i = 0; i < count; i++) {
		struct stored_row *server = rows[i].peer->direction == NET_IN ? NULL : table_get(&servers, rows[i].key);

		if (rows[i].peer->direction == NET_IN)
			continue;
		if (server && use_of(rows[i].peer))
			server->covered = true;
		tell_row(stored, run, &rows[i], server);
	}
	for (u32 i = 0; i < count; i++) {
		const struct stored_row *first = table_get(&servers, rows[i].key);

		if (rows[i].peer->direction == NET_IN && !(first && first->covered))
			tell_row(stored, run, &rows[i], NULL);
	}
	for (u32 i = 0; i < run->drop_count; i++)
		if (run_wall(run, run->drops[i].last) >= stored->from)
			tell_drop(stored, run, &run->drops[i]);
	table_free(&servers);
	free(rows);
}

/* --- the runs of that time --- */

static bool take_run(void *context, const struct store_entry *entry)
{
	struct stored *stored = context;

	if (entry->state != RUN_RECORDING && entry->started_wall + (s64)entry->duration < stored->from)
		return true;
	stored->runs = xrealloc(stored->runs, stored->run_count + 1, sizeof(*stored->runs));
	stored->runs[stored->run_count++] = entry->id;
	return true;
}

static void tell_runs(struct stored *stored)
{
	char which[24];

	for (size_t i = stored->run_count; i-- > 0;) {
		struct run *run;

		snprintf(which, sizeof(which), "%llu", (unsigned long long)stored->runs[i]);
		run = store_load(stored->store, which, 0);
		if (run)
			tell_run(stored, run);
		else
			stored->failed = true;
		run_free(run);
	}
}

static void add_summary(struct stored *stored)
{
	text_add_format(&stored->output.text,
			"{\"kind\":\"summary\",\"runs\":%zu,\"events\":{\"connection\":{\"produced\":%llu,\"delivered\":%llu,"
			"\"filtered\":%llu,\"lost\":0}},\"lost\":0}\n",
			stored->run_count, (unsigned long long)(stored->told + stored->filtered),
			(unsigned long long)stored->told, (unsigned long long)stored->filtered);
}

static int show(struct stored *stored)
{
	struct flows_request *request = stored->request;
	struct timespec now;
	const char *wrong;

	clock_gettime(CLOCK_REALTIME, &now);
	stored->from = (s64)now.tv_sec * 1000000000 + now.tv_nsec - (s64)request->since;
	if (filter_make(&request->filter, stored->names, &wrong))
		return option_mistake(request->command, "--%s: an address or a range like 10.0.0.0/8 or fd00::/8", wrong);
	request->filter.users = stored->users;
	if (request->graph)
		graph_use(request->graph, stored->names);
	if (store_list(stored->store, take_run, stored))
		return 1;
	if (!stored->run_count)
		message_note("no recording reaches into that time; `sonde record` makes one, `sonde runs` lists those there are");
	tell_runs(stored);
	if (request->graph)
		graph_write(request->graph, &stored->output.text, request->format);
	if (request->way == FLOWS_JSON)
		add_summary(stored);
	return output_end(&stored->output) || stored->failed;
}

int flows_stored(struct flows_request *request)
{
	struct stored stored = { .request = request };
	int status = 1;

	stored.texts.account = &stored.memory;
	stored.store = store_open(request->store, false);
	if (!stored.store)
		return 1;
	stored.names = names_new(&(struct names_options){ .ask_servers = false });
	stored.users = user_table_new(NULL);
	stored.show = (struct show){ .names = stored.names, .users = stored.users,
				     .colour = terminal_style(STDOUT_FILENO).colour };
	status = show(&stored);
	store_close(stored.store);
	names_free(stored.names);
	user_table_free(stored.users);
	shared_pool_free(&stored.texts);
	free(stored.runs);
	text_free(&stored.output.text);
	return status;
}
