"""Executions of state machines: started by alias, run on one version, and what becomes of them."""

import json
import signal
import threading
import time
import uuid

import pytest
from harness.waiting import wait_until

ARN = "arn:aws:states:us-east-1:000000000000"
MACHINE = f"{ARN}:stateMachine:shop"
TAKEN = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


def status(code, body=b"{}", fields=b""):
    return b"HTTP/1.1 %d Some\r\n%sContent-Length: %d\r\n\r\n%s" % (code, fields, len(body), body)


def answering(*answers):
    """A handler that gives each request the next of the answers, the last one from then on."""
    lock = threading.Lock()
    rest = list(answers)

    def handler(c):
        while c.read_request():
            with lock:
                answer = rest.pop(0) if len(rest) > 1 else rest[0]
            if callable(answer):
                answer = answer(c)
            if answer is None:
                c.reset()
                return
            c.send(answer)

    return handler


class Gate:
    """Holds answers back until it is opened."""

    def __init__(self, answer=status(200)):
        self.answer = answer
        self.is_open = threading.Event()

    def __call__(self, c):
        self.is_open.wait(30)
        return self.answer


class Refused(Exception):
    def __init__(self, answer):
        body = json.loads(answer.body)
        super().__init__(f"{answer.status} {body}")
        self.status, self.type, self.message = answer.status, body["__type"].split("#")[-1], body.get("message")


class Client:
    def __init__(self, weir):
        self.weir = weir

    def __call__(self, operation, headers=(), **members):
        answer = self.weir.admin(
            "/",
            "POST",
            json.dumps(members).encode(),
            [("Content-Type", "application/x-amz-json-1.0"), ("X-Amz-Target", f"AWSStepFunctions.{operation}"), *headers],
        )
        if answer.status != 200:
            raise Refused(answer)
        return json.loads(answer.body)

    def start(self, arn=MACHINE + ":PROD", **members):
        return self("StartExecution", stateMachineArn=arn, **members)["executionArn"]

    def describe(self, arn):
        return self("DescribeExecution", executionArn=arn)

    def wait(self, arn, *statuses):
        """Until it has ended, or has one of these statuses: how it stands then."""
        found = {}

        def has_come():
            found.update(self.describe(arn))
            return found["status"] in statuses if statuses else found["status"] != "RUNNING"

        wait_until(has_come, f"{arn} has {statuses or 'ended'}")
        return found

    def run(self, arn=MACHINE + ":PROD", **members):
        return self.wait(self.start(arn, **members))

    def list(self, arn=MACHINE, **members):
        out, token = [], {}
        while True:
            page = self("ListExecutions", stateMachineArn=arn, **members, **token)
            out += page["executions"]
            if "nextToken" not in page:
                return out
            token = {"nextToken": page["nextToken"]}


def version(place, **more):
    return {"endpoints": [place if isinstance(place, str) else place.url], **more}


def machines(versions, weights=None, kind="STANDARD", functions=None, **alias):
    weights = weights or {name: 100 for name in list(versions)[:1]}
    machine = {"type": kind, "versions": versions, "aliases": {"PROD": {"weights": weights, **alias}}}
    return {"functions": functions or {}, "state_machines": {"shop": machine}}


@pytest.fixture
def state(tmp_path):
    folder = tmp_path / "state"
    folder.mkdir()
    return folder


@pytest.fixture
def begin(world, state):
    def begin(table, settings=None, **more):
        weir = world.weir(table, settings, arguments=("--state", state), **more)
        weir.sfn, weir.world = Client(weir), world
        return weir

    return begin


def refused(type_, message=None, code=400):
    class Expectation:
        def __enter__(self):
            return self

        def __exit__(self, kind, value, trace):
            assert kind is Refused, f"{type_} was expected, not {value!r}"
            assert (value.type, value.status) == (type_, code), value
            assert message is None or value.message == message, value
            return True

    return Expectation()


# ---- What is sent, and how it ends ------------------------------------------------------------------------------------


@pytest.mark.fast
def test_an_execution_posts_its_input_and_its_output_is_the_answer(world, begin):
    fake = world.fake(answering(status(200, b' {"b" : 1.50}\n')))
    sfn = begin(machines({"1": version(fake.url + "/work/x")})).sfn
    began = time.time()
    arn = sfn.start(name="order-1", input=' {"a":  [1, 2.0]}')
    assert arn == f"{ARN}:execution:shop:order-1"
    done = sfn.wait(arn)
    [request] = fake.requests
    assert (request.method, request.target, request.body) == ("POST", "/work/x", b' {"a":  [1, 2.0]}')
    assert request.headers["content-type"] == "application/json"
    assert request.headers["x-weir-execution-arn"] == arn
    assert request.headers["x-weir-execution-name"] == "order-1"
    assert request.headers["x-weir-execution-version"] == "1"
    assert request.headers["x-weir-task-token"]
    assert done["output"] == ' {"b" : 1.50}\n' and done["input"] == ' {"a":  [1, 2.0]}'
    assert done["status"] == "SUCCEEDED" and done["name"] == "order-1"
    assert done["stateMachineArn"] == MACHINE
    assert done["stateMachineVersionArn"] == MACHINE + ":1" and done["stateMachineAliasArn"] == MACHINE + ":PROD"
    assert began - 1 < done["startDate"] <= done["stopDate"] < time.time() + 1
    assert "error" not in done and "cause" not in done


def test_who_started_it_by_what_is_shown(world, begin):
    fake = world.fake(answering(status(200)))
    sfn = begin(machines({"1": version(fake), "$LATEST": version(fake)})).sfn
    by_version = sfn.run(MACHINE + ":1")
    assert by_version["stateMachineVersionArn"] == MACHINE + ":1" and "stateMachineAliasArn" not in by_version
    plain = sfn.run(MACHINE)
    assert "stateMachineVersionArn" not in plain and "stateMachineAliasArn" not in plain
    assert plain["input"] == "{}" and uuid.UUID(plain["name"])
    by_guide = sfn.run(f"{ARN}:stateMachineAlias:shop:PROD")
    assert by_guide["stateMachineAliasArn"] == MACHINE + ":PROD"
    assert [r.headers["x-weir-execution-version"] for r in fake.requests] == ["1", "$LATEST", "1"]


@pytest.mark.parametrize(
    "answer, outcome, error, cause",
    [
        (status(201, b"7"), "SUCCEEDED", None, None),
        (status(404, b'{"no": 1}'), "FAILED", "States.Http.StatusCode.404", '{"no": 1}'),
        (status(500, b"oh"), "FAILED", "States.Http.StatusCode.500", "oh"),
        (status(302, b"", b"Location: http://127.0.0.1/\r\n"), "FAILED", "States.Http.StatusCode.302", ""),
        (None, "FAILED", "States.Http.Socket", None),
        (status(200, b"1" * 262145), "FAILED", "States.DataLimitExceeded", None),
        (status(200, b"1" * 262144), "SUCCEEDED", None, None),
    ],
    ids=["2xx", "404", "500", "redirect", "reset", "too_large", "just_not"],
)
def test_the_answer_decides(world, begin, answer, outcome, error, cause):
    fake = world.fake(answering(answer))
    done = begin(machines({"1": version(fake)})).sfn.run()
    assert done["status"] == outcome and done.get("error") == error
    if cause is not None:
        assert done["cause"] == cause
    assert len(fake.requests) == 1


def test_a_body_that_is_no_json_becomes_a_string(world, begin):
    fake = world.fake(answering(status(200, b'say "hi"'), status(200, b"")))
    sfn = begin(machines({"1": version(fake)})).sfn
    assert json.loads(sfn.run()["output"]) == 'say "hi"'
    assert sfn.run()["output"] == '""'


def test_no_connection_is_no_second_try(world, begin):
    fake = world.fake()
    fake.stop()
    other = world.fake(answering(status(200)))
    weir = begin(
        machines({"1": version(fake), "2": version(other)}, {"1": 100, "2": 0}, on_unavailable="failover"),
        {"upstream": {"retries": 5}},
    )
    done = weir.sfn.run()
    assert done["error"] == "States.Http.Socket" and done["cause"]
    assert other.requests == []


def test_202_waits_for_a_report(world, begin):
    fake = world.fake(answering(TAKEN))
    sfn = begin(machines({"1": version(fake)})).sfn
    arns = [sfn.start() for _ in range(3)]
    wait_until(lambda: len(fake.requests) == 3, "all were sent")
    tokens = {r.headers["x-weir-execution-arn"]: r.headers["x-weir-task-token"] for r in fake.requests}
    time.sleep(0.1)
    assert {sfn.describe(arn)["status"] for arn in arns} == {"RUNNING"}
    assert sfn("SendTaskHeartbeat", taskToken=tokens[arns[0]]) == {}
    assert sfn("SendTaskSuccess", taskToken=tokens[arns[0]], output='{"x": 1}') == {}
    assert sfn("SendTaskFailure", taskToken=tokens[arns[1]], error="E", cause="why") == {}
    done = [sfn.describe(arn) for arn in arns]
    assert [d["status"] for d in done] == ["SUCCEEDED", "FAILED", "RUNNING"]
    assert done[0]["output"] == '{"x": 1}' and (done[1]["error"], done[1]["cause"]) == ("E", "why")
    for operation in ("SendTaskSuccess", "SendTaskFailure", "SendTaskHeartbeat"):
        more = {"output": "{}"} if operation == "SendTaskSuccess" else {}
        with refused("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'"):
            sfn(operation, taskToken=tokens[arns[0]], **more)
        for token in ("nonsense", tokens[arns[0]][:-4] + "0000", tokens[arns[2]][:-4] + "ffff"):
            with refused("InvalidToken", "Invalid Token: 'Invalid token'"):
                sfn(operation, taskToken=token, **more)
    with refused("InvalidOutput"):
        sfn("SendTaskSuccess", taskToken=tokens[arns[2]], output="{nonsense")


def test_a_report_may_come_before_the_answer(world, begin):
    gate = Gate(status(200, b'"late"'))
    fake = world.fake(answering(gate))
    sfn = begin(machines({"1": version(fake)})).sfn
    arn = sfn.start()
    wait_until(lambda: fake.requests, "it was sent")
    sfn("SendTaskSuccess", taskToken=fake.requests[0].headers["x-weir-task-token"], output='"early"')
    gate.is_open.set()
    assert sfn.describe(arn)["output"] == '"early"'


def test_a_function_of_weir_runs_for_a_machine(world, begin):
    good, bad = world.fake(answering(status(200, b'"good"'))), world.fake(
        answering(status(200, b'{"errorType":"Oops","errorMessage":"m"}', b"X-Amz-Function-Error: Unhandled\r\n"))
    )
    functions = {
        "hello": {"versions": {"1": version(good), "2": version(bad)}, "aliases": {"live": {"weights": {"1": 50, "2": 50}}}}
    }
    versions = {"1": {"kind": "function", "function": "hello", "qualifier": "live"}, "2": {"kind": "function", "function": "hello", "qualifier": "1"}}
    weir = begin(machines(versions, functions=functions))
    done = [weir.sfn.run(input="[%d]" % i) for i in range(10)]
    assert sorted(d["status"] for d in done) == ["FAILED"] * 5 + ["SUCCEEDED"] * 5
    failed = next(d for d in done if d["status"] == "FAILED")
    assert failed["error"] == "Oops" and json.loads(failed["cause"])["errorMessage"] == "m"
    assert weir.sfn.run(MACHINE + ":2")["output"] == '"good"'
    assert "x-weir-task-token" not in good.requests[0].headers
    weir.expect_metric(5, "weir_invocations_total", function="hello", alias="live", version="1")


def test_time_runs_out(world, begin):
    gate = Gate()
    fake = world.fake(answering(gate))
    sfn = begin(machines({"1": version(fake, timeouts={"execution_ms": 200})})).sfn
    done = sfn.run()
    gate.is_open.set()  # the endpoint ends at once
    assert done["status"] == "TIMED_OUT" and done["error"] == "States.Timeout"
    assert done["stopDate"] - done["startDate"] >= 0.2


def test_limits_of_invocations_are_none_of_executions(world, begin):
    def slowly(c):
        time.sleep(0.5)
        c.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n1")
        time.sleep(0.5)
        return b"2"

    fake = world.fake(answering(slowly))
    v = version(fake, timeout_ms=50, timeouts={"response_head_ms": 50, "stream_idle_ms": 50})
    assert begin(machines({"1": v})).sfn.run()["output"] == "12"


def test_a_stop_closes_the_connection_and_what_comes_later_changes_nothing(world, begin):
    ended = threading.Event()

    def until_closed(c):
        try:
            c.read_exactly(1)
        finally:
            ended.set()
        return None

    fake = world.fake(answering(until_closed))
    sfn = begin(machines({"1": version(fake)})).sfn
    arn = sfn.start()
    wait_until(lambda: fake.requests, "it was sent")
    stopped = sfn("StopExecution", executionArn=arn, error="Enough", cause="of this")
    assert ended.wait(10)
    done = sfn.describe(arn)
    assert (done["status"], done["error"], done["cause"]) == ("ABORTED", "Enough", "of this")
    assert done["stopDate"] == stopped["stopDate"]
    assert sfn("StopExecution", executionArn=arn) == stopped
    assert sfn.describe(arn)["error"] == "Enough"
    with refused("TaskTimedOut"):
        sfn("SendTaskSuccess", taskToken=fake.requests[0].headers["x-weir-task-token"], output="{}")


def test_over_max_in_flight_executions_wait(world, begin):
    gate = Gate()
    fake = world.fake(answering(gate))
    sfn = begin(machines({"1": version(fake, limits={"max_in_flight": 2})})).sfn
    arns = [sfn.start() for _ in range(5)]
    wait_until(lambda: len(fake.requests) == 2, "two were sent")
    time.sleep(0.2)
    assert len(fake.requests) == 2
    sfn("StopExecution", executionArn=arns[4])
    gate.is_open.set()
    assert [sfn.wait(arn)["status"] for arn in arns] == ["SUCCEEDED"] * 4 + ["ABORTED"]
    assert len(fake.requests) == 4


# ---- Names ------------------------------------------------------------------------------------------------------------


def test_the_same_start_again_is_the_same_execution_until_it_ends(world, begin):
    gate = Gate()
    fake = world.fake(answering(gate))
    sfn = begin(machines({"1": version(fake)})).sfn
    first = sfn("StartExecution", stateMachineArn=MACHINE + ":PROD", name="a", input='{"x": 1, "y": [true]}')
    assert sfn("StartExecution", stateMachineArn=MACHINE + ":PROD", name="a", input='{"y":[true],"x":1.0}') == first
    exists = f"Execution Already Exists: '{ARN}:execution:shop:a'"
    with refused("ExecutionAlreadyExists", exists):
        sfn.start(name="a", input='{"x": 2}')
    with refused("ExecutionAlreadyExists", exists):
        sfn.start(name="a")
    gate.is_open.set()
    sfn.wait(first["executionArn"])
    with refused("ExecutionAlreadyExists", exists):
        sfn.start(name="a", input='{"x": 1, "y": [true]}')
    assert len(fake.requests) == 1


def test_a_hundred_equal_starts_at_once_are_one_execution_and_one_draw(world, begin):
    fakes = [world.fake(answering(TAKEN)) for _ in range(2)]
    weir = begin(machines({"1": version(fakes[0]), "2": version(fakes[1])}, {"1": 50, "2": 50}))
    for round_ in range(4):
        answers = []

        def start(name=f"n{round_}"):
            answers.append(Client(weir)("StartExecution", stateMachineArn=MACHINE + ":PROD", name=name, input="[1]"))

        threads = [threading.Thread(target=start) for _ in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(answers) == 100 and all(a == answers[0] for a in answers)
    wait_until(lambda: sum(len(f.requests) for f in fakes) == 4, "four were sent")
    assert [len(f.requests) for f in fakes] == [2, 2]
    assert len(weir.sfn.list()) == 4
    weir.expect_metric(4, "weir_executions_started_total", state_machine="shop", alias="PROD")


def test_retries_of_a_start_without_a_name_are_one(world, begin):
    fake = world.fake(answering(status(200)))
    sfn = begin(machines({"1": version(fake)})).sfn
    one, two = [[("amz-sdk-invocation-id", str(uuid.uuid4()))] for _ in range(2)]
    first = sfn("StartExecution", one, stateMachineArn=MACHINE + ":PROD")
    sfn.wait(first["executionArn"])
    assert sfn("StartExecution", one, stateMachineArn=MACHINE + ":PROD") == first
    assert sfn("StartExecution", two, stateMachineArn=MACHINE + ":PROD")["executionArn"] != first["executionArn"]
    assert sfn("StartExecution", one, stateMachineArn=MACHINE + ":PROD", input="[2]")["executionArn"] != first["executionArn"]
    assert sfn.start() != sfn.start()
    assert len(sfn.list()) == 5


@pytest.mark.parametrize(
    "members, type_, message",
    [
        ({"name": "a b"}, "InvalidName", "Invalid Name: 'a b'"),
        ({"name": ""}, "ValidationException", None),
        ({"name": "x" * 81}, "ValidationException", None),
        (
            {"input": "not json"},
            "InvalidExecutionInput",
            "Invalid State Machine Execution Input: 'Unrecognized token 'not': was expecting (JSON String, Number, Array, "
            "Object or token 'null', 'true' or 'false')'",
        ),
        ({"input": '{"a": '}, "InvalidExecutionInput", None),
        ({"input": '"%s"' % ("x" * 262143)}, "ValidationException", None),
        ({"input": 7}, "SerializationException", None),
        ({"traceHeader": "x" * 257}, "ValidationException", None),
        ({"stateMachineArn": MACHINE + ":7"}, "StateMachineDoesNotExist", f"State Machine Does Not Exist: '{MACHINE}:7'"),
        ({"stateMachineArn": MACHINE + ":TEST"}, "StateMachineDoesNotExist", f"State Machine Does Not Exist: '{MACHINE}:TEST'"),
        ({"stateMachineArn": MACHINE + "2"}, "StateMachineDoesNotExist", f"State Machine Does Not Exist: '{MACHINE}2'"),
        ({"stateMachineArn": "x"}, "InvalidArn", "Invalid Arn: 'Invalid ARN prefix: x'"),
        ({"stateMachineArn": None}, "ValidationException", None),
    ],
    ids=[str(i) for i in range(13)],
)
def test_a_refused_start_draws_nothing(world, begin, members, type_, message):
    fakes = [world.fake(answering(status(200))) for _ in range(2)]
    sfn = begin(machines({"1": version(fakes[0]), "2": version(fakes[1])}, {"1": 50, "2": 50})).sfn
    for _ in range(5):
        sfn.run()
        with refused(type_, message):
            sfn("StartExecution", **{"stateMachineArn": MACHINE + ":PROD", **members})
        sfn.run()
    assert [len(f.requests) for f in fakes] == [5, 5]


def test_what_does_not_exist(begin, world):
    sfn = begin(machines({"1": version(world.fake())})).sfn
    arn = f"{ARN}:execution:shop:none"
    for operation in ("DescribeExecution", "StopExecution", "GetExecutionHistory", "DescribeStateMachineForExecution", "RedriveExecution"):
        with refused("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'"):
            sfn(operation, executionArn=arn)
        with refused("InvalidArn", "Invalid Arn: 'Resource type not valid in this context: express'"):
            sfn(operation, executionArn=f"{ARN}:express:shop:none:{uuid.uuid4()}")
        with refused("ValidationException"):
            sfn(operation)


# ---- Lists and history ------------------------------------------------------------------------------------------------


def test_pages_are_stable_while_others_start(world, begin):
    fake = world.fake(answering(status(200), status(500), status(200)))
    sfn = begin(machines({"1": version(fake), "2": version(fake)})).sfn
    arns = [sfn.run(MACHINE + (":2" if i % 3 == 2 else ":PROD"))["executionArn"] for i in range(7)][::-1]
    page = sfn("ListExecutions", stateMachineArn=MACHINE, maxResults=3)
    seen = page["executions"]
    assert [e["executionArn"] for e in seen] == arns[:3]
    while "nextToken" in page:
        sfn.start()
        page = sfn("ListExecutions", stateMachineArn=MACHINE, maxResults=3, nextToken=page["nextToken"])
        seen += page["executions"]
    assert [e["executionArn"] for e in seen] == arns
    assert seen[0]["stateMachineVersionArn"] == MACHINE + ":1" and seen[0]["stateMachineAliasArn"] == MACHINE + ":PROD"
    assert {"name", "status", "startDate", "stopDate", "stateMachineArn", "redriveCount"} <= set(seen[0])
    assert len(sfn.list(MACHINE + ":2")) == 2
    assert [e["executionArn"] for e in sfn.list(statusFilter="FAILED")] == [arns[-2]]
    assert len(sfn.list(f"{ARN}:stateMachineAlias:shop:PROD", maxResults=1)) >= 5
    assert sfn.list(redriveFilter="REDRIVEN") == []
    with refused("InvalidToken"):
        sfn("ListExecutions", stateMachineArn=MACHINE, nextToken="x")
    with refused("ValidationException"):
        sfn("ListExecutions", stateMachineArn=MACHINE, statusFilter="succeeded")
    with refused("ValidationException"):
        sfn("ListExecutions", stateMachineArn=MACHINE, maxResults=1001)
    with refused("StateMachineDoesNotExist"):
        sfn("ListExecutions", stateMachineArn=MACHINE + "x")


def test_history_begins_with_the_start_and_ends_with_the_outcome(world, begin):
    gate = Gate(status(200, b"[2]"))
    fake = world.fake(answering(gate, status(404, b"no")))
    sfn = begin(machines({"1": version(fake)})).sfn
    arn = sfn.start(input="[1]")
    [event] = sfn("GetExecutionHistory", executionArn=arn)["events"]
    assert (event["type"], event["id"], event["previousEventId"]) == ("ExecutionStarted", 1, 0)
    details = event["executionStartedEventDetails"]
    assert details["input"] == "[1]"
    assert details["stateMachineVersionArn"] == MACHINE + ":1" and details["stateMachineAliasArn"] == MACHINE + ":PROD"
    gate.is_open.set()
    sfn.wait(arn)
    first, last = sfn("GetExecutionHistory", executionArn=arn)["events"]
    assert first == event
    assert (last["type"], last["id"], last["previousEventId"]) == ("ExecutionSucceeded", 2, 1)
    assert last["executionSucceededEventDetails"]["output"] == "[2]"
    assert [e["id"] for e in sfn("GetExecutionHistory", executionArn=arn, reverseOrder=True)["events"]] == [2, 1]
    page = sfn("GetExecutionHistory", executionArn=arn, maxResults=1)
    assert page["events"] == [first]
    rest = sfn("GetExecutionHistory", executionArn=arn, maxResults=1, nextToken=page["nextToken"])
    assert rest == {"events": [last]}
    bare = sfn("GetExecutionHistory", executionArn=arn, includeExecutionData=False)["events"]
    assert "input" not in bare[0]["executionStartedEventDetails"] and "output" not in bare[1]["executionSucceededEventDetails"]
    failed = sfn.run()["executionArn"]
    event = sfn("GetExecutionHistory", executionArn=failed, reverseOrder=True)["events"][0]
    assert event["executionFailedEventDetails"] == {"error": "States.Http.StatusCode.404", "cause": "no"}
    with refused("ExecutionNotRedrivable"):
        sfn("RedriveExecution", executionArn=failed)


# ---- Express ----------------------------------------------------------------------------------------------------------


def test_an_express_machine_runs_each_start(world, begin):
    fake = world.fake(answering(status(200, b"3")))
    sfn = begin(machines({"1": version(fake)}, kind="EXPRESS")).sfn
    arns = {sfn.start(name="a") for _ in range(2)}
    assert len(arns) == 2 and all(a.startswith(f"{ARN}:express:shop:a:") for a in arns)
    wait_until(lambda: len(fake.requests) == 2, "both were sent")
    done = sfn("StartSyncExecution", stateMachineArn=MACHINE + ":PROD", input="[1]", name="b")
    assert (done["status"], done["output"], done["input"], done["name"]) == ("SUCCEEDED", "3", "[1]", "b")
    assert done["executionArn"].startswith(f"{ARN}:express:shop:b:") and done["stateMachineArn"] == MACHINE
    assert done["billingDetails"]["billedDurationInMilliseconds"] >= 0 and done["stopDate"] >= done["startDate"]
    assert fake.requests[2].body == b"[1]" and fake.requests[2].headers["x-weir-execution-name"] == "b"
    with refused("StateMachineTypeNotSupported", "This operation is not supported by this type of state machine"):
        sfn.list()


def test_what_fails_at_once_is_told_at_once(world, begin):
    fake = world.fake(answering(status(503, b"busy")))
    sfn = begin(machines({"1": version(fake)}, kind="EXPRESS")).sfn
    done = sfn("StartSyncExecution", stateMachineArn=MACHINE)
    assert (done["status"], done["error"], done["cause"]) == ("FAILED", "States.Http.StatusCode.503", "busy")
    assert "output" not in done


def test_a_standard_machine_is_not_started_in_sync(world, begin):
    sfn = begin(machines({"1": version(world.fake())})).sfn
    with refused("StateMachineTypeNotSupported", "This operation is not supported by this type of state machine"):
        sfn("StartSyncExecution", stateMachineArn=MACHINE)


def test_without_a_folder_only_sync_starts_are_served(world):
    fake = world.fake(answering(status(200, b"1")))
    weir = world.weir(machines({"1": version(fake)}, kind="EXPRESS"))
    sfn = Client(weir)
    with pytest.raises(Refused, match="state.directory"):
        sfn.start()
    assert sfn("StartSyncExecution", stateMachineArn=MACHINE)["output"] == "1"
    assert len(fake.requests) == 1


# ---- Restarts, crashes, changes ---------------------------------------------------------------------------------------


def kill(weir):
    weir.signal(signal.SIGKILL)
    assert weir.wait() == -signal.SIGKILL
    weir.world.things.remove(weir)


def restart(begin, weir, table, settings=None, is_kill=False):
    if is_kill:
        kill(weir)
    else:
        weir.stop()
    return begin(table, settings)


def test_what_waits_for_a_report_waits_over_restarts_and_a_kill(world, begin):
    fake = world.fake(answering(TAKEN))
    table = machines({"1": version(fake, timeouts={"execution_ms": 600000})})
    weir = begin(table)
    arns = [weir.sfn.start(name=f"n{i}") for i in range(2)]
    wait_until(lambda: len(fake.requests) == 2, "both were sent")
    wait_until(lambda: "WAITING" in str(rows(weir)), "it is stored that they were taken")
    time.sleep(0.1)
    tokens = {r.headers["x-weir-execution-arn"]: r.headers["x-weir-task-token"] for r in fake.requests}
    weir = restart(begin, weir, table, is_kill=True)
    assert weir.sfn.start(name="n1") == arns[1]
    weir.sfn("SendTaskSuccess", taskToken=tokens[arns[0]], output="[0]")
    weir = restart(begin, weir, table)
    weir.sfn("SendTaskFailure", taskToken=tokens[arns[1]])
    assert weir.sfn.describe(arns[0])["output"] == "[0]" and weir.sfn.describe(arns[1])["status"] == "FAILED"
    assert len(fake.requests) == 2


def rows(weir):
    import sqlite3

    folder = weir.folder.parent / "state"
    with sqlite3.connect(f"file:{folder}/weir.db?mode=ro", uri=True) as db:
        return db.execute("SELECT name, status, stage FROM executions").fetchall()


def test_what_was_out_at_a_crash_is_interrupted_and_what_was_not_sent_is_sent(world, begin):
    gate = Gate()
    fake = world.fake(answering(gate))
    table = machines({"1": version(fake, limits={"max_in_flight": 1})})
    weir = begin(table)
    first, second = [weir.sfn.start(input=f"[{i}]") for i in range(2)]
    wait_until(lambda: len(fake.requests) == 1, "one was sent")
    kill(weir)
    gate.is_open.set()
    weir = begin(table)
    done = weir.sfn.wait(first)
    assert (done["status"], done["error"]) == ("FAILED", "Weir.Interrupted") and done["cause"]
    assert weir.sfn.wait(second)["status"] == "SUCCEEDED"
    assert [r.body for r in fake.requests] == [b"[0]", b"[1]"]


def test_a_drain_lets_what_ends_in_time_end(world, begin):
    gate = Gate(status(200, b"9"))
    fake = world.fake(answering(gate))
    table = machines({"1": version(fake)})
    weir = begin(table)
    arn = weir.sfn.start()
    wait_until(lambda: fake.requests, "it was sent")
    threading.Timer(0.3, gate.is_open.set).start()
    weir = restart(begin, weir, table)
    assert weir.sfn.describe(arn)["output"] == "9"


def test_what_waits_runs_the_version_that_it_began_with(world, begin):
    gate = Gate()
    old, new = world.fake(answering(gate)), world.fake(answering(status(200, b'"new"')))
    table = machines({"$LATEST": version(old, limits={"max_in_flight": 1}), "1": version(old, limits={"max_in_flight": 1})}, {"1": 100})
    weir = begin(table)
    arns = [weir.sfn.start() for _ in range(2)] + [weir.sfn.start(MACHINE) for _ in range(2)]
    wait_until(lambda: len(old.requests) == 2, "one of each was sent")
    changed = machines({"$LATEST": version(new), "2": version(new)}, {"2": 100})
    weir.must_reload(changed)
    assert weir.sfn.run()["output"] == '"new"' and weir.sfn.run(MACHINE)["output"] == '"new"'
    kill(weir)
    gate.is_open.set()
    gate.answer = status(200, b'"old"')
    weir = begin(changed)
    ends = [weir.sfn.wait(arn) for arn in arns]
    assert sorted(e.get("output", e.get("error")) for e in ends) == ['"old"', '"old"', "Weir.Interrupted", "Weir.Interrupted"]
    assert len(old.requests) == 4


def test_the_split_is_exact_through_changes_of_weights(world, begin):
    fakes = [world.fake(answering(status(200, b"1"))) for _ in range(2)]
    table = lambda a: machines({"1": version(fakes[0]), "2": version(fakes[1])}, {"1": a, "2": 100 - a})  # noqa: E731
    weir = begin(table(100))
    expected = 0
    for weight in (80, 50, 33.25, 0, 100):
        weir.must_reload(table(weight))
        errors = []

        def starts():
            try:
                for _ in range(10):
                    Client(weir).start()
            except BaseException as e:
                errors.append(e)

        threads = [threading.Thread(target=starts) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        expected += 40 * weight / 100
        listed = [e["stateMachineVersionArn"] for e in weir.sfn.list()]
        assert abs(listed.count(MACHINE + ":1") - expected) < 1
    wait_until(lambda: sum(len(f.requests) for f in fakes) == 200, "all were sent")
    assert abs(len(fakes[0].requests) - expected) < 1


@pytest.mark.slow
def test_kills_under_load_lose_nothing_and_send_nothing_twice(world, begin):
    fakes = [world.fake(answering(status(200, b"1"))) for _ in range(2)]
    table = machines({"1": version(fakes[0]), "2": version(fakes[1])}, {"1": 50, "2": 50})
    weir = begin(table)
    accepted = []
    for _ in range(4):
        is_over = threading.Event()

        def starts(weir=weir, is_over=is_over):
            client = Client(weir)
            while not is_over.is_set():
                try:
                    accepted.append(client.start())
                except Exception:
                    return

        threads = [threading.Thread(target=starts) for _ in range(4)]
        n = len(accepted)
        for thread in threads:
            thread.start()
        wait_until(lambda n=n: len(accepted) >= n + 40, "some were started")
        kill(weir)
        is_over.set()
        for thread in threads:
            thread.join()
        weir = begin(table)
    ends = {arn: weir.sfn.wait(arn) for arn in accepted}
    assert all(e["status"] == "SUCCEEDED" or e["error"] == "Weir.Interrupted" for e in ends.values())
    seen = [(r.headers["x-weir-execution-arn"], r.headers["x-weir-execution-version"]) for f in fakes for r in f.requests]
    assert len(seen) == len({arn for arn, _ in seen})
    sent = dict(seen)
    for arn, end in ends.items():
        if end["status"] == "SUCCEEDED":
            assert end["stateMachineVersionArn"] == f"{MACHINE}:{sent[arn]}"
    listed = [e["stateMachineVersionArn"] for e in weir.sfn.list()]
    assert abs(listed.count(MACHINE + ":1") - len(listed) / 2) < 1


def test_names_are_forgotten_with_executions_max(world, begin):
    fake = world.fake(answering(status(200), status(200), status(200), TAKEN))
    sfn = begin(machines({"1": version(fake)}), {"executions": {"max": 3}}).sfn
    for name in "abc":
        sfn.run(name=name)
    sfn.start(name="d")
    assert [e["name"] for e in sfn.list()] == ["d", "c", "b"]
    sfn.start(name="a")
    sfn.start(name="e")
    with refused("ExecutionLimitExceeded"):
        sfn.start(name="f")
    assert [e["name"] for e in sfn.list()] == ["e", "a", "d"]


def test_what_ended_long_ago_is_not_there(world, begin, state):
    import sqlite3

    fake = world.fake(answering(status(200)))
    table = machines({"1": version(fake)})
    weir = begin(table, {"executions": {"keep_days": 2}})
    arn = weir.sfn.run(name="a")["executionArn"]
    weir.stop()
    with sqlite3.connect(state / "weir.db") as db:
        db.execute("UPDATE executions SET stopped_ms = stopped_ms - 2 * 86400000 - 1000")
    weir = begin(table, {"executions": {"keep_days": 2}})
    with refused("ExecutionDoesNotExist"):
        weir.sfn.describe(arn)
    assert weir.sfn.list() == []
    assert weir.sfn.run(name="a")["status"] == "SUCCEEDED"


def test_a_budget_of_failures_takes_a_version_back(world, begin):
    good, bad = world.fake(answering(status(200, b"1"))), world.fake(answering(status(500, b"no")))
    weir = begin(machines({"1": version(good), "2": version(bad)}, {"1": 50, "2": 50}, budget={"failures": 3}))
    ends = [weir.sfn.run()["status"] for _ in range(30)]
    assert ends.count("FAILED") == 3 and len(bad.requests) == 3
    weir.wait_for_words("budget")


def test_metrics_tell_of_executions(world, begin):
    gate = Gate()
    fake = world.fake(answering(status(200), status(500), gate))
    weir = begin(machines({"1": version(fake)}))
    labels = {"state_machine": "shop", "alias": "PROD", "version": "1"}
    weir.sfn.run()
    weir.sfn.run()
    weir.sfn.start()
    weir.expect_metric(3, "weir_executions_started_total", **labels)
    weir.expect_metric(1, "weir_executions_closed_total", status="SUCCEEDED", **labels)
    weir.expect_metric(1, "weir_executions_closed_total", status="FAILED", **labels)
    weir.expect_metric(0, "weir_executions_closed_total", status="ABORTED", **labels)
    weir.expect_metric(1, "weir_executions_running", **labels)
    weir.expect_metric(2, "weir_execution_duration_seconds_count", **labels)
    gate.is_open.set()
    weir.sfn.run(MACHINE + ":1")
    weir.expect_metric(1, "weir_executions_started_total", state_machine="shop", alias="", version="1")
    weir.expect_metric(0, "weir_executions_running", **labels)
