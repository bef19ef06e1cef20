"""Connections: addresses, owners, results and byte counts that both peers know."""

import json
import os
import re
import select
import signal
import socket
import struct
import subprocess
import threading
import time

from harness import SONDE, Skip, blind, brief, check_fields, equal, expect, field, in_child, until

TCP_INFO = 11


def rung(point):
    """The rung that this machine gives a point."""
    told = subprocess.run([SONDE, "doctor", "--json"], stdout=subprocess.PIPE).stdout
    rows = [json.loads(line) for line in told.splitlines()]
    return [row["rung"] for row in rows if row.get("point") == point and row["state"] == "taken"][0]


def listener(family=socket.AF_INET, address=None, backlog=16):
    server = socket.socket(family, socket.SOCK_STREAM)
    server.bind((address or ("127.0.0.1" if family == socket.AF_INET else "::1"), 0))
    server.listen(backlog)
    return server


def receive_all(sock):
    total = 0
    while True:
        part = sock.recv(1 << 16)
        if not part:
            return total
        total += len(part)


def segments(sock):
    """(out, in) segments that the kernel counts for a socket: u32 at 136 and 140 of struct tcp_info."""
    raw = sock.getsockopt(socket.IPPROTO_TCP, TCP_INFO, 256)
    return struct.unpack_from("II", raw, 136)


def ended_by(case, *kinds):
    """Watches, and returns a function that stops once a process's close records are there."""
    sonde = case.sonde(*kinds, "--ring-size", "64M")  # others may start more than the usual rings can take

    def finish():
        sonde.stop()
        equal(sonde.lost(), 0, "events lost")
        return sonde
    return sonde, finish


def closes(sonde, port, pid=None):
    """The close records of the sockets whose own port is this one."""
    return [r for r in sonde.events("close") if field(r, "network.local.port") == port
            and (pid is None or field(r, "process.pid") == pid)]


def exchange(family, address, client_bytes, server_bytes, client_first):
    """A served connection between the test and a child: everything both know."""
    server = listener(family, address)
    port = server.getsockname()[1]
    known = {"server_port": port}

    def client():
        sock = socket.socket(family, socket.SOCK_STREAM)
        target = "127.0.0.1" if family == socket.AF_INET else (address or "::1")
        sock.connect((target, port))
        sock.sendall(b"c" * client_bytes)
        if client_first:
            sock.shutdown(socket.SHUT_WR)
        got = 0
        while got < server_bytes:
            got += len(sock.recv(1 << 16))
        if not client_first:
            got += receive_all(sock)
        name = sock.getsockname()
        sock.close()
        return name[1], got
    thread_result = {}

    def serve():
        sock, peer = server.accept()
        if client_first:
            thread_result["got"] = receive_all(sock)
            sock.sendall(b"s" * server_bytes)
        else:
            got = 0
            while got < client_bytes:
                got += len(sock.recv(1 << 16))
            thread_result["got"] = got
            sock.sendall(b"s" * server_bytes)
        sock.close()
    thread = threading.Thread(target=serve)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        server.close()
        try:
            port_and_got = client()
            os.write(writer, b"%d %d" % port_and_got)
        finally:
            os._exit(0)
    os.close(writer)
    thread.start()
    thread.join()
    told = os.read(reader, 64).split()
    os.close(reader)
    os.waitpid(child, 0)
    server.close()
    expect(len(told) == 2, "the client failed")
    known.update(client_port=int(told[0]), client_got=int(told[1]), server_got=thread_result["got"], client_pid=child)
    equal((known["server_got"], known["client_got"]), (client_bytes, server_bytes), "the test's own exchange")
    return known


def test_bytes_as_both_peers_know_them(case):
    """From one byte to 10 MB, either side closing first, over both families: sent and received are exact."""
    plans = [(socket.AF_INET, None, sent, answered, first)
             for sent, answered in ((0, 0), (1, 1), (1, 100000), (65536, 1), (10_000_000, 3), (2, 10_000_000))
             for first in (True, False)]
    plans += [(socket.AF_INET6, None, 1000, 2000, True), (socket.AF_INET6, None, 5_000_000, 1, False)]
    sonde, finish = ended_by(case, "connect", "accept", "close")
    known = [exchange(*plan) for plan in plans]
    finish()
    for (family, _, sent, answered, first), one in zip(plans, known):
        local = "127.0.0.1" if family == socket.AF_INET else "::1"
        common = {"network.transport": "tcp", "network.type": "ipv4" if family == socket.AF_INET else "ipv6",
                  "network.local.address": local, "network.peer.address": local}
        client = dict(common, **{"network.peer.port": one["server_port"], "network.local.port": one["client_port"],
                                 "process.pid": one["client_pid"]})
        server = dict(common, **{"network.peer.port": one["client_port"], "network.local.port": one["server_port"],
                                 "process.pid": os.getpid()})
        ports = (one["client_port"], one["server_port"])  # of many connections two may have the same server's port
        connects = [r for r in sonde.events("connect")
                    if (field(r, "network.local.port"), field(r, "network.peer.port")) == ports]
        equal(len(connects), 1, "connect records from port %d to %d" % ports)
        check_fields(connects[0], dict(client, **{"error.type": None, "network.latency_ns": lambda ns: 0 < ns < 10**9}))
        accepts = [r for r in sonde.events("accept")
                   if (field(r, "network.peer.port"), field(r, "network.local.port")) == ports]
        equal(len(accepts), 1, "accept records")
        check_fields(accepts[0], server)
        for want, own_sent, own_got, port in ((client, sent, answered, one["client_port"]),
                                              (server, answered, sent, one["server_port"])):
            ends = closes(sonde, port)
            ends = [r for r in ends if field(r, "network.peer.port") == want["network.peer.port"]]
            equal(len(ends), 1, "close records of port %d (%d/%d bytes, client first %s): of it there are %s, and in all %s" % (
                port, sent, answered, first, brief([r for r in sonde.events() if field(r, "network.local.port") == port]),
                sonde.summary))
            check_fields(ends[0], dict(want, **{
                "network.io.sent": own_sent, "network.io.received": own_got,
                "network.duration_ns": lambda ns: 0 < ns < 60 * 10**9, "network.rtt_us": lambda us: 0 <= us < 10**6,
                # what a listener answers before the handshake ends is not the connection's, so it may send a FIN alone
                "network.retransmits": lambda n: n >= 0, "network.segments.received": lambda n: n >= 1,
                "network.segments.sent": lambda n, least=3 if want is client else 1: n >= least}))


def end_with(case, finish_client):
    """A connection that ends in an unusual way at the client's side: (sonde, child's pid, ports)."""
    server = listener()
    port = server.getsockname()[1]

    def run():
        sock = socket.create_connection(("127.0.0.1", port))
        sock.sendall(b"x" * 777)
        own = sock.getsockname()[1]
        finish_client(sock)
        return own
    got = {}

    def serve():
        sock, _ = server.accept()
        try:
            got["bytes"] = receive_all(sock)
        except ConnectionResetError:
            got["bytes"] = "reset"
        sock.close()
    sonde = case.sonde("connect", "close")
    thread = threading.Thread(target=serve)
    thread.start()
    pid, own, _ = in_child(run)
    thread.join()
    server.close()
    sonde.stop()
    return sonde, pid, own, port, got["bytes"]


def test_process_ends_with_open_connections(case):
    held = []
    sonde, pid, own, port, got = end_with(case, lambda sock: held.append(sock.detach()))
    equal(got, 777, "the test's own bytes")
    check_fields(closes(sonde, own)[0], {"process.pid": pid, "network.io.sent": 777, "network.io.received": 0})
    check_fields(closes(sonde, port)[0], {"process.pid": os.getpid(), "network.io.received": 777})


def test_reset(case):
    def reset(sock):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
    sonde, pid, own, port, _ = end_with(case, reset)
    equal(len(closes(sonde, own)), 1, "close records of the one who reset")
    equal(len(closes(sonde, port)), 1, "close records of the one who was reset")
    check_fields(closes(sonde, own)[0], {"process.pid": pid, "network.io.sent": lambda n: n in (0, 777)})
    check_fields(closes(sonde, port)[0], {"process.pid": os.getpid()})


def test_who_closed(case):
    """The side that closes first is named, as each side sees it."""
    sonde = case.sonde("close")
    one = exchange(socket.AF_INET, None, 10, 10, False)  # the server closes first
    sonde.stop()
    client = closes(sonde, one["client_port"])[0]
    server = [r for r in closes(sonde, one["server_port"])
              if field(r, "network.peer.port") == one["client_port"]][0]
    told = field(server, "network.closed_by"), field(client, "network.closed_by")
    expect(told[0] and told[1] and told[0] != told[1], "closed_by is %s at the server and %s at the client" % told)


def between(client_does, server_does):
    """A connection whose server side is a worker that inherited its listener: (ports, pids)."""
    server = listener()
    port = server.getsockname()[1]
    worker = os.fork()
    if worker == 0:
        try:
            sock, _ = server.accept()
            server_does(sock)
        finally:
            os._exit(0)
    server.close()
    reader, writer = os.pipe()
    client = os.fork()
    if client == 0:
        try:
            sock = socket.create_connection(("127.0.0.1", port))
            os.write(writer, b"%d" % sock.getsockname()[1])
            client_does(sock)
        finally:
            os._exit(0)
    own = int(os.read(reader, 16))
    os.waitpid(client, 0)
    os.waitpid(worker, 0)
    os.close(reader)
    os.close(writer)
    return (own, port), (client, worker)


def take(sock, count):
    while count:
        count -= len(sock.recv(count))


def hold_until_reset(sock):
    try:
        while sock.recv(65536):
            pass
    except ConnectionResetError:
        pass


def abort(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def test_ways_to_end(case):
    """However a connection ends: one close at each end, with its bytes, its process and who ended it."""
    def half(sock):  # sends, says that this was all, and gets the answer
        sock.sendall(b"x" * 100)
        sock.shutdown(socket.SHUT_WR)
        take(sock, 50)
        sock.close()

    def answer(sock):
        receive_all(sock)
        sock.sendall(b"y" * 50)
        sock.close()

    def abort_after(sock):
        sock.sendall(b"x" * 70)
        take(sock, 1)
        abort(sock)

    def confirm(sock):
        take(sock, 70)
        sock.sendall(b"y")
        hold_until_reset(sock)

    def leave_unread(sock):
        select.select([sock], [], [], 10)
        sock.close()

    def send_and_wait(sock):
        sock.sendall(b"y" * 1000)
        hold_until_reset(sock)

    def killed(sock):
        sock.sendall(b"x" * 30)
        take(sock, 1)
        os.kill(os.getpid(), 9)

    def until_end(sock):
        take(sock, 30)
        sock.sendall(b"y")
        receive_all(sock)

    def late_worker(_):  # the peer is gone, and what it sent was never read
        time.sleep(0.2)

    def send_and_go(sock):
        sock.sendall(b"x" * 5)
        sock.close()
    plans = [  # client, server, then of each: sent, received, ended by, error
        # the last FIN may find nobody, and is then answered by a reset
        (half, answer, (100, 50, "local", None), (50, 100, "peer", ...)),
        (answer, half, (50, 100, "peer", None), (100, 50, "local", None)),
        (abort_after, confirm, (70, 1, "abort", None), (1, 70, "reset", "ECONNRESET")),
        (leave_unread, send_and_wait, (0, 1000, "abort", None), (1000, 0, "reset", "ECONNRESET")),
        (killed, until_end, (30, 1, "local", None), (1, 30, "peer", None)),
        # the worker resets for what it did not read; the client may have forgotten the connection by then
        (send_and_go, late_worker, (5, 0, "local", ...), (0, 5, "peer", None)),
    ]
    sonde = case.sonde("connect", "accept", "close")
    ended = [between(client, server) for client, server, _, _ in plans]
    sonde.stop()
    equal(sonde.lost(), 0, "events lost")
    listens_only = rung("tcp accept").startswith("state")
    for (client, _, *wanted), (ports, pids) in zip(plans, ended):
        for want, port, peer, pid in zip(wanted, ports, ports[::-1], pids):
            if listens_only and want[2] == "reset":
                pid = os.getpid()  # the worker never acted: all that is known is who listened
            found = [r for r in closes(sonde, port) if field(r, "network.peer.port") == peer]
            equal(len(found), 1, "close records of %s, port %d" % (client.__name__, port))
            told = [field(found[0], name) for name in ("process.pid", "network.io.sent", "network.io.received",
                                                       "network.closed_by", "error.type")]
            if want[3] is ...:
                told[4] = ...
            equal(told, [pid, *want], client.__name__)


def test_listener_that_is_gone(case):
    """A port changes hands: the next connection belongs to the one who listens now."""
    sonde = case.sonde("accept", "close")
    first, second = (between(lambda sock: sock.close(), lambda sock: receive_all(sock)) for _ in range(2))
    sonde.stop()
    for (own, port), (client, worker) in (first, second):
        record = [r for r in closes(sonde, port) if field(r, "network.peer.port") == own][0]
        equal(field(record, "process.pid"), worker, "the server's process")


def test_live_connection_against_ss(case):
    """Segments, rtt and bytes of a connection as `ss -tin` and TCP_INFO show them just before it is closed."""
    server = listener()
    port = server.getsockname()[1]
    sonde = case.sonde("close")
    client = socket.create_connection(("127.0.0.1", port))
    peer, _ = server.accept()
    for _ in range(50):
        client.sendall(b"a" * 1000)
        got = 0
        while got < 1000:
            got += len(peer.recv(65536))
        peer.sendall(b"b")
        client.recv(1)
    own = client.getsockname()[1]

    def shown_at_rest():
        """What ss shows while nothing moves: the last acknowledgement may still be on its way."""
        before = segments(client)
        text = subprocess.run(["ss", "-tin", "sport", "= :%d" % own], stdout=subprocess.PIPE, text=True).stdout
        if "segs_out" not in text:
            raise Skip("ss shows no segments here")
        return before == segments(client) and {key: float(value) for key, value
                                               in re.findall(r"(\w+):([\d.]+)", text)}
    shown = until(shown_at_rest, "a connection at rest")
    out, into = segments(client)
    client.close()
    peer.close()
    server.close()
    sonde.stop()
    record = closes(sonde, own)[0]
    equal((int(shown["bytes_sent"]), int(shown["bytes_received"])), (50000, 50), "bytes as ss shows them")
    check_fields(record, {
        "network.io.sent": 50000, "network.io.received": 50,
        # the end of the connection itself is some segments more
        "network.segments.sent": lambda n: out <= n <= out + 3, "network.segments.received": lambda n: into <= n <= into + 3,
        "network.retransmits": 0, "network.namespace": int(os.readlink("/proc/self/ns/net").split("[")[1][:-1]),
        "network.rtt_us": lambda us: abs(us - shown["rtt"] * 1000) <= max(50, shown["rtt"] * 500)})


def test_connection_from_before(case):
    """A connection that was there before sonde: its end is told, with its owner and all its bytes."""
    server = listener()
    port = server.getsockname()[1]
    client = socket.create_connection(("127.0.0.1", port))
    peer, _ = server.accept()
    client.sendall(b"x" * 4321)
    own = client.getsockname()[1]
    sonde = case.sonde("close")
    expect(len(peer.recv(65536)) == 4321, "the test's own bytes")
    client.close()
    peer.close()
    sonde.stop()
    check_fields(closes(sonde, own)[0], {"process.pid": os.getpid(), "network.io.sent": 4321,
                                         "network.peer.port": port})


def test_connection_that_a_child_inherited(case):
    """Its owner is who began first, also if the child comes first by its number."""
    numbers = "/proc/sys/kernel/ns_last_pid"
    if not os.path.exists(numbers):
        raise Skip("this kernel lets nobody choose the next process id")
    server = listener()
    client = socket.create_connection(("127.0.0.1", server.getsockname()[1]))
    peer, _ = server.accept()
    with open(numbers, "r+") as file:
        last = file.read()
        file.seek(0)
        file.write("400")
        file.flush()
        child = os.fork()
        if not child:
            signal.pause()
            os._exit(0)
        file.seek(0)
        file.write(last)
    case.defer(lambda: child and os.kill(child, signal.SIGKILL))
    if child > os.getpid():
        raise Skip("there is no process id below this one's")
    own = client.getsockname()[1]
    sonde = case.sonde("close")
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    child = 0
    client.close()
    peer.close()
    sonde.stop()
    check_fields(closes(sonde, own)[0], {"process.pid": os.getpid()})


def test_many_connections_each_once_with_its_owner(case):
    """2,000 short connections of four clients to two servers, payload of many sizes: each told once at either side."""
    clients, each = 4, 500
    servers = [listener(backlog=512), listener(socket.AF_INET6, "::", backlog=512)]
    ports = [server.getsockname()[1] for server in servers]

    def serve(server, count):
        for _ in range(count):
            sock, _ = server.accept()
            sock.sendall(b"b" * receive_all(sock))
            sock.close()

    def run(base):
        made = []
        for i in range(each):
            sock = socket.create_connection(("127.0.0.1", ports[i % 2]))
            sock.sendall(b"a" * (base + i))
            sock.shutdown(socket.SHUT_WR)
            expect(receive_all(sock) == base + i, "the test's own bytes")
            made.append((sock.getsockname()[1], ports[i % 2], base + i))
            sock.close()
        return made
    sonde = case.sonde("connect", "accept", "close", "--ring-size", "16M")
    serving = []  # processes of their own: a client must not inherit what a server has accepted
    for server in servers:
        serving.append(os.fork())
        if serving[-1] == 0:
            try:
                serve(server, clients * each // 2)
            finally:
                os._exit(0)
    known = []
    workers = [threading.Thread(target=lambda i=i: known.append(in_child(lambda: run(1 + 700 * i))))
               for i in range(clients)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for pid in serving:
        os.waitpid(pid, 0)
    sonde.stop()
    equal((len(known), sonde.lost()), (clients, 0), "clients that came back, and events lost")
    closers = dict(zip(ports, serving))
    owners = {port: {pid} for port, pid in closers.items()}
    if "share a listener" in blind("tcp accept"):
        for port in ports:
            owners[port].add(os.getpid())  # it began to listen
    told = {}
    for record in sonde.records:
        way = field(record, "network.local.port"), field(record, "network.peer.port")
        told.setdefault((record["kind"], way), []).append(record)
    for pid, made, _ in known:
        for own, port, size in made:
            for kind, way, wanted in (("connect", (own, port), {pid}), ("accept", (port, own), owners[port]),
                                      ("close", (own, port), {pid}), ("close", (port, own), {closers[port]})):
                found = told.get((kind, way), [])
                equal(len(found), 1, "%s records of %s" % (kind, way))
                expect(field(found[0], "process.pid") in wanted, lambda: "owner of %s" % found[0])
                if kind == "close":
                    check_fields(found[0], {"network.io.sent": size, "network.io.received": size})
