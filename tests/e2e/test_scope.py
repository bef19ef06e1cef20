"""Who is watched: trees, cgroups, users, commands; and nobody else."""

import os
import signal
import subprocess
import threading

import cgroups
from harness import equal, expect, field, program, report, spawn, until


def leaf(number):
    return [program("burst"), "leaf", str(number)]


def leaves(sonde, kind="exec"):
    """The numbers of the leaves that were reported: executed, or ended by the pids of those that executed."""
    numbers = {}
    for record in sonde.events("exec"):
        args = field(record, "process.command_args") or []
        if args[1:2] == ["leaf"]:
            numbers[field(record, "process.pid")] = int(args[2])
    return sorted(numbers.get(field(record, "process.pid"), -1) for record in sonde.events(kind)
                  if field(record, "process.pid") in numbers or field(record, "process.executable.path") == leaf(0)[0])


def waiting_shell(case, go, script):
    """A shell that waits for its gate before it runs a script."""
    os.mkfifo(go)
    return case.start(["/bin/sh", "-c", "read line < %s; %s" % (go, script)])


def open_gate(go):
    with open(go, "w") as file:
        file.write("\n")


def test_pid_with_descendants_from_before(case):
    """The tree as it stands, children and grandchildren included, and what they start; nobody beside it."""
    inner = case.path("inner")
    os.mkfifo(inner)
    started = case.path("started")
    tree = waiting_shell(case, case.path("go"), "%s" % " ".join(leaf(1)))
    deep = case.start(["/bin/sh", "-c", "(sh -c 'echo > %s; read line < %s; %s; exit 0'; exit 0) & wait" % (
        started, inner, " ".join(leaf(2)))])
    until(lambda: os.path.exists(started), "the grandchild's start")
    for target, gate, inside in ((tree, case.path("go"), 1), (deep, inner, 2)):
        sonde = case.sonde("fork", "exec", "exit", "--pid", str(target.pid))
        spawn(None, leaf(9)[0], leaf(9))
        open_gate(gate)
        target.wait(120)
        spawn(None, leaf(9)[0], leaf(9))
        if sonde.process.poll() is None:
            sonde.stop()
        else:
            sonde.finish()
        equal(leaves(sonde), [inside], "leaves executed in the tree of pid %d" % target.pid)
        equal(leaves(sonde, "exit"), [inside], "leaves ended")
        sonde.one("exit", process__pid=target.pid)
        outside = [record for record in sonde.records if field(record, "process.parent_pid") == os.getpid()
                   and field(record, "process.pid") != target.pid]
        equal(outside, [], "records of processes outside the tree")


def test_pid_that_does_not_exist(case):
    result = subprocess.run([case_binary(), "trace", "exec", "--pid", "4194303"], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, timeout=120)
    expect(result.returncode in (1, 2), "exit status %d" % result.returncode)
    expect(b"4194303" in result.stderr, "the message does not name the pid: %r" % result.stderr)


def test_pid_of_a_thread(case):
    """No process has that number, so watching it would show nothing, and not say why."""
    ready, go = threading.Event(), threading.Event()
    thread = threading.Thread(target=lambda: (ready.set(), go.wait(120)))
    thread.start()
    ready.wait(120)
    try:
        result = subprocess.run([case_binary(), "trace", "exec", "--for", "10ms", "--pid", str(thread.native_id)],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    finally:
        go.set()
        thread.join()
    equal(result.returncode, 1, "exit status")
    expect(b"process %d" % os.getpid() in result.stderr, "the message does not name the process: %r" % result.stderr)


def case_binary():
    import harness
    return harness.SONDE


def test_cgroup(case):
    """A cgroup and those below it; by the path as mounted, and by its name within the hierarchy."""
    [outer], [inner] = (cgroups.make(case, [cgroups.second()], path) for path in ("sonde-e2e", "sonde-e2e/below"))
    for given in (outer, "/sonde-e2e"):
        sonde = case.sonde("exec", "exit", "--cgroup", given)
        spawn(lambda: cgroups.enter([outer]), leaf(0)[0], leaf(1))
        spawn(lambda: cgroups.enter([inner]), leaf(0)[0], leaf(2))
        spawn(None, leaf(0)[0], leaf(9))
        sonde.stop()
        equal(leaves(sonde), [1, 2], "leaves executed in the cgroup given as " + given)
        equal(leaves(sonde, "exit"), [1, 2], "leaves ended in the cgroup")


def test_cgroup_of_the_first_version(case):
    [directory] = cgroups.make(case, [cgroups.first("memory")], "sonde-e2e-v1")
    sonde = case.sonde("exec", "--cgroup", directory)
    spawn(lambda: cgroups.enter([directory]), leaf(0)[0], leaf(1))
    spawn(None, leaf(0)[0], leaf(9))
    sonde.stop()
    equal(leaves(sonde), [1], "leaves executed in the cgroup")


def test_cgroup_that_does_not_exist(case):
    result = subprocess.run([case_binary(), "trace", "exec", "--cgroup", "/no/such/group"], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, timeout=120)
    expect(result.returncode in (1, 2), "exit status %d" % result.returncode)
    expect(b"/no/such/group" in result.stderr, "the message does not name it: %r" % result.stderr)


def test_user(case):
    """By number and by name; the user who executes counts."""
    for given in ("65534", "nobody"):
        sonde = case.sonde("exec", "exit", "--uid", given)
        os.chmod(case.tmp, 0o755)
        subprocess.run(["cp", program("burst"), case.path("burst")], check=True)

        def become():
            os.setgroups([])
            os.setresuid(65534, 65534, 65534)
        spawn(become, case.path("burst"), leaf(1))
        spawn(None, case.path("burst"), leaf(9))
        sonde.stop()
        equal(leaves(sonde), [1], "leaves executed by the user given as " + given)
        equal(leaves(sonde, "exit"), [1], "leaves ended")


def test_unknown_user_is_bad_usage(case):
    result = subprocess.run([case_binary(), "trace", "exec", "--uid", "no-such-user"], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, timeout=120)
    expect(result.returncode in (1, 2), "exit status %d" % result.returncode)
    expect(b"no-such-user" in result.stderr, "the message does not name it: %r" % result.stderr)


def test_command_is_watched_from_its_first_exec_to_its_end(case):
    sonde = case.sonde("exec", "exit", "--", "/bin/sh", "-c", "%s; %s & wait; exit 7" % (
        " ".join(leaf(1)), " ".join(leaf(2))), wait=False)
    spawn(None, leaf(9)[0], leaf(9))
    sonde.finish()
    equal(sonde.status, 7, "exit status")
    equal(sonde.summary.get("exit_status"), 7, "exit_status of the summary")
    equal(leaves(sonde), [1, 2], "leaves executed")
    equal(leaves(sonde, "exit"), [1, 2], "leaves ended")
    first = sonde.events("exec")[0]
    equal(field(first, "process.executable.path"), os.path.realpath("/bin/sh"), "the first execution")
    last = sonde.events("exit")[-1]
    equal((field(last, "process.pid"), field(last, "process.exit.code")), (field(first, "process.pid"), 7),
          "the last end")


def test_command_that_dies_by_a_signal(case):
    sonde = case.sonde("exit", "--", "/bin/sh", "-c", "kill -TERM $$", wait=False).finish()
    equal(sonde.status, 128 + signal.SIGTERM, "exit status")
    equal([field(record, "process.exit.signal") for record in sonde.events("exit")][-1], "SIGTERM", "signal")


def test_command_that_does_not_exist(case):
    result = subprocess.run([case_binary(), "trace", "exec", "--", "/no/such/command"], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, timeout=120)
    expect(result.returncode not in (0, 2), "exit status %d" % result.returncode)
    expect(b"/no/such/command" in result.stderr, "the message does not name it: %r" % result.stderr)


def test_command_keeps_its_own_output_and_input(case):
    """Its stdin is ours, its stderr passes through; its stdout is not what JSON lines are mixed with unknowingly."""
    result = subprocess.run([case_binary(), "trace", "exec", "-o", "process.pid", "--", "/bin/sh", "-c",
                             "read word; echo got-$word >&2"], input=b"hello\n", stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, timeout=120)
    equal(result.returncode, 0, "exit status (%r)" % result.stderr)
    expect(b"got-hello" in result.stderr, "the command's stderr or stdin is lost: %r" % result.stderr)


def test_interrupt_reaches_the_command(case):
    """SIGTERM to sonde ends the command, too, and both end in time."""
    sonde = case.sonde("exec", "exit", "--", "/bin/sh", "-c", "exec tail -f /dev/null")
    sonde.wait_record(lambda r: r["kind"] == "exec" and "tail" in field(r, "process.executable.path", ""))
    sonde.send(signal.SIGTERM)
    sonde.finish()
    pid = field(sonde.events("exec")[0], "process.pid")
    expect(not os.path.exists("/proc/%d" % pid), "the command still runs")


def test_duration(case):
    sonde = case.sonde("exec", "--for", "1s")
    sonde.finish()
    equal(sonde.status, 0, "exit status")
    expect(0.9 <= sonde.summary["seconds"] <= 3, "seconds: %s" % sonde.summary["seconds"])
    longer = case.sonde("exec", "--for", "100ms", "--", "sh", "-c", "sleep 4; exit 3", wait=False)
    longer.finish()
    equal(longer.status, 3, "exit status, of the command")
    expect(longer.summary["seconds"] < 3, "the wait for the command counts as watched: %s" % longer.summary["seconds"])


def test_the_counts_of_a_scope_are_exact(case):
    """500 executions by one tree: exactly so many produced, though the machine does other things beside it."""
    noise = case.start(["/bin/sh", "-c", "while :; do /bin/true; done"])
    sonde = case.sonde("exec", "exit", "--", program("storm"), "exec", "500", wait=False)
    sonde.finish(60)
    noise.kill()
    equal(sonde.status, 0, "exit status")
    for kind, count in (("exec", 501), ("exit", 501)):
        row = sonde.summary["events"][kind]
        equal((row["delivered"], row["lost"]), (count, 0), "delivered and lost of " + kind)


def test_sonde_never_reports_itself(case):
    sonde = case.sonde("fork", "exec", "exit", "open", "connect")
    pid, _ = report(case)
    sonde.wait_record(lambda r: field(r, "process.pid") == pid)
    sonde.stop()
    equal(sonde.events(process__pid=sonde.pid), [], "records about sonde itself")
