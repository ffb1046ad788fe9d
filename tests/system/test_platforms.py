"""The tables of docs/platforms.md, run against stand-ins with the platforms' own ways."""

import json
import pathlib
import re

import pytest
from harness.rie import Rie
from harness.waiting import wait_until

pytestmark = pytest.mark.fast

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "platforms.md"


def example(name, **places):
    """The page's table of that name, its endpoints' origins replaced by those of stand-ins."""
    (text,) = re.findall(rf"```json {name}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    table = json.loads(text)
    for function in table["functions"].values():
        for number, version in function["versions"].items():
            place = places.get(f"v{number}") or places["all"]
            version["endpoints"] = [re.sub(r"^http://[^/]*", place.url, url) for url in version["endpoints"]]
    return table


def knative(c):
    """An ingress: the service by Host, any path and method; a revision that has gone is 404 of the router."""
    while (request := c.read_request()) is not None:
        match = re.fullmatch(r"v([12])-hello\.default\.example\.com", request.headers["host"])
        if not match:
            c.send(b"HTTP/1.1 404 Not Found\r\nserver: envoy\r\nContent-Length: 0\r\n\r\n")
            continue
        body = json.dumps({"revision": match[1], "target": request.target, "method": request.method, "body": request.body.decode()}).encode()
        c.send(b"HTTP/1.1 200 OK\r\nserver: envoy\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


def openfaas(c):
    """A gateway with basic authentication: /function/NAME[/path], any method and content; 404 for a function it has not."""
    while (request := c.read_request()) is not None:
        match = re.fullmatch(r"/function/hello-v([12])(/.*)?", request.target)
        if request.headers.get("authorization") != "Basic YWRtaW46c2VjcmV0":
            c.send(b'HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm="Restricted"\r\nContent-Length: 0\r\n\r\n')
            continue
        if not match:
            c.send(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            continue
        body = b"v%s %s %s" % (match[1].encode(), (match[2] or "").encode(), request.body)
        head = f"HTTP/1.1 200 OK\r\nX-Call-Id: 1\r\nX-Duration-Seconds: 0.001\r\nX-Start-Time: 1\r\nContent-Length: {len(body)}\r\n\r\n"
        c.send(head.encode() + body)


def invoke_many(weir, n=100):
    """How often each version ran."""
    answers = [weir.invoke("hello:live", body=b"[1]") for _ in range(n)]
    assert {a.status for a in answers} == {200}
    versions = [a.headers["x-amz-executed-version"] for a in answers]
    return {v: versions.count(v) for v in "12"}


def test_the_runtime_interface_emulator(world):
    rie = {v: Rie(lambda event, request, v=v: {"version": v, "event": event}) for v in "12"}
    fakes = {v: world.fake(rie[v].serve) for v in "12"}
    weir = world.weir(example("rie", v1=fakes["1"], v2=fakes["2"]))
    assert invoke_many(weir) == {"1": 95, "2": 5}
    answer = weir.invoke("hello:2", body=b'{"a": 1}')
    assert answer.json() == {"version": "2", "event": {"a": 1}}
    wait_until(lambda: fakes["1"].nr_connections > 2, "checks have connected")
    assert len(rie["1"].invocations) + len(rie["2"].invocations) == 101  # a check invokes nothing
    assert not rie["1"].has_died and not rie["2"].has_died


def test_knative(world):
    fake = world.fake(knative)
    weir = world.weir(example("knative", all=fake))
    assert invoke_many(weir) == {"1": 95, "2": 5}
    answer = weir.invoke("hello:2", body=b"no json")
    assert answer.json() == {"revision": "2", "target": "/", "method": "POST", "body": "no json"}
    answer = weir.call("GET", "/a?b=c", host="hello.example.com")
    assert (answer.json()["target"], answer.json()["method"]) == ("/a?b=c", "GET")


def test_openfaas(world):
    fake = world.fake(openfaas)
    weir = world.weir(example("openfaas", all=fake))
    assert invoke_many(weir) == {"1": 95, "2": 5}
    answer = weir.invoke("hello:2", body=b"text", headers=[("Authorization", "AWS4-HMAC-SHA256 of the client")])
    assert (answer.body, answer.headers["x-call-id"]) == (b"v2  text", "1")
    answer = weir.call("PUT", "/hello/a?b=c", body=b"x")
    assert answer.body[2:] == b" /a?b=c x"
