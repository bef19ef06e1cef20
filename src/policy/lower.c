/*
 * From points to hooks. A condition over fields of an event becomes one over the record that a program of policies puts
 * together: field by field, each has a place there or only user space knows it.
 */
#include <stdio.h>

#include "lang/join.h"
#include "policy/point.h"
#include "policy/symbol.h"

#define PTRACE_ATTACH 16
#define PTRACE_SEIZE 0x4206
#define READING_MODULE 2
#define ACCESS_MODE 3		/* of open flags: O_RDONLY is 0 */

struct hooked {
	const char *point;
	enum policy_attach attach;
	const char *target;
	int index;
	enum policy_type type;
	const char *as;		/* the field that the value is; "network.peer": .address and .port; NULL: none */
};

static const struct hooked hooks[] = {
#define HOOK(point, attach, target, index, type, as) { point, attach, target, index, type, as },
#include "policy/points.def"
};

struct lowering {
	struct lang_tree *tree;
	const struct hooked *hooked;
	struct policy_error *error;
};

static const struct lang_symbol user_symbol = {
	.name = "process.user.id", .type = LANG_NUMBER, .kinds = ~0u, .place = PLACE_NUMBER,
	.offset = offsetof(struct policy_record, record.uid), .width = 4,
};

static const struct lang_symbol *find_symbol(const struct lowering *lowering, const char *name)
{
	const struct hooked *hooked = lowering->hooked;
	enum policy_shape shape = policy_type_shape(hooked->type);

	if (hooked->as && !strcmp(name, hooked->as))
		return policy_symbol_value(lowering->tree, name, 0, hooked->type, PART_TEXT);
	if (!strcmp(name, "file.mode") && shape == SHAPE_PATH)
		return policy_symbol_value(lowering->tree, "file", 0, hooked->type, PART_MODE);
	if (!strcmp(name, "file.inode") && shape == SHAPE_PATH)
		return policy_symbol_value(lowering->tree, "file", 0, hooked->type, PART_INODE);
	if (!strcmp(name, "network.peer.address") && hooked->type == TYPE_sockaddr)
		return policy_symbol_value(lowering->tree, "network.peer", 0, hooked->type, PART_LOCAL);
	if (!strcmp(name, "network.peer.port") && hooked->type == TYPE_sockaddr)
		return policy_symbol_value(lowering->tree, "network.peer", 0, hooked->type, PART_LOCAL_PORT);
	if (!strcmp(name, "process.executable.path"))
		return policy_symbol_program();
	if (!strcmp(name, "process.parent.executable.path"))
		return policy_symbol_parent();
	if (!strcmp(name, "process.pid"))
		return policy_symbol_pid();
	return strcmp(name, "process.user.id") ? NULL : &user_symbol;
}

/* NULL for what has no place, with the error. */
static struct lang_node *rewrite(struct lowering *lowering, const struct lang_node *node)
{
	struct lang_node *copy = lang_tree_get(lowering->tree, sizeof(*copy));

	*copy = *node;
	if (node->op == OP_FIELD) {
		copy->symbol = find_symbol(lowering, node->symbol->name);
		if (copy->symbol && copy->symbol->type == node->type)
			return copy;
		snprintf(lowering->error->text, sizeof(lowering->error->text), "the kernel does not know %s where it decides at %s",
			 node->symbol->name, lowering->hooked->point);
		snprintf(lowering->error->mend, sizeof(lowering->error->mend),
			 "ask for the path of the program or its parent, the user's number, or what the point is about");
		return NULL;
	}
	if (node->left && !(copy->left = rewrite(lowering, node->left)))
		return NULL;
	if (node->right && !(copy->right = rewrite(lowering, node->right)))
		return NULL;
	return copy;
}

static struct lang_node *both(struct lang_tree *tree, struct lang_node *left, struct lang_node *right)
{
	return left && right ? lang_node(tree, OP_AND, left, right) : left ? left : right;
}

static struct lang_node *equals(struct lang_tree *tree, struct lang_node *left, u64 number)
{
	return lang_node(tree, OP_EQUAL, left, lang_number(tree, number));
}

static struct lang_node *value_of(struct lang_tree *tree, unsigned int value, enum policy_type type)
{
	return lang_field(tree, policy_symbol_value(tree, "value", value, type, PART_NUMBER));
}

/* What a hook sees beyond its point. */
static struct lang_node *narrow(struct lang_tree *tree, const struct hooked *hooked)
{
	static const struct lang_symbol flags = {
		.name = "file.flags", .type = LANG_NUMBER, .kinds = ~0u, .place = PLACE_NUMBER, .width = 4,
		.offset = offsetof(struct policy_record, value[0].file.flags),
		.present = offsetof(struct policy_record, present), .present_mask = 1,
	};
	struct lang_node *node;

	if (!strcmp(hooked->point, "write")) {
		node = lang_node(tree, OP_BIT_AND, lang_field(tree, &flags), lang_number(tree, ACCESS_MODE));
		return lang_node(tree, OP_UNEQUAL, node, lang_number(tree, 0));
	}
	if (!strcmp(hooked->point, "module"))
		return equals(tree, value_of(tree, 1, TYPE_int32), READING_MODULE);
	if (!strcmp(hooked->point, "ptrace"))
		return lang_node(tree, OP_OR, equals(tree, value_of(tree, 0, hooked->type), PTRACE_ATTACH),
				 equals(tree, value_of(tree, 0, hooked->type), PTRACE_SEIZE));
	return NULL;
}

static const struct hooked *find_hooked(const char *point)
{
	for (size_t i = 0; i < sizeof(hooks) / sizeof(*hooks); i++)
		if (!strcmp(hooks[i].point, point))
			return &hooks[i];
	return NULL;
}

static int lower_hook(const struct policy *policy, const struct policy_hook *from, struct policy_hook *to, struct policy_error *error)
{
	struct lowering lowering = { .tree = policy->tree, .hooked = find_hooked(from->target), .error = error };
	const struct hooked *hooked = lowering.hooked;
	struct lang_node *own = NULL;

	if (!hooked) {
		snprintf(error->text, sizeof(error->text), "nothing in the kernel decides at the point %s", from->target);
		snprintf(error->mend, sizeof(error->mend), "it can be told of (then: log), not prevented");
		return -1;
	}
	if (from->asked && !(own = rewrite(&lowering, lang_join(policy->tree, from->asked))))
		return -1;
	*to = *from;
	to->point = from->target;
	to->attach = hooked->attach;
	to->target = hooked->target;
	to->argument_count = strcmp(hooked->point, "module") ? 1 : 2;
	to->arguments = lang_tree_get(policy->tree, to->argument_count * sizeof(*to->arguments));
	to->arguments[0] = (struct policy_argument){ .type = hooked->type, .index = hooked->index };
	if (to->argument_count > 1)
		to->arguments[1] = (struct policy_argument){ .type = TYPE_int32, .index = 1 };
	to->selectors = lang_tree_get(policy->tree, sizeof(*to->selectors));
	*to->selectors = *from->selectors;
	to->selectors->condition = both(policy->tree, narrow(policy->tree, hooked), own);
	return 0;
}

struct policy *policy_lower(const struct policy *policy, struct policy_error *error)
{
	struct policy *lowered = lang_tree_get(policy->tree, sizeof(*lowered));

	*error = (struct policy_error){ 0 };
	*lowered = *policy;
	lowered->hooks = lang_tree_get(policy->tree, policy->hook_count * sizeof(*lowered->hooks));
	for (u32 i = 0; i < policy->hook_count; i++) {
		if (policy->hooks[i].attach != ATTACH_POINT) {
			lowered->hooks[i] = policy->hooks[i];
		} else if (lower_hook(policy, &policy->hooks[i], &lowered->hooks[i], error)) {
			error->line = policy->hooks[i].line;
			error->column = policy->hooks[i].column;
			return NULL;
		}
	}
	return lowered;
}
