#include "hist/key.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"

#define MINOR_BITS 20

/* sysfs knows disks by number; one that is gone is shown as the number. */
static void device_label(char *label, size_t size, u32 device)
{
	u32 major = device >> MINOR_BITS, minor = device & ((1U << MINOR_BITS) - 1);
	char path[64], target[PATH_MAX], *slash;
	ssize_t length;

	if (!device) {
		snprintf(label, size, "none");
		return;
	}
	snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major, minor);
	length = readlink(path, target, sizeof(target) - 1);
	target[length > 0 ? length : 0] = '\0';
	slash = strrchr(target, '/');
	if (slash)
		snprintf(label, size, "%.100s", slash + 1);
	else
		snprintf(label, size, "%u:%u", major, minor);
}

const struct word hist_operations[] = {
	{ "read", 0, 0 },	  { "write", 1, 0 },	  { "flush", 2, 0 },	   { "discard", 3, 0 }, { "secure erase", 5, 0 },
	{ "write zeroes", 9, 0 }, { "driver in", 34, 0 }, { "driver out", 35, 0 }, { NULL, 0, 0 },
};

static void operation_label(char *label, size_t size, u32 operation)
{
	const char *name = word_of(hist_operations, operation);

	if (name)
		snprintf(label, size, "%s", name);
	else
		snprintf(label, size, "operation %u", operation);
}

static void peer_address(char address[static INET6_ADDRSTRLEN], const struct histogram_key *key)
{
	static const char mapped[12] = "\0\0\0\0\0\0\0\0\0\0\xff\xff";
	int family = key->number >> 16;

	if (family == AF_INET6 && !memcmp(key->bytes, mapped, sizeof(mapped)))
		inet_ntop(AF_INET, key->bytes + sizeof(mapped), address, INET6_ADDRSTRLEN);
	else if (!inet_ntop(family, key->bytes, address, INET6_ADDRSTRLEN))
		snprintf(address, INET6_ADDRSTRLEN, "?");
}

static void peer_label(char *label, size_t size, const struct histogram_key *key)
{
	char address[INET6_ADDRSTRLEN];

	peer_address(address, key);
	if (!(key->number & 0xffff))
		snprintf(label, size, "%s", address);
	else
		snprintf(label, size, strchr(address, ':') ? "[%s]:%u" : "%s:%u", address, key->number & 0xffff);
}

/* The innermost name there is: container, job, unit; else the path. */
static void container_label(char *label, size_t size, u64 key, struct identity *identity)
{
	struct cgroup *cgroup = cgroup_find(identity->cgroups, key);
	const struct container_names *names;
	u64 now = wall_boot_now();
	bool inside;

	if (!cgroup) {
		snprintf(label, size, "cgroup %llu", (unsigned long long)key);
		return;
	}
	inside = cgroup_state(identity->cgroups, cgroup, now) == CONTAINER_INSIDE;
	names = inside ? cgroup_names(identity->cgroups, cgroup, now) : NULL;
	if (names && names->name[0])
		snprintf(label, size, "%s", names->name);
	else if (inside)
		snprintf(label, size, "%.12s", cgroup->identity.id);
	else if (cgroup->identity.slurm_job[0])
		snprintf(label, size, "slurm job %s", cgroup->identity.slurm_job);
	else if (cgroup->identity.unit[0])
		snprintf(label, size, "%s", cgroup->identity.unit);
	else
		snprintf(label, size, "%.*s", (int)cgroup->path_length, cgroup->path);
}

/* Where it is counted in another's name, the program does not know what the process is called. */
static void process_label(char label[static HIST_LABEL], const struct histogram_key *key, const char *name,
			  struct identity *identity)
{
	struct process *process = *name ? NULL : process_find(identity->processes, key->number, key->words[0]);
	char path[32], line[17] = "";
	FILE *file = NULL;

	if (process)
		name = process->name;
	snprintf(path, sizeof(path), "/proc/%u/comm", key->number);
	if (!*name)
		file = fopen(path, "re");
	if (file && fgets(line, sizeof(line), file))
		line[strcspn(line, "\n")] = '\0';
	if (file)
		fclose(file);
	snprintf(label, HIST_LABEL, "%.16s[%u]", *name ? name : line, key->number);
}

void hist_key_label(char label[static HIST_LABEL], enum histogram_by by, const struct histogram_key *key,
		    const char *name, struct identity *identity)
{
	const char *user;

	switch (by) {
	case HISTOGRAM_BY_PROCESS:
		process_label(label, key, name, identity);
		break;
	case HISTOGRAM_BY_COMM:
		snprintf(label, HIST_LABEL, "%.16s", key->bytes);
		break;
	case HISTOGRAM_BY_CONTAINER:
		container_label(label, HIST_LABEL, key->words[0], identity);
		break;
	case HISTOGRAM_BY_USER:
		user = user_name(identity->users, key->number, wall_boot_now());
		snprintf(label, HIST_LABEL, user ? "%s" : "%.0s%u", user ? user : "", key->number);
		break;
	case HISTOGRAM_BY_DEVICE:
		device_label(label, HIST_LABEL, key->number);
		break;
	case HISTOGRAM_BY_OPERATION:
		operation_label(label, HIST_LABEL, key->number);
		break;
	case HISTOGRAM_BY_PEER:
		peer_label(label, HIST_LABEL, key);
		break;
	default:
		snprintf(label, HIST_LABEL, "%s %u", by == HISTOGRAM_BY_CPU ? "cpu" : "key", key->number);
	}
}

static void process_json(struct text *text, const struct hist_entry *entry, struct wall *wall)
{
	text_add(text, ",\"process\":{\"pid\":");
	text_add_u64(text, entry->key.number);
	text_add(text, ",\"creation\":{\"time\":\"");
	wall_format(wall, text, entry->key.words[0]);
	text_add(text, "\"}}");
}

static void container_json(struct text *text, u64 key, struct identity *identity)
{
	struct cgroup *cgroup = cgroup_find(identity->cgroups, key);
	enum container_state state;

	if (!cgroup)
		return;
	state = cgroup_state(identity->cgroups, cgroup, wall_boot_now());
	text_add(text, ",\"container\":{\"state\":");
	text_add_format(text, "\"%s\"", container_state_name(state));
	if (state == CONTAINER_INSIDE) {
		text_add(text, ",\"id\":");
		escape_json_quoted(text, cgroup->identity.id, strlen(cgroup->identity.id));
	}
	text_add(text, "},\"process\":{\"cgroup\":");
	escape_json_quoted(text, cgroup->path, cgroup->path_length);
	text_add_char(text, '}');
}

void hist_key_json(struct text *text, enum histogram_by by, const struct hist_entry *entry, struct identity *identity,
		   struct wall *wall)
{
	char address[INET6_ADDRSTRLEN];

	switch (by) {
	case HISTOGRAM_BY_PROCESS:
		process_json(text, entry, wall);
		break;
	case HISTOGRAM_BY_CONTAINER:
		container_json(text, entry->key.words[0], identity);
		break;
	case HISTOGRAM_BY_USER:
		text_add_format(text, ",\"process\":{\"user\":{\"id\":%u}}", entry->key.number);
		break;
	case HISTOGRAM_BY_CPU:
		text_add_format(text, ",\"cpu\":%u", entry->key.number);
		break;
	case HISTOGRAM_BY_DEVICE:
		text_add_format(text, ",\"device\":{\"major\":%u,\"minor\":%u}", entry->key.number >> MINOR_BITS,
				entry->key.number & ((1U << MINOR_BITS) - 1));
		break;
	case HISTOGRAM_BY_PEER:
		peer_address(address, &entry->key);
		text_add_format(text, ",\"network\":{\"peer\":{\"address\":\"%s\"", address);
		if (entry->key.number & 0xffff)
			text_add_format(text, ",\"port\":%u", entry->key.number & 0xffff);
		text_add(text, "}}");
		break;
	default:
		break;
	}
}
