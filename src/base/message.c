/*
 * The line is built whole and written at once, so that lines of several processes (tests run many)
 * never mix. Without memory for that, the bare format still gets out.
 */
#include "base/message.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/escape.h"
#include "base/text.h"

static void message_write(const char *bytes, size_t count)
{
	while (count) {
		ssize_t written = write(STDERR_FILENO, bytes, count);

		if (written < 0 && errno == EINTR)
			continue;
		/* There is nowhere left to complain to. */
		if (written <= 0)
			return;
		bytes += written;
		count -= written;
	}
}

static void message_say(const char *prefix, const char *format, va_list arguments)
	__attribute__((format(printf, 2, 0)));
static void message_say(const char *prefix, const char *format, va_list arguments)
{
	struct text raw = {0}, line = {0};
	int saved = errno;

	text_add_arguments(&raw, format, arguments);
	text_add(&line, prefix);
	escape_terminal(&line, text_string(&raw), raw.length);
	text_add_char(&line, '\n');
	if (raw.failed || line.failed) {
		text_reset(&line);
		message_write(prefix, strlen(prefix));
		message_write(format, strlen(format));
		message_write("\n", 1);
	}
	message_write(text_string(&line), line.length);
	text_free(&line);
	text_free(&raw);
	errno = saved;
}

void message_error(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	message_say("sonde: ", format, arguments);
	va_end(arguments);
}

void message_warn(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	message_say("sonde: warning: ", format, arguments);
	va_end(arguments);
}

void message_note(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	message_say("sonde: ", format, arguments);
	va_end(arguments);
}
