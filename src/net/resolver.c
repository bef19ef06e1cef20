/* DNS as far as it is needed (RFC 1035): one question for a PTR record, and the first such record of the answer. */
#include "net/resolver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/message.h"

#define UNDER_WAY 64
#define PATIENCE_NS 2000000000ULL
#define TIMES 3			/* that a question is put: datagrams get lost */
#define TYPE_PTR 12
#define CLASS_IN 1
#define HEADER 12
#define JUMPS_MOST 16

struct question {
	struct endpoint endpoint;
	u16 number;
	u8 times;		/* it was put; 0: free */
	u64 since;		/* the first look for an answer; 0: none yet */
};

struct resolver {
	int socket;
	struct question questions[UNDER_WAY];
};

/* "nameserver 10.0.0.1" */
static bool find_server(const char *path, struct endpoint *server)
{
	FILE *file = fopen(path, "re");
	char line[256], address[64];
	bool found = false;

	while (file && !found && fgets(line, sizeof(line), file)) {
		struct cidr one;

		if (sscanf(line, " nameserver %63s", address) != 1 || strchr(address, '/') || cidr_parse(address, &one))
			continue;
		*server = one.base;
		server->port = 53;
		found = true;
	}
	if (file)
		fclose(file);
	return found;
}

static int open_socket(const struct endpoint *server)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(server->port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(server->port) };
	bool is_v4 = server->family == AF_INET;
	int fd = socket(server->family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	memcpy(&v4.sin_addr, server->address, sizeof(v4.sin_addr));
	memcpy(&v6.sin6_addr, server->address, sizeof(v6.sin6_addr));
	/* Connected, so that only the server is heard. */
	if (fd >= 0 && connect(fd, is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6, is_v4 ? sizeof(v4) : sizeof(v6))) {
		close(fd);
		return -1;
	}
	return fd;
}

struct resolver *resolver_new(const char *path)
{
	struct resolver *resolver;
	struct endpoint server;
	int fd;

	path = path ? path : "/etc/resolv.conf";
	if (!find_server(path, &server)) {
		message_warn("no name server in %s: addresses stay as they are", path);
		return NULL;
	}
	fd = open_socket(&server);
	if (fd < 0) {
		message_warn("cannot ask the name server of %s: %s; addresses stay as they are", path, strerror(errno));
		return NULL;
	}
	resolver = xcalloc(1, sizeof(*resolver));
	resolver->socket = fd;
	return resolver;
}

void resolver_free(struct resolver *resolver)
{
	if (!resolver)
		return;
	close(resolver->socket);
	free(resolver);
}

static u8 *add_label(u8 *at, const char *label)
{
	size_t length = strlen(label);

	*at = length;
	memcpy(at + 1, label, length);
	return at + 1 + length;
}

/* 7.0.0.10.in-addr.arpa, or the nibbles of IPv6 below ip6.arpa. */
static u8 *add_reverse_name(u8 *at, const struct endpoint *endpoint)
{
	bool v4 = endpoint->family == AF_INET;
	char label[4];

	for (int i = v4 ? 3 : 15; i >= 0; i--) {
		snprintf(label, sizeof(label), v4 ? "%u" : "%x", v4 ? endpoint->address[i] : endpoint->address[i] & 15);
		at = add_label(at, label);
		if (v4)
			continue;
		snprintf(label, sizeof(label), "%x", endpoint->address[i] >> 4);
		at = add_label(at, label);
	}
	at = add_label(at, v4 ? "in-addr" : "ip6");
	at = add_label(at, "arpa");
	*at = 0;
	return at + 1;
}

/* One that cannot be sent is one that is not answered. */
static void put(const struct resolver *resolver, struct question *question)
{
	u8 message[HEADER + 128] = { [2] = 1, [5] = 1 };	/* recursion is wanted; one question */
	u8 *at;

	message[0] = question->number >> 8;
	message[1] = question->number;
	at = add_reverse_name(message + HEADER, &question->endpoint);
	at[1] = TYPE_PTR;
	at[3] = CLASS_IN;
	at[0] = at[2] = 0;
	send(resolver->socket, message, at + 4 - message, 0);
	question->times++;
	question->since = 0;
}

bool resolver_ask(struct resolver *resolver, const struct endpoint *endpoint)
{
	struct question *question = resolver->questions;

	while (question < resolver->questions + UNDER_WAY && question->times)
		question++;
	if (question == resolver->questions + UNDER_WAY)
		return false;
	/* Whoever guesses the number could answer in the server's place. */
	if (getrandom(&question->number, sizeof(question->number), GRND_NONBLOCK) != sizeof(question->number))
		return false;
	question->endpoint = *endpoint;
	put(resolver, question);
	return true;
}

/* Behind a name; NULL: it does not end. */
static const u8 *skip_name(const u8 *at, const u8 *end)
{
	while (at < end && *at) {
		if (*at >= 0xc0)
			return end - at >= 2 ? at + 2 : NULL;
		at += 1 + *at;
	}
	return at < end ? at + 1 : NULL;
}

/* A name with its jumps to where parts of it stand already; those only go back, and are counted. */
static int read_name(const u8 *message, size_t length, size_t at, char name[static RESOLVER_NAME])
{
	size_t used = 0;

	for (u32 jumps = 0; at < length;) {
		u8 part = message[at];

		if (!part) {
			name[used ? used - 1 : 0] = '\0';
			return used ? 0 : -ENOENT;
		}
		if (part >= 0xc0) {
			if (at + 1 >= length || ++jumps > JUMPS_MOST)
				return -EBADMSG;
			at = (part & 0x3f) << 8 | message[at + 1];
			continue;
		}
		if (part > 63 || at + 1 + part > length || used + part + 1 >= RESOLVER_NAME)
			return -EBADMSG;
		memcpy(name + used, message + at + 1, part);
		used += part;
		name[used++] = '.';
		at += 1 + part;
	}
	return -EBADMSG;
}

static u32 read16(const u8 *at)
{
	return at[0] << 8 | at[1];
}

int resolver_parse(const u8 *message, size_t length, char name[static RESOLVER_NAME])
{
	const u8 *at = message + HEADER, *end = message + length;

	name[0] = '\0';
	if (length < HEADER || !(message[2] & 0x80))
		return -EBADMSG;
	if (message[3] & 15)
		return -ENOENT;
	for (u32 questions = read16(message + 4); questions; questions--) {
		at = skip_name(at, end);
		if (!at || end - at < 4)
			return -EBADMSG;
		at += 4;
	}
	for (u32 answers = read16(message + 6); answers; answers--) {
		u32 type, size;

		at = skip_name(at, end);
		if (!at || end - at < 10)
			return -EBADMSG;
		type = read16(at);
		size = read16(at + 8);
		at += 10;
		if (size > (size_t)(end - at))
			return -EBADMSG;
		if (type == TYPE_PTR)
			return read_name(message, length, at - message, name);
		at += size;
	}
	return -ENOENT;
}

static struct question *find(struct resolver *resolver, u32 number)
{
	for (u32 i = 0; i < UNDER_WAY; i++)
		if (resolver->questions[i].times && resolver->questions[i].number == number)
			return &resolver->questions[i];
	return NULL;
}

/* Was it put for the last time, and nobody answered? */
static bool is_over(struct resolver *resolver, struct question *question, u64 now)
{
	if (!question->since)
		question->since = now;
	if (now < question->since + PATIENCE_NS)
		return false;
	if (question->times >= TIMES)
		return true;
	put(resolver, question);
	return false;
}

bool resolver_answer(struct resolver *resolver, u64 now, struct endpoint *endpoint, char name[static RESOLVER_NAME])
{
	struct question *question;
	u8 message[4096];
	ssize_t length;

	while ((length = recv(resolver->socket, message, sizeof(message), 0)) >= 0) {
		question = length >= HEADER ? find(resolver, read16(message)) : NULL;
		if (!question)
			continue;
		if (resolver_parse(message, length, name))
			name[0] = '\0';
		goto answered;
	}
	for (question = resolver->questions; question < resolver->questions + UNDER_WAY; question++)
		if (question->times && is_over(resolver, question, now)) {
			name[0] = '\0';
			goto answered;
		}
	return false;
answered:
	*endpoint = question->endpoint;
	question->times = 0;
	return true;
}
