/*
 * A recorded run, whole, as reports, comparisons and exports read it. The store gives it back (store.h); tests put one
 * together by hand with the same functions. Rows refer to each other by index. All texts are owned by the run; those
 * that others chose (paths, names, arguments) may hold any bytes: escape them where they go.
 *
 * Times are CLOCK_BOOTTIME in ns, as the kernel gave them. run_wall() turns one into the time of day.
 */
#ifndef BOOKS_RUN_H
#define BOOKS_RUN_H

#include <stdbool.h>

#include "books/costs.h"

#define RUN_NONE UINT32_MAX	/* an index that points nowhere */
#define RUN_BEYOND ": more than "	/* in the text of RUN_FACT_GAVE_UP: only facts are missing, those beyond a number */

enum run_kind {
	RUN_COMMAND,		/* sonde run: one command and all it started */
	RUN_SCOPE,		/* sonde record: the machine or a part of it for a while */
};

enum run_state {
	RUN_RECORDING,
	RUN_FINISHED,
	RUN_INTERRUPTED,	/* its recorder died or its disk was full; what there is ends with the last batch */
};

enum run_process_flag {
	RUN_PROCESS_EARLIER = 1 << 0,	/* ran before the recording; its costs are those since */
	RUN_PROCESS_LIVING = 1 << 1,	/* still there at the end; costs as last sampled */
	RUN_PROCESS_CORE = 1 << 2,	/* dumped core */
	RUN_PROCESS_OOM = 1 << 3,	/* killed for want of memory */
	RUN_PROCESS_LEFT = 1 << 4,	/* left the tree of the command: its parent died first */
	RUN_PROCESS_NO_LEDGER = 1 << 5,	/* its exit was lost: costs as last sampled, or none */
	RUN_PROCESS_THREADED = 1 << 6,	/* had more than one thread */
	RUN_PROCESS_ARGUMENTS_CUT = 1 << 7,	/* its arguments are known in part, or were too long to keep */
};

struct run_process {
	u64 start, end;		/* end of the living: when last seen */
	u64 exec;		/* of its last image, 0: none since the fork */
	u32 pid;
	u32 parent;		/* process, RUN_NONE: not in the run */
	u32 tool, task;		/* never RUN_NONE for the tool: its last image, or one before that did the work */
	u32 container;		/* RUN_NONE: in none */
	u32 user;		/* uid */
	u32 executable;		/* texts; RUN_NONE: not known */
	u32 directory;
	u32 name;		/* text: what the kernel called it as its last image began; RUN_NONE: not known */
	u32 group;		/* process group */
	u32 threads;		/* ever */
	s32 code;		/* exit status; signal says more if not 0 */
	u16 signal;		/* that ended it */
	u16 flags;
	u8 padding[4];
	struct costs costs;	/* its own, without children */
};

/* What a person would call a program: align.py, not python3. */
struct run_tool {
	u32 name;		/* text */
	u32 executable;		/* text: of its first process */
};

/* One unit of work of whoever orchestrates: a Nextflow process, a Snakemake job, a Slurm step, a make recipe. */
struct run_task {
	u32 name;		/* text: "align (sample_3)" */
	u32 group;		/* text: what tasks of the same sort share: "align" */
	u32 rule;		/* text: the rule that found it: "nextflow" */
	u32 parent;		/* task, RUN_NONE */
	u32 process;		/* its first */
	u32 directory;		/* text, RUN_NONE */
	u64 cpus, memory;	/* what it was given, as far as it shows (Slurm, a control group); 0: not known */
};

struct run_container {
	u32 id, name, image, runtime;	/* texts; RUN_NONE: not known */
};

/* How a process stood at an instant. Counters are since its start; only processes that changed have a row. */
struct run_sample {
	u64 time;
	u64 cpu, cpu_wait;
	u64 disk_read, disk_write;
	u64 read, write;
	u64 memory;		/* resident now */
	u32 process;
	u16 threads;
	u8 state;		/* enum run_activity, the most active of its threads */
	u8 padding;
};

enum run_activity {
	RUN_ACTIVITY_SLEEPING,
	RUN_ACTIVITY_DISK,		/* uninterruptible: mostly a disk */
	RUN_ACTIVITY_WAITING,		/* ready, no CPU */
	RUN_ACTIVITY_RUNNING,
	RUN_ACTIVITY_STOPPED,
	RUN_ACTIVITY_GONE,
	RUN_ACTIVITIES,
};

/* The whole machine at an instant. Counters are since boot; ~0: not known here. */
struct run_host_sample {
	u64 time;
	u64 cpu_busy, cpu_iowait, cpu_steal;	/* ns, all CPUs */
	u64 memory_used, memory_available, swap_used;	/* now */
	u64 disk_read, disk_write, disk_busy;	/* bytes, bytes, ns; physical disks */
	u64 network_received, network_sent;	/* bytes; network cards, or where there are none all but loopback */
	u64 pressure_cpu, pressure_memory, pressure_io;	/* ns some task was stalled */
	u32 load;				/* hundredths */
	u32 runnable;
};

enum run_fact_kind {
	RUN_FACT_FAILED_EXEC,	/* number: errno; text: the path that was asked for */
	RUN_FACT_SIGNAL,	/* number: the signal; other: who got it */
	RUN_FACT_OOM,		/* process: the victim; number: its memory; text: the control group whose limit */
	RUN_FACT_LOST,		/* number: how many events; text: "exec: ring_full" */
	RUN_FACT_CLOCK_STEP,	/* number: ns the time of day moved by */
	RUN_FACT_GAVE_UP,	/* number: rows; text: what was not written, and why */
	RUN_FACT_POLICY,	/* a policy matched; text: "its name (what it says to do): what about" */
	RUN_FACTS,
};

struct run_fact {
	u64 time;
	s64 number;
	u32 kind;		/* enum run_fact_kind */
	u32 process, other;	/* RUN_NONE: nobody */
	u32 text;		/* RUN_NONE */
};

/* All a process had to do with one peer. */
struct run_peer {
	u32 process;
	u32 address;		/* text: "10.0.0.7", "::1" */
	u32 local;		/* text: its own address of the first connection; RUN_NONE: not known */
	u32 network_namespace;	/* 0: not known */
	u16 port;		/* of the service: the peer's if it connected, its own if it accepted */
	u8 transport, direction;	/* NET_* of wire/net.h */
	u32 connections, failures;	/* established, and not */
	u32 broken;		/* of those established: ended by an error */
	s32 error;		/* errno of the last failure, positive; without any, of the last that broke */
	u8 padding[4];
	u64 sent, received, retransmits;
	u64 packets_sent, packets_received;	/* datagrams; of TCP 0 */
	u64 latency;		/* longest handshake, ns */
	u64 first, last;
};

/* Packets that the kernel dropped: for one reason, at one place, of one flow. */
struct run_drop {
	u32 process;		/* whose socket sent them or should have had them; RUN_NONE: not known */
	u32 reason;		/* texts: the kernel's word; RUN_NONE: this kernel has none */
	u32 function, interface;
	u32 source, destination;	/* texts: addresses; RUN_NONE: not of IP, or left out of too many */
	u32 network_namespace;
	u16 source_port, destination_port;	/* 0: none, or a client's beside that of a service */
	u8 protocol;		/* IPPROTO_*; 0: none of IP */
	u8 padding[7];
	u64 packets, bytes;
	u64 first, last;
};

/* With --files: all a tool had to do with one file. */
struct run_file {
	u32 tool;
	u32 path;		/* text */
	u32 reads, writes;	/* opens for it */
	u32 creates, removes, failures;
	u32 processes;
	u64 size;		/* largest seen at an open; what is written after its last open is not in it; 0: not known */
};

/* What the run, or its machine, was given. 0: no limit, or not known. */
struct run_host {
	u32 name, kernel, model;	/* texts: host name, release, CPU model */
	u32 cpus;			/* online */
	u32 cpus_allowed;		/* of them, those the run could use: affinity, quota rounded up */
	u64 memory, swap;
	u64 memory_limit;		/* the least of the control groups it is in */
};

struct run {
	u64 id;				/* in its store */
	u32 name;			/* text, RUN_NONE */
	u32 command;			/* text: arguments, NUL-separated, masked; RUN_NONE for RUN_SCOPE */
	u32 scope;			/* text: "the whole machine", "container web"; for RUN_SCOPE */
	u32 directory;			/* text */
	u32 filter;			/* text: a condition; only files for which it is true are in the run. RUN_NONE: all are */
	u32 user;			/* uid of who recorded */
	enum run_kind kind;
	enum run_state state;
	s32 exit_status;		/* of the command, as a shell says it; -1: there is none */
	u64 start, end;
	s64 wall_offset;		/* CLOCK_REALTIME - CLOCK_BOOTTIME at the start */
	u64 interval;			/* between samples */
	u64 produced, lost;		/* events, of all kinds */
	u32 seen;			/* processes, as the recorder counted them; 0: not known, as of a run that was loaded */
	struct run_host host;
	struct costs overhead;		/* sonde's own */

	struct run_process *processes;	/* parents before children */
	struct run_tool *tools;
	struct run_task *tasks;
	struct run_container *containers;
	struct run_sample *samples;	/* by time */
	struct run_host_sample *host_samples;
	struct run_fact *facts;		/* by time */
	struct run_peer *peers;
	struct run_drop *drops;
	struct run_file *files;
	u32 process_count, tool_count, task_count, container_count, sample_count, host_sample_count, fact_count,
	    peer_count, drop_count, file_count;

	struct run_own *own;		/* run.c's: texts, arguments, capacities */
};

struct run_bytes {
	const char *data;		/* and a NUL behind it */
	size_t length;
};

struct run *run_new(void);
void run_free(struct run *run);

/* Interned: the same bytes are the same text. */
u32 run_text_add(struct run *run, const void *bytes, size_t length);
struct run_bytes run_text(const struct run *run, u32 text);	/* "" for RUN_NONE */

/* Adders return a new zeroed row, good until the next one is added; its index is the count before. */
struct run_process *run_process_add(struct run *run);
struct run_tool *run_tool_add(struct run *run);
struct run_task *run_task_add(struct run *run);
struct run_container *run_container_add(struct run *run);
struct run_sample *run_sample_add(struct run *run);
struct run_host_sample *run_host_sample_add(struct run *run);
struct run_fact *run_fact_add(struct run *run);
struct run_peer *run_peer_add(struct run *run);
struct run_drop *run_drop_add(struct run *run);
struct run_file *run_file_add(struct run *run);

/*
 * Arguments, NUL-separated and masked; empty if not known. Kept compressed: what one call returns the next overwrites.
 */
void run_arguments_set(struct run *run, u32 process, const void *bytes, size_t length);
struct run_bytes run_arguments(const struct run *run, u32 process);

/* For the store: arguments as they were packed (pack.h), and the dictionary they were packed with. */
struct pack;
void run_arguments_set_packed(struct run *run, u32 process, const void *packed, size_t length);
struct pack *run_pack(struct run *run);

/* Did its recorder come to say how many events there were, and what itself cost? If not, 0 is not known. */
static inline bool run_is_counted(const struct run *run)
{
	return run->state == RUN_FINISHED || run->produced;
}

/* ns since 1970. */
static inline s64 run_wall(const struct run *run, u64 time)
{
	return (s64)time + run->wall_offset;
}

#endif
