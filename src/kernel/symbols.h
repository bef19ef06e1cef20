/* Which of the kernel's functions an address lies in. */
#ifndef KERNEL_SYMBOLS_H
#define KERNEL_SYMBOLS_H

#include "wire/record.h"

/* Names for addresses, all found in one pass over the list of symbols; "" where the kernel does not tell. */
void symbols_find(const u64 *addresses, size_t count);
/* The name of an address that symbols_find was asked for; "" else. */
const char *symbols_name(u64 address);

#endif
