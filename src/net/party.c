/* A process that executes another program is another party from then on; what it had open stays with the one it was. */
#include "net/party.h"

#include <stdlib.h>
#include <string.h>

#include "proc/tool.h"

void parties_init(struct parties *parties, struct identity *identity)
{
	memset(parties, 0, sizeof(*parties));
	parties->identity = identity;
	parties->texts.account = &parties->memory;
}

void parties_free(struct parties *parties)
{
	table_free(&parties->by_process);
	shared_pool_free(&parties->texts);
	text_free(&parties->name);
}

static u64 key_of(u32 pid, u64 start)
{
	return (start ^ (u64)pid << 40) * 0x9e3779b97f4a7c15ULL;
}

static void find_tool(struct parties *parties, struct party *party, const struct process *process)
{
	const struct tool_facts facts = tool_facts_of(process);

	text_reset(&parties->name);
	tool_name(&facts, &parties->name);
	party->tool = shared_intern(&parties->texts, text_string(&parties->name), parties->name.length);
}

static void find_container(struct parties *parties, struct party *party, u64 key)
{
	struct cgroup_table *cgroups = parties->identity->cgroups;
	struct cgroup *cgroup = key ? cgroup_find(cgroups, key) : NULL;
	const struct container_names *names;
	const char *name;

	if (!cgroup || cgroup_state(cgroups, cgroup, parties->identity->now) != CONTAINER_INSIDE)
		return;
	names = cgroup_names(cgroups, cgroup, parties->identity->now);
	name = names && names->name[0] ? names->name : cgroup->identity.id;
	if (!name[0])
		name = cgroup->identity.pod_uid;
	party->container = shared_intern(&parties->texts, name, strlen(name));
	party->container_id = shared_intern(&parties->texts, cgroup->identity.id, strlen(cgroup->identity.id));
}

static struct party *party_new(struct parties *parties, const struct record *record, const struct process *process)
{
	struct party *party = calloc(1, sizeof(*party));

	if (!party)
		return NULL;
	*party = (struct party){ .pid = record->pid, .start = record->start, .user = record->uid };
	if (process) {
		party->exec_time = process->exec_time;
		find_tool(parties, party, process);
	}
	find_container(parties, party, record->cgroup ? record->cgroup : process ? process->credentials.cgroup : 0);
	return party;
}

struct party *party_hold(struct party *party)
{
	if (party)
		party->references++;
	return party;
}

struct party *party_of(struct parties *parties, const struct record *record)
{
	u64 key = key_of(record->pid, record->start);
	struct party *party = record->pid ? table_get(&parties->by_process, key) : NULL;
	struct process *process;

	if (!record->pid)
		return NULL;
	process = process_find(parties->identity->processes, record->pid, record->start);
	if (party && (!process || process->exec_time == party->exec_time) && party->user == record->uid)
		return party_hold(party);
	party = party_new(parties, record, process);
	/* Without room in the table it is just not shared. */
	if (party)
		table_put(&parties->by_process, key, party);
	return party_hold(party);
}

void party_drop(struct parties *parties, struct party *party)
{
	u64 key;

	if (!party || --party->references)
		return;
	key = key_of(party->pid, party->start);
	if (table_get(&parties->by_process, key) == party)
		table_remove(&parties->by_process, key);
	shared_drop(&parties->texts, party->tool);
	shared_drop(&parties->texts, party->container);
	shared_drop(&parties->texts, party->container_id);
	free(party);
}
