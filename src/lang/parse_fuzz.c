/*
 * Text of any sort through the parser, the checks, the evaluator and the planner. What parses is printed and parsed again;
 * and what the kernel would reject, the whole must reject.
 */
#include "lang/eval.h"
#include "lang/plan.h"
#include "tests/language.h"

static void check_printed(struct lang_tree *tree, const struct lang_node *node, const struct lang_names *names)
{
	struct text first = { 0 }, second = { 0 };
	struct lang_error error;
	struct lang_node *again;

	lang_print(node, &first);
	again = lang_parse(tree, text_string(&first), first.length, names, &error);
	fuzz_check(again, text_string(&first));
	lang_print(again, &second);
	fuzz_check(first.length == second.length && !memcmp(first.data, second.data, first.length), text_string(&first));
	text_free(&first);
	text_free(&second);
}

static void check_plan(struct lang_tree *tree, const struct lang_node *node, const struct event *event)
{
	struct lang_part part = lang_plan(tree, node, event->record->kind);
	u32 fixed = event_shape(event->record->kind).fixed;
	bool whole = lang_eval(node, event), kernel = !part.nothing_passes;

	if (part.kernel)
		kernel = lang_eval_record(part.kernel, event->record, event->record->size, fixed);
	fuzz_check(kernel || !whole, "the kernel would reject what passes");
	if (!part.rest && event->strings[0].full == event->strings[0].length && event->record->kind != KIND_change)
		fuzz_check(kernel == whole, "the kernel decides alone, and otherwise");
}

static void check_error(const struct lang_error *error, const char *text, size_t length)
{
	struct text shown = { 0 };

	fuzz_check(error->what[0], "a mistake without a word");
	fuzz_check(error->at <= length, "a mistake beyond the end");
	lang_error_show(error, text, length, &shown);
	fuzz_check(lang_error_column(error, text) >= 1, "a column before the first");
	for (size_t i = 0; i < shown.length; i++)
		fuzz_check((unsigned char)shown.data[i] >= 0x20 || shown.data[i] == '\n', "a control byte for the terminal");
	text_free(&shown);
}

int main(int argc, char **argv)
{
	static const char *const pieces[] = {
		"file.path", "process.pid", "kind", "open", "==", "!=", "<", " in ", " like ", "[", "]", "(", ")", "\"", "'", "\\x41", "10.0.0.0/8",
		"::1", "fe80::", "10ms", "4KiB", "0644", "0x", "18446744073709551616", " and ", " or ", " not ", "exists(", "true", ",", "-", "~",
		"&", "ancestor.name", "file.flags", "O_CREAT", "error.code", "ENOENT", "time", "\"2026-01-01T00:00:00Z\"", "network.peer.address",
		"not not not ", "((((((((", "----", " startswith ", " contains ", "port", "path", " ",
	};
	static const u16 kinds[] = { KIND_open, KIND_change, KIND_connect, KIND_accept, KIND_listen, KIND_close, KIND_retransmit,
				     KIND_reset, KIND_signal, KIND_oom, KIND_drop, KIND_fork };
	static struct record_buffer buffer;
	struct fuzz fuzz = fuzz_begin(argc, argv);
	struct text text = { 0 };

	while (fuzz_goes_on(&fuzz)) {
		u16 kind = kinds[fuzz_below(&fuzz, FUZZ_COUNT(kinds))];
		struct lang_names names = lang_names_of_events(fuzz_below(&fuzz, 4) ? 1U << kind : ~0U);
		struct language language = { &fuzz, &names, &text, 0 };
		struct lang_tree *tree = lang_tree_new();
		struct lang_error error;
		struct lang_node *node;
		struct event event;

		text_reset(&text);
		if (fuzz_below(&fuzz, 4)) {
			language_condition(&language);
		} else {
			char noise[512];

			text_add_bytes(&text, noise, fuzz_text(&fuzz, noise, sizeof(noise), pieces, FUZZ_COUNT(pieces)));
		}
		language_record(&fuzz, &buffer, kind);
		fuzz_check(!event_decode(&event, buffer.bytes, buffer.record.size), "a record that does not decode");
		node = lang_parse(tree, text_string(&text), text.length, &names, &error);
		if (node) {
			check_printed(tree, node, &names);
			check_plan(tree, node, &event);
		} else {
			check_error(&error, text_string(&text), text.length);
		}
		lang_tree_free(tree);
	}
	text_free(&text);
	return 0;
}
