"""The live view: its numbers against /proc and the clocks of the processes themselves, its screen through tmux."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import cgroups
from harness import SONDE, Skip, equal, expect, field, until

# Does what it is told on stdin, says "done", and then stands still, so that what it used stays as it is.
WORKER = """
import hashlib, os, sys, threading
def burn(): hashlib.pbkdf2_hmac("sha256", b"a", b"b", 300000)
def write(): os.write(out, b"x" * 1000000); os.fsync(out)
keep, path = threading.Event(), sys.argv[1]
for line in sys.stdin:
    word = line.strip()
    if word == "burn":      # on three threads; two end, one stays
        gone = [threading.Thread(target=burn) for _ in range(2)]
        stays = threading.Thread(target=lambda: (burn(), keep.wait()), daemon=True)
        for thread in gone + [stays]: thread.start()
        for thread in gone: thread.join()
        while not stays.is_alive(): pass
    elif word == "grow":
        block = bytearray(os.urandom(1) * (96 << 20))
        block = bytearray(os.urandom(1) * (48 << 20))
    elif word == "write":   # by a thread that ends, and by the first one
        out = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        thread = threading.Thread(target=write); thread.start(); thread.join()
        write()
    elif word == "read":    # past the cache
        os.posix_fadvise(out, 0, 0, os.POSIX_FADV_DONTNEED)
        os.pread(out, 1500000, 0)
    sys.stdout.write("done\\n"); sys.stdout.flush()
"""


def worker(case):
    process = case.start([sys.executable, "-c", WORKER, case.path("file-%d" % len(case.undo))],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    tell(process, "nothing")
    return process


def tell(process, *words):
    for word in words:
        process.stdin.write(word + "\n")
        equal(process.stdout.readline(), "done\n", "what the worker says to " + word)


def top(case, *args, **options):
    return case.sonde(*args, command="top", **options)


def last(sonde, pid):
    """The newest row of a process, or None."""
    mark = b'"process":{"pid":%d,' % pid
    line = next((line for line in reversed(sonde.stdout().split(b"\n")[:-1]) if mark in line), None)
    return json.loads(line) if line else None


def cpu_clock(pid):
    """CPU time of all its threads, the dead ones too, exact while it stands still."""
    return time.clock_gettime_ns((~pid << 3) | 2)


def in_proc(pid, name):
    with open("/proc/%d/%s" % (pid, name)) as file:
        return file.read()


def from_proc(pid):
    io = dict((key, int(value)) for key, value in re.findall(r"(\w+): (\d+)", in_proc(pid, "io")))
    status = dict(re.findall(r"(\w+):\s+(\d+)", in_proc(pid, "status")))
    return {"cpu.time_ns": cpu_clock(pid), "io.read": io["rchar"], "io.write": io["wchar"],
            "disk.read": io["read_bytes"], "disk.write": io["write_bytes"], "threads": int(status["Threads"]),
            "memory.resident": int(status["VmRSS"]) << 10, "memory.peak": int(status["VmHWM"]) << 10}


# The kernel adds up what each CPU has counted of a process's pages only when that is much.
SLACK = {"memory.resident": 2 << 20, "memory.peak": 2 << 20}


def differences(row, pid):
    wanted = from_proc(pid)
    # Until it executed, a process that was begun with vfork had its parent's memory, and wait4 will say so, too.
    if wanted["memory.peak"] < (field(row or {}, "memory.peak") or 0) <= from_proc(os.getpid())["memory.peak"]:
        del wanted["memory.peak"]
    return ["%s is %s, not %d" % (name, field(row or {}, name), value) for name, value in wanted.items()
            if abs((field(row or {}, name) or 0) - value) > SLACK.get(name, 0)]


def check_as_proc(sonde, process):
    until(lambda: not differences(last(sonde, process.pid), process.pid),
          lambda: "; ".join(differences(last(sonde, process.pid), process.pid)))


def test_a_process_stands_as_proc_says(case):
    """One that was there before, and one that began later."""
    early = worker(case)
    tell(early, "burn")
    sonde = top(case, "--by", "process", "--interval", "100ms")
    late = worker(case)
    for process in (early, late):
        tell(process, "grow", "write", "read", "burn")
        check_as_proc(sonde, process)
    until(lambda: field(last(sonde, late.pid), "cpu.percent") == 0, "no CPU for one that stands still")
    equal(field(last(sonde, late.pid), "process.state"), "sleeping", "state of one that stands still")
    # Of threads that ended before, only sonde knows how long they waited; none did here.
    other = worker(case)
    until(lambda: last(sonde, other.pid), "a row of another worker")
    wait = lambda: sum(int(in_proc(other.pid, "task/%s/schedstat" % tid).split()[1])  # noqa: E731
                       for tid in os.listdir("/proc/%d/task" % other.pid))
    until(lambda: field(last(sonde, other.pid), "cpu.wait_ns") == wait(), "the wait of its threads")
    sonde.stop()


HOLDER = """
import mmap, os
memory = mmap.mmap(-1, 1 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
memory.madvise(mmap.MADV_NOHUGEPAGE)
for at in range(0, 1 << 30, 4096):
    memory[at] = 1
print("done", flush=True)
input()
os._exit(0)
"""


def test_leaving_takes_time(case):
    """One that ends is told of, and is still there while the kernel takes back a gigabyte: it does not begin a second time."""
    sonde = top(case, "--interval", "50ms")
    holder = case.start([sys.executable, script(case, "holder.py", HOLDER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    holder.stdout.readline()
    rows = lambda: [row for row in sonde.parse() if row.get("name") == "holder.py"]  # noqa: E731
    until(rows, "its row")
    before = len(rows())
    holder.communicate("go\n")
    until(lambda: any(row["ended"] for row in rows()), "its end")
    time.sleep(0.2)
    sonde.stop()
    after = sonde.events("row", name="holder.py")[before:]
    equal((sum(row["started"] for row in after), sum(row["ended"] for row in after)), (0, 1), "how often it began and ended")


def test_states(case):
    stopped = worker(case)
    os.kill(stopped.pid, signal.SIGSTOP)
    burner = case.start([sys.executable, "-c", "while True: pass"])
    sonde = top(case, "--by", "process", "--interval", "100ms")
    until(lambda: field(last(sonde, stopped.pid) or {}, "process.state") == "stopped", "a process that is stopped")
    until(lambda: field(last(sonde, burner.pid) or {}, "process.state") == "running", "a process that runs")
    os.kill(stopped.pid, signal.SIGCONT)
    until(lambda: field(last(sonde, stopped.pid), "process.state") == "sleeping", "a process that goes on")
    sonde.stop()


def script(case, name, text):
    path = case.path(name)
    with open(path, "w") as file:
        file.write(text)
    return path


BURN = "import os, sys, time\nend = float(sys.argv[1]) if len(sys.argv) > 1 else 1e9\n" \
       "while time.process_time() < end: pass\n"


def test_rates_are_what_was_used(case):
    """By tool: of a burner that lives, what the rows say adds up to what its own clock says."""
    sonde = top(case, "--interval", "200ms")
    burner = case.start([sys.executable, script(case, "burner.py", BURN), "1"])
    burner.wait()
    until(lambda: any(row.get("name") == "burner.py" and row["ended"] for row in sonde.parse()), "the burner's end")
    sonde.stop()
    rows = sonde.events("row", name="burner.py")
    used = sum(field(row, "cpu.percent") / 100 * row["interval_ns"] for row in rows) / 1e9
    expect(1 <= used < 1.15, lambda: "CPU seconds that rows of the burner add up to: %s" % used)
    equal(sum(row["started"] for row in rows), 1, "burners that started")
    equal({row["by"] for row in rows}, {"tool"}, "what rows are by")


def test_the_short_lived_count(case):
    """Forty that live for some milliseconds each, all within one interval."""
    path = script(case, "short.py", BURN)
    sonde = top(case, "--interval", "8s")
    before = os.times()
    for _ in range(40):
        subprocess.run([sys.executable, "-S", "-E", path, "0.02"], check=True)
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    row = sonde.wait_record(lambda row: row.get("name") == "short.py", "a row of the short-lived")
    sonde.stop()
    equal((row["started"], row["ended"], row["processes"]), (40, 40, 0), "those that started, ended, live")
    counted = field(row, "cpu.percent") / 100 * row["interval_ns"] / 1e9
    expect(abs(counted - used) < max(0.08 * used, 0.1), lambda: "%.3f s of CPU, wait4 says %.3f" % (counted, used))
    expect(field(row, "cpu.percent") > 0, "CPU of the short-lived")


TALK = """
import os, socket, sys
def pair():
    server = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(server.getsockname())
    return client, server.accept()[0]
def send(ends, count):
    for _ in range(count // 10000):
        ends[0].sendall(b"x" * 10000)
        left = 10000
        while left: left -= len(ends[1].recv(left))
old = pair()
for line in sys.stdin:
    which, count = line.split()
    if which == "new": new = pair()
    send(old if which == "old" else new, int(count))
    print("done", flush=True)
os._exit(0)
"""


def test_network(case):
    """A connection from before counts from now on, a new one from its beginning; neither has to end for that."""
    talk = case.start([sys.executable, script(case, "talk.py", TALK)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                      text=True, bufsize=1)
    tell(talk, "old 1000000")
    sonde = top(case, "--interval", "200ms")
    sent = lambda: [round(sum(field(row, "network.%s_per_second" % way) * row["interval_ns"] / 1e9  # noqa: E731
                              for row in sonde.parse() if row.get("name") == "talk.py"), -2)
                    for way in ("sent", "received")]
    tell(talk, "old 500000")
    until(lambda: sent() == [500000, 500000], lambda: "the old connection's bytes: %s" % sent())
    tell(talk, "new 300000")
    until(lambda: sent() == [800000, 800000], lambda: "the new connection's bytes: %s" % sent())
    tell(talk, "new 100000")
    talk.stdin.close()  # it ends without closing anything
    talk.wait()
    until(lambda: sent() == [900000, 900000], lambda: "all bytes, after the end: %s" % sent())
    sonde.stop()


def pids_seen(sonde):
    return {field(row, "process.pid") for row in sonde.parse() if row["kind"] == "row"} - {None}


def test_scope(case):
    """A tree with a child that comes later, a user, a cgroup; and nobody else."""
    parent = "import subprocess, sys\nsys.stdin.readline()\n" \
             "subprocess.run(['sleep', '1000'])\n"
    inside = case.start([sys.executable, "-c", parent], stdin=subprocess.PIPE, text=True, bufsize=1, start_new_session=True)
    case.defer(os.killpg, inside.pid, signal.SIGKILL)
    sonde = top(case, "--by", "process", "--interval", "100ms", "--pid", str(inside.pid))
    until(lambda: pids_seen(sonde) == {inside.pid}, "a row of the process in scope")
    inside.stdin.write("\n")
    child = until(lambda: next(iter(pids_seen(sonde) - {inside.pid}), None), "a row of its child")
    with open("/proc/%d/stat" % child) as file:
        equal(int(file.read().split()[3]), inside.pid, "the parent of the other one")
    sonde.stop()

    user = case.start(["setpriv", "--reuid", "4321", "--clear-groups", "sleep", "1000"])
    sonde = top(case, "--by", "process", "--interval", "100ms", "--uid", "4321")
    until(lambda: pids_seen(sonde) == {user.pid}, "a row of the user's process")
    sonde.stop()

    [directory] = cgroups.make(case, [cgroups.second()], "sonde-e2e-top")
    member = case.start(["sleep", "1000"], preexec_fn=lambda: cgroups.enter([directory]))
    sonde = top(case, "--by", "process", "--interval", "100ms", "--cgroup", directory)
    until(lambda: pids_seen(sonde) == {member.pid}, "a row of the process in the cgroup")
    sonde.stop()


def test_the_machine(case):
    sonde = top(case, "--interval", "100ms", "--count", "2", "--rows", "1")
    sonde.finish()
    equal(sonde.status, 0, "exit status")
    hosts = sonde.events("host")
    equal((len(hosts), sonde.summary["intervals"]), (2, 2), "looks at the machine")
    equal(field(hosts[0], "cpu.count"), os.cpu_count(), "CPUs")
    expect(0 <= field(hosts[0], "cpu.percent") <= 110 * os.cpu_count(), "CPU of the machine: %s" % hosts[0])
    expect(len(sonde.events("row")) <= 2, "more rows than were asked for")


def test_plain_text_and_usage(case):
    plain = subprocess.run([SONDE, "top", "--count", "1", "--interval", "100ms", "--by", "process", "--rows", "3"],
                           capture_output=True, text=True, check=True, timeout=120)
    expect(re.search(r"(?m)^ *PID USER +S", plain.stdout), lambda: "no table in " + plain.stdout)
    expect("\033" not in plain.stdout, "sequences for a terminal in plain text")
    for arguments in (["--by", "colour"], ["--sort", "colour"], ["--interval", "1ms"], ["what"], ["--", "true"]):
        wrong = subprocess.run([SONDE, "top", *arguments], capture_output=True, text=True, check=False, timeout=120)
        equal(wrong.returncode, 2, "exit status of top " + " ".join(arguments))


# ---- the screen


class Screen:
    """A shell in a tmux of its own."""

    def __init__(self, case, columns=80, rows=24):
        if not shutil.which("tmux"):
            raise Skip("tmux is not installed")
        self.socket = "sonde-%d-%d" % (os.getpid(), id(self))
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(columns), "-y", str(rows),
                  "env PS1='$ ' LC_ALL=C.UTF-8 bash --norc --noprofile")
        case.defer(self.tmux, "kill-server")

    def tmux(self, *arguments):
        return subprocess.run(["tmux", "-u", "-L", self.socket, *arguments], check=True, capture_output=True, text=True,
                              env=dict(os.environ, LC_ALL="C.UTF-8", TMUX="")).stdout

    def keys(self, *keys):
        self.tmux("send-keys", *keys)

    def lines(self):
        return self.tmux("capture-pane", "-p").rstrip("\n").split("\n")

    def text(self):
        return "\n".join(self.lines())

    def wait(self, pattern):
        until(lambda: re.search(pattern, self.text(), re.M), lambda: "%r on:\n%s" % (pattern, self.text()))
        return self.lines()

    def run(self, command, pattern):
        self.tmux("send-keys", "-l", command)
        self.keys("Enter")
        return self.wait(pattern)

    def resize(self, columns, rows):
        self.tmux("resize-window", "-x", str(columns), "-y", str(rows))

    def flags(self):
        return self.tmux("display", "-p", "#{alternate_on} #{cursor_flag} #{wrap_flag}").split()


TABLE = r"^ *CPU%|^ *PID"


def rows_of(lines):
    """The lines of the table, by its header."""
    at = next(i for i, line in enumerate(lines) if re.match(TABLE, line))
    return [line for line in lines[at + 1:-1] if line.strip()]


def test_screen(case):
    """One session of a person who tries the keys."""
    parent = case.start([sys.executable, script(case, "parent.py", "import os, sys, time\n"
                                                "if not os.fork(): os.execv(sys.executable, "
                                                "[sys.executable] + sys.argv[1:])\ntime.sleep(1e6)\n"),
                         script(case, "burner.py", BURN)], start_new_session=True)
    case.defer(os.killpg, parent.pid, signal.SIGKILL)
    screen = Screen(case)
    screen.run(SONDE + " top --interval 300ms", r"burner\.py")
    lines = screen.lines()
    expect(lines[0].startswith("sonde top  by tool"), lambda: lines[0])
    expect(all(len(line) <= 80 for line in lines) and len(lines) == 24, screen.text)
    shares = [float(line.split()[0]) for line in rows_of(lines)]
    equal(shares, sorted(shares, reverse=True), "CPU of the rows")

    screen.keys("/")
    screen.tmux("send-keys", "-l", "BURNERx")
    screen.keys("BSpace", "Enter")
    screen.wait(r"^only what has: BURNER ")
    # The share of two CPUs it gets depends on who else runs.
    found = until(lambda: [line for line in rows_of(screen.lines()) if re.match(r" +([2-9]\d|1\d\d)\.\d ", line)],
                  lambda: "a share of the CPU on:\n" + screen.text())
    equal([line.split()[-1] for line in found], ["burner.py"], "rows that are left by a filter")

    screen.keys("t")
    lines = screen.wait(r"\\_ .*burner\.py")
    below = [line for line in lines if "parent.py" in line or "\\_" in line]
    expect(any("parent.py" in line for line in below), lambda: "no parent above in:\n" + "\n".join(lines))
    expect(any(len(line) == 80 and line.endswith("\u2026") for line in below),
           lambda: "no command is cut in the last column of:\n" + "\n".join(lines))
    screen.keys("Escape")
    screen.wait(r"^\? help  q quit")

    screen.keys("5", "N")
    screen.wait("^sonde top  by process")

    def by_name():
        names = [line.split(None, 9)[-1][:8].lower() for line in rows_of(screen.lines())]
        return len(names) > 2 and names == sorted(names)

    until(by_name, lambda: "processes by name in:\n" + screen.text())

    screen.keys("1", "c", "Space")
    frozen = screen.wait("^FROZEN")
    time.sleep(0.8)
    equal(screen.lines(), frozen, "a frozen screen")
    screen.keys("4")
    screen.wait("USER *$")
    screen.keys("Space")
    until(lambda: not screen.text().startswith("FROZEN"), "it goes on")

    screen.keys("?")
    lines = screen.wait("^b  +group by")
    expect(not any("\u2026" in line for line in lines), lambda: "help that is cut: " + screen.text())
    screen.keys("?", "1")
    screen.wait("TOOL")
    for columns, rows in ((40, 10), (12, 3), (1, 1), (200, 50), (80, 24)):
        screen.resize(columns, rows)
        time.sleep(0.5)
    screen.wait("^sonde top  by tool")
    equal(len(screen.lines()), 24, "lines after a resize")
    screen.keys("q")
    screen.wait(r"^\$$")
    equal(screen.flags(), ["0", "1", "1"], "other buffer, cursor, wrapping")


def test_hostile_names(case):
    """What others chose does nothing to the terminal, and wide characters do not push the columns."""
    names = ["\033[31mred\a.py", "line\nbreak.py", "\u65e5\u672c\u8a9e" * 5 + ".py", "e\u0301" * 15 + ".py", "\udcff.py"]
    for name in names:
        case.start([sys.executable, script(case, name, "import time\ntime.sleep(1e6)\n")])
    screen = Screen(case, 80, 60)
    screen.run(SONDE + " top --interval 300ms --sort name --search py", r"break\.py")
    lines = screen.lines()
    for wanted in (r"\x1b[31mred\x07.py", r"line\nbreak.py", r"\xff.py"):
        expect(any(line.endswith(wanted) for line in lines), lambda: "%r is not on:\n%s" % (wanted, screen.text()))
    wide = next(line for line in lines if "\u65e5" in line)
    expect(len(wide) + wide.count("\u65e5") * 3 - (len(wide) - len(wide.rstrip())) <= 81, lambda: "too wide: " + wide)
    equal(len([line for line in lines if line.startswith("sonde top")]), 1, "first lines")
    screen.keys("q")
    screen.wait(r"^\$$")


def test_the_terminal_is_put_back(case):
    screen = Screen(case)
    command = "%s top --interval 300ms" % SONDE
    screen.run("stty -g > %s; echo be''fore" % case.path("before"), "^before")

    def find():
        shell = int(screen.tmux("display", "-p", "#{pane_pid}"))
        found = subprocess.run(["pgrep", "-P", str(shell), "sonde"], capture_output=True, text=True, check=False)
        return int(found.stdout or 0)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGSEGV, signal.SIGQUIT, signal.SIGABRT):
        screen.run("ulimit -c 0; clear; " + command, TABLE)
        equal(screen.flags(), ["1", "0", "0"], "other buffer, cursor, wrapping")
        os.kill(until(find, "sonde"), number)
        screen.wait(r"^\$$")
        screen.run("stty -g > %s; echo af''ter" % case.path("after"), "^after")
        equal(screen.flags(), ["0", "1", "1"], "other buffer, cursor, wrapping after %s" % number)
        with open(case.path("before")) as before, open(case.path("after")) as after:
            equal(after.read(), before.read(), "terminal after %s" % number)
    screen.run("clear; " + command, TABLE)
    screen.keys("C-z")
    screen.wait("Stopped")
    equal(screen.flags(), ["0", "1", "1"], "other buffer, cursor, wrapping while stopped")
    screen.run("fg", TABLE)
    equal(screen.flags(), ["1", "0", "0"], "other buffer, cursor, wrapping after fg")
    screen.keys("q")
    screen.wait(r"^\$$")
