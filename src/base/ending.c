#include "base/ending.h"

#include <stdbool.h>
#include <string.h>

static size_t parts(const char *name)
{
	size_t count = 1;

	for (; (name = strchr(name, '.')); name++)
		count++;
	return count;
}

static bool ends_with(const char *whole, const char *name)
{
	size_t length = strlen(whole), wanted = strlen(name);

	return length > wanted && whole[length - wanted - 1] == '.' && !strcmp(whole + length - wanted, name);
}

long ending_find(const char *name, size_t count, const char *(*name_at)(const void *list, size_t i), const void *list)
{
	static const char first[] = "process.";
	long shortest = ENDING_UNKNOWN;
	size_t least = (size_t)-1, matches = 0;
	long own = ENDING_UNKNOWN;

	for (size_t i = 0; i < count; i++) {
		const char *whole = name_at(list, i);

		if (whole && !strcmp(whole, name))
			return i;
		if (!whole || !ends_with(whole, name))
			continue;
		matches++;
		if (!strncmp(whole, first, sizeof(first) - 1) && !strcmp(whole + sizeof(first) - 1, name))
			own = i;
		if (parts(whole) < least) {
			least = parts(whole);
			shortest = i;
		} else if (parts(whole) == least) {
			shortest = ENDING_AMBIGUOUS;
		}
	}
	return matches > 1 && own >= 0 ? own : shortest;
}
