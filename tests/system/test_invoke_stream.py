"""InvokeWithResponseStream: weir frames what http and rie endpoints answer, as it comes, and passes on what lambda endpoints answer."""

import json
import threading

import pytest
from harness import tables
from harness.rie import Rie, TimedOut
from harness.waiting import wait_until

EventStreamBuffer = pytest.importorskip("botocore.eventstream", reason="python3-botocore is not installed").EventStreamBuffer
pytestmark = pytest.mark.fast

STREAM = "/2021-11-15/functions/{}/response-streaming-invocations"
TYPE = "application/vnd.amazon.eventstream"


def events(data):
    """(event type, payload) of each frame; botocore checks the checksums."""
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return [(e.headers[":event-type"], e.payload) for e in buffer]


def result(answer):
    """The whole payload, and the last frame's document."""
    assert answer.complete and answer.headers["content-type"] == TYPE
    *chunks, last = events(answer.body)
    assert all(kind == "PayloadChunk" for kind, _ in chunks) and last[0] == "InvokeComplete"
    return b"".join(payload for _, payload in chunks), json.loads(last[1])


def ask(weir, body=b"{}", function="hello:1", **more):
    return weir.call("POST", STREAM.format(function), body=body, **more)


def chunked(c, *pieces, end=True):
    c.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")
    for piece in pieces:
        c.send(b"%x\r\n%s\r\n" % (len(piece), piece))
    if end:
        c.send(b"0\r\n\r\n")


def test_an_http_response_is_framed(world):
    demo = world.demo("1")
    weir = world.weir(tables.one(demo))
    answer = ask(weir, b"abc", headers=[("X-Demo", "body")])
    payload, complete = result(answer)
    assert json.loads(payload)["body"] == "abc" and complete == {}
    assert answer.headers["x-amz-executed-version"] == "1"
    assert answer.status == 200 and "content-length" not in answer.headers
    assert json.loads(payload)["method"] == "POST"


def test_pieces_come_as_they_are_made(world):
    gate = threading.Event()

    def serve(c):
        c.read_request()
        chunked(c, b"one", end=False)
        gate.wait(20)
        c.send(b"3\r\ntwo\r\n0\r\n\r\n")

    weir = world.weir(tables.one(world.fake(serve)))
    with weir.connect() as c:
        c.send_request("POST", STREAM.format("hello:1"), body=b"{}")
        got = b""
        c.read_until(b"\r\n\r\n")
        while b"one" not in got:
            got += c.read_exactly(1)
        gate.set()
        while b"InvokeComplete" not in got:
            got += c.read_exactly(1)
    assert b"two" in got


@pytest.mark.parametrize("n", [0, 1, 4096, 5000, 3000000])
def test_any_length(world, n):
    body = bytes(i % 251 for i in range(n))

    def serve(c):
        while c.read_request():
            c.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % n + body)

    weir = world.weir(tables.one(world.fake(serve)))
    for _ in range(2):  # on one connection to the endpoint
        payload, complete = result(ask(weir))
        assert payload == body and complete == {}


def test_an_endpoint_that_dies_in_the_middle_ends_no_stream_silently(world):
    def serve(c):
        c.read_request()
        chunked(c, b"part", end=False)

    weir = world.weir(tables.one(world.fake(serve)))
    payload, complete = result(ask(weir))
    assert payload == b"part"
    assert complete["ErrorCode"] == "Runtime.ResponseEnded" and complete["ErrorDetails"]
    wait_until(lambda: len(weir.access_log()) == 1, "the line is there")
    assert weir.access_log()[0]["outcome"] == "reset"


def test_an_error_status_is_the_endpoints_own_response(world):
    def serve(c):
        while c.read_request():
            c.send(b"HTTP/1.1 404 No\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")

    answer = ask(world.weir(tables.one(world.fake(serve))))
    assert (answer.status, answer.body, answer.headers["content-type"]) == (404, b"{}", "application/json")


def test_errors_before_the_first_byte_are_plain(world):
    weir = world.weir(tables.one("http://127.0.0.1:1"))
    for function, status, kind in (("hello:1", 502, "BadGatewayException"), ("nobody", 404, "ResourceNotFoundException"), ("a!", 400, "ValidationException")):
        answer = ask(weir, function=function)
        assert (answer.status, answer.headers["x-amzn-errortype"]) == (status, kind)
        assert answer.headers["content-type"] == "application/json"


def test_types_of_a_stream(world):
    weir = world.weir(tables.one(world.demo("1")))
    assert ask(weir, headers=[("X-Amz-Invocation-Type", "DryRun")]).status == 204
    answer = ask(weir, headers=[("X-Amz-Invocation-Type", "Event")])
    assert answer.status == 400
    assert "enum value set: [RequestResponse, DryRun]" in answer.json()["message"]


def test_a_log_is_in_the_last_frame(world):
    weir = world.weir(tables.one(world.demo("1")))
    _, complete = result(ask(weir, headers=[("X-Amz-Log-Type", "Tail")]))
    assert list(complete) == ["LogResult"]


def test_a_timeout_of_the_function(world):
    gate = threading.Event()

    def serve(c):
        c.read_request()
        gate.wait(20)

    weir = world.weir(tables.one(world.fake(serve), timeout_ms=200))
    payload, complete = result(ask(weir))
    gate.set()
    assert payload == b"" and complete["ErrorCode"] == "Sandbox.Timedout"
    assert json.loads(complete["ErrorDetails"])["errorType"] == "Sandbox.Timedout"


def rie(world, run):
    stand_in = Rie(run)
    fake = world.fake(stand_in.serve)
    return world.weir(tables.table({"hello": tables.function({"1": {"kind": "rie", **tables.endpoints(fake)}})}))


@pytest.mark.parametrize("value", [None, 1, "text", [1, 2], {"a": 1}, {"errorCode": 1}, {"errorType": "only"}, {}, "x" * 100000])
def test_an_emulators_response_is_framed(world, value):
    payload, complete = result(ask(rie(world, lambda event, request: value)))
    assert json.loads(payload) == value and complete == {}


def test_a_functions_error_is_in_the_last_frame(world):
    def fail(event, request):
        if event == 1:
            raise TimedOut(3)
        raise ValueError("é")

    weir = rie(world, fail)
    payload, complete = result(ask(weir))
    assert (payload, complete["ErrorCode"]) == (b"", "Unhandled")
    assert json.loads(complete["ErrorDetails"])["errorMessage"] == "é"
    payload, complete = result(ask(weir, b"1"))
    assert json.loads(complete["ErrorDetails"])["errorType"] == "Sandbox.Timedout"


def test_an_emulators_pieces_come_as_they_are_made(world):
    gate = threading.Event()

    def serve(c):
        c.read_request()
        chunked(c, b'"one', end=False)
        gate.wait(20)
        c.send(b'4\r\ntwo"\r\n0\r\n\r\n')

    fake = world.fake(serve)
    weir = world.weir(tables.table({"hello": tables.function({"1": {"kind": "rie", **tables.endpoints(fake)}})}))
    with weir.connect() as c:
        c.send_request("POST", STREAM.format("hello:1"), body=b"{}")
        got = b""
        c.read_until(b"\r\n\r\n")
        while b'"one' not in got:
            got += c.read_exactly(1)
        gate.set()
        while b"InvokeComplete" not in got:
            got += c.read_exactly(1)


def test_a_slow_client_slows_the_endpoint(world):
    weir = world.weir(tables.one(world.demo("1", do="size=20000000")))
    with weir.connect(receive_buffer=4096) as c:
        c.send_request("POST", STREAM.format("hello:1"), body=b"{}")
        answer = c.read_answer("POST")
    payload, complete = result(answer)
    assert len(payload) == 20000000 and complete == {}


def test_a_lambda_endpoint_answers_for_itself(world):
    seen = []

    def serve(c):
        while (request := c.read_request()) is not None:
            seen.append(request)
            c.send(b"HTTP/1.1 200 OK\r\nContent-Type: " + TYPE.encode() + b"\r\nContent-Length: 3\r\n\r\nabc")

    fake = world.fake(serve)
    versions = {"1": {"kind": "lambda", **tables.endpoints(fake)}, "2": {"kind": "lambda", "endpoints": [fake.url + "/2015-03-31/functions/other/invocations"]}}
    weir = world.weir(tables.table({"hello": tables.function(versions)}))
    for version in "12":
        answer = ask(weir, function=f"hello:{version}")
        assert (answer.status, answer.body, answer.headers["content-type"]) == (200, b"abc", TYPE)
    assert [r.target for r in seen] == [
        "/2021-11-15/functions/hello/response-streaming-invocations?Qualifier=1",
        "/2021-11-15/functions/other/response-streaming-invocations",
    ]
