/*
 * Selectors: what they ask, put together to one condition, and what they do. Filters of one selector all hold (AND); of several
 * selectors the first one that holds acts.
 */
#include "policy/tracing.h"

#define ELEMENTS_MOST 64

enum { KEY_PIDS, KEY_BINARIES, KEY_PARENTS, KEY_NAMESPACES, KEY_NAMESPACE_CHANGES, KEY_CAPABILITIES, KEY_CAPABILITY_CHANGES,
       KEY_WORKLOADS, KEY_ARGUMENTS, KEY_DATA, KEY_RETURN, KEY_ACTIONS, KEY_RETURN_ACTIONS, KEY_MACROS, KEY_LABEL, KEYS };

static const char *const keys[] = {
	"matchPIDs", "matchBinaries", "matchParentBinaries", "matchNamespaces", "matchNamespaceChanges", "matchCapabilities",
	"matchCapabilityChanges", "matchWorkloads", "matchArgs", "matchData", "matchReturnArgs", "matchActions",
	"matchReturnActions", "macros", "label", NULL,
};

static const yaml_node_t *find_macro(struct tracing *tracing, const yaml_node_t *node, const char *name)
{
	const yaml_node_pair_t *pairs = tracing->macros ? tracing->macros->data.mapping.pairs.start : NULL;
	size_t count = tracing->macros ? tracing->macros->data.mapping.pairs.top - pairs : 0;
	const char **names = tracing_get(tracing, (count + 1) * sizeof(*names));

	for (size_t i = 0; i < count; i++) {
		names[i] = document_key(&tracing->document, tracing->macros, &pairs[i]);
		if (!names[i])
			return NULL;
		if (!strcmp(names[i], name))
			return document_at(&tracing->document, pairs[i].value);
	}
	wrong(tracing, node, "there is no macro %s", name);
	document_mend_word(&tracing->document, name, names);
	mend(tracing, "spec.selectorsMacros has the macros");
	return NULL;
}

/* What macros have, as if it stood in the selector. */
static int merge_macros(struct tracing *tracing, const yaml_node_t *node, const yaml_node_t **found)
{
	u32 count;
	const yaml_node_item_t *items = tracing_items(tracing, node, "macros", "- mine", &count);

	for (u32 i = 0; items && i < count; i++) {
		const yaml_node_t *item = document_at(&tracing->document, items[i]), *given[KEYS] = { 0 };
		const char *name = tracing_text(tracing, item, "a macro's name");
		const yaml_node_t *macro = name ? find_macro(tracing, item, name) : NULL;

		if (!macro || tracing_mapping(tracing, macro, "a macro", "matchBinaries: []", keys, given))
			return -1;
		if (given[KEY_MACROS])
			return wrong(tracing, given[KEY_MACROS], "a macro cannot have macros");
		for (int key = 0; key < KEYS; key++) {
			if (!given[key])
				continue;
			if (found[key]) {
				wrong(tracing, item, "%s stands in the macro %s, and elsewhere for this selector", keys[key], name);
				return mend(tracing, "one of them is enough");
			}
			found[key] = given[key];
		}
	}
	return items ? 0 : -1;
}

static int read_elements(struct tracing *tracing, const yaml_node_t *node, int key, struct lang_node **condition)
{
	u32 count;
	const yaml_node_item_t *items = tracing_items(tracing, node, keys[key], "- operator: In", &count);

	if (items && count > ELEMENTS_MOST)
		return wrong(tracing, node, "%s has more than %d elements", keys[key], ELEMENTS_MOST);
	for (u32 i = 0; items && i < count; i++) {
		const yaml_node_t *item = document_at(&tracing->document, items[i]);
		struct lang_node *one = NULL;

		if (key < KEY_WORKLOADS ? tracing_read_filter(tracing, item, key, &one) :
					  tracing_read_match(tracing, item, key == KEY_ARGUMENTS ? OF_ARGUMENTS :
							     key == KEY_DATA ? OF_DATA : OF_RESULT, &one))
			return -1;
		*condition = tracing_both(tracing, *condition, one);
	}
	return items ? 0 : -1;
}

static int read_workloads(struct tracing *tracing, const yaml_node_t *node, struct lang_node **condition)
{
	static const char *const workload_keys[] = { "podSelector", "containerSelector", "hostSelector", NULL };
	const yaml_node_t *found[3] = { 0 };
	struct lang_node *one = NULL;

	if (tracing_mapping(tracing, node, "matchWorkloads", "hostSelector: {}", workload_keys, found) ||
	    tracing_read_workload(tracing, found, &one))
		return -1;
	*condition = tracing_both(tracing, *condition, one);
	return 0;
}

static int read_selector(struct tracing *tracing, const yaml_node_t *node, struct policy_selector *selector)
{
	const yaml_node_t *found[KEYS] = { 0 };
	struct policy_hook *hook = tracing->hook;

	selector->line = node->start_mark.line + 1;
	selector->column = node->start_mark.column + 1;
	selector->condition = tracing->workload;
	if (tracing_mapping(tracing, node, "a selector", "- matchArgs: []", keys, found) ||
	    (found[KEY_MACROS] && merge_macros(tracing, found[KEY_MACROS], found)))
		return -1;
	if (found[KEY_LABEL] && !(selector->label = tracing_text(tracing, found[KEY_LABEL], "label")))
		return -1;
	if (found[KEY_WORKLOADS] && read_workloads(tracing, found[KEY_WORKLOADS], &selector->condition))
		return -1;
	for (int key = KEY_PIDS; key <= KEY_DATA; key++)
		if (key != KEY_WORKLOADS && found[key] && read_elements(tracing, found[key], key, &selector->condition))
			return -1;
	for (int key = KEY_RETURN; key <= KEY_RETURN_ACTIONS; key++)
		if (key != KEY_ACTIONS && found[key] && !hook->returns) {
			wrong(tracing, found[key], "%s asks for the result, which the hook does not read", keys[key]);
			return mend(tracing, "return: true and returnArg in the hook");
		}
	if ((found[KEY_RETURN] && read_elements(tracing, found[KEY_RETURN], KEY_RETURN, &selector->return_condition)) ||
	    (found[KEY_ACTIONS] &&
	     tracing_read_actions(tracing, found[KEY_ACTIONS], false, &selector->steps, &selector->step_count)))
		return -1;
	return found[KEY_RETURN_ACTIONS] ? tracing_read_actions(tracing, found[KEY_RETURN_ACTIONS], true, &selector->return_steps,
								&selector->return_step_count) : 0;
}

int tracing_read_selectors(struct tracing *tracing, const yaml_node_t *node)
{
	struct policy_hook *hook = tracing->hook;
	u32 count = 0;
	const yaml_node_item_t *items = node ? tracing_items(tracing, node, "selectors", "- matchArgs: []", &count) : NULL;

	if (node && !items)
		return -1;
	/* None: everything matches, as far as the policy's workload allows. */
	if (!count) {
		if (!tracing->workload)
			return 0;
		hook->selectors = tracing_get(tracing, sizeof(*hook->selectors));
		hook->selectors->condition = tracing->workload;
		hook->selectors->line = hook->line;
		hook->selectors->column = hook->column;
		hook->selector_count = 1;
		return 0;
	}
	hook->selectors = tracing_get(tracing, count * sizeof(*hook->selectors));
	for (u32 i = 0; i < count; i++) {
		if (read_selector(tracing, document_at(&tracing->document, items[i]), &hook->selectors[i]))
			return -1;
		hook->selector_count++;
	}
	return 0;
}
