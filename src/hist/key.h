/* What a key means to a person, and as JSON. */
#ifndef HIST_KEY_H
#define HIST_KEY_H

#include "base/text.h"
#include "base/wall.h"
#include "event/words.h"
#include "proc/identity.h"
#include "hist/set.h"

/* As bytes that still have to be escaped: "bash[4711]", "vda", "192.0.2.1:443". `name` as in struct histogram. */
void hist_key_label(char label[static HIST_LABEL], enum histogram_by by, const struct histogram_key *key,
		    const char *name, struct identity *identity);
/* REQ_OP_*, of those whose numbers are the same in every kernel. */
extern const struct word hist_operations[];
/* Members of a JSON object that tell the key by the names that events use, each with a comma before it. */
void hist_key_json(struct text *text, enum histogram_by by, const struct hist_entry *entry, struct identity *identity,
		   struct wall *wall);

#endif
