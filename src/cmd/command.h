/* The commands that src/main.c knows, one file each. */
#ifndef CMD_COMMAND_H
#define CMD_COMMAND_H

#include "base/option.h"

extern const struct command
	run_command,
	record_command,
	trace_command,
	hist_command,
	top_command,
	report_command,
	compare_command,
	export_command,
	runs_command,
	rm_command,
	policy_command,
	rules_command,
	doctor_command,
	fields_command,
	flows_command;

#endif
