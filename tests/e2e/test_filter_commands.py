"""-f on commands other than trace: what each of them filters, held against what the test did; and its mistakes."""

import ctypes
import json
import os
import socket
import subprocess

from harness import SONDE, equal, expect, field, in_child, until


def refused(*args):
    """The message of a call that must be refused."""
    ended = subprocess.run([SONDE, *args], capture_output=True, text=True, timeout=120)
    equal((ended.returncode, ended.stdout), (2, ""), "exit status and output of %s (%s)" % (args, ended.stderr))
    return ended.stderr


def explained(*args):
    return subprocess.run([SONDE, *args, "--explain"], capture_output=True, text=True, timeout=120, check=True).stdout


def leaves(record, before=""):
    """Names of all that an object of JSON has, with dots."""
    for name, value in record.items():
        yield from leaves(value, before + name + ".") if isinstance(value, dict) else [before + name]


def sleeps(name, count):
    """Sleeps as a process of this name; its pid."""
    libc = ctypes.CDLL(None)

    def work():
        libc.prctl(15, name.encode(), 0, 0, 0)  # PR_SET_NAME
        for _ in range(count):
            libc.usleep(100)
        return os.getpid()
    return in_child(work)[0]


def counted(sonde):
    return sum(row["count"] for row in sonde.records), sonde.summary["filtered"]


def test_hist_processes(case):
    """By name and number, exactly; what is filtered is counted as such."""
    texts = ('process.name == "filter-one"', 'process.name like ["filter-*", "none"] and duration_ns < 1h',
             'process.name startswith "filter-" and duration_ns > 1h', "process.user.id == 4242 and exists(thread.id)")
    sondes = [case.sonde("syscall", "clock_nanosleep", "-f", text, command="hist") for text in texts]
    by_pid = case.sonde("syscall", "clock_nanosleep", "-f", "process.pid != 1 and process.name endswith '-two'", "--by", "process",
                        command="hist")
    sleeps("filter-one", 300)
    two = sleeps("filter-two", 200)
    sleeps("another", 100)
    for sonde in sondes + [by_pid]:
        sonde.stop()
    equal([counted(sonde)[0] for sonde in sondes], [300, 500, 0, 0], "sleeps counted")
    for sonde, least in zip(sondes, (300, 100, 600, 600)):
        expect(counted(sonde)[1] >= least, "filtered: %s" % sonde.summary)
    equal([(field(row, "process.pid"), row["count"]) for row in by_pid.records], [(two, 200)], "histograms by process")


def test_hist_connections(case):
    """Where something begins in one place and ends in another, and by the owner of a connection."""
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    ports = [server.getsockname()[1] for server in servers]
    text = "network.peer.port == %d and peer.address in 127.0.0.0/8 and process.pid == %d" % (ports[0], os.getpid())
    connect, nobody = (case.sonde("connect", "-f", text, command="hist") for text in (text, "not (%s)" % text))
    rtt = case.sonde("rtt", "-f", text, command="hist")
    for server, count in zip(servers, (30, 20)):
        for _ in range(count):
            client = socket.create_connection(server.getsockname())
            accepted = server.accept()[0]
            client.sendall(b"question")
            accepted.recv(100)
            accepted.sendall(b"answer")
            client.recv(100)
            client.close()
            accepted.close()
    for sonde in (connect, nobody, rtt):
        sonde.stop()
    equal(counted(connect)[0], 30, "connections to the first")
    expect(counted(connect)[1] >= 20, "filtered: %s" % connect.summary)
    expect(counted(nobody)[1] >= 30, "filtered: %s" % nobody.summary)
    expect(counted(rtt)[0] >= 30, "round trips: %s" % rtt.summary)


def test_hist_mistakes(case):
    shown = refused("hist", "runq", "-f", 'cpu == 0 and file.path == "/etc"')
    expect("column 14: file.path is not known of runq; it knows duration_ns, process.pid" in shown, shown)
    expect("did you mean write?" in refused("hist", "block", "-f", "operation == wrte"), "a word")
    expect("column 1: device is not known of connect" in refused("hist", "connect", "-f", "device == 3"), "of another measure")
    shown = refused("hist", "runq", "-f", " and ".join('(process.name like "*%d*" or cpu == 1)' % i for i in range(8)))
    expect("the kernel cannot decide this: more than 6 searches" in shown, shown)
    shown = explained("hist", "runq", "-f", 'name == "a" and duration_ns > 10ms')
    expect(shown.startswith('runq\n  kernel      process.name == "a" and duration_ns > 10000000\n'), shown)
    expect(" instructions\n" in shown, shown)


def test_top(case):
    """Rows are of the processes that are meant, and sums of them."""
    parent = case.start(["sh", "-c", "for i in 1 2; do sleep 1000 >/dev/null & echo $!; done; wait"],
                        stdout=subprocess.PIPE, text=True)
    family = [int(parent.stdout.readline()) for _ in range(2)]
    for pid in family:
        case.defer(os.kill, pid, 9)
        until(lambda pid=pid: os.readlink("/proc/%d/exe" % pid).endswith("sleep"), "sleep runs")

    def rows(text, *more):
        ended = subprocess.run([SONDE, "top", "--json", "--count", "1", "--interval", "200ms", "-f", text, *more],
                               capture_output=True, text=True, timeout=120, check=True)
        return [row for row in map(json.loads, ended.stdout.splitlines()) if row["kind"] == "row"]

    found = rows("ancestor.pid == %d" % parent.pid, "--by", "process")
    equal(sorted(field(row, "process.pid") for row in found), sorted(family), "descendants")
    found = rows('process.executable.name like "s*" and parent_pid == %d' % parent.pid)
    equal([(row["name"], row["processes"]) for row in found], [("sleep", 2)], "by tool")
    equal(rows("process.pid == %d and not exists(ancestor.pid)" % parent.pid, "--by", "process"), [], "nobody")
    shown = refused("top", "-f", "network.peer.port == 80")
    expect("column 1: network.peer.port is not known of processes by themselves" in shown, shown)
    expect("did you mean process.name?" in refused("top", "-f", 'proces.name == "x"'), "the nearest")
    expect("user space  process.pid == 1" in explained("top", "-f", "pid == 1"), "explained")


def test_flows(case):
    """Connections by what they did, with names of either end."""
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]
    texts = ("server.port == %d and bytes.to_server > 1KB" % port, "process.pid == %d and kind == connection" % os.getpid(),
             'server.port == %d and client.address in [10.0.0.0/8, ::1]' % port,
             "server.port == %d and verdict == forwarded and closed_by == client and transport == tcp" % port,
             "server.port == %d and (exists(drop.reason) or server.user.id == 4242)" % port,
             "server.port == %d and client.sent > 1KB and server.received == client.sent and client.segments_sent > 0 and "
             "exists(client.retransmits) and not exists(client.packets_sent)" % port)
    sondes = [case.sonde("-f", text, command="flows") for text in texts]
    for size in (10, 5000):
        client = socket.create_connection(server.getsockname())
        accepted = server.accept()[0]
        client.sendall(bytes(size))
        left = size
        while left:
            left -= len(accepted.recv(9000))
        client.close()
        equal(accepted.recv(1), b"", "the end")
        accepted.close()
    for sonde in sondes:
        sonde.stop()
    sent = [sorted(field(row, "bytes.to_server") for row in sonde.records if field(row, "server.port") == port)
            for sonde in sondes]
    equal(sent, [[5000], [10, 5000], [], [10, 5000], [], [5000]], "connections let through")
    equal([len(sonde.records) for sonde in sondes], [1, 2, 0, 2, 0, 1], "lines")
    names = {name for row in sondes[1].records for name in leaves(row)}
    explained("flows", "-f", " and ".join("exists(%s)" % name for name in sorted(names)))
    expect("client.port, server.port" in refused("flows", "-f", "port == 80"), "more than one")
    expect("did you mean drop?" in refused("flows", "-f", "kind == drp"), "a word")
    for word in ("client", "server", "timeout", '"reset by client"', '"reset by server"'):
        expect("closed_by == " in explained("flows", "-f", "closed_by == %s" % word), word)
    for word in ("tcp", "icmp", "sctp", "unix"):
        expect('transport == "%s"' % word in explained("flows", "-f", "transport == %s" % word), word)
    expect("closed_by is never rest" in refused("flows", "-f", 'closed_by == "rest"'), "not a way to end")
    expect("column 9: kind is never x" in refused("top", "--by", "connection", "-f", "kind == x"), "connections of top")


def test_recording(case):
    """Of files only those that are meant; all else as ever, and the run says so."""
    store, made, given = case.path("store.db"), case.path("made"), case.path("given-one")
    with open(given, "w", encoding="ascii") as file:
        file.write("some\n")
    text = '(path startswith "%s" or path == "%s") and process.name != "head"' % (case.path("given"), made)
    command = "cat %s /etc/passwd >/dev/null; head -c1 %s >/dev/null; : >%s" % (given, given, made)
    subprocess.run([SONDE, "run", "--quiet", "--store", store, "--files", "-f", text, "--", "sh", "-c", command],
                   timeout=120, check=True, stderr=subprocess.DEVNULL)
    told = json.loads(subprocess.run([SONDE, "report", "--store", store, "--json", "--files"], capture_output=True,
                                     text=True, timeout=120, check=True).stdout)
    equal(sorted((row["tool"], row["path"]) for row in told["files"]), [("cat", given), ("sh", made)], "files")
    equal((told["run"]["filter"], told["totals"]["processes"]), (text, 3), "filter and processes")
    shown = subprocess.run([SONDE, "report", "--store", store], capture_output=True, text=True, timeout=120, check=True).stdout
    expect("of files only those for which (path startswith" in shown, shown)
    for start in (["record"], ["run"]):
        end = ["--", "true"] if start == ["run"] else []
        expect("-f chooses among files" in refused(*start, "-f", "pid == 1", *end), "without --files")
        shown = refused(*start, "--files", "-f", "peer.port == 1", *end)
        expect("network.peer.port is not known of files" in shown, shown)
    shown = explained("record", "--files", "-f", 'path startswith "/etc" and executable.name == "cat"')
    expect('open\n  kernel      file.path startswith "/etc"\n  user space  process.executable.name == "cat"' in shown, shown)
