/*
 * Paths as the kernel resolved them. The walk itself is in path.bpf.c, a function of its own that the verifier looks at
 * once however many sensors call it.
 */
#ifndef SONDE_BPF_PATH_H
#define SONDE_BPF_PATH_H

#include "maps.h"

#define PATH_CUT 0x10000U

/* See path.bpf.c. Pointers travel as numbers: only so can the verifier check the function alone. */
extern u32 path_walk(u64 dentry, u64 mount, u32 slot);

struct path_view {
	const char *bytes;	/* in the buffer, until the next walk on this CPU and slot; NULL if there is none */
	u64 length;
	u32 cut;
};

static __always_inline bool path_is_deleted(struct dentry *dentry)
{
	return !BPF_CORE_READ(dentry, d_hash.pprev) && dentry != BPF_CORE_READ(dentry, d_parent);
}

/* As the current task sees it, from its own root. */
static __always_inline void path_view_of(struct path_view *view, struct dentry *dentry, struct vfsmount *mount,
					 u32 slot)
{
	struct path_buffer *buffer = bpf_map_lookup_elem(&paths, &slot);
	u64 at;

	view->bytes = NULL;
	view->length = 0;
	view->cut = 0;
	if (!buffer || !dentry)
		return;
	at = path_walk((u64)dentry, (u64)mount, slot);
	if (at & PATH_CUT)
		view->cut = 1;
	at &= PATH_CUT - 1;
	if (at > PATH_SIZE - 1)
		return;
	view->bytes = &buffer->bytes[at];
	view->length = PATH_SIZE - at;
}

#endif
