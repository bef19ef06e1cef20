/* Names in expressions: which field is meant, and what could have been meant by one that there is not. */
#include <stdio.h>
#include <string.h>

#include "base/ending.h"
#include "base/nearest.h"
#include "lang/parser.h"

#define NAME_MAX_LENGTH 127

static const char *name_at(const void *list, size_t i)
{
	const struct lang_names *names = list;

	return names->symbols[i].kinds & names->kinds ? names->symbols[i].name : NULL;
}

static const char *any_name_at(const void *list, size_t i)
{
	return ((const struct lang_names *)list)->symbols[i].name;
}

static bool copy_name(const struct parser *parser, u32 at, u32 length, char name[NAME_MAX_LENGTH + 1])
{
	if (length > NAME_MAX_LENGTH)
		length = NAME_MAX_LENGTH;
	memcpy(name, parser->lexer.text + at, length);
	name[length] = '\0';
	return true;
}

struct lang_node *parser_name(struct parser *parser, u32 at, u32 length)
{
	char name[NAME_MAX_LENGTH + 1];
	struct lang_node *node;
	long found;

	copy_name(parser, at, length, name);
	found = ending_find(name, parser->names->count, name_at, parser->names);
	if (found >= 0) {
		node = lang_field(parser->tree, &parser->names->symbols[found]);
		node->unit = parser->names->symbols[found].unit;
	} else {
		node = lang_string(parser->tree, name, strlen(name));
		node->op = OP_WORD;
	}
	node->at = at;
	node->length = length;
	return node;
}

/* All names that end so, as many as there is room for. */
static void list_endings(const struct lang_names *names, const char *ending, const char *(*at)(const void *, size_t), char *out,
			 size_t room)
{
	size_t length = strlen(ending), used = 0;

	for (size_t i = 0; i < names->count && used < room; i++) {
		const char *name = at(names, i);
		size_t whole = name ? strlen(name) : 0;

		if (whole > length && name[whole - length - 1] == '.' && !strcmp(name + whole - length, ending))
			used += snprintf(out + used, room - used, "%s%s", used ? ", " : "", name);
	}
}

/* What some fields are called elsewhere. */
static const char *known_elsewhere(const char *word)
{
	static const struct {
		const char *word, *name;
	} words[] = {
		{ "uid", "process.user.id" },	      { "gid", "process.group.id" },	   { "ppid", "process.parent_pid" },
		{ "comm", "process.name" },	      { "exe", "process.executable.path" }, { "cwd", "process.working_directory" },
		{ "cmdline", "process.command_args" }, { "args", "process.command_args" },   { "tid", "thread.id" },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(words[i].word, word))
			return words[i].name;
	return NULL;
}

static bool could_mean(const char *word, const char *name)
{
	const char *elsewhere = known_elsewhere(word);
	size_t length = strlen(word), whole = strlen(name);

	return (elsewhere && !strcmp(elsewhere, name)) ||
	       (whole > length && name[whole - length - 1] == '.' && !strcmp(name + whole - length, word));
}

const char *parser_other_name(const struct parser *parser, const struct lang_node *field, enum lang_type type)
{
	const struct lang_names *names = parser->names;
	char word[NAME_MAX_LENGTH + 1];

	copy_name(parser, field->at, field->length, word);
	for (size_t i = 0; i < names->count; i++)
		if (names->symbols[i].type == type && name_at(names, i) && could_mean(word, names->symbols[i].name))
			return names->symbols[i].name;
	return NULL;
}

/* The nearest name or ending of one. */
static const char *nearest_name(const struct lang_names *names, const char *typed)
{
	unsigned int least = NEAREST_TOO_FAR;
	const char *nearest = NULL;

	for (size_t i = 0; i < names->count; i++) {
		const char *whole = name_at(names, i);

		for (const char *name = whole; name; name = strchr(name, '.') ? strchr(name, '.') + 1 : NULL) {
			unsigned int distance = nearest_distance(typed, name);

			if (distance < least) {
				least = distance;
				nearest = whole;
			}
		}
	}
	return nearest;
}

static void list_kinds(u32 kinds, char *out, size_t room)
{
	size_t used = 0;

	out[0] = '\0';
	for (u32 kind = 0; kind < KIND_MAX && used < room; kind++)
		if (kinds >> kind & 1 && kind_is_public(kind))
			used += snprintf(out + used, room - used, "%s%s", used ? ", " : "", kind_name(kind));
}

/* Why no field is meant by a name. False: there is none like it at all. */
static bool explain(const struct lang_names *names, const char *name, char *out, size_t room)
{
	long found = ending_find(name, names->count, name_at, names);
	char list[160];
	const char *nearest;

	if (found == ENDING_AMBIGUOUS) {
		list_endings(names, name, name_at, list, sizeof(list));
		snprintf(out, room, "more than one field ends in %s: %s", name, list);
		return true;
	}
	found = ending_find(name, names->count, any_name_at, names);
	if (found >= 0 && names->about) {
		snprintf(out, room, "%s is not known of %s; %s", names->symbols[found].name, names->about, names->where);
		return true;
	}
	if (found >= 0) {
		list_kinds(names->symbols[found].kinds, list, sizeof(list));
		snprintf(out, room, "%s is a field of %s, which %s not asked for here", names->symbols[found].name, list,
			 strchr(list, ',') ? "are" : "is");
		return true;
	}
	if (found == ENDING_AMBIGUOUS) {
		list_endings(names, name, any_name_at, list, sizeof(list));
		snprintf(out, room, "fields of other events end in %s: %s", name, list);
		return true;
	}
	nearest = known_elsewhere(name);
	if (!nearest || ending_find(nearest, names->count, name_at, names) < 0)
		nearest = nearest_name(names, name);
	if (nearest)
		snprintf(out, room, "there is no field %s; did you mean %s?", name, nearest);
	return nearest;
}

struct lang_node *parser_unknown(struct parser *parser, const struct lang_node *word)
{
	const struct lang_names *names = parser->names;
	char name[NAME_MAX_LENGTH + 1], what[sizeof(parser->error->what)];

	copy_name(parser, word->at, word->length, name);
	if (explain(names, name, what, sizeof(what)))
		return parser_fail_at(parser, word, "%s", what);
	return parser_fail_at(parser, word, "there is no field %s; text stands in quotes (%s)", name, names->where);
}

const struct lang_symbol *lang_find(const struct lang_names *names, const char *name, char *wrong, size_t room)
{
	long found = ending_find(name, names->count, name_at, names);

	if (found >= 0)
		return &names->symbols[found];
	if (!explain(names, name, wrong, room))
		snprintf(wrong, room, "there is no such field (%s)", names->where);
	return NULL;
}
