/* What a kernel has that policies could be attached to. Looked up only when asked for. */
#ifndef POLICY_PLACE_KERNEL_H
#define POLICY_PLACE_KERNEL_H

#include <bpf/btf.h>

#include "base/table.h"
#include "policy/place.h"

struct policy_kernel {
	struct btf *btf;
	const struct features *features;
	bool here;			/* it is the running one */
	bool may_try;			/* and programs may be loaded */
	struct table functions;		/* hash of a name: its id in BTF */
	struct table tried;		/* programs that were, at functions, with what came of it */
	int lsm, fentry, kprobes, override;	/* -1: not found out yet */
};

/* The id of a function; 0: the types name none. */
u32 kernel_function(struct policy_kernel *kernel, const char *name);
/* The prototype of a function; NULL: unknown. */
const struct btf_type *kernel_prototype(const struct policy_kernel *kernel, u32 function);
/* Of a raw tracepoint; the first parameter is not the tracepoint's. NULL: there is none. */
const struct btf_type *kernel_tracepoint(const struct policy_kernel *kernel, const char *name);
/* A function that the types do not name, and that kprobes could find: of a module, or one whose prototype was given up. */
bool kernel_has_symbol(const struct policy_kernel *kernel, const char *name);

bool kernel_has_lsm(struct policy_kernel *kernel);
/* A program can hang at this function of the security modules (bpf_lsm_...). */
bool kernel_has_lsm_hook(struct policy_kernel *kernel, u32 function);
bool kernel_has_kprobes(struct policy_kernel *kernel);
/* kprobes that put another result in place. */
bool kernel_has_override(struct policy_kernel *kernel);
/* A program can hang at its entry; `modify`: and can put another result in place. */
bool kernel_has_fentry(struct policy_kernel *kernel, u32 function, bool modify);

/* Bit per parameter that a program there may load, of the first ones; `lsm`: the function is a hook (bpf_lsm_...). */
u8 kernel_readable(struct policy_kernel *kernel, u32 function, bool lsm);

/* The nearest names to one there is not: "did you mean A or B?"; "" if none is near. */
void kernel_nearest_function(struct policy_kernel *kernel, const char *name, const char *prefix, char *out, size_t size);
void kernel_nearest_tracepoint(struct policy_kernel *kernel, const char *name, char *out, size_t size);

#endif
