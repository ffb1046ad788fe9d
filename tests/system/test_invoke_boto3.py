"""boto3 as a client of the data listener: what it returns, and what it raises."""

import json

import pytest
from harness import tables
from harness.places import ADDRESS
from harness.rie import Rie

boto3 = pytest.importorskip("boto3", reason="python3-boto3 is not installed")
from botocore.config import Config  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402

pytestmark = pytest.mark.fast


def client_of(weir, attempts=1):
    config = Config(retries={"total_max_attempts": attempts, "mode": "standard"})
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
    return boto3.client("lambda", region_name="us-east-1", endpoint_url=f"http://{ADDRESS}:{weir.port}", config=config, **keys)


@pytest.fixture
def lambda_(world):
    def run(event, request):
        if event == "fail":
            raise ValueError("no")
        return {"event": event}

    fakes = {v: world.fake(Rie(run).serve) for v in "12"}
    versions = {v: {"kind": "rie", **tables.endpoints(fakes[v])} for v in "12"}
    table = {"hello": tables.function(versions, {"live": {"1": 90, "2": 10}}), "none": {**tables.function({"1": versions["1"]}), "concurrency": 0}}
    return client_of(world.weir(tables.table(table)))


def test_an_invocation(lambda_):
    answer = lambda_.invoke(FunctionName="hello", Qualifier="live", Payload=b'{"a": 1}', LogType="Tail", ClientContext="e30=")
    assert answer["StatusCode"] == 200 and answer["ExecutedVersion"] in "12" and "FunctionError" not in answer
    assert json.loads(answer["Payload"].read()) == {"event": {"a": 1}}
    assert answer["LogResult"]
    assert len(answer["ResponseMetadata"]["RequestId"]) == 36
    answer = lambda_.invoke(FunctionName="arn:aws:lambda:us-east-1:000000000000:function:hello:1", Payload=b'"fail"')
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert json.loads(answer["Payload"].read())["errorType"] == "ValueError"
    answer = lambda_.invoke(FunctionName="hello:live", InvocationType="DryRun")
    assert answer["StatusCode"] == 204 and "ExecutedVersion" not in answer


def test_the_split_as_an_sdk_sees_it(lambda_):
    versions = [lambda_.invoke(FunctionName="hello:live", Payload=b"1")["ExecutedVersion"] for _ in range(100)]
    assert (versions.count("1"), versions.count("2")) == (90, 10)


def test_errors_are_the_clients_own_classes(lambda_):
    with pytest.raises(lambda_.exceptions.ResourceNotFoundException, match="Function not found: arn:aws:lambda:us-east-1:000000000000:function:hello:7"):
        lambda_.invoke(FunctionName="hello", Qualifier="7")
    with pytest.raises(lambda_.exceptions.InvalidRequestContentException, match="Could not parse request body into json"):
        lambda_.invoke(FunctionName="hello:live", Payload=b"{")
    with pytest.raises(lambda_.exceptions.InvalidParameterValueException, match="derived qualifier"):
        lambda_.invoke(FunctionName="hello:1", Qualifier="2")
    with pytest.raises(lambda_.exceptions.TooManyRequestsException, match="Rate Exceeded") as e:
        lambda_.invoke(FunctionName="none:1")
    assert e.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"


def test_a_payload_that_is_too_large_is_told_while_it_is_sent(lambda_):
    with pytest.raises(ClientError, match="Request must be smaller than 6291456 bytes for the InvokeFunction operation") as e:
        lambda_.invoke(FunctionName="hello:live", Payload=b'"' + b"x" * 7000000 + b'"')
    assert e.value.response["Error"]["Code"] == "RequestEntityTooLargeException"
    assert e.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


def test_a_clients_own_retries_stay_on_a_version_and_count_once(world):
    """The first attempt of each call is answered 500; boto3 tries again by itself."""
    seen = {"1": {}, "2": {}}

    def serve(version):
        def handler(c):
            while (request := c.read_request()) is not None:
                calls = seen[version]
                call = request.headers["amz-sdk-invocation-id"]
                calls[call] = calls.get(call, 0) + 1
                status = b"500 X" if calls[call] == 1 else b"200 OK"
                c.send(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\n{}")

        return handler

    fakes = {v: world.fake(serve(v)) for v in "12"}
    weir = world.weir(tables.table({"hello": tables.function(fakes, {"live": {"1": 50, "2": 50}})}))
    client = client_of(weir, attempts=3)
    versions = [client.invoke(FunctionName="hello:live")["ExecutedVersion"] for _ in range(6)]
    assert (versions.count("1"), versions.count("2")) == (3, 3)
    assert not set(seen["1"]) & set(seen["2"])
    assert set(seen["1"].values()) | set(seen["2"].values()) == {2}
    metrics = weir.settled_metrics()
    assert sum(metrics.value("weir_invocations_total", function="hello", alias="live", version=v) for v in "12") == 6
