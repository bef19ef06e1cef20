/* What the files of the store share. */
#ifndef BOOKS_STORE_INSIDE_H
#define BOOKS_STORE_INSIDE_H

#include "books/store.h"
#include "books/store_schema.h"

struct store {
	sqlite3 *db;
	char *path;
	int live;		/* where recordings hold their locks, or -errno */
	bool removed;		/* room is to be given back */
};

/* A connection as all of the store's are set up. NULL: said why. */
sqlite3 *store_connect(const char *path, int flags);
/* NULL: said. */
sqlite3_stmt *store_prepare(struct store *store, const char *sql);
/* 0 or -errno, said. */
int store_run_sql(struct store *store, const char *sql);
/* The number that a statement gives; false when it fails. */
bool store_ask(sqlite3 *db, const char *sql, s64 *number);
/* What went wrong with the last call on the connection, in static words, and as an errno. */
const char *store_trouble(sqlite3 *db, int *error);
/* "PATH: DOING: what is wrong; what to do". Returns -errno. */
int store_say(sqlite3 *db, const char *path, const char *doing);

/*
 * Each recording holds a lock on the byte of its run's id in a file beside the store, for as long as its process lives,
 * however that ends. Byte 0 is for whoever makes or changes the tables.
 */
int store_lock(const char *path, u64 id);	/* a file descriptor that holds it, or -errno */
/* Room on the store's disk that is free again once this file descriptor is closed, however that comes; -1: there is none. */
int store_reserve(const char *path);
bool store_is_live(const struct store *store, u64 id);
enum run_state store_state(const struct store *store, u64 id, s64 stored);

#endif
