"""Invoking through the admin listener, so that one endpoint URL serves an SDK: its connections go to a worker for that, and back."""

import json
import os
import signal
import socket
import threading

import pytest
from harness import tables
from harness.certificates import Authority
from harness.client import Connection, make_request
from harness.places import ADDRESS, scaled
from harness.tls import TlsConnection, client_context
from harness.waiting import LIMIT_S, wait_until

INVOKE = "/2015-03-31/functions/hello:live/invocations"
ALIAS = "/functions/hello/aliases/live"
JSON = [("Content-Type", "application/json")]


@pytest.fixture
def echo(world):
    return world.demo("1", do="echo")


@pytest.fixture
def weir(world, echo):
    """Two versions at one endpoint that sends bodies back."""
    return world.weir(tables.split({"1": echo, "2": echo}, {"1": 100}))


def connect(weir, **more):
    return Connection(weir.admin_port, **more)


def post(c, body, path=INVOKE, headers=()):
    c.send_request("POST", path, headers, body, ADDRESS)
    return c.read_answer("POST")


def put(c, version):
    c.send_request("PUT", ALIAS, JSON, json.dumps({"weights": {version: 100}}).encode(), ADDRESS)
    return c.read_answer("PUT")


@pytest.mark.fast
def test_an_invoke_on_the_admin_listener_runs(weir):
    with connect(weir) as c:
        for body in (b"{}", b"", os.urandom(300_000)):
            answer = post(c, body)
            assert answer.status == 200 and answer.body == body
            assert answer.headers["x-amz-executed-version"] == "1"
            assert "x-amzn-requestid" in answer.headers
        c.send_request("GET", "/healthz", host=ADDRESS)
        assert c.read_answer().body == b"ok\n"
        missing = post(c, b"{}", "/2015-03-31/functions/nobody/invocations")
        assert missing.status == 404 and missing.headers["x-amzn-errortype"] == "ResourceNotFoundException"
        assert missing.json()["Message"] == "Function not found: arn:aws:lambda:us-east-1:000000000000:function:nobody:$LATEST"
        dry = post(c, b"{}", headers=[("X-Amz-Invocation-Type", "DryRun")])
        assert dry.status == 204
        c.send_request("GET", "/table", host=ADDRESS)
        assert "hello" in c.read_answer().json()["functions"]


def test_nothing_else_of_a_data_listener_is_served_there(weir):
    with connect(weir) as c:
        assert post(c, b"{}").status == 200
        c.send_request("GET", "/hello", host=ADDRESS)
        answer = c.read_answer()
        assert answer.status == 404 and "Served here" in answer.json()["Message"]


def test_changes_and_invocations_alternate_on_one_connection(weir):
    rounds = scaled(1000, 100)
    with connect(weir) as c:
        for i in range(rounds):
            version = "12"[i % 2]
            assert put(c, version).status == 200
            answer = post(c, b"%d" % i)
            assert answer.status == 200 and answer.body == b"%d" % i
            assert answer.headers["x-amz-executed-version"] == version, "a change that was answered is in force"


def test_pipelined_requests_of_both_kinds_are_answered_in_order(weir):
    requests, expected = [], []
    for i in range(200):
        if i % 3 == 0:
            requests.append(make_request("GET", "/healthz", host=ADDRESS))
            expected.append(("GET", b"ok\n"))
        else:
            body = b"%d " % i * (i * 7 % 400)
            requests.append(make_request("POST", INVOKE, body=body, host=ADDRESS))
            expected.append(("POST", body))
    whole = b"".join(requests)
    for size in (len(whole), 1009, 77):
        with connect(weir) as c:
            sender = threading.Thread(target=lambda c=c, size=size: [c.send(whole[at : at + size]) for at in range(0, len(whole), size)])
            sender.start()
            for method, body in expected:
                answer = c.read_answer(method)
                assert answer.status == 200 and answer.body == body
            sender.join()


def test_many_connections_do_both_at_once(weir):
    failures = []

    def work(n):
        try:
            with connect(weir) as c:
                for i in range(scaled(60, 10)):
                    body = b"%d-%d" % (n, i)
                    assert post(c, body).body == body
                    c.send_request("GET", "/readyz", host=ADDRESS)
                    assert c.read_answer().status == 200
        except BaseException as e:
            failures.append(e)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failures, failures[0]


def test_connections_that_are_with_workers_do_not_count_against_the_admin_listeners_limit(weir):
    kept = []
    try:
        for _ in range(300):
            c = connect(weir)
            kept.append(c)
            assert post(c, b"x").body == b"x"
        assert weir.admin("/healthz").status == 200
    finally:
        for c in kept:
            c.close()


def test_a_client_that_ends_its_sending_side_gets_its_answers(weir):
    with connect(weir) as c:
        c.send(make_request("POST", INVOKE, body=b"last", host=ADDRESS))
        c.socket.shutdown(socket.SHUT_WR)
        assert c.read_answer("POST").body == b"last"
        c.wait_for_end()
    with connect(weir) as c:
        c.send(make_request("POST", INVOKE, body=b"one", host=ADDRESS) + make_request("GET", "/healthz", host=ADDRESS))
        c.socket.shutdown(socket.SHUT_WR)
        assert c.read_answer("POST").body == b"one"
        assert c.read_answer("GET").body == b"ok\n"


def test_a_broken_request_after_an_invoke_is_refused(weir):
    with connect(weir) as c:
        assert post(c, b"x").status == 200
        c.send(b"GET / HTTP/1.1\r\nHost : x\r\n\r\n")
        assert c.read_answer().status == 400


class Slow:
    """A handler for Fake that answers once .release is set."""

    def __init__(self):
        self.release, self.is_waiting = threading.Event(), threading.Event()

    def __call__(self, connection):
        while connection.read_request():
            self.is_waiting.set()
            assert self.release.wait(LIMIT_S)
            connection.socket.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


def test_a_drain_answers_what_runs_and_ends_what_is_idle(world):
    slow = Slow()
    weir = world.weir(tables.split({"1": world.fake(slow)}, {"1": 100}))
    slow.release.set()
    with connect(weir) as idle, connect(weir) as busy:
        assert post(idle, b"x").body == b"ok"
        slow.release.clear()
        slow.is_waiting.clear()
        busy.send(make_request("POST", INVOKE, body=b"y", host=ADDRESS))
        wait_until(slow.is_waiting.is_set, "the invocation runs")
        weir.signal(signal.SIGTERM)
        weir.wait_for_words("draining")
        idle.wait_for_end()
        slow.release.set()
        answer = busy.read_answer("POST")
        assert answer.body == b"ok" and not answer.keep_alive
    assert weir.wait() == 0


def test_web_pages_cannot_invoke_through_the_admin_listener(weir):
    for headers, host in (([("Origin", "https://evil.example")], ADDRESS), ([], "evil.example")):
        with connect(weir) as c:
            c.send_request("POST", INVOKE, headers, b"{}", host)
            answer = c.read_answer("POST")
            assert answer.status == 403 and answer.headers["x-amzn-errortype"] == "AccessDeniedException"


# ---- Who may ----


def test_the_token_holds_for_invocations_too(world, echo, tmp_path):
    token = tmp_path / "token"
    token.write_text("s3cret")
    weir = world.weir(tables.split({"1": echo}, {"1": 100}), {"admin": {"token_file": str(token)}})
    with connect(weir) as c:
        assert post(c, b"x", headers=[("Authorization", "Bearer s3cret")]).body == b"x"
    for headers in ([], [("Authorization", "Bearer other")]):
        with connect(weir) as c:
            assert post(c, b"x", headers=headers).status == 403
    assert weir.invoke("hello:live").status == 200, "the data listener asks for nothing"


def test_a_stock_client_needs_one_endpoint_url(world, echo, tmp_path):
    botocore = pytest.importorskip("botocore.session", reason="python3-botocore is not installed")
    keys = tmp_path / "keys.json"
    key = {"access_key_id": "AKIDWEIR", "secret_access_key": "a-secret", "allow": ["invoke", "read", "write"], "functions": ["*"]}
    keys.write_text(json.dumps({"keys": [key, {**key, "access_key_id": "AKIDCI", "allow": ["invoke"]}]}))
    weir = world.weir(tables.split({"1": echo, "2": echo}, {"1": 100}), {"aws": {"credentials_file": str(keys)}})

    def client(name):
        session = botocore.Session()
        session.set_credentials(name, "a-secret")
        return session.create_client("lambda", region_name="us-east-1", endpoint_url=f"http://{ADDRESS}:{weir.admin_port}")

    operator, ci = client("AKIDWEIR"), client("AKIDCI")
    for i in range(scaled(100, 20)):
        version = "12"[i % 2]
        operator.update_alias(FunctionName="hello", Name="live", FunctionVersion=version)
        payload = b'{"i": %d}' % i
        for c in (operator, ci):
            answer = c.invoke(FunctionName="hello", Qualifier="live", Payload=payload)
            assert answer["ExecutedVersion"] == version and answer["Payload"].read() == payload
    with pytest.raises(ci.exceptions.ClientError) as info:
        ci.get_alias(FunctionName="hello", Name="live")
    assert info.value.response["Error"]["Code"] == "AccessDeniedException"


def test_tls_sessions_go_with_their_connections(world, echo, tmp_path):
    authority = Authority(tmp_path / "ca")
    pair = authority.issue("admin", names=["DNS:admin.test"])
    tls = {**pair.settings(), "client_ca": str(authority.file)}
    weir = world.weir(tables.split({"1": echo, "2": echo}, {"1": 100}), {"admin": {"hosts": "*", "tls": tls}}, wait=False)
    weir.wait_for_words("weir is ready")
    own = client_context(authority, certificate=authority.issue("operator"))
    with TlsConnection(weir.admin_port, own, "admin.test") as c:
        for i in range(scaled(50, 10)):
            version = "12"[i % 2]
            assert put(c, version).status == 200
            body = os.urandom(40_000)
            answer = post(c, body)
            assert answer.body == body and answer.headers["x-amz-executed-version"] == version
    with TlsConnection(weir.admin_port, client_context(authority), "admin.test") as c:
        assert post(c, b"x").status == 403
