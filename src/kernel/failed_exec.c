/*
 * Failed execs. The last rung is a uprobe in the C library, behind the instruction that enters the kernel: its place is
 * found by reading the library, not assumed.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/sensor.h"

struct image {
	const unsigned char *bytes;
	size_t size;
};

static const void *part(const struct image *image, size_t offset, size_t size)
{
	return offset <= image->size && size <= image->size - offset ? image->bytes + offset : NULL;
}

static const Elf64_Shdr *section_at(const struct image *image, size_t index)
{
	const Elf64_Ehdr *header = part(image, 0, sizeof(*header));

	if (!header || memcmp(header->e_ident, ELFMAG, SELFMAG) || header->e_ident[EI_CLASS] != ELFCLASS64 ||
	    index >= header->e_shnum || header->e_shentsize != sizeof(Elf64_Shdr))
		return NULL;
	return part(image, header->e_shoff + index * sizeof(Elf64_Shdr), sizeof(Elf64_Shdr));
}

/* Where in the file the bytes of an address are. */
static size_t file_offset(const struct image *image, u64 address)
{
	const Elf64_Shdr *section;

	for (size_t i = 0; (section = section_at(image, i)); i++)
		if (section->sh_flags & SHF_EXECINSTR && address >= section->sh_addr &&
		    address < section->sh_addr + section->sh_size)
			return address - section->sh_addr + section->sh_offset;
	return 0;
}

static bool is_named(const struct image *image, const Elf64_Shdr *strings, u32 offset, const char *name)
{
	const char *found = part(image, strings->sh_offset + offset, strlen(name) + 1);

	return found && !memcmp(found, name, strlen(name) + 1);
}

static size_t find_function(const struct image *image, const char *name, size_t *length)
{
	const Elf64_Shdr *section, *strings;

	for (size_t i = 0; (section = section_at(image, i)); i++) {
		if (section->sh_type != SHT_DYNSYM || !(strings = section_at(image, section->sh_link)))
			continue;
		for (size_t at = 0; at + sizeof(Elf64_Sym) <= section->sh_size; at += sizeof(Elf64_Sym)) {
			const Elf64_Sym *symbol = part(image, section->sh_offset + at, sizeof(*symbol));

			if (!symbol)
				return 0;
			if (symbol->st_value && is_named(image, strings, symbol->st_name, name)) {
				*length = symbol->st_size;
				return file_offset(image, symbol->st_value);
			}
		}
	}
	return 0;
}

/* The offset behind the first `syscall` instruction of a function, 0 if it has none. */
static size_t behind_syscall(const char *path, const char *function)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct image image = { 0 };
	size_t length = 0, start, found = 0;
	struct stat status;
	void *memory;

	if (fd < 0 || fstat(fd, &status)) {
		if (fd >= 0)
			close(fd);
		return 0;
	}
	memory = mmap(NULL, status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	if (memory == MAP_FAILED)
		return 0;
	image.bytes = memory;
	image.size = status.st_size;
	start = find_function(&image, function, &length);
	for (size_t at = start; start && at < start + length && !found; at++) {
		const unsigned char *instruction = part(&image, at, 2);

		if (instruction && instruction[0] == 0x0f && instruction[1] == 0x05)
			found = at + 2;
	}
	munmap(memory, status.st_size);
	return found;
}

static struct bpf_link *attach_libc(struct bpf_program *program, const char **why)
{
	static const char *const libraries[] = {
		"/lib/x86_64-linux-gnu/libc.so.6", "/lib64/libc.so.6", "/usr/lib/libc.so.6",
		"/usr/lib/x86_64-linux-gnu/libc.so.6", "/lib/ld-musl-x86_64.so.1",
	};
	const char *function = strstr(bpf_program__name(program), "execveat") ? "execveat" : "execve";

	for (size_t i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
		size_t offset = behind_syscall(libraries[i], function);

		if (offset)
			return bpf_program__attach_uprobe(program, false, -1, libraries[i], offset);
	}
	*why = "no C library was found where one is expected";
	errno = ENOENT;
	return NULL;
}

static const struct rung rungs[] = {
	{ .name = "fexit", .programs = { "failed_execve_fexit", "failed_execveat_fexit" } },
	{ .name = "kprobe", .programs = { "failed_execve_kprobe", "failed_execveat_kprobe" } },
	{ .name = "libc", .programs = { "failed_execve_libc" }, .optional = { "failed_execveat_libc" },
	  .attach = attach_libc, .slow_end = true,
	  .blind = "failures in programs that do not use the system's C library: static ones, most containers, Go" },
	{ 0 }
};

static const struct point points[] = {
	{ .name = "exec failure", .help = "a program could not be started", .rungs = rungs, .kinds = KIND_BIT(exec) },
	{ 0 }
};

const struct sensor failed_exec_sensor = { .name = "failed exec", .points = points };
