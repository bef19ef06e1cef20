/* What is done when a selector's conditions hold. */
#include <errno.h>
#include <signal.h>

#include "policy/tracing.h"

#define RATE_MOST 86400		/* seconds, minutes or hours */

enum { KEY_ACTION, KEY_RATE, KEY_SCOPE, KEY_KERNEL_STACK, KEY_USER_STACK, KEY_HASH, KEY_SIGNAL, KEY_ERROR, KEY_SOCKET, KEY_URL, KEY_FQDN,
       KEY_FD, KEY_NAME, KEY_INDEX, KEY_VALUE, KEY_REGISTERS, KEY_NEW_SYMBOL, KEY_NEW_ADDRESS, KEY_NEW_OFFSET, KEYS };

static const char *const keys[] = {
	"action", "rateLimit", "rateLimitScope", "kernelStackTrace", "userStackTrace", "imaHash", "argSig", "argError", "argSock",
	"argUrl", "argFqdn", "argFd", "argName", "argIndex", "argValue", "argRegs", "argNewSymbol", "argNewAddr", "argNewOffset", NULL,
};

enum { WORD_POST, WORD_NO_POST, WORD_KILL, WORD_SIGNAL, WORD_OVERRIDE, WORD_NOTIFY, WORD_CLEAN, WORD_TRACK, WORD_UNTRACK,
       WORD_URL, WORD_DNS, WORD_SET, WORD_FOLLOW, WORD_UNFOLLOW, WORD_COPY };

static const char *const words[] = {
	"Post", "NoPost", "Sigkill", "Signal", "Override", "NotifyEnforcer", "CleanupEnforcerNotification", "TrackSock",
	"UntrackSock", "GetUrl", "DnsLookup", "Set", "FollowFD", "UnfollowFD", "CopyFD", NULL,
};

/* Which keys an action may have, beside its name. */
#define BIT(key) (1u << (key))
static const u32 allowed[] = {
	[WORD_POST] = BIT(KEY_RATE) | BIT(KEY_SCOPE) | BIT(KEY_KERNEL_STACK) | BIT(KEY_USER_STACK) | BIT(KEY_HASH),
	[WORD_KILL] = BIT(KEY_ERROR),
	[WORD_SIGNAL] = BIT(KEY_SIGNAL) | BIT(KEY_ERROR),
	[WORD_OVERRIDE] = BIT(KEY_ERROR),
	[WORD_NOTIFY] = BIT(KEY_ERROR) | BIT(KEY_SIGNAL),
	[WORD_TRACK] = BIT(KEY_SOCKET),
	[WORD_UNTRACK] = BIT(KEY_SOCKET),
	[WORD_COPY] = 0,
};

static int read_rate(struct tracing *tracing, const yaml_node_t *const *found, struct policy_step *step)
{
	static const char *const scopes[] = { [RATE_THREAD] = "thread", [RATE_PROCESS] = "process", [RATE_GLOBAL] = "global", NULL };
	int scope;
	const char *text;
	u64 number = 0, unit = 1000000000;
	size_t digits;

	if (found[KEY_SCOPE]) {
		scope = tracing_word(tracing, found[KEY_SCOPE], "rateLimitScope", scopes);
		if (scope < 0)
			return -1;
		step->rate_scope = scope;
		if (!found[KEY_RATE])
			note(tracing, found[KEY_SCOPE], "rateLimitScope has no effect without rateLimit");
	}
	if (!found[KEY_RATE])
		return 0;
	text = document_text(&tracing->document, found[KEY_RATE], "rateLimit");
	if (!text)
		return -1;
	digits = strspn(text, "0123456789");
	for (size_t i = 0; i < digits && number <= RATE_MOST; i++)
		number = number * 10 + text[i] - '0';
	if (!digits || !number || number > RATE_MOST || (text[digits] && (!strchr("smh", text[digits]) || text[digits + 1]))) {
		wrong(tracing, found[KEY_RATE], "\"%s\" is no time between two events", text);
		return mend(tracing, "a whole number, as it is or with s, m or h: 1m");
	}
	unit *= text[digits] == 'm' ? 60 : text[digits] == 'h' ? 3600 : 1;
	step->rate_count = 1;
	step->rate_ns = number * unit;
	return 0;
}

static int read_post(struct tracing *tracing, const yaml_node_t *const *found, struct policy_step *step)
{
	bool hash = false;

	if (read_rate(tracing, found, step) ||
	    (found[KEY_KERNEL_STACK] &&
	     document_flag(&tracing->document, found[KEY_KERNEL_STACK], keys[KEY_KERNEL_STACK], &step->kernel_stack)) ||
	    (found[KEY_USER_STACK] &&
	     document_flag(&tracing->document, found[KEY_USER_STACK], keys[KEY_USER_STACK], &step->user_stack)) ||
	    (found[KEY_HASH] && document_flag(&tracing->document, found[KEY_HASH], keys[KEY_HASH], &hash)))
		return -1;
	if (hash)
		note(tracing, found[KEY_HASH], "imaHash has no effect here: events do not have the hash of a file");
	return 0;
}

static int read_signal(struct tracing *tracing, const yaml_node_t *node, int *number)
{
	s64 value;

	if (tracing_number(tracing, node, "argSig", 1, SIGRTMAX, &value))
		return -1;
	*number = value;
	return 0;
}

/* An error as it is written: 0 or negative. What is none becomes EPERM: a call that is to be denied is not let through for that. */
static int read_error(struct tracing *tracing, const yaml_node_t *node, int *number)
{
	const char *text = document_text(&tracing->document, node, "argError");
	bool negative;
	u64 value;

	if (!text)
		return -1;
	if (!tracing_parse_number(text, &value, &negative)) {
		wrong(tracing, node, "argError is what the call returns, and \"%s\" is no number", text);
		return mend(tracing, "-1 for EPERM, -13 for EACCES; not below -4095");
	}
	*number = -(s64)value;
	if (value && (!negative || (s64)value < -4095)) {
		note(tracing, node, "%s is no error, which are -4095 to -1: what is denied fails with EPERM, -1", text);
		*number = 1;
	}
	return 0;
}

static int read_socket(struct tracing *tracing, const yaml_node_t *action, const yaml_node_t *node, struct policy_step *step)
{
	const struct policy_hook *hook = tracing->hook;
	s64 number = 0;

	if (node && tracing_number(tracing, node, "argSock", 0, POLICY_VALUES, &number))
		return -1;
	if (number >= hook->argument_count || hook->arguments[number].type != TYPE_sock) {
		wrong(tracing, node ? node : action, "argument %lld of args is no socket", (long long)number);
		return mend(tracing, "argSock is the position in args, from 0, of one with type: sock");
	}
	step->number = number;
	return 0;
}

/* What this section, or the end of a function, cannot have. */
static int check_place(struct tracing *tracing, const yaml_node_t *node, int word, bool at_return)
{
	bool enforces = word == WORD_KILL || word == WORD_SIGNAL || word == WORD_OVERRIDE || word == WORD_NOTIFY;

	if (tracing->section == IN_FENTRIES && enforces) {
		wrong(tracing, node, "%s cannot be in a fentry", words[word]);
		return mend(tracing, "kprobes: has the same keys and takes it");
	}
	if (word == WORD_OVERRIDE && at_return) {
		wrong(tracing, node, "Override comes too late when the function returns");
		return mend(tracing, "move it to matchActions");
	}
	if (word == WORD_OVERRIDE && tracing->section == IN_UPROBES) {
		wrong(tracing, node, "a function of a program cannot be overridden");
		return mend(tracing, "Sigkill or Signal");
	}
	if (word == WORD_OVERRIDE && tracing->section == IN_TRACEPOINTS) {
		wrong(tracing, node, "nothing can be overridden in a tracepoint");
		return mend(tracing, "NotifyEnforcer, with enforcers: for the calls");
	}
	if (word == WORD_OVERRIDE && tracing->section == IN_KPROBES && tracing->hook->attach == ATTACH_FUNCTION &&
	    !tracing->hook->pattern && strncmp(tracing->hook->target, "security_", 9) && strcmp(tracing->hook->target, "tcp_connect")) {
		wrong(tracing, node, "%s cannot be overridden", tracing->hook->target);
		return mend(tracing, "a system call or a security_ function can");
	}
	if (word == WORD_NOTIFY && tracing->section != IN_KPROBES && tracing->section != IN_TRACEPOINTS) {
		wrong(tracing, node, "NotifyEnforcer is for kprobes and tracepoints");
		return mend(tracing, "Override or Sigkill");
	}
	return 0;
}

static int refuse(struct tracing *tracing, const yaml_node_t *node, int word)
{
	if (word == WORD_URL || word == WORD_DNS) {
		wrong(tracing, node, "%s is not done: sonde asks nobody on the network", words[word]);
		return mend(tracing, "Post, and let what reads the events ask");
	}
	if (word == WORD_SET) {
		wrong(tracing, node, "Set is not done: sonde does not write to the memory of programs");
		return mend(tracing, "Post or Signal");
	}
	wrong(tracing, node, "%s is gone from TracingPolicy", words[word]);
	return mend(tracing, "hook security_file_permission with a file argument instead");
}

/* Files have it there; a signal lets the call go on. */
static void note_error(struct tracing *tracing, const yaml_node_t *node, int word)
{
	if (node)
		note(tracing, node, "argError has no effect with %s; Override beside it lets the call fail", words[word]);
}

static int read_parameters(struct tracing *tracing, const yaml_node_t *node, const yaml_node_t *const *found, int word,
			   struct policy_step *step)
{
	switch (word) {
	case WORD_POST:
		step->action = ACTION_LOG;
		return read_post(tracing, found, step);
	case WORD_NO_POST:
		step->action = ACTION_SILENT;
		return 0;
	case WORD_KILL:
		step->action = ACTION_SIGNAL;
		step->number = SIGKILL;
		note_error(tracing, found[KEY_ERROR], word);
		return 0;
	case WORD_SIGNAL:
		step->action = ACTION_SIGNAL;
		note_error(tracing, found[KEY_ERROR], word);
		if (found[KEY_SIGNAL])
			return read_signal(tracing, found[KEY_SIGNAL], &step->number);
		wrong(tracing, node, "Signal does not say which");
		return mend(tracing, "argSig: 15");
	case WORD_OVERRIDE:
		step->action = ACTION_DENY;
		if (found[KEY_ERROR])
			return read_error(tracing, found[KEY_ERROR], &step->number);
		wrong(tracing, node, "Override does not say what is returned");
		return mend(tracing, "argError: -1");
	case WORD_NOTIFY:
		step->action = ACTION_NOTIFY_ENFORCER;
		step->number = -1;
		if (!found[KEY_ERROR] && !found[KEY_SIGNAL]) {
			wrong(tracing, node, "NotifyEnforcer does not say what is to be done");
			return mend(tracing, "argError: -1, argSig: 9, or both");
		}
		return (found[KEY_ERROR] && read_error(tracing, found[KEY_ERROR], &step->number)) ||
		       (found[KEY_SIGNAL] && read_signal(tracing, found[KEY_SIGNAL], &step->second)) ? -1 : 0;
	case WORD_CLEAN:
		step->action = ACTION_CLEAN_ENFORCER;
		return 0;
	case WORD_TRACK:
	case WORD_UNTRACK:
		step->action = word == WORD_TRACK ? ACTION_TRACK_SOCKET : ACTION_UNTRACK_SOCKET;
		return read_socket(tracing, node, found[KEY_SOCKET], step);
	default:
		return refuse(tracing, found[KEY_ACTION], word);
	}
}

static int read_action(struct tracing *tracing, const yaml_node_t *node, bool at_return, struct policy_step *step)
{
	const yaml_node_t *found[KEYS] = { 0 };
	int word;

	if (tracing_mapping(tracing, node, "an action", "- action: Post", keys, found))
		return -1;
	if (!found[KEY_ACTION]) {
		wrong(tracing, node, "an action does not say which");
		return mend(tracing, "action: Post");
	}
	word = tracing_word(tracing, found[KEY_ACTION], "action", words);
	if (word < 0 || check_place(tracing, found[KEY_ACTION], word, at_return))
		return -1;
	if (word < WORD_URL)
		for (int i = KEY_RATE; i < KEYS; i++)
			if (found[i] && !(allowed[word] & BIT(i))) {
				wrong(tracing, found[i], "%s has no %s", words[word], keys[i]);
				return mend(tracing, "leave it out");
			}
	return read_parameters(tracing, node, found, word, step);
}

int tracing_read_actions(struct tracing *tracing, const yaml_node_t *node, bool at_return, struct policy_step **steps, u32 *count)
{
	const yaml_node_item_t *items = tracing_items(tracing, node, at_return ? "matchReturnActions" : "matchActions",
						      "- action: Post", count);

	if (!items)
		return -1;
	*steps = tracing_get(tracing, *count * sizeof(**steps));
	for (u32 i = 0; i < *count; i++)
		if (read_action(tracing, document_at(&tracing->document, items[i]), at_return, &(*steps)[i]))
			return -1;
	return 0;
}
