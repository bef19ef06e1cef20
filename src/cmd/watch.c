#include "cmd/watch.h"

#include <signal.h>
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

/* A signal that came since it was looked for is not slept through. */
static void wait_until(const struct watch *watch, u64 time)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (!stop_signalled())
		lanes_wait(kernel_lanes(watch->kernel), milliseconds_until(time), &before);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void watch_run(const struct watch *watch)
{
	u64 interval = watch->interval ? watch->interval : INTERVAL_NS;
	u64 fold = (watch->begin ? watch->begin : wall_boot_now()) + interval;

	while (stop_expect(), !stop_asked() && !child_ended(watch->child)) {
		u64 now = wall_boot_now(), next = now + WAIT_NS;
		long count;

		if (now >= watch->end)
			break;
		count = lanes_drain(kernel_lanes(watch->kernel), watch->deliver, watch->context, BATCH);
		if (wall_is_due(&fold, now, interval)) {
			kernel_fold(watch->kernel, watch->deliver, watch->context);
			if (watch->folded)
				watch->folded(watch->context, now);
		}
		if (count < 0 || !watch->turn(watch->context, now, &next))
			break;
		next = next < fold ? next : fold;
		if (count < BATCH)
			wait_until(watch, next < watch->end ? next : watch->end);
	}
}

void watch_go_first(void)
{
	setpriority(PRIO_PROCESS, 0, -20);
}
