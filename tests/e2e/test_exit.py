"""Processes with much memory: since 6.16 it is given back after the kernel's tracepoint, and belongs to them all the same."""

import json
import subprocess

import recorded
from harness import boot_to_wall, check_fields, equal, expect, field, program, wall_ns
from test_process import late_ns, signal_name

MEMORY = {"plain": 300, "killed": 300, "threads": 200, "leader": 200, "usr1": 200, "no-wait": 100}
TOLERANCE = 10_000_000

# Where no signal tells the parent, or a tracer stands between, the exit is told before the memory is given back.
BEFORE = ("silent", "ignored", "traced", "traced-threads")


def run_large(case, way, megabytes, count):
    """(sonde, what the parents of the large ones know)."""
    sonde = case.sonde("fork", "exit", "--ring-size", "4M")
    output = subprocess.run([program("large"), way, str(megabytes), str(count)], stdout=subprocess.PIPE, check=True).stdout
    sonde.stop()
    equal(sonde.lost(), 0, "events lost")
    members = [json.loads(line) for line in output.splitlines()]
    equal(len(members), count, "processes")
    return sonde, members


def check_end(way, sonde, member, offset):
    record = sonde.one("exit", process__pid=member["pid"])
    if member["known"]:
        code = None if member["signal"] else member["code"]
        check_fields(record, {"process.exit.signal": signal_name(member["signal"]) if member["signal"] else None})
        if code is not None:
            check_fields(record, {"process.exit.code": code})
    ended = wall_ns(record["time"]) - offset
    expect(ended <= member["ended"] + 1_000_000, "%s: told %d ns after it was reaped" % (way, ended - member["ended"]))
    return record, ended


def check_costs(way, record, ended, member, offset):
    """CPU as wait4 has it; and the end behind all that was used: of one thread no less time than CPU."""
    got = field(record, "process.cpu.user_ns") + field(record, "process.cpu.system_ns")
    allowed = max(TOLERANCE, member["cpu"] // 100)
    # What it uses after the record is not in it: no longer than until it was reaped.
    late = max(allowed, late_ns({"after": member["ended"]}, record, offset))
    expect(-late <= got - member["cpu"] <= allowed, "%s: %d ns of CPU, wait4 says %d" % (way, got, member["cpu"]))
    if way in ("plain", "usr1", "leader"):
        least = member["before"] + member["cpu"] - member["cpu_before"] - TOLERANCE // 2
        expect(ended >= least, "%s: it ended %d ns before its memory was given back" % (way, least - ended))


def test_memory_that_is_given_back_belongs_to_the_process(case):
    for way, megabytes in MEMORY.items():
        sonde, members = run_large(case, way, megabytes, 2)
        offset = boot_to_wall()
        for member in members:
            record, ended = check_end(way, sonde, member, offset)
            if member["known"]:
                check_costs(way, record, ended, member, offset)


def test_each_ends_once_whoever_hears_of_it(case):
    """No signal, a tracer, a parent that dies or turns away meanwhile, a pid namespace that is taken down."""
    for way in BEFORE + ("orphan", "turned", "namespace", "vfork"):
        sonde, members = run_large(case, way, 64, 6)
        offset = boot_to_wall()
        for member in members:
            record, ended = check_end(way, sonde, member, offset)
            if member["known"] and way not in BEFORE:
                check_costs(way, record, ended, member, offset)
        born = sorted(field(record, "process.pid") for record in sonde.events("fork")
                      if field(record, "process.executable.path") == program("large"))
        gone = [field(record, "process.pid") for record in sonde.events("exit")]
        expect(len(born) >= len(members), "%s: forks: %s" % (way, born))
        equal([gone.count(pid) for pid in born], [1] * len(born), "%s: exits of %s" % (way, born))


def test_recorded(case):
    done, run = recorded.run(case, program("large"), "plain", "300", "2")
    equal((done.returncode, run.row["lost"]), (0, 0), "exit status and losses; %r" % done.stderr)
    for member in map(json.loads, done.stdout.splitlines()):
        row = run.one(pid=member["pid"])
        allowed = max(TOLERANCE, member["cpu"] // 100)
        late = max(allowed, member["ended"] - row["end"] + 1_000_000)  # as in check_costs
        expect(-late <= row["cpu"] - member["cpu"] <= allowed, "%d ns of CPU, wait4 says %d" % (row["cpu"], member["cpu"]))
        least = member["before"] + member["cpu"] - member["cpu_before"] - TOLERANCE // 2
        expect(least <= row["end"] <= member["ended"] + 1_000_000, "end %d, between %d and %d" % (
            row["end"], least, member["ended"]))
