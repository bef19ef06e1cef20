/* sonde policy list, report: what stands, and what it has seen. */
#include <errno.h>
#include <unistd.h>

#include "base/duration.h"
#include "base/escape.h"
#include "base/jot.h"
#include "base/message.h"
#include "base/wall.h"
#include "books/grid.h"
#include "cmd/policy.h"
#include "policy/stand.h"
#include "proc/user.h"

static const char *const modes[] = { [LIFE_OBSERVE] = "observe", [LIFE_ENFORCE] = "enforce" };

/* Seconds are enough for a person. */
static void add_wall(struct text *out, s64 time)
{
	struct wall wall = { .offset = time };
	size_t start = out->length;

	if (!time)
		return;
	wall_format(&wall, out, 0);
	out->length = start + 19;
	out->data[start + 10] = ' ';
	out->data[out->length] = '\0';
}

static void jot_wall(struct jot *jot, const char *key, s64 time)
{
	struct wall wall = { .offset = time };
	struct text text = { 0 };

	if (time) {
		wall_format(&wall, &text, 0);
		jot_string(jot, key, text_string(&text));
	}
	text_free(&text);
}

static const struct grid_column list_columns[] = {
	{ .head = "POLICY", .left = true },
	{ .head = "MODE", .left = true },
	{ .head = "SINCE (UTC)", .left = true, .drop = 3 },
	{ .head = "OBSERVED" },
	{ .head = "MATCHED" },
	{ .head = "NEW", .drop = 2 },
	{ .head = "STOPPED" },
	{ .head = "LAST (UTC)", .left = true, .drop = 4 },
	{ .head = "FILE", .left = true, .rest = 20 },
};

struct listing {
	struct output output;
	struct grid grid;
	bool json;
	u64 count;
};

static void jot_entry(struct jot *jot, const struct life_entry *entry)
{
	jot_string(jot, "name", entry->name);
	jot_string(jot, "mode", modes[entry->mode]);
	jot_string(jot, "file", entry->file);
	jot_wall(jot, "since", entry->since);
	jot_unsigned(jot, "observed_ns", entry->observed);
	jot_unsigned(jot, "matched", entry->matched);
	jot_unsigned(jot, "unacknowledged", entry->unacknowledged);
	jot_unsigned(jot, "stopped", entry->taken);
	jot_wall(jot, "first", entry->first);
	jot_wall(jot, "last", entry->last);
}

static bool tell_entry(void *context, const struct life_entry *entry)
{
	struct listing *listing = context;
	struct jot jot = { .out = &listing->output.text };
	struct grid *grid = &listing->grid;

	listing->count++;
	if (listing->json) {
		jot_open(&jot, NULL, '{');
		jot_entry(&jot, entry);
		jot_close(&jot, '}');
		text_add_char(jot.out, '\n');
		return output_some(&listing->output);
	}
	grid_string(grid, entry->name);
	grid_string(grid, modes[entry->mode]);
	add_wall(&grid->text, entry->since);
	grid_end_cell(grid);
	grid_duration(grid, entry->observed);
	grid_number(grid, entry->matched);
	grid_number(grid, entry->unacknowledged);
	grid_number(grid, entry->taken);
	add_wall(&grid->text, entry->last);
	grid_end_cell(grid);
	escape_terminal(&grid->text, entry->file, strlen(entry->file));
	grid_end_cell(grid);
	return true;
}

#define NO_POLICY "no policy stands; `sonde policy observe FILE` begins with one"

/* Whoever may write adds what was counted in the kernel since; others see what was known the last time. */
static struct life *open_counted(bool *none)
{
	struct life *life = life_open(false, none);

	if (!life || !stand_exists() || !life_may_write(life))
		return life;
	life_close(life);
	life = life_open(true, none);
	if (life)
		stand_count(life);
	return life;
}

int policy_list(const struct policy_settings *settings)
{
	struct listing listing = { .json = settings->json };
	bool none = false;
	struct life *life = open_counted(&none);
	int status = 0;

	if (!life && !none)
		return 1;
	grid_begin(&listing.grid, list_columns, sizeof(list_columns) / sizeof(*list_columns));
	if (life && life_list(life, tell_entry, &listing))
		status = 1;
	if (!listing.count && !status && stand_exists())
		message_warn("there are programs of policies in the kernel that nothing is known of; `sonde policy remove --all` ends them");
	else if (!listing.count && !status)
		message_note(NO_POLICY);
	else if (!listing.json)
		grid_print(&listing.grid, &listing.output.text, output_width(STDOUT_FILENO), "");
	grid_free(&listing.grid);
	life_close(life);
	return output_end(&listing.output) || status;
}

struct reporting {
	struct output *output;
	struct grid grid;
	struct jot jot;
	struct user_table *users;
	bool json;
};

static const struct grid_column match_columns[] = {
	{ .head = "MATCHED" },
	{ .head = "NEW" },
	{ .head = "TOOL", .left = true },
	{ .head = "USER", .left = true },
	{ .head = "FIRST (UTC)", .left = true, .drop = 2 },
	{ .head = "LAST (UTC)", .left = true, .drop = 1 },
	{ .head = "WHAT", .left = true, .rest = 20 },
};

static void tell_match(void *context, const struct life_match *match)
{
	struct reporting *reporting = context;
	const char *user = match->user == LIFE_NOBODY ? "-" : user_name(reporting->users, match->user, 0);
	struct grid *grid = &reporting->grid;

	if (reporting->json) {
		jot_open(&reporting->jot, NULL, '{');
		jot_bytes(&reporting->jot, "tool", match->tool.data, match->tool.length);
		if (match->user != LIFE_NOBODY)
			jot_unsigned(&reporting->jot, "user", match->user);
		jot_bytes(&reporting->jot, "object", match->object.data, match->object.length);
		jot_unsigned(&reporting->jot, "matched", match->count);
		jot_unsigned(&reporting->jot, "acknowledged", match->acknowledged);
		jot_wall(&reporting->jot, "first", match->first);
		jot_wall(&reporting->jot, "last", match->last);
		jot_close(&reporting->jot, '}');
		return;
	}
	grid_number(grid, match->count);
	grid_number(grid, match->count - match->acknowledged);
	escape_terminal(&grid->text, match->tool.data, match->tool.length);
	grid_end_cell(grid);
	if (user)
		escape_terminal(&grid->text, user, strlen(user));
	else
		text_add_u64(&grid->text, match->user);
	grid_end_cell(grid);
	add_wall(&grid->text, match->first);
	grid_end_cell(grid);
	add_wall(&grid->text, match->last);
	grid_end_cell(grid);
	escape_terminal(&grid->text, match->object.data, match->object.length);
	grid_end_cell(grid);
}

static void tell_deed(void *context, const struct life_deed *deed)
{
	struct reporting *reporting = context;
	const char *user = user_name(reporting->users, deed->user, 0);
	struct text *out = &reporting->output->text;

	if (reporting->json) {
		jot_open(&reporting->jot, NULL, '{');
		jot_wall(&reporting->jot, "time", deed->time);
		jot_unsigned(&reporting->jot, "user", deed->user);
		jot_string(&reporting->jot, "what", deed->what);
		jot_close(&reporting->jot, '}');
		return;
	}
	text_add(out, "  ");
	add_wall(out, deed->time);
	text_add(out, "  ");
	if (user)
		escape_terminal(out, user, strlen(user));
	else
		text_add_u64(out, deed->user);
	text_add(out, ": ");
	escape_terminal(out, deed->what, strlen(deed->what));
	text_add_char(out, '\n');
}

/* What its action is, from its text. */
static const char *action_of(const struct life_entry *entry)
{
	struct policies policies = { 0 };
	struct policy_error error;
	const struct policy *policy;
	const char *action = "log";

	if (!policies_parse(&policies, entry->source, entry->source_length, entry->file, &error)) {
		policy = policies_find(&policies, entry->name);
		action = policy ? match_action(policy) : action;
	}
	policies_free(&policies);
	return action;
}

static void add_head(struct reporting *reporting, const struct life_entry *entry)
{
	char observed[DURATION_TEXT_SIZE];
	struct text *out = &reporting->output->text;
	const char *action = action_of(entry);

	if (reporting->json) {
		jot_open(&reporting->jot, NULL, '{');
		jot_entry(&reporting->jot, entry);
		jot_string(&reporting->jot, "action", action);
		return;
	}
	text_add_format(out, "%s: %s, since ", entry->name, modes[entry->mode]);
	add_wall(out, entry->since);
	text_add_format(out, " UTC, watched for %s\n", duration_format(entry->observed, observed));
	text_add_format(out, "matched %llu time%s", (unsigned long long)entry->matched, entry->matched == 1 ? "" : "s");
	if (entry->mode == LIFE_ENFORCE)
		text_add_format(out, ", %llu stopped", (unsigned long long)entry->taken);
	else if (strcmp(action, "log"))
		text_add_format(out, ", each of which it would %s", strcmp(action, "deny") ? "kill for" : "deny");
	text_add_format(out, "; %llu not acknowledged\n", (unsigned long long)entry->unacknowledged);
}

static int report(struct life *life, const struct life_entry *entry, struct reporting *reporting)
{
	struct text *out = &reporting->output->text;
	int error;

	add_head(reporting, entry);
	grid_begin(&reporting->grid, match_columns, sizeof(match_columns) / sizeof(*match_columns));
	if (reporting->json)
		jot_open(&reporting->jot, "matches", '[');
	error = life_matches(life, entry->id, tell_match, reporting);
	if (reporting->json) {
		jot_close(&reporting->jot, ']');
		jot_open(&reporting->jot, "log", '[');
	} else {
		if (entry->matched) {
			text_add_char(out, '\n');
			grid_print(&reporting->grid, out, output_width(STDOUT_FILENO), "");
		}
		text_add(out, "\nwho did what\n");
	}
	if (!error)
		error = life_log(life, entry->name, tell_deed, reporting);
	if (reporting->json) {
		jot_close(&reporting->jot, ']');
		jot_close(&reporting->jot, '}');
		text_add_char(out, '\n');
	}
	grid_free(&reporting->grid);
	return error;
}

static int acknowledge(const char *name)
{
	struct life *life = life_open(true, NULL);
	struct life_entry entry;
	int status = life && !life_find(life, name, &entry) && !life_acknowledge(life, &entry) ? 0 : 1;

	life_close(life);
	return status;
}

int policy_report(const struct policy_settings *settings, const char *name)
{
	struct output output = { 0 };
	struct reporting reporting = { .output = &output, .json = settings->json, .jot.out = &output.text };
	bool none = false;
	struct life *life = open_counted(&none);
	struct life_entry entry;
	int status = 1;

	if (none)
		message_error(NO_POLICY);
	if (!life)
		return 1;
	reporting.users = user_table_new(NULL);
	if (!life_find(life, name, &entry) && !report(life, &entry, &reporting))
		status = 0;
	if (!status && settings->acknowledge)
		status = acknowledge(name);
	user_table_free(reporting.users);
	life_close(life);
	return output_end(&output) || status;
}
