/* One hook: where it is attached, by the section it stands in, and what is read there. */
#include <stdio.h>

#include "policy/tracing.h"

#define MESSAGE_MOST 256
#define TAGS_MOST 16
#define TAG_MOST 128

enum { KEY_CALL, KEY_SYSCALL, KEY_RETURN, KEY_RETURN_ARGUMENT, KEY_RETURN_ACTION, KEY_DATA, KEY_IGNORE, KEY_SUBSYSTEM, KEY_EVENT,
       KEY_RAW, KEY_HOOK, KEY_PATH, KEY_SYMBOLS, KEY_OFFSETS, KEY_ADDRESSES, KEY_COUNTERS, KEY_BTF, KEY_DIGESTS, KEY_ARGUMENTS,
       KEY_SELECTORS, KEY_MESSAGE, KEY_TAGS, KEYS };

static const char *const all_keys[] = {
	"call", "syscall", "return", "returnArg", "returnArgAction", "data", "ignore", "subsystem", "event", "raw", "hook", "path",
	"symbols", "offsets", "addrs", "refCtrOffsets", "btfPath", "binaryDigests", "args", "selectors", "message", "tags", NULL,
};

/* Bits of the keys that a section has; all have the last four. */
#define BIT(key) (1u << (key))
#define COMMON (BIT(KEY_ARGUMENTS) | BIT(KEY_SELECTORS) | BIT(KEY_MESSAGE) | BIT(KEY_TAGS))
#define RETURNS (BIT(KEY_RETURN) | BIT(KEY_RETURN_ARGUMENT) | BIT(KEY_DATA) | BIT(KEY_IGNORE))
#define FUNCTION (COMMON | RETURNS | BIT(KEY_CALL) | BIT(KEY_SYSCALL) | BIT(KEY_RETURN_ACTION))

static const struct {
	const char *what, *like;
	u32 keys;
} sections[] = {
	[IN_KPROBES] = { "a kprobe", "- call: tcp_connect", FUNCTION },
	[IN_FENTRIES] = { "a fentry", "- call: tcp_connect", FUNCTION },
	[IN_TRACEPOINTS] = { "a tracepoint", "- {subsystem: sched, event: sched_process_exec}",
			     COMMON | BIT(KEY_SUBSYSTEM) | BIT(KEY_EVENT) | BIT(KEY_RAW) },
	[IN_LSMHOOKS] = { "a lsmhook", "- hook: file_open", COMMON | BIT(KEY_HOOK) },
	[IN_UPROBES] = { "a uprobe", "- {path: /bin/bash, symbols: [readline]}",
			 COMMON | RETURNS | BIT(KEY_PATH) | BIT(KEY_SYMBOLS) | BIT(KEY_OFFSETS) | BIT(KEY_ADDRESSES) |
				 BIT(KEY_COUNTERS) | BIT(KEY_BTF) | BIT(KEY_DIGESTS) },
};

static int read_message(struct tracing *tracing, const yaml_node_t *node)
{
	const char *text = tracing_text(tracing, node, "message");

	if (!text)
		return -1;
	if (strlen(text) < 2) {
		wrong(tracing, node, "a message of one character says nothing");
		return mend(tracing, "2 to %d characters", MESSAGE_MOST);
	}
	if (strlen(text) > MESSAGE_MOST)
		note(tracing, node, "the message is cut to %d bytes", MESSAGE_MOST);
	tracing->hook->message = tracing_copy(tracing, text, strnlen(text, MESSAGE_MOST));
	return 0;
}

static int read_tags(struct tracing *tracing, const yaml_node_t *node)
{
	u32 count;
	const yaml_node_item_t *items = tracing_items(tracing, node, "tags", "- mine", &count);
	const char **tags;

	if (!items)
		return -1;
	if (count > TAGS_MOST)
		return wrong(tracing, node, "more than %d tags", TAGS_MOST);
	tags = tracing_get(tracing, (count + 1) * sizeof(*tags));
	for (u32 i = 0; i < count; i++) {
		const yaml_node_t *item = document_at(&tracing->document, items[i]);
		const char *tag = tracing_text(tracing, item, "a tag");

		if (!tag)
			return -1;
		if (strlen(tag) < 2) {
			wrong(tracing, item, "a tag of one character says nothing");
			return mend(tracing, "2 to %d characters", TAG_MOST);
		}
		if (strlen(tag) > TAG_MOST)
			note(tracing, item, "the tag is cut to %d bytes", TAG_MOST);
		tags[i] = tracing_copy(tracing, tag, strnlen(tag, TAG_MOST));
	}
	tracing->hook->tags = tags;
	return 0;
}

/* `call: list:NAME` */
static int read_call_list(struct tracing *tracing, const yaml_node_t *node, const char *name, const bool *syscall)
{
	const struct tracing_list *list = tracing_find_list(tracing, node, name);
	struct policy_hook *hook = tracing->hook;

	if (!list)
		return -1;
	if (syscall && *syscall != list->calls) {
		wrong(tracing, node, "the list %s is of %s, and syscall is %s", name, list->calls ? "system calls" : "functions",
		      *syscall ? "true" : "false");
		return mend(tracing, "leave syscall out: the list's type says it");
	}
	hook->attach = list->calls ? ATTACH_SYSCALL : ATTACH_FUNCTION;
	hook->targets = list->values;
	hook->pattern = list->pattern;
	hook->target = list->count ? list->values[0] : list->name;
	return 0;
}

/*
 * Whether it is a system call stands in `syscall`, or, where it is left out, in the name: sys_NAME and the names with a prefix
 * of the architecture are. (Documents say that the default is false, the code has true, and a name that is none fails with it.)
 */
static int read_call(struct tracing *tracing, const yaml_node_t *const *found)
{
	const yaml_node_t *node = found[KEY_CALL];
	const char *text = tracing_text(tracing, node, "call"), *name;
	struct policy_hook *hook = tracing->hook;
	bool syscall = false;

	if (!text || (found[KEY_SYSCALL] && document_flag(&tracing->document, found[KEY_SYSCALL], "syscall", &syscall)))
		return -1;
	if (!strncmp(text, "list:", 5))
		return read_call_list(tracing, node, text + 5, found[KEY_SYSCALL] ? &syscall : NULL);
	name = tracing_call_name(tracing, text);
	if (!found[KEY_SYSCALL])
		syscall = name;
	hook->attach = syscall ? ATTACH_SYSCALL : ATTACH_FUNCTION;
	hook->target = syscall ? name : text;
	if (syscall && !name) {
		wrong(tracing, node, "%s is not named like a system call", text);
		return mend(tracing, "syscall: false for a function of the kernel, sys_NAME for a system call");
	}
	if (syscall && tracing_call_number(name) < 0) {
		const char *nearest = tracing_nearest_call(name);

		wrong(tracing, node, "there is no system call %s", text);
		return nearest ? mend(tracing, "did you mean %s?", nearest) : -1;
	}
	return 0;
}

static int read_ignore(struct tracing *tracing, const yaml_node_t *node)
{
	static const char *const of_functions[] = { "callNotFound", NULL };
	static const char *const of_programs[] = { "digestVerificationFailure", NULL };
	const yaml_node_t *found[1] = { 0 };
	bool is_program = tracing->section == IN_UPROBES, flag = false;

	if (tracing_mapping(tracing, node, "ignore", "callNotFound: true", is_program ? of_programs : of_functions, found))
		return -1;
	if (found[0] && document_flag(&tracing->document, found[0], is_program ? of_programs[0] : of_functions[0], &flag))
		return -1;
	tracing->hook->may_lack = flag && !is_program;
	return 0;
}

static int read_returns(struct tracing *tracing, const yaml_node_t *const *found)
{
	static const char *const actions[] = { "TrackSock", "UntrackSock", NULL };
	struct policy_hook *hook = tracing->hook;
	int action;

	if (found[KEY_RETURN] && document_flag(&tracing->document, found[KEY_RETURN], "return", &hook->returns))
		return -1;
	if (hook->returns && !found[KEY_RETURN_ARGUMENT]) {
		wrong(tracing, found[KEY_RETURN], "return: true needs returnArg");
		return mend(tracing, "returnArg: {index: 0, type: int}");
	}
	if (found[KEY_RETURN_ARGUMENT] && tracing_read_argument(tracing, found[KEY_RETURN_ARGUMENT], &hook->result, false))
		return -1;
	hook->result.source = FROM_RETURN;
	if (found[KEY_RETURN_ARGUMENT] && !hook->returns)
		note(tracing, found[KEY_RETURN_ARGUMENT], "returnArg has no effect without return: true");
	if (!found[KEY_RETURN_ACTION])
		return 0;
	action = tracing_word(tracing, found[KEY_RETURN_ACTION], "returnArgAction", actions);
	if (action < 0)
		return -1;
	if (!hook->returns || hook->result.type != TYPE_sock) {
		wrong(tracing, found[KEY_RETURN_ACTION], "%s is of a socket that is returned", actions[action]);
		return mend(tracing, "return: true, returnArg: {index: 0, type: sock}");
	}
	hook->result_action = action ? ACTION_UNTRACK_SOCKET : ACTION_TRACK_SOCKET;
	return 0;
}

/* A list of texts or numbers as symbols: "NAME", "0xOFFSET", "@0xADDRESS". */
static int read_symbols(struct tracing *tracing, const yaml_node_t *node, int key)
{
	struct policy_hook *hook = tracing->hook;
	u32 count;
	const yaml_node_item_t *items = tracing_items(tracing, node, all_keys[key], "- readline", &count);
	const char **symbols;

	if (!items)
		return -1;
	if (!count)
		return wrong(tracing, node, "%s is empty", all_keys[key]);
	symbols = tracing_get(tracing, (count + 1) * sizeof(*symbols));
	for (u32 i = 0; i < count; i++) {
		const yaml_node_t *item = document_at(&tracing->document, items[i]);
		s64 number;
		char spelled[32];

		if (key == KEY_SYMBOLS) {
			symbols[i] = tracing_text(tracing, item, "a symbol");
			if (!symbols[i])
				return -1;
			continue;
		}
		if (tracing_number(tracing, item, all_keys[key], 0, INT64_MAX, &number))
			return -1;
		snprintf(spelled, sizeof(spelled), "%s0x%llx", key == KEY_ADDRESSES ? "@" : "", (long long)number);
		symbols[i] = tracing_copy(tracing, spelled, strlen(spelled));
	}
	hook->symbols = symbols;
	return count;
}

static int read_counters(struct tracing *tracing, const yaml_node_t *node, int symbols)
{
	u32 count;
	const yaml_node_item_t *items = tracing_items(tracing, node, "refCtrOffsets", "- 0x4010", &count);
	u64 *counters;
	s64 number;

	if (!items)
		return -1;
	if (count != (u32)symbols) {
		wrong(tracing, node, "there are %u refCtrOffsets and %d symbols", count, symbols);
		return mend(tracing, "one for each, in the same order");
	}
	counters = tracing_get(tracing, count * sizeof(*counters));
	for (u32 i = 0; i < count; i++) {
		if (tracing_number(tracing, document_at(&tracing->document, items[i]), "a refCtrOffset", 0, INT64_MAX, &number))
			return -1;
		counters[i] = number;
	}
	tracing->hook->counters = counters;
	return 0;
}

static int read_program(struct tracing *tracing, const yaml_node_t *node, const yaml_node_t *const *found)
{
	struct policy_hook *hook = tracing->hook;
	int symbols = 0, given = 0;

	hook->attach = ATTACH_UPROBE;
	hook->target = tracing_text(tracing, found[KEY_PATH], "path");
	if (!hook->target)
		return -1;
	if (hook->target[0] != '/') {
		wrong(tracing, found[KEY_PATH], "path is not absolute: %s", hook->target);
		return mend(tracing, "it begins with /");
	}
	for (int key = KEY_SYMBOLS; key <= KEY_ADDRESSES; key++)
		if (found[key]) {
			given++;
			symbols = given == 1 ? read_symbols(tracing, found[key], key) : 0;
			if (symbols < 0)
				return -1;
		}
	if (given != 1) {
		wrong(tracing, node, "a uprobe has one of symbols, offsets and addrs, not %d", given);
		return mend(tracing, "symbols: [readline]");
	}
	if (found[KEY_COUNTERS] && read_counters(tracing, found[KEY_COUNTERS], symbols))
		return -1;
	if (found[KEY_DIGESTS]) {
		wrong(tracing, found[KEY_DIGESTS], "digests of programs are not verified");
		return mend(tracing, "leave binaryDigests out, and name a path that only root can write");
	}
	if (found[KEY_BTF]) {
		wrong(tracing, found[KEY_BTF], "types of programs are not read");
		return mend(tracing, "leave btfPath out; btfType names types of the kernel");
	}
	return 0;
}

static int read_tracepoint(struct tracing *tracing, const yaml_node_t *const *found)
{
	struct policy_hook *hook = tracing->hook;
	bool raw = false;

	hook->subsystem = tracing_text(tracing, found[KEY_SUBSYSTEM], "subsystem");
	hook->target = hook->subsystem ? tracing_text(tracing, found[KEY_EVENT], "event") : NULL;
	if (!hook->target || (found[KEY_RAW] && document_flag(&tracing->document, found[KEY_RAW], "raw", &raw)))
		return -1;
	for (const char *name = hook->subsystem; name; name = name == hook->subsystem ? hook->target : NULL)
		if (strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != strlen(name))
			return wrong(tracing, found[name == hook->target ? KEY_EVENT : KEY_SUBSYSTEM],
				     "\"%s\" is no name of a tracepoint", name);
	hook->attach = raw ? ATTACH_RAW_TRACEPOINT : ATTACH_TRACEPOINT;
	return 0;
}

static int read_hook_name(struct tracing *tracing, const yaml_node_t *node)
{
	static const char *const prefixes[] = { "security_", "bpf_lsm_" };
	struct policy_hook *hook = tracing->hook;

	hook->attach = ATTACH_LSM;
	hook->target = tracing_text(tracing, node, "hook");
	if (!hook->target)
		return -1;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++)
		if (!strncmp(hook->target, prefixes[i], strlen(prefixes[i]))) {
			wrong(tracing, node, "a lsmhook is named without %s", prefixes[i]);
			return mend(tracing, "did you mean %s?", hook->target + strlen(prefixes[i]));
		}
	return 0;
}

static int read_place(struct tracing *tracing, const yaml_node_t *node, const yaml_node_t *const *found)
{
	static const int needed[][2] = {
		[IN_KPROBES] = { KEY_CALL, -1 }, [IN_FENTRIES] = { KEY_CALL, -1 }, [IN_TRACEPOINTS] = { KEY_SUBSYSTEM, KEY_EVENT },
		[IN_LSMHOOKS] = { KEY_HOOK, -1 }, [IN_UPROBES] = { KEY_PATH, -1 },
	};

	for (int i = 0; i < 2; i++)
		if (needed[tracing->section][i] >= 0 && !found[needed[tracing->section][i]]) {
			wrong(tracing, node, "%s has no %s", sections[tracing->section].what, all_keys[needed[tracing->section][i]]);
			return mend(tracing, "%s", sections[tracing->section].like);
		}
	switch (tracing->section) {
	case IN_TRACEPOINTS:
		return read_tracepoint(tracing, found);
	case IN_LSMHOOKS:
		return read_hook_name(tracing, found[KEY_HOOK]);
	case IN_UPROBES:
		return read_program(tracing, node, found);
	default:
		return read_call(tracing, found);
	}
}

/* By its own section's keys; one of another section is named as such. */
static int read_keys(struct tracing *tracing, const yaml_node_t *node, const yaml_node_t **found)
{
	const char *known[KEYS + 1];
	const yaml_node_t *values[KEYS] = { 0 };
	int keys[KEYS], count = 0;

	for (int i = 0; i < KEYS; i++)
		if (sections[tracing->section].keys & BIT(i)) {
			keys[count] = i;
			known[count++] = all_keys[i];
		}
	known[count] = NULL;
	if (tracing_mapping(tracing, node, sections[tracing->section].what, sections[tracing->section].like, known, values))
		return -1;
	for (int i = 0; i < count; i++)
		found[keys[i]] = values[i];
	return 0;
}

int tracing_read_hook(struct tracing *tracing, const yaml_node_t *node)
{
	const yaml_node_t *found[KEYS] = { 0 };
	struct policy_hook *hook = tracing->hook;

	hook->line = node->start_mark.line + 1;
	hook->column = node->start_mark.column + 1;
	if (tracing->section == IN_USDTS)
		return tracing_read_usdt(tracing, node);
	if (read_keys(tracing, node, found) || read_place(tracing, node, found))
		return -1;
	if ((found[KEY_ARGUMENTS] && tracing_read_arguments(tracing, found[KEY_ARGUMENTS], "args", false)) ||
	    (found[KEY_DATA] && tracing_read_arguments(tracing, found[KEY_DATA], "data", true)) ||
	    (found[KEY_IGNORE] && read_ignore(tracing, found[KEY_IGNORE])) || read_returns(tracing, found))
		return -1;
	if (hook->argument_count + hook->data_count + hook->returns > POLICY_VALUES)
		return wrong(tracing, node, "a hook reads %u values, and %d are the most", hook->argument_count + hook->data_count +
			     hook->returns, POLICY_VALUES);
	if ((found[KEY_MESSAGE] && read_message(tracing, found[KEY_MESSAGE])) || (found[KEY_TAGS] && read_tags(tracing, found[KEY_TAGS])))
		return -1;
	return tracing_read_selectors(tracing, found[KEY_SELECTORS]);
}
