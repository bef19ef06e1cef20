"""Every field of an exec event against what the executed program says of itself."""

import ctypes
import errno
import fcntl
import os
import pty
import shutil
import subprocess
import tempfile
import termios

from harness import (Skip, boot_to_wall, brief, check_fields, equal, expect, field, in_child, program, report, spawn,
                     wall_ns)

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEW = {"user": 0x10000000, "uts": 0x04000000, "ipc": 0x08000000, "network": 0x40000000, "mount": 0x00020000,
             "cgroup": 0x02000000}
UNSET = 4294967295


def unshare(*names):
    flags = 0
    for name in names:
        flags |= CLONE_NEW[name]
    if LIBC.unshare(flags) != 0:
        raise OSError(ctypes.get_errno(), "unshare")


def capability_names(mask):
    """What setpriv calls the bits of a mask: an independent list of the names."""
    listing = subprocess.run(["setpriv", "--list-caps"], stdout=subprocess.PIPE, check=True, text=True).stdout.split()
    return ["CAP_" + name.upper() for number, name in enumerate(listing) if mask >> number & 1]


def expected(told, **more):
    """The exec fields that follow from a self-report. Thread, session and group are as seen from the machine."""
    names = told["namespaces"]
    want = {
        "process.pid": told["pid"], "thread.id": told["tid"], "process.parent_pid": told["parent"],
        "process.executable.path": told["exe"], "process.executable.name": os.path.basename(told["exe"]),
        "process.working_directory": told["cwd"],
        "process.user.id": told["euid"], "process.real_user.id": told["uid"],
        "process.group.id": told["egid"], "process.real_group.id": told["gid"],
        "process.login.id": None if told.get("login", UNSET) == UNSET else told["login"],
        # What the first process starts without a setsid is in session 0, which nobody leads.
        "process.session_leader.pid": told["session"] or None, "process.group_leader.pid": told["group"] or None,
        "process.namespace.mount": names["mnt"], "process.namespace.pid": names["pid"],
        "process.namespace.network": names["net"], "process.namespace.user": names["user"],
        "process.namespace.uts": names["uts"], "process.namespace.ipc": names["ipc"],
        "process.namespace.cgroup": names["cgroup"], "error.type": None,
    }
    want.update(more)
    return want


def watch(case, function, *kinds):
    """Runs a function under watch and returns (sonde, its value). Others may start more than any ring can take."""
    sonde = case.sonde(*(kinds or ("exec",)), "--pid", str(os.getpid()))
    value = function()
    sonde.stop()
    equal(sonde.lost(), 0, "events lost")
    return sonde, value


def check_own(sonde, pid, told, **more):
    record = sonde.one("exec", process__pid=pid)
    if "tty" not in more:
        expect(told["terminal"] or field(record, "process.tty") is None, "a tty though there is none")
    more.pop("tty", None)
    check_fields(record, expected(told, **more))
    started = wall_ns(field(record, "process.creation.time")) - boot_to_wall()
    expect(abs(started - told["starttime"] * 10_000_000) <= 12_000_000, "creation time differs from /proc/PID/stat")
    return record


def test_plain(case):
    arguments = [program("selfreport"), "one", "", "three words here", "-x=1"]
    sonde, (pid, told) = watch(case, lambda: report(case, lambda: os.chdir(case.tmp), argv=arguments))
    record = check_own(sonde, pid, told)
    check_fields(record, {"process.command_args": arguments, "process.user.name": "root",
                          "process.real_user.name": "root", "process.script.path": None})
    for name in ("process.capabilities.gained", "process.executable.memfd", "process.executable.deleted"):
        expect(not field(record, name), "%s is set" % name)
    equal(told["cwd"], case.tmp, "the report itself")


def test_executable_is_the_kernels_not_the_callers(case):
    """Through a symlink, a relative path and a lying argv[0], the path is that of the file that runs."""
    os.makedirs(case.path("real", "deep"))
    real = case.path("real", "deep", "worker")
    shutil.copy(program("selfreport"), real)
    os.symlink("real/deep/worker", case.path("alias"))
    os.symlink("real", case.path("way"))
    sonde, reports = watch(case, lambda: [
        report(case, path=case.path("alias"), argv=["not what it is"]),
        report(case, lambda: os.chdir(case.path("way")), path="../way/./deep/../deep/worker", argv=["x"])])
    for pid, told in reports:
        equal(told["exe"], real, "the report itself")
        check_own(sonde, pid, told)
    check_fields(sonde.one("exec", process__pid=reports[0][0]), {"process.command_args": ["not what it is"]})


def test_script_and_interpreter(case):
    for name, first in (("plain.sh", "#!/bin/sh"), ("option.sh", "#!/bin/sh -u"), ("env.sh", "#!/usr/bin/env sh")):
        with open(case.path(name), "w") as file:
            file.write(first + "\nexit 0\n")
        os.chmod(case.path(name), 0o755)
    shell, env = os.path.realpath("/bin/sh"), os.path.realpath("/usr/bin/env")

    def run():
        return [spawn(lambda: os.chdir(case.tmp), path, [path, "argument"])[0]
                for path in (case.path("plain.sh"), case.path("option.sh"), "./plain.sh", case.path("env.sh"))]
    sonde, pids = watch(case, run)
    check_fields(sonde.one("exec", process__pid=pids[0]), {
        "process.script.path": case.path("plain.sh"), "process.interpreter.path": shell,
        "process.executable.path": shell, "process.command_args": ["/bin/sh", case.path("plain.sh"), "argument"]})
    check_fields(sonde.one("exec", process__pid=pids[1]), {
        "process.script.path": case.path("option.sh"), "process.interpreter.path": shell,
        "process.command_args": ["/bin/sh", "-u", case.path("option.sh"), "argument"]})
    check_fields(sonde.one("exec", process__pid=pids[2]), {
        "process.script.path": lambda path: path in ("./plain.sh", case.path("plain.sh")),
        "process.interpreter.path": shell, "process.working_directory": case.tmp})
    # The kernel starts env, and env tries sh along $PATH until one is there.
    by_env = [record for record in sonde.events("exec", process__pid=pids[3]) if not field(record, "error.type")]
    equal([field(record, "process.executable.path") for record in by_env], [env, shell], "executions through env")
    equal(field(by_env[0], "process.script.path"), case.path("env.sh"), "script")
    equal(field(by_env[1], "process.script.path"), None, "script of the second execution")


def test_users_and_groups(case):
    def prepare():
        os.setgroups([])
        os.setresgid(1234, 2345, 3456)
        os.setresuid(12345, 23456, 34567)
    case_file = case.path("worker")
    shutil.copy(program("selfreport"), case_file)
    sonde, (pid, told) = watch(case, lambda: report(case, prepare, path=case_file))
    equal((told["uid"], told["euid"], told["gid"], told["egid"]), (12345, 23456, 1234, 2345), "the report itself")
    record = check_own(sonde, pid, told)
    check_fields(record, {"process.user.name": None, "process.real_user.name": None})


def test_login_id(case):
    def prepare():
        with open("/proc/self/loginuid", "w") as file:
            file.write("1000")
    try:
        sonde, (pid, told) = watch(case, lambda: report(case, prepare))
    except AssertionError:
        raise Skip("the login uid cannot be set here") from None
    if told.get("login") != 1000:
        raise Skip("this kernel keeps no login uid")
    check_own(sonde, pid, told)


def test_setuid_binary_gains_capabilities(case):
    case_file = case.path("setuid")
    shutil.copy(program("selfreport"), case_file)
    os.chmod(case_file, 0o4755)

    def prepare():
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
    sonde, (pid, told) = watch(case, lambda: report(case, prepare, path=case_file))
    if told["euid"] != 0:
        raise Skip("the temporary directory is mounted nosuid")
    record = check_own(sonde, pid, told)
    check_fields(record, {"process.real_user.name": "nobody", "process.user.name": "root",
                          "process.capabilities.gained": lambda got: sorted(got) == sorted(
                              capability_names(int(told["capabilities"], 16)))})


def test_file_capabilities_gained(case):
    if not shutil.which("setcap"):
        raise Skip("no setcap here")
    case_file = case.path("capable")
    shutil.copy(program("selfreport"), case_file)
    subprocess.run(["setcap", "cap_net_raw,cap_sys_time+ep", case_file], check=True)

    def prepare():
        os.setgroups([])
        os.setresgid(65534, 65534, 65534)
        os.setresuid(65534, 65534, 65534)
    sonde, (pid, told) = watch(case, lambda: report(case, prepare, path=case_file))
    check_fields(check_own(sonde, pid, told), {
        "process.capabilities.gained": lambda got: sorted(got) == ["CAP_NET_RAW", "CAP_SYS_TIME"]})


def test_terminal_and_session(case):
    master, slave = pty.openpty()
    name = os.ttyname(slave)

    def prepare():
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    sonde, (pid, told) = watch(case, lambda: report(case, prepare))
    os.close(slave)
    os.close(master)
    equal((told["session"], told["group"]), (pid, pid), "the report itself")
    record = check_own(sonde, pid, told, tty=name)
    got = field(record, "process.tty", "")
    expect(got.replace("/dev/", "").replace("/", "") == name.replace("/dev/", "").replace("/", ""),
           "process.tty is %r, expected %s" % (got, name))


def test_namespaces(case):
    sonde, (pid, told) = watch(case, lambda: report(case, lambda: unshare("uts", "ipc", "network", "mount",
                                                                          "cgroup")))
    for name in ("uts", "ipc", "net", "mnt", "cgroup"):
        own = int(os.readlink("/proc/self/ns/" + name).split("[")[1][:-1])
        expect(told["namespaces"][name] != own, "%s was not unshared" % name)
    check_own(sonde, pid, told)


def test_user_namespace(case):
    sonde, (pid, told) = watch(case, lambda: report(case, lambda: unshare("user")))
    # Ids are those of the machine; inside, nothing is mapped and the program sees the overflow id.
    check_own(sonde, pid, dict(told, uid=0, euid=0, gid=0, egid=0))


def test_pid_namespace(case):
    """Inside it is pid 1; the event says who it is on this machine."""
    out = case.path("report")
    sonde, _ = watch(case, lambda: subprocess.run(
        ["unshare", "--pid", "--fork", "sh", "-c", "exec 7>%s; exec env REPORT_FD=7 %s in-a-pid-namespace; :" % (
            out, program("selfreport"))], check=True))
    import json
    with open(out) as file:
        told = json.load(file)
    equal(told["pid"], 1, "the report itself")
    record = sonde.one("exec", process__command_args=[program("selfreport"), "in-a-pid-namespace"])
    expect(field(record, "process.pid") > 1 and field(record, "process.pid") == field(record, "thread.id"),
           "pid is that of the namespace")
    check_fields(record, {"process.namespace.pid": lambda got: got != int(
        os.readlink("/proc/self/ns/pid").split("[")[1][:-1])})


def test_memfd(case):
    def run():
        descriptor = os.memfd_create("nameless", 0)
        with open(program("burst"), "rb") as file:
            os.write(descriptor, file.read())
        return spawn(None, "/proc/self/fd/%d" % descriptor, ["ghost", "leaf"])
    sonde, (pid, error, status) = watch(case, lambda: run() + ())
    equal(error, 0, "errno")
    check_fields(sonde.one("exec", process__pid=pid), {
        "process.executable.memfd": True, "process.executable.path": lambda path: "memfd:nameless" in path,
        "process.command_args": ["ghost", "leaf"]})


def test_deleted_executable(case):
    case_file = case.path("gone")
    shutil.copy(program("burst"), case_file)

    def run():
        descriptor = os.open(case_file, os.O_RDONLY)
        os.unlink(case_file)
        return spawn(None, "/proc/self/fd/%d" % descriptor, [case_file, "leaf"])
    sonde, (pid, error, _) = watch(case, run)
    equal(error, 0, "errno")
    check_fields(sonde.one("exec", process__pid=pid), {
        "process.executable.deleted": True,
        "process.executable.path": lambda path: path.replace(" (deleted)", "") == case_file})


def test_failed_executions(case):
    """ENOENT, EACCES, ENOTDIR, ELOOP and ENOEXEC: events with their error and the path that was asked for."""
    with open(case.path("text"), "w") as file:
        file.write("just text\n")
    os.chmod(case.path("text"), 0o644)
    with open(case.path("garbage"), "wb") as file:
        file.write(b"\x00\x01garbage")
    os.chmod(case.path("garbage"), 0o755)
    os.symlink("loop", case.path("loop"))
    asked = {case.path("missing"): errno.ENOENT, case.path("text"): errno.EACCES, case.tmp: errno.EACCES,
             case.path("garbage"): errno.ENOEXEC, case.path("text", "below"): errno.ENOTDIR,
             case.path("loop"): errno.ELOOP}
    sonde, results = watch(case, lambda: [(path, spawn(None, path, [path, "argument"])) for path in asked])
    for path, (pid, error, _) in results:
        equal(error, asked[path], "errno for " + path)
        check_fields(sonde.one("exec", process__pid=pid), {
            "error.type": errno.errorcode[error], "error.code": error, "exec.asked": path,
            "process.parent_pid": os.getpid(), "process.user.id": 0})


def test_failed_then_successful_execution(case):
    """A search along $PATH: failures first, then the one that worked, all by the same process."""
    def run():
        def child():
            for directory in (case.path("a"), case.path("b"), os.path.dirname(program("burst"))):
                try:
                    os.execv(os.path.join(directory, "burst"), ["burst", "leaf"])
                except OSError:
                    pass
        return in_child(child)
    sonde = case.sonde("exec")
    pid, _, status = run()
    sonde.stop()
    equal(status, 0, "wait status")
    equal([(field(r, "exec.asked"), field(r, "error.type")) for r in
           sonde.events("exec", process__pid=pid)],
          [(case.path("a", "burst"), "ENOENT"), (case.path("b", "burst"), "ENOENT"), (program("burst"), None)],
          "executions")


def test_100000_arguments(case):
    arguments = [program("burst")] + ["x"] * 40000 + ["y%d" % i for i in range(60000)]
    sonde, (pid, error, _) = watch(case, lambda: spawn(None, program("burst"), arguments, env={}))
    equal(error, 0, "errno")
    check_arguments(sonde.one("exec", process__pid=pid), arguments)


def check_arguments(record, arguments):
    """Whole up to 128 KiB, counted with the NUL behind each; beyond that a prefix, marked, with the full length."""
    length = sum(len(os.fsencode(part)) + 1 for part in arguments)
    got = field(record, "process.command_args")
    if length <= 131072:
        equal(got, arguments, "arguments of %d bytes" % length)
        expect(not field(record, "process.args.cut"), "%d bytes of arguments said to be cut" % length)
        return
    equal(field(record, "process.args.cut"), True, "process.args.cut of %d bytes" % length)
    equal(field(record, "process.args.length"), length, "process.args.length")
    whole, part = "\0".join(arguments), "\0".join(got)
    expect(whole.startswith(part), lambda: "not a prefix: …%s against …%s" % (
        brief(part[-80:]), brief(whole[len(part) - 80:len(part)])))
    expect(len(part) >= 131072 - 4096, "only %d bytes of %d were kept" % (len(part), length))


def test_arguments_around_every_limit(case):
    """Lengths at and around page and record limits, up to one byte around 128 KiB, in one or in several arguments."""
    plans = []
    for total in (255, 256, 257, 4095, 4096, 4097, 8192, 32768, 65535, 65536, 65537, 131071, 131072, 131073, 200000):
        left = total - len("leaf") - 1 - len("burst") - 1
        parts = []
        while left > 0:
            size = min(left, 60001)
            parts.append(("%08d" % total * (size // 8 + 1))[:size - 1])
            left -= size
        plans.append(["burst", "leaf"] + parts)
    plans.append(["burst", "z" * 131071])  # the longest single one the kernel takes
    sonde, results = watch(case, lambda: [(plan, spawn(None, program("burst"), plan, env={})) for plan in plans])
    for plan, (pid, error, _) in results:
        equal(error, 0, "errno")
        check_arguments(sonde.one("exec", process__pid=pid), plan)


def test_empty_argv(case):
    """Without any argument the kernel puts one empty string there."""
    def child():
        empty = (ctypes.c_char_p * 1)(None)
        LIBC.execve(os.fsencode(program("burst")), empty, empty)
    sonde = case.sonde("exec")
    pid, _, _ = in_child(child)
    sonde.stop()
    check_fields(sonde.one("exec", process__pid=pid), {
        "process.command_args": lambda got: got in ([], [""]), "process.executable.path": program("burst")})


def test_hostile_arguments(case):
    """Newlines, quotes, escapes and invalid UTF-8: JSON stays valid and says the same; the terminal gets no control."""
    arguments = [b"burst", b"new\nline", b"quo\"te'", b"back\\slash", b"esc\x1b[31mred\x1b]0;title\x07", b"\xff\xfe",
                 b"lone \xc3", b"\xed\xa0\x80", b"tab\tcr\rbs\b", b"\x7f\xc2\x9b31m", "日本語 ünï".encode(),
                 "bidi \u202e evil".encode(), b"", b"nul-like \\0", b"</script>", "\U0001f600".encode()]
    sonde, (pid, error, _) = watch(case, lambda: spawn(None, program("burst"), arguments))
    equal(error, 0, "errno")
    got = field(sonde.one("exec", process__pid=pid), "process.command_args")
    equal(len(got), len(arguments), "number of arguments")
    for one, raw in zip(got, arguments):
        try:
            equal(one, raw.decode(), "argument")
        except UnicodeDecodeError:
            expect("\ufffd" in one and one.replace("\ufffd", "") == raw.decode("utf-8", "ignore"),
                   "invalid UTF-8 %r became %r" % (raw, one))
    text = case.sonde("exec", json_lines=False)
    spawn(None, program("burst"), arguments)
    text.stop()
    shown = text.stdout()
    for bad in (b"\x1b", b"\x07", b"\r", b"\b", b"\x7f", b"\xc2\x9b", "\u202e".encode(), b"\xff", b"new\nline"):
        expect(bad not in shown, "%r reached the terminal" % bad)
    shown.decode("utf-8")


def test_hostile_working_directory_and_executable(case):
    home = os.path.join(os.fsencode(case.tmp), b"di\nr\"\x1b[2J\xff")
    os.mkdir(home)
    path = os.path.join(home, b"pro\ngram\xfe'")
    shutil.copy(os.fsencode(program("burst")), path)
    sonde, (pid, error, _) = watch(case, lambda: spawn(lambda: os.chdir(home), path, [b"x"]))
    equal(error, 0, "errno")
    check_fields(sonde.one("exec", process__pid=pid), {
        "process.working_directory": home.replace(b"\xff", "\ufffd".encode()).decode(),
        "process.executable.path": path.replace(b"\xff", "\ufffd".encode()).replace(b"\xfe", "\ufffd".encode())
        .decode()})


def test_long_paths(case):
    """An executable and a working directory far below, near the 4,096 bytes a path may have."""
    os.chmod(case.tmp, 0o755)
    parts = [("d%03d" % i).ljust(200, "x") for i in range(19)]

    def child():
        os.chdir(case.tmp)
        for part in parts:
            os.mkdir(part)
            os.chdir(part)
        shutil.copy(program("burst"), "burst")
        os.execv("./burst", ["burst", "leaf"])
    sonde = case.sonde("exec")
    pid, _, status = in_child(child)
    sonde.stop()
    equal(status, 0, "wait status")
    home = os.path.join(case.tmp, *parts)
    expect(3800 < len(home) < 4096, "the test's own path length")
    check_fields(sonde.one("exec", process__pid=pid), {"process.working_directory": home,
                                                       "process.executable.path": home + "/burst"})
    subprocess.run(["rm", "-rf", case.path(parts[0])], check=True)


def test_paths_beyond_the_limit(case):
    """An executable and a working directory so far below that their paths are cut: what is left does not pass for whole."""
    parts = [("d%03d" % i).ljust(200, "x") for i in range(24)]

    def child():
        os.chdir(case.tmp)
        for part in parts:
            os.mkdir(part)
            os.chdir(part)
        shutil.copy(program("burst"), "burst")
        os.execv("./burst", ["burst", "leaf"])
    sonde = case.sonde("exec")
    pid, _, status = in_child(child)
    sonde.stop()
    equal(status, 0, "wait status")
    record = sonde.one("exec", process__pid=pid)
    home = os.path.join(case.tmp, *parts)
    for name, whole in (("process.working_directory", home), ("process.executable.path", home + "/burst")):
        got = field(record, name)
        expect(got[0] == "\u2026" and len(got) > 3500 and whole.endswith(got[1:]), "%s: %s" % (name, brief(got)))
    equal(field(record, "process.executable.name"), "burst", "its name")
    subprocess.run(["rm", "-rf", case.path(parts[0])], check=True)


def test_temporary_names_do_not_matter(case):
    """Two executions of one path whose file was replaced between: both say the path, the second is not deleted."""
    path = tempfile.mktemp(dir=case.tmp)
    shutil.copy(program("burst"), path)

    def run():
        first = spawn(None, path, ["a", "leaf"])[0]
        shutil.copy(program("burst"), path + ".new")
        os.rename(path + ".new", path)
        return first, spawn(None, path, ["b", "leaf"])[0]
    sonde, pids = watch(case, run)
    for pid in pids:
        check_fields(sonde.one("exec", process__pid=pid), {"process.executable.path": path,
                                                           "error.type": None})
        expect(not field(sonde.one("exec", process__pid=pid), "process.executable.deleted"), "deleted is set")
