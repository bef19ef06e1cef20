/*
 * Workloads with one planted cause each, and some that are well: `plant WHAT ARGUMENT...`. How long they take is said, not how much they do; those
 * that wait for a disk do so as long whatever else the machine does.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

/*
 * Have so many seconds passed in which this thread was not ready to run and without a CPU? So much the work takes on a machine of its own. On a
 * very busy one it is given up after eight times as long.
 */
static int is_over(double begun, double seconds)
{
	static int file = -1, calls, over;
	unsigned long long run, wait;
	char text[100] = "";

	if (calls++ % 16)
		return over;
	if (file < 0)
		file = open("/proc/self/schedstat", O_RDONLY | O_CLOEXEC);
	if (pread(file, text, sizeof(text) - 1, 0) <= 0 || sscanf(text, "%llu %llu", &run, &wait) != 2)
		wait = 0;
	return over = now() - begun - wait / 1e9 > seconds || now() - begun > 8 * seconds;
}

static void fail(const char *what)
{
	perror(what);
	exit(99);
}

static double until;

static void *spin(void *argument)
{
	volatile double sum = 0;

	(void)argument;
	while (now() < until)
		for (int i = 0; i < 20000; i++)
			sum += i;
	return NULL;
}

/* Computes on so many threads. */
static void burn(double seconds, int threads)
{
	pthread_t all[64];

	until = now() + seconds;
	for (int i = 1; i < threads && i < 64; i++)
		if (pthread_create(&all[i], NULL, spin, NULL))
			fail("pthread_create");
	spin(NULL);
	for (int i = 1; i < threads && i < 64; i++)
		pthread_join(all[i], NULL);
}

static void *touch(size_t size)
{
	char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (memory == MAP_FAILED)
		fail("mmap");
	for (size_t i = 0; i < size; i += PAGE)
		memory[i] = 1;
	return memory;
}

/* Reads a file around the page cache, again and again. */
static void read_direct(const char *path, double seconds)
{
	int file = open(path, O_RDONLY | O_DIRECT);
	char *buffer = aligned_alloc(PAGE, PAGE);
	off_t size = lseek(file, 0, SEEK_END), at = 0;

	if (file < 0)
		fail(path);
	for (double begun = now(); !is_over(begun, seconds); at = (at + 997 * PAGE) % size)
		if (pread(file, buffer, PAGE, at) != PAGE)
			fail("pread");
}

/* A line at a time, each made safe. */
static void write_safe(const char *path, double seconds)
{
	int file = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);

	if (file < 0)
		fail(path);
	for (double begun = now(); !is_over(begun, seconds);)
		if (write(file, "one more line of the journal\n", 29) != 29 || fsync(file))
			fail("fsync");
}

/* Writes and reads through the page cache, and copies it about, as a sorting step does; two at a time. */
static void copy_cached(const char *path, double seconds)
{
	static char buffer[1 << 20];
	int file = open(path, O_RDWR | O_CREAT, 0600);

	if (file < 0)
		fail(path);
	until = now() + seconds;
	while (now() < until)
		for (int i = 0; i < 16; i++)
			if (pwrite(file, buffer, sizeof(buffer), i * (off_t)sizeof(buffer)) < 0 ||
			    pread(file, buffer, sizeof(buffer), i * (off_t)sizeof(buffer)) < 0)
				fail(path);
}

static void receive(int port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(port) };
	int connection = socket(AF_INET, SOCK_STREAM, 0);
	char buffer[65536];

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(connection, (struct sockaddr *)&address, sizeof(address)))
		fail("connect");
	while (read(connection, buffer, sizeof(buffer)) > 0)
		;
}

static pthread_mutex_t locks[2] = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER };

/* Two threads take two locks in the two orders. */
static void *lock_both(void *argument)
{
	int first = argument != NULL;

	pthread_mutex_lock(&locks[first]);
	usleep(50000);
	pthread_mutex_lock(&locks[!first]);
	return NULL;
}

static void deadlock(double seconds)
{
	pthread_t thread;

	for (int i = 0; i < 2; i++)
		if (pthread_create(&thread, NULL, lock_both, i ? &locks : NULL))
			fail("pthread_create");
	usleep(seconds * 1e6);
	_exit(0);
}

/* Fails while the file has fewer bytes than attempts are wanted, and adds one. */
static int flaky(const char *path, int attempts, double seconds)
{
	int file = open(path, O_RDWR | O_CREAT | O_APPEND, 0600);

	if (file < 0)
		fail(path);
	burn(seconds, 2);
	if (lseek(file, 0, SEEK_END) + 1 >= attempts)
		return 0;
	return write(file, "x", 1) == 1 ? 75 : 99;
}

/* Reads all pages of a file through a mapping, in an order that no reading ahead helps. */
static void page_in(const char *path, double seconds)
{
	int file = open(path, O_RDONLY);
	off_t size = lseek(file, 0, SEEK_END);
	volatile char *memory = mmap(NULL, size, PROT_READ, MAP_SHARED, file, 0);
	volatile char sum = 0;
	size_t at = 0;

	if (memory == MAP_FAILED || madvise((void *)memory, size, MADV_RANDOM))
		fail(path);
	for (double begun = now(); !is_over(begun, seconds); at = (at + 997 * PAGE) % size)
		sum += memory[at];
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "", *first = argc > 2 ? argv[2] : "", *second = argc > 3 ? argv[3] : "";
	const char *third = argc > 4 ? argv[4] : "";

	if (!strcmp(what, "burn"))		/* SECONDS THREADS */
		burn(atof(first), atoi(second));
	else if (!strcmp(what, "hold")) {	/* MIB SECONDS THREADS */
		touch((size_t)atoi(first) << 20);
		burn(atof(second), atoi(third));
	} else if (!strcmp(what, "read"))	/* FILE SECONDS */
		read_direct(first, atof(second));
	else if (!strcmp(what, "write"))	/* FILE SECONDS */
		write_safe(first, atof(second));
	else if (!strcmp(what, "copy"))		/* FILE SECONDS */
		copy_cached(first, atof(second));
	else if (!strcmp(what, "receive"))	/* PORT */
		receive(atoi(first));
	else if (!strcmp(what, "deadlock"))	/* SECONDS */
		deadlock(atof(first));
	else if (!strcmp(what, "flaky"))	/* FILE ATTEMPTS SECONDS */
		return flaky(first, atoi(second), atof(third));
	else if (!strcmp(what, "page"))		/* FILE SECONDS */
		page_in(first, atof(second));
	else
		fail("what");
	return 0;
}
