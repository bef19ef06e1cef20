/* Records as sensors write them, for tests and fuzzers: any kind, with the strings it has. */
#ifndef TESTS_RECORDS_H
#define TESTS_RECORDS_H

#include <string.h>

#include "wire/sizes.h"

#define BUFFER_ROOM 65536

static const struct {
	u16 size, strings;
} record_shapes[KIND_MAX] = {
#define KIND(name, value, lane, strings_, help) [value] = { sizeof(struct name##_record), strings_ },
#include "wire/events.def"
#undef KIND
};

struct record_buffer {
	union {
		struct record record;
		unsigned char bytes[BUFFER_ROOM];
	} __attribute__((aligned(8)));
};

/* Fixed fields are zero beyond the header. */
static inline void record_begin(struct record_buffer *buffer, u16 kind)
{
	memset(buffer->bytes, 0, record_shapes[kind].size);
	buffer->record = (struct record){
		.kind = kind, .size = record_shapes[kind].size, .time = 5000000000ULL, .start = 4000000000ULL,
		.pid = 4242, .tid = 4242, .cgroup = 7,
	};
}

static inline void record_string(struct record_buffer *buffer, const void *data, u32 length, u32 full)
{
	struct record_string header = { length, full };
	u32 padded = (length + 7) & ~7U;

	memcpy(buffer->bytes + buffer->record.size, &header, sizeof(header));
	memset(buffer->bytes + buffer->record.size + sizeof(header), 0, padded);
	if (length)
		memcpy(buffer->bytes + buffer->record.size + sizeof(header), data, length);
	buffer->record.size += sizeof(header) + padded;
}

#endif
