"""Function URLs in the mode RESPONSE_STREAM: what endpoints of kind rie and lambda stream goes on as it comes."""

import json
import struct
import threading
import zlib

import pytest
from harness import tables

pytestmark = pytest.mark.fast

# ---- Kind rie

PRELUDE = b'{"statusCode":201,"headers":{"content-type":"text/html"},"cookies":["a=b"]}' + bytes(8)
STREAM_TYPE = b"Content-Type: application/vnd.awslambda.http-integration-response\r\n"


def streaming(world, pieces, content_type=STREAM_TYPE, **route):
    """An endpoint that sends pieces as chunks, each when it is told to."""
    go_on = threading.Semaphore(0)

    def serve(c):
        while c.read_request() is not None:
            c.send(b"HTTP/1.1 200 OK\r\n" + content_type + b"Transfer-Encoding: chunked\r\n\r\n")
            for piece in pieces:
                go_on.acquire()
                c.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            c.send(b"0\r\n\r\n")

    fake = world.fake(serve)
    weir = world.weir(
        tables.table(
            {"hello": tables.function({"1": {"kind": "rie", **tables.endpoints(fake)}})},
            [tables.route(qualifier="1", function_url=True, **{"invoke_mode": "RESPONSE_STREAM", **route})],
        )
    )
    return weir, go_on


def test_a_streamed_answer_is_passed_on_as_it_comes(world):
    weir, go_on = streaming(world, [PRELUDE[:20], PRELUDE[20:-3], PRELUDE[-3:] + b"one", b"two"])
    with weir.connect() as c:
        c.send_request("GET", "/")
        for _ in range(3):
            go_on.release()
        answer = c.read_final_head()
        assert (answer.status, answer.headers["content-type"], answer.headers["set-cookie"]) == (201, "text/html", "a=b")
        assert answer.headers["x-amz-executed-version"] == "1"
        assert c.read_exactly(3 + 5).endswith(b"one\r\n")  # while the function still runs
        go_on.release()
        assert c.read_exactly(3 + 5 + 5) == b"3\r\ntwo\r\n0\r\n\r\n"


def test_a_stream_without_a_prelude_is_the_body(world):
    weir, go_on = streaming(world, [b"one", b"two"], b"Content-Type: text/csv\r\n")
    go_on.release(2)
    answer = weir.call()
    assert (answer.status, answer.headers["content-type"], answer.body) == (200, "text/csv", b"onetwo")


@pytest.mark.parametrize("pieces", [[b"x" * 20000], [b"[1]" + bytes(8)], [b'{"statusCode":1}' + bytes(8) + b"body"]])
def test_a_bad_prelude_is_an_internal_server_error(world, pieces):
    weir, go_on = streaming(world, pieces)
    go_on.release(len(pieces))
    answer = weir.call()
    assert (answer.status, answer.body) == (502, b"Internal Server Error")


def test_a_stream_in_buffered_mode_is_gathered(world):
    weir, go_on = streaming(world, [PRELUDE, b"one"], invoke_mode="BUFFERED")
    go_on.release(2)
    answer = weir.call()
    assert (answer.status, answer.headers["content-length"], answer.body) == (201, "3", b"one")


def test_a_stream_to_head_and_of_a_status_without_a_body(world):
    weir, go_on = streaming(world, [PRELUDE, b"one"])
    go_on.release(2)
    answer = weir.call("HEAD", "/")
    assert (answer.status, answer.body) == (201, b"")
    weir, go_on = streaming(world, [b'{"statusCode":204}' + bytes(8), b"one"])
    go_on.release(2)
    answer = weir.call("GET", "/")
    assert (answer.status, answer.body) == (204, b"")


# ---- Kind lambda


def frame(kind, payload, message="event", damage=False):
    headers = b"".join(
        bytes([len(name)]) + name + b"\x07" + struct.pack(">H", len(value)) + value
        for name, value in ((b":event-type", kind), (b":content-type", b"application/octet-stream"), (b":message-type", message.encode()))
    )
    head = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    body = head + struct.pack(">I", zlib.crc32(head)) + headers + payload
    return body + struct.pack(">I", zlib.crc32(body) ^ damage)


def chunk(payload):
    return frame(b"PayloadChunk", payload)


def complete(**document):
    return frame(b"InvokeComplete", json.dumps(document).encode())


def lambda_stream(world, pieces, head=b"Content-Type: application/vnd.amazon.eventstream\r\n", end=True, seen=None, **route):
    """As streaming, of an endpoint that answers in frames."""
    go_on = threading.Semaphore(0)

    def serve(c):
        while (request := c.read_request()) is not None:
            if seen is not None:
                seen.append(request)
            c.send(b"HTTP/1.1 200 OK\r\n" + head + b"Transfer-Encoding: chunked\r\n\r\n")
            for piece in pieces:
                go_on.acquire()
                c.send(b"%x\r\n%s\r\n" % (len(piece), piece))
            if not end:
                return
            c.send(b"0\r\n\r\n")

    version = {"kind": "lambda", **tables.endpoints(world.fake(serve))}
    route = tables.route(qualifier="live", function_url=True, **{"invoke_mode": "RESPONSE_STREAM", **route})
    weir = world.weir(tables.table({"hello": tables.function({"1": version}, {"live": {"1": 100}})}, [route]))
    return weir, go_on


def test_a_lambda_endpoint_streams_as_it_comes(world):
    seen = []
    first = chunk(PRELUDE[:20])
    weir, go_on = lambda_stream(world, [first[:50], first[50:] + chunk(PRELUDE[20:-3]), chunk(PRELUDE[-3:] + b"one"), chunk(b"two"), complete()], seen=seen)
    with weir.connect() as c:
        c.send_request("GET", "/a?b=c")
        go_on.release(3)
        answer = c.read_final_head()
        assert (answer.status, answer.headers["content-type"], answer.headers["set-cookie"]) == (201, "text/html", "a=b")
        assert answer.headers["x-amz-executed-version"] == "1"
        assert c.read_exactly(3 + 5).endswith(b"one\r\n")  # while the function still runs
        go_on.release()
        assert c.read_exactly(3 + 5) == b"3\r\ntwo\r\n"
        go_on.release()
        assert c.read_exactly(5) == b"0\r\n\r\n"
    assert seen[0].target == "/2021-11-15/functions/hello/response-streaming-invocations?Qualifier=1"
    assert json.loads(seen[0].body)["rawPath"] == "/a"


@pytest.mark.parametrize(
    "pieces,status,content_type,body",
    [
        ([b"one", b"two"], 200, "application/octet-stream", b"onetwo"),
        ([b"{", b"x" * 30000, b"}"], 200, "application/octet-stream", b"{" + b"x" * 30000 + b"}"),  # no prelude within 16 KiB
        ([b'{"statusCode": 203,', b'"body": "all at once"}'], 203, "application/json", b"all at once"),
        ([b'{"a": 1}'], 200, "application/json", b'{"a": 1}'),
        ([b'{"statusCode":204}' + bytes(8), b"one"], 204, None, b""),
        ([], 200, "application/json", b""),
    ],
)
def test_what_a_lambda_endpoint_streams_tells_by_itself_whether_it_has_a_prelude(world, pieces, status, content_type, body):
    weir, go_on = lambda_stream(world, [chunk(piece) for piece in pieces] + [complete()])
    go_on.release(len(pieces) + 1)
    answer = weir.call()
    assert (answer.status, answer.headers.get("content-type"), answer.body, answer.complete) == (status, content_type, body, True)


@pytest.mark.parametrize(
    "pieces",
    [
        [complete(ErrorCode="Unhandled", ErrorDetails="no")],
        [chunk(PRELUDE[:20]), complete(ErrorCode="Unhandled", ErrorDetails="no")],
        [frame(b"x", b'{"message":"no"}', "exception")],
        [chunk(b"{")],  # it ends without a last frame
        [b"this is no frame at all, and long enough to be seen as none"],
        [chunk(b"[1]")[:-1] + b"\0"],
        [chunk(b'{"statusCode": 9}' + bytes(8) + b"body"), complete()],
    ],
)
def test_a_lambda_stream_that_fails_at_once_is_an_internal_server_error(world, pieces):
    weir, go_on = lambda_stream(world, pieces)
    go_on.release(len(pieces))
    answer = weir.call()
    if pieces == [chunk(b"[1]")[:-1] + b"\0"]:  # what is damaged may have begun to go out
        assert answer.status == 502 or not answer.complete
    else:
        assert (answer.status, answer.body) == (502, b"Internal Server Error")


@pytest.mark.parametrize(
    "last,end",
    [
        (complete(ErrorCode="Unhandled", ErrorDetails="no"), True),
        (frame(b"x", b"{}", "exception"), True),
        (frame(b"PayloadChunk", b"", damage=True), True),
        (b"", False),
        (chunk(b"more"), True),
    ],
)
def test_a_lambda_stream_that_fails_on_its_way_is_cut(world, last, end):
    weir, go_on = lambda_stream(world, [chunk(PRELUDE + b"one")] + ([last] if last else []), end=end)
    with weir.connect() as c:
        c.send_request("GET", "/")
        go_on.release()
        answer = c.read_final_head()
        assert answer.status == 201 and c.read_exactly(3 + 5).endswith(b"one\r\n")
        go_on.release()
        c.read_content(answer)
        assert not answer.complete
    weir.expect_metric(0, "weir_invocations_in_flight")


def test_a_lambda_stream_to_head_has_no_body(world):
    weir, go_on = lambda_stream(world, [chunk(PRELUDE), chunk(b"one"), complete()])
    go_on.release(3)
    answer = weir.call("HEAD", "/")
    assert (answer.status, answer.headers["content-type"], answer.body) == (201, "text/html", b"")


def test_a_lambda_endpoint_that_does_not_stream_answers_all_the_same(world):
    def serve(c):
        while c.read_request() is not None:
            body = b'{"statusCode": 201, "body": "whole"}'
            c.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    version = {"kind": "lambda", **tables.endpoints(world.fake(serve))}
    weir = world.weir(tables.table({"hello": tables.function({"1": version})}, [tables.route(qualifier="1", function_url=True, invoke_mode="RESPONSE_STREAM")]))
    answer = weir.call()
    assert (answer.status, answer.body) == (201, b"whole")
