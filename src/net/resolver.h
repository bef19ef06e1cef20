/*
 * Asks a name server which name an address has: one datagram out, one back, and nobody waits. The C library would wait, and a static program
 * cannot use its name services.
 */
#ifndef NET_RESOLVER_H
#define NET_RESOLVER_H

#include "net/endpoint.h"

#define RESOLVER_NAME 256

struct resolver;

/* NULL: there is no name server, and it was said. `path` NULL: /etc/resolv.conf. */
struct resolver *resolver_new(const char *path);
void resolver_free(struct resolver *resolver);

/* False: too many questions are under way; ask again later. */
bool resolver_ask(struct resolver *resolver, const struct endpoint *endpoint);
/* The next answer that came; name "": there is none, or nobody answered in time. False: nothing more for now. */
bool resolver_answer(struct resolver *resolver, u64 now, struct endpoint *endpoint, char name[static RESOLVER_NAME]);

/* The name in an answer; -EBADMSG, -ENOENT: it says there is none. */
int resolver_parse(const u8 *message, size_t length, char name[static RESOLVER_NAME]);

#endif
