// SPDX-License-Identifier: GPL-2.0
/* The maps that all measures of `sonde hist` share. None is created unless a measure is on. */
#include "lib/histogram.h"
#include "lib/since.h"

struct histograms_map histograms SEC(".maps");
struct histogram_totals_map histogram_totals SEC(".maps");
struct histogram_epoch_map histogram_epoch SEC(".maps");
struct histogram_blank_map histogram_blank SEC(".maps");
struct histogram_books_map histogram_books SEC(".maps");
struct histogram_begun_map histogram_begun SEC(".maps");
struct histogram_subjects_map histogram_subjects SEC(".maps");
struct since_map since SEC(".maps");

char LICENSE[] SEC("license") = "GPL";
