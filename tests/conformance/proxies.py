"""Starts the proxy under test: weir, or nginx or HAProxy as they come from Debian, each with the same routes.

A route is (path prefix, endpoint port). The peers run from a configuration of their own in a scratch folder, as
children of the tests, never as the machine's service.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

EXECUTED = "x-amz-executed-version"
START_SECONDS = 20
STOP_SECONDS = 20
SANITIZER = re.compile(r"(Sanitizer|runtime error:|[Aa]ssert(ion)?\b.*failed|panic)", re.M)


class Profile:
    """Limits and time limits that a group needs, in each proxy's own words."""

    def __init__(self, settings=None, nginx="", haproxy="", nginx_http="", haproxy_global=""):
        self.settings = settings or {}
        self.nginx = nginx
        self.haproxy = haproxy
        self.nginx_http = nginx_http
        self.haproxy_global = haproxy_global


PROFILES = {
    # Time limits far above what any case needs, so that a slow machine changes no outcome.
    "default": Profile(
        settings={"timeouts": {"request_head_ms": 20000, "response_head_ms": 20000, "stream_idle_ms": 20000}},
        nginx="client_header_timeout 20s; client_body_timeout 20s; proxy_read_timeout 20s;",
    ),
    "small": Profile(
        settings={
            "limits": {
                "request_line_bytes": 1024,
                "header_bytes": 4096,
                "header_count": 20,
                "body_bytes": 1000,
            },
            "timeouts": {"request_head_ms": 20000},
        },
        nginx="large_client_header_buffers 4 1k; client_header_buffer_size 1k; client_max_body_size 1000;",
        haproxy="http-request deny deny_status 413 if { req.body_size gt 1000 }",
        haproxy_global="tune.bufsize 5120\n    tune.maxrewrite 1024\n    tune.http.maxhdr 20",
    ),
    "impatient": Profile(
        settings={
            "timeouts": {
                "request_head_ms": 600,
                "response_head_ms": 600,
                "stream_idle_ms": 600,
                "client_idle_ms": 600,
                "connect_ms": 600,
            }
        },
        nginx="client_header_timeout 600ms; client_body_timeout 600ms; proxy_read_timeout 600ms; "
        "keepalive_timeout 600ms; proxy_connect_timeout 600ms;",
        haproxy="timeout http-request 600ms\n    timeout server 600ms\n    timeout client 600ms",
    ),
    "trace": Profile(settings={"allow_trace": True}),
    "trusting": Profile(settings={"forwarded": {"trust": True}}),
}


def free_port():
    """A port nobody listens on; the kernel does not give it to the next asker at once."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Proxy:
    """A running proxy; port is where it listens."""

    def __init__(self, kind, routes, profile="default", binary=None):
        self.kind = kind
        self.is_weir = kind == "weir"
        self.port = free_port()
        self.folder = tempfile.mkdtemp(prefix="weir-conformance-")
        self.log = open(os.path.join(self.folder, "stderr"), "w+b")
        command = getattr(self, "_" + kind)(routes, PROFILES[profile], binary)
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.log
        )
        try:
            self._wait()
        except Exception:
            self.process.kill()
            self.process.wait()
            raise

    def _weir(self, routes, profile, binary):
        functions, table_routes = {}, []
        for n, (path, port) in enumerate(routes):
            name = "f%d" % n
            functions[name] = {
                "versions": {"1": {"endpoints": ["http://127.0.0.1:%d" % port]}},
                "aliases": {"live": {"weights": {"1": 100}}},
            }
            table_routes.append({"path": path, "function": name, "qualifier": "live"})
        settings = {
            "listeners": [{"address": "127.0.0.1:%d" % self.port}],
            "workers": 2,
            "admin": {"address": "127.0.0.1:%d" % free_port()},
            "log": {"access": self._path("access")},
        }
        settings.update(profile.settings)
        self._write("table.json", json.dumps({"functions": functions, "routes": table_routes}))
        self._write("settings.json", json.dumps(settings))
        return [binary, "run", "--settings", self._path("settings.json"), "--table", self._path("table.json")]

    def _nginx(self, routes, profile, binary):
        upstreams, locations = [], []
        for n, (path, port) in enumerate(routes):
            upstreams.append("upstream u%d { server 127.0.0.1:%d max_fails=0; keepalive 64; }" % (n, port))
            locations.append("location %s { proxy_pass http://u%d; }" % (path, n))
        self._write(
            "nginx.conf",
            """
daemon off; pid %(folder)s/pid; error_log %(folder)s/error; worker_processes 2;
events { worker_connections 4096; }
http {
  access_log off; proxy_http_version 1.1; proxy_request_buffering off; proxy_buffering off; keepalive_requests 100000;
  client_body_temp_path %(folder)s/body; proxy_temp_path %(folder)s/proxy; fastcgi_temp_path %(folder)s/f;
  uwsgi_temp_path %(folder)s/u; scgi_temp_path %(folder)s/s;
  client_max_body_size 0; underscores_in_headers on; proxy_next_upstream off;
  map $http_upgrade $to_upstream { default upgrade; '' ''; }
  proxy_set_header Connection $to_upstream; proxy_set_header Upgrade $http_upgrade;
  proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header X-Forwarded-Proto http;
  proxy_set_header X-Forwarded-Host $http_host; proxy_set_header x-amzn-RequestId $request_id;
  proxy_set_header x-amz-executed-version "";
  proxy_hide_header x-amz-executed-version; add_header x-amz-executed-version 1;
  proxy_hide_header x-amzn-RequestId; add_header x-amzn-RequestId $request_id;
  %(upstreams)s
  server { listen 127.0.0.1:%(port)d; %(more)s
  %(locations)s }
}
"""
            % {
                "folder": self.folder,
                "port": self.port,
                "more": profile.nginx,
                "upstreams": "\n  ".join(upstreams),
                "locations": "\n  ".join(locations),
            },
        )
        return [binary or "nginx", "-c", self._path("nginx.conf"), "-e", self._path("error")]

    def _haproxy(self, routes, profile, binary):
        rules, backends = [], []
        for n, (path, port) in sorted(enumerate(routes), key=lambda r: -len(r[1][0])):
            rules.append("use_backend b%d if { path_beg %s }" % (n, path))
            backends.append("backend b%d\n    server s 127.0.0.1:%d" % (n, port))
        rules.append("default_backend b0")
        self._write(
            "haproxy.cfg",
            """
global
    nbthread 2
    maxconn 8000
    %(globals)s
defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 20s
    timeout http-request 20s
    option forwardfor
    http-reuse aggressive
    retries 0
frontend f
    bind 127.0.0.1:%(port)d
    http-request del-header x-forwarded-for
    http-request set-header x-forwarded-proto http
    http-request set-header x-forwarded-host %%[req.hdr(host)]
    http-request set-header x-amzn-requestid %%[uuid()]
    http-request del-header x-amz-executed-version
    http-response set-header x-amz-executed-version 1
    http-response set-header x-amzn-requestid %%[uuid()]
    %(more)s
    %(rules)s
%(backends)s
"""
            % {
                "port": self.port,
                "more": profile.haproxy,
                "globals": profile.haproxy_global,
                "rules": "\n    ".join(rules),
                "backends": "\n".join(backends),
            },
        )
        return [binary or "haproxy", "-db", "-f", self._path("haproxy.cfg")]

    def _path(self, name):
        return os.path.join(self.folder, name)

    def _write(self, name, text):
        with open(self._path(name), "w") as f:
            f.write(text)

    def _wait(self):
        """Until it listens."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            if self.process.poll() is not None:
                raise RuntimeError("%s ended at start: %s" % (self.kind, self.errors()))
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                if time.monotonic() > deadline:
                    raise RuntimeError("%s does not listen: %s" % (self.kind, self.errors())) from None
                time.sleep(0.01)

    def errors(self):
        with open(self._path("stderr"), errors="replace") as f:
            return f.read()[-4000:]

    def alive(self):
        return self.process.poll() is None

    def stop(self):
        """Ends it and its folder; a list of complaints, empty if it ended as it should."""
        complaints = []
        if not self.alive():
            complaints.append(
                "%s ended early with status %d: %s" % (self.kind, self.process.returncode, self.errors())
            )
        else:
            self.process.send_signal(signal.SIGTERM)
            try:
                status = self.process.wait(STOP_SECONDS)
                if self.is_weir and status != 0:
                    complaints.append("weir ended with status %d: %s" % (status, self.errors()))
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                complaints.append("%s did not end on SIGTERM" % self.kind)
        if SANITIZER.search(self.errors()):
            complaints.append("a sanitizer or assertion spoke: " + self.errors())
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        return complaints
