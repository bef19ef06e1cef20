"""Hosts of the tests' own: network namespaces on a bridge, and processes that act in them."""

import ctypes
import multiprocessing
import os
import signal
import subprocess
import traceback

from harness import Failure, Skip

CLONE_NEWNET = 0x40000000
libc = ctypes.CDLL(None, use_errno=True)


def run(*words, text=None):
    """A command of the system's; a machine that refuses it cannot show what the test asks."""
    done = subprocess.run(words, input=text, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        raise Skip("%s: %s" % (" ".join(words), done.stdout.strip()))
    return done.stdout


class Host:
    """A network namespace; its name is the test's own, its addresses need not be."""

    def __init__(self, case, name):
        self.name = "sonde-%s-%d" % (name, os.getpid())
        self.path = "/var/run/netns/" + self.name
        run("ip", "netns", "add", self.name)
        case.defer(subprocess.run, ["ip", "netns", "del", self.name])
        self.ip("link", "set", "lo", "up")
        self.number = os.stat(self.path).st_ino

    def ip(self, *words):
        return run("ip", "-n", self.name, *words)

    def run(self, *words, text=None):
        return run("ip", "netns", "exec", self.name, *words, text=text)

    def set(self, **settings):
        """Of net.ipv4; those that this kernel lets a namespace set."""
        self.run("sysctl", "-qw", *("net.ipv4.%s=%s" % pair for pair in settings.items()))

    def enter(self):
        with open(self.path, "rb") as file:
            if libc.setns(file.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")


def bridged(case, name, addresses):
    """Hosts with these addresses on a bridge, which is a host of its own so that nothing of this machine's changes. Two
    of them do without it where the kernel has none."""
    switch = Host(case, name)
    made = subprocess.run(["ip", "-n", switch.name, "link", "add", "bridge", "type", "bridge"], stderr=subprocess.DEVNULL)
    if made.returncode and len(addresses) != 2:
        raise Skip("this kernel has no bridge")
    hosts = [Host(case, "%s%d" % (name, number)) for number in range(len(addresses))]
    if made.returncode:
        hosts[0].ip("link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", hosts[1].name)
    else:
        switch.ip("link", "set", "bridge", "up")
    for number, (host, own) in enumerate(zip(hosts, addresses)):
        if not made.returncode:
            port = "port%d" % number
            switch.ip("link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", host.name)
            switch.ip("link", "set", port, "master", "bridge", "up")
        for address in own:
            host.ip("addr", "add", address, "dev", "eth0", *(["nodad"] if ":" in address else []))
        host.ip("link", "set", "eth0", "up")
    return hosts


class Actor:
    """A forked process on a host. Its function is given a pipe to the test, and its return value comes with end()."""

    def __init__(self, case, host, function, *arguments):
        self.pipe, far = multiprocessing.Pipe()
        self.pid = os.fork()
        if self.pid == 0:
            signal.alarm(0)
            try:
                self.pipe.close()
                if host:
                    host.enter()
                far.send(("end", function(far, *arguments)))
            except BaseException:
                far.send(("failed", traceback.format_exc()))
            os._exit(0)
        far.close()
        self.gone = False
        case.defer(self.kill)

    def hear(self):
        """What it sends next."""
        try:
            told = self.pipe.recv()
        except EOFError:
            raise Failure("process %d ended without a word" % self.pid) from None
        if isinstance(told, tuple) and told[0] == "failed":
            raise Failure("process %d failed: %s" % (self.pid, told[1]))
        return told

    def say(self, word="go"):
        self.pipe.send(word)

    def wait(self):
        self.gone = True
        return os.waitpid(self.pid, 0)[1]

    def end(self):
        """Its function's value, once it is gone."""
        word, value = self.hear()
        if word != "end":
            raise Failure("process %d said %r instead of ending" % (self.pid, word))
        self.wait()
        return value

    def kill(self):
        if not self.gone:
            os.kill(self.pid, signal.SIGKILL)
            self.wait()
