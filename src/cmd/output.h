/* Standard output, gathered and written in large pieces. */
#ifndef CMD_OUTPUT_H
#define CMD_OUTPUT_H

#include <stdbool.h>

#include "base/text.h"
#include "cmd/behind.h"

struct output {
	struct text text;
	struct text marks;	/* of each line in `text`, a byte: whoever adds lines may say what they are */
	uint64_t *unwritten;	/* by mark, lines that could not be written whole, unless a reader just left; NULL: nobody asks */
	struct behind behind;
	bool to_error;		/* standard error instead */
	int error;		/* of the first write that failed */
};

/* Writes what was gathered if it is much, or all of it. False once the other end is gone or full. */
bool output_some(struct output *output);
bool output_flush(struct output *output);
/* What the line is that was just added. */
void output_mark(struct output *output, unsigned char mark);
/* Has the reader of a pipe left? Then there is nothing more to do, even if nothing happens that would be written. */
bool output_reader_left(void);
/* Columns of the terminal, or as $COLUMNS says; 0: it is none, lines may be of any length. */
unsigned int output_width(int fd);
/* Says what went wrong, but not if a reader just left. Returns the exit status it deserves. */
int output_end(struct output *output);

#endif
