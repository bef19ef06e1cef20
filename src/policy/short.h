/*
 * The short form of a policy, which a person can write from memory (docs/policies.md):
 *
 *	name: no-metadata
 *	when: connect
 *	if: peer.address == 169.254.169.254 and user.id >= 1000
 *	then: deny
 *
 * A file holds one such mapping, or a list of them.
 */
#ifndef POLICY_SHORT_H
#define POLICY_SHORT_H

#include "base/document.h"
#include "policy/policy.h"

struct policies {
	struct policy **list;
	size_t count;
};

/*
 * Adds the policies of a document, whose text is `bytes`, to the list. 0, or -1 with the mistake in the document; then none
 * of it was added.
 */
int short_read(struct document *document, const char *bytes, size_t length, const char *file, struct policies *policies);

#endif
