/*
 * Says about itself, as one JSON object on descriptor $REPORT_FD, what the kernel tells a process of its own:
 * the independent source that the fields of an exec event are compared with. Numbers only where a name could
 * need escaping; the tests choose names that need none where a path is asked for.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static FILE *out;

/* One line of /proc/self/status, as it stands behind the colon. */
static void print_status(const char *key, const char *name)
{
	char line[256];
	FILE *file = fopen("/proc/self/status", "r");

	while (file && fgets(line, sizeof(line), file)) {
		size_t length = strlen(key);

		if (strncmp(line, key, length) || line[length] != ':')
			continue;
		line[strcspn(line, "\n")] = 0;
		fprintf(out, ",\"%s\":\"%s\"", name, line + length + 1 + strspn(line + length + 1, " \t"));
	}
	if (file)
		fclose(file);
}

static void print_link(const char *path, const char *name)
{
	char target[PATH_MAX];
	ssize_t length = readlink(path, target, sizeof(target) - 1);

	if (length < 0)
		return;
	target[length] = 0;
	fprintf(out, ",\"%s\":\"", name);
	for (const char *at = target; *at; at++)
		fprintf(out, *at == '"' || *at == '\\' ? "\\%c" : "%c", *at);
	fputc('"', out);
}

static void print_namespaces(void)
{
	static const char *const names[] = {"mnt", "pid", "net", "user", "uts", "ipc", "cgroup"};
	char path[64], target[64];

	fprintf(out, ",\"namespaces\":{");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		unsigned long inode = 0;
		ssize_t length;

		snprintf(path, sizeof(path), "/proc/self/ns/%s", names[i]);
		length = readlink(path, target, sizeof(target) - 1);
		if (length > 0) {
			target[length] = 0;
			sscanf(strchr(target, '[') ? strchr(target, '[') : "[0", "[%lu", &inode);
		}
		fprintf(out, "%s\"%s\":%lu", i ? "," : "", names[i], inode);
	}
	fputc('}', out);
}

/* The boot clock, in ticks, when this process started: the 22nd field, behind the name in parentheses. */
static void print_stat(void)
{
	char line[1024];
	unsigned long long start = 0;
	int terminal = 0;
	FILE *file = fopen("/proc/self/stat", "r");

	if (!file)
		return;
	if (fgets(line, sizeof(line), file) && strrchr(line, ')'))
		sscanf(strrchr(line, ')') + 1, " %*c %*d %*d %*d %d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d"
		       " %*d %*d %llu", &terminal, &start);
	fclose(file);
	fprintf(out, ",\"starttime\":%llu,\"terminal\":%d", start, terminal);
}

int main(int argc, char **argv __attribute__((unused)))
{
	const char *descriptor = getenv("REPORT_FD");
	char line[64] = "";
	FILE *file;

	out = fdopen(descriptor ? atoi(descriptor) : 1, "w");
	if (!out)
		return 1;
	fprintf(out, "{\"pid\":%d,\"tid\":%d,\"parent\":%d,\"session\":%d,\"group\":%d,\"argc\":%d", getpid(),
		(int)syscall(SYS_gettid), getppid(), getsid(0), getpgrp(), argc);
	fprintf(out, ",\"uid\":%u,\"euid\":%u,\"gid\":%u,\"egid\":%u", getuid(), geteuid(), getgid(), getegid());
	print_link("/proc/self/exe", "exe");
	print_link("/proc/self/cwd", "cwd");
	print_status("CapEff", "capabilities");
	print_namespaces();
	print_stat();
	file = fopen("/proc/self/loginuid", "r");
	if (file && fgets(line, sizeof(line), file))
		fprintf(out, ",\"login\":%s", line);
	if (file)
		fclose(file);
	fprintf(out, "}\n");
	fclose(out);
	return 0;
}
