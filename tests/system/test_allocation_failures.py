"""Out of memory, one allocation at a time (harness/nomem.py): while documents are loaded, at the start, in a reload, in exchanges of every kind.
weir answers 503 or ends the connection or the attempt, says why, loses nothing, and goes on."""

import concurrent.futures
import contextlib
import json
import signal
import ssl
import subprocess
import time

import pytest
from harness import tables
from harness.certificates import Authority
from harness.client import Closed
from harness.nomem import LIBRARY, Nomem
from harness.pattern import pattern
from harness.places import ADDRESS, SANITIZER, WEIR, free_port, scaled
from harness.processes import Weir
from harness.tls import TlsConnection, TlsFake, client_context
from harness.waiting import wait_until_steady

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(SANITIZER == "thread", reason="no allocation can be made to fail before ThreadSanitizer's allocator"),
]

SETTINGS = {
    "upstream": {"idle_ms": 300, "retry_budget_percent": 100},
    "timeouts": {"stream_idle_ms": 10000},
    "log": {"level": "error"},
}


@pytest.fixture(autouse=True, scope="module")
def library():
    assert LIBRARY.exists(), f"{LIBRARY} is missing: build the target weir-nomem"


class Short:
    """weir that can be made short of memory, with the kinds of endpoints that exchanges need."""

    def __init__(self, world):
        self.world = world
        self.nomem = Nomem(world.folder / "nomem")
        self.authority = Authority(world.folder / "authority")
        self.pair = self.authority.issue("shop", ["DNS:shop.test", f"IP:{ADDRESS}"])
        self.demo = world.demo("1")
        self.near = world.demo("1", address="127.0.0.1")
        self.secret = world.keep(TlsFake(self.pair, answer_hello))
        self.crumbs = world.fake(answer_in_pieces)
        self.plain_port, self.tls_port = free_port(), free_port()
        listeners = [
            {"address": f"{ADDRESS}:{self.plain_port}"},
            {"address": f"{ADDRESS}:{self.tls_port}", "tls": self.pair.settings()},
        ]
        settings = {"listeners": listeners, **SETTINGS}
        self.weir = Weir(world.folder / "short", self.table(), settings, workers=1, env=self.nomem.environment())
        self.weir.port = self.plain_port
        self.weir.allow_error("memory|reload rejected")
        world.keep(self.weir)
        self.context = client_context(self.authority)
        # All threads that it will have, those that look names up included, have begun: AddressSanitizer can't begin one without memory.
        assert self.weir.call("GET", "/named").status == 200
        time.sleep(0.3)

    def table(self, *more):
        secret = {**tables.endpoints(self.secret), "tls": {"ca_file": str(self.authority.file)}}
        functions = {
            "demo": tables.function({"1": self.demo}, {"live": {"weights": {"1": 100}}}),
            "named": tables.function({"1": f"http://localhost:{self.near.port}"}),
            "secret": tables.function({"1": secret}),
            "crumbs": tables.function({"1": self.crumbs}),
            "dead": tables.function({"1": f"http://{ADDRESS}:{free_port()}"}),
            **{name: tables.function({"1": self.demo}, {"live": {"weights": {"1": 100}}}) for name in more},
        }
        routes = [tables.route(f"/{name}", name, "live" if name == "demo" else "1") for name in functions]
        return tables.table(functions, routes)

    def connect(self, **more):
        return self.weir.connect(**more)

    def expect_well(self):
        """Nothing is wrong any more."""
        answer = self.weir.call(target="/demo?size=10")
        assert answer.status == 200 and answer.body == pattern(10), answer

    def each(self, work, most, growth=0):
        """Calls work with the first allocation failing, with the second, ... until it needs fewer; growth: steps get longer by that share."""
        n, nr = 1, 0
        while True:
            assert n < most, f"still failing at allocation {n}"
            self.nomem.arm(n)
            try:
                work()
                nr_failed = self.nomem.disarm()
                assert self.weir.is_running(), "it has ended"
                self.expect_well()
            except (AssertionError, OSError) as e:
                self.nomem.disarm()
                raise AssertionError(f"allocation {n}: {e!r}; weir's log: {self.weir.stderr()[-3000:]}") from e
            if nr_failed == 0:
                return nr
            nr += 1
            n += 1 + int(n * growth)

    def settle(self):
        for gauge in ("weir_client_connections", "weir_upstream_connections", "weir_invocations_in_flight"):
            self.weir.expect_metric(0, gauge)

    def live(self):
        return wait_until_steady(lambda: self.nomem.live, "what is allocated")


def answer_in_pieces(c):
    while c.read_request():
        for piece in (b"HTTP/1.1 200 O", b"K\r\nX-Long: " + b"x" * 1500, b"\r\nContent-Le", b"ngth: 5\r\n\r\nhel", b"lo"):
            c.send(piece)
            time.sleep(0.002)


def answer_hello(c):
    with contextlib.suppress(ssl.SSLError):  # weir's alert, when it has no memory for a handshake
        while c.read_request():
            c.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")


# ---- Kinds of exchanges: each returns (answer, body that it should have) ----


def get(short, c):
    c.send_request(target="/demo?size=100")
    return c.read_answer(), pattern(100)


def fresh_connection(short, c):
    c.send_request(target="/demo?size=100&close")
    return c.read_answer(), pattern(100)


def post(short, c):
    c.send_request("POST", "/demo?echo", body=b"x" * 20_000)
    return c.read_answer("POST"), b"x" * 20_000


def invoke(short, c):
    c.send_request("POST", "/2015-03-31/functions/demo/invocations?Qualifier=live", body=b"{}")
    return c.read_answer("POST"), None


def chunked_with_trailers(short, c):
    c.send_request("POST", "/demo?echo", [("TE", "trailers")], [b"a" * 300, b"b" * 3000, {"x-end": "1"}])
    return c.read_answer("POST"), b"a" * 300 + b"b" * 3000


def expect_continue(short, c):
    c.send_request("POST", "/demo?echo", [("Expect", "100-continue")], b"hello")
    return c.read_answer("POST"), b"hello"


def head_in_pieces(short, c):
    for piece in (b"GET /demo?si", b"ze=100 HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 2000, b"\r\nY: ", b"z\r\n\r\n"):
        with contextlib.suppress(ConnectionError):
            c.send(piece)
        time.sleep(0.002)
    return c.read_answer(), pattern(100)


def response_in_pieces(short, c):
    c.send_request(target="/crumbs")
    return c.read_answer(), b"hello"


def many_fields(short, c):
    c.send_request(target="/demo?size=1", headers=[(f"X-{i}", "v" * 300) for i in range(60)])
    return c.read_answer(), pattern(1)


def slow_reader(short, c):
    c.send_request(target="/demo?size=3m")
    time.sleep(0.03)
    return c.read_answer(), pattern(3 << 20)


def slow_endpoint(short, c):
    with contextlib.suppress(ConnectionError):
        c.send_request("POST", "/demo?size=7&read_delay=30", body=b"x" * (6 << 20))
    return c.read_answer("POST"), pattern(7)


def upgrade(short, c):
    c.send_request(target="/demo?upgrade", headers=[("Connection", "Upgrade"), ("Upgrade", "websocket")])
    answer = c.read_head()
    if answer.status != 101:
        c.read_content(answer)
        return answer, None
    with contextlib.suppress(ConnectionError):
        c.send(b"hello" * 20_000)
    echo = c.read_exactly(100_000)
    assert echo in (None, b"hello" * 20_000)
    raise Closed("done")


def by_host_name(short, c):
    c.send_request(target="/named?size=10&close")
    return c.read_answer(), pattern(10)


def over_tls_to_the_endpoint(short, c):
    c.send_request(target="/secret", headers=[("Connection", "close")])
    return c.read_answer(), b"hello"


def pipelined(short, c):
    request = b"GET /demo?size=50 HTTP/1.1\r\nHost: a\r\n\r\n"
    c.send(request * 5)
    for _ in range(4):
        answer = c.read_answer()
        if answer.status != 200 or not answer.complete:
            return answer, pattern(50)
    return c.read_answer(), pattern(50)


KINDS = [
    get,
    fresh_connection,
    post,
    invoke,
    chunked_with_trailers,
    expect_continue,
    head_in_pieces,
    response_in_pieces,
    many_fields,
    slow_reader,
    slow_endpoint,
    upgrade,
    by_host_name,
    over_tls_to_the_endpoint,
    pipelined,
]


def judge(answer, body):
    """What an exchange may come to: the right answer, one of weir's own that says so, or one that is visibly cut."""
    if not answer.complete:
        return
    if answer.status == 200:
        assert body is None or answer.body == body, f"whole, and wrong: {answer}"
        return
    assert answer.status in (500, 502, 503) and answer.headers["x-amzn-errortype"], answer


def attempt(short, kind, c):
    with contextlib.suppress(ConnectionError):
        judge(*kind(short, c))


@pytest.fixture
def short(world):
    return Short(world)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_exchange_survives_each_failed_allocation(short, kind):
    with short.connect() as c:  # without a failure it succeeds
        if kind is not upgrade:
            answer, body = kind(short, c)
            assert answer.status == 200 and answer.complete and body in (None, answer.body), answer

    def work():
        with contextlib.suppress(ConnectionError), short.connect() as c:
            attempt(short, kind, c)

    def sweep():
        nr = short.each(work, 3000, 0.1 if kind is over_tls_to_the_endpoint else 0)
        short.settle()
        return nr

    sweep()  # what is kept for use again is there now
    live = short.live()
    nr = sweep()
    print(f"{kind.__name__}: {nr} allocations failed")
    assert short.live() <= live + 4, "weir keeps what it should have freed"


def test_a_tls_client_survives_each_failed_allocation(short):
    def work():
        with contextlib.suppress(OSError):
            with TlsConnection(short.tls_port, short.context, "shop.test") as c:
                attempt(short, get, c)
                attempt(short, post, c)

    def sweep():
        nr = short.each(work, 20_000, scaled(0.02, 0.1))
        short.settle()
        return nr

    sweep()
    live = short.live()
    assert sweep() > 20
    assert short.live() <= live + 40, "weir keeps what it should have freed"


def test_a_time_without_memory_passes(short):
    """Not one allocation, but all for a while."""
    for first in range(1, scaled(60, 20)):
        short.nomem.arm(first, 40)
        for kind in (get, post, head_in_pieces):
            with contextlib.suppress(ConnectionError), short.connect() as c:
                attempt(short, kind, c)
        short.nomem.disarm()
        short.expect_well()
    metrics = short.weir.settled_metrics()
    picks = metrics.value("weir_invocations_total") + metrics.value("weir_uncounted_total")
    assert metrics.value("weir_responses_total") <= picks
    short.settle()


def test_a_reload_survives_each_failed_allocation(short):
    """All or nothing: the new table is in force, or the old one is and the answer says so."""
    weir = short.weir
    names = {False: [f"odd-{i}" for i in range(3)], True: [f"even-{i}" for i in range(3)]}
    is_even, outcomes = False, {200: 0, "refused": 0}

    def work():
        nonlocal is_even
        is_even = not is_even
        try:
            answer = weir.reload(short.table(*names[is_even]))
        except ConnectionError:
            outcomes["refused"] += 1
        else:
            assert answer.status in (200, 400, 500, 503), answer
            outcomes[200 if answer.status == 200 else "refused"] += 1

    nr = short.each(work, 20_000, scaled(0.02, 0.1))
    assert nr > 30 and outcomes["refused"] > 10, outcomes
    weir.must_reload(short.table("last"))
    assert weir.call("POST", "/2015-03-31/functions/last/invocations?Qualifier=live", body=b"{}").status == 200
    live = short.live()
    for name in ("last", "next", "last"):
        weir.must_reload(short.table(name))
    assert short.live() <= live + 16, "tables are freed"


def documents(folder):
    place = f"http://{ADDRESS}:{free_port()}"
    table = tables.split({"1": place, "2": [place + "/a", place + "/b"]}, {"1": 95, "2": 5})
    (folder / "table.json").write_text(json.dumps(table))
    settings = {
        "listeners": [{"address": f"{ADDRESS}:{free_port()}"}],
        "admin": {"address": f"{ADDRESS}:{free_port()}"},
        "table": {"file": str(folder / "table.json")},
        "workers": 2,
    }
    (folder / "settings.json").write_text(json.dumps(settings))
    return folder / "settings.json"


def spread(total, nr):
    """The last hundred, and nr more."""
    return sorted({*range(max(1, total - 100), total + 1), *range(1, total + 1, max(1, total // nr))})


def test_loading_documents_survives_each_failed_allocation(tmp_path):
    settings = documents(tmp_path)

    def check(n):
        # What OpenSSL leaks when it cannot even begin is not ours to free.
        nomem = Nomem(tmp_path / f"nomem-{n}", left=n, leaks=False)
        command = [WEIR, "check", "--settings", settings]
        done = subprocess.run(command, env=nomem.environment(), capture_output=True, text=True, timeout=60)
        is_not_ours = "AddressSanitizer: CHECK failed" in done.stderr
        assert done.returncode in (0, 1) or is_not_ours, f"allocation {n}: {done}"
        assert done.returncode == 0 or (done.stdout + done.stderr).strip(), f"allocation {n}: not a word"
        return done.returncode, nomem.total

    status, total = check(0)
    assert status == 0
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        results = [status for status, _ in pool.map(check, spread(total, scaled(400, 100)))]
    print(f"{len(results)} of {total} allocations failed, {results.count(1)} with an error")
    assert results.count(1) > 20


def test_the_start_survives_each_failed_allocation(tmp_path):
    """weir runs, or says why not and ends."""
    settings = documents(tmp_path)

    def start(n):
        folder = tmp_path / f"start-{n}"
        folder.mkdir()
        nomem = Nomem(folder / "nomem", left=n, leaks=False)
        command = [WEIR, "run", "--settings", documents(folder)]
        child = subprocess.Popen(
            command, env=nomem.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        last, until = -1, time.monotonic() + 60
        while child.poll() is None and time.monotonic() < until:
            if nomem.total == last and last > 0:
                child.terminate()
                break
            last = nomem.total
            time.sleep(0.15)
        out, err = child.communicate(timeout=60)
        # libuv aborts where it cannot make a loop or watch a descriptor; an assertion of ours would have a text.
        # AddressSanitizer has such places too.
        is_libuvs = child.returncode == -signal.SIGABRT and "ssertion" not in err
        is_not_ours = is_libuvs or "AddressSanitizer: CHECK failed" in err
        assert child.returncode in (0, 1, -signal.SIGTERM) or is_not_ours, f"allocation {n}: {child.returncode} {err}"
        assert child.returncode != 1 or err.strip(), f"allocation {n}: not a word"
        return child.returncode, nomem.total

    assert settings.exists()
    _, total = start(0)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        results = [status for status, _ in pool.map(start, spread(total, scaled(100, 20)))]
    print(f"{len(results)} of {total} allocations failed: {results.count(1)} ended it")
    assert results.count(1) > 5
