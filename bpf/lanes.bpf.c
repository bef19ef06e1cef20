// SPDX-License-Identifier: GPL-2.0
/* The two lanes, the books, and the maps and settings every sensor shares. */
#include "lib/clock.h"
#include "lib/maps.h"
#include "lib/settings.h"
#include "lib/threads.h"
#include "lib/waits.h"

struct lane_map life SEC(".maps");
struct lane_map bulk SEC(".maps");
struct counts_map counts SEC(".maps");
struct path_map paths SEC(".maps");
struct cgroups_map cgroups SEC(".maps");
struct scratch_map scratches SEC(".maps");
struct taken_map taken SEC(".maps");
struct clock_map clock_offsets SEC(".maps");
struct watched_map watched SEC(".maps");
struct thread_sums_map thread_sums SEC(".maps");
struct noted_map noted SEC(".maps");
struct waits_map waits SEC(".maps");

const volatile struct settings settings = {};

char LICENSE[] SEC("license") = "GPL";
