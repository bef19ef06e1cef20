/* When two values of an argument are the same to a limit of how often is told. */
#ifndef SONDE_BPF_POLICY_LIKENESS_H
#define SONDE_BPF_POLICY_LIKENESS_H

#include "policy.h"

static __always_inline u64 mix(u64 sum, u64 number)
{
	sum = (sum ^ number) * 0x9e3779b97f4a7c15ULL;
	return sum ^ sum >> 29;
}

#define LIKE_WORDS 5	/* what is the same in its first 40 bytes is one value */

static __always_inline u64 mix_words(u64 sum, const u64 *words)
{
	for (u32 i = 0; i < LIKE_WORDS; i++)
		sum = mix(sum, words[i]);
	return sum;
}

/* A value without its text. Of a socket its two ends, of a file which one it is: not what changes from one call to the next. */
static __always_inline u64 mix_value(u64 sum, const struct policy_value *value, u32 type, bool has_text)
{
	u64 words[LIKE_WORDS];

	switch (type) {
	case READ_sock:
	case READ_socket:
	case READ_skb:
	case READ_sockaddr:
		__builtin_memcpy(words, value->socket.local, 32);
		words[4] = (u64)value->socket.local_port << 48 | (u64)value->socket.peer_port << 32 |
			   (u64)value->socket.protocol << 16 | value->socket.family;
		return mix_words(sum, words);
	case READ_fd:
	case READ_file:
	case READ_kiocb:
	case READ_path:
	case READ_dentry:
	case READ_linux_binprm:
		return has_text ? sum : mix(mix(sum, value->file.inode), value->file.device);
	}
	return mix_words(sum, value->object.numbers);
}

#endif
