"""Function URLs: HTTP for functions that know none. Requests become events of payload format 2.0, answers become responses;
stages of a gateway choose aliases; pages of other origins may do what the URL's configuration says."""

import base64
import json
import re
import threading
from collections import Counter

import pytest
from harness import tables
from harness.certificates import Authority
from harness.places import ADDRESS, ROOT
from harness.rie import Exit, Rie, TimedOut
from harness.tls_weir import TlsWeir
from harness.waiting import wait_until

pytestmark = pytest.mark.fast


def start(world, run=lambda event, request: event, settings=None, workers=2, version=None, **route):
    """weir with function hello of kind rie behind a route with a function URL; run's result is the answer."""
    rie = Rie(run)
    fake = world.fake(rie.serve)
    weir = world.weir(
        tables.table(
            {"hello": tables.function({"1": {"kind": "rie", **tables.endpoints(fake), **(version or {})}}, {"live": {"1": 100}})},
            [tables.route(qualifier="live", function_url=True, **route)],
        ),
        settings,
        workers=workers,
    )
    return rie, weir


def answers(result):
    return lambda event, request: result


# ---- Events


def test_a_request_becomes_an_event(world):
    rie, weir = start(world)
    answer = weir.call(
        "PUT",
        "/a/b%20c?x=1&y=%C3%A9&x=2&z",
        host="shop.example.com:8080",
        headers=[
            ("X-Twice", "one"),
            ("x-twice", "two"),
            ("Cookie", "a=1; b=2"),
            ("User-Agent", "probe/1"),
            ("Content-Type", "text/plain"),
            ("X-Amzn-Trace-Id", "Root=1-2-3"),
            ("X-Forwarded-For", "6.6.6.6"),
            ("Connection", "x-hop"),
            ("X-Hop", "gone"),
        ],
        body="grüße".encode(),
    )
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-amz-executed-version"] == "1"
    event = answer.json()
    context = event.pop("requestContext")
    assert event == {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": "/a/b%20c",
        "rawQueryString": "x=1&y=%C3%A9&x=2&z",
        "cookies": ["a=1", "b=2"],
        "headers": {
            "host": "shop.example.com:8080",
            "x-twice": "one,two",
            "user-agent": "probe/1",
            "content-type": "text/plain",
            "content-length": "7",
            "x-amzn-trace-id": "Root=1-2-3",
            "x-forwarded-for": ADDRESS,
            "x-forwarded-port": str(weir.port),
            "x-forwarded-proto": "http",
        },
        "queryStringParameters": {"x": "1,2", "y": "é", "z": ""},
        "body": "grüße",
        "isBase64Encoded": False,
    }
    assert isinstance(context.pop("timeEpoch"), int)
    assert context.pop("time").endswith(" +0000")
    assert context.pop("requestId") == answer.headers["x-amzn-requestid"]
    assert context == {
        "accountId": "anonymous",
        "apiId": "shop",
        "domainName": "shop.example.com",
        "domainPrefix": "shop",
        "http": {"method": "PUT", "path": "/a/b%20c", "protocol": "HTTP/1.1", "sourceIp": ADDRESS, "userAgent": "probe/1"},
        "routeKey": "$default",
        "stage": "$default",
    }
    (request,) = rie.invocations
    assert request.method == "POST"
    assert request.headers["x-amzn-trace-id"] == "Root=1-2-3"
    assert "cookie" not in request.headers and "content-type" not in request.headers


@pytest.mark.parametrize(
    "body,content_type,text",
    [
        (b"\x00\xff", "application/octet-stream", None),
        (b"a=b&c=d", "application/x-www-form-urlencoded", None),
        (b'{"a":1}', "application/json", '{"a":1}'),
        (b"\xff", "text/plain", None),
        (b"plain", None, None),
    ],
)
def test_a_body_that_is_no_text_comes_in_base64(world, body, content_type, text):
    _, weir = start(world)
    event = weir.call("POST", "/", headers=[("Content-Type", content_type)] if content_type else [], body=body).json()
    assert event["isBase64Encoded"] == (text is None)
    assert event["body"] == (base64.b64encode(body).decode() if text is None else text)


def test_a_body_may_come_in_chunks_and_after_a_leave_to_continue(world):
    _, weir = start(world)
    event = weir.call("POST", "/", headers=[("Content-Type", "text/plain")], body=[b"one ", b"two"]).json()
    assert event["body"] == "one two"
    with weir.connect() as c:
        c.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert c.read_head().status == 100
        c.send(b"ok")
        event = c.read_answer("POST").json()
    assert event["body"] == "ok"


def test_a_prefix_that_is_stripped_is_not_in_the_events_path(world):
    _, weir = start(world, path="/shop", strip_prefix=True)
    assert weir.call("GET", "/shop/cart?a=b").json()["rawPath"] == "/cart"


def test_headers_that_only_weir_may_send_to_an_emulator_are_not_passed(world):
    rie, weir = start(world)
    event = weir.call("POST", "/", headers=[("X-Amz-Client-Context", "!!"), ("X-Amz-Invocation-Type", "Event"), ("Authorization", "Bearer x")], body=b"1").json()
    assert event["headers"]["x-amz-client-context"] == "!!"
    assert event["headers"]["authorization"] == "Bearer x"
    assert [h for h in ("x-amz-client-context", "x-amz-invocation-type", "authorization") if h in rie.invocations[0].headers] == []


def test_a_trusted_proxy_has_the_first_word(world):
    _, weir = start(world, settings={"forwarded": {"trust": True}})
    event = weir.call("GET", "/", headers=[("X-Forwarded-For", "198.51.100.7"), ("X-Forwarded-Proto", "https")]).json()
    assert event["requestContext"]["http"]["sourceIp"] == "198.51.100.7"
    headers = event["headers"]
    assert headers["x-forwarded-for"] == f"198.51.100.7,{ADDRESS}"
    assert headers["x-forwarded-proto"] == "https"


def test_tls_is_described(world, tmp_path):
    authority = Authority(tmp_path)
    pair = authority.issue("shop", ["DNS:shop.test"])
    fake = world.fake(Rie(lambda event, request: event["headers"]).serve)
    tls = TlsWeir(world, fake, pair, authority)
    tls.weir.must_reload(
        tables.table({"hello": tables.function({"1": {"kind": "rie", **tables.endpoints(fake)}})}, [tables.route(qualifier="1", function_url=True)])
    )
    headers = tls.call().json()
    assert headers["x-forwarded-proto"] == "https"
    assert headers["x-amzn-tls-version"] == "TLSv1.3"
    assert headers["x-amzn-tls-cipher-suite"].startswith("TLS_")


# ---- Answers


def test_a_response_is_what_the_function_says(world):
    _, weir = start(
        world,
        answers(
            {
                "statusCode": 201,
                "headers": {"X-Number": 1, "X-True": True, "Content-Type": "image/png", "Content-Length": "99", "Connection": "close"},
                "multiValueHeaders": {"X-Many": ["a", "b"]},
                "cookies": ["a=1; Path=/", "b=2"],
                "body": base64.b64encode(b"\x00\xff").decode(),
                "isBase64Encoded": True,
            }
        ),
    )
    with weir.connect() as c:
        for _ in range(2):  # the connection stays
            c.send_request("GET", "/")
            answer = c.read_answer("GET")
            assert (answer.status, answer.body) == (201, b"\x00\xff")
            assert answer.headers["content-type"] == "image/png"
            assert (answer.headers["x-number"], answer.headers["x-true"]) == ("1", "true")
            assert answer.headers.all("x-many") == ["a", "b"]
            assert answer.headers.all("set-cookie") == ["a=1; Path=/", "b=2"]
            assert answer.headers["content-length"] == "2"


@pytest.mark.parametrize(
    "result,body",
    [("text", b"text"), ({"a": 1}, b'{"a": 1}'), ([1, 2], b"[1, 2]"), (12, b"12"), (None, b"null"), ({"body": "x"}, b'{"body": "x"}'), (b"no json", b"no json")],
)
def test_anything_else_is_the_body(world, result, body):
    _, weir = start(world, answers(result))
    answer = weir.call()
    assert (answer.status, answer.headers["content-type"], answer.body) == (200, "application/json", body)


@pytest.mark.parametrize(
    "result",
    [
        {"statusCode": 99},
        {"statusCode": "x"},
        {"statusCode": 200, "headers": {"a": "b\r\nc: d"}},
        {"statusCode": 200, "headers": {"a b": "c"}},
        {"statusCode": 200, "body": "*", "isBase64Encoded": True},
        {"statusCode": 200, "cookies": "a=b"},
        {"statusCode": 200, "headers": {f"x-{i}": "y" for i in range(1000)}},
    ],
)
def test_an_answer_that_is_no_response_is_an_internal_server_error(world, result):
    _, weir = start(world, answers(result), version={"ejection": {"consecutive_errors": 1}})
    for _ in range(3):  # the endpoint is well, whatever the function says
        answer = weir.call()
        assert (answer.status, answer.body) == (502, b"Internal Server Error")
        assert answer.headers["content-type"] == "text/plain"


def test_a_function_that_fails_is_an_internal_server_error(world):
    def run(event, request):
        raise {"/throw": ValueError("no"), "/exit": Exit(), "/slow": TimedOut(3)}[event["rawPath"]]

    _, weir = start(world, run)
    for path in ("/throw", "/exit", "/slow"):
        answer = weir.call("GET", path)
        assert (answer.status, answer.headers["content-type"], answer.body) == (502, "text/plain", b"Internal Server Error")


def test_a_function_that_runs_longer_than_its_timeout_is_an_internal_server_error(world):
    done = threading.Event()
    _, weir = start(world, lambda event, request: done.wait(30), version={"timeout_ms": 100})
    answer = weir.call()
    assert (answer.status, answer.body) == (502, b"Internal Server Error")
    done.set()


def test_head_and_statuses_without_a_body(world):
    def run(event, request):
        status = int(event["rawPath"][1:])
        return {"statusCode": status, "headers": {"x-method": event["requestContext"]["http"]["method"]}, "body": "body"}

    _, weir = start(world, run)
    with weir.connect() as c:
        for method, path, body in (("HEAD", "/200", b""), ("GET", "/204", b""), ("GET", "/304", b""), ("HEAD", "/404", b""), ("GET", "/200", b"body")):
            c.send_request(method, path)
            answer = c.read_answer(method)
            assert (answer.status, answer.body, answer.headers["x-method"]) == (int(path[1:]), body, method)
    assert weir.call("OPTIONS", "/200", headers=[("Origin", "https://a.test")]).headers["x-method"] == "OPTIONS"


def test_a_large_body_goes_both_ways(world):
    def run(event, request):
        return {"statusCode": 200, "isBase64Encoded": True, "body": event["body"], "headers": {"content-type": "a/b"}}

    _, weir = start(world, run)
    body = bytes(range(256)) * 12000
    answer = weir.call("POST", "/", body=body)
    assert (answer.status, answer.body == body) == (200, True)


def test_an_event_over_the_limit_is_refused(world):
    rie, weir = start(world, settings={"limits": {"invoke_body_bytes": 2000}})
    answer = weir.call("POST", "/", body=b"x" * 1800)  # fits, but its base64 does not
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (413, "RequestEntityTooLargeException")
    assert weir.call("POST", "/", body=b"x" * 2001).status == 413
    assert weir.call("POST", "/", body=b"x").status == 200
    assert len(rie.invocations) == 1


def test_clients_of_http_10_are_served(world):
    _, weir = start(world, answers({"statusCode": 200, "body": "old"}))
    answer = weir.call("GET", "/", version="1.0")
    assert (answer.status, answer.body) == (200, b"old")


def test_a_client_that_leaves_while_the_function_runs(world):
    began, go_on = threading.Event(), threading.Event()

    def run(event, request):
        if event["rawPath"] == "/slow":
            began.set()
            go_on.wait(30)
        return event["rawPath"]

    rie, weir = start(world, run)
    with weir.connect() as c:
        c.send_request("GET", "/slow")
        assert began.wait(30)
    go_on.set()
    assert weir.call("GET", "/next").body == b"/next"
    assert not rie.has_died


def test_a_client_that_leaves_within_its_body(world):
    rie, weir = start(world)
    with weir.connect() as c:
        c.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nsome")
        wait_until(lambda: weir.metrics().value("weir_client_connections") >= 1, "weir has the connection")
    assert weir.call("GET", "/").status == 200
    assert len(rie.invocations) == 1


def test_a_slow_client_gets_all_of_a_large_answer(world):
    body = "x" * 3000000
    _, weir = start(world, answers({"statusCode": 200, "body": body}))
    with weir.connect(receive_buffer=4096) as c:
        c.send_request("GET", "/")
        assert c.read_answer("GET").body == body.encode()


def test_the_log_has_the_clients_request(world):
    _, weir = start(world)
    weir.call("DELETE", "/a?b=c", headers=[("User-Agent", "probe/1")])
    weir.wait_for_log(1)
    (entry,) = weir.access_log()
    assert (entry["method"], entry["target"], entry["status"], entry["function"], entry["version"]) == ("DELETE", "/a?b=c", 200, "hello", "1")
    assert entry["user_agent"] == "probe/1"


# ---- Kinds


def test_a_version_of_kind_http_gets_the_request_as_it_is(world):
    fake = world.fake()
    weir = world.weir(tables.table({"hello": tables.function({"1": fake})}, [tables.route("/f", qualifier="1", function_url=True)]))
    assert weir.call("PUT", "/f/x?y=z", headers=[("X-A", "b")], body=b"as it is").body == b"ok"
    (request,) = fake.requests
    assert (request.method, request.target, request.headers["x-a"]) == ("PUT", "/f/x?y=z", "b")


def test_kinds_may_be_mixed_in_an_alias_and_the_split_is_exact(world):
    rie = world.fake(Rie(answers({"statusCode": 200, "body": "rie"})).serve)

    def echo(c):
        while (request := c.read_request()) is not None:
            text = f"{request.method} {request.target} ".encode() + request.body
            c.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text))

    http = world.fake(echo)
    weir = world.weir(
        tables.table(
            {"hello": tables.function({"1": {"kind": "rie", **tables.endpoints(rie)}, "2": http}, {"live": {"1": 90, "2": 10}})},
            [tables.route(qualifier="live", function_url=True)],
        )
    )
    seen = Counter()
    for i in range(100):
        answer = weir.call("POST", f"/{i}?q", body=b"body")
        version = answer.headers["x-amz-executed-version"]
        seen[version] += 1
        assert answer.body == (b"rie" if version == "1" else f"POST /{i}?q body".encode())
    assert seen == {"1": 90, "2": 10}


def test_a_version_of_kind_lambda_answers_as_the_function_did(world):
    def lambda_(c):
        while (request := c.read_request()) is not None:
            event = json.loads(request.body)
            path = event["rawPath"]
            fields, status, body = b"", 200, json.dumps({"statusCode": 203, "body": request.target}).encode()
            if path == "/throw":
                fields, body = b"X-Amz-Function-Error: Unhandled\r\n", b'{"errorMessage":"no"}'
            elif path == "/throttle":
                status = 429
            c.send(b"HTTP/1.1 %d X\r\n%sContent-Length: %d\r\n\r\n%s" % (status, fields, len(body), body))

    fake = world.fake(lambda_)
    weir = world.weir(tables.table({"hello": tables.function({"1": {"kind": "lambda", **tables.endpoints(fake)}})}, [tables.route(qualifier="1", function_url=True)]))
    answer = weir.call()
    assert (answer.status, answer.body) == (203, b"/2015-03-31/functions/hello/invocations?Qualifier=1")
    assert weir.call("GET", "/throw").status == 502
    assert weir.call("GET", "/throttle").status == 429


# ---- Stages


def test_stages_lead_to_aliases_by_their_variables(world):
    """Walk-through 2: DEV is $LATEST, TEST is 2, PROD is 1 and then 95/5; nothing at the gateway changes."""

    def stage(name, alias):
        return tables.route(f"/{name}", qualifier="${stageVariables.alias}", function_url=True, stage_variables={"alias": alias})

    def table(prod):
        fakes = {v: world.fake(Rie(lambda event, request, v=v: {"statusCode": 200, "body": json.dumps([v, event["stageVariables"]])}).serve) for v in ("$LATEST", "1", "2")}
        versions = {v: {"kind": "rie", **tables.endpoints(fake)} for v, fake in fakes.items()}
        aliases = {"DEV": {"$LATEST": 100}, "TEST": {"2": 100}, "PROD": prod}
        return tables.table({"hello": tables.function(versions, aliases)}, [stage("development", "DEV"), stage("test", "TEST"), stage("production", "PROD")])

    document = table({"1": 100})
    weir = world.weir(document)
    for path, version, alias in (("/development", "$LATEST", "DEV"), ("/test", "2", "TEST"), ("/production", "1", "PROD")):
        assert weir.call("GET", path).json() == [version, {"alias": alias}]
    document["functions"]["hello"]["aliases"]["PROD"] = {"weights": {"1": 95, "2": 5}}
    weir.must_reload(document)
    assert Counter(weir.call("GET", "/production").json()[0] for _ in range(100)) == {"1": 95, "2": 5}
    assert weir.admin("/table").json()["routes"][2]["qualifier"] == "${stageVariables.alias}"


@pytest.mark.parametrize("route,name", [({"stage": "prod"}, "prod"), ({"stage_variables": {"a": "b"}}, "$default"), ({"stage": "v-1_x", "stage_variables": {"a": "b"}}, "v-1_x")])
def test_a_stage_has_its_name_and_fails_as_a_gateway_does(world, route, name):
    def run(event, request):
        match event["rawPath"]:
            case "/throw":
                raise ValueError("no")
            case "/bad":
                return {"statusCode": 99}
            case "/exit":
                raise Exit
            case "/slow":
                raise TimedOut(1)
        return [event["requestContext"]["stage"], event.get("stageVariables")]

    rie, weir = start(world, run, **route)
    assert weir.call().json() == [name, route.get("stage_variables")]
    for path in ("/throw", "/bad", "/exit", "/slow"):
        answer = weir.call("GET", path)
        assert (answer.status, answer.headers["content-type"], answer.body) == (502, "application/json", b'{"message":"Internal server error"}'), path
    assert weir.admin("/table").json()["routes"][0].get("stage") == route.get("stage")


def test_a_stage_whose_function_runs_too_long(world):
    gate = threading.Event()

    def serve(c):
        c.read_request()
        gate.wait(20)

    fake = world.fake(serve)
    stages = {"/function": {"timeout_ms": 200}, "/gateway": {"timeouts": {"response_head_ms": 200}}}
    weir = world.weir(
        tables.table(
            {name[1:]: tables.function({"1": {"kind": "lambda", **tables.endpoints(fake), **limit}}) for name, limit in stages.items()},
            [tables.route(name, name[1:], "1", function_url=True, stage="prod") for name in stages],
        )
    )
    answer = weir.call("GET", "/function")
    assert (answer.status, answer.body) == (502, b'{"message":"Internal server error"}')
    assert weir.call("GET", "/gateway").status == 504
    gate.set()


# ---- CORS

CORS = {
    "AllowOrigins": ["https://a.test"],
    "AllowMethods": ["GET"],
    "AllowHeaders": ["x-a"],
    "ExposeHeaders": ["x-b"],
    "AllowCredentials": True,
    "MaxAge": 60,
}


def cors_of(answer):
    return {n.lower(): v for n, v in answer.headers.pairs if n.lower().startswith("access-control-") or n.lower() == "vary"}


def test_a_preflight_is_answered_without_the_function(world):
    rie, weir = start(world, cors=CORS)
    ask = [("Origin", "https://a.test"), ("Access-Control-Request-Method", "GET"), ("Access-Control-Request-Headers", "x-a")]
    answer = weir.call("OPTIONS", "/x", headers=ask)
    assert (answer.status, answer.body) == (200, b"")
    assert cors_of(answer) == {
        "vary": "Origin",
        "access-control-allow-origin": "https://a.test",
        "access-control-allow-credentials": "true",
        "access-control-allow-methods": "GET",
        "access-control-allow-headers": "x-a",
        "access-control-max-age": "60",
    }
    assert cors_of(weir.call("OPTIONS", "/x", headers=[("Origin", "https://b.test"), *ask[1:]])) == {"vary": "Origin"}
    assert rie.invocations == []
    assert weir.call("OPTIONS", "/x", headers=[("Origin", "https://a.test")]).status == 200
    assert len(rie.invocations) == 1


@pytest.mark.parametrize("kind", ["rie", "http"])
def test_responses_say_what_the_configuration_says_and_not_what_the_function_says(world, kind):
    own = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "x-own", "X-B": "c"}
    if kind == "rie":
        fake = world.fake(Rie(answers({"statusCode": 200, "headers": own, "body": "x"})).serve)
    else:
        lines = "".join(f"{n}: {v}\r\n" for n, v in own.items())

        def serve(c):
            while c.read_request() is not None:
                c.send(f"HTTP/1.1 200 OK\r\n{lines}Content-Length: 1\r\n\r\nx".encode())

        fake = world.fake(serve)
    weir = world.weir(
        tables.table({"hello": tables.function({"1": {"kind": kind, **tables.endpoints(fake)}})}, [tables.route(qualifier="1", function_url=True, cors=CORS)])
    )
    answer = weir.call("GET", "/", headers=[("Origin", "https://a.test")])
    assert (answer.status, answer.body, answer.headers["x-b"]) == (200, b"x", "c")
    assert cors_of(answer) == {
        "vary": "Origin",
        "access-control-allow-origin": "https://a.test",
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": "x-b",
    }
    assert cors_of(weir.call("GET", "/", headers=[("Origin", "https://evil.test")])) == {"vary": "Origin"}
    assert cors_of(weir.call("GET", "/")) == {"vary": "Origin"}


# ---- URL configs


def urls(world, run=lambda event, request: event, settings=None):
    """weir with function hello of kind rie, an alias live, and no route at all."""
    rie = Rie(run)
    version = {"kind": "rie", **tables.endpoints(world.fake(rie.serve))}
    weir = world.weir(tables.table({"hello": tables.function({"$LATEST": version, "1": version}, {"live": {"1": 100}})}), settings)
    return rie, weir


def config(weir, method, qualifier=None, **body):
    target = "/2021-10-31/functions/hello/url" + (f"?Qualifier={qualifier}" if qualifier else "")
    answer = weir.admin(target, method, json.dumps(body).encode() if body else None, [("Content-Type", "application/json")] if body else [])
    assert answer.status in (200, 201, 204), answer.body
    return answer.json()["FunctionUrl"].split("/")[2] if answer.body else None


def test_a_url_config_is_served_by_its_host_as_long_as_it_is_there(world):
    _, weir = urls(world)
    live = config(weir, "POST", "live", AuthType="NONE")
    latest = config(weir, "POST", AuthType="NONE")
    assert live != latest
    for host, version in ((live, "1"), (latest, "$LATEST"), (live.upper(), "1"), (f"{live}:8443", "1")):
        answer = weir.call("GET", "/2015-03-31/functions/hello/invocations?x=1", host=host)
        assert (answer.status, answer.headers["x-amz-executed-version"]) == (200, version)
        context = answer.json()["requestContext"]
        assert context["apiId"] == context["domainPrefix"].lower() == (live if version == "1" else latest).split(".")[0]
    config(weir, "DELETE", "live")
    answer = weir.call("GET", "/", host=live)
    assert (answer.status, answer.headers["x-amzn-errortype"], answer.json()) == (403, "AccessDeniedException", {"Message": None})
    assert weir.call("GET", "/", host=latest).status == 200
    assert config(weir, "POST", "live", AuthType="NONE") == live
    assert weir.call("GET", "/", host=live).status == 200


def test_an_alias_that_is_deleted_takes_its_url_with_it(world):
    _, weir = urls(world)
    live, latest = config(weir, "POST", "live", AuthType="NONE"), config(weir, "POST", AuthType="NONE")
    assert weir.admin("/2015-03-31/functions/hello/aliases/live", "DELETE").status == 204
    answer = weir.call("GET", "/", host=live)
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (403, "AccessDeniedException")
    assert weir.call("GET", "/", host=latest).status == 200


def test_hosts_that_are_no_url_of_this_region_are_ordinary_ones(world):
    _, weir = urls(world)
    live = config(weir, "POST", "live", AuthType="NONE")
    assert weir.call("GET", "/", host="0" * 32 + live[32:]).json() == {"Message": None}
    for host in (live.replace("us-east-1", "eu-west-1"), "x" + live, live[1:]):
        assert weir.call("GET", "/", host=host).status == 404
    assert weir.call("POST", "/2015-03-31/functions/hello/invocations", host="weir.test", body=b"1").status == 200


def test_a_url_configs_cors_and_invoke_mode_are_in_force(world):
    _, weir = urls(world, answers({"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "x"}}))
    live = config(weir, "POST", "live", AuthType="NONE", InvokeMode="RESPONSE_STREAM", Cors=CORS)
    ask = [("Origin", "https://a.test"), ("Access-Control-Request-Method", "GET")]
    assert weir.call("OPTIONS", "/", headers=ask, host=live).headers["access-control-allow-methods"] == "GET"
    assert weir.call("GET", "/", headers=ask[:1], host=live).headers["access-control-allow-origin"] == "https://a.test"
    config(weir, "PUT", "live", Cors={"AllowOrigins": ["*"]})
    assert weir.call("GET", "/", headers=ask[:1], host=live).headers["access-control-allow-origin"] == "*"


# ---- Signed requests

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"


def signed(host, method="GET", path="/", body=b"", key="AKIDWEIR", secret=SECRET, payload=None):
    """The fields of a signed request."""
    auth = pytest.importorskip("botocore.auth")
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    headers = {"Host": host, **({"X-Amz-Content-SHA256": payload} if payload else {})}
    request = AWSRequest(method, f"http://{host}{path}", headers=headers, data=body)
    auth.SigV4Auth(Credentials(key, secret), "lambda", "us-east-1").add_auth(request)
    return [(n, v) for n, v in request.headers.items() if n.lower() != "host"]


@pytest.fixture
def keys(tmp_path):
    """Settings with two keys: one that may invoke hello, one that may not."""
    path = tmp_path / "keys.json"
    keys = [
        {"access_key_id": name, "secret_access_key": SECRET, "allow": ["invoke", "read", "write"], "functions": [functions]}
        for name, functions in (("AKIDWEIR", "*"), ("AKIDOTHER", "other"))
    ]
    path.write_text(json.dumps({"keys": keys}))
    path.chmod(0o600)
    return {"aws": {"credentials_file": str(path)}}


FORBIDDEN = "Forbidden. For troubleshooting Function URL authorization issues, see: https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"


@pytest.mark.parametrize("kind", ["rie", "http"])
def test_a_route_with_aws_iam_serves_signed_requests_alone(world, keys, kind):
    rie = Rie()

    def echo(c):
        while (request := c.read_request()) is not None:
            c.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(request.body), request.body))

    fake = world.fake(rie.serve if kind == "rie" else echo)
    weir = world.weir(
        tables.table(
            {"hello": tables.function({"1": {"kind": kind, **tables.endpoints(fake)}})},
            [tables.route(qualifier="1", function_url=True, authorization="aws_iam")],
        ),
        keys,
    )
    host = f"{ADDRESS}:{weir.port}"

    def ask(fields, body=b"body", method="PUT", target="/a%20b?c=d"):
        return weir.call(method, target, headers=fields, body=body, host=host)

    good = signed(host, "PUT", "/a%20b?c=d", b"body")
    answer = ask(good)
    assert answer.status == 200
    if kind == "rie":
        event = answer.json()["event"]
        assert event["body"] == base64.b64encode(b"body").decode()
        assert event["requestContext"]["accountId"] == "000000000000"
        assert event["requestContext"]["authorizer"]["iam"]["accessKey"] == "AKIDWEIR"
        assert "authorization" not in event["headers"]
    else:
        assert answer.body == b"body"
    assert ask(good, [b"bo", b"dy"]).status == 200  # in chunks
    for fields in ([], signed(host, "PUT", "/a%20b?c=d", b"body", key="AKIDOTHER")):
        answer = ask(fields)
        assert (answer.status, answer.headers["x-amzn-errortype"], answer.json()) == (403, "AccessDeniedException", {"Message": FORBIDDEN})
    for answer in (ask(good, b"evil"), ask(good, target="/a%20b?c=e"), ask(signed(host, "PUT", "/a%20b?c=d", b"body", secret="x"))):
        assert (answer.status, answer.headers["x-amzn-errortype"]) == (403, "InvalidSignatureException")
        assert list(answer.json()) == ["message"]
    assert ask(signed(host, "PUT", "/a%20b?c=d", b"body", key="AKIDNOBODY")).headers["x-amzn-errortype"] == "UnrecognizedClientException"
    assert ask(signed(host, "PUT", "/a%20b?c=d", b"body", payload="UNSIGNED-PAYLOAD")).status == 403
    assert len(fake.requests) == 2
    weir.wait_for_log(9)
    assert Counter(entry["outcome"] for entry in weir.access_log()) == {"ok": 2, "unauthorized": 7}


def test_a_url_config_with_aws_iam_serves_signed_requests_alone(world, keys):
    _, open_weir = urls(world)
    host = config(open_weir, "POST", "live", AuthType="AWS_IAM")
    assert open_weir.call("GET", "/", host=host).status == 403
    rie = Rie()
    hello = tables.function({"1": {"kind": "rie", **tables.endpoints(world.fake(rie.serve))}}, {"live": {"1": 100}})
    weir = world.weir(tables.table({"hello": {**hello, "urls": {"live": {"auth_type": "AWS_IAM"}}}}), keys)
    answer = weir.call("GET", "/", headers=signed(host), host=host)
    assert (answer.status, answer.json()["event"]["requestContext"]["authorizer"]["iam"]["accountId"]) == (200, "000000000000")
    assert weir.call("GET", "/", host=host).json() == {"Message": FORBIDDEN}
    assert weir.call("GET", "/", headers=signed(host, key="AKIDOTHER"), host=host).json() == {"Message": FORBIDDEN}


def test_a_preflight_needs_no_signature(world, keys):
    rie, weir = start(world, settings=keys, authorization="aws_iam", cors=CORS)
    answer = weir.call("OPTIONS", "/", headers=[("Origin", "https://a.test"), ("Access-Control-Request-Method", "GET")])
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, "https://a.test")
    assert weir.call("OPTIONS", "/", headers=[("Origin", "https://a.test")]).status == 403
    assert rie.invocations == []


def test_without_keys_nobody_may_ask_for_what_wants_a_signature(world):
    _, weir = start(world, authorization="aws_iam")
    assert weir.call("GET", "/", headers=signed("weir.test")).headers["x-amzn-errortype"] == "UnrecognizedClientException"
    assert weir.call("GET", "/").status == 403


# ---- The page


def test_the_pages_example_is_what_a_function_gets(world):
    page = (ROOT / "docs/function-urls.md").read_text()
    head, _, body = re.search(r"^```http\n(.*?)\n```$", page, re.DOTALL | re.MULTILINE)[1].partition("\n\n")
    shown = json.loads(re.search(r"reaches the function as\n\n```json\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)[1])
    _, weir = start(world)
    with weir.connect() as c:
        c.send((head + f"\nContent-Length: {len(body)}\n\n").replace("\n", "\r\n").encode() + body.encode())
        event = c.read_answer("POST").json()
    for event_ in (shown, event):
        seconds, trace = re.fullmatch("Root=1-([0-9a-f]{8})-([0-9a-f]{24})", event_["headers"].pop("x-amzn-trace-id")).groups()
        assert int(seconds, 16) == event_["requestContext"]["timeEpoch"] // 1000
        assert event_["requestContext"]["requestId"].replace("-", "").endswith(trace)
        for name in ("requestId", "time", "timeEpoch"):
            del event_["requestContext"][name]
        event_["headers"].update({"x-forwarded-for": "", "x-forwarded-port": ""})
        event_["requestContext"]["http"]["sourceIp"] = ""
    assert event == shown
