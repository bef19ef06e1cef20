"""sonde policy check: what is said of files, good and bad, and of every policy in a folder of such files."""

import glob
import json
import os
import subprocess

from harness import SONDE, Skip, equal, expect

EXAMPLES = os.environ.get("SONDE_POLICY_EXAMPLES") or os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "../../../shared/compat/tetragon")
HEAD = "apiVersion: cilium.io/v1alpha1\nkind: TracingPolicy\nmetadata: {name: own}\nspec:\n"
OWN = HEAD + """  kprobes:
  - call: security_file_open
    args: [{index: 0, type: file}]
    selectors:
    - matchArgs: [{index: 0, operator: Prefix, values: ["/secret/\\e[31m"]}]
      matchActions: [{action: Override, argError: -13}]
  - call: no_such_function_of_any_kernel
    ignore: {callNotFound: true}
"""


def check(*words):
    done = subprocess.run([SONDE, "policy", "check", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


def write(case, name, text, mode=0o644):
    path = case.path(name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path, mode)
    return path


def test_a_file_is_described(case):
    path = write(case, "own.yaml", OWN)
    status, shown, said = check(path)
    equal(status, 0, said)
    expect("function security_file_open: " in shown and "then deny (EACCES)" in shown, shown)
    expect("/secret/\\x1b[31m" in shown and "\x1b" not in shown, "what is in the file is shown escaped: %r" % shown)
    expect("left out" in shown, shown)
    status, shown, said = check("--json", path)
    first, missing = json.loads(shown)["hooks"]
    place = first["places"][0]
    equal((status, first["selectors"][0]["condition"]), (0, 'arg0 startswith ["/secret/\\x1b[31m"]'), said)
    equal(place["needs_allow_late"], not place["prevents"], "a denial that does not prevent is not enforced")
    equal(missing["places"][0]["left_out"], True, str(missing))


def test_what_is_not_there_has_a_place(case):
    """A function, a hook, an event, a place in a program that does not exist: where it stands, why, and what helps."""
    for hook, words in (("kprobes: [{call: no_such_function, syscall: false}]", ("there is no function no_such_function", "")),
                        ("lsmhooks: [{hook: no_such_hook}]", ("there is no LSM hook no_such_hook", "file_open")),
                        ("tracepoints: [{subsystem: sched, event: sched_swich}]", ("there is no tracepoint", "did you mean")),
                        ("uprobes: [{path: %s, offsets: [999999999]}]" % SONDE, ("no code at offset 0x3b9ac9ff", "readelf")),
                        ("uprobes: [{path: %s, addrs: [1]}]" % SONDE, ("no code at address 0x1", "readelf"))):
        path = write(case, "own.yaml", HEAD + "  %s\n" % hook)
        status, shown, said = check(path)
        expect(status == 1 and path + ":5:" in shown + said, "the place of %s: %s%s" % (hook, shown, said))
        expect(all(word in shown + said for word in words), "the words %s: %s%s" % (words, shown, said))


def test_it_is_said_for_another_kernel(case):
    path = write(case, "own.yaml", OWN)
    status, shown, said = check("--kernel", "/sys/kernel/btf/vmlinux", "--json", path)
    equal((status, json.loads(shown)["kernel"]), (0, "/sys/kernel/btf/vmlinux"), said)
    expect("by the types of that kernel only" in said, said)
    status, _, said = check("--kernel", path, path)
    expect(status == 1 and "it is no BTF" in said, said)


def test_mistakes_have_a_place_and_a_remedy(case):
    for text, expected in (
            ("  kprobes: [{call: tcp_conect}]\n", "tcp_connect"),
            ("  kprobes: [{cal: tcp_connect}]\n", ':5:14: there is no "cal" in a kprobe, did you mean call?'),
            ("  kprobes: [{call: tcp_connect, args: [{index: 4, type: int}]}]\n", ":5:40: tcp_connect has 1 parameters"),
            ("  kprobes: [{call: sys_write, args: [{index: 1, type: char_buf, sizeArgIndex: 9}]}]\n",
             ":5:38: write has 6 parameters, and sizeArgIndex is 9; sizeArgIndex: 1 to 6"),
            ("  kprobes: [{call: tcp_connect, args: [{index: 0, type: soc}]}]\n", 'no type "soc", did you mean sock?'),
            ("  kprobes: [{call: sys_opem}]\n", "no system call sys_opem, did you mean sys_open?"),
            ("  tracepoints: [{subsystem: raw_syscalls, event: sys_enter, args: [{index: 5, type: uint64}]}]\n",
             'is "unsigned long args[6]", no uint64; type: auto gives all of its numbers'),
            ("  lsmhooks: [{hook: file_opn}]\n", "file_open"),
            ("  kprobes: [\n", "this is not YAML")):
        path = write(case, "bad.yaml", HEAD + text)
        status, shown, said = check(path)
        expect(status == 1 and expected in shown + said, "%s: status %d\n%s%s" % (text, status, shown, said))
        status, shown, said = check("--json", path)
        told = json.loads(shown)
        equal((status, told["good"], said), (1, False, ""), text)
    status, _, said = check(case.path("nothing"))
    expect(status == 1 and "cannot be opened" in said, said)
    good, bad = write(case, "own.yaml", OWN), write(case, "bad.yaml", HEAD)
    status, shown, said = check(bad, good)
    expect(status == 1 and "security_file_open" in shown and bad in said, "one bad file hides no good one: " + shown + said)


def test_what_can_never_act_is_said(case):
    good = "{name: good, when: open, if: 'process.name == \"x\"'}"
    for text, why in (("{name: x, when: accept, then: deny}", ":2:19: it can never deny: nothing in the kernel denies at the point accept"),
                      ("{name: x, when: exit, then: kill}", ":2:19: it can never kill: nothing in the kernel decides at the point exit"),
                      ("{name: x, when: open, if: 'process.name == \"x\"', then: [log, deny]}", "it can never deny: the kernel does not know process.name"),
                      ("{name: x, when: connect, if: 'network.path == \"/x\"', then: kill}", "it can never kill: the kernel does not know network.path")):
        path = write(case, "never.yaml", "- %s\n- %s\n" % (good, text))
        status, shown, said = check(path)
        expect(status == 1 and path in said and why in said and "good  " in shown, "%s: status %d\n%s%s" % (text, status, shown, said))
        status, shown, _ = check("--json", path)
        rows = [json.loads(line) for line in shown.splitlines()]
        equal((status, [(row["name"], row["good"]) for row in rows]), (1, [("good", True), ("x", False)]), shown)
        expect("it can never" in rows[1]["error"]["text"], shown)


def test_points_are_decided_each(case):
    path = write(case, "two.yaml", "{name: two, when: [open, connect], if: peer.port == 80, then: deny}\n")
    status, shown, said = check(path)
    equal((status, shown.count("function "), shown.count("function security_socket_connect")), (0, 1, 1), shown + said)
    expect("when: open, connect\n" in shown and "note 1:20: it can never match at open" in shown, shown)
    path = write(case, "two.yaml", "{name: two, when: [connect, open], if: 'file.path not in [\"/x\"]', then: kill}\n")
    status, shown, said = check(path)
    equal((status, shown.count("function security_file_open"), shown.count("function security_socket_connect")), (0, 1, 0), shown + said)
    expect("it can never match at connect" in shown, shown)


def test_a_file_that_others_may_write_is_noted(case):
    status, shown, said = check(write(case, "own.yaml", OWN, 0o666))
    expect(status == 0 and "everybody may write it" in shown and "chmod go-w" in shown, shown + said)


def test_every_example_is_right_here(_case):
    files = sorted(glob.glob(EXAMPLES + "/*.yaml"))
    if not files:
        raise Skip("there are no examples in " + EXAMPLES)
    status, shown, said = check("--json", *files)
    rows = [json.loads(line) for line in shown.splitlines()]
    equal((status, len(rows)), (0, len(files)), said + "".join(str(row) for row in rows if not row["good"]))
    for row in rows:
        for hook in row["hooks"]:
            for place in hook["places"]:
                expect(place["rung"] != "none" or place["left_out"], "%s: %s" % (row["file"], place))
                expect(place["rung"] != "stand-in" or place["at"], "%s: %s" % (row["file"], place))
    status, shown, said = check("--json", "--kernel", "/sys/kernel/btf/vmlinux", *files)
    equal((status, len(shown.splitlines())), (0, len(files)), "by types alone: " + said)
