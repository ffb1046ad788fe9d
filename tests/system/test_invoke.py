"""Lambda's Invoke address, and what weir answers by itself."""

import pytest
from harness import tables
from harness.waiting import wait_until

pytestmark = pytest.mark.fast

ARN = "arn:aws:lambda:us-east-1:000000000000:function:hello"
INVOKE = "/2015-03-31/functions/{}/invocations"


@pytest.fixture(scope="module")
def lambda_like(shared_world):
    """Function hello: $LATEST, 1 and 2 at base paths that name them; alias live is all of 2. Function bare has no $LATEST."""
    demos = {name: shared_world.demo(name) for name in ("$LATEST", "1", "2")}
    versions = {name: demo.url + "/base" for name, demo in demos.items()}
    weir = shared_world.weir(
        tables.table(
            {
                "hello": tables.function(versions, {"live": {"2": 100}, "1-x": {"1": 100}}),
                "bare": tables.function({"1": demos["1"].url}),
            },
            [tables.route("/hello", "hello", "live")],
        )
    )
    weir.demos = demos
    return weir


def error_type(answer):
    assert answer.complete and answer.headers["content-type"].startswith("application/json")
    assert answer.json()["message"] if "message" in answer.json() else answer.json()["Message"]
    return answer.headers["x-amzn-errortype"].split(":")[0]


@pytest.mark.parametrize(
    "name,query,version",
    [
        ("hello", "", "$LATEST"),
        ("hello:$LATEST", "", "$LATEST"),
        ("hello%3A%24LATEST", "", "$LATEST"),
        ("hello", "?Qualifier=%24LATEST", "$LATEST"),
        ("hello", "?Qualifier=$LATEST", "$LATEST"),
        ("hello:live", "", "2"),
        ("hello%3Alive", "", "2"),
        ("hello", "?Qualifier=live", "2"),
        ("hello:1-x", "", "1"),
        ("hello:1", "", "1"),
        ("hello", "?Qualifier=1", "1"),
        ("hello", "?a=b&Qualifier=1&c", "1"),
        ("hello:1", "?Qualifier=1", "1"),
        ("000000000000:function:hello", "", "$LATEST"),
        ("000000000000:function:hello:live", "", "2"),
        ("us-east-1:000000000000:function:hello:1", "", "1"),
        (ARN, "", "$LATEST"),
        (ARN + ":live", "", "2"),
        (ARN.replace(":", "%3A") + "%3A1", "", "1"),
        (ARN, "?Qualifier=live", "2"),
        (ARN + ":live", "?Qualifier=live", "2"),
        ("hell%6F", "", "$LATEST"),
    ],
)
def test_a_function_can_be_named_in_every_form(lambda_like, name, query, version):
    answer = lambda_like.invoke(name, query=query)
    assert answer.status == 200, answer
    assert answer.headers["x-amz-executed-version"] == version
    assert answer.json()["version"] == version


def test_the_body_goes_as_post_to_the_endpoints_own_path(lambda_like):
    answer = lambda_like.call(
        "POST", INVOKE.format("hello") + "?Qualifier=1", headers=[("X-Amz-Client-Context", "e30="), ("X-Demo", "body")], body=b'{"a":1}'
    )
    seen = answer.json()
    assert (seen["method"], seen["target"], seen["body"]) == ("POST", "/base", '{"a":1}')
    assert ["X-Amz-Client-Context", "e30="] in seen["headers"]


@pytest.mark.parametrize("body", [b"", b"null", [b'{"a":', b"1}"], b"x" * 100000])
def test_any_body_is_passed_on(lambda_like, body):
    answer = lambda_like.invoke("hello:1", body=body)
    expected = b"".join(body) if isinstance(body, list) else body
    assert answer.json()["body_bytes"] == len(expected)


def test_a_content_type_is_neither_needed_nor_refused(lambda_like):
    answer = lambda_like.invoke("hello:1", headers=[("Content-Type", "binary/octet-stream")])
    assert ["Content-Type", "binary/octet-stream"] in answer.json()["headers"]


@pytest.mark.parametrize(
    "name,query",
    [
        ("nobody", ""),
        ("hello:nothing", ""),
        ("hello:77", ""),
        ("hello", "?Qualifier=nothing"),
        ("bare", ""),
        (ARN.replace("hello", "nobody"), ""),
    ],
)
def test_what_does_not_exist_is_not_found(lambda_like, name, query):
    answer = lambda_like.invoke(name, query=query)
    assert answer.status == 404 and error_type(answer) == "ResourceNotFoundException"


@pytest.mark.parametrize(
    "name,query",
    [
        ("hello!", ""),
        ("hello:a:b", ""),
        ("hello:$LATES", ""),
        ("hello:", ""),
        (":live", ""),
        ("*", ""),
        ("hello", "?Qualifier=a%20b"),
        ("hello", "?Qualifier=" + "a" * 129),
        ("arn:aws:s3:us-east-1:000000000000:function:hello", ""),
        ("arn:aws:lambda:function:hello", ""),
        ("a%00b", ""),
    ],
)
def test_a_malformed_name_or_qualifier_is_a_validation_error(lambda_like, name, query):
    answer = lambda_like.invoke(name, query=query)
    assert answer.status == 400 and error_type(answer) == "ValidationException"


def test_two_different_qualifiers_contradict_each_other(lambda_like):
    answer = lambda_like.invoke("hello:1", query="?Qualifier=2")
    assert answer.status == 400 and error_type(answer) == "InvalidParameterValueException"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
def test_an_invocation_is_a_post(lambda_like, method):
    answer = lambda_like.call(method, INVOKE.format("hello"))
    assert answer.status == 405


def test_a_refused_invocation_reaches_no_endpoint_and_the_connection_goes_on(lambda_like):
    before = sum(d.count()["requests"] for d in lambda_like.demos.values())
    with lambda_like.connect() as c:
        for _ in range(3):
            c.send_request("POST", INVOKE.format("nobody"), body=b"x" * 1000)
            assert c.read_answer().status == 404
        c.send_request("POST", INVOKE.format("hello:1"), body=b"{}")
        assert c.read_answer().status == 200
    assert sum(d.count()["requests"] for d in lambda_like.demos.values()) == before + 1


# ---- Invocation types ----

TYPE = "X-Amz-Invocation-Type"


def runs_and_picks(weir):
    picks = sum(value for _, value in weir.metrics().find("weir_invocations_total"))
    return sum(demo.count()["requests"] for demo in weir.demos.values()), picks


@pytest.mark.parametrize("field", [TYPE, TYPE.lower(), TYPE.upper()])
@pytest.mark.parametrize("query", ["", "?Qualifier=live", "?Qualifier=1"])
def test_a_dry_run_is_answered_without_running(lambda_like, field, query):
    """localstack/localstack#823, getmoto/moto#1779: the caller asked whether it may, not for a run."""
    before = runs_and_picks(lambda_like)
    with lambda_like.connect() as c:
        for _ in range(3):
            c.send_request("POST", INVOKE.format("hello") + query, [(field, "DryRun")], b"{}")
            answer = c.read_answer()
            assert answer.status == 204 and answer.body == b"" and answer.complete
            for name in ("content-length", "content-type", "x-amz-executed-version", "x-amzn-errortype"):
                assert name not in answer.headers, name
            assert answer.headers["x-amzn-requestid"]
    assert runs_and_picks(lambda_like) == before
    own = answer.headers["x-amzn-requestid"]
    wait_until(lambda: any(line["request_id"] == own for line in lambda_like.access_log()), "the line is written")
    (line,) = [line for line in lambda_like.access_log() if line["request_id"] == own]
    assert line["outcome"] == "dry_run" and line["status"] == 204 and line["function"] == "hello" and "version" not in line


@pytest.mark.parametrize("name,query", [("nobody", ""), ("hello", "?Qualifier=nope"), ("bare", ""), ("hello", "?Qualifier=3")])
@pytest.mark.parametrize("kind", ["DryRun", "Event"])
def test_the_address_is_checked_before_the_type_counts(lambda_like, name, query, kind):
    answer = lambda_like.invoke(name, query=query, headers=[(TYPE, kind)])
    assert answer.status == 404 and error_type(answer) == "ResourceNotFoundException"


@pytest.mark.parametrize("kind", ["Nonsense", "dryrun", "REQUESTRESPONSE", "DryRun, Event", 'a"b\\c', "x" * 300])
def test_an_unknown_type_is_a_validation_error(lambda_like, kind):
    before = runs_and_picks(lambda_like)
    answer = lambda_like.invoke("hello", headers=[(TYPE, kind)])
    assert answer.status == 400 and error_type(answer) == "ValidationException"
    assert answer.json() == {
        "message": f"1 validation error detected: Value '{kind[:128]}' at 'invocationType' failed to satisfy constraint: "
        "Member must satisfy enum value set: [Event, RequestResponse, DryRun]"
    }
    assert runs_and_picks(lambda_like) == before


def test_an_event_is_refused_and_does_not_run(lambda_like):
    before = runs_and_picks(lambda_like)
    answer = lambda_like.invoke("hello", headers=[(TYPE, "Event")])
    assert answer.status == 400 and error_type(answer) == "InvalidParameterValueException"
    assert answer.json()["Type"] == "User" and "Event" in answer.json()["message"]
    assert runs_and_picks(lambda_like) == before


def test_of_several_types_each_must_be_right_and_none_runs_what_must_not_run(lambda_like):
    before = runs_and_picks(lambda_like)
    for kinds, status in (
        (["RequestResponse", "DryRun"], 204),
        (["DryRun", "RequestResponse"], 204),
        (["DryRun", "Event"], 204),
        (["Event", "RequestResponse"], 400),
        (["DryRun", "x"], 400),
    ):
        assert lambda_like.invoke("hello", headers=[(TYPE, kind) for kind in kinds]).status == status, kinds
    assert runs_and_picks(lambda_like) == before


@pytest.mark.parametrize("kind", ["RequestResponse", ""])
def test_a_plain_invocation_runs_with_its_type(lambda_like, kind):
    answer = lambda_like.invoke("hello", headers=[(TYPE, kind)])
    assert answer.status == 200 and answer.headers["x-amz-executed-version"] == "$LATEST"


def test_the_type_means_nothing_on_a_route(lambda_like):
    for kind in ("DryRun", "Event", "Nonsense"):
        answer = lambda_like.call("POST", "/hello", headers=[(TYPE, kind)], body=b"{}")
        assert answer.status == 200 and [TYPE, kind] in answer.json()["headers"]


@pytest.mark.parametrize("target", ["/", "/metrics", "/healthz", "/readyz", "/table", "/reload", "/hell", "/helloo"])
def test_a_data_listener_serves_nothing_but_invocations_and_routes(lambda_like, target):
    for method in ("GET", "POST"):
        answer = lambda_like.call(method, target, body=b"" if method == "POST" else None)
        assert answer.status == 404 and error_type(answer) == "ResourceNotFoundException"
        assert "x-amz-executed-version" not in answer.headers


def test_an_error_answers_head_without_a_body(lambda_like):
    with lambda_like.connect() as c:
        c.send_request("HEAD", "/nowhere")
        assert c.read_answer("HEAD").status == 404
        c.send_request(target="/hello")
        assert c.read_answer().status == 200


def test_an_error_is_plain_http_1_0_for_an_http_1_0_client(lambda_like):
    answer = lambda_like.call(target="/nowhere", version="1.0")
    assert answer.status == 404 and answer.framing == "length"
