"""Events: invocations that are answered when they are stored, and run afterwards."""

import json
import re
import sqlite3
import threading
import time
import uuid

import pytest
from harness import tables
from harness.fake import OK
from harness.rie import Rie
from harness.waiting import wait_until

TYPE = "X-Amz-Invocation-Type"
ASYNC = "/2014-11-13/functions/{}/invoke-async"
FAST = {"events": {"retry_ms": 20, "backoff_ms": 20}}


def status(code, body=b"{}"):
    return b"HTTP/1.1 %d Some\r\nContent-Length: %d\r\n\r\n%s" % (code, len(body), body)


def function_error(body=b'{"errorMessage":"no","errorType":"E"}'):
    return b"HTTP/1.1 200 OK\r\nX-Amz-Function-Error: Unhandled\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def answering(answers):
    """A handler that gives each request the next of the answers, the last one from then on."""
    lock = threading.Lock()
    rest = list(answers)

    def handler(c):
        while c.read_request():
            with lock:
                answer = rest.pop(0) if len(rest) > 1 else rest[0]
            if answer is None:
                c.reset()
                return
            c.send(answer)

    return handler


class Sent:
    """Events that were accepted."""

    def __init__(self, weir):
        self.weir = weir

    def __call__(self, function="hello", body=b"{}", query="", headers=(), expected=202):
        answer = self.weir.invoke(function, body=body, query=query, headers=[(TYPE, "Event"), *headers])
        assert answer.status == expected, answer
        return answer


@pytest.fixture
def state(tmp_path):
    folder = tmp_path / "state"
    folder.mkdir()
    return folder


def start(world, state, table, settings=None, **more):
    weir = world.weir(table, {**FAST, **(settings or {})}, arguments=("--state", state), **more)
    weir.send = Sent(weir)
    return weir


def one(place, **function):
    table = tables.one(place)
    table["functions"]["hello"].update(function)
    return table


def wait_for_requests(fake, n):
    wait_until(lambda: len(fake.requests) >= n, f"the endpoint has had {n} requests")
    return fake.requests


def is_idle(weir):
    metrics = weir.metrics()
    return metrics.value("weir_events_queued") == 0


def wait_until_idle(weir):
    wait_until(lambda: is_idle(weir), "no event is queued")


def attempts(weir, n):
    """The log lines of n attempts."""

    def lines():
        found = [line for line in weir.access_log() if line["type"] == "attempt"]
        return found if len(found) >= n else None

    found = wait_until(lines, f"{n} attempts are logged")
    assert len(found) == n, found
    return found


# ---- Acceptance ----


def test_an_event_is_answered_without_a_version_and_runs_then(world, state):
    fake = world.fake(answering([OK]))
    weir = start(world, state, one(fake))
    answer = weir.send(body=b'{"a": 1}', query="?Qualifier=1", headers=[("traceparent", "00-" + "a" * 32 + "-" + "b" * 16 + "-01")])
    assert answer.body == b"" and answer.headers["content-length"] == "0"
    assert "x-amz-executed-version" not in answer.headers and "x-amz-function-error" not in answer.headers
    (request,) = wait_for_requests(fake, 1)
    assert request.body == b'{"a": 1}' and request.method == "POST"
    assert request.headers["x-amzn-requestid"] == answer.headers["x-amzn-requestid"]
    assert request.headers["traceparent"].startswith("00-aaaa")
    assert "x-amz-invocation-type" not in request.headers
    wait_until_idle(weir)
    (line,) = attempts(weir, 1)
    assert line["attempt"] == 1 and line["status"] == 200 and line["version"] == "1" and line["outcome"] == "ok"
    assert line["request_id"] == answer.headers["x-amzn-requestid"]
    (accepted,) = [line for line in weir.access_log() if line["type"] == "invocation"]
    assert accepted["outcome"] == "accepted" and accepted["status"] == 202 and accepted["version"] == "1"


def test_an_event_is_in_the_counters(world, state):
    fake = world.fake(answering([status(404), OK]))
    weir = start(world, state, one(fake))
    weir.send(query="?Qualifier=1")
    wait_until_idle(weir)
    metrics = weir.metrics()
    assert metrics.value("weir_invocations_total", function="hello", version="1") == 1  # one pick
    assert metrics.value("weir_event_attempts_total", function="hello", version="1") == 2
    assert metrics.value("weir_invocations_in_flight") == 0
    assert metrics.value("weir_events_accepted_total", function="hello") == 1
    assert metrics.value("weir_events_delivered_total", function="hello") == 1
    assert metrics.value("weir_events_retried_total", function="hello") == 1
    assert metrics.value("weir_events_dropped_total") == 0
    assert metrics.value("weir_events_oldest_age_seconds") == 0
    assert metrics.value("weir_responses_total", code="2xx") == 1 and metrics.value("weir_responses_total", code="4xx") == 1


def test_invoke_async_is_an_event(world, state):
    fake = world.fake(answering([OK]))
    weir = start(world, state, {"functions": {"hello": tables.function({"$LATEST": fake})}})
    for end in ("", "/"):
        answer = weir.call("POST", ASYNC.format("hello") + end, body=b"{}")
        assert answer.status == 202 and answer.body == b"", answer
    wait_for_requests(fake, 2)
    assert weir.call("POST", ASYNC.format("nobody"), body=b"{}").status == 404


@pytest.mark.parametrize("body", [b"", b"x" * 100_000, bytes(range(256))], ids=["empty", "long", "binary"])
def test_a_payload_arrives_as_it_was_sent(world, state, body):
    fake = world.fake(answering([OK]))
    weir = start(world, state, one(fake))
    weir.send(body=body, query="?Qualifier=1", headers=[("content-type", "application/x-own")])
    (request,) = wait_for_requests(fake, 1)
    assert request.body == body and request.headers["content-type"] == "application/x-own"
    wait_until_idle(weir)


def test_a_payload_over_the_limit_is_refused_with_lambdas_words(world, state):
    weir = start(world, state, one("http://127.0.0.1:1"), {"limits": {"event_body_bytes": 1000}})
    answer = weir.send(body=b"x" * 1001, query="?Qualifier=1", expected=413)
    assert answer.headers["x-amzn-errortype"] == "RequestEntityTooLargeException"
    assert answer.json()["message"] == "1001 byte payload is too large for the Event invocation type (limit 1000 bytes)"
    with weir.connect() as c:
        head = f"POST /2015-03-31/functions/hello/invocations?Qualifier=1 HTTP/1.1\r\nHost: a\r\n{TYPE}: Event\r\n"
        c.send(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + b"2000\r\n" + b"x" * 0x2000 + b"\r\n0\r\n\r\n")
        assert c.read_answer().status == 413
    assert weir.metrics().value("weir_events_queued") == 0


def test_without_a_state_directory_events_are_refused_and_the_setting_is_named(world):
    weir = world.weir(one("http://127.0.0.1:1"))
    answer = weir.invoke("hello", query="?Qualifier=1", headers=[(TYPE, "Event")])
    assert answer.status == 400 and answer.headers["x-amzn-errortype"] == "InvalidParameterValueException"
    assert "state.directory" in answer.json()["message"]


def test_a_client_that_leaves_in_the_middle_of_its_payload_leaves_no_event(world, state):
    fake = world.fake(answering([OK]))
    weir = start(world, state, one(fake))
    c = weir.connect()
    c.send(f"POST /2015-03-31/functions/hello/invocations?Qualifier=1 HTTP/1.1\r\nHost: a\r\n{TYPE}: Event\r\n".encode())
    c.send(b"Content-Length: 100\r\n\r\nhalf")
    c.close()
    wait_until(lambda: weir.metrics().value("weir_client_connections") == 0, "the client is gone")
    weir.send(query="?Qualifier=1")
    (request,) = wait_for_requests(fake, 1)
    wait_until_idle(weir)
    assert request.body == b"{}" and len(fake.requests) == 1


def test_a_client_that_waits_for_leave_to_send_gets_it(world, state):
    fake = world.fake(answering([OK]))
    weir = start(world, state, one(fake))
    with weir.connect() as c:
        c.send(f"POST /2015-03-31/functions/hello/invocations?Qualifier=1 HTTP/1.1\r\nHost: a\r\n{TYPE}: Event\r\n".encode())
        c.send(b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert c.read_head().status == 100
        c.send(b"{}")
        assert c.read_answer().status == 202
    wait_for_requests(fake, 1)


# ---- The split ----


def test_the_split_of_accepted_events_is_exact(world, state):
    primary, canary = world.demo("1"), world.demo("2")
    weir = start(world, state, tables.split({"1": primary, "2": canary}, {"1": 95, "2": 5}))
    with weir.connect() as c:
        for _ in range(1000):
            c.send_request("POST", "/2015-03-31/functions/hello/invocations?Qualifier=live", [(TYPE, "Event")], b"{}")
            assert c.read_answer().status == 202
    wait_until_idle(weir)
    metrics = weir.metrics()
    picks = {v: metrics.value("weir_invocations_total", alias="live", version=v) for v in "12"}
    assert picks == {"1": 950, "2": 50}
    assert primary.count()["requests"] >= 950 and canary.count()["requests"] >= 50


def test_retries_stay_on_the_version_though_the_alias_moves_on(world, state):
    one_, two = world.fake(answering([status(400), status(503), OK])), world.fake(answering([OK]))
    table = tables.split({"1": one_, "2": two}, {"1": 100})
    weir = start(world, state, table, {"events": {"retry_ms": 300, "backoff_ms": 20}})
    weir.send(query="?Qualifier=live")
    wait_for_requests(one_, 1)
    weir.must_reload(tables.split({"1": one_, "2": two}, {"2": 100}))
    wait_until_idle(weir)
    assert len(one_.requests) == 3 and not two.requests
    assert len({r.headers["x-amzn-requestid"] for r in one_.requests}) == 1


def test_an_event_whose_version_is_gone_is_drawn_anew(world, state):
    one_, two = world.fake(answering([status(503)])), world.fake(answering([OK]))
    weir = start(world, state, tables.split({"1": one_, "2": two}, {"1": 100}))
    weir.send(query="?Qualifier=live")
    wait_for_requests(one_, 1)
    weir.must_reload(tables.split({"2": two}, {"2": 100}))
    wait_for_requests(two, 1)
    wait_until_idle(weir)
    assert weir.metrics().value("weir_invocations_total", alias="live", version="2") == 1


def test_an_event_whose_function_is_gone_waits_for_its_return(world, state):
    is_back = threading.Event()

    def handler(c):
        while c.read_request():
            c.send(OK if is_back.is_set() else status(503))

    fake = world.fake(handler)
    weir = start(world, state, one(fake))
    weir.send(query="?Qualifier=1")
    wait_for_requests(fake, 1)
    weir.must_reload({"functions": {"other": tables.function({"1": fake})}})
    wait_until(lambda: any(line["status"] == 404 for line in weir.access_log() if line["type"] == "attempt"), "an attempt finds nothing")
    assert weir.metrics().value("weir_rejected_requests_total") == 0
    is_back.set()
    weir.must_reload(one(fake))
    wait_until_idle(weir)
    assert weir.metrics().value("weir_events_delivered_total") == 1


# ---- What becomes of an event ----


def test_a_function_error_is_retried_twice_and_dropped(world, state):
    fake = world.fake(answering([function_error()]))
    weir = start(world, state, one(fake))
    answer = weir.send(query="?Qualifier=1")
    weir.expect_metric(1, "weir_events_dropped_total", function="hello", reason="retries_exhausted")
    wait_until_idle(weir)
    assert len(fake.requests) == 3
    assert {r.headers["x-amzn-requestid"] for r in fake.requests} == {answer.headers["x-amzn-requestid"]}
    assert sorted(line["attempt"] for line in attempts(weir, 3)) == [1, 2, 3]
    weir.wait_for_words("is dropped after 3 attempts: RetriesExhausted")


@pytest.mark.parametrize("trouble", [status(500), status(503), status(429), None], ids=["500", "503", "429", "reset"])
def test_what_is_not_the_functions_fault_is_tried_until_it_works(world, state, trouble):
    fake = world.fake(answering([trouble] * 5 + [OK]))
    weir = start(world, state, one(fake), {"events": {"backoff_ms": 5, "retries": 0}})
    weir.send(query="?Qualifier=1")
    wait_until_idle(weir)
    assert len(fake.requests) == 6
    assert weir.metrics().value("weir_events_delivered_total") == 1


def test_an_event_that_grows_too_old_is_dropped(world, state):
    weir = start(world, state, one("http://127.0.0.1:1"), {"events": {"backoff_ms": 5, "max_age_s": 1}})
    weir.send(query="?Qualifier=1")
    weir.expect_metric(1, "weir_events_dropped_total", function="hello", reason="age_exceeded")
    wait_until_idle(weir)


def test_a_function_that_may_run_none_gives_its_events_to_its_dead_letter_at_once(world, state):
    letters, fake = world.fake(answering([OK])), world.fake(answering([OK]))
    weir = start(world, state, dead_letter_to("box", fake, letters, concurrency=0))
    answer = weir.send(query="?Qualifier=1", body=b'{"n": 1}')
    (letter,) = wait_for_requests(letters, 1)
    wait_until_idle(weir)
    record = json.loads(letter.body)
    assert record["requestContext"]["condition"] == "ZeroReservedConcurrency"
    assert record["requestContext"]["requestId"] == answer.headers["x-amzn-requestid"]
    assert record["requestPayload"] == {"n": 1} and "responsePayload" not in record
    assert not fake.requests


# ---- Dead letters ----


def dead_letter_to(name, fake, letters, **more):
    return {
        "functions": {
            "hello": {**tables.function({"1": fake}), "dead_letter": name, **more},
            "box": tables.function({"$LATEST": letters, "4": letters}, {"live": {"4": 100}}),
        }
    }


def test_a_dead_letter_to_a_function_is_lambdas_record(world, state):
    fake, letters = world.fake(answering([function_error()])), world.fake(answering([status(503), status(404), OK]))
    weir = start(world, state, dead_letter_to("box:live", fake, letters))
    answer = weir.send(query="?Qualifier=1", body=b'{"n": 1}')
    wait_for_requests(letters, 3)
    wait_until_idle(weir)
    bodies = {r.body for r in letters.requests}
    assert len(bodies) == 1 and len(letters.requests) == 3
    record = json.loads(bodies.pop())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record.pop("timestamp"))
    assert record == {
        "version": "1.0",
        "requestContext": {
            "requestId": answer.headers["x-amzn-requestid"],
            "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:hello:1",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": {"n": 1},
        "responseContext": {"statusCode": 200, "executedVersion": "1", "functionError": "Unhandled"},
        "responsePayload": {"errorMessage": "no", "errorType": "E"},
    }
    assert letters.requests[0].headers["content-type"] == "application/json"
    metrics = weir.metrics()
    assert metrics.value("weir_events_dead_letters_total", function="hello") == 1
    assert metrics.value("weir_events_dropped_total") == 0


@pytest.mark.parametrize("path", ["", "/failed/here"])
def test_a_dead_letter_goes_to_a_url(world, state, path):
    fake, letters = world.fake(answering([status(418, b"teapot")])), world.fake(answering([status(500), OK]))
    weir = start(world, state, one(fake, dead_letter=letters.url + path), {"events": {"retries": 0, "backoff_ms": 5}})
    weir.send(query="?Qualifier=1", body=b"no json")
    wait_for_requests(letters, 2)
    wait_until_idle(weir)
    record = json.loads(letters.requests[1].body)
    assert letters.requests[1].target == (path or "/") and letters.requests[1].method == "POST"
    assert letters.requests[0].headers["x-amzn-requestid"] == letters.requests[1].headers["x-amzn-requestid"]
    assert record["requestPayload"] == "no json" and record["responsePayload"] == "teapot"
    assert record["responseContext"] == {"statusCode": 418, "executedVersion": "1", "functionError": "Unhandled"}
    assert weir.metrics().value("weir_invocations_total", version="dead_letter") == 0
    lines = sorted(attempts(weir, 3), key=lambda line: line["time"])
    assert [line["endpoint"] for line in lines] == [fake.url, letters.url + path, letters.url + path]


def test_a_dead_letter_follows_the_functions_dead_letter(world, state):
    fake, letters = world.fake(answering([status(400)])), world.fake(answering([OK]))
    weir = start(world, state, one(fake, dead_letter="http://127.0.0.1:1"), {"events": {"retries": 0, "backoff_ms": 20}})
    weir.send(query="?Qualifier=1")
    wait_for_requests(fake, 1)
    weir.must_reload(one(fake, dead_letter=letters.url))
    wait_for_requests(letters, 1)
    wait_until_idle(weir)


def test_a_dead_letters_url_outlives_a_change_of_another_function(world, state):
    fake, letters = world.fake(answering([status(400)])), world.fake(answering([OK]))
    weir = start(world, state, one(fake, dead_letter=letters.url), {"events": {"retries": 0}})
    other = {"FunctionName": "other", "Role": "arn:aws:iam::000000000000:role/r", "PackageType": "Image", "Code": {"ImageUri": "127.0.0.1:1"}}
    answer = weir.admin("/2015-03-31/functions", "POST", json.dumps(other).encode(), [("Content-Type", "application/json")])
    assert answer.status == 201, answer
    weir.send(query="?Qualifier=1")
    wait_for_requests(letters, 1)
    wait_until_idle(weir)


def test_a_dead_letter_that_nobody_takes_is_dropped(world, state):
    fake = world.fake(answering([status(400)]))
    table = dead_letter_to("box", fake, "http://127.0.0.1:1")
    weir = start(world, state, table, {"events": {"retry_ms": 5, "backoff_ms": 5, "max_age_s": 1}})
    weir.send(query="?Qualifier=1")
    weir.expect_metric(1, "weir_events_dropped_total", function="hello", reason="dead_letter")
    wait_until_idle(weir)
    weir.wait_for_words("nobody has taken it")


# ---- Over restarts ----


def test_what_is_queued_outlives_a_restart(world, state, tmp_path):
    fake = world.fake(answering([status(503)] * 3 + [OK]))
    weir = start(world, state, one(fake), {"events": {"backoff_ms": 200}})
    sent = [weir.send(query="?Qualifier=1", body=json.dumps(n).encode()).headers["x-amzn-requestid"] for n in range(3)]
    wait_for_requests(fake, 3)
    weir.stop()
    before = len(fake.requests)
    again = start(world, state, one(fake))
    wait_until_idle(again)
    assert {r.headers["x-amzn-requestid"] for r in fake.requests[before:]} == set(sent)
    assert again.metrics().value("weir_events_delivered_total") == 3


def test_draining_waits_for_what_runs_and_leaves_what_is_queued(world, state):
    running, gate = threading.Event(), threading.Event()

    def handler(c):
        while c.read_request():
            running.set()
            gate.wait(20)
            c.send(OK)

    fake = world.fake(handler)
    weir = start(world, state, one(fake), {"events": {"in_flight": 1, "in_flight_per_function": 1}})
    for n in range(3):
        weir.send(query="?Qualifier=1", body=b"%d" % n)
    assert running.wait(20)
    weir.signal(15)
    weir.wait_for_words("draining: no new")
    gate.set()
    weir.check_end(weir.wait())
    assert [r.body for r in fake.requests] == [b"0"], weir.stderr() + weir.access_log_path.read_text()
    again = start(world, state, one(fake))
    wait_until_idle(again)
    assert sorted(r.body for r in fake.requests) == [b"0", b"1", b"2"]


class Senders:
    """Threads that send events, each with a number of its own, until weir is killed."""

    def __init__(self):
        self.sent, self.accepted = set(), set()

    def run(self, weir, until, what):
        stop = threading.Event()

        def send():
            while not stop.is_set():
                own = str(uuid.uuid4())
                self.sent.add(own)
                try:
                    answer = weir.invoke("hello", body=json.dumps(own).encode(), query="?Qualifier=1", headers=[(TYPE, "Event")])
                except OSError:
                    return
                if answer.status == 202:
                    self.accepted.add(own)

        threads = [threading.Thread(target=send) for _ in range(4)]
        for t in threads:
            t.start()
        wait_until(until, what)
        weir.child.kill()
        weir.child.wait()
        stop.set()
        for t in threads:
            t.join()


@pytest.mark.slow
def test_kill_9_loses_no_accepted_event_and_repeats_only_what_was_in_flight(world, state):
    """Every 202 is delivered; nothing that was not sent; what is delivered twice was being attempted at a kill."""
    fake = world.fake(answering([OK]))
    kills, limit = 6, 16
    senders = Senders()
    for _ in range(kills):
        weir = start(world, state, one(fake), {"events": {"in_flight": limit, "in_flight_per_function": limit}})
        goal = len(fake.requests) + 40
        senders.run(weir, lambda goal=goal: len(fake.requests) >= goal, "events run")
        world.things.remove(weir)
    wait_until_idle(start(world, state, one(fake)))
    bodies = [json.loads(r.body) for r in fake.requests if r.body]
    assert senders.accepted <= set(bodies) and set(bodies) <= senders.sent
    assert len(bodies) - len(set(bodies)) <= kills * limit


@pytest.mark.slow
def test_kill_9_loses_neither_retries_nor_dead_letters(world, state):
    """Events that fail in every way: each that was accepted ran without an error, or its dead letter has come."""
    lock, ran = threading.Lock(), set()
    count = 0

    def fails_often(c):
        nonlocal count
        while request := c.read_request():
            with lock:
                count += 1
                answer = [OK, status(503), function_error(), function_error(), status(429)][count % 5]
                if answer is OK:
                    ran.add(json.loads(request.body))
            c.send(answer)

    fake, letters = world.fake(fails_often), world.fake(answering([status(500), OK]))
    table, settings = one(fake, dead_letter=letters.url), {"events": {"retries": 1, "retry_ms": 10, "backoff_ms": 10}}
    senders = Senders()
    for _ in range(5):
        weir = start(world, state, table, settings)
        goal = len(letters.requests) + 3
        senders.run(weir, lambda goal=goal: len(letters.requests) >= goal, "dead letters come")
        world.things.remove(weir)
    wait_until_idle(start(world, state, table, settings))
    told = {json.loads(r.body)["requestPayload"] for r in letters.requests if r.body}
    assert senders.accepted <= ran | told and ran | told <= senders.sent


# ---- Other kinds, limits and trouble ----


def rie_table(fake, **function):
    return {"functions": {"hello": {**tables.function({"1": {"kind": "rie", **tables.endpoints(fake)}}), **function}}}


def test_events_of_an_emulator_run_one_after_the_other(world, state):
    rie = Rie(lambda event, request: time.sleep(0.01))  # it dies of two at once, and says so
    fake = world.fake(rie.serve)
    weir = start(world, state, rie_table(fake))
    for n in range(20):
        weir.send(query="?Qualifier=1", body=b"%d" % n)
    wait_until_idle(weir)
    assert sorted(int(r.body) for r in rie.invocations) == list(range(20))
    assert weir.metrics().value("weir_events_delivered_total") == 20


def test_an_emulators_error_is_a_function_error(world, state):
    def fail(event, request):
        raise ValueError("no")

    rie, letters = Rie(fail), world.fake(answering([OK]))
    weir = start(world, state, rie_table(world.fake(rie.serve), dead_letter=letters.url))
    weir.send(query="?Qualifier=1", body=b"[1]")
    (letter,) = wait_for_requests(letters, 1)
    wait_until_idle(weir)
    record = json.loads(letter.body)
    assert len(rie.invocations) == 3 and record["requestPayload"] == [1]
    assert record["responseContext"]["functionError"] == "Unhandled"
    assert record["responsePayload"]["errorType"] == "ValueError"


def test_a_payload_that_is_no_json_is_refused_for_an_emulator(world, state):
    weir = start(world, state, rie_table("http://127.0.0.1:1"))
    answer = weir.send(query="?Qualifier=1", body=b"{", expected=400)
    assert answer.headers["x-amzn-errortype"] == "InvalidRequestContentException"
    assert weir.metrics().value("weir_events_queued") == 0


def test_a_backlog_of_one_function_does_not_delay_another(world, state):
    gate = threading.Event()

    def slow(c):
        while c.read_request():
            gate.wait(20)
            c.send(OK)

    busy, quick = world.fake(slow), world.fake(answering([OK]))
    table = {"functions": {"busy": tables.function({"1": busy}), "hello": tables.function({"1": quick})}}
    weir = start(world, state, table, {"events": {"in_flight": 4, "in_flight_per_function": 3}})
    with weir.connect() as c:
        for _ in range(200):
            c.send_request("POST", "/2015-03-31/functions/busy/invocations?Qualifier=1", [(TYPE, "Event")], b"{}")
            assert c.read_answer().status == 202
    wait_for_requests(busy, 3)
    weir.send(query="?Qualifier=1")
    wait_for_requests(quick, 1)
    assert len(busy.requests) == 3  # no more than that at once
    gate.set()
    wait_until_idle(weir)
    assert len(busy.requests) == 200


def test_a_slow_disk_holds_up_nobody_who_does_not_wait_for_it(world, state):
    fake = world.fake(answering([OK]))
    weir = start(world, state, one(fake), workers=1)
    lock = sqlite3.connect(state / "weir.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    with weir.connect() as c:
        c.send_request("POST", "/2015-03-31/functions/hello/invocations?Qualifier=1", [(TYPE, "Event")], b"{}")
        for _ in range(20):
            assert weir.invoke("hello", query="?Qualifier=1").status == 200
        c.socket.setblocking(False)
        with pytest.raises(BlockingIOError):
            c.socket.recv(1)
        assert len(fake.requests) == 20
        lock.rollback()
        c.socket.settimeout(20)
        assert c.read_answer().status == 202
    lock.close()
    wait_for_requests(fake, 21)


@pytest.mark.slow
def test_an_event_that_the_disk_does_not_take_is_not_accepted_and_what_is_over_goes_later(world, state):
    gate = threading.Event()

    def handler(c):
        while c.read_request():
            gate.wait(20)
            c.send(OK)

    fake = world.fake(handler)
    weir = start(world, state, one(fake))
    weir.allow_error("could not be deleted|cannot be kept")
    weir.send(query="?Qualifier=1", body=b"1")
    wait_for_requests(fake, 1)
    lock = sqlite3.connect(state / "weir.db", isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    gate.set()
    answer = weir.send(query="?Qualifier=1", body=b"2", expected=503)
    assert answer.headers["x-amzn-errortype"] == "ServiceException"
    assert answer.json()["Message"].startswith("The event could not be stored: ")
    lock.rollback()
    lock.close()
    wait_until_idle(weir)
    weir.send(query="?Qualifier=1", body=b"3")
    wait_for_requests(fake, 2)
    wait_until_idle(weir)
    assert [r.body for r in fake.requests] == [b"1", b"3"]


def test_new_settings_hold_for_the_next_attempt(world, state):
    fake = world.fake(answering([status(400)]))
    weir = start(world, state, one(fake), {"events": {"retry_ms": 50, "retries": 100, "max_age_s": 3600}})
    weir.send(query="?Qualifier=1")
    wait_for_requests(fake, 1)
    weir.settings_path.write_text(json.dumps({**weir.settings, "events": {"retries": 0}}))
    assert weir.reload().status == 200
    weir.expect_metric(1, "weir_events_dropped_total", function="hello", reason="retries_exhausted")


# ---- With a real client ----


def test_boto3_sends_events(world, state):
    boto3 = pytest.importorskip("boto3")
    fake = world.fake(answering([OK]))
    weir = start(world, state, {"functions": {"hello": tables.function({"$LATEST": fake})}})
    client = boto3.client(
        "lambda",
        endpoint_url=f"http://{weir.settings['listeners'][0]['address']}",
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
    )
    answer = client.invoke(FunctionName="hello", InvocationType="Event", Payload=b'{"a": 1}')
    assert answer["StatusCode"] == 202 and "ExecutedVersion" not in answer and answer["Payload"].read() == b""
    assert client.invoke_async(FunctionName="hello", InvokeArgs=b'{"b": 2}')["Status"] == 202
    wait_for_requests(fake, 2)
    assert sorted(r.body for r in fake.requests) == [b'{"a": 1}', b'{"b": 2}']
    with pytest.raises(client.exceptions.ClientError) as error:
        client.invoke(FunctionName="hello", InvocationType="Event", Payload=b'"' + b"x" * 1048576 + b'"')
    assert error.value.response["Error"]["Code"] == "RequestEntityTooLargeException"
