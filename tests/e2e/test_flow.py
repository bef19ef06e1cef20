"""Datagrams and open connections: bytes and counts are those that the test itself sent and read."""

import ctypes
import os
import socket
import struct
import subprocess
import threading

from harness import Skip, check_fields, equal, expect, field, until

UDP_SEGMENT = 103
UDP_CORK = 1
SEEN = ("io.sent", "io.received", "packets.sent", "packets.received")


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
        got = tuple(total(sonde, port, "network." + name) for name in SEEN)
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


def test_reading_is_what_the_program_did(case):
    """A look is none; what was cut counts as what was read; what nobody read counts for the sender alone."""
    sonde = case.sonde("flow")
    one, other, sender, receiver = pair()
    for size in (100, 1000, 10, 500):
        one.sendto(bytes(size), ("127.0.0.1", receiver))
    other.recvfrom(1000, socket.MSG_PEEK)
    other.recvfrom(1000, socket.MSG_PEEK)
    other.recvfrom(1000)
    other.recvfrom(300)
    try:
        one.sendto(bytes(70000), ("127.0.0.1", receiver))
    except OSError:
        pass
    other.recv(1000)
    sonde.stop()
    equal(tuple(total(sonde, sender, "network." + name) for name in SEEN), (1610, 0, 4, 0), "the sender's books")
    equal(tuple(total(sonde, receiver, "network." + name) for name in SEEN), (0, 410, 0, 3), "the receiver's books")


def test_datagrams_of_many_calls_and_many_of_one(case):
    """What is on the wire is counted: segments of one send, one datagram of several sends, and sendmmsg."""
    sonde = case.sonde("flow")
    one, other, sender, receiver = pair()
    one.connect(("127.0.0.1", receiver))
    one.sendmsg([bytes(10000)], [(socket.IPPROTO_UDP, UDP_SEGMENT, struct.pack("H", 1000))])
    one.send(bytes(100), socket.MSG_MORE)
    one.send(bytes(150))
    one.setsockopt(socket.IPPROTO_UDP, UDP_CORK, 1)
    for _ in range(4):
        one.send(bytes(100))
    one.setsockopt(socket.IPPROTO_UDP, UDP_CORK, 0)
    libc = ctypes.CDLL(None, use_errno=True)
    data = ctypes.create_string_buffer(bytes(50), 50)
    vector = struct.pack("QQ", ctypes.addressof(data), 50)
    vectors = ctypes.create_string_buffer(vector, len(vector))
    message = struct.pack("QI4xQQQQi4xI4x", 0, 0, ctypes.addressof(vectors), 1, 0, 0, 0, 0)
    messages = ctypes.create_string_buffer(message * 7, len(message) * 7)
    equal(libc.sendmmsg(one.fileno(), messages, 7, 0), 7, "datagrams that sendmmsg sent")
    got = [len(other.recvfrom(65536)[0]) for _ in range(19)]
    equal(got, [1000] * 10 + [250, 400] + [50] * 7, "datagrams read")
    sonde.stop()
    check_ends(sonde, sender, receiver, 19, sum(got))


def test_flows_have_the_right_owner(case):
    """A socket that several processes and threads use, towards several peers."""
    sonde = case.sonde("flow")
    one, other, sender, receiver = pair()
    third, fourth, _, elsewhere = pair()
    pid = os.fork()
    if not pid:
        for _ in range(30):
            one.sendto(bytes(10), ("127.0.0.1", receiver))
        os._exit(0)
    os.waitpid(pid, 0)

    def send():
        for _ in range(250):
            one.sendto(bytes(4), ("127.0.0.1", receiver))
            one.sendto(bytes(6), ("127.0.0.1", elsewhere))

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sonde.stop()
    got = {}
    for event in sonde.events("flow"):
        if field(event, "network.local.port") == sender:
            key = (field(event, "process.pid"), field(event, "network.peer.port"))
            before = got.get(key, (0, 0))
            got[key] = (before[0] + field(event, "network.io.sent"), before[1] + field(event, "network.packets.sent"))
    equal(got, {(pid, receiver): (300, 30), (os.getpid(), receiver): (4000, 1000), (os.getpid(), elsewhere): (6000, 1000)},
          "bytes and datagrams by process and peer")
    for one in (third, fourth):
        one.close()


def test_mapped_addresses_and_namespaces(case):
    """IPv4 in an IPv6 socket is IPv4; the same address in another namespace is another thing."""
    sonde = case.sonde("flow", "--interval", "1m")
    one = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    other = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    for end in (one, other):
        end.bind(("::", 0))
    receiver = other.getsockname()[1]
    one.sendto(bytes(70), ("::ffff:127.0.0.1", receiver))
    _, peer = other.recvfrom(100)
    equal(peer[0], "::ffff:127.0.0.1", "the peer as the program sees it")
    name = "sonde-flow-%d" % os.getpid()
    if subprocess.run(["ip", "netns", "add", name], stderr=subprocess.DEVNULL).returncode:
        raise Skip("network namespaces cannot be made here")
    case.defer(subprocess.run, ["ip", "netns", "del", name])
    inode = os.stat("/run/netns/" + name).st_ino
    code = ("import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('127.0.0.1', %d)); "
            "s.sendto(bytes(33), ('127.0.0.1', %d)); s.recvfrom(100)" % (receiver, receiver))
    subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
    subprocess.run(["ip", "netns", "exec", name, "python3", "-c", code], check=True)
    sonde.stop()
    told = [e for e in sonde.events("flow") if field(e, "network.local.port") == receiver]
    here = [e for e in told if field(e, "network.namespace") != inode]
    there = [e for e in told if field(e, "network.namespace") == inode]
    equal(len(here), 1, "flows here")
    check_fields(here[0], {"network.type": "ipv4", "network.peer.address": "127.0.0.1",
                           "network.peer.port": one.getsockname()[1], "network.io.received": 70})
    equal([(field(e, "network.io.sent"), field(e, "network.io.received")) for e in there], [(33, 33)], "the flow there")


def test_what_is_for_many_is_sent_once(case):
    """Multicast and broadcast that come back to this machine too."""
    name = "sonde-many-%d" % os.getpid()
    if subprocess.run(["ip", "netns", "add", name], stderr=subprocess.DEVNULL).returncode:
        raise Skip("network namespaces cannot be made here")
    case.defer(subprocess.run, ["ip", "netns", "del", name])
    for words in ("link add v0 type veth peer name v1", "link set v0 up", "link set v1 up", "link set lo up",
                  "addr add 10.213.9.1/24 brd + dev v0"):
        if subprocess.run(["ip", "-n", name, *words.split()], stderr=subprocess.DEVNULL).returncode:
            raise Skip("ip %s" % words)
    code = """import socket
r = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
r.bind(("", 5454))
r.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton("239.1.2.3") + socket.inet_aton("10.213.9.1"))
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("10.213.9.1", 5455))
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("10.213.9.1"))
for address in ("239.1.2.3", "10.213.9.255", "255.255.255.255"):
    for _ in range(5):
        s.sendto(bytes(10), (address, 5454))
        r.recvfrom(100)
"""
    sonde = case.sonde("flow", "--interval", "1m")
    subprocess.run(["ip", "netns", "exec", name, "python3", "-c", code], check=True, timeout=120)
    sonde.stop()
    sent = {field(e, "network.peer.address"): field(e, "network.packets.sent") for e in sonde.events("flow")
            if field(e, "network.local.port") == 5455}
    equal(sent, {"239.1.2.3": 5, "10.213.9.255": 5, "255.255.255.255": 5}, "datagrams sent by address")
    equal(total(sonde, 5454, "network.packets.received"), 15, "datagrams read")


def test_echo_through_raw_and_ping_sockets(case):
    """ICMP messages without the IP header that a raw socket is given too."""
    sonde = case.sonde("flow", "--interval", "1m")
    request = struct.pack("!BBHHH", 8, 0, 0xf7ff, 0, 0)
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
        raw.sendto(request, ("127.0.0.1", 0))
        equal([len(raw.recv(100)) for _ in range(2)], [28, 28], "bytes read: the request, which came back, and the reply")
    with open("/proc/sys/net/ipv4/ping_group_range", "r+", encoding="ascii") as range_of:
        before = range_of.read()
        range_of.seek(0)
        range_of.write("0 0")
    try:
        ping = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
    finally:
        with open("/proc/sys/net/ipv4/ping_group_range", "w", encoding="ascii") as range_of:
            range_of.write(before)
    with ping:
        ping.sendto(request + bytes(24), ("127.0.0.1", 0))
        equal(len(ping.recv(100)), 32, "bytes read")
    sonde.stop()
    told = [e for e in sonde.events("flow") if field(e, "process.pid") == os.getpid()]
    equal(sorted(tuple(field(e, "network." + name) for name in SEEN) for e in told), [(8, 16, 1, 2), (32, 32, 1, 1)], "flows")
    for event in told:
        check_fields(event, {"network.transport": "icmp", "network.type": "ipv4", "network.peer.address": "127.0.0.1",
                             "network.local.address": "127.0.0.1", "network.peer.port": None,
                             "network.local.port": None})


def test_where_a_message_was_sent_to_is_the_local_end(case):
    """Also of what is told without anything that was sent: a socket bound to no address has no other."""
    sonde = case.sonde("flow", "--interval", "200ms")
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw, \
            socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as raw6:
        raw.sendto(struct.pack("!BBHHH", 8, 0, 0xf7ff, 0, 0), ("127.0.0.1", 0))
        raw6.sendto(struct.pack("!BBHHH", 128, 0, 0, 0, 0), ("::1", 0))
        until(lambda: len([e for e in sonde.events("flow") if field(e, "network.packets.sent")]) >= 2, "both are told of")
        raw.recv(100)
        raw6.recv(100)
    sonde.stop()
    told = [e for e in sonde.events("flow") if field(e, "process.pid") == os.getpid()]
    equal(sorted(field(e, "network.local.address", "") for e in told), ["127.0.0.1"] * 2 + ["::1"] * 2, "local ends")


def test_more_flows_than_fit_are_counted(case):
    """What finds no slot within its second is lost with a cause, and everything else is exact."""
    sonde = case.sonde("flow", "--interval", "1m")
    count = 9000
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        sender = one.getsockname()[1]
        for number in range(count):
            one.sendto(b"x", ("127.%d.%d.1" % (number >> 8, number & 255), 9))
    sonde.stop()
    books = sonde.summary["events"]["flow"]
    told = total(sonde, sender, "network.packets.sent")
    expect(8000 < told < count, "%d datagrams told of" % told)
    equal(books["lost_by"].get("table_full", 0) + told, count, "datagrams told of, and those that found no slot")


def test_the_halves_take_turns(case):
    """Each look finds what was sent since the one before, and leaves room for as much again."""
    sonde = case.sonde("flow", "--interval", "200ms")
    count = 4200  # twice as many do not fit
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        sender = one.getsockname()[1]
        for turn in range(1, 5):
            for number in range(count):
                one.sendto(b"x", ("127.%d.%d.1" % (number >> 8, number & 255), 9))
            until(lambda: sonde.stdout().count(b'"port":%d}' % sender) >= turn * count, "all datagrams of turn %d" % turn)
    sonde.stop()
    equal(total(sonde, sender, "network.packets.sent"), 4 * count, "datagrams told of")


def test_a_process_that_ended_long_before_it_is_told_of(case):
    """Its name is still known at the end of a long interval."""
    sonde = case.sonde("flow", "--interval", "4s")
    code = "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9)); print('sent')"
    one = subprocess.Popen(["python3", "-c", code], stdout=subprocess.PIPE)
    equal(one.stdout.readline(), b"sent\n", "it says")
    one.wait()
    told = sonde.wait_record(lambda e: field(e, "process.pid") == one.pid, "its flow")
    expect(field(told, "process.name", "").startswith("python"), "its name: %s" % told)
    sonde.stop()


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


def test_peer_without_room(case):
    """A peer that does not read: its window closes, and the time for which that holds up the sender is the kernel's own."""
    sonde = case.sonde("live", "close", "--interval", "200ms")
    server = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(server.getsockname())
    accepted, _ = server.accept()
    own = client.getsockname()[1]
    client.setblocking(False)
    sent = 0
    try:
        while True:
            sent += client.send(bytes(1 << 20))
    except BlockingIOError:
        pass

    def told():
        return [e for e in sonde.events("live") if field(e, "network.local.port") == own]

    until(lambda: told() and field(told()[-1], "network.stalled_ns") > 300e6, "300 ms without room")
    info = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192)
    limited = struct.unpack_from("Q", info, 176)[0] * 1000
    check_fields(told()[-1], {"network.zero_window": True, "network.tcp.state": "established", "process.pid": os.getpid()})
    expect(field(told()[-1], "network.stalled_ns") <= limited + 4000000, "stalled for %d ns, %d by tcp_info"
           % (field(told()[-1], "network.stalled_ns"), limited))
    accepted.setblocking(True)
    while sent:
        sent -= len(accepted.recv(1 << 20))
    client.close()
    accepted.close()
    server.close()
    sonde.stop()
    close = [e for e in sonde.events("close") if field(e, "network.local.port") == own][0]
    expect(field(close, "network.stalled_ns") >= 300e6, "stalled for %d ns in all" % field(close, "network.stalled_ns"))
