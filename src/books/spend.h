/* What a process spent its time on, between any two instants: its ledger, laid out in time by its samples. */
#ifndef BOOKS_SPEND_H
#define BOOKS_SPEND_H

#include "books/critical.h"

struct spend;

/* A stretch of a process's life that was spent evenly, as far as anyone knows; all threads, in ns. */
struct spend_bracket {
	u64 from, to;
	double cpu, cpu_wait, disk;
	u64 links;			/* of it, on the path */
};

struct spend *spend_new(const struct run *run);
void spend_free(struct spend *spend);

/* The life of a process, in order and without gaps; good until the next call. */
const struct spend_bracket *spend_brackets(struct spend *spend, u32 process, u32 *count);
/*
 * Time on a CPU or ready for one. Each thread is so once at a time; what two clocks say of a short stretch can be more.
 */
double spend_demand(const struct run_process *process, const struct spend_bracket *bracket);
/* Do samples tell anything of a stretch this long? Shorter ones fall between two of them. */
bool spend_is_sampled(const struct spend *spend, u32 process, u64 from, u64 to);
/* Of a stretch: on a CPU or waiting for one, all threads; never more than its length. */
u64 spend_busy(const struct spend *spend, u32 process, u64 from, u64 to);
/*
 * Fills in what each link was spent on. A process that waited for another on the path did nothing itself meanwhile, so
 * what it did is laid on the links it has.
 */
void spend_links(struct spend *spend, struct critical_link *links, u32 count);

#endif
