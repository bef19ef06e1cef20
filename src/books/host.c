/*
 * Parsing is by lines and by names, never by position in the file: kernels add lines and fields. A value that no line gave stays
 * unknown.
 *
 * Bytes of disks and of networks pass several devices on their way: a partition, a volume, the disk; a container's end of a pair, its
 * other end, a bridge, the card. Each is counted once, where it is hardware: such a device has a link `device` in /sys.
 */
#include "books/host.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/table.h"
#include "base/wall.h"

#define UNKNOWN UINT64_MAX
#define SECTOR 512
#define BUFFER_FIRST 4096
#define BUFFER_MOST (1 << 20)
#define LINE_MOST 512
/* What was found out about devices is found out again now and then, for names and numbers are used again. */
#define DEVICES_TAKES 64
#define DEVICES_MOST 4096

struct host {
	char *root;
	int files[HOST_SOURCES];
	char *buffer;
	size_t capacity;
	struct table devices;		/* hash of the path in /sys -> is_hardware or is_virtual */
	u64 takes;
	u64 tick;			/* ns */
};

static const struct {
	const char *path;
	bool brief;			/* only the first line matters, and the rest can be long */
} sources[HOST_SOURCES] = {
	[HOST_STAT] = { "/proc/stat", true },
	[HOST_MEMORY] = { "/proc/meminfo", false },
	[HOST_DISKS] = { "/proc/diskstats", false },
	[HOST_NETWORK] = { "/proc/net/dev", false },
	[HOST_LOAD] = { "/proc/loadavg", false },
	[HOST_PRESSURE_CPU] = { "/proc/pressure/cpu", true },
	[HOST_PRESSURE_MEMORY] = { "/proc/pressure/memory", true },
	[HOST_PRESSURE_IO] = { "/proc/pressure/io", true },
};

static char is_hardware, is_virtual;

struct host *host_open(const char *root)
{
	struct host *host = xcalloc(1, sizeof(*host));
	char path[4096];
	long ticks = sysconf(_SC_CLK_TCK);

	host->root = xstrdup(root);
	host->tick = 1000000000 / (ticks > 0 ? ticks : 100);
	host->capacity = BUFFER_FIRST;
	host->buffer = xmalloc(host->capacity);
	for (int i = 0; i < HOST_SOURCES; i++) {
		snprintf(path, sizeof(path), "%s%s", root, sources[i].path);
		host->files[i] = open(path, O_RDONLY | O_CLOEXEC);
	}
	return host;
}

void host_close(struct host *host)
{
	if (!host)
		return;
	for (int i = 0; i < HOST_SOURCES; i++)
		if (host->files[i] >= 0)
			close(host->files[i]);
	table_free(&host->devices);
	free(host->buffer);
	free(host->root);
	free(host);
}

/* Is there such a device in /sys that is more than a driver's invention? */
static bool device_is_hardware(struct host *host, const char *directory, const char *name)
{
	char path[4096];
	u64 key = 0xcbf29ce484222325ULL;
	void *known;

	snprintf(path, sizeof(path), "%s/sys/%s/%s/device", host->root, directory, name);
	for (const char *at = path; *at; at++)
		key = (key ^ (unsigned char)*at) * 0x100000001b3ULL;
	known = table_get(&host->devices, key);
	if (!known) {
		known = access(path, F_OK) ? &is_virtual : &is_hardware;
		if (table_count(&host->devices) < DEVICES_MOST)
			table_put(&host->devices, key, known);
	}
	return known == &is_hardware;
}

static void add(u64 *sum, u64 value)
{
	*sum = *sum == UNKNOWN ? value : *sum + value;
}

/* "cpu  user nice system idle iowait irq softirq steal guest guest_nice", in ticks; guests are in user and nice. */
static bool parse_stat(struct host *host, const char *line, struct run_host_sample *sample)
{
	unsigned long long user, nice, system, idle, iowait = 0, irq = 0, softirq = 0, steal = 0;

	if (sscanf(line, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle, &iowait, &irq,
		   &softirq, &steal) < 4)
		return true;
	sample->cpu_busy = (user + nice + system + irq + softirq) * host->tick;
	sample->cpu_iowait = iowait * host->tick;
	sample->cpu_steal = steal * host->tick;
	return false;
}

static bool parse_memory(struct host *host, const char *line, struct run_host_sample *sample)
{
	unsigned long long kilobytes;
	char name[32];

	(void)host;
	if (sscanf(line, "%31[^:]: %llu kB", name, &kilobytes) != 2)
		return true;
	kilobytes *= 1024;
	/* memory_used holds the total until the available is known, which comes later; so with swap. */
	if (!strcmp(name, "MemTotal")) {
		sample->memory_used = kilobytes;
	} else if (!strcmp(name, "MemAvailable")) {
		sample->memory_available = kilobytes;
		if (sample->memory_used != UNKNOWN)
			sample->memory_used -= kilobytes < sample->memory_used ? kilobytes : sample->memory_used;
	} else if (!strcmp(name, "SwapTotal")) {
		sample->swap_used = kilobytes;
	} else if (!strcmp(name, "SwapFree")) {
		if (sample->swap_used != UNKNOWN)
			sample->swap_used -= kilobytes < sample->swap_used ? kilobytes : sample->swap_used;
		return false;
	}
	return true;
}

static bool parse_disk(struct host *host, const char *line, struct run_host_sample *sample)
{
	unsigned long long read, written, busy;
	unsigned int major, minor;
	char name[32];

	if (sscanf(line, "%u %u %*s %*u %*u %llu %*u %*u %*u %llu %*u %*u %llu", &major, &minor, &read, &written, &busy) != 5)
		return true;
	snprintf(name, sizeof(name), "%u:%u", major, minor);
	if (!device_is_hardware(host, "dev/block", name))
		return true;
	add(&sample->disk_read, read * SECTOR);
	add(&sample->disk_write, written * SECTOR);
	add(&sample->disk_busy, busy * 1000000);
	return true;
}

static bool parse_network(struct host *host, const char *line, struct run_host_sample *sample, bool hardware)
{
	unsigned long long received, sent;
	char name[64];

	if (sscanf(line, " %63[^: \t]: %llu %*u %*u %*u %*u %*u %*u %*u %llu", name, &received, &sent) != 3)
		return true;
	if (!strcmp(name, "lo") || strchr(name, '/') || (hardware && !device_is_hardware(host, "class/net", name)))
		return true;
	add(&sample->network_received, received);
	add(&sample->network_sent, sent);
	return true;
}

static bool parse_cards(struct host *host, const char *line, struct run_host_sample *sample)
{
	return parse_network(host, line, sample, true);
}

static bool parse_links(struct host *host, const char *line, struct run_host_sample *sample)
{
	return parse_network(host, line, sample, false);
}

static bool parse_load(struct host *host, const char *line, struct run_host_sample *sample)
{
	unsigned int whole, hundredths, runnable;

	(void)host;
	if (sscanf(line, "%u.%2u %*s %*s %u/", &whole, &hundredths, &runnable) != 3)
		return true;
	sample->load = whole * 100 + hundredths;
	sample->runnable = runnable ? runnable - 1 : 0; /* without who reads */
	return false;
}

static u64 pressure(const char *line)
{
	unsigned long long microseconds;

	return sscanf(line, "some %*s %*s %*s total=%llu", &microseconds) == 1 ? microseconds * 1000 : UNKNOWN;
}

static bool parse_pressure_cpu(struct host *host, const char *line, struct run_host_sample *sample)
{
	(void)host;
	sample->pressure_cpu = pressure(line);
	return false;
}

static bool parse_pressure_memory(struct host *host, const char *line, struct run_host_sample *sample)
{
	(void)host;
	sample->pressure_memory = pressure(line);
	return false;
}

static bool parse_pressure_io(struct host *host, const char *line, struct run_host_sample *sample)
{
	(void)host;
	sample->pressure_io = pressure(line);
	return false;
}

/* False: no more lines of this file are wanted. */
typedef bool parse_line(struct host *host, const char *line, struct run_host_sample *sample);

static parse_line *const parsers[HOST_SOURCES] = {
	[HOST_STAT] = parse_stat,
	[HOST_MEMORY] = parse_memory,
	[HOST_DISKS] = parse_disk,
	[HOST_NETWORK] = parse_cards,
	[HOST_LOAD] = parse_load,
	[HOST_PRESSURE_CPU] = parse_pressure_cpu,
	[HOST_PRESSURE_MEMORY] = parse_pressure_memory,
	[HOST_PRESSURE_IO] = parse_pressure_io,
};

static void parse_lines(struct host *host, parse_line *parse, const char *text, size_t length,
			struct run_host_sample *sample)
{
	const char *end = text + length, *at = text;

	while (at < end) {
		const char *stop = memchr(at, '\n', end - at);
		char line[LINE_MOST];
		size_t size = (stop ? stop : end) - at;

		snprintf(line, sizeof(line), "%.*s", size < LINE_MOST ? (int)size : LINE_MOST - 1, at);
		if (!parse(host, line, sample))
			break;
		at = stop ? stop + 1 : end;
	}
}

void host_parse(struct host *host, enum host_source source, const char *text, size_t length,
		struct run_host_sample *sample)
{
	parse_lines(host, parsers[source], text, length, sample);
	/* In a container there are no cards, but its ends of pairs. */
	if (source == HOST_NETWORK && sample->network_received == UNKNOWN)
		parse_lines(host, parse_links, text, length, sample);
	if (source == HOST_MEMORY && sample->memory_available == UNKNOWN)
		sample->memory_used = UNKNOWN;
}

/* The file anew, as much of it as matters; the buffer grows to the longest there was. */
static size_t read_again(struct host *host, enum host_source source)
{
	size_t length = 0;
	ssize_t got;

	while ((got = pread(host->files[source], host->buffer + length, host->capacity - length, length)) > 0) {
		length += got;
		if (sources[source].brief || host->capacity == BUFFER_MOST)
			break;
		if (length == host->capacity) {
			host->capacity *= 2;
			host->buffer = xrealloc(host->buffer, host->capacity, 1);
		}
	}
	return length;
}

void host_take(struct host *host, struct run_host_sample *sample)
{
	memset(sample, 0xff, sizeof(*sample));
	sample->time = wall_boot_now();
	if (++host->takes % DEVICES_TAKES == 0)
		table_free(&host->devices);
	for (enum host_source source = 0; source < HOST_SOURCES; source++)
		if (host->files[source] >= 0) {
			size_t length = read_again(host, source);

			host_parse(host, source, host->buffer, length, sample);
		}
}
