"""Dropped packets: each hole is dug by the test, so why, where, whose and how many are known."""

import os
import shutil
import socket
import subprocess

from harness import Skip, check_fields, check_if_told, equal, expect, field, until

COUNT = 300


def run(*words, text=None):
    done = subprocess.run(words, input=text, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise Skip("%s: %s" % (" ".join(words), done.stdout.strip()))
    return done.stdout


class Hosts:
    """Three hosts in network namespaces: a and b, and between them the router r."""

    def __init__(self):
        self.names = {host: "sonde-%s-%d" % (host, os.getpid()) for host in "arb"}

    def ip(self, host, *words):
        return run("ip", "-n", self.names[host], *words)

    def python(self, host, code):
        """A program on that host; what it prints."""
        return run("ip", "netns", "exec", self.names[host], "python3", "-c", "import socket, struct\n" + code)

    def nft(self, host, rules):
        if not shutil.which("nft"):
            raise Skip("there is no nft (package nftables)")
        run("ip", "netns", "exec", self.names[host], "nft", "-f", "-", text=rules)

    def namespace(self, host):
        return os.stat("/var/run/netns/" + self.names[host]).st_ino

    def __enter__(self):
        for host in "arb":
            run("ip", "netns", "add", self.names[host])
            self.ip(host, "link", "set", "lo", "up")
        for number, host in ((1, "a"), (2, "b")):
            self.ip("r", "link", "add", "to-" + host, "type", "veth", "peer", "name", "eth0", "netns", self.names[host])
            self.ip("r", "addr", "add", "10.213.%d.1/24" % number, "dev", "to-" + host)
            self.ip("r", "link", "set", "to-" + host, "up")
            self.ip(host, "addr", "add", "10.213.%d.2/24" % number, "dev", "eth0")
            self.ip(host, "link", "set", "eth0", "up")
            self.ip(host, "route", "add", "default", "via", "10.213.%d.1" % number)
        run("ip", "netns", "exec", self.names["r"], "sysctl", "-qw", "net.ipv4.ip_forward=1")
        self.python("a", send("10.213.2.2", 9, 1))  # so that both know their neighbours
        return self

    def __exit__(self, *unused):
        for host in "arb":
            subprocess.run(["ip", "netns", "del", self.names[host]])


def send(address, port, count, size=100, ttl=None):
    """A program that sends datagrams and does not mind errors."""
    return ("s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
            + ("s.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, %d)\n" % ttl if ttl else "") +
            "for _ in range(%d):\n"
            "    try: s.sendto(b'x' * %d, ('%s', %d))\n"
            "    except OSError: pass\n" % (count, size, address, port))


def dropped(sonde, port, reason=None):
    """The events of what was sent to a port, and how many packets that is."""
    found = [e for e in sonde.events("drop") if field(e, "destination.port") == port
             and (reason is None or field(e, "drop.reason") in (reason, None))]
    return found, sum(field(e, "drop.count") for e in found)


def wait_for(sonde, port, count, reason=None):
    until(lambda: dropped(sonde, port, reason)[1] >= count, "%d drops told" % count, 15)
    return dropped(sonde, port, reason)


def test_firewall_drops_where_it_stands(case):
    """nftables in output, forward and input: the reason, the place, the flow, the count."""
    with Hosts() as hosts:
        hosts.nft("a", "table ip t { chain c { type filter hook output priority 0; udp dport 7001 drop; }; }")
        hosts.nft("r", "table ip t { chain c { type filter hook forward priority 0; udp dport 7002 drop; }; }")
        hosts.nft("b", "table ip t { chain c { type filter hook input priority 0; udp dport 7003 drop; }; }")
        sonde = case.sonde("drop")
        for port in (7001, 7002, 7003):
            hosts.python("a", send("10.213.2.2", port, COUNT))
        for port, host, device in ((7001, "a", ("eth0",)), (7002, "r", ("to-a", "to-b")), (7003, "b", ("eth0",))):
            found, count = wait_for(sonde, port, COUNT)
            equal(count, COUNT, "packets dropped on their way to port %d" % port)
            for event in found:
                check_fields(event, {
                    "network.namespace": hosts.namespace(host), "network.transport": "udp", "network.type": "ipv4",
                    "source.address": "10.213.1.2", "destination.address": "10.213.2.2",
                    "drop.function": lambda function: function})
                check_if_told(event, {"drop.reason": "NETFILTER_DROP", "network.interface.name": lambda n, d=device: n in d})
        sonde.stop()
        equal(sonde.lost(), 0, "events lost")


def test_nothing_is_dropped_where_nothing_is(case):
    """Traffic that arrives leaves no drop behind: TCP, UDP, Unix, with sockets closed in the usual ways."""
    sonde = case.sonde("drop")
    ports = []
    for _ in range(20):
        server = socket.create_server(("127.0.0.1", 0))
        client = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
        client.sendall(b"x" * 100000)
        got = 0
        while got < 100000:
            got += len(accepted.recv(1 << 16))
        accepted.close()
        ports += [server.getsockname()[1], client.getsockname()[1]]
        client.close()
        server.close()
        receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        receiver.bind(("127.0.0.1", 0))
        sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sender.sendto(b"y", receiver.getsockname())
        receiver.recv(10)
        ports += [receiver.getsockname()[1], sender.getsockname()[1]] if sender.getsockname()[1] else []
        receiver.close()
        sender.close()
        left, right = socket.socketpair()
        left.send(b"z")
        left.close()
        right.close()
    sonde.stop()
    wrong = [e for e in sonde.events("drop") if field(e, "destination.port") in ports or field(e, "source.port") in ports]
    expect(not wrong, "no drop: %s" % wrong[:2])


def test_what_normal_work_frees(case):
    """Datagrams that nobody read before their socket was closed: only who asks for all drops hears of them. Once one was
    read, the others wait in another queue."""
    watches = {option: case.sonde("drop", *option) for option in ((), ("--all-drops",))}
    ports = {}
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        for read in (0, 1):
            with socket.socket(family, socket.SOCK_DGRAM) as receiver, socket.socket(family, socket.SOCK_DGRAM) as sender:
                receiver.bind((address, 0))
                ports[receiver.getsockname()[1]] = 7 - read
                for _ in range(7):
                    sender.sendto(b"unread", receiver.getsockname())
                for _ in range(read):
                    receiver.recv(10)
    for port, count in ports.items():  # sockets are freed a moment after they are closed
        wait_for(watches[("--all-drops",)], port, count)
    told = {}
    for option, sonde in watches.items():
        sonde.stop()
        told[option] = {port: dropped(sonde, port)[1] for port in ports}
    equal(told, {(): dict.fromkeys(ports, 0), ("--all-drops",): ports}, "packets")


def test_sockets_that_take_nothing(case):
    """A closed port, a full receive buffer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        nowhere = closed.getsockname()[1]
    full = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    full.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    full.bind(("127.0.0.1", 0))
    sonde = case.sonde("drop")
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for _ in range(COUNT):
        sender.sendto(b"x" * 500, full.getsockname())
    for _ in range(20):
        one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        one.sendto(b"y", ("127.0.0.1", nowhere))
        one.close()
    arrived = 0
    full.setblocking(False)
    while True:
        try:
            full.recv(1000)
            arrived += 1
        except BlockingIOError:
            break
    found, count = wait_for(sonde, full.getsockname()[1], COUNT - arrived)
    equal(count, COUNT - arrived, "datagrams that did not arrive")
    check_if_told(found[0], {"drop.reason": lambda r: r in ("SOCKET_RCVBUFF", "PROTO_MEM")})
    check_fields(found[0], {"process.pid": os.getpid(), "process.user.id": os.geteuid(), "source.address": "127.0.0.1",
                            "source.port": sender.getsockname()[1], "destination.address": "127.0.0.1",
                            "network.interface.name": "lo", "network.namespace": os.stat("/proc/self/ns/net").st_ino})
    found, count = wait_for(sonde, nowhere, 20)
    equal(count, 20, "datagrams to a closed port")
    check_fields(found[0], {"process.pid": None})
    check_if_told(found[0], {"drop.reason": "NO_SOCKET"})
    sonde.stop()
    full.close()
    sender.close()


def test_requests_that_find_the_backlog_full(case):
    """As many as the kernel counts in that namespace, each with who it was that did not get in, and whose backlog it is."""
    code = ("""import os, time
for family, address in ((socket.AF_INET, "10.213.2.2"), (socket.AF_INET6, "::1")):
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.bind((address, 7201 if family == socket.AF_INET else 7202))
    listener.listen(1)
    callers = [socket.socket(family, socket.SOCK_STREAM) for _ in range(8)]
    for caller in callers:
        caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, 1)  # it tries twice within the wait, and not at its end
        caller.setblocking(False)
        caller.connect_ex(listener.getsockname()[:2])
        time.sleep(0.01)
    time.sleep(2.5)
    for caller in callers:
        caller.close()
    listener.close()
lines = [line.split() for line in open("/proc/net/netstat") if line.startswith("TcpExt:")]
print(os.getpid(), dict(zip(*lines))["ListenOverflows"])
""")
    with Hosts() as hosts:
        sonde = case.sonde("drop")
        pid, overflows = map(int, hosts.python("b", code).split())
        expect(overflows >= 12, "requests that found no room: %d" % overflows)
        sonde.stop()
    told = [e for e in sonde.events("drop") if field(e, "process.pid") == pid]
    equal(sum(field(e, "drop.count") for e in told), overflows, "requests told of, and as the kernel counts them")
    for event in told:
        check_fields(event, {"drop.reason": "TCP_LISTEN_OVERFLOW", "drop.function": "tcp_conn_request",
                             "destination.port": lambda port: port in (7201, 7202), "network.transport": "tcp",
                             "network.namespace": lambda n: n, "network.interface.name": "lo"})
    equal({field(e, "network.type") for e in told}, {"ipv4", "ipv6"}, "kinds of addresses")


def test_packets_that_are_wrong_or_lost(case):
    """A time to live that runs out, a wrong checksum, no route."""
    with Hosts() as hosts:
        sonde = case.sonde("drop")
        hosts.python("a", send("10.213.2.2", 7101, COUNT, ttl=1))
        hosts.python("a", "s = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)\n"
                     "for _ in range(%d):\n"
                     "    udp = struct.pack('!HHHH', 7777, 7102, 12, 0xdead) + b'abcd'\n"
                     "    ip = struct.pack('!BBHHHBBH4s4s', 0x45, 0, 32, 0, 0, 64, 17, 0, socket.inet_aton('10.213.1.2'),\n"
                     "                     socket.inet_aton('10.213.2.2'))\n"
                     "    s.sendto(ip + udp, ('10.213.2.2', 0))\n" % COUNT)
        hosts.python("b", "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.bind(('10.213.2.2', 7102))\n")
        hosts.python("a", send("10.99.99.99", 7103, COUNT))
        found, count = wait_for(sonde, 7101, COUNT)
        expect(abs(count - COUNT) <= COUNT // 100, "%d of %d whose time to live ran out" % (count, COUNT))
        check_fields(found[0], {"network.namespace": hosts.namespace("r"), "source.address": "10.213.1.2",
                                "drop.function": lambda function: function.startswith("ip_")})
        found, count = wait_for(sonde, 7102, COUNT)
        expect(abs(count - COUNT) <= COUNT // 100, "%d of %d with a wrong checksum" % (count, COUNT))
        check_fields(found[0], {"source.port": 7777, "network.namespace": hosts.namespace("b")})
        check_if_told(found[0], {"drop.reason": lambda r: r in ("UDP_CSUM", "NO_SOCKET")})
        found, count = wait_for(sonde, 7103, COUNT)
        expect(abs(count - COUNT) <= COUNT // 100, "%d of %d without a route" % (count, COUNT))
        check_fields(found[0], {"network.namespace": hosts.namespace("r"), "destination.address": "10.99.99.99"})
        check_if_told(found[0], {"drop.reason": lambda r: r in ("IP_INNOROUTES", "IP_INADDRERRORS", "NOT_SPECIFIED")})
        sonde.stop()
