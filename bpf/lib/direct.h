/*
 * Reading kernel memory without a call: since 6.2 a number can be declared to be a pointer to a structure, and the loads
 * through it are plain instructions that survive a bad address. A BPF_CORE_READ takes five nanoseconds, this one. Only for
 * programs of a rung that asks for bpf_rdonly_cast, or where settings.casts says that it is there.
 *
 * The linker of libbpf 1.1 lets one object alone say in which section an extern function belongs: the first in the link. What
 * comes behind it defines DIRECT_IS_KNOWN.
 */
#ifndef SONDE_BPF_DIRECT_H
#define SONDE_BPF_DIRECT_H

#include "../kernel.h"

#ifdef DIRECT_IS_KNOWN
extern void *bpf_rdonly_cast(const void *object, u32 type) __weak;
#else
extern void *bpf_rdonly_cast(const void *object, u32 type) __ksym __weak;
#endif

#define DIRECT(type, address) \
	((type *)bpf_rdonly_cast((const void *)(address), bpf_core_type_id_kernel(type)))

#endif
