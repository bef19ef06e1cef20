/*
 * Puts generated code into programs as they are loaded: in each, the body of one function is replaced. The rest, maps,
 * types and what else libbpf has done to it, stays as the compiler made it.
 */
#ifndef KERNEL_SPLICE_H
#define KERNEL_SPLICE_H

#include <bpf/btf.h>
#include <linux/bpf.h>
#include <stddef.h>

/*
 * From now until splice_end, a program that is loaded and has a function of that name gets `body` for it; two functions at
 * most. `types` are those of the object it is in. The body is a whole function: arguments in registers 1 to 5, and it exits.
 */
void splice_begin(const struct btf *types, const char *function, const struct bpf_insn *body, size_t count);
void splice_end(void);

#endif
