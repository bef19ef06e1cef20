/*
 * Conditions on who acts: process, program, namespaces, capabilities, workload. All elements of a filter hold (where the
 * original looks at the first only, nothing is passed over here).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "policy/tracing.h"

enum { FILTER_PIDS, FILTER_BINARIES, FILTER_PARENTS, FILTER_NAMESPACES, FILTER_NAMESPACE_CHANGES, FILTER_CAPABILITIES,
       FILTER_CAPABILITY_CHANGES };	/* as in tracing_selector.c */

enum { KEY_OPERATOR, KEY_VALUES, KEY_THIRD, KEY_FOURTH };

static const char *const in_words[] = { "In", "NotIn", NULL };

/* Operator and values, which all have; the number of values is at least one. */
static int read_common(struct tracing *tracing, const yaml_node_t *node, const yaml_node_t *const *found,
		       const char *const *operators, int *operator, const yaml_node_item_t **items, u32 *count)
{
	if (!found[KEY_OPERATOR] || !found[KEY_VALUES]) {
		wrong(tracing, node, "a filter has an operator and values");
		return mend(tracing, "operator: In, values: []");
	}
	*operator = tracing_word(tracing, found[KEY_OPERATOR], "operator", operators);
	if (*operator < 0)
		return -1;
	*items = tracing_items(tracing, found[KEY_VALUES], "values", "- \"/usr/bin/cat\"", count);
	if (!*items)
		return -1;
	if (!*count) {
		wrong(tracing, found[KEY_VALUES], "there are no values");
		return mend(tracing, "without the filter everything matches");
	}
	return 0;
}

static int read_pids(struct tracing *tracing, const yaml_node_t *node, struct lang_node **condition)
{
	static const char *const keys[] = { "operator", "values", "isNamespacePID", "followForks", NULL };
	const yaml_node_t *found[4] = { 0 };
	const yaml_node_item_t *items;
	bool own = false, follow = false;
	int operator;
	u64 *pids;
	u32 count;

	if (tracing_mapping(tracing, node, "matchPIDs", "{operator: In, values: [1]}", keys, found) ||
	    read_common(tracing, node, found, in_words, &operator, &items, &count) ||
	    (found[KEY_THIRD] && document_flag(&tracing->document, found[KEY_THIRD], keys[KEY_THIRD], &own)) ||
	    (found[KEY_FOURTH] && document_flag(&tracing->document, found[KEY_FOURTH], keys[KEY_FOURTH], &follow)))
		return -1;
	pids = tracing_get(tracing, count * sizeof(*pids));
	for (u32 i = 0; i < count; i++) {
		s64 pid;

		if (tracing_number(tracing, document_at(&tracing->document, items[i]), "a process id", 0, 0x7fffffff, &pid))
			return -1;
		pids[i] = pid;
	}
	*condition = tracing_among(tracing, own ? policy_symbol_own_pid() : policy_symbol_pid(), pids, count);
	for (int level = 0; follow && level < POLICY_ANCESTORS; level++)
		*condition = tracing_either(tracing, *condition,
					    tracing_among(tracing, policy_symbol_ancestor_pid(level, own), pids, count));
	if (operator)
		*condition = tracing_not(tracing, *condition);
	/* A process of the first namespace has no number of its own. */
	if (own && follow)
		*condition = tracing_both(tracing, lang_node(tracing->tree, OP_UNEQUAL, lang_field(tracing->tree, policy_symbol_own_pid()),
							     lang_number(tracing->tree, 0)), *condition);
	return 0;
}

static struct lang_node *path_condition(struct tracing *tracing, const struct lang_symbol *symbol, enum lang_op op,
					struct lang_node *list)
{
	return lang_node(tracing->tree, op, lang_field(tracing->tree, symbol), list);
}

static int read_binaries(struct tracing *tracing, const yaml_node_t *node, bool of_parent, struct lang_node **condition)
{
	static const char *const keys[] = { "operator", "values", "followChildren", NULL };
	static const char *const operators[] = { "In", "NotIn", "Prefix", "NotPrefix", "Postfix", "NotPostfix", NULL };
	static const enum lang_op ops[] = { OP_IN, OP_STARTS, OP_ENDS };
	const yaml_node_t *found[3] = { 0 };
	const yaml_node_item_t *items;
	struct lang_node *list;
	bool follow = false;
	int operator;
	u32 count;

	if (tracing_mapping(tracing, node, of_parent ? "matchParentBinaries" : "matchBinaries",
			    "{operator: In, values: [\"/usr/bin/cat\"]}", keys, found) ||
	    read_common(tracing, node, found, operators, &operator, &items, &count) ||
	    (found[KEY_THIRD] && document_flag(&tracing->document, found[KEY_THIRD], keys[KEY_THIRD], &follow)))
		return -1;
	list = lang_list(tracing->tree, LANG_STRING);
	for (u32 i = 0; i < count; i++) {
		const yaml_node_t *item = document_at(&tracing->document, items[i]);
		const char *path = tracing_text(tracing, item, "a path");

		if (!path)
			return -1;
		if (operator < 2 && path[0] != '/') {
			wrong(tracing, item, "\"%s\" is no absolute path, so no program has it", path);
			return mend(tracing, "begin with /, or take the operator Postfix");
		}
		lang_list_add(tracing->tree, list, lang_string(tracing->tree, path, strlen(path)));
	}
	*condition = path_condition(tracing, of_parent ? policy_symbol_parent() : policy_symbol_program(), ops[operator / 2], list);
	if (follow)
		*condition = tracing_either(tracing, *condition,
					    path_condition(tracing, policy_symbol_ancestors(), ops[operator / 2], list));
	if (operator % 2)
		*condition = tracing_not(tracing, *condition);
	return 0;
}

/* The inode of a namespace of process 1; 0 after a mistake. */
static u32 host_namespace(struct tracing *tracing, const yaml_node_t *node, enum policy_namespace which)
{
	static const char *const files[] = { "uts", "ipc", "mnt", "pid", "pid_for_children", "net", "time", "time_for_children", "cgroup",
					     "user" };
	char path[64], target[64], *number;
	ssize_t length;
	bool others;

	snprintf(path, sizeof(path), "/proc/1/ns/%s", files[which]);
	length = readlink(path, target, sizeof(target) - 1);
	others = length < 0 && (errno == EACCES || errno == EPERM);
	if (others) {
		snprintf(path, sizeof(path), "/proc/self/ns/%s", files[which]);
		length = readlink(path, target, sizeof(target) - 1);
		note(tracing, node, "the namespaces of process 1 cannot be read here: your own stand in for them");
	}
	target[length < 0 ? 0 : length] = '\0';
	number = strchr(target, '[');
	if (number)
		return strtoul(number + 1, NULL, 10);
	wrong(tracing, node, "which %s namespace the machine has is not known: %s is not there", tracing_namespaces[which], path);
	mend(tracing, "is /proc mounted, and does this kernel have such namespaces? else give the inode number");
	return 0;
}

static int read_namespaces(struct tracing *tracing, const yaml_node_t *node, struct lang_node **condition)
{
	static const char *const keys[] = { "operator", "values", "namespace", NULL };
	const yaml_node_t *found[3] = { 0 };
	const yaml_node_item_t *items;
	int operator, which;
	u64 *inodes;
	u32 count;

	if (tracing_mapping(tracing, node, "matchNamespaces", "{namespace: Pid, operator: In, values: [host_ns]}", keys, found))
		return -1;
	if (!found[KEY_THIRD]) {
		wrong(tracing, node, "matchNamespaces does not say which namespace");
		return mend(tracing, "namespace: Pid");
	}
	which = tracing_word(tracing, found[KEY_THIRD], "namespace", tracing_namespaces);
	if (which < 0 || read_common(tracing, node, found, in_words, &operator, &items, &count))
		return -1;
	inodes = tracing_get(tracing, count * sizeof(*inodes));
	for (u32 i = 0; i < count; i++) {
		const yaml_node_t *item = document_at(&tracing->document, items[i]);
		const char *text = document_text(&tracing->document, item, "a namespace");
		s64 inode;

		if (!text)
			return -1;
		if (!strcmp(text, "host_ns")) {
			inodes[i] = host_namespace(tracing, item, which);
			if (!inodes[i])
				return -1;
			continue;
		}
		if (tracing_number(tracing, item, "a namespace", 1, 0xffffffff, &inode))
			return mend(tracing, "it is an inode number, as in ls -l /proc/PID/ns, or host_ns");
		inodes[i] = inode;
	}
	*condition = tracing_among(tracing, policy_symbol_namespace(which), inodes, count);
	if (operator)
		*condition = tracing_not(tracing, *condition);
	return 0;
}

static int read_namespace_changes(struct tracing *tracing, const yaml_node_t *node, struct lang_node **condition)
{
	static const char *const keys[] = { "operator", "values", NULL };
	const yaml_node_t *found[2] = { 0 };
	const yaml_node_item_t *items;
	u32 count, bits = 0;
	int operator;

	if (tracing_mapping(tracing, node, "matchNamespaceChanges", "{operator: In, values: [Mnt]}", keys, found) ||
	    read_common(tracing, node, found, in_words, &operator, &items, &count))
		return -1;
	for (u32 i = 0; i < count; i++) {
		int which = tracing_word(tracing, document_at(&tracing->document, items[i]), "namespace", tracing_namespaces);

		if (which < 0)
			return -1;
		bits |= 1u << which;
	}
	if (operator)
		bits ^= (1u << POLICY_NAMESPACES) - 1;
	*condition = tracing_any_bit(tracing, policy_symbol_changed_namespaces(), bits);
	return 0;
}

static int read_capabilities(struct tracing *tracing, const yaml_node_t *node, bool changes, struct lang_node **condition)
{
	static const char *const keys[] = { "operator", "values", "type", "isNamespaceCapability", NULL };
	static const char *const sets[] = { "Effective", "Permitted", "Inheritable", NULL };
	const yaml_node_t *found[4] = { 0 };
	const yaml_node_item_t *items;
	struct lang_node *any;
	bool inside = false;
	int operator, set = SET_EFFECTIVE;
	u64 mask = 0, number, user;
	u32 count;

	if (tracing_mapping(tracing, node, changes ? "matchCapabilityChanges" : "matchCapabilities",
			    "{type: Effective, operator: In, values: [CAP_SYS_ADMIN]}", keys, found) ||
	    read_common(tracing, node, found, in_words, &operator, &items, &count) ||
	    (found[KEY_THIRD] && (set = tracing_word(tracing, found[KEY_THIRD], "type", sets)) < 0) ||
	    (found[KEY_FOURTH] && document_flag(&tracing->document, found[KEY_FOURTH], keys[KEY_FOURTH], &inside)))
		return -1;
	for (u32 i = 0; i < count; i++) {
		const yaml_node_t *item = document_at(&tracing->document, items[i]);
		const char *text = document_text(&tracing->document, item, "a capability");

		if (!text)
			return -1;
		if (!tracing_capability(text, &number))
			return tracing_wrong_capability(tracing, item, text);
		mask |= 1ULL << number;
	}
	any = tracing_any_bit(tracing, policy_symbol_capabilities(set, changes), mask);
	*condition = operator ? tracing_not(tracing, any) : any;
	if (changes && operator)
		*condition = tracing_both(tracing, *condition,
					  tracing_any_bit(tracing, policy_symbol_capabilities(set, true), ~mask));
	if (!inside)
		return 0;
	user = host_namespace(tracing, found[KEY_FOURTH], POLICY_USER);
	if (!user)
		return -1;
	*condition = tracing_both(tracing, tracing_not(tracing, tracing_among(tracing, policy_symbol_namespace(POLICY_USER), &user, 1)),
				  *condition);
	return 0;
}

int tracing_read_filter(struct tracing *tracing, const yaml_node_t *node, int which, struct lang_node **condition)
{
	switch (which) {
	case FILTER_PIDS:
		return read_pids(tracing, node, condition);
	case FILTER_BINARIES:
	case FILTER_PARENTS:
		return read_binaries(tracing, node, which == FILTER_PARENTS, condition);
	case FILTER_NAMESPACES:
		return read_namespaces(tracing, node, condition);
	case FILTER_NAMESPACE_CHANGES:
		return read_namespace_changes(tracing, node, condition);
	default:
		return read_capabilities(tracing, node, which == FILTER_CAPABILITY_CHANGES, condition);
	}
}

static bool is_null(const yaml_node_t *node)
{
	return node->type == YAML_SCALAR_NODE && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       (!node->data.scalar.length || !strcmp((const char *)node->data.scalar.value, "null") ||
		!strcmp((const char *)node->data.scalar.value, "~"));
}

/* An empty mapping means all; labels are Kubernetes', and there are none. */
static int read_all(struct tracing *tracing, const yaml_node_t *node, const char *what, bool *given)
{
	if (!node || is_null(node))
		return 0;
	if (document_expect(&tracing->document, node, YAML_MAPPING_NODE, what, "{}"))
		return -1;
	if (node->data.mapping.pairs.top > node->data.mapping.pairs.start) {
		wrong(tracing, node, "%s chooses by labels of Kubernetes, which are not known here", what);
		return mend(tracing, "{} for all of them; single containers can be told apart by matchNamespaces");
	}
	*given = true;
	return 0;
}

/* What is in a container has a pid namespace of its own; what is on the host has that of process 1. */
int tracing_read_workload(struct tracing *tracing, const yaml_node_t *const *found, struct lang_node **condition)
{
	bool pods = false, containers = false, host = false;
	u64 inode;

	if (read_all(tracing, found[0], "podSelector", &pods) || read_all(tracing, found[1], "containerSelector", &containers) ||
	    read_all(tracing, found[2], "hostSelector", &host))
		return -1;
	pods |= containers;
	if (pods == host)
		return 0;
	inode = host_namespace(tracing, found[pods ? containers : 2], POLICY_PID);
	if (!inode)
		return -1;
	*condition = tracing_among(tracing, policy_symbol_namespace(POLICY_PID), &inode, 1);
	if (pods)
		*condition = tracing_not(tracing, *condition);
	return 0;
}
