/*
 * What stands in the store: tables and columns as rows. The SQL that makes them, the statements that write and read
 * them, the two walkers between a column and a member of a struct, and the tables of docs/store.md come from here.
 */
#ifndef BOOKS_STORE_SCHEMA_H
#define BOOKS_STORE_SCHEMA_H

#include <sqlite3.h>

#include "base/text.h"
#include "books/run.h"

/* "sond"; the store is known by it whatever its file is called. */
#define STORE_APPLICATION 0x736f6e64
/*
 * A change of the tables takes a new layout, and a step in store.c that brings older stores to it. A new cost does not:
 * it is a new column at the end, which older stores get by themselves.
 */
#define STORE_LAYOUT 5
#define STORE_VERSION (STORE_LAYOUT * 1000 + (int)cost_count)

/* How a member is kept. */
enum store_kind {
	STORE_PLAIN,
	STORE_MAYBE,		/* all ones is NULL */
	STORE_TIME,		/* since the run's start */
	STORE_SPAN,		/* since another time of the same row, at `base`; 0 is NULL */
	STORE_WORDS,		/* of the run's own row: the text's bytes */
	STORE_REFERENCE,	/* an index in `table`; RUN_NONE is NULL */
};

enum store_table {
	STORE_RUNS,
	STORE_TEXTS,
	STORE_DICTIONARY,
	STORE_TOOLS,
	STORE_CONTAINERS,
	STORE_TASKS,
	STORE_PROCESSES,
	STORE_ARGUMENTS,
	STORE_SAMPLES,
	STORE_HOST_SAMPLES,
	STORE_FACTS,
	STORE_PEERS,
	STORE_DROPS,
	STORE_FILES,
	STORE_TABLES,
};

struct store_column {
	const char *name;
	u16 offset, base;
	u8 size;
	bool has_sign;
	u8 kind;		/* enum store_kind */
	u8 table;		/* enum store_table */
	u32 most;		/* what is above is read as 0; 0: anything goes */
	const char *help;
};

struct store_layout {
	const char *name;
	const char *index;	/* the column of a row's own index, NULL: its columns are its key */
	const char *key;	/* behind `run` in the primary key */
	const char *bytes;	/* a last column of plain bytes, NULL: none */
	const struct store_column *columns;
	size_t column_count;
	bool costs;		/* and the columns of costs.def, named with a prefix, from an offset */
	u16 cost_offset;
	const char *cost_prefix;
	const char *help;
	const char *index_help, *bytes_help;
};

/* The columns behind the id of a run's own row that are no member of it; none of the walkers touches them. */
enum store_run_extra {
	STORE_RUN_STATE,
	STORE_RUN_STARTED,
	STORE_RUN_COMMAND,
	STORE_RUN_PROCESSES,
	STORE_RUN_CPU,
	STORE_RUN_BYTES,
	STORE_RUN_EXTRAS,
};

extern const struct store_layout store_layouts[STORE_TABLES];

/* All that makes an empty file a store. */
void store_schema_create(struct text *sql);
/* The SQL that brings tables of an older layout to this one. */
void store_schema_add_layout(struct text *sql, int layout);
/* The SQL that adds the costs from `first` on to tables made without them. */
void store_schema_add_costs(struct text *sql, size_t first);
/* "INSERT OR REPLACE ..."; parameters: run, extras of its own row, index if there is one, columns, bytes or costs. */
void store_schema_insert(struct text *sql, enum store_table table);
/* "SELECT ..." of the same, by key; one parameter, the run. */
void store_schema_select(struct text *sql, enum store_table table);
/* The tables as docs/store.md shows them. */
void store_schema_document(struct text *out);

/* Binds columns and costs of a row from parameter `first` on. Returns about what they take in the file. */
u64 store_row_bind(sqlite3_stmt *statement, int first, enum store_table table, const struct run *run, const void *row);
/* The same backwards, from column `first` on. References come as they are stored, words become texts of the run. */
void store_row_read(sqlite3_stmt *statement, int first, enum store_table table, struct run *run, void *row);

/* Binds one value; these too return about what it takes. Bytes that are no valid text go as a blob. */
u64 store_bind_number(sqlite3_stmt *statement, int parameter, s64 number);
u64 store_bind_bytes(sqlite3_stmt *statement, int parameter, const void *bytes, size_t length);
u64 store_bind_blob(sqlite3_stmt *statement, int parameter, const void *bytes, size_t length);

#endif
