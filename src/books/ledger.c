#include "books/ledger.h"

/* As the kernel itself does for wait4: the exact running time, divided as the ticks saw it. */
static void set_cpu(struct costs *costs, u64 runtime, u64 user, u64 system)
{
	costs->cpu = runtime;
	costs->cpu_system = !system ? 0 : !user ? runtime : (unsigned __int128)runtime * system / (user + system);
	costs->cpu_user = runtime - costs->cpu_system;
}

/* What was read at two instants need not fit to the unit, so nothing goes below zero. */
static void take_off(u64 *value, u64 earlier)
{
	*value = *value > earlier ? *value - earlier : 0;
}

static void take_off_earlier(struct costs *costs, const struct costs *earlier)
{
	if (!earlier)
		return;
	take_off(&costs->cpu, earlier->cpu);
	take_off(&costs->cpu_system, earlier->cpu_system);
	if (costs->cpu_system > costs->cpu)
		costs->cpu_system = costs->cpu;
	costs->cpu_user = costs->cpu - costs->cpu_system;
	take_off(&costs->cpu_wait, earlier->cpu_wait);
	take_off(&costs->disk_read, earlier->disk_read);
	take_off(&costs->disk_write, earlier->disk_write);
	take_off(&costs->disk_cancelled, earlier->disk_cancelled);
	take_off(&costs->read, earlier->read);
	take_off(&costs->write, earlier->write);
	take_off(&costs->read_calls, earlier->read_calls);
	take_off(&costs->write_calls, earlier->write_calls);
	take_off(&costs->minor_faults, earlier->minor_faults);
	take_off(&costs->major_faults, earlier->major_faults);
	take_off(&costs->voluntary_switches, earlier->voluntary_switches);
	take_off(&costs->involuntary_switches, earlier->involuntary_switches);
}

/* The two records name alike what they have in common. */
#define LEDGER(costs, record)                                                   \
	do {                                                                    \
		set_cpu(costs, (record)->runtime_ns, (record)->user_ns, (record)->system_ns); \
		(costs)->cpu_wait = (record)->wait_ns;                          \
		(costs)->disk_read = (record)->read_bytes;                      \
		(costs)->disk_write = (record)->write_bytes;                    \
		(costs)->disk_cancelled = (record)->cancelled_write_bytes;      \
		(costs)->read = (record)->read_chars;                           \
		(costs)->write = (record)->write_chars;                         \
		(costs)->read_calls = (record)->read_calls;                     \
		(costs)->write_calls = (record)->write_calls;                   \
		(costs)->minor_faults = (record)->minor_faults;                 \
		(costs)->major_faults = (record)->major_faults;                 \
		(costs)->voluntary_switches = (record)->voluntary_switches;     \
		(costs)->involuntary_switches = (record)->involuntary_switches; \
	} while (0)

void ledger_of_exit(struct costs *costs, const struct exit_record *exit, const struct costs *earlier)
{
	LEDGER(costs, exit);
	costs->memory = exit->peak_memory;
	if (exit->flags & EXIT_WAITS) {
		costs->disk_wait = exit->disk_wait_ns;
		costs->sync_wait = exit->sync_wait_ns;
		costs->syncs = exit->syncs;
	}
	take_off_earlier(costs, earlier);
}

void ledger_of_sample(struct costs *costs, const struct sample_record *sample, const struct costs *earlier)
{
	LEDGER(costs, sample);
	costs->memory = sample->peak;
	take_off_earlier(costs, earlier);
}
