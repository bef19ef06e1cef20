/* Hanging a spot's program where it belongs. */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/object.h"
#include "lang/gen.h"
#include "policy/spot.h"

static int add_link(struct spot *spot, struct bpf_link *link)
{
	if (!link)
		return -errno;
	if (spot->link_count == SPOT_LINKS) {
		bpf_link__destroy(link);
		return -E2BIG;
	}
	spot->links[spot->link_count++] = link;
	return 0;
}

static struct bpf_program *find(const struct spot *spot, const char *name)
{
	return bpf_object__find_program_by_name(spot->object, name);
}

/* The end first: a beginning without one would only fill the map. */
static int attach_probe(struct spot *spot)
{
	int error = add_link(spot, bpf_program__attach_kprobe(find(spot, spot_program(spot)), spot->at_return,
							      spot->place.target));

	if (!error && spot->at_return)
		error = add_link(spot, bpf_program__attach_kprobe(find(spot, spot_other_program(spot)), false,
								  spot->place.target));
	/* at both ends, as policy_enforcer_end */
	if (!error && spot->enforcer && !spot->place.prevents)
		error = add_link(spot, bpf_program__attach_kprobe(find(spot, spot_program(spot)), true, spot->place.target));
	return error;
}

static int attach_function(struct spot *spot)
{
	int error = add_link(spot, bpf_program__attach_trace(find(spot, spot_program(spot))));

	if (!error && spot_other_program(spot))
		error = add_link(spot, bpf_program__attach_trace(find(spot, spot_other_program(spot))));
	return error;
}

static int attach_format(struct spot *spot)
{
	return add_link(spot, bpf_program__attach_tracepoint(find(spot, "policy_format"), spot->hook->subsystem,
							     spot->place.target));
}

static int attach_groups(const struct engine *engine, struct spot *spot)
{
	const char *path = engine->options->features->cgroup2_path;
	int fd = path ? open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1, error = fd < 0 ? -ENOENT : 0;

	for (const char *const *name = spot_group_programs(spot); *name && !error; name++)
		error = add_link(spot, bpf_program__attach_cgroup(find(spot, *name), fd));
	if (fd >= 0)
		close(fd);
	return error;
}

/* "name", "name+0x10", "0x1234" in the file, "@0x401000" as it is loaded. */
static int attach_symbol(struct spot *spot, const char *symbol, u64 counter)
{
	LIBBPF_OPTS(bpf_uprobe_opts, options, .ref_ctr_offset = counter, .retprobe = spot->at_return);
	const char *path = spot->hook->target;
	const char *plus = strchr(symbol, '+');
	size_t offset = plus ? strtoull(plus + 1, NULL, 0) : 0;
	char name[256];
	int error;

	snprintf(name, sizeof(name), "%.*s", plus ? (int)(plus - symbol) : 255, symbol);
	if (symbol[0] >= '0' && symbol[0] <= '9')
		offset = strtoull(symbol, NULL, 0);
	else
		options.func_name = name;
	error = add_link(spot, bpf_program__attach_uprobe_opts(find(spot, spot_program(spot)), -1, path, offset, &options));
	if (error || !spot->at_return)
		return error;
	options.retprobe = false;
	return add_link(spot, bpf_program__attach_uprobe_opts(find(spot, spot_other_program(spot)), -1, path, offset, &options));
}

static int attach_uprobes(struct spot *spot)
{
	int error = 0;

	for (size_t i = 0; spot->hook->symbols[i] && !error; i++)
		error = attach_symbol(spot, spot->hook->symbols[i], spot->hook->counters ? spot->hook->counters[i] : 0);
	return error;
}

static int attach(struct engine *engine, struct spot *spot)
{
	struct bpf_program *program = find(spot, spot_program(spot));

	switch (spot->place.rung) {
	case RUNG_LSM:
		return add_link(spot, bpf_program__attach_lsm(program));
	case RUNG_FENTRY:
		return attach_function(spot);
	case RUNG_KPROBE:
		return attach_probe(spot);
	case RUNG_UPROBE:
		return attach_uprobes(spot);
	case RUNG_FORMAT:
		return attach_format(spot);
	case RUNG_CGROUP:
		return attach_groups(engine, spot);
	case RUNG_RAW:
		return add_link(spot, bpf_program__attach_raw_tracepoint(program, spot->place.target));
	case RUNG_STAND_IN:
		if (strcmp(spot->place.target, "sys_exit"))
			return add_link(spot, bpf_program__attach_raw_tracepoint(program, spot->place.target));
		return add_link(spot, bpf_program__attach_trace(program));
	case RUNG_CALL:
		return add_link(spot, bpf_program__attach_trace(program));
	case RUNG_NONE:
		break;
	}
	return -EINVAL;
}

int spot_attach(struct engine *engine, struct spot *spot, struct policy_error *error)
{
	int failed;

	object_said_clear();
	failed = attach(engine, spot);
	if (!failed && spot->changes)
		failed = add_link(spot, bpf_program__attach_raw_tracepoint(find(spot, "policy_snapshot"), "sched_process_exec"));
	if (!failed)
		return 0;
	snprintf(error->text, sizeof(error->text), "%s cannot be attached to: %s%s%.120s", spot->target, strerror(-failed),
		 object_said()[0] ? ", " : "", object_said());
	snprintf(error->mend, sizeof(error->mend), "`sonde policy check` says what this kernel allows");
	error->line = spot->hook->line;
	error->column = spot->hook->column;
	return failed;
}

void spot_detach(struct spot *spot)
{
	while (spot->link_count)
		bpf_link__destroy(spot->links[--spot->link_count]);
}

void spot_close(struct spot *spot)
{
	spot_detach(spot);
	spot_forget(spot);
	free(spot->cases);
}
