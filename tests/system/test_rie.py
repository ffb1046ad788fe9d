"""Versions of kind rie: the runtime interface emulator behind weir answers as Lambda does, and gets one invocation at a time."""

import base64
import json
import threading

import pytest
from harness import tables
from harness.rie import Exit, Rie, TimedOut
from harness.waiting import wait_until

pytestmark = pytest.mark.fast


def start(world, run=None, settings=None, workers=2, **version):
    rie = Rie(run) if run else Rie()
    fake = world.fake(rie.serve)
    weir = world.weir(
        tables.table(
            {"hello": tables.function({"1": {"kind": "rie", **tables.endpoints(fake), **version}}, {"live": {"1": 100}})},
            [tables.route("/hello", "hello", "live")],
        ),
        settings,
        workers=workers,
    )
    return rie, weir


def ask(weir, body=b"{}", function="hello:live", **more):
    return weir.invoke(function, body=body, **more)


def test_an_invocation_is_translated_both_ways(world):
    rie, weir = start(world)
    answer = ask(weir, b'{"a": 1}', query="?Qualifier=live", headers=[("Authorization", "AWS4-HMAC-SHA256 x"), ("X-Amzn-Trace-Id", "Root=1-2-3")])
    assert (answer.status, answer.json()) == (200, {"event": {"a": 1}})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-amz-executed-version"] == "1"
    assert "x-amz-function-error" not in answer.headers
    (request,) = rie.invocations
    assert request.method == "POST"
    assert "authorization" not in request.headers
    assert request.headers["x-amzn-trace-id"] == "Root=1-2-3"
    assert request.headers["x-amzn-requestid"] == answer.headers["x-amzn-requestid"]


def test_a_functions_error_is_told_by_a_header(world):
    def fail(event, request):
        raise ValueError("no")

    _, weir = start(world, fail)
    answer = ask(weir)
    assert (answer.status, answer.headers["x-amz-function-error"]) == (200, "Unhandled")
    assert answer.json()["errorType"] == "ValueError"


@pytest.mark.parametrize("result", [{"errorType": "x"}, {"errorMessage": "m"}, [{"errorType": 1, "errorMessage": 2}], "errorType errorMessage", None, 12, "é"])
def test_a_result_that_looks_a_little_like_an_error_is_none(world, result):
    _, weir = start(world, lambda event, request: result)
    answer = ask(weir)
    assert (answer.status, answer.json()) == (200, result)
    assert "x-amz-function-error" not in answer.headers


def test_a_function_that_times_out_and_one_that_exits(world):
    def run(event, request):
        raise TimedOut(3) if event else Exit

    _, weir = start(world, run)
    answer = ask(weir, b"1")
    assert (answer.status, answer.headers["x-amz-function-error"]) == (200, "Unhandled")
    request_id = answer.headers["x-amzn-requestid"]
    assert answer.json() == {"errorType": "Sandbox.Timedout", "errorMessage": f"RequestId: {request_id} Error: Task timed out after 3.00 seconds"}
    answer = ask(weir, b"0")
    assert (answer.status, answer.headers["x-amz-function-error"]) == (200, "Unhandled")
    assert answer.json()["errorType"] == "Runtime.ExitError"


@pytest.mark.parametrize("body", [b"not json", b"{", b'{"a":1,}', b" ", b"\xff"])
def test_a_payload_that_is_no_json_is_refused_and_draws_no_version(world, body):
    rie, weir = start(world)
    answer = ask(weir, body)
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (400, "InvalidRequestContentException")
    assert answer.json()["Type"] == "User"
    assert answer.json()["message"].startswith("Could not parse request body into json: Could not parse payload into json: Unexpected ")
    assert rie.invocations == []
    assert weir.metrics().value("weir_picks_total", function="hello", alias="live", version="1") in (0, None)


def test_an_empty_payload_is_no_event(world):
    rie, weir = start(world)
    assert ask(weir, b"").json() == {"event": None}


def test_a_large_payload_in_pieces(world):
    rie, weir = start(world, lambda event, request: {"n": len(event)})
    text = json.dumps("x" * 1000000).encode()
    answer = ask(weir, [text[i : i + 100000] for i in range(0, len(text), 100000)])
    assert answer.json() == {"n": 1000000}
    assert rie.invocations[0].headers["content-length"] == str(len(text))


def test_a_response_that_is_too_large_is_the_functions_error(world):
    _, weir = start(world, lambda event, request: b'"' + b"x" * 2000 + b'"', {"limits": {"invoke_response_bytes": 2000}})
    answer = ask(weir)
    assert (answer.status, answer.headers["x-amz-function-error"]) == (200, "Unhandled")
    assert answer.json() == {
        "errorMessage": "Response payload size exceeded maximum allowed payload size (2000 bytes).",
        "errorType": "Function.ResponseSizeTooLarge",
    }


def test_the_log_of_an_invocation(world):
    _, weir = start(world)
    answer = ask(weir, headers=[("X-Amz-Log-Type", "Tail")])
    request_id = answer.headers["x-amzn-requestid"]
    lines = base64.b64decode(answer.headers["x-amz-log-result"]).decode().splitlines()
    assert lines[0] == f"START RequestId: {request_id} Version: 1"
    assert lines[1] == f"END RequestId: {request_id}"
    assert lines[2].startswith(f"REPORT RequestId: {request_id}\tDuration: ")
    assert "x-amz-log-result" not in ask(weir, headers=[("X-Amz-Log-Type", "None")]).headers


def test_what_is_no_emulator_is_told(world):
    fake = world.fake()
    weir = world.weir(tables.table({"hello": tables.function({"1": {"kind": "rie", "endpoints": [fake.url + "/elsewhere"]}})}))

    assert ask(weir, function="hello:1").status == 200  # whatever answers 200 will do
    rie = Rie()
    fake = world.fake(rie.serve)
    weir = world.weir(tables.table({"hello": tables.function({"1": {"kind": "rie", "endpoints": [fake.url + "/elsewhere"]}})}))
    answer = ask(weir, function="hello:1")
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (502, "ServiceException")
    assert "answered 404" in answer.json()["Message"]


def many(weir, n, body=lambda i: str(i).encode()):
    """n invocations at the same time, each on its own connection; their answers."""
    answers = [None] * n

    def one(i):
        answers[i] = ask(weir, body(i))

    threads = [threading.Thread(target=one, args=(i,)) for i in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_an_emulator_never_gets_two_invocations_at_a_time(world):
    rie, weir = start(world, settings={"limits": {"upstream_queue_ms": 60000}}, workers=3)
    answers = many(weir, 40)
    assert [a.json() for a in answers] == [{"event": i} for i in range(40)]
    assert not rie.has_died and len(rie.invocations) == 40


def test_one_too_many_is_throttled(world):
    gate = threading.Event()
    rie, weir = start(world, lambda event, request: gate.wait(30), {"limits": {"upstream_queue": 1, "upstream_queue_ms": 60000}}, workers=1)
    with weir.connect() as first, weir.connect() as second:
        first.send_request("POST", "/2015-03-31/functions/hello:live/invocations", body=b"{}")
        wait_until(lambda: rie.invocations, "the first runs")
        second.send_request("POST", "/2015-03-31/functions/hello:live/invocations", body=b"{}")
        wait_until(lambda: weir.metrics().value("weir_requests_total") == 2, "the second waits")
        answer = ask(weir)
        assert (answer.status, answer.headers["x-amzn-errortype"]) == (429, "TooManyRequestsException")
        assert answer.json() == {"Reason": "ConcurrentInvocationLimitExceeded", "Type": "User", "message": "Rate Exceeded."}
        gate.set()
        assert first.read_answer().status == 200
        assert second.read_answer().status == 200
    assert not rie.has_died


def test_an_emulator_is_busy_until_it_has_answered_though_its_client_has_left(world):
    gate = threading.Event()

    def run(event, request):
        if event == "slow":
            gate.wait(30)
        return event

    rie, weir = start(world, run, {"limits": {"upstream_queue_ms": 60000}, "client_half_close": "abort"})
    with weir.connect() as client:
        client.send_request("POST", "/2015-03-31/functions/hello:live/invocations", body=b'"slow"')
        wait_until(lambda: rie.invocations, "it runs")
        client.reset()
    wait_until(lambda: len(weir.access_log()) == 1, "the exchange is over")
    with weir.connect() as client:
        client.send_request("POST", "/2015-03-31/functions/hello:live/invocations", body=b'"next"')
        wait_until(lambda: weir.metrics().value("weir_requests_total") == 2, "the next one waits")
        gate.set()
        assert client.read_answer().json() == "next"
    assert not rie.has_died


def test_a_function_that_takes_longer_than_its_timeout(world):
    gate = threading.Event()

    def run(event, request):
        if event == "slow":
            gate.wait(30)
        return event

    rie, weir = start(world, run, {"limits": {"upstream_queue_ms": 60000}}, timeout_ms=300)
    answer = ask(weir, b'"slow"')
    assert (answer.status, answer.headers["x-amz-function-error"]) == (200, "Unhandled")
    request_id = answer.headers["x-amzn-requestid"]
    assert answer.json() == {"errorType": "Sandbox.Timedout", "errorMessage": f"RequestId: {request_id} Error: Task timed out after 0.30 seconds"}
    assert answer.headers["x-amz-executed-version"] == "1"
    with weir.connect() as client:
        client.send_request("POST", "/2015-03-31/functions/hello:live/invocations", body=b'"next"')
        wait_until(lambda: weir.metrics().value("weir_requests_total") == 2, "the next one waits")
        gate.set()
        assert client.read_answer().json() == "next"
    assert not rie.has_died


def test_one_emulator_behind_two_functions_and_through_a_reload(world):
    gate = threading.Event()
    rie = Rie(lambda event, request: gate.wait(30) if event == "slow" else event)
    fake = world.fake(rie.serve)
    functions = {name: tables.function({"1": {"kind": "rie", **tables.endpoints(fake)}}) for name in ("a", "b")}
    weir = world.weir(tables.table(functions), {"limits": {"upstream_queue_ms": 60000}})
    with weir.connect() as first, weir.connect() as second:
        first.send_request("POST", "/2015-03-31/functions/a:1/invocations", body=b'"slow"')
        wait_until(lambda: rie.invocations, "it runs")
        weir.must_reload(tables.table({"b": functions["b"]}))
        second.send_request("POST", "/2015-03-31/functions/b:1/invocations", body=b'"next"')
        wait_until(lambda: weir.metrics().value("weir_requests_total") == 2, "the second waits")
        gate.set()
        assert first.read_answer().status == 200
        assert second.read_answer().json() == "next"
    assert not rie.has_died


def test_a_post_to_a_route_is_an_invocation(world):
    rie, weir = start(world)
    answer = weir.call("POST", "/hello", body=b"5")
    assert (answer.status, answer.json()) == (200, {"event": 5})
    assert answer.headers["x-amz-executed-version"] == "1"
    answer = weir.call("GET", "/hello")
    assert answer.status == 405


def test_a_client_that_asks_before_it_sends_is_told_to_continue(world):
    _, weir = start(world)
    with weir.connect() as c:
        c.send(b"POST /2015-03-31/functions/hello:live/invocations HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert c.read_head().status == 100
        c.send(b"12")
        assert c.read_answer().json() == {"event": 12}


def test_weir_stops_while_an_emulator_runs_for_nobody(world):
    gate = threading.Event()
    rie, weir = start(world, lambda event, request: gate.wait(30), timeout_ms=50)
    assert ask(weir).json()["errorType"] == "Sandbox.Timedout"
    weir.stop()
    gate.set()
