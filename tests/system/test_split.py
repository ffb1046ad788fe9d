"""The split, counted: exact over all workers and connections, through reloads and changes of weights."""

import threading
from fractions import Fraction

import pytest
from harness import tables
from harness.places import scaled


class Count:
    """Follows a run of weir-load and compares it with the weights in force at each invocation."""

    def __init__(self, load, versions):
        self.load = load
        self.target = {v: Fraction(0) for v in versions}
        self.result = {"answers": 0, "versions": {}}

    def expect(self, n, weights):
        for version, percent in weights.items():
            self.target[version] += n * Fraction(str(percent)) / 100

    def run(self, n, weights):
        """n invocations while these weights are in force."""
        self.expect(n, weights)
        self.note(self.load.run(n))
        self.check()

    def note(self, result):
        assert result["failed"] == 0 and set(result["statuses"]) <= {"200"}, result
        assert result["mismatches"] == 0 and result["other_versions"] == 0, result
        self.result = result

    def check(self):
        for version, target in self.target.items():
            got = self.result["versions"].get(version, 0)
            assert abs(got - target) < 1, f"version {version}: {got} where {float(target)} are due: {self.result}"
        assert sum(self.result["versions"].values()) == self.result["answers"]


def demos_for(world, names):
    return {name: world.demo(name) for name in names}


@pytest.mark.slow
def test_the_split_is_exact_over_workers_connections_reloads_and_changes(world):
    demos = demos_for(world, ["1", "2", "3"])

    def table(weights):
        return tables.split(demos, weights)

    phases = [
        {"1": 95, "2": 5},
        {"1": 50, "2": 50},
        {"1": 99.9, "2": 0.1},
        {"1": 0, "2": 100},
        {"1": 33.3333333, "2": 66.6666667},
        {"1": 70, "2": 20, "3": 10},
        {"1": 1, "2": 0.0000001, "3": 98.9999999},
        {"2": 37.5, "3": 62.5},
        {"1": 95, "2": 5},
    ]
    total = scaled(100_000, 30_000)
    weir = world.weir(table(phases[0]), workers=4)
    count = Count(world.load(weir, connections=32), demos)
    pieces = 20
    left = total
    for i in range(pieces):
        weights = phases[i % len(phases)]
        weir.must_reload(table(weights))
        # Odd sizes, so that changes fall anywhere between a version's turns.
        n = left if i == pieces - 1 else total // pieces - 7 + 13 * (i % 5 - 2)
        left -= n
        count.run(n, weights)
    assert count.result["answers"] == total and count.result["connects"] == 32
    assert sum(d.count()["requests"] for d in demos.values()) == total
    for version, demo in demos.items():
        assert demo.count()["requests"] == count.result["versions"].get(version, 0)


@pytest.mark.slow
def test_reloads_in_the_middle_of_the_load_do_not_disturb_the_split(world):
    demos = demos_for(world, ["1", "2"])
    weights = {"1": 95, "2": 5}
    weir = world.weir(tables.split(demos, weights), workers=4)
    count = Count(world.load(weir, connections=32), demos)
    n = scaled(40_000, 10_000)
    count.load.tell(f"run {n}")
    reloads = 0
    done = threading.Event()

    def reload():
        nonlocal reloads
        while not done.is_set():
            # The alias stays as it is; what is beside it changes.
            table = tables.split(demos, weights)
            table["functions"]["other"] = tables.function({"1": demos["1"]}, {f"a{reloads}": {"1": 100}})
            weir.must_reload(table)
            reloads += 1

    thread = threading.Thread(target=reload)
    thread.start()
    try:
        result = count.load.result()
    finally:
        done.set()
        thread.join()
    count.expect(n, weights)
    count.note(result)
    count.check()
    assert reloads > 3
    assert weir.metrics().value("weir_table_reloads_total", result="ok") >= reloads


@pytest.mark.slow
@pytest.mark.parametrize("change", [False, True], ids=["same weights", "changed weights"])
def test_a_reload_every_ten_requests_at_five_per_cent_keeps_the_share(world, change):
    demos = demos_for(world, ["1", "2"])
    weir = world.weir(tables.split(demos, {"1": 95, "2": 5}), workers=4)
    count = Count(world.load(weir, connections=4), demos)
    for i in range(scaled(200, 60)):
        weights = {"1": 93, "2": 7} if change and i % 2 else {"1": 95, "2": 5}
        weir.must_reload(tables.split(demos, weights))
        count.run(10, weights)
    assert count.result["versions"]["2"] >= scaled(100, 30)


def test_sixteen_versions_have_their_shares_at_every_point(world):
    names = [str(i) for i in range(1, 17)]
    demos = demos_for(world, names)
    percents = [0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8.25, 9.75, 20, 21.5]
    weights = dict(zip(names, percents))
    assert sum(percents) == 100
    weir = world.weir(tables.split(demos, weights), workers=4)
    count = Count(world.load(weir, connections=1), names)
    # One at a time: each prefix is looked at.
    for _ in range(scaled(300, 100)):
        count.run(1, weights)
    count = Count(world.load(weir, connections=32), names)
    # A second caller begins in the middle; together they are still exact.
    before = {v: d.count()["requests"] for v, d in demos.items()}
    n = scaled(20_000, 5_000)
    result = count.load.run(n)
    total = n + sum(before.values())
    for version, percent in weights.items():
        got = demos[version].count()["requests"]
        assert abs(got - Fraction(str(percent)) * total / 100) < 1
        assert got == before[version] + result["versions"].get(version, 0)


@pytest.mark.fast
@pytest.mark.parametrize(
    "weights",
    [{"1": 100}, {"1": 100, "2": 0}, {"1": 0, "2": 100}, {"1": 50, "2": 50}, {"1": 99.5, "2": 0.5}, {"1": 30, "2": 30, "3": 40}],
    ids=str,
)
def test_every_prefix_is_exact(world, weights):
    demos = demos_for(world, ["1", "2", "3"])
    weir = world.weir(tables.split(demos, weights), workers=3)
    count = Count(world.load(weir, connections=1, close=True), demos)
    for _ in range(scaled(210, 60)):
        count.run(1, weights)
    for version in demos:
        if weights.get(version, 0) == 0:
            assert demos[version].count()["requests"] == 0


def test_direct_invocations_of_a_version_do_not_move_the_split(world):
    demos = demos_for(world, ["1", "2"])
    weights = {"1": 80, "2": 20}
    weir = world.weir(tables.split(demos, weights), workers=2)
    count = Count(world.load(weir, connections=1), demos)
    for i in range(50):
        count.run(1, weights)
        assert weir.invoke(f"hello:{1 + i % 2}").headers["x-amz-executed-version"] == str(1 + i % 2)


def test_two_aliases_are_counted_apart(world):
    demos = demos_for(world, ["1", "2"])
    weir = world.weir(
        tables.table(
            {"hello": tables.function(demos, {"a": {"1": 75, "2": 25}, "b": {"1": 10, "2": 90}})},
            [tables.route("/a", qualifier="a"), tables.route("/b", qualifier="b")],
        ),
        workers=2,
    )
    a = Count(world.load(weir, connections=3, path="/a"), demos)
    b = Count(world.load(weir, connections=3, path="/b"), demos)
    for n in (1, 7, 100, 3):
        a.run(n, {"1": 75, "2": 25})
        b.run(n + 1, {"1": 10, "2": 90})
    # An alias invoked by its name and through a route is one alias.
    for _ in range(10):
        weir.invoke("hello:a")
    metrics = weir.settled_metrics()
    for version, percent in (("1", 75), ("2", 25)):
        picks = metrics.value("weir_invocations_total", function="hello", alias="a", version=version)
        assert abs(picks - 121 * percent / 100) < 1


def test_the_random_split_draws_independently(world):
    demos = demos_for(world, ["1", "2"])
    weir = world.weir(tables.split(demos, {"1": 90, "2": 10}, split="random"), workers=4)
    load = world.load(weir, connections=8)
    batches = []
    last = 0
    for _ in range(40):
        now = load.run(100)["versions"].get("2", 0)
        batches.append(now - last)
        last = now
    # 4000 draws at a tenth: mean 400, standard deviation 19; six of them miss once in a billion runs.
    assert 400 - 6 * 19 < last < 400 + 6 * 19
    # The exact split would have ten in each batch.
    assert len(set(batches)) > 1


def test_the_mode_of_a_split_can_be_changed_by_a_reload(world):
    demos = demos_for(world, ["1", "2"])
    weights = {"1": 90, "2": 10}
    weir = world.weir(tables.split(demos, weights, split="random"), workers=2)
    load = world.load(weir, connections=4)
    load.run(200)
    weir.must_reload(tables.split(demos, weights))
    before = load.run(1)["versions"]
    after = load.run(1000)["versions"]
    for version, percent in weights.items():
        assert abs(after[version] - before.get(version, 0) - 10 * percent) <= 2


def nine_invocations_each(world, demos, nr_aliases):
    """What a new weir makes of the first nine invocations of each alias at 95 and 5: how many of them version 2 had."""
    aliases = {f"a{i}": {"1": 95, "2": 5} for i in range(nr_aliases)}
    weir = world.weir(tables.table({"hello": tables.function(demos, aliases)}), workers=2)
    for alias in aliases:
        for _ in range(9):
            assert weir.invoke(f"hello:{alias}").status == 200
    metrics = weir.settled_metrics()
    counts = [int(metrics.value("weir_invocations_total", function="hello", alias=a, version="2") or 0) for a in aliases]
    weir.stop()
    return counts


def test_processes_that_live_for_nine_invocations_are_right_together(world):
    """Each order begins at a place of its own: a canary of 5 % has its share of many short lives, not nothing."""
    demos = demos_for(world, ["1", "2"])
    lives = [nine_invocations_each(world, demos, 20) for _ in range(10)]
    assert all(set(counts) <= {0, 1} for counts in lives), lives
    # 200 lives, in each of which version 2 is picked once with a probability of 45 %: mean 90, standard deviation 7; six
    # of them miss once in a billion runs. That five of ten processes begin alike happens less often.
    assert 90 - 6 * 7.04 < sum(map(sum, lives)) < 90 + 6 * 7.04, lives
    assert len(set(map(tuple, lives))) > 5, lives
