#include "lang/eval.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "lang/parse.h"
#include "lang/place.h"
#include "tests/records.h"

static struct record_buffer buffer;
static struct event event;

static void decode(void)
{
	assert_int_equal(event_decode(&event, buffer.bytes, buffer.record.size), 0);
}

static bool holds(const char *text)
{
	struct lang_names names = lang_names_of_events(~0U);
	struct lang_tree *tree = lang_tree_new();
	struct lang_error error;
	struct lang_node *node = lang_parse(tree, text, strlen(text), &names, &error);
	bool result;

	if (!node)
		fail_msg("%s: %s", text, error.what);
	result = lang_eval(node, &event);
	lang_tree_free(tree);
	return result;
}

static void check(const char *const *expressions, bool expected)
{
	for (; *expressions; expressions++)
		if (holds(*expressions) != expected)
			fail_msg("%s is %s", *expressions, expected ? "false" : "true");
}

static void an_open(const char *path, u32 length, u32 full)
{
	struct open_record *open = (struct open_record *)buffer.bytes;

	record_begin(&buffer, KIND_open);
	open->inode = 99;
	open->descriptor = 3;
	open->flags = O_RDWR | O_CREAT | O_SYNC;
	open->mode = S_IFREG | 0640;
	open->state = OPEN_CREATED;
	record_string(&buffer, path, length, full);
	record_string(&buffer, "", 0, 0);
	decode();
}

static void values_of_an_open(void **state)
{
	static const char *const yes[] = {
		"kind == open", "process.pid == 4242", "process.pid in [1, 4242]", "file.path == '/etc/ssl/key.pem'",
		"file.path startswith '/etc'", "file.path endswith ['.crt', '.pem']", "file.path contains 'ssl/'",
		"file.path like '/etc/**'", "file.path like '/etc/*/*.pem'", "file.path not like '/etc/*'", "file.flags == O_CREAT",
		"O_SYNC in file.flags", "not (file.flags == O_DSYNC)", "file.flags != O_EXCL", "file.mode == 0640", "file.mode & 0o200 != 0",
		"file.type == file", "file.type in [dir, file]", "file.created", "file.created == true", "not file.deleted",
		"file.descriptor + 1 == 4", "file.inode == 99", "not exists(error.type)", "not (error.code == ENOENT)",
		"exists(file.path) and not exists(file.asked)", "file.inode % 10 == 9 and file.inode / 10 == 9",
		"file.descriptor - 4 < 0", "file.descriptor - 4 == -1", "-file.descriptor == -3", "~file.descriptor == 0xfffffffffffffffc",
		"file.descriptor << 65 == 6", "time - process.creation.time == 1s", "file.inode ^ 1 == 98", "not (file.inode / (file.mode - 0640) == 1)",
		"file.descriptor < file.inode", "file.path != file.asked or true", "process.user.id == 0",
		"file.inode not in [1, 2]", "file.flags not in [O_EXCL]", "file.path not startswith '/usr'", "file.path not contains ['x', 'z']",
		"file.inode / 10 not in [8]", "not (file.asked in ['x'])", "not (error.code in [1])", NULL,
	};
	static const char *const no[] = {
		"kind == exec", "file.path == '/etc/ssl/key.pe'", "file.path like '/etc/*'", "file.path like 'etc'", "file.asked == ''",
		"file.asked != 'x'", "file.asked like '*'", "error.code != 1", "file.deleted == false", "file.flags == O_RDONLY",
		"network.peer.port != 80", "file.inode / (file.mode - 0640) == 1", "file.inode / (file.mode - 0640) != 1",
		"exists(process.name)", "ancestor.name == 'x'", "file.path == file.asked", "1 == 2", "file.created != true",
		"file.asked not in ['x']", "file.asked not like '/x'", "file.asked not startswith 'x'", "file.asked not endswith ['x', 'y']",
		"file.asked not contains 'x'", "error.code not in [1]", "error.code + 1 not in [1]", "error.type not in [ENOENT]",
		"network.peer.address not in 10.0.0.0/8", "ancestor.pid not in [1]", "'x' not in process.command_args",
		"file.inode not in [98, 99]", "file.flags not in [O_EXCL, O_CREAT]", "file.path not endswith '.pem'",
		"file.inode / (file.mode - 0640) not in [1]", "file.inode % (file.mode - 0640) not in [1]",
		"ancestor.name != file.path", "process.name not in process.command_args", NULL,
	};

	(void)state;
	an_open("/etc/ssl/key.pem", 16, 16);
	check(yes, true);
	check(no, false);
}

static void a_path_that_was_cut_is_as_it_is_shown(void **state)
{
	(void)state;
	an_open("tc/ssl/key.pem", 14, 5000);
	assert_true(holds("file.path like '…**'"));
	assert_true(holds("file.path endswith '.pem'"));
	assert_false(holds("file.path startswith 'tc'"));
}

static void addresses(void **state)
{
	static const u8 v4[4] = { 10, 200, 3, 4 }, v6[16] = { 0xfe, 0x80, [15] = 1 };
	static const char *const yes[] = {
		"network.peer.address == 10.200.3.4", "network.peer.address in 10.0.0.0/8", "network.peer.address in 10.200.0.0/13",
		"network.peer.address in [192.168.0.0/16, 10.200.3.4]", "network.peer.address in 0.0.0.0/0",
		"network.peer.address != 10.200.3.5", "network.peer.address not in 10.0.0.0/13", "network.peer.address == '10.200.3.4'",
		"network.peer.address != ::/0", "network.peer.port == 443", "network.transport == tcp", "network.type == ipv4",
		"not exists(network.local.address)", "network.peer.address != network.local.address or true", "network.direction == out", NULL,
	};
	struct connection_record *connect = (struct connection_record *)buffer.bytes;

	(void)state;
	record_begin(&buffer, KIND_connect);
	memcpy(connect->peer, v4, sizeof(v4));
	connect->family = AF_INET;
	connect->transport = NET_TCP;
	connect->direction = NET_OUT;
	connect->peer_port = 443;
	connect->error = 1;
	record_string(&buffer, "", 0, 0);
	decode();
	check(yes, true);
	assert_false(holds("network.peer.address in ::/0"));
	assert_false(holds("network.peer.address == network.local.address"));
	connect->family = AF_INET6;
	memcpy(connect->peer, v6, sizeof(v6));
	assert_true(holds("network.peer.address == fe80::1"));
	assert_true(holds("network.peer.address in fe80::/10"));
	assert_false(holds("network.peer.address in fec0::/10"));
	assert_false(holds("network.peer.address in 0.0.0.0/0"));
	connect->family = AF_UNIX;
	connect->transport = NET_UNIX;
	assert_false(holds("exists(network.peer.address)"));
	assert_false(holds("network.peer.address != 1.2.3.4"));
}

static void failures_and_signals(void **state)
{
	struct open_record *open = (struct open_record *)buffer.bytes;
	struct signal_record *sent = (struct signal_record *)buffer.bytes;

	(void)state;
	an_open("", 0, 0);
	open->error = -ENOENT;
	assert_true(holds("error.code == ENOENT and error.type == ENOENT and error.type in [EACCES, ENOENT] and error.code == 2"));
	assert_false(holds("exists(file.inode) or exists(file.created)"));
	record_begin(&buffer, KIND_signal);
	sent->number = SIGKILL;
	decode();
	assert_true(holds("signal.name == SIGKILL and signal.number == SIGKILL and signal.result == delivered and signal.delivered"));
}

static void arguments_are_several(void **state)
{
	static const char arguments[] = "rm\0-rf\0/tmp/x";

	(void)state;
	record_begin(&buffer, KIND_exec);
	for (int i = 0; i < record_shapes[KIND_exec].strings; i++)
		record_string(&buffer, i == EXEC_ARGUMENTS ? arguments : "", i == EXEC_ARGUMENTS ? sizeof(arguments) : 0,
			      i == EXEC_ARGUMENTS ? sizeof(arguments) : 0);
	decode();
	assert_true(holds("'-rf' in command_args"));
	assert_true(holds("command_args startswith '/tmp'"));
	assert_true(holds("command_args in ['a', 'rm']"));
	assert_true(holds("command_args != 'ls'"));
	assert_false(holds("command_args != 'rm'"));
	assert_false(holds("command_args contains 'm\\x00-'"));
}

static void globs(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool matches;
	} cases[] = {
		{ "", "", true }, { "", "a", false }, { "*", "", true }, { "*", "abc", true }, { "*", "a/b", false }, { "**", "a/b", true },
		{ "a*c", "abbbc", true }, { "a*c", "ab/c", false }, { "a**c", "ab/c", true }, { "*.so", "lib.so.so", true },
		{ "/usr/*/lib", "/usr/x/lib", true }, { "/usr/*/lib", "/usr/x/y/lib", false }, { "/usr/**/lib", "/usr/x/y/lib", true },
		{ "**/x*y/**/z", "/a/xay/b/xy/c/z", true }, { "**a*b", "a/ab", true }, { "**a*b/c", "ab/ab/c", true }, { "**a*b/d", "ab/ab/c", false },
		{ "?", "a", true }, { "?", "/", false }, { "?", "", false }, { "[abc]", "b", true }, { "[a-c]x", "cx", true }, { "[!a-c]", "d", true },
		{ "[^a-c]", "a", false }, { "[]a]", "]", true }, { "[a-]", "-", true }, { "[!a]", "/", false }, { "[", "[", true },
		{ "[a", "[a", true }, { "\\*", "*", true }, { "\\*", "a", false }, { "\\", "\\", true }, { "a\\?b", "a?b", true },
		{ "***", "a/b", true }, { "*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct bytes text = { cases[i].text, strlen(cases[i].text), 0 };
		struct bytes pattern = { cases[i].pattern, strlen(cases[i].pattern), 0 };

		if (lang_matches(OP_LIKE, &text, &pattern) != cases[i].matches)
			fail_msg("%s like %s", cases[i].text, cases[i].pattern);
	}
}

static void numbers_are_of_64_bits(void **state)
{
	u64 result;

	(void)state;
	assert_true(lang_calculate(OP_DIVIDE, true, 1ULL << 63, -1ULL, &result));
	assert_true(result == 1ULL << 63);
	assert_true(lang_calculate(OP_MODULO, true, 1ULL << 63, -1ULL, &result));
	assert_true(result == 0);
	assert_true(lang_calculate(OP_DIVIDE, true, -7ULL, 2, &result));
	assert_true(result == -3ULL);
	assert_true(lang_calculate(OP_MODULO, true, -7ULL, 2, &result));
	assert_true(result == -1ULL);
	assert_true(lang_calculate(OP_DIVIDE, false, -7ULL, 2, &result));
	assert_true(result == 0x7ffffffffffffffcULL);
	assert_true(lang_calculate(OP_SHIFT_RIGHT, true, -8ULL, 65, &result));
	assert_true(result == -4ULL);
	assert_false(lang_calculate(OP_MODULO, false, 1, 0, &result));
}

static void a_record_alone_is_read_within_its_bounds(void **state)
{
	static const struct lang_symbol number = { .type = LANG_NUMBER, .is_signed = true, .place = PLACE_NUMBER, .offset = 48, .width = 2 };
	static const struct lang_symbol maybe = { .type = LANG_NUMBER, .place = PLACE_NUMBER, .offset = 48, .width = 2, .present = 50, .present_mask = 6 };
	static const struct lang_symbol beyond = { .type = LANG_NUMBER, .place = PLACE_NUMBER, .offset = 60, .width = 8 };
	static const struct lang_symbol second = { .type = LANG_STRING, .place = PLACE_STRING, .string = 1 };
	static const struct lang_symbol third = { .type = LANG_STRING, .place = PLACE_STRING, .string = 2 };
	struct lang_tree *tree = lang_tree_new();
	struct lang_node *minus = lang_number(tree, -2ULL), *b = lang_string(tree, "bcd", 3);
	u8 record[96] = { [48] = 0xfe, 0xff, 0x7, [56] = 1, [60] = 1, [64] = 'a', [72] = 3, [76] = 3, [80] = 'b', 'c', 'd' };

	(void)state;
	assert_true(lang_eval_record(lang_node(tree, OP_EQUAL, lang_field(tree, &number), minus), record, 56, 56));
	assert_true(lang_eval_record(lang_node(tree, OP_EXISTS, lang_field(tree, &maybe), NULL), record, 56, 56));
	record[50] = 5;
	assert_false(lang_eval_record(lang_node(tree, OP_EXISTS, lang_field(tree, &maybe), NULL), record, 56, 56));
	assert_false(lang_eval_record(lang_node(tree, OP_EXISTS, lang_field(tree, &beyond), NULL), record, 64, 56));
	assert_true(lang_eval_record(lang_node(tree, OP_EQUAL, lang_field(tree, &second), b), record, 88, 56));
	assert_false(lang_eval_record(lang_node(tree, OP_EXISTS, lang_field(tree, &second), NULL), record, 82, 56));
	assert_false(lang_eval_record(lang_node(tree, OP_EXISTS, lang_field(tree, &third), NULL), record, 88, 56));
	lang_tree_free(tree);
}

/* A row of places.def that does not parse would be NULL where a value must be. */
static void every_place_is_defined(void **state)
{
	struct lang_tree *tree = lang_tree_new();

	(void)state;
	for (size_t i = 0; i < field_count; i++)
		for (u32 kind = 0; kind < KIND_MAX; kind++) {
			struct place place;

			if (!kind_name(kind) || !(fields[i].kinds >> kind & 1) || !place_find(tree, &fields[i], kind, &place))
				continue;
			if (!place.value || (place.shape == PLACED_WORDS && !place.words) ||
			    (fields[i].type == FIELD_BOOL && place.value->type != LANG_BOOL))
				fail_msg("%s of %s", fields[i].name, kind_name(kind));
		}
	lang_tree_free(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_of_an_open),
		cmocka_unit_test(a_path_that_was_cut_is_as_it_is_shown),
		cmocka_unit_test(addresses),
		cmocka_unit_test(failures_and_signals),
		cmocka_unit_test(arguments_are_several),
		cmocka_unit_test(globs),
		cmocka_unit_test(numbers_are_of_64_bits),
		cmocka_unit_test(a_record_alone_is_read_within_its_bounds),
		cmocka_unit_test(every_place_is_defined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
