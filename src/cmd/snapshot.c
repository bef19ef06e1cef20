#include "cmd/snapshot.h"

static int learn(void *context, const void *bytes, size_t size)
{
	struct identity *identity = context;
	struct event event;

	if (event_decode(&event, bytes, size))
		return 0;
	if (event.record->kind == KIND_exec &&
	    !process_find(identity->processes, event.record->pid, event.record->start))
		identity_existing(identity, &event);
	return 0;
}

int snapshot_take(struct kernel *kernel, struct identity *identity)
{
	return kernel_existing(kernel, learn, identity);
}
