"""Real work: a Snakemake pipeline, a build of a Debian source, a Slurm job. Tasks and tools are called what their users call
them, and nothing is missing: strace counts the same work a second time."""

import collections
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess

from harness import ROOT, SONDE, Skip, equal, expect, until

SOURCE = "mawk"  # C, configured by a shell script, needs nothing but the C library


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            raise Skip("%s is not installed" % program)


class Recorded:
    """What a report says of a run in a store of its own."""

    def __init__(self, store):
        self.store = store
        whole = self.report("process")
        self.total = whole["totals"]["processes"]
        equal(whole["coverage"]["events_lost"], 0, "events lost")
        self.processes = whole["rows"]
        equal(len(self.processes), self.total, "rows of processes against the total")
        self.tasks = [row for row in self.report("task")["rows"] if "name" in row]

    def report(self, by):
        return json.loads(subprocess.run([SONDE, "report", "--store", self.store, "--json", "--by", by], check=True,
                                         stdout=subprocess.PIPE).stdout)

    def names(self, rule):
        return sorted(row["name"] for row in self.tasks if row["rule"] == rule)

    def tools(self, task=None):
        """How many processes of each tool, of all tasks or of one."""
        return collections.Counter(row["tool"] for row in self.processes if task is None or row.get("task") == task)


def record(case, *command, rules=None, **options):
    store = case.path("store.db")
    more = ["--rules", rules] if rules else []
    done = subprocess.run([SONDE, "run", "--quiet", "--store", store, *more, "--", *command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, **options)
    equal(done.returncode, 0, "status of %s: %s" % (command[0], done.stdout.decode(errors="replace")[-1500:]))
    return Recorded(store)


def count(case, *command, **options):
    """The same under strace: how many processes there were, and the last program of each."""
    trace = case.path("strace")
    done = subprocess.run(["strace", "-f", "--seccomp-bpf", "-o", trace, "-e", "signal=none",
                           "-e", "trace=execve,fork,vfork,clone,clone3", *command],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    equal(done.returncode, 0, "status under strace: %s" % done.stdout.decode(errors="replace")[-1500:])
    begun, programs, processes = {}, {}, 1
    for line in open(trace, errors="replace"):
        pid, _, what = line.partition(" ")
        what = what.strip()
        if what.endswith("<unfinished ...>"):
            begun[pid] = what
            continue
        if what.startswith("<... ") and pid in begun:
            what = begun.pop(pid) + what
        result = what.rpartition(" = ")[2].split(" ")[0]
        if what.startswith("execve(") and result == "0":
            programs[pid] = os.path.basename(re.match(r'execve\("((?:[^"\\]|\\.)*)"', what).group(1))
        elif re.match(r"(fork|vfork|clone3?)\(", what) and result.isdigit() and "CLONE_THREAD" not in what:
            processes += 1
    return processes, collections.Counter(programs.values())


# --- Snakemake ---

SNAKEFILE = """
samples = ["A", "B", "C"]
rule all:
    input: "summary.txt", expand("depth/{sample}.txt", sample=samples)
rule index:
    input: "ref.fa"
    output: multiext("ref.fa", ".amb", ".ann", ".bwt", ".pac", ".sa")
    shell: "bwa index {input}"
rule align:
    input: ref="ref.fa", index="ref.fa.bwt", reads="reads/{sample}.fq"
    output: "bam/{sample}.bam"
    threads: 2
    shell: "bwa mem -t {threads} {input.ref} {input.reads} | samtools sort -o {output} -"
rule index_bam:
    input: "bam/{sample}.bam"
    output: "bam/{sample}.bam.bai"
    shell: "samtools index {input}"
rule depth:
    input: "bam/{sample}.bam", "bam/{sample}.bam.bai"
    output: "depth/{sample}.txt"
    shell:
        '''
        samtools depth {input[0]} | cut -f 3 | sort -n |
            uniq -c > {output}
        '''
rule summary:
    input: expand("depth/{sample}.txt", sample=samples)
    output: "summary.txt"
    script: "summary.py"
"""


def make_pipeline(directory):
    """A reference and the reads of three samples, the same each time."""
    chance = random.Random(7)
    os.makedirs(os.path.join(directory, "reads"))
    reference = "".join(chance.choices("ACGT", k=30000))
    with open(os.path.join(directory, "ref.fa"), "w") as file:
        file.write(">chr\n%s\n" % reference)
    for sample in "ABC":
        with open(os.path.join(directory, "reads", sample + ".fq"), "w") as file:
            for number in range(3000):
                at = chance.randrange(len(reference) - 100)
                file.write("@r%d\n%s\n+\n%s\n" % (number, reference[at:at + 100], "I" * 100))
    with open(os.path.join(directory, "Snakefile"), "w") as file:
        file.write(SNAKEFILE)
    with open(os.path.join(directory, "summary.py"), "w") as file:
        file.write("with open(snakemake.output[0], 'w') as out:\n    print(len(snakemake.input), file=out)\n")


def test_snakemake_with_bwa_and_samtools(case):
    need("snakemake", "bwa", "samtools", "strace")
    # The solver of the usual scheduler runs as often as there happens to be something to decide.
    command = ["snakemake", "--cores", "2", "--scheduler", "greedy"]
    for name in ("recorded", "counted"):
        make_pipeline(case.path(name))
    run = record(case, *command, cwd=case.path("recorded"))
    processes, programs = count(case, *command, cwd=case.path("counted"))
    equal(run.total, processes, "processes, against strace")
    per_sample = ["%s (sample=%s)" % (rule, sample) for rule in ("align", "depth", "index_bam") for sample in "ABC"]
    equal(run.names("snakemake"), sorted(per_sample + ["index", "summary"]), "tasks")
    for sample in "ABC":
        task = "align (sample=%s)" % sample
        equal(dict(run.tools(task)), {"bash": 1, "bwa": 1, "samtools": 1}, "tools of " + task)
        task = "depth (sample=%s)" % sample
        equal(dict(run.tools(task)), {"bash": 1, "samtools": 1, "cut": 1, "sort": 1, "uniq": 1}, "tools of " + task)
    equal([row.get("cpus") for row in run.tasks if row["group"] == "align"], [2, 2, 2], "threads an align job was given")
    equal(dict(run.tools("summary")), {"summary.py": 1}, "tools of summary")
    equal(run.tools()["snakemake"], 1, "snakemake itself")
    for tool in ("bwa", "samtools", "cut", "sort", "uniq"):
        equal(run.tools()[tool], programs[tool], "processes of %s, against strace" % tool)


# --- a build ---

def fetch_source(case):
    """The source as Debian has it, from the mirror this machine uses, with a private state of apt. None: could not be had."""
    kept = os.path.join(ROOT, "build", "sources")
    os.makedirs(kept, exist_ok=True)
    found = [name for name in os.listdir(kept) if re.match(SOURCE + r"_.*\.orig\.tar\.", name)]
    if not found:
        state = case.path("apt")
        for part in ("lists/partial", "archives/partial"):
            os.makedirs(os.path.join(state, part))
        open(os.path.join(state, "status"), "w").close()
        targets = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"],
                                 stdout=subprocess.PIPE, text=True).stdout
        mirror = re.search(r"^(\S*/debian/) (\S+)$", targets, re.M)
        if not mirror:
            raise Skip("apt knows no mirror of Debian")
        with open(os.path.join(state, "sources.list"), "w") as file:
            file.write("deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n" %
                       (mirror.group(1), "bookworm"))
        options = ["-q", "-o", "Dir::Etc::SourceList=%s/sources.list" % state, "-o", "Dir::Etc::SourceParts=/dev/null",
                   "-o", "Dir::State=" + state, "-o", "Dir::State::status=%s/status" % state, "-o", "Dir::Cache=" + state,
                   "-o", "APT::Sandbox::User=root"]
        for words in (["update"], ["source", "--download-only", SOURCE]):
            done = subprocess.run(["apt-get", *options, *words], cwd=kept, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            if done.returncode:
                raise Skip("apt-get %s: %s" % (words[0], done.stdout.decode(errors="replace").strip()[-300:]))
        found = [name for name in os.listdir(kept) if re.match(SOURCE + r"_.*\.orig\.tar\.", name)]
    return os.path.join(kept, found[0])


def test_parallel_build_of_a_debian_source(case):
    need("strace", "make", "gcc", "apt-get")
    source = fetch_source(case)
    for name in ("recorded", "counted"):
        os.mkdir(case.path(name))
        subprocess.run(["tar", "-xf", source, "--strip-components=1", "-C", case.path(name)], check=True)
    env = dict(os.environ, LC_ALL="C", CC="gcc")
    for name in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS"):
        env.pop(name, None)
    command = ["sh", "-c", "./configure && make -j2 mawk"]
    run = record(case, *command, cwd=case.path("recorded"), env=env)
    processes, programs = count(case, *command, cwd=case.path("counted"), env=env)
    expect(processes > 1000, "the build has only %d processes" % processes)
    equal(run.total, processes, "processes, against strace")
    for tool in ("cc1", "as", "collect2", "ld", "expr", "make"):
        equal(run.tools()[tool], programs[tool], "processes of %s, against strace" % tool)
    objects = [name for name in os.listdir(case.path("recorded")) if name.endswith(".o")]
    expect(len(objects) > 15, "objects of the build: %s" % objects)
    # This Makefile says `gcc -c x.c` and leaves the object to the compiler.
    sources = [name[:-2] + ".c" for name in objects]
    named = collections.Counter(run.names("make"))
    compiled = collections.Counter(row["name"] for row in run.tasks if row["rule"] == "make" and row["group"] == "gcc")
    for made in sources + ["mawk"]:
        expect(compiled[made] == 1, "%d tasks of gcc called %s, expected 1; there are %s" % (compiled[made], made, sorted(named)))
    # Of a source that the build makes itself, as its clock has it, there is a task that makes it, too.
    once = [made for made in sources if named[made] == 1]
    expect(len(once) > 15, "sources that are only compiled: %s" % once)
    for made in once:
        equal(dict(run.tools(made)), {"gcc": 1, "cc1": 1, "as": 1}, "tools of the task " + made)


# --- Slurm ---

SLURM = """ClusterName=sonde
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket={dir}/munge.socket
SlurmctldPort={ctld}
SlurmdPort={slurmd}
StateSaveLocation={dir}/state
SlurmdSpoolDir={dir}/spool
SlurmctldPidFile={dir}/slurmctld.pid
SlurmdPidFile={dir}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/builtin
MpiDefault=none
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES State=UP
"""

JOB = """#!/bin/bash
#SBATCH --job-name=align
#SBATCH --output={dir}/job.out
srun sleep 1
srun {dir}/step.sh
/bin/sleep 0.2
touch {dir}/done
"""

STEP = """#!/bin/bash
for i in 1 2 3 4 5; do /bin/sleep 0.2; done
/usr/bin/id
"""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def start_slurm(case):
    """A whole cluster of one node in a directory of its own; the environment its commands need."""
    directory = case.path("slurm")
    host = socket.gethostname().split(".")[0]
    for part in ("state", "spool"):
        os.makedirs(os.path.join(directory, part))
    with open(os.path.join(directory, "munge.key"), "wb") as file:
        file.write(os.urandom(128))
    os.chmod(file.name, 0o600)
    conf = os.path.join(directory, "slurm.conf")
    with open(conf, "w") as file:
        file.write(SLURM.format(dir=directory, host=host, ctld=free_port(), slurmd=free_port(), cpus=os.cpu_count()))
    for name, text in (("job.sh", JOB), ("step.sh", STEP)):
        with open(os.path.join(directory, name), "w") as file:
            file.write(text.format(dir=directory) if name == "job.sh" else text)
        os.chmod(file.name, 0o755)
    env = dict(os.environ, SLURM_CONF=conf)
    log = open(os.path.join(directory, "log"), "wb")
    case.defer(log.close)
    quiet = dict(stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=env)
    case.start(["munged", "--foreground", "--force", "--socket=%s/munge.socket" % directory, "--key-file=%s/munge.key" % directory,
                "--pid-file=%s/munged.pid" % directory, "--log-file=%s/munged.log" % directory,
                "--seed-file=%s/munge.seed" % directory], **quiet)
    case.start(["slurmctld", "-D", "-f", conf], **quiet)
    case.start(["slurmd", "-D", "-f", conf], **quiet)

    def is_idle():
        answer = subprocess.run(["sinfo", "-h", "-o", "%T"], env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                text=True).stdout
        return answer.strip() == "idle"
    try:
        until(is_idle, "an idle node")
    except AssertionError:
        with open(log.name, errors="replace") as file:
            raise Skip("Slurm does not start here: %s" % file.read().strip()[-300:].replace("\n", "; ")) from None
    return directory, env


def test_slurm_job_with_two_steps(case):
    need("slurmctld", "slurmd", "sbatch", "srun", "munged")
    directory, env = start_slurm(case)
    store = case.path("store.db")
    watching = case.sonde("--store", store, command="record", json_lines=False, wait=False)
    until(lambda: "sonde: recording" in watching.stderr(), lambda: "sonde: recording; stderr: " + watching.stderr())
    submitted = subprocess.run(["sbatch", "--parsable", os.path.join(directory, "job.sh")], env=env, check=True, cwd=directory,
                               stdout=subprocess.PIPE, text=True).stdout.strip()

    def is_over():
        return not subprocess.run(["squeue", "-h", "-j", submitted], env=env, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL).stdout.strip()
    until(lambda: os.path.exists(os.path.join(directory, "done")), "the end of the job")
    until(is_over, "an empty queue")
    watching.stop(signal.SIGINT)
    run = Recorded(store)
    batch, first, second = "align (%s.batch)" % submitted, "sleep (%s.0)" % submitted, "step.sh (%s.1)" % submitted
    equal(run.names("slurm"), sorted([batch, first, second]), "tasks")
    equal(dict(run.tools(first)), {"sleep": 1}, "tools of the first step")
    equal(dict(run.tools(second)), {"step.sh": 1, "sleep": 5, "id": 1}, "tools of the second step")
    of_batch = run.tools(batch)
    equal({tool: of_batch[tool] for tool in ("slurm_script", "sleep", "touch")}, {"slurm_script": 1, "sleep": 1, "touch": 1},
          "tools of the batch script")
    equal(of_batch["srun"] >= 2, True, "two srun in the batch script: %s" % dict(of_batch))


# --- what a person sees first ---

def test_demo_finds_its_planted_mistake(case):
    need("bwa", "samtools", "make")
    done = subprocess.run([os.path.join(ROOT, "tests", "demo")], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    equal(done.returncode, 0, "status: " + done.stdout[-1500:])
    # which finding is the first depends on what else the machine does; the unit tests hold the order
    expect(re.search(r"^ +\d\. gc\.sh starts \d+ processes that hardly live \(certain", done.stdout, re.M), "the findings: %s" % done.stdout[:2500])
    page = re.search(r"^== The page with the timeline: (.*)$", done.stdout, re.M).group(1)
    expect(os.path.getsize(page) > 10000, "the page has %d bytes" % os.path.getsize(page))
