/* A global memory barrier waits for an RCU grace period, which programs are part of. */
#include "kernel/grace.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Where the barrier is not to be had (nohz_full), longer than any program runs. */
#define GRACE_NS 50000000

void grace_wait(void)
{
	const struct timespec grace = { .tv_nsec = GRACE_NS };

	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		nanosleep(&grace, NULL);
}
