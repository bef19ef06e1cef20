/* The sensor of changed names and attributes of files. */
#include "kernel/calls.h"

static const struct call change_calls[] = {
#define CALL(name, number, operation, directory, path, other_directory, other_path, first, second) { #name, number },
#include "wire/calls.def"
#undef CALL
	{ 0 }
};

static int attach_returns(struct bpf_program *program, struct bpf_link **links, int room, const char **why)
{
	return calls_attach_returns(program, change_calls, links, room, why);
}

static struct bpf_link *attach_together(struct bpf_program *program, const char **why)
{
	(void)why;
	return calls_attach_together(program, change_calls);
}

#define BLIND "changes by io_uring and 32-bit programs; symbolic links within a name, and `..` behind other names, are shown, not followed; the file that bind() makes of a Unix socket"

static const struct rung change_rungs[] = {
	{ .name = "fprobe", .needs = "register_fprobe_syms", .programs = { "change_return_multi" }, .attach = attach_together,
	  .lacks = "this kernel cannot attach one program to many functions (CONFIG_FPROBE)", .blind = BLIND },
	{ .name = "kprobe", .programs = { "change_return" }, .attach_many = attach_returns, .blind = BLIND },
	{ .name = "syscall", .programs = { "change_exit" }, .cost = COST_SYSCALLS,
	  .blind = BLIND },
	{ 0 }
};

static const struct point change_points[] = {
	{ .name = "file change", .help = "a name or an attribute of a file changes", .kinds = KIND_BIT(change),
	  .rungs = change_rungs },
	{ 0 }
};

const struct sensor change_sensor = { .name = "change", .points = change_points };
