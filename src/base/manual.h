/*
 * What a person reads about commands, generated from their rows: --help, the man page, and the
 * completions of shells.
 */
#ifndef BASE_MANUAL_H
#define BASE_MANUAL_H

#include "base/option.h"
#include "base/text.h"

/* `sonde COMMAND --help`. */
void manual_help(struct text *text, const struct command *command);
/* `sonde --help`: commands is NULL-terminated. */
void manual_overview(struct text *text, const struct command *const *commands);
/* The man page sonde(1), in man(7) roff. */
void manual_roff(struct text *text, const struct command *const *commands, const char *version);
void manual_bash(struct text *text, const struct command *const *commands);
void manual_zsh(struct text *text, const struct command *const *commands);

/* For the generators: a row's help with its limits and default; the row of --help itself. */
void manual_explain(struct text *text, const struct option *row);
const struct option *manual_help_row(const struct command *command);

#endif
