/* Reports of a made-up run: they fit the terminal, show nothing of what hostile names ask for, and are JSON where they say so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/columns.h"
#include "books/report.h"
#include "books/report_part.h"
#include "tests/json_valid.h"
#include "tests/synthetic.h"

static const struct report_request everything = {
	.by = SUM_PROCESS, .by_given = true, .tree = true, .critical = true, .files = true, .peers = true, .failures = true,
	.sort = -1,
};

static void no_line_is_wider(void **state)
{
	static const unsigned int widths[] = { 20, 40, 80, 132 };
	struct run *run = synthetic_run(500);
	struct text out = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
		const struct report_style style = { .width = widths[i] };
		struct report_sink sink = { .out = &out };
		bool table = false;

		text_reset(&out);
		report_text(&sink, run, NULL, NULL, &everything, &style);
		for (char *line = strtok(out.data, "\n"); line; line = strtok(NULL, "\n")) {
			for (char *at = line; *at; at++)
				assert_true((unsigned char)*at >= 0x20 && (unsigned char)*at != 0x7f);
			table = table || !strncmp(line, "Processes", 9);
			if (table && line[0] == ' ' && !strstr(line, "more") && widths[i] >= 40)
				assert_true(columns_of(line, strlen(line)) <= widths[i]);
		}
		assert_true(table);
	}
	if (getenv("SHOW")) {
		const struct report_style style = { .width = 110 };
		struct report_sink sink = { .out = &out };

		text_reset(&out);
		report_summary(&out, run, NULL, &style);
		report_text(&sink, run, NULL, NULL, &everything, &style);
		fputs(out.data, stdout);
	}
	text_free(&out);
	run_free(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_line_is_wider),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
