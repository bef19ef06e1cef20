/* How an event failed. Every kind that can says so in its own record. */
#include "event/getters.h"
#include "wire/sizes.h"

#define ERROR_MAX 4095	/* as in the kernel; beyond it is no error number */

static int positive(s32 error)
{
	return error < 0 && error >= -ERROR_MAX ? -error : 0;
}

int event_error(const struct event *event)
{
	switch (event->record->kind) {
	case KIND_open:
		return positive(((const struct open_record *)event->record)->error);
	case KIND_change:
		return positive(((const struct change_record *)event->record)->error);
	case KIND_exec:
		return positive(((const struct exec_record *)event->record)->error);
	case KIND_connect:
	case KIND_close:
		return positive(((const struct connection_record *)event->record)->error);
	default:
		return 0;
	}
}
