"""What makes each kind of event happen, and what the event must then say: the table is this file's functions, each
named for its kind. A trigger does the real thing in a child process whose pid it knows and returns the expected fields."""
import ctypes
import os
import resource
import signal
import socket
import struct
import subprocess
import time

TRIGGERS = []  # (kind, name, function)


def trigger(kind):
    def add(function):
        TRIGGERS.append((kind, function.__name__, function))
        return function
    return add


def at_least(number):
    def check(value):
        return isinstance(value, int) and value >= number
    check.__doc__ = f"at least {number}"
    return check


def near(number, share, slack):
    """What two ledgers kept apart may differ by."""
    def check(value):
        return isinstance(value, int) and abs(value - number) <= max(number * share, slack)
    check.__doc__ = f"{number:.0f} give or take {max(number * share, slack):.0f}"
    return check


def has(*items):
    def check(value):
        return isinstance(value, list) and all(item in value for item in items)
    check.__doc__ = f"holding {items}"
    return check


def child(work):
    """Runs work() in a forked process; (pid, wait status, usage) once it is gone."""
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            code = work() or 0
        finally:
            os._exit(code)
    return os.wait4(pid, 0)


def ran(arguments, **options):
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, **options)
    process.wait()
    return process.pid


# ---- processes


@trigger("fork")
def forked(_):
    pid, _, _ = child(lambda: 0)
    return {"process.pid": pid, "process.parent_pid": os.getpid()}


@trigger("exec")
def executed(_):
    arguments = ["/bin/echo", "two words", "quote\"back\\slash", "line\nbreak", "ümlaut"]
    return {"process.pid": ran(arguments, cwd="/tmp"), "process.executable.path": os.path.realpath("/bin/echo"),
            "process.command_args": arguments, "process.working_directory": "/tmp", "process.parent_pid": os.getpid(),
            "process.user.id": 0, "process.executable.name": "echo", "container.state": "none"}


@trigger("exec")
def executed_script(place):
    script = f"{place}/script"
    with open(script, "w", encoding="utf-8") as file:
        file.write("#!/bin/sh\n:\n")
    os.chmod(script, 0o755)
    return {"process.pid": ran([script, "x"]), "process.executable.path": os.path.realpath("/bin/sh"),
            "process.script.path": script}


@trigger("exec")
def executed_as_another_user(_):
    arguments = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "/bin/true"]
    return {"process.pid": ran(arguments), "process.executable.path": os.path.realpath("/bin/true"),
            "process.user.id": 65534, "process.real_user.id": 65534, "process.group.id": 65534}


@trigger("exec")
def executed_nothing(place):
    path = f"{place}/absent"

    def work():
        try:
            os.execv(path, [path])
        except FileNotFoundError:
            return 0

    return {"process.pid": child(work)[0], "error.type": "ENOENT", "exec.asked": path}


@trigger("exit")
def exited(_):
    pid, _, usage = child(lambda: 7)
    return {"process.pid": pid, "process.exit.code": 7, "process.memory.peak": usage.ru_maxrss * 1024}


@trigger("exit")
def exited_by_signal(_):
    def work():
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        os.kill(os.getpid(), signal.SIGSEGV)

    return {"process.pid": child(work)[0], "process.exit.signal": "SIGSEGV"}


@trigger("exit")
def exited_after_work(place):
    def work():
        with open(f"{place}/written", "wb", buffering=0) as file:
            for _ in range(10):
                file.write(bytes(1000))
        until = time.monotonic() + 0.3
        while time.monotonic() < until:
            sum(range(1000))

    pid, _, usage = child(work)
    # The rest of the exit, behind the hook, takes the emulated processor 10 ms and more, and its ticks come late; how
    # exact the times are is tested end to end, on a real one.
    return {"process.pid": pid, "process.io.write_chars": at_least(10000), "process.io.write_calls": at_least(10),
            "process.cpu.user_ns": near(usage.ru_utime * 1e9, 0.15, 4e7), "process.threads": 1,
            "process.cpu.system_ns": near(usage.ru_stime * 1e9, 0.15, 4e7),
            "process.lifetime_ns": at_least(300_000_000)}


@trigger("exit")
def exited_after_syncs(place):
    """What it waited for disks; the guest's files are on one that may be quick."""
    def work():
        file = os.open(f"{place}/synced", os.O_WRONLY | os.O_CREAT)
        for _ in range(3):
            os.write(file, bytes(1000))
            os.fsync(file)

    return {"process.pid": child(work)[0], "process.disk.syncs": 3, "process.disk.wait_ns": at_least(0)}


# ---- files


@trigger("open")
def opened_new(place):
    path = f"{place}/new"
    pid, _, _ = child(lambda: os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)))
    return {"process.pid": pid, "file.path": path, "file.created": True, "file.flags": has("O_WRONLY", "O_CREAT")}


@trigger("open")
def opened_through_links(place):
    """The path is the kernel's: no link, no dots, and not relative."""
    os.mkdir(f"{place}/directory")
    os.symlink("directory", f"{place}/link")
    path = f"{place}/directory/file"
    with open(path, "w", encoding="utf-8"):
        pass

    def work():
        os.chdir(place)
        os.close(os.open("link/../link/./file", os.O_RDONLY))

    return {"process.pid": child(work)[0], "file.path": path}


@trigger("open")
def opened_on_another_mount(place):
    where = f"{place}/mounted"
    os.mkdir(where)
    subprocess.run(["mount", "-t", "tmpfs", "vm", where], check=True)
    try:
        pid, _, _ = child(lambda: os.close(os.open(f"{where}/file", os.O_RDWR | os.O_CREAT, 0o600)))
    finally:
        subprocess.run(["umount", where], check=True)
    return {"process.pid": pid, "file.path": f"{where}/file"}


@trigger("open")
def opened_nothing(place):
    path = f"{place}/absent"

    def work():
        try:
            os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            return 0

    return {"process.pid": child(work)[0], "error.type": "ENOENT", "file.asked": path}


def changed(change, prepare, act, path, **more):
    def function(place):
        if prepare:
            prepare(place)
        pid, _, _ = child(lambda: act(place))
        return {"process.pid": pid, "file.change": change, "file.path": f"{place}/{path}",
                **{name.replace("__", "."): f"{place}/{value}" if name == "file__new_path" else value
                   for name, value in more.items()}}
    function.__name__ = f"changed_by_{change}"
    TRIGGERS.append(("change", function.__name__, function))


def make(name):
    return lambda place: os.close(os.open(f"{place}/{name}", os.O_CREAT | os.O_WRONLY, 0o644))


changed("create", None, make("c-create"), "c-create")
changed("unlink", make("c-unlink"), lambda p: os.unlink(f"{p}/c-unlink"), "c-unlink")
changed("rename", make("c-old"), lambda p: os.rename(f"{p}/c-old", f"{p}/c-new"), "c-old", file__new_path="c-new")
changed("link", make("c-one"), lambda p: os.link(f"{p}/c-one", f"{p}/c-two"), "c-one", file__new_path="c-two")
changed("symlink", None, lambda p: os.symlink("c-aim", f"{p}/c-symlink"), "c-symlink")
changed("mkdir", None, lambda p: os.mkdir(f"{p}/c-mkdir"), "c-mkdir")
changed("rmdir", lambda p: os.mkdir(f"{p}/c-rmdir"), lambda p: os.rmdir(f"{p}/c-rmdir"), "c-rmdir")
changed("truncate", make("c-truncate"), lambda p: os.truncate(f"{p}/c-truncate", 5), "c-truncate", file__size=5)
changed("chmod", make("c-chmod"), lambda p: os.chmod(f"{p}/c-chmod", 0o600), "c-chmod")
changed("chown", make("c-chown"), lambda p: os.chown(f"{p}/c-chown", 1, 2), "c-chown", file__user__id=1,
        file__group__id=2)
changed("mknod", None, lambda p: os.mkfifo(f"{p}/c-mknod"), "c-mknod")


# ---- network


def conversation(family, address):
    """A TCP conversation between two children: 10 bytes there, 20 back. (server pid, client pid, port, client port)"""
    ready, tell = os.pipe()
    server = os.fork()
    if server == 0:
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.bind((address, 0))
        listener.listen(8)
        os.write(tell, str(listener.getsockname()[1]).encode())
        connection, _ = listener.accept()
        connection.recv(10, socket.MSG_WAITALL)
        connection.sendall(bytes(20))
        connection.recv(1)
        connection.close()
        listener.close()
        os._exit(0)
    port = int(os.read(ready, 10))
    port_out, port_in = os.pipe()

    def work():
        client = socket.socket(family, socket.SOCK_STREAM)
        client.connect((address, port))
        os.write(port_in, str(client.getsockname()[1]).encode())
        client.sendall(bytes(10))
        client.recv(20, socket.MSG_WAITALL)
        client.close()

    client, _, _ = child(work)
    os.waitpid(server, 0)
    local = int(os.read(port_out, 10))
    for descriptor in (ready, tell, port_out, port_in):
        os.close(descriptor)
    return server, client, port, local


CONVERSATIONS = {}


def talked(place, family):
    """One conversation per run of sonde serves the four kinds that come of it."""
    key = (place, family)
    if key not in CONVERSATIONS:
        CONVERSATIONS[key] = conversation(family, "127.0.0.1" if family == socket.AF_INET else "::1")
    return CONVERSATIONS[key]


def over_both(kind):
    def add(function):
        for family, name in ((socket.AF_INET, "ipv4"), (socket.AF_INET6, "ipv6")):
            def run(place, family=family, name=name):
                address = "127.0.0.1" if family == socket.AF_INET else "::1"
                return {"network.type": name, "network.transport": "tcp", "network.local.address": address,
                        **function(address, *talked(place, family))}
            TRIGGERS.append((kind, f"{function.__name__}_{name}", run))
        return function
    return add


@over_both("connect")
def connected(address, _, client, port, local):
    return {"process.pid": client, "network.peer.address": address, "network.peer.port": port,
            "network.local.port": local, "network.latency_ns": at_least(1)}


@over_both("accept")
def accepted(address, server, _, port, local):
    return {"process.pid": server, "network.peer.address": address, "network.peer.port": local,
            "network.local.port": port}


@over_both("listen")
def listened(_, server, __, port, ___):
    return {"process.pid": server, "network.local.port": port}


@over_both("close")
def closed(_, __, client, port, local):
    return {"process.pid": client, "network.io.sent": 10, "network.io.received": 20, "network.peer.port": port,
            "network.local.port": local, "network.duration_ns": at_least(1)}


@over_both("close")
def closed_by_server(_, server, __, port, local):
    return {"process.pid": server, "network.io.sent": 20, "network.io.received": 10, "network.peer.port": local,
            "network.local.port": port}


def ended(server_family, client_family, to, bound, finish):
    """A conversation in which a child talks to this process and ends as `finish` does: (its pid, the two ports)."""
    with socket.socket(server_family, socket.SOCK_STREAM) as listener:
        listener.bind((bound, 0))
        listener.listen(8)
        port = listener.getsockname()[1]
        out, into = os.pipe()

        def work():
            client = socket.socket(client_family, socket.SOCK_STREAM)
            client.connect((to, port))
            os.write(into, str(client.getsockname()[1]).encode())
            client.sendall(bytes(70))
            client.recv(5, socket.MSG_WAITALL)
            finish(client)

        pid = os.fork()
        if pid == 0:
            try:
                work()
            finally:
                os._exit(0)
        connection, _ = listener.accept()
        connection.recv(70, socket.MSG_WAITALL)
        connection.sendall(bytes(5))
        try:
            while connection.recv(10):
                pass
            connection.sendall(bytes(1000))
        except ConnectionResetError:
            pass
        connection.close()
        os.waitpid(pid, 0)
        local = int(os.read(out, 10))
        os.close(out)
        os.close(into)
    return pid, port, local


def half_close(client):
    client.shutdown(socket.SHUT_WR)
    client.recv(1000, socket.MSG_WAITALL)
    client.close()


def abort(client):
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@trigger("close")
def closed_by_halves(_):
    pid, port, local = ended(socket.AF_INET, socket.AF_INET, "127.0.0.1", "127.0.0.1", half_close)
    return {"process.pid": pid, "network.local.port": local, "network.peer.port": port, "network.io.sent": 70,
            "network.io.received": 1005, "network.closed_by": "local"}


@trigger("close")
def closed_of_v4_mapped(_):
    """Both ends are IPv6 sockets and speak IPv4."""
    pid, port, local = ended(socket.AF_INET6, socket.AF_INET6, "::ffff:127.0.0.1", "::", half_close)
    return {"process.pid": pid, "network.local.port": local, "network.peer.port": port, "network.type": "ipv4",
            "network.peer.address": "127.0.0.1", "network.io.sent": 70, "network.io.received": 1005}


@trigger("close")
def closed_by_reset(_):
    pid, port, local = ended(socket.AF_INET, socket.AF_INET, "127.0.0.1", "127.0.0.1", abort)
    return {"process.pid": pid, "network.local.port": local, "network.peer.port": port, "network.io.sent": 70,
            "network.io.received": 5, "network.closed_by": "abort"}


@trigger("close")
def closed_where_it_was_reset(_):
    """The other end of the same: what this process, which the reset cuts off, had sent and received."""
    _, port, local = ended(socket.AF_INET6, socket.AF_INET6, "::1", "::1", abort)
    return {"process.pid": os.getpid(), "network.local.port": port, "network.peer.port": local, "network.io.sent": 5,
            "network.io.received": 70, "network.closed_by": "reset", "error.type": "ECONNRESET", "network.type": "ipv6"}


@trigger("connect")
def connected_in_vain(_):
    with socket.socket() as holder:  # a port that is surely free: bound, not listening
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]

        def work():
            return 0 if socket.socket().connect_ex(("127.0.0.1", port)) else 1

        pid, _, _ = child(work)
    return {"process.pid": pid, "network.peer.port": port, "error.type": "ECONNREFUSED"}


@trigger("connect")
def connected_udp(_):
    def work():
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).connect(("127.0.0.1", 5353))

    return {"process.pid": child(work)[0], "network.transport": "udp", "network.peer.address": "127.0.0.1",
            "network.peer.port": 5353}


@trigger("connect")
def connected_unix(place):
    path = f"{place}/socket"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(1)
        pid, _, _ = child(lambda: socket.socket(socket.AF_UNIX).connect(path))
    return {"process.pid": pid, "network.transport": "unix", "network.path": path}


@trigger("reset")
def refused(_):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]

        def work():
            socket.socket().connect_ex(("127.0.0.1", port))

        pid, _, _ = child(work)
    return {"process.pid": pid, "network.peer.port": port, "network.reset.way": "received", "network.tcp.state": "syn_sent"}


@trigger("retransmit")
def unanswered(_):
    """The machine is alone: what is sent to another address over loopback comes back as a stranger's and is dropped."""
    subprocess.run(["ip", "route", "replace", "10.213.77.2/32", "dev", "lo"], check=True)

    def work():
        caller = socket.socket()
        caller.settimeout(1.5)
        caller.connect_ex(("10.213.77.2", 7778))

    pid, _, _ = child(work)
    return {"process.pid": pid, "network.peer.address": "10.213.77.2", "network.peer.port": 7778,
            "network.tcp.state": "syn_sent"}


@trigger("drop")
def dropped(_):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.sendto(b"nobody", ("127.0.0.1", port))
        own = sender.getsockname()[1]
    time.sleep(1.2)  # it is told of with all others of its second
    return {"destination.port": port, "source.port": own, "network.transport": "udp", "drop.count": 1,
            "network.interface.name": "lo", "source.address": "127.0.0.1"}


def exchange(work):
    """What a child does with datagrams, and its pid; they are told of with all others of their second."""
    pid, _, _ = child(work)
    time.sleep(1.2)
    return pid


@trigger("flow")
def datagrams_to_an_address(_):
    def work():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            one.bind(("127.0.0.1", 7779))
            other.bind(("127.0.0.1", 7780))
            for size in (0, 1000, 5000):
                one.sendto(bytes(size), ("127.0.0.1", 7780))
                other.recvfrom(10)  # cut
            other.sendto(bytes(300), ("127.0.0.1", 7779))
            one.recvfrom(300, socket.MSG_PEEK)
            one.recvfrom(1000)

    return {"process.pid": exchange(work), "network.transport": "udp", "network.type": "ipv4",
            "network.peer.address": "127.0.0.1", "network.peer.port": 7780, "network.local.address": "127.0.0.1",
            "network.local.port": 7779, "network.io.sent": 6000, "network.packets.sent": 3, "network.io.received": 300,
            "network.packets.received": 1}


@trigger("flow")
def datagrams_of_a_connected_socket(_):
    def work():
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as one, socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as other:
            one.bind(("::1", 7781))
            other.bind(("::1", 7782))
            one.connect(("::1", 7782))
            other.connect(("::1", 7781))
            for size in (1, 1000, 9000):
                other.send(bytes(size))
                one.recv(9000)
            one.send(bytes(300))
            other.recv(10)

    return {"process.pid": exchange(work), "network.transport": "udp", "network.type": "ipv6", "network.peer.address": "::1",
            "network.peer.port": 7782, "network.local.port": 7781, "network.io.received": 10001,
            "network.packets.received": 3, "network.io.sent": 300, "network.packets.sent": 1}


@trigger("flow")
def echo_through_a_raw_socket(_):
    def work():
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
            raw.sendto(struct.pack("!BBHHH", 8, 0, 0xf7ff, 0, 0), ("127.0.0.1", 0))  # its own checksum
            raw.recv(100)
            raw.recv(100)

    return {"process.pid": exchange(work), "network.transport": "icmp", "network.peer.address": "127.0.0.1",
            "network.packets.sent": 1, "network.io.sent": 8, "network.packets.received": 2, "network.io.received": 16}


@trigger("live")
def went_over_a_connection(_):
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as client:
        accepted, _ = server.accept()
        client.sendall(b"x" * 1000)
        accepted.recv(1000)
        time.sleep(4)
        return {"process.pid": os.getpid(), "network.local.port": client.getsockname()[1], "network.io.sent": 1000,
                "network.tcp.state": "established", "network.zero_window": False}


@trigger("drop")
def overflowed_a_backlog(_):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        callers = [socket.socket() for _ in range(3)]
        for caller in callers:
            caller.setblocking(False)
            caller.connect_ex(listener.getsockname())
            time.sleep(0.1)
        port = listener.getsockname()[1]
        own = callers[-1].getsockname()[1]
        time.sleep(3)
        for caller in callers:
            caller.close()
    return {"process.pid": os.getpid(), "destination.port": port, "source.port": own, "drop.reason": "TCP_LISTEN_OVERFLOW",
            "drop.function": "tcp_conn_request"}


KEPT = []  # sockets: whose they are is asked for as long as they are open


@trigger("drop")
def overflowed_a_buffer(_):
    full, sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    KEPT.extend((full, sender))
    full.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    full.bind(("127.0.0.1", 0))
    for _ in range(50):
        sender.sendto(bytes(500), full.getsockname())
    time.sleep(1.2)
    return {"process.pid": os.getpid(), "destination.port": full.getsockname()[1],
            "source.port": sender.getsockname()[1], "network.transport": "udp", "drop.count": at_least(1)}


# ---- signals, memory


@trigger("signal")
def signalled(_):
    victim = os.fork()
    if victim == 0:
        signal.pause()
        os._exit(0)
    pid, _, _ = child(lambda: os.kill(victim, signal.SIGTERM))
    os.waitpid(victim, 0)
    return {"process.pid": pid, "signal.name": "SIGTERM", "signal.number": 15, "signal.target.pid": victim,
            "signal.delivered": True}


@trigger("signal")
def signalled_in_vain(_):
    ready, tell = os.pipe()
    victim = os.fork()
    if victim == 0:
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        os.write(tell, b"!")
        signal.pause()
    os.read(ready, 1)
    pid, _, _ = child(lambda: os.kill(victim, signal.SIGUSR1))
    os.kill(victim, signal.SIGKILL)
    os.waitpid(victim, 0)
    os.close(ready)
    os.close(tell)
    return {"process.pid": pid, "signal.name": "SIGUSR1", "signal.target.pid": victim, "signal.delivered": False}


@trigger("oom")
def starved(_):
    root = "/sys/fs/cgroup"
    group = f"{root}/starved"
    with open(f"{root}/cgroup.subtree_control", "w", encoding="utf-8") as file:
        file.write("+memory")
    os.mkdir(group)
    with open(f"{group}/memory.max", "w", encoding="utf-8") as file:
        file.write("16M")

    def work():
        with open(f"{group}/cgroup.procs", "w", encoding="utf-8") as file:
            file.write("0")
        libc = ctypes.CDLL(None)
        libc.malloc.restype = ctypes.c_void_p
        while True:
            ctypes.memset(libc.malloc(1 << 20), 1, 1 << 20)

    pid, _, _ = child(work)
    os.rmdir(group)
    return {"oom.victim.pid": pid, "oom.limit": "cgroup", "oom.victim.memory": at_least(1 << 20)}
