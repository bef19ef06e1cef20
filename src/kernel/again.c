#include "kernel/again.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wire/settings.h"

static const char *wanted;

static struct {
	enum bpf_prog_type type;
	char name[32];
	struct bpf_insn *insns;
	size_t count;
	void *functions;
	struct bpf_prog_load_opts options;
} kept;

void again_begin(const char *program)
{
	again_forget();
	wanted = program;
}

void again_end(void)
{
	wanted = NULL;
}

void again_forget(void)
{
	free(kept.insns);
	free(kept.functions);
	memset(&kept, 0, sizeof(kept));
}

static void *copy_of(const void *from, size_t size)
{
	void *copy = size ? malloc(size) : NULL;

	return copy ? memcpy(copy, from, size) : NULL;
}

/* Lines of the source are left out; they only serve who reads the verifier's log. */
void again_see(enum bpf_prog_type type, const char *name, const struct bpf_insn *insns, size_t count,
	       const struct bpf_prog_load_opts *options)
{
	if (!wanted || !options || !name || strncmp(name, wanted, sizeof(kept.name) - 1))
		return;
	again_forget();
	kept.type = type;
	strncpy(kept.name, name, sizeof(kept.name) - 1);
	kept.count = count;
	kept.insns = copy_of(insns, count * sizeof(*insns));
	kept.functions = copy_of(options->func_info, (size_t)options->func_info_cnt * options->func_info_rec_size);
	kept.options = (struct bpf_prog_load_opts){
		.sz = sizeof(kept.options),
		.expected_attach_type = options->expected_attach_type,
		.attach_btf_id = options->attach_btf_id,
		.prog_btf_fd = options->prog_btf_fd,
		.func_info = kept.functions,
		.func_info_cnt = kept.functions ? options->func_info_cnt : 0,
		.func_info_rec_size = options->func_info_rec_size,
	};
}

static void change_number(void)
{
	for (size_t i = 0; i < kept.count; i++) {
		struct bpf_insn *insn = &kept.insns[i];

		if (insn->code == (BPF_ALU64 | BPF_MOV | BPF_K) && insn->imm == PROGRAM_FIRST)
			insn->imm = PROGRAM_AGAIN;
	}
}

int again_attach(const struct bpf_object *object, const char *program)
{
	const char *section = bpf_program__section_name(bpf_object__find_program_by_name(object, program));
	const char *tracepoint = strncmp(section, "raw_tp/", 7) ? NULL : section + 7;
	int fd, link;

	if (!kept.insns || strcmp(kept.name, program))
		return -ENOENT;
	change_number();
	fd = bpf_prog_load(kept.type, kept.name, "GPL", kept.insns, kept.count, &kept.options);
	if (fd < 0)
		return -errno;
	link = bpf_raw_tracepoint_open(tracepoint, fd);
	link = link < 0 ? -errno : link;
	close(fd);
	return link;
}
