/*
 * Starts many processes in every way a process can come and go, and writes what it knows of each: the truth that
 * the events are held against. Every member owns a slot in shared memory, where it says who it is before it
 * executes; the family reads the kernel's ledgers of a member (wait4, /proc/PID/io, /proc/PID/schedstat) when it is
 * dead but not yet reaped, so nothing can change behind the reading. The family is a subreaper: grandchildren of
 * a double fork come to it as well, and are reaped the same way.
 *
 * family COUNT SEED DIRECTORY: one JSON line a process on stdout.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LIVE 8

enum way { PLAIN, KILLED, CORE, THREADS, THREAD_EXEC, LEADER_FIRST, DOUBLE, VFORK, NEVER_EXEC, WAYS };

static const char *const way_names[WAYS] = {"plain", "killed", "core", "threads", "thread_exec", "leader_first",
					    "double", "vfork", "never_exec"};
static const int deadly[] = {SIGTERM, SIGKILL, SIGUSR1, SIGINT, SIGHUP, SIGPIPE, SIGALRM, 37 /* real time */};
static const int dumping[] = {SIGSEGV, SIGABRT, SIGQUIT, SIGBUS, SIGFPE, SIGILL};

struct member {
	int way, code, signal, threads, executed, burn_ms, megabytes, written;
	unsigned int payload;
	_Atomic int pid, middle;	/* middle: the parent between, of a double fork */
	int parent;
	unsigned long long before;	/* boot clock, before the fork */
};

static struct member *members;
static char *self;
static char directory[4096];

static unsigned long long boot_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static void burn(int milliseconds)
{
	struct timespec now;

	do {
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	} while (now.tv_sec * 1000 + now.tv_nsec / 1000000 < milliseconds);
}

static void work(int burn_ms, int megabytes, int written)
{
	static char block[4096];
	FILE *null = fopen("/dev/null", "r+");

	if (megabytes > 0) {
		char *memory = malloc((size_t)megabytes << 20);

		memset(memory, 1, (size_t)megabytes << 20);
		__asm__ volatile("" : : "r"(memory) : "memory");	/* touched, whatever the compiler thinks */
		free(memory);
	}
	for (int left = written; null && left > 0; left -= 4096)
		if (write(fileno(null), block, left < 4096 ? left : 4096) < 0)
			_exit(99);
	burn(burn_ms);
}

static void *thread_work(void *argument)
{
	work(*(int *)argument, 1, 5000);
	return NULL;
}

/* The end of a member that executed: dies as asked. */
static void finish(int code, int number)
{
	if (number) {
		struct rlimit limit = {RLIM_INFINITY, RLIM_INFINITY};

		setrlimit(RLIMIT_CORE, &limit);
		signal(number, SIG_DFL);
		kill(getpid(), number);
		pause();
	}
	_exit(code);
}

static struct { int code, burn_ms; } last;

static void *outlive_leader(void *argument __attribute__((unused)))
{
	char path[64], line[512], state = 0;

	/* Wait until the leader is a zombie: then this thread is the last one. */
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", getpid());
	while (state != 'Z') {
		FILE *file = fopen(path, "r");

		if (!file)
			break;
		if (fgets(line, sizeof(line), file) && strrchr(line, ')'))
			state = strrchr(line, ')')[2];
		fclose(file);
		usleep(500);
	}
	work(last.burn_ms, 2, 3000);
	_exit(last.code);
}

/* worker INDEX PAYLOAD WAY CODE SIGNAL THREADS BURN MEGABYTES WRITTEN */
static int worker(char **argv)
{
	int way = atoi(argv[4]), code = atoi(argv[5]), number = atoi(argv[6]), threads = atoi(argv[7]);
	int burn_ms = atoi(argv[8]);
	pthread_t thread[16];

	if (way == LEADER_FIRST) {
		last.code = code;
		last.burn_ms = burn_ms;
		pthread_create(&thread[0], NULL, outlive_leader, NULL);
		syscall(SYS_exit, 0);
	}
	for (int i = 0; i < threads; i++)
		pthread_create(&thread[i], NULL, thread_work, &burn_ms);
	for (int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	work(burn_ms, atoi(argv[9]), atoi(argv[10]));
	finish(code, number);
	return 0;
}

static void execute(int index)
{
	struct member *member = &members[index];
	char text[9][16];
	char *argv[12] = {self, "worker"};
	int numbers[] = {index, (int)member->payload, member->way, member->code, member->signal, member->threads,
			 member->burn_ms, member->megabytes, member->written};

	for (int i = 0; i < 9; i++) {
		snprintf(text[i], sizeof(text[i]), i == 1 ? "%x" : "%d", numbers[i]);
		argv[i + 2] = text[i];
	}
	execv(self, argv);
	_exit(98);
}

static void *execute_from_thread(void *argument)
{
	execute(*(int *)argument);
	return NULL;
}

static void in_own_directory(int index)
{
	char path[4200];

	snprintf(path, sizeof(path), "%s/%d", directory, index);
	if (chdir(path))
		_exit(97);
}

static void start(int index)
{
	struct member *member = &members[index];
	pthread_t thread;
	int pid, middle;

	member->before = boot_ns();
	member->parent = getpid();
	if (member->way == VFORK) {
		pid = vfork();
		if (!pid) {
			member->pid = getpid();
			in_own_directory(index);
			execute(index);
		}
		return;
	}
	pid = fork();
	if (pid)
		return;
	in_own_directory(index);
	if (member->way == DOUBLE) {
		member->middle = getpid();
		middle = getpid();
		if (fork())
			_exit(0);
		member->pid = getpid();
		while (getppid() == middle)
			usleep(100);
		execute(index);
	}
	member->pid = getpid();
	if (member->way == NEVER_EXEC) {
		work(member->burn_ms, member->megabytes, member->written);
		finish(member->code, member->signal);
	}
	if (member->way == THREAD_EXEC) {
		pthread_create(&thread, NULL, execute_from_thread, &index);
		pause();
	}
	execute(index);
}

static void plan(int index)
{
	struct member *member = &members[index];
	char path[4200];

	member->way = index % WAYS;
	member->code = rand() % 256;
	member->payload = rand();
	member->executed = member->way != NEVER_EXEC;
	member->burn_ms = rand() % 10 ? 0 : rand() % 30;
	member->megabytes = rand() % 5 ? 0 : rand() % 12;
	member->written = rand() % 20000;
	if (member->way == KILLED || (member->way == NEVER_EXEC && rand() % 2))
		member->signal = deadly[rand() % (sizeof(deadly) / sizeof(deadly[0]))];
	if (member->way == CORE)
		member->signal = dumping[rand() % (sizeof(dumping) / sizeof(dumping[0]))];
	if (member->signal)
		member->code = 0;
	if (member->way == THREADS)
		member->threads = 1 + rand() % 8;
	snprintf(path, sizeof(path), "%s/%d", directory, index);
	mkdir(path, 0755);
}

static unsigned long long number_in(const char *path, const char *key)
{
	unsigned long long value = 0;
	char line[256];
	FILE *file = fopen(path, "r");

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, key, strlen(key)))
			value = strtoull(line + strlen(key), NULL, 10);
	if (file)
		fclose(file);
	return value;
}

static void print_ledger(int pid)
{
	static const char *const keys[] = {"rchar", "wchar", "syscr", "syscw", "read_bytes", "write_bytes",
					   "cancelled_write_bytes"};
	char path[64], key[64], line[512];
	unsigned long long start = 0, delay = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/io", pid);
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		snprintf(key, sizeof(key), "%s: ", keys[i]);
		printf(",\"%s\":%llu", keys[i], number_in(path, key));
	}
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "r");
	if (file && fgets(line, sizeof(line), file) && strrchr(line, ')'))
		sscanf(strrchr(line, ')') + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d"
		       " %*d %*d %llu", &start);
	if (file)
		fclose(file);
	snprintf(path, sizeof(path), "/proc/%d/schedstat", pid);
	file = fopen(path, "r");
	if (file && fscanf(file, "%*u %llu", &delay) != 1)
		delay = 0;
	if (file)
		fclose(file);
	printf(",\"starttime\":%llu,\"run_delay\":%llu", start, delay);
}

static void reap(int count)
{
	siginfo_t info = {0};
	struct rusage usage;
	int status, index = 0, middle = 0;

	while (waitid(P_ALL, 0, &info, WEXITED | WNOWAIT) < 0 && errno == EINTR)
		;
	for (index = 0; index < count; index++) {
		middle = members[index].middle == info.si_pid;
		if (middle || members[index].pid == info.si_pid)
			break;
	}
	if (index == count) {
		fprintf(stderr, "family: %d is nobody's pid\n", info.si_pid);
		exit(1);
	}
	struct member *member = &members[index];

	printf("{\"pid\":%d,\"index\":%d,\"way\":\"%s\",\"middle\":%d,\"payload\":\"%x\",\"parent\":%d", info.si_pid,
	       index, way_names[member->way], middle, member->payload,
	       !middle && member->way == DOUBLE ? abs(member->middle) : member->parent);
	printf(",\"executed\":%d,\"threads\":%d,\"code\":%d,\"signal\":%d,\"before\":%llu", !middle && member->executed,
	       member->threads, middle ? 0 : member->code, middle ? 0 : member->signal, member->before);
	printf(",\"argv\":\"worker %d %x %d %d %d %d %d %d %d\"", index, member->payload, member->way, member->code,
	       member->signal, member->threads, member->burn_ms, member->megabytes, member->written);
	print_ledger(info.si_pid);
	wait4(info.si_pid, &status, 0, &usage);
	printf(",\"exited\":%d,\"status\":%d,\"killed\":%d,\"core\":%d", WIFEXITED(status),
	       WIFEXITED(status) ? WEXITSTATUS(status) : 0, WIFSIGNALED(status) ? WTERMSIG(status) : 0,
	       WIFSIGNALED(status) && WCOREDUMP(status) ? 1 : 0);
	printf(",\"utime\":%lld,\"stime\":%lld", usage.ru_utime.tv_sec * 1000000ll + usage.ru_utime.tv_usec,
	       usage.ru_stime.tv_sec * 1000000ll + usage.ru_stime.tv_usec);
	printf(",\"maxrss\":%ld,\"minflt\":%ld,\"majflt\":%ld,\"nvcsw\":%ld,\"nivcsw\":%ld,\"inblock\":%ld"
	       ",\"oublock\":%ld,\"after\":%llu}\n", usage.ru_maxrss, usage.ru_minflt, usage.ru_majflt, usage.ru_nvcsw,
	       usage.ru_nivcsw, usage.ru_inblock, usage.ru_oublock, boot_ns());
	/* The pid may come again: this slot must not answer to it. */
	if (middle)
		member->middle = -info.si_pid;
	else
		member->pid = -info.si_pid;
}

int main(int argc, char **argv)
{
	int count, live = 0;

	self = argv[0];
	if (argc == 11 && !strcmp(argv[1], "worker"))
		return worker(argv);
	if (argc != 4) {
		fprintf(stderr, "usage: family COUNT SEED DIRECTORY\n");
		return 2;
	}
	count = atoi(argv[1]);
	srand(atoi(argv[2]));
	snprintf(directory, sizeof(directory), "%s", argv[3]);
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	setvbuf(stdout, NULL, _IOFBF, 1 << 22);
	members = mmap(NULL, count * sizeof(*members), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	for (int i = 0; i < count; i++)
		plan(i);
	for (int i = 0; i < count; i++) {
		fflush(stdout);
		start(i);
		live += members[i].way == DOUBLE ? 2 : 1;
		while (live >= LIVE) {
			reap(i + 1);
			live--;
		}
	}
	while (live-- > 0)
		reap(count);
	return 0;
}
