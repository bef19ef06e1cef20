/*
 * Taking down what a program adds up in a hash map whose keys hold an epoch. Two epochs take turns: the old one is read while the
 * new one is written, so nothing is counted twice or missed.
 */
#ifndef KERNEL_FOLDING_H
#define KERNEL_FOLDING_H

#include <bpf/libbpf.h>
#include <stdbool.h>
#include <stddef.h>

#include "wire/record.h"

struct folding {
	const char *map, *epoch;	/* names: the sums, and an array of one u32 */
	size_t key_size;
	size_t epoch_at;		/* in the key: a byte */
	size_t room;			/* keys of both epochs */
	/* Filled in by folding_turn. */
	int fd;
	size_t count;
	unsigned char *keys;
};

/* Turns the epoch, waits for who still writes the old one, and lists its keys. 0 or -errno; nothing to free after an error. */
int folding_turn(struct folding *folding, struct bpf_object *object);
const void *folding_key(const struct folding *folding, size_t index);
/* Takes a sum out of the map. False: it is not there. */
bool folding_take(const struct folding *folding, size_t index, void *sum);
void folding_free(struct folding *folding);

#endif
