/*
 * Which task facts make is data (tests/data/rules.txt). Here: names that must be looked up, rules of one's own, and what is said of
 * mistakes in them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "rules/rules_private.h"

static const struct rule_facts nothing = {
	.tool = "", .executable = "", .directory = "", .arguments = "", .cgroup = "", .container_name = "", .container_id = "",
	.container_image = "", .slurm_job = "", .slurm_step = "", .parent_tool = "", .parent_arguments = "", .inside = "",
};

/* In place. */
static size_t decode(char *text, char between)
{
	size_t length = 0;

	for (char *from = text; *from; from++) {
		char byte = *from;

		if (byte == '\\' && (from[1] == 's' || from[1] == 'n'))
			byte = *++from == 's' ? ' ' : '\n';
		else if (byte == ' ')
			byte = between;
		text[length++] = byte;
	}
	text[length] = '\0';
	return length + 1;
}

static char *cut(char **rest, const char *mark)
{
	char *field = *rest, *end = field ? strstr(field, mark) : NULL;

	*rest = end ? end + strlen(mark) : NULL;
	if (end)
		*end = '\0';
	return field;
}

static void set_fact(struct rule_facts *facts, char *name, char *value)
{
	const struct {
		const char *name, **at;
	} texts[] = {
		{ "tool", &facts->tool }, { "directory", &facts->directory }, { "inside", &facts->inside },
		{ "parent.tool", &facts->parent_tool }, { "container.id", &facts->container_id }, { "slurm.job", &facts->slurm_job },
		{ "container.name", &facts->container_name }, { "container.image", &facts->container_image },
		{ "slurm.step", &facts->slurm_step },
	};

	if (!strcmp(name, "arguments")) {
		facts->arguments_length = decode(value, '\0');
		facts->arguments = value;
		return;
	}
	if (!strcmp(name, "parent.arguments")) {
		facts->parent_arguments_length = decode(value, '\0');
		facts->parent_arguments = value;
		return;
	}
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		if (!strcmp(name, texts[i].name)) {
			*texts[i].at = value;
			return;
		}
	fail_msg("no fact %s", name);
}

static bool differs(const char *what, const char *got, const char *want)
{
	if (!want || !strcmp(got, want))
		return false;
	fprintf(stderr, "  %s: %s, expected %s\n", what, got, want);
	return true;
}

static bool is_wrong(struct rules *rules, char *line)
{
	struct rule_facts facts = nothing;
	struct rule_task task = { 0 };
	char *want = line, *given = cut(&want, " => "), *rule, *name, *group;

	assert_non_null(want);
	while (given) {
		char *fact = cut(&given, " | "), *value = strchr(fact, '=');

		assert_non_null(value);
		*value++ = '\0';
		set_fact(&facts, fact, value);
	}
	if (!*facts.tool) {
		const char *slash = strrchr(facts.arguments, '/');

		facts.tool = slash ? slash + 1 : facts.arguments;
	}
	if (!rules_match(rules, &facts, &task))
		return differs("rule", "none", want);
	rule = cut(&want, " | ");
	name = cut(&want, " | ");
	group = cut(&want, " | ");
	return differs("rule", task.rule, rule) || differs("name", task.name, name) || differs("group", task.group, group) ||
	       differs("key", task.key, want);
}

static void test_golden_tasks(void **state)
{
	FILE *file = fopen("tests/data/rules.txt", "r");
	struct text error = { 0 };
	struct rules *rules = rules_new(NULL, &error);
	char line[2048];
	int number = 0, cases = 0, wrong = 0;

	(void)state;
	assert_string_equal(text_string(&error), "");
	assert_non_null(rules);
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		number++;
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#' || !line[0])
			continue;
		cases++;
		if (is_wrong(rules, line)) {
			fprintf(stderr, "line %d\n", number);
			wrong++;
		}
	}
	fclose(file);
	rules_free(rules);
	text_free(&error);
	assert_int_equal(wrong, 0);
	assert_true(cases >= 55);
}

static char *write_file(const char *name, const char *content)
{
	static char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "/tmp/rules_test.%d.%s", getpid(), name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(content, file);
	fclose(file);
	return path;
}

static struct rules *load(const char *yaml, struct text *error)
{
	char *path = write_file("yaml", yaml);
	struct rules *rules = rules_new(path, error);

	unlink(path);
	return rules;
}

static void test_nextflow_name(void **state)
{
	static const char *const heads[] = { "#!/bin/bash\n# NEXTFLOW TASK: ALIGN:bwa (s 1 (a))\nset -e\n",
					     "#!/bin/bash\n### ---\n### name: 'ALIGN:bwa (s 1 (a))'\n### outputs:\n" };
	struct text error = { 0 };
	struct rules *rules = rules_new(NULL, &error);
	char directory[128], path[160];
	struct rule_facts facts = nothing;
	struct rule_task task;

	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/rules_test.%d/ab/%030x", getpid(), 7);
	snprintf(path, sizeof(path), "mkdir -p %s", directory);
	assert_int_equal(system(path), 0);
	snprintf(path, sizeof(path), "%s/.command.run", directory);
	facts.tool = ".command.sh";
	facts.directory = directory;
	facts.user = getuid();
	for (size_t i = 0; i < 2; i++) {
		FILE *file = fopen(path, "w");

		fputs(heads[i], file);
		fclose(file);
		assert_true(rules_match(rules, &facts, &task));
		assert_string_equal(task.name, "ALIGN:bwa (s 1 (a))");
		assert_string_equal(task.group, "ALIGN:bwa");
		assert_string_equal(task.directory, directory);
		assert_string_equal(task.key, directory);
	}
	/* What is no regular file is not opened; one of another user is not read. */
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_true(rules_match(rules, &facts, &task));
	assert_string_equal(task.name, "ab/000000");
	unlink(path);
	if (!getuid()) {
		FILE *file = fopen(path, "w");

		fputs(heads[0], file);
		fclose(file);
		assert_int_equal(chown(path, 12345, 0), 0);
		assert_true(rules_match(rules, &facts, &task));
		assert_string_equal(task.name, "ab/000000");
	}
	snprintf(path, sizeof(path), "rm -r /tmp/rules_test.%d", getpid());
	assert_int_equal(system(path), 0);
	rules_free(rules);
}

static const char snakemake_log[] =
	"Building DAG of jobs...\n"
	"[Sat Nov 21 09:18:56 2026]\nrule align:\n    input: in/A.txt, ref.fa\n    output: out/A.bam\n    jobid: 2\n"
	"    wildcards: sample=A\n    threads: 2\n    resources: tmpdir=/tmp, mem_mb=1500, mem_mib=1431\n\n"
	"[Sat Nov 21 09:18:56 2026]\nrule align:\n    input: in/B.txt, ref.fa\n    output: out/B.bam\n    jobid: 3\n"
	"    wildcards: sample=B\n    threads: 2\n\n"
	"[Sat Nov 21 09:18:57 2026]\nFinished job 2.\n1 of 7 steps (14%) done\n"
	"[Sat Nov 21 09:18:57 2026]\nlocalrule plot:\n    output: plot.svg\n    jobid: 4\n\n"
	"[Sat Nov 21 09:18:57 2026]\ncheckpoint split:\n    input: out/A.bam\n    output: parts\n    jobid: 5\n\n"
	"[Sat Nov 21 09:18:57 2026]\nError in rule split:\n    jobid: 5\n    output: parts\n\n"
	"[Sat Nov 21 09:18:58 2026]\nrule split:\n    input: out/A.bam\n    output: parts\n    jobid: 5\n\n"
	"[Sat Nov 21 09:18:58 2026]\nrule call:\n    output: A.vcf\n    jobid: 6\n    wildcards: sample=A, unit=1\n\n"
	"[Sat Nov 21 09:18:58 2026]\nFinished job 6.\n"
	"[Sat Nov 21 09:18:58 2026]\nrule call:\n    output: A.vcf\n    jobid: 7\n    wildcards: sample=A, unit=2\n\n"
	"[Sat Nov 21 09:18:58 2026]\nFinished job 7.\n";

static const struct rule_task *job_of(struct rules *rules, const char *script)
{
	static struct rule_task task;
	struct rule_facts facts = nothing;
	struct text arguments = { 0 };
	bool found;

	text_add_bytes(&arguments, "/bin/bash\0-c", 13);
	text_add(&arguments, script);
	facts.tool = "bash";
	facts.arguments = arguments.data;
	facts.arguments_length = arguments.length + 1;
	facts.parent_tool = "snakemake";
	facts.parent_pid = getpid();
	facts.user = getuid();
	facts.pid = 5;
	found = rules_match(rules, &facts, &task);
	text_free(&arguments);
	return found ? &task : NULL;
}

static void test_snakemake_log(void **state)
{
	static const struct {
		const char *script, *name;
		u64 cpus;
	} jobs[] = {
		{ "set -euo pipefail;  split out/A.bam parts", "split", 1 },
		/* Nothing of it is named, and one is left. */
		{ "set -euo pipefail;  Rscript /w/.snakemake/scripts/tmp0123abcd.plot.R", "plot", 1 },
		{ "cd /x && python3 -m snakemake --target-jobs 'call:sample=A,unit=2' --cores 2", "call (sample=A, unit=2)", 1 },
		/* All but some that have finished: the latest of them. */
		{ "set -euo pipefail;  Rscript /w/.snakemake/scripts/tmp0123abcd.table.R", "call (sample=A, unit=1)", 1 },
		{ "set -euo pipefail;  samtools index out/A.bam", "align (sample=A)", 2 },
		{ "set -euo pipefail;  Rscript /w/.snakemake/scripts/tmp0123abcd.plot.R", "split", 1 },
		/* None is left: the script names it, or the command. */
		{ "set -euo pipefail;  Rscript /w/.snakemake/scripts/tmp0123abcd.plot.R", "plot.R", 0 },
		{ "set -euo pipefail;  Rscript other.R", "Rscript", 0 },
	};
	char *path = write_file("2026-11-21T091856.574233.snakemake.log", snakemake_log);
	struct text error = { 0 };
	struct rules *rules = rules_new(NULL, &error);
	int file = open(path, O_RDONLY);
	const struct rule_task *task;

	(void)state;
	task = job_of(rules, "set -euo pipefail;  bwa mem ref.fa in/B.txt > out/B.bam");
	assert_non_null(task);
	assert_string_equal(task->name, "align (sample=B)");
	assert_string_equal(task->group, "align");
	assert_int_equal(task->cpus, 2);
	assert_string_equal(task->key, "5.0");
	for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++) {
		task = job_of(rules, jobs[i].script);
		assert_non_null(task);
		assert_string_equal(task->name, jobs[i].name);
		assert_int_equal(task->cpus, jobs[i].cpus);
	}
	assert_null(job_of(rules, "git describe"));
	close(file);
	/* Its writer is done with it, and the last exec is looked at only now. */
	file = open(path, O_WRONLY | O_APPEND);
	assert_true(write(file, "rule last:\n    output: end\n    jobid: 9\n\n", 41) > 0);
	close(file);
	task = job_of(rules, "set -euo pipefail;  touch end");
	assert_string_equal(task->name, "last");
	unlink(path);
	rules_free(rules);
}

static void test_own_rules(void **state)
{
	struct text error = { 0 };
	struct rules *rules = load("rules:\n"
				   "- name: tower\n"
				   "  about: ours\n"
				   "  when: {tool: [tower, spire], option --stage: '~^([a-z]+)-([0-9]+)$'}\n"
				   "  unless: {inside: slurm, user: 7}\n"
				   "  task: {key: '{2}', name: '{1} {{{2}}}[ at {cgroup}][ by {parent.pid}]', group: \"{container.id|'?'}\",\n"
				   "         directory: '{base directory}', cpus: '{option --cpus}', memory: '{option --memory}'}\n"
				   "- name: title\n"
				   "  when: {tool: title}\n"
				   "  lookup: {parent.title: '~(rules_test)', required: true}\n"
				   "  task: {name: '{1}'}\n"
				   "- {name: make, off: true}\n", &error);
	static const char arguments[] = "spire\0--stage=mix-12\0--cpus\0003\0--memory\0001.5 GB";
	struct rule_facts facts = nothing;
	struct rules_entry entry;
	struct rule_task task;

	(void)state;
	assert_string_equal(text_string(&error), "");
	facts.tool = "spire";
	facts.directory = "/srv/west";
	facts.arguments = arguments;
	facts.arguments_length = sizeof(arguments);
	facts.parent_pid = 9;
	assert_true(rules_match(rules, &facts, &task));
	assert_string_equal(task.rule, "tower");
	assert_string_equal(task.key, "12");
	assert_string_equal(task.name, "mix {12} by 9");
	assert_string_equal(task.group, "?");
	assert_string_equal(task.directory, "west");
	assert_int_equal(task.cpus, 3);
	assert_int_equal(task.memory, 3ULL << 29);
	facts.user = 7;
	assert_false(rules_match(rules, &facts, &task));
	facts.user = 0;
	facts.inside = "make slurm";
	assert_false(rules_match(rules, &facts, &task));
	facts.inside = "make slurmy";
	assert_true(rules_match(rules, &facts, &task));
	/* a key that says nothing is no match */
	facts.arguments_length = 0;
	assert_false(rules_match(rules, &facts, &task));
	facts.parent_tool = "make";
	assert_false(rules_match(rules, &facts, &task));
	facts.tool = "title";
	assert_false(rules_match(rules, &facts, &task));
	facts.parent_pid = getpid();
	assert_true(rules_match(rules, &facts, &task));
	assert_string_equal(task.name, "rules_test");
	assert_true(rules_entry(rules, 0, &entry));
	assert_string_equal(entry.name, "tower");
	assert_true(entry.own);
	assert_true(rules_entry(rules, 2, &entry));
	assert_false(entry.own);
	for (size_t i = 0; rules_entry(rules, i, &entry); i++)
		assert_string_not_equal(entry.name, "make");
	rules_free(rules);
}

static void test_mistakes_are_told(void **state)
{
	static const struct {
		const char *yaml, *said;
	} mistakes[] = {
		{ "", ":1:1: it is empty" },
		{ "[]", ":1:1: the file must be a mapping, not a list" },
		{ "rule: []", ":1:1: there is no \"rule\" in the file, did you mean rules?" },
		{ "rules: x", ":1:8: rules must be a list, not a text" },
		{ "rules:\n- x", ":2:3: a rule must be a mapping" },
		{ "rules:\n- {when: {tool: a}}", ":2:3: a rule needs a name" },
		{ "rules:\n- {name: a b}", ":2:10: a rule's name is" },
		{ "rules:\n- name: a", ":2:9: rule a has no \"when\"" },
		{ "rules:\n- name: a\n  wehn: {tool: x}", ":3:3: there is no \"wehn\" in a rule, did you mean when?" },
		{ "rules:\n- name: a\n  zzz: 1", "in a rule; it has name, about, off" },
		{ "rules:\n- name: a\n  when: {tol: x}", ":3:10: there is no fact \"tol\", did you mean tool?" },
		{ "rules:\n- name: a\n  when: {qqqq: x}", "; facts are tool" },
		{ "rules:\n- name: a\n  when: x", ":3:9: when must be a mapping" },
		{ "rules:\n- name: a\n  when: {}", ":3:9: when has no conditions" },
		{ "rules:\n- name: a\n  when: {tool: }", "an empty pattern fits nothing" },
		{ "rules:\n- name: a\n  when: {tool: []}", "an empty list fits nothing" },
		{ "rules:\n- name: a\n  when: {tool: {a: b}}", "tool takes a pattern or a list" },
		{ "rules:\n- name: a\n  when: {tool: '~('}", ":3:16: \"(\" is no regular expression: Unmatched" },
		{ "rules:\n- name: a\n  when: {tool: '~'}", "no expression after ~" },
		{ "rules:\n- name: a\n  when: {tool: '~(a)\\1'}", "back references" },
		{ "rules:\n- name: a\n  when: {tool: '~(((((((((())))))))))'}", "has 10 groups" },
		{ "rules:\n- name: a\n  when: {tool: '~((a{99}){99}){1,99}'}", "come to more than 4096 when multiplied" },
		{ "rules:\n- name: a\n  when: {option: x}", "no fact \"option\"" },
		{ "rules:\n- name: a\n  when: {option a b: x}", "comes the option itself" },
		{ "rules:\n- name: a\n  when: {arguments.x: x}", "\"x\" is no number from 0" },
		{ "rules:\n- name: a\n  when: {1: x}", "there is no fact \"1\"" },
		{ "rules:\n- name: a\n  when: {job.rule: x}", "known only after the conditions" },
		{ "rules:\n- name: a\n  when: {tool: x, tool: y}", ":3:19: tool stands here twice" },
		{ "rules:\n- name: a\n  when: {tool: x}\n  unless: {tool: '~(y)'}", "cannot have groups" },
		{ "rules:\n- name: a\n  when: {tool: x}\n  task: {nme: y}", ":4:10: there is no \"nme\" in a task, did you mean name?" },
		{ "rules:\n- name: a\n  when: {tool: x}\n  task: {name: '{1}'}", ":4:16: there is no {1}: the expressions of this rule have 0 groups" },
		{ "rules:\n- name: a\n  when: {tool: x}\n  task: {name: '{0}'}", "is no number from 1" },
		{ "rules:\n- name: a\n  when: {tool: x}\n  task: {name: '{tool'}", "a lone \"{\"" },
		{ "rules:\n- name: a\n  when: {tool: x}\n  task: {cpus: four}", ":4:16: cpus is a number from 1, not \"four\"" },
		{ "rules:\n- name: a\n  when: {tool: x}\n  task: {cpus: 0}", "cpus is a number from 1" },
		{ "rules:\n- name: a\n  when: {tool: x}\n  task: {cpus: 4 GB}", "cpus is a number from 1" },
		{ "rules:\n- name: a\n  when: {tool: x}\n  task: {cpus: ''}", "cpus is a number from 1" },
		{ "rules:\n- name: a\n  when: {tool: x}\n  task: {cpus: nan}", "cpus is a number from 1" },
		{ "rules:\n- name: a\n  when: {tool: x}\n  task: {cpus: 0x4}", "cpus is a number from 1" },
		{ "rules:\n- name: a\n  when: {tool: x}\n  task: {memory: 1 parsec}", ":4:18: memory is a number of bytes, as 512M or \"1.5 GB\", not \"1 parsec\"" },
		{ "rules:\n- name: a\n  when: {tool: x}\n  task: {memory: 0 GB}", "memory is a number of bytes" },
		{ "rules:\n- name: a\n  when: {tool: x}\n  task: {memory: 1GBit}", "memory is a number of bytes" },
		{ "rules:\n- name: a\n  when: {tool: x}\n  task: {memory: -1}", "memory is a number of bytes" },
		{ "rules:\n- name: a\n  when: {tool: x}\n  task: {name: 'a]'}", "a lone \"]\"" },
		{ "rules:\n- name: a\n  when: {tool: x}\n  task: {name: '[a'}", "a lone \"[\"" },
		{ "rules:\n- name: a\n  when: {tool: x}\n  task: {name: \"{'}\"}", "a word stands between two quotes" },
		{ "rules:\n- name: a\n  when: {tool: x}\n  task: {name: '{job.rule}'}", "job facts need \"lookup" },
		{ "rules:\n- name: a\n  when: {tool: x}\n  lookup: {file: x}", "a lookup is one of" },
		{ "rules:\n- name: a\n  when: {tool: x}\n  lookup: {snakemake: maybe}", "snakemake is true or false, not \"maybe\"" },
		{ "rules:\n- name: a\n  when: {tool: x}\n  lookup: {fil: x}", "did you mean file?" },
		{ "rules:\n- {name: amke, off: true}", ":2:1: there is no built-in rule amke to switch off, did you mean make?" },
		{ "rules:\n- {name: make, off: true, when: {tool: x}}", "a rule that is off has nothing but its name" },
		{ "rules:\n\t- x", "found character that cannot start any token; indent with spaces" },
		{ "rules: [", "this is not YAML: " },
		{ "rules:\n- name: a\n  when: {tool: *b}", ":3:16: this is not YAML: found undefined alias; a pattern that begins with *" },
		{ "rules: \"\xff\"", "this is no text in UTF-8" },
		{ "rules: []\n---\nrules: []\n", ":3:1: a second document" },
		{ "rules:\n- {name: \"a\\0b\", off: true}", "must not hold a NUL" },
		{ "rules:\n- &x {name: a, when: {*x : y}}", "a key must be a text, not a mapping" },
	};
	struct text error = { 0 };
	int wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(mistakes) / sizeof(*mistakes); i++) {
		struct rules *rules = load(mistakes[i].yaml, &error);

		if (rules || !strstr(text_string(&error), mistakes[i].said)) {
			fprintf(stderr, "%s\n  said: %s\n  expected: %s\n", mistakes[i].yaml, text_string(&error), mistakes[i].said);
			wrong++;
		}
		rules_free(rules);
		text_reset(&error);
	}
	assert_null(rules_new("/nonexistent/rules.yaml", &error));
	assert_non_null(strstr(text_string(&error), "/nonexistent/rules.yaml: No such file"));
	text_reset(&error);
	assert_null(rules_new("/tmp", &error));
	assert_non_null(strstr(text_string(&error), "/tmp: Is a directory"));
	text_free(&error);
	assert_int_equal(wrong, 0);
}

static void test_good_rules_load(void **state)
{
	struct text error = { 0 };
	struct rules *rules = load(rules_builtin(), &error);
	struct rules_entry entry;

	(void)state;
	assert_string_equal(text_string(&error), "");
	for (size_t i = 0; rules_entry(rules, i, &entry); i++)
		assert_true(entry.own);
	rules_free(rules);
	rules = load("rules:\n- name: a\n  when: {tool: x}\n  task: {cpus: '4', memory: 0.5 GiB}", &error);
	assert_string_equal(text_string(&error), "");
	rules_free(rules);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden_tasks), cmocka_unit_test(test_nextflow_name), cmocka_unit_test(test_snakemake_log),
		cmocka_unit_test(test_own_rules), cmocka_unit_test(test_mistakes_are_told),
		cmocka_unit_test(test_good_rules_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
