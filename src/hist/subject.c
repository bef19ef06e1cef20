#include "hist/subject.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "hist/key.h"

#define EACH (~(1U << MEASURE_RTT | 1U << MEASURE_RETRANSMIT))	/* measures at which a thread is at hand */
#define DISK (1U << MEASURE_BLOCK)
#define PEERS (1U << MEASURE_CONNECT | 1U << MEASURE_RTT | 1U << MEASURE_RETRANSMIT)

#define NUMBER(name_, member, measures, has, unit_)                                                                     \
	{ .name = name_, .type = LANG_NUMBER, .kinds = (measures), .place = PLACE_NUMBER,                               \
	  .offset = offsetof(struct histogram_subject, member), .width = sizeof(((struct histogram_subject *)0)->member), \
	  .present = (has) ? offsetof(struct histogram_subject, present) : 0, .present_mask = (has), .unit = UNIT_##unit_ }

static const struct lang_symbol own[] = {
	NUMBER("duration_ns", duration_ns, ~0U, 0, NANOSECONDS),
	NUMBER("process.pid", pid, ~0U, SUBJECT_PROCESS, NONE),
	{ .name = "process.name", .type = LANG_STRING, .kinds = EACH, .place = PLACE_STRING, .string = 0 },
	NUMBER("process.user.id", uid, ~0U, SUBJECT_PROCESS, NONE),
	NUMBER("process.group.id", gid, ~0U, SUBJECT_PROCESS, NONE),
	NUMBER("thread.id", tid, EACH, SUBJECT_THREAD, NONE),
	NUMBER("cpu", cpu, EACH, SUBJECT_THREAD, NONE),
	NUMBER("device", device, DISK, SUBJECT_DISK, NONE),
	NUMBER("operation", operation, DISK, SUBJECT_DISK, NONE),
	{ .name = "network.peer.address", .type = LANG_ADDRESS, .kinds = PEERS, .place = PLACE_ADDRESS,
	  .offset = offsetof(struct histogram_subject, peer), .width = 16, .present = offsetof(struct histogram_subject, family) },
	NUMBER("network.peer.port", peer_port, PEERS, SUBJECT_PEER, NONE),
};
#define OWN (sizeof(own) / sizeof(*own))

/* Disks by their names, as far as sysfs tells; the kernel knows them by number. Of partitions it knows the disk alone. */
static const struct word *find_devices(void)
{
	DIR *directory = opendir("/sys/block");
	struct word *words = xcalloc(1, sizeof(*words));
	struct dirent *entry;
	size_t count = 0;

	while (directory && (entry = readdir(directory))) {
		unsigned int major, minor;
		char path[300];
		FILE *file;

		snprintf(path, sizeof(path), "/sys/block/%s/dev", entry->d_name);
		file = entry->d_name[0] == '.' ? NULL : fopen(path, "re");
		if (file && fscanf(file, "%u:%u", &major, &minor) == 2) {
			words = xrealloc(words, count + 2, sizeof(*words));
			words[count++] = (struct word){ .text = xstrdup(entry->d_name), .value = major << 20 | minor };
			words[count] = (struct word){ 0 };
		}
		if (file)
			fclose(file);
	}
	if (directory)
		closedir(directory);
	return words;
}

/* For messages: what the measure knows. */
static const char *list_known(u32 measures)
{
	static char list[256];
	size_t used = snprintf(list, sizeof(list), "it knows ");

	for (size_t i = 0; i < OWN; i++)
		if (own[i].kinds & measures && used < sizeof(list))
			used += snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "", own[i].name);
	return list;
}

/* Those of events stand behind, without a kind: so a mistake is named as what it is. */
struct lang_names subject_names(const struct measure *measure)
{
	static struct lang_symbol *symbols;
	static size_t count;
	struct lang_names of_events = lang_names_of_events(~0U);
	u32 measures = 1U << measure->kind;

	if (!symbols) {
		symbols = xcalloc(OWN + of_events.count, sizeof(*symbols));
		memcpy(symbols, own, sizeof(own));
		count = OWN;
		for (size_t i = 0; i < OWN; i++)
			if (own[i].kinds == DISK)
				symbols[i].words = own[i].offset == offsetof(struct histogram_subject, device) ? find_devices() :
														 hist_operations;
		for (size_t i = 0; i < of_events.count; i++) {
			symbols[count] = of_events.symbols[i];
			symbols[count++].kinds = 0;
		}
	}
	return (struct lang_names){ symbols, count, measures, list_known(measures), measure->name };
}

struct gen_layout subject_layout(void)
{
	return (struct gen_layout){ .room = SUBJECT_ROOM, .fixed = offsetof(struct histogram_subject, name), .strings = 1 };
}
