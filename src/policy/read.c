/* From a file to a policy, in whichever form it is written. */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/escape.h"
#include "policy/tracing.h"

#define FILE_MOST (4u << 20)	/* bytes: ten thousand paths are one */

void policy_note(struct policy *policy, u32 line, u32 column, const char *format, ...)
{
	struct policy_note *note = lang_tree_get(policy->tree, sizeof(*note)), **last = &policy->notes;
	struct text text = { 0 };
	va_list arguments;
	char *copy;

	va_start(arguments, format);
	text_add_arguments(&text, format, arguments);
	va_end(arguments);
	copy = lang_tree_get(policy->tree, text.length + 1);
	memcpy(copy, text_string(&text), text.length);
	text_free(&text);
	*note = (struct policy_note){ .line = line, .column = column, .text = copy };
	while (*last)
		last = &(*last)->next;
	*last = note;
}

static int fail(struct policy_error *error, const char *mend, const char *format, ...) __attribute__((format(printf, 3, 4)));

static int fail(struct policy_error *error, const char *mend, const char *format, ...)
{
	va_list arguments;

	*error = (struct policy_error){ 0 };
	va_start(arguments, format);
	vsnprintf(error->text, sizeof(error->text), format, arguments);
	va_end(arguments);
	snprintf(error->mend, sizeof(error->mend), "%s", mend);
	return -1;
}

struct policy *policy_parse(const char *bytes, size_t length, const char *file, struct policy_error *error)
{
	struct tracing tracing = { 0 };
	struct lang_tree *tree = lang_tree_new();
	struct policy *policy = lang_tree_get(tree, sizeof(*policy));
	int status;

	policy->tree = tracing.tree = tree;
	tracing.policy = policy;
	policy->file = strcpy(lang_tree_get(tree, strlen(file) + 1), file);
	status = document_load(&tracing.document, bytes, length, "a file has one TracingPolicy; put each into a file of its own");
	if (!status && !tracing_is(&tracing.document)) {
		status = document_wrong(&tracing.document, document_root(&tracing.document), "this is no TracingPolicy");
		document_mend(&tracing.document, "it begins with apiVersion: cilium.io/v1alpha1");
	}
	if (!status)
		status = tracing_read(&tracing);
	if (status) {
		*error = (struct policy_error){ .line = tracing.document.line, .column = tracing.document.column };
		snprintf(error->text, sizeof(error->text), "%s", text_string(&tracing.document.wrong));
		snprintf(error->mend, sizeof(error->mend), "%s", text_string(&tracing.document.mend));
		lang_tree_free(tree);
		policy = NULL;
	}
	document_free(&tracing.document);
	return policy;
}

void policy_free(struct policy *policy)
{
	if (policy)
		lang_tree_free(policy->tree);
}

static const char *untrusted(const struct stat *status)
{
	if (status->st_uid && status->st_uid != geteuid())
		return "it belongs to another user, who could change it";
	if (status->st_mode & S_IWOTH)
		return "everybody may write it";
	if (status->st_mode & S_IWGRP)
		return "its group may write it";
	return NULL;
}

static int read_open(int fd, const struct stat *status, struct text *text, struct policy_error *error)
{
	ssize_t got = 1;

	if (!text_reserve(text, status->st_size))
		return fail(error, "", "there is no memory for it");
	while (got > 0 && text->length < (size_t)status->st_size) {
		got = read(fd, text->data + text->length, status->st_size - text->length);
		text->length += got > 0 ? got : 0;
	}
	return got < 0 ? fail(error, "", "cannot be read: %s", strerror(errno)) : 0;
}

int policy_source(const char *file, struct text *text, const char **doubt, struct policy_error *error)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), failed;
	struct stat status;

	if (fd < 0 || fstat(fd, &status)) {
		failed = fail(error, errno == ENOENT ? "is the name right?" : "", "cannot be opened: %s", strerror(errno));
	} else if (!S_ISREG(status.st_mode)) {
		failed = fail(error, "name a file", "it is no regular file");
	} else if (status.st_size > FILE_MOST) {
		failed = fail(error, "write two files", "it has more than %u MiB", FILE_MOST >> 20);
	} else {
		*doubt = untrusted(&status);
		failed = read_open(fd, &status, text, error);
	}
	if (fd >= 0)
		close(fd);
	return failed;
}

int policy_distrust(const char *doubt, const char *file, struct policy_error *error)
{
	struct text mend = { 0 };

	text_add(&mend, strstr(doubt, "write") ? "chmod go-w " : "chown root ");
	escape_shell(&mend, file, strlen(file));
	fail(error, text_string(&mend), "%s, and who may write a policy may kill with it", doubt);
	text_free(&mend);
	return -1;
}

struct policy *policy_read(const char *file, struct policy_error *error)
{
	struct policy *policy = NULL;
	struct text text = { 0 };
	const char *doubt = NULL;

	if (!policy_source(file, &text, &doubt, error))
		policy = policy_parse(text_string(&text), text.length, file, error);
	text_free(&text);
	if (policy && doubt)
		policy_distrust(doubt, file, error);
	else if (policy && policy->incomplete)
		fail(error, "give it one in the environment, or write it in the file", "%s has no value", policy->incomplete);
	else
		return policy;
	policy_free(policy);
	return NULL;
}
