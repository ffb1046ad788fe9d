"""The Lambda API on the admin listener, byte by byte: methods, paths, statuses, bodies and error types."""

import http.client
import json
import re
import threading

import pytest
from harness import tables
from harness.client import Connection
from harness.places import ADDRESS, scaled
from harness.rie import Rie

ROLE = "arn:aws:iam::000000000000:role/lambda"
FUNCTIONS = "/2015-03-31/functions"
ARN = "arn:aws:lambda:us-east-1:000000000000:function:"


@pytest.fixture
def weir(world):
    demos = {v: world.demo(v) for v in ("1", "2")}
    weir = world.weir(tables.split({"$LATEST": demos["1"], **demos}, {"1": 95, "2": 5}))
    weir.demos = demos
    return weir


def ask(weir, method, path, document=None, headers=()):
    body = None if document is None else json.dumps(document).encode()
    return weir.admin(path, method, body, headers)


def make(weir, name="made", demo="1", **more):
    document = {"FunctionName": name, "Role": ROLE, "Code": {"ImageUri": weir.demos[demo].url}, "PackageType": "Image", **more}
    answer = ask(weir, "POST", FUNCTIONS, document)
    assert answer.status == 201, answer
    return answer.json()


def expect_error(answer, status, kind, body):
    assert answer.status == status, answer
    assert answer.headers["x-amzn-errortype"] == kind
    assert answer.json() == body
    assert answer.headers["content-type"] == "application/json"
    assert re.fullmatch(r"[0-9a-f-]{36}", answer.headers["x-amzn-requestid"])
    assert "date" in answer.headers


@pytest.mark.fast
def test_a_function_lives_from_creation_to_deletion(weir):
    made = make(weir, Timeout=5, Environment={"Variables": {"STAGE": "dev"}}, Tags={"team": "shop"})
    assert made["FunctionArn"] == ARN + "made" and made["Version"] == "$LATEST" and made["State"] == "Pending"
    assert weir.invoke("made").headers["x-amz-executed-version"] == "$LATEST"

    shown = ask(weir, "GET", f"{FUNCTIONS}/made").json()
    assert shown["Code"]["ImageUri"] == weir.demos["1"].url and shown["Tags"] == {"team": "shop"}
    configuration = shown["Configuration"]
    assert configuration["State"] == "Active" and configuration["LastUpdateStatus"] == "Successful"
    assert configuration["Environment"] == {"Variables": {"STAGE": "dev"}} and configuration["Timeout"] == 5
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000", configuration["LastModified"])

    published = ask(weir, "POST", f"{FUNCTIONS}/made/versions", {"Description": "first"})
    assert published.status == 201
    assert published.json()["Version"] == "1" and published.json()["FunctionArn"] == ARN + "made:1"
    updated = ask(weir, "PUT", f"{FUNCTIONS}/made/code", {"ImageUri": weir.demos["2"].url, "Publish": True})
    assert updated.status == 200 and updated.json()["Version"] == "2"
    assert weir.invoke("made", query="?Qualifier=1").headers["x-demo-version"] == "1"
    assert weir.invoke("made", query="?Qualifier=2").headers["x-demo-version"] == "2"
    assert weir.invoke("made").headers["x-demo-version"] == "2"

    alias = ask(weir, "POST", f"{FUNCTIONS}/made/aliases", {"Name": "live", "FunctionVersion": "1"})
    assert alias.status == 201 and "x-weir-generation" in alias.headers
    weights = {"RoutingConfig": {"AdditionalVersionWeights": {"2": 0.25}}}
    assert ask(weir, "PUT", f"{FUNCTIONS}/made/aliases/live", weights).status == 200
    versions = [weir.invoke("made", query="?Qualifier=live").headers["x-amz-executed-version"] for _ in range(40)]
    assert versions.count("2") == 10

    expect_error(
        ask(weir, "DELETE", f"{FUNCTIONS}/made?Qualifier=2"),
        409,
        "ResourceConflictException",
        {"message": "Unable to delete version because the following aliases reference it: [live]", "Type": "User"},
    )
    assert ask(weir, "DELETE", f"{FUNCTIONS}/made/aliases/live").status == 204
    assert ask(weir, "DELETE", f"{FUNCTIONS}/made?Qualifier=2").status == 204
    assert weir.invoke("made", query="?Qualifier=2").status == 404
    assert ask(weir, "DELETE", f"{FUNCTIONS}/made").status == 204
    assert weir.invoke("made").status == 404
    expect_error(
        ask(weir, "GET", f"{FUNCTIONS}/made"),
        404,
        "ResourceNotFoundException",
        {"Message": f"Function not found: {ARN}made", "Type": "User"},
    )


@pytest.mark.fast
def test_an_answer_without_content_has_no_length(weir):
    with Connection(weir.admin_port) as c:
        for _ in range(2):  # and the connection goes on
            c.send_request("DELETE", f"{FUNCTIONS}/hello/aliases/none", host=ADDRESS)
            answer = c.read_answer("DELETE")
            assert answer.status == 204 and "content-length" not in answer.headers and answer.body == b""


@pytest.mark.fast
def test_what_clients_send_as_content_type_does_not_matter(weir):
    body = json.dumps({"Description": "x"}).encode()
    for headers in ([], [("Content-Type", "application/json")], [("Content-Type", "binary/octet-stream")], [("Content-Type", "application/x-amz-json-1.1")]):
        assert weir.admin(f"{FUNCTIONS}/hello/aliases/live", "PUT", body, headers).status == 200
    for form in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        answer = weir.admin(f"{FUNCTIONS}/hello/aliases/live", "PUT", body, [("Content-Type", form)])
        assert answer.status == 415, answer


def test_bodies_have_lambdas_limit(weir):
    """A ZIP file is no code for weir, but its size is not what is wrong with it."""
    document = {"FunctionName": "zipped", "Role": ROLE, "Runtime": "python3.12", "Handler": "a.b", "Code": {"ZipFile": "A" * 2097152}}
    answer = ask(weir, "POST", FUNCTIONS, document)
    assert answer.status == 400 and answer.headers["x-amzn-errortype"] == "InvalidParameterValueException", answer
    text = "Request must be smaller than 70167211 bytes for the CreateFunction operation"
    with Connection(weir.admin_port) as c:
        c.send(f"POST {FUNCTIONS} HTTP/1.1\r\nHost: {ADDRESS}\r\nContent-Length: 70167212\r\n\r\n".encode())
        expect_error(c.read_answer(), 413, "RequestEntityTooLargeException", {"message": text, "Type": "User"})


@pytest.mark.fast
def test_operations_that_are_not_served_are_unknown(weir):
    for method, path in [
        ("GET", "/2015-03-31/event-source-mappings"),
        ("POST", f"{FUNCTIONS}/hello/policy"),
        ("GET", "/2018-10-31/layers"),
        ("PUT", "/2019-09-25/functions/hello/event-invoke-config"),
        ("GET", "/2020-04-22/code-signing-configs"),
        ("GET", "/2030-01-01/whatever"),
    ]:
        answer = ask(weir, method, path, {} if method != "GET" else None)
        assert answer.status == 404 and answer.headers["x-amzn-errortype"] == "UnknownOperationException", (path, answer)
    answer = ask(weir, "PATCH", f"{FUNCTIONS}/hello")
    assert answer.status == 405 and answer.headers["allow"] == "GET, HEAD, DELETE"


@pytest.mark.fast
def test_a_version_is_of_the_moment_at_which_it_was_published(weir):
    make(weir)
    first = ask(weir, "POST", f"{FUNCTIONS}/made/versions", {}).json()
    assert ask(weir, "POST", f"{FUNCTIONS}/made/versions", {}).json()["Version"] == "1"  # nothing has changed
    ask(weir, "PUT", f"{FUNCTIONS}/made/configuration", {"MemorySize": 512, "Timeout": 60})
    again = ask(weir, "GET", f"{FUNCTIONS}/made?Qualifier=1").json()["Configuration"]
    assert again["MemorySize"] == 128 and again["Timeout"] == 3 and again["RevisionId"] == first["RevisionId"]
    assert ask(weir, "POST", f"{FUNCTIONS}/made/versions", {}).json()["Version"] == "2"


@pytest.mark.fast
def test_functions_of_the_table_file_are_published_and_aliased_too(weir):
    published = ask(weir, "POST", f"{FUNCTIONS}/hello/versions", {})
    assert published.status == 201 and published.json()["Version"] == "3"
    assert ask(weir, "POST", f"{FUNCTIONS}/hello/aliases", {"Name": "next", "FunctionVersion": "3"}).status == 201
    assert weir.invoke("hello:next").headers["x-amz-executed-version"] == "3"
    weir.must_reload(weir.table_path.read_text())  # the file says nothing new
    assert weir.invoke("hello:next").headers["x-amz-executed-version"] == "3"


@pytest.mark.fast
def test_settings_stand_in_every_arn(world):
    weir = world.weir(tables.one(world.demo("1")), {"aws": {"region": "eu-central-1", "account_id": "123456789012"}})
    own = "arn:aws:lambda:eu-central-1:123456789012:function:hello"
    assert ask(weir, "GET", f"{FUNCTIONS}/{own}").json()["Configuration"]["FunctionArn"] == own
    expect_error(
        ask(weir, "GET", f"{FUNCTIONS}/{own.replace('eu-central-1', 'us-east-1')}"),
        404,
        "ResourceNotFoundException",
        {"Message": "Functions from 'us-east-1' are not reachable in this region ('eu-central-1')", "Type": "User"},
    )
    other = ask(weir, "GET", f"{FUNCTIONS}/{own.replace('123456789012', '000000000000')}")
    assert other.status == 403 and other.headers["x-amzn-errortype"] == "AccessDeniedException"


def test_a_timeout_of_the_api_ends_an_invocation(world, weir):
    gate = threading.Event()
    rie = Rie(lambda event, request: gate.wait(30) and event)
    make(weir, Timeout=1, Code={"ImageUri": "rie+" + world.fake(rie.serve).url})
    answer = weir.invoke("made")
    gate.set()
    assert (answer.status, answer.headers["x-amz-function-error"]) == (200, "Unhandled")
    assert answer.json()["errorType"] == "Sandbox.Timedout" and answer.json()["errorMessage"].endswith("Task timed out after 1.00 seconds")


@pytest.mark.fast
def test_the_host_of_a_url_config_is_served(weir):
    url = "/2021-10-31/functions/hello/url?Qualifier=live"
    made = ask(weir, "POST", url, {"AuthType": "NONE"})
    assert made.status == 201, made
    host = re.fullmatch(r"https://([a-z0-9]{32}\.lambda-url\.us-east-1\.on\.aws)/", made.json()["FunctionUrl"])[1]
    assert weir.call(target="/any/path?a=b", host=host).headers["x-amz-executed-version"] in ("1", "2")
    assert ask(weir, "GET", url).json() == {**made.json(), "LastModifiedTime": made.json()["CreationTime"]}
    assert ask(weir, "DELETE", url).status == 204
    expect_error(weir.call(host=host), 403, "AccessDeniedException", {"Message": None})
    assert ask(weir, "POST", url, {"AuthType": "NONE"}).json()["FunctionUrl"] == made.json()["FunctionUrl"]


def test_pages_stay_in_step_while_things_change(weir):
    for i in range(7):
        make(weir, f"f{i}")
    first = ask(weir, "GET", f"{FUNCTIONS}?MaxItems=3").json()
    assert [f["FunctionName"] for f in first["Functions"]] == ["f0", "f1", "f2"]
    ask(weir, "DELETE", f"{FUNCTIONS}/f2")
    ask(weir, "DELETE", f"{FUNCTIONS}/f4")
    make(weir, "f01")  # before the marker: not shown any more
    rest = ask(weir, "GET", f"{FUNCTIONS}?MaxItems=50&Marker={first['NextMarker']}").json()
    assert [f["FunctionName"] for f in rest["Functions"]] == ["f3", "f5", "f6", "hello"] and "NextMarker" not in rest


def add_often(port, path, rounds, step, trouble):
    """Adds step to version 2's share so many times, each time to what there is, as RevisionId tells."""
    connection = http.client.HTTPConnection(ADDRESS, port)

    def call(method, document=None):
        connection.request(method, path, document and json.dumps(document))
        answer = connection.getresponse()
        return answer.status, json.load(answer)

    try:
        while rounds:
            _, alias = call("GET")
            share = alias["RoutingConfig"]["AdditionalVersionWeights"]["2"] + step
            update = {"RoutingConfig": {"AdditionalVersionWeights": {"2": round(share, 9)}}, "RevisionId": alias["RevisionId"]}
            status, answer = call("PUT", update)
            assert status in (200, 412), (status, answer)
            rounds -= status == 200
    except BaseException as e:
        trouble.append(e)
    finally:
        connection.close()


@pytest.mark.slow
def test_a_thousand_updates_by_ten_writers_under_load_lose_nothing(world, weir):
    rounds, step, trouble = scaled(100, 10), 1e-6, []
    path = f"{FUNCTIONS}/hello/aliases/live"
    assert ask(weir, "PUT", path, {"RoutingConfig": {"AdditionalVersionWeights": {"2": 0}}}).status == 200
    writers = [threading.Thread(target=add_often, args=(weir.admin_port, path, rounds, step, trouble)) for _ in range(10)]
    load = world.load(weir, connections=16)
    for writer in writers:
        writer.start()
    result = load.run(2000)
    while any(writer.is_alive() for writer in writers):
        result = load.run(500)
    assert not trouble, trouble
    weights = ask(weir, "GET", path).json()["RoutingConfig"]["AdditionalVersionWeights"]
    assert weights == {"2": round(10 * rounds * step, 9)}
    assert result["failed"] == 0 and result["connects"] == 16 and set(result["statuses"]) == {"200"}, result
