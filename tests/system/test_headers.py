"""Header fields on their way: which pass, which are removed, which weir adds (RFC 9110 section 7.6)."""

import re

import pytest
from harness import tables
from harness.places import ADDRESS

pytestmark = pytest.mark.fast

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
VALID_TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def seen_headers(weir, headers, **more):
    """What the endpoint got, lower-case name to list of values."""
    out = {}
    for name, value in weir.call(headers=headers, **more).json()["headers"]:
        out.setdefault(name.lower(), []).append(value)
    return out


# ---- Hop by hop ----


def test_fields_of_the_clients_connection_are_not_forwarded(plain):
    seen = seen_headers(
        plain,
        [
            ("Connection", "keep-alive, X-One"),
            ("connection", "x-two"),
            ("X-One", "1"),
            ("x-TWO", "2"),
            ("X-Three", "3"),
            ("Keep-Alive", "timeout=5"),
            ("Proxy-Connection", "keep-alive"),
            ("TE", "gzip"),
            ("Upgrade", "h2c"),
        ],
    )
    for name in ("x-one", "x-two", "keep-alive", "proxy-connection", "upgrade"):
        assert name not in seen
    assert "gzip" not in seen.get("te", [""])[0]
    assert seen["x-three"] == ["3"]


def test_fields_of_the_endpoints_connection_are_not_forwarded(plain):
    fields = "&".join(
        f"header={name}:{value}"
        for name, value in [
            ("Connection", "keep-alive,X-One"),
            ("X-One", "1"),
            ("X-Two", "2"),
            ("Keep-Alive", "timeout=5"),
            ("Proxy-Connection", "keep-alive"),
            ("Upgrade", "h2c"),
        ]
    )
    answer = plain.call(target=f"/?size=3&{fields}")
    assert answer.status == 200
    for name in ("x-one", "keep-alive", "proxy-connection", "upgrade", "connection"):
        assert name not in answer.headers
    assert answer.headers["x-two"] == "2"


def test_connection_cannot_remove_what_weir_adds(plain):
    names = "x-forwarded-for, x-forwarded-proto, x-forwarded-host, via, x-amzn-requestid, host"
    seen = seen_headers(plain, [("Connection", names)], method="POST", body=b"abc")
    for name in names.split(", "):
        assert name in seen, name
    seen = seen_headers(plain, [("Connection", "content-length, transfer-encoding")], method="POST", body=b"abc")
    assert seen["content-length"] == ["3"]
    answer = plain.call(target="/?size=3&header=Connection:x-amz-executed-version,x-amzn-requestid,content-length")
    assert answer.headers["x-amz-executed-version"] == "1"
    assert "x-amzn-requestid" in answer.headers and answer.complete


# ---- What passes ----


def test_other_fields_keep_their_order_case_and_value(plain):
    fields = [("X-B", "1"), ("x-a", "two  words"), ("X-B", "3"), ("X-Empty", ""), ("Cookie", "a=b; c=d"), ("X-Latin", "h\xe9")]
    got = plain.call(headers=fields).json()["headers"]
    assert [(n, v) for n, v in got if n.lower() in ("x-a", "x-b", "x-empty", "cookie", "x-latin")] == fields


def test_an_endpoints_fields_keep_their_order_case_and_value(plain):
    fields = [("Set-Cookie", "a=1"), ("X-b", "2"), ("Set-Cookie", "c=3"), ("ETag", '"x"')]
    words = "&".join(f"header={n}:{v}".replace('"', "%22") for n, v in fields)
    answer = plain.call(target=f"/?size=1&{words}")
    assert [(n, v) for n, v in answer.headers.pairs if n in ("Set-Cookie", "X-b", "ETag")] == fields


def test_weir_invents_no_user_agent(plain):
    assert "user-agent" not in seen_headers(plain, [])
    assert seen_headers(plain, [("User-Agent", "me/1")])["user-agent"] == ["me/1"]


def test_a_response_without_date_gets_one(plain):
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", plain.call().headers["date"])
    answer = plain.call(target="/?size=1&header=Date:Mon,%2002%20Jan%202006%2015:04:05%20GMT")
    assert answer.headers["date"] == "Mon, 02 Jan 2006 15:04:05 GMT"


# ---- Host ----


def test_the_endpoint_gets_its_own_authority_as_host(plain):
    assert seen_headers(plain, [])["host"] == [f"{ADDRESS}:{plain.demo.port}"]


def test_a_version_may_say_which_host_is_sent(world):
    demo = world.demo()
    weir = world.weir(
        tables.table(
            {
                "hello": tables.function(
                    {
                        "1": {**tables.endpoints(demo), "host": "inside.example"},
                        "2": {**tables.endpoints(demo), "preserve_host": True},
                    }
                )
            },
            [tables.route("/1", qualifier="1"), tables.route("/2", qualifier="2")],
        )
    )
    assert seen_headers(weir, [], target="/1", host="out.example")["host"] == ["inside.example"]
    assert seen_headers(weir, [], target="/2", host="out.example:81")["host"] == ["out.example:81"]


# ---- Where the request came from ----


def test_forwarded_fields_are_weirs_own_by_default(plain):
    seen = seen_headers(
        plain,
        [
            ("X-Forwarded-For", "203.0.113.7"),
            ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-Host", "evil.example"),
            ("Forwarded", "for=203.0.113.7"),
        ],
        host="shop.example:8080",
    )
    assert seen["x-forwarded-for"] == [ADDRESS]
    assert seen["x-forwarded-proto"] == ["http"]
    assert seen["x-forwarded-host"] == ["shop.example:8080"]
    assert "forwarded" not in seen


STRANGE = ["X-Forwarded-" + name for name in ("Prefix", "Ssl", "Server", "Scheme", "Port", "Proto-Version", "By", "X", "a" * 52, "a" * 53, "a" * 200)]


def test_no_field_of_the_forwarded_family_comes_from_a_stranger(world, plain):
    """traefik/traefik#7559, spring-cloud/spring-cloud-gateway#4267: frameworks believe them all."""
    fields = [(n, "evil") for n in STRANGE] + [(n.upper(), "evil") for n in STRANGE]
    fields += [(n.replace("-", "_"), "evil") for n in STRANGE] + [("X-Real-IP", "evil"), ("Forwarded", "for=evil")]
    seen = seen_headers(plain, [*fields, ("X-Forwarded", "1"), ("X-Forwardedness", "2")])
    kept = {name for name in seen if name.startswith("x-forwarded") or "evil" in seen[name]}
    assert kept == {"x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded", "x-forwardedness"}
    weir = world.weir(tables.one(world.demo()), {"forwarded": {"trust": True}})
    seen = seen_headers(weir, [(n, "good") for n in STRANGE])
    assert all(seen[n.lower()] == ["good"] for n in STRANGE)


def test_a_stripped_prefix_is_told(world):
    routes = [
        tables.route("/app", qualifier="1", strip_prefix=True),
        tables.route("/all/", qualifier="1", strip_prefix=True),
        tables.route("/kept", qualifier="1"),
        tables.route("/", qualifier="1", strip_prefix=True),
    ]
    table = tables.table({"hello": tables.function({"1": world.demo()})}, routes)
    strict, trusting = world.weir(table), world.weir(table, {"forwarded": {"trust": True}})

    def prefix(weir, target, *before):
        return seen_headers(weir, [("X-Forwarded-Prefix", b) for b in before], target=target).get("x-forwarded-prefix")

    for target, told in (("/app/x", ["/app"]), ("/app", ["/app"]), ("/app/?a=/b", ["/app"]), ("/all/x", ["/all"])):
        assert prefix(strict, target) == prefix(strict, target, "/evil") == told
        assert prefix(trusting, target) == told
    assert prefix(strict, "/kept", "/evil") is None and prefix(strict, "/other", "/evil") is None
    # Behind what those before took off.
    assert prefix(trusting, "/app/x", "/outer") == ["/outer/app"]
    assert prefix(trusting, "/app/x", "/outer/", "/inner") == ["/outer/inner/app"]
    assert prefix(trusting, "/kept", "/outer") == ["/outer"]


def test_a_trusted_clients_forwarded_fields_are_continued(world):
    weir = world.weir(tables.one(world.demo()), {"forwarded": {"trust": True}})
    seen = seen_headers(
        weir,
        [
            ("X-Forwarded-For", "203.0.113.7"),
            ("X-Forwarded-For", "198.51.100.2"),
            ("X-Forwarded-Proto", "https"),
            ("X-Forwarded-Host", "shop.example"),
        ],
    )
    assert ", ".join(seen["x-forwarded-for"]) == f"203.0.113.7, 198.51.100.2, {ADDRESS}"
    assert seen["x-forwarded-proto"] == ["https"]
    assert seen["x-forwarded-host"] == ["shop.example"]
    seen = seen_headers(weir, [], host="a.example")
    assert seen["x-forwarded-for"] == [ADDRESS]
    assert seen["x-forwarded-proto"] == ["http"]
    assert seen["x-forwarded-host"] == ["a.example"]


@pytest.mark.parametrize(
    "trust,said,client",
    [
        (False, ["203.0.113.7"], ADDRESS),
        (["192.0.2.0/24"], ["203.0.113.7"], ADDRESS),
        (True, ["203.0.113.9", "203.0.113.7"], "203.0.113.7"),
        (True, [], ADDRESS),
        (True, ["unknown"], ADDRESS),
        ([ADDRESS + "/32", "10.0.0.0/8"], ["198.51.100.1, 203.0.113.7, 10.2.3.4"], "203.0.113.7"),
        ([ADDRESS + "/32"], ["[2001:DB8::1]:443"], "2001:db8::1"),
    ],
    ids=["nobody", "others", "all", "nothing-said", "no-address", "two-proxies", "ipv6"],
)
def test_the_access_logs_client_is_the_one_before_the_proxies(world, trust, said, client):
    weir = world.weir(tables.one(world.demo()), {"forwarded": {"trust": trust}})
    assert weir.call(headers=[("X-Forwarded-For", text) for text in said]).status == 200
    (line,) = weir.wait_for_log(1)
    assert line["client"] == client


def test_a_proxy_is_not_held_to_the_connections_of_one_client(world):
    weir = world.weir(tables.one(world.demo()), {"forwarded": {"trust": [ADDRESS + "/32"]}, "limits": {"connections_per_address": 1}})
    with weir.connect() as one, weir.connect() as two:
        for c in (one, two):
            c.send_request()
            assert c.read_answer().status == 200


def test_no_number_of_forwarded_fields_hides_the_trusted_clients_own(world):
    weir = world.weir(tables.one(world.demo()), {"forwarded": {"trust": True}})
    addresses = [f"10.0.0.{i}" for i in range(30)]
    seen = seen_headers(weir, [("X-Forwarded-For", a) for a in addresses] + [("X-Forwarded-For", "")])
    assert seen["x-forwarded-for"] == [", ".join([*addresses, ADDRESS])]


def test_via_names_weir_behind_those_before_it(world, plain):
    assert seen_headers(plain, [])["via"] == ["1.1 weir"]
    seen = seen_headers(plain, [("Via", "1.0 first, 1.1 second")])
    assert ", ".join(seen["via"]) == "1.0 first, 1.1 second, 1.1 weir"
    weir = world.weir(tables.one(world.demo()), {"forwarded": {"via": "edge-1"}})
    assert seen_headers(weir, [])["via"] == ["1.1 edge-1"]


def test_via_says_the_version_that_the_client_spoke(plain):
    assert seen_headers(plain, [], version="1.0")["via"] == ["1.0 weir"]


# ---- Identifiers ----


def test_every_request_gets_an_id_that_endpoint_and_client_both_see(plain):
    ids = set()
    for _ in range(10):
        answer = plain.call()
        seen = dict((n.lower(), v) for n, v in answer.json()["headers"])
        assert UUID.fullmatch(answer.headers["x-amzn-requestid"])
        assert seen["x-amzn-requestid"] == answer.headers["x-amzn-requestid"]
        ids.add(seen["x-amzn-requestid"])
    assert len(ids) == 10


def test_errors_of_weir_carry_an_id_too(plain):
    answer = plain.invoke("nobody")
    assert answer.status == 404 and UUID.fullmatch(answer.headers["x-amzn-requestid"])


def test_a_clients_request_id_is_taken_over_only_where_clients_are_trusted(world, plain):
    own = "12345678-1234-4234-8234-123456789abc"
    answer = plain.call(headers=[("x-amzn-RequestId", own)])
    assert answer.headers["x-amzn-requestid"] != own
    weir = world.weir(tables.one(world.demo()), {"forwarded": {"trust": True}})
    answer = weir.call(headers=[("x-amzn-RequestId", own)])
    assert answer.headers["x-amzn-requestid"] == own
    assert ["x-amzn-RequestId", own] in answer.json()["headers"]
    assert UUID.fullmatch(weir.call(headers=[("x-amzn-RequestId", "nonsense")]).headers["x-amzn-requestid"])


@pytest.mark.parametrize(
    "value",
    [
        VALID_TRACE,
        VALID_TRACE[:-1] + "0",
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
        "nonsense",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
    ],
)
def test_a_trace_is_passed_on_as_it_came(plain, value):
    seen = seen_headers(plain, [("traceparent", value), ("tracestate", "a=b,c=d")])
    assert seen["traceparent"] == [value] and seen["tracestate"] == ["a=b,c=d"]


def test_weir_makes_up_no_trace(plain):
    """One of its own, with flags 00, would switch tracing off in every function behind it."""
    assert "traceparent" not in seen_headers(plain, [])
    seen = seen_headers(plain, [("tracestate", "a=b")])
    assert "traceparent" not in seen and seen["tracestate"] == ["a=b"]


def test_the_trace_of_a_request_stands_in_the_access_log(world):
    weir = world.weir(tables.one(world.demo()), workers=1)
    for value in (VALID_TRACE, "nonsense", None):
        for target in ("/?traced", "/2015-03-31/functions/nobody/invocations"):
            headers = [("traceparent", value)] if value else []
            weir.call("POST", target, headers=headers, body=b"{}")
    traces = [line.get("trace_id") for line in weir.wait_for_log(6)]
    assert traces == [VALID_TRACE[3:35]] * 2 + [None] * 4


# ---- The executed version ----


def test_the_executed_version_is_weirs_word_not_the_endpoints(plain):
    answer = plain.call(target="/?size=3&header=X-Amz-Executed-Version:99&header=x-amz-executed-version:98")
    assert answer.headers.all("x-amz-executed-version") == ["1"]


def test_a_clients_executed_version_is_not_forwarded(plain):
    assert "x-amz-executed-version" not in seen_headers(plain, [("X-AMZ-Executed-Version", "7")])


@pytest.mark.parametrize("target", ["/?status=204", "/?status=304", "/?status=500", "/?size=10&chunked", "/?status=404"])
def test_every_response_of_an_endpoint_names_the_version(plain, target):
    assert plain.call(target=target).headers["x-amz-executed-version"] == "1"


def test_the_executed_version_header_can_be_renamed(world):
    weir = world.weir(tables.one(world.demo()), {"executed_version_header": "X-Ran"})
    answer = weir.call(target="/?size=1&header=x-ran:9&header=x-amz-executed-version:8")
    assert answer.headers.all("x-ran") == ["1"]
    assert answer.headers["x-amz-executed-version"] == "8"
    assert "x-ran" not in seen_headers(weir, [("x-ran", "7")])
