#define _GNU_SOURCE
#include "cmd/scope.h"

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/message.h"
#include "base/wall.h"
#include "cmd/snapshot.h"

#define CGROUP2_MAGIC 0x63677270
#define CGROUP1_MAGIC 0x27e0eb

/*
 * A directory of a cgroup file system as the key the programs use: its inode number is the group's id. They are then
 * told to look at that hierarchy alone.
 */
static int use_cgroup(const char *path, struct features *features, struct kernel_options *options)
{
	struct stat status;
	struct statfs system;

	if (stat(path, &status) || statfs(path, &system))
		return -errno;
	if (!S_ISDIR(status.st_mode))
		return -ENOTDIR;
	if (system.f_type == CGROUP2_MAGIC) {
		memset(features->controllers, -1, sizeof(features->controllers));
		options->scope_cgroup = status.st_ino & 0x00ffffffffffffffULL;
	} else if (system.f_type == CGROUP1_MAGIC) {
		int index = features_controller_at(features, status.st_dev);

		if (index < 0)
			return -EOPNOTSUPP;
		features->controllers[0] = features->controllers[index];
		for (int i = 1; i < CGROUP_CONTROLLERS; i++)
			features->controllers[i] = -1;
		options->scope_cgroup = (status.st_ino & 0x00ffffffffffffffULL) | 1ULL << 56;
	} else {
		return -EINVAL;
	}
	options->scope = SCOPE_CGROUP;
	return 0;
}

static int resolve_cgroup(const char *path, struct features *features, struct kernel_options *options)
{
	char whole[4096];
	int error = use_cgroup(path, features, options);

	/* "/system.slice" is meant within the hierarchy */
	if (error && features->cgroup2_path) {
		snprintf(whole, sizeof(whole), "%s/%s", features->cgroup2_path, path);
		if (!use_cgroup(whole, features, options))
			return 0;
	}
	if (error == -EINVAL)
		message_error("--cgroup %s: not in a cgroup file system", path);
	else if (error == -EOPNOTSUPP)
		message_error("--cgroup %s: a controller that sonde does not follow; use the one below memory or pids",
			      path);
	else if (error)
		message_error("--cgroup %s: %s", path, strerror(-error));
	return error ? 1 : 0;
}

/* nftw has no argument for its visitor. */
static struct {
	struct identity *identity;
	const char *wanted;
	size_t root_length;
	char found[4096];
} search;

static int visit_group(const char *path, const struct stat *status, int type, struct FTW *where)
{
	const char *below = path + search.root_length;
	struct cgroup *group;

	(void)status;
	(void)where;
	if (type != FTW_D || !*below)
		return 0;
	group = cgroup_learn(search.identity->cgroups, 1, below, strlen(below));
	if (!group || !cgroup_is_container(search.identity->cgroups, group, search.wanted, wall_boot_now()))
		return 0;
	snprintf(search.found, sizeof(search.found), "%s", path);
	return 1;
}

static int resolve_container(const char *wanted, struct features *features, struct identity *identity,
			     struct kernel_options *options)
{
	const char *roots[CGROUP_CONTROLLERS + 2];
	size_t count = features_cgroup_mounts(features, roots, sizeof(roots) / sizeof(roots[0]));

	search.identity = identity;
	search.wanted = wanted;
	for (size_t i = 0; i < count; i++) {
		search.root_length = strlen(roots[i]);
		if (nftw(roots[i], visit_group, 32, FTW_PHYS | FTW_MOUNT) == 1)
			return use_cgroup(search.found, features, options) ? 1 : 0;
	}
	message_error("--container %s: no running container has this name or id", wanted);
	return 1;
}

/* The process that a thread belongs to; its own number where that cannot be read. */
static int64_t thread_group(int64_t tid)
{
	char path[64], line[256];
	long long group = tid;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%lld/status", (long long)tid);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file) && sscanf(line, "Tgid: %lld", &group) != 1)
		;
	if (file)
		fclose(file);
	return group;
}

int scope_resolve(const struct command *command, const struct scope_settings *settings, const struct child *child,
		  struct features *features, struct identity *identity, struct kernel_options *options)
{
	int given = !!settings->pid + !!settings->cgroup + !!settings->container + !!settings->user + !!child->pid;

	if (given > 1)
		return option_mistake(command, "only one of --pid, --cgroup, --container, --uid and -- COMMAND can be given");
	if (settings->pid && kill(settings->pid, 0) && errno == ESRCH) {
		message_error("--pid %lld: no such process", (long long)settings->pid);
		return 1;
	}
	if (settings->pid && thread_group(settings->pid) != settings->pid) {
		message_error("--pid %lld: a thread of process %lld, which is what can be watched",
			      (long long)settings->pid, (long long)thread_group(settings->pid));
		return 1;
	}
	if (settings->pid || child->pid)
		options->scope = SCOPE_TREE;
	if (settings->user) {
		options->scope = SCOPE_USER;
		if (user_number(identity->users, settings->user, &options->scope_uid)) {
			message_error("--uid %s: no such user", settings->user);
			return 1;
		}
	}
	if (settings->cgroup)
		return resolve_cgroup(settings->cgroup, features, options);
	if (settings->container)
		return resolve_container(settings->container, features, identity, options);
	return 0;
}

static struct {
	struct kernel *kernel;
	struct identity *identity;
	u32 root;
} tree;

static int watch_descendant(void *context, const void *bytes, size_t size)
{
	struct process *process;
	struct event event;

	(void)context;
	if (event_decode(&event, bytes, size) || event.record->kind != KIND_exec)
		return 0;
	process = process_find(tree.identity->processes, event.record->pid, event.record->start);
	for (struct process *at = process; at; at = process_parent(tree.identity->processes, at))
		if (at->pid == tree.root && !at->exit_time) {
			kernel_watch(tree.kernel, event.record->pid);
			break;
		}
	return 0;
}

/* Twice, because a descendant may have forked while the first pass was under way. */
void scope_watch_tree(struct kernel *kernel, struct identity *identity, u32 root)
{
	tree.kernel = kernel;
	tree.identity = identity;
	tree.root = root;
	kernel_watch(kernel, root);
	for (int pass = 0; pass < 2; pass++) {
		snapshot_take(kernel, identity);
		kernel_existing(kernel, watch_descendant, NULL);
	}
}
