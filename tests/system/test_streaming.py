"""Bodies in motion: memory stays bounded, both ways flow at once, and an end that is none is visible."""

import threading

import pytest
from harness import tables
from harness.client import Connection, Malformed, make_chunk
from harness.pattern import BLOCK, Checker, pattern
from harness.places import SANITIZED, scaled
from harness.waiting import wait_until, wait_until_steady

MIB = 1 << 20
BIG = scaled(1024 * MIB, 64 * MIB)
# What weir may need beyond its memory at rest while bodies stream: a few MiB per exchange, and what allocators and the
# sanitizers' quarantines hold on to.
ROOM_KIB = scaled(12, 200) * 1024


class Memory:
    """Watches weir's peak memory within a block."""

    def __init__(self, weir, room_kib=ROOM_KIB):
        self.weir = weir
        self.room_kib = room_kib

    def __enter__(self):
        self.before = self.weir.rss_kib()
        self.weir.forget_peak_rss()
        return self

    def grown_kib(self):
        return self.weir.peak_rss_kib() - self.before

    def __exit__(self, kind, *_):
        if kind is None:
            grown = self.grown_kib()
            print(f"memory: {self.before} KiB before, {grown} KiB more at the peak")
            assert grown < self.room_kib, f"weir's memory grew by {grown} KiB"


def send_pattern(c, n):
    """Sends n bytes of the pattern in large pieces."""
    piece = pattern(len(BLOCK) * 16)
    left = n
    while left > 0:
        c.send(piece if left >= len(piece) else piece[:left])
        left -= min(left, len(piece))


@pytest.mark.slow
@pytest.mark.parametrize("framing", ["", "&chunked"], ids=["length", "chunked"])
def test_a_large_download_streams_through_bounded_memory(plain, framing):
    plain.call()
    with Memory(plain), plain.connect() as c:
        c.send_request(target=f"/?size={BIG}{framing}")
        check = Checker()
        answer = c.read_answer(sink=check)
        assert answer.complete and check.is_pattern and check.count == BIG


@pytest.mark.slow
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_large_upload_streams_through_bounded_memory(plain, framing):
    plain.call()
    with Memory(plain), plain.connect() as c:
        if framing == "length":
            c.send_request("POST", "/", [("Content-Length", str(BIG))])
            send_pattern(c, BIG)
        else:
            c.send_request("POST", "/", [("Transfer-Encoding", "chunked")])
            piece = make_chunk(BLOCK) * 16
            for _ in range(BIG // len(BLOCK) // 16):
                c.send(piece)
            c.send(make_chunk(BLOCK[: BIG % len(BLOCK)]) + b"0\r\n\r\n")
        seen = c.read_answer().json()
        assert seen["body_is_complete"] and seen["body_is_pattern"] and seen["body_bytes"] > BIG * 0.9


def test_a_client_that_stops_reading_stops_the_endpoint(plain):
    size = 256 * MIB
    with Memory(plain), plain.connect(receive_buffer=65536) as c:
        c.send_request(target=f"/?size={size}")
        head = c.read_final_head()
        wait_until_steady(plain.cpu_ticks, "weir is at rest")
        assert plain.demo.count()["in_flight"] == 1, "the endpoint could send everything: nothing held it back"
        check = Checker()
        c.read_content(head, sink=check)
        assert head.complete and check.is_pattern and check.count == size


def test_an_endpoint_that_does_not_read_stops_the_client(plain):
    size = 64 * MIB
    sent = 0
    with Memory(plain), plain.connect(timeout=1) as c:
        c.send_request("POST", "/?read_delay=3000", [("Content-Length", str(size))])
        # Fill everything between here and the endpoint.
        piece = pattern(len(BLOCK) * 16)
        offset = 0
        c.socket.setblocking(False)

        def is_full():
            nonlocal sent, offset
            try:
                while sent < size:
                    n = c.socket.send(piece[offset : offset + size - sent])
                    sent += n
                    offset = (offset + n) % len(piece)
            except BlockingIOError:
                pass
            return sent

        wait_until_steady(is_full, "no more can be sent")
        assert sent < size, "the whole body was taken though the endpoint read nothing"
        c.socket.setblocking(True)
        c.socket.settimeout(60)
        while sent < size:
            part = piece[offset : offset + min(len(piece) - offset, size - sent)]
            c.send(part)
            sent += len(part)
            offset = (offset + len(part)) % len(piece)
        seen = c.read_answer().json()
        assert seen["body_bytes"] == size and seen["body_is_pattern"]


@pytest.mark.slow
def test_many_slow_readers_need_little_memory_each(plain):
    nr = 30
    connections = []
    # A socket's own buffers are the kernel's; weir's share per exchange is what is asserted.
    with Memory(plain, ROOM_KIB + nr * 1024):
        for _ in range(nr):
            c = plain.connect(receive_buffer=8192)
            c.send_request(target="/?size=64m")
            connections.append(c)
        for c in connections:
            assert c.read_final_head().status == 200
        wait_until_steady(plain.cpu_ticks, "weir is at rest")
    for c in connections:
        c.close()
    plain.demo.wait_for(lambda n: n["in_flight"] == 0, "all were given up")


def test_a_slow_writer_is_waited_for(plain):
    with plain.connect() as c:
        c.send_request("POST", "/", [("Transfer-Encoding", "chunked")])
        for i in range(0, 100):
            c.send(make_chunk(pattern(10, i * 10)))
            if i % 10 == 0:
                wait_until_steady(plain.cpu_ticks, "weir has passed it on", times=1, pause_s=0.01)
        c.send(b"0\r\n\r\n")
        seen = c.read_answer().json()
        assert seen["body_bytes"] == 1000 and seen["body_is_pattern"]


def test_a_slow_reading_endpoint_gets_everything(plain):
    n = 2 * MIB
    seen = plain.call("POST", "/?read_pace=65536&read_pace_ms=5", body=pattern(n)).json()
    assert seen["body_bytes"] == n and seen["body_is_pattern"]


# ---- Both ways at once ----


@pytest.mark.fast
def test_each_chunk_comes_back_before_the_next_is_sent(plain):
    with plain.connect() as c:
        c.send_request("POST", "/?echo", [("Transfer-Encoding", "chunked")])
        for i in range(30):
            message = b"message %d" % i
            c.send(make_chunk(message))
            if i == 0:
                head = c.read_final_head()
                assert head.status == 200 and head.headers["transfer-encoding"] == "chunked"
            got = b""
            while len(got) < len(message):
                n = int(c.read_until(b"\r\n"), 16)
                got += c.read_exactly(n)
                assert c.read_exactly(2) == b"\r\n"
            assert got == message
        c.send(make_chunk({"X-End": "yes"}))
        assert c.read_until(b"\r\n") == b"0\r\n"
        assert c.read_until(b"\r\n\r\n") == b"X-End: yes\r\n\r\n"


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_an_echo_of_many_megabytes_flows_both_ways_at_once(plain, framing):
    n = len(BLOCK) * scaled(1024, 128)
    with Memory(plain), plain.connect() as c:
        if framing == "length":
            c.send_request("POST", "/?echo", [("Content-Length", str(n))])
            sender = threading.Thread(target=send_pattern, args=(c, n))
        else:
            c.send_request("POST", "/?echo", [("Transfer-Encoding", "chunked")])
            data = make_chunk(BLOCK) * (n // len(BLOCK)) + b"0\r\n\r\n"
            sender = threading.Thread(target=c.send, args=(data,))
        sender.start()
        check = Checker()
        answer = c.read_answer(sink=check)
        sender.join()
        assert answer.complete and check.is_pattern and check.count == n


@pytest.mark.fast
def test_the_first_bytes_arrive_though_the_rest_never_comes(plain):
    for framing in ("", "&chunked", "&eof"):
        with plain.connect() as c:
            c.send_request(target=f"/?size=1000&fail=stall&at=5{framing}")
            head = c.read_final_head()
            if "transfer-encoding" in head.headers:
                c.read_until(b"\r\n")
            assert c.read_exactly(5) == pattern(5)


# ---- Clients that leave ----


@pytest.mark.fast
@pytest.mark.parametrize("how", ["close", "reset"])
@pytest.mark.parametrize("when", ["waiting", "downloading", "uploading"])
def test_a_client_that_leaves_ends_the_work_at_the_endpoint_where_the_settings_say_so(world, when, how):
    demo = world.demo()
    weir = world.weir(tables.one(demo), {"client_half_close": "abort"})
    c = weir.connect()
    if when == "waiting":
        c.send_request("POST", "/?fail=stall", body=b"x")
    elif when == "downloading":
        c.send_request(target="/?size=1g")
        assert c.read_final_head().status == 200
    else:
        c.send_request("POST", "/", [("Content-Length", "1000000")])
        c.send(b"x" * 1000)
    demo.wait_for(lambda n: n["in_flight"] == 1, "the request has arrived")
    getattr(c, how)()
    demo.wait_for(lambda n: n["aborted"] == 1 and n["in_flight"] == 0, "it was given up")
    wait_until(
        lambda: weir.metrics().value("weir_errors_total", reason="client_abort") == 1, "the abort is counted"
    )
    assert weir.call().status == 200


# ---- Endpoints that die ----

DEATHS = [
    (framing, fail, at)
    for framing in ("", "&chunked", "&chunked=100")
    for fail in ("close", "reset")
    for at in ("0", "1", "50", "99999")
]


@pytest.mark.fast
@pytest.mark.parametrize("framing,fail,at", DEATHS)
def test_an_endpoint_that_dies_in_its_body_leaves_a_visibly_incomplete_answer(plain, framing, fail, at):
    answer = plain.call(target=f"/?size=100000&fail={fail}&at={at}{framing}")
    if answer.status == 502:
        # weir may learn of the end before it has passed on anything.
        assert answer.complete and at != "99999"
        return
    assert answer.status == 200 and not answer.complete
    assert pattern(100000).startswith(answer.body)
    if fail == "close":
        assert len(answer.body) == int(at)


@pytest.mark.fast
@pytest.mark.parametrize("fail", ["close", "reset"])
def test_a_chunked_answer_without_its_last_chunk_is_incomplete(plain, fail):
    answer = plain.call(target=f"/?size=1000&chunked&fail={fail}&at=end")
    assert answer.status == 502 or not answer.complete


@pytest.mark.fast
def test_an_answer_that_ends_with_its_connection_is_incomplete_after_a_reset(plain):
    answer = plain.call(target="/?size=100000&eof&fail=reset&at=50000")
    assert answer.status == 502 or not answer.complete


@pytest.mark.fast
@pytest.mark.parametrize("framing", ["", "&chunked"])
def test_an_http_1_0_client_sees_a_dead_endpoint_as_well(plain, framing):
    for _ in range(5):
        answer = plain.call(target=f"/?size=100000&fail=close&at=50000{framing}", version="1.0")
        # Without chunks only a reset can tell.
        assert not answer.complete, answer


@pytest.mark.fast
def test_the_client_connection_ends_after_an_incomplete_answer(plain):
    with plain.connect() as c:
        c.send_request(target="/?size=1000&fail=close&at=500")
        c.send_request(target="/next")
        answer = c.read_answer()
        assert not answer.complete
        assert c.end in ("closed", "reset") and not c.buffer


@pytest.mark.fast
def test_an_endpoint_that_dies_during_an_upload_is_a_502(world):
    def handler(c):
        head = c.read_head()
        if head:
            c.read_exactly(1000)
            c.reset()

    weir = world.weir(tables.one(world.fake(handler)))
    with weir.connect() as c:
        c.send_request("POST", "/", [("Content-Length", "10000000")])
        try:
            send_pattern(c, 10000000)
        except ConnectionError:
            pass
        try:
            answer = c.read_answer()
            assert answer.status == 502
        except (ConnectionError, Malformed):
            # The answer can be lost when weir closes while bytes of the request are on their way.
            pass
    weir.expect_metric(1, "weir_errors_total", reason="reset")


@pytest.mark.slow
def test_deaths_and_departures_leave_nothing_behind(world):
    demo = world.demo()
    weir = world.weir(tables.one(demo))
    weir.call()
    wait_until_steady(weir.nr_descriptors, "descriptors are at rest")
    descriptors = weir.nr_descriptors()
    targets = [
        "/?size=100000&fail=close&at=50000",
        "/?size=100000&chunked&fail=reset&at=50000",
        "/?fail=close",
        "/?fail=reset&at=request",
        "/?size=1m",
    ]
    for i in range(scaled(300, 100)):
        with Connection(weir.port) as c:
            c.send_request("POST" if i % 2 else "GET", targets[i % 5], body=b"x" if i % 2 else None)
            if i % 3:
                try:
                    c.read_answer()
                except ConnectionError:
                    pass
    demo.wait_for(lambda n: n["in_flight"] == 0, "nothing is in flight")
    wait_until(lambda: weir.nr_descriptors() <= descriptors + 1, "all descriptors are back")
    weir.expect_metric(0, "weir_invocations_in_flight")
    if not SANITIZED:
        assert weir.rss_kib() < 64 * 1024
