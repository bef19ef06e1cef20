/* USDT probes of programs. */
#include "policy/tracing.h"

int tracing_read_usdt(struct tracing *tracing, const yaml_node_t *node)
{
	wrong(tracing, node, "USDT probes are not read");
	return mend(tracing, "a uprobe at the probe's address (readelf -n FILE) is: uprobes: - {path: FILE, addrs: [0x...]}");
}
