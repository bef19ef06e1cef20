/* What a person calls the rows of a run. All is escaped for a terminal. */
#ifndef BOOKS_LABEL_H
#define BOOKS_LABEL_H

#include "base/text.h"
#include "books/run.h"
#include "books/sum.h"
#include "proc/user.h"

/* The run's command as a shell would read it, or what was watched. */
void label_title(struct text *out, const struct run *run);
/* A text of the run; `none` for RUN_NONE and for an empty one. */
void label_text(struct text *out, const struct run *run, u32 text, const char *none);
/* The arguments as a shell would read them; the executable or the tool if they are not known. */
void label_command(struct text *out, const struct run *run, u32 process);
/* "exit 2", "SIGKILL (out of memory)", "living", "" if all went well. */
void label_outcome(struct text *out, const struct run_process *process);
/* The row `index` of a table; `users` may be NULL. */
void label_row(struct text *out, const struct run *run, enum sum_by by, u32 index, struct user_table *users);
/* "2026-01-31 23:59:59", UTC */
void label_wall(struct text *out, const struct run *run, u64 time);

#endif
