/* The screen of `sonde flows` and `sonde top --by connection`. */
#ifndef NET_VIEW_H
#define NET_VIEW_H

#include "base/pane.h"
#include "net/rows.h"

struct flow_view {
	const char *name;		/* of the command */
	struct pane pane;
	struct rows rows;
	struct filter filter;		/* the keys change its verdict */
	u64 interval, time, lost;
	u64 forgotten;
	bool colour;
};

void flow_view_begin(struct flow_view *view);
/* Its first line: what is shown, how many there are. */
void flow_view_title(struct flow_view *view, struct text *out);
/* False: the terminal is gone. */
bool flow_view_draw(struct flow_view *view);
/* False: enough. True in `changed`: the rows are to be made again. */
bool flow_view_key(struct flow_view *view, int key, bool *changed);

#endif
