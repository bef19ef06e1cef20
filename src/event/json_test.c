/*
 * The order of the field table makes the JSON: rows of one object must stand together, or the object would be opened
 * twice. That is checked for the table itself, and then for what comes out, with bytes that mean harm.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "event/plan.h"
#include "proc/identity.h"
#include "tests/json_valid.h"
#include "tests/records.h"

static bool is_below(const char *name, const char *object, size_t length)
{
	return !strncmp(name, object, length) && name[length] == '.';
}

static void test_no_object_opens_twice(void **state)
{
	(void)state;
	for (size_t i = 0; i < field_count; i++) {
		const char *name = fields[i].name;

		for (const char *dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.')) {
			size_t length = dot - name, j = i;
			bool left = false;

			for (; j < field_count; j++) {
				if (!is_below(fields[j].name, name, length))
					left = true;
				else if (left)
					fail_msg("%s comes after %.*s was left", fields[j].name, (int)length, name);
			}
		}
	}
}

static void test_names_are_distinct(void **state)
{
	(void)state;
	for (size_t i = 0; i < field_count; i++) {
		for (size_t j = 0; j < field_count; j++) {
			if (i == j)
				continue;
			if (!strcmp(fields[i].name, fields[j].name))
				fail_msg("%s stands twice", fields[i].name);
			if (is_below(fields[j].name, fields[i].name, strlen(fields[i].name)))
				fail_msg("%s is a value, and %s needs an object", fields[i].name, fields[j].name);
		}
		if (field_is_of_all(fields[i].name))
			fail_msg("%s is written for every event already", fields[i].name);
		for (const char *at = fields[i].name; *at; at++)
			if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789_.", *at))
				fail_msg("%s needs escaping", fields[i].name);
	}
}

static void test_rows_are_sound(void **state)
{
	(void)state;
	for (size_t i = 0; i < field_count; i++) {
		const struct field *field = &fields[i];

		assert_true(field->kinds != 0);
		if (field->shown & ~field->kinds)
			fail_msg("%s is shown by kinds that cannot have it", field->name);
		if (!field->help || !*field->help)
			fail_msg("%s has no help", field->name);
		for (u32 kind = 0; kind < KIND_MAX; kind++) {
			if (!kind_name(kind) || !(field->kinds >> kind & 1) || field->get)
				continue;
			if (field->string)
				assert_true(field->string <= record_shapes[kind].strings);
			else if (field->offset + field->width > record_shapes[kind].size || !field->width)
				fail_msg("%s lies outside the record of %s", field->name, kind_name(kind));
		}
	}
}

static void test_fields_are_found_by_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < field_count; i++)
		assert_ptr_equal(field_find(fields[i].name), &fields[i]);
	assert_null(field_find(""));
	assert_null(field_find("process"));
	assert_null(field_find("process.pid."));
	assert_ptr_equal(field_find("command_args"), field_find("process.command_args"));
}

static const char *const hostile[] = {
	"", "\"", "\\", "\n\r\t\x1b[31m\x07", "\xff\xfe\xc0\x80", "\xed\xa0\x80", "\xf0\x9f\x98", "\xe2\x80\xae" "abc",
	"plain", "</script>", "caf\xc3\xa9",
};

static void check(struct plan *plan, struct identity *identity, const struct record_buffer *buffer)
{
	static const struct text_style style = { .width = 80, .colour = false };
	struct text out = { 0 };
	struct event event;
	const char *wrong;

	assert_int_equal(event_decode(&event, buffer->bytes, buffer->record.size), 0);
	if (identity)
		identity_complete(identity, &event);
	json_event(plan, &out, &event);
	wrong = json_line_wrong(out.data, out.length);
	if (wrong)
		fail_msg("%s: %s", wrong, out.data);
	text_reset(&out);
	text_event(plan, &out, &event, &style);
	assert_true(out.length > 0);
	for (size_t i = 0; i < out.length; i++)
		if ((unsigned char)out.data[i] < 0x20 || out.data[i] == 0x7f)
			assert_true(i == out.length - 1 && out.data[i] == '\n');
	text_free(&out);
}

static void test_output_is_valid(void **state)
{
	static struct record_buffer buffer;
	const struct field *every[256];
	struct plan plans[2];
	struct identity *identity = identity_new(true, NULL);

	(void)state;
	assert_true(field_count < 256);
	for (size_t i = 0; i < field_count; i++)
		every[i] = &fields[i];
	plan_make(&plans[0]);
	plan_make_of(&plans[1], every, field_count);
	for (u16 kind = 0; kind < KIND_MAX; kind++) {
		if (!record_shapes[kind].size)
			continue;
		for (size_t i = 0; i < sizeof(hostile) / sizeof(*hostile); i++) {
			for (int fill = 0; fill < 3; fill++) {
				record_begin(&buffer, kind);
				memset(buffer.bytes + sizeof(struct record), fill == 2 ? 0xff : fill,
				       record_shapes[kind].size - sizeof(struct record));
				for (int string = 0; string < record_shapes[kind].strings; string++)
					record_string(&buffer, hostile[i], strlen(hostile[i]) + (fill == 1),
						      strlen(hostile[i]) + (fill == 1));
				check(&plans[0], identity, &buffer);
				check(&plans[1], identity, &buffer);
				check(&plans[1], NULL, &buffer);
			}
		}
	}
	plan_free(&plans[0]);
	plan_free(&plans[1]);
	identity_free(identity);
}

static void test_arguments_stay_apart(void **state)
{
	static struct record_buffer buffer;
	const struct field *chosen = field_find("process.command_args");
	struct text out = { 0 };
	struct event event;
	struct plan plan;

	(void)state;
	plan_make_of(&plan, &chosen, 1);
	record_begin(&buffer, KIND_exec);
	for (int string = 0; string < EXEC_ARGUMENTS; string++)
		record_string(&buffer, "x", 1, 1);
	record_string(&buffer, "sh\0\0-c\0a b\nc\0", 13, 13);
	assert_int_equal(event_decode(&event, buffer.bytes, buffer.record.size), 0);
	json_event(&plan, &out, &event);
	assert_non_null(strstr(out.data, "\"command_args\":[\"sh\",\"\",\"-c\",\"a b\\nc\"]"));
	text_free(&out);
	plan_free(&plan);
}

static void test_the_reader_refuses(void **state)
{
	static const char *const wrong[] = {
		"", "1\n", "{}", "{}\n\n", "{\"a\":1,\"a\":2}\n", "{\"a\":{\"b\":1},\"a\":{\"c\":1}}\n", "{\"a\":}\n",
		"{\"a\":01}\n", "{\"a\":\"\n\"}\n", "{\"a\":\"\xff\"}\n", "{\"a\":[1,]}\n", "{\"a\":1,}\n", "{\"a\":\"\\x\"}\n",
		"{\"a\":tru}\n", "{\"a\":1}}\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_non_null(json_line_wrong(wrong[i], strlen(wrong[i])));
	assert_null(json_line_wrong("{\"a\":{\"b\":[1,\"\\u00e9\"]},\"c\":-1.5e3}\n", 36));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_object_opens_twice),
		cmocka_unit_test(test_names_are_distinct),
		cmocka_unit_test(test_rows_are_sound),
		cmocka_unit_test(test_fields_are_found_by_name),
		cmocka_unit_test(test_output_is_valid),
		cmocka_unit_test(test_arguments_stay_apart),
		cmocka_unit_test(test_the_reader_refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
