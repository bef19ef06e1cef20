#define _GNU_SOURCE
#include "cmd/behind.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/thread.h"
#include "base/wall.h"

/* How quickly pieces have to come, and how many in a row, before any is let go of. */
#define PIECE (4U << 20)
#define QUICK_NS 250000000ULL
#define QUICK_PIECES 2

struct piece {
	off_t from, length;
};

struct letting_go {
	int file, pieces;
};

static void *let_go(void *argument)
{
	struct letting_go *job = argument;
	struct piece piece;
	ssize_t got;

	while ((got = read(job->pieces, &piece, sizeof(piece))) == sizeof(piece) || (got < 0 && errno == EINTR)) {
		if (got < 0)
			continue;
		/* what cannot be written the writer is told */
		sync_file_range(job->file, piece.from, piece.length,
				SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
		posix_fadvise(job->file, piece.from, piece.length, POSIX_FADV_DONTNEED);
	}
	close(job->pieces);
	close(job->file);
	free(job);
	return NULL;
}

/* The job has files of its own: nobody waits for its end, which the disk decides. */
static bool start(struct letting_go *job)
{
	pthread_t thread;

	if (job->file < 0 || thread_start(&thread, let_go, job))
		return false;
	pthread_detach(thread);
	return true;
}

static void begin(struct behind *behind, int file)
{
	struct letting_go *job = malloc(sizeof(*job));
	struct stat status;
	int ends[2];

	behind->begun = true;
	behind->pieces = -1;
	if (!job || fstat(file, &status) || !S_ISREG(status.st_mode) || pipe2(ends, O_CLOEXEC)) {
		free(job);
		return;
	}
	*job = (struct letting_go){ .file = fcntl(file, F_DUPFD_CLOEXEC, 3), .pieces = ends[0] };
	if (start(job)) {
		fcntl(ends[1], F_SETFL, O_NONBLOCK);
		behind->pieces = ends[1];
		return;
	}
	close(ends[0]);
	close(ends[1]);
	if (job->file >= 0)
		close(job->file);
	free(job);
}

static void give(struct behind *behind, int file)
{
	struct piece piece = { .length = behind->gathered };

	if (!behind->begun)
		begin(behind, file);
	piece.from = lseek(file, 0, SEEK_CUR) - piece.length;
	if (behind->pieces < 0 || piece.from < 0)
		return;
	/* a full pipe: the disk is far behind, and this piece stays in memory */
	while (write(behind->pieces, &piece, sizeof(piece)) < 0 && errno == EINTR)
		;
}

void behind_wrote(struct behind *behind, int file, size_t bytes)
{
	uint64_t now;

	behind->gathered += bytes;
	if (behind->gathered < PIECE)
		return;
	now = wall_boot_now();
	behind->quick = now - behind->since < QUICK_NS ? behind->quick + 1 : 0;
	if (behind->quick >= QUICK_PIECES)
		give(behind, file);
	behind->since = now;
	behind->gathered = 0;
}

void behind_end(struct behind *behind)
{
	if (behind->begun && behind->pieces >= 0)
		close(behind->pieces);
	behind->begun = false;
}
