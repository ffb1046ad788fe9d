"""The split over a fleet: what all members have given together is published by each, exact once it is quiet, and within the bound that
the fleet tells; through kill -9, members that leave and members that come."""

import random
import shutil
import signal

import pytest
from harness import tables
from harness.fleet import Fleet
from harness.waiting import wait_until

pytestmark = pytest.mark.skipif(not shutil.which("etcd"), reason="etcd is not installed")

WEIGHTS = {"1": 90.5, "2": 9.5}


class Counted:
    """A fleet, and what the versions were given."""

    def __init__(self, world, weights, nr=3):
        self.demos = {version: world.demo(version) for version in weights}
        self.random = random.Random(1)
        self.weights = weights
        self.target = dict.fromkeys(weights, 0.0)
        self.fleet = Fleet(world, nr, document=tables.split(self.demos, weights))
        (self.function,) = self.fleet.document["functions"]
        self.alive = list(range(nr))

    def invoke(self, n, among=None):
        for _ in range(n):
            answer = self.fleet.members[self.random.choice(among or self.alive)].call()
            assert answer.status == 200
            for version, percent in self.weights.items():
                self.target[version] += percent / 100

    def split(self, i):
        aliases = self.fleet.page(i)["splits"].get(self.function, {})
        split = aliases.get("live")
        if split:
            assert max(abs(error) for error in split["error"].values()) <= split["bound"] + 1e-6, split
        return split

    def picks(self):
        return {version: demo.count()["requests"] for version, demo in self.demos.items()}

    def wait_until_told(self, among=None):
        """All members tell what was counted here; the bound."""
        picks = self.picks()

        def is_told():
            return all((self.split(i) or {}).get("picks") == picks for i in among or self.alive)

        wait_until(is_told, f"all members tell {picks}")
        for i in among or self.alive:
            split = self.split(i)
            assert split["invocations"] == sum(picks.values())
            for version, error in split["error"].items():
                assert abs(error - (self.target[version] - picks[version])) < 1e-5, (split, self.target)
        return split["bound"]

    def end(self, i, number):
        self.fleet.members[i].signal(number)
        self.fleet.members[i].wait()
        self.fleet.world.things.remove(self.fleet.members[i])
        self.alive.remove(i)

    def begin(self, i):
        self.fleet.members[i] = self.fleet.member(i)
        self.fleet.members[i].wait_until_ready()
        self.alive.append(i)

    def slots(self):
        return [self.fleet.page(i)["slot"] for i in self.alive]


def test_the_split_is_exact_over_all_members_through_kill_9_and_changes(world):
    counted = Counted(world, WEIGHTS)
    slots = counted.slots()
    counted.invoke(70)
    assert counted.wait_until_told() == pytest.approx(1.5)
    for i in (0, 2):
        counted.end(i, signal.SIGKILL)
        counted.invoke(20)
        counted.begin(i)
        counted.invoke(20)
    counted.alive.sort()
    assert counted.slots() == slots
    assert counted.wait_until_told() == pytest.approx(1.5)
    counted.weights = {"1": 60, "2": 40}
    answer = counted.fleet.members[1].admin(
        f"/functions/{counted.function}/aliases/live?wait=fleet", "PUT", b'{"weights": {"1": 60, "2": 40}}', [("Content-Type", "application/json")]
    )
    assert answer.status == 200, answer.body
    counted.fleet.wait_until_all_agree()
    counted.invoke(30)
    assert counted.wait_until_told() == pytest.approx(1.5)
    page, split = counted.fleet.members[0].metrics(), counted.split(0)
    labels = {"function": counted.function, "alias": "live"}
    assert page.value("weir_fleet_split_bound", **labels) == pytest.approx(split["bound"])
    for version, error in split["error"].items():
        assert page.value("weir_fleet_split_error", version=version, **labels) == pytest.approx(error, abs=1e-6)


def test_a_member_that_leaves_hands_its_errors_to_the_next_and_one_that_is_gone_stays_in_the_bound(world):
    counted = Counted(world, WEIGHTS)
    slots = counted.slots()
    counted.invoke(40)
    counted.end(1, signal.SIGTERM)
    counted.invoke(10)
    counted.wait_until_told()
    shutil.rmtree(counted.fleet.states[1])
    counted.fleet.states[1].mkdir()
    counted.begin(1)
    counted.alive.sort()
    assert counted.slots() == slots
    counted.invoke(40, [1])
    assert counted.wait_until_told() == pytest.approx(1.5)
    counted.end(1, signal.SIGKILL)
    shutil.rmtree(counted.fleet.states[1])
    counted.fleet.states[1].mkdir()
    counted.begin(1)  # a fourth slot: its window is 1/8, 7/8
    counted.invoke(40)
    assert counted.wait_until_told() == pytest.approx(4 - 1.625)


def test_three_versions_stay_within_three_quarters_of_the_members(world):
    counted = Counted(world, {"1": 90, "2": 6, "3": 4}, 2)
    counted.invoke(60)
    assert counted.wait_until_told() == pytest.approx(1.5)
