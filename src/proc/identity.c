#include "proc/identity.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/message.h"
#include "wire/process.h"

struct identity *identity_new(bool masked, const char *mask_file)
{
	struct identity *identity = xcalloc(1, sizeof(*identity));
	struct text error = { 0 };

	identity->processes = process_table_new(0);
	identity->cgroups = cgroup_table_new(NULL, 0);
	identity->users = user_table_new(NULL);
	identity->mask = masked ? mask_new() : NULL;
	if (!identity->processes || !identity->cgroups) {
		message_error("no memory for the process table");
	} else if (mask_file && identity->mask && mask_load(identity->mask, mask_file, &error)) {
		message_error("%s", text_string(&error));
	} else {
		text_free(&error);
		return identity;
	}
	text_free(&error);
	identity_free(identity);
	return NULL;
}

void identity_free(struct identity *identity)
{
	if (!identity)
		return;
	process_table_free(identity->processes);
	cgroup_table_free(identity->cgroups);
	user_table_free(identity->users);
	mask_free(identity->mask);
	text_free(&identity->masked);
	free(identity);
}

static void fill_credentials(struct process_credentials *credentials, const struct exec_record *exec)
{
	*credentials = (struct process_credentials){
		.user = exec->record.uid,
		.real_user = exec->real_uid,
		.group = exec->record.gid,
		.real_group = exec->real_gid,
		.login = exec->login_uid,
		.session_leader = exec->session,
		.group_leader = exec->group,
		.cgroup = exec->record.cgroup,
		.namespaces = {
			[PROCESS_NAMESPACE_MOUNT] = exec->mount_namespace,
			[PROCESS_NAMESPACE_PID] = exec->pid_namespace,
			[PROCESS_NAMESPACE_NETWORK] = exec->network_namespace,
			[PROCESS_NAMESPACE_USER] = exec->user_namespace,
			[PROCESS_NAMESPACE_UTS] = exec->uts_namespace,
			[PROCESS_NAMESPACE_IPC] = exec->ipc_namespace,
			[PROCESS_NAMESPACE_CGROUP] = exec->cgroup_namespace,
		},
	};
}

/* A fork's child inherits all, so long as the parent is known. */
static struct process *learn_fork(struct identity *identity, const struct event *event)
{
	const struct fork_record *fork = (const void *)event->record;
	struct process *process;
	char name[sizeof(fork->name) + 1] = "";
	struct process_birth birth = {
		.pid = fork->record.pid,
		.start = fork->record.start,
		.parent_pid = fork->parent_pid,
		.parent_start = fork->parent_start,
		.name = name,
	};

	memcpy(name, fork->name, sizeof(fork->name));
	process = process_fork(identity->processes, &birth);
	if (process && !process->credentials.namespaces[PROCESS_NAMESPACE_PID]) {
		process->credentials.user = process->credentials.real_user = fork->record.uid;
		process->credentials.group = process->credentials.real_group = fork->record.gid;
		process->credentials.login = PROCESS_ID_UNSET;
	}
	return process;
}

/* Hides secrets in the event's own arguments before anything keeps or shows them. */
static void mask_event(struct identity *identity, struct bytes *arguments)
{
	if (!identity->mask || !mask_arguments(identity->mask, arguments->data, arguments->length, &identity->masked))
		return;
	if (identity->masked.failed) {
		*arguments = (struct bytes){ .full = arguments->full };
		return;
	}
	arguments->data = identity->masked.data;
	arguments->length = identity->masked.length;
}

static struct process *learn_exec(struct identity *identity, struct event *event)
{
	const struct exec_record *exec = (const void *)event->record;
	struct process_credentials credentials;
	struct bytes *path = &event->strings[EXEC_PATH], *name = &event->strings[EXEC_NAME];
	struct bytes *directory = &event->strings[EXEC_DIRECTORY], *arguments = &event->strings[EXEC_ARGUMENTS];
	struct process *known = process_find(identity->processes, exec->record.pid, exec->record.start);
	static char marked[2][PATH_MAX + 8];
	bool cut = arguments->length < arguments->full;
	u32 flags = PROCESS_EXECUTED;
	char comm[16] = "";

	mask_event(identity, arguments);
	if (exec->error)
		return known;
	event_mark_cut(path, marked[0], sizeof(marked[0]));
	event_mark_cut(directory, marked[1], sizeof(marked[1]));
	if (name->length)
		memcpy(comm, name->data, name->length < 15 ? name->length : 15);
	fill_credentials(&credentials, exec);
	if (exec->flags & EXEC_MEMFD)
		flags |= PROCESS_EXECUTABLE_MEMFD;
	if (exec->flags & EXEC_DELETED)
		flags |= PROCESS_EXECUTABLE_DELETED;
	if (cut)
		flags |= PROCESS_ARGUMENTS_CUT;
	/* The parent at the fork is the true one; by now it may be gone and its place taken by a reaper. */
	struct process_image image = {
		.pid = exec->record.pid,
		.start = exec->record.start,
		.parent_pid = known ? known->parent_pid : exec->parent_pid,
		.parent_start = known ? known->parent_start : exec->parent_start,
		.time = exec->record.time,
		.credentials = &credentials,
		.name = comm,
		.executable = path->data,
		.executable_length = path->length,
		.working_directory = directory->data,
		.working_directory_length = directory->length,
		.arguments = arguments->data,
		.arguments_stored = arguments->length,
		.arguments_length = arguments->full,
		.flags = flags,
	};
	return process_exec(identity->processes, &image);
}

/* The hierarchy that names a container is the one that matters; else the first. */
static void learn_cgroup(struct identity *identity, const struct event *event)
{
	const struct bytes *path = &event->strings[0];
	struct container_identity first, second;
	struct cgroup *cgroup;

	if (event->strings[1].length) {
		container_from_cgroup(path->data, path->length, &first);
		container_from_cgroup(event->strings[1].data, event->strings[1].length, &second);
		if (first.state != CONTAINER_INSIDE &&
		    (second.state == CONTAINER_INSIDE || first.state == CONTAINER_UNKNOWN))
			path = &event->strings[1];
	}
	cgroup = cgroup_learn(identity->cgroups, event->record->cgroup, path->data, path->length);
	/* a runtime removes its files with the container, which can be over before anybody asks */
	if (cgroup)
		cgroup_state(identity->cgroups, cgroup, identity->now);
}

void identity_complete(struct identity *identity, struct event *event)
{
	const struct record *record = event->record;
	struct process *process;
	struct cgroup *cgroup;

	event->identity = identity;
	identity->now = record->time;
	switch (record->kind) {
	case KIND_cgroup:
		learn_cgroup(identity, event);
		return;
	case KIND_lost:
		return;
	case KIND_fork:
		process = learn_fork(identity, event);
		break;
	case KIND_exec:
		process = learn_exec(identity, event);
		break;
	case KIND_exit:
		process = process_exit(identity->processes, record->pid, record->start, record->time);
		break;
	default:
		process = process_find(identity->processes, record->pid, record->start);
	}
	if (process && record->cgroup && process->credentials.cgroup != record->cgroup)
		process->credentials.cgroup = record->cgroup;
	event->process = process;
	cgroup = record->kind == KIND_exec ? identity_cgroup(event) : NULL;
	if (cgroup)
		cgroup_begins(identity->cgroups, cgroup, identity->now);
}

static ssize_t read_link(const char *format, u32 pid, char *buffer, size_t size)
{
	char path[64];

	snprintf(path, sizeof(path), format, pid);
	return readlink(path, buffer, size);
}

/* A link in /proc says of a file that was removed, "NAME (deleted)", which can also be the name of one that was not. */
static bool drop_deleted(u32 pid, const char *name, ssize_t *length)
{
	static const char mark[] = " (deleted)";
	size_t extra = sizeof(mark) - 1;
	char path[PATH_MAX + 32];

	if (*length <= (ssize_t)extra || memcmp(name + *length - extra, mark, extra))
		return false;
	snprintf(path, sizeof(path), "/proc/%u/root%.*s", pid, (int)*length, name);
	if (!access(path, F_OK))
		return false;
	*length -= extra;
	return true;
}

void identity_existing(struct identity *identity, const struct event *event)
{
	static char arguments[131072];
	const struct exec_record *exec = (const void *)event->record;
	struct process_credentials credentials;
	char executable[PATH_MAX], directory[PATH_MAX], path[64], comm[32] = "";
	ssize_t executable_length = read_link("/proc/%u/exe", exec->record.pid, executable, sizeof(executable));
	ssize_t directory_length = read_link("/proc/%u/cwd", exec->record.pid, directory, sizeof(directory));
	ssize_t length = 0;
	bool deleted = drop_deleted(exec->record.pid, executable, &executable_length);
	struct bytes block;
	u32 flags = PROCESS_EXECUTED;
	int fd;

	drop_deleted(exec->record.pid, directory, &directory_length);
	if (deleted)
		flags |= executable_length > 7 && !memcmp(executable, "/memfd:", 7) ? PROCESS_EXECUTABLE_MEMFD :
									      PROCESS_EXECUTABLE_DELETED;

	snprintf(path, sizeof(path), "/proc/%u/cmdline", exec->record.pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		length = read(fd, arguments, sizeof(arguments));
		close(fd);
	}
	snprintf(path, sizeof(path), "/proc/%u/comm", exec->record.pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (read(fd, comm, sizeof(comm) - 1) > 0)
			comm[strcspn(comm, "\n")] = '\0';
		close(fd);
	}
	/* kthreadd never leaves the machine's own namespaces */
	if (exec->record.pid == 2) {
		identity->pid_namespace = exec->pid_namespace;
		identity->mount_namespace = exec->mount_namespace;
	}
	block = (struct bytes){ .data = arguments, .length = length > 0 ? length : 0 };
	mask_event(identity, &block);
	fill_credentials(&credentials, exec);
	struct process_image image = {
		.pid = exec->record.pid,
		.start = exec->record.start,
		.parent_pid = exec->parent_pid,
		.parent_start = exec->parent_start,
		.credentials = &credentials,
		.name = comm,
		.executable = executable_length > 0 ? executable : NULL,
		.executable_length = executable_length > 0 ? executable_length : 0,
		.working_directory = directory_length > 0 ? directory : NULL,
		.working_directory_length = directory_length > 0 ? directory_length : 0,
		.arguments = block.data,
		.arguments_stored = block.length,
		.flags = flags,
	};
	process_exec(identity->processes, &image);
}

struct cgroup *identity_cgroup(const struct event *event)
{
	u64 key = event->record->cgroup;

	if (!key && event->process)
		key = event->process->credentials.cgroup;
	return event->identity && key ? cgroup_find(event->identity->cgroups, key) : NULL;
}
