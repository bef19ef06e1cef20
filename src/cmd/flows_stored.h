/* `sonde flows --since`: what recordings kept of who talked to whom. */
#ifndef CMD_FLOWS_STORED_H
#define CMD_FLOWS_STORED_H

#include "cmd/flows_run.h"

/* The exit status. */
int flows_stored(struct flows_request *request);

#endif
