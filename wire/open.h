/* Records of files opened, or not. */
#ifndef SONDE_WIRE_OPEN_H
#define SONDE_WIRE_OPEN_H

#include "record.h"

enum open_string {
	OPEN_PATH,		/* the open file's, as the kernel resolved it; empty when the open failed */
	OPEN_ASKED,		/* what a failed open asked for, as it was given */
	OPEN_STRINGS,
};

#define OPEN_CREATED 1		/* this open made the file */
#define OPEN_DELETED 2		/* the file has no name any more, or never had one */

struct open_record {
	struct record record;
	u64 inode;
	u64 size;		/* of the inode, as it is opened; means something for files */
	s32 error;		/* negative errno */
	s32 descriptor;		/* -1: not known, or none */
	u32 flags;		/* O_* */
	u32 mode;		/* type and permissions; 0 when the open failed */
	u32 state;		/* OPEN_* */
	u32 padding;
};
RECORD_SIZE(struct open_record, 88);

#endif
