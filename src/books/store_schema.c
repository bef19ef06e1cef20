/*
 * Numbers are what SQLite keeps small: 0 and 1 take no room, 40 bits take six bytes. So times are kept since the start
 * of their run or row, what is not known is NULL, and texts are told once a run. Rows lie in their primary key: a table
 * without a second tree.
 */
#include "books/store_schema.h"

#define HAS_SIGN(member) _Generic((member), signed char: true, s16: true, s32: true, s64: true, default: false)
#define MEMBER(row, member) ((struct row *)0)->member
#define COLUMN(row, member, kind, help) NAMED(row, member, #member, kind, help)
#define MEMBER_OF(row, member)                                                                                     \
	offsetof(struct row, member), 0, sizeof(MEMBER(row, member)), HAS_SIGN(MEMBER(row, member))
#define NAMED(row, member, name, kind, help) { name, MEMBER_OF(row, member), kind, 0, 0, help }
#define BELOW(row, member, name, above, help) { name, MEMBER_OF(row, member), STORE_PLAIN, 0, (above) - 1, help }
#define SPAN(row, member, from, name, help)                                                                        \
	{ name, offsetof(struct row, member), offsetof(struct row, from), sizeof(u64), false, STORE_SPAN, 0, 0, help }
#define REFERENCE(row, member, name, table, help)                                                                  \
	{ name, offsetof(struct row, member), 0, sizeof(u32), false, STORE_REFERENCE, table, 0, help }

static const struct store_column run_columns[] = {
	COLUMN(run, name, STORE_WORDS, "what `--name` said"),
	NAMED(run, command, "arguments", STORE_WORDS, "of the command, each ended by a zero byte"),
	COLUMN(run, scope, STORE_WORDS, "what was recorded, where it was not a command: `the whole machine`"),
	COLUMN(run, directory, STORE_WORDS, "working directory"),
	COLUMN(run, filter, STORE_WORDS, "what `-f` said: only files for which it is true are in the run"),
	COLUMN(run, user, STORE_PLAIN, "uid of who recorded"),
	BELOW(run, kind, "kind", RUN_SCOPE + 1, "0: one command and all it started; 1: the machine or a part of it"),
	COLUMN(run, exit_status, STORE_MAYBE, "of the command, as a shell says it"),
	COLUMN(run, wall_offset, STORE_PLAIN, "ns to add to a time since boot for one since 1970"),
	NAMED(run, start, "boot_start", STORE_PLAIN, "when it began, ns since boot"),
	SPAN(run, end, start, "duration", "ns; of one being recorded: until its last batch"),
	COLUMN(run, interval, STORE_PLAIN, "between samples, ns"),
	COLUMN(run, produced, STORE_PLAIN, "events that there were"),
	COLUMN(run, lost, STORE_PLAIN, "of them, those that did not arrive"),
	NAMED(run, host.name, "host", STORE_WORDS, "name of the machine"),
	NAMED(run, host.kernel, "kernel", STORE_WORDS, "its release"),
	NAMED(run, host.model, "cpu_model", STORE_WORDS, "model of its CPUs"),
	NAMED(run, host.cpus, "cpus", STORE_PLAIN, "CPUs online"),
	NAMED(run, host.cpus_allowed, "cpus_allowed", STORE_PLAIN, "of them, those the run could use"),
	NAMED(run, host.memory, "memory", STORE_PLAIN, "of the machine, bytes"),
	NAMED(run, host.swap, "swap", STORE_PLAIN, "of the machine, bytes"),
	NAMED(run, host.memory_limit, "memory_limit", STORE_PLAIN,
	      "of the innermost control group that has one, bytes; 0: none"),
};

static const struct store_column tool_columns[] = {
	REFERENCE(run_tool, name, "name", STORE_TEXTS, "`align.py`, not `python3`"),
	REFERENCE(run_tool, executable, "executable", STORE_TEXTS, "of its first process"),
};

static const struct store_column container_columns[] = {
	REFERENCE(run_container, id, "id", STORE_TEXTS, "as the runtime says it"),
	REFERENCE(run_container, name, "name", STORE_TEXTS, ""),
	REFERENCE(run_container, image, "image", STORE_TEXTS, ""),
	REFERENCE(run_container, runtime, "runtime", STORE_TEXTS, "`docker`, `podman`, ..."),
};

static const struct store_column task_columns[] = {
	REFERENCE(run_task, name, "name", STORE_TEXTS, "`align (sample_3)`"),
	REFERENCE(run_task, group, "sort", STORE_TEXTS, "what tasks of the same sort share: `align`"),
	REFERENCE(run_task, rule, "rule", STORE_TEXTS, "the rule that found it"),
	REFERENCE(run_task, parent, "parent", STORE_TASKS, "task it is a part of"),
	REFERENCE(run_task, process, "process", STORE_PROCESSES, "its first"),
	REFERENCE(run_task, directory, "directory", STORE_TEXTS, "where it worked"),
	COLUMN(run_task, cpus, STORE_PLAIN, "that it was given; 0: not known"),
	COLUMN(run_task, memory, STORE_PLAIN, "that it was given, bytes; 0: not known"),
};

static const struct store_column process_columns[] = {
	COLUMN(run_process, start, STORE_TIME, "when it was created"),
	SPAN(run_process, end, start, "duration", "ns; of one that lives: until it was last seen"),
	SPAN(run_process, exec, start, "exec_after", "ns until it started its last image; NULL: it never did"),
	COLUMN(run_process, pid, STORE_PLAIN, "process id"),
	REFERENCE(run_process, parent, "parent", STORE_PROCESSES, "NULL: not in the run"),
	REFERENCE(run_process, tool, "tool", STORE_TOOLS, ""),
	REFERENCE(run_process, task, "task", STORE_TASKS, ""),
	REFERENCE(run_process, container, "container", STORE_CONTAINERS, "NULL: in none"),
	COLUMN(run_process, user, STORE_PLAIN, "uid"),
	REFERENCE(run_process, executable, "executable", STORE_TEXTS, "path"),
	REFERENCE(run_process, directory, "directory", STORE_TEXTS, "working directory"),
	REFERENCE(run_process, name, "name", STORE_TEXTS, "what the kernel called it, at most 15 bytes; NULL: not known"),
	NAMED(run_process, group, "process_group", STORE_PLAIN, "a pid"),
	COLUMN(run_process, threads, STORE_PLAIN, "that it ever had"),
	COLUMN(run_process, code, STORE_PLAIN, "exit status"),
	COLUMN(run_process, signal, STORE_PLAIN, "that ended it; 0: none"),
	COLUMN(run_process, flags, STORE_PLAIN,
	       "sum of 1: ran before the recording, 2: still there at the end, 4: dumped core, 8: killed for want of "
	       "memory, 16: its parent died first, 32: its exit was lost, 64: had more than one thread, 128: its arguments "
	       "are there in part, or not at all since they were too long"),
};

static const struct store_column sample_columns[] = {
	COLUMN(run_sample, time, STORE_TIME, "when"),
	REFERENCE(run_sample, process, "process", STORE_PROCESSES, "whose"),
	COLUMN(run_sample, cpu, STORE_PLAIN, "CPU time since its start, ns"),
	COLUMN(run_sample, cpu_wait, STORE_PLAIN, "ready and without a CPU since its start, ns"),
	COLUMN(run_sample, disk_read, STORE_PLAIN, "read from disks since its start, bytes"),
	COLUMN(run_sample, disk_write, STORE_PLAIN, "written to disks since its start, bytes"),
	COLUMN(run_sample, read, STORE_PLAIN, "read from anything since its start, bytes"),
	COLUMN(run_sample, write, STORE_PLAIN, "written to anything since its start, bytes"),
	COLUMN(run_sample, memory, STORE_PLAIN, "resident now, bytes"),
	COLUMN(run_sample, threads, STORE_PLAIN, "it has now"),
	BELOW(run_sample, state, "state", RUN_ACTIVITIES,
	      "0: sleeping, 1: waiting for a disk, 2: ready and without a CPU, 3: running, 4: stopped, 5: gone"),
};

static const struct store_column host_sample_columns[] = {
	COLUMN(run_host_sample, time, STORE_TIME, "when"),
	COLUMN(run_host_sample, cpu_busy, STORE_MAYBE, "of all CPUs since boot, ns"),
	COLUMN(run_host_sample, cpu_iowait, STORE_MAYBE, "idle while something waited for a disk, since boot, ns"),
	COLUMN(run_host_sample, cpu_steal, STORE_MAYBE, "taken by the hypervisor since boot, ns"),
	COLUMN(run_host_sample, memory_used, STORE_MAYBE, "now, bytes"),
	COLUMN(run_host_sample, memory_available, STORE_MAYBE, "now, bytes"),
	COLUMN(run_host_sample, swap_used, STORE_MAYBE, "now, bytes"),
	COLUMN(run_host_sample, disk_read, STORE_MAYBE, "from physical disks since boot, bytes"),
	COLUMN(run_host_sample, disk_write, STORE_MAYBE, "to physical disks since boot, bytes"),
	COLUMN(run_host_sample, disk_busy, STORE_MAYBE, "of physical disks since boot, ns"),
	COLUMN(run_host_sample, network_received, STORE_MAYBE, "by all interfaces but loopback since boot, bytes"),
	COLUMN(run_host_sample, network_sent, STORE_MAYBE, "by all interfaces but loopback since boot, bytes"),
	COLUMN(run_host_sample, pressure_cpu, STORE_MAYBE, "some task was stalled for a CPU, since boot, ns"),
	COLUMN(run_host_sample, pressure_memory, STORE_MAYBE, "some task was stalled for memory, since boot, ns"),
	COLUMN(run_host_sample, pressure_io, STORE_MAYBE, "some task was stalled for a disk, since boot, ns"),
	COLUMN(run_host_sample, load, STORE_PLAIN, "load average of a minute, hundredths"),
	COLUMN(run_host_sample, runnable, STORE_PLAIN, "tasks that run or could"),
};

static const struct store_column fact_columns[] = {
	COLUMN(run_fact, time, STORE_TIME, "when"),
	COLUMN(run_fact, kind, STORE_PLAIN,
	       "0: exec that failed (number: errno, text: path), 1: signal (number, other: who got it), 2: out of "
	       "memory (number: bytes it had, text: control group), 3: events lost (number, text), 4: the clock was "
	       "set (number: ns), 5: rows given up (number, text), 6: a policy matched (text: which, and on what)"),
	COLUMN(run_fact, number, STORE_PLAIN, "depends on the kind"),
	REFERENCE(run_fact, process, "process", STORE_PROCESSES, "who did it; of kind 2: the victim"),
	REFERENCE(run_fact, other, "other", STORE_PROCESSES, "to whom"),
	REFERENCE(run_fact, text, "text", STORE_TEXTS, "depends on the kind"),
};

static const struct store_column peer_columns[] = {
	REFERENCE(run_peer, process, "process", STORE_PROCESSES, ""),
	REFERENCE(run_peer, address, "address", STORE_TEXTS, "of the peer; NULL: not known"),
	COLUMN(run_peer, port, STORE_PLAIN, "of the service"),
	COLUMN(run_peer, transport, STORE_PLAIN, "1: TCP, 2: UDP, 3: Unix, 4: ICMP"),
	COLUMN(run_peer, direction, STORE_PLAIN, "1: it connected, 2: it accepted"),
	COLUMN(run_peer, connections, STORE_PLAIN, "that were established"),
	COLUMN(run_peer, failures, STORE_PLAIN, "that were not"),
	COLUMN(run_peer, broken, STORE_PLAIN, "of those established: ended by an error, such as a reset"),
	COLUMN(run_peer, error, STORE_PLAIN, "errno of the last failure; without any, of the last that broke"),
	COLUMN(run_peer, sent, STORE_PLAIN, "bytes"),
	COLUMN(run_peer, received, STORE_PLAIN, "bytes"),
	COLUMN(run_peer, retransmits, STORE_PLAIN, "segments sent again"),
	COLUMN(run_peer, latency, STORE_PLAIN, "longest handshake, ns"),
	COLUMN(run_peer, first, STORE_TIME, "begin of the first connection"),
	SPAN(run_peer, last, first, "duration", "ns until the end of the last"),
	REFERENCE(run_peer, local, "local", STORE_TEXTS, "its own address of the first connection"),
	COLUMN(run_peer, network_namespace, STORE_PLAIN, "in which it was; 0: not known"),
	COLUMN(run_peer, packets_sent, STORE_PLAIN, "datagrams; of TCP 0"),
	COLUMN(run_peer, packets_received, STORE_PLAIN, "datagrams; of TCP 0"),
};

static const struct store_column drop_columns[] = {
	REFERENCE(run_drop, process, "process", STORE_PROCESSES, "whose socket sent them or should have had them; NULL: not known"),
	REFERENCE(run_drop, reason, "reason", STORE_TEXTS, "the kernel's word; NULL: this kernel has none"),
	REFERENCE(run_drop, function, "function", STORE_TEXTS, "of the kernel, that dropped them"),
	REFERENCE(run_drop, interface, "interface", STORE_TEXTS, "at which they were"),
	COLUMN(run_drop, network_namespace, STORE_PLAIN, "in which they were; 0: not known"),
	COLUMN(run_drop, protocol, STORE_PLAIN, "of IP: 6 TCP, 17 UDP, ...; 0: not of IP"),
	REFERENCE(run_drop, source, "source", STORE_TEXTS, "address"),
	COLUMN(run_drop, source_port, STORE_PLAIN, "0: none, or a client's, of which there may be many"),
	REFERENCE(run_drop, destination, "destination", STORE_TEXTS, "address"),
	COLUMN(run_drop, destination_port, STORE_PLAIN, "likewise"),
	COLUMN(run_drop, packets, STORE_PLAIN, "how many"),
	COLUMN(run_drop, bytes, STORE_PLAIN, "as long as they were"),
	COLUMN(run_drop, first, STORE_TIME, "when the first was dropped"),
	SPAN(run_drop, last, first, "duration", "ns until the last"),
};

static const struct store_column file_columns[] = {
	REFERENCE(run_file, tool, "tool", STORE_TOOLS, ""),
	REFERENCE(run_file, path, "path", STORE_TEXTS, ""),
	COLUMN(run_file, reads, STORE_PLAIN, "opens for reading"),
	COLUMN(run_file, writes, STORE_PLAIN, "opens for writing"),
	COLUMN(run_file, creates, STORE_PLAIN, "times it was made"),
	COLUMN(run_file, removes, STORE_PLAIN, "times it was removed"),
	COLUMN(run_file, failures, STORE_PLAIN, "opens that failed"),
	COLUMN(run_file, processes, STORE_PLAIN, "of the tool that touched it"),
	COLUMN(run_file, size, STORE_PLAIN, "largest it was when opened, bytes; 0: not known"),
};

#define COLUMNS(list) .columns = list, .column_count = sizeof(list) / sizeof(list[0])

const struct store_layout store_layouts[STORE_TABLES] = {
	[STORE_RUNS] = {
		.name = "runs", .key = "id", COLUMNS(run_columns), .costs = true, .cost_prefix = "sonde_",
		.cost_offset = offsetof(struct run, overhead), .help = "One row a recording.",
	},
	[STORE_TEXTS] = {
		.name = "texts", .index = "text", .key = "text", .bytes = "bytes", .index_help = "number",
		.bytes_help = "as they were; a blob if they are no valid UTF-8 or have a zero byte in them",
		.help = "Names and paths, once a run each; other tables have their number.",
	},
	[STORE_DICTIONARY] = {
		.name = "dictionary", .index = "offset", .key = "offset", .bytes = "bytes",
		.index_help = "where the part begins", .bytes_help = "the part",
		.help = "What arguments were packed with, in parts.",
	},
	[STORE_TOOLS] = {
		.name = "tools", .index = "tool", .key = "tool", COLUMNS(tool_columns), .index_help = "number",
		.help = "What a person would call the programs.",
	},
	[STORE_CONTAINERS] = {
		.name = "containers", .index = "container", .key = "container", COLUMNS(container_columns),
		.index_help = "number", .help = "Containers that processes were in.",
	},
	[STORE_TASKS] = {
		.name = "tasks", .index = "task", .key = "task", COLUMNS(task_columns), .index_help = "number",
		.help = "Units of work of whoever orchestrates.",
	},
	[STORE_PROCESSES] = {
		.name = "processes", .index = "process", .key = "process", COLUMNS(process_columns), .costs = true,
		.cost_prefix = "", .cost_offset = offsetof(struct run_process, costs), .index_help = "number",
		.help = "One row a process, with what it cost by itself, without its children.",
	},
	[STORE_ARGUMENTS] = {
		.name = "arguments", .index = "process", .key = "process", .bytes = "packed", .index_help = "whose",
		.bytes_help = "see above", .help = "Command lines, packed.",
	},
	[STORE_SAMPLES] = {
		.name = "samples", .key = "time, process", COLUMNS(sample_columns),
		.help = "How processes stood at an instant; only of those that changed.",
	},
	[STORE_HOST_SAMPLES] = {
		.name = "host_samples", .key = "time", COLUMNS(host_sample_columns),
		.help = "How the machine stood at an instant. NULL: not known there.",
	},
	[STORE_FACTS] = {
		.name = "facts", .index = "fact", .key = "time, fact", COLUMNS(fact_columns), .index_help = "number",
		.help = "What happened besides.",
	},
	[STORE_PEERS] = {
		.name = "peers", .index = "peer", .key = "peer", COLUMNS(peer_columns), .index_help = "number",
		.help = "All a process had to do with one peer.",
	},
	[STORE_DROPS] = {
		.name = "drops", .index = "number", .key = "number", COLUMNS(drop_columns), .index_help = "number",
		.help = "Packets that the kernel dropped, for one reason, at one place, of one flow.",
	},
	[STORE_FILES] = {
		.name = "files", .index = "file", .key = "file", COLUMNS(file_columns), .index_help = "number",
		.help = "All a tool had to do with one file, where `--files` was asked for.",
	},
};

/* --- the SQL --- */

static const char *const run_help = "number, never used twice", *const run_reference_help = "`runs.id`";

/*
 * Columns of the run's own row that are worked out for people and lists, and no member of a run: enum store_run_extra.
 */
static const struct {
	const char *name, *help;
} run_extras[STORE_RUN_EXTRAS] = {
	{ "state", "0: being recorded, 1: finished, 2: interrupted, what there is ends with the last batch" },
	{ "started", "when it began, ns since 1970" },
	{ "command", "as one would type it" },
	{ "processes", "how many; NULL: not counted yet" },
	{ "cpu", "CPU time of all of them, ns; NULL: not added up yet" },
	{ "bytes", "about what it takes in the store; NULL: not added up yet" },
};

static const char *const view =
	"CREATE VIEW named_processes AS -- Processes with names for numbers.\n"
	"\tSELECT p.run, p.process, p.pid, p.parent, tool.bytes AS tool, task.bytes AS task,\n"
	"\texecutable.bytes AS executable, directory.bytes AS directory, runs.started + p.start AS started,\n"
	"\tp.duration, p.user, p.code, p.signal, p.flags%s\n"
	"\tFROM processes p JOIN runs ON runs.id = p.run\n"
	"\tLEFT JOIN tools ON tools.run = p.run AND tools.tool = p.tool\n"
	"\tLEFT JOIN texts tool ON tool.run = p.run AND tool.text = tools.name\n"
	"\tLEFT JOIN tasks ON tasks.run = p.run AND tasks.task = p.task\n"
	"\tLEFT JOIN texts task ON task.run = p.run AND task.text = tasks.name\n"
	"\tLEFT JOIN texts executable ON executable.run = p.run AND executable.text = p.executable\n"
	"\tLEFT JOIN texts directory ON directory.run = p.run AND directory.text = p.directory;\n";

/* What follows the run in the statements: each name by itself, so that no list of them is written twice. */
typedef void column_teller(struct text *out, const char *prefix, const char *name, const char *help);

static void each_column(enum store_table table, column_teller *told, struct text *out)
{
	const struct store_layout *layout = &store_layouts[table];

	for (size_t i = 0; table == STORE_RUNS && i < STORE_RUN_EXTRAS; i++)
		told(out, "", run_extras[i].name, run_extras[i].help);
	if (layout->index)
		told(out, "", layout->index, layout->index_help);
	for (size_t i = 0; i < layout->column_count; i++)
		told(out, "", layout->columns[i].name, layout->columns[i].help);
	if (layout->bytes)
		told(out, "", layout->bytes, layout->bytes_help);
	for (size_t i = 0; layout->costs && i < cost_count; i++)
		told(out, layout->cost_prefix, cost_list[i].name, cost_list[i].help);
}

static void tell_definition(struct text *out, const char *prefix, const char *name, const char *help)
{
	text_add_format(out, "\t%s%s,%s%s%s\n", prefix, name, *help ? " -- " : "", *prefix ? "sonde itself: " : "",
			help);
}

static void tell_name(struct text *out, const char *prefix, const char *name, const char *help)
{
	(void)help;
	text_add_format(out, ", %s%s", prefix, name);
}

static void tell_parameter(struct text *out, const char *prefix, const char *name, const char *help)
{
	(void)prefix;
	(void)name;
	(void)help;
	text_add(out, ", ?");
}

static void tell_row(struct text *out, const char *prefix, const char *name, const char *help)
{
	text_add_format(out, "| `%s%s` | %s%s |\n", prefix, name, *prefix ? "sonde itself: " : "", help);
}

static const char *run_column(enum store_table table)
{
	return table == STORE_RUNS ? "id" : "run";
}

static void create_view(struct text *sql)
{
	struct text costs = { 0 };

	for (size_t i = 0; i < cost_count; i++)
		text_add_format(&costs, ", p.%s", cost_list[i].name);
	text_add_format(sql, view, text_string(&costs));
	text_free(&costs);
}

static void create_table(struct text *sql, enum store_table table)
{
	const struct store_layout *layout = &store_layouts[table];

	text_add_format(sql, "CREATE TABLE %s ( -- %s\n\t%s INTEGER NOT NULL, -- %s\n", layout->name,
			layout->help, run_column(table), table == STORE_RUNS ? run_help : run_reference_help);
	each_column(table, tell_definition, sql);
	if (table == STORE_RUNS)
		text_add(sql, "\tPRIMARY KEY (id AUTOINCREMENT));\n");
	else
		text_add_format(sql, "\tPRIMARY KEY (run, %s)) WITHOUT ROWID;\n", layout->key);
}

void store_schema_create(struct text *sql)
{
	for (enum store_table table = 0; table < STORE_TABLES; table++)
		create_table(sql, table);
	create_view(sql);
}

void store_schema_add_layout(struct text *sql, int layout)
{
	if (layout < 2)
		text_add(sql, "ALTER TABLE peers ADD COLUMN local;\n"
			      "ALTER TABLE peers ADD COLUMN network_namespace;\n");
	if (layout < 3) {
		text_add(sql, "ALTER TABLE peers ADD COLUMN packets_sent;\n"
			      "ALTER TABLE peers ADD COLUMN packets_received;\n");
		create_table(sql, STORE_DROPS);
	}
	if (layout < 4)
		text_add(sql, "ALTER TABLE runs ADD COLUMN filter;\n");
	if (layout < 5)
		text_add(sql, "ALTER TABLE processes ADD COLUMN name;\n"
			      "ALTER TABLE peers ADD COLUMN broken;\n");
}

void store_schema_add_costs(struct text *sql, size_t first)
{
	text_add(sql, "DROP VIEW IF EXISTS named_processes;\n");
	for (enum store_table table = 0; table < STORE_TABLES; table++)
		for (size_t i = first; store_layouts[table].costs && i < cost_count; i++)
			text_add_format(sql, "ALTER TABLE %s ADD COLUMN %s%s;\n", store_layouts[table].name,
					store_layouts[table].cost_prefix, cost_list[i].name);
	create_view(sql);
}

void store_schema_insert(struct text *sql, enum store_table table)
{
	text_add_format(sql, "INSERT OR REPLACE INTO %s (%s", store_layouts[table].name, run_column(table));
	each_column(table, tell_name, sql);
	text_add(sql, ") VALUES (?");
	each_column(table, tell_parameter, sql);
	text_add_char(sql, ')');
}

void store_schema_select(struct text *sql, enum store_table table)
{
	text_add_format(sql, "SELECT %s", run_column(table));
	each_column(table, tell_name, sql);
	text_add_format(sql, " FROM %s WHERE %s = ? ORDER BY %s", store_layouts[table].name, run_column(table),
			store_layouts[table].key);
}

void store_schema_document(struct text *out)
{
	for (enum store_table table = 0; table < STORE_TABLES; table++) {
		text_add_format(out, "### %s\n\n%s\n\n| column | meaning |\n|---|---|\n", store_layouts[table].name,
				store_layouts[table].help);
		tell_row(out, "", run_column(table), table == STORE_RUNS ? run_help : run_reference_help);
		each_column(table, tell_row, out);
		text_add_char(out, '\n');
	}
}
