/* From YAML (base/document.h) to rules. Nothing is ignored: what has no meaning here is a mistake. */
#define _GNU_SOURCE

#include <stdlib.h>

#include "base/alloc.h"
#include "base/document.h"
#include "rules/rules_private.h"

#define CONDITIONS_MOST 32
#define PATTERNS_MOST 64
#define NAME_MOST 32
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

struct reader {
	struct document document;
	struct text reason;
};

static const char *const part_names[] = {
	[RULE_KEY] = "key", [RULE_NAME] = "name", [RULE_GROUP] = "group", [RULE_DIRECTORY] = "directory", [RULE_CPUS] = "cpus",
	[RULE_MEMORY] = "memory", NULL,
};

#define wrong_at(reader, node, ...) document_wrong(&(reader)->document, node, __VA_ARGS__)

/* What a reader of patterns or templates has said. */
static int wrong_because(struct reader *reader, const yaml_node_t *node)
{
	return wrong_at(reader, node, "%s", text_string(&reader->reason));
}

static const yaml_node_t *node_at(struct reader *reader, int index)
{
	return document_at(&reader->document, index);
}

static int read_pattern(struct reader *reader, const yaml_node_t *node, struct rule_condition *condition)
{
	const char *text = document_text(&reader->document, node, "a pattern");

	if (!text)
		return -1;
	if (condition->pattern_count == PATTERNS_MOST)
		return wrong_at(reader, node, "more than %d patterns for one fact", PATTERNS_MOST);
	condition->patterns = xrealloc(condition->patterns, condition->pattern_count + 1, sizeof(*condition->patterns));
	text_reset(&reader->reason);
	if (rule_pattern_read(&condition->patterns[condition->pattern_count++], text, &reader->reason))
		return wrong_because(reader, node);
	return 0;
}

static unsigned int cost_of(const struct rule_condition *condition)
{
	enum fact_id id = condition->fact.id;
	unsigned int cost = 0;

	for (size_t i = 0; i < condition->pattern_count; i++)
		if (cost < condition->patterns[i].type)
			cost = condition->patterns[i].type;
	if (id == FACT_COMMAND || id == FACT_OUTPUT || id == FACT_OPTION || id == FACT_PARENT_OPTION)
		cost += 3;
	if (id == FACT_ARGUMENTS || id == FACT_PARENT_ARGUMENTS)
		cost += 4;
	return cost;
}

static int read_condition(struct reader *reader, struct rule *rule, struct rule_condition *condition, yaml_node_pair_t *pair,
			  const char *key)
{
	const yaml_node_t *key_node = node_at(reader, pair->key), *value = node_at(reader, pair->value);
	size_t groups = 0;

	text_reset(&reader->reason);
	if (fact_read(&condition->fact, key, false, &reader->reason))
		return wrong_because(reader, key_node);
	if (fact_is_of_job(&condition->fact))
		return wrong_at(reader, key_node, "%s is known only after the conditions; use it in task", key);
	if (value->type == YAML_MAPPING_NODE)
		return wrong_at(reader, value, "%s takes a pattern or a list of patterns, not a mapping", key);
	if (value->type == YAML_SCALAR_NODE && read_pattern(reader, value, condition))
		return -1;
	if (value->type == YAML_SEQUENCE_NODE)
		for (yaml_node_item_t *item = value->data.sequence.items.start; item < value->data.sequence.items.top; item++)
			if (read_pattern(reader, node_at(reader, *item), condition))
				return -1;
	if (!condition->pattern_count)
		return wrong_at(reader, value, "an empty list fits nothing");
	for (size_t i = 0; i < condition->pattern_count; i++)
		if (groups < rule_pattern_groups(&condition->patterns[i]))
			groups = rule_pattern_groups(&condition->patterns[i]);
	condition->first_group = rule->group_count;
	rule->group_count += groups;
	condition->cost = cost_of(condition);
	if (rule->group_count > FACT_GROUPS_MOST)
		return wrong_at(reader, value, "more than %d groups in one rule", FACT_GROUPS_MOST);
	return 0;
}

static int read_conditions(struct reader *reader, struct rule *rule, struct rule_conditions *conditions, const yaml_node_t *node,
			   const char *what)
{
	if (document_expect(&reader->document, node, YAML_MAPPING_NODE, what, "tool: samtools"))
		return -1;
	for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
		const char *key = document_key(&reader->document, node, pair);

		if (!key)
			return -1;
		if (conditions->count == CONDITIONS_MOST)
			return wrong_at(reader, node, "more than %d conditions in one rule", CONDITIONS_MOST);
		conditions->items = xrealloc(conditions->items, conditions->count + 1, sizeof(*conditions->items));
		conditions->items[conditions->count] = (struct rule_condition){ 0 };
		if (read_condition(reader, rule, &conditions->items[conditions->count++], pair, key))
			return -1;
	}
	if (!conditions->count)
		return wrong_at(reader, node, "%s has no conditions: tool: samtools", what);
	return 0;
}

static int check_facts(struct reader *reader, const struct rule *rule, const struct rule_template *template,
		       const yaml_node_t *node)
{
	for (size_t i = 0; i < template->part_count; i++)
		for (size_t j = 0; j < template->parts[i].fact_count; j++) {
			const struct fact *fact = &template->parts[i].facts[j];

			if (fact->id == FACT_CAPTURE && fact->number >= rule->group_count)
				return wrong_at(reader, node, "there is no {%u}: the expressions of this rule have %zu group%s",
						fact->number + 1, rule->group_count, rule->group_count == 1 ? "" : "s");
			if (fact_is_of_job(fact) && rule->lookup != LOOKUP_SNAKEMAKE)
				return wrong_at(reader, node, "job facts need \"lookup: {snakemake: true}\" in the rule");
		}
	return 0;
}

static int read_template(struct reader *reader, const struct rule *rule, struct rule_template *template, const yaml_node_t *node,
			 const char *what)
{
	const char *text = document_text(&reader->document, node, what);

	if (!text)
		return -1;
	text_reset(&reader->reason);
	if (rule_template_read(template, text, &reader->reason))
		return wrong_because(reader, node);
	return check_facts(reader, rule, template, node);
}

static int read_line_pattern(struct reader *reader, struct rule *rule, const yaml_node_t *node, const char *what)
{
	const char *text = document_text(&reader->document, node, what);

	if (!text)
		return -1;
	text_reset(&reader->reason);
	if (rule_pattern_read(&rule->line_pattern, text, &reader->reason))
		return wrong_because(reader, node);
	rule->line_group = rule->group_count;
	rule->group_count += rule_pattern_groups(&rule->line_pattern);
	if (rule->group_count > FACT_GROUPS_MOST)
		return wrong_at(reader, node, "more than %d groups in one rule", FACT_GROUPS_MOST);
	return 0;
}

static int read_lookup(struct reader *reader, struct rule *rule, const yaml_node_t *node)
{
	static const char *const keys[] = { "file", "line", "parent.title", "snakemake", "required", NULL };
	const yaml_node_t *found[COUNT(keys) - 1] = { 0 };
	bool snakemake = false;

	if (document_expect(&reader->document, node, YAML_MAPPING_NODE, "lookup", "file: \"{directory}/name\""))
		return -1;
	if (document_mapping(&reader->document, node, "a lookup", keys, found))
		return -1;
	if (!!found[0] + !!found[2] + !!found[3] != 1 || !found[0] != !found[1])
		return wrong_at(reader, node, "a lookup is one of: file and line, parent.title, snakemake");
	if (found[0] && (read_template(reader, rule, &rule->file, found[0], "file") ||
			 read_line_pattern(reader, rule, found[1], "line")))
		return -1;
	if (found[2] && read_line_pattern(reader, rule, found[2], "parent.title"))
		return -1;
	if (found[3] && (document_flag(&reader->document, found[3], "snakemake", &snakemake) ||
			 (!snakemake && wrong_at(reader, found[3], "snakemake can only be true"))))
		return -1;
	rule->lookup = found[0] ? LOOKUP_LINE : found[2] ? LOOKUP_TITLE : LOOKUP_SNAKEMAKE;
	return found[4] ? document_flag(&reader->document, found[4], "required", &rule->required) : 0;
}

/* "4"; of bytes also "1.5 GB", "512M". */
static bool is_number(const char *text, bool bytes)
{
	const char *end = text + strspn(text, "0123456789");

	if (end == text)
		return false;
	if (*end == '.' && strspn(end + 1, "0123456789"))
		end += 1 + strspn(end + 1, "0123456789");
	/* only of bytes is less than one with a unit */
	if (strtod(text, NULL) < (bytes ? 1e-9 : 1))
		return false;
	if (bytes) {
		end += strspn(end, " ");
		if (*end && strchr("kKmMgGtT", *end))
			end += end[1] == 'i' ? 2 : 1;
		end += *end == 'B' || *end == 'b';
	}
	return !*end;
}

/* What comes from facts may be anything and is then not known; what stands in the file itself can be told to be wrong. */
static int check_number(struct reader *reader, const struct rule_template *template, const yaml_node_t *node, enum rule_part part)
{
	struct text constant = { 0 };
	int status = 0;

	for (size_t i = 0; i < template->part_count; i++) {
		if (template->parts[i].type == PART_FACTS)
			goto out;
		if (template->parts[i].type == PART_LITERAL)
			text_add(&constant, template->parts[i].literal);
	}
	if (!is_number(text_string(&constant), part == RULE_MEMORY))
		status = wrong_at(reader, node, "%s is %s, not \"%s\"", part_names[part],
				  part == RULE_MEMORY ? "a number of bytes, as 512M or \"1.5 GB\"" : "a number from 1",
				  text_string(&constant));
out:
	text_free(&constant);
	return status;
}

static int read_task(struct reader *reader, struct rule *rule, const yaml_node_t *node)
{
	const yaml_node_t *found[RULE_PARTS] = { 0 };

	if (document_expect(&reader->document, node, YAML_MAPPING_NODE, "task", "name: \"{tool}\"") ||
	    document_mapping(&reader->document, node, "a task", part_names, found))
		return -1;
	for (size_t part = 0; part < RULE_PARTS; part++) {
		rule->has[part] = found[part];
		if (found[part] && read_template(reader, rule, &rule->parts[part], found[part], part_names[part]))
			return -1;
		if (found[part] && (part == RULE_CPUS || part == RULE_MEMORY) &&
		    check_number(reader, &rule->parts[part], found[part], part))
			return -1;
	}
	return 0;
}

static int read_name(struct reader *reader, struct rule *rule, const yaml_node_t *node)
{
	const char *name = document_text(&reader->document, node, "name");
	size_t good;

	if (!name)
		return -1;
	good = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");
	if (!*name || name[good] || good > NAME_MOST)
		return wrong_at(reader, node, "a rule's name is 1 to %d letters, digits, or _ . -", NAME_MOST);
	rule->name = xstrdup(name);
	return 0;
}

static void sort_by_cost(struct rule_conditions *conditions)
{
	for (size_t i = 1; i < conditions->count; i++)
		for (size_t j = i; j && conditions->items[j - 1].cost > conditions->items[j].cost; j--) {
			struct rule_condition swapped = conditions->items[j];

			conditions->items[j] = conditions->items[j - 1];
			conditions->items[j - 1] = swapped;
		}
}

/* The bits of the words one of which a fact must be; 0 if it can be others. */
static u64 bits_of(const struct rule_conditions *conditions, enum fact_id id)
{
	for (size_t i = 0; i < conditions->count; i++) {
		const struct rule_condition *condition = &conditions->items[i];
		u64 bits = 0;

		if (condition->fact.id != id || condition->fact.base || condition->cost != PATTERN_LITERAL)
			continue;
		for (size_t j = 0; j < condition->pattern_count; j++)
			bits |= rule_tool_bit(condition->patterns[j].text, condition->patterns[j].length);
		return bits;
	}
	return 0;
}

/* In this order, whatever the order in the file: what comes later may use groups of what came before. */
enum rule_key { KEY_NAME, KEY_ABOUT, KEY_OFF, KEY_WHEN, KEY_UNLESS, KEY_LOOKUP, KEY_TASK, RULE_KEYS };

static int read_keys(struct reader *reader, struct rule *rule, const yaml_node_t *const *found)
{
	if (read_name(reader, rule, found[KEY_NAME]))
		return -1;
	if (found[KEY_ABOUT] && !document_text(&reader->document, found[KEY_ABOUT], "about"))
		return -1;
	if (found[KEY_OFF] && document_flag(&reader->document, found[KEY_OFF], "off", &rule->off))
		return -1;
	if (rule->off && (found[KEY_WHEN] || found[KEY_UNLESS] || found[KEY_LOOKUP] || found[KEY_TASK]))
		return wrong_at(reader, found[KEY_OFF], "a rule that is off has nothing but its name");
	if (rule->off)
		return 0;
	if (!found[KEY_WHEN])
		return wrong_at(reader, found[KEY_NAME], "rule %s has no \"when\": which processes does it mean?", rule->name);
	if (read_conditions(reader, rule, &rule->when, found[KEY_WHEN], "when"))
		return -1;
	if (found[KEY_UNLESS]) {
		size_t groups = rule->group_count;

		if (read_conditions(reader, rule, &rule->unless, found[KEY_UNLESS], "unless"))
			return -1;
		if (rule->group_count != groups)
			return wrong_at(reader, found[KEY_UNLESS],
					"expressions in unless cannot have groups: where they fit, the rule does not");
	}
	if (found[KEY_LOOKUP] && read_lookup(reader, rule, found[KEY_LOOKUP]))
		return -1;
	if (found[KEY_TASK] && read_task(reader, rule, found[KEY_TASK]))
		return -1;
	sort_by_cost(&rule->when);
	rule->tools = bits_of(&rule->when, FACT_TOOL);
	rule->parent_tools = bits_of(&rule->when, FACT_PARENT_TOOL);
	return 0;
}

static int read_rule(struct reader *reader, struct rule *rule, const yaml_node_t *node)
{
	static const char *const keys[] = { "name", "about", "off", "when", "unless", "lookup", "task", NULL };
	const yaml_node_t *found[RULE_KEYS] = { 0 };

	rule->line = node->start_mark.line + 1;
	if (document_expect(&reader->document, node, YAML_MAPPING_NODE, "a rule", "- name: mine"))
		return -1;
	if (document_mapping(&reader->document, node, "a rule", keys, found))
		return -1;
	if (!found[KEY_NAME])
		return wrong_at(reader, node, "a rule needs a name");
	return read_keys(reader, rule, found);
}

static int read_document(struct reader *reader, struct rule_list *list, bool own)
{
	static const char *const keys[] = { "rules", NULL };
	const yaml_node_t *root = document_root(&reader->document), *rules = NULL;

	if (!root)
		return wrong_at(reader, NULL, "it is empty; a file of rules begins with \"rules:\"");
	if (document_expect(&reader->document, root, YAML_MAPPING_NODE, "the file", "rules: and a list below it") ||
	    document_mapping(&reader->document, root, "the file", keys, &rules))
		return -1;
	if (!rules)
		return wrong_at(reader, root, "it is empty; a file of rules begins with \"rules:\"");
	if (document_expect(&reader->document, rules, YAML_SEQUENCE_NODE, "rules", "- name: mine"))
		return -1;
	for (yaml_node_item_t *item = rules->data.sequence.items.start; item < rules->data.sequence.items.top; item++) {
		if (list->count == RULES_IN_FILE_MOST)
			return wrong_at(reader, node_at(reader, *item), "more than %d rules", RULES_IN_FILE_MOST);
		list->items = xrealloc(list->items, list->count + 1, sizeof(*list->items));
		list->items[list->count] = (struct rule){ .own = own };
		if (read_rule(reader, &list->items[list->count++], node_at(reader, *item)))
			return -1;
	}
	return 0;
}

int rules_load(struct rule_list *list, const char *file, const char *text, size_t length, bool own, struct text *error)
{
	struct reader reader = { 0 };
	int status = document_load(&reader.document, text, length, "put all rules below one \"rules:\"");

	if (!status)
		status = read_document(&reader, list, own);
	if (status)
		document_tell(&reader.document, file, error);
	document_free(&reader.document);
	text_free(&reader.reason);
	return status;
}

static void conditions_free(struct rule_conditions *conditions)
{
	for (size_t i = 0; i < conditions->count; i++) {
		for (size_t j = 0; j < conditions->items[i].pattern_count; j++)
			rule_pattern_free(&conditions->items[i].patterns[j]);
		free(conditions->items[i].patterns);
		fact_free(&conditions->items[i].fact);
	}
	free(conditions->items);
}

void rule_free(struct rule *rule)
{
	conditions_free(&rule->when);
	conditions_free(&rule->unless);
	rule_template_free(&rule->file);
	rule_pattern_free(&rule->line_pattern);
	for (size_t i = 0; i < RULE_PARTS; i++)
		rule_template_free(&rule->parts[i]);
	free(rule->name);
}
