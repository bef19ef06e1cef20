/*
 * Byte strings that several processes hold: a build runs ten thousand times the same compiler in the
 * same directory, and a fork has all that its parent has. Counted references; interned ones are
 * found again by content. All memory is added to an account that its owner keeps below a budget.
 */
#ifndef PROC_SHARED_H
#define PROC_SHARED_H

#include <stddef.h>
#include <stdint.h>

struct shared_bytes {
	struct shared_bytes *next;	/* in its bucket, when interned */
	uint32_t references;
	uint32_t hash;
	uint32_t length;
	uint32_t interned;
	char data[];			/* and a NUL */
};

struct shared_pool {
	struct shared_bytes **buckets;
	size_t bucket_count;
	size_t count;
	size_t *account;		/* bytes in use */
};

/* "" for NULL. */
static inline const char *shared_string(const struct shared_bytes *bytes)
{
	return bytes ? bytes->data : "";
}

/* Finds or makes; NULL without memory. The caller owns one reference. */
struct shared_bytes *shared_intern(struct shared_pool *pool, const void *bytes, size_t length);
/* A string of its own: arguments seldom repeat, and are long. */
struct shared_bytes *shared_new(struct shared_pool *pool, const void *bytes, size_t length);
struct shared_bytes *shared_hold(struct shared_bytes *bytes);
/* NULL is allowed. */
void shared_drop(struct shared_pool *pool, struct shared_bytes *bytes);
/* Every string must have been dropped. */
void shared_pool_free(struct shared_pool *pool);

#endif
