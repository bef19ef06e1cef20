#include "policy/load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/message.h"
#include "policy/tracing.h"

static int load_short(struct policies *policies, struct document *document, const char *bytes, size_t length, const char *file,
		      struct policy_error *error)
{
	int status = document->line ? -1 : short_read(document, bytes, length, file, policies);

	if (!status)
		return 0;
	*error = (struct policy_error){ .line = document->line, .column = document->column };
	snprintf(error->text, sizeof(error->text), "%s", text_string(&document->wrong));
	snprintf(error->mend, sizeof(error->mend), "%s", text_string(&document->mend));
	return -1;
}

int policies_parse(struct policies *policies, const char *bytes, size_t length, const char *file, struct policy_error *error)
{
	struct policy *policy = NULL;
	struct document document;
	bool is_tracing;
	int status;

	document_load(&document, bytes, length, "several policies of a file are a list: - name: one");
	is_tracing = document.loaded && tracing_is(&document);
	status = is_tracing ? 0 : load_short(policies, &document, bytes, length, file, error);
	document_free(&document);
	if (!is_tracing)
		return status;
	policy = policy_parse(bytes, length, file, error);
	if (!policy)
		return -1;
	policies->list = xrealloc(policies->list, policies->count + 1, sizeof(*policies->list));
	policies->list[policies->count++] = policy;
	return 0;
}

void policy_error_say(const struct policy_error *error, const char *file)
{
	const char *between = !*error->mend ? "" : strncmp(error->mend, "did ", 4) ? "; " : ", ";

	if (error->line)
		message_error("%s:%u:%u: %s%s%s", file, error->line, error->column, error->text, between, error->mend);
	else
		message_error("%s: %s%s%s", file, error->text, between, error->mend);
}

int policies_load(struct policies *policies, const char *file, struct text *source)
{
	struct text own = { 0 }, *text = source ? source : &own;
	struct policy_error error = { 0 };
	const char *doubt = NULL;
	int status = policy_source(file, text, &doubt, &error);

	if (!status && doubt)
		status = policy_distrust(doubt, file, &error);
	if (!status)
		status = policies_parse(policies, text_string(text), text->length, file, &error);
	if (status)
		policy_error_say(&error, file);
	text_free(&own);
	return status ? -EINVAL : 0;
}

struct policy *policies_find(const struct policies *policies, const char *name)
{
	for (size_t i = 0; i < policies->count; i++)
		if (!strcmp(policies->list[i]->name, name))
			return policies->list[i];
	return NULL;
}

void policies_free(struct policies *policies)
{
	for (size_t i = 0; i < policies->count; i++)
		policy_free(policies->list[i]);
	free(policies->list);
	*policies = (struct policies){ 0 };
}
