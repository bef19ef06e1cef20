/*
 * Reading a field of a kernel structure: a plain load where the verifier knows the pointer's type, as in a tp_btf program
 * (`direct`, a constant), else a call that may fail, which costs ten times as much.
 */
#ifndef SONDE_BPF_GET_H
#define SONDE_BPF_GET_H

#include "../kernel.h"

#define get(direct, from, member) ((direct) ? (from)->member : BPF_CORE_READ(from, member))
#define get2(direct, from, member, next) ((direct) ? (from)->member->next : BPF_CORE_READ(from, member, next))

#endif
