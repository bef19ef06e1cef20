/*
 * A job's shell does not say which rule it is of, but before Snakemake starts it, it writes the job into its log: rule, wildcards,
 * files. The log is found among the parent's open files. The job is one that has no process yet, the one whose files the command
 * names, or for a script the only one. A short job may have finished in the log before its exec is looked at here.
 */
#define _GNU_SOURCE

#include "rules/rules_lookup.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define JOBS_MOST 512
#define LOG_SUFFIX ".snakemake.log"
#define SCRIPTS ".snakemake/scripts/"
#define TARGET "--target-jobs '"
#define TARGET_SCORE 100000	/* more than files can be named */

struct job {
	struct rule_value rule, id, wildcards, threads, memory, files[3];	/* output, log, input */
	size_t offset;
	bool done;
};

static bool begins(struct rule_value line, const char *string, struct rule_value *rest)
{
	size_t length = strlen(string);

	if (line.length < length || memcmp(line.at, string, length))
		return false;
	*rest = (struct rule_value){ line.at + length, line.length - length };
	return true;
}

static bool next_line(const char **at, struct rule_value *line)
{
	const char *end = strchrnul(*at, '\n');

	*line = (struct rule_value){ *at, end - *at };
	if (!**at)
		return false;
	*at = *end ? end + 1 : end;
	return true;
}

static struct rule_value digits(struct rule_value value)
{
	size_t length = 0;

	while (length < value.length && value.at[length] >= '0' && value.at[length] <= '9')
		length++;
	return (struct rule_value){ value.at, length };
}

static bool same(struct rule_value a, struct rule_value b)
{
	return a.length && a.length == b.length && !memcmp(a.at, b.at, a.length);
}

/* "rule align:", "localrule all:", "checkpoint split:" */
static bool begins_job(struct rule_value line, struct rule_value *rule)
{
	struct rule_value rest = line, colon;

	begins(rest, "local", &rest);
	if (!begins(rest, "rule ", &rest) && !begins(rest, "checkpoint ", &rest))
		return false;
	colon.at = memchr(rest.at, ':', rest.length);
	if (!colon.at || colon.at == rest.at || memchr(rest.at, ' ', colon.at - rest.at))
		return false;
	*rule = (struct rule_value){ rest.at, colon.at - rest.at };
	return true;
}

static void read_field(struct job *job, struct rule_value line)
{
	struct rule_value value, memory;

	if (begins(line, "    output: ", &value)) {
		job->files[0] = value;
	} else if (begins(line, "    log: ", &value)) {
		job->files[1] = value;
	} else if (begins(line, "    input: ", &value)) {
		job->files[2] = value;
	} else if (begins(line, "    jobid: ", &value)) {
		job->id = value;
	} else if (begins(line, "    wildcards: ", &value)) {
		job->wildcards = value;
	} else if (begins(line, "    threads: ", &value)) {
		job->threads = digits(value);
	} else if (begins(line, "    resources: ", &value)) {
		memory.at = memmem(value.at, value.length, "mem_mb=", strlen("mem_mb="));
		if (memory.at) {
			memory.at += strlen("mem_mb=");
			memory.length = value.at + value.length - memory.at;
			job->memory = digits(memory);
		}
	}
}

static void finish(struct job *jobs, size_t count, struct rule_value id)
{
	while (count--)
		if (same(jobs[count].id, id)) {
			jobs[count].done = true;
			return;
		}
}

/* The latest `JOBS_MOST` jobs of the text. */
static size_t read_jobs(const char *text, struct job *jobs)
{
	const char *at = text;
	struct rule_value line, value;
	bool in_job = false, in_error = false;
	size_t count = 0;

	while (next_line(&at, &line)) {
		if (begins_job(line, &value)) {
			if (count == JOBS_MOST)
				memmove(jobs, jobs + 1, --count * sizeof(*jobs));
			jobs[count++] = (struct job){ .rule = value, .threads = { "1", 1 }, .offset = line.at - text };
			in_job = true;
		} else if (begins(line, "    ", &value)) {
			if (in_job)
				read_field(&jobs[count - 1], line);
			else if (in_error && begins(line, "    jobid: ", &value))
				finish(jobs, count, value);
		} else {
			in_job = false;
			in_error = begins(line, "Error in rule ", &value);
			if (begins(line, "Finished job ", &value) || begins(line, "Finished jobid: ", &value))
				finish(jobs, count, digits(value));
		}
	}
	return count;
}

/* How much of the comma-separated files stands in the command, in percent of their bytes. */
static s64 named(struct rule_value files, struct rule_value command)
{
	s64 found = 0, all = 0;

	while (files.length) {
		const char *comma = memmem(files.at, files.length, ", ", 2);
		struct rule_value file = { files.at, comma ? (size_t)(comma - files.at) : files.length };

		all += file.length;
		if (file.length && memmem(command.at, command.length, file.at, file.length))
			found += file.length;
		files.length -= comma ? file.length + 2 : file.length;
		files.at += comma ? file.length + 2 : file.length;
	}
	return all ? found * 100 / all : 0;
}

static u64 claim_of(u64 log, u64 offset)
{
	return (log + 1) * 0x9e3779b97f4a7c15ULL ^ (offset + 1);
}

static bool is_claimed(const struct lookup *lookup, u64 claim)
{
	for (size_t i = 0; i < LOOKUP_CLAIMS && i < lookup->claim_count; i++)
		if (lookup->claims[i] == claim)
			return true;
	return false;
}

/* Snakemake starts itself for a job: --target-jobs 'align:sample=A,unit=1'. The log has "sample=A, unit=1". */
static s64 targeted(const struct job *job, struct rule_value command)
{
	const char *at = memmem(command.at, command.length, TARGET, strlen(TARGET)), *end = command.at + command.length;
	struct rule_value wildcards = job->wildcards;

	if (!at)
		return 0;
	at += strlen(TARGET);
	if ((size_t)(end - at) <= job->rule.length || memcmp(at, job->rule.at, job->rule.length) || at[job->rule.length] != ':')
		return 0;
	at += job->rule.length + 1;
	while (wildcards.length && at < end && *wildcards.at == *at) {
		bool comma = *at++ == ',' && wildcards.length > 1;

		wildcards.at += comma ? 2 : 1;
		wildcards.length -= comma ? 2 : 1;
	}
	return !wildcards.length && at < end && *at == '\'' ? TARGET_SCORE : 1;
}

static struct job *choose(const struct lookup *lookup, u64 log, u64 offset, struct job *jobs, size_t count,
			  struct rule_value command)
{
	struct job *best = NULL, *waiting = NULL, *finished = NULL;
	size_t waiting_count = 0;
	s64 most = 0;

	for (struct job *job = jobs; job < jobs + count; job++) {
		s64 score;

		if (is_claimed(lookup, claim_of(log, offset + job->offset)))
			continue;
		score = targeted(job, command) + 2 * named(job->files[0], command) + named(job->files[1], command) +
			named(job->files[2], command);
		/* of equals one that has not finished, of these the first: they are started as they stand in the log */
		if (score && 2 * score + !job->done > most) {
			score = 2 * score + !job->done;
			most = score;
			best = job;
		}
		if (job->done) {
			finished = job;
		} else {
			waiting = job;
			waiting_count++;
		}
	}
	/* A rule's script is run without naming a file. Others' files would be named: a guess would only be wrong. */
	if (best || !memmem(command.at, command.length, SCRIPTS, strlen(SCRIPTS)))
		return best;
	return waiting_count == 1 ? waiting : waiting_count ? NULL : finished;
}

bool lookup_snakemake_text(struct lookup *lookup, u64 log, u64 offset, struct rule_value command, struct rule_value *job)
{
	struct job *jobs = malloc(JOBS_MOST * sizeof(*jobs)), *found;

	if (!jobs)
		return false;
	found = choose(lookup, log, offset, jobs, read_jobs(lookup->buffer, jobs), command);
	if (found) {
		lookup->claims[lookup->claim_count++ % LOOKUP_CLAIMS] = claim_of(log, offset + found->offset);
		job[FACT_JOB_RULE - FACT_JOB_RULE] = found->rule;
		job[FACT_JOB_WILDCARDS - FACT_JOB_RULE] = found->wildcards;
		job[FACT_JOB_CPUS - FACT_JOB_RULE] = found->threads;
		job[FACT_JOB_MEMORY - FACT_JOB_RULE] = found->memory;
	}
	free(jobs);
	return found;
}

/* The descriptor of the log it has open, or -1. */
static int find_log(u32 pid, char *path, size_t room)
{
	char target[512];
	struct dirent *entry;
	DIR *directory;
	int found = -1;

	snprintf(path, room, "/proc/%u/fd", pid);
	directory = opendir(path);
	while (directory && found < 0 && (entry = readdir(directory))) {
		ssize_t length = readlinkat(dirfd(directory), entry->d_name, target, sizeof(target));

		if (length > (ssize_t)strlen(LOG_SUFFIX) && length < (ssize_t)sizeof(target) &&
		    !memcmp(target + length - strlen(LOG_SUFFIX), LOG_SUFFIX, strlen(LOG_SUFFIX)))
			found = atoi(entry->d_name);
	}
	if (directory)
		closedir(directory);
	if (found >= 0)
		snprintf(path, room, "/proc/%u/fd/%d", pid, found);
	return found;
}

/* A Snakemake whose last job was short has closed its log by now: each log stays open here until others need the place. */
static int open_log(struct lookup *lookup, u32 pid, u32 user)
{
	struct lookup_log *log = lookup->logs;
	char path[64];
	int file;

	while (log < lookup->logs + LOOKUP_LOGS && (!log->open || log->pid != pid))
		log++;
	file = find_log(pid, path, sizeof(path)) >= 0 ? lookup_open(path, user) : -1;
	if (log == lookup->logs + LOOKUP_LOGS) {
		if (file < 0)
			return -1;
		log = &lookup->logs[lookup->log_count++ % LOOKUP_LOGS];
	} else if (file < 0) {
		return log->file;
	}
	if (log->open)
		close(log->file);
	*log = (struct lookup_log){ .pid = pid, .file = file, .open = true };
	return file;
}

bool lookup_snakemake(struct lookup *lookup, u32 pid, u32 user, struct rule_value command, struct rule_value *job)
{
	int file = open_log(lookup, pid, user);
	u64 log, offset;

	return file >= 0 && lookup_end(lookup, file, &log, &offset) && lookup_snakemake_text(lookup, log, offset, command, job);
}
