/*
 * Looks at what the machine offers. Mounts are taken from mountinfo, because where cgroup2 or tracefs lies differs;
 * whether programs may be loaded is tried with the smallest one there is.
 */
#include "kernel/features.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/tracefs.h"

/* Asked in this order: container runtimes and Slurm put a task below the root of these. */
static const char *const controllers[CGROUP_CONTROLLERS] = { "memory", "pids", "devices", "freezer", "cpu", "cpuset" };

/* The number of the first pid namespace is part of the kernel's interface (PROC_PID_INIT_INO). */
#define FIRST_PIDS 0xEFFFFFFCUL

static bool has_own_pids(void)
{
	struct stat status;

	return !stat("/proc/self/ns/pid", &status) && status.st_ino != FIRST_PIDS;
}

static size_t read_file(const char *path, char *buffer, size_t size)
{
	FILE *file = fopen(path, "re");
	size_t length = file ? fread(buffer, 1, size - 1, file) : 0;

	if (file)
		fclose(file);
	buffer[length] = '\0';
	return length;
}

static bool may_load(void)
{
	const struct bpf_insn program[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = bpf_prog_load(BPF_PROG_TYPE_RAW_TRACEPOINT, "sonde_probe", "GPL", program, 2, NULL);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

/* Where a v1 controller is mounted. */
static void find_mount(const char *controller, char path[256])
{
	FILE *file = fopen("/proc/self/mounts", "re");
	char line[4096], type[64], options[1024], where[256];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%*s %255s %63s %1023s", where, type, options) != 3 || strcmp(type, "cgroup"))
			continue;
		for (char *word = strtok(options, ","); word; word = strtok(NULL, ","))
			if (!strcmp(word, controller))
				snprintf(path, 256, "%s", where);
	}
	if (file)
		fclose(file);
}

/*
 * A controller's place in css_set.subsys is its line in /proc/cgroups among those that are built in; the hierarchy number
 * there is 0 for controllers of v2.
 */
static void find_controllers(struct features *features)
{
	FILE *file = fopen("/proc/cgroups", "re");
	s32 found[CGROUP_CONTROLLERS];
	char line[256], name[64];
	int hierarchy, index = 0, count = 0;

	memset(found, -1, sizeof(found));
	memset(features->controllers, -1, sizeof(features->controllers));
	while (file && fgets(line, sizeof(line), file)) {
		if (line[0] == '#' || sscanf(line, "%63s %d", name, &hierarchy) != 2)
			continue;
		for (int i = 0; i < CGROUP_CONTROLLERS; i++)
			if (hierarchy && !strcmp(name, controllers[i]))
				found[i] = index;
		index++;
	}
	if (file)
		fclose(file);
	for (int i = 0; i < CGROUP_CONTROLLERS; i++)
		if (found[i] >= 0) {
			find_mount(controllers[i], features->controller_paths[count]);
			features->controllers[count++] = found[i];
		}
}

static void find_cgroups(struct features *features)
{
	FILE *file = fopen("/proc/self/mountinfo", "re");
	bool v1 = features->controllers[0] >= 0;
	char line[4096], path[2048];
	static char v2[2048];

	features->cgroup2_path = NULL;
	while (file && fgets(line, sizeof(line), file)) {
		if (!strstr(line, " - cgroup2 ") || sscanf(line, "%*s %*s %*s %*s %2047s", path) != 1)
			continue;
		snprintf(v2, sizeof(v2), "%s", path);
		features->cgroup2_path = v2;
	}
	if (file)
		fclose(file);
	features->cgroups = features->cgroup2_path ? (v1 ? "hybrid" : "v2") : v1 ? "v1" : "none";
}

void features_find(struct features *features)
{
	struct rlimit limit;
	char text[4096];

	memset(features, 0, sizeof(*features));
	features->btf = access("/sys/kernel/btf/vmlinux", R_OK) == 0;
	features->privileged = may_load();
	features->own_pids = has_own_pids();
	features->kprobes = access("/sys/bus/event_source/devices/kprobe/type", R_OK) == 0;
	features->tracefs = tracefs_id("sched", "sched_process_exec") > 0;
	features->cpus = libbpf_num_possible_cpus();
	features->memlock = getrlimit(RLIMIT_MEMLOCK, &limit) || limit.rlim_cur == RLIM_INFINITY ? ~0ULL : limit.rlim_cur;
	if (read_file("/sys/kernel/security/lockdown", text, sizeof(text))) {
		char *start = strchr(text, '['), *end = start ? strchr(start, ']') : NULL;

		if (end)
			snprintf(features->lockdown, sizeof(features->lockdown), "%.*s", (int)(end - start - 1),
				 start + 1);
	}
	if (read_file("/sys/kernel/security/lsm", text, sizeof(text)))
		snprintf(features->lsms, sizeof(features->lsms), "%.*s", 127, text);
	features->lsm = strstr(features->lsms, "bpf") != NULL;
	find_controllers(features);
	find_cgroups(features);
	features->stack_size = 16384;
}

const char *features_obstacle(const struct features *features)
{
	if (!strcmp(features->lockdown, "confidentiality"))
		return "the kernel is locked down (confidentiality), which forbids reading kernel memory: "
		       "boot with lockdown=integrity or without";
	if (!features->privileged && geteuid() != 0)
		return "watching needs root, or the capability CAP_SYS_ADMIN: try sudo";
	if (!features->privileged)
		return "the kernel refuses to load BPF programs, even to root: it may be built without "
		       "CONFIG_BPF_SYSCALL, or this container lacks CAP_SYS_ADMIN";
	if (features->own_pids)
		return "this container has a pid namespace of its own, so the processes seen here are not those the kernel "
		       "tells of: give it the host's (docker run --pid=host), or run sonde on the host";
	if (!features->btf)
		return "the kernel does not describe its types (/sys/kernel/btf/vmlinux is missing): "
		       "it needs CONFIG_DEBUG_INFO_BTF, as all distribution kernels since 2021 have";
	return NULL;
}

int features_controller_at(const struct features *features, unsigned long device)
{
	struct stat status;

	for (int i = 0; i < CGROUP_CONTROLLERS && features->controllers[i] >= 0; i++)
		if (features->controller_paths[i][0] && !stat(features->controller_paths[i], &status) &&
		    status.st_dev == device)
			return i;
	return -1;
}

size_t features_cgroup_mounts(const struct features *features, const char **paths, size_t most)
{
	size_t count = 0;

	if (features->cgroup2_path && count < most)
		paths[count++] = features->cgroup2_path;
	for (int i = 0; i < CGROUP_CONTROLLERS && count < most; i++)
		if (features->controller_paths[i][0])
			paths[count++] = features->controller_paths[i];
	return count;
}
