#define _GNU_SOURCE
#include "kernel/linger.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"

static int compare(const void *left, const void *right)
{
	return *(const int *)left - *(const int *)right;
}

/* Closes all but these, which are in order. */
static void keep_only(const int *kept, size_t count)
{
	unsigned int from = 0;

	for (size_t i = 0; i < count; i++) {
		if ((unsigned int)kept[i] > from)
			close_range(from, kept[i] - 1, 0);
		from = kept[i] + 1;
	}
	close_range(from, ~0U, 0);
}

/* Only calls that are safe where the parent had threads. */
static void hold(const int *kept, size_t count, int until)
{
	char byte;

	if (fork())
		_exit(0);
	setsid();
	keep_only(kept, count);
	while (read(until, &byte, 1) < 0 && errno == EINTR)
		;
	_exit(0);
}

int linger_for(const int *links, size_t count)
{
	int ends[2], *kept = xcalloc(count + 1, sizeof(*kept));
	pid_t child;

	if (pipe2(ends, O_CLOEXEC)) {
		free(kept);
		return -1;
	}
	memcpy(kept, links, count * sizeof(*kept));
	kept[count] = ends[0];
	qsort(kept, count + 1, sizeof(*kept), compare);
	child = fork();
	if (!child)
		hold(kept, count + 1, ends[0]);
	free(kept);
	close(ends[0]);
	if (child < 0) {
		close(ends[1]);
		return -1;
	}
	while (waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	return ends[1];
}
