/* An address with a port, and what a person writes for a range of addresses. */
#ifndef NET_ENDPOINT_H
#define NET_ENDPOINT_H

#include <stdbool.h>

#include "base/text.h"
#include "wire/record.h"

struct endpoint {
	u8 address[16];		/* IPv6, or IPv4 in the first four bytes, then zeros */
	u16 family;		/* AF_INET, AF_INET6; 0: none */
	u16 port;
};
RECORD_SIZE(struct endpoint, 20);

void endpoint_set(struct endpoint *endpoint, u32 family, const u8 *address, u32 port);
bool endpoint_same(const struct endpoint *one, const struct endpoint *other);
bool endpoint_same_address(const struct endpoint *one, const struct endpoint *other);
bool endpoint_is_loopback(const struct endpoint *endpoint);
bool endpoint_is_any(const struct endpoint *endpoint);
/* Multicast, or IPv4's broadcast to all. */
bool endpoint_is_many(const struct endpoint *endpoint);

/* "10.0.0.7", "fe80::1"; "?" without a family. */
void endpoint_add_address(struct text *out, const struct endpoint *endpoint);
/* "10.0.0.7:80", "[fe80::1]:80"; without a port as the address alone. */
void endpoint_add(struct text *out, const struct endpoint *endpoint);

struct cidr {
	struct endpoint base;	/* bits behind the prefix are zero */
	u32 bits;
};

/* "10.0.0.0/8", "fd00::/8", "10.0.0.7": one address. 0 or -EINVAL. An IPv4 address written as IPv6 is IPv4. */
int cidr_parse(const char *text, struct cidr *cidr);
bool cidr_has(const struct cidr *cidr, const struct endpoint *endpoint);

#endif
