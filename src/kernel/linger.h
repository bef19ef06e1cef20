/*
 * Some links take the kernel a tenth of a second to close, and a process that ends waits for it, as does whoever waits for
 * the process. A child takes that time instead.
 */
#ifndef KERNEL_LINGER_H
#define KERNEL_LINGER_H

#include <stddef.h>

/*
 * The child holds these descriptors until the one that is returned is closed, and then ends with them. -1: there is none. It is
 * nobody's child but init's, and has nothing else open.
 */
int linger_for(const int *links, size_t count);

#endif
