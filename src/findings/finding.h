/* What is wrong with a run, or could be better: each with its evidence, how sure it is, and what to do. */
#ifndef FINDINGS_FINDING_H
#define FINDINGS_FINDING_H

#include "base/text.h"
#include "books/run.h"

enum finding_sureness {
	FINDING_POSSIBLE,	/* sampled, or one reading of several */
	FINDING_LIKELY,
	FINDING_CERTAIN,	/* counted by the kernel */
};

/* What comes first; within one, what cost the most time. */
enum finding_class {
	FINDING_FAILURE,	/* the result is wrong, or there is none */
	FINDING_TIME,		/* the run took longer than it had to */
	FINDING_SIZE,		/* it nearly outgrew what it was given, or was given far more than it used */
	FINDING_AROUND,		/* the run took longer by what else the machine did */
};

struct finding {
	const char *kind;	/* static: "cpu-oversubscribed", "memory-limit", ...; docs/findings.md lists all */
	enum finding_class class;
	enum finding_sureness sureness;
	u32 tool, task, process;	/* whom it is about, RUN_NONE: not one of these */
	u64 from, to;		/* when */
	u64 lost;		/* about how much of the run's wall time it cost, ns */
	struct text title;	/* "align waits for the disk" */
	struct text evidence;	/* the numbers */
	struct text advice;
};

struct findings {
	struct finding *items;	/* the most important first */
	u32 count;
};

void findings_make(struct findings *findings, const struct run *run);
void findings_free(struct findings *findings);
const char *finding_sureness_name(enum finding_sureness sureness);

#endif
