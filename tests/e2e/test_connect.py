"""Attempts to connect, and listeners: results, latency, addresses; TCP, UDP and Unix."""

import errno
import os
import select
import socket
import struct
import subprocess

from harness import SONDE, Skip, blind, check_fields, equal, expect, field, in_child
from test_network import closes, listener, rung

SO_COOKIE = 57


def test_connect_refused(case):
    """The attempt is an event with its error, also with IPv6, and closes no connection."""
    def run():
        told = []
        for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            probe = listener(family)
            port = probe.getsockname()[1]
            probe.close()
            sock = socket.socket(family, socket.SOCK_STREAM)
            told.append((family, address, port, sock.connect_ex((address, port))))
            sock.close()
        return told
    sonde = case.sonde("connect", "close")
    pid, told, _ = in_child(run)
    sonde.stop()
    for family, address, port, error in told:
        equal(error, errno.ECONNREFUSED, "the test's own error")
        found = [r for r in sonde.events("connect", process__pid=pid) if field(r, "network.peer.port") == port]
        equal(len(found), 1, "connect records to port %d" % port)
        check_fields(found[0], {"network.peer.address": address, "error.type": "ECONNREFUSED", "error.code": error,
                                "network.type": "ipv4" if family == socket.AF_INET else "ipv6"})


def test_connect_in_the_background(case):
    """A non-blocking connect: one record, with the final result and the time until it, not EINPROGRESS."""
    server = listener()
    port = server.getsockname()[1]

    def run():
        sock = socket.socket()
        sock.setblocking(False)
        error = sock.connect_ex(("127.0.0.1", port))
        select.select([], [sock], [], 10)
        return error, sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    sonde = case.sonde("connect")
    pid, (first, last), _ = in_child(run)
    sonde.stop()
    equal((first, last), (errno.EINPROGRESS, 0), "the test's own errors")
    check_fields(sonde.one("connect", process__pid=pid, network__peer__port=port), {
        "error.type": None, "network.peer.address": "127.0.0.1", "network.latency_ns": lambda ns: ns > 0})


def test_connect_v4_mapped(case):
    """An IPv6 socket that talks IPv4: the addresses are told as IPv4, one way or the other, on both records."""
    server = listener()
    port = server.getsockname()[1]

    def run():
        sock = socket.socket(socket.AF_INET6)
        sock.connect(("::ffff:127.0.0.1", port))
        sock.sendall(b"12345")
        name = sock.getsockname()[1]
        sock.close()
        return name
    sonde = case.sonde("connect", "close")
    pid, own, _ = in_child(run)
    server.accept()[0].close()  # and so the FIN is answered
    sonde.wait_record(lambda r: r["kind"] == "close" and field(r, "network.local.port") == own, "the client's end")
    sonde.stop()
    for record in (sonde.one("connect", process__pid=pid, network__peer__port=port),
                   sonde.one("close", process__pid=pid, network__local__port=own)):
        check_fields(record, {"network.peer.address": lambda a: a in ("127.0.0.1", "::ffff:127.0.0.1"),
                              "network.peer.port": port})
    equal(field(sonde.one("close", network__local__port=own), "network.io.sent"), 5, "bytes sent")


def test_listen(case):
    def run():
        servers = [listener(), listener(socket.AF_INET6), listener(address="0.0.0.0")]
        return [server.getsockname()[:2] for server in servers]
    sonde = case.sonde("listen")
    pid, names, _ = in_child(run)
    sonde.stop()
    for address, port in names:
        check_fields(sonde.one("listen", process__pid=pid, network__local__port=port), {
            "network.local.address": address, "network.transport": "tcp",
            "network.type": "ipv6" if ":" in address else "ipv4"})


def test_connect_without_a_way(case):
    """Fails before a packet is sent; only the call's result says so."""
    def run():
        sock = socket.socket()
        return sock.connect_ex(("127.255.255.255", 9)) or sock.connect_ex(("255.255.255.255", 9))
    sonde = case.sonde("connect")
    pid, error, _ = in_child(run)
    sonde.stop()
    found = sonde.events("connect", process__pid=pid)
    if not found:
        told = subprocess.run([SONDE, "doctor", "--json"], stdout=subprocess.PIPE, text=True).stdout
        expect('"point":"tcp connect failure","rung":"fexit","state":"taken"' not in told, "no record")
        raise Skip("needs fentry or kprobes")
    check_fields(found[0], {"error.code": error, "network.transport": "tcp", "network.peer.port": 9})


def test_cookie(case):
    """The number that SO_COOKIE gives; a socket that nobody asked for its number has none, rather than 0."""
    server = listener()
    sonde = case.sonde("connect", "close")
    asked, left_alone = (socket.create_connection(server.getsockname()) for _ in range(2))
    cookie = struct.unpack("Q", asked.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8))[0]
    ports = asked.getsockname()[1], left_alone.getsockname()[1]
    asked.close()
    left_alone.close()
    server.close()
    for port in ports:
        sonde.wait_record(lambda r: r["kind"] == "close" and field(r, "network.local.port") == port, "the client's end")
    sonde.stop()
    equal([field(closes(sonde, port)[0], "network.cookie") for port in ports], [cookie, None], "at the end")
    equal(field(sonde.one("connect", network__local__port=ports[0]), "network.cookie"), None, "before anyone asked")


def test_udp(case):
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 0))
    port = server.getsockname()[1]

    def run():
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(("127.0.0.1", port))
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).connect(("::1", port))
    sonde = case.sonde("connect")
    pid, _, _ = in_child(run)
    sonde.stop()
    for kind, address in (("ipv4", "127.0.0.1"), ("ipv6", "::1")):
        record = sonde.one("connect", process__pid=pid, network__type=kind)
        check_fields(record, {"network.transport": "udp", "network.peer.address": address, "network.peer.port": port,
                              "error.type": None})
        # asked before the kernel binds the socket, one rung cannot know its end, and says nothing about it
        equal([field(record, "network.local.address"), bool(field(record, "network.local.port"))],
              [None, False] if rung("udp connect") == "cgroup" else [address, True], "this side")


def test_unix(case):
    path = case.path("socket")
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen(4)
    abstract = socket.socket(socket.AF_UNIX)
    abstract.bind("\0sonde-e2e-%d" % os.getpid())
    abstract.listen(4)

    def run():
        socket.socket(socket.AF_UNIX).connect(path)
        socket.socket(socket.AF_UNIX).connect(abstract.getsockname())
        return socket.socket(socket.AF_UNIX).connect_ex(case.path("missing"))
    sonde = case.sonde("connect")
    pid, error, _ = in_child(run)
    sonde.stop()
    equal(error, errno.ENOENT, "the test's own error")
    records = [r for r in sonde.events("connect", process__pid=pid) if field(r, "network.transport") == "unix"]
    equal(len(records), 3, "unix connect records")
    equal([field(r, "network.path") for r in records][::2], [path, case.path("missing")], "paths")
    expect(("sonde-e2e-%d" % os.getpid()) in field(records[1], "network.path", ""), "the abstract name")
    known = "whether the connect succeeded" not in blind("unix connect")
    equal([field(r, "error.type") for r in records], [None, None, "ENOENT" if known else None], "errors")
