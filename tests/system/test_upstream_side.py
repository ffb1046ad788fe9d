"""The endpoints' side: the pool, the choice among endpoints, time limits, what counts as a valid response, retries."""

import contextlib
import signal
import socket
import threading
import time

import pytest
from harness import tables
from harness.client import Closed
from harness.fake import OK, answering
from harness.pattern import pattern
from harness.places import ADDRESS, free_port
from harness.waiting import wait_until

pytestmark = pytest.mark.fast


def expect_error(answer, *statuses):
    """weir's own answer in place of the endpoint's."""
    assert answer.status in statuses, answer
    assert answer.complete and answer.headers["content-type"].startswith("application/json")
    assert answer.headers["x-amzn-errortype"]
    assert "message" in {key.lower() for key in answer.json()}
    return answer


def in_parallel(n, what):
    """Runs what(i) in n threads; the results in order."""
    results = [None] * n

    def run(i):
        try:
            results[i] = what(i)
        except Exception as e:
            results[i] = e

    threads = [threading.Thread(target=run, args=(i,)) for i in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for result in results:
        if isinstance(result, Exception):
            raise result
    return results


# ---- The pool ----


def test_requests_one_after_another_share_one_connection(world):
    demo = world.demo()
    weir = world.weir(tables.one(demo), workers=1)
    with weir.connect() as c:
        for _ in range(20):
            c.send_request("POST", body=b"x")
            assert c.read_answer().status == 200
    for _ in range(20):
        assert weir.call().status == 200
    assert demo.count()["connections"] == 1


def test_requests_at_the_same_time_have_a_connection_each_and_these_are_kept(world):
    demo = world.demo()
    weir = world.weir(tables.one(demo), workers=1)
    connections = [weir.connect() for _ in range(8)]
    for _ in range(3):
        for c in connections:
            c.send_request(target="/?delay=50")
        for c in connections:
            assert c.read_answer().status == 200
    assert demo.count()["connections"] == 8


def test_an_idle_connection_is_closed_after_its_time(world):
    demo = world.demo()
    weir = world.weir(tables.one(demo), {"upstream": {"idle_ms": 100}}, workers=1)
    weir.call()
    demo.wait_for(lambda n: n["open"] == 1, "only the counting connection is open")


def test_only_so_many_idle_connections_are_kept(world):
    demo = world.demo()
    weir = world.weir(tables.one(demo), {"upstream": {"idle_connections": 2}}, workers=1)
    in_parallel(6, lambda i: weir.call(target="/?delay=100"))
    demo.wait_for(lambda n: n["open"] == 3, "two are kept")
    assert weir.call().status == 200


def test_a_connection_ends_after_its_number_of_requests(world):
    demo = world.demo()
    weir = world.weir(tables.one(demo), {"upstream": {"lifetime_requests": 5}}, workers=1)
    for nr in range(1, 17):
        assert weir.call().status == 200
        assert demo.count()["connections"] == (nr + 4) // 5, f"after {nr} requests"


def test_a_connection_ends_at_its_age(world):
    demo = world.demo()
    weir = world.weir(tables.one(demo), {"upstream": {"lifetime_ms": 1}}, workers=1)
    for _ in range(3):
        assert weir.call().status == 200
        time.sleep(0.005)
    assert demo.count()["connections"] == 3


def test_an_endpoint_that_closes_idle_connections_costs_no_failure(world):
    demo = world.demo(idle_close_ms=20)
    weir = world.weir(tables.one(demo), workers=1)
    for _ in range(5):
        assert weir.call("POST", body=b"x").status == 200
        demo.wait_for(lambda n: n["open"] == 1, "it has closed the connection")


def test_a_connection_on_which_bytes_follow_the_response_is_not_used_again(world):
    def handler(c):
        c.read_request()
        c.send(OK + b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray")
        c.wait_for_end()

    fake = world.fake(handler)
    weir = world.weir(tables.one(fake), workers=1)
    for _ in range(5):
        assert weir.call().body == b"ok"
    assert fake.nr_connections == 5


def test_stray_bytes_that_come_late_reach_nobody(world):
    sent = threading.Event()
    ask = threading.Event()

    def handler(c):
        while c.read_request():
            c.send(OK)
            if c.number == 1:
                ask.wait(10)
                c.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nstray")
                sent.set()
                c.wait_for_end()
                return

    fake = world.fake(handler)
    weir = world.weir(tables.one(fake), workers=1)
    assert weir.call().body == b"ok"
    ask.set()
    assert sent.wait(10)
    for _ in range(5):
        assert weir.call().body == b"ok"
    assert fake.nr_connections == 2


@pytest.mark.parametrize("how", ["close", "eof", "http10&close", "early=close"])
def test_a_connection_whose_response_ends_it_is_not_used_again(world, how):
    demo = world.demo()
    weir = world.weir(tables.one(demo), workers=1)
    for _ in range(3):
        assert weir.call(target=f"/?size=10&{how}").body == pattern(10)
    assert demo.count()["connections"] == 3


def test_a_connection_after_head_204_and_304_is_used_again(world):
    demo = world.demo()
    weir = world.weir(tables.one(demo), workers=1)
    for _ in range(3):
        assert weir.call("HEAD", "/?size=100").status == 200
        assert weir.call(target="/?status=204").status == 204
        assert weir.call(target="/?status=304&length=50").status == 304
    assert demo.count()["connections"] == 1


def test_upstream_connections_are_limited_and_others_wait_their_turn(world):
    demo = world.demo()
    weir = world.weir(
        tables.one(demo), {"limits": {"upstream_connections": 2, "upstream_queue_ms": 20000}}, workers=1
    )
    answers = in_parallel(10, lambda i: weir.call(target="/?delay=30"))
    assert [a.status for a in answers] == [200] * 10
    seen = demo.count()
    assert seen["max_in_flight"] <= 2 and seen["connections"] <= 2


def test_what_waits_too_long_for_a_connection_is_503(world):
    demo = world.demo()
    weir = world.weir(tables.one(demo), {"limits": {"upstream_connections": 1, "upstream_queue_ms": 100}}, workers=1)
    with weir.connect() as held:
        held.send_request(target="/?fail=stall")
        demo.wait_for(lambda n: n["in_flight"] == 1, "the connection is taken")
        expect_error(weir.call(), 503)
    weir.expect_metric(1, "weir_errors_total", reason="overload")


def stopped(weir):
    """Waits until weir stands still after SIGSTOP."""
    weir.signal(signal.SIGSTOP)
    wait_until(lambda: open(f"/proc/{weir.pid}/stat").read().rsplit(")", 1)[1].split()[0] == "T", "weir has stopped")


def test_who_waits_for_a_connection_goes_before_newcomers(world):
    """Each time an answer and a new request come in one turn of the loop, the connection is for the one who has waited."""
    gate = threading.Semaphore(0)

    def handler(c):
        while c.read_request():
            gate.acquire(timeout=20)
            c.send(OK)

    fake = world.fake(handler)
    weir = world.weir(tables.one(fake), {"limits": {"upstream_connections": 1, "upstream_queue_ms": 20000}}, workers=1)
    first, waiter, *newcomers = connections = [weir.connect() for _ in range(6)]
    first.send_request(target="/first")
    wait_until(lambda: len(fake.requests) == 1, "the connection is taken")
    waiter.send_request(target="/waiter")
    assert weir.call(target="/2015-03-31/functions/nobody/invocations", method="POST").status == 404  # it has been taken up
    answered = 0
    for number, c in enumerate(newcomers):
        stopped(weir)
        gate.release()
        answered += 1
        time.sleep(0.02)  # the answer is there before the request
        c.send_request(target=f"/newcomer{number}")
        weir.signal(signal.SIGCONT)
        wait_until(lambda: len(fake.requests) == answered + 1, "the next one has the connection")
    gate.release(10)
    for c in connections:
        assert c.read_answer().status == 200
    assert [r.target for r in fake.requests] == ["/first", "/waiter"] + [f"/newcomer{i}" for i in range(4)]


@pytest.mark.parametrize("size", [32767, 32768, 65536])
def test_a_response_that_fills_the_read_buffer_to_its_last_byte_leaves_the_connection_good(world, size):
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %06d\r\n\r\n"
    body = b"x" * (size - len(head % 0))
    fake = world.fake(answering(head % len(body) + body))
    weir = world.weir(tables.one(fake), {"upstream": {"read_bytes": 32768}}, workers=1)
    for _ in range(10):
        assert weir.call().body == body
    assert fake.nr_connections == 1


# ---- The choice among endpoints ----


def test_the_least_busy_endpoint_is_chosen(world):
    stuck, free = world.demo("1", do="fail=stall"), world.demo("1")
    weir = world.weir(tables.one([stuck, free]), workers=1)
    held = [weir.connect() for _ in range(3)]
    # Whoever gets the stuck endpoint holds one of its connections; from then on the other is less busy.
    for c in held:
        c.send_request()
    wait_until(lambda: stuck.count()["in_flight"] >= 1, "one hangs at the stuck endpoint")
    wait_until(lambda: stuck.count()["in_flight"] + free.count()["requests"] == 3, "all have been sent")
    nr_stuck = stuck.count()["in_flight"]
    for _ in range(20):
        assert weir.call().status == 200
    assert stuck.count()["in_flight"] == nr_stuck
    for c in held:
        c.close()


def test_equal_endpoints_share_the_work(world):
    demos = [world.demo("1") for _ in range(3)]
    weir = world.weir(tables.one(demos), workers=1)
    connections = [weir.connect() for _ in range(12)]
    for c in connections:
        c.send_request(target="/?fail=stall")
    wait_until(lambda: sum(d.count()["in_flight"] for d in demos) == 12, "all are in flight")
    assert [d.count()["in_flight"] for d in demos] == [4, 4, 4]
    for c in connections:
        c.close()


def test_an_endpoints_own_path_comes_first(world):
    demo = world.demo()
    weir = world.weir(
        tables.table(
            {"hello": tables.function({"1": demo.url + "/base", "2": demo.url + "/base/", "3": demo.url})},
            [tables.route(f"/{n}", qualifier=n) for n in "123"],
        )
    )
    assert weir.call(target="/1/x?y").json()["target"] == "/base/1/x?y"
    assert weir.call(target="/2/x?y").json()["target"] == "/base/2/x?y"
    assert weir.call(target="/3/x?y").json()["target"] == "/3/x?y"


def test_an_endpoint_may_be_named_by_host_name(world):
    demo = world.demo(address="127.0.0.1")
    weir = world.weir(tables.one(f"http://localhost:{demo.port}"))
    for _ in range(3):
        answer = weir.call()
        assert answer.status == 200
        assert ["Host", f"localhost:{demo.port}"] in answer.json()["headers"]


def test_a_host_name_that_does_not_exist_is_an_error_of_its_own(world):
    weir = world.weir(tables.one("http://nobody.invalid:80"), {"timeouts": {"connect_ms": 10000}})
    expect_error(weir.call(), 502, 503, 504)
    weir.expect_metric(1, "weir_errors_total", reason="resolve")


def test_other_requests_are_served_while_a_name_is_looked_up(world):
    demo = world.demo()
    weir = world.weir(
        tables.table(
            {"hello": tables.function({"1": demo, "2": "http://nobody.invalid:80"})},
            [tables.route(qualifier="1"), tables.route("/lost", qualifier="2")],
        ),
        workers=1,
    )
    with weir.connect() as c:
        c.send_request(target="/lost")
        for _ in range(20):
            assert weir.call().status == 200
        expect_error(c.read_answer(), 502, 503, 504)


# ---- Time limits ----


def test_a_refused_connection_is_502(world):
    weir = world.weir(tables.one(f"http://{ADDRESS}:{free_port()}"))
    expect_error(weir.call(), 502)
    weir.expect_metric(1, "weir_errors_total", reason="connect")


class Deaf:
    """A listener whose queue is full: connections to it neither succeed nor fail."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind((ADDRESS, 0))
        self.listener.listen(0)
        self.fillers = []
        for _ in range(4):
            s = socket.socket()
            s.setblocking(False)
            s.connect_ex(self.listener.getsockname())
            self.fillers.append(s)

    @property
    def url(self):
        return "http://{}:{}".format(*self.listener.getsockname())

    def close(self):
        for s in [self.listener, *self.fillers]:
            s.close()


def test_a_connection_that_does_not_come_about_is_504(world):
    deaf = Deaf()
    weir = world.weir(tables.one(deaf), {"timeouts": {"connect_ms": 200}, "upstream": {"retries": 0}})
    expect_error(weir.call(), 504)
    weir.expect_metric(1, "weir_errors_total", reason="connect_timeout")
    deaf.close()


def test_a_response_that_does_not_begin_is_504_and_its_connection_is_closed(world):
    demo = world.demo()
    weir = world.weir(tables.one(demo), {"timeouts": {"response_head_ms": 200}})
    expect_error(weir.call("POST", "/?fail=stall", body=b"x"), 504)
    demo.wait_for(lambda n: n["aborted"] == 1 and n["in_flight"] == 0, "the request was given up")
    weir.expect_metric(1, "weir_errors_total", reason="response_timeout")
    assert weir.call().status == 200


def test_the_time_limits_of_a_version_go_before_the_settings(world):
    demo = world.demo()
    weir = world.weir(tables.one(demo, timeouts={"response_head_ms": 200}))
    expect_error(weir.call(target="/?fail=stall"), 504)


def test_a_response_whose_body_stands_still_is_cut(world):
    demo = world.demo()
    weir = world.weir(tables.one(demo), {"timeouts": {"stream_idle_ms": 200}})
    for framing in ("", "&chunked"):
        answer = weir.call(target=f"/?size=1000&fail=stall&at=500{framing}")
        assert answer.status == 200 and not answer.complete
    demo.wait_for(lambda n: n["aborted"] == 2, "both were given up")
    weir.expect_metric(2, "weir_errors_total", reason="stream_timeout")


def test_a_body_that_moves_slowly_is_not_cut(world):
    demo = world.demo()
    weir = world.weir(tables.one(demo), {"timeouts": {"stream_idle_ms": 1000}})
    answer = weir.call(target="/?size=12&pace=1&pace_ms=150")
    assert answer.complete and answer.body == pattern(12)


def test_a_client_that_stops_in_its_body_is_given_up(world):
    demo = world.demo()
    weir = world.weir(tables.one(demo), {"timeouts": {"stream_idle_ms": 200}})
    with weir.connect() as c:
        c.send_request("POST", "/", [("Content-Length", "1000")])
        c.send(b"x" * 10)
        answer = c.read_answer()
        assert answer.status in (408, 504), answer
        assert c.wait_for_end()
    demo.wait_for(lambda n: n["aborted"] == 1 and n["in_flight"] == 0, "the request was given up")


# ---- Early responses ----


def test_a_response_before_the_requests_end_is_passed_on_at_once(world):
    demo = world.demo()
    weir = world.weir(tables.one(demo), workers=1)
    with weir.connect() as c:
        c.send_request("POST", "/?size=1000&early", [("Content-Length", "1000000")])
        c.send(b"x" * 1000)
        answer = c.read_answer()
        assert answer.status == 200 and answer.body == pattern(1000)
    assert weir.call().status == 200


def test_an_early_response_from_an_endpoint_that_closes_reaches_the_client_whole(world):
    demo = world.demo()
    weir = world.weir(tables.one(demo), workers=1)
    with weir.connect() as c:
        c.send_request("POST", "/?size=1000&early=close&status=413", [("Content-Length", "4000000")])
        # The client may find the connection closed while it still sends; the answer is there all the same.
        try:
            c.send(pattern(4000000))
        except ConnectionError:
            pass
        answer = c.read_answer()
        assert answer.status == 413 and answer.body == pattern(1000)
    assert weir.call().status == 200


def test_a_whole_upload_after_an_early_response_keeps_the_client_connection_in_step(world):
    demo = world.demo()
    weir = world.weir(tables.one(demo), workers=1)
    with weir.connect() as c:
        c.send_request("POST", "/?size=10&early", body=pattern(100000))
        answer = c.read_answer()
        assert answer.body == pattern(10)
        if answer.keep_alive:
            c.send_request(target="/next")
            assert c.read_answer().json()["target"] == "/next"
        else:
            assert c.wait_for_end()


class Hasty:
    """An endpoint that may answer before it is asked: weir stands still while requests come, and then makes connections for all of
    them in one turn of its loop, so that the first has seen something of its endpoint by the time that weir looks."""

    def __init__(self, world, handler, settings):
        self.fake = world.fake(handler)
        functions = {"hasty": tables.function({"1": self.fake}), "other": tables.function({"1": world.fake()})}
        routes = [tables.route("/hasty", "hasty", "1"), tables.route("/", "other", "1")]
        self.weir = world.weir(tables.table(functions, routes), settings, workers=1)

    def call(self):
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(self.weir.connect()) for _ in range(60)]
            self.weir.signal(signal.SIGSTOP)
            for n, c in enumerate(clients):
                c.send_request(target="/other" if n else "/hasty")
            self.weir.signal(signal.SIGCONT)
            return [c.read_answer() for c in clients][0]


def test_an_answer_that_comes_with_the_connection_is_seen(world):
    def handler(c):
        c.send(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok")
        c.wait_for_end()

    hasty = Hasty(world, handler, {"timeouts": {"response_head_ms": 8000}})
    for _ in range(20):
        answer = hasty.call()
        assert (answer.status, answer.body) == (200, b"ok")


def test_a_connection_on_which_the_endpoint_spoke_first_is_not_used_again(world):
    def handler(c):
        c.send(OK)
        while c.read_request() and c.read_request():
            c.send(OK)

    hasty = Hasty(world, handler, {"upstream": {"lifetime_requests": 2}})
    for _ in range(50):  # until the answer is faster than weir
        assert hasty.call().status == 200
        before = hasty.fake.nr_connections
        assert hasty.weir.call(target="/hasty").status == 200
        if hasty.fake.nr_connections > before:
            return
    pytest.fail("it was used again")


def test_the_largest_head_of_a_response_that_may_be_allowed_passes(world):
    fields = b"".join(b"X-%03d: %s\r\n" % (n, b"v" * 1290) for n in range(100))
    head = b"HTTP/1.1 200 " + b"r" * 8000 + b"\r\n" + fields + b"Content-Length: 2\r\n\r\n"
    fake = world.fake(answering(b"HTTP/1.1 103 " + head[13:-21] + b"\r\n" + head + b"ok"))
    weir = world.weir(tables.one(fake), {"limits": {"header_bytes": 131072, "header_count": 256}}, workers=1)
    for _ in range(2):
        answer = weir.call()
        assert answer.status == 200 and answer.body == b"ok" and len(answer.headers["x-099"]) == 1290
        assert answer.interim[0].headers["x-099"] == answer.headers["x-099"]


# ---- Responses that are none ----

BAD_RESPONSES = {
    "garbage": b"nonsense\r\n\r\n",
    "another protocol": b"SSH-2.0-OpenSSH_9.2\r\n",
    "a bad status": b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
    "a status over 999": b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/2": b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "length and chunked": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "a negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "an unknown coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nabc",
    "a NUL in a field": b"HTTP/1.1 200 OK\r\nX-A: a\0b\r\nContent-Length: 0\r\n\r\n",
    "a folded line": b"HTTP/1.1 200 OK\r\nX-A: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    "space before the colon": b"HTTP/1.1 200 OK\r\nX-A : a\r\nContent-Length: 0\r\n\r\n",
    "too large a head": b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 100000 + b"\r\nContent-Length: 0\r\n\r\n",
    "an upgrade nobody asked for": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "interim answers without end": b"HTTP/1.1 103 Early Hints\r\n\r\n" * 200,
}


DETAILS = {
    "two lengths": "Content-Length must be one decimal number",
    "length and chunked": "Content-Length",
    "too large a head": "limits.header_bytes",
    "an upgrade nobody asked for": "switches protocols",
    "interim answers without end": "too many interim responses",
}


@pytest.mark.parametrize("name", BAD_RESPONSES)
def test_a_malformed_response_is_502(world, name):
    def handler(c):
        c.read_request()
        c.send(BAD_RESPONSES[name])
        c.wait_for_end()

    fake = world.fake(handler)
    weir = world.weir(tables.one(fake), {"upstream": {"retries": 0}})
    answer = weir.call()
    expect_error(answer, 502)
    weir.expect_metric(1, "weir_errors_total", reason="bad_response")
    detail = weir.wait_for_log(1)[0]["detail"]
    assert answer.json()["Message"] == f"The endpoint's answer was refused: {detail}."
    assert DETAILS.get(name, "") in detail
    assert fake.nr_connections == 1


def test_a_response_cut_in_its_head_is_502(world):
    demo = world.demo()
    weir = world.weir(tables.one(demo))
    for how in ("close", "reset"):
        expect_error(weir.call("POST", f"/?size=10&fail={how}&at=head", body=b""), 502)
    weir.expect_metric(2, "weir_errors_total", reason="reset")


@pytest.mark.parametrize("broken", [b"zz\r\nabc\r\n", b"3\r\nabcX\r\n", b"-1\r\n", b"3\nabc\r\n", b"fffffffffffffffff\r\n"])
def test_a_response_whose_chunks_break_is_cut(world, broken):
    def handler(c):
        c.read_request()
        c.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n" + broken)
        c.wait_for_end()

    fake = world.fake(handler)
    weir = world.weir(tables.one(fake), {"upstream": {"retries": 0}})
    try:
        answer = weir.call()
        assert (answer.status == 200 and not answer.complete) or answer.status == 502
    except Closed:
        pass
    assert fake.nr_connections == 1


# ---- Retries ----


def closing_on_second(nr_broken=1):
    """Answers the first request of the first connections, and closes at the second without an answer."""

    def handler(c):
        n = 0
        while c.read_request():
            n += 1
            if n == 2 and c.number <= nr_broken:
                return
            c.send(OK)

    return handler


def test_a_get_on_a_connection_that_dies_is_tried_again(world):
    fake = world.fake(closing_on_second())
    weir = world.weir(tables.one(fake), {"upstream": {"retry_budget_percent": 100}}, workers=1)
    assert weir.call(target="/a").body == b"ok"
    assert weir.call(target="/b").body == b"ok"
    assert [r.target for r in fake.requests] == ["/a", "/b", "/b"]


def test_a_post_that_may_have_been_received_is_not_tried_again(world):
    fake = world.fake(closing_on_second())
    weir = world.weir(tables.one(fake), {"upstream": {"retry_budget_percent": 100}}, workers=1)
    assert weir.call("POST", "/a", body=b"x").body == b"ok"
    expect_error(weir.call("POST", "/b", body=b"x"), 502)
    assert [r.target for r in fake.requests] == ["/a", "/b"]
    assert weir.call("POST", "/c", body=b"x").body == b"ok"


def test_a_request_on_a_fresh_connection_that_dies_is_not_tried_again(world):
    fake = world.fake(lambda c: c.read_request())
    weir = world.weir(tables.one(fake), {"upstream": {"retries": 3, "retry_budget_percent": 100}}, workers=1)
    expect_error(weir.call(), 502)
    assert len(fake.requests) == 1
    weir.expect_metric(1, "weir_errors_total", reason="reset")


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_a_refused_connection_is_tried_again_only_so_often(world, retries):
    weir = world.weir(
        tables.one(f"http://{ADDRESS}:{free_port()}"),
        {"upstream": {"retries": retries, "retry_budget_percent": 100}},
        workers=1,
    )
    expect_error(weir.call("POST", body=b"x"), 502)
    metrics = weir.settled_metrics()
    assert metrics.value("weir_upstream_retries_total") == retries
    assert metrics.value("weir_errors_total", reason="connect") == 1


def test_a_refused_connection_is_tried_again_at_another_endpoint_of_the_version(world):
    demo = world.demo()
    dead = f"http://{ADDRESS}:{free_port()}"
    weir = world.weir(tables.one([dead, demo]), {"upstream": {"retry_budget_percent": 100}}, workers=1)
    for _ in range(6):
        assert weir.call("POST", body=b"x").status == 200
    assert demo.count()["requests"] == 6


def test_a_dead_version_keeps_its_share_and_no_other_serves_it(world):
    demo = world.demo("1")
    dead = f"http://{ADDRESS}:{free_port()}"
    weir = world.weir(tables.split({"1": demo, "2": dead}, {"1": 75, "2": 25}))
    answers = [weir.call() for _ in range(40)]
    assert sorted(a.status for a in answers) == [200] * 30 + [502] * 10
    assert demo.count()["requests"] == 30
    metrics = weir.settled_metrics()
    assert metrics.value("weir_invocations_total", version="2") == 10
    assert metrics.value("weir_errors_total", version="2", reason="connect") == 10


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429])
def test_an_endpoints_error_is_passed_on_and_not_tried_again(world, status):
    demo = world.demo()
    weir = world.weir(tables.one(demo))
    answer = weir.call(target=f"/?status={status}&size=10")
    assert answer.status == status and answer.body == pattern(10)
    assert demo.count()["requests"] == 1


def test_a_response_that_has_begun_is_not_tried_again(world):
    demo = world.demo()
    weir = world.weir(tables.one(demo))
    assert not weir.call(target="/?size=1000&fail=close&at=500").complete
    assert demo.count()["requests"] == 1


def test_a_get_with_a_body_that_was_streamed_is_not_tried_again_with_half_of_it(world):
    def handler(c):
        head = c.read_head()
        if head and c.number == 1:
            c.read_exactly(100000)
            return  # in the middle of the body
        if head:
            body = c.read_exactly(int(head.headers["content-length"]))
            c.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" + (b"ok" if body == pattern(400000) else b"no"))

    fake = world.fake(handler)
    weir = world.weir(tables.one(fake), workers=1)
    answer = weir.call("PUT", "/", body=pattern(400000))
    assert answer.status == 502 or answer.body == b"ok"


def test_retries_stay_within_their_budget(world):
    weir = world.weir(
        tables.one(f"http://{ADDRESS}:{free_port()}"), {"upstream": {"retries": 5, "retry_budget_percent": 0}}, workers=1
    )
    began = time.monotonic()
    for _ in range(100):
        assert weir.call().status in (502, 503)
    seconds = time.monotonic() - began
    # Five each would be 500. Three a second are always allowed, and up to a hundred saved from quiet times.
    assert weir.settled_metrics().value("weir_upstream_retries_total") <= 100 + 3 * (seconds + 2)


def test_a_fake_with_a_kept_connection_is_reused(world):
    fake = world.fake(answering())
    weir = world.weir(tables.one(fake), workers=1)
    for _ in range(5):
        assert weir.call().body == b"ok"
    assert fake.nr_connections == 1
