"""sonde run: the command is untouched, and what it and its descendants did is in the store, to the unit."""

import fcntl
import json
import os
import pty
import signal
import sqlite3
import struct
import subprocess
import sys
import termios
import time

import recorded
from harness import Failure, SONDE, equal, expect, program, until
from recorded import CORE, LEFT, LIVING, THREADED, Run

SHELL = "/bin/sh"


def truth(case, *options):
    """The workload, recorded: (its own lines by name, the run, what sonde said)."""
    done, run = recorded.run(case, program("workload"), case.tmp, options=options)
    equal(done.returncode, 5, "exit status of the workload; stderr: %r" % done.stderr)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return {line["work"]: line for line in lines}, run, done.stderr.decode()


def near(got, want, slack, what):
    if abs(got - want) > slack:
        raise Failure("%s: %d, expected %d within %d" % (what, got, want, slack))


def test_truth(case):
    """Everything the program knows of its members stands in the store."""
    lines, run, said = truth(case)
    equal(run.row["state"], 1, "state of the run")
    equal(run.row["lost"], 0, "lost events")
    root = run.one(pid=lines["all"]["pid"])
    equal((root["parent"], root["code"], root["process"]), (None, 5, 0), "parent, code and number of the root")
    for name, line in lines.items():
        if name == "all":
            continue
        member = run.one(pid=line["pid"])
        equal(member["parent"], 0, "parent of " + name)
        equal((member["code"], member["signal"]), (line["code"], line["signal"]), "code and signal of " + name)
        cpu = (line["user_us"] + line["system_us"]) * 1000
        below = run.children(member)
        if not below:  # wait4 adds those of children
            near(member["cpu"], cpu, max(cpu // 100, 10000000), "CPU of " + name)
            near(member["cpu_user"] + member["cpu_system"], member["cpu"], 0, "user and system of " + name)
            equal(member["memory"], line["maxrss"] * 1024, "peak memory of " + name)
            equal(member["minor_faults"], line["minflt"], "minor faults of " + name)
            equal(member["major_faults"], line["majflt"], "major faults of " + name)
        # /proc/PID/io has what waited-for children did; the rows have each its own
        family = [member] + [row for row in below if not row["flags"] & LEFT]
        for column, key in (("read", "rchar"), ("write", "wchar"), ("read_calls", "syscr"), ("write_calls", "syscw"),
                            ("disk_read", "read_bytes"), ("disk_write", "write_bytes"),
                            ("disk_cancelled", "cancelled_write_bytes")):
            equal(sum(row[column] for row in family), line[key], "%s of %s" % (column, name))
        expect(line["begun"] <= member["start"] <= line["first"] and line["last"] <= member["end"] <= line["ended"],
               "start or end of %s: %s" % (name, (member, line)))
        equal(bool(member["flags"] & THREADED), name in ("burn-2", "burn-4"), "threads of " + name)
    equal(run.one(pid=lines["burn-4"]["pid"])["threads"], 4, "threads of burn-4")


def test_every_way_to_live_and_die(case):
    """Hundreds of processes by fork, vfork and double fork, with threads, by signals: each is there, once, with its own."""
    os.mkdir(case.path("homes"))
    done, run = recorded.run(case, program("family"), "400", "11", case.path("homes"))
    equal((done.returncode, run.row["lost"]), (0, 0), "exit status and losses; %r" % done.stderr)
    members = [json.loads(line) for line in done.stdout.splitlines()]
    rows = {row["pid"]: row for row in run.processes}
    equal(len(run.processes), len(members) + 1, "processes, the family itself among them")
    wrong = []
    for member in members:
        row = rows[member["pid"]]
        parent = run.processes[row["parent"]]
        cpu = (member["utime"] + member["stime"]) * 1000
        if (row["code"], row["signal"], bool(row["flags"] & CORE)) != (member["status"], member["killed"], bool(member["core"])):
            wrong.append(("code, signal", member["way"], row["code"], row["signal"], member))
        if parent["pid"] != member["parent"]:
            wrong.append(("parent", member["way"], parent["pid"], member))
        if (row["read"], row["write"]) != (member["rchar"], member["wchar"]):
            wrong.append(("bytes", member["way"], row["read"], row["write"], member))
        if row["memory"] != member["maxrss"] * 1024 or abs(row["cpu"] - cpu) > max(cpu // 100, 10000000):
            wrong.append(("memory, CPU", member["way"], row["memory"], row["cpu"], member))
        if bool(row["flags"] & LEFT) != (member["way"] == "double" and not member["middle"]):
            wrong.append(("left", member["way"], row["flags"], member))
        if (row["exec_after"] is not None) != bool(member["executed"]):
            wrong.append(("executed", member["way"], row["exec_after"], member))
    equal(wrong[:3], [], "%d of %d differ" % (len(wrong), len(members)))


def test_daemons(case):
    """They leave the tree, are recorded all the same, and live on where they do."""
    lines, run, said = truth(case)
    for name, lives in (("daemon-short-30", False), ("daemon-long-2500", True)):
        with open(case.path("daemon-" + name.rsplit("-", 1)[1])) as file:
            pid = int(file.read())
        daemon = run.one(pid=pid)
        middle = run.processes[daemon["parent"]]
        equal(middle["parent"], run.one(pid=lines[name.rsplit("-", 1)[0]]["pid"])["process"], "grandparent of " + name)
        equal(bool(daemon["flags"] & LEFT), True, "%s left the tree: flags %d" % (name, daemon["flags"]))
        equal(bool(daemon["flags"] & LIVING), lives, "%s lives: flags %d" % (name, daemon["flags"]))
        if lives:
            os.kill(pid, signal.SIGKILL)
    expect("still" in said, "nothing said of what is left: " + said)


def test_left_at_the_last_moment(case):
    """What a process cost that began just before the end and lives on is known, though its fork was hardly told yet."""
    script = """setsid -f "$0" "$1" "$2"; until test -s "$2"; do :; done"""
    leaver = case.path("leaver.py")
    with open(leaver, "w") as file:
        file.write("import os, sys, time\n"
                   "for fd in range(3): os.close(fd)\n"
                   "while time.process_time_ns() < 60e6: pass\n"
                   "with open(sys.argv[1] + '-', 'w') as file: print(os.getpid(), time.process_time_ns(), file=file)\n"
                   "os.rename(sys.argv[1] + '-', sys.argv[1])\n"
                   "time.sleep(60)\n")
    done, run = recorded.run(case, SHELL, "-c", script, sys.executable, leaver, case.path("left"))
    equal(done.returncode, 0, "exit status; %r" % done.stderr)
    with open(case.path("left")) as file:
        pid, burned = map(int, file.read().split())
    os.kill(pid, signal.SIGKILL)
    row = run.one(pid=pid)
    equal(row["flags"] & (LIVING | LEFT), LIVING | LEFT, "it lives, and left the tree")
    expect(row["cpu"] >= burned and row["cpu_user"] + row["cpu_system"] == row["cpu"] and row["memory"] >= 1 << 20,
           "costs of who was left, at least %d ns and 1 MiB: %s" % (burned, row))


def test_network(case):
    """Bytes at both ends, by process and by peer."""
    lines, run, said = truth(case)
    server = run.one(pid=lines["tcp"]["pid"])
    [client] = run.children(server)
    equal((server["sent"], server["received"], server["connections"]), (123457, 300000, 1), "bytes of the server")
    equal((client["sent"], client["received"], client["connections"]), (300000, 123457, 1), "bytes of the client")
    peers = {peer["process"]: peer for peer in run.peers if peer["transport"] == 1}
    equal(peers[client["process"]]["port"], peers[server["process"]]["port"], "port of the service")
    equal({peer["address"] for peer in peers.values()}, {"127.0.0.1"}, "addresses")


def test_facts(case):
    """A failed exec and fatal signals; no noise beside them."""
    done, run = recorded.run(case, SHELL, "-c", "/no/such/program; env true; exit 0")
    [failed] = run.facts_of(recorded.FAILED_EXEC)
    equal((failed["text"], failed["number"]), (b"/no/such/program", 2), "failed exec")
    equal(run.processes[failed["process"]]["code"], 127, "exit status of who failed")
    equal(run.facts_of(recorded.SIGNAL), [], "signals of a run without any")
    lines, run, said = truth(case)
    signals = {(fact["number"], fact["other"]) for fact in run.facts_of(recorded.SIGNAL)}
    want = {(number, run.one(pid=lines[name]["pid"])["process"])
            for name, number in (("term", 15), ("segv", 11), ("kill", 9))}
    equal(signals, want, "signals")


def test_sums(case):
    """By tool, user, and in all: the same, to the unit."""
    lines, run, said = truth(case)
    for column in recorded.SUMS:
        by_tool = {}
        for row in run.processes:
            by_tool[row["tool"]] = by_tool.get(row["tool"], 0) + (row[column] or 0)
        equal(sum(by_tool.values()), sum(row[column] or 0 for row in run.processes), column)
    equal(run.row["processes"], len(run.processes), "processes of the run's own row")
    equal(run.row["cpu"], sum(row["cpu"] for row in run.processes), "CPU of the run's own row")


def test_json(case):
    """One object on standard error in the summary's place; standard output is the command's."""
    done, run = recorded.run(case, SHELL, "-c", "echo mine; exit 3", options=("--json",))
    equal((done.returncode, done.stdout), (3, b"mine\n"), "exit status and output of the command")
    [line] = done.stderr.splitlines()
    summary = json.loads(line)
    equal([summary[key] for key in ("kind", "run", "processes", "exit_status")], ["summary", run.id, len(run.processes), 3], line)
    equal(summary["cpu"]["time_ns"], sum(row["cpu"] for row in run.processes), "CPU")


def test_work_before_an_exec(case):
    """bash becomes sleep to save a fork: what it did before stays bash's; where it did nothing, it was sleep."""
    work = "for ((i = 0; i < 400000; i++)); do :; done; sleep 0.1"
    for script, tool, words in ((work, b"bash", work), ("x=1; sleep 0.1", b"sleep", "sleep 0.1")):
        done, run = recorded.run(case, "bash", "-c", script)
        equal([row["tool"] for row in run.processes], [tool], "tool of bash -c %s" % script)
        said = subprocess.check_output([SONDE, "report", "--by", "process", "--store", case.path("store.db")], text=True)
        expect(words in said, "its words in the report: " + said)


def test_arguments_that_are_cut(case):
    """Of more than 128 KiB only the beginning is kept, and that is said; of others nothing is said."""
    arguments = ["%06d" % number for number in range(20000)]
    subprocess.run([SONDE, "run", "-q", "--store", case.path("store.db"), "--", SHELL, "-c", "/bin/true short; exit 0", *arguments],
                   stdin=subprocess.DEVNULL, check=True)
    said = subprocess.run([SONDE, "report", "--store", case.path("store.db"), "--json", "--by", "process"], stdout=subprocess.PIPE,
                          check=True)
    root, child = sorted((row["process"] for row in json.loads(said.stdout)["rows"]), key=lambda process: -len(process["command_args"]))
    expect(100 < len(root["command_args"]) < len(arguments), "%d arguments" % len(root["command_args"]))
    equal((root.get("args"), child["command_args"], child.get("args")), ({"cut": True}, ["/bin/true", "short"], None), "what is cut")
    said = subprocess.run([SONDE, "export", "--store", case.path("store.db"), "--format", "json"], stdout=subprocess.PIPE, check=True)
    equal(["arguments_cut" in process["flags"] for process in json.loads(said.stdout)["processes"]], [True, False], "flags")


def test_exit_status(case):
    for script, want in (("exit 0", 0), ("exit 42", 42), ("kill -TERM $$", 143), ("kill -KILL $$", 137)):
        done, run = recorded.run(case, SHELL, "-c", script)
        equal(done.returncode, want, "exit status of `%s`; %r" % (script, done.stderr))
        equal(run.row["exit_status"], want, "exit status in the store")


def test_command_that_cannot_run(case):
    """As a shell says it, and in the books."""
    plain = case.path("plain")
    with open(plain, "w") as file:
        file.write("not a program\n")
    for command, status, error in (("no-such-command-anywhere", 127, 2), ("/no/such/file", 127, 2), (plain, 126, 13),
                                   (case.tmp, 126, 13)):
        done, run = recorded.run(case, command)
        equal(done.returncode, status, "exit status for %s" % command)
        expect(command.encode() in done.stderr, "the message does not name it: %r" % done.stderr)
        [fact] = run.facts_of(recorded.FAILED_EXEC)
        equal(fact["number"], error, "errno recorded for %s" % command)


def test_script_without_interpreter(case):
    """Such a file is the shell's, as everywhere."""
    path = case.path("script")
    with open(path, "w") as file:
        file.write("echo $1; exit 6\n")
    os.chmod(path, 0o755)
    done, run = recorded.run(case, path, "word")
    equal((done.returncode, done.stdout), (6, b"word\n"), "what the script did")


def test_streams_and_descriptors(case):
    """Its input and output are the command's alone; none of sonde's descriptors is open in it."""
    done, run = recorded.run(case, SHELL, "-c", "cat; echo err >&2; ls /proc/self/fd; nice; trap", stdin=None,
                             input=b"from outside\n", options=("--quiet",))
    equal(done.stderr, b"err\n", "standard error with --quiet")
    lines = done.stdout.split()
    equal(done.stdout.startswith(b"from outside\n"), True, "standard input passes: %r" % done.stdout)
    equal(lines[2:], [b"0", b"1", b"2", b"3", b"0"], "descriptors (3 is ls's own) and nice value")


def test_few_open_files(case):
    """A shell that allows few open files: sonde takes what may be had, the command keeps the limit."""
    done = subprocess.run([SHELL, "-c", "ulimit -S -n 64; exec %s run -q --store %s -- %s -c 'ulimit -S -n'" % (
        SONDE, case.path("store.db"), SHELL)], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    equal((done.returncode, done.stdout, done.stderr), (0, "64\n", ""), "status, output, messages")


def test_signals_are_as_before(case):
    """Mask and dispositions are those that sonde was started with."""
    show = ["grep", "-E", "^Sig(Blk|Ign)|^ShdPnd", "/proc/self/status"]
    bare = subprocess.run(show, stdout=subprocess.PIPE, check=True, preexec_fn=lambda: signal.signal(
        signal.SIGUSR2, signal.SIG_IGN)).stdout
    done, run = recorded.run(case, *show, preexec_fn=lambda: signal.signal(signal.SIGUSR2, signal.SIG_IGN))
    equal(done.stdout, bare, "signals of the command")


def test_signals_are_passed_on(case):
    """What is sent to sonde reaches the command, which decides."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGINT):
        ready = case.path("ready-%d" % number)
        script = "trap 'echo got; exit 9' %d; touch %s; while :; do sleep 0.05; done" % (number, ready)
        sonde = case.start([SONDE, "run", "--store", case.path("store.db"), "--", SHELL, "-c", script],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        until(lambda: os.path.exists(ready), "the command's start")
        sonde.send_signal(number)
        out, err = sonde.communicate(timeout=120)
        equal((sonde.returncode, out), (9, b"got\n"), "after signal %d; stderr %r" % (number, err))


def test_asked_to_stop_twice(case):
    ready, again = case.path("ready"), case.path("again")
    script = "trap '' TERM; touch %s; sleep 0.3; trap - TERM; touch %s; while :; do sleep 0.05; done" % (ready, again)
    sonde = case.start([SONDE, "run", "--store", case.path("store.db"), "--", SHELL, "-c", script],
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until(lambda: os.path.exists(ready), "the command's start")
    sonde.send_signal(signal.SIGTERM)
    until(lambda: os.path.exists(again), "it lets itself be stopped")
    sonde.send_signal(signal.SIGTERM)
    out, err = sonde.communicate(timeout=120)
    equal(sonde.returncode, 128 + 15, "exit status; %r" % err)
    equal(Run(case.path("store.db")).row["state"], 1, "state of the run")


class Terminal:
    """A command on a pseudo-terminal of its own, as its session's leader."""

    def __init__(self, case, *command):
        self.pid, self.fd = pty.fork()
        if not self.pid:
            os.environ.update(PS1="READY> ", TERM="dumb", HISTFILE="/dev/null")
            os.execvp(command[0], command)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 101, 0, 0))
        self.text = b""
        case.defer(self.close)

    def close(self):
        os.close(self.fd)
        try:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass

    def type(self, text):
        os.write(self.fd, text)

    def read(self):
        try:
            os.set_blocking(self.fd, False)
            self.text += os.read(self.fd, 65536)
        except (BlockingIOError, OSError):
            pass
        return self.text

    def expect(self, wanted):
        """Waits for text and takes it off."""
        until(lambda: wanted in self.read(), lambda: "%r on the terminal: %r" % (wanted, self.text[-500:]))
        before, _, self.text = self.text.partition(wanted)
        return before


def test_terminal(case):
    """It is the command's: a terminal, its size, and Ctrl-C, which leaves sonde alone."""
    terminal = Terminal(case, SONDE, "run", "--store", case.path("store.db"), "--", SHELL, "-c",
                        "test -t 0 && test -t 1 && test -t 2 && stty size; trap 'echo inter''rupted; exit 3' INT; "
                        "echo wai''ting; while :; do sleep 0.05; done")
    terminal.expect(b"33 101")
    terminal.expect(b"waiting")
    terminal.type(b"\x03")
    terminal.expect(b"interrupted")
    _, status = os.waitpid(terminal.pid, 0)
    equal(os.waitstatus_to_exitcode(status), 3, "exit status of sonde")
    equal(Run(case.path("store.db")).row["exit_status"], 3, "exit status in the store")


def test_job_control_outside(case):
    """Ctrl-Z in a shell that runs sonde: the shell sees it stop, fg goes on, and so does the recording."""
    terminal = Terminal(case, "bash", "--norc", "--noprofile", "-i")
    terminal.expect(b"READY> ")
    terminal.type(b"%s run --quiet --store %s -- sh -c 'echo beg''un; read line; echo got $line; exit 4'\n" % (
        SONDE.encode(), case.path("store.db").encode()))
    terminal.expect(b"begun")
    terminal.type(b"\x1a")
    terminal.expect(b"Stopped")
    terminal.expect(b"READY> ")
    terminal.type(b"fg\n")
    terminal.expect(b"run --quiet")
    terminal.type(b"word\n")
    terminal.expect(b"got word")
    terminal.expect(b"READY> ")
    terminal.type(b"echo status=$?\n")
    terminal.expect(b"status=4")
    equal(Run(case.path("store.db")).row["exit_status"], 4, "exit status in the store")


def in_front(terminal):
    """The leader of the group that the terminal's keys signal. A shell's child is there before it stops to ignore them."""
    try:
        with open("/proc/%d/comm" % os.tcgetpgrp(terminal.fd)) as file:
            return file.read().strip()
    except FileNotFoundError:
        return None


def test_interactive_shell_inside(case):
    """A shell with job control of its own within the run, Ctrl-C and Ctrl-Z in it, and suspend."""
    terminal = Terminal(case, "bash", "--norc", "--noprofile", "-i")
    terminal.expect(b"READY> ")
    terminal.type(b"%s run --quiet --store %s -- env PS1='IN'NER'> ' bash --norc --noprofile -i\n" % (
        SONDE.encode(), case.path("store.db").encode()))
    terminal.expect(b"INNER> ")
    terminal.type(b"sleep 77\n")
    until(lambda: in_front(terminal) == "sleep", "sleep in front")
    terminal.type(b"\x1a")
    terminal.expect(b"Stopped")
    terminal.expect(b"INNER> ")
    terminal.type(b"fg\n")
    terminal.expect(b"sleep 77")
    until(lambda: in_front(terminal) == "sleep", "sleep in front again")
    terminal.type(b"\x03")
    terminal.expect(b"INNER> ")
    terminal.type(b"suspend\n")
    terminal.expect(b"READY> ")
    terminal.type(b"fg\n")
    terminal.expect(b"run --quiet")
    terminal.type(b"echo in$((1+1))side\n")
    terminal.expect(b"in2side")
    terminal.type(b"exit 11\n")
    terminal.expect(b"READY> ")
    terminal.type(b"echo status=$?\n")
    terminal.expect(b"status=11")
    run = Run(case.path("store.db"))
    equal((run.row["exit_status"], run.row["state"]), (11, 1), "exit status and state in the store")
    equal(run.one(tool=b"sleep")["signal"], signal.SIGINT, "signal that ended the sleep")


def test_stopped_by_somebody_else(case):
    """kill -STOP of the command holds neither it nor sonde for ever."""
    ready, go = case.path("ready"), case.path("go")
    os.mkfifo(go)
    sonde = case.start([SONDE, "run", "--store", case.path("store.db"), "--", SHELL, "-c",
                        "echo $$ > %s; read line < %s; exit 2" % (ready, go)], stderr=subprocess.DEVNULL)
    until(lambda: os.path.exists(ready) and os.path.getsize(ready), "the command's start")
    with open(ready) as file:
        pid = int(file.read())
    os.kill(pid, signal.SIGSTOP)
    time.sleep(0.3)
    os.kill(pid, signal.SIGCONT)
    with open(go, "w", encoding="ascii") as file:
        file.write("go\n")
    equal(sonde.wait(120), 2, "exit status")


def test_killed(case):
    """kill -9 of sonde: the command goes on, the run is there as far as it was written."""
    path = case.path("store.db")
    go = case.path("go")
    os.mkfifo(go)
    sonde = case.start([SONDE, "run", "--store", path, "--", SHELL, "-c", "%s 5; read line < %s; echo on" % (
        program("burst") + " leaf", go)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def written():
        try:
            return len(Run(path).processes) >= 2
        except Exception:  # not begun yet
            return False
    until(written, "rows in the store while it records")
    sonde.kill()
    sonde.wait()
    with open(go, "w") as file:
        file.write("\n")
    equal(sonde.stdout.read(), b"on\n", "the command goes on")
    run = Run(path)
    expect(run.row["state"] != 1, "state of the run: %s" % run.row["state"])
    expect(len(run.processes) >= 2, "processes: %d" % len(run.processes))

    def said(*words):
        return subprocess.run([SONDE, *words, "--store", path], stdout=subprocess.PIPE, check=True, timeout=60, text=True).stdout
    report, whole = json.loads(said("report", "--json")), json.loads(said("export", "--format", "json"))
    for part, name in ((report["coverage"], "events_produced"), (report["coverage"], "events_lost"), (report["run"], "overhead"),
                       (report["coverage"], "rows_not_written"), (whole["run"], "events_produced"), (whole["run"], "events_lost")):
        expect(name not in part, "%s, which nobody knows: %s" % (name, part))
    expect("  note: whether events were lost is not known\n" in said("report"), "nothing said of what may have been lost")
    expect("events_lost" not in said("export", "--format", "otlp"), "events lost as OTLP")


def test_two_at_once(case):
    """Each has its own tree, in one store."""
    path = case.path("store.db")
    commands = [[SONDE, "run", "--store", path, "--", SHELL, "-c",
                 "for i in 1 2 3 4 5 6 7 8 9 10; do %s leaf %d; done" % (program("burst"), number)] for number in (1, 2)]
    both = [case.start(command, stderr=subprocess.PIPE) for command in commands]
    for process in both:
        _, err = process.communicate(timeout=120)
        equal(process.returncode, 0, "exit status; %r" % err)
    for number in (1, 2):
        equal(len(Run(path, number).all(tool=b"burst")), 10, "leaves of run %d" % number)


def test_hostile_names(case):
    """Names may hold anything; the summary cannot be made to do anything with them."""
    name = b"evil\n\x1b[31m\xff<script>"
    path = os.path.join(case.tmp.encode(), name)
    os.symlink(SHELL.encode(), path)
    done, run = recorded.run(case, path, "-c", "exit 3", options=("--name", b"run\n\x1b]0;x\x07\xfe"))
    equal(done.returncode, 3, "exit status; %r" % done.stderr)
    expect(b"\x1b" not in done.stderr and b"\xff" not in done.stderr, "raw bytes on the terminal: %r" % done.stderr)
    equal(run.texts[run.row["name"]] if isinstance(run.row["name"], int) else run.row["name"], b"run\n\x1b]0;x\x07\xfe",
          "name of the run")


def test_store_that_cannot_be_opened(case):
    """Said at once; the command is not started."""
    broken = case.path("broken.db")
    with open(broken, "wb") as file:
        file.write(b"this is no database" * 100)
    for path in (broken, case.tmp, "/proc/no/store.db"):
        done = subprocess.run([SONDE, "run", "--store", path, "--", "touch", case.path("ran")], stderr=subprocess.PIPE,
                              timeout=120)
        equal(done.returncode, 1, "exit status with store %s; %r" % (path, done.stderr))
        expect(path.split("/store")[0].encode() in done.stderr, "the message does not name the store: %r" % done.stderr)
        expect(not os.path.exists(case.path("ran")), "the command ran all the same")


def test_disk_full(case):
    """The command is not disturbed and keeps its exit status; what is missing is said, and the store is whole."""
    os.mkdir(case.path("small"))
    case.mount("-t", "tmpfs", "-o", "size=2m", "none", case.path("small"))
    path = case.path("small/store.db")
    fill = "cat /dev/zero > %s 2> /dev/null; i=0; while [ $i -lt 500 ]; do %s leaf $i; i=$((i+1)); done; exit 7" % (
        case.path("small/fill"), program("burst"))
    done = subprocess.run([SONDE, "run", "--store", path, "--quiet", "--", SHELL, "-c", fill], stderr=subprocess.PIPE,
                          timeout=120)
    equal(done.returncode, 7, "exit status")
    expect(b"full" in done.stderr, "not said: %r" % done.stderr)
    base = sqlite3.connect(path)
    equal(base.execute("PRAGMA integrity_check").fetchone()[0], "ok", "integrity of the store")
    base.close()


def test_not_root(case):
    def become():
        os.setgroups([])
        os.setresuid(65534, 65534, 65534)
    done = subprocess.run([SONDE, "run", "--", "touch", case.path("ran")], stderr=subprocess.PIPE, preexec_fn=become,
                          cwd="/", timeout=120)
    equal(done.returncode, 1, "exit status; %r" % done.stderr)
    expect(b"root" in done.stderr, "no remedy: %r" % done.stderr)
    expect(not os.path.exists(case.path("ran")), "the command ran all the same")


def test_under_sudo(case):
    """The command is the invoking user's, with that user's groups; --as-root leaves it root's."""
    environment = dict(os.environ, SUDO_UID="65534", SUDO_GID="65534", SUDO_USER="nobody", HOME="/root", USER="root")
    command = (SHELL, "-c", "id -u; id -g; id -G; echo $HOME $USER")
    done, run = recorded.run(case, *command, env=environment)
    equal(done.stdout.split(b"\n")[:2], [b"65534", b"65534"], "user and group")
    equal(done.stdout.split(b"\n")[2:4], [b"65534", b"/nonexistent nobody"], "groups, HOME and USER")
    equal({row["user"] for row in run.processes}, {65534}, "user in the store")
    equal(run.row["user"], 65534, "who recorded")
    done, run = recorded.run(case, *command, env=environment, options=("--as-root",))
    equal(done.stdout.split(b"\n")[0], b"0", "user with --as-root")


def test_bad_usage(case):
    for args in ((), ("--",), ("true",), ("--interval", "1ms", "--", "true"), ("--ring-size", "100000", "--", "true")):
        done = subprocess.run([SONDE, "run", *args], stderr=subprocess.PIPE, timeout=120)
        equal(done.returncode, 2, "exit status of %s" % (args,))


def test_closed_streams(case):
    """They are as closed in the command as before, and nothing of sonde's gets in their place."""
    script = "exec %s <&- >&- 2>&-"
    inside = "%s -c 'import os; os._exit(sum(os.path.exists(\"/proc/self/fd/%%d\" %% fd) << fd for fd in range(3)))'" % sys.executable
    done = subprocess.run([SHELL, "-c", script % ("%s run --store %s -- %s" % (SONDE, case.path("store.db"), inside))], timeout=120)
    equal(done.returncode, 0, "streams that are open, a bit each")
    equal(Run(case.path("store.db")).row["state"], 1, "state of the run")


def test_lost_events(case):
    """A ring that is too small: what got lost is said, by kind, the totals say what they cover, --strict makes it a failure."""
    path = case.path("store.db")
    ready, go = case.path("ready"), case.path("go")
    os.mkfifo(go)
    sonde = case.start([SONDE, "run", "--store", path, "--ring-size", "64K", "--strict", "--", SHELL, "-c",
                        "touch %s; read line < %s; %s 20 50 1 > /dev/null" % (ready, go, program("burst"))], stderr=subprocess.PIPE)
    until(lambda: os.path.exists(ready), "the command's start")
    sonde.send_signal(signal.SIGSTOP)
    with open(go, "w") as file:
        file.write("\n")
    until(lambda: zombie(sonde.pid), "the command's end")
    sonde.send_signal(signal.SIGCONT)
    _, err = sonde.communicate(timeout=120)
    equal(sonde.returncode, 1, "exit status with --strict; %r" % err)
    run = Run(path)
    expect(run.row["lost"] > 0, "nothing was lost")
    equal(sum(fact["number"] for fact in run.facts_of(recorded.LOST)), run.row["lost"], "lost by the facts and by the run")
    expect(b"lost" in err, "not said: %r" % err)
    expect(all(row["end"] >= row["start"] for row in run.processes), "an end before a start")


def zombie(parent):
    with open("/proc/%d/task/%d/children" % (parent, parent)) as file:
        children = file.read().split()
    return all(state(pid) == "Z" for pid in children)


def state(pid):
    with open("/proc/%s/stat" % pid) as file:
        return file.read().rsplit(")", 1)[1].split()[0]
