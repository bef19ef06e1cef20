/* The BPF objects that are built into the binary. */
#ifndef KERNEL_OBJECT_H
#define KERNEL_OBJECT_H

#include <bpf/libbpf.h>

#include "wire/policy_config.h"
#include "wire/settings.h"

/* Opens it, no program chosen yet. NULL with errno. */
struct bpf_object *object_open(void);
/* What the main object is told at load, and has been told once it is loaded. */
struct settings *object_settings(struct bpf_object *object);
/*
 * The same of one hook of policies. `target`: a kernel function that one of its programs is to be attached to by
 * type, as BTF has it; NULL: none.
 */
struct bpf_object *object_open_policy(const char *target, struct settings **settings, struct policy_config **config);
void object_close(struct bpf_object *object);

/* What libbpf or the verifier said last, cut to one line; "" if nothing. Forgotten with object_said_clear. */
const char *object_said(void);
void object_said_clear(void);
/* The program that the last load was refused for, "" if none. */
const char *object_refused(void);

#endif
