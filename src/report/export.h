/*
 * A run in the formats that others read; docs/export.md describes each. All are written as they are made, row by row.
 */
#ifndef REPORT_EXPORT_H
#define REPORT_EXPORT_H

#include "base/file.h"
#include "books/critical.h"
#include "findings/finding.h"
#include "books/run.h"
#include "findings/size.h"
#include "proc/user.h"

/* The run and what is found out about it, once for all formats. */
struct export {
	const struct run *run;
	const struct findings *findings;	/* the caller's; never NULL */
	const struct size_prices *prices;	/* the caller's, or NULL */
	struct critical_link *critical;
	u32 critical_count;
	bool *is_critical;		/* by process */
	struct user_table *users;
};

/* `findings` and `prices` may be NULL. */
void export_begin(struct export *export, const struct run *run, const struct findings *findings,
		  const struct size_prices *prices);
void export_end(struct export *export);

/* Each writes all of it and returns 0 or -errno, said. path NULL: standard output. */
int export_json(const struct export *export, const char *path);
int export_perfetto(const struct export *export, const char *path);
int export_otlp(const struct export *export, const char *path);
/* Into a directory, which is made if it is missing. */
int export_csv(const struct export *export, const char *directory);

/* --- what formats share --- */

/* NULL if the user has no name. */
const char *export_user(const struct export *export, u32 uid);
/* ns since the run's start; negative for what was there before. */
static inline s64 export_time(const struct export *export, u64 time)
{
	return (s64)(time - export->run->start);
}
/* "2026-01-31T23:59:59.123456789Z" */
void export_wall(const struct export *export, struct text *out, u64 time);
const char *export_fact(enum run_fact_kind kind);		/* "failed_exec" */
const char *export_activity(enum run_activity activity);	/* "running" */


#endif
