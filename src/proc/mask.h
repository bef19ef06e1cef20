/*
 * Hides secrets in arguments: whatever people and scripts put on command lines that only its reader
 * should know. It errs on the side of hiding. What is hidden is shown as ***.
 */
#ifndef PROC_MASK_H
#define PROC_MASK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

struct mask;

/* The built-in rules. Aborts without memory: it belongs to start-up. */
struct mask *mask_new(void);
void mask_free(struct mask *mask);

/*
 * Adds patterns from a file: one POSIX extended expression a line, # begins a comment line. What
 * group 1 matches is hidden, or the whole match without one. 0, or -errno with a reason, which
 * names file and line, added to `error`.
 */
int mask_load(struct mask *mask, const char *path, struct text *error);

/*
 * `block` is NUL-separated arguments. False: nothing to hide, use the block as it is; `out` is not
 * meaningful. True: `out` (reset first) is the block with secrets hidden, as many arguments as before.
 * Without memory out->failed is set and out must not be shown, nor must the block.
 */
bool mask_arguments(const struct mask *mask, const char *block, size_t length, struct text *out);

#endif
