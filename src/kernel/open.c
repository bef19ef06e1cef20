/* The sensor of opened files. */
#include "kernel/calls.h"

static const struct call open_calls[] = {
	{ "open", 2 }, { "creat", 85 }, { "openat", 257 }, { "open_by_handle_at", 304 }, { "openat2", 437 }, { 0 }
};

static int attach_returns(struct bpf_program *program, struct bpf_link **links, int room, const char **why)
{
	return calls_attach_returns(program, open_calls, links, room, why);
}

#define CALL_PROGRAMS \
	"open_fexit_open", "open_fexit_creat", "open_fexit_openat", "open_fexit_openat2", "open_fexit_handle"

static const struct rung open_rungs[] = {
	{ .name = "lsm", .programs = { CALL_PROGRAMS, "open_lsm" },
	  .blind = "failed opens by io_uring and 32-bit programs, and their opens with O_PATH; before 5.12, any by io_uring" },
	{ .name = "fexit", .programs = { CALL_PROGRAMS }, .optional = { "open_inner", "open_inner_newer" },
	  .blind = "before 5.12, opens by io_uring; where there is no do_filp_open, those and any by 32-bit programs" },
	{ .name = "kprobe", .programs = { "open_return" }, .attach_many = attach_returns,
	  .blind = "opens by io_uring and 32-bit programs; opens that block, if more than a few do at once" },
	{ .name = "syscall-quick", .needs = "bpf_rdonly_cast", .programs = { "open_exit_quick" },
	  .cost = COST_SYSCALLS, .blind = "opens by io_uring and 32-bit programs" },
	{ .name = "syscall", .programs = { "open_exit" }, .cost = COST_SYSCALLS,
	  .blind = "opens by io_uring and 32-bit programs" },
	{ 0 }
};

static const struct point open_points[] = {
	{ .name = "file open", .help = "a file is opened, or cannot be", .kinds = KIND_BIT(open), .rungs = open_rungs },
	{ 0 }
};

const struct sensor open_sensor = { .name = "open", .points = open_points };
