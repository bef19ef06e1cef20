"""Signals: who, to whom, which, delivered or not. And memory that ran out: whose, how much, by whose limit."""

import ctypes
import os
import resource
import signal
import subprocess
import threading
import time

import cgroups
from harness import check_fields, equal, expect, field, in_child, program


def sleeper(case, prepare=None):
    """A process that waits for signals, ready when its prepared state holds."""
    ready, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        signal.alarm(0)
        if prepare:
            prepare()
        os.write(writer, b"x")
        while True:
            time.sleep(60)
    os.close(writer)
    os.read(ready, 1)
    os.close(ready)

    def end():
        try:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass
    case.defer(end)
    return pid


def sent(sonde, sender, number):
    return [r for r in sonde.events("signal", process__pid=sender) if field(r, "signal.number") == number]


def test_signals_between_processes(case):
    """Deadly, handled, ignored and blocked ones, each with its sender and target."""
    def ignore():
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, lambda *args: None)
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    target = sleeper(case, ignore)
    numbers = [signal.SIGUSR1, signal.SIGHUP, signal.SIGTERM, signal.SIGKILL]

    def run():
        for number in numbers:
            os.kill(target, number)
    sonde = case.sonde("signal")
    sender, _, _ = in_child(run)
    os.waitpid(target, 0)
    sonde.stop()
    name = field(sent(sonde, sender, signal.SIGKILL)[0], "signal.target.name", "")
    for number in numbers:
        found = sent(sonde, sender, int(number))
        equal(len(found), 1, "records of " + number.name)
        check_fields(found[0], {
            "signal.name": number.name, "signal.target.pid": target, "signal.delivered": number != signal.SIGUSR1,
            "signal.result": lambda text: isinstance(text, str) and text, "process.user.id": 0})
    expect(name.startswith("python"), "signal.target.name is %r" % name)


def test_signal_to_a_group(case):
    """One call, several targets: each is a record."""
    targets = [sleeper(case, os.setpgrp)]
    targets.append(sleeper(case, lambda: os.setpgid(0, targets[0])))
    sonde = case.sonde("signal")
    sender, _, _ = in_child(lambda: os.killpg(targets[0], signal.SIGTERM))
    for target in targets:
        os.waitpid(target, 0)
    sonde.stop()
    equal(sorted(field(r, "signal.target.pid") for r in sent(sonde, sender, 15)), sorted(targets), "targets")


def test_signal_to_nobody_is_none(case):
    sonde = case.sonde("signal")

    def run():
        try:
            os.kill(4194303, signal.SIGTERM)
        except ProcessLookupError:
            return True
        os.kill(os.getpid(), 0)
        return False
    sender, failed, _ = in_child(run)
    sonde.stop()
    expect(failed, "the test's own kill")
    equal(sent(sonde, sender, 15) + sent(sonde, sender, 0), [], "signals that never were")


def test_own_fault(case):
    """A program that crashes: sent by itself, fatal."""
    sonde = case.sonde("signal")
    pid, _, status = in_child(lambda: (signal.signal(signal.SIGSEGV, signal.SIG_DFL),
                                       os.kill(os.getpid(), signal.SIGSEGV)))
    sonde.stop()
    equal(os.WTERMSIG(status), signal.SIGSEGV, "wait status")
    check_fields(sent(sonde, pid, signal.SIGSEGV)[0], {"signal.name": "SIGSEGV", "signal.target.pid": pid,
                                                       "signal.delivered": True})


def test_out_of_memory_in_a_cgroup(case):
    limit = 24 << 20
    [group] = cgroups.make(case, [cgroups.first("memory")], "sonde-e2e-oom")
    for name in ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes"):
        path = os.path.join(group, name)
        if os.path.exists(path):
            with open(path, "w") as file:
                file.write(str(limit))
    sonde = case.sonde("oom", "exit", "signal")
    hog = case.start([program("hog"), "200"], stdin=subprocess.PIPE)
    cgroups.enter([group], hog.pid)
    hog.stdin.write(b"\n")
    hog.stdin.close()
    _, status, usage = os.wait4(hog.pid, 0)
    hog.returncode = -os.WTERMSIG(status)
    equal(hog.returncode, -signal.SIGKILL, "the hog's own end")
    sonde.wait_record(lambda r: field(r, "process.pid") == hog.pid and r["kind"] == "exit")
    sonde.stop()
    record = sonde.one("oom", oom__victim__pid=hog.pid)
    check_fields(record, {"oom.victim.name": "hog", "oom.limit": "cgroup",
                          "oom.victim.memory": lambda size: limit // 2 <= size <= limit * 2,
                          "oom.cgroup": lambda path: "sonde-e2e-oom" in path})
    check_fields(sonde.one("exit", process__pid=hog.pid), {
        "process.exit.signal": "SIGKILL", "process.memory.peak": usage.ru_maxrss * 1024})


def one_sent(sonde, number, target):
    found = [r for r in sonde.events("signal", signal__target__pid=target) if field(r, "signal.number") == number]
    equal(len(found), 1, "records of signal %d to %d" % (number, target))
    return found[0]


def test_signal_to_a_thread(case):
    """To one thread of several: its id, and code SI_TKILL."""
    def run():
        signal.signal(signal.SIGUSR1, lambda *args: None)
        event = threading.Event()
        thread = threading.Thread(target=event.wait)
        thread.start()
        signal.pthread_kill(thread.ident, signal.SIGUSR1)
        event.set()
        thread.join()
        return thread.native_id
    sonde = case.sonde("signal")
    pid, thread, _ = in_child(run)
    sonde.stop()
    check_fields(one_sent(sonde, signal.SIGUSR1, pid), {
        "process.pid": pid, "signal.code": -6, "signal.target.thread": thread, "signal.delivered": True})


def test_signals_that_queue(case):
    """Pending ones become one; real-time ones are queued, up to a limit."""
    libc = ctypes.CDLL(None)

    def run():
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2, 40, 41])
        os.kill(os.getpid(), signal.SIGUSR2)
        os.kill(os.getpid(), signal.SIGUSR2)
        resource.setrlimit(resource.RLIMIT_SIGPENDING, (0, 0))
        libc.sigqueue(os.getpid(), 40, ctypes.c_void_p(1))
        os.kill(os.getpid(), 41)
    sonde = case.sonde("signal")
    pid, _, _ = in_child(run)
    sonde.stop()
    equal([field(r, "signal.result") for r in sent(sonde, pid, signal.SIGUSR2)], ["delivered", "already_pending"],
          "results of the same signal twice")
    check_fields(sent(sonde, pid, 40)[0], {"signal.code": -1, "signal.result": "queue_full",
                                           "signal.delivered": False, "signal.name": "SIGRTMIN+6"})
    check_fields(sent(sonde, pid, 41)[0], {"signal.code": 0, "signal.result": "delivered_without_info",
                                           "signal.delivered": True})


def test_signals_of_the_kernel(case):
    """Those made on behalf of a process are its own; those of timers are nobody's, whatever the timer interrupted."""
    def pipe():
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        reader, writer = os.pipe()
        os.close(reader)
        os.write(writer, b"x")

    def idle():
        signal.signal(signal.SIGALRM, lambda *args: None)
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        signal.pause()

    def busy():
        hit = []
        signal.signal(signal.SIGALRM, lambda *args: hit.append(1))
        signal.setitimer(signal.ITIMER_REAL, 0.02)
        while not hit:
            pass
    sonde = case.sonde("signal")
    pids = [in_child(run)[0] for run in (pipe, lambda: ctypes.string_at(16), idle, busy)]
    sonde.stop()
    check_fields(one_sent(sonde, signal.SIGPIPE, pids[0]), {"process.pid": pids[0]})
    check_fields(one_sent(sonde, signal.SIGSEGV, pids[1]), {"process.pid": pids[1], "signal.code": 1})
    for pid in pids[2:]:
        record = one_sent(sonde, signal.SIGALRM, pid)
        equal(record.get("process"), None, "sender of a timer's signal")
        check_fields(record, {"signal.code": 128, "signal.delivered": True})
    for pid in pids:
        check_fields(sent(sonde, pid, signal.SIGCHLD)[0], {"signal.target.pid": os.getpid()})


def test_signals_within_a_tree(case):
    """Shown are those that a process of the tree sends and those that one gets."""
    outside, other = sleeper(case), sleeper(case)
    inside = sleeper(case, lambda: signal.signal(signal.SIGUSR1, lambda *args: os.kill(outside, signal.SIGKILL)))
    sonde = case.sonde("signal", "--pid", str(inside))
    os.kill(other, signal.SIGKILL)
    os.kill(inside, signal.SIGUSR1)
    os.waitpid(outside, 0)
    sonde.stop()
    check_fields(one_sent(sonde, signal.SIGUSR1, inside), {"process.pid": os.getpid()})
    check_fields(one_sent(sonde, signal.SIGKILL, outside), {"process.pid": inside})
    equal(len(sonde.events("signal")), 2, "records")
