/*
 * Random filters over random records of events: what the generated code says of them in the kernel, and what the evaluator
 * says, must be the same; and neither rejects what the whole filter lets through. Needs the right to load programs.
 *
 *	filtered [SECONDS [SEED]]		exit 0: all agree; 77: this machine does not let us
 */
#include <errno.h>
#include <string.h>

#include "lang/eval.h"
#include "lang/plan.h"
#include "lang/trial.h"
#include "tests/language.h"

#define RECORDS 20

static void compare(struct fuzz *fuzz, struct trial *trial, const struct lang_node *whole, const struct lang_part *part, u16 kind,
		    const char *text)
{
	static struct record_buffer buffer;
	static u8 room[BUFFER_ROOM];
	struct gen_layout layout = lang_layout(kind);

	for (int i = 0; i < RECORDS; i++) {
		struct event event;
		s64 verdict;

		language_record(fuzz, &buffer, kind);
		if (buffer.record.size > layout.room && layout.strings)
			continue;
		memset(room, 0, sizeof(room));
		memcpy(room, buffer.bytes, buffer.record.size < layout.room ? buffer.record.size : layout.room);
		fuzz_check(!event_decode(&event, buffer.bytes, buffer.record.size), "a record that does not decode");
		verdict = trial_run(trial, room);
		fuzz_check(verdict >= 0, "the code does not run");
		fuzz_check(!!verdict == lang_eval_record(part->kernel, buffer.bytes, buffer.record.size, layout.fixed), text);
		fuzz_check(verdict || !lang_eval(whole, &event), text);
	}
}

/* False: this machine does not let us load programs at all. */
static bool try_condition(struct fuzz *fuzz, const char *text, size_t length, const struct lang_names *names, u16 kind)
{
	struct lang_tree *tree = lang_tree_new();
	struct gen_layout layout = lang_layout(kind);
	struct lang_part part = { 0 };
	struct lang_error mistake;
	struct lang_node *node = lang_parse(tree, text, length, names, &mistake);
	struct gen *gen = gen_new();
	const struct bpf_insn *code = NULL;
	struct trial trial;
	const char *why;
	size_t count;
	int error = 0;

	if (node)
		part = lang_plan(tree, node, kind);
	if (part.kernel && !gen_add_case(gen, 1U << kind, &layout, part.kernel, &why))
		code = gen_finish(gen, &count, &why);
	if (code)
		error = trial_open(&trial, code, count, layout.room, kind);
	if (code && error && error != -EPERM) {
		fprintf(stderr, "%s: %s: %s\n", text, strerror(-error), trial.log);
		exit(1);
	}
	if (code && !error) {
		compare(fuzz, &trial, node, &part, kind, text);
		trial_close(&trial);
	}
	gen_free(gen);
	lang_tree_free(tree);
	return error != -EPERM;
}

int main(int argc, char **argv)
{
	static const u16 kinds[] = { KIND_open, KIND_change, KIND_connect, KIND_accept, KIND_listen, KIND_close, KIND_retransmit,
				     KIND_reset, KIND_signal, KIND_oom };
	struct fuzz fuzz = fuzz_begin(argc, argv);
	struct text text = { 0 };
	bool able = true;

	for (; able && fuzz_now() < fuzz.end; fuzz.rounds++) {
		u16 kind = kinds[fuzz_below(&fuzz, FUZZ_COUNT(kinds))];
		struct lang_names names = lang_names_of_events(1U << kind);
		struct language language = { &fuzz, &names, &text, 0 };

		text_reset(&text);
		language_condition(&language);
		able = try_condition(&fuzz, text_string(&text), text.length, &names, kind);
	}
	text_free(&text);
	return able ? 0 : 77;
}
