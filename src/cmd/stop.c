#define _GNU_SOURCE
#include "cmd/stop.h"

#include <signal.h>
#include <string.h>

static volatile sig_atomic_t asked, signalled;
static volatile pid_t passed_to;
static struct sigaction file_limit_before;

static void on_stop(int signal)
{
	(void)signal;
	asked = signalled = 1;
}

/* What the terminal sends it sends to all in front, so the child has it already; what a person sends to sonde is meant for the child. */
static void pass_on(int signal, siginfo_t *info, void *context)
{
	(void)context;
	if (passed_to && (info->si_code <= 0 || (signal != SIGINT && signal != SIGQUIT)))
		kill(passed_to, signal);
}

static void on_child(int signal)
{
	(void)signal;
	signalled = 1;
}

/* nohup is the one that makes hangups ignored, and means it. */
static void handle(const int *signals, const struct sigaction *action)
{
	struct sigaction before;

	for (; *signals; signals++)
		if (*signals != SIGHUP || sigaction(SIGHUP, NULL, &before) || before.sa_handler != SIG_IGN)
			sigaction(*signals, action, NULL);
}

void stop_prepare(pid_t child)
{
	static const int stops[] = { SIGINT, SIGTERM, SIGHUP, 0 };
	static const int passed[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, 0 };
	static const int waited[] = { SIGCHLD, 0 };
	static const int ignored[] = { SIGTSTP, SIGTTIN, SIGTTOU, 0 };

	passed_to = child;
	if (child) {
		handle(passed, &(struct sigaction){ .sa_sigaction = pass_on, .sa_flags = SA_SIGINFO });
		handle(waited, &(struct sigaction){ .sa_handler = on_child });
		handle(ignored, &(struct sigaction){ .sa_handler = SIG_IGN });
	} else {
		handle(stops, &(struct sigaction){ .sa_handler = on_stop, .sa_flags = SA_RESETHAND });
	}
	signal(SIGPIPE, SIG_IGN);
}

bool stop_asked(void)
{
	return asked && !passed_to;
}

void stop_expect(void)
{
	signalled = 0;
}

bool stop_signalled(void)
{
	return signalled;
}

void stop_outlive_file_limit(void)
{
	sigaction(SIGXFSZ, &(struct sigaction){ .sa_handler = SIG_IGN }, &file_limit_before);
}

void stop_restore_file_limit(void)
{
	sigaction(SIGXFSZ, &file_limit_before, NULL);
}
