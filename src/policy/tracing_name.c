/* Names that TracingPolicy files give to numbers. System calls come from the headers this was compiled with (gen/calls.h). */
#define _GNU_SOURCE

#include <errno.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/nearest.h"
#include "event/words.h"
#include "policy/tracing.h"

struct name {
	const char *name;
	u32 number;
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

const char *const tracing_namespaces[] = {
	[POLICY_UTS] = "Uts", [POLICY_IPC] = "Ipc", [POLICY_MNT] = "Mnt", [POLICY_PID] = "Pid",
	[POLICY_PID_FOR_CHILDREN] = "PidForChildren", [POLICY_NET] = "Net", [POLICY_TIME] = "Time",
	[POLICY_TIME_FOR_CHILDREN] = "TimeForChildren", [POLICY_CGROUP] = "Cgroup", [POLICY_USER] = "User", NULL,
};

/* Gaps, of which there are few, are numbers nobody needs by name. */
#define FAMILIES(X)                                                                                                    \
	X(UNSPEC) X(UNIX) X(LOCAL) X(INET) X(AX25) X(IPX) X(APPLETALK) X(NETROM) X(BRIDGE) X(ATMPVC) X(X25) X(INET6)   \
	X(ROSE) X(NETBEUI) X(SECURITY) X(KEY) X(NETLINK) X(ROUTE) X(PACKET) X(ASH) X(ECONET) X(ATMSVC) X(RDS) X(SNA)   \
	X(IRDA) X(PPPOX) X(WANPIPE) X(LLC) X(IB) X(MPLS) X(CAN) X(TIPC) X(BLUETOOTH) X(IUCV) X(RXRPC) X(ISDN)          \
	X(PHONET) X(IEEE802154) X(CAIF) X(ALG) X(NFC) X(VSOCK) X(KCM) X(QIPCRTR) X(SMC) X(XDP)
#define PROTOCOLS(X)                                                                                                   \
	X(IP) X(ICMP) X(IGMP) X(IPIP) X(TCP) X(EGP) X(PUP) X(UDP) X(IDP) X(TP) X(DCCP) X(IPV6) X(RSVP) X(GRE) X(ESP)   \
	X(AH) X(MTP) X(BEETPH) X(ENCAP) X(PIM) X(COMP) X(SCTP) X(UDPLITE) X(MPLS) X(ETHERNET) X(RAW) X(MPTCP) X(ICMPV6)
/* The kernel's own; <netinet/tcp.h> has no TCP_NEW_SYN_RECV. */
#define STATES(X)                                                                                                      \
	X(ESTABLISHED, 1) X(SYN_SENT, 2) X(SYN_RECV, 3) X(FIN_WAIT1, 4) X(FIN_WAIT2, 5) X(TIME_WAIT, 6) X(CLOSE, 7)    \
	X(CLOSE_WAIT, 8) X(LAST_ACK, 9) X(LISTEN, 10) X(CLOSING, 11) X(NEW_SYN_RECV, 12)

#ifndef IPPROTO_ETHERNET
#define IPPROTO_ETHERNET 143
#endif
#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

#define WORD(name) "AF_" #name,
const char *const tracing_families[] = { FAMILIES(WORD) NULL };
#undef WORD
#define WORD(name) "IPPROTO_" #name,
const char *const tracing_protocols[] = { PROTOCOLS(WORD) NULL };
#undef WORD
#define WORD(name, number) "TCP_" #name,
const char *const tracing_states[] = { STATES(WORD) NULL };
#undef WORD
#define VALUE(name) AF_##name,
static const u32 family_numbers[] = { FAMILIES(VALUE) };
#undef VALUE
#define VALUE(name) IPPROTO_##name,
static const u32 protocol_numbers[] = { PROTOCOLS(VALUE) };
#undef VALUE
#define VALUE(name, number) number,
static const u32 state_numbers[] = { STATES(VALUE) };
#undef VALUE

bool tracing_parse_number(const char *text, u64 *number, bool *negative)
{
	char *end;

	*negative = *text == '-';
	text += *text == '-' || *text == '+';
	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*number = strtoull(text, &end, 0);
	if (errno || *end || (*negative && *number > 1ULL << 63))
		return false;
	if (*negative)
		*number = -*number;
	return true;
}

static bool named(const char *text, const char *const *names, const u32 *numbers, u64 *number)
{
	bool negative;

	for (size_t i = 0; names[i]; i++)
		if (!strcasecmp(text, names[i])) {
			*number = numbers[i];
			return true;
		}
	return tracing_parse_number(text, number, &negative) && !negative && *number <= 0xffff;
}

bool tracing_family(const char *text, u64 *number)
{
	return named(text, tracing_families, family_numbers, number);
}

bool tracing_protocol(const char *text, u64 *number)
{
	return named(text, tracing_protocols, protocol_numbers, number);
}

bool tracing_state(const char *text, u64 *number)
{
	return named(text, tracing_states, state_numbers, number);
}

bool tracing_capability(const char *text, u64 *number)
{
	bool prefixed = !strncasecmp(text, "CAP_", 4);

	for (u32 i = 0; i <= CAP_LAST_CAP; i++)
		if (!strcasecmp(text, word_capability(i) + (prefixed ? 0 : 4))) {
			*number = i;
			return true;
		}
	return false;
}

/* gen/calls.h: CALL(name, number) of this machine's programs, CALL32(name, number) of 32-bit ones if it runs such. */
static const struct name calls[] = {
#define CALL(name, number) { #name, number },
#define CALL32(name, number)
#include "calls.h"
#undef CALL
#undef CALL32
};

static const struct name calls32[] = {
#define CALL(name, number)
#define CALL32(name, number) { "i386/" #name, number },
#include "calls.h"
#undef CALL
#undef CALL32
	{ NULL, 0 },
};

s64 tracing_call_number(const char *name)
{
	for (size_t i = 0; i < COUNT(calls); i++)
		if (!strcmp(calls[i].name, name))
			return calls[i].number;
	for (size_t i = 0; calls32[i].name; i++)
		if (!strcmp(calls32[i].name, name))
			return calls32[i].number | 0x80000000LL;
	return -1;
}

const char *tracing_call_name(struct tracing *tracing, const char *text)
{
	static const struct {
		const char *before;
		bool is_32;
	} spellings[] = {
		{ "sys_", false }, { "__x64_sys_", false }, { "__arm64_sys_", false }, { "x64/sys_", false }, { "arm64/sys_", false },
		{ "__ia32_sys_", true }, { "__ia32_compat_sys_", true }, { "i386/sys_", true }, { "arm32/sys_", true },
		{ "__arm64_compat_sys_", true },
	};

	for (size_t i = 0; i < COUNT(spellings); i++) {
		size_t length = strlen(spellings[i].before), room = strlen(text) + 6;
		char *name;

		if (strncmp(text, spellings[i].before, length))
			continue;
		name = tracing_get(tracing, room);
		snprintf(name, room, "%s%s", spellings[i].is_32 ? "i386/" : "", text + length);
		/* What the headers call otherwise than the function. */
		if (!strcmp(name, "newuname"))
			strcpy(name, "uname");
		return name;
	}
	return NULL;
}

const char *tracing_nearest_call(const char *name)
{
	static char nearest[64];
	unsigned int least = NEAREST_TOO_FAR;

	for (size_t i = 0; i < COUNT(calls); i++) {
		unsigned int distance = nearest_distance(name, calls[i].name);

		if (distance < least) {
			least = distance;
			snprintf(nearest, sizeof(nearest), "sys_%s", calls[i].name);
		}
	}
	return least < NEAREST_TOO_FAR ? nearest : NULL;
}

const char *const *tracing_all_calls(u32 *count)
{
	static const char *names[COUNT(calls) + 1];

	for (size_t i = 0; i < COUNT(calls); i++)
		names[i] = calls[i].name;
	*count = COUNT(calls);
	return names;
}
