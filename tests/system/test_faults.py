"""Connections that end, break off or stand still at every byte of a short exchange, on either side of weir (harness/faults.py). What must hold:
a client never takes a broken answer for a whole one and never sees bytes of another exchange; a request that is not idempotent arrives
at most once; no request arrives whole that was not sent whole; the counters add up; nothing leaks; what comes next works."""

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import threading

import pytest
from harness import tables
from harness.certificates import Authority
from harness.client import Connection, Malformed
from harness.faults import Caller, Fault, FaultProxy, Origin
from harness.places import ADDRESS, SANITIZED, free_port, scaled
from harness.tls import TlsConnection, TlsFake, client_context, say_goodbye
from harness.waiting import LIMIT_S, wait_until, wait_until_steady

SIDE_BY_SIDE = scaled(48, 24)
LIMIT_MS = scaled(2000, 5000)  # a request or response that stands still this long is given up
SETTINGS = {
    "timeouts": {
        "request_head_ms": LIMIT_MS,
        "response_head_ms": LIMIT_MS,
        "stream_idle_ms": LIMIT_MS,
        "connect_ms": 20000,
        "client_idle_ms": LIMIT_MS,
    },
    "upstream": {"idle_ms": 300, "retries": 1, "retry_budget_percent": 100},
}


@dataclasses.dataclass(frozen=True)
class Plan:
    """A kind of exchange. {n} is its number; template is what the endpoint answers; body what that comes to."""

    method: str = "GET"
    version: str = "1.1"
    fields: str = ""
    payload: str = ""  # as sent
    sent_body: str = ""  # what payload comes to
    sent_trailers: tuple = ()
    template: str = "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"
    body: str = "answer {n}"
    more: str = ""  # of the body, in a chunk of its own
    trailers: tuple = ()
    interim: tuple = ()
    expects: bool = False
    closes: bool = False

    def request(self, n):
        payload = self.payload.format(n=n).replace("\n", "\r\n")
        fields = self.fields.format(length=len(payload)).replace("\n", "\r\n")
        head = f"{self.method} /{n} HTTP/{self.version}\r\nHost: a\r\n{fields}\r\n"
        return head.encode(), payload.encode()

    def request_body(self, n):
        return self.sent_body.format(n=n).encode()

    @property
    def request_trailers(self):
        return list(self.sent_trailers)

    def response_body(self, n):
        return (self.body + self.more).format(n=n).encode()

    def response(self, n):
        body = self.body.format(n=n)
        return self.template.format(n=n, body=body, length=len(body), hex=f"{len(body):x}").encode()

    def is_right(self, n, result):
        """The endpoint's answer, whole and unchanged."""
        return (
            result.is_complete
            and result.status == 200
            and result.body == (b"" if self.method == "HEAD" else self.response_body(n))
            and result.fields.get("x-amz-executed-version") == "1"
            and result.trailers == list(self.trailers)
        )


CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{hex}\r\n{body}\r\n"
PLANS = {
    "length": Plan(),
    "post": Plan(method="POST", fields="Content-Length: {length}\n", payload="pay {n}", sent_body="pay {n}"),
    "chunked with trailers": Plan(
        method="POST",
        fields="Transfer-Encoding: chunked\nTE: trailers\n",
        payload="4\npay \n6\n{n}\n0\nX-End: yes\n\n",
        sent_body="pay {n}",
        sent_trailers=(("X-End", "yes"),),
        template=CHUNKED + "1\r\n!\r\n0\r\nX-Sum: ok\r\n\r\n",
        more="!",
        trailers=(("X-Sum", "ok"),),
    ),
    "close-delimited": Plan(template="HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{body}", closes=True),
    "expect": Plan(
        method="POST",
        fields="Expect: 100-continue\nContent-Length: {length}\n",
        payload="pay {n}",
        sent_body="pay {n}",
        expects=True,
    ),
    "interim": Plan(template="HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + CHUNKED + "0\r\n\r\n", interim=(103,)),
    "old client": Plan(version="1.0", template=CHUNKED + "0\r\n\r\n"),
    "head": Plan(method="HEAD", template="HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"),
}
# Numbers are six digits long, so that every exchange of a kind has the same length.
FIRST = 100_000


class Field:
    """One kind of exchange between many clients and one endpoint."""

    def __init__(self, world, plan):
        self.plan = plan
        self.origin_port = free_port()
        self.weir = world.weir(tables.one(f"http://{ADDRESS}:{self.origin_port}"), SETTINGS)
        self.origin = Origin()
        self.origin.closes = plan.closes
        self.numbers = iter(range(FIRST, 10**6))
        self.answers = {"right": 0, "weir's own": 0, "broken": 0, "unseen": 0}
        self.troubles = []

    def number(self, plan, fault=None):
        n = next(self.numbers)
        self.origin.plans[n] = plan
        if fault and fault.side == "endpoint":
            self.origin.faults[n] = fault
        return n

    async def good(self, caller, plan=PLANS["length"]):
        """An exchange without a fault must succeed."""
        n = self.number(plan)
        result = await asyncio.wait_for(caller.exchange(plan, n), LIMIT_S)
        if not plan.is_right(n, result):
            self.troubles.append(f"exchange {n}, which has no fault: {result}")
        return result

    async def case(self, fault):
        """A good exchange, one with a fault, and one more where the connection is still there."""
        caller = await Caller.open(self.weir.port)
        n = -1
        try:
            await self.good(caller)
            n = self.number(self.plan, fault)
            is_clients = fault.side == "client"
            result = await asyncio.wait_for(caller.exchange(self.plan, n, fault if is_clients else None), LIMIT_S)
            self.judge(n, fault, result)
            if result.is_complete and result.keeps and not caller.is_over and caller.waiting is None:
                await self.good(caller)
        except (Malformed, OSError, asyncio.TimeoutError) as e:
            self.troubles.append(f"exchange {n}, {fault}: {e!r}")
        finally:
            caller.close()

    def judge(self, n, fault, result):
        right = self.plan.is_right(n, result)
        arrivals = self.origin.arrivals.get(n, 0)
        if arrivals > (1 if self.plan.method == "POST" else 2):
            self.troubles.append(f"exchange {n}, {fault}: arrived {arrivals} times")
        if right:
            self.answers["right"] += 1
        elif result.is_complete and result.is_weirs_own and result.status in (400, 408, 502, 504):
            self.answers["weir's own"] += 1
        elif result.is_complete:
            # Nobody can tell where a body should have ended that ends with its connection.
            prefix = self.plan.response_body(n).startswith(result.body)
            if not (self.plan.closes and fault.side == "endpoint" and fault.how == "close" and prefix):
                self.troubles.append(f"exchange {n}, {fault}: whole and wrong: {result}")
            self.answers["right"] += 1
        else:
            self.answers["broken" if fault.side == "endpoint" else "unseen"] += 1
        # A POST is not sent again where the kept connection it was given was just being closed.
        is_lost = self.plan.method == "POST" and arrivals == 0 and result.status == 502
        if fault.how in ("pause", "bytes") and not right and not is_lost:
            self.troubles.append(f"exchange {n}, {fault}: nothing was lost, but: {result}")
        if not result.is_complete and result.body and not self.plan.response_body(n).startswith(result.body):
            if not any(mark in result.fields.get("transfer-encoding", "") for mark in ("chunked",)):
                self.troubles.append(f"exchange {n}, {fault}: foreign bytes: {result}")

    async def run(self, faults):
        gate = asyncio.Semaphore(SIDE_BY_SIDE)

        async def guarded(fault):
            if fault.how == "stall":  # waits for a time limit, all at once
                await self.case(fault)
                return
            async with gate:
                if len(self.troubles) < 10:
                    await self.case(fault)

        await asyncio.gather(*(guarded(fault) for fault in faults))

    async def measure(self):
        """Bytes of one exchange: request and response at the client, request and response at the endpoint."""
        caller = await Caller.open(self.weir.port)
        n = self.number(self.plan)
        result = await asyncio.wait_for(caller.exchange(self.plan, n), LIMIT_S)
        caller.close()
        assert self.plan.is_right(n, result), result
        assert result.interim == list(self.plan.interim or ((100,) if self.plan.expects else ())), result
        request = sum(map(len, self.plan.request(n)))
        interim = 25 if self.plan.expects else 0
        return request, result.used, self.origin.request_bytes, interim + len(self.plan.response(n))


def faults_of(side, way, n, hows, step=1):
    return [Fault(side, way, at, how) for how in hows for at in sorted({*range(0, n + 1, step), n})]


def endpoint_faults(sizes):
    _, _, request, response = sizes
    step = 1 if not SANITIZED else 9
    return (
        faults_of("endpoint", "in", request, ["close", "reset"], 2 * step)
        + faults_of("endpoint", "in", request, ["stall"], 100)
        + faults_of("endpoint", "out", response, ["close", "reset", "pause"], step)
        + faults_of("endpoint", "out", response - 1, ["stall"], 8 * step)
        + [Fault("endpoint", "out", 0, "bytes")]
    )


def client_faults(sizes):
    request, response, _, _ = sizes
    step = 1 if not SANITIZED else 9
    return (
        faults_of("client", "out", request, ["close", "reset", "pause", "half"], step)
        + faults_of("client", "out", request - 1, ["stall"], 8 * step)
        + faults_of("client", "in", response, ["close", "reset"], 2 * step)
        + [Fault("client", "out", 0, "bytes")]
    )


def check_counters(field):
    """Every pick has ended as one response or as none, and every failure that clients saw is counted."""
    metrics = field.weir.settled_metrics()
    picks = metrics.value("weir_invocations_total")
    assert metrics.value("weir_responses_total") == picks
    assert metrics.value("weir_invocations_in_flight") == 0
    retries = metrics.value("weir_upstream_retries_total")
    assert sum(field.origin.arrivals.values()) <= picks + retries
    return metrics


def check_nothing_is_left(field, nr_descriptors):
    field.weir.expect_metric(0, "weir_client_connections")
    field.weir.expect_metric(0, "weir_upstream_connections")
    wait_until(lambda: field.weir.nr_descriptors() == nr_descriptors, f"weir has {nr_descriptors} descriptors again")


@pytest.mark.slow
@pytest.mark.parametrize("name", PLANS)
def test_a_fault_at_any_byte_harms_nobody_else(world, name):
    field = Field(world, PLANS[name])
    nr_descriptors = wait_until_steady(field.weir.nr_descriptors, "weir's descriptors")

    async def everything():
        await field.origin.open(field.origin_port)
        sizes = await field.measure()
        faults = endpoint_faults(sizes)
        await field.run(faults)
        assert not field.troubles, "\n".join(field.troubles[:10])
        # This process' loop stands still meanwhile, which nobody minds.
        metrics = check_counters(field)
        failed = field.answers["weir's own"] + field.answers["broken"]
        assert metrics.value("weir_errors_total") == failed
        assert metrics.value("weir_responses_total", code="2xx") >= field.answers["right"]
        nr_endpoint = len(faults)
        faults = client_faults(sizes)
        await field.run(faults)
        print(f"{name}: {nr_endpoint} faults at the endpoint, {len(faults)} at the client: {field.answers}")
        assert not field.troubles, "\n".join(field.troubles[:10])
        check_counters(field)
        await field.good(await Caller.open(field.weir.port), field.plan)
        field.origin.server.close()

    asyncio.run(everything())
    assert not field.troubles, "\n".join(field.troubles[:10])
    assert not field.origin.troubles, "\n".join(field.origin.troubles[:10])
    check_nothing_is_left(field, nr_descriptors)


# ---- Under TLS: the bytes of handshake and records ----

KINDS_OVER_TLS = ["length", "chunked", "eof"]


def answer_by_kind(c):
    while True:
        request = c.read_request()
        if request is None:
            return
        _, number, kind = request.target.split("/")
        body = f"answer {number}".encode()
        if kind == "length":
            c.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        elif kind == "chunked":
            c.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
        else:
            c.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + body)
            say_goodbye(c)
            return


def answer_over_tls(c):
    with contextlib.suppress(OSError):
        answer_by_kind(c)


class Tally:
    """What came of the cases."""

    def __init__(self, fake):
        self.fake = fake
        self.numbers = iter(range(FIRST, 10**6))
        self.lock = threading.Lock()
        self.outcomes = {"right": 0, "weir's own": 0, "broken": 0}

    def judge(self, number, answer):
        if answer is None or not answer.complete:
            what = "broken"
        elif answer.status == 200:
            assert answer.body == f"answer {number}".encode(), f"whole and wrong: {answer}"
            what = "right"
        else:
            assert answer.status in (502, 504) and answer.headers["x-amzn-errortype"], answer
            what = "weir's own"
        with self.lock:
            self.outcomes[what] += 1

    def check(self, nr_cases):
        assert sum(self.outcomes.values()) == nr_cases
        posts = [request.target for request in self.fake.requests if request.method == "POST"]
        assert len(posts) == len(set(posts)), "a POST arrived twice"


def call_once(tally, connect, i):
    with tally.lock:
        number = next(tally.numbers)
    method = "POST" if i % 2 else "GET"
    answer = None
    with contextlib.suppress(OSError):  # also what ssl raises
        with connect() as c:
            c.send_request(method, f"/{number}/{KINDS_OVER_TLS[i % 3]}", body=b"pay" if method == "POST" else None)
            answer = c.read_answer(method)
    tally.judge(number, answer)


@pytest.mark.slow
@pytest.mark.parametrize("where", ["the client's connection", "the endpoint's connection"])
def test_a_fault_at_any_byte_of_tls_is_seen(world, where):
    """Nothing that was cut passes for whole, not even a body that ends with its connection (RFC 9112 section 9.8)."""
    authority = Authority(world.folder / "authority")
    pair = authority.issue("shop", ["DNS:shop.test", f"IP:{ADDRESS}"])
    fake = world.keep(TlsFake(pair, answer_over_tls))
    tls_port, proxy_port = free_port(), free_port()
    is_clients = where.startswith("the client")
    proxy = world.keep(FaultProxy(proxy_port, tls_port if is_clients else fake.port))
    place = {**tables.endpoints(fake if is_clients else f"https://{ADDRESS}:{proxy_port}"), "tls": {"ca_file": str(authority.file)}}
    listeners = [{"address": f"{ADDRESS}:{tls_port}", "tls": pair.settings()}, {"address": f"{ADDRESS}:{free_port()}"}]
    settings = {**SETTINGS, "listeners": listeners, "upstream": {**SETTINGS["upstream"], "lifetime_requests": 1}}
    weir = world.weir(tables.table({"hello": tables.function({"1": place})}, [tables.route(qualifier="1")]), settings)
    nr_descriptors = wait_until_steady(weir.nr_descriptors, "weir's descriptors")
    plain_port = int(listeners[1]["address"].rpartition(":")[2])
    context = client_context(authority)
    tally = Tally(fake)

    def connect():
        return TlsConnection(proxy_port, context, "shop.test") if is_clients else Connection(plain_port)

    for i in range(6):
        call_once(tally, connect, i)
    assert tally.outcomes["right"] == 6
    wait_until(lambda: len(proxy.sizes) == 2, "the proxy has seen a connection's end")
    faults = []
    for side, size in proxy.sizes.items():
        faults += faults_of(side, "out", size + 20, ["close", "reset", "pause"], scaled(7, 60))
    proxy.faults.extend(faults)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda i: call_once(tally, connect, i), range(len(faults))))
    print(f"{where}: {len(faults)} faults over TLS, {tally.outcomes}")
    tally.check(len(faults) + 6)
    assert tally.outcomes["right"] > len(faults) / 4, "what was only delayed succeeds"
    proxy.faults.clear()
    nr_right = tally.outcomes["right"]
    for i in range(6):
        call_once(tally, connect, i)
    assert tally.outcomes["right"] == nr_right + 6
    weir.port = plain_port
    metrics = weir.settled_metrics()
    assert metrics.value("weir_responses_total") == metrics.value("weir_invocations_total")
    weir.expect_metric(0, "weir_invocations_in_flight")
    weir.expect_metric(0, "weir_client_connections")
    weir.expect_metric(0, "weir_upstream_connections")
    wait_until(lambda: weir.nr_descriptors() == nr_descriptors, f"weir has {nr_descriptors} descriptors again")
