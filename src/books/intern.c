/* SipHash-1-3: fast for short strings, and nobody who chooses them can make two of them meet. */
#include "books/intern.h"

#include <string.h>
#include <sys/random.h>

static u64 rotate(u64 value, int bits)
{
	return value << bits | value >> (64 - bits);
}

static void mix(u64 state[4])
{
	state[0] += state[1];
	state[1] = rotate(state[1], 13) ^ state[0];
	state[0] = rotate(state[0], 32);
	state[2] += state[3];
	state[3] = rotate(state[3], 16) ^ state[2];
	state[0] += state[3];
	state[3] = rotate(state[3], 21) ^ state[0];
	state[2] += state[1];
	state[1] = rotate(state[1], 17) ^ state[2];
	state[2] = rotate(state[2], 32);
}

static void take(u64 state[4], u64 word)
{
	state[3] ^= word;
	mix(state);
	state[0] ^= word;
}

u64 intern_hash(const struct intern *intern, const void *bytes, size_t length)
{
	const u64 *key = intern->key;
	u64 state[4] = { key[0] ^ 0x736f6d6570736575ULL, key[1] ^ 0x646f72616e646f6dULL,
			 key[0] ^ 0x6c7967656e657261ULL, key[1] ^ 0x7465646279746573ULL };
	const unsigned char *at = bytes;
	u64 word, last = (u64)length << 56;

	for (; length >= 8; length -= 8, at += 8) {
		memcpy(&word, at, 8);
		take(state, word);
	}
	word = 0;
	if (length)
		memcpy(&word, at, length);
	take(state, last | word);
	state[2] ^= 0xff;
	for (int i = 0; i < 3; i++)
		mix(state);
	return state[0] ^ state[1] ^ state[2] ^ state[3];
}

void intern_init(struct intern *intern, size_t most)
{
	*intern = (struct intern){ .most = most };
	/* early in the boot there may be no randomness yet; then the address space's own must do */
	if (getrandom(intern->key, sizeof(intern->key), GRND_NONBLOCK) != sizeof(intern->key))
		intern->key[0] = (u64)(uintptr_t)intern ^ (u64)(uintptr_t)&intern_init << 20;
}

void intern_free(struct intern *intern)
{
	table_free(&intern->now);
	table_free(&intern->before);
}

u32 intern_number(struct intern *intern, const void *bytes, size_t length, bool *fresh)
{
	u64 key = intern_hash(intern, bytes, length);
	uintptr_t number = (uintptr_t)table_get(&intern->now, key);

	*fresh = false;
	if (number)
		return number - 1;
	number = (uintptr_t)table_get(&intern->before, key);
	if (!number) {
		if (intern->count == INTERN_NONE)
			return INTERN_NONE;
		number = (uintptr_t)intern->count + 1;
		*fresh = true;
	}
	if (table_count(&intern->now) >= intern->most) {
		table_free(&intern->before);
		intern->before = intern->now;
		intern->now = (struct table){ 0 };
	}
	if (table_put(&intern->now, key, (void *)number)) {
		*fresh = false;
		return INTERN_NONE;
	}
	intern->count += *fresh;
	return number - 1;
}
