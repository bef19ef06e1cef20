/*
 * The registry of families, the order of what they find, and the words they share. Names that others chose go into titles and
 * evidence as they are; whoever shows them escapes them.
 */
#include "findings/finding.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/duration.h"
#include "base/escape.h"
#include "findings/finding_scene.h"

#define COMMAND_SHOWN 200

extern const struct finding_family finding_failure, finding_memory, finding_cpu, finding_disk, finding_network,
	finding_quiet, finding_tiny, finding_given;

static const struct finding_family *const families[] = {
	&finding_failure, &finding_memory, &finding_cpu, &finding_disk, &finding_network, &finding_quiet, &finding_tiny,
	&finding_given,
};

static int by_weight(const void *a, const void *b)
{
	const struct finding *first = a, *second = b;

	if (first->class != second->class)
		return first->class < second->class ? -1 : 1;
	if (first->lost != second->lost)
		return first->lost > second->lost ? -1 : 1;
	return first->from < second->from ? -1 : first->from > second->from;
}

static u64 within(u64 time, const struct run *run)
{
	return time < run->start ? run->start : time > run->end ? run->end : time;
}

void findings_make(struct findings *findings, const struct run *run)
{
	struct scene scene;

	*findings = (struct findings){ 0 };
	if (run->end <= run->start || !run->process_count)
		return;
	scene_make(&scene, run);
	for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
		families[i]->find(&scene, findings);
	scene_free(&scene);
	/* who was there before began before */
	for (u32 i = 0; i < findings->count; i++) {
		findings->items[i].from = within(findings->items[i].from, run);
		findings->items[i].to = within(findings->items[i].to, run);
	}
	if (findings->count)
		qsort(findings->items, findings->count, sizeof(*findings->items), by_weight);
}

void findings_free(struct findings *findings)
{
	for (u32 i = 0; i < findings->count; i++) {
		text_free(&findings->items[i].title);
		text_free(&findings->items[i].evidence);
		text_free(&findings->items[i].advice);
	}
	free(findings->items);
	*findings = (struct findings){ 0 };
}

const char *finding_sureness_name(enum finding_sureness sureness)
{
	static const char *const names[] = {
		[FINDING_POSSIBLE] = "possible", [FINDING_LIKELY] = "likely", [FINDING_CERTAIN] = "certain",
	};

	return names[sureness];
}

struct finding *finding_add(const struct scene *scene, struct findings *findings, const char *kind, enum finding_class class,
			    enum finding_sureness sureness, double lost)
{
	/* what others took is no part of what could be saved */
	double own = scene->wall - scene->contended;
	struct finding *finding;

	if ((class == FINDING_TIME || class == FINDING_AROUND) && (lost < limit.share * own || lost < limit.seconds * SECOND))
		return NULL;
	findings->items = xrealloc(findings->items, findings->count + 1, sizeof(*findings->items));
	finding = &findings->items[findings->count++];
	*finding = (struct finding){
		.kind = kind, .class = class, .sureness = sureness, .tool = RUN_NONE, .task = RUN_NONE, .process = RUN_NONE,
		.from = scene->run->start, .to = scene->run->end, .lost = scene->run->end - scene->run->start,
	};
	/* a long run in ns is no exact double */
	if (lost < scene->wall)
		finding->lost = lost > 0 ? lost : 0;
	return finding;
}

struct blame blame_new(const struct run *run)
{
	return (struct blame){
		.by_tool = xcalloc(run->tool_count + 1, sizeof(double)),
		.process = xcalloc(run->tool_count + 1, sizeof(u32)),
		.most = xcalloc(run->tool_count + 1, sizeof(double)),
	};
}

void blame_add(struct blame *blame, const struct run *run, u32 process, double weight)
{
	u32 tool = run->processes[process].tool;

	if (tool >= run->tool_count || weight <= 0)
		return;
	blame->by_tool[tool] += weight;
	blame->all += weight;
	if (weight > blame->most[tool]) {
		blame->most[tool] = weight;
		blame->process[tool] = process;
	}
}

u32 blame_tool(const struct blame *blame, const struct run *run, double *share)
{
	u32 best = RUN_NONE;

	for (u32 i = 0; i < run->tool_count; i++)
		if (blame->by_tool[i] > 0 && (best == RUN_NONE || blame->by_tool[i] > blame->by_tool[best]))
			best = i;
	*share = best == RUN_NONE ? 0 : blame->by_tool[best] / blame->all;
	return best;
}

void blame_free(struct blame *blame)
{
	free(blame->by_tool);
	free(blame->process);
	free(blame->most);
}

u32 scene_task_of(const struct scene *scene, u32 tool)
{
	u32 task = RUN_NONE;
	bool first = true;

	for (u32 i = 0; i < scene->run->process_count; i++) {
		if (scene->run->processes[i].tool != tool)
			continue;
		if (!first && scene->run->processes[i].task != task)
			return RUN_NONE;
		task = scene->run->processes[i].task;
		first = false;
	}
	return task;
}

void say_tool(struct text *out, const struct run *run, u32 tool)
{
	struct run_bytes name = { "the run", 7 };

	if (tool < run->tool_count)
		name = run_text(run, run->tools[tool].name);
	text_add_bytes(out, name.data, name.length);
}

void say_time(struct text *out, double ns)
{
	char buffer[DURATION_TEXT_SIZE];

	text_add(out, duration_format(ns > 0 ? ns : 0, buffer));
}

void say_bytes(struct text *out, double bytes)
{
	char buffer[SIZE_TEXT_SIZE];

	text_add(out, size_format(bytes > 0 ? bytes : 0, buffer));
}

void say_share(struct text *out, double part, double whole)
{
	text_add_format(out, "%.0f %%", whole > 0 ? 100 * part / whole : 0);
}

/* As a shell takes it, so that it can be run again. */
void say_command(struct text *out, const struct run *run, u32 process)
{
	struct run_bytes arguments = run_arguments(run, process);
	size_t length = arguments.length < COMMAND_SHOWN ? arguments.length : COMMAND_SHOWN;

	if (!length) {
		say_tool(out, run, run->processes[process].tool);
		return;
	}
	/* not in the middle of a character */
	while (length < arguments.length && length && (arguments.data[length] & 0xc0) == 0x80)
		length--;
	for (size_t at = 0; at < length;) {
		size_t word = strnlen(arguments.data + at, length - at);

		if (at)
			text_add_char(out, ' ');
		escape_shell(out, arguments.data + at, word);
		at += word + 1;
	}
	if (length < arguments.length)
		text_add(out, "...");
}
