/* Network namespaces that somebody gave a name: `ip netns` and Docker keep them as files. */
#ifndef NET_NETWORKS_H
#define NET_NETWORKS_H

#include "wire/record.h"

typedef void networks_told(void *context, u32 inode, const char *path, const char *name);
void networks_each(networks_told *told, void *context);

/* 0: not known */
u32 networks_inode(const char *path);

#endif
