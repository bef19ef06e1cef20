"""What TCP connections suffer: resets and retransmissions that the test itself brings about."""

import os
import socket
import struct
import subprocess

from harness import Skip, check_fields, check_if_told, equal, expect, field, until

ABORTS = ("TCP_ABORT_ON_LINGER", "TCP_STATE", "NOT_SPECIFIED")  # the kernel's versions differ


def listener():
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(4)
    return server


def of_port(events, port):
    return [e for e in events if port in (field(e, "network.local.port"), field(e, "network.peer.port"))]


def test_reset_of_a_connection(case):
    """Both ends tell of it: the one that aborts and the one that is cut off."""
    sonde = case.sonde("reset")
    server = listener()
    port = server.getsockname()[1]
    client = socket.create_connection(("127.0.0.1", port))
    own = client.getsockname()[1]
    accepted, _ = server.accept()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    until(lambda: len(of_port(sonde.events("reset"), own)) >= 2, "both ends of the reset")
    accepted.close()
    sonde.stop()
    told = of_port(sonde.events("reset"), own)
    equal(len(told), 2, "one event for each end")
    sent = [e for e in told if field(e, "network.reset.way") == "sent"][0]
    received = [e for e in told if field(e, "network.reset.way") == "received"][0]
    check_fields(sent, {
        "process.pid": os.getpid(), "network.transport": "tcp", "network.type": "ipv4",
        "network.local.address": "127.0.0.1", "network.local.port": own, "network.peer.address": "127.0.0.1",
        "network.peer.port": port, "network.retransmits": 0, "network.tcp.state": "closed", "network.namespace": os.stat("/proc/self/ns/net").st_ino})
    check_if_told(sent, {"network.reset.reason": lambda reason: reason in ABORTS})
    check_fields(received, {
        "process.pid": os.getpid(), "network.direction": "in", "network.local.port": port, "network.peer.port": own,
        "network.tcp.state": "established", "network.reset.reason": None})


def test_reset_from_a_closed_port(case):
    """Nobody owns the refusal; who is refused is known."""
    sonde = case.sonde("reset")
    closed = listener()
    port = closed.getsockname()[1]
    closed.close()
    client = socket.socket()
    client.bind(("127.0.0.1", 0))
    own = client.getsockname()[1]
    try:
        client.connect(("127.0.0.1", port))
        expect(False, "the connect is refused")
    except ConnectionRefusedError:
        pass
    until(lambda: of_port(sonde.events("reset"), own), "the reset that was received")
    sonde.stop()
    told = of_port(sonde.events("reset"), own)
    received = [e for e in told if field(e, "network.reset.way") == "received"]
    equal(len(received), 1, "resets received")
    check_fields(received[0], {"process.pid": os.getpid(), "network.direction": "out", "network.local.port": own,
                               "network.peer.port": port, "network.tcp.state": "syn_sent"})
    for sent in (e for e in told if field(e, "network.reset.way") == "sent"):  # not told of before 6.10 without a socket
        check_fields(sent, {"process.pid": None, "network.local.port": port, "network.peer.port": own,
                            "network.tcp.state": None, "network.reset.reason": "NO_SOCKET",
                            "network.namespace": os.stat("/proc/self/ns/net").st_ino})


def ip(*words):
    done = subprocess.run(["ip", *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise Skip("ip %s: %s" % (" ".join(words), done.stdout.decode().strip()))


class Hole:
    """Another host, in a network namespace, that can stop hearing."""

    def __init__(self):
        self.name = "sonde-hole-%d" % os.getpid()
        self.near, self.far = "sh0-%d" % (os.getpid() % 100000), "sh1-%d" % (os.getpid() % 100000)

    def __enter__(self):
        ip("netns", "add", self.name)
        ip("link", "add", self.near, "type", "veth", "peer", "name", self.far, "netns", self.name)
        ip("addr", "add", "10.213.77.1/24", "dev", self.near)
        ip("link", "set", self.near, "up")
        ip("-n", self.name, "addr", "add", "10.213.77.2/24", "dev", self.far)
        ip("-n", self.name, "link", "set", self.far, "up")
        return self

    def deafen(self):
        """It keeps answering for its address on the wire but has it no more, so what comes is dropped."""
        ip("neigh", "replace", "10.213.77.2", "lladdr", self.far_address(), "dev", self.near, "nud", "permanent")
        ip("-n", self.name, "addr", "del", "10.213.77.2/24", "dev", self.far)

    def far_address(self):
        told = subprocess.check_output(["ip", "-n", self.name, "-br", "link", "show", self.far]).decode()
        return told.split()[2]

    def __exit__(self, *unused):
        subprocess.run(["ip", "netns", "del", self.name])
        subprocess.run(["ip", "link", "del", self.near], stderr=subprocess.DEVNULL)


def test_retransmits_of_data_and_of_the_first_segment(case):
    with Hole() as hole:
        serve = ("import socket; s = socket.create_server(('10.213.77.2', 7777)); print('ready', flush=True); "
                 "c, a = s.accept(); c.recv(1); __import__('time').sleep(30)")
        server = subprocess.Popen(["ip", "netns", "exec", hole.name, "python3", "-c", serve], stdout=subprocess.PIPE)
        equal(server.stdout.readline(), b"ready\n", "the server says")
        sonde = case.sonde("retransmit")
        client = socket.create_connection(("10.213.77.2", 7777), timeout=120)
        own = client.getsockname()[1]
        hole.deafen()
        client.send(b"x" * 700)
        caller = socket.socket()
        caller.bind(("10.213.77.1", 0))
        caller.setblocking(False)
        caller.connect_ex(("10.213.77.2", 7778))
        calling = caller.getsockname()[1]
        until(lambda: len(of_port(sonde.events("retransmit"), own)) >= 2 and
              of_port(sonde.events("retransmit"), calling), "retransmissions", 20)
        info = struct.unpack_from("I", client.getsockopt(socket.IPPROTO_TCP, 11, 256), 100)[0]
        told = of_port(sonde.events("retransmit"), own)
        sonde.stop()
        server.kill()
        server.wait()
        expect(2 <= len(told) <= info, "%d events, %d by tcp_info" % (len(told), info))
        for number, event in enumerate(told):
            check_fields(event, {
                "process.pid": os.getpid(), "network.local.address": "10.213.77.1", "network.local.port": own,
                "network.peer.address": "10.213.77.2", "network.peer.port": 7777, "network.direction": "out",
                "network.tcp.state": "established", "network.segment.length": 700,
                "network.retransmits": lambda n, at=number: n in (at, at + 1), "network.reset.way": None})
        first = of_port(sonde.events("retransmit"), calling)[0]
        check_fields(first, {"process.pid": os.getpid(), "network.peer.port": 7778, "network.tcp.state": "syn_sent",
                             "network.segment.length": None})
        client.close()
        caller.close()
