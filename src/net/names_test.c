/* Names from files, and what name servers answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include <errno.h>

#include "net/names.h"
#include "net/resolver.h"

static char *write_file(const char *text)
{
	static char paths[4][32];
	static int next;
	char *path = paths[next++ % 4];
	int fd;

	strcpy(path, "/tmp/sonde-names-XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	return path;
}

static const char *name_of(struct names *names, const char *address)
{
	struct cidr one;

	assert_int_equal(cidr_parse(address, &one), 0);
	one.base.port = 99;
	return names_host(names, &one.base);
}

static void test_files(void **state)
{
	const char *hosts = write_file("# comment\n127.0.0.1 localhost\n\n10.0.0.7\tdb.example db # the database\n"
				       "10.0.0.7 later\nfe80::1 six\n::ffff:10.0.0.8 mapped\nnonsense\n10.0.0.9\n300.1.1.1 no\n");
	const char *services = write_file("http 80/tcp www\nhttp 80/udp\ndomain\t53/udp # names\nbad 99999/tcp\nnone\n-1 -1/tcp\n"
					  "second 80/tcp\nsctp 9/sctp\n");
	struct names *names = names_new(&(struct names_options){ .hosts = hosts, .services = services });

	(void)state;
	assert_string_equal(name_of(names, "127.0.0.1"), "localhost");
	assert_string_equal(name_of(names, "10.0.0.7"), "db.example");
	assert_string_equal(name_of(names, "fe80::1"), "six");
	assert_string_equal(name_of(names, "10.0.0.8"), "mapped");
	assert_null(name_of(names, "10.0.0.9"));
	assert_string_equal(names_service(names, 80, IPPROTO_TCP), "http");
	assert_string_equal(names_service(names, 53, IPPROTO_UDP), "domain");
	assert_null(names_service(names, 53, IPPROTO_TCP));
	assert_null(names_service(names, 9, IPPROTO_TCP));
	names_free(names);
	unlink(hosts);
	unlink(services);
}

static void test_containers(void **state)
{
	const char *empty = write_file("");
	struct names *names = names_new(&(struct names_options){ .hosts = empty, .services = empty });
	struct shared_bytes *web = calloc(1, sizeof(*web) + 8), *db = calloc(1, sizeof(*db) + 8);
	struct party one = { .container = web }, other = { .container = db };
	struct flow flow = { 0 };
	struct cidr address;

	(void)state;
	strcpy(web->data, "web");
	strcpy(db->data, "db");
	cidr_parse("172.17.0.2", &address);
	flow.client = (struct flow_end){ .at = address.base, .network_namespace = 1, .here = true, .party = &one };
	names_learn(names, &flow);
	assert_string_equal(name_of(names, "172.17.0.2"), "web");
	/* Two containers have it, each in a network of its own: it names neither. */
	flow.client.party = &other;
	names_learn(names, &flow);
	assert_null(name_of(names, "172.17.0.2"));
	names_free(names);
	unlink(empty);
	free(web);
	free(db);
}

static void test_answers(void **state)
{
	static const u8 answer[] = { 1, 2, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0,
				     1, '7', 1, '0', 1, '0', 2, '1', '0', 7, 'i', 'n', '-', 'a', 'd', 'd', 'r', 4, 'a', 'r', 'p', 'a', 0,
				     0, 12, 0, 1,
				     0xc0, 12, 0, 12, 0, 1, 0, 0, 0, 60, 0, 8, 2, 'd', 'b', 3, 'l', 'a', 'n', 0 };
	u8 damaged[sizeof(answer)];
	char name[RESOLVER_NAME];

	(void)state;
	assert_int_equal(resolver_parse(answer, sizeof(answer), name), 0);
	assert_string_equal(name, "db.lan");
	for (size_t length = 0; length < sizeof(answer); length++)
		assert_true(resolver_parse(answer, length, name) < 0);
	/* A name that jumps to itself. */
	memcpy(damaged, answer, sizeof(answer));
	damaged[sizeof(answer) - 8] = 0xc0;
	damaged[sizeof(answer) - 7] = sizeof(answer) - 8;
	assert_int_equal(resolver_parse(damaged, sizeof(damaged), name), -EBADMSG);
	/* No such name. */
	memcpy(damaged, answer, sizeof(answer));
	damaged[3] |= 3;
	assert_int_equal(resolver_parse(damaged, sizeof(damaged), name), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_containers),
		cmocka_unit_test(test_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
