/*
 * A path here was chosen by the process that is looked at. So it is opened without effect first (O_PATH), must be a regular file of that
 * process's user or of root, and only then is read.
 */
#define _GNU_SOURCE

#include "rules/rules_lookup.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

void lookup_free(struct lookup *lookup)
{
	for (size_t i = 0; i < LOOKUP_LOGS; i++)
		if (lookup->logs[i].open)
			close(lookup->logs[i].file);
	free(lookup->buffer);
	*lookup = (struct lookup){ 0 };
}

/* Reads up to `most` bytes from `offset`, NUL behind them. */
static bool read_into(struct lookup *lookup, int descriptor, off_t offset, size_t most)
{
	ssize_t got = 1;

	if (!lookup->buffer)
		lookup->buffer = malloc(LOOKUP_LOG_MOST + 1);
	if (!lookup->buffer)
		return false;
	for (lookup->length = 0; lookup->length < most && got > 0; lookup->length += got > 0 ? got : 0)
		got = pread(descriptor, lookup->buffer + lookup->length, most - lookup->length, offset + lookup->length);
	lookup->buffer[lookup->length] = '\0';
	return lookup->length > 0;
}

/* -1, or the file open for reading. */
static int open_regular(const char *path, u32 user, struct stat *status)
{
	char again[64];
	int found = open(path, O_PATH | O_CLOEXEC), file = -1;

	if (found < 0)
		return -1;
	if (!fstat(found, status) && S_ISREG(status->st_mode) && (status->st_uid == user || !status->st_uid)) {
		snprintf(again, sizeof(again), "/proc/self/fd/%d", found);
		file = open(again, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	}
	close(found);
	return file;
}

bool lookup_line(struct lookup *lookup, const char *path, u32 user, const struct rule_pattern *pattern,
		 struct rule_value *groups)
{
	struct stat status;
	int file = open_regular(path, user, &status);
	bool got = file >= 0 && read_into(lookup, file, 0, LOOKUP_FILE_MOST);

	if (file >= 0)
		close(file);
	for (const char *line = lookup->buffer; got && *line;) {
		const char *end = strchrnul(line, '\n');

		if (rule_pattern_fits(pattern, (struct rule_value){ line, end - line }, groups))
			return true;
		line = *end ? end + 1 : end;
	}
	return false;
}

bool lookup_title(struct lookup *lookup, u32 pid, const struct rule_pattern *pattern, struct rule_value *groups)
{
	char path[32];
	int file;
	bool got;

	snprintf(path, sizeof(path), "/proc/%u/cmdline", pid);
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return false;
	got = read_into(lookup, file, 0, LOOKUP_FILE_MOST);
	close(file);
	while (got && lookup->length && !lookup->buffer[lookup->length - 1])
		lookup->length--;
	for (size_t i = 0; got && i < lookup->length; i++)
		if (!lookup->buffer[i])
			lookup->buffer[i] = ' ';
	return got && rule_pattern_fits(pattern, (struct rule_value){ lookup->buffer, lookup->length }, groups);
}

int lookup_open(const char *path, u32 user)
{
	struct stat status;

	return open_regular(path, user, &status);
}

bool lookup_end(struct lookup *lookup, int file, u64 *id, u64 *offset)
{
	struct stat status;

	if (fstat(file, &status))
		return false;
	*id = (u64)status.st_ino ^ (u64)status.st_dev << 40;
	*offset = status.st_size > LOOKUP_LOG_MOST ? status.st_size - LOOKUP_LOG_MOST : 0;
	return read_into(lookup, file, *offset, LOOKUP_LOG_MOST);
}
