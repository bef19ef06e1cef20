/*
 * Copies a linked BPF object from standard input to standard output without what .BTF.ext says of source lines: a third
 * of the object, compressed, that only a verifier's log would show, and time to load. A tool of the build.
 */
#include <elf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As the kernel's documentation of BTF has it. */
struct extension {
	uint16_t magic;
	uint8_t version, flags;
	uint32_t header;		/* its length; the offsets count from behind it */
	uint32_t function_offset, function_length;
	uint32_t line_offset, line_length;
};

static int fail(const char *why)
{
	fprintf(stderr, "lineless: %s\n", why);
	return 1;
}

/* The bytes stay, as zeros: nothing moves, and zeros compress to nothing. */
static int forget_lines(char *object, size_t size, const Elf64_Shdr *section)
{
	struct extension *extension = (void *)(object + section->sh_offset);

	if (section->sh_offset > size || section->sh_size > size - section->sh_offset ||
	    section->sh_size < sizeof(*extension) ||
	    (uint64_t)extension->header + extension->line_offset + extension->line_length > section->sh_size)
		return fail("its .BTF.ext is not what it should be");
	memset((char *)extension + extension->header + extension->line_offset, 0, extension->line_length);
	extension->line_offset = extension->line_length = 0;
	return 0;
}

int main(void)
{
	static char object[16 << 20];
	size_t size = fread(object, 1, sizeof(object), stdin);
	const Elf64_Ehdr *header = (void *)object;
	const Elf64_Shdr *sections, *names;

	if (size < sizeof(*header) || size == sizeof(object) || memcmp(header->e_ident, ELFMAG, SELFMAG) ||
	    header->e_shoff > size || size - header->e_shoff < header->e_shnum * sizeof(*sections) ||
	    header->e_shstrndx >= header->e_shnum)
		return fail("this is not an object");
	sections = (void *)(object + header->e_shoff);
	names = &sections[header->e_shstrndx];
	for (int i = 0; i < header->e_shnum; i++)
		if (!strcmp(object + names->sh_offset + sections[i].sh_name, ".BTF.ext") &&
		    forget_lines(object, size, &sections[i]))
			return 1;
	return fwrite(object, 1, size, stdout) == size && !fflush(stdout) ? 0 : fail("it could not be written");
}
