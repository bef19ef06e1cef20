/* The screen of `sonde top`: what is shown of a frame, and what keys change about it. */
#ifndef TOP_VIEW_H
#define TOP_VIEW_H

#include "base/pane.h"
#include "base/wall.h"
#include "top/columns.h"

struct view {
	enum frame_by by;
	enum frame_sort sort;
	bool reverse, tree;
	bool colour;
	struct pane pane;
	u64 interval;
	const struct frame *frame;	/* NULL: nothing yet */
	const struct run_host *host;
	frame_user_name *user_name;
	frame_command *command;
	void *context;
	struct listing listing;
	struct wall wall;
};

void view_begin(struct view *view, const char *filter);
/* Its first line: what is shown, how many there are. */
void view_title(struct view *view, struct text *out);
/* What is to be listed, of the frame as it stands. */
void view_list(struct view *view);
/* Draws all on the screen. False: the terminal is gone. */
bool view_draw(struct view *view);
/* False: enough. */
bool view_key(struct view *view, int key);

#endif
