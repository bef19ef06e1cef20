/* SIGINT and SIGTERM end a watching command cleanly; a second one ends it at once. SIGPIPE is an error of write(). */
#ifndef CMD_STOP_H
#define CMD_STOP_H

#include <stdbool.h>
#include <sys/types.h>

/* With a child, SIGINT is the child's affair (the terminal sends it to both) and SIGTERM is passed on. */
void stop_prepare(pid_t child);
bool stop_asked(void);

#endif
