"""Rules on real processes: a file of one's own, and orchestrators that are easily had: Nextflow's scripts, make, xargs, parallel."""

import os
import shutil
import subprocess

import cgroups
from harness import SONDE, Skip, equal, expect
from test_work import record


def rules(*words):
    done = subprocess.run([SONDE, "rules", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    return done.returncode, done.stdout, done.stderr


def write(case, name, text, mode=0o755):
    path = case.path(name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


def groups(run):
    """(rule, name, group) of each task, sorted."""
    return sorted((row["rule"], row["name"], row["group"]) for row in run.tasks)


def test_a_file_of_rules_is_checked(case):
    status, shown, _ = rules("show")
    equal(status, 0, "status of show")
    good = write(case, "good.yaml", shown)
    status, listed, said = rules("check", good)
    equal((status, "built in" in listed), (0, False), "check of the built-in rules as a file (%s)" % said)
    bad = write(case, "bad.yaml", "rules:\n- name: x\n  when: {tol: a}\n")
    status, listed, said = rules("check", bad)
    equal((status, listed, said), (1, "", 'sonde: %s:3:10: there is no fact "tol", did you mean tool?\n' % bad), "check")
    done = subprocess.run([SONDE, "run", "--rules", bad, "--store", case.path("db"), "--", "touch", case.path("ran")],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    equal((done.returncode != 0, bad + ":3:10:" in done.stderr), (True, True), "run with bad rules: " + done.stderr)
    expect(not os.path.exists(case.path("ran")), "the command ran although the rules are bad")


def test_try_says_what_a_run_would_find(case):
    status, said, _ = rules("try", "--json", "--parent", "make -j2", "--", "gcc", "-o", "x\x1b.o", "x.c")
    equal(status, 0, "status")
    expect('"rule":"make","name":"x\\u001b.o","group":"gcc"' in said, said)


def test_own_rules_find_tasks(case):
    own = write(case, "own.yaml", """
rules:
- name: lab
  when: {tool: labrun, option --job: "~^([a-z]+)-([0-9]+)$"}
  task: {key: "{option --job}", name: "{1} {2}", group: "{1}", cpus: "{option --cpus}", memory: 2G}
""")
    tool = write(case, "labrun", "#!/bin/sh\n/bin/true\n/bin/true\n")
    run = record(case, "sh", "-c", "for n in 1 2 1; do %s --job fit-$n --cpus=3; done" % tool, rules=own)
    equal(groups(run), [("lab", "fit 1", "fit"), ("lab", "fit 2", "fit")], "tasks")
    equal(dict(run.tools("fit 1")), {"labrun": 2, "true": 4}, "two processes of one key are in one task")
    equal([(row["cpus"], row["memory_given"]) for row in run.tasks], [(3, 2 << 30)] * 2, "what they were given")


def test_nextflow_tasks(case):
    """What Nextflow's local executor does, without Nextflow: `bash -ue .command.run` in the task's directory."""
    names = {"ab": "ALIGN:bwa (s 1)", "cd": "INDEX"}
    for start, name in names.items():
        directory = "work/%s/%030x" % (start, 7)
        write(case, directory + "/.command.run", "#!/bin/bash\n### ---\n### name: '%s'\n### ...\nset -e\n"
              "/bin/bash -ue %s/.command.sh\n" % (name, case.path(directory)))
        write(case, directory + "/.command.sh", "#!/bin/bash -ue\n/bin/true | /bin/cat\n")
    run = record(case, "sh", "-c", "for d in work/*/*; do (cd $d && /bin/bash -ue .command.run); done", cwd=case.tmp)
    equal(groups(run), [("nextflow", "ALIGN:bwa (s 1)", "ALIGN:bwa"), ("nextflow", "INDEX", "INDEX")], "tasks")
    for name in names.values():
        equal(dict(run.tools(name)), {".command.run": 1, ".command.sh": 1, "true": 1, "cat": 1}, "tools of " + name)


def test_make_and_xargs_and_hostile_names(case):
    hostile = "a\x1b[31m</script>.o"
    write(case, "cc", "#!/bin/sh\n/bin/true\n")
    write(case, "Makefile", "all:\n\t@printf 'x\\0y\\0' | xargs -0 -n1 /bin/echo >/dev/null\n\t@./cc -o '%s' x.c\n\t@$(MAKE) -s sub\n"
          "sub:\n\t@./cc -c y.c\n" % hostile)
    run = record(case, "make", "-s", cwd=case.tmp, env={"PATH": os.environ["PATH"], "LC_ALL": "C"})
    equal(groups(run), sorted([("make", "xargs", "xargs"), ("make", hostile, "cc"), ("make", "y.c", "cc")]), "tasks")
    equal(dict(run.tools("y.c")), {"cc": 1, "true": 1}, "tools of y.c")
    equal(run.tools("xargs")["echo"], 2, "jobs of xargs stay in the recipe's task")
    run = record(case, "sh", "-c", "echo x y | xargs -n1 /bin/echo", cwd=case.tmp)
    equal(groups(run), [("xargs", "/bin/echo x", "echo"), ("xargs", "/bin/echo y", "echo")], "tasks of xargs alone")


def test_started_before_an_exec(case):
    """What bash started before it became xargs is no job of xargs."""
    run = record(case, "bash", "-c", "exec xargs -n1 echo < <(seq 3)")
    equal([name for _, name, _ in groups(run)], ["echo 1", "echo 2", "echo 3"], "tasks")


def test_ninja(case):
    """Each edge has the name of its output where the command shows it, else the command."""
    if not shutil.which("ninja"):
        raise Skip("ninja is not installed")
    write(case, "in", "x\n")
    write(case, "build.ninja", "rule cc\n command = cp $in $out\nrule sum\n command = cksum $in && touch $out\n"
          "rule copy\n command = cat $in > $out\n"
          "build o1: cc in\nbuild o2: cc in\nbuild s1: sum o1\nbuild s2: sum o2\nbuild c1: copy in\n")
    run = record(case, "ninja", cwd=case.tmp)
    equal(groups(run), [("ninja", "c1", "cat"), ("ninja", "cksum o1 && touch s1", "cksum"), ("ninja", "cksum o2 && touch s2", "cksum"),
                        ("ninja", "o1", "cp"), ("ninja", "o2", "cp")], "tasks")


def test_gnu_parallel(case):
    if not shutil.which("parallel"):
        raise Skip("parallel is not installed")
    env = dict(os.environ, SHELL="/bin/bash", HOME=case.tmp)
    run = record(case, "parallel", "-j2", "--will-cite", "gzip -c", ":::", "/etc/passwd", "/etc/group", env=env)
    equal(groups(run), [("parallel", "gzip -c /etc/group", "gzip"), ("parallel", "gzip -c /etc/passwd", "gzip")], "tasks")


def test_slurm_step_and_container_by_control_group(case):
    write(case, "step.sh", "#!/bin/sh\n/bin/true\n/bin/true | /bin/cat\n")
    ident = "4f66ad9a0b2e1c7d8e9f00112233445566778899aabbccddeeff001122334455"
    for path, want in (("/slurm/uid_0/job_4243/step_1/task_0", ("slurm", "step.sh (4243.1)", "step.sh")),
                       ("/docker/" + ident, ("container", ident[:12], ident[:12]))):
        directories = cgroups.make(case, [point for point, _ in cgroups.hierarchies()], path)
        enter = "".join("echo 0 >%s/cgroup.procs\n" % directory for directory in directories)
        start = write(case, "start.sh", "#!/bin/sh\n%s%s\n%s\n" % (enter, case.path("step.sh"), case.path("step.sh")))
        run = record(case, start)
        equal(groups(run), [want], "tasks in " + path)
        equal(dict(run.tools(want[1])), {"step.sh": 2, "true": 4, "cat": 2}, "tools in " + path)
