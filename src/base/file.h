/*
 * A file written in large pieces and put in place whole: until file_close with `keep`, whoever looks sees the old one
 * or none. What is no regular file (a pipe, /dev/null, standard output) is written as it comes.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/text.h"

struct file {
	struct text text;	/* add to it freely, call file_some now and then */
	int fd;
	int error;		/* of the first write that failed; later ones are not tried */
	char *path, *temporary;	/* temporary NULL: written in place */
};

/* path NULL or "-": standard output. 0 or -errno, said. */
int file_open(struct file *file, const char *path);
/* Writes what was gathered if it is much. False once a write failed: there is no sense in going on. */
bool file_some(struct file *file);
/*
 * Writes the rest and puts the file in its place, or drops it if not `keep` or if a write failed. 0 or -errno, said; a
 * reader that left (EPIPE) is no error.
 */
int file_close(struct file *file, bool keep);

#endif
