/* A uprobe's program: is it there, and does it have the symbols? Libraries lie elsewhere on each distribution. */
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/nearest.h"
#include "policy/resolve.h"

#define DIRECTORIES { "/lib64", "/usr/lib64", "/lib", "/usr/lib", "/lib/" MULTIARCH, "/usr/lib/" MULTIARCH }
#if defined(__x86_64__)
#define MULTIARCH "x86_64-linux-gnu"
#elif defined(__aarch64__)
#define MULTIARCH "aarch64-linux-gnu"
#else
#define MULTIARCH "."
#endif

static int find_library(struct resolving *resolving, struct policy_hook *hook)
{
	static const char *const directories[] = DIRECTORIES;
	const char *slash = strrchr(hook->target, '/');
	size_t count = sizeof(directories) / sizeof(*directories);
	bool is_library = false;
	char path[512], *copy;

	for (size_t i = 0; i < count; i++)
		is_library |= strlen(directories[i]) == (size_t)(slash - hook->target) &&
			      !strncmp(directories[i], hook->target, slash - hook->target);
	for (size_t i = 0; is_library && i < count; i++) {
		snprintf(path, sizeof(path), "%s%s", directories[i], slash);
		if (access(path, R_OK))
			continue;
		policy_note(resolving->policy, hook->line, hook->column, "%s is not there, and %s is: that is taken", hook->target, path);
		copy = lang_tree_get(resolving->policy->tree, strlen(path) + 1);
		hook->target = strcpy(copy, path);
		return 0;
	}
	return resolve_fail(resolving, hook->line, hook->column, "path: the program or library on this machine", "there is no file %s",
			    hook->target);
}

/* Looks for the name in one table; remembers the nearest. */
static bool in_table(Elf *elf, Elf_Scn *section, const GElf_Shdr *header, const char *wanted, char *nearest, size_t size,
		     unsigned int *least)
{
	Elf_Data *data = elf_getdata(section, NULL);
	size_t count = data && header->sh_entsize ? header->sh_size / header->sh_entsize : 0;
	GElf_Sym symbol;

	for (size_t i = 0; i < count; i++) {
		const char *name = gelf_getsym(data, i, &symbol) ? elf_strptr(elf, header->sh_link, symbol.st_name) : NULL;
		unsigned int distance;

		if (!name || GELF_ST_TYPE(symbol.st_info) != STT_FUNC || !symbol.st_value)
			continue;
		if (!strcmp(name, wanted))
			return true;
		distance = nearest_distance(wanted, name);
		if (distance < *least) {
			*least = distance;
			snprintf(nearest, size, "%s", name);
		}
	}
	return false;
}

static bool has_symbol(Elf *elf, const char *wanted, char *nearest, size_t size)
{
	unsigned int least = NEAREST_TOO_FAR;
	Elf_Scn *section = NULL;
	bool found = false;
	GElf_Shdr header;

	*nearest = '\0';
	while (!found && (section = elf_nextscn(elf, section)))
		if (gelf_getshdr(section, &header) && (header.sh_type == SHT_SYMTAB || header.sh_type == SHT_DYNSYM))
			found = in_table(elf, section, &header, wanted, nearest, size, &least);
	return found;
}

/* As tracing_hook.c spells them: 0x10 lies in the file, @0x10 in memory. */
static bool is_number(const char *symbol)
{
	return *symbol == '@' || (*symbol >= '0' && *symbol <= '9');
}

static bool has_code_at(Elf *elf, const char *symbol)
{
	bool in_memory = *symbol == '@';
	u64 at = strtoull(symbol + in_memory, NULL, 0);
	size_t count = 0;
	GElf_Phdr part;

	elf_getphdrnum(elf, &count);
	for (size_t i = 0; i < count; i++) {
		if (!gelf_getphdr(elf, i, &part) || part.p_type != PT_LOAD || !(part.p_flags & PF_X))
			continue;
		if (at - (in_memory ? part.p_vaddr : part.p_offset) < part.p_filesz)
			return true;
	}
	return false;
}

static int check_symbols(struct resolving *resolving, const struct policy_hook *hook, Elf *elf)
{
	for (const char *const *symbol = hook->symbols; *symbol; symbol++) {
		char name[256], nearest[128], mend[192] = "symbols are what nm -D FILE shows";

		if (is_number(*symbol) && has_code_at(elf, *symbol))
			continue;
		if (is_number(*symbol))
			return resolve_fail(resolving, hook->line, hook->column, "readelf -lW FILE shows where code is: LOAD with E",
					    "%s has no code at %s %s", hook->target, **symbol == '@' ? "address" : "offset",
					    *symbol + (**symbol == '@'));
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(*symbol, "+"), *symbol);
		if (has_symbol(elf, name, nearest, sizeof(nearest)))
			continue;
		if (*nearest)
			snprintf(mend, sizeof(mend), "did you mean %s?", nearest);
		return resolve_fail(resolving, hook->line, hook->column, mend, "%s has no function %s", hook->target, name);
	}
	return 0;
}

int resolve_program(struct resolving *resolving, struct policy_hook *hook)
{
	Elf *elf;
	int fd, status;

	/* What another machine has is not known here. */
	if (!resolving->kernel->here)
		return 0;
	if (access(hook->target, F_OK) && find_library(resolving, hook))
		return -1;
	fd = open(hook->target, O_RDONLY | O_CLOEXEC);
	elf = fd >= 0 && elf_version(EV_CURRENT) != EV_NONE ? elf_begin(fd, ELF_C_READ, NULL) : NULL;
	if (!elf || elf_kind(elf) != ELF_K_ELF)
		status = resolve_fail(resolving, hook->line, hook->column, "path: a program or a library", "%s is no program", hook->target);
	else
		status = check_symbols(resolving, hook, elf);
	elf_end(elf);
	if (fd >= 0)
		close(fd);
	return status;
}
