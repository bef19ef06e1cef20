/*
 * The head of a TracingPolicy and what concerns all of its hooks. What other programs pass over in silence is a mistake here,
 * and what has no effect on a single machine is noted.
 */
#include "policy/tracing.h"

#include <stdio.h>
#include <stdlib.h>

#define VISITS_MOST 1000000	/* items and keys; a file has fewer, unless aliases multiply them */
#define NAME_MOST 253
#define CALLS_MOST 1000	/* of enforcers */

void *tracing_get(struct tracing *tracing, size_t size)
{
	return lang_tree_get(tracing->tree, size ? size : 1);
}

const char *tracing_copy(struct tracing *tracing, const char *text, size_t length)
{
	char *copy = tracing_get(tracing, length + 1);

	memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

static int visit(struct tracing *tracing, const yaml_node_t *node, size_t count)
{
	if (count > VISITS_MOST - tracing->visited) {
		wrong(tracing, node, "there is too much in this file");
		return mend(tracing, "aliases may multiply what is there: write less of it");
	}
	tracing->visited += count;
	return 0;
}

const yaml_node_item_t *tracing_items(struct tracing *tracing, const yaml_node_t *node, const char *what, const char *like,
				      u32 *count)
{
	static const yaml_node_item_t none;

	if (document_expect(&tracing->document, node, YAML_SEQUENCE_NODE, what, like))
		return NULL;
	*count = node->data.sequence.items.top - node->data.sequence.items.start;
	if (visit(tracing, node, *count + 1))
		return NULL;
	return *count ? node->data.sequence.items.start : &none;
}

int tracing_mapping(struct tracing *tracing, const yaml_node_t *node, const char *what, const char *like,
		    const char *const *keys, const yaml_node_t **found)
{
	if (document_expect(&tracing->document, node, YAML_MAPPING_NODE, what, like) ||
	    visit(tracing, node, node->data.mapping.pairs.top - node->data.mapping.pairs.start + 1))
		return -1;
	return document_mapping(&tracing->document, node, what, keys, found);
}

const char *tracing_text(struct tracing *tracing, const yaml_node_t *node, const char *what)
{
	const char *text = document_text(&tracing->document, node, what);

	if (text && !*text) {
		wrong(tracing, node, "%s is empty", what);
		return NULL;
	}
	return text ? tracing_copy(tracing, text, strlen(text)) : NULL;
}

int tracing_word(struct tracing *tracing, const yaml_node_t *node, const char *what, const char *const *words)
{
	const char *text = document_text(&tracing->document, node, what);

	if (!text)
		return -1;
	for (int i = 0; words[i]; i++)
		if (!strcmp(text, words[i]))
			return i;
	wrong(tracing, node, "there is no %s \"%s\"", what, text);
	return document_mend_word(&tracing->document, text, words);
}

int tracing_number(struct tracing *tracing, const yaml_node_t *node, const char *what, s64 least, s64 most, s64 *number)
{
	const char *text = document_text(&tracing->document, node, what);
	bool negative;
	u64 value;

	if (!text)
		return -1;
	if (!tracing_parse_number(text, &value, &negative) || (!negative && value > INT64_MAX) || (s64)value < least ||
	    (s64)value > most) {
		wrong(tracing, node, "%s is not a number it can be: \"%s\"", what, text);
		return mend(tracing, "it is %lld to %lld", (long long)least, (long long)most);
	}
	*number = value;
	return 0;
}

static int read_name(struct tracing *tracing, const yaml_node_t *node)
{
	const char *name = tracing_text(tracing, node, "metadata.name");
	size_t good = name ? strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") : 0;

	if (!name)
		return -1;
	if (name[good] || good > NAME_MOST || strchr("-.", name[0]) || strchr("-.", name[good - 1])) {
		wrong(tracing, node, "\"%s\" is no name for a policy", name);
		return mend(tracing, "small letters, digits, - and . between them, at most %d", NAME_MOST);
	}
	tracing->policy->name = name;
	return 0;
}

static int read_metadata(struct tracing *tracing, const yaml_node_t *node)
{
	/* Of these only the name means anything outside Kubernetes; the rest is what its tools leave in files. */
	static const char *const keys[] = {
		"name", "namespace", "labels", "annotations", "generateName", "uid", "resourceVersion", "generation",
		"creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "finalizers", "ownerReferences",
		"managedFields", "selfLink", NULL,
	};
	const yaml_node_t *found[sizeof(keys) / sizeof(*keys)] = { 0 };

	if (tracing_mapping(tracing, node, "metadata", "name: mine", keys, found))
		return -1;
	if (!found[0]) {
		wrong(tracing, node, "metadata has no name");
		return mend(tracing, "name: mine");
	}
	if (found[1])
		note(tracing, found[1], "namespaces of Kubernetes are not known here: the policy is for this whole machine");
	return read_name(tracing, found[0]);
}

static int read_option(struct tracing *tracing, const yaml_node_t *node)
{
	static const char *const keys[] = { "name", "value", NULL };
	static const char *const names[] = { "policy-mode", "disable-kprobe-multi", "disable-uprobe-multi", "override-method",
					     "sleepable-preload-size", NULL };
	static const char *const modes[] = { "enforce", "monitor", NULL };
	const yaml_node_t *found[2] = { 0 };
	int name, mode;

	if (tracing_mapping(tracing, node, "an option", "{name: policy-mode, value: monitor}", keys, found))
		return -1;
	if (!found[0] || !found[1]) {
		wrong(tracing, node, "an option has a name and a value");
		return mend(tracing, "{name: policy-mode, value: monitor}");
	}
	name = tracing_word(tracing, found[0], "option", names);
	if (name < 0 || !document_text(&tracing->document, found[1], "value"))
		return -1;
	if (name > 0) {
		note(tracing, node, "the option %s has no effect here", names[name]);
		return 0;
	}
	mode = tracing_word(tracing, found[1], "policy-mode", modes);
	tracing->policy->monitor = mode == 1;
	if (mode == 1)
		note(tracing, node, "policy-mode: monitor: the policy tells what it matches, and cannot be enforced");
	return mode < 0 ? -1 : 0;
}

static int read_options(struct tracing *tracing, const yaml_node_t *node)
{
	u32 count;
	const yaml_node_item_t *items = tracing_items(tracing, node, "options", "- {name: policy-mode, value: monitor}", &count);

	for (u32 i = 0; items && i < count; i++)
		if (read_option(tracing, document_at(&tracing->document, items[i])))
			return -1;
	return items ? 0 : -1;
}

/* What an element of an enforcer's calls stands for: a list, or NULL and one call in *name. False after a mistake. */
static bool read_call(struct tracing *tracing, const yaml_node_t *node, const struct tracing_list **list, const char **name,
		      bool *is_call)
{
	const char *text = tracing_text(tracing, node, "a call"), *nearest;

	*list = NULL;
	if (!text)
		return false;
	if (!strncmp(text, "list:", 5)) {
		*list = tracing_find_list(tracing, node, text + 5);
		if (*list && (*list)->pattern) {
			wrong(tracing, node, "an enforcer takes no list of a pattern");
			mend(tracing, "name its calls");
			return false;
		}
		*is_call = *list && (*list)->calls;
		return *list;
	}
	*name = tracing_call_name(tracing, text);
	*is_call = *name;
	if (*name && tracing_call_number(*name) < 0) {
		wrong(tracing, node, "there is no system call %s", text);
		nearest = tracing_nearest_call(*name);
		if (nearest)
			mend(tracing, "did you mean %s?", nearest);
		return false;
	}
	if (!*name && strncmp(text, "security_", 9)) {
		wrong(tracing, node, "nothing can be denied in %s", text);
		mend(tracing, "an enforcer's calls are sys_NAME or security_NAME");
		return false;
	}
	*name = *name ? *name : text;
	return true;
}

static int read_calls(struct tracing *tracing, const yaml_node_t *node, struct policy_hook *hook)
{
	u32 count, used = 0;
	const yaml_node_item_t *items = tracing_items(tracing, node, "calls", "- sys_dup", &count);
	const char **targets = NULL;
	bool is_call;

	for (u32 i = 0; items && i < count; i++) {
		const yaml_node_t *item = document_at(&tracing->document, items[i]);
		const struct tracing_list *list;
		const char *name = NULL, **more;
		u32 added;

		if (!read_call(tracing, item, &list, &name, &is_call))
			return -1;
		if (used && is_call != (hook->attach == ATTACH_SYSCALL)) {
			wrong(tracing, item, "an enforcer has system calls or security functions, not both");
			return mend(tracing, "write two policies");
		}
		hook->attach = is_call ? ATTACH_SYSCALL : ATTACH_FUNCTION;
		added = list ? list->count : 1;
		if (used + added > CALLS_MOST)
			return wrong(tracing, item, "more than %d calls", CALLS_MOST);
		more = tracing_get(tracing, (used + added + 1) * sizeof(*more));
		memcpy(more, targets ? targets : more, used * sizeof(*more));
		memcpy(more + used, list ? list->values : &name, added * sizeof(*more));
		targets = more;
		used += added;
	}
	if (!items)
		return -1;
	if (!used) {
		wrong(tracing, node, "an enforcer has no calls");
		return mend(tracing, "calls: [sys_dup]");
	}
	hook->targets = targets;
	hook->target = targets[0];
	return 0;
}

/* Calls that a note left by NotifyEnforcer is carried out in. */
static int read_enforcers(struct tracing *tracing, const yaml_node_t *node)
{
	static const char *const keys[] = { "calls", NULL };
	const yaml_node_t *calls = NULL;
	struct policy_hook *hook;
	u32 count;
	const yaml_node_item_t *items = tracing_items(tracing, node, "enforcers", "- calls: [sys_dup]", &count);

	if (!items)
		return -1;
	if (count != 1) {
		wrong(tracing, node, "enforcers has %u elements", count);
		return mend(tracing, "it has one, with all the calls");
	}
	node = document_at(&tracing->document, items[0]);
	if (tracing_mapping(tracing, node, "an enforcer", "calls: [sys_dup]", keys, &calls))
		return -1;
	if (!calls) {
		wrong(tracing, node, "an enforcer has no calls");
		return mend(tracing, "calls: [sys_dup]");
	}
	hook = tracing_get(tracing, sizeof(*hook));
	hook->line = node->start_mark.line + 1;
	hook->column = node->start_mark.column + 1;
	tracing->policy->enforcer = hook;
	return read_calls(tracing, calls, hook);
}

enum { SPEC_SECTIONS = TRACING_SECTIONS, SPEC_LOADER = SPEC_SECTIONS, SPEC_LISTS, SPEC_ENFORCERS, SPEC_OPTIONS, SPEC_MACROS,
       SPEC_POD, SPEC_CONTAINER, SPEC_HOST, SPEC_NODE, SPEC_KEYS };

static const char *const spec_keys[] = {
	[IN_KPROBES] = "kprobes", [IN_FENTRIES] = "fentries", [IN_TRACEPOINTS] = "tracepoints", [IN_LSMHOOKS] = "lsmhooks",
	[IN_UPROBES] = "uprobes", [IN_USDTS] = "usdts", [SPEC_LOADER] = "loader", [SPEC_LISTS] = "lists",
	[SPEC_ENFORCERS] = "enforcers", [SPEC_OPTIONS] = "options", [SPEC_MACROS] = "selectorsMacros", [SPEC_POD] = "podSelector",
	[SPEC_CONTAINER] = "containerSelector", [SPEC_HOST] = "hostSelector", [SPEC_NODE] = "nodeSelector", NULL,
};

static int read_hooks(struct tracing *tracing, const yaml_node_t *node, const char *section)
{
	struct policy *policy = tracing->policy;
	u32 count;
	const yaml_node_item_t *items = tracing_items(tracing, node, section, "a list of hooks", &count);

	if (!items)
		return -1;
	if (!count)
		return wrong(tracing, node, "%s has no hooks", section);
	policy->hooks = tracing_get(tracing, count * sizeof(*policy->hooks));
	for (u32 i = 0; i < count; i++) {
		tracing->hook = &policy->hooks[i];
		if (tracing_read_hook(tracing, document_at(&tracing->document, items[i])))
			return -1;
		policy->hook_count++;
	}
	return 0;
}

/* Which hooks the policy has: of one section only. */
static int read_section(struct tracing *tracing, const yaml_node_t *spec, const yaml_node_t *const *found)
{
	const yaml_node_t *section = NULL;
	bool loader = false;

	if (found[SPEC_LOADER] && document_flag(&tracing->document, found[SPEC_LOADER], "loader", &loader))
		return -1;
	if (loader) {
		wrong(tracing, found[SPEC_LOADER], "loader events are not told of");
		return mend(tracing, "use sonde trace exec, or an lsmhook on mmap_file with PROT_EXEC");
	}
	for (int i = 0; i < TRACING_SECTIONS; i++) {
		if (!found[i])
			continue;
		if (section) {
			wrong(tracing, found[i], "a policy has hooks of one section, not both %s and %s", spec_keys[tracing->section],
			      spec_keys[i]);
			return mend(tracing, "write two policies");
		}
		section = found[i];
		tracing->section = i;
	}
	if (!section) {
		wrong(tracing, spec, "the policy has no hooks");
		return mend(tracing, "spec has kprobes, fentries, tracepoints, lsmhooks, uprobes or usdts");
	}
	return read_hooks(tracing, section, spec_keys[tracing->section]);
}

static bool notifies(const struct policy *policy)
{
	for (u32 i = 0; i < policy->hook_count; i++)
		for (u32 j = 0; j < policy->hooks[i].selector_count; j++)
			for (u32 k = 0; k < policy->hooks[i].selectors[j].step_count; k++)
				if (policy->hooks[i].selectors[j].steps[k].action == ACTION_NOTIFY_ENFORCER)
					return true;
	return false;
}

static int read_spec(struct tracing *tracing, const yaml_node_t *node)
{
	const yaml_node_t *found[SPEC_KEYS] = { 0 };

	if (tracing_mapping(tracing, node, "spec", "kprobes: and a list below it", spec_keys, found))
		return -1;
	tracing->macros = found[SPEC_MACROS];
	if ((found[SPEC_LISTS] && tracing_read_lists(tracing, found[SPEC_LISTS])) ||
	    (found[SPEC_OPTIONS] && read_options(tracing, found[SPEC_OPTIONS])) ||
	    (found[SPEC_ENFORCERS] && read_enforcers(tracing, found[SPEC_ENFORCERS])) ||
	    tracing_read_workload(tracing, &found[SPEC_POD], &tracing->workload))
		return -1;
	if (found[SPEC_NODE])
		note(tracing, found[SPEC_NODE], "nodeSelector has no effect here: it chooses among the nodes of Kubernetes");
	if (read_section(tracing, node, found))
		return -1;
	if (notifies(tracing->policy) && !tracing->policy->enforcer) {
		wrong(tracing, node, "NotifyEnforcer leaves a note that nobody carries out");
		return mend(tracing, "add enforcers: with the calls to be denied");
	}
	if (tracing->policy->enforcer && !notifies(tracing->policy))
		note(tracing, found[SPEC_ENFORCERS], "no selector has the action NotifyEnforcer: enforcers do nothing");
	return 0;
}

bool tracing_is(struct document *document)
{
	const yaml_node_t *root = document_root(document);

	if (!root || root->type != YAML_MAPPING_NODE)
		return false;
	for (const yaml_node_pair_t *pair = root->data.mapping.pairs.start; pair < root->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = document_at(document, pair->key);

		if (key->type == YAML_SCALAR_NODE && (!strcmp((const char *)key->data.scalar.value, "apiVersion") ||
						      !strcmp((const char *)key->data.scalar.value, "kind") ||
						      !strcmp((const char *)key->data.scalar.value, "spec")))
			return true;
	}
	return false;
}

int tracing_read(struct tracing *tracing)
{
	static const char *const keys[] = { "apiVersion", "kind", "metadata", "spec", "status", NULL };
	static const char *const versions[] = { "cilium.io/v1alpha1", NULL };
	static const char *const kinds[] = { "TracingPolicy", "TracingPolicyNamespaced", NULL };
	const yaml_node_t *found[5] = { 0 }, *root = document_root(&tracing->document);
	int kind;

	if (tracing_mapping(tracing, root, "a TracingPolicy", "apiVersion: cilium.io/v1alpha1", keys, found))
		return -1;
	for (int i = 0; i < 4; i++)
		if (!found[i]) {
			wrong(tracing, root, "a TracingPolicy has no %s", keys[i]);
			return i > 1 ? -1 : mend(tracing, "%s: %s", keys[i], i ? kinds[0] : versions[0]);
		}
	if (tracing_word(tracing, found[0], "apiVersion", versions) < 0)
		return -1;
	kind = tracing_word(tracing, found[1], "kind", kinds);
	if (kind < 0 || read_metadata(tracing, found[2]))
		return -1;
	if (kind == 1)
		note(tracing, found[1], "namespaces of Kubernetes are not known here: the policy is for this whole machine");
	return read_spec(tracing, found[3]);
}
