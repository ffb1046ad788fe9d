"""A real engine: npm's stepfunctions-local interprets Amazon States Language, and weir is its Lambda endpoint. It writes ARNs of a region
`local`, knows neither versions nor aliases, and has been without a release since 2020: a good test of what weir adds."""

import json
import os
import shutil
import signal
import socket
import subprocess

import pytest
from harness import aws
from harness.places import ADDRESS, SANITIZED, free_port
from harness.waiting import wait_until
from test_executions import ARN, Client, answering, status, version

pytestmark = [pytest.mark.slow, pytest.mark.skipif(SANITIZED, reason="it is the engine that differs, not weir")]
PACKAGE = "stepfunctions-local@1.3.1"
ROLE = "arn:aws:iam::000000000000:role/any"


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    if not shutil.which("npm") or not shutil.which("node"):
        pytest.skip("npm is not installed")
    folder = tmp_path_factory.mktemp("engine")
    try:
        done = subprocess.run(
            ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", folder, PACKAGE], capture_output=True, timeout=120
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm takes too long to install {PACKAGE}")
    if done.returncode != 0:
        pytest.skip(f"npm cannot install {PACKAGE}: {done.stderr.decode(errors='replace')[-200:]}")
    return folder / "node_modules" / "stepfunctions-local" / "bin" / "stepfunctions-local-start.js"


def answers(port):
    with socket.socket() as s:
        return s.connect_ex((ADDRESS, port)) == 0


@pytest.fixture
def weir(world, package, tmp_path):
    """A weir with its engine."""
    state = tmp_path / "state"
    state.mkdir()
    port = free_port()
    weir = world.weir(
        {"functions": {}}, {"step_functions": {"engine": f"http://{ADDRESS}:{port}", "poll_ms": 50}}, arguments=("--state", state)
    )
    command = ["node", package, "--port", str(port), "--lambda-endpoint", f"http://{ADDRESS}:{weir.admin_port}", "--lambda-region", aws.REGION]
    with open(tmp_path / "engine.log", "wb") as log:
        engine = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **aws.ENVIRONMENT})
    try:
        wait_until(lambda: answers(port), "the engine listens", limit_s=60)
        yield weir
    finally:
        engine.send_signal(signal.SIGTERM)
        engine.wait(30)


def waits_and_calls(alias, expected, seconds=2):
    """Walk-through 6: Wait, a Task on the function's alias, a Choice on its answer."""
    return json.dumps(
        {
            "StartAt": "Hold",
            "States": {
                "Hold": {"Type": "Wait", "Seconds": seconds, "Next": "Call"},
                "Call": {"Type": "Task", "Resource": aws.arn("hello", alias), "Next": "Judge"},
                "Judge": {
                    "Type": "Choice",
                    "Choices": [{"Variable": "$.says", "StringEquals": expected, "Next": "Good"}],
                    "Default": "Bad",
                },
                "Good": {"Type": "Succeed"},
                "Bad": {"Type": "Fail", "Error": "Unexpected", "Cause": "the other function has answered"},
            },
        }
    )


def put_function(weir, fakes):
    """`hello` with so many versions, each behind an alias of its own."""
    document = {
        "versions": {str(i): version(fake) for i, fake in enumerate(fakes, 1)},
        "aliases": {f"v{i}": {"weights": {str(i): 100}} for i in range(1, len(fakes) + 1)},
    }
    answer = weir.admin("/functions/hello", "PUT", json.dumps(document).encode(), headers=[("Content-Type", "application/json")])
    assert answer.status in (200, 201), answer.body


def route(number, arn):
    return [{"stateMachineVersionArn": f"{arn}:{number}", "weight": 100}]


def test_blue_and_green_while_an_execution_waits(world, weir):
    """What waits ends on the old machine and the old function, what is started later runs on the new ones; both succeed."""
    sfn = Client(weir)
    fakes = [world.fake(answering(status(200, b'{"says": "%s"}' % what))) for what in (b"old", b"new")]
    put_function(weir, fakes[:1])
    made = sfn("CreateStateMachine", name="flow", definition=waits_and_calls("v1", "old"), roleArn=ROLE, publish=True)
    plain = made["stateMachineArn"]
    assert plain == f"{ARN}:stateMachine:flow" and made["stateMachineVersionArn"] == plain + ":1"
    for alias in ("blue", "green"):
        sfn("CreateStateMachineAlias", name=alias, routingConfiguration=route(1, plain))
    old = sfn.start(plain + ":blue", name="old", input='{"order": 1}')
    assert old == f"{ARN}:execution:flow:old"
    put_function(weir, fakes)
    sfn("UpdateStateMachine", stateMachineArn=plain, definition=waits_and_calls("v2", "new"), publish=True)
    sfn("UpdateStateMachineAlias", stateMachineAliasArn=plain + ":green", routingConfiguration=route(2, plain))
    tried = sfn.start(plain + ":green", name="tried")
    sfn("UpdateStateMachineAlias", stateMachineAliasArn=plain + ":blue", routingConfiguration=route(2, plain))
    new = sfn.start(plain + ":blue", name="new", input='{"order": 2}')
    ended = {name: sfn.wait(arn) for name, arn in (("old", old), ("tried", tried), ("new", new))}
    assert {name: e["status"] for name, e in ended.items()} == {"old": "SUCCEEDED", "tried": "SUCCEEDED", "new": "SUCCEEDED"}
    assert [ended[n]["stateMachineVersionArn"][-2:] for n in ("old", "tried", "new")] == [":1", ":2", ":2"]
    assert json.loads(ended["old"]["output"]) == {"says": "old"} and json.loads(ended["new"]["output"]) == {"says": "new"}
    assert ended["old"]["stateMachineArn"] == plain and ended["old"]["stateMachineAliasArn"] == plain + ":blue"
    assert [len(fake.requests) for fake in fakes] == [1, 2]
    described = sfn("DescribeStateMachineForExecution", executionArn=old)
    assert described["definition"] == waits_and_calls("v1", "old")
    events = sfn("GetExecutionHistory", executionArn=old)["events"]
    assert events[0]["type"] == "ExecutionStarted" and "SucceedStateEntered" in [e["type"] for e in events]
    assert events[0]["executionStartedEventDetails"]["stateMachineVersionArn"] == plain + ":1"
    assert "arn:aws:states:local:" not in json.dumps([ended, sfn.list(plain), described])
    assert [e["name"] for e in sfn.list(plain + ":blue")] == ["new", "old"] and [e["name"] for e in sfn.list(plain + ":1")] == ["old"]


def test_the_engine_says_how_it_ended(world, weir):
    sfn = Client(weir)
    failing = status(200, b'{"errorType":"Oops","errorMessage":"m"}', b"X-Amz-Function-Error: Unhandled\r\n")
    put_function(weir, [world.fake(answering(failing))])
    sfn("CreateStateMachine", name="flow", definition=waits_and_calls("v1", "old", 1), roleArn=ROLE)
    plain = f"{ARN}:stateMachine:flow"
    assert sfn.wait(sfn.start(plain, name="fails"))["status"] == "FAILED"
    sfn("UpdateStateMachine", stateMachineArn=plain, definition=waits_and_calls("v1", "old", 300))
    stopped = sfn.start(plain, name="stops")
    assert sfn.describe(stopped)["status"] == "RUNNING"
    sfn("StopExecution", executionArn=stopped, error="Enough", cause="of this")
    assert sfn.describe(stopped)["status"] == "ABORTED" and sfn.describe(stopped)["error"] == "Enough"
