/* What a process belongs to: its tool, its task, its container. Decided at each exec, handed down at each fork. */
#include <stdlib.h>
#include <string.h>

#include "proc/tool.h"
#include "top/live_own.h"

static void set_text(struct live *live, struct shared_bytes **slot, const char *bytes, size_t length)
{
	struct shared_bytes *text = bytes ? shared_intern(&live->texts, bytes, length) : NULL;

	shared_drop(&live->texts, *slot);
	*slot = text;
}

static struct task *task_hold(struct task *task)
{
	if (task)
		task->references++;
	return task;
}

static void task_drop(struct live *live, struct task *task)
{
	while (task && !--task->references) {
		struct task *outer = task->outer;

		shared_drop(&live->texts, task->key);
		shared_drop(&live->texts, task->name);
		shared_drop(&live->texts, task->rule);
		free(task);
		task = outer;
	}
}

static bool task_is_inside(const struct task *task, const char *key, size_t length)
{
	for (; task; task = task->outer)
		if (task->key->length == length && !memcmp(task->key->data, key, length))
			return true;
	return false;
}

static struct task *task_new(struct live *live, struct task *outer, const struct rule_task *found)
{
	struct task *task = calloc(1, sizeof(*task));

	if (!task)
		return NULL;
	task->references = 1;
	task->key = shared_intern(&live->texts, text_string(&live->key), live->key.length);
	task->name = shared_intern(&live->texts, found->name, strlen(found->name));
	task->rule = shared_intern(&live->texts, found->rule, strlen(found->rule));
	if (!task->key || !task->name || !task->rule) {
		task_drop(live, task);
		return NULL;
	}
	task->outer = task_hold(outer);
	return task;
}

static const char *rules_inside(struct live *live, const struct task *task)
{
	text_reset(&live->inside);
	for (; task; task = task->outer)
		text_add_format(&live->inside, "%s%s", live->inside.length ? " " : "", task->rule->data);
	return text_string(&live->inside);
}

static void set_task(struct live *live, struct living *living, const struct rule_facts *facts)
{
	struct rule_task found;
	struct task *task;

	if (!rules_match(live->rules, facts, &found))
		return;
	text_reset(&live->key);
	text_add_bytes(&live->key, found.rule, strlen(found.rule) + 1);
	text_add(&live->key, found.key);
	if (task_is_inside(living->task, text_string(&live->key), live->key.length))
		return;
	task = task_new(live, living->task, &found);
	if (!task)
		return;
	task_drop(live, living->task);
	living->task = task;
}

static const struct container_names *set_container(struct live *live, struct living *living, struct cgroup *cgroup)
{
	const struct container_names *names = NULL;
	const char *name = NULL;

	if (cgroup && cgroup_state(live->identity->cgroups, cgroup, live->identity->now) == CONTAINER_INSIDE) {
		names = cgroup_names(live->identity->cgroups, cgroup, live->identity->now);
		name = names && names->name[0] ? names->name : cgroup->identity.id;
	}
	set_text(live, &living->container, name, name ? strlen(name) : 0);
	return name ? names : NULL;
}

static void set_tool(struct live *live, struct living *living, const struct process *process)
{
	const struct tool_facts facts = tool_facts_of(process);

	text_reset(&live->name);
	tool_name(&facts, &live->name);
	set_text(live, &living->tool, text_string(&live->name), live->name.length);
}

void live_place(struct live *live, struct living *living, struct process *process)
{
	struct process *parent = process_parent(live->identity->processes, process);
	struct living *above = live_find(live, process->parent_pid, process->parent_start);
	struct cgroup *cgroup = process->credentials.cgroup ?
					cgroup_find(live->identity->cgroups, process->credentials.cgroup) : NULL;
	const struct container_names *names = set_container(live, living, cgroup);

	set_tool(live, living, process);
	living->user = process->credentials.user;
	set_task(live, living, &(struct rule_facts){
		.tool = shared_string(living->tool),
		.executable = shared_string(process->executable),
		.directory = shared_string(process->working_directory),
		.arguments = shared_string(process->arguments),
		.arguments_length = process->arguments ? process->arguments->length : 0,
		.cgroup = cgroup ? cgroup->path : "",
		.container_name = names ? names->name : "",
		.container_id = living->container ? cgroup->identity.id : "",
		.container_image = names ? names->image : "",
		.slurm_job = cgroup ? cgroup->identity.slurm_job : "",
		.slurm_step = cgroup ? cgroup->identity.slurm_step : "",
		.pid = process->pid,
		.start = process->start,
		.parent_pid = process->parent_pid,
		.group = process->credentials.group_leader,
		.session = process->credentials.session_leader,
		.user = process->credentials.user,
		.parent_tool = above ? shared_string(above->tool) : "",
		.parent_arguments = parent ? shared_string(parent->arguments) : "",
		.parent_arguments_length = parent && parent->arguments ? parent->arguments->length : 0,
		.inside = rules_inside(live, living->task),
	});
}

void live_inherit(struct living *living, const struct living *parent)
{
	living->tool = shared_hold(parent->tool);
	living->container = shared_hold(parent->container);
	living->task = task_hold(parent->task);
	living->user = parent->user;
}

void live_unplace(struct live *live, struct living *living)
{
	shared_drop(&live->texts, living->tool);
	shared_drop(&live->texts, living->container);
	task_drop(live, living->task);
	living->tool = living->container = NULL;
	living->task = NULL;
}
