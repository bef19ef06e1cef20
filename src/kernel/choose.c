#include "kernel/choose.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <linux/btf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "kernel/object.h"
#include "kernel/types.h"

#define QUERIES_MAX 192

struct choose {
	const struct features *features;
	struct type_query queries[QUERIES_MAX];
	size_t query_count;
	int trampoline_error, lsm_error;	/* of a trial load; 1: not tried yet */
	char text[200];
};


enum attachment { PLAIN, TP_BTF, TRAMPOLINE, LSM, KPROBE, ITERATOR };

static enum attachment attachment_of(const char *section, const char **target)
{
	static const struct {
		const char *prefix;
		enum attachment attachment;
	} prefixes[] = {
		{ "tp_btf/", TP_BTF }, { "fentry/", TRAMPOLINE }, { "fexit/", TRAMPOLINE },
		{ "fmod_ret/", TRAMPOLINE }, { "lsm/", LSM }, { "kprobe/", KPROBE }, { "kretprobe/", KPROBE },
		{ "iter/", ITERATOR }, { "kretprobe.multi/", KPROBE },
	};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		size_t length = strlen(prefixes[i].prefix);

		if (!strncmp(section, prefixes[i].prefix, length)) {
			*target = section + length;
			return prefixes[i].attachment;
		}
	}
	return PLAIN;
}

static bool query_of(struct type_query *query, const char *section)
{
	const char *target;

	memset(query, 0, sizeof(*query));
	query->kind = BTF_KIND_FUNC;
	switch (attachment_of(section, &target)) {
	case TP_BTF:
		query->kind = BTF_KIND_TYPEDEF;
		snprintf(query->name, sizeof(query->name), "btf_trace_%s", target);
		return true;
	case TRAMPOLINE:
		snprintf(query->name, sizeof(query->name), "%s", target);
		return true;
	case LSM:
		snprintf(query->name, sizeof(query->name), "bpf_lsm_%s", target);
		return true;
	case ITERATOR:
		snprintf(query->name, sizeof(query->name), "bpf_iter_%s", target);
		return true;
	default:
		return false;
	}
}

static void add_query(struct choose *choose, const struct type_query *query)
{
	if (choose->query_count < QUERIES_MAX)
		choose->queries[choose->query_count++] = *query;
}

static void needed(struct type_query *query, const char *function)
{
	memset(query, 0, sizeof(*query));
	query->kind = BTF_KIND_FUNC;
	snprintf(query->name, sizeof(query->name), "%s", function);
}

/* Functions by which choose_has() is asked. */
static const char *const asked[] = { CHOOSE_ALLOCATES, CHOOSE_CASTS };

static void query_needs(struct choose *choose)
{
	struct type_query query;

	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		needed(&query, asked[i]);
		add_query(choose, &query);
	}

	for (const struct sensor *const *sensor = sensors; *sensor; sensor++)
		for (const struct point *point = (*sensor)->points; point->name; point++)
			for (const struct rung *rung = point->rungs; rung->name; rung++)
				if (rung->needs) {
					needed(&query, rung->needs);
					add_query(choose, &query);
				}
}

struct choose *choose_new(const struct features *features, struct bpf_object *object)
{
	struct choose *choose = xcalloc(1, sizeof(*choose));
	struct bpf_program *program;
	struct type_query query;

	choose->features = features;
	choose->trampoline_error = choose->lsm_error = 1;
	if (!object)
		return choose;
	bpf_object__for_each_program(program, object)
		if (query_of(&query, bpf_program__section_name(program)))
			add_query(choose, &query);
	query_needs(choose);
	types_find(choose->queries, choose->query_count);
	return choose;
}

void choose_free(struct choose *choose)
{
	free(choose);
}

static u32 type_id(const struct choose *choose, const struct type_query *query)
{
	for (size_t i = 0; i < choose->query_count; i++)
		if (choose->queries[i].kind == query->kind && !strcmp(choose->queries[i].name, query->name))
			return choose->queries[i].id;
	return 0;
}

static int try_program(enum bpf_prog_type type, enum bpf_attach_type attach, u32 id, const struct bpf_insn *program)
{
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = attach, .attach_btf_id = id);
	int fd = bpf_prog_load(type, "sonde_probe", "GPL", program, 2, &options);

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int try_load(enum bpf_prog_type type, enum bpf_attach_type attach, u32 id)
{
	const struct bpf_insn program[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return try_program(type, attach, id, program);
}

/* Has a tracepoint so many arguments? The verifier knows, and refuses a program that reads one more. */
static bool has_arguments(const struct choose *choose, struct bpf_object *object, const char *name, unsigned count)
{
	const struct bpf_insn program[] = {
		{ .code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = 0, .src_reg = 1, .off = (count - 1) * 8 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	struct bpf_program *of = bpf_object__find_program_by_name(object, name);
	struct type_query query;

	return of && query_of(&query, bpf_program__section_name(of)) &&
	       !try_program(BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, type_id(choose, &query), program);
}

static const char *object_to(struct choose *choose, const char *format, const char *what)
{
	snprintf(choose->text, sizeof(choose->text), format, what);
	return choose->text;
}

const char *choose_objection(struct choose *choose, struct bpf_object *object, const char *name)
{
	struct bpf_program *program = bpf_object__find_program_by_name(object, name);
	const char *section = program ? bpf_program__section_name(program) : "";
	struct type_query query;
	const char *target = "";
	enum attachment attachment = attachment_of(section, &target);
	u32 id = 0;

	if (!program)
		return object_to(choose, "there is no program %s", name);
	if (query_of(&query, section)) {
		id = type_id(choose, &query);
		if (!id && attachment == TP_BTF)
			return object_to(choose, "this kernel has no tracepoint %s", target);
		if (!id)
			return object_to(choose, "this kernel has no function %s to attach to", target);
	}
	if (attachment == KPROBE && !choose->features->kprobes)
		return "this kernel has no kprobes";
	if (attachment == LSM && !choose->features->lsm)
		return "BPF is not among the active security modules (boot with lsm=...,bpf)";
	if (attachment == LSM && choose->lsm_error == 1)
		choose->lsm_error = try_load(BPF_PROG_TYPE_LSM, BPF_LSM_MAC, id);
	if (attachment == LSM && choose->lsm_error)
		return object_to(choose, "the kernel refuses LSM programs: %s", strerror(-choose->lsm_error));
	if (attachment == TRAMPOLINE && choose->trampoline_error == 1)
		choose->trampoline_error = try_load(BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, id);
	if (attachment == TRAMPOLINE && choose->trampoline_error)
		return object_to(choose, "the kernel refuses fentry programs: %s", strerror(-choose->trampoline_error));
	return NULL;
}

const char *choose_rung_objection(struct choose *choose, struct bpf_object *object, const struct rung *rung)
{
	const char *why = NULL;
	struct type_query query;

	if (rung->needs) {
		needed(&query, rung->needs);
		if (!type_id(choose, &query))
			return rung->lacks ? rung->lacks : object_to(choose, "this kernel has no %s", rung->needs);
	}
	for (const char *const *name = rung->programs; *name && !why; name++) {
		why = choose_objection(choose, object, *name);
		if (!why && !name[1] && rung->arguments && !has_arguments(choose, object, *name, rung->arguments))
			why = rung->lacks;
	}
	return why;
}

bool choose_has(const struct choose *choose, const char *function)
{
	struct type_query query;

	needed(&query, function);
	return type_id(choose, &query) != 0;
}

bool choose_forbidden(const struct point *point, const struct rung *rung)
{
	const char *at = getenv("SONDE_RUNG");
	size_t length = strlen(point->name);

	while (at && *at) {
		if (!strncmp(at, point->name, length) && at[length] == '=') {
			const char *wanted = at + length + 1;

			return strncmp(wanted, rung->name, strlen(rung->name)) ||
			       !strchr(",", wanted[strlen(rung->name)]);
		}
		at = strchr(at, ',');
		at = at ? at + 1 : NULL;
	}
	return false;
}
