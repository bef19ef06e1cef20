/*
 * A cgroup path is read from the root down, a component at a time; each component may add to what is
 * known or, as the innermost container, replace it. Runtimes leave no other mark that every kernel
 * and every layout (v1, v2, hybrid; cgroupfs or systemd drivers) shares, so the names are the truth,
 * and they are checked strictly: an id is 64 hexadecimal digits, not merely something after "docker-".
 * Where a name is the user's own choice (runc, crun), the path can only propose it: the state is
 * unknown, and the runtime's own files decide later.
 */

#define _GNU_SOURCE

#include "container.h"

#include <string.h>

struct component {
	const char *data;
	size_t length;
};

/* A scope or directory named PREFIX + 64 digits belongs to this runtime. */
static const struct {
	const char *prefix;
	enum container_runtime runtime;
} hex_prefixes[] = {
	{"docker-", CONTAINER_RUNTIME_DOCKER},
	{"cri-containerd-", CONTAINER_RUNTIME_CONTAINERD},
	{"nerdctl-", CONTAINER_RUNTIME_CONTAINERD},
	{"containerd-", CONTAINER_RUNTIME_CONTAINERD},
	{"crio-", CONTAINER_RUNTIME_CRIO},
	{"libpod-payload-", CONTAINER_RUNTIME_PODMAN},
	{"libpod-", CONTAINER_RUNTIME_PODMAN},
};

/* A directory whose children are containers of this runtime, named by 64 digits. */
static const struct {
	const char *name;
	enum container_runtime runtime;
} hex_parents[] = {
	{"docker", CONTAINER_RUNTIME_DOCKER},
	{"default", CONTAINER_RUNTIME_CONTAINERD},
	{"k8s.io", CONTAINER_RUNTIME_CONTAINERD},
	{"libpod_parent", CONTAINER_RUNTIME_PODMAN},
};

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool all_hex(struct component part, size_t digits)
{
	if (part.length != digits)
		return false;
	for (size_t i = 0; i < digits; i++)
		if (!is_hex(part.data[i]))
			return false;
	return true;
}

static bool all_digits(struct component part)
{
	for (size_t i = 0; i < part.length; i++)
		if (!is_digit(part.data[i]))
			return false;
	return part.length > 0;
}

static bool equals(struct component part, const char *text)
{
	return part.length == strlen(text) && !memcmp(part.data, text, part.length);
}

static bool strip_prefix(struct component *part, const char *prefix)
{
	size_t length = strlen(prefix);

	if (part->length < length || memcmp(part->data, prefix, length))
		return false;
	part->data += length;
	part->length -= length;
	return true;
}

static bool strip_suffix(struct component *part, const char *suffix)
{
	size_t length = strlen(suffix);

	if (part->length <= length || memcmp(part->data + part->length - length, suffix, length))
		return false;
	part->length -= length;
	return true;
}

static bool has_prefix(struct component part, const char *prefix)
{
	return strip_prefix(&part, prefix);
}

static bool has_suffix(struct component part, const char *suffix)
{
	return strip_suffix(&part, suffix);
}

static void copy(char *out, size_t size, struct component part)
{
	size_t length = part.length < size ? part.length : size - 1;

	memcpy(out, part.data, length);
	out[length] = '\0';
}

/* systemd writes bytes that are special to it as \xNN. */
static void copy_unescaped(char *out, size_t size, struct component part)
{
	size_t length = 0;

	for (size_t i = 0; i < part.length && length + 1 < size; i++) {
		char c = part.data[i];
		if (c == '\\' && i + 3 < part.length && part.data[i + 1] == 'x' &&
		    is_hex(part.data[i + 2]) && is_hex(part.data[i + 3])) {
			char high = part.data[i + 2], low = part.data[i + 3];
			c = (char)((is_digit(high) ? high - '0' : high - 'a' + 10) << 4 |
				   (is_digit(low) ? low - '0' : low - 'a' + 10));
			i += 3;
		}
		if (c)
			out[length++] = c;
	}
	out[length] = '\0';
}

static void inside(struct container_identity *out, enum container_runtime runtime,
		   struct component id)
{
	out->state = CONTAINER_INSIDE;
	out->runtime = runtime;
	copy(out->id, sizeof(out->id), id);
}

/* A proposal never replaces a container that is certain. */
static void propose(struct container_identity *out, enum container_runtime runtime,
		    struct component id)
{
	if (out->state == CONTAINER_INSIDE)
		return;
	out->state = CONTAINER_UNKNOWN;
	out->runtime = runtime;
	copy(out->id, sizeof(out->id), id);
}

static bool is_unit(struct component part)
{
	return has_suffix(part, ".service") || has_suffix(part, ".scope") ||
	       has_suffix(part, ".mount") || has_suffix(part, ".socket") || has_suffix(part, ".swap");
}

/*
 * 8-4-4-4-12 digits, or the 32 of a pod that the kubelet made from a file. The systemd driver writes
 * the dashes as underscores.
 */
static bool take_pod_uid(struct container_identity *out, struct component part)
{
	if (all_hex(part, 32)) {
		copy(out->pod_uid, sizeof(out->pod_uid), part);
		return true;
	}
	if (part.length != 36)
		return false;
	for (size_t i = 0; i < 36; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (dash ? part.data[i] != '-' && part.data[i] != '_' : !is_hex(part.data[i]))
			return false;
	}
	copy(out->pod_uid, sizeof(out->pod_uid), part);
	out->pod_uid[8] = out->pod_uid[13] = out->pod_uid[18] = out->pod_uid[23] = '-';
	return true;
}

/* "kubepods-burstable-podUID.slice", also below a prefix such as "kubelet-". */
static bool take_pod_slice(struct container_identity *out, struct component part)
{
	if (!strip_suffix(&part, ".slice") || !memmem(part.data, part.length, "kubepods", 8))
		return false;
	char *pod = memmem(part.data, part.length, "-pod", 4);
	if (!pod)
		return false;
	/* "kubepods-podUID" and "kubepods-burstable-podUID": the last "-pod" is the one. */
	size_t left = part.length - (size_t)(pod + 4 - part.data);
	return take_pod_uid(out, (struct component){pod + 4, left});
}

/* SLICE:PREFIX:ID, left by runc when containerd asked for systemd and runc did not hear. */
static bool take_colon_form(struct container_identity *out, struct component part)
{
	char *first = memchr(part.data, ':', part.length);
	if (!first)
		return false;
	char *end = (char *)part.data + part.length;
	char *second = memchr(first + 1, ':', (size_t)(end - first - 1));
	if (!second)
		return false;
	struct component id = {second + 1, (size_t)(end - second - 1)};
	struct component prefix = {first + 1, (size_t)(second - first - 1)};
	struct component slice = {part.data, (size_t)(first - part.data)};
	if (!all_hex(id, 64))
		return false;
	enum container_runtime runtime = CONTAINER_RUNTIME_UNKNOWN;
	if (equals(prefix, "cri-containerd") || equals(prefix, "nerdctl"))
		runtime = CONTAINER_RUNTIME_CONTAINERD;
	else if (equals(prefix, "docker"))
		runtime = CONTAINER_RUNTIME_DOCKER;
	else if (equals(prefix, "crio"))
		runtime = CONTAINER_RUNTIME_CRIO;
	take_pod_slice(out, slice);
	inside(out, runtime, id);
	return true;
}

/* Monitors live on the host, beside the container they look after. */
static bool is_monitor(struct component part)
{
	return has_prefix(part, "libpod-conmon-") || has_prefix(part, "crio-conmon-") ||
	       has_prefix(part, "lxc.monitor");
}

static bool take_hex_name(struct container_identity *out, struct component parent,
			  struct component part)
{
	struct component bare = part;

	strip_suffix(&bare, ".scope");
	for (size_t i = 0; i < sizeof(hex_prefixes) / sizeof(*hex_prefixes); i++) {
		struct component id = bare;
		if (!strip_prefix(&id, hex_prefixes[i].prefix))
			continue;
		if (all_hex(id, 64)) {
			inside(out, hex_prefixes[i].runtime, id);
			return true;
		}
	}
	if (all_hex(part, 64)) {
		enum container_runtime runtime = CONTAINER_RUNTIME_UNKNOWN;
		for (size_t i = 0; i < sizeof(hex_parents) / sizeof(*hex_parents); i++)
			if (equals(parent, hex_parents[i].name))
				runtime = hex_parents[i].runtime;
		inside(out, runtime, part);
		return true;
	}
	/*
	 * Any other PREFIX-ID.scope with a whole id is a container of a runtime that has no name here,
	 * unless the prefix says that it is the monitor.
	 */
	if (bare.length != part.length && bare.length > 65 && bare.data[bare.length - 65] == '-') {
		struct component id = {bare.data + bare.length - 64, 64};
		struct component prefix = {bare.data, bare.length - 65};
		if (all_hex(id, 64) && !has_suffix(prefix, "conmon")) {
			enum container_runtime runtime = CONTAINER_RUNTIME_UNKNOWN;
			if (equals(prefix, "crun"))
				runtime = CONTAINER_RUNTIME_CRUN;
			else if (equals(prefix, "runc"))
				runtime = CONTAINER_RUNTIME_RUNC;
			inside(out, runtime, id);
			return true;
		}
	}
	return false;
}

/* Names that the user chose, marked by what stands around them. */
static bool take_chosen_name(struct container_identity *out, struct component parent,
			     struct component part)
{
	struct component name = part;

	if (strip_prefix(&name, "lxc.payload.") && name.length) {
		inside(out, CONTAINER_RUNTIME_LXC, name);
		return true;
	}
	if ((equals(parent, "lxc") || equals(parent, "lxc.payload")) && !has_prefix(part, "lxc.")) {
		inside(out, CONTAINER_RUNTIME_LXC, part);
		return true;
	}
	if (equals(parent, "garden") || equals(parent, "buildkit")) {
		inside(out, equals(parent, "garden") ? CONTAINER_RUNTIME_GARDEN
						     : CONTAINER_RUNTIME_BUILDKIT, part);
		return true;
	}
	name = part;
	if (strip_suffix(&name, ".scope")) {
		struct component id = name;
		if (strip_prefix(&id, "crun-") && id.length) {
			inside(out, CONTAINER_RUNTIME_CRUN, id);
			return true;
		}
		if (strip_prefix(&id, "runc-") && id.length) {
			inside(out, CONTAINER_RUNTIME_RUNC, id);
			return true;
		}
		if (strip_prefix(&id, "apptainer-") && all_digits(id)) {
			inside(out, CONTAINER_RUNTIME_APPTAINER, id);
			return true;
		}
		/* The same scopes hold virtual machines, which are not containers. */
		if (equals(parent, "machine.slice") && strip_prefix(&id, "machine-") && id.length &&
		    !has_prefix(id, "qemu")) {
			out->state = CONTAINER_INSIDE;
			out->runtime = has_prefix(id, "lxc\\x2d") ? CONTAINER_RUNTIME_LXC
								  : CONTAINER_RUNTIME_NSPAWN;
			copy_unescaped(out->id, sizeof(out->id), id);
			return true;
		}
	}
	name = part;
	if (strip_suffix(&name, ".service") && strip_prefix(&name, "systemd-nspawn@") && name.length) {
		out->state = CONTAINER_INSIDE;
		out->runtime = CONTAINER_RUNTIME_NSPAWN;
		copy_unescaped(out->id, sizeof(out->id), name);
		return true;
	}
	/* Fargate: the task's 32 digits, a dash, a number, under the task. */
	if (part.length > 33 && part.data[32] == '-' && parent.length == 32 && all_hex(parent, 32) &&
	    all_hex((struct component){part.data, 32}, 32) &&
	    all_digits((struct component){part.data + 33, part.length - 33})) {
		inside(out, CONTAINER_RUNTIME_UNKNOWN, part);
		return true;
	}
	return false;
}

/* Job and step are numbers below a uid (v1) or below the scope of the step daemon (v2). */
static bool take_slurm(struct container_identity *out, struct component parent,
		       struct component part)
{
	if (strip_prefix(&part, "job_") && all_digits(part) &&
	    (has_prefix(parent, "uid_") || has_suffix(parent, "slurmstepd.scope") ||
	     equals(parent, "slurmstepd.scope"))) {
		copy(out->slurm_job, sizeof(out->slurm_job), part);
		out->slurm_step[0] = '\0';
		return true;
	}
	if (out->slurm_job[0] && has_prefix(parent, "job_") && strip_prefix(&part, "step_")) {
		copy(out->slurm_step, sizeof(out->slurm_step), part);
		return true;
	}
	return false;
}

static bool is_slurm_root(struct component part)
{
	return equals(part, "slurm") || has_prefix(part, "slurm_");
}

/* Directories that runtimes and managers make below what they own; they name nobody. */
static bool is_filler(struct component part)
{
	static const char *const names[] = {
		"container", "payload", "supervisor", "init", "ns", ".lxc", "runtime", "docker",
		"default", "k8s.io", "lxc", "lxc.payload", "lxc.pivot", "libpod_parent", "kubepods",
		"burstable", "besteffort", "guaranteed", "kubelet", "podruntime", "system", "garden",
		"buildkit", "ecs", "unified", "conmon",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (equals(part, names[i]))
			return true;
	return false;
}

/* A runtime's own mark with an id that is not one: nobody can say what it is. */
static bool is_broken_mark(struct component parent, struct component part)
{
	if (equals(parent, "docker") || equals(parent, "libpod_parent"))
		return true;
	if (!has_suffix(part, ".scope"))
		return false;
	for (size_t i = 0; i < sizeof(hex_prefixes) / sizeof(*hex_prefixes); i++)
		if (has_prefix(part, hex_prefixes[i].prefix))
			return true;
	return false;
}

static void take_component(struct container_identity *out, struct component parent,
			   struct component part)
{
	bool monitor = is_monitor(part) || equals(parent, "lxc.monitor");

	if (has_suffix(part, ".slice")) {
		copy(out->slice, sizeof(out->slice), part);
		out->unit[0] = '\0';
		if (take_pod_slice(out, part) && out->state != CONTAINER_INSIDE)
			out->state = CONTAINER_UNKNOWN;
		return;
	}
	if (is_unit(part))
		copy(out->unit, sizeof(out->unit), part);
	if (monitor) {
		if (out->state == CONTAINER_UNKNOWN)
			out->state = CONTAINER_NONE;
		return;
	}
	if (take_colon_form(out, part) || take_hex_name(out, parent, part) ||
	    take_chosen_name(out, parent, part) || take_slurm(out, parent, part))
		return;
	struct component pod = part;
	if (strip_prefix(&pod, "pod") && take_pod_uid(out, pod)) {
		if (out->state != CONTAINER_INSIDE)
			out->state = CONTAINER_UNKNOWN;
		return;
	}
	if (out->slurm_job[0] || is_filler(part) || is_slurm_root(part) || has_prefix(part, "uid_"))
		return;
	if (is_broken_mark(parent, part)) {
		propose(out, CONTAINER_RUNTIME_UNKNOWN, (struct component){part.data, 0});
		return;
	}
	/* What a service makes below itself is its own; elsewhere a bare name may be a container's. */
	if (!is_unit(part) && !has_suffix((struct component){out->unit, strlen(out->unit)}, ".service"))
		propose(out, CONTAINER_RUNTIME_UNKNOWN, part);
}

void container_from_cgroup(const char *path, size_t length, struct container_identity *out)
{
	struct component rest = {path, length}, parent = {"", 0};

	memset(out, 0, sizeof(*out));
	if (!path || !length || path[0] != '/')
		return;
	out->state = CONTAINER_NONE;
	strip_suffix(&rest, " (deleted)");
	while (rest.length) {
		const char *slash = memchr(rest.data, '/', rest.length);
		struct component part = {rest.data, slash ? (size_t)(slash - rest.data) : rest.length};
		size_t used = part.length + (slash ? 1 : 0);

		rest.data += used;
		rest.length -= used;
		if (!part.length || equals(part, ".") || equals(part, ".."))
			continue;
		take_component(out, parent, part);
		parent = part;
	}
}

const char *container_state_name(enum container_state state)
{
	switch (state) {
	case CONTAINER_NONE:
		return "none";
	case CONTAINER_INSIDE:
		return "container";
	case CONTAINER_UNKNOWN:
		break;
	}
	return "unknown";
}

const char *container_runtime_name(enum container_runtime runtime)
{
	static const char *const names[] = {
		[CONTAINER_RUNTIME_DOCKER] = "docker",
		[CONTAINER_RUNTIME_CONTAINERD] = "containerd",
		[CONTAINER_RUNTIME_CRIO] = "cri-o",
		[CONTAINER_RUNTIME_PODMAN] = "podman",
		[CONTAINER_RUNTIME_LXC] = "lxc",
		[CONTAINER_RUNTIME_CRUN] = "crun",
		[CONTAINER_RUNTIME_RUNC] = "runc",
		[CONTAINER_RUNTIME_NSPAWN] = "systemd-nspawn",
		[CONTAINER_RUNTIME_APPTAINER] = "apptainer",
		[CONTAINER_RUNTIME_BUILDKIT] = "buildkit",
		[CONTAINER_RUNTIME_GARDEN] = "garden",
	};

	return (unsigned int)runtime < sizeof(names) / sizeof(*names) ? names[runtime] : NULL;
}
