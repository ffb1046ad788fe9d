"""Gradual shifts by CodeDeploy's API: boto3 drives weir, in minutes that are short."""

import json
import pathlib
import signal
import threading
import time

import pytest
from harness import aws, tables
from harness.fake import Fake, answering
from harness.processes import Weir
from harness.waiting import wait_until

ROLE = "arn:aws:iam::000000000000:role/codedeploy"
FAST = {"shifts": {"minute_ms": 60}}


def appspec(target="2", current="1", alias="PROD", function="hello", hooks=None, **more):
    spec = {
        "version": 0.0,
        "Resources": [
            {
                "f": {
                    "Type": "AWS::Lambda::Function",
                    "Properties": {"Name": function, "Alias": alias, "CurrentVersion": current, "TargetVersion": target, **more},
                }
            }
        ],
    }
    if hooks:
        spec["Hooks"] = [{name: value} for name, value in hooks.items()]
    return json.dumps(spec)


def revision(*arguments, **more):
    return {"revisionType": "AppSpecContent", "appSpecContent": {"content": appspec(*arguments, **more)}}


class Lab:
    """A weir with function hello, alias PROD at version 1, and a deployment group "g" of application "a"."""

    def __init__(self, world, settings=None, functions=None, more=None, **arguments):
        self.world, self.arguments = world, arguments.get("arguments", ())
        self.demos = {v: world.demo(v) for v in ("1", "2", "3")}
        if not arguments.pop("start", True):
            return
        self.table = tables.table({"hello": tables.function(self.demos, {"PROD": {"1": 100}}), **(functions or {})})
        self.table.update(more or {})
        self.weir = world.weir(self.table, {**FAST, **(settings or {})}, **arguments)
        self.connect()

    def connect(self):
        self.api = aws.client(self.weir.admin_port, service="codedeploy")
        self.lambdas = aws.client(self.weir.admin_port)

    def live_again(self, life, number, settings):
        """Another weir on the same state."""
        self.weir.signal(number)
        self.weir.wait()
        self.world.things.remove(self.weir)
        self.weir = self.world.keep(Weir(self.world.folder / life, self.table, settings, arguments=self.arguments))
        self.connect()

    def group(self, config="CodeDeployDefault.LambdaAllAtOnce", name="g", **more):
        if "a" not in self.api.list_applications()["applications"]:
            self.api.create_application(applicationName="a", computePlatform="Lambda")
        self.api.create_deployment_group(
            applicationName="a", deploymentGroupName=name, serviceRoleArn=ROLE, deploymentConfigName=config, **more
        )
        return self

    def deploy(self, *arguments, group="g", more=None, **spec):
        return self.api.create_deployment(
            applicationName="a", deploymentGroupName=group, revision=revision(*arguments, **spec), **(more or {})
        )["deploymentId"]

    def info(self, deployment):
        return self.api.get_deployment(deploymentId=deployment)["deploymentInfo"]

    def status(self, deployment):
        return self.info(deployment)["status"]

    def target(self, deployment):
        target = self.api.list_deployment_targets(deploymentId=deployment)["targetIds"][0]
        return self.api.get_deployment_target(deploymentId=deployment, targetId=target)["deploymentTarget"]["lambdaTarget"]

    def events(self, deployment):
        return {e["lifecycleEventName"]: e["status"] for e in self.target(deployment)["lifecycleEvents"]}

    def weight(self, deployment):
        return self.target(deployment)["lambdaFunctionInfo"]["targetVersionWeight"]

    def alias(self, name="PROD", function="hello"):
        """{version: share}"""
        alias = self.lambdas.get_alias(FunctionName=function, Name=name)
        others = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
        return {alias["FunctionVersion"]: round(1 - sum(others.values()), 9), **others}

    def ends(self, deployment, status="Succeeded"):
        wait_until(lambda: self.status(deployment) in ("Succeeded", "Failed", "Stopped"), "the deployment ends")
        info = self.info(deployment)
        assert info["status"] == status, info
        return info


@pytest.fixture
def lab(world):
    return Lab(world)


def test_all_at_once(lab):
    lab.group()
    deployment = lab.deploy()
    info = lab.ends(deployment)
    assert info["creator"] == "user" and info["computePlatform"] == "Lambda" and info["completeTime"] >= info["startTime"]
    assert info["deploymentConfigName"] == "CodeDeployDefault.LambdaAllAtOnce"
    assert info["deploymentOverview"]["Succeeded"] == 1
    assert lab.alias() == {"2": 1}
    assert set(lab.events(deployment).values()) == {"Succeeded"}
    assert lab.weight(deployment) == 100
    assert lab.weir.invoke("hello:PROD").headers["x-amz-executed-version"] == "2"


def test_one_deployment_a_group_at_a_time(shifting):
    lab = shifting
    assert lab.weight(lab.deployment) == 10 and lab.status(lab.deployment) == "InProgress"
    assert lab.events(lab.deployment)["AllowTraffic"] == "InProgress"
    with pytest.raises(lab.api.exceptions.DeploymentLimitExceededException, match=lab.deployment):
        lab.deploy()
    lab.api.stop_deployment(deploymentId=lab.deployment, autoRollbackEnabled=True)
    lab.ends(lab.deployment, "Stopped")


def log_of_weights(lab):
    return [line for line in lab.weir.stderr().splitlines() if "hello:PROD has" in line]


@pytest.mark.parametrize(
    "config, steps",
    [
        ("Canary10Percent5Minutes", 2),
        ("Canary10Percent10Minutes", 2),
        ("Canary10Percent15Minutes", 2),
        ("Canary10Percent30Minutes", 2),
        ("Linear10PercentEvery1Minute", 10),
        ("Linear10PercentEvery2Minutes", 10),
        ("Linear10PercentEvery3Minutes", 10),
        ("Linear10PercentEvery10Minutes", 10),
        ("AllAtOnce", 1),
    ],
)
def test_each_configuration_takes_each_step_once(world, config, steps):
    lab = Lab(world, {"shifts": {"minute_ms": 10}})
    lab.group("CodeDeployDefault.Lambda" + config)
    lab.ends(lab.deploy())
    assert lab.alias() == {"2": 1}
    lab.weir.wait_for_words("hello:PROD has version 2 at 100 %")
    seen = [float(line.split("version 2 at ")[1].split(" ")[0]) for line in log_of_weights(lab)]
    assert seen == ([100] if steps == 1 else [10, 100] if steps == 2 else [10 * k for k in range(1, 11)])


# ---- Hooks ----


class Hook:
    """A function, or a URL, that is called: what it got, and how it answers and reports."""

    def __init__(self, world, lab=None, report=None, answer=b"{}", status=200):
        self.calls, self.lab, self.report, self.answer, self.status = [], lab, report, answer, status
        self.fake = world.fake(self.serve)
        self.url = self.fake.url

    def serve(self, connection):
        while request := connection.read_request():
            self.calls.append(request)
            if self.report:
                self.send(self.report, request)
            head = f"HTTP/1.1 {self.status} X\r\nContent-Length: {len(self.answer)}\r\n\r\n"
            connection.send(head.encode() + self.answer)

    def send(self, status, request=None):
        body = json.loads((request or self.calls[-1]).body)
        return self.lab.api.put_lifecycle_event_hook_execution_status(
            deploymentId=body["DeploymentId"],
            lifecycleEventHookExecutionId=body["LifecycleEventHookExecutionId"],
            status=status,
        )


def with_hook(world, settings=None, **more):
    """A lab, and a hook that is its function pre."""
    hook = Hook(world, **more)
    lab = Lab(world, settings, {"pre": tables.function({"$LATEST": hook.url})})
    hook.lab = lab
    return lab, hook


def test_no_weight_is_set_before_the_hook_has_reported(world):
    lab, hook = with_hook(world, {"shifts": {"minute_ms": 60000}})
    lab.group("CodeDeployDefault.LambdaCanary10Percent30Minutes")
    deployment = lab.deploy(hooks={"BeforeAllowTraffic": "pre"})
    wait_until(lambda: hook.calls, "the hook is called")
    request = hook.calls[0]
    body = json.loads(request.body)
    assert list(body) == ["DeploymentId", "LifecycleEventHookExecutionId"] and body["DeploymentId"] == deployment
    expected = {
        "x-weir-deployment-id": deployment,
        "x-weir-lifecycle-event": "BeforeAllowTraffic",
        "x-weir-function": "hello",
        "x-weir-alias": "PROD",
        "x-weir-current-version": "1",
        "x-weir-target-version": "2",
    }
    assert {name: request.headers.get(name) for name in expected} == expected
    assert lab.alias() == {"1": 1} and lab.events(deployment)["BeforeAllowTraffic"] == "InProgress"
    assert hook.send("Succeeded")["lifecycleEventHookExecutionId"] == body["LifecycleEventHookExecutionId"]
    wait_until(lambda: lab.alias() == {"1": 0.9, "2": 0.1}, "the first step is in force")
    with pytest.raises(lab.api.exceptions.LifecycleEventAlreadyCompletedException):
        hook.send("Failed")
    with pytest.raises(lab.api.exceptions.InvalidLifecycleEventHookExecutionIdException):
        lab.api.put_lifecycle_event_hook_execution_status(deploymentId=deployment, lifecycleEventHookExecutionId="x", status="Succeeded")
    with pytest.raises(lab.api.exceptions.InvalidLifecycleEventHookExecutionStatusException):
        lab.api.put_lifecycle_event_hook_execution_status(
            deploymentId=deployment, lifecycleEventHookExecutionId=body["LifecycleEventHookExecutionId"], status="Pending"
        )


def test_a_hook_may_report_from_within_its_call(world):
    lab, hook = with_hook(world, report="Succeeded")
    lab.group()
    lab.ends(lab.deploy(hooks={"BeforeAllowTraffic": "pre:$LATEST", "AfterAllowTraffic": aws.arn("pre")}))
    assert [c.headers["x-weir-lifecycle-event"] for c in hook.calls] == ["BeforeAllowTraffic", "AfterAllowTraffic"]
    assert lab.alias() == {"2": 1}


def test_a_url_reports_by_its_answer(world):
    hook = Hook(world, answer=b'{"status": "Succeeded"}')
    lab = Lab(world).group()
    lab.ends(lab.deploy(hooks={"BeforeAllowTraffic": hook.url + "/check?a=b", "AfterAllowTraffic": hook.url}))
    assert [(c.method, c.target) for c in hook.calls] == [("POST", "/check?a=b"), ("POST", "/")]
    assert hook.calls[0].headers["content-type"] == "application/json"
    hook.answer = b'{"status": "Failed"}'
    info = lab.ends(lab.deploy("3", "2", hooks={"BeforeAllowTraffic": hook.url}), "Failed")
    assert info["errorInformation"]["code"] == "HOOK_EXECUTION_FAILURE" and "Failed" in info["errorInformation"]["message"]
    assert lab.alias() == {"2": 1}


@pytest.mark.parametrize("to", ["nobody", "hello:77", "http://127.0.0.1:9/", "pre", "url"])
def test_hooks_fail_closed(world, to):
    lab, hook = with_hook(world, status=500, answer=b"broken")
    lab.group()
    deployment = lab.deploy(hooks={"BeforeAllowTraffic": hook.url if to == "url" else to})
    info = lab.ends(deployment, "Failed")
    assert info["errorInformation"]["code"] == "HOOK_EXECUTION_FAILURE" and to[:3] in info["errorInformation"]["message"] + "url"
    events = lab.events(deployment)
    assert (events["BeforeAllowTraffic"], events["AllowTraffic"], events["End"]) == ("Failed", "Skipped", "Skipped")
    assert lab.alias() == {"1": 1}


def test_a_hook_that_never_reports_fails_after_its_hour(world):
    lab, hook = with_hook(world, {"shifts": {"minute_ms": 5}})
    lab.group()
    info = lab.ends(lab.deploy(hooks={"BeforeAllowTraffic": "pre"}), "Failed")
    assert info["errorInformation"]["code"] == "HOOK_EXECUTION_FAILURE" and "hour" in info["errorInformation"]["message"]
    assert info["completeTime"].timestamp() - info["startTime"].timestamp() >= 0.29


RULE = {"enabled": True, "events": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"]}


def rolled_back(lab, deployment):
    """The rollback of a deployment, which has ended well."""
    rollback = lab.info(deployment)["rollbackInfo"]["rollbackDeploymentId"]
    info = lab.ends(rollback)
    assert info["creator"] == "codeDeployRollback"
    assert info["rollbackInfo"]["rollbackTriggeringDeploymentId"] == deployment
    assert lab.alias() == {"1": 1}
    return rollback


def test_a_hook_after_traffic_that_fails_takes_everything_back(world):
    lab, hook = with_hook(world)
    lab.group(autoRollbackConfiguration=RULE)
    deployment = lab.deploy(hooks={"AfterAllowTraffic": "pre"})
    wait_until(lambda: hook.calls, "the hook is called")
    assert lab.alias() == {"2": 1}
    hook.send("Failed")
    info = lab.ends(deployment, "Failed")
    assert info["errorInformation"]["code"] == "HOOK_EXECUTION_FAILURE"
    rollback = rolled_back(lab, deployment)
    assert lab.api.list_deployments(applicationName="a", deploymentGroupName="g")["deployments"] == [rollback, deployment]


# ---- Stopping ----


@pytest.fixture
def shifting(world):
    """A canary that would hold for long."""
    lab = Lab(world, {"shifts": {"minute_ms": 60000}})
    lab.group("CodeDeployDefault.LambdaCanary10Percent5Minutes")
    lab.deployment = lab.deploy()
    wait_until(lambda: lab.alias() == {"1": 0.9, "2": 0.1}, "the first step is in force")
    return lab


def test_stop_leaves_the_split(shifting):
    lab = shifting
    assert lab.api.stop_deployment(deploymentId=lab.deployment, autoRollbackEnabled=False)["status"] == "Succeeded"
    info = lab.ends(lab.deployment, "Stopped")
    assert info["errorInformation"]["code"] == "MANUAL_STOP" and "rollbackInfo" not in info
    assert lab.alias() == {"1": 0.9, "2": 0.1} and lab.weight(lab.deployment) == 10
    with pytest.raises(lab.api.exceptions.DeploymentAlreadyCompletedException):
        lab.api.stop_deployment(deploymentId=lab.deployment, autoRollbackEnabled=True)
    info = lab.ends(lab.deploy(), "Failed")
    assert info["errorInformation"]["code"] == "INVALID_LAMBDA_CONFIGURATION" and "split" in info["errorInformation"]["message"]


def test_stop_rolls_back_where_it_is_told_to(shifting):
    lab = shifting
    lab.api.stop_deployment(deploymentId=lab.deployment, autoRollbackEnabled=True)
    lab.ends(lab.deployment, "Stopped")
    rolled_back(lab, lab.deployment)
    lab.weir.expect_metric(1, "weir_deployments_total", function="hello", alias="PROD", status="Stopped")
    lab.weir.expect_metric(1, "weir_deployments_total", function="hello", alias="PROD", status="Succeeded")


@pytest.mark.parametrize("events, is_rolled_back", [(["DEPLOYMENT_STOP_ON_REQUEST"], True), (["DEPLOYMENT_FAILURE"], False)])
def test_stop_asks_the_rule_where_it_is_told_nothing(world, events, is_rolled_back):
    lab = Lab(world, {"shifts": {"minute_ms": 60000}})
    lab.group("CodeDeployDefault.LambdaCanary10Percent5Minutes")
    rule = {"autoRollbackConfiguration": {"enabled": True, "events": events}}
    deployment = lab.deploy(more=rule)
    wait_until(lambda: lab.alias() == {"1": 0.9, "2": 0.1}, "the first step is in force")
    lab.api.stop_deployment(deploymentId=deployment)
    lab.ends(deployment, "Stopped")
    if is_rolled_back:
        rolled_back(lab, deployment)
    else:
        assert lab.alias() == {"1": 0.9, "2": 0.1} and "rollbackInfo" not in lab.info(deployment)


# ---- Another hand ----

HANDS = {
    "UpdateAlias": lambda lab: lab.lambdas.update_alias(FunctionName="hello", Name="PROD", FunctionVersion="3", RoutingConfig={}),
    "PUT": lambda lab: lab.weir.admin(
        "/functions/hello/aliases/PROD", "PUT", b'{"weights": {"1": 50, "2": 50}}', headers=[("Content-Type", "application/json")]
    ),
    "file": lambda lab: lab.weir.must_reload({**lab.table, "functions": {"hello": tables.function(lab.demos, {"PROD": {"1": 70, "2": 30}})}}),
}


@pytest.mark.parametrize("hand", HANDS)
def test_another_hand_ends_it_and_nothing_is_overwritten(shifting, hand):
    lab = shifting
    HANDS[hand](lab)
    after = lab.alias()
    info = lab.ends(lab.deployment, "Failed")
    assert "Somebody else" in info["errorInformation"]["message"] and "rollbackInfo" not in info
    assert lab.alias() == after != {"1": 0.9, "2": 0.1}


def without(lab, version):
    """The table without a version, and with an alias that does not name it."""
    rest = {v: place for v, place in lab.demos.items() if v != version}
    alias = {"PROD": {"2" if version == "1" else "1": 100}}
    return {**lab.table, "functions": {"hello": tables.function(rest, alias)}}


def put(lab, path, document):
    return lab.weir.admin(path, "PUT", json.dumps(document).encode(), headers=[("Content-Type", "application/json")])


GONE = {
    "file": lambda lab, table: lab.weir.reload(table),
    "table": lambda lab, table: put(lab, "/table", table),
    "function": lambda lab, table: put(lab, "/functions/hello", table["functions"]["hello"]),
}


@pytest.mark.parametrize("way", GONE)
@pytest.mark.parametrize("version", ["1", "2"])
def test_an_edit_that_takes_away_a_version_in_use_is_refused(shifting, way, version):
    lab = shifting
    lab.weir.allow_error("reload rejected")
    answer = GONE[way](lab, without(lab, version))
    assert answer.status == 400, answer.body
    [problem] = answer.json()["problems"]
    assert problem["code"] == "version_in_use" and "stop it" in problem["message"] and lab.deployment in problem["message"]
    is_shifted = (way, version) == ("file", "2")  # then the alias is still the deployment's
    assert problem["path"] == ("$.functions.hello.aliases.PROD" if is_shifted else f"$.functions.hello.versions.{version}")
    assert lab.status(lab.deployment) == "InProgress" and lab.alias() == {"1": 0.9, "2": 0.1}
    lab.api.stop_deployment(deploymentId=lab.deployment, autoRollbackEnabled=False)
    assert is_shifted or GONE[way](lab, without(lab, version)).status == 200


@pytest.mark.parametrize("way", ["file", "table"])
def test_an_alarm_that_is_watched_is_not_taken_away(world, way):
    lab = alarmed(world, "button")
    lab.weir.allow_error("reload rejected")
    less = {**lab.table, "alarms": {k: v for k, v in ALARMS["alarms"].items() if k != "button"}}
    answer = GONE[way](lab, less)
    [problem] = answer.json()["problems"]
    assert answer.status == 400 and (problem["code"], problem["path"]) == ("alarm_in_use", "$.alarms.button")
    assert lab.deployment in problem["message"] and lab.status(lab.deployment) == "InProgress"
    lab.api.stop_deployment(deploymentId=lab.deployment, autoRollbackEnabled=False)
    assert GONE[way](lab, less).status == 200


def test_a_function_that_is_deployed_is_not_deleted(shifting):
    lab = shifting
    with pytest.raises(lab.lambdas.exceptions.ResourceConflictException, match=lab.deployment):
        lab.lambdas.delete_function(FunctionName="hello")
    assert lab.status(lab.deployment) == "InProgress"


def test_a_description_is_no_other_hand(shifting):
    lab = shifting
    lab.lambdas.update_alias(FunctionName="hello", Name="PROD", Description="shifted")
    lab.api.stop_deployment(deploymentId=lab.deployment, autoRollbackEnabled=True)
    rolled_back(lab, lab.deployment)
    assert lab.lambdas.get_alias(FunctionName="hello", Name="PROD")["Description"] == "shifted"


# ---- What is wrong with the target ----


@pytest.mark.parametrize(
    "arguments, code, words",
    [
        (("2", "3"), "INVALID_LAMBDA_CONFIGURATION", "does not match the current version"),
        (("1", "1"), "INVALID_LAMBDA_CONFIGURATION", "nothing to shift"),
        (("9", "1"), "INVALID_LAMBDA_FUNCTION", "has no version 9"),
        (("2", "1", "none"), "INVALID_LAMBDA_FUNCTION", "no alias none"),
        (("2", "1", "PROD", "nobody"), "INVALID_LAMBDA_FUNCTION", "no function nobody"),
    ],
)
def test_what_is_wrong_with_the_target_shows_as_failed(lab, arguments, code, words):
    lab.group("CodeDeployDefault.LambdaCanary10Percent5Minutes")
    info = lab.ends(lab.deploy(*arguments), "Failed")
    assert info["errorInformation"]["code"] == code and words in info["errorInformation"]["message"]
    assert lab.alias() == {"1": 1}


def test_all_at_once_to_the_version_that_is_there(lab):
    lab.group()
    lab.ends(lab.deploy("1", "1"))
    assert lab.alias() == {"1": 1}


def test_a_rival_in_another_group_is_named(shifting):
    lab = shifting
    lab.group(name="h")
    info = lab.ends(lab.deploy(group="h"), "Failed")
    assert lab.deployment in info["errorInformation"]["message"]


def test_a_version_that_is_down_is_not_deployed(world):
    lab = Lab(world, functions={})
    table = {
        "functions": {
            "hello": tables.function(
                {"1": lab.demos["1"], "2": {"endpoints": ["http://127.0.0.1:9"], "health_check": {"type": "tcp", "interval_ms": 100, "fall": 1}}},
                {"PROD": {"1": 100}},
            )
        }
    }
    lab.weir.must_reload(table)
    wait_until(lambda: lab.weir.metrics(True).value("weir_endpoint_up", function="hello", version="2") == 0, "version 2 is down")
    lab.group()
    info = lab.ends(lab.deploy(), "Failed")
    assert "no healthy endpoint" in info["errorInformation"]["message"]


# ---- Lives ----


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "drained"])
def test_a_restart_goes_on_where_it_was(world, tmp_path, number):
    (tmp_path / "state").mkdir()
    lab = Lab(world, {"shifts": {"minute_ms": 60000}}, arguments=("--state", tmp_path / "state"))
    lab.group("CodeDeployDefault.LambdaLinear10PercentEvery1Minute")
    deployment = lab.deploy()
    wait_until(lambda: lab.alias() == {"1": 0.9, "2": 0.1}, "the first step is in force")
    for life, minute_ms in (("second", 60000), ("third", 20)):
        lab.live_again(life, number, {"shifts": {"minute_ms": minute_ms}})
        if minute_ms == 60000:
            assert lab.alias() == {"1": 0.9, "2": 0.1} and lab.status(deployment) == "InProgress"
            assert lab.api.list_deployment_groups(applicationName="a")["deploymentGroups"] == ["g"]
    info = lab.ends(deployment)
    assert info["deploymentConfigName"] == "CodeDeployDefault.LambdaLinear10PercentEvery1Minute"
    lab.weir.wait_for_words("hello:PROD has version 2 at 100 %")
    seen = [float(line.split("version 2 at ")[1].split(" ")[0]) for line in log_of_weights(lab)]
    assert seen == [10 * k for k in range(2, 11)] and lab.alias() == {"2": 1}


def test_a_hook_that_had_not_reported_is_called_again_under_the_same_id(world, tmp_path):
    (tmp_path / "state").mkdir()
    hook = Hook(world)
    lab = Lab(world, {"shifts": {"minute_ms": 60000}}, {"pre": tables.function({"$LATEST": hook.url})}, arguments=("--state", tmp_path / "state"))
    lab.group()
    deployment = lab.deploy(hooks={"BeforeAllowTraffic": "pre"})
    wait_until(lambda: hook.calls, "the hook is called")
    lab.live_again("second", signal.SIGKILL, FAST)
    hook.lab = lab
    wait_until(lambda: len(hook.calls) == 2, "the hook is called again")
    assert hook.calls[0].body == hook.calls[1].body
    hook.send("Succeeded")
    lab.ends(deployment)
    assert lab.alias() == {"2": 1}


def test_without_a_state_directory_the_answer_says_that_it_does_not_last(lab):
    made = lab.api.create_application(applicationName="x")
    assert made["ResponseMetadata"]["HTTPHeaders"]["x-weir-durable"] == "no"


# ---- Alarms ----

ALARMS = {
    "alarms": {
        "errors": {"metric": "error_percent", "threshold": 10, "window_s": 60, "min_invocations": 10},
        "waits": {"metric": "error_percent", "threshold": 10, "min_invocations": 10, "on_no_data": "hold"},
        "slow": {"metric": "p99_ms", "threshold": 200, "min_invocations": 5},
        "button": {"metric": "manual"},
    }
}


def alarmed(world, *names, config="CodeDeployDefault.LambdaCanary10Percent5Minutes", minute_ms=60000, start=True, **more):
    lab = Lab(world, {"shifts": {"minute_ms": minute_ms}}, more=ALARMS, **more)
    lab.group(config, autoRollbackConfiguration=RULE, alarmConfiguration={"enabled": True, "alarms": [{"name": n} for n in names]})
    if start:
        lab.deployment = lab.deploy()
        wait_until(lambda: lab.alias() == {"1": 0.9, "2": 0.1}, "the first step is in force")
    return lab


def press(lab, state, name="button"):
    body = json.dumps({"state": state}).encode()
    return lab.weir.admin(f"/alarms/{name}", "PUT", body, headers=[("Content-Type", "application/json")])


def states(lab):
    return {name: alarm["state"] for name, alarm in lab.weir.admin("/alarms").json()["alarms"].items()}


def test_a_manual_alarm_takes_traffic_back(world):
    lab = alarmed(world, "button")
    assert states(lab)["button"] == "OK"
    assert press(lab, "ALARM").status == 200
    info = lab.ends(lab.deployment, "Stopped")
    assert info["errorInformation"]["code"] == "ALARM_ACTIVE" and "button" in info["errorInformation"]["message"]
    rolled_back(lab, lab.deployment)
    assert states(lab)["button"] == "ALARM"
    lab.weir.expect_metric(1, "weir_alarm_state", alarm="button")
    # A deployment does not begin while it fires, unless that is overridden.
    info = lab.ends(lab.deploy(), "Stopped")
    assert info["errorInformation"]["code"] == "ALARM_ACTIVE"
    off = {"overrideAlarmConfiguration": {"enabled": False}, "deploymentConfigName": "CodeDeployDefault.LambdaAllAtOnce"}
    lab.ends(lab.deploy(more=off))
    assert lab.alias() == {"2": 1}
    assert press(lab, "OK").json()["state"] == "OK" and states(lab)["button"] == "OK"
    assert press(lab, "ALARM", "none").status == 404
    assert press(lab, "RED").status == 400
    assert press(lab, "ALARM", "errors").status == 400


def test_an_alarm_outlives_the_process(world, tmp_path):
    (tmp_path / "state").mkdir()
    lab = alarmed(world, "button", start=False, arguments=("--state", tmp_path / "state"))
    press(lab, "ALARM")
    lab.live_again("second", signal.SIGKILL, {})
    assert states(lab)["button"] == "ALARM"


def test_errors_of_the_target_version_take_traffic_back(world):
    lab = alarmed(world, "errors")
    fails = [("X-Demo", "status=500")]
    n = 0
    while lab.status(lab.deployment) == "InProgress":
        lab.weir.invoke("hello:PROD", headers=fails if n % 3 == 0 else ())
        n += 1
        assert n < 2000
    info = lab.ends(lab.deployment, "Stopped")
    assert "errors fires: error_percent" in info["errorInformation"]["message"]
    rolled_back(lab, lab.deployment)


def test_what_clients_do_wrong_fires_no_alarm(world):
    lab = alarmed(world, "errors")
    for _ in range(300):
        lab.weir.invoke("hello:PROD", headers=[("X-Demo", "status=404")])
    time.sleep(0.3)  # three looks
    assert lab.status(lab.deployment) == "InProgress" and states(lab)["errors"] == "OK"


def test_no_data_holds_where_it_is_said_so(world):
    lab = alarmed(world, "waits", minute_ms=10)
    time.sleep(0.3)  # the hold of 50 ms is long over
    assert lab.alias() == {"1": 0.9, "2": 0.1} and lab.status(lab.deployment) == "InProgress"
    while lab.status(lab.deployment) == "InProgress":
        lab.weir.invoke("hello:PROD")
    lab.ends(lab.deployment)
    assert lab.alias() == {"2": 1}


def test_slowness_takes_traffic_back(world):
    lab = alarmed(world, "slow", config="CodeDeployDefault.LambdaCanary10Percent5Minutes")
    n = 0
    while lab.status(lab.deployment) == "InProgress":
        # Every seventh is quick: not every tenth, which may be just those that the canary gets.
        lab.weir.invoke("hello:PROD", headers=[("X-Demo", "delay=300")] if n % 7 else ())
        n += 1
        assert n < 1000
    info = lab.ends(lab.deployment, "Stopped")
    assert "p99_ms" in info["errorInformation"]["message"]


def test_an_unknown_alarm_is_refused_with_those_that_there_are(world):
    lab = Lab(world, more=ALARMS)
    with pytest.raises(lab.api.exceptions.InvalidAlarmConfigException, match="button, errors, slow, waits"):
        lab.group(alarmConfiguration={"enabled": True, "alarms": [{"name": "none"}]})


def test_killed_again_and_again_under_load_it_never_goes_backwards(world, tmp_path):
    (tmp_path / "state").mkdir()
    settings = {"shifts": {"minute_ms": 400}}
    lab = Lab(world, settings, arguments=("--state", tmp_path / "state"))
    lab.group("CodeDeployDefault.LambdaLinear10PercentEvery1Minute")
    deployment = lab.deploy()
    wrong, shares, over = [], [], threading.Event()

    def load():
        while not over.is_set():
            try:
                status = lab.weir.invoke("hello:PROD").status
            except (OSError, EOFError, AssertionError, ValueError):
                time.sleep(0.01)  # weir is down just now
                continue
            if status != 200:
                wrong.append(status)

    clients = [threading.Thread(target=load) for _ in range(2)]
    for client in clients:
        client.start()
    try:
        for life in range(6):
            step = lab.weight(deployment)
            wait_until(lambda step=step: lab.weight(deployment) > step or lab.status(deployment) == "Succeeded", "a step is made")
            shares.append(lab.alias().get("2", 0))
            lab.live_again(f"life-{life}", signal.SIGKILL, settings)
            shares.append(lab.alias().get("2", 0))
        lab.ends(deployment)
    finally:
        over.set()
        for client in clients:
            client.join()
    assert not wrong and shares == sorted(shares), (wrong, shares)
    assert lab.alias() == {"2": 1}


# ---- State machines ----


def machine_spec(name="shop", target="2"):
    properties = {"Name": name, "Alias": "PROD.1", "CurrentVersion": "1", "TargetVersion": target}
    content = {"version": 0.0, "Resources": [{"m": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}}]}
    return {"revisionType": "AppSpecContent", "appSpecContent": {"content": json.dumps(content)}}


@pytest.mark.parametrize("name", ["shop", "arn:aws:states:us-east-1:000000000000:stateMachine:shop"], ids=["name", "arn"])
def test_an_alias_of_a_state_machine_is_shifted_and_rolled_back(world, name):
    hook = Hook(world, answer=b'{"status": "Succeeded"}')
    machine = {"type": "EXPRESS", **tables.function({"1": hook.url, "2": hook.url}, {"PROD.1": {"1": 100}})}
    lab = Lab(world, {"shifts": {"minute_ms": 60000}}, more={"state_machines": {"shop": machine}})
    lab.group("CodeDeployDefault.LambdaCanary10Percent5Minutes")

    def weights():
        return lab.weir.admin("/table").json()["state_machines"]["shop"]["aliases"]["PROD.1"]["weights"]

    deployment = lab.api.create_deployment(applicationName="a", deploymentGroupName="g", revision=machine_spec(name))["deploymentId"]
    wait_until(lambda: weights() == {"1": 90, "2": 10}, "the first step is in force")
    target = lab.target(deployment)
    assert target["targetId"] == "shop:PROD.1" and target["lambdaFunctionInfo"]["functionName"] == "shop"
    assert target["targetArn"] == "arn:aws:states:us-east-1:000000000000:stateMachine:shop:PROD.1"
    lab.api.stop_deployment(deploymentId=deployment, autoRollbackEnabled=True)
    info = lab.ends(lab.info(deployment)["rollbackInfo"]["rollbackDeploymentId"])
    assert weights() == {"1": 100} and "AWS::StepFunctions::StateMachine" in info["revision"]["appSpecContent"]["content"]
    at_once = {"deploymentConfigName": "CodeDeployDefault.LambdaAllAtOnce"}
    lab.ends(lab.api.create_deployment(applicationName="a", deploymentGroupName="g", revision=machine_spec(name), **at_once)["deploymentId"])
    assert weights() == {"2": 100}


def test_executions_are_what_alarms_of_a_state_machine_count(world):
    hook = Hook(world, answer=b'{"status": "Succeeded"}')
    failing = Hook(world, status=500)
    machine = {"type": "EXPRESS", **tables.function({"1": hook.url, "2": failing.url}, {"PROD.1": {"1": 100}})}
    lab = Lab(world, {"shifts": {"minute_ms": 60000}}, more={**ALARMS, "state_machines": {"shop": machine}})
    lab.group("CodeDeployDefault.LambdaCanary10Percent5Minutes", alarmConfiguration={"enabled": True, "alarms": [{"name": "errors"}]}, autoRollbackConfiguration=RULE)
    start = {"stateMachineArn": "arn:aws:states:us-east-1:000000000000:stateMachine:shop:PROD.1", "input": "{}"}
    head = [("Content-Type", "application/x-amz-json-1.0"), ("X-Amz-Target", "AWSStepFunctions.StartSyncExecution")]

    def weights():
        return lab.weir.admin("/table").json()["state_machines"]["shop"]["aliases"]["PROD.1"]["weights"]

    deployment = lab.api.create_deployment(applicationName="a", deploymentGroupName="g", revision=machine_spec())["deploymentId"]
    wait_until(lambda: weights() == {"1": 90, "2": 10}, "the first step is in force")
    n = 0
    while lab.status(deployment) == "InProgress":
        assert lab.weir.admin("/", "POST", json.dumps(start).encode(), headers=head).status == 200
        n += 1
        assert n < 2000
    info = lab.ends(deployment, "Stopped")
    assert "errors fires: error_percent" in info["errorInformation"]["message"]
    lab.ends(info["rollbackInfo"]["rollbackDeploymentId"])
    assert weights() == {"1": 100}
