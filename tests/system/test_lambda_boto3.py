"""boto3 drives weir as it drives AWS: the life of a function, each error by its exception class, waiters and paginators, and three ways in
which people use versions and aliases (a weighted alias, environments and stages, a smooth upgrade by SDK)."""

import collections
import json
import re

import pytest
from harness import aws, tables
from harness.aws import ROLE, arn

pytestmark = pytest.mark.fast


@pytest.fixture
def weir(world):
    demos = {v: world.demo(v) for v in ("1", "2", "3")}
    weir = world.weir(tables.one(demos["1"]))
    weir.demos = demos
    weir.api = aws.client(weir.admin_port)
    weir.data = aws.client(weir.port)
    return weir


def image(weir, version):
    return {"ImageUri": weir.demos[version].url}


def make(weir, name="made", version="1", **more):
    made = weir.api.create_function(FunctionName=name, Role=ROLE, Code=image(weir, version), PackageType="Image", **more)
    weir.api.get_waiter("function_active_v2").wait(FunctionName=name)
    return made


def count(weir, n, qualifier, function="made"):
    """How often each version ran."""
    return collections.Counter(
        weir.data.invoke(FunctionName=function, Qualifier=qualifier, Payload=b"{}")["ExecutedVersion"] for _ in range(n)
    )


def test_the_life_of_a_function(weir):
    api = weir.api
    made = make(weir, Description="d", Timeout=30, Tags={"a": "b"})
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201 and made["CodeSize"] == 0
    api.get_waiter("function_exists").wait(FunctionName="made")
    first = api.publish_version(FunctionName="made", CodeSha256=made["CodeSha256"], Description="one")
    assert (first["Version"], first["Description"]) == ("1", "one")
    api.get_waiter("published_version_active").wait(FunctionName="made", Qualifier="1")
    api.update_function_code(FunctionName="made", **image(weir, "2"))
    api.get_waiter("function_updated_v2").wait(FunctionName="made")
    assert api.publish_version(FunctionName="made")["Version"] == "2"

    live = api.create_alias(FunctionName="made", Name="live", FunctionVersion="1", Description="prod")
    assert live["AliasArn"] == arn("made", "live") and "RoutingConfig" not in live
    assert count(weir, 50, "live") == {"1": 50}
    canary = api.update_alias(
        FunctionName="made", Name="live", RoutingConfig={"AdditionalVersionWeights": {"2": 0.05}}, RevisionId=live["RevisionId"]
    )
    assert canary["RoutingConfig"] == {"AdditionalVersionWeights": {"2": 0.05}} and canary["Description"] == "prod"
    assert count(weir, 1000, "live") == {"1": 950, "2": 50}
    promoted = api.update_alias(FunctionName="made", Name="live", FunctionVersion="2", RoutingConfig={})
    assert promoted["FunctionVersion"] == "2" and "RoutingConfig" not in promoted
    assert count(weir, 20, "live") == {"2": 20}
    api.update_alias(FunctionName="made", Name="live", FunctionVersion="1")
    assert count(weir, 20, "live") == {"1": 20}

    api.delete_alias(FunctionName="made", Name="live")
    api.delete_alias(FunctionName="made", Name="live")
    api.delete_function(FunctionName="made", Qualifier="1")
    assert [v["Version"] for v in api.list_versions_by_function(FunctionName="made")["Versions"]] == ["$LATEST", "2"]
    api.delete_function(FunctionName="made")
    with pytest.raises(api.exceptions.ResourceNotFoundException):
        api.get_function(FunctionName="made")


def expect(kind, message, call, **arguments):
    with pytest.raises(kind) as caught:
        call(**arguments)
    assert message in caught.value.response["Error"]["Message"], caught.value.response


def test_each_error_is_its_exception(weir):
    api = weir.api
    errors = api.exceptions
    make(weir)
    api.publish_version(FunctionName="made")
    live = api.create_alias(FunctionName="made", Name="live", FunctionVersion="1")
    code = image(weir, "1")
    expect(errors.ResourceConflictException, "Function already exist: made", api.create_function, FunctionName="made", Role=ROLE, Code=code)
    expect(errors.ResourceConflictException, f"Alias already exists: {arn('made', 'live')}", api.create_alias, FunctionName="made", Name="live", FunctionVersion="1")
    expect(errors.ResourceNotFoundException, f"Function not found: {arn('nobody')}", api.get_function, FunctionName="nobody")
    expect(errors.ResourceNotFoundException, f"Cannot find alias arn: {arn('made', 'no')}", api.get_alias, FunctionName="made", Name="no")
    expect(errors.ResourceNotFoundException, f"Alias not found: {arn('made', 'no')}", api.update_alias, FunctionName="made", Name="no")
    expect(errors.InvalidParameterValueException, "give Code.ImageUri", api.create_function, FunctionName="n", Role=ROLE, Code={"ZipFile": b"x"})
    expect(errors.InvalidParameterValueException, "greater than 1", api.update_alias, FunctionName="made", Name="live",
           RoutingConfig={"AdditionalVersionWeights": {"2": 0.1, "3": 0.1}})  # fmt: skip
    api.update_alias(FunctionName="made", Name="live")
    expect(errors.PreconditionFailedException, "The Revision Id provided", api.update_alias, FunctionName="made", Name="live", RevisionId=live["RevisionId"])
    expect(errors.ProvisionedConcurrencyConfigNotFoundException, "No Provisioned", api.get_provisioned_concurrency_config, FunctionName="made", Qualifier="live")
    with pytest.raises(errors.ClientError) as caught:
        api.update_alias(FunctionName="made", Name="live", RoutingConfig={"AdditionalVersionWeights": {"2": 2.0}})
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    with pytest.raises(errors.ClientError) as caught:
        api.list_layers()
    assert caught.value.response["Error"]["Code"] == "UnknownOperationException"


def test_of_all_of_lambdas_operations_each_is_served_or_unknown(weir):
    """Never "not found", which says that the function is missing; whatever the operation names."""
    named = {"FunctionName": "made", "UUID": "0", "LayerName": "l", "VersionNumber": "1", "StatementId": "s", "Name": "live", "Resource": arn("made")}
    unknown = re.compile("layers|/policy|event-source-mappings|event-invoke-config|code-signing-config")
    model = weir.api.meta.service_model
    make(weir)
    for name in model.operation_names:
        http = model.operation_model(name).http
        path = re.sub(r"{(\w+)}", lambda match: named.get(match.group(1), "x"), http["requestUri"])
        if not unknown.search(path):
            continue
        answer = weir.admin(path, http["method"], b"{}" if http["method"] in ("POST", "PUT") else None)
        assert (answer.status, answer.headers["x-amzn-errortype"]) == (404, "UnknownOperationException"), (name, answer)


def test_everything_else_that_a_function_has(weir):
    api = weir.api
    make(weir)
    assert "ReservedConcurrentExecutions" not in api.get_function_concurrency(FunctionName="made")
    limit = api.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    assert api.put_function_concurrency(FunctionName="made", ReservedConcurrentExecutions=9)["ReservedConcurrentExecutions"] == 9
    assert api.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"] == limit - 9
    assert api.get_function(FunctionName="made")["Concurrency"] == {"ReservedConcurrentExecutions": 9}
    with pytest.raises(api.exceptions.InvalidParameterValueException):
        api.put_function_concurrency(FunctionName="made", ReservedConcurrentExecutions=limit - 99)
    api.delete_function_concurrency(FunctionName="made")

    api.tag_resource(Resource=arn("made"), Tags={"a": "1", "b": "2"})
    api.untag_resource(Resource=arn("made"), TagKeys=["a", "c"])
    assert api.list_tags(Resource=arn("made"))["Tags"] == {"b": "2"}

    url = api.create_function_url_config(FunctionName="made", AuthType="NONE", Cors={"AllowOrigins": ["*"], "AllowMethods": ["GET"]})
    assert url["FunctionUrl"].endswith(".lambda-url.us-east-1.on.aws/") and url["FunctionArn"] == arn("made")
    assert api.update_function_url_config(FunctionName="made", AuthType="AWS_IAM")["AuthType"] == "AWS_IAM"
    assert api.get_function_url_config(FunctionName="made")["Cors"] == {"AllowOrigins": ["*"], "AllowMethods": ["GET"]}
    with pytest.raises(api.exceptions.ResourceConflictException):
        api.create_function_url_config(FunctionName="made", AuthType="NONE")
    assert len(api.list_function_url_configs(FunctionName="made")["FunctionUrlConfigs"]) == 1
    api.delete_function_url_config(FunctionName="made")
    with pytest.raises(api.exceptions.ResourceNotFoundException):
        api.get_function_url_config(FunctionName="made")


def test_paginators_see_everything_once(weir):
    api = weir.api
    for i in range(12):
        make(weir, f"f{i:02}")
    for i in range(1, 8):
        api.update_function_code(FunctionName="f00", ImageUri=f"{weir.demos['1'].url}/{i}", Publish=True)
        api.create_alias(FunctionName="f00", Name=f"a{i}", FunctionVersion=str(i))

    def all_of(operation, key, name, **arguments):
        pages = api.get_paginator(operation).paginate(PaginationConfig={"PageSize": 3}, **arguments)
        return [item[name] for page in pages for item in page[key]]

    assert all_of("list_functions", "Functions", "FunctionName") == [f"f{i:02}" for i in range(12)] + ["hello"]
    assert all_of("list_versions_by_function", "Versions", "Version", FunctionName="f00") == ["$LATEST"] + [str(i) for i in range(1, 8)]
    assert all_of("list_aliases", "Aliases", "Name", FunctionName="f00") == [f"a{i}" for i in range(1, 8)]


# ---- The ways in which people use it ----


def test_a_weighted_alias(weir):
    """Two published versions of one role share an alias; which ran is told by the answer."""
    api = weir.api
    make(weir)
    assert api.publish_version(FunctionName="made")["Version"] == "1"
    api.update_function_code(FunctionName="made", Publish=True, **image(weir, "2"))
    with pytest.raises(api.exceptions.InvalidParameterValueException) as caught:
        api.create_alias(FunctionName="made", Name="a", FunctionVersion="$LATEST", RoutingConfig={"AdditionalVersionWeights": {"1": 0.5}})
    assert "$LATEST is not supported for an alias pointing to more than 1 version" in str(caught.value)
    api.create_alias(FunctionName="made", Name="a", FunctionVersion="1", RoutingConfig={"AdditionalVersionWeights": {"2": 0.03}})
    answers = [weir.data.invoke(FunctionName=arn("made", "a"), Payload=b"{}") for _ in range(200)]
    assert collections.Counter(a["ExecutedVersion"] for a in answers) == {"1": 194, "2": 6}
    assert weir.demos["2"].count()["requests"] == 6

    api.update_function_configuration(FunctionName="made", Role=ROLE + "2")
    other = api.publish_version(FunctionName="made")["Version"]
    with pytest.raises(api.exceptions.InvalidParameterValueException) as caught:
        api.update_alias(FunctionName="made", Name="a", RoutingConfig={"AdditionalVersionWeights": {other: 0.5}})
    assert "Specified versions must be associated with the same execution role" in str(caught.value)


def test_environments_and_stages(world):
    """DEV follows $LATEST, TEST and PROD name versions; the stages of a gateway lead to the aliases, and nothing at the gateway changes."""
    demos = {v: world.demo(v) for v in ("1", "2", "3")}
    function = tables.function(
        {"$LATEST": demos["3"], "1": demos["1"], "2": demos["2"]}, {"DEV": {"$LATEST": 100}, "TEST": {"2": 100}, "PROD": {"1": 100}}
    )
    stages = {"development": "DEV", "test": "TEST", "production": "PROD"}
    weir = world.weir(tables.table({"shop": function}, [tables.route(f"/{stage}", "shop", alias) for stage, alias in stages.items()]))
    api = aws.client(weir.admin_port)

    def seen(stage, n=1):
        return collections.Counter(weir.call(target=f"/{stage}/cart").headers["x-amz-executed-version"] for _ in range(n))

    assert (seen("development"), seen("test"), seen("production")) == ({"$LATEST": 1}, {"2": 1}, {"1": 1})
    assert api.get_alias(FunctionName="shop", Name="PROD")["AliasArn"] == arn("shop", "PROD")
    for share, expected in ((0.05, {"1": 95, "2": 5}), (0.5, {"1": 50, "2": 50})):
        api.update_alias(FunctionName="shop", Name="PROD", RoutingConfig={"AdditionalVersionWeights": {"2": share}})
        assert seen("production", 100) == expected
    api.update_alias(FunctionName="shop", Name="PROD", FunctionVersion="2", RoutingConfig={"AdditionalVersionWeights": {}})
    assert seen("production", 10) == {"2": 10}
    api.update_function_code(FunctionName="shop", ImageUri=demos["1"].url)
    assert weir.call(target="/development/cart").headers["x-demo-version"] == "1"
    assert seen("test") == {"2": 1}


def test_a_smooth_upgrade_by_sdk(weir):
    """A version is published, Production is shared by halves, and one update rolls back."""
    api = weir.api
    make(weir, Publish=True)
    api.update_function_code(FunctionName="made", **image(weir, "2"))
    second = api.publish_version(FunctionName="made")["Version"]
    api.create_alias(FunctionName="made", Name="Production", FunctionVersion="1", RoutingConfig={"AdditionalVersionWeights": {second: 0.5}})
    assert count(weir, 100, "Production") == {"1": 50, "2": 50}
    back = api.update_alias(FunctionName="made", Name="Production", FunctionVersion="1", RoutingConfig={"AdditionalVersionWeights": {}})
    assert back["FunctionVersion"] == "1"
    assert count(weir, 50, "Production") == {"1": 50}
    assert json.loads(weir.admin("/functions/made/aliases/Production").body) == {"weights": {"1": 100}}
