/* From a file to a policy, in whichever form it is written. */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
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

static void fail(struct policy_error *error, const char *mend, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void fail(struct policy_error *error, const char *mend, const char *format, ...)
{
	va_list arguments;

	*error = (struct policy_error){ 0 };
	va_start(arguments, format);
	vsnprintf(error->text, sizeof(error->text), format, arguments);
	va_end(arguments);
	snprintf(error->mend, sizeof(error->mend), "%s", mend);
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
	status = document_load(&tracing.document, bytes, length, "a file has one policy");
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

static struct policy *parse_open(int fd, const char *file, const struct stat *status, struct policy_error *error)
{
	char *bytes = xmalloc(status->st_size + 1);
	size_t length = 0;
	ssize_t got = 1;
	struct policy *policy = NULL;

	for (; got > 0 && length < (size_t)status->st_size; length += got > 0 ? got : 0)
		got = read(fd, bytes + length, status->st_size - length);
	if (got < 0)
		fail(error, "", "cannot be read: %s", strerror(errno));
	else
		policy = policy_parse(bytes, length, file, error);
	free(bytes);
	return policy;
}

static struct policy *look(const char *file, const char **doubt, struct policy_error *error)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct policy *policy = NULL;
	struct stat status;

	if (fd < 0 || fstat(fd, &status)) {
		fail(error, errno == ENOENT ? "is the name right?" : "", "cannot be opened: %s", strerror(errno));
	} else if (!S_ISREG(status.st_mode)) {
		fail(error, "name a file", "it is no regular file");
	} else if (status.st_size > FILE_MOST) {
		fail(error, "write two policies", "it has more than %u MiB", FILE_MOST >> 20);
	} else {
		*doubt = untrusted(&status);
		policy = parse_open(fd, file, &status, error);
	}
	if (fd >= 0)
		close(fd);
	return policy;
}

struct policy *policy_look(const char *file, struct policy_error *error)
{
	const char *doubt = NULL;
	struct policy *policy = look(file, &doubt, error);

	if (policy && doubt)
		policy_note(policy, 0, 0, "%s: it would not be run (chown root, chmod go-w)", doubt);
	return policy;
}

struct policy *policy_read(const char *file, struct policy_error *error)
{
	const char *doubt = NULL;
	struct policy *policy = look(file, &doubt, error);

	if (policy && doubt)
		fail(error, "chown root FILE; chmod go-w FILE", "who may write a policy may kill with it, and %s", doubt);
	else if (policy && policy->incomplete)
		fail(error, "give it one in the environment, or write it in the file", "%s has no value", policy->incomplete);
	else
		return policy;
	policy_free(policy);
	return NULL;
}
