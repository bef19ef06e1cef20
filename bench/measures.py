"""What is measured, and how noise is kept out of it.

Ratios come from rounds in the order bare, tool, tool, bare: a drift of the machine that is linear
over the four cancels. Both bare rounds of a block also give a ratio, which should be 1; its spread
is the noise under every other figure.
"""

import json
import os
import shutil
import statistics
import subprocess
import time

import tools


class Bench:
    """The loops and what they work on. `say` takes progress; nothing here prints results."""

    def __init__(self, build, scratch, cpu, seconds, say):
        self.loads = os.path.join(build, "loads")
        self.scratch = scratch
        self.cpu = cpu
        self.seconds = seconds
        self.say = say
        self.disturbed = False  # someone else had the kernel count program times during a ratio
        # Names of their own, so that events of this run cannot be taken for another's.
        self.file = os.path.join(scratch, "storm-file")
        self.program = os.path.join(scratch, "storm-program")
        with open(self.file, "wb") as file:
            file.write(bytes(4096))
        shutil.copy(os.path.join(build, "nothing"), self.program)

    def load(self, name, seconds=None, program="/bin/true", pin=True):
        """Run one loop: (operations, nanoseconds per operation)."""
        command = ["taskset", "-c", str(self.cpu)] if pin and self.cpu is not None else []
        command += [self.loads, name, "-s", str(seconds or self.seconds),
                    "-f", self.file, "-p", program]
        words = subprocess.check_output(command, text=True).split()
        return int(words[1]), float(words[2])

    def ratios(self, tool, loads, pairs):
        """Per load: the ratios tool/bare and bare/bare, and the bare and watched costs."""
        results = {load: {"ratios": [], "control": [], "bare": [], "watched": []} for load in loads}
        peaks, attach = [], []
        for load in loads:
            self.say("%s: %s" % (tool.name, load))
            for _ in range((pairs + 1) // 2):
                first = self.load(load)[1]
                with tools.Running(tool, self.scratch) as running:
                    watched = [self.load(load)[1], self.load(load)[1]]
                    self.disturbed |= tools.statistics_are_on()
                peaks.append(running.peak)
                attach.append(running.attach_ms)
                last = self.load(load)[1]
                result = results[load]
                result["ratios"] += [watched[0] / first, watched[1] / last]
                result["control"].append(last / first)
                result["bare"] += [first, last]
                result["watched"] += watched
        return results, max(peaks), attach

    def cpu_per_operation(self, tool, load, rounds):
        """Microseconds of the tool's own processor time per operation, start and end left out.

        An operation whose event a peer lost cost the peer nothing, so it does not count.
        """
        self.say("%s: own CPU under %s" % (tool.name, load))
        costs, lost = [], 0
        with tools.Running(tool, self.scratch) as running:
            running.wait_idle()
            for _ in range(rounds):
                before, lost_before = running.cpu_seconds(), lost
                operations = self.load(load, max(1.0, self.seconds))[0]
                running.wait_idle()
                lost = running.lost()
                delivered = max(1, operations - (lost - lost_before))
                costs.append((running.cpu_seconds() - before) * 1e6 / delivered)
        return {"costs": costs, "lost": lost}, running.peak

    def attach(self, tool, times):
        self.say("%s: start to attached" % tool.name)
        durations = []
        for _ in range(times):
            with tools.Running(tool, self.scratch) as running:
                pass
            durations.append(running.attach_ms)
        return durations

    def storm(self, tool, load, kinds, seconds):
        """The books after a storm: per kind what sonde says, and what is in the file it wrote."""
        self.say("%s: %s for %g s" % (" ".join(tool.command[1:]), load, seconds))
        output = os.path.join(self.scratch, "events")
        try:
            with tools.Running(tool, self.scratch, output) as running:
                operations, cost = self.load(load, seconds, self.program, pin=False)
            ended = time.monotonic()
            events = running.summary()
            found, told_lost = count_events(output, self.program, self.file)
            size = os.path.getsize(output)
        finally:
            if os.path.exists(output):
                os.unlink(output)
        books = {}
        for kind in kinds:
            book = events.get(kind, {})
            books[kind] = {key: book.get(key, 0) for key in
                           ("produced", "delivered", "filtered", "lost")}
            books[kind]["lost_by"] = book.get("lost_by", {})
            books[kind]["lines"], books[kind]["ours"] = found.get(kind, (0, 0))
            books[kind]["told_lost"] = told_lost.get(kind, 0)
        return {"operations": operations, "ns": cost, "books": books, "bytes": size,
                "peak": running.peak, "counted_s": time.monotonic() - ended}

    def programs(self, tool, loads):
        """In-kernel cost per run of each of the tool's programs."""
        self.say("%s: in the kernel" % tool.name)
        with tools.Statistics(), tools.Running(tool, self.scratch) as running:
            for load in loads:
                self.load(load)
            return tools.program_costs(running.program_ids())


def count_events(path, program, file):
    """Per kind: lines, and those that name what the storm works on; then the losses told."""
    counts, told = {}, {}
    # As the value of a path: the loop's own arguments name them, too.
    names = [b'"path":"%s"' % os.path.realpath(name).encode() for name in (program, file)]
    mark = b'"kind":"'
    with open(path, "rb") as lines:
        for line in lines:
            start = line.find(mark) + len(mark)
            kind = line[start:line.find(b'"', start)].decode()
            if kind == "lost":
                lost = json.loads(line)["lost"]
                told[lost["kind"]] = told.get(lost["kind"], 0) + lost["count"]
                continue
            entry = counts.setdefault(kind, [0, 0])
            entry[0] += 1
            entry[1] += names[0] in line or names[1] in line
    return counts, told


def middle(values):
    return statistics.median(values)


def spread(values):
    """First and third quartile."""
    if len(values) < 2:
        return values[0], values[0]
    quartiles = statistics.quantiles(values, n=4, method="inclusive")
    return quartiles[0], quartiles[2]
