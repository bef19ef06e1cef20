/* spec.lists: names of functions or system calls, and `list:NAME` where they are used. */
#include <regex.h>

#include "base/nearest.h"
#include "policy/tracing.h"

enum { KEY_NAME, KEY_TYPE, KEY_VALUES, KEY_PATTERN, KEYS };
enum { LIST_FUNCTIONS, LIST_CALLS, LIST_ALL_CALLS, LIST_PATTERN };

static const char *const types[] = { "", "syscalls", "generated_syscalls", "generated_ftrace", NULL };

static int read_values(struct tracing *tracing, const yaml_node_t *node, struct tracing_list *list)
{
	u32 count;
	const yaml_node_item_t *items = tracing_items(tracing, node, "values", "- sys_dup", &count);
	const char **values;

	if (!items)
		return -1;
	if (!count)
		return wrong(tracing, node, "the list %s has no values", list->name);
	values = tracing_get(tracing, (count + 1) * sizeof(*values));
	for (u32 i = 0; i < count; i++) {
		const yaml_node_t *item = document_at(&tracing->document, items[i]);
		const char *text = tracing_text(tracing, item, "a value");

		if (!text)
			return -1;
		values[i] = list->calls ? tracing_call_name(tracing, text) : text;
		if (!values[i]) {
			wrong(tracing, item, "%s is not named like a system call", text);
			return mend(tracing, "sys_NAME, __ia32_sys_NAME or i386/sys_NAME");
		}
		if (list->calls && tracing_call_number(values[i]) < 0) {
			const char *nearest = tracing_nearest_call(values[i]);

			wrong(tracing, item, "there is no system call %s", text);
			return nearest ? mend(tracing, "did you mean %s?", nearest) : -1;
		}
	}
	list->values = values;
	list->count = count;
	return 0;
}

static int read_pattern(struct tracing *tracing, const yaml_node_t *node, struct tracing_list *list)
{
	regex_t compiled;
	char why[128];
	int status;

	list->pattern = tracing_text(tracing, node, "pattern");
	if (!list->pattern)
		return -1;
	status = regcomp(&compiled, list->pattern, REG_EXTENDED | REG_NOSUB);
	if (status) {
		regerror(status, &compiled, why, sizeof(why));
		return wrong(tracing, node, "\"%s\" is no regular expression: %s", list->pattern, why);
	}
	regfree(&compiled);
	return 0;
}

static int read_list(struct tracing *tracing, const yaml_node_t *node, struct tracing_list *list)
{
	static const char *const keys[] = { "name", "type", "values", "pattern", NULL };
	const yaml_node_t *found[KEYS] = { 0 };
	int type = LIST_FUNCTIONS;

	if (tracing_mapping(tracing, node, "a list", "{name: calls, type: syscalls, values: [sys_dup]}", keys, found))
		return -1;
	if (!found[KEY_NAME])
		return wrong(tracing, node, "a list has no name");
	list->name = tracing_text(tracing, found[KEY_NAME], "name");
	if (!list->name || (found[KEY_TYPE] && (type = tracing_word(tracing, found[KEY_TYPE], "type", types)) < 0))
		return -1;
	for (u32 i = 0; i < tracing->list_count; i++)
		if (!strcmp(tracing->lists[i].name, list->name))
			return wrong(tracing, found[KEY_NAME], "there are two lists %s", list->name);
	list->calls = type == LIST_CALLS || type == LIST_ALL_CALLS;
	if (found[KEY_PATTERN] && type != LIST_PATTERN)
		return wrong(tracing, found[KEY_PATTERN], "only a list of type generated_ftrace has a pattern");
	if (type == LIST_FUNCTIONS || type == LIST_CALLS) {
		if (!found[KEY_VALUES])
			return wrong(tracing, node, "the list %s has no values", list->name);
		return read_values(tracing, found[KEY_VALUES], list);
	}
	if (found[KEY_VALUES] && (found[KEY_VALUES]->type != YAML_SEQUENCE_NODE ||
				  found[KEY_VALUES]->data.sequence.items.top > found[KEY_VALUES]->data.sequence.items.start))
		return wrong(tracing, found[KEY_VALUES], "values of a list of type %s are made, not written", types[type]);
	if (type == LIST_ALL_CALLS) {
		list->values = tracing_all_calls(&list->count);
		return 0;
	}
	if (!found[KEY_PATTERN]) {
		wrong(tracing, node, "a list of type generated_ftrace has no pattern");
		return mend(tracing, "pattern: ^tcp_");
	}
	return read_pattern(tracing, found[KEY_PATTERN], list);
}

int tracing_read_lists(struct tracing *tracing, const yaml_node_t *node)
{
	u32 count;
	const yaml_node_item_t *items = tracing_items(tracing, node, "lists", "- name: calls", &count);

	if (!items)
		return -1;
	tracing->lists = tracing_get(tracing, count * sizeof(*tracing->lists));
	for (u32 i = 0; i < count; i++) {
		if (read_list(tracing, document_at(&tracing->document, items[i]), &tracing->lists[i]))
			return -1;
		tracing->list_count++;
	}
	return 0;
}

const struct tracing_list *tracing_find_list(struct tracing *tracing, const yaml_node_t *node, const char *name)
{
	const char **names;

	for (u32 i = 0; i < tracing->list_count; i++)
		if (!strcmp(tracing->lists[i].name, name))
			return &tracing->lists[i];
	wrong(tracing, node, "there is no list %s", name);
	names = tracing_get(tracing, (tracing->list_count + 1) * sizeof(*names));
	for (u32 i = 0; i < tracing->list_count; i++)
		names[i] = tracing->lists[i].name;
	document_mend_word(&tracing->document, name, names);
	mend(tracing, "spec.lists has the lists");
	return NULL;
}
