"""Health: active checks over HTTP and TCP, what they decide, what an invocation gets then; slow start."""

import re
import time

import pytest
from harness import tables
from harness.certificates import Authority
from harness.dns import Dns
from harness.fake import OK, Fake
from harness.nomem import Nomem
from harness.patient import (
    BAD,
    CHECK,
    END,
    Patient,
    changes,
    checked,
    expect_unavailable,
    is_up,
    nr_checks,
    patient,
    wait_for_down,
    wait_for_up,
)
from harness.places import ADDRESS, SANITIZER, addresses, free_port, scaled
from harness.tls import TlsFake
from harness.waiting import LIMIT_S, wait_until, wait_until_steady


# ---- How an endpoint is asked ----


def test_a_check_is_a_get_that_says_who_asks(world):
    fake = patient(world)
    weir = world.weir(tables.one(fake.url + "/base", health_check={**CHECK, "path": "/healthz?deep=1"}))
    fake.patient.wait_for_checks(3)
    for request in fake.patient.checks:
        assert (request.method, request.target, request.version) == ("GET", "/healthz?deep=1", "HTTP/1.1")
        assert request.headers["host"] == f"{ADDRESS}:{fake.port}"
        assert request.headers["user-agent"] == "weir-health-check"
        assert request.headers["connection"] == "close"
    assert fake.nr_connections >= 3
    metrics = weir.metrics()
    assert metrics.value("weir_invocations_total") == 0 and metrics.value("weir_requests_total") == 0


def test_a_versions_own_host_is_sent(world):
    fake = patient(world)
    world.weir(tables.one(fake, host="shop.example.com", health_check=CHECK))
    fake.patient.wait_for_checks(1)
    assert fake.patient.checks[0].headers["host"] == "shop.example.com"


def test_a_host_name_is_looked_up(world):
    fake = world.keep(Fake(Patient(), "127.0.0.1"))
    weir = world.weir(tables.one(f"http://localhost:{fake.port}", health_check=CHECK))
    wait_until(lambda: nr_checks(weir, "ok") >= 2, "it was checked twice")
    assert is_up(weir) and changes(weir) == []


# A preloaded library does not come before ThreadSanitizer's.
needs_preload = pytest.mark.skipif(SANITIZER == "thread", reason="nothing can be preloaded under ThreadSanitizer")

NAME = "fn.test"


def named(dns, **more):
    return {"upstream": {"dns_servers": dns.server, "resolve_ms": 100}, **more}


def test_a_name_that_nobody_knows_is_down_until_somebody_does(world):
    fake = patient(world)
    dns = world.keep(Dns())
    dns.fails(NAME)
    weir = world.weir(tables.one(f"http://{NAME}:{fake.port}", health_check=CHECK), named(dns))
    wait_for_down(weir)
    wait_until(lambda: nr_checks(weir, "resolve") >= 2, "it was checked twice")
    weir.wait_for_words("is down: its name cannot be resolved")
    expect_unavailable(weir.call())
    dns.says(NAME, ADDRESS)
    wait_for_up(weir)
    wait_until(lambda: weir.call().status == 200, "it serves")
    fake.patient.wait_for_checks(1)
    assert fake.patient.checks[0].headers["host"] == f"{NAME}:{fake.port}"


def test_a_name_is_up_when_one_of_its_addresses_answers(world):
    fake = patient(world)
    dns = world.keep(Dns())
    dns.says(NAME, addresses(2)[1], ADDRESS)
    weir = world.weir(tables.one(f"http://{NAME}:{fake.port}", health_check=CHECK), named(dns))
    wait_until(lambda: nr_checks(weir, "ok") >= 3 and nr_checks(weir, "connect") >= 3, "both were checked")
    assert is_up(weir)
    assert [weir.call().status for _ in range(10)] == [200] * 10
    fake.stop()
    wait_for_down(weir)


def test_a_name_is_looked_up_again_when_its_address_ages(world):
    old = patient(world)
    new = world.keep(Fake(Patient(), addresses(2)[1], port=old.port))
    dns = world.keep(Dns())
    dns.says(NAME, ADDRESS)
    weir = world.weir(tables.one(f"http://{NAME}:{old.port}", health_check=CHECK), named(dns))
    old.patient.wait_for_checks(2)
    dns.says(NAME, addresses(2)[1])
    new.handler.wait_for_checks(2)
    assert is_up(weir)


def test_a_look_up_that_hangs_times_out_and_holds_up_nothing(world):
    well = patient(world)
    dns = world.keep(Dns())
    dns.drops(NAME)
    table = tables.one([f"http://{NAME}:{free_port()}", well.url], health_check={**CHECK, "timeout_ms": 300})
    weir = world.weir(table, named(dns))
    wait_for_down(weir, endpoint=table["functions"]["hello"]["versions"]["1"]["endpoints"][0])
    weir.wait_for_words("is down: no address for its name within 300 ms")
    well.patient.wait_for_checks(2)
    assert weir.call().status == 200
    begin = time.monotonic()
    weir.stop()
    assert time.monotonic() - begin < LIMIT_S / 2, "its end does not wait for the look-up"


def in_pieces(data):
    def answer(c):
        for i in range(len(data)):
            c.send(data[i : i + 1])
            if i % 8 == 0:
                time.sleep(0.0005)

    return answer


def then_close(data):
    def answer(c):
        c.send(data)
        return END

    return answer


GOOD_ANSWERS = {
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "a redirection": b"HTTP/1.1 301 Moved\r\nLocation: /\r\nContent-Length: 0\r\n\r\n",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: y\r\n\r\n",
    "interim answers first": b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + OK,
    "byte by byte": in_pieces(b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK),
    "until close": then_close(b"HTTP/1.1 200 OK\r\n\r\nwell"),
    "HTTP/1.0": then_close(b"HTTP/1.0 200 OK\r\n\r\nwell"),
    "a page of which not all is read": b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n" + bytes(200000),
}


@pytest.mark.parametrize("what", GOOD_ANSWERS)
def test_a_whole_answer_with_a_status_in_range_is_good(world, what):
    fake = patient(world, answer=GOOD_ANSWERS[what])
    weir = world.weir(tables.one(fake, health_check=CHECK))
    wait_until(lambda: nr_checks(weir, "ok") >= 3, "three good checks")
    checks = weir.metrics().find("weir_health_checks_total")
    assert {labels["result"] for labels, _ in checks} == {"ok"}
    assert is_up(weir)


def stall(c):
    c.wait_for_end()


def reset(c):
    c.reset()
    return END


BAD_ANSWERS = {
    "another status": ("status", BAD, r"status 503 is not within 200 to 399"),
    "no HTTP": ("malformed", b"220 mail.example.com ESMTP\r\n\r\n", r"the answer is malformed"),
    "two lengths": ("malformed", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", r"malformed"),
    "a bad chunk": ("malformed", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", r"body is malformed"),
    "an unasked switch": ("malformed", b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", r"status 101 was not asked"),
    "interim for ever": ("malformed", b"HTTP/1.1 100 Continue\r\n\r\n" * 50, r"status 100 was not asked"),
    "half a head": ("closed", then_close(b"HTTP/1.1 200 OK\r\nContent-"), r"closed before"),
    "half a body": ("closed", then_close(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nwe"), r"closed before"),
    "nothing and the end": ("closed", then_close(b""), r"closed before"),
    "a reset": ("closed", reset, r"reset before"),
    "nothing ever": ("timeout", stall, r"no whole answer within 300 ms"),
    "a head and nothing more": (
        "timeout",
        lambda c: (c.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nwe"), stall(c)),
        r"no whole answer within 300 ms",
    ),
}


@pytest.mark.parametrize("what", BAD_ANSWERS)
def test_what_is_bad_is_named(world, what):
    result, answer, reason = BAD_ANSWERS[what]
    fake = patient(world, answer=answer)
    check = {"timeout_ms": 300} if result == "timeout" else {}
    weir = world.weir(tables.one(fake, health_check={**CHECK, **check}))
    wait_until(lambda: nr_checks(weir, result, function="hello", version="1", endpoint=fake.url) >= 2, f"two {result}")
    assert nr_checks(weir, "ok") == 0
    assert not is_up(weir)
    expect_unavailable(weir.call())
    weir.wait_for_words("is down: ")
    [line] = re.findall(r"warning endpoint (\S+) of hello version 1 is down: (.*)", weir.stderr())
    assert line[0] == fake.url and re.search(reason, line[1]), line


def test_an_answer_that_never_comes_holds_one_connection(world):
    fake = patient(world, answer=stall)
    weir = world.weir(tables.one(fake, health_check={**CHECK, "timeout_ms": 500}))
    wait_until(lambda: nr_checks(weir, "timeout") >= 3, "three checks have timed out")
    assert fake.nr_connections <= nr_checks(weir, "timeout") + 1


def test_statuses_that_count_can_be_chosen(world):
    fake = patient(world, answer=b"HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n")
    weir = world.weir(tables.one(fake, health_check={**CHECK, "status_min": 418, "status_max": 418}))
    wait_until(lambda: nr_checks(weir, "ok") >= 2, "two good checks")
    fake.patient.answer = OK
    wait_for_down(weir)


@needs_preload
def test_want_of_memory_says_nothing_of_the_endpoint(world):
    nomem = Nomem(world.folder / "nomem")
    fake = patient(world, answer=in_pieces(OK))
    weir = world.weir(tables.one(fake, health_check={**CHECK, "fall": 1}), workers=1, env=nomem.environment())
    wait_until(lambda: nr_checks(weir, "ok") >= 1, "a good check")
    for n in (1, 2, 3, 4, 5, 6):
        nomem.arm(n)
        wait_until(lambda: nomem.failed == 1, f"allocation {n} has failed")
    nomem.disarm()
    wait_until(lambda: nr_checks(weir, "internal") >= 3, "checks have failed for want of memory")
    assert is_up(weir) and changes(weir) == []
    good = nr_checks(weir, "ok")
    wait_until(lambda: nr_checks(weir, "ok") > good, "another good check")


# ---- TCP ----


def test_a_tcp_check_only_connects(world):
    fake = world.fake(lambda c: c.wait_for_end())
    check = {"type": "tcp", "interval_ms": 100, "rise": 1, "fall": 1}
    weir = world.weir(tables.one(fake, health_check=check))
    wait_until(lambda: nr_checks(weir, "ok") >= 3, "three good checks")
    assert is_up(weir) and fake.requests == []


def test_a_tcp_check_sees_an_endpoint_go_and_come(world):
    demo = world.demo()
    port = demo.port
    weir = world.weir(tables.one(demo, health_check={"type": "tcp", "interval_ms": 100, "rise": 2, "fall": 2}))
    wait_until(lambda: nr_checks(weir, "ok") >= 1, "a good check")
    demo.stop()
    wait_for_down(weir)
    assert nr_checks(weir, "connect") >= 2
    expect_unavailable(weir.call())
    world.demo(port=port)
    wait_for_up(weir)
    assert weir.call().status == 200
    wait_until(lambda: changes(weir) == ["down", "up again"], "the log has just that")


# ---- Rise and fall ----


def play(world, script, **check):
    """weir with an endpoint that answers by the script, once that has been played and its effect is there; the transitions."""
    fake = patient(world, script=script)
    weir = world.weir(tables.one(fake, health_check={**CHECK, **check}))
    fake.patient.wait_for_checks(len(script) + 2)
    wait_until(lambda: weir.metrics().value("weir_health_checks_total") > len(script), "the results are in")
    return changes(weir)


def test_fall_bad_checks_in_a_row_and_rise_good_ones(world):
    assert play(world, "gbbgbbbgbgg" + "g") == ["down", "up again"]


def test_fewer_than_fall_bad_checks_change_nothing(world):
    assert play(world, "gbbgbbgbbg") == []


def test_the_first_check_decides_at_once(world):
    assert play(world, "b" + "bb", fall=1000) == ["down"]


def test_each_transition_is_logged_once(world):
    assert play(world, "gbgbgbg" + "bbbb", rise=1, fall=1) == ["down", "up again"] * 3 + ["down"]


# ---- What an invocation gets ----


def test_only_the_share_of_a_version_that_is_down_gets_503(world):
    sick, well = patient(world, script="b"), world.demo("1")
    weir = world.weir(tables.split({"1": well, "2": checked(sick)}, {"1": 75, "2": 25}))
    wait_for_down(weir, "2")
    n = 200
    answers = [weir.call() for _ in range(n)]
    bad = [a for a in answers if a.status != 200]
    assert len(bad) == n // 4
    for answer in bad:
        expect_unavailable(answer)
    assert {a.headers["x-amz-executed-version"] for a in answers if a.status == 200} == {"1"}
    metrics = weir.settled_metrics()
    assert metrics.value("weir_invocations_total", version="2") == n // 4
    assert metrics.value("weir_errors_total", version="2", reason="unavailable") == n // 4
    assert metrics.value("weir_responses_total", version="2", code="5xx") == n // 4
    assert metrics.value("weir_errors_total", version="1") == 0
    assert metrics.value("weir_failover_invocations_total") == 0
    log = [line for line in weir.wait_for_log(n) if line["version"] == "2"]
    assert {(line["outcome"], line["status"]) for line in log} == {("unavailable", 503)}


def test_failover_runs_another_version_and_says_so(world):
    sick, well = patient(world, script="b"), world.demo("1")
    weir = world.weir(
        tables.split({"1": well, "2": checked(sick)}, {"1": 75, "2": 25}, on_unavailable="failover"),
    )
    wait_for_down(weir, "2")
    n = 200
    for answer in [weir.call() for _ in range(n)]:
        assert answer.status == 200
        assert answer.headers["x-amz-executed-version"] == "1"
        assert answer.json()["version"] == "1"
    metrics = weir.settled_metrics()
    # The picks are the split's; the runs say what became of them.
    assert metrics.value("weir_invocations_total", alias="live", version="1") == n * 3 // 4
    assert metrics.value("weir_invocations_total", alias="live", version="2") == n // 4
    assert metrics.value("weir_failover_invocations_total", alias="live", version="1") == n // 4
    assert metrics.value("weir_failover_invocations_total", alias="live", version="2") == 0
    assert metrics.value("weir_errors_total") == 0
    assert metrics.value("weir_responses_total", version="2", code="2xx") == n // 4
    assert well.count()["requests"] == n
    moved = [line for line in weir.wait_for_log(n) if line["version"] == "2"]
    assert len(moved) == n // 4
    assert {(line["executed_version"], line["endpoint"], line["outcome"]) for line in moved} == {("1", well.url, "ok")}
    # Back again, the version gets its share again.
    sick.patient.script = "g"
    wait_for_up(weir, "2")
    versions = [weir.call().headers["x-amz-executed-version"] for _ in range(100)]
    assert versions.count("2") == 25
    assert weir.settled_metrics().value("weir_failover_invocations_total") == n // 4


def test_failover_goes_to_the_largest_share_that_is_up(world):
    sick, also_sick, well, less = patient(world, "b"), patient(world, "b"), world.demo("3"), world.demo("4")
    weir = world.weir(
        tables.split(
            {"1": checked(sick), "2": checked(also_sick), "3": well, "4": less},
            {"1": 40, "2": 30, "3": 20, "4": 10},
            on_unavailable="failover",
        )
    )
    wait_for_down(weir, "1")
    wait_for_down(weir, "2")
    versions = [weir.call().headers["x-amz-executed-version"] for _ in range(100)]
    assert (versions.count("3"), versions.count("4")) == (90, 10)


def test_failover_without_any_healthy_version_is_503(world):
    one, two = patient(world, "b"), patient(world, "b")
    weir = world.weir(
        tables.split({"1": checked(one), "2": checked(two)}, {"1": 50, "2": 50}, on_unavailable="failover"),
    )
    wait_for_down(weir, "1")
    wait_for_down(weir, "2")
    for _ in range(10):
        expect_unavailable(weir.call())
    metrics = weir.settled_metrics()
    assert metrics.value("weir_errors_total", reason="unavailable") == 10
    assert metrics.value("weir_failover_invocations_total") == 0


def test_a_version_asked_for_directly_never_fails_over(world):
    sick, well = patient(world, script="b"), world.demo("1")
    weir = world.weir(
        tables.split({"1": well, "2": checked(sick)}, {"1": 75, "2": 25}, on_unavailable="failover"),
    )
    wait_for_down(weir, "2")
    expect_unavailable(weir.invoke("hello:2"))


def test_an_endpoint_that_is_down_gets_nothing_while_another_serves(world):
    sick, well = patient(world, script="b"), world.demo("1")
    weir = world.weir(tables.one([sick, well.url], health_check={**CHECK, "path": "/healthz"}))
    wait_for_down(weir, endpoint=sick.url)
    for _ in range(50):
        assert weir.call().json()["version"] == "1"
    assert [r for r in sick.requests if not r.target.startswith("/healthz")] == []


def test_weir_is_ready_whatever_its_endpoints_are(world):
    sick = patient(world, script="b")
    weir = world.weir(tables.one(sick, health_check=CHECK))
    wait_for_down(weir)
    assert weir.admin("/readyz").status == 200
    assert weir.admin("/healthz").status == 200


# ---- Coming back ----


def shares(weir, n):
    """How many of n invocations each endpoint of hello got, by its answer's X-Demo-Version."""
    versions = [weir.call().headers["x-demo-version"] for _ in range(n)]
    return versions.count("9") / n


def test_what_returns_begins_with_a_small_share(world):
    veteran, newcomer = world.demo("1"), world.demo("9")
    slow_ms = scaled(4000, 12000)
    port = newcomer.port
    check = {"type": "tcp", "interval_ms": 100, "rise": 1, "fall": 1}
    weir = world.weir(
        tables.one([veteran, newcomer], health_check=check, ejection={"consecutive_errors": 1000, "slow_start_ms": slow_ms}),
        workers=1,
    )
    assert 0.3 < shares(weir, 100) < 0.7, "a start is no return"
    newcomer.stop()
    wait_for_down(weir, endpoint=newcomer.url)
    assert shares(weir, 20) == 0
    world.demo("9", port=port)
    wait_for_up(weir, endpoint=newcomer.url)
    begin = time.monotonic()
    first = shares(weir, 60)
    elapsed = time.monotonic() - begin
    assert first < 0.05 + 0.5 * elapsed * 1000 / slow_ms + 0.2, (first, elapsed)
    wait_until(lambda: time.monotonic() - begin > slow_ms / 1000, "the slow start is over")
    assert 0.3 < shares(weir, 100) < 0.7


def test_a_flapping_endpoint_is_followed(world):
    fake = patient(world, script="g")
    weir = world.weir(tables.one(fake, health_check={**CHECK, "rise": 1, "fall": 1}))
    fake.patient.wait_for_checks(1)
    for _ in range(5):
        fake.patient.script = "b"
        wait_for_down(weir)
        expect_unavailable(weir.call())
        fake.patient.script = "g"
        wait_for_up(weir)
        assert weir.call().status == 200
    wait_until(lambda: changes(weir) == ["down", "up again"] * 5, "the log has all of it")


# ---- Reload ----


def test_a_reload_keeps_what_is_known(world):
    sick, well = patient(world, script="b"), patient(world)
    table = tables.one([sick, well], health_check={**CHECK, "interval_ms": 60000, "rise": 1000})
    weir = world.weir(table)
    wait_for_down(weir, endpoint=sick.url)
    for i in range(10):
        weir.must_reload({**table, "routes": [*table["routes"], tables.route(f"/other-{i}", qualifier="1")]})
        assert not is_up(weir, endpoint=sick.url)
        assert is_up(weir, endpoint=well.url)
    # Neither did they make new checks, which are a minute away: the first check of another endpoint would come within 2 s.
    time.sleep(2.3)
    assert len(sick.patient.checks) <= 1 and len(well.patient.checks) <= 1
    wait_until(lambda: changes(weir) == ["down"], "the log has just that")
    assert nr_checks(weir, "status", endpoint=sick.url) == 1


def test_a_count_of_bad_checks_goes_on_through_reloads(world):
    fake = patient(world, script="gbbbb")
    table = tables.one(fake, health_check=CHECK)
    weir = world.weir(table)
    for i in range(3):
        fake.patient.wait_for_checks(1)
        weir.must_reload({**table, "routes": [*table["routes"], tables.route(f"/other-{i}", qualifier="1")]})
    wait_for_down(weir)
    wait_until(lambda: changes(weir) == ["down"], "the log has just that")


def test_checkers_follow_the_table(world):
    old, new = patient(world, script="b"), patient(world)
    weir = world.weir(tables.one(old, health_check=CHECK))
    wait_for_down(weir)
    weir.must_reload(tables.one([old, new], health_check=CHECK))
    assert not is_up(weir, endpoint=old.url)
    new.patient.wait_for_checks(2)
    weir.must_reload(tables.one(new, health_check=CHECK))
    wait_until_steady(lambda: len(old.patient.checks), "the number of the old endpoint's checks")
    new.patient.wait_for_checks(2)
    # Without a check there is nobody who could say that it is back: it counts as up.
    weir.must_reload(tables.one([old, new], health_check=CHECK))
    wait_for_down(weir, endpoint=old.url)
    weir.must_reload(tables.one([old, new]))
    assert is_up(weir, endpoint=old.url)
    assert weir.metrics().find("weir_health_checks_total") == []
    wait_until_steady(lambda: len(new.patient.checks), "the number of checks")


def test_another_question_is_asked_soon(world):
    fake = patient(world, script="b")
    hour = {**CHECK, "interval_ms": 3600000, "rise": 1}
    weir = world.weir(tables.one(fake, health_check=hour))
    wait_for_down(weir)
    weir.must_reload(tables.one(fake, health_check={**hour, "status_max": 599}))
    assert not is_up(weir)
    wait_for_up(weir)


def test_a_reload_in_the_middle_of_a_check_ends_it(world):
    fake = patient(world, answer=stall)
    weir = world.weir(tables.one(fake, health_check=CHECK))
    wait_until(lambda: fake.patient.checks, "the first check, which is not answered, has begun")
    fake.patient.answer = OK
    weir.must_reload(tables.one(fake, health_check={**CHECK, "path": "/healthz?new"}))
    wait_until(lambda: nr_checks(weir, "ok") >= 2, "two good checks")
    assert nr_checks(weir, "timeout") == 0
    assert fake.patient.checks[-1].target == "/healthz?new"


def test_a_change_of_weights_leaves_checks_alone(world):
    sick, well = patient(world, script="b"), patient(world)
    table = tables.split({"1": checked(well), "2": checked(sick)}, {"1": 50, "2": 50})
    weir = world.weir(table)
    wait_for_down(weir, "2")
    table["functions"]["hello"]["aliases"]["live"]["weights"] = {"1": 90, "2": 10}
    weir.must_reload(table)
    assert not is_up(weir, "2") and is_up(weir, "1")
    sick.patient.wait_for_checks(2)
    wait_until(lambda: changes(weir) == ["down"], "the log has just that")


# ---- TLS ----


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path / "ca")


def test_an_https_endpoint_is_checked_as_it_is_used(world, authority):
    pair = authority.issue("fn", ["DNS:fn.example.com", f"IP:{ADDRESS}"])
    handler = Patient()
    fake = world.keep(TlsFake(pair, handler))
    tls = {"ca_file": str(authority.file), "server_name": "fn.example.com"}
    weir = world.weir(tables.one(fake, tls=tls, health_check=CHECK))
    wait_until(lambda: nr_checks(weir, "ok") >= 3, "three good checks")
    assert is_up(weir) and fake.failures == []
    assert set(fake.server_names) == {"fn.example.com"}
    assert handler.checks[0].headers["host"] == f"{ADDRESS}:{fake.port}"
    assert weir.call().status == 200


def test_a_certificate_that_cannot_be_verified_is_bad(world, authority, tmp_path):
    fake = world.keep(TlsFake(Authority(tmp_path / "other").issue("fn", [f"IP:{ADDRESS}"]), Patient()))
    weir = world.weir(tables.one(fake, tls={"ca_file": str(authority.file)}, health_check=CHECK))
    wait_for_down(weir)
    assert nr_checks(weir, "tls") >= 1
    weir.wait_for_words("is down: TLS failed: ")


def test_a_handshake_that_never_ends_times_out(world, authority):
    fake = world.fake(lambda c: c.wait_for_end())
    url = fake.url.replace("http:", "https:")
    weir = world.weir(tables.one(url, tls={"ca_file": str(authority.file)}, health_check={**CHECK, "timeout_ms": 300}))
    wait_for_down(weir)
    weir.wait_for_words("no end of the TLS handshake within 300 ms")


def test_a_tcp_check_of_an_https_endpoint_does_not_shake_hands(world, authority):
    fake = world.fake(lambda c: c.wait_for_end())
    url = fake.url.replace("http:", "https:")
    check = {"type": "tcp", "interval_ms": 100}
    weir = world.weir(tables.one(url, tls={"ca_file": str(authority.file)}, health_check=check))
    wait_until(lambda: nr_checks(weir, "ok") >= 2, "two good checks")


# ---- Many, and the end ----


def many(fake, nr, **check):
    """nr endpoints at one address."""
    versions = {
        str(v): {
            "endpoints": [f"{fake.url}/{v}/{i}" for i in range(50)],
            "health_check": {"path": "/healthz", "interval_ms": 60000, "timeout_ms": 60000, **check},
        }
        for v in range(1, nr // 50 + 1)
    }
    return tables.table({"hello": tables.function(versions)})


def test_a_thousand_endpoints_are_not_checked_at_once(world):
    times = []

    def handler(c):
        times.append(time.monotonic())
        if c.read_request():
            c.send(OK)

    weir = world.weir(many(world.fake(handler), 1000))
    wait_until(lambda: nr_checks(weir, "ok") == 1000, "all have been checked")
    times.sort()
    assert len(times) == 1000
    assert times[-1] - times[0] > 1, "they come over two seconds"
    busiest = max(sum(1 for t in times if begin <= t < begin + 0.25) for begin in times[::20])
    assert busiest < 500, busiest


def test_so_many_checks_are_on_their_way_and_no_more(world):
    fake = world.fake(lambda c: c.wait_for_end())
    weir = world.weir(many(fake, 400))
    wait_until(lambda: fake.nr_connections >= 256, "256 checks are on their way")
    assert wait_until_steady(lambda: fake.nr_connections, "the number of connections", times=20) == 256
    # Places come free as soon as there is another table.
    weir.must_reload(tables.one(world.demo()))
    wait_until(lambda: weir.nr_descriptors() < 100, "the connections are closed")
    assert weir.call().status == 200


def test_those_that_wait_get_their_turn(world):
    fake = world.fake(lambda c: c.wait_for_end())
    weir = world.weir(many(fake, 400, timeout_ms=1000))
    wait_until(lambda: nr_checks(weir, "timeout") >= 400, "all have been checked")


def test_weir_ends_at_once_while_checks_are_on_their_way(world):
    fake = world.fake(lambda c: c.wait_for_end())
    weir = world.weir(many(fake, 300))
    wait_until(lambda: fake.nr_connections >= 100, "checks are on their way")
    begin = time.monotonic()
    weir.stop()
    assert time.monotonic() - begin < LIMIT_S / 2
