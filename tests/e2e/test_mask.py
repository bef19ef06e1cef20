"""Secrets in arguments are shown as *** in every output, unless a person says otherwise."""

from harness import check_fields, equal, expect, field, program, spawn

SECRETS = [
    (["--password", "hunter2a"], "hunter2a"), (["--password=hunter2b"], "hunter2b"),
    (["token=hunter2c"], "hunter2c"), (["--token", "hunter2d"], "hunter2d"),
    (["AWS_SECRET_ACCESS_KEY=hunter2e"], "hunter2e"), (["-H", "Authorization: Bearer hunter2f"], "hunter2f"),
    (["https://user:hunter2g@example.org/path?x=1"], "hunter2g"), (["postgres://me:hunter2h@db/x"], "hunter2h"),
    (["--api-key=hunter2i"], "hunter2i"), (["https://example.org/?access_token=hunter2j&page=2"], "hunter2j"),
    (["PGPASSWORD=hunter2k"], "hunter2k"), (["--secret", "hunter2l"], "hunter2l")]
HARMLESS = ["--passage", "plain-a", "-p", "8080", "https://example.org/plain-b", "tokenize=plain-c", "plain-d@example.org",
            "--port=99", "key", "plain-e"]


def execute(arguments):
    pid, error, _ = spawn(None, program("burst"), ["tool"] + arguments)
    equal(error, 0, "errno")
    return pid


def test_masked_by_default_in_json(case):
    sonde = case.sonde("exec", "exit")
    pids = [execute(arguments) for arguments, _ in SECRETS]
    plain = execute(HARMLESS)
    sonde.stop()
    for pid, (arguments, secret) in zip(pids, SECRETS):
        got = field(sonde.one("exec", process__pid=pid), "process.command_args")
        expect(any("***" in one for one in got), "nothing masked in %s" % got)
        equal(len(got), len(arguments) + 1, "number of arguments of %s" % got)
    check_fields(sonde.one("exec", process__pid=plain), {"process.command_args": ["tool"] + HARMLESS})
    expect(b"hunter2" not in sonde.stdout(), "a secret is somewhere in the output: %s" % [
        secret for _, secret in SECRETS if secret.encode() in sonde.stdout()])


def test_what_surrounds_a_secret_stays(case):
    sonde = case.sonde("exec")
    pid = execute(["https://user:hunter2@example.org/path?x=1", "--password=hunter2", "-v"])
    sonde.stop()
    got = field(sonde.one("exec", process__pid=pid), "process.command_args")
    expect("example.org/path?x=1" in got[1] and got[2] == "--password=***" and got[3] == "-v", "masked to %s" % got)


def test_password_option_of_a_known_tool(case):
    """mysql takes -pPASSWORD; for others -p is a port or a path and stays."""
    sonde = case.sonde("exec")
    pid, _, _ = spawn(None, program("burst"), ["mysql", "-u", "me", "-phunter2", "base"])
    sonde.stop()
    got = field(sonde.one("exec", process__pid=pid), "process.command_args")
    if got[3] == "-phunter2":  # the known tool may be told by its executable, not by argv[0]
        import os
        os.symlink(program("burst"), case.path("mysql"))
        import shutil
        os.unlink(case.path("mysql"))
        shutil.copy(program("burst"), case.path("mysql"))
        sonde = case.sonde("exec")
        pid, _, _ = spawn(None, case.path("mysql"), ["mysql", "-u", "me", "-phunter2", "base"])
        sonde.stop()
        got = field(sonde.one("exec", process__pid=pid), "process.command_args")
    equal(got, ["mysql", "-u", "me", "-p***", "base"], "arguments")


def test_masked_in_text_and_tree(case):
    for options in ((), ("--tree",), ("-o", "process.pid,process.command_args")):
        sonde = case.sonde("exec", *options, json_lines=False)
        for arguments, _ in SECRETS:
            execute(arguments)
        sonde.stop()
        expect(b"***" in sonde.stdout(), "nothing masked with %s" % (options,))
        expect(b"hunter2" not in sonde.stdout(), "a secret in the output with %s: %s" % (options, [
            secret for _, secret in SECRETS if secret.encode() in sonde.stdout()]))


def test_unmasked_only_by_the_flag(case):
    sonde = case.sonde("exec", "--unmasked")
    pids = [execute(arguments) for arguments, _ in SECRETS]
    sonde.stop()
    for pid, (arguments, _) in zip(pids, SECRETS):
        check_fields(sonde.one("exec", process__pid=pid), {"process.command_args": ["tool"] + arguments})


def test_own_patterns(case):
    with open(case.path("patterns"), "w") as file:
        file.write("# our own: what the group matches is hidden, or all of it without a group\n"
                   "^frobnicate=(.*)\n\nLAB-[0-9]+\n")
    sonde = case.sonde("exec", "--mask-file", case.path("patterns"))
    pid = execute(["frobnicate=hunter2x", "x-LAB-4711-y", "plain"])
    again = execute(["--password", "hunter2z"])
    sonde.stop()
    got = field(sonde.one("exec", process__pid=pid), "process.command_args")
    equal(got, ["tool", "frobnicate=***", "x-***-y", "plain"], "arguments")
    equal(field(sonde.one("exec", process__pid=again), "process.command_args"), ["tool", "--password", "***"],
          "the usual patterns beside the own ones")


def test_missing_pattern_file_is_fatal(case):
    sonde = case.sonde("exec", "--mask-file", case.path("missing"), wait=False)
    status = sonde.process.wait(120)
    expect(status in (1, 2), "exit status %d" % status)
    expect(case.path("missing") in sonde.stderr(), "the message does not name the file: " + sonde.stderr())
