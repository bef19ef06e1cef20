/*
 * A policy as it was read, whatever it was written in: TracingPolicy (tracing.h) and our short form (short.h) both become
 * this. A policy has hooks; a hook is a place in the kernel or in a program, what is read there, and selectors: the first
 * whose condition holds says what is done. Conditions are trees of src/lang over the hook's symbols, so the same
 * generator compiles filters and policies.
 */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include "base/text.h"
#include "lang/tree.h"

enum policy_attach {
	ATTACH_FUNCTION,	/* a kernel function by name: LSM, fentry/fexit, kprobe, or an equivalent point */
	ATTACH_SYSCALL,		/* a system call: "openat"; "i386/openat" where 32-bit programs make it */
	ATTACH_TRACEPOINT,	/* subsystem/event, as the format file has it */
	ATTACH_RAW_TRACEPOINT,
	ATTACH_LSM,
	ATTACH_UPROBE,
	ATTACH_POINT,		/* one of our own: the short form's `when` (point.def) */
};

enum policy_action {
	ACTION_LOG,		/* Post; default */
	ACTION_SILENT,		/* NoPost */
	ACTION_SIGNAL,		/* kill: SIGKILL */
	ACTION_DENY,		/* Override, deny: with an error number, 1 for EPERM; 0: pretend that it was done */
	ACTION_NOTIFY_ENFORCER,
	ACTION_CLEAN_ENFORCER,
	ACTION_TRACK_SOCKET,
	ACTION_UNTRACK_SOCKET,
};

/* What is read of an argument, and how it is shown. The list of types is argument.def. */
enum policy_type {
	TYPE_NONE,
#define TYPE(name, spelled, shape, help) TYPE_##name,
#include "wire/policy_types.def"
#undef TYPE
};

/*
 * A way from a parameter (or, of a tracepoint, from where its fields begin) to a value: at each step `offset` is added to the
 * address; `pointer`: the address found there is the next one. The last step has `size`: bytes to read, as a number of
 * 1, 2, 4 or 8; 0: the address itself is the value (a text within a struct, a struct).
 */
struct policy_member {
	u32 offset;
	bool pointer;
	u8 size;
	u8 shift, bits;		/* of a bit field: its place in the number that is read; bits 0: it is none */
};

struct policy_argument {
	enum policy_type type;
	bool assumed;			/* type follows from what it is compared with; the kernel's types have yet to say it */
	int index;			/* parameter, from 0; of a tracepoint's format: the field */
	const char *label;
	int size_index;			/* parameter with the length, or of a dentry with the path whose mount it is in, from 1; 0: none */
	bool at_return;			/* read when the function returns (returnCopy) */
	bool whole;			/* maxData */
	const char *resolve;		/* members to follow: mm.owner.comm */
	const char *type_name;		/* BTF type to start from; NULL: the parameter's own */
	enum { FROM_PARAMETER, FROM_TASK, FROM_REGISTERS, FROM_RETURN } source;
	/* By policy_resolve (place.h). None: the parameter itself is the value, as its type says. */
	const struct policy_member *members;
	u32 member_count;
	u32 length, element;		/* of a const_buf: bytes, and those of each of its numbers, with POLICY_SIGNED */
	u32 line, column;
};

struct policy_step {
	enum policy_action action;
	int number;			/* signal; error; which argument is the socket */
	int second;			/* of NOTIFY_ENFORCER: the signal, 0: none; number -1: no error */
	u64 rate_count, rate_ns;	/* log at most so many in so long; 0: all */
	enum { RATE_THREAD, RATE_PROCESS, RATE_GLOBAL } rate_scope;
	bool kernel_stack, user_stack;
};

struct policy_selector {
	const char *label;
	struct lang_node *condition;	/* of what is known as it is entered; NULL: always */
	struct lang_node *return_condition;
	struct policy_step *steps;	/* none: log */
	u32 step_count;
	struct policy_step *return_steps;
	u32 return_step_count;
	u32 line, column;
};

struct policy_hook {
	enum policy_attach attach;
	const char *target;		/* function, system call, tracepoint's event, hook, path of a program, point */
	const char *subsystem;		/* of a tracepoint */
	struct lang_node *asked;	/* of a point: the file's own part of its condition, over fields; NULL: none */
	const struct policy_hook *from;	/* by policy_lower: the point's own; else NULL */
	bool only_denying;		/* not wanted where nothing is denied: the policy's other hooks see it all */
	const char *const *symbols;	/* of an uprobe: names, "name+0xOFFSET", "0xOFFSET" in the file, "@0xADDRESS"; NULL-terminated */
	const u64 *counters;		/* where in the file the semaphore of each symbol is; NULL: there are none */
	const char *const *targets;	/* list: of many functions or calls; NULL-terminated; NULL: `target` alone */
	const char *pattern;		/* `targets` are the functions it fits (POSIX extended), found by policy_resolve; or NULL */
	struct policy_argument *arguments;
	u32 argument_count;
	struct policy_argument *data;
	u32 data_count;
	bool returns;			/* also at the function's end */
	struct policy_argument result;
	enum policy_action result_action;	/* TRACK_SOCKET or UNTRACK_SOCKET of the result; LOG: nothing */
	bool may_lack;			/* ignore.callNotFound */
	struct policy_selector *selectors;
	u32 selector_count;
	const char *message;
	const char *const *tags;
	u32 line, column;
};

/* Something that is as it should be but not as someone may think: what has no effect here, a type that differs. */
struct policy_note {
	struct policy_note *next;
	u32 line, column;
	const char *text;
};

struct policy {
	struct lang_tree *tree;		/* holds all memory of the policy */
	const char *name, *file;
	const char *severity;		/* short form; NULL: not said */
	bool is_short;			/* which form it was written in */
	bool monitor;			/* options.policy-mode: monitor */
	struct policy_hook *hooks;
	u32 hook_count;
	struct policy_hook *enforcer;	/* calls that a note left by NOTIFY_ENFORCER is carried out in; NULL: none */
	struct policy_note *notes;
	const char *incomplete;		/* why it can be looked at but not run (a ${NAME} without a value); NULL: it can */
};

/*
 * What went wrong in a file: where, what, and how to mend it. `text` and `mend` may be made up; they are the error's own.
 */
struct policy_error {
	u32 line, column;
	char text[256], mend[256];
};

/* Reads whichever form the file is in. Refuses files that others may write, and incomplete ones. NULL: *error says why. */
struct policy *policy_read(const char *file, struct policy_error *error);
/* The same from memory; `file` is for messages. */
struct policy *policy_parse(const char *bytes, size_t length, const char *file, struct policy_error *error);
/* A file's text, whichever form it is in; *doubt: who else could write it. 0, or -1 with *error. */
int policy_source(const char *file, struct text *text, const char **doubt, struct policy_error *error);
int policy_distrust(const char *doubt, const char *file, struct policy_error *error);	/* -1 */
void policy_free(struct policy *policy);
void policy_note(struct policy *policy, u32 line, u32 column, const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
