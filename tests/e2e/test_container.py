"""Who lives in which container: a real one, and cgroups as each runtime lays them."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess

import cgroups
import harness
import recorded
from harness import Skip, check_fields, equal, expect, field, in_child, program, spawn, until

ID = os.urandom(32).hex()  # another each time: a test that was killed may have left its control groups
POD = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
UNDERSCORED = POD.replace("-", "_")
NONE = {"container.state": "none", "container.id": None}

# How each lays its cgroups; what must be told of a process inside.
LAYOUTS = {
    "/docker/" + ID: {"container.id": ID, "container.runtime": "docker"},
    "/system.slice/docker-%s.scope" % ID: {"container.id": ID, "container.runtime": "docker"},
    "/kubepods/besteffort/pod%s/%s" % (POD, ID): {"container.id": ID, "k8s.pod.uid": POD},
    "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod%s.slice/cri-containerd-%s.scope" % (
        UNDERSCORED, ID): {"container.id": ID, "k8s.pod.uid": POD, "container.runtime": "containerd"},
    "/kubepods.slice/kubepods-pod%s.slice/crio-%s.scope" % (UNDERSCORED, ID): {
        "container.id": ID, "k8s.pod.uid": POD, "container.runtime": lambda got: got in ("cri-o", "crio")},
    "/machine.slice/libpod-%s.scope" % ID: {"container.id": ID, "container.runtime": "podman"},
    "/machine.slice/libpod-%s.scope/container" % ID: {"container.id": ID, "container.runtime": "podman"},
    "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-%s.scope/container" % ID: {
        "container.id": ID, "container.runtime": "podman"},
    "/lxc.payload.web1": {"container.name": "web1", "container.runtime": "lxc"},
    "/lxc/web2": {"container.name": "web2", "container.runtime": "lxc"},
    "/system.slice/nginx.service": dict(NONE, **{"systemd.unit": "nginx.service", "systemd.slice": "system.slice"}),
    "/user.slice/user-1000.slice/session-3.scope": dict(NONE, **{
        "systemd.unit": "session-3.scope", "systemd.slice": "user-1000.slice"}),
    "/system.slice/slurmstepd.scope/job_4242/step_1/user/task_0": dict(NONE, **{
        "slurm.job.id": lambda got: str(got) == "4242", "slurm.step.id": lambda got: str(got) == "1"}),
    "/slurm/uid_1000/job_4243/step_batch/task_0": dict(NONE, **{
        "slurm.job.id": lambda got: str(got) == "4243", "slurm.step.id": lambda got: str(got) == "batch"}),
    # A name of nobody's making decides nothing; only `container` would be wrong.
    "/just/a/group": {"container.state": lambda got: got in ("none", "unknown"), "container.id": None},
}


def inside(case, mounts, path, *kinds):
    """The exec record of a process in a cgroup made below some mounts."""
    sonde = case.sonde(*(kinds or ("exec",)))
    directories = cgroups.make(case, mounts, path)
    pid, error, _ = spawn(lambda: cgroups.enter(directories), program("burst"), ["burst", "leaf"])
    equal(error, 0, "errno")
    sonde.stop()
    return sonde.one("exec", process__pid=pid)


def check_layouts(case, mounts, paths=LAYOUTS):
    wrong = []
    for path in paths:
        try:
            record = inside(case, mounts, path)
            want = dict({"container.state": "container"}, **LAYOUTS[path])
            check_fields(record, want)
        except AssertionError as error:
            wrong.append("%s: %s" % (path, error))
    expect(not wrong, "\n".join(wrong))


def test_names_in_all_hierarchies(case):
    """As a runtime lays them on a machine of the first version: the same name under every controller."""
    check_layouts(case, [point for point, _ in cgroups.hierarchies()])


def test_names_in_the_second_version_only(case):
    check_layouts(case, [cgroups.second()])


def test_names_in_the_first_version_only(case):
    mounts = [point for point, controllers in cgroups.hierarchies() if controllers]
    if not mounts:
        raise Skip("no hierarchy of the first version here")
    check_layouts(case, mounts)


def test_cgroup_path_is_told(case):
    record = inside(case, [point for point, _ in cgroups.hierarchies()], "/sonde-e2e/some/where")
    expect(field(record, "process.cgroup", "").endswith("/sonde-e2e/some/where"), "process.cgroup is %r" %
           field(record, "process.cgroup"))


def test_moved_process_is_followed(case):
    """Its exec was outside; what it does after it was moved is inside, and after it came back outside again."""
    mounts = [point for point, _ in cgroups.hierarchies()]
    directories = cgroups.make(case, mounts, "/docker/" + ID)
    home = cgroups.make(case, mounts, "/system.slice/sonde-e2e.service")
    shell = case.start(["/bin/sh", "-c", "while read word; do '%s' leaf \"$word\"; done" % program("burst")],
                       stdin=subprocess.PIPE)
    cgroups.enter(home, shell.pid)
    sonde = case.sonde("exec", "exit")

    def ask(word):
        shell.stdin.write(word + b"\n")
        shell.stdin.flush()
        done = sonde.wait_record(lambda r: (field(r, "process.command_args") or [""])[-1] == word.decode(),
                                 "the one asked to say " + word.decode())
        return sonde.wait_record(lambda r: r["kind"] == "exit" and field(r, "process.pid") == field(done, "process.pid"),
                                 "the end of the one asked to say " + word.decode())
    before = ask(b"before")
    cgroups.enter(directories, shell.pid)
    within = ask(b"within")
    cgroups.enter(home, shell.pid)
    after = ask(b"after")
    cgroups.enter(directories, shell.pid)
    shell.stdin.close()
    shell.wait()
    sonde.stop()
    for record, want in ((before, NONE), (within, {"container.id": ID, "container.state": "container"}), (after, NONE)):
        check_fields(record, want)
    check_fields(sonde.one("exit", process__pid=shell.pid), {"container.id": ID, "container.state": "container"})


def test_every_kind_says_the_state(case):
    """None is not the same as unknown, of an open and a signal as of an exec."""
    mounts = [point for point, _ in cgroups.hierarchies()]
    for path, want in (("/docker/" + ID, {"container.id": ID, "container.state": "container"}),
                       ("/system.slice/sonde-e2e.service", NONE)):
        directories = cgroups.make(case, mounts, path)

        def act():
            cgroups.enter(directories)
            open(case.path("touched"), "w").close()
            os.kill(os.getpid(), signal.SIGCONT)
        sonde = case.sonde("open", "signal")
        pid, _, _ = in_child(act)
        sonde.stop()
        check_fields(sonde.one("open", process__pid=pid, file__path=case.path("touched")), want)
        check_fields(sonde.one("signal", process__pid=pid, signal__name="SIGCONT"), want)


def working_runtime():
    """crun, or runc where crun declines: it takes no hybrid of both versions of cgroups."""
    hybrid = any(controllers for _, controllers in cgroups.hierarchies()) and any(
        not controllers for _, controllers in cgroups.hierarchies())
    for name in ("runc", "crun") if hybrid else ("crun", "runc"):
        if shutil.which(name) and shutil.which("busybox"):
            return shutil.which(name)
    raise Skip("no crun, runc or busybox here")


class Container:
    """A real container by crun or runc, with busybox for a root; waits for a line in a pipe, then runs a command."""

    def __init__(self, case, name, cgroup=None, command="true", gate="go"):
        self.prepare(case, name, cgroup, "read line < /gate/%s; " % gate + command)
        self.process = case.start(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        until(self.running, "the container's start: %s" % self.runtime)

    def prepare(self, case, name, cgroup, script):
        self.runtime = working_runtime()
        self.name = name
        bundle = case.path("bundle-" + name[:12])
        root = os.path.join(bundle, "rootfs")
        for directory in ("bin", "proc", "dev", "sys", "tmp", "gate"):
            os.makedirs(os.path.join(root, directory))
        shutil.copy(shutil.which("busybox"), os.path.join(root, "bin", "busybox"))
        for applet in ("sh", "true", "cat", "ls", "sleep"):
            os.symlink("busybox", os.path.join(root, "bin", applet))
        self.root = root
        for gate in ("first", "go"):  # one each: a gate that was opened once may still be open
            os.mkfifo(self.gate(gate))
        subprocess.run([self.runtime, "spec"], cwd=bundle, check=True)
        with open(os.path.join(bundle, "config.json")) as file:
            config = json.load(file)
        config["process"].update(terminal=False, args=["/bin/sh", "-c", script])
        config["root"] = {"path": "rootfs", "readonly": False}
        if cgroup:
            config["linux"]["cgroupsPath"] = cgroup
        config["linux"].pop("seccomp", None)
        with open(os.path.join(bundle, "config.json"), "w") as file:
            json.dump(config, file)
        case.defer(subprocess.run, [self.runtime, "delete", "--force", name])
        self.command = [self.runtime, "run", "--bundle", bundle, name]

    def running(self):
        if self.process.poll() is not None:
            raise Skip("no container runs here: " + self.process.stdout.read().decode()[-300:])
        told = subprocess.run([self.runtime, "state", self.name], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.pid = json.loads(told.stdout or b"{}").get("pid", 0)
        if not self.pid or json.loads(told.stdout).get("status") != "running":
            return False
        with open("/proc/%d/cmdline" % self.pid) as file:
            return "/gate/" in file.read()

    def gate(self, name):
        return os.path.join(self.root, "gate", name)

    def open_gate(self, name):
        with open(self.gate(name), "w") as file:
            file.write("\n")

    def go(self):
        self.open_gate("go")
        self.process.wait(120)


def test_real_container(case):
    """Its processes are in it, with their own root and names; those beside it are not."""
    container = Container(case, ID, "/docker/" + ID, "/bin/cat /proc/self/status > /tmp/told; exit 5")
    sonde = case.sonde("exec", "exit", "open")
    pids = [int(os.readlink("/proc/%d/ns/%s" % (container.pid, name)).split("[")[1][:-1]) for name in ("pid", "mnt")]
    outside, _, _ = spawn(None, program("burst"), ["burst", "leaf"])
    container.go()
    sonde.stop()
    equal(container.process.returncode, 5, "the container's exit status")
    inside_exec = [r for r in sonde.events("exec") if (field(r, "process.command_args") or [""])[0] == "/bin/cat"]
    equal(len(inside_exec), 1, "executions in the container")
    check_fields(inside_exec[0], {
        "container.state": "container", "container.id": ID, "process.namespace.pid": pids[0],
        "process.namespace.mount": pids[1], "process.parent_pid": container.pid,
        "process.executable.path": "/bin/busybox"})
    check_fields(sonde.one("exit", process__pid=container.pid), {"container.id": ID, "process.exit.code": 5})
    told = [r for r in sonde.events("open") if field(r, "file.path") == "/tmp/told"]
    equal(len(told), 1, "opens in the container")
    check_fields(told[0], {"container.id": ID, "file.created": True})
    expect(field(sonde.one("exec", process__pid=outside), "container.state") != "container", "one beside it is inside")


def test_real_container_without_a_telling_name(case):
    """No id to be found in the cgroup's name: the namespaces still say that it is a container, never `none`."""
    container = Container(case, "sonde-e2e-plain")
    sonde = case.sonde("exit")
    container.go()
    sonde.stop()
    check_fields(sonde.one("exit", process__pid=container.pid), {
        "container.state": lambda state: state in ("container", "unknown")})


def test_any_field_finds_a_container(case):
    """A plain name of a cgroup: only the runtime's files tell, and whichever field is asked first, they are looked at."""
    name = "sonde-plain-" + ID[:8]
    container = Container(case, name, "/" + name, "/bin/true; read line < /gate/go; /bin/ls >/dev/null", gate="first")
    runtime = os.path.basename(container.runtime)
    wanted = {"container.id": name, "container.name": name, "container.runtime": runtime}
    asking = [case.sonde("exec", "-f", '%s == "%s"' % asked) for asked in wanted.items()]
    columns = case.sonde("exec", "-o", "container.runtime,container.id,container.state", json_lines=False)
    container.open_gate("first")
    for sonde in asking:
        sonde.wait_record(lambda r: field(r, "process.command_args") == ["/bin/true"], "%s: /bin/true" % sonde.args)
    until(lambda: name.encode() in columns.stdout(), "/bin/true in columns")
    container.go()
    for sonde in asking:
        sonde.stop()
        equal([field(r, "process.command_args")[0] for r in sonde.events("exec")], ["/bin/true", "/bin/ls"],
              "executions found by %s" % sonde.args)
        for record in sonde.events("exec"):
            check_fields(record, dict(wanted, **{"container.state": "container"}))
    columns.stop()
    told = [line.split()[2:] for line in columns.stdout().decode().splitlines() if name in line]
    equal(told, [[runtime, name, "container"]] * 2, "lines of text")


class RecordedContainer(Container):
    """The same, started by `sonde run`; it says nothing of its own."""

    def __init__(self, case, name, cgroup, script):
        self.prepare(case, name, cgroup, script)
        self.store = case.path("store.db")
        self.process = case.start([harness.SONDE, "run", "-q", "--store", self.store, "--", *self.command],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def is_stored(self):
        if self.process.poll() is not None:
            told = self.process.stdout.read().decode()[-300:]
            expect(os.path.basename(self.runtime) in told, "sonde run ended with %s: %s" % (self.process.returncode, told))
            raise Skip("no container runs here: " + told)
        try:
            return recorded.Run(self.store).tables["containers"]
        except (sqlite3.Error, TypeError, KeyError):  # not there yet
            return False


def test_all_processes_of_a_container_are_recorded_in_it(case):
    """Also its first one, and those that were over before the runtime had said that this is a container."""
    name = "sonde-plain-" + ID[:8]
    container = RecordedContainer(case, name, "/" + name,
                                  "/bin/true; /bin/ls >/dev/null; read line < /gate/go; /bin/true; exit")
    until(container.is_stored, "the container in the store")
    container.go()
    run = recorded.Run(container.store)
    equal([run.texts[row["id"]].decode() for row in run.tables["containers"]], [name], "containers")
    inside = [row for row in run.processes if row["executable"] == b"/bin/busybox"]
    equal([row["tool"] for row in inside], [b"sh", b"true", b"ls", b"true"], "programs in the container")
    equal([row["container"] for row in inside], [0] * 4, "their container")
    equal(len({row["task"] for row in inside}), 1, "tasks they are")
    expect(all(row["container"] is None for row in run.processes if b"runc" in row["tool"] or b"crun" in row["tool"]),
           "the runtime is in its container")


def test_scope_of_a_container(case):
    """--container with the whole id, or its beginning: only its processes."""
    for given in (ID, ID[:12]):
        container = Container(case, ID, "/docker/" + ID, "/bin/true; /bin/ls >/dev/null")
        sonde = case.sonde("exec", "--container", given)
        spawn(None, program("burst"), ["burst", "leaf"])
        container.go()
        sonde.stop()
        equal([field(r, "process.command_args")[0] for r in sonde.events("exec")], ["/bin/true", "/bin/ls"],
              "executions seen with --container " + given)
        equal({field(r, "container.id") for r in sonde.events("exec")}, {ID}, "container of all records")
        shutil.rmtree(case.path("bundle-" + ID[:12]))
        subprocess.run([container.runtime, "delete", "--force", ID], stderr=subprocess.DEVNULL)


def test_scope_of_an_unknown_container(case):
    result = subprocess.run([harness.SONDE, "trace", "exec", "--container", "nosuchcontainer", "--for", "1s"],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    expect(result.returncode in (0, 1), "exit status %d" % result.returncode)
    expect(result.returncode == 0 or b"nosuchcontainer" in result.stderr, "the message: %r" % result.stderr)
