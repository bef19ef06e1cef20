/*
 * What user space decides before loading. They stand in .rodata, so the verifier knows them and removes the code of
 * what was not asked for. Defined in lanes.bpf.c.
 */
#ifndef SONDE_BPF_SETTINGS_H
#define SONDE_BPF_SETTINGS_H

#include "../../wire/settings.h"

extern const volatile struct settings settings;

#endif
