/*
 * The table of commands and what concerns none of them: help, version, and the generators that
 * packaging runs (--man, --completion), hidden because nobody types them.
 */
#include <malloc.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/manual.h"
#include "base/message.h"
#include "base/nearest.h"
#include "base/text.h"
#include "cmd/command.h"
#include "cmd/stop.h"

#ifndef SONDE_VERSION
#define SONDE_VERSION "unreleased"
#endif

static const struct command *const commands[] = {
	&run_command,
	&record_command,
	&trace_command,
	&hist_command,
	&top_command,
	&flows_command,
	&report_command,
	&compare_command,
	&export_command,
	&runs_command,
	&rm_command,
	&policy_command,
	&rules_command,
	&doctor_command,
	&fields_command,
	NULL,
};

static const struct command *main_find(const char *name)
{
	for (size_t i = 0; commands[i]; i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

static int main_unknown(const char *what, const char *name)
{
	static const char *const others[] = {"help", "--help", "--version", NULL};
	const char *nearest = nearest_word(name, others);
	unsigned int least = nearest ? nearest_distance(name, nearest) : NEAREST_TOO_FAR;

	for (size_t i = 0; commands[i]; i++) {
		unsigned int distance = nearest_distance(name, commands[i]->name);

		if (distance < least) {
			least = distance;
			nearest = commands[i]->name;
		}
	}
	if (nearest)
		message_error("no %s %s, did you mean %s? (see `sonde --help`)", what, name,
			      nearest);
	else
		message_error("no %s %s (see `sonde --help`)", what, name);
	return OPTION_EXIT_USAGE;
}

static int main_print(struct text *text)
{
	fwrite(text_string(text), 1, text->length, stdout);
	text_free(text);
	return 0;
}

static int main_help(const char *name)
{
	const struct command *command = name ? main_find(name) : NULL;
	struct text text = {0};

	if (name && !command)
		return main_unknown("command", name);
	if (command)
		manual_help(&text, command);
	else
		manual_overview(&text, commands);
	return main_print(&text);
}

static int main_completion(const char *shell)
{
	struct text text = {0};

	if (shell && !strcmp(shell, "bash")) {
		manual_bash(&text, commands);
	} else if (shell && !strcmp(shell, "zsh")) {
		manual_zsh(&text, commands);
	} else {
		message_error("--completion needs a shell: bash or zsh");
		return OPTION_EXIT_USAGE;
	}
	return main_print(&text);
}

static int main_option(const char *option, const char *argument)
{
	struct text text = {0};

	if (!strcmp(option, "--help") || !strcmp(option, "-h"))
		return main_help(argument);
	if (!strcmp(option, "--version") || !strcmp(option, "-V")) {
		text_add(&text, "sonde " SONDE_VERSION "\n");
		return main_print(&text);
	}
	if (!strcmp(option, "--man")) {
		manual_roff(&text, commands, SONDE_VERSION);
		return main_print(&text);
	}
	if (!strcmp(option, "--completion"))
		return main_completion(argument);
	return main_unknown("option", option);
}

static int main_run(int argc, char **argv)
{
	const struct command *command;

	if (argc < 2) {
		message_error("which command? (see `sonde --help`)");
		return OPTION_EXIT_USAGE;
	}
	if (argv[1][0] == '-')
		return main_option(argv[1], argv[2]);
	if (!strcmp(argv[1], "help"))
		return main_help(argv[2]);
	command = main_find(argv[1]);
	if (!command)
		return main_unknown("command", argv[1]);
	return command->run(command, argc - 1, argv + 1);
}

/*
 * A standard stream that came closed would be the next file that is opened: messages would go into a map or a store.
 * The places are taken first, by something that cannot be written to; what goes to standard output then fails, as it should. A
 * command that is started finds them closed as they were.
 */
static void main_keep_streams(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	while (fd >= 0 && fd <= STDERR_FILENO)
		fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (fd > STDERR_FILENO)
		close(fd);
}

int main(int argc, char **argv)
{
	main_keep_streams();
	stop_outlive_file_limit();
	/*
	 * Loading takes a few large buffers for a moment. Freed memory goes back to the system at once only while this
	 * threshold is fixed; left alone it grows with the first of them.
	 */
	mallopt(M_MMAP_THRESHOLD, 128 * 1024);
	int status = main_run(argc, argv);

	/* A full disk or a closed pipe shows only now; output that got lost is a failure. */
	errno = 0;
	if ((fflush(stdout) || ferror(stdout)) && !status) {
		message_error("standard output: %s", errno ? strerror(errno) : "write failed");
		status = 1;
	}
	return status;
}
