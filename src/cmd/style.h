/* How text goes to a terminal, or to what is none. */
#ifndef CMD_STYLE_H
#define CMD_STYLE_H

#include "books/report.h"

/* As wide as the terminal is now, in colours unless NO_COLOR or TERM=dumb; plain where there is none. */
struct report_style style_of(int fd);

#endif
