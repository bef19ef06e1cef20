#define _GNU_SOURCE
#include "books/replay.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/text.h"
#include "wire/net.h"
#include "wire/open.h"
#include "wire/process.h"

/* At the same instant a process is created before it does anything, and its end comes last. */
enum what { BORN, STARTED, DID_FILE, DID_PEER, ENDED };

struct turn {
	u64 time;
	u32 index;
	enum what what;
};

struct replay {
	const struct run *run;
	u32 *first;		/* process of each tool */
	struct text record;
	replay_deliver *deliver;
	void *context;
};

u32 replay_kinds(const struct run *run)
{
	return KIND_BIT(fork) | KIND_BIT(exec) | KIND_BIT(exit) | KIND_BIT(connect) | KIND_BIT(accept) |
	       (run->file_count ? KIND_BIT(open) : 0);
}

/* Recordings of before there was a place for it have the names of none. */
static bool has_names(const struct run *run)
{
	for (u32 i = 0; i < run->process_count; i++)
		if (run->processes[i].name != RUN_NONE)
			return true;
	return false;
}

bool replay_keeps(const struct run *run, const char *field, u32 kinds)
{
	const u32 connections = KIND_BIT(connect) | KIND_BIT(accept), ends = KIND_BIT(exit), opens = KIND_BIT(open),
		  all = ~0U, names = has_names(run) ? all : 0;
	const struct {
		const char *field;
		u32 kinds;
	} kept[] = {
		{ "kind", all }, { "time", all }, { "process.pid", all }, { "process.name", names },
		{ "process.creation.time", all }, { "process.parent_pid", all }, { "process.parent.executable.path", all },
		{ "process.ancestors", names }, { "process.executable.path", all }, { "process.executable.name", all },
		{ "process.command_args", all }, { "process.working_directory", all }, { "process.user.id", all },
		{ "process.user.name", all }, { "process.exit.code", ends }, { "process.exit.signal", ends },
		{ "ancestor.name", names }, { "ancestor.pid", all }, { "ancestor.executable.path", all },
		{ "file.path", opens }, { "file.created", opens }, { "file.size", opens },
		{ "network.peer.address", connections }, { "network.peer.port", KIND_BIT(connect) },
		{ "network.local.port", KIND_BIT(accept) }, { "network.transport", connections },
		{ "network.type", connections }, { "network.direction", connections },
		{ "error.code", all }, { "error.type", all },
	};

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (!strcmp(kept[i].field, field))
			return !(kinds & ~kept[i].kinds);
	return false;
}

/* The fixed part, zeroed, is at the front of the text; strings follow. */
static void *begin(struct replay *replay, u32 kind, size_t size, u32 process, u64 time)
{
	const struct run_process *row = &replay->run->processes[process];
	struct record *record;

	text_reset(&replay->record);
	text_grow(&replay->record, size);
	memset(replay->record.data, 0, size);
	replay->record.length = size;
	record = (void *)replay->record.data;
	*record = (struct record){
		.kind = kind, .time = time, .start = row->start, .pid = row->pid, .tid = row->pid, .uid = row->user,
	};
	return record;
}

static void add_string(struct replay *replay, const void *bytes, size_t length)
{
	static const char zeros[8];
	struct record_string string = { .length = length, .full = length };

	text_add_bytes(&replay->record, &string, sizeof(string));
	text_add_bytes(&replay->record, bytes, length);
	text_add_bytes(&replay->record, zeros, -length & 7);
}

static void add_text(struct replay *replay, u32 text)
{
	struct run_bytes bytes = run_text(replay->run, text);

	add_string(replay, bytes.data, bytes.length);
}

static int tell_many(struct replay *replay, u64 count, u64 last)
{
	((struct record *)replay->record.data)->size = replay->record.length;
	return replay->deliver(replay->context, replay->record.data, replay->record.length, count, last);
}

/* What a process did once. */
static int tell(struct replay *replay, u32 process)
{
	const struct record *record = (const void *)replay->record.data;
	bool earlier = replay->run->processes[process].flags & RUN_PROCESS_EARLIER && record->time < replay->run->start;

	return tell_many(replay, !earlier, record->time);
}

static const struct run_process *parent_of(const struct run *run, u32 process)
{
	u32 parent = run->processes[process].parent;

	return parent < run->process_count ? &run->processes[parent] : NULL;
}

/* What the kernel calls it, which is not always the last part of its path: of a script or a link it is what was asked for. */
static void copy_name(const struct run *run, u32 process, char name[16])
{
	struct run_bytes text = run_text(run, run->processes[process].name);

	memcpy(name, text.data, text.length < 15 ? text.length : 15);
}

static int tell_fork(struct replay *replay, u32 process)
{
	const struct run_process *row = &replay->run->processes[process], *parent = parent_of(replay->run, process);
	struct fork_record *fork = begin(replay, KIND_fork, sizeof(*fork), process, row->start);

	if (parent) {
		fork->parent_pid = fork->parent_tid = parent->pid;
		fork->parent_start = parent->start;
	}
	copy_name(replay->run, parent ? row->parent : process, fork->name);
	return tell(replay, process);
}

static int tell_exec(struct replay *replay, u32 process)
{
	const struct run_process *row = &replay->run->processes[process], *parent = parent_of(replay->run, process);
	struct run_bytes arguments = run_arguments(replay->run, process);
	struct exec_record *exec = begin(replay, KIND_exec, sizeof(*exec), process, row->exec ? row->exec : row->start);

	if (parent) {
		exec->parent_pid = parent->pid;
		exec->parent_start = parent->start;
	}
	exec->real_uid = row->user;
	exec->login_uid = ~0U;
	exec->group = row->group;
	if (arguments.length)	/* there is a NUL behind them, which the record has within */
		arguments.length += arguments.data[arguments.length - 1] != '\0';
	for (size_t i = 0; i < arguments.length; i++)
		exec->argument_count += !arguments.data[i];
	add_text(replay, row->executable);
	add_text(replay, row->executable);
	add_text(replay, row->directory);
	add_string(replay, NULL, 0);
	add_text(replay, row->name);
	add_string(replay, arguments.data, arguments.length);
	return tell(replay, process);
}

static int tell_exit(struct replay *replay, u32 process)
{
	const struct run_process *row = &replay->run->processes[process];
	struct exit_record *exit = begin(replay, KIND_exit, sizeof(*exit), process, row->end);

	exit->code = row->code;
	exit->signal = row->signal;
	copy_name(replay->run, process, exit->name);
	return tell(replay, process);
}

static int tell_connections(struct replay *replay, const struct turn *turn, u64 count, s32 error)
{
	const struct run_peer *peer = &replay->run->peers[turn->index];
	u32 kind = peer->direction == NET_IN ? KIND_accept : KIND_connect;
	struct connection_record *record = begin(replay, kind, sizeof(*record), peer->process, turn->time);
	const char *address = run_text(replay->run, peer->address).data;

	record->transport = peer->transport;
	record->direction = peer->direction;
	if (peer->transport != NET_UNIX)
		record->family = strchr(address, ':') ? AF_INET6 : AF_INET;
	if (record->family)
		inet_pton(record->family, address, record->peer);
	*(peer->direction == NET_IN ? &record->local_port : &record->peer_port) = peer->port;
	record->error = -error;
	if (kind == KIND_connect)
		add_string(replay, address, peer->transport == NET_UNIX ? strlen(address) : 0);
	return tell_many(replay, count, peer->last > turn->time ? peer->last : turn->time);
}

/* Datagrams need no connection; one of TCP that was neither made nor refused is from before. */
static int tell_peer(struct replay *replay, const struct turn *turn)
{
	const struct run_peer *peer = &replay->run->peers[turn->index];
	u64 made = peer->connections || peer->failures || peer->transport == NET_TCP ? peer->connections : 1;
	int error = 0;

	if (made)
		error = tell_connections(replay, turn, made, 0);
	if (!error && peer->failures)
		error = tell_connections(replay, turn, peer->failures, peer->error);
	return error;
}

static int tell_open(struct replay *replay, const struct run_file *file, u32 process, u64 time, u32 flags, u64 count)
{
	struct open_record *open = begin(replay, KIND_open, sizeof(*open), process, time);

	open->flags = flags;
	open->mode = S_IFREG;
	open->size = file->size;
	open->descriptor = -1;
	if (flags & O_CREAT)
		open->state = OPEN_CREATED;
	add_text(replay, file->path);
	add_string(replay, NULL, 0);
	return tell_many(replay, count, time);
}

static int tell_file(struct replay *replay, const struct turn *turn)
{
	const struct run_file *file = &replay->run->files[turn->index];
	u32 process = replay->first[file->tool], made = file->creates < file->writes ? file->creates : file->writes;
	int error = 0;

	if (file->reads)
		error = tell_open(replay, file, process, turn->time, O_RDONLY, file->reads);
	if (!error && made)
		error = tell_open(replay, file, process, turn->time, O_WRONLY | O_CREAT, made);
	if (!error && file->writes > made)
		error = tell_open(replay, file, process, turn->time, O_WRONLY, file->writes - made);
	return error;
}

static int compare(const void *left, const void *right)
{
	const struct turn *a = left, *b = right;

	if (a->time != b->time)
		return a->time < b->time ? -1 : 1;
	if (a->what != b->what)
		return a->what < b->what ? -1 : 1;
	return a->index < b->index ? -1 : a->index > b->index;
}

static u32 *first_of_tools(const struct run *run)
{
	u32 *first = xmalloc(((size_t)run->tool_count + 1) * sizeof(*first));

	memset(first, -1, ((size_t)run->tool_count + 1) * sizeof(*first));
	for (u32 i = run->process_count; i-- > 0;)
		if (run->processes[i].tool < run->tool_count)
			first[run->processes[i].tool] = i;
	return first;
}

/* Whoever did it may be from before the recording; what was done is of it. */
static u64 within(const struct run *run, u64 time)
{
	return time > run->start ? time : run->start;
}

/* In a row's order parents stand first, so that at one instant they are born first. */
static struct turn *list_turns(const struct run *run, const u32 *first, size_t *count)
{
	struct turn *turns = xcalloc((size_t)run->process_count * 3 + run->peer_count + run->file_count + 1, sizeof(*turns));

	*count = 0;
	for (u32 i = 0; i < run->process_count; i++) {
		const struct run_process *row = &run->processes[i];

		turns[(*count)++] = (struct turn){ row->start, i, BORN };
		if (row->executable != RUN_NONE)
			turns[(*count)++] = (struct turn){ row->exec ? row->exec : row->start, i, STARTED };
		if (!(row->flags & RUN_PROCESS_LIVING))
			turns[(*count)++] = (struct turn){ row->end, i, ENDED };
	}
	for (u32 i = 0; i < run->peer_count; i++)
		if (run->peers[i].process < run->process_count)
			turns[(*count)++] = (struct turn){ within(run, run->peers[i].first), i, DID_PEER };
	for (u32 i = 0; i < run->file_count; i++) {
		const struct run_process *row;

		if (run->files[i].tool >= run->tool_count || first[run->files[i].tool] == RUN_NONE)
			continue;
		row = &run->processes[first[run->files[i].tool]];
		turns[(*count)++] = (struct turn){ within(run, row->exec ? row->exec : row->start), i, DID_FILE };
	}
	qsort(turns, *count, sizeof(*turns), compare);
	return turns;
}

int replay(const struct run *run, replay_deliver *deliver, void *context)
{
	struct replay replay = { .run = run, .first = first_of_tools(run), .deliver = deliver, .context = context };
	size_t count;
	struct turn *turns = list_turns(run, replay.first, &count);
	int error = 0;

	for (size_t i = 0; i < count && !error; i++)
		switch (turns[i].what) {
		case BORN:
			error = tell_fork(&replay, turns[i].index);
			break;
		case STARTED:
			error = tell_exec(&replay, turns[i].index);
			break;
		case DID_FILE:
			error = tell_file(&replay, &turns[i]);
			break;
		case DID_PEER:
			error = tell_peer(&replay, &turns[i]);
			break;
		case ENDED:
			error = tell_exit(&replay, turns[i].index);
			break;
		}
	text_free(&replay.record);
	free(replay.first);
	free(turns);
	return error;
}
