/* sonde rules: are they right, what is built in, and which task would a command be. */
#define _GNU_SOURCE

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/duration.h"
#include "base/escape.h"
#include "base/message.h"
#include "base/nearest.h"
#include "rules/rules.h"
#include "proc/tool.h"
#include "cmd/command.h"
#include "cmd/output.h"
#include "cmd/stop.h"

struct rules_settings {
	const char *rules, *parent, *directory, *inside, *container;
	bool json;
};

/* A command line as the kernel would tell of it. */
struct invocation {
	char executable[PATH_MAX];
	char name[16];
	struct text arguments, tool;
};

static void add_member(struct text *out, const char *name, const char *value, const char *before)
{
	text_add_format(out, "%s\"%s\":", before, name);
	if (value)
		escape_json_quoted(out, value, strlen(value));
	else
		text_add(out, "null");
}

static int check(const struct rules_settings *settings, const char *path)
{
	struct output output = { 0 };
	struct text error = { 0 }, *out = &output.text;
	struct rules *rules = rules_new(path, &error);
	struct rules_entry entry;
	size_t own = 0;

	if (!rules && !settings->json)
		message_error("%s", text_string(&error));
	if (settings->json) {
		add_member(out, "file", path, "{");
		text_add_format(out, ",\"good\":%s", rules ? "true" : "false");
		add_member(out, "error", rules ? NULL : text_string(&error), ",");
		text_add(out, ",\"rules\":[");
	}
	for (size_t i = 0; rules && rules_entry(rules, i, &entry); i++) {
		own += entry.own;
		if (settings->json) {
			add_member(out, "name", entry.name, i ? ",{" : "{");
			text_add_format(out, ",\"builtin\":%s,\"line\":%zu}", entry.own ? "false" : "true", entry.line);
		} else {
			text_add_format(out, "%3zu  %-24s %s", i + 1, entry.name, entry.own ? "" : "built in\n");
			if (entry.own)
				text_add_format(out, "line %zu\n", entry.line);
		}
	}
	if (settings->json)
		text_add(out, "]}\n");
	else if (rules)
		message_note("%s is good: %zu rule%s of its own, asked in the order above", path, own, own == 1 ? "" : "s");
	int status = output_end(&output);

	rules_free(rules);
	status = rules ? status : 1;
	text_free(&error);
	return status;
}

static int show(void)
{
	struct output output = { 0 };

	text_add(&output.text, rules_builtin());
	return output_end(&output);
}

/* As execvp would find it; a name that it would not stays as it is. */
static void find_executable(const char *word, char *out)
{
	char paths[4096], *rest = paths, *path, candidate[PATH_MAX];
	const char *given = getenv("PATH");

	snprintf(out, PATH_MAX, "%s", word);
	if (strchr(word, '/')) {
		if (realpath(word, candidate))
			snprintf(out, PATH_MAX, "%s", candidate);
		return;
	}
	snprintf(paths, sizeof(paths), "%s", given ? given : "/usr/bin:/bin");
	while ((path = strsep(&rest, ":"))) {
		if (snprintf(candidate, sizeof(candidate), "%s/%s", path, word) >= (int)sizeof(candidate) || access(candidate, X_OK))
			continue;
		if (realpath(candidate, out))
			return;
	}
}

static void invoke(struct invocation *invocation, const char *word)
{
	const char *slash;

	if (!invocation->arguments.length) {
		find_executable(word, invocation->executable);
		slash = strrchr(word, '/');
		snprintf(invocation->name, sizeof(invocation->name), "%s", slash ? slash + 1 : word);
	}
	text_add_bytes(&invocation->arguments, word, strlen(word) + 1);
}

static void name_tool(struct invocation *invocation)
{
	tool_name(&(struct tool_facts){ invocation->executable, invocation->name, text_string(&invocation->arguments),
					invocation->arguments.length }, &invocation->tool);
}

static void add_line(struct text *out, bool json, const char *name, const char *value, bool first)
{
	if (json) {
		add_member(out, name, value, first ? "{" : ",");
		return;
	}
	text_add_format(out, "%-10s ", name);
	escape_terminal(out, value ? value : "-", strlen(value ? value : "-"));
	text_add_char(out, '\n');
}

/* 0 is not known. */
static void add_amount(struct text *out, bool json, const char *name, u64 value, bool is_size)
{
	char size[SIZE_TEXT_SIZE];

	if (json && !value)
		text_add_format(out, ",\"%s\":null", name);
	else if (json)
		text_add_format(out, ",\"%s\":%llu", name, (unsigned long long)value);
	else if (is_size && value)
		text_add_format(out, "%-10s %s\n", name, size_format(value, size));
	else if (value)
		text_add_format(out, "%-10s %llu\n", name, (unsigned long long)value);
	else
		text_add_format(out, "%-10s -\n", name);
}

static void add_task(struct text *out, bool json, const char *tool, const struct rule_task *task)
{
	add_line(out, json, "tool", tool, true);
	add_line(out, json, "rule", task ? task->rule : NULL, false);
	if (task) {
		add_line(out, json, "name", task->name, false);
		add_line(out, json, "group", task->group, false);
		add_line(out, json, "key", task->key, false);
		add_line(out, json, "directory", task->directory, false);
		add_amount(out, json, "cpus", task->cpus, false);
		add_amount(out, json, "memory", task->memory, true);
	} else if (!json) {
		text_add(out, "No rule fits: the process is in the task of its parent, if that is in one.\n");
	}
	text_add(out, json ? "}\n" : "");
}

static int try(const struct rules_settings *settings, char *const *words)
{
	struct output output = { 0 };
	struct text error = { 0 };
	struct rules *rules = rules_new(settings->rules, &error);
	static struct invocation own, parent;
	char *given = strdup(settings->parent ? settings->parent : ""), *rest = given, *word, *directory = NULL;
	struct rule_task task;
	bool found;

	if (!rules) {
		message_error("%s", text_string(&error));
		return 1;
	}
	while (*words)
		invoke(&own, *words++);
	name_tool(&own);
	while (rest && (word = strsep(&rest, " ")))
		if (*word)
			invoke(&parent, word);
	if (parent.arguments.length)
		name_tool(&parent);
	directory = settings->directory ? realpath(settings->directory, NULL) : getcwd(NULL, 0);
	found = rules_match(rules, &(struct rule_facts){
		.tool = text_string(&own.tool), .executable = own.executable,
		.directory = directory ? directory : settings->directory ? settings->directory : "",
		.arguments = text_string(&own.arguments), .arguments_length = own.arguments.length, .cgroup = "",
		.container_name = "", .container_id = settings->container ? settings->container : "", .container_image = "",
		.slurm_job = "", .slurm_step = "", .pid = getpid(), .group = getpgrp(), .session = getsid(0), .user = geteuid(),
		.parent_tool = text_string(&parent.tool), .parent_arguments = text_string(&parent.arguments),
		.parent_arguments_length = parent.arguments.length, .inside = settings->inside ? settings->inside : "",
	}, &task);
	add_task(&output.text, settings->json, text_string(&own.tool), found ? &task : NULL);
	int status = output_end(&output);

	rules_free(rules);
	free(directory);
	free(given);
	return status;
}

static const char *const words[] = { "check", "show", "try", NULL };

static int run_rules(const struct command *command, int argc, char **argv)
{
	struct rules_settings settings = { 0 };
	struct option_rest rest;
	const char *word, *nearest;
	int status;

	if (!option_parse(command, argc, argv, &settings, &rest, &status))
		return status;
	stop_prepare(0);
	word = rest.count ? rest.words[0] : NULL;
	if (!word)
		return option_mistake(command, "what about the rules? check FILE, show, or try -- COMMAND");
	if (!strcmp(word, "check") && rest.count == 2 && !rest.after)
		return check(&settings, rest.words[1]);
	if (!strcmp(word, "check"))
		return option_mistake(command, "check takes one file");
	if (!strcmp(word, "show") && rest.count == 1 && !rest.after)
		return show();
	if (!strcmp(word, "show"))
		return option_mistake(command, "show takes nothing; it prints the built-in rules");
	if (!strcmp(word, "try") && rest.count == 1 && rest.after_count)
		return try(&settings, rest.after);
	if (!strcmp(word, "try"))
		return option_mistake(command, "try needs a command after \"--\": sonde rules try -- samtools sort x.bam");
	nearest = nearest_word(word, words);
	return nearest ? option_mistake(command, "there is no \"%s\", did you mean %s?", word, nearest) :
			 option_mistake(command, "there is no \"%s\"; it is check, show or try", word);
}

#define AT(member) offsetof(struct rules_settings, member)

static const struct option options[] = {
	{ .name = "rules", .type = OPTION_STRING, .offset = AT(rules), .argument = "FILE", .help = "try: with the rules of this file" },
	{ .name = "parent", .type = OPTION_STRING, .offset = AT(parent), .argument = "COMMAND",
	  .help = "try: who starts it, as a command line: 'make -j2'" },
	{ .name = "directory", .type = OPTION_STRING, .offset = AT(directory), .argument = "DIR",
	  .help = "try: where it runs; this directory if not given" },
	{ .name = "inside", .type = OPTION_STRING, .offset = AT(inside), .argument = "RULES",
	  .help = "try: rules of the tasks it is in already, innermost first: 'make slurm'" },
	{ .name = "container", .type = OPTION_STRING, .offset = AT(container), .argument = "ID", .help = "try: the container it is in" },
	{ .name = "json", .letter = 'j', .type = OPTION_FLAG, .offset = AT(json), .help = "check, try: one JSON object" },
	{ 0 }
};

static const struct positional positionals[] = {
	{ .name = "check FILE", .help = "say whether a file of rules is good, and in which order rules are asked" },
	{ .name = "show", .help = "print the built-in rules" },
	{ .name = "try -- COMMAND", .help = "say which task a command would be; it is not run", .words = words },
	{ 0 }
};

static const struct example examples[] = {
	{ "sonde rules check lab.yaml", "mistakes with their line and column, or that there are none" },
	{ "sonde rules show > lab.yaml", "the built-in rules, to begin from" },
	{ "sonde rules try --rules lab.yaml --parent 'make -j2' -- cc -o tool main.c", "the task this would be below make" },
	{ 0 }
};

const struct command rules_command = {
	.name = "rules",
	.summary = "check, show or try the rules that find tasks",
	.usage = "check FILE | show | try -- COMMAND [OPTION]...",
	.description = "Rules say which processes are one task: a job of Snakemake, a step of Slurm, a recipe of make. They are a YAML file "
		       "(docs/rules.md), given to sonde run and sonde record with --rules; those built in are asked after it.",
	.examples = examples,
	.options = options,
	.takes_command = true,
	.positionals = positionals,
	.run = run_rules,
};
