"""More holes for packets: of other protocols, too large for the way, for nobody in the neighbourhood; and a healthy network, in
which nothing is dropped."""

import socket
import subprocess

from harness import check_fields, check_if_told, equal, expect, field
from hosts import Actor, bridged
from test_drop import COUNT, Hosts, send, wait_for

IP_MTU_DISCOVER, IP_PMTUDISC_PROBE = 10, 3


def within(count, what):
    expect(abs(count - COUNT) <= COUNT // 100, "%d of %d %s" % (count, COUNT, what))


def events_of(sonde, **want):
    found = sonde.events("drop", **want)
    return found, sum(field(event, "drop.count") for event in found)


def test_too_large_for_the_way(case):
    """Packets that may not be cut come to a narrower link: the router drops them, told of at the router."""
    with Hosts() as hosts:
        hosts.ip("r", "link", "set", "to-b", "mtu", "1000")
        hosts.nft("r", "table ip t { chain c { type filter hook output priority 0; icmp type destination-unreachable drop; }; }")
        sonde = case.sonde("drop")
        hosts.python("a", "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                     "s.setsockopt(socket.IPPROTO_IP, %d, %d)\n"
                     "for _ in range(%d): s.sendto(bytes(1300), ('10.213.2.2', 7201))\n"
                     % (IP_MTU_DISCOVER, IP_PMTUDISC_PROBE, COUNT))
        found, count = wait_for(sonde, 7201, COUNT)
        within(count, "too large")
        for event in found:
            check_fields(event, {"network.namespace": hosts.namespace("r"), "network.transport": "udp",
                                 "source.address": "10.213.1.2", "destination.address": "10.213.2.2",
                                 "drop.function": lambda function: function.startswith("ip_")})
            check_if_told(event, {"drop.reason": lambda r: r in ("PKT_TOO_BIG", "NOT_SPECIFIED")})
        # a black hole: the sender of a stream is never told, and what it sends again is dropped again
        server = Actor(case, None, served, hosts.names["b"])
        server.hear()
        hosts.python("a", "s = socket.create_connection(('10.213.2.2', 7202)); s.settimeout(1.5)\n"
                     "s.sendall(bytes(5000))\n"
                     "try: s.recv(1)\n"
                     "except OSError: pass\n")
        server.kill()
        found, count = wait_for(sonde, 7202, 2)
        for event in found:
            check_fields(event, {"network.namespace": hosts.namespace("r"), "network.transport": "tcp"})
        sonde.stop()
        told, _ = events_of(sonde, network__transport="icmp")
        expect(any(field(event, "network.namespace") == hosts.namespace("r") for event in told),
               "the router's answers, which its firewall drops: %s" % told[:2])


def served(pipe, name):
    from hosts import libc, CLONE_NEWNET
    with open("/var/run/netns/" + name, "rb") as file:
        libc.setns(file.fileno(), CLONE_NEWNET)
    server = socket.create_server(("10.213.2.2", 7202))
    pipe.send("ready")
    server.accept()[0].recv(10000)


def test_other_protocols(case):
    """A firewall that drops TCP, ICMP, SCTP and IPv6: ports where there are any."""
    hosts = bridged(case, "s", [("10.213.6.%d/24" % n, "fd00:216::%d/64" % n) for n in (1, 2)])
    hosts[1].run("nft", "-f", "-", text="table inet t { chain c { type filter hook input priority 0; tcp dport 7301 drop; "
                 "udp dport 7302 drop; icmp type echo-request drop; ip protocol sctp drop; }; }")

    def act(_):
        for _ in range(3):
            sock = socket.socket()
            sock.settimeout(0.1)
            sock.connect_ex(("10.213.6.2", 7301))
            sock.close()
        sender = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        for _ in range(COUNT):
            sender.sendto(bytes(10), ("fd00:216::2", 7302))
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        for number in range(COUNT):
            echo = b"\x08\x00" + (0xf7ff - number).to_bytes(2, "big") + number.to_bytes(4, "big")
            raw.sendto(echo, ("10.213.6.2", 0))
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_SCTP)
        for _ in range(COUNT):
            raw.sendto((40000).to_bytes(2, "big") + (7303).to_bytes(2, "big") + bytes(8), ("10.213.6.2", 0))
    sonde = case.sonde("drop")
    Actor(case, hosts[0], act).end()
    wait_for(sonde, 7302, COUNT)
    sonde.stop()
    here = [event for event in sonde.events("drop") if field(event, "network.namespace") == hosts[1].number]
    for transport, kind, address, port, wanted in (("tcp", "ipv4", "10.213.6.2", 7301, 3),
                                                   ("udp", "ipv6", "fd00:216::2", 7302, COUNT),
                                                   ("icmp", "ipv4", "10.213.6.2", None, COUNT),
                                                   ("sctp", "ipv4", "10.213.6.2", 7303, COUNT)):
        found = [event for event in here if field(event, "network.transport") == transport
                 and field(event, "network.type") == kind]
        equal(sum(field(event, "drop.count") for event in found), wanted, "packets of %s over %s" % (transport, kind))
        for event in found:
            check_fields(event, {"destination.address": address, "destination.port": port,
                                 "network.interface.name": "eth0"})
            check_if_told(event, {"drop.reason": "NETFILTER_DROP"})


def test_wrong_checksum_of_tcp(case):
    """Segments whose sum is wrong, to a port at which somebody listens, and whose process is known."""
    hosts = bridged(case, "s", [("10.213.6.%d/24" % n,) for n in (1, 2)])

    def serve(pipe):
        server = socket.create_server(("10.213.6.2", 7401))
        pipe.send("ready")
        pipe.recv()
        server.close()

    def act(_):
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP)
        segment = bytes.fromhex("1e611ce9 00000001 00000000 5002 2000 dead 0000".replace(" ", ""))
        for _ in range(COUNT):
            raw.sendto(segment, ("10.213.6.2", 0))
    sonde = case.sonde("drop")
    server = Actor(case, hosts[1], serve)
    server.hear()
    Actor(case, hosts[0], act).end()
    found, count = wait_for(sonde, 7401, COUNT)
    server.say()
    server.end()
    sonde.stop()
    within(count, "with a wrong checksum")
    for event in found:
        check_fields(event, {"source.address": "10.213.6.1", "source.port": 7777, "network.namespace": hosts[1].number,
                             "process.pid": server.pid})
        check_if_told(event, {"drop.reason": lambda r: r in ("TCP_CSUM", "NOT_SPECIFIED")})


def test_nobody_in_the_neighbourhood(case):
    """An address on the link that no host has: what waits for the neighbour's answer is dropped at last."""
    host, _ = bridged(case, "s", [("10.213.6.%d/24" % n,) for n in (1, 2)])
    sonde = case.sonde("drop")
    host.run("python3", "-c", "import socket\n" + send("10.213.6.77", 7501, 40, size=10))
    found, count = wait_for(sonde, 7501, 40)
    sonde.stop()
    equal(count, 40, "datagrams to nobody")
    for event in found:
        check_fields(event, {"network.namespace": host.number, "destination.address": "10.213.6.77"})
        check_if_told(event, {"drop.reason": lambda r: r.startswith("NEIGH_") or r == "NOT_SPECIFIED"})


def test_a_healthy_network_drops_nothing(case):
    """Large and small, both families, many connections, ends of every usual kind, pings: not one drop on these hosts."""
    hosts = bridged(case, "s", [("10.213.6.%d/24" % n, "fd00:216::%d/64" % n) for n in (1, 2)])

    def serve(pipe):
        server = socket.create_server(("::", 7601), family=socket.AF_INET6, dualstack_ipv6=True)
        echo = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        echo.bind(("::", 7602))
        pipe.send("ready")
        for _ in range(200):
            sock, _ = server.accept()
            while sock.recv(1 << 20):
                pass
            sock.sendall(bytes(100))
            sock.close()
        for _ in range(500):
            data, peer = echo.recvfrom(2000)
            echo.sendto(data, peer)

    def act(_):
        for number in range(200):
            sock = socket.create_connection(("fd00:216::2" if number % 2 else "10.213.6.2", 7601))
            sock.sendall(bytes(5_000_000 if number < 4 else 500))
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(1000):
                pass
            sock.close()
        sender = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        for number in range(500):
            sender.sendto(bytes(number), ("fd00:216::2" if number % 2 else "::ffff:10.213.6.2", 7602))
            sender.recv(2000)
        ping = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        for _ in range(3):
            ping.sendto(bytes.fromhex("0800f7b2004d0000"), ("10.213.6.2", 0))
            ping.recv(100)
    sonde = case.sonde("drop")
    server = Actor(case, hosts[1], serve)
    server.hear()
    Actor(case, hosts[0], act).end()
    server.end()
    sonde.stop()
    wrong = [event for event in sonde.events("drop")
             if field(event, "network.namespace") in (hosts[0].number, hosts[1].number)]
    expect(not wrong, "no drop: %s" % wrong[:2])


def test_whose_backlog_it_is(case):
    """However a listener is bound, beside one of the other family, and where two share a port: as many as the kernel counts."""
    code = ("""import time
def listen(family, address, port, shared=False):
    listener = socket.socket(family, socket.SOCK_STREAM)
    if family == socket.AF_INET6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, port == 7304)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, shared)
    listener.bind((address, port))
    listener.listen(1)
    return listener
four, six = socket.AF_INET, socket.AF_INET6
listeners = [listen(four, "0.0.0.0", 7301), listen(six, "::", 7302), listen(four, "127.0.0.1", 7303), listen(six, "::", 7304),
             listen(four, "0.0.0.0", 7304), listen(six, "::ffff:127.0.0.1", 7305), listen(four, "0.0.0.0", 7306, True),
             listen(four, "0.0.0.0", 7306, True)]
def call(ports, patience):
    callers = [(socket.socket(four, socket.SOCK_STREAM), port) for _ in range(8) for port in ports]
    for caller, port in callers:
        caller.setblocking(False)
        caller.connect_ex(("127.0.0.1", port))
    time.sleep(patience)
    for caller, _ in callers:
        caller.close()
call(range(7301, 7306), 1.2)
call([7306, 7306], 0)  # before they ask again, on any processor
for listener in listeners:
    listener.close()
lines = [line.split() for line in open("/proc/net/netstat") if line.startswith("TcpExt:")]
print(dict(zip(*lines))["ListenOverflows"])
""")
    with Hosts() as hosts:
        sonde = case.sonde("drop")
        overflows = int(hosts.python("b", code))
        sonde.stop()
    told = [e for e in sonde.events("drop") if field(e, "drop.reason") == "TCP_LISTEN_OVERFLOW" and
            7300 < field(e, "destination.port") < 7310]
    equal(sum(field(e, "drop.count") for e in told), overflows, "requests told of, and as the kernel counts them")
    equal({field(e, "destination.port") for e in told}, set(range(7301, 7307)), "ports that had no room")
    equal({field(e, "network.interface.name") for e in told}, {"lo"}, "where they came in")


def test_backlog_that_is_full_of_strangers(case):
    """From another host: through which interface they came, and that a listener with room refuses nobody."""
    listener = """import select, time
for port, room in ((7311, 1), (7312, 64)):
    listener = socket.socket()
    listener.bind(("0.0.0.0", port))
    listener.listen(room)
    globals()["l%d" % port] = listener
print("", flush=True)
input()
"""
    callers = """import time
callers = [socket.socket() for _ in range(16)]
for i, caller in enumerate(callers):
    caller.setblocking(False)
    caller.connect_ex(("10.213.2.2", 7311 + i % 2))
time.sleep(0.2)
"""
    with Hosts() as hosts:
        sonde = case.sonde("drop")
        server = case.start(["ip", "netns", "exec", hosts.names["b"], "python3", "-c", "import socket\n" + listener],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        server.stdout.readline()
        hosts.python("a", callers)
        place = hosts.namespace("b")
        sonde.stop()
    told = [e for e in sonde.events("drop") if field(e, "drop.reason") == "TCP_LISTEN_OVERFLOW"]
    expect(told, "nothing was told")
    for event in told:
        check_fields(event, {"destination.port": 7311, "source.address": "10.213.1.2", "network.interface.name": "eth0",
                             "network.namespace": place, "process.pid": server.pid})
