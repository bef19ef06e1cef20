#define _GNU_SOURCE
#include "lang/eval.h"

#include <string.h>
#include <sys/socket.h>

#include "base/text.h"

/* What a tree is asked about. */
struct scene {
	const struct event *event;	/* NULL: the record alone */
	const char *record;
	size_t size, fixed;
};

static bool truth(const struct lang_node *node, const struct scene *scene);

/* A byte of the set, and what follows the set; NULL: the set has no end, and `[` is itself. */
static const char *in_set(const char *at, const char *end, unsigned char byte, bool *found)
{
	bool opposite = at < end && (*at == '!' || *at == '^');
	const char *first = at += opposite;

	*found = false;
	for (; at < end && (*at != ']' || at == first); at++) {
		unsigned char low = *at, high = low;

		if (end - at > 2 && at[1] == '-' && at[2] != ']') {
			high = at[2];
			at += 2;
		}
		*found |= byte >= low && byte <= high;
	}
	if (at == end)
		return NULL;
	*found ^= opposite;
	return at + 1;
}

/* Does the pattern's next element take this byte? Then *after is what follows the element. */
static bool takes(const char *pattern, const char *end, unsigned char byte, const char **after)
{
	const char *behind;
	bool found;

	*after = pattern + 1;
	switch (*pattern) {
	case '?':
		return byte != '/';
	case '[':
		behind = in_set(pattern + 1, end, byte, &found);
		if (!behind)
			return byte == '[';
		*after = behind;
		return found && byte != '/';
	case '\\':
		if (pattern + 1 < end)
			*after = ++pattern + 1;
		/* fallthrough */
	default:
		return (unsigned char)*pattern == byte;
	}
}

/*
 * Without recursion: what does not fit goes back to the last `*`, which takes a byte more, or, where that would be a
 * slash, to the last `**`. Stars before those need not be tried again: the last one takes whatever they could.
 */
static bool glob(const char *pattern, const char *pattern_end, const char *at, const char *end)
{
	struct {
		const char *pattern, *at;	/* pattern NULL: there was none */
	} star = { 0 }, stars = { 0 };

	for (;;) {
		const char *after;

		if (pattern < pattern_end && *pattern == '*') {
			bool across = pattern + 1 < pattern_end && pattern[1] == '*';

			for (; pattern < pattern_end && *pattern == '*'; pattern++)
				;
			star.pattern = across ? NULL : pattern;
			star.at = at;
			if (across) {
				stars.pattern = pattern;
				stars.at = at;
			}
			continue;
		}
		if (pattern == pattern_end && at == end)
			return true;
		if (pattern < pattern_end && at < end && takes(pattern, pattern_end, *at, &after)) {
			pattern = after;
			at++;
			continue;
		}
		if (star.pattern && star.at < end && *star.at != '/') {
			pattern = star.pattern;
			at = ++star.at;
		} else if (stars.pattern && stars.at < end) {
			star.pattern = NULL;
			pattern = stars.pattern;
			at = ++stars.at;
		} else {
			return false;
		}
	}
}

bool lang_is_pattern(const struct bytes *pattern)
{
	const char *at = pattern->data, *end = at + pattern->length;
	bool found;

	while (at && at < end) {
		if (*at == '[')
			at = in_set(at + 1, end, 0, &found);
		else
			at += *at == '\\' && at + 1 < end ? 2 : 1;
	}
	return at;
}

bool lang_matches(enum lang_op op, const struct bytes *string, const struct bytes *literal)
{
	const char *data = string->data;
	u32 length = string->length, wanted = literal->length;

	switch (op) {
	case OP_STARTS:
		return length >= wanted && !memcmp(data, literal->data, wanted);
	case OP_ENDS:
		return length >= wanted && !memcmp(data + length - wanted, literal->data, wanted);
	case OP_CONTAINS:
		return !wanted || memmem(data, length, literal->data, wanted);
	case OP_LIKE:
		return glob(literal->data, literal->data + wanted, data, data + length);
	default:
		return length == wanted && !memcmp(data, literal->data, wanted);
	}
}

static u64 read_number(const char *at, u16 width, bool is_signed)
{
	u64 number = 0;
	unsigned int unused = 64 - 8 * width;

	memcpy(&number, at, width);
	return is_signed ? (u64)((s64)(number << unused) >> unused) : number;
}

/* The record's n-th string. */
static bool record_string(const struct scene *scene, u16 n, struct bytes *bytes)
{
	size_t at = scene->fixed;

	if (scene->event) {
		*bytes = n < EVENT_STRINGS_MAX ? scene->event->strings[n] : (struct bytes){ 0 };
		return bytes->length > 0;
	}
	for (;; n--) {
		struct record_string header;

		if (at > scene->size || scene->size - at < sizeof(header))
			return false;
		memcpy(&header, scene->record + at, sizeof(header));
		at += sizeof(header);
		if (scene->size - at < header.length)
			return false;
		*bytes = (struct bytes){ scene->record + at, header.length, header.full };
		if (!n)
			return header.length > 0;
		at += ((size_t)header.length + 7) & ~(size_t)7;
	}
}

static bool from_place(const struct lang_symbol *symbol, const struct scene *scene, struct value *value)
{
	const char *at = scene->record + symbol->offset;

	switch (symbol->place) {
	case PLACE_NUMBER:
		if ((size_t)symbol->offset + symbol->width > scene->size || symbol->width > 8)
			return false;
		if (symbol->present && (symbol->present >= scene->size ||
					(scene->record[symbol->present] & symbol->present_mask) != (char)symbol->present_mask))
			return false;
		value->number = read_number(at, symbol->width, symbol->is_signed);
		return true;
	case PLACE_STRING:
	case PLACE_STRINGS:
		return record_string(scene, symbol->string, &value->bytes);
	case PLACE_ADDRESS:
		if ((size_t)symbol->offset + 16 > scene->size || (size_t)symbol->present + 2 > scene->size)
			return false;
		return value_address(value, read_number(scene->record + symbol->present, 2, false), (const u8 *)at);
	default:
		return false;
	}
}

static bool load(const struct lang_node *node, const struct scene *scene, struct value *value)
{
	const struct lang_symbol *symbol = node->symbol;

	if (node->op == OP_STRING) {
		value->bytes = node->string;
		return true;
	}
	if (!symbol->field)
		return from_place(symbol, scene, value);
	return scene->event && field_get(symbol->field, scene->event, value);
}

static bool divide(enum lang_op op, bool is_signed, u64 a, u64 b, u64 *result)
{
	bool minus_a = is_signed && (s64)a < 0, minus_b = is_signed && (s64)b < 0;
	u64 x = minus_a ? -a : a, y = minus_b ? -b : b;

	if (!b)
		return false;
	*result = op == OP_DIVIDE ? x / y : x % y;
	if (op == OP_DIVIDE ? minus_a != minus_b : minus_a)
		*result = -*result;
	return true;
}

bool lang_calculate(enum lang_op op, bool is_signed, u64 a, u64 b, u64 *result)
{
	switch (op) {
	case OP_ADD:
		*result = a + b;
		return true;
	case OP_SUBTRACT:
		*result = a - b;
		return true;
	case OP_MULTIPLY:
		*result = a * b;
		return true;
	case OP_DIVIDE:
	case OP_MODULO:
		return divide(op, is_signed, a, b, result);
	case OP_NEGATE:
		*result = -a;
		return true;
	case OP_BIT_AND:
		*result = a & b;
		return true;
	case OP_BIT_OR:
		*result = a | b;
		return true;
	case OP_BIT_XOR:
		*result = a ^ b;
		return true;
	case OP_SHIFT_LEFT:
		*result = a << (b & 63);
		return true;
	case OP_SHIFT_RIGHT:
		*result = is_signed ? (u64)((s64)a >> (b & 63)) : a >> (b & 63);
		return true;
	case OP_BIT_NOT:
		*result = ~a;
		return true;
	default:
		return false;
	}
}

/* A number or a bool. False: it is missing. */
static bool number(const struct lang_node *node, const struct scene *scene, u64 *result)
{
	struct value value;
	u64 a, b = 0;

	if (node->op == OP_NUMBER) {
		*result = node->number;
		return true;
	}
	if (node->op == OP_FIELD) {
		if (!load(node, scene, &value))
			return false;
		*result = node->type == LANG_BOOL ? !!value.number : value.number;
		return true;
	}
	if (node->type == LANG_BOOL) {
		*result = truth(node, scene);
		return true;
	}
	return number(node->left, scene, &a) && (!node->right || number(node->right, scene, &b)) &&
	       lang_calculate(node->op, node->is_signed, a, b, result);
}

static bool compare(enum lang_op op, bool is_signed, u64 a, u64 b)
{
	bool less = is_signed ? (s64)a < (s64)b : a < b;

	switch (op) {
	case OP_EQUAL:
		return a == b;
	case OP_UNEQUAL:
		return a != b;
	case OP_LESS:
		return less;
	case OP_LESS_EQUAL:
		return less || a == b;
	case OP_GREATER:
		return !less && a != b;
	default:
		return !less;
	}
}

static bool number_holds(const struct lang_node *node, u64 left, const struct scene *scene)
{
	u64 right;

	if (node->op == OP_IN) {
		for (u32 i = 0; i < node->right->count; i++)
			if (node->right->items[i]->number == left)
				return true;
		return false;
	}
	return number(node->right, scene, &right) && compare(node->op, node->is_signed, left, right);
}

static bool numbers_hold(const struct lang_node *node, const struct scene *scene)
{
	struct value value;
	u64 each;

	if (!load(node->left, scene, &value))
		return false;
	for (u32 at = 0; at + sizeof(each) <= value.bytes.length; at += sizeof(each)) {
		memcpy(&each, value.bytes.data + at, sizeof(each));
		if (number_holds(node, each, scene))
			return true;
	}
	return false;
}

/* The next of several strings; false: there is none. */
static bool next_string(struct bytes *rest, struct bytes *string)
{
	const char *zero;

	if (!rest->length)
		return false;
	zero = memchr(rest->data, 0, rest->length);
	*string = (struct bytes){ .data = rest->data, .length = zero ? (u32)(zero - rest->data) : rest->length };
	rest->data += string->length + !!zero;
	rest->length -= string->length + !!zero;
	return true;
}

static bool string_holds(const struct lang_node *node, const struct bytes *string, const struct lang_node *right)
{
	if (right->op != OP_LIST)
		return lang_matches(node->op, string, &right->string) != (node->op == OP_UNEQUAL);
	for (u32 i = 0; i < right->count; i++)
		if (lang_matches(node->op, string, &right->items[i]->string))
			return true;
	return false;
}

/* Is the string like this value, or like one of several? */
static bool is_among(const struct bytes *string, const struct bytes *values, bool several, bool equal)
{
	struct bytes rest = *values, each = *values;

	if (!several)
		return lang_matches(OP_EQUAL, string, values) == equal;
	while (next_string(&rest, &each))
		if (lang_matches(OP_EQUAL, string, &each) == equal)
			return true;
	return false;
}

/* Two fields. A getter may put what it makes where the next one does, so the first is copied. */
static bool fields_hold(const struct lang_node *node, const struct bytes *left, const struct scene *scene)
{
	static struct text held;
	struct bytes rest, each;
	struct value right;

	text_reset(&held);
	text_add_bytes(&held, left->data, left->length);
	if (held.failed || !load(node->right, scene, &right))
		return false;
	rest = each = (struct bytes){ .data = text_string(&held), .length = held.length };
	if (node->left->type == LANG_STRING)
		return is_among(&each, &right.bytes, node->right->type == LANG_STRINGS, node->op == OP_EQUAL);
	while (next_string(&rest, &each))
		if (is_among(&each, &right.bytes, node->right->type == LANG_STRINGS, node->op == OP_EQUAL))
			return true;
	return false;
}

static bool strings_hold(const struct lang_node *node, const struct scene *scene)
{
	struct bytes each;
	struct value value;

	if (!load(node->left, scene, &value))
		return false;
	if (node->right->op == OP_FIELD)
		return fields_hold(node, &value.bytes, scene);
	if (node->left->type == LANG_STRING)
		return string_holds(node, &value.bytes, node->right);
	while (next_string(&value.bytes, &each))
		if (string_holds(node, &each, node->right))
			return true;
	return false;
}

static bool in_block(const struct lang_address *address, const struct lang_address *block)
{
	u32 bytes = block->bits / 8, bits = block->bits % 8;

	if (address->family != block->family || memcmp(address->bytes, block->bytes, bytes))
		return false;
	return !bits || !((address->bytes[bytes] ^ block->bytes[bytes]) >> (8 - bits));
}

static bool address(const struct lang_node *node, const struct scene *scene, struct lang_address *address)
{
	struct value value;

	if (node->op == OP_ADDRESS) {
		*address = node->address;
		return true;
	}
	if (!load(node, scene, &value))
		return false;
	*address = (struct lang_address){ .family = value.family, .bits = value.family == AF_INET ? 32 : 128 };
	memcpy(address->bytes, value.address, value.family == AF_INET ? 4 : 16);
	return true;
}

static bool addresses_hold(const struct lang_node *node, const struct scene *scene)
{
	struct lang_address left, right;

	if (!address(node->left, scene, &left))
		return false;
	if (node->right->op == OP_LIST) {
		for (u32 i = 0; i < node->right->count; i++)
			if (in_block(&left, &node->right->items[i]->address))
				return true;
		return false;
	}
	return address(node->right, scene, &right) && in_block(&left, &right) != (node->op == OP_UNEQUAL);
}

static bool exists(const struct lang_node *field, const struct scene *scene)
{
	struct value value;

	return load(field, scene, &value);
}

static bool truth(const struct lang_node *node, const struct scene *scene)
{
	u64 left;

	switch (node->op) {
	case OP_AND:
		return truth(node->left, scene) && truth(node->right, scene);
	case OP_OR:
		return truth(node->left, scene) || truth(node->right, scene);
	case OP_NOT:
		return !truth(node->left, scene);
	case OP_EXISTS:
		return exists(node->left, scene);
	case OP_NUMBER:
	case OP_FIELD:
		return number(node, scene, &left) && left;
	default:
		break;
	}
	switch (node->left->type) {
	case LANG_STRING:
	case LANG_STRINGS:
		return strings_hold(node, scene);
	case LANG_ADDRESS:
		return addresses_hold(node, scene);
	case LANG_NUMBERS:
		return numbers_hold(node, scene);
	default:
		return number(node->left, scene, &left) && number_holds(node, left, scene);
	}
}

bool lang_eval(const struct lang_node *condition, const struct event *event)
{
	return truth(condition, &(struct scene){ .event = event, .record = (const char *)event->record,
						 .size = event->record->size });
}

bool lang_eval_record(const struct lang_node *condition, const void *record, size_t size, size_t fixed)
{
	return truth(condition, &(struct scene){ .record = record, .size = size, .fixed = fixed });
}
