/* All records, for those who need every kind's size. */
#ifndef SONDE_WIRE_SIZES_H
#define SONDE_WIRE_SIZES_H

#include "change.h"
#include "drop.h"
#include "flow.h"
#include "health.h"
#include "net.h"
#include "oom.h"
#include "open.h"
#include "policy.h"
#include "process.h"
#include "signal.h"

#endif
