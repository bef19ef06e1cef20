/* A list takes the keys that are its own; a filter that is being typed takes all. */
#include "base/pane.h"

#include <string.h>

#include "base/columns.h"
#include "base/escape.h"

static void type(struct pane *pane, int key)
{
	size_t length = strlen(pane->filter);

	if (key == SCREEN_KEY_ENTER) {
		pane->typing = false;
	} else if (key == SCREEN_KEY_ESCAPE) {
		pane->typing = false;
		pane->filter[0] = '\0';
	} else if (key == SCREEN_KEY_BACKSPACE) {
		while (length && ((unsigned char)pane->filter[length - 1] & 0xc0) == 0x80)
			length--;
		pane->filter[length ? length - 1 : 0] = '\0';
	} else if (key >= ' ' && key < 256 && length + 1 < sizeof(pane->filter)) {
		pane->filter[length] = key;
		pane->filter[length + 1] = '\0';
	}
	pane->scroll = 0;
}

static enum pane_result scroll(struct pane *pane, int key)
{
	size_t page = pane->page ? pane->page : 1;

	switch (key) {
	case SCREEN_KEY_UP:
		pane->scroll -= pane->scroll ? 1 : 0;
		return PANE_DONE;
	case SCREEN_KEY_DOWN:
		pane->scroll++;
		return PANE_DONE;
	case SCREEN_KEY_PAGE_UP:
		pane->scroll -= pane->scroll < page ? pane->scroll : page;
		return PANE_DONE;
	case SCREEN_KEY_PAGE_DOWN:
		pane->scroll += page;
		return PANE_DONE;
	case SCREEN_KEY_HOME:
		pane->scroll = 0;
		return PANE_DONE;
	case SCREEN_KEY_END:
		pane->scroll = pane->count;
		return PANE_DONE;
	}
	return PANE_NOT_MINE;
}

enum pane_result pane_key(struct pane *pane, int key)
{
	if (pane->typing)
		type(pane, key);
	else if (key == 'q')
		return PANE_QUIT;
	else if (pane->help || key == '?' || key == 'h')
		pane->help = !pane->help;
	else if (key == '/')
		pane->typing = true;
	else if (key == SCREEN_KEY_ESCAPE)
		pane->filter[0] = '\0';
	else if (key == ' ' || key == 'f')
		pane->frozen = !pane->frozen;
	else
		return scroll(pane, key);
	return PANE_DONE;
}

void pane_settle(struct pane *pane, size_t count, size_t page)
{
	pane->count = count;
	pane->page = page;
	if (pane->scroll + page > count)
		pane->scroll = count > page ? count - page : 0;
}

void pane_line(unsigned int row, const struct text *text, const char *style)
{
	struct text *line = screen_line(row);

	text_add(line, style);
	columns_cut(line, text_string(text), text->length, screen_columns());
}

void pane_parts(unsigned int row, struct text *text, const char *style)
{
	size_t whole = text->length, length = whole;

	while (columns_of(text_string(text), length) > screen_columns()) {
		while (length > 1 && strncmp(text_string(text) + length - 1, "  ", 2))
			length--;
		while (length && text_string(text)[length - 1] == ' ')
			length--;
		if (length < 2)
			break;
	}
	/* one part alone is cut */
	text->length = length < 2 ? whole : length;
	pane_line(row, text, style);
}

void pane_foot(const struct pane *pane, const char *keys)
{
	struct text text = { 0 };

	if (screen_rows() < 3)
		return;
	if (pane->typing || pane->filter[0]) {
		text_add(&text, pane->typing ? "filter: " : "only what has: ");
		escape_terminal(&text, pane->filter, strlen(pane->filter));
		text_add(&text, pane->typing ? "_   Enter keeps it, Esc drops it" : "   (/ changes it, Esc drops it)");
	} else {
		text_add(&text, keys);
	}
	pane_parts(screen_rows() - 1, &text, pane->typing ? "\033[1m" : "\033[2m");
	text_free(&text);
}

void pane_help(const char *const *lines)
{
	for (unsigned int i = 0; lines[i] && i + 1 < screen_rows(); i++) {
		struct text text = { 0 };

		text_add(&text, lines[i]);
		pane_line(i, &text, "");
		text_free(&text);
	}
}
