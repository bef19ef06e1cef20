/* What a spot's program reads, from where, and what of it before it decides. */
#include <string.h>

#include "policy/spot.h"
#include "policy/tracing.h"

const struct policy_argument *spot_value(const struct policy_hook *hook, u32 i)
{
	if (i < hook->argument_count)
		return &hook->arguments[i];
	i -= hook->argument_count;
	if (i < hook->data_count)
		return &hook->data[i];
	i -= hook->data_count;
	return hook->returns && i == 0 ? &hook->result : NULL;
}

/*
 * A stand-in has a descriptor and memory of the caller's where the function has objects of the kernel's that are made for
 * the call: a terminal's write is seen as write().
 */
static enum policy_read type_here(const struct spot *spot, enum policy_type type)
{
	if (spot->place.rung == RUNG_STAND_IN && spot->place.stand_in == STAND_IN_tty_write) {
		if (type == TYPE_kiocb)
			return READ_file;
		if (type == TYPE_iov_iter)
			return READ_char_buf;
	}
	return (enum policy_read)type;
}

static void fill_source(const struct spot *spot, const struct policy_argument *argument, struct policy_source *source)
{
	static const u8 origins[] = {
		[FROM_PARAMETER] = FROM_CALL_PARAMETER, [FROM_TASK] = FROM_CURRENT_TASK,
		[FROM_REGISTERS] = FROM_CPU_REGISTER, [FROM_RETURN] = FROM_CALL_RESULT,
	};

	source->type = type_here(spot, argument->type);
	source->from = origins[argument->source];
	if (spot->place.rung == RUNG_FORMAT && argument->source == FROM_PARAMETER)
		source->from = FROM_RECORD_FIELD;
	source->length = argument->length;
	source->element = argument->element;
	source->index = argument->index;
	source->size_index = argument->at_return ? 0 : argument->size_index;
	if (source->type == READ_char_buf && argument->type == TYPE_iov_iter)
		source->size_index = argument->index + 2;
	for (u32 i = 0; i < argument->member_count && i < POLICY_HOPS; i++) {
		const struct policy_member *member = &argument->members[i];

		source->hop[source->hops++] = member->offset | (member->pointer ? POLICY_FOLLOW : 0);
		source->width = member->size;
		source->shift = member->shift;
		source->bits = member->bits;
	}
}

static u32 need_of(const struct lang_symbol *symbol)
{
	const u32 values = offsetof(struct policy_record, value);

	if (symbol->place == PLACE_STRING || symbol->place == PLACE_STRINGS) {
		if (symbol->string == POLICY_STRING_PROGRAM)
			return POLICY_NEEDS_PROGRAM;
		if (symbol->string == POLICY_STRING_PARENT)
			return POLICY_NEEDS_PARENT;
		if (symbol->string == POLICY_STRING_ANCESTORS)
			return POLICY_NEEDS_ANCESTOR_PROGRAMS;
		return POLICY_NEEDS_VALUE(symbol->string - POLICY_STRING_VALUE);
	}
	if (symbol->offset >= values)
		return POLICY_NEEDS_VALUE((symbol->offset - values) / sizeof(struct policy_value));
	if (symbol->offset >= offsetof(struct policy_record, ancestors))
		return POLICY_NEEDS_ANCESTORS;
	if (symbol->offset >= offsetof(struct policy_record, namespaces) &&
	    symbol->offset < offsetof(struct policy_record, changed_namespaces))
		return POLICY_NEEDS_NAMESPACES;
	if (symbol->offset == offsetof(struct policy_record, changed_namespaces) ||
	    (symbol->offset >= offsetof(struct policy_record, changed_capabilities) &&
	     symbol->offset < offsetof(struct policy_record, namespace_pid)))
		return POLICY_NEEDS_CHANGES | POLICY_NEEDS_NAMESPACES;
	return symbol->offset >= offsetof(struct policy_record, capabilities) ? POLICY_NEEDS_CAPABILITIES : 0;
}

static u32 needs_of(const struct lang_node *node)
{
	u32 needs = 0;

	if (!node)
		return 0;
	if (node->op == OP_FIELD)
		return need_of(node->symbol);
	if (node->op == OP_NUMBER || node->op == OP_STRING || node->op == OP_ADDRESS || node->op == OP_LIST)
		return 0;
	needs |= needs_of(node->left);
	return needs | needs_of(node->right);
}

static bool is_path(const struct policy_source *source)
{
	return source->from == FROM_CALL_PARAMETER && !source->hops &&
	       ((source->type == READ_file && source->index < 2) || (source->type == READ_path && !source->index));
}

static bool is_plain_number(const struct policy_source *source)
{
	return !source->hops && (source->type <= READ_uint64 || source->type == READ_capability) &&
	       ((source->from == FROM_CALL_PARAMETER && source->index < 4) || source->from == FROM_CALL_RESULT);
}

/* Does the condition look at anything of a path beside its text? */
static bool looks_inside(const struct lang_node *node)
{
	if (!node || node->op == OP_NUMBER || node->op == OP_STRING || node->op == OP_ADDRESS || node->op == OP_LIST)
		return false;
	if (node->op == OP_FIELD)
		return node->symbol->place == PLACE_NUMBER &&
		       (node->symbol->offset - offsetof(struct policy_record, value)) % sizeof(struct policy_value) != 0;
	return looks_inside(node->left) || looks_inside(node->right);
}

/* The value, from 1, of the one path on which, and on plain numbers, all conditions depend; 0: they ask for more. */
static u8 find_cached(const struct spot *spot, const struct policy_config *config)
{
	u8 found = 0;

	if (config->needs & 255)
		return 0;
	for (u32 i = 0; i < config->values; i++) {
		if (!(config->needs & POLICY_NEEDS_VALUE(i)))
			continue;
		if (is_path(&config->source[i]) && !found)
			found = i + 1;
		else if (!is_plain_number(&config->source[i]))
			return 0;
	}
	for (u32 i = 0; i < spot->case_count; i++)
		if (looks_inside(spot->cases[i].condition) || !spot->cases[i].condition)
			return 0;
	return found;
}

static void add_call(struct policy_config *config, const char *name)
{
	s64 number = tracing_call_number(name);

	if (number >= 0 && number < POLICY_CALLS)
		config->calls[number / 64] |= 1ULL << (number % 64);
}

/* A socket is looked at to be tracked, whatever the condition asks for. */
static u32 tracked(const struct policy_hook *hook)
{
	u32 needs = 0;

	for (u32 i = 0; i < hook->selector_count; i++) {
		const struct policy_selector *selector = &hook->selectors[i];

		for (u32 j = 0; j < selector->step_count + selector->return_step_count; j++) {
			const struct policy_step *step = j < selector->step_count ? &selector->steps[j] :
									    &selector->return_steps[j - selector->step_count];

			if (step->action == ACTION_TRACK_SOCKET || step->action == ACTION_UNTRACK_SOCKET)
				needs |= POLICY_NEEDS_VALUE(step->number);
		}
	}
	return hook->result_action == ACTION_LOG ? needs : needs | POLICY_NEEDS_VALUE(hook->argument_count + hook->data_count);
}

void spot_configure(const struct spot *spot, struct policy_config *config)
{
	const struct policy_argument *value;
	enum policy_rung rung = spot->place.rung;

	for (u32 i = 0; i < POLICY_VALUES && (value = spot_value(spot->hook, i)); i++) {
		fill_source(spot, value, &config->source[i]);
		config->values = i + 1;
	}
	for (u32 i = 0; i < spot->case_count; i++)
		config->needs |= needs_of(spot->cases[i].condition);
	config->needs |= tracked(spot->hook);
	config->parameters = spot->place.parameters < POLICY_PARAMETERS ? spot->place.parameters : POLICY_PARAMETERS;
	config->readable = spot->place.readable & ((1U << config->parameters) - 1);
	config->stand_in = spot->place.stand_in;
	config->at_return = spot->at_return;
	config->can_signal = rung != RUNG_CGROUP;
	config->can_stack = rung != RUNG_CGROUP;
	config->is_call = spot->hook->attach == ATTACH_SYSCALL && (rung == RUNG_KPROBE || rung == RUNG_FENTRY);
	config->changes = config->needs & POLICY_NEEDS_CHANGES ? 1 : 0;
	config->function = spot->function;
	config->several = spot_counts_others(spot);
	config->any_call = rung != RUNG_CALL;
	if (spot->calls)
		for (const char *const *name = spot->calls; *name; name++)
			add_call(config, *name);
	else if (rung == RUNG_CALL)
		add_call(config, spot->place.target);
	config->cached = find_cached(spot, config);
	if (config->cached == 1 && (rung == RUNG_FENTRY || rung == RUNG_LSM) && config->source[0].type == READ_file &&
	    !config->source[0].index)
		config->direct = POLICY_DIRECT_ALL;
}
