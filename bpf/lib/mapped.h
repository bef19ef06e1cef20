/* IPv4 addresses as IPv6 sockets write them: ::ffff:10.1.2.3. What goes over the wire is IPv4. */
#ifndef SONDE_BPF_MAPPED_H
#define SONDE_BPF_MAPPED_H

#include "../kernel.h"

static __always_inline bool v4_mapped(const u8 *address)
{
	const u32 *words = (const void *)address;

	return !(words[0] | words[1] | (words[2] ^ 0xffff0000));
}

#endif
