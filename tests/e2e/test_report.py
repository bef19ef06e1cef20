"""sonde report and sonde compare: what they say of runs that are known, in every form, to any reader."""

import json
import os
import pty
import re
import signal
import struct
import subprocess
import fcntl
import termios

import recorded
from harness import ROOT, SONDE, equal, expect, field, program, until

SHELL = "/bin/sh"
MS = 1000000
SYNTHETIC = os.path.join(ROOT, "build", "tests", "synthetic")


def sonde(case, *args, status=0, env=None, command="report", **popen):
    """What `sonde report` writes, and what it says."""
    popen.setdefault("stdout", subprocess.PIPE)
    done = subprocess.run([SONDE, command, "--store", case.path("store.db"), *args], stderr=subprocess.PIPE,
                          stdin=subprocess.DEVNULL, timeout=120, env=dict(os.environ, **(env or {})), **popen)
    equal(done.returncode, status, "exit status of %s %s (%r)" % (command, args, done.stderr))
    return done


def text(case, *args, **options):
    return sonde(case, *args, **options).stdout.decode()


def document(case, *args, **options):
    """The one object of --json."""
    lines = sonde(case, *args, "--json", **options).stdout.decode("utf-8").split("\n")
    equal((len(lines), lines[1:]), (2, [""]), "lines of --json")
    return json.loads(lines[0])


def flat(value, prefix=""):
    """Numbers of nested objects by dotted name."""
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield from flat(inner, prefix + key + ".")
        elif isinstance(inner, int) and not isinstance(inner, bool):
            yield prefix + key, inner


COSTS = ("cpu.", "disk.", "io.", "network.")


def test_rows_add_up(case):
    """However a run is cut, the rows are the total, and the total is what stands in the store."""
    script = ("for i in 1 2 3; do %s leaf $i; done; seq 200000 | sort -r | tail -1; false; "
              "dd if=/dev/zero of=%s bs=1M count=3" % (program("burst"), case.path("zeros")))
    # env is a tool that no process is any more at its end
    _, run = recorded.run(case, "env", SHELL, "-c", script)
    for by in ("tool", "task", "process", "container", "user", "group"):
        report = document(case, "--by", by)
        totals = dict(flat(report["totals"]))
        equal(report["by"], by, "what the rows are")
        for name, total in totals.items():
            if name.startswith(COSTS) or name in ("memory.minor_faults", "processes", "failures", "lifetime_ns"):
                equal(sum(dict(flat(row))[name] for row in report["rows"]), total, "%s of rows by %s" % (name, by))
        equal(report["row_count"], len(report["rows"]), "row_count by " + by)
        if by == "tool":
            equal(report["totals"]["tools"], report["row_count"], "tools in the totals")
        equal(totals["processes"], len(run.processes), "processes")
        for name, column in (("cpu.time_ns", "cpu"), ("io.read", "read"), ("io.write", "write"),
                             ("disk.write", "disk_write")):
            equal(totals[name], sum(row[column] for row in run.processes), name)
        equal(totals["memory.peak"], max(row["memory"] for row in run.processes), "memory.peak")
    tools = {row["name"]: row for row in document(case)["rows"]}
    equal(tools["burst"]["processes"], 3, "processes of burst")
    equal(tools["sort"]["processes"], 1, "processes of sort")
    expect(tools["dd"]["io"]["write"] >= 3 << 20, "bytes written by dd: %s" % tools["dd"]["io"])


def test_tree_and_failures(case):
    """Who started whom, in order, and what failed."""
    recorded.run(case, SHELL, "-c", "%s leaf 1; %s -c '%s leaf 2; exit 3'; exit 4" % (
        program("burst"), SHELL, program("burst")))
    report = document(case, "--tree", "--failures")
    tree = [(row["depth"], row["process"]["command_args"][-1].split()[-1]) for row in report["tree"]]
    equal(tree, [(0, "4"), (1, "1"), (1, "3"), (2, "2")], "the tree")
    equal([row["descendants"] for row in report["tree"]], [3, 0, 1, 0], "descendants")
    root = report["tree"][0]
    equal(root["together"]["cpu"]["time_ns"], report["totals"]["cpu"]["time_ns"], "CPU of all below the root")
    equal(sorted(field(row, "process.exit.code") for row in report["failures"]), [3, 4], "codes of what failed")
    times = [row["time_ns"] for row in report["failures"]]
    equal(times, sorted(times), "failures by time")
    equal((report["run"]["exit_status"], report["run"]["state"]), (4, "finished"), "end of the run")
    said = text(case, "--tree")
    expect(re.search(r"\[exit 3\] \d+ /bin/sh -c '", said), "the tree as text: " + said)
    expect("failed with status 4" in said and "; 2 failed" in said, "the head: " + said)


def links(case):
    report = document(case, "--critical")
    at = 0
    for link in report["critical"]:
        equal(link["from_ns"], at, "begin of a link")
        spent = sum(link[key] for key in ("cpu_ns", "cpu_wait_ns", "disk_ns", "network_ns", "other_ns"))
        at = link["to_ns"]
        equal(spent, at - link["from_ns"], "what a link was spent on")
    equal(at, report["run"]["wall_ns"], "end of the path")
    return report["critical"]


def on_path(path, argument):
    """Time the path spent in processes with this last argument."""
    return sum(link["to_ns"] - link["from_ns"] for link in path
               if (field(link, "process.command_args") or [""])[-1] == argument)


def test_critical_path(case):
    """The longest of three at once, then one after the other; what ran beside them is not on the path."""
    recorded.run(case, SHELL, "-c", "sleep 0.11 & sleep 0.5 & sleep 0.12 & wait; sleep 0.21; sleep 0.22")
    path = links(case)
    for argument, least in (("0.5", 450), ("0.21", 200), ("0.22", 200)):
        there = on_path(path, argument)
        expect(there >= least * MS, "sleep %s is on the path for %d" % (argument, there))
    for argument in ("0.11", "0.12"):
        expect(on_path(path, argument) < 100 * MS, "sleep %s is on the path: %s" % (argument, path))


def test_critical_path_of_a_job_server(case):
    """Two at a time: the last had to wait for the longer of the first two."""
    with open(case.path("Makefile"), "w") as file:
        file.write("all: a b c\na:\n\tsleep 0.6\nb:\n\tsleep 0.9\nc:\n\tsleep 0.8\n")
    recorded.run(case, "make", "-j2", "-C", case.tmp)
    path = links(case)
    expect(on_path(path, "0.6") > 500 * MS and on_path(path, "0.8") > 700 * MS, "the path: %s" % path)
    expect(on_path(path, "0.9") < 100 * MS, "what ran beside is on the path: %s" % path)


def test_hostile_names(case):
    """Names can make neither JSON invalid nor a terminal do anything."""
    name = b"evil\n\x1b[31m\xff\xe2\x80\xae\"<script>"
    path = os.path.join(case.tmp.encode(), name)
    os.symlink(program("burst"), path)
    recorded.run(case, SHELL, "-c", b'for i in 1 2; do "$0" leaf "$0"; done; "$0" x', path,
                 options=("--name", b"run\n\x1b]0;x\x07\xfe"))
    everything = ("--by", "process", "--tree", "--critical", "--failures", "--peers", "--files")
    report = document(case, *everything)
    expect(any("evil\n\x1b[31m\ufffd\u202e\"<script>" in (row.get("tool") or "") for row in report["rows"]),
           "the tool's name: %s" % [row.get("tool") for row in report["rows"]])
    for out in (sonde(case, *everything).stdout, sonde(case).stdout):
        expect(not re.search(rb"[\x00-\x09\x0b-\x1f\x7f\xff]|\xe2\x80\xae", out), "raw bytes in the text: %r" % out)
        out.decode("utf-8")
    first = text(case, b"run\n\x1b]0;x\x07\xfe").split("\n")[0]
    expect(first.startswith("run 1 (run\\n\\x1b]0;x\\x07\\xfe): "), "the first line: " + first)


def test_files(case):
    """What was written comes before what everything opens."""
    recorded.run(case, SHELL, "-c", "echo hello > %s; rm %s; sort /dev/null" % ((case.path("made"),) * 2),
                 options=("--files",))
    files = {(row["tool"], row["path"]): row for row in document(case, "--files")["files"]}
    made = files["sh", case.path("made")]
    equal((made["writes"], made["creates"], made["failures"]), (1, 1, 0), "opens by the shell: %s" % made)
    equal(files["rm", case.path("made")]["removes"], 1, "removed by rm")
    rows = text(case, "--files").split("\nFiles")[1].split("\n")[2:4]
    expect(all(row.endswith(case.path("made")) for row in rows), "the first files: %s" % rows)
    recorded.run(case, "true")
    expect("none; they are recorded with --files" in text(case, "--files"), "of a run without them")


def test_while_it_is_recorded_and_after_a_crash(case):
    go = case.path("go")
    os.mkfifo(go)
    process = case.start([SONDE, "run", "--store", case.path("store.db"), "--", SHELL, "-c",
                          "%s leaf 1; read line < %s" % (program("burst"), go)], stderr=subprocess.DEVNULL)

    def written():
        done = subprocess.run([SONDE, "report", "--store", case.path("store.db"), "--json"], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL)
        return done.returncode == 0 and json.loads(done.stdout)["totals"]["processes"] >= 2
    until(written, "processes in a report of a run that goes on")
    report = document(case, "--critical")
    equal(report["run"]["state"], "recording", "state while it is recorded")
    expect(report["coverage"]["processes_living"] >= 1, "living: %s" % report["coverage"])
    expect("still being recorded" in text(case), "the text says that it goes on")
    process.send_signal(signal.SIGKILL)
    process.wait()
    equal(document(case)["run"]["state"], "interrupted", "state after the recorder was killed")
    expect("interrupted: its recorder died" in text(case), "the text says that it broke off")
    with open(go, "w") as file:
        file.write("\n")


def test_what_is_not_there(case):
    done = sonde(case, status=1)
    expect(b"nothing has been recorded yet" in done.stderr and not done.stdout, "without a store: %r" % done.stderr)
    recorded.run(case, "true", options=("--name", "nightly"))
    done = sonde(case, "nightlx", status=1)
    expect(b"nightlx" in done.stderr and b"nightly" in done.stderr, "an unknown run: %r" % done.stderr)
    sonde(case, "last~5", status=1)
    sonde(case, "1", "nightly", status=2)
    sonde(case, "--by", "colour", status=2)
    sonde(case, "--html", case.path("page"), "--json", status=2)
    sonde(case, "--prices", case.path("none"), status=1)
    expect(text(case, "nightly").startswith("run 1 (nightly): true\n"), "by its name")


def test_any_reader(case):
    """A closed pipe, a full disk, a narrow terminal."""
    recorded.run(case, SHELL, "-c", "for i in 1 2 3 4 5; do %s leaf $i; done; exit 1" % program("burst"))
    for options in ((), ("--json",), ("--by", "process", "--all")):
        reader, writer = os.pipe()
        os.close(reader)
        equal(sonde(case, *options, stdout=writer).stderr, b"", "said to a reader who left")
        os.close(writer)
    with open("/dev/full", "wb") as full:
        expect(b"cannot write" in sonde(case, status=1, stdout=full).stderr, "a full disk")
    for columns, shown in ((34, False), (60, False), (110, True)):
        out = on_terminal(case, columns, "--by", "tool", "--tree")
        expect(b"\x1b[1mTools\x1b[0m" in out, "colour on a terminal: %r" % out)
        tables = out.decode().split("Tools")[1]
        rows = [line for line in tables.split("\r\n") if line.startswith("  ") and "costs are" not in line]
        expect(len(rows) > 5 and all(len(row) <= columns for row in rows), "rows on %d columns: %s" % (columns, rows))
        equal("waits CPU" in tables, shown, "the column of CPU waits on %d columns" % columns)


def on_terminal(case, columns, *args):
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "NO_COLOR")}
    process = subprocess.Popen([SONDE, "report", "--store", case.path("store.db"), *args], stdout=slave,
                               env=dict(environment, TERM="xterm"))
    os.close(slave)
    out = b""
    try:
        while True:
            out += os.read(master, 65536)
    except OSError:  # all of its other side is closed
        pass
    os.close(master)
    equal(process.wait(120), 0, "exit status on a terminal")
    return out


# A process begun with vfork counts its parent's memory as its own until it executes; this parent is small.
MEASURE = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(done.returncode, used.ru_utime + used.ru_stime, used.ru_maxrss)
"""


def test_hundred_thousand(case):
    """A report of 100,000 processes takes less than a second of CPU and 100 MB; the best of three counts."""
    subprocess.run([SYNTHETIC, case.path("store.db"), "100000"], check=True, stdout=subprocess.DEVNULL)
    for options in ((), ("--by", "process"), ("--tree",), ("--critical",)):
        took = []
        while len(took) < 3 and not (took and took[-1] < 1):
            told = subprocess.check_output(["python3", "-c", MEASURE, SONDE, "report", "--store", case.path("store.db"), *options])
            status, cpu, memory = map(float, told.split())
            equal(status, 0, "exit status")
            took.append(cpu)
            expect(memory < 100000, "%s took %d KiB" % (options, memory))
        expect(min(took) < 1, "%s took %s s" % (options, took))


# --- compare ---

def record(case, script, times=1):
    for _ in range(times):
        recorded.run(case, SHELL, "-c", script, options=("--quiet",))


def test_compare_two(case):
    record(case, "sleep 0.2; seq 10 | tail -1")
    record(case, "sleep 0.9; seq 10 | sort; exit 1")
    said = text(case, "1", "2", command="compare")
    expect(re.search(r"wall .*slower", said), "slower: " + said)
    expect(re.search(r"sort .*new", said) and re.search(r"tail .*gone", said), "new and gone: " + said)
    expect("fewer than three runs" in said, "what is said of noise: " + said)
    report = document(case, "1", "vs", "2", command="compare")
    expect(report["comparisons"][0]["noise_known"] is False, "noise of one run each")
    totals = report["comparisons"][0]["totals"]
    equal((totals["wall"]["verdict"], totals["failures"]["after"]["median"]), ("slower", 1), "totals: %s" % totals)
    walls = [json.loads(sonde(case, run, "--json").stdout)["run"]["wall_ns"] for run in ("1", "2")]
    equal([totals["wall"][side]["median"] for side in ("before", "after")], walls, "wall times")
    states = {row["name"]: row["state"] for row in report["comparisons"][0]["tools"]}
    equal((states["sort"], states["tail"], states["sleep"]), ("new", "gone", "both"), "states of tools")


def test_compare_fail_if(case):
    record(case, "sleep 0.2")
    record(case, "sleep 0.8; false")

    def judge(rule, status):
        return sonde(case, "1", "2", "--fail-if", rule, command="compare", status=status).stderr.decode()
    expect("wall > 1.5x: B has" in judge("wall > 1.5x", 1), "which part held")
    judge("wall > 100x", 0)
    judge("wall > 100x or failures > 0", 1)
    judge("wall > 1.5x and failures > 1", 0)
    judge("tool:sleep.wall > +400ms", 1)
    expect("column 8" in judge("wall > fast", 2), "a mistake has a column")
    expect("is called slep" in judge("tool:slep.wall > 1x", 2), "no such tool")
    report = document(case, "1", "2", "--fail-if", "failures > 0", command="compare", status=1)
    equal(report["fail_if"]["holds"], True, "in JSON")
    sonde(case, "1", command="compare", status=2)
    sonde(case, "1", "2,,3", command="compare", status=2)
    sonde(case, "1", "7", command="compare", status=2)
    expect(b"twice on one side" in sonde(case, "1,last~1", "2", command="compare", status=2).stderr, "a run that stands twice")


def test_odd_names(case):
    """A run can be reached by its name, whatever that is: with a comma, with a dash, with both."""
    for name in ("a,b", "-x", "--tree"):
        recorded.run(case, "true", options=("--quiet", "--name=" + name))
    for number, name in enumerate(("a,b", "-x", "--tree"), 1):
        equal(json.loads(text(case, "--json", "--", name)), document(case, str(number)), "report of " + name)
    sonde(case, "1", "--", "2", status=2)
    runs = json.loads(text(case, "--json", "--", "a,b", "vs", "-x,--tree", command="compare"))["runs"]
    equal([(run["id"], run["side"]) for run in runs], [(1, "A"), (2, "B"), (3, "B")], "runs of the sides")
    said = text(case, "--", "-x", command="rm")
    expect("removed run 2" in said, said)


def test_nothing_happened(case):
    """A run without a process says so in each table."""
    subprocess.run([SONDE, "record", "--quiet", "--uid", "4242", "--for", "100ms", "--store", case.path("store.db")], check=True,
                   stderr=subprocess.PIPE, timeout=120)
    for options, head in (((), "Tools"), (("--tree",), "Tree.*"), (("--by", "task"), "Tasks"), (("--by", "process"), "Processes")):
        said = text(case, *options)
        expect(re.search(r"^%s\n  none\n" % head, said, re.M), "what is said of nothing: " + said)


def test_compare_noise(case):
    """Three of each: what is the same is told as noise, what is not as a difference."""
    record(case, "sleep 0.1; seq 1000 | sort | tail -1", times=3)
    record(case, "sleep 0.9; seq 1000 | sort | tail -1", times=3)
    report = document(case, "1,2,3", "vs", "4,5,6", command="compare")
    comparison = report["comparisons"][0]
    equal(comparison["noise_known"], True, "noise of three runs each")
    tools = {row["name"]: row for row in comparison["tools"]}
    equal(tools["sleep"]["wall"]["verdict"], "slower", "sleep")
    equal(tools["sort"]["processes"]["verdict"], "same", "processes of sort")
    spread = tools["sleep"]["wall"]["before"]
    expect(spread["min"] <= spread["median"] <= spread["max"], "spread: %s" % spread)
    # a run against itself differs in nothing
    comparison = document(case, "1,2,3", "1,2,3", command="compare")["comparisons"][0]
    for row in [comparison["totals"]] + comparison["tools"]:
        for name, figure in row.items():
            if isinstance(figure, dict):
                expect(figure["verdict"] in ("same", "within noise"), "%s against itself: %s" % (name, figure))
