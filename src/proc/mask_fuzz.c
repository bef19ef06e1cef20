/* Arguments made of what the rules look for. However they are made, as many come out as went in. */
#include <string.h>

#include "proc/mask.h"
#include "tests/fuzz.h"

static size_t count_zeros(const char *at, size_t length)
{
	size_t count = 0;

	for (size_t i = 0; i < length; i++)
		count += !at[i];
	return count;
}

int main(int argc, char **argv)
{
	static const char *const pieces[] = {
		"--password", "-p", "=", "token=", "curl", "mysql", "-u", "user:", "@", "://", "http", "Authorization: ", "Bearer ",
		"sh", "-c", "'", "\"", "\\", " ", "$(", "{\"secret\":\"", "AWS_SECRET_ACCESS_KEY=", "ghp_", "eyJ", ".", "--", "/",
		"sudo", "env", "docker", "login", "sshpass", "_AUTH=", "github-pat", "psk", "***", "\n", "-e", "AKIA", "key", "&", "?", ";",
	};
	struct fuzz fuzz = fuzz_begin(argc, argv);
	struct mask *mask = mask_new();
	struct text once = { 0 }, twice = { 0 };
	static char buffer[4096];

	while (fuzz_goes_on(&fuzz)) {
		size_t length = fuzz_text(&fuzz, buffer, sizeof(buffer), pieces, FUZZ_COUNT(pieces));
		char *exact = malloc(length ? length : 1);

		for (size_t at = fuzz_below(&fuzz, 12); at < length; at += 1 + fuzz_below(&fuzz, 24))
			buffer[at] = '\0';
		memcpy(exact, buffer, length);
		if (mask_arguments(mask, exact, length, &once)) {
			fuzz_check(!once.failed, "out of memory");
			fuzz_check(count_zeros(exact, length) == count_zeros(once.data, once.length),
				   "the number of arguments changed");
			/* What was hidden must not unhinge the rules either. */
			if (mask_arguments(mask, once.data, once.length, &twice))
				fuzz_check(count_zeros(twice.data, twice.length) == count_zeros(once.data, once.length),
					   "the number of arguments changed the second time");
		}
		free(exact);
	}
	text_free(&once);
	text_free(&twice);
	mask_free(mask);
	return 0;
}
