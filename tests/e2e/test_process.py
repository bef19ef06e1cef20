"""Process truth: every life reported once, and its ledger equal to what wait4 and /proc say."""

import json
import os
import shutil
import signal
import subprocess

from harness import SONDE, boot_to_wall, brief, check_fields, equal, expect, field, program, until, wall_ns

SPLIT = 20_000_000  # two ticks of the slowest clock, in nanoseconds
TICK = 10_000_000  # /proc tells start times in hundredths of a second


def near(got, want, tolerance, share=0.0):
    """Whether a measured number is close enough: absolutely, or by a share of what was expected."""
    return got is not None and abs(got - want) <= max(tolerance, want * share)


def signal_name(number):
    if signal.SIGRTMIN < number < signal.SIGRTMAX:
        return "SIGRTMIN+%d" % (number - signal.SIGRTMIN)
    return signal.Signals(number).name


def run_family(case, count, seed, *options):
    """A family of processes under watch: (sonde, what the family knows, its own pid)."""
    os.mkdir(case.path("homes"))
    sonde = case.sonde("fork", "exec", "exit", *options)
    family = subprocess.Popen([program("family"), str(count), str(seed), case.path("homes")], stdout=subprocess.PIPE)
    output, _ = family.communicate()
    equal(family.returncode, 0, "exit status of the family")
    sonde.stop()
    equal(sonde.lost(), 0, "events lost")
    return sonde, [json.loads(line) for line in output.splitlines()], family.pid


def by_pid(records):
    """Records by (pid): lists, because a pid may come again within a run."""
    found = {}
    for record in records:
        found.setdefault(field(record, "process.pid"), []).append(record)
    return found


class Differences:
    """Collects what differs over thousands of processes, so that a report shows the pattern and not the first case."""

    def __init__(self):
        self.wrong = {}

    def check(self, good, what, member, detail):
        if not good:
            self.wrong.setdefault(what, []).append("%s pid %d: %s" % (member["way"], member["pid"], detail))

    def conclude(self, total):
        lines = ["%s: %d of %d (%s)" % (what, len(cases), total, " | ".join(cases[:4]))
                 for what, cases in self.wrong.items()]
        expect(not lines, "\n".join(lines))


def own_records(index, member, offset):
    """The records of this very process: same pid, created inside the window in which the family made it."""
    begin, end = member["before"] + offset - TICK, member["after"] + offset + TICK
    return [r for r in index.get(member["pid"], ())
            if begin <= wall_ns(field(r, "process.creation.time")) <= end]


def test_bytes_are_its_own_and_not_its_childrens(case):
    """/proc/PID/io adds those of children that were waited for; a sum over processes would count them twice."""
    sonde = case.sonde("exit")
    script = ("import os, threading\n"
              "pid = os.fork()\n"
              "if not pid:\n"
              "    os.write(1, b'x' * 70000)\n"
              "    os._exit(0)\n"
              "os.waitpid(pid, 0)\n"
              "thread = threading.Thread(target=os.write, args=(1, b'y' * 3000))\n"
              "thread.start()\n"
              "thread.join()\n"
              "os.write(1, b'z' * 500)\n"
              "print(pid, open('/proc/self/io').read().split()[3], file=__import__('sys').stderr)\n")
    parent = subprocess.Popen(["python3", "-c", script], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    child, with_child = map(int, parent.communicate()[1].split())
    sonde.stop()
    expect(with_child >= 73500, "the kernel counts the child's bytes for its parent")
    equal(field(sonde.one("exit", process__pid=child), "process.io.write_chars"), 70000, "the child's bytes")
    own = field(sonde.one("exit", process__pid=parent.pid), "process.io.write_chars")
    expect(3500 <= own < 3600, "the parent's own bytes: %d" % own)


def test_family_is_reported_once_with_all_fields(case):
    sonde, members, family = run_family(case, 2000, 20, "--ring-size", "16M")
    offset = boot_to_wall()
    forks, execs, exits = (by_pid(sonde.events(kind)) for kind in ("fork", "exec", "exit"))
    differences = Differences()
    for member in members:
        check_life(differences, member, own_records(forks, member, offset), own_records(execs, member, offset),
                   own_records(exits, member, offset), case, offset)
    differences.conclude(len(members))
    for name, index in (("fork", forks), ("exec", execs), ("exit", exits)):
        expect(family in index, "the family itself has no %s record" % name)


def check_life(differences, member, forks, execs, exits, case, offset):
    def check(good, what, detail=""):
        differences.check(good, what, member, detail)

    def same(record, name, want):
        got = field(record, name)
        check(got == want, record["kind"] + " " + name, "%s, expected %s" % (brief(got), brief(want)))

    check(len(forks) == 1, "one fork record", len(forks))
    check(len(execs) == member["executed"], "one exec record each execution", len(execs))
    check(len(exits) == 1, "one exit record", len(exits))
    home = case.path("homes", str(member["index"]))
    for record in forks:
        same(record, "process.parent_pid", member["parent"])
        same(record, "process.executable.path", program("family"))
        same(record, "process.user.id", 0)
    for record in execs:
        same(record, "thread.id", member["pid"])
        same(record, "process.executable.path", program("family"))
        same(record, "process.executable.name", "family")
        same(record, "process.command_args", [program("family")] + member["argv"].split())
        same(record, "process.working_directory", home)
        if member["way"] != "double":  # there the first parent is gone when the grandchild executes
            same(record, "process.parent_pid", member["parent"])
    for record in exits:
        check_exit(check, same, member, record, offset)
        check(wall_ns(record["time"]) <= member["after"] + offset + 5_000_000, "exit before it was reaped")
    for record in forks + execs + exits:
        created = wall_ns(field(record, "process.creation.time")) - offset
        check(near(created, member["starttime"] * TICK, TICK + 2_000_000), "creation time",
              "%d against %d ticks" % (created, member["starttime"]))
    stamps = [wall_ns(record["time"]) for record in forks + execs + exits]
    check(stamps == sorted(stamps), "fork, exec and exit in order of time", stamps)


def late_ns(member, record, offset):
    """Time from the record of an exit to when the process was reaped, and a little for two clocks."""
    return max(0, member["after"] + offset - wall_ns(record["time"])) + 1_000_000


def check_exit(check, same, member, record, offset):
    """The ledger at the end: against wait4, /proc/PID/io and /proc/PID/schedstat of the zombie."""
    if member["killed"]:
        same(record, "process.exit.signal", signal_name(member["killed"]))
        expected = bool(member["core"])
        got = field(record, "process.exit.core_dumped", False)
        check(got == expected, "core_dumped", "%s, expected %s" % (got, expected))
        check(field(record, "process.exit.code") in (None, 0, 128 + member["killed"]), "exit code of a killed one")
    else:
        same(record, "process.exit.code", member["status"])
        same(record, "process.exit.signal", None)
    same(record, "process.memory.peak", member["maxrss"] * 1024)
    io = {"read_chars": "rchar", "write_chars": "wchar", "read_calls": "syscr", "write_calls": "syscw",
          "read_bytes": "read_bytes", "write_bytes": "write_bytes", "cancelled_write_bytes": "cancelled_write_bytes"}
    for name, key in io.items():
        # The file system finishes a closed core file after the record: some blocks read or written, of the core only.
        disk = member["core"] and key in ("read_bytes", "write_bytes")
        got, late = field(record, "process.io." + name, -1), 65536 if disk else 0
        check(member[key] - late <= got <= member[key], "process.io." + name, "%d, expected %d" % (got, member[key]))
    user, system = (field(record, "process.cpu.%s_ns" % kind, -1) for kind in ("user", "system"))
    known = (member["utime"] + member["stime"]) * 1000
    # What it uses after the record was taken is not in it, and that is no longer than from then to the reaping.
    late = late_ns(member, record, offset)
    allowed = max(5_000_000, known * 0.02)
    check(-max(allowed, late) <= user + system - known <= allowed, "cpu user+system",
          "%d, expected %d less at most %d" % (user + system, known, late))
    # Which part was the kernel's is a guess from ticks, and wait4's also depends on who has asked before.
    check(near(user, member["utime"] * 1000, max(SPLIT, late), 0.02), "cpu user", "%d, %d us" % (user, member["utime"]))
    check(near(system, member["stime"] * 1000, max(SPLIT, late), 0.02), "cpu system",
          "%d, %d us" % (system, member["stime"]))
    if member["way"] in ("plain", "killed", "never_exec", "vfork"):  # one thread: /proc tells the wait of all
        wait = field(record, "process.cpu.wait_ns", -1)
        check(member["run_delay"] - late <= wait <= member["run_delay"], "cpu wait",
              "%d, expected %d less at most %d" % (wait, member["run_delay"], late))
    # Between the record and the reaping a dying process may still fault, wait, or be switched out: each thread a few
    # times, and on a busy machine it is switched out some more for every millisecond.
    busy = late_ns(member, record, offset) // 1_000_000
    for name, key, late in (("faults.minor", "minflt", 4), ("faults.major", "majflt", 1),
                            ("switches.voluntary", "nvcsw", 3 + 3 * member["threads"]),
                            ("switches.involuntary", "nivcsw", 10 + 3 * member["threads"] + 2 * busy)):
        got = field(record, "process." + name, -1)
        check(member[key] - late <= got <= member[key], name, "%d, expected %d" % (got, member[key]))
    life = field(record, "process.lifetime_ns", -1)
    check(0 < life <= member["after"] - member["before"], "lifetime", life)
    threads = field(record, "process.threads", 0)
    check(1 <= threads <= 1 + max(member["threads"], 1), "threads", threads)
    same(record, "process.executable.path", program("family"))


def test_creation_time_and_pid_identify_a_process(case):
    """The three records of one life carry the same creation time, to the nanosecond, also when a thread executes."""
    sonde, members, _ = run_family(case, 90, 3, "--pid", str(os.getpid()))
    offset = boot_to_wall()
    index = by_pid(record for record in sonde.records if record["kind"] in ("fork", "exec", "exit"))
    for member in members:
        times = {field(record, "process.creation.time") for record in own_records(index, member, offset)}
        equal(len(times), 1, "creation times of pid %d (%s)" % (member["pid"], member["way"]))


def test_a_command_lives_from_when_it_is_let_go(case):
    """Not while it waits for sonde to attach; when it was made is what the kernel says."""
    sonde = case.sonde("exit", "--", "/bin/sleep", "0.1")
    sonde.finish()
    record = sonde.one("exit")
    life = field(record, "process.lifetime_ns")
    expect(100_000_000 <= life <= sonde.summary["seconds"] * 10**9 + 1_000_000, "lifetime %d, %s" % (life, sonde.summary))
    age = wall_ns(record["time"]) - wall_ns(field(record, "process.creation.time"))
    expect(life < age, "it was made %d ns before its end, and lived for %d" % (age, life))


def test_threads_are_no_processes(case):
    sonde, members, family = run_family(case, 90, 4, "--pid", str(os.getpid()))
    known = {member["pid"] for member in members} | {family}
    children = [record for record in sonde.events("fork")
                if field(record, "process.parent_pid") in known and field(record, "process.pid") not in known]
    equal([field(record, "process.pid") for record in children], [], "forks that only were threads")


def test_burst_of_10000_keeps_its_parents(case):
    sonde = case.sonde("fork", "exec", "--ring-size", "16M")
    output = subprocess.run([program("burst"), "100", "100", "1"], stdout=subprocess.PIPE, check=True).stdout
    sonde.stop()
    equal(sonde.lost(), 0, "events lost")
    execs = {}
    for record in sonde.events("exec"):
        args = field(record, "process.command_args", [])
        if args[:2] == [program("burst"), "leaf"]:
            execs.setdefault(int(args[2]), []).append(record)
    forks = {}
    for record in sonde.events("fork"):
        key = field(record, "process.pid"), field(record, "process.parent_pid")
        forks[key] = forks.get(key, 0) + 1
    missing, wrong = [], []
    for line in output.decode().splitlines():
        pid, parent, index = map(int, line.split())
        if not forks.get((pid, parent)):
            missing.append((pid, parent))
        if index < 0:
            continue
        found = execs.pop(index, [])
        if len(found) != 1 or field(found[0], "process.pid") != pid:
            wrong.append((pid, index, len(found)))
    equal(missing, [], "processes without a fork record of the right parent")
    equal(wrong, [], "leaves not reported exactly once with their pid")
    equal(execs, {}, "leaves nobody knows")


def test_tree_shows_ancestors_also_dead_ones(case):
    """middle-shell is dead when the last one executes; its name must stand above the leaf all the same."""
    for name in ("outer-shell", "middle-shell"):
        os.symlink("/bin/sh", case.path(name))
    os.mkfifo(case.path("go"))
    sonde = case.sonde("exec", "--tree", json_lines=False)
    last = "(read line < %s; exec %s leaf $LEAF) & exit 0" % (case.path("go"), program("burst"))
    subprocess.run([case.path("outer-shell"), "-c", "%s -c '%s'; exit 0" % (case.path("middle-shell"), last)],
                   env=dict(os.environ, LEAF="424242"), check=True)
    with open(case.path("go"), "w") as go:
        go.write("\n")
    until(lambda: b"leaf 424242" in sonde.stdout(), "the leaf in the text")
    sonde.stop()
    lines = sonde.stdout().decode().splitlines()
    leaf = next(i for i, line in enumerate(lines) if "leaf 424242" in line)
    above = "\n".join(lines[:leaf + 1])
    for name in ("outer-shell", "middle-shell"):
        expect(name in above, "%s does not stand above the leaf:\n%s" % (name, "\n".join(lines[-40:])))


def test_existing_processes_are_known(case):
    """A process from before sonde is the parent of a new one: its exit has identity though no exec was seen."""
    shell = case.start([program("hog"), "3"], stdin=subprocess.PIPE, cwd=case.tmp)
    sonde = case.sonde("exit")
    shell.communicate(b"\n")
    sonde.wait_record(lambda r: field(r, "process.pid") == shell.pid)
    sonde.stop()
    record = sonde.one("exit", process__pid=shell.pid)
    equal(field(record, "process.executable.path"), program("hog"), "executable")
    equal(field(record, "process.working_directory"), case.tmp, "working directory")
    equal(field(record, "process.parent_pid"), os.getpid(), "parent")
    equal(field(record, "process.exit.code"), 0, "exit code")


def test_existing_processes_whose_files_are_gone(case):
    """/proc says "NAME (deleted)" of them, which a file that is there can be called, too."""
    directory = case.path("home")
    os.mkdir(directory)
    found = {}
    for name in ("gone", "there (deleted)"):
        shutil.copy(program("hog"), case.path(name))
        found[name] = case.start([case.path(name), "3"], stdin=subprocess.PIPE, cwd=directory)
    until(lambda: all(os.readlink("/proc/%d/exe" % one.pid) == case.path(name) for name, one in found.items()), "execs")
    os.unlink(case.path("gone"))
    os.rmdir(directory)
    sonde = case.sonde("exit", "-o", "process.pid,process.executable.path,process.executable.deleted,process.working_directory")
    for one in found.values():
        one.communicate(b"\n")
    sonde.wait_record(lambda r: field(r, "process.pid") == found["there (deleted)"].pid)
    sonde.stop()
    for name, one in found.items():
        check_fields(next(r for r in sonde.records if field(r, "process.pid") == one.pid), {
            "process.executable.path": case.path(name), "process.working_directory": directory,
            "process.executable.deleted": True if name == "gone" else None})


BECOMES = """
import ctypes, os
if not os.fork():
    ctypes.CDLL(None).prctl(15, b"another", 0, 0, 0)  # PR_SET_NAME
    os.setgid(4712)
    os.setuid(4711)
    os.close(os.open("/etc/passwd", os.O_RDONLY))
    os.abort()
os.wait()
"""


def test_a_process_that_becomes_another(case):
    """Without a new program: its end has its last name and user; what is no longer known of it is not said."""
    sonde = case.sonde("open", "exit", "-o", "time,name,pid,user.id,real_user.id,real_group.id,file.path,exit.signal", "--",
                       "python3", "-c", BECOMES)
    sonde.finish()
    end, = [e for e in sonde.events("exit") if field(e, "process.user.id") == 4711]
    check_fields(end, {"process.name": "another", "process.real_user.id": 4711, "process.real_group.id": None})
    opened, = [e for e in sonde.events("open", process__pid=field(end, "process.pid"), file__path="/etc/passwd")]
    check_fields(opened, {"process.user.id": 4711, "process.real_user.id": None, "process.real_group.id": None})
    store = case.path("store.db")
    subprocess.run([SONDE, "run", "--quiet", "--store", store, "--", "python3", "-c", BECOMES], check=True, timeout=120)
    said = subprocess.run([SONDE, "report", "--store", store, "--by", "user", "--json"], check=True, stdout=subprocess.PIPE).stdout
    equal(sorted((row.get("name", str(row["id"])), row["processes"]) for row in json.loads(said)["rows"]), [("4711", 1), ("root", 1)], "processes by user")
