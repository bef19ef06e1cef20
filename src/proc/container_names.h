/* The name and the image of a container, from the files that its runtime leaves. */
#ifndef PROC_CONTAINER_NAMES_H
#define PROC_CONTAINER_NAMES_H

#include <stdbool.h>

#include "proc/container.h"

/* Empty strings are absent values. */
struct container_names {
	char name[256];
	char image[256];
	char pod_name[256];
	char pod_namespace[256];
};

/*
 * Reads files below `root` ("" for this machine), so it may block for a moment: cache what it says.
 * True when the runtime knows the container; then an unknown runtime becomes known, and a candidate
 * becomes a container. `identity` is else left alone.
 */
bool container_names_read(const char *root, struct container_identity *identity,
			  struct container_names *names);

#endif
