"""Debian's AWS command line drives weir: what docs/lambda.md shows, and errors as people see them."""

import os

import pytest
from harness import tables
from harness.aws import CommandLine, Error, ROLE, arn

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.path.exists(CommandLine.PROGRAM), reason="awscli is not installed"),
]


def test_a_canary_and_a_rollback(world):
    demos = {v: world.demo(v) for v in ("1", "2")}
    weir = world.weir(tables.one(demos["1"]))
    aws = CommandLine(weir.admin_port)
    made = aws("create-function", "--function-name", "made", "--role", ROLE, "--package-type", "Image",
               "--code", f"ImageUri={demos['1'].url}", "--publish")  # fmt: skip
    assert made["Version"] == "1"
    aws("wait", "function-active-v2", "--function-name", "made")
    aws("create-alias", "--function-name", "made", "--name", "live", "--function-version", "1")
    aws("update-function-code", "--function-name", "made", "--image-uri", demos["2"].url, "--publish")
    canary = aws("update-alias", "--function-name", "made", "--name", "live", "--routing-config", "AdditionalVersionWeights={2=0.1}")
    assert canary["RoutingConfig"] == {"AdditionalVersionWeights": {"2": 0.1}}
    ran = [weir.invoke("made:live").headers["x-amz-executed-version"] for _ in range(100)]
    assert ran.count("2") == 10
    back = aws("update-alias", "--function-name", "made", "--name", "live", "--routing-config", "AdditionalVersionWeights={}")
    assert back["FunctionVersion"] == "1" and "RoutingConfig" not in back
    aws("update-alias", "--function-name", "made", "--name", "live", "--function-version", "2")
    assert weir.invoke("made:live").headers["x-amz-executed-version"] == "2"
    assert [v["Version"] for v in aws("list-versions-by-function", "--function-name", "made")["Versions"]] == ["$LATEST", "1", "2"]
    assert aws("get-function", "--function-name", "made:live")["Configuration"]["FunctionArn"] == arn("made", "live")
    with pytest.raises(Error, match=r"\(ResourceConflictException\).*Unable to delete version.*\[live\]"):
        aws("delete-function", "--function-name", "made", "--qualifier", "2")
    with pytest.raises(Error, match=r"\(ResourceNotFoundException\).*Cannot find alias arn"):
        aws("get-alias", "--function-name", "made", "--name", "none")
    aws("tag-resource", "--resource", arn("made"), "--tags", "a=b")
    assert aws("list-tags", "--resource", arn("made"))["Tags"] == {"a": "b"}
    aws("delete-alias", "--function-name", "made", "--name", "live")
    aws("delete-function", "--function-name", "made")
    assert [f["FunctionName"] for f in aws("list-functions")["Functions"]] == ["hello"]


UNSERVED = {
    "ListLayers": ["list-layers"],
    "GetPolicy": ["get-policy", "--function-name", "hello"],
    "PutFunctionEventInvokeConfig": ["put-function-event-invoke-config", "--function-name", "hello", "--maximum-retry-attempts", "1"],
    "CreateEventSourceMapping": ["create-event-source-mapping", "--function-name", "hello", "--event-source-arn", "arn:aws:sqs:us-east-1:000000000000:q"],
    "GetFunctionCodeSigningConfig": ["get-function-code-signing-config", "--function-name", "hello"],
}


@pytest.mark.parametrize("operation", UNSERVED)
def test_what_is_not_served_is_told_apart_from_what_there_is_not(world, operation):
    """Tools take a ResourceNotFoundException for the function's absence, and go on to make it."""
    aws = CommandLine(world.weir(tables.one("http://127.0.0.1:1")).admin_port)
    with pytest.raises(Error, match=rf"\(UnknownOperationException\) when calling the {operation} operation"):
        aws(*UNSERVED[operation])
