/* A template is read once into parts; filling it in copies spans. */
#define _GNU_SOURCE

#include "rules/rules_template.h"

#include <stdlib.h>

#include "base/alloc.h"

static struct template_part *part_add(struct rule_template *template, int type)
{
	template->parts = xrealloc(template->parts, template->part_count + 1, sizeof(*template->parts));
	template->parts[template->part_count] = (struct template_part){ .type = type };
	return &template->parts[template->part_count++];
}

static int read_facts(struct rule_template *template, const char *text, size_t length, struct text *error)
{
	struct template_part *part = part_add(template, PART_FACTS);
	char *words = xstrndup(text, length), *rest = words, *word;
	int status = 0;

	while (!status && (word = strsep(&rest, "|"))) {
		size_t end;

		word += strspn(word, " ");
		for (end = strlen(word); end && word[end - 1] == ' '; end--)
			word[end - 1] = '\0';
		part->facts = xrealloc(part->facts, part->fact_count + 1, sizeof(*part->facts));
		status = fact_read(&part->facts[part->fact_count++], word, true, error);
	}
	free(words);
	return status;
}

/* Up to a single brace or bracket; doubled ones become one. */
static const char *read_literal(struct rule_template *template, const char *text)
{
	struct text literal = { 0 };

	while (*text && (!strchr("{}[]", *text) || text[0] == text[1])) {
		text += strchr("{}[]", *text) != NULL;
		text_add_char(&literal, *text++);
	}
	if (literal.length)
		part_add(template, PART_LITERAL)->literal = xstrdup(text_string(&literal));
	text_free(&literal);
	return text;
}

static int lone(char byte, struct text *error)
{
	text_add_format(error, "a lone \"%c\": a fact stands in {...}, what is left out without its facts in [...], and a brace or "
			       "bracket itself is written twice", byte);
	return -1;
}

int rule_template_read(struct rule_template *template, const char *text, struct text *error)
{
	bool open = false;

	*template = (struct rule_template){ 0 };
	for (text = read_literal(template, text); *text; text = read_literal(template, text)) {
		const char *end = strchr(text, '}');

		if (*text == '{' && end) {
			if (read_facts(template, text + 1, end - text - 1, error))
				return -1;
			text = end + 1;
		} else if (*text == (open ? ']' : '[')) {
			part_add(template, open ? PART_CLOSE : PART_OPEN);
			open = !open;
			text++;
		} else {
			return lone(*text, error);
		}
	}
	return open ? lone('[', error) : 0;
}

void rule_template_free(struct rule_template *template)
{
	for (size_t i = 0; i < template->part_count; i++) {
		struct template_part *part = &template->parts[i];

		for (size_t j = 0; j < part->fact_count; j++)
			fact_free(&part->facts[j]);
		free(part->facts);
		free(part->literal);
	}
	free(template->parts);
	*template = (struct rule_template){ 0 };
}

void rule_template_add(const struct rule_template *template, struct fact_match *match, struct text *out)
{
	size_t opened = 0;
	bool lacks = false;

	for (size_t i = 0; i < template->part_count; i++) {
		const struct template_part *part = &template->parts[i];
		struct rule_value value = { "", 0 };

		switch (part->type) {
		case PART_LITERAL:
			text_add(out, part->literal);
			break;
		case PART_OPEN:
			opened = out->length;
			lacks = false;
			break;
		case PART_CLOSE:
			if (lacks)
				out->length = opened;
			break;
		case PART_FACTS:
			for (size_t j = 0; j < part->fact_count && !value.length; j++)
				value = fact_value(&part->facts[j], match);
			lacks |= !value.length;
			text_add_bytes(out, value.at, value.length);
		}
	}
}
