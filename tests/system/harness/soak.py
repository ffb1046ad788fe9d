"""A mixed load that goes on for a chosen time, over plain and TLS connections: calls in bulk, streams, upgrades, slow and vanishing
clients, broken requests, endpoints that fail in the middle of everything, and a reload every second. At the end weir must hold what it
held before, and its counters must equal what the endpoints saw."""

import contextlib
import json
import random
import signal
import ssl
import threading
import time

from . import certificates, tables
from .certificates import Authority
from .client import Closed, Connection
from .pattern import pattern
from .places import ADDRESS, free_port, scaled
from .tls import TlsConnection, client_context
from .waiting import wait_until

SETTINGS = {
    "timeouts": {
        "request_head_ms": 700,
        "client_idle_ms": 2000,
        "connect_ms": 2000,
        "response_head_ms": 5000,
        "stream_idle_ms": 2000,
        "tls_handshake_ms": 2000,
    },
    "limits": {"body_min_rate": 100, "body_min_rate_grace_ms": 1500, "header_bytes": 4096},
    "upstream": {"idle_ms": 400, "retries": 1},
}

BROKEN = [
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    b"GET / HTTP/2.7\r\nHost: a\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    b"GET /steady HTTP/1.1\r\nHost: a\r\n folded: b\r\n\r\n",
    b"POST /steady HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 2\r\n\r\nx",
    b"POST /steady HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET /nowhere HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 5000 + b"\r\n\r\n",
]
FAULTS = ["fail=close", "fail=reset"]
PLACES = ["at=request", "at=start", "at=head", "at=0", "at=1", "at=700", "at=end"]
FRAMINGS = ["", "&chunked=100", "&eof", "&trailers=2", "&interim=103,100"]


class Mistake(AssertionError):
    """weir did what it must never do."""


class Soak:
    def __init__(self, world, seed=1, env=None):
        self.seed = seed
        self.world = world
        self.authority = Authority(world.folder / "authority")
        self.pairs = [self.authority.issue(f"shop-{kind}", ["DNS:shop.test"], kind) for kind in ("ec", "rsa")]
        self.pair = certificates.Pair(world.folder / "live" / "live.pem", world.folder / "live" / "live.key")
        self.pair.become(self.authority.issue("shop", ["DNS:shop.test"]))
        self.steady = {version: world.demo(version) for version in ("1", "2", "3")}
        self.wild = {"1": world.demo("1"), "2": world.demo("2", idle_close_ms=20)}
        self.dead = f"http://{ADDRESS}:{free_port()}"
        self.rng = random.Random(seed)
        self.tls_port = free_port()
        self.plain_port = free_port()
        listeners = [
            {"address": f"{ADDRESS}:{self.plain_port}"},
            {"address": f"{ADDRESS}:{self.tls_port}", "tls": self.pair.settings()},
        ]
        self.first_table = self.table()
        self.weir = world.weir(self.first_table, {"listeners": listeners, **SETTINGS}, env=env)
        self.weir.port = self.plain_port
        self.weir.allow_error("table")  # broken ones are part of the load
        self.context = client_context(self.authority)
        self.troubles = []
        self.done = {}  # what has been done how often
        self.lock = threading.Lock()
        self.is_stopping = threading.Event()
        self.rss_kib = []  # now and then, for the report

    def table(self):
        """Like the one before, but for weights and what of it comes and goes."""
        share = self.rng.randrange(0, 101)
        rest = self.rng.randrange(0, 101 - share)
        steady = tables.function(
            dict(self.steady), {"live": {"weights": {"1": share, "2": rest, "3": 100 - share - rest}}}
        )
        half = self.rng.randrange(1, 100)
        functions = {
            "steady": steady,
            "wild": tables.function(dict(self.wild), {"live": {"weights": {"1": half, "2": 100 - half}}}),
            "dead": tables.function({"1": self.dead}, {"live": {"weights": {"1": 100}}}),
        }
        for n in range(self.rng.randrange(40)):
            functions[f"passing-{n}"] = tables.function({"1": self.dead}, {"live": {"weights": {"1": 100}}})
        routes = [tables.route(f"/{name}", name, "live") for name in functions]
        return tables.table(functions, routes)

    # ---- Running ----

    def count(self, what, n=1):
        with self.lock:
            self.done[what] = self.done.get(what, 0) + n

    def _repeat(self, work, seed):
        rng = random.Random(seed)
        while not self.is_stopping.is_set() and not self.troubles:
            try:
                work(rng)
            except Exception as e:
                if not self.weir.is_running() or not self.is_stopping.is_set() or isinstance(e, AssertionError):
                    self.troubles.append(e)
                return

    def run(self, seconds):
        """All kinds of load for that long; raises what went wrong first."""
        self.rss_kib = []
        self.is_stopping.clear()
        works = [
            self.bulk("GET", 8),
            self.bulk("POST", 4, body=1024),
            self.stream,
            self.post_echo,
            self.upgrade,
            self.slow,
            self.vanish,
            self.vanish,
            self.broken,
            self.broken,
            self.tls,
            self.tls_broken,
            self.fault,
            self.fault,
            self.dead_endpoint,
            self.reload,
        ]
        self.seed += 100
        threads = [
            threading.Thread(target=self._repeat, args=(work, self.seed + i), daemon=True)
            for i, work in enumerate(works)
        ]
        for thread in threads:
            thread.start()
        begun = time.monotonic()
        while time.monotonic() < begun + seconds and not self.troubles and self.weir.is_running():
            time.sleep(0.1)
            if time.monotonic() - begun > len(self.rss_kib) * seconds / 10:
                self.rss_kib.append(self.weir.rss_kib())
        self.is_stopping.set()
        for thread in threads:
            thread.join(60)
        assert self.weir.is_running(), self.weir.stderr()[-4000:]
        if self.troubles:
            raise self.troubles[0]
        assert not any(thread.is_alive() for thread in threads), "a client hangs"

    def connect(self, rng):
        """Plain or TLS."""
        if rng.random() < 0.5:
            return Connection(self.plain_port)
        return TlsConnection(self.tls_port, self.context, "shop.test")

    # ---- Clients that behave ----

    def bulk(self, method, connections, **more):
        load = self.world.load(self.weir, connections=connections, method=method, path="/steady", **more)
        last = {}

        def work(rng):
            n = scaled(200, 60)
            before = last.get("sum", 0)
            result = load.run(n)
            last["sum"] = sum(result["statuses"].values())
            if result["statuses"] != {"200": last["sum"]} or last["sum"] - before != n:
                raise Mistake(f"{method} in bulk: {result}")
            self.count("steady", n)
            time.sleep(0.05)

        return work

    def expect_steady(self, answer, body):
        if answer.status != 200 or not answer.complete or answer.body != body:
            raise Mistake(f"{answer} instead of {len(body)} bytes")
        if answer.headers["x-amz-executed-version"] != answer.headers["x-demo-version"]:
            raise Mistake(f"the wrong version is named: {answer}")
        self.count("steady")

    def stream(self, rng):
        with self.connect(rng) as c:
            for _ in range(rng.randrange(1, 4)):
                size = rng.choice([0, 1, 1000, 100_000, 700_000])
                c.send_request(target=f"/steady?size={size}{rng.choice(FRAMINGS[:2])}")
                self.expect_steady(c.read_answer(), pattern(size))

    def post_echo(self, rng):
        body = rng.randbytes(rng.choice([1, 100, 70_000]))
        at = rng.randrange(len(body))
        with self.connect(rng) as c:
            for pieces in (body, [body[:at], body[at:], {"x-end": "1"}]):
                headers = [("Expect", "100-continue")] if rng.random() < 0.3 else []
                c.send_request("POST", "/steady?echo", headers, pieces)
                self.expect_steady(c.read_answer("POST"), body)

    def upgrade(self, rng):
        with self.connect(rng) as c:
            c.send_request(target="/steady?upgrade", headers=[("Connection", "Upgrade"), ("Upgrade", "websocket")])
            if c.read_head().status != 101:
                raise Mistake("no upgrade")
            self.count("steady")
            self.count("upgrades")
            for _ in range(rng.randrange(20)):
                data = rng.randbytes(rng.randrange(1, 5000))
                c.send(data)
                if c.read_exactly(len(data)) != data:
                    raise Mistake("an upgraded connection lost or changed bytes")
            if rng.random() < 0.5:
                c.reset()

    def tls(self, rng):
        """A session, taken up again."""
        session = None
        for _ in range(3):
            with TlsConnection(self.tls_port, self.context, "shop.test", session) as c:
                c.send_request("POST", "/steady?echo", body=b"secret")
                self.expect_steady(c.read_answer("POST"), b"secret")
                session = c.socket.session
                self.count("resumed", c.is_resumed)
                if rng.random() < 0.5:
                    c.say_goodbye()

    # ---- Clients that do not ----

    def slow(self, rng):
        """A request that arrives byte by byte, in time or too late."""
        pause = rng.choice([0.001, 0.03])
        with self.connect(rng) as c, contextlib.suppress(ConnectionError, ssl.SSLError):
            for byte in b"POST /wild?echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello":
                c.send(bytes([byte]))
                time.sleep(pause)
            answer = c.read_answer("POST")
            if answer.status not in (200, 408, 502) or (answer.status == 200 and answer.body != b"hello"):
                raise Mistake(f"{answer} for a slow request")
            self.count(f"slow {answer.status}")

    def vanish(self, rng):
        """Leaves at a random moment of a request or of its answer."""
        request = b"POST /wild?size=200k&delay=3 HTTP/1.1\r\nHost: a\r\nContent-Length: 2000\r\n\r\n" + b"x" * 2000
        with self.connect(rng) as c, contextlib.suppress(ConnectionError, ssl.SSLError):
            c.send(request[: rng.randrange(1, len(request) + 1)])
            time.sleep(rng.random() * 0.02)
            if rng.random() < 0.3:
                c.socket.recv(1000)
            if rng.random() < 0.5:
                c.reset()
            self.count("vanished")

    def broken(self, rng):
        request = rng.choice(BROKEN)
        with self.connect(rng) as c, contextlib.suppress(ConnectionError, ssl.SSLError):
            c.send(request)
            answer = c.read_answer()
            if not 400 <= answer.status < 600:
                raise Mistake(f"{answer} for {request!r}")
            if c.wait_for_end() is None:
                raise Mistake("not closed")
            self.count("refused")

    def tls_broken(self, rng):
        """Garbage, half a handshake, a handshake that verifies nothing, a cut in the middle of a record."""
        with Connection(self.tls_port) as c, contextlib.suppress(ConnectionError, ssl.SSLError):
            kind = rng.randrange(3)
            if kind == 0:
                c.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            elif kind == 1:
                c.send(b"\x16\x03\x01\x00\xf0\x01" + rng.randbytes(rng.randrange(100)))
            else:
                c.socket = ssl.create_default_context().wrap_socket(c.socket, server_hostname="other.test")
            if rng.random() < 0.5:
                c.reset()
        self.count("broken handshakes")

    def fault(self, rng):
        """An endpoint that fails at some point: what the client gets is whole and right, or visibly neither."""
        method = rng.choice(["GET", "POST"])
        size = rng.choice([0, 1, 1500, 60_000])
        target = f"/wild?size={size}&{rng.choice(FAULTS)}&{rng.choice(PLACES)}{rng.choice(FRAMINGS)}"
        if rng.random() < 0.3:
            target = f"/wild?size={size}{rng.choice(FRAMINGS)}"
        with self.connect(rng) as c:
            c.send_request(method, target, body=b"x" * rng.choice([0, 10, 30_000]) if method == "POST" else None)
            try:
                answer = c.read_answer(method)
            except Closed:
                self.count("wild cut")
                return
            # Of a body that ends with its connection nobody can tell that it was closed too early.
            is_any_end = "eof" in target and "fail=close" in target
            whole = pattern(len(answer.body) if is_any_end else size)
            if answer.complete and answer.status == 200 and answer.body != whole:
                raise Mistake(f"{method} {target}: whole, and wrong: {answer}")
            if answer.complete and answer.status not in (200, 502, 504):
                raise Mistake(f"{method} {target}: {answer}")
            self.count(f"wild {answer.status if answer.complete else 'cut'}")

    def dead_endpoint(self, rng):
        with self.connect(rng) as c:
            c.send_request(target="/dead")
            answer = c.read_answer()
            if answer.status != 502 or not answer.complete:
                raise Mistake(f"{answer} for an endpoint that is not there")
        self.count("dead")
        time.sleep(0.01)

    # ---- The operator ----

    def reload(self, rng):
        kind = rng.randrange(5)
        if kind == 0:
            if self.weir.reload("{").status != 400:
                raise Mistake("a broken table was accepted")
            self.count("rejected reloads")
        elif kind == 1:
            self.weir.write_table(self.table())
            self.weir.signal(signal.SIGHUP)
        else:
            if kind == 2:
                self.pair.become(rng.choice(self.pairs))
            answer = self.weir.reload(self.table())
            if answer.status != 200:
                raise Mistake(f"reload: {answer}")
        if kind == 4:
            self.weir.signal(signal.SIGUSR1)
        self.count("reloads")
        self.weir.metrics()
        time.sleep(1)

    # ---- Looking ----

    def settle(self):
        """Waits until nothing is under way and nothing is kept, with the table of the start in force."""
        self.weir.must_reload(self.first_table)
        for gauge in ("weir_invocations_in_flight", "weir_upgraded_connections", "weir_upstream_connections"):
            self.weir.expect_metric(0, gauge)
        wait_until(lambda: self.nr_clients() == 0, "no client is connected")

    def nr_clients(self):
        return self.weir.metrics().value("weir_client_connections")

    def check_counters(self):
        metrics = self.weir.settled_metrics()
        seen = {version: demo.count() for version, demo in self.steady.items()}
        picked = {version: metrics.value("weir_invocations_total", function="steady", version=version) for version in seen}
        assert picked == {version: count["requests"] for version, count in seen.items()}
        assert sum(picked.values()) == self.done["steady"]
        for function in ("steady", "wild", "dead"):
            picks = metrics.value("weir_invocations_total", function=function)
            assert metrics.value("weir_responses_total", function=function) == picks, function
            assert metrics.value("weir_invocations_in_flight", function=function) == 0, function
        assert metrics.value("weir_errors_total", function="steady") <= self.done["upgrades"]
        assert metrics.value("weir_errors_total", function="dead", reason="connect") == self.done["dead"]
        for version, demo in self.wild.items():
            labels = {"function": "wild", "version": version}
            attempts = metrics.value("weir_invocations_total", **labels)
            attempts += metrics.value("weir_upstream_retries_total", **labels)
            assert demo.count()["requests"] <= attempts, version
            assert demo.count()["malformed"] == 0
        # The file's watch refuses a broken table once more.
        assert metrics.value("weir_table_reloads_total", result="rejected") >= self.done.get("rejected reloads", 0)
        return metrics

    def report(self, seconds, before, after):
        memory = {"rss KiB": [before[0], after[0]], "rss KiB under load": self.rss_kib}
        return json.dumps({"seconds": seconds, "descriptors": [before[1], after[1]], **memory, **self.done})

