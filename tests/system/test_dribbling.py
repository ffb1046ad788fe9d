"""Endpoints of kind rie and lambda that begin to answer and never end, or that answer more than they may: behind an Invoke, behind a stream, behind a function URL."""

import json
import struct
import threading
import zlib

import pytest
from harness import tables
from harness.waiting import wait_until

pytestmark = pytest.mark.fast

STREAM = "/2021-11-15/functions/hello:live/response-streaming-invocations"
STREAM_TYPE = b"Content-Type: application/vnd.amazon.eventstream\r\n"
PRELUDE = b'{"statusCode":201}' + bytes(8)


def frame(kind, payload):
    headers = b"".join(bytes([len(n)]) + n + b"\x07" + struct.pack(">H", len(v)) + v for n, v in ((b":event-type", kind), (b":message-type", b"event")))
    head = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    body = head + struct.pack(">I", zlib.crc32(head)) + headers + payload
    return body + struct.pack(">I", zlib.crc32(body))


class Dribbler:
    """An endpoint that sends first, and then a piece every now and then for ever; is_over is set where its connection has ended."""

    def __init__(self, first=b"", piece=b" ", fields=b""):
        self.first, self.piece, self.fields = first, piece, fields
        self.is_over = threading.Event()
        self.nr = 0

    def serve(self, c):
        if c.read_request() is None:
            return
        self.nr += 1
        try:
            c.send(b"HTTP/1.1 200 OK\r\n" + self.fields + b"Transfer-Encoding: chunked\r\n\r\n")
            if self.first:
                c.send(b"%x\r\n%s\r\n" % (len(self.first), self.first))
            while not self.is_over.wait(0.02):
                c.send(b"%x\r\n%s\r\n" % (len(self.piece), self.piece))
        except OSError:
            self.is_over.set()


def start(world, dribbler, kind, settings=None, **route):
    version = {"kind": kind, "timeout_ms": 400, **tables.endpoints(world.fake(dribbler.serve))}
    return world.weir(
        tables.table({"hello": tables.function({"1": version}, {"live": {"1": 100}})}, [tables.route(qualifier="live", function_url=True, **route)]), settings
    )


def expect_timed_out(answer):
    assert (answer.status, answer.headers["x-amz-function-error"], answer.headers["x-amz-executed-version"]) == (200, "Unhandled", "1")
    assert answer.complete and answer.json()["errorType"] == "Sandbox.Timedout" and answer.json()["errorMessage"].endswith("timed out after 0.40 seconds")


def expect_end(weir, dribbler, kind, outcome="response_timeout"):
    wait_until(lambda: [line["outcome"] for line in weir.access_log()] == [outcome], "it is logged")
    assert dribbler.nr == 1
    if kind == "rie":  # it is busy until it has answered
        assert not dribbler.is_over.is_set()
        dribbler.is_over.set()
    else:
        wait_until(dribbler.is_over.is_set, "the endpoint's connection is closed")
    weir.expect_metric(0, "weir_invocations_in_flight")


@pytest.mark.parametrize("tail", [None, "Tail"])
def test_an_invoke_of_an_emulator_that_dribbles_times_out(world, tail):
    dribbler = Dribbler(b"[")
    weir = start(world, dribbler, "rie")
    answer = weir.invoke("hello:live", headers=[("X-Amz-Log-Type", tail)] if tail else [])
    expect_timed_out(answer)
    assert ("x-amz-log-result" in answer.headers) == bool(tail)
    expect_end(weir, dribbler, "rie")


def test_an_invoke_of_a_lambda_endpoint_that_dribbles_is_cut(world):
    dribbler = Dribbler(b"[")
    weir = start(world, dribbler, "lambda")
    answer = weir.invoke("hello:live")
    assert answer.status == 200 and not answer.complete and answer.body.startswith(b"[ ")  # its answers go on as they come
    expect_end(weir, dribbler, "lambda")


def test_a_stream_of_an_emulator_that_dribbles_ends_in_a_frame(world):
    dribbler = Dribbler(b"[")
    weir = start(world, dribbler, "rie")
    answer = weir.call("POST", STREAM, body=b"{}")
    assert answer.status == 200 and answer.complete and b"PayloadChunk" in answer.body and b'"ErrorCode":"Sandbox.Timedout"' in answer.body
    expect_end(weir, dribbler, "rie")


def test_a_stream_of_a_lambda_endpoint_that_dribbles_is_cut(world):
    dribbler = Dribbler(frame(b"PayloadChunk", b"one"), frame(b"PayloadChunk", b"."), STREAM_TYPE)
    weir = start(world, dribbler, "lambda")
    answer = weir.call("POST", STREAM, body=b"{}")
    assert answer.status == 200 and not answer.complete and answer.body.startswith(dribbler.first)
    expect_end(weir, dribbler, "lambda")


@pytest.mark.parametrize("kind", ["rie", "lambda"])
@pytest.mark.parametrize("mode", ["BUFFERED", "RESPONSE_STREAM"])
def test_a_url_of_a_function_that_dribbles_before_its_response_begins(world, kind, mode):
    if mode == "RESPONSE_STREAM" and kind == "lambda":
        dribbler = Dribbler(frame(b"PayloadChunk", PRELUDE[:5]), frame(b"PayloadChunk", b""), STREAM_TYPE)
    else:
        dribbler = Dribbler(PRELUDE[:5], b" ", b"Content-Type: application/vnd.awslambda.http-integration-response\r\n")
    weir = start(world, dribbler, kind, invoke_mode=mode)
    answer = weir.call()
    assert (answer.status, answer.body, answer.complete) == (502, b"Internal Server Error", True)
    expect_end(weir, dribbler, kind)


@pytest.mark.parametrize("kind", ["rie", "lambda"])
def test_a_url_whose_response_has_begun_is_cut(world, kind):
    if kind == "lambda":
        dribbler = Dribbler(frame(b"PayloadChunk", PRELUDE + b"one"), frame(b"PayloadChunk", b"."), STREAM_TYPE)
    else:
        dribbler = Dribbler(PRELUDE + b"one", b".", b"Content-Type: application/vnd.awslambda.http-integration-response\r\n")
    weir = start(world, dribbler, kind, invoke_mode="RESPONSE_STREAM")
    answer = weir.call()
    assert answer.status == 201 and answer.body.startswith(b"one.") and not answer.complete
    expect_end(weir, dribbler, kind)


def test_a_client_that_leaves_a_stream_that_dribbles(world):
    dribbler = Dribbler(frame(b"PayloadChunk", PRELUDE + b"one"), frame(b"PayloadChunk", b"."), STREAM_TYPE)
    weir = start(world, dribbler, "lambda", invoke_mode="RESPONSE_STREAM")
    with weir.connect() as c:
        c.send_request("GET", "/")
        assert c.read_final_head().status == 201
    wait_until(dribbler.is_over.is_set, "the endpoint's connection is closed")
    weir.expect_metric(0, "weir_invocations_in_flight")


def long_answer(c, n, fields, framed):
    body = b'"' + b"x" * (n - 2) + b'"'
    if framed:
        c.send(b"HTTP/1.1 200 OK\r\n" + fields + b"Transfer-Encoding: chunked\r\n\r\n")
        for piece in (body[: n // 2], body[n // 2 :]):
            piece = frame(b"PayloadChunk", piece)
            c.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        last = frame(b"InvokeComplete", b"{}")
        c.send(b"%x\r\n%s\r\n0\r\n\r\n" % (len(last), last))
    else:
        c.send(b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s" % (fields, n, body))


@pytest.mark.parametrize("kind", ["rie", "lambda"])
@pytest.mark.parametrize("mode", ["BUFFERED", "RESPONSE_STREAM"])
def test_the_limit_of_responses_is_of_those_that_are_gathered(world, kind, mode):
    is_stream = kind == "lambda" and mode == "RESPONSE_STREAM"

    def serve(c):
        while (request := c.read_request()) is not None:
            path = json.loads(request.body).get("rawPath")
            long_answer(c, 20000 if path == "/fits" else 20001, STREAM_TYPE if is_stream else b"", is_stream and path is not None)

    version = {"kind": kind, **tables.endpoints(world.fake(serve))}
    weir = world.weir(
        tables.table({"hello": tables.function({"1": version})}, [tables.route(qualifier="1", function_url=True, invoke_mode=mode)]),
        {"limits": {"invoke_response_bytes": 20000}},
    )
    answer = weir.call("GET", "/fits")
    assert (answer.status, len(answer.body)) == (200, 20000 if is_stream else 19998)  # a string is its text
    answer = weir.call("GET", "/over")
    if is_stream:
        assert (answer.status, len(answer.body), answer.complete) == (200, 20001, True)
    else:
        assert (answer.status, answer.body) == (502, b"Internal Server Error")
    answer = weir.invoke("hello:1")
    if kind == "rie":
        assert answer.json()["errorType"] == "Function.ResponseSizeTooLarge"
    else:  # Lambda has its own
        assert (answer.status, len(answer.body)) == (200, 20001)
