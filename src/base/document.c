/* The parser and the tree of nodes are libyaml's; every node knows where it stands. */
#include "base/document.h"

#include "base/nearest.h"

#define WORDS_SHOWN 24

static int wrong_at(struct document *document, yaml_mark_t mark, const char *format, va_list arguments)
{
	if (document->line)
		return -1;
	document->line = mark.line + 1;
	document->column = mark.column + 1;
	text_add_arguments(&document->wrong, format, arguments);
	return -1;
}

int document_wrong(struct document *document, const yaml_node_t *node, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	wrong_at(document, node ? node->start_mark : (yaml_mark_t){ 0 }, format, arguments);
	va_end(arguments);
	return -1;
}

int document_mend(struct document *document, const char *format, ...)
{
	va_list arguments;

	if (document->mend.length)
		return -1;
	va_start(arguments, format);
	text_add_arguments(&document->mend, format, arguments);
	va_end(arguments);
	return -1;
}

int document_mend_word(struct document *document, const char *word, const char *const *known)
{
	const char *nearest = nearest_word(word, known);
	size_t count = 0;

	if (document->mend.length)
		return -1;
	if (nearest)
		return document_mend(document, "did you mean %s?", nearest);
	while (known[count] && count <= WORDS_SHOWN)
		count++;
	for (size_t i = 0; i < count && count <= WORDS_SHOWN; i++)
		text_add_format(&document->mend, "%s%s", i ? ", " : "it has ", known[i]);
	return -1;
}

void document_tell(const struct document *document, const char *file, struct text *out)
{
	bool question = !strncmp(text_string(&document->mend), "did ", 4);

	text_add_format(out, "%s:%zu:%zu: %s", file, document->line, document->column, text_string(&document->wrong));
	if (document->mend.length)
		text_add_format(out, "%s%s", question ? ", " : "; ", text_string(&document->mend));
}

static void wrong_problem(struct document *document, yaml_mark_t mark, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void wrong_problem(struct document *document, yaml_mark_t mark, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	wrong_at(document, mark, format, arguments);
	va_end(arguments);
}

static int wrong_yaml(struct document *document, const yaml_parser_t *parser)
{
	const char *problem = parser->problem ? parser->problem : "out of memory", *context = parser->context;

	if (parser->error == YAML_READER_ERROR) {
		wrong_problem(document, (yaml_mark_t){ .line = parser->problem_mark.line, .column = parser->problem_mark.column },
			      "this is no text in UTF-8: %s", problem);
		return -1;
	}
	wrong_problem(document, parser->problem_mark, "this is not YAML: %s%s%s", context ? context : "", context ? ", " : "", problem);
	if (strstr(problem, "cannot start any token"))
		document_mend(document, "indent with spaces, not tabs, and quote what begins with %% @ or `");
	else if (strstr(problem, "alias") || (context && strstr(context, "alias")))
		document_mend(document, "a pattern that begins with * stands between quotes: \"*\"");
	return -1;
}

static bool is_empty(const yaml_node_t *root)
{
	return root->type == YAML_SCALAR_NODE && !root->data.scalar.length && root->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

/* A second document would be passed over in silence; nothing behind a last "---" is none. */
static int check_end(struct document *document, yaml_parser_t *parser, const char *single)
{
	bool at_end = false;
	int status = 0;

	while (!at_end && !status) {
		yaml_document_t more;
		const yaml_node_t *root;

		if (!yaml_parser_load(parser, &more))
			return wrong_yaml(document, parser);
		root = yaml_document_get_root_node(&more);
		at_end = !root;
		if (root && !is_empty(root)) {
			status = document_wrong(document, root, "a second document begins here");
			document_mend(document, "%s", single);
		}
		yaml_document_delete(&more);
	}
	return status;
}

int document_load(struct document *document, const char *bytes, size_t length, const char *single)
{
	yaml_parser_t parser;
	int status;

	*document = (struct document){ 0 };
	if (!yaml_parser_initialize(&parser))
		return document_wrong(document, NULL, "out of memory");
	yaml_parser_set_input_string(&parser, (const unsigned char *)bytes, length);
	document->loaded = yaml_parser_load(&parser, &document->yaml);
	status = document->loaded ? check_end(document, &parser, single) : wrong_yaml(document, &parser);
	yaml_parser_delete(&parser);
	return status;
}

void document_free(struct document *document)
{
	if (document->loaded)
		yaml_document_delete(&document->yaml);
	text_free(&document->wrong);
	text_free(&document->mend);
}

const yaml_node_t *document_root(struct document *document)
{
	return yaml_document_get_root_node(&document->yaml);
}

const yaml_node_t *document_at(struct document *document, int index)
{
	return yaml_document_get_node(&document->yaml, index);
}

const char *document_type(const yaml_node_t *node)
{
	return node->type == YAML_MAPPING_NODE ? "a mapping" : node->type == YAML_SEQUENCE_NODE ? "a list" : "a text";
}

const char *document_text(struct document *document, const yaml_node_t *node, const char *what)
{
	if (node->type != YAML_SCALAR_NODE) {
		document_wrong(document, node, "%s must be a text, not %s", what, document_type(node));
		return NULL;
	}
	if (strlen((const char *)node->data.scalar.value) != node->data.scalar.length) {
		document_wrong(document, node, "%s must not hold a NUL", what);
		return NULL;
	}
	return (const char *)node->data.scalar.value;
}

int document_flag(struct document *document, const yaml_node_t *node, const char *what, bool *flag)
{
	const char *value = document_text(document, node, what);

	if (!value)
		return -1;
	if (strcmp(value, "true") && strcmp(value, "false"))
		return document_wrong(document, node, "%s is true or false, not \"%s\"", what, value);
	*flag = !strcmp(value, "true");
	return 0;
}

int document_expect(struct document *document, const yaml_node_t *node, yaml_node_type_t type, const char *what,
		    const char *like)
{
	if (node->type == type)
		return 0;
	return document_wrong(document, node, "%s must be %s, not %s: %s", what,
			      type == YAML_MAPPING_NODE ? "a mapping" : "a list", document_type(node), like);
}

const char *document_key(struct document *document, const yaml_node_t *mapping, const yaml_node_pair_t *pair)
{
	const yaml_node_t *node = document_at(document, pair->key);
	const char *key = document_text(document, node, "a key");

	for (const yaml_node_pair_t *other = mapping->data.mapping.pairs.start; key && other < pair; other++)
		if (!strcmp(key, (const char *)document_at(document, other->key)->data.scalar.value)) {
			document_wrong(document, node, "%s stands here twice", key);
			return NULL;
		}
	return key;
}

int document_mapping(struct document *document, const yaml_node_t *mapping, const char *what, const char *const *keys,
		     const yaml_node_t **found)
{
	for (const yaml_node_pair_t *pair = mapping->data.mapping.pairs.start; pair < mapping->data.mapping.pairs.top; pair++) {
		const char *key = document_key(document, mapping, pair);
		size_t i = 0;

		if (!key)
			return -1;
		while (keys[i] && strcmp(keys[i], key))
			i++;
		if (!keys[i]) {
			document_wrong(document, document_at(document, pair->key), "there is no \"%s\" in %s", key, what);
			return document_mend_word(document, key, keys);
		}
		found[i] = document_at(document, pair->value);
	}
	return 0;
}
