/* Three rows of the edit-distance matrix; words are short and this runs once, on the way out. */
#include "base/nearest.h"

#include <string.h>

enum { nearest_longest = 64 };

static unsigned int nearest_least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

static unsigned int nearest_slips(const char *a, size_t a_length, const char *b, size_t b_length)
{
	unsigned int rows[3][nearest_longest + 1];

	for (size_t j = 0; j <= b_length; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		unsigned int *row = rows[i % 3], *above = rows[(i + 2) % 3];
		const unsigned int *higher = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			row[j] = nearest_least(above[j], row[j - 1]) + 1;
			row[j] = nearest_least(row[j], above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = nearest_least(row[j], higher[j - 2] + 1);
		}
	}
	return rows[a_length % 3][b_length];
}

unsigned int nearest_distance(const char *typed, const char *candidate)
{
	size_t typed_length = strlen(typed), length = strlen(candidate);
	size_t shorter = typed_length < length ? typed_length : length;
	unsigned int slips;

	if (!shorter || typed_length > nearest_longest || length > nearest_longest)
		return NEAREST_TOO_FAR;
	slips = nearest_slips(typed, typed_length, candidate, length);
	/* One slip in three letters still looks like the word. */
	if (slips <= (shorter + 2) / 3)
		return slips;
	/* Farther than any typing mistake that is near, but nearer than nothing. */
	if (shorter >= 2 && !strncmp(typed, candidate, shorter))
		return NEAREST_TOO_FAR / 2 + slips;
	return NEAREST_TOO_FAR;
}

const char *nearest_word(const char *typed, const char *const *words)
{
	unsigned int least = NEAREST_TOO_FAR;
	const char *nearest = NULL;

	for (; *words; words++) {
		unsigned int distance = nearest_distance(typed, *words);

		if (distance < least) {
			least = distance;
			nearest = *words;
		}
	}
	return nearest;
}
