/* Policies in files: whichever form they are in, and only from files that nobody else may write. */
#ifndef POLICY_LOAD_H
#define POLICY_LOAD_H

#include "policy/short.h"

/*
 * Adds what the file holds to the list. `source`, if not NULL, becomes its text. 0, or -errno, said with file, line, column, the
 * reason and what to do; then nothing was added.
 */
int policies_load(struct policies *policies, const char *file, struct text *source);
/* The same of a text that was read before. -1 with the error; line 0: it is of no place. */
int policies_parse(struct policies *policies, const char *bytes, size_t length, const char *file, struct policy_error *error);
/* On standard error: file, line, column, the reason, what to do. */
void policy_error_say(const struct policy_error *error, const char *file);
/* NULL: there is none of that name. */
struct policy *policies_find(const struct policies *policies, const char *name);
void policies_free(struct policies *policies);

#endif
