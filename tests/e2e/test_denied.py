"""What a policy denies: an attempt with its reason in sonde trace connect, in sonde flows, and in what a recording kept."""

import errno
import subprocess

from harness import SONDE, Skip, blind, check_fields, equal, expect, field
from test_policy_life import PYTHON, environment, policy, write

PORT = 4747
POLICY = """
name: not-there
when: connect
if: peer.port == %d and peer.address in [127.0.0.1, ::1]
then: deny
""" % PORT

# What it was told, of each way to begin.
ATTEMPTS = """
import os, socket
def attempt(family, type, address, call="connect_ex"):
    one = socket.socket(family, type)
    if call == "connect_ex":
        return one.connect_ex(address)
    try:
        return one.sendto(b"x", address)
    except OSError as error:
        return error.errno
v4, v6 = socket.AF_INET, socket.AF_INET6
tcp, udp = socket.SOCK_STREAM, socket.SOCK_DGRAM
to4, to6 = ("127.0.0.1", %d), ("::1", %d)
print(os.getpid(), attempt(v4, tcp, to4), attempt(v6, tcp, to6), attempt(v4, udp, to4), attempt(v6, udp, to6, "sendto"),
      attempt(v4, tcp, ("127.0.0.1", %d)))
""" % (PORT, PORT, PORT + 1)
DENIED = [("tcp", "127.0.0.1"), ("tcp", "::1"), ("udp", "127.0.0.1"), ("udp", "::1")]


def attempts():
    """Returns the process id."""
    done = subprocess.run([PYTHON, "-c", ATTEMPTS], stdout=subprocess.PIPE, text=True, check=True)
    pid, *said = map(int, done.stdout.split())
    equal(said, [errno.EPERM] * 4 + [errno.ECONNREFUSED], "what the calls returned")
    return pid


def test_denied_by_a_policy(case):
    """Each attempt once, whose it was, to whom, and why it failed; not one that is only refused."""
    policy(case, "observe", write(case, "p.yaml", POLICY))
    policy(case, "enforce", "not-there", "--observed-for", "1us")
    try:
        blind("connect denied")
    except KeyError:
        raise Skip("this kernel does not tell what was refused") from None
    trace = case.sonde("connect")
    flows = case.sonde("--verdict", "denied", command="flows")
    lines = case.sonde("--verdict", "denied", command="flows", json_lines=False)
    record = case.start([SONDE, "record", "--store", case.path("runs.db"), "--name", "it"], stderr=subprocess.PIPE, text=True)
    record.stderr.readline()
    pid = attempts()
    for sonde in (trace, flows, lines):
        sonde.stop()
    record.terminate()
    record.communicate(timeout=120)

    told = [e for e in trace.events("connect") if field(e, "process.pid") == pid and field(e, "network.transport") != "unix"]
    denied = [e for e in told if field(e, "error.type") == "EPERM"]
    equal(sorted((field(e, "network.transport"), field(e, "network.peer.address")) for e in denied), sorted(DENIED), "what was denied")
    for event in denied:
        check_fields(event, {"network.peer.port": PORT, "error.reason": "denied by policy"})
    equal([field(e, "error.type") for e in told if e not in denied], ["ECONNREFUSED"], "what else")

    rows = [r for r in flows.events("connection") if field(r, "client.process.pid") == pid]
    equal(sorted((r["transport"], field(r, "server.address")) for r in rows), sorted(DENIED), "flows")
    for row in rows:
        check_fields(row, {"verdict": "denied", "state": "failed", "server.port": PORT, "error.type": "EPERM",
                           "error.reason": "denied by policy"})
    said = [line for line in lines.stdout().decode().splitlines() if "[%d]" % pid in line]
    equal([line.split()[1] for line in said if "denied by policy" in line], ["denied"] * len(DENIED), "lines: %s" % said)

    done = subprocess.run([SONDE, "flows", "--since", "1h", "--verdict", "denied", "--json", "--store", case.path("runs.db")],
                          stdout=subprocess.PIPE, text=True, check=True, env=environment(case))
    for transport, address in DENIED:
        expect('"%s"' % address in done.stdout and '"transport":"%s"' % transport in done.stdout, "kept: " + done.stdout)
