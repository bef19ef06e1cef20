/*
 * The reader's side of a BPF ring buffer (kernel/bpf/ringbuf.c): a page with the consumer's position, a page with the
 * producer's, the data. A record begins with its length, of which two bits say "still being written" and "dropped".
 */
#include "kernel/lanes.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/wall.h"

/* The longest record of all, an exec with 128 KiB of arguments, and some. */
#define BOUNCE_SIZE (192 * 1024)
/* The consumer's position is published after this many bytes: each publishing costs the producers a cache miss. */
#define PUBLISH_BYTES 16384

struct lane {
	unsigned long *consumer;
	const unsigned long *producer;
	const char *data;
	size_t size, page;
	unsigned long position, published;
	unsigned long written;	/* up to here, as last seen: each look at it costs the producers a cache miss */
	char *bounce;
};

struct lanes {
	struct lane life, bulk;
	size_t mark;
	int epoll;
};

static int lane_open(struct lane *lane, int fd, size_t size)
{
	void *memory;

	if (fd < 0)
		return 0;
	lane->page = sysconf(_SC_PAGESIZE);
	lane->size = size;
	memory = mmap(NULL, lane->page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED)
		return -errno;
	lane->consumer = memory;
	memory = mmap(NULL, lane->page + size, PROT_READ, MAP_SHARED, fd, lane->page);
	if (memory == MAP_FAILED)
		return -errno;
	lane->producer = memory;
	lane->data = (const char *)memory + lane->page;
	lane->bounce = xmalloc(BOUNCE_SIZE);
	lane->position = lane->published = lane->written = __atomic_load_n(lane->consumer, __ATOMIC_ACQUIRE);
	return 0;
}

static void lane_close(struct lane *lane)
{
	if (lane->consumer)
		munmap(lane->consumer, lane->page);
	if (lane->producer)
		munmap((void *)lane->producer, lane->page + lane->size);
	free(lane->bounce);
}

static void lane_publish(struct lane *lane)
{
	if (lane->consumer && lane->published != lane->position) {
		__atomic_store_n(lane->consumer, lane->position, __ATOMIC_RELEASE);
		lane->published = lane->position;
	}
}

enum lane_state {
	LANE_EMPTY,
	LANE_BUSY,		/* the next record is still being written */
	LANE_READY,
};

static const u32 *lane_header(const struct lane *lane)
{
	return (const u32 *)(lane->data + (lane->position & (lane->size - 1)));
}

static size_t lane_step(u32 length)
{
	length &= ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
	return (length + BPF_RINGBUF_HDR_SZ + 7) & ~7UL;
}

static enum lane_state lane_peek(struct lane *lane)
{
	if (!lane->consumer)
		return LANE_EMPTY;
	for (;;) {
		u32 length;

		if (lane->position >= lane->written)
			lane->written = __atomic_load_n(lane->producer, __ATOMIC_ACQUIRE);
		if (lane->position >= lane->written)
			return LANE_EMPTY;
		length = __atomic_load_n(lane_header(lane), __ATOMIC_ACQUIRE);

		if (length & BPF_RINGBUF_BUSY_BIT)
			return LANE_BUSY;
		if (!(length & BPF_RINGBUF_DISCARD_BIT))
			return LANE_READY;
		lane->position += lane_step(length);
	}
}

/* The record at the head, whole: in place, or copied together if it wraps. */
static const void *lane_record(struct lane *lane, size_t *size)
{
	size_t at = (lane->position + BPF_RINGBUF_HDR_SZ) & (lane->size - 1);
	size_t length = *lane_header(lane);
	size_t first = lane->size - at;

	if (length > BOUNCE_SIZE)
		length = BOUNCE_SIZE;
	*size = length;
	if (length <= first)
		return lane->data + at;
	memcpy(lane->bounce, lane->data + at, first);
	memcpy(lane->bounce + first, lane->data, length - first);
	return lane->bounce;
}

static u64 lane_time(const struct lane *lane)
{
	size_t at = (lane->position + BPF_RINGBUF_HDR_SZ + offsetof(struct record, time)) & (lane->size - 1);

	return *(const u64 *)(lane->data + at);
}

static void lane_advance(struct lane *lane)
{
	lane->position += lane_step(*lane_header(lane));
	if (lane->position - lane->published > PUBLISH_BYTES)
		lane_publish(lane);
}

struct lanes *lanes_open(int life_fd, size_t life_size, int bulk_fd, size_t bulk_size, size_t mark)
{
	struct lanes *lanes = xcalloc(1, sizeof(*lanes));
	struct epoll_event event = { .events = EPOLLIN };
	int error;

	lanes->mark = mark;
	lanes->epoll = epoll_create1(EPOLL_CLOEXEC);
	error = lanes->epoll < 0 ? -errno : lane_open(&lanes->life, life_fd, life_size);
	if (!error)
		error = lane_open(&lanes->bulk, bulk_fd, bulk_size);
	if (!error && life_fd >= 0 && epoll_ctl(lanes->epoll, EPOLL_CTL_ADD, life_fd, &event))
		error = -errno;
	if (!error && bulk_fd >= 0 && epoll_ctl(lanes->epoll, EPOLL_CTL_ADD, bulk_fd, &event))
		error = -errno;
	if (!error)
		return lanes;
	lanes_close(lanes);
	errno = -error;
	return NULL;
}

void lanes_close(struct lanes *lanes)
{
	if (!lanes)
		return;
	lane_close(&lanes->life);
	lane_close(&lanes->bulk);
	if (lanes->epoll >= 0)
		close(lanes->epoll);
	free(lanes);
}

static size_t lane_waiting(const struct lane *lane)
{
	return lane->consumer ? __atomic_load_n(lane->producer, __ATOMIC_RELAXED) - lane->position : 0;
}

/*
 * A lane that is above its mark already does not wake its reader again: it got there while the reader was awake, or the
 * record at its head is still being written.
 */
int lanes_wait(struct lanes *lanes, int milliseconds, const sigset_t *blocked)
{
	bool behind = lane_waiting(&lanes->life) >= lanes->mark || lane_waiting(&lanes->bulk) >= lanes->mark;
	struct epoll_event events[2];
	int count = epoll_pwait(lanes->epoll, events, 2, behind ? 1 : milliseconds, blocked);

	return count < 0 ? -errno : count;
}

/*
 * Which lane is next. A bulk record may go only when no older life record can still come: the life lane was seen empty
 * at a time later than the record's. `empty_at` keeps that time between calls.
 */
static struct lane *lanes_next(struct lanes *lanes, u64 *empty_at)
{
	enum lane_state bulk = lane_peek(&lanes->bulk), life;
	u64 time;

	if (bulk != LANE_READY)
		return lane_peek(&lanes->life) == LANE_READY ? &lanes->life : NULL;
	time = lane_time(&lanes->bulk);
	if (time < *empty_at)
		return &lanes->bulk;
	*empty_at = 0;
	time = wall_boot_now();
	life = lane_peek(&lanes->life);
	if (life == LANE_BUSY)
		return NULL;
	if (life == LANE_EMPTY) {
		*empty_at = time;
		return &lanes->bulk;
	}
	return lane_time(&lanes->life) <= lane_time(&lanes->bulk) ? &lanes->life : &lanes->bulk;
}

long lanes_drain(struct lanes *lanes, lanes_deliver *deliver, void *context, long budget)
{
	struct lane *lane;
	u64 empty_at = 0;
	long count = 0;
	int error = 0;

	while (!error && count < budget && (lane = lanes_next(lanes, &empty_at))) {
		size_t size;
		const void *record = lane_record(lane, &size);

		error = deliver(context, record, size);
		lane_advance(lane);
		count++;
	}
	lane_publish(&lanes->life);
	lane_publish(&lanes->bulk);
	return error < 0 ? error : count;
}
