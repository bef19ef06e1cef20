"""The policies that come with sonde: each matches the real thing, and not what looks like it."""

import ctypes
import glob
import os
import shutil
import signal
import subprocess

from harness import ROOT, SONDE, Skip, equal, expect, field, until

PACK = os.path.join(ROOT, "policies")
PYTHON = os.path.realpath("/proc/self/exe")
LIBC = ctypes.CDLL(None, use_errno=True)
PTRACE_ATTACH, PTRACE_DETACH = 16, 17
FINIT_MODULE = {"x86_64": 313, "aarch64": 273}.get(os.uname().machine)


def names():
    return sorted(os.path.basename(path)[:-5] for path in glob.glob(os.path.join(PACK, "*.yaml")))


def opened(path, flags=os.O_WRONLY):
    """Opened and closed, with nothing written; removed if it was not there."""
    was = os.path.exists(path)
    os.close(os.open(path, flags | (0 if was else os.O_CREAT), 0o600))
    if not was:
        os.unlink(path)


def shell(case, name):
    server = case.path(name)
    shutil.copy(shutil.which("timeout"), server)
    subprocess.run([server, "20", "sh", "-c", ":"], check=True)


def memory():
    pid = os.fork()
    if pid == 0:
        file = os.memfd_create("sonde-test")
        with open("/bin/true", "rb") as program:
            os.write(file, program.read())
        os.execv("/proc/self/fd/%d" % file, ["true"])
    equal(os.waitpid(pid, 0)[1], 0, "status of a program in memory")


def attach():
    child = subprocess.Popen(["sleep", "60"])
    try:
        if LIBC.ptrace(PTRACE_ATTACH, child.pid, None, None):
            raise OSError(ctypes.get_errno(), "ptrace")
        os.waitpid(child.pid, os.WUNTRACED)
        LIBC.ptrace(PTRACE_DETACH, child.pid, None, None)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()


def module(case):
    """Refused, because it is none; that it was tried is what counts."""
    path = case.path("sonde_test.ko")
    with open(path, "wb") as file:
        file.write(b"no module")
    file = os.open(path, os.O_RDONLY)
    LIBC.syscall(FINIT_MODULE, file, b"", 0)
    os.close(file)


def metadata(address):
    """In a network of its own, where nobody else is asked."""
    connect = "import socket; socket.socket().connect_ex(('%s', 80))" % address
    subprocess.run(["unshare", "-n", "sh", "-c", "ip link set lo up && ip addr add %s/32 dev lo && %s -c \"%s\"" % (
        address, PYTHON, connect)], check=True)


def setuid(case, mode):
    path = case.path("program")
    with open(path, "w"):
        pass
    os.chmod(path, mode)


def test_pack(case):
    """One watch over all of them; what else this machine does meanwhile does not matter."""
    sonde = case.sonde("watch", *glob.glob(os.path.join(PACK, "*.yaml")), command="policy")
    sonde.check_balance = lambda: None  # an event that two policies match is two lines
    home = case.path("home")
    os.makedirs(home + "/.ssh")
    with open(home + "/.ssh/id_rsa", "w"):
        pass
    shell(case, "nginx")
    opened(home + "/.ssh/id_rsa", os.O_RDONLY)
    setuid(case, 0o4755)
    memory()
    if FINIT_MODULE:
        module(case)
    attach()
    opened("/etc/sonde-test")
    metadata("169.254.169.254")
    opened("/proc/sys/kernel/core_pattern")
    opened("/var/log/sonde-test")
    opened("/etc/cron.d/sonde-test")
    opened("/etc/ld.so.preload")
    first = {record["policy"]["name"] for record in until_told(sonde)}
    equal(sorted(first), [name for name in names() if FINIT_MODULE or name != "kernel-module"], "policies that matched")

    count = len(sonde.parse())
    marks = case.path("counter")
    os.mkdir(marks)
    shell(case, "nginx-like")
    opened(home + "/.ssh/id_rsa.pub", os.O_RDONLY | os.O_CREAT)
    setuid(case, 0o755)
    subprocess.run(["/bin/true"], check=True)
    opened("/etc/passwd", os.O_RDONLY)
    opened(marks + "/core_pattern")
    opened(marks + "/ld.so.preload")
    opened("/var/tmp/sonde-test")
    metadata("169.254.169.253")
    sonde.stop()
    wrong = [record for record in sonde.records[count:] if "sonde-test" in str(record) or case.tmp in str(record) or
             field(record, "process.pid") == os.getpid()]
    expect(not wrong, "matched: %s" % [(record["policy"]["name"], field(record, "file.path")) for record in wrong])


def test_other_ways_to_the_same(case):
    """What is moved or linked into place, and a log that is moved away."""
    for name in ("persistence", "log-deletion"):
        sonde = case.sonde("watch", os.path.join(PACK, name + ".yaml"), command="policy")
        ways = {"persistence": ("/etc/cron.d/sonde-test-moved", "/etc/cron.d/sonde-test-linked", "/etc/cron.d/sonde-test-pointed"),
                "log-deletion": ("/var/log/sonde-test-log",)}[name]
        source = "/etc/sonde-test" if name == "persistence" else ways[0]
        for path in (source, *ways):
            case.defer(lambda path=path: os.path.lexists(path) and os.unlink(path))
        if not all(os.path.isdir(os.path.dirname(path)) for path in ways):
            raise Skip("no %s" % os.path.dirname(ways[0]))
        with open(source, "w"):
            pass
        if name == "persistence":
            os.link(source, ways[1])
            os.symlink("/nowhere", ways[2])
            os.rename(source, ways[0])
        else:
            case.defer(lambda: os.path.exists("/var/sonde-test-log") and os.unlink("/var/sonde-test-log"))
            os.rename(source, "/var/sonde-test-log")
        sonde.stop()
        said = str([record for record in sonde.records if field(record, "process.pid") == os.getpid()])
        equal([path for path in ways if path not in said], [], "not told of by " + name)


def until_told(sonde):
    wanted = set(names()) - (set() if FINIT_MODULE else {"kernel-module"})

    def all_told():
        told = [record for record in sonde.parse() if "policy" in record]
        return told if {record["policy"]["name"] for record in told} >= wanted else None
    return until(all_told, lambda: "a match of %s; stderr: %s" % (
        wanted - {record["policy"]["name"] for record in sonde.parse() if "policy" in record}, sonde.stderr()))


def test_pack_is_good(case):
    """Every file is right, says how bad it is and what happened, and does nothing but tell."""
    for path in glob.glob(os.path.join(PACK, "*.yaml")):
        done = subprocess.run([SONDE, "policy", "check", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        equal(done.returncode, 0, "check of %s: %s" % (path, done.stderr))
        expect("not in the kernel" not in done.stdout, "%s needs an agent: %s" % (path, done.stdout))
        text = open(path).read()
        for key in ("message:", "severity:", "tags:"):
            expect("\n" + key in text, "%s has no %s" % (path, key))
        expect("then:" not in text, "%s acts" % path)
    expect(len(names()) >= 12, names())
