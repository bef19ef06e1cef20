/* The sensor of open connections: what went over them, each interval. */
#include <string.h>

#include "kernel/pass.h"
#include "kernel/sensor.h"
#include "wire/net.h"

struct telling {
	lanes_deliver *deliver;
	void *context;
	long told;
};

static void tell(void *context, const void *record)
{
	struct telling *telling = context;
	struct connection_record live = *(const struct connection_record *)record;

	live.record.kind = KIND_live;
	live.record.flags &= ~RECORD_EXISTING;
	telling->deliver(telling->context, &live, sizeof(live));
	telling->told++;
}

static long fold(struct bpf_object *object, lanes_deliver *deliver, void *context)
{
	struct telling telling = { .deliver = deliver, .context = context };
	struct pass_connections connections = pass_over_connections(object);
	int error = pass_connections_run(&connections, tell, &telling);

	pass_connections_close(&connections);
	return error ? error : telling.told;
}

static const struct rung rungs[] = {
	{ .name = "iterator", .programs = { "sample_connections" }, .cost = COST_PASS, .attach_many = pass_attach_later,
	  .blind = "what is not TCP; more connections at once than are followed" },
	{ 0 }
};

static const struct point points[] = {
	{ .name = "connection totals", .help = "what went over the connections that are open, every interval", .rungs = rungs,
	  .kinds = KIND_BIT(live) },
	{ 0 }
};

const struct sensor live_sensor = { .name = "live", .points = points, .fold = fold };
