/* The kernel's types as libbpf gets to see them: of a hundred thousand only those that our programs name. */
#ifndef KERNEL_THIN_H
#define KERNEL_THIN_H

#include <bpf/libbpf.h>

/* Whose programs are loaded next, and a function that one of them is attached to beside those its sections name. */
void thin_for(const struct bpf_object *object, const char *target);

#endif
