/*
 * A tree of processes that knows what it did: the truth that a recorded run is held against. Every member does one sort of work and
 * says on its own what it was; its parent waits for it, reads the kernel's ledgers while it is dead but not yet reaped
 * (/proc/PID/io) and as it reaps it (wait4), and writes one JSON line a process.
 *
 * workload DIRECTORY: one line a process on stdout, the first about the program itself.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MEGABYTE (1 << 20)

/* What a member saw of its own life: it began before the first and ended after the last. */
struct life {
	unsigned long long first, last;
};

static const char *directory;
static char *self;
static struct life *own;

static unsigned long long boot_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static void fail(const char *what)
{
	perror(what);
	_exit(99);
}

/* --- what members do; each returns its exit status --- */

static void *burn(void *argument)
{
	long milliseconds = (long)argument;
	struct timespec now;

	do {
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	} while (now.tv_sec * 1000 + now.tv_nsec / 1000000 < milliseconds);
	return NULL;
}

static int burn_threads(long threads)
{
	pthread_t others[4];

	for (long i = 1; i < threads; i++)
		pthread_create(&others[i], NULL, burn, (void *)60L);
	burn((void *)60L);
	for (long i = 1; i < threads; i++)
		pthread_join(others[i], NULL);
	return 0;
}

static int allocate(long megabytes)
{
	char *memory = malloc(megabytes * MEGABYTE);

	if (!memory)
		fail("malloc");
	memset(memory, 1, megabytes * MEGABYTE);
	__asm__ volatile("" : : "r"(memory) : "memory");
	usleep(20000);
	free(memory);
	return 0;
}

static int write_file(long flags)
{
	char path[4200];
	void *block;
	int fd;

	snprintf(path, sizeof(path), "%s/file-%ld", directory, flags);
	if (posix_memalign(&block, 4096, MEGABYTE))
		fail("posix_memalign");
	memset(block, 7, MEGABYTE);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | (int)flags, 0644);
	if (fd < 0 && flags == O_DIRECT)
		fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);	/* a file system in memory has no other way */
	if (fd < 0)
		fail(path);
	for (int i = 0; i < 4; i++)
		if (write(fd, block, MEGABYTE) != MEGABYTE)
			fail("write");
	if (fsync(fd) || lseek(fd, 0, SEEK_SET))
		fail("fsync");
	for (int i = 0; i < 3; i++)
		if (read(fd, block, MEGABYTE) != MEGABYTE)
			fail("read");
	close(fd);
	unlink(path);
	return 0;
}

static int sleep_ms(long milliseconds)
{
	usleep(milliseconds * 1000);
	return 0;
}

static int fail_with(long code)
{
	return code;
}

static int die_of(long number)
{
	struct rlimit none = { 0, 0 };

	setrlimit(RLIMIT_CORE, &none);
	signal(number, SIG_DFL);
	own->last = boot_ns();
	kill(getpid(), number);
	pause();
	return 0;
}

static int fail_exec(long unused)
{
	char *argv[] = { "absent", NULL };

	(void)unused;
	execv("/no/such/program", argv);
	return errno == ENOENT ? 127 : 126;
}

static void send_all(int fd, long count)
{
	char block[16384];

	memset(block, 3, sizeof(block));
	while (count > 0) {
		ssize_t sent = write(fd, block, count < (long)sizeof(block) ? count : (long)sizeof(block));

		if (sent <= 0)
			fail("send");
		count -= sent;
	}
}

static long receive_all(int fd)
{
	char block[16384];
	long sum = 0;
	ssize_t got;

	while ((got = read(fd, block, sizeof(block))) > 0)
		sum += got;
	return sum;
}

#define TO_SERVER 300000
#define TO_CLIENT 123457

/* A client in a process of its own, so that both ends are in the run. */
static int transfer(long unused)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd, status;
	pid_t client;

	(void)unused;
	if (bind(listener, (struct sockaddr *)&address, length) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&address, &length))
		fail("listen");
	client = fork();
	if (!client) {
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(fd, (struct sockaddr *)&address, length))
			fail("connect");
		send_all(fd, TO_SERVER);
		shutdown(fd, SHUT_WR);
		_exit(receive_all(fd) == TO_CLIENT ? 0 : 98);
	}
	fd = accept(listener, NULL, NULL);
	if (fd < 0 || receive_all(fd) != TO_SERVER)
		fail("accept");
	send_all(fd, TO_CLIENT);
	close(fd);
	waitpid(client, &status, 0);
	return WEXITSTATUS(status);
}

/* Leaves: a grandchild in a session of its own that lives on; its pid goes to a file. */
static int daemonize(long milliseconds)
{
	char path[4200];
	pid_t middle = fork();

	if (middle) {
		waitpid(middle, NULL, 0);
		return 0;
	}
	setsid();
	if (fork())
		_exit(0);
	snprintf(path, sizeof(path), "%s/daemon-%ld", directory, milliseconds);
	FILE *file = fopen(path, "w");
	fprintf(file, "%d\n", getpid());
	fclose(file);
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	usleep(milliseconds * 1000);
	_exit(0);
}

static const struct work {
	const char *name;
	int (*function)(long argument);
	long argument;
} works[] = {
	{ "burn-1", burn_threads, 1 },	  { "burn-2", burn_threads, 2 },     { "burn-4", burn_threads, 4 },
	{ "allocate-8", allocate, 8 },	  { "allocate-40", allocate, 40 },   { "cached", write_file, 0 },
	{ "direct", write_file, O_DIRECT }, { "daemon-short", daemonize, 30 }, { "sleep", sleep_ms, 150 },
	{ "exit-7", fail_with, 7 },
	{ "exit-255", fail_with, 255 },	  { "term", die_of, SIGTERM },	     { "segv", die_of, SIGSEGV },
	{ "kill", die_of, SIGKILL },	  { "no-exec", fail_exec, 0 },	     { "tcp", transfer, 0 },
	{ "daemon-long", daemonize, 2500 },
};
#define WORKS (sizeof(works) / sizeof(works[0]))

/* --- the parent --- */

static void print_io(pid_t pid)
{
	char path[64], name[64];
	unsigned long long value;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/io", pid);
	file = fopen(path, "r");
	while (file && fscanf(file, "%63[^:]: %llu\n", name, &value) == 2)
		printf(",\"%s\":%llu", name, value);
	if (file)
		fclose(file);
}

static void account(const struct work *work, pid_t pid, unsigned long long begun, const struct life *life)
{
	unsigned long long ended;
	struct rusage usage;
	siginfo_t info;
	int status;

	waitid(P_PID, pid, &info, WEXITED | WNOWAIT);
	ended = boot_ns();
	printf("{\"work\":\"%s\",\"pid\":%d,\"begun\":%llu,\"first\":%llu,\"last\":%llu,\"ended\":%llu", work->name, pid, begun,
	       life->first, life->last, ended);
	print_io(pid);
	wait4(pid, &status, 0, &usage);
	printf(",\"code\":%d,\"signal\":%d,\"user_us\":%lld,\"system_us\":%lld,\"maxrss\":%ld,\"minflt\":%ld,\"majflt\":%ld}\n",
	       WIFEXITED(status) ? WEXITSTATUS(status) : 0, WIFSIGNALED(status) ? WTERMSIG(status) : 0,
	       usage.ru_utime.tv_sec * 1000000LL + usage.ru_utime.tv_usec,
	       usage.ru_stime.tv_sec * 1000000LL + usage.ru_stime.tv_usec, usage.ru_maxrss, usage.ru_minflt,
	       usage.ru_majflt);
}

static struct life *map_lives(void)
{
	struct life *lives;
	char path[4200];
	int fd;

	snprintf(path, sizeof(path), "%s/lives", directory);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 || ftruncate(fd, WORKS * sizeof(*lives)))
		fail(path);
	lives = mmap(NULL, WORKS * sizeof(*lives), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (lives == MAP_FAILED)
		fail("mmap");
	close(fd);
	return lives;
}

static int live(const struct work *work, struct life *life)
{
	int code;

	own = life;
	own->first = boot_ns();
	code = work->function(work->argument);
	own->last = boot_ns();
	return code;
}

int main(int argc, char **argv)
{
	struct life *lives;

	self = argv[0];
	directory = argc > 1 ? argv[1] : ".";
	lives = map_lives();
	if (argc > 2)
		return live(&works[atoi(argv[2])], &lives[atoi(argv[2])]);
	printf("{\"work\":\"all\",\"pid\":%d}\n", getpid());
	for (size_t i = 0; i < WORKS; i++) {
		unsigned long long begun = boot_ns();
		char index[16];
		pid_t pid;

		fflush(stdout);
		snprintf(index, sizeof(index), "%zu", i);
		pid = fork();
		if (!pid) {
			execl(self, works[i].name, directory, index, NULL);
			fail(self);
		}
		account(&works[i], pid, begun, &lives[i]);
	}
	return 5;
}
