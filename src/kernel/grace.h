/* Waits until every program that was running at the call has ended, so that it writes no more to what it had found. */
#ifndef KERNEL_GRACE_H
#define KERNEL_GRACE_H

void grace_wait(void);

#endif
