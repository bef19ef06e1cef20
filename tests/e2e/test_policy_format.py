"""Corners of the TracingPolicy format: what a file may say besides the plain, and that nothing of it is promised that is not done."""

import errno
import json
import os
import re
import subprocess

from harness import ROOT, SONDE, equal, expect
from test_policy_check import HEAD, check
from test_policy_life import connect, lines, policy, write

MONITORED = HEAD + """  %skprobes:
  - call: tcp_connect
    syscall: false
    args: [{index: 0, type: sock}]
    selectors:
    - matchArgs: [{index: 0, operator: DAddr, values: [127.0.0.1]}, {index: 0, operator: DPort, values: ["1"]}]
      matchActions: [{action: Sigkill}]
"""


def test_what_only_monitors_is_not_enforced(case):
    """policy-mode: monitor is said by check, and refused where it is to be enforced: by a file, and by name."""
    file = write(case, "m.yaml", MONITORED % "options: [{name: policy-mode, value: monitor}]\n  ")
    status, shown, said = check(file)
    expect(status == 0 and "nothing is done: policy-mode is monitor" in shown and "note 5:13: policy-mode: monitor" in shown, shown + said)
    status, shown, _ = check("--json", file)
    equal([place["enforced"] for place in json.loads(shown)["hooks"][0]["places"]],
          ["nothing is done: policy-mode is monitor, and the policy cannot be enforced"], "what is done")
    refused = policy(case, "enforce", "--force", "--allow-late", file, status=1).stderr
    expect("own is not enforced: its file says policy-mode: monitor" in refused and "own is enforced" not in refused, refused)
    equal(lines(policy(case, "list", "--json")), [], "what stands")
    policy(case, "observe", file)
    refused = policy(case, "enforce", "own", "--force", status=1).stderr
    expect("policy-mode: monitor" in refused, refused)
    equal([row["mode"] for row in lines(policy(case, "list", "--json"))], ["observe"], "its mode")
    equal(connect(1), errno.ECONNREFUSED, "connect, which nothing kills for")
    status, shown, said = check(write(case, "e.yaml", MONITORED % "options: [{name: policy-mode, value: enforce}]\n  "))
    expect(status == 0 and "monitor" not in shown and "killed" in shown, shown + said)


def test_documents_of_a_file(case):
    """Nothing behind a last line of dashes is no document; a second policy is refused, with a remedy that works for its form."""
    one = MONITORED % ""
    status, shown, said = check(write(case, "one.yaml", "---\n" + one + "---\n# the end\n---\n"))
    expect(status == 0 and "function tcp_connect" in shown, shown + said)
    status, shown, said = check(write(case, "two.yaml", one + "---\n" + one))
    expect(status == 1 and ":13:1: a second document begins here; a file has one TracingPolicy; put each into a file of its own" in said, said)
    status, shown, said = check(write(case, "short.yaml", "{name: a, when: exec}\n---\n{name: b, when: exec}\n"))
    expect(status == 1 and ":3:1: a second document begins here; several policies of a file are a list" in said, said)
    status, shown, said = check(write(case, "broken.yaml", one + "---\n{"))
    expect(status == 1 and "this is not YAML" in said, said)


def test_what_check_calls_good_is_loaded(case):
    """Each point that stands in for a function, once."""
    with open(os.path.join(ROOT, "src/policy/stand_in.def")) as rows:
        functions = sorted(set(re.findall(r'^STAND_IN\(\w+, "(\w+)"', rows.read(), re.M)))
    files = []
    for function in functions:
        name = function.strip("_").replace("_", "-")
        files.append(write(case, name + ".yaml", HEAD.replace("own", name) + "  kprobes: [{call: %s, syscall: false}]\n" % function))
    _, shown, _ = check("--json", *files)
    rows = [json.loads(line) for line in shown.splitlines()]
    good = [row["file"] for row in rows if row["good"] and all(place["rung"] != "none" for place in row["hooks"][0]["places"])]
    expect(len(rows) == len(functions) and good, shown)
    # some at a time: each place takes its number of open files, of which some machines allow few
    for some in (good[i:i + 8] for i in range(0, len(good), 8)):
        done = subprocess.run([SONDE, "policy", "watch", "--for", "1ms", *some], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              text=True, check=False)
        expect(done.returncode == 0 and "watching %d polic" % len(some) in done.stderr, done.stderr)
