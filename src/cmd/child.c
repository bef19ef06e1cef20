#define _GNU_SOURCE
#include "cmd/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/message.h"
#include "cmd/stop.h"

/*
 * As execvp would search for it, but by looking instead of trying: the tries would be reported as execs that failed. What is
 * found but cannot be run is the answer if nothing else is found, as a shell says it. NULL: not found.
 */
static const char *find_program(const char *name)
{
	static char path[4096], refused[4096];
	const char *at = getenv("PATH");

	if (strchr(name, '/'))
		return name;
	refused[0] = '\0';
	for (at = at ? at : "/usr/bin:/bin"; *at && *name; at += strcspn(at, ":"), at += *at == ':') {
		int length = strcspn(at, ":");
		struct stat status;

		snprintf(path, sizeof(path), "%.*s%s%s", length, at, length ? "/" : "", name);
		if (stat(path, &status) || !S_ISREG(status.st_mode))
			continue;
		if (!access(path, X_OK))
			return path;
		if (!refused[0])
			memcpy(refused, path, sizeof(path));
	}
	return refused[0] ? refused : NULL;
}

/* A script without a first line that names its interpreter is the shell's, as everywhere. */
static void execute_as_script(const char *path, char *const *argv)
{
	size_t count = 0;
	char **script;

	while (argv[count])
		count++;
	script = xcalloc(count + 2, sizeof(*script));
	script[0] = "sh";
	script[1] = (char *)path;
	for (size_t i = 1; i < count; i++)
		script[i + 1] = argv[i];
	execv("/bin/sh", script);
}

static const char *reason(const char *path, int error)
{
	struct stat status;

	if (!path)
		return "no such program in PATH";
	return error == EACCES && !stat(path, &status) && S_ISDIR(status.st_mode) ? strerror(EISDIR) : strerror(error);
}

static _Noreturn void run(char *const *argv, int told)
{
	const char *path = find_program(argv[0]);
	int error = ENOENT;

	if (path) {
		execv(path, argv);
		error = errno;
		if (error == ENOEXEC)
			execute_as_script(path, argv);
	}
	if (write(told, &error, sizeof(error)) < 0)
		message_warn("cannot tell sonde: %s", strerror(errno));
	message_error("cannot run %s: %s", argv[0][0] ? argv[0] : "''", reason(path, error));
	_exit(error == ENOENT ? 127 : 126);
}

static _Noreturn void begin(char *const *argv, bool quiet, const struct invoker *as, int hold, int told)
{
	char byte;
	int error;

	/* Held until all is attached; if sonde gives up, the pipe just closes. */
	if (read(hold, &byte, 1) != 1)
		_exit(125);
	if (quiet)
		dup2(STDERR_FILENO, STDOUT_FILENO);
	stop_restore_file_limit();
	error = as ? invoker_become(as) : 0;
	if (error) {
		message_error("cannot become user %u: %s", as->user, strerror(-error));
		_exit(126);
	}
	run(argv, told);
}

int child_start(struct child *child, char *const *argv, bool quiet, const struct invoker *as)
{
	int hold[2], told[2] = { -1, -1 };

	*child = (struct child){ .hold = -1, .told = -1 };
	if (!pipe2(hold, O_CLOEXEC) && !pipe2(told, O_CLOEXEC))
		child->pid = fork();
	else
		child->pid = -1;
	if (child->pid < 0) {
		int error = errno;

		message_error("cannot start %s: %s", argv[0], strerror(error));
		child->pid = 0;
		return -error;
	}
	if (!child->pid) {
		close(hold[1]);
		close(told[0]);
		begin(argv, quiet, as, hold[0], told[1]);
	}
	close(hold[0]);
	close(told[1]);
	child->hold = hold[1];
	child->told = told[0];
	return 0;
}

void child_release(struct child *child)
{
	if (!child->pid)
		return;
	/* One that was interrupted before it began is gone; that is found out soon. */
	if (write(child->hold, "", 1) != 1 && errno != EPIPE)
		message_error("cannot start the command: %s", strerror(errno));
	close(child->hold);
	child->hold = -1;
}

void child_abandon(struct child *child)
{
	if (!child->pid || child->hold < 0)
		return;
	close(child->hold);
	close(child->told);
	child->hold = -1;
	waitpid(child->pid, NULL, 0);
}

static void stop_too(void)
{
	struct sigaction fatal = { .sa_handler = SIG_DFL }, before;

	/* The kernel does not let this stop a process that no shell could start again. */
	sigaction(SIGTSTP, &fatal, &before);
	raise(SIGTSTP);
	sigaction(SIGTSTP, &before, NULL);
}

/*
 * The shell that started sonde knows only sonde: it must see it stop to give the person a prompt. After `fg` the terminal is handed on, if
 * the command had it.
 */
static void follow_stop(const struct child *child, int number)
{
	int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC);
	pid_t own = getpgrp(), group = getpgid(child->pid);
	pid_t front = terminal < 0 ? -1 : tcgetpgrp(terminal);

	if (group > 0 && (front == group || (number != SIGSTOP && terminal >= 0))) {
		stop_too();
		if (front == group && group != own && tcgetpgrp(terminal) == own)
			tcsetpgrp(terminal, group);
		if (group != own)
			kill(-group, SIGCONT);
	}
	if (terminal >= 0)
		close(terminal);
}

static bool reap(struct child *child, int flags)
{
	siginfo_t info = { 0 };
	int status;

	if (!child->pid || child->ended)
		return child->ended;
	/* A signal that is passed on must not go to whoever has its pid next: first a look, then the reaping. */
	while (waitid(P_PID, child->pid, &info, WEXITED | WNOWAIT | flags) && errno == EINTR)
		;
	if (info.si_pid && info.si_code == CLD_STOPPED) {
		waitid(P_PID, child->pid, &info, WSTOPPED | WNOHANG);
		follow_stop(child, info.si_status);
		return false;
	}
	if (!info.si_pid)
		return false;
	stop_prepare(0);
	if (waitpid(child->pid, &status, 0) == child->pid)
		child->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	child->ended = true;
	if (read(child->told, &child->error, sizeof(child->error)) != sizeof(child->error))
		child->error = 0;
	close(child->told);
	return true;
}

bool child_ended(struct child *child)
{
	return reap(child, WNOHANG | WSTOPPED);
}

void child_wait(struct child *child)
{
	while (child->pid && !reap(child, WSTOPPED))
		;
}
