/* What others wrote: answers of conntrack and of name servers, lines of /etc/hosts and /etc/services, ranges of addresses. */
#include <linux/netlink.h>
#include <string.h>

#include "net/conntrack.h"
#include "net/names.h"
#include "net/resolver.h"
#include "tests/fuzz.h"

static size_t fill(struct fuzz *fuzz, u8 *bytes, size_t room)
{
	size_t length = fuzz_below(fuzz, room);

	for (size_t i = 0; i < length; i++)
		bytes[i] = fuzz_below(fuzz, 3) ? fuzz_below(fuzz, 20) : fuzz_number(fuzz);
	return length;
}

/* Mostly a message with a good head and attributes whose lengths are nearly right. */
static void try_conntrack(struct fuzz *fuzz)
{
	u8 bytes[512];
	size_t length = fill(fuzz, bytes, sizeof(bytes));
	struct nlmsghdr header = { .nlmsg_len = length, .nlmsg_type = 1 << 8 };
	struct conntrack_entry entry;
	u8 *exact;

	if (length >= sizeof(header) && fuzz_below(fuzz, 8))
		memcpy(bytes, &header, sizeof(header));
	for (size_t at = 20; at + 4 < length && fuzz_below(fuzz, 12); at += 4 + 4 * fuzz_below(fuzz, 6)) {
		bytes[at] = fuzz_below(fuzz, 64);
		bytes[at + 1] = 0;
		bytes[at + 2] = fuzz_below(fuzz, 6);
		bytes[at + 3] = fuzz_below(fuzz, 2) ? 0x80 : 0;
	}
	exact = malloc(length + 1);
	memcpy(exact, bytes, length);
	if (!conntrack_parse(exact, length, &entry))
		fuzz_check(entry.original_from.family && entry.reply_to.family, "an entry without addresses");
	free(exact);
}

static void try_answer(struct fuzz *fuzz)
{
	u8 bytes[512];
	size_t length = fill(fuzz, bytes, sizeof(bytes));
	u8 *exact = malloc(length + 1);
	char name[RESOLVER_NAME];

	if (length > 8 && fuzz_below(fuzz, 4)) {
		bytes[2] = 0x81;
		bytes[3] = 0;
		bytes[4] = bytes[6] = 0;
		bytes[5] = fuzz_below(fuzz, 2);
		bytes[7] = 1;
	}
	memcpy(exact, bytes, length);
	if (!resolver_parse(exact, length, name))
		fuzz_check(memchr(name, 0, sizeof(name)) && name[0], "a name without an end or a beginning");
	free(exact);
}

static void try_lines(struct fuzz *fuzz)
{
	static const char *const pieces[] = { "10.0.0.1", "::1", "::ffff:1.2.3.4", " ", "\t", "#", "name", "80", "/tcp", "/udp", "/", "\n",
					      "fe80::", "/24", "255", "http", "0", "-" };
	char line[256], copy[256];
	struct endpoint endpoint;
	struct cidr cidr;
	const char *name;
	u8 transport;
	u32 port;

	fuzz_text(fuzz, line, sizeof(line), pieces, FUZZ_COUNT(pieces));
	line[sizeof(line) - 1] = '\0';
	memcpy(copy, line, sizeof(copy));
	if (!names_parse_host(copy, &endpoint, &name))
		fuzz_check(name[0] && endpoint.family, "a host without a name or an address");
	memcpy(copy, line, sizeof(copy));
	if (!names_parse_service(copy, &name, &port, &transport))
		fuzz_check(name[0] && port && port <= 65535, "a service without a name or a port");
	if (!cidr_parse(line, &cidr))
		fuzz_check(cidr_has(&cidr, &cidr.base), "a range that its own beginning is not in");
}

int main(int argc, char **argv)
{
	struct fuzz fuzz = fuzz_begin(argc, argv);

	while (fuzz_goes_on(&fuzz)) {
		try_conntrack(&fuzz);
		try_answer(&fuzz);
		try_lines(&fuzz);
	}
	return 0;
}
