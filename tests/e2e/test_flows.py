"""sonde flows: connections with both their ends, drops and the map of services, against what the programs at both ends know."""

import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import xml.etree.ElementTree as xml

from harness import SONDE, check_fields, equal, expect, field, until, wall_ns
from test_container import Container
from test_drop import Hosts, run, send
from test_top import Screen

TCP = {"kind": "connection", "transport": "tcp"}
# Of an attempt that failed: only the kernel knew how often it asked.
UNKNOWN = dict.fromkeys(("retransmits", "client.retransmits", "client.segments_sent", "client.segments_received"))

# Accepts so many, reads all, answers with so many bytes, closes. Says its port.
SERVER = """
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((%r, %d)); s.listen(64); print(s.getsockname()[1], flush=True)
for _ in range(%d):
    c, _ = s.accept()
    while c.recv(65536): pass
    c.sendall(b's' * %d); c.close()
"""

# Connects so many times, sends so many bytes, half closes, reads all. Says its ports.
CLIENT = """
for _ in range(%d):
    c = socket.create_connection((%r, %d)); print(c.getsockname()[1], flush=True)
    c.sendall(b'c' * %d); c.shutdown(socket.SHUT_WR)
    while c.recv(65536): pass
    c.close()
"""


def flows(case, *args, **options):
    return case.sonde(*args, command="flows", **options)


def python(case, code, prefix=()):
    """A program of its own; what it says can be read."""
    return case.start([*prefix, sys.executable, "-c", "import socket, sys, time\n" + code], stdout=subprocess.PIPE, text=True)


def number(process):
    return int(process.stdout.readline())


def of_port(sonde, port, **want):
    return [r for r in sonde.events(**want) if field(r, "server.port") == port or field(r, "dialled.port") == port]


def one_of_port(sonde, port, **want):
    found = of_port(sonde, port, **want)
    equal(len(found), 1, "records of port %d with %s: %s" % (port, want, found))
    return found[0]


def exchange(case, count=1, there=70000, back=300000, server_prefix=(), client_prefix=(), bind="127.0.0.1", port=0, dial=None):
    """Both programs, after it is over: what they know."""
    server = python(case, SERVER % (bind, port, count, back), server_prefix)
    port = number(server)
    client = python(case, CLIENT % (count, dial[0] if dial else bind, dial[1] if dial else port, there), client_prefix)
    ports = [number(client) for _ in range(count)]
    equal((server.wait(), client.wait()), (0, 0), "status of server and client")
    return {"server": server.pid, "client": client.pid, "port": port, "ports": ports}


def test_a_connection_is_told_once_with_both_ends(case):
    sonde = flows(case)
    known = exchange(case)
    sonde.stop()
    record = one_of_port(sonde, known["port"])
    check_fields(record, {
        "verdict": "forwarded", "state": "closed", "transport": "tcp", "closed_by": "client",
        "client.process.pid": known["client"], "client.port": known["ports"][0], "client.address": "127.0.0.1",
        "client.sent": 70000, "client.received": 300000, "client.user.id": 0,
        "server.process.pid": known["server"], "server.sent": 300000, "server.received": 70000,
        "bytes.to_server": 70000, "bytes.to_client": 300000, "retransmits": lambda n: n < 100,
        "client.network_namespace": os.stat("/proc/self/ns/net").st_ino, "dialled": None, "appeared": None,
        "latency_ns": lambda ns: 0 < ns < 5e9, "duration_ns": lambda ns: 0 < ns < 60e9, "rtt_us": lambda us: us < 5e6,
    })


def test_a_thousand_short_ones(case):
    """Each once, with both owners and its bytes."""
    sonde = flows(case)
    known = exchange(case, count=1000, there=11, back=22)
    sonde.stop()
    found = of_port(sonde, known["port"])
    equal(sorted(field(r, "client.port") for r in found), sorted(known["ports"]), "connections told of")
    for record in found:
        check_fields(record, {"client.process.pid": known["client"], "server.process.pid": known["server"],
                              "bytes.to_server": 11, "bytes.to_client": 22, "state": "closed"})


def twin_of(case):
    """Two hosts with the addresses of `a` and `b` in Hosts, and their names."""
    names = ["sonde-%s-%d" % (host, os.getpid()) for host in "cd"]
    for name in names:
        run("ip", "netns", "add", name)
        case.defer(subprocess.run, ["ip", "netns", "del", name])
    run("ip", "-n", names[0], "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", names[1])
    for name, address in zip(names, ("10.213.1.2/16", "10.213.2.2/16")):
        run("ip", "-n", name, "addr", "add", address, "dev", "eth0")
        run("ip", "-n", name, "link", "set", "eth0", "up")
    return names


def test_across_namespaces_and_addresses_that_exist_twice(case):
    """Two networks with the same addresses, of three namespaces each."""
    with Hosts() as one:
        twin = twin_of(case)
        sonde = flows(case)
        named = flows(case, "-f", 'client.network_namespace_name == "%s" and server.port == 7777' % twin[0])
        pairs = [(one.names["a"], one.names["b"]), twin]
        # The same ports too, at the same time.
        servers = [python(case, SERVER % ("10.213.2.2", 7777, 1, 9), ("ip", "netns", "exec", there)) for _, there in pairs]
        for server in servers:
            equal(number(server), 7777, "port")
        clients = [python(case, "c = socket.socket(); c.bind(('10.213.1.2', 45678)); c.connect(('10.213.2.2', 7777))\n"
                          "c.sendall(b'c' * %d); c.shutdown(1)\nwhile c.recv(99): pass\nc.close()" % (i + 1),
                          ("ip", "netns", "exec", here)) for i, (here, _) in enumerate(pairs)]
        for process in clients + servers:
            equal(process.wait(), 0, "status")
        sonde.stop()
        found = sorted(of_port(sonde, 7777, kind="connection"), key=lambda r: field(r, "bytes.to_server"))
        equal(len(found), 2, "connections")
        for i, (here, there) in enumerate(pairs):
            check_fields(found[i], {
                "client.process.pid": clients[i].pid, "server.process.pid": servers[i].pid,
                "bytes.to_server": i + 1, "bytes.to_client": 9, "dialled": None,
                "client.network_namespace": os.stat("/run/netns/" + here).st_ino,
                "server.network_namespace": os.stat("/run/netns/" + there).st_ino,
                "client.network_namespace_name": here, "server.network_namespace_name": there,
            })
        named.stop()
        equal([field(record, "client.process.pid") for record in named.records], [clients[1].pid], "by the name of its network")


def test_through_address_translation(case):
    """The client knows the router's address, the server too: they never see each other's."""
    with Hosts() as hosts:
        hosts.nft("r", """table ip t {
            chain before { type nat hook prerouting priority -100
                tcp dport 8080 dnat to 10.213.2.2:80
            }
            chain after { type nat hook postrouting priority 100
                oifname "to-b" masquerade
            }
        }""")
        sonde = flows(case)
        known = exchange(case, server_prefix=("ip", "netns", "exec", hosts.names["b"]),
                         client_prefix=("ip", "netns", "exec", hosts.names["a"]), bind="10.213.2.2", port=80,
                         dial=("10.213.1.1", 8080), there=1234, back=4321)
        until(lambda: of_port(sonde, 80), "the connection")
        sonde.stop()
        record = one_of_port(sonde, 80, kind="connection")
        check_fields(record, {
            "client.process.pid": known["client"], "server.process.pid": known["server"],
            "client.address": "10.213.1.2", "server.address": "10.213.2.2", "dialled.address": "10.213.1.1",
            "dialled.port": 8080, "appeared.address": "10.213.2.1", "bytes.to_server": 1234, "bytes.to_client": 4321,
            "client.network_namespace": hosts.namespace("a"), "server.network_namespace": hosts.namespace("b"),
        })


def test_attempts_that_fail(case):
    with Hosts() as hosts:
        sonde = flows(case, "--verdict", "failed")
        told = flows(case, "-f", "verdict == failed and (exists(retransmits) or exists(client.segments_sent))")
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            port = closed.getsockname()[1]
            expect(socket.socket().connect_ex(("127.0.0.1", port)), "a connect to nobody went well")
        hosts.python("a", "print(socket.socket().connect_ex(('10.99.0.1', 7)))")
        sonde.stop()
        check_fields(one_of_port(sonde, port), {
            "state": "failed", "error.type": "ECONNREFUSED", "error.reason": "refused",
            "client.process.pid": os.getpid(), "server.address": "127.0.0.1", "bytes.to_server": 0, **UNKNOWN})
        check_fields(one_of_port(sonde, 7), {"error.reason": "unreachable", "server.address": "10.99.0.1",
                                             "client.network_namespace": hosts.namespace("a")})
        equal({r["verdict"] for r in sonde.records}, {"failed"}, "verdicts")
        equal(of_port(told.stop(), port), [], "counts that nobody knows")


def test_attempts_without_an_answer(case):
    """Shown while they wait, with who waits; their packets that are dropped on the way have that owner too."""
    with Hosts() as hosts:
        hosts.nft("r", "table ip t {\n chain c { type filter hook forward priority 0\n tcp dport 4711 drop\n }\n}")
        sonde = flows(case, "--interval", "1s")
        waits = python(case, "print(1, flush=True)\nsocket.socket().connect_ex(('10.213.2.2', 4711))",
                       ("ip", "netns", "exec", hosts.names["a"]))
        shown = sonde.wait_record(lambda r: field(r, "state") == "connecting" and field(r, "server.port") == 4711 and
                                  field(r, "retransmits"), "the attempt, asked again")
        check_fields(shown, {"kind": "connection", "verdict": "pending", "client.process.pid": waits.pid, "client.address": "10.213.1.2",
                             "server.address": "10.213.2.2", "client.network_namespace": hosts.namespace("a"), "duration_ns": None,
                             "begun": lambda begun: 0.9e9 < wall_ns(shown["time"]) - wall_ns(begun), "retransmits": lambda n: n < 9})
        dropped = sonde.wait_record(lambda r: r["kind"] == "drop" and field(r, "server.port") == 4711 and field(r, "client.process.pid"),
                                    "a dropped packet with its owner")
        check_fields(dropped, {"client.process.pid": waits.pid, "client.network_namespace": hosts.namespace("a"),
                               "drop.network_namespace": hosts.namespace("r")})
        sonde.stop()
        check_fields(one_of_port(sonde, 4711, kind="connection", rate=None), {"state": "connecting", "client.process.pid": waits.pid})


def test_who_reset(case):
    """A client that aborts, a server that closes with data unread, a server that dies."""
    sonde = flows(case)
    expected = {}
    for who in ("reset by client", "reset by server", "server"):
        server = socket.create_server(("127.0.0.1", 0))
        client = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
        expected[server.getsockname()[1]] = who
        client.sendall(b"unread")
        until(lambda: accepted.recv(10, socket.MSG_PEEK), "the data")
        if who == "reset by client":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
            accepted.close()
        else:
            if who == "server":
                accepted.recv(10)
            accepted.close()
            client.close()
        server.close()
    sonde.stop()
    equal({port: one_of_port(sonde, port, kind="connection")["closed_by"] for port in expected}, expected, "who closed")


def test_names_from_a_name_server(case):
    """Only with -n, and without waiting: the first connection teaches the name, the next has it."""
    address = "10.215.77.1"
    run("ip", "addr", "replace", address + "/32", "dev", "lo")
    case.defer(subprocess.run, ["ip", "addr", "del", address + "/32", "dev", "lo"])
    with open(case.path("resolv.conf"), "w") as file:
        file.write("nameserver %s\n" % address)
    asked = []
    names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    names.bind((address, 53))

    def answer():
        while True:
            question, whom = names.recvfrom(512)
            if question == b"end":
                return
            asked.append(question)
            names.sendto(question[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + question[12:] +
                         b"\xc0\x0c\0\x0c\0\1\0\0\0\x3c\0\x0e" + b"\x08evil\x1b[0m\3lan\0"[:14], whom)
    thread = threading.Thread(target=answer)
    thread.start()
    end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    case.defer(thread.join)
    case.defer(end.sendto, b"end", (address, 53))
    server = socket.create_server((address, 0))
    port = server.getsockname()[1]
    out = case.path("out")
    watch = case.start(["unshare", "--mount", "sh", "-c", "mount --bind %s /etc/resolv.conf && exec %s flows -n --json --port %d "
                        "> %s 2> %s" % (case.path("resolv.conf"), SONDE, port, out, case.path("err"))])
    until(lambda: os.path.exists(case.path("err")) and "watching" in open(case.path("err")).read(), "sonde: watching")

    def named():
        client = socket.create_connection((address, port))
        accepted, _ = server.accept()
        client.close()
        accepted.close()
        return "lan" in open(out).read()
    until(named, "a name")
    watch.send_signal(signal.SIGINT)
    equal(watch.wait(), 0, "status")
    records = [json.loads(line) for line in open(out)]
    found = [field(r, "server.name") for r in records if field(r, "server.name")]
    equal(set(found), {"evil\x1b[0m.lan"}, "names")
    equal(len(set(asked)), 1, "questions")


def test_drops(case):
    with Hosts() as hosts:
        hosts.nft("r", "table ip t {\n chain c { type filter hook forward priority 0\n udp dport 999 drop\n }\n}")
        sonde = flows(case, "--verdict", "dropped", "--port", "999")
        hosts.python("a", send("10.213.2.2", 999, 300))
        until(lambda: sum(field(r, "drop.packets") for r in of_port(sonde, 999)) >= 300, "the drops")
        sonde.stop()
        found = of_port(sonde, 999)
        equal(sum(field(r, "drop.packets") for r in found), 300, "packets")
        for record in found:
            check_fields(record, {"kind": "drop", "verdict": "dropped", "transport": "udp", "client.address": "10.213.1.2",
                                  "server.address": "10.213.2.2", "drop.towards": "server"})
            expect(field(record, "drop.reason") in ("NETFILTER_DROP", None), str(record))


def test_a_full_backlog_is_the_servers(case):
    """Drops of requests name the listener as the server, and nobody of its side as the client."""
    with Hosts() as hosts:
        places = [hosts.namespace(host) for host in "ab"]
        sonde = flows(case, "--verdict", "dropped", "--port", "7313")
        server = python(case, "s = socket.socket(); s.bind(('0.0.0.0', 7313)); s.listen(1); print(1, flush=True); time.sleep(600)",
                        ("ip", "netns", "exec", hosts.names["b"]))
        number(server)
        client = python(case, """callers = [socket.socket() for _ in range(8)]
for caller in callers:
    caller.setblocking(False)
    caller.connect_ex(("10.213.2.2", 7313))
    time.sleep(0.01)
time.sleep(600)
""", ("ip", "netns", "exec", hosts.names["a"]))

        def found():
            return [r for r in of_port(sonde, 7313) if field(r, "drop.reason") == "TCP_LISTEN_OVERFLOW"]

        until(found, "the drops")
        sonde.stop()
    for record in found():
        check_fields(record, {"kind": "drop", "drop.towards": "server",
                              "drop.network_namespace": places[1], "server.address": "10.213.2.2", "client.address": "10.213.1.2",
                              "server.network_namespace": places[1], "server.process.pid": server.pid})
        expect(field(record, "client.process.pid") in (None, client.pid) and
               field(record, "client.network_namespace") in (None, places[0]), str(record))


def test_datagrams(case):
    """To a socket with an address, and to those bound to none, IPv4's and IPv6's."""
    sonde = flows(case)
    servers, clients = [], []
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::")):
        server = socket.socket(family, socket.SOCK_DGRAM)
        server.bind((address, 0))
        servers.append(server)
        clients.append(python(case, "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                              "for _ in range(5): s.sendto(b'x' * 100, ('127.0.0.1', %d))\n" % server.getsockname()[1]))
    for client, server in zip(clients, servers):
        equal(client.wait(), 0, "status")
        for _ in range(5):
            server.recvfrom(200)
    sonde.stop()
    for client, server in zip(clients, servers):
        record = one_of_port(sonde, server.getsockname()[1], kind="flow")
        check_fields(record, {"transport": "udp", "verdict": "forwarded", "client.process.pid": client.pid,
                              "server.process.pid": os.getpid(), "client.sent": 500, "client.packets_sent": 5,
                              "server.received": 500, "server.packets_received": 5, "bytes.to_server": 500,
                              "server.address": "127.0.0.1", "dialled": None, "appeared": None})


def test_what_stood_before_and_what_stands_at_the_end(case):
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]
    client = socket.create_connection(("127.0.0.1", port))
    accepted, _ = server.accept()
    client.sendall(b"before")
    equal(accepted.recv(10), b"before", "bytes")
    sonde = flows(case, "--interval", "300ms", "--port", str(port))
    accepted.sendall(b"s" * 5000)
    record = sonde.wait_record(lambda r: field(r, "bytes.to_client") == 5000, "an open connection")
    check_fields(record, {"state": "open", "bytes.to_server": 6, "client.process.pid": os.getpid(), "rate.to_client": lambda n: n >= 0,
                          "client.port": client.getsockname()[1]})
    sonde.stop()
    equal(of_port(sonde, port)[-1]["state"], "open", "state at the end")
    client.close()


def test_idle_ones_that_stood_before(case):
    """Nothing ever went over them, and both ends are known."""
    server = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(server.getsockname())
    accepted, _ = server.accept()
    sonde = flows(case)
    sonde.stop()
    check_fields(one_of_port(sonde, server.getsockname()[1]), {
        "state": "open", "client.port": client.getsockname()[1], "client.process.pid": os.getpid(), "server.process.pid": os.getpid(),
        "bytes.to_server": 0, "bytes.to_client": 0, "client.segments_sent": lambda n: n >= 2, "server.segments_received": lambda n: n >= 1})
    accepted.close()


def test_a_socket_that_is_its_own_peer(case):
    sonde = flows(case)
    own = socket.socket()
    own.bind(("127.0.0.1", 0))
    port = own.getsockname()[1]
    own.connect(("127.0.0.1", port))
    own.sendall(b"12345")
    equal(own.recv(10), b"12345", "what it sent itself")
    own.close()
    sonde.stop()
    check_fields(one_of_port(sonde, port), {"client.process.pid": os.getpid(), "server.process.pid": os.getpid(), "bytes.to_server": 5,
                                            "client.port": port})


BOTH = """
pair = [socket.socket() for _ in range(2)]
for end in pair: end.bind(("127.0.0.1", 0)); end.setblocking(False)
for i in range(2): pair[i].connect_ex(pair[1 - i].getsockname())
for end in pair: end.setblocking(True)
pair[0].sendall(b"1234567")
assert pair[1].recv(10) == b"1234567"
print(*(end.getsockname()[1] for end in pair), flush=True)
for end in pair: end.close()
"""


def test_both_call_the_other(case):
    """Where nobody resets the first call, the second meets it half way."""
    with Hosts() as hosts:
        hosts.nft("a", "table ip t {\n chain c { type filter hook output priority 0\n tcp flags rst drop\n }\n}")
        sonde = flows(case)
        process = python(case, BOTH, ("ip", "netns", "exec", hosts.names["a"]))
        ports = set(map(int, process.stdout.readline().split()))
        equal(process.wait(), 0, "status")
        sonde.stop()
        record, = [r for r in sonde.records if r["kind"] == "connection" and field(r, "client.port") in ports]
        check_fields(record, {"client.process.pid": process.pid, "server.process.pid": process.pid, "server.port": lambda n: n in ports,
                              "client.network_namespace": hosts.namespace("a"), "server.network_namespace": hosts.namespace("a")})
        equal(field(record, "bytes.to_server") + field(record, "bytes.to_client"), 7, "bytes")


ECHO = """
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("10.213.2.2", 7123)); print(7123, flush=True)
for _ in range(5): s.sendto(*s.recvfrom(999))
"""
ASK = """
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(("10.213.1.2", 7124)); s.connect(("10.213.2.2", 7123))
for _ in range(5): s.send(b"x" * %d); s.recv(999)
"""


def test_datagrams_between_addresses_that_exist_twice(case):
    """Which two belong together only what they counted tells."""
    with Hosts() as one:
        pairs = [(one.names["a"], one.names["b"]), twin_of(case)]
        sonde = flows(case, "--interval", "1m")
        servers = [python(case, ECHO, ("ip", "netns", "exec", there)) for _, there in pairs]
        for server in servers:
            equal(number(server), 7123, "port")
        clients = [python(case, ASK % (48 * (i + 1)), ("ip", "netns", "exec", here)) for i, (here, _) in enumerate(pairs)]
        for process in clients + servers:
            equal(process.wait(), 0, "status")
        sonde.stop()
        found = sorted((r for r in sonde.events("flow") if {field(r, "client.port"), field(r, "server.port")} == {7123, 7124}),
                       key=lambda r: field(r, "bytes.to_server"))
        equal([(field(r, "bytes.to_server"), field(r, "bytes.to_client")) for r in found], [(240, 240), (480, 480)], "bytes")
        for i, record in enumerate(found):
            equal({field(record, "client.process.pid"), field(record, "server.process.pid")}, {clients[i].pid, servers[i].pid}, "processes")


def test_filters(case):
    """Each leaves what it names, and nothing else, of the same two connections."""
    kept = {}
    options = {"process": ("--process", str(os.getpid())), "from": ("--from", "127.0.0.0/8", "--to", "127.0.0.1"),
               "none": ("--process", "no-such-program"), "peer": ("--peer", "127.0.0.1", "--process", str(os.getpid()))}
    watches = {name: flows(case, *given) for name, given in options.items()}
    watches["port"] = None
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]
    watches["port"] = flows(case, "--port", str(port))
    client = python(case, CLIENT % (1, "127.0.0.1", port, 10))
    accepted, _ = server.accept()
    while accepted.recv(100):
        pass
    accepted.close()
    equal(client.wait(), 0, "status")
    for name, sonde in watches.items():
        sonde.stop()
        kept[name] = len(of_port(sonde, port))
    equal(kept, {"process": 1, "from": 1, "none": 0, "peer": 1, "port": 1}, "connections that filters leave")
    bad = subprocess.run([SONDE, "flows", "--peer", "everybody"], capture_output=True, text=True)
    equal(bad.returncode, 2, "status of a range that is none")
    expect("--peer" in bad.stderr and "10.0.0.0/8" in bad.stderr, bad.stderr)


HOSTILE = "a\"<&>\n\x1b[31m\\.py"


def test_graph_and_hostile_names(case):
    """A client and a server with names that no format may stumble over, in three formats."""
    names = [case.path(HOSTILE), case.path("server.py")]
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]
    with open(names[0], "w") as file:
        file.write("import socket\n" + CLIENT % (3, "127.0.0.1", port, 10) +
                   "socket.socket().connect_ex(('127.0.0.1', 1))\n")
    out = {form: open(case.path(form), "wb") for form in ("svg", "dot", "json")}
    watches = [flows(case, "--graph", form, json_lines=False, stdout=file) for form, file in out.items()]

    def serve():
        for _ in range(3):
            accepted, _ = server.accept()
            while accepted.recv(100):
                pass
            accepted.close()
    thread = threading.Thread(target=serve)
    thread.start()
    subprocess.run([sys.executable, names[0]], check=True, stdout=subprocess.DEVNULL)
    thread.join()
    for sonde in watches:
        sonde.stop()
    for file in out.values():
        file.close()
    graph = json.load(open(case.path("json"), encoding="utf-8"))
    node = {n["id"]: n for n in graph["nodes"]}
    edges = [e for e in graph["edges"] if e.get("port") == port]
    equal(len(edges), 1, "edges of the service")
    check_fields(edges[0], {"connections": 3, "bytes.to_server": 30, "errors.failed": 0})
    equal(node[edges[0]["client"]]["name"], HOSTILE, "the client's name")
    failed = [e for e in graph["edges"] if e.get("port") == 1 and node[e["client"]]["name"] == HOSTILE]
    equal(field(failed[0], "errors.failed"), 1, "attempts that failed")
    picture = xml.parse(case.path("svg")).getroot()
    equal(picture.tag, "{http://www.w3.org/2000/svg}svg", "root of the picture")
    words = [text.text for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    expect(any(w and w.startswith('a"<&>\\n\\x1b[31m') for w in words), lambda: str(words))
    dot = open(case.path("dot"), encoding="utf-8").read()
    expect(dot.startswith("digraph") and 'label="a\\"<&>\\\\n\\\\x1b[31m' in dot, dot)


def test_from_a_recording(case):
    store = case.path("store.db")
    code = ("import socket, threading\ns = socket.create_server(('127.0.0.1', 0))\n"
            "def serve():\n    c, _ = s.accept()\n    c.recv(100)\n    c.sendall(b's' * 4000)\n    c.close()\n"
            "t = threading.Thread(target=serve)\nt.start()\nc = socket.create_connection(s.getsockname())\nc.sendall(b'hi')\n"
            "n = 0\nwhile True:\n    d = c.recv(9999)\n    n += len(d)\n    if not d: break\n"
            "t.join()\nc.close()\nsocket.socket().connect_ex(('127.0.0.1', 1))\nprint(s.getsockname()[1])\n")
    done = subprocess.run([SONDE, "run", "--quiet", "--store", store, "--", sys.executable, "-c", code], check=True,
                          stdout=subprocess.PIPE)
    port = int(done.stdout)
    told = subprocess.run([SONDE, "flows", "--since", "10m", "--store", store, "--json"], check=True,
                          stdout=subprocess.PIPE).stdout
    records = [json.loads(line) for line in told.splitlines()]
    made = [r for r in records if field(r, "server.port") == port]
    equal(len(made), 1, "flows of the service")
    check_fields(made[0], {"verdict": "forwarded", "connections": 1, "bytes.to_server": 2, "bytes.to_client": 4000,
                           "client.address": "127.0.0.1", "server.process.pid": field(made[0], "client.process.pid")})
    failed = [r for r in records if field(r, "server.port") == 1]
    check_fields(failed[0], {"verdict": "failed", "error.reason": "refused", "client.sent": 0, "bytes.to_server": 0, **UNKNOWN})
    for name, count in (("root", len(records) - 1), ("nobody", 0)):
        told = subprocess.run([SONDE, "flows", "--since", "10m", "--store", store, "--json", "-f",
                               'client.user.name == "%s"' % name], check=True, stdout=subprocess.PIPE).stdout
        equal(len(told.splitlines()) - 1, count, "flows of " + name)
    graph = subprocess.run([SONDE, "flows", "--since", "10m", "--store", store, "--graph", "json"], check=True,
                           stdout=subprocess.PIPE).stdout
    equal(len(json.loads(graph)["nodes"]), 2, "nodes: the program, and where nobody answered")
    old = subprocess.run([SONDE, "flows", "--since", "1ms", "--store", store, "--json"], check=True, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE)
    equal(json.loads(old.stdout)["runs"], 0, "runs that reach into the last millisecond")


def test_unix_sockets(case):
    path = case.path("socket")
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()
    watches = [flows(case, "--unix", "--to", path), flows(case, "--unix", "--process", str(os.getpid())), flows(case)]
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
    for sonde in watches:
        sonde.stop()
    for sonde in watches[:2]:
        found = [r for r in sonde.records if field(r, "server.path") == path]
        equal(len(found), 1, "connects")
        check_fields(found[0], {"kind": "connection", "transport": "unix", "client.process.pid": os.getpid(),
                                "verdict": "forwarded", "state": "closed", "client.sent": None})
    equal([r for r in watches[2].records if r.get("transport") == "unix"], [], "connects without --unix")


def test_screen(case):
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]
    client = socket.create_connection(("127.0.0.1", port))
    accepted, _ = server.accept()
    stop = threading.Event()

    def talk():
        while not stop.wait(0.05):
            client.sendall(b"x" * 1000)
            accepted.recv(100000)
    thread = threading.Thread(target=talk)
    thread.start()
    case.defer(thread.join)
    case.defer(stop.set)
    screen = Screen(case, 120, 20)
    for command, title in (("flows", "sonde flows"), ("top --by connection", "sonde top  by connection")):
        screen.run(SONDE + " " + command + " --interval 300ms", r"-> .*:%d" % port)
        lines = screen.lines()
        expect(lines[0].startswith(title), lambda: lines[0])
        expect(lines[1].startswith("PROTO STATE"), lambda: lines[1])
        expect(all(len(line) <= 120 for line in lines), screen.text)
        row = next(line for line in lines if ":%d" % port in line)
        expect(re.match(r"tcp   open +\d", row) and "[%d]" % os.getpid() in row, row)
        screen.keys("/")
        screen.tmux("send-keys", "-l", "no such thing")
        screen.keys("Enter")
        until(lambda: ":%d" % port not in screen.text(), "an empty list")
        screen.keys("Escape", "v", "v")
        screen.wait("only dropped")
        screen.keys("?")
        screen.wait("show all, or only")
        screen.keys("?", "q")
        until(lambda: screen.flags()[0] == "0", "the terminal as it was")


def test_plain_lines_and_usage(case):
    out = case.path("lines")
    sonde = flows(case, json_lines=False, stdout=open(out, "wb"))
    known = exchange(case, there=10, back=20)
    sonde.stop()
    lines = [line for line in open(out, encoding="utf-8") if ":%d" % known["port"] in line]
    equal(len(lines), 1, "lines")
    expect("forwarded tcp" in lines[0] and "[%d]" % known["client"] in lines[0] and "[%d]" % known["server"] in lines[0] and
           "closed by client" in lines[0] and "→10 B  ←20 B" in lines[0], lines[0])
    for wrong in (["--graph", "png"], ["--graph", "svg", "--json"], ["--since", "1h", "--pid", "1"], ["word"],
                  ["--verdict", "droped"]):
        done = subprocess.run([SONDE, "flows", *wrong], capture_output=True, text=True)
        equal(done.returncode, 2, "status of %s: %s" % (wrong, done.stderr))


def test_from_a_container(case):
    """Out of a real container with a network of its own to a process of the machine; its address is called by its name from then on."""
    name = ("f10e" * 16)
    server = socket.create_server(("0.0.0.0", 0))
    port = server.getsockname()[1]
    container = Container(case, name, "/docker/" + name, "/bin/busybox nc 10.214.9.1 %d < /bin/hello" % port)
    with open(os.path.join(container.root, "bin", "hello"), "w") as file:
        file.write("hello")
    link = "sonde%d" % (os.getpid() % 100000)
    run("ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", str(container.pid))
    case.defer(lambda: subprocess.run(["ip", "link", "del", link], stderr=subprocess.DEVNULL))
    run("ip", "addr", "add", "10.214.9.1/24", "dev", link)
    run("ip", "link", "set", link, "up")
    inside = ("nsenter", "-t", str(container.pid), "-n")
    run(*inside, "ip", "addr", "add", "10.214.9.2/24", "dev", "eth0")
    run(*inside, "ip", "link", "set", "eth0", "up")
    namespace = os.stat("/proc/%d/ns/net" % container.pid).st_ino
    watches = [flows(case, "--container", name[:12]), flows(case, "--from", name), flows(case, "--container", "another")]
    served = {}

    def serve():
        accepted, _ = server.accept()
        served["got"] = accepted.recv(100)
        accepted.sendall(b"bye!")
        accepted.close()
    thread = threading.Thread(target=serve)
    thread.start()
    container.go()
    thread.join()
    for sonde in watches:
        sonde.stop()
    equal(of_port(watches[2], port), [], "connections of another container")
    for sonde in watches[:2]:
        check_fields(one_of_port(sonde, port, kind="connection"), {
            "client.container.id": name, "client.process.name": "nc", "client.network_namespace": namespace,
            "client.address": "10.214.9.2", "server.address": "10.214.9.1", "server.process.pid": os.getpid(),
            "server.container": None, "bytes.to_server": 5, "bytes.to_client": 4})
    equal(served["got"], b"hello", "what the server got")
