#include "lang/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct {
	const char *written, *printed;
} good[] = {
	{ "process.name == \"bash\"", "process.name == \"bash\"" },
	{ "name == 'it''s' or true", NULL },
	{ "name == 'x'", "process.name == \"x\"" },
	{ "  name==\"a\\n\\x00\\\\\\\"\" ", "process.name == \"a\\x0a\\x00\\\\\\\"\"" },
	{ "pid == 1 or pid == 2 and pid == 3", "process.pid == 1 or (process.pid == 2 and process.pid == 3)" },
	{ "not pid == 1 and true", "(not (process.pid == 1)) and true" },
	{ "(pid == 1 or pid == 2) and pid == 3", "(process.pid == 1 or process.pid == 2) and process.pid == 3" },
	{ "pid == 1 and pid == 2 and pid == 3", "process.pid == 1 and process.pid == 2 and process.pid == 3" },
	{ "5 < pid", "process.pid > 5" },
	{ "mode & 0o111 != 0", "(file.mode & 0111) != 0" },
	{ "mode & 0111 | 2 == 3", "((file.mode & 0111) | 2) == 3" },
	{ "pid + 2 * 3 - 1 > 0", "((process.pid + 6) - 1) > 0" },
	{ "pid << 1 + 1 == 4", "(process.pid << 2) == 4" },
	{ "pid == 0x1F", "process.pid == 31" },
	{ "pid == -1", "process.pid == -1" },
	{ "~pid == 0", "(~process.pid) == 0" },
	{ "error.code == ENOENT", "error.code == 2" },
	{ "error.type == ENOENT", "error.type == \"ENOENT\"" },
	{ "error.type in [ENOENT, \"EACCES\"]", "error.type in [\"ENOENT\", \"EACCES\"]" },
	{ "kind == open", "kind == \"open\"" },
	{ "open == kind", "kind == \"open\"" },
	{ "network.direction == in", "network.direction == \"in\"" },
	{ "network.direction != in", "network.direction != \"in\"" },
	{ "signal.result == delivered", "signal.result == \"delivered\"" },
	{ "O_CREAT in flags", "file.flags == \"O_CREAT\"" },
	{ "flags == O_CREAT", "file.flags == \"O_CREAT\"" },
	{ "flags != O_CREAT", "exists(file.flags) and (not (file.flags == \"O_CREAT\"))" },
	{ "\"-rf\" in command_args", "process.command_args == \"-rf\"" },
	{ "ancestor.name == \"sshd\"", "ancestor.name == \"sshd\"" },
	{ "ancestor.pid == 1", "ancestor.pid == 1" },
	{ "1 in ancestor.pid", "ancestor.pid == 1" },
	{ "network.peer.address == 10.1.2.3", "network.peer.address == 10.1.2.3" },
	{ "network.peer.address == 10.1.2.3/8", "network.peer.address in 10.0.0.0/8" },
	{ "network.peer.address in \"10.0.0.0/8\"", "network.peer.address in 10.0.0.0/8" },
	{ "network.peer.address in [10.0.0.0/9, ::1, fe80::/10]", "network.peer.address in [10.0.0.0/9, ::1, fe80::/10]" },
	{ "network.peer.address == ::ffff:10.0.0.1", "network.peer.address == 10.0.0.1" },
	{ "network.peer.address != 10.0.0.0/8", "exists(network.peer.address) and (not (network.peer.address in 10.0.0.0/8))" },
	{ "pid not in [1, 2]", "exists(process.pid) and (not (process.pid in [1, 2]))" },
	{ "not (pid in [1, 2])", "not (process.pid in [1, 2])" },
	{ "file.path not like '/etc/**'", "exists(file.path) and (not (file.path like \"/etc/**\"))" },
	{ "name not in command_args",
	  "exists(process.command_args) and exists(process.name) and (not (process.command_args == process.name))" },
	{ "file.size / file.inode not in [1]", "exists(file.size) and file.inode != 0 and (not ((file.size / file.inode) in [1]))" },
	{ "file.path startswith ['/etc', '/usr']", "file.path startswith [\"/etc\", \"/usr\"]" },
	{ "exists(file.path)", "exists(file.path)" },
	{ "created and not deleted", "file.created and (not file.deleted)" },
	{ "created == false", "file.created == false" },
	{ "latency_ns > 10ms", "network.latency_ns > 10000000" },
	{ "rtt_us > 10ms", "network.rtt_us > 10000" },
	{ "rtt_us * 2 > 10ms", "(network.rtt_us * 2) > 10000" },
	{ "io.sent > 4KiB", "network.io.sent > 4096" },
	{ "io.sent > 1MB and io.sent > 1.5MiB", "network.io.sent > 1000000 and network.io.sent > 1572864" },
	{ "time - creation.time > 1m30s", "(time - process.creation.time) > 90000000000" },
	{ "path == 'x'", NULL },
};

static const struct {
	const char *written;
	u32 column;
	const char *what;	/* part of it */
} bad[] = {
	{ "", 1, "expected a condition" },
	{ "proces.name == 'x'", 1, "did you mean process.name?" },
	{ "nonsense_at_all == 1", 1, "there is no field nonsense_at_all" },
	{ "port == 1", 1, "network.local.port, network.peer.port" },
	{ "pid == 1 adn pid == 2", 10, "expected `and`, `or` or the end" },
	{ "pid = 1", 5, "`==`" },
	{ "pid == 1 && pid == 2", 10, "`and`" },
	{ "pid == 1 || pid == 2", 10, "`or`" },
	{ "!created", 1, "`not`" },
	{ "name =~ 'x'", 6, "`like`" },
	{ "name stratswith 'x'", 6, "no operator stratswith, did you mean startswith?" },
	{ "name resembles 'x'", 6, "no operator resembles: == " },
	{ "name == /bin/sh", 9, "text stands in quotes" },
	{ "(pid == 1", 10, "ends here: expected `and`, `or` or `)`" },
	{ "pid == ", 8, "ends here" },
	{ "pid in []", 8, "empty" },
	{ "file.mode == 755", 14, "a mode is octal, and that begins with 0: 0755" },
	{ "file.mode & 111 != 0", 13, "0111" },
	{ "path is 'a'", 6, "no operator is, did you mean" },
	{ "pid 5", 5, "expected a comparison" },
	{ "file.size > 4 KiB", 15, "a unit stands right behind its number" },
	{ "file.size > 1h 30m", 13, "1h is a time" },
	{ "file.size > 4kib", 13, "4KiB" },
	{ "rtt_us > 1500ns", 10, "known to the microsecond" },
	{ "path like /etc/*", 11, "text stands in quotes" },
	{ "file.path like ['a*', '[a-z']", 23, "a `[` without its `]`" },
	{ "path in ('a', 'b')", 13, "a list stands in [brackets]" },
	{ "exist(path)", 1, "exists(field) is the only one" },
	{ "error.code == enoent", 15, "did you mean ENOENT?" },
	{ "signal.name == KILL", 16, "did you mean SIGKILL?" },
	{ "created == 1", 12, "stands by itself" },
	{ "peer.address == localhost", 17, "names are not looked up" },
	{ "peer.address == 10.0.0", 17, "this is no address" },
	{ "path == \xe2\x80\x9c""a\xe2\x80\x9d", 9, "quotes are \" or '" },
	{ "pid in [1 2]", 11, "`,` or `]`" },
	{ "pid in 1", 8, "expected a list" },
	{ "pid == [1]", 5, "compared by `in`" },
	{ "pid in [pid]", 9, "plain values" },
	{ "pid", 1, "is a number, no condition" },
	{ "name and true", 1, "is a string, no condition" },
	{ "pid == 'x'", 8, "process.pid is a number" },
	{ "name == 5", 9, "in quotes" },
	{ "uid == 0", 8, "k8s.pod.uid is a string: put this in quotes; or did you mean process.user.id?" },
	{ "uid in [0, 1]", 9, "or did you mean process.user.id?" },
	{ "gid == 0", 1, "did you mean process.group.id?" },
	{ "exe == 'x'", 1, "did you mean process.executable.path?" },
	{ "name == bash", 9, "put it in quotes" },
	{ "name < 'x'", 6, "only numbers have an order" },
	{ "network.peer.address < 10.0.0.1", 22, "no order" },
	{ "network.peer.address like '10.*'", 1, "is an address" },
	{ "network.peer.address == 'x'", 25, "no address" },
	{ "network.peer.address == 10.0.0.300", 25, "no address" },
	{ "network.peer.address == 10.0.0.0/33", 25, "no address" },
	{ "pid like 'x'", 1, "is for text" },
	{ "name like 5", 11, "expected text in quotes" },
	{ "kind == opne", 9, "did you mean open?" },
	{ "kind == 'opne'", 9, "did you mean open?" },
	{ "file.type == 'directory'", 14, "file.type is never directory" },
	{ "pid > 10ms", 7, "without a unit" },
	{ "io.sent > 10ms", 11, "10ms is a time, and network.io.sent is a size" },
	{ "pid == 08", 8, "octal" },
	{ "pid == 18446744073709551616", 8, "too large" },
	{ "pid == 12abc", 8, "no number" },
	{ "pid == 1.5", 8, "no number" },
	{ "pid == 0xfffffffffffffffff", 8, "base 16" },
	{ "name == \"abc", 9, "no end" },
	{ "name == \"a\\q\"", 11, "no such escape" },
	{ "name == 'ä' and x == #", 22, "means nothing" },
	{ "1 < pid < 3", 9, "joined by `and`" },
	{ "pid not == 1", 5, "before a whole comparison" },
	{ "pid / 0 == 1", 5, "divides by zero" },
	{ "name + 1 == 2", 1, "is for numbers" },
	{ "exists(5)", 8, "name of a field" },
	{ "exists pid", 8, "`(`" },
	{ "created == 1", 12, "true or false" },
	{ "time > 'yesterday'", 8, "no time" },
	{ "and", 1, "expected a field or a value" },
	{ "[1] == pid", 1, "on the right" },
};

static void expressions_are_read(void **state)
{
	struct lang_names names = lang_names_of_events(~0U);

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		struct lang_tree *tree = lang_tree_new();
		struct lang_error error;
		struct lang_node *node = lang_parse(tree, good[i].written, strlen(good[i].written), &names, &error);
		struct text printed = { 0 };

		if (node)
			lang_print(node, &printed);
		if (!node != !good[i].printed || (node && strcmp(text_string(&printed), good[i].printed)))
			fail_msg("%s: %s", good[i].written, node ? text_string(&printed) : error.what);
		text_free(&printed);
		lang_tree_free(tree);
	}
}

static void mistakes_are_explained_where_they_are(void **state)
{
	struct lang_names names = lang_names_of_events(~0U);

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct lang_tree *tree = lang_tree_new();
		struct lang_error error;

		if (lang_parse(tree, bad[i].written, strlen(bad[i].written), &names, &error))
			fail_msg("%s: was taken", bad[i].written);
		if (lang_error_column(&error, bad[i].written) != bad[i].column || !strstr(error.what, bad[i].what))
			fail_msg("%s: column %u: %s", bad[i].written, lang_error_column(&error, bad[i].written), error.what);
		lang_tree_free(tree);
	}
}

static const char *shown(const char *text, size_t length, u32 kinds, struct text *out)
{
	struct lang_names names = lang_names_of_events(kinds);
	struct lang_tree *tree = lang_tree_new();
	struct lang_error error;

	assert_null(lang_parse(tree, text, length, &names, &error));
	text_reset(out);
	text_add(out, error.what);
	text_add_char(out, '\n');
	lang_error_show(&error, text, length, out);
	lang_tree_free(tree);
	return text_string(out);
}

static void a_mistake_is_shown_under_the_text(void **state)
{
	struct text out = { 0 };
	char far[4096];
	size_t length;

	(void)state;
	assert_string_equal(shown("pid == 1 adn 2", 14, ~0U, &out),
			    "expected `and`, `or` or the end\n  pid == 1 adn 2\n           ^^^\n");
	assert_string_equal(shown("name == 'ä\x1b' or x", 18, ~0U, &out),
			    "there is no field x; text stands in quotes (`sonde fields` lists all)\n"
			    "  name == 'ä\\x1b' or x\n                     ^\n");
	length = snprintf(far, sizeof(far), "pid in [%s] and foo.bar.baz == 1 and %s", "1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2",
			  "pid in [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1]");
	assert_string_equal(shown(far, length, ~0U, &out),
			    "there is no field foo.bar.baz; text stands in quotes (`sonde fields` lists all)\n"
			    "  …, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2] and foo.bar.baz == 1 and pid in [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, …\n"
			    "                                                               ^^^^^^^^^^^\n");
	text_free(&out);
}

static void a_name_means_a_field_of_the_events_asked_for(void **state)
{
	struct lang_names names = lang_names_of_events(KIND_BIT(open));
	struct lang_tree *tree = lang_tree_new();
	struct lang_error error;
	struct text out = { 0 };

	(void)state;
	assert_string_equal(lang_parse(tree, "path == 'x'", 11, &names, &error)->left->symbol->name, "file.path");
	assert_non_null(strstr(shown("file.new_path == 1", 18, KIND_BIT(open), &out),
			       "file.new_path is a field of change, which is not asked for here"));
	text_free(&out);
	lang_tree_free(tree);
}

static void depth_and_length_have_an_end(void **state)
{
	static char text[200000];
	struct lang_names names = lang_names_of_events(~0U);
	struct lang_tree *tree = lang_tree_new();
	struct lang_error error;

	(void)state;
	memset(text, '(', sizeof(text));
	assert_null(lang_parse(tree, text, sizeof(text), &names, &error));
	assert_non_null(strstr(error.what, "too long or too deep"));
	memset(text, '-', sizeof(text));
	assert_null(lang_parse(tree, text, sizeof(text), &names, &error));
	for (size_t i = 0; i + 8 <= sizeof(text); i += 8)
		memcpy(text + i, "true or ", 8);
	assert_null(lang_parse(tree, text, sizeof(text), &names, &error));
	assert_non_null(strstr(error.what, "too long or too deep"));
	memcpy(text, "pid in [", 8);
	for (size_t i = 8; i + 2 <= sizeof(text); i += 2)
		memcpy(text + i, "1,", 2);
	text[sizeof(text) - 1] = ']';
	assert_non_null(lang_parse(tree, text, sizeof(text), &names, &error));
	lang_tree_free(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(expressions_are_read),
		cmocka_unit_test(mistakes_are_explained_where_they_are),
		cmocka_unit_test(a_mistake_is_shown_under_the_text),
		cmocka_unit_test(a_name_means_a_field_of_the_events_asked_for),
		cmocka_unit_test(depth_and_length_have_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
