"""Datagrams and open connections: bytes and counts are those that the test itself sent and read."""

import os
import socket

from harness import check_fields, equal, field, until


def total(sonde, port, name, kind="flow"):
    """A number over all events of the socket that has this port."""
    return sum(field(e, name, 0) for e in sonde.events(kind) if field(e, "network.local.port") == port)


def pair(family=socket.AF_INET, address="127.0.0.1"):
    sockets = [socket.socket(family, socket.SOCK_DGRAM) for _ in range(2)]
    for one in sockets:
        one.bind((address, 0))
    return sockets + [one.getsockname()[1] for one in sockets]


def check_ends(sonde, sender, receiver, count, size):
    """What went one way, in the books of both ends."""
    for port, want in ((sender, (size, 0, count, 0)), (receiver, (0, size, 0, count))):
        got = tuple(total(sonde, port, "network." + name)
                    for name in ("io.sent", "io.received", "packets.sent", "packets.received"))
        equal(got, want, "bytes and datagrams sent and received at port %d" % port)


def test_datagrams_are_counted(case):
    """Both ends, IPv4 and IPv6, with a peer and without, with sizes from nothing to the largest."""
    sonde = case.sonde("flow")
    ends = []
    for family, address, name in ((socket.AF_INET, "127.0.0.1", "ipv4"), (socket.AF_INET6, "::1", "ipv6")):
        for connected in (False, True):
            one, other, sender, receiver = pair(family, address)
            if connected:
                one.connect((address, receiver))
                other.connect((address, sender))
            sizes = [0, 1, 100, 1400, 9000, 65000] * 5
            for size in sizes:
                one.send(bytes(size)) if connected else one.sendto(bytes(size), (address, receiver))
                equal(len(other.recv(65536) if connected else other.recvfrom(65536)[0]), size, "bytes read")
            ends.append((sender, receiver, address, name, len(sizes), sum(sizes)))
            one.close()
            other.close()
    sonde.stop()
    for sender, receiver, address, name, count, size in ends:
        check_ends(sonde, sender, receiver, count, size)
        for port, peer in ((sender, receiver), (receiver, sender)):
            for event in [e for e in sonde.events("flow") if field(e, "network.local.port") == port]:
                check_fields(event, {
                    "process.pid": os.getpid(), "thread.id": os.getpid(), "process.user.id": os.geteuid(),
                    "network.transport": "udp", "network.type": name, "network.peer.port": peer,
                    "network.peer.address": address, "network.local.address": address,
                    "network.namespace": os.stat("/proc/self/ns/net").st_ino})
    equal(sonde.lost(), 0, "events lost")


def test_open_connections_are_told_of(case):
    """Totals of a connection that goes on, each time something went over it, and not when nothing did."""
    sonde = case.sonde("live")
    server = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(server.getsockname())
    accepted, _ = server.accept()
    own, port = client.getsockname()[1], server.getsockname()[1]

    def told(local, name):
        return [field(e, name) for e in sonde.events("live") if field(e, "network.local.port") == local]

    for size, sum_of_both in ((1000, 1000), (5000, 6000)):
        client.sendall(bytes(size))
        while size:
            size -= len(accepted.recv(65536))
        until(lambda s=sum_of_both: s in told(own, "network.io.sent"), "totals of the sender")
        until(lambda s=sum_of_both: s in told(port, "network.io.received"), "totals of the receiver")
    equal(told(own, "network.io.sent"), [1000, 6000], "totals of the sender")
    event = [e for e in sonde.events("live") if field(e, "network.local.port") == own][-1]
    check_fields(event, {
        "process.pid": os.getpid(), "network.transport": "tcp", "network.type": "ipv4", "network.direction": "out",
        "network.peer.address": "127.0.0.1", "network.peer.port": port, "network.io.received": 0,
        "network.retransmits": 0, "network.tcp.state": "established", "network.zero_window": False,
        "network.stalled_ns": 0})
    for one in (client, accepted, server):
        one.close()
    sonde.stop()
