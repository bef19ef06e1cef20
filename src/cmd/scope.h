/* Who is watched: the options every watching command has, and what they mean to the kernel. */
#ifndef CMD_SCOPE_H
#define CMD_SCOPE_H

#include "base/option.h"
#include "cmd/child.h"
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

/* Fills in the scope. 0, or the exit status after saying what is wrong. */
int scope_resolve(const struct command *command, const struct scope_settings *settings, const struct child *child,
		  struct features *features, struct identity *identity, struct kernel_options *options);

/* For a tree: makes the kernel watch the root and the descendants it already has. */
void scope_watch_tree(struct kernel *kernel, struct identity *identity, u32 root);

#endif
