/*
 * A mounted tracefs is preferred, because opening it needs no right to mount. Where there is none (containers,
 * initramfs) the file system is mounted detached: it exists as long as our descriptor and shows in no mount table.
 */
#include "kernel/tracefs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

static int root = -1;

/* An empty mount point has the same name as a mounted one: the magic number tells. */
static int open_mounted(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct statfs info;

	if (fd < 0)
		return -errno;
	if (fstatfs(fd, &info) || (info.f_type != TRACEFS_MAGIC && info.f_type != DEBUGFS_MAGIC)) {
		close(fd);
		return -ENODEV;
	}
	return fd;
}

static int open_detached(void)
{
	int context = fsopen("tracefs", FSOPEN_CLOEXEC);
	int fd, error = 0;

	if (context < 0)
		return -errno;
	if (fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		error = -errno;
	fd = error ? -1 : fsmount(context, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
	if (!error && fd < 0)
		error = -errno;
	close(context);
	return error ? error : fd;
}

int tracefs_open(void)
{
	static const char *const places[] = {"/sys/kernel/tracing", "/sys/kernel/debug/tracing"};

	for (size_t i = 0; root < 0 && i < sizeof(places) / sizeof(places[0]); i++)
		root = open_mounted(places[i]);
	if (root < 0)
		root = open_detached();
	return root;
}

int tracefs_id(const char *group, const char *event)
{
	char path[256], digits[16];
	int fd, id;
	ssize_t size;

	if (tracefs_open() < 0)
		return root;
	if (snprintf(path, sizeof(path), "events/%s/%s/id", group, event) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = openat(root, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	size = read(fd, digits, sizeof(digits) - 1);
	id = size < 0 ? -errno : -EIO;
	close(fd);
	if (size <= 0)
		return id;
	digits[size] = '\0';
	id = atoi(digits);
	return id > 0 ? id : -EIO;
}

int tracefs_each(const char *group, void (*visit)(const char *event, void *argument), void *argument)
{
	char path[256];
	struct dirent *entry;
	DIR *directory;
	int fd;

	if (tracefs_open() < 0)
		return root;
	if (snprintf(path, sizeof(path), "events/%s", group) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	directory = fdopendir(fd);
	if (!directory) {
		int error = -errno;

		close(fd);
		return error;
	}
	while ((entry = readdir(directory)))
		if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
			visit(entry->d_name, argument);
	closedir(directory);
	return 0;
}

static const char *id_failure(int error)
{
	switch (error) {
	case -ENOENT:
		return root < 0 ? "no tracefs in this kernel" : "this kernel has no such tracepoint";
	case -ENODEV:
		return "no tracefs in this kernel";
	case -EPERM:
	case -EACCES:
		return "tracefs may not be read (locked down, or not root)";
	default:
		return "tracefs cannot be read";
	}
}

struct bpf_link *tracefs_attach(struct bpf_program *program, const char *group, const char *event, const char **why)
{
	struct perf_event_attr attributes = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attributes),
	};
	int id = tracefs_id(group, event), fd, error;
	const char *reason;
	struct bpf_link *link;

	if (id < 0) {
		error = -id;
		reason = id_failure(id);
		goto out;
	}
	attributes.config = id;
	/* The event is opened on one CPU, but its programs hang on the tracepoint and run on all. */
	fd = syscall(SYS_perf_event_open, &attributes, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0) {
		error = errno;
		reason = error == EACCES || error == EPERM ? "perf events are not allowed" : "perf_event_open failed";
		goto out;
	}
	link = bpf_program__attach_perf_event(program, fd);
	if (link)
		return link;
	error = errno;
	reason = "the program could not be attached";
	close(fd);
out:
	if (why)
		*why = reason;
	errno = error;
	return NULL;
}
