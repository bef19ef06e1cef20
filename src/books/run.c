/*
 * Rows lie in plain arrays, so that whoever reads a run needs no functions for it. Texts are kept once each, in blocks
 * that never move; arguments, which are nearly all different, are packed.
 */
#include "books/run.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/alloc.h"
#include "books/pack.h"

enum {
	FIRST_ROWS = 64,
	FIRST_SLOTS = 256,	/* a power of two */
	BLOCK = 64 * 1024,
};

/* Where a process's packed arguments lie. */
struct run_packed {
	u32 offset, length;
};

struct run_own {
	struct run_bytes *texts;
	u32 text_count, text_capacity;
	u32 *slots;			/* by hash: a text's index from 1 */
	u32 slot_count;
	u64 seed;
	char **blocks;
	u32 block_count;
	char *room;			/* in the last block */
	size_t room_left;

	struct pack pack;
	struct text packed, unpacked;
	struct run_packed *arguments;
	u32 argument_count;

	u32 process_capacity, tool_capacity, task_capacity, container_capacity, sample_capacity, host_sample_capacity,
	    fact_capacity, peer_capacity, drop_capacity, file_capacity;
};

struct run *run_new(void)
{
	struct run *run = xcalloc(1, sizeof(*run));

	run->own = xcalloc(1, sizeof(*run->own));
	run->name = run->command = run->scope = run->directory = RUN_NONE;
	run->host.name = run->host.kernel = run->host.model = RUN_NONE;
	run->exit_status = -1;
	/* Others choose the texts: without a seed they could make all of them collide. */
	if (getrandom(&run->own->seed, sizeof(run->own->seed), GRND_NONBLOCK) < 0)
		run->own->seed = (uintptr_t)run->own;
	return run;
}

void run_free(struct run *run)
{
	if (!run)
		return;
	for (u32 i = 0; i < run->own->block_count; i++)
		free(run->own->blocks[i]);
	free(run->own->blocks);
	free(run->own->texts);
	free(run->own->slots);
	free(run->own->arguments);
	text_free(&run->own->packed);
	text_free(&run->own->unpacked);
	pack_free(&run->own->pack);
	free(run->own);
	free(run->processes);
	free(run->tools);
	free(run->tasks);
	free(run->containers);
	free(run->samples);
	free(run->host_samples);
	free(run->facts);
	free(run->peers);
	free(run->drops);
	free(run->files);
	free(run);
}

/* --- texts --- */

static u64 run_hash(const struct run_own *own, const char *bytes, size_t length)
{
	u64 hash = own->seed ^ length, word;

	for (; length >= sizeof(word); bytes += sizeof(word), length -= sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		hash = (hash ^ word) * 0x9e3779b97f4a7c15;
		hash ^= hash >> 32;
	}
	word = 0;
	if (length)
		memcpy(&word, bytes, length);
	hash = (hash ^ word) * 0x9e3779b97f4a7c15;
	return hash ^ hash >> 29;
}

static u32 *run_slot(const struct run_own *own, const char *bytes, size_t length)
{
	u32 at = run_hash(own, bytes, length) & (own->slot_count - 1);

	for (;; at = (at + 1) & (own->slot_count - 1)) {
		u32 *slot = &own->slots[at];

		if (!*slot ||
		    (own->texts[*slot - 1].length == length && !memcmp(own->texts[*slot - 1].data, bytes, length)))
			return slot;
	}
}

static void run_more_slots(struct run_own *own)
{
	free(own->slots);
	own->slot_count = own->slot_count ? own->slot_count * 2 : FIRST_SLOTS;
	own->slots = xcalloc(own->slot_count, sizeof(*own->slots));
	for (u32 i = 0; i < own->text_count; i++)
		*run_slot(own, own->texts[i].data, own->texts[i].length) = i + 1;
}

/* Memory that stays where it is until the run is freed. */
static char *run_room(struct run_own *own, size_t length)
{
	char *room;

	if (length > own->room_left) {
		size_t size = length > BLOCK / 4 ? length : BLOCK;

		own->blocks = xrealloc(own->blocks, own->block_count + 1, sizeof(*own->blocks));
		room = own->blocks[own->block_count++] = xmalloc(size);
		if (size == length)
			return room;
		own->room = room;
		own->room_left = size;
	}
	room = own->room;
	own->room += length;
	own->room_left -= length;
	return room;
}

u32 run_text_add(struct run *run, const void *bytes, size_t length)
{
	struct run_own *own = run->own;
	char *room;
	u32 *slot;

	if (!length)
		bytes = "";
	if (own->text_count >= own->slot_count / 2)
		run_more_slots(own);
	slot = run_slot(own, bytes, length);
	if (*slot)
		return *slot - 1;
	if (own->text_count == own->text_capacity) {
		own->text_capacity = own->text_capacity ? own->text_capacity * 2 : FIRST_ROWS;
		own->texts = xrealloc(own->texts, own->text_capacity, sizeof(*own->texts));
	}
	room = run_room(own, length + 1);
	memcpy(room, bytes, length);
	room[length] = '\0';
	own->texts[own->text_count] = (struct run_bytes){ room, length };
	*slot = ++own->text_count;
	return own->text_count - 1;
}

struct run_bytes run_text(const struct run *run, u32 text)
{
	return text < run->own->text_count ? run->own->texts[text] : (struct run_bytes){ "", 0 };
}

/* --- rows --- */

static void *run_grow(void *rows, u32 count, u32 *capacity, size_t size)
{
	if (count == *capacity) {
		*capacity = *capacity ? *capacity * 2 : FIRST_ROWS;
		rows = xrealloc(rows, *capacity, size);
	}
	memset((char *)rows + (size_t)count * size, 0, size);
	return rows;
}

#define ADDER(row, member) \
	struct run_##row *run_##row##_add(struct run *run) \
	{ \
		run->member = \
			run_grow(run->member, run->row##_count, &run->own->row##_capacity, sizeof(*run->member)); \
		return &run->member[run->row##_count++]; \
	}

ADDER(process, processes)
ADDER(tool, tools)
ADDER(task, tasks)
ADDER(container, containers)
ADDER(sample, samples)
ADDER(host_sample, host_samples)
ADDER(fact, facts)
ADDER(peer, peers)
ADDER(drop, drops)
ADDER(file, files)

/* --- arguments --- */

static void run_arguments_keep(struct run *run, u32 process, size_t from)
{
	struct run_own *own = run->own;
	u32 before = own->argument_count;

	if (own->packed.failed || own->packed.length > UINT32_MAX)
		return;
	if (process >= before) {
		own->argument_count = own->process_capacity > process ? own->process_capacity : process + 1;
		own->arguments = xrealloc(own->arguments, own->argument_count, sizeof(*own->arguments));
		memset(own->arguments + before, 0, (own->argument_count - before) * sizeof(*own->arguments));
	}
	own->arguments[process] = (struct run_packed){ from, own->packed.length - from };
}

void run_arguments_set(struct run *run, u32 process, const void *bytes, size_t length)
{
	size_t from = run->own->packed.length;

	if (length)
		pack_add(&run->own->pack, bytes, length, &run->own->packed);
	run_arguments_keep(run, process, from);
}

void run_arguments_set_packed(struct run *run, u32 process, const void *packed, size_t length)
{
	size_t from = run->own->packed.length;

	text_add_bytes(&run->own->packed, packed, length);
	run_arguments_keep(run, process, from);
}

struct pack *run_pack(struct run *run)
{
	return &run->own->pack;
}

struct run_bytes run_arguments(const struct run *run, u32 process)
{
	struct run_own *own = run->own;
	const struct run_packed *packed;

	text_reset(&own->unpacked);
	if (process < own->argument_count && own->arguments[process].length) {
		packed = &own->arguments[process];
		if (!pack_read(&own->pack, own->packed.data + packed->offset, packed->length, &own->unpacked))
			text_reset(&own->unpacked);
	}
	return (struct run_bytes){ text_string(&own->unpacked), own->unpacked.length };
}
