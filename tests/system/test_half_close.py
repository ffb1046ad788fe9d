"""Clients that end their sending side, and clients that leave, at every moment of an exchange (RFC 9112 section 9.6; RFC 9110 section
3.3): by default the first get their answer, and the invocations of the others run to their end."""

import contextlib
import signal
import socket
import ssl
import threading

import pytest
from harness import tables
from harness.certificates import Authority
from harness.client import make_request
from harness.fake import OK
from harness.tls_weir import TlsWeir
from harness.waiting import LIMIT_S, wait_until

pytestmark = pytest.mark.fast

ABORT = {"client_half_close": "abort"}


def half_close(c):
    c.socket.shutdown(socket.SHUT_WR)


class Gate:
    """An endpoint that answers when it is told to; a body in two halves."""

    def __init__(self, world):
        self.arrived, self.go_on, self.half = threading.Event(), threading.Event(), threading.Event()
        self.ended = []  # how connections ended before the answer
        self.fake = world.fake(self.handle)

    def handle(self, c):
        while request := c.read_request():
            if request.target == "/free":
                c.send(OK)
                continue
            self.arrived.set()
            if request.target == "/halves":
                c.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
                self.half.set()
            c.socket.settimeout(0.02)
            while not self.go_on.is_set():
                try:
                    if c.socket.recv(1) == b"":
                        self.ended.append("closed")
                        return
                except TimeoutError:
                    continue
            c.socket.settimeout(LIMIT_S)
            c.send(b"full" if request.target == "/halves" else OK)


MOMENTS = ["with the request", "after the request", "after the body", "in the middle of the response"]


def begin(weir, gate, moment):
    """A client that has ended its sending side at that moment, while its exchange runs."""
    c = weir.connect()
    request = make_request("POST", "/halves" if "middle" in moment else "/", body=b"hello")
    if moment == "with the request":
        weir_is_still(weir, lambda: (c.send(request), half_close(c)))
    elif moment == "after the body":
        c.send(request[:-5])
        c.send(request[-5:])
        half_close(c)
    else:
        c.send(request)
        assert gate.arrived.wait(LIMIT_S)
        if "middle" in moment:
            assert gate.half.wait(LIMIT_S)
        half_close(c)
    return c


def weir_is_still(weir, act):
    """What act sends arrives in one piece."""
    weir.signal(signal.SIGSTOP)
    act()
    weir.signal(signal.SIGCONT)


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_client_that_ends_its_sending_side_gets_its_answer(world, moment):
    gate = Gate(world)
    weir = world.weir(tables.one(gate.fake))
    with begin(weir, gate, moment) as c:
        assert gate.arrived.wait(LIMIT_S)
        weir.call(target="/free")  # so that weir has seen the end
        gate.go_on.set()
        answer = c.read_answer()
        assert answer.complete and answer.status == 200
        assert c.wait_for_end() == "closed"
    assert not gate.ended
    weir.expect_metric(0, "weir_errors_total")


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_end_of_the_sending_side_can_be_taken_for_a_departure(world, moment):
    gate = Gate(world)
    weir = world.weir(tables.one(gate.fake), ABORT, workers=1)
    with begin(weir, gate, moment):
        weir.expect_metric(1, "weir_errors_total", reason="client_abort")
        if gate.arrived.is_set():
            wait_until(lambda: gate.ended, "the endpoint's work is ended")


def test_pipelined_requests_before_an_end_are_all_answered(world):
    weir = world.weir(tables.one(world.demo()))
    with weir.connect() as c:
        weir_is_still(weir, lambda: (c.send(b"".join(make_request(target=f"/{i}") for i in range(20))), half_close(c)))
        for i in range(20):
            assert c.read_answer().json()["target"] == f"/{i}"
        assert c.wait_for_end() == "closed"


@pytest.mark.parametrize("settings", [{}, ABORT], ids=["answer", "abort"])
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_body_that_ends_too_early_is_400_and_never_whole_at_the_endpoint(world, framing, settings):
    demo = world.demo()
    weir = world.weir(tables.one(demo), settings)
    with weir.connect() as c:
        c.send_request("POST", "/", [("Content-Length", "10") if framing == "length" else ("Transfer-Encoding", "chunked")])
        c.send(b"hello" if framing == "length" else b"5\r\nhello\r\n")
        demo.wait_for(lambda n: n["in_flight"] == 1, "the request has arrived")
        half_close(c)
        answer = c.read_answer()
        assert answer.status == 400 and not answer.keep_alive
        assert c.wait_for_end() == "closed"
    demo.wait_for(lambda n: n["aborted"] == 1 and n["in_flight"] == 0, "it was given up")
    weir.expect_metric(1, "weir_errors_total", reason="client_abort")


def queued(world, settings=None):
    """weir with one connection to its endpoint, which is in use; the gate opens it."""
    gate = Gate(world)
    table = tables.one(gate.fake)
    table["functions"]["hello"]["versions"]["1"]["limits"] = {"max_connections": 1}
    weir = world.weir(table, {"limits": {"upstream_queue_ms": 3600000}, **(settings or {})}, workers=1)
    first = weir.connect()
    first.send_request()
    assert gate.arrived.wait(LIMIT_S)
    second = weir.connect()
    second.send_request("POST", body=b"x")
    weir.expect_metric(2, "weir_requests_total")
    return gate, weir, first, second


def test_a_client_that_ends_its_sending_side_while_it_waits_for_a_connection_gets_its_answer(world):
    gate, weir, first, second = queued(world)
    half_close(second)
    weir.metrics()
    gate.go_on.set()
    assert first.read_answer().status == 200
    assert second.read_answer().status == 200
    first.close()
    second.close()


def test_the_invocation_of_a_client_that_left_while_it_waited_for_a_connection_runs(world):
    gate, weir, first, second = queued(world)
    second.reset()
    weir.expect_metric(1, "weir_client_connections")
    gate.go_on.set()
    assert first.read_answer().status == 200
    wait_until(lambda: len(gate.fake.requests) == 2, "the second invocation has run")
    lines = weir.wait_for_log(2)
    assert [(line["outcome"], line["status"]) for line in lines] == [("ok", 200), ("client_abort", 200)]
    first.close()


@pytest.mark.parametrize("how", ["ends", "leaves"])
def test_a_departure_from_the_queue_can_end_the_invocation(world, how):
    gate, weir, first, second = queued(world, ABORT)
    half_close(second) if how == "ends" else second.reset()
    weir.expect_metric(1, "weir_errors_total", reason="client_abort")
    gate.go_on.set()
    assert first.read_answer().status == 200
    first.close()
    second.close()
    assert len(gate.fake.requests) == 1


# ---- TLS ----


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def pair(authority):
    return authority.issue("shop", ["DNS:shop.test"])


def send_close_notify(c):
    """And listen on, which Python's unwrap does not."""
    c.socket.settimeout(0)
    with contextlib.suppress(ssl.SSLError):
        c.socket._sslobj.shutdown()
    c.socket.settimeout(LIMIT_S)


def send_fin(c):
    socket.socket.shutdown(c.socket, socket.SHUT_WR)


ENDS = {
    "close_notify": send_close_notify,
    "FIN": send_fin,
    "close_notify and FIN": lambda c: (send_close_notify(c), send_fin(c)),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_client_that_ends_its_sending_side_of_tls_gets_its_answer(world, authority, pair, end):
    gate = Gate(world)
    tls = TlsWeir(world, gate.fake, pair, authority)
    with tls.connect() as c:
        c.send_request("POST", "/", body=b"x")
        assert gate.arrived.wait(LIMIT_S)
        ENDS[end](c)
        tls.call(target="/free")
        gate.go_on.set()
        answer = c.read_answer()
        assert answer.complete and answer.body == b"ok"
    tls.weir.expect_metric(0, "weir_errors_total")


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("is_pipelined", [False, True])
def test_an_end_of_the_sending_side_of_tls_can_be_taken_for_a_departure(world, authority, pair, end, is_pipelined):
    gate = Gate(world)
    tls = TlsWeir(world, gate.fake, pair, authority, ABORT, workers=1)
    with tls.connect() as c:
        c.send_request("POST", "/", body=b"x")
        assert gate.arrived.wait(LIMIT_S)
        if is_pipelined:
            c.send_request(target="/free")
        ENDS[end](c)
        tls.weir.expect_metric(1, "weir_errors_total", reason="client_abort")
        wait_until(lambda: gate.ended, "the endpoint's work is ended")


# ---- Clients that have left ----


@pytest.mark.parametrize("target", ["/", "/halves"])
def test_the_invocation_of_a_client_that_reset_its_connection_runs_to_its_end(world, target):
    gate = Gate(world)
    weir = world.weir(tables.one(gate.fake), workers=1)
    c = weir.connect()
    c.send_request("POST", target, body=b"x")
    assert (gate.half if target == "/halves" else gate.arrived).wait(LIMIT_S)
    c.reset()
    weir.expect_metric(0, "weir_client_connections")
    weir.expect_metric(1, "weir_invocations_in_flight")
    gate.go_on.set()
    line = weir.wait_for_log(1)[0]
    assert (line["outcome"], line["status"]) == ("client_abort", 200)
    weir.expect_metric(1, "weir_errors_total", reason="client_abort")
    assert weir.call(target="/free").status == 200  # on the same endpoint connection
    assert gate.fake.nr_connections == 1 and not gate.ended


def test_a_response_that_nobody_reads_is_thrown_away_but_not_for_ever(world):
    demo = world.demo()
    weir = world.weir(tables.one(demo))
    c = weir.connect()
    c.send_request(target="/?size=1g")
    assert c.read_final_head().status == 200
    c.close()
    demo.wait_for(lambda n: n["aborted"] == 1 and n["in_flight"] == 0, "it was given up")
    weir.expect_metric(1, "weir_errors_total", reason="client_abort")
    small = weir.connect()
    small.send_request(target="/?size=500k&chunked&delay=100")
    small.reset()
    demo.wait_for(lambda n: n["requests"] == 2 and n["in_flight"] == 0, "the small one is over")
    assert demo.count()["aborted"] == 1


def test_limits_of_connections_hold_for_clients_that_leave(world):
    gate = Gate(world)
    weir = world.weir(tables.one(gate.fake), {"limits": {"connections_per_address": 2}}, workers=1)
    for i in range(2):
        c = weir.connect()
        c.send_request("POST", "/", body=b"x")
        weir.expect_metric(i + 1, "weir_requests_total")
        c.reset()
        weir.expect_metric(0, "weir_client_connections")
    assert weir.call(target="/free").status == 503
    gate.go_on.set()
    weir.wait_for_log(3)
    assert weir.call(target="/free").status == 200


def test_a_drain_waits_for_the_invocation_of_a_client_that_left(world):
    gate = Gate(world)
    weir = world.weir(tables.one(gate.fake), workers=1)
    c = weir.connect()
    c.send_request("POST", "/", body=b"x")
    assert gate.arrived.wait(LIMIT_S)
    c.reset()
    weir.expect_metric(0, "weir_client_connections")
    weir.signal(signal.SIGTERM)
    wait_until(lambda: "draining" in weir.stderr(), "weir drains")
    assert weir.is_running()
    gate.go_on.set()
    weir.check_end(weir.wait())
    assert [(line["outcome"], line.get("status")) for line in weir.access_log()] == [("client_abort", 200)]


def test_a_stop_ends_the_invocation_of_a_client_that_left(world):
    gate = Gate(world)
    weir = world.weir(tables.one(gate.fake), {"timeouts": {"drain_ms": 0}}, workers=1)
    c = weir.connect()
    c.send_request("POST", "/", body=b"x")
    assert gate.arrived.wait(LIMIT_S)
    c.reset()
    weir.expect_metric(0, "weir_client_connections")
    weir.stop()
    assert [line["outcome"] for line in weir.access_log()] == ["drain_timeout"]
