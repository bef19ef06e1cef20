/* Records of a process's life: fork, exec, exit, and the cgroup names they refer to. */
#ifndef SONDE_WIRE_PROCESS_H
#define SONDE_WIRE_PROCESS_H

#include "record.h"

/* record.pid is the child. */
struct fork_record {
	struct record record;
	u64 parent_start;
	u32 parent_pid;
	u32 parent_tid;
	char name[16];
};
RECORD_SIZE(struct fork_record, 80);

enum exec_string {
	EXEC_PATH,		/* the executable's real path */
	EXEC_ASKED,		/* the path execve was given (script, symlink) */
	EXEC_DIRECTORY,
	EXEC_TTY,
	EXEC_NAME,		/* comm */
	EXEC_ARGUMENTS,		/* NUL-terminated one after the other */
	EXEC_STRINGS,
};

#define EXEC_DELETED 1		/* the executable has no name any more */
#define EXEC_SCRIPT 2		/* asked is a script, path its interpreter */
#define EXEC_MEMFD 4		/* it never had a name in a file system */

struct exec_record {
	struct record record;
	u64 parent_start;
	u32 parent_pid;
	s32 error;		/* negative errno; the exec failed */
	u32 real_uid;
	u32 real_gid;
	u32 login_uid;		/* ~0: not set */
	u32 session;
	u32 group;
	u32 flags;		/* EXEC_* */
	u64 capabilities;	/* effective, after */
	u64 capabilities_gained;
	u64 inode;
	u64 runtime_ns;		/* CPU that it used until now, for the images before */
	u32 argument_count;
	u32 cgroup_namespace;
	u32 mount_namespace;
	u32 pid_namespace;
	u32 network_namespace;
	u32 user_namespace;
	u32 uts_namespace;
	u32 ipc_namespace;
};
RECORD_SIZE(struct exec_record, 152);

#define EXIT_CORE_DUMPED 1
#define EXIT_OOM_KILLED 2
#define EXIT_WAITS 4		/* what it waited for disks is known */

/* Totals of all threads the process ever had, as its last thread leaves. */
struct exit_record {
	struct record record;
	u64 parent_start;
	u32 parent_pid;
	s32 code;
	u32 signal;
	u32 flags;		/* EXIT_* */
	u64 user_ns;		/* as the tick saw it; runtime_ns is exact and wins */
	u64 system_ns;
	u64 runtime_ns;
	u64 wait_ns;		/* on a run queue */
	u64 peak_memory;	/* bytes */
	u64 read_chars;
	u64 write_chars;
	u64 read_calls;
	u64 write_calls;
	u64 read_bytes;
	u64 write_bytes;
	u64 cancelled_write_bytes;
	u64 minor_faults;
	u64 major_faults;
	u64 voluntary_switches;
	u64 involuntary_switches;
	u64 disk_wait_ns;	/* asleep until a disk was done; only with EXIT_WAITS, as the next two */
	u64 sync_wait_ns;	/* of that, in fsync and the like */
	u64 syncs;
	u32 threads;		/* ever, leader included; 0: not known */
	u32 real_uid;
	char name[16];
};
RECORD_SIZE(struct exit_record, 248);

/* A process, in tables that programs keep. */
struct process_key {
	u32 pid;
	u32 padding;
	u64 start;
};
RECORD_SIZE(struct process_key, 16);

/* An exit that is put aside until the process's memory is given back. */
struct ending {
	struct exit_record sum;
	u64 last_wait_ns;	/* of its wait_ns, what the last thread had waited */
};
RECORD_SIZE(struct ending, 256);

/* record.cgroup is the key. Strings: its path in its hierarchy, and in v2 where a v1 hierarchy gave the first. */
struct cgroup_record {
	struct record record;
	u32 hierarchy;		/* 0: cgroup2; else the v1 controller, see CGROUP_* */
	u32 padding;
};
RECORD_SIZE(struct cgroup_record, 56);

#endif
