#include "lang/gen_inside.h"
u32 gen_indexes(struct gen *gen, const struct gen_case **cases, u32 count) { (void)gen;(void)cases; return count; }
