/*
 * sonde policy test: policies over the events of a recorded run, to see what they would have done. A policy that asks for what
 * runs do not keep is not tested, and that is said: no match would say nothing.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/escape.h"
#include "base/jot.h"
#include "base/message.h"
#include "books/grid.h"
#include "books/replay.h"
#include "books/run_jot.h"
#include "books/store.h"
#include "cmd/policy.h"
#include "policy/load.h"
#include "policy/point.h"
#include "proc/identity.h"

/* What one tool of one user did to one object, as far as a policy matched it. */
struct backtest_row {
	const struct policy *policy;
	struct text tool, object;
	u32 user;
	u64 count, first, last;
};

struct backtest {
	const struct policy_settings *settings;
	const struct run *run;
	struct policies policies;	/* those that can be tested */
	struct matcher *matcher;
	struct identity *identity;
	struct backtest_row *rows;
	size_t count, room;
	u64 many, last;			/* of the event at hand: how many alike, until when */
	u64 events[KIND_MAX];
	struct output output;
};

static const char *field_not_kept(const struct lang_node *node, const struct run *run, u32 kinds)
{
	const char *left;

	if (!node)
		return NULL;
	if (node->op == OP_FIELD)
		return replay_keeps(run, node->symbol->name, kinds) ? NULL : node->symbol->name;
	left = field_not_kept(node->left, run, kinds);
	return left || node->op == OP_LIST ? left : field_not_kept(node->right, run, kinds);
}

/* Whether a policy would say nothing of this run, and why. */
static bool is_in_the_way(const struct policy *policy, const struct run *run, struct text *why)
{
	for (u32 i = 0; i < policy->hook_count; i++) {
		const struct policy_hook *hook = &policy->hooks[i];
		u32 kinds = policy_is_seen(hook) ? policy_point_find(hook->target)->kinds : 0;
		const char *field;

		if (!kinds || kinds & ~replay_kinds(run)) {
			text_add_format(why, "a run does not keep what happens at \"%s\"%s", hook->target,
					kinds & KIND_BIT(open) ? " unless it is recorded with --files" : "");
			return true;
		}
		field = field_not_kept(hook->asked, run, kinds);
		if (field) {
			text_add_format(why, "this run does not keep %s at \"%s\"", field, hook->target);
			return true;
		}
	}
	return false;
}

static bool same(const struct text *left, const struct text *right)
{
	return left->length == right->length && !memcmp(text_string(left), text_string(right), left->length);
}

static void on_match(void *context, const struct match *match)
{
	struct backtest *backtest = context;
	struct backtest_row row = { .policy = match->policy, .user = policy_user(match->event), .count = backtest->many };

	row.first = match->event->record->time;
	row.last = backtest->last;
	policy_tool(match->event, &row.tool);
	match_object(match, &row.object);
	if (backtest->count == backtest->room) {
		backtest->room = backtest->room ? 2 * backtest->room : 64;
		backtest->rows = xrealloc(backtest->rows, backtest->room, sizeof(*backtest->rows));
	}
	backtest->rows[backtest->count++] = row;
}

static int on_event(void *context, const void *bytes, size_t size, u64 count, u64 last)
{
	struct backtest *backtest = context;
	struct event event;

	if (event_decode(&event, bytes, size))
		return 0;
	identity_complete(backtest->identity, &event);
	if (!count)
		return 0;
	backtest->events[event.record->kind] += count;
	backtest->many = count;
	backtest->last = last;
	matcher_event(backtest->matcher, &event, on_match, backtest);
	return 0;
}

static int compare_text(const struct text *left, const struct text *right)
{
	int order = strcmp(text_string(left), text_string(right));

	return order ? order : left->length < right->length ? -1 : left->length > right->length;
}

static int compare(const void *left, const void *right)
{
	const struct backtest_row *a = left, *b = right;
	int order;

	if (a->policy != b->policy)
		return a->policy < b->policy ? -1 : 1;
	order = compare_text(&a->tool, &b->tool);
	if (!order)
		order = compare_text(&a->object, &b->object);
	if (!order)
		order = a->user < b->user ? -1 : a->user > b->user;
	return order ? order : a->first < b->first ? -1 : a->first > b->first;
}

static void forget_row(struct backtest_row *row)
{
	text_free(&row->tool);
	text_free(&row->object);
}

static void fold(struct backtest *backtest)
{
	size_t kept = 0;

	qsort(backtest->rows, backtest->count, sizeof(*backtest->rows), compare);
	for (size_t i = 0; i < backtest->count; i++) {
		struct backtest_row *row = &backtest->rows[i], *before = kept ? &backtest->rows[kept - 1] : NULL;

		if (before && before->policy == row->policy && before->user == row->user && same(&before->tool, &row->tool) &&
		    same(&before->object, &row->object)) {
			before->count += row->count;
			if (row->last > before->last)
				before->last = row->last;
			forget_row(row);
		} else {
			backtest->rows[kept++] = *row;
		}
	}
	backtest->count = kept;
}

static u64 seen_by(const struct backtest *backtest, const struct policy *policy)
{
	u32 kinds = 0;
	u64 seen = 0;

	for (u32 i = 0; i < policy->hook_count; i++)
		kinds |= policy_point_find(policy->hooks[i].target)->kinds;
	for (u32 kind = 0; kind < KIND_MAX; kind++)
		if (kinds >> kind & 1)
			seen += backtest->events[kind];
	return seen;
}

static void jot_row(struct backtest *backtest, const struct backtest_row *row)
{
	struct jot jot = { .out = &backtest->output.text };
	const char *user = user_name(backtest->identity->users, row->user, 0);

	jot_open(&jot, NULL, '{');
	jot_string(&jot, "kind", "match");
	jot_string(&jot, "policy", row->policy->name);
	jot_string(&jot, "action", match_action(row->policy));
	jot_bytes(&jot, "tool", text_string(&row->tool), row->tool.length);
	jot_unsigned(&jot, "user_id", row->user);
	if (user)
		jot_string(&jot, "user", user);
	jot_bytes(&jot, "object", text_string(&row->object), row->object.length);
	jot_unsigned(&jot, "count", row->count);
	run_jot_wall(backtest->run, &jot, "first", row->first);
	run_jot_wall(backtest->run, &jot, "last", row->last);
	jot_close(&jot, '}');
	text_add_char(jot.out, '\n');
}

static void grid_row(struct backtest *backtest, struct grid *grid, const struct backtest_row *row)
{
	const char *user = user_name(backtest->identity->users, row->user, 0);

	grid_number(grid, row->count);
	escape_terminal(&grid->text, text_string(&row->tool), row->tool.length);
	grid_end_cell(grid);
	if (user)
		text_add(&grid->text, user);
	else
		text_add_format(&grid->text, "%u", row->user);
	grid_end_cell(grid);
	grid_duration(grid, row->first - backtest->run->start);
	grid_duration(grid, row->last - backtest->run->start);
	escape_terminal(&grid->text, text_string(&row->object), row->object.length);
	grid_end_cell(grid);
}

/* Of one policy: what it would have done, to what of how much. */
static void show_policy(struct backtest *backtest, const struct policy *policy)
{
	static const struct grid_column columns[] = {
		{ .head = "count" }, { .head = "tool", .left = true }, { .head = "user", .left = true, .drop = 1 },
		{ .head = "first at", .drop = 3 }, { .head = "last at", .drop = 2 },
		{ .head = "object", .left = true, .rest = 24 },
	};
	struct text *out = &backtest->output.text;
	struct jot jot = { .out = out };
	struct grid grid;
	u64 matched = 0;

	grid_begin(&grid, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < backtest->count; i++) {
		if (backtest->rows[i].policy != policy)
			continue;
		matched += backtest->rows[i].count;
		if (backtest->settings->json)
			jot_row(backtest, &backtest->rows[i]);
		else
			grid_row(backtest, &grid, &backtest->rows[i]);
	}
	if (backtest->settings->json) {
		jot_open(&jot, NULL, '{');
		jot_string(&jot, "kind", "policy");
		jot_string(&jot, "policy", policy->name);
		jot_bool(&jot, "tested", true);
		jot_string(&jot, "action", match_action(policy));
		jot_unsigned(&jot, "events", seen_by(backtest, policy));
		jot_unsigned(&jot, "matched", matched);
		jot_close(&jot, '}');
		text_add_char(out, '\n');
	} else {
		text_add_format(out, "%s  would %s %llu of %llu\n", policy->name, match_action(policy), (unsigned long long)matched,
				(unsigned long long)seen_by(backtest, policy));
		if (matched)
			grid_print(&grid, out, 0, "  ");
	}
	grid_free(&grid);
}

static void say_untested(struct backtest *backtest, const struct policy *policy, const struct text *why)
{
	struct jot jot = { .out = &backtest->output.text };

	if (!backtest->settings->json) {
		message_warn("%s is not tested: %s", policy->name, text_string(why));
		return;
	}
	jot_open(&jot, NULL, '{');
	jot_string(&jot, "kind", "policy");
	jot_string(&jot, "policy", policy->name);
	jot_bool(&jot, "tested", false);
	jot_string(&jot, "why", text_string(why));
	jot_close(&jot, '}');
	text_add_char(jot.out, '\n');
}

/* Puts those that can be tested first, and returns how many they are. */
static size_t sort_out(struct backtest *backtest)
{
	size_t testable = 0;

	for (size_t i = 0; i < backtest->policies.count; i++) {
		struct policy *policy = backtest->policies.list[i];
		struct text why = { 0 };

		if (is_in_the_way(policy, backtest->run, &why)) {
			say_untested(backtest, policy, &why);
		} else {
			backtest->policies.list[i] = backtest->policies.list[testable];
			backtest->policies.list[testable++] = policy;
		}
		text_free(&why);
	}
	return testable;
}

static int test_run(struct backtest *backtest)
{
	struct policies testable = { .list = backtest->policies.list, .count = sort_out(backtest) };
	int status;

	backtest->identity = identity_new(false, NULL);
	if (!backtest->identity)
		return 1;
	backtest->matcher = matcher_new(&testable);
	replay(backtest->run, on_event, backtest);
	fold(backtest);
	for (size_t i = 0; i < testable.count; i++)
		show_policy(backtest, testable.list[i]);
	if (backtest->run->lost)
		message_warn("%llu events were lost in this run: what they would have matched is not known",
			     (unsigned long long)backtest->run->lost);
	if (!testable.count)
		message_error("nothing is tested: a run does not keep what %s", backtest->policies.count == 1 ? "the policy asks for" : "any of the policies asks for");
	status = output_end(&backtest->output);
	return status || testable.count ? status : 1;
}

int policy_test(const struct policy_settings *settings, char *const *files)
{
	struct backtest backtest = { .settings = settings };
	struct store *store;
	struct run *run = NULL;
	int status = 1;

	while (*files)
		if (policies_load(&backtest.policies, *files++, NULL))
			goto out;
	store = store_open(settings->store, false);
	if (store)
		run = store_load(store, settings->run, STORE_WITH_ARGUMENTS | STORE_WITH_FILES);
	store_close(store);
	backtest.run = run;
	if (run)
		status = test_run(&backtest);
out:
	for (size_t i = 0; i < backtest.count; i++)
		forget_row(&backtest.rows[i]);
	free(backtest.rows);
	matcher_free(backtest.matcher);
	identity_free(backtest.identity);
	policies_free(&backtest.policies);
	run_free(run);
	return status;
}
