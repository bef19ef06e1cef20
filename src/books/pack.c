/*
 * Greedy matching with one candidate a hash, as fast compressors do it, and one more that costs nothing and is mostly
 * right: the place in the dictionary where the last copy would go on had the words between been the same. A copy from
 * there needs a byte for its place.
 */
#include "books/pack.h"

#include <stdlib.h>

#include "base/alloc.h"

enum pack_kind {
	PACK_LITERAL,		/* the bytes follow */
	PACK_DICTIONARY,	/* how far from the expected place follows, zigzag */
	PACK_BACK,		/* how far back in this list follows */
};

enum {
	KIND_BITS = 2,
	LEAST_COPY = 4,
	HEAD_BITS = 15,
	OWN_BITS = 9,
	LEARN_MOST = 4096,	/* of one list */
	LEARN_LEAST = 16,
};

struct pack_writer {
	const struct pack *pack;
	const unsigned char *bytes;
	size_t length;
	size_t done;		/* told so far */
	size_t expected;	/* in the dictionary, for the byte at `done` */
	size_t literals;	/* bytes told as they are */
	struct text *out;
	u32 own[1 << OWN_BITS];	/* by hash: where in this list, from 1 */
};

static u32 pack_hash(const void *bytes, unsigned int bits)
{
	u32 word;

	memcpy(&word, bytes, sizeof(word));
	return word * 2654435761u >> (32 - bits);
}

static void pack_add_number(struct text *out, u64 number)
{
	for (; number >= 0x80; number >>= 7)
		text_add_char(out, (char)(number | 0x80));
	text_add_char(out, (char)number);
}

static size_t pack_common(const unsigned char *a, const unsigned char *b, size_t most)
{
	size_t length = 0;

	while (length < most && a[length] == b[length])
		length++;
	return length;
}

static size_t pack_least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void pack_add_literals(struct pack_writer *writer, size_t until)
{
	size_t count = until - writer->done;

	if (!count)
		return;
	pack_add_number(writer->out, (u64)(count - 1) << KIND_BITS | PACK_LITERAL);
	text_add_bytes(writer->out, writer->bytes + writer->done, count);
	writer->literals += count;
	writer->expected += count;
	writer->done = until;
}

static size_t pack_try_dictionary(const struct pack_writer *writer, size_t at, size_t place)
{
	const struct text *dictionary = &writer->pack->dictionary;

	if (place >= dictionary->length)
		return 0;
	return pack_common(writer->bytes + at, (const unsigned char *)dictionary->data + place,
			   pack_least(writer->length - at, dictionary->length - place));
}

/* Tells the longest copy that begins at `at`, and the literals before it; how long it is, 0: there is none. */
static size_t pack_copy(struct pack_writer *writer, size_t at)
{
	size_t follow = writer->expected + (at - writer->done), place = follow,
	       length = pack_try_dictionary(writer, at, follow), other;
	u32 head = writer->pack->heads[pack_hash(writer->bytes + at, HEAD_BITS)];
	u32 *own = &writer->own[pack_hash(writer->bytes + at, OWN_BITS)], before = *own;

	*own = at + 1;
	if (head && (other = pack_try_dictionary(writer, at, head - 1)) > length) {
		length = other;
		place = head - 1;
	}
	if (before) {
		other = pack_common(writer->bytes + at, writer->bytes + before - 1, writer->length - at);
		if (other >= LEAST_COPY && other > length) {
			pack_add_literals(writer, at);
			pack_add_number(writer->out, (u64)(other - LEAST_COPY) << KIND_BITS | PACK_BACK);
			pack_add_number(writer->out, at - (before - 1));
			writer->expected += other;
			return other;
		}
	}
	if (length < LEAST_COPY)
		return 0;
	pack_add_literals(writer, at);
	pack_add_number(writer->out, (u64)(length - LEAST_COPY) << KIND_BITS | PACK_DICTIONARY);
	pack_add_number(writer->out, place >= follow ? (place - follow) << 1 : (follow - place) << 1 | 1);
	writer->expected = place + length;
	return length;
}

/* Returns how many bytes went as they are. */
static size_t pack_write(const struct pack *pack, const void *bytes, size_t length, struct text *out)
{
	struct pack_writer writer = { .pack = pack, .bytes = bytes, .length = length, .out = out };

	pack_add_number(out, length);
	for (size_t at = 0; at + LEAST_COPY <= length;) {
		size_t copied = pack_copy(&writer, at);

		at += copied ? copied : 1;
		if (copied)
			writer.done = at;
	}
	pack_add_literals(&writer, length);
	return writer.literals;
}

static void pack_learn(struct pack *pack)
{
	if (!pack->heads)
		pack->heads = xcalloc(1 << HEAD_BITS, sizeof(*pack->heads));
	for (; pack->learned + LEAST_COPY <= pack->dictionary.length; pack->learned++)
		pack->heads[pack_hash(pack->dictionary.data + pack->learned, HEAD_BITS)] = pack->learned + 1;
}

void pack_add(struct pack *pack, const void *bytes, size_t length, struct text *out)
{
	size_t before = out->length, learn = pack_least(length, LEARN_MOST);

	if (length > PACK_LENGTH_MOST)
		length = PACK_LENGTH_MOST;
	pack_learn(pack);
	if (pack_write(pack, bytes, length, out) <= length / 3 || length < LEARN_LEAST ||
	    pack->dictionary.length + learn > PACK_DICTIONARY_MOST || out->failed)
		return;
	/* It is of a new sort: those that come after it will refer to it, and so does it. */
	text_add_bytes(&pack->dictionary, bytes, learn);
	pack_learn(pack);
	out->length = before;
	pack_write(pack, bytes, length, out);
}

struct pack_reader {
	const unsigned char *at, *end;
	bool failed;
};

static u64 pack_number(struct pack_reader *reader)
{
	u64 number = 0;

	for (unsigned int shift = 0; shift < 35; shift += 7) {
		if (reader->at == reader->end)
			break;
		number |= (u64)(*reader->at & 0x7f) << shift;
		if (!(*reader->at++ & 0x80))
			return number;
	}
	reader->failed = true;
	return 0;
}

bool pack_read(const struct pack *pack, const void *packed, size_t length, struct text *out)
{
	struct pack_reader reader = { .at = packed, .end = (const unsigned char *)packed + length };
	u64 whole = pack_number(&reader), expected = 0;
	size_t start = out->length;

	if (reader.failed || whole > PACK_LENGTH_MOST || !text_reserve(out, whole))
		return false;
	while (reader.at < reader.end && !reader.failed) {
		u64 head = pack_number(&reader), count = head >> KIND_BITS, number;
		u64 done = out->length - start;

		count += (head & 3) == PACK_LITERAL ? 1 : LEAST_COPY;
		if (reader.failed || count > whole - done)
			return false;
		switch (head & 3) {
		case PACK_LITERAL:
			if (count > (u64)(reader.end - reader.at))
				return false;
			text_add_bytes(out, reader.at, count);
			reader.at += count;
			expected += count;
			break;
		case PACK_DICTIONARY:
			number = pack_number(&reader);
			expected = number & 1 ? expected - (number >> 1) : expected + (number >> 1);
			if (expected > pack->dictionary.length || count > pack->dictionary.length - expected)
				return false;
			text_add_bytes(out, pack->dictionary.data + expected, count);
			expected += count;
			break;
		case PACK_BACK:
			number = pack_number(&reader);
			if (!number || number > done)
				return false;
			/* Byte by byte: it may overlap what it makes. */
			for (u64 i = 0; i < count; i++)
				text_add_char(out, out->data[out->length - number]);
			expected += count;
			break;
		default:
			return false;
		}
	}
	return !reader.failed && out->length - start == whole && !out->failed;
}

void pack_free(struct pack *pack)
{
	text_free(&pack->dictionary);
	free(pack->heads);
	*pack = (struct pack){ 0 };
}
