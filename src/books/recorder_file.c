/* What a tool had to do with a file: a row is a tool and a path. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "books/recorder_own.h"
#include "wire/change.h"
#include "wire/open.h"

#ifndef O_PATH
#define O_PATH 010000000
#endif

static void count_process(struct recorder_row *row, u32 process)
{
	for (size_t i = 0; i < 4; i++)
		if (row->recent[i] == process)
			return;
	row->recent[row->file.processes++ % 4] = process;
}

static struct run_file *file_of(struct recorder *recorder, const struct entry *entry, const struct bytes *path)
{
	struct recorder_row *row;
	bool fresh;
	u32 text;

	if (!path->length || entry->row.tool == RUN_NONE)
		return NULL;
	text = recorder_text(recorder, path->data, path->length);
	if (text == RUN_NONE)
		return NULL;
	row = recorder_row(recorder, &recorder->files, (u64)entry->row.tool << 32 | text, &fresh);
	if (!row)
		return NULL;
	if (fresh) {
		row->file = (struct run_file){ .tool = entry->row.tool, .path = text };
		memset(row->recent, -1, sizeof(row->recent));
	}
	count_process(row, entry->index);
	return &row->file;
}

void recorder_tell_file(struct recorder *recorder, struct recorder_row *row)
{
	store_file(recorder->writer, row->index, &row->file);
}

static void on_open(struct recorder *recorder, const struct entry *entry, const struct event *event)
{
	const struct open_record *open = (const void *)event->record;
	const struct bytes *path = &event->strings[open->error ? OPEN_ASKED : OPEN_PATH];
	struct run_file *file;

	/* a pipe is called by its number, which says nothing later */
	if (!open->error && (S_ISDIR(open->mode) || (S_ISFIFO(open->mode) && path->length && *path->data != '/')))
		return;
	file = file_of(recorder, entry, path);
	if (!file)
		return;
	if (open->error) {
		file->failures++;
		return;
	}
	if (S_ISREG(open->mode) && open->size > file->size)
		file->size = open->size;
	if (open->state & OPEN_CREATED)
		file->creates++;
	if (open->flags & O_PATH)
		return;
	if ((open->flags & O_ACCMODE) != O_WRONLY)
		file->reads++;
	if ((open->flags & O_ACCMODE) != O_RDONLY)
		file->writes++;
}

static void on_rename(struct recorder *recorder, const struct entry *entry, const struct event *event)
{
	struct run_file *file = file_of(recorder, entry, &event->strings[CHANGE_OTHER]);

	if (file)
		file->creates++;
}

static void on_change(struct recorder *recorder, const struct entry *entry, const struct event *event)
{
	const struct change_record *change = (const void *)event->record;
	struct run_file *file = file_of(recorder, entry, &event->strings[CHANGE_PATH]);

	if (!file)
		return;
	if (change->error) {
		file->failures++;
		return;
	}
	/* that an open made a file is told by the open */
	switch (change->operation) {
	case CHANGE_MKNOD:
	case CHANGE_SYMLINK:
	case CHANGE_MKDIR:
		file->creates++;
		break;
	case CHANGE_UNLINK:
	case CHANGE_RMDIR:
		file->removes++;
		break;
	case CHANGE_RENAME:
		file->removes++;
		on_rename(recorder, entry, event);
		break;
	case CHANGE_LINK:
		on_rename(recorder, entry, event);
		break;
	case CHANGE_TRUNCATE:
		file->writes++;
		break;
	}
}

void recorder_file(struct recorder *recorder, const struct entry *entry, const struct event *event)
{
	if (event->record->kind == KIND_open)
		on_open(recorder, entry, event);
	else
		on_change(recorder, entry, event);
}
