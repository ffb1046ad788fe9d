"""Publishing is all it takes: auto_publish_alias and deployment_preference of a function."""

import json
import signal

import pytest
import test_sfn_api
from harness import aws, tables
from harness.waiting import wait_until
from test_deploy import ALARMS, RULE, Hook, Lab, press, rolled_back

LONG = {"shifts": {"minute_ms": 60000}}
APPLICATION, GROUP = "ServerlessDeploymentApplication", "helloDeploymentGroup"
LINEAR = {"type": "Linear10PercentEvery2Minutes"}


class Publishing(Lab):
    """Function hello, whose new versions are brought in to PROD; $LATEST runs where version 1 does."""

    def __init__(self, world, preference=None, settings=None, alias="PROD", aliases=True, more=None, functions=None, **arguments):
        super().__init__(world, settings, start=False, arguments=arguments.get("arguments", ()))
        self.preference, self.auto = preference, alias
        self.table = {**tables.table({**(functions or {}), "hello": self.function(("1",), aliases)}), **(more or {})}
        self.weir = world.weir(self.table, {"shifts": {"minute_ms": 60}, **(settings or {})}, arguments=self.arguments)
        self.connect()

    def function(self, versions=("1",), aliases=True):
        places = {"$LATEST": self.demos["1"], **{v: self.demos[v] for v in versions}}
        out = tables.function(places, {"PROD": {"1": 100}} if aliases else None)
        if self.auto:
            out["auto_publish_alias"] = self.auto
        if self.preference is not None:
            out["deployment_preference"] = self.preference
        return out

    def code(self, version, **more):
        return self.lambdas.update_function_code(FunctionName="hello", ImageUri=self.demos[version].url, **more)

    def publish(self, version):
        self.code(version)
        return self.lambdas.publish_version(FunctionName="hello")["Version"]

    def file(self, *versions, **more):
        """The table file with other versions."""
        function = {**self.function(versions), **more}
        return {**self.table, "functions": {**self.table["functions"], "hello": function}}

    def deployments(self):
        if APPLICATION not in self.api.list_applications()["applications"]:
            return []
        return self.api.list_deployments(applicationName=APPLICATION, deploymentGroupName=GROUP)["deployments"]

    def begun(self, nr=1):
        wait_until(lambda: len(self.deployments()) == nr, "it is deployed")
        return self.deployments()[0]


def test_publish_version_starts_a_deployment(world):
    lab = Publishing(world, LINEAR, LONG)
    assert lab.publish("2") == "2"
    [deployment] = lab.deployments()
    wait_until(lambda: lab.alias() == {"1": 0.9, "2": 0.1}, "the first step is in force")
    info = lab.info(deployment)
    assert info["deploymentConfigName"] == "CodeDeployDefault.LambdaLinear10PercentEvery2Minutes"
    assert (info["applicationName"], info["deploymentGroupName"]) == (APPLICATION, GROUP)
    assert info["autoRollbackConfiguration"] == RULE and info["status"] == "InProgress"
    group = lab.api.get_deployment_group(applicationName=APPLICATION, deploymentGroupName=GROUP)["deploymentGroupInfo"]
    assert group["autoRollbackConfiguration"] == RULE and group["computePlatform"] == "Lambda"
    assert group["deploymentConfigName"] == info["deploymentConfigName"]
    assert lab.lambdas.publish_version(FunctionName="hello")["Version"] == "2"  # $LATEST has not changed
    assert lab.deployments() == [deployment]
    lab.api.stop_deployment(deploymentId=deployment)
    rolled_back(lab, deployment)


def test_sams_example_runs_to_its_end(world):
    lab = Publishing(world, LINEAR)
    assert lab.code("2", Publish=True)["Version"] == "2"
    lab.ends(lab.deployments()[0])
    assert lab.alias() == {"2": 1}
    lab.weir.wait_for_words("hello:PROD has version 2 at 100 %")
    seen = [float(line.split("version 2 at ")[1].split(" ")[0]) for line in lab.weir.stderr().splitlines() if "hello:PROD has" in line]
    assert seen == [10 * k for k in range(1, 11)]
    assert lab.code("2", Publish=True)["Version"] == "2"  # the same code
    assert len(lab.deployments()) == 1
    lab.code("3", Publish=True)
    info = lab.ends(lab.begun(2))
    assert lab.alias() == {"3": 1} and '"2"' in info["previousRevision"]["appSpecContent"]["content"]


def test_a_version_that_is_new_in_the_file_starts_a_deployment(world):
    lab = Publishing(world, LINEAR, LONG)
    assert not lab.deployments() and lab.alias() == {"1": 1}
    lab.weir.must_reload(lab.file("1", "2"))
    deployment = lab.begun()
    wait_until(lambda: lab.alias() == {"1": 0.9, "2": 0.1}, "the first step is in force")
    lab.weir.must_reload(lab.file("1", "2", tags={"a": "b"}))
    assert lab.deployments() == [deployment]


def test_a_whole_table_does_as_well(world):
    lab = Publishing(world, LINEAR, LONG)
    body = json.dumps(lab.file("1", "2")).encode()
    assert lab.weir.admin("/table", "PUT", body, headers=[("Content-Type", "application/json")]).status == 200
    assert len(lab.deployments()) == 1
    wait_until(lambda: lab.alias() == {"1": 0.9, "2": 0.1}, "the first step is in force")


def test_a_function_by_put_does_as_well(world):
    lab = Publishing(world, {**LINEAR, "enabled": False}, LONG)
    body = json.dumps(lab.function(("1", "2"))).encode()
    assert lab.weir.admin("/functions/hello", "PUT", body, headers=[("Content-Type", "application/json")]).status == 200
    assert lab.alias() == {"2": 1} and not lab.deployments()


def test_whoever_gives_the_new_version_a_share_has_seen_to_it(world):
    lab = Publishing(world, LINEAR, LONG)
    lab.weir.must_reload(lab.file("1", "2", aliases={"PROD": {"weights": {"1": 50, "2": 50}}}))
    assert lab.alias() == {"1": 0.5, "2": 0.5}
    lab.weir.must_reload(lab.file("1", "2", "3", aliases={"PROD": {"weights": {"3": 100}}}))
    assert lab.alias() == {"3": 1} and not lab.deployments()


def test_a_second_version_waits(world):
    lab = Publishing(world, {"type": "Canary10Percent5Minutes"}, LONG)
    lab.publish("2")
    wait_until(lambda: lab.alias() == {"1": 0.9, "2": 0.1}, "the first step is in force")
    lab.publish("3")
    second, first = lab.deployments()
    assert (lab.status(first), lab.status(second)) == ("InProgress", "Queued")
    assert lab.alias() == {"1": 0.9, "2": 0.1}
    assert lab.api.list_deployments(includeOnlyStatuses=["Queued"])["deployments"] == [second]
    lab.api.stop_deployment(deploymentId=first, autoRollbackEnabled=True)  # then it begins at version 1
    wait_until(lambda: lab.alias() == {"1": 0.9, "3": 0.1}, "the second one has begun")
    assert lab.target(second)["lambdaFunctionInfo"]["currentVersion"] == "1"
    assert json.loads(lab.info(second)["revision"]["appSpecContent"]["content"])["Resources"][0]["hello"]["Properties"]["CurrentVersion"] == "1"


def test_a_second_version_begins_where_the_first_has_ended(world):
    lab = Publishing(world, {"type": "Canary10Percent5Minutes"}, {"shifts": {"minute_ms": 200}})
    lab.publish("2")
    lab.publish("3")
    second, first = lab.deployments()
    assert lab.status(second) == "Queued"
    lab.ends(first)
    info = lab.ends(second)
    assert lab.alias() == {"3": 1} and lab.target(second)["lambdaFunctionInfo"]["currentVersion"] == "2"
    assert info["startTime"] >= lab.info(first)["completeTime"]


def test_one_that_waits_can_be_stopped(world):
    lab = Publishing(world, {"type": "Canary10Percent5Minutes"}, LONG)
    lab.publish("2")
    wait_until(lambda: lab.alias() == {"1": 0.9, "2": 0.1}, "the first step is in force")
    lab.publish("3")
    second, first = lab.deployments()
    lab.api.stop_deployment(deploymentId=second, autoRollbackEnabled=True)
    assert lab.ends(second, "Stopped").get("rollbackInfo") is None  # it has done nothing
    assert lab.status(first) == "InProgress" and lab.alias() == {"1": 0.9, "2": 0.1}


@pytest.mark.parametrize("preference", [None, {"enabled": False}], ids=["none", "not enabled"])
def test_without_a_preference_the_alias_is_moved_at_once(world, preference):
    lab = Publishing(world, preference)
    lab.publish("2")
    assert lab.alias() == {"2": 1} and not lab.deployments()
    lab.weir.must_reload(lab.file("1", "2", "3"))
    wait_until(lambda: lab.alias() == {"3": 1}, "the file's version is there")
    assert not lab.deployments() and not lab.api.list_applications()["applications"]


def test_an_alias_that_is_not_there_is_made(world):
    lab = Publishing(world, LINEAR, aliases=False)
    lab.publish("2")
    assert lab.alias() == {"2": 1} and not lab.deployments()


def test_a_start_publishes_nothing(world, tmp_path):
    (tmp_path / "state").mkdir()
    lab = Publishing(world, LINEAR, arguments=("--state", tmp_path / "state"), aliases=False)
    assert not lab.lambdas.list_aliases(FunctionName="hello")["Aliases"]
    lab.table = lab.file("1", "2")
    lab.live_again("second", signal.SIGTERM, LONG)
    assert lab.alias() == {"1": 1} and not lab.deployments()
    lab.publish("3")
    assert len(lab.deployments()) == 1


def test_a_deployment_is_kept_with_its_version(world, tmp_path):
    (tmp_path / "state").mkdir()
    lab = Publishing(world, LINEAR, LONG, arguments=("--state", tmp_path / "state"))
    lab.publish("2")
    lab.live_again("second", signal.SIGKILL, LONG)
    wait_until(lambda: lab.alias() == {"1": 0.9, "2": 0.1}, "the first step is in force")
    lab.publish("3")
    assert [lab.status(d) for d in lab.deployments()] == ["Queued", "InProgress"]
    lab.live_again("third", signal.SIGKILL, LONG)
    assert [lab.status(d) for d in lab.deployments()] == ["Queued", "InProgress"]


def test_hooks_and_alarms_of_the_preference(world):
    hook = Hook(world)
    preference = {"type": "AllAtOnce", "hooks": {"pre_traffic": "pre", "post_traffic": hook.url}, "alarms": ["button"]}
    lab = Publishing(world, preference, more=ALARMS, functions={"pre": tables.function({"$LATEST": hook.url})})
    hook.lab = lab
    lab.publish("2")
    for event in ("BeforeAllowTraffic", "AfterAllowTraffic"):
        wait_until(lambda: hook.calls and hook.calls[-1].headers["x-weir-lifecycle-event"] == event, "the hook is called")
        assert lab.alias() == ({"1": 1} if event == "BeforeAllowTraffic" else {"2": 1})
        hook.send("Succeeded")
    lab.ends(lab.deployments()[0])
    lab.publish("3")
    deployment = lab.deployments()[0]
    press(lab, "ALARM")
    info = lab.ends(deployment, "Stopped")
    assert info["errorInformation"]["code"] == "ALARM_ACTIVE" and "button" in info["errorInformation"]["message"]
    lab.ends(lab.info(deployment)["rollbackInfo"]["rollbackDeploymentId"])
    assert lab.alias() == {"2": 1}


def test_a_configuration_of_the_table(world):
    more = {"deployment_configs": {"careful": {"steps": [{"weight": 0.5, "hold_s": 600}]}}}
    lab = Publishing(world, {"type": "careful"}, LONG, more=more)
    lab.publish("2")
    wait_until(lambda: lab.alias() == {"1": 0.995, "2": 0.005}, "the first step is in force")
    with pytest.raises(lab.api.exceptions.DeploymentConfigInUseException, match="hello"):
        lab.api.delete_deployment_config(deploymentConfigName="careful")


AT = "$.functions.hello."


@pytest.mark.parametrize(
    "more, path, words",
    [
        ({"auto_publish_alias": "7"}, "auto_publish_alias", "no alias name"),
        ({"auto_publish_alias": ["live"]}, "auto_publish_alias", "an alias"),
        ({"auto_publish_alias": None}, "deployment_preference", "auto_publish_alias"),
        ({"deployment_preference": "Linear10PercentEvery2Minutes"}, "deployment_preference", "an object such as"),
        ({"deployment_preference": {"type": "Linear10PercentEvery2Minute"}}, "deployment_preference.type", "Linear10PercentEvery2Minutes"),
        ({"deployment_preference": {"type": 7}}, "deployment_preference.type", "a plan"),
        ({"deployment_preference": {"typ": "AllAtOnce"}}, "deployment_preference.typ", "type"),
        ({"deployment_preference": {"enabled": "no"}}, "deployment_preference.enabled", "true or false"),
        ({"deployment_preference": {"hooks": []}}, "deployment_preference.hooks", "an object of hooks"),
        ({"deployment_preference": {"hooks": {"pre": "f"}}}, "deployment_preference.hooks.pre", "pre_traffic"),
        ({"deployment_preference": {"hooks": {"pre_traffic": "a b"}}}, "deployment_preference.hooks.pre_traffic", "a URL"),
        ({"deployment_preference": {"alarms": "errors"}}, "deployment_preference.alarms", "a list of alarms"),
        ({"deployment_preference": {"alarms": ["buton"]}}, "deployment_preference.alarms[0]", "button"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(world, more, path, words):
    lab = Publishing(world, LINEAR, more=ALARMS)
    document = {**lab.function(("1",)), **more}
    body = json.dumps({k: v for k, v in document.items() if v is not None}).encode()
    answer = lab.weir.admin("/functions/hello", "PUT", body, headers=[("Content-Type", "application/json")])
    assert answer.status == 400
    [problem] = answer.json()["problems"]
    assert problem["path"] == AT + path and words in problem["message"]


def test_the_keys_are_shown(world):
    lab = Publishing(world, LINEAR)
    shown = lab.weir.admin("/table").json()["functions"]["hello"]
    assert shown["auto_publish_alias"] == "PROD" and shown["deployment_preference"] == LINEAR


# ---- State machines ----


def machine(lab, *versions, **more):
    """Of the table; alias PROD.1 has version 1."""
    function = tables.function({v: lab.demos[v] for v in versions}, {"PROD.1": {"1": 100}})
    return {"type": "EXPRESS", **function, "auto_publish_alias": "PROD.1", "deployment_preference": LINEAR, **more}


def machines(lab, *versions, **more):
    return {**lab.table, "state_machines": {"shop": machine(lab, *versions, **more)}}


def weights_of(lab):
    return lab.weir.admin("/table").json()["state_machines"]["shop"]["aliases"]["PROD.1"]["weights"]


def of_machine(lab):
    if APPLICATION not in lab.api.list_applications()["applications"]:
        return []
    return lab.api.list_deployments(applicationName=APPLICATION, deploymentGroupName="shopDeploymentGroup")["deployments"]


@pytest.mark.parametrize("way", ["PublishStateMachineVersion", "UpdateStateMachine"])
def test_a_version_of_a_state_machine_that_is_published_starts_a_deployment(world, way):
    lab = Lab(world)
    lab.weir.must_reload(machines(lab, "1"))
    api = test_sfn_api.Api(lab.weir)
    update = {"stateMachineArn": test_sfn_api.arn("shop"), "definition": test_sfn_api.http(lab.demos["2"].port)}
    if way == "UpdateStateMachine":
        made = api(way, **update, publish=True)
    else:
        api("UpdateStateMachine", **update)
        made = api(way, stateMachineArn=update["stateMachineArn"])
    assert made["stateMachineVersionArn"] == test_sfn_api.arn("shop", 2)
    [deployment] = of_machine(lab)
    info = lab.ends(deployment)
    assert weights_of(lab) == {"2": 100} and info["description"] == "Version 2 of shop was published."
    assert "AWS::StepFunctions::StateMachine" in info["revision"]["appSpecContent"]["content"]
    lab.weir.wait_for_words("shop:PROD.1 has version 2 at 100 %")
    steps = [float(line.split("version 2 at ")[1].split(" ")[0]) for line in lab.weir.stderr().splitlines() if "shop:PROD.1 has" in line]
    assert steps == [10 * k for k in range(1, 11)]
    again = api("PublishStateMachineVersion", stateMachineArn=update["stateMachineArn"])
    assert again["stateMachineVersionArn"] == test_sfn_api.arn("shop", 2) and of_machine(lab) == [deployment]


def test_a_version_of_a_state_machine_that_is_new_in_the_file_does_as_well(world):
    lab = Lab(world, LONG)
    lab.weir.must_reload(machines(lab, "1"))
    lab.weir.must_reload(machines(lab, "1", "2"))
    wait_until(lambda: weights_of(lab) == {"1": 90, "2": 10}, "the first step is in force")
    assert len(of_machine(lab)) == 1
    shown = lab.weir.admin("/table").json()["state_machines"]["shop"]
    assert shown["auto_publish_alias"] == "PROD.1" and shown["deployment_preference"] == LINEAR


def test_an_alias_of_a_state_machine_is_moved_at_once_or_made(world):
    lab = Lab(world, LONG)
    lab.weir.must_reload(machines(lab, "1", deployment_preference={"enabled": False}, aliases={}))
    lab.weir.must_reload(machines(lab, "1", "2", deployment_preference={"enabled": False}, aliases={}))
    wait_until(lambda: "PROD.1" in lab.weir.admin("/table").json()["state_machines"]["shop"].get("aliases", {}), "the alias is made")
    assert weights_of(lab) == {"2": 100} and of_machine(lab) == []


@pytest.mark.parametrize(
    "more, path, words",
    [
        ({"auto_publish_alias": "7"}, ".auto_publish_alias", "state machine"),
        ({"deployment_preference": {"type": "Linear"}}, ".deployment_preference.type", "Linear10PercentEvery1Minute"),
        ({"deployment_preference": {"alarms": ["none"]}}, ".deployment_preference.alarms[0]", "no alarm"),
    ],
)
def test_what_is_wrong_of_a_state_machine_is_said_with_its_place(world, more, path, words):
    lab = Lab(world)
    lab.weir.allow_error("reload rejected")
    answer = lab.weir.reload(machines(lab, "1", **more))
    [problem] = answer.json()["problems"]
    assert answer.status == 400 and problem["path"] == "$.state_machines.shop" + path and words in problem["message"], problem
