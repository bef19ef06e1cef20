"""What recordings keep of datagrams and dropped packets, against what the programs did: in the store, in reports, in sonde flows --since."""

import json
import os
import socket
import subprocess
import sys

from harness import SONDE, check_fields, equal, expect, field
from recorded import run
from test_record import Recording

# Asks so often with so many bytes, has an answer each time, and is gone at once.
CLIENT = """
import socket
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
one.settimeout(20)
one.connect(("127.0.0.1", %d))
for _ in range(%d):
    one.send(b"q" * %d)
    one.recv(1000)
"""


def low(receiver):
    """Binds it to a port that no client is given, and returns that."""
    while True:
        try:
            receiver.bind(("127.0.0.1", 20000 + int.from_bytes(os.urandom(2), "little") % 10000))
            return receiver.getsockname()[1]
        except OSError:
            pass


def serve(count, answer):
    """A server in this process: its socket and port, and the process that it served."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.settimeout(20)
    port = low(server)
    client = subprocess.Popen([sys.executable, "-c", CLIENT % (port, count, 100)])
    for _ in range(count):
        server.sendto(b"a" * answer, server.recvfrom(1000)[1])
    equal(client.wait(120), 0, "the client's status")
    return server, port, client.pid


def overflow():
    """A socket of this process that is full, its port, and how many did not get in."""
    full, sender = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    full.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    port = low(full)
    for _ in range(300):
        sender.sendto(b"x" * 500, ("127.0.0.1", port))
    sender.close()
    full.setblocking(False)
    arrived = 0
    try:
        while full.recv(1000):
            arrived += 1
    except BlockingIOError:
        return full, port, 300 - arrived


def since(store, *options):
    done = subprocess.run([SONDE, "flows", "--since", "1h", "--store", store, *options], stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()] if "--json" in options else done.stdout


def test_datagrams_and_drops_are_kept(case):
    """Of the whole machine: both ends with their bytes, also of who has ended, and what a full socket lost."""
    recording = Recording(case)
    server, port, client = serve(40, 70)
    full, hole, lost = overflow()
    kept = recording.stop()
    server.close()
    full.close()

    process = kept.one(pid=client)["process"]
    [asked] = [peer for peer in kept.peers if peer["process"] == process and peer["transport"] == 2]
    check = {"address": "127.0.0.1", "port": port, "direction": 1, "sent": 4000, "received": 2800, "packets_sent": 40,
             "packets_received": 40, "failures": 0}
    equal({name: asked[name] for name in check}, check, "the client's row")
    here = kept.one(pid=os.getpid())["process"]
    [served] = [peer for peer in kept.peers if peer["process"] == here and peer["port"] == port]
    check = {"direction": 2, "sent": 2800, "received": 4000, "packets_sent": 40, "packets_received": 40}
    equal({name: served[name] for name in check}, check, "the server's row")
    drops = [drop for drop in kept.drops if drop["destination_port"] == hole]
    equal(sum(drop["packets"] for drop in drops), lost, "dropped packets")
    for drop in drops:
        check = {"process": here, "interface": "lo", "source": "127.0.0.1", "destination": "127.0.0.1", "protocol": 17,
                 "source_port": 0, "network_namespace": os.stat("/proc/self/ns/net").st_ino}
        equal({name: drop[name] for name in check}, check, "whose, and where")
        expect(drop["reason"] in ("SOCKET_RCVBUFF", "PROTO_MEM", ""), "the reason: %s" % drop)

    rows = [row for row in since(recording.path, "--json", "--port", str(port)) if row["kind"] == "flow"]
    equal([field(row, "client.process.pid") for row in rows if field(row, "client.process.pid")], [client], "flows")
    check_fields(rows[0], {"transport": "udp", "verdict": "forwarded", "bytes.to_server": 4000, "bytes.to_client": 2800})
    rows = [row for row in since(recording.path, "--json", "--verdict", "dropped") if field(row, "server.port") == hole]
    equal(sum(field(row, "drop.packets") for row in rows), lost, "dropped packets of sonde flows --since")
    equal({field(row, "server.process.pid") for row in rows}, {os.getpid()}, "whose socket")
    report = subprocess.run([SONDE, "report", "--store", recording.path, "--peers", "--json"], stdout=subprocess.PIPE, check=True)
    told = json.loads(report.stdout)
    equal(sum(drop["packets"] for drop in told["drops"] if drop.get("destination_port") == hole), lost, "the report's")
    report = subprocess.run([SONDE, "report", "--store", recording.path], stdout=subprocess.PIPE, check=True, text=True).stdout
    expect("Packets dropped by the kernel" in report, "the report: " + report)


def test_datagrams_of_a_command(case):
    """Of a command: both ends are its own, and it has each byte once there and once back."""
    code = """
import socket
one, other = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
other.bind(("127.0.0.1", 0))
for _ in range(25):
    one.sendto(b"x" * 40, other.getsockname())
    other.recvfrom(100)
"""
    done, kept = run(case, sys.executable, "-c", code)
    equal(done.returncode, 0, "exit status: %s" % done.stderr)
    equal(sum(peer["sent"] for peer in kept.peers), 1000, "sent in all")
    equal(sum(peer["received"] for peer in kept.peers), 1000, "received in all")
