"""TLS towards clients: what they get, who they are, and that a cut never looks like an end."""

import os
import signal
import ssl
import subprocess
import threading

import pytest
from harness import places
from harness.certificates import Authority
from harness.client import Connection
from harness.fake import answering
from harness.places import scaled
from harness.tls import client_context
from harness.tls_weir import TlsWeir, is_resumed, rejected_handshakes, resumable_session
from harness.waiting import LIMIT_S, wait_until

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]

EOF_ANSWER = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nbeginning and end"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def pair(authority):
    return authority.issue("shop", ["DNS:shop.test"])


@pytest.fixture
def start(world, pair, authority):
    """Starts weir with TLS before an endpoint."""

    def begin(place, settings=None, **tls):
        return TlsWeir(world, place, tls.pop("pair", pair), authority, settings, **tls)

    return begin


@pytest.fixture(scope="module")
def shared(shared_world, pair, authority):
    demo = shared_world.demo("1")
    tls = TlsWeir(shared_world, demo, pair, authority)
    tls.demo = demo
    return tls


# ---- Requests ----


@pytest.mark.fast
@pytest.mark.parametrize("version", VERSIONS)
def test_requests_pass_in_both_versions_of_tls(shared, version):
    with shared.connect(client_context(shared.authority, version)) as c:
        assert c.socket.version() == {VERSIONS[0]: "TLSv1.2", VERSIONS[1]: "TLSv1.3"}[version]
        assert c.socket.selected_alpn_protocol() == "http/1.1"
        for _ in range(3):
            c.send_request("POST", "/", body=b"x" * 1000)
            answer = c.read_answer("POST")
            assert answer.status == 200 and answer.complete
            assert answer.headers["x-amz-executed-version"] == "1"


@pytest.mark.fast
def test_curl_is_content(shared, authority):
    name = f"shop.test:{shared.weir.port}"
    done = subprocess.run(
        ["curl", "-sS", "--fail", "--max-time", str(LIMIT_S), "--cacert", authority.file, "--resolve", f"{name}:{places.ADDRESS}"]
        + ["-w", "%{ssl_verify_result} %{num_connects}\n", "-o", "/dev/null", f"https://{name}/a", "-o", "/dev/null", f"https://{name}/b"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n") == ["0 1", "0 0", ""]


def test_the_endpoint_is_told_of_https(world, start):
    fake = world.fake()
    tls = start(fake)
    assert tls.call().status == 200
    assert fake.requests[0].headers["x-forwarded-proto"] == "https"
    assert fake.requests[0].headers["x-forwarded-host"] == "weir.test"


def test_pipelined_requests_in_one_record_are_answered_in_order(shared):
    with shared.connect() as c:
        c.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: weir.test\r\n\r\n" % i for i in range(20)))
        for _ in range(20):
            assert c.read_answer().status == 200


def test_a_request_in_many_records_is_one_request(shared):
    with shared.connect() as c:
        for byte in b"POST /x HTTP/1.1\r\nHost: weir.test\r\nContent-Length: 3\r\n\r\nabc":
            c.send(bytes([byte]))
        assert c.read_answer().status == 200


@pytest.mark.parametrize("version", VERSIONS)
def test_large_bodies_pass_both_ways(world, start, version):
    body = os.urandom(1 << 20) * 8

    def echo(c):
        while request := c.read_request():
            c.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(request.body) + request.body)

    tls = start(world.fake(echo))
    with tls.connect(client_context(tls.authority, version), receive_buffer=65536) as c:
        c.send_request("POST", "/", body=body)
        answer = c.read_answer("POST")
        assert answer.complete and answer.body == body


# ---- Sessions ----


@pytest.mark.parametrize("version", VERSIONS)
def test_sessions_are_resumed_by_all_workers_and_after_reloads(world, start, version):
    tls = start(world.fake(), workers=4)
    context = client_context(tls.authority, version)
    sessions = [resumable_session(tls, context) for _ in range(12)]
    assert all(is_resumed(tls, context, s) for s in sessions[:8])
    assert tls.weir.reload().status == 200
    assert all(is_resumed(tls, context, s) for s in sessions[8:10])
    # Also by a server made anew, as changed settings make it.
    assert tls.change_settings(lambda s: s.update(tls={"ticket_rotation_s": 7200})).status == 200
    assert all(is_resumed(tls, context, s) for s in sessions[10:])


def test_a_thousand_resumptions_in_a_row_leave_nothing_behind(world, start):
    tls = start(world.fake())
    context = client_context(tls.authority)
    session = resumable_session(tls, context)

    def resume(n):
        nonlocal session
        for _ in range(n):
            with tls.connect(context, session=session) as c:
                c.send_request()
                assert c.read_answer().status == 200
                assert c.is_resumed
                session = c.socket.session  # with TLS 1.3 each ticket is used once
                c.say_goodbye()

    resume(scaled(200, 50))
    tls.weir.expect_metric(0, "weir_client_connections")
    descriptors, memory = tls.weir.nr_descriptors(), tls.weir.rss_kib()
    resume(scaled(1000, 100))
    tls.weir.expect_metric(0, "weir_client_connections")
    assert tls.weir.nr_descriptors() <= descriptors + 4  # endpoints' connections come and go
    assert places.SANITIZER or tls.weir.rss_kib() - memory < 1024
    assert rejected_handshakes(tls.weir) == 0


@pytest.mark.parametrize("version", VERSIONS)
def test_a_restart_ends_sessions_and_their_clients_begin_anew(world, start, version):
    first, second = start(world.fake()), start(world.fake())
    context = client_context(first.authority, version)
    session = resumable_session(first, context)
    assert not is_resumed(second, context, session)


def test_an_idle_connection_takes_little_memory(world, start):
    n = scaled(500, 50)
    tls = start(world.fake(), workers=1)

    def open_some():
        out = []
        for _ in range(n):
            c = tls.connect()
            c.send_request()
            assert c.read_answer().status == 200
            out.append(c)
        return out

    for c in open_some():  # what is kept for reuse is there from now on
        c.close()
    tls.weir.expect_metric(0, "weir_client_connections")
    before = tls.weir.rss_kib()
    connections = open_some()
    assert places.SANITIZER or (tls.weir.rss_kib() - before) / n < 48, "KiB a connection"
    for c in connections:
        c.close()


# ---- HSTS and redirect ----


@pytest.mark.fast
def test_hsts_is_on_every_answer_over_tls_and_on_no_other(world, start):
    fake = world.fake(answering(b"HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=1\r\nContent-Length: 0\r\n\r\n"))
    tls = start(fake, hsts_max_age_s=31536000)
    hsts = "strict-transport-security"
    assert tls.call().headers.all(hsts) == ["max-age=31536000"]
    missing = tls.call("POST", "/2015-03-31/functions/nobody/invocations", body=b"{}")
    assert missing.status == 404 and missing.headers.all(hsts) == ["max-age=31536000"]
    with tls.connect() as c:
        c.send(b"nonsense\r\n\r\n")
        assert c.read_answer().headers.all(hsts) == ["max-age=31536000"]
    with Connection(tls.plain_port) as c:
        c.send_request("POST", "/2015-03-31/functions/nobody/invocations", body=b"{}")
        assert hsts not in c.read_answer("POST").headers


def test_hsts_and_redirects_change_with_a_reload(world, start):
    tls = start(world.fake(), plain={"redirect_to_https": True, "redirect_port": 8443}, hsts_max_age_s=60)
    for age, port, shown in ((120, 9443, ":9443"), (0, 443, "")):

        def change(settings):
            settings["listeners"][0]["tls"]["hsts_max_age_s"] = age  # noqa: B023
            settings["listeners"][1]["redirect_port"] = port  # noqa: B023

        assert tls.change_settings(change).status == 200
        for _ in range(8):  # whichever worker it is
            assert tls.call().headers.all("strict-transport-security") == ([f"max-age={age}"] if age else [])
            with Connection(tls.plain_port) as c:
                c.send_request(host="shop.test")
                assert c.read_answer().headers["location"] == f"https://shop.test{shown}/"


@pytest.mark.parametrize("port, shown", [(443, ""), (8443, ":8443")])
def test_a_plain_listener_can_send_everybody_to_https(world, start, port, shown):
    fake = world.fake()
    tls = start(fake, plain={"redirect_to_https": True, "redirect_port": port})
    with Connection(tls.plain_port) as c:
        c.send_request("GET", "/a/b?c=d", host="shop.test:8080")
        answer = c.read_answer()
        assert answer.status == 308 and answer.headers["location"] == f"https://shop.test{shown}/a/b?c=d"
        c.send_request("POST", "/", body=b"x" * 100, host="shop.test")
        answer = c.read_answer("POST")
        assert answer.status == 308 and answer.headers["location"] == f"https://shop.test{shown}/"
    assert fake.requests == []


# ---- Ends and cuts ----


def raw_body(c, n):
    """What of a request's body arrives before the connection ends."""
    body = c.buffer
    while len(body) < n:
        data = c.socket.recv(65536)
        if not data:
            break
        body += data
    return body


def test_what_runs_is_finished_before_weir_ends(world, start):
    go_on = threading.Event()

    def handler(c):
        c.read_request()
        c.send(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf")
        assert go_on.wait(LIMIT_S)
        c.send(b"full")

    tls = start(world.fake(handler))
    with tls.connect() as c:
        c.send_request()
        answer = c.read_final_head()
        tls.weir.signal(signal.SIGTERM)
        wait_until(lambda: "draining" in tls.weir.stderr(), "weir drains")
        go_on.set()
        c.read_content(answer)
        assert answer.complete and answer.body == b"halffull"
        assert c.wait_for_end() == "closed"
    assert tls.weir.wait() == 0


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("framing", [("Content-Length", "1000"), ("Transfer-Encoding", "chunked")], ids=["length", "chunked"])
def test_a_request_that_is_cut_does_not_reach_the_endpoint_whole(world, start, version, framing):
    seen = []

    def handler(c):
        c.read_head()
        try:
            seen.append(raw_body(c, 1000))
        except ConnectionError:
            seen.append(b"reset")

    tls = start(world.fake(handler))
    for is_announced in (False, True):
        with tls.connect(client_context(tls.authority, version)) as c:
            c.send_request("POST", "/", headers=[framing])
            c.send(b"1f4\r\n" + b"x" * 500 + b"\r\n")
            if is_announced:
                c.say_goodbye()
        wait_until(lambda: len(seen) == 1 + is_announced, "the endpoint sees the end")  # noqa: B023
        assert len(seen[-1]) < 1000 and b"\r\n0\r\n" not in seen[-1]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "beginning",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf",
    ],
    ids=["length", "chunked", "close"],
)
@pytest.mark.parametrize("http", ["1.0", "1.1"])
def test_an_answer_that_is_cut_does_not_look_whole(world, start, version, beginning, http):
    def handler(c):
        c.read_request()
        c.send(beginning)
        wait_until(lambda: got, "the client has the beginning")
        c.reset()

    got = []
    tls = start(world.fake(handler))
    with tls.connect(client_context(tls.authority, version)) as c:
        c.send_request(version=http)
        answer = c.read_final_head()
        got.append(c.read_until(b"half"))
        assert got[0] is not None
        c._choose_framing(answer, "GET")
        if answer.framing == "chunked":
            assert c.read_until(b"\r\n0\r\n") is None
        else:
            assert c.read_exactly(1000) is None
        assert c.end in ("cut", "reset"), "the end was announced"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("http", ["1.0", "1.1"])
def test_a_whole_answer_ends_with_a_farewell(world, start, version, http):
    def handler(c):
        c.read_request()
        c.send(EOF_ANSWER)

    tls = start(world.fake(handler))
    with tls.connect(client_context(tls.authority, version)) as c:
        c.send_request(version=http, headers=[("Connection", "close")])
        answer = c.read_answer()
        assert answer.complete and answer.body == b"beginning and end"
        assert c.wait_for_end() == "closed"


@pytest.mark.parametrize("request_bytes", [b"nonsense\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"])
def test_a_refusal_ends_with_a_farewell(shared, request_bytes):
    with shared.connect() as c:
        c.send(request_bytes)
        assert c.read_answer().status == 400
        assert c.wait_for_end() == "closed"


def test_idle_connections_end_with_a_farewell(world, start):
    tls = start(world.fake(), {"timeouts": {"client_idle_ms": 50}})
    with tls.connect() as c:
        c.send_request()
        assert c.read_answer().status == 200
        assert c.wait_for_end() == "closed"


def test_upgraded_connections_pass_bytes_both_ways(world, start):
    def handler(c):
        request = c.read_request()
        assert request.headers["upgrade"] == "websocket"
        c.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
        while data := c.socket.recv(65536):
            c.send(data)

    tls = start(world.fake(handler))
    with tls.connect() as c:
        c.send_request(headers=[("Upgrade", "websocket"), ("Connection", "Upgrade")])
        assert c.read_head().status == 101
        for size in (1, 1000, 100000):
            c.send(b"y" * size)
            assert c.read_exactly(size) == b"y" * size
