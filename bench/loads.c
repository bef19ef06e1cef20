/*
 * The loops that an observer disturbs, each reduced to one operation of the kernel.
 *
 * A load runs for a time, cut into inner rounds shorter than a time slice, and reports the median
 * of their costs: a round that another process or an interrupt fell into drops out, while a cost
 * that every operation pays stays. The two storms are different: nothing is timed, each worker goes
 * as fast as it can, and what counts is the exact number of operations done, because each must be
 * found again as an event.
 *
 * Prints one line: name, operations, nanoseconds per operation.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define INNER_NS 500000ULL
#define ROUNDS_MAX 65536
#define ECHO_SIZE 1024
#define BULK_SIZE (1 << 20)
#define DATAGRAM_SIZE 64
#define DATAGRAM_WINDOW 64
#define HOLD_EACH 9000		/* by one process, which may have 20,000 files open as a rule */
#define WORKERS_MAX 256

struct request {
	const char *file;	/* what open, read and storm-open work on */
	const char *program;	/* what spawn and storm-exec execute */
	double seconds;
	uint64_t count;		/* stop after this many instead, when not 0 */
	unsigned int workers;
};

struct load {
	const char *name, *help;
	void (*prepare)(const struct request *request);
	void (*step)(const struct request *request);
	void (*finish)(void);
};

static int file_fd, pipe_to, pipe_from;
static pid_t partner;
static struct sockaddr_in server;

static void fail(const char *what)
{
	fprintf(stderr, "loads: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000ULL + (uint64_t)time.tv_nsec;
}

/* A partner must not survive a load that is killed. */
static pid_t fork_partner(void)
{
	pid_t parent = getpid(), child = fork();

	if (child < 0)
		fail("fork");
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(0);
	}
	return child;
}

static void partner_finish(void)
{
	kill(partner, SIGKILL);
	waitpid(partner, NULL, 0);
}

static void null_step(const struct request *request)
{
	(void)request;
	syscall(SYS_getppid);
}

static void read_prepare(const struct request *request)
{
	file_fd = open(request->file, O_RDONLY | O_CLOEXEC);
	if (file_fd < 0)
		fail(request->file);
}

static void read_step(const struct request *request)
{
	char data[512];

	if (pread(file_fd, data, sizeof(data), 0) != (ssize_t)sizeof(data))
		fail(request->file);
}

static void open_step(const struct request *request)
{
	int fd = open(request->file, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		fail(request->file);
	close(fd);
}

static void pipe_prepare(const struct request *request)
{
	int there[2], back[2];
	char byte;

	(void)request;
	if (pipe2(there, O_CLOEXEC) || pipe2(back, O_CLOEXEC))
		fail("pipe");
	partner = fork_partner();
	if (partner == 0) {
		while (read(there[0], &byte, 1) == 1 && write(back[1], &byte, 1) == 1)
			;
		_exit(0);
	}
	pipe_to = there[1];
	pipe_from = back[0];
}

static void pipe_step(const struct request *request)
{
	char byte = 0;

	(void)request;
	if (write(pipe_to, &byte, 1) != 1 || read(pipe_from, &byte, 1) != 1)
		fail("ping-pong");
}

static void spawn_step(const struct request *request)
{
	char *arguments[] = {(char *)request->program, NULL};
	int status, error;
	pid_t child;

	error = posix_spawn(&child, request->program, NULL, NULL, arguments, environ);
	if (error) {
		errno = error;
		fail(request->program);
	}
	if (waitpid(child, &status, 0) != child || status)
		fail("wait");
}

static bool transfer(int fd, bool out, char *data, size_t size)
{
	size_t done = 0;
	ssize_t part;

	while (done < size) {
		part = out ? write(fd, data + done, size - done) : read(fd, data + done, size - done);
		if (part <= 0)
			return false;
		done += (size_t)part;
	}
	return true;
}

static void tcp_serve(int listener)
{
	char data[ECHO_SIZE];
	int fd;

	for (;;) {
		fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			_exit(1);
		if (transfer(fd, false, data, sizeof(data)))
			transfer(fd, true, data, sizeof(data));
		close(fd);
	}
}

static void tcp_prepare(const struct request *request)
{
	socklen_t length = sizeof(server);
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)request;
	server.sin_family = AF_INET;
	server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (listener < 0 || bind(listener, (struct sockaddr *)&server, sizeof(server)) ||
	    listen(listener, 128) || getsockname(listener, (struct sockaddr *)&server, &length))
		fail("listen");
	partner = fork_partner();
	if (partner == 0)
		tcp_serve(listener);
	close(listener);
}

/*
 * The server closes first and this side waits for it: TIME_WAIT then stays with the server's end,
 * and a loop this fast does not use up its own ports.
 */
static void tcp_step(const struct request *request)
{
	char data[ECHO_SIZE] = {0};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)request;
	if (fd < 0 || connect(fd, (struct sockaddr *)&server, sizeof(server)))
		fail("connect");
	if (!transfer(fd, true, data, sizeof(data)) || !transfer(fd, false, data, sizeof(data)) ||
	    read(fd, data, 1) != 0)
		fail("echo");
	close(fd);
}

/* The two ends of a connection or of a conversation in datagrams: this one's, and the partner's. */
static void pair_up(int type, int *near, int *far)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, type | SOCK_CLOEXEC, 0);

	*near = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	if (listener < 0 || *near < 0 || bind(listener, (struct sockaddr *)&address, length) ||
	    getsockname(listener, (struct sockaddr *)&address, &length) ||
	    (type == SOCK_STREAM && listen(listener, 1)) || connect(*near, (struct sockaddr *)&address, length))
		fail("loopback");
	if (type == SOCK_STREAM) {
		*far = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		close(listener);
		return;
	}
	*far = listener;
	if (getsockname(*near, (struct sockaddr *)&address, &length) ||
	    connect(*far, (struct sockaddr *)&address, length))
		fail("loopback");
}

static int talk_fd;
static char bulk_data[BULK_SIZE];

static void bulk_prepare(const struct request *request)
{
	int far;

	(void)request;
	pair_up(SOCK_STREAM, &talk_fd, &far);
	partner = fork_partner();
	if (partner == 0) {
		while (read(far, bulk_data, sizeof(bulk_data)) > 0)
			;
		_exit(0);
	}
	close(far);
}

static void bulk_step(const struct request *request)
{
	(void)request;
	if (!transfer(talk_fd, true, bulk_data, sizeof(bulk_data)))
		fail("transfer");
}

/* The partner answers each window, so that none is dropped. */
static void udp_prepare(const struct request *request)
{
	char data[DATAGRAM_SIZE];
	int far;

	(void)request;
	pair_up(SOCK_DGRAM, &talk_fd, &far);
	partner = fork_partner();
	if (partner == 0) {
		for (int got = 1; read(far, data, sizeof(data)) > 0; got++)
			if (got % DATAGRAM_WINDOW == 0 && write(far, data, 1) != 1)
				break;
		_exit(0);
	}
	close(far);
}

static void udp_step(const struct request *request)
{
	char data[DATAGRAM_SIZE] = {0};

	(void)request;
	for (int i = 0; i < DATAGRAM_WINDOW; i++)
		if (write(talk_fd, data, sizeof(data)) != (ssize_t)sizeof(data))
			fail("send");
	if (read(talk_fd, data, sizeof(data)) < 0)
		fail("answer");
}

/* Nobody reads: the kernel drops what does not fit, and all soon does not. */
static void storm_drop_step(const struct request *request)
{
	static int near = -1, far;
	char data[DATAGRAM_SIZE] = {0};

	(void)request;
	if (near < 0)
		pair_up(SOCK_DGRAM, &near, &far);
	if (write(near, data, sizeof(data)) != (ssize_t)sizeof(data))
		fail("send");
}

/* Some connections, all of this process to itself, until the pipe from its parent ends. */
static void hold_some(unsigned int count, int until)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	char byte;

	if (listener < 0 || bind(listener, (struct sockaddr *)&address, length) || listen(listener, 16) ||
	    getsockname(listener, (struct sockaddr *)&address, &length))
		fail("listen");
	for (unsigned int i = 0; i < count; i++) {
		int near = socket(AF_INET, SOCK_STREAM, 0);

		if (near < 0 || connect(near, (struct sockaddr *)&address, length) || accept(listener, NULL, NULL) < 0)
			fail("connect");
	}
	if (write(until, "", 1) != 1 || read(until, &byte, 1) < 0)
		fail("pipe");
	_exit(0);
}

/* Many connections at once. Told when they stand; they end with standard input. */
static void hold(unsigned int count)
{
	unsigned int workers = (count + HOLD_EACH - 1) / HOLD_EACH;
	int (*pipes)[2] = calloc(workers, sizeof(*pipes)), status;
	char byte;

	for (unsigned int i = 0; i < workers; i++) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pipes[i]))
			fail("pipe");
		if (fork_partner() == 0) {
			for (unsigned int k = 0; k <= i; k++)
				close(pipes[k][0]);
			hold_some(i + 1 < workers ? HOLD_EACH : count - i * HOLD_EACH, pipes[i][1]);
		}
		close(pipes[i][1]);
		if (read(pipes[i][0], &byte, 1) != 1)
			fail("a worker");
	}
	printf("hold %u 0\n", count);
	fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	for (unsigned int i = 0; i < workers; i++)
		close(pipes[i][0]);
	while (wait(&status) > 0)
		;
	free(pipes);
}

static void storm_exec_step(const struct request *request)
{
	char *arguments[] = {(char *)request->program, NULL}, *environment[] = {NULL};
	int status;
	pid_t child = vfork();

	if (child == 0) {
		execve(request->program, arguments, environment);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status)
		fail(request->program);
}

static const struct load loads[] = {
	{"null", "the getppid system call", NULL, null_step, NULL},
	{"read", "512 bytes of a cached file", read_prepare, read_step, NULL},
	{"open", "open and close of a file", NULL, open_step, NULL},
	{"pipe", "one byte there and back between two processes", pipe_prepare, pipe_step,
	 partner_finish},
	{"spawn", "posix_spawn and wait", NULL, spawn_step, NULL},
	{"tcp", "loopback connect, 1 KB echoed, close", tcp_prepare, tcp_step, partner_finish},
	{"bulk", "1 MB over a loopback connection", bulk_prepare, bulk_step, partner_finish},
	{"udp", "64 small datagrams over loopback, answered", udp_prepare, udp_step, partner_finish},
};

static const struct load storms[] = {
	{"storm-exec", "vfork, execve and wait, on every processor", NULL, storm_exec_step, NULL},
	{"storm-open", "open and close, on every processor", NULL, open_step, NULL},
	{"storm-drop", "datagrams to a socket that nobody reads", NULL, storm_drop_step, NULL},
};

static const struct load *load_find(const struct load *list, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (!strcmp(list[i].name, name))
			return &list[i];
	return NULL;
}

static int compare_costs(const void *left, const void *right)
{
	double a = *(const double *)left, b = *(const double *)right;

	return (a > b) - (a < b);
}

static uint64_t load_round(const struct load *load, const struct request *request, uint64_t steps)
{
	uint64_t start = now_ns();

	for (uint64_t i = 0; i < steps; i++)
		load->step(request);
	return now_ns() - start;
}

static void load_run(const struct load *load, const struct request *request)
{
	static double costs[ROUNDS_MAX];
	uint64_t start, spent, end, done = 0, steps = 1;
	size_t rounds = 0;

	if (load->prepare)
		load->prepare(request);
	start = now_ns();
	end = start + (uint64_t)(request->seconds * 1e9);
	/* The doubling finds the size of a round, and is the warm-up. */
	while ((spent = load_round(load, request, steps)) < INNER_NS / 2 && now_ns() < end) {
		done += steps;
		steps *= 2;
	}
	done += steps;
	costs[rounds++] = (double)spent / (double)steps;
	while (rounds < ROUNDS_MAX && (request->count ? done < request->count : now_ns() < end)) {
		if (request->count && request->count - done < steps)
			steps = request->count - done;
		spent = load_round(load, request, steps);
		costs[rounds++] = (double)spent / (double)steps;
		done += steps;
	}
	if (load->finish)
		load->finish();
	qsort(costs, rounds, sizeof(costs[0]), compare_costs);
	printf("%s %llu %.2f\n", load->name, (unsigned long long)done, costs[rounds / 2]);
}

/* Each worker keeps its count to itself until the end: a shared line would slow the storm. */
static void storm_run(const struct load *load, const struct request *request)
{
	uint64_t start = now_ns(), end = start + (uint64_t)(request->seconds * 1e9), total = 0;
	uint64_t *done = mmap(NULL, WORKERS_MAX * sizeof(*done), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	bool failed = false;
	uint64_t own = 0;
	int status;

	if (done == MAP_FAILED)
		fail("mmap");
	for (unsigned int i = 0; i < request->workers; i++) {
		if (fork_partner())
			continue;
		for (; request->count ? own < request->count : now_ns() < end; own++)
			load->step(request);
		done[i] = own;
		_exit(0);
	}
	while (wait(&status) > 0)
		failed |= status != 0;
	if (failed) {
		fprintf(stderr, "loads: %s: a worker failed, so the count is not exact\n", load->name);
		exit(1);
	}
	for (unsigned int i = 0; i < request->workers; i++)
		total += done[i];
	printf("%s %llu %.2f\n", load->name, (unsigned long long)total,
	       (double)(now_ns() - start) * request->workers / (double)(total ? total : 1));
}

static void usage(FILE *out)
{
	fprintf(out, "usage: loads NAME [-s SECONDS] [-c COUNT] [-w WORKERS] [-f FILE] [-p PROGRAM]\n");
	for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++)
		fprintf(out, "  %-11s %s\n", loads[i].name, loads[i].help);
	for (size_t i = 0; i < sizeof(storms) / sizeof(storms[0]); i++)
		fprintf(out, "  %-11s %s\n", storms[i].name, storms[i].help);
	fprintf(out, "  hold        COUNT connections at once, until standard input ends\n");
}

int main(int argc, char **argv)
{
	struct request request = {.file = "/proc/self/exe", .program = "/bin/true", .seconds = 1,
				  .workers = (unsigned int)sysconf(_SC_NPROCESSORS_ONLN)};
	const struct load *load, *storm;
	int option;

	while ((option = getopt(argc, argv, "s:c:w:f:p:h")) != -1) {
		switch (option) {
		case 's': request.seconds = strtod(optarg, NULL); break;
		case 'c': request.count = strtoull(optarg, NULL, 10); break;
		case 'w': request.workers = (unsigned int)strtoul(optarg, NULL, 10); break;
		case 'f': request.file = optarg; break;
		case 'p': request.program = optarg; break;
		case 'h': usage(stdout); return 0;
		default: usage(stderr); return 2;
		}
	}
	if (optind < argc && !strcmp(argv[optind], "hold") && request.count && request.count <= 1000000) {
		hold((unsigned int)request.count);
		return 0;
	}
	load = optind < argc ? load_find(loads, sizeof(loads) / sizeof(loads[0]), argv[optind]) : NULL;
	storm = optind < argc ? load_find(storms, sizeof(storms) / sizeof(storms[0]), argv[optind]) : NULL;
	if ((!load && !storm) || !(request.seconds > 0) || request.workers - 1 >= WORKERS_MAX) {
		usage(stderr);
		return 2;
	}
	if (load)
		load_run(load, &request);
	else
		storm_run(storm, &request);
	return 0;
}
