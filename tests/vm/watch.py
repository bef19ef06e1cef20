"""One running sonde: started, waited for until it watches, ended, and its lines read back. Output goes to files, so that
a guest slow enough to fill a pipe cannot stall what is being watched."""
import copy
import json
import os
import signal
import subprocess
import tempfile
import time

SONDE = os.environ.get("SONDE", "/src/build/static/sonde")
PATIENCE = 60  # seconds; emulation is slow, the verifier slower


class DidNotStart(Exception):
    """sonde ended, or never said that it watches; the text is what it said instead"""


def get(event, name):
    """The value at a dotted field name, or None."""
    for part in name.split("."):
        if not isinstance(event, dict) or part not in event:
            return None
        event = event[part]
    return event


def whole(flows):
    """Datagrams are told of once a second: those of one process and peer, added up."""
    sums = {}
    for flow in flows:
        network = flow["network"]
        ends = [json.dumps(network.get(end), sort_keys=True) for end in ("transport", "local", "peer")]
        sum = sums.setdefault((get(flow, "process.pid"), *ends), flow)
        if sum is not flow:
            for what in ("io", "packets"):
                for way in ("sent", "received"):
                    sum["network"][what][way] += network[what][way]
    return list(sums.values())


class Watch:
    def __init__(self, *arguments, environment=None):
        self.arguments = arguments
        self.environment = {**os.environ, **(environment or {})}
        self.events, self.summary, self.status, self.said = [], {}, None, ""

    def __enter__(self):
        self.output = tempfile.TemporaryFile("w+b")
        self.errors = tempfile.TemporaryFile("w+b")
        self.process = subprocess.Popen([SONDE, "trace", *self.arguments, "--json"], stdin=subprocess.DEVNULL,
                                        stdout=self.output, stderr=self.errors, env=self.environment)
        deadline = time.monotonic() + PATIENCE
        while b"sonde: watching" not in self.read(self.errors):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                self.process.wait()
                raise DidNotStart(self.read(self.errors).decode(errors="replace").strip())
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        if self.status is None:
            self.stop()

    @staticmethod
    def read(file):
        size = os.fstat(file.fileno()).st_size
        return os.pread(file.fileno(), size, 0)

    def stop(self, number=signal.SIGINT):
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            self.status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            self.status = -signal.SIGKILL
        self.said = self.read(self.errors).decode(errors="replace")
        for line in self.read(self.output).splitlines():
            event = json.loads(line)
            if event["kind"] == "summary":
                self.summary = event
            else:
                self.events.append(event)

    def imbalance(self):
        """Why the books do not balance, or None."""
        if not self.summary:
            return f"no summary (status {self.status}, {self.said.strip()!r})"
        for kind, count in self.summary["events"].items():
            if count["produced"] != count["delivered"] + count["filtered"] + count["lost"]:
                return f"{kind}: {count}"
            if count["lost"] != sum(count.get("lost_by", {}).values()):
                return f"{kind}: lost is not the sum of its causes: {count}"
            seen = sum(event["kind"] == kind for event in self.events)
            if seen != count["delivered"]:
                return f"{kind}: {seen} lines but {count['delivered']} delivered"
        return None

    def lost(self):
        """
        But for what the kernel skipped: in a machine this slow interrupts come in the middle of programs, and a second
        program that sees to them takes a while to be loaded.
        """
        return sum(count["lost"] - count.get("lost_by", {}).get("missed", 0)
                   for count in self.summary.get("events", {}).values())

    def missing(self, kind, fields):
        """Why no event of this kind has these fields (values or predicates), or None when one has."""
        nearest, best = None, -1
        events = [event for event in self.events if event["kind"] == kind]
        for event in whole(copy.deepcopy(events)) if kind == "flow" else events:
            wrong = {}
            for name, wanted in fields.items():
                value = get(event, name)
                if not (wanted(value) if callable(wanted) else value == wanted):
                    wrong[name] = value
            if not wrong:
                return None
            if len(fields) - len(wrong) > best:
                nearest, best = wrong, len(fields) - len(wrong)
        if nearest is None:
            return f"no {kind} at all"
        return "; ".join(f"{name} is {value!r}, not {describe(fields[name])}" for name, value in nearest.items())


def describe(wanted):
    return (wanted.__doc__ or "as expected") if callable(wanted) else repr(wanted)
