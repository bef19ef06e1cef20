/*
 * Names that a process does not carry itself: a line of a file beside it, the title its parent gave itself, the log of Snakemake. All are
 * bounded, read nothing but regular files, and keep only what a rule asked for.
 */
#ifndef RULES_RULES_LOOKUP_H
#define RULES_RULES_LOOKUP_H

#include "rules/rules_fact.h"

#define LOOKUP_FILE_MOST 8192	/* bytes from the beginning of a file */
#define LOOKUP_LOG_MOST 65536	/* bytes from the end of a log */
#define LOOKUP_LOGS 8
#define LOOKUP_CLAIMS 512	/* more jobs than the end of a log holds */

struct lookup_log {
	u32 pid;		/* of the Snakemake that writes it */
	int file;
	bool open;
};

struct lookup {
	char *buffer;		/* what groups point into, until the next lookup */
	size_t length;
	/* jobs of Snakemake that have a process already: hashes of log and offset, the oldest overwritten */
	u64 claims[LOOKUP_CLAIMS];
	size_t claim_count;
	struct lookup_log logs[LOOKUP_LOGS];	/* the oldest is given up */
	size_t log_count;
};

void lookup_free(struct lookup *lookup);
/* The first line of a file that fits. The file must belong to `user` or root. */
bool lookup_line(struct lookup *lookup, const char *path, u32 user, const struct rule_pattern *pattern,
		 struct rule_value *groups);
/* The command line of a living process as it stands now; programs write titles there. */
bool lookup_title(struct lookup *lookup, u32 pid, const struct rule_pattern *pattern, struct rule_value *groups);
/* Which job of the Snakemake at `pid` runs this command: its rule, wildcards, threads and memory (FACT_JOB_*), in this order. */
bool lookup_snakemake(struct lookup *lookup, u32 pid, u32 user, struct rule_value command, struct rule_value *job);

/* -1, or a regular file that belongs to `user` or root, open for reading. */
int lookup_open(const char *path, u32 user);
/* The end of a file into the buffer: which file, and where in it the buffer begins. */
bool lookup_end(struct lookup *lookup, int file, u64 *id, u64 *offset);
/* lookup_snakemake() once the log is in the buffer. */
bool lookup_snakemake_text(struct lookup *lookup, u64 log, u64 offset, struct rule_value command, struct rule_value *job);

#endif
