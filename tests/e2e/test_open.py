"""Opened files: the path as the kernel resolved it, against readlink on the descriptor in the same process."""

import ctypes
import errno
import os
import stat
import subprocess
import tempfile

from harness import check_fields, equal, expect, field, in_child, program

LIBC = ctypes.CDLL(None, use_errno=True)
FLAG_NAMES = ("O_CREAT", "O_EXCL", "O_TRUNC", "O_APPEND", "O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC", "O_NONBLOCK",
              "O_PATH", "O_DSYNC", "O_NOCTTY")


def flag_names(flags):
    """The names of open flags as a program writes them."""
    names = {["O_RDONLY", "O_WRONLY", "O_RDWR"][flags & os.O_ACCMODE]}
    return names | {name for name in FLAG_NAMES if flags & getattr(os, name) == getattr(os, name)}


def attempt(path, flags, mode=0o644, directory=None):
    """Opens and tells all that is known: errno, the resolved path, descriptor and inode."""
    told = {"asked": path, "flags": flags | os.O_CLOEXEC}
    try:
        descriptor = os.open(path, flags | os.O_CLOEXEC, mode, dir_fd=directory)
    except OSError as error:
        return dict(told, error=error.errno)
    status = os.fstat(descriptor)
    told.update(error=0, path=os.readlink(b"/proc/self/fd/%d" % descriptor), descriptor=descriptor,
                inode=status.st_ino, mode=status.st_mode & 0o7777,
                size=status.st_size if stat.S_ISREG(status.st_mode) else None)
    os.close(descriptor)
    return told


def as_text(raw):
    """What JSON may say of bytes: each invalid byte becomes U+FFFD."""
    text = os.fsencode(raw).decode("utf-8", "surrogateescape")
    return "".join("\ufffd" if "\udc80" <= c <= "\udcff" else c for c in text)


def normal(text):
    return (text or "").replace(" (deleted)", "")


def opens_of(sonde, pid):
    """The opens of a process; O_PATH opens nothing, and may be told or not, depending on the rung."""
    return [record for record in sonde.events("open", process__pid=pid)
            if "O_PATH" not in field(record, "file.flags", [])]


def check_opens(sonde, pid, told):
    """Event by event, in order, every field: the path of what was opened, or the name that could not be."""
    paths = {normal(as_text(one["path"])) for one in told if not one["error"]}
    asked = {as_text(one["asked"]) for one in told if one["error"]}
    records = [record for record in opens_of(sonde, pid)
               if normal(field(record, "file.path")) in paths or field(record, "file.asked") in asked]
    equal(len(records), len(told), "open records of pid %d (%s)" % (
        pid, [(field(r, "file.path"), field(r, "file.asked"), field(r, "error.type")) for r in records][:20]))
    for record, one in zip(records, told):
        want = {"process.pid": pid}
        if one["error"]:
            want.update({"file.asked": as_text(one["asked"]), "file.path": None, "file.descriptor": None,
                         "error.type": errno.errorcode[one["error"]], "error.code": one["error"]})
        else:
            want.update({"file.path": lambda got, one=one: normal(got) == normal(as_text(one["path"])),
                         "file.descriptor": one["descriptor"], "file.inode": one["inode"], "file.mode": one["mode"], "file.size": one.get("size"),
                         "file.created": one.get("created", False), "file.asked": None, "error.type": None})
        want["file.flags"] = lambda got, one=one: set(got) - {"O_LARGEFILE"} == flag_names(one["flags"])
        check_fields(record, want)


def watched(case, function, *options):
    """Only what the test itself starts, unless told otherwise: others may open more than any ring can take."""
    sonde = case.sonde("open", *(options or ("--pid", str(os.getpid()))))
    pid, told, _ = in_child(function)
    sonde.stop()
    equal(sonde.lost(), 0, "events lost")
    return sonde, pid, told


def test_ways_to_say_a_path(case):
    """Absolute, relative, dots, symlinks in every place, a directory's descriptor."""
    os.makedirs(case.path("real", "sub"))
    with open(case.path("real", "sub", "file"), "w") as file:
        file.write("x")
    os.symlink("real", case.path("way"))
    os.symlink("sub/file", case.path("real", "last"))
    os.symlink(case.path("way", "last"), case.path("chain"))

    def run():
        os.chdir(case.path("real"))
        directory = os.open(case.path("way"), os.O_RDONLY)
        directory = os.open("sub", os.O_RDONLY | os.O_PATH, dir_fd=directory)
        told = [attempt(path, os.O_RDONLY) for path in (
            case.path("real/sub/file"), "sub/file", "./sub/../sub/./file", "../real/sub/file", case.path("way/last"),
            case.path("chain"), "//" + case.path("real//sub///file"), case.path("way/sub/../last"))]
        told += [attempt(path, os.O_RDONLY, directory=directory) for path in ("file", "../sub/file", "../last")]
        told += [attempt(case.path("way", "sub"), os.O_RDONLY | os.O_DIRECTORY), attempt(".", os.O_PATH),
                 attempt("sub/file", os.O_PATH)]
        return told
    sonde, pid, told = watched(case, run)
    equal(os.fsdecode(told[5]["path"]), case.path("real", "sub", "file"), "the test's own chain")
    check_opens(sonde, pid, [one for one in told if not one["flags"] & os.O_PATH])


def test_flags_and_modes(case):
    with open(case.path("there"), "w") as file:
        file.write("x")

    def run():
        os.umask(0)
        os.chdir(case.tmp)
        told = [attempt("there", flags) for flags in (
            os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_APPEND, os.O_RDWR | os.O_TRUNC,
            os.O_RDONLY | os.O_NONBLOCK, os.O_RDONLY | os.O_NOFOLLOW, os.O_WRONLY | os.O_DSYNC,
            os.O_RDONLY | os.O_NOCTTY)]
        told += [dict(attempt("made", os.O_WRONLY | os.O_CREAT, 0o640), created=True),
                 dict(attempt("made", os.O_WRONLY | os.O_CREAT, 0o600), created=False),
                 dict(attempt("only", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o4755), created=True),
                 dict(attempt("trunc", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666), created=True)]
        return told
    sonde, pid, told = watched(case, run)
    equal([one["error"] for one in told], [0] * len(told), "errno")
    check_opens(sonde, pid, told)


def test_failures(case):
    """With the path that was asked for, and errno."""
    with open(case.path("there"), "w") as file:
        file.write("x")
    os.chmod(case.path("there"), 0o600)
    os.symlink("loop", case.path("loop"))
    os.mkdir(case.path("directory"))

    def run():
        os.chdir(case.tmp)
        told = [attempt("missing", os.O_RDONLY), attempt(case.path("no", "such", "place"), os.O_RDONLY),
                attempt("there", os.O_RDWR | os.O_CREAT | os.O_EXCL), attempt("there/below", os.O_RDONLY),
                attempt("loop", os.O_RDONLY), attempt("directory", os.O_WRONLY),
                attempt("there", os.O_RDONLY | os.O_DIRECTORY), attempt("x" * 256, os.O_RDONLY),
                attempt("missing", os.O_RDONLY, directory=os.open(case.path("directory"), os.O_RDONLY))]
        os.setresuid(65534, 65534, 65534)
        return told + [attempt("there", os.O_RDONLY), attempt("new", os.O_WRONLY | os.O_CREAT)]
    sonde, pid, told = watched(case, run)
    equal([errno.errorcode[one["error"]] for one in told],
          ["ENOENT", "ENOENT", "EEXIST", "ENOTDIR", "ELOOP", "EISDIR", "ENOTDIR", "ENAMETOOLONG", "ENOENT", "EACCES",
           "EACCES"], "the test's own errors")
    check_opens(sonde, pid, told)


def test_bind_mounts_and_overlay(case):
    for name in ("lower", "upper", "work", "merged", "bound", "source"):
        os.mkdir(case.path(name))
    for name in ("lower/below", "source/file"):
        with open(case.path(name), "w") as file:
            file.write("x")
    case.mount("--bind", case.path("source"), case.path("bound"))
    case.mount("-t", "overlay", "-o", "lowerdir=%s,upperdir=%s,workdir=%s" % (
        case.path("lower"), case.path("upper"), case.path("work")), "overlay", case.path("merged"))

    def run():
        return [attempt(case.path("bound", "file"), os.O_RDONLY),
                attempt(case.path("merged", "below"), os.O_RDONLY),
                dict(attempt(case.path("merged", "new"), os.O_WRONLY | os.O_CREAT), created=True),
                attempt(case.path("merged", "below"), os.O_RDWR),  # copied up
                attempt(case.path("merged", "new"), os.O_RDONLY)]
    sonde, pid, told = watched(case, run)
    equal(os.fsdecode(told[3]["path"]), case.path("merged", "below"), "the test's own path")
    check_opens(sonde, pid, told)


def test_mount_namespace(case):
    """A mount that only the process has."""
    os.mkdir(case.path("private"))

    def run():
        if LIBC.unshare(0x00020000):
            raise OSError(ctypes.get_errno(), "unshare")
        LIBC.mount(None, b"/", None, 0x44000, None)  # private, all below
        LIBC.mount(b"tmpfs", os.fsencode(case.path("private")), b"tmpfs", 0, None)
        return [dict(attempt(case.path("private", "inside"), os.O_WRONLY | os.O_CREAT), created=True)]
    sonde, pid, told = watched(case, run)
    expect(not os.path.exists(case.path("private", "inside")), "the mount was not private")
    check_opens(sonde, pid, told)


def test_chroot(case):
    """The path is that within the root of the process, as its own readlink says."""
    os.makedirs(case.path("root", "sub"))
    os.mkdir(case.path("root", "proc"))
    with open(case.path("root", "sub", "file"), "w") as file:
        file.write("x")
    case.mount("--bind", "/proc", case.path("root", "proc"))

    def run():
        os.chroot(case.path("root"))
        os.chdir("/sub")
        return [attempt("file", os.O_RDONLY), attempt("/sub/../../sub/file", os.O_RDONLY)]
    sonde, pid, told = watched(case, run)
    equal([one["path"] for one in told], [b"/sub/file"] * 2, "the test's own paths")
    check_opens(sonde, pid, told)


def test_deleted_and_nameless_files(case):
    def run():
        os.chdir(case.tmp)
        keep = os.open("gone", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)
        os.unlink("gone")
        again = attempt("/proc/self/fd/%d" % keep, os.O_RDONLY)
        nameless = attempt(case.tmp, os.O_TMPFILE | os.O_RDWR, 0o600)
        return again, nameless
    sonde, pid, (again, nameless) = watched(case, run)
    records = sonde.events("open", process__pid=pid)
    expect(any(normal(field(r, "file.path")) == case.path("gone") and field(r, "file.inode") == again["inode"] and
               field(r, "file.descriptor") == again["descriptor"] and field(r, "file.deleted") and
               not field(r, "file.created") for r in records), "the deleted file's second open")
    expect(any(field(r, "file.inode") == nameless["inode"] and "O_TMPFILE" in field(r, "file.flags")
               for r in records), "the nameless file")


def test_files_of_no_directory(case):
    """A pipe has its number for a name, as in /proc; a namespace has none; who asks for the root does not get them."""
    reader, writer = os.pipe()
    memory = os.memfd_create("sonde-e2e")
    os.mkfifo(case.path("named"))
    for descriptor in (reader, writer, memory):
        case.defer(os.close, descriptor)
    pipe = "pipe:[%d]" % os.fstat(reader).st_ino

    def run():
        return [attempt(path, os.O_RDWR) for path in ("/proc/self/fd/%d" % reader, "/proc/self/fd/%d" % memory,
                                                      case.path("named"))] + [
            attempt("/proc/self/ns/" + name, os.O_RDONLY) for name in ("net", "mnt")] + [attempt("/", os.O_RDONLY)]
    scope = ("--pid", str(os.getpid()))
    asking = {path: case.sonde("open", *scope, "-f", "file.path == \"%s\"" % path) for path in ("/", "//", pipe)}
    sonde, pid, told = watched(case, run)
    equal(os.fsdecode(told[0]["path"]), pipe, "the pipe in /proc")
    for one, path, kind in zip(told, (pipe, "/memfd:sonde-e2e", case.path("named"), None, None, "/"),
                               ("fifo", "file", "fifo", "file", "file", "dir")):
        record = sonde.one("open", process__pid=pid, file__inode=one["inode"], file__descriptor=one["descriptor"],
                           file__type=kind)
        check_fields(record, {"file.path": path})
    for path, kinds in (("/", ["dir"]), ("//", []), (pipe, ["fifo"])):
        asking[path].stop()
        equal([field(r, "file.type") for r in asking[path].events("open", process__pid=pid)], kinds, "found as " + path)


def test_every_system_call_that_opens(case):
    """open, creat, openat and openat2, as old and new programs call them."""
    with open(case.path("there"), "w") as file:
        file.write("x")
    path = os.fsencode(case.path("there"))
    how = (ctypes.c_uint64 * 3)(os.O_RDONLY | os.O_CLOEXEC, 0, 0)

    def run():
        calls = [(2, path, os.O_RDONLY, 0), (85, os.fsencode(case.path("created")), 0o600),
                 (257, -100, path, os.O_RDONLY, 0), (437, -100, path, ctypes.byref(how), 24)]
        return [LIBC.syscall(*calls[0]), LIBC.syscall(*calls[1]), LIBC.syscall(*calls[2]), LIBC.syscall(*calls[3])]
    if os.uname().machine != "x86_64":
        import harness
        raise harness.Skip("numbers of system calls are those of x86-64")
    sonde, pid, descriptors = watched(case, run)
    expect(min(descriptors) >= 0, "a call failed: %s" % descriptors)
    got = [(field(r, "file.path"), field(r, "file.descriptor")) for r in sonde.events("open", process__pid=pid)]
    equal(got, list(zip([case.path("there"), case.path("created")] + [case.path("there")] * 2, descriptors)), "opens")


def test_long_paths(case):
    """Names of 255 bytes, paths near and at 4,096: as asked, and resolved over the limit of what can be asked."""
    name = "n" * 255

    def run():
        os.chdir(case.tmp)
        told = []
        for depth in range(17):
            os.mkdir(name)
            os.chdir(name)
            if depth in (3, 7, 14):
                told.append(dict(attempt("leaf%d" % depth, os.O_CREAT | os.O_WRONLY), created=True))
        absolute = case.tmp
        while len(absolute) + 256 < 4000:
            absolute += "/" + name
        absolute += "/" * (4095 - len(absolute) - 2) + "./"  # exactly as long as can be asked for
        told.append(attempt(absolute[:4095].rstrip(".") or absolute, os.O_RDONLY | os.O_DIRECTORY))
        told.append(attempt("x" * 4096, os.O_RDONLY))
        return told
    sonde, pid, told = watched(case, run)
    subprocess.run(["rm", "-rf", case.path(name)], check=True)
    equal(told[-1]["error"], errno.ENAMETOOLONG, "the test's own error")
    check_opens(sonde, pid, [one for one in told if one["asked"] != "x" * 4096])


def test_hostile_names(case):
    names = [b"new\nline", b"quo\"te'", b"back\\slash", b"esc\x1b[31m", b"\xff\xfe", b"lone\xc3", b"tab\t\r", b" ",
             "日本語".encode(), b"-rf", b"...", b"a b  c", b"\x7f", "\u202e".encode()]

    def run():
        os.chdir(case.tmp)
        return [dict(attempt(name, os.O_CREAT | os.O_WRONLY), created=True) for name in names]
    sonde, pid, told = watched(case, run)
    check_opens(sonde, pid, told)
    text = case.sonde("open", json_lines=False)
    in_child(run)
    text.stop()
    for bad in (b"\x1b", b"\r", b"\x7f", b"\xff", b"new\nline"):
        expect(bad not in text.stdout(), "%r reached the terminal" % bad)


def test_who_opened(case):
    """The opener's identity is on the record: a program that opens libraries before it does anything."""
    sonde = case.sonde("open", "--", "/bin/cp", "/etc/hostname", "/dev/null", wait=False).finish()
    record = sonde.one("open", file__path="/etc/hostname")
    check_fields(record, {"process.executable.path": os.path.realpath("/bin/cp"), "process.user.id": 0})
    expect(sonde.events("open", file__path="/etc/ld.so.cache"), "the loader's opens are missing")
    sonde = case.sonde("open", "-o", "file.path,process.command_args", "--", "/bin/cp", "/etc/hostname", "/dev/null",
                       wait=False).finish()
    check_fields(sonde.one("open", file__path="/etc/hostname"), {
        "process.command_args": ["/bin/cp", "/etc/hostname", "/dev/null"]})


def test_paths_too_long_to_be_whole(case):
    """Below 4,096 bytes all of a path is told. Of a longer one the end, and it does not look as if it were all."""
    lengths = (4094, 4095, 4096, 4700)

    def run():
        os.chdir(case.tmp)
        at, made = len(case.tmp), []
        for length in lengths:
            while at < length - 240:
                os.mkdir("n" * 200)
                os.chdir("n" * 200)
                at += 201
            name = "leaf%d-" % length
            name += "x" * (length - at - 1 - len(name))
            os.close(os.open(name, os.O_CREAT | os.O_WRONLY))
            made.append(name)
        return made
    sonde, pid, made = watched(case, run)
    subprocess.run(["rm", "-rf", case.path("n" * 200)], check=True)
    for length, name in zip(lengths, made):
        found = [r for r in sonde.events("open", process__pid=pid) if field(r, "file.path", "").endswith("/" + name)]
        equal(len(found), 1, "opens of %s" % name[:20])
        path = field(found[0], "file.path")
        if length < 4096 or path.startswith("/"):
            equal((len(path), path.startswith(case.tmp)), (length, True), "length and beginning of the path")
        else:
            expect(path.startswith("\u2026/n") and len(path) > 3800, "the path of a file is cut: " + path[:100])


def test_distinct_names_are_all_there(case):
    """8,000 files made by four processes at once: each name once, each at its maker."""
    def run():
        children = {}
        for maker in range(4):
            pid = os.fork()
            if pid == 0:
                for i in range(2000):
                    os.close(os.open(case.path("%d-%d-%s" % (maker, i, "x" * (i % 200))), os.O_CREAT | os.O_WRONLY))
                os._exit(0)
            children[maker] = pid
        for pid in children.values():
            os.waitpid(pid, 0)
        return children
    sonde, _, children = watched(case, run, "--ring-size", "64M")  # the whole machine
    told = [(field(r, "file.path"), field(r, "process.pid")) for r in sonde.events("open")
            if field(r, "file.path", "").startswith(case.tmp + "/") and field(r, "file.created")]
    names = [name for name in os.listdir(case.tmp) if name.count("-") == 2 and name[0].isdigit()]
    equal(len(names), 8000, "the test's own files")
    equal(sorted(told), sorted((case.path(name), children[int(name[0])]) for name in names), "files and their makers")


def test_counts_are_exact(case):
    """20,000 opens by one program: all there."""
    sonde = case.sonde("open", "--ring-size", "16M", "--", program("storm"), "open", "20000", wait=False).finish(60)
    equal(sonde.lost(), 0, "events lost")
    equal(len(sonde.events("open", file__path="/dev/null")), 20000, "opens of /dev/null")


def test_directories_and_libraries_of_python_do_not_matter(case):
    """tempfile's own use of O_EXCL and O_NOFOLLOW: the flags arrive as the program gave them."""
    def run():
        with tempfile.NamedTemporaryFile(dir=case.tmp) as file:
            return file.name
    sonde, pid, name = watched(case, run)
    found = [r for r in sonde.events("open", process__pid=pid) if normal(field(r, "file.path")) == name]
    equal(len(found), 1, "opens of %s" % name)
    check_fields(found[0], {
        "file.created": True,
        "file.flags": lambda got: {"O_RDWR", "O_CREAT", "O_EXCL", "O_NOFOLLOW", "O_CLOEXEC"} == set(got) -
        {"O_LARGEFILE"}, "file.mode": 0o600})
