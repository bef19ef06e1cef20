"""What every end-to-end test needs: a sonde that is known to be attached, its records parsed, its books checked.

Nothing here sleeps for luck. A test waits for a condition (`until`), and stopping sonde drains what was produced before,
so that what a test did before stop() is in the records, or counted as lost, or the balance check fails.
"""

import calendar
import contextlib
import glob
import json
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SONDE = os.path.abspath(os.environ.get("SONDE", os.path.join(ROOT, "build", "sonde")))
PROGRAMS = os.path.join(ROOT, "build", "test", "programs")
BLIND = {}  # by point, once asked
PATIENCE = 90  # seconds a condition may take on a busy machine before it counts as never
DEADLINE = 300  # seconds after which a test counts as hanging


class Skip(Exception):
    """This machine cannot show what the test asks."""


class Failure(AssertionError):
    """A fact differs from what the independent source says."""


@contextlib.contextmanager
def deadline():
    """Turns a hanging test into a failing one."""
    def expire(number, frame):
        raise Failure("not done after %d s" % DEADLINE)
    before = signal.signal(signal.SIGALRM, expire)
    signal.alarm(DEADLINE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def without_doubles(pairs):
    """An object of which no key stands there twice: readers would each take another of the two."""
    made = dict(pairs)
    equal(len(made), len(pairs), "keys of an object: %s" % [key for key, _ in pairs])
    return made


def build_programs():
    """Compiles tests/programs/*.c; static, so that they also run in an empty root."""
    os.makedirs(PROGRAMS, exist_ok=True)
    for source in glob.glob(os.path.join(ROOT, "tests", "programs", "*.c")):
        target = os.path.join(PROGRAMS, os.path.basename(source)[:-2])
        if os.path.exists(target) and os.path.getmtime(target) > os.path.getmtime(source):
            continue
        subprocess.run([os.environ.get("CC", "gcc"), "-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror",
                        "-static", "-pthread", "-o", target, source], check=True)


def program(name):
    return os.path.join(PROGRAMS, name)


def until(condition, what, patience=PATIENCE):
    """Waits for a condition and returns its value; never coming true is a failure that says what was missing."""
    limit = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > limit:
            raise Failure("never happened: " + (what() if callable(what) else what))
        time.sleep(0.01)


def let_connections_end(patience=3):
    """A socket that was closed ends with its last packet, which may be late, or be sent again; some never end, and are not waited for."""
    limit = time.monotonic() + patience
    while time.monotonic() < limit:
        states = set()
        for name in ("tcp", "tcp6"):
            if os.path.exists("/proc/net/" + name):
                with open("/proc/net/" + name, encoding="ascii") as file:
                    states |= {line.split()[3] for line in file.readlines()[1:]}
        if not states & {"04", "09", "0B"}:  # FIN_WAIT1, LAST_ACK, CLOSING
            return
        time.sleep(0.01)


def field(event, name, default=None):
    """The value of a dotted field name in a nested record."""
    for part in name.split("."):
        if not isinstance(event, dict) or part not in event:
            return default
        event = event[part]
    return event


def equal(got, want, what):
    if got != want:
        raise Failure("%s: %s, expected %s" % (what, brief(got), brief(want)))


def expect(condition, what):
    if not condition:
        raise Failure(what() if callable(what) else what)


def brief(value):
    text = repr(value)
    return text if len(text) < 300 else text[:140] + " … " + text[-140:]


def check_fields(event, want):
    """Every named field equals; all differences are told at once. A want of None means the field must be absent."""
    wrong = []
    for name, value in want.items():
        got = field(event, name)
        if callable(value):
            if got is None or not value(got):
                wrong.append("%s is %s" % (name, brief(got)))
        elif got != value:
            wrong.append("%s is %s, expected %s" % (name, brief(got), brief(value)))
    if wrong:
        raise Failure("%s of pid %s: %s" % (event.get("kind"), field(event, "process.pid"), "; ".join(wrong)))


def check_if_told(event, want):
    """The same for fields that not every kernel has: those that are there equal."""
    check_fields(event, {name: value for name, value in want.items() if field(event, name) is not None})


def blind(point):
    """What doctor says that the rung taken at a point does not see."""
    if not BLIND:
        output = subprocess.run([SONDE, "doctor", "--json"], stdout=subprocess.PIPE, check=True).stdout
        for line in output.splitlines():
            row = json.loads(line)
            if row.get("state") == "taken":
                BLIND[row["point"]] = row.get("blind", "")
    return BLIND[point]


def wall_ns(text):
    """Nanoseconds since the epoch of an RFC 3339 time in UTC with nine digits."""
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{9})Z", text or "")
    if not match:
        raise Failure("not an RFC 3339 time with nanoseconds in UTC: %r" % text)
    return calendar.timegm(time.strptime(match.group(1), "%Y-%m-%dT%H:%M:%S")) * 10**9 + int(match.group(2))


def boot_to_wall():
    """Nanoseconds to add to the boot clock for the wall clock."""
    return time.clock_gettime_ns(time.CLOCK_REALTIME) - time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class Sonde:
    """One running `sonde trace …`. Its stdout is a file unless the test gives another, so it is never held back."""

    def __init__(self, case, *args, stdout=None, json_lines=True, wait=True, command="trace", **popen):
        self.args = [SONDE, command, *args] + (["--json"] if json_lines else [])
        if "--" in args:  # options end there: --json has to come before
            cut = args.index("--")
            self.args = [SONDE, command, *args[:cut]] + (["--json"] if json_lines else []) + list(args[cut:])
        self.json_lines = json_lines
        self.out_path = tempfile.mktemp(prefix="out-", dir=case.tmp)
        self.err_path = tempfile.mktemp(prefix="err-", dir=case.tmp)
        self.error_file = open(self.err_path, "wb")
        self.own_stdout = stdout is None
        out = open(self.out_path, "wb") if stdout is None else stdout
        self.process = subprocess.Popen(self.args, stdin=subprocess.DEVNULL, stdout=out, stderr=self.error_file,
                                        **popen)
        if stdout is None:
            out.close()
        self.pid = self.process.pid
        self.status = None
        self.records = None
        self.summary = None
        case.defer(self.kill)
        if wait:
            self.wait_attached()

    def wait_attached(self):
        until(lambda: self.attached() or self.process.poll() is not None,
              lambda: "sonde: watching; stderr: " + self.stderr())
        expect(self.attached(), lambda: "sonde ended with %s: %s" % (self.process.returncode, self.stderr()))

    def attached(self):
        return any(line.startswith("sonde: watching") for line in self.stderr().splitlines())

    def stderr(self):
        with open(self.err_path, errors="replace") as file:
            return file.read()

    def stdout(self):
        with open(self.out_path, "rb") as file:
            return file.read()

    def parse(self, complete=False):
        """The records so far. When sonde has ended, every byte must be valid JSON lines."""
        data = self.stdout()
        if complete and data and not data.endswith(b"\n"):
            raise Failure("the last line is cut: %r" % data[-200:])
        records = []
        for line in data[:data.rfind(b"\n") + 1].split(b"\n")[:-1]:
            try:
                records.append(json.loads(line.decode("utf-8"), object_pairs_hook=without_doubles))
            except ValueError as error:
                raise Failure("not a JSON line (%s): %r" % (error, line[:500])) from None
        return records

    def wait_record(self, predicate, what="a record"):
        """The first record that fits, waiting for it to be written."""
        return until(lambda: next((r for r in self.parse() if predicate(r)), None), what)

    def send(self, number):
        self.process.send_signal(number)

    def finish(self, patience=PATIENCE):
        """Waits for the end and reads everything."""
        try:
            self.status = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            raise Failure("sonde does not end; stderr: " + self.stderr()) from None
        self.error_file.close()
        if self.json_lines and self.own_stdout:
            self.records = self.parse(complete=True)
            expect(self.records, lambda: "no output at all; stderr: " + self.stderr())
            self.summary = self.records.pop()
            equal(self.summary.get("kind"), "summary", "kind of the last line")
            self.check_balance()
        return self

    def stop(self, number=signal.SIGINT, status=0):
        """Ends sonde as a person would and checks its books."""
        if "close" in self.args:
            let_connections_end()
        if self.process.poll() is None:
            self.send(number)
        self.finish()
        equal(self.status, status, "exit status (stderr: %s)" % self.stderr().strip()[-500:])
        return self

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def check_balance(self):
        """produced = delivered + filtered + lost, delivered is what was written, lost is what `lost` records say."""
        counted, told = {}, {}
        for record in self.records:
            counted[record["kind"]] = counted.get(record["kind"], 0) + 1
            if record["kind"] == "lost":
                kind = field(record, "lost.kind")
                told[kind] = told.get(kind, 0) + field(record, "lost.count")
        for kind, row in self.summary["events"].items():
            equal(row["produced"], row["delivered"] + row["filtered"] + row["lost"], "balance of %s %s" % (kind, row))
            equal(row["delivered"], counted.pop(kind, 0), "lines of %s against its delivered" % kind)
            equal(sum((row.get("lost_by") or {}).values()), row["lost"], "causes of the loss of %s" % kind)
            heard = told.pop(kind, 0)
            if kind in self.args:  # what nobody asked for is in the books, but not in the stream, as is what the kernel skipped
                equal(heard, row["lost"] - (row.get("lost_by") or {}).get("missed", 0), "`lost` records of %s against the summary" % kind)
        counted.pop("lost", None)
        equal(counted, {}, "kinds in the stream that the summary does not know")
        equal(told, {}, "kinds told as lost that the summary does not know")

    def lost(self):
        return sum(row["lost"] for row in self.summary["events"].values())

    def events(self, kind=None, **want):
        """Records of a kind whose fields equal; pid, path and so on are given as process__pid=…"""
        found = []
        for record in self.records if self.records is not None else self.parse():
            if kind and record["kind"] != kind:
                continue
            if all(field(record, name.replace("__", ".")) == value for name, value in want.items()):
                found.append(record)
        return found

    def one(self, kind, **want):
        found = self.events(kind, **want)
        if len(found) != 1:
            raise Failure("%d %s records with %s, expected 1: %s" % (len(found), kind, want, brief(found)))
        return found[0]


class Case:
    """What one test owns: a directory, its sondes, and what has to be undone, in reverse order."""

    def __init__(self):
        self.tmp = os.path.realpath(tempfile.mkdtemp(prefix="sonde-e2e-"))
        os.chmod(self.tmp, 0o755)
        self.undo = []

    def defer(self, function, *args):
        self.undo.append((function, args))

    def sonde(self, *args, **options):
        return Sonde(self, *args, **options)

    def path(self, *parts):
        return os.path.join(self.tmp, *parts)

    def start(self, args, **popen):
        """A process that does not outlive the test."""
        process = subprocess.Popen(args, **popen)

        def end():
            if process.poll() is None:
                process.kill()
                process.wait()
        self.defer(end)
        return process

    def mount(self, *args):
        subprocess.run(["mount", *args], check=True)
        self.defer(subprocess.run, ["umount", "-l", args[-1]])

    def close(self):
        for function, args in reversed(self.undo):
            try:
                function(*args)
            except Exception:
                traceback.print_exc()
        shutil.rmtree(self.tmp, ignore_errors=True)


def in_child(function):
    """Runs a function in a forked child: (pid, what it returned, wait status). What it raises is raised here."""
    reader, writer = os.pipe()
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        signal.alarm(0)
        status = 0
        try:
            answer = (True, function())
        except BaseException:
            answer = (False, traceback.format_exc())
            status = 1
        data = pickle.dumps(answer)
        while data:
            data = data[os.write(writer, data):]
        os._exit(status)
    os.close(writer)
    data = b""
    while True:
        part = os.read(reader, 1 << 16)
        if not part:
            break
        data += part
    os.close(reader)
    _, status = os.waitpid(pid, 0)
    good, value = pickle.loads(data) if data else (True, None)
    expect(good, lambda: "the child failed: %s" % value)
    return pid, value, status


def spawn(prepare, path, argv, env=None):
    """Forks, lets `prepare` arrange the child, and executes with libc's execve; (pid, errno or 0, wait status)."""
    reader, writer = os.pipe()  # closed by a successful exec
    pid = os.fork()
    if pid == 0:
        signal.alarm(0)
        try:
            if prepare:
                prepare()
            os.execve(path, argv, dict(os.environ if env is None else env))
        except OSError as error:
            os.write(writer, b"%d" % error.errno)
        finally:
            os._exit(127)
    os.close(writer)
    told = os.read(reader, 16)
    os.close(reader)
    _, status = os.waitpid(pid, 0)
    return pid, int(told or 0), status


def report(case, prepare=None, path=None, argv=None):
    """Executes selfreport in circumstances made by `prepare`: (pid, what it says of itself)."""
    name = tempfile.mktemp(prefix="report-", dir=case.tmp)
    descriptor = os.open(name, os.O_CREAT | os.O_RDWR, 0o666)
    os.set_inheritable(descriptor, True)
    path = path or program("selfreport")
    env = dict(os.environ, REPORT_FD=str(descriptor))
    try:
        pid, error, status = spawn(prepare, path, argv if argv is not None else [path], env)
    finally:
        os.close(descriptor)
    equal((error, status), (0, 0), "errno and wait status of selfreport")
    with open(name, "rb") as file:
        return pid, json.loads(file.read().decode("utf-8", "replace"))
