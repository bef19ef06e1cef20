/*
 * Valid records, then broken: bits turned, lengths replaced, cut anywhere. Whatever still decodes goes through identity
 * and both sinks, as in `sonde trace`; what comes out as JSON must be JSON.
 */
#include "event/plan.h"
#include "proc/identity.h"
#include "tests/fuzz.h"
#include "tests/json_valid.h"
#include "tests/records.h"

static struct plan plain, whole;
static struct identity *identity;

static void make(struct fuzz *fuzz, struct record_buffer *buffer)
{
	static const char *const pieces[] = {
		"/", "..", "/proc/self", "\"", "\\", "\n", "\x1b[2J", "\xff", "\xe2\x80\xae", "--password", "=", "token=", "://",
		"user:pw@", "/docker/", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", ".scope", "/kubepods",
	};
	static char text[9000];
	u16 kind;

	do {
		kind = fuzz_below(fuzz, KIND_MAX);
	} while (!record_shapes[kind].size);
	record_begin(buffer, kind);
	for (u32 at = sizeof(struct record); at < record_shapes[kind].size; at++)
		buffer->bytes[at] = fuzz_below(fuzz, 3) ? 0 : fuzz_number(fuzz);
	/* Few processes and little time, so that they meet again. */
	buffer->record.pid = fuzz_below(fuzz, 64);
	buffer->record.start = fuzz_below(fuzz, 16);
	buffer->record.cgroup = fuzz_below(fuzz, 32);
	buffer->record.time += fuzz->rounds * 1000;
	buffer->record.flags = fuzz_below(fuzz, 4);
	for (int i = 0; i < record_shapes[kind].strings; i++) {
		size_t length = fuzz_text(fuzz, text, sizeof(text), pieces, FUZZ_COUNT(pieces));

		for (size_t at = 0; fuzz_below(fuzz, 2) && at < length; at += 1 + fuzz_below(fuzz, 40))
			text[at] = '\0';
		record_string(buffer, text, length, length + (fuzz_below(fuzz, 8) ? 0 : fuzz_below(fuzz, 100000)));
	}
}

static void break_it(struct fuzz *fuzz, struct record_buffer *buffer)
{
	static const u32 lengths[] = { 0, 1, 7, 8, 9, 0xffffffff, 0xfffffff8, 0x80000000, 65536, 4096 };
	size_t size = buffer->record.size;

	for (size_t times = fuzz_below(fuzz, 5); times; times--) {
		size_t at = fuzz_below(fuzz, size);

		if (fuzz_below(fuzz, 2))
			buffer->bytes[at] ^= 1 << fuzz_below(fuzz, 8);
		else
			memcpy(buffer->bytes + (at & ~3UL), &lengths[fuzz_below(fuzz, FUZZ_COUNT(lengths))], 4);
	}
}

static void try(const void *bytes, size_t size)
{
	static const struct text_style style = { .width = 100, .colour = true };
	static struct text out;
	struct event event;
	const char *wrong;

	if (event_decode(&event, bytes, size))
		return;
	fuzz_check(kind_name(event.record->kind), "a kind without a name was decoded");
	for (int i = 0; i < EVENT_STRINGS_MAX; i++)
		fuzz_check(!event.strings[i].length ||
			   (event.strings[i].data > (const char *)bytes &&
			    event.strings[i].data + event.strings[i].length <= (const char *)bytes + size),
			   "a string lies outside its record");
	identity_complete(identity, &event);
	text_reset(&out);
	json_event(&whole, &out, &event);
	wrong = json_line_wrong(out.data, out.length);
	if (wrong)
		fprintf(stderr, "%s", out.data);
	fuzz_check(!wrong, wrong);
	text_reset(&out);
	text_event(&plain, &out, &event, &style);
	fuzz_check(out.length && memchr(out.data, '\n', out.length) == out.data + out.length - 1, "not one line");
}

int main(int argc, char **argv)
{
	struct fuzz fuzz = fuzz_begin(argc, argv);
	static struct record_buffer buffer;
	const struct field *every[256];

	fuzz_check(field_count < FUZZ_COUNT(every), "too many fields");
	for (size_t i = 0; i < field_count; i++)
		every[i] = &fields[i];
	identity = identity_new(true, NULL);
	fuzz_check(identity, "no identity");
	plan_make(&plain);
	plan_make_of(&whole, every, field_count);
	while (fuzz_goes_on(&fuzz)) {
		size_t size;
		void *exact;

		make(&fuzz, &buffer);
		size = buffer.record.size;
		break_it(&fuzz, &buffer);
		if (!fuzz_below(&fuzz, 4))
			size = fuzz_below(&fuzz, size + 1);
		/* Of its exact size, so that a byte read beyond it is found. */
		exact = malloc(size ? size : 1);
		memcpy(exact, buffer.bytes, size);
		try(exact, size);
		free(exact);
		process_table_advance(identity->processes, buffer.record.time);
	}
	identity_free(identity);
	plan_free(&plain);
	plan_free(&whole);
	return 0;
}
