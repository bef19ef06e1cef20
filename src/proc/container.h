/*
 * What a cgroup path says about who runs in it: a container, a pod, a unit of systemd, a batch job.
 */
#ifndef PROC_CONTAINER_H
#define PROC_CONTAINER_H

#include <stdbool.h>
#include <stddef.h>

enum container_state {
	CONTAINER_UNKNOWN,	/* the path does not decide; id, if set, is a candidate to look for */
	CONTAINER_NONE,
	CONTAINER_INSIDE,
};

enum container_runtime {
	CONTAINER_RUNTIME_UNKNOWN,
	CONTAINER_RUNTIME_DOCKER,
	CONTAINER_RUNTIME_CONTAINERD,
	CONTAINER_RUNTIME_CRIO,
	CONTAINER_RUNTIME_PODMAN,
	CONTAINER_RUNTIME_LXC,
	CONTAINER_RUNTIME_CRUN,
	CONTAINER_RUNTIME_RUNC,
	CONTAINER_RUNTIME_NSPAWN,
	CONTAINER_RUNTIME_APPTAINER,
	CONTAINER_RUNTIME_BUILDKIT,
	CONTAINER_RUNTIME_GARDEN,
};

/* A name within a cgroup path has at most 255 bytes. Empty strings are absent values. */
struct container_identity {
	enum container_state state;
	enum container_runtime runtime;
	char id[256];		/* for LXC and machines: the name */
	char pod_uid[37];
	char unit[256];		/* innermost unit of systemd */
	char slice[256];	/* innermost slice above it */
	char slurm_job[24];
	char slurm_step[24];
};

/* Pure: reads nothing but the path. An empty or relative path is unknown. */
void container_from_cgroup(const char *path, size_t length, struct container_identity *out);

const char *container_state_name(enum container_state state);
/* NULL for an unknown runtime. */
const char *container_runtime_name(enum container_runtime runtime);

#endif
