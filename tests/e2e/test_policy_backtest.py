"""Backtest: what a recorded run says of a policy is what it would have done, or it is said that it is not known."""

import os
import sqlite3
import subprocess

from harness import SONDE, equal, expect
from test_policy_life import PYTHON, environment, lines, policy, write

RESET = """
import socket, struct
server = socket.create_server(('127.0.0.1', 0))
client = socket.create_connection(server.getsockname())
other, _ = server.accept()
other.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
other.close()
try: client.recv(1)
except ConnectionResetError: open('port', 'w').write(str(server.getsockname()[1]))
"""
POLICIES = """
- {name: linked, when: exec, if: process.name == "a-link"}
- {name: ended, when: exit, if: process.name == "a-link"}
- {name: path, when: [exec, exit], if: process.name == "true"}
- {name: script, when: exec, if: process.name == "tool.sh"}
- {name: below, when: exec, if: ancestor.name == "tool.sh"}
- {name: talking, when: connect, if: process.name == "snake" and peer.port == %(port)s}
- {name: refused, when: connect, if: exists(error.code)}
- {name: served, when: accept, if: local.port == %(port)s}
- {name: caller, when: accept, if: peer.port == 0}
- {name: flags, when: open, if: '"O_TRUNC" in file.flags'}
"""


def recorded(case):
    """A link, a script and what it runs, and a connection that is established and then reset."""
    os.symlink(os.path.realpath("/bin/true"), case.path("a-link"))
    os.symlink(PYTHON, case.path("snake"))
    write(case, "tool.sh", "#!/bin/sh\n/bin/true\nexit 0\n", 0o755)
    write(case, "reset.py", RESET)
    subprocess.run([SONDE, "run", "--quiet", "--files", "--name", "tested", "--", "/bin/sh", "-c", "./a-link; ./tool.sh; ./snake reset.py; exit 0"],
                   check=True, stderr=subprocess.DEVNULL, cwd=case.tmp, env=environment(case), timeout=120)
    with open(case.path("port")) as file:
        return file.read()


def tested(case, file):
    rows = [row for row in lines(policy(case, "test", file, "--run", "tested", "--json")) if row["kind"] == "policy"]
    return {row["policy"]: row.get("matched", row.get("why")) for row in rows}


def test_names_are_the_kernels(case):
    """By link, script and program, at each kind of event; what a kind of event does not keep is said, not 0."""
    port = recorded(case)
    file = write(case, "p.yaml", POLICIES % {"port": port})
    equal(tested(case, file),
          {"linked": 1, "ended": 1, "path": 2, "script": 1, "below": 1, "talking": 1, "refused": 0, "served": 1,
           "caller": 'this run does not keep network.peer.port at "accept"',
           "flags": 'this run does not keep file.flags at "open"'}, "what would have matched")
    with sqlite3.connect(case.path("store.db")) as store:
        made = store.execute("SELECT connections, failures, broken, error FROM peers WHERE port = ? AND direction = 1", (int(port),)).fetchall()
        # as one that was recorded before names were kept
        store.execute("UPDATE processes SET name = NULL")
    store.close()
    equal(made, [(1, 0, 1, 104)], "an established connection that was reset: made, failed, broken, errno")
    why = tested(case, file)
    equal({name: why[name] for name in ("linked", "ended", "below", "talking")},
          {"linked": 'this run does not keep process.name at "exec"', "ended": 'this run does not keep process.name at "exit"',
           "below": 'this run does not keep ancestor.name at "exec"',
           "talking": 'this run does not keep process.name at "connect"'}, "without names")
    shown = subprocess.run([SONDE, "report", "tested", "--peers"], stdout=subprocess.PIPE, text=True, env=environment(case), check=True)
    expect("1 broken ECONNRESET" in shown.stdout, shown.stdout)
