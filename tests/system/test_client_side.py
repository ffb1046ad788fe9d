"""The client's connection: persistence, pipelining, framing, targets, what is refused (RFC 9112, RFC 9110)."""

import pytest
from harness import tables
from harness.client import Closed, Connection, call, make_chunk, make_request
from harness.pattern import pattern
from harness.places import ADDRESS, free_port
from harness.waiting import wait_until

pytestmark = pytest.mark.fast


def expect_refusal(c, *statuses):
    """The next answer is weir's own refusal, after which it closes."""
    answer = c.read_answer()
    assert answer.status in statuses, answer
    assert answer.headers["content-type"].startswith("application/json")
    assert "x-amzn-errortype" in answer.headers
    assert answer.headers["connection"] == "close"
    assert c.wait_for_end() in ("closed", "reset")
    return answer


# ---- Persistence and pipelining ----


def test_a_connection_serves_one_request_after_another(plain):
    with plain.connect() as c:
        for i in range(20):
            c.send_request(target=f"/n/{i}")
            answer = c.read_answer()
            assert answer.status == 200 and answer.keep_alive
            assert answer.json()["target"] == f"/n/{i}"


def test_connection_close_is_answered_in_kind(plain):
    with plain.connect() as c:
        c.send_request(headers=[("Connection", "close")])
        answer = c.read_answer()
        assert answer.status == 200 and answer.headers["connection"] == "close"
        assert c.wait_for_end() == "closed"


def test_an_endpoints_connection_close_ends_only_its_own_connection(plain):
    with plain.connect() as c:
        for _ in range(3):
            c.send_request(target="/?close")
            answer = c.read_answer()
            assert answer.status == 200 and "connection" not in answer.headers


def test_pipelined_requests_are_answered_in_order(plain):
    with plain.connect() as c:
        targets = [f"/p/{i}?delay={20 if i % 3 == 0 else 0}" for i in range(30)]
        c.send(b"".join(make_request(target=t) for t in targets))
        for target in targets:
            assert c.read_answer().json()["target"] == target


def test_pipelined_requests_with_bodies_keep_their_bodies(plain):
    with plain.connect() as c:
        bodies = [b"a" * i if i % 2 else [b"b" * i, b"c"] for i in range(20)]
        c.send(b"".join(make_request("POST", f"/{i}?body", body=b) for i, b in enumerate(bodies)))
        for i, body in enumerate(bodies):
            seen = c.read_answer().json()
            assert seen["target"] == f"/{i}?body"
            assert seen["body"].encode() == (body if i % 2 else b"".join(body))


def test_a_request_behind_connection_close_is_not_served(plain):
    before = plain.demo.count()["requests"]
    with plain.connect() as c:
        c.send(make_request(headers=[("Connection", "close")]) + make_request(target="/second"))
        assert c.read_answer().status == 200
        assert c.wait_for_end() in ("closed", "reset")
    assert plain.demo.count()["requests"] == before + 1


def test_a_head_may_arrive_byte_by_byte(plain):
    with plain.connect() as c:
        for byte in make_request("POST", "/slowly?body", [("X-A", "b")], b"hi"):
            c.send(bytes([byte]))
        assert c.read_answer().json()["body"] == "hi"


def test_an_empty_line_before_the_request_line_is_ignored(plain):
    with plain.connect() as c:
        for _ in range(2):
            c.send(b"\r\n" + make_request())
            assert c.read_answer().status == 200


def test_a_client_may_close_its_sending_side_after_the_request(plain):
    import socket

    with plain.connect() as c:
        c.send_request(headers=[("Connection", "close")])
        c.socket.shutdown(socket.SHUT_WR)
        # Leaving early is leaving: the answer may come or not, but what comes is whole or visibly cut.
        try:
            answer = c.read_answer()
        except Closed:
            return
        assert not answer.complete or answer.json()["version"] == "1"


# ---- HTTP/1.0 ----


def test_an_http_1_0_request_is_answered_and_the_connection_closed(plain):
    with plain.connect() as c:
        c.send_request(version="1.0")
        answer = c.read_answer()
        assert answer.status == 200 and answer.complete
        assert answer.json()["http"] == "1.1"
        assert c.wait_for_end() == "closed"


def test_an_http_1_0_client_never_sees_chunks(plain):
    answer = plain.call(target="/?size=100000&chunked", version="1.0")
    assert answer.complete and answer.framing in ("eof", "length")
    assert answer.body == pattern(100000)


def test_an_http_1_0_client_never_sees_interim_answers(plain):
    answer = plain.call(target="/?interim=100,103", version="1.0")
    assert answer.status == 200 and answer.interim == []


def test_http_1_0_keep_alive_is_kept(plain):
    with plain.connect() as c:
        for _ in range(2):
            c.send_request(version="1.0", headers=[("Connection", "keep-alive")])
            answer = c.read_answer()
            assert answer.status == 200
            assert answer.headers["connection"].lower() == "keep-alive"


def test_an_http_1_0_request_needs_no_host(plain):
    assert plain.call(version="1.0", host=None).status == 200


# ---- Bodies ----


@pytest.mark.parametrize("n", [0, 1, 100, 16384, 65536, 300000])
def test_a_body_with_content_length_arrives_whole(plain, n):
    seen = plain.call("POST", "/", body=pattern(n)).json()
    assert (seen["body_bytes"], seen["body_is_pattern"], seen["framing"]) == (n, True, "length")


@pytest.mark.parametrize("chunk", [1, 7, 4096, 100000])
def test_a_chunked_body_arrives_whole_and_chunked(plain, chunk):
    n = min(300000, chunk * 500)
    body = pattern(n)
    seen = plain.call("POST", "/", body=[body[i : i + chunk] for i in range(0, n, chunk)]).json()
    assert (seen["body_bytes"], seen["body_is_pattern"], seen["framing"]) == (n, True, "chunked")


def test_a_chunked_body_may_arrive_byte_by_byte_with_extensions(plain):
    with plain.connect() as c:
        head = make_request("POST", "/?body", [("Transfer-Encoding", "chunked")])
        for byte in head + b"3;name=value\r\nabc\r\n0A\r\n0123456789\r\n0\r\n\r\n":
            c.send(bytes([byte]))
        assert c.read_answer().json()["body"] == "abc0123456789"


def test_request_trailers_reach_the_endpoint(plain):
    body = [b"some", b"thing", {"X-Checksum": "abc", "X-Other": "1"}]
    seen = plain.call("POST", "/", headers=[("Trailer", "X-Checksum, X-Other")], body=body).json()
    assert seen["trailers"] == [["X-Checksum", "abc"], ["X-Other", "1"]]


def test_a_trailer_that_connection_lists_goes_no_further(plain):
    for connection, is_passed in [("X-Checksum", False), ("X-Checksum, TE", False), ("TE", True)]:
        body = [b"some", b"thing", {"X-Checksum": "abc"}]
        seen = plain.call("POST", "/", headers=[("Connection", connection)], body=body).json()
        assert seen["trailers"] == ([["X-Checksum", "abc"]] if is_passed else [])


def test_response_trailers_reach_the_client(plain):
    answer = plain.call(target="/?size=5000&trailers=2", headers=[("TE", "trailers")])
    assert answer.framing == "chunked" and answer.body == pattern(5000)
    assert answer.trailers.pairs == [("X-Trailer-1", "value-1"), ("X-Trailer-2", "value-2")]


@pytest.mark.parametrize("how", ["", "&chunked=1", "&chunked=1000", "&chunked=1m", "&eof", "&http10", "&eof&http10"])
def test_a_response_body_arrives_whole_however_it_is_framed(plain, how):
    n = 3000 if "chunked=1" == how[1:] else 200000
    with plain.connect() as c:
        for _ in range(2):
            c.send_request(target=f"/?size={n}{how}")
            answer = c.read_answer()
            assert answer.complete and answer.keep_alive
            assert answer.framing in ("length", "chunked")
            assert answer.body == pattern(n)


def test_an_endless_response_becomes_one_that_ends_visibly(plain):
    answer = plain.call(target="/?size=50000&eof")
    assert answer.framing == "chunked" and answer.body == pattern(50000)


def test_a_post_without_a_body_says_so_to_the_endpoint(plain):
    seen = plain.call("POST", "/", body=b"").json()
    assert ["Content-Length", "0"] in seen["headers"] and seen["body_bytes"] == 0


def test_a_get_without_a_body_gets_no_framing_fields(plain):
    names = [name.lower() for name, _ in plain.call().json()["headers"]]
    assert "content-length" not in names and "transfer-encoding" not in names


def test_a_get_may_have_a_body(plain):
    assert plain.call("GET", "/?body", body=b"question").json()["body"] == "question"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "PURGE", "M-SEARCH", "x"])
def test_methods_are_passed_on(plain, method):
    assert plain.call(method, "/").json()["method"] == method


# ---- Expect: 100-continue ----


def test_a_client_that_waits_for_100_gets_it_from_the_endpoint(plain):
    with plain.connect() as c:
        c.send_request("POST", "/?body", [("Expect", "100-continue"), ("Content-Length", "5")])
        interim = c.read_head()
        assert interim.status == 100
        c.send(b"hello")
        answer = c.read_answer()
        assert answer.interim == [] and answer.json()["body"] == "hello"
        c.send_request()
        assert c.read_answer().status == 200


def test_a_client_that_does_not_wait_for_100_is_served_too(plain):
    with plain.connect() as c:
        c.send_request("POST", "/?body", [("Expect", "100-continue"), ("Content-Length", "5")])
        c.send(b"hello")
        answer = c.read_answer()
        assert answer.json()["body"] == "hello"


def test_an_endpoint_that_says_nothing_to_expect_gets_the_body_all_the_same(plain):
    with plain.connect() as c:
        c.send_request("POST", "/?body&expect=ignore", [("Expect", "100-continue"), ("Content-Length", "5")])
        c.send(b"hello")
        assert c.read_answer().json()["body"] == "hello"


def test_an_endpoint_can_refuse_an_expectation(plain):
    with plain.connect() as c:
        c.send_request("POST", "/?expect=refuse", [("Expect", "100-continue"), ("Content-Length", "5")])
        answer = c.read_answer()
        assert answer.status == 417 and answer.interim == []
    assert plain.call().status == 200


def test_a_final_answer_to_an_expectation_ends_the_exchange_without_the_body(world):
    demo = world.demo()
    weir = world.weir(tables.one(demo), workers=1)
    with weir.connect() as c:
        c.send_request("POST", "/?expect=final&status=403", [("Expect", "100-continue"), ("Content-Length", "5")])
        answer = c.read_answer()
        assert answer.status == 403 and answer.interim == []
    # That endpoint's connection still waits for five bytes: it must not carry another request.
    for _ in range(3):
        assert weir.call(target="/?size=3").body == pattern(3)
    demo.wait_for(lambda n: n["in_flight"] == 0, "the half request has ended")
    assert demo.count()["connections"] == 2


def test_an_expectation_in_http_1_0_is_ignored(plain):
    with plain.connect() as c:
        c.send_request("POST", "/?body", [("Expect", "100-continue")], b"hello", version="1.0")
        answer = c.read_answer()
        assert answer.interim == [] and answer.json()["body"] == "hello"


# ---- Answers without a body ----


def test_head_gets_the_fields_of_get_and_no_body(plain):
    with plain.connect() as c:
        c.send(make_request("HEAD", "/?size=1000") + make_request("HEAD", "/?size=10&chunked") + make_request())
        answer = c.read_answer("HEAD")
        assert answer.status == 200 and answer.headers["content-length"] == "1000"
        answer = c.read_answer("HEAD")
        assert answer.status == 200 and answer.keep_alive
        assert c.read_answer().json()["method"] == "GET"


@pytest.mark.parametrize("status", [204, 304])
def test_204_and_304_have_no_body_and_the_connection_goes_on(plain, status):
    with plain.connect() as c:
        c.send(make_request(target=f"/?status={status}") + make_request(target="/next"))
        answer = c.read_answer()
        assert answer.status == status and answer.keep_alive
        assert c.read_answer().json()["target"] == "/next"


def test_a_304_keeps_the_length_of_what_it_stands_for(plain):
    with plain.connect() as c:
        c.send(make_request(target="/?status=304&length=1234") + make_request(target="/next"))
        answer = c.read_answer()
        assert answer.status == 304 and answer.headers["content-length"] == "1234"
        assert c.read_answer().json()["target"] == "/next"


def test_interim_answers_are_passed_on_in_order(plain):
    answer = plain.call(target="/?interim=103,102,103&size=3")
    assert [a.status for a in answer.interim] == [103, 102, 103]
    assert answer.interim[0].headers["link"] == "</style.css>; rel=preload"
    assert answer.status == 200 and answer.body == pattern(3)


def test_interim_answers_come_before_the_final_one_is_there(plain):
    with plain.connect() as c:
        c.send_request(target="/?interim=103&fail=stall")
        assert c.read_head().status == 103


# ---- Targets and Host ----


def test_an_absolute_target_is_forwarded_in_origin_form(plain):
    seen = plain.call(target="http://weir.test/a/b?c=d").json()
    assert seen["target"] == "/a/b?c=d"
    seen = plain.call(target="http://weir.test").json()
    assert seen["target"] == "/"


def test_an_absolute_target_that_disagrees_with_host_is_refused(plain):
    with plain.connect() as c:
        c.send_request(target="http://other.test/", host="weir.test")
        expect_refusal(c, 400)


def test_an_absolute_target_decides_the_route(world):
    demos = world.demo("1"), world.demo("2")
    weir = world.weir(
        tables.table(
            {"hello": tables.function({"1": demos[0], "2": demos[1]})},
            [tables.route(qualifier="1"), tables.route(host="b.test", qualifier="2")],
        )
    )
    assert weir.call(target="http://b.test/x", host="b.test").json()["version"] == "2"
    assert weir.call(target="http://a.test/x", host="a.test").json()["version"] == "1"


@pytest.mark.parametrize("target", ["/%2f%41?%20", "/a//b/./c", "/?", "/a?b?c", "/!$&'()*+,;=:@~-._"])
def test_path_and_query_are_forwarded_as_they_came(plain, target):
    assert plain.call(target=target).json()["target"] == target


def test_a_request_of_http_1_1_without_host_is_refused(plain):
    with plain.connect() as c:
        c.send_request(host=None)
        expect_refusal(c, 400)


@pytest.mark.parametrize("host", ["a b", "a/b", "a@b", "a:b", "[::1", "a\tb", "a?b", "a#b"])
def test_an_invalid_host_is_refused(plain, host):
    with plain.connect() as c:
        c.send_request(host=host)
        expect_refusal(c, 400)


def test_two_hosts_are_refused(plain):
    with plain.connect() as c:
        c.send_request(headers=[("Host", "weir.test")])
        expect_refusal(c, 400)


@pytest.mark.parametrize("host", ["a.test:8080", "127.0.0.1", "[::1]:80", "[2001:db8::1]", "A-B.C"])
def test_valid_hosts_are_served(plain, host):
    assert plain.call(host=host).status == 200


# ---- What is refused ----

BAD_HEADS = {
    "length and chunked": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
    "a list of lengths": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 4\r\n\r\nabcd",
    "a negative length": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\nabc",
    "a length with a sign": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc",
    "a hexadecimal length": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\nabc",
    "an empty length": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n",
    "a length over 64 bits": "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    "chunked twice": "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "chunked not last": "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "chunked in HTTP/1.0": "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "space before the colon": "GET / HTTP/1.1\r\nHost: a\r\nX-A : b\r\n\r\n",
    "a line without a colon": "GET / HTTP/1.1\r\nHost: a\r\nnonsense\r\n\r\n",
    "an empty name": "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
    "a name with a space": "GET / HTTP/1.1\r\nHost: a\r\nX A: b\r\n\r\n",
    "a folded line": "GET / HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\n\r\n",
    "white space before the first field": "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
    "a NUL": "GET / HTTP/1.1\r\nHost: a\r\nX-A: b\0c\r\n\r\n",
    "a control byte": "GET / HTTP/1.1\r\nHost: a\r\nX-A: b\x01c\r\n\r\n",
    "a bare CR": "GET / HTTP/1.1\r\nHost: a\r\nX-A: b\rc: d\r\n\r\n",
    "a bare LF": "GET / HTTP/1.1\nHost: a\n\n",
    "two spaces": "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
    "no version": "GET /\r\nHost: a\r\n\r\n",
    "a lower-case version": "GET / http/1.1\r\nHost: a\r\n\r\n",
    "a long version": "GET / HTTP/1.10\r\nHost: a\r\n\r\n",
    "no path": "GET a HTTP/1.1\r\nHost: a\r\n\r\n",
    "a fragment": "GET /#a HTTP/1.1\r\nHost: a\r\n\r\n",
    "a bad method": "G@T / HTTP/1.1\r\nHost: a\r\n\r\n",
    "a TLS greeting": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
}


@pytest.mark.parametrize("name", BAD_HEADS)
def test_a_malformed_head_is_refused_and_not_forwarded(plain, name):
    before = plain.demo.count()["requests"]
    with plain.connect() as c:
        c.send(BAD_HEADS[name].encode("latin-1"))
        expect_refusal(c, 400)
    assert plain.demo.count()["requests"] == before


def test_an_unknown_coding_is_not_implemented(plain):
    with plain.connect() as c:
        c.send(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n")
        expect_refusal(c, 400, 501)


@pytest.mark.parametrize("version", ["2.0", "3.0", "0.9"])
def test_another_major_version_is_refused(plain, version):
    with plain.connect() as c:
        c.send_request(version=version)
        expect_refusal(c, 505, 400)


BAD_BODIES = {
    "a size that is none": b"xyz\r\nabc\r\n0\r\n\r\n",
    "an empty size": b"\r\nabc\r\n0\r\n\r\n",
    "a negative size": b"-1\r\nabc\r\n0\r\n\r\n",
    "a size with a prefix": b"0x3\r\nabc\r\n0\r\n\r\n",
    "a size over 64 bits": b"11111111111111111\r\nabc\r\n0\r\n\r\n",
    "no line end behind the data": b"3\r\nabcX0\r\n\r\n",
    "a bare LF behind the size": b"3\nabc\r\n0\r\n\r\n",
    "a malformed trailer": b"3\r\nabc\r\n0\r\nno trailer\r\n\r\n",
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_broken_chunks_are_refused_and_the_endpoint_sees_no_whole_request(world, name):
    demo = world.demo()
    weir = world.weir(tables.one(demo))
    with weir.connect() as c:
        c.send(make_request("POST", "/", [("Transfer-Encoding", "chunked")]) + BAD_BODIES[name])
        expect_refusal(c, 400)
    seen = demo.wait_for(lambda n: n["in_flight"] == 0, "nothing is in flight")
    assert seen["responses"]["2xx"] == 0 and seen["aborted"] == seen["requests"]


def test_bytes_behind_a_refused_request_are_not_read_as_a_request(plain):
    before = plain.demo.count()["requests"]
    with plain.connect() as c:
        c.send(BAD_HEADS["length and chunked"].encode() + make_request(target="/smuggled"))
        expect_refusal(c, 400)
    assert plain.demo.count()["requests"] == before


def test_too_long_a_request_line_is_414(plain):
    with plain.connect() as c:
        c.send_request(target="/" + "a" * 20000)
        expect_refusal(c, 414)


@pytest.mark.parametrize(
    "headers",
    [[("X-Long", "a" * 60000)], [(f"X-{i}", "a" * 500) for i in range(90)], [(f"X-{i}", "a") for i in range(150)]],
    ids=["one long field", "many fields' bytes", "many fields"],
)
def test_too_large_a_head_is_431(plain, headers):
    with plain.connect() as c:
        c.send_request(headers=headers)
        expect_refusal(c, 431)


def test_too_large_a_body_is_413(world):
    demo = world.demo()
    weir = world.weir(tables.one(demo), {"limits": {"body_bytes": 1000}})
    assert weir.call("POST", "/", body=b"a" * 1000).status == 200
    with weir.connect() as c:
        c.send_request("POST", "/", [("Content-Length", "1000000")])
        expect_refusal(c, 413)
    assert weir.call("POST", "/", body=b"a" * 1001).status == 413
    assert demo.count()["requests"] == 1
    with weir.connect() as c:
        c.send(make_request("POST", "/", [("Transfer-Encoding", "chunked")]) + make_chunk(b"a" * 900) * 2)
        expect_refusal(c, 413)


def test_connect_is_refused(plain):
    with plain.connect() as c:
        c.send_request("CONNECT", "example.com:443", host="example.com:443")
        assert c.read_answer().status in (400, 405, 501)


def test_trace_is_refused_unless_allowed(world, plain):
    assert plain.call("TRACE", "/").status in (405, 501)
    demo = world.demo()
    weir = world.weir(tables.one(demo), {"allow_trace": True})
    assert weir.call("TRACE", "/").json()["method"] == "TRACE"


# ---- Time and number ----


def test_a_head_that_does_not_come_to_an_end_is_408(world):
    weir = world.weir(tables.one(world.demo()), {"timeouts": {"request_head_ms": 200}})
    with weir.connect() as c:
        c.send(b"GET / HTTP/1.1\r\nHost: a\r\nX-")
        expect_refusal(c, 408)
    weir.expect_metric(1, "weir_rejected_requests_total", reason="head_timeout")


def test_an_idle_connection_is_closed_without_a_word(world):
    weir = world.weir(tables.one(world.demo()), {"timeouts": {"client_idle_ms": 200, "request_head_ms": 200}})
    with weir.connect() as c:
        assert c.wait_for_end() == "closed"
    with weir.connect() as c:
        c.send_request()
        assert c.read_answer().status == 200
        assert c.wait_for_end() == "closed"


def test_the_limit_of_requests_on_a_connection_is_announced(world):
    weir = world.weir(tables.one(world.demo()), {"limits": {"keepalive_requests": 3}})
    with weir.connect() as c:
        c.send(make_request() * 4)
        assert [c.read_answer().keep_alive for _ in range(3)] == [True, True, False]
        assert c.wait_for_end() in ("closed", "reset")


def test_connections_over_the_limit_are_refused_with_503(world):
    weir = world.weir(tables.one(world.demo()), {"limits": {"connections": 3}}, workers=1)
    kept = [weir.connect() for _ in range(3)]
    for c in kept:
        c.send_request()
        assert c.read_answer().status == 200
    with weir.connect() as c:
        c.send_request()
        assert c.read_answer().status == 503
    for c in kept:
        c.close()

    def is_served():
        try:
            return weir.call().status == 200
        except ConnectionError:
            return False

    wait_until(is_served, "there is room again")


def test_many_connections_are_served_at_once(plain):
    connections = [Connection(plain.port) for _ in range(200)]
    for i, c in enumerate(connections):
        c.send_request(target=f"/c/{i}")
    for i, c in enumerate(connections):
        assert c.read_answer().json()["target"] == f"/c/{i}"
        c.close()


# ---- Redirects ----


def test_a_redirect_names_the_same_address_or_is_refused(world):
    fake = world.fake()
    address = f"{ADDRESS}:{free_port()}"
    listener = {"address": address, "redirect_to_https": True, "redirect_port": 8443}
    weir = world.weir(tables.one(fake), {"listeners": [listener]})
    port = int(address.rsplit(":", 1)[1])
    for host, location in [("a.test:8080", "a.test:8443"), ("[::1]:8080", "[::1]:8443"), ("[::1]", "[::1]:8443")]:
        answer = call(port, target="/x?y=z", host=host)
        assert answer.status == 308 and answer.headers["location"] == f"https://{location}/x?y=z"
    room = 1536 - len("https://a.test:8443/")
    answer = call(port, target="/" + "x" * room, host="a.test")
    assert answer.status == 308 and answer.headers["location"] == "https://a.test:8443/" + "x" * room
    assert call(port, target="/" + "x" * (room + 1), host="a.test").status == 414
    assert call(port, "OPTIONS", "*", host="a.test").status == 400
    assert call(port, "CONNECT", "b.test:443", host="a.test").status == 400
    assert fake.requests == []
    assert weir.is_running()
