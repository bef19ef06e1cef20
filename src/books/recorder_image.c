/* Who a process is: the tool, task and container it belongs to, decided at each exec and handed down at each fork. */
#include <stdlib.h>
#include <string.h>

#include "books/host.h"
#include "books/recorder_own.h"
#include "proc/tool.h"

/* Tools whose names are kept for rules that look at a parent's. */
#define TOOL_NAMES_MOST 16384
#define WAITING_MOST 256
/* CPU that an image must have used for its process to be called by it: no shell, wrapper or interpreter needs that much to begin. */
#define IMAGE_WORK_NS 100000000ULL

static u32 shared_text(struct recorder *recorder, const struct shared_bytes *bytes)
{
	return bytes && bytes->length ? recorder_text(recorder, bytes->data, bytes->length) : RUN_NONE;
}

static void keep_tool_name(struct recorder *recorder, u32 number)
{
	size_t capacity = recorder->tool_names_kept;

	if (number >= TOOL_NAMES_MOST)
		return;
	if (number >= capacity) {
		char **grown;

		capacity = capacity ? capacity * 2 : 64;
		grown = realloc(recorder->tool_names, capacity * sizeof(*grown));
		if (!grown)
			return;
		memset(grown + recorder->tool_names_kept, 0, (capacity - recorder->tool_names_kept) * sizeof(*grown));
		recorder->tool_names = grown;
		recorder->tool_names_kept = capacity;
	}
	recorder->tool_names[number] = strdup(text_string(&recorder->name));
}

static const char *tool_name_of(const struct recorder *recorder, u32 number)
{
	return number < recorder->tool_names_kept && recorder->tool_names[number] ? recorder->tool_names[number] : "";
}

static void set_tool(struct recorder *recorder, struct entry *entry, const struct tool_facts *facts)
{
	bool fresh;
	u32 number;

	text_reset(&recorder->name);
	tool_name(facts, &recorder->name);
	number = intern_number(&recorder->tools, text_string(&recorder->name), recorder->name.length, &fresh);
	if (number == INTERN_NONE)
		return;
	if (fresh) {
		store_tool(recorder->writer, number, &(struct run_tool){
			.name = recorder_text(recorder, text_string(&recorder->name), recorder->name.length),
			.executable = entry->row.executable,
		});
		keep_tool_name(recorder, number);
		recorder->hurries |= rules_await(recorder->rules, text_string(&recorder->name));
	}
	entry->row.tool = number;
}

static void add_key(struct text *key, const char *part)
{
	text_add(key, part ? part : "");
	text_add_char(key, '\0');
}

static const struct recorder_task *known_task(const struct recorder *recorder, u32 number)
{
	return number < recorder->known_tasks_capacity ? &recorder->known_tasks[number] : NULL;
}

static u32 rule_number(struct recorder *recorder, const char *name)
{
	u32 number = 0;

	while (number < RULES_MOST - 1 && recorder->rule_names[number] && strcmp(recorder->rule_names[number], name))
		number++;
	if (!recorder->rule_names[number])
		recorder->rule_names[number] = strdup(name);
	return number;
}

static bool remember_task(struct recorder *recorder, u32 number, u32 parent, const char *rule)
{
	size_t capacity = recorder->known_tasks_capacity;

	if (number >= capacity) {
		struct recorder_task *grown;

		capacity = capacity ? capacity * 2 : 64;
		grown = realloc(recorder->known_tasks, capacity * sizeof(*grown));
		if (!grown)
			return false;
		recorder->known_tasks = grown;
		recorder->known_tasks_capacity = capacity;
	}
	recorder->known_tasks[number] = (struct recorder_task){ .parent = parent, .rule = rule_number(recorder, rule) };
	return true;
}

/* The rules of the tasks it is in, innermost first. */
static const char *rules_inside(struct recorder *recorder, u32 number)
{
	const struct recorder_task *task;

	text_reset(&recorder->inside);
	for (; (task = known_task(recorder, number)); number = task->parent)
		if (recorder->rule_names[task->rule])
			text_add_format(&recorder->inside, "%s%s", recorder->inside.length ? " " : "",
					recorder->rule_names[task->rule]);
	return text_string(&recorder->inside);
}

static bool is_inside(const struct recorder *recorder, u32 number, u32 wanted)
{
	const struct recorder_task *task;

	for (; (task = known_task(recorder, number)); number = task->parent)
		if (number == wanted)
			return true;
	return false;
}

/* A batch job or a container is given a part of the machine, which shows in its control group and its affinity. */
static void find_given(const struct rule_facts *facts, struct rule_task *found)
{
	u64 cpus, memory;

	if (!facts->slurm_job[0] && !facts->container_id[0])
		return;
	host_given("", facts->pid, &cpus, &memory);
	if (!found->cpus)
		found->cpus = cpus;
	if (!found->memory)
		found->memory = memory;
}

static void begin_task(struct recorder *recorder, struct entry *entry, u32 number, const struct rule_task *found)
{
	if (!remember_task(recorder, number, entry->row.task, found->rule))
		return;
	store_task(recorder->writer, number, &(struct run_task){
		.name = recorder_text_of(recorder, found->name),
		.group = recorder_text_of(recorder, found->group),
		.rule = recorder_text_of(recorder, found->rule),
		.parent = entry->row.task,
		.process = entry->index,
		.directory = recorder_text_of(recorder, found->directory),
		.cpus = found->cpus,
		.memory = found->memory,
	});
	entry->row.task = number;
}

/* A task it is in already, however far out, changes nothing: else a recipe of make would be lost to the container around it. */
static void set_task(struct recorder *recorder, struct entry *entry, const struct rule_facts *facts)
{
	struct rule_task found;
	bool fresh;
	u32 number;

	if (!rules_match(recorder->rules, facts, &found))
		return;
	text_reset(&recorder->key);
	add_key(&recorder->key, found.rule);
	add_key(&recorder->key, found.key);
	number = intern_number(&recorder->tasks, text_string(&recorder->key), recorder->key.length, &fresh);
	if (number == INTERN_NONE)
		return;
	if (fresh)
		find_given(facts, &found);
	if (fresh)
		begin_task(recorder, entry, number, &found);
	else if (!is_inside(recorder, entry->row.task, number))
		entry->row.task = number;
}

static void tell_container(struct recorder *recorder, u32 number, const struct cgroup *cgroup,
			   const struct container_names *names)
{
	store_container(recorder->writer, number, &(struct run_container){
		.id = recorder_text_of(recorder, cgroup->identity.id),
		.name = recorder_text_of(recorder, names ? names->name : NULL),
		.image = recorder_text_of(recorder, names ? names->image : NULL),
		.runtime = recorder_text_of(recorder, container_runtime_name(cgroup->identity.runtime)),
	});
}

static void wait_for(struct recorder *recorder, u64 cgroup, u32 number)
{
	if (!recorder->waiting)
		recorder->waiting = calloc(WAITING_MOST, sizeof(*recorder->waiting));
	if (recorder->waiting && recorder->waiting_count < WAITING_MOST)
		recorder->waiting[recorder->waiting_count++] = (struct recorder_container){ cgroup, number };
}

static bool is_inside_container(const struct recorder *recorder, struct cgroup *cgroup, u64 now)
{
	return cgroup && cgroup_state(recorder->identity->cgroups, cgroup, now) == CONTAINER_INSIDE;
}

/* The number of a container; RUN_NONE without memory. */
static u32 number_container(struct recorder *recorder, struct cgroup *cgroup, u64 now)
{
	const struct container_names *names = cgroup_names(recorder->identity->cgroups, cgroup, now);
	bool fresh;
	u32 number = intern_number(&recorder->containers, cgroup->identity.id, strlen(cgroup->identity.id), &fresh);

	if (number == INTERN_NONE)
		return RUN_NONE;
	if (fresh) {
		tell_container(recorder, number, cgroup, names);
		if (!names)
			wait_for(recorder, cgroup->key, number);
	}
	return number;
}

static void set_container(struct recorder *recorder, struct entry *entry, struct cgroup *cgroup)
{
	u64 now = recorder->identity->now;

	entry->cgroup = cgroup ? cgroup->key : 0;
	entry->row.container = is_inside_container(recorder, cgroup, now) ? number_container(recorder, cgroup, now) : RUN_NONE;
}

void recorder_group(struct recorder *recorder, struct cgroup *cgroup)
{
	if (is_inside_container(recorder, cgroup, recorder->identity->now) || cgroup->identity.slurm_job[0])
		recorder->hurries = true;
	else if (cgroup_next_look(cgroup))
		wait_for(recorder, cgroup->key, RUN_NONE);
}

void recorder_images_free(struct recorder *recorder)
{
	for (size_t i = 0; i < recorder->tool_names_kept; i++)
		free(recorder->tool_names[i]);
	free(recorder->tool_names);
	for (size_t i = 0; i < RULES_MOST; i++)
		free(recorder->rule_names[i]);
	free(recorder->known_tasks);
	free(recorder->waiting);
}

static void find_task(struct recorder *recorder, struct entry *entry, const struct event *event, struct cgroup *cgroup)
{
	const struct process *process = event->process;
	struct process *parent = process_parent(event->identity->processes, event->process);
	struct entry *parent_entry = recorder_find(recorder, process->parent_pid, process->parent_start);
	const struct container_names *names = NULL;
	struct rule_facts facts = {
		.tool = tool_name_of(recorder, entry->row.tool),
		.executable = shared_string(process->executable),
		.directory = shared_string(process->working_directory),
		.arguments = shared_string(process->arguments),
		.arguments_length = process->arguments ? process->arguments->length : 0,
		.cgroup = cgroup ? cgroup->path : "",
		.container_name = "", .container_id = "", .container_image = "",
		.slurm_job = cgroup ? cgroup->identity.slurm_job : "",
		.slurm_step = cgroup ? cgroup->identity.slurm_step : "",
		.pid = process->pid,
		.start = process->start,
		.parent_pid = process->parent_pid,
		.inside = rules_inside(recorder, entry->row.task),
		.group = process->credentials.group_leader,
		.session = process->credentials.session_leader,
		.user = process->credentials.user,
		.parent_tool = parent_entry ? tool_name_of(recorder, parent_entry->row.tool) : "",
		.parent_arguments = parent ? shared_string(parent->arguments) : "",
		.parent_arguments_length = parent && parent->arguments ? parent->arguments->length : 0,
	};

	/* a parent that became another program since did not start this one as that */
	if (parent_entry && parent_entry->row.exec > entry->start) {
		facts.parent_tool = tool_name_of(recorder, entry->born_tool);
		facts.parent_arguments = "";
		facts.parent_arguments_length = 0;
	}

	if (is_inside_container(recorder, cgroup, event->identity->now)) {
		facts.container_id = cgroup->identity.id;
		names = cgroup_names(event->identity->cgroups, cgroup, event->identity->now);
	}
	if (names) {
		facts.container_name = names->name;
		facts.container_image = names->image;
	}
	set_task(recorder, entry, &facts);
}

/* Tasks are found anew only for those in none, as if the container had been known when their programs began. */
static void give_container(struct recorder *recorder, struct entries *list, struct cgroup *cgroup, u32 number)
{
	for (struct entry *entry = list->head; entry; entry = entry->next) {
		struct process *process = process_find(recorder->identity->processes, entry->row.pid, entry->start);
		struct record record = { .pid = entry->row.pid, .start = entry->start, .cgroup = cgroup->key };
		struct event event = { .record = &record, .process = process, .identity = recorder->identity };

		if (entry->cgroup != cgroup->key || entry->row.container != RUN_NONE)
			continue;
		entry->row.container = number;
		if (entry->row.task == RUN_NONE && process)
			find_task(recorder, entry, &event, cgroup);
		entry->changed = true;
		if (entry->dead)
			recorder_tell(recorder, entry);
	}
}

static void found_container(struct recorder *recorder, struct cgroup *cgroup, u64 now)
{
	u32 number = number_container(recorder, cgroup, now);

	recorder->hurries = true;
	/* who lives first: only of them is known what the container was given */
	give_container(recorder, &recorder->living, cgroup, number);
	give_container(recorder, &recorder->lingering, cgroup, number);
	give_container(recorder, &recorder->resting, cgroup, number);
}

/* Is there more to be known of it? Then its next look is at `next`. */
static bool still_waits(struct recorder *recorder, const struct recorder_container *waiting, u64 now, u64 *next)
{
	struct cgroup *cgroup = cgroup_find(recorder->identity->cgroups, waiting->cgroup);
	const struct container_names *names;
	u64 look;

	if (!cgroup)
		return false;
	if (waiting->number != RUN_NONE) {
		names = cgroup_names(recorder->identity->cgroups, cgroup, now);
		if (names)
			tell_container(recorder, waiting->number, cgroup, names);
		return !names;
	}
	if (is_inside_container(recorder, cgroup, now)) {
		found_container(recorder, cgroup, now);
		return false;
	}
	look = cgroup_next_look(cgroup);
	if (look && look < *next)
		*next = look;
	return look;
}

u64 recorder_look(struct recorder *recorder, u64 now)
{
	u64 next = UINT64_MAX;
	size_t kept = 0;

	for (size_t i = 0; i < recorder->waiting_count; i++) {
		struct recorder_container waiting = recorder->waiting[i];

		if (still_waits(recorder, &waiting, now, &next))
			recorder->waiting[kept++] = waiting;
	}
	recorder->waiting_count = kept;
	return next;
}

void recorder_image(struct recorder *recorder, struct entry *entry, const struct event *event)
{
	const struct process *process = event->process;
	struct cgroup *cgroup = identity_cgroup(event);
	struct tool_facts facts;

	if (!process)
		return;
	entry->row.executable = shared_text(recorder, process->executable);
	entry->row.directory = shared_text(recorder, process->working_directory);
	entry->row.name = process->name[0] ? recorder_text_of(recorder, process->name) : RUN_NONE;
	set_container(recorder, entry, cgroup);
	facts = tool_facts_of(process);
	set_tool(recorder, entry, &facts);
	process_table_drop(event->identity->processes, entry->arguments);
	entry->arguments = process->arguments ? shared_hold(process->arguments) : NULL;
	entry->arguments_cut = process->flags & PROCESS_ARGUMENTS_CUT;
	find_task(recorder, entry, event, cgroup);
}

/*
 * bash -c 'WORK; sleep 1' becomes sleep in the end. What a process cost is one row, so it goes to the image that used most of the CPU: an
 * earlier one if it did any work, else the last.
 */
void recorder_image_ends(struct recorder *recorder, struct entry *entry, u64 runtime)
{
	u64 cpu = runtime > entry->image_cpu ? runtime - entry->image_cpu : 0;

	entry->image_cpu = runtime;
	if (entry->row.tool == RUN_NONE || cpu < IMAGE_WORK_NS || (entry->busiest && entry->busiest->cpu >= cpu))
		return;
	if (!entry->busiest)
		entry->busiest = calloc(1, sizeof(*entry->busiest));
	if (!entry->busiest)
		return;
	process_table_drop(recorder->identity->processes, entry->busiest->arguments);
	*entry->busiest = (struct recorder_image){
		.tool = entry->row.tool, .executable = entry->row.executable, .directory = entry->row.directory,
		.name = entry->row.name, .cpu = cpu, .arguments = entry->arguments, .arguments_cut = entry->arguments_cut,
	};
	entry->arguments = NULL;
	entry->told_busiest = false;
}

const struct recorder_image *recorder_image_before(const struct entry *entry)
{
	u64 cpu = entry->row.costs.cpu + (entry->earlier ? entry->earlier->cpu : 0);

	return entry->busiest && entry->busiest->cpu + entry->image_cpu > cpu ? entry->busiest : NULL;
}

void recorder_image_drop(struct recorder *recorder, struct entry *entry)
{
	process_table_drop(recorder->identity->processes, entry->arguments);
	entry->arguments = NULL;
	if (entry->busiest)
		process_table_drop(recorder->identity->processes, entry->busiest->arguments);
	if (entry->busiest)
		entry->busiest->arguments = NULL;
}

void recorder_inherit(struct entry *entry, const struct entry *parent)
{
	entry->born_tool = entry->row.tool = parent->row.tool;
	entry->row.task = parent->row.task;
	entry->row.container = parent->row.container;
	entry->cgroup = parent->cgroup;
	entry->row.executable = parent->row.executable;
	entry->row.directory = parent->row.directory;
	entry->row.name = parent->row.name;
	entry->row.user = parent->row.user;
	entry->row.group = parent->row.group;
}

void recorder_fill_unknown(struct recorder *recorder, struct entry *entry, const char *name)
{
	char comm[17];

	memcpy(comm, name, strnlen(name, 16));
	comm[strnlen(name, 16)] = '\0';
	entry->row.name = comm[0] ? recorder_text_of(recorder, comm) : RUN_NONE;
	set_tool(recorder, entry, &(struct tool_facts){ .executable = "", .name = comm, .arguments = "" });
}
