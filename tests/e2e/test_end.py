"""Bad days: every way to end, to be held up, to lose; the books balance and nothing stays in the kernel."""

import contextlib
import fcntl
import json
import os
import pty
import re
import resource
import shutil
import signal
import socket
import struct
import subprocess
import termios
import time
import unicodedata

from harness import SONDE, Skip, equal, expect, field, program, spawn, until


def execute(count=1):
    return [spawn(None, program("burst"), ["burst", "leaf"])[0] for _ in range(count)]


def test_interrupt_and_terminate(case):
    """Both end cleanly with everything that came before, and a balance on stderr."""
    for number in (signal.SIGINT, signal.SIGTERM):
        sonde = case.sonde("exec", "exit")
        pids = execute(20)
        sonde.stop(number)
        for pid in pids:
            sonde.one("exec", process__pid=pid)
            sonde.one("exit", process__pid=pid)
        text = case.sonde("exec", json_lines=False)
        execute()
        text.stop(number)
        after = text.stderr().split("sonde: watching", 1)[1]
        expect("exec" in after and re.search(r"\d", after.split("\n", 1)[1]), "no balance on stderr: " + text.stderr())


def test_head_closes_the_pipe(case):
    """`| head -1`: sonde notices, ends by itself and soon, and does not complain at length."""
    err = case.path("err")
    noise = case.start(["/bin/sh", "-c", "while :; do /bin/true; done"])
    result = subprocess.run(["bash", "-c", "'%s' trace exec --json 2>'%s' | head -1; echo ${PIPESTATUS[0]}" % (SONDE, err)],
                            stdout=subprocess.PIPE, text=True, timeout=120)
    noise.kill()
    line, status = result.stdout.strip().split("\n")
    equal(json.loads(line)["kind"], "exec", "the one line")
    expect(int(status) in (0, 1, 128 + signal.SIGPIPE), "exit status " + status)
    with open(err) as file:
        complaint = [one for one in file.read().splitlines() if not one.startswith("sonde: watching")]
    expect(len(complaint) < 12, "stderr: %s" % complaint)


def test_slow_reader(case):
    """A reader that stalls holds sonde up, not the machine: later all is read, and what was lost is counted."""
    reader, writer = os.pipe()
    sonde = case.sonde("exec", "exit", "--ring-size", "64K", stdout=writer)
    os.close(writer)
    subprocess.run([program("storm"), "exec", "3000"], check=True, timeout=120)
    sonde.send(signal.SIGINT)
    with os.fdopen(reader, "rb") as file:
        data = file.read()
    sonde.finish()
    equal(sonde.status, 0, "exit status: " + sonde.stderr()[-300:])
    with open(sonde.out_path, "wb") as file:
        file.write(data)
    sonde.records = sonde.parse(complete=True)
    sonde.summary = sonde.records.pop()
    sonde.check_balance()
    row = sonde.summary["events"]["exec"]
    expect(row["produced"] >= 3000, "produced %s" % row)


def test_full_disk(case):
    """/dev/full and a small tmpfs: said once, with the reason, and an exit status that a script sees."""
    os.mkdir(case.path("small"))
    case.mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", case.path("small"))
    for target in ("/dev/full", case.path("small", "out")):
        with open(target, "wb") as out:
            sonde = case.sonde("exec", "exit", stdout=out)
        noise = case.start(["/bin/sh", "-c", "while :; do /bin/true; done"])
        status = sonde.process.wait(120)
        noise.kill()
        equal(status, 1, "exit status with %s (stderr: %s)" % (target, sonde.stderr()))
        said = [line for line in sonde.stderr().splitlines() if "space" in line.lower()]
        equal(len(said), 1, "messages about space: %s" % sonde.stderr())


def test_unwritten_is_lost(case):
    """What a full disk could not take was not delivered, and is not said to be: what was said to be is in the file, as whole lines."""
    os.mkdir(case.path("small"))
    case.mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", case.path("small"))
    with open(case.path("small", "out"), "w+b") as out:
        done = subprocess.run([SONDE, "trace", "open", "--json", "--", "/bin/sh", "-c",
                               "i=0; while [ $i -lt 500 ]; do i=$((i+1)); : </etc/hosts; done"],
                              stdout=out, stderr=subprocess.PIPE, text=True, timeout=120)
        out.seek(0)
        written = [json.loads(line)["kind"] for line in out.read().split(b"\n")[:-1]]
    equal(done.returncode, 1, "exit status; " + done.stderr)
    said = re.search(r"open (\d+) of (\d+) \((\d+) lost\) in .*; some were lost\n", done.stderr)
    expect(said, "what is said: " + done.stderr)
    delivered, produced, lost = map(int, said.groups())
    equal(delivered, written.count("open"), "delivered, as whole lines in the file")
    equal(delivered + lost, produced, "delivered and lost")
    expect("%d open lost: they could not be written\n" % lost in done.stderr, "the cause: " + done.stderr)


def test_unwritten_on_a_full_device(case):
    """The same of what other commands say, and of text."""
    file = case.path("policy.yaml")
    with open(file, "w") as out:
        out.write("- name: seen\n  when: exec\n  if: executable.path endswith \"/true\"\n")
    server = socket.create_server(("127.0.0.1", 0))
    for command, words, what in (("trace", ["exec"], "exec 0 of"), ("policy", ["watch", file], "exec 0 of"),
                                 ("flows", [], "0 flows in")):
        with open("/dev/full", "wb") as full:
            sonde = case.sonde(*words, command=command, stdout=full, json_lines=False)
        noise = case.start(["/bin/sh", "-c", "while :; do /bin/true; done"])
        while command == "flows" and sonde.process.poll() is None:
            with socket.create_connection(server.getsockname()) as client:
                server.accept()[0].close()
                client.recv(1)
            time.sleep(0.05)
        equal(sonde.process.wait(120), 1, "exit status of %s; %s" % (command, sonde.stderr()))
        noise.kill()
        expect(what in sonde.stderr() and "some were lost" in sonde.stderr() and "nothing lost" not in sonde.stderr(),
               "what %s says: %s" % (command, sonde.stderr()))
        expect(re.search(r"[1-9]\d* (exec|flows) lost: they could not be written", sonde.stderr()), "the cause: " + sonde.stderr())


def test_file_size_limit(case):
    """ulimit -f is like a full disk: said with the reason, a balance, an exit status; the signal kills only whom it would without sonde."""
    with open(case.path("small"), "wb") as out:
        sonde = case.sonde("exec", "exit", stdout=out)
        resource.prlimit(sonde.process.pid, resource.RLIMIT_FSIZE, (20480, 20480))
    noise = case.start(["/bin/sh", "-c", "while :; do /bin/true; done"])
    status = sonde.process.wait(120)
    noise.kill()
    equal(status, 1, "exit status; %s" % sonde.stderr())
    expect("standard output: File too large" in sonde.stderr(), "what is said: " + sonde.stderr())
    expect(re.search(r" in [\d.]+ s; some were lost", sonde.stderr()), "no balance: " + sonde.stderr())
    store = case.path("store.db")
    done = subprocess.run(["/bin/sh", "-c", "ulimit -f 1; exec \"$0\" run -q --store \"$1\" -- true", SONDE, store],
                          stderr=subprocess.PIPE, timeout=120, text=True)
    equal(done.returncode, 1, "exit status with no room for a store; " + done.stderr)
    expect("may grow no further" in done.stderr and "ulimit -f unlimited" in done.stderr, "what is said: " + done.stderr)
    done = subprocess.run([SONDE, "run", "-q", "--store", store, "--", "/bin/sh", "-c",
                           "ulimit -f 1; exec dd if=/dev/zero of=\"$0\" bs=4096 count=2 2>&1", case.path("large")],
                          capture_output=True, timeout=120)
    equal(done.returncode, 128 + signal.SIGXFSZ, "exit status of a command that writes too much; %s" % done.stderr)


def test_second_sonde_beside_the_first(case):
    one, two = case.sonde("exec", "exit"), case.sonde("exec", "exit")
    pids = execute(50)
    one.stop()
    more = execute(10)
    two.stop()
    for sonde, mine in ((one, pids), (two, pids + more)):
        for pid in mine:
            sonde.one("exec", process__pid=pid)
            sonde.one("exit", process__pid=pid)


def test_not_root(case):
    """Said at once and plainly, with the remedy."""
    binary = case.path("sonde")
    shutil.copy(SONDE, binary)
    os.chmod(binary, 0o755)
    result = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", binary, "trace", "exec"],
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, text=True)
    equal(result.returncode, 1, "exit status")
    equal(result.stdout, "", "stdout")
    expect(re.search(r"root|CAP_", result.stderr), "the remedy is missing: " + result.stderr)
    expect(len(result.stderr.splitlines()) <= 4, "not plain: " + result.stderr)
    for command in ("--help", "--version"):
        status = subprocess.run(["setpriv", "--reuid", "65534", "--clear-groups", binary, command],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120).returncode
        equal(status, 0, "exit status of %s without root" % command)


def test_own_pids(case):
    """In a container that has pids of its own nothing could be found again; that is said instead of recording nothing."""
    for arguments in (["run", "--store", case.path("store.db"), "--", "true"], ["trace", "exec"], ["top", "--count", "1"]):
        result = subprocess.run(["unshare", "--pid", "--fork", "--mount-proc", SONDE, *arguments], stdin=subprocess.DEVNULL,
                                capture_output=True, timeout=120, text=True)
        equal((result.returncode, result.stdout), (1, ""), "exit status and output of %s" % arguments)
        expect("--pid=host" in result.stderr, "the remedy is missing: " + result.stderr)


def test_tiny_ring_under_a_storm(case):
    """Any loss, but every event of the tree is in the books: as many were produced as there were."""
    sonde = case.sonde("fork", "exec", "exit", "open", "--ring-size", "64K", "--", program("storm"), "exec", "8000",
                       wait=False)
    sonde.finish(60)
    equal(sonde.status, 0, "exit status")
    for kind, count in (("fork", 8000), ("exec", 8001), ("exit", 8001)):
        row = sonde.summary["events"][kind]
        equal(row["produced"] - row["filtered"], count, "produced and not filtered of %s: %s" % (kind, row))


def test_stopped_and_continued(case):
    """A sonde that slept through a storm counts what it missed, says so in the stream, and goes on."""
    sonde = case.sonde("exec", "exit", "open", "--ring-size", "64K")
    sonde.send(signal.SIGSTOP)
    until(lambda: "State:\tT" in open("/proc/%d/status" % sonde.pid).read(), "the stop")
    subprocess.run([program("storm"), "exec", "3000"], check=True)
    subprocess.run([program("storm"), "open", "30000"], check=True)
    sonde.send(signal.SIGCONT)
    sonde.wait_record(lambda r: r["kind"] == "lost", "a lost record in the stream")
    until(lambda: any(r["kind"] == "exec" for r in sonde.parse()), "what was in the ring")
    seen = len(sonde.parse())
    late = execute()[0]
    sonde.wait_record(lambda r: r["kind"] == "exec" and field(r, "process.pid") == late, "life after the storm")
    sonde.stop()
    expect(len(sonde.records) >= seen, "records vanished")
    for kind in ("exec", "exit", "open"):
        row = sonde.summary["events"][kind]
        expect(row["lost"] > 0, "nothing lost of %s: %s" % (kind, row))
        expect(row["produced"] >= 3000, "produced of %s: %s" % (kind, row))
    for record in sonde.events("lost"):
        expect(field(record, "lost.cause") and field(record, "lost.count") > 0, "a lost record without cause or count")


def test_strict(case):
    """--strict: exit 1 when something was lost, 0 when not."""
    for count, status in ((0, 0), (3000, 1)):
        sonde = case.sonde("exec", "--strict", "--ring-size", "64K", "--pid", str(os.getpid()))
        if count:
            sonde.send(signal.SIGSTOP)
            subprocess.run([program("storm"), "exec", str(count)], check=True)
            sonde.send(signal.SIGCONT)
        sonde.stop(status=status)
        equal(sonde.lost() > 0, bool(count), "something lost")
        said = re.findall(r"warning: (\d+) (\w+) lost: their lane was full; .*--ring-size", sonde.stderr())
        full = {kind: row["lost_by"].get("ring_full") for kind, row in sonde.summary["events"].items()}
        equal({kind: int(number) for number, kind in said}, {kind: lost for kind, lost in full.items() if lost}, "losses as they are said")


def held(pid):
    """Ids of (programs, maps) that a process holds by descriptors, links included."""
    programs, maps = set(), set()
    for name in os.listdir("/proc/%d/fdinfo" % pid):
        try:
            with open("/proc/%d/fdinfo/%s" % (pid, name)) as file:
                text = file.read()
        except FileNotFoundError:
            continue
        programs |= {int(number) for number in re.findall(r"^prog_id:\s*(\d+)", text, re.M)}
        maps |= {int(number) for number in re.findall(r"^map_id:\s*(\d+)", text, re.M)}
    for number in sorted(programs):
        shown = subprocess.run(["bpftool", "-j", "prog", "show", "id", str(number)], stdout=subprocess.PIPE).stdout
        maps |= set(json.loads(shown or b"{}").get("map_ids", []))
    return programs, maps


def listed(what):
    return {one["id"] for one in json.loads(subprocess.run(["bpftool", "-j", what, "list"], stdout=subprocess.PIPE,
                                                           check=True).stdout or b"[]")}


def pinned():
    return {os.path.join(base, name) for base, directories, files in os.walk("/sys/fs/bpf/sonde") for name in directories + files}


def test_nothing_stays_in_the_kernel(case):
    """After SIGINT, SIGTERM and kill -9: none of its programs and maps. Policies may stand on the machine: those are not the test's."""
    if not shutil.which("bpftool"):
        raise Skip("no bpftool here")
    before = pinned()
    for number in (signal.SIGKILL, signal.SIGINT, signal.SIGTERM):
        sonde = case.sonde("exec", "exit", "open", "connect", "close")
        programs, maps = held(sonde.pid)
        expect(programs and maps, "the test found nothing of sonde in the kernel")
        expect(programs <= listed("prog") and maps <= listed("map"), "bpftool does not list them")
        sonde.send(number)
        sonde.process.wait(120)
        until(lambda: not programs & listed("prog"), lambda: "programs stay: %s" % (programs & listed("prog")))
        until(lambda: not maps & listed("map"), lambda: "maps stay: %s" % (maps & listed("map")))
        expect(pinned() <= before, lambda: "pinned: %s" % (pinned() - before))


def test_bad_usage(case):
    """Status 2, nothing on stdout, and the right one named."""
    plans = {("trace", "exce"): "exec", ("trace",): "", ("trace", "exec", "--jsno"): "--json", ("tarce", "exec"): "trace",
             ("trace", "exec", "--for", "soon"): "soon", ("trace", "exec", "--ring-size", "big"): "big",
             ("trace", "exec", "--pid", "x"): "x", ("trace", "exec", "--pid"): "--pid",
             ("trace", "exec", "-o", "process.pdi"): "did you mean process.pid?", ("trace", "exec", "-o", "no_such"): "sonde fields",
             ("trace", "exec", "-o", "exit.code"): "process.exit.code is a field of exit, which is not asked for here",
             ("trace", "connect", "-o", "pid,port"): "network.local.port, network.peer.port", ("trace", "exec", "-o", "ancestor.pid"): "-o",
 ("trace", "open", "--tree"): "for exec",
             ("trace", "exec", "--tree", "--json"): "--json", ("trace", "exec", "--tree", "-o", "process.pid"): "-o", (): ""}
    for arguments, named in plans.items():
        result = subprocess.run([SONDE, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120, text=True)
        equal(result.returncode, 2, "exit status of %s (%s)" % (arguments, result.stderr))
        expect(named in result.stderr, "%s: %r does not name %s" % (arguments, result.stderr, named))
        equal(result.stdout, "", "stdout of %s" % (arguments,))


def test_columns(case):
    """-o: these fields in this order end the line, behind its time and kind."""
    sonde = case.sonde("exec", "-o", "process.pid,process.executable.name,process.command_args", json_lines=False)
    [pid] = execute()
    sonde.stop()
    lines = [line.split() for line in sonde.stdout().decode().splitlines()]
    expect([str(pid), "burst", "burst", "leaf"] in [line[-4:] for line in lines], "no such line: %s" % lines[:10])
    swapped = case.sonde("exec", "fork", "-o", "command_args,user.name,error.type,pid", json_lines=False)
    [pid] = execute()
    swapped.stop()
    lines = [line.split() for line in swapped.stdout().decode().splitlines()]
    expect(["exec", "burst", "leaf", "root", "-", str(pid)] in [line[1:] for line in lines], "no such line: %s" % lines[:10])
    chosen = case.sonde("exec", "-o", "process.executable.name,thread.id,process.pid")
    [pid] = execute()
    chosen.send(signal.SIGINT)
    chosen.finish()
    record = next(r for r in chosen.records if field(r, "process.pid") == pid)
    equal(record.get("process"), {"pid": pid, "executable": {"name": "burst"}}, "the chosen fields as JSON")
    equal(record.get("thread"), {"id": pid}, "a field of another object")
    plain = case.sonde("exec", "-o", "kind,time")  # what every event has can be named, too
    execute(1)
    plain.stop()
    equal({tuple(record) for record in plain.records}, {("kind", "time")}, "an event of which only these were chosen")


def test_lines_fit_the_terminal(case):
    """80 columns, of which a character of East Asia takes two; what is cut says so, and an error is never cut off."""
    names = ["x" * 100, "\u6f22" * 70, "\u6f22x" * 40]
    master, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    script = "for name; do /bin/true $name; cat $name; done; exit 0"
    sonde = subprocess.Popen([SONDE, "trace", "exec", "open", "--", "sh", "-c", script, "sh"] + names, cwd=case.tmp,
                             stdin=subprocess.DEVNULL, stdout=terminal, stderr=subprocess.DEVNULL)
    os.close(terminal)
    output = b""
    with contextlib.suppress(OSError):  # so a terminal tells its end
        while True:
            output += os.read(master, 65536)
    equal(sonde.wait(120), 0, "exit status")
    lines = [re.sub("\x1b\\[[0-9;]*m", "", line) for line in output.decode().splitlines()]

    def columns(line):
        return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)
    equal([line for line in lines if columns(line) > 80], [], "lines wider than the terminal")
    for name in names:
        told = [line for line in lines if name[:4] in line]
        expect(any(line.endswith("\u2026") and " exec " in line for line in told), "exec: %s" % told)
        expect(any(line.endswith("\u2026 ENOENT") and " open " in line for line in told), "open: %s" % told)


def test_several_kinds_and_all_fields_are_declared(case):
    """Every field that a record carries is in `sonde fields`."""
    told = json_objects(subprocess.run([SONDE, "fields", "--json"], stdout=subprocess.PIPE, check=True).stdout)
    names = {one["name"] for one in told}
    sonde = case.sonde("fork", "exec", "exit", "open", "change", "connect", "accept", "listen", "close", "signal")
    execute(3)
    spawn(None, "/bin/sh", ["sh", "-c", "echo > %s; mv %s %s2; kill -0 $$" % ((case.path("x"),) * 3)])
    sonde.stop()
    unknown = set()

    def walk(value, prefix):
        for key, inner in value.items():
            name = prefix + key
            if isinstance(inner, dict):
                walk(inner, name + ".")
            elif name not in names:
                unknown.add(name)
    for record in sonde.records:
        walk(record, "")
    equal(sorted(unknown), [], "fields that `sonde fields` does not know")


def json_objects(data):
    """Objects of either one array or one object a line."""
    try:
        value = json.loads(data)
        return value if isinstance(value, list) else value.get("fields", [value])
    except ValueError:
        return [json.loads(line) for line in data.splitlines()]


def test_doctor(case):
    """The text says what the JSON says: each rung stands below the point that it belongs to."""
    result = subprocess.run([SONDE, "doctor", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
    equal(result.returncode, 0, "exit status (%r)" % result.stderr)
    rungs = [one for one in json_objects(result.stdout) if "point" in one]
    want = {}
    for one in rungs:
        want.setdefault(one["point"], {})[one["rung"]] = one["state"]
    for point in ("process exec", "process fork", "process exit"):
        expect("taken" in want[point].values(), "%s has no rung" % point)
    text = subprocess.run([SONDE, "doctor"], stdout=subprocess.PIPE, timeout=120).stdout.decode()
    got = {}
    for line in text.split("why better ones were not\n")[1].splitlines()[:-1]:
        point, words = line[2:24].strip(), line[24:].split()
        if point:
            got[point] = current = {}
        if words[0] == "cannot" or words[:3] == ["does", "not", "see:"]:
            continue
        current[words[0]] = {"costs": "taken", "works": "works", "refused:": "refused"}[words[1]]
    equal(got, want, "the table")


def test_closed_streams(case):
    """Started without standard output it fails and says so; without the others it works, and leaves their numbers alone."""
    traced = "trace exec -- sh -c 'exit 5'"
    for command, closed, status, said in (("hist runq --for 50ms", ">&-", 1, b"standard output: Bad file descriptor"),
                                          (traced, ">&-", 1, b"standard output: Bad file descriptor"),
                                          (traced, "2>&-", 5, b""), (traced, "<&- 2>&-", 5, b""),
                                          (traced, "<&-", 5, b"nothing lost")):
        result = subprocess.run(["sh", "-c", "%s %s %s" % (SONDE, command, closed)], stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, timeout=120)
        equal(result.returncode, status, "exit status with %s" % closed)
        expect(said in result.stderr, "with %s: %r" % (closed, result.stderr))


def test_completion_knows_every_kind(case):
    """But what policies match, which is not for `trace`; fork has no field of its own."""
    kinds = {kind for line in subprocess.run([SONDE, "fields", "--json"], stdout=subprocess.PIPE).stdout.splitlines()
             for kind in json.loads(line)["kinds"]} - {"all", "lost", "policy"} | {"fork"}
    script = subprocess.run([SONDE, "--completion", "bash"], stdout=subprocess.PIPE, text=True).stdout
    complete = """%s
        COMP_WORDS=(sonde trace ''); COMP_CWORD=2; _sonde; echo "${COMPREPLY[@]}" """ % script
    got = subprocess.run(["bash", "-c", complete], stdout=subprocess.PIPE, text=True).stdout
    equal(set(got.split()), kinds, "completed")
    text = subprocess.run([SONDE, "trace", "--help"], stdout=subprocess.PIPE, text=True).stdout
    for kind in kinds:
        expect(kind in text.split(), "%s is not in the help" % kind)


def test_words_too_many(case):
    for words in (["doctor", "exec"], ["fields", "memory", "cpu"], ["hist", "runq", "block"]):
        result = subprocess.run([SONDE] + words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)
        equal((result.returncode, result.stdout), (2, b""), "status and output of %s" % words)
        expect(b"one word too many" in result.stderr, result.stderr)
