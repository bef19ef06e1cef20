/*
 * /proc/kallsyms has two hundred thousand lines. It is read only when an address is asked for that was not before, and
 * only the answers are kept. Zeros instead of addresses mean that this user may not know them.
 */
#include "kernel/symbols.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/table.h"

#define SYMBOLS_MOST 4096	/* answers kept */

struct symbol {
	u64 address, from;	/* the nearest symbol at or below the address */
	char name[64];
};

static struct table known;

static struct symbol *add(u64 address)
{
	struct symbol *symbol = table_count(&known) < SYMBOLS_MOST ? calloc(1, sizeof(*symbol)) : NULL;

	if (!symbol)
		return NULL;
	symbol->address = address;
	if (table_put(&known, address, symbol)) {
		free(symbol);
		return NULL;
	}
	return symbol;
}

/* "ffffffff81000000 T name [module]"; only functions. */
static void consider(const char *line, struct symbol **wanted, size_t count)
{
	char *end;
	u64 at = strtoull(line, &end, 16);

	if (!at || end[0] != ' ' || (end[1] | 32) != 't' || end[2] != ' ')
		return;
	for (size_t i = 0; i < count; i++) {
		if (at > wanted[i]->address || at < wanted[i]->from)
			continue;
		wanted[i]->from = at;
		snprintf(wanted[i]->name, sizeof(wanted[i]->name), "%.*s", (int)strcspn(end + 3, "\t\n "), end + 3);
	}
}

void symbols_find(const u64 *addresses, size_t count)
{
	struct symbol **wanted = calloc(count, sizeof(*wanted));
	size_t missing = 0, size = 0;
	char *line = NULL;
	FILE *file;

	for (size_t i = 0; wanted && i < count; i++)
		if (!table_get(&known, addresses[i]) && (wanted[missing] = add(addresses[i])))
			missing++;
	file = missing ? fopen("/proc/kallsyms", "re") : NULL;
	while (file && getline(&line, &size, file) > 0)
		consider(line, wanted, missing);
	if (file)
		fclose(file);
	free(line);
	free(wanted);
}

const char *symbols_name(u64 address)
{
	const struct symbol *symbol = table_get(&known, address);

	return symbol ? symbol->name : "";
}
