"""Ejection: endpoints that fail invocations are left alone for a while."""

import re
import time

from harness import tables
from harness.fake import OK
from harness.patient import BAD, CHECK, expect_unavailable, is_up, nr_checks
from harness.places import scaled
from harness.waiting import wait_until


def ejections(weir):
    return [int(ms) for ms in re.findall(r"is ejected for (\d+) ms: 3 errors in a row", weir.stderr())]


def test_an_endpoint_that_fails_is_ejected_for_growing_pauses(world):
    sick, well = world.fake(lambda c: [c.send(BAD) for _ in iter(c.read_request, None)]), world.demo()
    rule = {"consecutive_errors": 3, "pause_ms": 200, "pause_max_ms": 600}
    weir = world.weir(tables.one([sick, well], ejection=rule), workers=1)
    labels = dict(function="hello", version="1", endpoint=sick.url)

    def nr():
        return weir.metrics().value("weir_ejections_total", **labels)

    def next_ejection(n):
        wait_until(lambda: weir.call() and nr() >= n, f"ejection {n}")

    assert weir.metrics().find("weir_endpoint_ejected", **labels)[0][1] == 0
    for n in range(1, 5):
        next_ejection(n)
    wait_until(lambda: len(ejections(weir)) >= 4, "four ejections are in the log")
    assert ejections(weir) == [200, 400, 600, 600]
    assert weir.metrics().value("weir_ejections_total", endpoint=well.url) == 0


def test_an_ejected_endpoint_gets_nothing_and_comes_back(world):
    state = {"answer": BAD}
    sick, well = world.fake(lambda c: [c.send(state["answer"]) for _ in iter(c.read_request, None)]), world.demo()
    pause_ms = scaled(1500, 5000)
    rule = {"consecutive_errors": 3, "pause_ms": pause_ms, "pause_max_ms": pause_ms}
    weir = world.weir(tables.one([sick, well], ejection=rule), workers=1)
    wait_until(lambda: weir.call() and weir.metrics().value("weir_endpoint_ejected", endpoint=sick.url) == 1, "it is ejected")
    begin = time.monotonic()
    assert not is_up(weir, endpoint=sick.url) and is_up(weir, endpoint=well.url)
    seen = len(sick.requests)
    assert [weir.call().status for _ in range(30)] == [200] * 30
    assert len(sick.requests) == seen or time.monotonic() - begin > pause_ms / 1000
    state["answer"] = OK
    wait_until(lambda: weir.call().status == 200 and len(sick.requests) > seen, "it is back")
    assert weir.metrics().value("weir_endpoint_ejected", endpoint=sick.url) == 0
    assert is_up(weir, endpoint=sick.url)


def test_the_only_endpoint_of_a_version_can_be_ejected_and_the_alias_fail_over(world):
    sick, well = world.fake(lambda c: [c.send(BAD) for _ in iter(c.read_request, None)]), world.demo("1")
    sick_version = {**tables.endpoints(sick), "ejection": {"consecutive_errors": 3, "pause_ms": 60000, "pause_max_ms": 60000}}
    weir = world.weir(
        tables.split({"1": well, "2": sick_version}, {"1": 50, "2": 50}, on_unavailable="failover"),
        workers=1,
    )
    statuses = [weir.call().status for _ in range(60)]
    assert statuses.count(503) == 3 and statuses.count(200) == 57
    metrics = weir.settled_metrics()
    assert metrics.value("weir_failover_invocations_total", version="1") == 27
    assert metrics.value("weir_ejections_total", version="2") == 1


def test_a_good_check_does_not_shorten_an_ejection(world):
    fake = world.fake(
        lambda c: [c.send(OK if r.target == "/healthz" else BAD) for r in iter(c.read_request, None)],
    )
    rule = {"consecutive_errors": 3, "pause_ms": 60000, "pause_max_ms": 60000}
    weir = world.weir(tables.one(fake, health_check=CHECK, ejection=rule), workers=1)
    assert [weir.call().status for _ in range(3)] == [503] * 3
    expect_unavailable(weir.call())
    before = nr_checks(weir, "ok")
    wait_until(lambda: nr_checks(weir, "ok") >= before + 3, "three good checks")
    assert weir.metrics().value("weir_endpoint_ejected") == 1
    expect_unavailable(weir.call())


def test_ejection_survives_a_reload(world):
    fake = world.fake(lambda c: [c.send(BAD) for _ in iter(c.read_request, None)])
    rule = {"consecutive_errors": 3, "pause_ms": 60000, "pause_max_ms": 60000}
    table = tables.one(fake, ejection=rule)
    weir = world.weir(table, workers=1)
    for _ in range(3):
        weir.call()
    weir.must_reload({**table, "routes": [*table["routes"], tables.route("/other", qualifier="1")]})
    expect_unavailable(weir.call())
    metrics = weir.metrics()
    assert metrics.value("weir_endpoint_ejected") == 1 and metrics.value("weir_ejections_total") == 1
    assert len(fake.requests) == 3


def test_an_endpoint_that_always_dies_in_its_body_is_ejected(world):
    def die(c):
        c.read_request()
        c.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc")

    sick = world.fake(die)
    rule = {"consecutive_errors": 3, "pause_ms": 60000, "pause_max_ms": 60000}
    weir = world.weir(tables.one(sick, ejection=rule), workers=1)

    def status():
        with weir.connect() as c:
            c.send_request()
            return c.read_final_head().status

    statuses = [status()]
    wait_until(lambda: statuses.append(status()) or statuses[-1] == 503, "it is ejected")
    assert set(statuses[:-1]) <= {200, 502} and len(statuses) >= 4
