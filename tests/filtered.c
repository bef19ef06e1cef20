/*
 * Random conditions, as filters of events and as conditions of policies, over random records: what the generated code says of
 * them in the kernel, and what the evaluator says, must be the same; and a filter never rejects what the whole would let
 * through. What the kernel does not load must have been refused by us, with a reason, but for what is too large for it. Needs
 * the right to load programs.
 *
 *	filtered [SECONDS [SEED [ROUNDS]]]	exit 0: all agree; 1: they do not, or nothing was compared; 77: this machine does not let us
 */
#include <errno.h>
#include <string.h>

#include "lang/eval.h"
#include "lang/plan.h"
#include "lang/trial.h"
#include "policy/load.h"
#include "policy/point.h"
#include "tests/language.h"
#include "wire/policy_config.h"

#define RECORDS 20

static u64 loaded, refused, too_large, compared;
static bool able = true;

/* The same condition in both ends; `whole` is what it is a part of, or NULL. */
struct subject {
	const struct lang_node *condition, *whole;
	struct gen_layout layout;
	u16 kind;
	const char *text;
};

static void fail(const struct subject *subject, const char *what, const char *why)
{
	fprintf(stderr, "%s: %s: %s: %s\n", kind_name(subject->kind), subject->text, what, why);
	exit(1);
}

static void draw_policy_record(struct fuzz *fuzz, struct record_buffer *buffer)
{
	struct policy_record *record = (struct policy_record *)buffer->bytes;

	language_record(fuzz, buffer, KIND_policy);
	record->present = fuzz_below(fuzz, 4) ? 0xffff : fuzz_number(fuzz);
	for (u32 i = 0; i < POLICY_VALUES; i++)
		if (fuzz_below(fuzz, 2))
			record->value[i].socket.family = fuzz_below(fuzz, 2) ? 2 : 10;
}

static void compare(struct fuzz *fuzz, struct trial *trial, const struct subject *subject)
{
	static struct record_buffer buffer;
	static u8 room[BUFFER_ROOM];

	for (int i = 0; i < RECORDS; i++) {
		const struct gen_layout *layout = &subject->layout;
		struct event event;
		s64 verdict;

		if (subject->kind == KIND_policy)
			draw_policy_record(fuzz, &buffer);
		else
			language_record(fuzz, &buffer, subject->kind);
		if (buffer.record.size > layout->room && layout->strings)
			continue;
		memset(room, 0, sizeof(room));
		memcpy(room, buffer.bytes, buffer.record.size < layout->room ? buffer.record.size : layout->room);
		fuzz_check(!event_decode(&event, buffer.bytes, buffer.record.size), "a record that does not decode");
		verdict = trial_run(trial, room);
		if (verdict < 0)
			fail(subject, "the code does not run", strerror(-verdict));
		if (!!verdict != lang_eval_record(subject->condition, buffer.bytes, buffer.record.size, layout->fixed))
			fail(subject, "decided otherwise in the kernel", verdict ? "it holds there" : "it does not hold there");
		if (!verdict && subject->whole && lang_eval(subject->whole, &event))
			fail(subject, "rejected in the kernel", "the whole holds");
		compared++;
	}
}

static void try_subject(struct fuzz *fuzz, const struct subject *subject)
{
	struct gen *gen = gen_new();
	const struct bpf_insn *code = NULL;
	const char *why = NULL;
	struct trial trial;
	size_t count;
	int error = 0;

	if (!gen_add_case(gen, subject->kind == KIND_policy ? 0 : 1U << subject->kind, &subject->layout, subject->condition, &why))
		code = gen_finish(gen, &count, &why);
	if (code)
		error = trial_open(&trial, code, count, subject->layout.room, subject->kind);
	if (!code) {
		if (!why || !*why)
			fail(subject, "refused", "without a reason");
		refused++;
	} else if (error == -EPERM) {
		able = false;
	} else if (error == -E2BIG) {
		too_large++;
	} else if (error) {
		fail(subject, strerror(-error), trial.log);
	} else {
		loaded++;
		compare(fuzz, &trial, subject);
		trial_close(&trial);
	}
	gen_free(gen);
}

static void try_filter(struct fuzz *fuzz, const char *text, size_t length, const struct lang_names *names, u16 kind)
{
	struct lang_tree *tree = lang_tree_new();
	struct lang_error mistake;
	struct lang_node *node = lang_parse(tree, text, length, names, &mistake);
	struct lang_part part = { 0 };

	if (node)
		part = lang_plan(tree, node, kind);
	if (part.kernel)
		try_subject(fuzz, &(struct subject){ part.kernel, node, lang_layout(kind), kind, text });
	lang_tree_free(tree);
}

/* As a policy that denies, so the kernel must decide all of it. */
static void try_policy(struct fuzz *fuzz, const char *text, const struct policy_point *point)
{
	struct policies policies = { 0 };
	struct policy_error error = { 0 };
	struct text file = { 0 };
	struct policy *lowered = NULL;
	bool parsed;

	text_add_format(&file, "name: drawn\nwhen: %s\nif: |\n  %s\nthen: deny\n", point->name, text);
	parsed = !policies_parse(&policies, text_string(&file), file.length, "drawn", &error);
	if (parsed)
		lowered = policy_lower(policies.list[0], &error);
	if (lowered)
		try_subject(fuzz, &(struct subject){
			.condition = lowered->hooks[0].selectors->condition, .kind = KIND_policy, .text = text,
			.layout = { .room = POLICY_ROOM, .fixed = sizeof(struct policy_record), .strings = POLICY_STRINGS },
		});
	else
		fuzz_check(*error.text, text);
	refused += parsed && !lowered;
	policies_free(&policies);
	text_free(&file);
}

/* Fields that are known where policies decide; which of them depends on the point. */
static struct lang_names names_of_policies(u32 kinds)
{
	static const char *const known[] = { "process.executable.path", "process.parent.executable.path", "process.pid",
					     "process.user.id", "file.path", "file.mode", "file.inode", "network.peer.address",
					     "network.peer.port" };
	static struct lang_symbol symbols[FUZZ_COUNT(known)];
	struct lang_names names = lang_names_of_events(kinds);
	size_t count = 0;

	for (size_t i = 0; i < names.count; i++)
		for (size_t j = 0; j < FUZZ_COUNT(known); j++)
			if (!strcmp(names.symbols[i].name, known[j]))
				symbols[count++] = names.symbols[i];
	return (struct lang_names){ .symbols = symbols, .count = count, .kinds = kinds, .where = "" };
}

static void draw(struct language *language)
{
	if (fuzz_below(language->fuzz, 8))
		language_condition(language);
	else
		language_long(language);
}

int main(int argc, char **argv)
{
	static const u16 kinds[] = { KIND_open, KIND_change, KIND_connect, KIND_accept, KIND_listen, KIND_close, KIND_retransmit,
				     KIND_reset, KIND_signal, KIND_oom };
	static const char *const points[] = { "exec", "open", "write", "connect", "module", "ptrace", "mount", "bpf" };
	struct fuzz fuzz = fuzz_begin(argc, argv);
	u64 most = argc > 3 ? strtoull(argv[3], NULL, 0) : ~0ULL;
	struct text text = { 0 };

	for (; able && fuzz.rounds < most && fuzz_now() < fuzz.end; fuzz.rounds++) {
		const struct policy_point *point = policy_point_find(LANGUAGE_PICK(&fuzz, points));
		u16 kind = kinds[fuzz_below(&fuzz, FUZZ_COUNT(kinds))];
		bool is_policy = !fuzz_below(&fuzz, 3);
		struct lang_names names = is_policy ? names_of_policies(point->fields) : lang_names_of_events(1U << kind);
		struct language language = { &fuzz, &names, &text, 0 };

		text_reset(&text);
		draw(&language);
		if (is_policy)
			try_policy(&fuzz, text_string(&text), point);
		else
			try_filter(&fuzz, text_string(&text), text.length, &names, kind);
	}
	text_free(&text);
	fprintf(fuzz.out, "%llu conditions: %llu loaded, %llu refused with a reason, %llu too large for the kernel; %llu records decided alike\n",
		(unsigned long long)fuzz.rounds, (unsigned long long)loaded, (unsigned long long)refused,
		(unsigned long long)too_large, (unsigned long long)compared);
	fclose(fuzz.out);
	return !able ? 77 : compared ? 0 : 1;
}
