/*
 * The terminal is put into its other buffer, without echo or line editing; signals from keys stay. All that signal handlers do is write,
 * tcsetattr and raise, which they may.
 */
#include "base/screen.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/alloc.h"

/* The other buffer, no cursor, no wrapping: a line that is too long by a mistake about widths must not spill over. */
#define ENTER "\033[?1049h\033[?25l\033[?7l\033[2J"
#define LEAVE "\033[?7h\033[0m\033[?25h\033[?1049l"

/* How long the rest of a key's sequence may take over a slow line. */
#define ESCAPE_MS 40
/* How long a terminal that was set not to block may be full. */
#define PATIENCE_MS 500

struct line {
	struct text next, shown;
};

static struct {
	bool open, gone;
	int input;			/* where keys come from */
	bool own_input;			/* opened here */
	struct termios before;
	unsigned int rows, columns;
	struct line *lines;
	struct text out;
	unsigned char keys[64];
	size_t key_count;
} screen;

static volatile sig_atomic_t stale, asked;

/* A terminal that takes nothing for long gets all anew, later. */
static void put(const char *bytes, size_t length)
{
	struct pollfd output = { .fd = STDOUT_FILENO, .events = POLLOUT };

	while (length) {
		ssize_t wrote = write(STDOUT_FILENO, bytes, length);

		if (wrote < 0 && errno != EINTR && (errno != EAGAIN || poll(&output, 1, PATIENCE_MS) != 1)) {
			stale = 1;
			break;
		}
		bytes += wrote > 0 ? wrote : 0;
		length -= wrote > 0 ? wrote : 0;
	}
}

static void enter(void)
{
	struct termios raw = screen.before;

	raw.c_iflag &= ~(ICRNL | IXON | INLCR | IGNCR | ISTRIP);
	raw.c_lflag &= ~(ECHO | ICANON | IEXTEN);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	tcsetattr(screen.input, TCSADRAIN, &raw);
	put(ENTER, sizeof(ENTER) - 1);
	stale = 1;
}

static void leave(void)
{
	put(LEAVE, sizeof(LEAVE) - 1);
	tcsetattr(screen.input, TCSADRAIN, &screen.before);
}

static void die_of(int number)
{
	sigset_t set;

	leave();
	signal(number, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	raise(number);
}

static void on_end(int number)
{
	if (asked)
		die_of(number);
	asked = 1;
}

static void on_resize(int number)
{
	(void)number;
	stale = 1;
}

/* Stops as the default would, with the terminal as it was; goes on below. */
static void on_stop(int number)
{
	struct sigaction again = { .sa_handler = on_stop };
	int error = errno;

	die_of(number);
	sigaction(number, &again, NULL);
	enter();
	errno = error;
}

/* After a stop that could not be seen coming. */
static void on_continue(int number)
{
	int error = errno;

	(void)number;
	enter();
	errno = error;
}

static void handle(int number, void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler };

	sigaction(number, &action, NULL);
}

static void handle_all(bool ours)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP };
	static const int faults[] = { SIGQUIT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGXCPU };

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		handle(ends[i], ours ? on_end : SIG_DFL);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		handle(faults[i], ours ? die_of : SIG_DFL);
	handle(SIGWINCH, ours ? on_resize : SIG_DFL);
	handle(SIGTSTP, ours ? on_stop : SIG_DFL);
	handle(SIGCONT, ours ? on_continue : SIG_DFL);
}

static void find_size(void)
{
	struct winsize size = { 0 };
	unsigned int rows;

	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	rows = size.ws_row ? size.ws_row : 24;
	for (unsigned int i = rows; i < screen.rows; i++) {
		text_free(&screen.lines[i].next);
		text_free(&screen.lines[i].shown);
	}
	screen.lines = xrealloc(screen.lines, rows, sizeof(*screen.lines));
	for (unsigned int i = screen.rows; i < rows; i++)
		screen.lines[i] = (struct line){ 0 };
	screen.rows = rows;
	screen.columns = size.ws_col ? size.ws_col : 80;
}

int screen_open(void)
{
	if (!isatty(STDOUT_FILENO))
		return -ENOTTY;
	screen.own_input = !isatty(STDIN_FILENO);
	screen.input = screen.own_input ? open("/dev/tty", O_RDWR | O_CLOEXEC) : STDIN_FILENO;
	if (screen.input < 0 || tcgetattr(screen.input, &screen.before))
		return -errno;
	screen.open = true;
	handle_all(true);
	enter();
	return 0;
}

void screen_close(void)
{
	if (!screen.open)
		return;
	handle_all(false);
	leave();
	if (screen.own_input)
		close(screen.input);
	for (unsigned int i = 0; i < screen.rows; i++) {
		text_free(&screen.lines[i].next);
		text_free(&screen.lines[i].shown);
	}
	free(screen.lines);
	text_free(&screen.out);
	screen.lines = NULL;
	screen.rows = 0;
	screen.open = false;
}

bool screen_refresh(void)
{
	if (!stale)
		return false;
	stale = 0;
	find_size();
	for (unsigned int i = 0; i < screen.rows; i++)
		text_reset(&screen.lines[i].shown);
	text_reset(&screen.out);
	text_add(&screen.out, "\033[0m\033[2J");
	return true;
}

unsigned int screen_rows(void)
{
	return screen.rows;
}

unsigned int screen_columns(void)
{
	return screen.columns;
}

bool screen_coloured(void)
{
	const char *unwanted = getenv("NO_COLOR");

	return !unwanted || !*unwanted;
}

struct text *screen_line(unsigned int row)
{
	static struct text nowhere;
	struct text *line = row < screen.rows ? &screen.lines[row].next : &nowhere;

	text_reset(line);
	return line;
}

static bool is_same(const struct text *one, const struct text *other)
{
	return one->length == other->length && !memcmp(text_string(one), text_string(other), one->length);
}

bool screen_show(void)
{
	struct pollfd output = { .fd = STDOUT_FILENO, .events = POLLOUT };

	if (poll(&output, 1, 0) != 1 || !(output.revents & POLLOUT)) {
		screen.gone |= output.revents & (POLLHUP | POLLERR | POLLNVAL);
		return !screen.gone;
	}
	for (unsigned int i = 0; i < screen.rows; i++) {
		struct line *line = &screen.lines[i];
		struct text shown = line->shown;

		if (!is_same(&line->next, &shown)) {
			/* erased first: behind a full line the cursor stands on its last character */
			text_add_format(&screen.out, "\033[%u;1H\033[K%s\033[0m", i + 1, text_string(&line->next));
			line->shown = line->next;
			line->next = shown;
		}
		text_reset(&line->next);
	}
	if (screen.out.length)
		put(screen.out.data, screen.out.length);
	text_reset(&screen.out);
	return true;
}

static bool more_keys(int milliseconds)
{
	struct pollfd input = { .fd = screen.input, .events = POLLIN };
	ssize_t got;

	if (screen.key_count == sizeof(screen.keys) || poll(&input, 1, milliseconds) != 1)
		return false;
	got = read(screen.input, screen.keys + screen.key_count, sizeof(screen.keys) - screen.key_count);
	if (got > 0)
		screen.key_count += got;
	else if (!got || errno != EINTR)
		screen.gone |= !got ? input.revents & POLLHUP : errno == EIO;
	return got > 0;
}

static int take(size_t count, int key)
{
	screen.key_count -= count;
	memmove(screen.keys, screen.keys + count, screen.key_count);
	return key;
}

/* ESC [ 1 ; 5 A and the like: numbers, then what kind of key; or ESC O A. */
static int take_sequence(void)
{
	static const struct {
		unsigned char last;
		unsigned int number;
		int key;
	} known[] = {
		{ 'A', 0, SCREEN_KEY_UP },    { 'B', 0, SCREEN_KEY_DOWN },    { 'C', 0, SCREEN_KEY_RIGHT },
		{ 'D', 0, SCREEN_KEY_LEFT },  { 'H', 0, SCREEN_KEY_HOME },    { 'F', 0, SCREEN_KEY_END },
		{ '~', 1, SCREEN_KEY_HOME },  { '~', 4, SCREEN_KEY_END },     { '~', 5, SCREEN_KEY_PAGE_UP },
		{ '~', 6, SCREEN_KEY_PAGE_DOWN }, { '~', 7, SCREEN_KEY_HOME }, { '~', 8, SCREEN_KEY_END },
	};
	unsigned int number = 0;
	size_t at = 2;

	while (at < screen.key_count && (screen.keys[at] < 0x40 || screen.keys[at] > 0x7e)) {
		if (screen.keys[at] >= '0' && screen.keys[at] <= '9' && number < 100)
			number = number * 10 + screen.keys[at] - '0';
		at++;
	}
	if (at == screen.key_count)
		return take(at, SCREEN_KEY_OTHER);
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (screen.keys[at] == known[i].last && (!known[i].number || known[i].number == number))
			return take(at + 1, known[i].key);
	return take(at + 1, SCREEN_KEY_OTHER);
}

int screen_key(void)
{
	if (!screen.key_count && !more_keys(0))
		return SCREEN_KEY_NONE;
	if (screen.keys[0] == '\b')
		return take(1, SCREEN_KEY_BACKSPACE);
	if (screen.keys[0] == '\n')
		return take(1, SCREEN_KEY_ENTER);
	if (screen.keys[0] != 27)
		return take(1, screen.keys[0]);
	while (screen.key_count < 3 && more_keys(ESCAPE_MS))
		;
	if (screen.key_count >= 2 && (screen.keys[1] == '[' || screen.keys[1] == 'O'))
		return take_sequence();
	return take(1, SCREEN_KEY_ESCAPE);
}

bool screen_ended(void)
{
	return asked || screen.gone;
}
