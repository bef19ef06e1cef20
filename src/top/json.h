/* Lines of a listing for scripts: an object each. */
#ifndef TOP_JSON_H
#define TOP_JSON_H

#include "base/text.h"
#include "base/wall.h"
#include "top/frame.h"

struct json_view {
	const struct frame *frame;
	enum frame_by by;
	struct wall *wall;
	frame_user_name *user_name;
	void *context;
};

void json_host(struct text *out, const struct json_view *view, const struct run_host *facts);
void json_line(struct text *out, const struct json_view *view, const struct line *line);

#endif
