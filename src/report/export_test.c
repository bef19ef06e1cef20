/*
 * Whatever bytes a run holds, each format stays what it is: JSON stays JSON in UTF-8, a table has as many columns in
 * each row, and nothing in the page's data can end its block.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "report/export.h"
#include "report/page.h"
#include "tests/json_valid.h"
#include "tests/synthetic.h"

static char directory[64], path[128];

static int make_directory(void **state)
{
	(void)state;
	snprintf(directory, sizeof(directory), "/tmp/sonde-export-test-XXXXXX");
	if (!mkdtemp(directory))
		return -1;
	snprintf(path, sizeof(path), "%s/out", directory);
	return 0;
}

static int remove_directory(void **state)
{
	static const char *const names[] = {
		"processes", "tools", "tasks", "samples", "host", "facts", "peers", "drops", "files"
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s.csv", directory, names[i]);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/out", directory);
	unlink(path);
	return rmdir(directory);
}

static char *read_file(const char *name, size_t *length)
{
	FILE *file = fopen(name, "r");
	char *text;

	assert_non_null(file);
	fseek(file, 0, SEEK_END);
	*length = ftell(file);
	rewind(file);
	text = malloc(*length + 1);
	assert_int_equal(fread(text, 1, *length, file), *length);
	text[*length] = '\0';
	fclose(file);
	return text;
}

/* Between values a format may break lines, and strings have none: without them it is one line. */
static void is_json(char *text, size_t length)
{
	size_t kept = 0;
	const char *wrong;

	for (size_t i = 0; i < length; i++)
		if (text[i] != '\n' && !(text[i] == ' ' && text[i + 1] == '\n'))
			text[kept++] = text[i];
	text[kept++] = '\n';
	wrong = json_line_wrong(text, kept);
	if (wrong)
		fail_msg("%s", wrong);
}

static void check_json(const struct export *export, int (*write)(const struct export *export, const char *path))
{
	size_t length;
	char *text;

	assert_int_equal(write(export, path), 0);
	text = read_file(path, &length);
	is_json(text, length);
	free(text);
}

static void check_otlp(const struct export *export)
{
	size_t length;
	char *text;

	assert_int_equal(export_otlp(export, path), 0);
	text = read_file(path, &length);
	for (char *line = text, *end; *line; line = end + 1) {
		const char *wrong;

		end = strchr(line, '\n');
		assert_non_null(end);
		wrong = json_line_wrong(line, end + 1 - line);
		if (wrong)
			fail_msg("%s", wrong);
	}
	free(text);
}

/* Columns of a line of CSV; moves to the next. */
static unsigned int columns(const char **at)
{
	unsigned int count = 1;
	bool quoted = false;

	for (; **at && (quoted || **at != '\n'); (*at)++) {
		assert_true((unsigned char)**at >= ' ');
		if (**at == '"')
			quoted = !quoted;
		else if (**at == ',' && !quoted)
			count++;
	}
	assert_false(quoted);
	assert_int_equal(**at, '\n');
	(*at)++;
	return count;
}

static void check_csv(const struct export *export, const char *name)
{
	char table[128], *text;
	const char *at;
	unsigned int want;
	size_t length;

	assert_int_equal(export_csv(export, directory), 0);
	snprintf(table, sizeof(table), "%s/%s.csv", directory, name);
	at = text = read_file(table, &length);
	want = columns(&at);
	while (*at)
		assert_int_equal(columns(&at), want);
	free(text);
}

static void check_page(const struct run *run, const struct findings *findings)
{
	static const char begin[] = "<script type=\"application/json\" id=\"data\">";
	char *text, *data, *end;
	size_t length;

	assert_int_equal(page_write(run, findings, NULL, path), 0);
	text = read_file(path, &length);
	assert_int_equal(strlen(text), length);
	data = strstr(text, begin);
	assert_non_null(data);
	data += strlen(begin);
	end = strchr(data, '<');	/* nothing before the end of the block may have one */
	assert_int_equal(strncmp(end, "</script>\n<script nonce=\"", 24), 0);
	is_json(data, end - data);
	free(text);
}

static void check_all(const struct run *run)
{
	struct findings findings;
	struct export export;

	findings_make(&findings, run);
	export_begin(&export, run, &findings, NULL);
	check_json(&export, export_json);
	check_json(&export, export_perfetto);
	check_otlp(&export);
	check_csv(&export, "processes");
	check_csv(&export, "tasks");
	check_csv(&export, "drops");
	export_end(&export);
	check_page(run, &findings);
	findings_free(&findings);
}

static void a_usual_run(void **state)
{
	struct run *run = synthetic_run(1500);

	(void)state;
	check_all(run);
	run_free(run);
}

static void an_empty_run(void **state)
{
	struct run *run = run_new();

	(void)state;
	check_all(run);
	run_free(run);
}

static u32 random_text(struct run *run)
{
	static const char *const parts[] = {
		"</script>", "<!--", "]]>", "\"", "\\", "\xe2\x80\xae", "\xff", "\xc3", "\n",
		"\r", "\x1b[0m", "=1+1", ",", "é", "\xf0\x9f\x92\xa3", "a", "'",
	};
	char text[64];
	size_t length = 0;

	for (int i = random() % 6; i >= 0; i--) {
		const char *part = parts[random() % (sizeof(parts) / sizeof(parts[0]))];

		memcpy(text + length, part, strlen(part));
		length += strlen(part);
		if (random() % 8 == 0)
			text[length++] = '\0';
	}
	return run_text_add(run, text, length);
}

/* Names of any bytes, numbers of any size, times that make no sense. */
static struct run *hostile_run(void)
{
	struct run *run = synthetic_run(60);

	run->name = random_text(run);
	run->command = random_text(run);
	run->directory = random_text(run);
	run->host.name = random_text(run);
	for (u32 i = 0; i < run->tool_count; i++)
		run->tools[i].name = random_text(run);
	for (u32 i = 0; i < run->task_count; i++)
		run->tasks[i].name = run->tasks[i].group = random_text(run);
	for (u32 i = 0; i < run->process_count; i++) {
		struct run_process *process = &run->processes[i];
		struct run_bytes bytes = run_text(run, random_text(run));

		process->executable = random_text(run);
		process->directory = random() % 2 ? random_text(run) : RUN_NONE;
		process->flags = random();
		process->signal = random() % 2 ? random() % 100 : 0;
		process->code = random() % 300;
		if (random() % 4 == 0)
			process->end = process->start - random() % 1000;
		if (random() % 8 == 0)
			process->costs.disk_read = ~0ULL >> random() % 64;
		run_arguments_set(run, i, bytes.data, bytes.length);
	}
	for (u32 kind = 0; kind < RUN_FACTS; kind++)
		*run_fact_add(run) = (struct run_fact){
			.time = run->start + kind,
			.number = random() - RAND_MAX / 2,
			.kind = kind,
			.process = random() % 2 ? 0 : RUN_NONE,
			.other = RUN_NONE,
			.text = random() % 2 ? random_text(run) : RUN_NONE,
		};
	return run;
}

static void hostile_runs(void **state)
{
	(void)state;
	srandom(3);
	for (int i = 0; i < 40; i++) {
		struct run *run = hostile_run();

		check_all(run);
		run_free(run);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_usual_run),
		cmocka_unit_test(an_empty_run),
		cmocka_unit_test(hostile_runs),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
