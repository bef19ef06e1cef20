/*
 * What the threads of a process that are gone had used, as far as the kernel does not keep it: run-queue wait not at all, and
 * bytes read and written only mixed with those of children that were waited for.
 */
#ifndef SONDE_BPF_THREADS_H
#define SONDE_BPF_THREADS_H

#include "../kernel.h"
#include "../../wire/process.h"

struct thread_sum {
	u64 wait_ns;
	u64 threads;
	u64 read_chars;
	u64 write_chars;
	u64 read_calls;
	u64 write_calls;
	u64 read_bytes;
	u64 write_bytes;
	u64 cancelled_write_bytes;
};

struct thread_sums_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, struct process_key);
	__type(value, struct thread_sum);
};

/* Threads that are in thread_sums, by address and birth: some of them are still in the list of threads. */
struct noted_map {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, u64);
	__type(value, u64);
};

extern struct thread_sums_map thread_sums SEC(".maps");
extern struct noted_map noted SEC(".maps");

static __always_inline bool thread_is_noted(struct task_struct *task)
{
	u64 key = (u64)task, *born = bpf_map_lookup_elem(&noted, &key);

	return born && *born == BPF_CORE_READ(task, start_boottime);
}

/* Adds a task's own input and output to anything with members named like those of struct thread_sum. */
#define THREAD_ADD_IO(sum, task)                                                \
	do {                                                                    \
		struct task_io_accounting io_ = {};                             \
										\
		if (bpf_core_field_exists((task)->ioac.rchar))                  \
			BPF_CORE_READ_INTO(&io_, task, ioac);                   \
		__sync_fetch_and_add(&(sum)->read_chars, io_.rchar);            \
		__sync_fetch_and_add(&(sum)->write_chars, io_.wchar);           \
		__sync_fetch_and_add(&(sum)->read_calls, io_.syscr);            \
		__sync_fetch_and_add(&(sum)->write_calls, io_.syscw);           \
		__sync_fetch_and_add(&(sum)->read_bytes, io_.read_bytes);       \
		__sync_fetch_and_add(&(sum)->write_bytes, io_.write_bytes);     \
		__sync_fetch_and_add(&(sum)->cancelled_write_bytes, io_.cancelled_write_bytes); \
	} while (0)

#endif
