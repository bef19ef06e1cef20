/*
 * A place for generated code: as a program is loaded, the body of this function is replaced by a compiled condition
 * (kernel/splice.h). What stands here keeps the compiler from knowing what it returns.
 */
#ifndef SONDE_BPF_DECIDE_H
#define SONDE_BPF_DECIDE_H

#include "../kernel.h"

/* 0: no case holds, else the number of the first that does, from 1. */
static __noinline u32 decide(u8 *record, u64 size, u32 kind)
{
	u32 verdict = 1;

	asm volatile("" : "+r"(verdict), "+r"(record), "+r"(size), "+r"(kind) : : "memory");
	return verdict;
}

/* Where cases share a program: adds up what else holds, but for the case that was found. */
static __noinline __attribute__((unused)) u32 decide_others(u8 *record, u64 size, u32 found)
{
	u32 verdict = 0;

	asm volatile("" : "+r"(verdict), "+r"(record), "+r"(size), "+r"(found) : : "memory");
	return verdict;
}

#endif
