/* A file of the source tree as bytes in the binary. The path is from the root of the tree, where the build runs. */
#ifndef BASE_EMBED_H
#define BASE_EMBED_H

/* Defines `const char name[]`, NUL behind it, and `const char name_end[]` where that NUL is. */
#define EMBED(name, file)                                                                                          \
	__asm__(".section .rodata\n.global " #name "\n.global " #name "_end\n" #name ":\n.incbin \"" file "\"\n" \
		#name "_end:\n.byte 0\n.previous\n");                                                              \
	extern const char name[], name##_end[]

#endif
