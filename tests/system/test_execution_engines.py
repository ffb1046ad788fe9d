"""Executions that another server runs (kind sfn): an engine that speaks Step Functions' wire."""

import json
import threading
import time

import pytest
from harness.waiting import wait_until
from test_executions import ARN, MACHINE, Client, Refused, kill, refused

ENGINE = "arn:aws:states:local:123456789012"


class Engine:
    """As much of Step Functions as executions need; its ARNs are of another region."""

    def __init__(self):
        self.lock = threading.Lock()
        self.executions = {}
        self.refusal = None  # (type, message) of the next start
        self.is_away = False
        self.calls = []
        self.has_express = False

    def __call__(self, c):
        while request := c.read_request():
            if self.is_away:
                c.reset()
                return
            operation = request.headers["x-amz-target"].split(".")[1]
            assert request.headers["content-type"] == "application/x-amz-json-1.0"
            with self.lock:
                members = json.loads(request.body)
                self.calls.append((operation, members))
                try:
                    code, answer = 200, getattr(self, operation)(**members)
                except Error as e:
                    code, answer = 400, {"__type": e.args[0], "message": e.args[1]}
            body = json.dumps(answer).encode()
            c.send(b"HTTP/1.1 %d Some\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: %d\r\n\r\n%s" % (code, len(body), body))

    def StartExecution(self, stateMachineArn, name, input):  # noqa: N802
        if self.refusal:
            refusal, self.refusal = self.refusal, None
            raise Error(*refusal)
        arn = f"{ENGINE}:execution:{stateMachineArn.split(':')[6]}:{name}"
        self.executions[arn] = {"executionArn": arn, "stateMachineArn": stateMachineArn, "name": name, "status": "RUNNING", "startDate": time.time(), "input": input}
        return {"executionArn": arn, "startDate": time.time()}

    def StartSyncExecution(self, stateMachineArn, name, input):  # noqa: N802
        return {"executionArn": f"{ENGINE}:express:x:{name}:1", "status": "SUCCEEDED", "output": input}

    def find(self, arn):
        if arn not in self.executions:
            raise Error("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'")
        return self.executions[arn]

    def DescribeExecution(self, executionArn):  # noqa: N802, N803
        if self.has_express:
            raise Error("InvalidArn", "Invalid Arn: 'Resource type not valid in this context: express'")
        return self.find(executionArn)

    def StopExecution(self, executionArn, error=None, cause=None):  # noqa: N802, N803
        self.find(executionArn).update(status="ABORTED", stopDate=time.time())
        return {"stopDate": time.time()}

    def GetExecutionHistory(self, executionArn, **more):  # noqa: N802, N803
        e = self.find(executionArn)
        started = {"input": json.dumps({"arn": executionArn}), "roleArn": "arn:aws:iam::1:role/x"}
        return {
            "events": [
                {"timestamp": e["startDate"], "type": "ExecutionStarted", "id": 1, "previousEventId": 0, "executionStartedEventDetails": started}
            ],
            "nextToken": "an engine's",
        }

    def RedriveExecution(self, executionArn, **more):  # noqa: N802, N803
        self.find(executionArn).update(status="RUNNING")
        return {"redriveDate": time.time()}

    def SendTaskSuccess(self, taskToken, output):  # noqa: N802, N803
        if taskToken != "theirs":
            raise Error("InvalidToken", "Invalid Token: 'not mine'")
        return {}


class Error(Exception):
    pass


def table(fakes, weights, kind="STANDARD"):
    versions = {
        name: {"kind": "sfn", "endpoints": [fake.url], "state_machine": f"{ENGINE}:stateMachine:shop-{name}"} for name, fake in fakes.items()
    }
    return {"functions": {}, "state_machines": {"shop": {"type": kind, "versions": versions, "aliases": {"PROD": {"weights": weights}}}}}


@pytest.fixture
def engine():
    return Engine()


@pytest.fixture
def begin(world, tmp_path):
    state = tmp_path / "state"
    state.mkdir()

    def begin(table):
        weir = world.weir(table, {"step_functions": {"poll_ms": 20}}, arguments=("--state", state))
        weir.sfn, weir.world = Client(weir), world
        return weir

    return begin


def test_an_engine_runs_it_and_weir_follows(world, begin, engine):
    fake = world.fake(engine)
    weir = begin(table({"1": fake, "2": fake}, {"1": 50, "2": 50}))
    sfn = weir.sfn
    arns = [sfn.start(name=f"n{i}", input=f'{{"i": {i}}}') for i in range(4)]
    assert arns[0] == f"{ARN}:execution:shop:n0"
    assert sorted(e["stateMachineArn"][-1] for e in engine.executions.values()) == ["1", "1", "2", "2"]
    found = sfn.describe(arns[0])
    assert found["executionArn"] == arns[0] and found["stateMachineArn"] == MACHINE and found["status"] == "RUNNING"
    assert found["stateMachineAliasArn"] == MACHINE + ":PROD" and found["input"] == '{"i": 0}'
    assert sfn.start(name="n0", input='{"i":0}') == arns[0]
    names = {e["name"]: e for e in engine.executions.values()}
    names["n0"].update(status="SUCCEEDED", output='{"out": "%s"}' % ENGINE, stopDate=time.time())
    names["n1"].update(status="FAILED", error="E", cause="why", stopDate=time.time())
    done = sfn.wait(arns[0])
    assert (done["status"], done["output"]) == ("SUCCEEDED", '{"out": "%s"}' % ENGINE)
    failed = sfn.wait(arns[1])
    assert (failed["error"], failed["cause"]) == ("E", "why")
    sfn("StopExecution", executionArn=arns[2], error="Enough")
    wait_until(lambda: names["n2"]["status"] == "ABORTED", "the engine was told")
    assert sfn.describe(arns[2])["error"] == "Enough"


def test_history_comes_from_the_engine_with_arns_of_weir(world, begin, engine):
    fake = world.fake(engine)
    sfn = begin(table({"1": fake}, {"1": 100})).sfn
    arn = sfn.start(name="a")
    history = sfn("GetExecutionHistory", executionArn=arn, maxResults=1)
    details = history["events"][0]["executionStartedEventDetails"]
    assert details["stateMachineVersionArn"] == MACHINE + ":1" and details["stateMachineAliasArn"] == MACHINE + ":PROD"
    assert json.loads(details["input"])["arn"].startswith(ENGINE)
    assert sfn("GetExecutionHistory", executionArn=arn, nextToken=history["nextToken"])["events"]
    assert engine.calls[-1][1]["nextToken"] == "an engine's"


def test_a_refusal_passes_and_frees_the_name_and_the_draw(world, begin, engine):
    fake = world.fake(engine)
    sfn = begin(table({"1": fake, "2": fake}, {"1": 50, "2": 50})).sfn
    for i in range(4):
        engine.refusal = ("InvalidName", "Invalid Name: 'from the engine'")
        with refused("InvalidName", "Invalid Name: 'from the engine'"):
            sfn.start(name=f"n{i}")
        sfn.start(name=f"n{i}")
    assert sorted(e["stateMachineArn"][-1] for e in engine.executions.values()) == ["1", "1", "2", "2"]
    assert len(sfn.list()) == 4


def test_an_engine_that_is_away_is_asked_again_on_the_same_version(world, begin, engine):
    fake = world.fake(engine)
    sfn = begin(table({"1": fake, "2": fake}, {"1": 50, "2": 50})).sfn
    for i in range(4):
        engine.is_away = True
        for _ in range(3):
            with refused("ServiceUnavailable", code=503):
                sfn.start(name=f"n{i}")
        with refused("ExecutionDoesNotExist"):
            sfn.describe(f"{ARN}:execution:shop:n{i}")
        assert len(sfn.list()) == i
        engine.is_away = False
        with refused("ExecutionAlreadyExists"):
            sfn.start(name=f"n{i}", input="[1]")
        sfn.start(name=f"n{i}")
    assert sorted(e["stateMachineArn"][-1] for e in engine.executions.values()) == ["1", "1", "2", "2"]


def test_what_runs_in_an_engine_is_followed_over_a_kill_and_the_version_may_go(world, begin, engine):
    fake, other = world.fake(engine), world.fake(Engine())
    weir = begin(table({"1": fake}, {"1": 100}))
    arn = weir.sfn.start(name="a")
    weir.must_reload(table({"2": other}, {"2": 100}))
    kill(weir)
    weir = begin(table({"2": other}, {"2": 100}))
    assert weir.sfn.describe(arn)["status"] == "RUNNING"
    [running] = engine.executions.values()
    running.update(status="TIMED_OUT", stopDate=time.time())
    timed_out = weir.sfn.wait(arn)
    assert (timed_out["status"], timed_out["redriveStatus"], timed_out["redriveCount"]) == ("TIMED_OUT", "REDRIVABLE", 0)
    weir.sfn("RedriveExecution", executionArn=arn)
    assert weir.sfn.describe(arn)["status"] == "RUNNING"
    running.update(status="SUCCEEDED", output="1")
    done = weir.sfn.wait(arn)
    assert (done["output"], done["redriveCount"], done["redriveStatus"]) == ("1", 1, "NOT_REDRIVABLE")
    assert [e["redriveCount"] for e in weir.sfn.list()] == [1]


def test_tokens_that_are_not_weirs_are_offered_to_engines(world, begin, engine):
    first, second = world.fake(Engine()), world.fake(engine)
    sfn = begin(table({"1": first, "2": second}, {"1": 100})).sfn
    assert sfn("SendTaskSuccess", taskToken="theirs", output="{}") == {}
    with refused("InvalidToken", "Invalid Token: 'not mine'"):
        sfn("SendTaskSuccess", taskToken="nobody's", output="{}")


def test_an_express_machine_runs_in_sync_there(world, begin, engine):
    sfn = begin(table({"1": world.fake(engine)}, {"1": 100}, "EXPRESS")).sfn
    done = sfn("StartSyncExecution", stateMachineArn=MACHINE + ":PROD", input="[5]")
    assert (done["status"], done["output"]) == ("SUCCEEDED", "[5]")
    with pytest.raises(Refused):
        sfn.list()


def test_an_engine_that_describes_no_express_execution_is_left_alone(world, begin, engine):
    """As AWS: weir knows that it began there, and does not ask for ever."""
    weir = begin(table({"1": world.fake(engine)}, {"1": 100}, "EXPRESS"))
    engine.has_express = True
    weir.sfn("StartExecution", stateMachineArn=MACHINE + ":PROD", name="a")
    wait_until(lambda: any(call[0] == "DescribeExecution" for call in engine.calls), "the engine was asked")
    weir.expect_metric(0, "weir_executions_running", state_machine="shop", alias="PROD", version="1")
    weir.expect_metric(1, "weir_executions_started_total", state_machine="shop", alias="PROD", version="1")
    assert sum(call[0] == "DescribeExecution" for call in engine.calls) == 1

