/* sonde record: the machine, or a part of it, for a while. */
#include "base/text.h"
#include "cmd/command.h"
#include "cmd/recording.h"
#include "cmd/stop.h"

struct record_settings {
	struct recording_settings recording;
	struct scope_settings scope;
	uint64_t duration;
	bool json;
};

static void name_scope(const struct scope_settings *scope, struct text *name)
{
	if (scope->pid)
		text_add_format(name, "process %lld and its descendants", (long long)scope->pid);
	else if (scope->container)
		text_add_format(name, "container %s", scope->container);
	else if (scope->cgroup)
		text_add_format(name, "control group %s", scope->cgroup);
	else if (scope->user)
		text_add_format(name, "user %s", scope->user);
	else
		text_add(name, "the whole machine");
}

static int record(const struct command *command, const struct record_settings *settings)
{
	struct child none = { 0 };
	struct text scope = { 0 };
	struct recording *recording = recording_open(&settings->recording, &none, NULL);
	int status = 1;

	if (!recording)
		return 1;
	status = scope_resolve(command, &settings->scope, &none, recording_features(recording), recording_identity(recording),
			       recording_options(recording));
	name_scope(&settings->scope, &scope);
	if (!status) {
		recording_say_json(recording, settings->json);
		status = recording_run(recording, text_string(&scope), settings->scope.pid, settings->duration);
	}
	text_free(&scope);
	recording_close(recording);
	return status;
}

static int run_record(const struct command *command, int argc, char **argv)
{
	struct record_settings settings = { 0 };
	struct option_rest rest;
	int status;

	if (!option_parse(command, argc, argv, &settings, &rest, &status))
		goto out;
	status = recording_check(command, &settings.recording);
	if (!status && settings.recording.filter.explain) {
		status = recording_explain(command, &settings.recording);
		goto out;
	}
	if (!status && rest.count)
		status = option_mistake(command, "it takes no command; `sonde run -- COMMAND` records one");
	if (!status) {
		stop_prepare(0);
		status = record(command, &settings);
	}
out:
	option_free(command, &settings);
	return status;
}

static const struct option options[] = {
	{ .name = "for", .type = OPTION_DURATION, .offset = offsetof(struct record_settings, duration), .min = 1,
	  .max = INT64_MAX, .argument = "DURATION", .help = "end after this long: 10s, 5m, 1h30m" },
	{ .name = "policy", .type = OPTION_STRING, .offset = offsetof(struct record_settings, recording.policies), .argument = "FILE",
	  .help = "keep in the run what these policies match (`sonde report --failures`); nothing is stopped" },
	SCOPE_OPTIONS(struct record_settings),
	RECORDING_OPTIONS(struct record_settings),
	{ .name = "json", .letter = 'j', .type = OPTION_FLAG, .offset = offsetof(struct record_settings, json),
	  .help = "at the end one JSON object on standard output, no summary" },
	{ 0 }
};

static const struct example examples[] = {
	{ "sudo sonde record --for 5m", "the whole machine for five minutes" },
	{ "sudo sonde record --container web --name web", "one container, until Ctrl-C" },
	{ "sudo sonde record --pid 4242 --live", "a process and what it starts, with a line of progress" },
	{ "sudo sonde record --for 1h --policy mine.yaml", "an hour, with what the policies of a file match in it" },
	{ "sudo sonde record --files -f 'path startswith \"/data\"'", "of files only those below /data" },
	{ "sudo sonde report", "what was recorded last" },
	{ 0 }
};

const struct command record_command = {
	.name = "record",
	.summary = "record the machine or a part of it for a while",
	.usage = "[OPTION]...",
	.description = "Records every process of the machine, or of a scope, until interrupted or --for is over: what it was, how long "
		       "it took, what it cost, whom it talked to. What ran before is included from then on, and marked.\n\n"
		       "The run is stored; a summary is printed on standard error.",
	.examples = examples,
	.options = options,
	.run = run_record,
};
