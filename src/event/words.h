/* Names for the kernel's numbers. NULL: there is none. */
#ifndef EVENT_WORDS_H
#define EVENT_WORDS_H

#include <stddef.h>

#include "event/field.h"

const char *word_errno(int error);		/* 2 -> "ENOENT" */
const char *word_signal(int signal);		/* 9 -> "SIGKILL"; real-time ones too, in static memory */
const char *word_capability(int capability);	/* 12 -> "CAP_NET_ADMIN" */
const char *word_loss(int cause);		/* "ring_full" */
const char *word_transport(unsigned int transport);	/* NET_TCP -> "tcp" */
const char *word_failure(int site);		/* "watch" */

/* Ways to fill in a value. */
bool value_text(struct value *value, const char *text);			/* NULL: absent */
bool value_number(struct value *value, u64 number);
/* Adds a word to a FIELD_WORDS value that is put together in its scratch. */
void value_add_word(struct value *value, const char *word);

#endif
