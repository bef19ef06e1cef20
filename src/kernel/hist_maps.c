/*
 * Reading histograms exactly while they are written: the epoch is turned, then every program that may still have seen
 * the old one is waited for, and
 * only then the old epoch is read and emptied. That frees its keys, so the budget is one of keys per interval.
 */
#include "kernel/hist.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "kernel/grace.h"

struct hist_maps {
	int histograms, totals, epoch, books;
	int execs;			/* negative: they are not measured */
	int cpus;
	u32 now;			/* the epoch that is written */
	struct histogram *each;		/* per CPU */
	struct histogram_key *keys;
	size_t capacity;
};

struct hist_maps *hist_maps_open(struct bpf_object *object)
{
	struct hist_maps *maps = xcalloc(1, sizeof(*maps));

	maps->histograms = bpf_object__find_map_fd_by_name(object, "histograms");
	maps->totals = bpf_object__find_map_fd_by_name(object, "histogram_totals");
	maps->epoch = bpf_object__find_map_fd_by_name(object, "histogram_epoch");
	maps->books = bpf_object__find_map_fd_by_name(object, "histogram_books");
	maps->execs = bpf_object__find_map_fd_by_name(object, "exec_seen");
	maps->cpus = libbpf_num_possible_cpus();
	maps->each = xcalloc(maps->cpus, sizeof(*maps->each));
	return maps;
}

void hist_maps_close(struct hist_maps *maps)
{
	if (!maps)
		return;
	free(maps->each);
	free(maps->keys);
	free(maps);
}

void hist_maps_let_go(struct hist_maps *maps, u32 tgid, u64 start, u64 time)
{
	struct histogram_exec held = { .start = start, .time = time };

	if (maps->execs >= 0)
		bpf_map_update_elem(maps->execs, &tgid, &held, BPF_ANY);
}

static void sum_cpus(const struct hist_maps *maps, struct histogram *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (int cpu = 0; cpu < maps->cpus; cpu++) {
		const struct histogram *each = &maps->each[cpu];

		sum->sum += each->sum;
		if (each->max > sum->max)
			sum->max = each->max;
		if (!sum->name[0])
			memcpy(sum->name, each->name, sizeof(sum->name));
		for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
			sum->buckets[i] += each->buckets[i];
	}
}

static bool is_empty(const struct histogram *histogram)
{
	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++)
		if (histogram->buckets[i])
			return false;
	return true;
}

/* All keys of an epoch, taken down before any is deleted: deleting would confuse the walk. */
static size_t list_keys(struct hist_maps *maps, u32 epoch)
{
	struct histogram_key key, *previous = NULL;
	size_t count = 0;

	while (!bpf_map_get_next_key(maps->histograms, previous, &key)) {
		if (key.epoch == epoch) {
			if (count == maps->capacity) {
				maps->capacity = maps->capacity ? 2 * maps->capacity : 64;
				maps->keys = xrealloc(maps->keys, maps->capacity, sizeof(*maps->keys));
			}
			maps->keys[count++] = key;
		}
		previous = &key;
	}
	return count;
}

int hist_maps_turn(struct hist_maps *maps, bool end)
{
	u32 zero = 0, next = end ? HISTOGRAM_ENDED : !maps->now;

	if (bpf_map_update_elem(maps->epoch, &zero, &next, BPF_ANY))
		return -errno;
	maps->now = !maps->now;
	grace_wait();
	return 0;
}

static int take_total(struct hist_maps *maps, u32 epoch, hist_deliver *deliver, void *context)
{
	struct histogram sum;

	if (bpf_map_lookup_elem(maps->totals, &epoch, maps->each))
		return -errno;
	sum_cpus(maps, &sum);
	if (!is_empty(&sum))
		deliver(context, NULL, &sum);
	memset(maps->each, 0, maps->cpus * sizeof(*maps->each));
	return bpf_map_update_elem(maps->totals, &epoch, maps->each, BPF_ANY) ? -errno : 0;
}

int hist_maps_take(struct hist_maps *maps, hist_deliver *deliver, void *context)
{
	u32 old = !maps->now;
	size_t count = list_keys(maps, old);
	int error = take_total(maps, old, deliver, context);

	for (size_t i = 0; i < count && !error; i++) {
		struct histogram_key key = maps->keys[i];
		struct histogram sum;

		if (bpf_map_lookup_elem(maps->histograms, &key, maps->each) ||
		    bpf_map_delete_elem(maps->histograms, &key)) {
			error = -errno;
			break;
		}
		sum_cpus(maps, &sum);
		key.epoch = 0;
		if (!is_empty(&sum))
			deliver(context, &key, &sum);
	}
	return error;
}

int hist_maps_books(struct hist_maps *maps, struct histogram_books *sum)
{
	struct histogram_books *each = xcalloc(maps->cpus, sizeof(*each));
	u32 zero = 0;
	int error = bpf_map_lookup_elem(maps->books, &zero, each) ? -errno : 0;

	memset(sum, 0, sizeof(*sum));
	for (int cpu = 0; cpu < maps->cpus && !error; cpu++) {
		sum->unmatched += each[cpu].unmatched;
		sum->unbegun += each[cpu].unbegun;
		sum->failed += each[cpu].failed;
		sum->overflowed += each[cpu].overflowed;
		sum->filtered += each[cpu].filtered;
	}
	free(each);
	return error;
}
