/* The right size in JSON. */
#ifndef REPORT_SIZE_JOT_H
#define REPORT_SIZE_JOT_H

#include "base/jot.h"
#include "findings/size.h"

/* The member `right_size`; nothing without processes or prices. */
void size_jot(const struct run *run, struct jot *jot, const struct size_prices *prices);
/* Members of the open object: what is needed, all but for how long. */
void size_jot_need(const struct size_need *need, struct jot *jot);

#endif
