#define _GNU_SOURCE
#include "event/words.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "wire/net.h"

const char *word_errno(int error)
{
	return strerrorname_np(error);
}

const char *word_attempt(int error)
{
	switch (error) {
	case 0:
		return NULL;
	case ECONNREFUSED:
		return "refused";
	case ETIMEDOUT:
		return "timed out";
	case ENETUNREACH:
	case EHOSTUNREACH:
	case ENETDOWN:
	case EHOSTDOWN:
		return "unreachable";
	case EPERM:
	case EACCES:
		return "denied by policy";
	case ECONNRESET:
		return "reset";
	case ECANCELED:
		return "given up";
	case EADDRNOTAVAIL:
		return "no address or port left";
	}
	return word_errno(error);
}

const char *word_signal(int signal)
{
	static char name[16];
	const char *abbreviation = sigabbrev_np(signal);

	if (signal == SIGIO)	/* to the C library it is SIGPOLL, to people and the kernel not */
		snprintf(name, sizeof(name), "SIGIO");
	else if (abbreviation)
		snprintf(name, sizeof(name), "SIG%s", abbreviation);
	else if (signal == 34)
		return "SIGRTMIN"; /* 32 and 33 are the C library's own */
	else if (signal == 64)
		return "SIGRTMAX";
	else if (signal > 34 && signal < 64)
		snprintf(name, sizeof(name), "SIGRTMIN+%d", signal - 34);
	else if (signal == 32 || signal == 33)
		snprintf(name, sizeof(name), "SIG%d", signal);
	else
		return NULL;
	return name;
}

const char *word_capability(int capability)
{
	static const char *const names[] = {
		"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL",
		"CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE",
		"CAP_NET_BROADCAST", "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER",
		"CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT", "CAP_SYS_PTRACE", "CAP_SYS_PACCT",
		"CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE", "CAP_SYS_TIME",
		"CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
		"CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM",
		"CAP_BLOCK_SUSPEND", "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
	};

	return capability >= 0 && capability < (int)(sizeof(names) / sizeof(names[0])) ? names[capability] : NULL;
}

const char *word_loss(int cause)
{
	static const char *const names[LOSS_CAUSES] = {
		[LOSS_RING_FULL] = "ring_full",	  [LOSS_SCRATCH_BUSY] = "scratch_busy",
		[LOSS_TOO_LARGE] = "too_large",	  [LOSS_MISSED] = "missed",
		[LOSS_UNREADABLE] = "unreadable", [LOSS_TABLE_FULL] = "table_full",
	};

	return cause >= 0 && cause < LOSS_CAUSES ? names[cause] : NULL;
}

const struct word words_transport[] = {
	{ "tcp", NET_TCP, 0 }, { "udp", NET_UDP, 0 }, { "unix", NET_UNIX, 0 }, { "icmp", NET_ICMP, 0 }, { NULL, 0, 0 },
};

const char *word_transport(unsigned int transport)
{
	return word_of(words_transport, transport);
}

const struct word words_protocol[] = {
	{ "tcp", IPPROTO_TCP, 0 }, { "udp", IPPROTO_UDP, 0 }, { "icmp", IPPROTO_ICMP, 0 }, { "igmp", IPPROTO_IGMP, 0 },
	{ "sctp", IPPROTO_SCTP, 0 }, { NULL, 0, 0 },
};

const char *word_protocol(unsigned int protocol)
{
	return word_of(words_protocol, protocol == IPPROTO_ICMPV6 ? IPPROTO_ICMP : protocol);
}

const char *word_failure(int site)
{
	static const char *const names[FAILURE_SITES] = {
		[FAILURE_WATCH] = "watch",
		[FAILURE_ARGUMENTS] = "arguments",
		[FAILURE_CONNECTION] = "connection",
		[FAILURE_LISTENER] = "listener",
		[FAILURE_NAME] = "name",
	};

	return site >= 0 && site < FAILURE_SITES ? names[site] : NULL;
}

const char *word_of(const struct word *words, u64 number)
{
	for (; words->text; words++)
		if ((words->mask ? number & words->mask : number) == words->value)
			return words->text;
	return NULL;
}

bool value_text(struct value *value, const char *text)
{
	if (!text || !*text)
		return false;
	value->bytes = (struct bytes){ .data = text, .length = strlen(text) };
	return true;
}

bool value_number(struct value *value, u64 number)
{
	value->number = number;
	return true;
}

bool value_address(struct value *value, u16 family, const u8 *bytes)
{
	if (family != AF_INET && family != AF_INET6)
		return false;
	value->family = family;
	memcpy(value->address, bytes, sizeof(value->address));
	return true;
}

void value_add_word(struct value *value, const char *word)
{
	size_t length = strlen(word) + 1;

	if (value->bytes.data != value->scratch)
		value->bytes = (struct bytes){ .data = value->scratch };
	if (value->bytes.length + length > sizeof(value->scratch))
		return;
	memcpy(value->scratch + value->bytes.length, word, length);
	value->bytes.length += length;
}
