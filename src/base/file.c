/* The file is made beside its place, under a hidden name with the process id, and renamed over it at the end. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/message.h"

#define MUCH (256 * 1024)

static int fail(const char *what, const char *path, int error)
{
	message_error("cannot %s %s: %s%s", what, path, strerror(error),
		      error == ENOENT ? "; make the directory first" :
		      error == ENOSPC ? "; free some space, or write elsewhere" :
		      error == EFBIG ? "; raise the limit on the size of files (ulimit -f)" : "");
	return -error;
}

/* Where the bytes go until the file is whole. A symbolic link stays one: its target is replaced. */
static char *name_temporary(const char *path)
{
	const char *slash = strrchr(path, '/');
	struct text name = { 0 };
	char *copy;

	text_add_bytes(&name, path, slash ? slash + 1 - path : 0);
	text_add_format(&name, ".%.200s.%d", slash ? slash + 1 : path, (int)getpid());
	copy = xstrdup(text_string(&name));
	text_free(&name);
	return copy;
}

int file_open(struct file *file, const char *path)
{
	struct stat status;

	*file = (struct file){ .fd = STDOUT_FILENO };
	if (!path || !strcmp(path, "-")) {
		file->path = xstrdup("standard output");
		return 0;
	}
	file->path = realpath(path, NULL);
	if (!file->path)
		file->path = xstrdup(path);
	if (!stat(file->path, &status) && !S_ISREG(status.st_mode)) {
		file->fd = open(file->path, O_WRONLY | O_CLOEXEC);
	} else {
		file->temporary = name_temporary(file->path);
		unlink(file->temporary);	/* of a process that had our id and died */
		file->fd = open(file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	}
	if (file->fd < 0) {
		int error = fail("write", path, errno);

		free(file->path);
		free(file->temporary);
		return error;
	}
	return 0;
}

static void write_all(struct file *file)
{
	size_t done = 0;

	if (file->text.failed && !file->error)
		file->error = ENOMEM;
	while (done < file->text.length && !file->error) {
		ssize_t wrote = write(file->fd, file->text.data + done, file->text.length - done);

		if (wrote >= 0)
			done += wrote;
		else if (errno != EINTR)
			file->error = errno;
	}
	text_reset(&file->text);
}

bool file_some(struct file *file)
{
	if (file->text.length >= MUCH)
		write_all(file);
	return !file->error;
}

int file_close(struct file *file, bool keep)
{
	int status = 0;

	if (keep)
		write_all(file);
	if (file->fd != STDOUT_FILENO && close(file->fd) && !file->error)
		file->error = errno;
	if (keep && !file->error && file->temporary && rename(file->temporary, file->path))
		file->error = errno;
	if (file->temporary && (!keep || file->error))
		unlink(file->temporary);
	if (file->error && file->error != EPIPE)
		status = fail("write", file->path, file->error);
	text_free(&file->text);
	free(file->path);
	free(file->temporary);
	return status;
}
