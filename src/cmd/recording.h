/* What `run` and `record` have in common: the options of a recording, and its course from opening the store to the summary. */
#ifndef CMD_RECORDING_H
#define CMD_RECORDING_H

#include "base/option.h"
#include "books/store.h"
#include "cmd/child.h"
#include "cmd/event_filter.h"
#include "cmd/scope.h"

struct recording_settings {
	const char *name, *store, *rules, *mask_file;
	const char *policies;		/* a file; NULL: none */
	uint64_t interval, ring_size, max_age, max_size;
	bool files, live, strict, quiet, unmasked;
	struct event_filter_settings filter;	/* of files */
};

/* Rows for a command whose settings hold a struct recording_settings as member `recording`. */
#define RECORDING_OPTIONS(holder)                                                                                 \
	{ .name = "name", .letter = 'n', .type = OPTION_STRING, .offset = offsetof(holder, recording.name),       \
	  .argument = "NAME", .help = "call the run so; `sonde report NAME` shows the last of that name" },      \
	{ .name = "interval", .letter = 'i', .type = OPTION_DURATION,                                             \
	  .offset = offsetof(holder, recording.interval), .min = 50000000, .max = 3600000000000,                  \
	  .argument = "DURATION", .initial = "1s", .help = "time between two looks at the living" },             \
	{ .name = "files", .type = OPTION_FLAG, .offset = offsetof(holder, recording.files),                      \
	  .help = "record which files each tool opens, creates and removes; some kernels pay for it with slower system calls" },                                   \
	EVENT_FILTER_OPTIONS(holder, recording.filter,                                                             \
			     "with --files: only files for which this is true: 'file.path startswith \"/data\"' (fields of open and "  \
			     "change, see `sonde fields`); processes and connections are recorded whole"),         \
	{ .name = "live", .type = OPTION_FLAG, .offset = offsetof(holder, recording.live),                        \
	  .help = "show a line of progress, if standard error is a terminal" },                                  \
	{ .name = "quiet", .letter = 'q', .type = OPTION_FLAG, .offset = offsetof(holder, recording.quiet),       \
	  .help = "no summary at the end" },                                                                     \
	{ .name = "store", .type = OPTION_STRING, .offset = offsetof(holder, recording.store),                    \
	  .argument = "FILE", .help = "store the run there (default $SONDE_STORE, /var/lib/sonde/store.db)" },   \
	{ .name = "rules", .type = OPTION_STRING, .offset = offsetof(holder, recording.rules),                    \
	  .argument = "FILE", .help = "more rules for finding tasks (see `sonde rules`)" },                      \
	{ .name = "max-age", .type = OPTION_DURATION, .offset = offsetof(holder, recording.max_age),              \
	  .argument = "DURATION", .initial = STORE_MAX_AGE,                                                      \
	  .help = "at the end remove runs older than this; 0: none" },                                           \
	{ .name = "max-size", .type = OPTION_SIZE, .offset = offsetof(holder, recording.max_size),                \
	  .argument = "SIZE", .initial = STORE_MAX_BYTES,                                                        \
	  .help = "at the end remove the oldest runs while all take more than this; 0: none" },                  \
	{ .name = "ring-size", .type = OPTION_SIZE, .offset = offsetof(holder, recording.ring_size),              \
	  .min = 65536, .max = 1 << 30, .argument = "SIZE",                                                       \
	  .help = "memory of each lane, a power of two (default 2M for life, 4M for bulk)" },                    \
	{ .name = "strict", .type = OPTION_FLAG, .offset = offsetof(holder, recording.strict),                    \
	  .help = "exit with 1 if any event was lost or could not be stored" },                                                         \
	{ .name = "unmasked", .type = OPTION_FLAG, .offset = offsetof(holder, recording.unmasked),                \
	  .help = "keep secrets in command lines instead of ***" },                                              \
	{ .name = "mask-file", .type = OPTION_STRING, .offset = offsetof(holder, recording.mask_file),            \
	  .argument = "FILE", .help = "more patterns to mask, an extended regular expression a line" }

struct recording;

/* What rows cannot check. 0, or the exit status, said. */
int recording_check(const struct command *command, const struct recording_settings *settings);
/* --explain: the exit status. */
int recording_explain(const struct command *command, const struct recording_settings *settings);
/*
 * Opens the store and looks whether this machine can be watched. NULL: said why. A child must have been started before, so that it
 * has nothing of all this; `command` are its arguments, NULL without one.
 */
struct recording *recording_open(const struct recording_settings *settings, struct child *child, char *const *command);
/* The caller sets the scope in the options. */
struct kernel_options *recording_options(struct recording *recording);
struct features *recording_features(struct recording *recording);
struct identity *recording_identity(struct recording *recording);
/* At the end an object takes the place of the summary: on standard output, or where that is a command's, on standard error. */
void recording_say_json(struct recording *recording, bool json);
/*
 * Records, until the child ends, `duration` is over (0: no limit) or it is asked to stop. `scope` is for people, NULL for a command; `tree`
 * is the root of a tree that runs already, or 0. The command's exit status, or of a failure.
 */
int recording_run(struct recording *recording, const char *scope, u32 tree, u64 duration);
void recording_close(struct recording *recording);

#endif
