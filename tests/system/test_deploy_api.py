"""What CodeDeploy's API keeps: applications, groups, configurations, tags, pages, and each error by its class; Debian's AWS command line
as people use it."""

import hashlib
import json
import os
import signal
import time

import pytest
from harness import aws, tables
from harness.aws import CommandLine, Error
from test_deploy import FAST, ROLE, Lab, appspec, revision

JSON11 = "application/x-amz-json-1.1"


@pytest.fixture
def weir(world):
    weir = world.weir(tables.split({"1": world.demo("1"), "2": world.demo("2")}, {"1": 100}))
    weir.api = aws.client(weir.admin_port, service="codedeploy")
    return weir


def raw(weir, operation, body=b"{}", prefix="CodeDeploy_20141006."):
    return weir.admin("/", "POST", body, headers=[("Content-Type", JSON11), ("X-Amz-Target", prefix + operation)])


def fails(api, name, call, **arguments):
    with pytest.raises(api.exceptions.ClientError) as caught:
        call(**arguments)
    assert caught.value.response["Error"]["Code"] == name, caught.value.response
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert caught.value.response["Error"]["Message"]
    return caught.value.response["Error"]["Message"]


def test_the_wire(weir):
    answer = raw(weir, "CreateApplication", b'{"applicationName": "a"}')
    assert answer.status == 200 and answer.headers["content-type"] == JSON11 and set(answer.json()) == {"applicationId"}
    assert "x-amzn-requestid" in answer.headers
    again = raw(weir, "CreateApplication", b'{"applicationName": "a"}')
    assert again.status == 400 and again.headers["content-type"] == JSON11
    assert set(again.json()) == {"__type", "message"} and again.json()["__type"] == "ApplicationAlreadyExistsException"
    for operation, body, kind in (
        ("CreateApplication", b"{", "SerializationException"),
        ("CreateApplication", b"[]", "SerializationException"),
        ("CreateApplication", b'{"applicationName": 7}', "SerializationException"),
        ("RegisterOnPremisesInstance", b"{}", "UnknownOperationException"),
        ("CreateSomething", b"{}", "UnknownOperationException"),
    ):
        answer = raw(weir, operation, body)
        assert (answer.status, answer.json()["__type"]) == (400, kind), answer.body
    assert raw(weir, "GetApplication", b"").json()["__type"] == "ApplicationNameRequiredException"
    assert weir.admin("/", "GET", headers=[("X-Amz-Target", "CodeDeploy_20141006.ListApplications")]).status == 405


# Each operation beside one of its members, and what no SDK would send for it.
WRONG_TYPES = (
    ("BatchGetApplications", {"applicationNames": "a"}, "applicationNames must be a list"),
    ("BatchGetDeploymentGroups", {"applicationName": "a", "deploymentGroupNames": [7]}, "deploymentGroupNames[0] must be a text"),
    ("BatchGetDeployments", {"deploymentIds": {}}, "deploymentIds must be a list"),
    ("BatchGetDeploymentTargets", {"deploymentId": "d-ABCDEFGHI", "targetIds": [{}]}, "targetIds[0] must be a text"),
    ("CreateDeployment", {"applicationName": "x", "description": 7}, "description must be a text"),
    ("CreateDeployment", {"revision": {"appSpecContent": {"content": {}}}}, "revision.appSpecContent.content must be a text"),
    ("CreateDeployment", {"overrideAlarmConfiguration": {"enabled": 1}}, "overrideAlarmConfiguration.enabled must be true or false"),
    ("CreateDeploymentConfig", {"trafficRoutingConfig": {"timeBasedLinear": {"linearInterval": "1"}}}, "linearInterval must be a whole number"),
    ("CreateDeploymentGroup", {"autoRollbackConfiguration": {"events": [7]}}, "autoRollbackConfiguration.events[0] must be a text"),
    ("CreateDeploymentGroup", {"ec2TagFilters": "x"}, "ec2TagFilters must be a list"),
    ("UpdateDeploymentGroup", {"alarmConfiguration": {"alarms": [{"name": 7}]}}, "alarmConfiguration.alarms[0].name must be a text"),
    ("GetDeployment", {"deploymentId": ["d-ABCDEFGHI"]}, "deploymentId must be a text"),
    ("GetDeploymentTarget", {"targetId": 7}, "targetId must be a text"),
    ("ListDeployments", {"applicationName": 7}, "applicationName must be a text"),
    ("ListDeployments", {"createTimeRange": {"start": "2026"}}, "createTimeRange.start must be a number"),
    ("ListDeploymentTargets", {"deploymentId": "x", "targetFilters": {"TargetStatus": "Failed"}}, "TargetStatus must be a list"),
    ("ListApplications", {"nextToken": 7}, "nextToken must be a text"),
    ("PutLifecycleEventHookExecutionStatus", {"deploymentId": "x", "status": True}, "status must be a text"),
    ("StopDeployment", {"deploymentId": "x", "autoRollbackEnabled": "true"}, "autoRollbackEnabled must be true or false"),
    ("TagResource", {"Tags": [7]}, "Tags[0] must be an object"),
    ("UntagResource", {"TagKeys": "k"}, "TagKeys must be a list"),
)


def test_what_has_another_type_is_refused_before_all_else(weir):
    for operation, body, words in WRONG_TYPES:
        answer = raw(weir, operation, json.dumps(body).encode())
        assert (answer.status, answer.json()["__type"]) == (400, "SerializationException"), (operation, answer.body)
        assert words in answer.json()["message"], (operation, answer.body)


def test_each_error_is_one_that_the_operation_may_have(weir):
    """Of all members that the SDKs know, what is empty or null: the answer is right, or one of the errors that the SDKs know."""
    names = ("applicationName", "deploymentGroupName", "serviceRoleArn", "deploymentId", "targetId", "ResourceArn", "deploymentConfigName")
    for name in weir.api.meta.service_model.operation_names:
        model = weir.api.meta.service_model.operation_model(name)
        known = {shape.name for shape in model.error_shapes}
        if raw(weir, name).json().get("__type") == "UnknownOperationException":
            continue
        for empty in (None, ""):
            answer = raw(weir, name, json.dumps({m: empty for m in model.input_shape.members if m in names}).encode())
            assert answer.status == 200 or answer.json()["__type"] in known, (name, answer.body)


def test_applications(weir):
    api = weir.api
    made = api.create_application(applicationName="a", computePlatform="Lambda", tags=[{"Key": "k", "Value": "v"}])
    got = api.get_application(applicationName="a")["application"]
    assert got["applicationId"] == made["applicationId"] and got["computePlatform"] == "Lambda" and not got["linkedToGitHub"]
    assert got["createTime"].timestamp() > 0
    api.create_application(applicationName="b")
    assert api.get_application(applicationName="b")["application"]["computePlatform"] == "Lambda"
    for platform in ("Server", "ECS"):
        fails(api, "InvalidComputePlatformException", api.create_application, applicationName="c", computePlatform=platform)
    fails(api, "InvalidApplicationNameException", api.create_application, applicationName="a b")
    fails(api, "ApplicationAlreadyExistsException", api.create_application, applicationName="a")
    fails(api, "ApplicationDoesNotExistException", api.get_application, applicationName="none")
    assert api.list_applications()["applications"] == ["a", "b"]
    assert len(api.batch_get_applications(applicationNames=["a", "b"])["applicationsInfo"]) == 2
    api.update_application(applicationName="b", newApplicationName="c")
    fails(api, "ApplicationAlreadyExistsException", api.update_application, applicationName="c", newApplicationName="a")
    api.delete_application(applicationName="c")
    api.delete_application(applicationName="c")
    assert api.list_applications()["applications"] == ["a"]


def test_groups(weir):
    api = weir.api
    api.create_application(applicationName="a")
    make = {"applicationName": "a", "deploymentGroupName": "g", "serviceRoleArn": ROLE}
    made = api.create_deployment_group(**make)
    got = api.get_deployment_group(applicationName="a", deploymentGroupName="g")["deploymentGroupInfo"]
    assert got["deploymentGroupId"] == made["deploymentGroupId"] and got["applicationName"] == "a"
    assert got["deploymentConfigName"] == "CodeDeployDefault.LambdaCanary10Percent5Minutes" and got["computePlatform"] == "Lambda"
    assert got["deploymentStyle"] == {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"}
    assert got["autoRollbackConfiguration"] == {"enabled": False, "events": []} and got["serviceRoleArn"] == ROLE
    fails(api, "DeploymentGroupAlreadyExistsException", api.create_deployment_group, **make)
    other = {**make, "deploymentGroupName": "h"}
    fails(api, "ApplicationDoesNotExistException", api.create_deployment_group, **{**other, "applicationName": "x"})
    fails(api, "RoleRequiredException", api.create_deployment_group, **{**other, "serviceRoleArn": ""})
    fails(api, "DeploymentConfigDoesNotExistException", api.create_deployment_group, **other, deploymentConfigName="none")
    fails(api, "InvalidAutoRollbackConfigException", api.create_deployment_group, **other, autoRollbackConfiguration={"enabled": True, "events": ["X"]})
    fails(api, "InvalidDeploymentStyleException", api.create_deployment_group, **other, deploymentStyle={"deploymentType": "IN_PLACE"})
    fails(api, "InvalidTriggerConfigException", api.create_deployment_group, **other, triggerConfigurations=[{"triggerName": "t"}])
    message = fails(
        api, "InvalidAlarmConfigException", api.create_deployment_group, **other, alarmConfiguration={"enabled": True, "alarms": [{"name": "none"}]}
    )
    assert "none" in message
    rule = {"enabled": True, "events": ["DEPLOYMENT_FAILURE"]}
    answer = api.update_deployment_group(
        applicationName="a",
        currentDeploymentGroupName="g",
        newDeploymentGroupName="h",
        deploymentConfigName="CodeDeployDefault.LambdaAllAtOnce",
        autoRollbackConfiguration=rule,
    )
    assert answer["hooksNotCleanedUp"] == []
    fails(api, "InvalidRoleException", api.update_deployment_group, applicationName="a", currentDeploymentGroupName="h", serviceRoleArn="")
    got = api.get_deployment_group(applicationName="a", deploymentGroupName="h")["deploymentGroupInfo"]
    assert got["deploymentConfigName"] == "CodeDeployDefault.LambdaAllAtOnce" and got["autoRollbackConfiguration"] == rule
    assert got["deploymentGroupId"] == made["deploymentGroupId"]
    fails(api, "DeploymentGroupDoesNotExistException", api.get_deployment_group, applicationName="a", deploymentGroupName="g")
    assert api.list_deployment_groups(applicationName="a")["deploymentGroups"] == ["h"]
    batch = api.batch_get_deployment_groups(applicationName="a", deploymentGroupNames=["h"])["deploymentGroupsInfo"]
    assert [g["deploymentGroupName"] for g in batch] == ["h"]
    api.update_application(applicationName="a", newApplicationName="b")
    assert api.list_deployment_groups(applicationName="b")["deploymentGroups"] == ["h"]
    assert api.delete_deployment_group(applicationName="b", deploymentGroupName="h")["hooksNotCleanedUp"] == []
    assert api.delete_deployment_group(applicationName="b", deploymentGroupName="h")["hooksNotCleanedUp"] == []


def test_the_configurations_that_are_always_there(weir):
    api = weir.api
    names = api.list_deployment_configs()["deploymentConfigsList"]
    assert len([n for n in names if n.startswith("CodeDeployDefault.Lambda")]) == 9
    canary = api.get_deployment_config(deploymentConfigName="CodeDeployDefault.LambdaCanary10Percent15Minutes")["deploymentConfigInfo"]
    assert canary["trafficRoutingConfig"] == {"type": "TimeBasedCanary", "timeBasedCanary": {"canaryPercentage": 10, "canaryInterval": 15}}
    linear = api.get_deployment_config(deploymentConfigName="CodeDeployDefault.LambdaLinear10PercentEvery3Minutes")["deploymentConfigInfo"]
    assert linear["trafficRoutingConfig"] == {"type": "TimeBasedLinear", "timeBasedLinear": {"linearPercentage": 10, "linearInterval": 3}}
    fails(api, "DeploymentConfigDoesNotExistException", api.get_deployment_config, deploymentConfigName="none")


def test_tags(weir):
    api = weir.api
    api.create_application(applicationName="a", tags=[{"Key": "k", "Value": "v"}])
    api.create_deployment_group(applicationName="a", deploymentGroupName="g", serviceRoleArn=ROLE)
    of_application = "arn:aws:codedeploy:us-east-1:000000000000:application:a"
    of_group = "arn:aws:codedeploy:us-east-1:000000000000:deploymentgroup:a/g"
    assert api.list_tags_for_resource(ResourceArn=of_application)["Tags"] == [{"Key": "k", "Value": "v"}]
    api.tag_resource(ResourceArn=of_group, Tags=[{"Key": "x", "Value": "1"}, {"Key": "y", "Value": "2"}])
    api.untag_resource(ResourceArn=of_group, TagKeys=["x"])
    assert api.list_tags_for_resource(ResourceArn=of_group)["Tags"] == [{"Key": "y", "Value": "2"}]
    fails(api, "InvalidArnException", api.list_tags_for_resource, ResourceArn="x")
    fails(api, "ArnNotSupportedException", api.list_tags_for_resource, ResourceArn=of_application.replace("application:a", "instance:i"))
    fails(api, "ApplicationDoesNotExistException", api.list_tags_for_resource, ResourceArn=of_application + "x")
    fails(api, "DeploymentGroupDoesNotExistException", api.list_tags_for_resource, ResourceArn=of_group + "x")
    fails(api, "TagRequiredException", api.tag_resource, ResourceArn=of_group, Tags=[])


def test_pages_end(weir):
    api = weir.api
    names = [f"a{i:03}" for i in range(205)]
    for name in names:
        raw(weir, "CreateApplication", json.dumps({"applicationName": name}).encode())
    first = api.list_applications()
    assert len(first["applications"]) == 100 and first["nextToken"]
    assert [n for page in api.get_paginator("list_applications").paginate() for n in page["applications"]] == names
    fails(api, "InvalidNextTokenException", api.list_applications, nextToken="none")


def test_what_is_malformed_is_refused_at_once(world):
    lab = Lab(world).group()
    api = lab.api

    def make(content=None, **more):
        it = {"revisionType": "AppSpecContent", "appSpecContent": {"content": content or appspec()}}
        return {"applicationName": "a", "deploymentGroupName": "g", "revision": it, **more}

    def bad(name, **arguments):
        return fails(api, name, api.create_deployment, **arguments)

    assert "YAML" in bad("InvalidRevisionException", **make("{"))
    assert "TargetVersion" in bad("InvalidRevisionException", **make(appspec("$LATEST")))
    assert "AWS::Lambda::Layer" in bad("InvalidRevisionException", **make(appspec().replace("AWS::Lambda::Function", "AWS::Lambda::Layer")))
    wrong = {"revisionType": "AppSpecContent", "appSpecContent": {"content": appspec(), "sha256": "0" * 64}}
    assert "sha256" in bad("InvalidRevisionException", **{**make(), "revision": wrong})
    for kind, member in (("S3", "s3Location"), ("GitHub", "gitHubLocation")):
        assert kind in bad("InvalidRevisionException", **{**make(), "revision": {"revisionType": kind, member: {}}})
    bad("RevisionRequiredException", applicationName="a", deploymentGroupName="g")
    bad("ApplicationDoesNotExistException", **{**make(), "applicationName": "x"})
    bad("DeploymentGroupDoesNotExistException", **{**make(), "deploymentGroupName": "x"})
    bad("DeploymentGroupNameRequiredException", applicationName="a", revision=make()["revision"])
    bad("DeploymentConfigDoesNotExistException", **make(deploymentConfigName="x"))
    bad("InvalidFileExistsBehaviorException", **make(fileExistsBehavior="OVERWRITE"))
    fails(api, "DeploymentDoesNotExistException", api.get_deployment, deploymentId="d-ABCDEFGHI")
    fails(api, "InvalidDeploymentIdException", api.get_deployment, deploymentId="x")
    fails(api, "DeploymentDoesNotExistException", api.stop_deployment, deploymentId="d-ABCDEFGHI")
    assert api.list_deployments()["deployments"] == []
    right = {"revisionType": "String", "string": {"content": appspec(), "sha256": hashlib.sha256(appspec().encode()).hexdigest()}}
    deployment = api.create_deployment(**{**make(description="d"), "revision": right})["deploymentId"]
    info = lab.ends(deployment)
    assert info["revision"] == right and info["description"] == "d"
    fails(api, "UnsupportedActionForDeploymentTypeException", api.continue_deployment, deploymentId=deployment)


def test_lists_of_deployments(world):
    lab = Lab(world).group()
    api = lab.api
    first, second = lab.deploy(), None
    lab.ends(first)
    second = lab.deploy("9", "2")
    lab.ends(second, "Failed")
    names = {"applicationName": "a", "deploymentGroupName": "g"}
    assert api.list_deployments()["deployments"] == api.list_deployments(**names)["deployments"] == [second, first]
    assert api.list_deployments(**names, includeOnlyStatuses=["Succeeded"])["deployments"] == [first]
    assert [d for page in api.get_paginator("list_deployments").paginate() for d in page["deployments"]] == [second, first]
    created = api.get_deployment(deploymentId=second)["deploymentInfo"]["createTime"]
    assert second in api.list_deployments(createTimeRange={"start": created})["deployments"]  # boto3 sends whole seconds
    assert api.list_deployments(createTimeRange={"start": created.replace(year=2100)})["deployments"] == []
    assert api.list_deployments(createTimeRange={"end": created.replace(year=2000)})["deployments"] == []
    fails(api, "InvalidTimeRangeException", api.list_deployments, createTimeRange={"start": created, "end": created.replace(year=2000)})
    fails(api, "InvalidDeploymentStatusException", api.list_deployments, includeOnlyStatuses=["X"])
    batch = api.batch_get_deployments(deploymentIds=[first, second])["deploymentsInfo"]
    assert [d["status"] for d in batch] == ["Succeeded", "Failed"]
    assert api.list_deployments(externalId="of another service")["deployments"] == []
    group = api.get_deployment_group(**names)["deploymentGroupInfo"]
    assert group["lastSuccessfulDeployment"]["deploymentId"] == first and group["lastAttemptedDeployment"]["deploymentId"] == second
    assert group["targetRevision"]["revisionType"] == "AppSpecContent"
    assert api.list_deployment_targets(deploymentId=first)["targetIds"] == ["hello:PROD"]
    target = api.batch_get_deployment_targets(deploymentId=first, targetIds=["hello:PROD"])["deploymentTargets"][0]
    assert target["deploymentTargetType"] == "LambdaTarget"
    assert target["lambdaTarget"]["targetArn"] == aws.arn("hello", "PROD")
    assert [e["lifecycleEventName"] for e in target["lambdaTarget"]["lifecycleEvents"]] == [
        "Start",
        "BeforeAllowTraffic",
        "AllowTraffic",
        "AfterAllowTraffic",
        "End",
    ]
    fails(api, "DeploymentTargetDoesNotExistException", api.get_deployment_target, deploymentId=first, targetId="x:y")


def test_the_waiter_ends(world):
    lab = Lab(world).group("CodeDeployDefault.LambdaCanary10Percent5Minutes")
    lab.api.get_waiter("deployment_successful").wait(deploymentId=lab.deploy(), WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    assert lab.alias() == {"2": 1}


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists(CommandLine.PROGRAM), reason="awscli is not installed")
def test_the_command_line_brings_production_from_version_1_to_2(world):
    """Walk-through 2."""
    lab = Lab(world, {"shifts": {"minute_ms": 100}})
    deploy = CommandLine(lab.weir.admin_port)

    def aws_deploy(*arguments):
        return deploy(*arguments, service="deploy")

    aws_deploy("create-application", "--application-name", "shop", "--compute-platform", "Lambda")
    aws_deploy("create-deployment-group", "--application-name", "shop", "--deployment-group-name", "prod", "--service-role-arn", ROLE,
               "--deployment-config-name", "CodeDeployDefault.LambdaLinear10PercentEvery1Minute",
               "--auto-rollback-configuration", "enabled=true,events=DEPLOYMENT_FAILURE")  # fmt: skip
    made = aws_deploy("create-deployment", "--application-name", "shop", "--deployment-group-name", "prod", "--revision", json.dumps(revision()))
    aws_deploy("wait", "deployment-successful", "--deployment-id", made["deploymentId"])
    info = aws_deploy("get-deployment", "--deployment-id", made["deploymentId"])["deploymentInfo"]
    assert info["status"] == "Succeeded" and lab.alias() == {"2": 1}
    assert aws_deploy("list-deployments", "--application-name", "shop", "--deployment-group-name", "prod")["deployments"] == [made["deploymentId"]]
    with pytest.raises(Error, match=r"\(InvalidRevisionException\)"):
        aws_deploy("create-deployment", "--application-name", "shop", "--deployment-group-name", "prod",
                   "--revision", '{"revisionType": "AppSpecContent", "appSpecContent": {"content": "x"}}')  # fmt: skip


def test_signatures_and_rights(world, tmp_path):
    def key(name, *allow):
        return {"access_key_id": name, "secret_access_key": "secret-of-the-test-0123456789", "allow": list(allow), "functions": ["*"]}

    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"keys": [key("AKIDALL", "read", "write"), key("AKIDREAD", "read")]}))
    keys.chmod(0o600)
    weir = world.weir(tables.one(world.demo("1")), {"aws": {"credentials_file": str(keys)}})

    def client(name, secret="secret-of-the-test-0123456789"):
        return aws.client(weir.admin_port, service="codedeploy", keys=(name, secret))

    client("AKIDALL").create_application(applicationName="a")
    reader = client("AKIDREAD")
    assert reader.list_applications()["applications"] == ["a"]
    fails(reader, "AccessDeniedException", reader.create_application, applicationName="b")
    stranger = client("AKIDNOBODY")
    fails(stranger, "UnrecognizedClientException", stranger.list_applications)
    answer = raw(weir, "ListApplications")
    assert answer.status == 400 and answer.json()["__type"] == "MissingAuthenticationTokenException"


# ---- Configurations ----


def routing(kind, percentage, interval):
    name = kind.lower()
    return {"type": f"TimeBased{kind}", f"timeBased{kind}": {f"{name}Percentage": percentage, f"{name}Interval": interval}}


def test_configurations_of_ones_own(world):
    lab = Lab(world, more={"deployment_configs": {"drop": {"steps": [{"weight": 0.5, "hold_s": 60}, {"weight": 50, "hold_s": 0}]}}})
    api = lab.api
    made = api.create_deployment_config(deploymentConfigName="third", computePlatform="Lambda", trafficRoutingConfig=routing("Linear", 30, 2))
    got = api.get_deployment_config(deploymentConfigName="third")["deploymentConfigInfo"]
    assert got["deploymentConfigId"] == made["deploymentConfigId"] and got["trafficRoutingConfig"] == routing("Linear", 30, 2)
    assert abs(got["createTime"].timestamp() - time.time()) < 60
    assert "trafficRoutingConfig" not in api.get_deployment_config(deploymentConfigName="drop")["deploymentConfigInfo"]
    assert [n for n in api.list_deployment_configs()["deploymentConfigsList"] if "Default" not in n] == ["drop", "third"]
    table = lab.weir.admin("/table").json()
    assert table["deployment_configs"]["third"] == {"steps": [{"weight": w, "hold_s": 120} for w in (30, 60, 90)]}
    answer = lab.weir.admin("/table", "PUT", json.dumps(table).encode(), headers=[("Content-Type", "application/json")])
    assert answer.status == 200 and answer.json()["changes"] == []
    make = {"computePlatform": "Lambda", "deploymentConfigName": "x"}
    for wrong in (routing("Canary", 0, 5), routing("Canary", 100, 5), routing("Canary", 10, 2881), routing("Linear", 1, 30), routing("Linear", 10, 0)):
        fails(api, "InvalidTrafficRoutingConfigurationException", api.create_deployment_config, **make, trafficRoutingConfig=wrong)
    fails(api, "InvalidTrafficRoutingConfigurationException", api.create_deployment_config, **make)
    fails(api, "DeploymentConfigAlreadyExistsException", api.create_deployment_config, **{**make, "deploymentConfigName": "third"},
          trafficRoutingConfig={"type": "AllAtOnce"})  # fmt: skip
    fails(api, "InvalidDeploymentConfigNameException", api.create_deployment_config, **{**make, "deploymentConfigName": "CodeDeployDefault.X"},
          trafficRoutingConfig={"type": "AllAtOnce"})  # fmt: skip
    fails(api, "InvalidComputePlatformException", api.create_deployment_config, deploymentConfigName="x", computePlatform="ECS")
    lab.group("drop")
    fails(api, "DeploymentConfigInUseException", api.delete_deployment_config, deploymentConfigName="drop")
    fails(api, "InvalidOperationException", api.delete_deployment_config, deploymentConfigName="CodeDeployDefault.LambdaAllAtOnce")
    deployment = lab.deploy()
    lab.weir.wait_for_words("version 2 at 0.5 %")
    lab.ends(deployment)
    lab.weir.wait_for_words("version 2 at 50 %")
    api.delete_deployment_config(deploymentConfigName="third")
    api.delete_deployment_config(deploymentConfigName="third")
    assert [n for n in api.list_deployment_configs()["deploymentConfigsList"] if "Default" not in n] == ["drop"]


def names_of(weir):
    table = weir.admin("/table").json()
    return sorted(table.get("deployment_configs", {})), sorted(table.get("alarms", {}))


def test_what_the_file_and_the_api_say_of_configurations_lies_side_by_side(world, tmp_path):
    """Entry by entry: the file undoes nothing of what it does not speak of, and wins where it says something new."""
    steps = {"steps": [{"weight": 1, "hold_s": 60}]}
    button, errors = {"metric": "manual"}, {"metric": "errors", "threshold": 5}
    lab = Lab(world, arguments=("--state", str(tmp_path)), more={"deployment_configs": {"files": steps, "gone": steps}, "alarms": {"button": button}})
    make = {"computePlatform": "Lambda", "trafficRoutingConfig": routing("Canary", 10, 5)}
    lab.api.create_deployment_config(deploymentConfigName="apis", **make)
    created = lab.api.get_deployment_config(deploymentConfigName="apis")["deploymentConfigInfo"]["createTime"]
    lab.api.delete_deployment_config(deploymentConfigName="gone")
    lab.table["deployment_configs"]["more"] = steps
    lab.table["alarms"]["errors"] = errors
    lab.weir.must_reload(lab.table)
    assert names_of(lab.weir) == (["apis", "files", "more"], ["button", "errors"])
    lab.live_again("again", signal.SIGKILL, FAST)
    assert names_of(lab.weir) == (["apis", "files", "more"], ["button", "errors"])
    assert lab.api.get_deployment_config(deploymentConfigName="apis")["deploymentConfigInfo"]["createTime"] == created
    lab.table["deployment_configs"] = {"apis": steps, "gone": {"steps": [{"weight": 2, "hold_s": 60}]}}
    lab.weir.must_reload(lab.table)
    lab.weir.wait_for_words("deployment_configs.apis: the file says")
    shown = lab.weir.admin("/table").json()["deployment_configs"]
    assert {n: c["steps"][0]["weight"] for n, c in shown.items()} == {"apis": 1, "gone": 2}
    lab.weir.must_reload({k: v for k, v in lab.table.items() if k not in ("deployment_configs", "alarms")})
    assert names_of(lab.weir) == ([], [])


@pytest.mark.parametrize(
    "section, document, words",
    [
        ("deployment_configs", {"a b": {"steps": []}}, "$.deployment_configs"),
        ("deployment_configs", {"a": {}}, "$.deployment_configs.a.steps: is missing"),
        ("deployment_configs", {"a": {"steps": [{"hold_s": 1}]}}, "$.deployment_configs.a.steps[0].weight: is missing"),
        ("deployment_configs", {"a": {"steps": [{"weight": 20}, {"weight": 10}]}}, "$.deployment_configs.a.steps[1].weight: must be more than"),
        ("deployment_configs", {"CodeDeployDefault.X": {"steps": []}}, "AWS's own"),
        ("alarms", {"a": {}}, "$.alarms.a.metric: must be"),
        ("alarms", {"a": {"metric": "errors"}}, "$.alarms.a.threshold: is missing"),
        ("alarms", {"a": {"metric": "manual", "x": 1}}, "$.alarms.a.x"),
        ("alarms", {"a": {"metric": "manual", "on_no_data": "wait"}}, "$.alarms.a.on_no_data"),
        ("alarms", [], "$.alarms"),
    ],
)
def test_sections_of_the_table_are_checked(weir, section, document, words):
    answer = weir.reload({"functions": {}, section: document})
    weir.allow_error("reload rejected")
    assert answer.status == 400 and words in " ".join(f"{p['path']}: {p['message']}" for p in answer.json()["problems"]), answer.body
