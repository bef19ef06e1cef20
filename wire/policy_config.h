/*
 * What one program of a policy is told before it is loaded. It stands in .rodata, so the verifier knows it and drops the
 * code that is not needed.
 */
#ifndef SONDE_WIRE_POLICY_CONFIG_H
#define SONDE_WIRE_POLICY_CONFIG_H

#include "policy.h"

enum policy_read {
	READ_none,
#define TYPE(name, spelled, shape, help) READ_##name,
#include "policy_types.def"
#undef TYPE
};

enum policy_stand_for {
	STAND_FOR_NONE,
#define STAND_IN(name, function, rung, target, prevents, lost) STAND_FOR_##name,
#include "../src/policy/stand_in.def"
#undef STAND_IN
};

enum policy_from {
	FROM_CALL_PARAMETER,
	FROM_CALL_RESULT,
	FROM_CURRENT_TASK,
	FROM_CPU_REGISTER,	/* index: as in struct user_registers */
	FROM_RECORD_FIELD,	/* from where a tracepoint's fields begin */
};

#define POLICY_HOPS 12
#define POLICY_FOLLOW 0x80000000U
#define POLICY_PARAMETERS 6
#define POLICY_SIGNED 0x100

/* From a parameter to what is read: members are stepped into, and pointers followed. */
struct policy_source {
	u8 type;		/* enum policy_read */
	u8 from;		/* enum policy_from */
	u8 index;
	u8 size_index;		/* parameter with the length, from 1 */
	u8 hops;		/* 0: the parameter itself is the value */
	u8 width;		/* of the number that is read behind the last hop; 0: its address is the value */
	u8 shift, bits;		/* of a bit field in that number; bits 0: it is none */
	u32 hop[POLICY_HOPS];	/* added to the address; with POLICY_FOLLOW the pointer there is the next one */
	u32 length;		/* of a const_buf */
	u32 element;		/* bytes of each of its numbers; with POLICY_SIGNED: they have a sign */
};
RECORD_SIZE(struct policy_source, 64);

/* Facts that a condition asks for; all others are read when something is to be told. */
#define POLICY_NEEDS_PROGRAM 1
#define POLICY_NEEDS_PARENT 2
#define POLICY_NEEDS_ANCESTORS 4
#define POLICY_NEEDS_ANCESTOR_PROGRAMS 8
#define POLICY_NEEDS_NAMESPACES 16
#define POLICY_NEEDS_CAPABILITIES 32
#define POLICY_NEEDS_CHANGES 64
#define POLICY_NEEDS_VALUE(i) (256U << (i))
#define POLICY_NEEDS_VALUES (POLICY_NEEDS_VALUE(POLICY_VALUES) - POLICY_NEEDS_VALUE(0))

/* Ways to read a known file without calls: loads by the types of the hook's parameters, and of any address. */
#define POLICY_DIRECT_PARAMETERS 1
#define POLICY_DIRECT_ALL 2

#define POLICY_CALLS 512	/* numbers of system calls are below */

struct policy_config {
	u32 self;		/* a process that is left out; 0: none */
	u32 needs;		/* POLICY_NEEDS_* */
	u32 stand_in;		/* enum policy_stand_for */
	u8 values;
	u8 parameters;		/* how many the function has */
	u8 is_call;		/* its one parameter points to the registers of a system call */
	u8 can_signal;		/* this kind of program may send signals */
	u8 cached;		/* conditions depend on nothing but one path and plain numbers: value of the path, from 1 */
	u8 at_return;
	u8 can_stack;		/* this kind of program may look at stacks */
	u8 changes;		/* some policy asks what a process changed since its program was started */
	u8 any_call;		/* `calls` does not matter */
	u8 direct;		/* POLICY_DIRECT_* */
	u16 function;		/* of a hook on many: which one, from 1; 0: told by its address or its number */
	u8 several;		/* policies share this program, and what matches beside the first is counted */
	u8 readable;		/* bit per parameter that may be loaded; the verifier refuses pointers to pointers, for example */
	u8 padding[6];
	u64 calls[POLICY_CALLS / 64];
	struct policy_source source[POLICY_VALUES];
};
RECORD_SIZE(struct policy_config, 32 + 64 + 64 * POLICY_VALUES);

#define POLICY_SCOPE_THREAD 0
#define POLICY_SCOPE_PROCESS 1
#define POLICY_SCOPE_GLOBAL 2

/* What follows when a case holds; by the case's number, less 1. */
struct policy_verdict {
	u32 policy;
	u16 hook, selector;
	u8 action;		/* enum policy_action, the last one: told of */
	u8 enforce;
	u8 silent;
	u8 rate_scope;
	u8 kernel_stack, user_stack;
	u8 denies, notes;	/* notes: leave one for the enforcer; 2: take it back */
	s32 error;		/* what a denied call fails with, negative */
	u32 signal;		/* 0: none */
	s32 note_error;
	u32 note_signal;
	u8 track, untrack;	/* value with a socket, from 1 */
	u8 padding[6];
	u64 rate_count, rate_ns;
};
RECORD_SIZE(struct policy_verdict, 56);

/* Per CPU and case. */
struct policy_tally {
	u64 matched, told, taken, first, last;
};
RECORD_SIZE(struct policy_tally, 40);

/* What the enforcer is to do to a thread's next call. */
struct policy_errand {
	s32 error;
	u32 signal;
};

/* Memory that a record is put together in. A per-CPU value has 32 KiB at most. */
#define POLICY_ROOM 24064

#endif
