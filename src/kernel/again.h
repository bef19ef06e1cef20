/*
 * A program a second time, for what the kernel skips of the first because that is running already (rung.again). It is what
 * the kernel was given for the first, but for one number (wire/settings.h), and is loaded only when there is need of it.
 */
#ifndef KERNEL_AGAIN_H
#define KERNEL_AGAIN_H

#include <bpf/libbpf.h>

/* From now until again_end, a program of this name is kept as it is handed to the kernel; instead of what was kept before. */
void again_begin(const char *program);
void again_end(void);

/* Loads and attaches what was kept of `program`; `object` is the one it is in, open. A descriptor, or -errno. */
int again_attach(const struct bpf_object *object, const char *program);
void again_forget(void);

/* What is about to be handed to the kernel. */
void again_see(enum bpf_prog_type type, const char *name, const struct bpf_insn *insns, size_t count,
	       const struct bpf_prog_load_opts *options);

#endif
