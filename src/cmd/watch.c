#include "cmd/watch.h"

#include <sys/resource.h>

#include "base/wall.h"
#include "cmd/stop.h"

#define WAIT_NS 50000000ULL
#define BATCH 8192
#define INTERVAL_NS 1000000000ULL

static int milliseconds_until(u64 time)
{
	u64 now = wall_boot_now();

	return time > now ? (int)((time - now + 999999) / 1000000) : 0;
}

void watch_run(const struct watch *watch)
{
	u64 folded = wall_boot_now(), interval = watch->interval ? watch->interval : INTERVAL_NS;

	while (!stop_asked() && !child_ended(watch->child)) {
		u64 now = wall_boot_now(), next = now + WAIT_NS;
		long count;

		if (now >= watch->end)
			break;
		if (next > watch->end)
			next = watch->end;
		count = lanes_drain(kernel_lanes(watch->kernel), watch->deliver, watch->context, BATCH);
		if (now - folded >= interval) {
			kernel_fold(watch->kernel, watch->deliver, watch->context);
			folded = now;
			if (watch->folded)
				watch->folded(watch->context, now);
		}
		if (count < 0 || !watch->turn(watch->context, now, &next))
			break;
		if (count < BATCH)
			lanes_wait(kernel_lanes(watch->kernel), milliseconds_until(next));
	}
}

void watch_go_first(void)
{
	setpriority(PRIO_PROCESS, 0, -20);
}
