/*
 * A terminal as a whole screen: lines are filled in, and those that changed are written, all in one write. Without any library, by the
 * sequences that every terminal since the VT100 knows. The terminal is put back as it was at every end but SIGKILL, and around a stop.
 *
 * There is one terminal, so there is one screen.
 */
#ifndef BASE_SCREEN_H
#define BASE_SCREEN_H

#include <stdbool.h>

#include "base/text.h"

enum screen_key {
	SCREEN_KEY_NONE = 0,
	/* below 256: a byte as typed; a character of several bytes comes as several keys */
	SCREEN_KEY_ENTER = '\r',
	SCREEN_KEY_ESCAPE = 27,
	SCREEN_KEY_BACKSPACE = 127,
	SCREEN_KEY_UP = 256,
	SCREEN_KEY_DOWN,
	SCREEN_KEY_LEFT,
	SCREEN_KEY_RIGHT,
	SCREEN_KEY_PAGE_UP,
	SCREEN_KEY_PAGE_DOWN,
	SCREEN_KEY_HOME,
	SCREEN_KEY_END,
	SCREEN_KEY_OTHER,	/* a key that is none of these */
};

/* 0, or -errno: standard output is no terminal, or there is none to read keys from. */
int screen_open(void);
void screen_close(void);

/* Looks at the terminal's size again. True: it changed, or all has to be written anew, for example after a stop. */
bool screen_refresh(void);
unsigned int screen_rows(void);
unsigned int screen_columns(void);
/* Whether colours are wanted: not where NO_COLOR is set and not empty. */
bool screen_coloured(void);

/*
 * A line, emptied, to be filled with at most screen_columns() columns; it may hold sequences for colours. Rows count from 0. What is
 * not filled before screen_show is empty.
 */
struct text *screen_line(unsigned int row);
/* False: the terminal is gone. A terminal that takes nothing at the moment gets the next picture. */
bool screen_show(void);

/* The next key, SCREEN_KEY_NONE if there is none. */
int screen_key(void);
/* A signal asked for the end, or the terminal is gone. A second such signal ends the program at once. */
bool screen_ended(void);

#endif
