/* Where the parameters and the result of a call are, by how a program is attached. */
#ifndef SONDE_BPF_POLICY_CALL_H
#define SONDE_BPF_POLICY_CALL_H

#include "policy.h"
#include "regs.h"

/* Plain loads at places that do not vary: nothing else may be done with a program's context. What is not readable is dropped. */
#define PARAMETERS(to, ctx)                                                                     \
	do {                                                                                    \
		if (policy.readable & 1 << 0)                                                   \
			(to)[0] = *(volatile u64 *)&(ctx)[0];                                   \
		if (policy.readable & 1 << 1)                                                   \
			(to)[1] = *(volatile u64 *)&(ctx)[1];                                   \
		if (policy.readable & 1 << 2)                                                   \
			(to)[2] = *(volatile u64 *)&(ctx)[2];                                   \
		if (policy.readable & 1 << 3)                                                   \
			(to)[3] = *(volatile u64 *)&(ctx)[3];                                   \
		if (policy.readable & 1 << 4)                                                   \
			(to)[4] = *(volatile u64 *)&(ctx)[4];                                   \
		if (policy.readable & 1 << 5)                                                   \
			(to)[5] = *(volatile u64 *)&(ctx)[5];                                   \
	} while (0)

#define RESULT_BEHIND(n)                                                                        \
	if (policy.parameters == (n)) {                                                         \
		s64 result_ = *(volatile u64 *)&ctx[n];                                         \
		asm volatile("" : "+r"(result_) : "i"(n));                                      \
		return result_;                                                                 \
	}

/* It lies behind the parameters. */
static __always_inline s64 result_of(u64 *ctx)
{
	RESULT_BEHIND(0)
	RESULT_BEHIND(1)
	RESULT_BEHIND(2)
	RESULT_BEHIND(3)
	RESULT_BEHIND(4)
	RESULT_BEHIND(5)
	RESULT_BEHIND(6)
	return 0;
}

static __always_inline bool call_wanted(u64 number)
{
	u64 word = number >> 6;

	if (policy.any_call)
		return true;
	barrier_var(word);
	return word < POLICY_CALLS / 64 && policy.calls[word] >> (number & 63) & 1;
}

#define ERROR_MOST 4095LL

/* What the verifier lets such a program answer, in 64 bits, with which nothing is done after they were compared. */
static __always_inline s64 answer(s64 error)
{
	barrier_var(error);
	if (error >= 0)
		return 0;
	if (error < -ERROR_MOST)
		return -1;
	return error;
}

static __always_inline void of_call(u64 *to, const struct user_registers *regs)
{
	to[0] = regs->di;
	to[1] = regs->si;
	to[2] = regs->dx;
	to[3] = regs->r10;
	to[4] = regs->r8;
	to[5] = regs->r9;
}

/* The architecture's order of parameters in registers. */
static __always_inline void of_registers(u64 *to, const struct user_registers *regs)
{
	to[0] = regs->di;
	to[1] = regs->si;
	to[2] = regs->dx;
	to[3] = regs->cx;
	to[4] = regs->r8;
	to[5] = regs->r9;
}

#endif
