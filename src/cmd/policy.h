/* What the parts of `sonde policy` share. */
#ifndef CMD_POLICY_H
#define CMD_POLICY_H

#include "base/option.h"
#include "cmd/event_filter.h"
#include "cmd/output.h"
#include "cmd/scope.h"
#include "policy/life.h"
#include "policy/matcher.h"

struct policy_settings {
	struct scope_settings scope;
	struct event_filter_settings filter;
	bool json, strict, unmasked, acknowledge, force, allow_late, all;
	uint64_t duration, observed_for, ring_size;
	const char *mask_file, *kernel, *run, *store;
};

/* policy_stand.c; all return an exit status. */
int policy_observe(const struct policy_settings *settings, char *const *files);
int policy_enforce(const struct policy_settings *settings, const char *word);	/* a name, or a file */
int policy_restore(const struct policy_settings *settings);
int policy_remove(const struct policy_settings *settings, char *const *names);
/* policy_life.c */
int policy_list(const struct policy_settings *settings);
int policy_report(const struct policy_settings *settings, const char *name);

int policy_check(const struct policy_settings *settings, char *const *files);
/* Over a recorded run. */
int policy_test(const struct policy_settings *settings, char *const *files);
/* No files: what stands. */
int policy_watch(const struct command *command, const struct policy_settings *settings, char *const *files);

/* The tool of an event's process, as everywhere in sonde, and its user. */
void policy_tool(const struct event *event, struct text *out);
u32 policy_user(const struct event *event);

/* Matches are added up before they are written: a flood is one row a second. */
struct policy_gather;
struct policy_gather *policy_gather_new(void);
void policy_gather_free(struct policy_gather *gather);
void policy_gather_add(struct policy_gather *gather, s64 id, const struct match *match, s64 time);
/*
 * Within life_begin and life_commit. `counted`: the programs in the kernel have counted them. 0 or -errno, said; then all of it is
 * kept for the next time.
 */
int policy_gather_write(struct policy_gather *gather, struct life *life, bool counted);
/* It was committed. */
void policy_gather_clear(struct policy_gather *gather);

#endif
