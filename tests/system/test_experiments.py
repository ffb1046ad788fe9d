"""GET /experiments: what endpoints say of outcomes, by version, over all workers; what is left out; what ends it."""

import itertools
import json

import pytest
from harness import tables
from harness.rie import Rie
from harness.waiting import wait_until

pytestmark = pytest.mark.fast

PAGE = "/experiments/hello/live"


class Shop:
    """An endpoint that says of each n-th invocation that it was an order, and takes a while."""

    def __init__(self, every=4, says="order=1, revenue=12.5", status="200 OK", field="x-weir-outcome"):
        self.every, self.says, self.status, self.field = every, says, status, field
        self.numbers = itertools.count(1)

    def __call__(self, c):
        while c.read_request():
            outcome = f"{self.field}: {self.says}\r\n" if next(self.numbers) % self.every == 0 else ""
            c.send(f"HTTP/1.1 {self.status}\r\n{outcome}Content-Length: 2\r\n\r\nok".encode())


def call(weir, keys, name="x-user", nr_connections=8):
    """A request for each key, over several connections, and so several workers; None: without. The answers."""
    connections = [weir.connect() for _ in range(nr_connections)]
    answers = []
    for c, key in zip(itertools.cycle(connections), keys):
        c.send_request(headers=[(name, key)] if key is not None else [])
        answers.append(c.read_answer())
    for c in connections:
        c.close()
    return answers


def page(weir, invocations=None):
    """What the page says, once as many invocations are in it."""

    def read():
        answer = weir.admin(PAGE)
        assert answer.status == 200, answer
        json_page = answer.json()
        counted = sum(v["invocations"] for v in json_page["versions"].values())
        return json_page if invocations is None or counted == invocations else None

    return wait_until(read, f"{invocations} invocations are in the page")


def start(world, first, second, weights=None, experiment=None, **alias):
    weir = world.weir(
        tables.split(
            {"1": world.fake(first), "2": world.fake(second)},
            weights or {"1": 50, "2": 50},
            experiment=experiment or {"alpha": 0.05},
            **alias,
        ),
        workers=4,
    )
    return weir


def test_an_exact_split_counts_each_invocation_as_a_caller(world):
    weir = start(world, Shop(4), Shop(2))
    answers = call(weir, [None] * 400)
    assert {a.status for a in answers} == {200}
    assert not any("x-weir-outcome" in a.headers for a in answers)
    p = page(weir, 400)
    for version, rate in (("1", 0.25), ("2", 0.5)):
        v = p["versions"][version]
        assert v["weight"] == 50 and v["invocations"] == 200 and v["callers"] == 200
        assert v["error_rate"] == 0 and v["error_rate_low"] <= 0 <= v["error_rate_high"]
        assert v["outcomes"]["order"]["mean"] == pytest.approx(rate)
        assert v["outcomes"]["revenue"]["mean"] == pytest.approx(12.5 * rate)
        assert v["outcomes"]["order"]["low"] < rate < v["outcomes"]["order"]["high"]
        d = v["duration_ms"]
        assert d["low"] <= d["mean"] <= d["high"] and 0 < d["p50"] <= d["p90"] <= d["p99"]
    assert list(p["differences"]) == ["2"]
    order = p["differences"]["2"]["outcomes"]["order"]
    assert order["estimate"] == pytest.approx(0.25) and order["low"] > 0 and order["high"] < 0.5
    assert p["differences"]["2"]["error_rate"]["estimate"] == 0
    assert set(p["differences"]["2"]["duration_ms"]) == {"estimate", "low", "high"}
    assert p["srm"]["callers"] == 400 and p["srm"]["p_value"] == pytest.approx(1) and p["srm"]["mismatch"] is False
    assert 0 < p["srm"]["e_value"] < 2
    assert p["crossovers"] == 0
    assert p["sample"] == {"share": 1, "callers": 0, "callers_max": 65536}


def test_an_arm_that_is_worse_is_seen_to_be(world):
    weir = start(world, Shop(2), Shop(2, status="500 Oops"), {"1": 75, "2": 25})
    call(weir, [None] * 400)
    p = page(weir, 400)
    assert p["versions"]["1"]["error_rate"] == 0 and p["versions"]["2"]["error_rate"] == 1
    errors = p["differences"]["2"]["error_rate"]
    assert errors["estimate"] == 1 and errors["low"] > 0
    assert p["srm"]["mismatch"] is False  # it answers


def test_a_dead_arm_is_a_mismatch_and_all_errors(world):
    fake = world.fake(Shop(2))
    weir = world.weir(
        tables.split({"1": fake, "2": "http://127.0.0.1:1"}, {"1": 75, "2": 25}, experiment={"alpha": 0.05}), workers=4
    )
    call(weir, [None] * 400)
    p = page(weir, 400)
    assert p["versions"]["2"]["error_rate"] == 1
    assert p["srm"]["callers"] == 300 and p["srm"]["p_value"] < 1e-6 and p["srm"]["mismatch"] is True
    assert p["srm"]["e_value"] == pytest.approx(weir.metrics().value("weir_split_evalue"), rel=1e-3)


def test_bad_outcomes_are_left_out_and_counted(world):
    weir = start(world, Shop(1, "order=1, x, order=nan"), Shop(1, "=1, order=2, a b=3"))
    call(weir, [None] * 100)
    p = page(weir, 100)
    assert p["versions"]["1"]["outcomes"] == {"order": p["versions"]["1"]["outcomes"]["order"]}
    assert p["versions"]["1"]["outcomes"]["order"]["mean"] == 1 and p["versions"]["2"]["outcomes"]["order"]["mean"] == 2
    assert p["bad_outcomes"] == 200


def test_the_field_has_the_name_that_the_alias_gives_it(world):
    weir = start(world, Shop(1, field="X-Told"), Shop(1, field="x-told"), experiment={"outcome_header": "x-told"})
    answers = call(weir, [None] * 20)
    assert not any("x-told" in a.headers for a in answers)
    assert page(weir, 20)["versions"]["2"]["outcomes"]["order"]["mean"] == 1


def test_delete_begins_anew(world):
    weir = start(world, Shop(2), Shop(2))
    call(weir, [None] * 100)
    page(weir, 100)
    assert weir.admin(PAGE, "DELETE").status == 204
    p = page(weir, 0)
    assert p["srm"]["callers"] == 0 and p["versions"]["1"]["outcomes"] == {} and p["srm"]["e_value"] == pytest.approx(1)
    call(weir, [None] * 40)
    assert page(weir, 40)["srm"]["callers"] == 40


def test_reloads_and_changes_of_weights_keep_it(world):
    places = {"1": world.fake(Shop(2)), "2": world.fake(Shop(2))}

    def table(first, **alias):
        return tables.split(places, {"1": first, "2": 100 - first}, experiment={"alpha": 0.05}, **alias)

    weir = world.weir(table(50), workers=4)
    call(weir, [None] * 100)
    weir.must_reload(table(50, description="the same"))
    call(weir, [None] * 100)
    weir.must_reload(table(80))
    call(weir, [None] * 100)
    answer = weir.admin("/functions/hello/aliases/live", "PUT", json.dumps({"weights": {"1": 20, "2": 80}}).encode())
    assert answer.status == 200, answer
    call(weir, [None] * 100)
    p = page(weir, 400)
    assert (p["versions"]["1"]["invocations"], p["versions"]["2"]["invocations"]) == (200, 200)
    assert (p["versions"]["1"]["weight"], p["versions"]["2"]["weight"]) == (20, 80)
    assert p["srm"]["callers"] == 400 and p["srm"]["p_value"] > 0.9 and not p["srm"]["mismatch"]


def test_it_ends_with_the_key(world):
    places = {"1": world.fake(Shop(2)), "2": world.fake(Shop(2))}
    table = tables.split(places, {"1": 50, "2": 50}, experiment={"alpha": 0.05})
    weir = world.weir(table, workers=2)
    call(weir, [None] * 20)
    page(weir, 20)
    weir.must_reload(tables.split(places, {"1": 50, "2": 50}))
    assert weir.admin(PAGE).status == 404
    answers = call(weir, [None] * 4)
    assert any("x-weir-outcome" in a.headers for a in answers)  # an ordinary field now
    weir.must_reload(table)
    assert sum(v["invocations"] for v in page(weir)["versions"].values()) == 0


def test_what_has_no_experiment_is_404_and_says_why(world):
    weir = world.weir(tables.split({"1": world.fake(Shop(2))}, {"1": 100}), workers=1)
    for path, word in (
        ("/experiments/hello/live", 'has no experiment'),
        ("/experiments/hello/other", 'has no alias \\"other\\"'),
        ("/experiments/nobody/live", 'no function \\"nobody\\"'),
        ("/experiments/hello/1", "names no function and alias"),
        ("/experiments/hello/%20", "names no function and alias"),
    ):
        for method in ("GET", "DELETE"):
            answer = weir.admin(path, method)
            assert answer.status == 404 and word in answer.body.decode(), answer
    answer = weir.admin(PAGE, "POST", b"")
    assert answer.status == 405 and answer.headers["allow"] == "GET, HEAD, DELETE"


def test_invocations_of_a_version_by_its_name_are_not_in_it(world):
    weir = start(world, Shop(2), Shop(2))
    assert weir.invoke("hello:2").status == 200
    call(weir, [None] * 10)
    page(weir, 10)
    assert weir.invoke("hello:live").status == 200
    page(weir, 11)


STICKY = {"sticky": {"key": [{"header": "x-user"}]}}


def users(n):
    return [f"user-{i}" for i in range(n)]


def test_a_caller_counts_once_and_its_visits_are_in_the_means(world):
    weir = start(world, Shop(2), Shop(4), split=STICKY)
    call(weir, users(200) * 3)
    p = page(weir, 600)
    callers = {v: p["versions"][v]["callers"] for v in ("1", "2")}
    assert sum(callers.values()) == 200 and min(callers.values()) > 60
    for version, rate in (("1", 0.5), ("2", 0.25)):
        v = p["versions"][version]
        assert v["invocations"] == 3 * callers[version]
        assert v["outcomes"]["order"]["mean"] == pytest.approx(rate, abs=0.02)
    assert p["srm"]["callers"] == 200 and not p["srm"]["mismatch"] and p["srm"]["p_value"] > 1e-4
    assert p["sample"] == {"share": 1, "callers": 200, "callers_max": 65536}
    call(weir, [None] * 20)  # callers without a key are split by tickets, and callers of their own
    p = page(weir, 620)
    assert sum(v["callers"] for v in p["versions"].values()) == 220 and p["sample"]["callers"] == 200


def test_callers_whom_an_edit_moves_are_crossovers_and_left_out(world):
    places = {"1": world.fake(Shop(2)), "2": world.fake(Shop(2))}

    def table(first):
        return tables.split(places, {"1": first, "2": 100 - first}, split=STICKY, experiment={"alpha": 0.05})

    weir = world.weir(table(50), workers=4)
    before = [a.headers["x-amz-executed-version"] for a in call(weir, users(200))]
    page(weir, 200)
    weir.must_reload(table(80))
    after = [a.headers["x-amz-executed-version"] for a in call(weir, users(200))]
    moved = sum(a != b for a, b in zip(before, after))
    assert 20 < moved < 100
    p = page(weir, 2 * (200 - moved))
    assert p["crossovers"] == moved
    assert sum(v["callers"] for v in p["versions"].values()) == 200 - moved
    assert p["srm"]["callers"] == 200 and not p["srm"]["mismatch"]
    weir.must_reload(table(50))  # back again: they saw both
    call(weir, users(200))
    assert page(weir, 3 * (200 - moved))["crossovers"] == moved


def test_callers_outside_of_the_namespace_are_in_no_figure(world):
    split = {"sticky": {"key": [{"header": "x-user"}], "namespace": {"salt": "space", "from": 0, "to": 50}}}
    weir = start(world, Shop(2), Shop(2), split=split)
    call(weir, users(200))
    inside = page(weir)["sample"]["callers"]
    assert 60 < inside < 140
    assert page(weir, inside)["srm"]["callers"] == inside


def test_a_dead_arm_of_a_sticky_split_is_a_mismatch(world):
    weir = world.weir(
        tables.split(
            {"1": world.fake(Shop(2)), "2": "http://127.0.0.1:1"}, {"1": 70, "2": 30}, split=STICKY, experiment={"alpha": 0.05}
        ),
        workers=4,
    )
    call(weir, users(300))
    call(weir, users(300))
    p = page(weir, 600)
    assert p["srm"]["mismatch"] is True and p["srm"]["p_value"] < 1e-6
    assert p["srm"]["callers"] == p["versions"]["1"]["callers"]


# ---- Kinds of versions


@pytest.mark.parametrize("kind", ["http", "lambda"])
@pytest.mark.parametrize("path", ["invocations", "response-streaming-invocations"])
def test_outcomes_of_an_invoke_are_taken_off(world, kind, path):
    fake = world.fake(Shop(1, "order=3"))
    alias = {"weights": {"1": 50, "2": 50}, "experiment": {}}
    versions = {v: {"kind": kind, **tables.endpoints(fake)} for v in ("1", "2")}
    weir = world.weir(tables.table({"hello": tables.function(versions, {"live": alias})}), workers=1)
    date = "2021-11-15" if path.startswith("response") else "2015-03-31"
    answers = [weir.call("POST", f"/{date}/functions/hello:live/{path}", body=b"{}") for _ in range(4)]
    assert [a.status for a in answers] == [200] * 4, answers
    assert not any("x-weir-outcome" in a.headers for a in answers)
    p = page(weir, 4)
    assert [p["versions"][v]["outcomes"]["order"]["mean"] for v in ("1", "2")] == [3, 3]


def test_outcomes_of_a_function_url_are_taken_off(world):
    def run(event, request):
        return {"statusCode": 200, "headers": {"X-Weir-Outcome": "order=2", "x-own": "stays"}, "body": "done"}

    versions = {v: {"kind": "rie", **tables.endpoints(world.fake(Rie(run).serve))} for v in ("1", "2")}
    alias = {"weights": {"1": 50, "2": 50}, "experiment": {}}
    weir = world.weir(
        tables.table({"hello": tables.function(versions, {"live": alias})}, [tables.route(qualifier="live", function_url=True)]),
        workers=1,
    )
    answers = [weir.call() for _ in range(4)]
    assert [(a.status, a.body, a.headers["x-own"]) for a in answers] == [(200, b"done", "stays")] * 4
    assert not any("x-weir-outcome" in a.headers for a in answers)
    assert page(weir, 4)["versions"]["2"]["outcomes"]["order"]["mean"] == 2


def test_function_errors_are_errors(world):
    def fail(event, request):
        raise ValueError("no")

    versions = {
        "1": {"kind": "rie", **tables.endpoints(world.fake(Rie().serve))},
        "2": {"kind": "rie", **tables.endpoints(world.fake(Rie(fail).serve))},
    }
    alias = {"weights": {"1": 50, "2": 50}, "experiment": {}}
    weir = world.weir(tables.table({"hello": tables.function(versions, {"live": alias})}), workers=1)
    for _ in range(4):
        assert weir.invoke("hello:live").status == 200
    p = page(weir, 4)
    assert (p["versions"]["1"]["error_rate"], p["versions"]["2"]["error_rate"]) == (0, 1)
    assert p["srm"]["callers"] == 4


# ---- What is not drawn


def test_pins_and_overrides_are_in_no_figure_and_their_outcomes_are_taken_off(world):
    override = {"header": "x-choose", "networks": ["127.0.0.0/8"]}
    weir = start(world, Shop(1), Shop(1), pin={"for_s": 600, "header": "x-weir-pin"}, override=override)
    (first,) = call(weir, [None])
    again = call(weir, [first.headers["x-weir-pin"]] * 5, name="x-weir-pin")
    chosen = call(weir, ["2"] * 5, name="x-choose")
    assert {a.headers["x-amz-executed-version"] for a in again} == {first.headers["x-amz-executed-version"]}
    assert {a.headers["x-amz-executed-version"] for a in chosen} == {"2"}
    assert not any("x-weir-outcome" in a.headers for a in [first, *again, *chosen])
    call(weir, [None])
    assert page(weir, 2)["srm"]["callers"] == 2
