"""Splits over restarts: with a state folder the order goes on where it was, however weir ended, and each version is within one
invocation of its share over all lives together. What threads that are killed in the middle of a draw leave behind is t_split_kept's
matter; here no draw is in doubt when weir is killed, so every invocation counts."""

import random
import signal
from fractions import Fraction

import pytest
from harness import tables
from harness.places import scaled
from harness.waiting import wait_until

LIVES = scaled(20, 8)


class Lives:
    """weir after weir on one state folder."""

    def __init__(self, world, demos, state):
        self.world = world
        self.demos = demos
        self.state = state
        self.weir = None
        self.target = dict.fromkeys(demos, Fraction(0))

    def begin(self, weights, **alias):
        self.weights = weights
        self.weir = self.world.weir(tables.split(self.demos, weights, **alias), arguments=("--state", self.state), workers=3)

    def change(self, weights):
        self.weights = weights
        self.weir.must_reload(tables.split(self.demos, weights))

    def run(self, n, connections=4):
        load = self.world.load(self.weir, connections=connections)
        result = load.run(n)
        load.stop()
        assert result["failed"] == 0 and result["answers"] == n, result
        for version, percent in self.weights.items():
            self.target[version] += n * Fraction(str(percent)) / 100
        self.check()

    def check(self, within=1):
        """Each version had what all the weights that were ever in force gave it."""
        counts = {version: demo.count()["requests"] for version, demo in self.demos.items()}
        off = {version: float(counts[version] - self.target[version]) for version in counts}
        assert all(abs(error) < within for error in off.values()), off

    def end(self, number=signal.SIGKILL):
        self.weir.signal(number)
        self.weir.wait()
        self.world.things.remove(self.weir)


@pytest.fixture
def lives(world, tmp_path):
    state = tmp_path / "state"
    state.mkdir()
    return lambda versions: Lives(world, {v: world.demo(v) for v in versions}, state)


SIXTEEN = {str(i): percent for i, percent in enumerate([0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8.25, 9.75, 20, 21.5], 1)}


@pytest.mark.slow
@pytest.mark.parametrize(
    "weights",
    [{"1": 95, "2": 5}, {"1": 66.6666667, "2": 33.3333333}, {"1": 70, "2": 20, "3": 10}, SIXTEEN],
    ids=lambda weights: f"{len(weights)} versions, {weights['1']}",
)
def test_the_order_goes_on_after_each_kill(lives, weights):
    life = lives(weights)
    chance = random.Random(len(weights))
    for i in range(LIVES):
        life.begin(weights)
        life.run(chance.randrange(1, 120))
        if i % 3 == 0:
            life.run(chance.randrange(1, 2000), connections=8)
        life.end(signal.SIGTERM if i % 4 == 3 else signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.parametrize("versions", ["12", "123"], ids=["two versions", "three versions"])
def test_changes_of_weights_count_over_all_lives(lives, versions):
    """Within lives, and by an edit of the file while weir is down; a version may have no weight for a while, or leave."""
    life = lives(versions)
    chance = random.Random(len(versions))

    def weights():
        cuts = sorted(chance.randrange(0, 101) for _ in versions[1:])
        shares = [b - a for a, b in zip([0, *cuts], [*cuts, 100])]
        return {v: share for v, share in zip(versions, shares) if share > 0 or chance.random() < 0.5}

    for _ in range(LIVES):
        life.begin(weights())
        for _ in range(3):
            life.run(chance.randrange(1, 50))
            life.change(weights())
        life.run(chance.randrange(1, 50))
        life.end()


def test_invocations_that_run_when_weir_is_killed_are_counted(lives):
    """They were drawn and are with their endpoints; nobody hears the answers."""
    life = lives("12")
    weights = {"1": 75, "2": 25}
    life.begin(weights)
    life.run(7)
    before = sum(demo.count()["requests"] for demo in life.demos.values())
    connections = [life.weir.connect() for _ in range(6)]
    for connection in connections:
        connection.send_request(target="/?delay=20000")
    wait_until(lambda: sum(d.count()["requests"] for d in life.demos.values()) == before + 6, "all are with their endpoints")
    life.end()
    for version, percent in weights.items():
        life.target[version] += 6 * Fraction(percent) / 100
    life.begin(weights)
    life.run(50)


def test_a_restart_takes_no_notice_of_what_else_the_table_says(lives):
    """An alias with one version of weight remembers what the others are owed, and so does one that was never drawn from in a life."""
    life = lives("12")
    life.begin({"1": 90, "2": 10})
    life.run(13)
    life.end()
    life.begin({"1": 90, "2": 10})  # nothing is drawn
    life.end(signal.SIGTERM)
    life.begin({"2": 100})
    life.run(3)
    life.end()
    life.begin({"2": 100})
    life.change({"1": 60, "2": 40})
    life.run(1)
    life.run(9)
    life.end()
    life.begin({"1": 60, "2": 40})
    life.run(7)


def test_a_damaged_file_ends_the_start_and_is_left_alone(lives, world):
    life = lives("12")
    life.begin({"1": 90, "2": 10})
    life.run(13)
    life.end()
    splits = life.state / "splits"
    content = bytearray(splits.read_bytes())
    content[content.index(b"desu") + 20] ^= 0xFF  # behind the word that says that an entry is used
    splits.write_bytes(content)
    weir = world.weir(tables.split(life.demos, {"1": 90, "2": 10}), arguments=("--state", life.state), wait=False)
    assert weir.wait() == 1
    assert f"{splits} cannot be used: it is damaged" in weir.stderr()
    world.things.remove(weir)
    assert splits.read_bytes() == bytes(content)
    splits.unlink()
    life.begin({"1": 90, "2": 10})


def test_an_alias_that_left_the_table_is_forgotten(lives):
    life = lives("12")
    life.begin({"1": 90, "2": 10})
    life.run(13)
    life.weir.must_reload(tables.split(life.demos, {"1": 100}))
    table = tables.split(life.demos, {"1": 50, "2": 50})
    table["functions"]["hello"]["aliases"] = {"other": {"weights": {"1": 100}}}
    table["routes"] = []
    life.weir.must_reload(table)
    life.end(signal.SIGTERM)
    assert (life.state / "splits").stat().st_size == 1 << 20


def test_the_file_grows_with_the_aliases_that_are_drawn_from(lives, world):
    """Each of many aliases at 50 and 50 runs one version in the first life and the other in the second."""
    life = lives("12")
    names = [f"a{i}" for i in range(2200)]
    table = tables.table({"hello": tables.function(life.demos, {name: {"1": 50, "2": 50} for name in names})})
    splits = life.state / "splits"

    def invoke_all():
        weir = world.weir(table, arguments=("--state", life.state))
        with weir.connect() as connection:
            versions = []
            for name in names:
                connection.send_request("POST", f"/2015-03-31/functions/hello:{name}/invocations", body=b"{}")
                versions.append(connection.read_answer("POST").headers["x-amz-executed-version"])
        wait_until(lambda: splits.stat().st_size > 1 << 20, "the file has grown")
        weir.signal(signal.SIGKILL)
        weir.wait()
        world.things.remove(weir)
        return versions

    first, second = invoke_all(), invoke_all()
    assert all({a, b} == {"1", "2"} for a, b in zip(first, second))
