"""Control groups made for a test: in which hierarchies, with which processes, and gone afterwards."""

import os
import time

from harness import Skip


def hierarchies():
    """(mount point, controllers) of every mounted hierarchy; the controllers of the second version are empty."""
    found = []
    with open("/proc/self/mounts") as file:
        for line in file:
            source, point, kind, options = line.split()[:4]
            if kind == "cgroup2":
                found.append((point, ()))
            elif kind == "cgroup":
                found.append((point, tuple(options.split(","))))
    return found


def second():
    """Where the second version is mounted."""
    for point, controllers in hierarchies():
        if not controllers:
            return point
    raise Skip("no cgroup2 hierarchy here")


def first(controller):
    """Where a controller of the first version is mounted."""
    for point, controllers in hierarchies():
        if controller in controllers:
            return point
    raise Skip("no %s hierarchy of the first version here" % controller)


def remove(path):
    """Removes a cgroup and what the test made below it, as soon as its processes are gone."""
    for base, _, _ in os.walk(path, topdown=False):
        limit = time.monotonic() + 5
        while os.path.isdir(base):
            try:
                os.rmdir(base)
            except OSError:
                if time.monotonic() > limit:
                    return
                time.sleep(0.01)


def make(case, mounts, path):
    """Makes the same cgroup below several mount points; returns its directories. Removed with the test."""
    made = []
    for mount in mounts:
        at = mount
        for part in path.strip("/").split("/"):
            at = os.path.join(at, part)
            if not os.path.isdir(at):
                os.mkdir(at)
                case.defer(remove, at)
                inherit_cpuset(at)
        made.append(at)
    return made


def inherit_cpuset(path):
    """A new group of cpuset takes no process before it has CPUs and memory."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        above = os.path.join(os.path.dirname(path), name)
        if os.path.exists(os.path.join(path, name)) and os.path.exists(above):
            with open(above) as file:
                value = file.read()
            if value.strip():
                with open(os.path.join(path, name), "w") as file:
                    file.write(value)


def enter(directories, pid=0):
    """Moves a process into cgroups."""
    for directory in directories:
        with open(os.path.join(directory, "cgroup.procs"), "w") as file:
            file.write(str(pid or os.getpid()))
