"""Policies of a file that are watched for a part of the machine only."""

import os
import subprocess

import cgroups
from harness import equal, field, until
from test_policy_life import AS_4711, watch, write

SCOPED = """
apiVersion: cilium.io/v1alpha1
kind: TracingPolicy
metadata: {name: made}
spec:
  kprobes:
  - call: sys_mkdir
    syscall: true
    args: [{index: 0, type: string}]
    selectors: [{matchArgs: [{index: 0, operator: Prefix, values: [%s]}]}]
"""


def test_watch_a_part(case):
    """What only the kernel decides is told of within the scope alone: of processes, a user, a group."""
    place = case.path("made-")
    file = write(case, "p.yaml", SCOPED % place)
    [group] = cgroups.make(case, [cgroups.second()], "sonde-e2e-policy")
    outside = write(case, "outside.yaml", "{name: mounted, when: mount, if: 'process.pid == %d'}" % os.getpid())
    os.mkfifo(case.path("go"))
    os.chmod(case.tmp, 0o777)
    inner = subprocess.Popen(["sh", "-c", 'cat "$1" > "$1.read"; mkdir "$2"; read line', "-", case.path("go"), place + "pid"],
                             stdin=subprocess.PIPE)
    case.defer(inner.kill)
    sondes = {"pid": watch(case, file, "--pid", str(inner.pid)), "uid": watch(case, file, outside, "--uid", "4711"),
              "cgroup": watch(case, file, "--cgroup", group)}
    with open(case.path("go"), "w"):
        pass
    until(lambda: os.path.exists(place + "pid"), "the directory of a tree")
    subprocess.run([*AS_4711, "mkdir", place + "uid"], check=True)
    subprocess.run(["mkdir", place + "cgroup"], check=True, preexec_fn=lambda: cgroups.enter([group]))
    os.mkdir(place + "nobody")
    case.mount("-t", "tmpfs", "none", place + "nobody")
    for scope, sonde in sondes.items():
        sonde.stop()
        equal([(field(record, "policy.name"), record["policy"]["arguments"][0]["value"]) for record in sonde.records if "policy" in record],
              [("made", place + scope)], "what was told of a " + scope)
