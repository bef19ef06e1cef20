#include "cmd/output.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/message.h"
#include "cmd/stop.h"

#define MUCH 65536

void output_mark(struct output *output, unsigned char mark)
{
	text_add_char(&output->marks, mark);
}

/* Of what was gathered the first `done` bytes were written. */
static void count_unwritten(struct output *output, size_t done)
{
	size_t line = 0;

	for (size_t i = 0; i < done; i++)
		line += output->text.data[i] == '\n';
	for (; line < output->marks.length; line++)
		output->unwritten[(unsigned char)output->marks.data[line]]++;
}

bool output_flush(struct output *output)
{
	int fd = output->to_error ? STDERR_FILENO : STDOUT_FILENO;
	size_t done = 0;

	while (done < output->text.length && !output->error) {
		ssize_t wrote = write(fd, output->text.data + done, output->text.length - done);

		if (wrote >= 0) {
			done += wrote;
			behind_wrote(&output->behind, fd, wrote);
			continue;
		}
		if (errno != EINTR)
			output->error = errno;
		else if (stop_asked() && !done)	/* what was begun is ended: no line is cut */
			break;
	}
	if (output->unwritten && done < output->text.length && output->error != EPIPE)
		count_unwritten(output, done);
	text_reset(&output->text);
	text_reset(&output->marks);
	return !output->error;
}

bool output_reader_left(void)
{
	struct pollfd standard = { .fd = STDOUT_FILENO };

	return poll(&standard, 1, 0) == 1 && standard.revents & POLLERR;
}

bool output_some(struct output *output)
{
	return output->text.length < MUCH ? !output->error : output_flush(output);
}

unsigned int output_width(int fd)
{
	const char *columns = getenv("COLUMNS");
	unsigned int width = columns ? strtoul(columns, NULL, 10) : 0;
	struct winsize size;

	if (!isatty(fd))
		return 0;
	if (!width && !ioctl(fd, TIOCGWINSZ, &size))
		width = size.ws_col;
	return width;
}

int output_end(struct output *output)
{
	output_flush(output);
	behind_end(&output->behind);
	text_free(&output->text);
	text_free(&output->marks);
	if (!output->error || output->error == EPIPE)
		return 0;
	message_error("cannot write to standard %s: %s", output->to_error ? "error" : "output", strerror(output->error));
	return 1;
}
