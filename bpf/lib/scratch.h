/*
 * Where records of varying size are put together before they are copied to a lane. Programs that run with preemption off
 * own slot 0 of their CPU. Those that can be preempted take a slot first; adding a key that is not there is the
 * one operation that is atomic on every kernel from 5.10 on.
 */
#ifndef SONDE_BPF_SCRATCH_H
#define SONDE_BPF_SCRATCH_H

#include "emit.h"

/* The slot, or 0 if all are taken. */
static __always_inline u32 scratch_take(void)
{
	u32 cpu = bpf_get_smp_processor_id();

	for (u32 slot = 1; slot < SLOTS; slot++) {
		u32 key = cpu * SLOTS + slot;
		u32 value = slot; /* not the loop's own: to the verifier, what a helper was shown is no longer known */

		if (!bpf_map_update_elem(&taken, &key, &value, BPF_NOEXIST))
			return slot;
	}
	return 0;
}

static __always_inline void scratch_release(u32 slot)
{
	u32 key = bpf_get_smp_processor_id() * SLOTS + slot;

	if (slot)
		bpf_map_delete_elem(&taken, &key);
}

static __always_inline u8 *scratch_get(u32 slot)
{
	return bpf_map_lookup_elem(&scratches, &slot);
}

/*
 * Strings are appended at an offset that must not be above `limit`, a constant from which a string of PATH_SIZE still
 * fits. They return the next offset; a caller need not check each, for an offset above the limit stays there.
 */
#define SCRATCH_LIMIT (SCRATCH_SIZE - PATH_SIZE - 16)

static __always_inline u64 scratch_pad(u64 offset, u64 length)
{
	return offset + sizeof(struct record_string) + ((length + 7) & ~7ULL);
}

static __always_inline u64 scratch_add(u8 *bytes, u64 offset, const void *from, u64 length, u32 full)
{
	struct record_string *string;

	barrier_var(offset);
	if (offset > SCRATCH_LIMIT)
		return offset;
	string = (void *)(bytes + offset);
	barrier_var(length);
	if (length > PATH_SIZE)
		length = PATH_SIZE;
	string->length = length;
	string->full = full;
	if (length)
		bpf_probe_read_kernel(string + 1, length, from);
	return scratch_pad(offset, length);
}

/* A NUL-terminated string of the kernel's or of the current process. */
static __always_inline u64 scratch_add_text(u8 *bytes, u64 offset, const char *from, bool user)
{
	struct record_string *string;
	long length;

	barrier_var(offset);
	if (offset > SCRATCH_LIMIT)
		return offset;
	string = (void *)(bytes + offset);
	length = user ? bpf_probe_read_user_str(string + 1, PATH_SIZE, from) :
			bpf_probe_read_kernel_str(string + 1, PATH_SIZE, from);
	if (length < 1 || length > PATH_SIZE)
		length = 1;
	length--;
	string->length = length;
	string->full = length;
	return scratch_pad(offset, length);
}

#endif
