#include "lang/trial.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "lang/code.h"

#define LOG_SIZE (1 << 16)

/* A program that is whole: finds the record, calls the code with it. */
static struct code *wrap(int map, const struct bpf_insn *body, size_t count, u32 room, u32 third)
{
	struct code *code = code_new();
	int function = code_label(code), none = code_label(code);

	code_store_number(code, BPF_W, BPF_REG_10, -4, 0);
	code_move(code, BPF_REG_2, BPF_REG_10);
	code_do_number(code, BPF_ADD, BPF_REG_2, -4);
	code_map(code, BPF_REG_1, map);
	code_call(code, BPF_FUNC_map_lookup_elem);
	code_jump_if_number(code, BPF_JEQ, BPF_REG_0, 0, none);
	code_move(code, BPF_REG_1, BPF_REG_0);
	code_move_number(code, BPF_REG_2, room);
	code_move_number(code, BPF_REG_3, third);
	code_call_label(code, function);
	code_exit(code);
	code_place(code, none);
	code_move_number(code, BPF_REG_0, -1);
	code_exit(code);
	code_place(code, function);
	for (size_t i = 0; i < count; i++)
		code_add(code, body[i]);
	return code;
}

/* The line before the last, which has numbers only. */
static void keep_reason(struct trial *trial, char *log)
{
	char *end = strstr(log, "\nprocessed "), *line;

	if (end)
		*end = '\0';
	line = strrchr(log, '\n');
	snprintf(trial->log, sizeof(trial->log), "%s", line ? line + 1 : log);
}

int trial_open(struct trial *trial, const struct bpf_insn *body, size_t count, u32 room, u32 third)
{
	char *log = xcalloc(1, LOG_SIZE);
	LIBBPF_OPTS(bpf_prog_load_opts, options, .log_buf = log, .log_size = LOG_SIZE, .log_level = 1);
	const struct bpf_insn *instructions;
	struct code *code;
	const char *why;
	int error = 0;

	*trial = (struct trial){ .program = -1, .room = room };
	trial->record = bpf_map_create(BPF_MAP_TYPE_ARRAY, "sonde_trial", sizeof(u32), room, 1, NULL);
	if (trial->record < 0) {
		free(log);
		return -errno;
	}
	code = wrap(trial->record, body, count, room, third);
	instructions = code_finish(code, &count, &why);
	if (instructions) {
		trial->program = bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "sonde_trial", "GPL", instructions, count, NULL);
		error = trial->program < 0 ? -errno : 0;
		/* with a log that finds no room the error is another */
		if (error)
			bpf_prog_load(BPF_PROG_TYPE_SOCKET_FILTER, "sonde_trial", "GPL", instructions, count, &options);
	} else {
		error = -errno;
	}
	code_free(code);
	if (error) {
		keep_reason(trial, log);
		trial_close(trial);
	}
	free(log);
	return error;
}

void trial_close(struct trial *trial)
{
	if (trial->program >= 0)
		close(trial->program);
	if (trial->record >= 0)
		close(trial->record);
	trial->program = trial->record = -1;
}

s64 trial_run(struct trial *trial, void *record)
{
	char packet[64] = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = packet, .data_size_in = sizeof(packet));
	u32 zero = 0;
	int error = bpf_map_update_elem(trial->record, &zero, record, 0);

	if (!error)
		error = bpf_prog_test_run_opts(trial->program, &options);
	if (!error)
		error = bpf_map_lookup_elem(trial->record, &zero, record);
	return error ? error : (s64)options.retval;
}

u32 trial_verified(const struct trial *trial)
{
	struct bpf_prog_info info = { 0 };
	u32 size = sizeof(info);

	return bpf_obj_get_info_by_fd(trial->program, &info, &size) ? 0 : info.verified_insns;
}
