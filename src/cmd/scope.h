/* Who is watched: the options every watching command has, and what they mean to the kernel. */
#ifndef CMD_SCOPE_H
#define CMD_SCOPE_H

#include <sys/types.h>

#include "base/option.h"
#include "kernel/kernel.h"
#include "proc/identity.h"

struct scope_settings {
	int64_t pid;			/* 0: not given */
	const char *cgroup, *container, *user;
};

/* Rows for a command whose settings hold a struct scope_settings as member `scope`. */
#define SCOPE_OPTIONS(holder)                                                                                     \
	{ .name = "pid", .type = OPTION_INTEGER, .offset = offsetof(holder, scope.pid), .min = 1,                 \
	  .max = 4194304, .argument = "N", .help = "only this process and all its descendants" },               \
	{ .name = "cgroup", .type = OPTION_STRING, .offset = offsetof(holder, scope.cgroup),                      \
	  .argument = "PATH", .help = "only this control group and those below it" },                           \
	{ .name = "container", .type = OPTION_STRING, .offset = offsetof(holder, scope.container),                \
	  .argument = "ID|NAME", .help = "only this container" },                                               \
	{ .name = "uid", .type = OPTION_STRING, .offset = offsetof(holder, scope.user), .argument = "USER",       \
	  .help = "only processes of this user (name or number)" }

/* A program to be watched, started but held back until scope_release. */
struct scope_child {
	pid_t pid;		/* 0: none */
	int hold;
	bool ended;
	int status;		/* as a shell would say it: 128 + signal */
};

/* Fills in the scope. 0, or the exit status after saying what is wrong. */
int scope_resolve(const struct command *command, const struct scope_settings *settings, const struct scope_child *child,
		  struct features *features, struct identity *identity, struct kernel_options *options);

/* Starts `argv`, held; if quiet, its standard output goes to standard error. 0 or -errno, said. */
int scope_start(struct scope_child *child, char *const *argv, bool quiet);
void scope_release(struct scope_child *child);
/* Has it ended? Does not wait. */
bool scope_ended(struct scope_child *child);
/* Waits for its end, unless a signal asks to stop; for when watching ended first. */
void scope_wait(struct scope_child *child);
/* For a tree: makes the kernel watch the root and the descendants it already has. */
void scope_watch_tree(struct kernel *kernel, struct identity *identity, u32 root);

#endif
