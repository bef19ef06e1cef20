/* What a filter of `sonde hist` can ask for: what is known in the kernel where something is measured. */
#ifndef HIST_SUBJECT_H
#define HIST_SUBJECT_H

#include "hist/measure.h"
#include "lang/gen.h"
#include "lang/parse.h"

struct lang_names subject_names(const struct measure *measure);
/* How struct histogram_subject is looked at. */
struct gen_layout subject_layout(void);

#endif
