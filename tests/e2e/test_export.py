"""sonde export: every format is what its readers expect, says the sums of the report, and survives hostile names."""

import csv
import json
import os
import re
import sqlite3
import subprocess

from harness import ROOT, SONDE, brief, equal, expect

SYNTHETIC = os.path.join(ROOT, "build", "tests", "synthetic")
# What others may put into a name: an end of a script, markup, control bytes, a change of direction, a formula, bytes
# that are no UTF-8.
HOSTILE = ["</script><script>window.pwned=1</script>", "<img src=x onerror=\"window.pwned=1\">", "a\n\r\t\x1b[31m\x00b",
           "x\u202egpj.exe",
           "=cmd|'/C calc'!A0", b"\xff\xfe broken \xc3"]


def make_store(case, processes=500):
    """A store with one made-up run, some of whose names are hostile: a tool, tasks, an executable, an address."""
    store = case.path("store.db")
    subprocess.run([SYNTHETIC, store, str(processes)], check=True, stdout=subprocess.DEVNULL)
    with sqlite3.connect(store) as base:
        for old, new in zip(["as", "part3.o", "/usr/bin/as", "part4.o", "part5.o", "10.0.0.7"], HOSTILE):
            changed = base.execute("UPDATE texts SET bytes = ? WHERE bytes = ?", (new, old)).rowcount
            equal(changed, 1, "texts that were %s" % old)
        base.execute("UPDATE runs SET exit_status = 2")
        base.execute("UPDATE processes SET code = 2 WHERE process = 0")
    base.close()
    return store


def sonde(*arguments, status=0):
    done = subprocess.run([SONDE, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    equal(done.returncode, status,
          "exit status of sonde %s (%s)" % (" ".join(arguments), done.stderr.decode(errors="replace")))
    return done


def export(store, form, output):
    sonde("export", "--store", store, "--format", form, "-o", output)
    if form != "csv":
        with open(output, encoding="utf-8", newline="") as file:  # a byte that is no UTF-8 is an error here
            return file.read()
    return None


def report(store, *options):
    return json.loads(sonde("report", "--store", store, "--json", *options).stdout)


def costs_of(row):
    """Costs as one flat dictionary: cpu.time_ns and so on."""
    return {group + "." + key: value for group in ("cpu", "disk", "memory", "io", "network") for key,
            value in row[group].items()}


def add_up(rows):
    """As costs.def says: all but the peak of memory add up."""
    sums = {}
    for row in rows:
        for key, value in row.items():
            sums[key] = max(sums.get(key, 0), value) if key == "memory.peak" else sums.get(key, 0) + value
    return sums


def test_json_has_everything_and_adds_up(case):
    store = make_store(case)
    run = json.loads(export(store, "json", case.path("run.json")))
    said = report(store)
    equal((run["format"], run["version"]), ("sonde run", 1), "format")
    equal(len(run["processes"]), said["totals"]["processes"], "processes")
    equal(costs_of(run["totals"]), costs_of(said["totals"]), "totals against the report")
    equal(add_up(map(costs_of, run["processes"])), costs_of(said["totals"]), "sum of processes against the report")
    equal(add_up(map(costs_of, run["tools"])), costs_of(said["totals"]), "sum of tools against the report")
    rows = {row["name"]: costs_of(row) for row in report(store, "--by", "tool")["rows"]}
    equal({row["name"]: costs_of(row) for row in run["tools"]}.get("cc1"), rows["cc1"], "costs of cc1")
    equal(run["run"]["wall_ns"], said["run"]["wall_ns"], "wall time")
    equal([finding["kind"] for finding in run["findings"]], [finding["kind"] for finding in said["findings"]],
          "findings")
    equal(run["right_size"], said["right_size"], "right size")
    for index, process in enumerate(run["processes"]):
        expect(process.get("parent", -1) < index, "a parent after its child")
        expect(run["tools"][process["tool"]]["name"], "a tool without a name")
        expect(process["start_ns"] <= process["end_ns"], "an end before the start")
    links = run["critical_path"]
    equal((links[0]["from_ns"], links[-1]["to_ns"]), (0, run["run"]["wall_ns"]), "ends of the critical path")
    expect(all(a["to_ns"] == b["from_ns"] for a, b in zip(links, links[1:])), "gaps in the critical path")
    for name in HOSTILE[:5]:
        expect(any(name in row.get("name", "") or name in row.get("executable", "") for row in run["tools"]
                   + run["tasks"]),
               "%r is not in the JSON as it was" % name)
    equal(run["peers"][0]["address"], "\ufffd\ufffd broken \ufffd", "an address that is no UTF-8")
    for process in run["processes"]:
        expect(not ("code" in process.get("exit", {}) and "signal_number" in process["exit"]),
               "an exit code of one that a signal ended: %s" % process.get("exit"))
    equal(len(run["samples"]) > 0 and len(run["host_samples"]) > 0, True, "samples")


def test_csv_is_rfc_4180_and_harmless(case):
    store, directory = make_store(case), case.path("tables")
    export(store, "csv", directory)
    tables = {}
    for name in ("processes", "tools", "tasks", "samples", "host", "facts", "peers", "drops", "files"):
        path = os.path.join(directory, name + ".csv")
        with open(path, encoding="utf-8", newline="") as file:
            text = file.read()
        rows = list(csv.reader(text.splitlines(keepends=True), strict=True))
        equal(len(rows), text.count("\n"), "rows of %s against its lines" % name)
        expect(all(len(row) == len(rows[0]) for row in rows), "rows of %s differ in length" % name)
        for row in rows[1:]:
            for cell in row:
                expect(not re.match(r"[=+@\t\r]|-(?![0-9]+$)", cell),
                       "a cell of %s that a spreadsheet runs: %r" % (name, cell))
                expect(not re.search(r"[\x00-\x1f\x7f\u202a-\u202e]", cell),
                       "a control character in %s: %r" % (name, cell))
        tables[name] = [dict(zip(rows[0], row)) for row in rows[1:]]
    signalled = [row for row in tables["processes"] if row["signal"]]
    expect(signalled and not any(row["code"] for row in signalled), "codes of what a signal ended: %s" % signalled[:1])
    said = costs_of(report(store)["totals"])
    for name in ("processes", "tools", "tasks"):
        for key, total in said.items():
            values = [int(row[key.replace(".", "_")]) for row in tables[name]]
            equal(max(values) if key == "memory.peak" else sum(values), total, "%s of %s.csv" % (key, name))
    expect(any(row["name"] == "'" + HOSTILE[4] for row in tables["tasks"]), "no apostrophe before the formula")
    [drop, *_] = tables["drops"]
    wanted = {"reason": "NO_SOCKET", "interface": "", "source": "", "source_port": "", "destination_port": "514",
              "packets": "3"}
    equal({name: drop[name] for name in wanted}, wanted, "a row of drops.csv")


# The Trace Event Format: what each phase must have, and of what type.
TRACE = {
    "M": {"name": str, "pid": int, "args": dict},
    "X": {"name": str, "pid": int, "tid": int, "ts": (int, float), "dur": (int, float), "args": dict},
    "C": {"name": str, "pid": int, "ts": (int, float), "args": dict},
    "i": {"name": str, "pid": int, "tid": int, "ts": (int, float), "s": str},
}


def test_perfetto_is_a_trace(case):
    store = make_store(case)
    trace = json.loads(export(store, "perfetto", case.path("trace.json")))
    said = report(store)
    slices, processes, threads, rows = [], {}, {}, {}
    for event in trace["traceEvents"]:
        shape = TRACE.get(event["ph"])
        expect(shape, "a phase that is not in the format: %s" % event["ph"])
        for key, kind in shape.items():
            expect(isinstance(event.get(key), kind) and not isinstance(event.get(key), bool),
                   "%s of %s" % (key, brief(event)))
        if event["ph"] == "M" and event["name"] == "process_name":
            processes[event["pid"]] = event["args"]["name"]
        elif event["ph"] == "M" and event["name"] == "thread_name":
            expect(event["tid"] not in threads, "a thread id used twice")
            threads[event["tid"]] = event["pid"]
        elif event["ph"] == "X":
            slices.append(event)
            rows.setdefault((event["pid"], event["tid"]), []).append(event)
        elif event["ph"] == "C":
            expect(all(isinstance(value, (int, float)) for value in event["args"].values()),
                   "a counter that is no number")
    for (pid, tid), row in rows.items():
        equal(threads.get(tid), pid, "process of the thread %d" % tid)
        end = 0
        for event in sorted(row, key=lambda one: one["ts"]):
            expect(event["ts"] >= end - 0.001, "slices of one row overlap")
            end = event["ts"] + event["dur"]
    expect(not set(threads) & set(processes), "a thread id that is a process id")
    of_processes = [event for event in slices if event["cat"] == "process"]
    equal(len(of_processes), said["totals"]["processes"], "slices of processes")
    equal(add_up({key: value for key, value in costs_of(event["args"]).items()} for event in of_processes),
          costs_of(said["totals"]),
          "sum of the slices against the report")
    expect(all(event["name"] == processes[event["pid"]] for event in of_processes),
           "a slice in the track of another tool")
    names = set(processes.values())
    expect({"Critical path", "Run", "Host builder", "Tasks", "cc1", HOSTILE[0]} <= names, "tracks are %s" % names)
    wall = said["run"]["wall_ns"] / 1e3
    path = [event for event in slices if event["cat"] == "critical"]
    expect(abs(sum(event["dur"] for event in path) - wall) < 1, "the critical path is not as long as the run")
    expect(any("critical path" in event["args"] for event in of_processes), "no process is marked as on the path")
    equal(sum(event["ph"] == "i" for event in trace["traceEvents"]), len(said["findings"]), "findings")
    equal({event["name"] for event in trace["traceEvents"] if event["ph"] == "C"}, {
        "CPU", "Memory", "Disk read", "Disk write", "Network received", "Network sent", "Processes"}, "counters")


# opentelemetry-proto 1.x as JSON: keys of each message; 64-bit integers are strings, ids are hexadecimal.
OTLP = {
    "TracesData": {"resourceSpans": ["ResourceSpans"]},
    "ResourceSpans": {"resource": "Resource", "scopeSpans": ["ScopeSpans"], "schemaUrl": str},
    "Resource": {"attributes": ["KeyValue"], "droppedAttributesCount": int},
    "ScopeSpans": {"scope": "Scope", "spans": ["Span"], "schemaUrl": str},
    "Scope": {"name": str, "version": str, "attributes": ["KeyValue"], "droppedAttributesCount": int},
    "Span": {"traceId": "id32", "spanId": "id16", "traceState": str, "parentSpanId": "id16", "flags": int, "name": str,
             "kind": int,
             "startTimeUnixNano": "u64", "endTimeUnixNano": "u64", "attributes": ["KeyValue"],
             "droppedAttributesCount": int, "events": ["Event"], "droppedEventsCount": int,
             "links": ["Link"], "droppedLinksCount": int, "status": "Status"},
    "Event": {"timeUnixNano": "u64", "name": str, "attributes": ["KeyValue"], "droppedAttributesCount": int},
    "Status": {"message": str, "code": int},
    "KeyValue": {"key": str, "value": "AnyValue"},
    "AnyValue": {"stringValue": str, "boolValue": bool, "intValue": "s64", "doubleValue": float,
                 "arrayValue": "ArrayValue"},
    "ArrayValue": {"values": ["AnyValue"]},
}
PATTERNS = {"id32": r"(?!0{32})[0-9a-f]{32}", "id16": r"(?!0{16})[0-9a-f]{16}", "u64": r"[0-9]+", "s64": r"-?[0-9]+"}


def check_otlp(value, kind, where="TracesData"):
    if isinstance(kind, list):
        expect(isinstance(value, list), "%s is no list" % where)
        for one in value:
            check_otlp(one, kind[0], where)
    elif kind in PATTERNS:
        expect(isinstance(value, str) and re.fullmatch(PATTERNS[kind], value), "%s is %r" % (where, value))
    elif isinstance(kind, str):
        expect(isinstance(value, dict), "%s is no object" % where)
        for key, inner in value.items():
            expect(key in OTLP[kind], "%s has no %s" % (kind, key))
            check_otlp(inner, OTLP[kind][key], where + "." + key)
        expect(kind != "AnyValue" or len(value) == 1, "%s has not one value" % where)
    else:
        expect(isinstance(value, kind), "%s is %r" % (where, value))


def attributes(row):
    return {one["key"]: next(iter(one["value"].values())) for one in row["attributes"]}


def test_otlp_is_a_trace(case):
    store = make_store(case, 2500)
    lines = export(store, "otlp", case.path("trace.jsonl")).splitlines()
    said = report(store)
    expect(len(lines) == 3, "%d messages of 1000 spans for 2500" % len(lines))
    spans = []
    for line in lines:
        message = json.loads(line)
        check_otlp(message, "TracesData")
        resource = attributes(message["resourceSpans"][0]["resource"])
        equal((resource["service.name"], resource["host.name"]), ("sonde", "builder"), "resource")
        spans += message["resourceSpans"][0]["scopeSpans"][0]["spans"]
    ids = {span["spanId"]: span for span in spans}
    equal(len(ids), len(spans), "span ids that are used once")
    equal({span["traceId"] for span in spans}, {spans[0]["traceId"]}, "traces")
    root = spans[0]
    expect("parentSpanId" not in root and root["status"] == {"code": 2, "message": "exit 2"},
           "the root is %s" % brief(root["status"]))
    equal(root["name"], "make -j4 all", "name of the root")
    for span in spans[1:]:
        parent, own = ids.get(span["parentSpanId"]), attributes(span)
        expect(parent is not None, "a parent that is not there")
        expect(parent is root or attributes(parent)["process.pid"] == own["process.parent_pid"], "the parent's pid")
        expect(int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"]), "an end before the start")
        expect(not ("process.exit.code" in own and "sonde.exit.signal" in own), "a code and a signal: %s" % own)
        equal(span["status"].get("code", 0) == 2, own.get("process.exit.code", "0") != "0" or "sonde.exit.signal" in own,
              "status of %s" % own)
    equal(len(spans) - 1, said["totals"]["processes"], "spans")
    for key, total in costs_of(said["totals"]).items():
        values = [int(attributes(span)["sonde." + key]) for span in spans[1:]]
        equal(max(values) if key == "memory.peak" else sum(values), total, "%s of all spans" % key)
    equal([event["name"] for event in root["events"]].count("sonde.finding"), len(said["findings"]), "findings")
    again = export(store, "otlp", case.path("again.jsonl")).splitlines()
    equal(again, lines, "the second export")


def test_standard_output_and_mistakes(case):
    store = make_store(case)
    whole = sonde("export", "last", "--store", store, "-f", "json").stdout
    equal(json.loads(whole)["run"]["name"], "synthetic", "name of the run")
    for arguments, word in ((["export", "--store", store], "format"),
                            (["export", "-f", "csv", "--store", store], "directory"),
                            (["export", "a", "b", "-f", "json"], "one word too many"),
                            (["export", "-f", "xml"], "xml")):
        expect(word in sonde(*arguments, status=2).stderr.decode(), "the message of %s" % arguments)
    gone = sonde("export", "--store", store, "-f", "json", "-o", case.path("no", "such", "place"), status=1)
    expect(case.path("no", "such", "place") in gone.stderr.decode(), "the place is not named")
    full = sonde("export", "--store", store, "-f", "json", "-o", "/dev/full", status=1)
    expect("/dev/full" in full.stderr.decode(), "the full device is not named")
    expect("nothere" in sonde("export", "nothere", "--store", store, "-f", "json", status=1).stderr.decode(),
           "the run is not named")


def test_a_file_is_replaced_whole_or_not_at_all(case):
    store = make_store(case)
    with open(case.path("out.json"), "w") as file:
        file.write("old")
    with subprocess.Popen(["sh", "-c", "ulimit -f 200; trap '' XFSZ; exec \"$@\"", "sh", SONDE, "export", "--store",
                           store, "-f", "json", "-o",
                           case.path("out.json")], stderr=subprocess.PIPE) as process:
        message = process.stderr.read().decode()
    equal(process.returncode, 1, "exit status when the file may not grow")
    expect("out.json" in message, "the file is not named: " + message)
    with open(case.path("out.json")) as file:
        equal(file.read(), "old", "what was there")
    equal([name for name in os.listdir(case.tmp) if name.startswith(".")], [], "what is left behind")
