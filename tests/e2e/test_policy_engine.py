"""Policies in the kernel: foreign files as they are and small ones of our own, each triggered for real, each beside something
that it must not tell of. What is seen depends on the rungs of this kernel; a policy for which there is none is skipped."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys

from harness import ROOT, Skip, check_fields, equal, expect, field, until

RUNNER = os.path.join(ROOT, "build", "policies")
FOREIGN = os.path.join(ROOT, "..", "shared", "compat", "tetragon")


def foreign(*names):
    if not os.path.isdir(FOREIGN):
        raise Skip("the foreign policies are not beside the checkout")
    return [os.path.join(FOREIGN, name + ".yaml") for name in names]


class Ran:
    """What policies saw of a command; only of processes that work in the test's own directory."""

    def __init__(self, case, files, command, *options):
        done = subprocess.run([RUNNER, *options, *files, "--", *command], cwd=case.tmp, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        self.status, self.stderr = done.returncode, done.stderr.decode("utf-8", "replace")
        if "nothing else shows what" in self.stderr:
            raise Skip(self.stderr.strip().splitlines()[-1])
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith(b'{"kind":')]
        expect(any(line["kind"] == "count" for line in lines), lambda: "it did not run: " + self.stderr)
        self.all = [line for line in lines if line["kind"] == "policy"]
        self.counts = [line for line in lines if line["kind"] == "count"]
        books = [line for line in lines if line["kind"] == "books"]
        equal(books, [{"kind": "books", "produced": len(self.all)}], "the books; " + self.stderr)
        self.rungs = {(name, int(hook)): rung for name, hook, rung in
                      re.findall(r"^rung (\S+) (\d+) (.+?) \S+$", self.stderr, re.M)}
        self.place = case.tmp

    def events(self, policy, hook=None):
        return [event for event in self.all if field(event, "policy.name") == policy and
                (hook is None or field(event, "policy.hook") == hook) and
                field(event, "process.working_directory") == self.place]

    def one(self, policy, hook=None):
        found = self.events(policy, hook)
        equal(len(found), 1, "matches of %s at %s: %s; all: %s; counted: %s; %s" % (
            policy, hook, found[:3], self.all[:5], self.counts, self.stderr))
        return found[0]


def arguments(event):
    return field(event, "policy.arguments", [])


def write_policy(case, name, text):
    path = case.path(name + ".yaml")
    with open(path, "w") as file:
        file.write("apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata:\n  name: %s\nspec:\n%s" % (name, text))
    os.chmod(path, 0o600)
    return path


def python(text, *words):
    return [sys.executable, "-c", text, *words]


def test_files_by_prefix_suffix_and_mode(case):
    secret = case.path(".bashrc")
    plain = case.path("plain")
    for path in (secret, plain):
        with open(path, "w") as file:
            file.write("x" * 100)
    ran = Ran(case, foreign("file_monitoring"), python(
        "import sys\nfor path in sys.argv[1:]:\n    open(path, 'rb', 0).read(50)\n    open(path, 'ab', 0).write(b'y')",
        secret, plain))
    event = ran.one("file-monitoring-filtered", "security_file_permission")
    check_fields(event, {"policy.action": "log", "policy.result": "observed", "policy.selector": 2})
    path, mask = arguments(event)
    equal((path["type"], path["path"], path["mode"], path["inode"]),
          ("file", secret, "0%o" % os.stat(secret).st_mode, os.stat(secret).st_ino), "the file")
    equal(mask, {"type": "int32", "value": 4}, "what was asked of it")
    equal(field(event, "policy.returned"), [{"type": "int32", "value": 0}], "what was answered")


def test_a_renamed_file_is_seen_again(case):
    """Files known not to matter are remembered; a new name makes them unknown."""
    ran = Ran(case, foreign("file_monitoring"), python(
        "import os\nf = open('plain', 'w+b', 0); f.write(b'x' * 100)\n"
        "for i in range(100): os.pread(f.fileno(), 10, 0)\n"
        "os.rename('plain', '.profile')\n"
        "os.pread(f.fileno(), 10, 0)\nos.rename('.profile', 'plain')\nos.pread(f.fileno(), 10, 0)"))
    event = ran.one("file-monitoring-filtered", "security_file_permission")
    equal(arguments(event)[0]["path"], case.path(".profile"), "the path")


def test_a_mounted_over_root_is_seen(case):
    """So does a mount: the same open file is then found under another path."""
    os.mkdir(case.path("from"))
    case.mount("-t", "tmpfs", "none", case.path("from"))
    policy = write_policy(case, "moved", """  kprobes:
  - call: security_file_permission
    syscall: false
    args: [{index: 0, type: file}, {index: 1, type: int}]
    selectors:
    - matchArgs:
      - {index: 0, operator: Prefix, values: ["%s/to/"]}
      - {index: 1, operator: Equal, values: ["4"]}
""" % case.tmp)
    os.mkdir(case.path("to"))
    case.defer(subprocess.run, ["umount", "-l", case.path("to")])
    ran = Ran(case, [policy], python(
        "import os, subprocess\nf = open('from/file', 'w+b', 0); f.write(b'x')\n"
        "for i in range(50): os.pread(f.fileno(), 1, 0)\n"
        "subprocess.run(['mount', '--make-private', '/'], check=False)\n"
        "subprocess.run(['mount', '--move', 'from', 'to'], check=True)\n"
        "os.pread(f.fileno(), 1, 0)"))
    event = ran.one("moved")
    equal(arguments(event)[0]["path"], case.path("to", "file"), "the path")


def test_opens(case):
    ran = Ran(case, foreign("openat_write", "lsm_file_open"), [
        "sh", "-c", "cat /etc/passwd /etc/hosts >/dev/null; head -1 /etc/passwd >/dev/null; : >>/etc/passwd"])
    event = ran.one("sys-openat")
    check_fields(event, {"policy.hook": "openat", "process.name": "sh", "policy.selector": 1})
    equal([each["value"] for each in arguments(event)], [-100, "/etc/passwd", os.O_WRONLY | os.O_CREAT | os.O_APPEND],
          "arguments")
    expect(field(event, "policy.returned")[0]["value"] > 0, "a descriptor is the result")
    event = ran.one("lsm-file-open")
    check_fields(event, {"policy.hook": "file_open", "process.executable.path": os.path.realpath("/bin/cat")})
    equal(arguments(event)[0]["path"], "/etc/passwd", "the file")


def test_a_program_about_to_run(case):
    directory = case.path("contrib", "tester-progs")
    os.makedirs(directory)
    for name in ("nop", "other"):
        subprocess.run(["cp", "/bin/true", os.path.join(directory, name)], check=True)
    ran = Ran(case, foreign("lsm_bprm_check", "rawtp"), [
        "bash", "-c", "./contrib/tester-progs/nop; ./contrib/tester-progs/other; true"])
    if "sched_process_exec" in ran.stderr.split("rung rawtp")[0]:
        raise Skip("this kernel shows programs only as they run")
    event = ran.one("lsm")
    check_fields(event, {"policy.action": "deny", "policy.result": "due"})
    equal(arguments(event)[0]["path"], os.path.join(directory, "nop"), "the program")
    paths = [arguments(event)[0]["path"] for event in ran.events("rawtp")]
    expect({os.path.join(directory, name) for name in ("nop", "other")} <= set(paths), lambda: "programs: %s" % paths)


def test_the_file_of_a_program(case):
    policy = write_policy(case, "program", """  kprobes:
  - call: security_bprm_creds_from_file
    syscall: false
    args: [{index: 0, type: linux_binprm}, {index: 1, type: file}]
    selectors:
    - matchArgs: [{index: 1, operator: Equal, values: ["%s"]}]
""" % case.path("mine"))
    for name in ("mine", "other"):
        shutil.copy("/bin/true", case.path(name))
    event = Ran(case, [policy], ["sh", "-c", "./other; ./mine; true"]).one("program")
    equal([each["path"] for each in arguments(event)], [case.path("mine")] * 2, "the program, and its file")


def test_system_calls(case):
    ran = Ran(case, foreign("sys_mount", "list-syscalls", "hardlink-override", "sys_ptrace"), python(
        "import os, ctypes\nlibc = ctypes.CDLL(None)\n"
        "libc.mount(b'source', b'/nowhere', None, 0, None)\n"
        "os.close(os.dup(0)); os.dup2(0, 9)\nopen('a', 'w')\nos.link('a', 'b')\n"
        "libc.ptrace(0x4200, 1, 77, 0)"))
    mounts = ran.events("syscalls", "mount")
    equal([[each["value"] for each in arguments(event)] for event in mounts], [["source", "/nowhere"]], "mounts")
    hooks = {field(event, "policy.hook") for event in ran.events("list-syscalls")}
    expect("dup2" in hooks or "dup" in hooks, lambda: "calls of the list: %s" % hooks)
    traced = ran.events("syscalls", "ptrace")
    equal([arguments(event)[0]["value"] for event in traced], [77], "the third argument of ptrace")


def test_connections(case):
    ran = Ran(case, foreign("tcp-connect", "security-socket-connect"), python(
        "import socket\n"
        "s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(1); print(s.getsockname()[1], flush=True)\n"
        "c = socket.create_connection(s.getsockname()); c.send(b'hello'); c.close()\n"
        "u = socket.socket(socket.AF_UNIX)\n"
        "try: u.connect('nowhere')\nexcept OSError: pass"))
    peer = ran.one("connect", "tcp_connect")
    socket_argument = arguments(peer)[0]
    check_fields(socket_argument, {"type": "sock", "family": "ipv4", "transport": "tcp", "peer.address": "127.0.0.1"})
    port = socket_argument["peer"]["port"]
    sent = ran.one("connect", "tcp_sendmsg")
    equal((arguments(sent)[0]["peer"]["port"], arguments(sent)[1]["value"]), (port, 5), "what was sent, and to where")
    asked = ran.one("security-socket-connect")
    equal(arguments(asked), [{"type": "sockaddr", "family": "ipv4", "address": "127.0.0.1", "port": port},
                             {"type": "int32", "value": 16}], "what connect was asked for; unix sockets are not told of")


def test_the_port_of_what_ends(case):
    """A connection that is cut off has given its port back by the time it is told of."""
    policy = write_policy(case, "ends", """  kprobes:
  - call: tcp_close
    syscall: false
    args: [{index: 0, type: sock}]
    selectors:
    - matchArgs: [{index: 0, operator: DAddr, values: [127.77.0.3]}]
""")
    ran = Ran(case, [policy], python(
        "import socket, struct\ns = socket.socket(); s.bind(('127.77.0.3', 0)); s.listen(1)\n"
        "c = socket.create_connection(s.getsockname())\nopen('port', 'w').write(str(c.getsockname()[1]))\n"
        "c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))\nc.close()"))
    with open(case.path("port")) as file:
        equal(field(arguments(ran.one("ends"))[0], "local.port"), int(file.read()), "its own port")


def test_credentials_and_privileges(case):
    ran = Ran(case, foreign("privileges-setuid-root", "kprobe_commit_creds"), python(
        "import os\nos.setuid(0)\nos.setresgid(1, 0, 0)\nos.setfsuid(5) if hasattr(os, 'setfsuid') else None\nos.setuid(7)"))
    event = ran.one("privileges-setuid-root", "__sys_setuid")
    equal((arguments(event)[0]["value"], field(event, "policy.returned")), (0, [{"type": "int32", "value": 0}]), "setuid(0)")
    event = ran.one("privileges-setuid-root", "__sys_setresgid")
    equal(([each["value"] for each in arguments(event)], field(event, "policy.selector")), ([1, 0, 0], 1), "setresgid")
    changes = [arguments(event)[0] for event in ran.events("commit-creds")]
    expect(any(change["uid"] == 7 and change["euid"] == 7 for change in changes), lambda: "credentials: %s" % changes)


def test_programs_and_maps_of_the_kernel(case):
    ran = Ran(case, foreign("bpf"), ["bpftool", "map", "create", "/sys/fs/bpf/sonde-test", "type", "array", "key", "4",
                                     "value", "8", "entries", "3", "name", "sonde_test"])
    case.defer(lambda: os.path.exists("/sys/fs/bpf/sonde-test") and os.unlink("/sys/fs/bpf/sonde-test"))
    maps = [arguments(event)[0] for event in ran.events("bpf")]
    expect({"type": "bpf_map", "name": "sonde_test", "map_type": 2, "key_size": 4, "value_size": 8, "max_entries": 3}
           in maps, lambda: "maps: %s; %s" % (maps, ran.stderr))


def test_functions_of_programs(case):
    ran = Ran(case, foreign("uprobe"), ["bash", "-c", "true"])
    event = ran.one("uprobe")
    check_fields(event, {"process.name": "bash", "policy.hook": "/bin/bash"})
    ran = Ran(case, foreign("uprobe"), ["dash", "-c", "true"])
    equal(ran.events("uprobe"), [], "of another program")


def test_terminals(case):
    ran = Ran(case, foreign("tty"), ["script", "-qc", "echo 'hi there'; echo no > file", "/dev/null"])
    told = [each["value"] for event in ran.events("tty") for each in arguments(event)[1:]]
    expect("hi there\n" in told, lambda: "written to terminals: %s" % told)
    expect("no\n" not in told, "a file is no terminal")


def test_dropped_packets_with_stacks(case):
    closed = socket.socket()
    closed.bind(("127.0.0.1", 0))
    ran = Ran(case, foreign("stack_traces"), python(
        "import socket, sys\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "s.sendto(b'x', ('127.0.0.1', int(sys.argv[1])))", str(closed.getsockname()[1])))
    port = closed.getsockname()[1]
    found = [event for event in ran.all if field(event, "policy.name") == "stack-traces-example" and
             field(arguments(event)[0], "peer.port") == port]
    equal(len(found), 1, "packets to the closed port")
    packet, reason = arguments(found[0])
    check_fields(packet, {"type": "skb", "transport": "udp", "peer.address": "127.0.0.1", "length": lambda length: length > 8})
    equal(reason["label"], "reason", "label")
    expect(field(found[0], "policy.kernel_stack") and field(found[0], "policy.user_stack"), "both stacks")


def test_kill_through_an_enforcer(case):
    """The foreign policy names a shell that others use, too: it is enforced for a copy only."""
    shell = case.path("shell")
    shutil.copy("/bin/bash", shell)
    with open(foreign("killer")[0]) as file:
        text = file.read()
    expect('"/usr/bin/bash"' in text, "the policy names another program than it did")
    policy = case.path("killer.yaml")
    with open(policy, "w") as file:
        file.write(text.replace('"/usr/bin/bash"', '"%s"' % shell))
    os.chmod(policy, 0o600)
    command = python("import os, sys\nos.dup(0)\nsys.exit(3)")
    copied = [shell, "-c", "exec 5>&1; exit 3"]
    ran = Ran(case, [policy], command, "--enforce", "--allow-late")
    equal(ran.status, 3, "another program goes on")
    equal(ran.events("kill-syscalls"), [], "matches of another program")
    ran = Ran(case, [policy], copied, "--enforce", "--allow-late")
    equal(ran.status, 128 + 9, "the shell is killed")
    check_fields(ran.one("kill-syscalls"), {"policy.result": "notified_enforcer"})
    ran = Ran(case, foreign("killer"), ["bash", "-c", "exec 5>&1; exit 3"])
    equal(ran.status, 3, "observed, it lives")
    check_fields(ran.one("kill-syscalls"), {"policy.result": "due"})


def test_kill(case):
    policy = write_policy(case, "no-peeking", """  kprobes:
  - call: sys_openat
    syscall: true
    message: somebody peeked
    tags: [one, two]
    args: [{index: 1, type: string, label: name}]
    selectors:
    - matchArgs: [{index: 1, operator: Postfix, values: [/forbidden]}]
      matchActions: [{action: Sigkill}]
""")
    for name in ("forbidden", "allowed"):
        open(case.path(name), "w").close()
    ran = Ran(case, [policy], ["cat", case.path("allowed")], "--enforce")
    equal((ran.status, ran.events("no-peeking")), (0, []), "another file")
    ran = Ran(case, [policy], ["cat", case.path("forbidden")], "--enforce")
    equal(ran.status, 128 + 9, "status")
    check_fields(ran.one("no-peeking"), {"policy.action": "kill", "policy.result": "killed",
                                         "policy.message": "somebody peeked", "policy.tags": ["one", "two"]})
    equal([count["taken"] for count in ran.counts], [1], "what was counted")
    ran = Ran(case, [policy], ["cat", case.path("forbidden")])
    equal(ran.status, 0, "status where it is observed")
    check_fields(ran.one("no-peeking"), {"policy.result": "due"})


def test_connections_are_denied(case):
    server = socket.socket()
    server.bind(("127.0.0.1", 0))
    server.listen()
    port = server.getsockname()[1]
    policy = write_policy(case, "no-talking", """  kprobes:
  - call: security_socket_connect
    syscall: false
    args: [{index: 1, type: sockaddr}]
    selectors:
    - matchArgs:
      - {index: 1, operator: SPort, values: ["%d"]}
      matchActions: [{action: Override, argError: -1}]
""" % port)
    text = "import socket, sys\ntry: socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n" \
           "except OSError as error: sys.exit(error.errno)"
    ran = Ran(case, [policy], python(text, str(port)), "--enforce")
    equal(ran.status, 1, "EPERM; " + ran.stderr)
    check_fields(ran.one("no-talking"), {"policy.action": "deny", "policy.result": "denied"})
    other = socket.socket()
    other.bind(("127.0.0.1", 0))
    other.listen()
    ran = Ran(case, [policy], python(text, str(other.getsockname()[1])), "--enforce")
    equal((ran.status, ran.events("no-talking")), (0, []), "another port")


def test_what_is_limited_is_told_less(case):
    policy = write_policy(case, "seldom", """  kprobes:
  - call: sys_openat
    syscall: true
    args: [{index: 1, type: string}]
    selectors:
    - matchArgs: [{index: 1, operator: Postfix, values: [/often]}]
      matchActions: [{action: Post, rateLimit: 1m}]
""")
    ran = Ran(case, [policy], ["sh", "-c", "for i in 1 2 3 4 5; do : > %s; done" % case.path("often")])
    ran.one("seldom")
    equal([(count["matched"], count["told"]) for count in ran.counts], [(5, 1)], "matched and told")


def test_what_is_limited_is_told_apart(case):
    """By each argument, also those that nothing asks for; not by what comes of the call."""
    policies = [write_policy(case, "apart", """  kprobes:
  - call: sys_mkdir
    syscall: true
    args: [{index: 0, type: string}, {index: 1, type: int}]
    selectors:
    - matchArgs: [{index: 0, operator: Prefix, values: [%s/]}]
      matchActions: [{action: Post, rateLimit: 1m}]
""" % case.tmp), write_policy(case, "file", """  kprobes:
  - call: security_file_open
    args: [{index: 0, type: file}]
    return: true
    returnArg: {index: 0, type: int}
    selectors:
    - matchArgs: [{index: 0, operator: Prefix, values: [%s/f]}]
      matchActions: [{action: Post, rateLimit: 1m, rateLimitScope: global}]
""" % case.tmp)]
    ran = Ran(case, policies, python("""
import os
for name, mode in (("r1", 7), ("r2", 7), ("r3", 5), ("r4", 6), ("r1", 7), ("r1", 5)):
    try: os.mkdir(os.getcwd() + "/" + name, mode)
    except FileExistsError: pass
os.close(os.open("f1", os.O_CREAT | os.O_WRONLY))
os.close(os.open("f2", os.O_CREAT | os.O_RDWR))
file = os.open("f1", os.O_RDONLY)
os.open("f1", os.O_RDWR | os.O_APPEND)
os.close(file)
os.open("f2", os.O_RDONLY)
"""))
    told = [(os.path.basename(arguments(event)[0]["value"]), arguments(event)[1]["value"]) for event in ran.events("apart")]
    equal(told, [("r1", 7), ("r2", 7), ("r3", 5), ("r4", 6), ("r1", 5)], "directories that were told of")
    told = [os.path.basename(arguments(event)[0]["path"]) for event in ran.events("file")]
    equal(told, ["f1", "f2"], "files that were told of")
    counts = {count["policy"]: (count["matched"], count["told"]) for count in ran.counts}
    equal(counts, {1: (6, 5), 2: (5, 2)}, "matched and told")


def test_values_from_elsewhere(case):
    policy = write_policy(case, "around", """  kprobes:
  - call: sys_openat
    syscall: true
    args: [{index: 1, type: string}]
    data:
    - {index: 0, type: string, source: current_task, resolve: real_parent.comm}
    - {index: 0, type: uint32, source: current_task, resolve: cred.uid.val}
    selectors:
    - matchArgs: [{index: 1, operator: Postfix, values: [/around]}]
      matchBinaries: [{operator: In, values: [%s], followChildren: true}]
""" % case.path("bash"))
    subprocess.run(["cp", "/bin/bash", case.path("bash")], check=True)
    ran = Ran(case, [policy], [case.path("bash"), "-c", "dash -c ': > %s; true'; true" % case.path("around")])
    event = ran.one("around")
    equal([each["value"] for each in field(event, "policy.data")], ["bash", os.getuid()], "the parent's name, the user")
    ran = Ran(case, [policy], ["dash", "-c", ": > %s" % case.path("around")])
    equal(ran.events("around"), [], "of others")


def test_tracked_sockets(case):
    """Whose socket it is stays with it, whoever sends."""
    policy = write_policy(case, "tracked", """  kprobes:
  - call: tcp_connect
    syscall: false
    args: [{index: 0, type: sock}]
    selectors:
    - matchActions: [{action: TrackSock, argSock: 0}, {action: NoPost}]
  - call: tcp_sendmsg
    syscall: false
    args: [{index: 0, type: sock}]
    selectors:
    - matchArgs: [{index: 0, operator: DAddr, values: ["127.0.0.1"]}]
""")
    ran = Ran(case, [policy], python(
        "import os, socket\nserver = socket.socket(); server.bind(('127.0.0.1', 0)); server.listen()\n"
        "client = socket.create_connection(server.getsockname())\nopen('owner', 'w').write(str(os.getpid()))\n"
        "if not os.fork():\n    client.send(b'x')\n    os._exit(0)\nos.wait()\nserver.accept()[0].send(b'y')"))
    sent = sorted(ran.events("tracked", "tcp_sendmsg"), key=lambda event: "owner" in event["policy"])
    equal(len(sent), 2, "what was sent; " + ran.stderr)
    owner = int(open(case.path("owner")).read())
    equal("owner" in sent[0]["policy"], False, "the other end is nobody's")
    equal(field(sent[1], "policy.owner.pid"), owner, "whose socket it is")
    expect(field(sent[1], "process.pid") != owner, "the owner sent it himself")


WITH_RESULT = """
    args: [{index: %d, type: string}]
    return: true
    returnArg: {index: 0, type: %s}
    selectors:
    - matchArgs: [{index: %d, operator: %s, values: ["%s"]}]
      matchReturnArgs: [{index: 0, operator: Equal, values: ["%s"]}]
"""
GETENV = "  uprobes:\n  - path: LIBC\n    symbols: [getenv]"

OWN = {
    "missing": ("  kprobes:\n  - call: sys_openat" + WITH_RESULT % (1, "int", 1, "SubStringIgnCase", "MarK", "-2"),
                "open('x.mark', 'w')\ntry: open('gone.mark')\nexcept OSError: pass", ["gone.mark"]),
    "format": ("""  tracepoints:
  - subsystem: syscalls
    event: sys_enter_openat
    args: [{index: 5, type: int}, {index: 6, type: string}, {index: 7, type: int}]
    selectors:
    - matchArgs:
      - {index: 5, operator: Equal, values: ["-100"]}
      - {index: 6, operator: Postfix, values: ["/mark"]}
      - {index: 7, operator: Mask, values: ["0x40"]}
""", "import os\nopen(os.getcwd() + '/mark', 'w'); open(os.getcwd() + '/mark')", [-100]),
    "raw": ("""  tracepoints:
  - subsystem: task
    event: task_rename
    raw: true
    args: [{index: 1, type: string}, {index: 0, type: uint32, resolve: cred.uid.val}]
    selectors:
    - matchArgs: [{index: 1, operator: Equal, values: ["sonde-own"]}]
""", "import ctypes\nctypes.CDLL(None).prctl(15, b'sonde-own', 0, 0, 0)", ["sonde-own"]),
    "buffer": ("""  kprobes:
  - call: sys_read
    return: true
    args: [{index: 0, type: fd}, {index: 1, type: char_buf, returnCopy: true}]
    returnArg: {index: 0, type: int64}
    selectors:
    - matchArgs: [{index: 0, operator: Postfix, values: ["/mark"]}]
      matchReturnArgs: [{index: 0, operator: LT, values: ["5"]}]
""", "import os\nopen('mark', 'w').write('hello you')\nf = os.open('mark', 0)\nos.read(f, 5); os.read(f, 100)", [None]),
    "vector": ("""  kprobes:
  - call: sys_writev
    args: [{index: 1, type: char_iovec, sizeArgIndex: 3}]
    selectors:
    - matchArgs: [{index: 1, operator: Equal, values: ["one two"]}]
""", "import os\nf = os.open('o', 65, 0o600)\nos.writev(f, [b'one ', b'two']); os.writev(f, [b'one two', b' three'])", ["one two"]),
    "abstract": ("""  kprobes:
  - call: sys_connect
    args: [{index: 1, type: sockaddr_un}]
    selectors:
    - matchArgs: [{index: 1, operator: Equal, values: ["@sonde-own"]}]
""", "import socket\nfor name in ('\\0sonde-own', '\\0sonde-own2', 'sonde-own'):\n"
                 "    socket.socket(socket.AF_UNIX).connect_ex(name)", ["@sonde-own"]),
    "family": ("""  kprobes:
  - call: sys_connect
    args: [{index: 1, type: sockaddr_un}]
    selectors:
    - matchArgs: [{index: 1, operator: Family, values: [AF_UNIX]}, {index: 1, operator: Prefix, values: ["/tmp/\\0"]}]
""", "import socket\nsocket.socket().connect_ex(('127.0.0.1', 1))\nfor name in ('/tmp/sonde-own', '/run/sonde-own'):\n"
               "    socket.socket(socket.AF_UNIX).connect_ex(name)", ["/tmp/sonde-own"]),
    "cel": ("""  kprobes:
  - call: sys_getpriority
    args: [{index: 0, type: int}, {index: 1, type: int}]
    selectors:
    - matchArgs: [{args: [0, 1], operator: CelExpr, values: ["arg0 + arg1 == int32(77) && arg1 != int32(70)"]}]
""", "import ctypes\nask = ctypes.CDLL(None).getpriority\nask(2, 75); ask(7, 70); ask(0, 0)", [2]),
    "sets": ("""  lists:
  - name: some
    type: syscalls
    values: [sys_getpriority, sys_dup3]
  tracepoints:
  - subsystem: raw_syscalls
    event: sys_enter
    args: [{index: 4, type: syscall64}]
    selectors:
    - matchArgs: [{index: 0, operator: InMap, values: ["list:some"]}]
      matchBinaries: [{operator: In, values: ["PYTHON"]}]
""", "import os\nos.getpriority(0, 0); os.getppid()", [140]),
    "array": ("""  lists:
  - {name: some, type: syscalls, values: [sys_getpriority]}
  tracepoints:
  - subsystem: raw_syscalls
    event: sys_enter
    args: [{index: 5, type: auto}, {index: 4, type: syscall64}]
    selectors:
    - matchArgs: [{index: 4, operator: InMap, values: ["list:some"]}]
""", "import ctypes\nctypes.CDLL(None).syscall(140, 2, 75, 3, 4, 5, 6)", [[2, 75, 3, 4, 5, 6]]),
    "capabilities": ("""  kprobes:
  - call: sys_getpriority
    args: [{index: 1, type: int}]
    selectors:
    - matchArgs: [{index: 1, operator: Equal, values: ["4242"]}]
      matchCapabilities: [{operator: NotIn, values: [CAP_SYS_ADMIN]}]
      matchCapabilityChanges: [{operator: In, values: [CAP_SYS_ADMIN]}]
""", "import ctypes, os\nask = ctypes.CDLL(None).getpriority\nask(0, 4242); os.setuid(65534); ask(0, 4242)", [4242]),
    "registers": ("""  kprobes:
  - call: sys_getpriority
    data: [{index: 0, type: uint64, source: pt_regs, resolve: si}]
    args: [{index: 1, type: int64}]
    selectors:
    - matchData: [{index: 0, operator: InRange, values: ["4240:4245"]}]
      matchArgs: [{index: 1, operator: NotInMap, values: ["4241", "4243:4250"]}]
""", "import ctypes\nask = ctypes.CDLL(None).getpriority\nask(0, 4241); ask(0, 4242); ask(0, 4243); ask(0, 4246)", [4242]),
    "function": (GETENV + WITH_RESULT % (0, "uint64", 0, "Prefix", "SONDE_OWN", "0"),
                 "import ctypes\nask = ctypes.CDLL(None).getenv\nask(b'SONDE_OWN'); ask(b'OTHER_SONDE_OWN')", ["SONDE_OWN"]),
    "entries": ("""  kprobes:
  - call: security_path_unlink
    syscall: false
    args: [{index: 1, type: dentry}]
    selectors:
    - matchArgs: [{index: 1, operator: Postfix, values: ["/mark"]}]
""", "import os\nfor name in ('mark', 'mark2'): open(name, 'w').close(); os.unlink(name)", [None]),
    "modes": ("""  lsmhooks:
  - hook: path_chmod
    args: [{index: 0, type: path}, {index: 1, type: uint16}]
    selectors:
    - matchArgs: [{index: 0, operator: NotPostfix, values: ["/free"]}, {index: 1, operator: Mask, values: ["04000"]}]
      matchBinaries: [{operator: In, values: ["PYTHON"]}]
""", "import os\nfor name in ('mark', 'free'): open(name, 'w').close(); os.chmod(name, 0o755); os.chmod(name, 0o4755)", [None]),
    "macro": ("""  selectorsMacros:
    wanted:
      matchArgs: [{index: 1, operator: Equal, values: ["4242"]}]
  kprobes:
  - call: sys_getpriority
    args: [{index: 1, type: int}]
    selectors:
    - macros: [wanted]
      matchActions: [{action: NoPost}]
    - matchArgs: [{index: 1, operator: GT, values: ["4240"]}]
      matchActions: [{action: Post, rateLimit: 1m, rateLimitScope: process}]
""", "import ctypes\nask = ctypes.CDLL(None).getpriority\nask(0, 4242); ask(0, 4243); ask(0, 4243); ask(0, 4240)", [4243]),
}


def library():
    """The C library that this Python has in memory."""
    with open("/proc/self/maps") as maps:
        found = re.search(r"(/\S*/libc[.-]\S*so\S*)$", maps.read(), re.M)
    if not found:
        raise Skip("this Python has no C library of its own file")
    return found.group(1)


def test_own_files(case):
    """A file for each sort of hook, argument, operator and filter, each with something beside what it means."""
    for name, (text, code, wanted) in OWN.items():
        text = text.replace("PYTHON", os.path.realpath(sys.executable))
        policy = write_policy(case, name, text.replace("LIBC", library()) if "LIBC" in text else text)
        try:
            event = Ran(case, [policy], python(code)).one(name)
        except Skip:
            continue  # this kernel has no place for it
        if wanted != [None]:
            equal(arguments(event)[0]["value"], wanted[0], "the first argument of " + name)
    entries = write_policy(case, "signals", GETENV.replace("LIBC", library()) + """
    args: [{index: 0, type: string}]
    selectors:
    - matchArgs: [{index: 0, operator: Prefix, values: ["SONDE_OWN"]}]
      matchActions: [{action: Signal, argSig: 10}]
""")
    ran = Ran(case, [entries], python("import ctypes, signal, sys\ngot = []\nsignal.signal(10, lambda *_: got.append(1))\n"
                                      "ctypes.CDLL(None).getenv(b'SONDE_OWN')\nsys.exit(len(got))"), "--enforce")
    equal(ran.status, 1, "the signal came")
    check_fields(ran.one("signals"), {"policy.action": "signal", "policy.result": "signalled"})


def test_changed_namespaces(case):
    policy = write_policy(case, "moved", """  kprobes:
  - call: sys_openat
    syscall: true
    args: [{index: 1, type: string}]
    selectors:
    - matchArgs: [{index: 1, operator: Postfix, values: [/before, /after]}]
      matchNamespaceChanges: [{operator: In, values: [Mnt]}]
""")
    ran = Ran(case, [policy], python(
        "import ctypes, sys\nopen(sys.argv[1] + '/before', 'w')\nctypes.CDLL(None).unshare(0x20000)\n"
        "open(sys.argv[1] + '/after', 'w')", case.tmp))
    equal(arguments(ran.one("moved"))[0]["value"], case.path("after"), "the file")


def test_pinned_policies_stay(case):
    if not os.path.isdir("/sys/fs/bpf"):
        raise Skip("there is no bpf file system")
    directory = "/sys/fs/bpf/sonde-test-policies"
    policy = write_policy(case, "standing", """  kprobes:
  - call: sys_openat
    syscall: true
    args: [{index: 1, type: string}]
    selectors:
    - matchArgs: [{index: 1, operator: Postfix, values: [/standing]}]
      matchActions: [{action: Sigkill}]
""")
    open(case.path("standing"), "w").close()

    def remove():
        if os.path.isdir(directory):
            for name in os.listdir(directory):
                os.unlink(os.path.join(directory, name))
            os.rmdir(directory)
    case.defer(remove)
    for _ in range(2):  # the second time it takes the place of the first
        ran = Ran(case, [policy], ["true"], "--enforce", "--pin", directory)
        equal(ran.status, 0, ran.stderr)
        links = [name for name in os.listdir(directory) if "_link" in name]
        equal(len(links), 1, "links: %s" % links)
        equal(subprocess.run(["cat", case.path("standing")], check=False).returncode, -9, "without an agent")
    remove()
    until(lambda: not subprocess.run(["cat", case.path("standing")], check=False).returncode, "an open after it was removed")
