/* What a descriptor leads to, for commands that lay out what they print. */
#ifndef CMD_TERMINAL_H
#define CMD_TERMINAL_H

#include "report/report.h"

/* As wide as output_width says; colour only on a terminal, and not with $NO_COLOR. */
struct report_style terminal_style(int fd);

#endif
