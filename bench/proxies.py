"""The proxies of the bench: how each is configured for the job, started, and given new weights.

The job: requests to /f/N go to version 1 or 2 of function N by weight (95 to 5), over kept upstream connections, and the answer names the
version that ran. The templates below are what README.md shows; a test compares the two.
"""

import http.client
import json
import re
import shutil
import signal
import socket
import subprocess

from rig import PROXY_CORE, Trouble, children_of

VERSION_HEADER = "x-amz-executed-version:"
FUNCTION, ALIAS = "f0", "live"


class Proxy:
    name = None
    version_header = VERSION_HEADER
    ways = ()  # of changing weights

    def __init__(self, rig, functions=1, weights=(95, 5), workers=1, tls=None, once=False, single=False):
        self.rig, self.functions, self.weights, self.workers = rig, functions, weights, workers
        self.tls, self.once, self.single = tls, once, single
        self.port = rig.port()
        self.folder = rig.folder / f"{self.name}-{self.port}"
        self.folder.mkdir()
        self.process = None

    @classmethod
    def version(cls):
        """What runs here, or None where it is not installed."""
        raise NotImplementedError

    def start(self, wrap=(), cores=None):
        cores = cores or (PROXY_CORE if self.workers == 1 else "0,1")
        log = self.folder / "log"
        self.process = self.rig.spawn([*wrap, *self.command()], cores, log)
        self.rig.wait_for_port(self.port, self.process, log=log)
        return self

    def stop(self, patience_s=5):
        self.rig.end(self.process, patience_s=patience_s)

    def pids(self):
        return children_of(self.process.pid)

    def prepare(self, weights):
        """What an operator has done before the moment that counts: the new configuration lies beside the old one."""
        self.weights = weights
        self.configure(".next")

    def put_in_place(self, name):
        (self.folder / (name + ".next")).replace(self.folder / name)

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def weights_of(self, function):
        return self.weights if function == 0 else (95, 5)

    def certificate(self):
        return self.rig.certificates[self.tls]

    @staticmethod
    def version_in(command, pattern):
        """The version in what a program prints about itself; None where there is no such program."""
        if not shutil.which(command[0]):
            return None
        done = subprocess.run(command, capture_output=True, text=True)
        found = re.search(pattern, done.stdout + done.stderr)
        return found.group(1) if found else "?"


class Relay(Proxy):
    """The limit: no HTTP, no choice, no header."""

    name = "relay"
    version_header = None

    @classmethod
    def version(cls):
        return "bench/relay.c"

    def command(self):
        words = [self.rig.programs / "relay", "-l", self.port, "-u", self.rig.origins[0]]
        if self.once:
            words.append("-o")
        if self.tls:
            words += ["-t", self.certificate()[0], "-k", self.certificate()[1]]
        return words


NGINX = """\
daemon off; master_process {master}; user root; pid {folder}/pid; error_log {folder}/error.log crit;
worker_processes {workers}; worker_rlimit_nofile {descriptors};
events {{ worker_connections 16384; multi_accept on; }}
http {{
    access_log off; server_tokens off; tcp_nodelay on; sendfile off;
    keepalive_timeout 3600s; keepalive_requests 1000000000;
    client_header_buffer_size 1k; client_body_buffer_size 16k; client_max_body_size 0;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
    proxy_request_buffering off; proxy_max_temp_file_size 0;
    proxy_buffer_size 4k; proxy_buffers 8 32k; proxy_busy_buffers_size 64k;
    ssl_protocols TLSv1.3; ssl_session_tickets on; ssl_ecdh_curve X25519; {tls}
    map $upstream_addr $version {{ default 1; 127.0.0.1:{origin2} 2; }}
    add_header x-amz-executed-version $version;
    {upstreams}
    server {{
        listen 127.0.0.1:{port} {ssl} reuseport backlog=4096;
        {locations}
    }}
}}
"""


class Nginx(Proxy):
    name = "nginx"
    ways = ("reload",)

    @classmethod
    def version(cls):
        return Proxy.version_in(["nginx", "-v"], r"nginx/(\S+)")

    def configure(self, suffix=""):
        upstreams, locations = [], []
        for function in range(self.functions):
            servers = " ".join(
                f"server 127.0.0.1:{port} weight={weight};"
                for port, weight in zip(self.rig.origins, self.weights_of(function))
                if weight
            )
            keep = 1024 if self.functions == 1 else 64 if function == 0 else 8
            keepalive = f"keepalive {keep}; keepalive_requests 1000000000; keepalive_timeout 3600s;"
            upstreams.append(f"upstream f{function} {{ {servers} {keepalive} }}")
            locations.append(f"location /f/{function} {{ proxy_pass http://f{function}; }}")
        tls = "ssl_certificate {}; ssl_certificate_key {};".format(*self.certificate()) if self.tls else ""
        text = NGINX.format(
            master="off" if self.single else "on",
            folder=self.folder,
            workers=self.workers,
            descriptors=self.rig.descriptors,
            origin2=self.rig.origins[1],
            port=self.port,
            ssl="ssl" if self.tls else "",
            tls=tls,
            upstreams="\n    ".join(upstreams),
            locations="\n        ".join(locations),
        )
        return self.write("nginx.conf" + suffix, text)

    def command(self):
        return ["nginx", "-p", self.folder, "-e", self.folder / "error.log", "-c", self.configure()]

    def change(self, way, weights):
        self.put_in_place("nginx.conf")
        self.process.send_signal(signal.SIGHUP)


HAPROXY = """\
global
    nbthread {workers}
    maxconn 15000
    no strict-limits
    hard-stop-after 5s
    stats socket {folder}/admin.sock mode 600 level admin expose-fd listeners
    ssl-default-bind-options ssl-min-ver TLSv1.3
defaults
    mode http
    balance roundrobin
    http-reuse always
    timeout connect 5s
    timeout client 3600s
    timeout server 3600s
    timeout http-keep-alive 3600s
frontend bench
    bind 127.0.0.1:{port} backlog 4096 {shards} {ssl}
    {choice}
"""
HAPROXY_BACKEND = """\
backend f{function}
    http-response set-header x-amz-executed-version %s
    server 1 127.0.0.1:{origin1} weight {weight1} pool-purge-delay 3600s
    server 2 127.0.0.1:{origin2} weight {weight2} pool-purge-delay 3600s
"""


class Haproxy(Proxy):
    name = "haproxy"
    ways = ("reload", "runtime API")

    @classmethod
    def version(cls):
        return Proxy.version_in(["haproxy", "-v"], r"version (\d+\.\d+\.\d+)")

    def configure(self, suffix=""):
        backends = ""
        for function in range(self.functions):
            weight1, weight2 = self.weights_of(function)
            origin1, origin2 = self.rig.origins
            backends += HAPROXY_BACKEND.format(
                function=function, origin1=origin1, origin2=origin2, weight1=weight1, weight2=weight2
            )
        choice = "default_backend f0"
        if self.functions > 1:
            lines = (f"/f/{function} f{function}\n" for function in range(self.functions))
            choice = f"use_backend %[path,map({self.write('functions.map', ''.join(lines))})]"
        text = HAPROXY.format(
            workers=self.workers,
            folder=self.folder,
            port=self.port,
            shards="shards by-thread" if self.workers > 1 else "",
            ssl=f"ssl crt {self.rig.folder}/{self.tls}.pem curves X25519" if self.tls else "",
            choice=choice,
        )
        return self.write("haproxy.cfg" + suffix, text + backends)

    def command(self):
        mode = ["-db"] if self.single else ["-W", "-db"]
        return ["haproxy", *mode, "-f", self.configure()]

    def change(self, way, weights):
        if way == "reload":
            self.put_in_place("haproxy.cfg")
            self.process.send_signal(signal.SIGUSR2)
            return
        with socket.socket(socket.AF_UNIX) as admin:
            admin.connect(str(self.folder / "admin.sock"))
            words = [f"set server f0/{n} weight {weight}" for n, weight in enumerate(weights, 1)]
            admin.sendall("; ".join(words).encode() + b"\n")
            admin.recv(4096)


class Weir(Proxy):
    name = "weir"
    ways = ("file and SIGHUP", "POST /reload", "alias API")

    def __init__(self, rig, **options):
        super().__init__(rig, **options)
        self.admin_port = rig.port()

    @classmethod
    def version(cls, binary=None):
        return Proxy.version_in([str(binary), "--version"], r"(\d\S*)")

    def table(self):
        functions = {}
        for function in range(self.functions):
            weights = {
                str(version): weight for version, weight in enumerate(self.weights_of(function), 1) if weight
            }
            functions[f"f{function}"] = {
                "versions": {
                    str(version): {"endpoints": [f"http://127.0.0.1:{port}"]}
                    for version, port in enumerate(self.rig.origins, 1)
                },
                "aliases": {ALIAS: {"weights": weights}},
            }
        routes = [{"path": f"/f/{n}", "function": f"f{n}", "qualifier": ALIAS} for n in range(self.functions)]
        return {"functions": functions, "routes": routes}

    def settings(self):
        listener = {"address": f"127.0.0.1:{self.port}"}
        if self.tls:
            listener["tls"] = {"certificate": str(self.certificate()[0]), "key": str(self.certificate()[1])}
        return {
            "listeners": [listener],
            "admin": {"address": f"127.0.0.1:{self.admin_port}"},
            "workers": self.workers,
            "table": {"file": str(self.folder / "table.json")},
            "log": {"access": str(self.folder / "access.log")},
            "upstream": {"idle_connections": 1024, "idle_ms": 3600000},
        }

    def configure(self, suffix=""):
        self.write("table.json" + suffix, json.dumps(self.table(), indent=1))
        return self.write("settings.json", json.dumps(self.settings(), indent=1))

    def command(self):
        return [self.rig.weir, "run", "--settings", self.configure()]

    def trim_log(self):
        """The access log is on in all figures; its file need not grow for half an hour."""
        log = self.folder / "access.log"
        if log.exists():
            with open(log, "r+b") as file:
                file.truncate(0)

    def ask_admin(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=60)
        connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status != 200:
            raise Trouble(f"{method} {path}: {answer.status} {text[:200]!r}")

    def change(self, way, weights):
        if way == "alias API":
            body = json.dumps({"weights": {str(1 + weights.index(100)): 100}})
            self.ask_admin("PUT", f"/functions/{FUNCTION}/aliases/{ALIAS}", body)
            return
        self.put_in_place("table.json")
        if way == "POST /reload":
            self.ask_admin("POST", "/reload")
        else:
            self.process.send_signal(signal.SIGHUP)


PROXIES = (Relay, Nginx, Haproxy, Weir)
