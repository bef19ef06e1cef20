/* A terminal that is not known to be dumb takes colour. */
#include "cmd/terminal.h"

#include <stdlib.h>
#include <unistd.h>

#include "cmd/output.h"

struct report_style terminal_style(void)
{
	const char *terminal = getenv("TERM");

	return (struct report_style){
		.width = output_width(),
		.colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR") && (!terminal || strcmp(terminal, "dumb")),
	};
}
