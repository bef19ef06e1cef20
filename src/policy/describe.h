/* What a policy would be on a kernel: where its hooks hang, what is lost by it, what it may enforce, what it asks. */
#ifndef POLICY_DESCRIBE_H
#define POLICY_DESCRIBE_H

#include "base/jot.h"
#include "policy/place.h"

/* Both return false if some hook cannot be put anywhere, and say why. The policy was resolved for that kernel. */
bool policy_describe(const struct policy *policy, struct policy_kernel *kernel, struct text *out);
bool policy_describe_json(const struct policy *policy, struct policy_kernel *kernel, struct jot *jot);

#endif
