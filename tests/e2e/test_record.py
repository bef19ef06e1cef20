"""sonde record: the machine or a scope, from now until it is stopped."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time

import cgroups
import recorded
from harness import SONDE, equal, expect, field, program, spawn, until
from recorded import EARLIER, LIVING, Run


class Recording:
    """One running `sonde record`; known to be attached once it says what it records."""

    def __init__(self, case, *options):
        self.path = case.path("store.db")
        self.said = case.path("said")
        self.out = case.path("out")
        with open(self.said, "wb") as err, open(self.out, "wb") as out:
            self.process = case.start([SONDE, "record", "--store", self.path, *options], stdout=out, stderr=err)
        until(lambda: self.attached() or self.process.poll() is not None, lambda: "attached: " + self.stderr())
        expect(self.attached(), lambda: "it ended: " + self.stderr())

    def attached(self):
        return "sonde: recording " in self.stderr()

    def stderr(self):
        with open(self.said, errors="replace") as file:
            return file.read()

    def stop(self, status=0):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        equal(self.process.wait(120), status, "exit status; " + self.stderr())
        return Run(self.path)


def leaf(number):
    return [program("burst"), "leaf", str(number)]


def test_whole_machine(case):
    """What starts is recorded, what was there is marked, and costs of that are since the beginning."""
    earlier = case.start(["/bin/sh", "-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; read line; "
                          "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; exit 5"], stdin=subprocess.PIPE)

    def cpu():
        with open("/proc/%d/stat" % earlier.pid) as file:
            words = file.read().rsplit(")", 1)[1].split()
        with open("/proc/%d/schedstat" % earlier.pid) as file:
            return words[0], int(file.read().split()[0])
    until(lambda: cpu()[0] == "S", "the loop's end")
    before = cpu()[1]
    recording = Recording(case)
    spawn(None, leaf(0)[0], leaf(1))
    time.sleep(1)  # until after the first look at the living
    earlier.communicate(b"\n")
    run = recording.stop()
    equal(run.row["state"], 1, "state")
    equal(len(run.all(tool=b"burst", executable=leaf(0)[0].encode())), 1, "leaves")
    row = run.one(pid=earlier.pid)
    equal((row["code"], row["flags"] & EARLIER), (5, EARLIER), "code and mark of who was there before")
    expect(row["cpu"] < before / 2, "CPU %d ns has what it used before, %d ns" % (row["cpu"], before))
    expect(row["cpu"] > 0, "no CPU since the beginning")
    here = run.one(pid=os.getpid())
    equal(here["flags"] & (EARLIER | LIVING), EARLIER | LIVING, "marks of who was there before and is there still")
    equal(run.all(pid=recording.process.pid), [], "sonde in its own books")
    for column in ("cpu", "read", "write", "minor_faults", "voluntary_switches"):
        expect(all((process[column] or 0) >= 0 for process in run.processes), "a %s below zero" % column)


def test_tree(case):
    """A process, what it had started, and what it starts; nobody else."""
    go = case.path("go")
    os.mkfifo(go)
    tree = case.start(["/bin/sh", "-c", "(read line < %s; %s; exit 0) & wait; exit 3" % (go, " ".join(leaf(1)))])
    until(lambda: open("/proc/%d/task/%d/children" % (tree.pid, tree.pid)).read().strip(), "the child")
    recording = Recording(case, "--pid", str(tree.pid))
    spawn(None, leaf(0)[0], leaf(9))
    with open(go, "w") as file:
        file.write("\n")
    tree.wait(120)
    run = recording.stop()
    equal(len(run.all(tool=b"burst", executable=leaf(0)[0].encode())), 1, "leaves")
    equal(run.one(pid=tree.pid)["code"], 3, "exit status of the root")
    equal(len(run.processes), 3, "processes: %s" % [(row["pid"], row["tool"]) for row in run.processes])


def test_cgroup(case):
    [group] = cgroups.make(case, [cgroups.second()], "sonde-record")
    recording = Recording(case, "--cgroup", group)
    spawn(lambda: cgroups.enter([group]), leaf(0)[0], leaf(1))
    spawn(None, leaf(0)[0], leaf(2))
    run = recording.stop()
    equal(len(run.all(tool=b"burst")), 1, "leaves in the control group")


def test_duration_and_json(case):
    """--for ends it; --json is one object on standard output that agrees with the store."""
    path = case.path("store.db")
    done = subprocess.run([SONDE, "record", "--for", "500ms", "--json", "--store", path], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=120)
    equal(done.returncode, 0, "exit status; %r" % done.stderr)
    [line] = done.stdout.splitlines()
    summary = json.loads(line)
    run = Run(path)
    equal((summary["kind"], summary["run"], summary["store"]), ("summary", run.id, path), "kind, run and store")
    equal(summary["processes"], len(run.processes), "processes")
    equal(field(summary, "cpu.time_ns"), sum(row["cpu"] for row in run.processes), "CPU")
    expect(490e6 < run.row["duration"] < 5e9, "duration %d" % run.row["duration"])


TALKER = """
import socket, sys
side = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
for line in sys.stdin:
    side.sendall(b"x" * int(line)) if int(line) else side.shutdown(socket.SHUT_RDWR)
    print(line, end="", flush=True)
"""


def test_standing_connections(case):
    """Of connections from before, only what went through them since; also of those that still stand at the end."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    talkers = [case.start([sys.executable, "-c", TALKER, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
               for _ in range(2)]
    ends = [listener.accept()[0] for _ in talkers]

    def say(talker, count):
        talker.stdin.write(b"%d\n" % count)
        talker.stdin.flush()
        talker.stdout.readline()

    def take(count):
        got = 0
        while got < count:
            got += sum(len(end.recv(65536)) for end in select.select(ends, [], [], 20)[0])
    for talker in talkers:
        say(talker, 500000)
    take(1000000)
    recording = Recording(case)
    for talker in talkers:
        say(talker, 12345)
    take(24690)
    say(talkers[0], 0)
    ends[0].close()
    run = recording.stop()
    for talker in talkers:
        row = run.one(pid=talker.pid)
        equal((row["sent"], row["connections"]), (12345, 0), "sent since, connections made")
        [peer] = [peer for peer in run.peers if peer["process"] == row["process"]]
        equal((peer["sent"], peer["connections"], peer["port"]), (12345, 1, port), "the peer")
    here = run.one(pid=os.getpid())
    equal(here["received"], 24690, "received since at the other end")
    equal({peer["port"] for peer in run.peers if peer["process"] == here["process"]}, {port}, "port of the service")


def test_samples(case):
    """Of a process that works, at the interval that was asked for; they never step back and end at its ledger."""
    done, run = recorded.run(case, "/bin/sh", "-c", "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done",
                             options=("--interval", "50ms"))
    root = run.processes[0]
    cpu = [row["cpu"] for row in run.tables["samples"] if row["process"] == 0]
    expect(len(cpu) >= 2, "%d samples in %d ms" % (len(cpu), root["duration"] // 1000000))
    equal(cpu, sorted(cpu), "CPU by time")
    expect(cpu[-1] <= root["cpu"], "a sample has more CPU than the ledger: %d, %d" % (cpu[-1], root["cpu"]))


def test_files(case):
    """What a tool read, made and removed; without --files nothing of it."""
    wanted = case.path("made")
    script = "echo x > %s; cat %s > /dev/null; rm %s" % (wanted, wanted, wanted)
    done, run = recorded.run(case, "/bin/sh", "-c", script)
    equal(len(run.files()), 0, "files without --files")
    done, run = recorded.run(case, "/bin/sh", "-c", script, options=("--files",))
    equal(done.returncode, 0, "exit status; %r" % done.stderr)
    rows = {(tool, name): row for tool, name, row in run.files()}
    equal(rows[b"sh", wanted.encode()]["writes"], 1, "writes by the shell")
    equal(rows[b"sh", wanted.encode()]["creates"], 1, "created by the shell")
    equal(rows[b"cat", wanted.encode()]["reads"], 1, "reads by cat")
    equal(rows[b"cat", wanted.encode()]["size"], 2, "size of what cat read")
    equal(rows[b"rm", wanted.encode()]["removes"], 1, "removed by rm")


def test_bad_usage(case):
    for args in (("--", "true"), ("true",), ("--pid", "1", "--uid", "0"), ("--for", "soon")):
        done = subprocess.run([SONDE, "record", *args], stderr=subprocess.PIPE, timeout=120)
        equal(done.returncode, 2, "exit status of %s" % (args,))


def test_terminated(case):
    """SIGTERM ends it as Ctrl-C does."""
    recording = Recording(case, "--quiet")
    recording.process.send_signal(signal.SIGTERM)
    recording.process.wait(120)
    run = recording.stop()
    equal(run.row["state"], 1, "state")
