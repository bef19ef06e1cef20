/* As histograms are read (hist_maps.c): the epoch is turned, whoever writes the old one is waited for. */
#include "kernel/folding.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "kernel/grace.h"

#define KEY_MAX 64

/* All keys of an epoch, taken down before any is deleted: deleting would confuse the walk. */
static void list_keys(struct folding *folding, u32 epoch)
{
	unsigned char key[KEY_MAX], *previous = NULL;

	while (folding->count < folding->room && !bpf_map_get_next_key(folding->fd, previous, key)) {
		if (key[folding->epoch_at] == epoch)
			memcpy(folding->keys + folding->count++ * folding->key_size, key, folding->key_size);
		previous = key;
	}
}

int folding_turn(struct folding *folding, struct bpf_object *object)
{
	int epochs = bpf_object__find_map_fd_by_name(object, folding->epoch);
	unsigned char first[KEY_MAX];
	u32 zero = 0, old, next;

	folding->fd = bpf_object__find_map_fd_by_name(object, folding->map);
	folding->count = 0;
	folding->keys = NULL;
	if (bpf_map_get_next_key(folding->fd, NULL, first))
		return 0;
	if (bpf_map_lookup_elem(epochs, &zero, &old))
		return -errno;
	next = !old;
	if (bpf_map_update_elem(epochs, &zero, &next, BPF_ANY))
		return -errno;
	grace_wait();
	folding->keys = xcalloc(folding->room, folding->key_size);
	list_keys(folding, old);
	return 0;
}

const void *folding_key(const struct folding *folding, size_t index)
{
	return folding->keys + index * folding->key_size;
}

bool folding_take(const struct folding *folding, size_t index, void *sum)
{
	const void *key = folding_key(folding, index);
	bool there = !bpf_map_lookup_elem(folding->fd, key, sum);

	bpf_map_delete_elem(folding->fd, key);
	return there;
}

void folding_free(struct folding *folding)
{
	free(folding->keys);
	folding->keys = NULL;
}
