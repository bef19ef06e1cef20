/* What the formats share: names and times, said the same way in all of them. */
#include "report/export.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/wall.h"
#include "wire/net.h"

void export_begin(struct export *export, const struct run *run, const struct findings *findings,
		  const struct size_prices *prices)
{
	static const struct findings none;

	*export = (struct export){
		.run = run, .findings = findings ? findings : &none, .prices = prices, .users = user_table_new(NULL),
	};
	export->critical = critical_find(run, &export->critical_count);
	export->is_critical = xcalloc((size_t)run->process_count + 1, sizeof(bool));
	for (u32 i = 0; i < export->critical_count; i++)
		if (export->critical[i].process < run->process_count)
			export->is_critical[export->critical[i].process] = true;
}

void export_end(struct export *export)
{
	user_table_free(export->users);
	free(export->critical);
	free(export->is_critical);
}

const char *export_user(const struct export *export, u32 uid)
{
	return user_name(export->users, uid, 0);
}

void export_wall(const struct export *export, struct text *out, u64 time)
{
	struct wall wall = { .offset = export->run->wall_offset };

	wall_format(&wall, out, time);
}

const char *export_fact(enum run_fact_kind kind)
{
	static const char *const names[RUN_FACTS] = {
		[RUN_FACT_FAILED_EXEC] = "failed_exec", [RUN_FACT_SIGNAL] = "signal", [RUN_FACT_OOM] = "oom",
		[RUN_FACT_LOST] = "lost", [RUN_FACT_CLOCK_STEP] = "clock_step", [RUN_FACT_GAVE_UP] = "gave_up",
		[RUN_FACT_POLICY] = "policy",
	};

	return kind < RUN_FACTS ? names[kind] : "unknown";
}

const char *export_activity(enum run_activity activity)
{
	static const char *const names[RUN_ACTIVITIES] = {
		[RUN_ACTIVITY_SLEEPING] = "sleeping", [RUN_ACTIVITY_DISK] = "disk", [RUN_ACTIVITY_WAITING] = "waiting",
		[RUN_ACTIVITY_RUNNING] = "running", [RUN_ACTIVITY_STOPPED] = "stopped", [RUN_ACTIVITY_GONE] = "gone",
	};

	return activity < RUN_ACTIVITIES ? names[activity] : "unknown";
}

