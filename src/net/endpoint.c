/* An IPv4 address within IPv6 never gets here as such: the programs in the kernel take it out, and so does the parser. */
#include "net/endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static u32 length_of(u16 family)
{
	return family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;
}

void endpoint_set(struct endpoint *endpoint, u32 family, const u8 *address, u32 port)
{
	memset(endpoint, 0, sizeof(*endpoint));
	memcpy(endpoint->address, address, length_of(family));
	endpoint->family = length_of(family) ? family : 0;
	endpoint->port = port;
}

bool endpoint_same_address(const struct endpoint *one, const struct endpoint *other)
{
	return one->family == other->family && !memcmp(one->address, other->address, sizeof(one->address));
}

bool endpoint_same(const struct endpoint *one, const struct endpoint *other)
{
	return one->port == other->port && endpoint_same_address(one, other);
}

bool endpoint_is_loopback(const struct endpoint *endpoint)
{
	static const u8 loopback[16] = { [15] = 1 };

	return endpoint->family == AF_INET ? endpoint->address[0] == 127 :
					     endpoint->family == AF_INET6 && !memcmp(endpoint->address, loopback, 16);
}

bool endpoint_is_any(const struct endpoint *endpoint)
{
	static const u8 any[16];

	return !memcmp(endpoint->address, any, sizeof(any));
}

bool endpoint_is_many(const struct endpoint *endpoint)
{
	static const u8 all[4] = { 255, 255, 255, 255 };

	if (endpoint->family == AF_INET)
		return endpoint->address[0] >> 4 == 14 || !memcmp(endpoint->address, all, sizeof(all));
	return endpoint->family == AF_INET6 && endpoint->address[0] == 0xff;
}

void endpoint_add_address(struct text *out, const struct endpoint *endpoint)
{
	char address[INET6_ADDRSTRLEN];

	text_add(out, endpoint->family && inet_ntop(endpoint->family, endpoint->address, address, sizeof(address)) ? address :
														     "?");
}

void endpoint_add(struct text *out, const struct endpoint *endpoint)
{
	bool brackets = endpoint->family == AF_INET6 && endpoint->port;

	text_add(out, brackets ? "[" : "");
	endpoint_add_address(out, endpoint);
	text_add(out, brackets ? "]" : "");
	if (endpoint->port)
		text_add_format(out, ":%u", endpoint->port);
}

static void clear_behind(u8 *address, u32 bits)
{
	for (u32 byte = bits / 8; byte < 16; byte++)
		address[byte] &= byte == bits / 8 ? 0xff00 >> bits % 8 : 0;
}

/* ::ffff:10.0.0.0/104 is 10.0.0.0/8. */
static void unmap(struct cidr *cidr)
{
	static const u8 mapped[12] = { [10] = 0xff, [11] = 0xff };
	u8 address[4];

	if (cidr->base.family != AF_INET6 || cidr->bits < 96 || memcmp(cidr->base.address, mapped, sizeof(mapped)))
		return;
	memcpy(address, cidr->base.address + 12, 4);
	endpoint_set(&cidr->base, AF_INET, address, 0);
	cidr->bits -= 96;
}

int cidr_parse(const char *text, struct cidr *cidr)
{
	const char *slash = strchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);
	char address[INET6_ADDRSTRLEN], *end;
	u8 bytes[16];
	u32 family, most;
	unsigned long bits;

	if (length >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, length);
	address[length] = '\0';
	family = memchr(address, ':', length) ? AF_INET6 : AF_INET;
	most = 8 * length_of(family);
	if (inet_pton(family, address, bytes) != 1)
		return -EINVAL;
	bits = most;
	if (slash) {
		bits = strtoul(slash + 1, &end, 10);
		if (slash[1] < '0' || slash[1] > '9' || *end || bits > most)
			return -EINVAL;
	}
	endpoint_set(&cidr->base, family, bytes, 0);
	cidr->bits = bits;
	clear_behind(cidr->base.address, bits);
	unmap(cidr);
	return 0;
}

bool cidr_has(const struct cidr *cidr, const struct endpoint *endpoint)
{
	u8 address[16];

	if (endpoint->family != cidr->base.family)
		return false;
	memcpy(address, endpoint->address, sizeof(address));
	clear_behind(address, cidr->bits);
	return !memcmp(address, cidr->base.address, sizeof(address));
}
