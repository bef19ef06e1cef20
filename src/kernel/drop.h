/* Names of the reasons for which the kernel drops packets. */
#ifndef KERNEL_DROP_H
#define KERNEL_DROP_H

#include "wire/record.h"

/* Less the kernel's prefix; NULL: there is none. */
const char *drop_reason(u32 reason);

#endif
