"""What policies match while no agent runs, and what becomes of it when one begins."""

import datetime
import errno
import os
import signal
import socket
import time

from harness import Skip, check_fields, equal, expect, field, until
from test_policy_life import PINS, connect, lines, policy, watch, write


def test_counted_before_an_agent(case):
    """What was counted while nobody watched is kept when an agent begins, also after one that was killed."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        text = "{name: it, when: connect, if: peer.port == %d, then: deny}" % port
        policy(case, "observe", write(case, "p.yaml", text))

        def matched():
            return lines(policy(case, "list", "--json"))[0]["matched"]
        for _ in range(2):
            equal(connect(port), errno.ECONNREFUSED, "connect, observed")
        watch(case, "--for", "1ms").finish()
        equal(matched(), 2, "matched, when an agent has begun")
        sonde = watch(case)
        sonde.send(signal.SIGSTOP)
        connect(port)
        sonde.process.kill()
        sonde.process.wait()
        connect(port)
        watch(case, "--for", "1ms").finish()
        equal(matched(), 4, "matched, when an agent has begun after one that was killed")
        refused = policy(case, "enforce", "it", "--observed-for", "1us", status=1).stderr
        expect("4 matches" in refused, "what nobody acknowledged: %s" % refused)
        policy(case, "enforce", "it", "--force")
        equal(connect(port), errno.EPERM, "connect, enforced")
        watch(case, "--for", "1ms").finish()
        row, = lines(policy(case, "list", "--json"))
        equal((row["matched"], row["stopped"]), (5, 1), "matched and stopped, enforced")


def unheard():
    """An address at which datagrams arrive, and connections are refused; and the sockets that keep it."""
    while True:
        taken, server = socket.socket(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        taken.bind(("127.0.0.1", 0))
        try:
            server.bind(taken.getsockname())
            return taken.getsockname(), taken, server
        except OSError:
            taken.close()
            server.close()


def test_datagrams_that_would_be_denied(case):
    """What is to be denied counts while it is observed: connections once, and datagrams without one, which control groups deny."""
    to, *kept = unheard()
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    file = write(case, "p.yaml", "- {{name: denied, when: connect, if: peer.port == {0}, then: deny}}\n"
                 "- {{name: logged, when: connect, if: peer.port == {0}}}\n".format(to[1]))
    checked = {row["name"]: row["hooks"][0]["places"][0]["rung"] for row in lines(policy(case, "check", "--json", file))}
    if checked["denied"] != "cgroup":
        raise Skip("no control group denies connections here: " + checked["denied"])

    def counted():
        return {row["name"]: (row["matched"], row["stopped"]) for row in lines(policy(case, "list", "--json"))}
    policy(case, "observe", file)
    for _ in range(5):
        equal(client.sendto(b"x", to), 1, "a datagram, while it is observed")
    equal(connect(to[1]), errno.ECONNREFUSED, "connect, while it is observed")
    client.connect(to)
    client.send(b"x")
    equal(counted(), {"denied": (7, 0), "logged": (2, 0)}, "datagrams and connections, observed")
    sonde = watch(case)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as another:
        another.sendto(b"x", to)
        told = sonde.wait_record(lambda record: field(record, "policy.name") == "denied", "the match of a datagram")
    check_fields(told, {"policy.point": "connect", "policy.action": "deny", "policy.result": "due", "process.pid": os.getpid()})
    equal(told["policy"]["arguments"], [{"type": "sockaddr", "family": "ipv4", "address": "127.0.0.1", "port": to[1]}], "where to")
    sonde.stop()
    policy(case, "enforce", "denied", "--observed-for", "1us", "--acknowledge")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as another:
        for _ in range(5):
            try:
                another.sendto(b"x", to)
                expect(False, "a datagram is sent, enforced")
            except PermissionError:
                pass
    equal(counted(), {"denied": (13, 5), "logged": (2, 0)}, "datagrams, enforced")
    for each in (client, *kept):
        each.close()


def test_all_that_match_are_counted(case):
    """Policies that share a program, without an agent, under one, and after it: each counts what it matches, once."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        many = ", ".join(str(number) for number in [*range(2, 20), port])
        policy(case, "observe", write(case, "p.yaml", """
- {name: strict, when: connect, if: peer.port == %d, then: kill}
- {name: listed, when: connect, if: 'peer.port in [%s]', then: log}
- {name: ranged, when: connect, if: 'peer.address in 127.0.0.0/8 and peer.port == %d', then: log}
- {name: other, when: connect, if: peer.port == %d and user.id == 4711, then: log}
- {name: another, when: connect, if: 'peer.port in [%s]', then: log}
""" % (port, many, port, port, many)))
        expect(any(part.endswith("_others") for part in os.listdir(PINS)), "counts of several: %s" % os.listdir(PINS))

        def matched():
            return {row["name"]: row["matched"] for row in lines(policy(case, "list", "--json"))}

        def each(count):
            return {"strict": count, "listed": count, "ranged": count, "other": 0, "another": count}
        before = time.time()
        for _ in range(3):
            equal(connect(port), errno.ECONNREFUSED, "connect, observed")
        connect(port + 1 if port < 65535 else 1)
        equal(matched(), each(3), "matched while nobody watches")
        sonde = watch(case)
        connect(port)
        until(lambda: len(sonde.events("policy")) >= 4, "four matches")
        sonde.send(signal.SIGINT)
        equal(sonde.process.wait(), 0, "exit status of watch")  # its books are of records, of which four matches are one
        equal(sorted(field(event, "policy.name") for event in sonde.events("policy")),
              ["another", "listed", "ranged", "strict"], "policies that match")
        equal(matched(), each(4), "matched, of which an agent saw one")
        connect(port)
        watch(case, "--for", "1ms").finish()
        equal(matched(), each(5), "matched in the end")
        for name in ("strict", "ranged", "another"):
            report, = lines(policy(case, "report", name, "--json"))
            equal(sum(row["matched"] for row in report["matches"]), 5, "matches of the report of %s" % name)
            equal(len(report["matches"]), 2, "what an agent saw of %s, and what it did not: %s" % (name, report))
            first, last = (datetime.datetime.fromisoformat(report[when][:26] + "+00:00").timestamp() for when in ("first", "last"))
            expect(before - 0.01 < first < last < time.time() + 0.01, "times of %s: %s to %s" % (name, first, last))
