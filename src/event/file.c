/* Fields of files: what was opened, and what was changed. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "event/getters.h"
#include "event/words.h"
#include "wire/change.h"
#include "wire/open.h"

#define OPEN(event) ((const struct open_record *)(event)->record)
#define CHANGE(event) ((const struct change_record *)(event)->record)

/* An event's bytes are its own; a field that must be put together is put here and holds until the next one is. */
static char buffer[16384];

static bool is_open(const struct event *event)
{
	return event->record->kind == KIND_open;
}

/* A component of a path and where the next begins. */
static struct bytes component(const char **at, const char *end)
{
	struct bytes part;

	while (*at < end && **at == '/')
		(*at)++;
	part.data = *at;
	while (*at < end && **at != '/')
		(*at)++;
	part.length = *at - part.data;
	return part;
}

static bool part_is(const struct bytes *part, const char *text)
{
	return part->length == strlen(text) && !memcmp(part->data, text, part->length);
}

/*
 * A name joined to the directory it starts from, without "." and empty components. A ".." takes away what is before it if
 * that is known to be a real directory, which is so of the first `resolved` bytes; behind a name that was only asked
 * for it stays, because that may be a symbolic link.
 */
static struct bytes tidy(const struct bytes *path, u32 resolved)
{
	const char *at = path->data, *end = path->data + path->length;
	struct bytes tidied = { .data = buffer };
	bool known = resolved > 0 || (path->length && *path->data == '/');
	u32 sure = 0;

	if (path->length > sizeof(buffer) - 1)
		return *path;
	while (at < end) {
		struct bytes part = component(&at, end);

		if (!part.length || part_is(&part, "."))
			continue;
		if (part_is(&part, "..") && known && tidied.length <= sure) {
			while (tidied.length && buffer[--tidied.length] != '/')
				;
			sure = tidied.length;
			continue;
		}
		buffer[tidied.length++] = '/';
		memcpy(buffer + tidied.length, part.data, part.length);
		tidied.length += part.length;
		if (at <= path->data + resolved)
			sure = tidied.length;
	}
	if (!tidied.length)
		buffer[tidied.length++] = '/';
	tidied.full = tidied.length + (path->full > path->length ? path->full - path->length : 0);
	return tidied;
}

void event_mark_cut(struct bytes *path, char *buffer, size_t size)
{
	static const char mark[] = "\u2026";
	size_t length = sizeof(mark) - 1;

	if (path->full <= path->length || path->length > size - length)
		return;
	memmove(buffer + length, path->data, path->length);
	memcpy(buffer, mark, length);
	path->data = buffer;
	path->length += length;
	path->full += length;
}

static bool joined(const struct event *event, int string, struct value *value)
{
	const struct bytes *path = &event->strings[string];

	if (!path->length)
		return false;
	value->bytes = *path->data == '/' ? tidy(path, CHANGE(event)->resolved[string]) : *path;
	event_mark_cut(&value->bytes, buffer, sizeof(buffer));
	return true;
}

bool get_file_path(const struct event *event, struct value *value)
{
	if (!is_open(event))
		return joined(event, CHANGE_PATH, value);
	value->bytes = event->strings[OPEN_PATH];
	event_mark_cut(&value->bytes, buffer, sizeof(buffer));
	return value->bytes.length > 0;
}

bool get_file_new_path(const struct event *event, struct value *value)
{
	return CHANGE(event)->operation != CHANGE_SYMLINK && joined(event, CHANGE_OTHER, value);
}

bool get_file_target_path(const struct event *event, struct value *value)
{
	value->bytes = event->strings[CHANGE_OTHER];
	return CHANGE(event)->operation == CHANGE_SYMLINK && value->bytes.length > 0;
}

const struct word words_file_change[] = {
	{ "create", CHANGE_CREATE, 0 },	    { "unlink", CHANGE_UNLINK, 0 }, { "rename", CHANGE_RENAME, 0 },
	{ "link", CHANGE_LINK, 0 },	    { "symlink", CHANGE_SYMLINK, 0 }, { "mkdir", CHANGE_MKDIR, 0 },
	{ "rmdir", CHANGE_RMDIR, 0 },	    { "truncate", CHANGE_TRUNCATE, 0 }, { "chmod", CHANGE_CHMOD, 0 },
	{ "chown", CHANGE_CHOWN, 0 },	    { "mknod", CHANGE_MKNOD, 0 },   { "exchange", CHANGE_EXCHANGE, 0 },
	{ NULL, 0, 0 },
};

bool get_file_change(const struct event *event, struct value *value)
{
	return value_text(value, word_of(words_file_change, CHANGE(event)->operation));
}

/* Some flags have the bits of another beside their own; only the larger one is said. */
const struct word words_file_flags[] = {
	{ "O_RDONLY", O_RDONLY, O_ACCMODE }, { "O_WRONLY", O_WRONLY, O_ACCMODE }, { "O_RDWR", O_RDWR, O_ACCMODE },
	{ "O_ACCMODE", O_ACCMODE, O_ACCMODE },
	{ "O_CREAT", O_CREAT, O_CREAT },     { "O_EXCL", O_EXCL, O_EXCL },	  { "O_NOCTTY", O_NOCTTY, O_NOCTTY },
	{ "O_TRUNC", O_TRUNC, O_TRUNC },     { "O_APPEND", O_APPEND, O_APPEND },  { "O_NONBLOCK", O_NONBLOCK, O_NONBLOCK },
	{ "O_SYNC", O_SYNC, O_SYNC },	     { "O_DSYNC", O_DSYNC, O_SYNC },	  { "O_ASYNC", O_ASYNC, O_ASYNC },
	{ "O_DIRECT", O_DIRECT, O_DIRECT },  { "O_TMPFILE", O_TMPFILE, O_TMPFILE },
	{ "O_DIRECTORY", O_DIRECTORY, O_TMPFILE }, { "O_NOFOLLOW", O_NOFOLLOW, O_NOFOLLOW },
	{ "O_NOATIME", O_NOATIME, O_NOATIME }, { "O_CLOEXEC", O_CLOEXEC, O_CLOEXEC }, { "O_PATH", O_PATH, O_PATH },
	{ NULL, 0, 0 },
};

static void add_flag(struct bytes *words, const char *name)
{
	size_t length = strlen(name) + 1;

	memcpy(buffer + words->length, name, length);
	words->length += length;
}

bool get_file_flags(const struct event *event, struct value *value)
{
	value->bytes = (struct bytes){ .data = buffer };
	for (const struct word *word = words_file_flags; word->text; word++)
		if ((OPEN(event)->flags & word->mask) == word->value)
			add_flag(&value->bytes, word->text);
	return true;
}

/* Of what the event made or opened, or what was asked for. */
static u32 mode_of(const struct event *event)
{
	if (is_open(event))
		return OPEN(event)->mode;
	switch (CHANGE(event)->operation) {
	case CHANGE_MKDIR:
		return CHANGE(event)->mode | S_IFDIR;
	case CHANGE_MKNOD: /* no type asks for a regular file */
		return CHANGE(event)->mode & S_IFMT ? CHANGE(event)->mode : CHANGE(event)->mode | S_IFREG;
	default:
		return CHANGE(event)->mode;
	}
}

static bool has_mode(const struct event *event)
{
	u32 operation = CHANGE(event)->operation;

	if (is_open(event))
		return OPEN(event)->mode;
	return operation == CHANGE_CREATE || operation == CHANGE_MKDIR || operation == CHANGE_MKNOD ||
	       operation == CHANGE_CHMOD;
}

bool get_file_mode(const struct event *event, struct value *value)
{
	return has_mode(event) && value_number(value, mode_of(event) & 07777);
}

const struct word words_file_type[] = {
	{ "file", S_IFREG, S_IFMT },	    { "dir", S_IFDIR, S_IFMT },	    { "symlink", S_IFLNK, S_IFMT },
	{ "fifo", S_IFIFO, S_IFMT },	    { "socket", S_IFSOCK, S_IFMT }, { "char_device", S_IFCHR, S_IFMT },
	{ "block_device", S_IFBLK, S_IFMT }, { NULL, 0, 0 },
};

bool get_file_type(const struct event *event, struct value *value)
{
	return has_mode(event) && value_text(value, word_of(words_file_type, mode_of(event)));
}

bool get_file_created(const struct event *event, struct value *value)
{
	return !OPEN(event)->error && value_number(value, !!(OPEN(event)->state & OPEN_CREATED));
}

bool get_file_deleted(const struct event *event, struct value *value)
{
	return OPEN(event)->state & OPEN_DELETED && value_number(value, 1);
}

bool get_file_descriptor(const struct event *event, struct value *value)
{
	return OPEN(event)->descriptor >= 0 && value_number(value, OPEN(event)->descriptor);
}

bool get_file_inode(const struct event *event, struct value *value)
{
	return !OPEN(event)->error && value_number(value, OPEN(event)->inode);
}

bool get_file_user(const struct event *event, struct value *value)
{
	return CHANGE(event)->operation == CHANGE_CHOWN && CHANGE(event)->uid != ~0U &&
	       value_number(value, CHANGE(event)->uid);
}

bool get_file_group(const struct event *event, struct value *value)
{
	return CHANGE(event)->operation == CHANGE_CHOWN && CHANGE(event)->gid != ~0U &&
	       value_number(value, CHANGE(event)->gid);
}

bool get_file_size(const struct event *event, struct value *value)
{
	if (event->record->kind == KIND_open)
		return S_ISREG(OPEN(event)->mode) && value_number(value, OPEN(event)->size);
	return CHANGE(event)->operation == CHANGE_TRUNCATE && value_number(value, CHANGE(event)->size);
}
