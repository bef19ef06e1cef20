#include "cmd/balance.h"

#include <unistd.h>

#include "base/message.h"
#include "base/wall.h"
#include "event/event.h"
#include "event/words.h"

static u64 lost_of(const struct balance *balance, u32 kind)
{
	u64 sum = balance->unwritten[kind];

	for (int cause = 0; cause < LOSS_CAUSES; cause++)
		sum += balance->kernel.lost[kind][cause];
	return sum;
}

u64 balance_lost(const struct balance *balance)
{
	u64 sum = balance->unreadable;

	for (u32 kind = 0; kind < KIND_MAX; kind++)
		if (kind_is_public(kind))
			sum += lost_of(balance, kind);
	return sum;
}

static u64 delivered_of(const struct balance *balance, u32 kind)
{
	return balance->delivered[kind] - balance->unwritten[kind];
}

/* Those that never left the kernel, and those that did. */
static u64 filtered_of(const struct balance *balance, u32 kind)
{
	return balance->kernel.filtered[kind] + balance->filtered[kind];
}

static u64 missing(const struct balance *balance)
{
	u64 sum = 0;

	for (u32 kind = 0; kind < KIND_MAX; kind++)
		sum += balance->kernel.produced[kind] - lost_of(balance, kind) - delivered_of(balance, kind) -
		       filtered_of(balance, kind);
	return sum;
}

/* Losses after which no record of their kind came through are told of at the end. */
static void tell_pending(struct balance *balance, lanes_deliver *deliver, void *context)
{
	for (u32 kind = 0; kind < KIND_MAX; kind++) {
		struct lost_record lost = {
			.record = { .kind = KIND_lost, .size = sizeof(lost), .time = balance->ended },
			.kind = kind,
			.cause = LOSS_RING_FULL,
			.count = balance->kernel.pending[kind],
		};

		if (kind_is_public(kind) && lost.count)
			deliver(context, &lost, sizeof(lost));
	}
}

/* A program that was running when its hook was taken off may still be writing: wait for it, not forever. */
void balance_close(struct balance *balance, struct kernel *kernel, lanes_deliver *deliver, void *context)
{
	/* whoever is in the sums began before them */
	while (lanes_drain(kernel_lanes(kernel), deliver, context, 1 << 20) > 0)
		;
	kernel_fold(kernel, deliver, context);
	for (int attempt = 0; attempt < 50; attempt++) {
		while (lanes_drain(kernel_lanes(kernel), deliver, context, 1 << 20) > 0)
			;
		kernel_counts(kernel, &balance->kernel);
		if (!missing(balance))
			break;
		usleep(2000);
	}
	if (!balance->ended)
		balance->ended = wall_boot_now();
	tell_pending(balance, deliver, context);
}

void balance_add(struct balance *sum, const struct balance *part)
{
	const u64 *each = (const u64 *)&part->kernel;
	u64 *all = (u64 *)&sum->kernel;

	for (size_t i = 0; i < sizeof(part->kernel) / sizeof(*each); i++)
		all[i] += each[i];
	for (u32 kind = 0; kind < KIND_MAX; kind++) {
		sum->delivered[kind] += part->delivered[kind];
		sum->filtered[kind] += part->filtered[kind];
		sum->unwritten[kind] += part->unwritten[kind];
	}
	sum->unreadable += part->unreadable;
	sum->wanted |= part->wanted;
	sum->started = sum->started ? sum->started : part->started;
	sum->ended = part->ended;
	sum->exit_status = part->exit_status;
}

/* What was not shown of a kind, and why. */
static void add_rest(const struct balance *balance, u32 kind, struct text *line)
{
	u64 filtered = filtered_of(balance, kind), lost = lost_of(balance, kind);

	if (!filtered && !lost)
		return;
	text_add_format(line, " of %llu (", (unsigned long long)balance->kernel.produced[kind]);
	if (filtered)
		text_add_format(line, "%llu filtered%s", (unsigned long long)filtered, lost ? ", " : "");
	if (lost)
		text_add_format(line, "%llu lost", (unsigned long long)lost);
	text_add_char(line, ')');
}

/* For each kind how many are missing, why, and what helps: what is written where the gap is may have gone to a file. */
static void say_losses(const struct balance *balance)
{
	static const char *const causes[LOSS_CAUSES] = {
		[LOSS_RING_FULL] = "their lane was full; make it larger with --ring-size, or ask for fewer events with -f",
		[LOSS_SCRATCH_BUSY] = "other events had all scratch memory of their processor",
		[LOSS_TOO_LARGE] = "they would not fit their lane at all; make it larger with --ring-size",
		[LOSS_MISSED] = "the kernel skipped the program, which was already running on that processor",
		[LOSS_UNREADABLE] = "they arrived and could not be read",
		[LOSS_TABLE_FULL] = "too many different ones to be added up at once",
	};

	for (u32 kind = 0; kind < KIND_MAX; kind++)
		for (int cause = 0; cause < LOSS_CAUSES; cause++)
			if (kind_is_public(kind) && balance->kernel.lost[kind][cause])
				message_warn("%llu %s lost: %s", (unsigned long long)balance->kernel.lost[kind][cause],
					     kind_name(kind), causes[cause]);
	for (u32 kind = 0; kind < KIND_MAX; kind++)
		if (kind_is_public(kind) && balance->unwritten[kind])
			message_warn("%llu %s lost: they could not be written", (unsigned long long)balance->unwritten[kind],
				     kind_name(kind));
	if (balance->unreadable)
		message_warn("%llu records lost: %s", (unsigned long long)balance->unreadable, causes[LOSS_UNREADABLE]);
}

void balance_say(const struct balance *balance)
{
	struct text line = { 0 };

	for (u32 kind = 0; kind < KIND_MAX; kind++) {
		if (!(balance->wanted >> kind & 1))
			continue;
		text_add_format(&line, "%s%s %llu", line.length ? ", " : "", kind_name(kind),
				(unsigned long long)delivered_of(balance, kind));
		add_rest(balance, kind, &line);
	}
	message_note("%s in %.1f s; %s", text_string(&line), (balance->ended - balance->started) / 1e9,
		     balance_lost(balance) ? "some were lost" : "nothing lost");
	text_free(&line);
	say_losses(balance);
	for (int site = 0; site < FAILURE_SITES; site++)
		if (balance->kernel.failed[site] && word_failure(site))
			message_warn("%llu times the kernel had no room or no data for: %s",
				     (unsigned long long)balance->kernel.failed[site], word_failure(site));
}

static void add_number(struct text *out, const char *key, u64 value)
{
	text_add_format(out, "\"%s\":%llu", key, (unsigned long long)value);
}

static void add_kind(const struct balance *balance, struct text *out, u32 kind)
{
	bool first = true;

	text_add_format(out, "\"%s\":{", kind_name(kind));
	add_number(out, "produced", balance->kernel.produced[kind]);
	text_add_char(out, ',');
	add_number(out, "delivered", delivered_of(balance, kind));
	text_add_char(out, ',');
	add_number(out, "filtered", filtered_of(balance, kind));
	text_add_char(out, ',');
	add_number(out, "lost", lost_of(balance, kind));
	text_add(out, ",\"lost_by\":{");
	for (int cause = 0; cause < LOSS_CAUSES; cause++) {
		if (!balance->kernel.lost[kind][cause])
			continue;
		if (!first)
			text_add_char(out, ',');
		first = false;
		add_number(out, word_loss(cause), balance->kernel.lost[kind][cause]);
	}
	if (balance->unwritten[kind]) {
		if (!first)
			text_add_char(out, ',');
		add_number(out, "unwritten", balance->unwritten[kind]);
	}
	text_add(out, "}}");
}

/* What was less complete than it should be, though no event is missing. */
static void add_failures(const struct balance *balance, struct text *out)
{
	bool first = true;

	text_add(out, "\"failed\":{");
	for (int site = 0; site < FAILURE_SITES; site++) {
		if (!balance->kernel.failed[site] || !word_failure(site))
			continue;
		if (!first)
			text_add_char(out, ',');
		first = false;
		add_number(out, word_failure(site), balance->kernel.failed[site]);
	}
	text_add(out, "},");
}

void balance_json(const struct balance *balance, struct text *out)
{
	bool first = true;

	text_add_format(out, "{\"kind\":\"summary\",\"seconds\":%.3f,\"events\":{",
			(balance->ended - balance->started) / 1e9);
	for (u32 kind = 0; kind < KIND_MAX; kind++) {
		if (!kind_is_public(kind) || (!(balance->wanted >> kind & 1) && !balance->kernel.produced[kind]))
			continue;
		if (!first)
			text_add_char(out, ',');
		first = false;
		add_kind(balance, out, kind);
	}
	text_add(out, "},");
	if (balance->exit_status >= 0)
		text_add_format(out, "\"exit_status\":%d,", balance->exit_status);
	add_failures(balance, out);
	add_number(out, "lost", balance_lost(balance));
	text_add(out, "}\n");
}
