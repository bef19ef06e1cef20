/* sonde policy: what may happen, and what is told of it. The words after it choose what is done with policies. */
#include <string.h>

#include "base/nearest.h"
#include "cmd/command.h"
#include "cmd/policy.h"
#include "cmd/stop.h"

static const char *const words[] = { "check", "observe", "watch", "report", "enforce", "list", "remove", "load", "test", NULL };

static int one_name(const struct command *command, const struct policy_settings *settings, const struct option_rest *rest,
		    int (*act)(const struct policy_settings *settings, const char *name))
{
	if (rest->count != 2)
		return option_mistake(command, "%s takes the name of one policy", rest->words[0]);
	return act(settings, rest->words[1]);
}

static int some_files(const struct command *command, const struct policy_settings *settings, const struct option_rest *rest,
		      int (*act)(const struct policy_settings *settings, char *const *files))
{
	if (rest->count < 2)
		return option_mistake(command, "%s takes files with policies", rest->words[0]);
	return act(settings, rest->words + 1);
}

/* An option that means nothing there was meant for something else. 0: there is none. */
static int misplaced(const struct command *command, const struct policy_settings *settings, const char *word)
{
	const struct {
		bool given;
		const char *option, *words[3];
	} rows[] = {
		{ settings->kernel, "--kernel", { "check" } },
		{ settings->run, "--run", { "test" } },
		{ settings->store, "--store", { "test" } },
		{ settings->duration, "--for", { "watch" } },
		{ settings->acknowledge, "--acknowledge", { "report", "enforce" } },
		{ settings->observed_for, "--observed-for", { "enforce" } },
		{ settings->force, "--force", { "enforce" } },
		{ settings->allow_late, "--allow-late", { "enforce" } },
		{ settings->filter.expression, "--filter", { "watch" } },
		{ settings->filter.explain, "--explain", { "watch" } },
		{ settings->scope.pid, "--pid", { "watch" } },
		{ settings->scope.cgroup, "--cgroup", { "watch" } },
		{ settings->scope.container, "--container", { "watch" } },
		{ settings->scope.user, "--uid", { "watch" } },
		{ settings->ring_size, "--ring-size", { "watch" } },
		{ settings->strict, "--strict", { "watch" } },
		{ settings->unmasked, "--unmasked", { "watch" } },
		{ settings->mask_file, "--mask-file", { "watch" } },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *const *meant = rows[i].words;

		if (rows[i].given && strcmp(word, meant[0]) && (!meant[1] || strcmp(word, meant[1])))
			return option_mistake(command, "%s is for %s%s%s, not for %s", rows[i].option, meant[0],
					      meant[1] ? " and " : "", meant[1] ? meant[1] : "", word);
	}
	return 0;
}

static bool is_word(const char *word)
{
	for (size_t i = 0; words[i]; i++)
		if (!strcmp(word, words[i]))
			return true;
	return false;
}

static int act(const struct command *command, const struct policy_settings *settings, const struct option_rest *rest)
{
	const char *word = rest->count ? rest->words[0] : NULL, *nearest;

	if (!word)
		return option_mistake(command, "what about policies? check, observe, watch, report, enforce, list, remove, load or test");
	if (rest->after)
		return option_mistake(command, "it takes no command");
	if (is_word(word) && misplaced(command, settings, word))
		return 2;
	if (!strcmp(word, "check"))
		return some_files(command, settings, rest, policy_check);
	if (!strcmp(word, "test"))
		return some_files(command, settings, rest, policy_test);
	if (!strcmp(word, "observe"))
		return some_files(command, settings, rest, policy_observe);
	if (!strcmp(word, "watch"))
		return policy_watch(command, settings, rest->words + 1);
	if (!strcmp(word, "report"))
		return one_name(command, settings, rest, policy_report);
	if (!strcmp(word, "enforce"))
		return one_name(command, settings, rest, policy_enforce);
	if (!strcmp(word, "load"))
		return rest->count == 1 ? policy_restore(settings) : option_mistake(command, "load takes nothing");
	if (!strcmp(word, "remove") && settings->all == (rest->count > 1))
		return option_mistake(command, "remove takes names of policies, or --all");
	if (!strcmp(word, "remove"))
		return policy_remove(settings, rest->words + 1);
	if (!strcmp(word, "list"))
		return rest->count == 1 ? policy_list(settings) : option_mistake(command, "list takes nothing");
	nearest = nearest_word(word, words);
	return nearest ? option_mistake(command, "there is no \"%s\", did you mean %s?", word, nearest) :
			 option_mistake(command, "there is no \"%s\"; it is check, observe, watch, report, enforce, list, remove, load or test", word);
}

static int run_policy(const struct command *command, int argc, char **argv)
{
	struct policy_settings settings = { 0 };
	struct option_rest rest;
	int status;

	if (option_parse(command, argc, argv, &settings, &rest, &status)) {
		stop_prepare(0);
		status = settings.ring_size & (settings.ring_size - 1) ?
				 option_mistake(command, "--ring-size must be a power of two: 64K, 1M, 8M") :
				 act(command, &settings, &rest);
	}
	option_free(command, &settings);
	return status;
}

#define AT(member) offsetof(struct policy_settings, member)

static const struct option options[] = {
	{ .name = "json", .letter = 'j', .type = OPTION_FLAG, .offset = AT(json), .help = "one JSON object a line" },
	{ .name = "kernel", .type = OPTION_STRING, .offset = AT(kernel), .argument = "BTF-FILE",
	  .help = "check: for the kernel with these types, a copy of its /sys/kernel/btf/vmlinux" },
	{ .name = "run", .type = OPTION_STRING, .offset = AT(run), .argument = "RUN",
	  .help = "test: over this run, by number or name (default last)" },
	{ .name = "store", .type = OPTION_STRING, .offset = AT(store), .argument = "FILE", .help = "test: where runs are kept" },
	{ .name = "for", .type = OPTION_DURATION, .offset = AT(duration), .min = 1, .max = INT64_MAX, .argument = "DURATION",
	  .help = "watch: end after this long: 10s, 5m, 1h30m" },
	EVENT_FILTER_OPTIONS(struct policy_settings, filter,
			     "watch: show only matches for which this is true, of their policy. and their process: "
			     "'policy.severity == \"high\" and process.user.id != 0'"),
	{ .name = "acknowledge", .type = OPTION_FLAG, .offset = AT(acknowledge),
	  .help = "report, enforce: what is shown was looked at; later matches count as new" },
	{ .name = "observed-for", .type = OPTION_DURATION, .offset = AT(observed_for), .min = 1, .max = INT64_MAX,
	  .argument = "DURATION", .help = "enforce: so long an observation is enough (default 24h)" },
	{ .name = "force", .type = OPTION_FLAG, .offset = AT(force),
	  .help = "enforce: whatever was observed; the log says who forced it" },
	{ .name = "all", .type = OPTION_FLAG, .offset = AT(all), .help = "remove: all that stands" },
	{ .name = "allow-late", .type = OPTION_FLAG, .offset = AT(allow_late),
	  .help = "enforce: also where it is seen only when it is done" },
	SCOPE_OPTIONS(struct policy_settings),
	{ .name = "ring-size", .type = OPTION_SIZE, .offset = AT(ring_size), .min = 65536, .max = 1 << 30, .argument = "SIZE",
	  .help = "watch: memory of each lane, a power of two (default 2M for life, 4M for bulk)" },
	{ .name = "strict", .type = OPTION_FLAG, .offset = AT(strict), .help = "watch: exit with 1 if any event was lost" },
	{ .name = "unmasked", .type = OPTION_FLAG, .offset = AT(unmasked),
	  .help = "watch: show secrets in command lines instead of ***" },
	{ .name = "mask-file", .type = OPTION_STRING, .offset = AT(mask_file), .argument = "FILE",
	  .help = "watch: more patterns to mask, an extended regular expression a line" },
	{ 0 }
};

static const struct positional positionals[] = {
	{ .name = "check FILE...", .help = "say whether files are right, and what their policies would be on this kernel", .words = words },
	{ .name = "test FILE...", .help = "what policies would have done in a recorded run" },
	{ .name = "observe FILE...", .help = "let policies stand: what they match is counted, also without an agent" },
	{ .name = "watch [FILE...]", .help = "show matches as they happen, of what stands or of files" },
	{ .name = "report NAME", .help = "what a policy matched, by tool, user and object" },
	{ .name = "enforce NAME", .help = "show the report, and let it deny and kill from now on, if it has earned that; with --force also a FILE, "
					  "in the place of what stands by its names" },
	{ .name = "list", .help = "what stands" },
	{ .name = "remove NAME...", .help = "end policies, and forget what they matched; --all: all of them" },
	{ .name = "load", .help = "put what stands into the kernel again, after the machine was started" },
	{ 0 }
};

static const struct example examples[] = {
	{ "sudo sonde policy check mine.yaml", "mistakes with their line and column; how this kernel sees each hook, and what is lost" },
	{ "sudo sonde policy watch mine.yaml", "what it matches, as it happens" },
	{ "sudo sonde policy watch -f 'policy.severity == \"high\"'", "of what stands only what is bad" },
	{ "sonde policy test mine.yaml --run nightly", "what it would have done in the latest run of that name" },
	{ "sudo sonde policy observe mine.yaml", "let it stand: what it matches is counted from now on" },
	{ "sudo sonde policy report no-metadata", "what it matched so far, and what it would have done" },
	{ "sudo sonde policy enforce no-metadata --acknowledge", "stop what it matches, if it was observed for a day" },
	{ 0 }
};

const struct command policy_command = {
	.name = "policy",
	.summary = "say what should not happen, see what would be stopped, and stop it",
	.usage = "check FILE... | test FILE... | observe FILE... | watch [FILE...] | report NAME | enforce NAME | list | remove NAME... | load",
	.description = "A policy is a condition at a point: when a file is opened, when a program starts (docs/policies.md). It is "
		       "written in a short form that fits in memory, or as a TracingPolicy. An observed policy does nothing but tell; an "
		       "enforced one acts in the kernel, and goes on when sonde is gone.",
	.examples = examples,
	.options = options,
	.positionals = positionals,
	.run = run_policy,
};
