/*
 * From points to hooks. A condition over fields of an event becomes one over the record that a program of policies puts
 * together: field by field, each has a place there, or is known beforehand, or only user space knows it.
 */
#include <stdio.h>

#include "event/words.h"
#include "lang/join.h"
#include "policy/point.h"
#include "policy/symbol.h"

#define PTRACE_ATTACH 16
#define PTRACE_SEIZE 0x4206
#define ACCESS_ATTACH 2		/* PTRACE_MODE_ATTACH */
#define READING_MODULE 2
#define ACCESS_MODE 3		/* of open flags: O_RDONLY is 0 */
#define MODE_CREATED 0x100000	/* FMODE_CREATED */
#define MODE_TYPE 0170000
#define MODE_REGULAR 0100000
#define MODE_BITS 07777		/* what file.mode is of a mode */
#define OTHER_THREAD 0x10000	/* CLONE_THREAD */
#define SIGNALS 64
#define VALUES 3

enum use { ALWAYS, TELLING, FORBIDDING, DENYING };

enum narrow { NOTHING, WRITING, CREATED, REGULAR, SPECIAL, PROCESS, SENT, MODULE, REQUEST, ATTACHING };

struct hooked {
	const char *point;
	enum use use;
	enum policy_attach attach;
	const char *target, *change;
	enum narrow narrow;
	struct {
		int index, directory;	/* parameters; directory: from 1, 0: none */
		enum policy_type type;
		const char *as;		/* the field that it is; "network": all that a socket has; NULL: none */
		const char *member;
	} values[VALUES];
};

static const struct hooked hooks[] = {
#define VALUE(index, type, as) { index, 0, TYPE_##type, as, NULL }
#define ENTRY(index, directory, as) { index, (directory) + 1, TYPE_dentry, as, NULL }
#define MEMBER(index, member, type, as) { index, 0, TYPE_##type, as, member }
#define HOOK(point, use, attach, target, change, narrow, ...)                                                          \
	{ point, use, ATTACH_##attach, target, change, narrow, { __VA_ARGS__ } },
#include "policy/points.def"
};

#define HOOKS (sizeof(hooks) / sizeof(*hooks))

struct lowering {
	struct lang_tree *tree;
	const struct hooked *hooked;
	u32 fields;			/* kinds whose fields the point's events have */
	struct policy_error *error;
};

static const struct lang_symbol user_symbol = {
	.name = "process.user.id", .type = LANG_NUMBER, .kinds = ~0u, .place = PLACE_NUMBER,
	.offset = offsetof(struct policy_record, record.uid), .width = 4,
};

/* Parts of a socket, or of an address, which stands where a socket has its own. */
static const struct lang_symbol *find_end(struct lang_tree *tree, const char *name, u32 at, enum policy_type type)
{
	static const struct {
		const char *name;
		enum policy_part of_socket, of_address;
	} ends[] = {
		{ "network.peer.address", PART_PEER, PART_LOCAL },
		{ "network.peer.port", PART_PEER_PORT, PART_LOCAL_PORT },
		{ "network.local.address", PART_LOCAL, PART_TEXT },
		{ "network.local.port", PART_LOCAL_PORT, PART_TEXT },
	};

	for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
		enum policy_part part = type == TYPE_sockaddr ? ends[i].of_address : ends[i].of_socket;

		if (!strcmp(ends[i].name, name) && part != PART_TEXT)
			return policy_symbol_value(tree, type == TYPE_sockaddr ? "network.peer" : "network", at, type, part);
	}
	return NULL;
}

static const struct lang_symbol *find_value(const struct lowering *lowering, const char *name)
{
	const struct lang_symbol *end;

	for (u32 i = 0; i < VALUES; i++) {
		const char *as = lowering->hooked->values[i].as;
		enum policy_type type = lowering->hooked->values[i].type;

		if (!as)
			continue;
		if (!strcmp(name, as))
			return policy_symbol_value(lowering->tree, name, i, type,
						   policy_type_shape(type) == SHAPE_NUMBER ? PART_NUMBER : PART_TEXT);
		if (policy_type_shape(type) != SHAPE_SOCKET)
			continue;
		end = find_end(lowering->tree, name, i, type);
		if (end)
			return end;
	}
	return NULL;
}

static const struct lang_symbol *find_symbol(const struct lowering *lowering, const char *name)
{
	const struct hooked *hooked = lowering->hooked;
	const struct lang_symbol *found = find_value(lowering, name);
	bool is_path = policy_type_shape(hooked->values[0].type) == SHAPE_PATH;

	if (found)
		return found;
	if (!strcmp(name, "file.mode") && is_path)
		return policy_symbol_value(lowering->tree, "file", 0, hooked->values[0].type, PART_MODE);
	if (!strcmp(name, "file.inode") && is_path)
		return policy_symbol_value(lowering->tree, "file", 0, hooked->values[0].type, PART_INODE);
	if (!strcmp(name, "process.user.id"))
		return &user_symbol;
	/* whoever forks is still alone: its child will have its program, and is not there yet */
	if (hooked->narrow == PROCESS)
		return strcmp(name, "process.executable.path") && strcmp(name, "process.parent.executable.path") ?
			       NULL : policy_symbol_program();
	if (!strcmp(name, "process.executable.path"))
		return policy_symbol_program();
	if (!strcmp(name, "process.parent.executable.path"))
		return policy_symbol_parent();
	return strcmp(name, "process.pid") ? NULL : policy_symbol_pid();
}

static struct lang_node *truth(struct lang_tree *tree, bool holds)
{
	struct lang_node *node = lang_number(tree, holds);

	node->type = LANG_BOOL;
	return node;
}

static bool is_truth(const struct lang_node *node, bool holds)
{
	return node->op == OP_NUMBER && node->type == LANG_BOOL && !node->number == !holds;
}

static bool is_text(const struct lang_node *node, const char *text)
{
	return node->string.length == strlen(text) && !memcmp(node->string.data, text, node->string.length);
}

static bool is_field(const struct lang_node *node, const char *name)
{
	return node && node->op == OP_FIELD && !strcmp(node->symbol->name, name);
}

/* -1: not to be said here. Calls of one hook that change names are told apart when they are done. */
static int is_change(const struct hooked *hooked, const struct lang_node *text)
{
	if (!strcmp(hooked->change, "rename") && is_text(text, "exchange"))
		return -1;
	return is_text(text, hooked->change);
}

/* What is changed is known by the hook, so such a comparison is decided here. NULL: it is none, or cannot be. */
static struct lang_node *decide_change(struct lowering *lowering, const struct lang_node *node)
{
	const struct lang_node *right = node->right;
	int holds = 0;

	if (!lowering->hooked->change || !is_field(node->left, "file.change"))
		return NULL;
	if (node->op == OP_EXISTS) {
		holds = true;
	} else if (node->op == OP_IN) {
		for (u32 i = 0; i < right->count && !holds; i++)
			holds = is_change(lowering->hooked, right->items[i]);
	} else if ((node->op == OP_EQUAL || node->op == OP_UNEQUAL) && right->op == OP_STRING) {
		holds = is_change(lowering->hooked, right);
	} else {
		return NULL;
	}
	return holds < 0 ? NULL : truth(lowering->tree, holds == (node->op != OP_UNEQUAL));
}

/* Signals have names here and numbers there. NULL: it is no comparison with names. */
static struct lang_node *number_signals(struct lowering *lowering, const struct lang_node *node)
{
	const struct lang_symbol *number = find_value(lowering, "signal.number");
	struct lang_node *list, *copy;
	const struct lang_node *right = node->right;
	u32 count = node->op == OP_IN ? right->count : 1;

	if (number && node->op == OP_EXISTS && is_field(node->left, "signal.name"))
		return lang_node(lowering->tree, OP_EXISTS, lang_field(lowering->tree, number), NULL);
	if (!number || !is_field(node->left, "signal.name") || (node->op != OP_IN && node->op != OP_EQUAL && node->op != OP_UNEQUAL))
		return NULL;
	list = lang_list(lowering->tree, LANG_NUMBER);
	for (u32 i = 0; i < count; i++)
		for (int signal = 1; signal <= SIGNALS; signal++)
			if (is_text(node->op == OP_IN ? right->items[i] : right, word_signal(signal)))
				lang_list_add(lowering->tree, list, lang_number(lowering->tree, signal));
	copy = lang_node(lowering->tree, OP_IN, lang_field(lowering->tree, number), list);
	if (!list->count)
		return truth(lowering->tree, node->op == OP_UNEQUAL);
	return node->op == OP_UNEQUAL ? lang_node(lowering->tree, OP_NOT, copy, NULL) : copy;
}

/* Is it a field that no event of this point has, or none of this change? */
static bool is_lacking(const struct lowering *lowering, const struct lang_node *node)
{
	static const char *const fields[] = { "file.new_path", "file.target_path", "file.user.id", "file.group.id", NULL };

	if (!(node->symbol->kinds & lowering->fields))
		return true;
	for (const char *const *field = fields; *field && lowering->hooked->change; field++)
		if (is_field(node, *field))
			return !find_value(lowering, *field);
	return false;
}

/* Does it look at what is not there? Such a comparison is false. */
static bool is_missing(const struct lowering *lowering, const struct lang_node *node)
{
	if (!node || node->op == OP_LIST)
		return false;
	if (node->op == OP_FIELD)
		return is_lacking(lowering, node);
	return node->op != OP_NOT && node->op != OP_AND && node->op != OP_OR && node->op != OP_NUMBER && node->op != OP_STRING &&
	       node->op != OP_ADDRESS && (is_missing(lowering, node->left) || is_missing(lowering, node->right));
}

static struct lang_node *unknown(struct lowering *lowering, const char *name)
{
	snprintf(lowering->error->text, sizeof(lowering->error->text), "the kernel does not know %s where it decides at %s", name,
		 lowering->hooked->point);
	snprintf(lowering->error->mend, sizeof(lowering->error->mend),
		 "ask for the path of the program or its parent, the user's number, or what the point is about");
	return NULL;
}

static struct lang_node *rewrite_field(struct lowering *lowering, const struct lang_node *node)
{
	const char *name = node->symbol->name;
	struct lang_node *copy = lang_tree_get(lowering->tree, sizeof(*copy));

	*copy = *node;
	copy->symbol = find_symbol(lowering, name);
	if (!copy->symbol || copy->symbol->type != node->type)
		return unknown(lowering, name);
	if (strcmp(name, "file.mode"))
		return copy;
	return lang_node(lowering->tree, OP_BIT_AND, copy, lang_number(lowering->tree, MODE_BITS));
}

/* What was decided takes what hangs on it along. */
static struct lang_node *settle(struct lowering *lowering, struct lang_node *node)
{
	bool is_and = node->op == OP_AND;

	if (node->op == OP_NOT && (is_truth(node->left, true) || is_truth(node->left, false)))
		return truth(lowering->tree, is_truth(node->left, false));
	if (node->op != OP_AND && node->op != OP_OR)
		return node;
	if (is_truth(node->left, !is_and) || is_truth(node->right, is_and))
		return node->left;
	return is_truth(node->right, !is_and) || is_truth(node->left, is_and) ? node->right : node;
}

/* NULL for what has no place, with the error. */
static struct lang_node *rewrite(struct lowering *lowering, const struct lang_node *node)
{
	struct lang_node *copy;

	if (node->type == LANG_BOOL && is_missing(lowering, node))
		return truth(lowering->tree, false);
	if (node->op == OP_FIELD)
		return rewrite_field(lowering, node);
	copy = node->op == OP_LIST ? NULL : decide_change(lowering, node);
	if (!copy && node->op != OP_LIST)
		copy = number_signals(lowering, node);
	if (copy)
		return copy;
	copy = lang_tree_get(lowering->tree, sizeof(*copy));
	*copy = *node;
	if (node->left && !(copy->left = rewrite(lowering, node->left)))
		return NULL;
	if (node->right && !(copy->right = rewrite(lowering, node->right)))
		return NULL;
	if (node->op == OP_EXISTS && copy->left->op == OP_BIT_AND)
		copy->left = copy->left->left;
	if (node->op == OP_EXISTS && copy->left->symbol->place == PLACE_NUMBER && !copy->left->symbol->present)
		return truth(lowering->tree, true);
	return settle(lowering, copy);
}

static struct lang_node *both(struct lang_tree *tree, struct lang_node *left, struct lang_node *right)
{
	return left && right ? lang_node(tree, OP_AND, left, right) : left ? left : right;
}

static struct lang_node *compared(struct lang_tree *tree, const struct lang_symbol *symbol, u64 mask, enum lang_op op, u64 number)
{
	struct lang_node *node = lang_field(tree, symbol);

	if (mask)
		node = lang_node(tree, OP_BIT_AND, node, lang_number(tree, mask));
	return lang_node(tree, op, node, lang_number(tree, number));
}

/* What a hook sees beyond its point. */
static struct lang_node *narrow(struct lang_tree *tree, const struct hooked *hooked)
{
	static const struct lang_symbol flags = {
		.name = "file.flags", .type = LANG_NUMBER, .kinds = ~0u, .place = PLACE_NUMBER, .width = 4,
		.offset = offsetof(struct policy_record, value[0].file.flags),
		.present = offsetof(struct policy_record, present), .present_mask = 1,
	}, opened = {
		.name = "file.opened", .type = LANG_NUMBER, .kinds = ~0u, .place = PLACE_NUMBER, .width = 4,
		.offset = offsetof(struct policy_record, value[0].file.opened),
		.present = offsetof(struct policy_record, present), .present_mask = 1,
	};
	const struct lang_symbol *first = policy_symbol_value(tree, "value", 0, hooked->values[0].type, PART_NUMBER);
	const struct lang_symbol *second = policy_symbol_value(tree, "value", 1, hooked->values[1].type, PART_NUMBER);

	switch (hooked->narrow) {
	case NOTHING:
		break;
	case WRITING:
		return compared(tree, &flags, ACCESS_MODE, OP_UNEQUAL, 0);
	case CREATED:
		return compared(tree, &opened, MODE_CREATED, OP_UNEQUAL, 0);
	case REGULAR:
		return compared(tree, second, MODE_TYPE, OP_EQUAL, MODE_REGULAR);
	case SPECIAL:		/* or without a type, as mknod() may be asked: an open that creates says that it is regular */
		return compared(tree, second, MODE_TYPE, OP_UNEQUAL, MODE_REGULAR);
	case PROCESS:
		return compared(tree, first, OTHER_THREAD, OP_EQUAL, 0);
	case SENT:
		return compared(tree, first, 0, OP_UNEQUAL, 0);
	case MODULE:
		return compared(tree, second, 0, OP_EQUAL, READING_MODULE);
	case REQUEST:
		return lang_node(tree, OP_OR, compared(tree, first, 0, OP_EQUAL, PTRACE_ATTACH),
				 compared(tree, first, 0, OP_EQUAL, PTRACE_SEIZE));
	case ATTACHING:
		return compared(tree, first, ACCESS_ATTACH, OP_UNEQUAL, 0);
	}
	return NULL;
}

static bool is_of(const struct hooked *hooked, const char *point, bool denies)
{
	if (hooked->use == (denies ? TELLING : FORBIDDING) || (hooked->use == DENYING && !denies))
		return false;
	return !strcmp(hooked->point, point) || (hooked->change && !strcmp(point, "change"));
}

static void add_arguments(struct lang_tree *tree, const struct hooked *hooked, struct policy_hook *to)
{
	to->arguments = lang_tree_get(tree, VALUES * sizeof(*to->arguments));
	for (to->argument_count = 0; to->argument_count < VALUES && hooked->values[to->argument_count].type; to->argument_count++) {
		u32 i = to->argument_count;

		to->arguments[i] = (struct policy_argument){
			.type = hooked->values[i].type, .index = hooked->values[i].index,
			.size_index = hooked->values[i].directory, .resolve = hooked->values[i].member,
		};
	}
}

/* 1: it was added; 0: nothing can match there; -1 with *error. */
static int lower_hook(const struct policy *policy, const struct policy_hook *from, const struct hooked *hooked, struct policy_hook *to,
		      struct policy_error *error)
{
	struct lowering lowering = {
		.tree = policy->tree, .hooked = hooked, .fields = policy_point_find(from->target)->fields, .error = error,
	};
	struct lang_node *own = NULL;

	if (from->asked && !(own = rewrite(&lowering, lang_join(policy->tree, from->asked))))
		return -1;
	if (own && is_truth(own, false))
		return 0;
	if (own && is_truth(own, true))
		own = NULL;
	*to = *from;
	to->attach = hooked->attach;
	to->target = hooked->target;
	to->from = from;
	to->only_denying = hooked->use == DENYING;
	/* later kernels have a function more, in which the other's calls go on */
	to->may_lack = to->only_denying || !strcmp(hooked->target, "security_file_truncate");
	add_arguments(policy->tree, hooked, to);
	to->selectors = lang_tree_get(policy->tree, sizeof(*to->selectors));
	*to->selectors = *from->selectors;
	to->selectors->condition = both(policy->tree, narrow(policy->tree, hooked), own);
	return 1;
}

static int no_hook(const struct policy_hook *from, bool denies, struct policy_error *error)
{
	snprintf(error->text, sizeof(error->text), "nothing in the kernel %s at the point %s", denies ? "denies" : "decides", from->target);
	snprintf(error->mend, sizeof(error->mend), "it can be told of (then: log), not prevented");
	return -1;
}

static int lower_point(const struct policy *policy, const struct policy_hook *from, struct policy *to, struct policy_error *error)
{
	bool denies = from->selectors->steps->action == ACTION_DENY, is_there = false;
	int added;

	for (size_t i = 0; i < HOOKS; i++) {
		if (!is_of(&hooks[i], from->target, denies))
			continue;
		is_there = true;
		added = lower_hook(policy, from, &hooks[i], &to->hooks[to->hook_count], error);
		/* what is only there to deny sooner may know less */
		if (added < 0 && hooks[i].use != DENYING)
			return -1;
		to->hook_count += added > 0;
	}
	return is_there ? 0 : no_hook(from, denies, error);
}

/* As many as there can be. */
static size_t count_hooks(const struct policy *policy)
{
	size_t count = 0;

	for (u32 i = 0; i < policy->hook_count; i++) {
		count += policy->hooks[i].attach != ATTACH_POINT;
		for (size_t j = 0; policy->hooks[i].attach == ATTACH_POINT && j < HOOKS; j++)
			count += is_of(&hooks[j], policy->hooks[i].target, true) || is_of(&hooks[j], policy->hooks[i].target, false);
	}
	return count;
}

struct policy *policy_lower(const struct policy *policy, struct policy_error *error)
{
	struct policy *lowered = lang_tree_get(policy->tree, sizeof(*lowered));

	*error = (struct policy_error){ 0 };
	*lowered = *policy;
	lowered->hooks = lang_tree_get(policy->tree, count_hooks(policy) * sizeof(*lowered->hooks));
	lowered->hook_count = 0;
	for (u32 i = 0; i < policy->hook_count; i++) {
		if (policy->hooks[i].attach != ATTACH_POINT) {
			lowered->hooks[lowered->hook_count++] = policy->hooks[i];
		} else if (lower_point(policy, &policy->hooks[i], lowered, error)) {
			error->line = policy->hooks[i].line;
			error->column = policy->hooks[i].column;
			return NULL;
		}
	}
	return lowered;
}
