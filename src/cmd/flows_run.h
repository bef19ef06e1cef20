/* The course of `sonde flows` and of `sonde top --by connection`: watching, and one of several ways to say what is seen. */
#ifndef CMD_FLOWS_RUN_H
#define CMD_FLOWS_RUN_H

#include "base/option.h"
#include "cmd/event_filter.h"
#include "cmd/scope.h"
#include "net/filter.h"
#include "net/rows.h"

struct graph;

enum flows_way {
	FLOWS_LINES,		/* a line for each as it ends */
	FLOWS_JSON,		/* an object for each as it ends, and for the open ones at each interval, if there is one */
	FLOWS_TABLES,		/* a table an interval, on a terminal a screen */
	FLOWS_TABLES_JSON,	/* an object for each that is open, an interval */
	FLOWS_GRAPH,		/* nothing; the graph is told of each as it ends */
};

struct flows_request {
	const struct command *command;
	const char *name;	/* "flows" */
	struct scope_settings scope;
	struct filter filter;
	struct event_filter_settings expression;	/* a condition besides */
	enum flows_way way;
	enum rows_sort sort;
	bool reverse, ask_servers, unix_sockets, all_drops;
	const char *text;	/* to be filtered by on a screen; NULL: nothing */
	const char *store;	/* NULL: the usual one */
	uint64_t since;		/* what recordings have since so many ns ago; 0: what goes on */
	uint64_t interval;	/* 0: none */
	uint64_t duration;	/* 0: no limit */
	uint64_t count;		/* of intervals; 0: no limit */
	uint64_t rows;		/* of a table; 0: the usual */
	struct graph *graph;	/* FLOWS_GRAPH: empty; written at the end */
	int format;		/* enum graph_format */
};

/* The exit status. */
int flows_run(struct flows_request *request);

#endif
