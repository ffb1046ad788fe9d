"""The access log: a line for every request, and no wait for any."""

import json
import os
import re
import signal

import pytest
from harness import tables
from harness.places import ADDRESS, free_port
from harness.waiting import wait_until

pytestmark = pytest.mark.fast


def test_an_invocation_is_logged_with_all_that_is_known_of_it(world):
    demo = world.demo("7")
    weir = world.weir(tables.split({"7": demo}, {"7": 100}), workers=1)
    answers = [
        weir.call("POST", "/x?y", headers=[("User-Agent", 'me "1"')], body=b"abc", host="shop.test") for _ in range(2)
    ]
    first, second = weir.wait_for_log(2)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", first["time"])
    expected = {
        "type": "invocation",
        "client": ADDRESS,
        "method": "POST",
        "target": "/x?y",
        "host": "shop.test",
        "protocol": "HTTP/1.1",
        "function": "hello",
        "alias": "live",
        "version": "7",
        "status": 200,
        "outcome": "ok",
        "bytes_in": 3,
        "bytes_out": len(answers[0].body),
        "retries": 0,
        "user_agent": 'me "1"',
    }
    assert {key: first.get(key) for key in expected} == expected
    assert first["request_id"] == answers[0].headers["x-amzn-requestid"]
    assert first["endpoint"] == demo.url
    assert (first["upstream_reused"], second["upstream_reused"]) == (False, True)
    assert 0 <= first["connect_us"] <= first["head_us"] <= first["total_us"]


def test_what_went_wrong_is_in_the_log(world):
    demo = world.demo()
    dead = f"http://{ADDRESS}:{free_port()}"
    weir = world.weir(
        tables.table(
            {"hello": tables.function({"1": demo, "2": dead})},
            [tables.route(qualifier="1"), tables.route("/dead", qualifier="2")],
        ),
        {"timeouts": {"response_head_ms": 200}, "upstream": {"retries": 0}, "client_half_close": "abort"},
        workers=1,  # lines of several workers may change places
    )
    weir.call(target="/dead")
    weir.call(target="/?fail=stall")
    weir.call(target="/?size=100&pace=50&pace_ms=50&fail=close&at=60")
    weir.call(target="/?fail=close")
    weir.call(host=None)
    weir.invoke("nobody")
    with weir.connect() as c:
        c.send_request(target="/?size=1000&fail=stall&at=500")
        c.read_final_head()
    demo.wait_for(lambda n: n["aborted"] == 2, "the client's leaving has come through")
    lines = weir.wait_for_log(7)
    assert [(line["outcome"], line.get("status")) for line in lines] == [
        ("connect", 502),
        ("response_timeout", 504),
        ("reset", 200),
        ("reset", 502),
        ("bad_request", 400),
        ("not_found", 404),
        ("client_abort", 200),
    ]
    assert lines[2]["bytes_out"] in (50, 60)
    assert [line["type"] for line in lines[4:6]] == ["request", "request"]


def test_there_is_a_line_for_every_request(world):
    demo = world.demo()
    weir = world.weir(tables.split({"1": demo, "2": demo}, {"1": 75, "2": 25}), workers=4)
    assert world.load(weir, connections=16).run(4000)["failed"] == 0
    lines = weir.wait_for_log(4000)
    assert len(lines) == 4000
    assert sum(line["version"] == "2" for line in lines) == 1000
    assert len({line["request_id"] for line in lines}) == 4000


def test_hostile_text_stays_within_its_line(world):
    weir = world.weir(tables.one(world.demo()), workers=1)
    agent = 'x"},{"a":"b\\\ty'
    weir.call(headers=[("User-Agent", agent)])
    weir.call(headers=[("User-Agent", "bytes \xe9\xff")])
    weir.call(headers=[("User-Agent", "a" * 5000)])
    first, second, third = weir.wait_for_log(3)
    assert first["user_agent"] == agent
    assert second["user_agent"].startswith("bytes ")
    assert third["user_agent"].startswith("aaa") and third["cut"] == ["user_agent"]


def test_the_text_format_is_like_lambdas(world):
    weir = world.weir(tables.one(world.demo()), {"log": {"format": "text"}})
    answer = weir.call("POST", "/a", body=b"x")
    text = wait_until(weir.access_log_path.read_text, "there is a line")
    assert f"START RequestId: {answer.headers['x-amzn-requestid']} Version: 1" in text
    assert re.search(r" REPORT Outcome: ok Status: 200 Duration: \d+\.\d{3} ms ", text), text


def test_sigusr1_opens_the_log_again(world):
    weir = world.weir(tables.one(world.demo()))
    weir.call(target="/before")
    weir.wait_for_log(1)
    rotated = weir.access_log_path.with_suffix(".1")
    os.rename(weir.access_log_path, rotated)
    weir.signal(signal.SIGUSR1)
    wait_until(weir.access_log_path.exists, "the new file is there")
    weir.call(target="/after")
    assert [line["target"] for line in weir.wait_for_log(1)] == ["/after"]
    assert [json.loads(line)["target"] for line in rotated.read_text().splitlines()] == ["/before"]


def test_what_cannot_be_written_is_counted_and_never_waited_for(world):
    weir = world.weir(tables.one(world.demo()), {"log": {"access": "/dev/full"}})
    weir.allow_error("access log|No space")
    # Some lines are kept for better times; from a few megabytes on there is no room for them.
    load = world.load(weir, connections=8)
    wait_until(
        lambda: load.run(2000)["failed"] == 0 and weir.metrics().value("weir_access_log_lost_lines_total") > 0,
        "lines are counted as lost",
    )
    assert weir.call().status == 200


def test_a_log_nobody_reads_holds_nothing_up(world, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    weir = world.weir(tables.one(world.demo()), {"log": {"access": str(pipe)}})
    load = world.load(weir, connections=8)
    result = load.run(3000)
    assert result["failed"] == 0 and result["answers"] == 3000
    assert weir.admin("/readyz").status == 200
    os.close(reader)
    weir.allow_error("access log|pipe")
    assert load.run(100)["failed"] == 0


def test_no_access_log_is_no_access_log(world):
    weir = world.weir(tables.one(world.demo()), {"log": {"access": ""}})
    assert weir.call().status == 200
    assert weir.stdout() == "" and not weir.access_log_path.exists()


def test_an_access_log_that_cannot_be_opened_stops_the_start(world):
    weir = world.weir(tables.one(world.demo()), {"log": {"access": "/nonexistent/folder/log"}}, wait=False)
    assert weir.wait() == 1
    assert "/nonexistent/folder/log" in weir.stderr()
    world.things.remove(weir)
