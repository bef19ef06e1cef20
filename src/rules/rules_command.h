/* What a shell was told to run with -c, read roughly: enough to name it, no more. */
#ifndef RULES_RULES_COMMAND_H
#define RULES_RULES_COMMAND_H

#include "rules/rules_pattern.h"

/* The script of `sh -c SCRIPT`, as far as patterns look; empty if these are not a shell's arguments, or there is none. */
struct rule_value command_script(const char *arguments, size_t length);
/* The next blank-separated word of a script, without quotes around it and without what ends a command behind it. */
bool command_word(const char **at, const char *end, struct rule_value *word);
/* What the script is there for: the first command that does not only prepare (cd, set, echo, ...), without directories. */
struct rule_value command_name(struct rule_value script);
/* The file that the script's output goes to in the end: the last of "> FILE", but for errors and devices. */
struct rule_value command_output(struct rule_value script);

#endif
