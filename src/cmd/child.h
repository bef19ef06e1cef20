/*
 * A command that is watched. It is started before anything else happens, so that it has nothing of sonde's, and held until
 * all is attached. It keeps the terminal, its process group and the dispositions of signals that sonde was started with.
 */
#ifndef CMD_CHILD_H
#define CMD_CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "cmd/invoker.h"

struct child {
	pid_t pid;		/* 0: none */
	int hold, told;		/* pipes to it and from it */
	bool ended;
	int status;		/* as a shell would say it: 128 + signal */
	int error;		/* of an exec that failed, positive errno */
};

/*
 * Starts `argv`, held; if quiet, its standard output goes to standard error; `as` NULL: as the user that sonde is.
 * 0 or -errno, said.
 */
int child_start(struct child *child, char *const *argv, bool quiet, const struct invoker *as);
void child_release(struct child *child);
/* Has it ended? Does not wait. If it was stopped from the terminal, sonde stops too until the shell lets both go on. */
bool child_ended(struct child *child);
/* Waits for its end; for when watching ended first. */
void child_wait(struct child *child);
/* Lets go of a child that was never released: it ends without having run anything. */
void child_abandon(struct child *child);

#endif
