/* Waiting for peers: asleep, woken by each piece, while bytes went over a connection. */
#include "findings/finding_scene.h"

static double waited_on_path(const struct stay *stay)
{
	double rest = stay->path_blocked - stay->read - stay->write;

	return rest <= 0 ? 0 : rest < stay->network ? rest : stay->network;
}

static double idle_for_network(const struct scene *scene)
{
	const struct usage *usage = scene->usage;
	double lost = 0;

	for (u32 i = 0; i < usage->count; i++) {
		const struct usage_bin *bin = &usage->bins[i];
		double idle = 1 - bin->demand - bin->disk;

		if (idle > 0)
			lost += (bin->network < idle ? bin->network : idle) * usage_bin_length(usage, i);
	}
	return lost;
}

/* The peer with the most bytes, and all of the tool's. */
static void say_peers(struct finding *finding, const struct run *run)
{
	const struct run_peer *most = NULL;
	u64 sent = 0, received = 0, retransmits = 0;
	u32 connections = 0;
	double rate = (finding->lost > 0 ? finding->lost : 1) / SECOND;

	for (u32 i = 0; i < run->peer_count; i++) {
		const struct run_peer *peer = &run->peers[i];

		if (peer->process >= run->process_count || run->processes[peer->process].tool != finding->tool)
			continue;
		sent += peer->sent;
		received += peer->received;
		retransmits += peer->retransmits;
		connections += peer->connections;
		if (!most || peer->sent + peer->received > most->sent + most->received)
			most = peer;
	}
	say_bytes(&finding->evidence, received);
	text_add(&finding->evidence, " received and ");
	say_bytes(&finding->evidence, sent);
	text_add_format(&finding->evidence, " sent over %u connections, ", connections);
	say_bytes(&finding->evidence, (sent + received) / rate);
	text_add(&finding->evidence, " a second");
	if (most) {
		struct run_bytes address = run_text(run, most->address);

		text_add(&finding->evidence, "; most with ");
		text_add_bytes(&finding->evidence, address.data, address.length);
		text_add_format(&finding->evidence, " port %u", most->port);
	}
	if (retransmits)
		text_add_format(&finding->evidence, "; %llu segments sent again", (unsigned long long)retransmits);
}

static void find_network(const struct scene *scene, struct findings *findings)
{
	const struct run *run = scene->run;
	struct blame path = blame_new(run), whole = blame_new(run);
	double lost = idle_for_network(scene), share;
	struct finding *finding;
	u32 tool;

	for (u32 i = 0; i < run->process_count; i++) {
		blame_add(&path, run, i, waited_on_path(&scene->stays[i]));
		blame_add(&whole, run, i, scene->stays[i].network);
	}
	tool = blame_tool(path.all > lost ? &path : &whole, run, &share);
	lost = path.all > lost ? path.all : lost;
	finding = finding_add(scene, findings, "network", FINDING_TIME, FINDING_LIKELY, lost);
	if (finding) {
		finding->tool = tool;
		finding->task = scene_task_of(scene, tool);
		say_tool(&finding->title, run, tool);
		text_add(&finding->title, " waits for the network");
		say_time(&finding->evidence, lost);
		text_add(&finding->evidence, " asleep while bytes came and went: ");
		say_peers(finding, run);
		text_add(&finding->advice, "Keep a copy near, compress what is sent, transfer several files at once or ahead of need; "
					   "if the other side is slow, look there.");
	}
	blame_free(&path);
	blame_free(&whole);
}

const struct finding_family finding_network = { .name = "network", .find = find_network };
