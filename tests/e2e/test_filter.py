"""Filters: what -f lets through is what a predicate of Python's lets through of the whole stream; nothing is missing."""

import errno
import fnmatch
import ipaddress
import os
import shutil
import signal
import socket
import subprocess

from harness import SONDE, Skip, equal, expect, field, in_child

FILES = ("plain", "two words", "new\nline", "quote\"s'", "<script>", "back\\slash", "esc\x1b[31m", b"bad\xff\xfe", "ünï")


def usage(*args):
    """The message of a call that must be refused."""
    ended = subprocess.run([SONDE, *args], capture_output=True, text=True, timeout=120)
    equal(ended.returncode, 2, "exit status of %s (%s)" % (args, ended.stderr))
    equal(ended.stdout, "", "standard output")
    return ended.stderr


def key(record):
    """What tells records of one stream apart; streams of several sondes have the same times within a moment."""
    return tuple(str(field(record, name)) for name in (
        "kind", "process.pid", "file.path", "file.asked", "file.flags", "file.new_path", "file.change", "error.code",
        "network.peer.address", "network.peer.port", "network.local.port", "signal.number", "signal.target.pid",
        "process.exit.code", "process.command_args"))


def check_filters(case, kinds, work, filters):
    """All filters and none watch the same work."""
    whole = case.sonde(*kinds, "--pid", str(os.getpid()))
    filtered = [(text, holds, case.sonde(*kinds, "--pid", str(os.getpid()), "-f", text)) for text, holds in filters]
    pid, _, _ = in_child(work)
    for sonde in [whole] + [sonde for _, _, sonde in filtered]:
        sonde.stop()
        equal(sonde.lost(), 0, "events lost")
    ours = [record for record in whole.events() if field(record, "process.pid") == pid]
    for text, holds, sonde in filtered:
        want = sorted(key(record) for record in ours if holds(record))
        expect(want, "nothing to be found by %s" % text)
        equal(sorted(key(record) for record in sonde.events() if field(record, "process.pid") == pid), want,
              "what %s lets through" % text)
        for record in sonde.events():
            expect(record["kind"] == "lost" or holds(record), "%s lets through %s" % (text, record))
        rows = sonde.summary["events"]
        expect(sum(rows[kind]["filtered"] for kind in kinds) > 0, "%s filters nothing: %s" % (text, rows))
    return pid, ours


def opens(directory):
    names = [os.path.join(os.fsencode(directory), os.fsencode(name)) for name in FILES]

    def run():
        for name in names:
            os.close(os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o640))
            os.close(os.open(name, os.O_RDONLY))
        for name in ("/nonexistent/file", directory + "/plain/below"):
            try:
                os.open(name, os.O_WRONLY)
            except OSError:
                pass
        os.close(os.open(directory, os.O_RDONLY | os.O_DIRECTORY))
        os.close(os.open("/etc/passwd", os.O_RDONLY))
    return run


def test_opens(case):
    """Paths with anything in them, flags, modes, errors, missing values."""
    directory = case.path("files")
    os.mkdir(directory)

    def path(record):
        return field(record, "file.path") or ""

    def flags(record):
        return field(record, "file.flags", [])

    check_filters(case, ["open"], opens(directory), [
        ('file.path startswith "%s/"' % directory, lambda r: path(r).startswith(directory + "/")),
        ('file.path == "%s/new\\nline"' % directory, lambda r: path(r) == directory + "/new\nline"),
        ('file.path endswith ["/bad\\xff\\xfe", "quote\\"s\'"]',
         lambda r: path(r).endswith(("/bad\ufffd\ufffd", "quote\"s'"))),
        ('path like "%s/*[a-m]?" and file.created' % directory,
         lambda r: fnmatch.fnmatchcase(path(r), directory + "/*[a-m]?") and field(r, "file.created")),
        ('file.flags == O_CREAT and file.mode == 0640', lambda r: "O_CREAT" in flags(r)),
        ('not (O_CREAT in file.flags) and exists(file.inode)',
         lambda r: "O_CREAT" not in flags(r) and field(r, "file.inode") is not None),
        ('error.code in [ENOENT, ENOTDIR]', lambda r: field(r, "error.code") in (errno.ENOENT, errno.ENOTDIR)),
        ('error.type == ENOTDIR or file.type == dir',
         lambda r: field(r, "error.type") == "ENOTDIR" or field(r, "file.type") == "dir"),
        ('file.asked contains "exist"', lambda r: "exist" in (field(r, "file.asked") or "")),
        ('file.path != "/etc/passwd" and file.path not like "%s/**"' % directory,
         lambda r: field(r, "file.path") and path(r) != "/etc/passwd" and not path(r).startswith(directory + "/")),
        ('error.code not in [ENOENT]', lambda r: field(r, "error.code") not in (None, errno.ENOENT)),
        ('not (error.code in [ENOENT])', lambda r: field(r, "error.code") != errno.ENOENT),
        ('file.asked not contains "plain"', lambda r: "plain" not in (field(r, "file.asked") or "plain")),
    ])


def test_connections(case):
    """Addresses in networks, ports, sizes, across kinds."""
    servers = [socket.create_server(("127.0.0.1", 0)),
               socket.create_server(("::1", 0), family=socket.AF_INET6)]
    ports = [server.getsockname()[1] for server in servers]

    def run():
        for server in servers:
            client = socket.socket(server.family)
            client.connect(server.getsockname()[:2])
            client.sendall(b"x" * 1000)
            accepted = server.accept()[0]
            accepted.recv(2000)
            client.close()
            accepted.recv(1)
            accepted.close()
        closed = socket.socket()
        try:
            closed.connect(("127.0.0.2", 1))
        except OSError:
            pass

    def peer(record):
        return ipaddress.ip_address(field(record, "network.peer.address"))

    check_filters(case, ["connect", "close"], run, [
        ("network.peer.address in 127.0.0.0/31", lambda r: peer(r) in ipaddress.ip_network("127.0.0.0/31")),
        ("network.peer.address in [::1, 127.0.0.2]", lambda r: str(peer(r)) in ("::1", "127.0.0.2")),
        ("network.type == ipv6 and network.peer.port == %d" % ports[1], lambda r: field(r, "network.peer.port") == ports[1]),
        ("kind == close and network.io.sent >= 1KB", lambda r: (field(r, "network.io.sent") or 0) >= 1000),
        ("error.code == ECONNREFUSED", lambda r: field(r, "error.code") == errno.ECONNREFUSED),
        ("network.peer.address != 127.0.0.0/8", lambda r: peer(r).version == 6),
    ])


def test_processes(case):
    """Ancestors, arguments, the ledger; masked secrets cannot be asked for."""
    shell = case.path("our-shell")
    shutil.copy("/bin/sh", shell)

    def run():
        subprocess.run([shell, "-c", "true first; exit 3"], check=False)
        subprocess.run([shell, "-c", "/bin/echo x >/dev/null; exit 0"], check=False)
        subprocess.run(["/bin/echo", "--password=hunter2"], check=False, stdout=subprocess.DEVNULL)

    texts = ('ancestor.name == "our-shell"',
             'ancestor.pid == %d and kind == exec and executable.path == "%s"' % (os.getpid(), shell),
             'process.exit.code == 3', 'kind == exec and "-c" in command_args', 'command_args contains "hunter"',
             'ancestor.executable.path == "%s"' % shell,
             'process.exit.code != 3 and process.lifetime_ns < 1h and ancestor.name == "our-shell"')
    sondes = {text: case.sonde("exec", "exit", "--pid", str(os.getpid()), "-f", text) for text in texts}
    in_child(run)
    for sonde in sondes.values():
        sonde.stop()

    def through(number):
        return [(r["kind"], field(r, "process.pid"), field(r, "process.exit.code")) for r in sondes[texts[number]].events()]

    below = [pid for kind, pid, _ in through(0) if kind == "exec"]
    equal(len(below), 1, "execs below a shell")
    equal(through(5), through(0), "by the name and by the program of an ancestor")
    expect(len(through(1)) == 2 and all(kind == "exec" for kind, _, _ in through(1)), "execs below us: %s" % through(1))
    equal([code for _, _, code in through(2)], [3], "exits with 3")
    equal(len(through(3)), 2, "arguments with -c")
    equal(through(4), [], "a secret that is masked")
    equal(through(6), [("exit", below[0], 0)], "other exits")


def test_signals(case):
    """Words for numbers."""
    def run():
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        signal.signal(signal.SIGUSR2, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGUSR1)
        os.kill(os.getpid(), signal.SIGCHLD)
        os.kill(os.getpid(), 0)

    check_filters(case, ["signal"], run, [
        ("signal.name == SIGUSR1", lambda r: field(r, "signal.name") == "SIGUSR1"),
        ("signal.number == SIGCHLD and signal.result == ignored",
         lambda r: field(r, "signal.name") == "SIGCHLD" and field(r, "signal.result") == "ignored"),
    ])


def test_rejected_in_the_kernel(case):
    """What the kernel's part rejects takes no room: a reader that stands still loses nothing, and the books balance."""
    wanted = case.path("wanted")
    with open(wanted, "w"):
        pass

    def run():
        for number in range(20000):
            os.close(os.open(wanted if number == 10000 else "/etc/passwd", os.O_RDONLY))

    sonde = case.sonde("open", "--pid", str(os.getpid()), "--ring-size", "64K",
                       "-f", 'file.path == "%s" and process.name like "*"' % wanted)
    sonde.send(signal.SIGSTOP)
    in_child(run)
    sonde.send(signal.SIGCONT)
    sonde.stop()
    sonde.one("open", file__path=wanted)
    row = sonde.summary["events"]["open"]
    equal((row["delivered"], row["lost"]), (1, 0), "delivered and lost")
    expect(row["filtered"] >= 19999, "filtered: %s" % row)
    expect("(%d filtered)" % row["filtered"] in sonde.stderr(), "the balance says so: " + sonde.stderr())


def test_both_ends_agree(case):
    """Random filters on random records: compiled, in the kernel, and evaluated in user space."""
    compare = os.path.join(os.path.dirname(SONDE), "tests", "filtered")
    if not os.access(compare, os.X_OK):
        raise Skip("build/tests/filtered is not built")
    ended = subprocess.run([compare, "40", "7", "3000"], capture_output=True, text=True, timeout=120)
    if ended.returncode == 77:
        raise Skip("programs cannot be loaded here")
    equal(ended.returncode, 0, "exit status (%s%s)" % (ended.stdout, ended.stderr))


def test_mistakes(case):
    """The column, what was expected, and the nearest name; nothing of it reaches the terminal raw."""
    shown = usage("trace", "open", "-f", "file.path startswith '/etc' and proces.name == 'cat'")
    expect("column 33: there is no field proces.name; did you mean process.name?" in shown, shown)
    expect("\n" + " " * 34 + "^" * len("proces.name") + "\n" in shown, shown)
    expect("file.new_path is a field of change" in usage("trace", "open", "-f", "file.new_path == 1"), "a field of others")
    expect("did you mean O_CREAT?" in usage("trace", "open", "-f", "file.flags == O_CREATE"), "a word")
    expect("empty" in usage("trace", "open", "-f", ""), "nothing")
    expect("expected" in usage("trace", "open", "-f", " "), "nothing but space")
    expect("-f EXPR" in usage("trace", "open", "--explain"), "nothing to explain")
    shown = usage("trace", "open", "-f", "\x1b[31m\n\u202e == 1")
    expect("\x1b" not in shown and "\u202e" not in shown, "a raw control character: %r" % shown)


def test_explain(case):
    """Which part is decided where, without watching anything."""
    def explain(*kinds):
        return subprocess.run([SONDE, "trace", *kinds, "-f", "file.path startswith '/etc' and process.name == 'cat'",
                               "--explain"], capture_output=True, text=True, timeout=120, check=True).stdout

    shown = explain("open", "exec")
    equal([line.strip() for line in shown.split("\n\n")[0].splitlines()],
          ["exec", "kernel      all pass: who did the rest is known from them",
           "user space  file.path startswith \"/etc\" and process.name == \"cat\"",
           "open", "kernel      file.path startswith \"/etc\"", "user space  process.name == \"cat\""], "parts")
    expect("instructions\n   0: r" in shown, shown)
    expect("signal\n  kernel      nothing passes\n  user space  nothing arrives\n" in explain("open", "signal"), "a kind left out")
