/* What the records of dropped packets say. */
#include <net/ethernet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "event/getters.h"
#include "event/words.h"
#include "kernel/drop.h"
#include "wire/drop.h"

#define DROP(event) ((const struct drop_record *)(event)->record)

static bool address(const struct event *event, struct value *value, const u8 *bytes)
{
	return value_address(value, DROP(event)->key.family, bytes);
}

static bool has_ports(const struct event *event)
{
	u8 protocol = DROP(event)->key.protocol;

	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP;
}

bool get_source_address(const struct event *event, struct value *value)
{
	return address(event, value, DROP(event)->key.source);
}

bool get_source_port(const struct event *event, struct value *value)
{
	return has_ports(event) && value_number(value, DROP(event)->key.source_port);
}

bool get_destination_address(const struct event *event, struct value *value)
{
	return address(event, value, DROP(event)->key.destination);
}

bool get_destination_port(const struct event *event, struct value *value)
{
	return has_ports(event) && value_number(value, DROP(event)->key.destination_port);
}

bool get_drop_reason(const struct event *event, struct value *value)
{
	return value_text(value, drop_reason(DROP(event)->key.reason));
}

bool get_interface_name(const struct event *event, struct value *value)
{
	size_t length = strnlen(DROP(event)->interface, sizeof(DROP(event)->interface));

	memcpy(value->scratch, DROP(event)->interface, length);
	value->scratch[length] = '\0';
	return length && value_text(value, value->scratch);
}

bool drop_transport(const struct event *event, struct value *value)
{
	u8 protocol = DROP(event)->key.protocol;

	if (!protocol)
		return false;
	if (word_protocol(protocol))
		return value_text(value, word_protocol(protocol));
	snprintf(value->scratch, sizeof(value->scratch), "%u", protocol);
	return value_text(value, value->scratch);
}

bool drop_type(const struct event *event, struct value *value)
{
	switch (DROP(event)->key.ethertype) {
	case ETHERTYPE_IP:
		return value_text(value, "ipv4");
	case ETHERTYPE_IPV6:
		return value_text(value, "ipv6");
	case ETHERTYPE_ARP:
		return value_text(value, "arp");
	}
	snprintf(value->scratch, sizeof(value->scratch), "0x%04x", DROP(event)->key.ethertype);
	return value_text(value, value->scratch);
}
