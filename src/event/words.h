/* Names for the kernel's numbers. NULL: there is none. */
#ifndef EVENT_WORDS_H
#define EVENT_WORDS_H

#include <stddef.h>

#include "event/field.h"

const char *word_errno(int error);		/* 2 -> "ENOENT" */
const char *word_attempt(int error);		/* why a connection was not made: ECONNREFUSED -> "refused" */
const char *word_signal(int signal);		/* 9 -> "SIGKILL"; real-time ones too, in static memory */
const char *word_capability(int capability);	/* 12 -> "CAP_NET_ADMIN" */
const char *word_loss(int cause);		/* "ring_full" */
const char *word_transport(unsigned int transport);	/* NET_TCP -> "tcp" */
const char *word_protocol(unsigned int protocol);	/* of IP: IPPROTO_TCP -> "tcp" */
const char *word_failure(int site);		/* "watch" */

/* A number's name, or with a mask that of some of its bits. A table ends with a row without text. */
struct word {
	const char *text;
	u64 value, mask;	/* mask 0: all bits */
};

const char *word_of(const struct word *words, u64 number);	/* the first that fits */

extern const struct word words_file_change[];
extern const struct word words_file_type[];	/* of a mode */
extern const struct word words_file_flags[];	/* a number has several */
extern const struct word words_transport[];
extern const struct word words_protocol[];
extern const struct word words_family[];
extern const struct word words_direction[];
extern const struct word words_closed_by[];
extern const struct word words_tcp_state[];
extern const struct word words_reset_way[];
extern const struct word words_signal_result[];
extern const struct word words_oom_limit[];

/* Ways to fill in a value. */
bool value_text(struct value *value, const char *text);			/* NULL: absent */
bool value_number(struct value *value, u64 number);
bool value_address(struct value *value, u16 family, const u8 *bytes);	/* not of the Internet: absent */
/* Adds a word to a FIELD_WORDS value that is put together in its scratch. */
void value_add_word(struct value *value, const char *word);

#endif
