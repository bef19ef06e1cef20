/*
 * The one way out of the kernel: reserve, fill, submit. Each attempt is counted as produced; one that a filter does not want
 * is counted as filtered and takes no room; one that finds no room is counted as lost with its cause, and the next record
 * of its kind that gets through is preceded by a lost record, so that a reader sees where the gap is. A lane's reader is
 * woken only when much has gathered; otherwise it comes by itself after some milliseconds.
 */
#ifndef SONDE_BPF_EMIT_H
#define SONDE_BPF_EMIT_H

#include "decide.h"
#include "maps.h"
#include "settings.h"

static __always_inline struct record_counts *emit_counts(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&counts, &zero);
}

/*
 * A lane that is filled up to its mark wakes its reader, and is then left alone: to wake is an interrupt, more dear than
 * all the rest of an event, and a reader that is behind looks for itself before it sleeps (lanes_wait). How full it is is
 * asked only now and then, for that takes a tenth of the time of an event: each CPU asks after so many bytes of its own.
 * Several CPUs write at once, so the mark has a width. Far above it every asking wakes, whatever went wrong.
 */
static __always_inline u64 emit_wake(void *lane, u64 size)
{
	struct record_counts *books = emit_counts();
	u64 mark = settings.wake_bytes, fill;
	u64 *unasked;

	if (!books)
		return BPF_RB_NO_WAKEUP;
	unasked = &books->unasked[lane == (void *)&life];
	*unasked += size;
	if (*unasked < settings.wake_step)
		return BPF_RB_NO_WAKEUP;
	*unasked = 0;
	fill = bpf_ringbuf_query(lane, BPF_RB_AVAIL_DATA);
	if (fill < mark)
		return BPF_RB_NO_WAKEUP;
	return fill < 2 * mark || fill > 3 * mark ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP;
}

static __always_inline void emit_failed(u32 site)
{
	struct record_counts *books = emit_counts();

	if (books && site < FAILURE_SITES)
		books->failed[site]++;
}

/*
 * Kinds that are told of in interrupts as well as by processes, so that one can be in the middle of the other's counting.
 * What a CPU counts for itself needs no lock otherwise.
 */
#define EMIT_NESTS                                                                              \
	(KIND_BIT(exit) | KIND_BIT(connect) | KIND_BIT(accept) | KIND_BIT(close) | KIND_BIT(reset) | KIND_BIT(drop))

static __always_inline void emit_count(u64 *counter, u32 kind)
{
	if (EMIT_NESTS >> kind & 1)
		__sync_fetch_and_add(counter, 1);
	else
		++*counter;
}

static __always_inline void emit_lost(u16 kind, u32 cause)
{
	struct record_counts *books = emit_counts();

	if (!books || kind >= KIND_MAX || cause >= LOSS_CAUSES)
		return;
	emit_count(&books->lost[kind][cause], kind);
	emit_count(&books->pending[kind], kind);
}

/* Told of before the next record of the kind; if there is no room even for that, it stays pending. */
static __noinline int emit_gap(u32 kind, u32 life_lane)
{
	struct record_counts *books = emit_counts();
	struct lost_record *lost;

	if (!books || kind >= KIND_MAX)
		return 0;
	lost = life_lane ? bpf_ringbuf_reserve(&life, sizeof(*lost), 0) :
			   bpf_ringbuf_reserve(&bulk, sizeof(*lost), 0);
	if (!lost)
		return 0;
	__builtin_memset(lost, 0, sizeof(*lost));
	lost->record.kind = KIND_lost;
	lost->record.size = sizeof(*lost);
	lost->record.time = bpf_ktime_get_boot_ns();
	lost->kind = kind;
	lost->cause = LOSS_RING_FULL;
	lost->count = books->pending[kind];
	books->pending[kind] = 0;
	bpf_ringbuf_submit(lost, BPF_RB_NO_WAKEUP);
	return 0;
}

static __always_inline bool emit_begin(u32 kind, u32 life_lane)
{
	struct record_counts *books = emit_counts();

	if (!books || kind >= KIND_MAX)
		return false;
	emit_count(&books->produced[kind], kind);
	if (books->pending[kind])
		emit_gap(kind, life_lane);
	return true;
}

/* Is there a filter that is asked of this kind? If not, the verifier takes away all that is done for one. */
static __always_inline bool emit_asks(u32 kind)
{
	return settings.filtered >> kind & 1;
}

/* The generated code must get the kind as an argument: so the compiler must not see that it is always the same. */
static __always_inline bool emit_rejects(u32 kind, void *record, u64 size)
{
	struct record_counts *books;
	u32 of = kind;

	if (!emit_asks(kind))
		return false;
	barrier_var(of);
	barrier_var(size);
	if (decide(record, size, of))
		return false;
	books = emit_counts();
	if (books && kind < KIND_MAX)
		emit_count(&books->filtered[kind], kind);
	return true;
}

/* A record of fixed size, filled where it lies; of a kind that is always told. NULL when lost; it is counted. */
#define emit_reserve(lane, kind_, type)                                                         \
	({                                                                                      \
		type *record_ = NULL;                                                           \
		if (emit_begin(kind_, (void *)&(lane) == (void *)&life)) {                      \
			record_ = bpf_ringbuf_reserve(&(lane), sizeof(type), 0);                \
			if (!record_)                                                           \
				emit_lost(kind_, LOSS_RING_FULL);                               \
		}                                                                               \
		record_;                                                                        \
	})

#define emit_submit(lane, record_) bpf_ringbuf_submit(record_, emit_wake(&(lane), sizeof(*(record_))))

/* What was begun. */
#define emit_put(lane, kind_, data_, size_) emit_put_and_wake(lane, kind_, data_, size_, emit_wake(&(lane), size_))

#define emit_put_and_wake(lane, kind_, data_, size_, wake_)                                     \
	({                                                                                      \
		long failed_ = bpf_ringbuf_output(&(lane), data_, size_, wake_);                \
		if (failed_)                                                                    \
			emit_lost(kind_, LOSS_RING_FULL);                                       \
		failed_;                                                                        \
	})

#define emit_put_if_wanted(lane, kind_, data_, size_)                                           \
	({                                                                                      \
		if (!emit_rejects(kind_, data_, size_))                                         \
			emit_put(lane, kind_, data_, size_);                                    \
	})

/* A record put together elsewhere; of a kind that is always told. */
#define emit_always(lane, kind_, data_, size_)                                                  \
	(emit_begin(kind_, (void *)&(lane) == (void *)&life) ? emit_put(lane, kind_, data_, size_) : -1)

/* The same, if it is to be read at once. */
#define emit_urgent(lane, kind_, data_, size_)                                                  \
	(emit_begin(kind_, (void *)&(lane) == (void *)&life) ?                                  \
		 emit_put_and_wake(lane, kind_, data_, size_, BPF_RB_FORCE_WAKEUP) : -1)

/* The same of a kind that is filtered. */
#define emit_copy(lane, kind_, data_, size_)                                                    \
	({                                                                                      \
		if (emit_begin(kind_, (void *)&(lane) == (void *)&life))                        \
			emit_put_if_wanted(lane, kind_, data_, size_);                          \
	})

#endif
