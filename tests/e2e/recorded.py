"""A recorded run as it lies in its store, read with SQLite itself: no code of sonde's is between the test and the facts."""

import sqlite3
import subprocess

import harness

EARLIER, LIVING, CORE, OOM, LEFT, NO_LEDGER, THREADED = (1 << bit for bit in range(7))
FAILED_EXEC, SIGNAL, OOM_KILL, LOST, CLOCK_STEP, GAVE_UP = range(6)
SUMS = ("cpu", "cpu_user", "cpu_system", "cpu_wait", "disk_read", "disk_write", "disk_cancelled", "read", "write",
        "read_calls", "write_calls", "minor_faults", "major_faults", "voluntary_switches", "involuntary_switches",
        "sent", "received", "connections")


class Run:
    """One run; numbers of texts are replaced by the texts, as bytes."""

    def __init__(self, path, number=None):
        self.base = sqlite3.connect("file:%s?mode=ro" % path, uri=True)
        self.base.row_factory = sqlite3.Row
        self.base.text_factory = bytes
        if number is None:
            number = self.base.execute("SELECT max(id) FROM runs").fetchone()[0]
        self.id = number
        self.row = dict(self.base.execute("SELECT * FROM runs WHERE id = ?", (number,)).fetchone())
        self.texts = {row[0]: bytes(row[1]) for row in
                      self.base.execute("SELECT text, bytes FROM texts WHERE run = ?", (number,))}
        self.tools = {row["tool"]: self.texts[row["name"]] for row in self.table("tools")}
        self.processes = self.table("processes")
        for row in self.processes:
            row["start"] += self.row["boot_start"]
            row["end"] = row["start"] + row["duration"]
            row["tool"] = self.tools[row["tool"]]
            row["executable"] = self.texts.get(row["executable"])
            row["directory"] = self.texts.get(row["directory"])
        self.facts = self.table("facts")
        for row in self.facts:
            row["text"] = self.texts.get(row["text"])
        self.peers = self.table("peers")
        for row in self.peers:
            row["address"] = self.texts.get(row["address"], b"").decode()
        self.drops = self.table("drops")
        for row in self.drops:
            for name in ("reason", "function", "interface", "source", "destination"):
                row[name] = self.texts.get(row[name], b"").decode()
        self.tables = {name: self.table(name) for name in ("files", "samples", "tasks", "containers")}
        self.base.close()

    def files(self):
        return [(self.tools[row["tool"]], self.texts[row["path"]], row) for row in self.tables["files"]]

    def table(self, name):
        rows = [dict(row) for row in self.base.execute("SELECT * FROM %s WHERE run = ?" % name, (self.id,))]
        return [{key: value.decode("latin-1") if isinstance(value, bytes) else value or 0 if value is None and
                 key in SUMS + ("flags", "code", "signal") else value for key, value in row.items()} for row in rows]

    def one(self, **want):
        found = self.all(**want)
        if len(found) != 1:
            raise harness.Failure("%d processes with %s, expected 1; there are %s" % (
                len(found), want, [(row["process"], row["pid"], row["tool"]) for row in self.processes][:40]))
        return found[0]

    def all(self, **want):
        return [row for row in self.processes if all(row[key] == value for key, value in want.items())]

    def children(self, process):
        return [row for row in self.processes if row["parent"] == process["process"]]

    def facts_of(self, kind):
        return [row for row in self.facts if row["kind"] == kind]


def run(case, *command, options=(), **popen):
    """Runs `sonde run`; (what subprocess.run gives, the run)."""
    path = case.path("store.db")
    popen.setdefault("stdout", subprocess.PIPE)
    popen.setdefault("stderr", subprocess.PIPE)
    popen.setdefault("stdin", subprocess.DEVNULL)
    done = subprocess.run([harness.SONDE, "run", "--store", path, *options, "--", *command], timeout=120, **popen)
    return done, Run(path)
