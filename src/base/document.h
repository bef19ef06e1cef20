/*
 * A YAML document that people write for us, read strictly: each mistake has its line and column, and says how to mend it. The
 * first one ends it. Nothing is ignored: unknown keys, keys that stand twice and second documents are mistakes.
 */
#ifndef BASE_DOCUMENT_H
#define BASE_DOCUMENT_H

#include <yaml.h>

#include "base/text.h"

struct document {
	yaml_document_t yaml;
	bool loaded;
	size_t line, column;		/* of the mistake, from 1; 0: there is none */
	struct text wrong, mend;	/* what it is; what to do, may be empty */
};

/* 0, or -1 with the mistake. `single`: why there is one document only. document_free either way. */
int document_load(struct document *document, const char *bytes, size_t length, const char *single);
void document_free(struct document *document);

/* NULL: the document is empty. */
const yaml_node_t *document_root(struct document *document);
const yaml_node_t *document_at(struct document *document, int index);

/* All return -1. Only the first mistake is kept. */
int document_wrong(struct document *document, const yaml_node_t *node, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* After a mistake: how to mend it. */
int document_mend(struct document *document, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* How to mend a word that is none of those known: the nearest, or all of them if there are few. */
int document_mend_word(struct document *document, const char *word, const char *const *known);
/* "FILE:LINE:COLUMN: mistake, how to mend it" */
void document_tell(const struct document *document, const char *file, struct text *out);

const char *document_type(const yaml_node_t *node);	/* "a mapping", "a list", "a text" */
/* A scalar's text; NULL after a mistake: it is none, or holds a NUL. `what` is what it should be. */
const char *document_text(struct document *document, const yaml_node_t *node, const char *what);
int document_flag(struct document *document, const yaml_node_t *node, const char *what, bool *flag);
/* 0 if it is a mapping or a list; `like`: how one would look. */
int document_expect(struct document *document, const yaml_node_t *node, yaml_node_type_t type, const char *what,
		    const char *like);
/* The key of a pair; NULL after a mistake: it is no text, or stood there before. */
const char *document_key(struct document *document, const yaml_node_t *mapping, const yaml_node_pair_t *pair);
/* The values of a mapping's keys, in the order of `keys`; NULL where one is not there. */
int document_mapping(struct document *document, const yaml_node_t *mapping, const char *what, const char *const *keys,
		     const yaml_node_t **found);

#endif
