"""Policies of the short form: what they match, what is kept of it, and who may change them."""

import json
import os
import signal
import socket
import subprocess
import time

from harness import SONDE, equal, expect, field, until


def environment(case):
    return dict(os.environ, SONDE_STORE=case.path("store.db"))


def policy(case, *words, status=0):
    done = subprocess.run([SONDE, "policy", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env=environment(case), timeout=60)
    equal(done.returncode, status, "exit status of policy %s (%s)" % (" ".join(words), done.stderr.strip()))
    return done


def lines(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def write(case, name, text, mode=0o644):
    path = case.path(name)
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


def watch(case, *words):
    return case.sonde("watch", *words, command="policy", env=environment(case))


def matches(sonde, name):
    return [record for record in sonde.records if field(record, "policy.name") == name]


def touch(path):
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))


def test_watch_files(case):
    """Each point tells of what was done, and of nothing else."""
    secret, other = write(case, "secret", "x"), write(case, "other", "x")
    name = case.path('a "name"\nwith\x1b[31m all')
    file = write(case, "p.yaml", """
- name: secret-read
  when: open
  if: path == "%s"
  severity: high
  message: the secret was read
  tags: [files, test]
- name: made
  when: create
  if: path startswith "%s/a "
- name: port
  when: connect
  if: peer.address == 127.0.0.1 and peer.port in [1, 2]
  then: deny
- name: ran
  when: exec
  if: executable.path endswith "/true" and parent_pid == %d
""" % (secret, case.tmp, os.getpid()))
    sonde = watch(case, file)
    for path in (secret, other):
        open(path).close()
    os.mkdir(name)
    for port in (1, 3):
        with socket.socket() as client:
            equal(client.connect_ex(("127.0.0.1", port)), 111, "connect, which nothing denies")
    child = subprocess.Popen(["true"])
    child.wait()
    sonde.stop()
    secret_read = [record for record in matches(sonde, "secret-read") if field(record, "process.pid") == os.getpid()]
    equal(len(secret_read), 1, "reads of the secret")
    equal(secret_read[0]["policy"], {"name": "secret-read", "point": "open", "action": "log", "result": "observed",
                                     "severity": "high", "message": "the secret was read", "tags": ["files", "test"]}, "policy")
    equal(field(secret_read[0], "file.path"), secret, "path")
    equal([field(record, "file.path") for record in matches(sonde, "made")], [name], "what was made")
    ports = [(field(record, "network.peer.port"), field(record, "policy.result")) for record in matches(sonde, "port")]
    equal(ports, [(1, "due")], "connections")
    equal([field(record, "process.pid") for record in matches(sonde, "ran")], [child.pid], "programs")


def test_life(case):
    """Observed policies count what they match, by tool, user and object; an agent that is killed loses no more than a second."""
    target = case.path("target")
    file = write(case, "p.yaml", '- {name: one, when: write, if: \'path == "%s"\', then: kill}\n'
                                 "- {name: two, when: accept, if: local.port == 1}\n" % target)
    policy(case, "observe", file)
    os.unlink(file)  # what stands does not need it any more
    equal([(row["name"], row["mode"], row["matched"]) for row in lines(policy(case, "list", "--json"))],
          [("one", "observe", 0), ("two", "observe", 0)], "what stands")
    sonde = watch(case)
    for _ in range(3):
        touch(target)
    subprocess.run(["touch", target], check=True)
    second = case.sonde("watch", "--for", "1s", command="policy", env=environment(case))
    second.finish()
    expect("another sonde writes" in second.stderr(), second.stderr())

    def report():
        return lines(policy(case, "report", "one", "--json"))[0]
    until(lambda: report()["matched"] >= 4, "matches written while it watches")
    sonde.process.kill()
    sonde.process.wait()
    got = report()
    rows = {row["tool"]: row for row in got["matches"]}
    equal({tool: row["matched"] for tool, row in rows.items() if tool == "touch"}, {"touch": 1}, "by touch")
    equal(sum(row["matched"] for tool, row in rows.items() if tool != "touch"), 3, "by this test")
    equal({(row["object"], row["user"]) for row in rows.values()}, {(target, 0)}, "what and who")
    expect(all(row["first"] <= row["last"] for row in rows.values()), "times")
    expect(0 < got["observed_ns"] < time.time_ns(), "observed for %s" % got["observed_ns"])
    equal((got["action"], got["unacknowledged"]), ("kill", got["matched"]), "report")
    policy(case, "report", "one", "--acknowledge")
    got = report()
    equal(got["unacknowledged"], 0, "not acknowledged")
    expect([deed["what"].split()[0] for deed in got["log"]] == ["observe", "acknowledge"], "log %s" % got["log"])
    policy(case, "remove", "one")
    expect("did you mean two" in policy(case, "remove", "twoo", status=1).stderr, "nearest name")
    equal([row["name"] for row in lines(policy(case, "list", "--json"))], ["two"], "what stands")


def test_changed(case):
    """A policy that means something else begins anew; another message does not."""
    text = "name: it\nwhen: open\nif: path == \"%s\"\nmessage: a\n" % case.path("f")
    policy(case, "observe", write(case, "p.yaml", text))
    sonde = watch(case)
    touch(case.path("f"))
    sonde.stop()

    def row():
        return lines(policy(case, "list", "--json"))[0]
    equal(row()["matched"], 1, "matched")
    policy(case, "observe", write(case, "p.yaml", "# a comment\n" + text.replace("message: a", "message: b")))
    equal(row()["matched"], 1, "matched, with another message")
    policy(case, "observe", write(case, "p.yaml", text.replace("open", "write")))
    equal((row()["matched"], row()["observed_ns"]), (0, 0), "matched and observed, at another point")


def test_refused(case):
    """Files that others may write, that hold mistakes, or only some good policies, are not taken at all."""
    good = "{name: good, when: open}"
    cases = [
        (write(case, "group", good, 0o664), "chmod"),
        (write(case, "others", good, 0o646), "chmod"),
        (write(case, "mistake", "- %s\n- {name: bad, when: nowhere}\n" % good), ":2:21: there is no point"),
        (write(case, "expression", "name: x\nwhen: open\nif: path == 1\n"), ":3:"),
        (case.path("missing"), "cannot be opened"),
        (case.tmp, "no regular file"),
    ]
    os.chown(write(case, "owner", good), 12345, -1)
    cases.append((case.path("owner"), "another user"))
    for file, why in cases:
        done = policy(case, "observe", file, status=1)
        expect(why in done.stderr and file in done.stderr, "%s: %s" % (file, done.stderr))
        expect(done.stderr.count("\n") == 1, "more than a line: %s" % done.stderr)
    equal(policy(case, "list", "--json").stdout, "", "what stands")
    policy(case, "observe", status=2)
    policy(case, "nonsense", status=2)


def test_only_the_owner(case):
    """Who does not own the state cannot change it."""
    policy(case, "observe", write(case, "p.yaml", "{name: mine, when: open}"))
    os.chmod(case.tmp, 0o755)
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", SONDE, "policy", "remove", "mine"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(case))
    equal(done.returncode, 1, "exit status (%s)" % done.stderr)
    expect("may change policies" in done.stderr, done.stderr)
    equal([row["name"] for row in lines(policy(case, "list", "--json"))], ["mine"], "what stands")
