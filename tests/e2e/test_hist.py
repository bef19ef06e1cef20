"""Histograms: counts and durations that the test knows, or that the kernel says elsewhere."""

import re
import ctypes
import os
import socket
import struct
import subprocess
import time

from harness import SONDE, Skip, equal, expect, field, in_child, until

MS = 1000000


def hist(case, *args, **options):
    return case.sonde(*args, command="hist", **options)


def rows(sonde):
    """The histograms, each checked in itself: buckets in order, sums and percentiles within them."""
    for row in sonde.records:
        equal(row["kind"], "histogram", "kind of a line")
        buckets = row["buckets"]
        equal(sum(b["count"] for b in buckets), row["count"], "buckets of %s" % row.get("key"))
        for before, after in zip(buckets, buckets[1:]):
            expect(before["to_ns"] <= after["from_ns"], "buckets overlap: %s %s" % (before, after))
        if row["count"]:
            ordered = [row["p50_ns"], row["p90_ns"], row["p99_ns"], row["p999_ns"], row["max_ns"]]
            equal(ordered, sorted(ordered), "percentiles in order")
            expect(buckets[-1]["from_ns"] <= row["max_ns"] < buckets[-1]["to_ns"], "max not in the last bucket")
            least = sum(b["from_ns"] * b["count"] for b in buckets)
            most = sum(b["to_ns"] * b["count"] for b in buckets)
            expect(least <= row["sum_ns"] <= most, "the sum cannot be that of the buckets: %s" % row)
    equal(sum(row["count"] for row in sonde.records), sonde.summary["count"], "count of the summary")
    return sonde.records


def row_of(sonde, key):
    found = [row for row in rows(sonde) if row.get("key") == key]
    equal(len(found), 1, "histograms of %s among %s" % (key, [row.get("key") for row in sonde.records]))
    return found[0]


def usage(*args):
    """The message of a call that must be refused."""
    ended = subprocess.run([SONDE, "hist", *args], capture_output=True, text=True, timeout=120)
    equal(ended.returncode, 2, "exit status of hist %s (%s)" % (" ".join(args), ended.stderr))
    equal(ended.stdout, "", "standard output")
    return ended.stderr


def test_syscall_sleeps(case):
    sonde = hist(case, "syscall", "clock_nanosleep", "--by", "process")
    pid, slept, _ = in_child(lambda: [sleep(5) for _ in range(200)])
    sonde.stop()
    found = [row for row in rows(sonde) if field(row, "process.pid") == pid]
    equal(len(found), 1, "histograms of the sleeper")
    equal(found[0]["count"], 200, "sleeps")
    expect(5 * MS <= found[0]["p50_ns"] * 1.13 and found[0]["p50_ns"] < sorted(slept)[100] * 1.13, "median: %s" % found[0])
    expect(found[0]["buckets"][0]["to_ns"] > 5 * MS, "a sleep was too short: %s" % found[0])
    # what the caller measures lies around what the kernel does
    expect(found[0]["max_ns"] <= max(slept), "longer than the caller saw: %s" % found[0])
    expect(0.9 * sum(slept) <= found[0]["sum_ns"] <= sum(slept), "in all %s of %d" % (found[0], sum(slept)))


def sleep(milliseconds):
    """clock_nanosleep by libc; how long it took for the caller."""
    libc = ctypes.CDLL(None)
    duration = (ctypes.c_long * 2)(0, milliseconds * MS)
    begun = time.monotonic_ns()
    libc.clock_nanosleep(1, 0, duration, None)
    return time.monotonic_ns() - begun


def test_syscall_scope(case):
    """A command's own calls only, with the count it makes."""
    code = "import os\nfor i in range(1234): os.getppid()"
    sonde = hist(case, "syscall", "getppid", "--", "python3", "-c", code)
    sonde.finish()
    equal(sonde.status, 0, "exit status")
    equal(sonde.summary["count"], 1234, "calls")
    rows(sonde)


def spin_pair(milliseconds):
    """Two busy loops that share a CPU; the second's pid comes first."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    other = os.fork()
    end = time.monotonic_ns() + milliseconds * MS
    while time.monotonic_ns() < end:
        pass
    if not other:
        os._exit(0)
    os.waitpid(other, 0)
    with open("/proc/self/schedstat") as file:
        return int(file.read().split()[1])


def test_runq_waits(case):
    sonde = hist(case, "runq", "--by", "process")
    pid, waited, _ = in_child(lambda: spin_pair(1000))
    sonde.stop()
    found = [row for row in rows(sonde) if field(row, "process.pid") == pid]
    equal(len(found), 1, "histograms of the loop")
    expect(found[0]["max_ns"] > MS, "no wait of a millisecond: %s" % found[0])
    # the kernel's own account of the same task; the last wait may be in only one of the two
    expect(abs(found[0]["sum_ns"] - waited) < 0.1 * waited + 20 * MS,
           "waited %d by its schedstat, %s" % (waited, found[0]))


def test_runq_keys(case):
    for key in ("comm", "container", "user", "cpu"):
        sonde = hist(case, "runq", "--by", key, "--for", "300ms")
        sonde.finish()
        equal(sonde.status, 0, "exit status")
        expect(all(row["by"] == key for row in rows(sonde)), "another key than %s" % key)


def test_round_trips(case):
    """As the socket itself says, to each peer; and by the process at either end."""
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]
    by_peer, by_process = hist(case, "rtt", "--by", "peer", "--top", "0"), hist(case, "rtt", "--by", "process")
    client = socket.create_connection(("127.0.0.1", port))
    accepted, _ = server.accept()
    for _ in range(100):
        client.send(b"question")
        accepted.recv(100)
        accepted.send(b"answer")
        client.recv(100)
    info = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 192)
    rtt, segments = struct.unpack_from("I", info, 68)[0], struct.unpack_from("I", info, 140)[0]
    by_peer.stop()
    by_process.stop()
    row = row_of(by_peer, "127.0.0.1:%d" % port)
    expect(100 <= row["count"] <= segments, "%d of %d segments" % (row["count"], segments))
    expect(row["buckets"][0]["from_ns"] <= rtt * 1000 <= row["max_ns"], "round trip of %d us: %s" % (rtt, row))
    equal(field(row, "network.peer.address"), "127.0.0.1", "address")
    found = [row for row in rows(by_process) if field(row, "process.pid") == os.getpid()]
    equal(len(found), 1, "histograms of this process")
    expect(found[0]["count"] >= 200, "both ends: %s" % found[0])
    for one in (client, accepted, server):
        one.close()


def test_retransmissions(case):
    """Of a segment that nobody answers: as often as the socket says, each with how long it has waited."""
    if subprocess.run(["ip", "route", "replace", "10.213.77.2/32", "dev", "lo"], check=False).returncode:
        raise Skip("routes cannot be set here")
    case.defer(subprocess.run, ["ip", "route", "del", "10.213.77.2/32", "dev", "lo"])
    sonde = hist(case, "retransmit", "--by", "peer")
    caller = socket.socket()
    caller.setblocking(False)
    began = time.monotonic()
    caller.connect_ex(("10.213.77.2", 7778))
    def again():
        return caller.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)[100]
    until(lambda: again() >= 2, "two retransmissions")
    lasted = time.monotonic() - began
    count = again()
    caller.close()
    sonde.stop()
    row = row_of(sonde, "10.213.77.2:7778")
    equal(row["count"], count, "retransmissions")
    expect(0.5e9 < row["max_ns"] <= lasted * 1e9, "waited for %d ns within %.3f s" % (row["max_ns"], lasted))


def test_connect(case):
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen(64)
    port = server.getsockname()[1]
    closed = socket.socket()
    closed.bind(("127.0.0.1", 0))
    sonde = hist(case, "connect", "--by", "peer")
    for _ in range(50):
        client = socket.create_connection(("127.0.0.1", port))
        server.accept()[0].close()
        client.close()
    for _ in range(7):
        refused = socket.socket()
        expect(refused.connect_ex(closed.getsockname()) != 0, "connected to a socket that does not listen")
        refused.close()
    sonde.stop()
    row = row_of(sonde, "127.0.0.1:%d" % port)
    equal(row["count"], 50, "connections")
    equal(field(row, "network.peer.port"), port, "port")
    equal([r for r in sonde.records if field(r, "network.peer.port") == closed.getsockname()[1]], [], "refused ones")
    expect(sonde.summary["failed"] >= 7, "failed: %s" % sonde.summary)


def test_exec(case):
    code = "for i in 1 2 3 4 5 6 7 8 9 10; do /bin/true; done; exec /bin/echo"
    sonde = hist(case, "exec", "--by", "comm", "--", "/bin/sh", "-c", code, stdout=None)
    # the command's own output goes to the same place: one empty line of echo
    sonde.process.wait(120)
    lines = [line for line in sonde.stdout().split(b"\n") if line.startswith(b"{")]
    counts = {row.get("key"): row["count"] for row in map(parse, lines) if row["kind"] == "histogram"}
    equal(counts, {"sh": 1, "true": 10, "echo": 1}, "execs by name")


def test_exec_of_a_command(case):
    """What is measured begins when the command is let go: it lies within the time that sonde says it counted."""
    sonde = hist(case, "exec", "--", "/bin/true")
    sonde.finish()
    row = rows(sonde)[0]
    equal(row["count"], 1, "execs")
    expect(0 < row["max_ns"] <= sonde.summary["seconds"] * 10**9 + MS, "longer than was measured: %s, %s" % (row, sonde.summary))


def parse(line):
    import json
    return json.loads(line)


def test_block(case):
    """Direct reads of a loop device, counted by the device itself."""
    image = case.path("image")
    with open(image, "wb") as file:
        file.truncate(16 << 20)
    made = subprocess.run(["losetup", "--find", "--show", image], capture_output=True, text=True)
    if made.returncode:
        raise Skip("no loop devices: " + made.stderr.strip())
    device = made.stdout.strip()
    case.defer(subprocess.run, ["losetup", "-d", device])
    name = os.path.basename(device)

    def numbers():
        with open("/sys/block/%s/stat" % name) as file:
            return [int(word) for word in file.read().split()]

    def stat():
        now = numbers()
        return now[0] + now[4] + (now[15] if len(now) > 15 else 0)

    settled = []

    def quiet():  # what looks at a new disk (udev) has finished
        settled.append(stat())
        time.sleep(0.05)
        return len(settled) > 4 and len(set(settled[-4:])) == 1
    until(quiet, "a quiet device")
    sonde = hist(case, "block", "--by", "device")
    reads = hist(case, "block", "-f", "device == %s and operation == read" % name)
    others = hist(case, "block", "-f", "device != %s or operation not in [read, write, flush]" % name, "--by", "device")
    before, read = stat(), numbers()[0]
    for flags in (["iflag=direct", "if=" + device, "of=/dev/null"], ["oflag=direct", "if=/dev/zero", "of=" + device]):
        subprocess.run(["dd", "bs=4096", "count=300", "conv=notrunc", *flags], check=True, stderr=subprocess.DEVNULL)
    done, read = stat() - before, numbers()[0] - read
    for each in (sonde, reads, others):
        each.stop()
    equal(reads.summary["count"], read, "reads against /sys/block/%s/stat" % name)
    equal([row["key"] for row in rows(others) if row["key"] == name], [], "of other disks")
    row = row_of(sonde, name)
    expect(done >= 600, "the device itself counted %d" % done)
    equal(row["count"], done, "requests against /sys/block/%s/stat" % name)
    equal(sonde.summary["unbegun"], 0, "not followed")


def test_block_operations(case):
    sonde = hist(case, "block", "--by", "operation")
    subprocess.run(["dd", "if=/dev/zero", "of=" + case.path("file"), "bs=4096", "count=20", "oflag=direct"],
                   stderr=subprocess.DEVNULL)
    sonde.stop()
    names = {row["key"] for row in rows(sonde)}
    if not names:
        raise Skip("the test's directory is on no disk")
    expect(names <= {"read", "write", "flush", "discard", "write zeroes"}, "operations: %s" % names)


def test_intervals_sum_up(case):
    """Nothing is lost between one interval and the next: a storm of calls over a dozen turns."""
    sonde = hist(case, "syscall", "getppid", "--by", "comm", "--interval", "50ms", "--pid", str(os.getpid()))

    def storm():
        end, count = time.monotonic() + 0.7, 0
        while time.monotonic() < end:
            for _ in range(100):
                os.getppid()
            count += 100
        return count
    _, called, _ = in_child(storm)
    sonde.stop()
    expect(sonde.summary["intervals"] >= 10, "intervals: %s" % sonde.summary)
    rows(sonde)
    # python calls it once more in places of its own
    expect(called <= sonde.summary["count"] <= called + 50, "%d calls, counted %s" % (called, sonde.summary))


def test_many_keys(case):
    """More processes than keys: what has no key of its own is counted as other."""
    sonde = hist(case, "syscall", "getppid", "--by", "process")

    def crowd():
        for _ in range(2500):
            pid = os.fork()
            if not pid:
                os.getppid()
                os._exit(0)
            os.waitpid(pid, 0)
    in_child(crowd)
    sonde.stop()
    others = [row for row in rows(sonde) if row.get("other")]
    equal(len(others), 1, "rows of others")
    expect(len(sonde.records) <= 2049, "keys: %d" % len(sonde.records))
    equal(others[0]["count"], sonde.summary["other"], "others against the summary")
    expect(sonde.summary["count"] >= 2500, "counted: %s" % sonde.summary)


def test_text(case):
    sonde = hist(case, "syscall", "clock_nanosleep", "--interval", "200ms", "--for", "500ms", json_lines=False)
    in_child(lambda: [sleep(5) for _ in range(10)])
    sonde.finish()
    equal(sonde.status, 0, "exit status")
    text = sonde.stdout().decode()
    expect(" |@" in text and "p99" in text and re.search("0 s to [0-9.]+ m?s", text), "text: %r" % text[:500])
    expect("0 s to" in text.rsplit("clock_nanosleep,", 1)[1], "the last one is of all: %r" % text[-800:])
    expect("counted in" in sonde.stderr(), "balance: %s" % sonde.stderr())


def test_the_window_ends_when_it_should(case):
    """Taking the programs off takes long, and is no part of what was measured. A busy machine may be late, but not every time."""
    took = []
    for _ in range(20):
        took.append(hist(case, "syscall", "nanosleep", "--for", "10ms").finish().summary["seconds"])
        if took[-1] < 0.05:
            return
    expect(False, "10 ms took %s" % took)


def test_mistakes(case):
    expect("runq, block, connect, rtt, retransmit, exec" in usage(), "no measure")
    expect("did you mean block" in usage("blok"), "nearest measure")
    expect("process, comm, container, user, cpu" in usage("runq", "--by", "device"), "keys of runq")
    expect("process, comm, device, operation" in usage("block", "--by", "nonsense"), "keys of block")
    expect("did you mean openat" in usage("syscall", "opneat"), "nearest call")
    expect("which system call" in usage("syscall"), "no call")
    usage("syscall", "../../../../etc")
    usage("runq", "more")
