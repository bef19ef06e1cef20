/* What is said when a recording ended. */
#ifndef CMD_SUMMARY_H
#define CMD_SUMMARY_H

#include "books/recorder.h"

/* For a person, on standard error. */
void summary_say(const char *store, u64 run);
/* One line of JSON. */
void summary_json(struct text *out, const char *store, const struct run *run, const struct recorder_now *now);

#endif
