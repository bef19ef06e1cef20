/*
 * What was written to a file that grows quickly: the system puts it on the disk now and lets go of its memory. Else such output takes memory
 * that the machine did not use before, page after page. In a virtual machine that is ten times as slow as pages that were just let go
 * of, and everywhere it drives out what others read.
 */
#ifndef CMD_BEHIND_H
#define CMD_BEHIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct behind {
	uint64_t gathered, since;	/* bytes of the piece that is being written; when it was begun */
	uint32_t quick;		/* pieces in a row that came quickly */
	int pieces;		/* a pipe to the thread that may wait for the disk */
	bool begun;
};

/* After each write. Nothing happens to what is not a file, or grows slowly. */
void behind_wrote(struct behind *behind, int file, size_t bytes);
void behind_end(struct behind *behind);

#endif
