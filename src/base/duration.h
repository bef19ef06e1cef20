/*
 * Durations and sizes as people write them. What the formatters print the parsers read, so a limit
 * quoted in an error message can be pasted back.
 */
#ifndef BASE_DURATION_H
#define BASE_DURATION_H

#include <stdint.h>

#define DURATION_TEXT_SIZE 32
#define SIZE_TEXT_SIZE 32

/*
 * "10s", "500ms", "1.5h", "1h30m": units ns us ms s m (or min) h d, largest first, each at most
 * once. A unit is required except for 0. Returns 0, -EINVAL, or -ERANGE beyond INT64_MAX
 * nanoseconds.
 */
int duration_parse(const char *string, uint64_t *nanoseconds);
/* "80 ms", "1.5 s", "2 min 5 s", "3 d 4 h": three digits or two units. Returns buffer. */
char *duration_format(uint64_t nanoseconds, char buffer[static DURATION_TEXT_SIZE]);

/*
 * "4096", "64K", "8M", "1.5GiB": powers of 1024; "2MB": of 1000. A fraction of a byte is dropped. Returns 0,
 * -EINVAL, or -ERANGE beyond INT64_MAX bytes.
 */
int size_parse(const char *string, uint64_t *bytes);
/* "512 B", "64 KiB", "1.5 GiB". Returns buffer. */
char *size_format(uint64_t bytes, char buffer[static SIZE_TEXT_SIZE]);

#endif
