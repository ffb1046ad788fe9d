"""A guard takes a canary back that fails more often than the first version, and no other."""

import json
import math

import pytest
from harness import tables
from harness.waiting import wait_until

pytestmark = pytest.mark.fast

RISKS = [1.5, 2, 3, 5, 8, 13, 20, 35, 60, 100, 200, 400]


def alias_of(weir):
    return weir.admin("/functions/hello/aliases/live").json()


def evalue(weir, version="2"):
    return weir.metrics().value("weir_guard_evalue", function="hello", alias="live", version=version)


def world_of(world, weights, first=None, second="status=500", alpha=0.01, **more):
    demos = {"1": world.demo("1", first), "2": world.demo("2", second)}
    return demos, world.weir(tables.split(demos, weights, guard={"alpha": alpha}), **more)


def mean(canary, first, share):
    """Of so many errors each."""
    return sum(r**canary / (1 + (r - 1) * share) ** (canary + first) for r in RISKS) / len(RISKS)


@pytest.mark.parametrize("share,most", [(5, 10), (20, 14), (50, 25)])
def test_a_canary_that_is_down_is_back_after_a_few_failures(world, share, most):
    demos, weir = world_of(world, {"1": 100 - share, "2": share})
    failures = 0
    with weir.connect() as c:
        while alias_of(weir)["weights"] != {"1": 100}:
            assert failures < most
            c.send_request("GET", "/")
            failures += c.read_answer().status == 500
            assert evalue(weir) == pytest.approx(mean(failures, 0, share / 100), rel=1e-5)
    assert demos["2"].count()["requests"] == failures
    assert evalue(weir) >= 100 > mean(failures - 1, 0, share / 100)
    weir.wait_for_words("hello:live is back at version 1 alone; guard: version 2 fails more often than version 1")
    wait_until(lambda: weir.call().status == 200, "all goes to version 1")
    assert demos["2"].count()["requests"] == failures


def test_where_both_fail_nobody_is_to_blame(world):
    demos, weir = world_of(world, {"1": 50, "2": 50}, first="status=503")
    for n in range(40):
        assert weir.call().status >= 500
    assert evalue(weir) == pytest.approx(mean(20, 20, 0.5), rel=1e-5)
    assert evalue(weir) < 1
    assert alias_of(weir)["weights"] == {"1": 50, "2": 50}
    assert demos["2"].count()["requests"] == 20


def test_it_goes_on_through_other_weights_and_reloads_and_begins_anew_with_the_version(world):
    demos, weir = world_of(world, {"1": 50, "2": 50}, alpha=0.000001)
    with weir.connect() as c:
        for _ in range(4):
            c.send_request("GET", "/")
            c.read_answer()
    before = evalue(weir)
    assert before == pytest.approx(mean(2, 0, 0.5), rel=1e-5)
    table = {"weights": {"1": 60, "2": 40}}
    assert weir.admin("/functions/hello/aliases/live", "PUT", json.dumps(table).encode()).status == 200
    assert weir.admin("/reload", "POST", b"").status == 200
    assert evalue(weir) == before
    for weights in ({"1": 100}, {"1": 60, "2": 40}):
        assert weir.admin("/functions/hello/aliases/live", "PUT", json.dumps({"weights": weights}).encode()).status == 200
    assert math.isclose(evalue(weir), 1)


def test_each_canary_has_its_own(world):
    demos = {"1": world.demo("1"), "2": world.demo("2"), "3": world.demo("3", "status=500")}
    weir = world.weir(tables.split(demos, {"1": 50, "2": 25, "3": 25}, guard={"alpha": 0.000001}))
    for _ in range(8):
        weir.call()
    assert evalue(weir, "2") == 1
    assert evalue(weir, "3") == pytest.approx(mean(2, 0, 25 / 75), rel=1e-5)


def test_further_attempts_of_one_call_are_no_evidence(world):
    demos, weir = world_of(world, {"1": 50, "2": 50}, alpha=0.000001)

    def attempt(call):
        headers = [("amz-sdk-invocation-id", f"11111111-2222-3333-4444-{call:012}")]
        return weir.invoke("hello", query="?Qualifier=live", headers=headers).status

    call = next(call for call in range(4) if attempt(call) == 500)
    before = evalue(weir)
    assert before == pytest.approx(mean(1, 0, 0.5), rel=1e-5)
    assert [attempt(call) for _ in range(4)] == [500] * 4
    assert evalue(weir) == before
    assert demos["2"].count()["requests"] == 5
