#include "cmd/style.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/output.h"

struct report_style style_of(int fd)
{
	const char *terminal = getenv("TERM");

	return (struct report_style){
		.width = output_width(fd),
		.colour = isatty(fd) && !getenv("NO_COLOR") && (!terminal || strcmp(terminal, "dumb")),
	};
}
