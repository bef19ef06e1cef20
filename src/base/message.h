/*
 * What sonde says to a person, on stderr: one line each, whole in one write, with control bytes
 * escaped, because names of files and processes are chosen by others.
 */
#ifndef BASE_MESSAGE_H
#define BASE_MESSAGE_H

/* "sonde: ..." */
void message_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "sonde: warning: ..." */
void message_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "sonde: ..." */
void message_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
