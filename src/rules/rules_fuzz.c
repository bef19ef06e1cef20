/* Files made of what the reader of rules looks for; what it takes is matched with facts of the same sort. Logs and scripts likewise. */
#include <string.h>

#include "rules/rules_private.h"
#include "rules/rules_command.h"
#include "tests/fuzz.h"

static const char *const pieces[] = {
	"rules:\n", "- name: a\n", "  when: {", "  unless: {", "}\n", "  task: {", "  lookup: {", "tool: ", "parent.tool: ", "inside: ",
	"arguments: ", "arguments.1: ", "option -o: ", "command: ", "[a, b]", "'~(a+)b'", "'*a?'", "key: ", "name: ", "group: ", "cpus: ",
	"'{tool|1}'", "'{option -o}[ ({2})]'", "'{job.rule}'", "snakemake: true", "required: true", "file: ", "line: ", "off: true", ", ",
	"&x ", "*x", "---\n", "|\n", "\"", "'", "  ", "{", "}", "[", "]", "~",
};
static const char *const words[] = {
	"a", "b", "make", "snakemake", "sh", "bash", "-c", "-o", "x.o", "gcc", "xargs", "parallel", "/bin/sh", "set -euo pipefail; ", "a.a",
	".command.sh", "slurmstepd", "'", "\"", ";", "&&", "(", ")", "|", ">", "2>", ">>", ">&", "\n", " ", "=", "@", "cd ", "--target-jobs", "align:s=A", "1",
};
static const char *const lines[] = {
	"rule a:\n", "localrule b:\n", "checkpoint c:\n", "    output: ", "    input: ", "    jobid: ", "    wildcards: s=A\n",
	"    threads: 2\n", "    resources: mem_mb=5\n", "Finished job 1.\n", "Finished jobid: 2\n", "Error in rule a:\n", "1", "2", ", ",
	"x.o", "\n",
};

static char buffers[12][2048];

static const char *text(struct fuzz *fuzz, size_t which)
{
	fuzz_text(fuzz, buffers[which], fuzz_below(fuzz, 4) ? 24 : sizeof(buffers[which]), words, FUZZ_COUNT(words));
	return buffers[which];
}

static size_t arguments(struct fuzz *fuzz, char *out, size_t room)
{
	size_t length = fuzz_text(fuzz, out, room, words, FUZZ_COUNT(words));

	for (size_t at = fuzz_below(fuzz, 12); at < length; at += 1 + fuzz_below(fuzz, 24))
		out[at] = '\0';
	return length;
}

static void check_match(struct fuzz *fuzz, struct rules *rules)
{
	struct rule_facts facts = {
		.tool = text(fuzz, 0), .executable = text(fuzz, 1), .directory = text(fuzz, 2), .cgroup = text(fuzz, 3),
		.container_name = text(fuzz, 4), .container_id = fuzz_below(fuzz, 2) ? text(fuzz, 5) : "", .container_image = "",
		.slurm_job = fuzz_below(fuzz, 2) ? text(fuzz, 6) : "", .slurm_step = "1", .parent_tool = text(fuzz, 7),
		.inside = text(fuzz, 8),
	};
	static char own[2048], parents[2048];
	size_t length = arguments(fuzz, own, sizeof(own));
	char *exact = malloc(length ? length : 1);
	struct rule_task task = { 0 };

	memcpy(exact, own, length);
	facts.arguments = exact;
	facts.arguments_length = length;
	facts.parent_arguments = parents;
	facts.parent_arguments_length = arguments(fuzz, parents, sizeof(parents));
	if (rules_match(rules, &facts, &task))
		fuzz_check(task.rule && task.key && *task.key && task.name && task.group, "a task lacks something");
	free(exact);
}

/* A file that is good but for a word or two. */
static size_t sound_file(struct fuzz *fuzz, char *out, size_t room)
{
	static const char *const facts[] = { "tool", "inside", "parent.tool", "arguments", "arguments.1", "option -o", "command", "base tool", "job.rule" };
	static const char *const patterns[] = { "a", "'*'", "'*a?'", "[make, '*b*']", "'~(a+)( |b)'", "'~^(.*) (.*)$'", "'~('", "[]" };
	static const char *const lookups[] = { "", "", "  lookup: {file: '{directory}', line: '~(a)'}\n",
					       "  lookup: {parent.title: '~(a)', required: true}\n", "  lookup: {snakemake: true}\n" };
	static const char *const templates[] = { "'{tool}'", "'{1|tool}'", "'{option -o}[ ({2})]'", "'{command|''x''}'", "'{job.rule}'", "''",
						 "'{base arguments} {{'", "'{3}'" };
	const char *key = facts[fuzz_below(fuzz, FUZZ_COUNT(facts))], *other = facts[fuzz_below(fuzz, FUZZ_COUNT(facts))];

	return snprintf(out, room, "rules:\n- name: a\n  when: {%s: %s, %s: %s}\n%s  task: {name: %s, group: %s, cpus: %s}\n", key,
			patterns[fuzz_below(fuzz, FUZZ_COUNT(patterns))], other, patterns[fuzz_below(fuzz, FUZZ_COUNT(patterns))],
			lookups[fuzz_below(fuzz, FUZZ_COUNT(lookups))], templates[fuzz_below(fuzz, FUZZ_COUNT(templates))],
			templates[fuzz_below(fuzz, FUZZ_COUNT(templates))], templates[fuzz_below(fuzz, FUZZ_COUNT(templates))]);
}

static void check_file(struct fuzz *fuzz)
{
	static char yaml[2048];
	struct rules rules = { 0 };
	struct text error = { 0 };
	size_t length = fuzz_below(fuzz, 2) ? sound_file(fuzz, yaml, sizeof(yaml)) :
					      fuzz_text(fuzz, yaml, sizeof(yaml), pieces, FUZZ_COUNT(pieces));

	if (!rules_load(&rules.list, "fuzz", yaml, length, true, &error)) {
		fuzz_check(!error.length, "a mistake was told in a good file");
		for (int i = 0; i < 4; i++)
			check_match(fuzz, &rules);
	} else {
		fuzz_check(!strncmp(text_string(&error), "fuzz:", 5), "a mistake without its place");
	}
	for (size_t i = 0; i < rules.list.count; i++)
		rule_free(&rules.list.items[i]);
	free(rules.list.items);
	fact_match_free(&rules.match);
	lookup_free(&rules.lookup);
	text_free(&rules.out);
	text_free(&rules.path);
	text_free(&error);
}

static void check_log(struct fuzz *fuzz, struct lookup *lookup)
{
	struct rule_value job[4] = { 0 }, command = { text(fuzz, 0), strlen(buffers[0]) }, name;

	if (!lookup->buffer)
		lookup->buffer = malloc(LOOKUP_LOG_MOST + 1);
	lookup->length = fuzz_text(fuzz, lookup->buffer, 2048, lines, FUZZ_COUNT(lines));
	if (lookup_snakemake_text(lookup, 1, 2, command, job))
		fuzz_check(job[0].length, "a job without a rule");
	name = command_output(command);
	fuzz_check(!name.length || (name.at >= command.at && name.at + name.length <= command.at + command.length),
		   "an output that is not in the script");
	name = command_name(command);
	fuzz_check(!name.length || (name.at >= command.at && name.at + name.length <= command.at + command.length),
		   "a name that is not in the script");
}

int main(int argc, char **argv)
{
	struct fuzz fuzz = fuzz_begin(argc, argv);
	struct text error = { 0 };
	struct rules *builtin = rules_new(NULL, &error);
	struct lookup lookup = { 0 };

	while (fuzz_goes_on(&fuzz)) {
		check_file(&fuzz);
		check_match(&fuzz, builtin);
		check_log(&fuzz, &lookup);
	}
	rules_free(builtin);
	lookup_free(&lookup);
	return 0;
}
