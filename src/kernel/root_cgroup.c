/* v2 is mounted by itself or, on a hybrid machine, beside v1. */
#include "kernel/root_cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#define CGROUP2_MAGIC 0x63677270

struct bpf_link *root_cgroup_attach(struct bpf_program *program, const char **why)
{
	static const char *const roots[] = { "/sys/fs/cgroup/unified", "/sys/fs/cgroup" };

	if (strncmp(bpf_program__section_name(program), "cgroup", 6))
		return bpf_program__attach(program);
	for (size_t i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		struct statfs system;
		struct bpf_link *link;
		int fd, error;

		if (statfs(roots[i], &system) || system.f_type != CGROUP2_MAGIC)
			continue;
		fd = open(roots[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		link = fd < 0 ? NULL : bpf_program__attach_cgroup(program, fd);
		error = errno;
		if (fd >= 0)
			close(fd);
		errno = error;
		return link;
	}
	*why = "cgroup2 is not mounted";
	errno = ENOENT;
	return NULL;
}
