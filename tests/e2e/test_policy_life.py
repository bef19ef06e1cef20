"""Policies of the short form: what they match, what is kept of it, and who may change them."""

import contextlib
import errno
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import time

from harness import SONDE, Skip, check_fields, equal, expect, field, until


PINS = "/sys/fs/bpf/sonde/policies"
PYTHON = os.path.realpath("/proc/self/exe")


# Whose the policies in the kernel are, while they are a test's: what a run of the tests left behind that was killed is not the machine's.
OURS = "/run/sonde-e2e-policies"


def environment(case):
    """A state of the test's own. What is in the kernel is the machine's: it goes when the test ends."""
    if not hasattr(case, "has_policies"):
        case.has_policies = True
        if not os.path.ismount("/sys/fs/bpf"):
            case.mount("-t", "bpf", "bpf", "/sys/fs/bpf")
        if os.path.exists(PINS) and is_left_over():
            shutil.rmtree(PINS)
        if os.path.exists(PINS):
            raise Skip("policies stand on this machine")
        with open(OURS, "w") as file:
            file.write(str(os.getpid()))
        case.defer(clean, case)
    return dict(os.environ, SONDE_STORE=case.path("store.db"))


def is_left_over():
    if not os.path.exists(OURS):
        return False
    with open(OURS) as file:
        return not os.path.exists("/proc/%s/" % file.read().strip())


def clean(case):
    if policy(case, "list", "--json").stdout:
        policy(case, "remove", "--all")
    with contextlib.suppress(FileNotFoundError):
        with open(OURS) as file:
            own = file.read() == str(os.getpid())
        if own:
            os.unlink(OURS)
    expect(not os.path.exists(os.path.dirname(PINS)), "something is left in the kernel")


def bpf_ids(what):
    listed = subprocess.run(["bpftool", what, "list", "--json"], stdout=subprocess.PIPE, check=True).stdout
    return {row["id"]: row.get("name", "") for row in json.loads(listed)}


def connect(port, runner=()):
    """What connect says, as an errno, in a process of its own."""
    return connected("socket.socket().connect_ex(('127.0.0.1', %d))" % port, runner)


def connect_mapped(port, runner=()):
    """The same address, written as IPv6; 0 where there is no IPv6."""
    if not os.path.exists("/proc/net/if_inet6"):
        return 0
    return connected("socket.socket(socket.AF_INET6).connect_ex(('::ffff:127.0.0.1', %d))" % port, runner)


def connected(expression, runner):
    code = "import socket; print(%s)" % expression
    return int(subprocess.run([*runner, PYTHON, "-c", code], stdout=subprocess.PIPE, check=True).stdout)


def policy(case, *words, status=0):
    done = subprocess.run([SONDE, "policy", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env=environment(case), timeout=120)
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
    return [record for record in sonde.records or sonde.parse() if field(record, "policy.name") == name]


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
            equal(client.connect_ex(("127.0.0.1", port)), errno.ECONNREFUSED, "connect, which nothing denies")
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


def test_watch_filter(case):
    """Shows a part of what is matched, whoever told of it; all of it counts in the report."""
    targets = [write(case, name, "x") for name in ("first", "second")]
    text = """
- {name: one, when: write, if: 'path == "%s"', then: kill, severity: high, message: it was, tags: [a, b]}
- {name: two, when: write, if: 'path == "%s" and process.name != "nobody"', severity: high}
- {name: end, when: exit, if: 'process.pid == %%d', severity: low, tags: [b]}
""" % tuple(targets)
    policy(case, "observe", write(case, "p.yaml", text % os.getpid()))
    one = watch(case, "-f", 'policy.name == "one" and "b" in policy.tags and policy.message contains "was" and policy.action == "kill"')
    child = subprocess.Popen(["sh", "-c", "read line; exec true"], stdin=subprocess.PIPE)
    file = write(case, "mine.yaml", text % child.pid)
    sondes = [watch(case, file, "-f", text) for text in (
        'policy.severity == "low" and policy.point == "exit" and "b" in policy.tags and policy.result == "observed"',
        'policy.name in ["one", "two"] and process.pid == %d and policy.point == "write"' % os.getpid(),
        "process.pid == %d and not (policy.severity in ['low', 'high'])" % os.getpid())]
    for target in targets:
        touch(target)
    child.communicate(b"\n", timeout=120)
    for sonde in (one, *sondes):
        sonde.stop()
    equal([[field(record, "policy.name") for record in sonde.records] for sonde in (one, *sondes)],
          [["one"], ["end"], ["one", "two"], []], "what each showed")
    equal([lines(policy(case, "report", name, "--json"))[0]["matched"] for name in ("one", "two", "end")], [1, 1, 0], "what counts")
    equal(sum(count["lost"] for count in one.summary["events"].values()), 0, "lost")
    shown = policy(case, "watch", "-f", 'file.path == "/etc"', status=2).stderr
    expect("column 1: file.path is not known of matches" in shown, shown)
    expect("--filter is for watch, not for list" in policy(case, "list", "-f", "pid == 1", status=2).stderr, "elsewhere")
    expect("user space  process.pid == 1" in policy(case, "watch", "-f", "pid == 1", "--explain").stdout, "explained")


def test_watch_what_cannot_be(case):
    """The number of policies is that of those that are watched; where it is none, that is no success."""
    unseen = "- {name: unseen, when: mount, if: 'process.name == \"nobody\"'}\n"
    said = policy(case, "watch", "--for", "1s", write(case, "none.yaml", unseen), status=1).stderr
    expect("unseen is not observed" in said and "nothing is watched" in said and "watching" not in said, said)
    said = policy(case, "watch", "--for", "1s", write(case, "one.yaml", unseen + "- {name: seen, when: exec}\n")).stderr
    expect("unseen is not observed" in said and "watching 1 policy" in said, said)


def test_a_thousand_policies(case):
    """Looked up together, in the kernel: what none matches never enters a ring, so a reader that stands still loses nothing."""
    wanted = write(case, "wanted", "x")
    text = "".join("- {name: p%d, when: open, if: 'path == \"%s\" and user.id == %d', then: log}\n" %
                   (number, wanted if number in (777, 888) else case.path("absent-%d" % number),
                    4711 if number == 888 else os.geteuid()) for number in range(1000))
    sonde = watch(case, write(case, "many.yaml", text), "--ring-size", "64K", "--pid", str(os.getpid()))
    sonde.send(signal.SIGSTOP)
    for number in range(10000):
        os.close(os.open(wanted if number == 5000 else "/etc/passwd", os.O_RDONLY))
    sonde.send(signal.SIGCONT)
    sonde.stop()
    equal([field(record, "policy.name") for record in sonde.records if field(record, "policy.name")], ["p777"], "matches")
    equal(sonde.lost(), 0, "lost")


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
    since = row()["since"]
    policy(case, "observe", write(case, "p.yaml", text.replace("open", "write")))
    equal(row()["matched"], 0, "matched, at another point")
    expect(row()["since"] > since, "its observation goes on")


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
    expect("--force is for enforce" in policy(case, "observe", "--force", case.path("others"), status=2).stderr, "an option of others")


def test_too_much_for_a_program(case):
    """What cannot be compiled, alone or with others, is left to an agent; what stands beside it is not, what is enforced last of all."""
    def searches(name, count):
        condition = " and ".join("path like \"*%s%d*x?\"" % (name, number) for number in range(count))
        return "- {name: %s, when: open, if: '%s'}\n" % (name, condition)

    text = "- {name: one, when: open, if: 'path == \"/one\"'}\n" + searches("much", 30) + \
           "".join(searches("some%d" % number, 4) for number in range(30)) + \
           "- {name: two, when: open, if: 'path == \"/two\"'}\n"
    policy(case, "enforce", "--force", write(case, "enforced.yaml", searches("sure", 5)))
    done = policy(case, "observe", write(case, "p.yaml", text))
    left = re.findall("^sonde: (.*) is observed only while .* searches in texts", done.stderr, re.M)
    equal(sorted(left), sorted(["much", *("some%d" % number for number in range(30))]), "left to an agent")
    expect("not enforced" not in done.stderr, done.stderr)


def test_only_the_owner(case):
    """Who does not own the state cannot change it."""
    policy(case, "observe", write(case, "p.yaml", "{name: mine, when: oom}"))
    os.chmod(case.tmp, 0o755)
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", SONDE, "policy", "remove", "mine"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(case))
    equal(done.returncode, 1, "exit status (%s)" % done.stderr)
    expect("may change policies" in done.stderr, done.stderr)
    for change, undo in (((os.chmod, 0o620), (os.chmod, 0o600)), ((os.chown, 65534, -1), (os.chown, os.geteuid(), -1))):
        change[0](case.path("policies.db"), *change[1:])
        done = policy(case, "load", status=1)
        expect("could change what is enforced" in done.stderr, "a state that others may write is taken: %s" % done.stderr)
        undo[0](case.path("policies.db"), *undo[1:])
    equal([row["name"] for row in lines(policy(case, "list", "--json"))], ["mine"], "what stands")


def test_observe_without_rights(case):
    """Who may not load programs begins nothing: neither is it said to be observed, nor does it stand."""
    os.chmod(case.tmp, 0o777)
    file = write(case, "p.yaml", "{name: mine, when: open}")
    os.chown(file, 65534, 65534)
    done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", SONDE, "policy", "observe", file],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(case))
    equal((done.returncode, done.stderr.count("\n")), (1, 1), "exit status and lines (%s)" % done.stderr)
    expect("observed" not in done.stderr and "root" in done.stderr, done.stderr)
    expect(not os.path.exists(case.path("policies.db")), "it left a state")


DENY = """
name: no-port
when: connect
if: peer.address == 127.0.0.1 and peer.port == 47 and user.id == 4711
then: deny
"""
AS_4711 = ("setpriv", "--reuid=4711", "--clear-groups")


def test_deny(case):
    """Observe, then enforce: it is refused before it was observed and looked at; then it denies, for whom it is meant."""
    if connect(47, AS_4711) != errno.ECONNREFUSED:
        raise Skip("no other user may run Python here")
    file = write(case, "deny.yaml", DENY)
    policy(case, "observe", file)
    equal(connect(47, AS_4711), errno.ECONNREFUSED, "connect, while it is observed")

    def row():
        return lines(policy(case, "list", "--json"))[0]
    equal(row()["matched"], 1, "matched, without an agent")
    expect("was observed for" in policy(case, "enforce", "no-port", status=1).stderr, "it is enforced at once")
    done = policy(case, "enforce", "no-port", "--observed-for", "1us", status=1)
    expect("1 match" in done.stderr and "acknowledge" in done.stderr, done.stderr)
    expect("(while nobody watched)" in done.stdout, "the report is not shown: %s" % done.stdout)
    equal(row()["mode"], "observe", "mode")
    policy(case, "enforce", "no-port", "--observed-for", "1us", "--acknowledge")
    equal(connect(47, AS_4711), errno.EPERM, "connect, enforced")
    mapped = connect_mapped(47, AS_4711)
    expect(mapped in (errno.EPERM, 0), "an address written as IPv6 gets around it: errno %d" % mapped)
    equal(connect(47), errno.ECONNREFUSED, "connect of another user")
    equal(connect(48, AS_4711), errno.ECONNREFUSED, "connect to another port")
    got = row()
    stopped = got["stopped"]
    equal((got["mode"], got["matched"], stopped in (1, 2)), ("enforce", 1 + stopped, True), "what stands: %s" % got)
    expect("is enforced" in policy(case, "observe", file, status=1).stderr, "it can be replaced")

    sonde = watch(case)
    equal(connect(47, AS_4711), errno.EPERM, "connect, while an agent watches")
    told = sonde.wait_record(lambda record: field(record, "policy.name") == "no-port", "the match")
    equal((field(told, "process.user.id"), told["kind"]), (4711, "policy"), "who it was")
    check_fields(told, {"policy.point": "connect", "policy.action": "deny", "policy.result": "denied", "network": None})
    equal(told["policy"]["arguments"], [{"type": "sockaddr", "family": "ipv4", "address": "127.0.0.1", "port": 47}], "where to")
    sonde.process.kill()
    sonde.process.wait()
    equal(connect(47, AS_4711), errno.EPERM, "connect, after the agent was killed")
    equal((row()["matched"], row()["stopped"]), (3 + stopped, 2 + stopped), "what was counted")

    before = bpf_ids("prog")
    expect("policy_connect4" in before.values(), "programs: %s" % before)
    policy(case, "remove", "no-port")
    equal(connect(47, AS_4711), errno.ECONNREFUSED, "connect, after it was removed")
    expect(not os.path.exists(PINS), "pins are left")
    until(lambda: not [name for name in bpf_ids("prog").values() if name.startswith("policy_connect")], "its programs to end")


def test_an_agent_follows(case):
    """What was counted before an agent began is kept, what is changed meanwhile is watched, and what is removed acts no more."""
    def refused(port):
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port))

    text = "{name: %s, when: connect, if: peer.address == 127.0.0.1 and peer.port == %d, then: deny}"
    policy(case, "observe", write(case, "seen.yaml", text % ("seen", 51)))
    equal(refused(51), errno.ECONNREFUSED, "connect, observed")
    sonde = watch(case)
    policy(case, "enforce", "--force", write(case, "new.yaml", text % ("new", 52)))
    equal(refused(52), errno.EPERM, "connect, enforced")
    until(lambda: refused(52) == errno.EPERM and matches(sonde, "new"), "the agent to tell of what is new")
    policy(case, "remove", "new")
    equal(refused(52), errno.ECONNREFUSED, "connect, removed while an agent watches")
    sonde.stop()
    equal([(row["name"], row["matched"]) for row in lines(policy(case, "list", "--json"))], [("seen", 1)], "what stands")
    policy(case, "enforce", "seen", "--force")
    equal(refused(51), errno.EPERM, "connect, enforced")
    policy(case, "remove", "seen")
    equal(refused(51), errno.ECONNREFUSED, "connect, removed")


def test_force(case):
    """Whoever forces is in the log; what the kernel cannot do is refused all the same."""
    policy(case, "observe", write(case, "deny.yaml", DENY))
    policy(case, "enforce", "no-port", "--force")
    log = lines(policy(case, "report", "no-port", "--json"))[0]["log"]
    expect([deed for deed in log if deed["what"].startswith("enforce by force")], "log: %s" % log)
    equal({deed["user"] for deed in log}, {int(os.environ.get("SUDO_UID", 0))}, "who did it")
    policy(case, "observe", write(case, "accept.yaml", "{name: late, when: accept, if: local.port == 1, then: deny}"))
    expect("nothing in the kernel denies" in policy(case, "enforce", "late", "--force", status=1).stderr, "it was enforced")
    modes = {row["name"]: row["mode"] for row in lines(policy(case, "list", "--json"))}
    equal(modes, {"no-port": "enforce", "late": "observe"}, "modes")


EVERY_POINT = """
- {name: made, when: create, if: '(path startswith "%(at)s/" or new_path startswith "%(at)s/") and not path endswith "/other"'}
- {name: removed, when: remove, if: 'path startswith "%(at)s/"'}
- {name: moved, when: rename, if: 'path startswith "%(at)s/" and new_path endswith "/b"'}
- {name: setuid, when: chmod, if: 'path startswith "%(at)s/" and (file.mode & 0o6000) != 0'}
- {name: given, when: chown, if: 'path startswith "%(at)s/" and file.user.id == 12'}
- {name: cut, when: truncate, if: 'path startswith "%(at)s/"'}
- {name: mknod, when: change, if: 'path == "%(at)s/other" and file.change == "mknod"'}
- {name: mounts, when: mount, if: 'path == "%(at)s/dir"'}
- {name: listens, when: listen, if: 'local.address == 127.0.0.1 and local.port == %(port)d'}
- {name: accepts, when: accept, if: 'local.port == %(port)d and peer.address == 127.0.0.1'}
- {name: forks, when: fork, if: 'executable.path == "%(python)s"'}
- {name: sends, when: signal, if: 'signal.name == "SIGUSR2" and executable.path == "%(python)s"'}
"""

ACTS = """
import ctypes, os, signal, socket, sys, threading
os.chdir(sys.argv[1])
os.close(os.open("a", os.O_CREAT | os.O_WRONLY, 0o644))
os.close(os.open("a", os.O_CREAT | os.O_WRONLY, 0o644))  # it is there
here = os.open(".", os.O_RDONLY)
os.mkdir("dir")
libc = ctypes.CDLL(None, use_errno=True)
where = os.path.abspath("dir").encode()
libc.mount(b"none", where, b"tmpfs", 0, None)
libc.umount(where)
copy = libc.syscall(428, -100, b"/proc", 1)  # open_tree, a copy
libc.syscall(429, copy, b"", -100, where, 4)  # move_mount
os.close(copy)
libc.umount(where)
os.link("a", "l")
os.symlink("x", "s", dir_fd=here)
os.mkfifo("fifo")
os.mkfifo("other")
open("a", "w").close()
open("new", "w").close()  # nothing to cut
os.truncate("a", 0)
file = os.open("a", os.O_RDWR)
os.ftruncate(file, 0)
os.fchmod(file, 0o4755)
os.chmod("a", 0o2755)
os.chmod("a", 0o755)
os.fchown(file, 12, -1)
os.chown("a", 0, 0)
os.rename("a", "b", src_dir_fd=here)
os.rename("b", "c")
for name in ("c", "l", "s"):
    os.unlink(name)
os.unlink(sys.argv[1] + "/new")
os.rmdir("dir", dir_fd=here)
try:
    os.unlink("nothing")
except OSError:
    pass
server = socket.socket(fileno=int(sys.argv[2]))
server.listen()
client = socket.create_connection(server.getsockname())
server.accept()
signal.signal(signal.SIGUSR2, signal.SIG_IGN)
os.kill(os.getpid(), signal.SIGUSR2)
os.kill(os.getpid(), 0)
thread = threading.Thread(target=int)
thread.start()
thread.join()
if not os.fork():
    os._exit(0)
os.wait()
"""


def test_points_without_an_agent(case):
    """What is done to files, sockets and processes is counted by the kernel, each act once, and its neighbours not."""
    python, place = case.path("python"), case.path("work")
    shutil.copy(PYTHON, python)
    os.mkdir(place)
    if subprocess.run([python, "-c", "import socket"], stderr=subprocess.DEVNULL).returncode:
        raise Skip("a copy of Python does not run")
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port, number = server.getsockname()[1], server.fileno()
        file = write(case, "points.yaml", EVERY_POINT % {"at": place, "port": port, "python": python})
        policy(case, "observe", file)
        subprocess.run([python, "-c", ACTS, place, str(number)], check=True, pass_fds=[number])
    got = {row["name"]: row["matched"] for row in lines(policy(case, "list", "--json"))}
    equal(got, {"made": 6, "removed": 5, "moved": 1, "setuid": 2, "given": 1, "cut": 3, "mknod": 1, "mounts": 2, "listens": 1, "accepts": 1,
                "forks": 1, "sends": 1}, "what was counted")
    policy(case, "remove", "made", "cut")
    expect("no policy cut" in policy(case, "remove", "moved", "cut", status=1).stderr, "what does not stand can be removed")
    equal(len(lines(policy(case, "list", "--json"))), 10, "what stands")
    policy(case, "remove", "--all", "moved", status=2)
    policy(case, "remove", status=2)
    policy(case, "remove", "--all")
    expect(not os.path.exists(PINS), "something is left in the kernel")


def test_replaced(case):
    """What is enforced is replaced by a new version of it: nobody gets through while that happens, or when it is refused."""
    if connect(47, AS_4711) != errno.ECONNREFUSED:
        raise Skip("no other user may run Python here")
    file = write(case, "deny.yaml", DENY)
    expect("--force" in policy(case, "enforce", file, status=1).stderr, "what was not observed is enforced")
    policy(case, "enforce", "--force", file)
    loop = "import errno, signal, socket, sys; ended = []; got = []; signal.signal(signal.SIGTERM, lambda *_: ended.append(1)); " \
           "print(flush=True)\nwhile not ended: got.append(socket.socket().connect_ex(('127.0.0.1', 47)))\n" \
           "print(len(got), set(got) == {errno.EPERM})"
    trying = subprocess.Popen([*AS_4711, PYTHON, "-c", loop], stdout=subprocess.PIPE, text=True)
    case.defer(trying.kill)
    trying.stdout.readline()
    policy(case, "enforce", "--force", write(case, "deny.yaml", DENY.replace("port == 47", "port in [47, 48]")))
    bad = write(case, "bad.yaml", DENY.replace("user.id == 4711", "container.id == \"a\""))
    expect("does not know container.id" in policy(case, "enforce", "--force", bad, status=1).stderr, "it was enforced")
    trying.terminate()
    count, denied = trying.communicate()[0].split()
    expect(int(count) > 10 and denied == "True", "%s tried, all denied: %s" % (count, denied))
    equal(connect(48, AS_4711), errno.EPERM, "connect to what the new version denies")
    row, = lines(policy(case, "list", "--json"))
    equal((row["name"], row["mode"]), ("no-port", "enforce"), "what stands")
    log = [deed["what"] for deed in lines(policy(case, "report", "no-port", "--json"))[0]["log"]]
    equal(log, ["enforce by force: it was not observed", "enforce by force: it changed, and takes the place of what stood"], "log")


def test_load_says_what_is_not_enforced(case):
    """Loading fails if anything that is to be enforced is not, for it cannot be compiled or read any more; the others are loaded."""
    policy(case, "enforce", "--force", write(case, "deny.yaml", DENY))
    policy(case, "enforce", "--force", write(case, "other.yaml", "{name: other, when: connect, if: peer.port == 53, then: deny}"))
    expect("2 enforced, 0 observed" in policy(case, "load").stderr, "what is loaded")
    for text, why in ((DENY.replace("user.id == 4711", 'container.id == "a"'), "no-port is not enforced: the kernel does not know"),
                      ("name: no-port", "deny.yaml")):
        with sqlite3.connect(case.path("policies.db")) as state:
            state.execute("UPDATE source SET text = ? WHERE file LIKE '%/deny.yaml'", (text.encode(),))
        state.close()
        done = policy(case, "load", status=1)
        expect(why in done.stderr and "1 of 2 policies that are to be enforced are not" in done.stderr, done.stderr)
        equal(connect(53), errno.EPERM, "connect, which the other denies")


def test_lost_state(case):
    """What is in the kernel can be ended without its state."""
    policy(case, "observe", write(case, "deny.yaml", DENY))
    for file in os.listdir(case.tmp):
        if file.startswith("policies.db"):
            os.unlink(case.path(file))
    expect(os.path.exists(PINS), "nothing was pinned")
    expect("programs of policies in the kernel" in policy(case, "list").stderr, "the list says that nothing stands")
    policy(case, "remove", "no-port")
    expect(not os.path.exists(PINS), "pins are left")


BACKTEST = """
- {name: tools, when: exec, if: 'executable.name == "true" and ancestor.name == "%(shell)s"', then: kill}
- {name: reading, when: open, if: 'path == "%(file)s"', then: deny}
- {name: talking, when: connect, if: peer.port == %(port)d and peer.address in 127.0.0.0/8, then: deny}
- {name: never, when: exec, if: 'executable.name == "sonde-no-such-tool"', then: kill}
- {name: terminal, when: exec, if: 'tty == "pts/0"', then: log}
- {name: removal, when: remove, then: log}
"""


def test_backtest(case):
    """Over a recorded run: what would have matched, folded; and what cannot be said is said."""
    wanted, closed = case.path("wanted"), socket.socket()
    closed.bind(("127.0.0.1", 0))
    port = closed.getsockname()[1]
    write(case, "wanted", "x")
    code = "import socket; socket.socket().connect_ex(('127.0.0.1', %d))" % port
    script = "/bin/true; /bin/true; /bin/true; cat %s; %s -c \"%s\"; exit 0" % (wanted, PYTHON, code)
    subprocess.run([SONDE, "run", "--quiet", "--files", "--name", "tested", "--", "/bin/sh", "-c", script], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(case), timeout=120)
    file = write(case, "p.yaml", BACKTEST % {"shell": "sh", "file": wanted, "port": port})
    rows = lines(policy(case, "test", file, "--run", "tested", "--json"))
    found = {row["policy"]: (row["action"], row["tool"], row["object"], row["count"]) for row in rows if row["kind"] == "match"}
    equal(found["tools"], ("kill", "true", os.path.realpath("/bin/true"), 3), "tools")
    equal(found["reading"], ("deny", "cat", wanted, 1), "files")
    equal((found["talking"][0], found["talking"][2:]), ("deny", ("127.0.0.1:%d" % port, 1)), "connections")
    tested = {row["policy"]: (row["tested"], row.get("matched")) for row in rows if row["kind"] == "policy"}
    equal(tested, {"tools": (True, 3), "reading": (True, 1), "talking": (True, 1), "never": (True, 0),
                   "terminal": (False, None), "removal": (False, None)}, "policies")
    expect("process.tty" in policy(case, "test", file).stderr, "it is not said why one was not tested")
    policy(case, "test", file, "--run", "no-such-run", status=1)
    alone = write(case, "alone.yaml", "{name: terminal, when: exec, if: 'tty == \"pts/0\"'}")
    expect("nothing is tested" in policy(case, "test", alone, "--run", "tested", status=1).stderr, "nothing was tested, and all is well")


def test_backtest_counts(case):
    """Connections, not peers; and of a recording only what was done while it went on."""
    ports = []
    for backlog in (0, 8):
        sock = socket.socket()
        sock.bind(("127.0.0.1", 0))
        sock.listen(backlog) if backlog else None
        ports.append(sock.getsockname()[1])
        case.defer(sock.close)
    code = "import socket, sys; print(flush=True); sys.stdin.read(1); " \
           "[socket.socket().connect_ex(('127.0.0.1', port)) for port in %s for _ in range(3)]; sys.stdin.read()" % ports
    early = subprocess.Popen([PYTHON, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    case.defer(early.kill)
    early.stdout.readline()
    recording = case.sonde("--pid", str(early.pid), "--name", "counted", command="record", json_lines=False, wait=False,
                           env=environment(case))
    until(lambda: "sonde: recording" in recording.stderr(), lambda: "sonde: recording; stderr: " + recording.stderr())
    early.communicate(b"x")
    recording.send(signal.SIGINT)
    equal(recording.process.wait(30), 0, "exit status of record; " + recording.stderr())
    file = write(case, "p.yaml", "- {name: talking, when: connect, if: 'peer.port in %s', then: deny}\n"
                                 "- {name: running, when: [exec, fork]}\n"
                                 "- {name: refused, when: connect, if: 'exists(error.code)'}\n" % ports)
    rows = lines(policy(case, "test", file, "--run", "counted", "--json"))
    equal(sorted((row["object"], row["count"]) for row in rows if row["kind"] == "match" and row["policy"] == "talking"),
          sorted(("127.0.0.1:%d" % port, 3) for port in ports), "connections")
    equal({row["policy"]: (row["events"], row["matched"]) for row in rows if row["kind"] == "policy"},
          {"talking": (6, 6), "running": (0, 0), "refused": (6, 3)}, "events and matches")


def test_record(case):
    """What policies match is a fact of the run; opens that only they asked for are not kept as files."""
    wanted = write(case, "wanted", "x")
    file = write(case, "p.yaml", "- {name: reading, when: open, if: 'path == \"%s\"', then: deny}\n"
                                 "- {name: tools, when: exec, if: 'executable.name == \"true\"', then: log}\n" % wanted)
    child = subprocess.Popen(["/bin/sh", "-c", "read go; cat %s; /bin/true; read go" % wanted], stdin=subprocess.PIPE,
                             stdout=subprocess.DEVNULL)
    with subprocess.Popen([SONDE, "record", "--policy", file, "--pid", str(child.pid), "--name", "watched"],
                          stderr=subprocess.PIPE, text=True, env=environment(case)) as recording:
        expect("recording" in recording.stderr.readline(), "it does not record")
        child.stdin.write(b"1\n")
        child.stdin.flush()
        time.sleep(0.5)
        child.communicate(b"1\n")
        time.sleep(0.3)
        recording.send_signal(signal.SIGINT)
        recording.communicate(timeout=120)
    equal(recording.returncode, 0, "exit status")
    told = subprocess.run([SONDE, "report", "watched", "--json", "--failures", "--files"], stdout=subprocess.PIPE,
                          env=environment(case), check=True)
    report = json.loads(told.stdout)
    found = {fact["text"] for fact in report["facts"] if fact["kind"] == "policy"}
    equal(found, {"reading (deny): %s" % wanted, "tools (log): %s" % os.path.realpath("/bin/true")}, "facts")
    expect(all("pid" in fact for fact in report["facts"] if fact["kind"] == "policy"), lambda: "whose it was: %s" % report["facts"])
    equal(report.get("files"), [], "files")
    wrong = write(case, "wrong.yaml", "{name: m, when: mount, then: log}")
    done = subprocess.run([SONDE, "record", "--for", "1s", "--policy", wrong], stderr=subprocess.PIPE, text=True,
                          env=environment(case), timeout=120)
    equal(done.returncode, 1, "a policy that sensors do not see")
    expect("policy watch" in done.stderr, "it is not said what to do: " + done.stderr)
