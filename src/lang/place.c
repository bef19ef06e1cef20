#include "lang/place.h"

#include <assert.h>
#include <string.h>

#include "lang/symbols.h"
#include "wire/sizes.h"

struct row {
	const char *field;
	u32 kinds;
	const char *present, *value;
	const struct word *words;
	enum { ROW_NUMBER, ROW_WORDS, ROW_TEXT, ROW_PATH, ROW_ADDRESS } shape;
	u16 string, offset, family;
};

#define NUMBER_AT(name_, offset_, width_, signed_)                                                      \
	{ .name = name_, .type = LANG_NUMBER, .is_signed = signed_, .kinds = ~0U, .place = PLACE_NUMBER, \
	  .offset = offset_, .width = width_ },
#define MEMBER(record, member, signed_)                                                                       \
	NUMBER_AT(#record "." #member, offsetof(struct record##_record, member),                              \
		  sizeof(((struct record##_record *)0)->member), signed_)
#define MEMBER_WORDS(record, member, words_)                                                                  \
	{ .name = #record "." #member, .type = LANG_NUMBER, .kinds = ~0U, .place = PLACE_NUMBER, .words = words_, \
	  .offset = offsetof(struct record##_record, member), .width = sizeof(((struct record##_record *)0)->member) },
#define NUMBER(...)
#define WORDS(...)
#define TEXT(...)
#define PATH(...)
#define ADDRESS(...)

static const struct lang_symbol members[] = {
	NUMBER_AT("record.pid", offsetof(struct record, pid), 4, false)
	NUMBER_AT("record.flags", offsetof(struct record, flags), 2, false)
	NUMBER_AT("connection.local_high", offsetof(struct connection_record, local), 8, false)
	NUMBER_AT("connection.local_low", offsetof(struct connection_record, local) + 8, 8, false)
#include "lang/places.def"
};

#undef MEMBER
#undef MEMBER_WORDS
#undef NUMBER
#undef WORDS
#undef TEXT
#undef PATH
#undef ADDRESS

static bool find_row(const char *field, u32 kind, struct row *found)
{
#define MEMBER(...)
#define MEMBER_WORDS(...)
#define NUMBER(field, kinds, present, value) { field, kinds, present, value, NULL, ROW_NUMBER, 0, 0, 0 },
#define WORDS(field, kinds, present, value, words) { field, kinds, present, value, words, ROW_WORDS, 0, 0, 0 },
#define TEXT(field, kinds, present, string) { field, kinds, present, NULL, NULL, ROW_TEXT, string, 0, 0 },
#define PATH(field, kinds, present, string) { field, kinds, present, NULL, NULL, ROW_PATH, string, 0, 0 },
#define ADDRESS(field, kinds, present, record, member, family)                                                        \
	{ field, kinds, present, NULL, NULL, ROW_ADDRESS, 0, offsetof(struct record, member), offsetof(struct record, family) },
	const struct row rows[] = {
#include "lang/places.def"
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		if (rows[i].kinds >> kind & 1 && !strcmp(rows[i].field, field)) {
			*found = rows[i];
			return true;
		}
	return false;
}

/* A definition is ours: that it parses is tested. */
static struct lang_node *definition(struct lang_tree *tree, const char *text)
{
	const struct lang_names names = { members, sizeof(members) / sizeof(*members), ~0U, "places.def", NULL };
	struct lang_error error;
	struct lang_node *node = text ? lang_parse_value(tree, text, strlen(text), &names, &error) : NULL;

	assert(node || !text);
	return node;
}

static struct lang_node *member(struct lang_tree *tree, struct lang_symbol symbol)
{
	struct lang_symbol *kept = lang_tree_get(tree, sizeof(*kept));

	*kept = symbol;
	kept->kinds = ~0U;
	return lang_field(tree, kept);
}

static struct lang_node *text_at(struct lang_tree *tree, const char *name, u16 string)
{
	return member(tree, (struct lang_symbol){ .name = name, .type = LANG_STRING, .place = PLACE_STRING, .string = string });
}

/*
 * Is the record's first string shown as it lies there? Its length, and the one it had before it was cut, stand before it.
 * A name that was changed is shown without dots and slashes that say nothing (event/file.c).
 */
static struct lang_node *uncut(struct lang_tree *tree, u32 kind, struct lang_node *text)
{
	static const char *const untidy[] = { "/.", "//" };
	struct lang_node *whole, *list;

	u16 at = event_shape(kind).fixed;
	struct lang_symbol length = { .name = "string.length", .type = LANG_NUMBER, .place = PLACE_NUMBER, .width = sizeof(u32),
				      .offset = at + offsetof(struct record_string, length) };
	struct lang_symbol full = length;

	full.name = "string.full";
	full.offset = at + offsetof(struct record_string, full);
	whole = lang_node(tree, OP_EQUAL, member(tree, full), member(tree, length));
	if (kind != KIND_change)
		return whole;
	list = lang_list(tree, LANG_STRING);
	for (size_t i = 0; i < sizeof(untidy) / sizeof(*untidy); i++)
		lang_list_add(tree, list, lang_string(tree, untidy[i], strlen(untidy[i])));
	whole = lang_node(tree, OP_AND, whole, lang_node(tree, OP_NOT, lang_node(tree, OP_CONTAINS, text, list), NULL));
	return lang_node(tree, OP_AND, whole,
			 lang_node(tree, OP_NOT, lang_node(tree, OP_ENDS, text, lang_string(tree, "/", 1)), NULL));
}

/* A number or a string that lies in the record as the field table says. */
static bool place_plain(struct lang_tree *tree, const struct field *field, struct place *place)
{
	bool of_owner = field->offset >= offsetof(struct record, start) && field->offset < sizeof(struct record);

	if (field->get)
		return false;
	if (field->string) {
		*place = (struct place){ .shape = PLACED_TEXT, .value = text_at(tree, field->name, field->string - 1) };
		return true;
	}
	*place = (struct place){
		.shape = PLACED_NUMBER,
		.value = member(tree, (struct lang_symbol){ .name = field->name, .type = LANG_NUMBER, .place = PLACE_NUMBER,
							    .is_signed = field->type == FIELD_SIGNED, .offset = field->offset,
							    .width = field->width }),
		.present = of_owner ? definition(tree, "record.pid != 0 or record.flags & 1 == 0") : NULL,
	};
	if (field->type == FIELD_BOOL)
		place->value = lang_node(tree, OP_UNEQUAL, place->value, lang_number(tree, 0));
	return true;
}

bool place_find(struct lang_tree *tree, const struct field *field, u32 kind, struct place *place)
{
	struct row row;

	if (!find_row(field->name, kind, &row))
		return place_plain(tree, field, place);
	*place = (struct place){ .present = definition(tree, row.present), .words = row.words };
	switch (row.shape) {
	case ROW_NUMBER:
		place->shape = PLACED_NUMBER;
		place->value = definition(tree, row.value);
		break;
	case ROW_WORDS:
		place->shape = PLACED_WORDS;
		place->value = definition(tree, row.value);
		place->several = field->type == FIELD_WORDS;
		break;
	case ROW_PATH:
	case ROW_TEXT:
		place->shape = PLACED_TEXT;
		place->value = text_at(tree, field->name, row.string);
		place->uncut = row.shape == ROW_PATH ? uncut(tree, kind, place->value) : NULL;
		break;
	case ROW_ADDRESS:
		place->shape = PLACED_ADDRESS;
		place->value = member(tree, (struct lang_symbol){ .name = field->name, .type = LANG_ADDRESS, .place = PLACE_ADDRESS,
								  .offset = row.offset, .present = row.family });
		break;
	}
	return true;
}
