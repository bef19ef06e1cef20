/*
 * libbpf hands a program to the kernel by one function of its own, which the linker replaces by ours (--wrap in the
 * Makefile). By then calls and maps are resolved, so it is enough to cut one function out, put another in, and mend what
 * crosses the place: calls to functions behind it, and the tables of functions and lines.
 */
#include "kernel/splice.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/again.h"

static struct {
	const struct btf *types;
	const char *function;
	const struct bpf_insn *body;
	size_t count;
	bool too_large;
} spliced;

void splice_begin(const struct btf *types, const char *function, const struct bpf_insn *body, size_t count)
{
	spliced.types = types;
	spliced.function = function;
	spliced.body = body;
	spliced.count = count;
	spliced.too_large = false;
}

void splice_end(void)
{
	spliced.body = NULL;
}

/* Where the function lies in a program; `from` == `to`: it is not there. */
struct place {
	size_t from, to;
	long shift;		/* of what lies behind it */
};

static struct place find_place(const struct bpf_prog_load_opts *options, size_t count)
{
	struct place place = { 0 };

	for (__u32 i = 0; i < options->func_info_cnt; i++) {
		const struct bpf_func_info *info = (const void *)((const char *)options->func_info +
								  i * options->func_info_rec_size);
		const struct btf_type *type = btf__type_by_id(spliced.types, info->type_id);

		if (place.to == count && place.from != count && info->insn_off > place.from) {
			place.to = info->insn_off;
			break;
		}
		if (type && !strcmp(btf__name_by_offset(spliced.types, type->name_off), spliced.function))
			place = (struct place){ .from = info->insn_off, .to = count };
	}
	place.shift = (long)spliced.count - (long)(place.to - place.from);
	return place;
}

static size_t moved(const struct place *place, size_t at)
{
	return at >= place->to ? at + place->shift : at;
}

static bool is_call(const struct bpf_insn *insn)
{
	return insn->code == (BPF_JMP | BPF_CALL) && insn->src_reg == BPF_PSEUDO_CALL;
}

static bool is_function_address(const struct bpf_insn *insn)
{
	return insn->code == (BPF_LD | BPF_IMM | BPF_DW) && insn->src_reg == BPF_PSEUDO_FUNC;
}

/* Calls name their target by its distance. */
static void mend_calls(const struct place *place, const struct bpf_insn *old, size_t count, struct bpf_insn *made)
{
	for (size_t i = 0; i < count; i++) {
		size_t to = moved(place, i);

		if (i >= place->from && i < place->to)
			continue;
		if (is_call(&old[i]) || is_function_address(&old[i]))
			made[to].imm = moved(place, i + old[i].imm + 1) - to - 1;
		if (old[i].code == (BPF_LD | BPF_IMM | BPF_DW))
			i++; /* two instructions long */
	}
}

static struct bpf_insn *cut_and_join(const struct place *place, const struct bpf_insn *old, size_t count)
{
	struct bpf_insn *made = malloc((count + place->shift) * sizeof(*made));

	if (!made)
		return NULL;
	memcpy(made, old, place->from * sizeof(*old));
	memcpy(made + place->from, spliced.body, spliced.count * sizeof(*old));
	memcpy(made + place->from + spliced.count, old + place->to, (count - place->to) * sizeof(*old));
	mend_calls(place, old, count, made);
	return made;
}

/* Both tables begin each row with the number of an instruction. Rows within the function go, but for its first. */
static void *mend_table(const struct place *place, const void *rows, __u32 *count, __u32 size)
{
	char *made = malloc((size_t)*count * size + 1);
	__u32 kept = 0;

	for (__u32 i = 0; made && i < *count; i++) {
		const char *row = (const char *)rows + (size_t)i * size;
		__u32 at;

		memcpy(&at, row, sizeof(at));
		if (at > place->from && at < place->to)
			continue;
		memcpy(made + (size_t)kept * size, row, size);
		at = moved(place, at);
		memcpy(made + (size_t)kept++ * size, &at, sizeof(at));
	}
	*count = kept;
	return made;
}

int __real_bpf_prog_load(enum bpf_prog_type type, const char *name, const char *license, const struct bpf_insn *insns,
			 size_t count, const struct bpf_prog_load_opts *options);
int __wrap_bpf_prog_load(enum bpf_prog_type type, const char *name, const char *license, const struct bpf_insn *insns,
			 size_t count, const struct bpf_prog_load_opts *options);

static int hand_over(enum bpf_prog_type type, const char *name, const char *license, const struct bpf_insn *insns,
		     size_t count, const struct bpf_prog_load_opts *options)
{
	again_see(type, name, insns, count, options);
	return __real_bpf_prog_load(type, name, license, insns, count, options);
}

int __wrap_bpf_prog_load(enum bpf_prog_type type, const char *name, const char *license, const struct bpf_insn *insns,
			 size_t count, const struct bpf_prog_load_opts *options)
{
	struct bpf_prog_load_opts changed;
	struct bpf_insn *made;
	struct place place;
	void *functions, *lines;
	int fd = -ENOMEM;

	/* libbpf asks again for a log, with ever more room; what took the verifier seconds would take it minutes */
	if (spliced.body && spliced.too_large) {
		errno = E2BIG;
		return -E2BIG;
	}
	if (!spliced.body || !options || !options->func_info_cnt)
		return hand_over(type, name, license, insns, count, options);
	place = find_place(options, count);
	if (place.from == place.to)
		return hand_over(type, name, license, insns, count, options);
	changed = *options;
	made = cut_and_join(&place, insns, count);
	functions = mend_table(&place, options->func_info, &changed.func_info_cnt, options->func_info_rec_size);
	lines = mend_table(&place, options->line_info, &changed.line_info_cnt, options->line_info_rec_size);
	changed.func_info = functions;
	changed.line_info = lines;
	if (made && functions && lines)
		fd = hand_over(type, name, license, made, count + place.shift, &changed);
	spliced.too_large = fd == -E2BIG || fd == -EFAULT;	/* the second: too many branches wait to be followed */
	free(made);
	free(functions);
	free(lines);
	return fd;
}
