/*
 * Reads the short form. The expression of `if` is read once for each point of `when`, joined with what the point itself
 * narrows its events to; a mistake in it is told at its own place in the file.
 */
#include "policy/short.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "lang/parse.h"
#include "policy/point.h"

#define NAME_MOST 63
#define MANY 100000		/* policies of a file, tags of a policy */

enum { KEY_NAME, KEY_WHEN, KEY_IF, KEY_THEN, KEY_MESSAGE, KEY_SEVERITY, KEY_TAGS, KEYS };

static const char *const keys[] = { "name", "when", "if", "then", "message", "severity", "tags", NULL };
static const char *const severities[] = { "info", "low", "medium", "high", "critical", NULL };
static const char *const actions[] = { "log", "kill", "deny", NULL };

struct reader {
	struct document *document;
	const char *bytes;		/* the file's text */
	size_t length;
	struct policy *policy;
};

static const char *copy(struct reader *reader, const char *text)
{
	size_t size = strlen(text) + 1;

	return memcpy(lang_tree_get(reader->policy->tree, size), text, size);
}

/* --- where in the file --- */

static size_t line_start(const struct reader *reader, size_t line)
{
	size_t at = 0;

	while (line-- && at < reader->length) {
		const char *end = memchr(reader->bytes + at, '\n', reader->length - at);

		if (!end)
			break;
		at = end + 1 - reader->bytes;
	}
	return at;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/*
 * Where byte `at` of a scalar stands in the file. YAML folds lines, drops indentation and has escapes, but every visible
 * character of the value is in the file in the same order, so both are followed side by side.
 */
static void find_place(const struct reader *reader, const yaml_node_t *node, size_t at, yaml_mark_t *mark)
{
	const char *value = (const char *)node->data.scalar.value, *bytes = reader->bytes;
	bool is_block = node->data.scalar.style == YAML_LITERAL_SCALAR_STYLE || node->data.scalar.style == YAML_FOLDED_SCALAR_STYLE;
	size_t from = line_start(reader, node->start_mark.line + is_block), end = reader->length, column = 0;

	for (size_t i = 0; !is_block && i < node->start_mark.column; i++)
		do
			from++;
		while (from < end && (bytes[from] & 0xc0) == 0x80);
	if (node->data.scalar.style == YAML_SINGLE_QUOTED_SCALAR_STYLE || node->data.scalar.style == YAML_DOUBLE_QUOTED_SCALAR_STYLE)
		from++;
	for (size_t i = 0; i < at && i < node->data.scalar.length && from < end; i++) {
		if (is_space(value[i]))
			continue;
		while (from < end && bytes[from] != value[i])
			from++;
		from++;
	}
	while (at < node->data.scalar.length && from < end && is_space(bytes[from]))
		from++;
	*mark = node->start_mark;
	if (from > end)
		from = end;
	mark->line = 0;
	for (size_t i = 0; i < from; i++) {
		column = bytes[i] == '\n' ? 0 : column + ((bytes[i] & 0xc0) != 0x80);
		mark->line += bytes[i] == '\n';
	}
	mark->column = column;
}

static struct lang_node *read_expression(struct reader *reader, const yaml_node_t *node, const char *text, u32 kinds)
{
	struct lang_names names = lang_names_of_events(kinds);
	struct lang_error error;
	struct lang_node *made = lang_parse(reader->policy->tree, text, strlen(text), &names, &error);
	yaml_node_t place;

	if (made)
		return made;
	place = *node;
	if (text == (const char *)node->data.scalar.value)
		find_place(reader, node, error.at, &place.start_mark);
	document_wrong(reader->document, &place, "%s", error.what);
	return NULL;
}

/* --- the keys --- */

static int read_name(struct reader *reader, const yaml_node_t *node)
{
	const char *name = document_text(reader->document, node, "name");
	size_t good = name ? strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") : 0;

	if (!name)
		return -1;
	if (!good || name[good] || good > NAME_MOST || strchr("-.", name[0])) {
		document_wrong(reader->document, node, "\"%s\" is no name for a policy", name);
		return document_mend(reader->document, "letters, digits, - _ and . within, at most %d", NAME_MOST);
	}
	reader->policy->name = copy(reader, name);
	return 0;
}

static int find_word(struct reader *reader, const yaml_node_t *node, const char *what, const char *const *words)
{
	const char *text = document_text(reader->document, node, what);

	if (!text)
		return -1;
	for (int i = 0; words[i]; i++)
		if (!strcmp(text, words[i]))
			return i;
	document_wrong(reader->document, node, "there is no %s \"%s\"", what, text);
	return document_mend_word(reader->document, text, words);
}

/* A key whose value is one item or a list of them: how many. -1 after a mistake. */
static int items(struct reader *reader, const yaml_node_t *node, const char *what, const yaml_node_item_t **first)
{
	ptrdiff_t count;

	*first = NULL;
	if (node->type == YAML_SCALAR_NODE)
		return 1;
	if (document_expect(reader->document, node, YAML_SEQUENCE_NODE, what, "[one, another]"))
		return -1;
	*first = node->data.sequence.items.start;
	count = node->data.sequence.items.top - *first;
	if (!count || count > MANY)
		return document_wrong(reader->document, node, "%s has %s", what, count ? "too many items" : "nothing in it");
	return count;
}

static const yaml_node_t *item_of(struct reader *reader, const yaml_node_t *node, const yaml_node_item_t *first, int i)
{
	return first ? document_at(reader->document, first[i]) : node;
}

static int read_tags(struct reader *reader, const yaml_node_t *node, const char *const **tags)
{
	const yaml_node_item_t *first;
	int count = items(reader, node, "tags", &first);
	const char **list;

	if (count < 0)
		return -1;
	list = lang_tree_get(reader->policy->tree, (count + 1) * sizeof(*list));
	for (int i = 0; i < count; i++) {
		const char *text = document_text(reader->document, item_of(reader, node, first, i), "a tag");

		if (!text)
			return -1;
		list[i] = copy(reader, text);
	}
	*tags = list;
	return 0;
}

/* To log is what every policy does, so it may be named beside one of the others, or alone. */
static int read_then(struct reader *reader, const yaml_node_t *node, struct policy_step *step)
{
	const yaml_node_item_t *first;
	int count = items(reader, node, "then", &first), action;

	step->action = ACTION_LOG;
	for (int i = 0; i < count; i++) {
		const yaml_node_t *item = item_of(reader, node, first, i);

		action = find_word(reader, item, "action", actions);
		if (action < 0)
			return -1;
		if (!action)
			continue;
		if (step->action != ACTION_LOG) {
			document_wrong(reader->document, item, "a policy kills or denies once");
			return document_mend(reader->document, "what is denied did not happen; kill is for the process that tried");
		}
		step->action = action == 1 ? ACTION_SIGNAL : ACTION_DENY;
		step->number = action == 1 ? 9 : 1;
	}
	return count < 0 ? -1 : 0;
}

/* --- a policy --- */

static int read_hook(struct reader *reader, const yaml_node_t *node, const yaml_node_t *condition, struct policy_hook *hook,
		     const struct policy_step *step, u32 kinds)
{
	int i = find_word(reader, node, "point", policy_point_names);
	struct lang_tree *tree = reader->policy->tree;
	const struct policy_point *point;
	struct lang_node *narrow = NULL, *own = NULL;

	if (i < 0)
		return -1;
	point = &policy_points[i];
	for (const struct policy_hook *other = reader->policy->hooks; other < hook; other++)
		if (other->target == point->name)
			return document_wrong(reader->document, node, "%s stands here twice", point->name);
	hook->attach = ATTACH_POINT;
	hook->target = point->name;
	hook->line = node->start_mark.line + 1;
	hook->column = node->start_mark.column + 1;
	hook->selectors = lang_tree_get(tree, sizeof(*hook->selectors));
	hook->selector_count = 1;
	hook->selectors->line = hook->line;
	hook->selectors->column = hook->column;
	hook->selectors->steps = lang_tree_get(tree, sizeof(*step));
	hook->selectors->steps[0] = *step;
	hook->selectors->step_count = 1;
	if (*point->narrow && !(narrow = read_expression(reader, node, point->narrow, point->fields)))
		return -1;
	if (condition && !(own = read_expression(reader, condition, (const char *)condition->data.scalar.value, kinds)))
		return -1;
	hook->asked = own;
	hook->selectors->condition = narrow && own ? lang_node(tree, OP_AND, narrow, own) : narrow ? narrow : own;
	return 0;
}

static int read_hooks(struct reader *reader, const yaml_node_t *when, const yaml_node_t *condition, const struct policy_step *step)
{
	struct policy *policy = reader->policy;
	const yaml_node_item_t *first;
	int count = items(reader, when, "when", &first);
	u32 kinds = 0;

	if (count < 0)
		return -1;
	for (int i = 0; i < count; i++) {
		int point = find_word(reader, item_of(reader, when, first, i), "point", policy_point_names);

		if (point < 0)
			return -1;
		kinds |= policy_points[point].fields;
	}
	policy->hooks = lang_tree_get(policy->tree, count * sizeof(*policy->hooks));
	for (int i = 0; i < count; i++) {
		if (read_hook(reader, item_of(reader, when, first, i), condition, &policy->hooks[i], step, kinds))
			return -1;
		policy->hook_count++;
	}
	return 0;
}

static int read_policy(struct reader *reader, const yaml_node_t *node)
{
	const yaml_node_t *found[KEYS] = { 0 };
	struct policy_step step = { 0 };
	const char *message = NULL, *const *tags = NULL;
	int severity;

	if (document_expect(reader->document, node, YAML_MAPPING_NODE, "a policy", "name: mine") ||
	    document_mapping(reader->document, node, "a policy", keys, found))
		return -1;
	if (!found[KEY_NAME] || !found[KEY_WHEN]) {
		document_wrong(reader->document, node, "a policy has no %s", found[KEY_NAME] ? "when" : "name");
		return document_mend(reader->document, found[KEY_NAME] ? "when: open" : "name: mine");
	}
	if (read_name(reader, found[KEY_NAME]) ||
	    (found[KEY_IF] && !document_text(reader->document, found[KEY_IF], "if")) ||
	    (found[KEY_THEN] && read_then(reader, found[KEY_THEN], &step)) ||
	    (found[KEY_TAGS] && read_tags(reader, found[KEY_TAGS], &tags)))
		return -1;
	if (found[KEY_MESSAGE]) {
		message = document_text(reader->document, found[KEY_MESSAGE], "message");
		if (!message)
			return -1;
		message = copy(reader, message);
	}
	if (found[KEY_SEVERITY]) {
		severity = find_word(reader, found[KEY_SEVERITY], "severity", severities);
		if (severity < 0)
			return -1;
		reader->policy->severity = severities[severity];
	}
	if (read_hooks(reader, found[KEY_WHEN], found[KEY_IF], &step))
		return -1;
	for (u32 i = 0; i < reader->policy->hook_count; i++) {
		reader->policy->hooks[i].message = message;
		reader->policy->hooks[i].tags = tags;
	}
	return 0;
}

static struct policy *new_policy(struct reader *reader, const char *file)
{
	struct lang_tree *tree = lang_tree_new();

	reader->policy = lang_tree_get(tree, sizeof(*reader->policy));
	reader->policy->tree = tree;
	reader->policy->is_short = true;
	reader->policy->file = copy(reader, file);
	return reader->policy;
}

/* Names are looked for in order of size: a file may hold thousands. */
static int compare_names(const void *a, const void *b)
{
	return strcmp((*(struct policy *const *)a)->name, (*(struct policy *const *)b)->name);
}

/* One of two by that name is enough to be shown: the later. */
static const yaml_node_t *find_named(struct document *document, const yaml_node_t *root, struct policy *const *list, size_t count,
				     const char *name)
{
	while (count--)
		if (!strcmp(list[count]->name, name))
			return document_at(document, root->data.sequence.items.start[count]);
	return root;
}

static int check_names(struct document *document, const yaml_node_t *root, struct policy *const *list, size_t count)
{
	struct policy **sorted = xcalloc(count, sizeof(*sorted));
	int status = 0;

	memcpy(sorted, list, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), compare_names);
	for (size_t i = 1; i < count && !status; i++)
		if (!strcmp(sorted[i - 1]->name, sorted[i]->name)) {
			document_wrong(document, find_named(document, root, list, count, sorted[i]->name), "two policies are called %s",
				       sorted[i]->name);
			status = document_mend(document, "give one of them another name");
		}
	free(sorted);
	return status;
}

int short_read(struct document *document, const char *bytes, size_t length, const char *file, struct policies *policies)
{
	const yaml_node_t *root = document_root(document);
	bool is_list = root && root->type == YAML_SEQUENCE_NODE;
	size_t count = is_list ? root->data.sequence.items.top - root->data.sequence.items.start : 1, had = policies->count;
	struct reader reader = { .document = document, .bytes = bytes, .length = length };
	int status = 0;

	if (!root || !count) {
		document_wrong(document, NULL, "there is no policy in this file");
		return document_mend(document, "it begins with name: and when:");
	}
	if (count > MANY)
		return document_wrong(document, root, "there are more than %d policies in this file", MANY);
	policies->list = xrealloc(policies->list, had + count, sizeof(*policies->list));
	for (size_t i = 0; i < count && !status; i++) {
		policies->list[policies->count++] = new_policy(&reader, file);
		status = read_policy(&reader, is_list ? document_at(document, root->data.sequence.items.start[i]) : root);
	}
	if (!status)
		status = check_names(document, root, policies->list + had, count);
	while (status && policies->count > had)
		lang_tree_free(policies->list[--policies->count]->tree);
	return status;
}
