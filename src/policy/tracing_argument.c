/* What a hook reads: args, data, returnArg. Whether the kernel has it is found out later, by policy_resolve. */
#include "policy/tracing.h"

#define INDEX_MOST 63		/* of a tracepoint's field; functions are checked against their prototype */
#define RESOLVE_MOST 10		/* members on the way */

enum { KEY_INDEX, KEY_TYPE, KEY_LABEL, KEY_SIZE_INDEX, KEY_RETURN_COPY, KEY_MAX_DATA, KEY_RESOLVE, KEY_SOURCE, KEY_BTF_TYPE,
       KEY_BTF_MODULE, KEYS };

static const char *const keys[] = { "index", "type", "label", "sizeArgIndex", "returnCopy", "maxData", "resolve", "source",
				    "btfType", "btfTypeModule", NULL };

/* As they are spelled, the other spellings behind them. */
static const struct {
	const char *name;
	enum policy_type type;
} types[] = {
#define TYPE(name, spelled, shape, help) { spelled, TYPE_##name },
#include "wire/policy_types.def"
#undef TYPE
	{ "int", TYPE_int32 }, { "sint8", TYPE_int8 }, { "sint16", TYPE_int16 }, { "sint32", TYPE_int32 }, { "sint64", TYPE_int64 },
	{ "long", TYPE_int64 }, { "ulong", TYPE_uint64 }, { "size_t", TYPE_uint64 },
};

#define TYPE_COUNT (sizeof(types) / sizeof(*types))

static int read_type(struct tracing *tracing, const yaml_node_t *node, struct policy_argument *argument)
{
	const char *words[TYPE_COUNT + 1];
	int type;

	for (size_t i = 0; i < TYPE_COUNT; i++)
		words[i] = types[i].name;
	words[TYPE_COUNT] = NULL;
	type = tracing_word(tracing, node, "type", words);
	if (type < 0)
		return mend(tracing, "int, string, file, path, sock and others: see docs/policies.md");
	argument->type = types[type].type;
	return 0;
}

/* "mm.owner.real_parent.comm", "fdt.fd[3].f_inode" */
static int check_path(struct tracing *tracing, const yaml_node_t *node, const char *path)
{
	unsigned int members = 1;

	for (const char *at = path; *at;) {
		size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
		const char *after = at + length;

		while (*after == '[') {
			size_t digits = strspn(after + 1, "0123456789");

			if (!digits || digits > 6 || after[1 + digits] != ']')
				break;
			after += digits + 2;
		}
		if (after == at || (*after && *after != '.') || (*after == '.' && !after[1])) {
			wrong(tracing, node, "\"%s\" is no way through members, at \"%s\"", path, *after ? after : at);
			return mend(tracing, "members with dots between them, items of arrays as [2]: mm.owner.comm");
		}
		members += *after == '.';
		at = *after ? after + 1 : after;
	}
	if (members > RESOLVE_MOST)
		return wrong(tracing, node, "resolve goes through %u members, and %d are the most", members, RESOLVE_MOST);
	return 0;
}

static int read_source(struct tracing *tracing, const yaml_node_t *node, const yaml_node_t *const *found, bool is_data,
		       struct policy_argument *argument)
{
	static const char *const sources[] = { "current_task", "pt_regs", NULL };
	int source;

	if (!is_data && !found[KEY_SOURCE])
		return 0;
	if (!is_data) {
		wrong(tracing, found[KEY_SOURCE], "an argument has no source");
		return mend(tracing, "move it from args to data");
	}
	if (!found[KEY_SOURCE] || !found[KEY_RESOLVE]) {
		wrong(tracing, node, "data needs a source and what to resolve there");
		return mend(tracing, "source: current_task, resolve: cred.uid.val");
	}
	source = tracing_word(tracing, found[KEY_SOURCE], "source", sources);
	if (source < 0)
		return -1;
	argument->source = source ? FROM_REGISTERS : FROM_TASK;
	return 0;
}

static int check_size(struct tracing *tracing, const yaml_node_t *node, const struct policy_argument *argument)
{
	bool sized = argument->type == TYPE_char_buf || argument->type == TYPE_char_iovec;

	if (argument->type == TYPE_char_buf && !argument->size_index && !argument->at_return && !argument->resolve) {
		wrong(tracing, node, "how long a char_buf is is not said");
		return mend(tracing, "sizeArgIndex: N, the parameter with the length, counted from 1; or returnCopy: true");
	}
	if (argument->size_index && !sized && argument->type != TYPE_auto)
		note(tracing, node, "sizeArgIndex has no effect on a %s", policy_type_name(argument->type));
	if (argument->at_return && argument->whole) {
		wrong(tracing, node, "returnCopy and maxData exclude each other");
		return mend(tracing, "leave maxData out");
	}
	if (argument->at_return && !sized) {
		wrong(tracing, node, "returnCopy is for char_buf and char_iovec");
		return mend(tracing, "leave it out");
	}
	return 0;
}

/* `auto`: the kernel's types say it later, where they can. */
static int check_auto(struct tracing *tracing, const yaml_node_t *node, const struct policy_argument *argument)
{
	bool kernel_says = tracing->section == IN_TRACEPOINTS || argument->resolve || tracing->section == IN_LSMHOOKS;

	if (argument->type == TYPE_auto && !kernel_says) {
		wrong(tracing, node, "the argument has no type");
		return mend(tracing, "type: int");
	}
	if (argument->type == TYPE_syscall64 && tracing->section != IN_TRACEPOINTS) {
		wrong(tracing, node, "syscall64 is a type for the tracepoints raw_syscalls/sys_enter and sys_exit");
		return mend(tracing, "the function's name says which call it is");
	}
	if (argument->type == TYPE_data_loc && (tracing->section != IN_TRACEPOINTS || tracing->hook->attach != ATTACH_TRACEPOINT)) {
		wrong(tracing, node, "data_loc is a type of tracepoints that are not raw");
		return mend(tracing, "type: string");
	}
	return 0;
}

int tracing_read_argument(struct tracing *tracing, const yaml_node_t *node, struct policy_argument *argument, bool is_data)
{
	const yaml_node_t *found[KEYS] = { 0 };
	s64 number;

	if (tracing_mapping(tracing, node, "an argument", "{index: 0, type: int}", keys, found))
		return -1;
	*argument = (struct policy_argument){ .type = TYPE_auto, .line = node->start_mark.line + 1,
					      .column = node->start_mark.column + 1 };
	if (!found[KEY_INDEX] && !is_data) {
		wrong(tracing, node, "an argument has no index");
		return mend(tracing, "index: 0 for the first parameter");
	}
	if (found[KEY_INDEX]) {
		if (tracing_number(tracing, found[KEY_INDEX], "index", 0, INDEX_MOST, &number))
			return -1;
		argument->index = number;
	}
	if (found[KEY_TYPE] && read_type(tracing, found[KEY_TYPE], argument))
		return -1;
	if (found[KEY_LABEL] && !(argument->label = tracing_text(tracing, found[KEY_LABEL], "label")))
		return -1;
	if (found[KEY_SIZE_INDEX]) {
		if (tracing_number(tracing, found[KEY_SIZE_INDEX], "sizeArgIndex", 1, INDEX_MOST, &number))
			return -1;
		argument->size_index = number;
	}
	if ((found[KEY_RETURN_COPY] &&
	     document_flag(&tracing->document, found[KEY_RETURN_COPY], "returnCopy", &argument->at_return)) ||
	    (found[KEY_MAX_DATA] && document_flag(&tracing->document, found[KEY_MAX_DATA], "maxData", &argument->whole)))
		return -1;
	if (found[KEY_RESOLVE] && (!(argument->resolve = tracing_text(tracing, found[KEY_RESOLVE], "resolve")) ||
				   check_path(tracing, found[KEY_RESOLVE], argument->resolve)))
		return -1;
	if (found[KEY_BTF_TYPE] && !(argument->type_name = tracing_text(tracing, found[KEY_BTF_TYPE], "btfType")))
		return -1;
	if (found[KEY_BTF_TYPE] && !argument->resolve) {
		wrong(tracing, found[KEY_BTF_TYPE], "btfType says where resolve begins, and there is no resolve");
		return mend(tracing, "resolve: member");
	}
	if (found[KEY_BTF_MODULE]) {
		wrong(tracing, found[KEY_BTF_MODULE], "types of modules are not read");
		return mend(tracing, "leave btfTypeModule out if the type is the kernel's own");
	}
	if (read_source(tracing, node, found, is_data, argument) || check_size(tracing, node, argument))
		return -1;
	return check_auto(tracing, found[KEY_TYPE] ? found[KEY_TYPE] : node, argument);
}

int tracing_read_arguments(struct tracing *tracing, const yaml_node_t *node, const char *what, bool is_data)
{
	struct policy_hook *hook = tracing->hook;
	u32 count;
	const yaml_node_item_t *items = tracing_items(tracing, node, what, "- {index: 0, type: int}", &count);
	struct policy_argument *arguments;

	if (!items)
		return -1;
	if (count > POLICY_VALUES) {
		wrong(tracing, node, "%s has %u values", what, count);
		return mend(tracing, "%d are the most that a hook reads, with data and result", POLICY_VALUES);
	}
	arguments = tracing_get(tracing, count * sizeof(*arguments));
	for (u32 i = 0; i < count; i++)
		if (tracing_read_argument(tracing, document_at(&tracing->document, items[i]), &arguments[i], is_data))
			return -1;
	*(is_data ? &hook->data : &hook->arguments) = arguments;
	*(is_data ? &hook->data_count : &hook->argument_count) = count;
	return 0;
}
