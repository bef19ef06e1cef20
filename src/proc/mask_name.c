/*
 * A name is split where people split names: at - _ . and where a small letter meets a capital. One
 * segment that means a secret makes the name secret, unless the last one says that the value is
 * something about the secret: where it is kept, what it is called, how long it may be.
 */

#include "mask_rules.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

struct segment {
	const char *data;
	size_t length;
};

static bool is(struct segment segment, const char *word)
{
	return segment.length == strlen(word) && !strncasecmp(segment.data, word, segment.length);
}

static bool in(struct segment segment, const char *const *words)
{
	for (; *words; words++)
		if (is(segment, *words))
			return true;
	return false;
}

static bool ends_in(struct segment segment, const char *const *words)
{
	for (; *words; words++) {
		size_t length = strlen(*words);
		if (segment.length >= length &&
		    !strncasecmp(segment.data + segment.length - length, *words, length))
			return true;
	}
	return false;
}

static bool is_separator(char c)
{
	return c == '-' || c == '_' || c == '.' || c == ' ';
}

/* Takes the next segment off the name; an empty one at its end. */
static struct segment next_segment(const char **name, const char *end)
{
	while (*name < end && is_separator(**name))
		(*name)++;
	struct segment segment = {*name, 0};
	while (*name < end && !is_separator(**name)) {
		if (segment.length && islower((unsigned char)(*name)[-1]) &&
		    isupper((unsigned char)**name))
			break;
		(*name)++;
		segment.length++;
	}
	return segment;
}

/*
 * REDISCLI_AUTH, NPM_CONFIG__AUTH, _auth: as a variable it is the secret itself. As an option (--smtp-auth plain) it is mostly
 * the way to show one.
 */
static bool is_auth_variable(const char *name, size_t length)
{
	static const char suffix[] = "_auth";
	size_t head = length - (sizeof(suffix) - 1);

	if (length < sizeof(suffix) - 1 || strncasecmp(name + head, suffix, sizeof(suffix) - 1))
		return false;
	if (!head || name[head - 1] == '_')
		return true;
	for (size_t i = 0; i < length; i++)
		if (name[i] != '_' && !isupper((unsigned char)name[i]) && !isdigit((unsigned char)name[i]))
			return false;
	return !mask_has_negation(name, length);
}

bool mask_is_secret_name(const char *name, size_t length)
{
	static const char *const secrets[] = {
		"pass", "pwd", "pw", "credential", "credentials", "creds", "jwt", "otp", "bearer", "storepass",
		"keypass", "dbpass", "rootpw", "bindpw", "sshpass", "userpass", "rootpass", "adminpass", "cred",
		"pswd", "passcode", "psk", "mnemonic", NULL,
	};
	static const char *const endings[] = {
		"password", "passwd", "passphrase", "passwort", "secret", "token", "apikey", "secretkey",
		"accesskey", "privatekey", "authkey", NULL,
	};
	static const char *const before_key[] = {
		"api", "access", "secret", "private", "auth", "account", "encryption", "signing", "shared",
		"master", "client", "storage", "deploy", "service", "subscription", "session", "license", "hmac",
		"encrypt", NULL,
	};
	/* a personal access token of; elsewhere it is a pattern */
	static const char *const before_pat[] = {
		"github", "gh", "ghcr", "cr", "gitlab", "gitea", "bitbucket", "azure", "ado", "devops", "ext", "vsts",
		"jira", "docker", "dockerhub", "databricks", "snowflake", "airtable", "repo", "ci", "bot", NULL,
	};
	static const char *const about[] = {
		"file", "path", "id", "ids", "name", "names", "url", "uri", "env", "stdin", "fd", "prompt",
		"type", "ttl", "length", "len", "dir", "timeout", "expiry", "expires", "expiration",
		"command", "cmd", "policy", "count", "limit", "size", "version", "arn", "ref", "store",
		"provider", "endpoint", "helper", "min", "max", "enabled", "field", "header", "source",
		"format", "app", "program", "hook", "socket", "port", "host", "audience", "issuer", "through",
		"identity", "hint", NULL,
	};
	const char *end = name + length;
	struct segment last = {name, 0}, segment;
	bool secret = is_auth_variable(name, length) || is((struct segment){name, length}, "DOCKER_AUTH_CONFIG");

	while ((segment = next_segment(&name, end)).length) {
		if (in(segment, secrets) || ends_in(segment, endings) ||
		    (is(segment, "key") && in(last, before_key)) || (is(segment, "pat") && in(last, before_pat)))
			secret = true;
		last = segment;
	}
	return secret && !in(last, about);
}

/* --no-password, --ask-pass: no value follows. */
bool mask_has_negation(const char *name, size_t length)
{
	static const char *const words[] = {
		"no", "ask", "skip", "without", "disable", "enable", "show", "use", "prompt", "generate",
		"require", "list", "with", "print", "force", "random", NULL,
	};
	const char *end = name + length;

	return in(next_segment(&name, end), words);
}

/* --use-token=true says nothing that is secret. */
bool mask_is_switch(const char *value, size_t length)
{
	static const char *const words[] = {"true", "false", "yes", "no", "on", "off", "always", "never",
					    NULL};

	return in((struct segment){value, length}, words);
}

bool mask_is_credential(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (isdigit((unsigned char)text[i]) || text[i] == '=')
			return length >= 8;
	return false;
}
