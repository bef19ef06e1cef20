/*
 * sonde doctor: what this kernel allows. Every rung of every point is tried by itself, in earnest: loaded, attached,
 * taken off again. What is printed as taken is what `trace` will take.
 */
#include <string.h>
#include <sys/utsname.h>

#include "base/duration.h"
#include "base/escape.h"
#include "base/message.h"
#include "cmd/command.h"
#include "cmd/output.h"
#include "cmd/stop.h"
#include "event/event.h"
#include "kernel/kernel.h"

struct doctor_settings {
	bool json, markdown;
};

struct doctor {
	struct output output;
	struct text refused;		/* lines about the point, until it is known what stands above them */
	const struct point *point;	/* the one of the row before */
	bool taken;			/* it has a rung */
	bool json, first, core_missing;
	size_t points, seen;
};

static const char *cost_name(enum rung_cost cost)
{
	switch (cost) {
	case COST_SYSCALLS:
		return "every system call";
	case COST_PACKETS:
		return "every packet";
	case COST_PASS:
		return "per pass";
	default:
		return "per event";
	}
}

static void add_refused(struct doctor *doctor)
{
	text_add_bytes(&doctor->output.text, doctor->refused.data, doctor->refused.length);
	text_reset(&doctor->refused);
}

static void end_point(struct doctor *doctor)
{
	if (!doctor->point)
		return;
	if (!doctor->taken && doctor->point->core)
		doctor->core_missing = true;
	if (!doctor->taken && !doctor->json) {
		text_add_format(&doctor->output.text, "  %-22s cannot be seen on this kernel\n", doctor->point->name);
		add_refused(doctor);
	}
	doctor->points++;
	doctor->seen += doctor->taken;
}

static void add_kinds(struct text *out, u32 kinds)
{
	const char *comma = "";

	text_add(out, ",\"kinds\":[");
	for (u32 kind = 0; kind < KIND_MAX; kind++) {
		if (!(kinds >> kind & 1) || !kind_name(kind))
			continue;
		text_add_format(out, "%s\"%s\"", comma, kind_name(kind));
		comma = ",";
	}
	text_add_char(out, ']');
}

static void add_json(struct doctor *doctor, const struct point *point, const struct rung *rung, const char *state,
		     const char *why)
{
	struct text *out = &doctor->output.text;

	text_add_format(out, "{\"point\":\"%s\",\"rung\":\"%s\",\"state\":\"%s\",\"cost\":\"%s\"", point->name, rung->name,
			state, cost_name(rung->cost));
	add_kinds(out, point->kinds);
	if (why) {
		text_add(out, ",\"why\":");
		escape_json_quoted(out, why, strlen(why));
	}
	if (rung->blind) {
		text_add(out, ",\"blind\":");
		escape_json_quoted(out, rung->blind, strlen(rung->blind));
	}
	text_add(out, "}\n");
}

static void add_line(struct doctor *doctor, const struct point *point, const struct rung *rung, const char *why)
{
	struct text *out = &doctor->output.text;

	if (why) {
		text_add_format(doctor->taken ? out : &doctor->refused, "  %-22s   %s refused: %s\n", "", rung->name, why);
		return;
	}
	if (doctor->taken) {
		text_add_format(out, "  %-22s   %s works too\n", "", rung->name);
		return;
	}
	text_add_format(out, "  %-22s %-12s costs %s\n", point->name, rung->name, cost_name(rung->cost));
	if (rung->blind)
		text_add_format(out, "  %-22s   does not see: %s\n", "", rung->blind);
	add_refused(doctor);
}

static void tell(void *context, const struct point *point, const struct rung *rung, const char *why)
{
	struct doctor *doctor = context;

	if (point != doctor->point) {
		end_point(doctor);
		doctor->point = point;
		doctor->taken = false;
	}
	if (doctor->json)
		add_json(doctor, point, rung, why ? "refused" : doctor->taken ? "works" : "taken", why);
	else
		add_line(doctor, point, rung, why);
	doctor->taken |= !why;
}

static void add_machine(struct text *out, const struct features *features, bool json)
{
	struct utsname name;
	char size[SIZE_TEXT_SIZE];

	uname(&name);
	if (json) {
		text_add_format(out, "{\"kernel\":\"%s\",\"machine\":\"%s\",\"btf\":%s,\"kprobes\":%s,\"tracefs\":%s,",
				name.release, name.machine, features->btf ? "true" : "false",
				features->kprobes ? "true" : "false", features->tracefs ? "true" : "false");
		text_add_format(out, "\"bpf_lsm\":%s,\"lockdown\":\"%s\",\"memlock\":%lld,\"cgroups\":\"%s\"}\n",
				features->lsm ? "true" : "false", features->lockdown,
				(long long)features->memlock, features->cgroups);
		return;
	}
	text_add_format(out, "kernel %s on %s, %d CPUs\n", name.release, name.machine, features->cpus);
	text_add_format(out, "  types (BTF)            %s\n", features->btf ? "yes" : "no");
	text_add_format(out, "  kprobes                %s\n", features->kprobes ? "yes" : "no");
	text_add_format(out, "  BPF security module    %s\n", features->lsm ? "yes" : "no");
	text_add_format(out, "  static tracepoints     %s\n", features->tracefs ? "yes" : "no (tracefs cannot be opened)");
	text_add_format(out, "  lockdown               %s\n", features->lockdown[0] ? features->lockdown : "not known");
	if (features->memlock == ~0ULL)
		text_add(out, "  locked memory          no limit\n");
	else
		text_add_format(out, "  locked memory          %s (a limit only before kernel 5.11)\n",
				size_format(features->memlock, size));
	text_add_format(out, "  control groups         %s\n", features->cgroups);
}

static void add_rungs_markdown(struct text *out, const struct point *point)
{
	const char *comma = "";

	text_add_format(out, "| %s | ", point->name);
	for (const struct rung *rung = point->rungs; rung->name; rung++) {
		text_add_format(out, "%s`%s`", comma, rung->name);
		if (rung->cost == COST_SYSCALLS || rung->cost == COST_PACKETS)
			text_add_format(out, " (%s)", cost_name(rung->cost));
		comma = ", ";
	}
	text_add(out, " |\n");
}

/* Neighbours that are blind to the same share a line. */
static void add_blind_markdown(struct text *out, const struct point *point)
{
	for (const struct rung *rung = point->rungs; rung->name; rung++) {
		const struct rung *first = rung;

		if (!rung->blind)
			continue;
		text_add_format(out, "| %s | `%s`", point->name, rung->name);
		while (rung[1].name && rung[1].blind && !strcmp(rung[1].blind, first->blind))
			text_add_format(out, ", `%s`", (++rung)->name);
		text_add_format(out, " | %s |\n", first->blind);
	}
}

/* For docs/kernels.md: what there is, tried nowhere. */
static void add_markdown(struct text *out)
{
	text_add(out, "| point | rungs, best first |\n|---|---|\n");
	for (const struct sensor *const *sensor = sensors; *sensor; sensor++)
		for (const struct point *point = (*sensor)->points; point->name; point++)
			add_rungs_markdown(out, point);
	text_add(out, "\n## Blind spots\n\n| point | rung | what it does not see |\n|---|---|---|\n");
	for (const struct sensor *const *sensor = sensors; *sensor; sensor++)
		for (const struct point *point = (*sensor)->points; point->name; point++)
			add_blind_markdown(out, point);
}

static int run_doctor(const struct command *command, int argc, char **argv)
{
	struct doctor_settings settings = { 0 };
	struct doctor doctor = { 0 };
	struct features features;
	struct option_rest rest;
	const char *obstacle;
	int status;

	if (!option_parse(command, argc, argv, &settings, &rest, &status))
		return status;
	if (rest.count)
		return option_mistake(command, "%s is one word too many", rest.words[0]);
	stop_prepare(0);
	if (settings.markdown) {
		add_markdown(&doctor.output.text);
		return output_end(&doctor.output);
	}
	doctor.json = settings.json;
	features_find(&features);
	add_machine(&doctor.output.text, &features, settings.json);
	obstacle = features_obstacle(&features);
	if (obstacle) {
		output_end(&doctor.output);
		message_error("%s", obstacle);
		return 1;
	}
	if (!settings.json)
		text_add(&doctor.output.text, "points, the rung taken, and why better ones were not\n");
	kernel_survey(&features, tell, &doctor);
	end_point(&doctor);
	text_free(&doctor.refused);
	if (!settings.json)
		text_add_format(&doctor.output.text, "%zu of %zu points can be seen%s\n", doctor.seen, doctor.points,
				doctor.core_missing ? "; sonde cannot work without process events" : "");
	status = output_end(&doctor.output);
	return doctor.core_missing ? 1 : status;
}

static const struct option options[] = {
	{ .name = "json", .letter = 'j', .type = OPTION_FLAG, .offset = offsetof(struct doctor_settings, json),
	  .help = "one JSON object a line: the machine, then every rung of every point" },
	{ .name = "markdown", .type = OPTION_FLAG, .offset = offsetof(struct doctor_settings, markdown) },
	{ 0 }
};

static const struct example examples[] = {
	{ "sonde doctor", "what can be seen here, how, and what cannot" },
	{ "sonde doctor --json | jq 'select(.state == \"taken\")'", "just the rungs in use" },
	{ 0 }
};

const struct command doctor_command = {
	.name = "doctor",
	.summary = "say what can be watched on this kernel, and how",
	.usage = "[OPTION]...",
	.description = "Tries every way of seeing every event and says which one sonde takes, why better ones were refused, what "
		       "each costs and what it cannot see.\n\nExits with 1 only if sonde cannot work here at all.",
	.examples = examples,
	.options = options,
	.run = run_doctor,
};
