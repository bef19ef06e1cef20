/* What this machine allows, found by looking or trying, never from its version. */
#ifndef KERNEL_FEATURES_H
#define KERNEL_FEATURES_H

#include <stdbool.h>
#include <stddef.h>

#include "wire/settings.h"

struct features {
	bool btf;			/* the kernel describes its types */
	bool privileged;		/* may load programs at all */
	bool own_pids;			/* in a pid namespace of its own: pids here are not those the kernel tells */
	bool kprobes;
	bool lsm;			/* "bpf" is among the active security modules */
	u64 memlock;			/* bytes that may be locked; ~0: no limit. Matters before kernel 5.11 */
	bool tracefs;			/* readable, mounted or not */
	char lockdown[32];		/* "none", "integrity", "confidentiality", "" if not known */
	char lsms[128];
	const char *cgroups;		/* "v2", "v1", "hybrid", "none" */
	const char *cgroup2_path;	/* where v2 is mounted, NULL if not */
	s32 controllers[CGROUP_CONTROLLERS];
	char controller_paths[CGROUP_CONTROLLERS][256];	/* where each is mounted, "" if it is not */
	int cpus;
	u32 stack_size;
};

void features_find(struct features *features);

/*
 * The first reason why nothing can be watched here, as a sentence with its remedy; NULL if there is none.
 */
const char *features_obstacle(const struct features *features);

/* Which of the controllers is mounted as this device, -1: none of them. */
int features_controller_at(const struct features *features, unsigned long device);
/* Where control groups are mounted; returns how many. */
size_t features_cgroup_mounts(const struct features *features, const char **paths, size_t most);

#endif
