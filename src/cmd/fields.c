/* sonde fields: what an event can say. docs/events.md is made from the same table. */
#include <string.h>

#include "base/escape.h"
#include "base/message.h"
#include "cmd/command.h"
#include "cmd/output.h"
#include "cmd/stop.h"
#include "lang/parse.h"
#include "lang/plan.h"

struct fields_settings {
	bool json, markdown;
};

static const char *type_name(const struct field *field)
{
	static const char *const names[] = {
		[FIELD_UNSIGNED] = "integer", [FIELD_SIGNED] = "integer", [FIELD_BOOL] = "boolean",
		[FIELD_STRING] = "string",    [FIELD_WORDS] = "strings",  [FIELD_TIME] = "time",    [FIELD_NUMBERS] = "integers",
		[FIELD_ADDRESS] = "address",  [FIELD_JSON] = "JSON",
	};

	return names[field->type];
}

static const char *unit_name(const struct field *field)
{
	static const char *const names[] = {
		[UNIT_NONE] = "", [UNIT_NANOSECONDS] = "ns", [UNIT_MICROSECONDS] = "us", [UNIT_BYTES] = "bytes", [UNIT_OCTAL] = "octal",
	};

	return names[field->unit];
}

static void add_kinds(struct text *out, u32 kinds, const char *between, const char *quote)
{
	u32 all = 0;
	bool first = true;

	for (u32 kind = 0; kind < KIND_MAX; kind++)
		all |= kind_is_public(kind) ? 1U << kind : 0;
	if ((kinds & all) == all) {
		text_add_format(out, "%sall%s", quote, quote);
		return;
	}
	for (u32 kind = 0; kind < KIND_MAX; kind++) {
		if (!(kinds >> kind & 1) || !kind_name(kind))
			continue;
		text_add_format(out, "%s%s%s%s", first ? "" : between, quote, kind_name(kind), quote);
		first = false;
	}
}

/* Where a filter on the field is decided. */
static const char *known_in(const struct field *field)
{
	u32 known = lang_known_in_kernel(field);

	if (!known)
		return "user";
	return known == (field->kinds & LANG_FILTERED) ? "kernel" : "partly";
}

static void add_values(struct text *out, const struct lang_symbol *symbol)
{
	bool first = true;

	for (const struct word *word = symbol->words; word && word->text; word++) {
		text_add_format(out, "%s\"%s\"", first ? "\"values\":[" : ",", word->text);
		first = false;
	}
	if (!first)
		text_add(out, "],");
}

static void add_json(struct text *out, const struct lang_symbol *symbol)
{
	const struct field *field = symbol->field;

	text_add_format(out, "{\"name\":\"%s\",\"type\":\"%s\",", field->name, type_name(field));
	if (field->unit)
		text_add_format(out, "\"unit\":\"%s\",", unit_name(field));
	text_add(out, "\"kinds\":[");
	add_kinds(out, field->kinds, ",", "\"");
	text_add_format(out, "],\"known_in\":\"%s\",\"kernel_kinds\":[", known_in(field));
	add_kinds(out, lang_known_in_kernel(field), ",", "\"");
	text_add(out, "],");
	add_values(out, symbol);
	text_add(out, "\"help\":");
	escape_json_quoted(out, field->help, strlen(field->help));
	text_add(out, "}\n");
}

static void add_line(struct text *out, const struct field *field)
{
	text_add_format(out, "%-36s %-8s %-6s ", field->name, type_name(field), known_in(field));
	text_add(out, field->help);
	text_add(out, " [");
	add_kinds(out, field->kinds, " ", "");
	text_add(out, "]\n");
}

static void add_markdown(struct text *out)
{
	struct lang_names names = lang_names_of_events(~0U);

	text_add(out, "# Events and their fields\n\n"
		      "Generated from the field table by `make docs`; `sonde fields` prints the same.\n\n"
		      "| event | what it says |\n|---|---|\n");
	for (u32 kind = 0; kind < KIND_MAX; kind++)
		if (kind_is_public(kind) || kind == KIND_lost)
			text_add_format(out, "| `%s` | %s |\n", kind_name(kind), kind_help(kind));
	text_add(out, "\nEvery event also has `kind` and `time` (UTC, RFC 3339, nanoseconds). JSON nests names at their dots; "
		      "a field that does not apply is absent. *Known in* says where a filter on the field is decided "
		      "([language.md](language.md)): partly means of some of the events. Fields of `ancestor` are for filters "
		      "alone.\n\n"
		      "What every event of a process could repeat - parent, ancestors, arguments, namespaces, control group, container - "
		      "JSON shows by itself where a process begins or ends, and elsewhere if `-o` asks for it. Names, sessions, namespaces "
		      "and real users are as they were when the process was created or began its program; its end has the name it had "
		      "last. A real user that the process may no longer have is absent.\n\n"
		      "| field | type | known in | events | meaning |\n|---|---|---|---|---|\n");
	for (size_t i = field_of_all_count; i < names.count; i++) {
		const struct field *field = names.symbols[i].field;

		text_add_format(out, "| `%s` | %s%s%s | %s | ", field->name, type_name(field), field->unit ? ", " : "",
				unit_name(field), strcmp(known_in(field), "user") ? known_in(field) : "user space");
		add_kinds(out, field->kinds, " ", "");
		text_add_format(out, " | %s |\n", field->help);
	}
}

static int run_fields(const struct command *command, int argc, char **argv)
{
	struct lang_names names = lang_names_of_events(~0U);
	struct fields_settings settings = { 0 };
	struct output output = { 0 };
	struct option_rest rest;
	bool found = false;
	int status;

	if (!option_parse(command, argc, argv, &settings, &rest, &status))
		return status;
	stop_prepare(0);
	for (size_t i = 0; i < names.count && !found; i++)
		found = !rest.count || strstr(names.symbols[i].field->name, rest.words[0]);
	if (!found) {
		message_error("no field has %s in its name (`sonde fields` lists all)", rest.words[0]);
		return 1;
	}
	if (settings.markdown)
		add_markdown(&output.text);
	else if (!settings.json)
		text_add_format(&output.text, "%-36s %-8s %-6s %s\n", "FIELD", "TYPE", "KNOWN", "MEANING [EVENTS]");
	for (size_t i = 0; i < names.count && !settings.markdown; i++) {
		const struct field *field = names.symbols[i].field;

		if (rest.count && !strstr(field->name, rest.words[0]))
			continue;
		if (settings.json)
			add_json(&output.text, &names.symbols[i]);
		else
			add_line(&output.text, field);
	}
	return output_end(&output);
}

static const struct option options[] = {
	{ .name = "json", .letter = 'j', .type = OPTION_FLAG, .offset = offsetof(struct fields_settings, json),
	  .help = "one JSON object a line" },
	{ .name = "markdown", .type = OPTION_FLAG, .offset = offsetof(struct fields_settings, markdown) },
	{ 0 }
};

static const struct positional positionals[] = {
	{ .name = "[PART]", .help = "only fields with this in their name" },
	{ 0 }
};

static const struct example examples[] = {
	{ "sonde fields", "every field, its type and where it is known" },
	{ "sonde fields memory", "fields about memory" },
	{ 0 }
};

const struct command fields_command = {
	.name = "fields",
	.summary = "list what an event can say",
	.usage = "[PART] [OPTION]...",
	.description = "Lists every field of every event: its type, where a filter on it is decided, its meaning, and the events "
		       "that have it: kernel, partly (of some of its events in the kernel), or user space. Filters (-f of sonde "
		       "trace) are conditions on these fields.\n\n"
		       "In conditions values are compared with == != < <= > >=, in [a, b], in 10.0.0.0/8, like \"/etc/**\", startswith, "
		       "endswith and contains; joined with and, or, not and brackets; calculated with + - * / % & | ^ << >> ~. "
		       "exists(field) asks whether there is a value, ancestor.name == \"sshd\" asks of all ancestors.\n\n"
		       "A name may be shortened to an ending that only one field has. Numbers take units: 10ms, 4KiB, 0644, 0x1f. Words "
		       "that a field knows (O_CREAT, ENOENT, SIGKILL, tcp) need no quotes. A comparison with a field that the event "
		       "does not have is false.",
	.examples = examples,
	.options = options,
	.positionals = positionals,
	.run = run_fields,
};
