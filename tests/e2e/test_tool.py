"""What tools are called when the kernel really runs them: scripts, modules, applets, links, and what has no file."""

import collections
import glob
import os
import shutil
import sys

from harness import expect, program
from test_work import record

MEMFD = """
import os
fd = os.memfd_create("payload")
os.write(fd, open("/bin/true", "rb").read())
os.execve(fd, ["ls"], {})
"""


def test_tools_are_called_what_people_call_them(case):
    def script(name, text):
        with open(case.path(name), "w") as file:
            file.write(text)
        os.chmod(file.name, 0o755)
        return file.name

    python = os.path.realpath(sys.executable)
    shutil.copy("/bin/true", case.path("gone"))
    os.symlink(program("burst"), case.path("another-name-for-it"))
    loader = glob.glob("/lib64/ld-linux-*.so.*")
    commands = [
        (["align.py"], [script("align.py", "#!%s\npass\n" % python)]),
        (["run.py"], ["python3", "-W", "ignore", "-X", "dev", script("run.py", "pass\n")]),
        (["env", "found.py"], [script("found.py", "#!/usr/bin/env python3\npass\n")]),
        (["this"], ["python3", "-m", "this"]),
        (["python3 -c"], ["python3", "-c", "pass"]),
        (["step.sh"], ["bash", "-eu", script("step.sh", "exit 0\n")]),
        (["step's.sh"], [script("step's.sh", "#!/bin/bash -eu\nexit 0\n")]),
        (["dash"], ["dash", "-c", ":"]),
        (["perl -e"], ["perl", "-we", "1"]),
        (["count.awk"], ["awk", "-f", script("count.awk", "BEGIN { exit }\n")]),
        (["awk"], ["awk", "BEGIN { exit }"]),
        (["another-name-for-it"], [case.path("another-name-for-it"), "leaf"]),
        (["python3 -c", "memfd:payload"], ["python3", "-c", MEMFD]),
    ]
    if shutil.which("busybox"):
        commands += [(["uname"], ["busybox", "uname"]), (["inner.sh"], ["busybox", "sh", script("inner.sh", "exit 0\n")])]
    if loader:
        commands.append((["gone"], [loader[0], case.path("gone")]))
    each = [["nice", *command] for _, command in commands]
    all_of_them = script("all.py", "import subprocess\nfor command in %r:\n"
                                   "    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)\n" % each)
    run = record(case, "python3", all_of_them)
    expect(run.tools()["all.py"] == 1, "the script itself: %s" % dict(run.tools()))
    # A process is called by what it was last: nice and env are gone by then.
    wanted = collections.Counter(names[-1] for names, _ in commands)
    wanted["all.py"] = 1
    expect(run.tools() == wanted, "tools: %s, expected %s" % (dict(run.tools()), dict(wanted)))
