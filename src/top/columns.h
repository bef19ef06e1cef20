/* The columns of the table, numbers first and the name last, as wide as there is room. */
#ifndef TOP_COLUMNS_H
#define TOP_COLUMNS_H

#include "base/text.h"
#include "top/frame.h"

struct table_style {
	unsigned int width;	/* of the terminal; 0: no limit */
	bool colour;		/* may use sequences for bold, reverse and the like */
};

struct table_view {
	const struct frame *frame;
	enum frame_by by;
	enum frame_sort sort;
	bool tree;
	struct table_style style;
	frame_user_name *user_name;	/* NULL: numbers */
	void *context;
};

/* Without a newline. */
void table_header(struct text *out, const struct table_view *view);
void table_line(struct text *out, const struct table_view *view, const struct line *line);

/* A number that takes little room: "999", "1.2K", "35M". */
void add_rate(struct text *out, u64 bytes, u64 interval);

#endif
