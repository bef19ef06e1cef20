/*
 * What a policy's condition may ask, as symbols over struct policy_record (wire/policy.h): who acts, and the values that a hook
 * reads. The kernel's side finds each by its place; there is no field of an event behind them.
 */
#ifndef POLICY_SYMBOL_H
#define POLICY_SYMBOL_H

#include "lang/tree.h"
#include "policy/policy.h"
#include "wire/policy.h"

enum policy_set { SET_EFFECTIVE, SET_PERMITTED, SET_INHERITABLE, POLICY_SETS };	/* as in policy_record.capabilities */

const struct lang_symbol *policy_symbol_program(void);
const struct lang_symbol *policy_symbol_parent(void);
const struct lang_symbol *policy_symbol_ancestors(void);	/* their programs; any of them */
const struct lang_symbol *policy_symbol_pid(void);
const struct lang_symbol *policy_symbol_own_pid(void);		/* in its own namespace */
const struct lang_symbol *policy_symbol_ancestor_pid(unsigned int level, bool own);
const struct lang_symbol *policy_symbol_capabilities(enum policy_set set, bool changed);
const struct lang_symbol *policy_symbol_namespace(enum policy_namespace which);
const struct lang_symbol *policy_symbol_changed_namespaces(void);

/* What there is of a value, by the shape of its type (wire/policy_types.def). */
enum policy_part {
	PART_NUMBER,
	PART_TEXT,
	PART_MODE,		/* of a file */
	PART_INODE,
	PART_FAMILY, PART_SOCKET_TYPE, PART_PROTOCOL, PART_STATE, PART_LOCAL_PORT, PART_PEER_PORT, PART_MARK, PART_PRIORITY,
	PART_LENGTH, PART_LOCAL, PART_PEER,
};

enum policy_shape { SHAPE_NUMBER, SHAPE_TEXT, SHAPE_PATH, SHAPE_SOCKET, SHAPE_CREDENTIALS, SHAPE_OBJECT };

enum policy_shape policy_type_shape(enum policy_type type);
const char *policy_type_name(enum policy_type type);
/* Of whole numbers: bits, 0 if it is none; *is_signed. */
unsigned int policy_type_bits(enum policy_type type, bool *is_signed);

/* Names and places a part of the record's value number `value`: "arg0.peer.port". It lives as long as the tree. */
const struct lang_symbol *policy_symbol_value(struct lang_tree *tree, const char *name, unsigned int value, enum policy_type type,
					      enum policy_part part);

#endif
