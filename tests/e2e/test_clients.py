"""Real servers and their clients, as Debian has them, each pair on a host of its own: `sonde flows --graph` draws the arrow that
an engineer would, and nothing else that touches these services."""

import glob
import json
import os
import pwd
import re
import shutil
import subprocess

from harness import Skip, equal, expect, until
from hosts import Host


def need(*programs):
    """Paths of programs; Debian keeps some out of the way."""
    places = os.environ["PATH"] + ":/usr/sbin:/sbin:" + ":".join(sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True))
    found = [shutil.which(program, path=places) for program in programs]
    for program, path in zip(programs, found):
        if not path:
            raise Skip("there is no " + program)
    return found


class Place:
    """A host with a watcher: what is served and asked there, and the map that comes of it."""

    def __init__(self, case):
        self.case = case
        self.host = Host(case, "clients")
        self.sonde = case.sonde("--graph", "json", command="flows", json_lines=False)

    def serve(self, port, *words, **options):
        """Starts a server and waits until it listens."""
        with open(self.case.path("served"), "ab") as said:
            server = self.case.start(["ip", "netns", "exec", self.host.name, *words], stdin=subprocess.DEVNULL,
                                     stdout=said, stderr=said, **options)

        def answers():
            with open("/proc/%d/net/tcp" % server.pid, encoding="ascii") as file:
                listening = any(line.split()[1].endswith(":%04X" % port) and line.split()[3] == "0A"
                                for line in file.readlines()[1:])
            return listening or server.poll() is not None
        until(answers, lambda: "%s listens: %s" % (words[0], self.said()))
        expect(server.poll() is None, lambda: "%s ended: %s" % (words[0], self.said()))
        return server

    def said(self):
        with open(self.case.path("served"), errors="replace") as file:
            return file.read()[-500:]

    def ask(self, *words, **options):
        done = subprocess.run(["ip", "netns", "exec", self.host.name, *words], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
        equal(done.returncode, 0, "status of %s: %s" % (os.path.basename(words[0]), done.stdout[-500:]))
        return done.stdout

    def arrows(self, *ports):
        """{(client, server, port): edge} of all that has to do with these ports."""
        self.sonde.stop()
        graph = json.loads(self.sonde.stdout())
        name = {node["id"]: node["name"] for node in graph["nodes"]}
        return {(name[edge["client"]], name[edge["server"]], edge["port"]): edge for edge in graph["edges"]
                if edge.get("port") in ports}


def healthy(edge):
    """No errors: what was refused, denied or dropped."""
    return {what: count for what, count in edge["errors"].items() if count and what != "retransmits"}


NGINX = """
daemon off; pid %(here)s/pid; error_log stderr; worker_processes 2;
events { worker_connections 256; }
http {
	access_log off;
	client_body_temp_path %(here)s/1; proxy_temp_path %(here)s/2; fastcgi_temp_path %(here)s/3;
	uwsgi_temp_path %(here)s/4; scgi_temp_path %(here)s/5;
	server { listen 127.0.0.1:8080; location / { return 200 "hello"; }
		location /app { proxy_pass http://127.0.0.1:9000; } location /status { stub_status; } }
	server { listen 127.0.0.1:8443 ssl http2; ssl_certificate %(here)s/cert; ssl_certificate_key %(here)s/key;
		location / { root %(here)s; } }
}
"""


def nginx(case, place):
    openssl, server = need("openssl", "nginx")
    here = case.path("nginx")
    os.mkdir(here, 0o755)
    subprocess.run([openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-keyout", here + "/key", "-out", here + "/cert"], check=True, stderr=subprocess.DEVNULL)
    with open(here + "/conf", "w", encoding="ascii") as file:
        file.write(NGINX % {"here": here})
    with open(here + "/page", "wb") as file:
        file.write(bytes(300_000))
    process = place.serve(8443, server, "-c", here + "/conf")

    def end():  # its workers with it
        process.terminate()
        process.wait()
    case.defer(end)


def test_nginx_with_wrk(case):
    """Connections as nginx itself counts them, and the server behind it."""
    wrk, curl = need("wrk", "curl")
    place = Place(case)
    nginx(case, place)

    os.mkdir(case.path("behind"))
    with open(case.path("behind", "app"), "wb") as file:
        file.write(b"hi")
    place.serve(9000, "python3", "-m", "http.server", "9000", "--bind", "127.0.0.1", "--directory", case.path("behind"))
    for _ in range(3):
        equal(place.ask(curl, "-s", "http://127.0.0.1:8080/app"), "hi", "what the server behind says")
    place.ask(wrk, "-t2", "-c10", "-d1", "http://127.0.0.1:8080/")
    status = place.ask(curl, "-s", "http://127.0.0.1:8080/status")
    accepted = int(re.search(r"requests\s+(\d+)", status).group(1))
    arrows = place.arrows(8080, 9000)
    equal(sorted(arrows), [("curl", "nginx", 8080), ("nginx", "http.server", 9000), ("wrk", "nginx", 8080)], "arrows")
    equal(arrows["curl", "nginx", 8080]["connections"], 4, "connections of curl")
    equal(arrows["nginx", "http.server", 9000]["connections"], 3, "connections to the server behind")
    equal(sum(arrows[client, "nginx", 8080]["connections"] for client in ("curl", "wrk")), accepted,
          "connections, as nginx counts them")
    equal([healthy(edge) for edge in arrows.values()], [{}] * 3, "errors")


def test_curl_over_http_1_and_2(case):
    """Three pages over one connection, in two ways."""
    curl, = need("curl")
    if "HTTP2" not in subprocess.run([curl, "--version"], stdout=subprocess.PIPE, text=True).stdout:
        raise Skip("this curl has no HTTP/2")
    place = Place(case)
    nginx(case, place)
    for option, version in (("--http1.1", "1.1"), ("--http2", "2")):
        told = place.ask(curl, "-sk", option, "-w", "%{http_version} %{size_download}\n", *["-o", "/dev/null"] * 3,
                         *["https://127.0.0.1:8443/page"] * 3)
        equal(told.splitlines(), [version + " 300000"] * 3, "what curl says")
    arrows = place.arrows(8443)
    equal(sorted(arrows), [("curl", "nginx", 8443)], "arrows")
    edge = arrows["curl", "nginx", 8443]
    equal((edge["connections"], healthy(edge)), (2, {}), "connections and errors")
    expect(1_800_000 < edge["bytes"]["to_client"] < 1_900_000, "bytes to curl: %s" % edge["bytes"])
    expect(0 < edge["bytes"]["to_server"] < 20_000, "bytes to nginx: %s" % edge["bytes"])


def test_postgresql_with_pgbench(case):
    initdb, postgres, pgbench = need("initdb", "postgres", "pgbench")
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        raise Skip("there is no user postgres") from None
    place = Place(case)
    here = case.path("database")
    os.mkdir(here, 0o700)
    os.chown(here, user.pw_uid, user.pw_gid)
    as_user = ["setpriv", "--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--clear-groups"]
    subprocess.run([*as_user, initdb, "-D", here, "-A", "trust", "-N", "-U", "bench", "--no-instructions"], check=True,
                   stdout=subprocess.DEVNULL, cwd=here)
    server = place.serve(5432, *as_user, postgres, "-D", here, "-h", "127.0.0.1", "-k", "", "-F", cwd=here,
                         env=dict(os.environ, LC_ALL="C"))
    until(lambda: "ready to accept connections" in place.said(), "the database is ready")

    def end():
        server.terminate()
        server.wait()
    case.defer(end)
    flags = ["-h", "127.0.0.1", "-U", "bench"]
    place.ask(pgbench, *flags, "-i", "-q", "postgres")
    told = place.ask(pgbench, *flags, "-n", "-c", "4", "-j", "2", "-t", "25", "postgres")
    expect("100/100" in told, "what pgbench says: " + told)
    arrows = place.arrows(5432)
    equal(sorted(arrows), [("pgbench", "postgres", 5432)], "arrows")
    edge = arrows["pgbench", "postgres", 5432]
    # one to make its tables, one to look at the database, one for each of its clients
    equal((edge["connections"], healthy(edge)), (6, {}), "connections and errors")


def test_redis_with_its_benchmark(case):
    """redis-server is a name of the program redis-check-rdb, which Debian has in the tools' package."""
    program, benchmark, client = need("redis-check-rdb", "redis-benchmark", "redis-cli")
    place = Place(case)
    os.symlink(program, case.path("redis-server"))
    place.serve(6379, case.path("redis-server"), "--bind", "127.0.0.1", "--save", "", "--dir", case.tmp)
    place.ask(benchmark, "-c", "20", "-n", "2000", "-t", "set", "-q")
    stats = place.ask(client, "info", "stats")
    arrows = place.arrows(6379)
    equal(len(arrows), 2, "arrows: %s" % sorted(arrows))
    served = {server for _, server, _ in arrows}
    expect(served <= {"redis-server", "redis-check-rdb"} and len(served) == 1, "the server's name: %s" % served)
    equal(sum(edge["connections"] for edge in arrows.values()),
          int(re.search(r"total_connections_received:(\d+)", stats).group(1)), "connections, as redis counts them")
    equal([healthy(edge) for edge in arrows.values()], [{}] * 2, "errors")


def test_ssh(case):
    sshd, ssh, keygen = need("sshd", "ssh", "ssh-keygen")
    place = Place(case)
    for name in ("host", "user"):
        subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-f", case.path(name)], check=True)
    with open(case.path("conf"), "w", encoding="ascii") as file:
        file.write("Port 2222\nListenAddress 127.0.0.1\nHostKey %s\nAuthorizedKeysFile %s\nPermitRootLogin yes\n"
                   "StrictModes no\nUsePAM no\nPidFile none\n" % (case.path("host"), case.path("user.pub")))
    # its directory for separated privileges, where nobody else sees it
    place.serve(2222, "sh", "-c", "mount -t tmpfs run /run && mkdir /run/sshd && exec %s -D -e -f %s"
                % (sshd, case.path("conf")))
    for _ in range(2):
        said = place.ask(ssh, "-F", "none", "-p", "2222", "-i", case.path("user"), "-o", "StrictHostKeyChecking=no",
                         "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "root@127.0.0.1",
                         "head -c 200000 /dev/zero | wc -c; head -c 100000 /dev/zero")
        expect("200000" in said, "what came over ssh: %s" % said[:100])
    arrows = place.arrows(2222)
    equal(sorted(arrows), [("ssh", "sshd", 2222)], "arrows")
    edge = arrows["ssh", "sshd", 2222]
    equal((edge["connections"], healthy(edge)), (2, {}), "connections and errors")
    expect(200_000 < edge["bytes"]["to_client"] < 300_000, "bytes to the client: %s" % edge["bytes"])
