/*
 * large WAY MEGABYTES COUNT: processes with much memory that end, each in the given way, one after the other. A line of JSON
 * each: what its parent knows of it once it is gone.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS 3

/* Shared with the processes: how far each had come just before its end. */
static struct note {
	pid_t pid;
	long long cpu_ns, time_ns;
	volatile int ready;
} *note;

static size_t megabytes;
static const char *way;

static bool is(const char *name)
{
	return !strcmp(way, name);
}

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "large: %s: %s\n", what, strerror(errno));
	exit(1);
}

static long long clock_ns(clockid_t id)
{
	struct timespec time;

	clock_gettime(id, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void grow(void)
{
	size_t size = megabytes << 20;
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		fail("mmap");
	madvise(memory, size, MADV_NOHUGEPAGE);
	for (size_t i = 0; i < size; i += 4096)
		memory[i] = 1;
}

static void put_down(void)
{
	note->pid = syscall(SYS_getpid);
	note->cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	note->time_ns = clock_ns(CLOCK_BOOTTIME);
	note->ready = 1;
}

static void *stay(void *unused)
{
	for (;;)
		pause();
	return unused;
}

static bool is_leader_dead(void)
{
	char path[64], text[256] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", getpid());
	file = fopen(path, "r");
	if (!file || !fgets(text, sizeof(text), file))
		fail(path);
	fclose(file);
	return strstr(text, ") Z ");
}

static void *stay_longer(void *unused)
{
	while (!is_leader_dead())
		sched_yield();
	put_down();
	syscall(SYS_exit, 0);	/* this thread alone; the process ends with it, by what its leader said */
	return unused;
}

static void start_threads(int count, void *(*run)(void *))
{
	pthread_t thread;

	for (int i = 0; i < count; i++)
		if (pthread_create(&thread, NULL, run, NULL))
			fail("pthread_create");
}

static _Noreturn void live(int code)
{
	prctl(PR_SET_NAME, "large-one");
	if (is("traced") || is("traced-threads")) {
		ptrace(PTRACE_TRACEME, 0, 0, 0);
		raise(SIGSTOP);
	}
	grow();
	if (is("threads") || is("traced-threads"))
		start_threads(THREADS, stay);
	if (is("leader")) {
		start_threads(1, stay_longer);
		syscall(SYS_exit, code);
	}
	if (is("vfork") && !vfork())
		_exit(0);
	put_down();
	if (is("killed"))
		stay(NULL);
	_exit(code);
}

static pid_t begin(int code)
{
	unsigned long flags = is("usr1") ? SIGUSR1 : is("silent") ? 0 : is("namespace") ? CLONE_NEWPID | SIGCHLD : SIGCHLD;
	pid_t pid = syscall(SYS_clone, flags, 0, 0, 0, 0);

	if (pid < 0)
		fail("clone");
	if (pid)
		return pid;
	if (is("namespace")) {	/* its first process has a child that ends with it */
		pid = fork();
		if (!pid) {
			grow();
			put_down();
			stay(NULL);
		}
		grow();
		stay(NULL);
	}
	if (is("orphan")) {	/* the parent dies while the child does */
		pid = fork();
		if (!pid)
			live(code);
		while (!note->ready)
			sched_yield();
		usleep(code * 1000);
		_exit(0);
	}
	live(code);
}

/* Until it is gone; with what wait4 says of it. */
static bool reap(pid_t pid, int *status, struct rusage *usage)
{
	pid_t got;

	for (;;) {
		got = wait4(is("traced-threads") ? -1 : pid, status, __WALL, usage);
		if (got < 0)
			return false;
		if (WIFSTOPPED(*status)) {
			int number = WSTOPSIG(*status);

			if (is("traced-threads"))
				ptrace(PTRACE_SETOPTIONS, got, 0, PTRACE_O_TRACECLONE);
			ptrace(PTRACE_CONT, got, 0, number == SIGSTOP || number == SIGTRAP ? 0 : number);
		} else if (got == pid) {
			return true;
		}
	}
}

/* The handler is changed while the child's memory is given back. */
static void turn(int delay)
{
	while (!note->ready)
		sched_yield();
	usleep(delay * 1000);
	signal(SIGCHLD, SIG_IGN);
}

static void show(pid_t pid, int code)
{
	struct rusage usage = { 0 };
	int status = 0;
	bool known;

	if (is("killed") || is("namespace")) {
		while (!note->ready)
			sched_yield();
		kill(pid, SIGKILL);
	}
	if (is("turned"))
		turn(code);
	known = reap(pid, &status, &usage);
	if (is("turned"))
		signal(SIGCHLD, SIG_DFL);
	if (is("orphan")) {
		pid = note->pid;
		known = reap(pid, &status, &usage);
	}
	printf("{\"pid\": %d, \"known\": %d, \"code\": %d, \"signal\": %d, \"cpu\": %lld, \"ended\": %lld, \"cpu_before\": %lld, "
	       "\"before\": %lld}\n", pid, known, WIFSIGNALED(status) ? 0 : WEXITSTATUS(status),
	       WIFSIGNALED(status) ? WTERMSIG(status) : 0,
	       ((usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000LL + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000,
	       clock_ns(CLOCK_BOOTTIME), note->cpu_ns, note->time_ns);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	int count = argc == 4 ? atoi(argv[3]) : 0;

	if (count < 1)
		return 2;
	way = argv[1];
	megabytes = atoi(argv[2]);
	note = mmap(NULL, sizeof(*note), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (note == MAP_FAILED)
		fail("mmap");
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	signal(SIGUSR1, SIG_IGN);
	if (is("ignored"))
		signal(SIGCHLD, SIG_IGN);
	if (is("no-wait"))
		sigaction(SIGCHLD, &(struct sigaction){ .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT }, NULL);
	for (int i = 0; i < count; i++) {
		memset(note, 0, sizeof(*note));
		show(begin(i), i);
	}
	return 0;
}
