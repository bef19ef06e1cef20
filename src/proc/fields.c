/* What identity adds to an event, and the field table itself: the first place that knows all getters. */
#define _GNU_SOURCE
#include <string.h>

#include "event/getters.h"
#include "event/words.h"
#include "proc/identity.h"
#include "wire/sizes.h"

#define EXEC(event) ((const struct exec_record *)(event)->record)
#define EXIT(event) ((const struct exit_record *)(event)->record)

static bool is_exec(const struct event *event)
{
	return event->record->kind == KIND_exec;
}

static bool shared(struct value *value, const struct shared_bytes *bytes)
{
	if (!bytes || !bytes->length)
		return false;
	value->bytes = (struct bytes){ .data = bytes->data, .length = bytes->length };
	return true;
}

static bool get_process_name(const struct event *event, struct value *value)
{
	if (event->record->kind != KIND_exit)
		return event->process && value_text(value, event->process->name);
	memcpy(value->scratch, EXIT(event)->name, sizeof(EXIT(event)->name));
	value->scratch[sizeof(EXIT(event)->name) - 1] = '\0';
	return value_text(value, value->scratch);
}

static bool get_process_parent_pid(const struct event *event, struct value *value)
{
	if (event->process)
		return value_number(value, event->process->parent_pid);
	if (event->record->kind == KIND_exit)
		return value_number(value, EXIT(event)->parent_pid);
	return is_exec(event) && value_number(value, EXEC(event)->parent_pid);
}

static bool get_parent_executable(const struct event *event, struct value *value)
{
	struct process *parent = event->process ? process_parent(event->identity->processes, event->process) : NULL;

	return parent && shared(value, parent->executable);
}

/* From the oldest known to the parent. */
static bool get_ancestors(const struct event *event, struct value *value)
{
	static char names[32 * 16];
	struct process *at = event->process;
	size_t start = sizeof(names);

	while (at && (at = process_parent(event->identity->processes, at)) && start >= sizeof(at->name)) {
		size_t length = strnlen(at->name, sizeof(at->name) - 1);

		start -= length + 1;
		memcpy(names + start, at->name, length);
		names[start + length] = '\0';
	}
	value->bytes = (struct bytes){ .data = names + start, .length = sizeof(names) - start };
	return value->bytes.length > 0;
}

static bool get_ancestor_paths(const struct event *event, struct value *value)
{
	static struct text paths;
	struct process *at = event->process;

	text_reset(&paths);
	while (at && (at = process_parent(event->identity->processes, at)))
		if (at->executable && at->executable->length)
			text_add_bytes(&paths, at->executable->data, at->executable->length), text_add_char(&paths, 0);
	value->bytes = (struct bytes){ .data = text_string(&paths), .length = paths.length };
	return paths.length > 0;
}

static bool get_ancestor_pids(const struct event *event, struct value *value)
{
	static u64 pids[512];
	struct process *at = event->process;
	u32 count = 0;

	while (at && (at = process_parent(event->identity->processes, at)) && count < sizeof(pids) / sizeof(*pids))
		pids[count++] = at->pid;
	value->bytes = (struct bytes){ .data = (const char *)pids, .length = count * sizeof(*pids) };
	return count > 0;
}

static bool get_executable_path(const struct event *event, struct value *value)
{
	return event->process && shared(value, event->process->executable);
}

static bool get_executable_name(const struct event *event, struct value *value)
{
	const char *slash;

	if (!get_executable_path(event, value))
		return false;
	slash = memrchr(value->bytes.data, '/', value->bytes.length);
	if (slash) {
		value->bytes.length -= slash + 1 - value->bytes.data;
		value->bytes.data = slash + 1;
	}
	return true;
}

static bool process_flag(const struct event *event, struct value *value, u32 flag)
{
	return event->process && event->process->flags & flag && value_number(value, 1);
}

static bool get_executable_deleted(const struct event *event, struct value *value)
{
	return process_flag(event, value, PROCESS_EXECUTABLE_DELETED);
}

static bool get_executable_memfd(const struct event *event, struct value *value)
{
	return process_flag(event, value, PROCESS_EXECUTABLE_MEMFD);
}

static bool get_executable_inode(const struct event *event, struct value *value)
{
	return !EXEC(event)->error && value_number(value, EXEC(event)->inode);
}

static bool get_script_path(const struct event *event, struct value *value)
{
	if (!(EXEC(event)->flags & EXEC_SCRIPT))
		return false;
	value->bytes = event->strings[EXEC_ASKED];
	return value->bytes.length > 0;
}

static bool get_interpreter_path(const struct event *event, struct value *value)
{
	if (!(EXEC(event)->flags & EXEC_SCRIPT))
		return false;
	value->bytes = event->strings[EXEC_PATH];
	return value->bytes.length > 0;
}

static bool get_command_args(const struct event *event, struct value *value)
{
	if (!is_exec(event))
		return event->process && shared(value, event->process->arguments);
	value->bytes = event->strings[EXEC_ARGUMENTS];
	return !EXEC(event)->error;
}

static bool get_args_length(const struct event *event, struct value *value)
{
	return !EXEC(event)->error && value_number(value, event->strings[EXEC_ARGUMENTS].full);
}

static bool get_args_count(const struct event *event, struct value *value)
{
	return !EXEC(event)->error && value_number(value, EXEC(event)->argument_count);
}

static bool get_args_cut(const struct event *event, struct value *value)
{
	return event->process && event->process->flags & PROCESS_ARGUMENTS_CUT &&
	       event->strings[EXEC_ARGUMENTS].full > 131072 && value_number(value, 1);
}

static bool get_working_directory(const struct event *event, struct value *value)
{
	if (is_exec(event) && event->strings[EXEC_DIRECTORY].length) {
		value->bytes = event->strings[EXEC_DIRECTORY];
		return true;
	}
	return event->process && shared(value, event->process->working_directory);
}

static bool user_named(const struct event *event, struct value *value, u32 uid)
{
	return event->identity && value_text(value, user_name(event->identity->users, uid, event->identity->now));
}

static bool get_user_name(const struct event *event, struct value *value)
{
	return event_has_owner(event) && user_named(event, value, event->record->uid);
}

/* What was known of it as it was created or began its program. No more if it has become somebody else since. */
static bool is_who_it_was(const struct event *event)
{
	const struct process_credentials *then = event->process ? &event->process->credentials : NULL;

	return then && (!event_has_owner(event) || (event->record->uid == then->user && event->record->gid == then->group));
}

static bool get_real_user(const struct event *event, struct value *value)
{
	if (event->record->kind == KIND_exit)
		return value_number(value, EXIT(event)->real_uid);
	return is_who_it_was(event) && value_number(value, event->process->credentials.real_user);
}

static bool get_real_user_name(const struct event *event, struct value *value)
{
	return get_real_user(event, value) && user_named(event, value, value->number);
}

/* Numbers that stand in the process's credentials; `absent` is the value that means none. */
#define CREDENTIAL(getter, member, absent)                                                      \
	static bool getter(const struct event *event, struct value *value)                      \
	{                                                                                       \
		return event->process && event->process->credentials.member != (absent) &&      \
		       value_number(value, event->process->credentials.member);                 \
	}

static bool get_real_group(const struct event *event, struct value *value)
{
	return is_who_it_was(event) && event->process->credentials.real_group != PROCESS_ID_UNSET &&
	       value_number(value, event->process->credentials.real_group);
}

CREDENTIAL(get_login, login, PROCESS_ID_UNSET)
CREDENTIAL(get_session, session_leader, 0)
CREDENTIAL(get_group_leader, group_leader, 0)
CREDENTIAL(get_mount_namespace, namespaces[PROCESS_NAMESPACE_MOUNT], 0)
CREDENTIAL(get_pid_namespace, namespaces[PROCESS_NAMESPACE_PID], 0)
CREDENTIAL(get_network_namespace, namespaces[PROCESS_NAMESPACE_NETWORK], 0)
CREDENTIAL(get_user_namespace, namespaces[PROCESS_NAMESPACE_USER], 0)
CREDENTIAL(get_uts_namespace, namespaces[PROCESS_NAMESPACE_UTS], 0)
CREDENTIAL(get_ipc_namespace, namespaces[PROCESS_NAMESPACE_IPC], 0)
CREDENTIAL(get_cgroup_namespace, namespaces[PROCESS_NAMESPACE_CGROUP], 0)

/* The kernel says "pts0" where people say "pts/0". */
static bool get_tty(const struct event *event, struct value *value)
{
	const struct bytes *tty = &event->strings[EXEC_TTY];
	size_t prefix = tty->length > 3 && !memcmp(tty->data, "pts", 3) ? 3 : 0;

	if (!tty->length || tty->length >= sizeof(value->scratch) - 2)
		return false;
	memcpy(value->scratch, tty->data, prefix);
	if (prefix)
		value->scratch[prefix] = '/';
	memcpy(value->scratch + prefix + !!prefix, tty->data + prefix, tty->length - prefix);
	value->bytes = (struct bytes){ .data = value->scratch, .length = tty->length + !!prefix };
	return true;
}

static bool get_capabilities_gained(const struct event *event, struct value *value)
{
	static char names[41 * 24];
	u64 gained = EXEC(event)->capabilities_gained;
	size_t at = 0;

	for (int i = 0; i < 41; i++) {
		if (gained >> i & 1) {
			size_t length = strlen(word_capability(i)) + 1;

			memcpy(names + at, word_capability(i), length);
			at += length;
		}
	}
	value->bytes = (struct bytes){ .data = names, .length = at };
	return at > 0;
}

static bool get_exit_code(const struct event *event, struct value *value)
{
	return !EXIT(event)->signal && value_number(value, EXIT(event)->code);
}

static bool get_exit_signal(const struct event *event, struct value *value)
{
	return EXIT(event)->signal && value_text(value, word_signal(EXIT(event)->signal));
}

static bool get_core_dumped(const struct event *event, struct value *value)
{
	return EXIT(event)->signal && value_number(value, !!(EXIT(event)->flags & EXIT_CORE_DUMPED));
}

static bool get_oom_killed(const struct event *event, struct value *value)
{
	return EXIT(event)->flags & EXIT_OOM_KILLED && value_number(value, 1);
}

/* As the kernel itself does for wait4: the exact running time, divided as the ticks saw it. */
static u64 cpu_system(const struct exit_record *exit)
{
	unsigned __int128 ticks = (unsigned __int128)exit->user_ns + exit->system_ns;

	if (!exit->system_ns)
		return 0;
	if (!exit->user_ns)
		return exit->runtime_ns;
	return exit->runtime_ns * (unsigned __int128)exit->system_ns / ticks;
}

static bool get_cpu_system(const struct event *event, struct value *value)
{
	return value_number(value, cpu_system(EXIT(event)));
}

static bool get_cpu_user(const struct event *event, struct value *value)
{
	return value_number(value, EXIT(event)->runtime_ns - cpu_system(EXIT(event)));
}

static bool get_disk_wait(const struct event *event, struct value *value)
{
	return EXIT(event)->flags & EXIT_WAITS && value_number(value, EXIT(event)->disk_wait_ns);
}

static bool get_sync_wait(const struct event *event, struct value *value)
{
	return EXIT(event)->flags & EXIT_WAITS && value_number(value, EXIT(event)->sync_wait_ns);
}

static bool get_syncs(const struct event *event, struct value *value)
{
	return EXIT(event)->flags & EXIT_WAITS && value_number(value, EXIT(event)->syncs);
}

static bool get_lifetime(const struct event *event, struct value *value)
{
	const struct identity *identity = event->identity;
	u64 start = event->record->start;

	/* another with its pid began later */
	if (identity && identity->held == event->record->pid && start < identity->released && identity->released < event->record->time)
		start = identity->released;
	return value_number(value, event->record->time - start);
}

static bool get_cgroup(const struct event *event, struct value *value)
{
	struct cgroup *cgroup = identity_cgroup(event);

	return cgroup && value_text(value, cgroup->path);
}

static bool get_oom_cgroup(const struct event *event, struct value *value)
{
	u64 key = ((const struct oom_record *)event->record)->cgroup;
	struct cgroup *cgroup = event->identity && key ? cgroup_find(event->identity->cgroups, key) : NULL;

	return cgroup && value_text(value, cgroup->path);
}

/* Does the process see the machine's own files and processes? Then it is in no container, whatever its cgroup is called. */
static bool in_machine(const struct event *event)
{
	const struct identity *identity = event->identity;
	const u32 *namespaces;

	if (!event->process || !identity->pid_namespace || !identity->mount_namespace)
		return false;
	namespaces = event->process->credentials.namespaces;
	return namespaces[PROCESS_NAMESPACE_PID] == identity->pid_namespace &&
	       namespaces[PROCESS_NAMESPACE_MOUNT] == identity->mount_namespace;
}

static enum container_state state_of(const struct event *event, struct cgroup *cgroup)
{
	return cgroup ? cgroup_state(event->identity->cgroups, cgroup, event->identity->now) : CONTAINER_UNKNOWN;
}

static bool get_container_state(const struct event *event, struct value *value)
{
	struct cgroup *cgroup = identity_cgroup(event);
	enum container_state state = state_of(event, cgroup);

	if (!event_has_owner(event))
		return false;
	if (cgroup && state == CONTAINER_UNKNOWN && in_machine(event))
		state = CONTAINER_NONE;
	return value_text(value, container_state_name(state));
}

/* The cgroup of the container it is in; NULL if it is in none. */
static struct cgroup *container_of(const struct event *event)
{
	struct cgroup *cgroup = identity_cgroup(event);

	return state_of(event, cgroup) == CONTAINER_INSIDE ? cgroup : NULL;
}

static bool get_container_id(const struct event *event, struct value *value)
{
	struct cgroup *cgroup = container_of(event);

	return cgroup && value_text(value, cgroup->identity.id);
}

static bool get_container_runtime(const struct event *event, struct value *value)
{
	struct cgroup *cgroup = container_of(event);

	return cgroup && value_text(value, container_runtime_name(cgroup->identity.runtime));
}

#define CONTAINER_NAME(getter, member)                                                                  \
	static bool getter(const struct event *event, struct value *value)                              \
	{                                                                                               \
		struct cgroup *cgroup = container_of(event);                                            \
		const struct container_names *names = NULL;                                             \
													\
		if (cgroup)                                                                             \
			names = cgroup_names(event->identity->cgroups, cgroup, event->identity->now);   \
		return names && value_text(value, names->member);                                       \
	}

CONTAINER_NAME(get_container_name, name)
CONTAINER_NAME(get_container_image, image)
CONTAINER_NAME(get_pod_name, pod_name)
CONTAINER_NAME(get_pod_namespace, pod_namespace)

#define CGROUP_WORD(getter, member)                                                             \
	static bool getter(const struct event *event, struct value *value)                      \
	{                                                                                       \
		struct cgroup *cgroup = identity_cgroup(event);                                 \
												\
		return cgroup && value_text(value, cgroup->identity.member);                    \
	}

CGROUP_WORD(get_pod_uid, pod_uid)
CGROUP_WORD(get_systemd_unit, unit)
CGROUP_WORD(get_systemd_slice, slice)
CGROUP_WORD(get_slurm_job, slurm_job)
CGROUP_WORD(get_slurm_step, slurm_step)

static bool get_lost_kind(const struct event *event, struct value *value)
{
	return value_text(value, kind_name(((const struct lost_record *)event->record)->kind));
}

static bool get_lost_cause(const struct event *event, struct value *value)
{
	return value_text(value, word_loss(((const struct lost_record *)event->record)->cause));
}

static bool get_error_type(const struct event *event, struct value *value)
{
	int error = event_error(event);

	return error > 0 && value_text(value, word_errno(error));
}

static bool get_error_code(const struct event *event, struct value *value)
{
	int error = event_error(event);

	return error > 0 && value_number(value, error);
}

#define RANKED(width, rank_) width, .rank = rank_
#define AT(type, member) .offset = offsetof(struct type, member), .width = sizeof(((struct type *)0)->member)
#define TEXT(index) .string = 1 + (index)
#define GET(function) .get = function
#define FIELD(name_, type_, unit_, kinds_, where, column_, help_)                                   \
	{ .name = name_, .type = type_, .unit = unit_, .kinds = (kinds_), .shown = (kinds_),                    \
	  .column = column_, .help = help_, where },
#define DEEP(name_, type_, unit_, kinds_, shown_, where, column_, help_)                            \
	{ .name = name_, .type = type_, .unit = unit_, .kinds = (kinds_), .shown = (shown_),                    \
	  .column = column_, .help = help_, where },

const struct field fields[] = {
#include "event/fields.def"
};

const size_t field_count = sizeof(fields) / sizeof(fields[0]);

#define ANY_BUT_INTERNAL (~(KIND_BIT(lost) | KIND_BIT(cgroup)))

const struct field fields_of_ancestors[] = {
	FIELD("ancestor.name", FIELD_WORDS, UNIT_NONE, ANY_BUT_INTERNAL, GET(get_ancestors), 0, "name of an ancestor: true if it is true of any of them")
	FIELD("ancestor.executable.path", FIELD_WORDS, UNIT_NONE, ANY_BUT_INTERNAL, GET(get_ancestor_paths), 0, "program of an ancestor")
	FIELD("ancestor.pid", FIELD_NUMBERS, UNIT_NONE, ANY_BUT_INTERNAL, GET(get_ancestor_pids), 0, "process id of an ancestor")
};

const size_t field_of_ancestors_count = sizeof(fields_of_ancestors) / sizeof(fields_of_ancestors[0]);
