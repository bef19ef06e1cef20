"""Planted causes: each workload has one thing wrong with it, and that is the first finding; healthy ones have none.

What else the machine does must not matter: workloads take a fixed time, and what a run waits for a CPU because of others is told apart. Where others
took so much that this itself is worth a word, `cpu-contended` comes last and is checked against the machine's own account.
"""

import json
import os
import socket
import subprocess
import threading
import time

import cgroups
from harness import SONDE, Skip, equal, expect, program

PLANT = program("plant")
MIB = 1 << 20


def machine_busy():
    """CPU time used by all, in seconds."""
    with open("/proc/stat") as file:
        user, nice, system, _, _, irq, softirq, steal = (int(word) for word in file.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def recorded(case, *command, options=(), within=None, status=0):
    """Records a command and returns its report. `within`: a control group that sonde is in too."""
    environment = dict(os.environ, SONDE_STORE=case.path("store.db"))
    busy, begun = machine_busy(), time.monotonic()
    done = subprocess.run([SONDE, "run", *options, "--", *command], env=environment, preexec_fn=within and (lambda: cgroups.enter([within])), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    equal(done.returncode, status, "exit status (%s)" % done.stdout)
    told = subprocess.run([SONDE, "report", "--json"], env=environment, stdout=subprocess.PIPE, check=True).stdout
    report = json.loads(told)
    report["others"] = (machine_busy() - busy - report["totals"]["cpu"]["time_ns"] / 1e9) / (time.monotonic() - begun)
    return report


def say(findings):
    return "; ".join("%s %s: %s (%s)" % (f["kind"], f.get("tool"), f["title"], f["evidence"]) for f in findings) or "none"


def first_is(report, kind, tool="plant", words=(), sure=None):
    findings = report["findings"]
    expect(findings, lambda: "no finding, expected %s; totals %s" % (kind, report["totals"]))
    first = findings[0]
    expect(first["kind"] == kind and (tool is None or first.get("tool") == tool), lambda: "expected %s of %s, got: %s" % (
        kind, tool, say(findings)))
    for word in words:
        text = " ".join((first["title"], first["evidence"], first["advice"]))
        expect(word in text, lambda: "%r is not in %s" % (word, text))
    if sure:
        equal(first["sure"], sure, "how sure " + kind + " is")
    return first


def is_healthy(report):
    """Others' work may be told of, if there was some."""
    findings = report["findings"]
    if report["others"] > 0.2:
        findings = [finding for finding in findings if finding["kind"] != "cpu-contended"]
    expect(not findings, lambda: "a healthy run has findings: %s; others used %.2f CPUs" % (say(findings), report["others"]))


def shell(script, *arguments):
    return ("bash", "-c", script, "bash", PLANT, *arguments)


def two_cpus():
    if len(os.sched_getaffinity(0)) < 2:
        raise Skip("needs two CPUs")


def memory_group(case, limit):
    """A new control group with a limit on memory."""
    try:
        mounts, name = [cgroups.first("memory")], "memory.limit_in_bytes"
    except Skip:
        mounts, name = [cgroups.second()], "memory.max"
    made = cgroups.make(case, mounts, "sonde-findings-%d" % os.getpid())
    path = os.path.join(made[-1], name)
    if not os.path.exists(path):
        raise Skip("no memory controller for a control group here")
    with open(path, "w") as file:
        file.write(str(limit))
    return made[-1]


def on_disk(case, name, size):
    """A file that is on a disk and not in the page cache."""
    path = os.path.join(os.path.dirname(SONDE), "%s-%d" % (name, os.getpid()))  # /tmp may have no disk behind it
    case.defer(os.unlink, path)
    with open(path, "wb") as file:
        block = os.urandom(MIB)
        for _ in range(size // MIB):
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return path


# --- planted ---


def test_too_many_processes(case):
    cpus = len(os.sched_getaffinity(0))
    report = recorded(case, *shell('for i in $(seq $2); do $1 burn 3 1 & done; wait', str(4 * cpus)))
    first = first_is(report, "cpu-oversubscribed", words=["threads want to run on %d" % cpus, "Run %d at a time" % cpus], sure="certain")
    expect(first["lost_ns"] > 1.5e9, "three quarters of the run were lost, not %d ns" % first["lost_ns"])
    # a busy machine lets the shell wait before it starts the last of them
    expect(3 * cpus <= report["right_size"]["cpus"] <= 4 * cpus, "it could use %d CPUs" % report["right_size"]["cpus"])


def test_too_many_threads(case):
    cpus = len(os.sched_getaffinity(0))
    first_is(recorded(case, PLANT, "burn", "3", str(4 * cpus)), "cpu-oversubscribed", words=["One process has %d threads" % (4 * cpus)])


def test_one_thread(case):
    two_cpus()
    report = recorded(case, *shell('$1 burn 3 1'))
    first_is(report, "cpu-serial", words=["option for threads"])
    equal(report["right_size"]["cpus"], 1, "CPUs it needs")


def test_one_after_another(case):
    two_cpus()
    first_is(recorded(case, *shell('for i in 1 2 3; do $1 burn 1 1; done')), "cpu-serial", words=["3 processes one after another", "make -j"])


def test_reads(case):
    path = on_disk(case, "reads", 64 * MIB)
    first_is(recorded(case, PLANT, "read", path, "3"), "disk-read", words=["read"])


def test_safe_writes(case):
    path = on_disk(case, "writes", 0)
    first_is(recorded(case, PLANT, "write", path, "3"), "disk-write", words=["fsync"])


def test_slow_network(case):
    server = socket.create_server(("127.0.0.1", 0))
    case.defer(server.close)

    def serve():
        connection, _ = server.accept()
        limit = time.monotonic() + 3
        while time.monotonic() < limit:
            connection.sendall(bytes(4096))
            time.sleep(0.02)
        connection.close()
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    first_is(recorded(case, PLANT, "receive", str(server.getsockname()[1])), "network",
             words=["127.0.0.1 port %d" % server.getsockname()[1], "received"])
    thread.join()


def test_memory_near_its_limit(case):
    group = memory_group(case, 512 * MIB)
    report = recorded(case, PLANT, "hold", "465", "3", "2", within=group)
    first_is(report, "memory-limit", words=["of 512 MiB", "Give it"])
    equal(report["host"]["memory_limit"], 512 * MIB, "limit")


def test_out_of_memory(case):
    group = memory_group(case, 512 * MIB)
    report = recorded(case, *shell('$1 burn 1 2; $1 hold 800 2 2'), within=group, status=137)
    first_is(report, "oom-kill", words=["512 MiB", "sonde-findings-"], sure="certain")
    size = report["right_size"]
    equal((size.get("memory_unknown"), "memory" in size, "headroom" in size, size["offers"]),
          ("killed for want of memory", False, False, []), "memory that is needed, and machines for it: %s" % size)
    said = subprocess.run([SONDE, "report", "--store", case.path("store.db")], stdout=subprocess.PIPE, check=True, text=True).stdout
    expect("?: more than the peak; how much is not known" in said.split("Right size")[1], said)
    subprocess.run([SONDE, "report", "--store", case.path("store.db"), "--html", case.path("page.html")], check=True)
    with open(case.path("page.html")) as file:
        expect('"memory_unknown":"killed for want of memory"' in file.read(), "the page offers memory")


def test_short_of_memory(case):
    path = on_disk(case, "pages", 64 * MIB)
    group = memory_group(case, 32 * MIB)
    first_is(recorded(case, *shell('echo $$ > $2/cgroup.procs; exec $1 page $3 3', group, path)), "memory-pressure",
             words=["page faults"])


def test_deadlock(case):
    first_is(recorded(case, PLANT, "deadlock", "3"), "no-progress", words=["deadlock 3", "a lock"])


def test_sleeps(case):
    first_is(recorded(case, "bash", "-c", "sleep 3; :"), "no-progress", tool="sleep")


def test_stopped(case):
    script = '$1 burn 0.5 2 & p=$!; sleep 0.1; kill -STOP $p; sleep 3; kill -CONT $p; wait'
    report = recorded(case, *shell(script), options=("--interval", "200ms"))
    first_is(report, "no-progress", tool=None)


def test_tried_again(case):
    report = recorded(case, *shell('until $1 flaky $2 4 1; do :; done', case.path("attempts")))
    first_is(report, "retried", words=["failed 3 times", "status 75", "the last succeeded"], sure="certain")


def test_the_run_failed(case):
    report = recorded(case, *shell('set -e; $1 burn 1 2; bash -c "$1 flaky /nowhere/file 1 0.1"; true'), status=99)
    first_is(report, "failed", words=["ended with status 99", "flaky /nowhere/file"])


def test_crash(case):
    report = recorded(case, *shell('ulimit -c 0; $1 burn 1 2; python3 -c "import os; os.abort()" 2>/dev/null; true'))
    first_is(report, "crashed", tool=None, words=["SIGABRT"], sure="certain")


def test_tiny_processes(case):
    first_is(recorded(case, "bash", "-c", "for i in $(seq 3000); do /bin/true; done"), "tiny-processes", tool="bash",
             words=["true", "of that on a CPU"])


def test_given_too_many_cpus(case):
    rules = case.path("rules.yaml")
    with open(rules, "w") as file:
        file.write("rules:\n- name: batch\n  when: {tool: plant}\n"
                   "  task: {key: '{process}', name: 'step', group: 'step', cpus: '{option --cpus}'}\n")
    report = recorded(case, PLANT, "burn", "3", "1", "--cpus", "8", options=("--rules", rules))
    first_is(report, "cpu-overallocated", tool=None, words=["step was given 8 CPUs and used 1", "Ask for 1"])


def test_given_too_much_memory(case):
    group = memory_group(case, 2048 * MIB)
    report = recorded(case, PLANT, "hold", "100", "3", "2", within=group)
    first_is(report, "memory-overallocated", tool=None, words=["2 GiB", "Ask for"])


def batch_step(case, memory):
    """The control group of a Slurm step, with a limit on memory."""
    try:
        mount = cgroups.first("memory")
    except Skip:
        mount = cgroups.second()
    step = cgroups.make(case, [mount], "slurm/uid_0/job_%d/step_0" % os.getpid())[0]
    limit = next((path for path in (os.path.join(step, name) for name in ("memory.limit_in_bytes", "memory.max"))
                  if os.path.exists(path)), None)
    if not limit:
        raise Skip("no memory controller for a control group here")
    with open(limit, "w") as file:
        file.write(str(memory))
    return step


def test_memory_near_the_limit_of_a_batch_step(case):
    """Within the run, not around it."""
    step = batch_step(case, 512 * MIB)
    report = recorded(case, *shell('(echo $BASHPID > $2/cgroup.procs; exec $1 hold 465 3 2); true', step))
    near = [finding for finding in report["findings"] if finding["kind"] == "memory-limit"]  # on a busy machine others stand before it
    equal([(finding.get("tool"), finding.get("task")) for finding in near], [("plant", "plant (%d.0)" % os.getpid())], "tool and task")
    expect("of 512 MiB" in near[0]["evidence"], "evidence: %s" % near[0])


def test_given_by_a_batch_system(case):
    """The control group of a Slurm step says what it was given."""
    step = batch_step(case, 2048 * MIB)
    report = recorded(case, *shell('echo $$ > $2/cgroup.procs; exec $1 burn 2.5 2', step))
    first = first_is(report, "memory-overallocated", tool=None, words=["2 GiB"], sure="likely")
    equal(first.get("task"), "plant (%d.0)" % os.getpid(), "task")


# --- healthy ---


def test_balanced(case):
    two_cpus()
    is_healthy(recorded(case, *shell('for i in $(seq $2); do $1 burn 3 1 & done; wait', str(len(os.sched_getaffinity(0))))))


def test_quick_pipeline(case):
    is_healthy(recorded(case, "bash", "-c", "seq 200000 | sort -n | tail -n 1 > /dev/null"))


def test_page_cache(case):
    is_healthy(recorded(case, *shell('$1 copy $2 3 & $1 copy $3 3; wait', case.path("one"), case.path("two"))))


# --- right size ---


def test_size_of_known_needs(case):
    """Two processes of 300 MiB and one core each."""
    two_cpus()
    report = recorded(case, *shell('$1 hold 300 3 1 & $1 hold 300 3 1; wait'))
    is_healthy(report)
    size = report["right_size"]
    equal(size["cpus"], 2, "CPUs")
    expect(0.9 * 600 * MIB <= size["peak_memory"] <= 1.1 * 600 * MIB, "peak memory is %d" % size["peak_memory"])
    expect(abs(size["memory"] / size["peak_memory"] - 1 - size["headroom"]) < 0.01, "headroom: %s" % size)
    expect(size["offers"] and all(offer["cpus"] >= 2 and offer["memory"] > size["memory"] for offer in size["offers"]),
           lambda: "offers %s" % size["offers"])
    prices = [offer["price_per_hour"] for offer in size["offers"]]
    equal(prices, sorted(prices), "the cheapest first")


def test_own_prices(case):
    prices = case.path("prices.csv")
    with open(prices, "w") as file:
        file.write("# date: 2026-02-03\n# source: our cellar\nus,cellar,box,2,8,0.25,EUR\n")
    recorded(case, "true")
    environment = dict(os.environ, SONDE_STORE=case.path("store.db"))
    told = subprocess.run([SONDE, "report", "--json", "--prices", prices], env=environment, stdout=subprocess.PIPE, check=True)
    size = json.loads(told.stdout)["right_size"]
    equal((size["prices_date"], size["prices_source"]), ("2026-02-03", "our cellar"), "date and source")
    equal([offer["name"] for offer in size["offers"]], ["box"], "offers")
    recorded(case, "sleep", "1")
    said = subprocess.run([SONDE, "report", "--prices", prices], env=environment, stdout=subprocess.PIPE, check=True, text=True).stdout
    expect("  prices of 2026-02-03, from our cellar (--prices FILE for yours)\n" in said, said)
    bare = case.path("bare.csv")
    with open(bare, "w") as file:
        file.write("us,cellar,box,2,8,0.25,EUR\n")
    said = subprocess.run([SONDE, "report", "--prices", bare], env=environment, stdout=subprocess.PIPE, check=True, text=True).stdout
    expect("cellar" in said and "prices" not in said, "of prices without date and source: " + said)
    told = subprocess.run([SONDE, "report", "--json", "--prices", bare], env=environment, stdout=subprocess.PIPE, check=True)
    expect("prices_date" not in json.loads(told.stdout)["right_size"], "a date that is not known")
    with open(prices, "a") as file:
        file.write("us,cellar,box,two,8,0.25,EUR\n")
    told = subprocess.run([SONDE, "report", "--prices", prices], env=environment, stderr=subprocess.PIPE, text=True)
    equal(told.returncode, 1, "exit status")
    expect("prices.csv:4:15: the number of CPUs" in told.stderr, told.stderr)
