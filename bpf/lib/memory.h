/*
 * How much memory a process has, in pages. Since 6.2 the kernel counts per CPU and adds up now and then: like what /proc shows up to
 * 6.16, this is off by what the CPUs still hold, 32 pages or two for each CPU there is, for each CPU that the process ran on.
 */
#ifndef SONDE_BPF_MEMORY_H
#define SONDE_BPF_MEMORY_H

#include "../kernel.h"

static __always_inline u64 pages_at(const void *counter)
{
	s64 count = 0;

	bpf_probe_read_kernel(&count, sizeof(count), counter);
	return count > 0 ? count : 0;
}

/*
 * Pages of files (0), of the process's own (1), and shared ones (3); not what is swapped out (2). No loop: what only one
 * sort of kernel has must not be moved out of it, to where every kernel comes by.
 */
static __always_inline u64 memory_pages(struct mm_struct *mm)
{
	struct mm_struct___before_6_2 *older = (void *)mm;
	u64 pages = 0;

	if (!mm)
		return 0;
	if (bpf_core_field_exists(older->rss_stat.count)) {
		pages = pages_at(&older->rss_stat.count[0]) + pages_at(&older->rss_stat.count[1]) +
			pages_at(&older->rss_stat.count[3]);
	} else if (bpf_core_field_exists(mm->rss_stat)) {	/* f1a7941243c1 */
		pages = pages_at(&mm->rss_stat[0].count) + pages_at(&mm->rss_stat[1].count) +
			pages_at(&mm->rss_stat[3].count);
	}
	return pages;
}

#endif
