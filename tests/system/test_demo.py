"""The endpoint and the client that the other tests trust, tried on each other without weir between them."""

import subprocess

import pytest
from harness import client
from harness.client import Closed, Connection, make_request
from harness.pattern import pattern
from harness.places import DEMO
from harness.processes import Load
from harness.waiting import wait_until

pytestmark = pytest.mark.fast


@pytest.fixture(scope="module")
def demo(shared_world):
    return shared_world.demo("1")


def test_the_demo_describes_the_request(demo):
    headers = [("X-A", "1"), ("x-a", "\xe9\\")]
    seen = client.call(demo.port, "POST", "/a?body", headers, [b"ab", b"cd", {"X-T": "1"}]).json()
    assert (seen["method"], seen["target"], seen["http"], seen["framing"]) == ("POST", "/a?body", "1.1", "chunked")
    assert [tuple(h) for h in seen["headers"]][1:3] == headers
    assert (seen["body"], seen["body_bytes"], seen["body_crc32"]) == ("abcd", 4, "ed82cd11")
    assert seen["trailers"] == [["X-T", "1"]] and seen["body_is_complete"]
    assert client.call(demo.port, "POST", "/", body=pattern(100000)).json()["body_is_pattern"]
    assert not client.call(demo.port, "POST", "/", body=pattern(100, 1)).json()["body_is_pattern"]


@pytest.mark.parametrize("where", ["/?{}", "/base/_do/{}", "header"])
def test_behaviours_can_be_asked_for_in_three_ways(demo, where):
    words = "status=201&size=5"
    if where == "header":
        answer = client.call(demo.port, headers=[("X-Demo", words)])
    else:
        answer = client.call(demo.port, target=where.format(words if "?" in where else words.replace("&", "/")))
    assert answer.status == 201 and answer.body == pattern(5)


def test_pipelined_answers_are_told_apart(demo):
    with Connection(demo.port) as c:
        c.send(
            make_request("HEAD", "/?size=1000")
            + make_request(target="/?size=100000&chunked=777&trailers=2")
            + make_request(target="/?interim=103,100&status=204")
            + make_request(target="/?size=10&eof")
        )
        assert c.read_answer("HEAD").headers["content-length"] == "1000"
        answer = c.read_answer()
        assert answer.body == pattern(100000)
        assert answer.trailers.pairs == [("X-Trailer-1", "value-1"), ("X-Trailer-2", "value-2")]
        answer = c.read_answer()
        assert answer.status == 204 and [a.status for a in answer.interim] == [103, 100]
        answer = c.read_answer()
        assert (answer.framing, answer.body, answer.complete) == ("eof", pattern(10), True)


@pytest.mark.parametrize("framing", ["", "&chunked", "&eof"])
@pytest.mark.parametrize("fail", ["close", "reset"])
@pytest.mark.parametrize("at", ["0", "5", "99", "end"])
def test_a_cut_answer_is_known_as_cut(demo, framing, fail, at):
    answer = client.call(demo.port, target=f"/?size=100&fail={fail}&at={at}{framing}")
    assert len(answer.body) == (100 if at == "end" else int(at))
    is_whole = (at == "end" and framing == "") or (framing == "&eof" and fail == "close")
    assert answer.complete == is_whole
    if not is_whole:
        assert answer.cut == ("reset" if fail == "reset" else "closed")


@pytest.mark.parametrize("at", ["request", "start"])
def test_no_answer_is_known_as_none(demo, at):
    for fail, end in (("close", "closed"), ("reset", "reset")):
        with pytest.raises(Closed, match=end):
            client.call(demo.port, "POST", f"/?fail={fail}&at={at}", body=b"x" * 1000)


def test_delays_and_paces_are_kept(demo):
    with Connection(demo.port) as c:
        c.send_request("POST", "/?read_delay=20&read_pace=5&read_pace_ms=1&delay=10", body=b"x" * 50)
        assert c.read_answer().json()["body_bytes"] == 50
        c.send_request(target="/?size=50&pace=7&pace_ms=1&body_delay=5&chunked")
        assert c.read_answer().body == pattern(50)


def test_clients_that_leave_are_counted(world):
    demo = world.demo()
    for i, request in enumerate(
        [
            make_request(target="/?fail=stall"),
            make_request(target="/?size=1g"),
            make_request("POST", "/", [("Content-Length", "9")]),
        ]
    ):
        with Connection(demo.port) as c:
            c.send(request)
            demo.wait_for(lambda n: n["in_flight"] == 1, "the request is in flight")
        demo.wait_for(lambda n, i=i: n["aborted"] == i + 1 and n["in_flight"] == 0, "the client has left")


def test_idle_connections_can_be_closed(world):
    demo = world.demo(idle_close_ms=20)
    with Connection(demo.port) as c:
        c.send_request()
        assert c.read_answer().keep_alive
        assert c.wait_for_end() == "closed"


def test_an_upgraded_connection_echoes(demo):
    with Connection(demo.port) as c:
        c.send_request(target="/?upgrade", headers=[("Connection", "upgrade"), ("Upgrade", "x")])
        assert c.read_final_head().status == 101
        c.send(b"\0hello")
        assert c.read_exactly(6) == b"\0hello"


def test_malformed_requests_are_counted(world):
    demo = world.demo()
    assert client.call(demo.port, headers=[("Transfer-Encoding", "chunked")], body=b"abc").status == 400
    assert demo.count()["malformed"] == 1
    demo.reset()


def test_the_load_generator_counts_what_the_demo_counts(world):
    demo = world.demo()
    load = world.keep(Load(world.folder, demo.port, connections=4, path="/?size=9"))
    assert load.run(100)["answers"] == 100
    load.tell("go")
    wait_until(lambda: demo.count()["requests"] > 200, "the load goes on")
    load.tell("stop")
    result = load.result()
    seen = demo.count()
    assert result["failed"] == 0
    assert seen["requests"] == result["answers"] == result["statuses"]["200"]
    assert seen["connections"] == result["connects"] == 4


@pytest.mark.parametrize(
    "path,failure",
    [("/?fail=close", "closed"), ("/?size=50&fail=close&at=9", "incomplete"), ("/?size=50&chunked&fail=reset&at=end", "incomplete")],
)
def test_the_load_generator_tells_failures_apart(world, path, failure):
    demo = world.demo()
    result = world.keep(Load(world.folder, demo.port, connections=3, path=path)).run(30)
    assert result["failed"] == result["failures"][failure] == 30


def test_the_demo_explains_itself():
    done = subprocess.run([DEMO, "--help"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0 and "idle-close" in done.stdout and "fail" in done.stdout
    assert subprocess.run([DEMO], capture_output=True, timeout=30).returncode == 2
