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

#define SPLICES 2

struct splice {
	const struct btf *types;
	const char *function;
	const struct bpf_insn *body;
	size_t count;
};

static struct splice splices[SPLICES];
static size_t splice_count;
static bool too_large;

void splice_begin(const struct btf *types, const char *function, const struct bpf_insn *body, size_t count)
{
	if (!splice_count)
		too_large = false;
	splices[splice_count++] = (struct splice){ .types = types, .function = function, .body = body, .count = count };
}

void splice_end(void)
{
	splice_count = 0;
}

/* A program as it is handed to the kernel. */
struct made {
	const struct bpf_insn *insns;
	size_t count;
	struct bpf_prog_load_opts options;
};

/* Where the function lies in a program; `from` == `to`: it is not there. */
struct place {
	size_t from, to;
	long shift;		/* of what lies behind it */
};

static struct place find_place(const struct splice *splice, const struct bpf_prog_load_opts *options, size_t count)
{
	struct place place = { 0 };

	for (__u32 i = 0; i < options->func_info_cnt; i++) {
		const struct bpf_func_info *info = (const void *)((const char *)options->func_info +
								  i * options->func_info_rec_size);
		const struct btf_type *type = btf__type_by_id(splice->types, info->type_id);

		if (place.to == count && place.from != count && info->insn_off > place.from) {
			place.to = info->insn_off;
			break;
		}
		if (type && !strcmp(btf__name_by_offset(splice->types, type->name_off), splice->function))
			place = (struct place){ .from = info->insn_off, .to = count };
	}
	place.shift = (long)splice->count - (long)(place.to - place.from);
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

static struct bpf_insn *cut_and_join(const struct splice *splice, const struct place *place, const struct bpf_insn *old,
				     size_t count)
{
	struct bpf_insn *made = malloc((count + place->shift) * sizeof(*made));

	if (!made)
		return NULL;
	memcpy(made, old, place->from * sizeof(*old));
	memcpy(made + place->from, splice->body, splice->count * sizeof(*old));
	memcpy(made + place->from + splice->count, old + place->to, (count - place->to) * sizeof(*old));
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

/* What it was before is the caller's. */
static bool put_in(const struct splice *splice, struct made *made)
{
	struct place place = find_place(splice, &made->options, made->count);

	if (place.from == place.to)
		return true;
	made->insns = cut_and_join(splice, &place, made->insns, made->count);
	made->count += place.shift;
	made->options.func_info = mend_table(&place, made->options.func_info, &made->options.func_info_cnt,
					     made->options.func_info_rec_size);
	made->options.line_info = mend_table(&place, made->options.line_info, &made->options.line_info_cnt,
					     made->options.line_info_rec_size);
	return made->insns && made->options.func_info && made->options.line_info;
}

static void forget(const struct made *made, const struct made *before)
{
	if (made->insns != before->insns)
		free((void *)made->insns);
	if (made->options.func_info != before->options.func_info)
		free((void *)made->options.func_info);
	if (made->options.line_info != before->options.line_info)
		free((void *)made->options.line_info);
}

int __wrap_bpf_prog_load(enum bpf_prog_type type, const char *name, const char *license, const struct bpf_insn *insns,
			 size_t count, const struct bpf_prog_load_opts *options)
{
	struct made made[SPLICES + 1];
	size_t done = 0;
	bool good = true;
	int fd = -ENOMEM;

	/* libbpf asks again for a log, with ever more room; what took the verifier seconds would take it minutes */
	if (splice_count && too_large) {
		errno = E2BIG;
		return -E2BIG;
	}
	if (!splice_count || !options || !options->func_info_cnt)
		return hand_over(type, name, license, insns, count, options);
	made[0] = (struct made){ .insns = insns, .count = count, .options = *options };
	for (; done < splice_count && good; done++) {
		made[done + 1] = made[done];
		good = put_in(&splices[done], &made[done + 1]);
	}
	if (good)
		fd = hand_over(type, name, license, made[done].insns, made[done].count, &made[done].options);
	too_large = fd == -E2BIG || fd == -EFAULT;	/* the second: too many branches wait to be followed */
	for (; done; done--)
		forget(&made[done], &made[done - 1]);
	return fd;
}
