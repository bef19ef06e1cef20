/*
 * At each exec every rule is asked, the user's first, and the first that fits wins. Most are out of the question by the names of the
 * tool and its parent: those a rule lists are a set of 64 bits, so that costs one comparison a rule. Conditions of a rule are asked
 * cheapest first.
 */
#define _GNU_SOURCE

#include "rules/rules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/embed.h"
#include "base/nearest.h"
#include "rules/rules_private.h"

#define NAME_MOST 96	/* bytes of a task's name and group */

EMBED(rules_yaml, "src/rules/rules.yaml");

const char *rules_builtin(void)
{
	return rules_yaml;
}

static bool read_file(const char *path, struct text *content, struct text *error)
{
	int file = open(path, O_RDONLY | O_CLOEXEC);
	char part[4096];
	ssize_t got = -1;

	if (file >= 0)
		while ((got = read(file, part, sizeof(part))) > 0 && content->length <= RULES_FILE_MOST)
			text_add_bytes(content, part, got);
	if (got < 0)
		text_add_format(error, "%s: %s; rules are read from a YAML file, see docs/rules.md", path, strerror(errno));
	else if (content->length > RULES_FILE_MOST)
		text_add_format(error, "%s: is larger than 1 MiB, which no file of rules is", path);
	if (file >= 0)
		close(file);
	return !error->length;
}

static bool has_name(const struct rule_list *list, const char *name)
{
	for (size_t i = 0; i < list->count; i++)
		if (!strcmp(list->items[i].name, name))
			return true;
	return false;
}

/* Switching off what is not there is a slip of the pen. */
static bool check_off(const struct rule_list *own, const struct rule_list *builtin, const char *path, struct text *error)
{
	const char *nearest = NULL;
	unsigned int least = NEAREST_TOO_FAR;

	for (size_t i = 0; i < own->count; i++) {
		const struct rule *rule = &own->items[i];

		if (!rule->off || has_name(builtin, rule->name))
			continue;
		for (size_t j = 0; j < builtin->count; j++)
			if (nearest_distance(rule->name, builtin->items[j].name) < least) {
				nearest = builtin->items[j].name;
				least = nearest_distance(rule->name, nearest);
			}
		text_add_format(error, "%s:%zu:1: there is no built-in rule %s to switch off", path, rule->line, rule->name);
		if (nearest)
			text_add_format(error, ", did you mean %s?", nearest);
		return false;
	}
	return true;
}

/* Moves the rules that stand over; the rest is freed. */
static void move(struct rule_list *list, struct rule_list *from)
{
	list->items = xrealloc(list->items, list->count + from->count + 1, sizeof(*list->items));
	for (size_t i = 0; i < from->count; i++) {
		if (from->items[i].off)
			rule_free(&from->items[i]);
		else
			list->items[list->count++] = from->items[i];
	}
	free(from->items);
	*from = (struct rule_list){ 0 };
}

static void list_free(struct rule_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		rule_free(&list->items[i]);
	free(list->items);
}

struct rules *rules_new(const char *path, struct text *error)
{
	struct rule_list own = { 0 }, builtin = { 0 };
	struct text content = { 0 };
	struct rules *rules = NULL;

	if (rules_load(&builtin, "rules.yaml", rules_yaml, rules_yaml_end - rules_yaml, false, error))
		goto out;
	if (path && (!read_file(path, &content, error) ||
		     rules_load(&own, path, text_string(&content), content.length, true, error) ||
		     !check_off(&own, &builtin, path, error)))
		goto out;
	for (size_t i = 0; i < builtin.count; i++)
		builtin.items[i].off = has_name(&own, builtin.items[i].name);
	rules = xcalloc(1, sizeof(*rules));
	move(&rules->list, &own);
	move(&rules->list, &builtin);
out:
	list_free(&own);
	list_free(&builtin);
	text_free(&content);
	return rules;
}

void rules_free(struct rules *rules)
{
	if (!rules)
		return;
	list_free(&rules->list);
	fact_match_free(&rules->match);
	lookup_free(&rules->lookup);
	text_free(&rules->out);
	text_free(&rules->path);
	free(rules);
}

bool rules_entry(const struct rules *rules, size_t index, struct rules_entry *entry)
{
	if (index >= rules->list.count)
		return false;
	*entry = (struct rules_entry){ rules->list.items[index].name, rules->list.items[index].line,
				       rules->list.items[index].own };
	return true;
}

static bool value_fits(const struct rule_condition *condition, struct rule_value value, struct rule_value *groups)
{
	for (size_t i = 0; i < condition->pattern_count; i++)
		if (rule_pattern_fits(&condition->patterns[i], value, groups + condition->first_group))
			return true;
	return false;
}

static bool condition_holds(const struct rule_condition *condition, struct fact_match *match)
{
	struct rule_value value = fact_value(&condition->fact, match);

	if (condition->fact.id != FACT_INSIDE)
		return value_fits(condition, value, match->groups);
	/* each of the names by itself */
	while (value.length) {
		const char *space = memchr(value.at, ' ', value.length);
		struct rule_value name = { value.at, space ? (size_t)(space - value.at) : value.length };

		if (value_fits(condition, name, match->groups))
			return true;
		value.at += name.length + (space != NULL);
		value.length -= name.length + (space != NULL);
	}
	return false;
}

static bool look_up(struct rules *rules, const struct rule *rule)
{
	const struct rule_facts *facts = rules->match.facts;
	struct rule_value *groups = rules->match.groups + rule->line_group;
	static const struct fact command = { .id = FACT_ARGUMENTS };

	switch (rule->lookup) {
	case LOOKUP_LINE:
		text_reset(&rules->path);
		rule_template_add(&rule->file, &rules->match, &rules->path);
		return lookup_line(&rules->lookup, text_string(&rules->path), facts->user, &rule->line_pattern, groups);
	case LOOKUP_TITLE:
		return facts->parent_pid && lookup_title(&rules->lookup, facts->parent_pid, &rule->line_pattern, groups);
	case LOOKUP_SNAKEMAKE:
		return facts->parent_pid && lookup_snakemake(&rules->lookup, facts->parent_pid, facts->user,
							     fact_value(&command, &rules->match), rules->match.job);
	case LOOKUP_NONE:
		break;
	}
	return true;
}

static bool rule_fits(struct rules *rules, const struct rule *rule)
{
	struct fact_match *match = &rules->match;

	for (size_t i = 0; i < rule->group_count; i++)
		match->groups[i] = (struct rule_value){ "", 0 };
	for (size_t i = 0; i < rule->when.count; i++)
		if (!condition_holds(&rule->when.items[i], match))
			return false;
	for (size_t i = 0; i < rule->unless.count; i++)
		if (condition_holds(&rule->unless.items[i], match))
			return false;
	for (size_t i = 0; i < sizeof(match->job) / sizeof(*match->job); i++)
		match->job[i] = (struct rule_value){ "", 0 };
	return look_up(rules, rule) || !rule->required;
}

/* Names are read by people: white space of any sort is one space, and there is an end to it. */
static void tidy(struct text *out, size_t from)
{
	size_t to = from;

	for (size_t i = from; i < out->length; i++) {
		bool blank = out->data[i] == ' ' || (out->data[i] >= '\t' && out->data[i] <= '\r');

		if (!blank)
			out->data[to++] = out->data[i];
		else if (to > from && out->data[to - 1] != ' ')
			out->data[to++] = ' ';
	}
	if (to > from && out->data[to - 1] == ' ')
		to--;
	out->length = to;
	if (to - from > NAME_MOST) {
		out->length = from + NAME_MOST - strlen("…");
		while ((out->data[out->length] & 0xc0) == 0x80)
			out->length--;
		text_add(out, "…");
	}
}

/* "8", "2.5 GB", "512M": bytes, or as many. */
static u64 number_of(const char *text)
{
	char *end;
	double number = strtod(text, &end), factor = 1;

	end += strspn(end, " ");
	switch (*end) {
	case 'k':
	case 'K':
		factor = 1 << 10;
		break;
	case 'm':
	case 'M':
		factor = 1 << 20;
		break;
	case 'g':
	case 'G':
		factor = 1 << 30;
		break;
	case 't':
	case 'T':
		factor = 1ULL << 40;
		break;
	}
	number *= factor;
	return number >= 1 && number < 1e18 ? number : 0;
}

/* Where the part begins in `out`; what it is without a template of its own, or with one that says nothing, is `otherwise`. */
static size_t add_part(struct rules *rules, const struct rule *rule, enum rule_part part, const char *otherwise)
{
	struct text *out = &rules->out;
	size_t from = out->length;

	if (rule->has[part])
		rule_template_add(&rule->parts[part], &rules->match, out);
	if (part == RULE_NAME || part == RULE_GROUP)
		tidy(out, from);
	if (out->length == from)
		text_add(out, otherwise);
	text_add_char(out, '\0');
	return from;
}

static bool fill_in(struct rules *rules, const struct rule *rule, struct rule_task *task)
{
	static const struct fact process = { .id = FACT_PROCESS };
	struct text *out = &rules->out;
	size_t at[RULE_PARTS], name;

	text_reset(out);
	at[RULE_KEY] = add_part(rules, rule, RULE_KEY, rule->has[RULE_KEY] ? "" : fact_value(&process, &rules->match).at);
	name = at[RULE_NAME] = add_part(rules, rule, RULE_NAME, rules->match.facts->tool);
	at[RULE_GROUP] = rule->has[RULE_GROUP] ? add_part(rules, rule, RULE_GROUP, rule->name) : name;
	for (int part = RULE_DIRECTORY; part < RULE_PARTS; part++)
		at[part] = add_part(rules, rule, part, "");
	if (out->failed || !out->data[at[RULE_KEY]])
		return false;
	*task = (struct rule_task){
		.rule = rule->name,
		.key = out->data + at[RULE_KEY],
		.name = out->data + at[RULE_NAME],
		.group = out->data + at[RULE_GROUP],
		.directory = out->data[at[RULE_DIRECTORY]] ? out->data + at[RULE_DIRECTORY] : NULL,
		.cpus = number_of(out->data + at[RULE_CPUS]),
		.memory = number_of(out->data + at[RULE_MEMORY]),
	};
	return true;
}

static bool rule_awaits(struct rules *rules, const struct rule *rule, struct rule_value tool)
{
	bool any = true;

	for (size_t i = 0; i < rule->when.count; i++) {
		const struct rule_condition *condition = &rule->when.items[i];

		if (condition->fact.id != FACT_TOOL && condition->fact.id != FACT_PARENT_TOOL)
			continue;
		if (value_fits(condition, tool, rules->match.groups))
			return true;
		any = false;
	}
	return any;
}

bool rules_await(struct rules *rules, const char *tool)
{
	struct rule_value value = { tool, strlen(tool) };

	for (size_t i = 0; i < rules->list.count; i++)
		if (rules->list.items[i].lookup != LOOKUP_NONE && rule_awaits(rules, &rules->list.items[i], value))
			return true;
	return false;
}

bool rules_match(struct rules *rules, const struct rule_facts *facts, struct rule_task *task)
{
	u64 tool = rule_tool_bit(facts->tool, strlen(facts->tool));
	u64 parent = rule_tool_bit(facts->parent_tool, strlen(facts->parent_tool));

	fact_match_begin(&rules->match, facts);
	for (size_t i = 0; i < rules->list.count; i++) {
		const struct rule *rule = &rules->list.items[i];

		if ((rule->tools && !(rule->tools & tool)) || (rule->parent_tools && !(rule->parent_tools & parent)))
			continue;
		if (rule_fits(rules, rule) && fill_in(rules, rule, task))
			return true;
	}
	return false;
}
