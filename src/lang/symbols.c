/* The field table as the language sees it. */
#include "lang/symbols.h"

#include <string.h>

#include "base/alloc.h"
#include "proc/container.h"
#include "proc/identity.h"

/* Words that a function gives for numbers from `first` on, as a table. */
static const struct word *collect(const char *(*word_at)(int number), int first, int limit)
{
	struct word *words = xcalloc(limit - first + 1, sizeof(*words));
	size_t count = 0;

	for (int i = first; i < limit; i++)
		if (word_at(i))
			words[count++] = (struct word){ .text = xstrdup(word_at(i)), .value = i };
	return words;
}

const struct word *words_errno(void)
{
	static const struct word *words;

	return words ? words : (words = collect(word_errno, 1, 4096));
}

const struct word *words_signal(void)
{
	static const struct word *words;

	return words ? words : (words = collect(word_signal, 1, 65));
}

static const char *public_kind(int kind)
{
	return kind_is_public(kind) ? kind_name(kind) : NULL;
}

static const struct word *words_kind(void)
{
	static const struct word *words;

	return words ? words : (words = collect(public_kind, 1, KIND_MAX));
}

static const struct word *words_capability(void)
{
	static const struct word *words;

	return words ? words : (words = collect(word_capability, 0, 64));
}

static const struct word words_container_state[] = {
	{ "container", CONTAINER_INSIDE, 0 }, { "none", CONTAINER_NONE, 0 }, { "unknown", CONTAINER_UNKNOWN, 0 }, { NULL, 0, 0 },
};

/* Which fields have words for values, and whether they have no others. */
static void name_values(struct lang_symbol *symbol)
{
	const struct {
		const char *field;
		const struct word *words;
		bool all;
	} named[] = {
		{ "kind", words_kind(), true },
		{ "file.change", words_file_change, true },
		{ "file.type", words_file_type, true },
		{ "file.flags", words_file_flags, true },
		{ "network.transport", words_transport, false },
		{ "network.type", words_family, false },
		{ "network.direction", words_direction, true },
		{ "network.closed_by", words_closed_by, true },
		{ "network.tcp.state", words_tcp_state, true },
		{ "network.reset.way", words_reset_way, true },
		{ "signal.name", words_signal(), true },
		{ "signal.number", words_signal(), false },
		{ "signal.result", words_signal_result, true },
		{ "process.exit.signal", words_signal(), true },
		{ "process.capabilities.gained", words_capability(), true },
		{ "oom.limit", words_oom_limit, true },
		{ "container.state", words_container_state, true },
		{ "error.type", words_errno(), true },
		{ "error.code", words_errno(), false },
	};

	for (size_t i = 0; i < sizeof(named) / sizeof(*named); i++)
		if (!strcmp(named[i].field, symbol->name)) {
			symbol->words = named[i].words;
			symbol->all_words = named[i].all;
		}
}

struct lang_symbol lang_symbol_of_field(const struct field *field)
{
	static const enum lang_type types[] = {
		[FIELD_UNSIGNED] = LANG_NUMBER, [FIELD_SIGNED] = LANG_NUMBER, [FIELD_BOOL] = LANG_BOOL,
		[FIELD_STRING] = LANG_STRING,	[FIELD_WORDS] = LANG_STRINGS, [FIELD_TIME] = LANG_NUMBER,
		[FIELD_ADDRESS] = LANG_ADDRESS, [FIELD_NUMBERS] = LANG_NUMBERS, [FIELD_JSON] = LANG_STRING,
	};
	struct lang_symbol symbol = {
		.name = field->name, .type = types[field->type], .is_signed = field->type == FIELD_SIGNED, .kinds = field->kinds,
		.field = field, .unit = field->type == FIELD_TIME ? UNIT_NANOSECONDS : field->unit,
	};

	name_values(&symbol);
	return symbol;
}

/* Of the process, whoever it is: not of what it does. */
static bool is_of_process(const struct lang_symbol *symbol)
{
	static const char *const families[] = { "process.", "container.", "k8s.", "systemd.", "slurm.", "ancestor." };

	for (size_t i = 0; i < sizeof(families) / sizeof(*families); i++)
		if (!strncmp(symbol->name, families[i], strlen(families[i])))
			return symbol->kinds & KIND_BIT(fork) && symbol->kinds & KIND_BIT(oom);
	return false;
}

struct lang_names lang_names_of_processes(void)
{
	static struct lang_symbol *symbols;
	struct lang_names names = lang_names_of_events(KIND_BIT(fork));

	if (!symbols) {
		symbols = xcalloc(names.count, sizeof(*symbols));
		memcpy(symbols, names.symbols, names.count * sizeof(*symbols));
		for (size_t i = 0; i < names.count; i++)
			symbols[i].kinds = is_of_process(&symbols[i]) ? KIND_BIT(fork) : 0;
	}
	names.symbols = symbols;
	names.about = "processes by themselves";
	names.where = "what they belong to is: process., container., systemd., slurm., k8s. and ancestor.";
	return names;
}

struct lang_names lang_names_of_events(u32 kinds)
{
	static struct lang_symbol *symbols;
	static size_t count;

	if (!symbols) {
		symbols = xcalloc(field_of_all_count + field_count + field_of_ancestors_count, sizeof(*symbols));
		for (size_t i = 0; i < field_of_all_count; i++)
			symbols[count++] = lang_symbol_of_field(&fields_of_all[i]);
		for (size_t i = 0; i < field_count; i++)
			symbols[count++] = lang_symbol_of_field(&fields[i]);
		for (size_t i = 0; i < field_of_ancestors_count; i++)
			symbols[count++] = lang_symbol_of_field(&fields_of_ancestors[i]);
	}
	return (struct lang_names){ symbols, count, kinds, "`sonde fields` lists all", NULL };
}

struct lang_names lang_names_to_show(u32 kinds)
{
	struct lang_names names = lang_names_of_events(kinds);

	names.count -= field_of_ancestors_count; /* they are the last */
	return names;
}
