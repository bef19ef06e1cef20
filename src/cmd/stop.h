/* SIGINT and SIGTERM end a watching command cleanly; a second one ends it at once. SIGPIPE is an error of write(). */
#ifndef CMD_STOP_H
#define CMD_STOP_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * With a child, interrupts are the child's affair (the terminal sends them to both), what else is sent to sonde is passed on,
 * and sonde ends when the child does. Called again with 0 when it has ended.
 */
void stop_prepare(pid_t child);
bool stop_asked(void);

/*
 * For waiting: what is to be seen to is looked at after stop_expect(), and if stop_signalled() says so, there may be more since. Signals
 * must be blocked from then on, until the wait.
 */
void stop_expect(void);
bool stop_signalled(void);

/*
 * For the whole program, at its start: a file that may grow no further (ulimit -f) is an error of write(), too. A child that is to become
 * another program gives back what sonde was started with.
 */
void stop_outlive_file_limit(void);
void stop_restore_file_limit(void);

#endif
