/*
 * What all families of findings look at: the run over time, its critical path, and what each process waited for. Made once, read only.
 */
#ifndef FINDINGS_FINDING_SCENE_H
#define FINDINGS_FINDING_SCENE_H

#include "books/critical.h"
#include "findings/finding.h"
#include "findings/size.h"
#include "books/usage.h"

#define SECOND 1e9

/* Thresholds, by name: limit.share. */
struct finding_limits {
#define LIMIT(name, value, unit, reason) double name;
#include "findings/finding_limits.def"
#undef LIMIT
};
extern const struct finding_limits limit;

/* How a process spent its life, as far as it was not on a CPU or ready for one; ns of its threads. */
struct stay {
	double blocked;
	double read, write, network;	/* of that, waiting for disks to read, to write, and for peers */
	double on_path;			/* length of its links */
	double path_blocked;		/* of that, not on a CPU and not ready for one */
	bool guessed;			/* from bytes and switches: nobody saw it wait for a disk */
};

struct scene {
	const struct run *run;
	double wall;			/* ns */
	double cpus;			/* that the run could use; 0: not known */
	double contended;		/* ns of the run that others on the machine took from it */
	u64 whole_from;			/* from then on nothing is missing; who seems idle before may have had others at work */
	struct stay *stays;		/* by process */
	bool *tiny;			/* by process: one of thousands that hardly lived; what they cost is told once */
	u32 tiny_count;			/* 0: there are not enough of them */
	struct usage *usage;
	struct size_need need;
	struct critical_link *path;
	u32 path_count;
};

void scene_make(struct scene *scene, const struct run *run);
void scene_free(struct scene *scene);

/* Is nothing missing of what was used then? */
static inline bool scene_is_whole(const struct scene *scene, const struct usage_bin *bin)
{
	return usage_bin_from(scene->usage, bin - scene->usage->bins) >= scene->whole_from;
}

/* A family looks at a scene and adds what it finds. */
struct finding_family {
	const char *name;
	void (*find)(const struct scene *scene, struct findings *findings);
};

/*
 * NULL: it is not worth a word, as `lost` (ns of the run's time) is too little; of failures and of sizes the family decides. The row is
 * good until the next is added; whom it is about is not set, when is the whole run.
 */
struct finding *finding_add(const struct scene *scene, struct findings *findings, const char *kind, enum finding_class class,
			    enum finding_sureness sureness, double lost);

/* Was memory so short that what was needed had to be read from disk again? Then that is the reason why it waits for reads. */
bool scene_is_short_of_memory(const struct scene *scene);

/* --- who, and how it is said --- */

/* Adds up a number per tool; the tool with the largest sum, and its part of the whole. */
struct blame {
	double *by_tool, all;
	u32 *process;		/* the one that gave most to each tool */
	double *most;
};

struct blame blame_new(const struct run *run);
void blame_add(struct blame *blame, const struct run *run, u32 process, double weight);
u32 blame_tool(const struct blame *blame, const struct run *run, double *share);
void blame_free(struct blame *blame);

/* The task of a tool's processes if all have the same one, else RUN_NONE. */
u32 scene_task_of(const struct scene *scene, u32 tool);
void say_tool(struct text *out, const struct run *run, u32 tool);
void say_time(struct text *out, double ns);
void say_bytes(struct text *out, double bytes);
void say_share(struct text *out, double part, double whole);
/* The command line of a process, shortened. */
void say_command(struct text *out, const struct run *run, u32 process);

#endif
