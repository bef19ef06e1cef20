/* Files as kernels wrote them, from 5.10 to 7, in a directory that plays the machine. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "books/host.h"

#define UNKNOWN UINT64_MAX

static char root[64];

static int make_root(void **state)
{
	(void)state;
	strcpy(root, "/tmp/host_test.XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
	char command[128];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

static void make_directories(char *path)
{
	for (char *slash = strchr(path + strlen(root) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		assert_true(!mkdir(path, 0755) || errno == EEXIST);
		*slash = '/';
	}
}

static void put(const char *name, const char *content)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	make_directories(path);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(content, file);
	fclose(file);
}

static struct run_host_sample take(void)
{
	struct run_host_sample sample;
	struct host *host = host_open(root);

	host_take(host, &sample);
	host_close(host);
	return sample;
}

static void test_nothing_is_known_where_nothing_is(void **state)
{
	struct run_host_sample sample = take();

	(void)state;
	assert_true(sample.time > 0);
	assert_int_equal(sample.cpu_busy, UNKNOWN);
	assert_int_equal(sample.memory_used, UNKNOWN);
	assert_int_equal(sample.disk_read, UNKNOWN);
	assert_int_equal(sample.network_sent, UNKNOWN);
	assert_int_equal(sample.pressure_io, UNKNOWN);
	assert_int_equal(sample.load, UINT32_MAX);
}

static void test_time_of_processors(void **state)
{
	struct run_host_sample sample;
	u64 tick = 1000000000 / sysconf(_SC_CLK_TCK);

	(void)state;
	put("proc/stat", "cpu  101 2 30 4000 5 6 7 8 90 1\ncpu0 1 1 1 1 1 1 1 1 1 1\nintr 1 2 3\n");
	sample = take();
	assert_int_equal(sample.cpu_busy, (101 + 2 + 30 + 6 + 7) * tick);
	assert_int_equal(sample.cpu_iowait, 5 * tick);
	assert_int_equal(sample.cpu_steal, 8 * tick);
}

static void test_memory(void **state)
{
	struct run_host_sample sample;

	(void)state;
	put("proc/meminfo", "MemTotal:       24684084 kB\nMemFree:        20000000 kB\nMemAvailable:   22000000 kB\n"
			    "Buffers:           100 kB\nSwapCached:            0 kB\nSwapTotal:       1000000 kB\n"
			    "SwapFree:         900000 kB\nHugePages_Total:       0\n");
	sample = take();
	assert_int_equal(sample.memory_available, 22000000ULL * 1024);
	assert_int_equal(sample.memory_used, 2684084ULL * 1024);
	assert_int_equal(sample.swap_used, 100000ULL * 1024);
}

/* The fields of 5.5 and later, and of 4.18 to 5.4; partitions, volumes and loops are not counted again. */
static void test_disks(void **state)
{
	struct run_host_sample sample;

	(void)state;
	put("sys/dev/block/8:0/device", "");
	put("sys/dev/block/259:0/device", "");
	put("sys/dev/block/8:1/partition", "");
	put("proc/diskstats",
	    "   7       0 loop0 600 0 4800 27 600 0 4800 13 0 32 40 0 0 0 0 0 0\n"
	    "   8       0 sda 10 5 1000 7 20 6 2000 8 0 15 16 1 0 50 1 2 2\n"
	    "   8       1 sda1 10 5 1000 7 20 6 2000 8 0 15 16 1 0 50 1 2 2\n"
	    " 259       0 nvme0n1 1 0 24 1 0 0 8 0 0 5 1 0 0 0 0\n"
	    " 253       0 dm-0 10 0 1000 7 20 0 2000 8 0 15 16 0 0 0 0 0 0\n"
	    "short 1 2\n");
	sample = take();
	assert_int_equal(sample.disk_read, 1024 * 512);
	assert_int_equal(sample.disk_write, 2008 * 512);
	assert_int_equal(sample.disk_busy, 20 * 1000000);
}

#define NETWORK_HEADER \
	"Inter-|   Receive                                                |  Transmit\n" \
	" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n"

static void test_networks(void **state)
{
	struct run_host_sample sample;

	(void)state;
	put("sys/class/net/eth0/device", "");
	put("proc/net/dev", NETWORK_HEADER
	    "    lo: 9999 1 0 0 0 0 0 0 9999 1 0 0 0 0 0 0\n"
	    "  eth0: 1000 10 0 0 0 0 0 0 500 5 0 0 0 0 0 0\n"
	    "wlp0s20f3:7 1 0 0 0 0 0 0 8 1 0 0 0 0 0 0\n"
	    "docker0: 900 9 0 0 0 0 0 0 400 4 0 0 0 0 0 0\n");
	sample = take();
	assert_int_equal(sample.network_received, 1000);
	assert_int_equal(sample.network_sent, 500);
}

static void test_networks_of_a_container(void **state)
{
	struct run_host_sample sample;

	(void)state;
	put("proc/net/dev", NETWORK_HEADER "    lo: 9999 1 0 0 0 0 0 0 9999 1 0 0 0 0 0 0\n"
					   "  eth0:1000 10 0 0 0 0 0 0 500 5 0 0 0 0 0 0\n");
	sample = take();
	assert_int_equal(sample.network_received, 1000);
	assert_int_equal(sample.network_sent, 500);
}

/* "full" of the processors came with 5.13. */
static void test_pressure_and_load(void **state)
{
	struct run_host_sample sample;

	(void)state;
	put("proc/pressure/cpu", "some avg10=0.00 avg60=1.25 avg300=0.50 total=216167222\n");
	put("proc/pressure/memory", "some avg10=0.00 avg60=0.00 avg300=0.00 total=334\n"
				    "full avg10=0.00 avg60=0.00 avg300=0.00 total=300\n");
	put("proc/loadavg", "12.34 5.00 1.00 3/456 7890\n");
	sample = take();
	assert_int_equal(sample.pressure_cpu, 216167222000);
	assert_int_equal(sample.pressure_memory, 334000);
	assert_int_equal(sample.pressure_io, UNKNOWN);
	assert_int_equal(sample.load, 1234);
	assert_int_equal(sample.runnable, 2);
}

/* Longer than what is set aside at first, and read twice. */
static void test_many_disks(void **state)
{
	enum { DISKS = 500 };
	static char content[DISKS * 64];
	struct host *host;
	struct run_host_sample sample;
	size_t length = 0;

	(void)state;
	for (int i = 0; i < DISKS; i++) {
		char name[64];

		snprintf(name, sizeof(name), "sys/dev/block/8:%d/device", i);
		put(name, "");
		length += sprintf(content + length, "   8    %d sd%d 1 0 2 0 1 0 4 0 0 1 0\n", i, i);
	}
	put("proc/diskstats", content);
	host = host_open(root);
	for (int i = 0; i < 2; i++) {
		host_take(host, &sample);
		assert_int_equal(sample.disk_read, DISKS * 2 * 512);
		assert_int_equal(sample.disk_write, DISKS * 4 * 512);
	}
	host_close(host);
}

static void put_machine(void)
{
	put("proc/sys/kernel/hostname", "here\n");
	put("proc/sys/kernel/osrelease", "6.12.0-test\n");
	put("proc/cpuinfo", "processor\t: 0\nvendor_id\t: X\nmodel name\t: A Fast One @ 3 GHz\nprocessor\t: 1\n");
	put("proc/stat", "cpu  1 2 3 4 5 6 7 8 9 0\ncpu0 1\ncpu1 1\ncpu4 1\ncpu7 1\nintr 5\n");
	put("proc/self/status", "Name:\tx\nCpus_allowed:\tf\nCpus_allowed_list:\t0-1,4\n");
	put("proc/meminfo", "MemTotal:       1000 kB\nSwapTotal:       50 kB\n");
}

static void test_a_machine_without_limits(void **state)
{
	struct run *run = run_new();

	(void)state;
	put_machine();
	host_describe(root, run);
	assert_string_equal(run_text(run, run->host.name).data, "here");
	assert_string_equal(run_text(run, run->host.kernel).data, "6.12.0-test");
	assert_string_equal(run_text(run, run->host.model).data, "A Fast One @ 3 GHz");
	assert_int_equal(run->host.cpus, 4);
	assert_int_equal(run->host.cpus_allowed, 3);
	assert_int_equal(run->host.memory, 1024000);
	assert_int_equal(run->host.swap, 51200);
	assert_int_equal(run->host.memory_limit, 0);
	run_free(run);
}

static void test_limits_of_version_2(void **state)
{
	struct run *run = run_new();

	(void)state;
	put_machine();
	put("proc/self/cgroup", "0::/a.slice/b.scope\n");
	put("proc/self/mountinfo", "22 1 0:5 / /proc rw - proc proc rw\n"
				   "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n");
	put("sys/fs/cgroup/a.slice/memory.max", "500000\n");
	put("sys/fs/cgroup/a.slice/cpu.max", "150000 100000\n");
	put("sys/fs/cgroup/a.slice/b.scope/memory.max", "max\n");
	put("sys/fs/cgroup/a.slice/b.scope/cpu.max", "max 100000\n");
	host_describe(root, run);
	assert_int_equal(run->host.memory_limit, 500000);
	assert_int_equal(run->host.cpus_allowed, 2);
	run_free(run);
}

/* As a container of an older Docker sees it: the mount begins at its own group, the paths do not. */
static void test_limits_of_version_1(void **state)
{
	struct run *run = run_new();

	(void)state;
	put_machine();
	put("proc/self/cgroup", "5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n1:name=systemd:/docker/abc\n0::/\n");
	put("proc/self/mountinfo",
	    "32 31 0:29 /docker/abc /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
	    "35 31 0:32 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
	put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "100000\n");
	put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
	put("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
	host_describe(root, run);
	assert_int_equal(run->host.memory_limit, 0);
	assert_int_equal(run->host.cpus_allowed, 1);
	put("sys/fs/cgroup/memory/memory.limit_in_bytes", "400000\n");
	put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
	host_describe(root, run);
	assert_int_equal(run->host.memory_limit, 400000);
	assert_int_equal(run->host.cpus_allowed, 3);
	run_free(run);
}

static void test_what_another_process_was_given(void **state)
{
	u64 cpus, memory;

	(void)state;
	put_machine();
	put("proc/77/status", "Name:\tx\nCpus_allowed_list:\t1\n");
	put("proc/77/cgroup", "0::/job_5/step_0\n");
	put("proc/self/mountinfo", "35 31 0:32 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
	put("sys/fs/cgroup/job_5/memory.max", "300000\n");
	put("sys/fs/cgroup/job_5/step_0/memory.max", "max\n");
	host_given(root, 77, &cpus, &memory);
	assert_int_equal(cpus, 1);
	assert_int_equal(memory, 300000);
	host_given(root, 78, &cpus, &memory);
	assert_int_equal(cpus, 0);
	assert_int_equal(memory, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make_root, remove_root)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_nothing_is_known_where_nothing_is),
		CASE(test_time_of_processors),
		CASE(test_memory),
		CASE(test_disks),
		CASE(test_networks),
		CASE(test_networks_of_a_container),
		CASE(test_pressure_and_load),
		CASE(test_many_disks),
		CASE(test_a_machine_without_limits),
		CASE(test_limits_of_version_2),
		CASE(test_limits_of_version_1),
		CASE(test_what_another_process_was_given),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
