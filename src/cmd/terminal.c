#include "cmd/terminal.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

struct report_style terminal_style(void)
{
	const char *columns = getenv("COLUMNS"), *terminal = getenv("TERM");
	struct report_style style = { .width = columns ? strtoul(columns, NULL, 10) : 0 };
	struct winsize size;

	if (!isatty(STDOUT_FILENO))
		return style;
	style.colour = !getenv("NO_COLOR") && (!terminal || strcmp(terminal, "dumb"));
	if (!style.width && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size))
		style.width = size.ws_col;
	return style;
}
