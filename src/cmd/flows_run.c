/*
 * Every second the kernel's sums and the connections that stand are looked at; what ended is told of as it ends, or up to two such looks
 * later where the other end could still turn up.
 */
#include "cmd/flows_run.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/duration.h"
#include "base/message.h"
#include "base/screen.h"
#include "cmd/balance.h"
#include "cmd/flows_stored.h"
#include "cmd/output.h"
#include "cmd/snapshot.h"
#include "cmd/stop.h"
#include "cmd/terminal.h"
#include "cmd/watch.h"
#include "net/conntrack.h"
#include "net/flow_fields.h"
#include "net/flows.h"
#include "net/graph.h"
#include "net/view.h"

#define PROCESS_KINDS (KIND_BIT(fork) | KIND_BIT(exec) | KIND_BIT(exit))
#define FLOW_BITS (KIND_BIT(connect) | KIND_BIT(accept) | KIND_BIT(close) | KIND_BIT(live) | KIND_BIT(flow) | KIND_BIT(drop))
#define TURN_NS 1000000000ULL
/* Nobody wants to look at an empty screen for long. */
#define FIRST_NS 300000000ULL
#define TEXT_ROWS 20

struct watching {
	struct flows_request *request;
	struct identity *identity;
	struct kernel *kernel;
	struct flows *flows;
	struct conntrack *conntrack;
	struct names *names;
	struct show show;
	struct flow_view view;
	struct output output;
	struct balance balance;
	bool screen, ending;
	u64 next, marked, intervals;
	u64 told[FLOW_KINDS], filtered[FLOW_KINDS];
	u64 unwritten[FLOW_KINDS];	/* of those told */
};

static int deliver(void *context, const void *bytes, size_t size)
{
	struct watching *watching = context;
	struct event event;

	if (event_decode(&event, bytes, size)) {
		watching->balance.unreadable++;
		return 0;
	}
	identity_complete(watching->identity, &event);
	flows_event(watching->flows, &event);
	if (event.record->kind == KIND_lost)
		watching->view.lost += ((const struct lost_record *)event.record)->count;
	else
		watching->balance.delivered[event.record->kind]++;
	return 0;
}

/* --- what is said --- */

static void say(struct watching *watching, const struct flow *flow, bool now)
{
	if (!filter_wants(&watching->request->filter, flow)) {
		watching->filtered[flow->kind]++;
		return;
	}
	watching->told[flow->kind]++;
	if (watching->request->way == FLOWS_LINES)
		show_line(&watching->output.text, &watching->show, flow);
	else
		show_json(&watching->output.text, &watching->show, flow, now);
	output_mark(&watching->output, flow->kind);
	output_some(&watching->output);
}

/* Something came to its end, or the watch did. */
static void tell(void *context, const struct flow *flow)
{
	struct watching *watching = context;

	names_learn(watching->names, flow);
	switch (watching->request->way) {
	case FLOWS_LINES:
	case FLOWS_JSON:
		say(watching, flow, false);
		break;
	case FLOWS_GRAPH:
		if (filter_wants(&watching->request->filter, flow))
			graph_add(watching->request->graph, flow);
		break;
	case FLOWS_TABLES:
		if (!watching->ending)
			rows_ended(&watching->view.rows, flow);
		break;
	case FLOWS_TABLES_JSON:
		break;
	}
}

static bool is_quiet(const struct flow *flow)
{
	return !flow->recent_to_server && !flow->recent_to_client && !flow->recent_retransmits;
}

/* Beside what is told of as it ends: not the drops, which were told of as they came, and after the first time only what goes on. */
static void say_open(void *context, const struct flow *flow)
{
	struct watching *watching = context;

	names_learn(watching->names, flow);
	if (watching->request->way == FLOWS_TABLES_JSON ||
	    (flow->kind != FLOW_DROP && (!watching->intervals || !is_quiet(flow))))
		say(watching, flow, true);
}

static void add_row(void *context, const struct flow *flow)
{
	struct watching *watching = context;

	names_learn(watching->names, flow);
	rows_add(&watching->view.rows, flow);
}

static void make_rows(struct watching *watching)
{
	rows_begin(&watching->view.rows);
	flows_each(watching->flows, add_row, watching);
	rows_finish(&watching->view.rows, watching->view.time);
}

static void print_table(struct watching *watching)
{
	struct text *out = &watching->output.text;
	const struct rows *rows = &watching->view.rows;
	size_t most = watching->request->rows ? watching->request->rows : TEXT_ROWS;

	if (watching->intervals)
		text_add_char(out, '\n');
	flow_view_title(&watching->view, out);
	text_add_char(out, '\n');
	rows_header(out, rows, 0, false);
	text_add_char(out, '\n');
	for (size_t i = 0; i < rows->count && i < most; i++) {
		rows_line(out, rows, &rows->rows[i], 0, false);
		text_add_char(out, '\n');
	}
}

/* An interval is over. */
static void look(struct watching *watching, u64 now)
{
	enum flows_way way = watching->request->way;

	wall_refresh(&watching->show.wall);
	if (way == FLOWS_TABLES) {
		watching->view.time = now;
		watching->view.forgotten = flows_count(watching->flows).forgotten;
		/* Frozen, the picture stays. */
		if (!watching->view.pane.frozen)
			make_rows(watching);
		if (!watching->screen)
			print_table(watching);
	} else if (way == FLOWS_TABLES_JSON || way == FLOWS_JSON) {
		flows_each(watching->flows, say_open, watching);
	}
	watching->intervals++;
}

/* --- the course of it --- */

static bool is_due(struct watching *watching, u64 now)
{
	u64 interval = watching->request->interval;

	if (!interval || now < watching->next)
		return false;
	/* After a pause (a suspended machine) not all missed ones at once. */
	watching->next += watching->intervals ? 0 : interval;
	while (watching->next <= now)
		watching->next += interval;
	return true;
}

static bool read_keys(struct watching *watching, bool *touched, bool *changed)
{
	int key;

	while ((key = screen_key()) != SCREEN_KEY_NONE) {
		*touched = true;
		if (!flow_view_key(&watching->view, key, changed))
			return false;
	}
	return !screen_ended();
}

static bool show_screen(struct watching *watching, bool due)
{
	bool touched = false, changed = false;

	if (!read_keys(watching, &touched, &changed))
		return false;
	if (changed && watching->view.time && !watching->view.pane.frozen)
		make_rows(watching);
	return !(screen_refresh() || due || touched) || flow_view_draw(&watching->view);
}

/*
 * What stands was looked at. Rates are of an interval, or where that is shorter of the time between two such looks: they
 * are taken where something new is known.
 */
static void take_fold(void *context, u64 now)
{
	struct watching *watching = context;

	wall_refresh(&watching->show.wall);
	flows_turn(watching->flows, now);
	if (now - watching->marked + TURN_NS / 2 < watching->request->interval)
		return;
	flows_mark(watching->flows);
	watching->show.interval = now - watching->marked;
	watching->marked = now;
}

static bool take_turn(void *context, u64 now, u64 *next)
{
	struct watching *watching = context;
	bool due;

	process_table_advance(watching->identity->processes, now);
	names_turn(watching->names, now);
	due = is_due(watching, now);
	if (due)
		look(watching, now);
	if (watching->screen && !show_screen(watching, due))
		return false;
	if (watching->request->interval && watching->next < *next)
		*next = watching->next;
	if (watching->request->count && watching->intervals >= watching->request->count)
		return false;
	return output_flush(&watching->output) && !output_reader_left();
}

static u64 lost_of(const struct watching *watching, u32 kind)
{
	u64 sum = 0;

	for (int cause = 0; cause < LOSS_CAUSES; cause++)
		sum += watching->balance.kernel.lost[kind][cause];
	return sum;
}

static void add_lost(const struct watching *watching, struct text *out)
{
	bool more = false;

	text_add(out, ",\"lost_events\":{");
	for (u32 kind = 0; kind < KIND_MAX; kind++) {
		if (!kind_is_public(kind) || !lost_of(watching, kind))
			continue;
		text_add_format(out, "%s\"%s\":%llu", more ? "," : "", kind_name(kind),
				(unsigned long long)lost_of(watching, kind));
		more = true;
	}
	text_add_char(out, '}');
}

static void add_summary(struct watching *watching)
{
	struct text *out = &watching->output.text;
	struct flows_count count = flows_count(watching->flows);

	text_add_format(out, "{\"kind\":\"summary\",\"seconds\":%.3f,\"events\":{",
			(watching->balance.ended - watching->balance.started) / 1e9);
	for (int kind = 0; kind < FLOW_KINDS; kind++) {
		u64 told = watching->told[kind], filtered = watching->filtered[kind], unwritten = watching->unwritten[kind];

		text_add_format(out, "%s\"%s\":{\"produced\":%llu,\"delivered\":%llu,\"filtered\":%llu,\"lost\":%llu}",
				kind ? "," : "", flow_kind_names[kind], (unsigned long long)(told + filtered),
				(unsigned long long)(told - unwritten), (unsigned long long)filtered, (unsigned long long)unwritten);
	}
	text_add_format(out, "},\"forgotten\":%llu,\"lost\":%llu", (unsigned long long)count.forgotten,
			(unsigned long long)balance_lost(&watching->balance));
	add_lost(watching, out);
	text_add(out, "}\n");
}

static void say_balance(const struct watching *watching, u64 forgotten)
{
	u64 drops = lost_of(watching, KIND_drop), lost = balance_lost(&watching->balance) - drops, told = 0, unwritten = 0;

	for (int kind = 0; kind < FLOW_KINDS; kind++) {
		told += watching->told[kind] - watching->unwritten[kind];
		unwritten += watching->unwritten[kind];
	}
	if (watching->request->way == FLOWS_LINES)
		message_note("%llu flows in %.1f s; %s", (unsigned long long)told,
			     (watching->balance.ended - watching->balance.started) / 1e9,
			     lost + drops ? "some events were lost" : unwritten ? "some were lost" : "nothing lost");
	if (unwritten)
		message_warn("%llu flows lost: they could not be written", (unsigned long long)unwritten);
	if (lost)
		message_warn("%llu events were lost: connections may be missing or have only one end",
			     (unsigned long long)lost);
	if (drops)
		message_warn("of %llu dropped packets no more is known: there were too many sorts at once",
			     (unsigned long long)drops);
	if (watching->balance.kernel.failed[FAILURE_CONNECTION])
		message_warn("of %llu ends of connections the owner may not be known: there were too many at once",
			     (unsigned long long)watching->balance.kernel.failed[FAILURE_CONNECTION]);
	if (forgotten)
		message_warn("%llu ends of connections were not kept while they were open: there were more than %u at once",
			     (unsigned long long)forgotten, FLOWS_ENDS);
}

static int finish(struct watching *watching)
{
	bool json = watching->request->way == FLOWS_JSON || watching->request->way == FLOWS_TABLES_JSON;
	u64 forgotten = flows_count(watching->flows).forgotten;
	int status;

	screen_close();
	/* What stands is told of once more before it cannot be looked at. */
	kernel_fold(watching->kernel, deliver, watching);
	kernel_detach(watching->kernel);
	balance_close(&watching->balance, watching->kernel, deliver, watching);
	watching->ending = true;
	wall_refresh(&watching->show.wall);
	flows_end(watching->flows);
	if (watching->request->graph)
		graph_write(watching->request->graph, &watching->output.text, watching->request->format);
	output_flush(&watching->output);
	if (json)
		add_summary(watching);
	status = output_end(&watching->output);
	say_balance(watching, forgotten);
	return status;
}

static int watch(struct watching *watching)
{
	const struct flows_request *request = watching->request;
	struct child nobody = { 0 };
	u64 now = wall_boot_now();

	watching->balance.started = watching->marked = now;
	watching->next = now + (watching->screen && request->interval > FIRST_NS ? FIRST_NS : request->interval);
	watch_go_first();
	watch_run(&(struct watch){
		.kernel = watching->kernel,
		.child = &nobody,
		.end = request->duration ? now + request->duration : ~0ULL,
		.deliver = deliver,
		.turn = take_turn,
		.folded = take_fold,
		.context = watching,
	});
	return finish(watching);
}

static int run(struct watching *watching, struct kernel_options *options, struct features *features)
{
	struct flows_request *request = watching->request;
	char took[DURATION_TEXT_SIZE];
	u64 began = wall_boot_now();
	int error;

	watching->kernel = kernel_open(options, features);
	if (!watching->kernel)
		return 1;
	if (options->scope == SCOPE_TREE)
		scope_watch_tree(watching->kernel, watching->identity, request->scope.pid);
	else
		snapshot_take(watching->kernel, watching->identity);
	/* The connections there are, with what went over them before. */
	lanes_drain(kernel_lanes(watching->kernel), deliver, watching, 1 << 20);
	kernel_fold(watching->kernel, deliver, watching);
	flows_mark(watching->flows);
	watching->screen = request->way == FLOWS_TABLES && isatty(STDOUT_FILENO);
	error = watching->screen ? screen_open() : 0;
	if (error) {
		message_error("cannot use this terminal: %s", strerror(-error));
		return 1;
	}
	if (!watching->screen)
		message_note("watching flows (attached in %s)", duration_format(wall_boot_now() - began, took));
	return watch(watching);
}

static void prepare_view(struct watching *watching)
{
	struct flow_view *view = &watching->view;

	view->name = watching->request->name;
	view->interval = watching->request->interval;
	view->filter = watching->request->filter;
	view->rows.show = &watching->show;
	view->rows.sort = watching->request->sort;
	view->rows.reverse = watching->request->reverse;
	if (watching->request->text)
		strncpy(view->pane.filter, watching->request->text, sizeof(view->pane.filter) - 1);
	flow_view_begin(view);
}

static u32 own_namespace(void)
{
	struct stat status;

	return stat("/proc/self/ns/net", &status) ? 0 : status.st_ino;
}

static int prepare(struct watching *watching, struct kernel_options *options, struct features *features)
{
	struct flows_request *request = watching->request;
	struct child nobody = { 0 };
	const char *obstacle, *wrong;

	features_find(features);
	obstacle = features_obstacle(features);
	if (obstacle) {
		message_error("%s", obstacle);
		return 1;
	}
	watching->identity = identity_new(true, NULL);
	if (!watching->identity)
		return 1;
	stop_prepare(0);
	watching->names = names_new(&(struct names_options){ .ask_servers = request->ask_servers });
	if (filter_make(&request->filter, watching->names, &wrong))
		return option_mistake(request->command, "--%s: an address or a range like 10.0.0.0/8 or fd00::/8", wrong);
	request->filter.users = watching->identity->users;
	if (request->graph)
		graph_use(request->graph, watching->names);
	watching->show = (struct show){
		.names = watching->names,
		.users = watching->identity->users,
		.network_namespace = own_namespace(),
		.colour = terminal_style(STDOUT_FILENO).colour,
	};
	wall_refresh(&watching->show.wall);
	prepare_view(watching);
	watching->conntrack = conntrack_new();
	watching->flows = flows_new(&(struct flows_options){
		.identity = watching->identity, .told = tell, .context = watching, .conntrack = watching->conntrack,
		.unix_sockets = request->unix_sockets });
	options->kinds = PROCESS_KINDS | FLOW_BITS;
	options->all_drops = request->all_drops;
	watching->balance.wanted = FLOW_BITS;
	return watching->flows ? scope_resolve(request->command, &request->scope, &nobody, features, watching->identity, options) : 1;
}

static int watch_flows(struct flows_request *request)
{
	struct watching watching = { .request = request, .output.unwritten = watching.unwritten };
	struct kernel_options options = { 0 };
	struct features features;
	int status;

	status = prepare(&watching, &options, &features);
	if (!status)
		status = run(&watching, &options, &features);
	screen_close();
	kernel_close(watching.kernel);
	flows_free(watching.flows);
	conntrack_free(watching.conntrack);
	rows_free(&watching.view.rows);
	names_free(watching.names);
	identity_free(watching.identity);
	text_free(&watching.output.text);
	text_free(&watching.output.marks);
	return status;
}

int flows_run(struct flows_request *request)
{
	struct lang_names names = flow_field_names();
	struct event_filter filter = { 0 };
	int status = event_filter_open(&filter, request->command, &request->expression, &names);

	request->filter.condition = filter.condition;
	if (!status && request->expression.explain)
		status = event_filter_explain_user(&filter, "flows", "the two ends of a flow meet outside of it");
	else if (!status)
		status = request->since ? flows_stored(request) : watch_flows(request);
	event_filter_close(&filter);
	return status;
}
