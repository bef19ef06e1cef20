/*
 * Of the running kernel a trial program says what works: two instructions, loaded and dropped, cost less than a message
 * later. Of another kernel there are only its types, in which the functions that make up a rung stand like all others.
 */
#include "policy/place_kernel.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/nearest.h"
#include "wire/policy_config.h"

#define TYPES_HERE "/sys/kernel/btf/vmlinux"
#define NEAREST_SHOWN 3

static u64 hash(const char *name)
{
	u64 value = 14695981039346656037ULL;

	while (*name)
		value = (value ^ (unsigned char)*name++) * 1099511628211ULL;
	return value;
}

static void index_functions(struct policy_kernel *kernel)
{
	u32 count = btf__type_cnt(kernel->btf);

	for (u32 id = 1; id < count; id++) {
		const struct btf_type *type = btf__type_by_id(kernel->btf, id);
		u64 key;

		if (!btf_is_func(type))
			continue;
		key = hash(btf__name_by_offset(kernel->btf, type->name_off));
		if (!table_get(&kernel->functions, key))
			table_put(&kernel->functions, key, (void *)(uintptr_t)id);
	}
}

struct policy_kernel *policy_kernel_open(const char *types, const struct features *features, struct policy_error *error)
{
	struct policy_kernel *kernel = xcalloc(1, sizeof(*kernel));
	libbpf_print_fn_t print;
	int failed;

	kernel->features = features;
	kernel->here = !types;
	kernel->may_try = !types && features->privileged;
	kernel->lsm = kernel->fentry = kernel->kprobes = kernel->override = -1;
	print = libbpf_set_print(NULL);
	kernel->btf = btf__parse(types ? types : TYPES_HERE, NULL);
	failed = errno;
	libbpf_set_print(print);
	if (!kernel->btf) {
		*error = (struct policy_error){ 0 };
		snprintf(error->text, sizeof(error->text), "the types in %.120s cannot be read: %s", types ? types : TYPES_HERE,
			 failed == ENOENT || failed == EACCES || failed == EPERM ? strerror(failed) : "it is no BTF");
		snprintf(error->mend, sizeof(error->mend), types ? "a BTF file is a copy of /sys/kernel/btf/vmlinux of that kernel" :
			 "the kernel needs CONFIG_DEBUG_INFO_BTF");
		free(kernel);
		return NULL;
	}
	index_functions(kernel);
	return kernel;
}

void policy_kernel_close(struct policy_kernel *kernel)
{
	if (!kernel)
		return;
	table_free(&kernel->functions);
	table_free(&kernel->tried);
	btf__free(kernel->btf);
	free(kernel);
}

u32 kernel_function(struct policy_kernel *kernel, const char *name)
{
	u32 id = (uintptr_t)table_get(&kernel->functions, hash(name));

	if (!id || strcmp(btf__name_by_offset(kernel->btf, btf__type_by_id(kernel->btf, id)->name_off), name))
		return 0;
	return id;
}

const struct btf_type *kernel_prototype(const struct policy_kernel *kernel, u32 function)
{
	const struct btf_type *type = function ? btf__type_by_id(kernel->btf, function) : NULL;

	type = type ? btf__type_by_id(kernel->btf, type->type) : NULL;
	return type && btf_is_func_proto(type) ? type : NULL;
}

const struct btf_type *kernel_tracepoint(const struct policy_kernel *kernel, const char *name)
{
	char typedefed[160];
	const struct btf_type *type;
	int id;

	snprintf(typedefed, sizeof(typedefed), "btf_trace_%s", name);
	id = btf__find_by_name_kind(kernel->btf, typedefed, BTF_KIND_TYPEDEF);
	type = id > 0 ? btf__type_by_id(kernel->btf, btf__type_by_id(kernel->btf, id)->type) : NULL;
	type = type && btf_is_ptr(type) ? btf__type_by_id(kernel->btf, type->type) : NULL;
	return type && btf_is_func_proto(type) ? type : NULL;
}

bool kernel_has_symbol(const struct policy_kernel *kernel, const char *name)
{
	FILE *file = kernel->here ? fopen("/proc/kallsyms", "re") : NULL;
	char line[512], symbol[256], kind;
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file))
		found = sscanf(line, "%*s %c %255s", &kind, symbol) == 2 && (kind == 't' || kind == 'T') && !strcmp(symbol, name);
	if (file)
		fclose(file);
	return found;
}

/* What a trial program does. */
enum trial {
	TRY_PLAIN = 0,
	TRY_READ = (1 << POLICY_PARAMETERS) - 1,	/* bit per parameter: loads it */
	TRY_FIRST = 1,
	TRY_OVERRIDE = TRY_READ + 1,		/* puts another result in place */
};

static bool try_load(enum bpf_prog_type type, enum bpf_attach_type attach, u32 id, u32 trial)
{
	struct bpf_insn program[POLICY_PARAMETERS + 4];
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = attach, .attach_btf_id = id,
		    .kern_version = LINUX_VERSION_CODE);
	u32 length = 0;
	int fd;

	for (u32 i = 0; i < POLICY_PARAMETERS; i++)
		if (trial >> i & 1)
			program[length++] = (struct bpf_insn){ .code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = 2, .src_reg = 1, .off = 8 * i };
	if (trial == TRY_OVERRIDE) {
		program[length++] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2, .imm = -1 };
		program[length++] = (struct bpf_insn){ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_override_return };
	}
	program[length++] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0 };
	program[length++] = (struct bpf_insn){ .code = BPF_JMP | BPF_EXIT };
	fd = bpf_prog_load(type, "sonde_probe", "GPL", program, length, &options);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* Once for each function: policies come by the hundred, and each asks. */
static bool may_load(struct policy_kernel *kernel, enum bpf_prog_type type, enum bpf_attach_type attach, u32 id, u32 trial)
{
	u64 key = (u64)id | (u64)attach << 32 | (u64)type << 44 | (u64)trial << 56;
	uintptr_t known = (uintptr_t)table_get(&kernel->tried, key);

	if (!known) {
		known = try_load(type, attach, id, trial) ? 2 : 1;
		table_put(&kernel->tried, key, (void *)known);
	}
	return known == 2;
}

bool kernel_has_lsm(struct policy_kernel *kernel)
{
	u32 hook = kernel->lsm < 0 ? kernel_function(kernel, "bpf_lsm_file_open") : 0;

	if (kernel->lsm < 0)
		kernel->lsm = hook && (!kernel->here || kernel->features->lsm) &&
			      (!kernel->may_try || try_load(BPF_PROG_TYPE_LSM, BPF_LSM_MAC, hook, TRY_PLAIN));
	return kernel->lsm;
}

/* Before 6.1 not where a parameter is a struct. */
bool kernel_has_lsm_hook(struct policy_kernel *kernel, u32 function)
{
	return function && kernel_has_lsm(kernel) &&
	       (!kernel->may_try || may_load(kernel, BPF_PROG_TYPE_LSM, BPF_LSM_MAC, function, TRY_PLAIN));
}

bool kernel_has_kprobes(struct policy_kernel *kernel)
{
	if (kernel->kprobes < 0)
		kernel->kprobes = kernel->here ? kernel->features->kprobes : kernel_function(kernel, "register_kprobe") != 0;
	return kernel->kprobes;
}

bool kernel_has_override(struct policy_kernel *kernel)
{
	if (kernel->override < 0)
		kernel->override = kernel_has_kprobes(kernel) && (kernel->may_try ? try_load(BPF_PROG_TYPE_KPROBE, 0, 0, TRY_OVERRIDE) :
						  kernel_function(kernel, "bpf_override_return") != 0);
	return kernel->override;
}

bool kernel_has_fentry(struct policy_kernel *kernel, u32 function, bool modify)
{
	const char *name = btf__name_by_offset(kernel->btf, btf__type_by_id(kernel->btf, function)->name_off);

	/* security_ functions may be modified always, others only where errors can be injected. */
	if (!kernel->may_try)
		return kernel_function(kernel, "bpf_trampoline_link_prog") &&
		       (!modify || !strncmp(name, "security_", 9) || kernel_function(kernel, "within_error_injection_list"));
	if (kernel->fentry < 0)
		kernel->fentry = try_load(BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, kernel_function(kernel, "do_exit"), TRY_PLAIN);
	/* What a system call was given lies behind its parameter, which the BTF of 5.10 only declares for some. */
	return kernel->fentry && may_load(kernel, BPF_PROG_TYPE_TRACING, modify ? BPF_MODIFY_RETURN : BPF_TRACE_FENTRY, function,
					  strstr(name, "_sys_") ? TRY_FIRST : TRY_PLAIN);
}

/* Mostly all may be. */
u8 kernel_readable(struct policy_kernel *kernel, u32 function, bool lsm)
{
	const struct btf_type *prototype = kernel_prototype(kernel, function);
	enum bpf_prog_type type = lsm ? BPF_PROG_TYPE_LSM : BPF_PROG_TYPE_TRACING;
	enum bpf_attach_type attach = lsm ? BPF_LSM_MAC : BPF_TRACE_FENTRY;
	u32 count = prototype ? btf_vlen(prototype) : 0, readable = 0;
	u32 all = TRY_READ >> (count < POLICY_PARAMETERS ? POLICY_PARAMETERS - count : 0);

	if (!kernel->may_try || may_load(kernel, type, attach, function, all))
		return all;
	for (u32 i = 0; i < POLICY_PARAMETERS; i++)
		if (all >> i & 1 && may_load(kernel, type, attach, function, 1U << i))
			readable |= 1U << i;
	return readable;
}

struct nearest {
	const char *names[NEAREST_SHOWN];
	unsigned int distances[NEAREST_SHOWN];
};

static void consider(struct nearest *nearest, const char *typed, const char *name)
{
	unsigned int distance = nearest_distance(typed, name);
	int at = NEAREST_SHOWN;

	if (distance == NEAREST_TOO_FAR)
		return;
	for (int i = 0; i < NEAREST_SHOWN; i++)
		if (nearest->names[i] && !strcmp(nearest->names[i], name))
			return;
	while (at && (!nearest->names[at - 1] || nearest->distances[at - 1] > distance))
		at--;
	if (at == NEAREST_SHOWN)
		return;
	for (int i = NEAREST_SHOWN - 1; i > at; i--) {
		nearest->names[i] = nearest->names[i - 1];
		nearest->distances[i] = nearest->distances[i - 1];
	}
	nearest->names[at] = name;
	nearest->distances[at] = distance;
}

static void show(const struct nearest *nearest, char *out, size_t size)
{
	size_t used = 0;

	*out = '\0';
	for (int i = 0; i < NEAREST_SHOWN && nearest->names[i] && used < size; i++) {
		bool last = i == NEAREST_SHOWN - 1 || !nearest->names[i + 1];

		used += snprintf(out + used, size - used, "%s%s%s", !i ? "did you mean " : last ? " or " : ", ", nearest->names[i],
				 last ? "?" : "");
	}
}

static void nearest_of_kind(struct policy_kernel *kernel, const char *name, const char *prefix, bool typedefs, char *out, size_t size)
{
	struct nearest nearest = { 0 };
	u32 count = btf__type_cnt(kernel->btf);

	for (u32 id = 1; id < count; id++) {
		const struct btf_type *type = btf__type_by_id(kernel->btf, id);
		const char *candidate = btf__name_by_offset(kernel->btf, type->name_off);

		if ((typedefs ? btf_is_typedef(type) : btf_is_func(type)) && !strncmp(candidate, prefix, strlen(prefix)))
			consider(&nearest, name, candidate + strlen(prefix));
	}
	show(&nearest, out, size);
}

void kernel_nearest_function(struct policy_kernel *kernel, const char *name, const char *prefix, char *out, size_t size)
{
	nearest_of_kind(kernel, name, prefix, false, out, size);
}

void kernel_nearest_tracepoint(struct policy_kernel *kernel, const char *name, char *out, size_t size)
{
	nearest_of_kind(kernel, name, "btf_trace_", true, out, size);
}
