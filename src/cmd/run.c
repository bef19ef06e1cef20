/* sonde run: one command and all it starts, recorded. */
#include "base/message.h"
#include "cmd/command.h"
#include "cmd/recording.h"
#include "cmd/stop.h"
#include "wire/settings.h"

struct run_settings {
	struct recording_settings recording;
	bool as_root, json;
};

static int record_child(const struct run_settings *settings, struct child *child, char *const *command)
{
	struct recording *recording = recording_open(&settings->recording, child, command);
	int status = 1;

	if (recording) {
		recording_options(recording)->scope = SCOPE_TREE;
		recording_say_json(recording, settings->json);
		status = recording_run(recording, NULL, 0, 0);
	}
	child_abandon(child);
	recording_close(recording);
	return status;
}

static int run_run(const struct command *command, int argc, char **argv)
{
	struct run_settings settings = { 0 };
	struct invoker invoker;
	struct option_rest rest;
	struct child child;
	bool invoked;
	int status;

	if (!option_parse(command, argc, argv, &settings, &rest, &status))
		goto out;
	status = recording_check(command, &settings.recording);
	if (!status && settings.recording.filter.explain) {
		status = recording_explain(command, &settings.recording);
		goto out;
	}
	if (!status && rest.count)
		status = option_mistake(command, "put -- before the command: sonde run -- %s", rest.words[0]);
	if (!status && !rest.after_count)
		status = option_mistake(command, "say which command, after --");
	if (status)
		goto out;
	invoked = invoker_find(&invoker);
	if (child_start(&child, rest.after, false, invoked && !settings.as_root ? &invoker : NULL)) {
		status = 1;
	} else {
		stop_prepare(child.pid);
		status = record_child(&settings, &child, rest.after);
	}
	invoker_free(&invoker);
out:
	option_free(command, &settings);
	return status;
}

static const struct option options[] = {
	RECORDING_OPTIONS(struct run_settings),
	{ .name = "as-root", .type = OPTION_FLAG, .offset = offsetof(struct run_settings, as_root),
	  .help = "under sudo run the command as root, not as the user who typed sudo" },
	{ .name = "json", .letter = 'j', .type = OPTION_FLAG, .offset = offsetof(struct run_settings, json),
	  .help = "at the end one JSON object on standard error (standard output is the command's), no summary" },
	{ 0 }
};

static const struct example examples[] = {
	{ "sudo sonde run -- make -j8", "record a build; at the end see what it cost" },
	{ "sudo sonde run --name nightly -- snakemake -c4", "under a name, to compare with last night's" },
	{ "sudo sonde run -- bash", "record what you do in a shell" },
	{ "sudo sonde run --live -- make -s -j8", "with a line of progress, for what says little itself" },
	{ "sudo sonde run --interval 100ms --files -- ./pipeline.sh", "look closer, and at files too" },
	{ "sudo sonde run --files -f 'path not like [\"/usr/**\", \"/proc/**\"]' -- make", "of files not those of the system" },
	{ "sudo sonde report", "what the last run did" },
	{ 0 }
};

const struct command run_command = {
	.name = "run",
	.summary = "record a command and all it starts",
	.usage = "[OPTION]... -- COMMAND...",
	.description = "Runs the command with terminal, input, output, signals, job control and exit status untouched, and records every "
		       "process it starts: what it was, how long it took, what it cost, whom it talked to. Nothing is changed in it, "
		       "and its system calls become no slower.\n\n"
		       "The run is stored; a summary is printed on standard error. Under sudo the command runs as the user who "
		       "typed sudo. The recording ends when the command does; what it leaves running is marked as such. The exit status "
		       "is the command's, 128 and the signal if it was killed, 127 if there is no such program, 126 if it cannot be run.",
	.examples = examples,
	.options = options,
	.takes_command = true,
	.run = run_run,
};
