/*
 * A chained hash table of the interned strings. When the table cannot grow for want of memory the
 * chains grow instead: slower, never wrong.
 */

#include "shared.h"

#include <stdlib.h>
#include <string.h>

static uint32_t hash_bytes(const unsigned char *bytes, size_t length)
{
	uint64_t hash = 0x9e3779b97f4a7c15ull ^ length;

	while (length >= 8) {
		uint64_t word;
		memcpy(&word, bytes, 8);
		hash = (hash ^ word) * 0xff51afd7ed558ccdull;
		hash ^= hash >> 32;
		bytes += 8;
		length -= 8;
	}
	while (length--)
		hash = (hash ^ *bytes++) * 0x100000001b3ull;
	return (uint32_t)(hash ^ hash >> 29);
}

static size_t footprint(size_t length)
{
	/* what the allocator takes: a word of its own, rounded to 16 */
	return (sizeof(struct shared_bytes) + length + 1 + 8 + 15) & ~(size_t)15;
}

static void grow(struct shared_pool *pool)
{
	size_t count = pool->bucket_count ? pool->bucket_count * 2 : 64;
	struct shared_bytes **buckets = calloc(count, sizeof(*buckets));

	if (!buckets)
		return;
	for (size_t i = 0; i < pool->bucket_count; i++) {
		struct shared_bytes *next;
		for (struct shared_bytes *bytes = pool->buckets[i]; bytes; bytes = next) {
			next = bytes->next;
			bytes->next = buckets[bytes->hash & (count - 1)];
			buckets[bytes->hash & (count - 1)] = bytes;
		}
	}
	*pool->account += (count - pool->bucket_count) * sizeof(*buckets);
	free(pool->buckets);
	pool->buckets = buckets;
	pool->bucket_count = count;
}

struct shared_bytes *shared_new(struct shared_pool *pool, const void *bytes, size_t length)
{
	if (length > UINT32_MAX / 2)
		return NULL;
	struct shared_bytes *made = malloc(sizeof(*made) + length + 1);
	if (!made)
		return NULL;
	*made = (struct shared_bytes){.references = 1, .length = (uint32_t)length};
	if (length)
		memcpy(made->data, bytes, length);
	made->data[length] = '\0';
	*pool->account += footprint(length);
	return made;
}

struct shared_bytes *shared_intern(struct shared_pool *pool, const void *bytes, size_t length)
{
	uint32_t hash = hash_bytes(bytes, length);

	if (pool->count >= pool->bucket_count)
		grow(pool);
	if (!pool->bucket_count)
		return NULL;
	struct shared_bytes **bucket = &pool->buckets[hash & (pool->bucket_count - 1)];
	for (struct shared_bytes *known = *bucket; known; known = known->next)
		if (known->hash == hash && known->length == length &&
		    !memcmp(known->data, bytes, length))
			return shared_hold(known);
	struct shared_bytes *made = shared_new(pool, bytes, length);
	if (!made)
		return NULL;
	made->hash = hash;
	made->interned = 1;
	made->next = *bucket;
	*bucket = made;
	pool->count++;
	return made;
}

struct shared_bytes *shared_hold(struct shared_bytes *bytes)
{
	if (bytes)
		bytes->references++;
	return bytes;
}

void shared_drop(struct shared_pool *pool, struct shared_bytes *bytes)
{
	if (!bytes || --bytes->references)
		return;
	if (bytes->interned) {
		struct shared_bytes **link = &pool->buckets[bytes->hash & (pool->bucket_count - 1)];
		while (*link != bytes)
			link = &(*link)->next;
		*link = bytes->next;
		pool->count--;
	}
	*pool->account -= footprint(bytes->length);
	free(bytes);
}

void shared_pool_free(struct shared_pool *pool)
{
	*pool->account -= pool->bucket_count * sizeof(*pool->buckets);
	free(pool->buckets);
	pool->buckets = NULL;
	pool->bucket_count = 0;
}
