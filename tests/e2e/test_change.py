"""What changed in the file system: every operation, its old and its new name, and those that failed."""

import ctypes
import errno
import os
import stat

from harness import blind, check_fields, equal, expect, field, in_child

AT_FDCWD = -100
RENAME_NOREPLACE, RENAME_EXCHANGE = 1, 2


def changes(case, function):
    """Runs a function in the test's directory under watch: its change records in order, and its value."""
    def run():
        os.chdir(case.tmp)
        os.umask(0)
        return function()
    sonde = case.sonde("change", "--pid", str(os.getpid()))
    pid, value, _ = in_child(run)
    sonde.stop()
    equal(sonde.lost(), 0, "events lost")
    return sonde.events("change", process__pid=pid), value


def check_changes(records, wanted):
    equal([field(record, "file.change") for record in records], [one["file.change"] for one in wanted],
          "operations (%s)" % [(field(r, "file.change"), field(r, "file.path")) for r in records][:30])
    for record, want in zip(records, wanted):
        check_fields(record, dict({"error.type": None}, **want))


def touch(path):
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o640))


def test_create_and_unlink(case):
    def run():
        touch("file")
        os.unlink("file")
    records, _ = changes(case, run)
    check_changes(records, [
        {"file.change": "create", "file.path": case.path("file"), "file.mode": lambda mode: mode & 0o7777 == 0o640},
        {"file.change": "unlink", "file.path": case.path("file")}])


def test_rename(case):
    """Within and between directories, over an existing file, and exchanged."""
    os.mkdir(case.path("other"))
    for name in ("one", "two", "victim"):
        touch(case.path(name))

    def run():
        os.rename("one", "new")
        os.rename("new", "other/moved")
        os.rename("two", "victim")
        os.rename("other", "elsewhere")
        directory = os.open("elsewhere", os.O_RDONLY)
        os.rename("moved", "back", src_dir_fd=directory, dst_dir_fd=directory)
    records, _ = changes(case, run)
    check_changes(records, [
        {"file.change": "rename", "file.path": case.path(old), "file.new_path": case.path(new)} for old, new in (
            ("one", "new"), ("new", "other/moved"), ("two", "victim"), ("other", "elsewhere"),
            ("elsewhere/moved", "elsewhere/back"))])


def test_exchange(case):
    """Two names change places, which is no rename: none of them is gone. Other flags of renameat2 leave it one."""
    touch(case.path("one"))
    touch(case.path("two"))
    libc = ctypes.CDLL(None, use_errno=True)

    def run():
        for old, new, flags in ((b"one", b"two", RENAME_EXCHANGE), (b"one", b"three", RENAME_NOREPLACE),
                                (b"two", b"three", RENAME_NOREPLACE)):
            libc.renameat2(AT_FDCWD, old, AT_FDCWD, new, flags)
    records, _ = changes(case, run)
    check_changes(records, [
        {"file.change": "exchange", "file.path": case.path("one"), "file.new_path": case.path("two"), "error.type": None},
        {"file.change": "rename", "file.path": case.path("one"), "file.new_path": case.path("three")},
        {"file.change": "rename", "file.path": case.path("two"), "file.new_path": case.path("three"),
         "error.type": "EEXIST"}])


def test_links(case):
    touch(case.path("file"))

    def run():
        os.link("file", "hard")
        os.symlink("does/not/exist", "soft")
        os.unlink("soft")
    records, _ = changes(case, run)
    check_changes(records, [
        {"file.change": "link", "file.path": case.path("file"), "file.new_path": case.path("hard")},
        {"file.change": "symlink", "file.path": case.path("soft"), "file.target_path": "does/not/exist"},
        {"file.change": "unlink", "file.path": case.path("soft")}])


def test_directories_and_nodes(case):
    def run():
        os.mkdir("directory", 0o750)
        os.mkdir("directory/below")
        os.rmdir("directory/below")
        os.mkfifo("pipe", 0o600)
        os.mknod("device", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    records, _ = changes(case, run)
    check_changes(records, [
        {"file.change": "mkdir", "file.path": case.path("directory"), "file.mode": lambda m: m & 0o7777 == 0o750},
        {"file.change": "mkdir", "file.path": case.path("directory", "below")},
        {"file.change": "rmdir", "file.path": case.path("directory", "below")},
        {"file.change": "mknod", "file.path": case.path("pipe")},
        {"file.change": "mknod", "file.path": case.path("device")}])


def test_attributes(case):
    """chmod and chown by path and by descriptor; truncate, too."""
    touch(case.path("file"))

    def run():
        descriptor = os.open("file", os.O_RDWR)
        os.chmod("file", 0o4711)
        os.fchmod(descriptor, 0o600)
        os.chown("file", 1234, 2345)
        os.fchown(descriptor, 3456, -1)
        os.truncate("file", 12345)
        os.ftruncate(descriptor, 99)
    records, _ = changes(case, run)
    path = case.path("file")

    def mode(value):
        return lambda got: got & 0o7777 == value
    check_changes(records, [
        {"file.change": "chmod", "file.path": path, "file.mode": mode(0o4711)},
        {"file.change": "chmod", "file.path": path, "file.mode": mode(0o600)},
        {"file.change": "chown", "file.path": path, "file.user.id": 1234, "file.group.id": 2345},
        {"file.change": "chown", "file.path": path, "file.user.id": 3456},
        {"file.change": "truncate", "file.path": path, "file.size": 12345},
        {"file.change": "truncate", "file.path": path, "file.size": 99}])


def test_truncating_open(case):
    with open(case.path("full"), "w") as file:
        file.write("content")
    records, _ = changes(case, lambda: os.close(os.open("full", os.O_WRONLY | os.O_TRUNC)))
    check_changes(records, [{"file.change": "truncate", "file.path": case.path("full"), "file.size": 0}])


def test_failures(case):
    """What failed is told with its error, and changes nothing in the books of what succeeded."""
    os.mkdir(case.path("full"))
    touch(case.path("full", "file"))

    def attempt(function, *args):
        try:
            function(*args)
        except OSError as error:
            return errno.errorcode[error.errno]
        return None

    def run():
        return [attempt(os.unlink, "missing"), attempt(os.rmdir, "full"), attempt(os.mkdir, "full"),
                attempt(os.rename, "missing", "somewhere"), attempt(os.link, "missing", "x"),
                attempt(os.symlink, "x", "full"), attempt(os.chmod, "missing", 0o600)]
    records, errors = changes(case, run)
    equal(errors, ["ENOENT", "ENOTEMPTY", "EEXIST", "ENOENT", "ENOENT", "EEXIST", "ENOENT"], "the test's own errors")
    failed = [(field(r, "file.change"), field(r, "error.type")) for r in records]
    equal(failed, list(zip(("unlink", "rmdir", "mkdir", "rename", "link", "symlink", "chmod"), errors)), "failures")
    for record, name in zip(records, ("missing", "full", "full", "missing", "missing", None, "missing")):
        if name:
            expect(os.path.basename(field(record, "file.path") or field(record, "file.asked") or "") == name,
                   "the path of %s" % record)


def test_symlinks_and_dots_are_resolved(case):
    """The directory is the real one, whatever way led there; links within a name only where the rung follows them."""
    os.makedirs(case.path("real", "sub"))
    os.symlink("real", case.path("way"))

    def run():
        touch("way/sub/../file")
        os.rename("way/file", "way/./sub/moved")
        os.unlink("way/sub/moved")
        os.mkdir("way/made")
        directory = os.open("way/sub", os.O_RDONLY)
        os.mkdir("in", dir_fd=directory)
        os.mkdir("./in//it", dir_fd=directory)
        os.chdir("way/sub/in")
        os.rmdir("../in/it")
    records, _ = changes(case, run)
    way = "way" if "symbolic links" in blind("file change") else "real"
    check_changes(records, [
        {"file.change": "create", "file.path": case.path("real", "file")},
        {"file.change": "rename", "file.path": case.path(way, "file"), "file.new_path": case.path(way, "sub", "moved")},
        {"file.change": "unlink", "file.path": case.path(way, "sub", "moved")},
        {"file.change": "mkdir", "file.path": case.path(way, "made")},
        {"file.change": "mkdir", "file.path": case.path("real", "sub", "in")},
        {"file.change": "mkdir", "file.path": case.path("real", "sub", "in", "it")},
        {"file.change": "rmdir", "file.path": case.path("real", "sub", "in", "it")}])


def test_mounts(case):
    """In a bind mount and on an overlay the paths are those of the mount."""
    for name in ("source", "bound", "lower", "upper", "work", "merged"):
        os.mkdir(case.path(name))
    case.mount("--bind", case.path("source"), case.path("bound"))
    case.mount("-t", "overlay", "-o", "lowerdir=%s,upperdir=%s,workdir=%s" % (
        case.path("lower"), case.path("upper"), case.path("work")), "overlay", case.path("merged"))

    def run():
        os.mkdir("bound/a")
        os.rename("bound/a", "bound/b")
        os.mkdir("merged/a")
        os.rename("merged/a", "merged/b")
        os.rmdir("merged/b")
    records, _ = changes(case, run)
    own = [r for r in records if not (field(r, "file.path") or "").startswith((case.path("upper"), case.path("work"),
                                                                                 "/"))
           or (field(r, "file.path") or "").startswith((case.path("bound"), case.path("merged")))]
    check_changes(own, [
        {"file.change": "mkdir", "file.path": case.path("bound", "a")},
        {"file.change": "rename", "file.path": case.path("bound", "a"), "file.new_path": case.path("bound", "b")},
        {"file.change": "mkdir", "file.path": case.path("merged", "a")},
        {"file.change": "rename", "file.path": case.path("merged", "a"), "file.new_path": case.path("merged", "b")},
        {"file.change": "rmdir", "file.path": case.path("merged", "b")}])


def test_hostile_names(case):
    names = [b"new\nline", b"quo\"te", b"esc\x1b[31m", b"\xff\xfe"]

    def run():
        for name in names:
            os.mkdir(name)
            os.rename(name, name + b"2")
    records, _ = changes(case, run)
    wanted = []
    for name in names:
        shown = case.path(name.replace(b"\xff", "\ufffd".encode()).replace(b"\xfe", "\ufffd".encode()).decode())
        wanted += [{"file.change": "mkdir", "file.path": shown},
                   {"file.change": "rename", "file.path": shown, "file.new_path": shown + "2"}]
    check_changes(records, wanted)
