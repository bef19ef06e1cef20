/*
 * A condition is asked about an event; here it is one around a flow. What both ends have is there once for each, and the process and
 * container also for either: `process.name == "curl"` is true of a flow that has curl at any end.
 */
#include "net/flow_fields.h"

#include <string.h>

#include "base/alloc.h"
#include "event/words.h"
#include "lang/eval.h"
#include "lang/symbols.h"

struct asked {
	struct event event;
	struct record record;
	const struct flow *flow;
	struct names *names;
	struct user_table *users;
};

static const struct asked *asked_of(const struct event *event)
{
	return (const struct asked *)((const char *)event - offsetof(struct asked, event));
}

static const struct flow *flow_of(const struct event *event)
{
	return asked_of(event)->flow;
}

static bool shared(struct value *value, const struct shared_bytes *bytes)
{
	if (!bytes || !bytes->length)
		return false;
	value->bytes = (struct bytes){ .data = bytes->data, .length = bytes->length };
	return true;
}

static bool nonzero(struct value *value, u64 number)
{
	return number && value_number(value, number);
}

#define GETTER(name) static bool name(const struct event *event, struct value *value)

GETTER(get_kind)
{
	return value_text(value, flow_kind_names[flow_of(event)->kind]);
}

GETTER(get_verdict)
{
	return value_text(value, flow_verdict_names[flow_of(event)->verdict]);
}

GETTER(get_state)
{
	return value_text(value, flow_state_name(flow_of(event)));
}

GETTER(get_transport)
{
	const struct flow *flow = flow_of(event);

	return (flow->kind != FLOW_DROP || flow->transport) && value_text(value, flow_transport_name(flow->transport, value->scratch));
}

GETTER(get_service)
{
	const struct flow *flow = flow_of(event);

	return asked_of(event)->names && value_text(value, names_service(asked_of(event)->names, flow->server.at.port, flow->transport));
}

GETTER(get_path)
{
	const struct flow *flow = flow_of(event);

	value->bytes = (struct bytes){ .data = flow->path, .length = flow->path_length };
	return flow->path && flow->path_length;
}

GETTER(get_reason)
{
	return flow_of(event)->kind == FLOW_DROP && value_text(value, flow_of(event)->reason);
}

GETTER(get_function)
{
	return flow_of(event)->kind == FLOW_DROP && value_text(value, flow_of(event)->function);
}

GETTER(get_interface)
{
	return flow_of(event)->kind == FLOW_DROP && flow_of(event)->interface[0] && value_text(value, flow_of(event)->interface);
}

GETTER(get_towards)
{
	return flow_of(event)->kind == FLOW_DROP && value_text(value, flow_of(event)->backwards ? "client" : "server");
}

GETTER(get_drop_namespace)
{
	return nonzero(value, flow_of(event)->network_namespace);
}

GETTER(get_dropped_packets)
{
	return flow_of(event)->kind == FLOW_DROP && value_number(value, flow_of(event)->packets);
}

GETTER(get_dropped_bytes)
{
	return flow_of(event)->kind == FLOW_DROP && value_number(value, flow_of(event)->bytes);
}

GETTER(get_closed_by)
{
	return value_text(value, flow_close_name(flow_of(event)->close));
}

GETTER(get_error)
{
	return flow_of(event)->error && value_text(value, word_errno(flow_of(event)->error));
}

GETTER(get_error_reason)
{
	return value_text(value, word_attempt(flow_of(event)->error));
}

#define NUMBER(getter, expression)                                              \
	GETTER(getter)                                                          \
	{                                                                       \
		const struct flow *flow = flow_of(event);                       \
										\
		return nonzero(value, expression);                              \
	}
/* What there is of a connection or of datagrams, even if it is 0. */
#define AMOUNT(getter, expression)                                              \
	GETTER(getter)                                                          \
	{                                                                       \
		const struct flow *flow = flow_of(event);                       \
										\
		return flow->kind != FLOW_DROP && !flow->path && value_number(value, expression); \
	}

NUMBER(get_time, flow->last)
NUMBER(get_begun, flow->begun)
NUMBER(get_connections, flow->connections)
NUMBER(get_duration, flow->duration)
NUMBER(get_latency, flow->latency)
NUMBER(get_rtt, flow->rtt_us)
NUMBER(get_dialled_port, flow->dialled.port)
NUMBER(get_appeared_port, flow->appeared.port)
AMOUNT(get_to_server, flow->to_server)
AMOUNT(get_to_client, flow->to_client)
AMOUNT(get_stalled, flow->stalled)

GETTER(get_retransmits)
{
	return flow_knows_segments(flow_of(event)) && value_number(value, flow_of(event)->retransmits);
}

GETTER(get_dialled_address)
{
	return value_address(value, flow_of(event)->dialled.family, flow_of(event)->dialled.address);
}

GETTER(get_appeared_address)
{
	return value_address(value, flow_of(event)->appeared.family, flow_of(event)->appeared.address);
}

/* --- of one end --- */

static bool end_host(const struct event *event, const struct flow_end *end, struct value *value)
{
	return asked_of(event)->names && value_text(value, names_host(asked_of(event)->names, &end->at));
}

static bool end_network(const struct event *event, const struct flow_end *end, struct value *value)
{
	return asked_of(event)->names && value_text(value, names_network(asked_of(event)->names, end->network_namespace));
}

#define DATAGRAMS (1U << FLOW_DATAGRAMS)
#define CONNECTION (1U << FLOW_CONNECTION)
#define SEGMENTS (1U << FLOW_KINDS)	/* connections of which they are known */

/* What flows of some kinds have of an end whose socket is here, even if it is 0. */
static bool end_amount(const struct event *event, const struct flow_end *end, u32 kinds, u64 amount, struct value *value)
{
	u32 is = 1U << flow_of(event)->kind | (flow_knows_segments(flow_of(event)) ? SEGMENTS : 0);

	return end->here && end->at.family && kinds & is && value_number(value, amount);
}

static bool end_user(const struct event *event, const struct flow_end *end, struct value *value)
{
	struct user_table *users = asked_of(event)->users;

	return users && end->party && value_text(value, user_name(users, end->party->user, end->party->start));
}

#define END_AMOUNT(end, name, kinds, member)                                                                    \
	GETTER(get_##end##_##name) { return end_amount(event, &flow_of(event)->end, kinds, flow_of(event)->end.member, value); }

#define END_GETTERS(end)                                                                                        \
	GETTER(get_##end##_address) { return value_address(value, flow_of(event)->end.at.family, flow_of(event)->end.at.address); } \
	GETTER(get_##end##_port) { return nonzero(value, flow_of(event)->end.at.port); }                        \
	GETTER(get_##end##_host) { return end_host(event, &flow_of(event)->end, value); }                       \
	GETTER(get_##end##_namespace) { return nonzero(value, flow_of(event)->end.network_namespace); }         \
	GETTER(get_##end##_network) { return end_network(event, &flow_of(event)->end, value); }                 \
	END_AMOUNT(end, sent, DATAGRAMS | CONNECTION, sent)                                                     \
	END_AMOUNT(end, received, DATAGRAMS | CONNECTION, received)                                             \
	END_AMOUNT(end, packets_sent, DATAGRAMS, packets_sent)                                                  \
	END_AMOUNT(end, packets_received, DATAGRAMS, packets_received)                                          \
	END_AMOUNT(end, segments_sent, SEGMENTS, packets_sent)                                                  \
	END_AMOUNT(end, segments_received, SEGMENTS, packets_received)                                          \
	END_AMOUNT(end, retransmits, SEGMENTS, retransmits)                                                     \
	GETTER(get_##end##_rtt) { return nonzero(value, flow_of(event)->end.rtt_us); }                          \
	GETTER(get_##end##_user_name) { return end_user(event, &flow_of(event)->end, value); }                  \
	GETTER(get_##end##_pid)                                                                                 \
	{                                                                                                       \
		const struct party *party = flow_of(event)->end.party;                                          \
														\
		return party && value_number(value, party->pid);                                                \
	}                                                                                                       \
	GETTER(get_##end##_user)                                                                                \
	{                                                                                                       \
		const struct party *party = flow_of(event)->end.party;                                          \
														\
		return party && value_number(value, party->user);                                               \
	}                                                                                                       \
	GETTER(get_##end##_process)                                                                             \
	{                                                                                                       \
		const struct party *party = flow_of(event)->end.party;                                          \
														\
		return party && shared(value, party->tool);                                                     \
	}                                                                                                       \
	GETTER(get_##end##_container)                                                                           \
	{                                                                                                       \
		const struct party *party = flow_of(event)->end.party;                                          \
														\
		return party && shared(value, party->container);                                                \
	}                                                                                                       \
	GETTER(get_##end##_container_id)                                                                        \
	{                                                                                                       \
		const struct party *party = flow_of(event)->end.party;                                          \
														\
		return party && shared(value, party->container_id);                                             \
	}

END_GETTERS(client)
END_GETTERS(server)

/* --- of either --- */

/* Up to two texts, with a NUL behind each. */
static bool either(struct value *value, const struct shared_bytes *client, const struct shared_bytes *server)
{
	const struct shared_bytes *both[] = { client, server };
	static struct text texts;

	text_reset(&texts);
	for (int i = 0; i < 2; i++)
		if (both[i] && both[i]->length) {
			text_add_bytes(&texts, both[i]->data, both[i]->length);
			text_add_char(&texts, 0);
		}
	value->bytes = (struct bytes){ .data = text_string(&texts), .length = texts.length };
	return texts.length > 0;
}

#define EITHER(getter, member)                                                                                  \
	GETTER(getter)                                                                                          \
	{                                                                                                       \
		const struct party *client = flow_of(event)->client.party, *server = flow_of(event)->server.party; \
														\
		return either(value, client ? client->member : NULL, server ? server->member : NULL);           \
	}

EITHER(get_process, tool)
EITHER(get_container, container)
EITHER(get_container_id, container_id)

/* Up to two numbers. */
#define EITHER_NUMBER(getter, member)                                                                           \
	GETTER(getter)                                                                                          \
	{                                                                                                       \
		const struct party *client = flow_of(event)->client.party, *server = flow_of(event)->server.party; \
		u64 numbers[2];                                                                                 \
		u32 count = 0;                                                                                  \
														\
		if (client)                                                                                     \
			numbers[count++] = client->member;                                                      \
		if (server)                                                                                     \
			numbers[count++] = server->member;                                                      \
		memcpy(value->scratch, numbers, count * sizeof(*numbers));                                      \
		value->bytes = (struct bytes){ .data = value->scratch, .length = count * sizeof(*numbers) };    \
		return count > 0;                                                                               \
	}

EITHER_NUMBER(get_pid, pid)
EITHER_NUMBER(get_user, user)

#define FIELD(name_, type_, unit_, get_) { .name = name_, .type = FIELD_##type_, .unit = UNIT_##unit_, .kinds = ~0U, .get = get_ }
#define END(end)                                                                        \
	FIELD(#end ".address", ADDRESS, NONE, get_##end##_address),                     \
	FIELD(#end ".port", UNSIGNED, NONE, get_##end##_port),                          \
	FIELD(#end ".name", STRING, NONE, get_##end##_host),                            \
	FIELD(#end ".network_namespace", UNSIGNED, NONE, get_##end##_namespace),        \
	FIELD(#end ".network_namespace_name", STRING, NONE, get_##end##_network),       \
	FIELD(#end ".sent", UNSIGNED, BYTES, get_##end##_sent),                         \
	FIELD(#end ".received", UNSIGNED, BYTES, get_##end##_received),                 \
	FIELD(#end ".packets_sent", UNSIGNED, NONE, get_##end##_packets_sent),          \
	FIELD(#end ".packets_received", UNSIGNED, NONE, get_##end##_packets_received),  \
	FIELD(#end ".segments_sent", UNSIGNED, NONE, get_##end##_segments_sent),        \
	FIELD(#end ".segments_received", UNSIGNED, NONE, get_##end##_segments_received), \
	FIELD(#end ".retransmits", UNSIGNED, NONE, get_##end##_retransmits),            \
	FIELD(#end ".process.pid", UNSIGNED, NONE, get_##end##_pid),                    \
	FIELD(#end ".process.name", STRING, NONE, get_##end##_process),                 \
	FIELD(#end ".user.id", UNSIGNED, NONE, get_##end##_user),                       \
	FIELD(#end ".user.name", STRING, NONE, get_##end##_user_name),                  \
	FIELD(#end ".container.name", STRING, NONE, get_##end##_container),             \
	FIELD(#end ".container.id", STRING, NONE, get_##end##_container_id),            \
	FIELD(#end ".rtt_us", UNSIGNED, MICROSECONDS, get_##end##_rtt)

static const struct field flow_fields[] = {
	FIELD("kind", STRING, NONE, get_kind),
	FIELD("verdict", STRING, NONE, get_verdict),
	FIELD("state", STRING, NONE, get_state),
	FIELD("time", TIME, NONE, get_time),
	FIELD("begun", TIME, NONE, get_begun),
	FIELD("connections", UNSIGNED, NONE, get_connections),
	FIELD("transport", STRING, NONE, get_transport),
	FIELD("service", STRING, NONE, get_service),
	END(client),
	END(server),
	FIELD("server.path", STRING, NONE, get_path),
	FIELD("process.pid", NUMBERS, NONE, get_pid),
	FIELD("process.name", WORDS, NONE, get_process),
	FIELD("user.id", NUMBERS, NONE, get_user),
	FIELD("container.name", WORDS, NONE, get_container),
	FIELD("container.id", WORDS, NONE, get_container_id),
	FIELD("dialled.address", ADDRESS, NONE, get_dialled_address),
	FIELD("dialled.port", UNSIGNED, NONE, get_dialled_port),
	FIELD("appeared.address", ADDRESS, NONE, get_appeared_address),
	FIELD("appeared.port", UNSIGNED, NONE, get_appeared_port),
	FIELD("bytes.to_server", UNSIGNED, BYTES, get_to_server),
	FIELD("bytes.to_client", UNSIGNED, BYTES, get_to_client),
	FIELD("retransmits", UNSIGNED, NONE, get_retransmits),
	FIELD("stalled_ns", UNSIGNED, NANOSECONDS, get_stalled),
	FIELD("rtt_us", UNSIGNED, MICROSECONDS, get_rtt),
	FIELD("latency_ns", UNSIGNED, NANOSECONDS, get_latency),
	FIELD("duration_ns", UNSIGNED, NANOSECONDS, get_duration),
	FIELD("closed_by", STRING, NONE, get_closed_by),
	FIELD("error.type", STRING, NONE, get_error),
	FIELD("error.reason", STRING, NONE, get_error_reason),
	FIELD("drop.reason", STRING, NONE, get_reason),
	FIELD("drop.function", STRING, NONE, get_function),
	FIELD("drop.interface", STRING, NONE, get_interface),
	FIELD("drop.network_namespace", UNSIGNED, NONE, get_drop_namespace),
	FIELD("drop.towards", STRING, NONE, get_towards),
	FIELD("drop.packets", UNSIGNED, NONE, get_dropped_packets),
	FIELD("drop.bytes", UNSIGNED, BYTES, get_dropped_bytes),
};
#define FIELDS (sizeof(flow_fields) / sizeof(*flow_fields))

static const char *const sides[] = { "client", "server", NULL };

static const struct word *words_of(const char *const *names)
{
	struct word *words;
	size_t count = 0;

	while (names[count])
		count++;
	words = xcalloc(count + 1, sizeof(*words));
	for (size_t i = 0; i < count; i++)
		words[i].text = names[i];
	return words;
}

/* As flow_transport_name() has them. */
static const struct word *transports(void)
{
	struct word *words;
	size_t count = 0;

	while (words_protocol[count].text)
		count++;
	words = xcalloc(count + 2, sizeof(*words));
	memcpy(words, words_protocol, count * sizeof(*words));
	words[count].text = "unix";
	return words;
}

static void name_values(struct lang_symbol *symbol)
{
	static const struct {
		const char *field;
		const char *const *names;
	} named[] = {
		{ "kind", flow_kind_names }, { "verdict", flow_verdict_names }, { "state", flow_state_names },
		{ "drop.towards", sides }, { "closed_by", flow_close_names },
	};

	for (size_t i = 0; i < sizeof(named) / sizeof(*named); i++)
		if (!strcmp(named[i].field, symbol->name)) {
			symbol->words = words_of(named[i].names);
			symbol->all_words = true;
		}
	if (!strcmp(symbol->name, "transport"))
		symbol->words = transports();
}

struct lang_names flow_field_names(void)
{
	static struct lang_symbol symbols[FIELDS];

	for (size_t i = 0; i < FIELDS && !symbols[i].name; i++) {
		symbols[i] = lang_symbol_of_field(&flow_fields[i]);
		name_values(&symbols[i]);
	}
	return (struct lang_names){ symbols, FIELDS, ~0U, "they are named as `sonde flows --json` does, see docs/flows.md", NULL };
}

bool flow_holds(const struct lang_node *condition, const struct flow *flow, struct names *names, struct user_table *users)
{
	struct asked asked = { .record = { .kind = KIND_flow }, .flow = flow, .names = names, .users = users };

	asked.event.record = &asked.record;
	return lang_eval(condition, &asked.event);
}
