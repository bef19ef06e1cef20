/*
 * A policy matched. The same record is what its condition was decided on: it is put together first, as far as the policy's
 * conditions need it, decided, and completed only if something is to be told.
 */
#ifndef SONDE_WIRE_POLICY_H
#define SONDE_WIRE_POLICY_H

#include "record.h"

#define POLICY_VALUES 8		/* of one hook: arguments, then data, then the result */
#define POLICY_STACK 32
#define POLICY_ANCESTORS 8
#define POLICY_OTHER_SIGNAL 8	/* an action behind those of enum policy_action: a signal that is not SIGKILL */

/* In this order in policy_record.namespaces. */
enum policy_namespace {
	POLICY_UTS, POLICY_IPC, POLICY_MNT, POLICY_PID, POLICY_PID_FOR_CHILDREN, POLICY_NET, POLICY_TIME,
	POLICY_TIME_FOR_CHILDREN, POLICY_CGROUP, POLICY_USER, POLICY_NAMESPACES,
};

/* What an argument has beside its string. */
struct policy_value {
	union {
		u64 number;
		struct {
			u64 inode;
			u32 device, mode;
			u32 flags, opened;	/* of an open file: f_flags and f_mode */
		} file;
		struct {	/* of a packet local is its source; of a sockaddr local is all there is */
			u16 family, type, protocol;
			u8 state, outgoing;
			u16 local_port, peer_port;
			u32 mark, priority, length, hash;
			u64 cookie;
			u8 local[16], peer[16];
		} socket;
		struct {
			u32 uid, gid, euid, egid, suid, sgid, fsuid, fsgid, securebits, user_namespace;
			u64 permitted, effective, inheritable;
		} credentials;
		struct {
			u64 numbers[8];
		} object;
	};
};
RECORD_SIZE(struct policy_value, 72);

/* No number of a function: of a hook on connections that is on datagrams besides. */
#define POLICY_AT_SENDS 0xffff

struct policy_record {
	struct record record;
	u32 policy;		/* number it was given as it was loaded */
	u16 hook;		/* of the policy */
	u16 selector;		/* which one matched, from 1 */
	u8 action;		/* enum policy_action, or POLICY_OTHER_SIGNAL: the last one */
	u8 taken;		/* it was carried out; 0: only due */
	u8 at_return;
	u8 values;		/* how many there are */
	u16 present;		/* bit per value: it could be read */
	u16 function;		/* of a hook on many: which one; POLICY_AT_SENDS: as a datagram is sent */
	u64 address;		/* where it was, of a hook on many */
	u64 entered;		/* time of entry, to tell calls of a thread apart */
	u64 capabilities[3];	/* effective, permitted, inheritable */
	u32 namespaces[POLICY_NAMESPACES];
	u32 changed_namespaces;	/* bit per namespace: other than as the program was started */
	u32 parent;
	u64 changed_capabilities[3];	/* bits other than as the program was started */
	u32 namespace_pid;	/* as the process sees itself; 0: in the first namespace */
	u32 kernel_frames, user_frames;	/* depth of the stacks, which are the last strings */
	u32 owner;		/* process that a socket among the values is tracked for; 0: none */
	char owner_name[16];
	u32 ancestors[POLICY_ANCESTORS];		/* parent first; 0: no more */
	u32 ancestor_namespace_pids[POLICY_ANCESTORS];	/* as each sees itself */
	struct policy_value value[POLICY_VALUES];
	/* strings: program, parent's program, the ancestors' programs, one for each value, kernel stack, user stack */
};
RECORD_SIZE(struct policy_record, 848);

#define POLICY_STRING_PROGRAM 0
#define POLICY_STRING_PARENT 1
#define POLICY_STRING_ANCESTORS 2	/* parent first, NUL-terminated one after the other */
#define POLICY_STRING_VALUE 3
#define POLICY_STRING_KERNEL_STACK (POLICY_STRING_VALUE + POLICY_VALUES)
#define POLICY_STRING_USER_STACK (POLICY_STRING_KERNEL_STACK + 1)
#define POLICY_STRINGS (POLICY_STRING_USER_STACK + 1)

#endif
