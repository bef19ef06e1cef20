/*
 * Takes memory until somebody kills it, or up to a limit in MiB, touching every page: `hog MEBIBYTES`.
 * Waits for a line on stdin first, so that its cgroup can be arranged.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
	int limit = argc > 1 ? atoi(argv[1]) : 64;

	if (getchar() == EOF)
		return 2;
	for (int i = 0; i < limit; i++) {
		char *memory = malloc(1 << 20);

		if (!memory)
			return 1;
		memset(memory, i + 1, 1 << 20);
		__asm__ volatile("" : : "r"(memory) : "memory");
	}
	return 0;
}
