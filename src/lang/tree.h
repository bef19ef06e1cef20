/*
 * The language's one typed tree. The parser makes it of text (parse.h), policies make it with the functions below; what is
 * made of it is either evaluated in user space (eval.h) or compiled to eBPF instructions (gen.h), and both must agree.
 *
 * Values. Numbers have 64 bits. An operation, and a comparison, is signed (is_signed of its node) if one of its sides is;
 * a difference and a negation always are, a shift is if what is shifted is. A literal is unsigned unless it was written
 * with a minus, so beside a signed value it is compared as signed. All wraps around as in two's complement; a division
 * rounds towards zero, a remainder has the sign of the dividend, a shift counts modulo 64. A bool is a number that is not
 * 0; a literal bool is OP_NUMBER of type LANG_BOOL, 0 or 1.
 * A value can be missing (a field that this event does not have, a division by zero): a comparison with a missing
 * value is false, and a missing bool is; arithmetic with a missing value is missing, exists() asks. `not` is of the truth of
 * its operand, so `not (x == 1)` is true where x is missing.
 * A comparison of several strings (STRINGS: arguments, ancestors) is true if it is true of any of them.
 */
#ifndef LANG_TREE_H
#define LANG_TREE_H

#include "event/field.h"
#include "event/words.h"

enum lang_type {
	LANG_BOOL,
	LANG_NUMBER,
	LANG_STRING,
	LANG_STRINGS,
	LANG_ADDRESS,		/* of a network; a literal may be a block of them (CIDR) */
	LANG_NUMBERS,		/* several (ancestors); a comparison is true if it is true of any. In user space only */
};

/* How the kernel's side finds a value in the record (wire/) it looks at. */
enum lang_place {
	PLACE_NONE,		/* not at all: user space decides */
	PLACE_NUMBER,		/* at `offset`, `width` bytes; if `present` is set, missing unless the bits `present_mask` of
				   the byte at `present` are set */
	PLACE_STRING,		/* the record's string number `string`, from 0; empty means missing */
	PLACE_STRINGS,		/* the same, NUL-terminated ones one after the other */
	PLACE_ADDRESS,		/* 16 bytes at `offset`, and the u16 family at `present`; IPv4 in the first four; other families: missing */
};

struct lang_symbol {
	const char *name;
	enum lang_type type;
	bool is_signed;
	u32 kinds;			/* KIND_BIT()s of the events that can have it; ~0: does not matter */
	const struct field *field;	/* how user space reads it; NULL: from the record alone, by `place` */
	enum lang_place place;
	u16 offset, width, string, present;
	u8 present_mask;
	u8 unit;			/* enum field_unit: what literals with a unit are converted to */
	bool all_words;			/* it has no other values than these: others are a mistake */
	const struct word *words;	/* its values by name: may be written without quotes */
};

enum lang_op {
	OP_NUMBER, OP_STRING, OP_ADDRESS,	/* literals */
	OP_LIST,			/* of literals of one type; only on the right of the operators that take one */
	OP_FIELD,
	OP_EXISTS,			/* of the field on the left */
	OP_NOT, OP_AND, OP_OR,
	OP_EQUAL, OP_UNEQUAL, OP_LESS, OP_LESS_EQUAL, OP_GREATER, OP_GREATER_EQUAL,
	OP_IN,				/* right: OP_LIST, or an address block */
	OP_LIKE,			/* glob: `*` within a component, `**` across, `?`, [set]; right: string or list, any */
	OP_STARTS, OP_ENDS, OP_CONTAINS,/* right: string or list, any */
	OP_ADD, OP_SUBTRACT, OP_MULTIPLY, OP_DIVIDE, OP_MODULO, OP_NEGATE,
	OP_BIT_AND, OP_BIT_OR, OP_BIT_XOR, OP_SHIFT_LEFT, OP_SHIFT_RIGHT, OP_BIT_NOT,
};

struct lang_address {
	u8 bytes[16];			/* IPv4 in the first four */
	u8 family;			/* AF_INET, AF_INET6 */
	u8 bits;			/* of the block; 32 or 128: one address */
};

struct lang_node {
	enum lang_op op;
	enum lang_type type;		/* of its value; of a list, of its items */
	bool is_signed;
	u8 unit;			/* of a number: enum field_unit */
	u32 at, length;			/* where it stands in the text; for messages */
	struct lang_node *left, *right;
	union {
		u64 number;
		struct bytes string;	/* may hold any byte */
		struct lang_address address;
		const struct lang_symbol *symbol;
		struct {
			struct lang_node **items;
			u32 count;
		};
	};
};

/* Where nodes and the text of their literals live: all go at once. */
struct lang_tree;
struct lang_tree *lang_tree_new(void);
void lang_tree_free(struct lang_tree *tree);

/* Memory for as long as the tree lives, zeroed. */
void *lang_tree_get(struct lang_tree *tree, size_t size);

struct lang_node *lang_number(struct lang_tree *tree, u64 number);
struct lang_node *lang_string(struct lang_tree *tree, const char *bytes, size_t length);	/* copied */
struct lang_node *lang_list(struct lang_tree *tree, enum lang_type type);
void lang_list_add(struct lang_tree *tree, struct lang_node *list, struct lang_node *item);
struct lang_node *lang_field(struct lang_tree *tree, const struct lang_symbol *symbol);
/* Either side may be NULL for operators with one operand. The types must fit: it is the caller's promise. */
struct lang_node *lang_node(struct lang_tree *tree, enum lang_op op, struct lang_node *left, struct lang_node *right);

#endif
