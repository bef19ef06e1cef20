/*
 * Generated code by itself: a program of a few instructions that calls it on a record in a map, and can be run from user
 * space. So the kernel's opinion of the code is had without anything being watched.
 */
#ifndef LANG_TRIAL_H
#define LANG_TRIAL_H

#include <linux/bpf.h>
#include <stddef.h>

#include "wire/record.h"

struct trial {
	int program;
	int record;		/* map of one value */
	u32 room;
	char log[256];		/* the verifier's last words, if it refuses */
};

/* `body` is gen_finish's, or gen_finish_others's, of which the third argument is the case that was found. 0, or -errno. */
int trial_open(struct trial *trial, const struct bpf_insn *body, size_t count, u32 room, u32 third);
void trial_close(struct trial *trial);

/* What the code says of `record`, which has `room` bytes; or -errno. The record as the code left it comes back. */
s64 trial_run(struct trial *trial, void *record);
/* How many instructions the verifier went through. 0: it does not say. */
u32 trial_verified(const struct trial *trial);

#endif
