"""Policies of the short form by the command itself: what they deny, and that it stands."""
import ctypes
import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

from watch import SONDE, get

HELD = """
- {{name: no-open, when: open, if: 'path in ["{0}/secret", "{0}/fresh"]', then: deny}}
- {{name: no-create, when: create, if: 'path startswith "{0}/new" or file.new_path startswith "{0}/new"', then: deny}}
- {{name: no-remove, when: remove, if: 'path startswith "{0}/kept"', then: deny}}
- {{name: no-rename, when: rename, if: 'path == "{0}/kept" or file.new_path == "{0}/taken"', then: deny}}
- {{name: no-setuid, when: chmod, if: '(file.mode & 0o6000) != 0 and path startswith "{0}/"', then: deny}}
- {{name: no-owner, when: chown, if: 'path == "{0}/kept" and file.user.id == 4711', then: deny}}
- {{name: no-cut, when: truncate, if: 'path == "{0}/kept"', then: deny}}
- {{name: no-exec, when: exec, if: 'executable.path == "{0}/program"', then: deny}}
- {{name: no-listen, when: listen, if: 'local.port == 4747', then: deny}}
- {{name: no-signal, when: signal, if: 'signal.name == "SIGUSR2" and user.id == 0', then: deny}}
- {{name: no-attach, when: ptrace, if: 'executable.path endswith "/{1}"', then: deny}}
- {{name: no-mount, when: mount, if: 'path == "{0}/mounted"', then: deny}}
- {{name: trap, when: remove, if: 'path == "{0}/trap"', then: kill}}
- {{name: told, when: fork, if: 'executable.path == "{0}/forks"', then: log}}
"""


def furnish(place):
    os.mkdir(place)
    os.mkdir(os.path.join(place, "mounted"))
    os.mkdir(os.path.join(place, "elsewhere"))
    shutil.copy("/bin/true", os.path.join(place, "program"))
    for name in ("secret", "kept", "free", "loose"):
        with open(os.path.join(place, name), "w", encoding="ascii") as file:
            file.write("x")


def attempt_denied(place):
    """What each policy of HELD is about, and what came of it: {name: errno, 0: it was done}, and what else is wrong."""
    def tried(act, *arguments):
        try:
            act(*arguments)
        except OSError as error:
            return error.errno
        return 0

    def path(name):
        return os.path.join(place, name)

    def bind(name):
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(name)

    def listen(port):
        with socket.socket() as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind(("127.0.0.1", port))
            server.listen()

    libc = ctypes.CDLL(None, use_errno=True)

    def call(result):
        if result < 0:
            raise OSError(ctypes.get_errno(), "a call")

    def attach():
        child = subprocess.Popen(["sleep", "60"])
        status = libc.ptrace(16, child.pid, None, None)
        found = ctypes.get_errno() if status else 0
        child.kill()
        child.wait()
        if found:
            raise OSError(found, "ptrace")

    def mount(name):
        call(libc.mount(b"none", path(name).encode(), b"tmpfs", 0, None))
        call(libc.umount(path(name).encode()))

    def move_mount(name):   # a copy of a mount, put elsewhere, as mount(8) binds with a newer libc
        copy = libc.syscall(428, -100, b"/proc", 1)
        call(copy)
        try:
            call(libc.syscall(429, copy, b"", -100, path(name).encode(), 4))
        finally:
            os.close(copy)
        call(libc.umount(path(name).encode()))

    def make(name):
        os.close(os.open(path(name), os.O_WRONLY | os.O_CREAT, 0o644))

    signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    came = {
        "no-open": tried(open, path("secret")), "fresh": tried(make, "fresh"), "no-create": tried(make, "new"),
        "mkdir": tried(os.mkdir, path("new-dir")), "symlink": tried(os.symlink, "x", path("new-link")),
        "link": tried(os.link, path("free"), path("new-name")), "fifo": tried(os.mkfifo, path("new-fifo")),
        "mknod": tried(os.mknod, path("new-file"), 0o600), "device": tried(os.mknod, path("new-null"), 0o20600, os.makedev(1, 3)),
        "socket": tried(bind, path("new-socket")), "no-mount": tried(mount, "mounted"), "move_mount": tried(move_mount, "mounted"),
        "no-remove": tried(os.unlink, path("kept")), "no-rename": tried(os.rename, path("kept"), path("moved")),
        "taken": tried(os.rename, path("loose"), path("taken")), "no-setuid": tried(os.chmod, path("free"), 0o4755),
        "no-owner": tried(os.chown, path("kept"), 4711, -1), "no-cut": tried(os.truncate, path("kept"), 0),
        "no-exec": tried(subprocess.run, [path("program")]), "no-listen": tried(listen, 4747),
        "no-signal": tried(os.kill, os.getpid(), signal.SIGUSR2), "no-attach": tried(attach),
    }
    others = {"another file": tried(open, path("free")), "another name": tried(make, "old"), "its end": tried(os.unlink, path("old")),
              "another mount": tried(mount, "elsewhere"), "another move": tried(move_mount, "elsewhere"),
              "a fifo": tried(os.mkfifo, path("pipe")), "its removal": tried(os.unlink, path("pipe")), "a mode": tried(os.chmod, path("free"), 0o755), "another owner": tried(os.chown, path("free"), 4712, -1),
              "another port": tried(listen, 4748), "another signal": tried(os.kill, os.getpid(), 0)}
    wrong = [f"{name} failed: {found}" for name, found in others.items() if found]
    return came, wrong


def is_killed(place):
    """Whoever removes the trap."""
    with open(os.path.join(place, "trap"), "w", encoding="ascii"):
        pass
    return subprocess.run(["rm", "-f", os.path.join(place, "trap")], check=False).returncode == -signal.SIGKILL


class Standing:
    """Policies by the command itself, with a state of their own."""

    def __init__(self):
        self.place = tempfile.mkdtemp()
        self.work, self.file = os.path.join(self.place, "work"), os.path.join(self.place, "p.yaml")
        self.environment = dict(os.environ, SONDE_STORE=os.path.join(self.place, "store.db"))
        os.chmod(self.place, 0o755)
        furnish(self.work)

    def write(self, text):
        with open(self.file, "w", encoding="ascii") as opened:
            opened.write(text)
        os.chmod(self.file, 0o600)

    def __call__(self, *words):
        return subprocess.run([SONDE, "policy", *words], env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=240, check=False)

    def list(self):
        return {row["name"]: row for row in map(json.loads, self("list", "--json").stdout.splitlines())}

    def opened(self):
        """What opening the secret says."""
        return subprocess.run(["cat", os.path.join(self.work, "secret")], capture_output=True, text=True, check=False).stderr or "it is opened"


def policies_deny(check):
    """One for every act, without an agent; and nothing of it when they are removed."""
    standing = Standing()
    work = standing.work
    # before 6.1 nothing hangs where owners are handed over, for they are structs
    text = HELD if os.uname().release >= "6" else HELD.replace("- {{name: no-owner", "# {{name: no-owner")
    standing.write(text.format(work, os.path.basename(os.path.realpath(sys.executable))))
    done = standing("enforce", "--force", standing.file)
    check("policies are enforced", done.stderr if done.returncode else None)
    came, wrong = attempt_denied(work)
    wrong += [f"{act}: {found}" for act, found in came.items() if found != errno.EPERM and (text == HELD or act != "no-owner")]
    if os.path.exists(os.path.join(work, "fresh")) or os.path.exists(os.path.join(work, "new")):
        wrong.append("a file was made")
    if os.path.getsize(os.path.join(work, "kept")) != 1:
        wrong.append("a file was cut")
    check("policies deny", "; ".join(wrong) or (None if is_killed(work) else "the trap"))
    unmatched = [name for name, row in standing.list().items() if not row["stopped"] and name != "told"]
    check("list without an agent", f"nothing stopped: {unmatched}" if unmatched else None)
    standing("remove", "--all")
    shutil.rmtree(work)
    furnish(work)
    came, wrong = attempt_denied(work)
    wrong += [f"{act}: {came[act]}" for act in came if came[act] and act not in ("no-rename", "no-owner", "no-cut")]  # kept is gone
    check("nothing is denied when all are removed", "; ".join(wrong) or ("the trap" if is_killed(work) else None))
    check("nothing is pinned", "it is" if os.path.exists("/sys/fs/bpf/sonde") else None)
    shutil.rmtree(standing.place)


def policies_hold(check):
    """Enforced beside an agent, without one that was killed, replaced without a gap, and refused without one."""
    standing = Standing()
    text = "- {{name: no-open, when: open, if: 'path == \"{0}/secret\"', then: deny}}\n" \
           "- {{name: no-remove, when: remove, if: 'path == \"{0}/kept\"', then: deny}}\n".format(standing.work)
    standing.write(text)
    standing("enforce", "--force", standing.file)
    agent = subprocess.Popen([SONDE, "policy", "watch", "--json"], env=standing.environment, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
    while "watching" not in (line := agent.stderr.readline()) and line:
        pass
    said = standing.opened()
    event = json.loads(agent.stdout.readline() or "{}")
    check("policies deny beside an agent", None if "not permitted" in said and get(event, "policy.result") == "denied" else f"{said} {event}")
    agent.kill()
    agent.communicate()
    said = standing.opened()
    check("policies deny when it was killed", None if "not permitted" in said else said)

    standing.write(text.replace("kept", "other"))
    trying = subprocess.Popen([sys.executable, "-c", LOOP, os.path.join(standing.work, "secret")], stdout=subprocess.PIPE, text=True)
    trying.stdout.readline()
    done = standing("enforce", "--force", standing.file)
    trying.terminate()
    count, succeeded = map(int, trying.communicate()[0].split())
    check("replaced without a gap", None if not done.returncode and count > 100 and not succeeded else
          f"{succeeded} of {count} succeeded; {done.stderr}")
    standing.write("{name: no-open, when: open, then: deny, if: 'container.id == \"a\"'}")
    done = standing("enforce", "--force", standing.file)
    check("what cannot be enforced changes nothing", None if done.returncode == 1 and len(standing.list()) == 2 and
          "not permitted" in standing.opened() else done.stderr)
    done = standing("remove", "no-open")
    check("one is removed", None if not done.returncode and standing.opened() == "it is opened" and list(standing.list()) == ["no-remove"]
          else done.stderr)
    standing("remove", "--all")
    check("nothing is pinned", "it is" if os.path.exists("/sys/fs/bpf/sonde") else None)
    shutil.rmtree(standing.place)


LOOP = """
import signal, sys
count = succeeded = 0
ended = []
signal.signal(signal.SIGTERM, lambda *_: ended.append(1))
print(flush=True)
while not ended:
    count += 1
    try:
        open(sys.argv[1]).close()
        succeeded += 1
    except OSError:
        pass
print(count, succeeded)
"""
