"""The observers under test, seen from outside: started, known to be attached, sampled, stopped.

Nothing here trusts what a tool says about itself, except that sonde says when it is attached. A
tool that does not counts as attached when it holds BPF programs and has opened nothing for a while.
"""

import ctypes
import json
import os
import re
import shutil
import signal
import subprocess
import time

SETTLED = 0.15  # seconds without a new descriptor: a silent tool has finished attaching
PATIENCE = 15.0  # seconds for a tool to attach, and to drain and end
STATISTICS = "/proc/sys/kernel/bpf_stats_enabled"
BPF_ENABLE_STATS = 32


class ToolError(Exception):
    """A tool that cannot be measured here, with the reason in words."""


class Tool:
    """What to run, and whether it announces that it is attached."""

    def __init__(self, name, command, announces=None, program=None):
        self.name = name
        self.command = command
        self.announces = announces
        self.program = program or command[0]

    def with_options(self, *options):
        return Tool(self.name, self.command + list(options), self.announces, self.program)

    def why_not(self):
        """None, or why this tool cannot be run on this machine."""
        if not shutil.which(self.program):
            return "%s is not installed" % self.program
        return None


def sonde(binary, *arguments):
    kinds = " ".join(argument for argument in arguments if not argument.startswith("-"))
    return Tool("sonde " + kinds, [binary, *arguments], "sonde: watching")


def peer(name):
    """Peers need tracefs; where it is not mounted they get it in a mount namespace of their own."""
    path = shutil.which(name) or "/usr/sbin/" + name
    if os.path.exists("/sys/kernel/tracing/events"):
        return Tool(name, [path])
    return Tool(name, ["unshare", "--mount", "sh", "-c",
                       "mount -t tracefs tracefs /sys/kernel/tracing && exec " + path + ' "$@"', name], program=path)


class Running:
    """One run of a tool, attached. A context manager: the tool ends with the block."""

    def __init__(self, tool, scratch, output=os.devnull):
        self.tool = tool
        self.output = output
        self.errors = os.path.join(scratch, "stderr")
        self.peak = 0  # VmHWM in bytes, read while there is still a process
        self.cpu = 0.0
        self.status = None
        started = time.monotonic()
        with open(output, "wb") as out, open(self.errors, "wb") as errors:
            self.process = subprocess.Popen(tool.command, stdin=subprocess.DEVNULL,
                                            stdout=out, stderr=errors)
        self.proc = "/proc/%d" % self.process.pid
        try:
            attached = self.wait_announced() if tool.announces else self.wait_settled()
        except BaseException:
            self.kill()
            raise
        self.attach_ms = (attached - started) * 1000

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if self.process.poll() is None:
            if kind:
                self.kill()
            else:
                self.stop()

    def said(self):
        with open(self.errors, "r", encoding="utf-8", errors="replace") as errors:
            return errors.read()

    def check_alive(self, deadline):
        if self.process.poll() is not None:
            lines = self.said().strip().splitlines()
            raise ToolError("%s ended with status %d before it was attached: %s" % (
                self.tool.name, self.process.returncode, lines[-1] if lines else "nothing said"))
        if time.monotonic() > deadline:
            raise ToolError("%s did not attach within %d s" % (self.tool.name, PATIENCE))

    def wait_announced(self):
        deadline = time.monotonic() + PATIENCE
        while True:
            if any(line.startswith(self.tool.announces) for line in self.said().splitlines()):
                return time.monotonic()
            self.check_alive(deadline)
            time.sleep(0.001)

    def wait_settled(self):
        deadline = time.monotonic() + PATIENCE
        seen, since = None, time.monotonic()
        while True:
            self.check_alive(deadline)
            held = self.descriptors()
            if held != seen:
                seen, since = held, time.monotonic()
            elif "anon_inode:bpf-prog" in held and time.monotonic() - since > SETTLED:
                return since
            time.sleep(0.002)

    def descriptors(self):
        names = []
        try:
            for number in os.listdir(self.proc + "/fd"):
                names.append(os.readlink("%s/fd/%s" % (self.proc, number)))
        except OSError:
            pass
        return sorted(names)

    def cpu_seconds(self):
        """User and system time of all threads so far; stat counts ticks, schedstat nanoseconds."""
        total = 0.0
        try:
            for task in os.listdir(self.proc + "/task"):
                with open("%s/task/%s/schedstat" % (self.proc, task), encoding="ascii") as file:
                    total += int(file.read().split()[0]) / 1e9
            return total
        except FileNotFoundError:
            with open(self.proc + "/stat", encoding="ascii", errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def wait_idle(self):
        """Until what is already in the tool's buffers has been worked off."""
        deadline = time.monotonic() + PATIENCE
        before = self.cpu_seconds()
        while time.monotonic() < deadline:
            time.sleep(0.25)
            now = self.cpu_seconds()
            if now - before < 0.0005:
                return
            before = now

    def memory(self):
        """The lines of /proc/PID/status about resident memory, in bytes."""
        with open(self.proc + "/status", encoding="ascii", errors="replace") as file:
            return {name: int(kib) * 1024 for name, kib in
                    re.findall(r"^(VmHWM|Rss\w+):\s+(\d+) kB", file.read(), re.M)}

    def program_ids(self):
        """Ids of the BPF programs this process holds, directly or through links."""
        ids = set()
        for number in os.listdir(self.proc + "/fdinfo"):
            try:
                with open("%s/fdinfo/%s" % (self.proc, number), encoding="ascii") as file:
                    ids.update(map(int, re.findall(r"^prog_id:\s+(\d+)", file.read(), re.M)))
            except OSError:
                pass
        return ids

    def stop(self):
        """End it as a person would, after the peak of its memory has been read."""
        if self.process.poll() is not None:
            raise ToolError("%s ended by itself with status %d" % (
                self.tool.name, self.process.returncode))
        self.peak = self.memory().get("VmHWM", 0)
        self.process.send_signal(signal.SIGINT)
        try:
            self.status = self.process.wait(4 * PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ToolError("%s did not end on SIGINT" % self.tool.name) from None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def lost(self):
        """Events that a peer says it lost so far; sonde's are in its summary."""
        return sum(map(int, re.findall(r"^[Ll]ost (\d+) events", self.said(), re.M)))

    def summary(self):
        """sonde's own balance: the last line it wrote."""
        with open(self.output, "rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 65536))
            lines = file.read().splitlines()
        try:
            last = json.loads(lines[-1])
        except (IndexError, ValueError):
            raise ToolError("%s wrote no summary; it said: %s" % (
                self.tool.name, self.said().strip()[-300:])) from None
        if last.get("kind") != "summary":
            raise ToolError("the last line of %s is not a summary" % self.tool.name)
        return last["events"]


class Statistics:
    """The kernel's count of time in BPF programs, on inside the block.

    Asked for with a descriptor (BPF_ENABLE_STATS, 5.8), because kernel.bpf_stats_enabled would have
    to be put back: runs that overlap put back each other's value, and one that is killed, none.
    """

    def __enter__(self):
        number = {"x86_64": 321, "aarch64": 280, "riscv64": 280}.get(os.uname().machine)
        if number is None:
            raise ToolError("the number of bpf() is not known on this machine")
        kind = ctypes.c_uint32(0)  # BPF_STATS_RUN_TIME
        call = ctypes.CDLL(None, use_errno=True).syscall
        self.descriptor = call(number, BPF_ENABLE_STATS, ctypes.byref(kind), ctypes.sizeof(kind))
        if self.descriptor < 0:
            raise ToolError("the kernel keeps no statistics: " + os.strerror(ctypes.get_errno()))
        return self

    def __exit__(self, kind, value, trace):
        os.close(self.descriptor)


def statistics_are_on():
    """Has someone else switched them on? Then every run of a program costs some 20 ns more."""
    with open(STATISTICS, encoding="ascii") as file:
        return file.read().strip() != "0"


def program_costs(ids):
    """Per program of these ids: name, kind, runs, nanoseconds per run."""
    bpftool = shutil.which("bpftool") or "/usr/sbin/bpftool"
    listing = subprocess.check_output([bpftool, "prog", "show", "--json"])
    costs = []
    for program in json.loads(listing):
        runs = program.get("run_cnt", 0)
        if program["id"] in ids:
            costs.append({"name": program.get("name", "?"), "type": program.get("type", "?"),
                          "runs": runs,
                          "ns": program.get("run_time_ns", 0) / runs if runs else None})
    return sorted(costs, key=lambda cost: cost["name"])
