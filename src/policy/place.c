/*
 * Which rung a hook is put on. A function of the security modules can be seen as LSM hook and as function; what is asked for
 * decides: to deny LSM is best, a modified return next. Where nothing can hang at a function, stand_in.def may know another
 * point that shows the same.
 */
#include "policy/place.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kernel/tracefs.h"
#include "policy/place_kernel.h"
#include "wire/policy_config.h"

static const struct stand_in {
	enum policy_stand_in id;
	const char *function;
	enum policy_rung rung;
	const char *target;
	bool prevents;
	const char *lost;
} stand_ins[] = {
#define STAND_IN(name, function, rung, target, prevents, lost) { STAND_IN_##name, function, rung, target, prevents, lost },
#include "policy/stand_in.def"
#undef STAND_IN
};

#define STAND_INS (sizeof(stand_ins) / sizeof(*stand_ins))

/* LSM hooks whose function is not called security_HOOK. */
static const char *const hook_functions[][2] = {
	{ "bprm_check_security", "security_bprm_check" },
	{ "path_post_mknod", "security_path_post_mknod" },
};

static int refuse(struct policy_place *place, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int refuse(struct policy_place *place, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(place->why, sizeof(place->why), format, arguments);
	va_end(arguments);
	place->rung = RUNG_NONE;
	return -ENOENT;
}

static int take(struct policy_place *place, enum policy_rung rung, const char *target, bool prevents)
{
	place->rung = rung;
	place->prevents = prevents;
	snprintf(place->target, sizeof(place->target), "%s", target);
	return 0;
}

static u32 parameters_of(struct policy_kernel *kernel, u32 function)
{
	const struct btf_type *prototype = kernel_prototype(kernel, function);

	return prototype ? btf_vlen(prototype) : 0;
}

static u32 bare(const struct btf *btf, u32 id)
{
	const struct btf_type *type = btf__type_by_id(btf, id);

	while (id && (btf_is_mod(type) || btf_is_ptr(type))) {
		id = type->type;
		type = btf__type_by_id(btf, id);
	}
	return id;
}

/* Has the LSM hook the function's parameters? const apart. */
static bool same_parameters(struct policy_kernel *kernel, u32 left, u32 right)
{
	const struct btf_type *one = kernel_prototype(kernel, left), *other = kernel_prototype(kernel, right);

	if (!one || !other || btf_vlen(one) != btf_vlen(other))
		return false;
	for (u32 i = 0; i < btf_vlen(one); i++)
		if (bare(kernel->btf, btf_params(one)[i].type) != bare(kernel->btf, btf_params(other)[i].type))
			return false;
	return true;
}

static void hook_of(const char *function, char *hook, size_t size)
{
	snprintf(hook, size, "%s", function + strlen("security_"));
	for (size_t i = 0; i < sizeof(hook_functions) / sizeof(*hook_functions); i++)
		if (!strcmp(hook_functions[i][1], function))
			snprintf(hook, size, "%s", hook_functions[i][0]);
}

static void function_of(const char *hook, char *function, size_t size)
{
	snprintf(function, size, "security_%s", hook);
	for (size_t i = 0; i < sizeof(hook_functions) / sizeof(*hook_functions); i++)
		if (!strcmp(hook_functions[i][0], hook))
			snprintf(function, size, "%s", hook_functions[i][1]);
}

static bool is_tracepoint_here(const struct policy_kernel *kernel, const struct stand_in *row)
{
	return row->rung != RUNG_RAW || kernel_tracepoint(kernel, row->target);
}

/* What is told at the end of a call has been done, and so it is at some tracepoints. */
static bool is_late(const struct stand_in *row)
{
	static const char *const late[] = { "sys_exit", "sock_send_length", "sched_process_fork", "signal_generate", NULL };

	for (const char *const *target = late; *target; target++)
		if (row->rung == RUNG_RAW && !strcmp(row->target, *target))
			return true;
	return false;
}

static int place_stand_in(const char *function, bool deny, struct policy_kernel *kernel, struct policy_place *place)
{
	const struct stand_in *found = NULL;

	for (size_t i = 0; i < STAND_INS; i++) {
		const struct stand_in *row = &stand_ins[i];
		bool denies = row->rung == RUNG_CGROUP && row->prevents;

		if (strcmp(row->function, function) || !is_tracepoint_here(kernel, row) || (denies && (!deny || (kernel->here &&
		    !kernel->features->cgroup2_path))))
			continue;
		if (!found || (deny && row->prevents && !found->prevents))
			found = row;
	}
	if (!found)
		return -ENOENT;
	take(place, found->rung == RUNG_RAW ? RUNG_STAND_IN : found->rung, found->target, found->prevents);
	place->stand_in = found->id;
	place->lost = found->lost;
	place->late = is_late(found);
	return 0;
}

/* Bit per parameter that the hook reads. */
static u8 asked_of(const struct policy_hook *hook)
{
	u32 asked = 0;

	for (u32 i = 0; i < hook->argument_count; i++) {
		const struct policy_argument *argument = &hook->arguments[i];

		if (argument->source == FROM_PARAMETER && argument->index < 8)
			asked |= 1U << argument->index;
		if (argument->size_index > 0 && argument->size_index <= 8)
			asked |= 1U << (argument->size_index - 1);
	}
	return asked;
}

/* Can all that is asked be read at this rung? What cannot be is not loaded. */
static bool may_read(u32 id, bool lsm, u8 asked, struct policy_kernel *kernel, struct policy_place *place)
{
	place->readable = kernel_readable(kernel, id, lsm);
	return !(asked & ((1U << POLICY_PARAMETERS) - 1) & ~place->readable);
}

/* fentry and kprobe on one function. */
static int place_probe(const char *function, u32 id, u8 asked, bool deny, struct policy_kernel *kernel, struct policy_place *place)
{
	bool enters = id && kernel_has_fentry(kernel, id, false) && may_read(id, false, asked, kernel, place);
	bool modifies = deny && enters && kernel_has_fentry(kernel, id, true);

	place->parameters = parameters_of(kernel, id);
	if (enters) {
		take(place, RUNG_FENTRY, function, modifies);
		if (!deny || modifies || !kernel_has_override(kernel) || !strncmp(function, "security_", 9))
			return 0;
	}
	if (kernel_has_kprobes(kernel))
		return take(place, RUNG_KPROBE, function, deny && kernel_has_override(kernel) && strncmp(function, "security_", 9) &&
			    (!kernel->here || !kernel->may_try || kernel_function(kernel, "within_error_injection_list")));
	return place->rung == RUNG_FENTRY ? 0 : -ENOENT;
}

static void explain_missing(const struct policy_hook *hook, const char *function, struct policy_kernel *kernel,
			    struct policy_place *place)
{
	char nearest[128];

	kernel_nearest_function(kernel, function, "", nearest, sizeof(nearest));
	refuse(place, "there is no function %s in %s%s%s", function, kernel->here ? "this kernel" : "that kernel",
	       *nearest ? ", " : kernel->here ? "; /proc/kallsyms names all" : "", nearest);
	if (hook->may_lack)
		snprintf(place->why, sizeof(place->why), "%s has no function %s: the hook is left out (callNotFound)",
			 kernel->here ? "this kernel" : "that kernel", function);
}

static int place_function(const struct policy_hook *hook, const char *function, bool deny, struct policy_kernel *kernel,
			  struct policy_place *place)
{
	u32 id = kernel_function(kernel, function), lsm;
	char hook_name[96], lsm_name[112];
	bool unnamed = !id && kernel_has_kprobes(kernel) && kernel_has_symbol(kernel, function);

	if (!id && !unnamed) {
		if (hook->may_lack || place_stand_in(function, deny, kernel, place)) {
			explain_missing(hook, function, kernel, place);
			return -ENOENT;
		}
		/* What the tracepoint has stands for parameters that nobody knows. */
		place->parameters = 6;
		return 0;
	}
	if (!strncmp(function, "security_", 9) && !hook->returns && kernel_has_lsm(kernel)) {
		hook_of(function, hook_name, sizeof(hook_name));
		snprintf(lsm_name, sizeof(lsm_name), "bpf_lsm_%s", hook_name);
		lsm = kernel_function(kernel, lsm_name);
		if (same_parameters(kernel, id, lsm) && kernel_has_lsm_hook(kernel, lsm) &&
		    may_read(lsm, true, asked_of(hook), kernel, place)) {
			place->parameters = parameters_of(kernel, lsm);
			return take(place, RUNG_LSM, hook_name, true);
		}
	}
	if (!place_probe(function, id, asked_of(hook), deny, kernel, place) && (!deny || place->prevents))
		return 0;
	/* Denied elsewhere is better than only seen here. */
	if (place->rung != RUNG_NONE) {
		struct policy_place other = { 0 };

		if (!place_stand_in(function, true, kernel, &other) && other.prevents)
			*place = other;
		return 0;
	}
	if (!place_stand_in(function, deny, kernel, place)) {
		place->parameters = parameters_of(kernel, id);
		return 0;
	}
	return refuse(place, "%s has neither kprobes nor fentry, and nothing else shows what %s sees",
		      kernel->here ? "this kernel" : "that kernel", function);
}

static bool uses_late_parameters(const struct policy_hook *hook)
{
	for (u32 i = 0; i < hook->argument_count; i++)
		if (hook->arguments[i].index > 0)
			return true;
	return false;
}

static int place_lsm(const struct policy_hook *hook, const char *name, bool deny, struct policy_kernel *kernel,
		     struct policy_place *place)
{
	char lsm_name[112], function[112], nearest[128];
	u32 lsm, id;

	snprintf(lsm_name, sizeof(lsm_name), "bpf_lsm_%s", name);
	lsm = kernel_function(kernel, lsm_name);
	if (kernel_has_lsm_hook(kernel, lsm) && may_read(lsm, true, asked_of(hook), kernel, place)) {
		place->parameters = parameters_of(kernel, lsm);
		return take(place, RUNG_LSM, name, true);
	}
	function_of(name, function, sizeof(function));
	id = kernel_function(kernel, function);
	/* Without BPF among the modules, the function that asks them all sees the same, before they answer. */
	if (id && (!lsm || same_parameters(kernel, lsm, id) || !uses_late_parameters(hook)) &&
	    !place_probe(function, id, asked_of(hook), deny, kernel, place)) {
		place->lost = "seen before the other security modules answer, so also what they deny";
		return 0;
	}
	if (!place_stand_in(function, deny, kernel, place)) {
		place->parameters = parameters_of(kernel, id);
		return 0;
	}
	if (lsm || id)
		return refuse(place, "BPF is not among the active security modules (boot with lsm=...,bpf), and nothing else shows what %s "
			      "sees", name);
	kernel_nearest_function(kernel, name, "bpf_lsm_", nearest, sizeof(nearest));
	return refuse(place, "there is no LSM hook %s%s%s", name, *nearest ? ", " : "; they are named like file_open, bprm_check_security",
		      nearest);
}

/* The function of a system call, by the names that architectures give it. */
static u32 call_function(struct policy_kernel *kernel, const char *call, char *function, size_t size)
{
	static const char *const natives[] = { "__x64_sys_", "__arm64_sys_", "__se_sys_", NULL };
	static const char *const others[] = { "__ia32_compat_sys_", "__ia32_sys_", "__arm64_compat_sys_", NULL };
	bool is_32 = !strncmp(call, "i386/", 5);
	u32 id;

	for (const char *const *prefix = is_32 ? others : natives; *prefix; prefix++) {
		snprintf(function, size, "%s%s", *prefix, is_32 ? call + 5 : call);
		id = kernel_function(kernel, function);
		if (id)
			return id;
	}
	return 0;
}

/* Many calls by one tracepoint cost less than a program each. */
static bool are_many(const struct policy_hook *hook)
{
	u32 count = 0;

	while (hook->targets && hook->targets[count] && count <= 8)
		count++;
	return count > 8;
}

#define CALL_REGISTERS 1	/* the one parameter of a call's function: where all that it was given lies */

static int place_call(const struct policy_hook *hook, const char *call, bool deny, struct policy_kernel *kernel,
		      struct policy_place *place)
{
	char function[112];
	u32 id = call_function(kernel, call, function, sizeof(function));

	if (id && (deny || !are_many(hook)) && !place_probe(function, id, CALL_REGISTERS, deny, kernel, place) &&
	    (place->prevents || !deny)) {
		place->late = hook->returns;
		return 0;
	}
	if (place->rung != RUNG_NONE) {
		/* Neither rung denies: the one that was found at least sees it. */
		place->late = hook->returns;
		place->lost = "this kernel lets nobody replace what a system call returns (CONFIG_FUNCTION_ERROR_INJECTION)";
		return 0;
	}
	if (!kernel_tracepoint(kernel, "sys_enter"))
		return refuse(place, "%s has no tracepoints of system calls (CONFIG_FTRACE_SYSCALLS)",
			      kernel->here ? "this kernel" : "that kernel");
	take(place, RUNG_CALL, call, false);
	place->parameters = 6;
	place->late = hook->returns;
	place->lost = deny ? "all calls of all processes take a slower way; calls cannot be denied here" :
			     "all calls of all processes take a slower way";
	return 0;
}

static int place_tracepoint(const struct policy_hook *hook, struct policy_kernel *kernel, struct policy_place *place)
{
	const struct btf_type *prototype = kernel_tracepoint(kernel, hook->target);
	char nearest[128];
	int id;

	if (hook->attach == ATTACH_RAW_TRACEPOINT && prototype) {
		place->parameters = btf_vlen(prototype) - 1;
		place->readable = 0xff;
		return take(place, RUNG_RAW, hook->target, false);
	}
	if (hook->attach == ATTACH_TRACEPOINT) {
		id = kernel->here ? tracefs_id(hook->subsystem, hook->target) : prototype || !strcmp(hook->subsystem, "syscalls") ?
									  1 : -ENOENT;
		if (id > 0)
			return take(place, RUNG_FORMAT, hook->target, false);
		if (id != -ENOENT)
			return refuse(place, "the tracepoint's format cannot be read: %s", strerror(-id));
	}
	kernel_nearest_tracepoint(kernel, hook->target, nearest, sizeof(nearest));
	return refuse(place, "there is no tracepoint %s/%s in %s%s%s", hook->subsystem, hook->target,
		      kernel->here ? "this kernel" : "that kernel", *nearest ? ", " : "", nearest);
}

int policy_place(const struct policy_hook *hook, const char *target, bool deny, struct policy_kernel *kernel,
		 struct policy_place *place)
{
	*place = (struct policy_place){ 0 };
	switch (hook->attach) {
	case ATTACH_FUNCTION:
		return place_function(hook, target, deny, kernel, place);
	case ATTACH_LSM:
		return place_lsm(hook, target, deny, kernel, place);
	case ATTACH_SYSCALL:
		return place_call(hook, target, deny, kernel, place);
	case ATTACH_TRACEPOINT:
	case ATTACH_RAW_TRACEPOINT:
		return place_tracepoint(hook, kernel, place);
	case ATTACH_UPROBE:
		if (kernel->here && access(target, R_OK))
			return refuse(place, "%s cannot be read: %s", target, strerror(errno));
		take(place, RUNG_UPROBE, target, false);
		place->lost = "programs that were given another copy of the file";
		return 0;
	case ATTACH_POINT:
		break;
	}
	return refuse(place, "%s is a point, and is seen in events", target);
}

const char *policy_rung_name(enum policy_rung rung)
{
	static const char *const names[] = {
		[RUNG_NONE] = "none", [RUNG_LSM] = "lsm", [RUNG_FENTRY] = "fentry", [RUNG_KPROBE] = "kprobe", [RUNG_CALL] = "call",
		[RUNG_FORMAT] = "tracepoint", [RUNG_RAW] = "raw tracepoint", [RUNG_UPROBE] = "uprobe", [RUNG_CGROUP] = "cgroup",
		[RUNG_STAND_IN] = "stand-in",
	};

	return names[rung];
}
