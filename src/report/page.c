/*
 * The page is page/page.html with its @MARKS@ filled in: style, scripts, and the run as JSON in a block that no browser
 * executes. The policy in its head lets only what carries the nonce run, and loads nothing from anywhere. The nonce is
 * drawn as the page is written, so no name in a run can know it; and '<' never stands in the data, so no name can end
 * its block.
 */
#include "report/page.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

#include "base/embed.h"
#include "base/escape.h"
#include "base/message.h"
#include "report/export.h"
#include "books/label.h"
#include "report/page_data.h"

EMBED(page_html, "src/report/page/page.html");
EMBED(page_style, "src/report/page/page.css");
EMBED(page_data_js, "src/report/page/data.js");
EMBED(page_layout_js, "src/report/page/layout.js");
EMBED(page_charts_js, "src/report/page/charts.js");
EMBED(page_share_js, "src/report/page/share.js");
EMBED(page_timeline_js, "src/report/page/timeline.js");
EMBED(page_input_js, "src/report/page/input.js");
EMBED(page_tables_js, "src/report/page/tables.js");
EMBED(page_main_js, "src/report/page/main.js");

#define TITLE_LONGEST 1000	/* bytes; a command can be a whole script */

struct page {
	struct export *export;
	struct file file;
	char nonce[40];
};

static void add_title(struct page *page)
{
	struct text title = { 0 };
	size_t length;

	label_title(&title, page->export->run);
	length = page_cut(text_string(&title), title.length, TITLE_LONGEST);
	escape_markup(&page->file.text, text_string(&title), length);
	if (length < title.length)
		text_add(&page->file.text, "\xe2\x80\xa6");
	text_free(&title);
}

static void add_script(struct page *page)
{
	static const struct { const char *from, *to; } parts[] = {
		{ page_data_js, page_data_js_end }, { page_layout_js, page_layout_js_end },
		{ page_charts_js, page_charts_js_end }, { page_share_js, page_share_js_end },
		{ page_timeline_js, page_timeline_js_end }, { page_input_js, page_input_js_end },
		{ page_tables_js, page_tables_js_end }, { page_main_js, page_main_js_end },
	};

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		text_add_bytes(&page->file.text, parts[i].from, parts[i].to - parts[i].from);
}

static void add_mark(struct page *page, const char *mark, size_t length)
{
	struct text *out = &page->file.text;

	if (length == 5 && !memcmp(mark, "NONCE", length))
		text_add(out, page->nonce);
	else if (length == 5 && !memcmp(mark, "TITLE", length))
		add_title(page);
	else if (length == 5 && !memcmp(mark, "STYLE", length))
		text_add_bytes(out, page_style, page_style_end - page_style);
	else if (length == 4 && !memcmp(mark, "DATA", length))
		page_data(&page->file, page->export);
	else if (length == 6 && !memcmp(mark, "SCRIPT", length))
		add_script(page);
}

static void add_template(struct page *page)
{
	const char *at = page_html;

	while (at < page_html_end) {
		const char *mark = memchr(at, '@', page_html_end - at);
		const char *end = mark ? memchr(mark + 1, '@', page_html_end - mark - 1) : NULL;

		if (!end)
			break;
		text_add_bytes(&page->file.text, at, mark - at);
		add_mark(page, mark + 1, end - mark - 1);
		at = end + 1;
	}
	text_add_bytes(&page->file.text, at, page_html_end - at);
}

static int draw_nonce(struct page *page)
{
	unsigned char bytes[16];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes)) {
		message_error("cannot write the page: no random numbers: %s", strerror(errno));
		return -errno;
	}
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(page->nonce + i * 2, 3, "%02x", bytes[i]);
	return 0;
}

int page_write(const struct run *run, const struct findings *findings, const struct size_prices *prices,
	       const char *path)
{
	struct export export;
	struct page page = { .export = &export };
	int status = draw_nonce(&page);

	if (!status)
		status = file_open(&page.file, path);
	if (status)
		return status;
	export_begin(&export, run, findings, prices);
	add_template(&page);
	export_end(&export);
	return file_close(&page.file, true);
}
