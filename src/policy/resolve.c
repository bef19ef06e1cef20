/*
 * What arguments are on a kernel: of a function by its prototype, of a tracepoint by its format. What cannot be is an error;
 * what only differs from what the file says is noted, because that is for the file's author to know.
 */
#include "policy/resolve.h"

#include <errno.h>
#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUNCTIONS_MOST 1000	/* that a pattern may fit */
#define CALL_PARAMETERS 6

int resolve_fail(struct resolving *resolving, u32 line, u32 column, const char *mend, const char *format, ...)
{
	va_list arguments;

	*resolving->error = (struct policy_error){ .line = line, .column = column };
	va_start(arguments, format);
	vsnprintf(resolving->error->text, sizeof(resolving->error->text), format, arguments);
	va_end(arguments);
	snprintf(resolving->error->mend, sizeof(resolving->error->mend), "%s", mend);
	return -1;
}

static bool is_number(enum policy_type type)
{
	return type >= TYPE_int8 && type <= TYPE_uint64;
}

static bool is_set(enum policy_type type)
{
	return type >= TYPE_kernel_cap_t && type <= TYPE_cap_effective;
}

bool resolve_fits(enum policy_type declared, const struct resolved *found)
{
	if (declared == found->type || declared == TYPE_nop || declared == TYPE_auto)
		return true;
	if (is_number(declared) || declared == TYPE_capability || declared == TYPE_bpf_cmd || declared == TYPE_fd ||
	    declared == TYPE_syscall64)
		return is_number(found->type) && !found->pointer;
	if (is_set(declared))
		return found->type == TYPE_kernel_cap_t;
	switch (declared) {
	case TYPE_string:
	case TYPE_char_buf:
	case TYPE_char_iovec:
		return found->pointer || found->type == TYPE_string || found->type == TYPE_const_buf;
	case TYPE_path:
	case TYPE_file:
	case TYPE_sockaddr_un:
		return declared == TYPE_sockaddr_un && found->type == TYPE_sockaddr;
	case TYPE_sock:
		return !strncmp(found->name, "struct ", 7) && strstr(found->name, "sock") && strcmp(found->name, "struct socket *");
	default:
		return false;
	}
}

enum policy_type resolve_number(enum policy_type declared, const struct resolved *end)
{
	bool is_signed;
	static const enum policy_type types[2][4] = {
		{ TYPE_uint8, TYPE_uint16, TYPE_uint32, TYPE_uint64 }, { TYPE_int8, TYPE_int16, TYPE_int32, TYPE_int64 },
	};
	int width = end->size == 1 ? 0 : end->size == 2 ? 1 : end->size == 4 ? 2 : 3;

	policy_type_bits(declared, &is_signed);
	return types[is_signed][width];
}

/* The type at the end of `resolve` is known better by the kernel than by the file. */
static int settle(struct resolving *resolving, struct policy_argument *argument, const struct resolved *end)
{
	if (end->type == TYPE_NONE)
		return resolve_fail(resolving, argument->line, argument->column, "go on to one of its members", "resolve %s ends at %s",
				    argument->resolve, end->name);
	if (!resolve_fits(argument->type, end)) {
		if (argument->assumed || policy_type_shape(argument->type) != policy_type_shape(end->type))
			return resolve_fail(resolving, argument->line, argument->column, "give it that type, and compare it as such",
					    "resolve %s ends at %s, which is not %s", argument->resolve, end->name,
					    policy_type_name(argument->type));
		policy_note(resolving->policy, argument->line, argument->column, "resolve %s ends at %s, which is not %s", argument->resolve,
			    end->name, policy_type_name(argument->type));
	}
	if (is_number(argument->type) && is_number(end->type) && !argument->assumed)
		argument->type = resolve_number(argument->type, end);
	else if (argument->type != TYPE_capability && !is_set(argument->type) && argument->type != TYPE_char_buf)
		argument->type = end->type;
	if (argument->type == TYPE_const_buf) {
		argument->length = end->length;
		argument->element = end->element;
	}
	return 0;
}

/* Where `resolve` begins; 0 after a mistake. */
static u32 start_of(struct resolving *resolving, const struct policy_argument *argument, u32 parameter)
{
	const struct btf *btf = resolving->kernel->btf;
	const char *name = argument->source == FROM_TASK ? "task_struct" : argument->type_name;
	struct resolved resolved;
	int id;

	if (name) {
		id = btf__find_by_name_kind(btf, name, BTF_KIND_STRUCT);
		if (id <= 0)
			id = btf__find_by_name_kind(btf, name, BTF_KIND_UNION);
		if (id <= 0)
			resolve_fail(resolving, argument->line, argument->column, "the name of a struct, without struct",
				     "the kernel has no struct %s", name);
		return id > 0 ? id : 0;
	}
	if (!parameter) {
		resolve_fail(resolving, argument->line, argument->column, "btfType: the struct that it is",
			     "what the parameter is, is not known, so nothing can be resolved in it");
		return 0;
	}
	resolve_type(btf, parameter, &resolved);
	if (!resolved.pointer)
		resolve_fail(resolving, argument->line, argument->column, "btfType: the struct that it points to",
			     "the parameter is %s, and has no members", resolved.name);
	return resolved.pointer ? parameter : 0;
}

static int find_register(struct resolving *resolving, struct policy_argument *argument)
{
	/* As in struct user_registers, bpf/lib/regs.h. */
	static const char *const names[] = { "r15", "r14", "r13", "r12", "bp", "bx", "r11", "r10", "r9", "r8", "ax", "cx", "dx", "si", "di",
					     "orig_ax", "ip", "cs", "flags", "sp", "ss" };
	const char *name = argument->resolve;

	if (name[0] == 'r' && name[1] >= 'a' && name[1] <= 'z')
		name++;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (!strcmp(names[i], name)) {
			argument->index = i;
			if (argument->type == TYPE_auto)
				argument->type = TYPE_uint64;
			return 0;
		}
	return resolve_fail(resolving, argument->line, argument->column, "ax, bx, cx, dx, si, di, bp, sp, ip, r8 to r15",
			    "there is no register %s", argument->resolve);
}

/* `parameter`: its type in BTF, 0: not known. */
static int resolve_argument(struct resolving *resolving, struct policy_argument *argument, u32 parameter, const char *what)
{
	struct resolved found;
	u32 start;

	if (argument->source == FROM_REGISTERS)
		return find_register(resolving, argument);
	if (argument->resolve) {
		start = start_of(resolving, argument, parameter);
		return !start || resolve_path(resolving, argument, start, &found) || settle(resolving, argument, &found) ? -1 : 0;
	}
	if (!parameter)
		return 0;
	resolve_type(resolving->kernel->btf, parameter, &found);
	if (argument->type == TYPE_auto || argument->assumed) {
		if (argument->assumed && !resolve_fits(argument->type, &found))
			return resolve_fail(resolving, argument->line, argument->column, "compare it as what it is, or give it a type",
					    "%s is %s, which is not compared like that", what, found.name);
		if (found.type == TYPE_NONE)
			return resolve_fail(resolving, argument->line, argument->column, "resolve one of its members",
					    "%s is %s, which cannot be shown", what, found.name);
		argument->type = found.type;
		return 0;
	}
	/* of a point the types are our own choice */
	if (!resolving->hook->from && !resolve_fits(argument->type, &found))
		policy_note(resolving->policy, argument->line, argument->column, "%s is %s, and is read as %s", what, found.name,
			    policy_type_name(argument->type));
	return 0;
}

/* One of its two numbers is not among the parameters. */
static int outside(struct resolving *resolving, const struct policy_argument *argument, u32 most)
{
	char mend[96];

	if ((u32)argument->index < most) {
		snprintf(mend, sizeof(mend), "sizeArgIndex: 1 to %u", most);
		return resolve_fail(resolving, argument->line, argument->column, mend, "%s has %u parameters, and sizeArgIndex is %d",
				    resolving->hook->target, most, argument->size_index);
	}
	snprintf(mend, sizeof(mend), most ? "index: 0 to %u" : "it has no parameters", most ? most - 1 : 0);
	return resolve_fail(resolving, argument->line, argument->column, mend, "%s has %u parameters, and there is no index %d",
			    resolving->hook->target, most, argument->index);
}

/* Parameters and result by a prototype; `first`: how many of its parameters are not the hook's. */
static int resolve_parameters(struct resolving *resolving, const struct policy_hook *hook, const struct btf_type *prototype, u32 first)
{
	u32 count = prototype ? btf_vlen(prototype) - first : 0;
	char what[64];

	for (u32 i = 0; i < hook->argument_count; i++) {
		struct policy_argument *argument = &hook->arguments[i];

		if (prototype && ((u32)argument->index >= count || (u32)argument->size_index > count))
			return outside(resolving, argument, count);
		snprintf(what, sizeof(what), "parameter %d of %.40s", argument->index, hook->target);
		if (resolve_argument(resolving, argument, prototype ? btf_params(prototype)[argument->index + first].type : 0, what))
			return -1;
	}
	if (!hook->returns)
		return 0;
	snprintf(what, sizeof(what), "the result of %.40s", hook->target);
	return resolve_argument(resolving, &((struct policy_hook *)hook)->result, prototype ? prototype->type : 0, what);
}

static int resolve_call(struct resolving *resolving, const struct policy_hook *hook)
{
	for (u32 i = 0; i < hook->argument_count; i++) {
		if (hook->arguments[i].index >= CALL_PARAMETERS || hook->arguments[i].size_index > CALL_PARAMETERS)
			return outside(resolving, &hook->arguments[i], CALL_PARAMETERS);
		if (hook->arguments[i].resolve && !hook->arguments[i].type_name)
			return resolve_fail(resolving, hook->arguments[i].line, hook->arguments[i].column, "hook a function of the kernel's behind it",
					    "what a system call is given lies in the program, and has no types");
	}
	return resolve_parameters(resolving, hook, NULL, 0);
}

/* What a kernel without modules never calls. */
static bool is_never_called(struct policy_kernel *kernel, const char *function)
{
	static const char *const functions[] = { "security_kernel_module_request", "load_module", "do_init_module", "free_module" };

	for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++)
		if (!strcmp(functions[i], function))
			return !kernel_tracepoint(kernel, "module_load");
	return false;
}

static int resolve_function(struct resolving *resolving, struct policy_hook *hook)
{
	struct policy_kernel *kernel = resolving->kernel;
	char name[160];
	u32 id;

	snprintf(name, sizeof(name), "%s%.120s", hook->attach == ATTACH_LSM ? "bpf_lsm_" : "", hook->target);
	id = kernel_function(kernel, name);
	if (!id && hook->attach == ATTACH_LSM) {
		snprintf(name, sizeof(name), "security_%.120s", hook->target);
		id = kernel_function(kernel, name);
	}
	if (!id && hook->attach == ATTACH_FUNCTION && !hook->may_lack && !hook->targets)
		policy_note(resolving->policy, hook->line, hook->column, "the kernel's types do not name %s: what it is given is not checked",
			    hook->target);
	if (is_never_called(kernel, hook->target) && !hook->may_lack) {
		hook->may_lack = true;
		policy_note(resolving->policy, hook->line, hook->column, "%s is never called: this kernel has no modules; the hook is left out",
			    hook->target);
	}
	return resolve_parameters(resolving, hook, kernel_prototype(kernel, id), 0);
}

/* A list's pattern: all functions of the kernel that it fits. */
static int expand_pattern(struct resolving *resolving, struct policy_hook *hook)
{
	const struct btf *btf = resolving->kernel->btf;
	const char **targets = lang_tree_get(resolving->policy->tree, (FUNCTIONS_MOST + 1) * sizeof(*targets));
	u32 count = 0, types = btf__type_cnt(btf);
	regex_t pattern;

	if (regcomp(&pattern, hook->pattern, REG_EXTENDED | REG_NOSUB))
		return resolve_fail(resolving, hook->line, hook->column, "", "\"%s\" is no regular expression", hook->pattern);
	for (u32 id = 1; id < types && count <= FUNCTIONS_MOST; id++) {
		const struct btf_type *type = btf__type_by_id(btf, id);
		const char *name = btf__name_by_offset(btf, type->name_off);
		char *copy;

		if (!btf_is_func(type) || regexec(&pattern, name, 0, NULL, 0))
			continue;
		if (count++ == FUNCTIONS_MOST)
			break;
		copy = lang_tree_get(resolving->policy->tree, strlen(name) + 1);
		targets[count - 1] = strcpy(copy, name);
	}
	regfree(&pattern);
	if (!count || count > FUNCTIONS_MOST)
		return resolve_fail(resolving, hook->line, hook->column, count ? "a narrower pattern" : "a wider pattern",
				    count ? "more than %u functions fit \"%s\"" : "%u functions fit \"%s\"", count ? FUNCTIONS_MOST : 0,
				    hook->pattern);
	targets[count] = NULL;
	hook->targets = targets;
	hook->target = targets[0];
	return 0;
}

static int resolve_hook(struct resolving *resolving, struct policy_hook *hook)
{
	resolving->hook = hook;
	for (u32 i = 0; i < hook->data_count; i++)
		if (resolve_argument(resolving, &hook->data[i], 0, "data"))
			return -1;
	if (hook->pattern && expand_pattern(resolving, hook))
		return -1;
	switch (hook->attach) {
	case ATTACH_FUNCTION:
	case ATTACH_LSM:
		return resolve_function(resolving, hook);
	case ATTACH_SYSCALL:
		return resolve_call(resolving, hook);
	case ATTACH_RAW_TRACEPOINT:
		return resolve_parameters(resolving, hook, kernel_tracepoint(resolving->kernel, hook->target), 1);
	case ATTACH_TRACEPOINT:
		return resolve_format(resolving, hook);
	case ATTACH_UPROBE:
		return resolve_program(resolving, hook);
	case ATTACH_POINT:
		break;
	}
	return 0;
}

int policy_resolve(struct policy *policy, struct policy_kernel *kernel, struct policy_error *error)
{
	struct resolving resolving = { .policy = policy, .kernel = kernel, .error = error };

	for (u32 i = 0; i < policy->hook_count; i++)
		if (resolve_hook(&resolving, &policy->hooks[i]))
			return -EINVAL;
	return 0;
}
