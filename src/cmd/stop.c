#include "cmd/stop.h"

#include <signal.h>
#include <string.h>

static volatile sig_atomic_t asked;
static pid_t passed_to;

static void on_signal(int signal)
{
	asked = 1;
	if (passed_to && signal != SIGINT)
		kill(passed_to, signal);
}

void stop_prepare(pid_t child)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESETHAND };

	passed_to = child;
	if (child) {
		/* The child decides what an interrupt means; sonde ends when it ends. */
		action.sa_flags = 0;
		signal(SIGINT, SIG_IGN);
		signal(SIGQUIT, SIG_IGN);
	} else {
		sigaction(SIGINT, &action, NULL);
	}
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

bool stop_asked(void)
{
	return asked && !passed_to;
}
