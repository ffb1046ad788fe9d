"""What weir answers to an Invoke in the place of the endpoint: names, limits, concurrency, logs, time-outs; and what endpoints of each kind get."""

import base64
import json
import re
import threading
import time

import pytest
from harness import tables
from harness.waiting import wait_until

pytestmark = pytest.mark.fast

INVOKE = "/2015-03-31/functions/{}/invocations"
ARN = "arn:aws:lambda:us-east-1:000000000000:function:"


def table(place, function=None, **version):
    versions = {"1": {**tables.endpoints(place), **version}}
    return tables.table({"hello": {**tables.function(versions, {"live": {"1": 100}}), **(function or {})}})


def error(answer, status, kind):
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (status, kind), answer
    assert answer.headers["content-type"] == "application/json"
    assert len(answer.headers["x-amzn-requestid"]) == 36
    assert "x-amz-executed-version" not in answer.headers
    return answer.json()


def recording(seen, answer=b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"):
    def serve(c):
        while (request := c.read_request()) is not None:
            seen.append(request)
            c.send(answer)

    return serve


@pytest.fixture(scope="module")
def plainly(shared_world):
    return shared_world.weir(table(shared_world.demo("1")))


@pytest.mark.parametrize(
    "name,query,text",
    [
        ("nobody", "", ARN + "nobody:$LATEST"),
        ("hello", "", ARN + "hello:$LATEST"),
        ("hello:2", "", ARN + "hello:2"),
        ("hello", "?Qualifier=%24latest", ARN + "hello:$latest"),
        ("x" * 100, "", ARN + "x" * 100 + ":$LATEST"),
    ],
)
def test_what_is_not_found_is_named_by_its_arn(plainly, name, query, text):
    assert error(plainly.invoke(name, query=query), 404, "ResourceNotFoundException") == {"Type": "User", "Message": "Function not found: " + text}


def test_other_regions_and_accounts(plainly):
    answer = plainly.invoke("arn:aws:lambda:eu-west-1:000000000000:function:hello:1")
    expected = "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')"
    assert error(answer, 404, "ResourceNotFoundException") == {"Type": "User", "Message": expected}
    answer = plainly.invoke("111111111111:function:hello:1")
    document = error(answer, 403, "AccessDeniedException")
    assert list(document) == ["Message"] and "is not authorized to perform: lambda:InvokeFunction on resource: arn:" in document["Message"]


def test_home_is_what_the_settings_say(world):
    weir = world.weir(table(world.demo("1")), {"aws": {"region": "eu-central-1", "account_id": "123456789012"}})
    assert weir.invoke("arn:aws:lambda:eu-central-1:123456789012:function:hello:live").status == 200
    assert weir.invoke(ARN + "hello:live").status == 404
    assert "eu-central-1:123456789012:function:nobody:" in weir.invoke("nobody").json()["Message"]


def test_every_member_that_is_wrong_is_named(plainly):
    document = error(plainly.invoke("my-function!", query="?Qualifier=a%20b"), 400, "ValidationException")
    assert list(document) == ["message"]
    assert document["message"].startswith("2 validation errors detected: Value 'a b' at 'qualifier' failed to satisfy constraint: ")
    assert "; Value 'my-function!' at 'functionName' failed to satisfy constraint: Member must satisfy regular" in document["message"]
    assert "Member must have length less than or equal to 170" in error(plainly.invoke("x" * 171), 400, "ValidationException")["message"]


def test_two_qualifiers_that_differ(plainly):
    document = error(plainly.invoke("hello:1", query="?Qualifier=live"), 400, "InvalidParameterValueException")
    assert document == {"Type": "User", "message": "The derived qualifier from the function name does not match the specified qualifier."}


@pytest.mark.parametrize("extra", [1, 3000000])
def test_a_payload_over_its_limit(world, extra):
    weir = world.weir(table(world.demo("1")), {"limits": {"invoke_body_bytes": 100000}})
    assert weir.invoke("hello:1", body=b"x" * 100000).status == 200
    document = error(weir.invoke("hello:1", body=b"x" * (100000 + extra)), 413, "RequestEntityTooLargeException")
    assert document["message"] == "Request must be smaller than 100000 bytes for the InvokeFunction operation"
    weir.expect_metric(1, "weir_invocations_total", function="hello", alias="", version="1")


def test_a_response_over_its_limit(world):
    demo = world.demo("1", do="size=2000")
    weir = world.weir(table(demo), {"limits": {"invoke_response_bytes": 1999}})
    answer = weir.invoke("hello:1")
    assert (answer.status, answer.headers["x-amz-function-error"], answer.headers["x-amz-executed-version"]) == (200, "Unhandled", "1")
    assert answer.json()["errorType"] == "Function.ResponseSizeTooLarge"
    answer = weir.invoke("hello:1", headers=[("X-Demo", "size=2000&chunked")])
    assert answer.json()["errorType"] == "Function.ResponseSizeTooLarge"
    answer = weir.invoke("hello:1", headers=[("X-Demo", "size=200000&chunked=500&pace=500")])  # part of it has left
    assert answer.status == 200 and not answer.complete
    assert weir.invoke("hello:1", headers=[("X-Demo", "size=1999&chunked")]).complete


def test_reserved_concurrency_of_none_throttles_all(world):
    weir = world.weir(table(world.demo("1"), {"concurrency": 0}))
    document = error(weir.invoke("hello:live"), 429, "TooManyRequestsException")
    assert document == {"Reason": "ReservedFunctionConcurrentInvocationLimitExceeded", "Type": "User", "message": "Rate Exceeded."}


@pytest.mark.parametrize(
    "function,version,reason",
    [
        ({"concurrency": 1}, {}, "ReservedFunctionConcurrentInvocationLimitExceeded"),
        ({"limits": {"max_in_flight": 1}}, {}, "ConcurrentInvocationLimitExceeded"),
        ({"concurrency": 5, "limits": {"max_in_flight": 1}}, {}, "ConcurrentInvocationLimitExceeded"),
        ({}, {"limits": {"max_in_flight": 1}}, "ConcurrentInvocationLimitExceeded"),
    ],
)
def test_one_too_many_is_throttled_with_its_reason(world, function, version, reason):
    gate = threading.Event()
    seen = []

    def serve(c):
        while (request := c.read_request()) is not None:
            seen.append(request)
            gate.wait(20)
            c.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    weir = world.weir(table(world.fake(serve), function, **version))
    with weir.connect() as c:
        c.send_request("POST", INVOKE.format("hello:1"), body=b"{}")
        wait_until(lambda: seen, "it runs")
        assert error(weir.invoke("hello:1"), 429, "TooManyRequestsException")["Reason"] == reason
        gate.set()
        assert c.read_answer("POST").status == 200
    assert weir.invoke("hello:1").status == 200


def held_by(gate, seen):
    """Answers when the gate is open."""

    def serve(c):
        while (request := c.read_request()) is not None:
            seen.append(request)
            gate.wait(20)
            c.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    return serve


def drawn(weir):
    metrics = weir.metrics()
    return [metrics.value("weir_invocations_total", function="hello", alias="live", version=v) for v in "12"]


@pytest.mark.parametrize(
    "function,version,nr",
    [({"concurrency": 1}, {}, 1), ({"limits": {"max_in_flight": 1}}, {}, 1), ({}, {"limits": {"max_in_flight": 1}}, 2)],
)
@pytest.mark.parametrize("path", [INVOKE.format("hello:live"), "/"])
def test_what_is_throttled_draws_no_version(world, function, version, nr, path):
    gate, seen = threading.Event(), []
    place = {**tables.endpoints(world.fake(held_by(gate, seen))), **version}
    function = {**tables.function({"1": place, "2": place}, {"live": {"1": 50, "2": 50}}), **function}
    weir = world.weir(tables.table({"hello": function}, [tables.route(qualifier="live")]))
    running = [weir.connect() for _ in range(nr)]
    for i, c in enumerate(running):
        c.send_request("POST", path, body=b"{}")
        wait_until(lambda: len(seen) > i, "it runs")
    before = drawn(weir)
    assert sum(before) == nr
    for _ in range(5):
        assert error(weir.call("POST", path, body=b"{}"), 429, "TooManyRequestsException")["Type"] == "User"
    assert drawn(weir) == before
    weir.expect_metric(5, "weir_rejected_requests_total", reason="overload")
    gate.set()
    for c in running:
        assert c.read_answer("POST").status == 200
        c.close()
    for _ in range(100 - nr):
        assert weir.call("POST", path, body=b"{}").status == 200
    assert drawn(weir) == [50, 50]
    lines = [line for line in weir.wait_for_log(105) if line["status"] == 429]
    assert [(line["outcome"], line["function"], line["alias"], line.get("version")) for line in lines] == [("overload", "hello", "live", None)] * 5


@pytest.mark.parametrize("kind", ["http", "rie"])
def test_an_event_over_its_limit_draws_no_version(world, tmp_path, kind):
    place = {**tables.endpoints(world.demo("1")), "kind": kind}
    weir = world.weir(
        tables.table({"hello": tables.function({"1": place, "2": place}, {"live": {"1": 50, "2": 50}})}),
        {"limits": {"event_body_bytes": 100}, "state": {"directory": str(tmp_path)}},
    )
    fields = [("X-Amz-Invocation-Type", "Event")]
    for body in (b"1" * 101, [b"1" * 90, b"1" * 11], b"1" * 3000):  # a list goes in chunks
        document = error(weir.call("POST", INVOKE.format("hello:live"), headers=fields, body=body), 413, "RequestEntityTooLargeException")
        assert document["message"].endswith("byte payload is too large for the Event invocation type (limit 100 bytes)")
    assert not weir.metrics().find("weir_invocations_total", function="hello")
    answer = weir.call("POST", INVOKE.format("hello:live"), headers=fields, body=b"1" * 100)
    assert (answer.status, answer.headers["x-amzn-remapped-content-length"], answer.headers["content-length"]) == (202, "0", "0")
    assert sum(drawn(weir)) == 1


@pytest.mark.parametrize("limit,over", [(1048576, 262145), (1000, 1001)])
def test_invoke_async_has_a_limit_of_its_own(world, tmp_path, limit, over):
    weir = world.weir(table(world.demo("1")), {"limits": {"event_body_bytes": limit}, "state": {"directory": str(tmp_path)}})
    path = "/2014-11-13/functions/hello:live/invoke-async/"
    text = f"{over} byte payload is too large for the Event invocation type (limit {over - 1} bytes)"
    for body in (b"1" * over, [b"1" * (over - 100), b"1" * 100]):
        assert error(weir.call("POST", path, body=body), 413, "RequestEntityTooLargeException")["message"] == text
    assert not weir.metrics().find("weir_invocations_total", function="hello")
    assert weir.call("POST", path, body=b"1" * (over - 1)).status == 202


def test_a_log_of_an_http_version(plainly):
    answer = plainly.invoke("hello:1", headers=[("X-Amz-Log-Type", "Tail")])
    log = base64.b64decode(answer.headers["x-amz-log-result"]).decode()
    assert log.startswith(f"START RequestId: {answer.headers['x-amzn-requestid']} Version: 1\n")
    assert answer.json()["version"] == "1" and answer.headers["x-demo-version"] == "1"
    document = error(plainly.invoke("hello:1", headers=[("X-Amz-Log-Type", "tail")]), 400, "ValidationException")
    assert document["message"].endswith("Value 'tail' at 'logType' failed to satisfy constraint: Member must satisfy enum value set: [None, Tail]")


@pytest.mark.parametrize("context", ["x", "e30", base64.b64encode(b"[]").decode(), base64.b64encode(b"{").decode(), base64.b64encode(b'"%s"' % (b"x" * 3000)).decode()])
def test_a_client_context_that_is_none(plainly, context):
    answer = plainly.invoke("hello:1", headers=[("X-Amz-Client-Context", context)])
    if context == "e30":  # without padding it is still {}
        assert answer.status == 200
    else:
        error(answer, 400, "InvalidRequestContentException")


def test_a_timeout_of_an_http_version(world):
    gate = threading.Event()

    def serve(c):
        c.read_request()
        gate.wait(20)

    weir = world.weir(tables.table({"hello": tables.function({"1": {**tables.endpoints(world.fake(serve)), "timeout_ms": 1000}})}, [tables.route(qualifier="1")]))
    answer = weir.invoke("hello:1")
    request_id = answer.headers["x-amzn-requestid"]
    assert (answer.status, answer.headers["x-amz-function-error"], answer.headers["x-amz-executed-version"]) == (200, "Unhandled", "1")
    assert answer.json() == {"errorType": "Sandbox.Timedout", "errorMessage": f"RequestId: {request_id} Error: Task timed out after 1.00 seconds"}
    assert weir.call("POST", "/", body=b"{}").status == 504  # a route's request is no Invoke
    gate.set()


def dribbling(over, head=b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"):
    """Begins to answer, and never ends; over is set where its connection does."""

    def serve(c):
        c.read_request()
        c.send(head)
        try:
            while not over.wait(0.05):
                c.send(b"1\r\nx\r\n")
        except OSError:
            over.set()

    return serve


def test_a_timeout_ends_a_response_that_dribbles(world):
    over = threading.Event()
    weir = world.weir(table(world.fake(dribbling(over)), timeout_ms=600))
    answer = weir.invoke("hello:live")
    assert answer.status == 200 and not answer.complete  # part of it has left
    wait_until(over.is_set, "the endpoint's connection is closed")
    wait_until(lambda: [line["outcome"] for line in weir.access_log()] == ["response_timeout"], "it is logged")


def test_a_timeout_ends_a_stream_that_dribbles_in_a_frame(world):
    over = threading.Event()
    weir = world.weir(table(world.fake(dribbling(over)), timeout_ms=600))
    answer = weir.call("POST", "/2021-11-15/functions/hello:live/response-streaming-invocations", body=b"{}")
    assert answer.status == 200 and answer.complete and b'"ErrorCode":"Sandbox.Timedout"' in answer.body, answer.body
    wait_until(over.is_set, "the endpoint's connection is closed")


def test_a_payload_in_chunks_over_its_limit(world):
    got, over = [], threading.Event()

    def serve(c):
        try:
            c.read_head()
            while line := c.read_until(b"\n"):
                got.append(line)
        except OSError:
            pass
        over.set()

    weir = world.weir(table(world.fake(serve)), {"limits": {"invoke_body_bytes": 100000}})
    with weir.connect() as c:
        c.send_request("POST", INVOKE.format("hello:live"), headers=[("Transfer-Encoding", "chunked")])
        for _ in range(11):
            c.send(b"2710\r\n" + 10000 * b" " + b"\r\n")
        answer = c.read_answer("POST")
        assert error(answer, 413, "RequestEntityTooLargeException")["message"] == "Request must be smaller than 100000 bytes for the InvokeFunction operation"
        assert answer.headers["connection"] == "close"
        assert c.wait_for_end() == "closed"
    wait_until(over.is_set, "the endpoint's connection is closed")
    assert sum(len(line) for line in got) < 110000
    assert b"0\r\n" not in got  # what it got has no end


def test_an_endpoint_learns_by_which_arn_it_was_invoked(world):
    seen = []
    fake = world.fake(recording(seen))
    versions = {"1": tables.endpoints(fake), "2": {"kind": "lambda", **tables.endpoints(fake)}}
    weir = world.weir(tables.table({"hello": tables.function({**versions, "$LATEST": tables.endpoints(fake)}, {"live": {"1": 100}, "wire": {"2": 100}})}, [tables.route(qualifier="1")]))
    spoof = [("Lambda-Runtime-Invoked-Function-Arn", "arn:of:somebody:else")]
    for name in ("hello", "hello:live", "hello:1", "hello:wire", "hello:%24LATEST", ARN + "hello:live"):
        assert weir.invoke(name, headers=spoof).status == 200
    assert weir.call("POST", "/", body=b"{}").status == 200
    arns = [r.headers.all("lambda-runtime-invoked-function-arn") for r in seen]
    assert arns == [[ARN + name] for name in ("hello", "hello:live", "hello:1", "hello:wire", "hello:$LATEST", "hello:live")] + [[]]


def test_headers_of_a_version_replace_the_clients(world):
    seen = []
    fake = world.fake(recording(seen))
    weir = world.weir(table(fake, headers={"Authorization": "Bearer secret", "x-api-key": "k"}))
    assert weir.invoke("hello:1", headers=[("authorization", "AWS4-HMAC-SHA256 x"), ("X-Api-Key", "other"), ("x-kept", "1")]).status == 200
    assert seen[0].headers.all("authorization") == ["Bearer secret"] and seen[0].headers.all("x-api-key") == ["k"]
    assert seen[0].headers["x-kept"] == "1"


def test_lambdas_own_wire(world):
    seen = []
    own = b'HTTP/1.1 200 OK\r\nX-Amz-Function-Error: Unhandled\r\nX-Amz-Log-Result: bG9n\r\nX-Amz-Executed-Version: 77\r\nx-amzn-RequestId: theirs\r\nContent-Length: 18\r\n\r\n{"errorType": "E"}'
    fake = world.fake(recording(seen, own))
    weir = world.weir(table(fake, kind="lambda"))
    signed = [("Authorization", "AWS4-HMAC-SHA256 x"), ("X-Amz-Date", "20261130T000000Z"), ("X-Amz-Log-Type", "Tail"), ("X-Amz-Client-Context", "e30=")]
    answer = weir.invoke("hello:live", body=b'{"a": 1}', headers=signed)
    assert (answer.status, answer.json()) == (200, {"errorType": "E"})
    assert (answer.headers["x-amz-function-error"], answer.headers["x-amz-log-result"]) == ("Unhandled", "bG9n")
    assert answer.headers.all("x-amz-executed-version") == ["1"]
    (request,) = seen
    assert request.target == "/2015-03-31/functions/hello/invocations?Qualifier=1"
    assert (request.headers["x-amz-log-type"], request.headers["x-amz-client-context"], request.body) == ("Tail", "e30=", b'{"a": 1}')
    assert "authorization" not in request.headers and "x-amz-date" not in request.headers
    assert request.headers["x-amzn-requestid"] == answer.headers["x-amzn-requestid"]
    error(weir.invoke("hello:live", body=b"{"), 400, "InvalidRequestContentException")
    assert len(seen) == 1


def test_a_lambda_endpoints_errors_are_passed_on(world):
    own = b'HTTP/1.1 429 Too Many Requests\r\nx-amzn-ErrorType: TooManyRequestsException\r\nContent-Length: 2\r\n\r\n{}'
    weir = world.weir(table(world.fake(recording([], own)), kind="lambda"))
    answer = weir.invoke("hello:1")
    assert (answer.status, answer.headers["x-amzn-errortype"], answer.body) == (429, "TooManyRequestsException", b"{}")


def test_an_alias_over_two_kinds(world):
    seen = []
    fake = world.fake(recording(seen))
    versions = {"1": tables.endpoints(fake), "2": {"kind": "lambda", **tables.endpoints(fake)}}
    weir = world.weir(tables.table({"hello": tables.function(versions, {"live": {"1": 50, "2": 50}})}))
    answers = [weir.invoke("hello:live", body=b"[1]") for _ in range(10)]
    assert sorted(a.headers["x-amz-executed-version"] for a in answers) == ["1"] * 5 + ["2"] * 5
    assert {r.body for r in seen} == {b"[1]"}
    assert {r.target for r in seen} == {"/", "/2015-03-31/functions/hello/invocations?Qualifier=2"}
    error(weir.invoke("hello:live", body=b"no"), 400, "InvalidRequestContentException")


def test_each_answer_has_lambdas_fields(world, tmp_path):
    weir = world.weir(tables.split({"1": world.demo("1")}, {"1": 100}), {"state": {"directory": str(tmp_path)}})
    root = "1-5759e988-bd862e3fe1be46a994272793"
    for kind in ("RequestResponse", "Event", "DryRun"):
        fields = [("X-Amz-Invocation-Type", kind)]
        answer = weir.invoke("hello:live", headers=fields)
        assert answer.headers["x-amzn-remapped-content-length"] == "0", (kind, answer)
        trace = re.fullmatch("root=1-([0-9a-f]{8})-([0-9a-f]{24});sampled=0", answer.headers["x-amzn-trace-id"])
        assert abs(int(trace[1], 16) - time.time()) < 600
        assert trace[2] == answer.headers["x-amzn-requestid"].replace("-", "")[8:]
        answer = weir.invoke("hello:live", headers=[*fields, ("X-Amzn-Trace-Id", f"Root={root};Parent=53995c3f42cd8ad8;Sampled=1")])
        assert answer.headers["x-amzn-trace-id"] == f"root={root};sampled=1"
    own = [("X-Demo", "header=X-Amzn-Trace-Id:root%3D1;header=x-amzn-Remapped-Content-Length:7".replace(";", "&"))]
    answer = weir.invoke("hello:live", headers=own)
    assert (answer.headers["x-amzn-trace-id"], answer.headers["x-amzn-remapped-content-length"]) == ("root=1", "7"), answer
    assert "x-amzn-trace-id" not in weir.invoke("hello:nope").headers
    assert "x-amzn-trace-id" not in weir.call("POST", "/", body=b"{}").headers  # a route


def test_nothing_is_said_of_a_version_but_where_it_ran(plainly):
    answer = plainly.invoke("hello:live", headers=[("X-Amz-Invocation-Type", "DryRun")])
    assert (answer.status, answer.body) == (204, b"") and "x-amz-executed-version" not in answer.headers
    assert answer.headers["x-amzn-remapped-content-length"] == "0" and "content-type" not in answer.headers
    answer = plainly.call("POST", "/2014-11-13/functions/hello:live/invoke-async/", body=b"{}")
    assert answer.status == 400 and "state.directory" in answer.json()["message"]
    assert json.loads(plainly.invoke("hello:live").body)["version"] == "1"


def attempt(weir, call, name="hello:live"):
    answer = weir.invoke(name, headers=[("amz-sdk-invocation-id", call), ("amz-sdk-request", "attempt=1; max=3")])
    assert answer.status == 200
    return answer.headers["x-amz-executed-version"]


def two_versions(world, settings=None):
    demos = {"1": world.demo("1"), "2": world.demo("2")}
    functions = lambda weights: {"hello": tables.function(demos, {"live": weights})}  # noqa: E731
    return world.weir(tables.table(functions({"1": 50, "2": 50})), settings), functions


def picks(weir):
    metrics = weir.settled_metrics()
    return sum(metrics.value("weir_invocations_total", function="hello", alias="live", version=v) or 0 for v in "12")


def test_attempts_of_one_call_stay_on_a_version_and_count_once(world):
    weir, functions = two_versions(world)
    calls = [f"7f3c{i:04}-0000-4000-8000-000000000000" for i in range(20)]
    first = [attempt(weir, call) for call in calls]
    assert sorted(first) == ["1"] * 10 + ["2"] * 10
    assert picks(weir) == 20
    for _ in range(3):
        assert [attempt(weir, call) for call in calls] == first
    assert picks(weir) == 20
    weir.must_reload(tables.table(functions({"2": 100})))  # the alias moves on
    assert [attempt(weir, call) for call in calls] == first
    assert picks(weir) == 20
    assert attempt(weir, "another call") == "2"
    assert attempt(weir, calls[first.index("1")], "hello:2") == "2"  # another qualifier is another call
    assert picks(weir) == 21


def test_attempts_of_a_call_draw_where_they_are_not_pinned(world):
    weir, _ = two_versions(world, {"invoke": {"retry_pin_ms": 0}})
    assert sorted(attempt(weir, "a call") for _ in range(10)) == ["1"] * 5 + ["2"] * 5
    assert picks(weir) == 10


def test_a_first_attempt_that_failed_keeps_its_version(world):
    demo = world.demo("2")
    weir = world.weir(tables.table({"hello": tables.function({"1": "http://127.0.0.1:1", "2": demo}, {"live": {"1": 50, "2": 50}})}))
    for call in ("a", "b"):
        statuses = {weir.invoke("hello:live", headers=[("amz-sdk-invocation-id", call)]).status for _ in range(4)}
        assert len(statuses) == 1
    assert picks(weir) == 2
    assert sum(weir.metrics().value("weir_repeated_invocations_total", function="hello", alias="live", version=v) for v in "12") == 6
