"""Connections between hosts, in all the ways in which programs make, share and end them: each told once at either end, with
its owner and the bytes that the programs themselves counted."""

import array
import errno
import os
import re
import select
import socket
import struct
import threading
import time

from harness import Skip, equal, expect, field, until
from ends import End, check, mirrored, plain, told
from hosts import Actor, bridged, libc

MSG_FASTOPEN = 0x20000000
TCP_FASTOPEN = 23
AF_UNSPEC = struct.pack("H14x", 0)
V4, V6 = ("10.213.5.1", "10.213.5.2"), ("fd00:213::1", "fd00:213::2")


def take(sock, count=None):
    """How much came, up to a count or to the end."""
    got = 0
    while count is None or got < count:
        part = sock.recv(min(1 << 20, count - got) if count is not None else 1 << 20)
        if not part:
            break
        got += len(part)
    return got


def give(sock, count):
    block = bytes(min(count, 1 << 20))
    left = count
    while left:
        left -= sock.send(block[:left])
    return count


def listener(family, address, port=0, backlog=64, **options):
    server = socket.socket(family, socket.SOCK_STREAM)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    for level, option, value in options.get("options", ()):
        server.setsockopt(level, option, value)
    server.bind((address, port))
    server.listen(backlog)
    return server


def caller(family, address=None, port=0):
    sock = socket.socket(family, socket.SOCK_STREAM)
    if address:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
    return sock


def abort(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def talk(case, hosts, ask, answer, family=socket.AF_INET, to=V4[1], bound=None, own=(None, 0)):
    """A server on the second host and a client on the first: each says what went over its end. What both functions do is
    (sock) -> (sent, received), and they leave it open."""
    def serve(pipe):
        server = listener(bound[0] if bound else family, bound[1] if bound else to)
        pipe.send(server.getsockname()[1])
        sock, _ = server.accept()
        server.close()
        end = End("in", sock, 0, 0)
        end.sent, end.received = answer(sock)
        sock.close()
        return [end]

    def call(_, port):
        sock = caller(family, *own)
        sock.connect((to, port))
        end = End("out", sock, 0, 0)
        end.sent, end.received = ask(sock)
        sock.close()
        return [end]
    server = Actor(case, hosts[1], serve)
    client = Actor(case, hosts[0], call, server.hear())
    return client.end() + server.end()


def sizes(sent, received):
    """The two functions of a conversation in which the client begins and the server, having heard all, answers and ends."""
    def ask(sock):
        return give(sock, sent), take(sock)

    def answer(sock):
        return take(sock, sent), give(sock, received)
    return ask, lambda sock: answer(sock)[::-1]


def test_addresses_and_sizes(case):
    """IPv4, IPv6, an IPv6 socket that speaks IPv4 at either end, a link's own addresses; from nothing to 64 MB."""
    hosts = bridged(case, "s", [(address + "/64" if ":" in address else address + "/24" for address in pair)
                                for pair in zip(V4, V6)])
    link = [line.split()[3].split("/")[0] for host in hosts
            for line in host.ip("-o", "-6", "addr", "show", "dev", "eth0").splitlines() if "fe80" in line]
    six = socket.AF_INET6
    plans = [({}, 0, 0), ({}, 1, 1), ({}, 64 << 20, 5), ({}, 7, 64 << 20),
             (dict(family=six, to=V6[1]), 1, 3_000_000), (dict(family=six, to=V6[1]), 3_000_000, 0),
             (dict(family=six, to="::ffff:" + V4[1]), 10, 20_000),  # both ends mapped
             (dict(bound=(six, "::")), 20_000, 10),  # the server's end mapped
             (dict(family=six, to="::ffff:" + V4[1], bound=(socket.AF_INET, V4[1])), 33, 44)]
    sonde = case.sonde("connect", "accept", "close")
    ends = []
    for options, sent, received in plans:
        ends += talk(case, hosts, *sizes(sent, received), **options)
    until(lambda: "tentative" not in hosts[0].ip("addr"), "addresses that can be used")

    def call(_, port):
        sock = socket.socket(six, socket.SOCK_STREAM)
        sock.connect((link[1], port, 0, socket.if_nametoindex("eth0")))
        return [End("out", sock, give(sock, 99), take(sock))]

    def serve(pipe):
        server = listener(six, "::")
        pipe.send(server.getsockname()[1])
        sock, _ = server.accept()
        return [End("in", sock, give(sock, 11), take(sock, 99))]
    server = Actor(case, hosts[1], serve)
    client = Actor(case, hosts[0], call, server.hear())
    ends += server.end() + client.end()
    sonde.stop()
    check(sonde, ends)


def test_ways_to_end(case):
    """Half closed, by the server first, reset by either, with data unread, left to the exit of the process."""
    hosts = bridged(case, "s", [(address + "/24",) for address in V4])

    def half(sock):
        give(sock, 1000)
        sock.shutdown(socket.SHUT_WR)
        return 1000, take(sock)

    def answer_late(sock):
        got = take(sock)
        time.sleep(0.05)
        return give(sock, 70_000), got

    def server_first(sock):
        give(sock, 10)
        sock.shutdown(socket.SHUT_WR)
        return 10, take(sock)

    def follow(sock):
        got = take(sock)
        return give(sock, 500_000), got

    def reset(sock):
        give(sock, 77)
        take(sock, 1)
        abort(sock)
        return 77, 1

    def be_reset(sock):
        take(sock, 77)
        give(sock, 1)
        try:
            take(sock)
        except ConnectionResetError:
            return 1, 77
        return None

    def leave_unread(sock):
        take(sock, 1)
        give(sock, 1)
        select.select([sock], [], [], 10)
        return 1, 1 + 300

    def send_unread(sock):
        give(sock, 1)
        take(sock, 1)
        give(sock, 300)
        try:
            take(sock)
        except ConnectionResetError:
            pass
        return 301, 1

    def half_then_reset(sock):
        sock.shutdown(socket.SHUT_WR)
        take(sock, 5)
        abort(sock)
        return 0, 5

    def send_five(sock):
        take(sock)
        give(sock, 5)
        try:
            select.select([sock], [], [sock], 10)
            sock.recv(1)
        except OSError:
            pass
        return 5, 0
    plans = [(half, answer_late), (follow, server_first), (reset, be_reset), (be_reset, reset),
             (leave_unread, send_unread), (send_unread, leave_unread), (half_then_reset, send_five)]
    sonde = case.sonde("connect", "accept", "close")
    ends = []
    for ask, answer in plans:
        ends += talk(case, hosts, ask, answer)
    sonde.stop()
    check(sonde, ends)


def sharing(pipe, how):
    """A server that deals with one connection in the way named, in more than one thread or process."""
    server = listener(socket.AF_INET, V4[1])
    pipe.send(server.getsockname()[1])
    return how(server)


def accept_in_thread(server):
    ends = []

    def work():
        sock, _ = server.accept()
        ends.append(End("in", sock, give(sock, 20), take(sock, 10)))
        sock.close()
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return ends


def pass_on(server):
    """One process accepts, another gets the socket as a message and does the rest."""
    left, right = socket.socketpair()
    worker = os.fork()
    if worker == 0:
        server.close()
        left.close()
        _, message, _, _ = socket.socket.recvmsg(right, 10, socket.CMSG_SPACE(4))
        sock = socket.socket(fileno=array.array("i", message[0][2])[0])
        give(sock, 20)
        take(sock, 10)
        os._exit(0)
    sock, _ = server.accept()
    end = End("in", sock, 20, 10, closer=worker)
    socket.send_fds(left, [b"x"], [sock.fileno()])
    sock.close()
    os.waitpid(worker, 0)
    return [end]


def fork_each(server):
    """As servers did it first: one process accepts and its child answers."""
    sock, _ = server.accept()
    worker = os.fork()
    if worker == 0:
        server.close()
        give(sock, 20)
        take(sock, 10)
        os._exit(0)
    end = End("in", sock, 20, 10, closer=worker)
    sock.close()
    os.waitpid(worker, 0)
    return [end]


def fork_before(server):
    """As they do it now: of several that wait one gets it, and it is not the one that began to listen."""
    reader, writer = os.pipe()
    worker = os.fork()
    if worker == 0:
        sock, _ = server.accept()
        end = End("in", sock, give(sock, 20), take(sock, 10))
        os.write(writer, repr(vars(end)).encode())
        os._exit(0)
    end = End.__new__(End)
    vars(end).update(eval(os.read(reader, 1000)))  # pylint: disable=eval-used
    os.waitpid(worker, 0)
    return [end]


def call_and_share(_, port):
    """Two processes write to one connection that the elder made."""
    sock = socket.create_connection((V4[1], port))
    end = End("out", sock, 10, 20)
    child = os.fork()
    if child == 0:
        give(sock, 4)
        os._exit(0)
    os.waitpid(child, 0)
    give(sock, 6)
    take(sock, 20)
    return [end]


def call_and_leave(pipe, port):
    """Who made the connection is gone while its child still uses it."""
    sock = socket.create_connection((V4[1], port))
    end = End("out", sock, 10, 20)
    reader, writer = os.pipe()
    if os.fork() == 0:
        os.close(writer)
        os.read(reader, 1)  # the elder's end
        give(sock, 10)
        take(sock, 20)
        pipe.send("done")
        os._exit(0)
    return [end]


def call_in_background(_, port):
    sock = socket.socket()
    sock.setblocking(False)
    equal(sock.connect_ex((V4[1], port)), errno.EINPROGRESS, "the connect's answer")
    select.select([], [sock], [], 10)
    sock.setblocking(True)
    return [End("out", sock, give(sock, 10), take(sock, 20))]


def call_and_exit(_, port):
    sock = socket.create_connection((V4[1], port))
    end = End("out", sock, give(sock, 10), take(sock, 20))
    sock.detach()
    return [end]


def test_ways_to_share(case):
    """However many threads and processes have a hand in it, a connection has the one owner that made or accepted it."""
    hosts = bridged(case, "s", [(address + "/24",) for address in V4])
    sonde = case.sonde("connect", "accept", "close")
    ends = []
    for call, serve in ((call_and_exit, accept_in_thread), (call_and_exit, pass_on), (call_and_exit, fork_each),
                        (call_and_exit, fork_before), (call_and_share, accept_in_thread),
                        (call_and_leave, accept_in_thread), (call_in_background, accept_in_thread)):
        server = Actor(case, hosts[1], sharing, serve)
        client = Actor(case, hosts[0], call, server.hear())
        if call is call_and_leave:
            told_by = [client.hear(), client.hear()]
            client.wait()
            ends += [end for word in told_by if word[0] == "end" for end in word[1]]
        else:
            ends += client.end()
        ends += server.end()
    sonde.stop()
    check(sonde, ends)


def test_listener_that_dies(case):
    """Connections that nobody accepted end with the listener, and are its own."""
    hosts = bridged(case, "s", [(address + "/24",) for address in V4])

    def serve(pipe):
        server = listener(socket.AF_INET, V4[1])
        pipe.send(server.getsockname()[1])
        return pipe.recv() and None

    def call(pipe, port):
        socks = [socket.create_connection((V4[1], port)) for _ in range(5)]
        ends = [End("out", sock, give(sock, 100 + number), 0) for number, sock in enumerate(socks)]
        until(lambda: all(unacknowledged(sock) == 0 for sock in socks), "all that was sent has arrived")
        pipe.send("sent")
        for sock in socks:
            try:
                equal(take(sock), "a reset", "what came")
            except ConnectionResetError:
                sock.close()
        return ends
    sonde = case.sonde("connect", "accept", "close")
    server = Actor(case, hosts[1], serve)
    client = Actor(case, hosts[0], call, server.hear())
    client.hear()
    server.say()
    server.end()
    mine = client.end()
    theirs = [mirrored(end, server.pid, hosts[1].number) for end in mine]
    sonde.stop()
    check(sonde, mine + theirs, never_accepted=theirs)


def unacknowledged(sock):
    """u32 at 24 of struct tcp_info: segments on their way."""
    return struct.unpack_from("I", sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104), 24)[0]


def test_the_same_addresses_again(case):
    """One pair of ports, three times within a second, and a socket that is used for two connections in turn."""
    hosts = bridged(case, "s", [(address + "/24",) for address in V4])

    def serve(pipe):
        server = listener(socket.AF_INET, V4[1])
        pipe.send(server.getsockname()[1])
        ends = []
        for number in range(5):
            sock, peer = server.accept()
            ends.append(End("in", sock, 10 + number, 1 + number, peer))  # it may be reset already
            give(sock, 10 + number)
            if number < 3:
                sock.shutdown(socket.SHUT_WR)
            try:
                equal(take(sock), 1 + number, "the test's own bytes")
            except ConnectionResetError:
                pass
            sock.close()
        return ends

    def call(_, port):
        ends = []
        for number in range(3):
            sock = caller(socket.AF_INET, V4[0], 44444)
            sock.connect((V4[1], port))
            ends.append(End("out", sock, give(sock, 1 + number), take(sock)))
            sock.close()
        sock = socket.socket()
        for number in (3, 4):
            sock.connect((V4[1], port))
            ends.append(End("out", sock, give(sock, 1 + number), take(sock, 10 + number)))
            until(lambda: unacknowledged(sock) == 0, "all that was sent has arrived")
            if libc.connect(sock.fileno(), AF_UNSPEC, len(AF_UNSPEC)):
                raise Skip("this kernel does not take a connection back")
        return ends
    sonde = case.sonde("connect", "accept", "close")
    server = Actor(case, hosts[1], serve)
    client = Actor(case, hosts[0], call, server.hear())
    ends = client.end() + server.end()
    sonde.stop()
    check(sonde, ends)


def test_a_socket_that_talks_to_itself(case):
    """Both ends are one: it connects, nobody accepts, and what it sends it receives."""
    host, _ = bridged(case, "s", [(address + "/24",) for address in V4])

    def call(_):
        sock = caller(socket.AF_INET, V4[0], 45454)
        sock.connect((V4[0], 45454))
        return [End("out", sock, give(sock, 1234), take(sock, 1234))]
    sonde = case.sonde("connect", "accept", "close")
    ends = Actor(case, host, call).end()
    alone = case.sonde("accept")
    ends += Actor(case, host, call).end()
    alone.stop()
    sonde.stop()
    check(sonde, ends)
    equal([r for r in alone.events("accept") if field(r, "network.namespace") == host.number], [], "accepts, watched alone")


def test_data_in_the_first_segment(case):
    """TCP fast open: the second of two connections sends with its very first segment."""
    hosts = bridged(case, "s", [(address + "/24",) for address in V4])
    for host in hosts:
        host.set(tcp_fastopen=3)

    def serve(pipe):
        server = listener(socket.AF_INET, V4[1], options=[(socket.IPPROTO_TCP, TCP_FASTOPEN, 5)])
        pipe.send(server.getsockname()[1])
        ends = []
        for _ in range(3):
            sock, _ = server.accept()
            ends.append(End("in", sock, give(sock, 33), 0))
            ends[-1].received = take(sock)
            sock.close()
        return ends

    def call(_, port):
        ends = []
        for number in range(3):
            sock = socket.socket()
            sock.sendto(bytes(500 + number), MSG_FASTOPEN, (V4[1], port))
            take(sock, 33)
            ends.append(End("out", sock, 500 + number, 33))
            sock.close()
        with open("/proc/net/netstat", encoding="ascii") as file:
            names, values = [line.split() for line in file.read().splitlines()[:2]]
        return ends, int(values[names.index("TCPFastOpenActive")])
    sonde = case.sonde("connect", "accept", "close")
    server = Actor(case, hosts[1], serve)
    client = Actor(case, hosts[0], call, server.hear())
    ends, used = client.end()
    ends += server.end()
    sonde.stop()
    expect(used >= 2, "fast open was used")
    check(sonde, ends)


def test_lossy_way(case):
    """Every twentieth packet is lost either way: what is sent again does not count twice."""
    hosts = bridged(case, "s", [(address + "/24",) for address in V4])
    for host in hosts:
        host.ip("link", "set", "eth0", "gso_max_segs", "1")  # a packet is a segment
        host.run("nft", "-f", "-", text="table ip t { chain c { type filter hook input priority 0; "
                                         "tcp flags & (syn|fin|rst) == 0 numgen inc mod 20 == 0 drop; }; }")
    sonde = case.sonde("connect", "accept", "close")
    ends = talk(case, hosts, *sizes(600_000, 400_000))

    def closes():
        return [record for record in sonde.parse() if record.get("kind") == "close" and
                field(record, "network.namespace") in (hosts[0].number, hosts[1].number)]
    until(lambda: len(closes()) == 2, "both closes: what ends a connection may be lost and sent again, too")
    sonde.stop()
    check(sonde, ends)
    again = [field(record, "network.retransmits", 0) for record in closes()]
    expect(len(again) == 2 and min(again) > 0, "retransmissions at both ends: %s" % again)


def test_one_address_in_two_networks(case):
    """Two pairs of hosts with the same addresses and ports at the same time: two connections, each with its own bytes."""
    pairs = [bridged(case, name, [(address + "/24",) for address in V4]) for name in "st"]

    def serve(pipe, amount):
        server = listener(socket.AF_INET, V4[1], 8080)
        pipe.send("ready")
        sock, _ = server.accept()
        return [End("in", sock, give(sock, amount), take(sock))]

    def call(pipe, amount):
        sock = caller(socket.AF_INET, V4[0], 40404)
        sock.connect((V4[1], 8080))
        pipe.send("connected")
        pipe.recv()
        end = End("out", sock, give(sock, amount), 0)
        sock.shutdown(socket.SHUT_WR)
        end.received = take(sock)
        return [end]
    sonde = case.sonde("connect", "accept", "close")
    ends, clients, servers = [], [], []
    for number, (near, far) in enumerate(pairs):
        servers.append(Actor(case, far, serve, 1000 * (number + 1)))
        servers[-1].hear()
        clients.append(Actor(case, near, call, 7 * (number + 1)))
    for client in clients:
        client.hear()
    for client in clients:
        client.say()
    for actor in clients + servers:
        ends += actor.end()
    sonde.stop()
    equal(len({end.host for end in ends}), 4, "hosts")
    check(sonde, ends)


def test_thousands_of_short_ones(case):
    """Three thousand connections of two clients to two servers that share a port, each told once at both ends."""
    hosts = bridged(case, "s", [(address + "/24",) for address in V4])
    each = 1500

    def serve(pipe):
        server = listener(socket.AF_INET, V4[1], 9000, backlog=512,
                          options=[(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)])
        pipe.send("ready")
        ends = []
        while pipe not in select.select([server, pipe], [], [])[0]:
            sock, _ = server.accept()
            ends.append(End("in", sock, 0, 0))
            ends[-1].received = take(sock)
            ends[-1].sent = give(sock, ends[-1].received // 2)
            sock.close()
        return ends

    def call(_, base):
        ends = []
        for number in range(each):
            sock = socket.create_connection((V4[1], 9000))
            ends.append(End("out", sock, give(sock, base + number), 0))
            sock.shutdown(socket.SHUT_WR)
            ends[-1].received = take(sock)
            sock.close()
        return ends
    sonde = case.sonde("connect", "accept", "close", "--ring-size", "16M")
    servers = [Actor(case, hosts[1], serve) for _ in range(2)]
    for server in servers:
        server.hear()
    clients = [Actor(case, hosts[0], call, base) for base in (1, 5000)]
    ends = [end for client in clients for end in client.end()]
    for server in servers:
        server.say()
        ends += server.end()
    equal(len(ends), 4 * each, "ends, as the programs count them")
    sonde.stop()
    check(sonde, ends)


def shown_by_ss(host):
    """What ss says of a host's connections: {(local, peer): (pid, bytes sent, bytes received)}."""
    shown = {}
    for line in host.run("ss", "-HtinpO", "state", "established").splitlines():
        ends = [(address.strip("[]").split("%")[0], int(port)) for address, port in
                re.findall(r"(\S+):(\d+)", line)[:2]]
        number = {key: int(value) for key, value in re.findall(r"\b(pid=|bytes_sent:|bytes_received:)(\d+)", line)}
        shown[tuple(plain(end) for end in ends)] = (number.get("pid="), number.get("bytes_sent:", 0),
                                                    number.get("bytes_received:", 0))
    return shown


def shown_by_proc(pid):
    """The established connections in the tables of a process's network: {(local port, peer port)}."""
    found = set()
    for name in ("tcp", "tcp6"):
        with open("/proc/%d/net/%s" % (pid, name), encoding="ascii") as file:
            rows = [line.split() for line in file.readlines()[1:]]
        found |= {tuple(int(end.rsplit(":", 1)[1], 16) for end in row[1:3]) for row in rows if row[3] == "01"}
    return found


def test_what_others_show(case):
    """Connections that stood before sonde, as ss and /proc show them: all of them, with the same owners and bytes."""
    hosts = bridged(case, "s", [(address + "/64" if ":" in address else address + "/24" for address in pair)
                                for pair in zip(V4, V6)])
    plans = [(socket.AF_INET, V4[1]), (socket.AF_INET6, V6[1]), (socket.AF_INET6, "::ffff:" + V4[1])]

    def serve(pipe):
        server = listener(socket.AF_INET6, "::")
        pipe.send(server.getsockname()[1])
        socks = [server.accept()[0] for _ in range(4 * len(plans))]
        ends = [End("in", sock, give(sock, 17), take(sock, 1000)) for sock in socks]
        pipe.send("ready")
        pipe.recv()
        return ends

    def call(pipe, port):
        socks = [socket.socket(family, socket.SOCK_STREAM) for family, _ in plans for _ in range(4)]
        for number, sock in enumerate(socks):
            sock.connect((plans[number // 4][1], port))
        ends = [End("out", sock, give(sock, 1000), take(sock, 17)) for sock in socks]
        pipe.send("ready")
        pipe.recv()
        return ends
    server = Actor(case, hosts[1], serve)
    client = Actor(case, hosts[0], call, server.hear())
    for actor in (client, server):
        actor.hear()
    shown = [shown_by_ss(host) for host in hosts]
    listed = [shown_by_proc(actor.pid) for actor in (client, server)]
    sonde = case.sonde("close")
    ends = []
    for actor in (client, server):
        actor.say()
        ends += actor.end()
    sonde.stop()
    told_of = [{}, {}]
    for record in sonde.events("close"):
        for number, host in enumerate(hosts):
            if field(record, "network.namespace") == host.number:
                told_of[number][told(record)[2:]] = (
                    field(record, "process.pid"), field(record, "network.io.sent"), field(record, "network.io.received"))
    equal(len(ends), 8 * len(plans), "ends")
    for number in range(2):
        equal(told_of[number], shown[number], "connections as ss shows them")
        equal({(local[1], peer[1]) for local, peer in told_of[number]}, listed[number], "connections as /proc lists them")
