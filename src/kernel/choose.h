/*
 * Which rungs are worth a try here: a look at the kernel's types and one trial load per kind of program rules out most of
 * what would fail, without loading it.
 */
#ifndef KERNEL_CHOOSE_H
#define KERNEL_CHOOSE_H

#include "kernel/kernel.h"

struct choose;

/* The object is looked at, not kept; NULL: it could not be opened. */
struct choose *choose_new(const struct features *features, struct bpf_object *object);
void choose_free(struct choose *choose);

/* Why a program cannot work here, or NULL if nothing speaks against it. */
const char *choose_objection(struct choose *choose, struct bpf_object *object, const char *program);
/* Why a rung cannot work here, or NULL. */
const char *choose_rung_objection(struct choose *choose, struct bpf_object *object, const struct rung *rung);
/* SONDE_RUNG="file open=kprobe,..." names the one rung of a point to be tried, for tests. */
bool choose_forbidden(const struct point *point, const struct rung *rung);

/* Does the kernel have a function of these: */
#define CHOOSE_ALLOCATES "bpf_mem_alloc_init"	/* memory for entries of maps in any program, since 6.1 */
#define CHOOSE_CASTS "bpf_rdonly_cast"		/* since 6.2 */
bool choose_has(const struct choose *choose, const char *function);

#endif
