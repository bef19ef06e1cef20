"""The store as its user meets it: runs listed, found and removed, and days on which something goes wrong."""

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import time

import harness
from harness import SONDE, Skip, boot_to_wall, equal, expect, until
from recorded import GAVE_UP, Run

SHELL = "/bin/sh"


class Store:
    def __init__(self, case, path=None):
        self.path = path or case.path("store.db")

    def sonde(self, command, *args, status=0, **popen):
        """(standard output, standard error)"""
        done = subprocess.run([SONDE, command, "--store", self.path, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=120, **popen)
        equal(done.returncode, status, "exit status of %s %s; %r" % (command, args, done.stderr))
        return done.stdout, done.stderr

    def run(self, *command, options=(), status=0):
        self.sonde("run", "--quiet", *options, "--", *command, status=status)

    def runs(self, *args):
        return [json.loads(line) for line in self.sonde("runs", "--json", *args)[0].splitlines()]

    def ask(self, sql):
        base = sqlite3.connect("file:%s?mode=ro" % self.path, uri=True)
        base.text_factory = bytes
        try:
            return base.execute(sql).fetchall()
        finally:
            base.close()

    def wait(self, sql):
        """Until the query gives something else than 0."""
        def given():
            try:
                return self.ask(sql)[0][0]
            except sqlite3.OperationalError:  # there are no tables yet
                return 0
        until(given, sql)


def test_list_and_remove(case):
    store = Store(case)
    output, said = store.sonde("runs", status=1)
    expect(b"nothing has been recorded yet" in said, "what is said of no store: %r" % said)
    store.sonde("rm", "--all", status=1)
    expect(not os.path.exists(store.path), "`rm` made a store")

    hostile = b"a\nb\x1b[31m\xff'\"<script>"
    store.run("true", options=["--name", "first"])
    store.run(SHELL, "-c", "exit 3", status=3)
    store.run("sleep", "0.2", options=["--name", hostile])
    store.run("true", options=["--name", "2"])
    store.run("true", options=["--name", "first"])

    runs = store.runs()
    equal([run["id"] for run in runs], [5, 4, 3, 2, 1], "ids, the newest first")
    equal([run.get("name") for run in runs], ["first", "2", "a\nb\x1b[31m\ufffd'\"<script>", None, "first"], "names")
    equal([run["exit_status"] for run in runs], [0, 0, 0, 3, 0], "exit status")
    equal(runs[3]["command_args"], [SHELL, "-c", "exit 3"], "the command")
    equal({run["state"] for run in runs}, {"finished"}, "states")
    expect(0.2e9 <= runs[2]["wall_ns"] < 5e9, "wall time of sleep 0.2: %d ns" % runs[2]["wall_ns"])
    expect(abs(harness.wall_ns(runs[0]["start"]) - time.time_ns()) < 60e9, "start of the last: " + runs[0]["start"])
    equal(len(store.runs("--limit", "2")), 2, "runs with --limit 2")

    table = store.sonde("runs")[0]
    expect(b"\x1b" not in table and b"\xff" not in table, "the table lets control bytes through: %r" % table)
    equal(len(table.splitlines()), 6, "lines of the table")
    expect(b"exit 3" in table and b"a\\nb\\x1b[31m\\xff" in table, "the table: %r" % table)

    for which, want in (("last", 5), ("last~4", 1), ("first", 5), ("2", 2), ("4", 4), (hostile, 3)):
        equal(json.loads(store.sonde("report", "--json", which)[0])["run"]["id"], want, "the run %r" % which)
    for which, part in (("frist", b"did you mean first?"), ("last~5", b"there are only 5"), ("9", b"neither an id nor a name")):
        said = store.sonde("report", which, status=1)[1]
        expect(part in said, "what is said of %s: %r" % (which, said))

    said = store.sonde("rm", "1", "frist", status=1)[1]
    equal(len(store.runs()), 5, "runs when one of those to be removed is not there")
    equal(store.sonde("rm", "last~1", "1", "1")[0].splitlines()[-1][:14], b"removed 2 runs", "what is said of two")
    equal(store.sonde("rm", "--older-than", "1h")[0], b"nothing to remove\n", "what is said of none")
    store.sonde("rm", "--keep", "2")
    equal([run["id"] for run in store.runs()], [5, 3], "what --keep 2 keeps")
    store.sonde("rm", status=2)
    store.sonde("rm", "5", "--all", status=2)
    store.sonde("rm", "--all")
    equal(store.runs(), [], "runs when all are removed")
    for table in store.ask("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"):
        equal(store.ask("SELECT count(*) FROM " + table[0].decode()), [(0,)], "rows of " + table[0].decode())
    store.run("true")
    equal([run["id"] for run in store.runs()], [6], "an id is never used twice")


def test_retention(case):
    """A recording ends with letting go of the old."""
    store = Store(case)
    for _ in range(3):
        store.run("true", options=["--max-size", "0"])
    time.sleep(1.1)
    store.run("true", options=["--max-age", "1s"])
    equal([run["id"] for run in store.runs()], [4], "what --max-age 1s keeps")
    said = store.sonde("run", "--max-size", "1", "--", "true")[1]
    expect(b"removed 1 old run from the store" in said, "what is said: %r" % said)
    equal([run["id"] for run in store.runs()], [5], "what --max-size 1 keeps")
    store.run("true", options=["--max-age", "1ns"])
    equal([run["id"] for run in store.runs()], [6], "what --max-age 1ns keeps: the newest")


def test_killed_loses_a_second(case):
    """What ended more than a second before the kill is there; so it is when the machine stops at any moment."""
    store = Store(case)
    sonde = case.start([SONDE, "run", "--quiet", "--store", store.path, "--", SHELL, "-c",
                        "while :; do /bin/true; done"], start_new_session=True)
    case.defer(subprocess.run, ["pkill", "-KILL", "-g", str(sonde.pid)])
    store.wait("SELECT count(*) > 500 FROM processes")
    time.sleep(1.3)
    stopped = Store(case, case.path("stopped.db"))
    for end in ("-wal", ""):
        shutil.copy(store.path + end, stopped.path + end)
    sonde.send_signal(signal.SIGKILL)
    killed = time.time_ns()
    sonde.wait()
    for one in (store, stopped):
        equal(one.runs()[0]["state"], "interrupted", "state")
        equal(one.ask("PRAGMA integrity_check"), [(b"ok",)], "integrity")
        run = Run(one.path)
        last = max(row["end"] for row in run.all(tool=b"true")) + boot_to_wall()
        # A second between two transactions, and what writing one takes on a busy machine.
        expect(killed - last < 5e9, "the last process that is there ended %.3f s before the kill" % ((killed - last) / 1e9))
        indices = sorted(row["process"] for row in run.processes)
        expect(indices[-1] - len(indices) < 5, "%d processes are there, the last is number %d" % (len(indices), indices[-1]))
    said = store.sonde("report")[0]
    expect(b"interrupted: its recorder died" in said, "what the report says: %r" % said)


def test_disk_full(case):
    """The command goes on; what could be kept in memory is written when there is room again."""
    os.mkdir(case.path("disk"))
    case.mount("-t", "tmpfs", "-o", "size=3m", "none", case.path("disk"))
    store = Store(case, case.path("disk", "store.db"))
    sonde = case.start([SONDE, "run", "--quiet", "--store", store.path, "--", SHELL, "-c",
                        "read line; i=0; while [ $i -lt 1500 ]; do /bin/true $i; i=$((i+1)); done; read line; exit 4"],
                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    store.wait("SELECT count(*) FROM runs")
    with open(case.path("disk", "filler"), "wb", buffering=0) as filler:
        try:
            while filler.write(bytes(4096)):
                pass
        except OSError:
            pass
    sonde.stdin.write(b"go\n")
    sonde.stdin.flush()
    time.sleep(3)
    os.unlink(case.path("disk", "filler"))
    said = sonde.communicate(b"\n")[1]
    equal(sonde.returncode, 4, "the command's exit status; %r" % said)
    run = Run(store.path)
    equal((run.row["state"], len(run.all(tool=b"true"))), (1, 1500), "state, and processes")


def test_disk_stays_full(case):
    os.mkdir(case.path("disk"))
    case.mount("-t", "tmpfs", "-o", "size=1m", "none", case.path("disk"))
    store = Store(case, case.path("disk", "store.db"))
    done = subprocess.run([SONDE, "run", "--quiet", "--store", store.path, "--", SHELL, "-c",
                           "sleep 1; cat /dev/zero > %s 2>/dev/null; i=0; while [ $i -lt 900 ]; do /bin/true; i=$((i+1)); done; "
                           "exit 4" % case.path("disk", "filler")], stderr=subprocess.PIPE, timeout=120)
    equal(done.returncode, 4, "the command's exit status; %r" % done.stderr)
    expect(b"the disk is full; the report says what is missing" in done.stderr, "what is said: %r" % done.stderr)
    equal((store.runs()[0]["state"], store.runs()[0]["exit_status"]), ("finished", 4), "state and exit status")
    run = Run(store.path)
    missing = {row["text"]: row["number"] for row in run.facts_of(GAVE_UP)}
    equal(sorted(missing), [b"other rows: the disk is full", b"processes: the disk is full"], "what is missing")
    equal(len(run.processes) + missing[b"processes: the disk is full"], 903, "processes, stored or missing")
    told = json.loads(store.sonde("report", "--json")[0])
    equal(told["coverage"]["rows_not_written"], sum(missing.values()), "rows that the report says are missing")
    expect("no-progress" not in [finding["kind"] for finding in told["findings"]], "who is missing was busy: %s" % told["findings"])
    os.unlink(case.path("disk", "filler"))
    store.sonde("rm", "last")
    done = subprocess.run([SONDE, "run", "--store", store.path, "--", "true"], stderr=subprocess.PIPE, timeout=120)
    equal(done.returncode, 0, "with room again; %r" % done.stderr)


def test_read_only_disk(case):
    """A report needs no leave to write; a recording says that it does."""
    os.mkdir(case.path("disk"))
    store = Store(case, case.path("disk", "store.db"))
    store.run("true", options=["--name", "kept"])
    case.mount("--bind", case.path("disk"), case.path("disk"))
    case.mount("-o", "remount,bind,ro", case.path("disk"))
    case.undo.pop()  # one mount, not two
    equal(store.runs()[0]["name"], "kept", "name of the run")
    store.sonde("report")
    for command in (("rm", "--all"), ("run", "--", "true")):
        said = store.sonde(*command, status=1)[1]
        expect(b"read-only" in said.lower() and b"SONDE_STORE" in said, "what %s says: %r" % (command[0], said))
    equal(len(store.runs()), 1, "runs after that")


def test_foreign_versions(case):
    store = Store(case)
    store.run("true")
    base = sqlite3.connect(store.path)
    version = base.execute("PRAGMA user_version").fetchone()[0]
    base.execute("PRAGMA user_version = %d" % (version + 1))
    base.close()
    for command in ("runs", "report", "rm --all", "run -- true"):
        said = store.sonde(*command.split(), status=1)[1]
        expect(b"newer sonde" in said and b"update sonde" in said, "what %s says: %r" % (command, said))


def test_document(case):
    """The queries of docs/store.md work as they stand there, and its reader of arguments reads them."""
    store = Store(case)
    long = "x" * 3000 + "y" * 3000
    lists = [["sh", "-c", ":", "a %d" % (i // 2), "--name=sample_%d" % i, "", long[i * 100:]] for i in range(20)]
    script = case.path("script")
    with open(script, "w") as file:
        for words in lists:
            file.write("sh %s\n" % " ".join("'%s'" % word for word in words[1:]))
    store.run(SHELL, script)
    with open(os.path.join(harness.ROOT, "docs", "store.md")) as file:
        document = file.read()
    names = {}
    exec(re.search(r"```python\n(.*?)```", document, re.DOTALL).group(1), names)
    dictionary = b"".join(row[0] for row in store.ask("SELECT bytes FROM dictionary ORDER BY offset"))
    unpacked = [names["unpack"](row[0], dictionary) for row in store.ask("SELECT packed FROM arguments ORDER BY process")]
    equal(unpacked[1:], [b"".join(word.encode() + b"\0" for word in words) for words in lists], "arguments")

    queries = [block for block in re.findall(r"\n\n((?:    .*\n)+)", document) if block.strip().startswith("SELECT")]
    equal(len(queries), 4, "queries in the document")
    rows = [store.ask(query.replace("17", "1")) for query in queries]
    equal(rows[0][0][:2], (b"sh", 20), "tools of the last run")


def test_another_user(case):
    """Nobody else can read it, and is told where to look."""
    store = Store(case)
    os.chmod(case.tmp, 0o755)
    store.run("true")
    equal(os.stat(store.path).st_mode & 0o777, 0o600, "mode of the store")
    nobody = {"user": 65534, "group": 65534, "extra_groups": []}
    try:
        said = store.sonde("runs", status=1, **nobody)[1]
    except PermissionError:
        raise Skip("this user cannot run the binary here")
    expect(b"Permission denied" in said and b"sudo" in said, "what is said: %r" % said)
    done = subprocess.run([SONDE, "runs"], stderr=subprocess.PIPE, env={"HOME": case.path("nobody")}, **nobody)
    expect(b"what root recorded is in root's own store: use sudo" in done.stderr, "what is said: %r" % done.stderr)
