/*
 * Records of fixed size of kinds that are filtered. Without a filter they are filled where they lie in the lane; with one, in
 * scratch memory, because what is rejected must not take room. A slot is taken even where programs run with preemption off:
 * interrupts have events too.
 */
#ifndef SONDE_BPF_DRAFT_H
#define SONDE_BPF_DRAFT_H

#include "scratch.h"

/* NULL when lost; it is counted. *slot is for draft_end. */
#define draft_begin(lane, kind_, type, slot)                                                    \
	({                                                                                      \
		type *begun_ = NULL;                                                            \
		if (!emit_asks(kind_)) {                                                        \
			begun_ = emit_reserve(lane, kind_, type);                               \
		} else if (emit_begin(kind_, (void *)&(lane) == (void *)&life)) {               \
			*(slot) = scratch_take();                                               \
			if (*(slot))                                                            \
				begun_ = (void *)scratch_get(*(slot));                          \
			if (!begun_)                                                            \
				emit_lost(kind_, LOSS_SCRATCH_BUSY);                            \
		}                                                                               \
		begun_;                                                                         \
	})

#define draft_end(lane, kind_, record_, slot)                                                   \
	({                                                                                      \
		if (!emit_asks(kind_)) {                                                        \
			emit_submit(lane, record_);                                             \
		} else {                                                                        \
			emit_put_if_wanted(lane, kind_, record_, sizeof(*(record_)));           \
			scratch_release(slot);                                                  \
		}                                                                               \
	})

#endif
