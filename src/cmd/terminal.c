/* A terminal that is not known to be dumb takes colour. */
#include "cmd/terminal.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/screen.h"
#include "cmd/output.h"

struct report_style terminal_style(int fd)
{
	const char *terminal = getenv("TERM");

	return (struct report_style){
		.width = output_width(fd),
		.colour = isatty(fd) && screen_coloured() && (!terminal || strcmp(terminal, "dumb")),
	};
}
