/* Records of what was done to names and attributes of files, or could not be. */
#ifndef SONDE_WIRE_CHANGE_H
#define SONDE_WIRE_CHANGE_H

#include "record.h"

enum change_operation {
	CHANGE_NONE,
	CHANGE_CREATE,
	CHANGE_UNLINK,
	CHANGE_RENAME,
	CHANGE_LINK,
	CHANGE_SYMLINK,
	CHANGE_MKDIR,
	CHANGE_RMDIR,
	CHANGE_TRUNCATE,
	CHANGE_CHMOD,
	CHANGE_CHOWN,
	CHANGE_MKNOD,
	CHANGE_EXCHANGE,
	CHANGE_OPERATIONS,
};

enum change_string {
	CHANGE_PATH,
	CHANGE_OTHER,		/* rename, link, exchange: the other name; symlink: what it points to, as given */
	CHANGE_STRINGS,
};

/*
 * A path is what the kernel resolved, or, where a hook comes too late for that, the resolved directory it starts from, '/'
 * and the name as it was given. `resolved` is how many of its bytes are the kernel's.
 */
struct change_record {
	struct record record;
	u64 size;
	s32 error;		/* negative errno */
	u32 operation;
	u32 mode;		/* create: as it became; mkdir, mknod, chmod: as asked */
	u32 uid;		/* ~0: left as it was */
	u32 gid;
	u16 resolved[CHANGE_STRINGS];
};
RECORD_SIZE(struct change_record, 80);

#endif
