"""The ends of connections, as the programs that hold them know them, and whether sonde told the same of each."""

import os

from harness import blind, check_fields, equal, expect, field


class End:
    """One end of a connection as its own program knows it: who, where, and what went through."""

    def __init__(self, way, sock, sent, received, peer=None, closer=None):
        self.way = way  # as the event says it: "out" or "in"
        self.local, self.peer = plain(sock.getsockname()), plain(peer or sock.getpeername())
        self.sent, self.received = sent, received
        self.pid = os.getpid()
        self.closer = closer or self.pid
        self.host = os.stat("/proc/self/ns/net").st_ino

    def key(self):
        return self.host, self.way, self.local, self.peer


def plain(name):
    """An address and a port as they are on the wire."""
    address, port = name[:2]
    return (address[7:] if address.startswith("::ffff:") else address.split("%")[0]), port


def told(record):
    way = {"connect": "out", "accept": "in"}.get(record["kind"]) or field(record, "network.direction")
    return (field(record, "network.namespace"), way,
            (field(record, "network.local.address"), field(record, "network.local.port")),
            (field(record, "network.peer.address"), field(record, "network.peer.port")))


def check(sonde, ends, never_accepted=()):
    """Every end was told of once as it began and once as it ended, and of these hosts there is nothing else."""
    shares = "share a listener" in blind("tcp accept")
    hosts = {end.host for end in ends}
    equal(sonde.lost(), 0, "events lost")
    records = {"begin": {}, "close": {}}
    for record in sonde.records:
        if record["kind"] in ("connect", "accept", "close") and field(record, "network.namespace") in hosts:
            part = records["close" if record["kind"] == "close" else "begin"]
            part.setdefault(told(record), []).append(record)
    for end in ends:
        closes = records["close"].get(end.key(), [])
        expect(closes, lambda: "no close of %s; there are %s" % (end.key(), sorted(map(str, records["close"]))))
        # of connections that have the same addresses the first to end is told of first
        record = closes.pop(0)
        # whoever of those that share it lets it go last
        owners = {end.pid, end.closer} if shares and end.way == "in" else {end.pid}
        check_fields(record, {"network.io.sent": end.sent, "network.io.received": end.received,
                              "process.pid": lambda pid, owners=owners: pid in owners})
        if end.way == "in" and end in never_accepted and not shares:
            continue
        begins = records["begin"].get(end.key(), [])
        expect(begins, lambda: "no beginning of %s" % (end.key(),))
        record = begins.pop(0)
        if not (shares and end.way == "in"):
            check_fields(record, {"process.pid": end.pid})
    for part, left in records.items():
        left = {key: found for key, found in left.items() if found}
        equal(left, {}, "told besides (%s)" % part)


def mirrored(end, pid, host):
    """The other end, which no program ever held."""
    other = End.__new__(End)
    other.way, other.local, other.peer = "in" if end.way == "out" else "out", end.peer, end.local
    other.sent, other.received, other.pid, other.closer, other.host = end.received, end.sent, pid, pid, host
    return other
